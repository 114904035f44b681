/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <string.h>
#include <sys/mman.h>

#include "unit.h"

enum { BIG = 8 << 20, PAGE = 4096 };

static void big_ones_give_their_pages_back(void **state)
{
    (void)state;
    struct sp_arena a;
    assert_int_equal(sp_arena_init(&a, BIG), 0);
    uint8_t *p = sp_arena_get(&a, BIG);
    assert_non_null(p);
    memset(p, 1, BIG);
    sp_arena_reset(&a);
    unsigned char resident[BIG / PAGE];
    size_t n = 0;
    assert_int_equal(mincore(a.base, BIG, resident), 0);
    for (size_t i = 0; i < sizeof resident; i++)
        n += resident[i] & 1;
    assert_true(n * PAGE <= 256 << 10);
    sp_arena_fini(&a);
}

static void small_ones_stay_where_they_are(void **state)
{
    (void)state;
    struct sp_arena a;
    assert_int_equal(sp_arena_init(&a, BIG), 0);
    memset(sp_arena_get(&a, 100), 7, 100);
    sp_arena_reset(&a);
    const uint8_t *again = sp_arena_get(&a, 100);
    assert_int_equal(again[99], 7);
    sp_arena_fini(&a);
}

static void more_than_there_is_address_space_is_an_error(void **state)
{
    (void)state;
    struct sp_arena a;
    assert_true(sp_arena_init(&a, SIZE_MAX / 2) < 0);
}

static void exhaustion_is_forgotten_by_reset(void **state)
{
    (void)state;
    struct sp_arena a;
    assert_int_equal(sp_arena_init(&a, PAGE), 0);
    assert_null(sp_arena_get(&a, PAGE + 1));
    assert_true(a.exhausted);
    assert_non_null(sp_arena_get(&a, PAGE));
    assert_true(a.exhausted);
    sp_arena_reset(&a);
    assert_false(a.exhausted);
    sp_arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(big_ones_give_their_pages_back),
        cmocka_unit_test(small_ones_stay_where_they_are),
        cmocka_unit_test(more_than_there_is_address_space_is_an_error),
        cmocka_unit_test(exhaustion_is_forgotten_by_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
