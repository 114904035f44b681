/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body: values of a collected request or response body. It is read as what its Content-Type declares. Many applications parse what they
 * get whatever it is declared as, and curl declares everything as a form: so a body that begins like JSON or XML is read as that too, unless its
 * type is one of opaque data. Content codings are taken off first, within bounds.
 */
#include "proto/http/http.h"

static const struct sp_span NONE = {NULL, 0};

/* The media type as lenient servers cut it out: up to the first semicolon, comma or blank. */
static struct sp_span type_of(const struct http_head *h)
{
    struct sp_span type = http_header(h, H_CONTENT_TYPE);
    size_t n = 0;
    while (n < type.n && type.p[n] != ';' && type.p[n] != ',' && type.p[n] != ' ' && type.p[n] != '\t')
        n++;
    return sp_span_sub(type, 0, n);
}

static bool is_opaque(struct sp_span type)
{
    static const char *const prefixes[] = {"image/", "video/", "audio/", "font/", "model/", "application/octet-stream", "application/zip",
                                           "application/gzip", "application/pdf", "application/vnd.ms-", "application/vnd.openxml",
                                           "application/vnd.oasis", "application/x-tar", "application/grpc", "application/x-protobuf"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        if (sp_span_istarts(type, sp_span_str(prefixes[i])))
            return true;
    }
    return false;
}

/* What the body is declared as, and (in *ret_maybe) what it may be read as besides when it begins so. */
static unsigned media_of(const struct http_head *h, unsigned *ret_maybe)
{
    struct sp_span type = type_of(h);
    *ret_maybe = 0;
    if (sp_span_istarts(type, SP_LIT("multipart/")))
        return MEDIA_MULTIPART;
    if (sp_span_iends(type, SP_LIT("json")))
        return MEDIA_JSON;
    if (sp_span_iends(type, SP_LIT("/xml")) || sp_span_iends(type, SP_LIT("+xml")))
        return MEDIA_XML;
    if (is_opaque(type))
        return 0;
    *ret_maybe = MEDIA_JSON | MEDIA_XML;
    return sp_span_ieq(type, SP_LIT("application/x-www-form-urlencoded")) ? MEDIA_FORM : 0;
}

static void set_range(uint64_t *bits, unsigned first, unsigned last)
{
    for (unsigned f = first; f <= last; f++)
        sp_bit_set(bits, f);
}

void http_body_fields(const struct http_head *h, uint64_t *ret)
{
    static const struct { uint16_t media, first, last; } own[] = {
        {MEDIA_FORM, SP_HTTP_FORM, SP_HTTP_FORM_NAMES},
        {MEDIA_MULTIPART, SP_HTTP_PARTS, SP_HTTP_PARTS_FILES},
        {MEDIA_JSON, SP_HTTP_JSON, SP_HTTP_JSON_ERROR},
        {MEDIA_XML, SP_HTTP_XML_NAMES, SP_HTTP_XML_ENTITIES},
        {MEDIA_ALL, SP_HTTP_ARGS, SP_HTTP_ARGS_NAMES},
    };
    if (h->dir == SP_S2C) {
        set_range(ret, SP_HTTP_RSP_BODY, SP_HTTP_RSP_BODY_SIZE);
        return;
    }
    unsigned maybe, media = media_of(h, &maybe);
    set_range(ret, SP_HTTP_BODY, SP_HTTP_BODY_SIZE);
    if (h->body == BODY_CHUNKED)
        sp_bit_set(ret, SP_HTTP_TRAILERS);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (own[i].media & (media | maybe))
            set_range(ret, own[i].first, own[i].last);
    }
}

static bool fail(struct sp_msg *m, enum sp_http_anomaly a)
{
    m->anomaly = http_anomaly_name(a);
    return false;
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

/* A parameter's names: the one it has, and the other one that PHP gives it, if any. */
struct names {
    struct sp_span own, php;
};

static struct names names_of(const struct reading *r, struct sp_span own)
{
    return (struct names){own, http_php_name(r->m, own, own)};
}

static void add_named(const struct reading *r, unsigned field, struct names n, struct sp_span str, struct sp_span raw)
{
    if (!sp_want(r->m, field))
        return;
    if (n.php.n)
        http_add(r->m, field, n.php, str, raw, r->flags | SP_V_ALIAS);
    http_add(r->m, field, n.own, str, raw, r->flags);
}

/* An argument: in its own field, among all arguments, and its name in both lists. */
static void add_arg(const struct reading *r, unsigned field, unsigned names_field, struct names n, struct sp_span value, struct sp_span raw)
{
    add_named(r, field, n, value, raw);
    add_named(r, SP_HTTP_ARGS, n, value, raw);
    add(r, names_field, NONE, n.own, NONE);
    add(r, SP_HTTP_ARGS_NAMES, NONE, n.own, NONE);
}

/* A field of this name tells some servers in which charset the others are (HTML Living Standard section 4.10.21.5). */
static bool is_charset_named(struct sp_span name, struct sp_span value)
{
    return sp_span_eq(name, SP_LIT("_charset_")) && !http_charset_has_ascii(sp_span_trim(value));
}

static bool read_form(const struct reading *r, struct sp_span body)
{
    struct sp_pair p;
    size_t at = 0;
    while (sp_form_next(body, &at, &p) && !r->m->overflow) {
        struct names n = names_of(r, sp_url_decode(p.name, SP_URL_PLUS, r->m->arena));
        struct sp_span value = sp_url_decode(p.value, SP_URL_PLUS, r->m->arena);
        add_arg(r, SP_HTTP_FORM, SP_HTTP_FORM_NAMES, n, value, p.value);
        add_named(r, SP_HTTP_FORM_RAW, n, p.value, p.value);
        if (is_charset_named(n.own, value))
            return fail(r->m, SP_HTTP_A_CHARSET);
    }
    return true;
}

/* The last parameter of Content-Type with this name, empty when there is none. How many there are that differ. */
static unsigned type_param(struct sp_msg *m, const struct http_head *h, struct sp_span name, struct sp_pair *ret)
{
    struct sp_span value = http_header(h, H_CONTENT_TYPE);
    size_t at = sp_span_byte(value, 0, ';');
    unsigned n = 0;
    struct sp_pair p;
    *ret = (struct sp_pair){0};
    while (at < value.n && sp_param_next(value, &at, m->arena, &p)) {
        if (!sp_span_ieq(p.name, name))
            continue;
        n += n == 0 || !sp_span_ieq(p.value, ret->value);
        *ret = p;
    }
    return n;
}

static bool read_part(const struct reading *r, const struct sp_part *part)
{
    struct names n = names_of(r, part->name);
    bool is_value = !part->has_filename || part->maybe_value;
    if (part->type.n)
        add_named(r, SP_HTTP_PARTS_TYPES, n, part->type, part->type);
    if (is_value) {
        add_arg(r, SP_HTTP_PARTS, SP_HTTP_PARTS_NAMES, n, part->content, part->content);
    } else {
        add(r, SP_HTTP_PARTS_NAMES, NONE, part->name, NONE);
        add(r, SP_HTTP_ARGS_NAMES, NONE, part->name, NONE);
    }
    if (part->has_filename) {
        add_named(r, SP_HTTP_PARTS_FILENAMES, n, part->filename, part->filename_raw);
        if (part->filename_other.n)
            add_named(r, SP_HTTP_PARTS_FILENAMES, n, part->filename_other, part->filename_other_raw);
        add_named(r, SP_HTTP_PARTS_FILES, n, part->content, part->content);
    }
    bool wide = is_value && (!http_charset_has_ascii(part->charset) || is_charset_named(part->name, part->content));
    return !wide || fail(r->m, SP_HTTP_A_CHARSET);
}

/*
 * PHP takes what follows the first "boundary" of the line, whatever that is part of, and then the first equals sign; without quotes, blanks
 * belong to it and a comma ends it, where others go on (RFC 2045 section 5.1 wants such a value quoted).
 */
static bool is_clear_boundary(struct sp_span in, const struct sp_pair *p)
{
    size_t name = (size_t)(p->name.p - in.p), value = (size_t)(p->raw.p - in.p), end = value + p->raw.n;
    size_t exact = sp_span_find(in, 0, SP_LIT("boundary"));
    bool quoted = sp_span_at(in, value - 1) == '"';
    bool first = sp_span_ifind(in, 0, SP_LIT("boundary")) == name && (exact == SP_NOT_FOUND || exact == name);
    bool joined = value == name + p->name.n + 1 + quoted && p->value.p == p->raw.p;
    int next = sp_span_at(in, end + quoted);
    bool ended = (next < 0 || next == ';') && (quoted ? sp_span_at(in, end) == '"' : sp_span_byte(p->raw, 0, ',') == SP_NOT_FOUND);
    return p->value.n && first && joined && ended;
}

static bool read_multipart(const struct reading *r, const struct http_head *h, struct sp_span body)
{
    struct sp_pair boundary;
    struct sp_part part;
    enum sp_part_result rc;
    size_t at = 0;
    if (type_param(r->m, h, SP_LIT("boundary"), &boundary) != 1 || !is_clear_boundary(http_header(h, H_CONTENT_TYPE), &boundary))
        return fail(r->m, SP_HTTP_A_BOUNDARY);
    while ((rc = sp_multipart_next(body, boundary.value, &at, r->m->arena, &part)) == SP_PART_ONE && !r->m->overflow) {
        if (!read_part(r, &part))
            return false;
    }
    if (part.unclear)
        return fail(r->m, SP_HTTP_A_MULTIPART);
    /* servers take an unfinished last part too */
    return rc != SP_PART_BROKEN || !(part.name.n || part.has_filename) || read_part(r, &part);
}

static void read_json(const struct reading *r, struct sp_span body, bool declared)
{
    struct sp_json j = {.in = body, .arena = r->m->arena, .lenient = true};
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
        http_add_num(r->m, SP_HTTP_JSON_ERROR, declared && j.malformed, NONE);
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

/* ---- charsets ---- */

static bool is_blank(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Behind the comments, and the line that keeps browsers from running it, that lenient readers of JSON skip. */
static struct sp_span skip_preface(struct sp_span body)
{
    size_t at = sp_span_starts(body, SP_LIT(")]}'")) ? 4 : 0;
    for (;;) {
        while (is_blank(sp_span_at(body, at)))
            at++;
        bool block = sp_span_starts(sp_span_from(body, at), SP_LIT("/*"));
        if (!block && !sp_span_starts(sp_span_from(body, at), SP_LIT("//")))
            return sp_span_from(body, at);
        size_t end = sp_span_find(body, at + 2, block ? SP_LIT("*/") : SP_LIT("\n"));
        at = end == SP_NOT_FOUND ? body.n : end + 1 + block;
    }
}

/* What the body looks like by its first byte. */
static unsigned looks_like(struct sp_span body)
{
    size_t at = sp_span_starts(body, SP_LIT("\xef\xbb\xbf")) ? 3 : 0;
    while (is_blank(sp_span_at(body, at)))
        at++;
    int c = sp_span_at(body, at);
    if (c == '<')
        return MEDIA_XML;
    if (c == '/' || c == ')')
        c = sp_span_at(skip_preface(sp_span_from(body, at)), 0);
    return c == '{' || c == '[' ? MEDIA_JSON : 0;
}

/* UTF-16 of a body that may be JSON or XML without being declared so: by its zeros, when it also begins like one. */
static enum http_wide guess_wide(struct sp_span body)
{
    enum http_wide wide = http_wide_of(body);
    size_t at = sp_span_starts(body, SP_LIT("\xfe\xff")) || sp_span_starts(body, SP_LIT("\xff\xfe")) ? 2 : 0;
    while (wide != WIDE_NO && (sp_span_at(body, at) == 0 || is_blank(sp_span_at(body, at))))
        at++;
    return looks_like(sp_span_from(body, at)) ? wide : WIDE_NO;
}

static enum http_wide wide_of(struct sp_span body, unsigned declared, bool named)
{
    if (declared == MEDIA_MULTIPART || (declared == MEDIA_XML && !named)) /* the reader of XML sees to that itself */
        return WIDE_NO;
    return declared == MEDIA_JSON || (named && declared != MEDIA_FORM) ? http_wide_of(body) : guess_wide(body);
}

/*
 * The body in a form in which ASCII is ASCII. JSON is recognised as UTF-16 without being declared so, as parsers do (RFC 4627 section 3). What
 * says that it is UTF-16 and is not could be read as either. Forms are taken apart as ASCII whatever they declare, and then their values are read in
 * that charset: in UTF-16 none says what it seems to.
 */
static bool to_ascii_like(struct sp_msg *m, const struct http_head *h, struct sp_span *body, unsigned declared)
{
    struct sp_pair p;
    unsigned n = type_param(m, h, SP_LIT("charset"), &p);
    bool named = sp_span_istarts(p.value, SP_LIT("utf-16")) || sp_span_istarts(p.value, SP_LIT("utf16"));
    bool form = declared & (MEDIA_FORM | MEDIA_MULTIPART);
    enum http_wide wide = wide_of(*body, declared, named);
    bool neither = named && wide == WIDE_NO && (declared || looks_like(*body));
    if (n > 1 || neither || wide == WIDE_OTHER || (form && (named || wide != WIDE_NO)) || !(named || http_charset_has_ascii(p.value)))
        return fail(m, SP_HTTP_A_CHARSET);
    if (named && wide == WIDE_NO)
        wide = sp_span_iends(p.value, SP_LIT("le")) ? WIDE_LITTLE : WIDE_BIG;
    if (wide != WIDE_NO)
        *body = http_from_utf16(m->arena, *body, wide == WIDE_BIG);
    return true;
}

/* ---- the whole ---- */

unsigned http_read_as(const struct http_head *h, struct sp_span body)
{
    unsigned maybe, media = media_of(h, &maybe);
    return media | (maybe & looks_like(body));
}

static bool read_media(const struct reading *r, const struct http_head *h, struct sp_span body)
{
    unsigned maybe, declared = media_of(h, &maybe);
    if ((declared | maybe) && !to_ascii_like(r->m, h, &body, declared))
        return false;
    unsigned media = http_read_as(h, body);
    if (media & MEDIA_FORM && !read_form(r, body))
        return false;
    if (media & MEDIA_JSON)
        read_json(r, body, declared == MEDIA_JSON);
    if (media & MEDIA_XML)
        read_xml(r, body);
    return !(media & MEDIA_MULTIPART) || read_multipart(r, h, body);
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
    return !(request && body.n) || read_media(&r, h, body);
}
