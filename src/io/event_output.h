/* SPDX-License-Identifier: Apache-2.0 */
/* event_output: one place that event lines go to. Never blocks on it; what it does not take in time is dropped by whole lines and counted. */
#ifndef SP_IO_EVENT_OUTPUT_H
#define SP_IO_EVENT_OUTPUT_H

#include "base/span.h"

enum sp_output_kind {
    SP_OUTPUT_FILE,   /* appended to; a FIFO is fine too */
    SP_OUTPUT_STDOUT,
    SP_OUTPUT_SYSLOG, /* unix datagrams, RFC 3164 as local senders write it */
    SP_OUTPUT_SOCKET, /* unix stream, connected to; connected again when it breaks */
};

enum sp_output_limits {
    SP_OUTPUT_PENDING = 4 << 20, /* bytes kept for a place that is full or slow: some 5,000 events */
    SP_OUTPUTS_MAX = 8,
};

/* As configured. */
struct sp_output {
    enum sp_output_kind kind;
    const char *path; /* FILE, SYSLOG, SOCKET */
};

/* Invariant: pending[at..n) is whole lines, but the first may have been written in part (`torn`). */
struct sp_output_state {
    const struct sp_output *what;
    int fd; /* -1: not open, tried again at retry_ms */
    uint8_t *pending;
    size_t at, n;
    bool torn;
    bool waiting;       /* poll for POLLOUT */
    bool failing;       /* told in the log */
    uint64_t retry_ms;  /* 0: nothing to retry */
    uint64_t dropped;   /* since the last report */
    uint64_t dropped_ever;
};

/* Opens it. 0 or -errno: the place can never work as configured (no such directory, no permission). A collector that is not there yet is no error. */
__attribute__((warn_unused_result)) int sp_output_open(struct sp_output_state *o, const struct sp_output *what);
void sp_output_close(struct sp_output_state *o);
/* Takes whole lines; those that find no room are dropped. */
void sp_output_add(struct sp_output_state *o, struct sp_span lines);
/* n lines were lost before they came here. */
void sp_output_lost(struct sp_output_state *o, uint64_t n);
/* Writes what can be written now. */
void sp_output_pump(struct sp_output_state *o, uint64_t now_ms);
/* Files: opens the path again (log rotation). */
void sp_output_reopen(struct sp_output_state *o, uint64_t now_ms);
/* Lines still to be written. */
uint64_t sp_output_pending(const struct sp_output_state *o);
const char *sp_output_name(const struct sp_output *what);

#endif
