/* SPDX-License-Identifier: Apache-2.0 */
/* charset: RFC 9110 section 8.3.2. Bodies are read as ASCII and its supersets; UTF-16 is brought to UTF-8 first, anything else cannot be read. */
#include "proto/http/http.h"

/* Charsets in which an ASCII byte is that character. False: others, in which a body says something else than it seems to. */
bool http_charset_has_ascii(struct sp_span name)
{
    static const char *const prefixes[] = {"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-", "iso8859-", "latin", "windows-125", "cp125",
                                           "koi8-", "gb", "big5", "euc-", "shift_jis", "shift-jis", "sjis", "windows-31j", "windows-874",
                                           "tis-620", "macintosh", "unicode-1-1-utf-8"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        if (sp_span_istarts(name, sp_span_str(prefixes[i])))
            return true;
    }
    return name.n == 0;
}

/* UTF-16 by its byte order mark or by where the zeros of its first characters stand, as JSON parsers find it. */
enum http_wide http_wide_of(struct sp_span body)
{
    static const struct { uint8_t zero[4]; enum http_wide wide; } patterns[] = {
        {{1, 0, 1, 0}, WIDE_BIG}, {{0, 1, 0, 1}, WIDE_LITTLE}, {{1, 1, 1, 0}, WIDE_OTHER}, {{0, 1, 1, 1}, WIDE_OTHER},
    };
    if (sp_span_starts(body, SP_LIT("\xfe\xff")))
        return WIDE_BIG;
    if (sp_span_starts(body, SP_LIT("\xff\xfe")))
        return WIDE_LITTLE;
    for (size_t i = 0; body.n >= 4 && i < sizeof patterns / sizeof *patterns; i++) {
        bool same = true;
        for (size_t k = 0; k < 4; k++)
            same &= (body.p[k] == 0) == patterns[i].zero[k];
        if (same)
            return patterns[i].wide;
    }
    return WIDE_NO;
}

static void put_utf8(struct sp_buf *out, uint32_t c)
{
    static const uint8_t lead[4] = {0, 0xc0, 0xe0, 0xf0};
    int tail = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    sp_put_byte(out, (uint8_t)(lead[tail] | c >> (6 * tail)));
    while (tail-- > 0)
        sp_put_byte(out, (uint8_t)(0x80 | (c >> (6 * tail) & 0x3f)));
}

static uint32_t unit16(struct sp_span in, size_t at, bool big)
{
    return big ? (uint32_t)in.p[at] << 8 | in.p[at + 1] : (uint32_t)in.p[at + 1] << 8 | in.p[at];
}

/* UTF-16 to UTF-8, without its byte order mark; an odd last byte is left out. */
struct sp_span http_from_utf16(struct sp_arena *a, struct sp_span in, bool big)
{
    struct sp_buf out = sp_buf_arena(a, in.n / 2 * 3);
    for (size_t at = 0; at + 1 < in.n; at += 2) {
        uint32_t c = unit16(in, at, big), low = at + 3 < in.n ? unit16(in, at + 2, big) : 0;
        if (c >= 0xd800 && c < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            at += 2;
        }
        if (c != 0xfeff || at)
            put_utf8(&out, c);
    }
    return sp_buf_done(&out, a);
}
