/* SPDX-License-Identifier: Apache-2.0 */
/* serve: from a valid configuration to running workers, and to their orderly end. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "io/event_queue.h"
#include "io/relay.h"
#include "proc/rules.h"
#include "proc/serve.h"

enum {
    GRACE_MS = 10000,  /* how long connections may finish what they are at */
    LINE_CAP = 1024,
};

struct server {
    struct sp_config *config;
    struct sp_list rule_paths;
    struct sp_rules rules;
    struct sp_event_queue *events; /* NULL when there are no outputs */
    struct sp_relay *relay;
    struct sp_output outputs[SP_OUTPUTS_MAX];
    struct sp_service_conf services[SP_SERVICES_MAX];
    const char *names[SP_SERVICES_MAX];
};

/* ---- starting ---- */

/* Threads started from here on leave signals to us. */
static void block_signals(sigset_t *ret)
{
    sigemptyset(ret);
    sigaddset(ret, SIGTERM);
    sigaddset(ret, SIGINT);
    sigaddset(ret, SIGHUP);
    pthread_sigmask(SIG_BLOCK, ret, NULL);
}

static int start_events(struct server *s)
{
    unsigned which, n = (unsigned)s->config->nevents;
    if (n == 0)
        return SP_EXIT_OK;
    for (unsigned i = 0; i < n; i++)
        s->outputs[i] = (struct sp_output){(enum sp_output_kind)s->config->events[i].kind, s->config->events[i].path};
    int err = sp_event_queue_start(s->outputs, n, s->names, (unsigned)s->config->nservices, &which, &s->events);
    if (!err)
        return SP_EXIT_OK;
    if (which < n)
        return sp_complain(SP_EXIT_RUNTIME, "cannot write events to %s: %s", sp_output_name(&s->outputs[which]), strerror(-err));
    return sp_complain(SP_EXIT_RUNTIME, "cannot start the event writer: %s", strerror(-err));
}

static struct sp_service_conf service_of(const struct sp_config_service *c)
{
    return (struct sp_service_conf){
        .name = c->name,
        .proto = sp_proto_by_name(sp_span_str(c->protocol)),
        .listen = c->listen.item,
        .nlisten = (unsigned)c->listen.n,
        .to = c->to,
        .proxy_in = (enum sp_proxy_mode)c->proxy_in,
        .proxy_out = (enum sp_proxy_mode)c->proxy_out,
        .forwarded = c->forwarded_for,
        .monitor = c->monitor,
        .body_max = c->body_max,
        .header_ms = c->header_ms,
        .body_ms = c->body_ms,
        .idle_ms = c->idle_ms,
        .connect_ms = c->connect_ms,
    };
}

static int start_relay(struct server *s)
{
    char why[SP_RELAY_WHY] = "";
    struct sp_relay_conf conf = {
        .services = s->services,
        .nservices = (unsigned)s->config->nservices,
        .threads = (unsigned)s->config->workers,
        .spin_us = (unsigned)s->config->spin_us,
        .memory = s->config->memory,
        .max_connections = s->config->connections,
        .policy = s->rules.policy,
        .emit = s->events ? sp_event_queue_emit : NULL,
        .ctx = s->events,
    };
    return sp_relay_start(&conf, &s->relay, why) ? sp_complain(SP_EXIT_RUNTIME, "%s", why) : SP_EXIT_OK;
}

static void announce_service(const struct sp_config_service *c)
{
    char line[LINE_CAP];
    struct sp_buf b = sp_buf_fixed(line, sizeof line);
    for (uint64_t i = 0; i < c->listen.n; i++)
        sp_put_fmt(&b, "%s%s", i ? ", " : "", c->listen.item[i]);
    sp_log(SP_LOG_INFO, "%s: %s on %.*s, to %s%s", c->name, c->protocol, SP_FMT(sp_buf_span(&b)), c->to,
           c->monitor ? ", only watching" : "");
}

static void announce_rules(const struct server *s, const char *what)
{
    char line[LINE_CAP];
    struct sp_buf b = sp_buf_fixed(line, sizeof line);
    sp_rules_describe(&s->rules, &b);
    sp_log(s->rules.set.nrules ? SP_LOG_INFO : SP_LOG_WARN, "%s%.*s, %u proof cases hold%s", what, SP_FMT(sp_buf_span(&b)), s->rules.cases,
           s->rules.set.nrules ? "" : ": nothing but malformed traffic will be stopped");
}

/* ---- serving ---- */

/* Wrong rules change nothing. */
static void reload(struct server *s)
{
    struct sp_rules next;
    if (s->events)
        sp_event_queue_reopen(s->events);
    if (sp_rules_load(&s->rule_paths, true, &next)) {
        sp_log(SP_LOG_ERROR, "the rules were not loaded again: those in force stay");
        return;
    }
    int err = sp_relay_swap_policy(s->relay, next.policy);
    if (err) {
        sp_log(SP_LOG_ERROR, "the new rules cannot be put in force: %s; those in force stay", strerror(-err));
        sp_rules_fini(&next);
        return;
    }
    sp_rules_fini(&s->rules);
    s->rules = next;
    announce_rules(s, "loaded again: ");
}

/* A second signal ends the process at once. */
static void stop_relay(struct server *s, const sigset_t *signals, int received)
{
    struct sp_relay_counters c;
    sp_log(SP_LOG_INFO, "%s: no new connections, waiting for those that are open", received == SIGINT ? "interrupted" : "terminated");
    pthread_sigmask(SIG_UNBLOCK, signals, NULL);
    sp_relay_count(s->relay, &c);
    sp_relay_stop(s->relay, GRACE_MS);
    sp_log(SP_LOG_INFO, "%llu connections, %llu messages: %llu corrected, %llu refused, %llu malformed", (unsigned long long)c.connections,
           (unsigned long long)c.units, (unsigned long long)c.corrected, (unsigned long long)c.refused, (unsigned long long)c.malformed);
}

static void serve_until_signal(struct server *s, const sigset_t *signals)
{
    int received = 0;
    while (received != SIGTERM && received != SIGINT) {
        if (sigwait(signals, &received))
            continue;
        if (received == SIGHUP)
            reload(s);
    }
    stop_relay(s, signals, received);
}

static int with_rules(struct server *s, const sigset_t *signals)
{
    for (uint64_t i = 0; i < s->config->nservices; i++) {
        s->services[i] = service_of(&s->config->services[i]);
        s->names[i] = s->config->services[i].name;
    }
    int status = start_events(s);
    if (!status)
        status = start_relay(s);
    if (!status) {
        announce_rules(s, "");
        for (uint64_t i = 0; i < s->config->nservices; i++)
            announce_service(&s->config->services[i]);
        serve_until_signal(s, signals);
    }
    if (s->events)
        sp_event_queue_stop(s->events);
    return status;
}

int sp_serve(struct sp_config *config)
{
    static struct server s;
    sigset_t signals;
    s.config = config;
    sp_config_rules(config, &s.rule_paths);
    int status = sp_rules_load(&s.rule_paths, true, &s.rules);
    if (status)
        return status;
    block_signals(&signals);
    status = with_rules(&s, &signals);
    sp_rules_fini(&s.rules);
    return status;
}
