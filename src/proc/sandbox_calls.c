/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_calls: lists of system calls, by libseccomp. Whatever is not in a process's list ends it at once: its parent sees the signal "bad system call", and the kernel's audit log
 * (type 1326: journalctl -k, ausearch -m seccomp) has the number of the call, which is the list to add it to or the attack to look into.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proc/sandbox_row.h"

enum calls_limits {
    CONDITIONS_MAX = 3,   /* arguments of one row that are looked at */
    BINARY_TREE = 2,      /* the kernel tries each of its calls when a list is loaded */
    OWN_PID = 0x7e57ab1e, /* stands for the process's own number, which cannot be as high (PID_MAX_LIMIT is 2^22) */
};

/* Argument `at`: its bits in `mask` must be `value`. */
struct condition {
    uint64_t mask, value;
    bool looked_at;
    uint8_t at;
};

/* A call that is allowed with these arguments only; `error`: with them it fails, and the process goes on. */
struct limited {
    int call;
    uint16_t error;
    bool when_unix; /* only when the process may make unix sockets */
    struct condition when[CONDITIONS_MAX];
};

struct sandbox_calls {
    const int *free;          /* with whatever arguments; -1 at the end */
    const struct limited *limited;
    unsigned nlimited;
};

#define ALL_BITS UINT64_C(0xffffffff) /* int arguments: the kernel does not look at the upper half */
#define IS(n, v) {ALL_BITS, (uint32_t)(v), true, n}
#define HAS_NOT(n, bits) {(bits), 0, true, n}
#define SOCKET(family, kind) {SCMP_SYS(socket), .when = {IS(0, family), {0xf, kind, true, 1}}}
#define COUNT(a) (sizeof(a) / sizeof *(a))
enum { END = -1 };

/* What any process needs to breathe: memory, time, its own death. */
#define BREATHING                                                                                                                \
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),       \
    SCMP_SYS(time), SCMP_SYS(futex), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(restart_syscall),                \
    SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getppid), SCMP_SYS(getrandom),            \
    SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(sysinfo), SCMP_SYS(sched_yield)

/* Data is never code. glibc's fstat is newfstatat with an empty path. */
#define NO_CODE                                                                                                                  \
    {SCMP_SYS(mmap), .when = {HAS_NOT(2, PROT_EXEC)}}, {SCMP_SYS(mprotect), .when = {HAS_NOT(2, PROT_EXEC)}}
#define STAT_OF_OPEN {SCMP_SYS(newfstatat), .when = {IS(3, AT_EMPTY_PATH)}}

/* ---- worker ---- */

static const int worker_free[] = {
    BREATHING,
    SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(sendto),
    SCMP_SYS(sendmsg), SCMP_SYS(splice), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl), SCMP_SYS(accept4),
    SCMP_SYS(connect), SCMP_SYS(shutdown), SCMP_SYS(close), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(timerfd_settime),
    SCMP_SYS(pipe2), SCMP_SYS(fstat), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(fallocate),
    END,
};

#define OPTION(level, name) {SCMP_SYS(setsockopt), .when = {IS(1, level), IS(2, name)}}
#define FCNTL(command) {SCMP_SYS(fcntl), .when = {IS(1, command)}}

static const struct limited worker_limited[] = {
    NO_CODE, STAT_OF_OPEN,
    SOCKET(AF_INET, SOCK_STREAM), SOCKET(AF_INET6, SOCK_STREAM),
    {SCMP_SYS(socket), .when_unix = true, .when = {IS(0, AF_UNIX), {0xf, SOCK_STREAM, true, 1}}},
    OPTION(SOL_SOCKET, SO_LINGER), OPTION(SOL_SOCKET, SO_OOBINLINE), OPTION(SOL_SOCKET, SO_KEEPALIVE), OPTION(SOL_SOCKET, SO_REUSEADDR),
    OPTION(SOL_SOCKET, SO_SNDBUF), OPTION(SOL_SOCKET, SO_RCVBUF), OPTION(SOL_SOCKET, SO_RCVLOWAT),
    OPTION(IPPROTO_TCP, TCP_NODELAY), OPTION(IPPROTO_TCP, TCP_QUICKACK), OPTION(IPPROTO_TCP, TCP_CORK), OPTION(IPPROTO_TCP, TCP_NOTSENT_LOWAT),
    {SCMP_SYS(getsockopt), .when = {IS(1, SOL_SOCKET)}}, {SCMP_SYS(getsockopt), .when = {IS(1, IPPROTO_TCP)}},
    {SCMP_SYS(ioctl), .when = {IS(1, FIONREAD)}}, {SCMP_SYS(ioctl), .when = {IS(1, SIOCOUTQ)}},
    FCNTL(F_GETFD), FCNTL(F_SETFD), FCNTL(F_GETFL), FCNTL(F_SETFL), FCNTL(F_SETPIPE_SZ), FCNTL(F_GETPIPE_SZ),
};

const struct sandbox_calls worker_calls = {worker_free, worker_limited, COUNT(worker_limited)};

/* ---- admin: files are Landlock's to limit ---- */

static const int admin_free[] = {
    BREATHING,
    SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(pwrite64), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(lseek),
    SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(newfstatat), SCMP_SYS(statx),
    SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(getdents64), SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(unlink),
    SCMP_SYS(unlinkat), SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(ftruncate), SCMP_SYS(fsync), SCMP_SYS(fdatasync),
    SCMP_SYS(fallocate), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getcwd), SCMP_SYS(fcntl), SCMP_SYS(dup), SCMP_SYS(dup3),
    SCMP_SYS(sendfile), SCMP_SYS(copy_file_range), SCMP_SYS(connect), SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg),
    SCMP_SYS(getsockopt), SCMP_SYS(shutdown), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(poll), SCMP_SYS(ppoll),
    SCMP_SYS(epoll_create1), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl), SCMP_SYS(eventfd2), SCMP_SYS(signalfd4),
    SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(rt_sigaction), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
    SCMP_SYS(uname),
    END,
};

static const struct limited admin_limited[] = {
    NO_CODE,
    {SCMP_SYS(socket), .when_unix = true, .when = {IS(0, AF_UNIX)}},
    {SCMP_SYS(setsockopt), .when = {IS(1, SOL_SOCKET), IS(2, SO_SNDBUF)}},
    {SCMP_SYS(ioctl), .when = {IS(1, FIONREAD)}}, {SCMP_SYS(ioctl), .when = {IS(1, TCGETS)}}, /* isatty */
};

const struct sandbox_calls admin_calls = {admin_free, admin_limited, COUNT(admin_limited)};

/* ---- compiler: reads files, looks names up, makes two memfds ---- */

static const int compiler_free[] = {
    BREATHING,
    SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(lseek), SCMP_SYS(close), SCMP_SYS(fstat),
    SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
    SCMP_SYS(getdents64), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getcwd), SCMP_SYS(fcntl), SCMP_SYS(dup), SCMP_SYS(dup3),
    SCMP_SYS(memfd_create), SCMP_SYS(ftruncate), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(sendmmsg),
    SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(recvmmsg), SCMP_SYS(setsockopt), SCMP_SYS(getsockopt), SCMP_SYS(getsockname),
    SCMP_SYS(getpeername), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(uname), SCMP_SYS(sched_getaffinity), SCMP_SYS(clock_nanosleep),
    SCMP_SYS(rt_sigaction),
    END,
};

#define WRITING (O_ACCMODE | O_CREAT | O_TRUNC)

static const struct limited compiler_limited[] = {
    {SCMP_SYS(open), .when = {HAS_NOT(1, WRITING)}}, {SCMP_SYS(openat), .when = {HAS_NOT(2, WRITING)}},
    /* Modules for looking up names are code: never both written and executed. */
    {SCMP_SYS(mmap), .when = {HAS_NOT(2, PROT_EXEC)}}, {SCMP_SYS(mmap), .when = {{PROT_EXEC | PROT_WRITE, PROT_EXEC, true, 2}}},
    {SCMP_SYS(mprotect), .when = {HAS_NOT(2, PROT_EXEC)}},
    SOCKET(AF_INET, SOCK_STREAM), SOCKET(AF_INET, SOCK_DGRAM), SOCKET(AF_INET6, SOCK_STREAM), SOCKET(AF_INET6, SOCK_DGRAM),
    {SCMP_SYS(socket), .when = {IS(0, AF_NETLINK), {0xf, SOCK_RAW, true, 1}, IS(2, NETLINK_ROUTE)}},
    /* glibc asks a caching daemon first and goes on without. What it could reach besides is no business of ours. */
    {SCMP_SYS(socket), .error = EAFNOSUPPORT, .when = {IS(0, AF_UNIX)}},
    {SCMP_SYS(ioctl), .when = {IS(1, FIONREAD)}}, {SCMP_SYS(ioctl), .when = {IS(1, TCGETS)}}, {SCMP_SYS(ioctl), .when = {IS(1, SIOCGIFINDEX)}},
    {SCMP_SYS(prlimit64), .when = {HAS_NOT(2, UINT64_MAX)}}, /* asks only */
};

const struct sandbox_calls compiler_calls = {compiler_free, compiler_limited, COUNT(compiler_limited)};

/* ---- entering ---- */

static int add_limited(scmp_filter_ctx filter, const struct limited *l)
{
    struct scmp_arg_cmp args[CONDITIONS_MAX];
    unsigned n = 0;
    for (unsigned i = 0; i < CONDITIONS_MAX && l->when[i].looked_at; i++)
        args[n++] = SCMP_CMP(l->when[i].at, SCMP_CMP_MASKED_EQ, l->when[i].mask, l->when[i].value);
    return seccomp_rule_add_array(filter, l->error ? SCMP_ACT_ERRNO(l->error) : SCMP_ACT_ALLOW, l->call, n, args);
}

/* abort() signals itself; nobody else. Who that is, is put in later. */
static int add_suicide(scmp_filter_ctx filter)
{
    const struct limited own = {SCMP_SYS(tgkill), .when = {IS(0, OWN_PID)}};
    return add_limited(filter, &own);
}

static int add_calls(scmp_filter_ctx filter, const struct sandbox_calls *calls, const struct sandbox_needs *needs)
{
    int rc = add_suicide(filter);
    for (const int *c = calls->free; rc == 0 && *c != END; c++)
        rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, *c, 0, NULL);
    for (unsigned i = 0; rc == 0 && i < calls->nlimited; i++)
        if (needs->unix_sockets || !calls->limited[i].when_unix)
            rc = add_limited(filter, &calls->limited[i]);
    return rc;
}

/* What libseccomp makes of a list, as the kernel takes it. Made once by whoever makes processes, for that takes longer than everything else. */
static struct {
    const struct sandbox_calls *of; /* NULL: none */
    bool unix_sockets;
    struct sock_filter *code;
    size_t n;
} made;

static int read_code(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    size_t size = (size_t)st.st_size;
    struct sock_filter *code = malloc(size);
    if (!code)
        return -ENOMEM;
    if (pread(fd, code, size, 0) != (ssize_t)size) {
        free(code);
        return -EIO;
    }
    made.code = code;
    made.n = size / sizeof *code;
    return 0;
}

static int take_code(scmp_filter_ctx filter)
{
    int fd = memfd_create("sallyport-calls", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    int rc = seccomp_export_bpf(filter, fd);
    if (rc == 0)
        rc = read_code(fd);
    close(fd);
    return rc;
}

int calls_prepare(const struct sandbox_calls *calls, const struct sandbox_needs *needs)
{
    if (made.of == calls && made.unix_sockets == needs->unix_sockets)
        return 0;
    free(made.code);
    made.of = NULL;
    made.code = NULL;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!filter)
        return -ENOMEM;
    int rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (rc == 0)
        rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, BINARY_TREE);
    if (rc == 0)
        rc = add_calls(filter, calls, needs);
    if (rc == 0)
        rc = take_code(filter);
    seccomp_release(filter);
    if (rc == 0) {
        made.of = calls;
        made.unix_sockets = needs->unix_sockets;
    }
    return rc;
}

int calls_enter(const struct sandbox_calls *calls, const struct sandbox_needs *needs)
{
    int rc = calls_prepare(calls, needs);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < made.n; i++)
        if (BPF_CLASS(made.code[i].code) == BPF_JMP && made.code[i].k == OWN_PID)
            made.code[i].k = (uint32_t)getpid();
    struct sock_fprog program = {(unsigned short)made.n, made.code};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}
