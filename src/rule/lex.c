/* SPDX-License-Identifier: Apache-2.0 */
/* lex: tokens of the expression language. */
#include <arpa/inet.h>
#include <string.h>

#include "rule/parse.h"

enum lex_limits {
    NET_TEXT_MAX = 64, /* longest address with its prefix length */
};

static bool is_word(int c)
{
    return c == '_' || c == '.' || sp_is_digit((uint8_t)c) || (uint8_t)(sp_lower((uint8_t)c) - 'a') < 26;
}

static struct tok bad(struct tok t, struct sp_span text, size_t len, const char *why)
{
    t.kind = TOK_BAD;
    t.text = sp_span_sub(text, t.off, len);
    t.wrong = why;
    return t;
}

/* One escape behind a backslash at text[*i]; false: unknown. */
static bool unescape(struct sp_span text, size_t *i, struct sp_buf *out)
{
    static const struct { uint8_t from, to; } simple[] = {{'n', '\n'}, {'r', '\r'}, {'t', '\t'}, {'"', '"'}, {'\\', '\\'}, {'0', '\0'}};
    int c = sp_span_at(text, (*i)++);
    for (size_t k = 0; k < sizeof simple / sizeof *simple; k++) {
        if (c == simple[k].from) {
            sp_put_byte(out, simple[k].to);
            return true;
        }
    }
    uint64_t v;
    if (c != 'x' || !sp_span_hex64(sp_span_sub(text, *i, 2), &v) || *i + 2 > text.n)
        return false;
    *i += 2;
    sp_put_byte(out, (uint8_t)v);
    return true;
}

static struct tok lex_string(struct tok t, struct sp_span text, size_t *at, struct sp_arena *a, bool raw)
{
    size_t i = t.off + 1 + raw;
    struct sp_buf out = sp_buf_arena(a, text.n - t.off);
    while (i < text.n && text.p[i] != '"') {
        uint8_t c = text.p[i++];
        size_t backslash = i - 1;
        if (c != '\\' || raw) {
            sp_put_byte(&out, c);
        } else if (!unescape(text, &i, &out)) {
            t.off = backslash;
            return bad(t, text, 2, "unknown escape in a string: use \\\" \\\\ \\n \\r \\t \\0 \\xHH, or r\"...\" for a regular expression");
        }
    }
    if (i >= text.n)
        return bad(t, text, 1, "the string is not closed");
    *at = i + 1;
    t.kind = TOK_STRING;
    t.text = sp_span_sub(text, t.off, *at - t.off);
    t.str = sp_buf_done(&out, a);
    return t;
}

static bool read_net(struct sp_span s, struct sp_net *ret)
{
    char text[NET_TEXT_MAX];
    size_t slash = sp_span_byte(s, 0, '/');
    struct sp_span ip = sp_span_sub(s, 0, slash);
    uint64_t bits;
    if (ip.n >= sizeof text)
        return false;
    memcpy(text, ip.p, ip.n);
    text[ip.n] = '\0';
    memset(ret, 0, sizeof *ret);
    bool four = inet_pton(AF_INET, text, ret->ip + 12) == 1;
    if (!four && inet_pton(AF_INET6, text, ret->ip) != 1)
        return false;
    unsigned base = four ? 96 : 0;
    if (four)
        ret->ip[10] = ret->ip[11] = 0xff;
    bits = 128 - base;
    if (slash != SP_NOT_FOUND && (!sp_span_u64(sp_span_from(s, slash + 1), &bits) || bits > 128 - base))
        return false;
    ret->bits = (uint8_t)(base + bits);
    return true;
}

static bool read_number(struct sp_span s, int64_t *ret)
{
    uint64_t v, unit = 1;
    bool minus = s.n && s.p[0] == '-';
    s = sp_span_from(s, minus);
    int last = s.n ? sp_lower(s.p[s.n - 1]) : 0;
    bool hex = sp_span_istarts(s, SP_LIT("0x"));
    if (!hex && (last == 'k' || last == 'm')) {
        unit = last == 'k' ? 1024 : 1024 * 1024;
        s.n--;
    }
    if (!(hex ? sp_span_hex64(sp_span_from(s, 2), &v) : sp_span_u64(s, &v)) || v > INT64_MAX / unit)
        return false;
    *ret = minus ? -(int64_t)(v * unit) : (int64_t)(v * unit);
    return true;
}

/* A number (400, 0x1f, 64K, -1) or an address (10.0.0.0/8, ::1). "1..5" is a number and a range sign. */
static struct tok lex_number(struct tok t, struct sp_span text, size_t *at)
{
    size_t i = t.off + (text.p[t.off] == '-');
    bool range = false;
    while (i < text.n && !range && (is_word(text.p[i]) || text.p[i] == ':' || text.p[i] == '/')) {
        range = text.p[i] == '.' && sp_span_at(text, i + 1) == '.';
        i += !range;
    }
    t.text = sp_span_sub(text, t.off, i - t.off);
    *at = i;
    if (read_number(t.text, &t.num))
        t.kind = TOK_NUMBER;
    else if (read_net(t.text, &t.net))
        t.kind = TOK_NET;
    else
        return bad(t, text, t.text.n, "neither a number (400, 0x1f, 64K, -1) nor an address (10.0.0.0/8, ::1)");
    return t;
}

static bool starts_address(struct sp_span text, size_t at)
{
    size_t i = at;
    while (i < text.n && sp_hex(text.p[i]) >= 0)
        i++;
    return sp_span_at(text, i) == ':' && i - at <= 4;
}

static struct tok lex_word(struct tok t, struct sp_span text, size_t *at, bool list)
{
    static const struct { const char *word; enum tok_kind kind; } words[] = {
        {"and", TOK_AND}, {"or", TOK_OR}, {"not", TOK_NOT}, {"eq", TOK_EQ}, {"ne", TOK_NE}, {"lt", TOK_LT}, {"le", TOK_LE},
        {"gt", TOK_GT}, {"ge", TOK_GE},
    };
    size_t i = t.off + list;
    while (i < text.n && is_word(text.p[i]))
        i++;
    t.text = sp_span_sub(text, t.off, i - t.off);
    t.kind = list ? TOK_LIST : TOK_WORD;
    t.str = sp_span_from(t.text, list);
    *at = i;
    for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
        if (sp_span_eq(t.text, sp_span_str(words[k].word)))
            t.kind = words[k].kind;
    }
    return t;
}

/* What other languages write, and what is written here. */
static const char *wrong_sign(int c, int next)
{
    switch (c) {
    case '\'':
        return "strings stand in double quotes";
    case '=':
        return next == '~' ? "write matches" : "write == or eq";
    case '~':
        return "write matches";
    case '&':
        return "write and, or &&";
    case '|':
        return "write or, or ||";
    case '^':
        return "write xor";
    default:
        return "unexpected character";
    }
}

static struct tok lex_sign(struct tok t, struct sp_span text, size_t *at)
{
    static const struct { const char *sign; enum tok_kind kind; } signs[] = {
        {"..", TOK_DOTDOT}, {"==", TOK_EQ}, {"!=", TOK_NE}, {"<=", TOK_LE}, {">=", TOK_GE}, {"&&", TOK_AND}, {"||", TOK_OR},
        {"(", TOK_OPEN}, {")", TOK_CLOSE}, {"[", TOK_INDEX}, {"]", TOK_INDEX_END}, {"{", TOK_SET}, {"}", TOK_SET_END},
        {",", TOK_COMMA}, {"<", TOK_LT}, {">", TOK_GT}, {"!", TOK_NOT},
    };
    struct sp_span rest = sp_span_from(text, t.off);
    for (size_t k = 0; k < sizeof signs / sizeof *signs; k++) {
        struct sp_span sign = sp_span_str(signs[k].sign);
        if (sp_span_starts(rest, sign)) {
            t.kind = signs[k].kind;
            t.text = sp_span_sub(text, t.off, sign.n);
            *at = t.off + sign.n;
            return t;
        }
    }
    return bad(t, text, 1, wrong_sign(sp_span_at(rest, 0), sp_span_at(rest, 1)));
}

struct tok lex(struct sp_span text, size_t *at, struct sp_arena *a)
{
    while (*at < text.n && (text.p[*at] == ' ' || text.p[*at] == '\t' || text.p[*at] == '\n' || text.p[*at] == '\r'))
        (*at)++;
    struct tok t = {.kind = TOK_END, .off = *at, .text = sp_span_sub(text, *at, 0)};
    int c = sp_span_at(text, *at), next = sp_span_at(text, *at + 1);
    if (c < 0)
        return t;
    if (c == '"')
        return lex_string(t, text, at, a, false);
    if (c == 'r' && next == '"')
        return lex_string(t, text, at, a, true);
    if (sp_is_digit((uint8_t)c) || (c == '-' && next >= 0 && sp_is_digit((uint8_t)next)) || starts_address(text, *at))
        return lex_number(t, text, at);
    if (c == '$')
        return lex_word(t, text, at, true);
    if (is_word(c) && c != '.')
        return lex_word(t, text, at, false);
    return lex_sign(t, text, at);
}
