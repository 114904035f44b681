/* SPDX-License-Identifier: Apache-2.0 */
/* explain: everything about one rule, or about one field and the rules that read it. */
#include <stdlib.h>
#include <string.h>

#include "proc/cmd.h"
#include "proc/fieldinfo.h"
#include "proc/rules.h"
#include "rule/ast.h"

static struct {
    struct sp_list rules, what;
} want;

static const struct sp_option options[] = {
    {.name = "rules", .letter = 'r', .kind = SP_OPTION_LIST, .value = "PATH", .to.list = &want.rules,
     .doc = "Rule file or directory; may be given several times. Default: the installed patches, else ./patches."},
    {0},
};

static const struct sp_example examples[] = {
    {"what does this patch look for, and what does it do?", "sallyport explain CVE-2021-41773"},
    {"what is this field, and who reads it?", "sallyport explain http.request.uri.path"},
    {0},
};

enum { OUTPUT_MAX = 1 << 20 };

/* ---- a field ---- */

/* Recursion is bounded by SP_EXPR_DEPTH_MAX. */
static bool reads(const struct sp_expr *e, unsigned field)
{
    if (!e)
        return false;
    if ((e->kind == SP_EX_FIELD || e->kind == SP_EX_COUNT) && e->field == field)
        return true;
    for (unsigned i = 0; i < e->nargs; i++)
        if (reads(e->args[i], field))
            return true;
    return reads(e->a, field) || reads(e->b, field);
}

static void put_readers(struct sp_buf *out, const struct sp_ruleset *set, const struct sp_proto *p, unsigned field)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < set->nrules; i++) {
        const struct sp_rule *r = set->rules[i];
        if (r->proto != p || !reads(r->when, field))
            continue;
        if (n++ == 0)
            sp_put_str(out, "read by:\n");
        sp_put_fmt(out, "    %-24.*s %.*s\n", SP_FMT(r->id), SP_FMT(r->title));
    }
    if (n == 0)
        sp_put_str(out, "read by: no rule\n");
}

static void put_field(struct sp_buf *out, const struct sp_ruleset *set, const struct sp_proto *p, unsigned field)
{
    const struct sp_field *f = &p->fields[field];
    sp_put_fmt(out, "%s: %s (", f->name, sp_field_type(f));
    sp_field_put_flags(out, f);
    sp_put_fmt(out, ")\n%s\nexample: %s\n", f->doc, f->hint);
    put_readers(out, set, p, field);
}

/* ---- what was asked for ---- */

static bool explain_field(struct sp_buf *out, const struct sp_ruleset *set, struct sp_span name)
{
    bool found = false;
    name = sp_span_sub(name, 0, sp_span_byte(name, 0, '['));
    for (const struct sp_proto *const *p = sp_protos; *p; p++) {
        int field = sp_proto_field(*p, name);
        if (field >= 0)
            put_field(out, set, *p, (unsigned)field);
        found |= field >= 0;
    }
    return found;
}

static bool explain_rule(struct sp_buf *out, const struct sp_ruleset *set, struct sp_span id)
{
    bool found = false;
    for (uint32_t i = 0; i < set->nrules; i++)
        if (sp_span_ieq(sp_rule_id(set->rules[i]), id)) {
            sp_rule_explain(set->rules[i], out);
            found = true;
        }
    return found;
}

static const char *nearest_rule(struct sp_ruleset *set, struct sp_span word)
{
    const char **names = sp_arena_get(&set->arena, (set->nrules + 1) * sizeof *names);
    struct sp_buf text = sp_buf_arena(&set->arena, OUTPUT_MAX);
    if (!names || !text.p)
        return NULL;
    for (uint32_t i = 0; i < set->nrules; i++) {
        names[i] = (const char *)text.p + text.n;
        sp_put(&text, sp_rule_id(set->rules[i]));
        sp_put_byte(&text, 0);
    }
    names[set->nrules] = NULL;
    return text.full ? NULL : sp_did_you_mean(word, names);
}

static int unknown(struct sp_ruleset *set, struct sp_span word)
{
    const char **fields = sp_field_names();
    const char *near = fields ? sp_did_you_mean(word, fields) : NULL;
    free(fields);
    if (!near)
        near = nearest_rule(set, word);
    if (near)
        return sp_complain(SP_EXIT_INPUT, "explain: no rule or field '%.*s'; did you mean '%s'?", SP_FMT(word), near);
    return sp_complain(SP_EXIT_INPUT, "explain: no rule or field '%.*s'; see 'sallyport fields'", SP_FMT(word));
}

static int run(void)
{
    struct sp_ruleset set;
    struct sp_list paths;
    int status = sp_rules_parse(&want.rules, NULL, &paths, &set);
    if (status)
        return status;
    struct sp_buf out = sp_buf_growing(OUTPUT_MAX);
    for (unsigned i = 0; i < want.what.n && !status; i++) {
        struct sp_span word = sp_span_str(want.what.item[i]);
        if (!explain_field(&out, &set, word) && !explain_rule(&out, &set, word))
            status = unknown(&set, word);
    }
    sp_ruleset_fini(&set);
    int printed = sp_print(&out);
    return status ? status : printed;
}

const struct sp_command sp_cmd_explain = {
    .name = "explain",
    .summary = "say everything about a rule or a field",
    .operands = "RULE|FIELD...",
    .about = "For a rule: what it is about, its condition as it was understood, what triggers it, what it does and its proof cases. For "
             "a field: its type, what it means and which rules read it.",
    .options = options,
    .examples = examples,
    .given = &want.what,
    .min_operands = 1,
    .max_operands = SP_LIST_MAX,
    .run = run,
};
