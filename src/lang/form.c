/* SPDX-License-Identifier: Apache-2.0 */
/* form: name=value lists: urlencoded forms and queries (WHATWG URL section 5), cookies (RFC 6265 section 4.2.1). */
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
