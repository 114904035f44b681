/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum buf_limits {
    GROW_MIN = 256,     /* first allocation of a growing buffer */
    FMT_MAX = 2048,     /* longest single formatted piece; longer ones are cut */
};

struct sp_buf sp_buf_fixed(void *p, size_t cap)
{
    return (struct sp_buf){.p = p, .cap = cap, .max = cap};
}

struct sp_buf sp_buf_growing(size_t max)
{
    return (struct sp_buf){.max = max, .owned = true};
}

struct sp_buf sp_buf_arena(struct sp_arena *a, size_t max)
{
    uint8_t *p = sp_arena_get(a, max);
    return (struct sp_buf){.p = p, .cap = p ? max : 0, .max = max, .full = !p};
}

struct sp_span sp_buf_done(struct sp_buf *b, struct sp_arena *a)
{
    if (b->p)
        sp_arena_keep(a, b->p, b->n);
    return sp_buf_span(b);
}

void sp_buf_fini(struct sp_buf *b)
{
    if (b->owned)
        free(b->p);
    *b = (struct sp_buf){0};
}

/* Room for n more bytes; false and `full` when the maximum is reached or memory is not to be had. */
static bool make_room(struct sp_buf *b, size_t n)
{
    if (n <= b->cap - b->n)
        return !b->full;
    if (b->full || !b->owned || n > b->max - b->n) {
        b->full = true;
        return false;
    }
    size_t cap = b->cap ? b->cap : GROW_MIN;
    while (cap < b->n + n)
        cap *= 2;
    if (cap > b->max)
        cap = b->max;
    uint8_t *p = realloc(b->p, cap);
    b->full = !p;
    if (!p)
        return false;
    b->p = p;
    b->cap = cap;
    return true;
}

void sp_put(struct sp_buf *b, struct sp_span s)
{
    if (s.n == 0 || !make_room(b, s.n))
        return;
    memcpy(b->p + b->n, s.p, s.n);
    b->n += s.n;
}

void sp_put_byte(struct sp_buf *b, uint8_t c)
{
    if (!make_room(b, 1))
        return;
    b->p[b->n++] = c;
}

void sp_put_str(struct sp_buf *b, const char *nul_terminated)
{
    sp_put(b, sp_span_str(nul_terminated));
}

void sp_put_u64(struct sp_buf *b, uint64_t v)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    sp_put(b, sp_span_of(digits + at, sizeof digits - at));
}

void sp_put_i64(struct sp_buf *b, int64_t v)
{
    if (v < 0)
        sp_put_byte(b, '-');
    sp_put_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void sp_put_hex64(struct sp_buf *b, uint64_t v)
{
    char digits[16];
    for (size_t at = sizeof digits; at-- > 0; v >>= 4)
        digits[at] = "0123456789abcdef"[v & 15];
    sp_put(b, sp_span_of(digits, sizeof digits));
}

void sp_put_fmt(struct sp_buf *b, const char *fmt, ...)
{
    char text[FMT_MAX];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n > 0)
        sp_put(b, sp_span_of(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1));
}

/* Length of the valid UTF-8 sequence at s, 0 when there is none (RFC 3629: no overlong forms, no surrogates). */
static size_t utf8_len(struct sp_span s)
{
    uint8_t c = s.p[0];
    size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    if (n == 0 || n > s.n)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((s.p[i] & 0xc0) != 0x80)
            return 0;
    }
    bool overlong = (c == 0xe0 && s.p[1] < 0xa0) || (c == 0xf0 && s.p[1] < 0x90);
    bool beyond = (c == 0xed && s.p[1] >= 0xa0) || (c == 0xf4 && s.p[1] >= 0x90);
    return overlong || beyond ? 0 : n;
}

static void put_json_escape(struct sp_buf *b, uint8_t c)
{
    static const char names[32] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    char name = c == '"' || c == '\\' ? (char)c : c < sizeof names ? names[c] : 0;
    if (name) {
        sp_put_byte(b, '\\');
        sp_put_byte(b, (uint8_t)name);
        return;
    }
    sp_put_str(b, "\\u00");
    sp_put_byte(b, (uint8_t)"0123456789abcdef"[c >> 4]);
    sp_put_byte(b, (uint8_t)"0123456789abcdef"[c & 15]);
}

void sp_put_json(struct sp_buf *b, struct sp_span s)
{
    size_t at = 0, run = 0;
    while (at < s.n) {
        uint8_t c = s.p[at];
        size_t n = c < 0x20 || c == '"' || c == '\\' || c == 0x7f ? 0 : utf8_len(sp_span_from(s, at));
        if (n) {
            at += n;
            continue;
        }
        sp_put(b, sp_span_sub(s, run, at - run));
        put_json_escape(b, c);
        run = ++at;
    }
    sp_put(b, sp_span_sub(s, run, at - run));
}
