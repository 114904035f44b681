/* SPDX-License-Identifier: Apache-2.0 */
/* check: nodes come into being only when their types fit the catalogue. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <hs/hs.h>

#include "rule/parse.h"

enum check_limits {
    FIELD_NAMES_MAX = SP_FIELDS_MAX + 1,
    PATTERN_MAX = 4096, /* bytes of a regular expression */
};

void parse_error(struct parser *p, const struct tok *at, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (!p->failed) /* the first mistake explains those behind it */
        rule_text_error(p->diag, p->text, at->off, at->text.n ? at->text.n : 1, "%s", text);
    p->failed = true;
}

const char *type_name(unsigned type)
{
    static const char *const names[] = {[SP_STR] = "a string", [SP_NUM] = "a number", [SP_BOOL] = "true or false", [SP_IP] = "an address"};
    return names[type];
}

struct sp_expr *node(struct parser *p, enum sp_expr_kind kind, const struct tok *at)
{
    if (++p->nodes > SP_EXPR_NODES_MAX) {
        parse_error(p, at, "the condition has more than %d parts", SP_EXPR_NODES_MAX);
        return NULL;
    }
    struct sp_expr *e = sp_arena_get(&p->set->arena, sizeof *e);
    if (!e) {
        parse_error(p, at, "the rules need more memory than they may have");
        return NULL;
    }
    unsigned line, col;
    *e = (struct sp_expr){.kind = kind, .width = (uint32_t)at->text.n};
    (void)rule_place(p->text->source, p->text->source_at, &line, &col);
    e->line = line;
    e->col = col;
    return e;
}

/* ---- fields ---- */

static void unknown_field(struct parser *p, const struct tok *name)
{
    const char *names[FIELD_NAMES_MAX];
    unsigned n = 0;
    for (; n < p->proto->nfields; n++)
        names[n] = p->proto->fields[n].name;
    names[n] = NULL;
    const char *near = sp_did_you_mean(name->text, names);
    if (near)
        parse_error(p, name, "unknown field \"%.*s\": did you mean %s?", SP_FMT(name->text), near);
    else
        parse_error(p, name, "unknown field \"%.*s\": `sallyport fields` lists those of %s", SP_FMT(name->text), p->proto->name);
}

struct sp_expr *check_field(struct parser *p, const struct tok *name, const struct sp_span *key, const struct tok *key_at)
{
    int field = sp_proto_field(p->proto, name->text);
    if (field < 0) {
        unknown_field(p, name);
        return NULL;
    }
    const struct sp_field *f = &p->proto->fields[field];
    if (key && !(f->flags & SP_F_KEYED)) {
        parse_error(p, key_at, "%s has no names to index it by", f->name);
        return NULL;
    }
    struct sp_expr *e = node(p, SP_EX_FIELD, name);
    if (!e)
        return NULL;
    e->type = f->type;
    e->field = (uint16_t)field;
    e->keyed = key != NULL;
    if (key)
        e->str = f->flags & SP_F_IKEY ? sp_span_of(sp_arena_copy(&p->set->arena, *key).p, key->n) : *key;
    if (key && (f->flags & SP_F_IKEY)) {
        uint8_t *lower = (uint8_t *)e->str.p;
        for (size_t i = 0; i < key->n; i++)
            lower[i] = sp_lower(lower[i]);
    }
    return e;
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
    const char *names[128] = {"any", "all", "count"};
    unsigned n = 3;
    for (const struct sp_func *f = sp_funcs; f->name && n < 127; f++)
        names[n++] = f->name;
    const char *near = sp_did_you_mean(name->text, names);
    parse_error(p, name, "unknown function \"%.*s\"%s%s%s", SP_FMT(name->text), near ? ": did you mean " : "", near ? near : "", near ? "?" : "");
}

struct sp_expr *check_call(struct parser *p, const struct tok *name, struct sp_expr **args, unsigned nargs)
{
    const struct sp_func *f = function_named(name->text);
    if (!f) {
        unknown_function(p, name);
        return NULL;
    }
    if (nargs != f->nargs) {
        parse_error(p, name, "%s takes %u argument%s: %s", f->name, f->nargs, f->nargs == 1 ? "" : "s", f->signature);
        return NULL;
    }
    struct sp_expr *e = node(p, SP_EX_CALL, name);
    if (!e)
        return NULL;
    e->type = f->ret;
    e->func = (uint16_t)(f - sp_funcs);
    e->nargs = (uint8_t)nargs;
    for (unsigned i = 0; i < nargs; i++) {
        if (args[i]->type != f->args[i]) {
            parse_error(p, name, "argument %u of %s is %s, expected %s: %s", i + 1, f->name, type_name(args[i]->type), type_name(f->args[i]), f->signature);
            return NULL;
        }
        e->args[i] = args[i];
    }
    return e;
}

/* ---- comparisons ---- */

/* The expression must be one that the matcher can run: Vectorscan says what it cannot do, and where. */
static bool check_pattern(struct parser *p, const struct tok *op, const struct sp_expr *pattern)
{
    char text[PATTERN_MAX + 1];
    struct tok at = *op;
    if (pattern->kind != SP_EX_STR || pattern->str.n > PATTERN_MAX || sp_span_byte(pattern->str, 0, 0) != SP_NOT_FOUND) {
        parse_error(p, op, "matches needs a regular expression in quotes of at most %d bytes", PATTERN_MAX);
        return false;
    }
    static const char *const ends[] = {"\\A", "\\z", "\\Z"};
    for (size_t i = 0; i < 3; i++) {
        if (sp_span_find(pattern->str, 0, sp_span_str(ends[i])) != SP_NOT_FOUND) {
            parse_error(p, &at, "%s is not supported: use ^ and $, which mean the ends of the value", ends[i]);
            return false;
        }
    }
    snprintf(text, sizeof text, "%.*s", SP_FMT(pattern->str));
    hs_expr_info_t *info = NULL;
    hs_compile_error_t *error = NULL;
    if (hs_expression_info(text, HS_FLAG_DOTALL, &info, &error) == HS_SUCCESS) {
        bool empty = info->min_width == 0;
        hs_free_compile_error(error);
        free(info);
        if (empty)
            parse_error(p, &at, "the regular expression also matches nothing at all: it would hold for every value");
        return !empty;
    }
    parse_error(p, &at, "regular expression: %s", error ? error->message : "not supported");
    hs_free_compile_error(error);
    return false;
}

static bool list_fits(struct parser *p, const struct tok *op, const struct sp_expr *a, const struct sp_expr *list)
{
    for (uint32_t i = 0; i < list->nitems; i++) {
        if (list->items[i]->type != a->type) {
            parse_error(p, op, "the set has %s, but what is compared is %s", type_name(list->items[i]->type), type_name(a->type));
            return false;
        }
    }
    return true;
}

static bool operator_fits(struct parser *p, const struct tok *op, enum sp_cmp cmp, const struct sp_expr *a)
{
    bool ordered = cmp == SP_CMP_LT || cmp == SP_CMP_LE || cmp == SP_CMP_GT || cmp == SP_CMP_GE;
    bool textual = cmp == SP_CMP_CONTAINS || cmp == SP_CMP_MATCHES;
    if (ordered && a->type != SP_NUM)
        parse_error(p, op, "%.*s compares numbers, but what stands before it is %s (len() gives a length)", SP_FMT(op->text), type_name(a->type));
    else if (textual && a->type != SP_STR)
        parse_error(p, op, "%.*s looks into strings, but what stands before it is %s", SP_FMT(op->text), type_name(a->type));
    else
        return true;
    return false;
}

struct sp_expr *check_compare(struct parser *p, const struct tok *op, enum sp_cmp cmp, struct sp_expr *a, struct sp_expr *b)
{
    unsigned repeated;
    const struct sp_expr *field;
    if (!operator_fits(p, op, cmp, a))
        return NULL;
    if (b->kind == SP_EX_LIST) {
        if (!list_fits(p, op, a, b))
            return NULL;
    } else if (a->type != b->type) {
        parse_error(p, op, "%s is compared with %s", type_name(a->type), type_name(b->type));
        return NULL;
    }
    if (cmp == SP_CMP_MATCHES && !check_pattern(p, op, b))
        return NULL;
    struct sp_expr *e = node(p, SP_EX_CMP, op);
    if (!e)
        return NULL;
    e->cmp = cmp;
    e->a = a;
    e->b = b;
    (void)expr_fields(e, p->proto, &repeated, &field);
    if (!field) {
        parse_error(p, op, "this compares constants: no field is asked");
        return NULL;
    }
    if (repeated > 1) {
        parse_error(p, op, "only one of the fields compared may have several values");
        return NULL;
    }
    return e;
}

struct sp_expr *check_condition(struct parser *p, const struct tok *at, struct sp_expr *value)
{
    if (value->kind == SP_EX_FIELD && value->type != SP_BOOL) {
        struct sp_expr *e = node(p, SP_EX_PRESENT, at);
        if (e)
            e->a = value;
        return e;
    }
    if (value->type != SP_BOOL || value->kind == SP_EX_BOOL) {
        parse_error(p, at, "a condition is expected here, this is %s: compare it with something", type_name(value->type));
        return NULL;
    }
    struct sp_expr *e = node(p, SP_EX_TRUTH, at);
    if (e)
        e->a = value;
    return e;
}

/* Every field below must be the same one, with the same key. */
static bool one_field(const struct sp_expr *e, const struct sp_expr **seen)
{
    if (!e)
        return true;
    if (e->kind == SP_EX_COUNT || e->kind == SP_EX_ANY || e->kind == SP_EX_ALL)
        return false;
    if (e->kind == SP_EX_FIELD) {
        bool same = !*seen || ((*seen)->field == e->field && (*seen)->keyed == e->keyed && sp_span_eq((*seen)->str, e->str));
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
    if (!one_field(a, &seen) || !seen || !(p->proto->fields[seen->field].flags & SP_F_REP)) {
        parse_error(p, at, "%s() asks a condition of each value of one field that may have several", kind == SP_EX_ANY ? "any" : "all");
        return NULL;
    }
    struct sp_expr *e = node(p, kind, at);
    if (e)
        e->a = a;
    return e;
}

/* ---- actions ---- */

bool check_action(struct parser *p, const struct tok *at, struct sp_action *a)
{
    unsigned repeated;
    const struct sp_expr *field;
    if (!a->target)
        return true;
    const struct sp_field *f = &p->proto->fields[a->target->field];
    if (!(f->flags & SP_F_EDIT))
        parse_error(p, at, "%s cannot be corrected", f->name);
    else if (a->kind == SP_DO_CLAMP && f->type != SP_NUM)
        parse_error(p, at, "clamp needs a field that is a number, %s is %s", f->name, type_name(f->type));
    else if (a->kind == SP_DO_TRUNCATE && f->type != SP_STR)
        parse_error(p, at, "truncate needs a field that is a string, %s is %s", f->name, type_name(f->type));
    else if (a->value && a->value->type != f->type)
        parse_error(p, at, "%s is %s, its new value is %s", f->name, type_name(f->type), type_name(a->value->type));
    else if (a->value && (expr_fields(a->value, p->proto, &repeated, &field), field && field->field != a->target->field))
        parse_error(p, at, "the new value may use no other field than %s", f->name);
    return !p->failed;
}
