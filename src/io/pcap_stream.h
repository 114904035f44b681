/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcap_stream: one direction of a captured TCP connection put in order. What was said first stays (as most receivers have it); a segment is kept until its
 * reader has taken it, so a reader that has to wait loses nothing.
 */
#ifndef SP_IO_PCAP_STREAM_H
#define SP_IO_PCAP_STREAM_H

#include "base/span.h"

enum sp_stream_limits {
    SP_STREAM_HELD = 4 << 20,    /* bytes of one direction that wait for a hole to be filled or for the other direction */
    SP_STREAM_SEGMENTS = 1024,   /* the same as segments: insertion walks them */
};

struct sp_stream_segment;

/* Invariant: segments are sorted, do not overlap, and none begins before `next`. */
struct sp_stream {
    struct sp_stream_segment *first, *last;
    uint32_t next;   /* sequence number of the next byte to be read */
    bool known;      /* `next` is valid */
    bool fin;        /* the sender has finished, at fin_seq */
    uint32_t fin_seq;
    size_t held;
    unsigned segments;
};

enum sp_stream_add { SP_STREAM_TAKEN, SP_STREAM_OVERFLOW, SP_STREAM_NO_MEMORY };

/* The first byte to come has this sequence number. */
void sp_stream_begin(struct sp_stream *s, uint32_t seq);
enum sp_stream_add sp_stream_put(struct sp_stream *s, uint32_t seq, struct sp_span payload);
/* The bytes at the front, as far as they lie in one segment; empty when the next byte has not come. */
struct sp_span sp_stream_front(const struct sp_stream *s);
void sp_stream_taken(struct sp_stream *s, size_t n);
/* Everything that was sent has been taken, and there will be no more. */
bool sp_stream_ended(const struct sp_stream *s);
/* Bytes are there, but not the next one. */
bool sp_stream_has_hole(const struct sp_stream *s);
void sp_stream_free(struct sp_stream *s);

#endif
