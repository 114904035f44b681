/* SPDX-License-Identifier: Apache-2.0 */
/* The example of every function holds: what the reference page shows is what happens. */
#include <string.h>

#include "load.h"
#include "unit.h"

enum { EXAMPLE_MAX = 256, MEMORY = 64 << 20 };

static const struct sp_func *function(const char *name)
{
    for (const struct sp_func *f = sp_funcs; f->name; f++) {
        if (!strcmp(f->name, name))
            return f;
    }
    fail_msg("no function %s", name);
    return NULL;
}

static struct sp_fval call(struct sp_arena *a, const char *name, struct sp_span one, struct sp_span two)
{
    struct sp_fval args[2] = {{.str = one}, {.str = two}};
    return function(name)->call(args, a);
}

/* The value of an expression, its only field being `subject`. */
static struct sp_fval value_of(const struct sp_expr *e, struct sp_span subject, struct sp_arena *a)
{
    struct sp_fval args[SP_CALL_ARGS_MAX] = {0};
    switch (e->kind) {
    case SP_EX_FIELD:
        return (struct sp_fval){.str = subject};
    case SP_EX_CALL:
        for (unsigned i = 0; i < e->nargs; i++)
            args[i] = value_of(e->args[i], subject, a);
        return sp_funcs[e->func].call(args, a);
    default:
        return (struct sp_fval){.str = e->str, .num = e->num};
    }
}

static bool holds(const struct sp_expr *e, struct sp_span subject, struct sp_arena *a)
{
    struct sp_fval left = value_of(e->a, subject, a);
    assert_false(left.absent);
    if (e->kind == SP_EX_TRUTH)
        return left.num != 0;
    assert_int_equal(e->kind, SP_EX_CMP);
    assert_int_equal(e->cmp, SP_CMP_EQ);
    struct sp_fval right = value_of(e->b, subject, a);
    return e->a->type == SP_STR ? sp_span_eq(left.str, right.str) : left.num == right.num;
}

/* An example calls with a constant where a rule has a field: the text before the constant, the constant, what follows. */
static void split(const char *example, char rule[EXAMPLE_MAX], struct sp_span *ret_constant)
{
    const char *from = strchr(example, '"'), *to = from;
    assert_non_null(from);
    do
        to += to[1] == '\\' ? 2 : 1;
    while (*to != '"');
    struct sp_buf out = sp_buf_fixed(rule, EXAMPLE_MAX);
    sp_put(&out, sp_span_of(example, (size_t)(from - example)));
    sp_put_str(&out, "http.request.body");
    sp_put_str(&out, to + 1);
    sp_put_byte(&out, 0);
    assert_false(out.full);
    *ret_constant = sp_span_of(from, (size_t)(to - from) + 1);
}

static void every_example_holds(void **state)
{
    (void)state;
    for (const struct sp_func *f = sp_funcs; f->name; f++) {
        char rule[EXAMPLE_MAX], constant[EXAMPLE_MAX];
        struct sp_span written;
        struct load l, k;
        split(f->example, rule, &written);
        struct sp_buf out = sp_buf_fixed(constant, sizeof constant);
        sp_put_fmt(&out, "http.request.body eq %.*s", SP_FMT(written));
        sp_put_byte(&out, 0);
        load_rule(&l, rule, "alert");
        load_rule(&k, constant, "alert");
        if (l.rc || k.rc)
            fail_msg("%s: %.*s", f->example, SP_FMT(sp_buf_span(&l.diag.text)));
        if (!holds(l.set.rules[0]->when, k.set.rules[0]->when->b->str, &l.set.arena))
            fail_msg("%s does not hold", f->example);
        load_fini(&l);
        load_fini(&k);
    }
}

static void the_table_is_whole(void **state)
{
    (void)state;
    for (const struct sp_func *f = sp_funcs; f->name; f++) {
        struct sp_span name = sp_span_str(f->name), example = sp_span_str(f->example);
        assert_true(f->nargs >= 1 && f->nargs <= SP_CALL_ARGS_MAX);
        assert_true(sp_span_starts(sp_span_str(f->signature), name));
        assert_true(sp_span_starts(example, name));
        assert_true(f->doc[strlen(f->doc) - 1] == '.' || f->doc[strlen(f->doc) - 1] == '?');
        assert_ptr_equal(function(f->name), f); /* once */
    }
}

static void what_has_no_value_is_absent(void **state)
{
    (void)state;
    struct sp_arena a;
    assert_int_equal(sp_arena_init(&a, MEMORY), 0);
    struct sp_span none = SP_LIT("");
    assert_true(call(&a, "decode_base64", SP_LIT("a$b"), none).absent);
    assert_true(call(&a, "decode_hex", SP_LIT("abc"), none).absent);
    assert_true(call(&a, "decode_hex", SP_LIT("ag"), none).absent);
    assert_true(call(&a, "to_number", SP_LIT("12x"), none).absent);
    assert_true(call(&a, "to_number", SP_LIT("-"), none).absent);
    assert_true(call(&a, "to_number", none, none).absent);
    assert_true(call(&a, "to_number", SP_LIT("9223372036854775808"), none).absent);
    assert_true(call(&a, "count_of", SP_LIT("abc"), none).absent);
    assert_int_equal(call(&a, "to_number", SP_LIT(" 9223372036854775807 "), none).num, INT64_MAX);
    assert_int_equal(call(&a, "count_of", SP_LIT("aaaaa"), SP_LIT("aa")).num, 2);
    assert_span(call(&a, "decode_hex", none, none).str, "");
    sp_arena_fini(&a);
}

static void substrings_stay_inside(void **state)
{
    (void)state;
    struct sp_arena a;
    assert_int_equal(sp_arena_init(&a, MEMORY), 0);
    struct sp_fval v[3] = {{.str = SP_LIT("abc")}, {.num = 2}, {.num = INT64_MAX}};
    assert_span(function("substring")->call(v, &a).str, "c");
    v[1].num = INT64_MAX;
    assert_span(function("substring")->call(v, &a).str, "");
    v[1].num = -1;
    assert_true(function("substring")->call(v, &a).absent);
    v[1].num = 2, v[2].num = 1;
    assert_true(function("substring")->call(v, &a).absent);
    sp_arena_fini(&a);
}

static void control_characters(void **state)
{
    (void)state;
    struct sp_arena a;
    assert_int_equal(sp_arena_init(&a, MEMORY), 0);
    for (int c = 0; c < 256; c++) {
        uint8_t byte = (uint8_t)c;
        assert_int_equal(call(&a, "has_control", sp_span_of(&byte, 1), SP_LIT("")).num, (c < 0x20 && c != '\t') || c == 0x7f);
    }
    sp_arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_example_holds),
        cmocka_unit_test(the_table_is_whole),
        cmocka_unit_test(what_has_no_value_is_absent),
        cmocka_unit_test(substrings_stay_inside),
        cmocka_unit_test(control_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
