/* SPDX-License-Identifier: Apache-2.0 */
/* text: letter case, and HTML character references (HTML Living Standard section 13.2.5.72). */
#include "lang/lang.h"

enum text_limits {
    REFERENCE_MAX = 16, /* longest named reference in the table, with room */
    CODE_DIGITS_MAX = 12, /* digits of a numeric reference, leading zeros included */
};

static struct sp_span map_case(struct sp_span in, struct sp_arena *a, bool up)
{
    uint8_t *out = sp_arena_get(a, in.n);
    if (!out)
        return (struct sp_span){NULL, 0};
    for (size_t i = 0; i < in.n; i++) {
        uint8_t c = in.p[i];
        out[i] = up && (uint8_t)(c - 'a') < 26 ? (uint8_t)(c & ~0x20) : up ? c : sp_lower(c);
    }
    return sp_span_of(out, in.n);
}

struct sp_span sp_text_lower(struct sp_span in, struct sp_arena *a)
{
    return map_case(in, a, false);
}

struct sp_span sp_text_upper(struct sp_span in, struct sp_arena *a)
{
    return map_case(in, a, true);
}

static const struct { const char *name; uint8_t c; } named[] = {
    {"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}, {"nbsp", ' '}, {"colon", ':'}, {"sol", '/'},
    {"bsol", '\\'}, {"lpar", '('}, {"rpar", ')'}, {"lsqb", '['}, {"lbrack", '['}, {"rsqb", ']'}, {"rbrack", ']'}, {"lcub", '{'},
    {"lbrace", '{'}, {"rcub", '}'}, {"rbrace", '}'}, {"Tab", '\t'}, {"NewLine", '\n'}, {"period", '.'}, {"comma", ','}, {"semi", ';'},
    {"excl", '!'}, {"num", '#'}, {"dollar", '$'}, {"percnt", '%'}, {"ast", '*'}, {"plus", '+'}, {"equals", '='}, {"quest", '?'},
    {"commat", '@'}, {"grave", '`'}, {"lowbar", '_'}, {"vert", '|'}, {"verbar", '|'}, {"Hat", '^'},
};

static bool name_ends(struct sp_span in, size_t at)
{
    int c = sp_span_at(in, at);
    return c < 0 || (!sp_is_digit((uint8_t)c) && (uint8_t)(sp_lower((uint8_t)c) - 'a') >= 26);
}

/* A named reference behind '&' at `at`: its length with a semicolon, 0 if there is none. */
static size_t take_named(struct sp_span in, size_t at, struct sp_buf *out)
{
    struct sp_span left = sp_span_sub(in, at, REFERENCE_MAX);
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        struct sp_span name = sp_span_str(named[i].name);
        if (sp_span_starts(left, name) && name_ends(left, name.n)) {
            sp_put_byte(out, named[i].c);
            return name.n + (sp_span_at(left, name.n) == ';');
        }
    }
    return 0;
}

static void put_code(struct sp_buf *out, uint64_t c)
{
    if (c < 0x80) {
        sp_put_byte(out, (uint8_t)c);
    } else if (c < 0x800) {
        sp_put_byte(out, (uint8_t)(0xc0 | c >> 6));
        sp_put_byte(out, (uint8_t)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        sp_put_byte(out, (uint8_t)(0xe0 | c >> 12));
        sp_put_byte(out, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
        sp_put_byte(out, (uint8_t)(0x80 | (c & 0x3f)));
    } else {
        sp_put_str(out, "\xef\xbf\xbd"); /* beyond what any attack spells this way */
    }
}

/* A numeric reference behind "&#" at `at`: its length, 0 if there is none. */
static size_t take_numeric(struct sp_span in, size_t at, struct sp_buf *out)
{
    int x = sp_span_at(in, at);
    bool hex = x == 'x' || x == 'X';
    size_t from = at + hex, n = 0;
    uint64_t code;
    while (n < CODE_DIGITS_MAX && from + n < in.n && (hex ? sp_hex(in.p[from + n]) >= 0 : sp_is_digit(in.p[from + n])))
        n++;
    struct sp_span digits = sp_span_sub(in, from, n);
    if (!(hex ? sp_span_hex64(digits, &code) : sp_span_u64(digits, &code)))
        return 0;
    put_code(out, code);
    return hex + n + (sp_span_at(in, from + n) == ';');
}

struct sp_span sp_text_html_decode(struct sp_span in, struct sp_arena *a)
{
    if (sp_span_byte(in, 0, '&') == SP_NOT_FOUND)
        return in;
    struct sp_buf out = sp_buf_arena(a, in.n + 4);
    for (size_t at = 0; at < in.n;) {
        size_t n = 0;
        if (in.p[at] == '&' && sp_span_at(in, at + 1) == '#') {
            n = take_numeric(in, at + 2, &out);
            n += n ? 2 : 0;
        } else if (in.p[at] == '&') {
            n = take_named(in, at + 1, &out);
            n += n ? 1 : 0;
        }
        if (n == 0)
            sp_put_byte(&out, in.p[at]);
        at += n ? n : 1;
    }
    return out.full ? (struct sp_span){NULL, 0} : sp_buf_done(&out, a);
}
