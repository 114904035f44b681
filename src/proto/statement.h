/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statement: what protocols of databases have in common for those who learn and approve statements: two fields, NAME.statement.key and
 * NAME.statement.shape.text, and how a key is written.
 */
#ifndef SP_PROTO_STATEMENT_H
#define SP_PROTO_STATEMENT_H

#include "proto/proto.h"

enum sp_statement_limits {
    SP_STATEMENT_KEY_MAX = 640, /* bytes of a key: three names of 64 to 128 bytes, percent-encoded where need be, and the shape */
};

/* The fields of a protocol that has them. False: it has none. */
bool sp_statement_fields(const struct sp_proto *p, uint16_t *ret_key, uint16_t *ret_text);
/*
 * "user/database/application/shape": who says what. Bytes of names outside letters, digits and "-._~ @:+" are percent-encoded; the shape is 16 hexadecimal
 * digits. Empty, with a->exhausted set, when there is no room, or when it would be longer than SP_STATEMENT_KEY_MAX.
 */
struct sp_span sp_statement_key(struct sp_span user, struct sp_span database, struct sp_span application, uint64_t shape, struct sp_arena *a);

#endif
