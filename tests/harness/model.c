/* SPDX-License-Identifier: Apache-2.0 */
/* model: runs a harness under CBMC: every choice is an unknown, and memory is exactly as long as asked for. */
#include <stdlib.h>

#include "harness.h"

unsigned nondet_unsigned(void);
uint8_t nondet_byte(void);

unsigned h_pick(unsigned limit)
{
    unsigned v = nondet_unsigned();
    __CPROVER_assume(v < limit);
    return v;
}

uint8_t *h_room(size_t n)
{
    uint8_t *p = malloc(n);
    __CPROVER_assume(p != NULL);
    return p;
}

struct sp_span h_bytes(size_t max, struct sp_span alphabet)
{
    (void)alphabet;
    size_t n = h_pick((unsigned)max + 1);
    uint8_t *p = h_room(n);
    for (size_t i = 0; i < n; i++)
        p[i] = nondet_byte();
    return sp_span_of(p, n);
}

int main(void)
{
    harness();
    return 0;
}
