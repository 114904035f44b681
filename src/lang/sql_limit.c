/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sql_limit: the row limit of a query, and where one can be put: LIMIT of PostgreSQL, MySQL, MariaDB and SQLite, FETCH FIRST of PostgreSQL, MariaDB and
 * Oracle, TOP of T-SQL. Only what stands outside all brackets counts.
 */
#include "lang/sql_read.h"

/* Behind FROM, words of MySQL that come after its LIMIT: INTO, PROCEDURE, LOCK IN, FOR UPDATE. */
static bool trails(const struct reader *r, const struct sp_sql_token *t)
{
    uint8_t k = t->keyword;
    bool locking = (k == K_UPDATE || k == K_SHARE) && r->last_keyword == K_FOR;
    bool into = k == K_INTO && (r->limit.from || r->statement.tokens > 1) && r->lex.mode.dialect == SP_SQL_MYSQL;
    return locking || (into && r->limit.from) || k == K_PROCEDURE || k == K_LOCK;
}

/* A word that ends the expression behind LIMIT. */
static bool ends_expression(uint8_t k)
{
    return k == K_OFFSET || k == K_FOR || k == K_FETCH || k == K_LOCK || k == K_INTO || k == K_PROCEDURE || k == K_UNION || k == K_ROWS || k == K_ROW ||
           k == K_INTERSECT || k == K_EXCEPT || k == K_ONLY;
}

static void take_expression(struct reader *r, const struct sp_sql_token *t)
{
    struct limit *l = &r->limit;
    if (l->tokens++ == 0)
        l->off = t->off;
    l->end = t->off + t->len;
    l->number = t->kind == SP_SQL_NUMBER && sp_span_u64(sp_span_sub(r->lex.in, t->off, t->len), &l->rows);
    l->all = t->keyword == K_ALL || t->keyword == K_NULL;
}

static void begin_expression(struct reader *r, enum limit_state state, const struct sp_sql_token *t)
{
    struct limit *l = &r->limit;
    l->state = (uint8_t)state;
    l->given = true;
    l->tokens = 0;
    l->number = l->all = false;
    l->off = l->end = t->off + t->len;
}

/* LIMIT 10, 20: the first one is the offset. */
static void in_number(struct reader *r, const struct sp_sql_token *t)
{
    if (r->statement.depth == 0 && read_is(r, t, ','))
        begin_expression(r, LIMIT_NUMBER, t);
    else if (r->statement.depth == 0 && ends_expression(t->keyword))
        r->limit.state = LIMIT_DONE;
    else
        take_expression(r, t);
}

/* FETCH FIRST ROW ONLY is one row. */
static void in_fetch(struct reader *r, const struct sp_sql_token *t)
{
    struct limit *l = &r->limit;
    if (t->keyword == K_FIRST || t->keyword == K_NEXT) {
        l->off = l->end = t->off + t->len;
    } else if (ends_expression(t->keyword)) {
        l->state = LIMIT_DONE;
        if (l->tokens == 0)
            l->rows = 1;
    } else {
        l->other |= t->keyword == K_PERCENT;
        take_expression(r, t);
    }
}

static void in_top(struct reader *r, const struct sp_sql_token *t)
{
    struct limit *l = &r->limit;
    if (read_is(r, t, '('))
        return;
    take_expression(r, t);
    l->state = LIMIT_DONE;
}

static void outside(struct reader *r, const struct sp_sql_token *t)
{
    struct limit *l = &r->limit;
    uint8_t k = t->keyword;
    if (trails(r, t) && !l->trailing) {
        l->trailing = true;
        l->place = k == K_UPDATE || k == K_SHARE ? l->place : l->statement_end;
    }
    if (k == K_FROM)
        l->from = true;
    if (k == K_UNION || k == K_INTERSECT || k == K_EXCEPT)
        l->given = false;
    l->offset |= k == K_OFFSET;
    l->other |= k == K_PERCENT || k == K_TIES;
    if (k == K_LIMIT)
        begin_expression(r, LIMIT_NUMBER, t);
    else if (k == K_FETCH && r->statement.tokens)
        begin_expression(r, LIMIT_FETCH, t);
    else if (k == K_TOP && r->lex.mode.dialect == SP_SQL_TSQL)
        begin_expression(r, LIMIT_TOP, t);
}

void limit_begin(struct reader *r)
{
    r->limit = (struct limit){0};
}

void limit_token(struct reader *r, const struct sp_sql_token *t)
{
    struct limit *l = &r->limit;
    if (!(r->what & SP_SQL_LIMIT) || r->facts->statements)
        return;
    switch (l->state) {
    case LIMIT_NUMBER: in_number(r, t); break;
    case LIMIT_FETCH: in_fetch(r, t); break;
    case LIMIT_TOP: in_top(r, t); break;
    default: break;
    }
    if ((l->state == LIMIT_NONE || l->state == LIMIT_DONE) && r->statement.depth == 0)
        outside(r, t);
    /* FOR comes before UPDATE: the place is before both. */
    if (!l->trailing && t->keyword != K_FOR)
        l->place = t->off + t->len;
    l->statement_end = t->off + t->len;
}

static bool takes_limit(const struct reader *r)
{
    uint8_t dialect = r->lex.mode.dialect, verb = r->statement.verb;
    bool offset_first = dialect == SP_SQL_MYSQL && r->limit.offset;
    bool rows = verb == K_SELECT || (dialect == SP_SQL_PGSQL && (verb == K_VALUES || verb == K_TABLE));
    return rows && !offset_first && (dialect == SP_SQL_PGSQL || dialect == SP_SQL_MYSQL || dialect == SP_SQL_SQLITE);
}

void limit_end(struct reader *r)
{
    struct limit *l = &r->limit;
    struct sp_sql_row_limit *out = &r->facts->limit;
    if (!(r->what & SP_SQL_LIMIT))
        return;
    if (r->facts->statements) {
        *out = (struct sp_sql_row_limit){0};
        return;
    }
    *out = (struct sp_sql_row_limit){.given = l->given, .place = l->place};
    out->possible = l->given || takes_limit(r);
    if (!l->given)
        return;
    bool single = l->tokens == 1 || (l->tokens == 0 && l->rows == 1);
    out->all = l->all && l->tokens == 1;
    out->known = single && (l->number || l->tokens == 0) && !l->other;
    out->rows = out->known ? l->rows : 0;
    out->off = l->off;
    out->len = l->end - l->off;
}
