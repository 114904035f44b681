/* SPDX-License-Identifier: Apache-2.0 */
#include "reads.h"

/* One item a line: path, what it is, value. Strings in quotes, unescaped. */
static void put_items(struct sp_json j, struct sp_buf *out)
{
    static const char *const marks[] = {
        [SP_JSON_STR] = "\"", [SP_JSON_NUM] = "number ", [SP_JSON_TRUE] = "", [SP_JSON_FALSE] = "", [SP_JSON_NULL] = "", [SP_JSON_KEY] = "key "};
    struct sp_json_item item;
    for (sp_json_next(&j, &item); item.kind != SP_JSON_END && item.kind != SP_JSON_BROKEN; sp_json_next(&j, &item)) {
        sp_put(out, item.path);
        sp_put_str(out, ": ");
        sp_put_str(out, marks[item.kind]);
        sp_put(out, item.value);
        sp_put_str(out, item.kind == SP_JSON_STR ? "\"\n" : "\n");
    }
    sp_put_str(out, item.kind == SP_JSON_END ? "end" : "broken");
    assert_int_equal(j.malformed, item.kind == SP_JSON_BROKEN);
}

static void items(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    put_items((struct sp_json){.in = in, .arena = a}, out);
}

static void lenient(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    put_items((struct sp_json){.in = in, .arena = a, .lenient = true}, out);
}

static void scalars(void **state)
{
    (void)state;
    assert_reads(items, "\"a\"", ": \"a\"\nend");
    assert_reads(items, "true", ": true\nend");
    assert_reads(items, " false\t", ": false\nend");
    assert_reads(items, "null\r\n", ": null\nend");
    assert_reads(items, "-0.5e+10", ": number -0.5e+10\nend");
    assert_reads(items, "", "end");
}

static void paths_name_members_and_elements(void **state)
{
    (void)state;
    assert_reads(items, "{\"a\":{\"b\":[1,{\"c\":\"x\"},[2]]},\"d\":3}",
                 "a: key a\na.b: key b\na.b.0: number 1\na.b.1.c: key c\na.b.1.c: \"x\"\na.b.2.0: number 2\nd: key d\nd: number 3\nend");
    assert_reads(items, "[[],{},[[]],0]", "3: number 0\nend");
    assert_reads(items, "{\"\":1,\"a.b\":2}", ": key \n: number 1\na.b: key a.b\na.b: number 2\nend");
}

static void duplicate_keys_are_kept(void **state)
{
    (void)state;
    assert_reads(items, "{\"a\":1,\"a\":2}", "a: key a\na: number 1\na: key a\na: number 2\nend");
}

static void strings_are_unescaped(void **state)
{
    (void)state;
    assert_reads(items, "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", ": \"\"\\/\b\f\n\r\t\"\nend");
    assert_reads(items, "\"\\u0041\\u00e9\\u20AC\\u0000\"", ": \"A\xc3\xa9\xe2\x82\xac\0\"\nend");
    assert_reads(items, "\"\\ud83d\\uDE00\"", ": \"\xf0\x9f\x98\x80\"\nend");
    assert_reads(items, "\"\\ud83dx\\ude00\\ud83d\\u0041\"", ": \"\xef\xbf\xbdx\xef\xbf\xbd\xef\xbf\xbd" "A\"\nend");
    assert_reads(items, "{\"\\u0061\":\"caf\xc3\xa9 \xff\"}", "a: key a\na: \"caf\xc3\xa9 \xff\"\nend");
}

static void some_leniencies(void **state)
{
    (void)state;
    assert_reads(items, "\xef\xbb\xbf{\"a\":1}", "a: key a\na: number 1\nend");
    assert_reads(items, "{\"a\":1}\n{\"a\":2}\n", "a: key a\na: number 1\na: key a\na: number 2\nend");
    assert_reads(items, "1 2", ": number 1\n: number 2\nend");
}

static void anything_else_is_broken(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{", "[", "}", "]", "{]", "[}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "[1,]", "[,1]", "{,}", "{1:2}", "{a:1}", "[1 2]", "{\"a\" \"b\"}",
        "{'a':1}", "\"a", "\"\\", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud83d\\u12\"", "\"a\nb\"", "\"\\n\1\"", "tru", "nul",
        "True", "NaN", "+1", "01", "-", ".5", "1.", "1e", "1e+", "0x1", "--1", "/**/1", "\v1", " \xef\xbb\xbf true", ","};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct sp_span got = reads_as(items, sp_span_str(texts[i]));
        if (!sp_span_ends(got, SP_LIT("broken")))
            fail_msg("%s reads as %.*s", texts[i], SP_FMT(got));
        assert_false(reads_exhausted());
    }
}

static void items_before_the_break_stand(void **state)
{
    (void)state;
    assert_reads(items, "{\"a\":\"b\",c", "a: key a\na: \"b\"\nbroken");
    assert_reads(items, "[1,2", "0: number 1\n1: number 2\nbroken");
}

#define REPEATED_4(s) s s s s
#define REPEATED_16(s) REPEATED_4(s) REPEATED_4(s) REPEATED_4(s) REPEATED_4(s)

static void lenient_readers_skip_comments(void **state)
{
    (void)state;
    assert_reads(lenient, "{\"a\":1}", "a: key a\na: number 1\nend");
    assert_reads(lenient, "/*\"*/{/**/\"a\"/* : */:/*/ 0 /*/1//,\n,#x\n\"b\":2}", "a: key a\na: \"1\"\nb: key b\nb: \"2\"\nbroken");
    assert_reads(lenient, "[1, // x\r\n 2] /* ", "0: number 1\n1: \"2\"\nbroken");
    assert_reads_unclear(lenient, "// x\r\"a\"\n", "broken");
    assert_reads(lenient, "\x89PNG\r\n# x\r\"a\"\n", ": \"\x89PNG\"\nbroken");
    assert_reads(lenient, ")]}'\n{\"a\":1}", "a: key a\na: \"1\"\nbroken");
}

static void lenient_readers_take_any_quotes_and_none(void **state)
{
    (void)state;
    assert_reads(lenient, "{'a':'b\"c',d:'e'}", "a: key a\na: \"b\"c\"\nd: key d\nd: \"e\"\nbroken");
    assert_reads(lenient, "{a:b c:1abc,\"d\":01}", "a: key a\na: \"b\"\nc: key c\nc: \"1abc\"\nd: key d\nd: \"01\"\nbroken");
    assert_reads(lenient, "{\"a\":1abc}", "a: key a\na: \"1abc\"\nbroken");
    assert_reads(lenient, "{\"a\":truely}", "a: key a\na: \"truely\"\nbroken");
    assert_reads(lenient, "[0x1F,+1,.5,NaN,-Infinity,http://a]", "0: \"0x1F\"\n1: \"+1\"\n2: \".5\"\n3: \"NaN\"\n4: \"-Infinity\"\n5: \"http\"\nbroken");
    assert_reads(lenient, "{a={b=>1;c:[x;y]}}", "a: key a\na.b: key b\na.b: \">1\"\na.c: key c\na.c.0: \"x\"\na.c.1: \"y\"\nbroken");
    assert_reads(lenient, "['a", "0: \"a\"\nbroken");
}

static void lenient_readers_have_more_escapes(void **state)
{
    (void)state;
    assert_reads(lenient, "['\\x41\\u0042\\'\\v\\q\\7\\\r\nC\\\nD\nE\\u12']", "0: \"AB'\vq\7CD\nEu12\"\nbroken");
    assert_reads(lenient, "{\\u0061:\\x62}", "a: key a\na: \"b\"\nbroken");
    assert_reads(lenient, "[\"a\nb\\x4\",'\\", "0: \"a\nbx4\"\n1: \"\\\"\nbroken");
}

static void lenient_readers_miss_no_commas(void **state)
{
    (void)state;
    assert_reads(lenient, "{\"a\":1,,\"b\":2,}", "a: key a\na: number 1\nb: key b\nb: \"2\"\nbroken");
    assert_reads(lenient, "[1,]", "0: number 1\nbroken");
    assert_reads(lenient, "{\"a\":1 \"b\":2}", "a: key a\na: number 1\nb: key b\nb: \"2\"\nbroken");
    assert_reads(lenient, "{\"a\":Set[{\"b\":1}]}", "a: key a\na: \"Set\"\na.0.b: key b\na.0.b: \"1\"\nbroken");
    assert_reads(lenient, "{\"a\" \"b\"}]{c:1}", ": \"a\"\n: \"b\"\nc: key c\nc: \"1\"\nbroken");
    assert_reads(lenient, "}]:=;,x", ": \"x\"\nbroken");
}

static void lenient_readers_give_up_too(void **state)
{
    (void)state;
    assert_reads(lenient, "}}}}}}}}}}}}}}}}\"a\"", ": \"a\"\nbroken");
    assert_reads(lenient, "}}}}}}}}}}}}}}}}}\"a\"", "broken");
    assert_reads(lenient, "[}]]]]]]]]]]]]]]]]]{\"a\":1}", "broken");
    assert_reads(lenient, "a a a a a a a a a a a a a a a a [x]", REPEATED_16(": \"a\"\n") "0: \"x\"\nbroken");
    assert_reads(lenient, "a a a a a a a a a a a a a a a a a [x]", REPEATED_16(": \"a\"\n") ": \"a\"\nbroken");
}

static void nested(struct sp_buf *out, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++)
        sp_put_str(out, i % 2 ? "{\"a\":" : "[");
    sp_put_str(out, "1");
    while (depth--)
        sp_put_str(out, depth % 2 ? "}" : "]");
}

static void what_is_nested_too_deeply_is_not_inspected(void **state)
{
    (void)state;
    struct sp_buf in = sp_buf_growing(1 << 20);
    nested(&in, SP_JSON_DEPTH_MAX);
    assert_true(sp_span_ends(reads_as(items, sp_buf_span(&in)), SP_LIT("a: number 1\nend")));
    assert_false(reads_exhausted());
    in.n = 0;
    nested(&in, SP_JSON_DEPTH_MAX + 1);
    assert_true(sp_span_ends(reads_as(items, sp_buf_span(&in)), SP_LIT("broken")));
    assert_true(reads_exhausted());
    sp_buf_fini(&in);
}

static void long_paths_are_cut(void **state)
{
    (void)state;
    static char text[3 * SP_JSON_PATH_MAX];
    struct sp_buf in = sp_buf_fixed(text, sizeof text);
    struct sp_arena a;
    assert_int_equal(sp_arena_init(&a, 1 << 20), 0);
    sp_put_str(&in, "{\"");
    while (in.n < 2 * SP_JSON_PATH_MAX)
        sp_put_byte(&in, 'k');
    sp_put_str(&in, "\":{\"b\":[1]}}");
    struct sp_json j = {.in = sp_buf_span(&in), .arena = &a};
    struct sp_json_item item;
    sp_json_next(&j, &item);
    assert_int_equal(item.value.n, 2 * SP_JSON_PATH_MAX - 2);
    assert_int_equal(item.path.n, SP_JSON_PATH_MAX);
    sp_json_next(&j, &item);
    assert_span(item.value, "b");
    sp_json_next(&j, &item);
    assert_int_equal(item.kind, SP_JSON_NUM);
    assert_int_equal(item.path.n, SP_JSON_PATH_MAX);
    assert_int_equal(item.depth, 3);
    assert_int_equal(j.deepest, 3);
    sp_arena_fini(&a);
}

static void plain_strings_are_not_copied(void **state)
{
    (void)state;
    struct sp_arena a;
    struct sp_span in = SP_LIT("\"caf\xc3\xa9\" ");
    struct sp_json j = {.in = in, .arena = &a};
    struct sp_json_item item;
    assert_int_equal(sp_arena_init(&a, 4096), 0);
    sp_json_next(&j, &item);
    assert_ptr_equal(item.value.p, in.p + 1);
    assert_span(item.raw, "\"caf\xc3\xa9\"");
    sp_arena_fini(&a);
}

static void quoted(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    (void)a;
    sp_json_quote(out, in);
}

static void quoting_makes_strings(void **state)
{
    (void)state;
    assert_reads(quoted, "a\"b\\c\n\x01\xc3\xa9\xff", "\"a\\\"b\\\\c\\n\\u0001\xc3\xa9\\u00ff\"");
    assert_reads(quoted, "", "\"\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars),
        cmocka_unit_test(paths_name_members_and_elements),
        cmocka_unit_test(duplicate_keys_are_kept),
        cmocka_unit_test(strings_are_unescaped),
        cmocka_unit_test(some_leniencies),
        cmocka_unit_test(anything_else_is_broken),
        cmocka_unit_test(items_before_the_break_stand),
        cmocka_unit_test(lenient_readers_skip_comments),
        cmocka_unit_test(lenient_readers_take_any_quotes_and_none),
        cmocka_unit_test(lenient_readers_have_more_escapes),
        cmocka_unit_test(lenient_readers_miss_no_commas),
        cmocka_unit_test(lenient_readers_give_up_too),
        cmocka_unit_test(what_is_nested_too_deeply_is_not_inspected),
        cmocka_unit_test(long_paths_are_cut),
        cmocka_unit_test(plain_strings_are_not_copied),
        cmocka_unit_test(quoting_makes_strings),
    };
    return reads_group(tests);
}
