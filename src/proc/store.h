/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store: what has been learned, in an SQLite file: shapes of statements by service and key, how often and when they came, and whether somebody approved them.
 * Several processes may have it open: the admin writes what workers saw, commands read and approve.
 */
#ifndef SP_PROC_STORE_H
#define SP_PROC_STORE_H

#include "base/span.h"

enum sp_store_limits {
    SP_STORE_SHAPES_MAX = 1 << 20, /* a client that makes shapes up must not fill the disk */
    SP_STORE_WHY = 256,
};
#define SP_STORE_DEFAULT "/var/lib/sallyport/store.db"

struct sp_store;

/* Opens it, with `make` also one that is not there yet. 0, or -1 with the reason in `why`. */
__attribute__((warn_unused_result)) int sp_store_open(const char *path, bool make, char why[SP_STORE_WHY], struct sp_store **ret);
void sp_store_close(struct sp_store *s);
/* What went wrong last. */
const char *sp_store_why(const struct sp_store *s);

struct sp_shape {
    struct sp_span service, key, text; /* key: as sp_statement_key writes it */
    uint64_t count;                    /* at least */
    uint64_t first_us, last_us;        /* real time */
    uint64_t at;                       /* statements of the service before it came first */
    bool approved;
};

/* All until the next sp_store_commit are written together. 0 or -1. */
__attribute__((warn_unused_result)) int sp_store_begin(struct sp_store *s);
__attribute__((warn_unused_result)) int sp_store_commit(struct sp_store *s);
/* `count` more of this shape, the last at `seen_us`. Text: empty leaves what is there. 0 or -1. */
__attribute__((warn_unused_result)) int sp_store_saw(struct sp_store *s, const struct sp_shape *shape);
/* Enters it as approved, whether it was there or not. 0 or -1. */
__attribute__((warn_unused_result)) int sp_store_approve(struct sp_store *s, const struct sp_shape *shape);
/* Calls `each` for every shape of a service (empty: of all) in the order of their first coming, until it returns non-zero: that is returned. -1: failed. */
int sp_store_each(struct sp_store *s, struct sp_span service, int (*each)(void *ctx, const struct sp_shape *shape), void *ctx);
/* Statements that a service has seen. */
uint64_t sp_store_statements(struct sp_store *s, struct sp_span service);
/* Takes the approval of shapes back, or forgets them: those of `service` whose key begins so, or whose shape it is. How many, or -1. */
int sp_store_forget(struct sp_store *s, struct sp_span service, struct sp_span key);
/* Approves those of `service` (empty: of all) that `key` names: a key, the beginning of one, or a shape; empty: all. How many, or -1. */
int sp_store_approve_all(struct sp_store *s, struct sp_span service, struct sp_span key);

#endif
