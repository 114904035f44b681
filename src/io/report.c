/* SPDX-License-Identifier: Apache-2.0 */
/* report: counters and a ring of lines between a worker and the reader of all workers' reports. */
#include "io/report.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPORT_MAGIC UINT64_C(0x74726f7065720001)

enum { CACHE_LINE = 64 };

/*
 * `head` and `tail` count bytes since the beginning; the ring's place of a byte is its number modulo the size. The writer alone moves `head`, after the
 * bytes are there: a writer that dies in between has written nothing.
 */
struct sp_report {
    uint64_t magic;
    _Atomic uint32_t mode;
    struct sp_counters counters;
    _Alignas(CACHE_LINE) _Atomic uint64_t head;
    _Atomic uint64_t lost; /* lines that found no room, ever */
    _Alignas(CACHE_LINE) _Atomic uint64_t tail;
    uint64_t told;         /* of `lost`, what the reader has been told */
    _Atomic uint32_t asleep;
    _Alignas(CACHE_LINE) uint8_t ring[SP_REPORT_RING];
};

int sp_report_new(int *ret_fd)
{
    int fd = memfd_create("sallyport-report", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    uint64_t magic = REPORT_MAGIC;
    if (ftruncate(fd, sizeof(struct sp_report)) < 0 || pwrite(fd, &magic, sizeof magic, 0) != (ssize_t)sizeof magic) {
        int error = errno;
        close(fd);
        return -error;
    }
    *ret_fd = fd;
    return 0;
}

int sp_report_map(int fd, struct sp_report **ret)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_size != (off_t)sizeof(struct sp_report))
        return -EINVAL;
    struct sp_report *r = mmap(NULL, sizeof *r, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (r == MAP_FAILED)
        return -errno;
    if (r->magic != REPORT_MAGIC) {
        munmap(r, sizeof *r);
        return -EINVAL;
    }
    *ret = r;
    return 0;
}

void sp_report_unmap(struct sp_report *r)
{
    munmap(r, sizeof *r);
}

/* ---- writer ---- */

struct sp_counters *sp_report_counters(struct sp_report *r)
{
    return &r->counters;
}

void sp_report_set_mode(struct sp_report *r, enum sp_report_mode mode)
{
    atomic_store_explicit(&r->mode, mode, memory_order_release);
}

static void copy_in(struct sp_report *r, uint64_t at, struct sp_span s)
{
    size_t place = at % SP_REPORT_RING, first = SP_REPORT_RING - place;
    if (first > s.n)
        first = s.n;
    memcpy(r->ring + place, s.p, first);
    memcpy(r->ring, s.p + first, s.n - first);
}

bool sp_report_line(struct sp_report *r, struct sp_span line, bool *ret_wake)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    uint64_t used = head - atomic_load_explicit(&r->tail, memory_order_acquire);
    bool fits = line.n > 0 && line.n <= SP_REPORT_LINE_MAX && used <= SP_REPORT_RING && line.n <= SP_REPORT_RING - used;
    if (fits) {
        copy_in(r, head, line);
        atomic_store_explicit(&r->head, head + line.n, memory_order_release);
    } else {
        atomic_fetch_add_explicit(&r->lost, 1, memory_order_relaxed);
        r->counters.lost_events++;
    }
    /* Either we see that the reader sleeps, or it sees the line before it does. */
    atomic_thread_fence(memory_order_seq_cst);
    *ret_wake = atomic_load_explicit(&r->asleep, memory_order_relaxed) && atomic_exchange(&r->asleep, 0);
    return fits;
}

/* ---- reader ---- */

enum sp_report_mode sp_report_mode(const struct sp_report *r)
{
    uint32_t mode = atomic_load_explicit(&r->mode, memory_order_acquire);
    return mode <= SP_MODE_DOWN ? (enum sp_report_mode)mode : SP_MODE_DOWN;
}

void sp_report_sum(const struct sp_report *r, struct sp_counters *sum)
{
    const uint64_t *from = (const uint64_t *)(const void *)&r->counters;
    uint64_t *to = (uint64_t *)(void *)sum;
    for (unsigned i = 0; i < sizeof *sum / sizeof *to; i++)
        to[i] += __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}

static void copy_out(const struct sp_report *r, uint64_t at, uint8_t *to, size_t n)
{
    size_t place = at % SP_REPORT_RING, first = SP_REPORT_RING - place;
    if (first > n)
        first = n;
    memcpy(to, r->ring + place, first);
    memcpy(to + first, r->ring, n - first);
}

/* Length of the whole lines; what is looked at is the reader's own copy. False: there is one that no writer of ours puts in. */
static bool whole_lines(struct sp_span s, size_t *ret)
{
    size_t at = 0, end;
    while ((end = sp_span_byte(s, at, '\n')) != SP_NOT_FOUND && end - at < SP_REPORT_LINE_MAX)
        at = end + 1;
    *ret = at;
    return end == SP_NOT_FOUND && s.n - at < SP_REPORT_LINE_MAX;
}

ssize_t sp_report_take(struct sp_report *r, uint8_t *to, size_t n, uint64_t *ret_lost)
{
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    uint64_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    uint64_t lost = atomic_load_explicit(&r->lost, memory_order_relaxed), there = head - tail;
    *ret_lost = lost - r->told;
    r->told = lost;
    bool broken = there > SP_REPORT_RING;
    size_t most = broken ? 0 : there < n ? (size_t)there : n;
    copy_out(r, tail, to, most);
    size_t lines;
    broken |= !whole_lines(sp_span_of(to, most), &lines);
    broken |= most == there && lines < most; /* `head` is moved by whole lines */
    atomic_store_explicit(&r->tail, broken ? head : tail + lines, memory_order_release);
    return broken ? -EPROTO : (ssize_t)lines;
}

bool sp_report_sleep(struct sp_report *r)
{
    atomic_store(&r->asleep, 1);
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&r->head, memory_order_relaxed) == atomic_load_explicit(&r->tail, memory_order_relaxed))
        return true;
    atomic_store(&r->asleep, 0);
    return false;
}
