/* SPDX-License-Identifier: Apache-2.0 */
/* relay: the segment, and what a worker makes for itself before it serves. */
#include "io/relay.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/hash.h"
#include "io/worker.h"

#define SEGMENT_MAGIC UINT64_C(0x746e656d67657301)

enum relay_limits {
    PAGE = 4096,
    LAYOUT_VERSION = 1, /* of struct segment and struct conn, where their size alone does not tell */
};

/* ---- the segment ---- */

uint64_t sp_relay_layout(void)
{
    uint64_t h = LAYOUT_VERSION + SP_STATE_VERSION_BUMP;
    uint64_t part[] = {0, sizeof(struct segment), sizeof(struct conn), sizeof(struct sp_session), sizeof(struct sp_plan), SP_POOL_SMALL, SP_POOL_CLASSES};
    part[0] = h;
    h = sp_hash(sp_span_of(part, sizeof part));
    for (unsigned i = 0; sp_protos[i]; i++) {
        uint64_t proto[] = {h, sp_hash(sp_span_str(sp_protos[i]->name)), sp_protos[i]->state_size, sp_protos[i]->state_version};
        h = sp_hash(sp_span_of(proto, sizeof proto));
    }
    return h;
}

static size_t pages(size_t n)
{
    return (n + PAGE - 1) & ~(size_t)(PAGE - 1);
}

static int map_segment(int fd, size_t size, struct sp_relay **ret)
{
    struct sp_relay *r = calloc(1, sizeof *r);
    if (!r)
        return -ENOMEM;
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (p == MAP_FAILED) {
        free(r);
        return -errno;
    }
    r->segment = p;
    r->fd = fd;
    *ret = r;
    return 0;
}

static int open_descriptors(struct segment *s)
{
    s->receive = s->drain = -1;
    for (unsigned i = 0; i <= PIPES_MAX; i++)
        s->pipes[i].fd[0] = s->pipes[i].fd[1] = -1;
    /* Not closed on exec: a keeper that executes another binary keeps them. */
    s->epoll = epoll_create1(0);
    s->wake = eventfd(0, EFD_NONBLOCK);
    s->answered = eventfd(0, EFD_NONBLOCK);
    s->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    return s->epoll < 0 || s->wake < 0 || s->answered < 0 || s->timer < 0 ? -errno : 0;
}

int sp_relay_new(const struct sp_plan *plan, unsigned slot, struct sp_relay **ret)
{
    size_t conns_at = pages(sizeof(struct segment));
    size_t pool_at = pages(conns_at + (plan->connections + 1) * sizeof(struct conn));
    size_t size = pool_at + sp_pool_room(plan->memory);
    int fd = memfd_create("sallyport-segment", 0);
    if (fd < 0)
        return -errno;
    struct sp_relay *r = NULL;
    int rc = ftruncate(fd, (off_t)size) < 0 ? -errno : map_segment(fd, size, &r);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    *r->segment = (struct segment){.magic = SEGMENT_MAGIC, .layout = sp_relay_layout(), .size = size, .conns_at = conns_at, .pool_at = pool_at,
                                   .memory = plan->memory, .max = (uint32_t)plan->connections, .slot = slot, .death = DEATH_NONE,
                                   .orders.answer = ORDER_OPEN,
                                   .flow_id = sp_clock_real_us() / SP_PLAN_WORKERS * SP_PLAN_WORKERS + slot};
    rc = open_descriptors(r->segment);
    if (rc < 0)
        sp_relay_free(r);
    else
        *ret = r;
    return rc;
}

int sp_relay_attach(int segment, struct sp_relay **ret)
{
    struct stat st;
    struct sp_relay *r;
    if (fstat(segment, &st) < 0)
        return -errno;
    if (st.st_size < (off_t)sizeof(struct segment))
        return -EPROTO;
    int rc = map_segment(segment, (size_t)st.st_size, &r);
    if (rc < 0)
        return rc;
    const struct segment *s = r->segment;
    if (s->magic != SEGMENT_MAGIC || s->layout != sp_relay_layout() || s->size != (uint64_t)st.st_size) {
        munmap(r->segment, (size_t)st.st_size);
        free(r);
        return -EPROTO;
    }
    *ret = r;
    return 0;
}

static void close_if_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

void sp_relay_free(struct sp_relay *r)
{
    struct segment *s = r->segment;
    for (unsigned i = 0; i <= PIPES_MAX; i++) {
        close_if_open(s->pipes[i].fd[0]);
        close_if_open(s->pipes[i].fd[1]);
    }
    int fds[] = {s->epoll, s->wake, s->answered, s->timer, s->receive, s->drain};
    for (unsigned i = 0; i < sizeof fds / sizeof *fds; i++)
        close_if_open(fds[i]);
    munmap(s, s->size);
    close(r->fd);
    free(r);
}

int sp_relay_segment(const struct sp_relay *r)
{
    return r->fd;
}

size_t sp_relay_connection_size(void)
{
    return sizeof(struct conn);
}

/* ---- the keeper's side ---- */

int sp_relay_tell(struct sp_relay *r, const struct sp_relay_told *what)
{
    struct orders *o = &r->segment->orders;
    uint64_t one = 1;
    if (__atomic_load_n(&o->order, __ATOMIC_ACQUIRE) != SP_ORDER_NONE)
        return -EBUSY;
    o->grace_ms = what->grace_ms;
    o->plan = what->plan;
    o->policy = what->policy;
    o->channel = what->channel;
    for (uint32_t i = 0; what->listeners && what->listeners[i] >= 0 && i < SP_PLAN_LISTENERS; i++)
        o->listeners[i] = what->listeners[i];
    o->answer = ORDER_OPEN;
    __atomic_store_n(&o->order, what->order, __ATOMIC_RELEASE);
    return write(r->segment->wake, &one, sizeof one) < 0 ? -errno : 0;
}

int sp_relay_answer_fd(const struct sp_relay *r)
{
    return r->segment->answered;
}

int sp_relay_answer(struct sp_relay *r)
{
    uint64_t ignored;
    struct orders *o = &r->segment->orders;
    if (read(r->segment->answered, &ignored, sizeof ignored) < 0 && errno != EAGAIN)
        return -errno;
    int32_t answer = __atomic_load_n(&o->answer, __ATOMIC_ACQUIRE);
    if (answer == ORDER_OPEN)
        return -EAGAIN;
    o->answer = ORDER_OPEN;
    __atomic_store_n(&o->order, SP_ORDER_NONE, __ATOMIC_RELEASE);
    return answer;
}

void sp_relay_died(struct sp_relay *r, enum sp_death how)
{
    r->segment->death = how;
    r->segment->up = false;
}

/* A worker that says it waits while epoll has something for it does not move either. */
uint64_t sp_relay_beat(const struct sp_relay *r)
{
    static uint64_t looks;
    uint64_t beat = __atomic_load_n(&r->segment->beat, __ATOMIC_RELAXED);
    struct pollfd p = {.fd = r->segment->epoll, .events = POLLIN};
    if ((beat & 1) && poll(&p, 1, 0) == 0)
        return ++looks << 1 | 1;
    return beat & ~UINT64_C(1);
}

bool sp_relay_is_up(const struct sp_relay *r)
{
    return __atomic_load_n(&r->segment->up, __ATOMIC_ACQUIRE);
}

/* ---- the worker ---- */

static uint64_t body_most(const struct sp_plan *plan)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < plan->nservices; i++)
        if (plan->services[i].body_max > most)
            most = plan->services[i].body_max;
    return most;
}

static int worker_engine(struct worker *w, const struct sp_relay_conf *conf)
{
    struct segment *s = w->segment;
    struct sp_pool *pool;
    int rc = sp_pool_over(s->memory, (uint8_t *)s + s->pool_at, &pool);
    if (rc < 0)
        return rc;
    rc = sp_engine_init(&w->engine, conf->policy, pool, body_most(conf->plan));
    w->engine.pool = pool; /* worker_free finds it there in any case */
    return rc;
}

static int worker_watches(struct worker *w)
{
    struct segment *s = w->segment;
    int rc = worker_watch_fd(w, s->wake, EPOLLIN, WORKER_WAKE, EVENT_WORKER);
    if (rc == 0)
        rc = worker_watch_fd(w, s->timer, EPOLLIN | EPOLLET, WORKER_TIMER, EVENT_WORKER);
    if (rc == 0 && s->receive >= 0)
        rc = worker_watch_fd(w, s->receive, EPOLLIN, WORKER_RECEIVE, EVENT_WORKER);
    return rc;
}

static void worker_free(struct worker *w)
{
    struct sp_pool *pool = w->engine.pool;
    sp_engine_fini(&w->engine);
    if (pool)
        sp_pool_free(pool);
    sp_event_source_free(w->events);
    if (w->mapped)
        plan_unmap(&w->conf);
    free(w);
}

static int worker_make(struct worker *w, struct sp_relay *r, const struct sp_relay_conf *conf)
{
    struct segment *s = r->segment;
    w->segment = s;
    w->conns = (struct conn *)(void *)((uint8_t *)s + s->conns_at);
    w->hand = conf->plan->survival ? &s->hand : NULL;
    w->wheel.armed_ms = UINT64_MAX;
    w->count = sp_report_counters(conf->report);
    w->before = *w->count;
    int rc = worker_engine(w, conf);
    w->engine.patient = true;
    w->engine.now_ms = sp_clock_mono_ns() / 1000000;
    w->engine.moment = sp_clock_moment(sp_clock_real_us());
    if (rc == 0)
        rc = plan_enter(w, conf);
    if (rc == 0)
        rc = sp_event_source_new(conf->report, conf->report_wake, w->names, SP_PLAN_SERVICES, &w->events);
    if (rc < 0)
        return rc;
    w->engine.emit = sp_event_source_emit;
    w->engine.ctx = w->events;
    return worker_watches(w);
}

int sp_relay_ready(struct sp_relay *r, const struct sp_relay_conf *conf)
{
    sp_fault_worker(conf->policy != NULL);
    struct worker *w = calloc(1, sizeof *w);
    if (!w)
        return -ENOMEM;
    int rc = worker_make(w, r, conf);
    if (rc < 0) {
        worker_free(w);
        return rc;
    }
    r->worker = w;
    return 0;
}

void sp_relay_serve(struct sp_relay *r)
{
    recover(r->worker);
    orders_resume(r->worker);
    __atomic_store_n(&r->segment->up, true, __ATOMIC_RELEASE);
    worker_turns(r->worker);
    __atomic_store_n(&r->segment->up, false, __ATOMIC_RELEASE);
}

void sp_relay_done(struct sp_relay *r)
{
    worker_free(r->worker);
    r->worker = NULL;
}
