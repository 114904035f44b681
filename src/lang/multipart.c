/* SPDX-License-Identifier: Apache-2.0 */
/* multipart: multipart/form-data, RFC 7578 over RFC 2046 section 5.1, as browsers write it and servers read it. */
#include "lang/lang.h"

enum multipart_limits {
    BOUNDARY_MAX = 70,      /* RFC 2046 section 5.1.1 */
    PART_HEADERS_MAX = 32,  /* header lines of one part; browsers send two */
    PART_HEAD_MAX = 16 << 10,
};

struct reading {
    struct sp_span body, dashed; /* dashed: "--boundary" */
    struct sp_arena *arena;
    struct sp_part *part;
};

/* Servers would not read this as we do. */
static bool unclear(const struct reading *r)
{
    r->arena->exhausted = true;
    r->part->unclear = true;
    return false;
}

/* ---- delimiters ---- */

enum line {
    LINE_DELIMITER, /* --boundary: a part follows */
    LINE_CLOSE,     /* --boundary-- */
    LINE_CUT,       /* the body ends with it, or in it */
    LINE_ALIKE,     /* --boundary, and then something else */
    LINE_NONE,
};

struct delimiter {
    size_t start, next; /* where the line break before it starts, and where the line after it begins */
};

static size_t skip_padding(struct sp_span body, size_t at)
{
    while (at < body.n && (body.p[at] == ' ' || body.p[at] == '\t'))
        at++;
    return at;
}

/* What "--boundary" is the beginning of, `at` being behind it. RFC 2046: blanks may follow it ("transport padding"), then the line ends. */
static enum line line_kind(struct sp_span body, size_t at, size_t *ret_next)
{
    bool close = sp_span_starts(sp_span_from(body, at), SP_LIT("--"));
    if (!close && sp_span_eq(sp_span_from(body, at), SP_LIT("-")))
        return LINE_CUT;
    at = skip_padding(body, at + (close ? 2 : 0));
    *ret_next = at;
    if (at == body.n)
        return close ? LINE_CLOSE : LINE_CUT;
    at += body.p[at] == '\r';
    if (at == body.n)
        return close ? LINE_CLOSE : LINE_CUT;
    if (body.p[at] != '\n')
        return LINE_ALIKE;
    *ret_next = at + 1;
    if (!close && *ret_next == body.n)
        return LINE_CUT;
    return close ? LINE_CLOSE : LINE_DELIMITER;
}

/* The next line at or after `from` that begins with "--boundary". */
static enum line next_delimiter(const struct reading *r, size_t from, struct delimiter *ret)
{
    for (size_t at = from; (at = sp_span_find(r->body, at, r->dashed)) != SP_NOT_FOUND; at++) {
        size_t start = at;
        if (at && r->body.p[at - 1] != '\n')
            continue;
        start -= at > 0;
        start -= start && r->body.p[start - 1] == '\r';
        ret->start = start < from ? from : start; /* the line break of an empty part belongs to its head */
        return line_kind(r->body, at + r->dashed.n, &ret->next);
    }
    return LINE_NONE;
}

/* Where the next part begins behind the closing delimiter, or the end of the body: PHP goes on there, RFC 2046 calls it the epilogue. */
static size_t after_close(const struct reading *r, size_t at)
{
    for (;;) {
        struct delimiter d = {0};
        switch (next_delimiter(r, at, &d)) {
        case LINE_DELIMITER:
            return d.next;
        case LINE_NONE:
        case LINE_CUT:
            return r->body.n;
        case LINE_CLOSE:
        case LINE_ALIKE:
            at = d.next;
        }
    }
}

/* ---- the head of a part ---- */

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

/* Browsers write quotes and line breaks of names as %22, %0D, %0A and nothing else so (HTML Living Standard, section 4.10.21.7). */
static uint8_t browser_escape(struct sp_span in, size_t at)
{
    static const struct { struct sp_span text; uint8_t c; } escapes[] = {
        {{(const uint8_t *)"%22", 3}, '"'}, {{(const uint8_t *)"%0d", 3}, '\r'}, {{(const uint8_t *)"%0a", 3}, '\n'},
    };
    for (size_t i = 0; in.p[at] == '%' && i < sizeof escapes / sizeof *escapes; i++) {
        if (sp_span_istarts(sp_span_from(in, at), escapes[i].text))
            return escapes[i].c;
    }
    return 0;
}

static struct sp_span browser_decode(struct sp_span in, struct sp_arena *a)
{
    size_t at = 0;
    while (at < in.n && !browser_escape(in, at))
        at++;
    if (at == in.n)
        return in;
    struct sp_buf out = sp_buf_arena(a, in.n);
    sp_put(&out, sp_span_sub(in, 0, at));
    while (at < in.n) {
        uint8_t c = browser_escape(in, at);
        sp_put_byte(&out, c ? c : in.p[at]);
        at += c ? 3 : 1;
    }
    return sp_buf_done(&out, a);
}

/* Sets what may be said once, or several times alike. */
static bool set_once(const struct reading *r, struct sp_span *to, bool *has, struct sp_span value)
{
    if (*has && !sp_span_eq(*to, value))
        return unclear(r);
    *to = value;
    *has = true;
    return true;
}

struct file_name {
    struct sp_span value, raw;
    bool has;
};

/* What the disposition says, its parameters apart. */
struct disposition {
    struct sp_span name;
    bool has_name;
    struct file_name plain, extended; /* filename=, filename*= */
    bool extended_last;
    bool encoded; /* Content-Transfer-Encoding says that the content stands for other bytes */
};

static bool read_parameter(const struct reading *r, const struct sp_pair *p, struct disposition *d)
{
    struct sp_span value = p->extended ? p->value : browser_decode(p->value, r->arena);
    if (sp_span_ieq(p->name, SP_LIT("name")))
        return set_once(r, &d->name, &d->has_name, value);
    if (sp_span_ieq(p->name, SP_LIT("filename"))) {
        struct file_name *file = p->extended ? &d->extended : &d->plain;
        d->extended_last = p->extended;
        file->raw = p->raw;
        return set_once(r, &file->value, &file->has, value);
    }
    /* pieces of a value (RFC 2231 section 3), which few servers put together */
    bool piece = sp_span_istarts(p->name, SP_LIT("filename*")) || sp_span_istarts(p->name, SP_LIT("name*"));
    return !piece || unclear(r);
}

static bool read_disposition(const struct reading *r, struct sp_span value, struct disposition *d)
{
    struct sp_pair p;
    size_t at = sp_span_byte(value, 0, ';');
    while (at < value.n && sp_param_next(value, &at, r->arena, &p)) {
        if (!read_parameter(r, &p, d))
            return false;
    }
    return true;
}

static void take_disposition(struct sp_part *part, const struct disposition *d)
{
    const struct file_name *last = d->extended_last ? &d->extended : &d->plain, *first = d->extended_last ? &d->plain : &d->extended;
    part->name = d->name;
    part->has_filename = last->has;
    part->filename = last->value;
    part->filename_raw = last->raw;
    part->maybe_value = last->has && d->plain.value.n == 0;
    if (first->has && !sp_span_eq(first->value, last->value)) {
        part->filename_other = first->value;
        part->filename_other_raw = first->raw;
    }
}

/* The charset that several parameters contradict each other about is unclear. */
static bool read_type(const struct reading *r, struct sp_span value)
{
    struct sp_pair p;
    bool has_charset = false;
    r->part->type = sp_param_head(value);
    size_t at = sp_span_byte(value, 0, ';');
    while (at < value.n && sp_param_next(value, &at, r->arena, &p)) {
        if (sp_span_ieq(p.name, SP_LIT("charset")) && !set_once(r, &r->part->charset, &has_charset, p.value))
            return false;
    }
    return true;
}

/* RFC 7578 section 4.7 leaves other encodings behind: Django and Go's library undo them, most servers do not. */
static bool is_plain_encoding(struct sp_span value)
{
    return value.n == 0 || sp_span_ieq(value, SP_LIT("7bit")) || sp_span_ieq(value, SP_LIT("8bit")) || sp_span_ieq(value, SP_LIT("binary"));
}

static bool read_header(const struct reading *r, struct sp_span line, struct disposition *d)
{
    size_t colon = sp_span_byte(line, 0, ':');
    if (colon == SP_NOT_FOUND)
        return true;
    struct sp_span name = sp_span_trim(sp_span_sub(line, 0, colon)), value = sp_span_trim(sp_span_from(line, colon + 1));
    if (sp_span_ieq(name, SP_LIT("content-disposition")))
        return read_disposition(r, value, d);
    if (sp_span_ieq(name, SP_LIT("content-type")))
        return read_type(r, value);
    if (sp_span_ieq(name, SP_LIT("content-transfer-encoding")))
        d->encoded |= !is_plain_encoding(sp_param_head(value));
    return true;
}

/* A line that begins with a blank continues the one before: *line grows over those behind it. */
static void unfold(struct sp_span body, size_t *at, struct sp_span *line)
{
    struct sp_span more;
    while (*at < body.n && (body.p[*at] == ' ' || body.p[*at] == '\t') && next_line(body, at, &more))
        *line = sp_span_of(line->p, (size_t)(more.p + more.n - line->p));
}

/* Header lines up to the empty line; *at moves to the content. */
static bool read_lines(const struct reading *r, size_t *at, struct disposition *d)
{
    struct sp_span line;
    size_t from = *at;
    for (unsigned n = 0; next_line(r->body, at, &line); n++) {
        if (line.n == 0) {
            r->part->headers = sp_span_sub(r->body, from, *at - from);
            return true;
        }
        unfold(r->body, at, &line);
        if (n == PART_HEADERS_MAX || *at - from > PART_HEAD_MAX)
            return unclear(r);
        if (!read_header(r, line, d))
            return false;
    }
    return false;
}

static bool read_head(const struct reading *r, size_t *at)
{
    struct disposition d = {0};
    bool ok = read_lines(r, at, &d);
    take_disposition(r->part, &d);
    return ok && (!d.encoded || !d.has_name || unclear(r));
}

/* ---- parts ---- */

static enum sp_part_result read_part(const struct reading *r, size_t *at)
{
    struct delimiter d = {0};
    if (!read_head(r, at)) {
        *at = r->body.n;
        return SP_PART_BROKEN;
    }
    enum line kind = next_delimiter(r, *at, &d);
    r->part->content = sp_span_sub(r->body, *at, kind == LINE_NONE ? SIZE_MAX : d.start - *at);
    *at = kind == LINE_DELIMITER ? d.next : kind == LINE_CLOSE ? after_close(r, d.next) : r->body.n;
    if (kind == LINE_ALIKE)
        (void)unclear(r);
    return kind == LINE_DELIMITER || kind == LINE_CLOSE ? SP_PART_ONE : SP_PART_BROKEN;
}

/* From the start of the body to its first part, or to its end. */
static enum sp_part_result skip_preamble(const struct reading *r, size_t *at)
{
    struct delimiter d = {0};
    enum line kind = next_delimiter(r, 0, &d);
    *at = kind == LINE_DELIMITER ? d.next : kind == LINE_CLOSE ? after_close(r, d.next) : r->body.n;
    if (kind == LINE_ALIKE)
        (void)unclear(r);
    return kind == LINE_DELIMITER || kind == LINE_CLOSE ? SP_PART_ONE : SP_PART_BROKEN;
}

enum sp_part_result sp_multipart_next(struct sp_span body, struct sp_span boundary, size_t *at, struct sp_arena *a, struct sp_part *ret)
{
    uint8_t text[BOUNDARY_MAX + 2];
    struct sp_buf dashed = sp_buf_fixed(text, sizeof text);
    sp_put_str(&dashed, "--");
    sp_put(&dashed, boundary);
    *ret = (struct sp_part){0};
    struct reading r = {body, sp_buf_span(&dashed), a, ret};
    if (dashed.full)
        (void)unclear(&r);
    if (dashed.full || boundary.n == 0)
        return SP_PART_BROKEN;
    if (*at == 0 && skip_preamble(&r, at) == SP_PART_BROKEN)
        return SP_PART_BROKEN;
    return *at < body.n ? read_part(&r, at) : SP_PART_END;
}
