/* SPDX-License-Identifier: Apache-2.0 */
/* decode: what a client's message says. "Message Formats"; bounds as the server checks them. */
#include "proto/pgsql/pgsql.h"

void pgsql_add(struct sp_msg *m, unsigned field, struct sp_span key, struct sp_span str)
{
    struct sp_value v = {.field = (uint16_t)field, .key = key, .str = str, .len = (uint32_t)str.n};
    v.off = (uint32_t)(str.p - m->unit.p);
    (void)sp_msg_add(m, &v);
}

void pgsql_add_text(struct sp_msg *m, unsigned field, struct sp_span str)
{
    const struct sp_value v = {.field = (uint16_t)field, .str = str, .flags = SP_V_DERIVED};
    (void)sp_msg_add(m, &v);
}

void pgsql_add_num(struct sp_msg *m, unsigned field, int64_t num)
{
    const struct sp_value v = {.field = (uint16_t)field, .num = num, .flags = SP_V_DERIVED};
    (void)sp_msg_add(m, &v);
}

/* ---- parameters ---- */

struct parameters {
    uint16_t formats, n;
    struct sp_span codes;
    unsigned binary, nulls;
};

/* Format codes: none, one for all, or one each. What is wrong with them is said only when they are all there. */
static enum sp_pgsql_anomaly read_codes(struct sp_cur *c, uint16_t *ret_n, struct sp_span *ret_codes)
{
    *ret_n = sp_cur_u16be(c);
    *ret_codes = sp_cur_take(c, 2 * (size_t)*ret_n);
    for (size_t i = 0; i < ret_codes->n; i += 2) {
        if (ret_codes->p[i] != 0 || ret_codes->p[i + 1] > 1)
            return SP_PGSQL_A_FORMAT;
    }
    return SP_PGSQL_A_NONE;
}

static bool is_binary(const struct parameters *p, unsigned i)
{
    if (p->formats == 0)
        return false;
    return p->codes.p[2 * (p->formats == 1 ? 0 : i) + 1];
}

static enum sp_pgsql_anomaly read_parameter(struct sp_msg *m, struct sp_cur *c, struct parameters *p, unsigned i)
{
    uint32_t len = sp_cur_u32be(c);
    p->binary += is_binary(p, i);
    if (len == UINT32_MAX) {
        p->nulls++;
        return SP_PGSQL_A_NONE;
    }
    struct sp_span value = sp_cur_take(c, len);
    if (!sp_cur_ok(c))
        return SP_PGSQL_A_COUNT;
    if (!is_binary(p, i) && sp_span_byte(value, 0, 0) != SP_NOT_FOUND)
        return SP_PGSQL_A_TEXT;
    if (sp_want(m, SP_PGSQL_PARAMETERS))
        pgsql_add(m, SP_PGSQL_PARAMETERS, (struct sp_span){NULL, 0}, value);
    return SP_PGSQL_A_NONE;
}

static void add_counts(struct sp_msg *m, const struct parameters *p)
{
    if (sp_want(m, SP_PGSQL_PARAMETERS_COUNT))
        pgsql_add_num(m, SP_PGSQL_PARAMETERS_COUNT, p->n);
    if (sp_want(m, SP_PGSQL_PARAMETERS_BINARY))
        pgsql_add_num(m, SP_PGSQL_PARAMETERS_BINARY, p->binary);
    if (sp_want(m, SP_PGSQL_PARAMETERS_NULLS))
        pgsql_add_num(m, SP_PGSQL_PARAMETERS_NULLS, p->nulls);
}

static enum sp_pgsql_anomaly read_parameters(struct sp_msg *m, struct sp_cur *c)
{
    struct parameters p = {.n = 0};
    enum sp_pgsql_anomaly a = read_codes(c, &p.formats, &p.codes);
    p.n = sp_cur_u16be(c);
    if (!sp_cur_ok(c))
        return SP_PGSQL_A_COUNT;
    if (a || (p.formats > 1 && p.formats != p.n))
        return SP_PGSQL_A_FORMAT;
    for (unsigned i = 0; i < p.n; i++) {
        a = read_parameter(m, c, &p, i);
        if (a)
            return a;
    }
    add_counts(m, &p);
    return SP_PGSQL_A_NONE;
}

/* ---- messages ---- */

static enum sp_pgsql_anomaly at_end(const struct sp_cur *c, enum sp_pgsql_anomaly otherwise)
{
    return sp_cur_ok(c) && sp_cur_left(c) == 0 ? SP_PGSQL_A_NONE : otherwise;
}

static void add_name(struct sp_msg *m, unsigned field, struct sp_span name)
{
    if (sp_want(m, field))
        pgsql_add(m, field, (struct sp_span){NULL, 0}, name);
}

static enum sp_pgsql_anomaly decode_query(const struct pgsql_state *st, struct sp_msg *m, struct sp_cur *c)
{
    struct sp_span text = sp_cur_until(c, 0);
    if (at_end(c, SP_PGSQL_A_TEXT))
        return SP_PGSQL_A_TEXT;
    return pgsql_statement(st, m, text) ? SP_PGSQL_A_NONE : SP_PGSQL_A_QUOTING;
}

static enum sp_pgsql_anomaly decode_parse(const struct pgsql_state *st, struct sp_msg *m, struct sp_cur *c)
{
    struct sp_span name = sp_cur_until(c, 0), text = sp_cur_until(c, 0);
    if (!sp_cur_ok(c))
        return SP_PGSQL_A_TEXT;
    sp_cur_skip(c, 4 * (size_t)sp_cur_u16be(c));
    if (at_end(c, SP_PGSQL_A_COUNT))
        return SP_PGSQL_A_COUNT;
    if (sp_span_starts(name, PGSQL_MARKER))
        return SP_PGSQL_A_RESERVED_NAME;
    add_name(m, SP_PGSQL_STATEMENT, name);
    return pgsql_statement(st, m, text) ? SP_PGSQL_A_NONE : SP_PGSQL_A_QUOTING;
}

static enum sp_pgsql_anomaly decode_bind(struct sp_msg *m, struct sp_cur *c)
{
    struct sp_span portal = sp_cur_until(c, 0), name = sp_cur_until(c, 0), codes;
    uint16_t n;
    if (!sp_cur_ok(c))
        return SP_PGSQL_A_TEXT;
    if (sp_span_starts(portal, PGSQL_MARKER))
        return SP_PGSQL_A_RESERVED_NAME;
    add_name(m, SP_PGSQL_PORTAL, portal);
    add_name(m, SP_PGSQL_STATEMENT, name);
    enum sp_pgsql_anomaly a = read_parameters(m, c);
    if (a)
        return a;
    a = read_codes(c, &n, &codes);
    return at_end(c, SP_PGSQL_A_COUNT) ? SP_PGSQL_A_COUNT : a;
}

static enum sp_pgsql_anomaly decode_call(struct sp_msg *m, struct sp_cur *c)
{
    uint32_t oid = sp_cur_u32be(c);
    if (sp_want(m, SP_PGSQL_FUNCTION))
        pgsql_add_num(m, SP_PGSQL_FUNCTION, oid);
    enum sp_pgsql_anomaly a = read_parameters(m, c);
    if (a)
        return a;
    uint16_t format = sp_cur_u16be(c);
    if (at_end(c, SP_PGSQL_A_COUNT))
        return SP_PGSQL_A_COUNT;
    return format > 1 ? SP_PGSQL_A_FORMAT : SP_PGSQL_A_NONE;
}

/* Describe and Close. */
static enum sp_pgsql_anomaly decode_target(struct sp_msg *m, struct sp_cur *c)
{
    uint8_t what = sp_cur_u8(c);
    struct sp_span name = sp_cur_until(c, 0);
    if (at_end(c, SP_PGSQL_A_TEXT))
        return SP_PGSQL_A_TEXT;
    if (what != 'S' && what != 'P')
        return SP_PGSQL_A_TARGET;
    add_name(m, what == 'S' ? SP_PGSQL_STATEMENT : SP_PGSQL_PORTAL, name);
    return SP_PGSQL_A_NONE;
}

static enum sp_pgsql_anomaly decode_execute(struct sp_msg *m, struct sp_cur *c)
{
    struct sp_span portal = sp_cur_until(c, 0);
    if (!sp_cur_ok(c))
        return SP_PGSQL_A_TEXT;
    uint32_t rows = sp_cur_u32be(c);
    if (at_end(c, SP_PGSQL_A_COUNT))
        return SP_PGSQL_A_COUNT;
    add_name(m, SP_PGSQL_PORTAL, portal);
    if (sp_want(m, SP_PGSQL_ROWS_MAX))
        pgsql_add_num(m, SP_PGSQL_ROWS_MAX, rows > INT32_MAX ? 0 : rows); /* the server takes what is not above zero as "all" */
    return SP_PGSQL_A_NONE;
}

static enum sp_pgsql_anomaly decode_reason(struct sp_msg *m, struct sp_cur *c)
{
    struct sp_span reason = sp_cur_until(c, 0);
    if (at_end(c, SP_PGSQL_A_TEXT))
        return SP_PGSQL_A_TEXT;
    add_name(m, SP_PGSQL_COPY_REASON, reason);
    return SP_PGSQL_A_NONE;
}

static void add_context(const struct pgsql_state *st, struct sp_msg *m)
{
    static const char *const statuses[] = {['I'] = "idle", ['T'] = "active", ['E'] = "failed"};
    const struct { unsigned field; struct sp_span text; } known[] = {
        {SP_PGSQL_USER, pgsql_name_of(&st->user)},
        {SP_PGSQL_DATABASE, pgsql_name_of(&st->database)},
        {SP_PGSQL_APPLICATION, pgsql_name_of(&st->application)},
        {SP_PGSQL_REPLICATION, sp_span_str(pgsql_replications[st->replication])},
        {SP_PGSQL_TRANSACTION, sp_span_str(st->transaction ? statuses[st->transaction] : "")},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        bool absent = known[i].text.n == 0 && (known[i].field == SP_PGSQL_REPLICATION || known[i].field == SP_PGSQL_TRANSACTION);
        if (sp_want(m, known[i].field) && !absent)
            pgsql_add_text(m, known[i].field, sp_arena_copy(m->arena, known[i].text));
    }
}

static enum sp_pgsql_anomaly decode_message(const struct pgsql_state *st, struct sp_msg *m, const struct pgsql_type *t)
{
    struct sp_cur c = sp_cur_of(m->unit);
    sp_cur_skip(&c, HEADER);
    switch (t->tag) {
    case 'Q':
        return decode_query(st, m, &c);
    case 'P':
        return decode_parse(st, m, &c);
    case 'B':
        return decode_bind(m, &c);
    case 'F':
        return decode_call(m, &c);
    case 'C':
    case 'D':
        return decode_target(m, &c);
    case 'E':
        return decode_execute(m, &c);
    case 'f':
        return decode_reason(m, &c);
    case 'd':
        add_name(m, SP_PGSQL_COPY_DATA, sp_cur_rest(&c));
        return SP_PGSQL_A_NONE;
    default:
        return SP_PGSQL_A_NONE;
    }
}

static void add_type(struct sp_msg *m, const char *name)
{
    if (sp_want(m, SP_PGSQL_TYPE))
        pgsql_add_text(m, SP_PGSQL_TYPE, sp_span_str(name));
}

static enum sp_pgsql_anomaly decode_first(struct sp_msg *m)
{
    struct pgsql_startup s;
    enum sp_pgsql_anomaly a;
    switch (pgsql_u32(m->unit, 4)) {
    case CODE_CANCEL:
        add_type(m, "CancelRequest");
        return SP_PGSQL_A_NONE;
    case CODE_TLS:
        add_type(m, "SSLRequest");
        return SP_PGSQL_A_NONE;
    case CODE_GSS:
        add_type(m, "GSSENCRequest");
        return SP_PGSQL_A_NONE;
    default:
        break;
    }
    add_type(m, "StartupMessage");
    if (!pgsql_startup_read(m->unit, &s, &a))
        return a;
    pgsql_startup_values(m, &s);
    return SP_PGSQL_A_NONE;
}

bool pgsql_decode(const void *state, struct sp_msg *m)
{
    const struct pgsql_state *st = state;
    enum sp_pgsql_anomaly a = SP_PGSQL_A_NONE;
    const struct pgsql_type *t = pgsql_type_of((enum sp_dir)m->dir, m->unit.p[0]);
    if (t) {
        add_context(st, m);
        add_type(m, t->name);
    }
    if (!t)
        a = decode_first(m);
    else if (m->dir == SP_C2S)
        a = decode_message(st, m, t);
    else if (!pgsql_decode_reply(m, t))
        a = SP_PGSQL_A_COUNT;
    if (a)
        m->anomaly = pgsql_anomaly_name(a);
    return a == SP_PGSQL_A_NONE;
}
