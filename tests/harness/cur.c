/* SPDX-License-Identifier: Apache-2.0 */
/* cur: every read against a model that knows only a position and whether an error stuck. */
#include "base/cur.h"
#include "harness.h"

enum sizes {
    TEXT = H_WAY(4, 64, 4),
    STEPS = H_WAY(3, 16, 2),
};

struct model {
    struct sp_span s;
    size_t at;
    enum sp_cur_err err;
};

static const struct sp_span literal = {(const uint8_t *)"ab", 2};

static size_t left(const struct model *m)
{
    return m->err ? 0 : m->s.n - m->at;
}

static void fail(struct model *m, enum sp_cur_err err)
{
    if (!m->err)
        m->err = err;
}

/* Moves past n bytes; false when they are not there. */
static bool move(struct model *m, size_t n)
{
    if (m->err || n > left(m)) {
        fail(m, SP_CUR_SHORT);
        return false;
    }
    m->at += n;
    return true;
}

static uint64_t number(struct model *m, size_t n, bool big)
{
    uint64_t v = 0;
    size_t from = m->at;
    if (!move(m, n))
        return 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)m->s.p[from + i] << 8 * (big ? n - 1 - i : i);
    return v;
}

static void check_span(const struct model *m, struct sp_span got, size_t from, size_t n)
{
    h_check(got.n == n && (n == 0 || got.p == m->s.p + from));
}

static void numbers(struct sp_cur *c, struct model *m)
{
    switch (h_pick(9)) {
    case 0: h_check(sp_cur_u8(c) == number(m, 1, true)); break;
    case 1: h_check(sp_cur_u16be(c) == number(m, 2, true)); break;
    case 2: h_check(sp_cur_u24be(c) == number(m, 3, true)); break;
    case 3: h_check(sp_cur_u32be(c) == number(m, 4, true)); break;
    case 4: h_check(sp_cur_u64be(c) == number(m, 8, true)); break;
    case 5: h_check(sp_cur_u16le(c) == number(m, 2, false)); break;
    case 6: h_check(sp_cur_u24le(c) == number(m, 3, false)); break;
    case 7: h_check(sp_cur_u32le(c) == number(m, 4, false)); break;
    default: h_check(sp_cur_u64le(c) == number(m, 8, false)); break;
    }
}

static void take(struct sp_cur *c, struct model *m)
{
    size_t n = h_pick(TEXT + 2), from = m->at;
    bool whole = move(m, n);
    check_span(m, sp_cur_take(c, n), from, whole ? n : 0);
}

static void skip(struct sp_cur *c, struct model *m)
{
    size_t n = h_pick(TEXT + 2);
    move(m, n);
    sp_cur_skip(c, n);
}

static void until(struct sp_cur *c, struct model *m)
{
    size_t from = m->at, n = 0;
    while (n < left(m) && m->s.p[from + n] != 'b')
        n++;
    bool found = n < left(m);
    if (found)
        m->at += n + 1;
    else
        fail(m, SP_CUR_SHORT);
    check_span(m, sp_cur_until(c, 'b'), from, found ? n : 0);
}

/* How many bytes of the literal are next. */
static size_t match(const struct model *m)
{
    size_t n = 0;
    while (n < left(m) && n < literal.n && m->s.p[m->at + n] == literal.p[n])
        n++;
    return n;
}

static void accept(struct sp_cur *c, struct model *m)
{
    bool next = !m->err && match(m) == literal.n;
    m->at += next ? literal.n : 0;
    h_check(sp_cur_accept(c, literal) == next);
}

static void expect(struct sp_cur *c, struct model *m)
{
    size_t n = match(m);
    if (!m->err && n == literal.n)
        m->at += n;
    else
        fail(m, n == left(m) ? SP_CUR_SHORT : SP_CUR_WRONG);
    sp_cur_expect(c, literal);
}

static void rest(struct sp_cur *c, struct model *m)
{
    size_t from = m->at, n = left(m);
    m->at += n;
    check_span(m, sp_cur_rest(c), from, n);
}

static void stick(struct sp_cur *c, struct model *m)
{
    enum sp_cur_err err = h_pick(2) ? SP_CUR_WRONG : SP_CUR_SHORT;
    fail(m, err);
    sp_cur_fail(c, err);
}

void harness(void)
{
    static void (*const steps[])(struct sp_cur *, struct model *) = {numbers, take, skip, until, accept, expect, rest, stick};
    struct model m = {.s = h_bytes(TEXT, SP_LIT("ab\xff"))};
    struct sp_cur c = sp_cur_of(m.s);
    for (int i = 0; i < STEPS; i++) {
        steps[h_pick(sizeof steps / sizeof *steps)](&c, &m);
        h_check(c.base <= c.at && c.at <= c.end && c.err == m.err && sp_cur_ok(&c) == !m.err);
        h_check(sp_cur_off(&c) == m.at && sp_cur_left(&c) == left(&m));
        h_check(sp_cur_peek(&c) == (left(&m) ? m.s.p[m.at] : -1));
    }
}
