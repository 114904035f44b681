/* SPDX-License-Identifier: Apache-2.0 */
/* fix: corrections of a rule that holds: which values, and what they become. */
#include "rule/block.h"

struct part { unsigned long long from, to; bool found; };

static int on_part(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *ctx)
{
    struct part *p = ctx;
    (void)id, (void)flags;
    /* the leftmost start, and of those that start there the longest */
    if (!p->found || from < p->from || (from == p->from && to > p->to))
        *p = (struct part){from, to, true};
    return 0;
}

/* The value with the part that the condition found replaced. */
static struct sp_span replaced(struct sp_matcher *mt, const struct baction *a, struct sp_span s, struct sp_span with)
{
    struct part p = {0};
    if (!a->som_db)
        return with;
    scan_span(block_at(mt->policy, a->som_db), s, mt->scratch, on_part, &p);
    if (!p.found)
        return s;
    struct sp_buf out = sp_buf_arena(mt->arena, s.n + with.n);
    sp_put(&out, sp_span_sub(s, 0, p.from));
    sp_put(&out, with);
    sp_put(&out, sp_span_from(s, p.to));
    return sp_buf_done(&out, mt->arena);
}

static struct sp_span number_text(struct sp_matcher *mt, int64_t n)
{
    struct sp_buf out = sp_buf_arena(mt->arena, 24);
    sp_put_i64(&out, n);
    return sp_buf_done(&out, mt->arena);
}

/* What the value becomes; false: it stays as it is. */
static bool new_value(struct sp_matcher *mt, const struct baction *a, uint32_t i, struct sp_span *ret)
{
    const struct sp_value *v = &mt->msg->values[i];
    bool number = mt->proto->fields[v->field].type == SP_NUM;
    struct sp_fval to = a->value ? eval_value(mt, a->value, node_at(mt, a->target), i) : (struct sp_fval){.absent = false};
    if (to.absent)
        return false;
    switch ((enum sp_action_kind)a->kind) {
    case SP_DO_SET:
        *ret = number ? number_text(mt, to.num) : to.str;
        break;
    case SP_DO_REPLACE:
        *ret = replaced(mt, a, v->str, to.str);
        break;
    case SP_DO_TRUNCATE:
        *ret = sp_span_sub(v->str, 0, a->to < 0 ? 0 : (size_t)a->to);
        break;
    case SP_DO_CLAMP:
        *ret = number_text(mt, v->num < a->from ? a->from : v->num > a->to ? a->to : v->num);
        return v->num < a->from || v->num > a->to;
    default:
        return false;
    }
    return number || !sp_span_eq(*ret, v->str);
}

static void fix_value(struct sp_matcher *mt, const struct baction *a, uint32_t i, struct sp_verdict *v)
{
    struct sp_fix fix = {.value = i, .op = a->kind == SP_DO_REMOVE ? SP_FIX_REMOVE : SP_FIX_SET};
    if (fix.op == SP_FIX_SET && !new_value(mt, a, i, &fix.to))
        return;
    if (v->nfixes == SP_FIXES_MAX) { /* more than can be corrected: refused instead */
        v->act = SP_REFUSE;
        return;
    }
    v->fixes[v->nfixes++] = fix;
}

static void fix_action(struct sp_matcher *mt, const struct brule *rule, const struct baction *a, struct sp_verdict *v)
{
    const struct bnode *target = node_at(mt, a->target);
    for (uint32_t i = first_value(mt, target->field); i != UINT32_MAX; i = mt->next[i]) {
        bool spoke = false;
        if (!value_is(mt, &mt->msg->values[i], target))
            continue;
        bool holds = eval_value_holds(mt, rule->when, target, i, &spoke);
        if (holds || !spoke)
            fix_value(mt, a, i, v);
    }
}

void fix_rule(struct sp_matcher *mt, const struct brule *rule, struct sp_verdict *v)
{
    const struct baction *actions = block_at(mt->policy, rule->actions.off);
    for (uint32_t i = 0; i < rule->actions.n; i++) {
        if (actions[i].target)
            fix_action(mt, rule, &actions[i], v);
    }
}
