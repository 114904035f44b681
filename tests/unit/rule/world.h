/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world: random rules, random messages and an evaluator that does nothing clever, for tests that hold the matcher against it.
 * Rules are trees as the parser would make them (type-checked: one repeated field to a comparison, one field inside any()).
 * Strings are short and of few letters, so that most things hold now and then.
 */
#ifndef TESTS_RULE_WORLD_H
#define TESTS_RULE_WORLD_H

#include "base/arena.h"
#include "proto/http/fields.h"
#include "rule/ast.h"

enum world_limits {
    WORLD_VALUES = 64,  /* in one message */
    WORLD_DEPTH = 4,    /* of a condition */
};

struct world {
    uint64_t seed;
    const struct sp_proto *proto;
    struct sp_ruleset set;    /* the rules */
    struct sp_arena arena;    /* the message */
    struct sp_value values[WORLD_VALUES];
    uint64_t want[SP_FIELD_WORDS];
    uint32_t first, few;      /* which fields the rules of now speak of */
    struct sp_span (*pattern)(struct world *w); /* makes a regular expression; NULL: one of world_patterns */
};

/* A regular expression and how the C library writes it. */
struct world_pattern {
    const char *text, *posix;
    bool caseless;
};
extern const struct world_pattern world_patterns[]; /* ended by text == NULL */

void world_init(struct world *w, uint64_t seed);
void world_fini(struct world *w);
/* A number below n. */
uint32_t world_dice(struct world *w, uint32_t n);
/* Other rules instead of the ones there are. */
void world_rules(struct world *w, uint32_t n);
/* A message without a body; body_fields says at random which fields a body could still fill. */
struct sp_msg world_head(struct world *w);
/* The same message with a random body: values of its body_fields are added. */
struct sp_msg world_whole(struct world *w, const struct sp_msg *head);
/* Does the condition hold? */
bool plain_holds(const struct sp_proto *proto, const struct sp_msg *m, const struct sp_expr *e);

/* Does the regular expression match? Asks the C library, which knows world_patterns alone; a test with others puts its own here. */
extern bool (*plain_matches)(struct sp_span s, struct sp_span pattern, bool caseless);

/* Nodes, for rules made by hand. */
struct sp_expr *world_expr(struct world *w, enum sp_expr_kind kind, uint8_t type);
struct sp_expr *world_field(struct world *w, uint16_t field, const char *key);
struct sp_expr *world_text(struct world *w, struct sp_span text);
struct sp_expr *world_number(struct world *w, int64_t n);
struct sp_expr *world_call(struct world *w, const char *name, struct sp_expr *a, struct sp_expr *b);
struct sp_expr *world_compare(struct world *w, enum sp_cmp cmp, struct sp_expr *a, struct sp_expr *b);
struct sp_expr *world_join(struct world *w, enum sp_expr_kind kind, struct sp_expr *a, struct sp_expr *b);
/* Adds a rule that answers with this act. */
struct sp_rule *world_rule(struct world *w, struct sp_expr *when, enum sp_action_kind act);
/* No rules any more. */
void world_clear(struct world *w);
void world_value(struct world *w, struct sp_msg *m, uint16_t field, struct sp_span key, struct sp_span str, int64_t num);

#endif
