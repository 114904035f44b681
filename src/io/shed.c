/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shed: too many connections or too many bytes. The least harm first: a keep-alive connection on which nothing is due may be closed by any server at
 * any time (RFC 9112 section 9.5), so idle ones go first; for memory, the client that has made its own bytes wait for longest is answered 503. A
 * bounded number is looked at each time.
 */
#include "base/log.h"
#include "io/worker.h"

enum shed_limits {
    LOOKS = 512,      /* connections compared for each one that goes */
    IDLE_MS = 1000,   /* less is a pause between two requests */
    WAITING_MS = 250, /* a message that has been coming for less is no burden yet */
};

static struct conn *next(struct worker *w)
{
    if (++w->shed_at > w->segment->fresh)
        w->shed_at = 1;
    return &w->conns[w->shed_at];
}

static uint64_t idle_since(const struct worker *w, const struct conn *c)
{
    (void)w;
    bool idle = c->phase == CONN_OPEN && !c->asked && !c->session.opaque && sp_session_at_rest(&c->session);
    return idle ? c->session.busy_ms : UINT64_MAX;
}

/* Holds bytes and waits for one of the two peers. */
static uint64_t holding_since(const struct worker *w, const struct conn *c)
{
    const struct sp_session *s = &c->session;
    (void)w;
    bool holds = s->side[SP_C2S].block || s->side[SP_S2C].block;
    if (c->phase != CONN_OPEN || s->closing || !holds)
        return UINT64_MAX;
    return s->unit_since_ms && s->unit_since_ms < s->busy_ms ? s->unit_since_ms : s->busy_ms;
}

/* Of the next LOOKS connections the one with the earliest time, if that is at least `least` ms ago. */
static struct conn *longest(struct worker *w, uint64_t (*since)(const struct worker *, const struct conn *), uint64_t least)
{
    struct conn *found = NULL;
    uint64_t earliest = worker_now(w) - least;
    for (uint32_t i = 0; i < LOOKS && i < w->segment->fresh; i++) {
        struct conn *c = next(w);
        uint64_t at = since(w, c);
        if (at <= earliest) {
            earliest = at;
            found = c;
        }
    }
    return found;
}

bool shed_idle(struct worker *w)
{
    struct conn *c = longest(w, idle_since, IDLE_MS);
    if (!c)
        return false;
    w->count->shed++;
    if (worker_may_say(w, SAY_SHED))
        sp_log(SP_LOG_WARN, "no room for more connections: idle ones are closed for new ones");
    hand_take(w, c);
    conn_close(w, c);
    hand_done(w, c);
    conn_bury(w);
    return true;
}

void shed_memory(struct worker *w)
{
    if (!w->engine.starved) {
        w->engine.patient = true;
        return;
    }
    w->engine.starved = false;
    struct conn *c = longest(w, holding_since, WAITING_MS);
    w->engine.patient = c != NULL; /* else those that need more have to go without */
    if (worker_may_say(w, SAY_MEMORY))
        sp_log(SP_LOG_WARN, "the limit of memory is reached: %s", c ? "the slowest clients are refused" : "clients that need more are refused");
    if (!c)
        return;
    w->count->shed++;
    hand_take(w, c);
    hand_mark(w, c, HAND_STEP, SP_C2S, 0);
    conn_fail(w, c, 503, "out_of_memory");
    hand_done(w, c);
}
