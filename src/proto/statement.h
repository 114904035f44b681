/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statement: what protocols of SQL databases have in common: the fields of a statement's text, and for those who learn and approve statements
 * NAME.statement.key, how it is written, and NAME.statement.shape.text.
 */
#ifndef SP_PROTO_STATEMENT_H
#define SP_PROTO_STATEMENT_H

#include "lang/sql.h"
#include "proto/proto.h"

enum sp_statement_limits {
    SP_STATEMENT_KEY_MAX = 640, /* bytes of a key: three names of 64 to 128 bytes, percent-encoded where need be, and the shape */
};

/*
 * The rows of a statement in a catalogue, in this order. What is dear to find out counts as body: it is looked for only when a rule that the rest
 * does not rule out asks for it.
 */
/* clang-format off */
#define SP_STATEMENT_FIELDS(F, proto) \
    F(KIND, proto ".statement.kind", SP_STR, SP_F_C2S | SP_F_REP | SP_F_ICASE | SP_F_BODY | SP_F_WORDS, "select", "Verb of each statement, in small letters.") \
    F(COUNT, proto ".statement.count", SP_NUM, SP_F_C2S, "1", "Number of statements in the text.") \
    F(TABLES, proto ".statement.tables", SP_STR, SP_F_C2S | SP_F_REP | SP_F_BODY | SP_F_WORDS, "public.users", "Tables named, folded as the server folds them, qualified as written.") \
    F(COLUMNS, proto ".statement.columns", SP_STR, SP_F_C2S | SP_F_REP | SP_F_BODY | SP_F_WORDS, "u.password", "Columns named.") \
    F(FUNCTIONS, proto ".statement.functions", SP_STR, SP_F_C2S | SP_F_REP | SP_F_BODY | SP_F_WORDS, "version", "Functions named.") \
    F(LITERALS, proto ".statement.literals", SP_STR, SP_F_C2S | SP_F_REP | SP_F_BODY, "O'Neill", "Literals: strings decoded, numbers as written.") \
    F(COMMENTS, proto ".statement.comments", SP_STR, SP_F_C2S | SP_F_REP | SP_F_BODY, "/* x */", "Comments with their delimiters.") \
    F(SHAPE, proto ".statement.shape", SP_STR, SP_F_C2S, "0123456789abcdef", "Shape of the text: 16 hexadecimal digits, equal for texts that differ in literals, lengths of lists, blanks and comments alone.") \
    F(SHAPE_TEXT, proto ".statement.shape.text", SP_STR, SP_F_C2S | SP_F_BODY, "select * from t where a = ?", "The normalised text that the shape is made of.") \
    F(KEY, proto ".statement.key", SP_STR, SP_F_C2S, "alice/shop/psql/0123456789abcdef", "User, database, application and shape: what is learned and approved. Names are percent-encoded.") \
    F(UNIONS, proto ".statement.unions", SP_NUM, SP_F_C2S, "0", "Number of UNION, INTERSECT and EXCEPT.") \
    F(TAUTOLOGY, proto ".statement.tautology", SP_BOOL, SP_F_C2S, "false", "A condition is true, or false, whatever the data.") \
    F(LIMIT, proto ".statement.limit", SP_NUM, SP_F_C2S | SP_F_EDIT, "1000", "Rows that a query asks for at most, where it is the only statement; the largest number there is where it does not say. Clamped, it gets a LIMIT.")
/* clang-format on */
#define SP_STATEMENT_ENUM(id, name, type, flags, hint, doc) SP_STATEMENT_##id,
enum sp_statement_field { SP_STATEMENT_FIELDS(SP_STATEMENT_ENUM, "") SP_STATEMENT_NFIELDS };
#undef SP_STATEMENT_ENUM

/* What is to be read of this text now: bits of enum sp_sql_want; what is left for later is noted in m->body_fields. `first` is the field of the
 * catalogue that SP_STATEMENT_KIND is. */
unsigned sp_statement_wanted(struct sp_msg *m, unsigned first, struct sp_span text);
/* Values of all that was read, but for the key. `off`: where the text begins in the unit. */
void sp_statement_add(struct sp_msg *m, unsigned first, const struct sp_sql_facts *facts, size_t off);
/* The edit that makes a value of SP_STATEMENT_LIMIT the number `to`. */
struct sp_edit sp_statement_mend_limit(const struct sp_msg *m, const struct sp_value *v, struct sp_span to);

/* The fields of a protocol that has them. False: it has none. */
bool sp_statement_fields(const struct sp_proto *p, uint16_t *ret_key, uint16_t *ret_text);
/*
 * "user/database/application/shape": who says what. Bytes of names outside letters, digits and "-._~ @:+" are percent-encoded; the shape is 16 hexadecimal
 * digits. Empty, with a->exhausted set, when there is no room, or when it would be longer than SP_STATEMENT_KEY_MAX.
 */
struct sp_span sp_statement_key(struct sp_span user, struct sp_span database, struct sp_span application, uint64_t shape, struct sp_arena *a);

#endif
