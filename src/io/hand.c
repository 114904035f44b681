/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hand: the mark that a worker leaves before each step, for the worker that comes after it. The order of the stores is the whole protocol: a process that
 * dies has done a prefix of them, and memory shared with it is seen in program order by one that starts after its death.
 */
#include <stddef.h>
#include <stdatomic.h>
#include <string.h>

#include "io/worker.h"

/* Odd and unlike each other; nothing else matters. */
#define SUM_START UINT64_C(0x9e3779b97f4a7c15)
#define FACTOR_CONN UINT64_C(0xc2b2ae3d27d4eb4f)
#define FACTOR_STEP UINT64_C(0x85ebca77c2b2ae62)

_Static_assert((offsetof(struct conn, session) + offsetof(struct sp_session, state)) % sizeof(uint64_t) == 0, "summed by words");

/* The compiler must not move stores across; the processor's order does not matter to a process that is started later. */
static void in_order(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

/* A multilinear hash: every word has a factor of its own, and none waits for another. */
static inline uint64_t sum_words(const void *p, size_t n, uint64_t factor)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n / sizeof(uint64_t); i++) {
        uint64_t word;
        memcpy(&word, (const uint8_t *)p + i * sizeof word, sizeof word);
        sum += word * factor;
        factor += FACTOR_STEP;
    }
    return sum;
}

/* The decoder's state is left out: a wrong one that is plausible makes messages malformed, not memory wrong. */
uint64_t conn_sum(const struct conn *c)
{
    return SUM_START + sum_words(c, offsetof(struct conn, session) + offsetof(struct sp_session, state), FACTOR_CONN);
}

void hand_mark(struct worker *w, const struct conn *c, enum hand_op op, enum sp_dir dir, uint64_t arg)
{
    struct hand *h = w->hand;
    if (!h)
        return;
    h->op = HAND_IDLE;
    in_order();
    h->conn = conn_index(w, c);
    h->dir = (uint8_t)dir;
    h->arg = arg;
    h->again = 0;
    memcpy(&h->copy, c, conn_length(c));
    in_order();
    h->op = (uint8_t)op;
    in_order();
    sp_pool_mark(w->engine.pool, c->session.side[SP_C2S].block, c->session.side[SP_S2C].block);
    w->segment->beat += 2;
}

void hand_take(struct worker *w, const struct conn *c)
{
    if (!w->hand)
        return;
    w->hand->op = HAND_IDLE; /* an accept that found nobody waiting may still be marked */
    in_order();
    w->hand->conn = conn_index(w, c);
    in_order();
}

void hand_next(struct worker *w, enum hand_op op, uint64_t arg)
{
    if (!w->hand)
        return;
    if (op == HAND_LOCAL_SENT)
        w->hand->sent = arg; /* `arg` still belongs to the step before */
    else
        w->hand->arg = arg;
    in_order();
    w->hand->op = (uint8_t)op;
    in_order();
}

void hand_done(struct worker *w, struct conn *c)
{
    if (!w->hand)
        return;
    w->hand->op = HAND_IDLE;
    in_order();
    c->sum = conn_sum(c);
    in_order();
    w->hand->conn = 0;
    in_order();
    sp_pool_mark(w->engine.pool, 0, 0);
}

void hand_accept(struct worker *w, uint32_t listener)
{
    if (!w->hand)
        return;
    w->hand->conn = 0;
    w->hand->arg = listener;
    w->hand->again = 0;
    in_order();
    w->hand->op = HAND_ACCEPT;
    in_order();
}
