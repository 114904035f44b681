/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block: the compiled policy in memory. Everything is an offset from the block's start (0: none), so the block can be mapped
 * anywhere at a page boundary. Written by compile.c and index.c, read by match.c and eval.c, checked by verify.c.
 */
#ifndef SP_RULE_BLOCK_H
#define SP_RULE_BLOCK_H

#include "rule/ast.h"
#include "rule/scan.h"

#define BLOCK_MAGIC UINT64_C(0x313059434c4f5053) /* "SPOLCY01" */

enum block_limits {
    BLOCK_VERSION = 4,
    BLOCK_SIDES_MAX = 16,      /* protocols times two directions */
    BLOCK_MAX = 2000000000,    /* offsets are 32 bits */
    NO_KEY = 0,                /* key ids count from 1 */
    GATE_RULES_MAX = 256,      /* rules evaluated for one head without a trigger; more would cost more than the body they save */
    JOIN_MAX = 64 << 10,       /* values of one field scanned together; more are scanned one by one */
};

struct bref { uint32_t off, n; }; /* an array or a string */

/* A node of a condition. */
struct bnode {
    uint8_t kind, cmp, type, nargs;
    uint8_t keyed, caseless, func;
    uint8_t asks;         /* of CMP, TRUTH: it has a main field */
    uint16_t field;       /* FIELD, COUNT, PRESENT; of CMP, TRUTH, ANY, ALL: the field whose values are asked one by one */
    uint16_t main_keyed;  /* the same, is it keyed */
    struct bref main_key;
    uint32_t a, b;        /* nodes */
    uint32_t args[SP_CALL_ARGS_MAX];
    struct bref str;      /* STR, key of FIELD/COUNT */
    struct bref items;    /* LIST of strings: struct bitem in the order of their hashes; of others: uint32_t nodes */
    struct bref net;      /* NET: struct sp_net */
    uint32_t db;          /* CMP matches: Vectorscan database */
    uint32_t body;        /* CMP, TRUTH: struct bbody, 0 when it reads no body field */
    int64_t num;
};

/* A member of a list, by its case-folded hash. */
struct bitem {
    uint64_t hash;
    struct bref str;
};

/* Body fields that a predicate reads: more values can make it true, but a count can make it either. */
struct bbody {
    uint64_t reads[SP_FIELD_WORDS], counts[SP_FIELD_WORDS];
};

struct baction {
    uint8_t kind;
    uint32_t target, value; /* nodes */
    int64_t from, to;
    uint32_t som_db;        /* REPLACE of what a `matches` found: a database that reports where matches start */
};

struct brule {
    struct bref id, title, cve, actions;
    uint32_t when;        /* node */
    uint32_t sid;
    uint32_t severity, act, status;
    uint16_t side;        /* protocol * 2 + direction */
    uint16_t reads_body;
    uint64_t body[SP_FIELD_WORDS]; /* body fields it reads */
};

/* ---- the index of one side ---- */

/* Patterns for values of any key are scanned in all values at once; those for certain keys only in the values that have one. */
enum db_kind { DB_LITERALS, DB_EXPRESSIONS, DB_KEYED_LITERALS, DB_KEYED_EXPRESSIONS, DB_KINDS };

enum posting_flags { POST_JUDGE = 1, POST_GATE = 2 };
struct bposting { uint32_t rule; uint32_t key; uint32_t flags; }; /* key id, NO_KEY: any */

struct beq { uint64_t hash; struct bref value, postings; uint32_t caseless, used; }; /* open addressing, a power of two */
struct bnum { int64_t limit; struct bref postings; };                  /* holds when the number is above/below/equal */

struct bfield {
    uint32_t db[DB_KINDS];    /* Vectorscan databases, 0: none; expressions are multi-line */
    struct bref patterns[DB_KINDS]; /* by pattern id: struct bref of postings */
    uint8_t need[4];          /* every literal of DB_LITERALS has one of these bytes */
    uint32_t needs;           /* `need` is known: most values need no scan */
    struct bref eq;           /* struct beq table */
    uint64_t eq_lengths;      /* bit (length mod 64) of every constant: most values need no hash */
    struct bref above[2], below[2], equal[2]; /* struct bnum, sorted; [0] the number, [1] the length of the string */
    struct bref present;      /* postings */
    uint64_t key_lengths;     /* bit (length mod 64) of every key of its postings */
};

struct bside {
    uint32_t used;
    uint32_t by_verb;         /* rules trigger on values of the protocol's verb and on fields that only some messages have, on nothing else */
    struct bref fields;       /* struct bfield by field number */
    struct bref keys;         /* struct bkey table: names used as keys, open addressing, a power of two */
    struct bref always;       /* rule numbers judged for every message */
    uint64_t want[SP_FIELD_WORDS];
    uint64_t eager[SP_FIELD_WORDS];      /* body fields of `ungated` rules */
    uint64_t programmed[SP_FIELD_WORDS]; /* fields with a bfield that has something in it */
    struct bref ungated;      /* rules that read body fields and that no posting of the head's fields gates */
};
struct bkey { uint64_t hash; struct bref name; uint32_t id, used; };

struct sp_policy {
    uint64_t magic;
    uint32_t version, nrules;
    uint64_t len, checksum;   /* checksum: of the header with this field zero, and everything behind it */
    uint32_t rules;           /* struct brule[nrules] */
    uint32_t scratch_dbs, nscratch_dbs; /* uint32_t offsets of every database, for hs_alloc_scratch */
    uint32_t recipes;         /* struct bref[nscratch_dbs]: what each database was made from (reuse.c) */
    struct bside sides[BLOCK_SIDES_MAX];
};

static inline const void *block_at(const struct sp_policy *p, uint32_t off)
{
    return (const uint8_t *)p + off;
}
static inline struct sp_span block_str(const struct sp_policy *p, struct bref r)
{
    return sp_span_of(block_at(p, r.off), r.n);
}

uint64_t block_checksum(const struct sp_policy *p);

/* ---- building it ---- */

/* Databases of an earlier policy. */
struct reuse {
    const struct sp_policy *before; /* NULL: none */
    uint32_t *slots, mask;
};

struct builder {
    struct sp_buf out;        /* the block so far */
    struct sp_diag *diag;
    const struct sp_ruleset *set;
    const struct sp_rule *rule; /* being compiled, for mistakes; NULL: all of a field's together */
    struct side_build *sides[BLOCK_SIDES_MAX];
    struct sp_arena arena;    /* what is needed while compiling */
    struct pattern_db *dbs;   /* databases made for single expressions, to share */
    uint32_t *db_list; uint32_t ndbs, capdbs;
    struct bref *recipes;     /* of each */
    struct reuse reuse;
    bool failed;
};

/* Appends n bytes aligned to `align` and returns their offset. */
uint32_t block_put(struct builder *b, const void *bytes, size_t n, size_t align);
struct bref block_put_str(struct builder *b, struct sp_span s);
/* One database of these expressions; 0 after an error, which has been reported. Ids are their positions. */
uint32_t block_put_db(struct builder *b, const char *const *expressions, const unsigned *flags, unsigned n);
/* The same of literals, of these lengths. */
uint32_t block_put_literals(struct builder *b, const char *const *literals, const size_t *lengths, const unsigned *flags, unsigned n);
/* Database of one expression, shared between equal ones. */
uint32_t block_pattern(struct builder *b, struct sp_span pattern, unsigned flags);
/* pattern text that matches the literal, escaped, in the arena; NUL-terminated */
const char *block_literal(struct builder *b, const char *before, struct sp_span literal, const char *after);

/* ---- reuse.c ---- */

/* Everything that a database of these is made from, in the arena. `lengths`: they are literals. */
struct sp_span recipe_make(struct builder *b, const char *const *texts, const size_t *lengths, const unsigned *flags, unsigned n);
/* 0, or -1: no memory. */
int reuse_init(struct reuse *r, const struct sp_policy *before);
void reuse_fini(struct reuse *r);
/* The database that was made from it; empty: there is none. */
struct sp_span reuse_find(const struct reuse *r, struct sp_span recipe);

/* ---- trigger.c ---- */

enum pred_kind { PRED_EQ, PRED_PATTERN, PRED_NUM, PRED_PRESENT };
struct pred {
    enum pred_kind kind;
    uint16_t field;
    bool keyed, caseless, length; /* length: of the string instead of the number */
    struct sp_span key;
    struct sp_span text;     /* EQ: the constant; PATTERN: the literal or expression */
    enum { PAT_CONTAINS, PAT_STARTS, PAT_ENDS, PAT_REGEX } pattern;
    enum sp_cmp cmp;         /* NUM */
    int64_t num;
    unsigned cost;
};
struct trigger {
    struct pred *preds;
    uint32_t n;
    unsigned cost;
    bool always;             /* no set of predicates covers the condition */
};
/* The trigger set of a condition. `hidden`: predicates on these fields do not count (body fields, for the gate); may be NULL. */
struct trigger trigger_of(const struct sp_rule *r, const uint64_t *hidden, struct sp_arena *a);

/* ---- literal.c ---- */

enum { LITERALS_MAX = 24 };
struct literals {
    struct sp_span all[LITERALS_MAX];
    unsigned n;          /* 0: none are known */
    bool caseless;
};
/* Literals of which one is in every string that the expression matches. */
struct literals regex_literals(struct sp_span regex, struct sp_arena *a);

/* ---- index.c ---- */

struct side_build *side_new(struct builder *b);
void side_add(struct builder *b, struct side_build *s, uint32_t rule, const struct trigger *t, unsigned flags);
/* Writes the side's index; the side's want etc. are the caller's. */
void side_finish(struct builder *b, struct side_build *s, const struct sp_proto *proto, struct bside *ret);

/* ---- the matcher ---- */

struct sp_matcher {
    const struct sp_policy *policy;
    hs_scratch_t *scratch;
    uint32_t only;
    uint32_t generation;
    uint32_t *seen;           /* by rule: generation in which it became a candidate */
    uint32_t *candidates; uint32_t ncandidates;
    uint8_t *found_by;        /* by rule: enum posting_flags of the postings that made it a candidate */
    uint32_t *first, *next;   /* values of the message by field */
    uint32_t *fixed;          /* by value: index of its fix, if that fix is this value's */
    uint8_t *join;
    unsigned post_flags;      /* enum posting_flags of the postings that are looked at */
    uint64_t scan_steps;      /* that finding the candidates took */
    /* while evaluating */
    const struct sp_msg *msg;
    const struct sp_proto *proto;
    const uint64_t *unknown;  /* fields not known yet, NULL: all are known */
    struct sp_arena *arena;   /* of the message: results of functions */
    uint64_t budget, steps;   /* of one message: bytes scanned, values and conditions looked at */
    uint32_t fired;           /* value that made the latest comparison hold */
    uint64_t chained[SP_FIELD_WORDS]; /* fields that have values in this message */
};

/* False: the budget is used up, and what is found from here on means nothing. */
static inline bool matcher_spend(struct sp_matcher *mt, size_t steps)
{
    mt->steps += steps;
    return mt->steps <= mt->budget;
}

enum truth { NO, YES, MAYBE };
enum truth eval_condition(struct sp_matcher *mt, uint32_t node);
/* Does this one value make the condition hold: some predicate on its field that is not under a `not`? */
bool eval_value_holds(struct sp_matcher *mt, uint32_t node, const struct bnode *target, uint32_t value);
struct sp_fval eval_value(struct sp_matcher *mt, uint32_t node, const struct bnode *of, uint32_t value);
bool eval_matches(struct sp_matcher *mt, uint32_t db, struct sp_span s);
static inline const struct bnode *node_at(const struct sp_matcher *mt, uint32_t off)
{
    return block_at(mt->policy, off);
}
bool value_is(const struct sp_matcher *mt, const struct sp_value *v, const struct bnode *of);
static inline uint32_t first_value(const struct sp_matcher *mt, uint16_t field)
{
    return sp_bit(mt->chained, field) ? mt->first[field] : UINT32_MAX;
}
/* Corrections of a rule that holds, added to the verdict's. False: more than can be, or no memory. */
bool fix_rule(struct sp_matcher *mt, const struct brule *rule, struct sp_verdict *v);

#endif
