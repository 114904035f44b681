/* SPDX-License-Identifier: Apache-2.0 */
/* pcap_stream: one direction of a captured TCP connection put in order (RFC 9293 section 3.4: sequence numbers compare modulo 2^32). */
#include <stdlib.h>
#include <string.h>

#include "io/pcap_stream.h"

struct sp_stream_segment {
    struct sp_stream_segment *next;
    uint32_t seq;
    size_t at, n; /* bytes [at, n) are still to be read */
    uint8_t bytes[];
};

static int32_t distance(uint32_t from, uint32_t to)
{
    return (int32_t)(to - from);
}

static uint32_t end_of(const struct sp_stream_segment *g)
{
    return g->seq + (uint32_t)g->n;
}

void sp_stream_begin(struct sp_stream *s, uint32_t seq)
{
    s->next = seq;
    s->known = true;
}

static bool insert_after(struct sp_stream *s, struct sp_stream_segment *before, uint32_t seq, struct sp_span bytes)
{
    struct sp_stream_segment *g = malloc(sizeof *g + bytes.n);
    if (!g)
        return false;
    *g = (struct sp_stream_segment){.next = before ? before->next : s->first, .seq = seq, .n = bytes.n};
    memcpy(g->bytes, bytes.p, bytes.n);
    if (before)
        before->next = g;
    else
        s->first = g;
    if (!g->next)
        s->last = g;
    s->held += bytes.n;
    s->segments++;
    return true;
}

/* The last segment that begins at or before seq; NULL when there is none. The common case, at the very end, is found at once. */
static struct sp_stream_segment *place_of(const struct sp_stream *s, uint32_t seq)
{
    if (s->last && distance(s->last->seq, seq) >= 0)
        return s->last;
    struct sp_stream_segment *before = NULL;
    for (struct sp_stream_segment *g = s->first; g && distance(g->seq, seq) >= 0; g = g->next)
        before = g;
    return before;
}

/* Drops the n first bytes of a payload. */
static void advance(uint32_t *seq, struct sp_span *bytes, size_t n)
{
    n = n < bytes->n ? n : bytes->n;
    *seq += (uint32_t)n;
    *bytes = sp_span_from(*bytes, n);
}

static void skip_what_is_there(uint32_t already, uint32_t *seq, struct sp_span *bytes)
{
    int32_t overlap = distance(*seq, already);
    if (overlap > 0)
        advance(seq, bytes, (size_t)overlap);
}

enum sp_stream_add sp_stream_put(struct sp_stream *s, uint32_t seq, struct sp_span payload)
{
    skip_what_is_there(s->next, &seq, &payload);
    struct sp_stream_segment *before = place_of(s, seq);
    while (payload.n) {
        if (before)
            skip_what_is_there(end_of(before), &seq, &payload);
        const struct sp_stream_segment *after = before ? before->next : s->first;
        size_t gap = after ? (size_t)(distance(seq, after->seq) > 0 ? distance(seq, after->seq) : 0) : payload.n;
        struct sp_span fits = sp_span_sub(payload, 0, gap);
        if (fits.n && (s->held + fits.n > SP_STREAM_HELD || s->segments == SP_STREAM_SEGMENTS))
            return SP_STREAM_OVERFLOW;
        if (fits.n && !insert_after(s, before, seq, fits))
            return SP_STREAM_NO_MEMORY;
        advance(&seq, &payload, fits.n);
        before = before ? before->next : s->first;
    }
    return SP_STREAM_TAKEN;
}

struct sp_span sp_stream_front(const struct sp_stream *s)
{
    const struct sp_stream_segment *g = s->first;
    if (!g || g->seq + (uint32_t)g->at != s->next)
        return sp_span_of(NULL, 0);
    return sp_span_of(g->bytes + g->at, g->n - g->at);
}

void sp_stream_taken(struct sp_stream *s, size_t n)
{
    struct sp_stream_segment *g = s->first;
    g->at += n;
    s->next += (uint32_t)n;
    s->held -= n;
    if (g->at < g->n)
        return;
    s->first = g->next;
    if (!s->first)
        s->last = NULL;
    s->segments--;
    free(g);
}

bool sp_stream_ended(const struct sp_stream *s)
{
    return s->fin && s->known && distance(s->fin_seq, s->next) >= 0;
}

bool sp_stream_has_hole(const struct sp_stream *s)
{
    return s->first && sp_stream_front(s).n == 0;
}

void sp_stream_free(struct sp_stream *s)
{
    while (s->first) {
        struct sp_stream_segment *g = s->first;
        s->first = g->next;
        free(g);
    }
    s->last = NULL;
    s->held = 0;
    s->segments = 0;
}
