/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow: bytes between the two sockets and the engine. Descriptors are watched once, edge-triggered, for everything; what they last said is kept in
 * the connection's bits. The common turn is one recv and one send: a short read has emptied the socket, unless its end is on the way.
 */
#include <errno.h>
#include <poll.h>

#include "io/worker.h"

enum flow_limits {
    PASSES_MAX = 8,      /* reads of one connection in one turn (of up to a block each): then the others have theirs */
    BULK_READ = 64 << 10,/* a read that long tells bulk */
    BULK_LEFT = 16 << 10,/* pieces that short tell a conversation */
};

static void engine_for(struct worker *w, const struct conn *c)
{
    if (w->current == c->service)
        return;
    const struct sp_plan_service *s = conn_service(w, c);
    w->engine.monitor = s->monitor;
    w->engine.forwarded = s->forwarded;
    w->engine.body_max = s->body_max;
    w->engine.over_pass = s->on_budget == SP_BUDGET_PASS;
    w->engine.judged = s->learn ? sp_event_source_judged : NULL;
    sp_engine_learn(&w->engine, s->learn ? sp_protos[c->session.proto] : NULL);
    if (w->engine.matcher)
        sp_matcher_limit(w->engine.matcher, s->budget);
    w->current = c->service;
}

/* ---- reading ---- */

/* The server has gone. On a connection that has served before, a client that hears nothing may try again by itself; so it is only told on the first. */
static bool owed_first_answer(const struct conn *c)
{
    return c->asked && c->session.side[SP_S2C].messages == 0 && !c->session.opaque;
}

static void server_ended(struct worker *w, struct conn *c, bool reset)
{
    struct sp_session *s = &c->session;
    if (c->asked)
        w->count->server_failures++;
    if (owed_first_answer(c))
        sp_session_fail(&w->engine, s, 502, "server_closed");
    else if (reset && (s->opaque || s->side[SP_S2C].flow == UINT64_MAX))
        conn_abort(w, c); /* an orderly end would make a part look like the whole */
    else
        sp_session_eof(&w->engine, s, SP_S2C);
}

static bool read_ended(struct worker *w, struct conn *c, enum sp_dir dir, int error)
{
    if (error)
        c->reset |= dir_bit(dir); /* nobody is told of it twice */
    hand_mark(w, c, HAND_STEP, dir, 0);
    c->readable &= (uint8_t)~dir_bit(dir);
    if (c->reset & dir_bit(dir))
        error = ECONNRESET;
    if (dir == SP_S2C)
        server_ended(w, c, error != 0);
    else if (error)
        conn_abort(w, c);
    else
        sp_session_eof(&w->engine, &c->session, dir);
    return true;
}

static void read_some(struct conn *c, enum sp_dir dir, size_t n)
{
    if (dir == SP_S2C)
        c->asked = false;
    if (n >= BULK_READ)
        c->bulk |= dir_bit(dir);
    else if (n < BULK_LEFT)
        c->bulk &= (uint8_t)~dir_bit(dir);
}

static bool goes_through_pipe(const struct worker *w, const struct conn *c)
{
    return w->hand && conn_is_local(w, c);
}

/* Where nothing is, no end is either. */
static void nothing_there(struct conn *c, enum sp_dir dir)
{
    c->readable &= (uint8_t)~dir_bit(dir);
    c->ended &= (uint8_t)~dir_bit(dir);
}

static ssize_t receive(struct worker *w, struct conn *c, enum sp_dir dir, uint8_t *p, size_t room)
{
    if (dir == SP_S2C && goes_through_pipe(w, c))
        return local_recv(w, c, p, room);
    hand_mark(w, c, HAND_READ, dir, 0);
    ssize_t n = recv(c->fd[dir], p, room, 0);
    if (n > 0 && (size_t)n < room && !(c->ended & dir_bit(dir)))
        c->readable &= (uint8_t)~dir_bit(dir);
    return n;
}

/* Memory may be found by shedding, when the turn is over. */
static bool no_room(struct worker *w, struct conn *c)
{
    if (w->engine.starved && !c->session.closing)
        worker_run_later(w, c);
    return c->session.closing;
}

static bool read_block(struct worker *w, struct conn *c, enum sp_dir dir)
{
    size_t room;
    if (c->session.side[dir].block) /* making room may move what is there; a block for nothing is one store */
        hand_mark(w, c, HAND_STEP, dir, 0);
    uint8_t *p = sp_session_room(&w->engine, &c->session, dir, &room);
    if (!p)
        return no_room(w, c);
    ssize_t n = receive(w, c, dir, p, room);
    if (n > 0) {
        read_some(c, dir, (size_t)n);
        w->count->bytes[dir] += (uint64_t)n;
        sp_session_got(&w->engine, &c->session, dir, (size_t)n);
        return true;
    }
    int error = n < 0 ? errno : 0;
    sp_session_rest(&w->engine, &c->session);
    if (error != EAGAIN)
        return read_ended(w, c, dir, error);
    nothing_there(c, dir);
    return false;
}

/* An urgent byte is next. */
static bool urgent_there(const struct conn *c, enum sp_dir dir)
{
    struct pollfd p = {.fd = c->fd[dir], .events = POLLPRI};
    return poll(&p, 1, 0) > 0 && (p.revents & POLLPRI);
}

static bool read_splice(struct worker *w, struct conn *c, enum sp_dir dir)
{
    ssize_t n = splice_in(w, c, dir);
    if (n > 0) {
        read_some(c, dir, (size_t)n);
        w->count->bytes[dir] += (uint64_t)n;
        sp_session_spliced(&w->engine, &c->session, dir, (uint64_t)n);
        return true;
    }
    if (n == 0 || n != -EAGAIN)
        return read_ended(w, c, dir, n ? (int)-n : 0);
    if (c->piped[dir]) /* it may be the pipe that is full */
        return false;
    splice_end(w, c, dir);
    if (urgent_there(c, dir)) /* splice never gets over it */
        return read_block(w, c, dir);
    nothing_there(c, dir);
    return false;
}

/* True when something moved. */
static bool flow_read(struct worker *w, struct conn *c, enum sp_dir dir)
{
    if (!(c->readable & dir_bit(dir)) || c->phase != CONN_OPEN || c->session.closing)
        return false;
    return splice_wanted(w, c, dir) ? read_splice(w, c, dir) : read_block(w, c, dir);
}

/* ---- sending ---- */

/* A server may answer before it has read everything, and reset: what it said is still to be read. */
static bool send_failed(struct worker *w, struct conn *c, enum sp_dir dir, int error)
{
    c->blocked |= dir_bit(dir);
    if (error == EAGAIN)
        return false;
    if (dir == SP_S2C) {
        conn_abort(w, c);
        return false;
    }
    c->ended |= dir_bit(SP_S2C);
    c->readable |= dir_bit(SP_S2C);
    if (error == ECONNRESET)
        c->reset |= dir_bit(SP_S2C);
    return true;
}

static bool send_pipe(struct worker *w, struct conn *c, enum sp_dir dir)
{
    ssize_t n = splice_out(w, c, dir);
    if (n < 0)
        return send_failed(w, c, dir, (int)-n);
    c->session.busy_ms = worker_now(w);
    c->given[dir] += (uint64_t)n;
    if (c->piped[dir] == 0)
        splice_end(w, c, dir);
    return true;
}

static ssize_t transmit(struct worker *w, struct conn *c, enum sp_dir dir, struct sp_span *out)
{
    if (dir == SP_C2S && goes_through_pipe(w, c))
        return local_send(w, c, out);
    hand_mark(w, c, HAND_SEND, dir, 0);
    return send(c->fd[dir_back(dir)], out->p, out->n, MSG_NOSIGNAL);
}

static bool flow_send(struct worker *w, struct conn *c, enum sp_dir dir)
{
    if ((c->blocked & dir_bit(dir)) || c->phase != CONN_OPEN || (dir == SP_C2S && c->server != SERVER_UP))
        return false;
    if (c->piped[dir])
        return send_pipe(w, c, dir);
    struct sp_span out = sp_session_out(&w->engine, &c->session, dir);
    if (!out.n)
        return false;
    ssize_t n = transmit(w, c, dir, &out);
    if (n < 0)
        return send_failed(w, c, dir, errno);
    if ((size_t)n < out.n)
        c->blocked |= dir_bit(dir);
    if (dir == SP_C2S)
        c->asked = true;
    c->given[dir] += (uint64_t)n;
    sp_session_sent(&w->engine, &c->session, dir, (size_t)n);
    return true;
}

/* ---- ends ---- */

static bool unsent(const struct worker *w, const struct conn *c, enum sp_dir dir)
{
    return c->piped[dir] || sp_session_out(&w->engine, &c->session, dir).n;
}

/* End of stream of `dir` is passed on. */
static void pass_end(struct worker *w, struct conn *c, enum sp_dir dir)
{
    if (c->piped[dir] || !(c->session.side[dir].flags & SP_SIDE_EOF))
        return;
    hand_mark(w, c, HAND_STEP, dir, 0);
    if (!sp_session_shut(&c->session, dir))
        return;
    int to = c->fd[dir_back(dir)];
    bool nobody = dir == SP_C2S && c->server != SERVER_UP;
    if (nobody || shutdown(to, SHUT_WR) < 0 || (c->session.side[dir_back(dir)].flags & SP_SIDE_SHUT))
        conn_close(w, c);
}

static void settle(struct worker *w, struct conn *c)
{
    if (c->session.abort_server && c->server != SERVER_GONE)
        upstream_abort(w, c);
    if (c->session.closing) {
        if (unsent(w, c, SP_S2C))
            return;
        conn_linger(w, c);
        return;
    }
    pass_end(w, c, SP_C2S);
    if (c->phase == CONN_OPEN)
        pass_end(w, c, SP_S2C);
}

/* Everything that can move, once. */
static bool pass(struct worker *w, struct conn *c)
{
    bool moved = flow_read(w, c, SP_C2S);
    moved |= flow_read(w, c, SP_S2C);
    if (c->server == SERVER_NONE && c->phase == CONN_OPEN && !c->session.closing && sp_session_needs_server(&w->engine, &c->session)) {
        upstream_connect(w, c);
        moved = true;
    }
    moved |= flow_send(w, c, SP_C2S);
    moved |= flow_send(w, c, SP_S2C);
    return moved && c->phase == CONN_OPEN;
}

void conn_run(struct worker *w, struct conn *c)
{
    if (c->phase != CONN_OPEN)
        return;
    if (c->perhaps_given && w->segment->drain >= 0) { /* not a byte may be taken from the other worker */
        (void)handover_give(w, c);
        return;
    }
    engine_for(w, c);
    unsigned passes = 0;
    while (pass(w, c))
        if (++passes == PASSES_MAX) {
            worker_run_later(w, c);
            break;
        }
    if (c->phase == CONN_OPEN)
        settle(w, c);
    if (c->phase == CONN_OPEN && !(w->segment->drain >= 0 && handover_give(w, c)))
        conn_schedule(w, c);
}

void conn_judge(struct worker *w, struct conn *c)
{
    engine_for(w, c);
    sp_session_got(&w->engine, &c->session, SP_C2S, 0);
}

void conn_fail(struct worker *w, struct conn *c, unsigned status, const char *why)
{
    engine_for(w, c);
    sp_session_fail(&w->engine, &c->session, status, why);
    worker_run_later(w, c);
}
