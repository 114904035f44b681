/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recover: a worker takes over what the segment holds. Everything is looked at once, in time linear in the connections; only the connection that was under
 * the hand of a worker that died needs the kernel to be asked. What is done to it can be done again: if we die too, our successor begins with the same mark.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "io/worker.h"

enum recover_limits {
    AGAIN_MAX = 3,   /* workers killed from outside over one and the same step: something about the step gets them killed */
    FD_BEYOND = 64,  /* the kernel gives the lowest free number: a descriptor that nobody knows is not far above those that are known */
    FD_FIRST = 3,
};

/* What becomes of the connection under the hand. */
enum fate { FATE_CONTINUE, FATE_QUARANTINE, FATE_CLOSE };

/* ---- all connections ---- */

static bool is_live(const struct conn *c)
{
    return c->phase != CONN_FREE && c->phase != CONN_DEAD;
}

static bool are_pipes(const struct conn *c)
{
    bool known = c->pipe[0] <= PIPES_MAX && c->pipe[1] <= PIPES_MAX && (!c->pipe[0] || c->pipe[0] != c->pipe[1]);
    return known && (c->pipe[0] || !c->piped[0]) && (c->pipe[1] || !c->piped[1]);
}

static bool is_sound(const struct worker *w, const struct conn *c)
{
    bool plain = c->phase <= CONN_DEAD && c->server <= SERVER_GONE && c->service < w->conf.plan->nservices && c->fd[SP_C2S] >= 0;
    bool agree = c->session.service == c->service && c->address <= SP_ADDRESSES_MAX && are_pipes(c);
    return plain && agree && sp_session_plausible(&w->engine, &c->session);
}

/* A stream socket that does not listen: a client's or a server's. Those of our own kind (SOCK_SEQPACKET, listeners) are none. */
static bool is_stream(int fd)
{
    int type = 0, listening = 0;
    socklen_t len = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_STREAM)
        return false;
    len = sizeof listening;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && !listening;
}

/* A number that was closed may be somebody else's by now, in the table that we share with the keeper. */
static bool is_open(int fd)
{
    return fd >= 0 && is_stream(fd);
}

/* Has `other` what `c` has in `dir`? */
static bool shares(const struct conn *c, enum sp_dir dir, const struct conn *other)
{
    bool descriptor = c->fd[dir] >= 0 && (other->fd[SP_C2S] == c->fd[dir] || other->fd[SP_S2C] == c->fd[dir]);
    return descriptor || (c->pipe[dir] && (other->pipe[SP_C2S] == c->pipe[dir] || other->pipe[SP_S2C] == c->pipe[dir]));
}

/* No sum tells whether what is under the hand is whole: a descriptor there may be any number. One that was being closed may be closed. */
static bool has_own(const struct worker *w, struct conn *c)
{
    bool closing = w->hand->op == HAND_CLOSE || w->hand->op == HAND_CLOSE_SERVER;
    for (int dir = 0; dir < 2; dir++) {
        bool open = is_open(c->fd[dir]);
        if (c->fd[dir] >= 0 && !open && !closing)
            return false;
        if (!open)
            c->fd[dir] = -1;
    }
    for (uint32_t i = 1; i <= w->segment->fresh; i++) {
        const struct conn *other = &w->conns[i];
        if (other != c && is_live(other) && (shares(c, SP_C2S, other) || shares(c, SP_S2C, other)))
            return false;
    }
    return c->fd[SP_C2S] < 0 || c->fd[SP_C2S] != c->fd[SP_S2C];
}

static bool adopt_blocks(struct worker *w, const struct conn *c)
{
    for (int dir = 0; dir < 2; dir++) {
        uint32_t block = c->session.side[dir].block;
        if (block && !sp_pool_adopt(w->engine.pool, block))
            return false;
    }
    return true;
}

static void set_free(struct worker *w, struct conn *c)
{
    c->phase = CONN_FREE;
    c->run_next = w->free;
    w->free = conn_index(w, c);
}

/* Its descriptors are found by the sweep, if nobody else has them. */
static void give_up(struct worker *w, struct conn *c)
{
    w->count->damaged++;
    sp_log(SP_LOG_ERROR, "a connection's memory is damaged; it is closed");
    set_free(w, c);
}

static void adopt(struct worker *w, struct conn *c)
{
    bool in_hand = w->hand->conn == conn_index(w, c);
    c->timer_slot = c->timer_next = c->timer_prev = 0;
    if (!is_live(c)) {
        c->queued = false;
        set_free(w, c);
        return;
    }
    bool whole = is_sound(w, c) && (in_hand ? has_own(w, c) : c->sum == conn_sum(c));
    if (!whole || !adopt_blocks(w, c)) {
        if (in_hand)
            w->hand->conn = 0;
        give_up(w, c);
        return;
    }
    w->active++;
    w->count->carried++;
}

static void adopt_all(struct worker *w)
{
    for (uint32_t i = 1; i <= w->segment->fresh; i++)
        adopt(w, &w->conns[i]);
    sp_pool_adopted(w->engine.pool);
}

static bool is_protocol(uint16_t index)
{
    uint16_t n = 0;
    while (sp_protos[n] && n < index)
        n++;
    return sp_protos[n] != NULL;
}

/* No sum tells whether the copy is whole. What it says is checked, but for how far its unit was looked at: that is done anew. */
static void restore(struct conn *c, const struct hand *h)
{
    memcpy(c, &h->copy, conn_length(&h->copy));
    c->session.side[SP_C2S].mark = c->session.side[SP_S2C].mark = 0;
}

/* Back to how it was when the mark was written. */
static void roll_back(struct worker *w)
{
    struct hand *h = w->hand;
    if (h->conn > w->segment->fresh)
        *h = (struct hand){0};
    struct conn *c = &w->conns[h->conn];
    bool copied = h->op != HAND_IDLE && h->op != HAND_ACCEPT && h->conn;
    bool ours = copied && is_protocol(h->copy.session.proto) && h->copy.session.flow_id == c->session.flow_id;
    if (h->op == HAND_ACCEPT)
        c->phase = CONN_FREE; /* its descriptor is welcomed again */
    else if (ours)
        restore(c, h);
    else if (copied || h->op > HAND_PASS)
        *h = (struct hand){0}; /* damaged: so is the connection, unless nothing had been done to it */
}

/* The copy goes on being what a successor of ours goes back to. */
static void amend(struct worker *w, const struct conn *c)
{
    w->hand->copy.strikes = c->strikes;
    w->hand->copy.reset = c->reset;
}

/* ---- descriptors that nobody knows ---- */

struct known {
    uint64_t *bits;
    int n;
};

static void know(struct known *k, int fd)
{
    if (fd >= 0 && fd < k->n)
        sp_bit_set(k->bits, (size_t)fd);
}

static int greater(int a, int b)
{
    return a > b ? a : b;
}

static int highest(const struct worker *w)
{
    const struct segment *s = w->segment;
    int most = greater(greater(FD_FIRST, greater(s->epoll, s->wake)), greater(s->timer, s->answered));
    most = greater(most, greater(s->receive, s->drain));
    for (uint32_t i = 0; i < w->nlisteners; i++)
        most = greater(most, w->listeners[i].fd);
    for (uint32_t i = 1; i <= w->segment->fresh; i++)
        for (int dir = 0; dir < 2; dir++)
            if (is_live(&w->conns[i]))
                most = greater(most, w->conns[i].fd[dir]);
    for (unsigned i = 0; i <= PIPES_MAX; i++)
        most = greater(most, greater(s->pipes[i].fd[0], s->pipes[i].fd[1]));
    return most;
}

static bool know_all(const struct worker *w, struct known *k)
{
    k->n = highest(w) + FD_BEYOND;
    k->bits = calloc(SP_BITS_WORDS((size_t)k->n), sizeof *k->bits);
    if (!k->bits)
        return false;
    for (uint32_t i = 1; i <= w->segment->fresh; i++)
        for (int dir = 0; dir < 2; dir++)
            if (is_live(&w->conns[i]))
                know(k, w->conns[i].fd[dir]);
    for (unsigned i = 0; i <= PIPES_MAX; i++)
        for (int end = 0; end < 2 && w->segment->pipes[i].fd[0] >= 0; end++)
            know(k, w->segment->pipes[i].fd[end]);
    int received[2];
    for (unsigned i = handover_received(w, received); i > 0; i--)
        know(k, received[i - 1]);
    return true;
}

static bool is_pipe(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

static bool welcome_again(struct worker *w, int fd)
{
    struct sp_address peer;
    peer.len = sizeof peer.sa;
    bool accepted = w->hand->op == HAND_ACCEPT && w->hand->arg < w->nlisteners && getpeername(fd, &peer.sa.any, &peer.len) == 0;
    if (accepted)
        accept_welcome(w, (uint32_t)w->hand->arg, fd, &peer);
    return accepted;
}

/* Accepted or made, and not written down any more. */
static void sweep(struct worker *w)
{
    struct known k;
    if (!know_all(w, &k))
        return; /* they stay open until we end */
    for (int fd = FD_FIRST; fd < k.n; fd++) {
        if (sp_bit(k.bits, (size_t)fd) || fcntl(fd, F_GETFD) < 0)
            continue;
        if (is_stream(fd) ? !welcome_again(w, fd) : is_pipe(fd))
            close(fd);
    }
    free(k.bits);
}

/* ---- the connection under the hand ---- */

/* A counter that is damaged wraps, and what is left is more than the step could have done. */
static int64_t less(int64_t n, uint64_t counted)
{
    return (int64_t)((uint64_t)n - counted);
}

/* More than the step could have done is damage. */
static bool within(int64_t n, uint64_t most)
{
    return n >= 0 && (uint64_t)n <= most;
}

/*
 * Bytes taken out of the source of `dir` that are not counted yet. Who is told of a reset takes the news out of the socket, whether or not he lives to use
 * it; then the socket looks as if both sides had ended in good order. But an end counts as a byte, and that one is missing.
 */
static int64_t taken(struct worker *w, struct conn *c, enum sp_dir dir)
{
    bool reset = c->reset & dir_bit(dir);
    int64_t n = settle_taken(c->fd[dir], &reset);
    if (n < -1 && !reset) /* it may be -1: nothing was received, and an end taken for granted */
        return n;
    n = less(n, c->session.side[dir].bytes + (dir == SP_C2S ? c->preface : 0));
    if (n == -1) {
        reset = true;
        n = 0;
    }
    if (reset) {
        c->reset |= dir_bit(dir);
        amend(w, c); /* a successor of ours cannot ask again */
    }
    return n;
}

static int64_t read_done(struct worker *w, struct conn *c, enum sp_dir dir)
{
    const struct sp_side *d = &c->session.side[dir];
    int64_t n = taken(w, c, dir);
    return d->block && within(n, sp_pool_len(w->engine.pool, d->block) - d->have) ? n : -EIO;
}

static int64_t send_done(struct conn *c, enum sp_dir dir)
{
    const struct sp_side *d = &c->session.side[dir];
    int64_t given = settle_given(c->fd[dir_back(dir)], dir == SP_C2S);
    if (given == -ECONNRESET)
        return 0; /* the next attempt finds out */
    int64_t n = less(given, c->given[dir]);
    return within(n, d->clear - d->sent) ? n : -EIO;
}

/* Bytes from a server behind a unix socket: those that were read out of the pipe, and those that are still in it. */
static int64_t local_read_done(struct worker *w, struct conn *c, uint64_t was)
{
    struct sp_side *d = &c->session.side[SP_S2C];
    int fd = w->segment->pipes[PIPES_MAX].fd[0];
    int64_t left = settle_piped(fd);
    if (left < 0)
        return 0; /* there was no pipe yet */
    uint64_t out = was ? was - (uint64_t)left : 0;
    if (!d->block || (was && !within(left, was)) || out + (uint64_t)left > sp_pool_len(w->engine.pool, d->block) - d->have)
        return -EIO;
    if (!was)
        hand_next(w, HAND_LOCAL_EMPTY, (uint64_t)left); /* what we read is gone from the pipe, for a successor of ours too */
    if (left && read(fd, sp_pool_at(w->engine.pool, d->block) + d->have + out, (size_t)left) != left)
        return -EIO;
    return (int64_t)out + left;
}

static int64_t local_send_done(struct worker *w, struct conn *c)
{
    const struct hand *h = w->hand;
    const struct sp_side *d = &c->session.side[SP_C2S];
    int64_t left = settle_piped(w->segment->pipes[PIPES_MAX].fd[0]), n = 0;
    if (h->op == HAND_LOCAL_EMPTY)
        n = left < 0 ? -EIO : (int64_t)(h->arg - (uint64_t)left);
    else if (h->op == HAND_LOCAL_SENT)
        n = (int64_t)h->sent;
    if (!within(n, d->clear - d->sent))
        return -EIO;
    hand_next(w, HAND_LOCAL_SENT, (uint64_t)n);
    local_drain(w);
    return n;
}

/* `n` bytes have come; they are not judged yet. */
static int found(struct worker *w, struct conn *c, enum sp_dir dir, int64_t n)
{
    if (n < 0)
        return (int)n;
    sp_session_found(&c->session, dir, (size_t)n);
    if (n && dir == SP_S2C)
        c->asked = false;
    w->count->bytes[dir] += (uint64_t)n;
    return 0;
}

static int sent(struct worker *w, struct conn *c, enum sp_dir dir, int64_t n)
{
    if (n < 0)
        return (int)n;
    c->given[dir] += (uint64_t)n;
    if (n)
        sp_session_sent(&w->engine, &c->session, dir, (size_t)n);
    if (n && dir == SP_C2S)
        c->asked = true;
    return 0;
}

static int spliced(struct worker *w, struct conn *c, enum sp_dir dir, bool in)
{
    int64_t now = c->pipe[dir] ? settle_piped(w->segment->pipes[c->pipe[dir] - 1].fd[0]) : -EIO;
    int64_t n = in ? now - c->piped[dir] : c->piped[dir] - now;
    if (now < 0 || n < 0)
        return -EIO;
    c->piped[dir] = (uint32_t)now;
    if (in && n && dir == SP_S2C)
        c->asked = false;
    if (in)
        sp_session_spliced(&w->engine, &c->session, dir, (uint64_t)n);
    else
        c->given[dir] += (uint64_t)n;
    return 0;
}

static int preface_done(struct conn *c, uint64_t len)
{
    bool reset = false;
    int64_t taken = settle_taken(c->fd[SP_C2S], &reset);
    if (taken == 0)
        taken = recv(c->fd[SP_C2S], NULL, len, MSG_TRUNC);
    if (taken != (int64_t)len)
        return -EIO;
    c->phase = CONN_OPEN;
    c->preface = (uint32_t)len;
    return 0;
}

/* The result of the step as if it had come back to us. 0 or -errno: the session cannot go on. */
static int settle(struct worker *w, struct conn *c)
{
    const struct hand *h = w->hand;
    enum sp_dir dir = (enum sp_dir)(h->dir & 1);
    switch ((enum hand_op)h->op) {
    case HAND_READ:
        return found(w, c, dir, read_done(w, c, dir));
    case HAND_SEND:
        return sent(w, c, dir, send_done(c, dir));
    case HAND_SPLICE_IN:
    case HAND_SPLICE_OUT:
        return spliced(w, c, dir, h->op == HAND_SPLICE_IN);
    case HAND_LOCAL_FILL:
    case HAND_LOCAL_EMPTY:
    case HAND_LOCAL_SENT:
        return dir == SP_S2C ? found(w, c, dir, local_read_done(w, c, h->op == HAND_LOCAL_EMPTY ? h->arg : 0)) : sent(w, c, dir, local_send_done(w, c));
    case HAND_PREFACE:
        return preface_done(c, h->arg);
    case HAND_PASS:
        c->perhaps_given = true;
        return 0;
    default:
        return 0;
    }
}

/* The step may have been told of a reset. */
static void learn_resets(struct worker *w, struct conn *c)
{
    if (c->phase != CONN_OPEN)
        return;
    (void)taken(w, c, SP_C2S);
    if (c->server == SERVER_UP && !conn_is_local(w, c))
        (void)taken(w, c, SP_S2C);
}

static void close_rest(struct worker *w, struct conn *c, bool server_only)
{
    bool reset = w->hand->arg;
    if ((c->server == SERVER_CONNECTING || c->server == SERVER_UP) && !is_open(c->fd[SP_S2C]))
        c->server = SERVER_GONE;
    if (server_only) {
        upstream_drop(w, c, reset);
    } else if (!is_open(c->fd[SP_C2S])) {
        upstream_drop(w, c, reset);
        sp_session_close(&w->engine, &c->session);
        conn_bury_later(w, c);
    } else if (reset) {
        conn_abort(w, c);
    } else {
        conn_close(w, c);
    }
}

static enum fate fate_of(struct worker *w, struct conn *c, enum sp_death death)
{
    struct hand *h = w->hand;
    bool blamed = death != SP_DEATH_FOREIGN || ++h->again >= AGAIN_MAX;
    if (!blamed)
        return FATE_CONTINUE;
    c->strikes++;
    amend(w, c); /* ours too, if this brings us down */
    w->count->quarantined++;
    return c->strikes > 1 || conn_service(w, c)->on_crash == SP_CRASH_CLOSE ? FATE_CLOSE : FATE_QUARANTINE;
}

static void watch_again(struct worker *w, struct conn *c)
{
    bool server = c->server == SERVER_UP || c->server == SERVER_CONNECTING;
    if (worker_watch(w, c, SP_C2S) < 0 || (server && worker_watch(w, c, SP_S2C) < 0))
        conn_close(w, c);
}

static void go_on(struct worker *w, struct conn *c, enum fate fate)
{
    if (fate == FATE_QUARANTINE && !(c->phase == CONN_OPEN && sp_session_quarantine(&w->engine, &c->session, "quarantined")))
        fate = FATE_CLOSE;
    if (fate == FATE_CLOSE) {
        conn_abort(w, c);
        return;
    }
    if (fate == FATE_CONTINUE && c->phase == CONN_OPEN && (c->session.opaque || !worker_plain(w)))
        conn_judge(w, c); /* or what was found of bytes that nobody judges would wait for the next ones */
    worker_look_again(w, c);
    if (is_live(c))
        watch_again(w, c);
}

static void settle_hand(struct worker *w, enum sp_death death)
{
    struct hand *h = w->hand;
    struct conn *c = &w->conns[h->conn];
    if (h->op == HAND_CLOSE || h->op == HAND_CLOSE_SERVER)
        close_rest(w, c, h->op == HAND_CLOSE_SERVER);
    if (!is_live(c))
        return;
    if (h->op == HAND_IDLE) /* whole, and to be judged anew */
        hand_mark(w, c, HAND_STEP, SP_C2S, 0);
    sp_pool_mark(w->engine.pool, c->session.side[SP_C2S].block, c->session.side[SP_S2C].block);
    enum fate fate = death == (enum sp_death)DEATH_NONE ? FATE_CONTINUE : fate_of(w, c, death);
    int rc = settle(w, c);
    if (rc < 0) {
        w->count->damaged++;
        sp_log(SP_LOG_ERROR, "the kernel's counters do not agree with a connection's: %s; it is closed", strerror(-rc));
        fate = FATE_CLOSE;
    }
    learn_resets(w, c);
    go_on(w, c, fate);
}

/* ---- everything that was missed ---- */

static void look_at_events(struct worker *w)
{
    for (unsigned i = 0; i < EVENTS_TURN; i++) {
        uint64_t data = w->segment->events[i].data.u64;
        uint32_t index = (uint32_t)(data >> 2);
        if ((data & 3) <= SP_S2C && index >= 1 && index <= w->segment->fresh)
            w->conns[index].queued = true;
    }
}

/* Nothing is inspected: sessions go on unread, with what was held of them, or end, as the service says. */
static void make_plain(struct worker *w, struct conn *c)
{
    bool pass = conn_service(w, c)->fail == SP_FAIL_OPEN;
    hand_mark(w, c, HAND_STEP, SP_C2S, 0);
    if (c->phase == CONN_PREFACE && pass)
        c->session.opaque = true;
    else if (c->phase != CONN_LINGER && !(pass && sp_session_quarantine(&w->engine, &c->session, "not_inspected")))
        conn_abort(w, c);
}

static void resume(struct worker *w, struct conn *c)
{
    bool missed = c->queued;
    if (is_live(c))
        hand_take(w, c); /* first: else nobody would know any more that it was missed */
    c->queued = false;
    if (c->phase == CONN_DEAD) /* closed just now; the lists that it may have been in are forgotten */
        conn_bury_later(w, c);
    if (!is_live(c))
        return;
    if (worker_plain(w) && !c->session.opaque) {
        make_plain(w, c);
        missed = true;
    }
    if (is_live(c) && missed)
        worker_look_again(w, c);
    if (is_live(c))
        conn_schedule(w, c);
    hand_done(w, c);
}

/* Without a hand nobody may know where the sessions stand. */
static void drop_all(struct worker *w)
{
    struct hand none = {0};
    w->hand = &none;
    for (uint32_t i = 1; i <= w->segment->fresh; i++)
        set_free(w, &w->conns[i]);
    splice_init(w);
    sweep(w);
    w->hand = NULL;
}

void recover(struct worker *w)
{
    enum sp_death death = (enum sp_death)w->segment->death;
    if (!w->hand) {
        drop_all(w);
        return;
    }
    roll_back(w);
    adopt_all(w);
    splice_init(w);
    if (death != (enum sp_death)DEATH_NONE) /* one that rested has left nothing behind */
        sweep(w);
    handover_place(w);
    if (w->hand->conn && w->hand->op != HAND_ACCEPT) {
        settle_hand(w, death);
        hand_done(w, &w->conns[w->hand->conn]);
    }
    w->hand->op = HAND_IDLE;
    w->hand->conn = 0;
    look_at_events(w);
    w->run = w->dead = 0;
    for (uint32_t i = 1; i <= w->segment->fresh; i++)
        resume(w, &w->conns[i]);
    w->segment->death = DEATH_NONE;
}
