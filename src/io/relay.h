/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay: live connections through the engine. One worker serves; everything that makes its sessions lives in a *segment* of shared memory and in descriptors
 * that it shares with its keeper, so that another worker can go on where it stopped, at whatever instruction that was (docs/survival.md).
 *
 * A keeper makes a relay and clones workers; a worker calls sp_relay_serve. A test may serve in a thread.
 */
#ifndef SP_IO_RELAY_H
#define SP_IO_RELAY_H

#include "engine/session.h"
#include "io/plan.h"
#include "io/report.h"

struct sp_relay;

/* What a worker is started with. All of it stays the caller's and must be there as long as the worker serves. */
struct sp_relay_conf {
    const struct sp_plan *plan;
    const struct sp_policy *policy; /* NULL: nothing is inspected, sessions pass or are closed as the service's `fail` says */
    struct sp_report *report;
    int report_wake;                /* eventfd of the reader of reports; -1: none */
    const int *listeners;           /* descriptors, in the plan's order; plan->nlisteners of them. Others hold the same sockets, so those that
                                       are not wanted any more are taken out of epoll; the keeper closes them when the order is answered */
    void (*tick)(void *ctx);        /* called by the worker between turns, about once a second; may call what is the keeper's side. NULL: nothing */
    void *tick_ctx;
};

/* A new segment for worker number `slot` (flow ids differ by slot). 0 or -errno. */
__attribute__((warn_unused_result)) int sp_relay_new(const struct sp_plan *plan, unsigned slot, struct sp_relay **ret);
/* A segment that another keeper made. 0, -EPROTO when its layout is another than ours, or -errno. */
__attribute__((warn_unused_result)) int sp_relay_attach(int segment, struct sp_relay **ret);
void sp_relay_free(struct sp_relay *r);
/* The segment's descriptor: for a keeper that comes after us. */
int sp_relay_segment(const struct sp_relay *r);
/* Says how memory is laid out in this build, decoders included: two builds with the same number can go on with each other's sessions anywhere. */
uint64_t sp_relay_layout(void);
/* Memory of ours per idle connection. */
size_t sp_relay_connection_size(void);

/* ---- the worker ---- */

/*
 * Maps and allocates what serving needs, and takes over the sessions of the segment. What comes behind it needs no file and no right: the sandbox is
 * entered between the two. 0 or -errno.
 */
__attribute__((warn_unused_result)) int sp_relay_ready(struct sp_relay *r, const struct sp_relay_conf *conf);
/* Serves until told to rest, or to stop and the last connection has ended. */
void sp_relay_serve(struct sp_relay *r);
/* What the worker of this process listens on: `ret` has room for SP_PLAN_LISTENERS. Their number. */
unsigned sp_relay_listeners(const struct sp_relay *r, int *ret);
/* After sp_relay_serve in a process that goes on (tests): gives back what sp_relay_ready took. */
void sp_relay_done(struct sp_relay *r);

/* ---- the keeper's side; also valid while a worker serves ---- */

enum sp_relay_order {
    SP_ORDER_NONE,
    SP_ORDER_REST,    /* finish this turn and return from serve; sessions stay as they are */
    SP_ORDER_STOP,    /* no new connections; those that are open may finish what they are at for grace_ms */
    SP_ORDER_TAKE,    /* another plan, policy and listeners, from each connection's next message on */
    SP_ORDER_DRAIN,   /* no new connections; hand every session over through `channel` at its next message boundary, for grace_ms */
    SP_ORDER_RECEIVE, /* sessions come through `channel`, which is closed at its end; -EBUSY while another one is open */
};

struct sp_relay_told {
    enum sp_relay_order order;
    unsigned grace_ms;
    int plan, policy;    /* TAKE: descriptors of sealed memfds, open in the table that worker and keeper share */
    int channel;         /* DRAIN, RECEIVE: one end of a SOCK_SEQPACKET pair */
    const int *listeners;/* TAKE: in the new plan's order, -1 behind the last */
};

/* Tells the worker. One order at a time: -EBUSY while the last is not answered. An order outlives the worker that did not get to it. */
__attribute__((warn_unused_result)) int sp_relay_tell(struct sp_relay *r, const struct sp_relay_told *what);
/* Becomes readable when an order has been answered; and the answer: -EAGAIN (none yet), else 0 or what went wrong (TAKE: the old ones go on). */
int sp_relay_answer_fd(const struct sp_relay *r);
int sp_relay_answer(struct sp_relay *r);

enum sp_death {
    SP_DEATH_FAULT,   /* a signal of its own making: SIGSEGV, SIGABRT, SIGSYS, ...; or it ended without being told to */
    SP_DEATH_HANG,    /* the keeper ended it: it did not move */
    SP_DEATH_FOREIGN, /* somebody's SIGKILL or SIGTERM */
};
/* Called between the end of one worker and the start of the next. */
void sp_relay_died(struct sp_relay *r, enum sp_death how);
/* Grows whenever the worker gets something done or waits for work; a worker in which it stands still hangs. */
uint64_t sp_relay_beat(const struct sp_relay *r);
/* The present worker (since the latest sp_relay_died or rest) has taken over the sessions and serves. */
bool sp_relay_is_up(const struct sp_relay *r);
/* The bytes that were under the hand of the worker that died, as a capture file: appended to `out`. False: there were none. */
bool sp_relay_crash_capture(const struct sp_relay *r, struct sp_buf *out);

#endif
