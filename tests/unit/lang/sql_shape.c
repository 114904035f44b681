/* SPDX-License-Identifier: Apache-2.0 */
/* The shape of statements: what makes them alike and what does not. */
#include "lang/sql.h"

#include "reads.h"

static struct sp_sql_mode mode_of(uint8_t dialect)
{
    return (struct sp_sql_mode){.dialect = dialect, .version = 80036};
}

static void put_shape(struct sp_span in, uint8_t dialect, struct sp_arena *a, struct sp_buf *out)
{
    struct sp_sql_facts facts, alone;
    sp_sql_read(in, mode_of(dialect), SP_SQL_SHAPE_TEXT, a, &facts);
    sp_sql_read(in, mode_of(dialect), SP_SQL_SHAPE, NULL, &alone);
    assert_true(facts.shape == alone.shape);
    sp_put(out, facts.shape_text);
}
static void pgsql(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    put_shape(in, SP_SQL_PGSQL, a, out);
}
static void mysql(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    put_shape(in, SP_SQL_MYSQL, a, out);
}

static uint64_t shape(uint8_t dialect, const char *text)
{
    struct sp_sql_facts facts;
    sp_sql_read(sp_span_str(text), mode_of(dialect), SP_SQL_SHAPE, NULL, &facts);
    return facts.shape;
}
#define assert_same(a, b) assert_int_equal(shape(SP_SQL_PGSQL, a), shape(SP_SQL_PGSQL, b))
#define assert_other(a, b) assert_int_not_equal(shape(SP_SQL_PGSQL, a), shape(SP_SQL_PGSQL, b))

static void text_is_what_remains(void **state)
{
    (void)state;
    assert_reads(pgsql, "SELECT  a.B, \"C\" FROM t\n WHERE x='1' AND y = $2 -- z", "select a.b, \"C\" from t where x = ? and y = ?");
    assert_reads(pgsql, "select count(*), -1, a-1, a[2]::int /* b */;", "select count(*), ?, a - ?, a[?]::int");
    assert_reads(pgsql, "x in (1,2, -3) and y in ('a', f(1), 'b')", "x in (?+) and y in (?+, f(?))");
    assert_reads(pgsql, "insert into t values (1, null), (2, true), (3, default) returning a", "insert into t values (?, ?) returning a");
    assert_reads(pgsql, "values (1, (2)), (3, now()), (4, (5))", "values (?, (?)), (?, now())");
    assert_reads(pgsql, "in (select a, a from b)", "in (select a, a from b)");
    assert_reads(pgsql, "array[1,2,3] array[[1,2],[3,4]]", "array[?+] array[[?, ?]]");
    assert_reads(pgsql, "select 1; ; select 2;", "select ?; select ?");
    assert_reads(pgsql, "t0_.id1_0_ t12_.id2_13_", "t#_.id#_#_ t#_.id#_#_");
    assert_reads(pgsql, "a 'b", "a (unreadable)");
    assert_reads(mysql, "insert into t values (1) on duplicate key update a=values(a), b=1",
                 "insert into t values (?) on duplicate key update a = values (a), b = ?");
    assert_reads(mysql, "values row(1,2), row(3,4)", "values row (?, ?)");
    assert_reads(mysql, "select 'a' 'b', `c`.d", "select ?, `c`.d");
    assert_reads(mysql, "/*!50000 select*/ 1 /*!99999 a*/", "select ?");
}

static void literals_blanks_and_lists_make_no_difference(void **state)
{
    (void)state;
    assert_same("select * from t where id = 1", "SELECT *\nFROM t WHERE id=$1 /* trace 00-4bf9 */;");
    assert_same("select a from t where b in (1)", "select a from t where b in (1, 2, 3)");
    assert_same("select a from t where b in ($1,$2)", "select a from t where b in (-1, null)");
    assert_same("insert into t values (1, 'a')", "insert into t values (1, 'a'), (2, null), (-3, 'c')");
    assert_same("select 'a'", "select $$b$$");
    assert_same("select E'a'", "select -1.5e3");
    assert_same("select u0_.a from u u0_", "select u12_.a from u u12_");
    assert_int_equal(shape(SP_SQL_MYSQL, "select 'a' 'b'"), shape(SP_SQL_MYSQL, "select \"a\""));
}

static void everything_else_does(void **state)
{
    (void)state;
    assert_other("select a from t", "select b from t");
    assert_other("select a from t", "select a from t2");
    assert_other("select a from t where b = 1", "select a from t where b = 1 or 1 = 1");
    assert_other("select a from t where b in (1)", "select a from t where b in (1, (select c from d))");
    assert_other("insert into t values (1)", "insert into t values (1), ((select 2))");
    assert_other("insert into t values (1)", "insert into t values (1, 2)");
    assert_other("select a from t where b is null", "select a from t where b is not null");
    assert_other("select a", "select a; select a");
    assert_other("select \"a\"", "select \"A\"");
    assert_other("select f(1)", "select f(1, 2)");
    assert_other("select a - 1", "select a + 1");
    assert_other("in (1) and x", "in (1, x)");
    assert_other("select ab", "select a b");
    assert_int_equal(shape(SP_SQL_PGSQL, " -- nothing"), 0);
}

static void long_texts_are_cut_and_lists_deep_in_lists_kept(void **state)
{
    (void)state;
    enum { MANY = SP_SQL_SHAPE_TEXT_MAX };
    struct sp_buf text = sp_buf_growing(8 * MANY);
    for (unsigned i = 0; i < MANY; i++)
        sp_put_str(&text, "a,");
    assert_int_equal(reads_as(pgsql, sp_buf_span(&text)).n, SP_SQL_SHAPE_TEXT_MAX);
    text.n = 0;
    for (unsigned i = 0; i < 20; i++)
        sp_put_str(&text, "in (");
    sp_put_str(&text, "1, 2");
    sp_put_str(&text, "))))))))))))))))))))");
    struct sp_span shape_text = reads_as(pgsql, sp_buf_span(&text));
    assert_true(sp_span_find(shape_text, 0, SP_LIT("in (?, ?)")) != SP_NOT_FOUND);
    sp_buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_what_remains),
        cmocka_unit_test(literals_blanks_and_lists_make_no_difference),
        cmocka_unit_test(everything_else_does),
        cmocka_unit_test(long_texts_are_cut_and_lists_deep_in_lists_kept),
    };
    return reads_group(tests);
}
