/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of PostgreSQL begin and end where its own scanner says (libpg_query is that scanner). Statements, and every pair of pieces of some, with nothing,
 * a blank, or a line break between. What the scanner refuses is not compared: the server refuses it as well.
 *
 * Two things are known of the library and not of the server: it does not keep where U&'' and U&"" end, and a string does not go on behind a comment.
 */
#include <pg_query.h>

#include "base/cur.h"
#include "lang/sql.h"
#include "reads.h"

enum { TOKENS_MAX = 4096, UIDENT = 259, USCONST = 262 };
enum { WIRE_VARINT = 0, FIELD_TOKENS = 2, FIELD_START = 1, FIELD_END = 2, FIELD_TOKEN = 4 };

struct scanned {
    size_t start, end;
    uint64_t token;
};

/* ---- the library's answer: protocol buffers, of which three numbers for each token matter ---- */

static uint64_t varint(struct sp_cur *c)
{
    uint64_t v = 0;
    uint8_t byte = 0x80;
    for (unsigned shift = 0; (byte & 0x80) && sp_cur_ok(c) && shift < 64; shift += 7) {
        byte = sp_cur_u8(c);
        v |= (uint64_t)(byte & 0x7f) << shift;
    }
    return v;
}

static struct scanned one_token(struct sp_span message)
{
    struct scanned t = {0};
    struct sp_cur c = sp_cur_of(message);
    while (sp_cur_left(&c)) {
        uint64_t field = varint(&c) >> 3, value = varint(&c);
        if (field == FIELD_START)
            t.start = value;
        else if (field == FIELD_END)
            t.end = value;
        else if (field == FIELD_TOKEN)
            t.token = value;
    }
    return t;
}

/* False: the scanner refuses the statement. */
static bool scan(const char *text, struct scanned *tokens, size_t *ret_n)
{
    PgQueryScanResult result = pg_query_scan(text);
    struct sp_cur c = sp_cur_of(sp_span_of(result.pbuf.data, result.error ? 0 : result.pbuf.len));
    bool accepted = !result.error;
    size_t n = 0;
    while (sp_cur_left(&c)) {
        uint64_t key = varint(&c), value = varint(&c);
        if ((key & 7) == WIRE_VARINT)
            continue;
        struct sp_span message = sp_cur_take(&c, value);
        assert_true(n < TOKENS_MAX);
        if (key >> 3 == FIELD_TOKENS)
            tokens[n++] = one_token(message);
    }
    assert_true(sp_cur_ok(&c));
    pg_query_free_scan_result(result);
    *ret_n = n;
    return accepted;
}

/* ---- both side by side ---- */

static bool compare(const char *text)
{
    static struct scanned tokens[TOKENS_MAX];
    struct sp_sql s;
    struct sp_sql_token t;
    size_t n, i = 0;
    if (!scan(text, tokens, &n))
        return false;
    sp_sql_start(&s, sp_span_str(text), (struct sp_sql_mode){.dialect = SP_SQL_PGSQL});
    s.comments = true;
    for (; sp_sql_next(&s, &t); i++) {
        bool no_end = i < n && (tokens[i].token == UIDENT || tokens[i].token == USCONST);
        if (i == n || tokens[i].start != t.off || (!no_end && tokens[i].end != t.off + t.len))
            fail_msg("token %zu of \"%s\" is %zu..%zu here and %zu..%zu there", i, text, t.off, t.off + t.len, i < n ? tokens[i].start : 0,
                     i < n ? tokens[i].end : 0);
    }
    if (i != n)
        fail_msg("\"%s\" has %zu tokens here and %zu there", text, i, n);
    return true;
}

static const char *const statements[] = {
    "SELECT 1", "select a.b, \"C\".\"d\"\"e\", f.* from g as h where i=j;", "select 'a''b', 'a\\', E'a\\'b', e'\\\\', E'\\'''",
    "select 'a'\n'b'", "select 'a'  \t\n\r\f 'b' 'c'", "select E'a'\n'b\\''\n'c'", "select b'01'\n'10', x'1f'\n'2a'", "select b'0''1'", "select 'a' /* c */ 'b'",
    "select U&'d\\0061t\\+000061', u&\"d\\0061t\"", "select U&'d!0061t' UESCAPE '!'", "select u & 'a', u&b, U &\"c\"", "select N'a', n'b', n 'c'",
    "select B'0', b'1', X'1F', x'ff', xb'a', bx 'b'", "select $$a$$, $x$a$$b$x$, $x$ $y$ $x$, $_é$a$_é$", "select $$$$, $a$$a$, $a$$$a$, $a$$b$$a$",
    "select $1, $12+$3, a$1, a$b$c, $1$2", "select 1, 1.5, .5, 5., 1e5, 1e+5, 1.e-5, .5e5", "select 1..2, 1.2.3, a[1:2], a[1..2]", "select 1.a", "select a.1",
    "select -1, - 1, +-1, a-1, a- -1, a -1", "select a--b\n, c", "select a-/*b*/-c", "select a+--b\n+c", "select a</*b*/c", "select a*/*b*/c, a/ *b",
    "select /* a /* b */ c */ d", "select /**/1/***/2/****/3", "select /*/**/*/1", "select /* -- */ 1 -- /*\n, 2", "select 1 --", "select 1 -- a\r, 2",
    "select a<-1, a<=-1, a<>-1, a@-1, a~-1, a||-1, a*-1, a/-1, a%-1, a^-1, a#-1, a&-1, a|-1, a!-1, a?-1, a`-1", "select a<+b, a=+b, a@+b, a->+b",
    "select a->b, a->>b, a#>b, a#>>'{c}', a@>b, a<@b, a?b, a?|b, a?&b, a&&b, a||b, a@@b, a~~*b, a!~~*b", "select a=>b, a:=b, a::b, a :: b, a: :b, a..b",
    "select !=-a, <>-a, a!=b, a<>b, a<=b, a>=b, a=<b, a=>b", "select @a, @ a, @@a, #a, ~a, !a, a!, !!a", "select *, (*), -*, +*", "select a<<b>>c<<=d",
    "select a+-b, a-+b, a+-+-b, a-++b, a*+-b, a@+-b", "select {a}, a\\b, $a, a$", "select \"a b\", \"a''b\", \"\n\"", "select é, \"é\", 'é', é1, _é",
    "insert into a (b, c) values (1, 'd'), (default, null) on conflict (b) do update set c = excluded.c returning *",
    "update only a.b as c set d = d+1, (e,f) = (select g, h) from i where j is not distinct from k", "delete from a using b where c in (1,2,3)",
    "with recursive a(b) as (select 1 union all select b+1 from a where b<100) select sum(b) from a", "select a from b limit 5 offset 10 for update of c nowait",
    "create function f(a int) returns int language sql begin atomic select 1; end", "create function f() returns int as $$begin return 1; end$$ language plpgsql",
    "create operator <-> (leftarg = a, rightarg = b)", "create rule r as on insert to a do (select 1; select 2)", "copy a (b) from program 'c' with (format csv)",
    "select interval '1 day', date '2020-01-01', timestamp with time zone 'x'", "select cast(a as numeric(10,2)), a::varchar(3)[], array[1,2], row(1,2)",
    "select case when a then b else c end, extract(year from d), substring(e from 1 for 2)", "select a.b.c.d, (a).b, (a.b).c[1].d", "select 1;;; select 2;",
    "set a = 'b'; set c to d, e; show f", "begin; savepoint a; rollback to a; commit", "select current_user, session_user, user", "select\t1\f,\r2\n",
    "select 'a' 'b'", "select 'a\nb'", "select $a$\n$a$", "select \"a\"\n\"b\"", "select 0x1f", "select 1_000", "select 1a", "select 1e", "select $1a", "", " ", ";",
    "--", "/**/", "'", "\"", "$$", "E'\\", "U&'", "/*", "B'", "$a$ $b$", "select 'a\\' or 1=1 -- '", "select '' or ''='", "select 1/**/union/**/select/**/2",
};

static const char *const pieces[] = {
    "'a'", "''", "'", "\"a\"", "\"", "$$", "$a$", "$a", "$1", "$", "U&'a'", "u&\"a\"", "U&", "u", "E'a'", "e'\\''", "E'\\", "\\", "b'01'", "x'1f'", "N'a'", "n", "--\n",
    "--", "/*", "*/", "/**/", "/", "*", "+", "-", "<", ">", "=", "!", "@", "#", "^", "&", "|", "`", "?", "%", "~", ".", "..", "1", "12.", ".5", "1.5", "1e5", "1e", "0x1",
    "1_0", "a", "e", "x", "_", "\xc3\xa9", ":", "::", ":=", ";", "(", "]", "{", ",", "<>", "->>", "<=", "||", "\r", "\f", "\v", "UESCAPE", "select",
};

static void statements_have_the_scanners_tokens(void **state)
{
    (void)state;
    size_t accepted = 0;
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        accepted += compare(statements[i]);
    assert_true(accepted > sizeof statements / sizeof *statements / 2);
}

static void pairs_of_pieces_have_the_scanners_tokens(void **state)
{
    (void)state;
    static const char *const between[] = {"", " ", "\n", "a"};
    enum { PIECES = sizeof pieces / sizeof *pieces, BETWEEN = sizeof between / sizeof *between, TEXT_MAX = 64 };
    size_t accepted = 0;
    for (size_t i = 0; i < (size_t)PIECES * PIECES * BETWEEN; i++) {
        uint8_t room[TEXT_MAX];
        struct sp_buf text = sp_buf_fixed(room, sizeof room);
        sp_put_str(&text, pieces[i / PIECES % PIECES]);
        sp_put_str(&text, between[i / PIECES / PIECES]);
        sp_put_str(&text, pieces[i % PIECES]);
        sp_put_byte(&text, 0);
        assert_false(text.full);
        accepted += compare((const char *)room);
    }
    assert_true(accepted > PIECES * PIECES * BETWEEN / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_have_the_scanners_tokens),
        cmocka_unit_test(pairs_of_pieces_have_the_scanners_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
