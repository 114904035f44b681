/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refuse: what becomes of a message that does not pass. After the login the server gets another one in its place that fails in every
 * state of a session, without effect, and says so in its turn: nothing is owed twice, pipelines keep their order, and a transaction
 * is as aborted as the server says. Before it, or where the stream cannot be read on, the client gets a FATAL error.
 */
#include "proto/pgsql/pgsql.h"

enum refuse_limits {
    TEXT_MAX = 160,         /* marker, name and code, or the words of an error of ours */
    HTTP_STATUS_MAX = 599,  /* what the engine gives for failures of its own */
    SQLSTATE_MAX = 99999,
};

/* ---- words ---- */

/* Not the client's fault nor a rule's: the engine's own trouble, with a server that is down for instance. */
static bool is_trouble(const struct sp_msg *m)
{
    return m->refused_by.n == 0 && m->anomaly && !pgsql_anomaly_code(m->anomaly);
}

/* A rule's name, cut and without whatever could mean something in a statement. */
static void put_words(struct sp_buf *out, const struct sp_msg *m)
{
    struct sp_span name = m->refused_by;
    if (name.n == 0)
        name = m->anomaly ? sp_span_str(m->anomaly) : SP_LIT("policy");
    name = sp_span_sub(name, 0, RULE_MAX);
    sp_put(out, is_trouble(m) ? SP_LIT("Sallyport: ") : PGSQL_MARKER);
    for (size_t i = 0; i < name.n; i++)
        sp_put_byte(out, pgsql_refusal_char(name.p[i]) ? name.p[i] : '-');
}

/* SQLSTATE for what the engine says as an HTTP status. */
static struct sp_span code_of_trouble(unsigned status)
{
    if (status == 408)
        return SP_LIT("57P05"); /* idle_session_timeout */
    return status == 503 ? SP_LIT("57P03") : SP_LIT("08006"); /* cannot_connect_now, connection_failure */
}

/* SQLSTATE: the rule's, the malformation's, or what fits who refuses. `other`: where nothing else says. */
static struct sp_span code_of(const struct sp_msg *m, unsigned status, const char *other, uint8_t text[5])
{
    if (status > HTTP_STATUS_MAX && status <= SQLSTATE_MAX) {
        for (int i = 4; i >= 0; i--, status /= 10)
            text[i] = (uint8_t)('0' + status % 10);
        return sp_span_of(text, 5);
    }
    if (is_trouble(m))
        return code_of_trouble(status);
    return sp_span_str(m->refused_by.n || !m->anomaly ? other : pgsql_anomaly_code(m->anomaly));
}

static void put_marker(struct sp_buf *out, const struct sp_msg *m, unsigned status)
{
    uint8_t digits[5];
    struct sp_span code = code_of(m, status, "42501", digits);
    put_words(out, m);
    if (sp_span_eq(code, SP_LIT("42501")))
        return;
    sp_put_str(out, " (");
    sp_put(out, code);
    sp_put_byte(out, ')');
}

/* ---- messages ---- */

static void put_message(struct sp_buf *out, uint8_t tag, struct sp_span body)
{
    size_t len = 4 + body.n;
    sp_put_byte(out, tag);
    for (int shift = 24; shift >= 0; shift -= 8)
        sp_put_byte(out, (uint8_t)(len >> shift));
    sp_put(out, body);
}

static void put_zero(struct sp_buf *out)
{
    sp_put_byte(out, 0);
}

/* ErrorResponse of ours: the session ends with it. */
static enum sp_reply fatal(struct sp_buf *reply, const struct sp_msg *m, unsigned status, const char *code)
{
    uint8_t text[TEXT_MAX], digits[5];
    struct sp_buf body = sp_buf_fixed(text, sizeof text);
    sp_put(&body, SP_LIT("SFATAL\0VFATAL\0C"));
    sp_put(&body, code_of(m, status, code, digits));
    sp_put(&body, SP_LIT("\0M"));
    put_words(&body, m);
    sp_put(&body, SP_LIT("\0\0"));
    put_message(reply, 'E', sp_buf_span(&body));
    return SP_REPLY_CLOSE;
}

/* A quoted name alone is a syntax error before anything else is looked at. */
static void put_statement(struct sp_buf *body, const struct sp_msg *m, unsigned status)
{
    sp_put_byte(body, '"');
    put_marker(body, m, status);
    sp_put_byte(body, '"');
    put_zero(body);
}

static void put_query(struct sp_buf *reply, const struct sp_msg *m, unsigned status)
{
    uint8_t text[TEXT_MAX];
    struct sp_buf body = sp_buf_fixed(text, sizeof text);
    put_statement(&body, m, status);
    put_message(reply, 'Q', sp_buf_span(&body));
}

static void put_parse(struct sp_buf *reply, const struct sp_msg *m, unsigned status)
{
    uint8_t text[TEXT_MAX];
    struct sp_buf body = sp_buf_fixed(text, sizeof text);
    put_zero(&body);
    put_statement(&body, m, status);
    sp_put(&body, SP_LIT("\0\0"));
    put_message(reply, 'P', sp_buf_span(&body));
}

/* Of a statement that does not exist; with two format codes for no parameter it fails even if somebody has made one. */
static void put_bind(struct sp_buf *reply, const struct sp_msg *m, unsigned status)
{
    uint8_t text[TEXT_MAX];
    struct sp_buf body = sp_buf_fixed(text, sizeof text);
    put_zero(&body);
    put_marker(&body, m, status);
    put_zero(&body);
    sp_put(&body, SP_LIT("\0\2\0\0\0\0\0\0\0\0"));
    put_message(reply, 'B', sp_buf_span(&body));
}

static void put_copy_fail(struct sp_buf *reply, const struct sp_msg *m, unsigned status)
{
    uint8_t text[TEXT_MAX];
    struct sp_buf body = sp_buf_fixed(text, sizeof text);
    put_marker(&body, m, status);
    put_zero(&body);
    put_message(reply, 'f', sp_buf_span(&body));
}

/* What the server gets instead. Sync and Flush have to reach it behind the failure: the client waits for what they bring. */
static enum sp_reply instead(struct sp_buf *reply, const struct sp_msg *m, unsigned status)
{
    switch (m->unit.p[0]) {
    case 'Q':
    case 'F':
        put_query(reply, m, status);
        break;
    case 'P':
        put_parse(reply, m, status);
        break;
    case 'd':
    case 'c':
    case 'f':
        put_copy_fail(reply, m, status);
        break;
    case 'S':
    case 'H':
        put_bind(reply, m, status);
        put_message(reply, m->unit.p[0], (struct sp_span){NULL, 0});
        break;
    case 'X':
        return SP_REPLY_NONE;
    default:
        put_bind(reply, m, status);
    }
    return SP_REPLY_INSTEAD;
}

static bool is_cancel(const struct sp_msg *m)
{
    return m->unit.p[0] == 0 && pgsql_u32(m->unit, 4) == CODE_CANCEL;
}

enum sp_reply pgsql_refuse(const void *state, enum sp_dir dir, const struct sp_msg *m, unsigned status, struct sp_buf *reply)
{
    const struct pgsql_state *st = state;
    bool nobody = st->phase == PHASE_CANCEL || (m->anomaly && sp_span_eq(sp_span_str(m->anomaly), SP_LIT("direct_tls")));
    if (nobody)
        return SP_REPLY_NONE;
    if (dir == SP_S2C)
        return fatal(reply, m, status, "42501");
    if (m->unframed)
        return fatal(reply, m, status, "08P01");
    if (m->unit.n == 0 || is_cancel(m))
        return SP_REPLY_NONE;
    if (!pgsql_type_of(SP_C2S, m->unit.p[0]))
        return fatal(reply, m, status, "28000");
    return instead(reply, m, status);
}
