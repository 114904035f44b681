/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statement: what a statement's text says, read as the server will: by its settings for strings and the client's encoding, as the server
 * reported them. It converts the text before it reads it, so bytes of a character are never quotes or backslashes to it.
 */
#include "lang/sql.h"
#include "proto/pgsql/pgsql.h"
#include "proto/statement.h"

static const struct sp_span NOTHING = {NULL, 0};

/* ---- encodings ---- */

static bool leads(enum pgsql_encoding encoding, uint8_t c)
{
    bool katakana = encoding == ENCODING_SJIS && c >= 0xa1 && c <= 0xdf;
    return c >= 0x80 && !katakana;
}

/*
 * The text with the second byte of every two-byte character made a byte that means nothing to the lexer, at the same offsets. Where the
 * second byte could not be one, the server refuses the text.
 */
static struct sp_span masked(struct sp_msg *m, enum pgsql_encoding encoding, struct sp_span text)
{
    if (encoding == ENCODING_PLAIN)
        return text;
    struct sp_buf out = sp_buf_arena(m->arena, text.n);
    for (size_t i = 0; i < text.n; i++) {
        sp_put_byte(&out, text.p[i]);
        if (leads(encoding, text.p[i]) && ++i < text.n)
            sp_put_byte(&out, text.p[i] | 0x80);
    }
    return sp_buf_done(&out, m->arena);
}

/* ---- what is not answered yet could change how it is read ---- */

static struct sp_sql_mode mode_of(bool backslash)
{
    return (struct sp_sql_mode){.dialect = SP_SQL_PGSQL, .flags = backslash ? SP_SQL_BACKSLASH_ESCAPES : 0};
}

/* Do the tokens begin and end at the same places whether or not plain strings have escapes? */
static bool same_tokens(struct sp_span text)
{
    struct sp_sql with, without;
    struct sp_sql_token a, b;
    sp_sql_start(&with, text, mode_of(true));
    sp_sql_start(&without, text, mode_of(false));
    for (;;) {
        bool more = sp_sql_next(&with, &a);
        if (more != sp_sql_next(&without, &b) || a.kind != b.kind || a.off != b.off || a.len != b.len)
            return false;
        if (!more)
            return true;
    }
}

/* Could the backslash that follows be the second byte of a character in some encoding, and would it matter? */
static bool same_characters(struct sp_span text)
{
    for (size_t at = sp_span_byte(text, 0, '\\'); at != SP_NOT_FOUND; at = sp_span_byte(text, at + 1, '\\')) {
        int next = sp_span_at(text, at + 1);
        if (at > 0 && text.p[at - 1] >= 0x80 && (next == '\'' || next == '\\'))
            return false;
    }
    return true;
}

/*
 * A statement sent before earlier ones are answered: one of those may switch standard_conforming_strings or the encoding. It passes if
 * that makes no difference, as it does for what anybody writes.
 */
static bool certain(const struct pgsql_state *st, struct sp_span text)
{
    bool pending = st->owed || (st->flags & FLAG_BATCH);
    if (!pending || (st->flags & FLAG_BLIND) || sp_span_byte(text, 0, '\\') == SP_NOT_FOUND)
        return true;
    return same_characters(text) && same_tokens(text);
}

/* ---- values ---- */

static const struct { uint8_t field; uint16_t what; } wants[] = {
    {SP_PGSQL_KIND, SP_SQL_KINDS},           {SP_PGSQL_COUNT, SP_SQL_KINDS},       {SP_PGSQL_TABLES, SP_SQL_TABLES},
    {SP_PGSQL_COLUMNS, SP_SQL_COLUMNS},      {SP_PGSQL_FUNCTIONS, SP_SQL_FUNCTIONS}, {SP_PGSQL_LITERALS, SP_SQL_LITERALS},
    {SP_PGSQL_COMMENTS, SP_SQL_COMMENTS},    {SP_PGSQL_SHAPE, SP_SQL_SHAPE},       {SP_PGSQL_SHAPE_TEXT, SP_SQL_SHAPE_TEXT},
    {SP_PGSQL_KEY, SP_SQL_SHAPE},            {SP_PGSQL_UNIONS, SP_SQL_UNIONS},        {SP_PGSQL_TAUTOLOGY, SP_SQL_TAUTOLOGY},
};

static unsigned wanted(const struct sp_msg *m)
{
    unsigned what = 0;
    for (size_t i = 0; i < sizeof wants / sizeof *wants; i++)
        what |= sp_want(m, wants[i].field) ? wants[i].what : 0;
    return what;
}

static void add_list(struct sp_msg *m, unsigned field, const struct sp_sql_list *list)
{
    if (!sp_want(m, field))
        return;
    for (uint32_t i = 0; i < list->n; i++)
        pgsql_add_text(m, field, list->items[i].text);
}

static void add_shape(struct sp_msg *m, uint64_t shape)
{
    struct sp_buf text = sp_buf_arena(m->arena, 16);
    for (int shift = 60; shift >= 0; shift -= 4)
        sp_put_byte(&text, (uint8_t)"0123456789abcdef"[shape >> shift & 15]);
    pgsql_add_text(m, SP_PGSQL_SHAPE, sp_buf_done(&text, m->arena));
}

static void add_facts(struct sp_msg *m, const struct sp_sql_facts *f)
{
    add_list(m, SP_PGSQL_KIND, &f->kinds);
    if (sp_want(m, SP_PGSQL_COUNT))
        pgsql_add_num(m, SP_PGSQL_COUNT, f->statements);
    add_list(m, SP_PGSQL_TABLES, &f->tables);
    add_list(m, SP_PGSQL_COLUMNS, &f->columns);
    add_list(m, SP_PGSQL_FUNCTIONS, &f->functions);
    add_list(m, SP_PGSQL_LITERALS, &f->literals);
    add_list(m, SP_PGSQL_COMMENTS, &f->comments);
    if (sp_want(m, SP_PGSQL_SHAPE))
        add_shape(m, f->shape);
    if (sp_want(m, SP_PGSQL_SHAPE_TEXT))
        pgsql_add_text(m, SP_PGSQL_SHAPE_TEXT, f->shape_text);
    if (sp_want(m, SP_PGSQL_UNIONS))
        pgsql_add_num(m, SP_PGSQL_UNIONS, f->unions);
    if (sp_want(m, SP_PGSQL_TAUTOLOGY))
        pgsql_add_num(m, SP_PGSQL_TAUTOLOGY, f->tautology);
}

bool pgsql_statement(const struct pgsql_state *st, struct sp_msg *m, struct sp_span text)
{
    struct sp_sql_facts facts;
    unsigned what = wanted(m);
    if (sp_want(m, SP_PGSQL_QUERY))
        pgsql_add(m, SP_PGSQL_QUERY, NOTHING, text);
    if (!what)
        return true;
    if (!certain(st, text))
        return false;
    sp_sql_read(masked(m, (enum pgsql_encoding)st->encoding, text), mode_of(st->flags & FLAG_BACKSLASH), what, m->arena, &facts);
    add_facts(m, &facts);
    if (sp_want(m, SP_PGSQL_KEY)) {
        const struct sp_span user = pgsql_name_of(&st->user), database = pgsql_name_of(&st->database);
        pgsql_add_text(m, SP_PGSQL_KEY, sp_statement_key(user, database, pgsql_name_of(&st->application), facts.shape, m->arena));
    }
    return true;
}
