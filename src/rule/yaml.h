/* SPDX-License-Identifier: Apache-2.0 */
/* yaml: documents of a rule file -> rules and macros. Between source.c, yaml.c, cases.c and macros.c. */
#ifndef SP_RULE_YAML_H
#define SP_RULE_YAML_H

#include <libfyaml.h>

#include "rule/parse.h"

enum yaml_limits {
    LIST_MAX = 256, /* entries of affects, references, tags, cases */
    MACROS_MAX = 256, /* macros and lists of one load */
    CONDITION_MAX = 1 << 16, /* bytes of a condition or action: pointing into it walks it */
    PROTOCOLS_NAMED = 32, /* protocols that a suggestion is looked for among */
};

struct yaml_file {
    const char *name;
    struct sp_span source;
    struct sp_ruleset *set;
    struct sp_diag *diag;
    struct macros *macros;
};

/* A rule while its document is read. */
struct reading {
    struct yaml_file *f;
    struct sp_rule *rule;
    struct fy_node *when, *then, *cases;
    bool failed;
};

/* Reports a mistake at the node, its scalar underlined; the reading has failed. */
void wrong(struct reading *r, struct fy_node *n, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* "unknown key", with the nearest of `names`. */
void wrong_key(struct reading *r, struct fy_node *key, const char *const *names);
unsigned node_line(struct fy_node *n);
/* The text of a scalar; empty for anything else. */
struct sp_span scalar(struct fy_node *n);
/* A scalar that is no alias? Otherwise `what` was expected. */
bool want_scalar(struct reading *r, struct fy_node *n, const char *what);
/* A scalar's text, copied to the rule set. */
struct sp_span keep(struct reading *r, struct fy_node *n);
/* The scalar with its place, for the parser. */
struct rule_text text_of(struct yaml_file *f, struct fy_node *n);

/* cases.c */
void read_cases(struct reading *r);
/* macros.c: a document of `macros:` and/or `lists:` instead of a rule. */
bool yaml_is_macros(struct fy_node *root);
void yaml_read_macros(struct yaml_file *f, struct fy_node *root);
/* NULL after mistakes, which have been reported. */
struct sp_rule *yaml_read_rule(struct yaml_file *f, struct fy_node *root);

#endif
