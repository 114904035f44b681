/* SPDX-License-Identifier: Apache-2.0 */
#include "reads.h"

/* One line a pair: name, "=" if it has one, value. */
static void put_pair(struct sp_buf *out, const struct sp_pair *p)
{
    sp_put(out, p->name);
    sp_put_str(out, p->has_value ? "=" : "");
    sp_put(out, p->value);
    sp_put_str(out, "\n");
    assert_true(sp_span_eq(p->value, p->raw));
    assert_true(p->raw.p >= p->all.p && p->raw.p + p->raw.n <= p->all.p + p->all.n);
}

static void form(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    (void)a;
    struct sp_pair p;
    for (size_t at = 0; sp_form_next(in, &at, &p);)
        put_pair(out, &p);
}

static void cookie(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    (void)a;
    struct sp_pair p;
    for (size_t at = 0; sp_cookie_next(in, &at, &p);)
        put_pair(out, &p);
}

static void pairs_are_split_at_ampersands(void **state)
{
    (void)state;
    assert_reads(form, "", "");
    assert_reads(form, "a=1&b=2", "a=1\nb=2\n");
    assert_reads(form, "a=1&a=2&a", "a=1\na=2\na\n");
    assert_reads(form, "a=1;b=2", "a=1;b=2\n");
    assert_reads(form, "a=b=c&=d&=", "a=b=c\n=d\n=\n");
    assert_reads(form, "a+b=%26%3d", "a+b=%26%3d\n");
}

static void empty_pairs_are_skipped(void **state)
{
    (void)state;
    assert_reads(form, "&&a=1&&&b&", "a=1\nb\n");
    assert_reads(form, "&&&", "");
}

static void cookies_are_split_at_semicolons(void **state)
{
    (void)state;
    assert_reads(cookie, "a=1; b=2", "a=1\nb=2\n");
    assert_reads(cookie, "a=1;b=2 ;\tc = 3", "a=1\nb=2\nc=3\n");
    assert_reads(cookie, "; ;a=1; ", "a=1\n");
    assert_reads(cookie, "a; b=c=d", "a\nb=c=d\n");
    assert_reads(cookie, "a=b&c", "a=b&c\n");
}

static void quotes_around_cookies_are_removed(void **state)
{
    (void)state;
    assert_reads(cookie, "a=\"1 2\"; b=\"", "a=1 2\nb=\"\n");
    assert_reads(cookie, "a=\"\"; b=\"c", "a=\nb=\"c\n");
}

static void quoted(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    for (int octal = 0; octal < 2; octal++) {
        struct sp_span value = SP_LIT("-");
        size_t n = sp_cookie_quoted(in, octal, a, &value);
        assert_true(n <= in.n);
        sp_put(out, value);
        sp_put_str(out, octal ? "" : "|");
    }
}

static void legacy_cookies_are_quoted_strings(void **state)
{
    (void)state;
    assert_reads(quoted, "\"a\"", "a|a");
    assert_reads(quoted, "\"E\\V;I\\\"L\"; b=\"c\"", "EV;I\"L|EV;I\"L");
    assert_reads(quoted, "\"\\105\\056\\400\\12\"", "10505640012|E.40012");
    assert_reads(quoted, "\"a\\\"", "-|-");
    assert_reads(quoted, "\"", "-|-");
}

static void php_name(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    struct sp_span name = sp_form_php_name(in, a);
    assert_true(!sp_span_eq(name, in) || name.p == in.p);
    sp_put(out, name);
}

static void php_names_begin_behind_blanks_and_end_at_nul(void **state)
{
    (void)state;
    assert_reads(php_name, "", "");
    assert_reads(php_name, "action", "action");
    assert_reads(php_name, "  action", "action");
    assert_reads(php_name, "\taction", "\taction");
    assert_reads(php_name, "   ", "");
    assert_reads(php_name, "action\0", "action");
    assert_reads(php_name, " act.ion\0[x]", "act_ion");
    assert_reads(php_name, "\0action", "");
    assert_reads(php_name, "list[a\0b]", "list_a");
}

static void php_names_have_underscores_for_dots_blanks_and_lone_brackets(void **state)
{
    (void)state;
    assert_reads(php_name, "poller.id", "poller_id");
    assert_reads(php_name, "poller id", "poller_id");
    assert_reads(php_name, "poller[id", "poller_id");
    assert_reads(php_name, "a[b.c[d", "a_b_c_d");
    assert_reads(php_name, "a]b", "a]b");
    assert_reads(php_name, "[action", "");
    assert_reads(php_name, "[a]", "");
}

static void php_names_end_behind_their_indexes(void **state)
{
    (void)state;
    assert_reads(php_name, "list[order]", "list[order]");
    assert_reads(php_name, "list[order]x", "list[order]");
    assert_reads(php_name, "li.st[or.d er][]x[y]", "li_st[or.d er][]");
    assert_reads(php_name, "list[order][x", "list[order]");
    assert_reads(php_name, "a[ ]", "a[]");
    assert_reads(php_name, "a[ b]", "a[ b]");
    assert_reads(php_name, "a[b[c]", "a[b[c]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_split_at_ampersands),
        cmocka_unit_test(empty_pairs_are_skipped),
        cmocka_unit_test(cookies_are_split_at_semicolons),
        cmocka_unit_test(quotes_around_cookies_are_removed),
        cmocka_unit_test(legacy_cookies_are_quoted_strings),
        cmocka_unit_test(php_names_begin_behind_blanks_and_end_at_nul),
        cmocka_unit_test(php_names_have_underscores_for_dots_blanks_and_lone_brackets),
        cmocka_unit_test(php_names_end_behind_their_indexes),
    };
    return reads_group(tests);
}
