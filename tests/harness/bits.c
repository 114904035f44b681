/* SPDX-License-Identifier: Apache-2.0 */
/* bits: set operations against one bit after the other, with stray bits beyond the end. */
#include "base/bits.h"

#include "harness.h"

enum sizes { WORDS = 3 };

static const size_t lengths[] = {0, 1, 63, 64, 65, 127, 128, 129, 190};
static const size_t places[] = {0, 1, 62, 63, 64, 65, 127, 128, 129, 189, 191};
#define COUNT(a) (sizeof(a) / sizeof *(a))

/* A set with up to two of the places. */
static uint64_t *some_bits(void)
{
    uint64_t *w = (uint64_t *)(void *)h_room(WORDS * sizeof *w);
    sp_bits_zero(w, WORDS * 64);
    for (int i = 0; i < 2; i++) {
        unsigned place = h_pick(COUNT(places) + 1);
        if (place < COUNT(places))
            sp_bit_set(w, places[place]);
    }
    return w;
}

static void questions(const uint64_t *w, size_t nbits)
{
    size_t from = h_pick(WORDS * 64), next = nbits, count = 0;
    for (size_t i = nbits; i-- > 0;) {
        count += sp_bit(w, i);
        if (i >= from && sp_bit(w, i))
            next = i;
    }
    h_check(sp_bits_next(w, nbits, from) == next);
    h_check(sp_bits_count(w, nbits) == count);
    h_check(sp_bits_any(w, nbits) == (count > 0));
}

static void pairs(uint64_t *a, size_t nbits)
{
    uint64_t *b = some_bits(), before[WORDS];
    bool meet = false;
    for (size_t i = 0; i < WORDS; i++)
        before[i] = a[i];
    for (size_t i = 0; i < nbits; i++)
        meet |= sp_bit(a, i) && sp_bit(b, i);
    h_check(sp_bits_meet(a, b, nbits) == meet);
    sp_bits_or(a, b, nbits);
    for (size_t i = 0; i < WORDS * 64; i++)
        h_check(sp_bit(a, i) == (sp_bit(before, i) || (i < nbits && sp_bit(b, i))));
}

void harness(void)
{
    size_t nbits = lengths[h_pick(COUNT(lengths))];
    uint64_t *w = some_bits();
    if (h_pick(2)) {
        pairs(w, nbits);
        return;
    }
    size_t place = places[h_pick(COUNT(places))];
    sp_bit_clear(w, place);
    h_check(!sp_bit(w, place));
    questions(w, nbits);
}
