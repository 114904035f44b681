/* SPDX-License-Identifier: Apache-2.0 */
/* plan: whether one that came from another process can be relied on. Nothing of it is used before everything of it was looked at. */
#include "io/plan.h"

#include <errno.h>
#include <string.h>

enum plan_limits {
    SPIN_MAX_US = 1000000,        /* longer than that is no spinning */
    TIME_MAX_MS = 24 * 3600000,   /* so that sums of times cannot wrap */
    BODY_MAX = 64 << 20,          /* what the pool can hold in one block, with its head */
    CONNECTIONS_MAX = 10000000,   /* their numbers have 32 bits; this many fit in no machine */
};
#define MEMORY_MAX (UINT64_C(1) << 40)

static bool is_text(const char *s, size_t room)
{
    return memchr(s, 0, room) != NULL;
}

static bool is_name(const char *s)
{
    return is_text(s, SP_PLAN_NAME) && s[0];
}

/* A bool in foreign memory may hold anything; it is no bool before this. */
static bool is_bool(const bool *b)
{
    unsigned char c;
    memcpy(&c, b, 1);
    return c <= 1;
}

static bool is_time(uint64_t ms)
{
    return ms > 0 && ms <= TIME_MAX_MS;
}

static bool is_unix(const struct sp_address *a)
{
    size_t head = offsetof(struct sockaddr_un, sun_path);
    return a->len > head + 1 && a->len <= sizeof a->sa.path && a->sa.path.sun_path[0] && a->sa.path.sun_path[a->len - head - 1] == 0;
}

static bool is_address(const struct sp_address *a, enum sp_address_use use)
{
    switch (a->sa.any.sa_family) {
    case AF_INET:
        return a->len == sizeof a->sa.v4;
    case AF_INET6:
        return a->len == sizeof a->sa.v6;
    case AF_UNIX:
        return use == SP_ADDRESS_CONNECT && is_unix(a);
    default:
        return false;
    }
}

static bool is_address_list(const struct sp_address_list *l)
{
    bool ok = l->n > 0 && l->n <= SP_ADDRESSES_MAX;
    for (unsigned i = 0; ok && i < l->n; i++)
        ok = is_address(&l->at[i], SP_ADDRESS_CONNECT);
    return ok;
}

static bool service_ok(const struct sp_plan_service *s)
{
    return is_name(s->name) && is_name(s->protocol) && is_bool(&s->leaving) && is_bool(&s->forwarded) && is_bool(&s->monitor) && is_bool(&s->learn) &&
           is_address_list(&s->to) && s->proxy_in <= SP_PROXY_ANY && s->proxy_out <= SP_PROXY_V2 && s->tls <= SP_TLS_PASS && s->on_crash <= SP_CRASH_CLOSE &&
           s->fail <= SP_FAIL_CLOSED && s->on_budget <= SP_BUDGET_REFUSE && s->body_max > 0 && s->body_max <= BODY_MAX &&
           is_time(s->header_ms) && is_time(s->body_ms) && is_time(s->idle_ms) && is_time(s->connect_ms);
}

static bool listener_ok(const struct sp_plan *p, const struct sp_plan_listener *l)
{
    return is_address(&l->at, SP_ADDRESS_LISTEN) && l->service < p->nservices && !p->services[l->service].leaving;
}

static bool output_ok(const struct sp_plan_output *o)
{
    return o->kind <= SP_OUTPUT_SOCKET && is_text(o->path, SP_PLAN_PATH);
}

static bool head_ok(const struct sp_plan *p)
{
    return p->magic == SP_PLAN_MAGIC && p->size == sizeof *p && p->nservices <= SP_PLAN_SERVICES && p->nlisteners <= SP_PLAN_LISTENERS &&
           p->noutputs <= SP_OUTPUTS_MAX && p->workers > 0 && p->workers <= SP_PLAN_WORKERS && p->spin_us <= SPIN_MAX_US &&
           p->watchdog_ms <= TIME_MAX_MS && is_bool(&p->survival) && p->memory > 0 && p->memory <= MEMORY_MAX && p->connections > 0 &&
           p->connections <= CONNECTIONS_MAX && is_text(p->user, SP_PLAN_NAME) && is_text(p->runtime, SP_PLAN_PATH) &&
           is_text(p->crashes, SP_PLAN_PATH) && is_text(p->store, SP_PLAN_PATH);
}

int sp_plan_verify(const void *block, size_t n, const struct sp_plan **ret)
{
    const struct sp_plan *p = block;
    bool ok = n >= sizeof *p && head_ok(p);
    for (uint32_t i = 0; ok && i < p->nservices; i++)
        ok = service_ok(&p->services[i]);
    for (uint32_t i = 0; ok && i < p->nlisteners; i++)
        ok = listener_ok(p, &p->listeners[i]);
    for (uint32_t i = 0; ok && i < p->noutputs; i++)
        ok = output_ok(&p->outputs[i]);
    if (!ok)
        return -EINVAL;
    *ret = p;
    return 0;
}
