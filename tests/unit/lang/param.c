/* SPDX-License-Identifier: Apache-2.0 */
#include "reads.h"

/* The head, and behind it every parameter: name, = when it has a value, value, and what stands for it when that is something else. */
static void params(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    struct sp_pair p;
    size_t at = sp_span_byte(in, 0, ';');
    sp_put(out, sp_param_head(in));
    while (at < in.n && sp_param_next(in, &at, a, &p)) {
        sp_put_str(out, "|");
        sp_put(out, p.name);
        sp_put_str(out, p.extended ? "*" : "");
        sp_put_str(out, p.has_value ? "=" : "");
        sp_put(out, p.value);
        if (!sp_span_eq(p.value, p.raw)) {
            sp_put_str(out, " from ");
            sp_put(out, p.raw);
        }
        assert_true(p.raw.p >= p.all.p && p.raw.p + p.raw.n <= p.all.p + p.all.n);
    }
}

static void tokens_and_quoted_strings_are_values(void **state)
{
    (void)state;
    assert_reads(params, "text/html", "text/html");
    assert_reads(params, " text/html ;charset=utf-8", "text/html|charset=utf-8");
    assert_reads(params, "a;b=\"c;d=e\";f", "a|b=c;d=e|f");
    assert_reads(params, "a ; b = c ;; d = \"e\" ", "a|b=c|d=e");
    assert_reads(params, "a;=x;b=", "a|=x|b=");
    assert_reads(params, "a;b=\"\"", "a|b=");
    assert_reads(params, "", "");
}

static void backslashes_escape_quotes_and_themselves(void **state)
{
    (void)state;
    assert_reads(params, "a;b=\"x\\\"y\\\\z\"", "a|b=x\"y\\z from x\\\"y\\\\z");
    assert_reads(params, "a;b=\"C:\\new\\file\"", "a|b=C:\\new\\file");
    assert_reads(params, "a;b=\"x\\\\\";c=d", "a|b=x\\ from x\\\\|c=d");
}

static void what_has_no_end_is_read_to_the_end(void **state)
{
    (void)state;
    assert_reads(params, "a;b=\"c;d=e", "a|b=c;d=e");
    assert_reads(params, "a;b=\"c\\\"", "a|b=c\" from c\\\"");
    assert_reads(params, "a;b=\"c\"junk;d=e", "a|b=c|d=e");
}

static void extended_values_are_decoded(void **state)
{
    (void)state;
    assert_reads(params, "a;filename*=UTF-8''%e2%82%ac%20x", "a|filename*=\xe2\x82\xac x from UTF-8''%e2%82%ac%20x");
    assert_reads(params, "a;filename*=utf-8'en'shell.php", "a|filename*=shell.php from utf-8'en'shell.php");
    assert_reads(params, "a;filename*=plain%20", "a|filename*=plain%20");
    assert_reads(params, "a;b*=\"UTF-8''x%22\"", "a|b*=x\" from UTF-8''x%22");
}

static void folded_lines_are_blanks(void **state)
{
    (void)state;
    assert_reads(params, "form-data;\r\n name=\"a\";\r\n\tfilename=b\r\n ;c", "form-data|name=a|filename=b|c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_and_quoted_strings_are_values),
        cmocka_unit_test(backslashes_escape_quotes_and_themselves),
        cmocka_unit_test(what_has_no_end_is_read_to_the_end),
        cmocka_unit_test(extended_values_are_decoded),
        cmocka_unit_test(folded_lines_are_blanks),
    };
    return reads_group(tests);
}
