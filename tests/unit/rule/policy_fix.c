/* SPDX-License-Identifier: Apache-2.0 */
/* Corrections: which values, what they become, and what happens when there are too many of anything. */
#include <errno.h>
#include <string.h>

#include "rule/policy.h"

#include "unit.h"
#include "world.h"

static struct world world;
static struct sp_verdict verdict;
static struct sp_value many[SP_VALUES_MAX];
static struct sp_msg msg;

static int setup(void **state)
{
    (void)state;
    world_init(&world, 1);
    memset(&msg, 0, sizeof msg);
    msg.want = world.want;
    msg.arena = &world.arena;
    msg.values = world.values;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_fini(&world);
    return 0;
}

static struct sp_policy *compiled(void)
{
    struct sp_diag diag;
    struct sp_policy *p = NULL;
    sp_diag_init(&diag);
    assert_int_equal(sp_policy_compile(&world.set, &diag, &p), 0);
    sp_diag_fini(&diag);
    return p;
}

static void judge(void)
{
    struct sp_matcher *mt;
    struct sp_policy *p = compiled();
    assert_int_equal(sp_matcher_new(p, &mt), 0);
    sp_policy_judge(mt, world.proto, &msg, &verdict);
    sp_matcher_free(mt);
    sp_policy_free(p);
}

static void arg(const char *key, const char *value)
{
    world_value(&world, &msg, SP_HTTP_QARGS, sp_span_str(key), sp_span_str(value), 0);
}

static struct sp_expr *args(const char *key)
{
    return world_field(&world, SP_HTTP_QARGS, key);
}

static struct sp_expr *text(const char *s)
{
    return world_text(&world, sp_span_str(s));
}

static struct sp_expr *path_is(const char *s)
{
    return world_compare(&world, SP_CMP_EQ, world_field(&world, SP_HTTP_PATH, NULL), text(s));
}

static struct sp_rule *correction(struct sp_expr *when, enum sp_action_kind kind, struct sp_expr *target, struct sp_expr *value)
{
    struct sp_rule *r = world_rule(&world, when, kind);
    r->actions[0].target = target;
    r->actions[0].value = value;
    return r;
}

static void fixed(uint32_t i, uint32_t value, const char *to)
{
    assert_int_equal(verdict.act, SP_CORRECT);
    assert_true(i < verdict.nfixes);
    assert_int_equal(verdict.fixes[i].value, value);
    assert_int_equal(verdict.fixes[i].op, to ? SP_FIX_SET : SP_FIX_REMOVE);
    if (to)
        assert_true(sp_span_eq(verdict.fixes[i].to, sp_span_str(to)));
}

/* ---- which values ---- */

static void values_that_made_it_hold(void **state)
{
    (void)state;
    correction(world_compare(&world, SP_CMP_MATCHES, args("id"), text("[^0-9]")), SP_DO_REMOVE, args("id"), NULL);
    arg("id", "1"), arg("id", "1x"), arg("other", "x"), arg("id", "x");
    judge();
    assert_int_equal(verdict.nfixes, 2);
    fixed(0, 1, NULL);
    fixed(1, 3, NULL);
}

static void values_of_which_all_is_said(void **state)
{
    (void)state;
    struct sp_expr *both = world_join(&world, SP_EX_AND, world_compare(&world, SP_CMP_CONTAINS, args(NULL), text("a")),
                                      world_compare(&world, SP_CMP_CONTAINS, args(NULL), text("b")));
    correction(world_join(&world, SP_EX_ANY, both, NULL), SP_DO_SET, args(NULL), text(""));
    arg("x", "a"), arg("y", "ab"), arg("z", "b");
    judge();
    assert_int_equal(verdict.nfixes, 1);
    fixed(0, 1, "");
}

static void all_values_when_none_made_it_hold(void **state)
{
    (void)state;
    struct sp_expr *other = world_compare(&world, SP_CMP_CONTAINS, args("id"), text("zz"));
    correction(world_join(&world, SP_EX_OR, path_is("/p"), other), SP_DO_REMOVE, args("id"), NULL);
    world_value(&world, &msg, SP_HTTP_PATH, SP_LIT(""), SP_LIT("/p"), 0);
    arg("id", "1"), arg("x", "2"), arg("id", "3");
    judge();
    assert_int_equal(verdict.nfixes, 2);
    fixed(0, 1, NULL);
    fixed(1, 3, NULL);
}

static void alias(const char *key, const char *value)
{
    arg(key, value);
    msg.values[msg.nvalues - 1].flags = SP_V_ALIAS;
}

/* An alias is found by its own name, and what is corrected is the value behind it, once. */
static void values_behind_their_aliases(void **state)
{
    (void)state;
    correction(world_compare(&world, SP_CMP_MATCHES, args("id"), text("[^0-9]")), SP_DO_REMOVE, args("id"), NULL);
    correction(world_compare(&world, SP_CMP_MATCHES, args(NULL), text("y")), SP_DO_REMOVE, args("id"), NULL);
    alias("id", "1"), arg(" id", "1"), alias("id", "xy"), arg("id.", "xy"), arg("i", "y"), arg("id", "x");
    judge();
    assert_int_equal(verdict.nhits, 2);
    assert_int_equal(verdict.nfixes, 2);
    fixed(0, 3, NULL);
    fixed(1, 5, NULL);
}

static void aliases_are_not_counted_without_a_name(void **state)
{
    (void)state;
    struct sp_expr *count = args(NULL);
    count->kind = SP_EX_COUNT;
    count->type = SP_NUM;
    correction(world_compare(&world, SP_CMP_GT, count, world_number(&world, 2)), SP_DO_REMOVE, args("id"), NULL);
    alias("id", "1"), arg("id.", "1"), arg("x", "2");
    judge();
    assert_int_equal(verdict.act, SP_PASS);
    arg("x", "3");
    judge();
    assert_int_equal(verdict.nfixes, 1);
    fixed(0, 1, NULL);
}

static void nothing_to_correct_is_told(void **state)
{
    (void)state;
    correction(path_is("/p"), SP_DO_REMOVE, args("id"), NULL);
    world_value(&world, &msg, SP_HTTP_PATH, SP_LIT(""), SP_LIT("/p"), 0);
    judge();
    assert_int_equal(verdict.act, SP_ALERT);
    assert_int_equal(verdict.nhits, 1);
}

/* ---- what they become ---- */

static void replaced_parts(void **state)
{
    (void)state;
    correction(world_compare(&world, SP_CMP_MATCHES, args(NULL), text("a+b|cc")), SP_DO_REPLACE, args(NULL), text("-"));
    arg("", "xaab.ab.accc"), arg("", "none"), arg("", "ab");
    judge();
    assert_int_equal(verdict.nfixes, 2);
    fixed(0, 0, "x-.-.a-c");
    fixed(1, 2, "-");
}

static void replaced_literals_in_any_case(void **state)
{
    (void)state;
    struct sp_expr *names = world_field(&world, SP_HTTP_HEADERS_NAMES, NULL); /* ignores case */
    correction(world_compare(&world, SP_CMP_CONTAINS, names, text("a.b")), SP_DO_REPLACE, world_field(&world, SP_HTTP_HEADERS_NAMES, NULL), text(""));
    world_value(&world, &msg, SP_HTTP_HEADERS_NAMES, SP_LIT(""), SP_LIT("xA.Byaxb"), 0);
    judge();
    fixed(0, 0, "xyaxb");
}

static void truncated_and_set_by_a_function(void **state)
{
    (void)state;
    struct sp_rule *r = correction(path_is("/p"), SP_DO_TRUNCATE, args("a"), NULL);
    r->actions[0].to = 3;
    r->actions[1] = (struct sp_action){.kind = SP_DO_SET, .target = args("b"), .value = world_call(&world, "lower", args("b"), NULL)};
    r->nactions = 2;
    world_value(&world, &msg, SP_HTTP_PATH, SP_LIT(""), SP_LIT("/p"), 0);
    arg("a", "12345"), arg("a", "123"), arg("b", "ABC"), arg("b", "abc");
    judge();
    assert_int_equal(verdict.nfixes, 2); /* what is as it should be stays untouched */
    fixed(0, 1, "123");
    fixed(1, 3, "abc");
}

static void clamped(void **state)
{
    (void)state;
    struct sp_expr *status = world_field(&world, SP_HTTP_RSP_STATUS, NULL);
    struct sp_rule *r = correction(world_compare(&world, SP_CMP_GT, status, world_number(&world, 599)), SP_DO_CLAMP, status, NULL);
    r->dir = SP_S2C;
    r->actions[0].from = 100;
    r->actions[0].to = 599;
    msg.dir = SP_S2C;
    world_value(&world, &msg, SP_HTTP_RSP_STATUS, SP_LIT(""), SP_LIT(""), 1000);
    judge();
    assert_int_equal(verdict.nfixes, 1);
    fixed(0, 0, "599");
}

/* The rules' order decides, not that in which their triggers are found; a removal is final. */
static void several_rules_on_one_value(void **state)
{
    (void)state;
    struct sp_rule *cut = correction(world_compare(&world, SP_CMP_GT, world_call(&world, "len", args("a"), NULL), world_number(&world, 6)),
                                     SP_DO_TRUNCATE, args("a"), NULL);
    cut->actions[0].to = 6;
    correction(world_compare(&world, SP_CMP_CONTAINS, args("a"), text("yy")), SP_DO_REPLACE, args("a"), text(""));
    correction(world_compare(&world, SP_CMP_EQ, args("b"), text("1")), SP_DO_REMOVE, args("b"), NULL);
    correction(world_compare(&world, SP_CMP_CONTAINS, args("b"), text("1")), SP_DO_SET, args("b"), text("2"));
    arg("a", "xxyyzzyy"), arg("b", "1");
    judge();
    assert_int_equal(verdict.nfixes, 2);
    fixed(0, 0, "xxzz");
    fixed(1, 1, NULL);
}

/* ---- limits ---- */

static void more_than_can_be_corrected_is_refused(void **state)
{
    (void)state;
    correction(world_compare(&world, SP_CMP_CONTAINS, args(NULL), text("evil")), SP_DO_REMOVE, args(NULL), NULL);
    msg.values = many;
    for (uint32_t i = 0; i <= SP_FIXES_MAX; i++)
        many[msg.nvalues++] = (struct sp_value){.field = SP_HTTP_QARGS, .str = SP_LIT("evil")};
    judge();
    assert_int_equal(verdict.act, SP_REFUSE);
    msg.nvalues = SP_FIXES_MAX;
    judge();
    assert_int_equal(verdict.act, SP_CORRECT);
    assert_int_equal(verdict.nfixes, SP_FIXES_MAX);
}

static void graver_than_a_correction(void **state)
{
    (void)state;
    correction(world_compare(&world, SP_CMP_CONTAINS, args(NULL), text("evil")), SP_DO_REMOVE, args(NULL), NULL);
    world_rule(&world, path_is("/p"), SP_DO_REFUSE)->actions[0].status = 404;
    world_rule(&world, path_is("/p"), SP_DO_REFUSE)->actions[0].status = 500;
    world_value(&world, &msg, SP_HTTP_PATH, SP_LIT(""), SP_LIT("/p"), 0);
    arg("", "evil");
    judge();
    assert_int_equal(verdict.act, SP_REFUSE);
    assert_int_equal(verdict.status, 404);
    assert_int_equal(verdict.nfixes, 0);
    assert_int_equal(verdict.nhits, 3);
    assert_int_equal(verdict.hits[0].rule, 1);
    assert_int_equal(verdict.hits[2].rule, 0);
}

static void the_gravest_hits_are_kept(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 3 * SP_HITS_MAX; i++)
        world_rule(&world, path_is("/p"), i == 150 ? SP_DO_CLOSE : i % 2 ? SP_DO_REFUSE : SP_DO_ALERT);
    world_value(&world, &msg, SP_HTTP_PATH, SP_LIT(""), SP_LIT("/p"), 0);
    judge();
    assert_int_equal(verdict.act, SP_CLOSE);
    assert_int_equal(verdict.nhits, SP_HITS_MAX);
    assert_int_equal(verdict.hits[0].rule, 150);
    for (uint32_t i = 1; i < SP_HITS_MAX; i++)
        assert_int_equal(verdict.hits[i].rule, 2 * i - 1);
}

/* Every value of a full message, and more bytes of one field than are scanned at once. */
static void the_last_of_many_values(void **state)
{
    (void)state;
    static uint8_t long_text[1 << 20];
    memset(long_text, 'x', sizeof long_text);
    world_rule(&world, world_compare(&world, SP_CMP_CONTAINS, args(NULL), text("evil")), SP_DO_REFUSE);
    world_rule(&world, world_compare(&world, SP_CMP_MATCHES, args("k"), text("^[d-f]v.l$")), SP_DO_REFUSE);
    msg.values = many;
    for (uint32_t i = 0; i < SP_VALUES_MAX; i++)
        many[i] = (struct sp_value){.field = SP_HTTP_QARGS, .str = sp_span_of(long_text, i % 64)};
    many[SP_VALUES_MAX / 2].str.n = sizeof long_text;
    many[SP_VALUES_MAX - 1].str = SP_LIT("evil");
    many[SP_VALUES_MAX - 1].key = SP_LIT("k");
    msg.nvalues = SP_VALUES_MAX;
    judge();
    assert_int_equal(verdict.nhits, 2);
    assert_int_equal(verdict.hits[0].value, SP_VALUES_MAX - 1);
    memcpy(long_text + sizeof long_text - 4, "evil", 4);
    msg.nvalues = SP_VALUES_MAX - 1;
    judge();
    assert_int_equal(verdict.nhits, 1);
    assert_int_equal(verdict.hits[0].value, SP_VALUES_MAX / 2);
}

/* A function that ran out of memory has not said no. */
static void what_cannot_be_computed_is_refused(void **state)
{
    (void)state;
    world_rule(&world, world_compare(&world, SP_CMP_CONTAINS, world_call(&world, "concat", args("a"), text("b")), text("evil")), SP_DO_ALERT);
    arg("a", "harmless");
    judge();
    assert_int_equal(verdict.act, SP_PASS);
    (void)sp_arena_get(&world.arena, world.arena.max - 8 - world.arena.used);
    judge();
    assert_int_equal(verdict.act, SP_REFUSE);
}

static void large_sets_and_the_ends_of_numbers(void **state)
{
    (void)state;
    static char words[4000][8];
    struct sp_expr *set = world_expr(&world, SP_EX_LIST, SP_STR), *length = world_field(&world, SP_HTTP_CONTENT_LENGTH, NULL);
    set->nitems = 4000;
    set->items = sp_arena_get(&world.set.arena, set->nitems * sizeof(struct sp_expr *));
    for (uint32_t i = 0; i < set->nitems; i++) {
        struct sp_buf word = sp_buf_fixed(words[i], sizeof words[i]);
        sp_put_fmt(&word, "w%u", i);
        set->items[i] = world_text(&world, sp_buf_span(&word));
    }
    world_rule(&world, world_compare(&world, SP_CMP_IN, args("a"), set), SP_DO_ALERT);
    world_rule(&world, world_compare(&world, SP_CMP_GE, length, world_number(&world, INT64_MIN)), SP_DO_ALERT);
    world_rule(&world, world_compare(&world, SP_CMP_LE, length, world_number(&world, INT64_MIN)), SP_DO_ALERT);
    world_rule(&world, world_compare(&world, SP_CMP_LT, length, world_number(&world, INT64_MIN)), SP_DO_ALERT);
    arg("a", "w3999");
    world_value(&world, &msg, SP_HTTP_CONTENT_LENGTH, SP_LIT(""), SP_LIT(""), INT64_MIN);
    judge();
    assert_int_equal(verdict.nhits, 3);
}

/* The mistake names the rule. */
static void what_cannot_be_compiled_is_told(void **state)
{
    (void)state;
    struct sp_diag diag;
    struct sp_policy *p = NULL;
    struct sp_rule *r = correction(world_compare(&world, SP_CMP_MATCHES, args(NULL), text("(a)\\1")), SP_DO_REPLACE,
                                   args(NULL), text(""));
    r->file = "some.yaml";
    r->line = 17;
    sp_diag_init(&diag);
    assert_int_equal(sp_policy_compile(&world.set, &diag, &p), -EINVAL);
    assert_null(p);
    assert_int_equal(diag.errors, 1);
    assert_true(sp_span_starts(sp_buf_span(&diag.text), SP_LIT("some.yaml:17: error: cannot compile")));
    sp_diag_fini(&diag);
}

/* ---- the gate and corrections ---- */

static bool gate(void)
{
    struct sp_matcher *mt;
    uint64_t wanted[SP_FIELD_WORDS];
    struct sp_policy *p = compiled();
    assert_int_equal(sp_matcher_new(p, &mt), 0);
    bool waits = sp_policy_gate(mt, world.proto, &msg, wanted);
    sp_matcher_free(mt);
    sp_policy_free(p);
    return waits;
}

/* A rule that holds by the head alone still has to see the body when that is what it corrects. */
static void corrections_wait_for_the_body(void **state)
{
    (void)state;
    correction(path_is("/p"), SP_DO_REMOVE, world_field(&world, SP_HTTP_ARGS, "x"), NULL);
    world_value(&world, &msg, SP_HTTP_PATH, SP_LIT(""), SP_LIT("/p"), 0);
    sp_bit_set(msg.body_fields, SP_HTTP_ARGS);
    assert_true(gate());
    msg.values[0].str = SP_LIT("/q");
    assert_false(gate());
}

/* "Small bodies only" keeps large ones flowing, although no predicate of the head triggers the rule. */
static void the_head_can_rule_a_rule_out(void **state)
{
    (void)state;
    struct sp_expr *large = world_compare(&world, SP_CMP_GT, world_field(&world, SP_HTTP_CONTENT_LENGTH, NULL), world_number(&world, 8000));
    struct sp_expr *evil = world_compare(&world, SP_CMP_CONTAINS, world_field(&world, SP_HTTP_BODY, NULL), text("evil"));
    world_rule(&world, world_join(&world, SP_EX_AND, world_join(&world, SP_EX_NOT, large, NULL), evil), SP_DO_REFUSE);
    world_value(&world, &msg, SP_HTTP_CONTENT_LENGTH, SP_LIT(""), SP_LIT(""), 8001);
    sp_bit_set(msg.body_fields, SP_HTTP_BODY);
    assert_false(gate());
    msg.values[0].num = 8000;
    assert_true(gate());
    msg.nvalues = 0;
    assert_true(gate());
    sp_bits_zero(msg.body_fields, SP_FIELDS_MAX);
    assert_false(gate());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_that_made_it_hold),
        TEST(values_of_which_all_is_said),
        TEST(all_values_when_none_made_it_hold),
        TEST(values_behind_their_aliases),
        TEST(aliases_are_not_counted_without_a_name),
        TEST(nothing_to_correct_is_told),
        TEST(replaced_parts),
        TEST(replaced_literals_in_any_case),
        TEST(truncated_and_set_by_a_function),
        TEST(clamped),
        TEST(several_rules_on_one_value),
        TEST(more_than_can_be_corrected_is_refused),
        TEST(graver_than_a_correction),
        TEST(the_gravest_hits_are_kept),
        TEST(the_last_of_many_values),
        TEST(what_cannot_be_computed_is_refused),
        TEST(large_sets_and_the_ends_of_numbers),
        TEST(what_cannot_be_compiled_is_told),
        TEST(corrections_wait_for_the_body),
        TEST(the_head_can_rule_a_rule_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
