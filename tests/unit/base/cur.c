/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cur.h"

#include "unit.h"

static void reads_both_byte_orders(void **state)
{
    (void)state;
    struct sp_cur c = sp_cur_of(SP_LIT("\x01\x02\x03\x04\x05\x06\x07\x08"));
    assert_int_equal(sp_cur_u24be(&c), 0x010203);
    assert_int_equal(sp_cur_u24le(&c), 0x060504);
    assert_int_equal(sp_cur_u16le(&c), 0x0807);
    assert_true(sp_cur_ok(&c));
    assert_int_equal(sp_cur_left(&c), 0);
}

static void the_first_error_sticks(void **state)
{
    (void)state;
    struct sp_cur c = sp_cur_of(SP_LIT("abc"));
    assert_int_equal(sp_cur_u32be(&c), 0);
    assert_int_equal(c.err, SP_CUR_SHORT);
    sp_cur_fail(&c, SP_CUR_WRONG);
    assert_int_equal(c.err, SP_CUR_SHORT);
    assert_int_equal(sp_cur_u8(&c), 0);
    assert_int_equal(sp_cur_peek(&c), -1);
    assert_int_equal(sp_cur_off(&c), 0);
    assert_span(sp_cur_rest(&c), "");
}

static void a_literal_is_there_or_short_or_wrong(void **state)
{
    (void)state;
    struct sp_cur c = sp_cur_of(SP_LIT("HTTP/1"));
    sp_cur_expect(&c, SP_LIT("HTTP"));
    assert_int_equal(sp_cur_off(&c), 4);
    assert_false(sp_cur_accept(&c, SP_LIT("/1.1")));
    assert_true(sp_cur_ok(&c));
    sp_cur_expect(&c, SP_LIT("/1.1"));
    assert_int_equal(c.err, SP_CUR_SHORT);
    c = sp_cur_of(SP_LIT("HTTP/2"));
    sp_cur_expect(&c, SP_LIT("HTTP/1.1"));
    assert_int_equal(c.err, SP_CUR_WRONG);
}

static void until_moves_past_the_delimiter(void **state)
{
    (void)state;
    struct sp_cur c = sp_cur_of(SP_LIT("a,,b"));
    assert_span(sp_cur_until(&c, ','), "a");
    assert_span(sp_cur_until(&c, ','), "");
    assert_true(sp_cur_ok(&c));
    assert_span(sp_cur_until(&c, ','), "");
    assert_int_equal(c.err, SP_CUR_SHORT);
}

static void taking_more_than_there_is_takes_nothing(void **state)
{
    (void)state;
    struct sp_cur c = sp_cur_of(SP_LIT("abc"));
    assert_int_equal(sp_cur_take(&c, SIZE_MAX).n, 0);
    assert_int_equal(c.err, SP_CUR_SHORT);
    c = sp_cur_of((struct sp_span){NULL, 0});
    assert_span(sp_cur_take(&c, 0), "");
    assert_true(sp_cur_ok(&c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_both_byte_orders),
        cmocka_unit_test(the_first_error_sticks),
        cmocka_unit_test(a_literal_is_there_or_short_or_wrong),
        cmocka_unit_test(until_moves_past_the_delimiter),
        cmocka_unit_test(taking_more_than_there_is_takes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
