/* SPDX-License-Identifier: Apache-2.0 */
/* conn: the life of a connection: its place in the array, its end, its deadlines. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "io/worker.h"

enum conn_limits {
    LINGER_MS = 5000,         /* for the client to read a last reply and to end its stream */
    LINGER_TURN = 16 << 20,   /* bytes thrown away in one turn */
    QUIET_MS = 250,           /* when stopping: nothing moved for so long, and nothing is owed */
};

/* ---- the array ---- */

struct conn *conn_open(struct worker *w, int fd, uint16_t service)
{
    struct segment *s = w->segment;
    uint32_t i = w->free;
    if (i)
        w->free = w->conns[i].run_next;
    else if (s->fresh < s->max)
        i = ++s->fresh;
    else
        return NULL;
    struct conn *c = &w->conns[i];
    hand_new(w, c);
    memset(c, 0, sizeof *c);
    c->fd[SP_C2S] = fd;
    c->fd[SP_S2C] = -1;
    c->service = service;
    bool no_tls = w->conf.plan->services[service].tls == SP_TLS_REFUSE;
    sp_session_open(&w->engine, &c->session, w->services[service].proto, no_tls ? SP_OPEN_NO_TLS : 0);
    c->session.service = service;
    c->session.flow_id = s->flow_id += SP_PLAN_WORKERS;
    c->session.opaque = worker_plain(w);
    c->since_ms = worker_now(w);
    c->phase = conn_service(w, c)->proxy_in == SP_PROXY_OFF ? CONN_OPEN : CONN_PREFACE;
    w->active++;
    return c;
}

static void give_back(struct worker *w, struct conn *c)
{
    splice_end(w, c, SP_C2S);
    splice_end(w, c, SP_S2C);
    sp_session_close(&w->engine, &c->session);
}

void conn_bury_later(struct worker *w, struct conn *c)
{
    wheel_remove(w, c);
    c->phase = CONN_DEAD;
    if (!c->queued) { /* else the run queue hands it over */
        c->run_next = w->dead;
        w->dead = conn_index(w, c);
    }
}

static void close_all(struct worker *w, struct conn *c, bool reset)
{
    hand_mark(w, c, HAND_CLOSE, SP_C2S, reset);
    upstream_drop(w, c, reset);
    if (c->phase != CONN_LINGER)
        give_back(w, c);
    sp_close_socket(c->fd[SP_C2S], reset);
    conn_bury_later(w, c);
}

void conn_close(struct worker *w, struct conn *c)
{
    close_all(w, c, false);
}

void conn_abort(struct worker *w, struct conn *c)
{
    close_all(w, c, true);
}

void conn_bury(struct worker *w)
{
    bool buried = w->dead;
    while (w->dead) {
        struct conn *c = &w->conns[w->dead];
        w->dead = c->run_next;
        c->phase = CONN_FREE;
        w->active--; /* only now is there room for another */
        c->run_next = w->free;
        w->free = conn_index(w, c);
    }
    if (buried && w->paused)
        accept_resume(w);
}

/* ---- the end ---- */

void conn_linger(struct worker *w, struct conn *c)
{
    upstream_close(w, c);
    hand_mark(w, c, HAND_STEP, SP_C2S, 0);
    /* A client that has ended its stream needs no waiting for. */
    if ((c->session.side[SP_C2S].flags & SP_SIDE_EOF) || shutdown(c->fd[SP_C2S], SHUT_WR) < 0) {
        conn_close(w, c);
        return;
    }
    give_back(w, c);
    c->phase = CONN_LINGER;
    c->since_ms = worker_now(w);
    c->readable |= dir_bit(SP_C2S);
    conn_schedule(w, c);
    conn_discard(w, c);
}

void conn_discard(struct worker *w, struct conn *c)
{
    size_t left = LINGER_TURN;
    ssize_t n;
    while ((n = recv(c->fd[SP_C2S], NULL, left, MSG_TRUNC)) > 0) /* TCP throws them away without copying */
        if ((left -= (size_t)n) == 0) {
            worker_run_later(w, c);
            return;
        }
    if (n == 0 || errno != EAGAIN)
        conn_close(w, c);
}

bool conn_quiet(const struct worker *w, const struct conn *c)
{
    const struct sp_session *s = &c->session;
    bool nothing_held = !s->side[SP_C2S].block && !s->side[SP_S2C].block && !c->piped[SP_C2S] && !c->piped[SP_S2C];
    bool nothing_due = !s->side[SP_C2S].flow && !s->side[SP_S2C].flow && !c->asked && !s->opaque;
    return c->phase == CONN_PREFACE || (c->phase == CONN_OPEN && nothing_held && nothing_due && worker_now(w) - s->busy_ms >= QUIET_MS);
}

/* ---- deadlines ---- */

/* A unit of the client's is incomplete, and it is up to the client to go on. */
static bool unit_waits(const struct conn *c)
{
    return c->session.unit_since_ms && !(c->session.side[SP_C2S].flags & SP_SIDE_STALL);
}

static bool collecting(const struct conn *c)
{
    return c->session.side[SP_C2S].flags & SP_SIDE_COLLECT;
}

static uint64_t unit_deadline(const struct sp_plan_service *s, const struct conn *c)
{
    return c->session.unit_since_ms + (collecting(c) ? s->body_ms : s->header_ms);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t deadline(const struct worker *w, const struct conn *c)
{
    const struct sp_plan_service *s = conn_service(w, c);
    if (c->phase == CONN_LINGER)
        return c->since_ms + LINGER_MS;
    if (c->phase == CONN_PREFACE)
        return c->since_ms + s->header_ms;
    uint64_t at = c->session.busy_ms + s->idle_ms;
    if (c->server == SERVER_CONNECTING)
        at = earlier(at, c->since_ms + s->connect_ms);
    return unit_waits(c) ? earlier(at, unit_deadline(s, c)) : at;
}

void conn_schedule(struct worker *w, struct conn *c)
{
    uint64_t at = deadline(w, c);
    if (!c->timer_slot || at < c->timer_slot * WHEEL_MS - WHEEL_MS)
        wheel_set(w, c, at);
}

static void open_expired(struct worker *w, struct conn *c)
{
    const struct sp_plan_service *s = conn_service(w, c);
    uint64_t now = worker_now(w);
    hand_mark(w, c, HAND_STEP, SP_C2S, 0);
    if (c->server == SERVER_CONNECTING && c->since_ms + s->connect_ms <= now) {
        upstream_settle(w, c, ETIMEDOUT);
        worker_run_later(w, c);
        return;
    }
    w->count->timeouts++;
    if (unit_waits(c) && unit_deadline(s, c) <= now)
        conn_fail(w, c, 408, collecting(c) ? "body_timeout" : "header_timeout");
    else if (c->asked)
        conn_fail(w, c, 504, "server_timeout");
    else
        conn_close(w, c);
}

static void expired(struct worker *w, struct conn *c)
{
    if (c->phase == CONN_OPEN && !c->session.closing) {
        open_expired(w, c);
        return;
    }
    if (c->phase == CONN_PREFACE)
        w->count->timeouts++;
    conn_close(w, c);
}

void conn_due(struct worker *w, struct conn *c)
{
    if (deadline(w, c) > worker_now(w)) {
        conn_schedule(w, c);
        return;
    }
    hand_take(w, c);
    expired(w, c);
    hand_done(w, c);
}
