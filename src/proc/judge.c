/* SPDX-License-Identifier: Apache-2.0 */
/* judge: one recorded connection through an engine session, without sockets. */
#include <string.h>

#include "base/clock.h"
#include "proc/judge.h"

enum {
    POOL_BUDGET = 256 << 20, /* one session at a time: its longest body, twice, and room */
    BODY_MAX = 8 << 20,      /* as the live relay has it: what it would refuse must be refused here */
};

const char *sp_act_name(enum sp_act act)
{
    static const char *const names[] = {[SP_PASS] = "pass",     [SP_ALERT] = "alert", [SP_CORRECT] = "correct",
                                        [SP_REFUSE] = "refuse", [SP_DROP] = "drop",   [SP_CLOSE] = "close"};
    return names[act];
}

static void add_finding(struct sp_judge *j, struct sp_finding f)
{
    for (unsigned i = 0; i < j->nfindings; i++)
        if (j->findings[i].anomaly == f.anomaly && j->findings[i].rule == f.rule)
            return;
    if (j->nfindings < SP_FINDINGS_MAX)
        j->findings[j->nfindings++] = f;
}

static void on_event(void *ctx, const struct sp_event *ev)
{
    struct sp_judge *j = ctx;
    if (ev->has_rule)
        add_finding(j, (struct sp_finding){.rule = ev->rule});
    else if (ev->anomaly)
        add_finding(j, (struct sp_finding){.anomaly = ev->anomaly});
    if (!ev->has_rule && ev->act >= SP_REFUSE)
        j->messages++; /* malformed: it never reaches on_judged */
}

static void on_judged(void *ctx, const struct sp_session *s, const struct sp_msg *m, const struct sp_verdict *v)
{
    (void)s, (void)m, (void)v;
    ((struct sp_judge *)ctx)->messages++;
}

int sp_judge_init(struct sp_judge *j, const struct sp_policy *p)
{
    int err = sp_pool_new(POOL_BUDGET, &j->pool);
    if (err)
        return err;
    err = sp_engine_init(&j->engine, p, j->pool, BODY_MAX);
    if (err) {
        sp_pool_free(j->pool);
        return err;
    }
    j->engine.emit = on_event;
    j->engine.judged = on_judged;
    j->engine.ctx = j;
    return 0;
}

void sp_judge_fini(struct sp_judge *j)
{
    sp_engine_fini(&j->engine);
    sp_pool_free(j->pool);
}

/* Whatever may leave has left. */
static void drain(struct sp_engine *e, struct sp_session *s)
{
    for (int dir = SP_C2S; dir <= SP_S2C; dir++) {
        size_t n = sp_session_out(e, s, dir).n;
        if (n)
            sp_session_sent(e, s, dir, n);
    }
}

/* As much of *in as the session takes now; true when something moved. */
static bool feed(struct sp_engine *e, struct sp_session *s, enum sp_dir dir, struct sp_span *in)
{
    bool moved = false;
    while (in->n) {
        size_t n;
        uint8_t *room = sp_session_room(e, s, dir, &n);
        if (!room || n == 0)
            return moved;
        n = n < in->n ? n : in->n;
        memcpy(room, in->p, n);
        sp_session_got(e, s, dir, n);
        drain(e, s);
        *in = sp_span_from(*in, n);
        moved = true;
    }
    return moved;
}

void sp_judge_connection(struct sp_judge *j, const struct sp_proto *proto, struct sp_span client, struct sp_span server)
{
    struct sp_engine *e = &j->engine;
    struct sp_session s;
    j->messages = 0;
    j->nfindings = 0;
    e->moment = sp_clock_moment(sp_clock_real_us());
    sp_session_open(e, &s, proto, 0);
    s.one_sided = server.n == 0;
    bool moved = true;
    while (moved && !s.closing) {
        moved = feed(e, &s, SP_C2S, &client);
        if (s.worst >= SP_REFUSE) { /* the server would not have been asked: what it answered is no evidence */
            s.one_sided = true;
            server.n = 0;
        }
        moved |= feed(e, &s, SP_S2C, &server);
    }
    for (int dir = SP_C2S; dir <= SP_S2C && !s.closing; dir++) {
        sp_session_eof(e, &s, dir);
        drain(e, &s);
    }
    j->worst = s.worst;
    sp_session_close(e, &s);
}
