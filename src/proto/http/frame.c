/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame: where units end. A head is one unit; its body flows by unread, or belongs to the unit when it is asked for whole. The resume
 * mark holds the head's length in its upper half and the offset reached in its lower, so no byte is scanned twice.
 */
#include "proto/http/http.h"

static const struct sp_span NOTHING = {NULL, 0};

static struct sp_frame bad(enum sp_http_anomaly a)
{
    return (struct sp_frame){.fate = SP_BAD, .anomaly = http_anomaly_name(a)};
}

static struct sp_frame too_long(enum sp_http_anomaly a)
{
    return (struct sp_frame){.fate = SP_TOOLONG, .anomaly = http_anomaly_name(a)};
}

static uint64_t mark_of(uint64_t head, uint64_t at)
{
    return head << 32 | at;
}

static struct sp_frame more(uint64_t head, uint64_t at)
{
    return (struct sp_frame){.fate = SP_MORE, .mark = mark_of(head, at)};
}

/* ---- a body that flows ---- */

static struct sp_frame flow(uint64_t len)
{
    return (struct sp_frame){.fate = SP_FLOW, .len = len, .part = true};
}

/* The last chunk, whose line ends at `line`, and its trailers. */
static struct sp_frame frame_last(struct sp_span in, uint64_t mark, size_t line, bool canonical)
{
    size_t from = mark > line - 1 ? mark : line - 1, end = http_empty_line(in, from);
    if ((end ? end : in.n) - line > HEAD_MAX)
        return too_long(SP_HTTP_A_HEAD_TOO_LONG);
    if (!end)
        return more(0, in.n - 2 > line ? in.n - 2 : line - 1);
    return (struct sp_frame){.fate = SP_UNIT, .len = end, .part = true, .canonical = canonical && end == line + 2};
}

/* At a chunk-size line, behind `lead` bytes of CRLF. A plain chunk flows by with its line; anything else is a unit to look at. */
static struct sp_frame frame_chunk(struct sp_span in, uint64_t mark, size_t lead)
{
    struct http_chunk c;
    enum sp_http_anomaly a;
    if (lead && !sp_span_starts(in, sp_span_sub(SP_LIT("\r\n"), 0, in.n)))
        return bad(SP_HTTP_A_CHUNK_END);
    switch (http_chunk_read(sp_span_from(in, lead), &c, &a)) {
    case CHUNK_MORE:
        return more(0, 0);
    case CHUNK_BAD:
        return bad(a);
    case CHUNK_OK:
        break;
    }
    if (c.size == 0)
        return frame_last(in, mark, lead + c.line_len, c.canonical);
    if (c.canonical)
        return flow(lead + c.line_len + c.size);
    return (struct sp_frame){.fate = SP_UNIT, .len = lead + c.line_len, .part = true};
}

/* ---- a body that is collected ---- */

/* In the mark: the last chunk was reached, what is looked for is the end of its trailers. */
#define IN_TRAILERS (UINT64_C(1) << 63)

static struct sp_frame whole_fixed(uint64_t head, uint64_t length, struct sp_span in, uint64_t max)
{
    if (length > max)
        return too_long(SP_HTTP_A_BODY_TOO_LONG);
    if (in.n < head + length)
        return more(head, head);
    return (struct sp_frame){.fate = SP_UNIT, .len = head + length};
}

static struct sp_frame whole_trailers(size_t head, size_t from, struct sp_span in, uint64_t max)
{
    size_t end = http_empty_line(in, from);
    if ((end ? end : in.n) - head > max + HEAD_MAX)
        return too_long(SP_HTTP_A_HEAD_TOO_LONG);
    if (end)
        return (struct sp_frame){.fate = SP_UNIT, .len = end};
    struct sp_frame f = more(head, in.n - 2 > from ? in.n - 2 : from);
    f.mark |= IN_TRAILERS;
    return f;
}

/* From the chunk-size line at `at`; chunks before it are complete. */
static struct sp_frame whole_chunked(size_t head, struct sp_span in, size_t at, uint64_t max)
{
    for (;;) {
        struct http_chunk c;
        enum sp_http_anomaly a;
        enum http_chunk_result rc = http_chunk_read(sp_span_from(in, at), &c, &a);
        if (rc == CHUNK_BAD)
            return bad(a);
        if (rc == CHUNK_MORE)
            return at - head > max ? too_long(SP_HTTP_A_BODY_TOO_LONG) : more(head, at);
        if (c.size == 0)
            return whole_trailers(head, at + c.line_len - 1, in, max);
        if (c.size > max || at - head + c.size > max)
            return too_long(SP_HTTP_A_BODY_TOO_LONG);
        if (in.n - at < c.line_len + c.size + 2)
            return more(head, at);
        at += c.line_len + c.size;
        if (!sp_span_starts(sp_span_from(in, at), SP_LIT("\r\n")))
            return bad(SP_HTTP_A_CHUNK_END);
        at += 2;
    }
}

/* The head has been decoded before a body is asked for, so it can be read. */
static struct sp_frame frame_whole(const struct http_state *st, enum sp_dir dir, struct sp_span in, uint64_t mark, size_t head, uint64_t max)
{
    struct http_head h;
    struct http_line lines[HEADERS_MAX] __attribute__((uninitialized)); /* four kilobytes, of which a head uses a tenth */
    if (!http_head_read(&h, lines, sp_span_sub(in, 0, head), dir, http_answering(st)))
        return bad(h.anomaly);
    size_t at = (uint32_t)mark > head ? (uint32_t)mark : head;
    switch (h.body) {
    case BODY_FIXED:
        return whole_fixed(head, h.length, in, max);
    case BODY_CHUNKED:
        return mark & IN_TRAILERS ? whole_trailers(head, at, in, max) : whole_chunked(head, in, at, max);
    default:
        return (struct sp_frame){.fate = SP_UNIT, .len = head};
    }
}

/* ---- heads ---- */

/* Judged by as many bytes as are held at most, however they came. */
static struct sp_frame head_too_long(struct sp_span in)
{
    bool one_line = sp_span_byte(sp_span_sub(in, 0, HEAD_MAX), LEADING_MAX, '\n') == SP_NOT_FOUND;
    return too_long(one_line ? SP_HTTP_A_TARGET_TOO_LONG : SP_HTTP_A_HEAD_TOO_LONG);
}

/*
 * The client that waits for 100 Continue is told here, and the server never sees that it asked (RFC 9110 section 10.1.1): servers disagree
 * on whether the body still follows an early answer of theirs. Interim answers come in the order of requests, so only the next one may be told.
 */
static struct sp_span go_on(const struct http_state *st, struct sp_span head)
{
    struct http_head h;
    struct http_line lines[HEADERS_MAX] __attribute__((uninitialized));
    if (st->count || st->phase[SP_S2C] != PHASE_HEAD)
        return NOTHING;
    bool expects = http_head_read(&h, lines, head, SP_C2S, KIND_PLAIN) && h.expect;
    return expects ? SP_LIT("HTTP/1.1 100 Continue\r\n\r\n") : NOTHING;
}

static struct sp_frame frame_head(const struct http_state *st, enum sp_dir dir, struct sp_span in, uint64_t mark, const struct sp_ask *ask)
{
    size_t head = mark >> 32 & INT32_MAX;
    if (!head && http_head_leading(in) > LEADING_MAX)
        return bad(SP_HTTP_A_REQUEST_LINE);
    bool may_expect = false;
    if (!head)
        head = http_head_end(in, (uint32_t)mark, &may_expect);
    if (head > HEAD_MAX || (!head && in.n > HEAD_MAX))
        return head_too_long(in);
    if (!head)
        return more(0, in.n > 3 ? in.n - 3 : 0);
    if (ask->whole)
        return frame_whole(st, dir, in, mark, head, ask->max);
    return (struct sp_frame){.fate = SP_UNIT, .len = head, .say = may_expect && dir == SP_C2S ? go_on(st, sp_span_sub(in, 0, head)) : NOTHING};
}

static bool stalled(const struct http_state *st, enum sp_dir dir)
{
    return dir == SP_C2S && st->phase[SP_C2S] == PHASE_HEAD && (st->held || st->count == OUTSTANDING_MAX);
}

/* Line breaks that an old server puts behind its answer are no answer. */
static bool unsolicited(const struct http_state *st, enum sp_dir dir, struct sp_span in)
{
    size_t leading = http_head_leading(in);
    return dir == SP_S2C && st->count == 0 && (leading < in.n || leading > LEADING_MAX);
}

struct sp_frame http_frame(const void *state, enum sp_dir dir, struct sp_span in, uint64_t mark, const struct sp_ask *ask)
{
    const struct http_state *st = state;
    if (st->tunnel)
        return (struct sp_frame){.fate = SP_OPAQUE};
    if (stalled(st, dir))
        return (struct sp_frame){.fate = SP_STALL};
    switch ((enum http_phase)st->phase[dir]) {
    case PHASE_HEAD:
        return unsolicited(st, dir, in) ? bad(SP_HTTP_A_UNSOLICITED) : frame_head(st, dir, in, mark, ask);
    case PHASE_FIXED:
    case PHASE_CHUNK_DATA:
        return flow(st->left[dir]);
    case PHASE_CHUNK:
        return frame_chunk(in, mark, 0);
    case PHASE_CHUNK_NEXT:
        return frame_chunk(in, mark, 2);
    case PHASE_CLOSE:
        break;
    }
    return flow(UINT64_MAX);
}
