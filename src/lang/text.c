/* SPDX-License-Identifier: Apache-2.0 */
/* text: letter case, and HTML character references (HTML Living Standard section 13.2.5.72). */
#include "lang/inside.h"

enum text_limits {
    NAME_MAX = 16, /* longest named reference in the table, with room */
};

static struct sp_span map_case(struct sp_span in, struct sp_arena *a, uint8_t first)
{
    uint8_t *out = sp_arena_get(a, in.n);
    if (!out)
        return (struct sp_span){NULL, 0};
    for (size_t i = 0; i < in.n; i++)
        out[i] = (uint8_t)(in.p[i] ^ ((uint8_t)(in.p[i] - first) < 26 ? 0x20 : 0));
    return sp_span_of(out, in.n);
}

struct sp_span sp_text_lower(struct sp_span in, struct sp_arena *a)
{
    return map_case(in, a, 'A');
}

struct sp_span sp_text_upper(struct sp_span in, struct sp_arena *a)
{
    return map_case(in, a, 'a');
}

/* ---- numeric references ---- */

static int digit_of(struct sp_span in, size_t at, unsigned base)
{
    int c = sp_span_at(in, at);
    if (c < 0)
        return -1;
    return base == 16 ? sp_hex((uint8_t)c) : sp_is_digit((uint8_t)c) ? c - '0' : -1;
}

size_t numeric_reference(struct sp_span in, size_t at, uint32_t *ret)
{
    int x = sp_span_at(in, at + 2);
    bool hex = x == 'x' || x == 'X';
    unsigned base = hex ? 16 : 10;
    size_t from = at + 2 + hex, end = from;
    uint32_t c = 0;
    for (int digit; (digit = digit_of(in, end, base)) >= 0; end++)
        c = c > UNICODE_MAX ? c : c * base + (unsigned)digit;
    if (end == from)
        return 0;
    *ret = c == 0 || c > UNICODE_MAX || is_surrogate(c) ? REPLACEMENT : c;
    return end - at + (sp_span_at(in, end) == ';');
}

/* ---- named references ---- */

/* Those that spell what ASCII has. `bare`: from before HTML 4, understood without a semicolon and with anything behind. */
static const struct { struct sp_span name; uint8_t c; bool bare; } named[] = {
#define NAMED(name, c, bare) {{(const uint8_t *)(name), sizeof(name) - 1}, c, bare}
    NAMED("lt", '<', true), NAMED("gt", '>', true), NAMED("amp", '&', true), NAMED("quot", '"', true), NAMED("nbsp", ' ', true),
    NAMED("LT", '<', true), NAMED("GT", '>', true), NAMED("AMP", '&', true), NAMED("QUOT", '"', true), NAMED("apos", '\'', false),
    NAMED("Tab", '\t', false), NAMED("NewLine", '\n', false), NAMED("excl", '!', false), NAMED("num", '#', false),
    NAMED("dollar", '$', false), NAMED("percnt", '%', false), NAMED("lpar", '(', false), NAMED("rpar", ')', false),
    NAMED("ast", '*', false), NAMED("midast", '*', false), NAMED("plus", '+', false), NAMED("comma", ',', false),
    NAMED("period", '.', false), NAMED("sol", '/', false), NAMED("colon", ':', false), NAMED("semi", ';', false),
    NAMED("equals", '=', false), NAMED("quest", '?', false), NAMED("commat", '@', false), NAMED("lsqb", '[', false),
    NAMED("lbrack", '[', false), NAMED("bsol", '\\', false), NAMED("rsqb", ']', false), NAMED("rbrack", ']', false),
    NAMED("Hat", '^', false), NAMED("lowbar", '_', false), NAMED("UnderBar", '_', false), NAMED("grave", '`', false),
    NAMED("DiacriticalGrave", '`', false), NAMED("lcub", '{', false), NAMED("lbrace", '{', false), NAMED("verbar", '|', false),
    NAMED("vert", '|', false), NAMED("VerticalLine", '|', false), NAMED("rcub", '}', false), NAMED("rbrace", '}', false),
#undef NAMED
};

static size_t name_length(struct sp_span in, size_t at)
{
    size_t n = 0;
    while (n < NAME_MAX && at + n < in.n && (uint8_t)(sp_lower(in.p[at + n]) - 'a') < 26)
        n++;
    return n;
}

/* The reference at in.p[at] == '&': its length and what it stands for; 0 when there is none. */
static size_t named_reference(struct sp_span in, size_t at, uint32_t *ret)
{
    struct sp_span name = sp_span_sub(in, at + 1, name_length(in, at + 1));
    bool ended = sp_span_at(in, at + 1 + name.n) == ';';
    size_t found = SP_NOT_FOUND;
    for (size_t i = 0; name.n && i < sizeof named / sizeof *named; i++) {
        bool whole = ended && sp_span_eq(name, named[i].name);
        if (whole || (found == SP_NOT_FOUND && named[i].bare && sp_span_starts(name, named[i].name)))
            found = i;
        if (whole)
            break;
    }
    if (found == SP_NOT_FOUND)
        return 0;
    *ret = named[found].c;
    size_t n = named[found].name.n;
    return 1 + n + (ended && n == name.n);
}

struct sp_span sp_text_html_decode(struct sp_span in, struct sp_arena *a)
{
    size_t next = sp_span_byte(in, 0, '&');
    if (next == SP_NOT_FOUND)
        return in;
    struct sp_buf out = sp_buf_arena(a, in.n);
    for (size_t at = 0; at < in.n; next = sp_span_byte(in, at, '&')) {
        size_t plain = (next == SP_NOT_FOUND ? in.n : next) - at;
        sp_put(&out, sp_span_sub(in, at, plain));
        at += plain;
        if (at == in.n)
            break;
        uint32_t c;
        size_t n = sp_span_at(in, at + 1) == '#' ? numeric_reference(in, at, &c) : named_reference(in, at, &c);
        put_utf8(&out, n ? c : '&');
        at += n ? n : 1;
    }
    return out.full ? (struct sp_span){NULL, 0} : sp_buf_done(&out, a);
}
