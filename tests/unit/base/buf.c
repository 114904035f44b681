/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include "unit.h"

static void what_does_not_fit_is_not_written_at_all(void **state)
{
    (void)state;
    char room[5];
    struct sp_buf b = sp_buf_fixed(room, sizeof room);
    sp_put(&b, SP_LIT("abc"));
    sp_put(&b, SP_LIT("def"));
    assert_true(b.full);
    sp_put(&b, SP_LIT("g"));
    assert_span(sp_buf_span(&b), "abc");
}

static void growing_ends_at_its_maximum(void **state)
{
    (void)state;
    struct sp_buf b = sp_buf_growing(1000);
    for (int i = 0; i < 2000; i++)
        sp_put_byte(&b, 'x');
    assert_true(b.full);
    assert_int_equal(b.n, 1000);
    sp_buf_fini(&b);
}

static void in_the_arena_the_rest_is_given_back(void **state)
{
    (void)state;
    struct sp_arena a;
    assert_int_equal(sp_arena_init(&a, 4096), 0);
    struct sp_buf b = sp_buf_arena(&a, 4096);
    sp_put_str(&b, "abc");
    assert_span(sp_buf_done(&b, &a), "abc");
    assert_int_equal(a.used, 3);
    b = sp_buf_arena(&a, 4096);
    assert_true(b.full && a.exhausted);
    sp_put_str(&b, "abc");
    assert_span(sp_buf_done(&b, &a), "");
    assert_int_equal(a.used, 3);
    sp_arena_fini(&a);
}

static void numbers_and_formats(void **state)
{
    (void)state;
    struct sp_buf b = sp_buf_growing(1000);
    sp_put_i64(&b, INT64_MIN);
    sp_put_byte(&b, ' ');
    sp_put_i64(&b, 0);
    sp_put_fmt(&b, " %d %.*s", -7, SP_FMT(SP_LIT("span")));
    assert_span(sp_buf_span(&b), "-9223372036854775808 0 -7 span");
    sp_buf_fini(&b);
}

static void json_is_always_valid(void **state)
{
    (void)state;
    struct sp_buf b = sp_buf_growing(1000);
    sp_put_json(&b, SP_LIT("a\"\\\n\x01\x7f h\xc3\xa9 \xff\xc0\xaf"));
    assert_span(sp_buf_span(&b), "a\\\"\\\\\\n\\u0001\\u007f h\xc3\xa9 \\u00ff\\u00c0\\u00af");
    sp_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_fit_is_not_written_at_all),
        cmocka_unit_test(growing_ends_at_its_maximum),
        cmocka_unit_test(in_the_arena_the_rest_is_given_back),
        cmocka_unit_test(numbers_and_formats),
        cmocka_unit_test(json_is_always_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
