/* SPDX-License-Identifier: Apache-2.0 */
/* compile: checked rules -> one block: their trees as flat nodes, their triggers as an index by field. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/hash.h"
#include "rule/block.h"

enum compile_limits {
    WORK_MEMORY = 1 << 30, /* trigger sets and expressions while compiling, as address space */
    DB_ALIGN = 64,         /* Vectorscan's own alignment for a database in place */
};

/* ---- the block grows ---- */

uint32_t block_put(struct builder *b, const void *bytes, size_t n, size_t align)
{
    static const uint8_t zeros[DB_ALIGN];
    size_t pad = (align - b->out.n % align) % align;
    sp_put(&b->out, sp_span_of(zeros, pad));
    size_t at = b->out.n;
    sp_put(&b->out, sp_span_of(bytes, n));
    b->failed |= b->out.full;
    return (uint32_t)at;
}

struct bref block_put_str(struct builder *b, struct sp_span s)
{
    return (struct bref){s.n ? block_put(b, s.p, s.n, 1) : 0, (uint32_t)s.n};
}

const char *block_literal(struct builder *b, const char *before, struct sp_span literal, const char *after)
{
    struct sp_buf out = sp_buf_arena(&b->arena, literal.n * 4 + 8);
    sp_put_str(&out, before);
    for (size_t i = 0; i < literal.n; i++) {
        uint8_t c = literal.p[i];
        if (sp_is_digit(c) || (uint8_t)(sp_lower(c) - 'a') < 26)
            sp_put_byte(&out, c);
        else
            sp_put_fmt(&out, "\\x%02x", c);
    }
    sp_put_str(&out, after);
    sp_put_byte(&out, 0);
    return out.full ? "x" : (const char *)sp_buf_done(&out, &b->arena).p;
}

static bool more_dbs(struct builder *b)
{
    uint32_t cap = b->capdbs ? 2 * b->capdbs : 64;
    uint32_t *dbs = realloc(b->db_list, cap * sizeof *dbs);
    if (dbs)
        b->db_list = dbs;
    struct bref *recipes = realloc(b->recipes, cap * sizeof *recipes);
    if (recipes)
        b->recipes = recipes;
    if (!dbs || !recipes)
        return false;
    b->capdbs = cap;
    return true;
}

/* Puts a database where it can be used, with its recipe. */
static uint32_t list_db(struct builder *b, struct sp_span db, struct sp_span recipe)
{
    if (b->ndbs == b->capdbs && !more_dbs(b)) {
        b->failed = true;
        return 0;
    }
    uint32_t at = block_put(b, db.p, db.n, DB_ALIGN);
    b->db_list[b->ndbs] = at;
    b->recipes[b->ndbs++] = block_put_str(b, recipe);
    return at;
}

/* A database can be used where it lies once it has been deserialised there: it is position-independent. */
static uint32_t put_database(struct builder *b, hs_database_t *db, struct sp_span recipe)
{
    char *bytes = NULL;
    size_t len = 0, size = 0;
    uint32_t at = 0;
    if (hs_serialize_database(db, &bytes, &len) == HS_SUCCESS && hs_serialized_database_size(bytes, len, &size) == HS_SUCCESS) {
        void *place = NULL;
        if (posix_memalign(&place, DB_ALIGN, size) == 0 && hs_deserialize_database_at(bytes, len, place) == HS_SUCCESS)
            at = list_db(b, sp_span_of(place, size), recipe);
        free(place);
    }
    free(bytes);
    hs_free_database(db);
    b->failed |= at == 0;
    return at;
}

static uint32_t compile_db(struct builder *b, const char *const *texts, const size_t *lengths, const unsigned *flags, unsigned n)
{
    hs_database_t *db = NULL;
    hs_compile_error_t *error = NULL;
    unsigned *ids = malloc(n * sizeof *ids);
    hs_error_t rc = HS_NOMEM;
    struct sp_span recipe = recipe_make(b, texts, lengths, flags, n), known = reuse_find(&b->reuse, recipe);
    if (known.n) {
        free(ids);
        return list_db(b, known, recipe);
    }
    for (unsigned i = 0; ids && i < n; i++)
        ids[i] = i;
    if (ids && lengths)
        rc = hs_compile_lit_multi(texts, flags, ids, lengths, n, HS_MODE_BLOCK, &SCAN_PLATFORM, &db, &error);
    else if (ids)
        rc = hs_compile_multi(texts, flags, ids, n, HS_MODE_BLOCK, &SCAN_PLATFORM, &db, &error);
    free(ids);
    if (rc == HS_SUCCESS)
        return put_database(b, db, recipe);
    const struct sp_rule *r = b->rule;
    sp_diag_error(b->diag, r ? r->file : "rules", r ? r->line : 0, 0, 0, (struct sp_span){NULL, 0}, "cannot compile \"%s\": %s",
                  error && error->expression >= 0 ? texts[error->expression] : "the expressions of a field", error ? error->message : "no memory");
    hs_free_compile_error(error);
    b->failed = true;
    return 0;
}

uint32_t block_put_db(struct builder *b, const char *const *expressions, const unsigned *flags, unsigned n)
{
    return compile_db(b, expressions, NULL, flags, n);
}

uint32_t block_put_literals(struct builder *b, const char *const *literals, const size_t *lengths, const unsigned *flags, unsigned n)
{
    return compile_db(b, literals, lengths, flags, n);
}

/* Single expressions that were compiled already, in a small hash table. */
struct pattern_db {
    struct sp_span text;
    unsigned flags;
    uint32_t off;
};
enum { PATTERN_SLOTS = 1 << 18, PATTERN_TRIES = 64 };

uint32_t block_pattern(struct builder *b, struct sp_span pattern, unsigned flags)
{
    uint64_t hash = sp_hash(pattern) ^ flags;
    struct pattern_db *known = &b->dbs[hash & (PATTERN_SLOTS - 1)];
    for (uint32_t tries = 0; known->off && tries < PATTERN_TRIES; tries++) {
        if (known->flags == flags && sp_span_eq(known->text, pattern))
            return known->off;
        known = &b->dbs[(hash + tries + 1) & (PATTERN_SLOTS - 1)];
    }
    struct sp_span copy = sp_arena_copy(&b->arena, pattern);
    char *text = sp_arena_get(&b->arena, pattern.n + 1);
    if (!text || b->arena.exhausted || b->failed)
        return 0;
    memcpy(text, copy.p, copy.n);
    text[copy.n] = '\0';
    const char *one = text;
    *known = (struct pattern_db){copy, flags, block_put_db(b, &one, &flags, 1)}; /* where all are taken, one is forgotten */
    return known->off;
}

/* ---- trees ---- */

/* The first field below e that can have several values, or (`any_field`) the first at all. A count is none. */
static const struct sp_expr *find_field(const struct sp_expr *e, const struct sp_proto *proto, bool any_field)
{
    if (!e)
        return NULL;
    if (e->kind == SP_EX_FIELD)
        return any_field || proto->fields[e->field].flags & SP_F_REP ? e : NULL;
    const struct sp_expr *found = find_field(e->a, proto, any_field);
    found = found ? found : find_field(e->b, proto, any_field);
    for (unsigned i = 0; i < e->nargs && !found; i++)
        found = find_field(e->args[i], proto, any_field);
    return found;
}

/* The field whose values a predicate asks in turn: the repeated one, of which there is at most one. */
static const struct sp_expr *main_field(const struct sp_expr *e, const struct sp_proto *proto)
{
    const struct sp_expr *repeated = find_field(e, proto, false);
    return repeated ? repeated : find_field(e, proto, true);
}

static void body_read(const struct sp_expr *e, const struct sp_proto *proto, struct bbody *ret)
{
    if (!e)
        return;
    if ((e->kind == SP_EX_FIELD || e->kind == SP_EX_COUNT) && proto->fields[e->field].flags & SP_F_BODY)
        sp_bit_set(e->kind == SP_EX_COUNT ? ret->counts : ret->reads, e->field);
    body_read(e->a, proto, ret);
    body_read(e->b, proto, ret);
    for (unsigned i = 0; i < e->nargs; i++)
        body_read(e->args[i], proto, ret);
}

static uint32_t put_body(struct builder *b, const struct sp_rule *r, const struct sp_expr *e)
{
    struct bbody body = {0};
    body_read(e, r->proto, &body);
    bool any = sp_bits_any(body.reads, SP_FIELDS_MAX) || sp_bits_any(body.counts, SP_FIELDS_MAX);
    return any ? block_put(b, &body, sizeof body, 8) : 0;
}

static bool folds(const struct sp_proto *proto, const struct sp_expr *a)
{
    return a && a->kind == SP_EX_FIELD && (proto->fields[a->field].flags & SP_F_ICASE);
}

/* lower(F) matches ...: the expression sees the folded value, so its own flags stay. */
static unsigned pattern_flags(const struct sp_proto *proto, const struct sp_expr *cmp)
{
    return HS_FLAG_DOTALL | (folds(proto, cmp->a) ? HS_FLAG_CASELESS : 0);
}

static uint32_t put_node(struct builder *b, const struct sp_rule *r, const struct sp_expr *e);

static int compare_items(const void *x, const void *y)
{
    const struct bitem *a = x, *b = y;
    return (a->hash > b->hash) - (a->hash < b->hash);
}

static struct bref put_strings(struct builder *b, const struct sp_expr *e)
{
    struct bitem *items = malloc(e->nitems * sizeof *items);
    if (!items) {
        b->failed = true;
        return (struct bref){0, 0};
    }
    for (uint32_t i = 0; i < e->nitems; i++)
        items[i] = (struct bitem){sp_ihash(e->items[i]->str), block_put_str(b, e->items[i]->str)};
    qsort(items, e->nitems, sizeof *items, compare_items);
    struct bref ref = {block_put(b, items, e->nitems * sizeof *items, 8), e->nitems};
    free(items);
    return ref;
}

static struct bref put_items(struct builder *b, const struct sp_rule *r, const struct sp_expr *e)
{
    if (e->nitems && e->items[0]->type == SP_STR)
        return put_strings(b, e);
    uint32_t *items = malloc(e->nitems * sizeof *items);
    if (!items) {
        b->failed = true;
        return (struct bref){0, 0};
    }
    for (uint32_t i = 0; i < e->nitems; i++)
        items[i] = put_node(b, r, e->items[i]);
    struct bref ref = {block_put(b, items, e->nitems * sizeof *items, 8), e->nitems};
    free(items);
    return ref;
}

static uint32_t put_node(struct builder *b, const struct sp_rule *r, const struct sp_expr *e)
{
    struct bnode n = {.kind = (uint8_t)e->kind, .cmp = (uint8_t)e->cmp, .type = e->type, .nargs = e->nargs, .keyed = e->keyed,
                      .func = (uint8_t)e->func, .field = e->field, .num = e->num};
    const struct sp_expr *field = e->kind < SP_EX_FIELD ? main_field(e, r->proto) : NULL;
    if (field) {
        n.asks = 1;
        n.field = field->field;
        n.main_keyed = field->keyed;
        n.main_key = block_put_str(b, field->str);
    }
    if (e->kind == SP_EX_CMP || e->kind == SP_EX_TRUTH)
        n.body = put_body(b, r, e);
    n.a = e->a ? put_node(b, r, e->a) : 0;
    n.b = e->b ? put_node(b, r, e->b) : 0;
    for (unsigned i = 0; i < e->nargs; i++)
        n.args[i] = put_node(b, r, e->args[i]);
    n.str = block_put_str(b, e->str);
    n.caseless = e->kind == SP_EX_CMP && (folds(r->proto, e->a) || folds(r->proto, e->b));
    if (e->kind == SP_EX_LIST) {
        n.items = put_items(b, r, e);
        n.type = e->nitems ? e->items[0]->type : SP_STR;
    }
    if (e->kind == SP_EX_NET)
        n.net = (struct bref){block_put(b, &e->net, sizeof e->net, 8), sizeof e->net};
    if (e->kind == SP_EX_CMP && e->cmp == SP_CMP_MATCHES)
        n.db = block_pattern(b, e->b->str, pattern_flags(r->proto, e) | HS_FLAG_SINGLEMATCH);
    return block_put(b, &n, sizeof n, 8);
}

/* ---- rules ---- */

/* The comparison whose matches a `replace` replaces: the first `matches` or `contains` over its target. */
static const struct sp_expr *replaced_by(const struct sp_expr *e, const struct sp_expr *target)
{
    if (!e)
        return NULL;
    bool textual = e->kind == SP_EX_CMP && (e->cmp == SP_CMP_MATCHES || e->cmp == SP_CMP_CONTAINS);
    if (textual && e->a->kind == SP_EX_FIELD && e->a->field == target->field && e->b->kind == SP_EX_STR)
        return e;
    const struct sp_expr *found = replaced_by(e->a, target);
    return found ? found : replaced_by(e->b, target);
}

static struct bref put_actions(struct builder *b, const struct sp_rule *r)
{
    struct baction list[SP_RULE_ACTIONS_MAX];
    for (uint32_t i = 0; i < r->nactions; i++) {
        const struct sp_action *a = &r->actions[i];
        list[i] = (struct baction){.kind = (uint8_t)a->kind, .from = a->from, .to = a->to};
        list[i].target = a->target ? put_node(b, r, a->target) : 0;
        list[i].value = a->value ? put_node(b, r, a->value) : 0;
        const struct sp_expr *part = a->kind == SP_DO_REPLACE ? replaced_by(r->when, a->target) : NULL;
        if (part && part->cmp == SP_CMP_MATCHES)
            list[i].som_db = block_pattern(b, part->b->str, pattern_flags(r->proto, part) | HS_FLAG_SOM_LEFTMOST);
        else if (part)
            list[i].som_db = block_pattern(b, sp_span_str(block_literal(b, "", part->b->str, "")), pattern_flags(r->proto, part) | HS_FLAG_SOM_LEFTMOST);
    }
    return (struct bref){block_put(b, list, r->nactions * sizeof *list, 8), r->nactions};
}

static enum sp_act act_of(const struct sp_rule *r, unsigned *ret_status)
{
    static const uint8_t acts[] = {[SP_DO_ALERT] = SP_ALERT, [SP_DO_REFUSE] = SP_REFUSE, [SP_DO_CLOSE] = SP_CLOSE, [SP_DO_DROP] = SP_DROP,
                                   [SP_DO_SET] = SP_CORRECT, [SP_DO_REMOVE] = SP_CORRECT, [SP_DO_TRUNCATE] = SP_CORRECT,
                                   [SP_DO_CLAMP] = SP_CORRECT, [SP_DO_REPLACE] = SP_CORRECT};
    enum sp_act gravest = SP_PASS;
    *ret_status = 0;
    for (uint32_t i = 0; i < r->nactions; i++) {
        if (acts[r->actions[i].kind] > gravest)
            gravest = (enum sp_act)acts[r->actions[i].kind];
        if (r->actions[i].kind == SP_DO_REFUSE)
            *ret_status = r->actions[i].status;
    }
    return gravest;
}

static void fields_read(const struct sp_expr *e, uint64_t *bits)
{
    if (!e)
        return;
    if (e->kind == SP_EX_FIELD || e->kind == SP_EX_COUNT)
        sp_bit_set(bits, e->field);
    fields_read(e->a, bits);
    fields_read(e->b, bits);
    for (unsigned i = 0; i < e->nargs; i++)
        fields_read(e->args[i], bits);
}

/* Body fields the rule reads; all fields are added to `want`. */
static void rule_fields(const struct sp_rule *r, uint64_t *want, uint64_t *body)
{
    uint64_t read[SP_FIELD_WORDS] = {0};
    fields_read(r->when, read);
    for (uint32_t i = 0; i < r->nactions; i++) {
        fields_read(r->actions[i].target, read);
        fields_read(r->actions[i].value, read);
    }
    sp_bits_or(want, read, SP_FIELDS_MAX);
    for (size_t f = sp_bits_next(read, SP_FIELDS_MAX, 0); f < SP_FIELDS_MAX; f = sp_bits_next(read, SP_FIELDS_MAX, f + 1)) {
        if (r->proto->fields[f].flags & SP_F_BODY)
            sp_bit_set(body, f);
    }
}

static uint32_t side_of(const struct sp_rule *r)
{
    uint32_t i = 0;
    while (sp_protos[i] != r->proto)
        i++;
    return i * 2 + (r->dir == SP_S2C);
}

struct rule_list { uint32_t *rules, n, cap; };

/* Rules of a side that no posting finds: judged for every message, asked about every head. */
struct unindexed { struct rule_list always, ungated; };

static void add_rule(struct builder *b, struct rule_list *l, uint32_t rule)
{
    if (l->n == l->cap) {
        uint32_t cap = l->cap ? 2 * l->cap : 16, *more = realloc(l->rules, cap * sizeof *more);
        if (!more) {
            b->failed = true;
            return;
        }
        l->rules = more;
        l->cap = cap;
    }
    l->rules[l->n++] = rule;
}

static void index_rule(struct builder *b, uint32_t i, const struct sp_rule *r, struct brule *br, struct bside *side, struct unindexed *un)
{
    struct trigger t = trigger_of(r, NULL, &b->arena);
    if (t.always)
        add_rule(b, &un->always, i);
    else
        side_add(b, b->sides[br->side], i, &t, POST_JUDGE);
    rule_fields(r, side->want, br->body);
    br->reads_body = sp_bits_any(br->body, SP_FIELDS_MAX);
    if (!br->reads_body)
        return;
    t = trigger_of(r, br->body, &b->arena);
    if (t.always) {
        add_rule(b, &un->ungated, i);
        sp_bits_or(side->eager, br->body, SP_FIELDS_MAX);
        return;
    }
    side_add(b, b->sides[br->side], i, &t, POST_GATE);
    for (uint32_t k = 0; k < t.n; k++)
        sp_bit_set(side->want, t.preds[k].field);
}

static void put_rule(struct builder *b, uint32_t i, struct brule *br, struct bside *sides, struct unindexed *un)
{
    const struct sp_rule *r = b->set->rules[i];
    unsigned status;
    b->rule = r;
    br->side = (uint16_t)side_of(r);
    br->id = block_put_str(b, r->id);
    br->title = block_put_str(b, r->title);
    br->cve = block_put_str(b, r->cve);
    br->sid = (uint32_t)(sp_hash(r->id) & 0x7fffffff);
    br->severity = r->severity;
    br->act = act_of(r, &status);
    br->status = status;
    br->when = put_node(b, r, r->when);
    br->actions = put_actions(b, r);
    if (!b->sides[br->side])
        b->sides[br->side] = side_new(b);
    sides[br->side].used = 1;
    if (!b->failed)
        index_rule(b, i, r, br, &sides[br->side], &un[br->side]);
}

/* ---- the whole ---- */

static struct bref put_list(struct builder *b, const struct rule_list *l)
{
    return (struct bref){block_put(b, l->rules, l->n * sizeof *l->rules, 8), l->n};
}

static bool only_values(const struct bfield *f)
{
    bool patterns = f->db[DB_LITERALS] | f->db[DB_EXPRESSIONS] | f->db[DB_KEYED_LITERALS] | f->db[DB_KEYED_EXPRESSIONS];
    return !patterns && !f->present.n && !(f->above[1].n | f->below[1].n | f->equal[1].n);
}

static bool is_by_verb(const struct builder *b, const struct bside *side, const struct sp_proto *proto)
{
    const struct bfield *fields = (const void *)(b->out.p + side->fields.off);
    if (!proto->verb || side->always.n || !only_values(&fields[proto->verb]))
        return false;
    for (size_t f = sp_bits_next(side->programmed, SP_FIELDS_MAX, 0); f < SP_FIELDS_MAX; f = sp_bits_next(side->programmed, SP_FIELDS_MAX, f + 1)) {
        if (f != proto->verb && !(proto->fields[f].flags & SP_F_SOME))
            return false;
    }
    return true;
}

static void write_block(struct builder *b, struct sp_policy *head)
{
    struct unindexed un[BLOCK_SIDES_MAX] = {0};
    struct brule *rules = calloc(b->set->nrules + 1, sizeof *rules);
    b->failed |= !rules;
    for (uint32_t i = 0; !b->failed && i < b->set->nrules; i++)
        put_rule(b, i, &rules[i], head->sides, un);
    b->rule = NULL;
    for (uint32_t i = 0; !b->failed && i < BLOCK_SIDES_MAX; i++) {
        if (!b->sides[i])
            continue;
        side_finish(b, b->sides[i], sp_protos[i / 2], &head->sides[i]);
        head->sides[i].always = put_list(b, &un[i].always);
        head->sides[i].ungated = put_list(b, &un[i].ungated);
        head->sides[i].by_verb = !b->failed && is_by_verb(b, &head->sides[i], sp_protos[i / 2]);
    }
    if (!b->failed) {
        head->nrules = b->set->nrules;
        head->rules = block_put(b, rules, b->set->nrules * sizeof *rules, 8);
        head->nscratch_dbs = b->ndbs;
        head->scratch_dbs = block_put(b, b->db_list, b->ndbs * sizeof *b->db_list, 8);
        head->recipes = block_put(b, b->recipes, b->ndbs * sizeof *b->recipes, 8);
    }
    free(rules);
    for (uint32_t i = 0; i < BLOCK_SIDES_MAX; i++) {
        free(un[i].always.rules);
        free(un[i].ungated.rules);
    }
}

/* Copies the finished bytes to memory that starts on a page and cannot be written any more. */
static int seal(struct builder *b, const struct sp_policy *head, struct sp_policy **ret)
{
    void *block = mmap(NULL, b->out.n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED)
        return -errno;
    memcpy(block, b->out.p, b->out.n);
    struct sp_policy *p = block;
    *p = *head;
    p->magic = BLOCK_MAGIC;
    p->version = BLOCK_VERSION;
    p->len = b->out.n;
    p->checksum = block_checksum(p);
    (void)mprotect(block, b->out.n, PROT_READ);
    *ret = p;
    return 0;
}

int sp_policy_compile_after(const struct sp_ruleset *set, const struct sp_policy *before, struct sp_diag *diag, struct sp_policy **ret)
{
    struct builder b = {.out = sp_buf_growing(BLOCK_MAX), .diag = diag, .set = set};
    struct sp_policy head = {0};
    unsigned errors = diag->errors;
    int rc = sp_arena_init(&b.arena, WORK_MEMORY);
    if (rc < 0)
        return rc;
    b.dbs = calloc(PATTERN_SLOTS, sizeof *b.dbs);
    b.failed = reuse_init(&b.reuse, before) < 0 || !b.dbs;
    (void)block_put(&b, &head, sizeof head, 64);
    write_block(&b, &head);
    if (!b.failed)
        rc = seal(&b, &head, ret);
    else
        rc = diag->errors > errors ? -EINVAL : -ENOMEM;
    free(b.dbs);
    free(b.db_list);
    free(b.recipes);
    reuse_fini(&b.reuse);
    sp_buf_fini(&b.out);
    sp_arena_fini(&b.arena);
    return rc;
}

int sp_policy_compile(const struct sp_ruleset *set, struct sp_diag *diag, struct sp_policy **ret)
{
    return sp_policy_compile_after(set, NULL, diag, ret);
}

int sp_policy_empty(struct sp_policy **ret)
{
    static const struct sp_ruleset none;
    struct sp_diag diag;
    sp_diag_init(&diag);
    int rc = sp_policy_compile(&none, &diag, ret);
    sp_diag_fini(&diag);
    return rc;
}

void sp_policy_free(struct sp_policy *p)
{
    if (p)
        munmap(p, p->len);
}
