/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a confined process can do and cannot, each tried in a process of its own: as root (which becomes another user) when this is root, and as a user
 * without any right.
 */
#include "proc/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_UNDEFINED__)
enum { SANITIZED = true };
#else
enum { SANITIZED = false };
#endif

enum { NOBODY = 65534, DONE = 0, DENIED = 40, NOT_CONFINED = 90 };

/* What every try finds. */
static struct scene {
    struct sp_plan *plan;
    char directory[64];      /* anybody may write there */
    char inside[96], outside[96]; /* directories in it */
    int listener;            /* TCP on 127.0.0.1, port `port` */
    uint16_t port;
    pid_t starter;
} scene;

enum outcome { DOES, FAILS, DIES, DOES_WITH_LANDLOCK, FAILS_BY_LANDLOCK };

struct try {
    const char *name;
    const struct sp_sandbox *row;
    int (*act)(void); /* DONE, DENIED, or another number for what went wrong */
    enum outcome outcome;
};

/* ---- tries: 0 or DENIED ---- */

static int denied(bool failed)
{
    return failed && (errno == EACCES || errno == EPERM || errno == ENOENT || errno == EAFNOSUPPORT) ? DENIED : failed ? 50 : DONE;
}

static int opens(const char *path, int flags)
{
    int fd = open(path, flags, 0600);
    return denied(fd < 0);
}

static int try_open(void) { return opens("/etc/passwd", O_RDONLY); }
static int try_fork(void) { return denied(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) < 0); }
static int try_exec(void)
{
    char *const words[] = {(char *)(uintptr_t)"true", NULL};
    return denied(execve("/bin/true", words, words + 1) < 0);
}
static int try_ptrace(void) { return denied(ptrace(PTRACE_ATTACH, scene.starter, NULL, NULL) < 0); }
static int try_kill(void) { return denied(kill(scene.starter, 0) < 0); }
static int try_tgkill(void) { return denied(syscall(SYS_tgkill, scene.starter, scene.starter, 0) < 0); }
static int try_packets(void) { return denied(socket(AF_PACKET, SOCK_RAW, 0) < 0); }
static int try_netlink(void) { return denied(socket(AF_NETLINK, SOCK_RAW, 0) < 0); }
static int try_udp(void) { return denied(socket(AF_INET, SOCK_DGRAM, 0) < 0); }
static int try_unix(void) { return denied(socket(AF_UNIX, SOCK_STREAM, 0) < 0); }
static int try_filter(void)
{
    int one = 1;
    return denied(setsockopt(scene.listener, SOL_SOCKET, SO_ATTACH_FILTER, &one, sizeof one) < 0);
}
static int try_code(void) { return denied(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED); }
static int try_wx(void) { return denied(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED); }
static int try_protect(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return denied(mprotect(p, 4096, PROT_READ | PROT_EXEC) < 0);
}
static int try_uid(void) { return denied(setuid(0) < 0); }
static int try_ioctl(void) { return denied(ioctl(STDERR_FILENO, TIOCSTI, "x") < 0); }
static int try_fcntl(void) { return denied(fcntl(scene.listener, F_DUPFD, 0) < 0); }
static int try_abort(void)
{
    abort();
}

/* Everything that relaying needs, on sockets of our own. */
static int try_relaying(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(scene.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof to;
    int one = 1, waiting, ends[2];
    char text[8];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        return 1;
    int peer = accept4(scene.listener, (struct sockaddr *)&to, &len, SOCK_NONBLOCK);
    if (peer < 0 || send(fd, "hello", 5, MSG_NOSIGNAL) != 5 || ioctl(fd, SIOCOUTQ, &waiting) < 0 || recv(peer, text, 2, 0) != 2)
        return 2;
    if (ioctl(peer, FIONREAD, &waiting) < 0 || waiting != 3 || pipe2(ends, O_NONBLOCK) < 0 || fcntl(ends[0], F_SETPIPE_SZ, 65536) < 0)
        return 3;
    if (splice(peer, NULL, ends[1], NULL, 3, SPLICE_F_NONBLOCK) != 3 || read(ends[0], text, 3) != 3)
        return 4;
    struct stat st;
    struct tcp_info info;
    len = sizeof info;
    if (fstat(fd, &st) < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 || shutdown(fd, SHUT_WR) < 0 || close(peer) < 0)
        return 5;
    return DONE;
}

static int try_memory(void)
{
    char *p = malloc(64 << 20);
    if (!p)
        return 1;
    memset(p, 1, 64 << 20);
    p = realloc(p, 128 << 20);
    if (!p)
        return 2;
    free(p);
    struct timespec now;
    time_t t = time(NULL);
    struct tm tm;
    return clock_gettime(CLOCK_MONOTONIC, &now) == 0 && localtime_r(&t, &tm) ? DONE : 3;
}

static int try_other_port(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)(scene.port ^ 1)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return connect(fd, (struct sockaddr *)&to, sizeof to) < 0 && errno == ECONNREFUSED ? DONE : denied(true);
}

static int below(const char *directory, const char *name, int flags)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    return opens(path, flags);
}

static int try_write_inside(void) { return below(scene.inside, "new", O_WRONLY | O_CREAT); }
static int try_write_outside(void) { return below(scene.outside, "new", O_WRONLY | O_CREAT); }
static int try_read_inside(void) { return below(scene.inside, "rule", O_RDONLY); }
static int try_read_outside(void) { return below(scene.outside, "rule", O_RDONLY); }
static int try_read_linked(void) { return below(scene.inside, "link", O_RDONLY); }
static int try_rename(void)
{
    char from[128], to[128];
    (void)snprintf(from, sizeof from, "%s/new", scene.inside);
    (void)snprintf(to, sizeof to, "%s/old", scene.inside);
    return below(scene.inside, "new", O_WRONLY | O_CREAT) == DONE ? denied(rename(from, to) < 0) : 1;
}
static int try_nothing(void)
{
    struct rlimit l;
    return getrlimit(RLIMIT_NOFILE, &l) == 0 && getpid() > 0 ? DONE : 1;
}

static int try_many_descriptors(void)
{
    struct rlimit l;
    return getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur == l.rlim_max ? DONE : 1;
}

/* ---- running them ---- */

#define W &sp_sandbox_worker
#define A &sp_sandbox_admin
#define C &sp_sandbox_compiler
#define K &sp_sandbox_keeper

static const struct try tries[] = {
    {"worker relays", W, try_relaying, DOES},
    {"worker has memory and time", W, try_memory, DOES},
    {"worker connects to no other port", W, try_other_port, FAILS_BY_LANDLOCK},
    {"worker opens nothing", W, try_open, DIES},
    {"worker makes no process", W, try_fork, DIES},
    {"worker becomes no program", W, try_exec, DIES},
    {"worker traces nobody", W, try_ptrace, DIES},
    {"worker signals nobody", W, try_kill, DIES},
    {"worker signals no thread of others", W, try_tgkill, DIES},
    {"worker sees no packets", W, try_packets, DIES},
    {"worker asks no kernel table", W, try_netlink, DIES},
    {"worker sends no datagrams", W, try_udp, DIES},
    {"worker makes no unix socket", W, try_unix, DIES},
    {"worker loads no filter", W, try_filter, DIES},
    {"worker maps no code", W, try_code, DIES},
    {"worker makes no code of data", W, try_protect, DIES},
    {"worker becomes nobody else", W, try_uid, DIES},
    {"worker types at no terminal", W, try_ioctl, DIES},
    {"worker copies no descriptor", W, try_fcntl, DIES},
    {"admin writes where outputs are", A, try_write_inside, DOES_WITH_LANDLOCK},
    {"admin writes nowhere else", A, try_write_outside, FAILS_BY_LANDLOCK},
    {"admin moves what it wrote", A, try_rename, DOES_WITH_LANDLOCK},
    {"admin reads nothing else", A, try_open, FAILS_BY_LANDLOCK},
    {"admin makes no process", A, try_fork, DIES},
    {"admin becomes no program", A, try_exec, DIES},
    {"admin makes no TCP socket", A, try_other_port, DIES},
    {"admin makes no unix socket when it has no output there", A, try_unix, DIES},
    {"admin maps no code", A, try_code, DIES},
    {"compiler reads rules", C, try_read_inside, DOES},
    {"compiler reads rules that are linked to", C, try_read_linked, DOES},
    {"compiler reads nothing else", C, try_read_outside, FAILS_BY_LANDLOCK},
    {"compiler asks for limits", C, try_nothing, DOES},
    {"compiler writes nothing", C, try_write_inside, DIES},
    {"compiler goes on without a unix socket", C, try_unix, FAILS},
    {"compiler looks names up by UDP", C, try_udp, DOES},
    {"compiler connects to no service", C, try_other_port, FAILS_BY_LANDLOCK},
    {"compiler makes no process", C, try_fork, DIES},
    {"compiler writes no code", C, try_wx, DIES},
    {"compiler signals nobody", C, try_kill, DIES},
    {"keeper makes processes", K, try_fork, DOES},
    {"keeper opens files", K, try_open, DOES},
    {"keeper opens many", K, try_many_descriptors, DOES},
};

static int confined(const struct try *t)
{
    struct rlimit few;
    if (getrlimit(RLIMIT_NOFILE, &few) < 0)
        return NOT_CONFINED;
    few.rlim_cur = 64;
    if (setrlimit(RLIMIT_NOFILE, &few) < 0)
        return NOT_CONFINED;
    const char *const paths[] = {scene.inside, "/nonexistent"};
    int rc = t->row == C ? sp_sandbox_enter_reading(t->row, scene.plan, paths, 2) : sp_sandbox_enter(t->row, scene.plan);
    if (rc < 0)
        return NOT_CONFINED;
    return t->act();
}

static int status_of(const struct try *t, bool as_user)
{
    int status = -1;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (as_user && (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0))
            _exit(NOT_CONFINED);
        _exit(confined(t));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void attempt(const struct try *t, bool as_user)
{
    int status = status_of(t, as_user);
    int returns = t->outcome == DOES || t->outcome == DOES_WITH_LANDLOCK ? DONE : DENIED;
    bool ok = t->outcome == DIES ? WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS : WIFEXITED(status) && WEXITSTATUS(status) == returns;
    if (!ok)
        fail_msg("%s (as %s): status %x", t->name, as_user ? "a user" : "who started", status);
}

static bool lacks_landlock(void)
{
    char text[512];
    struct sp_buf b = sp_buf_fixed(text, sizeof text);
    sp_sandbox_lacks(&b);
    return b.n > 0;
}

static void attempt_all(bool as_user)
{
    bool lacks = lacks_landlock();
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++)
        if (!lacks || tries[i].outcome <= DIES)
            attempt(&tries[i], as_user);
}

static void test_as_starter(void **state)
{
    (void)state;
    if (SANITIZED)
        skip();
    attempt_all(false);
}

static void test_as_user(void **state)
{
    (void)state;
    if (SANITIZED || geteuid() != 0)
        skip();
    attempt_all(true);
}

static void read_status(pid_t pid, char *text, size_t room)
{
    char path[64];
    struct stat st;
    (void)snprintf(path, sizeof path, "/proc/%d/status", pid);
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, text, room - 1);
    assert_true(n > 0);
    text[n] = 0;
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_uid, 0); /* not its user's: it cannot be dumped */
    close(fd);
    (void)snprintf(path, sizeof path, "/proc/%d/root/etc", pid);
    assert_int_equal(access(path, F_OK), -1);
}

static void test_nothing_is_left_of_root(void **state)
{
    (void)state;
    static const char *const lines[] = {"Uid:\t65534\t65534\t65534\t65534", "Gid:\t65534\t65534\t65534\t65534", "Groups:\t \n",
                                        "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "CapAmb:\t0000000000000000",
                                        "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"};
    if (SANITIZED || geteuid() != 0)
        skip();
    int ready[2], end[2], status;
    static char text[8192];
    assert_int_equal(pipe(ready) | pipe(end), 0);
    pid_t child = fork();
    if (child == 0) {
        int rc = sp_sandbox_enter(W, scene.plan);
        close(end[1]);
        _exit(rc || write(ready[1], text, 1) != 1 || read(end[0], text, 1) != 0);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], text, 1), 1);
    read_status(child, text, sizeof text);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!strstr(text, lines[i]))
            fail_msg("no %s in %s", lines[i], text);
    close(end[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void test_aborts(void **state)
{
    (void)state;
    if (SANITIZED)
        skip();
    const struct try t = {"abort", W, try_abort, DIES};
    int status = status_of(&t, false);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* ---- another plan ---- */

static void test_fits(void **state)
{
    (void)state;
    struct sp_plan *next = malloc(sizeof *next);
    memcpy(next, scene.plan, sizeof *next);
    assert_true(sp_sandbox_fits(W, scene.plan, next));
    next->services[0].to.at[0].sa.v4.sin_addr.s_addr = 1;
    assert_true(sp_sandbox_fits(W, scene.plan, next));
    next->services[0].to.at[0].sa.v4.sin_port = 1;
    assert_false(sp_sandbox_fits(W, scene.plan, next));
    assert_true(sp_sandbox_fits(C, scene.plan, next));
    assert_true(sp_sandbox_fits(A, scene.plan, next));
    next->services[0].to.at[0].sa.any.sa_family = AF_UNIX;
    assert_false(sp_sandbox_fits(W, scene.plan, next));
    assert_true(sp_sandbox_fits(W, next, scene.plan) == false);
    (void)snprintf(next->outputs[0].path, SP_PLAN_PATH, "/elsewhere/x");
    assert_false(sp_sandbox_fits(A, scene.plan, next));
    next->outputs[0].kind = SP_OUTPUT_SYSLOG;
    assert_false(sp_sandbox_fits(A, scene.plan, next));
    next->outputs[0].kind = SP_OUTPUT_STDOUT;
    assert_true(sp_sandbox_fits(A, scene.plan, next));
    free(next);
}

/* ---- the scene ---- */

static void make_file(const char *directory, const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    int fd = open(path, O_WRONLY | O_CREAT, 0644);
    assert_true(fd >= 0);
    close(fd);
}

static void make_directory(const char *path)
{
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(chmod(path, 0777), 0);
    make_file(path, "rule");
}

static void make_link(void)
{
    char target[128], path[128];
    (void)snprintf(target, sizeof target, "%s/linked", scene.outside);
    (void)snprintf(path, sizeof path, "%s/link", scene.inside);
    make_file(scene.outside, "linked");
    assert_int_equal(symlink(target, path), 0);
}

static void listen_somewhere(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    scene.listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(scene.listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(scene.listener, 64), 0);
    assert_int_equal(getsockname(scene.listener, (struct sockaddr *)&at, &len), 0);
    scene.port = ntohs(at.sin_port);
}

static int set_scene(void **state)
{
    (void)state;
    struct sp_plan *p = scene.plan = calloc(1, sizeof *p);
    scene.starter = getpid();
    strcpy(scene.directory, "/tmp/sallyport-sandbox-XXXXXX");
    assert_non_null(mkdtemp(scene.directory));
    assert_int_equal(chmod(scene.directory, 0755), 0);
    (void)snprintf(scene.inside, sizeof scene.inside, "%s/inside", scene.directory);
    (void)snprintf(scene.outside, sizeof scene.outside, "%s/outside", scene.directory);
    make_directory(scene.inside);
    make_directory(scene.outside);
    make_link();
    listen_somewhere();
    p->uid = p->gid = geteuid() == 0 ? NOBODY : SP_PLAN_STARTER;
    p->nservices = p->noutputs = 1;
    p->services[0].to.n = 1;
    p->services[0].to.at[0].len = sizeof(struct sockaddr_in);
    p->services[0].to.at[0].sa.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(scene.port)};
    p->outputs[0].kind = SP_OUTPUT_FILE;
    (void)snprintf(p->outputs[0].path, SP_PLAN_PATH, "%s/events.json", scene.inside);
    return 0;
}

static int clear_scene(void **state)
{
    (void)state;
    static const char *const names[] = {"inside/rule", "inside/new", "inside/old", "inside/link", "outside/rule", "outside/new", "outside/linked",
                                        "inside", "outside", "."};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", scene.directory, names[i]);
        (void)remove(path);
    }
    (void)rmdir(scene.directory);
    free(scene.plan);
    close(scene.listener);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_starter), cmocka_unit_test(test_as_user), cmocka_unit_test(test_nothing_is_left_of_root),
        cmocka_unit_test(test_aborts),     cmocka_unit_test(test_fits),
    };
    return cmocka_run_group_tests(tests, set_scene, clear_scene);
}
