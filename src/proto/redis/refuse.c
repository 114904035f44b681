/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refuse: what takes the place of a command that does not pass. An unknown command whose name says who refused it: the server answers it in its turn
 * and order, with EXECABORT at the end of a transaction, and says nothing where CLIENT REPLY has it silent.
 */
#include "proto/redis/redis.h"

enum refuse_limits {
    WORDS_MAX = 128, /* the server shows as much of an unknown command */
};

static const struct { const char *name, *command, *argument; } anomalies[] = {
    [ANOMALY_NONE] = {NULL, "", ""},
#define ROW(id, text, in_place_of_a_command, in_place_of_an_argument, what) [ANOMALY_##id] = {text, in_place_of_a_command, in_place_of_an_argument},
    REDIS_ANOMALIES(ROW)
#undef ROW
};

const char *redis_anomaly_name(enum redis_anomaly a)
{
    return anomalies[a].name;
}

enum redis_anomaly redis_anomaly_named(const char *name)
{
    for (size_t i = 1; name && i < sizeof anomalies / sizeof *anomalies; i++) {
        if (sp_span_eq(sp_span_str(name), sp_span_str(anomalies[i].name)))
            return (enum redis_anomaly)i;
    }
    return ANOMALY_NONE;
}

const char *redis_anomaly_words(enum redis_anomaly a, bool in_command)
{
    return in_command ? anomalies[a].argument : anomalies[a].command;
}

/* The rule's name, or what is wrong, without anything that would have to be quoted. */
static void put_words(struct sp_buf *out, const struct sp_msg *m)
{
    struct sp_span why = m->refused_by.n || !m->anomaly ? m->refused_by : sp_span_str(m->anomaly);
    sp_put_str(out, "refused by Sallyport");
    if (why.n)
        sp_put_str(out, ": ");
    for (size_t i = 0; i < why.n && out->n < WORDS_MAX; i++) {
        bool plain = why.p[i] >= ' ' && why.p[i] < 0x7f && why.p[i] != '\'' && why.p[i] != '"' && why.p[i] != '\\' && why.p[i] != '`';
        sp_put_byte(out, plain ? why.p[i] : '_');
    }
}

static enum sp_reply to_client(const struct redis_state *st, const struct sp_msg *m, struct sp_buf *reply)
{
    uint8_t text[WORDS_MAX];
    struct sp_buf words = sp_buf_fixed(text, sizeof text);
    if (st->need)
        return SP_REPLY_NONE;
    put_words(&words, m);
    sp_put_str(reply, "-ERR ");
    sp_put(reply, sp_buf_span(&words));
    sp_put_str(reply, "\r\n");
    return SP_REPLY_CLOSE;
}

enum sp_reply redis_refuse(const void *state, enum sp_dir dir, const struct sp_msg *m, unsigned status, struct sp_buf *reply)
{
    const struct redis_state *st = state;
    uint8_t text[WORDS_MAX];
    struct sp_buf words = sp_buf_fixed(text, sizeof text);
    (void)status; /* Redis has no numbers for errors */
    if (dir == SP_S2C || m->unframed)
        return to_client(st, m, reply);
    enum redis_anomaly a = m->anomaly ? redis_anomaly_named(m->anomaly) : ANOMALY_NONE;
    const char *instead = redis_anomaly_words(a, st->left && !(st->flags & ST_DROPPING));
    if (!instead || (st->flags & ST_DEAD))
        return SP_REPLY_NONE;
    if (*instead) {
        sp_put_str(reply, instead);
        return SP_REPLY_INSTEAD;
    }
    put_words(&words, m);
    sp_put_fmt(reply, "*1\r\n$%zu\r\n", words.n);
    sp_put(reply, sp_buf_span(&words));
    sp_put_str(reply, "\r\n");
    return SP_REPLY_INSTEAD;
}
