/* SPDX-License-Identifier: Apache-2.0 */
/* load: rules from text, for tests of the language. */
#ifndef TESTS_RULE_LOAD_H
#define TESTS_RULE_LOAD_H

#include "rule/ast.h"

struct load {
    struct sp_ruleset set;
    struct sp_diag diag;
    int rc;
};

/* Loads the text as the file "r.yaml"; what is wrong with it is in diag. */
void load_rules(struct load *l, struct sp_span yaml);
/* The same for one rule with this condition and action, each as a literal block. Two cases come with it. */
void load_rule(struct load *l, const char *when, const char *then);
void load_fini(struct load *l);

#endif
