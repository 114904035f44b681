/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mend: corrections become byte edits, encoded as the place needs it, and Content-Length follows. A value inside a chunked or coded body is
 * changed in the plain body, which then replaces the sent one.
 */
#include "proto/http/http.h"

enum mend_limits {
    BODY_EDITS_MAX = 256, /* corrected values inside one body */
};

struct mend {
    const struct sp_msg *m;
    struct http_head head;
    struct http_line lines[HEADERS_MAX];
    size_t head_len;
    struct sp_edit *edits; uint32_t nedits;      /* in the unit */
    struct sp_edit body[BODY_EDITS_MAX]; uint32_t nbody; /* in m->body, when the body is rewritten as a whole */
    bool rewrite;
};

static const struct sp_span NONE = {NULL, 0};

/* ---- lists of edits ---- */

/* Keeps the list sorted; two edits of the same bytes (one argument seen through two fields) count once. */
static bool insert(struct sp_edit *list, uint32_t *n, uint32_t max, size_t off, size_t len, struct sp_span with)
{
    uint32_t i = *n;
    while (i && list[i - 1].off > off)
        i--;
    if (i && list[i - 1].off == off && list[i - 1].len == len)
        return true;
    if (*n == max || (i && list[i - 1].off + list[i - 1].len > off) || (i < *n && off + len > list[i].off))
        return false;
    for (uint32_t j = (*n)++; j > i; j--)
        list[j] = list[j - 1];
    list[i] = (struct sp_edit){(uint32_t)off, (uint32_t)len, with};
    return true;
}

static bool edit(struct mend *d, const struct sp_value *v, size_t off, size_t len, struct sp_span with)
{
    if (!(v->flags & SP_V_INBODY))
        return insert(d->edits, &d->nedits, SP_EDITS_MAX, off, len, with);
    d->rewrite = true;
    return insert(d->body, &d->nbody, BODY_EDITS_MAX, off, len, with);
}

static struct sp_span space_of(const struct mend *d, const struct sp_value *v)
{
    return v->flags & SP_V_INBODY ? d->m->body : d->m->unit;
}

static struct sp_span encode(const struct mend *d, struct sp_span to, unsigned flags, struct sp_span keep)
{
    struct sp_buf out = sp_buf_arena(d->m->arena, to.n * 3);
    sp_url_encode(&out, to, flags, keep);
    return sp_buf_done(&out, d->m->arena);
}

static bool has_any(struct sp_span s, struct sp_span bytes)
{
    for (size_t i = 0; i < s.n; i++) {
        if (sp_span_byte(bytes, 0, s.p[i]) != SP_NOT_FOUND)
            return true;
    }
    return false;
}

static bool has_controls(struct sp_span s)
{
    size_t cr;
    return sp_span_controls(s, &cr) || cr || sp_span_byte(s, 0, '\n') != SP_NOT_FOUND;
}

/* ---- one kind of place each ---- */

static bool set_bytes(struct mend *d, const struct sp_value *v, struct sp_span with)
{
    return edit(d, v, v->off, v->len, with);
}

/* The header line that a value stands in. */
static const struct http_line *line_at(const struct mend *d, size_t off)
{
    for (uint16_t i = 0; i < d->head.nlines; i++) {
        if (off >= d->head.lines[i].off && off < d->head.lines[i].end)
            return &d->head.lines[i];
    }
    return NULL;
}

static bool remove_line(struct mend *d, const struct sp_value *v, const struct http_line *l)
{
    return edit(d, v, l->off, l->end - l->off, NONE);
}

/* What frames the message cannot be changed by itself. */
static bool fix_header(struct mend *d, const struct sp_value *v, const struct sp_fix *fix)
{
    const struct http_line *l = line_at(d, v->off);
    if (!l || l->known == H_CONTENT_LENGTH || l->known == H_TRANSFER_ENCODING)
        return false;
    if (fix->op == SP_FIX_REMOVE)
        return l->known != H_HOST && remove_line(d, v, l);
    return !has_controls(fix->to) && set_bytes(d, v, fix->to);
}

static bool fix_token(struct mend *d, const struct sp_value *v, const struct sp_fix *fix)
{
    return fix->op == SP_FIX_SET && http_is_token(fix->to) && set_bytes(d, v, fix->to);
}

static bool fix_raw_target(struct mend *d, const struct sp_value *v, const struct sp_fix *fix)
{
    bool path = v->field == SP_HTTP_PATH_RAW;
    bool ok = fix->op == SP_FIX_SET && !has_controls(fix->to) && !has_any(fix->to, path ? SP_LIT(" \t?#") : SP_LIT(" \t#"));
    return ok && (v->field == SP_HTTP_QUERY_RAW || fix->to.n) && set_bytes(d, v, fix->to);
}

static bool fix_path(struct mend *d, const struct sp_value *v, const struct sp_fix *fix)
{
    if (fix->op != SP_FIX_SET || sp_span_at(fix->to, 0) != '/')
        return false;
    return set_bytes(d, v, encode(d, fix->to, 0, SP_LIT("/!$&'()*+,;=:@")));
}

/* An edit that ends at `off`, NULL when there is none. */
static const struct sp_edit *edit_before(const struct sp_edit *list, uint32_t n, size_t off)
{
    for (uint32_t i = 0; i < n; i++) {
        if (list[i].len && list[i].off + list[i].len == off)
            return &list[i];
    }
    return NULL;
}

/* Where the delimiter before `at` begins; blanks behind it belong to it in a list of cookies. */
static size_t delimiter_before(struct sp_span in, size_t at, size_t from, uint8_t delimiter)
{
    while (delimiter == ';' && at > from && in.p[at - 1] == ' ')
        at--;
    return at - (at > from);
}

/* Removes [start, end), the last pair of a list that begins at `from`, with the delimiter before it; before the pairs removed in front of it,
 * when those have taken that one with them. */
static bool remove_last(struct mend *d, const struct sp_value *v, size_t start, size_t end, size_t from, uint8_t delimiter)
{
    const struct sp_edit *list = v->flags & SP_V_INBODY ? d->body : d->edits, *before;
    uint32_t n = v->flags & SP_V_INBODY ? d->nbody : d->nedits;
    size_t chain = start;
    while ((before = edit_before(list, n, chain)) != NULL && before->off >= from)
        chain = before->off;
    size_t cut = delimiter_before(space_of(d, v), chain, from, delimiter);
    if (chain == start)
        return edit(d, v, cut, end - cut, NONE);
    return edit(d, v, start, end - start, NONE) && (cut == chain || edit(d, v, cut, chain - cut, NONE));
}

/* The pair around the value, between delimiters, with one of them. */
static bool remove_pair(struct mend *d, const struct sp_value *v, struct sp_span in, size_t from, size_t to, uint8_t delimiter)
{
    size_t start = v->off, end = v->off + v->len;
    while (start > from && in.p[start - 1] != delimiter)
        start--;
    while (delimiter == ';' && start < v->off && in.p[start] == ' ')
        start++;
    while (end < to && in.p[end] != delimiter)
        end++;
    if (end == to)
        return remove_last(d, v, start, end, from, delimiter);
    end++;
    while (delimiter == ';' && end < to && in.p[end] == ' ')
        end++;
    return edit(d, v, start, end - start, NONE);
}

/* A name that had no value gets its equals sign. */
static bool set_pair(struct mend *d, const struct sp_value *v, struct sp_span with)
{
    struct sp_span in = space_of(d, v);
    if (v->len || sp_span_at(in, (size_t)v->off - 1) == '=')
        return set_bytes(d, v, with);
    struct sp_buf out = sp_buf_arena(d->m->arena, with.n + 1);
    sp_put_byte(&out, '=');
    sp_put(&out, with);
    return set_bytes(d, v, sp_buf_done(&out, d->m->arena));
}

/* Where the name=value list that holds the value begins and ends. */
static bool list_bounds(const struct mend *d, const struct sp_value *v, size_t *from, size_t *to)
{
    struct sp_span query = d->head.query;
    if (v->flags & SP_V_INBODY) {
        *from = 0;
        *to = d->m->body.n;
        return true;
    }
    *from = (size_t)(query.p - d->m->unit.p);
    *to = *from + query.n;
    if (v->off >= *from && v->off + v->len <= *to && d->head.has_query)
        return true;
    *from = d->head_len;
    *to = d->m->unit.n;
    return v->off >= *from;
}

static bool fix_pair(struct mend *d, const struct sp_value *v, const struct sp_fix *fix)
{
    size_t from, to;
    if (!list_bounds(d, v, &from, &to))
        return false;
    if (fix->op == SP_FIX_REMOVE)
        return remove_pair(d, v, space_of(d, v), from, to, '&');
    bool raw = v->field == SP_HTTP_QARGS_RAW || v->field == SP_HTTP_FORM_RAW;
    if (raw)
        return !has_controls(fix->to) && !has_any(fix->to, SP_LIT("& #")) && set_pair(d, v, fix->to);
    return set_pair(d, v, encode(d, fix->to, SP_URL_PLUS, SP_LIT("")));
}

static bool fix_cookie(struct mend *d, const struct sp_value *v, const struct sp_fix *fix)
{
    const struct http_line *l = line_at(d, v->off);
    if (!l)
        return false;
    struct sp_span value = http_line_value(&d->head, l);
    if (fix->op == SP_FIX_SET)
        return set_pair(d, v, encode(d, fix->to, 0, SP_LIT("!#$&'()*+/:<=>?@[]^`{|}")));
    if (sp_span_byte(value, 0, ';') == SP_NOT_FOUND)
        return remove_line(d, v, l);
    return remove_pair(d, v, d->m->unit, l->value, l->value + l->value_len, ';');
}

/* ---- multipart ---- */

static struct sp_span boundary_of(const struct mend *d)
{
    struct sp_span value = http_header(&d->head, H_CONTENT_TYPE);
    size_t at = sp_span_byte(value, 0, ';');
    struct sp_pair p;
    while (at < value.n && sp_param_next(value, &at, d->m->arena, &p)) {
        if (sp_span_ieq(p.name, SP_LIT("boundary")))
            return p.value;
    }
    return NONE;
}

/* From the delimiter line before the part whose content stands at `content` to the one behind it. */
static bool remove_part(struct mend *d, const struct sp_value *v)
{
    struct sp_span space = space_of(d, v), boundary = boundary_of(d);
    size_t base = v->flags & SP_V_INBODY ? 0 : d->head_len, at = 0, line = 0;
    struct sp_span body = sp_span_from(space, base);
    struct sp_part part;
    while (sp_multipart_next(body, boundary, &at, d->m->arena, &part) == SP_PART_ONE) {
        size_t headers = (size_t)(part.headers.p - body.p), end = (size_t)(part.content.p - body.p) + part.content.n;
        line = headers;
        while (line && !(line < headers && body.p[line - 1] == '\n'))
            line--;
        if (part.content.p != space.p + v->off)
            continue;
        end += sp_span_at(body, end) == '\r';
        end += sp_span_at(body, end) == '\n';
        return edit(d, v, base + line, end - line, NONE);
    }
    return false;
}

static bool fix_part(struct mend *d, const struct sp_value *v, const struct sp_fix *fix)
{
    if (fix->op == SP_FIX_REMOVE)
        return remove_part(d, v);
    return sp_span_find(fix->to, 0, SP_LIT("\n--")) == SP_NOT_FOUND && set_bytes(d, v, fix->to);
}

/* The value of filename*= with its charset (RFC 8187 section 3.2). */
static struct sp_span extended_value(const struct mend *d, struct sp_span to)
{
    struct sp_buf out = sp_buf_arena(d->m->arena, to.n * 3 + 7);
    sp_put_str(&out, "UTF-8''");
    sp_url_encode(&out, to, 0, NONE);
    return sp_buf_done(&out, d->m->arena);
}

/* In quotes, with the escape that browsers use; behind filename*= as that one wants it. */
static bool fix_filename(struct mend *d, const struct sp_value *v, const struct sp_fix *fix)
{
    if (fix->op != SP_FIX_SET || has_controls(fix->to))
        return false;
    bool quoted = sp_span_at(space_of(d, v), (size_t)v->off - 1) == '"';
    if (sp_span_at(space_of(d, v), (size_t)v->off - quoted - 2) == '*')
        return set_bytes(d, v, extended_value(d, fix->to));
    struct sp_buf out = sp_buf_arena(d->m->arena, fix->to.n * 3 + 2);
    sp_put_str(&out, quoted ? "" : "\"");
    for (size_t i = 0; i < fix->to.n; i++) {
        if (fix->to.p[i] == '"')
            sp_put_str(&out, "%22");
        else
            sp_put_byte(&out, fix->to.p[i]);
    }
    sp_put_str(&out, quoted ? "" : "\"");
    return set_bytes(d, v, sp_buf_done(&out, d->m->arena));
}

/* ---- JSON ---- */

static bool json_blank(int c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Where the member or element with this value begins: at its key, if it has one. */
static bool json_start(const struct mend *d, struct sp_span body, const uint8_t *value, size_t *ret)
{
    struct sp_json j = {.in = body, .arena = d->m->arena, .lenient = true};
    struct sp_json_item item;
    const uint8_t *key = NULL;
    unsigned key_depth = 0;
    for (sp_json_next(&j, &item); item.kind != SP_JSON_END && item.kind != SP_JSON_BROKEN; sp_json_next(&j, &item)) {
        if (item.raw.p == value) {
            *ret = (size_t)((key && key_depth == item.depth ? key : value) - body.p);
            return item.depth > 0;
        }
        key = item.kind == SP_JSON_KEY ? item.raw.p : NULL;
        key_depth = item.depth;
    }
    return false;
}

/* A member or element goes with the comma behind it, or the one before it. */
static bool remove_json(struct mend *d, const struct sp_value *v)
{
    struct sp_span space = space_of(d, v);
    size_t base = v->flags & SP_V_INBODY ? 0 : d->head_len, start, end = v->off + v->len;
    if (!json_start(d, sp_span_from(space, base), space.p + v->off, &start))
        return false;
    start += base;
    while (json_blank(sp_span_at(space, end)))
        end++;
    if (sp_span_at(space, end) == ',')
        return edit(d, v, start, end + 1 - start, NONE);
    while (start > base && json_blank(space.p[start - 1]))
        start--;
    start -= space.p[start - 1] == ',';
    return edit(d, v, start, end - start, NONE);
}

/* A scalar keeps its kind where the new value can have it. */
static bool fix_json(struct mend *d, const struct sp_value *v, const struct sp_fix *fix)
{
    if (fix->op == SP_FIX_REMOVE)
        return remove_json(d, v);
    bool string = sp_span_at(space_of(d, v), v->off) == '"';
    struct sp_json j = {.in = fix->to, .arena = d->m->arena};
    struct sp_json_item item;
    sp_json_next(&j, &item);
    bool bare = !string && item.kind >= SP_JSON_NUM && item.kind <= SP_JSON_NULL && item.raw.n == fix->to.n;
    if (bare)
        return set_bytes(d, v, fix->to);
    struct sp_buf out = sp_buf_arena(d->m->arena, fix->to.n * 6 + 2);
    sp_json_quote(&out, fix->to);
    return set_bytes(d, v, sp_buf_done(&out, d->m->arena));
}

/* ---- the rest ---- */

static bool fix_body(struct mend *d, const struct sp_value *v, const struct sp_fix *fix)
{
    if (d->head.count[H_CONTENT_ENCODING] && (v->flags & SP_V_INBODY))
        return false;
    return set_bytes(d, v, fix->op == SP_FIX_SET ? fix->to : NONE);
}

/* Not to one that ends the header section differently: RFC 9112 section 6.3. */
static bool fix_status(struct mend *d, const struct sp_value *v, const struct sp_fix *fix)
{
    uint64_t status;
    bool ok = fix->op == SP_FIX_SET && fix->to.n == 3 && sp_span_u64(fix->to, &status) && status >= 200 && status != 204 && status != 304;
    return ok && set_bytes(d, v, fix->to);
}

/* http.request.args shows values that live elsewhere. A form that is JSON as well could be meant as either. */
static bool fix_arg(struct mend *d, const struct sp_value *v, const struct sp_fix *fix)
{
    size_t query = (size_t)(d->head.query.p - d->m->unit.p);
    bool in_body = (v->flags & SP_V_INBODY) || v->off >= d->head_len;
    if (!in_body)
        return d->head.has_query && v->off >= query && v->off <= query + d->head.query.n ? fix_pair(d, v, fix) : fix_cookie(d, v, fix);
    switch (http_read_as(&d->head, d->m->body)) {
    case MEDIA_FORM:
        return fix_pair(d, v, fix);
    case MEDIA_MULTIPART:
        return fix_part(d, v, fix);
    case MEDIA_JSON:
        return fix_json(d, v, fix);
    default:
        return false;
    }
}

static bool fix_one(struct mend *d, const struct sp_fix *fix)
{
    static bool (*const places[SP_HTTP_NFIELDS])(struct mend *, const struct sp_value *, const struct sp_fix *) = {
        [SP_HTTP_METHOD] = fix_token, [SP_HTTP_URI] = fix_raw_target, [SP_HTTP_PATH] = fix_path, [SP_HTTP_PATH_RAW] = fix_raw_target,
        [SP_HTTP_QUERY_RAW] = fix_raw_target, [SP_HTTP_QARGS] = fix_pair, [SP_HTTP_QARGS_RAW] = fix_pair, [SP_HTTP_HEADERS] = fix_header,
        [SP_HTTP_COOKIES] = fix_cookie, [SP_HTTP_ARGS] = fix_arg, [SP_HTTP_BODY_RAW] = fix_body, [SP_HTTP_FORM] = fix_pair,
        [SP_HTTP_FORM_RAW] = fix_pair, [SP_HTTP_PARTS] = fix_part, [SP_HTTP_PARTS_FILENAMES] = fix_filename, [SP_HTTP_JSON] = fix_json,
        [SP_HTTP_RSP_STATUS] = fix_status, [SP_HTTP_RSP_HEADERS] = fix_header,
    };
    const struct sp_value *v = &d->m->values[fix->value];
    if (v->off == 0 && v->len == 0) /* made up, or from a body in another charset: it stands nowhere */
        return false;
    return v->field < SP_HTTP_NFIELDS && places[v->field] && places[v->field](d, v, fix);
}

/* Its bytes were corrected already: one argument, seen through two fields or under two names. */
static bool is_repeated(const struct mend *d, const struct sp_fix *fixes, uint32_t i)
{
    const struct sp_value *v = &d->m->values[fixes[i].value];
    for (uint32_t k = 0; k < i; k++) {
        const struct sp_value *w = &d->m->values[fixes[k].value];
        if (w->off == v->off && w->len == v->len && !((w->flags ^ v->flags) & SP_V_INBODY))
            return true;
    }
    return false;
}

/* ---- lengths ---- */

static struct sp_span number(const struct mend *d, uint64_t n)
{
    struct sp_buf out = sp_buf_arena(d->m->arena, 24);
    sp_put_u64(&out, n);
    return sp_buf_done(&out, d->m->arena);
}

static bool drop_lines(struct mend *d, enum http_known known)
{
    for (uint16_t i = 0; i < d->head.nlines; i++) {
        const struct http_line *l = &d->head.lines[i];
        if (l->known == known && !insert(d->edits, &d->nedits, SP_EDITS_MAX, l->off, l->end - l->off, NONE))
            return false;
    }
    return true;
}

/* The plain body with its edits replaces what was sent; Content-Length replaces how it was framed and coded. */
static bool rewrite_body(struct mend *d)
{
    struct sp_buf out, line = sp_buf_arena(d->m->arena, 64);
    size_t at = 0, len = d->m->body.n;
    for (uint32_t i = 0; i < d->nbody; i++)
        len += d->body[i].with.n;
    out = sp_buf_arena(d->m->arena, len);
    for (uint32_t i = 0; i < d->nbody; i++) {
        sp_put(&out, sp_span_sub(d->m->body, at, d->body[i].off - at));
        sp_put(&out, d->body[i].with);
        at = d->body[i].off + d->body[i].len;
    }
    sp_put(&out, sp_span_from(d->m->body, at));
    sp_put_fmt(&line, "Content-Length: %zu\r\n", out.n);
    bool dropped = drop_lines(d, H_TRANSFER_ENCODING) && drop_lines(d, H_CONTENT_ENCODING) && drop_lines(d, H_CONTENT_LENGTH);
    return dropped && !out.full && !line.full &&
           insert(d->edits, &d->nedits, SP_EDITS_MAX, d->head_len - 2, 0, sp_buf_span(&line)) &&
           insert(d->edits, &d->nedits, SP_EDITS_MAX, d->head_len, d->m->unit.n - d->head_len, sp_buf_span(&out));
}

/* Edits in the body change its length. */
static bool repair_length(struct mend *d)
{
    int64_t change = 0;
    for (uint32_t i = 0; i < d->nedits; i++) {
        if (d->edits[i].off >= d->head_len)
            change += (int64_t)d->edits[i].with.n - d->edits[i].len;
    }
    if (change == 0)
        return true;
    if (d->head.body != BODY_FIXED)
        return false;
    const struct http_line *l = &d->head.lines[d->head.first[H_CONTENT_LENGTH] - 1];
    return insert(d->edits, &d->nedits, SP_EDITS_MAX, l->value, l->value_len, number(d, (uint64_t)((int64_t)d->head.length + change)));
}

bool http_mend(const void *state, const struct sp_msg *m, const struct sp_fix *fixes, uint32_t nfixes, struct sp_edit *edits, uint32_t *nedits)
{
    const struct http_state *st = state;
    struct mend d = {.m = m, .edits = edits};
    d.head_len = m->whole ? http_head_len(m->unit) : m->unit.n;
    if (st->phase[m->dir] != PHASE_HEAD ||
        !http_head_read(&d.head, d.lines, sp_span_sub(m->unit, 0, d.head_len), (enum sp_dir)m->dir, http_answering(st)))
        return false;
    for (uint32_t i = 0; i < nfixes; i++) {
        if (!is_repeated(&d, fixes, i) && !fix_one(&d, &fixes[i]))
            return false;
    }
    if (!(d.rewrite ? rewrite_body(&d) : repair_length(&d)))
        return false;
    *nedits = d.nedits;
    return !m->arena->exhausted;
}

/* ---- X-Forwarded-For ---- */

bool http_forward(const struct sp_msg *m, struct sp_span client_ip, struct sp_edit *edits, uint32_t *nedits)
{
    struct http_head h;
    struct http_line lines[HEADERS_MAX] __attribute__((uninitialized));
    size_t head = m->whole ? http_head_len(m->unit) : m->unit.n;
    if (!http_head_read(&h, lines, sp_span_sub(m->unit, 0, head), SP_C2S, KIND_PLAIN))
        return false;
    struct sp_buf text = sp_buf_arena(m->arena, client_ip.n + 32);
    const struct http_line *last = NULL;
    for (uint16_t i = 0; i < h.nlines; i++) {
        if (sp_span_ieq(http_line_name(&h, &lines[i]), SP_LIT("x-forwarded-for")))
            last = &lines[i];
    }
    sp_put_str(&text, !last ? "X-Forwarded-For: " : last->value_len ? ", " : "");
    sp_put(&text, client_ip);
    sp_put_str(&text, last ? "" : "\r\n");
    size_t at = last ? last->value + last->value_len : head - 2;
    edits[0] = (struct sp_edit){(uint32_t)at, 0, sp_buf_done(&text, m->arena)};
    *nedits = 1;
    return !text.full;
}
