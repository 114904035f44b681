/* SPDX-License-Identifier: Apache-2.0 */
/* check: nodes come into being only when their types fit the catalogue. */
#include <stdarg.h>
#include <stdio.h>

#include "rule/parse.h"

enum check_limits {
    FIELD_NAMES_MAX = 512, /* fields and macros that a suggestion is looked for among */
    FUNCTION_NAMES_MAX = 128,
};

void parse_error(struct parser *p, const struct tok *at, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (!p->failed)
        rule_text_error(p->diag, p->text, at->off, at->text.n ? at->text.n : 1, "%s", text);
    p->failed = true;
}

void check_error(struct parser *p, size_t off, size_t width, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (!p->failed)
        rule_text_error(p->diag, p->text, off, width ? width : 1, "%s", text);
    p->wrong = true;
}

const char *type_name(unsigned type)
{
    static const char *const names[] = {[SP_STR] = "a string", [SP_NUM] = "a number", [SP_BOOL] = "true or false", [SP_IP] = "an address"};
    return type < sizeof names / sizeof *names ? names[type] : "nothing";
}

struct sp_expr *node(struct parser *p, enum sp_expr_kind kind, const struct tok *at)
{
    if (++p->nodes <= SP_EXPR_NODES_MAX)
        return list_member(p, kind, at);
    parse_error(p, at, "the condition has more than %d parts", SP_EXPR_NODES_MAX);
    return NULL;
}

struct sp_expr *list_member(struct parser *p, enum sp_expr_kind kind, const struct tok *at)
{
    struct sp_expr *e = sp_arena_get(&p->set->arena, sizeof *e);
    if (!e)
        parse_error(p, at, "the rules need more memory than they may have");
    else
        *e = (struct sp_expr){.kind = kind, .off = (uint32_t)at->off, .width = (uint32_t)at->text.n};
    return e;
}

/* Stands where a mistake was reported. */
static struct sp_expr *void_node(struct parser *p, enum sp_expr_kind kind, const struct tok *at)
{
    struct sp_expr *e = node(p, kind, at);
    if (e)
        e->type = TYPE_VOID;
    return e;
}

static bool is_void(const struct sp_expr *e)
{
    return e->type == TYPE_VOID;
}

/* ---- fields ---- */

/* The first field whose name ends in the same word: "path" for http.request.uri.path. */
static const char *same_ending(const struct sp_proto *proto, struct sp_span name)
{
    size_t dot = 0, at;
    while ((at = sp_span_byte(name, dot, '.')) != SP_NOT_FOUND)
        dot = at + 1;
    struct sp_span word = sp_span_from(name, dot);
    for (unsigned i = 0; word.n && i < proto->nfields; i++) {
        struct sp_span field = sp_span_str(proto->fields[i].name);
        if (sp_span_ends(field, word) && sp_span_at(field, field.n - word.n - 1) == '.')
            return proto->fields[i].name;
    }
    return NULL;
}

static void unknown_field(struct parser *p, const struct tok *name)
{
    const char *names[FIELD_NAMES_MAX + 1];
    unsigned n = 0;
    for (; n < p->proto->nfields && n < FIELD_NAMES_MAX; n++)
        names[n] = p->proto->fields[n].name;
    for (uint32_t i = 0; i < p->macros->n && n < FIELD_NAMES_MAX; i++) {
        if (!p->macros->all[i].list)
            names[n++] = (const char *)p->macros->all[i].name.p;
    }
    names[n] = NULL;
    const char *near = sp_did_you_mean(name->text, names);
    if (!near)
        near = same_ending(p->proto, name->text);
    if (near)
        check_error(p, name->off, name->text.n, "unknown field \"%.*s\": did you mean %s?", SP_FMT(name->text), near);
    else
        check_error(p, name->off, name->text.n, "unknown field \"%.*s\": `sallyport fields` lists those of %s", SP_FMT(name->text), p->proto->name);
}

static struct sp_span key_text(struct parser *p, const struct sp_field *f, struct sp_span key)
{
    struct sp_buf out = sp_buf_arena(&p->set->arena, key.n);
    for (size_t i = 0; i < key.n; i++)
        sp_put_byte(&out, f->flags & SP_F_IKEY ? sp_lower(key.p[i]) : key.p[i]);
    return sp_buf_done(&out, &p->set->arena);
}

struct sp_expr *check_field(struct parser *p, const struct tok *name, const struct tok *key)
{
    int field = sp_proto_field(p->proto, name->text);
    if (field < 0) {
        unknown_field(p, name);
        return void_node(p, SP_EX_FIELD, name);
    }
    const struct sp_field *f = &p->proto->fields[field];
    if (key && !(f->flags & SP_F_KEYED)) {
        check_error(p, key->off, key->text.n, "%s has no names to index it by", f->name);
        return void_node(p, SP_EX_FIELD, name);
    }
    struct sp_expr *e = node(p, SP_EX_FIELD, name);
    if (!e)
        return NULL;
    e->type = f->type;
    e->field = (uint16_t)field;
    e->keyed = key != NULL;
    if (key)
        e->str = key_text(p, f, key->str);
    return e;
}

struct sp_expr *check_count(struct parser *p, const struct tok *at, struct sp_expr *field)
{
    (void)p, (void)at;
    field->kind = SP_EX_COUNT;
    field->type = is_void(field) ? TYPE_VOID : SP_NUM;
    return field;
}

static void fields_of(const struct sp_expr *e, const struct sp_proto *proto, unsigned *dirs, unsigned *repeated, const struct sp_expr **field)
{
    if (!e)
        return;
    if (e->kind == SP_EX_FIELD || e->kind == SP_EX_COUNT) {
        unsigned flags = proto->fields[e->field].flags;
        *dirs &= flags;
        *repeated += e->kind == SP_EX_FIELD && (flags & SP_F_REP);
        *field = e;
    }
    fields_of(e->a, proto, dirs, repeated, field);
    fields_of(e->b, proto, dirs, repeated, field);
    for (unsigned i = 0; i < e->nargs; i++)
        fields_of(e->args[i], proto, dirs, repeated, field);
}

unsigned expr_fields(const struct sp_expr *e, const struct sp_proto *proto, unsigned *repeated, const struct sp_expr **field)
{
    unsigned dirs = SP_F_C2S | SP_F_S2C;
    *repeated = 0;
    *field = NULL;
    fields_of(e, proto, &dirs, repeated, field);
    return dirs;
}

/* ---- calls ---- */

static const struct sp_func *function_named(struct sp_span name)
{
    for (const struct sp_func *f = sp_funcs; f->name; f++) {
        if (sp_span_eq(name, sp_span_str(f->name)))
            return f;
    }
    return NULL;
}

static void unknown_function(struct parser *p, const struct tok *name)
{
    const char *names[FUNCTION_NAMES_MAX + 1] = {"any", "all", "count"};
    unsigned n = 3;
    for (const struct sp_func *f = sp_funcs; f->name && n < FUNCTION_NAMES_MAX; f++)
        names[n++] = f->name;
    const char *near = sp_did_you_mean(name->text, names);
    check_error(p, name->off, name->text.n, "unknown function \"%.*s\"%s%s%s", SP_FMT(name->text), near ? ": did you mean " : "",
                near ? near : "", near ? "?" : "");
}

static bool arguments_fit(struct parser *p, const struct tok *name, const struct sp_func *f, struct sp_expr **args, unsigned nargs)
{
    if (nargs != f->nargs) {
        check_error(p, name->off, name->text.n, "%s takes %u argument%s: %s", f->name, f->nargs, f->nargs == 1 ? "" : "s", f->signature);
        return false;
    }
    for (unsigned i = 0; i < nargs; i++) {
        if (args[i]->type == f->args[i] || is_void(args[i]))
            continue;
        check_error(p, args[i]->off, args[i]->width, "argument %u of %s is %s, expected %s: %s", i + 1, f->name, type_name(args[i]->type),
                    type_name(f->args[i]), f->signature);
        return false;
    }
    return true;
}

struct sp_expr *check_call(struct parser *p, const struct tok *name, struct sp_expr **args, unsigned nargs)
{
    const struct sp_func *f = function_named(name->text);
    if (!f)
        unknown_function(p, name);
    if (!f || !arguments_fit(p, name, f, args, nargs))
        return void_node(p, SP_EX_FIELD, name);
    struct sp_expr *e = node(p, SP_EX_CALL, name);
    if (!e)
        return NULL;
    e->type = f->ret;
    e->func = (uint16_t)(f - sp_funcs);
    e->nargs = (uint8_t)nargs;
    for (unsigned i = 0; i < nargs; i++)
        e->args[i] = args[i];
    return e;
}

/* ---- comparisons ---- */

/* All that a set is compared with must be of its type. */
static bool types_fit(struct parser *p, const struct tok *op, const struct sp_expr *a, const struct sp_expr *b)
{
    for (uint32_t i = 0; i < b->nitems; i++) {
        if (b->items[i]->type != a->type) {
            check_error(p, op->off, op->text.n, "the set has %s, but what is compared is %s", type_name(b->items[i]->type), type_name(a->type));
            return false;
        }
    }
    if (b->kind == SP_EX_LIST || a->type == b->type)
        return true;
    check_error(p, op->off, op->text.n, "%s is compared with %s", type_name(a->type), type_name(b->type));
    return false;
}

static bool operator_fits(struct parser *p, const struct tok *op, enum sp_cmp cmp, const struct sp_expr *a)
{
    bool ordered = cmp == SP_CMP_LT || cmp == SP_CMP_LE || cmp == SP_CMP_GT || cmp == SP_CMP_GE;
    bool textual = cmp == SP_CMP_CONTAINS || cmp == SP_CMP_MATCHES;
    if (ordered && a->type != SP_NUM)
        check_error(p, op->off, op->text.n, "%.*s compares numbers, but what stands before it is %s%s", SP_FMT(op->text), type_name(a->type),
                    a->type == SP_STR ? " (len() gives a length, to_number() a value)" : "");
    else if (textual && a->type != SP_STR)
        check_error(p, op->off, op->text.n, "%.*s looks into strings, but what stands before it is %s", SP_FMT(op->text), type_name(a->type));
    else
        return true;
    return false;
}

/* A capital letter never stands in what lower() gives, nor a small one in what upper() gives. */
static bool fold_fits(struct parser *p, const struct sp_expr *a, const struct sp_expr *constant)
{
    struct sp_span name = a->kind == SP_EX_CALL ? sp_span_str(sp_funcs[a->func].name) : SP_LIT("");
    bool lower = sp_span_eq(name, SP_LIT("lower")), upper = sp_span_eq(name, SP_LIT("upper"));
    for (size_t i = 0; (lower || upper) && constant->kind == SP_EX_STR && i < constant->str.n; i++) {
        uint8_t c = constant->str.p[i];
        if (lower ? sp_lower(c) == c : (uint8_t)(c - 'a') >= 26)
            continue;
        check_error(p, constant->off, constant->width, "%s() leaves no %s letters: this can never hold", lower ? "lower" : "upper",
                    lower ? "capital" : "small");
        return false;
    }
    return true;
}

static bool constant_fits(struct parser *p, enum sp_cmp cmp, const struct sp_expr *a, const struct sp_expr *b)
{
    if (cmp == SP_CMP_MATCHES) {
        bool before = p->wrong;
        p->wrong = false;
        check_pattern(p, b);
        bool right = !p->wrong;
        p->wrong |= before;
        return right;
    }
    if (cmp == SP_CMP_CONTAINS && b->kind == SP_EX_STR && b->str.n == 0) {
        check_error(p, b->off, b->width, "every string contains the empty one");
        return false;
    }
    for (uint32_t i = 0; i < b->nitems; i++) {
        if (!fold_fits(p, a, b->items[i]))
            return false;
    }
    return fold_fits(p, a, b);
}

static bool fields_fit(struct parser *p, const struct tok *op, const struct sp_expr *e)
{
    unsigned repeated;
    const struct sp_expr *field;
    (void)expr_fields(e, p->proto, &repeated, &field);
    if (!field)
        check_error(p, op->off, op->text.n, "this compares constants: no field is asked");
    else if (repeated > 1)
        check_error(p, op->off, op->text.n, "only one of the fields compared may have several values");
    return field && repeated <= 1;
}

struct sp_expr *check_compare(struct parser *p, const struct tok *op, enum sp_cmp cmp, struct sp_expr *a, struct sp_expr *b)
{
    struct sp_expr *e = node(p, SP_EX_CMP, op);
    if (!e)
        return NULL;
    e->cmp = cmp;
    e->a = a;
    e->b = b;
    bool fits = !is_void(a) && !is_void(b) && operator_fits(p, op, cmp, a) && types_fit(p, op, a, b) && constant_fits(p, cmp, a, b) &&
                fields_fit(p, op, e);
    return fits ? e : void_node(p, SP_EX_PRESENT, op);
}

struct sp_expr *check_condition(struct parser *p, const struct tok *at, struct sp_expr *value)
{
    unsigned repeated;
    const struct sp_expr *field;
    if (is_void(value))
        return void_node(p, SP_EX_PRESENT, at);
    (void)expr_fields(value, p->proto, &repeated, &field);
    bool presence = value->kind == SP_EX_FIELD && value->type != SP_BOOL;
    if (!presence && (value->type != SP_BOOL || !field)) {
        check_error(p, at->off, at->text.n, "a condition is expected here, this is %s%s", value->type == SP_BOOL ? "a constant" : type_name(value->type),
                    value->type == SP_BOOL ? "" : ": compare it with something");
        return void_node(p, SP_EX_PRESENT, at);
    }
    if (repeated > 1) {
        check_error(p, at->off, at->text.n, "only one of the fields asked may have several values");
        return void_node(p, SP_EX_PRESENT, at);
    }
    struct sp_expr *e = node(p, presence ? SP_EX_PRESENT : SP_EX_TRUTH, at);
    if (e)
        e->a = value;
    return e;
}

static bool same_field(const struct sp_expr *a, const struct sp_expr *b)
{
    return a->field == b->field && a->keyed == b->keyed && sp_span_eq(a->str, b->str);
}

/* Every field below must be the same one, with the same key. */
static bool one_field(const struct sp_expr *e, const struct sp_expr **seen)
{
    if (!e)
        return true;
    if (e->kind == SP_EX_COUNT || e->kind == SP_EX_ANY || e->kind == SP_EX_ALL)
        return false;
    if (e->kind == SP_EX_FIELD) {
        bool same = !*seen || same_field(*seen, e);
        *seen = e;
        return same;
    }
    for (unsigned i = 0; i < e->nargs; i++) {
        if (!one_field(e->args[i], seen))
            return false;
    }
    return one_field(e->a, seen) && one_field(e->b, seen);
}

struct sp_expr *check_quantifier(struct parser *p, const struct tok *at, enum sp_expr_kind kind, struct sp_expr *a)
{
    const struct sp_expr *seen = NULL;
    if (p->wrong)
        return void_node(p, SP_EX_PRESENT, at);
    if (!one_field(a, &seen) || !seen || !(p->proto->fields[seen->field].flags & SP_F_REP)) {
        check_error(p, at->off, at->text.n, "%s() asks a condition of each value of one field that may have several", kind == SP_EX_ANY ? "any" : "all");
        return void_node(p, SP_EX_PRESENT, at);
    }
    struct sp_expr *e = node(p, kind, at);
    if (e)
        e->a = a;
    return e;
}

/* ---- actions ---- */

static void check_value(struct parser *p, const struct sp_field *f, const struct sp_expr *target, const struct sp_expr *value)
{
    const struct sp_expr *seen = target;
    if (is_void(value))
        return;
    if (value->type != f->type)
        check_error(p, value->off, value->width, "%s is %s, its new value is %s", f->name, type_name(f->type), type_name(value->type));
    else if (!one_field(value, &seen))
        check_error(p, value->off, value->width, "the new value may be made of no other field than the one it is for");
}

void check_action(struct parser *p, const struct sp_action *a)
{
    const struct sp_expr *t = a->target;
    if (!t || is_void(t))
        return;
    const struct sp_field *f = &p->proto->fields[t->field];
    if (!(f->flags & SP_F_EDIT))
        check_error(p, t->off, t->width, "%s cannot be corrected", f->name);
    else if (a->kind == SP_DO_CLAMP && f->type != SP_NUM)
        check_error(p, t->off, t->width, "clamp needs a field that is a number, %s is %s", f->name, type_name(f->type));
    else if (a->kind == SP_DO_CLAMP && a->from > a->to)
        check_error(p, t->off, t->width, "%lld..%lld holds no number", (long long)a->from, (long long)a->to);
    else if ((a->kind == SP_DO_TRUNCATE || a->kind == SP_DO_REPLACE) && f->type != SP_STR)
        check_error(p, t->off, t->width, "%s needs a field that is a string, %s is %s", a->kind == SP_DO_REPLACE ? "replace" : "truncate",
                    f->name, type_name(f->type));
    else if (a->kind == SP_DO_TRUNCATE && a->to < 0)
        check_error(p, t->off, t->width, "a string cannot be truncated to %lld bytes", (long long)a->to);
    else if (a->value)
        check_value(p, f, t, a->value);
}

/* Does the condition look for a constant in the field? */
static bool finds_part(const struct sp_expr *e, const struct sp_expr *target)
{
    if (!e)
        return false;
    if (e->kind == SP_EX_CMP && (e->cmp == SP_CMP_CONTAINS || e->cmp == SP_CMP_MATCHES))
        return e->a->kind == SP_EX_FIELD && e->a->field == target->field && e->b->kind == SP_EX_STR;
    return finds_part(e->a, target) || finds_part(e->b, target);
}

void check_replace(struct parser *p, const struct sp_expr *when, const struct sp_expr *target)
{
    if (!finds_part(when, target))
        check_error(p, target->off, target->width, "the condition finds no part of %s, by contains or matches, to replace: use set",
                    p->proto->fields[target->field].name);
}
