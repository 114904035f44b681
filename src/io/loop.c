/* SPDX-License-Identifier: Apache-2.0 */
/* loop: a worker's turns. Wait; do what the descriptors say; give those that have more to do their next share; forget what has ended. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/worker.h"

enum loop_limits {
    EVENTS_TURN = 256,   /* events taken at once: what 256 busy connections make in one turn */
    SAY_EVERY_MS = 1000,
    STOP_LOOK_MS = 50,   /* while stopping: how often connections are looked at */
};

/* What an event names, in the low bits of its data; above them the index. The first two are enum sp_dir: a connection's descriptors. */
enum event_kind { EVENT_LISTENER = 2, EVENT_WORKER = 3 };
enum { WORKER_WAKE, WORKER_TIMER };

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

static int watch(const struct worker *w, int fd, uint32_t events, uint64_t index, unsigned kind)
{
    struct epoll_event ev = {.events = events, .data.u64 = index << 2 | kind};
    return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

int worker_watch(struct worker *w, struct conn *c, enum sp_dir dir)
{
    return watch(w, c->fd[dir], EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, conn_index(w, c), dir);
}

/* ---- setting up ---- */

static int open_descriptors(struct worker *w)
{
    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    w->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (w->epoll < 0 || w->wake < 0 || w->timer < 0)
        return -errno;
    int rc = watch(w, w->wake, EPOLLIN, WORKER_WAKE, EVENT_WORKER);
    if (rc == 0)
        rc = watch(w, w->timer, EPOLLIN | EPOLLET, WORKER_TIMER, EVENT_WORKER);
    for (uint32_t i = 0; rc == 0 && i < w->nlisteners; i++)
        rc = watch(w, w->listeners[i].fd, EPOLLIN, i, EVENT_LISTENER);
    return rc;
}

static int reserve_conns(struct worker *w)
{
    /* Touched only as connections come. */
    size_t n = ((size_t)w->max + 1) * sizeof *w->conns;
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return -errno;
    w->conns = p;
    return 0;
}

struct worker *worker_new(void)
{
    struct worker *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->epoll = w->wake = w->timer = -1;
    w->wheel.armed_ms = UINT64_MAX;
    w->current = UINT32_MAX;
    splice_init(w);
    sem_init(&w->done, 0, 0); /* fails for impossible values only */
    return w;
}

int worker_init(struct worker *w, const struct sp_relay_conf *conf, uint64_t memory, uint64_t body_max)
{
    struct sp_pool *pool;
    int rc = sp_pool_new(memory, &pool);
    if (rc < 0)
        return rc;
    rc = sp_engine_init(&w->engine, conf->policy, pool, body_max);
    w->engine.pool = pool; /* worker_free finds it there in any case */
    if (rc < 0)
        return rc;
    w->engine.emit = conf->emit;
    w->engine.ctx = conf->ctx;
    w->engine.now_ms = sp_clock_mono_ns() / 1000000;
    rc = reserve_conns(w);
    return rc < 0 ? rc : open_descriptors(w);
}

static void close_if_open(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void worker_free(struct worker *w)
{
    struct sp_pool *pool = w->engine.pool;
    for (uint32_t i = 0; i < w->nlisteners; i++)
        close_if_open(&w->listeners[i].fd);
    close_if_open(&w->epoll);
    close_if_open(&w->wake);
    close_if_open(&w->timer);
    splice_fini(w);
    if (w->engine.matcher)
        sp_engine_fini(&w->engine);
    sp_pool_free(pool);
    if (w->conns)
        munmap(w->conns, ((size_t)w->max + 1) * sizeof *w->conns);
    sem_destroy(&w->done);
    free(w->listeners);
    free(w);
}

/* ---- stopping ---- */

static void stop_look(struct worker *w)
{
    bool over = worker_now(w) >= w->stop_ms;
    for (uint32_t i = 1; i <= w->fresh; i++) {
        struct conn *c = &w->conns[i];
        bool live = c->phase != CONN_FREE && c->phase != CONN_DEAD;
        if (live && (over || conn_quiet(w, c)))
            conn_close(w, c);
    }
    wheel_arm(w, worker_now(w) + STOP_LOOK_MS);
}

static void stop_start(struct worker *w)
{
    w->stopping = true;
    w->stop_ms = worker_now(w) + w->grace_ms;
    for (uint32_t i = 0; i < w->nlisteners; i++)
        close_if_open(&w->listeners[i].fd);
    w->nlisteners = 0;
    stop_look(w);
}

/* ---- commands ---- */

static void swap_policy(struct worker *w)
{
    struct sp_matcher *old = w->engine.matcher;
    w->engine.matcher = w->next_matcher;
    w->engine.policy = w->next_policy;
    w->next_matcher = old; /* the controlling thread frees it */
}

static void count_now(struct worker *w)
{
    w->answer = w->count;
    w->answer.active = w->active;
    w->answer.units = w->engine.units;
    w->answer.hits = w->engine.hits;
    w->answer.refused = w->engine.refused;
    w->answer.corrected = w->engine.corrected;
    w->answer.malformed = w->engine.malformed;
    w->answer.memory = sp_pool_used(w->engine.pool);
}

static void obey(struct worker *w)
{
    uint64_t ignored;
    if (read(w->wake, &ignored, sizeof ignored) < 0)
        return;
    switch (__atomic_exchange_n(&w->command, COMMAND_NONE, __ATOMIC_ACQUIRE)) {
    case COMMAND_SWAP:
        swap_policy(w);
        break;
    case COMMAND_COUNT:
        count_now(w);
        break;
    case COMMAND_STOP:
        stop_start(w);
        break;
    default:
        return;
    }
    sem_post(&w->done);
}

/* ---- events ---- */

static void timer_fired(struct worker *w)
{
    uint64_t ignored;
    if (read(w->timer, &ignored, sizeof ignored) < 0)
        return;
    wheel_turn(w);
    if (w->resume_ms && w->resume_ms <= worker_now(w))
        accept_resume(w);
    else if (w->resume_ms)
        wheel_arm(w, w->resume_ms);
    if (w->stopping)
        stop_look(w);
}

static void conn_event(struct worker *w, uint32_t index, enum sp_dir dir, uint32_t events)
{
    struct conn *c = &w->conns[index];
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        c->readable |= dir_bit(dir);
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        c->ended |= dir_bit(dir);
    if (events & EPOLLOUT)
        c->blocked &= (uint8_t)~dir_bit(dir_back(dir));
    switch (c->phase) {
    case CONN_OPEN:
        if (dir == SP_C2S && (events & EPOLLERR)) { /* a reset: nobody is left to answer */
            conn_abort(w, c);
            return;
        }
        if (dir == SP_S2C && c->server == SERVER_CONNECTING)
            upstream_settle(w, c, 0);
        conn_run(w, c);
        break;
    case CONN_PREFACE:
        preface_read(w, c);
        break;
    case CONN_LINGER:
        if (dir == SP_C2S)
            conn_discard(w, c);
        break;
    }
}

static void worker_event(struct worker *w, const struct epoll_event *ev)
{
    uint32_t index = (uint32_t)(ev->data.u64 >> 2);
    switch (ev->data.u64 & 3) {
    case SP_C2S:
        conn_event(w, index, SP_C2S, ev->events);
        break;
    case SP_S2C:
        conn_event(w, index, SP_S2C, ev->events);
        break;
    case EVENT_LISTENER:
        if (index < w->nlisteners)
            accept_turn(w, &w->listeners[index]);
        break;
    case EVENT_WORKER:
        if (index == WORKER_WAKE)
            obey(w);
        else
            timer_fired(w);
    }
}

static void run_queued(struct worker *w)
{
    uint32_t next = w->run;
    w->run = 0;
    while (next) {
        struct conn *c = &w->conns[next];
        next = c->run_next;
        c->queued = false;
        if (c->phase == CONN_OPEN)
            conn_run(w, c);
        else if (c->phase == CONN_LINGER)
            conn_discard(w, c);
        else if (c->phase == CONN_DEAD) {
            c->run_next = w->dead;
            w->dead = conn_index(w, c);
        }
    }
}

/* ---- waiting ---- */

/* Sleeping and being woken costs more than some looks in vain: on a busy machine less delay, for some CPU. */
static int wait_spinning(struct worker *w, struct epoll_event *events)
{
    uint64_t until = sp_clock_mono_ns() + w->spin_us * UINT64_C(1000);
    do {
        int n = epoll_wait(w->epoll, events, EVENTS_TURN, 0);
        if (n != 0)
            return n;
    } while (sp_clock_mono_ns() < until);
    return epoll_wait(w->epoll, events, EVENTS_TURN, -1);
}

static int worker_wait(struct worker *w, struct epoll_event *events)
{
    if (w->run)
        return epoll_wait(w->epoll, events, EVENTS_TURN, 0);
    return w->spin_us ? wait_spinning(w, events) : epoll_wait(w->epoll, events, EVENTS_TURN, -1);
}

void *worker_main(void *worker)
{
    struct worker *w = worker;
    struct epoll_event events[EVENTS_TURN];
    while (!w->stopping || w->active) {
        int n = worker_wait(w, events);
        w->engine.now_ms = sp_clock_mono_ns() / 1000000;
        for (int i = 0; i < n; i++)
            worker_event(w, &events[i]);
        run_queued(w);
        conn_bury(w);
    }
    return NULL;
}
