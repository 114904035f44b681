/* SPDX-License-Identifier: Apache-2.0 */
/* loop: a worker's turns. Wait; do what the descriptors say; give those that have more to do their next share; forget what has ended. */
#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/learn.h"
#include "io/worker.h"

enum loop_limits {
    SAY_EVERY_MS = 1000,
    TICK_MS = 1000,        /* see sp_relay_conf.tick */
    CLOCK_MS = 1000,       /* how late the time that rules see may be */
    INDEX_SHIFT = 2,       /* below it the kind */
    GENERATION_SHIFT = 34, /* below it the index */
};

/* ---- small services ---- */

bool worker_may_say(struct worker *w, enum worker_say what)
{
    uint64_t now = worker_now(w);
    if (w->said_ms[what] && now - w->said_ms[what] < SAY_EVERY_MS)
        return false;
    w->said_ms[what] = now;
    return true;
}

void worker_run_later(struct worker *w, struct conn *c)
{
    if (c->queued)
        return;
    c->queued = true;
    c->run_next = w->run;
    w->run = conn_index(w, c);
}

int worker_watch_fd(const struct worker *w, int fd, uint32_t events, uint64_t index, unsigned kind)
{
    struct epoll_event ev = {.events = events, .data.u64 = index << INDEX_SHIFT | kind};
    if (epoll_ctl(w->segment->epoll, EPOLL_CTL_ADD, fd, &ev) == 0)
        return 0;
    /* A predecessor may have come so far; changing it makes the kernel look again. */
    if (errno == EEXIST && epoll_ctl(w->segment->epoll, EPOLL_CTL_MOD, fd, &ev) == 0)
        return 0;
    return -errno;
}

int worker_watch(struct worker *w, struct conn *c, enum sp_dir dir)
{
    uint64_t index = conn_index(w, c) | (uint64_t)conn_generation(c) << (GENERATION_SHIFT - INDEX_SHIFT);
    return worker_watch_fd(w, c->fd[dir], EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET, index, dir);
}

/* ---- events ---- */

static void timer_fired(struct worker *w)
{
    uint64_t ignored;
    if (read(w->segment->timer, &ignored, sizeof ignored) < 0)
        return;
    wheel_turn(w);
    if (w->resume_ms && w->resume_ms <= worker_now(w))
        accept_resume(w);
    else if (w->resume_ms)
        wheel_arm(w, w->resume_ms);
    orders_look(w);
}

static void open_event(struct worker *w, struct conn *c, enum sp_dir dir, uint32_t events)
{
    if (dir == SP_C2S && (events & EPOLLERR)) { /* a reset: nobody is left to answer */
        conn_abort(w, c);
        return;
    }
    if (dir == SP_S2C && c->server == SERVER_CONNECTING)
        upstream_settle(w, c, 0);
    conn_run(w, c);
}

static void conn_event(struct worker *w, struct conn *c, enum sp_dir dir, uint32_t events)
{
    hand_take(w, c);
    if (events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        c->readable |= dir_bit(dir);
    if (events & (EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) /* reading stops in front of an urgent byte, too */
        c->ended |= dir_bit(dir);
    if (events & EPOLLOUT)
        c->blocked &= (uint8_t)~dir_bit(dir_back(dir));
    switch (c->phase) {
    case CONN_OPEN:
        open_event(w, c, dir, events);
        break;
    case CONN_PREFACE:
        preface_read(w, c);
        break;
    case CONN_LINGER:
        if (dir == SP_C2S)
            conn_discard(w, c);
        break;
    }
    hand_done(w, c);
}

static void worker_event(struct worker *w, const struct epoll_event *ev)
{
    uint32_t index = (uint32_t)(ev->data.u64 >> INDEX_SHIFT), generation = (uint32_t)(ev->data.u64 >> GENERATION_SHIFT);
    enum sp_dir dir = (enum sp_dir)(ev->data.u64 & 3);
    switch (ev->data.u64 & 3) {
    case SP_C2S:
    case SP_S2C: /* a descriptor that another process still holds open goes on telling of a connection that is no more */
        if (conn_generation(&w->conns[index]) == generation)
            conn_event(w, &w->conns[index], dir, ev->events);
        break;
    case EVENT_LISTENER:
        if (index < w->nlisteners)
            accept_turn(w, index);
        break;
    case EVENT_WORKER:
        if (index == WORKER_WAKE)
            orders_obey(w);
        else if (index == WORKER_TIMER)
            timer_fired(w);
        else
            handover_receive(w);
    }
}

/* Events are edges: those that a predecessor took and did not get to are told by nobody again. */
void worker_look_again(struct worker *w, struct conn *c)
{
    if (c->phase == CONN_OPEN && c->server == SERVER_CONNECTING)
        upstream_again(w, c);
    c->readable = dir_bit(SP_C2S) | (c->server == SERVER_UP ? dir_bit(SP_S2C) : 0);
    c->ended = c->readable;
    c->blocked = 0;
    worker_run_later(w, c);
}

static void run_queued(struct worker *w)
{
    uint32_t next = w->run;
    w->run = 0;
    while (next) {
        struct conn *c = &w->conns[next];
        next = c->run_next;
        if (c->phase == CONN_DEAD) {
            c->queued = false;
            c->run_next = w->dead;
            w->dead = conn_index(w, c);
            continue;
        }
        hand_take(w, c); /* from here on a successor looks at it in any case */
        c->queued = false;
        if (c->phase == CONN_OPEN)
            conn_run(w, c);
        else if (c->phase == CONN_PREFACE)
            preface_read(w, c);
        else if (c->phase == CONN_LINGER)
            conn_discard(w, c);
        hand_done(w, c);
    }
}

/* Counters outlive the worker; the engine's own begin with it. */
static void count_engine(struct worker *w)
{
    const struct sp_engine *e = &w->engine;
    struct sp_counters *c = w->count;
    const struct sp_counters *before = &w->before;
    c->active = w->active;
    c->units = before->units + e->units;
    c->hits = before->hits + e->hits;
    c->refused = before->refused + e->refused;
    c->corrected = before->corrected + e->corrected;
    c->malformed = before->malformed + e->malformed;
    c->over_budget = before->over_budget + e->over_budget;
    c->memory = sp_pool_used(e->pool);
}

/* ---- waiting ---- */

/* Sleeping and being woken costs more than some looks in vain: on a busy machine less delay, for some CPU. */
static int wait_spinning(struct worker *w, struct segment *s)
{
    uint64_t until = sp_clock_mono_ns() + w->conf.plan->spin_us * UINT64_C(1000);
    do {
        int n = epoll_wait(s->epoll, s->events, EVENTS_TURN, 0);
        if (n != 0)
            return n;
    } while (sp_clock_mono_ns() < until);
    return epoll_wait(s->epoll, s->events, EVENTS_TURN, -1);
}

static int worker_wait(struct worker *w)
{
    struct segment *s = w->segment;
    if (w->run)
        return epoll_wait(s->epoll, s->events, EVENTS_TURN, 0);
    s->beat |= 1; /* from here on it is no fault to stand still */
    int n = w->conf.plan->spin_us ? wait_spinning(w, s) : epoll_wait(s->epoll, s->events, EVENTS_TURN, -1);
    s->beat = (s->beat & ~UINT64_C(1)) + 2;
    return n;
}

static void tick(struct worker *w)
{
    if (!w->conf.tick)
        return;
    if (worker_now(w) >= w->tick_ms) {
        w->tick_ms = worker_now(w) + TICK_MS;
        w->conf.tick(w->conf.tick_ctx);
    }
    wheel_arm(w, w->tick_ms);
}

static void read_clock(struct worker *w)
{
    if (worker_now(w) < w->clock_ms)
        return;
    w->clock_ms = worker_now(w) + CLOCK_MS;
    w->engine.moment = sp_clock_moment(sp_clock_real_us());
}

void worker_turns(struct worker *w)
{
    struct segment *s = w->segment;
    while (!w->resting && !(s->stopping && w->active == 0)) {
        int n = worker_wait(w);
        w->engine.now_ms = sp_clock_mono_ns() / 1000000;
        read_clock(w);
        for (int i = 0; i < n; i++)
            worker_event(w, &s->events[i]);
        run_queued(w);
        shed_memory(w);
        conn_bury(w);
        count_engine(w);
        if (sp_event_source_turn(w->events, worker_now(w)))
            wheel_arm(w, worker_now(w) + SP_LEARN_EVERY_MS);
        tick(w);
    }
}
