/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "unit.h"

enum { CALLS = 2000 };

static int clean(void **state)
{
    (void)state;
    unsetenv("SALLYPORT_FAULT_SEED");
    unsetenv("SALLYPORT_FAULT_RATE");
    unsetenv("SALLYPORT_FAULT_START");
    unsetenv("SALLYPORT_FAULT_START_AFTER");
    sp_fault_reset();
    return 0;
}

/* The signal that ends a process which does that; 0: none. A second of its time is all that it has. */
static int ends_with(void (*does)(void))
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        (void)signal(SIGSEGV, SIG_DFL);
        (void)setrlimit(RLIMIT_CPU, &(struct rlimit){1, 1});
        (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        does();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void unit_that_crashes(void) { sp_fault_unit(SP_LIT("GET /?sallyport-fault-sallyport-fault-crash HTTP/1.1")); }
static void unit_that_hangs(void) { sp_fault_unit(SP_LIT("x: sallyport-fault-hang")); }
static void unit_that_exhausts(void) { sp_fault_unit(SP_LIT("sallyport-fault-exhaust")); }
static void ordinary_units(void)
{
    sp_fault_unit(SP_LIT("sallyport-fault-cras"));
    sp_fault_unit(SP_LIT("sallyport-fault-"));
    sp_fault_unit(SP_LIT(""));
}

static void words_in_a_unit_break_its_decoder(void **state)
{
    (void)state;
    assert_int_equal(ends_with(unit_that_crashes), SIGSEGV);
    assert_int_equal(ends_with(unit_that_hangs), SIGKILL); /* the end of its second */
    assert_int_equal(ends_with(unit_that_exhausts), SIGKILL);
    assert_int_equal(ends_with(ordinary_units), 0);
}

static void inspecting(void) { sp_fault_worker(true); }
static void plain(void) { sp_fault_worker(false); }

/* Which of ten workers that start one after the other live. */
static void lives(void (*starts)(void), char ret[11])
{
    for (unsigned i = 0; i < 10; i++)
        ret[i] = ends_with(starts) ? '-' : '+';
    ret[10] = '\0';
}

static void workers_die_when_they_start(void **state)
{
    char who[11];
    lives(inspecting, who);
    assert_string_equal(who, "++++++++++");
    setenv("SALLYPORT_FAULT_START", "3", 1);
    sp_fault_reset();
    lives(inspecting, who);
    assert_string_equal(who, "---+++++++");
    setenv("SALLYPORT_FAULT_START_AFTER", "2", 1);
    sp_fault_reset();
    lives(inspecting, who);
    assert_string_equal(who, "++---+++++");
    setenv("SALLYPORT_FAULT_START", "-1", 1);
    sp_fault_reset();
    lives(inspecting, who);
    assert_string_equal(who, "++--------");
    lives(plain, who);
    assert_string_equal(who, "++++++++++");
    setenv("SALLYPORT_FAULT_START", "-2", 1);
    sp_fault_reset();
    lives(inspecting, who);
    assert_string_equal(who, "++--------");
    lives(plain, who);
    assert_string_equal(who, "----------");
    (void)clean(state);
}

static void arm(const char *seed, const char *rate)
{
    setenv("SALLYPORT_FAULT_SEED", seed, 1);
    setenv("SALLYPORT_FAULT_RATE", rate, 1);
    sp_fault_reset();
    sp_fault_worker(true);
}

/* What became of many exchanges, each over a pair of its own: a letter each. */
static void history(char ret[CALLS + 1])
{
    char bytes[64];
    for (unsigned i = 0; i < CALLS; i++) {
        int fd[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
        ssize_t sent = send(fd[0], "sixteen letters.", 16, MSG_NOSIGNAL), got = recv(fd[1], bytes, sizeof bytes, 0);
        ret[i] = sent < 0 && got <= 0 ? 's' : got < 0 ? 'r' : '.';
        if (got < 0 && sent > 0) /* what had come is still there, and then its end */
            assert_true(read(fd[1], bytes, sizeof bytes) == sent && read(fd[1], bytes, sizeof bytes) == 0);
        else if (sent > 0)
            assert_memory_equal(bytes, "sixteen letters.", 16);
        close(fd[0]);
        close(fd[1]);
    }
    ret[CALLS] = '\0';
}

static void calls_fail_by_seed(void **state)
{
    static char first[CALLS + 1], again[CALLS + 1], other[CALLS + 1];
    history(first);
    assert_int_equal(strspn(first, "."), CALLS); /* nothing fails unless it is asked for */
    arm("7", "10");
    history(first);
    arm("7", "10");
    history(again);
    arm("8", "10");
    history(other);
    sp_fault_rest();
    assert_string_equal(first, again);
    assert_string_not_equal(first, other);
    for (const char *kind = "sr."; *kind; kind++)
        assert_non_null(strchr(first, *kind));
    (void)clean(state);
}

static void the_next_worker_has_its_own_sequence(void **state)
{
    static char first[CALLS + 1], second[CALLS + 1];
    arm("7", "10");
    history(first);
    sp_fault_worker(true);
    history(second);
    sp_fault_rest();
    assert_string_not_equal(first, second);
    (void)clean(state);
}

static int a_socket(void) { return socket(AF_UNIX, SOCK_STREAM, 0); }
static int a_pipe(void)
{
    int fd[2];
    if (pipe2(fd, 0) < 0)
        return -1;
    close(fd[1]);
    return fd[0];
}
static int an_acceptance(void) { return accept4(-1, NULL, NULL, 0); }
static int a_connection(void) { return connect(-1, NULL, 0); }
static int a_splice(void) { return (int)splice(-1, NULL, -1, NULL, 1, 0); }
static int an_option(void) { return setsockopt(-1, IPPROTO_TCP, 1, NULL, 0); }
static int a_watch(void)
{
    int epoll = epoll_create1(0), fd = epoll_create1(0);
    int rc = epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){0}), error = errno;
    assert_true(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL) == rc); /* as if nothing had been asked */
    close(fd);
    close(epoll);
    errno = error;
    return rc;
}
static int allocated(void *volatile p) /* else the compiler knows better than to allocate anything */
{
    if (!p)
        return -1;
    free(p);
    return 0;
}
static int an_allocation(void) { return allocated(malloc(64)); }
static int a_cleared_allocation(void) { return allocated(calloc(8, 8)); }
static int a_longer_allocation(void) { return allocated(realloc(NULL, 64)); }
static int a_mapping(void)
{
    void *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? -1 : munmap(p, 4096);
}

/* Every call of the list comes to fail with an error that is not its own. */
static void every_call_of_the_list_fails(void **state)
{
    int (*const calls[])(void) = {a_socket, a_pipe, an_acceptance, a_connection, a_splice, an_option, a_watch, an_allocation, a_cleared_allocation,
                                  a_longer_allocation, a_mapping};
    for (unsigned c = 0; c < sizeof calls / sizeof *calls; c++) {
        unsigned failed = 0;
        arm("1", "4");
        for (unsigned i = 0; i < 100; i++) {
            errno = 0;
            int rc = calls[c]();
            failed += rc < 0 && errno != EBADF;
            if (rc > 0)
                close(rc);
        }
        sp_fault_rest();
        if (failed < 1 || failed > 60)
            fail_msg("call %u of the list failed %u times in 100", c, failed);
    }
    (void)clean(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_in_a_unit_break_its_decoder),
        cmocka_unit_test(workers_die_when_they_start),
        cmocka_unit_test(calls_fail_by_seed),
        cmocka_unit_test(the_next_worker_has_its_own_sequence),
        cmocka_unit_test(every_call_of_the_list_fails),
    };
    sp_log_set_level(SP_LOG_ERROR);
    return cmocka_run_group_tests(tests, clean, clean);
}
