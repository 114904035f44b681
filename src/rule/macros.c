/* SPDX-License-Identifier: Apache-2.0 */
/* macros: named conditions and named lists, for all rules that are loaded with them. */
#include "rule/yaml.h"

bool yaml_is_macros(struct fy_node *root)
{
    return fy_node_is_mapping(root) && (fy_node_mapping_lookup_by_string(root, "macros", FY_NT) || fy_node_mapping_lookup_by_string(root, "lists", FY_NT));
}

static void put_item(struct sp_buf *out, struct sp_span s, bool bare)
{
    sp_put_str(out, bare ? "" : "\"");
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            sp_put_byte(out, '\\');
        sp_put_byte(out, s.p[i]);
    }
    sp_put_str(out, bare ? " " : "\" ");
}

/* Only a plain scalar is a number or an address; one in quotes is a string whatever it looks like. */
static bool is_bare(struct yaml_file *f, struct fy_node *n, struct sp_span s)
{
    size_t at = 0;
    struct fy_token *tok = fy_node_get_scalar_token(n);
    if (!tok || fy_token_scalar_style(tok) != FYSS_PLAIN)
        return false;
    enum tok_kind kind = lex(s, &at, &f->set->arena).kind;
    return (kind == TOK_NUMBER || kind == TOK_NET) && at == s.n;
}

/* A list written as a YAML sequence becomes the text of a set. */
static struct rule_text list_text(struct reading *r, struct fy_node *n)
{
    void *prev = NULL;
    struct rule_text t = text_of(r->f, n);
    size_t room = 0;
    if (!fy_node_is_sequence(n) || fy_node_sequence_is_empty(n))
        wrong(r, n, "a list of strings, numbers or addresses is expected here");
    for (struct fy_node *item; fy_node_is_sequence(n) && (item = fy_node_sequence_iterate(n, &prev));)
        room += 2 * scalar(item).n + 3;
    struct sp_buf out = sp_buf_arena(&r->f->set->arena, room);
    for (struct fy_node *item; fy_node_is_sequence(n) && (item = fy_node_sequence_iterate(n, &prev));) {
        if (want_scalar(r, item, "a string, number or address"))
            put_item(&out, scalar(item), is_bare(r->f, item, scalar(item)));
    }
    t.text = sp_buf_done(&out, &r->f->set->arena);
    return t;
}

static struct rule_text condition_text(struct reading *r, struct fy_node *n)
{
    if (want_scalar(r, n, "a condition") && scalar(n).n > CONDITION_MAX)
        wrong(r, n, "a condition has at most %d bytes", CONDITION_MAX);
    return text_of(r->f, n);
}

static bool is_taken(const struct macros *m, struct sp_span name, bool list)
{
    for (uint32_t i = 0; i < m->n; i++) {
        if (m->all[i].list == list && sp_span_eq(m->all[i].name, name))
            return true;
    }
    return false;
}

static bool is_field_or_function(struct sp_span name)
{
    for (size_t i = 0; sp_protos[i]; i++) {
        if (sp_proto_field(sp_protos[i], name) >= 0)
            return true;
    }
    for (const struct sp_func *f = sp_funcs; f->name; f++) {
        if (sp_span_eq(name, sp_span_str(f->name)))
            return true;
    }
    return false;
}

/* A name must be one word of the language that means nothing yet. */
static bool check_name(struct reading *r, struct fy_node *key, bool list)
{
    size_t at = 0;
    struct sp_span name = scalar(key);
    struct tok tok = lex(name, &at, &r->f->set->arena);
    if (tok.kind != TOK_WORD || at != name.n)
        wrong(r, key, "a name of letters, digits, \"_\" and \".\" is expected here");
    else if (!list && is_field_or_function(name))
        wrong(r, key, "%.*s is a field or function already", SP_FMT(name));
    else if (is_taken(r->f->macros, name, list))
        wrong(r, key, "%.*s is defined already", SP_FMT(name));
    else
        return true;
    return false;
}

/* With a NUL behind it. */
static struct sp_span keep_name(struct reading *r, struct sp_span name)
{
    struct sp_buf out = sp_buf_arena(&r->f->set->arena, name.n + 1);
    sp_put(&out, name);
    sp_put_byte(&out, 0);
    return sp_span_sub(sp_buf_done(&out, &r->f->set->arena), 0, name.n);
}

static void add_macro(struct reading *r, struct fy_node *key, struct fy_node *value, bool list)
{
    struct macros *m = r->f->macros;
    if (!m->all)
        m->all = sp_arena_get(&r->f->set->arena, MACROS_MAX * sizeof *m->all);
    if (!m->all || m->n == MACROS_MAX) {
        wrong(r, key, "more than %d macros and lists", MACROS_MAX);
        return;
    }
    if (!check_name(r, key, list))
        return;
    r->failed = false;
    struct rule_text text = list ? list_text(r, value) : condition_text(r, value);
    m->all[m->n++] = (struct macro){.name = keep_name(r, scalar(key)), .text = text, .list = list, .broken = r->failed};
}

static void add_macros(struct reading *r, struct fy_node *map, bool list)
{
    void *prev = NULL;
    if (!fy_node_is_mapping(map)) {
        wrong(r, map, "names with their definitions are expected here");
        return;
    }
    for (struct fy_node_pair *pair; (pair = fy_node_mapping_iterate(map, &prev));)
        add_macro(r, fy_node_pair_key(pair), fy_node_pair_value(pair), list);
}

void yaml_read_macros(struct yaml_file *f, struct fy_node *root)
{
    static const char *const names[] = {"macros", "lists", NULL};
    void *prev = NULL;
    struct reading r = {.f = f};
    for (struct fy_node_pair *pair; (pair = fy_node_mapping_iterate(root, &prev));) {
        struct fy_node *key = fy_node_pair_key(pair), *value = fy_node_pair_value(pair);
        bool list = sp_span_eq(scalar(key), SP_LIT("lists"));
        if (list || sp_span_eq(scalar(key), SP_LIT("macros")))
            add_macros(&r, value, list);
        else if (sp_span_eq(scalar(key), SP_LIT("patch")) || sp_span_eq(scalar(key), SP_LIT("guard")))
            wrong(&r, key, "macros and lists stand in a document of their own: put --- before the rule");
        else
            wrong_key(&r, key, names);
    }
}
