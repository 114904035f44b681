/* SPDX-License-Identifier: Apache-2.0 */
/* hash: 8 bytes at a time, each word folded in by a 64x64->128 multiplication. Not for secrets, not for untrusted keys in a table. */
#include "base/hash.h"

#include <string.h>

static const uint64_t K0 = UINT64_C(0x9e3779b97f4a7c15), K1 = UINT64_C(0xc2b2ae3d27d4eb4f);

static uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 m = (unsigned __int128)a * b;
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static uint64_t load(const uint8_t *p, size_t n)
{
    uint64_t w = 0;
    memcpy(&w, p, n);
    return w;
}

/* ASCII capitals in every byte of w made small (a byte with its top bit set is none). */
static uint64_t lower8(uint64_t w)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), low7 = w & (ones * 0x7f);
    uint64_t from_a = low7 + ones * (0x80 - 'A'), past_z = low7 + ones * (0x80 - 'Z' - 1);
    uint64_t capital = (from_a ^ past_z) & ~w & (ones * 0x80);
    return w | capital >> 2;
}

static inline __attribute__((always_inline)) uint64_t hash(struct sp_span s, bool folded)
{
    uint64_t h = (s.n + 1) * K0; /* far from any text, or "\3" would collide with "\0\0" */
    size_t at = 0;
    for (; at + 8 <= s.n; at += 8) {
        uint64_t w = load(s.p + at, 8);
        h = fold(h ^ (folded ? lower8(w) : w), K1);
    }
    if (at < s.n) {
        uint64_t w = load(s.p + at, s.n - at);
        h = fold(h ^ (folded ? lower8(w) : w), K1);
    }
    return fold(h ^ K1, K0);
}

uint64_t sp_hash(struct sp_span s)
{
    return hash(s, false);
}

uint64_t sp_ihash(struct sp_span s)
{
    return hash(s, true);
}
