/* SPDX-License-Identifier: Apache-2.0 */
/* url: percent-encoding (RFC 3986 section 2.1), and what lenient servers make of the rest: %uXXXX, overlong UTF-8. */
#include "lang/lang.h"

/* First byte that decoding could change, or the length. */
static size_t plain_prefix(struct sp_span in, unsigned flags)
{
    uint8_t plus = flags & SP_URL_PLUS ? '+' : '%';
    for (size_t i = 0; i < in.n; i++) {
        uint8_t c = in.p[i];
        if (c == '%' || c == plus || c >= 0xc0)
            return i;
    }
    return in.n;
}

/* n hexadecimal digits at off, or -1. */
static int hex_at(struct sp_span in, size_t off, size_t n)
{
    int v = 0;
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

static size_t put_utf8(uint8_t *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xc0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    out[0] = (uint8_t)(0xe0 | c >> 12);
    out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    out[2] = (uint8_t)(0x80 | (c & 0x3f));
    return 3;
}

/* Windows maps the fullwidth forms of ASCII to ASCII. */
static uint32_t fold_fullwidth(uint32_t c)
{
    return c >= 0xff01 && c <= 0xff5e ? c - 0xff01 + 0x21 : c;
}

/* One escape at in[*at] == '%': appends what it stands for to out[*n]. A broken one is a percent sign. */
static void decode_escape(struct sp_span in, size_t *at, uint8_t *out, size_t *n)
{
    int v = hex_at(in, *at + 1, 2);
    if (v >= 0) {
        out[(*n)++] = (uint8_t)v;
        *at += 3;
        return;
    }
    int second = sp_span_at(in, *at + 1);
    v = second == 'u' || second == 'U' ? hex_at(in, *at + 2, 4) : -1;
    if (v >= 0) {
        *n += put_utf8(out + *n, fold_fullwidth((uint32_t)v)); /* six bytes become at most three */
        *at += 6;
        return;
    }
    out[(*n)++] = '%';
    (*at)++;
}

/* Length of the overlong sequence at p, 0 when there is none; *ret is the character. */
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

/* Folds overlong sequences in place; the result is never longer. */
static size_t fold_overlong(uint8_t *p, size_t n)
{
    size_t out = 0, at = 0;
    while (at < n) {
        uint32_t c;
        size_t len = p[at] >= 0xc0 ? overlong_at(sp_span_of(p, n), at, &c) : 0;
        if (len) {
            at += len;
            out += put_utf8(p + out, c);
        } else {
            p[out++] = p[at++];
        }
    }
    return out;
}

struct sp_span sp_url_decode(struct sp_span in, unsigned flags, struct sp_arena *a)
{
    size_t at = plain_prefix(in, flags);
    if (at == in.n)
        return in;
    uint8_t *out = sp_arena_get(a, in.n);
    if (!out)
        return (struct sp_span){NULL, 0};
    size_t n = 0;
    bool high = false;
    for (at = 0; at < in.n;) {
        uint8_t c = in.p[at];
        if (c == '%') {
            decode_escape(in, &at, out, &n);
        } else {
            out[n++] = c == '+' && (flags & SP_URL_PLUS) ? ' ' : c;
            at++;
        }
        high |= out[n - 1] >= 0x80;
    }
    if (high)
        n = fold_overlong(out, n);
    sp_arena_keep(a, out, n);
    return sp_span_of(out, n);
}

static bool is_unreserved(uint8_t c)
{
    return sp_is_digit(c) || (uint8_t)(sp_lower(c) - 'a') < 26 || c == '-' || c == '.' || c == '_' || c == '~';
}

void sp_url_encode(struct sp_buf *out, struct sp_span in, unsigned flags, struct sp_span keep)
{
    for (size_t i = 0; i < in.n; i++) {
        uint8_t c = in.p[i];
        if (is_unreserved(c) || sp_span_byte(keep, 0, c) != SP_NOT_FOUND) {
            sp_put_byte(out, c);
        } else if (c == ' ' && (flags & SP_URL_PLUS)) {
            sp_put_byte(out, '+');
        } else {
            sp_put_byte(out, '%');
            sp_put_byte(out, (uint8_t)"0123456789ABCDEF"[c >> 4]);
            sp_put_byte(out, (uint8_t)"0123456789ABCDEF"[c & 15]);
        }
    }
}
