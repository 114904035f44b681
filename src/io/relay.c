/* SPDX-License-Identifier: Apache-2.0 */
/* relay: from a configuration to running workers, and what can be asked of them while they run. */
#include "io/relay.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/listen.h"
#include "io/worker.h"

enum relay_limits {
    DESCRIPTORS_OTHER = 64,   /* events, rules, standard streams, libraries */
    DESCRIPTORS_WORKER = 8 + 2 * PIPES_MAX,
    MEMORY_MIN = 16 << 20,    /* of a worker: below it one collected body would starve the rest */
};

static const struct {
    uint64_t body_max, header_ms, body_ms, idle_ms, connect_ms, memory, connections;
} defaults = {64 << 20, 10000, 30000, 75000, 3000, 1 << 30, 65536};

struct sp_relay {
    struct service *services;
    const char **names;
    unsigned nservices, nworkers;
    struct worker **workers;
    pthread_mutex_t lock; /* one command at a time */
    uint64_t body_max;
    uint64_t started_us; /* flows are numbered from here: after a restart they are others than before */
};

/* ---- configuration ---- */

static uint64_t or_default(uint64_t value, uint64_t standard)
{
    return value ? value : standard;
}

static int service_init(struct service *s, const struct sp_service_conf *conf, char *why)
{
    const char *what;
    *s = (struct service){.proto = conf->proto, .name = conf->name, .proxy_in = conf->proxy_in, .proxy_out = conf->proxy_out,
                          .forwarded = conf->forwarded, .monitor = conf->monitor,
                          .body_max = or_default(conf->body_max, defaults.body_max),
                          .header_ms = or_default(conf->header_ms, defaults.header_ms),
                          .body_ms = or_default(conf->body_ms, defaults.body_ms),
                          .idle_ms = or_default(conf->idle_ms, defaults.idle_ms),
                          .connect_ms = or_default(conf->connect_ms, defaults.connect_ms)};
    if (sp_address_parse(conf->to, SP_ADDRESS_CONNECT, true, &s->to, &what) == 0)
        return 0;
    (void)snprintf(why, SP_RELAY_WHY, "service %s: cannot use '%s' as the server's address: %s", conf->name, conf->to, what);
    return -EINVAL;
}

static int services_init(struct sp_relay *r, const struct sp_relay_conf *conf, char *why)
{
    r->services = calloc(conf->nservices, sizeof *r->services);
    r->names = calloc(conf->nservices, sizeof *r->names);
    r->nservices = conf->nservices;
    if (!r->services || !r->names)
        return -ENOMEM;
    for (unsigned i = 0; i < r->nservices; i++) {
        int rc = service_init(&r->services[i], &conf->services[i], why);
        if (rc < 0)
            return rc;
        r->names[i] = r->services[i].name;
        if (r->services[i].body_max > r->body_max)
            r->body_max = r->services[i].body_max;
    }
    return 0;
}

/* ---- listeners ---- */

struct place {
    struct sp_address at;
    uint16_t service;
};

struct places {
    struct place place[LISTENERS_MAX];
    unsigned n;
};

static int add_place(struct places *p, const struct sp_service_conf *conf, uint16_t service, const char *text, char *why)
{
    const char *what;
    struct sp_address_list list;
    if (sp_address_parse(text, SP_ADDRESS_LISTEN, true, &list, &what) < 0) {
        (void)snprintf(why, SP_RELAY_WHY, "service %s: cannot listen on '%s': %s", conf->name, text, what);
        return -EINVAL;
    }
    for (unsigned i = 0; i < list.n; i++) {
        if (p->n == LISTENERS_MAX) {
            (void)snprintf(why, SP_RELAY_WHY, "more than %d addresses to listen on", LISTENERS_MAX);
            return -E2BIG;
        }
        p->place[p->n++] = (struct place){list.at[i], service};
    }
    return 0;
}

static bool same_place(const struct sp_address *a, const struct sp_address *b)
{
    return sp_span_eq(sp_span_of(&a->sa, a->len), sp_span_of(&b->sa, b->len));
}

/* Two services on one address would each get some of the connections. */
static int check_places(const struct places *p, char *why)
{
    for (unsigned i = 0; i < p->n; i++) {
        for (unsigned k = 0; k < i; k++) {
            char text[SP_ADDRESS_TEXT];
            if (!same_place(&p->place[i].at, &p->place[k].at))
                continue;
            sp_address_text(&p->place[i].at, text);
            (void)snprintf(why, SP_RELAY_WHY, "cannot listen on %s twice", text);
            return -EADDRINUSE;
        }
        int rc = sp_listen_probe(&p->place[i].at, why, SP_RELAY_WHY);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int find_places(const struct sp_relay_conf *conf, struct places *p, char *why)
{
    for (unsigned i = 0; i < conf->nservices; i++)
        for (unsigned k = 0; k < conf->services[i].nlisten; k++) {
            int rc = add_place(p, &conf->services[i], (uint16_t)i, conf->services[i].listen[k], why);
            if (rc < 0)
                return rc;
        }
    return check_places(p, why);
}

static bool is_wild(const struct sp_address *a)
{
    if (a->sa.any.sa_family == AF_INET)
        return a->sa.v4.sin_addr.s_addr == htonl(INADDR_ANY);
    return IN6_IS_ADDR_UNSPECIFIED(&a->sa.v6.sin6_addr);
}

static int open_listeners(struct worker *w, const struct places *p, char *why)
{
    w->listeners = calloc(p->n ? p->n : 1, sizeof *w->listeners);
    if (!w->listeners)
        return -ENOMEM;
    for (unsigned i = 0; i < p->n; i++) {
        const struct place *at = &p->place[i];
        int fd = sp_listen_open(&at->at, why, SP_RELAY_WHY);
        if (fd < 0)
            return fd;
        w->listeners[w->nlisteners++] =
            (struct listener){.fd = fd, .service = at->service, .wild = is_wild(&at->at), .local = sp_address_session(&at->at)};
    }
    return 0;
}

/* ---- how many ---- */

static unsigned processors(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n > SP_RELAY_THREADS_MAX ? SP_RELAY_THREADS_MAX : (unsigned)n;
}

/* Two descriptors a connection: what the limit allows, after the limit was raised as far as it goes. */
static uint64_t connections_allowed(uint64_t wanted, unsigned workers, unsigned listeners)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return wanted;
    if (limit.rlim_cur < limit.rlim_max) {
        rlim_t before = limit.rlim_cur;
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
            limit.rlim_cur = before;
    }
    uint64_t other = DESCRIPTORS_OTHER + (uint64_t)workers * (DESCRIPTORS_WORKER + listeners);
    uint64_t allowed = limit.rlim_cur > other + 2 * workers ? (limit.rlim_cur - other) / 2 : workers;
    if (allowed >= wanted)
        return wanted;
    sp_log(SP_LOG_WARN, "the limit of %llu open files allows %llu connections at the same time, not %llu", (unsigned long long)limit.rlim_cur,
           (unsigned long long)allowed, (unsigned long long)wanted);
    return allowed;
}

/* ---- starting ---- */

static int thread_start(struct worker *w)
{
    sigset_t all, before;
    sigfillset(&all); /* signals are the main thread's; splice to a closed socket raises one */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = -pthread_create(&w->thread, NULL, worker_main, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    w->started = rc == 0;
    return rc;
}

static int worker_make(struct sp_relay *r, const struct sp_relay_conf *conf, const struct places *p, uint64_t connections, char *why)
{
    unsigned i = r->nworkers, all = conf->threads;
    struct worker *w = worker_new();
    if (!w)
        return -ENOMEM;
    r->workers[r->nworkers++] = w;
    w->services = r->services;
    w->nservices = r->nservices;
    w->spin_us = conf->spin_us;
    w->max = (uint32_t)((connections + all - 1) / all);
    w->flow_id = r->started_us + i;
    w->flow_step = all;
    uint64_t memory = or_default(conf->memory, defaults.memory) / all;
    int rc = open_listeners(w, p, why);
    if (rc == 0)
        rc = worker_init(w, conf, memory < MEMORY_MIN ? MEMORY_MIN : memory, r->body_max);
    w->engine.services = r->names;
    return rc;
}

static int workers_make(struct sp_relay *r, const struct sp_relay_conf *conf, const struct places *p, char *why)
{
    uint64_t connections = connections_allowed(or_default(conf->max_connections, defaults.connections), conf->threads, p->n);
    r->workers = calloc(conf->threads, sizeof *r->workers);
    int rc = r->workers ? 0 : -ENOMEM;
    for (unsigned i = 0; rc == 0 && i < conf->threads; i++)
        rc = worker_make(r, conf, p, connections, why);
    for (unsigned i = 0; rc == 0 && i < r->nworkers; i++)
        rc = thread_start(r->workers[i]);
    return rc;
}

static int relay_init(struct sp_relay *r, const struct sp_relay_conf *conf, char *why)
{
    struct places *p = calloc(1, sizeof *p);
    int rc = p ? services_init(r, conf, why) : -ENOMEM;
    if (rc == 0)
        rc = find_places(conf, p, why);
    if (rc == 0)
        rc = workers_make(r, conf, p, why);
    free(p);
    return rc;
}

int sp_relay_start(const struct sp_relay_conf *given, struct sp_relay **ret, char why[SP_RELAY_WHY])
{
    struct sp_relay_conf conf = *given;
    struct sp_relay *r = calloc(1, sizeof *r);
    why[0] = 0;
    if (!r) {
        (void)snprintf(why, SP_RELAY_WHY, "out of memory");
        return -ENOMEM;
    }
    r->started_us = sp_clock_real_us();
    pthread_mutex_init(&r->lock, NULL);
    if (conf.threads == 0)
        conf.threads = processors();
    int rc = relay_init(r, &conf, why);
    if (rc < 0) {
        if (!why[0])
            (void)snprintf(why, SP_RELAY_WHY, "cannot start the workers: %s", strerror(-rc));
        sp_relay_stop(r, 0);
        return rc;
    }
    *ret = r;
    return 0;
}

/* ---- commands ---- */

/* Told to one worker; the answer is there when this returns. */
static void tell(struct worker *w, enum worker_command command)
{
    uint64_t one = 1;
    __atomic_store_n(&w->command, command, __ATOMIC_RELEASE);
    ssize_t n = write(w->wake, &one, sizeof one); /* a counter of 64 bits that is read each time has room */
    (void)n;
    while (sem_wait(&w->done) < 0)
        ;
}

void sp_relay_stop(struct sp_relay *r, unsigned grace_ms)
{
    for (unsigned i = 0; i < r->nworkers; i++)
        if (r->workers[i]->started) {
            r->workers[i]->grace_ms = grace_ms;
            tell(r->workers[i], COMMAND_STOP);
        }
    for (unsigned i = 0; i < r->nworkers; i++) {
        if (r->workers[i]->started)
            pthread_join(r->workers[i]->thread, NULL);
        worker_free(r->workers[i]);
    }
    pthread_mutex_destroy(&r->lock);
    free(r->workers);
    free(r->services);
    free(r->names);
    free(r);
}

/* What can fail is done before any worker changes over. */
static int make_matchers(struct sp_relay *r, const struct sp_policy *next)
{
    for (unsigned i = 0; i < r->nworkers; i++) {
        int rc = sp_matcher_new(next, &r->workers[i]->next_matcher);
        if (rc < 0) {
            while (i-- > 0)
                sp_matcher_free(r->workers[i]->next_matcher);
            return rc;
        }
        r->workers[i]->next_policy = next;
    }
    return 0;
}

int sp_relay_swap_policy(struct sp_relay *r, const struct sp_policy *next)
{
    pthread_mutex_lock(&r->lock);
    int rc = make_matchers(r, next);
    for (unsigned i = 0; rc == 0 && i < r->nworkers; i++) {
        tell(r->workers[i], COMMAND_SWAP);
        sp_matcher_free(r->workers[i]->next_matcher); /* the one it had */
        r->workers[i]->next_matcher = NULL;
    }
    pthread_mutex_unlock(&r->lock);
    return rc;
}

static void add(struct sp_relay_counters *sum, const struct sp_relay_counters *one)
{
    uint64_t *to = (uint64_t *)(void *)sum;
    const uint64_t *from = (const uint64_t *)(const void *)one;
    for (size_t i = 0; i < sizeof *sum / sizeof *to; i++)
        to[i] += from[i];
}

void sp_relay_count(struct sp_relay *r, struct sp_relay_counters *ret)
{
    struct sp_relay_counters sum = {0};
    pthread_mutex_lock(&r->lock);
    for (unsigned i = 0; i < r->nworkers; i++) {
        tell(r->workers[i], COMMAND_COUNT);
        add(&sum, &r->workers[i]->answer);
    }
    pthread_mutex_unlock(&r->lock);
    *ret = sum;
}

size_t sp_relay_connection_size(void)
{
    return sizeof(struct conn);
}
