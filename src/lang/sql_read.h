/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sql_read: what the readers of facts share. Tokens go by once; each reader takes from them what it needs: statements (sql_read.c), names
 * (sql_names.c), conditions (sql_condition.c), the row limit (sql_limit.c). All of it is in one piece of the arena.
 */
#ifndef SP_LANG_SQL_READ_H
#define SP_LANG_SQL_READ_H

#include "lang/sql_inside.h"

enum read_limits {
    CTES_MAX = 16,      /* names of WITH that are told from tables; what is beyond them counts as tables */
    PENDING_MAX = 2048, /* operators whose right side is still being read: brackets, and a few for each */
};

/* ---- the statement ---- */

struct statement {
    uint32_t tokens;           /* that were in it so far */
    uint8_t verb, object;      /* keywords; K_NONE: another word */
    struct sp_span kind, what; /* their words in the input */
    size_t depth;              /* of brackets */
    uint32_t blocks;           /* BEGIN, IF, CASE, LOOP of a stored program */
    bool program;              /* the statement has a body: semicolons in its blocks do not end it */
    bool with;                 /* the verb of WITH is still to come */
    bool for_one;              /* so is that of MariaDB's SET STATEMENT ... FOR */
    bool at_verb;              /* the token now is the verb */
};

/* ---- names ---- */

enum place { PLACE_NONE, PLACE_TABLE, PLACE_OPERAND, PLACE_CALL, PLACE_WITH };
enum clause { CLAUSE_OTHER, CLAUSE_SELECT, CLAUSE_FROM, CLAUSE_ON, CLAUSE_EXPRESSION, CLAUSE_INSERT, CLAUSE_TABLES, CLAUSE_WITH, CLAUSE_ALIAS };
struct bracket {
    uint8_t clause; /* enum clause of what is inside */
    uint8_t called; /* the arguments of a function. Its keyword, or K_COUNT */
};
/* A name with its qualifiers, being read. */
struct path {
    bool open, wants_part;
    uint8_t place;
    uint8_t keyword; /* of its first part */
    size_t off, end;
};
struct names {
    struct path path;
    bool expects_table, queries; /* queries: names are columns */
    bool first;                  /* in its brackets */
    uint8_t nctes;
    struct sp_span ctes[CTES_MAX];
    size_t depth;
    struct bracket brackets[SP_SQL_DEPTH_MAX + 1];
};

/* ---- conditions ---- */

enum value_kind { VALUE_NONE, VALUE_DATA, VALUE_NAME, VALUE_PARAMETER, VALUE_QUERY, VALUE_LIST, VALUE_NUMBER, VALUE_STRING, VALUE_CONSTANT };
enum truth { TRUTH_UNKNOWN, TRUTH_FALSE, TRUTH_TRUE };
enum idle { NOT_IDLE, IDLE_LITERAL, IDLE_COMPARISON };
struct value {
    uint8_t kind;  /* enum value_kind. From VALUE_NUMBER on it is the same whatever the data */
    uint8_t truth; /* as a condition */
    uint8_t idle;  /* TRUE, 0, 1=1: what generators of SQL write on purpose */
    bool fixed;    /* a condition that is the same whatever the data: constant, or a column compared with itself */
    size_t off, end;
};
struct pending {
    uint8_t op, rank; /* rank 0: a bracket or CASE */
    uint8_t root;     /* brackets: the clause outside */
    uint8_t called;   /* brackets: enum called */
    bool constant, several, query, from; /* brackets: all in it so far is; it has a comma; SELECT; SELECT with FROM */
    bool negated;
    struct value left;
    size_t sign, sign_end; /* a comparison's operator */
};
struct condition {
    struct value now; /* the operand that was read last; NONE: one has to come */
    uint8_t root;     /* keyword of the clause: WHERE, HAVING, ON, WHEN, SET or none */
    uint8_t called;   /* enum called of the bracket that comes next */
    bool negated;     /* NOT behind an operand: of the comparison that comes next */
    uint32_t n;
    struct pending pending[PENDING_MAX];
};

/* ---- the row limit ---- */

enum limit_state {
    LIMIT_NONE,
    LIMIT_NUMBER, /* its expression comes */
    LIMIT_FETCH,  /* FETCH FIRST: a number may come */
    LIMIT_TOP,    /* TOP, or TOP and a bracket */
    LIMIT_DONE,
};
struct limit {
    uint8_t state;
    bool given, all, from, trailing, offset, other; /* other: PERCENT, or what else makes the number something else than rows */
    uint32_t tokens;      /* of its expression */
    bool number;          /* the last of them is one */
    uint64_t rows;
    size_t off, end;
    size_t place;         /* behind the last token that a limit may follow */
    size_t statement_end; /* behind the last token */
};

struct reader {
    struct sp_sql lex;
    struct sp_sql_facts *facts;
    struct sp_arena *arena;
    unsigned what;
    bool operand;  /* an operand, or what looks like one, has just ended */
    uint8_t last_kind, last_keyword, last_byte, before_keyword; /* the token before, and the keyword before that */
    size_t last_end;
    uint32_t strings; /* side by side, the token before the last of them */
    struct statement statement;
    struct limit limit;
    struct names names;
    struct condition condition;
};

static inline uint8_t read_byte(const struct reader *r, const struct sp_sql_token *t) { return t->len ? r->lex.in.p[t->off] : 0; }
static inline bool read_is(const struct reader *r, const struct sp_sql_token *t, uint8_t c)
{
    return t->kind == SP_SQL_PUNCTUATION && t->len == 1 && r->lex.in.p[t->off] == c;
}
/* Adds to a list. Where it does not fit, the input is too complex. */
void read_add(struct reader *r, struct sp_sql_list *list, struct sp_span text, size_t off, size_t len);
void read_give_up(struct reader *r);

/* A statement begins; a token; it ends. */
void names_begin(struct reader *r);
void names_token(struct reader *r, const struct sp_sql_token *t);
void names_end(struct reader *r);
/* A name as facts have it: folded, without quotes. */
struct sp_span names_text(struct reader *r, size_t off, size_t end);

void condition_begin(struct reader *r);
void condition_token(struct reader *r, const struct sp_sql_token *t);
/* A name: column or whatever else. `called`: an opening bracket follows. */
void condition_name(struct reader *r, size_t off, size_t end, bool called);
void condition_end(struct reader *r);

void limit_begin(struct reader *r);
void limit_token(struct reader *r, const struct sp_sql_token *t);
void limit_end(struct reader *r);

#endif
