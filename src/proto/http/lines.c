/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lines: where lines end, and what a header section must not contain, sixteen bytes at a time in the compiler's own vectors. Most
 * blocks of a head hold nothing below 0x20 and are done with two comparisons.
 */
#include "proto/http/http.h"

enum { LANES = 16 };
typedef uint8_t lanes __attribute__((vector_size(LANES), aligned(1), may_alias));
typedef uint64_t halves __attribute__((vector_size(LANES)));

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first lane is the lowest byte of its half");

static inline lanes load(struct sp_span in, size_t at)
{
    return *(const lanes *)(in.p + at);
}

static inline void note(struct http_lines *l, struct sp_span in, size_t at)
{
    switch (in.p[at]) {
    case '\n':
        if (l->n < HTTP_LINES_MAX)
            l->end[l->n] = (uint32_t)at + 1;
        l->n++;
        break;
    case '\r':
        l->crlf += sp_span_at(in, at + 1) == '\n';
        l->cr++;
        break;
    case '\t':
        break;
    default:
        l->controls++;
    }
}

/* `half` has 0xff in every byte worth a look. */
static inline void note_half(struct http_lines *l, struct sp_span in, size_t at, uint64_t half)
{
    for (half &= UINT64_C(0x0101010101010101); half; half &= half - 1)
        note(l, in, at + ((size_t)__builtin_ctzll(half) >> 3));
}

void http_lines_find(struct http_lines *l, struct sp_span in)
{
    size_t at = 0;
    l->n = l->cr = l->crlf = l->controls = 0;
    for (; in.n - at >= LANES; at += LANES) {
        lanes c = load(in, at);
        halves low = (halves)((lanes)(c < 0x20) | (lanes)(c == 0x7f));
        if (low[0])
            note_half(l, in, at, low[0]);
        if (low[1])
            note_half(l, in, at + LANES / 2, low[1]);
    }
    for (; at < in.n; at++) {
        if (in.p[at] < 0x20 || in.p[at] == 0x7f)
            note(l, in, at);
    }
}

/* The compiler makes one comparison of each of these. */
size_t http_name_length(struct sp_span in)
{
    if (in.n < LANES)
        return 0;
    lanes c = load(in, 0);
    lanes letter = (lanes)((lanes)((c | 0x20) - 'a') < 26), digit = (lanes)((lanes)(c - '0') < 10), hyphen = (lanes)(c == '-');
    halves other = ~(halves)(letter | digit | hyphen);
    if (other[0])
        return (size_t)__builtin_ctzll(other[0]) >> 3;
    return other[1] ? LANES / 2 + ((size_t)__builtin_ctzll(other[1]) >> 3) : LANES;
}

bool http_has_escapes(struct sp_span in)
{
    size_t at = 0;
    for (; in.n - at >= LANES; at += LANES) {
        lanes c = load(in, at);
        halves hit = (halves)((lanes)(c == '%') | (lanes)(c == '+') | (lanes)(c >= 0x80));
        if (hit[0] | hit[1])
            return true;
    }
    for (; at < in.n; at++) {
        if (in.p[at] == '%' || in.p[at] == '+' || in.p[at] >= 0x80)
            return true;
    }
    return false;
}
