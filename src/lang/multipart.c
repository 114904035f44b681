/* SPDX-License-Identifier: Apache-2.0 */
/* multipart: multipart/form-data, RFC 7578 over RFC 2046 section 5.1, as browsers write it and servers read it. */
#include "lang/lang.h"

enum multipart_limits {
    BOUNDARY_MAX = 70,      /* RFC 2046 section 5.1.1 */
    PART_HEADERS_MAX = 32,  /* header lines of one part; browsers send two */
    PART_HEAD_MAX = 16 << 10,
};

/* A delimiter line at or after `from`: where the line break before it starts, and where the line after it begins. */
struct delimiter {
    size_t start, next;
    bool last;
};

static size_t skip_padding(struct sp_span body, size_t at)
{
    while (at < body.n && (body.p[at] == ' ' || body.p[at] == '\t'))
        at++;
    return at;
}

/* Behind "--boundary": "--" closes; blanks and a line break end the line. False: this is content that looks alike. */
static bool delimiter_line(struct sp_span body, size_t at, struct delimiter *ret)
{
    ret->last = sp_span_starts(sp_span_from(body, at), SP_LIT("--"));
    at = skip_padding(body, at + (ret->last ? 2 : 0));
    ret->next = at;
    if (ret->last)
        return true;
    if (sp_span_at(body, at) == '\r')
        at++;
    if (sp_span_at(body, at) != '\n')
        return false;
    ret->next = at + 1;
    return true;
}

static bool find_delimiter(struct sp_span body, struct sp_span dashed, size_t from, struct delimiter *ret)
{
    size_t at = from;
    while ((at = sp_span_find(body, at, dashed)) != SP_NOT_FOUND) {
        size_t start = at;
        bool first_line = at == 0;
        if (start && body.p[start - 1] == '\n') {
            start--;
            start -= start && body.p[start - 1] == '\r';
        }
        /* the line break of an empty part belongs to its head */
        ret->start = start < from ? from : start;
        if ((first_line || start < at) && delimiter_line(body, at + dashed.n, ret))
            return true;
        at++;
    }
    return false;
}

/* Next line from *at on without its line break; false at the end. */
static bool next_line(struct sp_span in, size_t *at, struct sp_span *ret)
{
    if (*at >= in.n)
        return false;
    size_t end = sp_span_byte(in, *at, '\n');
    size_t stop = end == SP_NOT_FOUND ? in.n : end;
    *ret = sp_span_sub(in, *at, stop - *at);
    if (ret->n && ret->p[ret->n - 1] == '\r')
        ret->n--;
    *at = end == SP_NOT_FOUND ? in.n : end + 1;
    return true;
}

static struct sp_span raw_of(struct sp_span params, struct sp_span decoded, struct sp_span all)
{
    bool inside = decoded.p >= params.p && decoded.p + decoded.n <= params.p + params.n;
    if (inside)
        return decoded;
    size_t quote = sp_span_byte(all, 0, '"');
    size_t from = quote == SP_NOT_FOUND ? sp_span_byte(all, 0, '=') : quote;
    struct sp_span raw = sp_span_from(all, from == SP_NOT_FOUND ? all.n : from + 1);
    while (raw.n && (raw.p[raw.n - 1] == '"' || raw.p[raw.n - 1] == ' '))
        raw.n--;
    return raw;
}

/* Browsers write quotes and line breaks of names as %22, %0D, %0A (HTML Living Standard, multipart/form-data). */
static struct sp_span browser_decode(struct sp_span in, struct sp_arena *a)
{
    return sp_span_byte(in, 0, '%') == SP_NOT_FOUND ? in : sp_url_decode(in, 0, a);
}

static void read_disposition(struct sp_span value, struct sp_arena *a, struct sp_part *ret)
{
    struct sp_pair p;
    size_t at = sp_span_byte(value, 0, ';');
    if (at == SP_NOT_FOUND)
        return;
    while (sp_param_next(value, &at, a, &p)) {
        if (sp_span_ieq(p.name, SP_LIT("name"))) {
            ret->name = browser_decode(p.value, a);
        } else if (sp_span_ieq(p.name, SP_LIT("filename"))) {
            ret->has_filename = true;
            ret->filename_raw = raw_of(value, p.value, p.all);
            ret->filename = browser_decode(p.value, a);
        }
    }
}

static void read_header(struct sp_span line, struct sp_arena *a, struct sp_part *ret)
{
    size_t colon = sp_span_byte(line, 0, ':');
    if (colon == SP_NOT_FOUND)
        return;
    struct sp_span name = sp_span_trim(sp_span_sub(line, 0, colon)), value = sp_span_trim(sp_span_from(line, colon + 1));
    if (sp_span_ieq(name, SP_LIT("content-disposition")))
        read_disposition(value, a, ret);
    else if (sp_span_ieq(name, SP_LIT("content-type")))
        ret->type = sp_param_head(value);
}

/* Header lines up to the empty line; *at moves to the content. A line that begins with a blank continues the one before. */
static bool read_head(struct sp_span body, size_t *at, struct sp_arena *a, struct sp_part *ret)
{
    struct sp_span line;
    size_t from = *at;
    for (unsigned n = 0; n < PART_HEADERS_MAX && next_line(body, at, &line); n++) {
        if (line.n == 0) {
            ret->headers = sp_span_sub(body, from, *at - from);
            return true;
        }
        size_t after = *at;
        struct sp_span more;
        while (after < body.n && (body.p[after] == ' ' || body.p[after] == '\t') && next_line(body, &after, &more)) {
            line = sp_span_of(line.p, (size_t)(more.p + more.n - line.p));
            *at = after;
        }
        if (*at - from > PART_HEAD_MAX)
            return false;
        read_header(line, a, ret);
    }
    return false;
}

enum sp_part_result sp_multipart_next(struct sp_span body, struct sp_span boundary, size_t *at, struct sp_arena *a, struct sp_part *ret)
{
    *ret = (struct sp_part){0};
    struct delimiter d;
    uint8_t text[BOUNDARY_MAX + 2];
    struct sp_buf dashed = sp_buf_fixed(text, sizeof text);
    sp_put_str(&dashed, "--");
    sp_put(&dashed, boundary);
    if (dashed.full || boundary.n == 0)
        return SP_PART_BROKEN;
    if (*at == 0) {
        if (!find_delimiter(body, sp_buf_span(&dashed), 0, &d))
            return SP_PART_BROKEN;
        *at = d.last ? body.n : d.next;
    }
    if (*at >= body.n)
        return SP_PART_END;
    if (!read_head(body, at, a, ret))
        return SP_PART_BROKEN;
    if (!find_delimiter(body, sp_buf_span(&dashed), *at, &d)) {
        ret->content = sp_span_from(body, *at);
        *at = body.n;
        return SP_PART_BROKEN;
    }
    ret->content = sp_span_sub(body, *at, d.start - *at);
    *at = d.last ? body.n : d.next;
    return SP_PART_ONE;
}
