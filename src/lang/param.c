/* SPDX-License-Identifier: Apache-2.0 */
/* param: parameters of media types and dispositions, RFC 9110 section 5.6.6, RFC 8187. */
#include "lang/lang.h"

/* Blanks, and the line breaks of folded header lines. */
static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks(struct sp_span in, size_t *at)
{
    while (*at < in.n && is_blank(in.p[*at]))
        (*at)++;
}

static struct sp_span trim(struct sp_span s)
{
    size_t from = 0;
    skip_blanks(s, &from);
    s = sp_span_from(s, from);
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

struct sp_span sp_param_head(struct sp_span in)
{
    size_t end = sp_span_byte(in, 0, ';');
    return trim(end == SP_NOT_FOUND ? in : sp_span_sub(in, 0, end));
}

/* A backslash escapes only a quote or itself: browsers send Windows paths unescaped. */
static bool is_escape(struct sp_span in, size_t at)
{
    int next = sp_span_at(in, at + 1);
    return in.p[at] == '\\' && (next == '"' || next == '\\');
}

static struct sp_span unescape(struct sp_span raw, struct sp_arena *a)
{
    struct sp_buf out = sp_buf_arena(a, raw.n);
    for (size_t at = 0; at < raw.n; at++) {
        at += is_escape(raw, at);
        sp_put_byte(&out, raw.p[at]);
    }
    return sp_buf_done(&out, a);
}

/* A quoted string, in[*at] being its opening quote; *at moves past its closing one, or to the end where that is missing. */
static void take_quoted(struct sp_span in, size_t *at, struct sp_arena *a, struct sp_pair *ret)
{
    size_t from = ++*at;
    bool escapes = false;
    while (*at < in.n && in.p[*at] != '"') {
        bool escape = is_escape(in, *at);
        escapes |= escape;
        *at += escape ? 2 : 1;
    }
    ret->raw = sp_span_sub(in, from, *at - from);
    ret->value = escapes ? unescape(ret->raw, a) : ret->raw;
    *at += *at < in.n;
}

static void take_token(struct sp_span in, size_t *at, struct sp_pair *ret)
{
    size_t end = sp_span_byte(in, *at, ';');
    if (end == SP_NOT_FOUND)
        end = in.n;
    ret->raw = ret->value = trim(sp_span_sub(in, *at, end - *at));
    *at = end;
}

/* charset'language'percent-encoded: RFC 8187 section 3.2. */
static struct sp_span decode_extended(struct sp_span value, struct sp_arena *a)
{
    size_t first = sp_span_byte(value, 0, '\'');
    size_t second = first == SP_NOT_FOUND ? SP_NOT_FOUND : sp_span_byte(value, first + 1, '\'');
    return second == SP_NOT_FOUND ? value : sp_url_decode(sp_span_from(value, second + 1), 0, a);
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
    while (*at < in.n && (in.p[*at] == ';' || is_blank(in.p[*at])))
        (*at)++;
    if (*at >= in.n)
        return false;
    size_t from = *at, end = name_end(in, from);
    *ret = (struct sp_pair){.name = trim(sp_span_sub(in, from, end - from)), .has_value = sp_span_at(in, end) == '='};
    *at = end + ret->has_value;
    if (ret->has_value)
        skip_blanks(in, at);
    ret->value = ret->raw = sp_span_sub(in, *at, 0);
    if (ret->has_value && sp_span_at(in, *at) == '"')
        take_quoted(in, at, a, ret);
    else if (ret->has_value)
        take_token(in, at, ret);
    if (ret->name.n && ret->name.p[ret->name.n - 1] == '*') {
        ret->extended = true;
        ret->name.n--;
        ret->value = decode_extended(ret->value, a);
    }
    size_t next = sp_span_byte(in, *at, ';');
    *at = next == SP_NOT_FOUND ? in.n : next;
    ret->all = sp_span_sub(in, from, *at - from);
    return true;
}
