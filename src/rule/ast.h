/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ast: a rule after parsing and type check, before compilation. Written by source.c and check.c, read by compile.c and
 * explain.c. Everything lives in the rule set's arena. The tree is at most SP_EXPR_DEPTH_MAX deep.
 *
 * Meaning. A comparison over a field with several values holds when it holds for any of them; `ne` (and !=) is `not eq`:
 * true when no value is equal, also when the field is absent. Every other comparison with an absent field is false.
 * any(E) and all(E) take a condition over one repeated field and ask it of each value: E may combine several predicates, which then speak of the
 * same value; all(E) is false when there is no value. A field name where a condition is expected asks whether it is present
 * (for SP_BOOL: whether it is true). count(F) is the number of values. A comparison refers to at most one repeated field.
 */
#ifndef SP_RULE_AST_H
#define SP_RULE_AST_H

#include "rule/policy.h"

enum sp_rule_limits {
    SP_EXPR_DEPTH_MAX = 64,     /* nesting of a condition: evaluation recurses */
    SP_EXPR_NODES_MAX = 4096,   /* nodes of one condition, macros expanded, members of lists not counted */
    SP_LIST_ITEMS_MAX = 1 << 16,/* members of one list */
    SP_RULE_ACTIONS_MAX = 8,
    SP_CALL_ARGS_MAX = 4,
    SP_RULE_FILE_MAX = 8 << 20, /* bytes of one rule file */
};

enum sp_expr_kind {
    /* conditions */
    SP_EX_AND, SP_EX_OR, SP_EX_XOR, /* a, b */
    SP_EX_NOT, SP_EX_ANY, SP_EX_ALL, /* a */
    SP_EX_CMP,                      /* a op b; b is a value, or a LIST for SP_CMP_IN */
    SP_EX_PRESENT,                  /* a: FIELD */
    SP_EX_TRUTH,                    /* a: a value of type SP_BOOL */
    /* values */
    SP_EX_FIELD, SP_EX_COUNT, SP_EX_CALL, SP_EX_STR, SP_EX_NUM, SP_EX_BOOL, SP_EX_NET, SP_EX_LIST,
};

enum sp_cmp { SP_CMP_EQ, SP_CMP_NE, SP_CMP_LT, SP_CMP_LE, SP_CMP_GT, SP_CMP_GE, SP_CMP_CONTAINS, SP_CMP_MATCHES, SP_CMP_IN };

struct sp_net { uint8_t ip[16]; uint8_t bits; }; /* IPv4 as ::ffff:0:0/96 */

struct sp_expr {
    enum sp_expr_kind kind;
    uint8_t type;              /* enum sp_type, of values */
    enum sp_cmp cmp;           /* CMP */
    struct sp_expr *a, *b;
    uint16_t field;            /* FIELD, COUNT: index in the protocol's catalogue */
    bool keyed;                /* FIELD, COUNT: key is given */
    struct sp_span str;        /* STR: bytes; FIELD/COUNT: the key (lower case when the field is SP_F_IKEY) */
    int64_t num;               /* NUM, BOOL */
    struct sp_net net;         /* NET */
    uint16_t func;             /* CALL: index in sp_funcs */
    uint8_t nargs;
    struct sp_expr *args[SP_CALL_ARGS_MAX]; /* CALL */
    struct sp_expr **items;    /* LIST: STR, NUM or NET, all of one type */
    uint32_t nitems;
    uint32_t off, width;       /* where it stands in the text of its condition, macro or action */
};

/* ---- functions: one row makes a function usable in every rule ---- */

struct sp_fval { /* an evaluated value */
    struct sp_span str;
    int64_t num;
    bool absent; /* the function has no result for this input (not base64, not a number): comparisons are false */
};
struct sp_func {
    const char *name, *signature, *doc, *example;
    uint8_t ret;                        /* enum sp_type */
    uint8_t nargs;
    uint8_t args[SP_CALL_ARGS_MAX];     /* enum sp_type */
    struct sp_fval (*call)(const struct sp_fval *args, struct sp_arena *a);
};
extern const struct sp_func sp_funcs[]; /* ended by name == NULL; func.c */

/* ---- rules ---- */

enum sp_action_kind { SP_DO_ALERT, SP_DO_REFUSE, SP_DO_CLOSE, SP_DO_DROP, SP_DO_SET, SP_DO_REMOVE, SP_DO_TRUNCATE, SP_DO_CLAMP, SP_DO_REPLACE };

/* SET F to V: every value of F that made the condition hold; for a field without `any` that is every value of F[key].
 * REPLACE F with V: the same as set for strings, but only the part that a `matches`/`contains` of the condition found in that value. */
struct sp_action {
    enum sp_action_kind kind;
    struct sp_expr *target; /* FIELD, for corrections */
    struct sp_expr *value;  /* SET, REPLACE: a value without fields, or a function of the target */
    int64_t from, to;       /* TRUNCATE: to = bytes kept; CLAMP: both */
    unsigned status;        /* REFUSE */
};

struct sp_rule {
    struct sp_span id, title, description, patched; /* patched: what the corrected server does */
    bool guard;                       /* `guard:` instead of `patch:` */
    enum sp_severity severity;
    bool kev;
    struct sp_span cve;
    struct sp_span *affects; uint32_t naffects;       /* CPE 2.3 */
    struct sp_span *references; uint32_t nreferences; /* URLs */
    struct sp_span *tags; uint32_t ntags;             /* CWE-22, CAPEC-126 ... */
    const struct sp_proto *proto;
    enum sp_dir dir;                  /* from the fields it reads; mixing both is an error */
    struct sp_expr *when;
    struct sp_span when_text;
    struct sp_action actions[SP_RULE_ACTIONS_MAX]; uint32_t nactions;
    struct sp_case *cases; uint32_t ncases;
    const char *file; unsigned line;
};

/* Fields of e, by direction flags; *repeated counts references to repeated fields, *field is the last one seen. */
unsigned expr_fields(const struct sp_expr *e, const struct sp_proto *proto, unsigned *repeated, const struct sp_expr **field);

/* Writes a condition or value back as text: canonical spelling, minimal parentheses. Read again it gives the same text. */
void sp_expr_print(const struct sp_proto *proto, const struct sp_expr *e, struct sp_buf *out);
/* The same, the parts of its outermost and/or each on a line of its own behind `margin` blanks. */
void sp_expr_print_lines(const struct sp_proto *proto, const struct sp_expr *e, unsigned margin, struct sp_buf *out);
/* Which trigger set the compiler takes for this condition, as text ("always: ..." when it has none). compile.c */
void sp_trigger_print(const struct sp_rule *r, struct sp_buf *out);

#endif
