/* SPDX-License-Identifier: Apache-2.0 */
/* What statements name and say. */
#include "lang/sql.h"

#include "reads.h"

enum { EVERYTHING = (SP_SQL_LIMIT << 1) - 1 };

static void put_list(struct sp_buf *out, const char *name, const struct sp_sql_list *list, struct sp_span in)
{
    if (list->n == 0)
        return;
    sp_put_str(out, out->n ? " | " : "");
    sp_put_str(out, name);
    for (uint32_t i = 0; i < list->n; i++) {
        sp_put_str(out, i ? ", " : " ");
        sp_put(out, list->items[i].text);
        assert_true(list->items[i].off <= in.n && list->items[i].len <= in.n - list->items[i].off);
    }
}

static void read_as(struct sp_span in, struct sp_sql_mode mode, struct sp_arena *a, struct sp_sql_facts *f)
{
    sp_sql_read(in, mode, EVERYTHING, a, f);
    assert_true(!f->too_complex || a->exhausted);
}

#define READER(name, list, ...)                                                                                                        \
    static void name(struct sp_span in, struct sp_arena *a, struct sp_buf *out)                                                        \
    {                                                                                                                                  \
        struct sp_sql_facts f;                                                                                                         \
        read_as(in, (struct sp_sql_mode){__VA_ARGS__}, a, &f);                                                                         \
        list                                                                                                                           \
    }
#define NAMES put_list(out, "tables", &f.tables, in); put_list(out, "columns", &f.columns, in); put_list(out, "functions", &f.functions, in);
#define PGSQL .dialect = SP_SQL_PGSQL
#define MYSQL .dialect = SP_SQL_MYSQL, .version = 80036
#define MARIA .dialect = SP_SQL_MYSQL, .version = 101119, .flags = SP_SQL_MARIADB
READER(pgsql_names, NAMES, PGSQL)
READER(mysql_names, NAMES, MYSQL)
READER(tsql_names, NAMES, .dialect = SP_SQL_TSQL)
READER(pgsql_kinds, put_list(out, "", &f.kinds, in);, PGSQL)
READER(maria_kinds, put_list(out, "", &f.kinds, in);, MARIA)
READER(oracle_kinds, put_list(out, "", &f.kinds, in);, .dialect = SP_SQL_ORACLE)
READER(sqlite_kinds, put_list(out, "", &f.kinds, in);, .dialect = SP_SQL_SQLITE)
READER(pgsql_literals, put_list(out, "", &f.literals, in);, PGSQL)
READER(mysql_literals, put_list(out, "", &f.literals, in);, MYSQL)
READER(pgsql_comments, put_list(out, "", &f.comments, in);, PGSQL)
READER(mysql_comments, put_list(out, "", &f.comments, in);, MYSQL)
READER(comparisons, put_list(out, "", &f.comparisons, in);, PGSQL)
READER(tautology, sp_put_str(out, f.tautology ? "yes" : "no");, PGSQL)
READER(mysql_tautology, sp_put_str(out, f.tautology ? "yes" : "no");, MYSQL)
READER(unions, sp_put_u64(out, f.unions);, PGSQL)

static void names_are_told_apart_by_where_they_stand(void **state)
{
    (void)state;
    assert_reads(pgsql_names, "SELECT u.id, count(*) AS n, x y FROM users u LEFT JOIN \"Orders\" o ON o.u = u.id, s . t WHERE lower(u.Name) = $1",
                 "tables users, Orders, s.t | columns u.id, x, o.u, u.id, u.name | functions count, lower");
    assert_reads(pgsql_names, "with x as (select a from b) select a from x, c.x", "tables b, c.x | columns a, a");
    assert_reads(pgsql_names, "select extract(year from d), cast(x as numeric(9)), y::varchar(3), date '2020-01-01', current_user from f(1) g(d)",
                 "columns d, x, y | functions extract, cast, current_user, f");
    assert_reads(pgsql_names, "insert into t (a, b) select c, d from u on conflict (a) do update set b = excluded.b returning e",
                 "tables t, u | columns a, b, c, d, a, b, excluded.b, e");
    assert_reads(pgsql_names, "update only t set a = b from u where c is not distinct from d", "tables t, u | columns a, b, c, d");
    assert_reads(pgsql_names, "delete from t using u where exists (select 1 from v) for update", "tables t, u, v");
    assert_reads(pgsql_names, "create table if not exists t (id int references u (id), n varchar(3) default now())", "tables t, u | functions now");
    assert_reads(pgsql_names, "drop table if exists a, b", "tables a, b");
    assert_reads(pgsql_names, "grant select, update on t to r", "tables t");
    assert_reads(pgsql_names, "copy t from program 'id'", "tables t");
    assert_reads(pgsql_names, "create trigger g after insert or update on t execute function f()", "tables t | functions f");
    assert_reads(pgsql_names, "select t.*, a from (select b from c) d, lateral e", "tables c, e | columns a, b");
    assert_reads(pgsql_names, "select u&\"\\0041\" from U&\"d!0061t\" uescape '!'", "tables dat | columns A");
}

static void dialects_have_their_own_ways(void **state)
{
    (void)state;
    assert_reads(mysql_names, "select left(a, 1), replace(b, 'x', 'y'), if(c, d, e), @v from `t 1` straight_join u where f = _utf8'g'",
                 "tables t 1, u | columns a, b, c, d, e, f | functions left, replace, if");
    assert_reads(mysql_names, "insert ignore into t set a = 1 on duplicate key update a = values(a)", "tables t | columns a, a, a");
    assert_reads(mysql_names, "delete a, b from a join b on a.x = b.x", "tables a, b, a, b | columns a.x, b.x");
    assert_reads(mysql_names, "select a from t into outfile '/x'", "tables t | columns a");
    assert_reads(mysql_names, "load data infile '/etc/passwd' into table t", "tables t");
    assert_reads(mysql_names, "truncate t", "tables t");
    assert_reads(mysql_names, "select 1 /*!50000 from a */ /*!99999 from b */", "tables a");
    assert_reads(tsql_names, "exec master..xp_cmdshell 'dir'", "functions master..xp_cmdshell");
    assert_reads(tsql_names, "select top 5 [a b] from db.dbo.[T] where x = N'y'", "tables db.dbo.t | columns a b, x");
}

static void statements_end_where_the_server_ends_them(void **state)
{
    (void)state;
    assert_reads(pgsql_kinds, "select 1; ; drop table a;", " select, drop table");
    assert_reads(pgsql_kinds, "with a as (delete from b returning c) select c from a", " select");
    assert_reads(pgsql_kinds, "(select 1) union select 2; values (1); table t", " select, values, table");
    assert_reads(pgsql_kinds, "create or replace function f() returns int begin atomic select case 1 when 1 then 2 end; end; select 1",
                 " create function, select");
    assert_reads(pgsql_kinds, "create rule r as on insert to t do (delete from a; delete from b); select 1", " create rule, select");
    assert_reads(pgsql_kinds, "begin; commit; alter system set a = 1; do $$ a; b $$", " begin, commit, alter system, do");
    assert_reads(maria_kinds, "create procedure p() begin declare continue handler for 1 begin select 1; end; if a then select 2; end if; end; select 1",
                 " create procedure, select");
    assert_reads(maria_kinds, "create procedure if not exists p() select if(1, 2, 3); drop table t", " create procedure, drop table");
    assert_reads(maria_kinds, "begin not atomic select 1; end; begin; select 1", " begin, begin, select");
    assert_reads(maria_kinds, "set statement a = 1 for delete from t", " delete");
    assert_reads(maria_kinds, "create trigger t before insert on u for each row set new.a = 1; select 1", " create trigger, select");
    assert_reads(oracle_kinds, "begin if a then b; end if; end; select 1 from dual", " begin, select");
    assert_reads(sqlite_kinds, "create trigger t after insert on u begin delete from v; select 1; end; select 1", " create trigger, select");
}

static void literals_are_decoded(void **state)
{
    (void)state;
    assert_reads(pgsql_literals, "select 'a''b', E'c\\n', -1.5, $$d$$", " a'b, c\n, 1.5, d");
    assert_reads(mysql_literals, "select 'a' 'b' \"c\", 0x41, x'42', 1", " abc, A, B, 1");
    assert_reads(pgsql_comments, "select 1 -- a\n, /* b /* c */ */ 2", " -- a, /* b /* c */ */");
    assert_reads(mysql_comments, "select /*!50000 1 */ # a\n, /*!99999 b */ 2", " # a, /*!99999 b */");
    assert_reads(unions, "select 1 union select 2 union all (select 3 intersect select 4)", "3");
}

static void comparisons_have_a_shape(void **state)
{
    (void)state;
    assert_reads(comparisons, "select a from t where B = 'x' and c.d >= $1 and 1 = 1 or not e like 'f'",
                 " b = literal, c.d >= parameter, literal = literal, e like literal");
    assert_reads(comparisons, "select a from t where b in (1, 2) and c not in (select d from e) and f is not null and g between 1 and 2",
                 " b in list, c not in query, f is not constant, g between literal");
    assert_reads(comparisons, "update t set a = 1, b = 2 where c + 1 = d and (e, f) = (1, 2)", " expression = d, list = constant");
}

static void conditions_that_do_not_depend_on_the_data(void **state)
{
    (void)state;
    static const char *const yes[] = {
        "select a from t where b = 1 or 1=1", "select a from t where b = '' or 'a'='a' -- '", "select a from t where b = 1 or 2 > 1+0",
        "select a from t where b = 1 or true", "select a from t where (b = 1 or (((1=1))))", "select a from t where b = 1 or not 1 = 2",
        "select a from t where b = 1 and 1=2", "select a from t where b = 1 and ascii('a') = 97", "select a from t where b = 1 or b = b",
        "select a from t where b = 1 or 1 in (1, 2)", "select a from t where b = 1 or 2 between 1 and 3", "select a from t where b = 1 or 'a' like 'a'",
        "select a from t where b = 1 or (select 1) = 1", "select a from t where b = 1 or 1 is not null", "select a from t where b = 1 or c = 2 or 1=1",
        "delete from t where 'a' = 'a'", "select case when 1=1 then a else b end from t", "select a from t where b = 1 or (1=1 or c = 2)",
        "select a from t where b = 1 or - - 1 = 1", "select a from t where b = 1 or 1=1 union select 2", "select a from t where b in (1) or 1=1",
        "update t set a = 1 where b = 'x' or 1=1 and c = 2 or 3=3", "select a from t having 2 > 1",
    };
    static const char *const no[] = {
        "select a from t where b = 1 and c = 2", "select a from t where 1=1 and b = 1", "select a from t where 1=1", "select a from t where true",
        "select a from t where '' = '' or b = ''", "select a from t where b = $1 or $2 = $3", "select a from t where b = 1 and 1=0",
        "select a from t where b between 1 and 2", "select a from t where b = 1 and false", "select a from t join u on true", "select 1 = 1",
        "select a from t where now() > '2020-01-01' or b = 1", "select a from t where b = 1 or c", "insert into t values (1, 2), (3, 4)",
        "create or replace view v as select 1", "update t set a = a where b = 1", "select a from t where b = 1 or exists (select 1 from u where c = d)",
        "select a from t where b is null or c is not null", "grant all on t to u", "select a from t where (b, c) in ((1, 2)) or d = 1",
        "select a from t where b = 1 or c between 1 and 2", "select 'a' || 'b'", "select a from t where b like '%' || $1",
        "select case when a = 1 then 2 else 3 end", "select coalesce(a, 0) from t order by 1, 2",
    };
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        reads_check(tautology, sp_span_str(yes[i]), SP_LIT("yes"), false, __FILE__, __LINE__);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        reads_check(tautology, sp_span_str(no[i]), SP_LIT("no"), false, __FILE__, __LINE__);
    assert_reads(mysql_tautology, "select a from t where b = 1 || 1", "yes");
    assert_reads(mysql_tautology, "select a from t where b = '' && 'a' = 'a'", "yes");
    assert_reads(mysql_tautology, "select a from t where b = 1 xor 1", "yes");
    assert_reads(mysql_tautology, "select if(1=1, sleep(5), 0)", "yes");
    assert_reads(mysql_tautology, "select 'a' || 'b'", "no");
}

/* The statement with the limit put or changed to 7. */
static void put_limited(struct sp_span in, struct sp_sql_mode mode, struct sp_arena *a, struct sp_buf *out)
{
    struct sp_sql_facts f;
    read_as(in, mode, a, &f);
    if (!f.limit.possible) {
        sp_put_str(out, "impossible");
        return;
    }
    size_t at = f.limit.given ? f.limit.off : f.limit.place;
    assert_true(at <= in.n && f.limit.len <= in.n - at);
    sp_put(out, sp_span_sub(in, 0, at));
    sp_put_str(out, f.limit.given ? f.limit.known ? "<" : f.limit.all ? "<all:" : "<?" : " LIMIT ");
    sp_put_str(out, f.limit.given ? "7>" : "7");
    sp_put(out, sp_span_from(in, at + (f.limit.given ? f.limit.len : 0)));
}
static void pgsql_limit(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    put_limited(in, (struct sp_sql_mode){PGSQL}, a, out);
}
static void mysql_limit(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    put_limited(in, (struct sp_sql_mode){MYSQL}, a, out);
}

static void limits_are_found_and_can_be_put(void **state)
{
    (void)state;
    assert_reads(pgsql_limit, "select a from t where b -- c", "select a from t where b LIMIT 7 -- c");
    assert_reads(pgsql_limit, "select a from t limit 100 offset 5;", "select a from t limit <7> offset 5;");
    assert_reads(pgsql_limit, "select a from (select b from c limit 5) d", "select a from (select b from c limit 5) d LIMIT 7");
    assert_reads(pgsql_limit, "select a limit all", "select a limit <all:7>");
    assert_reads(pgsql_limit, "select a limit $1", "select a limit <?7>");
    assert_reads(pgsql_limit, "select a limit (2 + 3)", "select a limit <?7>");
    assert_reads(pgsql_limit, "select a offset 5 fetch first 9 rows only", "select a offset 5 fetch first <7> rows only");
    assert_reads(pgsql_limit, "with a as (select 1) select b from a for update", "with a as (select 1) select b from a LIMIT 7 for update");
    assert_reads(pgsql_limit, "select 1 union select 2", "select 1 union select 2 LIMIT 7");
    assert_reads(pgsql_limit, "select 1; select 2", "impossible");
    assert_reads(pgsql_limit, "insert into t select a from b", "impossible");
    assert_reads(mysql_limit, "select a from t limit 5, 10", "select a from t limit 5, <7>");
    assert_reads(mysql_limit, "select a from t for update", "select a from t LIMIT 7 for update");
    assert_reads(mysql_limit, "select a from t into outfile 'x'", "select a from t LIMIT 7 into outfile 'x'");
    assert_reads(mysql_limit, "select a /*! from t */", "select a /*! from t LIMIT 7 */");
    assert_reads(mysql_limit, "explain select 1", "impossible");
}

/* Depth is bounded, and whoever asks is told. */
static void what_is_too_deep_is_too_complex(void **state)
{
    (void)state;
    struct sp_buf text = sp_buf_growing(1 << 20);
    sp_put_str(&text, "select a from t where ");
    for (unsigned i = 0; i <= SP_SQL_DEPTH_MAX; i++)
        sp_put_byte(&text, '(');
    reads_as(tautology, sp_buf_span(&text));
    assert_true(reads_exhausted());
    sp_buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_told_apart_by_where_they_stand),
        cmocka_unit_test(dialects_have_their_own_ways),
        cmocka_unit_test(statements_end_where_the_server_ends_them),
        cmocka_unit_test(literals_are_decoded),
        cmocka_unit_test(comparisons_have_a_shape),
        cmocka_unit_test(conditions_that_do_not_depend_on_the_data),
        cmocka_unit_test(limits_are_found_and_can_be_put),
        cmocka_unit_test(what_is_too_deep_is_too_complex),
    };
    return reads_group(tests);
}
