/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http/http.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

/* The scanner against the plain loop that it stands for, at every length around its vectors. */
static void lines_are_found_as_by_a_plain_loop(void **state)
{
    (void)state;
    static const uint8_t alphabet[] = "a:\r\n\t\x01\x7f\xff ";
    uint8_t text[80];
    srand(1);
    for (unsigned turn = 0; turn < 20000; turn++) {
        size_t n = turn % sizeof text, lines = 0, controls = 0, cr = 0, crlf = 0;
        static struct http_lines found;
        for (size_t i = 0; i < n; i++)
            text[i] = alphabet[(unsigned)rand() % (sizeof alphabet - 1)];
        http_lines_find(&found, sp_span_of(text, n));
        for (size_t i = 0; i < n; i++) {
            if (text[i] == '\n')
                assert_int_equal(found.end[lines++], i + 1);
            controls += text[i] == 1 || text[i] == 0x7f;
            cr += text[i] == '\r';
            crlf += text[i] == '\r' && i + 1 < n && text[i + 1] == '\n';
        }
        assert_int_equal(found.n, lines);
        assert_int_equal(found.controls, controls);
        assert_int_equal(found.cr, cr);
        assert_int_equal(found.crlf, crlf);
    }
}

static void more_lines_than_noted_are_counted(void **state)
{
    (void)state;
    static struct http_lines found;
    static uint8_t text[HTTP_LINES_MAX * 3];
    memset(text, '\n', sizeof text);
    http_lines_find(&found, sp_span_of(text, sizeof text));
    assert_int_equal(found.n, sizeof text);
    assert_int_equal(found.end[HTTP_LINES_MAX - 1], HTTP_LINES_MAX);
}

static void escapes_are_seen_at_every_place(void **state)
{
    (void)state;
    uint8_t text[40];
    for (size_t i = 0; i < sizeof text; i++) {
        memset(text, 'a', sizeof text);
        assert_false(http_has_escapes(sp_span_of(text, sizeof text)));
        text[i] = "%+\xc3"[i % 3];
        assert_true(http_has_escapes(sp_span_of(text, sizeof text)));
        assert_false(http_has_escapes(sp_span_of(text, i)));
    }
}

static void names_end_at_what_is_no_letter_digit_or_hyphen(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        uint8_t text[16];
        for (size_t i = 0; i < sizeof text; i++) {
            bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-';
            memset(text, 'z', sizeof text);
            text[i] = (uint8_t)c;
            assert_int_equal(http_name_length(sp_span_of(text, sizeof text)), plain ? 16 : i);
        }
    }
    assert_int_equal(http_name_length(SP_LIT("Host:")), 0);
}

static void a_charset_is_known_or_not(void **state)
{
    (void)state;
    assert_true(http_charset_has_ascii(SP_LIT("")));
    assert_true(http_charset_has_ascii(SP_LIT("UTF-8")));
    assert_true(http_charset_has_ascii(SP_LIT("windows-1252")));
    assert_false(http_charset_has_ascii(SP_LIT("ibm037")));
    assert_false(http_charset_has_ascii(SP_LIT("utf-7")));
    assert_int_equal(http_wide_of(SP_LIT("\xff\xfe{")), WIDE_LITTLE);
    assert_int_equal(http_wide_of(SP_LIT("\0{\0}")), WIDE_BIG);
    assert_int_equal(http_wide_of(SP_LIT("{\0\0\0")), WIDE_OTHER);
    assert_int_equal(http_wide_of(SP_LIT("{}")), WIDE_NO);
}

static void utf16_becomes_utf8(void **state)
{
    (void)state;
    struct sp_arena a;
    assert_int_equal(sp_arena_init(&a, 1 << 16), 0);
    assert_span(http_from_utf16(&a, SP_LIT("\xff\xfe" "a\0\xe9\0\xac\x20"), false), "a\xc3\xa9\xe2\x82\xac");
    assert_span(http_from_utf16(&a, SP_LIT("\xd8\x3d\xde\x00" "\0"), true), "\xf0\x9f\x98\x80");
    assert_span(http_from_utf16(&a, SP_LIT("\xd8\x3d"), true), "\xed\xa0\xbd");
    sp_arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_found_as_by_a_plain_loop),
        cmocka_unit_test(more_lines_than_noted_are_counted),
        cmocka_unit_test(escapes_are_seen_at_every_place),
        cmocka_unit_test(names_end_at_what_is_no_letter_digit_or_hyphen),
        cmocka_unit_test(a_charset_is_known_or_not),
        cmocka_unit_test(utf16_becomes_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
