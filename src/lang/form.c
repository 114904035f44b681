/* SPDX-License-Identifier: Apache-2.0 */
/*
 * form: name=value lists: urlencoded forms and queries (WHATWG URL section 5), cookies (RFC 6265 section 4.2.1); and what PHP makes of the
 * names ("Variables From External Sources" in its manual).
 */
#include "lang/lang.h"

static void split_pair(struct sp_span all, struct sp_pair *ret)
{
    size_t eq = sp_span_byte(all, 0, '=');
    bool has_value = eq != SP_NOT_FOUND;
    struct sp_span value = sp_span_from(all, has_value ? eq + 1 : all.n);
    *ret = (struct sp_pair){.name = sp_span_sub(all, 0, eq), .value = value, .raw = value, .all = all, .has_value = has_value};
}

/* The next piece between delimiters, empty ones skipped. */
static bool next_piece(struct sp_span in, size_t *at, uint8_t delimiter, struct sp_span *ret)
{
    while (*at < in.n) {
        size_t end = sp_span_byte(in, *at, delimiter);
        if (end == SP_NOT_FOUND)
            end = in.n;
        *ret = sp_span_sub(in, *at, end - *at);
        *at = end + (end < in.n);
        if (ret->n)
            return true;
    }
    return false;
}

bool sp_form_next(struct sp_span in, size_t *at, struct sp_pair *ret)
{
    struct sp_span piece;
    if (!next_piece(in, at, '&', &piece))
        return false;
    split_pair(piece, ret);
    return true;
}

static struct sp_span unquote(struct sp_span s)
{
    bool quoted = s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"';
    return quoted ? sp_span_sub(s, 1, s.n - 2) : s;
}

bool sp_cookie_next(struct sp_span in, size_t *at, struct sp_pair *ret)
{
    struct sp_span piece;
    do {
        if (!next_piece(in, at, ';', &piece))
            return false;
        piece = sp_span_trim(piece);
    } while (piece.n == 0);
    split_pair(piece, ret);
    ret->name = sp_span_trim(ret->name);
    ret->value = ret->raw = unquote(sp_span_trim(ret->value));
    return true;
}

static bool is_octal(struct sp_span s)
{
    bool ok = s.n == 3 && s.p[0] <= '3';
    for (size_t i = 0; i < s.n; i++)
        ok &= s.p[i] >= '0' && s.p[i] <= '7';
    return ok;
}

size_t sp_cookie_quoted(struct sp_span in, bool octal, struct sp_arena *a, struct sp_span *ret)
{
    size_t end = 1;
    while (end < in.n && in.p[end] != '"')
        end += in.p[end] == '\\' ? 2 : 1;
    if (end >= in.n)
        return 0;
    struct sp_buf out = sp_buf_arena(a, end);
    for (size_t at = 1; at < end; at++) {
        struct sp_span digits = sp_span_sub(in, at + 1, 3);
        bool escape = in.p[at] == '\\';
        bool number = escape && octal && at + 3 < end && is_octal(digits);
        uint8_t byte = number ? (uint8_t)((digits.p[0] - '0') << 6 | (digits.p[1] - '0') << 3 | (digits.p[2] - '0')) : in.p[at + escape];
        sp_put_byte(&out, byte);
        at += number ? 3 : escape;
    }
    *ret = sp_buf_done(&out, a);
    return end + 1;
}

/* ---- PHP ---- */

/* The index "[...]" that s begins with, up to the first closing bracket: 0 when it has none. */
static size_t index_length(struct sp_span s)
{
    size_t end = sp_span_at(s, 0) == '[' ? sp_span_byte(s, 0, ']') : SP_NOT_FOUND;
    return end == SP_NOT_FOUND ? 0 : end + 1;
}

/* One blank alone in an index is an empty index. */
static void put_index(struct sp_buf *out, struct sp_span index)
{
    int c = sp_span_at(index, 1);
    bool blank = index.n == 3 && (c == ' ' || (c >= '\t' && c <= '\r'));
    sp_put(out, blank ? SP_LIT("[]") : index);
}

/* What no name of a variable may have becomes an underscore. Behind the name come indexes; what follows the last one is dropped. */
static void put_php_name(struct sp_buf *out, struct sp_span name)
{
    size_t base = sp_span_byte(name, 0, '['), n;
    if (base == SP_NOT_FOUND || !index_length(sp_span_from(name, base)))
        base = name.n;
    for (size_t i = 0; i < base; i++) {
        uint8_t c = name.p[i];
        sp_put_byte(out, c == ' ' || c == '.' || c == '[' ? '_' : c);
    }
    for (size_t at = base; (n = index_length(sp_span_from(name, at))) > 0; at += n)
        put_index(out, sp_span_sub(name, at, n));
}

struct sp_span sp_form_php_name(struct sp_span name, struct sp_arena *a)
{
    static const bool special[256] = {['\0'] = 1, [' '] = 1, ['.'] = 1, ['['] = 1};
    size_t at = 0;
    while (at < name.n && !special[name.p[at]])
        at++;
    if (at == name.n)
        return name;
    struct sp_span rest = sp_span_sub(name, 0, sp_span_byte(name, at, '\0'));
    while (sp_span_at(rest, 0) == ' ')
        rest = sp_span_from(rest, 1);
    if (rest.n == 0 || rest.p[0] == '[')
        return (struct sp_span){name.p, 0};
    size_t used = a->used;
    struct sp_buf out = sp_buf_arena(a, rest.n);
    put_php_name(&out, rest);
    if (!sp_span_eq(sp_buf_span(&out), name))
        return sp_buf_done(&out, a);
    a->used = used;
    return name;
}
