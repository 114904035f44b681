/* SPDX-License-Identifier: Apache-2.0 */
/* head: the header section, RFC 9112 sections 2 to 5: start line and header lines. What they mean for framing is in facts.c. */
#include "proto/http/http.h"

/* ---- characters ---- */

/* tchar of RFC 9110 section 5.6.2 */
static const bool token_char[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1, ['^'] = 1,
    ['_'] = 1, ['`'] = 1, ['|'] = 1, ['~'] = 1, ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
};

/* How many bytes at the start of s are tchar. */
static size_t token_length(struct sp_span s)
{
    size_t n = 0;
    while (n < s.n && token_char[s.p[n]])
        n++;
    return n;
}

bool http_is_token(struct sp_span s)
{
    return s.n > 0 && token_length(s) == s.n;
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

/* ---- where it ends ---- */

size_t http_head_leading(struct sp_span in)
{
    size_t n = 0;
    while (n < in.n && n <= LEADING_MAX && (in.p[n] == '\r' || in.p[n] == '\n'))
        n++;
    return n;
}

/* *ret_e: a line on the way begins with e. */
static inline size_t empty_line(struct sp_span in, size_t from, bool *ret_e)
{
    size_t at = from;
    while ((at = sp_span_byte(in, at, '\n')) != SP_NOT_FOUND) {
        at++;
        int c = sp_span_at(in, at);
        if (c == '\n')
            return at + 1;
        if (c == '\r' && sp_span_at(in, at + 1) == '\n')
            return at + 2;
        *ret_e |= (c | 0x20) == 'e';
    }
    return 0;
}

size_t http_empty_line(struct sp_span in, size_t from)
{
    bool e = false;
    return empty_line(in, from, &e);
}

size_t http_head_end(struct sp_span in, size_t from, bool *ret_may_expect)
{
    size_t start = http_head_leading(in);
    *ret_may_expect = from > start; /* what was passed over earlier is not known any more */
    return empty_line(in, from > start ? from : start, ret_may_expect);
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
    size_t scheme = sp_span_istarts(h->target, SP_LIT("http://")) ? 7 : sp_span_istarts(h->target, SP_LIT("https://")) ? 8 : 0;
    if (!scheme)
        return fail(h, SP_HTTP_A_TARGET_FORM);
    struct sp_span rest = sp_span_from(h->target, scheme);
    size_t end = 0;
    while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?')
        end++;
    h->authority = sp_span_sub(rest, 0, end);
    h->absolute = true;
    split_target(h, sp_span_from(rest, end));
    return h->authority.n > 0 || fail(h, SP_HTTP_A_TARGET_FORM);
}

/* The four forms of RFC 9112 section 3.2. Control characters are found for the whole head at once. */
static bool read_target(struct http_head *h, struct sp_span target)
{
    h->target = target;
    if (target.n == 0)
        return fail(h, SP_HTTP_A_REQUEST_LINE);
    if (sp_span_byte(target, 0, '#') != SP_NOT_FOUND)
        return fail(h, SP_HTTP_A_TARGET);
    if (sp_span_eq(h->method, SP_LIT("CONNECT"))) {
        h->authority = target;
        h->connect = true;
        return true;
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
    size_t method = sp_span_byte(line, 0, ' ');
    if (method == SP_NOT_FOUND)
        return fail(h, SP_HTTP_A_REQUEST_LINE);
    h->method = sp_span_sub(line, 0, method);
    size_t target = sp_span_byte(line, method + 1, ' ');
    if (target == SP_NOT_FOUND || sp_span_byte(line, target + 1, ' ') != SP_NOT_FOUND || sp_span_byte(line, 0, '\t') != SP_NOT_FOUND)
        return fail(h, SP_HTTP_A_REQUEST_LINE);
    if (!http_is_token(h->method))
        return fail(h, SP_HTTP_A_METHOD);
    return read_version(h, sp_span_from(line, target + 1)) && read_target(h, sp_span_sub(line, method + 1, target - method - 1));
}

static bool read_status_line(struct http_head *h, struct sp_span line)
{
    uint64_t status;
    if (!read_version(h, sp_span_sub(line, 0, 8))) {
        h->anomaly = SP_HTTP_A_STATUS_LINE;
        return false;
    }
    bool ok = sp_span_at(line, 8) == ' ' && sp_span_u64(sp_span_sub(line, 9, 3), &status) && line.n >= 12 && status >= 100 &&
              (line.n == 12 || line.p[12] == ' ');
    if (!ok)
        return fail(h, SP_HTTP_A_STATUS_LINE);
    h->status = (unsigned)status;
    h->reason = sp_span_from(line, 13);
    return true;
}

/* ---- header lines ---- */

/* Of one length. Small letters, digits and hyphens keep their value under the bit that makes letters small, and no other tchar becomes one. */
static inline bool same_name(struct sp_span name, const char *small)
{
    unsigned differ = 0;
    for (size_t i = 0; i < name.n; i++)
        differ |= (unsigned)(name.p[i] | 0x20) ^ (uint8_t)small[i];
    return !differ;
}

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
        if ((name.p[0] | 0x20) == names[i].name[0] && same_name(name, names[i].name))
            return (enum http_known)names[i].known;
    }
    return H_OTHER;
}

/* What stands where the colon should: why the line is malformed. */
static bool fail_name(struct http_head *h, struct sp_span line, size_t n)
{
    if (sp_span_byte(line, n, ':') == SP_NOT_FOUND)
        return fail(h, SP_HTTP_A_HEADER_LINE);
    return fail(h, n && is_blank(line.p[n]) ? SP_HTTP_A_BLANK_BEFORE_COLON : SP_HTTP_A_HEADER_NAME);
}

static bool read_line(struct http_head *h, struct http_line *l, struct sp_span line)
{
    size_t off = (size_t)(line.p - h->unit.p), n = http_name_length((struct sp_span){line.p, h->unit.n - off});
    if (sp_span_at(line, n) != ':') /* a longer name, a rarer character, or none */
        n = token_length(line);
    size_t colon = n;
    /* RFC 9112 section 5.1: a server MUST reject a request with blanks here; a proxy MUST remove them from a response. */
    while (h->dir == SP_S2C && n && is_blank(sp_span_at(line, colon)))
        colon++;
    if (n == 0 || sp_span_at(line, colon) != ':')
        return fail_name(h, line, n);
    h->any_blank |= colon != n;
    struct sp_span value = sp_span_trim(sp_span_from(line, colon + 1));
    l->name_len = (uint16_t)n;
    l->value = (uint32_t)(value.p - h->unit.p);
    l->value_len = (uint32_t)value.n;
    l->known = (uint8_t)known_name(sp_span_sub(line, 0, n));
    return true;
}

/* obs-fold, RFC 9112 section 5.2: the line continues the one before it. */
static bool fold_line(struct http_head *h, size_t end, struct sp_span line)
{
    if (h->nlines == 0)
        return fail(h, SP_HTTP_A_LEADING_FOLD);
    struct http_line *before = &h->lines[h->nlines - 1];
    before->folded = h->any_folded = true;
    before->end = (uint32_t)end;
    before->value_len = (uint32_t)(line.p - h->unit.p + (ptrdiff_t)line.n - (ptrdiff_t)before->value);
    return true;
}

static bool add_line(struct http_head *h, size_t off, size_t end, struct sp_span line)
{
    if (is_blank(line.p[0]))
        return fold_line(h, end, line);
    if (h->nlines == HEADERS_MAX)
        return fail(h, SP_HTTP_A_TOO_MANY_HEADERS);
    struct http_line *l = &h->lines[h->nlines++];
    l->off = (uint32_t)off;
    l->end = (uint32_t)end;
    l->folded = false;
    if (!read_line(h, l, line))
        return false;
    if (h->count[l->known]++ == 0)
        h->first[l->known] = h->nlines;
    return true;
}

/* Bytes [at, end) without their line break. */
static struct sp_span line_of(struct sp_span in, size_t at, size_t end)
{
    bool cr = end - at > 1 && in.p[end - 2] == '\r';
    return (struct sp_span){in.p + at, end - at - 1 - cr};
}

bool http_head_lines(struct http_head *h)
{
    struct http_lines found __attribute__((uninitialized)); /* one kilobyte, of which a head uses a tenth */
    http_lines_find(&found, h->unit);
    size_t start = http_head_leading(h->unit), i = 0;
    while (i < found.n && i < HTTP_LINES_MAX && found.end[i] <= start)
        i++;
    if (found.controls)
        return fail(h, SP_HTTP_A_CONTROL);
    if (found.n > HTTP_LINES_MAX)
        return fail(h, SP_HTTP_A_TOO_MANY_HEADERS);
    if (i == found.n || found.end[found.n - 1] != h->unit.n || start > LEADING_MAX)
        return fail(h, SP_HTTP_A_REQUEST_LINE);
    h->start = (uint32_t)start;
    h->start_end = found.end[i];
    struct sp_span line = line_of(h->unit, start, found.end[i]);
    if (!(h->dir == SP_C2S ? read_request_line(h, line) : read_status_line(h, line)))
        return false;
    for (i++; i < found.n; i++) {
        line = line_of(h->unit, found.end[i - 1], found.end[i]);
        if (line.n == 0)
            break;
        if (!add_line(h, found.end[i - 1], found.end[i], line))
            return false;
    }
    if (i + 1 != found.n)
        return fail(h, SP_HTTP_A_HEADER_LINE);
    h->plain_breaks = found.crlf == found.n;
    return found.cr == found.crlf || fail(h, SP_HTTP_A_BARE_CR);
}
