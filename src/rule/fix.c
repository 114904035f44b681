/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fix: corrections of a rule that holds: which values, and what they become. A value is corrected once: of several corrections the
 * later one works on what the earlier one made, and removal is final.
 */
#include "rule/block.h"

enum fix_limits {
    PARTS_MAX = 256, /* parts of one value that are replaced: as many as there may be corrected values */
};

/* ---- parts of a value ---- */

struct parts {
    struct { size_t from, to; } all[PARTS_MAX];
    unsigned n;
    bool overflow;
};

/* Matches come by rising end: kept are the leftmost ones, the longest of each, that do not overlap. */
static int on_part(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *ctx)
{
    struct parts *p = ctx;
    (void)id, (void)flags;
    while (p->n && p->all[p->n - 1].from >= from)
        p->n--;
    if (p->n && from < p->all[p->n - 1].to)
        return 0;
    p->overflow = p->n == PARTS_MAX;
    if (p->overflow)
        return 1;
    p->all[p->n].from = from;
    p->all[p->n++].to = to;
    return 0;
}

/* s with the parts that the condition found replaced. False: there are too many. */
static bool replace_parts(struct sp_matcher *mt, uint32_t som_db, struct sp_span s, struct sp_span with, struct sp_span *ret)
{
    struct parts p;
    p.n = 0;
    p.overflow = false;
    scan_span(block_at(mt->policy, som_db), s, mt->scratch, on_part, &p);
    struct sp_buf out = sp_buf_arena(mt->arena, s.n + p.n * with.n);
    size_t at = 0;
    for (unsigned i = 0; i < p.n; i++) {
        sp_put(&out, sp_span_sub(s, at, p.all[i].from - at));
        sp_put(&out, with);
        at = p.all[i].to;
    }
    sp_put(&out, sp_span_from(s, at));
    *ret = sp_buf_done(&out, mt->arena);
    return !p.overflow;
}

/* ---- one value ---- */

/* What stands in the message: behind the aliases of a value comes the value. */
static uint32_t original_of(const struct sp_matcher *mt, uint32_t value)
{
    while (mt->msg->values[value].flags & SP_V_ALIAS)
        value = mt->next[value];
    return value;
}

static struct sp_span number_text(struct sp_matcher *mt, int64_t n)
{
    struct sp_buf out = sp_buf_arena(mt->arena, 24);
    sp_put_i64(&out, n);
    return sp_buf_done(&out, mt->arena);
}

static struct sp_fix *fix_of(struct sp_matcher *mt, struct sp_verdict *v, uint32_t value)
{
    uint32_t original = original_of(mt, value), i = mt->fixed[original]; /* left over from another message, perhaps */
    return i < v->nfixes && v->fixes[i].value == original ? &v->fixes[i] : NULL;
}

static bool add_fix(struct sp_matcher *mt, struct sp_verdict *v, struct sp_fix fix)
{
    struct sp_fix *earlier = fix_of(mt, v, fix.value);
    fix.value = original_of(mt, fix.value);
    if (earlier) {
        *earlier = fix;
        return true;
    }
    if (v->nfixes == SP_FIXES_MAX)
        return false;
    mt->fixed[fix.value] = v->nfixes;
    v->fixes[v->nfixes++] = fix;
    return true;
}

static bool fix_number(struct sp_matcher *mt, const struct baction *a, uint32_t i, struct sp_verdict *v)
{
    int64_t now = mt->msg->values[i].num, then = now < a->from ? a->from : now > a->to ? a->to : now;
    if (a->kind == SP_DO_SET) {
        struct sp_fval to = eval_value(mt, a->value, node_at(mt, a->target), i);
        then = to.absent ? now : to.num;
    }
    return then == now || add_fix(mt, v, (struct sp_fix){.value = i, .op = SP_FIX_SET, .to = number_text(mt, then)});
}

static bool fix_string(struct sp_matcher *mt, const struct baction *a, uint32_t i, struct sp_verdict *v)
{
    const struct sp_fix *earlier = fix_of(mt, v, i);
    struct sp_span now = earlier ? earlier->to : mt->msg->values[i].str;
    struct sp_fix fix = {.value = i, .op = SP_FIX_SET, .to = now};
    struct sp_fval to = {.absent = true};
    if (a->value)
        to = eval_value(mt, a->value, node_at(mt, a->target), i);
    if (a->kind == SP_DO_TRUNCATE)
        fix.to = sp_span_sub(now, 0, a->to < 0 ? 0 : (size_t)a->to);
    else if (!to.absent && (a->kind == SP_DO_SET || !a->som_db))
        fix.to = to.str;
    else if (!to.absent && !replace_parts(mt, a->som_db, now, to.str, &fix.to))
        return false;
    return sp_span_eq(fix.to, now) || add_fix(mt, v, fix);
}

static bool fix_value(struct sp_matcher *mt, const struct baction *a, uint32_t i, struct sp_verdict *v)
{
    const struct sp_fix *earlier = fix_of(mt, v, i);
    if (earlier && earlier->op == SP_FIX_REMOVE)
        return true;
    if (a->kind == SP_DO_REMOVE)
        return add_fix(mt, v, (struct sp_fix){.value = i, .op = SP_FIX_REMOVE});
    if (mt->proto->fields[mt->msg->values[i].field].type == SP_NUM)
        return fix_number(mt, a, i, v);
    return fix_string(mt, a, i, v);
}

/* ---- the values of an action ---- */

static bool holds_for_some(struct sp_matcher *mt, const struct brule *rule, const struct bnode *target)
{
    for (uint32_t i = first_value(mt, target->field); i != UINT32_MAX; i = mt->next[i]) {
        if (value_is(mt, &mt->msg->values[i], target) && eval_value_holds(mt, rule->when, target, i))
            return true;
    }
    return false;
}

/* The values that made the condition hold; when none of the target's did, all of them. */
static bool fix_action(struct sp_matcher *mt, const struct brule *rule, const struct baction *a, struct sp_verdict *v)
{
    const struct bnode *target = node_at(mt, a->target);
    bool some = holds_for_some(mt, rule, target);
    for (uint32_t i = first_value(mt, target->field); i != UINT32_MAX; i = mt->next[i]) {
        if (!value_is(mt, &mt->msg->values[i], target) || (some && !eval_value_holds(mt, rule->when, target, i)))
            continue;
        if (!fix_value(mt, a, i, v))
            return false;
    }
    return true;
}

bool fix_rule(struct sp_matcher *mt, const struct brule *rule, struct sp_verdict *v)
{
    const struct baction *actions = block_at(mt->policy, rule->actions.off);
    for (uint32_t i = 0; i < rule->actions.n; i++) {
        if (actions[i].target && !fix_action(mt, rule, &actions[i], v))
            return false;
    }
    return true;
}
