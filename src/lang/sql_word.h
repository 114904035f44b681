/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sql_word: the words of SQL that reading depends on, whatever the dialect. A word's key is made of its letters, so that finding it in the list is
 * one look at a table without gaps to search; the compiler complains when two words come to the same place.
 */
#ifndef SP_LANG_SQL_WORD_H
#define SP_LANG_SQL_WORD_H

#include <stddef.h>
#include <stdint.h>

enum sql_word_flags {
    RESERVED = 1 << 0, /* no name of anything unless it is quoted; an operand follows */
    OPERAND = 1 << 1,  /* is, or ends, an operand: an operator follows */
    CALLED = 1 << 2,   /* a function where a bracket follows */
    OBJECT = 1 << 3,   /* what CREATE, ALTER and DROP are about */
    NILADIC = 1 << 4,  /* a function that is called without brackets */
};

/* The first match of keys: for up to eight letters they are the letters, which makes them exact. */
#define SQL_FOLD_PRODUCT(x) ((unsigned __int128)(uint64_t)(x) * UINT64_C(0xc2b2ae3d27d4eb4f))
#define SQL_FOLD(x) ((uint64_t)SQL_FOLD_PRODUCT(x) ^ (uint64_t)(SQL_FOLD_PRODUCT(x) >> 64))
#define SQL_PACK(a, b, c, d, e, f, g, h)                                                                                                        \
    ((uint64_t)(a) << 56 | (uint64_t)(b) << 48 | (uint64_t)(c) << 40 | (uint64_t)(d) << 32 | (uint64_t)(e) << 24 | (uint64_t)(f) << 16 |       \
     (uint64_t)(g) << 8 | (uint64_t)(h))
#define SQL_KEY_OF(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, ...)                                      \
    ((q)   ? SQL_FOLD(SQL_KEY_TWO(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) ^ SQL_PACK(q, r, s, t, u, v, w, x))               \
     : (i) ? SQL_KEY_TWO(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)                                                             \
           : SQL_PACK(a, b, c, d, e, f, g, h))
#define SQL_KEY_TWO(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)                                                                  \
    SQL_FOLD(SQL_FOLD(SQL_PACK(a, b, c, d, e, f, g, h)) ^ SQL_PACK(i, j, k, l, m, n, o, p))
#define SQL_KEY(...) SQL_KEY_OF(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)

/* Found by trying: no two words of the list share a slot. */
#define SQL_SPREAD UINT64_C(0xa796d13f183abb95)
enum { SQL_SLOT_BITS = 11 };
#define SQL_SLOT(key) ((key) * SQL_SPREAD >> (64 - SQL_SLOT_BITS))

#define SQL_WORDS(W)                                                                                                             \
    W(ACCESS, OBJECT, 'a', 'c', 'c', 'e', 's', 's')                                                                              \
    W(AFTER, 0, 'a', 'f', 't', 'e', 'r')                                                                                         \
    W(AGGREGATE, OBJECT, 'a', 'g', 'g', 'r', 'e', 'g', 'a', 't', 'e')                                                            \
    W(ALL, RESERVED, 'a', 'l', 'l')                                                                                              \
    W(ALTER, RESERVED, 'a', 'l', 't', 'e', 'r')                                                                                  \
    W(ANALYZE, 0, 'a', 'n', 'a', 'l', 'y', 'z', 'e')                                                                             \
    W(AND, RESERVED, 'a', 'n', 'd')                                                                                              \
    W(ANY, RESERVED, 'a', 'n', 'y')                                                                                              \
    W(APPLY, RESERVED, 'a', 'p', 'p', 'l', 'y')                                                                                  \
    W(ARRAY, RESERVED, 'a', 'r', 'r', 'a', 'y')                                                                                  \
    W(AS, RESERVED, 'a', 's')                                                                                                    \
    W(ASC, RESERVED | OPERAND, 'a', 's', 'c')                                                                                    \
    W(ASSEMBLY, OBJECT, 'a', 's', 's', 'e', 'm', 'b', 'l', 'y')                                                                  \
    W(ATOMIC, 0, 'a', 't', 'o', 'm', 'i', 'c')                                                                                   \
    W(BEFORE, 0, 'b', 'e', 'f', 'o', 'r', 'e')                                                                                   \
    W(BEGIN, 0, 'b', 'e', 'g', 'i', 'n')                                                                                         \
    W(BETWEEN, RESERVED, 'b', 'e', 't', 'w', 'e', 'e', 'n')                                                                      \
    W(BINARY, RESERVED, 'b', 'i', 'n', 'a', 'r', 'y')                                                                            \
    W(BODY, 0, 'b', 'o', 'd', 'y')                                                                                               \
    W(BOTH, RESERVED, 'b', 'o', 't', 'h')                                                                                        \
    W(BY, RESERVED, 'b', 'y')                                                                                                    \
    W(CALL, RESERVED, 'c', 'a', 'l', 'l')                                                                                        \
    W(CASE, RESERVED, 'c', 'a', 's', 'e')                                                                                        \
    W(CAST, CALLED, 'c', 'a', 's', 't')                                                                                          \
    W(CHAR, CALLED, 'c', 'h', 'a', 'r')                                                                                          \
    W(CHECK, RESERVED, 'c', 'h', 'e', 'c', 'k')                                                                                  \
    W(COLLATE, RESERVED, 'c', 'o', 'l', 'l', 'a', 't', 'e')                                                                      \
    W(COLLATION, OBJECT, 'c', 'o', 'l', 'l', 'a', 't', 'i', 'o', 'n')                                                            \
    W(COMMIT, 0, 'c', 'o', 'm', 'm', 'i', 't')                                                                                   \
    W(CONFLICT, 0, 'c', 'o', 'n', 'f', 'l', 'i', 'c', 't')                                                                       \
    W(CONNECT, RESERVED, 'c', 'o', 'n', 'n', 'e', 'c', 't')                                                                      \
    W(CONSTRAINT, RESERVED, 'c', 'o', 'n', 's', 't', 'r', 'a', 'i', 'n', 't')                                                    \
    W(CONVERSION, OBJECT, 'c', 'o', 'n', 'v', 'e', 'r', 's', 'i', 'o', 'n')                                                      \
    W(CONVERT, CALLED, 'c', 'o', 'n', 'v', 'e', 'r', 't')                                                                        \
    W(COPY, RESERVED, 'c', 'o', 'p', 'y')                                                                                        \
    W(CREATE, RESERVED, 'c', 'r', 'e', 'a', 't', 'e')                                                                            \
    W(CROSS, RESERVED, 'c', 'r', 'o', 's', 's')                                                                                  \
    W(CURRENT, 0, 'c', 'u', 'r', 'r', 'e', 'n', 't')                                                                             \
    W(CURRENT_CATALOG, RESERVED | OPERAND | NILADIC, 'c', 'u', 'r', 'r', 'e', 'n', 't', '_', 'c', 'a', 't', 'a', 'l', 'o', 'g')  \
    W(CURRENT_DATE, RESERVED | OPERAND | NILADIC, 'c', 'u', 'r', 'r', 'e', 'n', 't', '_', 'd', 'a', 't', 'e')                    \
    W(CURRENT_ROLE, RESERVED | OPERAND | NILADIC, 'c', 'u', 'r', 'r', 'e', 'n', 't', '_', 'r', 'o', 'l', 'e')                    \
    W(CURRENT_TIME, RESERVED | OPERAND | NILADIC, 'c', 'u', 'r', 'r', 'e', 'n', 't', '_', 't', 'i', 'm', 'e')                    \
    W(CURRENT_TIMESTAMP, RESERVED | OPERAND | NILADIC, 'c', 'u', 'r', 'r', 'e', 'n', 't', '_', 't', 'i', 'm', 'e', 's', 't', 'a', 'm', 'p') \
    W(CURRENT_USER, RESERVED | OPERAND | NILADIC, 'c', 'u', 'r', 'r', 'e', 'n', 't', '_', 'u', 's', 'e', 'r')                    \
    W(CURSOR, 0, 'c', 'u', 'r', 's', 'o', 'r')                                                                                   \
    W(DATABASE, OBJECT, 'd', 'a', 't', 'a', 'b', 'a', 's', 'e')                                                                  \
    W(DECLARE, 0, 'd', 'e', 'c', 'l', 'a', 'r', 'e')                                                                             \
    W(DEFAULT, RESERVED | OPERAND, 'd', 'e', 'f', 'a', 'u', 'l', 't')                                                            \
    W(DELAYED, 0, 'd', 'e', 'l', 'a', 'y', 'e', 'd')                                                                             \
    W(DELETE, RESERVED, 'd', 'e', 'l', 'e', 't', 'e')                                                                            \
    W(DESC, RESERVED | OPERAND, 'd', 'e', 's', 'c')                                                                              \
    W(DESCRIBE, 0, 'd', 'e', 's', 'c', 'r', 'i', 'b', 'e')                                                                       \
    W(DISTINCT, RESERVED, 'd', 'i', 's', 't', 'i', 'n', 'c', 't')                                                                \
    W(DIV, RESERVED, 'd', 'i', 'v')                                                                                              \
    W(DO, RESERVED, 'd', 'o')                                                                                                    \
    W(DOMAIN, OBJECT, 'd', 'o', 'm', 'a', 'i', 'n')                                                                              \
    W(DROP, RESERVED, 'd', 'r', 'o', 'p')                                                                                        \
    W(DUMPFILE, 0, 'd', 'u', 'm', 'p', 'f', 'i', 'l', 'e')                                                                       \
    W(DUPLICATE, 0, 'd', 'u', 'p', 'l', 'i', 'c', 'a', 't', 'e')                                                                 \
    W(ELSE, RESERVED, 'e', 'l', 's', 'e')                                                                                        \
    W(ELSEIF, 0, 'e', 'l', 's', 'e', 'i', 'f')                                                                                   \
    W(END, RESERVED | OPERAND, 'e', 'n', 'd')                                                                                    \
    W(ESCAPE, RESERVED, 'e', 's', 'c', 'a', 'p', 'e')                                                                            \
    W(EVENT, OBJECT, 'e', 'v', 'e', 'n', 't')                                                                                    \
    W(EXCEPT, RESERVED, 'e', 'x', 'c', 'e', 'p', 't')                                                                            \
    W(EXEC, RESERVED, 'e', 'x', 'e', 'c')                                                                                        \
    W(EXECUTE, RESERVED, 'e', 'x', 'e', 'c', 'u', 't', 'e')                                                                      \
    W(EXISTS, RESERVED, 'e', 'x', 'i', 's', 't', 's')                                                                            \
    W(EXPLAIN, 0, 'e', 'x', 'p', 'l', 'a', 'i', 'n')                                                                             \
    W(EXTENSION, OBJECT, 'e', 'x', 't', 'e', 'n', 's', 'i', 'o', 'n')                                                            \
    W(EXTRACT, CALLED, 'e', 'x', 't', 'r', 'a', 'c', 't')                                                                        \
    W(FALSE, RESERVED | OPERAND, 'f', 'a', 'l', 's', 'e')                                                                        \
    W(FETCH, RESERVED, 'f', 'e', 't', 'c', 'h')                                                                                  \
    W(FILTER, 0, 'f', 'i', 'l', 't', 'e', 'r')                                                                                   \
    W(FIRST, 0, 'f', 'i', 'r', 's', 't')                                                                                         \
    W(FOR, RESERVED, 'f', 'o', 'r')                                                                                              \
    W(FOREIGN, RESERVED, 'f', 'o', 'r', 'e', 'i', 'g', 'n')                                                                      \
    W(FROM, RESERVED, 'f', 'r', 'o', 'm')                                                                                        \
    W(FULL, RESERVED, 'f', 'u', 'l', 'l')                                                                                        \
    W(FUNCTION, OBJECT, 'f', 'u', 'n', 'c', 't', 'i', 'o', 'n')                                                                  \
    W(GLOB, RESERVED, 'g', 'l', 'o', 'b')                                                                                        \
    W(GO, 0, 'g', 'o')                                                                                                           \
    W(GRANT, RESERVED, 'g', 'r', 'a', 'n', 't')                                                                                  \
    W(GROUP, RESERVED, 'g', 'r', 'o', 'u', 'p')                                                                                  \
    W(GROUPS, 0, 'g', 'r', 'o', 'u', 'p', 's')                                                                                   \
    W(HAVING, RESERVED, 'h', 'a', 'v', 'i', 'n', 'g')                                                                            \
    W(HIGH_PRIORITY, 0, 'h', 'i', 'g', 'h', '_', 'p', 'r', 'i', 'o', 'r', 'i', 't', 'y')                                         \
    W(IF, CALLED, 'i', 'f')                                                                                                      \
    W(IGNORE, 0, 'i', 'g', 'n', 'o', 'r', 'e')                                                                                   \
    W(ILIKE, RESERVED, 'i', 'l', 'i', 'k', 'e')                                                                                  \
    W(IN, RESERVED, 'i', 'n')                                                                                                    \
    W(INDEX, OBJECT, 'i', 'n', 'd', 'e', 'x')                                                                                    \
    W(INNER, RESERVED, 'i', 'n', 'n', 'e', 'r')                                                                                  \
    W(INSERT, RESERVED | CALLED, 'i', 'n', 's', 'e', 'r', 't')                                                                   \
    W(INSTANCE, OBJECT, 'i', 'n', 's', 't', 'a', 'n', 'c', 'e')                                                                  \
    W(INTERSECT, RESERVED, 'i', 'n', 't', 'e', 'r', 's', 'e', 'c', 't')                                                          \
    W(INTERVAL, RESERVED, 'i', 'n', 't', 'e', 'r', 'v', 'a', 'l')                                                                \
    W(INTO, RESERVED, 'i', 'n', 't', 'o')                                                                                        \
    W(IS, RESERVED, 'i', 's')                                                                                                    \
    W(ISNULL, RESERVED | OPERAND, 'i', 's', 'n', 'u', 'l', 'l')                                                                  \
    W(JOIN, RESERVED, 'j', 'o', 'i', 'n')                                                                                        \
    W(KEY, 0, 'k', 'e', 'y')                                                                                                     \
    W(LANGUAGE, OBJECT, 'l', 'a', 'n', 'g', 'u', 'a', 'g', 'e')                                                                  \
    W(LATERAL, RESERVED, 'l', 'a', 't', 'e', 'r', 'a', 'l')                                                                      \
    W(LEADING, RESERVED, 'l', 'e', 'a', 'd', 'i', 'n', 'g')                                                                      \
    W(LEFT, RESERVED | CALLED, 'l', 'e', 'f', 't')                                                                               \
    W(LIBRARY, OBJECT, 'l', 'i', 'b', 'r', 'a', 'r', 'y')                                                                        \
    W(LIKE, RESERVED, 'l', 'i', 'k', 'e')                                                                                        \
    W(LIMIT, RESERVED, 'l', 'i', 'm', 'i', 't')                                                                                  \
    W(LOAD, 0, 'l', 'o', 'a', 'd')                                                                                               \
    W(LOCALTIME, RESERVED | OPERAND | NILADIC, 'l', 'o', 'c', 'a', 'l', 't', 'i', 'm', 'e')                                      \
    W(LOCALTIMESTAMP, RESERVED | OPERAND | NILADIC, 'l', 'o', 'c', 'a', 'l', 't', 'i', 'm', 'e', 's', 't', 'a', 'm', 'p')        \
    W(LOCK, RESERVED, 'l', 'o', 'c', 'k')                                                                                        \
    W(LOGIN, OBJECT, 'l', 'o', 'g', 'i', 'n')                                                                                    \
    W(LOOP, 0, 'l', 'o', 'o', 'p')                                                                                               \
    W(LOW_PRIORITY, 0, 'l', 'o', 'w', '_', 'p', 'r', 'i', 'o', 'r', 'i', 't', 'y')                                               \
    W(MERGE, RESERVED, 'm', 'e', 'r', 'g', 'e')                                                                                  \
    W(MINUS, RESERVED, 'm', 'i', 'n', 'u', 's')                                                                                  \
    W(MOD, RESERVED | CALLED, 'm', 'o', 'd')                                                                                     \
    W(MODEL, 0, 'm', 'o', 'd', 'e', 'l')                                                                                         \
    W(NATURAL, RESERVED, 'n', 'a', 't', 'u', 'r', 'a', 'l')                                                                      \
    W(NEXT, 0, 'n', 'e', 'x', 't')                                                                                               \
    W(NOT, RESERVED, 'n', 'o', 't')                                                                                              \
    W(NOTHING, 0, 'n', 'o', 't', 'h', 'i', 'n', 'g')                                                                             \
    W(NOTNULL, RESERVED | OPERAND, 'n', 'o', 't', 'n', 'u', 'l', 'l')                                                            \
    W(NOWAIT, 0, 'n', 'o', 'w', 'a', 'i', 't')                                                                                   \
    W(NULL, RESERVED | OPERAND, 'n', 'u', 'l', 'l')                                                                              \
    W(OF, 0, 'o', 'f')                                                                                                           \
    W(OFFSET, RESERVED, 'o', 'f', 'f', 's', 'e', 't')                                                                            \
    W(ON, RESERVED, 'o', 'n')                                                                                                    \
    W(ONLY, RESERVED, 'o', 'n', 'l', 'y')                                                                                        \
    W(OPERATOR, RESERVED, 'o', 'p', 'e', 'r', 'a', 't', 'o', 'r')                                                                \
    W(OR, RESERVED, 'o', 'r')                                                                                                    \
    W(ORDER, RESERVED, 'o', 'r', 'd', 'e', 'r')                                                                                  \
    W(ORDINALITY, 0, 'o', 'r', 'd', 'i', 'n', 'a', 'l', 'i', 't', 'y')                                                           \
    W(OUTER, RESERVED, 'o', 'u', 't', 'e', 'r')                                                                                  \
    W(OUTFILE, 0, 'o', 'u', 't', 'f', 'i', 'l', 'e')                                                                             \
    W(OVER, RESERVED, 'o', 'v', 'e', 'r')                                                                                        \
    W(OVERLAPS, RESERVED, 'o', 'v', 'e', 'r', 'l', 'a', 'p', 's')                                                                \
    W(OVERLAY, CALLED, 'o', 'v', 'e', 'r', 'l', 'a', 'y')                                                                        \
    W(OWNED, OBJECT, 'o', 'w', 'n', 'e', 'd')                                                                                    \
    W(PACKAGE, OBJECT, 'p', 'a', 'c', 'k', 'a', 'g', 'e')                                                                        \
    W(PARTITION, RESERVED, 'p', 'a', 'r', 't', 'i', 't', 'i', 'o', 'n')                                                          \
    W(PERCENT, 0, 'p', 'e', 'r', 'c', 'e', 'n', 't')                                                                             \
    W(POLICY, OBJECT, 'p', 'o', 'l', 'i', 'c', 'y')                                                                              \
    W(POSITION, CALLED, 'p', 'o', 's', 'i', 't', 'i', 'o', 'n')                                                                  \
    W(PRIMARY, RESERVED, 'p', 'r', 'i', 'm', 'a', 'r', 'y')                                                                      \
    W(PRIOR, 0, 'p', 'r', 'i', 'o', 'r')                                                                                         \
    W(PRIVILEGES, OBJECT, 'p', 'r', 'i', 'v', 'i', 'l', 'e', 'g', 'e', 's')                                                      \
    W(PROCEDURE, OBJECT, 'p', 'r', 'o', 'c', 'e', 'd', 'u', 'r', 'e')                                                            \
    W(PROGRAM, 0, 'p', 'r', 'o', 'g', 'r', 'a', 'm')                                                                             \
    W(PUBLICATION, OBJECT, 'p', 'u', 'b', 'l', 'i', 'c', 'a', 't', 'i', 'o', 'n')                                                \
    W(QUICK, 0, 'q', 'u', 'i', 'c', 'k')                                                                                         \
    W(RANGE, 0, 'r', 'a', 'n', 'g', 'e')                                                                                         \
    W(RECURSIVE, RESERVED, 'r', 'e', 'c', 'u', 'r', 's', 'i', 'v', 'e')                                                          \
    W(REFERENCES, RESERVED, 'r', 'e', 'f', 'e', 'r', 'e', 'n', 'c', 'e', 's')                                                    \
    W(REGEXP, RESERVED, 'r', 'e', 'g', 'e', 'x', 'p')                                                                            \
    W(REPEAT, CALLED, 'r', 'e', 'p', 'e', 'a', 't')                                                                              \
    W(REPLACE, CALLED, 'r', 'e', 'p', 'l', 'a', 'c', 'e')                                                                        \
    W(RETURN, 0, 'r', 'e', 't', 'u', 'r', 'n')                                                                                   \
    W(RETURNING, RESERVED, 'r', 'e', 't', 'u', 'r', 'n', 'i', 'n', 'g')                                                          \
    W(REVOKE, RESERVED, 'r', 'e', 'v', 'o', 'k', 'e')                                                                            \
    W(RIGHT, RESERVED | CALLED, 'r', 'i', 'g', 'h', 't')                                                                         \
    W(RLIKE, RESERVED, 'r', 'l', 'i', 'k', 'e')                                                                                  \
    W(ROLE, OBJECT, 'r', 'o', 'l', 'e')                                                                                          \
    W(ROW, RESERVED, 'r', 'o', 'w')                                                                                              \
    W(ROWS, 0, 'r', 'o', 'w', 's')                                                                                               \
    W(RULE, OBJECT, 'r', 'u', 'l', 'e')                                                                                          \
    W(SCHEMA, OBJECT, 's', 'c', 'h', 'e', 'm', 'a')                                                                              \
    W(SEARCH, OBJECT, 's', 'e', 'a', 'r', 'c', 'h')                                                                              \
    W(SELECT, RESERVED, 's', 'e', 'l', 'e', 'c', 't')                                                                            \
    W(SEQUENCE, OBJECT, 's', 'e', 'q', 'u', 'e', 'n', 'c', 'e')                                                                  \
    W(SERVER, OBJECT, 's', 'e', 'r', 'v', 'e', 'r')                                                                              \
    W(SESSION, OBJECT, 's', 'e', 's', 's', 'i', 'o', 'n')                                                                        \
    W(SESSION_USER, RESERVED | OPERAND | NILADIC, 's', 'e', 's', 's', 'i', 'o', 'n', '_', 'u', 's', 'e', 'r')                    \
    W(SET, RESERVED, 's', 'e', 't')                                                                                              \
    W(SHARE, 0, 's', 'h', 'a', 'r', 'e')                                                                                         \
    W(SHOW, 0, 's', 'h', 'o', 'w')                                                                                               \
    W(SIMILAR, RESERVED, 's', 'i', 'm', 'i', 'l', 'a', 'r')                                                                      \
    W(SKIP, 0, 's', 'k', 'i', 'p')                                                                                               \
    W(SOME, RESERVED, 's', 'o', 'm', 'e')                                                                                        \
    W(START, 0, 's', 't', 'a', 'r', 't')                                                                                         \
    W(STATISTICS, OBJECT, 's', 't', 'a', 't', 'i', 's', 't', 'i', 'c', 's')                                                      \
    W(STRAIGHT_JOIN, RESERVED, 's', 't', 'r', 'a', 'i', 'g', 'h', 't', '_', 'j', 'o', 'i', 'n')                                  \
    W(SUBSCRIPTION, OBJECT, 's', 'u', 'b', 's', 'c', 'r', 'i', 'p', 't', 'i', 'o', 'n')                                          \
    W(SUBSTRING, CALLED, 's', 'u', 'b', 's', 't', 'r', 'i', 'n', 'g')                                                            \
    W(SYNONYM, OBJECT, 's', 'y', 'n', 'o', 'n', 'y', 'm')                                                                        \
    W(SYSTEM, OBJECT, 's', 'y', 's', 't', 'e', 'm')                                                                              \
    W(TABLE, RESERVED | OBJECT, 't', 'a', 'b', 'l', 'e')                                                                         \
    W(TABLES, OBJECT, 't', 'a', 'b', 'l', 'e', 's')                                                                              \
    W(TABLESPACE, OBJECT, 't', 'a', 'b', 'l', 'e', 's', 'p', 'a', 'c', 'e')                                                      \
    W(TEMP, 0, 't', 'e', 'm', 'p')                                                                                               \
    W(TEMPORARY, 0, 't', 'e', 'm', 'p', 'o', 'r', 'a', 'r', 'y')                                                                 \
    W(THEN, RESERVED, 't', 'h', 'e', 'n')                                                                                        \
    W(TIES, 0, 't', 'i', 'e', 's')                                                                                               \
    W(TO, RESERVED, 't', 'o')                                                                                                    \
    W(TOP, RESERVED, 't', 'o', 'p')                                                                                              \
    W(TRAILING, RESERVED, 't', 'r', 'a', 'i', 'l', 'i', 'n', 'g')                                                                \
    W(TRAN, 0, 't', 'r', 'a', 'n')                                                                                               \
    W(TRANSACTION, 0, 't', 'r', 'a', 'n', 's', 'a', 'c', 't', 'i', 'o', 'n')                                                     \
    W(TRIGGER, OBJECT, 't', 'r', 'i', 'g', 'g', 'e', 'r')                                                                        \
    W(TRIM, CALLED, 't', 'r', 'i', 'm')                                                                                          \
    W(TRUE, RESERVED | OPERAND, 't', 'r', 'u', 'e')                                                                              \
    W(TRUNCATE, CALLED, 't', 'r', 'u', 'n', 'c', 'a', 't', 'e')                                                                  \
    W(TYPE, OBJECT, 't', 'y', 'p', 'e')                                                                                          \
    W(UESCAPE, 0, 'u', 'e', 's', 'c', 'a', 'p', 'e')                                                                             \
    W(UNION, RESERVED, 'u', 'n', 'i', 'o', 'n')                                                                                  \
    W(UNIQUE, RESERVED, 'u', 'n', 'i', 'q', 'u', 'e')                                                                            \
    W(UNKNOWN, RESERVED | OPERAND, 'u', 'n', 'k', 'n', 'o', 'w', 'n')                                                            \
    W(UNLOGGED, 0, 'u', 'n', 'l', 'o', 'g', 'g', 'e', 'd')                                                                       \
    W(UPDATE, RESERVED, 'u', 'p', 'd', 'a', 't', 'e')                                                                            \
    W(USE, 0, 'u', 's', 'e')                                                                                                     \
    W(USER, OBJECT, 'u', 's', 'e', 'r')                                                                                          \
    W(USING, RESERVED, 'u', 's', 'i', 'n', 'g')                                                                                  \
    W(VALUE, 0, 'v', 'a', 'l', 'u', 'e')                                                                                         \
    W(VALUES, RESERVED, 'v', 'a', 'l', 'u', 'e', 's')                                                                            \
    W(VIEW, OBJECT, 'v', 'i', 'e', 'w')                                                                                          \
    W(VIRTUAL, 0, 'v', 'i', 'r', 't', 'u', 'a', 'l')                                                                             \
    W(WHEN, RESERVED, 'w', 'h', 'e', 'n')                                                                                        \
    W(WHERE, RESERVED, 'w', 'h', 'e', 'r', 'e')                                                                                  \
    W(WHILE, 0, 'w', 'h', 'i', 'l', 'e')                                                                                         \
    W(WINDOW, RESERVED, 'w', 'i', 'n', 'd', 'o', 'w')                                                                            \
    W(WITH, RESERVED, 'w', 'i', 't', 'h')                                                                                        \
    W(WITHIN, 0, 'w', 'i', 't', 'h', 'i', 'n')                                                                                   \
    W(WORK, 0, 'w', 'o', 'r', 'k')                                                                                               \
    W(XOR, RESERVED, 'x', 'o', 'r')

#define SQL_WORD_ENUM(id, ...) K_##id,
enum sql_word { K_NONE, SQL_WORDS(SQL_WORD_ENUM) K_COUNT };
_Static_assert(K_COUNT < 256, "a token has one byte for its keyword");

struct sql_word_entry {
    uint64_t key;
    uint8_t len, flags;
};
extern const struct sql_word_entry sql_words[K_COUNT];
extern const uint8_t sql_word_slots[1 << SQL_SLOT_BITS];

/* The number of the word with this key and length, K_NONE when it is none of the list. */
static inline uint8_t sql_word_find(uint64_t key, size_t len)
{
    uint8_t id = sql_word_slots[SQL_SLOT(key)];
    return sql_words[id].key == key && sql_words[id].len == len ? id : (uint8_t)K_NONE;
}
/* The key of a word that has been folded to small letters, eight letters at a time: `k` before, the letters left-aligned in w. */
static inline uint64_t sql_word_fold(uint64_t x) { return SQL_FOLD(x); }

#endif
