/* SPDX-License-Identifier: Apache-2.0 */
/* url: percent-encoding (RFC 3986 section 2.1), and what lenient servers make of the rest: %uXXXX, overlong UTF-8. */
#include "lang/inside.h"

/* Sixteen bytes at a time in the compiler's own vectors: nearly every value has nothing to decode. */
enum { LANES = 16 };
typedef uint8_t lanes __attribute__((vector_size(LANES)));
typedef uint64_t halves __attribute__((vector_size(LANES)));

static bool any_special(const uint8_t *p, uint8_t plus)
{
    lanes c;
    __builtin_memcpy(&c, p, LANES);
    halves found = (halves)((c == '%') | (c == plus) | (c >= 0xc0));
    return (found[0] | found[1]) != 0;
}

/* First byte at or after `at` that decoding might change, or the length. */
static size_t next_special(struct sp_span in, size_t at, uint8_t plus)
{
    while (in.n - at >= LANES && !any_special(in.p + at, plus))
        at += LANES;
    while (at < in.n && in.p[at] != '%' && in.p[at] != plus && in.p[at] < 0xc0)
        at++;
    return at;
}

/* ---- escapes ---- */

/* n hexadecimal digits at off, or -1. */
static int32_t hex_at(struct sp_span in, size_t off, size_t n)
{
    int32_t v = 0;
    if (off > in.n || n > in.n - off)
        return -1;
    for (size_t i = 0; i < n; i++) {
        int digit = sp_hex(in.p[off + i]);
        if (digit < 0)
            return -1;
        v = v << 4 | digit;
    }
    return v;
}

/* The UTF-16 unit of a %uXXXX at off, or -1. */
static int32_t unit_at(struct sp_span in, size_t off)
{
    int letter = sp_span_at(in, off + 1);
    bool escape = sp_span_at(in, off) == '%' && (letter == 'u' || letter == 'U');
    return escape ? hex_at(in, off + 2, 4) : -1;
}

/* Windows maps the fullwidth forms of ASCII to ASCII. */
static uint32_t fold_fullwidth(uint32_t c)
{
    return c >= 0xff01 && c <= 0xff5e ? c - 0xff01 + 0x21 : c;
}

/* The escape at in.p[at] == '%': appends what it stands for and returns its length. A broken one is a percent sign. */
static size_t take_escape(struct sp_span in, size_t at, struct sp_buf *out)
{
    int32_t v = hex_at(in, at + 1, 2);
    if (v >= 0) {
        out->p[out->n++] = (uint8_t)v;
        return 3;
    }
    v = unit_at(in, at);
    if (v < 0) {
        sp_put_byte(out, '%');
        return 1;
    }
    int32_t low = is_high_surrogate((uint32_t)v) ? unit_at(in, at + 6) : -1;
    if (low >= 0 && is_low_surrogate((uint32_t)low)) {
        put_utf8(out, join_surrogates((uint32_t)v, (uint32_t)low));
        return 12;
    }
    put_utf8(out, fold_fullwidth((uint32_t)v)); /* six bytes become at most three */
    return 6;
}

/* ---- overlong forms ---- */

/* Length of the overlong sequence at `at`, 0 when there is none; *ret is the character. */
static size_t overlong_at(struct sp_span s, size_t at, uint32_t *ret)
{
    uint8_t c = s.p[at];
    size_t len = c >= 0xc0 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf8 ? 4 : 0;
    if (len == 0 || len > s.n - at)
        return 0;
    uint32_t v = c & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s.p[at + i] & 0xc0) != 0x80)
            return 0;
        v = v << 6 | (s.p[at + i] & 0x3f);
    }
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    *ret = v;
    return v < least[len] ? len : 0;
}

/* Folds overlong sequences where they stand: what they fold to is never longer. */
static void fold_overlong(struct sp_buf *b)
{
    struct sp_span in = sp_buf_span(b);
    size_t at = 0;
    b->n = 0;
    while (at < in.n) {
        uint32_t c;
        size_t len = in.p[at] >= 0xc0 ? overlong_at(in, at, &c) : 0;
        if (len)
            put_utf8(b, c);
        else
            b->p[b->n++] = in.p[at];
        at += len ? len : 1;
    }
}

/* ---- the whole ---- */

/* Does decoding change what next_special found at `at`? */
static bool is_changed(struct sp_span in, size_t at)
{
    uint32_t c;
    if (in.p[at] == '%')
        return hex_at(in, at + 1, 2) >= 0 || unit_at(in, at) >= 0;
    return in.p[at] < 0xc0 || overlong_at(in, at, &c);
}

struct sp_span sp_url_decode(struct sp_span in, unsigned flags, struct sp_arena *a)
{
    uint8_t plus = flags & SP_URL_PLUS ? '+' : '%';
    size_t at = next_special(in, 0, plus);
    while (at < in.n && !is_changed(in, at))
        at = next_special(in, at + 1, plus);
    if (at == in.n)
        return in;
    struct sp_buf out = sp_buf_arena(a, in.n);
    if (out.full)
        return (struct sp_span){NULL, 0};
    sp_put(&out, sp_span_sub(in, 0, at));
    while (at < in.n) {
        if (in.p[at] == '%') {
            at += take_escape(in, at, &out);
            continue;
        }
        out.p[out.n++] = in.p[at] == plus ? ' ' : in.p[at];
        at++;
    }
    if (next_special(sp_buf_span(&out), 0, '%') < out.n)
        fold_overlong(&out);
    return sp_buf_done(&out, a);
}

static const bool unreserved[256] = {
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['-'] = true, ['.'] = true, ['_'] = true, ['~'] = true,
};

void sp_url_encode(struct sp_buf *out, struct sp_span in, unsigned flags, struct sp_span keep)
{
    size_t run = 0;
    for (size_t i = 0; i < in.n; i++) {
        uint8_t c = in.p[i];
        if (unreserved[c] || sp_span_byte(keep, 0, c) != SP_NOT_FOUND)
            continue;
        sp_put(out, sp_span_sub(in, run, i - run));
        run = i + 1;
        if (c == ' ' && (flags & SP_URL_PLUS)) {
            sp_put_byte(out, '+');
        } else {
            const uint8_t escape[] = {'%', (uint8_t)"0123456789ABCDEF"[c >> 4], (uint8_t)"0123456789ABCDEF"[c & 15]};
            sp_put(out, sp_span_of(escape, sizeof escape));
        }
    }
    sp_put(out, sp_span_from(in, run));
}
