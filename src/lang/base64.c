/* SPDX-License-Identifier: Apache-2.0 */
/* base64: RFC 4648, both alphabets. */
#include "lang/lang.h"

static int digit_of(uint8_t c)
{
    if ((uint8_t)(sp_lower(c) - 'a') < 26)
        return c - (c & 0x20 ? 'a' - 26 : 'A');
    if (sp_is_digit(c))
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Decodes up to the first byte that does not belong; *ret_used gets how far that was. */
static struct sp_span decode(struct sp_span in, struct sp_arena *a, size_t *ret_used)
{
    uint8_t *out = sp_arena_get(a, in.n / 4 * 3 + 3);
    uint32_t bits = 0, have = 0;
    size_t i = 0, n = 0;
    for (; out && i < in.n; i++) {
        int digit = digit_of(in.p[i]);
        if (digit < 0 && is_blank(in.p[i]))
            continue;
        if (digit < 0)
            break;
        bits = (bits << 6 | (unsigned)digit) & 0xffffff;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[n++] = (uint8_t)(bits >> have);
        }
    }
    while (i < in.n && (in.p[i] == '=' || is_blank(in.p[i])))
        i++;
    *ret_used = i;
    if (out)
        sp_arena_keep(a, out, n);
    return sp_span_of(out, n);
}

bool sp_base64_decode(struct sp_span in, struct sp_arena *a, struct sp_span *ret)
{
    size_t used;
    struct sp_span out = decode(in, a, &used);
    if (used != in.n || a->exhausted)
        return false;
    *ret = out;
    return true;
}

struct sp_span sp_base64_lenient(struct sp_span in, struct sp_arena *a)
{
    size_t used;
    return decode(in, a, &used);
}
