/* SPDX-License-Identifier: Apache-2.0 */
/* sql_lex: from one token to the next, and what the dialects' lexers have in common. */
#include "lang/sql_inside.h"

#define DIGITS ['0' ... '9'] = C_DIGIT | C_HEX
#define LETTERS ['a' ... 'f'] = C_START | C_HEX, ['A' ... 'F'] = C_START | C_HEX, ['g' ... 'z'] = C_START, ['G' ... 'Z'] = C_START
#define SPECIALS(c) [c] = C_OPERATOR | C_SPECIAL

const uint8_t sql_class[256] = {
    [' '] = C_BLANK, ['\t'] = C_BLANK, ['\n'] = C_BLANK, ['\f'] = C_BLANK, ['\r'] = C_BLANK, DIGITS, LETTERS, ['_'] = C_START,
    [0x80 ... 0xff] = C_START, SPECIALS('~'), SPECIALS('!'), SPECIALS('@'), SPECIALS('#'), SPECIALS('^'), SPECIALS('&'), SPECIALS('|'),
    SPECIALS('`'), SPECIALS('?'), SPECIALS('%'), ['+'] = C_OPERATOR, ['-'] = C_OPERATOR, ['*'] = C_OPERATOR, ['/'] = C_OPERATOR,
    ['<'] = C_OPERATOR, ['>'] = C_OPERATOR, ['='] = C_OPERATOR,
};

/* Two letters of a row: capitals fold. */
#define PAIR(c) [c] = (c), [(c) - 32] = (c)
#define SELF(c) [c] = (c)
#define SELF8(c) SELF(c), SELF((c) + 1), SELF((c) + 2), SELF((c) + 3), SELF((c) + 4), SELF((c) + 5), SELF((c) + 6), SELF((c) + 7)
#define SELF64(c) SELF8(c), SELF8((c) + 8), SELF8((c) + 16), SELF8((c) + 24), SELF8((c) + 32), SELF8((c) + 40), SELF8((c) + 48), SELF8((c) + 56)
#define WORD_BYTES                                                                                                                     \
    PAIR('a'), PAIR('b'), PAIR('c'), PAIR('d'), PAIR('e'), PAIR('f'), PAIR('g'), PAIR('h'), PAIR('i'), PAIR('j'), PAIR('k'),           \
        PAIR('l'), PAIR('m'), PAIR('n'), PAIR('o'), PAIR('p'), PAIR('q'), PAIR('r'), PAIR('s'), PAIR('t'), PAIR('u'), PAIR('v'),       \
        PAIR('w'), PAIR('x'), PAIR('y'), PAIR('z'), SELF8('0'), SELF('8'), SELF('9'), SELF('_'), SELF('$'), SELF64(0x80), SELF64(0xc0)

const uint8_t sql_fold[256] = {WORD_BYTES};
const uint8_t sql_fold_hash[256] = {WORD_BYTES, SELF('#')};
const uint8_t sql_fold_at[256] = {WORD_BYTES, SELF('#'), SELF('@')};

void sp_sql_start(struct sp_sql *s, struct sp_span in, struct sp_sql_mode mode)
{
    *s = (struct sp_sql){.in = in, .mode = mode};
}

/* MySQL, T-SQL and Oracle take a vertical tab for a blank too, PostgreSQL (before 16) and SQLite do not. */
static inline size_t skip_blanks(const struct sp_sql *s)
{
    bool vt = s->mode.dialect != SP_SQL_PGSQL && s->mode.dialect != SP_SQL_SQLITE;
    size_t at = s->at;
    while (at < s->in.n && ((sql_class[s->in.p[at]] & C_BLANK) || (vt && s->in.p[at] == '\v')))
        at++;
    return at;
}

/* A version comment that is run has to be closed. */
static bool at_end(struct sp_sql *s, struct sp_sql_token *t)
{
    if (s->running) {
        s->running = 0;
        sql_broken(s, t);
        return true;
    }
    return false;
}

bool sp_sql_next(struct sp_sql *s, struct sp_sql_token *t)
{
    static void (*const lexers[SP_SQL_NDIALECTS])(struct sp_sql *, struct sp_sql_token *) = {
        sql_generic_token, sql_pgsql_token, sql_mysql_token, sql_tsql_token, sql_oracle_token, sql_sqlite_token};
    for (;;) {
        s->at = skip_blanks(s);
        *t = (struct sp_sql_token){.kind = SP_SQL_END, .off = s->at};
        if (s->at >= s->in.n)
            return at_end(s, t);
        lexers[s->mode.dialect](s, t);
        if (t->kind != SP_SQL_COMMENT || s->comments)
            return true;
        s->commented = true;
    }
}

void sql_broken(struct sp_sql *s, struct sp_sql_token *t)
{
    s->running = 0;
    sql_take(s, t, SP_SQL_BROKEN, s->in.n);
}

/* Letters are gathered eight at a time; the key of a longer word is folded together of them. */
void sql_word(struct sp_sql *s, struct sp_sql_token *t, const uint8_t fold[256])
{
    const uint8_t *p = s->in.p;
    size_t at = t->off, n = s->in.n;
    uint64_t key = 0;
    for (bool more = true; more;) {
        size_t end = n - at > 8 ? at + 8 : n, from = at;
        uint64_t w = 0;
        uint8_t c = 0;
        while (at < end && (c = fold[p[at]]) != 0) {
            w = w << 8 | c;
            at++;
        }
        size_t got = at - from;
        more = got == 8;
        if (got)
            key = from == t->off ? w << (64 - 8 * got) : sql_word_fold((from == t->off + 8 ? sql_word_fold(key) : key) ^ w << (64 - 8 * got));
    }
    sql_take(s, t, SP_SQL_WORD, at);
    t->key = key;
    t->keyword = sql_word_find(key, t->len);
}

void sql_line_comment(struct sp_sql *s, struct sp_sql_token *t, bool cr)
{
    size_t end = t->off;
    if (cr) {
        while (end < s->in.n && s->in.p[end] != '\n' && s->in.p[end] != '\r')
            end++;
    } else {
        end = sp_span_byte(s->in, end, '\n');
    }
    sql_take(s, t, SP_SQL_COMMENT, end == SP_NOT_FOUND ? s->in.n : end);
}

void sql_block_comment(struct sp_sql *s, struct sp_sql_token *t, size_t depth)
{
    size_t open = 1, at = t->off + 2;
    while (open && at + 1 < s->in.n) {
        uint8_t c = s->in.p[at], next = s->in.p[at + 1];
        bool closes = c == '*' && next == '/', opens = c == '/' && next == '*' && open <= depth;
        open += (size_t)opens - closes;
        at += opens || closes ? 2 : 1;
    }
    if (open)
        sql_broken(s, t);
    else
        sql_take(s, t, SP_SQL_COMMENT, at);
}

static size_t closing_plain(const struct sp_sql *s, struct sp_sql_token *t, size_t at, uint8_t quote)
{
    while ((at = sp_span_byte(s->in, at, quote)) != SP_NOT_FOUND && sql_at(s, at + 1) == quote) {
        t->flags |= SP_SQL_T_ESCAPED;
        at += 2;
    }
    return at;
}

size_t sql_closing(const struct sp_sql *s, struct sp_sql_token *t, size_t at, uint8_t quote, bool backslash)
{
    if (!backslash)
        return closing_plain(s, t, at, quote);
    bool wide = s->mode.flags & SP_SQL_TRAILING_BYTES;
    for (; at < s->in.n; at++) {
        uint8_t c = s->in.p[at];
        if (c == quote && sql_at(s, at + 1) != quote)
            return at;
        if (wide && c > 0x80 && c < 0xff && sql_at(s, at + 1) >= 0x40) {
            at++;
        } else if (c == quote || c == '\\') {
            t->flags |= SP_SQL_T_ESCAPED;
            at++;
        }
    }
    return SP_NOT_FOUND;
}

void sql_quoted(struct sp_sql *s, struct sp_sql_token *t, enum sp_sql_kind kind, uint32_t quote, bool backslash)
{
    uint8_t open = s->in.p[t->off + quote - 1];
    size_t end = sql_closing(s, t, t->off + quote, open == '[' ? ']' : open, backslash);
    t->quote = quote;
    t->close = 1;
    t->flags |= backslash ? SP_SQL_T_BACKSLASH : 0;
    if (end == SP_NOT_FOUND)
        sql_broken(s, t);
    else
        sql_take(s, t, kind, end + 1);
}

size_t sql_skip(const struct sp_sql *s, size_t at, unsigned classes)
{
    while (at < s->in.n && (sql_class[s->in.p[at]] & classes))
        at++;
    return at;
}

size_t sql_decimal(const struct sp_sql *s, size_t at)
{
    at = sql_skip(s, at, C_DIGIT);
    if (sql_at(s, at) == '.')
        at = sql_skip(s, at + 1, C_DIGIT);
    if (sql_at(s, at) == 'e' || sql_at(s, at) == 'E') {
        size_t sign = sql_at(s, at + 1) == '+' || sql_at(s, at + 1) == '-';
        if (sql_is(sql_at(s, at + 1 + sign), C_DIGIT))
            at = sql_skip(s, at + 1 + sign, C_DIGIT);
    }
    return at;
}

size_t sql_hexadecimal(const struct sp_sql *s, size_t at)
{
    bool prefix = sql_at(s, at) == '0' && (sql_at(s, at + 1) == 'x' || sql_at(s, at + 1) == 'X');
    return prefix ? sql_skip(s, at + 2, C_HEX) : at;
}

void sql_single(struct sp_sql *s, struct sp_sql_token *t)
{
    bool operator = sql_is(s->in.p[t->off], C_OPERATOR);
    sql_take(s, t, operator ? SP_SQL_OPERATOR : SP_SQL_PUNCTUATION, t->off + 1);
}

size_t sql_longest(const struct sp_sql *s, size_t at, struct sp_span operators)
{
    int c[OPERATOR_WIDTH] = {sql_at(s, at), sql_at(s, at + 1), sql_at(s, at + 2)};
    for (size_t i = 0; i + OPERATOR_WIDTH <= operators.n; i += OPERATOR_WIDTH) {
        const uint8_t *one = operators.p + i;
        if (one[0] == c[0] && (one[1] == ' ' || one[1] == c[1]) && (one[2] == ' ' || one[2] == c[2]))
            return one[1] == ' ' ? 1 : one[2] == ' ' ? 2 : 3;
    }
    return 0;
}

void sql_operator(struct sp_sql *s, struct sp_sql_token *t, struct sp_span operators)
{
    uint8_t c = s->in.p[t->off];
    int next = sql_at(s, t->off + 1);
    bool begins = sql_is(c, C_OPERATOR) || c == ':' || c == '.', goes_on = sql_is(next, C_OPERATOR) || next == ':' || next == '.';
    size_t longest = begins && goes_on ? sql_longest(s, t->off, operators) : 0;
    if (longest == 0)
        sql_single(s, t);
    else
        sql_take(s, t, SP_SQL_OPERATOR, t->off + longest);
}
