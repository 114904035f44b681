/* SPDX-License-Identifier: Apache-2.0 */
/* number: digits to numbers, against arithmetic in 128 bits. */
#include "harness.h"

enum sizes { DIGITS = H_WAY(4, 24, 3) };

/* The number that s spells in base 10 or 16; false when it spells none below 2^64. */
static bool spelled(struct sp_span s, unsigned base, uint64_t *ret)
{
    unsigned __int128 v = 0;
    for (size_t i = 0; i < s.n; i++) {
        static const struct sp_span small = {(const uint8_t *)"0123456789abcdef", 16}, big = {(const uint8_t *)"0123456789ABCDEF", 16};
        unsigned digit = 0;
        while (digit < base && small.p[digit] != s.p[i] && big.p[digit] != s.p[i])
            digit++;
        if (digit == base)
            return false;
        v = v * base + digit;
        if (v >> 64)
            return false;
    }
    *ret = (uint64_t)v;
    return s.n > 0;
}

/* Leading digits that bring a few more to the edge of 64 bits. */
static struct sp_span lead(void)
{
    static const struct sp_span leads[] = {
        {NULL, 0},
        {(const uint8_t *)"1844674407370955161", 19},
        {(const uint8_t *)"00000000000000000000", 20},
        {(const uint8_t *)"fffffffffffffff", 15},
        {(const uint8_t *)"1fffffffffffffff", 16},
    };
    return leads[h_pick(sizeof leads / sizeof *leads)];
}

void harness(void)
{
    struct sp_span head = lead(), tail = h_bytes(DIGITS, SP_LIT("01569aFg /"));
    uint8_t *p = h_room(head.n + tail.n);
    for (size_t i = 0; i < head.n + tail.n; i++)
        p[i] = i < head.n ? head.p[i] : tail.p[i - head.n];
    struct sp_span s = {p, head.n + tail.n};
    uint64_t expected = 77, got = 77;
    bool decimal = spelled(s, 10, &expected);
    h_check(sp_span_u64(s, &got) == decimal && got == (decimal ? expected : 77));
    got = expected = 77;
    bool hex = spelled(s, 16, &expected);
    h_check(sp_span_hex64(s, &got) == hex && got == (hex ? expected : 77));
}
