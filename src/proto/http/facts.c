/* SPDX-License-Identifier: Apache-2.0 */
/* facts: what header lines say about framing and routing, RFC 9112 sections 3.2 and 6, RFC 9110 sections 7 to 10. */
#include "proto/http/http.h"

static bool fail(struct http_head *h, enum sp_http_anomaly a)
{
    if (!h->anomaly)
        h->anomaly = a;
    return false;
}

bool http_list_next(struct sp_span list, size_t *at, struct sp_span *ret)
{
    while (*at < list.n) {
        size_t end = sp_span_byte(list, *at, ',');
        if (end == SP_NOT_FOUND)
            end = list.n;
        *ret = sp_span_trim(sp_span_sub(list, *at, end - *at));
        *at = end + 1;
        if (ret->n)
            return true;
    }
    return false;
}

struct sp_span http_header(const struct http_head *h, enum http_known known)
{
    if (!h->first[known])
        return (struct sp_span){h->unit.p, 0};
    return http_line_value(h, &h->lines[h->first[known] - 1]);
}

/* ---- Host ---- */

static bool host_char(uint8_t c)
{
    static const bool allowed[256] = {
        ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1, ['-'] = 1, ['.'] = 1, ['_'] = 1, ['~'] = 1, ['%'] = 1, ['!'] = 1, ['$'] = 1,
        ['&'] = 1, ['\''] = 1, ['('] = 1, [')'] = 1, ['*'] = 1, ['+'] = 1, [','] = 1, [';'] = 1, ['='] = 1, [':'] = 1, ['['] = 1, [']'] = 1,
    };
    return allowed[c];
}

struct sp_span http_host_name(struct sp_span host)
{
    size_t colon = host.n;
    while (colon && sp_is_digit(host.p[colon - 1]))
        colon--;
    return colon && host.p[colon - 1] == ':' ? sp_span_sub(host, 0, colon - 1) : host;
}

/* host[:port], RFC 9110 section 7.2: bytes that no registered name or address has are refused. An empty Host is allowed. */
static bool host_valid(struct sp_span host)
{
    for (size_t i = 0; i < host.n; i++) {
        if (!host_char(host.p[i]))
            return false;
    }
    struct sp_span name = http_host_name(host);
    bool literal = name.n > 2 && name.p[0] == '[' && sp_span_byte(name, 0, ']') == name.n - 1;
    return literal || (sp_span_byte(name, 0, ':') == SP_NOT_FOUND && sp_span_byte(name, 0, '[') == SP_NOT_FOUND &&
                       sp_span_byte(name, 0, ']') == SP_NOT_FOUND && (name.n || !host.n));
}

static bool check_host(struct http_head *h)
{
    if (h->count[H_HOST] > 1)
        return fail(h, SP_HTTP_A_HOST_REPEATED);
    if (h->count[H_HOST] == 0 && h->minor >= 1)
        return fail(h, SP_HTTP_A_HOST_MISSING);
    if (h->connect && (!host_valid(h->authority) || http_host_name(h->authority).n == h->authority.n))
        return fail(h, SP_HTTP_A_TARGET_FORM);
    if (!host_valid(http_header(h, H_HOST)) || (h->absolute && !host_valid(h->authority)))
        return fail(h, SP_HTTP_A_HOST);
    return true;
}

/* ---- single lines ---- */

/* One Content-Length value, or several equal ones in a list (RFC 9110 section 8.6). */
static bool read_length(struct http_head *h, struct sp_span list)
{
    size_t at = 0;
    do {
        size_t end = sp_span_byte(list, at, ',');
        if (end == SP_NOT_FOUND)
            end = list.n;
        uint64_t v;
        if (!sp_span_u64(sp_span_trim(sp_span_sub(list, at, end - at)), &v) || v > INT64_MAX)
            return fail(h, SP_HTTP_A_LENGTH);
        if (h->has_length && v != h->length)
            return fail(h, SP_HTTP_A_LENGTHS_DIFFER);
        h->list_length |= h->has_length;
        h->has_length = true;
        h->length = v;
        at = end + 1;
    } while (at <= list.n);
    return true;
}

/* Between the colon and the line break, whose CR h->plain_breaks tells of. */
static bool has_one_space(const struct http_head *h, const struct http_line *l)
{
    return h->unit.p[l->value - 1] == ' ' && h->unit.p[l->value - 2] == ':' && l->value + l->value_len + 2 >= l->end;
}

/* "chunked" once and nothing else (RFC 9112 section 6.1); empty elements of the list do not count (RFC 9110 section 5.6.1.2). */
static bool check_coding(struct http_head *h, struct sp_span list)
{
    struct sp_span item;
    size_t at = 0;
    bool found = false, others = false;
    while (http_list_next(list, &at, &item)) {
        bool chunked = sp_span_ieq(item, SP_LIT("chunked"));
        if (chunked && h->chunked)
            return fail(h, SP_HTTP_A_CODING_REPEATED);
        found |= chunked;
        others |= !chunked;
        h->chunked |= chunked;
    }
    return (found && !others) || fail(h, SP_HTTP_A_CODING);
}

/* A field that an intermediary or server drops when Connection names it must not be one that gives the message its meaning. */
static bool check_option(struct http_head *h, struct sp_span option)
{
    static const char *const essential[] = {"host", "content-length", "transfer-encoding", "content-type", "content-encoding", "connection",
                                            "authorization", "cookie"};
    for (size_t i = 0; i < sizeof essential / sizeof *essential; i++) {
        if (sp_span_ieq(option, sp_span_str(essential[i])))
            return fail(h, SP_HTTP_A_CONNECTION_OPTION);
    }
    h->close |= sp_span_ieq(option, SP_LIT("close"));
    h->upgrade_option |= sp_span_ieq(option, SP_LIT("upgrade"));
    return true;
}

static bool read_options(struct http_head *h, struct sp_span list)
{
    struct sp_span option;
    size_t at = 0;
    while (http_list_next(list, &at, &option)) {
        if (sp_span_ieq(option, SP_LIT("keep-alive")))
            h->keep_alive = true;
        else if (!check_option(h, option))
            return false;
    }
    return true;
}

bool http_is_h2(struct sp_span protocol)
{
    return sp_span_ieq(protocol, SP_LIT("h2c")) || sp_span_ieq(protocol, SP_LIT("h2")) || sp_span_istarts(protocol, SP_LIT("http/2"));
}

static bool read_upgrade(struct http_head *h, struct sp_span list)
{
    struct sp_span protocol;
    size_t at = 0;
    while (http_list_next(list, &at, &protocol)) {
        if (http_is_h2(protocol))
            h->h2c = true;
        else
            h->upgrade = true;
    }
    return true;
}

static bool check_expect(struct http_head *h, struct sp_span value)
{
    h->expect = sp_span_ieq(value, SP_LIT("100-continue"));
    return h->expect || h->dir == SP_S2C || fail(h, SP_HTTP_A_EXPECT);
}

/* RFC 9112 section 5.2 lets a server refuse every folded line; here where it would decide what the message is. */
static bool fold_allowed(enum http_known known)
{
    return known == H_AUTHORIZATION || known == H_CONTENT_TYPE || known == H_COOKIE || known == H_RANGE;
}

static bool check_line(struct http_head *h, const struct http_line *l)
{
    struct sp_span value = http_line_value(h, l);
    if (l->folded && !fold_allowed((enum http_known)l->known))
        return fail(h, SP_HTTP_A_FOLDED_FRAMING);
    switch (l->known) {
    case H_CONTENT_LENGTH:
        h->blanks_length |= !has_one_space(h, l);
        return read_length(h, value);
    case H_TRANSFER_ENCODING:
        return check_coding(h, value);
    case H_CONNECTION:
        return read_options(h, value);
    case H_EXPECT:
        return check_expect(h, value);
    case H_UPGRADE:
        return read_upgrade(h, value);
    case H_HTTP2_SETTINGS:
        h->h2c = true;
        return true;
    default:
        return true;
    }
}

/* ---- the body ---- */

static bool request_facts(struct http_head *h)
{
    h->upgrade &= h->minor >= 1 && h->upgrade_option;
    h->body = h->chunked ? BODY_CHUNKED : h->length ? BODY_FIXED : BODY_NONE;
    h->expect &= h->minor >= 1 && h->body != BODY_NONE;
    if (h->chunked && h->has_length)
        return fail(h, SP_HTTP_A_LENGTH_WITH_CHUNKED);
    if (h->connect && h->body != BODY_NONE)
        return fail(h, SP_HTTP_A_CONNECT_BODY);
    if (h->body != BODY_NONE && h->count[H_CONTENT_TYPE] > 1)
        return fail(h, SP_HTTP_A_TYPE_REPEATED);
    return check_host(h);
}

/* RFC 9112 section 6.3 */
static void response_facts(struct http_head *h, enum http_kind answering)
{
    h->bodyless = h->status < 200 || h->status == 204 || (answering == KIND_CONNECT && h->status < 300);
    if (h->bodyless || answering == KIND_HEAD || h->status == 304)
        h->body = BODY_NONE;
    else if (h->chunked)
        h->body = BODY_CHUNKED;
    else if (h->has_length)
        h->body = h->length ? BODY_FIXED : BODY_NONE;
    else
        h->body = BODY_CLOSE;
}

static bool read_facts(struct http_head *h, enum http_kind answering)
{
    h->keep_alive = h->minor >= 1;
    for (uint16_t i = 0; i < h->nlines; i++) {
        if (h->lines[i].known != H_OTHER && !check_line(h, &h->lines[i]))
            return false;
    }
    h->keep_alive &= !h->close;
    if (h->chunked && h->minor == 0)
        return fail(h, SP_HTTP_A_CODING_HTTP10);
    if (h->dir == SP_C2S)
        return request_facts(h);
    response_facts(h, answering);
    return true;
}

bool http_head_read(struct http_head *h, struct http_line lines[HEADERS_MAX], struct sp_span unit, enum sp_dir dir, enum http_kind answering)
{
    *h = (struct http_head){.unit = unit, .dir = dir, .lines = lines};
    return http_head_lines(h) && read_facts(h, answering);
}
