/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify: is a block that came from elsewhere one that the matcher can run? Every offset, count, index and tree is checked here once, so
 * that nothing needs checking for a message. The inside of a Vectorscan database cannot be checked: the checksum finds damage, and a
 * block comes from our own compiler, not from a forger.
 */
#include <errno.h>

#include <hs/hs.h>

#include "base/hash.h"
#include "rule/block.h"

enum verify_limits {
    TREE_DEPTH_MAX = 2 * SP_EXPR_DEPTH_MAX, /* conditions, and the calls below them */
    DB_MIN = 256,                           /* shorter than any database: its header can be read */
};

struct check {
    const struct sp_policy *p;
    uint32_t rule;                /* whose parts are being checked */
    const struct sp_proto *proto; /* its protocol */
    uint64_t nodes;               /* trees share no nodes: more visits than there is room for are a loop or worse */
    uint32_t nfuncs;
    bool bad;
};

/* The array when it lies in the block and is aligned, else NULL and `bad`. */
static const void *array(struct check *c, uint32_t off, uint32_t n, size_t size)
{
    size_t align = size % 8 == 0 ? 8 : size % 4 == 0 ? 4 : 1;
    bool inside = off >= sizeof *c->p && off <= c->p->len && n <= (c->p->len - off) / size && off % align == 0;
    c->bad |= !inside;
    return inside ? block_at(c->p, off) : NULL;
}

static void string(struct check *c, struct bref r)
{
    if (r.n)
        (void)array(c, r.off, r.n, 1);
}

static void claim(struct check *c, bool holds)
{
    c->bad |= !holds;
}

static void database(struct check *c, uint32_t off)
{
    size_t size = 0;
    const hs_database_t *db = array(c, off, DB_MIN, 1);
    if (!db)
        return;
    claim(c, off % 64 == 0 && hs_database_size(db, &size) == HS_SUCCESS && size <= c->p->len - off);
}

/* ---- trees ---- */

enum role { CONDITION, VALUE };

static void node(struct check *c, uint32_t off, uint32_t above, enum role role, unsigned depth);

static void node_field(struct check *c, const struct bnode *n)
{
    claim(c, n->field < c->proto->nfields);
    string(c, n->str);
    string(c, n->main_key);
}

static void node_strings(struct check *c, const struct bnode *list)
{
    const struct bitem *items = array(c, list->items.off, list->items.n, sizeof *items);
    for (uint32_t i = 0; !c->bad && i < list->items.n; i++)
        string(c, items[i].str);
}

static void node_list(struct check *c, const struct bnode *list, uint32_t off, unsigned depth)
{
    if (list->type == SP_STR) {
        node_strings(c, list);
        return;
    }
    const uint32_t *items = array(c, list->items.off, list->items.n, sizeof *items);
    for (uint32_t i = 0; !c->bad && i < list->items.n; i++)
        node(c, items[i], off, VALUE, depth);
}

/* Both sides of one type; a set only behind `in`, and `matches` with the database of its expression. */
static void node_compare(struct check *c, const struct bnode *n, uint32_t off, unsigned depth)
{
    node(c, n->a, off, VALUE, depth);
    node(c, n->b, off, VALUE, depth);
    claim(c, n->cmp <= SP_CMP_IN);
    if (c->bad)
        return;
    const struct bnode *a = block_at(c->p, n->a), *b = block_at(c->p, n->b);
    claim(c, (b->kind == SP_EX_LIST) == (n->cmp == SP_CMP_IN) && a->kind != SP_EX_LIST);
    claim(c, a->type != SP_IP || b->kind == SP_EX_LIST || b->kind == SP_EX_NET);
    if (b->kind == SP_EX_LIST) {
        const uint32_t *items = block_at(c->p, b->items.off);
        claim(c, (b->type == SP_STR) == (a->type == SP_STR));
        for (uint32_t i = 0; a->type == SP_IP && i < b->items.n; i++)
            claim(c, ((const struct bnode *)block_at(c->p, items[i]))->kind == SP_EX_NET);
    }
    if (n->cmp == SP_CMP_MATCHES)
        database(c, n->db);
}

static void node_condition(struct check *c, const struct bnode *n, uint32_t off, unsigned depth)
{
    node_field(c, n);
    if (n->body)
        (void)array(c, n->body, 1, sizeof(struct bbody));
    switch ((enum sp_expr_kind)n->kind) {
    case SP_EX_AND:
    case SP_EX_OR:
    case SP_EX_XOR:
        node(c, n->b, off, CONDITION, depth);
        node(c, n->a, off, CONDITION, depth);
        break;
    case SP_EX_NOT:
    case SP_EX_ANY:
    case SP_EX_ALL:
        node(c, n->a, off, CONDITION, depth);
        break;
    case SP_EX_CMP:
        node_compare(c, n, off, depth);
        break;
    default: /* PRESENT, TRUTH */
        node(c, n->a, off, VALUE, depth);
        break;
    }
}

static void node_call(struct check *c, const struct bnode *n, uint32_t off, unsigned depth)
{
    claim(c, n->func < c->nfuncs);
    claim(c, !c->bad && n->nargs == sp_funcs[n->func].nargs);
    for (unsigned i = 0; !c->bad && i < n->nargs; i++)
        node(c, n->args[i], off, VALUE, depth);
}

static void node_value(struct check *c, const struct bnode *n, uint32_t off, unsigned depth)
{
    claim(c, n->type <= SP_IP);
    switch ((enum sp_expr_kind)n->kind) {
    case SP_EX_FIELD:
    case SP_EX_COUNT:
        node_field(c, n);
        break;
    case SP_EX_CALL:
        node_call(c, n, off, depth);
        break;
    case SP_EX_LIST:
        node_list(c, n, off, depth);
        break;
    case SP_EX_NET: {
        const struct sp_net *net = array(c, n->net.off, 1, sizeof *net);
        claim(c, net && n->net.n == sizeof *net && net->bits <= 8 * sizeof net->ip);
        break;
    }
    default:
        string(c, n->str);
        break;
    }
}

/* A node lies below the one that refers to it, so that there are no loops. */
static void node(struct check *c, uint32_t off, uint32_t above, enum role role, unsigned depth)
{
    const struct bnode *n = array(c, off, 1, sizeof *n);
    claim(c, off < above && depth < TREE_DEPTH_MAX && c->nodes++ < c->p->len / sizeof *n);
    if (c->bad)
        return;
    claim(c, n->kind <= SP_EX_LIST && (role == VALUE) == (n->kind >= SP_EX_FIELD));
    if (c->bad)
        return;
    if (role == VALUE)
        node_value(c, n, off, depth + 1);
    else
        node_condition(c, n, off, depth + 1);
}

/* ---- rules ---- */

static void action(struct check *c, const struct baction *a)
{
    claim(c, a->kind <= SP_DO_REPLACE && (a->target != 0) == (a->kind >= SP_DO_SET));
    claim(c, a->value || (a->kind != SP_DO_SET && a->kind != SP_DO_REPLACE));
    if (a->target) {
        node(c, a->target, UINT32_MAX, VALUE, 0);
        claim(c, !c->bad && ((const struct bnode *)block_at(c->p, a->target))->kind == SP_EX_FIELD);
    }
    if (a->value)
        node(c, a->value, UINT32_MAX, VALUE, 0);
    if (a->som_db)
        database(c, a->som_db);
}

static void rule(struct check *c, const struct brule *r)
{
    uint32_t nprotos = 0;
    while (sp_protos[nprotos])
        nprotos++;
    claim(c, r->side < BLOCK_SIDES_MAX && r->side / 2 < nprotos && r->act <= SP_CLOSE && r->severity <= SP_SEV_CRITICAL);
    if (c->bad)
        return;
    c->proto = sp_protos[r->side / 2];
    string(c, r->id);
    string(c, r->title);
    string(c, r->cve);
    node(c, r->when, UINT32_MAX, CONDITION, 0);
    const struct baction *actions = array(c, r->actions.off, r->actions.n, sizeof *actions);
    for (uint32_t i = 0; !c->bad && i < r->actions.n; i++)
        action(c, &actions[i]);
}

/* ---- the index ---- */

static void rule_number(struct check *c, uint32_t n, uint32_t side)
{
    claim(c, n < c->p->nrules);
    if (!c->bad)
        claim(c, ((const struct brule *)block_at(c->p, c->p->rules))[n].side == side);
}

static void postings(struct check *c, struct bref r, uint32_t side)
{
    const struct bposting *list = array(c, r.off, r.n, sizeof *list);
    for (uint32_t i = 0; !c->bad && i < r.n; i++)
        rule_number(c, list[i].rule, side);
}

static void numbers(struct check *c, struct bref r, uint32_t side)
{
    const struct bnum *list = r.n ? array(c, r.off, r.n, sizeof *list) : NULL;
    for (uint32_t i = 0; !c->bad && i < r.n; i++)
        postings(c, list[i].postings, side);
}

/* A hash table is a power of two and has a free place, where a search ends. */
static void equals(struct check *c, struct bref r, uint32_t side)
{
    const struct beq *table = r.n ? array(c, r.off, r.n, sizeof *table) : NULL;
    bool free_place = r.n == 0;
    claim(c, (r.n & (r.n - 1)) == 0);
    for (uint32_t i = 0; !c->bad && i < r.n; i++) {
        free_place |= !table[i].used;
        string(c, table[i].value);
        if (table[i].used)
            postings(c, table[i].postings, side);
    }
    claim(c, free_place);
}

static void keys(struct check *c, struct bref r)
{
    const struct bkey *table = array(c, r.off, r.n, sizeof *table);
    bool free_place = false;
    claim(c, r.n && (r.n & (r.n - 1)) == 0);
    for (uint32_t i = 0; !c->bad && i < r.n; i++) {
        free_place |= !table[i].used;
        string(c, table[i].name);
    }
    claim(c, free_place);
}

static void field(struct check *c, const struct bfield *f, uint32_t side)
{
    for (int k = 0; !c->bad && k < DB_KINDS; k++) {
        const struct bref *by_id = f->db[k] ? array(c, f->patterns[k].off, f->patterns[k].n, sizeof *by_id) : NULL;
        if (f->db[k])
            database(c, f->db[k]);
        for (uint32_t i = 0; by_id && !c->bad && i < f->patterns[k].n; i++)
            postings(c, by_id[i], side);
    }
    equals(c, f->eq, side);
    for (int i = 0; i < 2; i++) {
        numbers(c, f->above[i], side);
        numbers(c, f->below[i], side);
        numbers(c, f->equal[i], side);
    }
    if (f->present.n)
        postings(c, f->present, side);
}

static void rule_list(struct check *c, struct bref r, uint32_t side)
{
    const uint32_t *list = r.n ? array(c, r.off, r.n, sizeof *list) : NULL;
    for (uint32_t i = 0; !c->bad && i < r.n; i++)
        rule_number(c, list[i], side);
}

static void side(struct check *c, uint32_t i)
{
    const struct bside *s = &c->p->sides[i];
    uint32_t nprotos = 0;
    while (sp_protos[nprotos])
        nprotos++;
    claim(c, i / 2 < nprotos);
    if (c->bad)
        return;
    const struct bfield *fields = array(c, s->fields.off, s->fields.n, sizeof *fields);
    claim(c, s->fields.n == sp_protos[i / 2]->nfields);
    claim(c, sp_bits_next(s->programmed, SP_FIELDS_MAX, s->fields.n) == SP_FIELDS_MAX);
    for (uint32_t f = 0; !c->bad && f < s->fields.n; f++)
        field(c, &fields[f], i);
    keys(c, s->keys);
    rule_list(c, s->always, i);
    rule_list(c, s->ungated, i);
}

/* Nothing is looked at where no rule is. */
static void empty_side(struct check *c, const struct bside *s)
{
    claim(c, !sp_bits_any(s->programmed, SP_FIELDS_MAX) && s->always.n == 0 && s->ungated.n == 0 && !s->by_verb);
}

int sp_policy_verify(const void *block, size_t len, const struct sp_policy **ret)
{
    struct check c = {.p = block};
    if (len < sizeof *c.p || len > BLOCK_MAX || (uintptr_t)block % 64)
        return -EINVAL;
    if (c.p->magic != BLOCK_MAGIC || c.p->version != BLOCK_VERSION || c.p->len != len || c.p->checksum != block_checksum(c.p))
        return -EINVAL;
    while (sp_funcs[c.nfuncs].name)
        c.nfuncs++;
    const struct brule *rules = array(&c, c.p->rules, c.p->nrules, sizeof *rules);
    for (uint32_t i = 0; !c.bad && i < c.p->nrules; i++)
        rule(&c, &rules[i]);
    for (uint32_t i = 0; !c.bad && i < BLOCK_SIDES_MAX; i++) {
        if (c.p->sides[i].used)
            side(&c, i);
        else
            empty_side(&c, &c.p->sides[i]);
    }
    const uint32_t *dbs = array(&c, c.p->scratch_dbs, c.p->nscratch_dbs, sizeof *dbs);
    const struct bref *recipes = array(&c, c.p->recipes, c.p->nscratch_dbs, sizeof *recipes);
    for (uint32_t i = 0; !c.bad && i < c.p->nscratch_dbs; i++) {
        database(&c, dbs[i]);
        string(&c, recipes[i]);
    }
    if (c.bad)
        return -EINVAL;
    *ret = block;
    return 0;
}
