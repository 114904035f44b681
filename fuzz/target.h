/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target: what every fuzz target implements, and how it says that something does not hold. The driver calls it twice with an
 * input: once with plenty of memory, and once with an arena that is too small, by an amount taken from the input.
 */
#ifndef FUZZ_TARGET_H
#define FUZZ_TARGET_H

#include "base/arena.h"
#include "base/span.h"

/* `in` ends at an unreadable page. What it states must also hold when the arena is exhausted. */
void target(struct sp_span in, struct sp_arena *a);

/* The next choice of a target that needs some: taken from the front of `in`. 0 when it is empty. */
static inline uint8_t fuzz_byte(struct sp_span *in)
{
    uint8_t c = in->n ? in->p[0] : 0;
    *in = sp_span_from(*in, 1);
    return c;
}

/* All of `inner` lies within `outer`. */
static inline bool fuzz_within(struct sp_span inner, struct sp_span outer)
{
    return inner.n == 0 || (inner.p >= outer.p && inner.n <= outer.n && (size_t)(inner.p - outer.p) <= outer.n - inner.n);
}

void fuzz_fail(const char *what, const char *file, int line) __attribute__((noreturn));
#define fuzz_check(x)                                                                                                  \
    do {                                                                                                               \
        if (!(x))                                                                                                      \
            fuzz_fail(#x, __FILE__, __LINE__);                                                                         \
    } while (0)

#endif
