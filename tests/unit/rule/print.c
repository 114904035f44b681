/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions as they were understood: precedence, spelling, and that what is printed reads as the same again. */
#include "load.h"
#include "unit.h"

/* What the condition is printed as; "" when it does not load. */
static struct sp_buf printed(const char *when)
{
    struct load l;
    struct sp_buf out = sp_buf_growing(16 << 20);
    load_rule(&l, when, "alert");
    if (l.rc == 0)
        sp_expr_print(l.set.rules[0]->proto, l.set.rules[0]->when, &out);
    else
        sp_put(&out, sp_buf_span(&l.diag.text));
    sp_put_byte(&out, 0);
    assert_false(out.full);
    load_fini(&l);
    return out;
}

static void reads_as(const char *when, const char *text)
{
    struct sp_buf once = printed(when), twice = printed((const char *)once.p);
    assert_string_equal((const char *)once.p, text);
    assert_string_equal((const char *)twice.p, text);
    sp_buf_fini(&once);
    sp_buf_fini(&twice);
}

#define A "http.request.method == \"A\""
#define B "http.request.method == \"B\""
#define C "http.request.method == \"C\""
#define D "http.request.method == \"D\""

static void not_binds_tightest_and_or_loosest(void **state)
{
    (void)state;
    reads_as(A " or " B " and " C, A " or " B " and " C);
    reads_as("(" A " or " B ") and " C, "(" A " or " B ") and " C);
    reads_as(A " or (" B " and " C ")", A " or " B " and " C);
    reads_as(A " xor " B " or " C " xor " D, A " xor " B " or " C " xor " D);
    reads_as(A " xor " B " and " C, A " xor " B " and " C);
    reads_as("(" A " xor " B ") and " C, "(" A " xor " B ") and " C);
    reads_as("not " A " and " B, "not " A " and " B);
    reads_as("not (" A " and " B ")", "not (" A " and " B ")");
    reads_as("not not " A, "not not " A);
}

static void every_spelling_of_an_operator_is_one(void **state)
{
    (void)state;
    reads_as("http.request.method eq \"A\" && !(http.request.method ne \"B\") || " C, A " and not http.request.method != \"B\" or " C);
    reads_as("http.request.content_length lt 1 or http.request.content_length le 2 or http.request.content_length gt 3 or http.request.content_length ge 4",
             "http.request.content_length < 1 or http.request.content_length <= 2 or http.request.content_length > 3 or http.request.content_length >= 4");
}

static void values_are_printed_in_one_spelling(void **state)
{
    (void)state;
    reads_as("http.request.content_length in {0x10, 2K,3M -1}", "http.request.content_length in {16 2048 3145728 -1}");
    reads_as("http.request.method eq \"\\x41\\t\\\"\\\\\\0\\n\"", "http.request.method == \"A\\x09\\\"\\\\\\x00\\x0a\"");
    reads_as("http.request.method eq r\"\\d\"", "http.request.method == \"\\\\d\"");
    reads_as("http.request.method matches \"^\\\\d$\"", "http.request.method matches r\"^\\d$\"");
    reads_as("http.request.method matches r\"\\x22\" or http.request.method matches \"\\\"\\\\d\"",
             "http.request.method matches r\"\\x22\" or http.request.method matches \"\\\"\\\\d\"");
    reads_as("http.request.headers[\"X-A\"] contains \"\xc3\xbc\"", "http.request.headers[\"x-a\"] contains \"\xc3\xbc\"");
    reads_as("http.request.uri.args[\"X\"]", "http.request.uri.args[\"X\"]");
}

static void addresses_keep_their_prefix(void **state)
{
    (void)state;
    reads_as("ip.src in {10.0.0.0/8 192.0.2.1 ::1 2001:db8::/32 ::ffff:192.0.2.1 fe80::1/64}",
             "ip.src in {10.0.0.0/8 192.0.2.1/32 ::1/128 2001:db8::/32 192.0.2.1/32 fe80::1/64}");
    reads_as("ip.src == 10.1.2.3", "ip.src == 10.1.2.3/32");
}

static void calls_and_quantifiers(void **state)
{
    (void)state;
    reads_as("len( lower( http.request.uri.path ) )==3", "len(lower(http.request.uri.path)) == 3");
    reads_as("any(http.request.uri.args contains \"a\" and not (http.request.uri.args contains \"b\" or path.climbs(http.request.uri.args)))",
             "any(http.request.uri.args contains \"a\" and not (http.request.uri.args contains \"b\" or path.climbs(http.request.uri.args)))");
    reads_as("all(len(http.request.uri.args[\"a\"]) > 1) or count(http.request.uri.args[\"a\"]) ge 2",
             "all(len(http.request.uri.args[\"a\"]) > 1) or count(http.request.uri.args[\"a\"]) >= 2");
    reads_as("path.climbs(http.request.uri.path) == true", "path.climbs(http.request.uri.path) == true");
}

/* A chain of alternatives becomes a balanced tree: as many as a condition may have fit into its depth. */
static void long_chains_stay_shallow(void **state)
{
    (void)state;
    enum { CHAIN = 1000 };
    struct sp_buf when = sp_buf_growing(1 << 20);
    for (int i = 0; i < CHAIN; i++)
        sp_put_fmt(&when, "%shttp.request.method == \"%d\"", i ? i % 7 ? " or " : " and " : "", i);
    sp_put_byte(&when, 0);
    reads_as((const char *)when.p, (const char *)when.p);
    sp_buf_fini(&when);
}

static void lines_break_at_the_outermost_operator(void **state)
{
    (void)state;
    struct load l;
    struct sp_buf out = sp_buf_growing(1 << 16);
    load_rule(&l, "(" A " or " B ") and " C " and not (" A " and " B ")", "alert");
    sp_expr_print_lines(l.set.rules[0]->proto, l.set.rules[0]->when, 2, &out);
    assert_span(sp_buf_span(&out), "(" A " or " B ")\n  and " C "\n  and not (" A " and " B ")");
    load_fini(&l);
    out.n = 0;
    load_rule(&l, A " and " B " or " C, "alert");
    sp_expr_print_lines(l.set.rules[0]->proto, l.set.rules[0]->when, 2, &out);
    assert_span(sp_buf_span(&out), A " and " B "\n  or " C);
    load_fini(&l);
    sp_buf_fini(&out);
}

/* Everything `sallyport explain` says, to the letter. */
static void a_rule_is_explained(void **state)
{
    (void)state;
    struct load l;
    struct sp_buf out = sp_buf_growing(1 << 16);
    load_rules(&l, SP_LIT("patch: CVE-2021-41773\ntitle: t\ndescription: a b\nseverity: high\nkev: true\naffects: ['cpe:2.3:a:b:c:1:*:*:*:*:*:*:*']\n"
                          "references: [https://a/, https://b/]\npatched: p\nwhen: http.request.uri.path contains \"%2e%2e\" and http.request.headers[\"A\"]\n"
                          "then:\n  - set http.request.uri.path to lower(http.request.uri.path)\n  - remove http.request.headers[\"A\"]\n"
                          "cases: [{send: \"a\\r\\n\", expect: correct}, {send: b, expect: pass}]\n"));
    assert_int_equal(l.rc, 0);
    sp_rule_explain(l.set.rules[0], &out);
    sp_put_byte(&out, 0);
    assert_string_equal((const char *)out.p, "patch        CVE-2021-41773 (r.yaml:1)\n"
                                             "title        t\n"
                                             "description  a b\n"
                                             "severity     high, known to be exploited\n"
                                             "affects      cpe:2.3:a:b:c:1:*:*:*:*:*:*:*\n"
                                             "references   https://a/\n"
                                             "             https://b/\n"
                                             "patched      p\n"
                                             "judges       HTTP/1.0 and HTTP/1.1, requests\n"
                                             "when         http.request.uri.path contains \"%2e%2e\"\n"
                                             "             and http.request.headers[\"a\"]\n"
                                             "then         set http.request.uri.path to lower(http.request.uri.path)\n"
                                             "             remove http.request.headers[\"a\"]\n"
                                             "evaluated if http.request.uri.path contains \"%2e%2e\"\n"
                                             "cases        correct  a\\r\\n\n"
                                             "             pass     b\n");
    sp_buf_fini(&out);
    load_fini(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(not_binds_tightest_and_or_loosest),
        cmocka_unit_test(every_spelling_of_an_operator_is_one),
        cmocka_unit_test(values_are_printed_in_one_spelling),
        cmocka_unit_test(addresses_keep_their_prefix),
        cmocka_unit_test(calls_and_quantifiers),
        cmocka_unit_test(long_chains_stay_shallow),
        cmocka_unit_test(lines_break_at_the_outermost_operator),
        cmocka_unit_test(a_rule_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
