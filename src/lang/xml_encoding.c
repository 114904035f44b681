/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xml_encoding: the encoding of an XML document, found as XML 1.0 appendix F.1 says: byte order mark, first bytes, declaration. It is read as
 * ASCII or a superset of it; UTF-16 is brought to UTF-8. In any other encoding it would say something else than it seems to.
 */
#include "lang/inside.h"

enum family { ASCII_LIKE, UTF16_BIG, UTF16_LITTLE, UNREADABLE };

static enum family family_of(struct sp_span in)
{
    static const struct { struct sp_span start; enum family family; } known[] = {
        {{(const uint8_t *)"\0\0\xfe\xff", 4}, UNREADABLE},     {{(const uint8_t *)"\xff\xfe\0\0", 4}, UNREADABLE}, /* UTF-32 */
        {{(const uint8_t *)"\0\0\0<", 4}, UNREADABLE},          {{(const uint8_t *)"<\0\0\0", 4}, UNREADABLE},
        {{(const uint8_t *)"\x4c\x6f\xa7\x94", 4}, UNREADABLE}, /* EBCDIC */
        {{(const uint8_t *)"\xfe\xff", 2}, UTF16_BIG},          {{(const uint8_t *)"\xff\xfe", 2}, UTF16_LITTLE},
        {{(const uint8_t *)"\0<", 2}, UTF16_BIG},               {{(const uint8_t *)"<\0", 2}, UTF16_LITTLE},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (sp_span_starts(in, known[i].start))
            return known[i].family;
    }
    return ASCII_LIKE;
}

static uint32_t unit_at(struct sp_span in, size_t at, bool big)
{
    return big ? (uint32_t)in.p[at] << 8 | in.p[at + 1] : (uint32_t)in.p[at + 1] << 8 | in.p[at];
}

static struct sp_span from_utf16(struct sp_span in, bool big, struct sp_arena *a)
{
    struct sp_buf out = sp_buf_arena(a, in.n / 2 * 3);
    for (size_t at = 0; at + 1 < in.n; at += 2) {
        uint32_t c = unit_at(in, at, big), low = at + 3 < in.n ? unit_at(in, at + 2, big) : 0;
        if (is_high_surrogate(c) && is_low_surrogate(low)) {
            c = join_surrogates(c, low);
            at += 2;
        }
        if (c != 0xfeff || at)
            put_utf8(&out, c);
    }
    return sp_buf_done(&out, a);
}

/* The value of encoding="..." in the XML declaration; empty when there is none. */
static struct sp_span declared(struct sp_span in)
{
    size_t end = sp_span_starts(in, SP_LIT("<?xml")) ? sp_span_find(in, 0, SP_LIT("?>")) : 0;
    struct sp_span declaration = sp_span_sub(in, 0, end);
    size_t at = sp_span_find(declaration, 0, SP_LIT("encoding"));
    at = at == SP_NOT_FOUND ? at : sp_span_byte(declaration, at, '=');
    struct sp_span value = sp_span_from(declaration, at == SP_NOT_FOUND ? declaration.n : at + 1);
    size_t open = 0;
    while (open < value.n && value.p[open] != '"' && value.p[open] != '\'')
        open++;
    value = sp_span_from(value, open);
    return value.n ? sp_span_sub(value, 1, sp_span_byte(value, 1, value.p[0]) - 1) : value;
}

/* Is an ASCII byte that character in this encoding? */
static bool has_ascii(struct sp_span name)
{
    static const char *const prefixes[] = {"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-", "iso8859", "latin", "windows-125", "cp125",
                                           "koi8-", "gb", "big5", "euc-", "shift_jis", "shift-jis", "sjis", "windows-31j", "windows-874",
                                           "tis-620", "macintosh", "unicode-1-1-utf-8"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        if (sp_span_istarts(name, sp_span_str(prefixes[i])))
            return true;
    }
    return name.n == 0;
}

/* Text that was brought to ASCII on its way often still says that it is UTF-16. But some parsers switch to it behind the declaration. */
static bool is_stale(struct sp_span name, struct sp_span in)
{
    bool wide = sp_span_istarts(name, SP_LIT("utf-16")) || sp_span_istarts(name, SP_LIT("utf16")) || sp_span_istarts(name, SP_LIT("ucs-2")) ||
                sp_span_istarts(name, SP_LIT("iso-10646-ucs-2"));
    return wide && sp_span_byte(in, 0, 0) == SP_NOT_FOUND;
}

void sp_xml_start(struct sp_xml *x, struct sp_span in, struct sp_arena *a)
{
    enum family family = family_of(in);
    *x = (struct sp_xml){.in = in, .arena = a};
    if (family == UTF16_BIG || family == UTF16_LITTLE)
        x->in = from_utf16(in, family == UTF16_BIG, a);
    else if (sp_span_starts(in, SP_LIT("\xef\xbb\xbf")))
        x->at = 3;
    struct sp_span text = sp_span_from(x->in, x->at), name = declared(text);
    bool ascii = family != ASCII_LIKE || has_ascii(name) || is_stale(name, text);
    if (family == UNREADABLE || !ascii)
        a->exhausted = true; /* servers may read it: it must not pass as inspected */
}
