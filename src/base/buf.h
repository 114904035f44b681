/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf: bytes appended one after the other, in memory that somebody else owns (fixed) or that grows to a maximum told
 * at birth. What does not fit is not written at all and `full` sticks, so writers check once at the end.
 */
#ifndef SP_BASE_BUF_H
#define SP_BASE_BUF_H

#include <stdarg.h>

#include "base/arena.h"
#include "base/span.h"

struct sp_buf {
    uint8_t *p;
    size_t n, cap, max;
    bool owned; /* grown with realloc, freed by sp_buf_fini */
    bool full;
};

struct sp_buf sp_buf_fixed(void *p, size_t cap);
struct sp_buf sp_buf_growing(size_t max);
/* Up to `max` bytes in the arena (reserved at once; sp_buf_done gives the rest back). */
struct sp_buf sp_buf_arena(struct sp_arena *a, size_t max);
struct sp_span sp_buf_done(struct sp_buf *b, struct sp_arena *a);
void sp_buf_fini(struct sp_buf *b);

void sp_put(struct sp_buf *b, struct sp_span s);
void sp_put_byte(struct sp_buf *b, uint8_t c);
void sp_put_str(struct sp_buf *b, const char *nul_terminated);
void sp_put_u64(struct sp_buf *b, uint64_t v);
void sp_put_i64(struct sp_buf *b, int64_t v);
/* 16 digits. */
void sp_put_hex64(struct sp_buf *b, uint64_t v);
__attribute__((format(printf, 2, 3))) void sp_put_fmt(struct sp_buf *b, const char *fmt, ...);
/* s as the inside of a JSON string (no quotes): escapes, control bytes as \u00xx; bytes that are not valid UTF-8 as
 * \u00xx of their Latin-1 value, so the result is always valid JSON. */
void sp_put_json(struct sp_buf *b, struct sp_span s);
static inline struct sp_span sp_buf_span(const struct sp_buf *b) { return (struct sp_span){b->p, b->n}; }

#endif
