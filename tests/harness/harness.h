/* SPDX-License-Identifier: Apache-2.0 */
/*
 * harness: one source, three ways to run it. A harness draws its input from h_pick and h_bytes and states what must hold with
 * h_check. Built for `make test` (exhaustive.c) every sequence of choices is tried; built with libFuzzer (fuzzed.c) the
 * choices come from the fuzzer; under CBMC (model.c) they are unknowns. The sizes fit the way it is built.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

#if defined(__CPROVER__)
#define H_WAY(exhaustive, fuzzed, proved) (proved)
#elif defined(H_FUZZED)
#define H_WAY(exhaustive, fuzzed, proved) (fuzzed)
#else
#define H_WAY(exhaustive, fuzzed, proved) (exhaustive)
#endif

/* The harness: called once for every sequence of choices. */
void harness(void);

/* Any number below `limit` (at least 1). */
unsigned h_pick(unsigned limit);
/* Up to `max` bytes that end at an unreadable page. Exhaustive runs take each byte from `alphabet`, the others any byte. */
struct sp_span h_bytes(size_t max, struct sp_span alphabet);
/* Room for n bytes that ends at an unreadable page. */
uint8_t *h_room(size_t n);

void h_fail(const char *what, const char *file, int line) __attribute__((noreturn));
#if defined(__CPROVER__)
#define h_check(x) __CPROVER_assert(x, #x)
#else
#define h_check(x)                                                                                                     \
    do {                                                                                                               \
        if (!(x))                                                                                                      \
            h_fail(#x, __FILE__, __LINE__);                                                                            \
    } while (0)
#endif

#endif
