/* SPDX-License-Identifier: Apache-2.0 */
/* judge: one unit from bytes to what becomes of it. */
#include <arpa/inet.h>

#include "base/fault.h"
#include "engine/inside.h"

enum judge_limits {
    REPLY_MAX = 1024,  /* the longest refusal a protocol writes */
    OVER_STATUS = 503, /* it is no fault of the client's alone */
};

static void note_worst(struct sp_session *s, enum sp_act act)
{
    if (act > s->worst)
        s->worst = (uint8_t)act;
}

static void unit_pass(struct sp_engine *e, struct sp_session *s, enum sp_dir dir, enum sp_act act)
{
    struct sp_side *d = &s->side[dir];
    session_proto(s)->step(s->state, dir, &e->msg, act);
    d->clear += (uint32_t)e->msg.unit.n;
    d->messages++;
}

static void unit_discard(struct sp_engine *e, struct sp_session *s, enum sp_dir dir, size_t len, enum sp_act act)
{
    struct sp_side *d = &s->side[dir];
    session_proto(s)->step(s->state, dir, &e->msg, act);
    (void)side_replace(e, d, len, (struct sp_span){NULL, 0}); /* shrinking needs no memory */
    d->flags |= SP_SIDE_DISCARD;
    d->messages++;
}

/* What the protocol says to a message that does not pass. */
struct answer {
    uint8_t text[REPLY_MAX];
    struct sp_buf reply;
    bool closes;  /* both sides end */
    bool instead; /* nothing has been said: the reply goes to the server in the message's place */
};

/*
 * Writes the protocol's refusal towards the client. False: earlier answers come first. A message of which parts were already
 * passed on, or a response of which parts were, cannot be answered: both sides are closed.
 */
static bool answer(struct sp_engine *e, struct sp_session *s, enum sp_dir dir, unsigned status, bool half_sent, struct answer *ret)
{
    ret->reply = sp_buf_fixed(ret->text, sizeof ret->text);
    struct sp_side *back = &s->side[SP_S2C];
    enum sp_reply how = session_proto(s)->refuse(s->state, dir, &e->msg, status, &ret->reply);
    ret->closes = ret->instead = false;
    if (how == SP_REPLY_INSTEAD && !ret->reply.full)
        return ret->instead = true;
    if (how == SP_REPLY_LATER || (dir == SP_C2S && back->flow))
        how = s->one_sided ? SP_REPLY_KEEP : SP_REPLY_LATER;
    if (how == SP_REPLY_LATER)
        return false;
    if (dir == SP_S2C) /* the reply stands in the place of what the server said */
        back->have = back->clear;
    if (how != SP_REPLY_NONE && !(dir == SP_S2C && half_sent) && (ret->reply.full || !side_inject(e, back, sp_buf_span(&ret->reply))))
        how = SP_REPLY_NONE;
    ret->closes = how != SP_REPLY_KEEP || half_sent || dir == SP_S2C;
    s->abort_server |= half_sent || dir == SP_S2C;
    return true;
}

/* A unit of the client's is refused: it vanishes, or the protocol's reply goes on in its place. */
static void unit_enact_refusal(struct sp_engine *e, struct sp_session *s, size_t len, const struct answer *a)
{
    struct sp_side *d = &s->side[SP_C2S];
    if (!a->instead) {
        unit_discard(e, s, SP_C2S, len, SP_REFUSE);
        return;
    }
    struct sp_span with = sp_buf_span(&a->reply);
    session_proto(s)->step(s->state, SP_C2S, &e->msg, SP_REFUSE);
    if (!side_replace(e, d, len, with)) {
        sp_session_fail(e, s, OVER_STATUS, "out_of_memory");
        return;
    }
    d->clear += (uint32_t)with.n;
    d->messages++;
    if (sp_bits_any(e->msg.body_fields, SP_FIELDS_MAX)) /* only its head was there */
        d->flags |= SP_SIDE_DISCARD;
}

__attribute__((noinline, cold)) static bool still_waits(const struct sp_session *s, enum sp_dir dir)
{
    uint8_t text[REPLY_MAX];
    struct sp_buf reply = sp_buf_fixed(text, sizeof text);
    const struct sp_msg unread = {.dir = (uint8_t)dir}; /* whose turn it is does not depend on what is said */
    return (dir == SP_C2S && s->side[SP_S2C].flow) || session_proto(s)->refuse(s->state, dir, &unread, 0, &reply) == SP_REPLY_LATER;
}

bool judge_waits(const struct sp_session *s, enum sp_dir dir)
{
    return (s->side[dir].flags & SP_SIDE_LATER) && !s->one_sided && still_waits(s, dir);
}

/* A verdict is carried out: told and counted while the message's bytes are still where its values point. */
static void settle(struct sp_engine *e, struct sp_session *s, enum sp_act act)
{
    struct sp_verdict *v = &e->verdict;
    e->units++;
    e->hits += v->nhits;
    note_worst(s, act);
    if (v->nhits)
        tell_hits(e, s, v, act);
    else if (act == SP_REFUSE) /* by no rule: what one asked could not be computed */
        tell_anomaly(e, s, (enum sp_dir)e->msg.dir, &e->msg, v->over ? "over_budget" : "too_complex", act, v->status);
    if (e->judged)
        e->judged(e->ctx, s, &e->msg, v);
}

static struct sp_span refusing_rule(const struct sp_engine *e)
{
    struct sp_rule_info info;
    if (!e->verdict.nhits)
        return (struct sp_span){NULL, 0};
    sp_policy_rule(e->policy, e->verdict.hits[0].rule, &info);
    return info.id;
}

static enum judged unit_refuse(struct sp_engine *e, struct sp_session *s, enum sp_dir dir, unsigned status)
{
    struct answer a;
    e->msg.refused_by = refusing_rule(e);
    if (dir == SP_S2C) /* never waits, and its answer is written over the bytes that the event shows */
        settle(e, s, SP_REFUSE);
    if (!answer(e, s, dir, status, false, &a))
        return JUDGED_LATER;
    e->refused++;
    if (dir == SP_C2S) {
        settle(e, s, SP_REFUSE);
        unit_enact_refusal(e, s, e->msg.unit.n, &a);
    }
    if (a.closes)
        session_finish(s);
    return JUDGED_MOVED;
}

static bool refuse_malformed(struct sp_engine *e, struct sp_session *s, enum sp_dir dir, size_t len, bool half_sent)
{
    const char *anomaly = e->msg.anomaly ? e->msg.anomaly : "too_complex";
    struct answer a;
    if (!answer(e, s, dir, 0, half_sent, &a))
        return false;
    e->malformed++;
    note_worst(s, SP_REFUSE);
    tell_anomaly(e, s, dir, &e->msg, anomaly, SP_REFUSE, 0);
    if (!a.closes && dir == SP_C2S)
        unit_enact_refusal(e, s, len, &a);
    else
        session_finish(s);
    return true;
}

bool judge_unframed(struct sp_engine *e, struct sp_session *s, enum sp_dir dir, const char *anomaly)
{
    struct sp_span in = side_pending(e, &s->side[dir]);
    msg_start(e, s, &e->msg, dir, in, false);
    e->msg.nvalues = 0;
    e->msg.anomaly = anomaly;
    e->msg.unframed = true;
    if (e->monitor) { /* what cannot be framed cannot be watched any longer either */
        tell_anomaly(e, s, dir, &e->msg, anomaly, SP_ALERT, 0);
        note_worst(s, SP_ALERT);
        s->opaque = true;
        return true;
    }
    struct answer a;
    if (!answer(e, s, dir, 0, false, &a))
        return false;
    e->malformed++;
    note_worst(s, SP_REFUSE);
    tell_anomaly(e, s, dir, &e->msg, anomaly, SP_REFUSE, 0);
    session_finish(s);
    return true;
}

/* Decodes the unit; when it is not canonical, makes it so and decodes that. False: malformed. */
static bool unit_decode(struct sp_engine *e, struct sp_session *s, enum sp_dir dir, struct sp_span unit, bool whole)
{
    const struct sp_proto *proto = session_proto(s);
    struct sp_msg *m = &e->msg;
    sp_fault_unit(unit);
    msg_start(e, s, m, dir, unit, whole);
    bool ok = proto->decode(s->state, m) && !m->overflow && !e->arena.exhausted;
    if (!ok || m->ncanon == 0 || e->monitor)
        return ok;
    struct sp_span canonical = edit_apply(unit, m->canon, m->ncanon, &e->spare);
    const char *anomaly = m->anomaly;
    if (!canonical.n)
        return false;
    if (anomaly) { /* what any hop may rewrite has no name and is not told */
        tell_anomaly(e, s, dir, m, anomaly, SP_CORRECT, 0);
        note_worst(s, SP_ALERT);
    }
    if (!side_replace(e, &s->side[dir], unit.n, canonical))
        return false;
    msg_start(e, s, m, dir, sp_span_sub(side_pending(e, &s->side[dir]), 0, canonical.n), whole);
    ok = proto->decode(s->state, m) && !m->overflow && !e->arena.exhausted && m->ncanon == 0;
    if (!ok && !m->anomaly)
        m->anomaly = anomaly;
    return ok;
}

static struct sp_span ip_text(const uint8_t ip[16], char text[INET6_ADDRSTRLEN])
{
    static const uint8_t v4[12] = {[10] = 0xff, [11] = 0xff};
    bool four = sp_span_eq(sp_span_of(ip, sizeof v4), sp_span_of(v4, sizeof v4));
    (void)inet_ntop(four ? AF_INET : AF_INET6, four ? ip + sizeof v4 : ip, text, INET6_ADDRSTRLEN);
    return sp_span_str(text);
}

/* The server is told who the client is. Never an error: a head that has no room for it goes without. */
static void unit_forward(struct sp_engine *e, struct sp_session *s)
{
    const struct sp_proto *proto = session_proto(s);
    uint32_t n = 0;
    char text[INET6_ADDRSTRLEN];
    if (!e->forwarded || !proto->forward)
        return;
    if (!proto->forward(&e->msg, ip_text(s->client.ip, text), e->edits2, &n) || n == 0)
        return;
    struct sp_span unit = edit_apply(e->msg.unit, e->edits2, n, &e->spare);
    if (unit.n && side_replace(e, &s->side[SP_C2S], e->msg.unit.n, unit))
        e->msg.unit = sp_span_sub(side_pending(e, &s->side[SP_C2S]), 0, unit.n);
}

static enum judged unit_correct(struct sp_engine *e, struct sp_session *s, enum sp_dir dir)
{
    struct sp_span unit;
    struct sp_side *d = &s->side[dir];
    /* What cannot be corrected for certain is refused: it must not reach the server as it is. */
    if (!edit_correct(e, s, &e->verdict, &unit))
        return unit_refuse(e, s, dir, 0);
    e->corrected++;
    settle(e, s, SP_CORRECT);
    if (!side_replace(e, d, e->msg.unit.n, unit)) {
        sp_session_fail(e, s, 503, "out_of_memory");
        return JUDGED_MOVED;
    }
    msg_start(e, s, &e->msg, dir, sp_span_sub(side_pending(e, d), 0, unit.n), e->msg.whole);
    (void)session_proto(s)->decode(s->state, &e->msg); /* edit_correct has seen it succeed on the same bytes */
    unit_forward(e, s);
    unit_pass(e, s, dir, SP_CORRECT);
    return JUDGED_MOVED;
}

static enum judged unit_enact(struct sp_engine *e, struct sp_session *s, enum sp_dir dir)
{
    struct sp_verdict *v = &e->verdict;
    enum sp_act act = e->monitor && v->act > SP_ALERT ? SP_ALERT : v->act;
    switch (act) {
    case SP_PASS:
    case SP_ALERT:
        settle(e, s, act);
        if (dir == SP_C2S)
            unit_forward(e, s);
        unit_pass(e, s, dir, act);
        break;
    case SP_CORRECT:
        return unit_correct(e, s, dir);
    case SP_REFUSE:
        return unit_refuse(e, s, dir, v->status);
    case SP_DROP:
        settle(e, s, act);
        unit_discard(e, s, dir, e->msg.unit.n, act);
        break;
    case SP_CLOSE:
        settle(e, s, act);
        s->abort_server = true;
        session_finish(s);
        break;
    }
    return JUDGED_MOVED;
}

/* A chunk header or trailer: no rule reads it, but it must be well formed and canonical. */
static enum judged judge_part(struct sp_engine *e, struct sp_session *s, enum sp_dir dir, struct sp_span unit, bool canonical)
{
    bool discard = s->side[dir].flags & SP_SIDE_DISCARD;
    if (canonical)
        msg_start(e, s, &e->msg, dir, unit, false);
    if (!canonical && !unit_decode(e, s, dir, unit, false))
        return refuse_malformed(e, s, dir, unit.n, !discard) ? JUDGED_MOVED : JUDGED_LATER;
    if (discard)
        unit_discard(e, s, dir, e->msg.unit.n, SP_DROP);
    else
        unit_pass(e, s, dir, SP_PASS);
    return JUDGED_MOVED;
}

/* False: the rest of the message is wanted first. */
static bool unit_judge(struct sp_engine *e, const struct sp_session *s)
{
    const struct sp_msg *m = &e->msg;
    uint64_t wanted[SP_FIELD_WORDS];
    if (m->whole || !sp_bits_any(m->body_fields, SP_FIELDS_MAX)) {
        sp_policy_judge(e->matcher, session_proto(s), m, &e->verdict);
        return true;
    }
    if ((e->learning && m->dir == SP_C2S) || sp_policy_gate(e->matcher, session_proto(s), m, wanted))
        return false;
    sp_policy_judge_gated(e->matcher, &e->verdict);
    return true;
}

/* Its inspection would cost more than a message may cost. */
static void unit_over(struct sp_engine *e, const struct sp_session *s, enum sp_dir dir)
{
    struct sp_verdict *v = &e->verdict;
    e->over_budget++;
    v->nhits = 0;
    v->act = e->over_pass || e->monitor ? SP_PASS : SP_REFUSE;
    v->status = v->act == SP_REFUSE ? OVER_STATUS : 0;
    if (v->act == SP_PASS)
        tell_anomaly(e, s, dir, &e->msg, "over_budget", SP_ALERT, 0);
}

enum judged judge_unit(struct sp_engine *e, struct sp_session *s, enum sp_dir dir, const struct sp_frame *f)
{
    struct sp_side *d = &s->side[dir];
    struct sp_span unit = sp_span_sub(side_pending(e, d), 0, f->len);
    if (f->part)
        return judge_part(e, s, dir, unit, f->canonical);
    d->flags &= ~(uint32_t)SP_SIDE_DISCARD;
    if (!unit_decode(e, s, dir, unit, d->flags & SP_SIDE_COLLECT)) {
        if (e->monitor)
            return judge_unframed(e, s, dir, e->msg.anomaly) ? JUDGED_MOVED : JUDGED_LATER;
        return refuse_malformed(e, s, dir, e->msg.unit.n, false) ? JUDGED_MOVED : JUDGED_LATER;
    }
    if (!unit_judge(e, s))
        return JUDGED_COLLECT;
    if (e->verdict.over && e->verdict.act < SP_REFUSE)
        unit_over(e, s, dir);
    enum judged done = unit_enact(e, s, dir);
    if (done == JUDGED_MOVED && s->one_sided && !s->closing)
        session_proto(s)->alone(s->state, dir);
    return done;
}
