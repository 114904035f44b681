/* SPDX-License-Identifier: Apache-2.0 */
/* event_source: a worker's end of the way that events take: formatted here, into its report; whoever reads the reports writes them out. Never waits. */
#ifndef SP_IO_EVENT_SOURCE_H
#define SP_IO_EVENT_SOURCE_H

#include "io/event.h"
#include "io/report.h"

struct sp_event_source;

/* `wake`: eventfd of the reader, -1: none. `services` as in sp_engine. All of it must outlive the source. 0 or -ENOMEM. */
__attribute__((warn_unused_result)) int sp_event_source_new(struct sp_report *report, int wake, const char *const *services, unsigned nservices,
                                                            struct sp_event_source **ret);
void sp_event_source_free(struct sp_event_source *s);
/* For sp_engine.emit, with the source as ctx. */
void sp_event_source_emit(void *source, const struct sp_event *ev);
/* For sp_engine.judged, after sp_engine_learn: statements that pass become lines for the store, each shape once and then how often it came. */
void sp_event_source_judged(void *source, const struct sp_session *s, const struct sp_msg *m, const struct sp_verdict *v);
/* Tells what is due. True: it is to be called again within SP_LEARN_EVERY_MS. */
bool sp_event_source_turn(struct sp_event_source *s, uint64_t now_ms);

#endif
