/* SPDX-License-Identifier: Apache-2.0 */
/* sql_text: what strings and quoted names stand for (sections 4.1.1 and 4.1.2 of PostgreSQL's manual; "String Literals" of MySQL's and MariaDB's). */
#include "lang/inside.h"
#include "lang/sql_inside.h"

/* What is being decoded: the bytes between the quotes, in the input. */
struct decode {
    const struct sp_sql *s;
    const struct sp_sql_token *t;
    struct sp_buf out;
    size_t at, end;
};

/* Up to n digits of a base from d->at on. */
static uint32_t take_digits(struct decode *d, size_t n, int base)
{
    uint32_t value = 0;
    for (size_t end = d->end - d->at < n ? d->end : d->at + n; d->at < end; d->at++) {
        int digit = sp_hex(d->s->in.p[d->at]);
        if (digit < 0 || digit >= base)
            break;
        value = value * (uint32_t)base + (uint32_t)digit;
    }
    return value;
}

/* Two halves of a character beyond 16 bits come one after the other, each in an escape of its own. */
static void put_character(struct decode *d, uint32_t *high, uint32_t c)
{
    if (*high && is_low_surrogate(c))
        put_utf8(&d->out, join_surrogates(*high, c));
    else if (!is_high_surrogate(c))
        put_utf8(&d->out, c <= UNICODE_MAX ? c : REPLACEMENT);
    *high = is_high_surrogate(c) ? c : 0;
}

/* ---- backslashes ---- */

static uint8_t control_of(uint8_t c, bool mysql)
{
    switch (c) {
    case 'b': return '\b';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'f': return mysql ? c : '\f';
    case '0': return mysql ? 0 : c;
    case 'Z': return mysql ? 0x1a : c;
    default: return c;
    }
}

static void mysql_escape(struct decode *d)
{
    uint8_t c = d->s->in.p[d->at++];
    if (c == '%' || c == '_')
        sp_put_byte(&d->out, '\\');
    sp_put_byte(&d->out, control_of(c, true));
}

static void pgsql_escape(struct decode *d, uint32_t *high)
{
    uint8_t c = d->s->in.p[d->at];
    if (c == 'u' || c == 'U') {
        d->at++;
        put_character(d, high, take_digits(d, c == 'u' ? 4 : 8, 16));
        return;
    }
    bool octal = c >= '0' && c <= '7', hex = c == 'x' && sp_hex((uint8_t)(d->at + 1 < d->end ? d->s->in.p[d->at + 1] : 0)) >= 0;
    if (octal || hex) {
        d->at += hex;
        sp_put_byte(&d->out, (uint8_t)take_digits(d, hex ? 2 : 3, hex ? 16 : 8));
    } else {
        sp_put_byte(&d->out, control_of(c, false));
        d->at++;
    }
}

/* ---- U&'' and U&"" ---- */

/* The escape character of the UESCAPE behind the token, else a backslash. */
static uint8_t unicode_escape(const struct decode *d)
{
    struct sp_sql after = *d->s;
    struct sp_sql_token word, character;
    after.at = d->t->off + d->t->len;
    after.comments = false;
    bool there = sp_sql_next(&after, &word) && word.keyword == K_UESCAPE && sp_sql_next(&after, &character) &&
                 character.kind == SP_SQL_STRING && character.len == 3;
    return there ? d->s->in.p[character.off + 1] : '\\';
}

static void take_unicode(struct decode *d, uint8_t escape, uint32_t *high)
{
    bool long_form = d->at < d->end && d->s->in.p[d->at] == '+';
    if (d->at < d->end && d->s->in.p[d->at] == escape) {
        sp_put_byte(&d->out, escape);
        d->at++;
    } else {
        d->at += long_form;
        put_character(d, high, take_digits(d, long_form ? 6 : 4, 16));
    }
}

/* ---- all of it ---- */

/* At a quote inside: one of two in a row, or the end of one part of a PostgreSQL string. */
static void take_quote(struct decode *d, uint8_t quote)
{
    if (d->at + 1 < d->end && d->s->in.p[d->at + 1] == quote) {
        sp_put_byte(&d->out, quote);
        d->at += 2;
        return;
    }
    size_t next = d->s->mode.dialect == SP_SQL_PGSQL ? sql_pgsql_continues(d->s, d->at + 1) : 0;
    d->at = next && next <= d->end ? next : d->at + 1;
}

static void decode_text(struct decode *d, uint8_t quote)
{
    bool backslash = d->t->flags & SP_SQL_T_BACKSLASH, unicode = d->t->flags & SP_SQL_T_UNICODE;
    bool mysql = d->s->mode.dialect == SP_SQL_MYSQL, wide = mysql && (d->s->mode.flags & SP_SQL_TRAILING_BYTES);
    uint8_t escape = unicode ? unicode_escape(d) : '\\';
    uint32_t high = 0;
    while (d->at < d->end) {
        uint8_t c = d->s->in.p[d->at];
        if (c == quote) {
            take_quote(d, quote);
        } else if ((backslash || unicode) && c == escape && d->at + 1 < d->end) {
            d->at++;
            if (unicode)
                take_unicode(d, escape, &high);
            else if (mysql)
                mysql_escape(d);
            else
                pgsql_escape(d, &high);
        } else {
            bool pair = wide && backslash && c > 0x80 && c < 0xff && d->at + 1 < d->end && d->s->in.p[d->at + 1] >= 0x40;
            sp_put(&d->out, sp_span_sub(d->s->in, d->at, pair ? 2 : 1));
            d->at += pair ? 2 : 1;
        }
    }
}

/* Pairs of hexadecimal digits as bytes; of an odd number the first stands alone. */
static struct sp_span decode_hex(struct sp_span digits, struct sp_arena *a)
{
    struct sp_buf out = sp_buf_arena(a, (digits.n + 1) / 2);
    unsigned byte = 0;
    for (size_t i = 0; i < digits.n; i++) {
        byte = byte << 4 | ((unsigned)sp_hex(digits.p[i]) & 15);
        if ((digits.n - i) % 2)
            sp_put_byte(&out, (uint8_t)byte);
    }
    return sp_buf_done(&out, a);
}

/* Where hexadecimal digits are a string of bytes. */
static bool is_bytes(const struct sp_sql *s, const struct sp_sql_token *t)
{
    uint8_t d = s->mode.dialect;
    bool string = t->kind == SP_SQL_STRING && (d == SP_SQL_MYSQL || d == SP_SQL_SQLITE);
    bool number = t->kind == SP_SQL_NUMBER && (d == SP_SQL_MYSQL || d == SP_SQL_TSQL);
    return (t->flags & SP_SQL_T_HEX) && (string || number);
}

struct sp_span sp_sql_text(const struct sp_sql *s, const struct sp_sql_token *t, struct sp_arena *a)
{
    struct sp_span all = sp_span_sub(s->in, t->off, t->len);
    if (is_bytes(s, t))
        return decode_hex(t->kind == SP_SQL_NUMBER ? sp_span_from(all, 2) : sp_span_sub(all, 2, all.n - 3), a);
    if (t->kind != SP_SQL_STRING && t->kind != SP_SQL_NAME)
        return all;
    struct sp_span inner = sp_span_sub(all, t->quote, all.n - t->quote - t->close);
    if (!(t->flags & (SP_SQL_T_ESCAPED | SP_SQL_T_UNICODE)))
        return inner;
    struct decode d = {.s = s, .t = t, .out = sp_buf_arena(a, inner.n), .at = t->off + t->quote, .end = t->off + t->len - t->close};
    uint8_t open = all.p[t->quote - 1];
    if (!d.out.full)
        decode_text(&d, open == '[' ? ']' : open);
    return sp_buf_done(&d.out, a);
}
