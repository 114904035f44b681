/* SPDX-License-Identifier: Apache-2.0 */
/* Against a service manager that is a datagram socket of the test's own. */
#include "proc/notify.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

enum { FIRST = 3, /* number of the first descriptor that is handed on */ MANY = 150 };

static int manager = -1;

static int start_manager(void **state)
{
    (void)state;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char name[64];
    int n = snprintf(name, sizeof name, "@sallyport-unit-notify-%d", (int)getpid());
    memcpy(a.sun_path + 1, name + 1, (size_t)n - 1);
    manager = socket(AF_UNIX, SOCK_DGRAM, 0);
    setenv("NOTIFY_SOCKET", name, 1);
    return bind(manager, (const struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n));
}

static int stop_manager(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    return close(manager);
}

/* What was told next, and the descriptors that came with it (closed at once, but for the first); "" for nothing. */
static const char *told(int *ret_fd, unsigned *ret_nfds)
{
    static char text[512];
    static union {
        struct cmsghdr align;
        char room[CMSG_SPACE(256 * sizeof(int))];
    } control;
    struct iovec io = {text, sizeof text - 1};
    struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(manager, &m, MSG_DONTWAIT);
    text[n > 0 ? n : 0] = '\0';
    *ret_nfds = 0;
    *ret_fd = -1;
    for (struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
        for (size_t at = 0; c->cmsg_type == SCM_RIGHTS && at < c->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + at, sizeof fd);
            if ((*ret_nfds)++ == 0)
                *ret_fd = fd;
            else
                close(fd);
        }
    return text;
}

static const char *said(void)
{
    int fd;
    unsigned nfds;
    const char *text = told(&fd, &nfds);
    assert_int_equal(nfds, 0);
    return text;
}

static int a_listener(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static bool same_socket(int a, int b)
{
    struct stat x, y;
    return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino;
}

static void states_are_told(void **state)
{
    (void)state;
    sp_notify_ready();
    assert_string_equal(said(), "READY=1");
    sp_notify_reloading();
    unsigned long long usec;
    assert_int_equal(sscanf(said(), "RELOADING=1\nMONOTONIC_USEC=%llu", &usec), 1);
    assert_true(usec > 0);
    sp_notify_stopping();
    assert_string_equal(said(), "STOPPING=1");
}

static void being_alive_is_told_now_and_then(void **state)
{
    (void)state;
    unsigned n = 0;
    for (unsigned i = 0; i < 1000; i++)
        sp_notify_watchdog();
    while (strcmp(said(), "WATCHDOG=1") == 0)
        n++;
    assert_in_range(n, 1, 10);
    usleep(150000);
    sp_notify_watchdog();
    assert_string_equal(said(), "WATCHDOG=1");
}

static void listeners_are_stored_in_place_of_those_before(void **state)
{
    (void)state;
    int fds[2] = {a_listener(), a_listener()}, fd;
    unsigned nfds;
    sp_notify_store_listeners(fds, 2);
    assert_string_equal(said(), "FDSTOREREMOVE=1\nFDNAME=listener");
    assert_string_equal(told(&fd, &nfds), "FDSTORE=1\nFDNAME=listener");
    assert_int_equal(nfds, 2);
    assert_true(same_socket(fd, fds[0]));
    assert_string_equal(said(), "");
    close(fd);
    close(fds[0]);
    close(fds[1]);
}

static void more_than_a_packet_takes(void **state)
{
    (void)state;
    static int fds[MANY];
    unsigned nfds, sum = 0;
    int fd = a_listener();
    for (unsigned i = 0; i < MANY; i++)
        fds[i] = fd;
    sp_notify_store_listeners(fds, MANY);
    (void)said();
    while (sum < MANY) {
        int first;
        assert_string_equal(told(&first, &nfds), "FDSTORE=1\nFDNAME=listener");
        close(first);
        sum += nfds;
    }
    assert_int_equal(sum, MANY);
    close(fd);
}

static void without_a_manager_nothing_happens(void **state)
{
    (void)state;
    int fd = a_listener();
    char *name = strdup(getenv("NOTIFY_SOCKET"));
    unsetenv("NOTIFY_SOCKET");
    sp_notify_ready();
    sp_notify_stopping();
    sp_notify_store_listeners(&fd, 1);
    setenv("NOTIFY_SOCKET", name, 1);
    assert_string_equal(said(), "");
    assert_int_equal(sp_notify_listeners(&fd, 1), 0);
    free(name);
    close(fd);
}

/* In a process of its own, whose descriptors from FIRST on can be anything: "taken ..." with what is given. */
static void receive(char ret[64], unsigned max)
{
    char pid[16];
    int got[4] = {0}, at = 0;
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "4", 1);
    int n = sp_notify_listeners(got, max);
    for (int i = 0; i < n; i++)
        at += snprintf(ret + at, 64 - (size_t)at, "%d ", got[i]);
    for (int fd = FIRST; fd < FIRST + 4; fd++)
        at += snprintf(ret + at, 64 - (size_t)at, "%s", same_socket(fd, fd) ? "open " : "closed ");
    (void)snprintf(ret + at, 64 - (size_t)at, "%s", getenv("LISTEN_FDS") ? "told again" : "");
}

static void hand_on(unsigned max, const char *expected)
{
    int ends[2], status;
    char text[64] = "";
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        int given[] = {a_listener(), socket(AF_INET, SOCK_STREAM, 0), socket(AF_INET, SOCK_DGRAM, 0), a_listener()}, out = dup2(ends[1], 60);
        for (int i = 0; i < 4; i++)
            given[i] = dup2(given[i], 50 + i);
        for (int i = 0; i < 4; i++)
            (void)dup2(given[i], FIRST + i);
        receive(text, max);
        _exit(write(out, text, sizeof text) != sizeof text);
    }
    assert_int_equal(read(ends[0], text, sizeof text), sizeof text);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_string_equal(text, expected);
    close(ends[0]);
    close(ends[1]);
}

/* One does not listen, one is no stream. */
static void what_listens_is_taken(void **state)
{
    (void)state;
    hand_on(4, "3 6 open closed closed open ");
    hand_on(1, "3 open closed closed closed ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_are_told),
        cmocka_unit_test(being_alive_is_told_now_and_then),
        cmocka_unit_test(listeners_are_stored_in_place_of_those_before),
        cmocka_unit_test(more_than_a_packet_takes),
        cmocka_unit_test(without_a_manager_nothing_happens),
        cmocka_unit_test(what_listens_is_taken),
    };
    return cmocka_run_group_tests(tests, start_manager, stop_manager);
}
