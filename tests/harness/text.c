/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text: sp_put_json against RFC 8259 (what a string may hold) and RFC 3629 (what UTF-8 is): the result reads back as the
 * input, where bytes that are no UTF-8 come back as the code point of their value.
 */
#include "base/buf.h"
#include "harness.h"

enum sizes { TEXT = H_WAY(5, 64, 3) };

/* The code point at s and its length; -1 where no shortest, non-surrogate sequence starts. */
static long code_point(struct sp_span s, size_t *ret_n)
{
    static const long least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = s.p[0] < 0x80 ? 1 : s.p[0] >> 5 == 6 ? 2 : s.p[0] >> 4 == 14 ? 3 : s.p[0] >> 3 == 30 ? 4 : 0;
    *ret_n = 1;
    if (n == 0 || n > s.n)
        return -1;
    long v = n == 1 ? s.p[0] : s.p[0] & (0x7f >> n);
    for (size_t i = 1; i < n; i++) {
        if (s.p[i] >> 6 != 2)
            return -1;
        v = v << 6 | (s.p[i] & 63);
    }
    if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
        return -1;
    *ret_n = n;
    return v;
}

/* One character of a JSON string: its code point, or -1 when a JSON string may not hold it. */
static long read_char(struct sp_span s, size_t *ret_n)
{
    static const struct sp_span letters = {(const uint8_t *)"\"\\bfnrt", 7}, meant = {(const uint8_t *)"\"\\\b\f\n\r\t", 7};
    if (s.p[0] != '\\') {
        long c = code_point(s, ret_n);
        return c < 0x20 || c == '"' ? -1 : c;
    }
    uint64_t v;
    if (s.n >= 6 && s.p[1] == 'u') {
        *ret_n = 6;
        return sp_span_hex64(sp_span_sub(s, 2, 4), &v) ? (long)v : -1;
    }
    *ret_n = 2;
    size_t i = s.n >= 2 ? sp_span_byte(letters, 0, s.p[1]) : SP_NOT_FOUND;
    return i == SP_NOT_FOUND ? -1 : meant.p[i];
}

void harness(void)
{
    struct sp_span in = h_bytes(TEXT, SP_LIT("a\"\\\n\x01\x7f\x80\x8f\x90\x9f\xa0\xbf\xc1\xc2\xe0\xed\xee\xf0\xf4\xf5\xff"));
    size_t room = in.n * 6;
    struct sp_buf out = sp_buf_fixed(h_room(room), room);
    sp_put_json(&out, in);
    h_check(!out.full);
    size_t at = 0, n_in, n_out;
    for (size_t i = 0; i < in.n; i += n_in) {
        long meant = code_point(sp_span_from(in, i), &n_in);
        if (meant < 0)
            meant = in.p[i];
        h_check(at < out.n);
        h_check(read_char(sp_span_from(sp_buf_span(&out), at), &n_out) == meant);
        at += n_out;
    }
    h_check(at == out.n);
}
