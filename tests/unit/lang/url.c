/* SPDX-License-Identifier: Apache-2.0 */
#include "reads.h"

static void decoded(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    sp_put(out, sp_url_decode(in, 0, a));
}

static void decoded_query(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    sp_put(out, sp_url_decode(in, SP_URL_PLUS, a));
}

static void escapes_are_decoded_once(void **state)
{
    (void)state;
    assert_reads(decoded, "", "");
    assert_reads(decoded, "%2e%2E%2f", "../");
    assert_reads(decoded, "a%00b", "a\0b");
    assert_reads(decoded, "%252e", "%2e");
    assert_reads(decoded, "%25%32%65", "%2e");
    assert_reads(decoded, "/a/long/path/without/anything/to/decode/until%20here", "/a/long/path/without/anything/to/decode/until here");
}

static void plus_is_a_space_in_queries_alone(void **state)
{
    (void)state;
    assert_reads(decoded, "a+b%20c", "a+b c");
    assert_reads(decoded_query, "a+b%20c%2b", "a b c+");
}

static void broken_escapes_stay(void **state)
{
    (void)state;
    assert_reads(decoded, "100%", "100%");
    assert_reads(decoded, "%2", "%2");
    assert_reads(decoded, "%zz%2g%%41%u00%u12g4", "%zz%2g%A%u00%u12g4");
}

static void windows_escapes_are_decoded(void **state)
{
    (void)state;
    assert_reads(decoded, "%u002e%U002F", "./");
    assert_reads(decoded, "%uff0e%uFF0F%uff41", "./a");
    assert_reads(decoded, "%uff00%uff5f", "\xef\xbc\x80\xef\xbd\x9f");
    assert_reads(decoded, "%u00e9%u20ac", "\xc3\xa9\xe2\x82\xac");
    assert_reads(decoded, "%ud83d%ude00", "\xf0\x9f\x98\x80");
    assert_reads(decoded, "%ud83d!%ude00", "\xed\xa0\xbd!\xed\xb8\x80");
}

static void overlong_forms_are_folded(void **state)
{
    (void)state;
    assert_reads(decoded, "%c0%ae%c0%af", "./");
    assert_reads(decoded, "\xc0\xae%c0\xaf", "./");
    assert_reads(decoded, "%e0%80%ae%f0%80%80%ae", "..");
    assert_reads(decoded, "%c0%80", "\0");
    assert_reads(decoded, "%e0%83%a9%f0%82%82%ac", "\xc3\xa9\xe2\x82\xac");
    assert_reads(decoded, "%c0%e0%80%ae", "\xc0.");
}

static void what_is_not_overlong_stays(void **state)
{
    (void)state;
    assert_reads(decoded, "%c0%2e", "\xc0.");
    assert_reads(decoded, "%e0%80.%f0%80%80", "\xe0\x80.\xf0\x80\x80");
    assert_reads(decoded, "%c3%a9%e2%82%ac%f0%9f%98%80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    assert_reads(decoded, "%80%bf%ff%f8", "\x80\xbf\xff\xf8");
}

static void what_needs_no_decoding_is_not_copied(void **state)
{
    (void)state;
    static const struct sp_span plain[] = {SP_LIT(""), SP_LIT("a/b?c=d"), SP_LIT("100% of %zz and %u12"), SP_LIT("caf\xc3\xa9 \xe2\x82\xac \xff"),
                                           SP_LIT("a+b"), SP_LIT("0123456789abcdef0123456789abcdef\xc3\xa9%")};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        struct sp_arena none = {0};
        struct sp_span got = sp_url_decode(plain[i], 0, &none);
        assert_ptr_equal(got.p, plain[i].p);
        assert_int_equal(got.n, plain[i].n);
        assert_false(none.exhausted);
    }
}

static void every_place_of_an_escape_is_found(void **state)
{
    (void)state;
    char text[67];
    for (size_t at = 0; at < 64; at++) {
        for (size_t i = 0; i < sizeof text; i++)
            text[i] = 'a';
        text[at] = '%';
        text[at + 1] = '4';
        text[at + 2] = '1';
        struct sp_span got = reads_as(decoded, sp_span_of(text, sizeof text));
        assert_int_equal(got.n, 65);
        assert_int_equal(got.p[at], 'A');
    }
}

static void encoded(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    (void)a;
    sp_url_encode(out, in, 0, SP_LIT("/"));
}

static void encoded_form(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    (void)a;
    sp_url_encode(out, in, SP_URL_PLUS, SP_LIT(""));
}

static void encoding_leaves_what_may_stay(void **state)
{
    (void)state;
    assert_reads(encoded, "/aZ09-._~/", "/aZ09-._~/");
    assert_reads(encoded, "a b%\xc3\n", "a%20b%25%C3%0A");
    assert_reads(encoded_form, "a b/c&d=+", "a+b%2Fc%26d%3D%2B");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_are_decoded_once),
        cmocka_unit_test(plus_is_a_space_in_queries_alone),
        cmocka_unit_test(broken_escapes_stay),
        cmocka_unit_test(windows_escapes_are_decoded),
        cmocka_unit_test(overlong_forms_are_folded),
        cmocka_unit_test(what_is_not_overlong_stays),
        cmocka_unit_test(what_needs_no_decoding_is_not_copied),
        cmocka_unit_test(every_place_of_an_escape_is_found),
        cmocka_unit_test(encoding_leaves_what_may_stay),
    };
    return reads_group(tests);
}
