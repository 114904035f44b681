/* SPDX-License-Identifier: Apache-2.0 */
/* plan_make: addresses looked up, places given, totals divided among workers. */
#include "proc/plan_make.h"

#include <errno.h>
#include <pwd.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum plan_limits {
    DESCRIPTORS_OTHER = 202,   /* of a keeper and its worker: 65 pipes, epoll, the segment, control sockets, what an order brings */
    MEMORY_MIN = 16 << 20,     /* of a worker: below it one collected body would starve the rest */
    NOBODY = 65534,            /* when the machine's user list has not even that name */
};

__attribute__((format(printf, 2, 3))) static int fail(char *why, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(why, SP_PLAN_WHY, fmt, ap);
    va_end(ap);
    return -EINVAL;
}

/* False: it does not fit. */
static bool put_text(char *to, size_t cap, const char *from)
{
    size_t n = from ? strlen(from) : 0;
    if (n >= cap)
        return false;
    if (n)
        memcpy(to, from, n);
    to[n] = 0;
    return true;
}

/* ---- who ---- */

/* Only root can become somebody else. */
static int find_user(const struct sp_config *c, struct sp_plan *plan, char *why)
{
    plan->uid = plan->gid = SP_PLAN_STARTER;
    if (geteuid() != 0)
        return 0;
    const struct passwd *user = getpwnam(c->user);
    const char *name = user ? c->user : "nobody";
    if (!user)
        user = getpwnam(name);
    plan->uid = user ? user->pw_uid : NOBODY;
    plan->gid = user ? user->pw_gid : NOBODY;
    if (plan->uid == 0)
        return fail(why, "user '%s' has every right; name one that has none", c->user);
    return put_text(plan->user, sizeof plan->user, name) ? 0 : fail(why, "the name of user '%s' is too long", c->user);
}

/* ---- where ---- */

/* What distinguishes this instance from others on the machine: nobody else can listen there. */
static void put_instance(const struct sp_config *c, struct sp_buf *out)
{
    const char *text = c->services[0].listen.item[0], *why;
    char numeric[SP_ADDRESS_TEXT];
    struct sp_address_list list;
    if (sp_address_parse(text, SP_ADDRESS_LISTEN, false, &list, &why) == 0 && list.n == 1) {
        sp_address_text(&list.at[0], numeric);
        text = numeric;
    }
    for (const char *p = text; *p; p++)
        sp_put_byte(out, *p == '/' ? '_' : (uint8_t)*p);
}

static void put_runtime(const struct sp_config *c, struct sp_buf *out)
{
    const char *own = getenv("XDG_RUNTIME_DIR");
    if (geteuid() == 0 || access("/run/sallyport", W_OK | X_OK) == 0)
        sp_put_str(out, "/run/sallyport/");
    else if (own && own[0] == '/')
        sp_put_fmt(out, "%s/sallyport/", own);
    else
        sp_put_fmt(out, "/tmp/sallyport-%u/", (unsigned)geteuid());
    put_instance(c, out);
}

static int find_runtime(const struct sp_config *c, struct sp_plan *plan, char *why)
{
    struct sp_buf out = sp_buf_fixed(plan->runtime, sizeof plan->runtime - 1);
    if (c->runtime && *c->runtime)
        sp_put_str(&out, c->runtime);
    else
        put_runtime(c, &out);
    if (out.full)
        return fail(why, "the path of the runtime directory is too long");
    plan->runtime[out.n] = 0;
    return 0;
}

int sp_plan_begin(const struct sp_config *c, struct sp_plan *ret, char why[SP_PLAN_WHY])
{
    memset(ret, 0, sizeof *ret);
    ret->magic = SP_PLAN_MAGIC;
    ret->size = sizeof *ret;
    int rc = find_user(c, ret, why);
    return rc ? rc : find_runtime(c, ret, why);
}

/* ---- services ---- */

static bool same_text(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* The decoder's state is part of a session: the same name with another protocol is another service. */
static uint32_t place_of(const struct sp_plan *plan, const struct sp_config_service *s)
{
    uint32_t i = 0;
    while (i < plan->nservices && !(same_text(plan->services[i].name, s->name) && same_text(plan->services[i].protocol, s->protocol)))
        i++;
    return i;
}

static int make_service(const struct sp_config_service *c, struct sp_plan_service *s, char *why)
{
    const char *what;
    const struct sp_proto *proto = sp_proto_by_name(sp_span_str(c->protocol));
    uint64_t idle_ms = c->idle_ms || !proto ? c->idle_ms : proto->idle_s * UINT64_C(1000);
    *s = (struct sp_plan_service){.proxy_in = (uint8_t)c->proxy_in, .proxy_out = (uint8_t)c->proxy_out, .tls = (uint8_t)c->tls,
                                  .on_crash = (uint8_t)c->on_crash,
                                  .fail = (uint8_t)c->fail, .on_budget = (uint8_t)c->on_budget, .forwarded = c->forwarded_for,
                                  .monitor = c->monitor, .learn = c->learn, .body_max = c->body_max, .header_ms = c->header_ms, .body_ms = c->body_ms,
                                  .idle_ms = idle_ms, .connect_ms = c->connect_ms, .budget = c->budget};
    if (!put_text(s->name, sizeof s->name, c->name) || !put_text(s->protocol, sizeof s->protocol, c->protocol))
        return fail(why, "service %s: its name or protocol is too long", c->name);
    if (sp_address_parse(c->to, SP_ADDRESS_CONNECT, true, &s->to, &what) < 0)
        return fail(why, "service %s: cannot use '%s' as the server's address: %s", c->name, c->to, what);
    return 0;
}

static int add_listener(struct sp_plan *plan, const struct sp_config_service *c, uint32_t service, const char *text, char *why)
{
    const char *what;
    struct sp_address_list list;
    if (sp_address_parse(text, SP_ADDRESS_LISTEN, true, &list, &what) < 0)
        return fail(why, "service %s: cannot listen on '%s': %s", c->name, text, what);
    for (unsigned i = 0; i < list.n; i++) {
        if (plan->nlisteners == SP_PLAN_LISTENERS)
            return fail(why, "more than %d addresses to listen on", SP_PLAN_LISTENERS);
        plan->listeners[plan->nlisteners++] = (struct sp_plan_listener){list.at[i], service};
    }
    return 0;
}

static int add_service(struct sp_plan *plan, const struct sp_config_service *c, char *why)
{
    uint32_t at = place_of(plan, c);
    if (at == SP_PLAN_SERVICES)
        return fail(why, "service %s: no place is left: %d services were configured since the start", c->name, SP_PLAN_SERVICES);
    if (at == plan->nservices)
        plan->nservices++;
    int rc = make_service(c, &plan->services[at], why);
    for (uint64_t i = 0; rc == 0 && i < c->listen.n; i++)
        rc = add_listener(plan, c, at, c->listen.item[i], why);
    return rc;
}

static bool same_place(const struct sp_address *a, const struct sp_address *b)
{
    return sp_span_eq(sp_span_of(&a->sa, a->len), sp_span_of(&b->sa, b->len));
}

/* Two services on one address would each get some of the connections. */
static int check_listeners(const struct sp_plan *plan, char *why)
{
    for (uint32_t i = 0; i < plan->nlisteners; i++)
        for (uint32_t k = 0; k < i; k++)
            if (same_place(&plan->listeners[i].at, &plan->listeners[k].at)) {
                char text[SP_ADDRESS_TEXT];
                sp_address_text(&plan->listeners[i].at, text);
                return fail(why, "cannot listen on %s twice", text);
            }
    return 0;
}

static int make_services(const struct sp_config *c, const struct sp_plan *before, struct sp_plan *plan, char *why)
{
    int rc = 0;
    plan->nservices = before ? before->nservices : 0;
    for (uint32_t i = 0; i < plan->nservices; i++) {
        plan->services[i] = before->services[i];
        plan->services[i].leaving = true;
    }
    for (uint64_t i = 0; rc == 0 && i < c->nservices; i++)
        rc = add_service(plan, &c->services[i], why);
    return rc ? rc : check_listeners(plan, why);
}

/* ---- how many ---- */

static uint32_t processors(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n > SP_PLAN_WORKERS ? SP_PLAN_WORKERS : (uint32_t)n;
}

/* Of one worker: two descriptors a connection. Each keeper has a table of its own and raises its limit as far as it goes. */
static uint64_t connections_allowed(const struct sp_plan *plan, uint64_t total, struct sp_buf *notes)
{
    struct rlimit limit;
    uint64_t wanted = (total + plan->workers - 1) / plan->workers;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return wanted;
    uint64_t other = DESCRIPTORS_OTHER + 2 * (uint64_t)plan->nlisteners; /* a reload holds old and new */
    uint64_t allowed = limit.rlim_max > other + 2 ? (limit.rlim_max - other) / 2 : 1;
    if (allowed >= wanted)
        return wanted;
    sp_put_fmt(notes, "warning: the limit of %llu open files allows %llu connections at the same time, not %llu\n",
               (unsigned long long)limit.rlim_max, (unsigned long long)allowed * plan->workers, (unsigned long long)total);
    return allowed;
}

static void make_sizes(const struct sp_config *c, struct sp_plan *plan, struct sp_buf *notes)
{
    plan->workers = c->workers ? (uint32_t)c->workers : processors();
    uint64_t memory = c->memory / plan->workers;
    plan->memory = memory < MEMORY_MIN ? MEMORY_MIN : memory;
    plan->connections = connections_allowed(plan, c->connections, notes);
    if (plan->uid != SP_PLAN_STARTER && !same_text(plan->user, c->user))
        sp_put_fmt(notes, "warning: there is no user '%s': what sees traffic runs as '%s', which other programs may run as too\n", c->user, plan->user);
}

/* Shared memories were made for these, and processes have given up the right to change. */
static void keep_sizes(const struct sp_config *c, const struct sp_plan *before, struct sp_plan *plan, struct sp_buf *notes)
{
    uint32_t workers = c->workers ? (uint32_t)c->workers : before->workers;
    uint64_t memory = c->memory / workers;
    bool changed = workers != before->workers || (memory < MEMORY_MIN ? MEMORY_MIN : memory) != before->memory ||
                   plan->uid != before->uid || !same_text(plan->runtime, before->runtime);
    if (changed)
        sp_put_str(notes, "warning: 'workers', 'limits', 'user' and 'runtime' stay as they are until the next start\n");
    plan->workers = before->workers;
    plan->memory = before->memory;
    plan->connections = before->connections;
    plan->uid = before->uid;
    plan->gid = before->gid;
    memcpy(plan->user, before->user, sizeof plan->user);
    memcpy(plan->runtime, before->runtime, sizeof plan->runtime);
}

/* ---- the rest ---- */

static int make_outputs(const struct sp_config *c, struct sp_plan *plan, char *why)
{
    for (uint64_t i = 0; i < c->nevents; i++) {
        struct sp_plan_output *o = &plan->outputs[plan->noutputs++];
        o->kind = (uint32_t)c->events[i].kind;
        if (!put_text(o->path, sizeof o->path, c->events[i].path))
            return fail(why, "the path of an event output is too long");
    }
    if (!put_text(plan->store, sizeof plan->store, c->store))
        return fail(why, "the path in 'store' is too long");
    return put_text(plan->crashes, sizeof plan->crashes, c->crashes) ? 0 : fail(why, "the path in 'crashes' is too long");
}

int sp_plan_make(const struct sp_config *c, const struct sp_plan *before, struct sp_plan *plan, struct sp_buf *notes, char why[SP_PLAN_WHY])
{
    plan->spin_us = (uint32_t)c->spin_us;
    plan->watchdog_ms = (uint32_t)c->watchdog_ms;
    plan->survival = c->survival;
    int rc = make_outputs(c, plan, why);
    if (rc == 0)
        rc = make_services(c, before, plan, why);
    if (rc == 0 && before)
        keep_sizes(c, before, plan, notes);
    else if (rc == 0)
        make_sizes(c, plan, notes);
    return rc;
}
