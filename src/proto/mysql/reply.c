/* SPDX-License-Identifier: Apache-2.0 */
/* reply: what a server's message says: greeting, answers of the login, errors, results, requests for a file. */
#include "proto/mysql/mysql.h"

static const struct sp_span NOTHING = {NULL, 0};

/* ---- the beginning ---- */

static struct sp_span le(struct sp_arena *a, uint32_t v, unsigned bytes)
{
    struct sp_buf out = sp_buf_arena(a, bytes);
    for (unsigned i = 0; i < bytes; i++)
        sp_put_byte(&out, (uint8_t)(v >> 8 * i));
    return sp_buf_done(&out, a);
}

/* What is never agreed to is not offered. */
static void withhold(const struct mysql_state *st, struct sp_msg *m, const struct mysql_greeting *g)
{
    uint32_t never = CAN_NEVER | (st->flags & FLAG_NO_TLS ? CAN_TLS : 0), left = g->capabilities & ~never;
    if ((left ^ g->capabilities) & 0xffff)
        (void)sp_msg_canon(m, g->low, 2, le(m->arena, left, 2));
    if ((left ^ g->capabilities) >> 16)
        (void)sp_msg_canon(m, g->high, 2, le(m->arena, left >> 16, 2));
    if (g->more & ~MORE_KNOWN)
        (void)sp_msg_canon(m, g->extra, 4, le(m->arena, g->more & MORE_KNOWN, 4));
}

static void add_server_capabilities(struct sp_msg *m, const struct mysql_greeting *g)
{
    for (unsigned bit = 0; bit < 32 && sp_want(m, SP_MYSQL_SERVER_CAPABILITIES); bit++) {
        const char *name = mysql_capability_name(bit);
        const struct sp_value v = {.field = SP_MYSQL_SERVER_CAPABILITIES, .flags = SP_V_DERIVED, .off = (uint32_t)(bit < 16 ? g->low : g->high),
                                   .len = 2, .key = sp_span_str(name ? name : ""), .str = SP_LIT("on")};
        if (name && (g->capabilities >> bit & 1))
            (void)sp_msg_add(m, &v);
    }
}

static enum sp_mysql_anomaly decode_greeting(const struct mysql_state *st, struct sp_msg *m)
{
    struct mysql_greeting g;
    if (!mysql_greeting_read(m->unit, &g))
        return SP_MYSQL_A_GREETING;
    withhold(st, m, &g);
    mysql_add(m, SP_MYSQL_SERVER_VERSION, NOTHING, g.version);
    add_server_capabilities(m, &g);
    if (g.plugin.n)
        mysql_add(m, SP_MYSQL_SERVER_PLUGIN, NOTHING, g.plugin);
    return SP_MYSQL_A_NONE;
}

static void decode_login_answer(struct sp_msg *m, struct sp_span payload)
{
    enum { SWITCH = 0xfe };
    struct sp_span plugin = sp_span_from(payload, 1);
    if (payload.p[0] == SWITCH && plugin.n)
        mysql_add(m, SP_MYSQL_SERVER_PLUGIN, NOTHING, sp_span_sub(plugin, 0, sp_span_byte(plugin, 0, 0)));
}

/* ---- answers ---- */

static void decode_error(struct sp_msg *m, struct sp_span payload)
{
    enum { STATE = 5 };
    struct sp_cur c = sp_cur_of(payload);
    sp_cur_skip(&c, 1);
    mysql_add_num(m, SP_MYSQL_ERROR_CODE, sp_cur_u16le(&c));
    if (sp_cur_peek(&c) == '#' && sp_cur_left(&c) > STATE) {
        sp_cur_skip(&c, 1);
        mysql_add(m, SP_MYSQL_ERROR_STATE, NOTHING, sp_cur_take(&c, STATE));
    }
    if (sp_cur_ok(&c))
        mysql_add(m, SP_MYSQL_ERROR_MESSAGE, NOTHING, sp_cur_rest(&c));
}

/* The fifth text of a definition. */
static enum sp_mysql_anomaly decode_definition(struct sp_msg *m, struct sp_span payload)
{
    struct sp_cur c = sp_cur_of(payload);
    for (unsigned i = 0; i < 4; i++)
        (void)mysql_text(&c);
    struct sp_span name = mysql_text(&c);
    if (!sp_cur_ok(&c))
        return SP_MYSQL_A_REPLY;
    mysql_add(m, SP_MYSQL_RESULT_COLUMNS, NOTHING, name);
    return SP_MYSQL_A_NONE;
}

static enum sp_mysql_anomaly decode_row(struct sp_msg *m, struct sp_span payload)
{
    enum { NULL_VALUE = 0xfb };
    struct sp_cur c = sp_cur_of(payload);
    while (sp_cur_left(&c)) {
        if (sp_cur_peek(&c) == NULL_VALUE) {
            sp_cur_skip(&c, 1);
            continue;
        }
        struct sp_span value = mysql_text(&c);
        if (sp_cur_ok(&c))
            mysql_add(m, SP_MYSQL_ROW, NOTHING, value);
    }
    return sp_cur_ok(&c) ? SP_MYSQL_A_NONE : SP_MYSQL_A_REPLY;
}

/* Only what a statement of the client's may have asked for, and only if it said that it answers such requests. */
static enum sp_mysql_anomaly decode_file_request(const struct mysql_state *st, struct sp_msg *m, struct sp_span payload)
{
    struct mysql_answers a = mysql_answers_of(st);
    bool blind = st->flags & FLAG_BLIND;
    if (!blind && (mysql_owed(st, &a) != OWES_FILE || !(st->capabilities & CAN_LOCAL_FILES)))
        return SP_MYSQL_A_FILE_REQUEST;
    mysql_add(m, SP_MYSQL_INFILE_NAME, NOTHING, sp_span_from(payload, 1));
    return SP_MYSQL_A_NONE;
}

static enum sp_mysql_anomaly decode_answer(const struct mysql_state *st, struct sp_msg *m, struct sp_span payload)
{
    switch ((enum mysql_part)st->part) {
    case PART_FIRST:
        return payload.p[0] == 0xfb ? decode_file_request(st, m, payload) : SP_MYSQL_A_NONE;
    case PART_COLUMNS:
    case PART_PREPARED:
        return decode_definition(m, payload);
    case PART_ROWS:
        return decode_row(m, payload);
    default:
        return SP_MYSQL_A_NONE;
    }
}

enum sp_mysql_anomaly mysql_decode_reply(const struct mysql_state *st, struct sp_msg *m)
{
    struct sp_span payload = mysql_payload(m);
    if (payload.n == 0)
        return SP_MYSQL_A_REPLY;
    mysql_add_context(st, m);
    if (payload.p[0] == 0xff) {
        decode_error(m, payload);
        return SP_MYSQL_A_NONE;
    }
    if (st->phase == PHASE_START && m->unit.p[3] == 0)
        return decode_greeting(st, m);
    if (st->phase == PHASE_LOGIN) {
        decode_login_answer(m, payload);
        return SP_MYSQL_A_NONE;
    }
    return decode_answer(st, m, payload);
}
