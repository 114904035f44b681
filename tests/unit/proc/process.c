/* SPDX-License-Identifier: Apache-2.0 */
/* The table of processes: whoever says what it may not is not heard, and nothing that came with it stays open. */
#include "proc/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc/runtime.h"
#include "unit.h"

static uint8_t buffer[SP_MESSAGE_MAX];

static void every_process_has_a_name(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SP_ROLES; i++) {
        assert_non_null(sp_processes[i].name);
        assert_non_null(sp_processes[i].does);
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(sp_processes[i].name, sp_processes[k].name);
    }
}

static void what_sees_traffic_or_reads_files_is_confined(void **state)
{
    (void)state;
    const enum sp_role roles[] = {SP_ROLE_COMPILER, SP_ROLE_KEEPER, SP_ROLE_WORKER, SP_ROLE_ADMIN};
    for (unsigned i = 0; i < 4; i++)
        assert_non_null(sp_processes[roles[i]].sandbox);
    assert_false(sp_processes[SP_ROLE_WORKER].root);
    assert_false(sp_processes[SP_ROLE_ADMIN].root);
}

/* No process may say a kind that is for its own kind of answer only: requests and answers have different senders. */
static void nobody_gives_orders_but_the_supervisor(void **state)
{
    (void)state;
    for (uint32_t kind = 0; kind < 300; kind++)
        for (unsigned from = 0; from < SP_ROLES; from++)
            for (unsigned to = 0; to < SP_ROLES; to++)
                if (sp_process_may((enum sp_role)from, (enum sp_role)to, kind))
                    assert_true((from == SP_ROLE_SUPERVISOR) != (to == SP_ROLE_SUPERVISOR));
    assert_true(sp_process_may(SP_ROLE_SUPERVISOR, SP_ROLE_KEEPER, SP_SAY_START));
    assert_true(sp_process_may(SP_ROLE_USER, SP_ROLE_SUPERVISOR, SP_ASK_RELOAD));
    assert_false(sp_process_may(SP_ROLE_USER, SP_ROLE_SUPERVISOR, SP_ANSWER));
    assert_false(sp_process_may(SP_ROLE_USER, SP_ROLE_SUPERVISOR, SP_TELL_SELF));
    assert_false(sp_process_may(SP_ROLE_KEEPER, SP_ROLE_SUPERVISOR, SP_TELL_COMPILED));
    assert_false(sp_process_may(SP_ROLE_WORKER, SP_ROLE_SUPERVISOR, SP_TELL_DEATH));
    assert_false(sp_process_may(SP_ROLE_SUPERVISOR, SP_ROLE_WORKER, SP_SAY_UPGRADE));
}

static void what_may_not_be_said_is_not_heard(void **state)
{
    (void)state;
    int fd[2];
    struct sp_message m;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
    int lowest = dup(STDERR_FILENO), fds[2] = {STDERR_FILENO, STDERR_FILENO};
    close(lowest);
    assert_int_equal(sp_message_send(fd[0], SP_TELL_COMPILED, sp_span_of(NULL, 0), fds, 2), 0);
    assert_int_equal(sp_process_hear(fd[1], SP_ROLE_USER, SP_ROLE_SUPERVISOR, buffer, &m), -EPROTO);
    int again = dup(STDERR_FILENO);
    assert_int_equal(again, lowest);
    close(again);
    assert_int_equal(sp_message_send(fd[0], SP_ASK_STATUS, sp_span_of(NULL, 0), NULL, 0), 0);
    assert_int_equal(sp_process_hear(fd[1], SP_ROLE_USER, SP_ROLE_SUPERVISOR, buffer, &m), 1);
    assert_int_equal(m.kind, SP_ASK_STATUS);
    assert_true(sp_process_trusts(fd[1]));
    close(fd[0]);
    assert_int_equal(sp_process_hear(fd[1], SP_ROLE_USER, SP_ROLE_SUPERVISOR, buffer, &m), 0);
    close(fd[1]);
}

/* ---- the runtime directory ---- */

static void scratch(char *path)
{
    strcpy(path, "/tmp/sallyport-unit-XXXXXX");
    assert_non_null(mkdtemp(path));
}

static void a_directory_is_made_with_what_leads_to_it(void **state)
{
    (void)state;
    char top[64], path[128];
    struct stat st;
    scratch(top);
    (void)snprintf(path, sizeof path, "%s/a/b/127.0.0.1:80", top);
    assert_int_equal(sp_runtime_find(path), -ENOENT);
    int dir = sp_runtime_open(path);
    assert_true(dir >= 0);
    assert_int_equal(fstat(dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    close(dir);
    assert_int_equal(chmod(path, 0770), 0);
    assert_int_equal(sp_runtime_open(path), -EPERM);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(symlink(top, path), 0);
    assert_true(sp_runtime_open(path) < 0);
}

static void one_holds_it_and_sockets_are_reached_in_it(void **state)
{
    (void)state;
    char top[64];
    scratch(top);
    int dir = sp_runtime_open(top), lock = sp_runtime_lock(dir);
    assert_true(lock >= 0);
    assert_int_equal(sp_runtime_lock(dir), -EWOULDBLOCK);
    assert_int_equal(sp_runtime_connect(dir, SP_RUNTIME_CONTROL, 0), -ENOENT);
    int door = sp_runtime_listen(dir, SP_RUNTIME_CONTROL);
    assert_true(door >= 0);
    int fd = sp_runtime_connect(dir, SP_RUNTIME_CONTROL, 0);
    assert_true(fd >= 0);
    close(fd);
    close(door);
    assert_int_equal(sp_runtime_connect(dir, SP_RUNTIME_CONTROL, 0), -ECONNREFUSED);
    door = sp_runtime_listen(dir, SP_RUNTIME_CONTROL); /* what is left of one before is no hindrance */
    assert_true(door >= 0);
    close(door);
    close(lock);
    sp_runtime_clear(dir);
    close(dir);
    assert_int_equal(rmdir(top), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_process_has_a_name),
        cmocka_unit_test(what_sees_traffic_or_reads_files_is_confined),
        cmocka_unit_test(nobody_gives_orders_but_the_supervisor),
        cmocka_unit_test(what_may_not_be_said_is_not_heard),
        cmocka_unit_test(a_directory_is_made_with_what_leads_to_it),
        cmocka_unit_test(one_holds_it_and_sockets_are_reached_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
