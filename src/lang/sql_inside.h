/* SPDX-License-Identifier: Apache-2.0 */
/* sql_inside: what the files of sql share and nobody else calls. */
#ifndef SP_LANG_SQL_INSIDE_H
#define SP_LANG_SQL_INSIDE_H

#include "lang/sql.h"
#include "lang/sql_word.h"

/* ---- classes of bytes ---- */

enum sql_class {
    C_BLANK = 1 << 0,    /* space, HT, LF, FF, CR */
    C_DIGIT = 1 << 1,
    C_HEX = 1 << 2,
    C_OPERATOR = 1 << 3, /* what operators of PostgreSQL are made of */
    C_SPECIAL = 1 << 4,  /* operator bytes that make an operator which may end in + or - */
    C_START = 1 << 5,    /* begins a word: letters, _ and bytes outside ASCII */
};
extern const uint8_t sql_class[256];
/* Bytes of words, in small letters; 0: belongs to no word. sql_fold_hash has # too, sql_fold_at # and @. */
extern const uint8_t sql_fold[256], sql_fold_hash[256], sql_fold_at[256];

static inline bool sql_is(int c, unsigned classes) { return c >= 0 && (sql_class[c] & classes) != 0; }
static inline bool sql_is_word(int c) { return c >= 0 && sql_fold[c] != 0; }

/* ---- parts of lexers ---- */

/* The token is what lies between its start and `end`. */
static inline void sql_take(struct sp_sql *s, struct sp_sql_token *t, enum sp_sql_kind kind, size_t end)
{
    t->kind = (uint8_t)kind;
    t->len = end - t->off;
    s->at = end;
}
static inline int sql_at(const struct sp_sql *s, size_t at) { return sp_span_at(s->in, at); }
static inline void sql_unclear(struct sp_sql *s, struct sp_sql_token *t)
{
    t->flags |= SP_SQL_T_UNCLEAR;
    s->unclear = true;
}
/* Nothing from the token's start on can be read. */
void sql_broken(struct sp_sql *s, struct sp_sql_token *t);
/* A word, with its key, and its number where it is a keyword. */
void sql_word(struct sp_sql *s, struct sp_sql_token *t, const uint8_t fold[256]);
/* A comment to the end of the line, from the token's start. */
void sql_line_comment(struct sp_sql *s, struct sp_sql_token *t, bool cr);
/* A comment that begins with two bytes, with others in it to this depth (SIZE_MAX: however deep). */
void sql_block_comment(struct sp_sql *s, struct sp_sql_token *t, size_t depth);
/* Behind the opening quote at `at`: where the closing one stands, SP_NOT_FOUND without one. Two in a row stand for one. */
size_t sql_closing(const struct sp_sql *s, struct sp_sql_token *t, size_t at, uint8_t quote, bool backslash);
/* A string or name whose opening quote is the last of the `quote` bytes it begins with; BROKEN without end. */
void sql_quoted(struct sp_sql *s, struct sp_sql_token *t, enum sp_sql_kind kind, uint32_t quote, bool backslash);
/* Digits with a fraction and an exponent from the token's start: where they end. */
size_t sql_decimal(const struct sp_sql *s, size_t at);
size_t sql_skip(const struct sp_sql *s, size_t at, unsigned classes);
/* 0x and hexadecimal digits: where they end; `at` itself when it is none. */
size_t sql_hexadecimal(const struct sp_sql *s, size_t at);
enum { OPERATOR_WIDTH = 3 }; /* of an entry in a list of operators: shorter ones are filled up with blanks. Longer ones come first */
/* The length of the first operator of the list that stands at `at`, 0 when there is none. */
size_t sql_longest(const struct sp_sql *s, size_t at, struct sp_span operators);
/* One of the list, else one byte. */
void sql_operator(struct sp_sql *s, struct sp_sql_token *t, struct sp_span operators);
/* One byte: an operator, or punctuation. */
void sql_single(struct sp_sql *s, struct sp_sql_token *t);

/* ---- one token, not END, from s->at on, of each dialect ---- */

void sql_pgsql_token(struct sp_sql *s, struct sp_sql_token *t);
/* Behind the closing quote of a string: where its text goes on in another, 0 if it does not. */
size_t sql_pgsql_continues(const struct sp_sql *s, size_t at);
void sql_mysql_token(struct sp_sql *s, struct sp_sql_token *t);
void sql_tsql_token(struct sp_sql *s, struct sp_sql_token *t);
void sql_oracle_token(struct sp_sql *s, struct sp_sql_token *t);
void sql_sqlite_token(struct sp_sql *s, struct sp_sql_token *t);
void sql_generic_token(struct sp_sql *s, struct sp_sql_token *t);

#endif
