/* SPDX-License-Identifier: Apache-2.0 */
/* The pool: a budget, size classes, memory that outlives its pool, and marks. */
#include "engine/pool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "unit.h"

enum { BUDGET = 4 << 20, ROUNDS = 20000, HELD = 64 };

struct shared {
    void *memory;
    size_t n;
    struct sp_pool *pool;
};

static struct shared shared_new(uint64_t budget)
{
    struct shared s = {.n = sp_pool_room(budget)};
    s.memory = mmap(NULL, s.n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(s.memory != MAP_FAILED);
    assert_int_equal(sp_pool_over(budget, s.memory, &s.pool), 0);
    return s;
}

/* The process has ended, and another one comes. */
static void succeed(struct shared *s, uint64_t budget)
{
    sp_pool_free(s->pool);
    assert_int_equal(sp_pool_over(budget, s->memory, &s->pool), 0);
}

static void shared_free(struct shared *s)
{
    sp_pool_free(s->pool);
    munmap(s->memory, s->n);
}

static void a_block_is_as_long_as_its_class(void **state)
{
    (void)state;
    struct sp_pool *p;
    assert_int_equal(sp_pool_new(BUDGET, &p), 0);
    for (size_t n = 1; n <= BUDGET; n = n * 3 + 1) {
        uint32_t b = sp_pool_get(p, n);
        assert_true(b && sp_pool_valid(p, b) && sp_pool_len(p, b) >= n);
        assert_true(sp_pool_len(p, b) == SP_POOL_SMALL || sp_pool_len(p, b) < 2 * n);
        sp_pool_at(p, b)[sp_pool_len(p, b) - 1] = 1;
        sp_pool_put(p, b);
    }
    assert_int_equal(sp_pool_get(p, BUDGET + 1), 0);
    assert_int_equal(sp_pool_get(p, (size_t)SP_POOL_SMALL << SP_POOL_CLASSES), 0);
    assert_int_equal(sp_pool_used(p), 0);
    sp_pool_free(p);
}

static void the_budget_holds_for_all_classes_together(void **state)
{
    (void)state;
    struct sp_pool *p;
    assert_int_equal(sp_pool_new(BUDGET, &p), 0);
    uint32_t half = sp_pool_get(p, BUDGET / 2), n = 0, block[BUDGET / SP_POOL_SMALL];
    while ((block[n] = sp_pool_get(p, 1)) != 0)
        n++;
    assert_int_equal(n, BUDGET / 2 / SP_POOL_SMALL);
    sp_pool_put(p, half);
    assert_true((half = sp_pool_get(p, BUDGET / 2)) != 0);
    sp_pool_put(p, half);
    while (n > 0)
        sp_pool_put(p, block[--n]);
    sp_pool_put(p, 0);
    assert_int_equal(sp_pool_used(p), 0);
    sp_pool_free(p);
}

static void a_block_that_is_put_while_marked_waits(void **state)
{
    (void)state;
    struct sp_pool *p;
    assert_int_equal(sp_pool_new(2 * SP_POOL_SMALL, &p), 0);
    uint32_t a = sp_pool_get(p, 1), b = sp_pool_get(p, 1);
    sp_pool_mark(p, a, 0);
    assert_true(sp_pool_marked(p, a) && !sp_pool_marked(p, b) && !sp_pool_marked(p, 0));
    sp_pool_put(p, a);
    assert_int_equal(sp_pool_used(p), 2 * SP_POOL_SMALL);
    assert_int_equal(sp_pool_get(p, 1), 0);
    sp_pool_mark(p, 0, a); /* marked again: it waits on */
    assert_int_equal(sp_pool_get(p, 1), 0);
    sp_pool_mark(p, b, 0);
    assert_int_equal(sp_pool_used(p), SP_POOL_SMALL);
    assert_int_equal(sp_pool_get(p, 1), a);
    sp_pool_put(p, b);
    sp_pool_mark(p, 0, 0);
    sp_pool_put(p, a);
    assert_int_equal(sp_pool_used(p), 0);
    sp_pool_free(p);
}

static void a_successor_adopts_what_is_held(void **state)
{
    (void)state;
    struct shared s = shared_new(BUDGET);
    uint32_t small[3], large = sp_pool_get(s.pool, 100 << 10);
    for (int i = 0; i < 3; i++)
        small[i] = sp_pool_get(s.pool, 1);
    memset(sp_pool_at(s.pool, small[2]), 'c', SP_POOL_SMALL);
    memset(sp_pool_at(s.pool, large), 'd', 100 << 10);
    succeed(&s, BUDGET);
    assert_true(sp_pool_adopt(s.pool, small[2]) && sp_pool_adopt(s.pool, large));
    assert_false(sp_pool_adopt(s.pool, large)); /* two cannot hold one */
    sp_pool_adopted(s.pool);
    assert_int_equal(sp_pool_used(s.pool), sp_pool_len(s.pool, large) + SP_POOL_SMALL);
    assert_int_equal(sp_pool_at(s.pool, small[2])[SP_POOL_SMALL - 1], 'c');
    assert_int_equal(sp_pool_at(s.pool, large)[(100 << 10) - 1], 'd');
    for (int i = 0; i < 20; i++) {
        uint32_t b = sp_pool_get(s.pool, 1);
        assert_true(b && b != small[2] && b != large);
    }
    shared_free(&s);
}

static void numbers_that_are_none_are_not_adopted(void **state)
{
    (void)state;
    struct shared s = shared_new(BUDGET);
    static const uint32_t none[] = {0, UINT32_MAX, 0x0effffff, 0x0f000001, 1u << 31, (BUDGET / SP_POOL_SMALL) + 1, 8u << 24, 14u << 24 | 1};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_false(sp_pool_valid(s.pool, none[i]));
        assert_false(sp_pool_adopt(s.pool, none[i]));
    }
    sp_pool_adopted(s.pool);
    assert_int_equal(sp_pool_used(s.pool), 0);
    shared_free(&s);
}

/* Blocks got, put, marked and adopted at random: no two that are held are the same, and each keeps its bytes. */
static void every_block_is_its_holders_alone(void **state)
{
    (void)state;
    struct shared s = shared_new(BUDGET);
    uint32_t held[HELD] = {0};
    srandom(7);
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t at = (uint32_t)random() % HELD;
        if (held[at]) {
            assert_int_equal(sp_pool_at(s.pool, held[at])[7], at);
            sp_pool_put(s.pool, held[at]);
            held[at] = 0;
        } else if ((held[at] = sp_pool_get(s.pool, (size_t)random() % (128 << 10) + 1)) != 0) {
            sp_pool_at(s.pool, held[at])[7] = (uint8_t)at;
        }
        if (random() % 8 == 0)
            sp_pool_mark(s.pool, held[random() % HELD], 0);
        if (random() % 100 == 0) {
            succeed(&s, BUDGET);
            for (uint32_t k = 0; k < HELD; k++)
                assert_true(!held[k] || sp_pool_adopt(s.pool, held[k]));
            sp_pool_adopted(s.pool);
        }
    }
    sp_pool_mark(s.pool, 0, 0);
    for (uint32_t k = 0; k < HELD; k++)
        sp_pool_put(s.pool, held[k]);
    assert_int_equal(sp_pool_used(s.pool), 0);
    shared_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_as_long_as_its_class),
        cmocka_unit_test(the_budget_holds_for_all_classes_together),
        cmocka_unit_test(a_block_that_is_put_while_marked_waits),
        cmocka_unit_test(a_successor_adopts_what_is_held),
        cmocka_unit_test(numbers_that_are_none_are_not_adopted),
        cmocka_unit_test(every_block_is_its_holders_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
