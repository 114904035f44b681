/* SPDX-License-Identifier: Apache-2.0 */
/* lines: the lines of a file or pipe one after the other, in memory that depends on the longest line only. */
#ifndef SP_PROC_LINES_H
#define SP_PROC_LINES_H

#include "base/span.h"

enum sp_lines_limits {
    SP_LINE_MAX = 64 << 20, /* a record with 48 MiB of traffic in base64 */
};

/* Invariant: at <= have <= cap <= SP_LINE_MAX. */
struct sp_lines {
    int fd;
    uint8_t *buf;
    size_t cap, at, have;
    uint64_t number; /* of the line returned last, from 1 */
    bool ended;
};

/* 0 or -ENOMEM. The descriptor stays the caller's. */
__attribute__((warn_unused_result)) int sp_lines_init(struct sp_lines *l, int fd);
void sp_lines_fini(struct sp_lines *l);
/* 1: *ret is the next line without its newline, valid until the next call. 0: there is none. -E2BIG: longer than SP_LINE_MAX (`number` says
 * which). Else -errno of reading. */
__attribute__((warn_unused_result)) int sp_lines_next(struct sp_lines *l, struct sp_span *ret);

#endif
