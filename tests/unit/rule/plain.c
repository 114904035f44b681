/* SPDX-License-Identifier: Apache-2.0 */
/* plain: conditions evaluated as rule/ast.h words it, on the tree itself, with the C library's regular expressions. */
#include <assert.h>
#include <regex.h>

#include "world.h"

struct plain {
    const struct sp_proto *proto;
    const struct sp_msg *m;
    const struct sp_value *one; /* the value being asked, NULL: none in particular */
};

static bool names(const struct plain *p, const struct sp_expr *e, const struct sp_value *v)
{
    if (v->field != e->field)
        return false;
    if (!e->keyed)
        return !(v->flags & SP_V_ALIAS);
    return p->proto->fields[e->field].flags & SP_F_IKEY ? sp_span_ieq(v->key, e->str) : sp_span_eq(v->key, e->str);
}

static struct sp_fval value(const struct plain *p, const struct sp_expr *e);

static struct sp_fval field(const struct plain *p, const struct sp_expr *e)
{
    const struct sp_value *found = p->one && p->one->field == e->field ? p->one : NULL;
    for (uint32_t i = 0; i < p->m->nvalues && !found; i++)
        found = names(p, e, &p->m->values[i]) ? &p->m->values[i] : NULL;
    return found ? (struct sp_fval){.str = found->str, .num = found->num} : (struct sp_fval){.absent = true};
}

static struct sp_fval value(const struct plain *p, const struct sp_expr *e)
{
    struct sp_fval args[SP_CALL_ARGS_MAX], n = {.num = e->num, .str = e->str};
    switch (e->kind) {
    case SP_EX_FIELD:
        return field(p, e);
    case SP_EX_COUNT:
        n.num = 0;
        for (uint32_t i = 0; i < p->m->nvalues; i++)
            n.num += names(p, e, &p->m->values[i]);
        return n;
    case SP_EX_CALL:
        for (unsigned i = 0; i < e->nargs; i++) {
            args[i] = value(p, e->args[i]);
            if (args[i].absent)
                return args[i];
        }
        return sp_funcs[e->func].call(args, p->m->arena);
    default:
        return n;
    }
}

static bool posix_matches(struct sp_span s, struct sp_span pattern, bool caseless)
{
    const struct world_pattern *w = world_patterns;
    regex_t re;
    regmatch_t at = {.rm_so = 0, .rm_eo = (regoff_t)s.n};
    while (!sp_span_eq(sp_span_str(w->text), pattern))
        w++;
    int rc = regcomp(&re, w->posix, REG_EXTENDED | (caseless || w->caseless ? REG_ICASE : 0));
    assert(rc == 0);
    rc = regexec(&re, s.n ? (const char *)s.p : "", 1, &at, REG_STARTEND);
    regfree(&re);
    return rc == 0;
}

bool (*plain_matches)(struct sp_span s, struct sp_span pattern, bool caseless) = posix_matches;

static bool in_net(struct sp_span ip, const struct sp_net *net)
{
    for (unsigned bit = 0; bit < net->bits; bit++) {
        if ((ip.p[bit / 8] ^ net->ip[bit / 8]) >> (7 - bit % 8) & 1)
            return false;
    }
    return true;
}

static bool equal(const struct sp_expr *type, struct sp_fval a, const struct sp_expr *item, struct sp_fval b, bool caseless)
{
    if (type->type == SP_IP)
        return in_net(a.str, &item->net);
    if (type->type != SP_STR)
        return a.num == b.num;
    return caseless ? sp_span_ieq(a.str, b.str) : sp_span_eq(a.str, b.str);
}

static bool compare(const struct plain *p, const struct sp_expr *e)
{
    bool caseless = e->a->kind == SP_EX_FIELD && p->proto->fields[e->a->field].flags & SP_F_ICASE;
    struct sp_fval a = value(p, e->a), b = value(p, e->b);
    bool found = false;
    if (a.absent || b.absent)
        return false;
    switch (e->cmp) {
    case SP_CMP_EQ:
    case SP_CMP_NE:
        return equal(e->a, a, e->b, b, caseless);
    case SP_CMP_LT:
        return a.num < b.num;
    case SP_CMP_LE:
        return a.num <= b.num;
    case SP_CMP_GT:
        return a.num > b.num;
    case SP_CMP_GE:
        return a.num >= b.num;
    case SP_CMP_CONTAINS:
        return (caseless ? sp_span_ifind(a.str, 0, b.str) : sp_span_find(a.str, 0, b.str)) != SP_NOT_FOUND;
    case SP_CMP_MATCHES:
        return plain_matches(a.str, b.str, caseless);
    case SP_CMP_IN:
        for (uint32_t i = 0; i < e->b->nitems && !found; i++)
            found = equal(e->a, a, e->b->items[i], value(p, e->b->items[i]), caseless);
        return found;
    }
    return false;
}

static bool predicate(const struct plain *p, const struct sp_expr *e)
{
    if (e->kind == SP_EX_CMP)
        return compare(p, e);
    struct sp_fval v = value(p, e->a);
    return !v.absent && v.num != 0;
}

/* The field that may have several values below e. */
static const struct sp_expr *repeated(const struct plain *p, const struct sp_expr *e)
{
    if (!e || (e->kind == SP_EX_FIELD && p->proto->fields[e->field].flags & SP_F_REP))
        return e;
    const struct sp_expr *found = repeated(p, e->a);
    found = found ? found : repeated(p, e->b);
    for (unsigned i = 0; i < e->nargs && !found; i++)
        found = repeated(p, e->args[i]);
    return found;
}

static bool some_value(const struct plain *p, const struct sp_expr *e)
{
    const struct sp_expr *over = p->one ? NULL : repeated(p, e);
    if (!over)
        return predicate(p, e);
    for (uint32_t i = 0; i < p->m->nvalues; i++) {
        const struct plain of_one = {p->proto, p->m, &p->m->values[i]};
        if (names(p, over, of_one.one) && predicate(&of_one, e))
            return true;
    }
    return false;
}

static bool holds(const struct plain *p, const struct sp_expr *e);

static bool quantified(const struct plain *p, const struct sp_expr *e)
{
    const struct sp_expr *over = repeated(p, e->a);
    uint32_t all = 0, yes = 0;
    for (uint32_t i = 0; i < p->m->nvalues; i++) {
        const struct plain of_one = {p->proto, p->m, &p->m->values[i]};
        if (!names(p, over, of_one.one))
            continue;
        all++;
        yes += holds(&of_one, e->a);
    }
    return e->kind == SP_EX_ANY ? yes > 0 : all > 0 && yes == all;
}

static bool holds(const struct plain *p, const struct sp_expr *e)
{
    switch (e->kind) {
    case SP_EX_AND:
        return holds(p, e->a) && holds(p, e->b);
    case SP_EX_OR:
        return holds(p, e->a) || holds(p, e->b);
    case SP_EX_XOR:
        return holds(p, e->a) != holds(p, e->b);
    case SP_EX_NOT:
        return !holds(p, e->a);
    case SP_EX_ANY:
    case SP_EX_ALL:
        return quantified(p, e);
    case SP_EX_CMP:
        return some_value(p, e) != (e->cmp == SP_CMP_NE);
    case SP_EX_TRUTH:
        return some_value(p, e);
    case SP_EX_PRESENT:
        return !value(p, e->a).absent;
    default:
        return false;
    }
}

bool plain_holds(const struct sp_proto *proto, const struct sp_msg *m, const struct sp_expr *e)
{
    const struct plain p = {proto, m, NULL};
    return holds(&p, e);
}
