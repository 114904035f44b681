/* SPDX-License-Identifier: Apache-2.0 */
/* eval: conditions, exactly. Three-valued while some fields are not known yet, two-valued otherwise. */
#include "base/hash.h"
#include "rule/block.h"

static const struct sp_fval ABSENT = {.absent = true};

/* Which value of its main field a predicate is being asked of. */
struct asked {
    const struct bnode *of; /* a node with field, main_keyed, main_key */
    uint32_t value;
};

/* ---- values ---- */

static bool key_is(const struct sp_matcher *mt, uint16_t field, struct sp_span key, struct sp_span wanted)
{
    return mt->proto->fields[field].flags & SP_F_IKEY ? sp_span_ieq(key, wanted) : sp_span_eq(key, wanted);
}

static bool is_keyed(const struct bnode *of)
{
    return of->kind >= SP_EX_FIELD ? of->keyed : of->main_keyed;
}

static bool named_by(const struct sp_matcher *mt, const struct sp_value *v, const struct bnode *of)
{
    struct bref key = of->kind >= SP_EX_FIELD ? of->str : of->main_key;
    return v->field == of->field && (!is_keyed(of) || key_is(mt, v->field, v->key, block_str(mt->policy, key)));
}

bool value_is(const struct sp_matcher *mt, const struct sp_value *v, const struct bnode *of)
{
    return named_by(mt, v, of) && (is_keyed(of) || !(v->flags & SP_V_ALIAS));
}

/* The next value at or after i that the node speaks of, UINT32_MAX at the end. */
static uint32_t next_of(const struct sp_matcher *mt, const struct bnode *of, uint32_t i)
{
    while (i != UINT32_MAX && !value_is(mt, &mt->msg->values[i], of))
        i = mt->next[i];
    return i;
}

static uint32_t first_of(const struct sp_matcher *mt, const struct bnode *of)
{
    return next_of(mt, of, first_value(mt, of->field));
}

static bool is_unknown(const struct sp_matcher *mt, uint16_t field)
{
    return mt->unknown && sp_bit(mt->unknown, field);
}

static struct sp_fval fval_of(const struct sp_value *v)
{
    return (struct sp_fval){.str = v->str, .num = v->num};
}

static struct sp_fval eval(struct sp_matcher *mt, uint32_t off, struct asked q);

static struct sp_fval eval_field(struct sp_matcher *mt, const struct bnode *n, struct asked q)
{
    if (q.value != UINT32_MAX && named_by(mt, &mt->msg->values[q.value], n))
        return fval_of(&mt->msg->values[q.value]);
    uint32_t i = first_of(mt, n);
    return i == UINT32_MAX ? ABSENT : fval_of(&mt->msg->values[i]);
}

static struct sp_fval eval_count(struct sp_matcher *mt, const struct bnode *n)
{
    int64_t count = 0;
    for (uint32_t i = first_of(mt, n); i != UINT32_MAX; i = next_of(mt, n, mt->next[i]))
        count++;
    return (struct sp_fval){.num = count};
}

static struct sp_fval eval_call(struct sp_matcher *mt, const struct bnode *n, struct asked q)
{
    struct sp_fval args[SP_CALL_ARGS_MAX];
    for (unsigned i = 0; i < n->nargs; i++) {
        args[i] = eval(mt, n->args[i], q);
        if (args[i].absent)
            return ABSENT;
    }
    return sp_funcs[n->func].call(args, mt->arena);
}

static struct sp_fval eval(struct sp_matcher *mt, uint32_t off, struct asked q)
{
    const struct bnode *n = node_at(mt, off);
    switch (n->kind) {
    case SP_EX_FIELD:
        return eval_field(mt, n, q);
    case SP_EX_COUNT:
        return eval_count(mt, n);
    case SP_EX_CALL:
        return eval_call(mt, n, q);
    case SP_EX_STR:
        return (struct sp_fval){.str = block_str(mt->policy, n->str)};
    case SP_EX_NET:
        return (struct sp_fval){.str = block_str(mt->policy, n->net)};
    default:
        return (struct sp_fval){.num = n->num};
    }
}

struct sp_fval eval_value(struct sp_matcher *mt, uint32_t node, const struct bnode *of, uint32_t value)
{
    return eval(mt, node, (struct asked){of, value});
}

/* ---- comparisons ---- */

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *ctx)
{
    (void)id, (void)from, (void)to, (void)flags;
    *(bool *)ctx = true;
    return 1;
}

bool eval_matches(struct sp_matcher *mt, uint32_t db, struct sp_span s)
{
    bool hit = false;
    scan_span(block_at(mt->policy, db), s, mt->scratch, on_match, &hit);
    return hit;
}

static bool in_net(struct sp_span ip, struct sp_span net)
{
    const struct sp_net *n = (const struct sp_net *)net.p;
    unsigned whole = n->bits / 8, rest = n->bits % 8;
    if (ip.n != sizeof n->ip || !sp_span_eq(sp_span_sub(ip, 0, whole), sp_span_of(n->ip, whole)))
        return false;
    return rest == 0 || ((ip.p[whole] ^ n->ip[whole]) >> (8 - rest)) == 0;
}

static bool equal(const struct bnode *cmp, uint8_t type, struct sp_fval a, struct sp_fval b)
{
    if (type == SP_IP)
        return in_net(a.str, b.str);
    if (type != SP_STR)
        return a.num == b.num;
    return cmp->caseless ? sp_span_ieq(a.str, b.str) : sp_span_eq(a.str, b.str);
}

/* The first of those that have this hash, or more. */
static uint32_t first_item(const struct bitem *items, uint32_t n, uint64_t hash)
{
    uint32_t from = 0;
    while (n) {
        uint32_t half = n / 2;
        if (items[from + half].hash < hash) {
            from += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return from;
}

static bool in_strings(struct sp_matcher *mt, const struct bnode *cmp, const struct bnode *list, struct sp_span s)
{
    const struct bitem *items = block_at(mt->policy, list->items.off);
    uint64_t hash = sp_ihash(s);
    for (uint32_t i = first_item(items, list->items.n, hash); i < list->items.n && items[i].hash == hash; i++) {
        struct sp_span item = block_str(mt->policy, items[i].str);
        if (cmp->caseless ? sp_span_ieq(s, item) : sp_span_eq(s, item))
            return true;
    }
    return false;
}

static bool in_list(struct sp_matcher *mt, const struct bnode *cmp, struct sp_fval a, uint8_t type)
{
    const struct bnode *list = node_at(mt, cmp->b);
    if (list->type == SP_STR)
        return in_strings(mt, cmp, list, a.str);
    const uint32_t *items = block_at(mt->policy, list->items.off);
    for (uint32_t i = 0; i < list->items.n; i++) {
        struct sp_fval item = eval(mt, items[i], (struct asked){NULL, UINT32_MAX});
        if (equal(cmp, type, a, item))
            return true;
    }
    return false;
}

static bool compare(struct sp_matcher *mt, const struct bnode *n, struct asked q)
{
    struct sp_fval a = eval(mt, n->a, q);
    uint8_t type = node_at(mt, n->a)->type;
    if (a.absent)
        return false;
    if (n->cmp == SP_CMP_IN)
        return in_list(mt, n, a, type);
    struct sp_fval b = eval(mt, n->b, q);
    if (b.absent)
        return false;
    switch ((enum sp_cmp)n->cmp) {
    case SP_CMP_EQ:
    case SP_CMP_NE: /* the caller negates */
        return equal(n, type, a, b);
    case SP_CMP_LT:
        return a.num < b.num;
    case SP_CMP_LE:
        return a.num <= b.num;
    case SP_CMP_GT:
        return a.num > b.num;
    case SP_CMP_GE:
        return a.num >= b.num;
    case SP_CMP_CONTAINS:
        return (n->caseless ? sp_span_ifind(a.str, 0, b.str) : sp_span_find(a.str, 0, b.str)) != SP_NOT_FOUND;
    case SP_CMP_MATCHES:
        return eval_matches(mt, n->db, a.str);
    case SP_CMP_IN:
        break;
    }
    return false;
}

static bool predicate(struct sp_matcher *mt, const struct bnode *n, struct asked q)
{
    size_t bytes = q.value != UINT32_MAX ? mt->msg->values[q.value].str.n : 0;
    if (!matcher_spend(mt, 1 + bytes))
        return false;
    size_t used = mt->arena->used; /* what functions made is not needed any more afterwards */
    bool holds;
    if (n->kind == SP_EX_CMP) {
        holds = compare(mt, n, q);
    } else {
        struct sp_fval v = eval(mt, n->a, q);
        holds = !v.absent && v.num != 0;
    }
    mt->arena->used = used;
    return holds;
}

/* ---- conditions ---- */

static enum truth not_truth(enum truth t)
{
    return t == MAYBE ? MAYBE : t == YES ? NO : YES;
}

static enum truth condition(struct sp_matcher *mt, uint32_t off, struct asked q);

/* True when the body could still bring a value of these fields. */
static bool waits(const struct sp_matcher *mt, const uint64_t *fields)
{
    return mt->unknown && sp_bits_meet(mt->unknown, fields, SP_FIELDS_MAX);
}

static bool some_value(struct sp_matcher *mt, const struct bnode *n)
{
    if (!n->asks)
        return predicate(mt, n, (struct asked){NULL, UINT32_MAX});
    for (uint32_t i = first_of(mt, n); i != UINT32_MAX; i = next_of(mt, n, mt->next[i])) {
        if (predicate(mt, n, (struct asked){n, i})) {
            mt->fired = i;
            return true;
        }
    }
    return false;
}

/* Some value makes it hold; asked of one value inside any()/all(), that one counts. */
static enum truth ask_values(struct sp_matcher *mt, const struct bnode *n, struct asked q)
{
    if (q.value != UINT32_MAX)
        return predicate(mt, n, q) ? YES : NO;
    const struct bbody *body = n->body ? block_at(mt->policy, n->body) : NULL;
    if (body && waits(mt, body->counts))
        return MAYBE;
    if (some_value(mt, n))
        return YES;
    return body && waits(mt, body->reads) ? MAYBE : NO;
}

static enum truth compare_truth(struct sp_matcher *mt, const struct bnode *n, struct asked q)
{
    enum truth t = ask_values(mt, n, q);
    return n->cmp == SP_CMP_NE ? not_truth(t) : t;
}

static enum truth quantified(struct sp_matcher *mt, const struct bnode *n)
{
    bool all = n->kind == SP_EX_ALL, some = false;
    for (uint32_t i = first_of(mt, n); i != UINT32_MAX; i = next_of(mt, n, mt->next[i])) {
        enum truth t = condition(mt, n->a, (struct asked){n, i});
        if (!all && t == YES) {
            mt->fired = i;
            return YES;
        }
        if (all && t == NO)
            return NO;
        some = true;
    }
    if (is_unknown(mt, n->field))
        return MAYBE;
    return all && some ? YES : NO;
}

static enum truth both(struct sp_matcher *mt, const struct bnode *n, struct asked q)
{
    bool conjunction = n->kind == SP_EX_AND;
    enum truth a = condition(mt, n->a, q);
    if (a == (conjunction ? NO : YES))
        return a;
    enum truth b = condition(mt, n->b, q);
    if (b == (conjunction ? NO : YES))
        return b;
    return a == MAYBE || b == MAYBE ? MAYBE : conjunction ? YES : NO;
}

static enum truth exclusive(struct sp_matcher *mt, const struct bnode *n, struct asked q)
{
    enum truth a = condition(mt, n->a, q), b = condition(mt, n->b, q);
    return a == MAYBE || b == MAYBE ? MAYBE : a != b ? YES : NO;
}

static enum truth present(struct sp_matcher *mt, const struct bnode *n)
{
    uint32_t i = first_of(mt, n);
    if (i == UINT32_MAX)
        return is_unknown(mt, n->field) ? MAYBE : NO;
    mt->fired = i;
    return YES;
}

static enum truth condition(struct sp_matcher *mt, uint32_t off, struct asked q)
{
    const struct bnode *n = node_at(mt, off);
    switch ((enum sp_expr_kind)n->kind) {
    case SP_EX_AND:
    case SP_EX_OR:
        return both(mt, n, q);
    case SP_EX_XOR:
        return exclusive(mt, n, q);
    case SP_EX_NOT:
        return not_truth(condition(mt, n->a, q));
    case SP_EX_ANY:
    case SP_EX_ALL:
        return quantified(mt, n);
    case SP_EX_CMP:
        return compare_truth(mt, n, q);
    case SP_EX_TRUTH:
        return ask_values(mt, n, q);
    case SP_EX_PRESENT:
        return q.value != UINT32_MAX ? YES : present(mt, n);
    default:
        return NO;
    }
}

enum truth eval_condition(struct sp_matcher *mt, uint32_t node)
{
    return condition(mt, node, (struct asked){NULL, UINT32_MAX});
}

/* ---- which values made it hold ---- */

static bool speaks_of(const struct sp_matcher *mt, const struct bnode *n, const struct bnode *target)
{
    if (n->field != target->field)
        return false;
    if (!n->main_keyed || !target->keyed)
        return true;
    return sp_span_eq(block_str(mt->policy, n->main_key), block_str(mt->policy, target->str));
}

bool eval_value_holds(struct sp_matcher *mt, uint32_t node, const struct bnode *target, uint32_t value)
{
    const struct bnode *n = node_at(mt, node);
    switch ((enum sp_expr_kind)n->kind) {
    case SP_EX_AND:
    case SP_EX_OR:
    case SP_EX_XOR:
        return eval_value_holds(mt, n->a, target, value) || eval_value_holds(mt, n->b, target, value);
    case SP_EX_ANY:
    case SP_EX_ALL:
        return speaks_of(mt, n, target) && named_by(mt, &mt->msg->values[value], n) &&
               condition(mt, n->a, (struct asked){n, value}) == YES;
    case SP_EX_CMP:
    case SP_EX_TRUTH:
        return n->cmp != SP_CMP_NE && n->asks && speaks_of(mt, n, target) && named_by(mt, &mt->msg->values[value], n) &&
               predicate(mt, n, (struct asked){n, value});
    default:
        return false;
    }
}
