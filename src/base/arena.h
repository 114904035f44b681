/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena: memory for one message, given back all at once. It reserves its maximum as address space when made, so it
 * never moves and never grows beyond what it was told; pages are touched only as used.
 */
#ifndef SP_BASE_ARENA_H
#define SP_BASE_ARENA_H

#include "base/span.h"

struct sp_arena {
    uint8_t *base;
    size_t used, max;
    size_t touched; /* high-water mark since the last trim */
    bool exhausted; /* some request did not fit since the last reset */
};

/* 0 or -errno. `max` in bytes. */
__attribute__((warn_unused_result)) int sp_arena_init(struct sp_arena *a, size_t max);
void sp_arena_fini(struct sp_arena *a);
/* Forget everything; pages beyond `SP_ARENA_KEEP` that were touched go back to the kernel. */
void sp_arena_reset(struct sp_arena *a);
/* n uninitialised bytes aligned to 16, or NULL when they do not fit (then `exhausted` is set). */
void *sp_arena_get(struct sp_arena *a, size_t n);
/* Gives back the tail of the newest allocation: it keeps its first n bytes. */
void sp_arena_keep(struct sp_arena *a, const void *newest, size_t n);
/* A copy of s in the arena; an empty span and `exhausted` when it does not fit. */
struct sp_span sp_arena_copy(struct sp_arena *a, struct sp_span s);

#endif
