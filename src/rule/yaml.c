/* SPDX-License-Identifier: Apache-2.0 */
/* yaml: the keys of a rule, one row each. */
#include "rule/yaml.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- nodes and their places ---- */

/* A collection has no mark of its own: it begins where its first scalar does. NULL for an empty one. */
static struct fy_node *first_scalar(struct fy_node *n)
{
    while (n && !fy_node_get_scalar_token(n)) {
        void *prev = NULL;
        struct fy_node_pair *pair = fy_node_is_mapping(n) ? fy_node_mapping_iterate(n, &prev) : NULL;
        n = fy_node_is_sequence(n) ? fy_node_sequence_iterate(n, &prev) : pair ? fy_node_pair_key(pair) : NULL;
    }
    return n;
}

static const struct fy_mark *node_mark(struct fy_node *n)
{
    n = first_scalar(n);
    return n ? fy_token_start_mark(fy_node_get_scalar_token(n)) : NULL;
}

unsigned node_line(struct fy_node *n)
{
    const struct fy_mark *mark = node_mark(n);
    return mark ? (unsigned)mark->line + 1 : 1;
}

struct sp_span scalar(struct fy_node *n)
{
    size_t len = 0;
    const char *s = n && fy_node_is_scalar(n) ? fy_node_get_scalar(n, &len) : NULL;
    return sp_span_of(s, s ? len : 0);
}

struct rule_text text_of(struct yaml_file *f, struct fy_node *n)
{
    struct fy_token *tok = fy_node_get_scalar_token(n);
    const struct fy_mark *mark = node_mark(n);
    enum fy_scalar_style style = tok ? fy_token_scalar_style(tok) : FYSS_PLAIN;
    char quote = style == FYSS_DOUBLE_QUOTED ? '"' : style == FYSS_SINGLE_QUOTED ? '\'' : 0;
    return (struct rule_text){f->name, f->source, mark ? mark->input_pos : 0, quote, sp_arena_copy(&f->set->arena, scalar(n))};
}

/* What can be underlined for a node: a scalar in it, or the key of an empty collection. */
static struct fy_node *with_place(struct fy_node *n)
{
    void *prev = NULL;
    struct fy_node *first = first_scalar(n), *parent = n && !first ? fy_node_get_parent(n) : NULL;
    if (!parent || !fy_node_is_mapping(parent))
        return first ? first : n;
    for (struct fy_node_pair *pair; (pair = fy_node_mapping_iterate(parent, &prev));) {
        if (fy_node_pair_value(pair) == n)
            return fy_node_pair_key(pair);
    }
    return n;
}

void wrong(struct reading *r, struct fy_node *n, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    struct rule_text t = text_of(r->f, with_place(n));
    rule_text_error(r->f->diag, &t, 0, t.text.n ? t.text.n : 1, "%s", text);
    r->failed = true;
}

void wrong_key(struct reading *r, struct fy_node *key, const char *const *names)
{
    const char *near = sp_did_you_mean(scalar(key), names);
    wrong(r, key, "unknown key \"%.*s\"%s%s%s", SP_FMT(scalar(key)), near ? ": did you mean " : "", near ? near : "", near ? "?" : "");
}

bool want_scalar(struct reading *r, struct fy_node *n, const char *what)
{
    if (fy_node_is_alias(n))
        wrong(r, n, "%s is expected here; aliases are not supported", what);
    else if (!fy_node_is_scalar(n))
        wrong(r, n, "%s is expected here", what);
    else
        return true;
    return false;
}

struct sp_span keep(struct reading *r, struct fy_node *n)
{
    return want_scalar(r, n, "text") ? sp_arena_copy(&r->f->set->arena, scalar(n)) : (struct sp_span){NULL, 0};
}

/* Text that is shown to people: what could move a terminal's cursor has no place in it. */
static struct sp_span keep_text(struct reading *r, struct fy_node *n)
{
    struct sp_span s = keep(r, n);
    for (size_t i = 0; i < s.n; i++) {
        if ((s.p[i] < 0x20 && s.p[i] != '\n' && s.p[i] != '\t') || s.p[i] == 0x7f) {
            wrong(r, n, "control characters are not allowed here");
            break;
        }
    }
    return s;
}

/* ---- names ---- */

static size_t digits(struct sp_span s, size_t from)
{
    size_t n = 0;
    while (from + n < s.n && sp_is_digit(s.p[from + n]))
        n++;
    return n;
}

/* Length of the "CVE-2021-41773" that s begins with, or 0. */
static size_t cve_length(struct sp_span s)
{
    size_t year = digits(s, 4), number = digits(s, 9);
    return sp_span_starts(s, SP_LIT("CVE-")) && year == 4 && sp_span_at(s, 8) == '-' && number >= 4 ? 9 + number : 0;
}

static bool is_id(struct sp_span s)
{
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        if (!sp_is_digit(c) && (uint8_t)(sp_lower(c) - 'a') >= 26 && c != '-' && c != '_' && c != '.' && c != '/')
            return false;
    }
    return s.n > 0;
}

static void key_id(struct reading *r, struct fy_node *n)
{
    struct sp_span id = keep(r, n);
    if (r->rule->id.n)
        wrong(r, n, "a rule is a patch or a guard, not both");
    else if (!is_id(id))
        wrong(r, n, "a name of letters, digits, \"-\", \"_\", \".\" and \"/\" is expected here");
    else if (sp_span_istarts(id, SP_LIT("CVE-")) && !cve_length(id))
        wrong(r, n, "a CVE is written CVE-YEAR-NUMBER, like CVE-2021-41773");
    r->rule->id = id;
}

static void key_guard(struct reading *r, struct fy_node *n)
{
    key_id(r, n);
    r->rule->guard = true;
}

/* The id names it, or else the first reference that does. */
static void find_cve(struct sp_rule *rule)
{
    rule->cve = sp_span_sub(rule->id, 0, cve_length(rule->id));
    for (uint32_t i = 0; i < rule->nreferences && !rule->cve.n; i++) {
        struct sp_span from = sp_span_from(rule->references[i], sp_span_find(rule->references[i], 0, SP_LIT("CVE-")));
        rule->cve = sp_span_sub(from, 0, cve_length(from));
    }
}

/* ---- texts ---- */

static void key_title(struct reading *r, struct fy_node *n) { r->rule->title = keep_text(r, n); }
static void key_description(struct reading *r, struct fy_node *n) { r->rule->description = keep_text(r, n); }
static void key_patched(struct reading *r, struct fy_node *n) { r->rule->patched = keep_text(r, n); }
static void key_when(struct reading *r, struct fy_node *n) { r->when = n; }
static void key_then(struct reading *r, struct fy_node *n) { r->then = n; }
static void key_cases(struct reading *r, struct fy_node *n) { r->cases = n; }

static void key_severity(struct reading *r, struct fy_node *n)
{
    static const char *const names[] = {"info", "low", "medium", "high", "critical", NULL};
    for (unsigned i = 0; names[i]; i++) {
        if (sp_span_eq(scalar(n), sp_span_str(names[i]))) {
            r->rule->severity = (enum sp_severity)i;
            return;
        }
    }
    wrong(r, n, "severity is one of info, low, medium, high, critical");
}

static void key_kev(struct reading *r, struct fy_node *n)
{
    r->rule->kev = sp_span_eq(scalar(n), SP_LIT("true"));
    if (!r->rule->kev && !sp_span_eq(scalar(n), SP_LIT("false")))
        wrong(r, n, "kev is true or false");
}

static void key_protocol(struct reading *r, struct fy_node *n)
{
    const char *names[PROTOCOLS_NAMED + 1];
    unsigned count = 0;
    r->rule->proto = sp_proto_by_name(scalar(n));
    if (r->rule->proto)
        return;
    for (; sp_protos[count] && count < PROTOCOLS_NAMED; count++)
        names[count] = sp_protos[count]->name;
    names[count] = NULL;
    const char *near = sp_did_you_mean(scalar(n), names);
    wrong(r, n, "unknown protocol%s%s%s", near ? ": did you mean " : "", near ? near : "", near ? "?" : "");
}

/* ---- lists ---- */

static bool is_any(struct sp_span s)
{
    return s.n > 0;
}

/* CPE 2.3 formatted string: thirteen parts, a colon inside one written "\:" (NISTIR 7695 section 6.2). */
static bool is_cpe(struct sp_span s)
{
    unsigned parts = 1;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\')
            i++;
        else
            parts += s.p[i] == ':';
    }
    return sp_span_starts(s, SP_LIT("cpe:2.3:")) && parts == 13;
}

static bool is_link(struct sp_span s)
{
    return sp_span_starts(s, SP_LIT("https://")) || sp_span_starts(s, SP_LIT("http://"));
}

static uint32_t read_list(struct reading *r, struct fy_node *n, bool (*fits)(struct sp_span), const char *what, struct sp_span **ret)
{
    void *prev = NULL;
    uint32_t count = 0, items = fy_node_is_sequence(n) ? (uint32_t)fy_node_sequence_item_count(n) : 0;
    if (!fy_node_is_sequence(n) || items > LIST_MAX) {
        wrong(r, n, "a list of at most %d entries is expected here, each %s", LIST_MAX, what);
        return 0;
    }
    *ret = sp_arena_get(&r->f->set->arena, (items + 1) * sizeof **ret);
    for (struct fy_node *item; *ret && (item = fy_node_sequence_iterate(n, &prev));) {
        struct sp_span s = keep_text(r, item);
        if (s.n && !fits(s))
            wrong(r, item, "this is not %s", what);
        (*ret)[count++] = s;
    }
    return count;
}

static void key_affects(struct reading *r, struct fy_node *n)
{
    r->rule->naffects = read_list(r, n, is_cpe, "a CPE 2.3 name, \"cpe:2.3:a:VENDOR:PRODUCT:VERSION:*:*:*:*:*:*:*\"", &r->rule->affects);
}

static void key_tags(struct reading *r, struct fy_node *n)
{
    r->rule->ntags = read_list(r, n, is_any, "a word, such as CWE-22", &r->rule->tags);
}

static void key_references(struct reading *r, struct fy_node *n)
{
    r->rule->nreferences = read_list(r, n, is_link, "an https:// or http:// address", &r->rule->references);
}

/* ---- keys ---- */

static const struct { const char *name; void (*read)(struct reading *, struct fy_node *); } keys[] = {
    {"patch", key_id}, {"guard", key_guard}, {"title", key_title}, {"description", key_description}, {"affects", key_affects},
    {"severity", key_severity}, {"kev", key_kev}, {"protocol", key_protocol}, {"references", key_references}, {"tags", key_tags},
    {"patched", key_patched}, {"when", key_when}, {"then", key_then}, {"cases", key_cases},
};

static void unknown_key(struct reading *r, struct fy_node *n)
{
    const char *names[sizeof keys / sizeof *keys + 1];
    size_t count = sizeof keys / sizeof *keys;
    for (size_t i = 0; i < count; i++)
        names[i] = keys[i].name;
    names[count] = NULL;
    wrong_key(r, n, names);
}

static void read_keys(struct reading *r, struct fy_node *root)
{
    void *prev = NULL;
    for (struct fy_node_pair *pair; (pair = fy_node_mapping_iterate(root, &prev));) {
        struct fy_node *key = fy_node_pair_key(pair), *value = fy_node_pair_value(pair);
        size_t i = 0, n = sizeof keys / sizeof *keys;
        while (i < n && !sp_span_eq(scalar(key), sp_span_str(keys[i].name)))
            i++;
        if (i == n)
            unknown_key(r, key);
        else if (fy_node_is_alias(value))
            wrong(r, value, "a value is expected here; aliases are not supported");
        else if (fy_node_is_null(value))
            wrong(r, key, "%s has no value", keys[i].name);
        else
            keys[i].read(r, value);
    }
}

/* One message for all that is missing. */
static void want_keys(struct reading *r, struct fy_node *root)
{
    const struct { const char *name; bool there; } needed[] = {
        {"title", r->rule->title.n > 0}, {"when", r->when}, {"then", r->then}, {"cases", r->cases},
    };
    char text[64];
    struct sp_buf missing = sp_buf_fixed(text, sizeof text);
    if (!r->rule->id.n && !r->failed)
        wrong(r, root, "a rule begins with `patch: NAME` or `guard: NAME`");
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (!needed[i].there)
            sp_put_fmt(&missing, "%s%s", missing.n ? ", " : "", needed[i].name);
    }
    if (missing.n && !r->failed)
        wrong(r, root, "a rule needs title, when, then and cases; missing: %.*s", SP_FMT(sp_buf_span(&missing)));
}

/* ---- condition and actions ---- */

static bool want_condition(struct reading *r, struct fy_node *n, const char *what)
{
    if (!want_scalar(r, n, what))
        return false;
    if (scalar(n).n <= CONDITION_MAX)
        return true;
    wrong(r, n, "%s has at most %d bytes", what, CONDITION_MAX);
    return false;
}

static struct parser parser_of(struct reading *r)
{
    return (struct parser){.set = r->f->set, .diag = r->f->diag, .proto = r->rule->proto, .macros = r->f->macros};
}

static void read_when(struct reading *r)
{
    struct parser p = parser_of(r);
    if (!want_condition(r, r->when, "a condition"))
        return;
    struct rule_text text = text_of(r->f, r->when);
    r->rule->when_text = text.text;
    r->rule->when = parse_condition(&p, &text);
    if (!r->rule->when) {
        r->failed = true;
        return;
    }
    unsigned repeated, dirs;
    const struct sp_expr *field;
    dirs = expr_fields(r->rule->when, r->rule->proto, &repeated, &field);
    if (!dirs)
        wrong(r, r->when, "the condition mixes fields of requests and of responses: a rule judges one message");
    r->rule->dir = dirs & SP_F_C2S ? SP_C2S : SP_S2C;
}

static void read_action(struct reading *r, struct fy_node *n)
{
    struct parser p = parser_of(r);
    struct sp_rule *rule = r->rule;
    if (!want_condition(r, n, "an action"))
        return;
    if (rule->nactions == SP_RULE_ACTIONS_MAX) {
        wrong(r, n, "more than %d actions", SP_RULE_ACTIONS_MAX);
        return;
    }
    struct rule_text text = text_of(r->f, n);
    struct sp_action *a = &rule->actions[rule->nactions++];
    if (!parse_action(&p, &text, a)) {
        r->failed = true;
        return;
    }
    if (a->kind == SP_DO_REPLACE && rule->when)
        check_replace(&p, rule->when, a->target);
    r->failed |= p.wrong;
    unsigned dir = rule->dir == SP_C2S ? SP_F_C2S : SP_F_S2C;
    if (a->target && rule->when && !(rule->proto->fields[a->target->field].flags & dir))
        wrong(r, n, "the condition reads %s: %s cannot be corrected in them", dir == SP_F_C2S ? "requests" : "responses",
              rule->proto->fields[a->target->field].name);
    if (rule->nactions > 1 && (!a->target || !rule->actions[0].target))
        wrong(r, n, "several actions must all be corrections: a message has one verdict");
}

static void read_then(struct reading *r)
{
    void *prev = NULL;
    if (!fy_node_is_sequence(r->then)) {
        read_action(r, r->then);
        return;
    }
    for (struct fy_node *item; (item = fy_node_sequence_iterate(r->then, &prev));)
        read_action(r, item);
    if (fy_node_sequence_is_empty(r->then))
        wrong(r, r->then, "an action is expected here");
}

struct sp_rule *yaml_read_rule(struct yaml_file *f, struct fy_node *root)
{
    struct reading r = {.f = f, .rule = sp_arena_get(&f->set->arena, sizeof *r.rule)};
    if (!r.rule)
        return NULL;
    *r.rule = (struct sp_rule){.file = f->name, .line = node_line(root), .severity = SP_SEV_MEDIUM, .proto = sp_protos[0]};
    if (!fy_node_is_mapping(root)) {
        wrong(&r, root, "a rule is expected here: keys and values, beginning with patch or guard");
        return NULL;
    }
    read_keys(&r, root);
    want_keys(&r, root);
    find_cve(r.rule);
    if (r.when && r.rule->proto)
        read_when(&r);
    if (r.then && r.rule->proto)
        read_then(&r);
    if (r.cases)
        read_cases(&r);
    return r.failed ? NULL : r.rule;
}
