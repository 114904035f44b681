/* SPDX-License-Identifier: Apache-2.0 */
/* record: one line of a corpus: a JSON object with a recorded connection in base64. */
#ifndef SP_PROC_RECORD_H
#define SP_PROC_RECORD_H

#include "base/arena.h"

struct sp_record {
    struct sp_span id, protocol, label, cls;
    struct sp_span client, server; /* decoded; what each side sends on one connection */
};

struct sp_record_error {
    size_t column; /* from 1 */
    const char *what;
};

/* False with *ret_error filled in. The spans point into the line or the arena. */
bool sp_record_read(struct sp_span line, struct sp_arena *a, struct sp_record *ret, struct sp_record_error *ret_error);

#endif
