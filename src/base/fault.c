/* SPDX-License-Identifier: Apache-2.0 */
/* fault: the faults themselves. System calls and allocations reach us through the linker (--wrap=NAME), so that no line that calls them knows. */
#include "base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

enum fault_limits {
    EXHAUST_STEP = 1 << 20,
    EXHAUST_STEPS = 1024, /* a gibibyte: more would exhaust the machine before anybody could look */
    DEFAULT_RATE = 1000,
};

/* Shared by a keeper and its workers. */
struct shared {
    uint32_t workers, inspecting; /* that were started */
};

static struct {
    struct shared *shared;
    long start, start_after;
    uint64_t rate; /* 0: nothing fails */
    uint64_t seed, state;
    bool armed;
} fault;

/* ---- a decoder that fails ---- */

/* Of a signal, whatever else would have been said of it. */
__attribute__((no_sanitize("address", "undefined"))) static void crash(void)
{
    volatile uintptr_t nowhere = 0;
    *(volatile uint8_t *)nowhere = 1;
}

static void hang(void)
{
    for (;;)
        __asm__ volatile("" ::: "memory");
}

static void exhaust(void)
{
    for (unsigned i = 0; i < EXHAUST_STEPS; i++) {
        volatile uint8_t *p = malloc(EXHAUST_STEP);
        for (size_t at = 0; p && at < EXHAUST_STEP; at += 4096)
            p[at] = 1;
    }
    hang();
}

void sp_fault_unit(struct sp_span unit)
{
    static const struct {
        struct sp_span word;
        void (*does)(void);
    } faults[] = {{SP_LIT("crash"), crash}, {SP_LIT("hang"), hang}, {SP_LIT("exhaust"), exhaust}};
    const struct sp_span prefix = SP_LIT("sallyport-fault-");
    for (size_t at = sp_span_find(unit, 0, prefix); at != SP_NOT_FOUND; at = sp_span_find(unit, at + 1, prefix))
        for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++)
            if (sp_span_starts(sp_span_from(unit, at + prefix.n), faults[i].word))
                faults[i].does();
}

/* ---- a worker that starts ---- */

static long number(const char *name, long otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtol(text, NULL, 10) : otherwise;
}

/* splitmix64: every seed is a good one. */
static uint64_t next(void)
{
    uint64_t z = __atomic_add_fetch(&fault.state, UINT64_C(0x9e3779b97f4a7c15), __ATOMIC_RELAXED);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

__attribute__((constructor)) void sp_fault_reset(void)
{
    static struct shared ours; /* when there is nothing to share */
    fault.armed = false;
    fault.start = number("SALLYPORT_FAULT_START", 0);
    fault.start_after = number("SALLYPORT_FAULT_START_AFTER", 0);
    fault.seed = (uint64_t)number("SALLYPORT_FAULT_SEED", 0);
    fault.rate = getenv("SALLYPORT_FAULT_SEED") ? (uint64_t)number("SALLYPORT_FAULT_RATE", DEFAULT_RATE) : 0;
    if (!fault.shared) {
        void *p = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        fault.shared = p == MAP_FAILED ? &ours : p;
    }
    *fault.shared = (struct shared){0, 0};
}

void sp_fault_rest(void)
{
    fault.armed = false;
}

static bool dies(bool inspects)
{
    long before = __atomic_fetch_add(&fault.shared->inspecting, inspects, __ATOMIC_RELAXED) - fault.start_after;
    if (before < 0 || (!inspects && fault.start != -2))
        return false;
    return fault.start < 0 || before < fault.start;
}

void sp_fault_worker(bool inspects)
{
    uint64_t before = __atomic_fetch_add(&fault.shared->workers, 1, __ATOMIC_RELAXED);
    if (dies(inspects))
        crash();
    fault.state = fault.seed ^ before << 32;
    fault.armed = fault.rate > 0;
    if (fault.armed && before == 0)
        sp_log(SP_LOG_WARN, "FAULTS ARE INJECTED: seed %llu, one call in %llu", (unsigned long long)fault.seed, (unsigned long long)fault.rate);
}

/* ---- calls that fail (timerfd_settime is not among them: with a valid time it cannot) ---- */

static bool strikes(void)
{
    return fault.armed && next() % fault.rate == 0;
}

/* One of the errors that the call is documented to have. */
static int fails(const int *errors, size_t n)
{
    errno = errors[next() % n];
    return -1;
}
#define FAILS(...) fails((const int[]){__VA_ARGS__}, sizeof((const int[]){__VA_ARGS__}) / sizeof(int))

#define WRAPPED(type, name, ...)     \
    type __real_##name(__VA_ARGS__); \
    type __wrap_##name(__VA_ARGS__); \
    type __wrap_##name(__VA_ARGS__)

WRAPPED(int, socket, int domain, int type, int protocol)
{
    return strikes() ? FAILS(EMFILE, ENFILE, ENOBUFS, ENOMEM) : __real_socket(domain, type, protocol);
}

WRAPPED(int, connect, int fd, const struct sockaddr *to, socklen_t len)
{
    return strikes() ? FAILS(ECONNREFUSED, ENETUNREACH, EADDRNOTAVAIL, ETIMEDOUT) : __real_connect(fd, to, len);
}

WRAPPED(int, accept4, int fd, struct sockaddr *from, socklen_t *len, int flags)
{
    return strikes() ? FAILS(ECONNABORTED, EMFILE, ENFILE, ENOMEM) : __real_accept4(fd, from, len, flags);
}

/* A connection that has failed stays so: it is reset. */
static int loses(int fd, int error)
{
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    if (__real_connect(fd, &nobody, sizeof nobody) < 0) /* of the unix family */
        (void)shutdown(fd, SHUT_RDWR);
    errno = error;
    return -1;
}

/* Never a short count: from a kernel that means that the socket is empty, or full, and that epoll will say when it no longer is. */
WRAPPED(ssize_t, recv, int fd, void *to, size_t n, int flags)
{
    return strikes() ? loses(fd, next() % 2 ? ECONNRESET : ETIMEDOUT) : __real_recv(fd, to, n, flags);
}

WRAPPED(ssize_t, send, int fd, const void *from, size_t n, int flags)
{
    return strikes() ? loses(fd, next() % 2 ? ECONNRESET : EPIPE) : __real_send(fd, from, n, flags);
}

/* One end is a socket. It moves whole pages: less than asked as often as nothing. */
WRAPPED(ssize_t, splice, int in, off64_t *in_at, int out, off64_t *out_at, size_t n, unsigned flags)
{
    if (!strikes())
        return __real_splice(in, in_at, out, out_at, n, flags);
    if (n > 1 && next() % 2)
        return __real_splice(in, in_at, out, out_at, 1 + next() % (n - 1), flags);
    (void)loses(in, ECONNRESET);
    return loses(out, ECONNRESET);
}

/* Only one that is new needs memory. */
WRAPPED(int, epoll_ctl, int epoll, int op, int fd, struct epoll_event *event)
{
    int rc = __real_epoll_ctl(epoll, op, fd, event);
    if (rc < 0 || op != EPOLL_CTL_ADD || !strikes())
        return rc;
    (void)__real_epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
    return FAILS(ENOMEM, ENOSPC);
}

WRAPPED(int, pipe2, int ret[2], int flags)
{
    return strikes() ? FAILS(EMFILE, ENFILE) : __real_pipe2(ret, flags);
}

/* Those of every socket, SO_LINGER for one, always succeed. */
WRAPPED(int, setsockopt, int fd, int level, int name, const void *value, socklen_t len)
{
    return level != SOL_SOCKET && strikes() ? FAILS(ENOMEM, ENOBUFS) : __real_setsockopt(fd, level, name, value, len);
}

/* What mmap is called where offsets have 64 bits. */
WRAPPED(void *, mmap64, void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
    if (!strikes())
        return __real_mmap64(at, n, protection, flags, fd, offset);
    errno = ENOMEM;
    return MAP_FAILED;
}

static void *no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

WRAPPED(void *, malloc, size_t n)
{
    return strikes() ? no_memory() : __real_malloc(n);
}

WRAPPED(void *, calloc, size_t n, size_t size)
{
    return strikes() ? no_memory() : __real_calloc(n, size);
}

WRAPPED(void *, realloc, void *p, size_t n)
{
    return strikes() ? no_memory() : __real_realloc(p, n);
}
