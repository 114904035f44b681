/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shapes: shapes of statements as text: the lines in which workers tell of them (io/learn.h), and the file of approved ones, which is a rule file: a list of
 * keys and the guard that refuses whatever is not in it.
 */
#ifndef SP_PROC_SHAPES_H
#define SP_PROC_SHAPES_H

#include "base/arena.h"
#include "base/buf.h"
#include "proc/store.h"

/* Reads a worker's line. Its texts are in the arena. False: it is none, and is not to be believed. */
bool sp_shape_read(struct sp_span line, struct sp_arena *a, struct sp_shape *ret);

struct sp_shapes_file {
    const char *service, *protocol;
    const char *then;  /* refuse, alert, "refuse 42501" */
};
/* The file, in three pieces: what comes before the keys, a line for each approved shape in the order in which they are given, what comes after them. */
void sp_shapes_begin(struct sp_buf *out, const struct sp_shapes_file *f);
void sp_shapes_line(struct sp_buf *out, const struct sp_shape *shape);
/* `proof`: an approved shape whose text has that shape, for a case that passes; NULL: there is none. */
void sp_shapes_end(struct sp_buf *out, const struct sp_shapes_file *f, const struct sp_shape *proof);
/* A line of such a file. True: it is an approved shape; its service is not known from it. */
bool sp_shapes_parse(struct sp_span line, struct sp_arena *a, struct sp_shape *ret);
/* Has the shape's text the shape that its key says? */
bool sp_shape_proves(const char *protocol, const struct sp_shape *shape, struct sp_arena *a);

#endif
