/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum arena_limits {
    SP_ARENA_KEEP = 256 << 10, /* touched memory kept between messages: ordinary ones never cost a page fault */
    ALIGN = 16,
};

int sp_arena_init(struct sp_arena *a, size_t max)
{
    void *p = mmap(NULL, max, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return -errno;
    *a = (struct sp_arena){.base = p, .max = max};
    return 0;
}

void sp_arena_fini(struct sp_arena *a)
{
    if (a->base)
        munmap(a->base, a->max);
    *a = (struct sp_arena){0};
}

void sp_arena_reset(struct sp_arena *a)
{
    if (a->touched > SP_ARENA_KEEP) {
        madvise(a->base + SP_ARENA_KEEP, a->max - SP_ARENA_KEEP, MADV_DONTNEED);
        a->touched = 0;
    }
    a->used = 0;
    a->exhausted = false;
}

void *sp_arena_get(struct sp_arena *a, size_t n)
{
    size_t at = (a->used + (ALIGN - 1)) & ~(size_t)(ALIGN - 1);
    if (at > a->max || n > a->max - at) {
        a->exhausted = true;
        return NULL;
    }
    a->used = at + n;
    if (a->used > a->touched)
        a->touched = a->used;
    return a->base + at;
}

void sp_arena_keep(struct sp_arena *a, const void *newest, size_t n)
{
    a->used = (size_t)((const uint8_t *)newest - a->base) + n;
}

struct sp_span sp_arena_copy(struct sp_arena *a, struct sp_span s)
{
    uint8_t *p = sp_arena_get(a, s.n);
    if (!p)
        return (struct sp_span){NULL, 0};
    if (s.n)
        memcpy(p, s.p, s.n);
    return (struct sp_span){p, s.n};
}
