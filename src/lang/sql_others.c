/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sql_others: tokens of Transact-SQL ("Transact-SQL Syntax Conventions", "Constants", "Database Identifiers"), of Oracle ("Literals", "Database
 * Object Names and Qualifiers", "Comments" in the SQL Language Reference 19c), of SQLite ("SQL As Understood By SQLite"), and of SQL whose server is
 * not known.
 */
#include "lang/sql_inside.h"

enum others_limits {
    TAG_MAX = 64, /* bytes of a $tag$ where the dialect is not known: PostgreSQL keeps as many of a name */
};

/* A comment of one kind or the other. */
static bool take_comment(struct sp_sql *s, struct sp_sql_token *t, bool cr, size_t depth)
{
    uint8_t c = s->in.p[t->off];
    int next = sql_at(s, t->off + 1);
    if (c == '-' && next == '-')
        sql_line_comment(s, t, cr);
    else if (c == '/' && next == '*')
        sql_block_comment(s, t, depth);
    else
        return false;
    return true;
}

/* sql_at at a point: does it begin a number? */
static bool at_number(const struct sp_sql *s, size_t at)
{
    return sql_is(sql_at(s, at), C_DIGIT) || (sql_at(s, at) == '.' && sql_is(sql_at(s, at + 1), C_DIGIT));
}

static bool at_quote(const struct sp_sql *s, size_t at)
{
    return sql_at(s, at) == '\'';
}

/* @x, :x and the like: the mark and the word behind it. */
static void take_marked(struct sp_sql *s, struct sp_sql_token *t, enum sp_sql_kind kind, size_t at, const uint8_t fold[256])
{
    while (at < s->in.n && fold[s->in.p[at]])
        at++;
    sql_take(s, t, kind, at);
}

static void take_number(struct sp_sql *s, struct sp_sql_token *t)
{
    size_t end = sql_hexadecimal(s, t->off);
    t->flags |= end > t->off ? SP_SQL_T_HEX : 0;
    sql_take(s, t, SP_SQL_NUMBER, end > t->off ? end : sql_decimal(s, t->off));
}

/* ---- Transact-SQL ---- */

static bool is_money(uint8_t c)
{
    return c == '$';
}

void sql_tsql_token(struct sp_sql *s, struct sp_sql_token *t)
{
    uint8_t c = s->in.p[t->off];
    if (take_comment(s, t, true, SIZE_MAX))
        return;
    if ((c | 0x20) == 'n' && at_quote(s, t->off + 1))
        sql_quoted(s, t, SP_SQL_STRING, 2, false);
    else if (sql_is(c, C_START) || c == '#')
        sql_word(s, t, sql_fold_at);
    else if (at_number(s, t->off))
        take_number(s, t);
    else if (c == '\'' || (c == '"' && (s->mode.flags & SP_SQL_STRING_QUOTES)))
        sql_quoted(s, t, SP_SQL_STRING, 1, false);
    else if (c == '"' || c == '[')
        sql_quoted(s, t, SP_SQL_NAME, 1, false);
    else if (c == '@')
        take_marked(s, t, SP_SQL_VARIABLE, t->off + 1, sql_fold_at);
    else if (is_money(c) && at_number(s, t->off + 1))
        sql_take(s, t, SP_SQL_NUMBER, sql_decimal(s, t->off + 1));
    else if (c == '?')
        sql_take(s, t, SP_SQL_PARAMETER, t->off + 1);
    else
        sql_operator(s, t, SP_LIT("<= >= <> != !< !> += -= *= /= %= &= |= ^= :: "));
}

/* ---- Oracle ---- */

/* q'[text]' and q'!text!', at the letter: the quote behind the bracket of the same kind ends it. */
static void take_quoting(struct sp_sql *s, struct sp_sql_token *t, uint32_t prefix)
{
    static const uint8_t closing[256] = {['['] = ']', ['('] = ')', ['{'] = '}', ['<'] = '>'};
    int open = sql_at(s, t->off + prefix);
    uint8_t end[2] = {(uint8_t)(open < 0 ? 0 : closing[open] ? closing[open] : open), '\''};
    size_t at = open < 0 ? SP_NOT_FOUND : sp_span_find(s->in, t->off + prefix + 1, sp_span_of(end, sizeof end));
    t->quote = prefix + 1;
    t->close = sizeof end;
    if (at == SP_NOT_FOUND)
        sql_broken(s, t);
    else
        sql_take(s, t, SP_SQL_STRING, at + sizeof end);
}

/* n'..', q'[..]', nq'[..]' */
static bool take_oracle_string(struct sp_sql *s, struct sp_sql_token *t)
{
    uint8_t c = s->in.p[t->off] | 0x20;
    uint32_t letters = c == 'n' && (sql_at(s, t->off + 1) | 0x20) == 'q' ? 2 : 1;
    if ((c != 'n' && c != 'q') || !at_quote(s, t->off + letters))
        return false;
    if (c == 'n' && letters == 1)
        sql_quoted(s, t, SP_SQL_STRING, 2, false);
    else
        take_quoting(s, t, letters + 1);
    return true;
}

/* 1.5e3, 2f, 3D */
static void take_oracle_number(struct sp_sql *s, struct sp_sql_token *t)
{
    size_t at = sql_decimal(s, t->off);
    int c = sql_at(s, at) | 0x20;
    bool suffix = (c == 'f' || c == 'd') && !sql_is_word(sql_at(s, at + 1));
    sql_take(s, t, SP_SQL_NUMBER, at + suffix);
}

void sql_oracle_token(struct sp_sql *s, struct sp_sql_token *t)
{
    uint8_t c = s->in.p[t->off];
    if (take_comment(s, t, false, 0) || (sql_is(c, C_START) && take_oracle_string(s, t)))
        return;
    if (sql_is(c, C_START))
        sql_word(s, t, sql_fold_hash);
    else if (at_number(s, t->off) && !(sql_at(s, t->off) == '.' && sql_at(s, t->off + 1) == '.'))
        take_oracle_number(s, t);
    else if (c == '\'')
        sql_quoted(s, t, SP_SQL_STRING, 1, false);
    else if (c == '"')
        sql_quoted(s, t, SP_SQL_NAME, 1, false);
    else if (c == ':' && sql_is_word(sql_at(s, t->off + 1)))
        take_marked(s, t, SP_SQL_PARAMETER, t->off + 1, sql_fold_hash);
    else if (c == '?')
        sql_take(s, t, SP_SQL_PARAMETER, t->off + 1);
    else
        sql_operator(s, t, SP_LIT(":= => ** || != ^= ~= <> <= >= << >> .. "));
}

/* ---- SQLite ---- */

/* x'4142': only pairs of digits. */
static void take_blob(struct sp_sql *s, struct sp_sql_token *t)
{
    size_t end = sql_skip(s, t->off + 2, C_HEX);
    t->flags |= SP_SQL_T_HEX;
    t->quote = 2;
    t->close = 1;
    if (at_quote(s, end) && (end - t->off) % 2 == 0)
        sql_take(s, t, SP_SQL_STRING, end + 1);
    else
        sql_broken(s, t);
}

/* A number with letters behind it is no token at all. */
static void take_sqlite_number(struct sp_sql *s, struct sp_sql_token *t)
{
    take_number(s, t);
    if (sql_is_word(sql_at(s, s->at)))
        sql_broken(s, t);
}

/* [name] has no way to write its closing bracket. */
static void take_bracketed(struct sp_sql *s, struct sp_sql_token *t)
{
    size_t end = sp_span_byte(s->in, t->off, ']');
    t->quote = t->close = 1;
    if (end == SP_NOT_FOUND)
        sql_broken(s, t);
    else
        sql_take(s, t, SP_SQL_NAME, end + 1);
}

static void take_sqlite_quoted(struct sp_sql *s, struct sp_sql_token *t)
{
    uint8_t c = s->in.p[t->off];
    if (c == '[')
        take_bracketed(s, t);
    else
        sql_quoted(s, t, c == '\'' ? SP_SQL_STRING : SP_SQL_NAME, 1, false);
}

/* A comment without end goes to the end. */
static bool take_sqlite_comment(struct sp_sql *s, struct sp_sql_token *t)
{
    if (!take_comment(s, t, false, 0))
        return false;
    t->kind = SP_SQL_COMMENT;
    return true;
}

void sql_sqlite_token(struct sp_sql *s, struct sp_sql_token *t)
{
    uint8_t c = s->in.p[t->off];
    int next = sql_at(s, t->off + 1);
    if (take_sqlite_comment(s, t))
        return;
    if ((c | 0x20) == 'x' && next == '\'')
        take_blob(s, t);
    else if (sql_is(c, C_START))
        sql_word(s, t, sql_fold);
    else if (at_number(s, t->off))
        take_sqlite_number(s, t);
    else if (c == '\'' || c == '"' || c == '`' || c == '[')
        take_sqlite_quoted(s, t);
    else if (c == '?')
        sql_take(s, t, SP_SQL_PARAMETER, sql_skip(s, t->off + 1, C_DIGIT));
    else if ((c == ':' || c == '@' || c == '#' || c == '$') && sql_is_word(next))
        take_marked(s, t, SP_SQL_PARAMETER, t->off + 1, sql_fold);
    else
        sql_operator(s, t, SP_LIT("->>== <> != <= >= << >> || -> "));
}

/* ---- not known ---- */

static void take_generic_quoted(struct sp_sql *s, struct sp_sql_token *t, uint32_t quote)
{
    uint8_t c = s->in.p[t->off + quote - 1];
    sql_quoted(s, t, c == '\'' ? SP_SQL_STRING : SP_SQL_NAME, quote, false);
    if (c != '\'' || sp_span_byte(sp_span_sub(s->in, t->off, t->len), 0, '\\') != SP_NOT_FOUND)
        sql_unclear(s, t);
}

/* What MySQL would run is run; other comments are not nested. */
static bool take_generic_comment(struct sp_sql *s, struct sp_sql_token *t)
{
    uint8_t c = s->in.p[t->off];
    int next = sql_at(s, t->off + 1);
    if (c == '/' && next == '*' && sql_at(s, t->off + 2) == '!') {
        s->running = 1;
        sql_unclear(s, t);
        sql_take(s, t, SP_SQL_COMMENT, sql_skip(s, t->off + 3, C_DIGIT));
    } else if (c == '*' && next == '/' && s->running) {
        s->running = 0;
        sql_take(s, t, SP_SQL_COMMENT, t->off + 2);
    } else if (c == '#') {
        sql_unclear(s, t);
        sql_line_comment(s, t, false);
    } else {
        bool found = take_comment(s, t, false, 0);
        if (found && sp_span_find(sp_span_sub(s->in, t->off, t->len), 2, SP_LIT("/*")) != SP_NOT_FOUND)
            sql_unclear(s, t);
        return found;
    }
    return true;
}

/* $tag$ text $tag$ where both are there. */
static bool take_generic_dollar(struct sp_sql *s, struct sp_sql_token *t)
{
    size_t tag = sp_span_byte(sp_span_sub(s->in, t->off, TAG_MAX), 1, '$');
    if (tag == SP_NOT_FOUND || sql_is(sql_at(s, t->off + 1), C_DIGIT) || sql_skip(s, t->off + 1, C_START | C_DIGIT) != t->off + tag)
        return false;
    tag++;
    size_t end = sp_span_find(s->in, t->off + tag, sp_span_sub(s->in, t->off, tag));
    sql_unclear(s, t);
    t->flags |= SP_SQL_T_DOLLAR;
    t->quote = t->close = (uint32_t)tag;
    if (end == SP_NOT_FOUND)
        sql_broken(s, t);
    else
        sql_take(s, t, SP_SQL_STRING, end + tag);
    return true;
}

static bool takes_prefix(uint8_t letter)
{
    letter |= 0x20;
    return letter == 'n' || letter == 'e' || letter == 'x' || letter == 'b';
}

void sql_generic_token(struct sp_sql *s, struct sp_sql_token *t)
{
    uint8_t c = s->in.p[t->off];
    int next = sql_at(s, t->off + 1);
    if (take_generic_comment(s, t))
        return;
    if (takes_prefix(c) && next == '\'')
        take_generic_quoted(s, t, 2);
    else if (sql_is(c, C_START))
        sql_word(s, t, sql_fold);
    else if (at_number(s, t->off))
        take_number(s, t);
    else if (c == '\'' || c == '"' || c == '`')
        take_generic_quoted(s, t, 1);
    else if (c == '@')
        take_marked(s, t, SP_SQL_VARIABLE, t->off + 1, sql_fold_at);
    else if (c == '?' || (c == '$' && sql_is(next, C_DIGIT)) || (c == ':' && sql_is(next, C_START)))
        take_marked(s, t, SP_SQL_PARAMETER, t->off + 1, sql_fold);
    else if (c != '$' || !take_generic_dollar(s, t))
        sql_operator(s, t, SP_LIT("<=>->><= >= <> != == << >> || && := => :: -> "));
}
