/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refuse: what becomes of a message that does not pass. A failed statement leaves a transaction as it was, so after the login the client gets its
 * error from us, when everything before it has been answered, and the server hears nothing. Commands without an answer get none.
 */
#include "proto/mysql/mysql.h"

enum refuse_limits {
    TEXT_MAX = 256,
    RULE_MAX = 200,         /* bytes of a rule's name */
    HTTP_STATUS_MAX = 599,  /* what the engine gives for failures of its own */
    ERROR_MIN = 1000,       /* the servers' errors */
    ERROR_MAX = 65534,
};

static bool is_trouble(const struct sp_msg *m)
{
    return m->refused_by.n == 0 && m->anomaly && !mysql_anomaly_error(m->anomaly);
}

/* SQLSTATE of a number that a rule gives. */
static const char *state_of(unsigned code)
{
    static const struct mysql_error known[] = {
        {1040, "08004"}, {1044, "42000"}, {1045, "28000"}, {1046, "3D000"}, {1047, "08S01"}, {1049, "42000"}, {1064, "42000"}, {1142, "42000"},
        {1143, "42000"}, {1146, "42S02"}, {1148, "42000"}, {1203, "42000"}, {1205, "HY000"}, {1213, "40001"}, {1226, "42000"}, {1227, "42000"},
        {1235, "42000"}, {1305, "42000"}, {1317, "70100"}, {1370, "42000"}, {1644, "45000"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].code == code)
            return known[i].state;
    }
    return "HY000";
}

/* The rule's number, the malformation's, or what fits who refuses: "access denied", or trouble with the network. */
static struct mysql_error error_of(const struct sp_msg *m, unsigned status)
{
    enum { ACCESS_DENIED = 1227, TOO_MANY = 1040, SILENCE = 1159, NETWORK = 1158 };
    if (status > HTTP_STATUS_MAX && status >= ERROR_MIN && status <= ERROR_MAX)
        return (struct mysql_error){status, state_of(status)};
    if (is_trouble(m))
        return (struct mysql_error){status == 503 ? TOO_MANY : status == 408 ? SILENCE : NETWORK, status == 503 ? "08004" : "08S01"};
    const struct mysql_error *known = m->refused_by.n || !m->anomaly ? NULL : mysql_anomaly_error(m->anomaly);
    return known ? *known : (struct mysql_error){ACCESS_DENIED, "42000"};
}

static void put_words(struct sp_buf *out, const struct sp_msg *m)
{
    struct sp_span name = m->refused_by.n ? m->refused_by : m->anomaly ? sp_span_str(m->anomaly) : SP_LIT("policy");
    sp_put(out, is_trouble(m) ? SP_LIT("Sallyport: ") : SP_LIT("refused by Sallyport: "));
    sp_put(out, sp_span_sub(name, 0, RULE_MAX));
}

static void put_packet(struct sp_buf *out, uint8_t seq, struct sp_span payload)
{
    for (unsigned i = 0; i < 3; i++)
        sp_put_byte(out, (uint8_t)(payload.n >> 8 * i));
    sp_put_byte(out, seq);
    sp_put(out, payload);
}

/* ERR_Packet. Before the server's greeting there are no SQLSTATEs. */
static void put_error(const struct mysql_state *st, struct sp_buf *out, const struct sp_msg *m, unsigned status, uint8_t seq)
{
    uint8_t text[TEXT_MAX];
    struct sp_buf body = sp_buf_fixed(text, sizeof text);
    struct mysql_error e = error_of(m, status);
    sp_put_byte(&body, 0xff);
    sp_put_byte(&body, (uint8_t)e.code);
    sp_put_byte(&body, (uint8_t)(e.code >> 8));
    if (st->phase != PHASE_START || (st->flags & FLAG_BLIND)) {
        sp_put_byte(&body, '#');
        sp_put_str(&body, e.state);
    }
    put_words(&body, m);
    put_packet(out, seq, sp_buf_span(&body));
}

/*
 * A command without an answer is replaced by data for a parameter that no statement has: the server says so when the statement is executed, as it
 * does of any mistake in such data, and nothing if there is no such statement.
 */
static enum sp_reply refuse_silently(struct sp_buf *reply, struct sp_span statement)
{
    uint8_t text[7];
    struct sp_buf body = sp_buf_fixed(text, sizeof text);
    sp_put_byte(&body, COM_STMT_LONG_DATA);
    sp_put(&body, statement.n == 4 ? statement : SP_LIT("\0\0\0\0"));
    sp_put(&body, SP_LIT("\xff\xff"));
    put_packet(reply, 0, sp_buf_span(&body));
    return SP_REPLY_INSTEAD;
}

static enum sp_reply refuse_command(const struct mysql_state *st, struct sp_buf *reply, const struct sp_msg *m, unsigned status)
{
    uint8_t seq = (uint8_t)mysql_packets(m->unit);
    switch (m->unit.p[HEADER]) {
    case COM_QUIT:
        return SP_REPLY_NONE;
    case COM_STMT_CLOSE:
        return refuse_silently(reply, SP_LIT("\0\0\0\0"));
    case COM_STMT_LONG_DATA:
        return refuse_silently(reply, sp_span_sub(m->unit, HEADER + 1, 4));
    default:
        break;
    }
    if (st->nowed)
        return SP_REPLY_LATER;
    put_error(st, reply, m, status, seq);
    return SP_REPLY_KEEP;
}

enum sp_reply mysql_refuse(const void *state, enum sp_dir dir, const struct sp_msg *m, unsigned status, struct sp_buf *reply)
{
    const struct mysql_state *st = state;
    bool seen = m->unit.n > HEADER;
    uint8_t seq = m->unit.n >= HEADER ? m->unit.p[3] : 0;
    if (dir == SP_S2C) {
        put_error(st, reply, m, status, seq);
        return SP_REPLY_CLOSE;
    }
    bool command = st->phase == PHASE_READY || (st->phase == PHASE_START && seq == 0);
    if (command && seen && !m->unframed && st->part != PART_FILE)
        return refuse_command(st, reply, m, status);
    if (st->nowed && st->part != PART_FILE)
        return SP_REPLY_LATER;
    put_error(st, reply, m, status, st->phase == PHASE_START && !(st->flags & FLAG_BLIND) ? 0 : (uint8_t)(seq + 1));
    return SP_REPLY_CLOSE;
}
