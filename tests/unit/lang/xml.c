/* SPDX-License-Identifier: Apache-2.0 */
#include "reads.h"

static void put_item(struct sp_buf *out, const struct sp_xml_item *item)
{
    sp_put(out, item->path);
    switch (item->kind) {
    case SP_XML_ELEMENT:
        sp_put_str(out, "<");
        break;
    case SP_XML_ATTR:
        sp_put_str(out, " @");
        break;
    case SP_XML_TEXT:
        sp_put_str(out, ": ");
        break;
    case SP_XML_DOCTYPE:
        sp_put_str(out, "doctype");
        break;
    case SP_XML_ENTITY:
        sp_put_str(out, item->parameter ? "parameter " : "entity ");
        break;
    case SP_XML_END:
    case SP_XML_BROKEN:
        sp_put_str(out, item->kind == SP_XML_END ? "end" : "broken");
        return;
    }
    sp_put(out, item->name);
    if (item->kind == SP_XML_ATTR || item->kind == SP_XML_ENTITY)
        sp_put_str(out, item->external ? " at " : "=");
    sp_put(out, item->value);
    sp_put_str(out, "\n");
}

static void items(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    struct sp_xml x;
    struct sp_xml_item item;
    sp_xml_start(&x, in, a);
    do {
        sp_xml_next(&x, &item);
        put_item(out, &item);
    } while (item.kind != SP_XML_END && item.kind != SP_XML_BROKEN);
    sp_xml_next(&x, &item);
    assert_true(item.kind == SP_XML_END || item.kind == SP_XML_BROKEN);
}

static void elements_attributes_and_text(void **state)
{
    (void)state;
    assert_reads(items, "<a>x</a>", "a<a\na: x\nend");
    assert_reads(items, "<s:a x = \"1\" n:y='2'\n><b/>t</s:a >", "a<s:a\na @x=1\na @n:y=2\na/b<b\na: t\nend");
    assert_reads(items, "<a><b>1</b> <b>2</b>\n<c/></a>", "a<a\na/b<b\na/b: 1\na/b<b\na/b: 2\na/c<c\nend");
    assert_reads(items, "", "end");
    assert_reads(items, " ", "end");
}

static void references_are_resolved(void **state)
{
    (void)state;
    assert_reads(items, "<a b='&lt;&gt;&amp;&quot;&apos;'>&#65;&#x42;&#x1F600;&#0;</a>", "a<a\na @b=<>&\"'\na: AB\xf0\x9f\x98\x80\xef\xbf\xbd\nend");
    assert_reads(items, "<a>&amp;lt;</a>", "a<a\na: &lt;\nend");
    assert_reads(items, "<a>&lt &x; &colon; &#65 &#; & </a>", "a<a\na: &lt &x; &colon; &#65 &#; & \nend");
    assert_reads(items, "<a>&#32;&#x9;</a>", "a<a\nend");
}

static void text_is_one_whatever_it_is_cut_by(void **state)
{
    (void)state;
    assert_reads(items, "<a>u<!-- - -- > -->n<![CDATA[i&o]]><![CDATA[]]><?p ?>n &amp; <b/>x</a>", "a<a\na: uni&on & \na/b<b\na: x\nend");
    assert_reads(items, "<a><![CDATA[<x>&lt;]]></a>", "a<a\na: <x>&lt;\nend");
    assert_reads(items, "<a><![CDATA[]]]]><![CDATA[>]]></a>", "a<a\na: ]]>\nend");
    assert_reads(items, "<a> <!-- --> <![CDATA[ ]]> </a>", "a<a\nend");
}

static void comments_and_instructions_are_skipped(void **state)
{
    (void)state;
    assert_reads(items, "<?xml version='1.0'?><!-- <x> --><a><!--><b>--></a>", "a<a\nend");
    assert_reads(items, "<a><?><b/>?></a>", "a<a\nend");
}

static void document_types_and_entities(void **state)
{
    (void)state;
    assert_reads(items, "<!DOCTYPE a><a/>", "doctype a\na<a\nend");
    assert_reads(items, "<!DOCTYPE a SYSTEM \"http://x/>\"><a/>", "doctype a SYSTEM \"http://x/>\"\na<a\nend");
    assert_reads(items, "<!DOCTYPE a [<!ENTITY x \"y\"> <!ENTITY z SYSTEM 'file:///etc/passwd' NDATA n>]><a>&z;</a>",
                 "doctype a [<!ENTITY x \"y\"> <!ENTITY z SYSTEM 'file:///etc/passwd' NDATA n>]\nentity x=y\nentity z at file:///etc/passwd\n"
                 "a<a\na: &z;\nend");
    assert_reads(items, "<!doctype a[<!ENTITY % p PUBLIC \"-//x\" \"http://y\">%p;]><a/>",
                 "doctype a[<!ENTITY % p PUBLIC \"-//x\" \"http://y\">%p;]\nparameter p at http://y\na<a\nend");
    assert_reads(items, "<!DOCTYPE a [<!ENTITY % e \"<!ENTITY &#x25; s SYSTEM 'http://y/?%f;'>\">]><a/>",
                 "doctype a [<!ENTITY % e \"<!ENTITY &#x25; s SYSTEM 'http://y/?%f;'>\">]\n"
                 "parameter e=<!ENTITY &#x25; s SYSTEM 'http://y/?%f;'>\na<a\nend");
}

static void what_is_inert_in_a_document_type_hides_nothing(void **state)
{
    (void)state;
    assert_reads(items, "<!DOCTYPE a [<!-- ' ]> \" --><?p ' ?><!ENTITY x 'y'><!-- <!ENTITY n 'o'> -->]><a/>",
                 "doctype a [<!-- ' ]> \" --><?p ' ?><!ENTITY x 'y'><!-- <!ENTITY n 'o'> -->]\nentity x=y\na<a\nend");
    assert_reads(items, "<!DOCTYPE a [<!ELEMENT a (b)>]><a>]]></a>", "doctype a [<!ELEMENT a (b)>]\na<a\na: ]]>\nend");
}

#define ENTITIES(declared, content) "<!DOCTYPE a [" declared "]><a>" content "</a>"

/* What the content is read as, whatever is told of the document type. */
static void content(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    struct sp_xml x;
    struct sp_xml_item item;
    sp_xml_start(&x, in, a);
    do {
        sp_xml_next(&x, &item);
        if (item.kind != SP_XML_DOCTYPE && item.kind != SP_XML_ENTITY)
            put_item(out, &item);
    } while (item.kind != SP_XML_END && item.kind != SP_XML_BROKEN);
}

static void entities_are_expanded(void **state)
{
    (void)state;
    assert_reads(content, ENTITIES("<!ENTITY e \"EV\"><!ENTITY f 'IL'>", "&e;&f;"), "a<a\na: EVIL\nend");
    assert_reads(content, ENTITIES("<!ENTITY e 'E&f;L'><!ENTITY f 'V&amp;I'>", "-&e;<!-- -->&f;-"), "a<a\na: -EV&ILV&I-\nend");
    assert_reads(content, ENTITIES("<!ENTITY e 'x'><!ENTITY e 'y'>", "<b c='&e;&f;&amp;'/>"), "a<a\na/b<b\na/b @c=x&f;&\nend");
    assert_reads(content, ENTITIES("<!ENTITY e '&#69;&#38;f;'><!ENTITY f '&lt;'>", "&e;"), "a<a\na: E<\nend");
    assert_reads(content, ENTITIES("<!ENTITY e ''>", "E&e;V<![CDATA[&e;]]>&e"), "a<a\na: EV&e;&e\nend");
    assert_reads(content, ENTITIES("<!ENTITY e SYSTEM 'f'>", "&e;"), "a<a\na: &e;\nend");
}

static void entities_that_cannot_be_expanded_are_not_inspected(void **state)
{
    (void)state;
    assert_reads_unclear(content, ENTITIES("<!ENTITY e '<b/>'>", "&e;"), "a<a\nbroken");
    assert_reads_unclear(content, ENTITIES("<!ENTITY e '&#60;b/>'>", "&e;"), "a<a\nbroken");
    assert_reads_unclear(content, ENTITIES("<!ENTITY e '&f;'><!ENTITY f '&e;'>", "&e;"), "a<a\nbroken");
    assert_reads_unclear(content, ENTITIES("<!ENTITY % p \"<!ENTITY e 'x'>\"> %p;", "&e;"), "a<a\nbroken");
    assert_reads(content, ENTITIES("<!ENTITY e '<b/>'><!ENTITY % p 'x'> %p;", "x&amp;"), "a<a\na: x&\nend");
    assert_reads(content, "<!DOCTYPE html><p>a&nbsp;100%</p>", "p<p\np: a&nbsp;100%\nend");
}

static void entities_are_bounded(void **state)
{
    (void)state;
    struct sp_buf in = sp_buf_growing(1 << 20);
    for (unsigned n = SP_XML_ENTITIES_MAX; n <= SP_XML_ENTITIES_MAX + 1; n++) {
        in.n = 0;
        sp_put_str(&in, "<!DOCTYPE a [");
        for (unsigned i = 1; i <= n; i++)
            sp_put_fmt(&in, "<!ENTITY e%u 'x'>", i);
        sp_put_fmt(&in, "]><a>&e%u;</a>", n);
        (void)reads_as(content, sp_buf_span(&in));
        assert_int_equal(reads_exhausted(), n > SP_XML_ENTITIES_MAX);
    }
    in.n = 0;
    sp_put_str(&in, "<!DOCTYPE a [<!ENTITY e0 '0123456789'>");
    for (unsigned i = 1; i < 10; i++)
        sp_put_fmt(&in, "<!ENTITY e%u '&e%u;&e%u;&e%u;&e%u;&e%u;&e%u;&e%u;&e%u;'>", i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    sp_put_str(&in, "]><a>&e9;</a>");
    assert_true(sp_span_ends(reads_as(content, sp_buf_span(&in)), SP_LIT("broken")));
    assert_true(reads_exhausted());
    sp_buf_fini(&in);
}

static void an_unfinished_document_type_tells_its_entities(void **state)
{
    (void)state;
    assert_reads(items, "<!DOCTYPE a [<!ENTITY % x SYSTEM \"http://y\"> %x; ",
                 "doctype a [<!ENTITY % x SYSTEM \"http://y\"> %x; \nparameter x at http://y\nbroken");
    assert_reads(items, "<!DOCTYPE a [<!ENTITY x 'y'> ' ]><a/>", "doctype a [<!ENTITY x 'y'> ' ]><a/>\nentity x=y\nbroken");
    assert_reads(items, "<!DOCTYPE", "doctype\nbroken");
}

static void one_document_type_a_document(void **state)
{
    (void)state;
    assert_reads(items, "<!DOCTYPE a><!DOCTYPE b><a/>", "doctype a\nbroken");
}

static void declarations_end_with_their_document_type(void **state)
{
    (void)state;
    assert_reads(items, "<!DOCTYPE a [\"<!ENTITY x '\"]><a b='1'/>", "doctype a [\"<!ENTITY x '\"]\nentity x=\na<a\na @b=1\nend");
}

static void what_has_no_end_is_broken(void **state)
{
    (void)state;
    static const char *const texts[] = {"<",       "<a",       "<a>",        "<a b",      "<a b=",    "<a b=c>",  "<a b='c>", "<a><!-- ",
                                        "<![CDATA[", "<a></a", "<?xml",      "< a/>",     "<a / >",   "<!x>",     "<a <b/>",  "<a \"b\"='c'/>",
                                        "<!-->",   "<a><![CDATA[x</a>", "<a b/>", "<a><b></a>"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct sp_span got = reads_as(items, sp_span_str(texts[i]));
        if (!sp_span_ends(got, SP_LIT("broken")))
            fail_msg("%s reads as %.*s", texts[i], SP_FMT(got));
        assert_false(reads_exhausted());
    }
}

/* `text` in UTF-16. */
static void put_wide(struct sp_buf *out, struct sp_span text, bool big)
{
    for (size_t i = 0; i < text.n; i++) {
        sp_put_byte(out, big ? 0 : text.p[i]);
        sp_put_byte(out, big ? text.p[i] : 0);
    }
}

static void wide_encodings_are_brought_to_utf8(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        bool big = i & 1, mark = i & 2;
        struct sp_buf in = sp_buf_growing(4096);
        sp_put(&in, !mark ? SP_LIT("") : big ? SP_LIT("\xfe\xff") : SP_LIT("\xff\xfe"));
        put_wide(&in, SP_LIT("<?xml version='1.0' encoding='utf-16'?><a b='c'>"), big);
        sp_put(&in, big ? SP_LIT("\0\xe9\x20\xac\xd8\x3d\xde\x00") : SP_LIT("\xe9\0\xac\x20\x3d\xd8\x00\xde"));
        put_wide(&in, SP_LIT("</a>"), big);
        reads_check(items, sp_buf_span(&in), SP_LIT("a<a\na @b=c\na: \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\nend"), false, __FILE__, __LINE__);
        sp_buf_fini(&in);
    }
    assert_reads(items, "\xef\xbb\xbf<a/>", "a<a\nend");
}

static void declared_encodings_that_have_ascii_are_read(void **state)
{
    (void)state;
    assert_reads(items, "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>\xe9</a>", "a<a\na: \xe9\nend");
    assert_reads(items, "<?xml version='1.0' encoding = 'Windows-1252' standalone='yes'?><a/>", "a<a\nend");
    assert_reads(items, "<?xml version='1.0' encoding='utf-16'?><a/>", "a<a\nend");
    assert_reads(items, "<?xml version='1.0'?><a encoding='ibm037'/>", "a<a\na @encoding=ibm037\nend");
}

static void other_encodings_are_unclear(void **state)
{
    (void)state;
    static const struct sp_span texts[] = {
        SP_LIT("<?xml version='1.0' encoding='UTF-7'?><a/>"),
        SP_LIT("<?xml version='1.0' encoding=\"IBM037\"?><a/>"),
        SP_LIT("<?xml version='1.0' encoding='utf-16be'?>\0<\0a\0/\0>"),
        SP_LIT("\x4c\x6f\xa7\x94\x93\x40"),
        SP_LIT("\0\0\0<\0\0\0a"),
        SP_LIT("<\0\0\0a\0\0\0"),
        SP_LIT("\xff\xfe\0\0<\0\0\0"),
        SP_LIT("\0\0\xfe\xff\0\0\0<"),
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_span(reads_as(items, texts[i]), "broken");
        assert_true(reads_exhausted());
    }
}

static void put_times(struct sp_buf *out, const char *text, unsigned n)
{
    while (n--)
        sp_put_str(out, text);
}

static void elements_may_be_deeper_than_their_path(void **state)
{
    (void)state;
    struct sp_buf in = sp_buf_growing(1 << 20);
    put_times(&in, "<a>", 3 * SP_XML_DEPTH_MAX);
    sp_put_str(&in, "<b c='d'>e</b>");
    put_times(&in, "</a>", 3 * SP_XML_DEPTH_MAX - 1);
    sp_put_str(&in, "f</a>");
    struct sp_span got = reads_as(items, sp_buf_span(&in));
    assert_true(sp_span_find(got, 0, SP_LIT("a/a<b\n")) != SP_NOT_FOUND);
    assert_true(sp_span_find(got, 0, SP_LIT("a/a @c=d\n")) != SP_NOT_FOUND);
    assert_true(sp_span_find(got, 0, SP_LIT("a/a: e\n")) != SP_NOT_FOUND);
    assert_true(sp_span_ends(got, SP_LIT("\na: f\nend")));
    assert_false(reads_exhausted());
    sp_buf_fini(&in);
}

static void long_paths_are_cut(void **state)
{
    (void)state;
    struct sp_buf in = sp_buf_growing(1 << 20);
    sp_put_str(&in, "<");
    put_times(&in, "n", 2 * SP_XML_PATH_MAX);
    sp_put_str(&in, "><b>x</b></");
    put_times(&in, "n", 2 * SP_XML_PATH_MAX);
    sp_put_str(&in, "><c/>");
    struct sp_span got = reads_as(items, sp_buf_span(&in));
    assert_true(sp_span_ends(got, SP_LIT("nnn: x\nc<c\nend")));
    sp_buf_fini(&in);
}

static void what_needs_no_resolving_is_not_copied(void **state)
{
    (void)state;
    struct sp_arena a;
    struct sp_xml x;
    struct sp_xml_item item;
    struct sp_span in = SP_LIT("<a b='c'><![CDATA[&]]></a>");
    assert_int_equal(sp_arena_init(&a, 4096), 0);
    sp_xml_start(&x, in, &a);
    sp_xml_next(&x, &item);
    sp_xml_next(&x, &item);
    assert_ptr_equal(item.value.p, in.p + 6);
    sp_xml_next(&x, &item);
    assert_ptr_equal(item.value.p, in.p + 18);
    sp_arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_attributes_and_text),
        cmocka_unit_test(references_are_resolved),
        cmocka_unit_test(text_is_one_whatever_it_is_cut_by),
        cmocka_unit_test(comments_and_instructions_are_skipped),
        cmocka_unit_test(document_types_and_entities),
        cmocka_unit_test(entities_are_expanded),
        cmocka_unit_test(entities_that_cannot_be_expanded_are_not_inspected),
        cmocka_unit_test(entities_are_bounded),
        cmocka_unit_test(what_is_inert_in_a_document_type_hides_nothing),
        cmocka_unit_test(an_unfinished_document_type_tells_its_entities),
        cmocka_unit_test(one_document_type_a_document),
        cmocka_unit_test(declarations_end_with_their_document_type),
        cmocka_unit_test(what_has_no_end_is_broken),
        cmocka_unit_test(wide_encodings_are_brought_to_utf8),
        cmocka_unit_test(declared_encodings_that_have_ascii_are_read),
        cmocka_unit_test(other_encodings_are_unclear),
        cmocka_unit_test(elements_may_be_deeper_than_their_path),
        cmocka_unit_test(long_paths_are_cut),
        cmocka_unit_test(what_needs_no_resolving_is_not_copied),
    };
    return reads_group(tests);
}
