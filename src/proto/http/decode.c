/* SPDX-License-Identifier: Apache-2.0 */
/* decode: a unit becomes values. Only fields that somebody wants cost anything. */
#include "proto/http/http.h"

static const struct sp_span NONE = {NULL, 0};

static bool fail(struct sp_msg *m, enum sp_http_anomaly a)
{
    m->anomaly = http_anomaly_name(a);
    return false;
}

/* Adds a value of the head, whose raw bytes stand in the unit. Written in place: some thirty of them are made for an ordinary request. */
static inline void put(struct sp_msg *m, unsigned field, struct sp_span key, struct sp_span str, struct sp_span raw)
{
    if (m->nvalues == SP_VALUES_MAX) {
        m->overflow = true;
        return;
    }
    struct sp_value *v = &m->values[m->nvalues++];
    v->field = (uint16_t)field;
    v->flags = str.p != raw.p || str.n != raw.n ? SP_V_DERIVED : 0;
    v->off = (uint32_t)(raw.p - m->unit.p);
    v->len = (uint32_t)raw.n;
    v->key = key;
    v->str = str;
    v->num = 0;
}

/* The same, and before it under the name that PHP gives it, where that is another. */
static void put_named(struct sp_msg *m, unsigned field, struct sp_span name, struct sp_span php, struct sp_span str, struct sp_span raw)
{
    if (!sp_want(m, field))
        return;
    if (php.n && m->nvalues < SP_VALUES_MAX) {
        put(m, field, php, str, raw);
        m->values[m->nvalues - 1].flags |= SP_V_ALIAS;
    }
    put(m, field, name, str, raw);
}

/* ---- parts: chunk-size lines and trailers ---- */

static bool decode_part(const struct http_state *st, struct sp_msg *m)
{
    size_t lead = st->phase[m->dir] == PHASE_CHUNK_NEXT ? 2 : 0;
    struct http_chunk c;
    enum sp_http_anomaly a;
    struct sp_span in = sp_span_from(m->unit, lead);
    if (http_chunk_read(in, &c, &a) != CHUNK_OK)
        return fail(m, a);
    m->bits = BIT_PART | (c.size ? 0 : BIT_LAST);
    m->extra = c.size;
    if (!c.canonical)
        (void)sp_msg_canon(m, lead, c.line_len - 2, http_chunk_digits(in, &c));
    if (c.size)
        return in.n == c.line_len || fail(m, SP_HTTP_A_CHUNK_LINE);
    return http_trailers_read(m, sp_span_from(in, c.line_len), lead + c.line_len, &a) || fail(m, a);
}

/* ---- requests ---- */

static void add_str(struct sp_msg *m, unsigned field, struct sp_span str)
{
    if (sp_want(m, field))
        put(m, field, NONE, str, str);
}

static void add_path(struct sp_msg *m, const struct http_head *h)
{
    if (h->connect)
        return;
    add_str(m, SP_HTTP_PATH_RAW, h->path);
    if (sp_want(m, SP_HTTP_PATH))
        put(m, SP_HTTP_PATH, NONE, http_has_escapes(h->path) ? sp_url_decode(h->path, 0, m->arena) : h->path, h->path);
}

static void add_args(struct sp_msg *m, struct sp_span query)
{
    struct sp_pair p;
    size_t at = 0;
    bool decode = http_has_escapes(query);
    while (sp_form_next(query, &at, &p) && !m->overflow) {
        struct sp_span name = decode ? sp_url_decode(p.name, SP_URL_PLUS, m->arena) : p.name;
        struct sp_span value = decode ? sp_url_decode(p.value, SP_URL_PLUS, m->arena) : p.value;
        struct sp_span php = http_php_name(m, name, name);
        put_named(m, SP_HTTP_QARGS, name, php, value, p.value);
        put_named(m, SP_HTTP_QARGS_RAW, name, php, p.value, p.value);
        if (sp_want(m, SP_HTTP_QARGS_NAMES))
            put(m, SP_HTTP_QARGS_NAMES, NONE, name, p.name);
        put_named(m, SP_HTTP_ARGS, name, php, value, p.value);
        if (sp_want(m, SP_HTTP_ARGS_NAMES))
            put(m, SP_HTTP_ARGS_NAMES, NONE, name, p.name);
    }
}

static bool want_any(const struct sp_msg *m, const uint16_t *list, size_t n)
{
    bool any = false;
    for (size_t i = 0; i < n; i++)
        any |= sp_want(m, list[i]);
    return any;
}

static void add_query(struct sp_msg *m, const struct http_head *h)
{
    static const uint16_t of_args[] = {SP_HTTP_QARGS, SP_HTTP_QARGS_RAW, SP_HTTP_QARGS_NAMES, SP_HTTP_ARGS, SP_HTTP_ARGS_NAMES};
    if (!h->has_query)
        return;
    add_str(m, SP_HTTP_QUERY_RAW, h->query);
    if (sp_want(m, SP_HTTP_QUERY))
        put(m, SP_HTTP_QUERY, NONE, sp_url_decode(h->query, SP_URL_PLUS, m->arena), h->query);
    if (want_any(m, of_args, sizeof of_args / sizeof *of_args))
        add_args(m, h->query);
}

static void add_cookie(struct sp_msg *m, struct sp_span name, struct sp_span php, struct sp_span value, struct sp_span raw)
{
    put_named(m, SP_HTTP_COOKIES, name, php, value, raw);
    put_named(m, SP_HTTP_ARGS, name, php, value, raw);
}

/* What a quoted value is to readers of legacy cookies, where that is another one. One that reaches into the next pairs cannot be corrected. */
static void add_quoted_cookie(struct sp_msg *m, struct sp_span header, const struct sp_pair *p, struct sp_span plain)
{
    size_t off = (size_t)(p->raw.p - header.p), all = (size_t)(p->all.p - header.p) + p->all.n;
    size_t open = off && header.p[off - 1] == '"' ? off - 1 : off;
    struct sp_span in = sp_span_from(header, open), value, last = plain;
    for (int octal = 0; octal < 2 && p->has_value && sp_span_at(in, 0) == '"'; octal++) {
        size_t n = sp_cookie_quoted(in, octal, m->arena, &value);
        value = n ? sp_url_decode(value, 0, m->arena) : plain;
        bool other = !sp_span_eq(value, plain) && !sp_span_eq(value, last);
        last = value;
        if (other && sp_want(m, SP_HTTP_COOKIES))
            http_add(m, SP_HTTP_COOKIES, p->name, value, open + n <= all ? p->raw : NONE, 0);
        if (other && sp_want(m, SP_HTTP_ARGS))
            http_add(m, SP_HTTP_ARGS, p->name, value, open + n <= all ? p->raw : NONE, 0);
    }
}

static void add_cookies(struct sp_msg *m, struct sp_span header)
{
    struct sp_pair p;
    size_t at = 0;
    bool decode = http_has_escapes(header), quotes = sp_span_byte(header, 0, '"') != SP_NOT_FOUND;
    while (sp_cookie_next(header, &at, &p) && !m->overflow) {
        struct sp_span value = decode ? sp_url_decode(p.value, 0, m->arena) : p.value;
        /* PHP decoded the names of cookies too, until 7.4.11 (CVE-2020-7070). */
        struct sp_span php = http_php_name(m, p.name, decode ? sp_url_decode(p.name, 0, m->arena) : p.name);
        add_cookie(m, p.name, php, value, p.value);
        if (quotes)
            add_quoted_cookie(m, header, &p, value);
        if (sp_want(m, SP_HTTP_COOKIES_NAMES))
            put(m, SP_HTTP_COOKIES_NAMES, NONE, p.name, p.name);
        if (sp_want(m, SP_HTTP_ARGS_NAMES))
            put(m, SP_HTTP_ARGS_NAMES, NONE, p.name, p.name);
    }
}

/* The media type without parameters, and its parameters. */
static void add_type(struct sp_msg *m, struct sp_span value)
{
    add_str(m, SP_HTTP_CONTENT_TYPE, sp_param_head(value));
    size_t at = sp_span_byte(value, 0, ';');
    struct sp_pair p;
    if (!sp_want(m, SP_HTTP_CONTENT_TYPE_PARAMS))
        return;
    while (at < value.n && sp_param_next(value, &at, m->arena, &p))
        http_add(m, SP_HTTP_CONTENT_TYPE_PARAMS, p.name, p.value, p.value, 0); /* unescaped values stand elsewhere */
}

/* One position of a range: -1 when it is not given, the largest number when it does not fit. */
static int64_t range_number(struct sp_span s)
{
    uint64_t v;
    if (s.n == 0)
        return -1;
    return sp_span_u64(s, &v) && v <= INT64_MAX ? (int64_t)v : INT64_MAX;
}

/* unit=first-last, first-, -suffix: RFC 9110 section 14.1 */
static void add_ranges(struct sp_msg *m, struct sp_span value)
{
    size_t eq = sp_span_byte(value, 0, '='), at = eq + 1;
    if (eq == SP_NOT_FOUND)
        return;
    add_str(m, SP_HTTP_RANGE_UNIT, sp_span_trim(sp_span_sub(value, 0, eq)));
    for (unsigned n = 0; n < RANGES_MAX && at <= value.n; n++) {
        size_t end = sp_span_byte(value, at, ',');
        if (end == SP_NOT_FOUND)
            end = value.n;
        struct sp_span range = sp_span_trim(sp_span_sub(value, at, end - at));
        size_t dash = sp_span_byte(range, 0, '-');
        at = end + 1;
        if (dash == SP_NOT_FOUND)
            continue;
        if (sp_want(m, SP_HTTP_RANGE_FIRST))
            http_add_num(m, SP_HTTP_RANGE_FIRST, range_number(sp_span_trim(sp_span_sub(range, 0, dash))), range);
        if (sp_want(m, SP_HTTP_RANGE_LAST))
            http_add_num(m, SP_HTTP_RANGE_LAST, range_number(sp_span_trim(sp_span_from(range, dash + 1))), range);
    }
}

static void add_basic(struct sp_msg *m, struct sp_span credentials)
{
    struct sp_span text;
    if (!(sp_want(m, SP_HTTP_AUTH_USER) || sp_want(m, SP_HTTP_AUTH_PASSWORD)) || !sp_base64_decode(credentials, m->arena, &text))
        return;
    size_t colon = sp_span_byte(text, 0, ':');
    if (sp_want(m, SP_HTTP_AUTH_USER))
        put(m, SP_HTTP_AUTH_USER, NONE, sp_span_sub(text, 0, colon), credentials);
    if (sp_want(m, SP_HTTP_AUTH_PASSWORD) && colon != SP_NOT_FOUND)
        put(m, SP_HTTP_AUTH_PASSWORD, NONE, sp_span_from(text, colon + 1), credentials);
}

static void add_authorization(struct sp_msg *m, struct sp_span value)
{
    size_t blank = sp_span_byte(value, 0, ' ');
    struct sp_span scheme = sp_span_sub(value, 0, blank), rest = sp_span_trim(sp_span_from(value, blank == SP_NOT_FOUND ? value.n : blank));
    add_str(m, SP_HTTP_AUTH_SCHEME, scheme);
    add_str(m, SP_HTTP_AUTH_TOKEN, rest);
    if (sp_span_ieq(scheme, SP_LIT("basic")))
        add_basic(m, rest);
}

static void add_known(struct sp_msg *m, const struct http_head *h, const struct http_line *l)
{
    static const uint16_t of_cookies[] = {SP_HTTP_COOKIES, SP_HTTP_COOKIES_NAMES, SP_HTTP_ARGS, SP_HTTP_ARGS_NAMES};
    struct sp_span value = http_line_value(h, l);
    switch (l->known) {
    case H_HOST:
        add_str(m, SP_HTTP_HOST, http_host_name(value));
        break;
    case H_COOKIE:
        if (want_any(m, of_cookies, sizeof of_cookies / sizeof *of_cookies))
            add_cookies(m, value);
        break;
    case H_CONTENT_TYPE:
        add_type(m, value);
        break;
    case H_RANGE:
        add_ranges(m, value);
        break;
    case H_AUTHORIZATION:
        add_authorization(m, value);
        break;
    case H_CONTENT_LENGTH:
        if (sp_want(m, SP_HTTP_CONTENT_LENGTH))
            http_add_num(m, SP_HTTP_CONTENT_LENGTH, (int64_t)h->length, value);
        break;
    default:
        break;
    }
}

void http_request_values(struct sp_msg *m, const struct http_head *h)
{
    add_str(m, SP_HTTP_METHOD, h->method);
    add_str(m, SP_HTTP_URI, h->target);
    add_path(m, h);
    add_query(m, h);
    add_str(m, SP_HTTP_VERSION, h->version);
    bool values = sp_want(m, SP_HTTP_HEADERS), names = sp_want(m, SP_HTTP_HEADERS_NAMES);
    for (uint16_t i = 0; i < h->nlines; i++) {
        const struct http_line *l = &h->lines[i];
        struct sp_span name = http_line_name(h, l), value = http_line_value(h, l);
        if (names)
            put(m, SP_HTTP_HEADERS_NAMES, NONE, name, name);
        if (values)
            put(m, SP_HTTP_HEADERS, name, value, value);
        if (l->known != H_OTHER)
            add_known(m, h, l);
    }
}

/* ---- responses ---- */

void http_response_values(struct sp_msg *m, const struct http_head *h)
{
    add_str(m, SP_HTTP_RSP_VERSION, h->version);
    if (sp_want(m, SP_HTTP_RSP_STATUS))
        http_add_num(m, SP_HTTP_RSP_STATUS, h->status, sp_span_sub(m->unit, h->start + 9, 3));
    add_str(m, SP_HTTP_RSP_REASON, h->reason);
    for (uint16_t i = 0; i < h->nlines; i++) {
        const struct http_line *l = &h->lines[i];
        struct sp_span name = http_line_name(h, l), value = http_line_value(h, l);
        add_str(m, SP_HTTP_RSP_HEADERS_NAMES, name);
        if (sp_want(m, SP_HTTP_RSP_HEADERS))
            put(m, SP_HTTP_RSP_HEADERS, name, value, value);
        if (l->known == H_CONTENT_TYPE)
            add_str(m, SP_HTTP_RSP_CONTENT_TYPE, sp_param_head(value));
        if (l->known == H_CONTENT_LENGTH && sp_want(m, SP_HTTP_RSP_CONTENT_LENGTH))
            http_add_num(m, SP_HTTP_RSP_CONTENT_LENGTH, (int64_t)h->length, value);
    }
}

/* ---- the unit ---- */

static uint64_t bits_of(const struct http_head *h)
{
    enum http_kind kind = KIND_PLAIN;
    if (h->dir == SP_C2S && sp_span_eq(h->method, SP_LIT("HEAD")))
        kind = KIND_HEAD;
    else if (h->connect)
        kind = KIND_CONNECT;
    else if (h->upgrade && h->dir == SP_C2S)
        kind = KIND_UPGRADE;
    return (uint64_t)h->body | (h->keep_alive ? BIT_KEEP_ALIVE : 0) | (uint64_t)kind << BIT_KIND_SHIFT |
           (uint64_t)h->status << BIT_STATUS_SHIFT;
}

/* RFC 9110 section 15.2.2: only to a request that asked for it. */
static bool status_expected(const struct http_state *st, const struct http_head *h)
{
    return h->status != 101 || http_answering(st) >= KIND_UPGRADE;
}

static bool decode_body(struct sp_msg *m, const struct http_head *h)
{
    struct sp_span in = sp_span_from(m->unit, h->unit.n), body = in, trailers;
    enum sp_http_anomaly a;
    if (h->body == BODY_CHUNKED && !http_chunked_read(m, in, h->unit.n, &body, &trailers, &a))
        return fail(m, a);
    if (h->body != BODY_CHUNKED && in.n != (h->body == BODY_FIXED ? h->length : 0))
        return fail(m, SP_HTTP_A_LENGTH);
    return http_body_values(m, h, body, h->body != BODY_CHUNKED);
}

bool http_decode(const void *state, struct sp_msg *m)
{
    const struct http_state *st = state;
    struct http_head h;
    struct http_line lines[HEADERS_MAX] __attribute__((uninitialized)); /* four kilobytes, of which a head uses a tenth */
    if (st->phase[m->dir] != PHASE_HEAD)
        return decode_part(st, m);
    struct sp_span head = m->whole ? sp_span_sub(m->unit, 0, http_head_len(m->unit)) : m->unit;
    if (!http_head_read(&h, lines, head, (enum sp_dir)m->dir, http_answering(st)))
        return fail(m, h.anomaly);
    if (m->dir == SP_S2C && !status_expected(st, &h))
        return fail(m, SP_HTTP_A_UPGRADE_UNASKED);
    m->bits = bits_of(&h);
    m->extra = h.length;
    http_canon_head(m, &h);
    if (m->dir == SP_C2S)
        http_request_values(m, &h);
    else
        http_response_values(m, &h);
    if (m->whole)
        return decode_body(m, &h);
    if (h.body == BODY_FIXED || h.body == BODY_CHUNKED)
        http_body_fields(&h, m->body_fields);
    return true;
}
