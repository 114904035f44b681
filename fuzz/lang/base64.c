/* SPDX-License-Identifier: Apache-2.0 */
/* base64: against a decoder that gathers all bits first, in both alphabets. */
#include "lang/lang.h"
#include "target.h"

static int value_of(uint8_t c)
{
    static const struct sp_span digits = {
        (const uint8_t *)"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 64};
    size_t at = sp_span_byte(digits, 0, c == '-' ? '+' : c == '_' ? '/' : c);
    return at == SP_NOT_FOUND ? -1 : (int)at;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Byte `index` of what the digits (six bits each) spell. */
static uint8_t byte_at(struct sp_span digits, size_t index)
{
    size_t bit = index * 8, first = bit / 6;
    unsigned two = (unsigned)digits.p[first] << 6 | digits.p[first + 1];
    return (uint8_t)(two >> (4 - bit % 6) & 0xff);
}

void target(struct sp_span in, struct sp_arena *a)
{
    struct sp_span lenient = sp_base64_lenient(in, a), strict = SP_LIT("untouched");
    bool all = sp_base64_decode(in, a, &strict);
    fuzz_check(all || sp_span_eq(strict, SP_LIT("untouched")));
    uint8_t *p = sp_arena_get(a, in.n);
    if (a->exhausted)
        return;
    struct sp_span digits = {p, 0};
    size_t at = 0;
    for (; at < in.n && (is_blank(in.p[at]) || value_of(in.p[at]) >= 0); at++) {
        if (!is_blank(in.p[at]))
            p[digits.n++] = (uint8_t)value_of(in.p[at]);
    }
    while (at < in.n && (in.p[at] == '=' || is_blank(in.p[at])))
        at++;
    fuzz_check(all == (at == in.n));
    fuzz_check(lenient.n == digits.n * 6 / 8 && (!all || sp_span_eq(strict, lenient)));
    for (size_t i = 0; i < lenient.n; i++)
        fuzz_check(lenient.p[i] == byte_at(digits, i));
}
