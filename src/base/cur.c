/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cur.h"

struct sp_cur sp_cur_of(struct sp_span s)
{
    static const uint8_t nothing[1];
    const uint8_t *p = s.n ? s.p : nothing;
    return (struct sp_cur){p, p, p + s.n, SP_CUR_OK};
}

void sp_cur_fail(struct sp_cur *c, enum sp_cur_err err)
{
    if (!c->err)
        c->err = err;
}

struct sp_span sp_cur_take(struct sp_cur *c, size_t n)
{
    if (c->err || n > (size_t)(c->end - c->at)) {
        sp_cur_fail(c, SP_CUR_SHORT);
        return (struct sp_span){c->at, 0};
    }
    struct sp_span s = {c->at, n};
    c->at += n;
    return s;
}

void sp_cur_skip(struct sp_cur *c, size_t n)
{
    (void)sp_cur_take(c, n);
}

/* The next n bytes as a number, most significant first; 0 after an error. */
static uint64_t take_be(struct sp_cur *c, size_t n)
{
    struct sp_span s = sp_cur_take(c, n);
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++)
        v = v << 8 | s.p[i];
    return v;
}

static uint64_t take_le(struct sp_cur *c, size_t n)
{
    struct sp_span s = sp_cur_take(c, n);
    uint64_t v = 0;
    for (size_t i = s.n; i-- > 0;)
        v = v << 8 | s.p[i];
    return v;
}

uint8_t sp_cur_u8(struct sp_cur *c) { return (uint8_t)take_be(c, 1); }
uint16_t sp_cur_u16be(struct sp_cur *c) { return (uint16_t)take_be(c, 2); }
uint32_t sp_cur_u24be(struct sp_cur *c) { return (uint32_t)take_be(c, 3); }
uint32_t sp_cur_u32be(struct sp_cur *c) { return (uint32_t)take_be(c, 4); }
uint64_t sp_cur_u64be(struct sp_cur *c) { return take_be(c, 8); }
uint16_t sp_cur_u16le(struct sp_cur *c) { return (uint16_t)take_le(c, 2); }
uint32_t sp_cur_u24le(struct sp_cur *c) { return (uint32_t)take_le(c, 3); }
uint32_t sp_cur_u32le(struct sp_cur *c) { return (uint32_t)take_le(c, 4); }
uint64_t sp_cur_u64le(struct sp_cur *c) { return take_le(c, 8); }

int sp_cur_peek(const struct sp_cur *c)
{
    return !c->err && c->at < c->end ? *c->at : -1;
}

struct sp_span sp_cur_until(struct sp_cur *c, uint8_t delimiter)
{
    struct sp_span left = {c->at, sp_cur_left(c)};
    size_t n = sp_span_byte(left, 0, delimiter);
    if (n == SP_NOT_FOUND) {
        sp_cur_fail(c, SP_CUR_SHORT);
        return (struct sp_span){c->at, 0};
    }
    c->at += n + 1;
    return sp_span_sub(left, 0, n);
}

bool sp_cur_accept(struct sp_cur *c, struct sp_span literal)
{
    struct sp_span left = {c->at, sp_cur_left(c)};
    if (c->err || !sp_span_starts(left, literal))
        return false;
    c->at += literal.n;
    return true;
}

void sp_cur_expect(struct sp_cur *c, struct sp_span literal)
{
    if (c->err || sp_cur_accept(c, literal))
        return;
    struct sp_span left = {c->at, sp_cur_left(c)};
    sp_cur_fail(c, sp_span_starts(literal, left) ? SP_CUR_SHORT : SP_CUR_WRONG);
}

struct sp_span sp_cur_rest(struct sp_cur *c)
{
    return sp_cur_take(c, sp_cur_left(c));
}
