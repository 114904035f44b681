/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report: what a worker tells about itself: counters, and event lines in a ring with one writer and one reader. Shared memory that outlives both. The reader
 * does not trust the writer: whatever stands in the ring, it gets whole lines of bounded length or the ring is declared broken. The writer never waits:
 * what finds no room is counted as lost.
 */
#ifndef SP_IO_REPORT_H
#define SP_IO_REPORT_H

#include <sys/types.h>

#include "base/span.h"

enum sp_report_limits {
    SP_REPORT_RING = 4 << 20,       /* bytes: what a worker may be ahead of the reader; a power of two */
    SP_REPORT_LINE_MAX = 128 << 10, /* the longest line, its newline included */
};

/* uint64_t only: they are summed as an array. */
struct sp_counters {
    uint64_t connections, active;       /* accepted ever; open now */
    uint64_t bytes[2];                  /* received, by enum sp_dir */
    uint64_t accept_failures;           /* no descriptors, no memory */
    uint64_t server_failures;           /* the server refused, did not answer in time, or went away */
    uint64_t timeouts;                  /* header, body and idle */
    uint64_t preface_failures;          /* connections closed for a wrong PROXY protocol header */
    uint64_t units, hits, refused, corrected, malformed; /* the engine's */
    uint64_t memory;                    /* bytes held back now */
    uint64_t shed;                      /* idle connections closed to make room */
    uint64_t over_budget;               /* messages whose inspection cost more than the budget */
    uint64_t deaths, hangs;             /* of workers */
    uint64_t carried;                   /* sessions continued by a successor */
    uint64_t quarantined;               /* sessions whose bytes pass unread, or that were closed, after a crash */
    uint64_t damaged;                   /* sessions that a successor could not trust and closed */
    uint64_t handed_over;               /* sessions given to another worker at a message boundary */
    uint64_t lost_events;
};

enum sp_report_mode { SP_MODE_STARTING, SP_MODE_INSPECTING, SP_MODE_PLAIN, SP_MODE_DRAINING, SP_MODE_DOWN };

struct sp_report; /* the shared memory */

/* A new one in a memfd of its own. 0 or -errno. */
__attribute__((warn_unused_result)) int sp_report_new(int *ret_fd);
/* Maps one. 0 or -errno (-EINVAL: not a report). */
__attribute__((warn_unused_result)) int sp_report_map(int fd, struct sp_report **ret);
void sp_report_unmap(struct sp_report *r);

/* ---- writer ---- */

struct sp_counters *sp_report_counters(struct sp_report *r);
void sp_report_set_mode(struct sp_report *r, enum sp_report_mode mode);
/*
 * A writer that begins has to wake the reader once: the one before may have been killed between a line and the wake-up for it.
 *
 * One line with its newline. False: no room, or longer than SP_REPORT_LINE_MAX; it is counted. True in *ret_wake: the reader sleeps and has to be woken.
 */
bool sp_report_line(struct sp_report *r, struct sp_span line, bool *ret_wake);

/* ---- reader ---- */

enum sp_report_mode sp_report_mode(const struct sp_report *r);
/* Adds its counters to *sum. */
void sp_report_sum(const struct sp_report *r, struct sp_counters *sum);
/*
 * Copies whole lines, as many as fit, into `to`, which has room for SP_REPORT_LINE_MAX at least; returns their bytes, 0 when there are none, -EPROTO when the
 * ring is broken or has a line that is too long (it is emptied). *ret_lost: lines lost since the last call.
 */
__attribute__((warn_unused_result)) ssize_t sp_report_take(struct sp_report *r, uint8_t *to, size_t n, uint64_t *ret_lost);
/* True when the ring is empty and the writer will wake the next time; the reader may sleep. */
bool sp_report_sleep(struct sp_report *r);

#endif
