/* SPDX-License-Identifier: Apache-2.0 */
#include "reads.h"

static void lower(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    sp_put(out, sp_text_lower(in, a));
}

static void upper(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    sp_put(out, sp_text_upper(in, a));
}

static void html(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    sp_put(out, sp_text_html_decode(in, a));
}

static void ascii_letters_have_case(void **state)
{
    (void)state;
    assert_reads(lower, "aZ@[`{09\xc3\x89\xff", "az@[`{09\xc3\x89\xff");
    assert_reads(upper, "aZ@[`{09\xc3\xa9\xff", "AZ@[`{09\xc3\xa9\xff");
    assert_reads(lower, "", "");
}

static void numbers_stand_for_characters(void **state)
{
    (void)state;
    assert_reads(html, "&#60;&#x3c;&#X3C;", "<<<");
    assert_reads(html, "&#233;&#x20ac;&#x1F600;", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    assert_reads(html, "&#106&#x61;v&#97script&#58;", "javascript:");
    assert_reads(html, "&#x6ag&#x3cz", "jg<z");
}

static void zeros_in_front_do_not_matter(void **state)
{
    (void)state;
    assert_reads(html, "&#0000000000000000000000000000000000000000060;x", "<x");
    assert_reads(html, "&#x000000000000000000000000000000000000000003C", "<");
}

static void what_is_no_character_is_replaced(void **state)
{
    (void)state;
    assert_reads(html, "&#0;&#xd800;&#x110000;", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    assert_reads(html, "&#99999999999999999999999999999999999999999999;", "\xef\xbf\xbd");
    assert_reads(html, "&#x10ffff;", "\xf4\x8f\xbf\xbf");
}

static void names_stand_for_characters(void **state)
{
    (void)state;
    assert_reads(html, "&lt;&gt;&amp;&quot;&apos;&nbsp;", "<>&\"' ");
    assert_reads(html, "&colon;&sol;&bsol;&lpar;&rpar;&Tab;&NewLine;&period;&comma;&excl;&num;&dollar;&percnt;", ":/\\()\t\n.,!#$%");
    assert_reads(html, "&lsqb;&lbrack;&rsqb;&rbrack;&lcub;&lbrace;&rcub;&rbrace;&semi;&ast;&midast;&plus;&equals;&quest;&commat;", "[[]]{{}};**+=?@");
    assert_reads(html, "&grave;&DiacriticalGrave;&lowbar;&UnderBar;&vert;&verbar;&VerticalLine;&Hat;", "``__|||^");
    assert_reads(html, "&LT;&GT;&AMP;&QUOT;", "<>&\"");
}

static void old_names_need_no_semicolon(void **state)
{
    (void)state;
    assert_reads(html, "&ltscript&gt", "<script>");
    assert_reads(html, "&lt/&quot=&amp&", "</\"=&&");
    assert_reads(html, "&ltx;", "<x;");
    assert_reads(html, "&colon &sol", "&colon &sol");
}

static void anything_else_stays(void **state)
{
    (void)state;
    assert_reads(html, "a && b & c", "a && b & c");
    assert_reads(html, "&; &#; &#x; &#xg; &unknown; &Colon; &", "&; &#; &#x; &#xg; &unknown; &Colon; &");
    assert_reads(html, "&amp;lt;", "&lt;");
    assert_reads(html, "nothing", "nothing");
    assert_reads(html, "&DiacriticalGraves;&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;", "&DiacriticalGraves;&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ascii_letters_have_case),
        cmocka_unit_test(numbers_stand_for_characters),
        cmocka_unit_test(zeros_in_front_do_not_matter),
        cmocka_unit_test(what_is_no_character_is_replaced),
        cmocka_unit_test(names_stand_for_characters),
        cmocka_unit_test(old_names_need_no_semicolon),
        cmocka_unit_test(anything_else_stays),
    };
    return reads_group(tests);
}
