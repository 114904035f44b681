/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sql_shape: what remains of a statement without its literals, as a hash and as text. Tokens go in one by one; nothing is allocated.
 *
 * Literals and parameters are '?', words are folded, blanks and comments are not there. Of the elements of IN (...) and ARRAY[...] and of the rows of
 * VALUES each form counts once. A sign in front of a number belongs to it. NULL, TRUE, FALSE and DEFAULT in such lists are values like others. Digits in names
 * that object mappers make up (user0_, x1x0_) do not count. A semicolon at the end does not count.
 */
#ifndef SP_LANG_SQL_SHAPE_H
#define SP_LANG_SQL_SHAPE_H

#include "lang/sql_inside.h"

enum shape_limits {
    LISTS_MAX = 8, /* lists in lists that are shortened; deeper ones stay as they are */
    FORMS_MAX = 4, /* different elements of one list that are remembered */
};

struct shape_hash {
    uint64_t a, b;
};
struct shape_list {
    struct shape_hash before; /* what came before the element */
    size_t text;              /* the text's length then */
    size_t depth;
    uint64_t forms[FORMS_MAX];
    uint8_t nforms, rows;     /* rows: of VALUES */
};
struct shape {
    struct shape_hash hash;
    struct sp_buf *text; /* NULL: not wanted */
    struct sp_span in;
    size_t depth;
    uint64_t sign;       /* HOLD_SIGN: which */
    uint8_t hold, nlists;
    bool any, operand, joins_strings;
    uint8_t last_kind, last_keyword, last_byte;
    bool glued;          /* no blank before the next piece of text */
    struct shape_list lists[LISTS_MAX];
};

void sql_shape_start(struct shape *sh, struct sp_span in, struct sp_sql_mode mode, struct sp_buf *text);
void sql_shape_token(struct shape *sh, const struct sp_sql_token *t);
/* 0 when there was no token. */
uint64_t sql_shape_end(struct shape *sh);

#endif
