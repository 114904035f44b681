/* SPDX-License-Identifier: Apache-2.0 */
/* param: parameters of media types and dispositions, RFC 9110 section 5.6.6, RFC 8187. */
#include "lang/lang.h"

struct sp_span sp_param_head(struct sp_span in)
{
    size_t end = sp_span_byte(in, 0, ';');
    return sp_span_trim(end == SP_NOT_FOUND ? in : sp_span_sub(in, 0, end));
}

/* A quoted string starting at in[*at] == '"', unescaped; *at moves past its closing quote or to the end.
 * A backslash escapes only a quote or itself: browsers send Windows paths unescaped. */
static struct sp_span take_quoted(struct sp_span in, size_t *at, struct sp_arena *a)
{
    struct sp_buf out = sp_buf_arena(a, in.n - *at);
    for ((*at)++; *at < in.n && in.p[*at] != '"'; (*at)++) {
        int next = sp_span_at(in, *at + 1);
        if (in.p[*at] == '\\' && (next == '"' || next == '\\'))
            (*at)++;
        sp_put_byte(&out, in.p[*at]);
    }
    *at += *at < in.n;
    return sp_buf_done(&out, a);
}

static struct sp_span take_token(struct sp_span in, size_t *at)
{
    size_t end = sp_span_byte(in, *at, ';');
    if (end == SP_NOT_FOUND)
        end = in.n;
    struct sp_span s = sp_span_trim(sp_span_sub(in, *at, end - *at));
    *at = end;
    return s;
}

/* charset'language'percent-encoded: RFC 8187 section 3.2. */
static struct sp_span decode_extended(struct sp_span value, struct sp_arena *a)
{
    size_t first = sp_span_byte(value, 0, '\'');
    size_t second = first == SP_NOT_FOUND ? SP_NOT_FOUND : sp_span_byte(value, first + 1, '\'');
    return second == SP_NOT_FOUND ? value : sp_url_decode(sp_span_from(value, second + 1), 0, a);
}

static void skip_to_name(struct sp_span in, size_t *at)
{
    while (*at < in.n && (in.p[*at] == ';' || in.p[*at] == ' ' || in.p[*at] == '\t'))
        (*at)++;
}

/* End of the name at `at`: an equals sign, a semicolon or the end. */
static size_t name_end(struct sp_span in, size_t at)
{
    while (at < in.n && in.p[at] != '=' && in.p[at] != ';')
        at++;
    return at;
}

bool sp_param_next(struct sp_span in, size_t *at, struct sp_arena *a, struct sp_pair *ret)
{
    skip_to_name(in, at);
    if (*at >= in.n)
        return false;
    size_t from = *at, end = name_end(in, from);
    ret->name = sp_span_trim(sp_span_sub(in, from, end - from));
    ret->has_value = sp_span_at(in, end) == '=';
    *at = end + ret->has_value;
    while (ret->has_value && *at < in.n && (in.p[*at] == ' ' || in.p[*at] == '\t'))
        (*at)++;
    ret->value = (struct sp_span){in.p, 0};
    if (ret->has_value && sp_span_at(in, *at) == '"')
        ret->value = take_quoted(in, at, a);
    else if (ret->has_value)
        ret->value = take_token(in, at);
    if (ret->name.n && ret->name.p[ret->name.n - 1] == '*') {
        ret->name.n--;
        ret->value = decode_extended(ret->value, a);
    }
    size_t next = sp_span_byte(in, *at, ';');
    *at = next == SP_NOT_FOUND ? in.n : next;
    ret->all = sp_span_sub(in, from, *at - from);
    return true;
}
