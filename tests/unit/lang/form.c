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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_split_at_ampersands),
        cmocka_unit_test(empty_pairs_are_skipped),
        cmocka_unit_test(cookies_are_split_at_semicolons),
        cmocka_unit_test(quotes_around_cookies_are_removed),
    };
    return reads_group(tests);
}
