/* SPDX-License-Identifier: Apache-2.0 */
/* chunk: the chunked transfer coding, RFC 9112 section 7.1. Extensions carry nothing that a server may rely on: they are removed. */
#include "proto/http/http.h"

enum chunk_limits {
    DIGITS_MAX = 16,      /* a 64-bit size; leading zeros count */
    TRAILER_LINES_MAX = 64,
};

/* The size's digits and what may follow them before the line ends: blanks and extensions. */
static enum http_chunk_result read_size(struct sp_span line, struct http_chunk *ret, enum sp_http_anomaly *a)
{
    size_t n = 0;
    while (n < line.n && sp_hex(line.p[n]) >= 0)
        n++;
    *a = SP_HTTP_A_CHUNK_SIZE;
    if (n > DIGITS_MAX || !sp_span_hex64(sp_span_sub(line, 0, n), &ret->size) || ret->size > INT64_MAX)
        return CHUNK_BAD;
    size_t zeros = 0;
    while (zeros + 1 < n && line.p[zeros] == '0')
        zeros++;
    ret->digits = (uint32_t)n;
    ret->zeros = (uint32_t)zeros;
    ret->canonical = n == line.n && zeros == 0;
    struct sp_span after = sp_span_trim(sp_span_from(line, n));
    return after.n == 0 || after.p[0] == ';' ? CHUNK_OK : CHUNK_BAD;
}

enum http_chunk_result http_chunk_read(struct sp_span in, struct http_chunk *ret, enum sp_http_anomaly *ret_anomaly)
{
    size_t end = sp_span_byte(sp_span_sub(in, 0, CHUNK_LINE_MAX), 0, '\n'), cr;
    *ret_anomaly = SP_HTTP_A_CHUNK_LINE;
    if (end == SP_NOT_FOUND)
        return in.n >= CHUNK_LINE_MAX ? CHUNK_BAD : CHUNK_MORE;
    struct sp_span line = sp_span_sub(in, 0, end);
    /* A lone LF ends the line for some servers and belongs to the extension for others. */
    if (line.n == 0 || line.p[line.n - 1] != '\r' || sp_span_controls(line, &cr) || cr != 1)
        return CHUNK_BAD;
    line.n--;
    ret->line_len = (uint32_t)end + 1;
    return read_size(line, ret, ret_anomaly);
}

/* RFC 9110 section 6.5.1: fields that frame, route, authenticate or describe the content do not belong in trailers. */
static bool trailer_forbidden(struct sp_span name)
{
    static const char *const names[] = {"content-length", "transfer-encoding", "host", "content-type", "content-encoding", "content-range",
                                        "trailer", "authorization", "cookie", "set-cookie", "connection", "expect", "range", "te",
                                        "max-forwards", "cache-control", "upgrade", "proxy-authorization"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (sp_span_ieq(name, sp_span_str(names[i])))
            return true;
    }
    return false;
}

static bool read_trailer(struct sp_msg *m, struct sp_span line, size_t off, size_t len)
{
    size_t colon = sp_span_byte(line, 0, ':');
    struct sp_span name = sp_span_sub(line, 0, colon == SP_NOT_FOUND ? 0 : colon);
    if (!http_is_token(name))
        return false;
    if (trailer_forbidden(name)) {
        m->anomaly = http_anomaly_name(SP_HTTP_A_TRAILER_FORBIDDEN);
        return sp_msg_canon(m, off, len, (struct sp_span){NULL, 0});
    }
    struct sp_span value = sp_span_trim(sp_span_from(line, colon + 1));
    if (sp_want(m, SP_HTTP_TRAILERS) && m->dir == SP_C2S)
        http_add(m, SP_HTTP_TRAILERS, name, value, value, 0);
    return true;
}

bool http_trailers_read(struct sp_msg *m, struct sp_span trailers, size_t off, enum sp_http_anomaly *ret_anomaly)
{
    size_t at = 0, cr, lines = 0;
    *ret_anomaly = SP_HTTP_A_TRAILER;
    if (sp_span_controls(trailers, &cr))
        return false;
    for (;;) {
        size_t end = sp_span_byte(trailers, at, '\n');
        if (end == SP_NOT_FOUND || end == at || trailers.p[end - 1] != '\r' || ++lines > TRAILER_LINES_MAX)
            return false;
        struct sp_span line = sp_span_sub(trailers, at, end - 1 - at);
        if (line.n == 0)
            return cr == lines && end + 1 == trailers.n;
        if (!read_trailer(m, line, off + at, end + 1 - at))
            return false;
        at = end + 1;
    }
}

struct sp_span http_chunk_digits(struct sp_span line, const struct http_chunk *c)
{
    return sp_span_sub(line, c->zeros, c->digits - c->zeros);
}

/* All chunks become one: their canonical form when the body is there as a whole. */
static struct sp_span one_chunk(struct sp_msg *m, struct sp_span body)
{
    struct sp_buf out = sp_buf_arena(m->arena, body.n + 40);
    if (body.n) {
        sp_put_fmt(&out, "%zx\r\n", body.n);
        sp_put(&out, body);
        sp_put_str(&out, "\r\n");
    }
    sp_put_str(&out, "0\r\n");
    return sp_buf_done(&out, m->arena);
}

bool http_chunked_read(struct sp_msg *m, struct sp_span in, size_t off, struct sp_span *ret_body, struct sp_span *ret_trailers,
                       enum sp_http_anomaly *ret_anomaly)
{
    struct sp_buf body = sp_buf_arena(m->arena, in.n);
    struct http_chunk c;
    size_t at = 0;
    bool canonical = true;
    for (;;) {
        if (http_chunk_read(sp_span_from(in, at), &c, ret_anomaly) != CHUNK_OK)
            return false;
        canonical &= c.canonical;
        at += c.line_len;
        if (c.size == 0)
            break;
        sp_put(&body, sp_span_sub(in, at, c.size));
        at += c.size;
        *ret_anomaly = SP_HTTP_A_CHUNK_END;
        if (!sp_span_starts(sp_span_from(in, at), SP_LIT("\r\n")))
            return false;
        at += 2;
    }
    *ret_body = sp_buf_done(&body, m->arena);
    *ret_trailers = sp_span_from(in, at);
    if (!canonical)
        (void)sp_msg_canon(m, off, at, one_chunk(m, *ret_body));
    return !body.full && http_trailers_read(m, *ret_trailers, off + at, ret_anomaly);
}
