/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event_writer: from the reports of all workers to the outputs. Nothing here blocks: what an output does not take is kept within its bounds, then dropped and
 * counted. Whoever drives it polls what it asks for.
 */
#ifndef SP_IO_EVENT_WRITER_H
#define SP_IO_EVENT_WRITER_H

#include <poll.h>

#include "io/event_output.h"
#include "io/plan.h"
#include "io/report.h"

enum sp_event_writer_limits {
    SP_WRITER_REPORTS = SP_PLAN_WORKERS * 2, /* every worker, and one that it replaces */
    SP_WRITER_POLLS = SP_OUTPUTS_MAX,
};

struct sp_event_writer;

__attribute__((warn_unused_result)) int sp_event_writer_new(struct sp_event_writer **ret);
void sp_event_writer_free(struct sp_event_writer *w);
/*
 * The plan's outputs instead of those before; `plan` must outlive them, the plan before is not needed any more. Those that are in both go on as they are.
 * 0 or -errno with *ret_which the output that cannot be opened: those before stay.
 */
__attribute__((warn_unused_result)) int sp_event_writer_outputs(struct sp_event_writer *w, const struct sp_plan *plan, unsigned *ret_which);
/* Reads this worker's report too, instead of one that it had before; it is unmapped with the writer. -E2BIG: there is no such slot. */
__attribute__((warn_unused_result)) int sp_event_writer_report(struct sp_event_writer *w, uint32_t slot, struct sp_report *report);
/* Lines about statements (io/learn.h) go there, without their newline, and to no output. */
void sp_event_writer_learned(struct sp_event_writer *w, void (*learned)(void *ctx, struct sp_span line), void *ctx);
/* A line of our own, with its newline. */
void sp_event_writer_line(struct sp_event_writer *w, struct sp_span line);
/* Files are opened again: after log rotation. */
void sp_event_writer_reopen(struct sp_event_writer *w);
/* Takes what workers have reported and writes what can be written. */
void sp_event_writer_turn(struct sp_event_writer *w);
/* Writes what can be written of what was taken, and takes nothing: somebody else may be reading the reports. */
void sp_event_writer_flush(struct sp_event_writer *w);
/* What to wait for: fills `polls` (SP_WRITER_POLLS) and returns their number; *ret_ms: at most so long, -1: any time. */
unsigned sp_event_writer_wait(struct sp_event_writer *w, struct pollfd *polls, int *ret_ms);
/* A worker whose report was found damaged, each time that it was. False: none (any more). */
bool sp_event_writer_damaged(struct sp_event_writer *w, uint32_t *ret_slot);
/* Everything that there was has been taken and is written. */
bool sp_event_writer_done(const struct sp_event_writer *w);
/* Tells the log what could not be written. */
void sp_event_writer_settle(const struct sp_event_writer *w);

#endif
