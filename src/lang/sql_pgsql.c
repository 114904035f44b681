/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sql_pgsql: tokens as PostgreSQL's scanner finds them ("Lexical Structure" of version 15, section 4.1). What only newer versions read (1_000, 0x1f)
 * or only older ones (a name right behind a number) is read as those do and marked unclear: the others refuse it.
 */
#include "lang/sql_inside.h"

enum pgsql_limits {
    OPERATOR_WINDOW = 64, /* the server refuses longer operators, so what lies beyond decides nothing */
};

/* A string goes on in the next one where only blanks with a line break, and comments, are between: where its text goes on, 0 if it does not. */
size_t sql_pgsql_continues(const struct sp_sql *s, size_t at)
{
    bool broken_line = false;
    for (; at < s->in.n; at++) {
        uint8_t c = s->in.p[at];
        if (c == '\n' || c == '\r') {
            broken_line = true;
        } else if (c == '-' && sql_at(s, at + 1) == '-') {
            while (at + 1 < s->in.n && s->in.p[at + 1] != '\n' && s->in.p[at + 1] != '\r')
                at++;
        } else if (!sql_is(c, C_BLANK)) {
            return c == '\'' && broken_line ? at + 1 : 0;
        }
    }
    return 0;
}

static void take_string(struct sp_sql *s, struct sp_sql_token *t, uint32_t quote, unsigned flags)
{
    t->flags = (uint16_t)flags;
    t->quote = quote;
    t->close = 1;
    size_t at = t->off + quote, end;
    do {
        bool digits = flags & (SP_SQL_T_BITS | SP_SQL_T_HEX); /* in those, two quotes do not stand for one */
        end = digits ? sp_span_byte(s->in, at, '\'') : sql_closing(s, t, at, '\'', flags & SP_SQL_T_BACKSLASH);
        if (end == SP_NOT_FOUND) {
            sql_broken(s, t);
            return;
        }
        at = sql_pgsql_continues(s, end + 1);
        t->flags |= at ? SP_SQL_T_ESCAPED : 0;
    } while (at);
    sql_take(s, t, SP_SQL_STRING, end + 1);
}

/* $$ or $tag$: its length, 0 when it is none. */
static size_t dollar_tag(const struct sp_sql *s, size_t at)
{
    size_t end = at + 1;
    if (sql_is(sql_at(s, end), C_START))
        end = sql_skip(s, end, C_START | C_DIGIT);
    return sql_at(s, end) == '$' ? end + 1 - at : 0;
}

static void take_dollar(struct sp_sql *s, struct sp_sql_token *t)
{
    size_t tag = dollar_tag(s, t->off), end;
    if (sql_is(sql_at(s, t->off + 1), C_DIGIT)) {
        sql_take(s, t, SP_SQL_PARAMETER, sql_skip(s, t->off + 1, C_DIGIT));
        if (sql_is(sql_at(s, s->at), C_START))
            sql_unclear(s, t);
    } else if (tag == 0) {
        sql_single(s, t);
    } else if (tag > UINT32_MAX || (end = sp_span_find(s->in, t->off + tag, sp_span_sub(s->in, t->off, tag))) == SP_NOT_FOUND) {
        sql_broken(s, t);
    } else {
        t->flags |= SP_SQL_T_DOLLAR;
        t->quote = t->close = (uint32_t)tag;
        sql_take(s, t, SP_SQL_STRING, end + tag);
    }
}

/* Digits with an underscore between them here and there, as version 16 has them. */
static size_t skip_digits(struct sp_sql *s, struct sp_sql_token *t, size_t at, unsigned digits)
{
    at = sql_skip(s, at, digits);
    while (sql_at(s, at) == '_' && sql_is(sql_at(s, at + 1), digits)) {
        sql_unclear(s, t);
        at = sql_skip(s, at + 1, digits);
    }
    return at;
}

/* 0x, 0o and 0b of version 16. */
static size_t other_base(struct sp_sql *s, struct sp_sql_token *t)
{
    int letter = sql_at(s, t->off + 1) | 0x20;
    bool prefix = s->in.p[t->off] == '0' && (letter == 'x' || letter == 'o' || letter == 'b');
    unsigned digits = letter == 'x' ? C_HEX : C_DIGIT;
    if (!prefix || !sql_is(sql_at(s, t->off + 2), digits))
        return 0;
    sql_unclear(s, t);
    t->flags |= letter == 'x' ? SP_SQL_T_HEX : 0;
    return skip_digits(s, t, t->off + 2, digits);
}

/* Two points behind digits are no fraction: 1..10. */
static void take_number(struct sp_sql *s, struct sp_sql_token *t)
{
    size_t at = other_base(s, t);
    if (!at) {
        at = skip_digits(s, t, t->off, C_DIGIT);
        if (sql_at(s, at) == '.' && sql_at(s, at + 1) != '.')
            at = skip_digits(s, t, at + 1, C_DIGIT);
        size_t sign = sql_at(s, at + 1) == '+' || sql_at(s, at + 1) == '-';
        if ((sql_at(s, at) | 0x20) == 'e' && sql_is(sql_at(s, at + 1 + sign), C_DIGIT))
            at = skip_digits(s, t, at + 1 + sign, C_DIGIT);
    }
    sql_take(s, t, SP_SQL_NUMBER, at);
    if (sql_is(sql_at(s, at), C_START))
        sql_unclear(s, t);
}

/* An operator goes on until a comment begins. It ends in + or - only where it has one of the special bytes. */
static void take_operator(struct sp_sql *s, struct sp_sql_token *t)
{
    size_t at = t->off, last = at;
    bool special = false;
    for (; at < s->in.n && at - t->off < OPERATOR_WINDOW && sql_is(s->in.p[at], C_OPERATOR); at++) {
        uint8_t c = s->in.p[at];
        int next = sql_at(s, at + 1);
        if ((c == '-' && next == '-') || (c == '/' && next == '*'))
            break;
        special |= sql_is(c, C_SPECIAL);
        if (c != '+' && c != '-')
            last = at;
    }
    sql_take(s, t, SP_SQL_OPERATOR, special ? at : last + 1);
}

/* A letter right before a quote. True: it was one of those that say what the string is. */
static bool take_prefixed(struct sp_sql *s, struct sp_sql_token *t)
{
    int next = sql_at(s, t->off + 1), third = sql_at(s, t->off + 2);
    uint8_t letter = s->in.p[t->off] | 0x20;
    if (letter == 'u' && next == '&' && (third == '\'' || third == '"')) {
        t->flags |= SP_SQL_T_UNICODE;
        if (third == '\'')
            take_string(s, t, 3, SP_SQL_T_UNICODE);
        else
            sql_quoted(s, t, SP_SQL_NAME, 3, false);
        return true;
    }
    if (next != '\'')
        return false;
    if (letter == 'n') {
        sql_take(s, t, SP_SQL_WORD, t->off + 1);
        t->key = SQL_KEY('n');
        return true;
    }
    bool known = letter == 'e' || letter == 'b' || letter == 'x';
    if (known)
        take_string(s, t, 2, letter == 'e' ? SP_SQL_T_BACKSLASH : letter == 'b' ? SP_SQL_T_BITS : SP_SQL_T_HEX);
    return known;
}

static void take_colon(struct sp_sql *s, struct sp_sql_token *t)
{
    int next = sql_at(s, t->off + 1);
    if (next == ':' || next == '=')
        sql_take(s, t, SP_SQL_OPERATOR, t->off + 2);
    else
        sql_single(s, t);
}

static void take_point(struct sp_sql *s, struct sp_sql_token *t)
{
    int next = sql_at(s, t->off + 1);
    if (sql_is(next, C_DIGIT))
        take_number(s, t);
    else
        sql_take(s, t, SP_SQL_PUNCTUATION, t->off + 1 + (next == '.'));
}

void sql_pgsql_token(struct sp_sql *s, struct sp_sql_token *t)
{
    uint8_t c = s->in.p[t->off];
    int next = sql_at(s, t->off + 1);
    if (sql_is(c, C_START)) {
        if ((next != '\'' && next != '&') || !take_prefixed(s, t))
            sql_word(s, t, sql_fold);
    } else if (sql_is(c, C_DIGIT)) {
        take_number(s, t);
    } else if (c == '-' && next == '-') {
        sql_line_comment(s, t, true);
    } else if (c == '/' && next == '*') {
        sql_block_comment(s, t, SIZE_MAX);
    } else if (sql_is(c, C_OPERATOR)) {
        take_operator(s, t);
    } else if (c == '\'') {
        take_string(s, t, 1, s->mode.flags & SP_SQL_BACKSLASH_ESCAPES ? SP_SQL_T_BACKSLASH : 0);
    } else if (c == '"') {
        sql_quoted(s, t, SP_SQL_NAME, 1, false);
    } else if (c == '$') {
        take_dollar(s, t);
    } else if (c == ':') {
        take_colon(s, t);
    } else if (c == '.') {
        take_point(s, t);
    } else {
        sql_single(s, t);
    }
}
