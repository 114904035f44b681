/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/redis/redis.h"

#include "unit.h"

static void every_command_is_found_by_its_name(void **state)
{
    (void)state;
    size_t n = 0;
    for (const struct redis_command *c; (c = redis_command_at(n)); n++) {
        char upper[REDIS_NAME_MAX + 1];
        for (size_t i = 0; i <= c->len; i++)
            upper[i] = (char)(c->name[i] >= 'a' && c->name[i] <= 'z' ? c->name[i] - 32 : c->name[i]);
        assert_ptr_equal(redis_command_named(sp_span_of(c->name, c->len)), c);
        assert_ptr_equal(redis_command_named(sp_span_of(upper, c->len)), c);
        assert_null(redis_command_named(sp_span_of(c->name, c->len + 1u))); /* its NUL included */
    }
    assert_int_equal(n, COMMAND_COUNT);
}

static void other_names_are_not(void **state)
{
    (void)state;
    static const char *const names[] = {"", "ge", "gett", "xget", "{", "@", "config|set", "zzz", "jjj", "0"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_null(redis_command_named(sp_span_str(names[i])));
}

static void subcommands_belong_to_their_command(void **state)
{
    (void)state;
    const struct redis_command *config = redis_command_at(COMMAND_CONFIG);
    const struct redis_subcommand *set = redis_subcommand_named(config, SP_LIT("SeT"));
    assert_non_null(set);
    assert_true(sp_span_eq(set->name, SP_LIT("config|set")));
    assert_true(set->categories & DANGEROUS);
    assert_null(redis_subcommand_named(config, SP_LIT("kill")));
    assert_non_null(redis_subcommand_named(redis_command_at(COMMAND_CLIENT), SP_LIT("kill")));
}

static enum sp_fate probed(const char *text)
{
    return sp_proto_by_name(SP_LIT("redis"))->probe(SP_C2S, sp_span_str(text));
}

static void probing_tells_redis_from_others(void **state)
{
    (void)state;
    static const char *const yes[] = {"*1\r\n$4\r\nPING\r\n", "*2\r\n$", "PING\r\n", "auth x\r\n", "GET a b\r\n"};
    static const char *const more[] = {"", "*", "*1", "*12\r\n", "P", "GET / HTTP", "PING"};
    static const char *const no[] = {"GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\n", "*x", "*1\r\n4", "EHLO a\r\n", "\x16\x03\x01\x02", "SSH-2.0-OpenSSH_9\r\n"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        assert_int_equal(probed(yes[i]), SP_UNIT);
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        assert_int_equal(probed(more[i]), SP_MORE);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        assert_int_equal(probed(no[i]), SP_BAD);
}

/* Numbers are read as the server's string2ll does: there is one way to write each. */
static void numbers_have_one_form(void **state)
{
    (void)state;
    static const struct { const char *text; enum redis_read is; int64_t value; size_t end; } rows[] = {
        {"0\r\n", READ_OK, 0, 3}, {"7\r\n$", READ_OK, 7, 3}, {"10\r\n", READ_OK, 10, 4}, {"99\r\n", READ_OK, 99, 4}, {"100\r\n", READ_OK, 100, 5},
        {"2147483647\r\n", READ_OK, 2147483647, 12}, {"2147483648\r\n", READ_BAD, 0, 10}, {"-1\r\n", READ_OK, -1, 4}, {"-0\r\n", READ_BAD, 0, 2},
        {"00\r\n", READ_BAD, 0, 2}, {"07\r\n", READ_BAD, 0, 2}, {"+1\r\n", READ_BAD, 0, 1}, {" 1\r\n", READ_BAD, 0, 1}, {"1 \r\n", READ_BAD, 0, 2},
        {"\r\n\r\n", READ_BAD, 0, 1}, {"-\r\n", READ_BAD, 0, 2}, {"5\rx\n", READ_BAD, 0, 3}, {"5\n\r\n", READ_BAD, 0, 2}, {"", READ_MORE, 0, 0}, {"1", READ_MORE, 0, 0},
        {"1\r", READ_MORE, 0, 0}, {"-", READ_MORE, 0, 0}, {"12\r", READ_MORE, 0, 0}, {"-999999999999999999\r\n", READ_OK, -999999999999999999, 21},
        {"-9999999999999999999\r\n", READ_BAD, 0, 20},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct redis_number n = redis_number(sp_span_str(rows[i].text), 0, COUNT_MAX, ANOMALY_COUNT);
        assert_int_equal(n.is, rows[i].is);
        assert_int_equal(n.value, rows[i].value);
        assert_int_equal(n.end, rows[i].end);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_is_found_by_its_name), cmocka_unit_test(other_names_are_not),
        cmocka_unit_test(subcommands_belong_to_their_command), cmocka_unit_test(probing_tells_redis_from_others),
        cmocka_unit_test(numbers_have_one_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
