/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parameters: values in the binary format, of executions and of attributes of queries. "Binary Protocol Value", "COM_STMT_EXECUTE".
 * An execution does not say how many parameters it has unless it has query attributes, and their types only when they changed: what can be
 * read in one way is, anything else is a value as a whole.
 */
#include "proto/mysql/mysql.h"

enum parameter_limits {
    TRIES_MAX = 16, /* readings that begin plausibly; a client's own is nearly always the first */
    UNSIGNED = 0x80,
};

enum { TYPE_DECIMAL = 0, TYPE_TINY = 1, TYPE_SHORT = 2, TYPE_LONG = 3, TYPE_FLOAT = 4, TYPE_DOUBLE = 5, TYPE_NULL = 6, TYPE_TIMESTAMP = 7,
       TYPE_LONGLONG = 8, TYPE_INT24 = 9, TYPE_DATE = 10, TYPE_TIME = 11, TYPE_DATETIME = 12, TYPE_YEAR = 13, TYPE_VARCHAR = 15, TYPE_BIT = 16,
       TYPE_VECTOR = 242, TYPE_JSON = 245 };

struct reading {
    struct sp_cur types, values;
    struct sp_span nulls;
    bool named;
    uint32_t n;
};

/* Bytes of a number, 0: it is none. */
static unsigned width_of(uint8_t type)
{
    static const uint8_t widths[] = {[TYPE_TINY] = 1, [TYPE_SHORT] = 2, [TYPE_LONG] = 4, [TYPE_LONGLONG] = 8, [TYPE_INT24] = 4, [TYPE_YEAR] = 2};
    return type < sizeof widths ? widths[type] : 0;
}

static struct sp_span digits(struct sp_msg *m, struct sp_span raw, bool is_unsigned)
{
    struct sp_buf out = sp_buf_arena(m->arena, 24);
    uint64_t v = 0;
    for (size_t i = raw.n; i > 0; i--)
        v = v << 8 | raw.p[i - 1];
    unsigned shift = 64 - 8 * (unsigned)raw.n;
    if (is_unsigned)
        sp_put_u64(&out, v);
    else
        sp_put_i64(&out, (int64_t)(v << shift) >> shift);
    return sp_buf_done(&out, m->arena);
}

/* One value; m: NULL while a reading is only tried. */
static void take_value(struct sp_msg *m, struct sp_cur *c, uint8_t type, bool is_unsigned)
{
    struct sp_span raw = {NULL, 0};
    unsigned width = width_of(type);
    if (width) {
        raw = sp_cur_take(c, width);
        if (m && sp_cur_ok(c))
            mysql_add_text(m, SP_MYSQL_PARAMETERS, digits(m, raw, is_unsigned));
        return;
    }
    if (type == TYPE_FLOAT || type == TYPE_DOUBLE)
        raw = sp_cur_take(c, type == TYPE_FLOAT ? 4 : 8);
    else if (type == TYPE_TIMESTAMP || (type >= TYPE_DATE && type <= TYPE_DATETIME))
        raw = sp_cur_take(c, sp_cur_u8(c));
    else if (type == TYPE_DECIMAL || type == TYPE_VARCHAR || type == TYPE_BIT || type == TYPE_VECTOR || type >= TYPE_JSON)
        raw = mysql_text(c);
    else if (type != TYPE_NULL)
        sp_cur_fail(c, SP_CUR_WRONG);
    if (m && sp_cur_ok(c) && type != TYPE_NULL)
        mysql_add(m, SP_MYSQL_PARAMETERS, (struct sp_span){NULL, 0}, raw);
}

/* Reads, or with m adds, the values of n parameters whose bits, types and values these are. */
static bool take_values(struct sp_msg *m, struct reading *r)
{
    for (uint32_t i = 0; i < r->n && sp_cur_ok(&r->values) && sp_cur_ok(&r->types); i++) {
        uint8_t type = sp_cur_u8(&r->types), flags = sp_cur_u8(&r->types);
        if (r->named)
            (void)mysql_text(&r->types);
        if (!(r->nulls.p[i / 8] >> (i & 7) & 1))
            take_value(m, &r->values, type, flags & UNSIGNED);
    }
    return sp_cur_ok(&r->types) && sp_cur_ok(&r->values);
}

/* The parts of n parameters at the start of `c`. False: they do not fit, or their types are not there. */
static bool begin_reading(struct sp_cur c, uint32_t n, bool named, struct reading *ret)
{
    *ret = (struct reading){.named = named, .n = n};
    ret->nulls = sp_cur_take(&c, ((size_t)n + 7) / 8);
    if (sp_cur_u8(&c) != 1)
        return false;
    ret->types = c;
    for (uint32_t i = 0; named && i < n && sp_cur_ok(&c); i++) {
        sp_cur_skip(&c, 2);
        (void)mysql_text(&c);
    }
    if (!named)
        sp_cur_skip(&c, 2 * (size_t)n);
    ret->values = c;
    return sp_cur_ok(&c);
}

/* Everything that is left, as one value. */
static void add_rest(struct sp_msg *m, struct sp_cur *c)
{
    struct sp_span rest = sp_cur_rest(c);
    if (rest.n)
        mysql_add(m, SP_MYSQL_PARAMETERS, (struct sp_span){NULL, 0}, rest);
}

/* Is n the number of parameters? */
static bool fits(struct sp_cur c, uint32_t n)
{
    struct reading r;
    return begin_reading(c, n, false, &r) && take_values(NULL, &r) && sp_cur_left(&r.values) == 0;
}

/* The number of parameters, if only one fits; else 0. */
static uint32_t guess(struct sp_cur c)
{
    uint32_t found = 0;
    unsigned tries = 0;
    struct sp_span rest = sp_cur_rest(&(struct sp_cur){.base = c.base, .at = c.at, .end = c.end});
    for (uint32_t bytes = 1; bytes < rest.n && bytes * 8 <= UINT16_MAX; bytes++) {
        if (rest.p[bytes] != 1)
            continue;
        for (uint32_t n = bytes * 8 - 7; n <= bytes * 8 && bytes + 1 + 2 * (size_t)n <= rest.n; n++) {
            if (tries++ == TRIES_MAX)
                return 0;
            if (!fits(c, n))
                continue;
            if (found)
                return 0;
            found = n;
        }
    }
    return found;
}

bool mysql_parameters(struct sp_msg *m, struct sp_cur *c, int64_t count, bool named, bool execution)
{
    struct reading r;
    bool rest = count < 0;
    if (!sp_want(m, SP_MYSQL_PARAMETERS) && rest)
        return sp_cur_ok(c);
    if (rest)
        count = guess(*c);
    if (count == 0 && rest) {
        add_rest(m, c);
        return sp_cur_ok(c);
    }
    if (count == 0)
        return true;
    if (count > UINT16_MAX)
        return false;
    if (!begin_reading(*c, (uint32_t)count, named, &r)) {
        if (rest || !execution || !sp_cur_ok(c))
            return false;
        add_rest(m, c); /* the types are those of the execution before */
        return true;
    }
    bool ok = take_values(m, &r);
    *c = r.values;
    return ok;
}
