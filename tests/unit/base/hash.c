/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <stdlib.h>

#include "unit.h"

enum { NAMES = 1 + 256 + 256 * 256 };

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Every string of up to two bytes, behind a prefix; how many low halves of their hashes are taken twice. */
static size_t collisions(struct sp_span prefix)
{
    static uint64_t hashes[NAMES];
    uint8_t text[32];
    size_t n = 0, twice = 0;
    for (unsigned len = 0; len <= 2; len++) {
        for (unsigned v = 0; v < 1u << 8 * len; v++) {
            for (size_t i = 0; i < prefix.n; i++)
                text[i] = prefix.p[i];
            text[prefix.n] = (uint8_t)v;
            text[prefix.n + 1] = (uint8_t)(v >> 8);
            hashes[n++] = sp_hash(sp_span_of(text, prefix.n + len));
        }
    }
    qsort(hashes, n, sizeof *hashes, by_value);
    for (size_t i = 1; i < n; i++)
        twice += hashes[i] == hashes[i - 1];
    return twice;
}

static void short_strings_do_not_collide(void **state)
{
    (void)state;
    assert_int_equal(collisions(SP_LIT("")), 0);
    assert_int_equal(collisions(SP_LIT("content")), 0);
    assert_int_equal(collisions(SP_LIT("http.request.header")), 0);
}

static void case_folds_in_ihash_only(void **state)
{
    (void)state;
    assert_true(sp_ihash(SP_LIT("Content-Type")) == sp_ihash(SP_LIT("content-tYPE")));
    assert_true(sp_hash(SP_LIT("Content-Type")) != sp_hash(SP_LIT("content-type")));
    assert_true(sp_ihash(SP_LIT("a[")) != sp_ihash(SP_LIT("a{")));
    assert_true(sp_ihash(SP_LIT("\xc1")) != sp_ihash(SP_LIT("\xe1")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_strings_do_not_collide),
        cmocka_unit_test(case_folds_in_ihash_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
