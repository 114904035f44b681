/* SPDX-License-Identifier: Apache-2.0 */
/* What a mistake looks like, and which word was meant. */
#include "rule/source.h"

#include <string.h>

#include "unit.h"

static struct sp_diag diag;

static int set_up(void **state)
{
    (void)state;
    sp_diag_init(&diag);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sp_diag_fini(&diag);
    return 0;
}

static const char *told(void)
{
    sp_put_byte(&diag.text, 0);
    return (const char *)diag.text.p;
}

static void places_are_as_exact_as_known(void **state)
{
    (void)state;
    sp_diag_error(&diag, "f", 0, 0, 0, SP_LIT(""), "%s", "a");
    sp_diag_error(&diag, "f", 2, 0, 0, SP_LIT("x"), "b");
    sp_diag_error(&diag, "f", 2, 3, 1, SP_LIT(""), "c");
    sp_diag_error(&diag, "f", 2, 3, 4, SP_LIT("012345678"), "d");
    assert_string_equal(told(), "f: error: a\nf:2: error: b\nf:2:3: error: c\nf:2:3: error: d\n    012345678\n      ^~~~\n");
    assert_int_equal(diag.errors, 4);
}

static void marks_stand_below_characters(void **state)
{
    (void)state;
    sp_diag_error(&diag, "f", 1, 6, 3, SP_LIT("\t\xc3\xbc\xc3\xbc\xc3\xa9x"), "e");
    sp_diag_error(&diag, "f", 1, 9, 99, SP_LIT("ab"), "f");
    assert_string_equal(told(), "f:1:6: error: e\n     \xc3\xbc\xc3\xbc\xc3\xa9x\n       ^~\n"
                                "f:1:9: error: f\n    ab\n      ^\n");
}

static void long_lines_are_shown_around_the_place(void **state)
{
    (void)state;
    char line[1000];
    memset(line, 'a', sizeof line);
    line[499] = 'b';
    sp_diag_error(&diag, "f", 1, 500, 3, sp_span_of(line, sizeof line), "e");
    char *source = strchr(told(), '\n') + 1, *marks = strchr(source, '\n') + 1;
    assert_int_equal(marks - source, 4 + 160 + 1);
    assert_int_equal(strchr(marks, '^') - marks, strchr(source, 'b') - source);
    assert_string_equal(strchr(marks, '^'), "^~~\n");
}

static void nothing_moves_the_cursor(void **state)
{
    (void)state;
    sp_diag_error(&diag, "f", 1, 1, 1, SP_LIT("a\x1b[2J"), "%s", "a\x1b[2J\x7f");
    assert_string_equal(told(), "f:1:1: error: a?[2J?\n    a [2J\n    ^\n");
}

static void later_mistakes_are_counted_only(void **state)
{
    (void)state;
    for (int i = 0; i < SP_DIAG_SHOWN_MAX + 50; i++)
        sp_diag_error(&diag, "f", 0, 0, 0, SP_LIT(""), "%d", i);
    assert_int_equal(diag.errors, SP_DIAG_SHOWN_MAX + 50);
    const char *last = "f: error: 199\nfurther mistakes are not shown\n";
    assert_string_equal(told() + strlen(told()) - strlen(last), last);
}

static const char *meant(const char *word)
{
    static const char *const words[] = {"len", "lower", "upper", "starts_with", "http.request.uri.path", "http.request.uri.query", NULL};
    const char *near = sp_did_you_mean(sp_span_str(word), words);
    return near ? near : "";
}

static void the_nearest_word_is_meant(void **state)
{
    (void)state;
    assert_string_equal(meant("length"), "len");
    assert_string_equal(meant("lne"), "len");
    assert_string_equal(meant("LEN"), "len");
    assert_string_equal(meant("loewr"), "lower");
    assert_string_equal(meant("startswith"), "starts_with");
    assert_string_equal(meant("http.request.url.path"), "http.request.uri.path");
    assert_string_equal(meant("http.request.uri.quary"), "http.request.uri.query");
    assert_string_equal(meant("http.response.body.html"), "");
    assert_string_equal(meant(""), "");
    assert_string_equal(meant("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(places_are_as_exact_as_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(marks_stand_below_characters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_lines_are_shown_around_the_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_moves_the_cursor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(later_mistakes_are_counted_only, set_up, tear_down),
        cmocka_unit_test(the_nearest_word_is_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
