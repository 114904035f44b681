/* SPDX-License-Identifier: Apache-2.0 */
/* summary: verdicts counted per label and class, as a table. */
#ifndef SP_PROC_SUMMARY_H
#define SP_PROC_SUMMARY_H

#include "base/buf.h"
#include "proto/proto.h"

enum sp_summary_limits {
    SP_SUMMARY_ROWS = 4096,     /* different (label, class); further ones share one row */
    SP_SUMMARY_NAME = 64,       /* bytes shown of each */
    SP_SUMMARY_ERROR = SP_CLOSE + 1, /* column of records that could not be judged */
    SP_SUMMARY_COLUMNS,
};

struct sp_summary;

/* NULL without memory. */
struct sp_summary *sp_summary_new(void);
void sp_summary_free(struct sp_summary *s);
/* `column`: an enum sp_act, or SP_SUMMARY_ERROR. */
void sp_summary_count(struct sp_summary *s, struct sp_span label, struct sp_span cls, unsigned column);
void sp_summary_print(struct sp_summary *s, struct sp_buf *out);

#endif
