/* SPDX-License-Identifier: Apache-2.0 */
/* command: the commands of the protocol, what each makes the server owe; packets and the numbers and texts in them. */
#include "proto/mysql/mysql.h"

#define BIT(field) (UINT64_C(1) << SP_MYSQL_##field)
#define CONTEXT_FIELDS (((UINT64_C(1) << SP_SESSION_NFIELDS) - 1) | BIT(USER) | BIT(DATABASE) | BIT(APPLICATION) | BIT(TRANSACTION))
#define STATEMENT_FIELDS                                                                                               \
    (CONTEXT_FIELDS | BIT(QUERY) | BIT(KIND) | BIT(COUNT) | BIT(TABLES) | BIT(COLUMNS) | BIT(FUNCTIONS) | BIT(LITERALS) | BIT(COMMENTS) |        \
     BIT(SHAPE) | BIT(SHAPE_TEXT) | BIT(KEY) | BIT(UNIONS) | BIT(TAUTOLOGY) | BIT(LIMIT))

_Static_assert((int)SP_MYSQL_NFIELDS <= 64, "a message's fields are bits of the first word");

/* "Command Phase" of the documentation of MySQL 8.0 and of MariaDB. A row without a name is no command. */
static const struct mysql_command commands[] = {
    [0x00] = {"sleep", OWES_PACKET, false, false, CONTEXT_FIELDS},
    [COM_QUIT] = {"quit", OWES_NOTHING, false, false, 0},
    [COM_INIT_DB] = {"init_db", OWES_PACKET, true, false, CONTEXT_FIELDS | BIT(ARGUMENT)},
    [COM_QUERY] = {"query", OWES_RESULT, false, false, STATEMENT_FIELDS | BIT(PARAMETERS)},
    [0x04] = {"field_list", OWES_ROWS, false, false, CONTEXT_FIELDS | BIT(ARGUMENT)},
    [0x05] = {"create_db", OWES_PACKET, false, false, CONTEXT_FIELDS | BIT(ARGUMENT)},
    [0x06] = {"drop_db", OWES_PACKET, false, false, CONTEXT_FIELDS | BIT(ARGUMENT)},
    [0x07] = {"refresh", OWES_PACKET, false, false, CONTEXT_FIELDS},
    [0x08] = {"shutdown", OWES_PACKET, false, false, CONTEXT_FIELDS},
    [0x09] = {"statistics", OWES_PACKET, false, false, CONTEXT_FIELDS},
    [0x0a] = {"process_info", OWES_RESULT, false, false, CONTEXT_FIELDS},
    [0x0b] = {"connect", OWES_PACKET, false, false, CONTEXT_FIELDS},
    [0x0c] = {"process_kill", OWES_PACKET, false, false, CONTEXT_FIELDS | BIT(PROCESS)},
    [0x0d] = {"debug", OWES_PACKET, false, false, CONTEXT_FIELDS},
    [0x0e] = {"ping", OWES_PACKET, false, false, 0},
    [0x0f] = {"time", OWES_PACKET, false, false, CONTEXT_FIELDS},
    [0x10] = {"delayed_insert", OWES_PACKET, false, false, CONTEXT_FIELDS},
    [COM_CHANGE_USER] = {"change_user", OWES_NOTHING, true, false, CONTEXT_FIELDS | BIT(PLUGIN) | BIT(ATTRIBUTES)},
    [0x12] = {"binlog_dump", OWES_NOTHING, true, true, CONTEXT_FIELDS},
    [0x13] = {"table_dump", OWES_NOTHING, true, true, CONTEXT_FIELDS},
    [0x14] = {"connect_out", OWES_PACKET, false, false, CONTEXT_FIELDS},
    [0x15] = {"register_slave", OWES_PACKET, false, false, CONTEXT_FIELDS},
    [COM_STMT_PREPARE] = {"stmt_prepare", OWES_PREPARED, false, false, STATEMENT_FIELDS},
    [COM_STMT_EXECUTE] = {"stmt_execute", OWES_BINARY, false, false, BIT(STATEMENT) | BIT(PARAMETERS)},
    [COM_STMT_LONG_DATA] = {"stmt_send_long_data", OWES_NOTHING, false, false, BIT(STATEMENT) | BIT(LONG_DATA)},
    [COM_STMT_CLOSE] = {"stmt_close", OWES_NOTHING, false, false, BIT(STATEMENT)},
    [0x1a] = {"stmt_reset", OWES_PACKET, false, false, BIT(STATEMENT)},
    [0x1b] = {"set_option", OWES_PACKET, true, false, CONTEXT_FIELDS},
    [0x1c] = {"stmt_fetch", OWES_ROWS, false, false, BIT(STATEMENT)},
    [0x1d] = {"daemon", OWES_PACKET, false, false, CONTEXT_FIELDS},
    [0x1e] = {"binlog_dump_gtid", OWES_NOTHING, true, true, CONTEXT_FIELDS},
    [0x1f] = {"reset_connection", OWES_PACKET, true, false, CONTEXT_FIELDS},
    [0x20] = {"clone", OWES_NOTHING, true, true, CONTEXT_FIELDS},
    [0x21] = {"subscribe_group_replication_stream", OWES_NOTHING, true, true, CONTEXT_FIELDS},
    [COM_STMT_BULK] = {"stmt_bulk_execute", OWES_BINARY, false, false, BIT(STATEMENT) | BIT(PARAMETERS)},
};

const struct mysql_command *mysql_command_of(uint8_t code)
{
    return code < sizeof commands / sizeof *commands && commands[code].name ? &commands[code] : NULL;
}

/* ---- packets ---- */

uint64_t mysql_message_length(struct sp_span in)
{
    size_t at = 0;
    while (at < in.n && in.n - at >= HEADER) {
        uint32_t len = mysql_length(in.p + at);
        at += HEADER + len;
        if (len < PACKET_MAX)
            return at;
    }
    return 0;
}

unsigned mysql_packets(struct sp_span unit)
{
    return (unsigned)(unit.n / (HEADER + PACKET_MAX)) + 1;
}

struct sp_span mysql_payload(struct sp_msg *m)
{
    if (mysql_packets(m->unit) == 1)
        return sp_span_from(m->unit, HEADER);
    if (m->body.n == 0) {
        struct sp_buf out = sp_buf_arena(m->arena, m->unit.n);
        for (size_t at = 0; at < m->unit.n; at += HEADER + PACKET_MAX)
            sp_put(&out, sp_span_sub(m->unit, at + HEADER, PACKET_MAX));
        m->body = sp_buf_done(&out, m->arena);
    }
    return m->body;
}

uint64_t mysql_lenenc(struct sp_cur *c)
{
    uint8_t first = sp_cur_u8(c);
    if (first < 0xfb)
        return first;
    switch (first) {
    case 0xfc:
        return sp_cur_u16le(c);
    case 0xfd:
        return sp_cur_u24le(c);
    case 0xfe:
        return sp_cur_u64le(c);
    default:
        sp_cur_fail(c, SP_CUR_WRONG);
        return 0;
    }
}

struct sp_span mysql_text(struct sp_cur *c)
{
    uint64_t n = mysql_lenenc(c);
    return sp_cur_take(c, n < SIZE_MAX ? (size_t)n : SIZE_MAX);
}

/* ---- values ---- */

void mysql_add(struct sp_msg *m, unsigned field, struct sp_span key, struct sp_span str)
{
    bool joined = m->body.n > 0;
    struct sp_value v = {.field = (uint16_t)field, .key = key, .str = str, .len = (uint32_t)str.n, .flags = joined ? SP_V_INBODY : 0};
    v.off = (uint32_t)(str.p - (joined ? m->body.p : m->unit.p));
    if (sp_want(m, field))
        (void)sp_msg_add(m, &v);
}

void mysql_add_text(struct sp_msg *m, unsigned field, struct sp_span str)
{
    const struct sp_value v = {.field = (uint16_t)field, .str = str, .flags = SP_V_DERIVED};
    if (sp_want(m, field))
        (void)sp_msg_add(m, &v);
}

void mysql_add_num(struct sp_msg *m, unsigned field, int64_t num)
{
    const struct sp_value v = {.field = (uint16_t)field, .num = num, .flags = SP_V_DERIVED};
    if (sp_want(m, field))
        (void)sp_msg_add(m, &v);
}
