/* SPDX-License-Identifier: Apache-2.0 */
/* orders: what the keeper tells its worker, and another plan and policy while sessions go on. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "io/worker.h"

enum orders_limits {
    LOOK_MS = 50, /* while stopping or draining: how often connections are looked at */
};

/* ---- the plan ---- */

static bool is_wild(const struct sp_address *a)
{
    if (a->sa.any.sa_family == AF_INET)
        return a->sa.v4.sin_addr.s_addr == htonl(INADDR_ANY);
    return IN6_IS_ADDR_UNSPECIFIED(&a->sa.v6.sin6_addr);
}

static bool is_among(int fd, const int *list, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (list[i] == fd)
            return true;
    return false;
}

/* Listeners that are not in `next` any more; they are the keeper's to close. */
static void unwatch(struct worker *w, const int *next, uint32_t n)
{
    for (uint32_t i = 0; i < w->nlisteners; i++)
        if (!is_among(w->listeners[i].fd, next, n))
            (void)epoll_ctl(w->segment->epoll, EPOLL_CTL_DEL, w->listeners[i].fd, NULL); /* fails when the keeper was faster */
    w->nlisteners = 0;
}

static int watch_listeners(struct worker *w)
{
    const struct sp_plan *plan = w->conf.plan;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < plan->nlisteners && !w->segment->stopping; i++) {
        const struct sp_plan_listener *l = &plan->listeners[i];
        w->listeners[i] = (struct listener){.fd = w->conf.listeners[i], .service = (uint16_t)l->service, .wild = is_wild(&l->at),
                                            .local = sp_address_session(&l->at)};
        rc = worker_watch_fd(w, w->listeners[i].fd, w->paused ? 0 : EPOLLIN, i, EVENT_LISTENER);
        w->nlisteners = i + 1;
    }
    return rc;
}

int plan_enter(struct worker *w, const struct sp_relay_conf *conf)
{
    const struct sp_plan *plan = conf->plan;
    for (uint32_t i = 0; i < plan->nservices; i++)
        if (!sp_proto_by_name(sp_span_str(plan->services[i].protocol)))
            return -EPROTONOSUPPORT;
    unwatch(w, conf->listeners, plan->nlisteners);
    w->conf = *conf;
    for (uint32_t i = 0; i < plan->nservices; i++) {
        w->services[i] = (struct service){.plan = &plan->services[i], .proto = sp_proto_by_name(sp_span_str(plan->services[i].protocol))};
        w->names[i] = plan->services[i].name;
    }
    w->engine.services = w->names;
    w->current = UINT32_MAX;
    return watch_listeners(w);
}

/* ---- another one ---- */

static const void *map_whole(int fd, size_t *ret_n)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || st.st_size <= 0)
        return NULL;
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    *ret_n = (size_t)st.st_size;
    return p == MAP_FAILED ? NULL : p;
}

static void unmap(const void *p, size_t n)
{
    if (p)
        munmap((void *)(uintptr_t)p, n);
}

void plan_unmap(const struct sp_relay_conf *conf)
{
    unmap(conf->plan, sizeof *conf->plan);
    if (conf->policy)
        unmap(conf->policy, sp_policy_size(conf->policy));
}

static int map_conf(struct worker *w, const struct orders *o, struct sp_relay_conf *next)
{
    size_t nplan = 0, npolicy = 0;
    const void *plan = map_whole(o->plan, &nplan), *policy = map_whole(o->policy, &npolicy);
    int rc = plan && policy ? sp_plan_verify(plan, nplan, &next->plan) : -EINVAL;
    if (rc == 0)
        rc = sp_policy_verify(policy, npolicy, &next->policy);
    if (rc == 0 && !worker_plain(w))
        rc = sp_engine_swap(&w->engine, next->policy);
    if (rc < 0) {
        unmap(plan, nplan);
        unmap(policy, npolicy);
    }
    return rc;
}

static int take(struct worker *w)
{
    const struct orders *o = &w->segment->orders;
    struct sp_relay_conf next = w->conf, before = w->conf;
    next.listeners = o->listeners;
    int rc = map_conf(w, o, &next);
    if (rc < 0)
        return rc;
    if (worker_plain(w)) {
        unmap(next.policy, sp_policy_size(next.policy));
        next.policy = NULL;
    }
    rc = plan_enter(w, &next);
    w->conf.listeners = NULL; /* the order's array serves for the next one */
    if (w->mapped)
        plan_unmap(&before);
    w->mapped = true;
    return rc;
}

/* ---- stopping ---- */

static void stop(struct worker *w, int drain)
{
    struct segment *s = w->segment;
    unwatch(w, NULL, 0);
    s->drain = drain;
    s->stop_ms = worker_now(w) + s->orders.grace_ms;
    s->stopping = true;
    orders_look(w);
}

static void look(struct worker *w, struct conn *c, bool over)
{
    bool live = c->phase != CONN_FREE && c->phase != CONN_DEAD;
    if (!live)
        return;
    hand_take(w, c);
    bool given = !over && w->segment->drain >= 0 && handover_give(w, c);
    bool idle = w->segment->drain < 0 && conn_quiet(w, c);
    if (!given && (over || idle))
        conn_close(w, c);
    hand_done(w, c);
}

void orders_look(struct worker *w)
{
    struct segment *s = w->segment;
    if (!s->stopping)
        return;
    bool over = worker_now(w) >= s->stop_ms;
    for (uint32_t i = 1; i <= s->fresh; i++)
        look(w, &w->conns[i], over);
    wheel_arm(w, worker_now(w) + LOOK_MS);
}

/* ---- orders ---- */

static int receive_from(struct worker *w)
{
    if (w->segment->receive >= 0 && w->segment->receive != w->segment->orders.channel)
        return -EBUSY;
    w->segment->receive = w->segment->orders.channel;
    return worker_watch_fd(w, w->segment->receive, EPOLLIN, WORKER_RECEIVE, EVENT_WORKER);
}

static int obey(struct worker *w, enum sp_relay_order order)
{
    switch (order) {
    case SP_ORDER_REST:
        w->resting = true;
        return 0;
    case SP_ORDER_STOP:
        stop(w, -1);
        return 0;
    case SP_ORDER_DRAIN:
        stop(w, w->segment->orders.channel);
        return 0;
    case SP_ORDER_TAKE:
        return take(w);
    case SP_ORDER_RECEIVE:
        return receive_from(w);
    case SP_ORDER_NONE:
        break;
    }
    return 0;
}

/* An order is obeyed as long as it is not answered, and its answer is rung for as long as nobody has fetched it: whatever a predecessor did not get to. */
static void answer(struct worker *w)
{
    struct orders *o = &w->segment->orders;
    uint64_t one = 1;
    enum sp_relay_order order = (enum sp_relay_order)__atomic_load_n(&o->order, __ATOMIC_ACQUIRE);
    if (order == SP_ORDER_NONE)
        return;
    if (__atomic_load_n(&o->answer, __ATOMIC_ACQUIRE) == ORDER_OPEN) {
        int rc = obey(w, order);
        __atomic_store_n(&o->answer, rc > 0 ? 0 : rc, __ATOMIC_RELEASE);
    }
    if (write(w->segment->answered, &one, sizeof one) < 0)
        sp_log(SP_LOG_ERROR, "cannot answer the keeper: %s", strerror(errno));
}

void orders_obey(struct worker *w)
{
    uint64_t n;
    if (read(w->segment->wake, &n, sizeof n) > 0)
        answer(w);
}

void orders_resume(struct worker *w)
{
    if (w->segment->stopping)
        wheel_arm(w, worker_now(w) + LOOK_MS);
    answer(w);
}

unsigned sp_relay_listeners(const struct sp_relay *r, int *ret)
{
    for (uint32_t i = 0; i < r->worker->nlisteners; i++)
        ret[i] = r->worker->listeners[i].fd;
    return r->worker->nlisteners;
}
