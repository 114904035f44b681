/* SPDX-License-Identifier: Apache-2.0 */
/* pump: asks the protocol what stands at `clear`, and deals with it, until neither direction moves. */
#include "engine/inside.h"

/* Bytes of a granted flow: they pass, or vanish when they belong to a refused message. */
static bool pump_flow(struct sp_engine *e, struct sp_side *d)
{
    uint64_t n = d->have - d->clear;
    if (n > d->flow)
        n = d->flow;
    if (n == 0)
        return false;
    if (d->flow != UINT64_MAX)
        d->flow -= n;
    if (!(d->flags & SP_SIDE_DISCARD)) {
        d->clear += (uint32_t)n;
        return true;
    }
    return side_replace(e, d, n, (struct sp_span){NULL, 0});
}

static bool pump_opaque(struct sp_session *s)
{
    bool moved = !s->opaque;
    s->opaque = true;
    for (int dir = 0; dir < 2; dir++) {
        struct sp_side *d = &s->side[dir];
        moved |= d->clear != d->have;
        d->clear = d->have;
        d->flags &= ~(uint32_t)SP_SIDE_STALL;
    }
    s->unit_since_ms = 0;
    return moved;
}

/* An interim answer (100 Continue) that lets the client go on while its message is held. */
static void pump_say(struct sp_engine *e, struct sp_session *s, enum sp_dir dir, struct sp_span say)
{
    struct sp_side *d = &s->side[dir], *back = &s->side[other_dir(dir)];
    if (!say.n || (d->flags & SP_SIDE_SAID) || back->flow)
        return;
    if (side_inject(e, back, say))
        d->flags |= SP_SIDE_SAID;
}

/* A client that went away in the middle of a request is an everyday thing and nobody is left to answer: it was never sent. */
static void pump_leave(struct sp_session *s, struct sp_side *d)
{
    d->have = d->clear;
    d->flags &= ~(uint32_t)SP_SIDE_COLLECT;
    s->unit_since_ms = 0;
}

/* The header timer runs from the first byte of a unit; while a body is collected, from its latest bytes. */
static void pump_wait(struct sp_engine *e, struct sp_session *s, enum sp_dir dir, const struct sp_frame *f)
{
    struct sp_side *d = &s->side[dir];
    d->mark = f->mark;
    pump_say(e, s, dir, f->say);
    if (dir != SP_C2S)
        return;
    if (d->flags & SP_SIDE_EOF)
        pump_leave(s, d);
    else if ((d->flags & SP_SIDE_COLLECT) || d->have - d->clear > session_proto(s)->head_max)
        s->unit_since_ms = s->busy_ms;
    else if (d->clear == d->have)
        s->unit_since_ms = 0;
    else if (!s->unit_since_ms)
        s->unit_since_ms = e->now_ms;
}

static bool pump_unit(struct sp_engine *e, struct sp_session *s, enum sp_dir dir, const struct sp_frame *f)
{
    struct sp_side *d = &s->side[dir];
    pump_say(e, s, dir, f->say);
    switch (judge_unit(e, s, dir, f)) {
    case JUDGED_MOVED:
        d->flags &= ~(uint32_t)(SP_SIDE_COLLECT | SP_SIDE_SAID | SP_SIDE_STALL | SP_SIDE_LATER);
        break;
    case JUDGED_COLLECT:
        d->flags |= SP_SIDE_COLLECT;
        break;
    case JUDGED_LATER:
        d->flags |= SP_SIDE_STALL | SP_SIDE_LATER;
        return false;
    }
    d->mark = 0;
    if (dir == SP_C2S)
        s->unit_since_ms = 0;
    return true;
}

static bool pump_grant(struct sp_session *s, enum sp_dir dir, const struct sp_frame *f)
{
    if (!f->part) { /* it is none of the message before it, whatever became of that */
        s->side[dir].flags &= ~(uint32_t)SP_SIDE_DISCARD;
        s->side[dir].messages++;
    }
    session_proto(s)->grant(s->state, dir, f, (s->side[dir].flags & SP_SIDE_DISCARD) ? SP_DROP : SP_PASS);
    s->side[dir].flow = f->len;
    s->side[dir].mark = 0;
    return f->len > 0;
}

/* Between the peer and us alone. */
static bool pump_talk(struct sp_engine *e, struct sp_session *s, enum sp_dir dir, const struct sp_frame *f)
{
    if (!s->one_sided && !side_inject(e, &s->side[other_dir(dir)], f->say)) {
        sp_session_fail(e, s, 503, "out_of_memory");
        return true;
    }
    s->side[dir].mark = 0;
    return side_replace(e, &s->side[dir], f->len, (struct sp_span){NULL, 0});
}

static bool pump_tls(struct sp_engine *e, struct sp_session *s)
{
    tell_anomaly(e, s, SP_C2S, NULL, "tls_uninspected", SP_PASS, 0);
    return pump_opaque(s);
}

struct verbs {
    const struct sp_policy *policy;
    const struct sp_proto *proto;
};

static bool is_heard(const void *ctx, struct sp_span verb)
{
    const struct verbs *v = ctx;
    return sp_policy_heard(v->policy, v->proto, SP_C2S, verb);
}

static struct sp_frame frame(const struct sp_engine *e, const struct sp_session *s, enum sp_dir dir)
{
    const struct sp_side *d = &s->side[dir];
    const struct sp_proto *proto = session_proto(s);
    const struct verbs verbs = {e->policy, proto};
    struct sp_ask ask = {.whole = d->flags & SP_SIDE_COLLECT, .max = e->body_max, .want = msg_want(e, s, dir)};
    if (dir == SP_C2S && proto->verb && e->policy && !e->learning && sp_policy_by_verb(e->policy, proto, dir))
        ask.verb = (struct sp_ask_verb){is_heard, &verbs};
    return proto->frame(s->state, dir, side_pending(e, d), d->mark, &ask);
}

/* One step in one direction. True when something moved. */
static bool pump_side(struct sp_engine *e, struct sp_session *s, enum sp_dir dir)
{
    struct sp_side *d = &s->side[dir];
    if (d->flags & SP_SIDE_HALT) {
        d->have = d->clear;
        return false;
    }
    if (s->opaque)
        return pump_opaque(s);
    if (d->flow)
        return pump_flow(e, d);
    if (judge_waits(s, dir)) {
        d->flags |= SP_SIDE_STALL;
        return false;
    }
    struct sp_frame f = frame(e, s, dir);
    switch (f.fate) {
    case SP_MORE:
        pump_wait(e, s, dir, &f);
        return false;
    case SP_UNIT:
        return pump_unit(e, s, dir, &f);
    case SP_FLOW:
        return pump_grant(s, dir, &f);
    case SP_STALL:
        d->flags |= SP_SIDE_STALL;
        return false;
    case SP_SAY:
        return pump_talk(e, s, dir, &f);
    case SP_OPAQUE:
        return pump_opaque(s);
    case SP_STARTTLS:
        return pump_tls(e, s);
    case SP_TOOLONG:
    case SP_BAD:
        break;
    }
    if (judge_unframed(e, s, dir, f.anomaly))
        return true;
    d->flags |= SP_SIDE_STALL | SP_SIDE_LATER;
    return false;
}

static bool pump_dir(struct sp_engine *e, struct sp_session *s, enum sp_dir dir)
{
    bool moved = false, turns;
    if (s->side[dir].have == s->side[dir].clear) /* without bytes a side changes only behind what it has just passed */
        return false;
    do {
        turns = pump_side(e, s, dir);
        moved |= turns;
    } while (turns && (dir == SP_C2S || !(s->side[SP_C2S].flags & SP_SIDE_STALL))); /* what the client waits for may be just this */
    return moved;
}

void pump(struct sp_engine *e, struct sp_session *s)
{
    bool moved;
    do {
        moved = pump_dir(e, s, SP_C2S);
        moved |= pump_dir(e, s, SP_S2C);
        if (moved)
            s->side[SP_C2S].flags &= ~(uint32_t)SP_SIDE_STALL;
    } while (moved && s->side[SP_C2S].have != s->side[SP_C2S].clear);
    sp_session_rest(e, s);
}
