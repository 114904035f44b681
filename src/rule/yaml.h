/* SPDX-License-Identifier: Apache-2.0 */
/* yaml: documents of a rule file -> rules and macros. Between source.c and yaml.c. */
#ifndef SP_RULE_YAML_H
#define SP_RULE_YAML_H

#include <libfyaml.h>

#include "rule/parse.h"

struct yaml_file {
    const char *name;
    struct sp_span source;
    struct sp_ruleset *set;
    struct sp_diag *diag;
    struct macros *macros;
};

/* A document of `macros:` and/or `lists:` instead of a rule. */
bool yaml_is_macros(struct fy_node *root);
void yaml_read_macros(struct yaml_file *f, struct fy_node *root);
/* NULL after mistakes, which have been reported. */
struct sp_rule *yaml_read_rule(struct yaml_file *f, struct fy_node *root);

#endif
