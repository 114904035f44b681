/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cur: a bounded reader whose first error sticks. Every read is total: after an error it returns zero or an
 * empty span and moves nothing, so parsing code has no branches for errors and asks once at the end.
 * Invariant: base <= at <= end.
 */
#ifndef SP_BASE_CUR_H
#define SP_BASE_CUR_H

#include "base/span.h"

enum sp_cur_err {
    SP_CUR_OK = 0,
    SP_CUR_SHORT, /* ran out: more bytes could make it right */
    SP_CUR_WRONG, /* can never be right */
};

struct sp_cur {
    const uint8_t *base, *at, *end;
    enum sp_cur_err err;
};

struct sp_cur sp_cur_of(struct sp_span s);
static inline size_t sp_cur_off(const struct sp_cur *c) { return (size_t)(c->at - c->base); }
static inline size_t sp_cur_left(const struct sp_cur *c) { return c->err ? 0 : (size_t)(c->end - c->at); }
static inline bool sp_cur_ok(const struct sp_cur *c) { return c->err == SP_CUR_OK; }
/* Sets the error unless one is set. */
void sp_cur_fail(struct sp_cur *c, enum sp_cur_err err);

uint8_t sp_cur_u8(struct sp_cur *c);
uint16_t sp_cur_u16be(struct sp_cur *c);
uint32_t sp_cur_u24be(struct sp_cur *c);
uint32_t sp_cur_u32be(struct sp_cur *c);
uint64_t sp_cur_u64be(struct sp_cur *c);
uint16_t sp_cur_u16le(struct sp_cur *c);
uint32_t sp_cur_u24le(struct sp_cur *c);
uint32_t sp_cur_u32le(struct sp_cur *c);
uint64_t sp_cur_u64le(struct sp_cur *c);
/* The next byte without moving, or -1 at the end or after an error (sets no error). */
int sp_cur_peek(const struct sp_cur *c);
/* The next n bytes, moving past them. */
struct sp_span sp_cur_take(struct sp_cur *c, size_t n);
void sp_cur_skip(struct sp_cur *c, size_t n);
/* Bytes up to the delimiter, moving past it; SHORT when there is none. */
struct sp_span sp_cur_until(struct sp_cur *c, uint8_t delimiter);
/* Moves past the literal if it is next; otherwise false and nothing moves. */
bool sp_cur_accept(struct sp_cur *c, struct sp_span literal);
/* Like accept, but its absence is WRONG (or SHORT while what is there is a prefix). */
void sp_cur_expect(struct sp_cur *c, struct sp_span literal);
/* Everything that is left, moving to the end. */
struct sp_span sp_cur_rest(struct sp_cur *c);

#endif
