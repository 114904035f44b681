/* SPDX-License-Identifier: Apache-2.0 */
/* event_writer: from the reports of all workers to the outputs. */
#include "io/event_writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

enum {
    CHUNK = 256 << 10, /* taken from one report at a time: at least its longest line */
};
_Static_assert((int)CHUNK >= (int)SP_REPORT_LINE_MAX, "a report must be able to move on");

struct sp_event_writer {
    struct sp_output what[SP_OUTPUTS_MAX];
    struct sp_output_state outputs[SP_OUTPUTS_MAX];
    unsigned noutputs;
    struct sp_report *reports[SP_WRITER_REPORTS];
    unsigned nreports;
    uint8_t chunk[CHUNK];
};

static uint64_t now_ms(void)
{
    return sp_clock_mono_ns() / 1000000;
}

int sp_event_writer_new(struct sp_event_writer **ret)
{
    struct sp_event_writer *w = calloc(1, sizeof *w);
    *ret = w;
    return w ? 0 : -ENOMEM;
}

static void close_outputs(struct sp_output_state *o, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        sp_output_close(&o[i]);
}

void sp_event_writer_free(struct sp_event_writer *w)
{
    close_outputs(w->outputs, w->noutputs);
    for (unsigned i = 0; i < w->nreports; i++)
        sp_report_unmap(w->reports[i]);
    free(w);
}

static bool same_outputs(const struct sp_event_writer *w, const struct sp_plan *plan)
{
    bool same = w->noutputs == plan->noutputs;
    for (unsigned i = 0; same && i < plan->noutputs; i++)
        same = (uint32_t)w->what[i].kind == plan->outputs[i].kind && strcmp(w->what[i].path, plan->outputs[i].path) == 0;
    return same;
}

static void name_outputs(struct sp_output *what, const struct sp_plan *plan)
{
    for (unsigned i = 0; i < plan->noutputs; i++)
        what[i] = (struct sp_output){(enum sp_output_kind)plan->outputs[i].kind, plan->outputs[i].path};
}

int sp_event_writer_outputs(struct sp_event_writer *w, const struct sp_plan *plan, unsigned *ret_which)
{
    struct sp_output_state next[SP_OUTPUTS_MAX];
    bool same = same_outputs(w, plan);
    struct sp_output what[SP_OUTPUTS_MAX];
    name_outputs(what, plan);
    for (unsigned i = 0; !same && i < plan->noutputs; i++) {
        int err = sp_output_open(&next[i], &what[i]);
        if (err) {
            *ret_which = i;
            close_outputs(next, i);
            return err;
        }
    }
    if (!same) {
        close_outputs(w->outputs, w->noutputs);
        memcpy(w->outputs, next, sizeof next);
    }
    memcpy(w->what, what, sizeof what); /* paths are in the new plan from now on */
    w->noutputs = plan->noutputs;
    for (unsigned i = 0; i < w->noutputs; i++)
        w->outputs[i].what = &w->what[i];
    return 0;
}

int sp_event_writer_report(struct sp_event_writer *w, struct sp_report *report)
{
    if (w->nreports == SP_WRITER_REPORTS)
        return -E2BIG;
    w->reports[w->nreports++] = report;
    return 0;
}

void sp_event_writer_line(struct sp_event_writer *w, struct sp_span line)
{
    for (unsigned i = 0; i < w->noutputs; i++)
        sp_output_add(&w->outputs[i], line);
}

void sp_event_writer_reopen(struct sp_event_writer *w)
{
    for (unsigned i = 0; i < w->noutputs; i++)
        sp_output_reopen(&w->outputs[i], now_ms());
}

/* What one worker has reported, at most as much as there was when we began. */
static void take(struct sp_event_writer *w, struct sp_report *report)
{
    uint64_t lost;
    ssize_t n;
    for (unsigned i = 0; i <= SP_REPORT_RING / CHUNK; i++) {
        n = sp_report_take(report, w->chunk, CHUNK, &lost);
        if (n == -EPROTO)
            sp_log(SP_LOG_ERROR, "events: a worker's report is damaged; what was in it is lost");
        if (n > 0)
            sp_event_writer_line(w, sp_span_of(w->chunk, (size_t)n));
        for (unsigned k = 0; lost && k < w->noutputs; k++)
            sp_output_lost(&w->outputs[k], lost);
        if (n <= 0)
            return;
        for (unsigned k = 0; k < w->noutputs; k++)
            sp_output_pump(&w->outputs[k], now_ms());
    }
}

void sp_event_writer_turn(struct sp_event_writer *w)
{
    for (unsigned i = 0; i < w->nreports; i++)
        take(w, w->reports[i]);
    for (unsigned i = 0; i < w->noutputs; i++)
        sp_output_pump(&w->outputs[i], now_ms());
}

static int earlier(int a, int b)
{
    return a < 0 ? b : b < 0 || a < b ? a : b;
}

unsigned sp_event_writer_wait(struct sp_event_writer *w, struct pollfd *polls, int *ret_ms)
{
    uint64_t now = now_ms();
    *ret_ms = -1;
    for (unsigned i = 0; i < w->noutputs; i++) {
        const struct sp_output_state *o = &w->outputs[i];
        polls[i] = (struct pollfd){.fd = o->waiting ? o->fd : -1, .events = POLLOUT};
        if (o->retry_ms)
            *ret_ms = earlier(*ret_ms, o->retry_ms > now ? (int)(o->retry_ms - now) : 0);
    }
    for (unsigned i = 0; i < w->nreports; i++)
        if (!sp_report_sleep(w->reports[i]))
            *ret_ms = 0;
    return w->noutputs;
}

bool sp_event_writer_done(const struct sp_event_writer *w)
{
    for (unsigned i = 0; i < w->noutputs; i++)
        if (w->outputs[i].at < w->outputs[i].n)
            return false;
    return true;
}

void sp_event_writer_settle(const struct sp_event_writer *w)
{
    for (unsigned i = 0; i < w->noutputs; i++) {
        const struct sp_output_state *o = &w->outputs[i];
        uint64_t left = sp_output_pending(o) + o->dropped;
        if (left)
            sp_log(SP_LOG_WARN, "events: %llu could not be written to %s", (unsigned long long)left, sp_output_name(o->what));
    }
}
