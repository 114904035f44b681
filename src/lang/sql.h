/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sql: statements as the server will read them. A lexer for each dialect, the text that its tokens stand for, what a statement names, and its
 * shape: what stays the same when only literals, the length of lists, blanks and comments differ.
 *
 * Pure, one pass, linear. Nothing recurses. Results point into the input where nothing had to be changed, else into the arena. Where the
 * arena ran out or a limit was passed, arena->exhausted is set: the caller treats the message as too complex to be judged.
 *
 * Sources: PostgreSQL 15 "Lexical Structure" and the behaviour of its scanner; MariaDB 10.11 and MySQL 8.0 "Language Structure", the latter's also for
 * version comments; Transact-SQL and Oracle 19c "SQL Language Reference" (lexical elements); SQLite "SQL As Understood By SQLite" (tokens).
 */
#ifndef SP_LANG_SQL_H
#define SP_LANG_SQL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/span.h"

enum sp_sql_limits {
    SP_SQL_DEPTH_MAX = 1024,     /* open brackets. Servers give up on deeper expressions themselves, or nearly */
    SP_SQL_ITEMS_MAX = 1 << 20,  /* items in one list of facts: as many as a message may have values */
    SP_SQL_SHAPE_TEXT_MAX = 1 << 16, /* bytes of a shape's text, which is to be looked at: longer ones are cut */
    SP_SQL_NAME_MAX = 1024,      /* bytes of a name with its qualifiers; longer ones are cut: servers know no name that long */
};

/* ---- how the server reads ---- */

enum sp_sql_dialect {
    SP_SQL_GENERIC, /* not known: standard SQL with every quote that anybody uses; where dialects part, facts.unclear says so */
    SP_SQL_PGSQL,
    SP_SQL_MYSQL,
    SP_SQL_TSQL,
    SP_SQL_ORACLE,
    SP_SQL_SQLITE,
    SP_SQL_NDIALECTS,
};
enum sp_sql_mode_flags {
    SP_SQL_ANSI_QUOTES = 1 << 0,          /* MySQL: "x" is a name */
    SP_SQL_NO_BACKSLASH_ESCAPES = 1 << 1, /* MySQL: a backslash in a string is a backslash */
    SP_SQL_MARIADB = 1 << 2,              /* MySQL: the server is a MariaDB, which runs version comments of its own */
    SP_SQL_BACKSLASH_ESCAPES = 1 << 3,    /* PostgreSQL: standard_conforming_strings is off */
    SP_SQL_STRING_QUOTES = 1 << 4,        /* T-SQL: QUOTED_IDENTIFIER is off, "x" is a string */
    SP_SQL_TRAILING_BYTES = 1 << 5,       /* MySQL: in the client's character set (GBK, Big5, Shift-JIS) second bytes may be backslashes */
    SP_SQL_PIPES_AS_CONCAT = 1 << 6,      /* MySQL: || puts strings together and is no OR */
};
struct sp_sql_mode {
    uint8_t dialect; /* enum sp_sql_dialect */
    uint8_t flags;
    uint32_t version; /* MySQL: as version comments write it, 80036 or 101106. 0: not known: they are run, and facts.unclear is set */
};

/* ---- tokens ---- */

enum sp_sql_kind {
    SP_SQL_END,         /* nothing more; len 0 */
    SP_SQL_WORD,        /* keyword or name without quotes */
    SP_SQL_NAME,        /* quoted name */
    SP_SQL_STRING,      /* string, bit and hexadecimal string: one with all its continuations */
    SP_SQL_NUMBER,
    SP_SQL_PARAMETER,   /* $1 ? :name */
    SP_SQL_VARIABLE,    /* @x @@global of MySQL and T-SQL, host name of an account included */
    SP_SQL_OPERATOR,
    SP_SQL_PUNCTUATION, /* one byte: , ; ( ) [ ] . : { } */
    SP_SQL_COMMENT,     /* and the two ends of a version comment that is run. Only where sp_sql.comments asks for them */
    SP_SQL_BROKEN,      /* no token: the server refuses the statement. From here to the end of the input; END follows */
};
enum sp_sql_token_flags {
    SP_SQL_T_ESCAPED = 1 << 0,   /* its text is not simply what stands between its quotes */
    SP_SQL_T_BACKSLASH = 1 << 1, /* backslashes are escapes */
    SP_SQL_T_UNICODE = 1 << 2,   /* U&"" and U&'': the escape character is that of the UESCAPE behind it */
    SP_SQL_T_BITS = 1 << 3,      /* B'0' */
    SP_SQL_T_HEX = 1 << 4,       /* X'0', 0x0 */
    SP_SQL_T_DOLLAR = 1 << 5,    /* $tag$ text $tag$ */
    SP_SQL_T_UNCLEAR = 1 << 6,   /* other versions or settings of servers read it differently */
};
struct sp_sql_token {
    uint8_t kind;    /* enum sp_sql_kind */
    uint8_t keyword; /* WORD: what lang/sql_word.h numbers, 0 for other words */
    uint16_t flags;
    uint32_t quote;  /* STRING, NAME: bytes in front of the text: prefix and opening quote */
    uint32_t close;  /* STRING, NAME: bytes behind the text: closing quote */
    size_t off, len;
    uint64_t key;    /* WORD: equal for words that differ in the case of ASCII letters only, almost never equal for others */
};

/* A reader of tokens: flat, restartable by copying it. */
struct sp_sql {
    struct sp_span in;
    struct sp_sql_mode mode;
    bool comments;    /* in: comments are tokens; otherwise they are passed over */
    bool unclear;     /* out: something read so far is read differently by other versions or settings of servers */
    bool commented;   /* out: a comment was passed over */
    uint8_t running;  /* MySQL: inside a version comment that is run */
    uint8_t after;    /* MySQL: what the token before decides about the next one */
    size_t at;
};
void sp_sql_start(struct sp_sql *s, struct sp_span in, struct sp_sql_mode mode);
/* The next token. False at END. */
bool sp_sql_next(struct sp_sql *s, struct sp_sql_token *ret);
/* The value of a string or name, quotes removed and escapes resolved (character sets introduced by name are not converted);
 * X'41' and 0x41 are bytes where they are strings (MySQL, SQLite, T-SQL), else digits; any other token as it is written.
 * `s` is any reader of the same input. */
struct sp_span sp_sql_text(const struct sp_sql *s, const struct sp_sql_token *t, struct sp_arena *a);

/* ---- facts ---- */

/* What is asked for. Nothing else is filled in. */
enum sp_sql_want {
    SP_SQL_SHAPE = 1 << 0,       /* shape. Alone it takes nothing from the arena */
    SP_SQL_SHAPE_TEXT = 1 << 1,
    SP_SQL_KINDS = 1 << 2,       /* kinds, statements, ends */
    SP_SQL_TABLES = 1 << 3,
    SP_SQL_COLUMNS = 1 << 4,
    SP_SQL_FUNCTIONS = 1 << 5,
    SP_SQL_LITERALS = 1 << 6,
    SP_SQL_COMMENTS = 1 << 7,
    SP_SQL_UNIONS = 1 << 8,
    SP_SQL_TAUTOLOGY = 1 << 9,
    SP_SQL_COMPARISONS = 1 << 10,
    SP_SQL_LIMIT = 1 << 11,
};

/* One thing named in the input, and the bytes it was read from. */
struct sp_sql_item {
    struct sp_span text;
    size_t off, len;
};
struct sp_sql_list {
    struct sp_sql_item *items;
    uint32_t n, room;
};

/*
 * The row limit of a statement, where it is the only one and a query that returns rows. To add one, put " LIMIT 100" at `place`; to change
 * one that is `given`, put the number in place of the `len` bytes at `off`.
 */
struct sp_sql_row_limit {
    bool possible;  /* a limit can be added, or is there */
    bool given;     /* there is one. Its number: */
    bool known;     /* it is a number that is written out */
    bool all;       /* LIMIT ALL, LIMIT NULL: as if there were none */
    uint64_t rows;
    size_t off, len;
    size_t place;
};

struct sp_sql_facts {
    /* The case of names is folded as the server folds it (ASCII), quotes are removed: s.t as written "S".t or s . t */
    /* Of each statement its verb in small letters: select, also behind WITH; with what it is about where that is CREATE, ALTER or DROP: drop table. */
    struct sp_sql_list kinds;
    struct sp_sql_list tables;      /* each once for every time it is named */
    struct sp_sql_list columns;
    struct sp_sql_list functions;
    struct sp_sql_list literals;    /* strings decoded (adjacent ones that the server joins are joined), numbers as written */
    struct sp_sql_list comments;    /* with their delimiters; version comments that are run do not count */
    struct sp_sql_list comparisons; /* "id = literal", "a.x like parameter", "literal < literal", "name in list": operands and operator */
    uint32_t statements;            /* those with at least one token */
    uint32_t unions;                /* UNION, INTERSECT, EXCEPT, MINUS */
    bool tautology;                 /* a condition that is true, or false, whatever the data: OR 1=1, 'a'='a', x OR TRUE, 2 > 1+0, NOT 1=2 */
    bool broken;                    /* no token where one had to come: the server refuses the input, or we do not know it */
    bool unclear;                   /* something in it is read differently by other versions or settings of the server */
    bool too_complex;               /* a limit was passed: what was found until then stands; arena->exhausted is set too */
    uint64_t shape;
    struct sp_span shape_text;
    struct sp_sql_row_limit limit;
};
/* Reads `in`, one or several statements, for what is asked for. `*facts` is overwritten. */
void sp_sql_read(struct sp_span in, struct sp_sql_mode mode, unsigned what, struct sp_arena *a, struct sp_sql_facts *facts);

#endif
