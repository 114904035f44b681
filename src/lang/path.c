/* SPDX-License-Identifier: Apache-2.0 */
/* path: what a decoded URL path means in a file system, RFC 3986 section 5.2.4 and the habits of real servers. */
#include "lang/lang.h"

static bool is_separator(uint8_t c)
{
    return c == '/' || c == '\\';
}

/* Next non-empty segment from *at on, without its path parameters (";x"); false at the end. */
static bool next_segment(struct sp_span path, size_t *at, struct sp_span *ret)
{
    while (*at < path.n && is_separator(path.p[*at]))
        (*at)++;
    size_t from = *at;
    while (*at < path.n && !is_separator(path.p[*at]))
        (*at)++;
    struct sp_span s = sp_span_sub(path, from, *at - from);
    size_t parameters = sp_span_byte(s, 0, ';');
    *ret = parameters == SP_NOT_FOUND ? s : sp_span_sub(s, 0, parameters);
    return s.n > 0;
}

static bool is_dot(struct sp_span s)
{
    return sp_span_eq(s, SP_LIT("."));
}

static bool is_dotdot(struct sp_span s)
{
    return sp_span_eq(s, SP_LIT(".."));
}

bool sp_path_climbs(struct sp_span path)
{
    struct sp_span s;
    size_t at = 0, depth = 0;
    while (next_segment(path, &at, &s)) {
        if (is_dotdot(s) && depth-- == 0)
            return true;
        if (!is_dotdot(s) && !is_dot(s) && s.n)
            depth++;
    }
    return false;
}

bool sp_path_dotdot(struct sp_span path)
{
    struct sp_span s;
    size_t at = 0;
    while (next_segment(path, &at, &s)) {
        if (is_dotdot(s))
            return true;
    }
    return false;
}

/* Takes the last "/segment" off. */
static void drop_last(struct sp_buf *out)
{
    while (out->n && out->p[out->n - 1] != '/')
        out->n--;
    if (out->n)
        out->n--;
}

struct sp_span sp_path_normalize(struct sp_span path, struct sp_arena *a)
{
    struct sp_buf out = sp_buf_arena(a, path.n + 1);
    struct sp_span s;
    size_t at = 0;
    bool directory = true; /* "/a/." and "/a/b/.." are "/a/" */
    while (next_segment(path, &at, &s)) {
        directory = is_dot(s) || is_dotdot(s) || s.n == 0;
        if (is_dotdot(s)) {
            drop_last(&out);
        } else if (!directory) {
            sp_put_byte(&out, '/');
            sp_put(&out, s);
        }
    }
    if (directory || is_separator(path.p[path.n - 1]))
        sp_put_byte(&out, '/');
    return out.full ? (struct sp_span){NULL, 0} : sp_buf_done(&out, a);
}

struct sp_span sp_path_basename(struct sp_span path)
{
    size_t from = path.n;
    while (from && !is_separator(path.p[from - 1]))
        from--;
    struct sp_span s = sp_span_from(path, from);
    size_t parameters = sp_span_byte(s, 0, ';');
    return parameters == SP_NOT_FOUND ? s : sp_span_sub(s, 0, parameters);
}

/* What Windows drops from the end of a file name, in any order and number: dots, blanks, the name of the stream that is the file itself. */
static size_t without_tail(struct sp_span s)
{
    size_t n = s.n, before;
    do {
        before = n;
        while (n && (s.p[n - 1] == '.' || s.p[n - 1] == ' '))
            n--;
        if (sp_span_iends(sp_span_sub(s, 0, n), SP_LIT("::$DATA")))
            n -= SP_LIT("::$DATA").n;
    } while (n != before);
    return n;
}

struct sp_span sp_path_extension(struct sp_span path)
{
    struct sp_span s = sp_path_basename(path);
    s.n = without_tail(s);
    size_t dot = s.n;
    while (dot && s.p[dot - 1] != '.')
        dot--;
    return dot ? sp_span_from(s, dot) : (struct sp_span){s.p, 0};
}
