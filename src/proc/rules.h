/* SPDX-License-Identifier: Apache-2.0 */
/* rules: from directories to a policy in force: load, compile, prove. What every command that judges begins with. */
#ifndef SP_PROC_RULES_H
#define SP_PROC_RULES_H

#include "proc/cmd.h"
#include "rule/policy.h"
#include "rule/source.h"

struct sp_rules {
    struct sp_ruleset set;
    struct sp_policy *policy;
    struct sp_list paths; /* where they came from */
    uint32_t cases;       /* proof cases that were run */
};

/* Where rules are when nobody says where, in this order; NULL at the end. */
extern const char *const sp_rules_default_paths[];

/* `paths` empty: the installed patches, else ./patches. Mistakes are printed, all of them. SP_EXIT_OK, else nothing is held. `prove`: also run
 * every rule's cases. */
int sp_rules_load(const struct sp_list *paths, bool prove, struct sp_rules *ret);
/* The same, faster: an earlier policy (NULL: none) lends what has not changed. */
int sp_rules_load_after(const struct sp_list *paths, bool prove, const struct sp_policy *before, struct sp_rules *ret);
void sp_rules_fini(struct sp_rules *r);
/* "41 rules from patches/" */
void sp_rules_describe(const struct sp_rules *r, struct sp_buf *out);
/* Its text, as it is, to standard error. */
void sp_print_diag(const struct sp_diag *d);
/* Only the first step, for `explain`. Free with sp_ruleset_fini. */
int sp_rules_parse(const struct sp_list *paths, const struct sp_policy *before, struct sp_list *ret_paths, struct sp_ruleset *ret);

#endif
