/* SPDX-License-Identifier: Apache-2.0 */
/* status: who runs and what they have done, for people or for programs. */
#include <unistd.h>

#include "proc/supervisor.h"

enum status_limits {
    TEXT_MAX = SP_MESSAGE_MAX - 1024, /* of an answer */
    WORKER_MAX = 1024,                /* of one worker in it */
};

/* In the order of struct sp_counters. */
static const char *const counter_names[] = {
    "connections", "active", "bytes_from_clients", "bytes_from_servers", "accept_failures", "server_failures", "timeouts", "preface_failures",
    "messages", "hits", "refused", "corrected", "malformed", "memory", "shed", "over_budget", "deaths", "hangs", "carried", "quarantined",
    "damaged", "handed_over", "lost_events",
};
enum { COUNTERS = sizeof counter_names / sizeof *counter_names };
_Static_assert(COUNTERS == sizeof(struct sp_counters) / sizeof(uint64_t), "every counter has a name");

static const char *mode_name(const struct post *p)
{
    static const char *const names[] = {"starting", "inspecting", "plain", "draining", "down"};
    unsigned mode = p->report ? sp_report_mode(p->report) : SP_MODE_DOWN;
    return p->state == POST_ORPHAN ? "orphan" : mode < sizeof names / sizeof *names ? names[mode] : "unknown";
}

static bool is_listed(const struct post *p)
{
    return p->state != POST_FREE && p->report;
}

/* ---- for people ---- */

static const char *mode_sentence(const struct post *p)
{
    if (p->state == POST_ORPHAN)
        return "without a keeper, draining";
    return p->report && sp_report_mode(p->report) == SP_MODE_PLAIN ? "PLAIN: NOTHING IS INSPECTED" : mode_name(p);
}

static void put_text(struct sp_buf *b, const struct post *p)
{
    const struct sp_counters *c = sp_report_counters(p->report);
    sp_put_fmt(b, "keeper %-3u    %8d  worker %d, %s, %llu connections open, %llu messages, replaced %llu times (%llu hung)%s\n", p->slot, (int)p->pid,
               (int)p->worker, mode_sentence(p), (unsigned long long)c->active, (unsigned long long)c->units, (unsigned long long)c->deaths,
               (unsigned long long)c->hangs, p->self.build == sp_build() ? "" : ", an earlier program");
}

static void put_all_text(struct sp_buf *b, const struct supervisor *s)
{
    sp_put_fmt(b, "supervisor    %8d  version %s, build %016llx, layout %016llx\n", (int)getpid(), SP_VERSION, (unsigned long long)sp_build(),
               (unsigned long long)sp_relay_layout());
    sp_put_fmt(b, "admin         %8d  %s\n", (int)s->admin.pid, s->admin_ready ? "writes events" : "is not there");
    for (unsigned i = 0; i < POSTS_MAX; i++)
        if (is_listed(&s->posts[i]))
            put_text(b, &s->posts[i]);
}

/* ---- for programs ---- */

static void put_counters(struct sp_buf *b, const struct sp_counters *c)
{
    const uint64_t *number = (const uint64_t *)(const void *)c;
    for (unsigned i = 0; i < COUNTERS; i++)
        sp_put_fmt(b, "%s\"%s\":%llu", i ? "," : "", counter_names[i], (unsigned long long)number[i]);
}

static void put_worker(struct sp_buf *b, const struct post *p)
{
    sp_put_fmt(b, "{\"slot\":%u,\"keeper\":%d,\"worker\":%d,\"mode\":\"%s\",\"build\":\"%016llx\",\"counters\":{", p->slot, (int)p->pid, (int)p->worker,
               mode_name(p), (unsigned long long)p->self.build);
    put_counters(b, sp_report_counters(p->report));
    sp_put_str(b, "}}");
}

/* On machines with very many processors not all workers fit: `listed` says how many do. */
static void put_all_json(struct sp_buf *b, const struct supervisor *s)
{
    unsigned listed = 0, all = 0;
    sp_put_fmt(b, "{\"version\":\"%s\",\"build\":\"%016llx\",\"layout\":\"%016llx\",\"supervisor\":%d,\"admin\":%d,\"workers\":[", SP_VERSION,
               (unsigned long long)sp_build(), (unsigned long long)sp_relay_layout(), (int)getpid(), (int)s->admin.pid);
    for (unsigned i = 0; i < POSTS_MAX; i++) {
        if (!is_listed(&s->posts[i]))
            continue;
        all++;
        if (b->n + WORKER_MAX > TEXT_MAX)
            continue;
        sp_put_str(b, listed++ ? "," : "");
        put_worker(b, &s->posts[i]);
    }
    sp_put_fmt(b, "],\"listed\":%u,\"running\":%u}\n", listed, all);
}

void status_tell(struct supervisor *s, struct user *u)
{
    struct sp_buf b = sp_buf_growing(TEXT_MAX);
    if (u->ask == SP_ASK_STATUS_JSON)
        put_all_json(&b, s);
    else
        put_all_text(&b, s);
    order_answer(u, SP_EXIT_OK, sp_buf_span(&b));
    sp_buf_fini(&b);
}
