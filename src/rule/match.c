/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match: a message against the policy. Values are looked up in the index of their field; only rules whose trigger fired are
 * evaluated. All memory is made with the matcher; nothing is cleared for a message but one generation number.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "rule/block.h"

int sp_matcher_new(const struct sp_policy *p, struct sp_matcher **ret)
{
    struct sp_matcher *mt = calloc(1, sizeof *mt);
    if (!mt)
        return -ENOMEM;
    *mt = (struct sp_matcher){.policy = p, .only = UINT32_MAX, .budget = UINT64_MAX};
    mt->seen = calloc(p->nrules + 1, sizeof *mt->seen);
    mt->candidates = calloc(p->nrules + 1, sizeof *mt->candidates);
    mt->found_by = calloc(p->nrules + 1, sizeof *mt->found_by);
    mt->first = calloc(SP_FIELDS_MAX, sizeof *mt->first);
    mt->next = malloc(SP_VALUES_MAX * sizeof *mt->next);
    mt->fixed = calloc(SP_VALUES_MAX, sizeof *mt->fixed);
    mt->join = malloc(JOIN_MAX);
    const uint32_t *dbs = block_at(p, p->scratch_dbs);
    bool ok = mt->seen && mt->candidates && mt->found_by && mt->first && mt->next && mt->fixed && mt->join;
    for (uint32_t i = 0; ok && i < p->nscratch_dbs; i++)
        ok = hs_alloc_scratch(block_at(p, dbs[i]), &mt->scratch) == HS_SUCCESS;
    if (!ok) {
        sp_matcher_free(mt);
        return -ENOMEM;
    }
    *ret = mt;
    return 0;
}

void sp_matcher_free(struct sp_matcher *m)
{
    if (!m)
        return;
    hs_free_scratch(m->scratch);
    free(m->seen);
    free(m->candidates);
    free(m->found_by);
    free(m->first);
    free(m->next);
    free(m->fixed);
    free(m->join);
    free(m);
}

void sp_matcher_only(struct sp_matcher *m, uint32_t rule)
{
    m->only = rule;
}

void sp_matcher_limit(struct sp_matcher *m, uint64_t steps)
{
    m->budget = steps ? steps : UINT64_MAX;
}

static const struct bside *side_of(const struct sp_policy *p, const struct sp_proto *proto, unsigned dir)
{
    uint32_t i = 0;
    while (sp_protos[i] != proto)
        i++;
    return &p->sides[i * 2 + dir];
}

const uint64_t *sp_policy_want(const struct sp_policy *p, const struct sp_proto *proto, enum sp_dir dir)
{
    return side_of(p, proto, dir)->want;
}

const uint64_t *sp_policy_eager(const struct sp_policy *p, const struct sp_proto *proto, enum sp_dir dir)
{
    return side_of(p, proto, dir)->eager;
}

bool sp_policy_by_verb(const struct sp_policy *p, const struct sp_proto *proto, enum sp_dir dir)
{
    return side_of(p, proto, dir)->by_verb;
}

bool sp_policy_heard(const struct sp_policy *p, const struct sp_proto *proto, enum sp_dir dir, struct sp_span verb)
{
    const struct bside *side = side_of(p, proto, dir);
    const struct bfield *f = (const struct bfield *)block_at(p, side->fields.off) + proto->verb;
    const struct beq *table = block_at(p, f->eq.off);
    if (!f->eq.n || !(f->eq_lengths >> (verb.n & 63) & 1))
        return false;
    uint64_t hash = sp_ihash(verb);
    uint32_t i = (uint32_t)hash & (f->eq.n - 1);
    while (table[i].used && (table[i].hash != hash || table[i].value.n != verb.n))
        i = (i + 1) & (f->eq.n - 1);
    return table[i].used;
}

bool sp_policy_idle(const struct sp_policy *p, const struct sp_proto *proto, enum sp_dir dir)
{
    return !side_of(p, proto, dir)->used;
}

/* ---- candidates ---- */

static void candidate(struct sp_matcher *mt, uint32_t rule, unsigned flags)
{
    if (mt->only != UINT32_MAX && mt->only != rule)
        return;
    if (mt->seen[rule] != mt->generation) {
        mt->seen[rule] = mt->generation;
        mt->found_by[rule] = 0;
        mt->candidates[mt->ncandidates++] = rule;
    }
    mt->found_by[rule] |= (uint8_t)flags;
}

/* Postings are sorted by key id: those for any key, and those for this value's key. */
static void post(struct sp_matcher *mt, struct bref ref, uint32_t key)
{
    const struct bposting *list = block_at(mt->policy, ref.off);
    uint32_t i = 0;
    for (; i < ref.n && list[i].key == NO_KEY; i++) {
        if (list[i].flags & mt->post_flags)
            candidate(mt, list[i].rule, list[i].flags);
    }
    if (key == NO_KEY || i == ref.n)
        return;
    uint32_t low = i, high = ref.n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (list[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < ref.n && list[low].key == key; low++) {
        if (list[low].flags & mt->post_flags)
            candidate(mt, list[low].rule, list[low].flags);
    }
}

static uint32_t key_of(const struct sp_matcher *mt, const struct bside *side, const struct bfield *f, const struct sp_value *v)
{
    if (!(f->key_lengths >> (v->key.n & 63) & 1))
        return NO_KEY;
    const struct bkey *keys = block_at(mt->policy, side->keys.off);
    uint64_t hash = sp_ihash(v->key);
    uint32_t i = (uint32_t)hash & (side->keys.n - 1);
    while (keys[i].used) {
        if (keys[i].hash == hash && sp_span_ieq(block_str(mt->policy, keys[i].name), v->key))
            return keys[i].id;
        i = (i + 1) & (side->keys.n - 1);
    }
    return NO_KEY;
}

/* ---- one field's index ---- */

static void find_equal(struct sp_matcher *mt, const struct bfield *f, const struct sp_value *v, uint32_t key)
{
    const struct beq *table = block_at(mt->policy, f->eq.off);
    if (!(f->eq_lengths >> (v->str.n & 63) & 1))
        return;
    uint64_t hash = sp_ihash(v->str);
    for (uint32_t i = (uint32_t)hash & (f->eq.n - 1); table[i].used; i = (i + 1) & (f->eq.n - 1)) {
        if (table[i].hash == hash && table[i].value.n == v->str.n)
            post(mt, table[i].postings, key);
    }
}

static void find_numbers(struct sp_matcher *mt, const struct bfield *f, int64_t number, int which, uint32_t key)
{
    const struct bnum *list = block_at(mt->policy, f->above[which].off);
    for (uint32_t i = 0; i < f->above[which].n && list[i].limit < number; i++)
        post(mt, list[i].postings, key);
    list = block_at(mt->policy, f->below[which].off);
    for (uint32_t i = f->below[which].n; i-- > 0 && list[i].limit > number;)
        post(mt, list[i].postings, key);
    list = block_at(mt->policy, f->equal[which].off);
    for (uint32_t i = 0; i < f->equal[which].n && list[i].limit <= number; i++) {
        if (list[i].limit == number)
            post(mt, list[i].postings, key);
    }
}

struct scan {
    struct sp_matcher *mt;
    const struct bfield *field;
    enum db_kind kind;
    uint32_t key;
    bool hint; /* joined values: that anything was found is enough */
    bool hit;
};

static int on_pattern(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *ctx)
{
    struct scan *s = ctx;
    (void)from, (void)to, (void)flags;
    s->hit = true;
    if (s->hint)
        return 1;
    const struct bref *postings = block_at(s->mt->policy, s->field->patterns[s->kind].off);
    post(s->mt, postings[id], s->key);
    return 0;
}

static void scan_bytes(struct scan *s, struct sp_span bytes)
{
    if (matcher_spend(s->mt, bytes.n))
        scan_span(block_at(s->mt->policy, s->field->db[s->kind]), bytes, s->mt->scratch, on_pattern, s);
}

/* The next value at or behind i that has no other name: patterns for any key need not see a value twice. */
static uint32_t skip_aliases(const struct sp_matcher *mt, uint32_t i)
{
    while (i != UINT32_MAX && mt->msg->values[i].flags & SP_V_ALIAS)
        i = mt->next[i];
    return i;
}

/* Copies the values of a field behind each other, a line break between them; 0: one value alone, or too much. */
static size_t join_values(struct sp_matcher *mt, uint32_t first)
{
    size_t n = 0;
    for (uint32_t i = first; i != UINT32_MAX; i = skip_aliases(mt, mt->next[i])) {
        struct sp_span s = mt->msg->values[i].str;
        if (s.n >= JOIN_MAX - n)
            return 0;
        if (s.n)
            memcpy(mt->join + n, s.p, s.n);
        n += s.n;
        mt->join[n++] = '\n';
    }
    return n;
}

/* Does some value have a byte that the literals need? */
static bool may_have(const struct sp_matcher *mt, const struct bfield *f, uint32_t first)
{
    for (uint32_t i = first; i != UINT32_MAX; i = skip_aliases(mt, mt->next[i])) {
        if (sp_span_has4(mt->msg->values[i].str, f->need))
            return true;
    }
    return false;
}

/* Patterns for any key: all values in one scan, and one by one only when that found something. */
static void find_anywhere(struct sp_matcher *mt, const struct bfield *f, enum db_kind kind, uint32_t first)
{
    struct scan s = {.mt = mt, .field = f, .kind = kind};
    first = skip_aliases(mt, first);
    if (kind == DB_LITERALS && f->needs && !may_have(mt, f, first))
        return;
    size_t joined = mt->next[first] != UINT32_MAX ? join_values(mt, first) : 0;
    s.hint = joined > 0;
    if (joined)
        scan_bytes(&s, sp_span_of(mt->join, joined));
    if (joined && !s.hit)
        return;
    s.hint = false;
    for (uint32_t i = first; i != UINT32_MAX; i = skip_aliases(mt, mt->next[i])) {
        if (mt->msg->values[i].str.n)
            scan_bytes(&s, mt->msg->values[i].str);
    }
}

/* Patterns for certain keys: only values that have one are looked at. */
static void find_keyed(struct sp_matcher *mt, const struct bfield *f, const struct sp_value *v, uint32_t key)
{
    for (enum db_kind kind = DB_KEYED_LITERALS; kind <= DB_KEYED_EXPRESSIONS; kind++) {
        struct scan s = {.mt = mt, .field = f, .kind = kind, .key = key};
        if (f->db[kind] && v->str.n)
            scan_bytes(&s, v->str);
    }
}

static void find_value(struct sp_matcher *mt, const struct bside *side, const struct bfield *f, const struct sp_value *v)
{
    if (!matcher_spend(mt, 1))
        return;
    uint32_t key = key_of(mt, side, f, v);
    if (key != NO_KEY)
        find_keyed(mt, f, v, key);
    if (f->present.n)
        post(mt, f->present, key);
    if (f->eq.n)
        find_equal(mt, f, v, key);
    if (f->above[0].n | f->below[0].n | f->equal[0].n)
        find_numbers(mt, f, v->num, 0, key);
    if (f->above[1].n | f->below[1].n | f->equal[1].n)
        find_numbers(mt, f, (int64_t)v->str.n, 1, key);
}

static bool asks_values(const struct bfield *f)
{
    return f->db[DB_KEYED_LITERALS] | f->db[DB_KEYED_EXPRESSIONS] |
           f->present.n | f->eq.n | f->above[0].n | f->below[0].n |
           f->equal[0].n | f->above[1].n | f->below[1].n | f->equal[1].n;
}

/* Chains the message's values by field, in order. */
static void chain_values(struct sp_matcher *mt, const struct sp_msg *m)
{
    sp_bits_zero(mt->chained, SP_FIELDS_MAX);
    for (uint32_t i = m->nvalues; i-- > 0;) {
        uint16_t field = m->values[i].field;
        mt->next[i] = sp_bit(mt->chained, field) ? mt->first[field] : UINT32_MAX;
        mt->first[field] = i;
        sp_bit_set(mt->chained, field);
    }
}

static void find_candidates(struct sp_matcher *mt, const struct bside *side)
{
    const struct bfield *fields = block_at(mt->policy, side->fields.off);
    for (unsigned w = 0; w < SP_FIELD_WORDS; w++) {
        for (uint64_t bits = mt->chained[w] & side->programmed[w]; bits; bits &= bits - 1) {
            unsigned field = w * 64 + (unsigned)__builtin_ctzll(bits);
            const struct bfield *f = &fields[field];
            for (enum db_kind kind = DB_LITERALS; kind <= DB_EXPRESSIONS; kind++) {
                if (f->db[kind])
                    find_anywhere(mt, f, kind, mt->first[field]);
            }
            for (uint32_t i = asks_values(f) ? mt->first[field] : UINT32_MAX; i != UINT32_MAX; i = mt->next[i])
                find_value(mt, side, f, &mt->msg->values[i]);
        }
    }
}

static void start(struct sp_matcher *mt, const struct sp_proto *proto, const struct sp_msg *m, unsigned flags)
{
    mt->msg = m;
    mt->proto = proto;
    mt->arena = m->arena;
    mt->post_flags = flags;
    mt->unknown = NULL;
    mt->ncandidates = 0;
    mt->steps = 0;
    if (++mt->generation == 0) { /* after four thousand million messages the marks start anew */
        memset(mt->seen, 0, (mt->policy->nrules + 1) * sizeof *mt->seen);
        mt->generation = 1;
    }
    chain_values(mt, m);
}

/* ---- judging ---- */

static const struct brule *rule_at(const struct sp_matcher *mt, uint32_t rule)
{
    return (const struct brule *)block_at(mt->policy, mt->policy->rules) + rule;
}

/* Gravest first, then by number; the least grave one falls out when there are too many. */
static void add_hit(struct sp_matcher *mt, struct sp_verdict *v, uint32_t rule)
{
    uint32_t act = rule_at(mt, rule)->act, i = v->nhits < SP_HITS_MAX ? v->nhits : SP_HITS_MAX;
    for (; i > 0; i--) {
        uint32_t other = v->hits[i - 1].rule, other_act = rule_at(mt, other)->act;
        if (other_act > act || (other_act == act && other < rule))
            break;
        if (i < SP_HITS_MAX)
            v->hits[i] = v->hits[i - 1];
    }
    if (i == SP_HITS_MAX)
        return;
    v->hits[i] = (struct sp_hit){rule, mt->fired};
    v->nhits += v->nhits < SP_HITS_MAX;
}

static int compare_rules(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    return (a > b) - (a < b);
}

/* Candidates that hold become hits; those that correct stay at the front of the candidates, by number. */
static uint32_t judge_candidates(struct sp_matcher *mt, struct sp_verdict *v)
{
    uint32_t ncorrecting = 0;
    for (uint32_t i = 0; i < mt->ncandidates; i++) {
        uint32_t rule = mt->candidates[i];
        const struct brule *r = rule_at(mt, rule);
        if (!(mt->found_by[rule] & POST_JUDGE))
            continue;
        mt->fired = UINT32_MAX;
        if (eval_condition(mt, r->when) != YES || mt->steps > mt->budget)
            continue;
        add_hit(mt, v, rule);
        if (r->act > v->act)
            v->act = (enum sp_act)r->act;
        if (r->act == SP_CORRECT)
            mt->candidates[ncorrecting++] = rule;
    }
    if (ncorrecting > 1)
        qsort(mt->candidates, ncorrecting, sizeof *mt->candidates, compare_rules);
    return ncorrecting;
}

static unsigned refusal_status(const struct sp_matcher *mt, const struct sp_verdict *v)
{
    for (uint32_t i = 0; i < v->nhits; i++) {
        const struct brule *r = rule_at(mt, v->hits[i].rule);
        if (r->act == SP_REFUSE)
            return r->status;
    }
    return 0;
}

static void correct(struct sp_matcher *mt, uint32_t ncorrecting, struct sp_verdict *v)
{
    for (uint32_t i = 0; i < ncorrecting; i++) {
        if (!fix_rule(mt, rule_at(mt, mt->candidates[i]), v)) {
            v->act = SP_REFUSE; /* what cannot be corrected completely must not pass */
            return;
        }
    }
    if (v->nfixes == 0)
        v->act = SP_ALERT; /* it is already as it would be corrected */
}

static void judge(struct sp_matcher *mt, const struct bside *side, struct sp_verdict *ret)
{
    ret->act = SP_PASS;
    ret->over = false;
    ret->status = ret->nhits = ret->nfixes = 0;
    const uint32_t *always = block_at(mt->policy, side->always.off);
    for (uint32_t i = 0; i < side->always.n; i++)
        candidate(mt, always[i], POST_JUDGE);
    uint32_t ncorrecting = judge_candidates(mt, ret);
    ret->over = mt->steps > mt->budget;
    ret->status = refusal_status(mt, ret);
    if (ret->act == SP_CORRECT && !ret->over)
        correct(mt, ncorrecting, ret);
    if (mt->arena->exhausted && ret->act < SP_REFUSE)
        ret->act = SP_REFUSE; /* some function could not be computed: what it would have said is not known */
}

void sp_policy_judge(struct sp_matcher *mt, const struct sp_proto *proto, const struct sp_msg *m, struct sp_verdict *ret)
{
    const struct bside *side = side_of(mt->policy, proto, m->dir);
    start(mt, proto, m, POST_JUDGE);
    find_candidates(mt, side);
    judge(mt, side, ret);
}

/* ---- is the body wanted? ---- */

/* The rule may hold yet; or it holds and corrects, and has to see what else there is to correct. */
static bool body_matters(struct sp_matcher *mt, const struct brule *r, const struct sp_msg *m)
{
    if (!sp_bits_meet(r->body, m->body_fields, SP_FIELDS_MAX))
        return false;
    enum truth t = eval_condition(mt, r->when);
    return t == MAYBE || (t == YES && r->act == SP_CORRECT);
}

static bool ask_for(const struct brule *r, const struct sp_msg *m, uint64_t *ret)
{
    for (unsigned w = 0; w < SP_FIELD_WORDS; w++)
        ret[w] = r->body[w] & m->body_fields[w];
    return sp_bits_any(ret, SP_FIELDS_MAX);
}

/* What would be asked for is not known any more. */
static bool ask_anything(const struct sp_msg *m, uint64_t *ret)
{
    for (unsigned w = 0; w < SP_FIELD_WORDS; w++)
        ret[w] = m->body_fields[w];
    return sp_bits_any(ret, SP_FIELDS_MAX);
}

/* Rules that nothing in the head need trigger: those behind the first GATE_RULES_MAX are not asked, the body is. */
static bool gate_untriggered(struct sp_matcher *mt, const struct bside *side, const struct sp_msg *m, uint64_t *ret)
{
    const uint32_t *rules = block_at(mt->policy, side->ungated.off);
    for (uint32_t i = 0; i < side->ungated.n; i++) {
        const struct brule *r = rule_at(mt, rules[i]);
        if (mt->only != UINT32_MAX && mt->only != rules[i])
            continue;
        if ((i >= GATE_RULES_MAX || body_matters(mt, r, m)) && ask_for(r, m, ret))
            return true;
    }
    return false;
}

bool sp_policy_gate(struct sp_matcher *mt, const struct sp_proto *proto, const struct sp_msg *m, uint64_t *ret)
{
    const struct bside *side = side_of(mt->policy, proto, m->dir);
    sp_bits_zero(ret, SP_FIELDS_MAX);
    start(mt, proto, m, POST_GATE | POST_JUDGE);
    mt->unknown = m->body_fields;
    find_candidates(mt, side);
    mt->scan_steps = mt->steps;
    if (gate_untriggered(mt, side, m, ret))
        return true;
    for (uint32_t i = 0; i < mt->ncandidates; i++) {
        const struct brule *r = rule_at(mt, mt->candidates[i]);
        if ((mt->found_by[mt->candidates[i]] & POST_GATE) && body_matters(mt, r, m))
            return ask_for(r, m, ret);
    }
    return mt->steps > mt->budget && ask_anything(m, ret);
}

void sp_policy_judge_gated(struct sp_matcher *mt, struct sp_verdict *ret)
{
    mt->unknown = NULL;
    mt->steps = mt->scan_steps;
    judge(mt, side_of(mt->policy, mt->proto, mt->msg->dir), ret);
}
