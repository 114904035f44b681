/* SPDX-License-Identifier: Apache-2.0 */
/* The matcher agrees with a plain evaluator on random rules and messages, and the gate never gives a body away too early. */
#include "rule/policy.h"

#include <stdio.h>

#include "lang/lang.h"
#include "unit.h"
#include "world.h"

enum {
    POLICIES = 250,
    RULES = 8,     /* a policy */
    MESSAGES = 30, /* a policy */
};

static struct world world;
static struct sp_verdict verdict;

static struct sp_policy *compiled(struct world *w)
{
    struct sp_diag diag;
    struct sp_policy *p = NULL;
    sp_diag_init(&diag);
    int rc = sp_policy_compile(&w->set, &diag, &p);
    if (rc < 0)
        fprintf(stderr, "%.*s", SP_FMT(sp_buf_span(&diag.text)));
    assert_int_equal(rc, 0);
    sp_diag_fini(&diag);
    return p;
}

static void describe(const struct world *w, uint32_t rule, const struct sp_msg *m)
{
    struct sp_buf text = sp_buf_growing(1 << 20);
    sp_put_fmt(&text, "rule %u: ", rule);
    sp_expr_print(w->proto, w->set.rules[rule]->when, &text);
    for (uint32_t i = 0; i < m->nvalues; i++) {
        const struct sp_value *v = &m->values[i];
        sp_put_fmt(&text, "\n# %s[%.*s] = %lld \"", w->proto->fields[v->field].name, SP_FMT(v->key), (long long)v->num);
        sp_put_json(&text, v->str);
        sp_put_str(&text, sp_bit(m->body_fields, v->field) ? "\" (and more)" : "\"");
    }
    fprintf(stderr, "# %.*s\n", SP_FMT(sp_buf_span(&text)));
    sp_buf_fini(&text);
}

static bool is_hit(const struct sp_verdict *v, uint32_t rule)
{
    for (uint32_t i = 0; i < v->nhits; i++) {
        if (v->hits[i].rule == rule)
            return true;
    }
    return false;
}

static void judged_as_plainly(struct world *w, struct sp_matcher *mt, const struct sp_policy *p, const struct sp_msg *m)
{
    struct sp_rule_info info, before = {.act = SP_CLOSE};
    enum sp_act worst = SP_PASS;
    sp_policy_judge(mt, w->proto, m, &verdict);
    for (uint32_t i = 0; i < w->set.nrules; i++) {
        bool holds = plain_holds(w->proto, m, w->set.rules[i]->when);
        sp_policy_rule(p, i, &info);
        if (holds && info.act > worst)
            worst = info.act;
        if (holds != is_hit(&verdict, i))
            describe(w, i, m);
        assert_int_equal(holds, is_hit(&verdict, i));
    }
    assert_int_equal(verdict.act, worst);
    for (uint32_t i = 0; i < verdict.nhits; i++, before = info) {
        sp_policy_rule(p, verdict.hits[i].rule, &info);
        assert_true(info.act <= before.act);
        if (i && info.act == before.act)
            assert_true(verdict.hits[i - 1].rule < verdict.hits[i].rule);
        assert_true(verdict.hits[i].value == UINT32_MAX || verdict.hits[i].value < m->nvalues);
    }
}

static void judged_alone(struct world *w, struct sp_matcher *mt, const struct sp_msg *m)
{
    for (uint32_t i = 0; i < w->set.nrules; i++) {
        sp_matcher_only(mt, i);
        sp_policy_judge(mt, w->proto, m, &verdict);
        assert_int_equal(verdict.nhits, plain_holds(w->proto, m, w->set.rules[i]->when));
    }
    sp_matcher_only(mt, UINT32_MAX);
}

static void random_rules_on_random_messages(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= POLICIES; seed++) {
        struct sp_matcher *mt;
        world_init(&world, seed);
        world_rules(&world, RULES);
        struct sp_policy *p = compiled(&world);
        assert_int_equal(sp_matcher_new(p, &mt), 0);
        for (uint32_t i = 0; i < MESSAGES; i++) {
            struct sp_msg head = world_head(&world);
            struct sp_msg whole = world_whole(&world, &head);
            judged_as_plainly(&world, mt, p, &whole);
            if (i == 0)
                judged_alone(&world, mt, &whole);
        }
        sp_matcher_free(mt);
        sp_policy_free(p);
        world_fini(&world);
    }
}

/* When the body is given away, every rule says of the head what it would say of the whole, whatever the body is. */
static void gate_waits_when_it_matters(void **state)
{
    (void)state;
    uint32_t closed = 0, open = 0;
    for (uint32_t seed = 1; seed <= POLICIES; seed++) {
        struct sp_matcher *mt;
        uint64_t wanted[SP_FIELD_WORDS];
        world_init(&world, seed + POLICIES);
        world_rules(&world, 1 + seed % 2);
        struct sp_policy *p = compiled(&world);
        assert_int_equal(sp_matcher_new(p, &mt), 0);
        for (uint32_t i = 0; i < 4 * MESSAGES; i++) {
            struct sp_msg head = world_head(&world);
            if (sp_policy_gate(mt, world.proto, &head, wanted)) {
                for (uint32_t k = 0; k < SP_FIELD_WORDS; k++)
                    assert_true((wanted[k] & ~head.body_fields[k]) == 0);
                assert_true(sp_bits_any(wanted, SP_FIELDS_MAX));
                closed++;
                continue;
            }
            open++;
            for (uint32_t body = 0; body < 20; body++) {
                struct sp_msg whole = world_whole(&world, &head);
                for (uint32_t r = 0; r < world.set.nrules; r++) {
                    bool before = plain_holds(world.proto, &head, world.set.rules[r]->when);
                    bool after = plain_holds(world.proto, &whole, world.set.rules[r]->when);
                    if (before != after)
                        describe(&world, r, &whole);
                    assert_int_equal(before, after);
                }
            }
        }
        sp_matcher_free(mt);
        sp_policy_free(p);
        world_fini(&world);
    }
    assert_true(open > POLICIES * MESSAGES / 4 && closed > POLICIES * MESSAGES / 4);
}

static uint32_t hits(struct world *w, const struct sp_msg *m)
{
    struct sp_matcher *mt;
    struct sp_policy *p = compiled(w);
    assert_int_equal(sp_matcher_new(p, &mt), 0);
    judged_as_plainly(w, mt, p, m);
    sp_matcher_free(mt);
    sp_policy_free(p);
    return verdict.nhits;
}

/* A field's literals share what is known of their bytes: one that ignores case must not be taken for one that does not. */
static void literals_of_either_case(void **state)
{
    (void)state;
    world_init(&world, 1);
    struct sp_expr *exact = world_compare(&world, SP_CMP_CONTAINS, world_field(&world, SP_HTTP_PATH, NULL), world_text(&world, SP_LIT("ab")));
    struct sp_expr *lower = world_call(&world, "lower", world_field(&world, SP_HTTP_PATH, NULL), NULL);
    world_rule(&world, exact, SP_DO_REFUSE);
    world_rule(&world, world_compare(&world, SP_CMP_CONTAINS, lower, world_text(&world, SP_LIT("ba"))), SP_DO_REFUSE);
    struct sp_msg m = {.dir = SP_C2S, .want = world.want, .arena = &world.arena, .values = world.values};
    world_value(&world, &m, SP_HTTP_PATH, SP_LIT(""), SP_LIT("/BA"), 0);
    assert_int_equal(hits(&world, &m), 1);
    world_fini(&world);
}

/* Values are scanned joined by line breaks: what an expression says of the ends of a value must hold there as well. */
static void ends_of_joined_values(void **state)
{
    (void)state;
    static const char *const patterns[] = {"(?-m)^[b-d]b$", "(?-m:^[b-d])b$"};
    world_init(&world, 1);
    for (size_t i = 0; i < 2; i++) {
        struct sp_expr *field = world_field(&world, SP_HTTP_QARGS, NULL);
        world_rule(&world, world_compare(&world, SP_CMP_MATCHES, field, world_text(&world, sp_span_str(patterns[i]))), SP_DO_REFUSE);
    }
    struct sp_msg m = {.dir = SP_C2S, .want = world.want, .arena = &world.arena, .values = world.values};
    world_value(&world, &m, SP_HTTP_QARGS, SP_LIT("a"), SP_LIT("x"), 0);
    world_value(&world, &m, SP_HTTP_QARGS, SP_LIT("b"), SP_LIT("bb"), 0);
    world_value(&world, &m, SP_HTTP_QARGS, SP_LIT("c"), SP_LIT("y"), 0);
    assert_int_equal(hits(&world, &m), 2);
    world_fini(&world);
}

static struct sp_span member(struct sp_arena *a, unsigned i)
{
    struct sp_buf out = sp_buf_arena(a, 16);
    sp_put_fmt(&out, "m%05u", i);
    return sp_buf_done(&out, a);
}

/* Every member of a list that is too long for triggers is found, as it is written, and nothing else. */
static void long_lists(void **state)
{
    (void)state;
    enum { MEMBERS = 20000 };
    world_init(&world, 1);
    struct sp_expr *list = world_expr(&world, SP_EX_LIST, SP_STR);
    list->items = sp_arena_get(&world.set.arena, MEMBERS * sizeof *list->items);
    for (unsigned i = 0; i < MEMBERS; i++)
        list->items[list->nitems++] = world_text(&world, member(&world.set.arena, 2 * i));
    struct sp_expr *in = world_compare(&world, SP_CMP_IN, world_field(&world, SP_HTTP_PATH, NULL), list);
    world_rule(&world, in, SP_DO_REFUSE);
    struct sp_policy *p = compiled(&world);
    struct sp_matcher *mt;
    assert_int_equal(sp_matcher_new(p, &mt), 0);
    for (unsigned i = 0; i < 2 * MEMBERS; i++) {
        struct sp_msg m = {.dir = SP_C2S, .want = world.want, .arena = &world.arena, .values = world.values};
        struct sp_span text = member(&world.arena, i);
        world_value(&world, &m, SP_HTTP_PATH, SP_LIT(""), i % 3 ? text : sp_text_upper(text, &world.arena), 0);
        sp_policy_judge(mt, world.proto, &m, &verdict);
        assert_int_equal(verdict.nhits, i % 2 == 0 && i % 3);
    }
    sp_matcher_free(mt);
    sp_policy_free(p);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_lists),
        cmocka_unit_test(random_rules_on_random_messages),
        cmocka_unit_test(gate_waits_when_it_matters),
        cmocka_unit_test(literals_of_either_case),
        cmocka_unit_test(ends_of_joined_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
