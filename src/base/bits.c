/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bits.h"

size_t sp_bits_next(const uint64_t *w, size_t nbits, size_t from)
{
    for (size_t i = from >> 6; from < nbits && i < SP_BITS_WORDS(nbits); i++) {
        uint64_t word = w[i];
        if (i == from >> 6)
            word &= UINT64_MAX << (from & 63);
        if (word) {
            size_t at = i * 64 + (size_t)__builtin_ctzll(word);
            return at < nbits ? at : nbits;
        }
    }
    return nbits;
}

/* Word i without the bits at and beyond nbits. */
static uint64_t word_of(const uint64_t *w, size_t nbits, size_t i)
{
    bool last = i == (nbits >> 6);
    return last ? w[i] & ~(UINT64_MAX << (nbits & 63)) : w[i];
}

size_t sp_bits_count(const uint64_t *w, size_t nbits)
{
    size_t n = 0;
    for (size_t i = 0; i < SP_BITS_WORDS(nbits); i++)
        n += (size_t)__builtin_popcountll(word_of(w, nbits, i));
    return n;
}

bool sp_bits_any(const uint64_t *w, size_t nbits)
{
    for (size_t i = 0; i < SP_BITS_WORDS(nbits); i++) {
        if (word_of(w, nbits, i))
            return true;
    }
    return false;
}

bool sp_bits_meet(const uint64_t *a, const uint64_t *b, size_t nbits)
{
    for (size_t i = 0; i < SP_BITS_WORDS(nbits); i++) {
        if (word_of(a, nbits, i) & b[i])
            return true;
    }
    return false;
}

void sp_bits_or(uint64_t *into, const uint64_t *from, size_t nbits)
{
    for (size_t i = 0; i < SP_BITS_WORDS(nbits); i++)
        into[i] |= word_of(from, nbits, i);
}

void sp_bits_zero(uint64_t *w, size_t nbits)
{
    for (size_t i = 0; i < SP_BITS_WORDS(nbits); i++)
        w[i] = 0;
}
