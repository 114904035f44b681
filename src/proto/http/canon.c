/* SPDX-License-Identifier: Apache-2.0 */
/* canon: the edits that bring a header section into its one canonical form, in rising order. */
#include "proto/http/http.h"

static const struct sp_span NOTHING = {NULL, 0};

static void edit(struct sp_msg *m, enum sp_http_anomaly why, size_t off, size_t len, struct sp_span with)
{
    if (!m->anomaly && http_anomaly_status(why) == TOLD)
        m->anomaly = http_anomaly_name(why);
    (void)sp_msg_canon(m, off, len, with);
}

/* The line break before `end`: LF alone gets its CR. */
static void canon_break(struct sp_msg *m, size_t end)
{
    if (end < 2 || m->unit.p[end - 2] != '\r')
        edit(m, SP_HTTP_A_BARE_LF, end - 1, 0, SP_LIT("\r"));
}

/* ---- start line ---- */

/* Origin-form of an absolute target; an empty path is "/", of OPTIONS "*" (RFC 9112 section 3.2.4). */
static struct sp_span origin_form(struct sp_msg *m, const struct http_head *h)
{
    struct sp_buf out = sp_buf_arena(m->arena, h->target.n + 1);
    bool server_wide = h->path.n == 0 && !h->has_query && sp_span_eq(h->method, SP_LIT("OPTIONS"));
    if (h->path.n == 0)
        sp_put_byte(&out, server_wide ? '*' : '/');
    sp_put(&out, h->path);
    if (h->has_query)
        sp_put_byte(&out, '?');
    sp_put(&out, h->query);
    return sp_buf_done(&out, m->arena);
}

static void canon_start(struct sp_msg *m, const struct http_head *h)
{
    if (h->start)
        edit(m, SP_HTTP_A_EMPTY_LINE, 0, h->start, NOTHING);
    if (h->absolute)
        edit(m, SP_HTTP_A_ABSOLUTE_FORM, (size_t)(h->target.p - m->unit.p), h->target.n, origin_form(m, h));
    if (h->minor > 1)
        edit(m, SP_HTTP_A_MINOR_VERSION, (size_t)(h->version.p - m->unit.p) + 7, 1, SP_LIT("1"));
    canon_break(m, h->start_end);
    if (h->absolute && !h->count[H_HOST]) {
        struct sp_buf line = sp_buf_arena(m->arena, h->authority.n + 8);
        sp_put_str(&line, "Host: ");
        sp_put(&line, h->authority);
        sp_put_str(&line, "\r\n");
        edit(m, SP_HTTP_A_ABSOLUTE_FORM, h->start_end, 0, sp_buf_done(&line, m->arena));
    }
}

/* ---- header lines ---- */

static enum sp_http_anomaly length_removal(const struct http_head *h, bool first)
{
    if (h->dir == SP_S2C && h->bodyless && h->length)
        return SP_HTTP_A_LENGTH_WITHOUT_BODY;
    if (h->chunked)
        return SP_HTTP_A_LENGTH_WITH_CHUNKED_RESPONSE;
    return first ? SP_HTTP_A_NONE : SP_HTTP_A_LENGTH_REPEATED;
}

/* The line is removed as a whole, for this reason; SP_HTTP_A_NONE: it stays. */
static enum sp_http_anomaly removal(const struct http_head *h, uint16_t i)
{
    const struct http_line *l = &h->lines[i];
    switch (l->known) {
    case H_CONTENT_LENGTH:
        return length_removal(h, h->first[l->known] == i + 1);
    case H_TRANSFER_ENCODING:
        return h->dir == SP_S2C && h->bodyless ? SP_HTTP_A_LENGTH_WITHOUT_BODY : SP_HTTP_A_NONE;
    case H_EXPECT:
        return h->dir == SP_C2S ? SP_HTTP_A_EXPECT_HELD : SP_HTTP_A_NONE;
    case H_HTTP2_SETTINGS:
        return h->dir == SP_C2S ? SP_HTTP_A_UPGRADE_H2C : SP_HTTP_A_NONE;
    default:
        return SP_HTTP_A_NONE;
    }
}

/* The protocols of an Upgrade line that may be offered. */
static struct sp_span without_h2(struct sp_msg *m, struct sp_span list)
{
    struct sp_buf out = sp_buf_arena(m->arena, list.n + 2);
    struct sp_span protocol;
    size_t at = 0;
    while (http_list_next(list, &at, &protocol)) {
        if (http_is_h2(protocol))
            continue;
        sp_put_str(&out, out.n ? ", " : "");
        sp_put(&out, protocol);
    }
    return sp_buf_done(&out, m->arena);
}

/* A different value for the line; its own when that is canonical. */
static struct sp_span new_value(struct sp_msg *m, const struct http_head *h, const struct http_line *l, enum sp_http_anomaly *why)
{
    struct sp_span value = http_line_value(h, l);
    if (l->known == H_HOST && h->absolute && !sp_span_ieq(value, h->authority)) {
        *why = SP_HTTP_A_ABSOLUTE_HOST;
        return h->authority;
    }
    if (l->known == H_UPGRADE && h->h2c && h->dir == SP_C2S) {
        *why = SP_HTTP_A_UPGRADE_H2C;
        return without_h2(m, value);
    }
    size_t comma = l->known == H_CONTENT_LENGTH ? sp_span_byte(value, 0, ',') : SP_NOT_FOUND;
    if (comma != SP_NOT_FOUND) {
        *why = SP_HTTP_A_LENGTH_REPEATED;
        return sp_span_trim(sp_span_sub(value, 0, comma));
    }
    return value;
}

static bool is_blank(int c)
{
    return c == ' ' || c == '\t';
}

/* Joins folded lines: each line break with the blanks around it becomes one space (RFC 9112 section 5.2). */
static void canon_fold(struct sp_msg *m, const struct http_line *l)
{
    size_t at = l->value, last = l->end - 1, joined = l->value;
    while ((at = sp_span_byte(m->unit, at, '\n')) < last) {
        size_t from = at, to = at + 1;
        while (from > joined && (m->unit.p[from - 1] == '\r' || is_blank(m->unit.p[from - 1])))
            from--;
        while (to < last && is_blank(m->unit.p[to]))
            to++;
        edit(m, SP_HTTP_A_OBS_FOLD, from, to - from, SP_LIT(" "));
        at = joined = to;
    }
}

/* Servers have failed to see "chunked" behind a TAB or before a blank: from the colon to the line break there is one way to write what frames. */
static void canon_framing(struct sp_msg *m, size_t from, size_t end, struct sp_span value, enum sp_http_anomaly why)
{
    struct sp_span now = sp_span_sub(m->unit, from, end - from - (m->unit.p[end - 2] == '\r' ? 2 : 1));
    if (sp_span_at(now, 0) == ' ' && sp_span_eq(sp_span_from(now, 1), value))
        return;
    struct sp_buf out = sp_buf_arena(m->arena, value.n + 1);
    sp_put_byte(&out, ' ');
    sp_put(&out, value);
    edit(m, why, from, now.n, sp_buf_done(&out, m->arena));
}

static void canon_line(struct sp_msg *m, const struct http_head *h, uint16_t i)
{
    const struct http_line *l = &h->lines[i];
    enum sp_http_anomaly why = removal(h, i);
    struct sp_span value = why ? NOTHING : new_value(m, h, l, &why);
    if (why && value.n == 0) {
        edit(m, why, l->off, l->end - l->off, NOTHING);
        return;
    }
    size_t name_end = l->off + l->name_len, colon = name_end;
    while (m->unit.p[colon] != ':')
        colon++;
    if (colon > name_end)
        edit(m, SP_HTTP_A_BLANK_BEFORE_COLON_RESPONSE, name_end, colon - name_end, NOTHING);
    if (l->known == H_TRANSFER_ENCODING)
        canon_framing(m, colon + 1, l->end, SP_LIT("chunked"), SP_HTTP_A_CODING_CASE);
    else if (l->known == H_CONTENT_LENGTH)
        canon_framing(m, colon + 1, l->end, value, why ? why : SP_HTTP_A_LENGTH_BLANKS);
    else if (why && !sp_span_eq(value, http_line_value(h, l)))
        edit(m, why, l->value, l->value_len, value);
    else if (l->folded)
        canon_fold(m, l);
    canon_break(m, l->end);
}

/* Almost every head is canonical: known without looking at its lines again. */
static bool is_canonical(const struct http_head *h)
{
    bool lines = h->plain_breaks && !h->start && !h->any_folded && !h->any_blank;
    bool facts = !h->absolute && h->minor <= 1 && !h->h2c && !h->list_length && !h->blanks_length && !(h->bodyless && h->length);
    return lines && facts && !h->count[H_TRANSFER_ENCODING] && !h->count[H_EXPECT];
}

void http_canon_head(struct sp_msg *m, const struct http_head *h)
{
    if (is_canonical(h))
        return;
    canon_start(m, h);
    for (uint16_t i = 0; i < h->nlines; i++)
        canon_line(m, h, i);
    canon_break(m, h->unit.n);
}
