/* SPDX-License-Identifier: Apache-2.0 */
/* decode: what a client's message says. "Command Phase" and "Connection Phase". */
#include "proto/mysql/mysql.h"

static const struct sp_span NOTHING = {NULL, 0};

/* ---- the login ---- */

static void add_capabilities(struct sp_msg *m, unsigned field, uint32_t capabilities, size_t off)
{
    for (unsigned bit = 0; bit < 32 && sp_want(m, field); bit++) {
        const char *name = mysql_capability_name(bit);
        const struct sp_value v = {.field = (uint16_t)field, .flags = SP_V_DERIVED, .off = (uint32_t)off, .len = 4,
                                   .key = sp_span_str(name ? name : ""), .str = SP_LIT("on")};
        if (name && (capabilities >> bit & 1))
            (void)sp_msg_add(m, &v);
    }
}

static void add_attributes(struct sp_msg *m, struct sp_span attributes)
{
    struct sp_cur c = sp_cur_of(attributes);
    while (sp_cur_left(&c)) {
        struct sp_span name = mysql_text(&c), value = mysql_text(&c);
        if (sp_cur_ok(&c))
            mysql_add(m, SP_MYSQL_ATTRIBUTES, name, value);
    }
}

static void add_login(struct sp_msg *m, const struct mysql_login *login)
{
    mysql_add_text(m, SP_MYSQL_USER, sp_span_sub(login->user, 0, NAME_BYTES));
    mysql_add_text(m, SP_MYSQL_DATABASE, sp_span_sub(login->database, 0, NAME_BYTES));
    mysql_add_text(m, SP_MYSQL_APPLICATION, sp_span_sub(login->application, 0, NAME_BYTES));
    mysql_add_text(m, SP_MYSQL_PLUGIN, login->plugin);
    add_attributes(m, login->attributes);
}

static enum sp_mysql_anomaly decode_login(const struct mysql_state *st, struct sp_msg *m)
{
    struct mysql_login login;
    if (!mysql_login_read(m->unit, st->capabilities, &login))
        return SP_MYSQL_A_LOGIN_LAYOUT;
    bool offered = st->flags & FLAG_BLIND || !(login.more & ~st->more);
    if ((login.capabilities & CAN_NEVER) || !offered)
        return SP_MYSQL_A_COMPRESSION;
    add_capabilities(m, SP_MYSQL_CAPABILITIES, login.capabilities, HEADER);
    add_login(m, &login);
    return SP_MYSQL_A_NONE;
}

/* ---- commands ---- */

/* Attributes in front of a query: as many, in so many sets, as the first two numbers say. The sets are always one. */
static enum sp_mysql_anomaly decode_attributes(struct sp_msg *m, struct sp_cur *c)
{
    uint64_t n = mysql_lenenc(c), sets = mysql_lenenc(c);
    bool ok = sp_cur_ok(c) && sets == 1 && n <= UINT16_MAX && mysql_parameters(m, c, (int64_t)n, true, false);
    return ok ? SP_MYSQL_A_NONE : SP_MYSQL_A_LAYOUT;
}

static enum sp_mysql_anomaly decode_query(const struct mysql_state *st, struct sp_msg *m, struct sp_cur *c)
{
    if (st->capabilities & CAN_QUERY_ATTRIBUTES) {
        enum sp_mysql_anomaly a = decode_attributes(m, c);
        if (a)
            return a;
    }
    m->extra = sp_cur_off(c);
    mysql_statement(st, m, sp_cur_rest(c));
    return SP_MYSQL_A_NONE;
}

static enum sp_mysql_anomaly decode_prepare(const struct mysql_state *st, struct sp_msg *m, struct sp_cur *c)
{
    m->extra = sp_cur_off(c);
    mysql_statement(st, m, sp_cur_rest(c));
    return SP_MYSQL_A_NONE;
}

static enum sp_mysql_anomaly decode_execute(const struct mysql_state *st, struct sp_msg *m, struct sp_cur *c)
{
    sp_cur_skip(c, 5); /* flags: a cursor's kind, and that a count is there even where no parameter is; iterations */
    if (!sp_cur_ok(c))
        return SP_MYSQL_A_LAYOUT;
    bool named = st->capabilities & CAN_QUERY_ATTRIBUTES;
    if (sp_cur_left(c) == 0)
        return SP_MYSQL_A_NONE;
    int64_t count = -1;
    if (named) {
        uint64_t n = mysql_lenenc(c);
        count = n <= UINT16_MAX ? (int64_t)n : INT64_MAX;
    }
    return sp_cur_ok(c) && mysql_parameters(m, c, count, named, true) ? SP_MYSQL_A_NONE : SP_MYSQL_A_LAYOUT;
}

/* Commands about a prepared statement. */
static enum sp_mysql_anomaly decode_statement(const struct mysql_state *st, struct sp_msg *m, struct sp_cur *c, uint8_t code)
{
    uint32_t id = sp_cur_u32le(c);
    if (!sp_cur_ok(c))
        return SP_MYSQL_A_LAYOUT;
    if (id == UINT32_MAX && (st->flags & FLAG_LOST))
        return SP_MYSQL_A_NO_STATEMENT;
    mysql_add_num(m, SP_MYSQL_STATEMENT, id);
    switch (code) {
    case COM_STMT_EXECUTE:
        return decode_execute(st, m, c);
    case COM_STMT_LONG_DATA:
        sp_cur_skip(c, 2);
        mysql_add(m, SP_MYSQL_LONG_DATA, NOTHING, sp_cur_rest(c));
        break;
    case COM_STMT_BULK:
        sp_cur_skip(c, 2);
        mysql_add(m, SP_MYSQL_PARAMETERS, NOTHING, sp_cur_rest(c));
        break;
    default:
        break;
    }
    return sp_cur_ok(c) ? SP_MYSQL_A_NONE : SP_MYSQL_A_LAYOUT;
}

static enum sp_mysql_anomaly decode_kill(struct sp_msg *m, struct sp_cur *c)
{
    mysql_add_num(m, SP_MYSQL_PROCESS, sp_cur_u32le(c));
    return sp_cur_ok(c) ? SP_MYSQL_A_NONE : SP_MYSQL_A_LAYOUT;
}

static enum sp_mysql_anomaly decode_argument(struct sp_msg *m, struct sp_cur *c, bool ends_with_zero)
{
    struct sp_span rest = sp_cur_rest(c);
    if (ends_with_zero)
        rest = sp_span_sub(rest, 0, sp_span_byte(rest, 0, 0));
    mysql_add(m, SP_MYSQL_ARGUMENT, NOTHING, rest);
    return SP_MYSQL_A_NONE;
}

static enum sp_mysql_anomaly decode_change(const struct mysql_state *st, struct sp_msg *m, struct sp_span payload)
{
    struct mysql_login login;
    if (!mysql_change_read(payload, st->capabilities, &login))
        return SP_MYSQL_A_LOGIN_LAYOUT;
    add_login(m, &login);
    return SP_MYSQL_A_NONE;
}

void mysql_add_context(const struct mysql_state *st, struct sp_msg *m)
{
    const struct { unsigned field; struct sp_span text; } known[] = {
        {SP_MYSQL_USER, mysql_name_of(&st->user)},
        {SP_MYSQL_DATABASE, mysql_name_of(&st->database)},
        {SP_MYSQL_APPLICATION, mysql_name_of(&st->application)},
    };
    if (st->phase <= PHASE_GREETED && !(st->flags & FLAG_BLIND))
        return;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (sp_want(m, known[i].field))
            mysql_add_text(m, known[i].field, sp_arena_copy(m->arena, known[i].text));
    }
    if (st->transaction)
        mysql_add_text(m, SP_MYSQL_TRANSACTION, st->transaction == 'T' ? SP_LIT("active") : SP_LIT("idle"));
}

static enum sp_mysql_anomaly decode_command(const struct mysql_state *st, struct sp_msg *m)
{
    struct sp_span payload = mysql_payload(m);
    struct sp_cur c = sp_cur_of(payload);
    uint8_t code = sp_cur_u8(&c);
    const struct mysql_command *k = mysql_command_of(code);
    if (!k)
        return m->arena->exhausted ? SP_MYSQL_A_TOO_COMPLEX : SP_MYSQL_A_COMMAND;
    if (code != COM_CHANGE_USER)
        mysql_add_context(st, m);
    mysql_add_text(m, SP_MYSQL_COMMAND, sp_span_str(k->name));
    switch (code) {
    case COM_QUERY:
        return decode_query(st, m, &c);
    case COM_STMT_PREPARE:
        return decode_prepare(st, m, &c);
    case COM_CHANGE_USER:
        return decode_change(st, m, payload);
    case 0x0c:
        return decode_kill(m, &c);
    default:
        break;
    }
    if (k->fields & UINT64_C(1) << SP_MYSQL_STATEMENT)
        return decode_statement(st, m, &c, code);
    return k->fields & UINT64_C(1) << SP_MYSQL_ARGUMENT ? decode_argument(m, &c, code == 0x04) : SP_MYSQL_A_NONE;
}

bool mysql_decode(const void *state, struct sp_msg *m)
{
    const struct mysql_state *st = state;
    enum sp_mysql_anomaly a = SP_MYSQL_A_NONE;
    m->body = NOTHING;
    if (m->dir == SP_S2C)
        a = mysql_decode_reply(st, m);
    else if (st->part == PART_FILE)
        mysql_add(m, SP_MYSQL_INFILE_DATA, NOTHING, sp_span_from(m->unit, HEADER));
    else if (st->phase == PHASE_GREETED || (st->phase == PHASE_START && m->unit.p[3]))
        a = decode_login(st, m);
    else
        a = decode_command(st, m);
    if (a)
        m->anomaly = mysql_anomaly_name(a);
    return a == SP_MYSQL_A_NONE;
}
