/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exhaustive: runs a harness once for every sequence of choices it can make. The choices of a run are digits of a number
 * whose places have limits of their own; the next run adds one to it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "room.h"

enum { CHOICES_MAX = 128 /* choices of one run: more is a harness that was not made small */ };

static struct {
    unsigned digit[CHOICES_MAX], limit[CHOICES_MAX];
    unsigned n, at;
} choices;

unsigned h_pick(unsigned limit)
{
    if (choices.at == choices.n) {
        h_check(choices.n < CHOICES_MAX && limit > 0);
        choices.digit[choices.n] = 0;
        choices.limit[choices.n++] = limit;
    }
    return choices.digit[choices.at++];
}

struct sp_span h_bytes(size_t max, struct sp_span alphabet)
{
    size_t n = h_pick((unsigned)max + 1);
    uint8_t *p = h_room(n);
    for (size_t i = 0; i < n; i++)
        p[i] = alphabet.p[h_pick((unsigned)alphabet.n)];
    return sp_span_of(p, n);
}

static bool next_sequence(void)
{
    while (choices.n && choices.digit[choices.n - 1] + 1 == choices.limit[choices.n - 1])
        choices.n--;
    if (choices.n == 0)
        return false;
    choices.digit[choices.n - 1]++;
    return true;
}

int main(void)
{
    unsigned long runs = 0;
    do {
        choices.at = 0;
        room_reset();
        harness();
        runs++;
    } while (next_sequence());
    printf("1..1\nok 1 - all of %lu sequences\n", runs);
    return 0;
}
