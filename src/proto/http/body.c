/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body: values of a collected request or response body. What it is read as is what its Content-Type declares, as servers do;
 * content codings are taken off first, within bounds.
 */
#include "proto/http/http.h"

static const struct sp_span NONE = {NULL, 0};

enum media { MEDIA_OTHER, MEDIA_FORM, MEDIA_MULTIPART, MEDIA_JSON, MEDIA_XML };

static enum media media_of(const struct http_head *h)
{
    struct sp_span type = sp_param_head(http_header(h, H_CONTENT_TYPE));
    if (sp_span_ieq(type, SP_LIT("application/x-www-form-urlencoded")))
        return MEDIA_FORM;
    if (sp_span_istarts(type, SP_LIT("multipart/")))
        return MEDIA_MULTIPART;
    if (sp_span_iends(type, SP_LIT("/json")) || sp_span_iends(type, SP_LIT("+json")) || sp_span_iends(type, SP_LIT("ndjson")))
        return MEDIA_JSON;
    if (sp_span_iends(type, SP_LIT("/xml")) || sp_span_iends(type, SP_LIT("+xml")))
        return MEDIA_XML;
    return MEDIA_OTHER;
}

static void set_range(uint64_t *bits, unsigned first, unsigned last)
{
    for (unsigned f = first; f <= last; f++)
        sp_bit_set(bits, f);
}

void http_body_fields(const struct http_head *h, uint64_t *ret)
{
    static const struct { uint16_t first, last; } own[] = {
        [MEDIA_FORM] = {SP_HTTP_FORM, SP_HTTP_FORM_NAMES},
        [MEDIA_MULTIPART] = {SP_HTTP_PARTS, SP_HTTP_PARTS_FILES},
        [MEDIA_JSON] = {SP_HTTP_JSON, SP_HTTP_JSON_ERROR},
        [MEDIA_XML] = {SP_HTTP_XML_NAMES, SP_HTTP_XML_ENTITIES},
    };
    if (h->dir == SP_S2C) {
        set_range(ret, SP_HTTP_RSP_BODY, SP_HTTP_RSP_BODY_SIZE);
        return;
    }
    enum media media = media_of(h);
    set_range(ret, SP_HTTP_BODY, SP_HTTP_BODY_SIZE);
    if (h->body == BODY_CHUNKED)
        sp_bit_set(ret, SP_HTTP_TRAILERS);
    if (media == MEDIA_OTHER)
        return;
    set_range(ret, own[media].first, own[media].last);
    set_range(ret, SP_HTTP_ARGS, SP_HTTP_ARGS_NAMES);
}

/* ---- adding ---- */

struct reading {
    struct sp_msg *m;
    unsigned flags; /* SP_V_INBODY when the body does not stand in the unit as it is */
};

static void add(const struct reading *r, unsigned field, struct sp_span key, struct sp_span str, struct sp_span raw)
{
    if (sp_want(r->m, field))
        http_add(r->m, field, key, str, raw, r->flags);
}

/* An argument: in its own field, among all arguments, and its name in both lists. names_field 0: no list of its own. */
static void add_arg(const struct reading *r, unsigned field, unsigned names_field, struct sp_span name, struct sp_span value, struct sp_span raw)
{
    add(r, field, name, value, raw);
    add(r, SP_HTTP_ARGS, name, value, raw);
    if (names_field)
        add(r, names_field, NONE, name, NONE);
    add(r, SP_HTTP_ARGS_NAMES, NONE, name, NONE);
}

static void read_form(const struct reading *r, struct sp_span body)
{
    struct sp_pair p;
    size_t at = 0;
    while (sp_form_next(body, &at, &p)) {
        struct sp_span name = sp_url_decode(p.name, SP_URL_PLUS, r->m->arena);
        struct sp_span value = sp_url_decode(p.value, SP_URL_PLUS, r->m->arena);
        add_arg(r, SP_HTTP_FORM, SP_HTTP_FORM_NAMES, name, value, p.value);
        add(r, SP_HTTP_FORM_RAW, name, p.value, p.value);
    }
}

static struct sp_span boundary_of(struct sp_msg *m, const struct http_head *h)
{
    struct sp_span value = http_header(h, H_CONTENT_TYPE);
    size_t at = sp_span_byte(value, 0, ';');
    struct sp_pair p;
    while (at < value.n && sp_param_next(value, &at, m->arena, &p)) {
        if (sp_span_ieq(p.name, SP_LIT("boundary")))
            return p.value;
    }
    return NONE;
}

static void read_part(const struct reading *r, const struct sp_part *part)
{
    add(r, SP_HTTP_PARTS_TYPES, part->name, part->type, part->type);
    if (!part->has_filename) {
        add_arg(r, SP_HTTP_PARTS, SP_HTTP_PARTS_NAMES, part->name, part->content, part->content);
        return;
    }
    add(r, SP_HTTP_PARTS_NAMES, NONE, part->name, NONE);
    add(r, SP_HTTP_ARGS_NAMES, NONE, part->name, NONE);
    add(r, SP_HTTP_PARTS_FILENAMES, part->name, part->filename, part->filename_raw);
    add(r, SP_HTTP_PARTS_FILES, part->name, part->content, part->content);
}

static void read_multipart(const struct reading *r, const struct http_head *h, struct sp_span body)
{
    struct sp_span boundary = boundary_of(r->m, h);
    struct sp_part part;
    enum sp_part_result rc;
    size_t at = 0;
    while ((rc = sp_multipart_next(body, boundary, &at, r->m->arena, &part)) == SP_PART_ONE && !r->m->overflow)
        read_part(r, &part);
    if (rc == SP_PART_BROKEN && (part.name.n || part.has_filename)) /* servers take an unfinished last part too */
        read_part(r, &part);
}

static void read_json(const struct reading *r, struct sp_span body)
{
    struct sp_json j = {.in = body, .arena = r->m->arena};
    struct sp_json_item item;
    sp_json_next(&j, &item);
    for (; item.kind != SP_JSON_END && item.kind != SP_JSON_BROKEN && !r->m->overflow; sp_json_next(&j, &item)) {
        if (item.kind == SP_JSON_KEY) {
            add(r, SP_HTTP_JSON_NAMES, NONE, item.value, item.raw);
            add(r, SP_HTTP_ARGS_NAMES, NONE, item.path, NONE);
            continue;
        }
        add(r, SP_HTTP_JSON, item.path, item.value, item.raw);
        add(r, SP_HTTP_ARGS, item.path, item.value, item.raw);
    }
    if (sp_want(r->m, SP_HTTP_JSON_DEPTH))
        http_add_num(r->m, SP_HTTP_JSON_DEPTH, j.deepest, NONE);
    if (sp_want(r->m, SP_HTTP_JSON_ERROR))
        http_add_num(r->m, SP_HTTP_JSON_ERROR, item.kind == SP_JSON_BROKEN, NONE);
}

static void read_xml_item(const struct reading *r, const struct sp_xml_item *item)
{
    switch (item->kind) {
    case SP_XML_ELEMENT:
        add(r, SP_HTTP_XML_NAMES, NONE, item->name, item->name);
        break;
    case SP_XML_ATTR:
        add(r, SP_HTTP_XML_ATTRS, item->name, item->value, item->value);
        break;
    case SP_XML_TEXT:
        add(r, SP_HTTP_XML_TEXT, item->path, item->value, item->value);
        add(r, SP_HTTP_ARGS, item->path, item->value, item->value);
        break;
    case SP_XML_DOCTYPE:
        add(r, SP_HTTP_XML_DOCTYPE, NONE, item->value, item->value);
        break;
    case SP_XML_ENTITY:
        add(r, SP_HTTP_XML_ENTITIES, item->name, item->value, item->value);
        break;
    case SP_XML_END:
    case SP_XML_BROKEN:
        break;
    }
}

static void read_xml(const struct reading *r, struct sp_span body)
{
    struct sp_xml x;
    struct sp_xml_item item;
    sp_xml_start(&x, body, r->m->arena);
    for (sp_xml_next(&x, &item); item.kind != SP_XML_END && item.kind != SP_XML_BROKEN && !r->m->overflow; sp_xml_next(&x, &item))
        read_xml_item(r, &item);
}

/* ---- content codings ---- */

/* The codings, outermost (last applied) first. False: too many, or unknown. */
static bool codings_of(struct sp_span list, enum sp_coding ret[CODINGS_MAX], size_t *ret_n)
{
    size_t n = 0, end = list.n;
    for (;;) {
        size_t from = end;
        while (from && list.p[from - 1] != ',')
            from--;
        enum sp_coding c = sp_coding_named(sp_span_trim(sp_span_sub(list, from, end - from)));
        if (c == SP_CODING_UNKNOWN || (c != SP_CODING_IDENTITY && n == CODINGS_MAX))
            return false;
        if (c != SP_CODING_IDENTITY)
            ret[n++] = c;
        if (from == 0)
            break;
        end = from - 1;
    }
    *ret_n = n;
    return true;
}

static bool fail(struct sp_msg *m, enum sp_http_anomaly a)
{
    m->anomaly = http_anomaly_name(a);
    return false;
}

static bool expand(struct sp_msg *m, const struct http_head *h, struct sp_span *body, bool *coded)
{
    enum sp_coding codings[CODINGS_MAX];
    size_t n;
    *coded = false;
    if (!h->count[H_CONTENT_ENCODING])
        return true;
    if (h->count[H_CONTENT_ENCODING] > 1 || !codings_of(http_header(h, H_CONTENT_ENCODING), codings, &n))
        return fail(m, SP_HTTP_A_CONTENT_CODING);
    for (size_t i = 0; i < n; i++) {
        size_t max = body->n > EXPAND_MAX / EXPAND_RATIO_MAX ? EXPAND_MAX : body->n * EXPAND_RATIO_MAX;
        switch (sp_coding_expand(codings[i], *body, max, m->arena, body)) {
        case SP_EXPAND_OK:
            break;
        case SP_EXPAND_BROKEN:
            return fail(m, SP_HTTP_A_CONTENT_BROKEN);
        case SP_EXPAND_TOOBIG:
            return fail(m, SP_HTTP_A_CONTENT_TOO_BIG);
        }
    }
    *coded = n > 0;
    return true;
}

static void read_media(const struct reading *r, const struct http_head *h, struct sp_span body)
{
    switch (media_of(h)) {
    case MEDIA_FORM:
        read_form(r, body);
        break;
    case MEDIA_MULTIPART:
        read_multipart(r, h, body);
        break;
    case MEDIA_JSON:
        read_json(r, body);
        break;
    case MEDIA_XML:
        read_xml(r, body);
        break;
    case MEDIA_OTHER:
        break;
    }
}

bool http_body_values(struct sp_msg *m, const struct http_head *h, struct sp_span body, bool in_unit)
{
    bool request = h->dir == SP_C2S, coded;
    struct sp_span raw = body;
    m->body = body;
    if (request && sp_want(m, SP_HTTP_BODY_RAW))
        http_add(m, SP_HTTP_BODY_RAW, NONE, raw, raw, in_unit ? 0 : SP_V_INBODY);
    if (!expand(m, h, &body, &coded))
        return false;
    m->body = body;
    struct reading r = {m, in_unit && !coded ? 0 : SP_V_INBODY};
    unsigned field = request ? SP_HTTP_BODY : SP_HTTP_RSP_BODY, size = request ? SP_HTTP_BODY_SIZE : SP_HTTP_RSP_BODY_SIZE;
    if (body.n)
        add(&r, field, NONE, body, body);
    if (sp_want(m, size))
        http_add_num(m, size, (int64_t)body.n, NONE);
    if (request && body.n)
        read_media(&r, h, body);
    return true;
}
