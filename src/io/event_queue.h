/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event_queue: from the workers to the outputs. Workers format events and append them to a bounded block under a short lock; one thread swaps
 * the block for an empty one and writes. Whatever the outputs do, a worker never waits for them.
 */
#ifndef SP_IO_EVENT_QUEUE_H
#define SP_IO_EVENT_QUEUE_H

#include "io/event.h"
#include "io/event_output.h"

enum sp_event_queue_limits {
    SP_QUEUE_BYTES = 4 << 20, /* what workers may be ahead of the writer */
};

struct sp_event_queue;

/* Opens the outputs and starts the writer. 0 or -errno with *ret_which the output that cannot be opened (or noutputs). `outputs` and `services`
 * stay the caller's and must outlive the queue. */
__attribute__((warn_unused_result)) int sp_event_queue_start(const struct sp_output *outputs, unsigned noutputs,
                                                             const char *const *services, unsigned nservices, unsigned *ret_which,
                                                             struct sp_event_queue **ret);
/* For sp_engine.emit, with the queue as ctx. Any thread. */
void sp_event_queue_emit(void *queue, const struct sp_event *ev);
/* Files are opened again: after log rotation. Any thread. */
void sp_event_queue_reopen(struct sp_event_queue *q);
/* Lines that no output or not every output got, so far. */
uint64_t sp_event_queue_dropped(const struct sp_event_queue *q);
/* Gives the outputs a moment to take what is left, then ends. */
void sp_event_queue_stop(struct sp_event_queue *q);

#endif
