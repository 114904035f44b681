/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of each dialect. What is written behind a letter for the kind is the token's value; a '?' behind the letter: other versions read it differently. */
#include "lang/sql.h"

#include "reads.h"

static void put_tokens(struct sp_span in, struct sp_sql_mode mode, bool comments, struct sp_arena *a, struct sp_buf *out)
{
    struct sp_sql s;
    struct sp_sql_token t;
    size_t end = 0;
    sp_sql_start(&s, in, mode);
    s.comments = comments;
    while (sp_sql_next(&s, &t)) {
        assert_true(t.off >= end && t.len <= in.n - t.off);
        end = t.off + t.len;
        sp_put_str(out, out->n ? " " : "");
        sp_put_byte(out, (uint8_t)"-wnsdpvo.c!"[t.kind]);
        sp_put_str(out, t.flags & SP_SQL_T_UNCLEAR ? "?" : "");
        sp_put(out, sp_sql_text(&s, &t, a));
    }
    assert_true(t.kind == SP_SQL_END && !sp_sql_next(&s, &t));
}

#define READER(name, with_comments, ...)                                                                                               \
    static void name(struct sp_span in, struct sp_arena *a, struct sp_buf *out)                                                        \
    {                                                                                                                                  \
        put_tokens(in, (struct sp_sql_mode){__VA_ARGS__}, with_comments, a, out);                                                      \
    }
READER(generic, false, .dialect = SP_SQL_GENERIC)
READER(pgsql, false, .dialect = SP_SQL_PGSQL)
READER(pgsql_comments, true, .dialect = SP_SQL_PGSQL)
READER(pgsql_escapes, false, .dialect = SP_SQL_PGSQL, .flags = SP_SQL_BACKSLASH_ESCAPES)
READER(maria, false, .dialect = SP_SQL_MYSQL, .flags = SP_SQL_MARIADB, .version = 101119)
READER(maria_comments, true, .dialect = SP_SQL_MYSQL, .flags = SP_SQL_MARIADB, .version = 101119)
READER(mysql, false, .dialect = SP_SQL_MYSQL, .version = 80036)
READER(mysql_ansi, false, .dialect = SP_SQL_MYSQL, .flags = SP_SQL_ANSI_QUOTES, .version = 80036)
READER(mysql_plain, false, .dialect = SP_SQL_MYSQL, .flags = SP_SQL_NO_BACKSLASH_ESCAPES, .version = 80036)
READER(mysql_wide, false, .dialect = SP_SQL_MYSQL, .flags = SP_SQL_TRAILING_BYTES, .version = 80036)
READER(mysql_unknown, false, .dialect = SP_SQL_MYSQL)
READER(tsql, false, .dialect = SP_SQL_TSQL)
READER(tsql_strings, false, .dialect = SP_SQL_TSQL, .flags = SP_SQL_STRING_QUOTES)
READER(oracle, false, .dialect = SP_SQL_ORACLE)
READER(sqlite, false, .dialect = SP_SQL_SQLITE)

static void pgsql_strings(void **state)
{
    (void)state;
    assert_reads(pgsql, "SELECT 'a''b\\'", "wSELECT sa'b\\");
    assert_reads(pgsql, "'a'\n 'b' 'c'", "sab sc");
    assert_reads(pgsql, "'a' -- it's\n\t'b'", "sab");
    assert_reads(pgsql, "'a' 'b'", "sa sb");
    assert_reads(pgsql, "E'a\\'b\\n\\x41\\101\\u0042\\U00000043\\q'", "sa'b\nAABCq");
    assert_reads(pgsql, "e'\\ud83d\\ude00'", "s\xf0\x9f\x98\x80");
    assert_reads(pgsql, "E'a'\n'\\'b'", "sa'b");
    assert_reads(pgsql, "B'01' x'1F' b'0''1'", "s01 s1F s0 s1");
    assert_reads(pgsql, "N'a' n 'b'", "wN sa wn sb");
    assert_reads(pgsql, "U&'\\0041\\+000042\\\\''' u&\"x\\0079\"", "sAB\\' nxy");
    assert_reads(pgsql, "U&'!0041' UESCAPE '!'", "sA wUESCAPE s!");
    assert_reads(pgsql, "U & 'a' u&b", "wU o& sa wu o& wb");
    assert_reads(pgsql, "'abc", "!'abc");
    assert_reads(pgsql, "E'abc\\'", "!E'abc\\'");
    assert_reads(pgsql_escapes, "'a\\'b'", "sa'b");
    assert_reads(pgsql, "\"a\"\"b\" \"c", "na\"b !\"c");
}

static void pgsql_dollars(void **state)
{
    (void)state;
    assert_reads(pgsql, "$$a'b$$ $1 $x$ $y$ $x$", "sa'b p$1 s $y$ ");
    assert_reads(pgsql, "$a$b$c$a$", "sb$c");
    assert_reads(pgsql, "a$b$ $", "wa$b$ .$");
    assert_reads(pgsql, "$a $1a$$b", ".$ wa p?$1 wa$$b");
    assert_reads(pgsql, "$a$ $b$", "!$a$ $b$");
}

static void pgsql_operators(void **state)
{
    (void)state;
    assert_reads(pgsql, "a<-1 b@-c d<=+-1", "wa o< o- d1 wb o@- wc wd o<= o+ o- d1");
    assert_reads(pgsql, "a*--b\nc", "wa o* wc");
    assert_reads(pgsql, "a+/*b*/c", "wa o+ wc");
    assert_reads(pgsql, "a||-b", "wa o||- wb");
    assert_reads(pgsql, "a->>'b'::text:=c=>d..e", "wa o->> sb o:: wtext o:= wc o=> wd ... we");
    assert_reads(pgsql, "(a[1:2].*);", ".( wa .[ d1 .: d2 .] .. o* .) .;");
    assert_reads(pgsql, "-- c", "");
    assert_reads(pgsql, "a ?| b", "wa o?| wb");
}

static void pgsql_numbers(void **state)
{
    (void)state;
    assert_reads(pgsql, "1 1.5 .5 5. 1e5 1.e-3 .5E+2", "d1 d1.5 d.5 d5. d1e5 d1.e-3 d.5E+2");
    assert_reads(pgsql, "1..10 1.2.3", "d1 ... d10 d1.2 d.3");
    assert_reads(pgsql, "123abc 1e 1_000 0x1f", "d?123 wabc d?1 we d?1_000 d?0x1f");
}

static void pgsql_comments_are_nested(void **state)
{
    (void)state;
    assert_reads(pgsql, "a/* /* */ b */c", "wa wc");
    assert_reads(pgsql, "a/*/**/*/b /**/", "wa wb");
    assert_reads(pgsql, "a /* /* */", "wa !/* /* */");
    assert_reads(pgsql_comments, "a--b\rc/*d*/", "wa c--b wc c/*d*/");
}

static void mysql_strings(void **state)
{
    (void)state;
    assert_reads(mysql, "'a\\'b''c' \"d'\"\"e\" `f``g`", "sa'b'c sd'\"e nf`g");
    assert_reads(mysql, "'\\n\\t\\r\\b\\Z\\%\\_\\q\\\\'", "s\n\t\r\b\x1a\\%\\_q\\");
    assert_reads(mysql, "N'a' n\"b\" _utf8'c' x'4142' X'4' b'01' ", "sa wn sb w_utf8 sc sAB !X'4' b'01' ");
    assert_reads(mysql, "'a' 'b'", "sa sb");
    assert_reads(mysql_ansi, "\"a\" 'b' @\"c\\\" d", "na sb v@\"c\\\" wd");
    assert_reads(mysql_plain, "'a\\' b", "sa\\ wb");
    assert_reads(mysql, "'\xbf\\' or 1", "!'\xbf\\' or 1");
    assert_reads(mysql_wide, "'\xbf\\' or 1", "s\xbf\\ wor d1");
    assert_reads(mysql, "'a", "!'a");
}

static void mysql_numbers_and_names(void **state)
{
    (void)state;
    assert_reads(mysql, "0x41 0b01 0X41 0x4g 0x 1a 2e 1e5 1e+5 1e5a", "dA d0b01 w0X41 w0x4g w0x w1a w2e d1e5 d1e+5 d1e5 wa");
    assert_reads(mysql, "1.5 .5 5. 1.5e3 a.5 a .5 `a`.5", "d1.5 d.5 d5. d1.5e3 wa .. w5 wa d.5 na d.5");
    assert_reads(mysql, "a.1b.select $a", "wa .. w1b .. wselect w$a");
    assert_reads(mysql, "1.e(2)", ".( d2 .)");
    assert_reads(maria, "1.e(2)", "!?1.e(2)");
    assert_reads(mysql, "@a.b:=@'c d' @@global.x @`e` u@h", "v@a.b o:= v@'c d' v@@global.x v@`e` wu v@h");
    assert_reads(mysql, "a<=>b>=c!=d&&e||f<<g->'$' ? \\N", "wa o<=> wb o>= wc o!= wd o&& we o|| wf o<< wg o-> s$ p? w\\N");
}

static void mysql_comments(void **state)
{
    (void)state;
    assert_reads(mysql, "a#b\nc -- d\n--e", "wa wc o- o- we");
    assert_reads(mysql, "a--\tb\nc--", "wa wc");
    assert_reads(mysql, "a/* /* */b*/", "wa wb o* o/");
    assert_reads(mysql, "/*!50000 a*/b /*!99999 c*/ d /*!e*/", "wa wb wd we");
    assert_reads(mysql, "/*!99999 a /* b */ c */ d", "wd");
    assert_reads(mysql, "/*M!100000 a*/ b", "wb");
    assert_reads(maria, "/*M!100000 a*/ b /*M!110000 c*/ /*!50701 d*/ /*!100100 e*/", "wa wb we");
    assert_reads(mysql_unknown, "/*!99999 a*/", "wa");
    assert_reads(mysql, "/*!50000 a", "wa !");
    assert_reads(maria, "1/*!50000 /*!99999 x */+1*/ b", "d1 o+ d1 wb");
    assert_reads(maria, "1/*!50000 /*!50000 +1*/ */", "d1 o+ d1 o* o/");
    assert_reads(maria_comments, "/*!a/*b*/*/ c", "c/*! wa c/*b*/ c*/ wc");
}

static void tsql_tokens(void **state)
{
    (void)state;
    assert_reads(tsql, "[a]]b] \"c\" N'd''e' @v @@w #t ##g $1.5 0xAB", "na]b nc sd'e v@v v@@w w#t w##g d$1.5 d\xab");
    assert_reads(tsql_strings, "\"c\"", "sc");
    assert_reads(tsql, "a/* /* */ */b--c\nd<>e!=f+=g", "wa wb wd o<> we o!= wf o+= wg");
    assert_reads(tsql, "select 1a", "wselect d1 wa");
    assert_reads(tsql, "[a", "![a");
}

static void oracle_tokens(void **state)
{
    (void)state;
    assert_reads(oracle, "q'[it's]' Q'!a'b!' nq'<x>' n'y' \"Z\"", "sit's sa'b sx sy nZ");
    assert_reads(oracle, "a$b#c :x :1 1.5e3f 2d 1..2", "wa$b#c p:x p:1 d1.5e3f d2d d1. d.2");
    assert_reads(oracle, "a||b^=c--d\n/* /* */e", "wa o|| wb o^= wc we");
    assert_reads(oracle, "q'[a]", "!q'[a]");
}

static void sqlite_tokens(void **state)
{
    (void)state;
    assert_reads(sqlite, "'a''b' \"c\" `d` [e] x'4142'", "sa'b nc nd ne sAB");
    assert_reads(sqlite, "?1 ? :a @b $c #d 0x1F 1.5e3", "p?1 p? p:a p@b p$c p#d d0x1F d1.5e3");
    assert_reads(sqlite, "a==b->>c||d /* no end", "wa o== wb o->> wc o|| wd");
    assert_reads(sqlite, "12ab", "!12ab");
    assert_reads(sqlite, "x'414'", "!x'414'");
}

static void generic_tokens(void **state)
{
    (void)state;
    assert_reads(generic, "select 'a''b' from t where x=1--c", "wselect sa'b wfrom wt wwhere wx o= d1");
    assert_reads(generic, "'a\\' \"b\" `c` #d\ne", "s?a\\ n?b n?c we");
    assert_reads(generic, "$t$a$t$ $1 :x ? @y E'z'", "s?a p$1 p:x p? v@y sz");
    assert_reads(generic, "/*!union*/ select", "wunion wselect");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pgsql_strings),
        cmocka_unit_test(pgsql_dollars),
        cmocka_unit_test(pgsql_operators),
        cmocka_unit_test(pgsql_numbers),
        cmocka_unit_test(pgsql_comments_are_nested),
        cmocka_unit_test(mysql_strings),
        cmocka_unit_test(mysql_numbers_and_names),
        cmocka_unit_test(mysql_comments),
        cmocka_unit_test(tsql_tokens),
        cmocka_unit_test(oracle_tokens),
        cmocka_unit_test(sqlite_tokens),
        cmocka_unit_test(generic_tokens),
    };
    return reads_group(tests);
}
