/* SPDX-License-Identifier: Apache-2.0 */
/* The admin in a process of its own, with this test as its supervisor. */
#include "proc/admin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/plan.h"
#include "io/report.h"
#include "proc/cmd.h"
#include "proc/message.h"
#include "unit.h"

enum { PATIENCE_MS = 10000, TAKES = 200, KEPT = 100 };

struct stage {
    char dir[64];
    int control, wake;
    pid_t pid;
    struct sp_plan *plan;
    int report_fd;
    struct sp_report *report;
};

/* What main.c has. */
int sp_complain(int status, const char *fmt, ...)
{
    (void)fmt;
    return status;
}

/* ---- the stage ---- */

static void in_dir(const struct stage *s, const char *name, char *ret, size_t n)
{
    assert_true(snprintf(ret, n, "%s/%s", s->dir, name) < (int)n);
}

static void write_to(struct stage *s, unsigned i, const char *name)
{
    s->plan->outputs[i].kind = SP_OUTPUT_FILE;
    in_dir(s, name, s->plan->outputs[i].path, SP_PLAN_PATH);
    s->plan->noutputs = i + 1;
}

static int plan_fd(const struct stage *s)
{
    int fd = memfd_create("plan", MFD_CLOEXEC);
    assert_int_equal(write(fd, s->plan, sizeof *s->plan), sizeof *s->plan);
    return fd;
}

static void say(const struct stage *s, enum sp_message_kind kind, struct sp_span body, int fd)
{
    assert_int_equal(sp_message_send(s->control, kind, body, &fd, fd >= 0), 0);
}

static void hear(const struct stage *s, enum sp_message_kind kind, void *ret, size_t n)
{
    static uint8_t buffer[SP_MESSAGE_MAX];
    struct sp_message m;
    struct pollfd p = {s->control, POLLIN, 0};
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    assert_int_equal(sp_message_receive(s->control, buffer, &m), 1);
    assert_int_equal(m.kind, kind);
    assert_int_equal(m.body.n, n);
    memcpy(ret, m.body.p, n);
}

static int hear_done(const struct stage *s, enum sp_message_kind kind)
{
    struct sp_tell_done done;
    hear(s, SP_ADMIN_DONE, &done, sizeof done);
    assert_int_equal(done.kind, kind);
    return done.error;
}

static void raise_curtain(struct stage *s)
{
    int pair[2], fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    s->control = pair[0];
    s->wake = eventfd(0, EFD_CLOEXEC);
    s->pid = fork();
    if (s->pid == 0) {
        close(pair[0]);
        _exit(sp_admin_main(pair[1]));
    }
    close(pair[1]);
    fds[0] = plan_fd(s);
    fds[1] = s->wake;
    assert_int_equal(sp_message_send(s->control, SP_ADMIN_START, SP_LIT(""), fds, 2), 0);
    close(fds[0]);
    assert_int_equal(hear_done(s, SP_ADMIN_START), 0);
    struct sp_say_report which = {3};
    say(s, SP_ADMIN_REPORT, sp_span_of(&which, sizeof which), s->report_fd);
}

static int set_up(void **state)
{
    struct stage *s = calloc(1, sizeof *s);
    memcpy(s->dir, "/tmp/sallyport-admin-XXXXXX", 28);
    assert_non_null(mkdtemp(s->dir));
    s->plan = calloc(1, sizeof *s->plan);
    *s->plan = (struct sp_plan){.magic = SP_PLAN_MAGIC, .size = sizeof *s->plan, .workers = 1, .memory = 1 << 20, .connections = 1,
                                .uid = SP_PLAN_STARTER, .gid = SP_PLAN_STARTER, .user = "x"};
    memcpy(s->plan->runtime, s->dir, sizeof s->dir);
    in_dir(s, "crashes", s->plan->crashes, SP_PLAN_PATH);
    write_to(s, 0, "events");
    assert_int_equal(sp_report_new(&s->report_fd), 0);
    assert_int_equal(sp_report_map(s->report_fd, &s->report), 0);
    raise_curtain(s);
    *state = s;
    return 0;
}

static int ended(struct stage *s)
{
    int status;
    close(s->control);
    assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
    return status;
}

static int tear_down(void **state)
{
    struct stage *s = *state;
    char command[96];
    (void)snprintf(command, sizeof command, "rm -rf %s", s->dir);
    assert_int_equal(system(command), 0);
    sp_report_unmap(s->report);
    close(s->report_fd);
    close(s->wake);
    free(s->plan);
    free(s);
    return 0;
}

static void ring(const struct stage *s)
{
    uint64_t one = 1;
    assert_int_equal(write(s->wake, &one, sizeof one), sizeof one);
}

static size_t size_of(const struct stage *s, const char *name)
{
    char path[SP_PLAN_PATH];
    struct stat st;
    in_dir(s, name, path, sizeof path);
    return stat(path, &st) == 0 ? (size_t)st.st_size : 0;
}

static void until_size(const struct stage *s, const char *name, size_t n)
{
    for (unsigned i = 0; i < PATIENCE_MS && size_of(s, name) < n; i++)
        usleep(1000);
    assert_int_equal(size_of(s, name), n);
}

static void stop(struct stage *s)
{
    say(s, SP_ADMIN_STOP, SP_LIT(""), -1);
    assert_int_equal(hear_done(s, SP_ADMIN_STOP), 0);
    assert_int_equal(ended(s), 0);
}

/* ---- events ---- */

static void lines_come_from_reports_and_from_the_supervisor(void **state)
{
    struct stage *s = *state;
    bool wake;
    assert_true(sp_report_line(s->report, SP_LIT("one\n"), &wake));
    ring(s);
    until_size(s, "events", 4);
    say(s, SP_ADMIN_LINE, SP_LIT("two\n"), -1);
    until_size(s, "events", 8);
    stop(s);
}

static void at_the_end_everything_is_read(void **state)
{
    struct stage *s = *state;
    static uint8_t line[100 << 10]; /* two of them in what is read at once: more pieces than the ring's size says */
    size_t n = 0;
    bool wake;
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    kill(s->pid, SIGSTOP);
    while (sp_report_line(s->report, sp_span_of(line, sizeof line), &wake))
        n += sizeof line;
    say(s, SP_ADMIN_STOP, SP_LIT(""), -1);
    kill(s->pid, SIGTERM); /* to whom the whole group is ended is none of its business */
    kill(s->pid, SIGCONT);
    assert_int_equal(hear_done(s, SP_ADMIN_STOP), 0);
    assert_int_equal(ended(s), 0);
    assert_in_range(size_of(s, "events"), n, n + 256); /* and the one that found no room is told */
}

static void a_damaged_report_is_told(void **state)
{
    struct stage *s = *state;
    struct sp_say_report which;
    bool wake;
    assert_true(sp_report_line(s->report, SP_LIT("no newline"), &wake));
    ring(s);
    hear(s, SP_ADMIN_DAMAGED, &which, sizeof which);
    assert_int_equal(which.slot, 3);
    assert_true(sp_report_line(s->report, SP_LIT("whole\n"), &wake));
    ring(s);
    until_size(s, "events", 6);
    stop(s);
}

static void without_a_supervisor_reports_are_left_to_the_next(void **state)
{
    struct stage *s = *state;
    uint8_t chunk[SP_REPORT_LINE_MAX];
    uint64_t lost;
    bool wake;
    kill(s->pid, SIGSTOP);
    assert_true(sp_report_line(s->report, SP_LIT("one\n"), &wake));
    ring(s);
    close(s->control);
    kill(s->pid, SIGCONT);
    int status;
    assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
    assert_int_equal(status, 0);
    assert_int_equal(sp_report_take(s->report, chunk, sizeof chunk, &lost), 4);
}

/* ---- plans ---- */

static int take(struct stage *s)
{
    int fd = plan_fd(s);
    say(s, SP_ADMIN_TAKE, SP_LIT(""), fd);
    close(fd);
    return hear_done(s, SP_ADMIN_TAKE);
}

static void another_plan_changes_the_outputs_or_nothing(void **state)
{
    struct stage *s = *state;
    write_to(s, 1, "more");
    assert_int_equal(take(s), 0);
    say(s, SP_ADMIN_LINE, SP_LIT("one\n"), -1);
    until_size(s, "events", 4);
    until_size(s, "more", 4);
    write_to(s, 0, "none/none");
    assert_int_not_equal(take(s), 0);
    say(s, SP_ADMIN_LINE, SP_LIT("two\n"), -1);
    until_size(s, "events", 8);
    write_to(s, 0, "more");
    assert_int_equal(take(s), 0);
    say(s, SP_ADMIN_LINE, SP_LIT("three\n"), -1);
    until_size(s, "more", 14);
    stop(s);
    assert_int_equal(size_of(s, "events"), 8);
}

static unsigned long pages(pid_t pid)
{
    char path[64];
    unsigned long n = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lu", &n), 1);
    (void)fclose(f);
    return n;
}

static void many_plans_need_no_more_memory(void **state)
{
    struct stage *s = *state;
    assert_int_equal(take(s), 0);
    unsigned long before = pages(s->pid);
    for (unsigned i = 0; i < TAKES; i++)
        assert_int_equal(take(s), 0);
    assert_int_equal(pages(s->pid), before);
    stop(s);
}

/* ---- crash files ---- */

static void capture(const struct stage *s, const char *text)
{
    struct sp_tell_death death = {.slot = 3, .has_capture = 1};
    int fd = memfd_create("capture", MFD_CLOEXEC);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    say(s, SP_ADMIN_CAPTURE, sp_span_of(&death, sizeof death), fd);
    close(fd);
}

/* How many crash files there are; the last one's name in `ret`. */
static unsigned crash_files(const struct stage *s, char ret[256])
{
    struct dirent **names;
    unsigned found = 0;
    int n = scandir(s->plan->crashes, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        size_t length = strlen(names[i]->d_name);
        if (length > 5 && strcmp(names[i]->d_name + length - 5, ".pcap") == 0) {
            found++;
            memcpy(ret, names[i]->d_name, length + 1);
        }
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    return found;
}

static void a_flood_of_crashes_leaves_one_file(void **state)
{
    struct stage *s = *state;
    char name[256], path[SP_PLAN_PATH + 300];
    struct stat st;
    for (unsigned i = 0; i < 50; i++)
        capture(s, "capture");
    stop(s);
    assert_int_equal(crash_files(s, name), 1);
    unsigned day, second, slot, number;
    assert_int_equal(sscanf(name, "crash-%8uT%6uZ-%u-%u.pcap", &day, &second, &slot, &number), 4);
    assert_int_equal(slot, 3);
    (void)snprintf(path, sizeof path, "%s/%s", s->plan->crashes, name);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, 7);
}

static void touch(const struct stage *s, const char *name)
{
    char path[SP_PLAN_PATH + 64];
    (void)snprintf(path, sizeof path, "%s/%s", s->plan->crashes, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static void the_oldest_go_and_other_files_stay(void **state)
{
    struct stage *s = *state;
    char name[256], path[SP_PLAN_PATH + 64];
    touch(s, "crash-notes.txt");
    for (unsigned i = 0; i < KEPT + 30; i++) {
        (void)snprintf(name, sizeof name, "crash-20200101T%06uZ-0-1.pcap", i);
        touch(s, name);
    }
    capture(s, "capture");
    stop(s);
    assert_int_equal(crash_files(s, name), KEPT);
    assert_int_not_equal(strncmp(name, "crash-2020", 10), 0);
    (void)snprintf(path, sizeof path, "%s/crash-20200101T000030Z-0-1.pcap", s->plan->crashes);
    assert_int_not_equal(access(path, F_OK), 0);
    (void)snprintf(path, sizeof path, "%s/crash-20200101T000031Z-0-1.pcap", s->plan->crashes);
    assert_int_equal(access(path, F_OK), 0);
    (void)snprintf(path, sizeof path, "%s/crash-notes.txt", s->plan->crashes);
    assert_int_equal(access(path, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_come_from_reports_and_from_the_supervisor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(at_the_end_everything_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_report_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_supervisor_reports_are_left_to_the_next, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_plan_changes_the_outputs_or_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_plans_need_no_more_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_flood_of_crashes_leaves_one_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_oldest_go_and_other_files_stay, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
