/* SPDX-License-Identifier: Apache-2.0 */
/* admin: the process that writes: events of all workers to the outputs, and what was under the hand of a worker that died to crash files. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/event_writer.h"
#include "proc/admin.h"
#include "proc/cmd.h"
#include "proc/process.h"
#include "proc/shapes.h"

enum admin_limits {
    STOP_MS = 2000,        /* how long outputs may take to finish when we end */
    STOP_SLICE_MS = 100,   /* how often that is looked at */
    CRASHES_MAX = 100,     /* files kept; the oldest go */
    CRASH_EVERY_MS = 1000, /* a flood of crashes is one story */
    CRASH_BYTES = 80 << 20,
    NAME_MAX_BYTES = 64,
    LINE_ARENA = 1 << 20,  /* what is read out of one line about a statement */
};

struct admin {
    int control, wake;
    const struct sp_plan *plan;
    size_t plan_size;      /* as it is mapped */
    struct sp_event_writer *writer;
    struct sp_store *store; /* NULL: nothing is learned */
    bool storing, unstored; /* something of this turn has been written to it; it failed, which was said */
    int crashes;           /* the directory; -1: none are kept */
    uint64_t crash_ms, stop_ms;
    unsigned ncrashes, unkept;
    struct sp_arena arena;
    bool stopping;
    bool orphaned;         /* the supervisor is gone: another one, with an admin of its own, may be there already */
};

static uint64_t now_ms(void)
{
    return sp_clock_mono_ns() / 1000000;
}

/* ---- crash files ---- */

/* "crash-YYYYmmddTHHMMSSZ-SLOT-N.pcap": a user's own files stay. */
static int is_crash(const struct dirent *d)
{
    unsigned day, second, slot, n;
    int end = 0;
    return sscanf(d->d_name, "crash-%8uT%6uZ-%u-%u.pcap%n", &day, &second, &slot, &n, &end) == 4 && end > 0 && d->d_name[end] == 0;
}

/* Names begin with the time: the first are the oldest. */
static void drop_oldest(int dir)
{
    struct dirent **names;
    int n = scandirat(dir, ".", &names, is_crash, alphasort);
    for (int i = 0; i < n; i++) {
        if (i + CRASHES_MAX <= n)
            (void)unlinkat(dir, names[i]->d_name, 0); /* one more or less */
        free(names[i]);
    }
    if (n >= 0)
        free(names);
}

static int copy_file(int from, int to)
{
    struct stat st;
    if (fstat(from, &st) < 0 || st.st_size > CRASH_BYTES)
        return -EFBIG;
    off_t at = 0;
    while (at < st.st_size) {
        ssize_t n = sendfile(to, from, &at, (size_t)(st.st_size - at));
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
    }
    return 0;
}

static int crash_write(const struct admin *a, const char *name, int capture)
{
    int to = openat(a->crashes, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (to < 0)
        return -errno;
    int rc = copy_file(capture, to);
    close(to);
    if (rc < 0)
        (void)unlinkat(a->crashes, name, 0);
    return rc;
}

static void crash_keep(struct admin *a, const struct sp_tell_death *death, int capture)
{
    char name[NAME_MAX_BYTES], when[32];
    time_t t = (time_t)(sp_clock_real_us() / 1000000);
    struct tm tm;
    if (a->crashes < 0)
        return;
    if (a->crash_ms && now_ms() - a->crash_ms < CRASH_EVERY_MS) {
        a->unkept++;
        return;
    }
    a->crash_ms = now_ms();
    (void)strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", gmtime_r(&t, &tm));
    (void)snprintf(name, sizeof name, "crash-%s-%u-%u.pcap", when, death->slot, ++a->ncrashes);
    drop_oldest(a->crashes);
    int rc = crash_write(a, name, capture);
    if (rc < 0)
        sp_log(SP_LOG_ERROR, "cannot keep what crashed worker %u in %s/%s: %s", death->slot, a->plan->crashes, name, strerror(-rc));
    else
        sp_log(SP_LOG_WARN, "what crashed worker %u is in %s/%s; sallyport replay takes it", death->slot, a->plan->crashes, name);
    if (a->unkept)
        sp_log(SP_LOG_WARN, "of crashes before it %u left no file: at most one is kept every %d ms", a->unkept, CRASH_EVERY_MS);
    a->unkept = 0;
}

/* ---- plans ---- */

static const struct sp_plan *map_plan(int fd, size_t *ret_size)
{
    struct stat st;
    const struct sp_plan *plan;
    if (fstat(fd, &st) < 0 || st.st_size <= 0)
        return NULL;
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return NULL;
    if (sp_plan_verify(p, (size_t)st.st_size, &plan) < 0) {
        munmap(p, (size_t)st.st_size);
        return NULL;
    }
    *ret_size = (size_t)st.st_size;
    return plan;
}

static void unmap_plan(const struct sp_plan *plan, size_t size)
{
    if (plan)
        munmap((void *)(uintptr_t)plan, size);
}

static int open_outputs(struct admin *a, const struct sp_plan *plan)
{
    unsigned which = 0;
    int err = sp_event_writer_outputs(a->writer, plan, &which);
    if (err)
        sp_log(SP_LOG_ERROR, "cannot write events to %s: %s", plan->outputs[which].path, strerror(-err));
    return err;
}

static void open_crashes(struct admin *a, const struct sp_plan *plan)
{
    a->crashes = -1;
    if (!plan->crashes[0])
        return;
    (void)mkdir(plan->crashes, 0700); /* opening tells whether it is there */
    a->crashes = open(plan->crashes, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (a->crashes < 0)
        sp_log(SP_LOG_WARN, "crash files cannot be kept in %s: %s", plan->crashes, strerror(errno));
}

/* ---- what is learned ---- */

static void store_failed(struct admin *a)
{
    if (!a->unstored)
        sp_log(SP_LOG_ERROR, "what is learned cannot be written to %s: %s", a->plan->store, sp_store_why(a->store));
    a->unstored = true;
}

static void learned(void *ctx, struct sp_span line)
{
    struct admin *a = ctx;
    struct sp_shape shape;
    sp_arena_reset(&a->arena);
    if (!a->store || !sp_shape_read(line, &a->arena, &shape))
        return;
    if (!a->storing && sp_store_begin(a->store) < 0) {
        store_failed(a);
        return;
    }
    a->storing = true;
    if (sp_store_saw(a->store, &shape) < 0)
        store_failed(a);
}

static void store_turn(struct admin *a)
{
    if (!a->storing)
        return;
    a->storing = false;
    if (sp_store_commit(a->store) < 0)
        store_failed(a);
    else
        a->unstored = false;
}

static void open_store(struct admin *a, const struct sp_plan *plan)
{
    char why[SP_STORE_WHY];
    sp_store_close(a->store);
    a->store = NULL;
    if (plan->store[0] && sp_store_open(plan->store, true, why, &a->store) < 0)
        sp_log(SP_LOG_ERROR, "nothing is learned: cannot open %s: %s", plan->store, why);
}

/* ---- what the supervisor says ---- */

static int done(const struct admin *a, enum sp_message_kind kind, int error)
{
    struct sp_tell_done d = {.kind = kind, .error = error};
    return sp_message_send(a->control, SP_ADMIN_DONE, sp_span_of(&d, sizeof d), NULL, 0);
}

static void add_report(struct admin *a, const struct sp_message *m)
{
    struct sp_say_report say;
    struct sp_report *r = NULL;
    memcpy(&say, m->body.p, sizeof say);
    int rc = sp_report_map(m->fds[0], &r);
    if (rc == 0)
        rc = sp_event_writer_report(a->writer, say.slot, r);
    if (rc == 0)
        return;
    sp_log(SP_LOG_ERROR, "events of worker %u will be missing: %s", say.slot, strerror(-rc));
    if (r)
        sp_report_unmap(r);
}

static void take_plan(struct admin *a, int fd)
{
    size_t size = 0;
    const struct sp_plan *plan = map_plan(fd, &size);
    int rc = plan ? open_outputs(a, plan) : -EINVAL;
    if (rc == 0) {
        if (strcmp(plan->store, a->plan->store) != 0)
            open_store(a, plan);
        unmap_plan(a->plan, a->plan_size);
        a->plan = plan;
        a->plan_size = size;
    } else
        unmap_plan(plan, size);
    if (done(a, SP_ADMIN_TAKE, rc) < 0)
        a->orphaned = true;
}

static void tell_damaged(struct admin *a)
{
    struct sp_say_report say;
    while (sp_event_writer_damaged(a->writer, &say.slot)) {
        int rc = sp_message_send(a->control, SP_ADMIN_DAMAGED, sp_span_of(&say, sizeof say), NULL, 0);
        if (rc < 0)
            sp_log(SP_LOG_ERROR, "events: worker %u left a damaged report; the supervisor was not told: %s", say.slot, strerror(-rc));
    }
}

static void begin_to_stop(struct admin *a)
{
    a->stopping = true;
    a->stop_ms = now_ms() + STOP_MS;
}

static void obey(struct admin *a, const struct sp_message *m)
{
    struct sp_tell_death death;
    switch (m->kind) {
    case SP_ADMIN_REPORT:
        add_report(a, m);
        break;
    case SP_ADMIN_TAKE:
        take_plan(a, m->fds[0]);
        break;
    case SP_ADMIN_CAPTURE:
        memcpy(&death, m->body.p, sizeof death);
        crash_keep(a, &death, m->fds[0]);
        break;
    case SP_ADMIN_LINE:
        sp_event_writer_line(a->writer, m->body);
        break;
    case SP_ADMIN_REOPEN:
        sp_event_writer_reopen(a->writer);
        break;
    case SP_ADMIN_STOP:
        begin_to_stop(a);
        break;
    default:
        break;
    }
}

/* One message. False: nothing more is there, or will be. */
static bool hear(struct admin *a)
{
    static uint8_t buffer[SP_MESSAGE_MAX];
    struct sp_message m;
    int rc = sp_process_hear(a->control, SP_ROLE_SUPERVISOR, SP_ROLE_ADMIN, buffer, &m);
    if (rc == 1) {
        obey(a, &m);
        sp_message_close_fds(&m);
        return true;
    }
    a->orphaned |= rc != -EAGAIN;
    return false;
}

/* ---- the loop ---- */

static void wait_for_work(struct admin *a)
{
    struct pollfd polls[SP_WRITER_POLLS + 2];
    int ms;
    unsigned n = sp_event_writer_wait(a->writer, polls, &ms);
    if (a->stopping)
        ms = ms < 0 || ms > STOP_SLICE_MS ? STOP_SLICE_MS : ms;
    polls[n] = (struct pollfd){.fd = a->orphaned ? -1 : a->wake, .events = POLLIN};
    polls[n + 1] = (struct pollfd){.fd = a->orphaned ? -1 : a->control, .events = POLLIN};
    if (poll(polls, n + 2, ms) <= 0)
        return;
    uint64_t ignored;
    if (polls[n].revents && read(a->wake, &ignored, sizeof ignored) < 0 && errno != EAGAIN)
        sp_log(SP_LOG_ERROR, "events: %s", strerror(errno));
}

static void turn(struct admin *a)
{
    while (!a->orphaned && hear(a))
        ;
    if (a->orphaned && !a->stopping)
        begin_to_stop(a);
    if (a->orphaned)
        sp_event_writer_flush(a->writer);
    else
        sp_event_writer_turn(a->writer);
    store_turn(a);
    tell_damaged(a);
}

static void serve(struct admin *a)
{
    for (turn(a); !a->stopping || (!sp_event_writer_done(a->writer) && now_ms() < a->stop_ms); turn(a))
        wait_for_work(a);
    sp_event_writer_settle(a->writer);
}

/* The first message: what to write, and where. */
static int begin(struct admin *a)
{
    static uint8_t buffer[SP_MESSAGE_MAX];
    struct sp_message m;
    int rc = sp_process_hear(a->control, SP_ROLE_SUPERVISOR, SP_ROLE_ADMIN, buffer, &m);
    if (rc != 1 || m.kind != SP_ADMIN_START)
        return sp_complain(SP_EXIT_RUNTIME, "the admin was not told what to do");
    a->plan = map_plan(m.fds[0], &a->plan_size);
    a->wake = m.fds[1];
    if (!a->plan || sp_event_writer_new(&a->writer) < 0)
        return sp_complain(SP_EXIT_RUNTIME, "the admin cannot begin");
    if (open_outputs(a, a->plan) < 0)
        return SP_EXIT_RUNTIME;
    open_crashes(a, a->plan);
    if (sp_arena_init(&a->arena, LINE_ARENA) < 0)
        return sp_complain(SP_EXIT_RUNTIME, "out of memory");
    sp_event_writer_learned(a->writer, learned, a);
    return SP_EXIT_OK;
}

/* The supervisor says when we end, whoever signals the whole group. */
static void ignore_signals(void)
{
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
}

int sp_admin_main(int control)
{
    struct admin a = {.control = control};
    ignore_signals();
    int status = begin(&a);
    if (status)
        return status;
    int rc = sp_process_confine(SP_ROLE_ADMIN, a.plan);
    if (rc < 0)
        return sp_complain(SP_EXIT_RUNTIME, "the admin cannot be confined: %s", strerror(-rc));
    open_store(&a, a.plan); /* as whoever writes to it */
    (void)fcntl(control, F_SETFL, O_NONBLOCK); /* from here on both are waited for */
    (void)fcntl(a.wake, F_SETFL, O_NONBLOCK);
    if (done(&a, SP_ADMIN_START, 0) < 0)
        return SP_EXIT_RUNTIME;
    serve(&a);
    if (!a.orphaned)
        (void)done(&a, SP_ADMIN_STOP, 0); /* it sees our end too */
    sp_event_writer_free(a.writer);
    sp_store_close(a.store);
    return SP_EXIT_OK;
}
