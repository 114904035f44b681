/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

static void nothing_is_found_beyond_the_end(void **state)
{
    (void)state;
    assert_int_equal(sp_span_find(SP_LIT("abc"), 4, SP_LIT("")), SP_NOT_FOUND);
    assert_int_equal(sp_span_find(SP_LIT("abc"), 3, SP_LIT("")), 3);
    assert_int_equal(sp_span_ifind(SP_LIT("abc"), SIZE_MAX, SP_LIT("a")), SP_NOT_FOUND);
    assert_int_equal(sp_span_byte(SP_LIT("abc"), SIZE_MAX, 'a'), SP_NOT_FOUND);
    assert_span(sp_span_sub(SP_LIT("abc"), SIZE_MAX, SIZE_MAX), "");
    assert_span(sp_span_sub(SP_LIT("abc"), 1, SIZE_MAX), "bc");
    assert_int_equal(sp_span_at(SP_LIT("abc"), SIZE_MAX), -1);
}

static void the_empty_span_needs_no_address(void **state)
{
    (void)state;
    struct sp_span none = {NULL, 0};
    assert_true(sp_span_eq(none, SP_LIT("")));
    assert_true(sp_span_ieq(none, none));
    assert_true(sp_span_starts(SP_LIT("a"), none));
    assert_true(sp_span_iends(none, none));
    assert_int_equal(sp_span_cmp(none, SP_LIT("a")), -1);
    assert_int_equal(sp_span_find(none, 0, none), 0);
    assert_int_equal(sp_span_find(none, 0, SP_LIT("a")), SP_NOT_FOUND);
    assert_int_equal(sp_span_trim(none).n, 0);
}

static void only_letters_are_folded(void **state)
{
    (void)state;
    assert_true(sp_span_ieq(SP_LIT("Host"), SP_LIT("hOST")));
    assert_false(sp_span_ieq(SP_LIT("a[b"), SP_LIT("a{b")));
    assert_false(sp_span_ieq(SP_LIT("@"), SP_LIT("`")));
    assert_false(sp_span_ieq(SP_LIT("\xc1"), SP_LIT("\xe1")));
}

static void bytes_compare_unsigned(void **state)
{
    (void)state;
    assert_true(sp_span_cmp(SP_LIT("\x7f"), SP_LIT("\x80")) < 0);
    assert_true(sp_span_cmp(SP_LIT("ab"), SP_LIT("a")) > 0);
}

static void numbers_stop_at_64_bits(void **state)
{
    (void)state;
    uint64_t v = 5;
    assert_true(sp_span_u64(SP_LIT("18446744073709551615"), &v));
    assert_true(v == UINT64_MAX);
    v = 5;
    assert_false(sp_span_u64(SP_LIT("18446744073709551616"), &v));
    assert_false(sp_span_u64(SP_LIT(""), &v));
    assert_false(sp_span_u64(SP_LIT("+1"), &v));
    assert_false(sp_span_u64(SP_LIT("1 "), &v));
    assert_false(sp_span_hex64(SP_LIT("10000000000000000"), &v));
    assert_false(sp_span_hex64(SP_LIT("0x1"), &v));
    assert_int_equal(v, 5);
    assert_true(sp_span_hex64(SP_LIT("00000000000000000fF"), &v));
    assert_int_equal(v, 255);
}

static void controls_are_counted_in_long_texts(void **state)
{
    (void)state;
    static uint8_t text[20000];
    size_t cr = 0;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 2 ? '\r' : '\x01';
    assert_int_equal(sp_span_controls(sp_span_of(text, sizeof text), &cr), sizeof text / 2);
    assert_int_equal(cr, sizeof text / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_found_beyond_the_end),
        cmocka_unit_test(the_empty_span_needs_no_address),
        cmocka_unit_test(only_letters_are_folded),
        cmocka_unit_test(bytes_compare_unsigned),
        cmocka_unit_test(numbers_stop_at_64_bits),
        cmocka_unit_test(controls_are_counted_in_long_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
