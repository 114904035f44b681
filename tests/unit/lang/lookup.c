/* SPDX-License-Identifier: Apache-2.0 */
#include "lang/lang.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

static struct sp_arena arena;

static int set_up(void **state)
{
    (void)state;
    return sp_arena_init(&arena, 64 << 20);
}

static int tear_down(void **state)
{
    (void)state;
    sp_arena_fini(&arena);
    return 0;
}

static void resolves_to(const char *in, const char *out)
{
    sp_arena_reset(&arena);
    struct sp_span got = sp_lookup_resolve(sp_span_str(in), &arena);
    assert_false(arena.exhausted);
    if (!sp_span_eq(got, sp_span_str(out)))
        fail_msg("%s became %.*s, not %s", in, SP_FMT(got), out);
}

static void text_without_lookups_stays(void **state)
{
    (void)state;
    resolves_to("", "");
    resolves_to("a } $ { b", "a } $ { b");
    resolves_to("${", "${");
    resolves_to("}${}}", "}${}}");
}

static void letters_are_folded_from_the_inside_out(void **state)
{
    (void)state;
    resolves_to("${lower:JnDi}", "jndi");
    resolves_to("${upper:jndi}", "JNDI");
    resolves_to("${LOWER:${upper:a}B}", "ab");
    resolves_to("${${lower:J}${lower:N}di:ldap://a}", "${jndi:ldap://a}");
    resolves_to("${${lower:${lower:${lower:j}}}ndi:ldap://a}", "${jndi:ldap://a}");
}

static void letters_outside_ascii_become_ascii(void **state)
{
    (void)state;
    resolves_to("${jnd${upper:\xc4\xb1}:ldap://a}", "${jndi:ldap://a}");
    resolves_to("${upper:\xc5\xbf}${lower:\xe2\x84\xaa}", "Sk");
    resolves_to("${lower:\xc4\xb1\xc3\x84}", "\xc4\xb1\xc3\x84");
}

static void defaults_stand_for_what_is_unknown(void **state)
{
    (void)state;
    resolves_to("${::-j}${env:NOPE:-n}${sys:x.y:-d}${a:-i}", "jndi");
    resolves_to("${${::-j}${::-n}${::-d}${::-i}:rmi://a/b}", "${jndi:rmi://a/b}");
    resolves_to("${env:${lower:HOME}:-${upper:x}}", "X");
    resolves_to("${env:HOME}", "${env:HOME}");
    resolves_to("${a:-b:-c}", "b:-c");
    resolves_to("${:-}", "");
}

static void a_value_wins_over_its_default(void **state)
{
    (void)state;
    resolves_to("${${lower:J:-x}ndi:ldap://a}", "${jndi:ldap://a}");
    resolves_to("${upper:i:-}", "I");
}

static void a_quoted_date_is_its_text(void **state)
{
    (void)state;
    resolves_to("${date:'j'}${date:'nd'}${date:'i'}", "jndi");
    resolves_to("${date:'o''clock'}", "o'clock");
    resolves_to("${date:'a' - 'b'}", "a - b");
    resolves_to("${date:yyyy}", "${date:yyyy}");
    resolves_to("${date:'a'yyyy:-b}", "b");
}

static void jndi_stays_and_is_shown_in_small_letters(void **state)
{
    (void)state;
    resolves_to("${JNDI:ldap://A/${lower:B}}", "${jndi:ldap://A/b}");
    resolves_to("x${jNdi:ldap://a:-b}y", "x${jndi:ldap://a:-b}y");
    resolves_to("${${lower:jndi}:dns://a", "${jndi:dns://a");
    resolves_to("${JNDI:dns://a", "${jndi:dns://a");
    resolves_to("${::-${::-$}{jndi:x}}", "${jndi:x}");
}

/* Wrapped as often as a request's head has room for. */
static void deep_nesting_of_short_values_is_resolved(void **state)
{
    (void)state;
    enum { DEPTH = 1000 };
    static const char inside[] = "${jn${lower:D}i:x";
    static char text[6 * DEPTH + sizeof inside + 1];
    for (size_t i = 0; i < DEPTH; i++)
        memcpy(text + 5 * i, "${::-", 5);
    memcpy(text + 5 * DEPTH, inside, sizeof inside - 1);
    memset(text + 5 * DEPTH + sizeof inside - 1, '}', DEPTH + 1);
    resolves_to(text, "${jndi:x}");
}

static void what_would_take_too_long_is_too_complex(void **state)
{
    (void)state;
    enum { DEPTH = 20000, LENGTH = 1 << 20 };
    char *text = malloc(9 * DEPTH + LENGTH + 1);
    assert_non_null(text);
    for (int i = 0; i < DEPTH; i++)
        memcpy(text + 8 * i, "${lower:", 8);
    memset(text + 8 * DEPTH, 'x', LENGTH);
    memset(text + 8 * DEPTH + LENGTH, '}', DEPTH);
    text[9 * DEPTH + LENGTH] = '\0';
    sp_arena_reset(&arena);
    assert_span(sp_lookup_resolve(sp_span_str(text), &arena), "");
    assert_true(arena.exhausted);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_without_lookups_stays),
        cmocka_unit_test(letters_are_folded_from_the_inside_out),
        cmocka_unit_test(letters_outside_ascii_become_ascii),
        cmocka_unit_test(defaults_stand_for_what_is_unknown),
        cmocka_unit_test(a_value_wins_over_its_default),
        cmocka_unit_test(a_quoted_date_is_its_text),
        cmocka_unit_test(jndi_stays_and_is_shown_in_small_letters),
        cmocka_unit_test(deep_nesting_of_short_values_is_resolved),
        cmocka_unit_test(what_would_take_too_long_is_too_complex),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
