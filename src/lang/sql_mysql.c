/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sql_mysql: tokens as MariaDB 10.11 and MySQL 8.0 find them ("Language Structure" in both manuals; what those leave open, as the servers behave). A
 * version comment that is run is no comment to what follows: its two ends are, and between them are tokens.
 */
#include "lang/sql_inside.h"

enum mysql_limits {
    VERSION_DIGITS = 5, /* of a version comment, or one more */
    NESTED_MAX = 1,     /* comments in a version comment that is passed over */
    FOREIGN_FROM = 50700, FOREIGN_TO = 99999, /* versions of MySQL whose comments MariaDB does not run */
};
/* What the token before decides. */
enum mysql_after {
    AFTER_OTHER,
    AFTER_NAME,  /* a point right here separates: .5 is no number */
    AFTER_POINT, /* a name comes, whatever it begins with, and no keyword */
};

static bool ends_line_comment(const struct sp_sql *s, size_t at)
{
    int c = sql_at(s, at);
    return c < 0x20 || c == ' ' || c == 0x7f;
}

/* ---- comments ---- */

static bool is_run(const struct sp_sql *s, uint32_t version, bool own)
{
    bool maria = s->mode.flags & SP_SQL_MARIADB, foreign = maria && !own && version >= FOREIGN_FROM && version <= FOREIGN_TO;
    return s->mode.version == 0 || (version <= s->mode.version && !foreign);
}

/* At the '!' of a version comment. True: it is run, and *ret is where its text begins. */
static bool version_opens(struct sp_sql *s, struct sp_sql_token *t, size_t mark, size_t *ret)
{
    size_t at = mark + 1, n = 0;
    uint32_t version = 0;
    for (; n <= VERSION_DIGITS && sql_is(sql_at(s, at + n), C_DIGIT); n++)
        version = version * 10 + (uint32_t)(s->in.p[at + n] - '0');
    if (n < VERSION_DIGITS) {
        *ret = at;
        return true;
    }
    if (s->mode.version == 0 || (n > VERSION_DIGITS && !(s->mode.flags & SP_SQL_MARIADB)))
        sql_unclear(s, t);
    *ret = at + n;
    return is_run(s, version, mark > t->off + 2);
}

static void take_comment(struct sp_sql *s, struct sp_sql_token *t)
{
    bool own = (s->mode.flags & SP_SQL_MARIADB) && sql_at(s, t->off + 2) == 'M' && sql_at(s, t->off + 3) == '!';
    size_t mark = t->off + 2 + own, text;
    if (sql_at(s, mark) != '!') {
        sql_block_comment(s, t, 0);
    } else if (version_opens(s, t, mark, &text)) {
        s->running = 1;
        sql_take(s, t, SP_SQL_COMMENT, text);
    } else {
        sql_block_comment(s, t, NESTED_MAX);
    }
}

/* ---- names, variables ---- */

/* A name that is followed by a point and a name is no keyword. */
static void take_name(struct sp_sql *s, struct sp_sql_token *t, bool plain)
{
    sql_word(s, t, sql_fold);
    bool qualifies = sql_at(s, s->at) == '.' && sql_is_word(sql_at(s, s->at + 1));
    if (qualifies || plain)
        t->keyword = K_NONE;
    s->after = qualifies ? AFTER_NAME : AFTER_OTHER;
}

static bool is_host(int c)
{
    return sql_is_word(c) || c == '.';
}

/* @name, @'name', @@scope.name: one token. */
static void take_variable(struct sp_sql *s, struct sp_sql_token *t)
{
    size_t at = t->off + 1 + (sql_at(s, t->off + 1) == '@');
    int quote = sql_at(s, at);
    if (quote == '`' || (at == t->off + 1 && (quote == '\'' || quote == '"'))) {
        bool string = quote == '\'' || (quote == '"' && !(s->mode.flags & SP_SQL_ANSI_QUOTES));
        sql_quoted(s, t, SP_SQL_VARIABLE, (uint32_t)(at + 1 - t->off), string && !(s->mode.flags & SP_SQL_NO_BACKSLASH_ESCAPES));
        return;
    }
    while (is_host(sql_at(s, at)))
        at++;
    sql_take(s, t, SP_SQL_VARIABLE, at);
}

/* ---- numbers ---- */

/* 0x and 0b with digits behind them, unless the word goes on. */
static size_t take_based(struct sp_sql *s, struct sp_sql_token *t)
{
    int letter = sql_at(s, t->off + 1);
    size_t at = t->off + 2;
    if (s->in.p[t->off] != '0' || (letter != 'x' && letter != 'b'))
        return 0;
    while (letter == 'x' ? sql_is(sql_at(s, at), C_HEX) : sql_at(s, at) == '0' || sql_at(s, at) == '1')
        at++;
    if (at == t->off + 2 || sql_is_word(sql_at(s, at)))
        return 0;
    t->flags |= letter == 'x' ? SP_SQL_T_HEX : SP_SQL_T_BITS;
    return at;
}

/* From the point of a fraction on. No digit behind its e: MariaDB refuses it, MySQL passes over it all. */
static void take_fraction(struct sp_sql *s, struct sp_sql_token *t, size_t point)
{
    size_t at = sql_skip(s, point + 1, C_DIGIT), sign;
    if ((sql_at(s, at) | 0x20) == 'e') {
        sign = sql_at(s, at + 1) == '+' || sql_at(s, at + 1) == '-';
        if (sql_is(sql_at(s, at + 1 + sign), C_DIGIT)) {
            at = sql_skip(s, at + 1 + sign, C_DIGIT);
        } else {
            sql_unclear(s, t);
            sql_take(s, t, SP_SQL_COMMENT, at + 1 + sign);
            if (s->mode.flags & SP_SQL_MARIADB)
                sql_broken(s, t);
            return;
        }
    }
    sql_take(s, t, SP_SQL_NUMBER, at);
}

/* Digits that go on as a word are a name: 1a, 2e. */
static void take_number(struct sp_sql *s, struct sp_sql_token *t)
{
    size_t at = take_based(s, t);
    if (at) {
        sql_take(s, t, SP_SQL_NUMBER, at);
        return;
    }
    at = sql_skip(s, t->off, C_DIGIT);
    bool letter = t->off + 1 < at || s->in.p[t->off] != '0' || (sql_at(s, at) != 'x' && sql_at(s, at) != 'b');
    if (letter && (sql_at(s, at) | 0x20) == 'e') {
        size_t sign = sql_at(s, at + 1) == '+' || sql_at(s, at + 1) == '-';
        if (sql_is(sql_at(s, at + 1 + sign), C_DIGIT)) {
            sql_take(s, t, SP_SQL_NUMBER, sql_skip(s, at + 1 + sign, C_DIGIT));
            return;
        }
    }
    if (sql_is_word(sql_at(s, at)))
        take_name(s, t, true);
    else if (sql_at(s, at) == '.')
        take_fraction(s, t, at);
    else
        sql_take(s, t, SP_SQL_NUMBER, at);
}

/* ---- strings, operators ---- */

/* x'4142' and b'01': only such digits, and pairs of hexadecimal ones; else the server refuses it. */
static void take_digits(struct sp_sql *s, struct sp_sql_token *t, bool hex)
{
    size_t at = t->off + 2;
    while (hex ? sql_is(sql_at(s, at), C_HEX) : sql_at(s, at) == '0' || sql_at(s, at) == '1')
        at++;
    t->quote = 2;
    t->close = 1;
    t->flags |= hex ? SP_SQL_T_HEX : SP_SQL_T_BITS;
    if (sql_at(s, at) != '\'' || (hex && (at - t->off) % 2))
        sql_broken(s, t);
    else
        sql_take(s, t, SP_SQL_STRING, at + 1);
}

static void take_string(struct sp_sql *s, struct sp_sql_token *t, uint32_t quote)
{
    sql_quoted(s, t, SP_SQL_STRING, quote, !(s->mode.flags & SP_SQL_NO_BACKSLASH_ESCAPES));
}

/* A letter right before a quote. */
static bool take_prefixed(struct sp_sql *s, struct sp_sql_token *t)
{
    uint8_t letter = s->in.p[t->off] | 0x20;
    if (sql_at(s, t->off + 1) != '\'' || (letter != 'x' && letter != 'b' && letter != 'n'))
        return false;
    if (letter == 'n')
        take_string(s, t, 2);
    else
        take_digits(s, t, letter == 'x');
    return true;
}

static void take_operator(struct sp_sql *s, struct sp_sql_token *t)
{
    if (s->mode.flags & SP_SQL_MARIADB)
        sql_operator(s, t, SP_LIT("<=><= >= <> != << >> && || := "));
    else
        sql_operator(s, t, SP_LIT("<=>->><= >= <> != << >> && || := -> "));
}

static void take_point(struct sp_sql *s, struct sp_sql_token *t, uint8_t after)
{
    int next = sql_at(s, t->off + 1);
    if (after != AFTER_NAME && sql_is(next, C_DIGIT)) {
        take_fraction(s, t, t->off);
        return;
    }
    sql_take(s, t, SP_SQL_PUNCTUATION, t->off + 1);
    s->after = sql_is_word(next) ? AFTER_POINT : AFTER_OTHER;
}

static void take_other(struct sp_sql *s, struct sp_sql_token *t, uint8_t after)
{
    uint8_t c = s->in.p[t->off];
    int next = sql_at(s, t->off + 1);
    if (c == '#' || (c == '-' && next == '-' && ends_line_comment(s, t->off + 2))) {
        sql_line_comment(s, t, false);
    } else if (c == '/' && next == '*') {
        take_comment(s, t);
    } else if (c == '*' && next == '/' && s->running) {
        s->running = 0;
        sql_take(s, t, SP_SQL_COMMENT, t->off + 2);
    } else if (c == '.') {
        take_point(s, t, after);
    } else if (c == '?') {
        sql_take(s, t, SP_SQL_PARAMETER, t->off + 1);
    } else if (c == '\\' && next == 'N') {
        sql_take(s, t, SP_SQL_WORD, t->off + 2);
        t->key = SQL_KEY('n', 'u', 'l', 'l');
        t->keyword = K_NULL;
    } else {
        take_operator(s, t);
    }
}

void sql_mysql_token(struct sp_sql *s, struct sp_sql_token *t)
{
    uint8_t c = s->in.p[t->off], after = s->after;
    s->after = AFTER_OTHER;
    if (after == AFTER_POINT && sql_is_word(c)) {
        take_name(s, t, true);
    } else if (sql_is(c, C_START) || c == '$') {
        if (!take_prefixed(s, t))
            take_name(s, t, false);
    } else if (sql_is(c, C_DIGIT)) {
        take_number(s, t);
    } else if (c == '\'' || (c == '"' && !(s->mode.flags & SP_SQL_ANSI_QUOTES))) {
        take_string(s, t, 1);
    } else if (c == '`' || c == '"') {
        sql_quoted(s, t, SP_SQL_NAME, 1, false);
    } else if (c == '@') {
        take_variable(s, t);
    } else {
        take_other(s, t, after);
    }
}
