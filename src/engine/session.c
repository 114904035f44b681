/* SPDX-License-Identifier: Apache-2.0 */
/* session: what the driver calls. Bytes in, bytes out; judging is in pump.c and judge.c. */
#include "engine/session.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/inside.h"
#include "proto/statement.h"

enum session_limits {
    BULK_BLOCK = 256 << 10, /* block for bodies that flow by: larger ones gained nothing in trials */
    BULK_FLOW = 64 << 10,   /* a flow at least this long gets one */
    UNSENT_MAX = 1 << 20,   /* cleared bytes that wait for a slow reader before its sender has to wait too */
    SPARE_MIN = 64 << 20,   /* decoded forms of a message beside its bytes: values, content codings, an edited copy */
};

static int engine_memory(struct sp_engine *e)
{
    e->values = malloc(SP_VALUES_MAX * sizeof *e->values);
    e->values2 = malloc(SP_VALUES_MAX * sizeof *e->values2);
    e->edits = malloc(SP_EDITS_MAX * sizeof *e->edits);
    e->edits2 = malloc(SP_EDITS_MAX * sizeof *e->edits2);
    if (!e->values || !e->values2 || !e->edits || !e->edits2)
        return -ENOMEM;
    int rc = sp_arena_init(&e->arena, 2 * e->body_max + SPARE_MIN);
    return rc < 0 ? rc : sp_arena_init(&e->spare, 4 * e->body_max + SPARE_MIN);
}

int sp_engine_init(struct sp_engine *e, const struct sp_policy *p, struct sp_pool *pool, uint64_t body_max)
{
    memset(e, 0, sizeof *e);
    e->policy = p;
    e->pool = pool;
    e->body_max = body_max;
    int rc = engine_memory(e);
    if (rc == 0 && p)
        rc = sp_matcher_new(p, &e->matcher);
    if (rc < 0)
        sp_engine_fini(e);
    return rc;
}

void sp_engine_fini(struct sp_engine *e)
{
    sp_matcher_free(e->matcher);
    sp_arena_fini(&e->arena);
    sp_arena_fini(&e->spare);
    free(e->values);
    free(e->values2);
    free(e->edits);
    free(e->edits2);
    memset(e, 0, sizeof *e);
}

int sp_engine_swap(struct sp_engine *e, const struct sp_policy *p)
{
    struct sp_matcher *matcher;
    int rc = sp_matcher_new(p, &matcher);
    if (rc < 0)
        return rc;
    sp_matcher_free(e->matcher);
    e->matcher = matcher;
    e->policy = p;
    return 0;
}

void sp_engine_learn(struct sp_engine *e, const struct sp_proto *proto)
{
    uint16_t key, text;
    e->learning = NULL;
    if (!proto || !e->policy || !sp_statement_fields(proto, &key, &text))
        return;
    memcpy(e->learned, sp_policy_want(e->policy, proto, SP_C2S), sizeof e->learned);
    sp_bit_set(e->learned, key);
    sp_bit_set(e->learned, text);
    e->learning = proto;
}

static uint16_t proto_index(const struct sp_proto *proto)
{
    uint16_t i = 0;
    while (sp_protos[i] != proto) {
        assert(sp_protos[i]);
        i++;
    }
    return i;
}

void sp_session_open(struct sp_engine *e, struct sp_session *s, const struct sp_proto *proto, unsigned options)
{
    assert(proto->state_size <= SP_STATE_MAX);
    memset(s, 0, sizeof *s);
    s->proto = proto_index(proto);
    s->busy_ms = e->now_ms;
    if (proto->open)
        proto->open(s->state, options);
}

void sp_session_close(struct sp_engine *e, struct sp_session *s)
{
    side_free(e, &s->side[SP_C2S]);
    side_free(e, &s->side[SP_S2C]);
}

void session_finish(struct sp_session *s)
{
    s->closing = true;
    for (int dir = 0; dir < 2; dir++) {
        struct sp_side *d = &s->side[dir];
        d->flags |= SP_SIDE_HALT;
        d->have = d->clear;
        d->flow = 0;
    }
}

/* Bytes that pass unread want a large block, those that are judged the smallest that holds them. */
static size_t block_wanted(const struct sp_session *s, const struct sp_side *d)
{
    return s->opaque || d->flow >= BULK_FLOW ? BULK_BLOCK : SP_POOL_SMALL;
}

static bool room_make(struct sp_engine *e, struct sp_session *s, struct sp_side *d)
{
    if (!d->block)
        return side_reserve(e, d, block_wanted(s, d)) || side_reserve(e, d, SP_POOL_SMALL);
    if (d->sent == d->have)
        d->sent = d->clear = d->have = 0;
    if (d->have < sp_pool_len(e->pool, d->block))
        return true;
    /* A full block of bytes that only wait to be sent is backpressure; one with an unfinished unit has to grow. */
    bool unfinished = d->clear < d->have && !(d->flags & SP_SIDE_STALL);
    return (unfinished || d->sent > 0) && side_reserve(e, d, 1);
}

uint8_t *sp_session_room(struct sp_engine *e, struct sp_session *s, enum sp_dir dir, size_t *ret_n)
{
    struct sp_side *d = &s->side[dir];
    bool full = d->clear - d->sent >= UNSENT_MAX || ((d->flags & SP_SIDE_STALL) && d->have - d->clear >= SP_POOL_SMALL);
    if (full || (d->flags & (SP_SIDE_HALT | SP_SIDE_EOF)))
        return NULL;
    if (!room_make(e, s, d)) {
        bool waits = d->block && d->clear > d->sent;
        bool needs = !waits && !(d->flags & SP_SIDE_STALL);
        e->starved |= needs;
        if (needs && !e->patient)
            sp_session_fail(e, s, 503, "out_of_memory");
        return NULL;
    }
    *ret_n = sp_pool_len(e->pool, d->block) - d->have;
    return sp_pool_at(e->pool, d->block) + d->have;
}

void sp_session_found(struct sp_session *s, enum sp_dir dir, size_t n)
{
    s->side[dir].have += (uint32_t)n;
    s->side[dir].bytes += n;
}

bool sp_session_quarantine(struct sp_engine *e, struct sp_session *s, const char *why)
{
    uint32_t flags = s->side[SP_C2S].flags | s->side[SP_S2C].flags;
    if (s->closing || s->abort_server || (flags & (SP_SIDE_HALT | SP_SIDE_DISCARD | SP_SIDE_LATER)))
        return false;
    s->opaque = true;
    s->unit_since_ms = 0;
    for (int dir = 0; dir < 2; dir++) {
        s->side[dir].clear = s->side[dir].have;
        s->side[dir].flags &= (uint32_t)(SP_SIDE_EOF | SP_SIDE_SHUT);
    }
    tell_anomaly(e, s, SP_C2S, NULL, why, SP_PASS, 0);
    return true;
}

static bool side_plausible(const struct sp_engine *e, const struct sp_side *d)
{
    if (d->sent > d->clear || d->clear > d->have)
        return false;
    return d->block ? sp_pool_valid(e->pool, d->block) && d->have <= sp_pool_len(e->pool, d->block) : d->have == 0;
}

bool sp_session_plausible(const struct sp_engine *e, const struct sp_session *s)
{
    uint16_t n = 0;
    while (sp_protos[n] && n < s->proto)
        n++;
    return sp_protos[n] && sp_protos[n]->plausible(s->state) && side_plausible(e, &s->side[SP_C2S]) && side_plausible(e, &s->side[SP_S2C]);
}

bool sp_session_at_rest(const struct sp_session *s)
{
    const struct sp_side *c = &s->side[SP_C2S], *r = &s->side[SP_S2C];
    bool idle = !c->block && !r->block && !(c->flags | r->flags) && !s->closing && !s->abort_server;
    return idle && (s->opaque || (!c->flow && !r->flow && !s->unit_since_ms && session_proto(s)->rest(s->state)));
}

void sp_session_got(struct sp_engine *e, struct sp_session *s, enum sp_dir dir, size_t n)
{
    struct sp_side *d = &s->side[dir];
    if (s->one_sided && d->bytes == 0)
        session_proto(s)->alone(s->state, dir);
    d->have += (uint32_t)n;
    d->bytes += n;
    s->busy_ms = e->now_ms;
    pump(e, s);
}

/* A message that its sender did not finish was never delivered: a server that has gone owes its client an answer. */
static void end_unfinished(struct sp_engine *e, struct sp_session *s)
{
    struct sp_side *d = &s->side[SP_S2C];
    if (d->flags & SP_SIDE_DISCARD) {
        d->have = d->clear;
        return;
    }
    s->abort_server = true;
    judge_unframed(e, s, SP_S2C, "unfinished");
}

void sp_session_eof(struct sp_engine *e, struct sp_session *s, enum sp_dir dir)
{
    struct sp_side *d = &s->side[dir];
    if (d->flags & SP_SIDE_EOF)
        return;
    d->flags |= SP_SIDE_EOF;
    pump(e, s);
    if (dir == SP_S2C && d->clear < d->have && !(d->flags & (SP_SIDE_HALT | SP_SIDE_STALL)))
        end_unfinished(e, s);
    if (dir == SP_S2C && d->clear == d->have && !s->opaque)
        session_finish(s); /* a server that has gone answers nothing more: what it said is sent, then both sides end */
}

struct sp_span sp_session_out(const struct sp_engine *e, const struct sp_session *s, enum sp_dir dir)
{
    const struct sp_side *d = &s->side[dir];
    if (d->sent == d->clear)
        return (struct sp_span){NULL, 0};
    return sp_span_of(sp_pool_at(e->pool, d->block) + d->sent, d->clear - d->sent);
}

bool sp_session_precede(struct sp_engine *e, struct sp_session *s, struct sp_span bytes)
{
    return side_precede(e, &s->side[SP_C2S], bytes);
}

void sp_session_sent(struct sp_engine *e, struct sp_session *s, enum sp_dir dir, size_t n)
{
    struct sp_side *d = &s->side[dir];
    d->sent += (uint32_t)n;
    assert(d->sent <= d->clear);
    s->busy_ms = e->now_ms;
    if (d->sent == d->have)
        side_free(e, d);
}

uint64_t sp_session_spliceable(const struct sp_session *s, enum sp_dir dir)
{
    const struct sp_side *d = &s->side[dir];
    if (d->sent != d->have || (d->flags & (SP_SIDE_HALT | SP_SIDE_DISCARD | SP_SIDE_EOF)))
        return 0;
    return s->opaque ? UINT64_MAX : d->flow;
}

void sp_session_spliced(struct sp_engine *e, struct sp_session *s, enum sp_dir dir, uint64_t n)
{
    struct sp_side *d = &s->side[dir];
    d->bytes += n;
    s->busy_ms = e->now_ms;
    if (s->opaque || d->flow == UINT64_MAX)
        return;
    d->flow -= n;
    if (d->flow == 0)
        pump(e, s);
}

bool sp_session_shut(struct sp_session *s, enum sp_dir dir)
{
    struct sp_side *d = &s->side[dir];
    bool due = (d->flags & SP_SIDE_EOF) && !(d->flags & SP_SIDE_SHUT) && d->sent == d->have;
    if (due)
        d->flags |= SP_SIDE_SHUT;
    return due;
}

bool sp_session_needs_server(const struct sp_engine *e, const struct sp_session *s)
{
    (void)e;
    return !session_proto(s)->client_first || s->side[SP_C2S].clear > s->side[SP_C2S].sent;
}

void sp_session_fail(struct sp_engine *e, struct sp_session *s, unsigned status, const char *why)
{
    if (s->closing)
        return;
    const struct sp_proto *proto = session_proto(s);
    uint8_t text[1024];
    struct sp_buf reply = sp_buf_fixed(text, sizeof text);
    struct sp_msg *m = &e->msg;
    msg_start(e, s, m, SP_C2S, (struct sp_span){NULL, 0}, false);
    m->anomaly = why;
    m->unframed = true;
    /* An answer half sent cannot be followed by another one. */
    bool fits = !s->opaque && s->side[SP_S2C].flow == 0 && !s->one_sided;
    enum sp_reply how = fits ? proto->refuse(s->state, SP_C2S, m, status, &reply) : SP_REPLY_NONE;
    if (how == SP_REPLY_LATER) /* a 5xx can stand for the answer that the server still owes */
        how = status >= 500 ? proto->refuse(s->state, SP_S2C, m, status, &reply) : SP_REPLY_NONE;
    struct sp_side *d = &s->side[SP_S2C];
    d->have = d->clear;
    if (how != SP_REPLY_NONE && !reply.full)
        (void)side_inject(e, d, sp_buf_span(&reply)); /* without memory the close alone has to say it */
    tell_anomaly(e, s, SP_C2S, NULL, why, SP_REFUSE, how == SP_REPLY_NONE ? 0 : status);
    s->abort_server = true;
    session_finish(s);
}

void sp_session_rest(struct sp_engine *e, struct sp_session *s)
{
    for (int dir = 0; dir < 2; dir++) {
        struct sp_side *d = &s->side[dir];
        if (d->block && d->sent == d->have)
            side_free(e, d);
    }
}
