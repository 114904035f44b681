/* SPDX-License-Identifier: Apache-2.0 */
/* Every key is told once, then its counts; a full table begins anew; nothing takes long, whatever the keys. */
#include "io/learn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

static uint8_t room[SP_LEARN_LINE];

static struct sp_buf line_of(void)
{
    return sp_buf_fixed(room, sizeof room);
}

static bool has(const struct sp_buf *b, const char *text)
{
    return sp_span_find(sp_buf_span(b), 0, sp_span_str(text)) != SP_NOT_FOUND;
}

static bool seen(struct sp_learn *l, unsigned i, struct sp_buf *line)
{
    char key[64];
    (void)snprintf(key, sizeof key, "u/d/a/%016x", i);
    *line = line_of();
    return sp_learn_seen(l, SP_LIT("shop"), sp_span_str(key), SP_LIT("select \"?\""), line);
}

static void once_then_counts(void **state)
{
    (void)state;
    struct sp_learn *l;
    struct sp_buf line;
    assert_int_equal(sp_learn_new(&l), 0);
    assert_true(seen(l, 1, &line));
    assert_true(sp_span_starts(sp_buf_span(&line), SP_LIT(SP_LEARN_PREFIX)));
    assert_true(has(&line, "\"service\":\"shop\",\"key\":\"u/d/a/0000000000000001\",\"count\":1,\"seen_us\":"));
    assert_true(has(&line, ",\"text\":\"select \\\"?\\\"\"}\n"));
    line = line_of();
    assert_false(sp_learn_due(l, 1000, &line)); /* told with the text */
    for (unsigned i = 0; i < 5; i++)
        assert_false(seen(l, 1, &line));
    assert_true(seen(l, 2, &line));
    line = line_of();
    assert_false(sp_learn_due(l, 1000 + SP_LEARN_EVERY_MS - 1, &line));
    assert_true(sp_learn_due(l, 1000 + SP_LEARN_EVERY_MS, &line));
    assert_true(has(&line, "\"count\":5,") && !has(&line, "text"));
    assert_false(sp_learn_due(l, 1000 + SP_LEARN_EVERY_MS, &line));
    sp_learn_free(l);
}

static void services_apart(void **state)
{
    (void)state;
    struct sp_learn *l;
    struct sp_buf line = line_of();
    assert_int_equal(sp_learn_new(&l), 0);
    assert_true(sp_learn_seen(l, SP_LIT("a"), SP_LIT("bk"), SP_LIT(""), &line));
    line = line_of();
    assert_true(sp_learn_seen(l, SP_LIT("ab"), SP_LIT("k"), SP_LIT(""), &line));
    line = line_of();
    assert_false(sp_learn_seen(l, SP_LIT("ab"), SP_LIT("k"), SP_LIT(""), &line));
    assert_false(sp_learn_seen(l, SP_LIT("ab"), SP_LIT(""), SP_LIT("no statement"), &line));
    sp_learn_free(l);
}

static void full_and_anew(void **state)
{
    (void)state;
    struct sp_learn *l;
    struct sp_buf line;
    unsigned told = 0;
    assert_int_equal(sp_learn_new(&l), 0);
    for (unsigned i = 0; i < SP_LEARN_KEYS; i++)
        told += seen(l, i, &line);
    assert_int_equal(told, SP_LEARN_KEYS);
    for (unsigned i = told = 0; i < SP_LEARN_KEYS; i++)
        told += seen(l, i, &line);
    assert_true(told < SP_LEARN_KEYS / 10); /* those that found no place near theirs are told again; the others are known */
    sp_learn_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once_then_counts),
        cmocka_unit_test(services_apart),
        cmocka_unit_test(full_and_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
