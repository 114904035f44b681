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

static struct sp_frame more(uint64_t head, uint64_t at, struct sp_span say)
{
    return (struct sp_frame){.fate = SP_MORE, .mark = mark_of(head, at), .say = say};
}

/* ---- a body that flows ---- */

/* At a chunk-size line, behind `lead` bytes of CRLF. A plain chunk flows by with its line; anything else is a unit to look at. */
static struct sp_frame frame_chunk(struct sp_span in, uint64_t mark, size_t lead)
{
    struct http_chunk c;
    enum sp_http_anomaly a;
    if (lead && !sp_span_starts(in, sp_span_sub(SP_LIT("\r\n"), 0, in.n)))
        return bad(SP_HTTP_A_CHUNK_END);
    switch (http_chunk_read(sp_span_from(in, lead), &c, &a)) {
    case CHUNK_MORE:
        return more(0, 0, NOTHING);
    case CHUNK_BAD:
        return bad(a);
    case CHUNK_OK:
        break;
    }
    if (c.size && c.canonical)
        return (struct sp_frame){.fate = SP_FLOW, .len = lead + c.line_len + c.size, .part = true};
    if (c.size)
        return (struct sp_frame){.fate = SP_UNIT, .len = lead + c.line_len, .part = true};
    size_t from = (uint32_t)mark > lead + c.line_len ? (uint32_t)mark : lead + c.line_len;
    size_t end = http_trailer_end(in, from);
    if (!end && in.n > HEAD_MAX)
        return too_long(SP_HTTP_A_HEAD_TOO_LONG);
    if (!end) { /* resume at the start of the last line */
        size_t line = in.n;
        while (line > from && in.p[line - 1] != '\n')
            line--;
        return more(0, line, NOTHING);
    }
    bool canonical = c.canonical && sp_span_eq(sp_span_sub(in, lead + c.line_len, end), SP_LIT("\r\n"));
    return (struct sp_frame){.fate = SP_UNIT, .len = end, .part = true, .canonical = canonical && end == lead + c.line_len + 2};
}

/* ---- a body that is collected ---- */

static struct sp_frame whole_fixed(uint64_t head, uint64_t length, struct sp_span in, uint64_t max, struct sp_span say)
{
    if (length > max)
        return too_long(SP_HTTP_A_BODY_TOO_LONG);
    if (in.n < head + length)
        return more(head, head, say);
    return (struct sp_frame){.fate = SP_UNIT, .len = head + length};
}

static struct sp_frame whole_chunked(uint64_t head, struct sp_span in, size_t at, uint64_t max, struct sp_span say)
{
    for (;;) {
        struct http_chunk c;
        enum sp_http_anomaly a;
        if (at - head > max)
            return too_long(SP_HTTP_A_BODY_TOO_LONG);
        enum http_chunk_result rc = http_chunk_read(sp_span_from(in, at), &c, &a);
        if (rc == CHUNK_BAD)
            return bad(a);
        if (rc == CHUNK_MORE)
            return more(head, at, say);
        if (c.size > max)
            return too_long(SP_HTTP_A_BODY_TOO_LONG);
        if (c.size == 0) {
            size_t end = http_trailer_end(in, at + c.line_len);
            if (!end && in.n - at > HEAD_MAX)
                return too_long(SP_HTTP_A_HEAD_TOO_LONG);
            return end ? (struct sp_frame){.fate = SP_UNIT, .len = end} : more(head, at, say);
        }
        if (in.n - at < c.line_len + c.size + 2)
            return more(head, at, say);
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
    struct http_line lines[HEADERS_MAX];
    if (!http_head_read(&h, lines, sp_span_sub(in, 0, head), dir, http_answering(st)))
        return bad(h.anomaly);
    bool free_to_speak = dir == SP_C2S && st->count == 0 && st->phase[SP_S2C] == PHASE_HEAD;
    struct sp_span say = h.expect && free_to_speak ? SP_LIT("HTTP/1.1 100 Continue\r\n\r\n") : NOTHING;
    switch (h.body) {
    case BODY_FIXED:
        return whole_fixed(head, h.length, in, max, say);
    case BODY_CHUNKED:
        return whole_chunked(head, in, (uint32_t)mark > head ? (uint32_t)mark : head, max, say);
    default:
        return (struct sp_frame){.fate = SP_UNIT, .len = head};
    }
}

/* ---- heads ---- */

static struct sp_frame frame_head(const struct http_state *st, enum sp_dir dir, struct sp_span in, uint64_t mark, bool whole, uint64_t max)
{
    size_t head = mark >> 32;
    if (!head)
        head = http_head_end(in, (uint32_t)mark);
    if (!head) {
        if (in.n > HEAD_MAX)
            return too_long(sp_span_byte(in, 0, '\n') == SP_NOT_FOUND ? SP_HTTP_A_TARGET_TOO_LONG : SP_HTTP_A_HEAD_TOO_LONG);
        return more(0, in.n > 3 ? in.n - 3 : 0, NOTHING);
    }
    if (head > HEAD_MAX)
        return too_long(SP_HTTP_A_HEAD_TOO_LONG);
    if (whole)
        return frame_whole(st, dir, in, mark, head, max);
    return (struct sp_frame){.fate = SP_UNIT, .len = head};
}

static bool stalled(const struct http_state *st, enum sp_dir dir)
{
    return dir == SP_C2S && st->phase[SP_C2S] == PHASE_HEAD && (st->held || st->count == OUTSTANDING_MAX);
}

struct sp_frame http_frame(const void *state, enum sp_dir dir, struct sp_span in, uint64_t mark, bool whole, uint64_t max)
{
    const struct http_state *st = state;
    if (st->tunnel)
        return (struct sp_frame){.fate = SP_OPAQUE};
    if (stalled(st, dir))
        return (struct sp_frame){.fate = SP_STALL};
    switch ((enum http_phase)st->phase[dir]) {
    case PHASE_HEAD:
        if (dir == SP_S2C && in.n && st->count == 0)
            return bad(SP_HTTP_A_UNSOLICITED);
        return frame_head(st, dir, in, mark, whole, max);
    case PHASE_FIXED:
    case PHASE_CHUNK_DATA:
        return (struct sp_frame){.fate = SP_FLOW, .len = st->left[dir], .part = true};
    case PHASE_CHUNK:
        return frame_chunk(in, mark, 0);
    case PHASE_CHUNK_NEXT:
        return frame_chunk(in, mark, 2);
    case PHASE_CLOSE:
        return (struct sp_frame){.fate = SP_FLOW, .len = UINT64_MAX, .part = true};
    }
    return bad(SP_HTTP_A_REQUEST_LINE);
}
