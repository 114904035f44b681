/* SPDX-License-Identifier: Apache-2.0 */
/* head: the header section, RFC 9112 sections 2 to 5: start line, header lines, and the facts that frame the message. */
#include "proto/http/http.h"

/* ---- characters ---- */

/* tchar of RFC 9110 section 5.6.2 */
static const bool token_char[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1, ['^'] = 1,
    ['_'] = 1, ['`'] = 1, ['|'] = 1, ['~'] = 1, ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
};

bool http_is_token(struct sp_span s)
{
    bool ok = s.n > 0;
    for (size_t i = 0; i < s.n; i++)
        ok &= token_char[s.p[i]];
    return ok;
}

static bool is_blank(int c)
{
    return c == ' ' || c == '\t';
}

static bool fail(struct http_head *h, enum sp_http_anomaly a)
{
    if (!h->anomaly)
        h->anomaly = a;
    return false;
}

bool http_list_has(struct sp_span list, struct sp_span token)
{
    size_t at = 0;
    while (at < list.n) {
        size_t end = sp_span_byte(list, at, ',');
        if (end == SP_NOT_FOUND)
            end = list.n;
        if (sp_span_ieq(sp_span_trim(sp_span_sub(list, at, end - at)), token))
            return true;
        at = end + 1;
    }
    return false;
}

/* ---- where it ends ---- */

size_t http_head_end(struct sp_span in, size_t from)
{
    size_t start = 0;
    while (start < in.n && (in.p[start] == '\r' || in.p[start] == '\n'))
        start++;
    size_t at = from > start ? from : start;
    while ((at = sp_span_byte(in, at, '\n')) != SP_NOT_FOUND) {
        at++;
        if (sp_span_at(in, at) == '\n')
            return at + 1;
        if (sp_span_at(in, at) == '\r' && sp_span_at(in, at + 1) == '\n')
            return at + 2;
    }
    return 0;
}

/* ---- start lines ---- */

/* "HTTP/1.x" */
static bool read_version(struct http_head *h, struct sp_span s)
{
    h->version = s;
    if (s.n != 8 || !sp_span_starts(s, SP_LIT("HTTP/")) || !sp_is_digit(s.p[5]) || s.p[6] != '.' || !sp_is_digit(s.p[7]))
        return fail(h, SP_HTTP_A_VERSION_FORM);
    if (s.p[5] != '1')
        return fail(h, SP_HTTP_A_VERSION);
    h->minor = (uint8_t)(s.p[7] - '0');
    return true;
}

static bool target_bytes(struct sp_span target)
{
    bool ok = target.n > 0;
    for (size_t i = 0; i < target.n; i++)
        ok &= target.p[i] > 0x20 && target.p[i] != 0x7f && target.p[i] != '#';
    return ok;
}

/* path?query */
static void split_target(struct http_head *h, struct sp_span s)
{
    size_t mark = sp_span_byte(s, 0, '?');
    h->has_query = mark != SP_NOT_FOUND;
    h->path = h->has_query ? sp_span_sub(s, 0, mark) : s;
    h->query = h->has_query ? sp_span_from(s, mark + 1) : sp_span_from(s, s.n);
}

static bool read_absolute(struct http_head *h)
{
    size_t scheme = sp_span_find(h->target, 0, SP_LIT("://"));
    if (scheme == SP_NOT_FOUND || scheme == 0 || !http_is_token(sp_span_sub(h->target, 0, scheme)))
        return fail(h, SP_HTTP_A_TARGET_FORM);
    struct sp_span rest = sp_span_from(h->target, scheme + 3);
    size_t end = 0;
    while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?')
        end++;
    h->authority = sp_span_sub(rest, 0, end);
    h->absolute = true;
    split_target(h, sp_span_from(rest, end));
    return h->authority.n > 0 || fail(h, SP_HTTP_A_TARGET_FORM);
}

/* The four forms of RFC 9112 section 3.2 */
static bool read_target(struct http_head *h, struct sp_span target)
{
    h->target = target;
    if (!target_bytes(target))
        return fail(h, SP_HTTP_A_TARGET);
    bool connect = sp_span_eq(h->method, SP_LIT("CONNECT"));
    if (connect) {
        h->authority = target;
        return target.p[0] != '/' || fail(h, SP_HTTP_A_TARGET_FORM);
    }
    if (target.p[0] == '/') {
        split_target(h, target);
        return true;
    }
    if (sp_span_eq(target, SP_LIT("*"))) {
        h->path = target;
        return sp_span_eq(h->method, SP_LIT("OPTIONS")) || fail(h, SP_HTTP_A_TARGET_FORM);
    }
    return read_absolute(h);
}

static bool read_request_line(struct http_head *h, struct sp_span line)
{
    size_t first = sp_span_byte(line, 0, ' '), second = first == SP_NOT_FOUND ? first : sp_span_byte(line, first + 1, ' ');
    if (second == SP_NOT_FOUND || sp_span_byte(line, second + 1, ' ') != SP_NOT_FOUND || sp_span_byte(line, 0, '\t') != SP_NOT_FOUND)
        return fail(h, SP_HTTP_A_REQUEST_LINE);
    h->method = sp_span_sub(line, 0, first);
    if (!http_is_token(h->method))
        return fail(h, SP_HTTP_A_METHOD);
    return read_version(h, sp_span_from(line, second + 1)) && read_target(h, sp_span_sub(line, first + 1, second - first - 1));
}

static bool read_status_line(struct http_head *h, struct sp_span line)
{
    uint64_t status;
    if (!read_version(h, sp_span_sub(line, 0, 8)))
        return false;
    bool ok = sp_span_at(line, 8) == ' ' && sp_span_u64(sp_span_sub(line, 9, 3), &status) && line.n >= 12 && status >= 100 &&
              (line.n == 12 || line.p[12] == ' ');
    if (!ok)
        return fail(h, SP_HTTP_A_STATUS_LINE);
    h->status = (unsigned)status;
    h->reason = sp_span_from(line, 13);
    return true;
}

/* ---- header lines ---- */

static enum http_known known_name(struct sp_span name)
{
    static const struct { const char *name; uint8_t n, known; } names[] = {
        {"host", 4, H_HOST}, {"range", 5, H_RANGE}, {"cookie", 6, H_COOKIE}, {"expect", 6, H_EXPECT}, {"upgrade", 7, H_UPGRADE},
        {"connection", 10, H_CONNECTION}, {"content-type", 12, H_CONTENT_TYPE}, {"authorization", 13, H_AUTHORIZATION},
        {"content-length", 14, H_CONTENT_LENGTH}, {"http2-settings", 14, H_HTTP2_SETTINGS}, {"content-encoding", 16, H_CONTENT_ENCODING},
        {"transfer-encoding", 17, H_TRANSFER_ENCODING},
    };
    static const uint8_t by_length[] = {[4] = 1, [5] = 2, [6] = 3, [7] = 5, [10] = 6, [12] = 7, [13] = 8, [14] = 9, [16] = 11, [17] = 12};
    if (name.n >= sizeof by_length || !by_length[name.n])
        return H_OTHER;
    for (size_t i = by_length[name.n] - 1u; i < sizeof names / sizeof *names && names[i].n == name.n; i++) {
        if (sp_lower(name.p[0]) == (uint8_t)names[i].name[0] && sp_span_ieq(name, sp_span_of(names[i].name, names[i].n)))
            return (enum http_known)names[i].known;
    }
    return H_OTHER;
}

static bool read_name(struct http_head *h, struct http_line *l, struct sp_span line)
{
    size_t colon = sp_span_byte(line, 0, ':');
    if (colon == SP_NOT_FOUND)
        return fail(h, SP_HTTP_A_HEADER_LINE);
    struct sp_span name = sp_span_sub(line, 0, colon);
    while (name.n && is_blank(name.p[name.n - 1]))
        name.n--;
    /* RFC 9112 section 5.1: a server MUST reject a request with blanks here; a proxy MUST remove them from a response. */
    if (name.n != colon && h->dir == SP_C2S)
        return fail(h, SP_HTTP_A_BLANK_BEFORE_COLON);
    h->any_blank |= name.n != colon;
    if (!http_is_token(name))
        return fail(h, SP_HTTP_A_HEADER_NAME);
    l->name_len = (uint16_t)name.n;
    l->known = (uint8_t)known_name(name);
    struct sp_span value = sp_span_trim(sp_span_from(line, colon + 1));
    l->value = (uint32_t)(value.p - h->unit.p);
    l->value_len = (uint32_t)value.n;
    return true;
}

static bool add_line(struct http_head *h, size_t off, size_t end, struct sp_span line)
{
    if (is_blank(sp_span_at(line, 0))) { /* obs-fold: RFC 9112 section 5.2 */
        if (h->nlines == 0)
            return fail(h, SP_HTTP_A_LEADING_FOLD);
        struct http_line *before = &h->lines[h->nlines - 1];
        before->folded = h->any_folded = true;
        before->end = (uint32_t)end;
        before->value_len = (uint32_t)(line.p - h->unit.p + (ptrdiff_t)line.n - (ptrdiff_t)before->value);
        return true;
    }
    if (h->nlines == HEADERS_MAX)
        return fail(h, SP_HTTP_A_TOO_MANY_HEADERS);
    struct http_line *l = &h->lines[h->nlines++];
    *l = (struct http_line){.off = (uint32_t)off, .end = (uint32_t)end};
    if (!read_name(h, l, line))
        return false;
    if (h->count[l->known]++ == 0)
        h->first[l->known] = h->nlines;
    return true;
}

/* The line at `at`: its content without the line break; *ret_end is behind the line break. *lf counts lines ended by LF alone. */
static struct sp_span line_at(struct sp_span in, size_t at, size_t *ret_end, size_t *crlf)
{
    size_t end = sp_span_byte(in, at, '\n');
    if (end == SP_NOT_FOUND) {
        *ret_end = in.n;
        return sp_span_from(in, at);
    }
    *ret_end = end + 1;
    bool cr = end > at && in.p[end - 1] == '\r';
    *crlf += cr;
    return sp_span_sub(in, at, end - at - cr);
}

static bool read_lines(struct http_head *h)
{
    size_t at = 0, end, crlf = 0, cr;
    size_t controls = sp_span_controls(h->unit, &cr);
    while (at < h->unit.n && (h->unit.p[at] == '\r' || h->unit.p[at] == '\n')) {
        crlf += h->unit.p[at] == '\r';
        at++;
    }
    h->start = (uint32_t)at;
    struct sp_span line = line_at(h->unit, at, &end, &crlf);
    h->start_end = (uint32_t)end;
    if (controls)
        return fail(h, SP_HTTP_A_CONTROL);
    if (!(h->dir == SP_C2S ? read_request_line(h, line) : read_status_line(h, line)))
        return false;
    for (at = end;; at = end) {
        line = line_at(h->unit, at, &end, &crlf);
        if (line.n == 0)
            break;
        if (!add_line(h, at, end, line))
            return false;
    }
    h->len = (uint32_t)end;
    h->crs = crlf;
    return cr == crlf || fail(h, SP_HTTP_A_BARE_CR);
}

struct sp_span http_header(const struct http_head *h, enum http_known known)
{
    if (!h->first[known])
        return (struct sp_span){h->unit.p, 0};
    return http_line_value(h, &h->lines[h->first[known] - 1]);
}

/* ---- facts ---- */

/* host[:port], RFC 9110 section 7.2; bytes that no registered name, address or port has are refused. */
static bool host_valid(struct sp_span host)
{
    for (size_t i = 0; i < host.n; i++) {
        uint8_t c = host.p[i];
        bool ok = token_char[c] || c == ':' || c == '[' || c == ']' || c == '(' || c == ')' || c == ',' || c == ';' || c == '=';
        if (!ok)
            return false;
    }
    size_t colon = host.n;
    while (colon && sp_is_digit(host.p[colon - 1]))
        colon--;
    struct sp_span name = colon && host.p[colon - 1] == ':' ? sp_span_sub(host, 0, colon - 1) : host;
    bool literal = name.n > 2 && name.p[0] == '[' && name.p[name.n - 1] == ']';
    return literal || (sp_span_byte(name, 0, ':') == SP_NOT_FOUND && sp_span_byte(name, 0, '[') == SP_NOT_FOUND);
}

static bool check_host(struct http_head *h)
{
    if (h->count[H_HOST] > 1)
        return fail(h, SP_HTTP_A_HOST_REPEATED);
    if (h->count[H_HOST] == 0 && h->minor >= 1)
        return fail(h, SP_HTTP_A_HOST_MISSING);
    if (!host_valid(http_header(h, H_HOST)) || (h->absolute && !host_valid(h->authority)))
        return fail(h, SP_HTTP_A_HOST);
    return true;
}

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

static bool check_coding(struct http_head *h, struct sp_span value)
{
    bool chunked = sp_span_ieq(value, SP_LIT("chunked"));
    if (chunked && !h->chunked) {
        h->chunked = true;
        return true;
    }
    bool again = h->chunked || (value.n > 7 && sp_span_istarts(value, SP_LIT("chunked")) && http_list_has(value, SP_LIT("chunked")) &&
                                http_list_has(sp_span_from(value, 8), SP_LIT("chunked")));
    return fail(h, again ? SP_HTTP_A_CODING_REPEATED : SP_HTTP_A_CODING);
}

static bool check_options(struct http_head *h, struct sp_span value)
{
    static const char *const forbidden[] = {"host", "content-length", "transfer-encoding", "content-type", "content-encoding", "connection",
                                            "authorization", "cookie"};
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
        if (http_list_has(value, sp_span_str(forbidden[i])))
            return fail(h, SP_HTTP_A_CONNECTION_OPTION);
    }
    if (http_list_has(value, SP_LIT("close")))
        h->keep_alive = false;
    else if (http_list_has(value, SP_LIT("keep-alive")))
        h->keep_alive = true;
    return true;
}

static bool check_line(struct http_head *h, const struct http_line *l)
{
    struct sp_span value = http_line_value(h, l);
    switch (l->known) {
    case H_CONTENT_LENGTH:
        return read_length(h, value);
    case H_TRANSFER_ENCODING:
        return check_coding(h, value);
    case H_CONNECTION:
        return check_options(h, value);
    case H_EXPECT:
        h->expect = sp_span_ieq(value, SP_LIT("100-continue"));
        return h->expect || h->dir == SP_S2C || fail(h, SP_HTTP_A_EXPECT);
    case H_UPGRADE:
        h->h2c |= http_list_has(value, SP_LIT("h2c"));
        h->upgrade = !h->h2c;
        return true;
    default:
        return true;
    }
}

static enum http_body request_body(struct http_head *h)
{
    if (h->chunked && h->has_length)
        (void)fail(h, SP_HTTP_A_LENGTH_WITH_CHUNKED);
    if (h->chunked)
        return BODY_CHUNKED;
    return h->has_length && h->length ? BODY_FIXED : BODY_NONE;
}

/* RFC 9112 section 6.3 */
static enum http_body response_body(const struct http_head *h, enum http_kind answering)
{
    bool none = answering == KIND_HEAD || h->status < 200 || h->status == 204 || h->status == 304 ||
                (answering == KIND_CONNECT && h->status < 300);
    if (none)
        return BODY_NONE;
    if (h->chunked)
        return BODY_CHUNKED;
    if (!h->has_length)
        return BODY_CLOSE;
    return h->length ? BODY_FIXED : BODY_NONE;
}

static bool read_facts(struct http_head *h, enum http_kind answering)
{
    h->keep_alive = h->minor >= 1;
    for (uint16_t i = 0; i < h->nlines; i++) {
        if (h->lines[i].known != H_OTHER && !check_line(h, &h->lines[i]))
            return false;
    }
    if (h->chunked && h->minor == 0)
        return fail(h, SP_HTTP_A_CODING_HTTP10);
    if (h->dir == SP_S2C) {
        h->body = response_body(h, answering);
        return true;
    }
    h->upgrade &= h->minor >= 1 && !h->h2c && http_list_has(http_header(h, H_CONNECTION), SP_LIT("upgrade"));
    h->expect &= h->minor >= 1;
    h->body = request_body(h);
    return !h->anomaly && check_host(h);
}

bool http_head_read(struct http_head *h, struct http_line lines[HEADERS_MAX], struct sp_span unit, enum sp_dir dir, enum http_kind answering)
{
    *h = (struct http_head){.unit = unit, .dir = dir, .lines = lines};
    return read_lines(h) && read_facts(h, answering);
}
