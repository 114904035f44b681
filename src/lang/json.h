/* SPDX-License-Identifier: Apache-2.0 */
/* json: what the readers of JSON and of what resembles it share. */
#ifndef SP_LANG_JSON_H
#define SP_LANG_JSON_H

#include "lang/inside.h"

enum json_state {
    TOP = 0,     /* between top-level values */
    VALUE,       /* a value has to come */
    FIRST_KEY,   /* behind { */
    KEY,         /* behind a comma in an object */
    FIRST_VALUE, /* behind [ */
    AFTER,       /* behind a value inside a container */
    STOPPED,
};

enum { IN_OBJECT = UINT32_MAX };

static inline bool json_in_object(const struct sp_json *j)
{
    return j->depth && j->index[j->depth - 1] == (uint32_t)IN_OBJECT;
}

/* The path of what comes next ends with this member name, or with the number of the element. */
void json_path_segment(struct sp_json *j, struct sp_span segment);
void json_path_index(struct sp_json *j);
/* An item of which `from` is the start and j->at the end. */
void json_fill(struct sp_json *j, struct sp_json_item *ret, enum sp_json_kind kind, size_t from);
/* Behind a backslash. False: no escape of JSON. */
bool json_take_escape(struct sp_json *j, struct sp_buf *out);
/* At a bracket. True when an item is ready: the nesting is too deep. */
bool json_open(struct sp_json *j, struct sp_json_item *ret, bool object);
bool json_close(struct sp_json *j);
/* There is nothing more to be had: the item is BROKEN. */
bool json_stop(struct sp_json *j, struct sp_json_item *ret);
/* The same as a step of the strict reader, behind the first byte that is not JSON. */
bool json_lenient_step(struct sp_json *j, struct sp_json_item *ret);

#endif
