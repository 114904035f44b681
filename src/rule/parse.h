/* SPDX-License-Identifier: Apache-2.0 */
/* parse: conditions and actions as text -> type-checked trees. Between source.c, lex.c, parse.c and check.c. */
#ifndef SP_RULE_PARSE_H
#define SP_RULE_PARSE_H

#include "rule/ast.h"

/* A scalar of a rule file, with what is needed to point into it. */
struct rule_text {
    const char *file;
    struct sp_span source; /* the whole file */
    size_t source_at;      /* where the scalar's text begins in it, behind a quote */
    char quote;            /* " or ', 0 for plain and block scalars */
    struct sp_span text;   /* its value */
};
/* Reports a mistake at [off, off+width) of the value. */
__attribute__((format(printf, 5, 6))) void rule_text_error(struct sp_diag *diag, const struct rule_text *t, size_t off, size_t width,
                                                           const char *fmt, ...);
/* Line and column (from 1) of a file offset, and the line itself. */
struct sp_span rule_place(struct sp_span source, size_t at, unsigned *ret_line, unsigned *ret_col);

enum tok_kind {
    TOK_END, TOK_BAD, TOK_WORD, TOK_STRING, TOK_NUMBER, TOK_NET, TOK_LIST, /* $name */
    TOK_OPEN, TOK_CLOSE, TOK_INDEX, TOK_INDEX_END, TOK_SET, TOK_SET_END, TOK_COMMA, TOK_DOTDOT,
    TOK_EQ, TOK_NE, TOK_LT, TOK_LE, TOK_GT, TOK_GE, TOK_AND, TOK_OR, TOK_NOT,
};
struct tok {
    enum tok_kind kind;
    struct sp_span text;  /* as written */
    struct sp_span str;   /* STRING: its value */
    int64_t num;          /* NUMBER */
    struct sp_net net;    /* NET */
    const char *wrong;    /* BAD: why */
    size_t off;
};
/* The token at or after *at of the text, moving past it. Strings are unescaped into the arena. */
struct tok lex(struct sp_span text, size_t *at, struct sp_arena *a);

struct macro {
    struct sp_span name; /* a NUL follows it */
    struct rule_text text;
    bool list;
    bool open;   /* being expanded, for cycles */
    bool broken; /* its mistakes have been reported: not again wherever it is used */
};
struct macros {
    struct macro *all;
    uint32_t n, cap;
};

struct parser {
    struct sp_ruleset *set;
    struct sp_diag *diag;
    const struct sp_proto *proto;
    struct macros *macros;
    const struct rule_text *text;
    size_t at;
    struct tok tok;
    unsigned depth, nodes;
    bool failed; /* not grammar: nothing behind it can be read */
    bool wrong;  /* grammar, but it means nothing: reading goes on, to report what else is wrong */
};

/* A condition. NULL after a mistake, which has been reported. */
struct sp_expr *parse_condition(struct parser *p, const struct rule_text *text);
/* One action of `then`. False after a mistake. */
bool parse_action(struct parser *p, const struct rule_text *text, struct sp_action *ret);

/* A mistake of grammar at `at`. Only the first is reported: it explains those behind it. */
void parse_error(struct parser *p, const struct tok *at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* A mistake of meaning, at [off, off+width) of the text. */
void check_error(struct parser *p, size_t off, size_t width, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/*
 * check.c: nodes, made only when their types fit. After a mistake of meaning the result is a void node, which fits everywhere and
 * says nothing more; NULL only when there is no memory or room for nodes.
 */
enum { TYPE_VOID = 0xff };
struct sp_expr *node(struct parser *p, enum sp_expr_kind kind, const struct tok *at);
/* The same, of which there may be more. */
struct sp_expr *list_member(struct parser *p, enum sp_expr_kind kind, const struct tok *at);
struct sp_expr *check_field(struct parser *p, const struct tok *name, const struct tok *key);
struct sp_expr *check_count(struct parser *p, const struct tok *at, struct sp_expr *field);
struct sp_expr *check_call(struct parser *p, const struct tok *name, struct sp_expr **args, unsigned nargs);
struct sp_expr *check_compare(struct parser *p, const struct tok *op, enum sp_cmp cmp, struct sp_expr *a, struct sp_expr *b);
struct sp_expr *check_condition(struct parser *p, const struct tok *at, struct sp_expr *value);
struct sp_expr *check_quantifier(struct parser *p, const struct tok *at, enum sp_expr_kind kind, struct sp_expr *a);
void check_action(struct parser *p, const struct sp_action *a);
/* `replace` changes what the condition found: it must look for something in the field. */
void check_replace(struct parser *p, const struct sp_expr *when, const struct sp_expr *target);
const char *type_name(unsigned type);

/* pattern.c: can the matcher run this regular expression? Mistakes are reported where they stand in it. */
void check_pattern(struct parser *p, const struct sp_expr *pattern);
/* It is remembered; its bytes must outlive the set. */
void pattern_sound(struct sp_ruleset *s, struct sp_span pattern);

#endif
