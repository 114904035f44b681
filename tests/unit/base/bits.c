/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bits.h"

#include "unit.h"

static void bits_beyond_the_end_do_not_count(void **state)
{
    (void)state;
    uint64_t w[2] = {0, UINT64_C(1) << 10}, all[2] = {UINT64_MAX, UINT64_MAX};
    assert_int_equal(sp_bits_next(w, 74, 0), 74);
    assert_int_equal(sp_bits_next(w, 75, 0), 74);
    assert_int_equal(sp_bits_count(all, 70), 70);
    assert_false(sp_bits_any(w, 74));
    assert_false(sp_bits_meet(w, all, 74));
    assert_true(sp_bits_meet(w, all, 75));
    sp_bits_or(w, all, 3);
    assert_true(w[0] == 7 && w[1] == UINT64_C(1) << 10);
}

static void next_walks_over_words(void **state)
{
    (void)state;
    uint64_t w[3] = {1, 0, UINT64_C(1) << 63};
    assert_int_equal(sp_bits_next(w, 192, 0), 0);
    assert_int_equal(sp_bits_next(w, 192, 1), 191);
    assert_int_equal(sp_bits_next(w, 192, 192), 192);
    assert_int_equal(sp_bits_next(w, 0, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_beyond_the_end_do_not_count),
        cmocka_unit_test(next_walks_over_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
