/* SPDX-License-Identifier: Apache-2.0 */
/* event_writer: from the reports of all workers to the outputs. */
#include "io/event_writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/learn.h"

enum {
    CHUNK = 256 << 10, /* taken from one report at a time: at least its longest line */
};
_Static_assert((int)CHUNK >= (int)SP_REPORT_LINE_MAX, "a report must be able to move on");

struct sp_event_writer {
    struct sp_output what[SP_OUTPUTS_MAX];
    struct sp_output_state outputs[SP_OUTPUTS_MAX];
    unsigned noutputs;
    struct sp_report *reports[SP_WRITER_REPORTS]; /* by slot; NULL: none */
    bool damaged[SP_WRITER_REPORTS];
    unsigned nslots;
    void (*learned)(void *ctx, struct sp_span line);
    void *ctx;
    bool unread;                                  /* the last turn left lines in a report */
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
    for (unsigned i = 0; i < w->nslots; i++)
        if (w->reports[i])
            sp_report_unmap(w->reports[i]);
    free(w);
}

/* ---- outputs ---- */

/* The outputs of the next plan while they are being made. */
struct change {
    struct sp_output what[SP_OUTPUTS_MAX];
    struct sp_output_state states[SP_OUTPUTS_MAX];
    unsigned from[SP_OUTPUTS_MAX]; /* where it is now; SP_OUTPUTS_MAX: nowhere, it is opened */
    bool stays[SP_OUTPUTS_MAX];    /* of those that are now */
};

static unsigned find_output(const struct sp_event_writer *w, const struct sp_output *what, const bool *taken)
{
    for (unsigned i = 0; i < w->noutputs; i++)
        if (!taken[i] && w->what[i].kind == what->kind && strcmp(w->what[i].path, what->path) == 0)
            return i;
    return SP_OUTPUTS_MAX;
}

static int make_output(struct sp_event_writer *w, struct change *c, unsigned i)
{
    c->from[i] = find_output(w, &c->what[i], c->stays);
    if (c->from[i] == SP_OUTPUTS_MAX)
        return sp_output_open(&c->states[i], &c->what[i]);
    c->stays[c->from[i]] = true;
    c->states[i] = w->outputs[c->from[i]];
    return 0;
}

static void undo(struct change *c, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (c->from[i] == SP_OUTPUTS_MAX)
            sp_output_close(&c->states[i]);
}

static void tell_left(const struct sp_output_state *o)
{
    uint64_t left = sp_output_pending(o) + o->dropped;
    if (left)
        sp_log(SP_LOG_WARN, "events: %llu could not be written to %s", (unsigned long long)left, sp_output_name(o->what));
}

static void commit(struct sp_event_writer *w, const struct change *c, unsigned n)
{
    for (unsigned i = 0; i < w->noutputs; i++)
        if (!c->stays[i]) {
            tell_left(&w->outputs[i]);
            sp_output_close(&w->outputs[i]);
        }
    memcpy(w->what, c->what, sizeof w->what);
    memcpy(w->outputs, c->states, sizeof w->outputs);
    w->noutputs = n;
    for (unsigned i = 0; i < n; i++)
        w->outputs[i].what = &w->what[i];
}

int sp_event_writer_outputs(struct sp_event_writer *w, const struct sp_plan *plan, unsigned *ret_which)
{
    struct change c = {0};
    for (unsigned i = 0; i < plan->noutputs; i++) {
        c.what[i] = (struct sp_output){(enum sp_output_kind)plan->outputs[i].kind, plan->outputs[i].path};
        int err = make_output(w, &c, i);
        if (err) {
            *ret_which = i;
            undo(&c, i);
            return err;
        }
    }
    commit(w, &c, plan->noutputs);
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

/* ---- reports ---- */

static void pump(struct sp_event_writer *w)
{
    for (unsigned i = 0; i < w->noutputs; i++)
        sp_output_pump(&w->outputs[i], now_ms());
}

void sp_event_writer_learned(struct sp_event_writer *w, void (*learned)(void *ctx, struct sp_span line), void *ctx)
{
    w->learned = learned;
    w->ctx = ctx;
}

/* Whole lines: those about statements aside, the others as many together as there are. */
static void deal(struct sp_event_writer *w, struct sp_span lines)
{
    static const struct sp_span prefix = {(const uint8_t *)SP_LEARN_PREFIX, sizeof SP_LEARN_PREFIX - 1};
    size_t from = 0;
    for (size_t at = 0, end; at < lines.n; at = end + 1) {
        end = sp_span_byte(lines, at, '\n');
        if (end == SP_NOT_FOUND)
            break;
        struct sp_span line = sp_span_sub(lines, at, end - at);
        if (!sp_span_starts(line, prefix))
            continue;
        if (at > from)
            sp_event_writer_line(w, sp_span_sub(lines, from, at - from));
        from = end + 1;
        if (w->learned)
            w->learned(w->ctx, line);
    }
    if (from < lines.n)
        sp_event_writer_line(w, sp_span_from(lines, from));
}

/* What one worker has reported, at most about as much as its report can hold: nobody may keep us from the others. */
static void take(struct sp_event_writer *w, unsigned slot)
{
    uint64_t lost;
    for (unsigned i = 0; i <= SP_REPORT_RING / CHUNK; i++) {
        ssize_t n = sp_report_take(w->reports[slot], w->chunk, CHUNK, &lost);
        w->damaged[slot] |= n == -EPROTO;
        for (unsigned k = 0; lost && k < w->noutputs; k++)
            sp_output_lost(&w->outputs[k], lost);
        if (n <= 0)
            return;
        deal(w, sp_span_of(w->chunk, (size_t)n));
        pump(w);
    }
    w->unread = true;
}

int sp_event_writer_report(struct sp_event_writer *w, uint32_t slot, struct sp_report *report)
{
    if (slot >= SP_WRITER_REPORTS)
        return -E2BIG;
    if (w->reports[slot]) {
        take(w, slot);
        sp_report_unmap(w->reports[slot]);
    }
    w->reports[slot] = report;
    if (w->nslots <= slot)
        w->nslots = slot + 1;
    return 0;
}

bool sp_event_writer_damaged(struct sp_event_writer *w, uint32_t *ret_slot)
{
    for (unsigned i = 0; i < w->nslots; i++)
        if (w->damaged[i]) {
            w->damaged[i] = false;
            *ret_slot = i;
            return true;
        }
    return false;
}

void sp_event_writer_turn(struct sp_event_writer *w)
{
    w->unread = false;
    for (unsigned i = 0; i < w->nslots; i++)
        if (w->reports[i])
            take(w, i);
    pump(w);
}

void sp_event_writer_flush(struct sp_event_writer *w)
{
    w->unread = false;
    pump(w);
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
    for (unsigned i = 0; i < w->nslots; i++)
        if (w->reports[i] && !sp_report_sleep(w->reports[i]))
            *ret_ms = 0;
    return w->noutputs;
}

bool sp_event_writer_done(const struct sp_event_writer *w)
{
    if (w->unread)
        return false;
    for (unsigned i = 0; i < w->noutputs; i++)
        if (w->outputs[i].at < w->outputs[i].n)
            return false;
    return true;
}

void sp_event_writer_settle(const struct sp_event_writer *w)
{
    for (unsigned i = 0; i < w->noutputs; i++)
        tell_left(&w->outputs[i]);
}
