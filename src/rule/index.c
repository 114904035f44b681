/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index: the triggers of one side, grouped by field: constants hashed, numbers sorted, literals and regular expressions in one
 * Vectorscan database. What the index finds is a hint: rules found are evaluated exactly.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "rule/block.h"

struct entry {
    struct pred p;
    uint32_t rule, flags;
};

struct side_build {
    struct entry *all;
    uint32_t n, cap;
    struct bkey *keys;     /* open addressing */
    uint32_t nkeys, keys_cap;
};

struct side_build *side_new(struct builder *b)
{
    struct side_build *s = sp_arena_get(&b->arena, sizeof *s);
    if (s)
        *s = (struct side_build){0};
    else
        b->failed = true;
    return s;
}

void side_add(struct builder *b, struct side_build *s, uint32_t rule, const struct trigger *t, unsigned flags)
{
    if (s->n + t->n > s->cap) {
        uint32_t cap = 2 * (s->n + t->n) + 64;
        struct entry *more = sp_arena_get(&b->arena, cap * sizeof *more); /* what is outgrown stays until the end */
        if (!more) {
            b->failed = true;
            return;
        }
        if (s->n)
            memcpy(more, s->all, s->n * sizeof *more);
        s->all = more;
        s->cap = cap;
    }
    for (uint32_t i = 0; i < t->n; i++)
        s->all[s->n++] = (struct entry){t->preds[i], rule, flags};
}

/* ---- order ---- */

static int order(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* By field, kind, and then what makes predicates the same one; the key last, so that equal patterns lie together. */
static int compare_pred(const struct pred *a, const struct pred *b)
{
    int c = order(a->field, b->field);
    if (!c)
        c = order(a->kind, b->kind);
    if (!c)
        c = order(a->length, b->length);
    if (!c)
        c = order(a->cmp, b->cmp);
    if (!c)
        c = order(a->num, b->num);
    if (!c && a->kind == PRED_PATTERN)
        c = order(a->keyed, b->keyed);
    if (!c)
        c = order(a->pattern, b->pattern);
    if (!c)
        c = order(a->caseless, b->caseless);
    return c ? c : sp_span_cmp(a->text, b->text);
}

static int compare_entry(const void *x, const void *y)
{
    const struct entry *a = x, *b = y;
    int c = compare_pred(&a->p, &b->p);
    if (!c)
        c = order(a->p.keyed, b->p.keyed);
    if (!c)
        c = sp_span_cmp(a->p.key, b->p.key);
    return c ? c : order(a->rule, b->rule);
}

/* End of the run of entries whose predicate is the same as that at i. */
static uint32_t run_end(const struct side_build *s, uint32_t i, uint32_t end)
{
    uint32_t j = i + 1;
    while (j < end && compare_pred(&s->all[i].p, &s->all[j].p) == 0)
        j++;
    return j;
}

/* ---- keys ---- */

static uint32_t table_size(uint32_t n)
{
    uint32_t cap = 8;
    while (cap < 2 * n)
        cap *= 2;
    return cap;
}

static uint32_t key_id(struct builder *b, struct side_build *s, const struct pred *p)
{
    if (!p->keyed)
        return NO_KEY;
    uint64_t hash = sp_ihash(p->key); /* folded: some fields' keys ignore case, the others are compared exactly when evaluated */
    uint32_t i = (uint32_t)hash & (s->keys_cap - 1);
    while (s->keys[i].used && !(s->keys[i].hash == hash && sp_span_ieq(block_str((const struct sp_policy *)b->out.p, s->keys[i].name), p->key)))
        i = (i + 1) & (s->keys_cap - 1);
    if (!s->keys[i].used)
        s->keys[i] = (struct bkey){.hash = hash, .name = block_put_str(b, p->key), .id = ++s->nkeys, .used = 1};
    return s->keys[i].id;
}

static int compare_posting(const void *x, const void *y)
{
    const struct bposting *a = x, *b = y;
    int c = order(a->key, b->key);
    return c ? c : order(a->rule, b->rule);
}

/* Postings of entries [i, j), sorted by key id. */
static struct bref put_postings(struct builder *b, struct side_build *s, uint32_t i, uint32_t j, struct bfield *f)
{
    struct bposting *list = malloc((j - i) * sizeof *list);
    if (!list) {
        b->failed = true;
        return (struct bref){0, 0};
    }
    for (uint32_t k = i; k < j; k++) {
        list[k - i] = (struct bposting){s->all[k].rule, key_id(b, s, &s->all[k].p), s->all[k].flags};
        if (s->all[k].p.keyed)
            f->key_lengths |= UINT64_C(1) << (s->all[k].p.key.n & 63);
    }
    qsort(list, j - i, sizeof *list, compare_posting);
    struct bref r = {block_put(b, list, (j - i) * sizeof *list, 8), j - i};
    free(list);
    return r;
}

/* ---- one field, one kind ---- */

static void put_equal(struct builder *b, struct side_build *s, uint32_t from, uint32_t to, struct bfield *f)
{
    uint32_t n = 0;
    for (uint32_t i = from; i < to; i = run_end(s, i, to))
        n++;
    uint32_t cap = table_size(n);
    struct beq *table = calloc(cap, sizeof *table);
    b->failed |= !table;
    for (uint32_t i = from, j; table && i < to; i = j) {
        const struct pred *p = &s->all[i].p;
        j = run_end(s, i, to);
        uint64_t hash = sp_ihash(p->text);
        uint32_t at = (uint32_t)hash & (cap - 1);
        while (table[at].used)
            at = (at + 1) & (cap - 1);
        table[at] = (struct beq){.hash = hash, .value = block_put_str(b, p->text), .postings = put_postings(b, s, i, j, f),
                                 .caseless = p->caseless, .used = 1};
        f->eq_lengths |= UINT64_C(1) << (p->text.n & 63);
    }
    f->eq = (struct bref){table ? block_put(b, table, cap * sizeof *table, 8) : 0, cap};
    free(table);
}

static enum db_kind db_kind(const struct pred *p)
{
    bool expression = p->pattern == PAT_REGEX;
    return p->keyed ? (expression ? DB_KEYED_EXPRESSIONS : DB_KEYED_LITERALS) : expression ? DB_EXPRESSIONS : DB_LITERALS;
}

/* The byte of a literal that ordinary values have least often. */
static uint8_t rarest(const struct pred *p)
{
    const struct sp_span common = SP_LIT("jqxzkvbpgwyfmucldhrsnioate0123456789-=./; ,_&:+()*?"); /* rarer first */
    uint8_t best = p->text.p[0];
    size_t rank = 0;
    for (size_t i = 0; i < p->text.n; i++) {
        size_t at = sp_span_byte(common, 0, sp_lower(p->text.p[i]));
        bool letter = (uint8_t)(sp_lower(p->text.p[i]) - 'a') < 26;
        size_t own = at == SP_NOT_FOUND ? 1000 : letter && p->caseless ? 0 : 500 - at;
        if (own > rank) {
            rank = own;
            best = p->text.p[i];
        }
    }
    return best;
}

/* Up to four bytes of which every literal has one. */
static void put_needed(const struct side_build *s, uint32_t from, uint32_t to, struct bfield *f)
{
    uint32_t n = 0;
    for (uint32_t i = from; i < to; i++) {
        uint8_t byte = rarest(&s->all[i].p);
        bool known = n && sp_span_byte(sp_span_of(f->need, n), 0, byte) != SP_NOT_FOUND;
        bool letter = (uint8_t)(sp_lower(byte) - 'a') < 26;
        if ((!known && n == sizeof f->need) || (letter && s->all[i].p.caseless)) /* a letter in either case is two bytes */
            return;
        if (!known)
            f->need[n++] = byte;
    }
    for (uint32_t i = n; i < sizeof f->need; i++)
        f->need[i] = f->need[0];
    f->needs = n;
}

static const char *nul_terminated(struct builder *b, struct sp_span text)
{
    char *copy = sp_arena_get(&b->arena, text.n + 1);
    if (!copy) {
        b->failed = true;
        return "";
    }
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    return copy;
}

/* Expressions are multi-line: values are scanned joined by line breaks, where ^ and $ must hold too. */
static unsigned pattern_flags(const struct pred *p)
{
    unsigned flags = HS_FLAG_SINGLEMATCH | (p->caseless ? HS_FLAG_CASELESS : 0);
    return p->pattern == PAT_REGEX ? flags | HS_FLAG_DOTALL | HS_FLAG_MULTILINE : flags;
}

static void put_database(struct builder *b, struct side_build *s, uint32_t from, uint32_t to, struct bfield *f)
{
    enum db_kind kind = db_kind(&s->all[from].p);
    bool regex = s->all[from].p.pattern == PAT_REGEX;
    const char **texts = calloc(to - from + 1, sizeof *texts);
    size_t *lengths = calloc(to - from + 1, sizeof *lengths);
    unsigned *flags = calloc(to - from + 1, sizeof *flags), n = 0;
    struct bref *postings = calloc(to - from + 1, sizeof *postings);
    b->failed |= !texts || !lengths || !flags || !postings;
    for (uint32_t i = from, j; !b->failed && i < to; i = j, n++) {
        j = run_end(s, i, to);
        texts[n] = nul_terminated(b, s->all[i].p.text);
        lengths[n] = s->all[i].p.text.n;
        flags[n] = pattern_flags(&s->all[i].p);
        postings[n] = put_postings(b, s, i, j, f);
    }
    if (!b->failed && n) {
        f->db[kind] = regex ? block_put_db(b, texts, flags, n) : block_put_literals(b, texts, lengths, flags, n);
        f->patterns[kind] = (struct bref){block_put(b, postings, n * sizeof *postings, 8), n};
    }
    free(texts);
    free(lengths);
    free(flags);
    free(postings);
}

static void put_patterns(struct builder *b, struct side_build *s, uint32_t from, uint32_t to, struct bfield *f)
{
    for (uint32_t i = from, j; i < to; i = j) {
        for (j = i + 1; j < to && db_kind(&s->all[j].p) == db_kind(&s->all[i].p); j++)
            ;
        put_database(b, s, i, j, f);
        if (db_kind(&s->all[i].p) == DB_LITERALS)
            put_needed(s, i, j, f);
    }
}

/* The sorted list that a comparison belongs to, and the limit with <= and >= turned into < and >. */
static struct bref *number_list(struct bfield *f, const struct pred *p, int64_t *ret_limit)
{
    *ret_limit = p->num;
    if (p->cmp == SP_CMP_EQ)
        return &f->equal[p->length];
    if (p->cmp == SP_CMP_GT || p->cmp == SP_CMP_GE) {
        if (p->cmp == SP_CMP_GE && p->num != INT64_MIN)
            *ret_limit = p->num - 1;
        return &f->above[p->length];
    }
    if (p->cmp == SP_CMP_LE && p->num != INT64_MAX)
        *ret_limit = p->num + 1;
    return &f->below[p->length];
}

static int compare_limit(const void *x, const void *y)
{
    return order(((const struct bnum *)x)->limit, ((const struct bnum *)y)->limit);
}

static void put_number_list(struct builder *b, struct side_build *s, uint32_t from, uint32_t to, struct bfield *f, struct bref *list)
{
    struct bnum *nums = calloc(to - from, sizeof *nums);
    uint32_t n = 0;
    int64_t limit;
    b->failed |= !nums;
    for (uint32_t i = from, j; nums && i < to; i = j) {
        j = run_end(s, i, to);
        if (number_list(f, &s->all[i].p, &limit) == list)
            nums[n++] = (struct bnum){limit, put_postings(b, s, i, j, f)};
    }
    if (n) {
        qsort(nums, n, sizeof *nums, compare_limit);
        *list = (struct bref){block_put(b, nums, n * sizeof *nums, 8), n};
    }
    free(nums);
}

static void put_numbers(struct builder *b, struct side_build *s, uint32_t from, uint32_t to, struct bfield *f)
{
    struct bref *lists[] = {&f->above[0], &f->above[1], &f->below[0], &f->below[1], &f->equal[0], &f->equal[1]};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        put_number_list(b, s, from, to, f, lists[i]);
}

static void put_kind(struct builder *b, struct side_build *s, uint32_t from, uint32_t to, struct bfield *f)
{
    switch (s->all[from].p.kind) {
    case PRED_EQ:
        put_equal(b, s, from, to, f);
        break;
    case PRED_PATTERN:
        put_patterns(b, s, from, to, f);
        break;
    case PRED_NUM:
        put_numbers(b, s, from, to, f);
        break;
    case PRED_PRESENT:
        f->present = put_postings(b, s, from, to, f);
        break;
    }
}

void side_finish(struct builder *b, struct side_build *s, const struct sp_proto *proto, struct bside *ret)
{
    struct bfield *fields = calloc(proto->nfields, sizeof *fields);
    s->keys_cap = table_size(s->n);
    s->keys = calloc(s->keys_cap, sizeof *s->keys);
    b->failed |= !fields || !s->keys;
    if (s->n)
        qsort(s->all, s->n, sizeof *s->all, compare_entry);
    for (uint32_t i = 0, j; !b->failed && i < s->n; i = j) {
        for (j = i + 1; j < s->n && s->all[j].p.field == s->all[i].p.field && s->all[j].p.kind == s->all[i].p.kind; j++)
            ;
        put_kind(b, s, i, j, &fields[s->all[i].p.field]);
        sp_bit_set(ret->programmed, s->all[i].p.field);
    }
    if (!b->failed) {
        ret->fields = (struct bref){block_put(b, fields, proto->nfields * sizeof *fields, 8), proto->nfields};
        ret->keys = (struct bref){block_put(b, s->keys, s->keys_cap * sizeof *s->keys, 8), s->keys_cap};
    }
    free(fields);
    free(s->keys);
}
