/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statement: what a statement's text says, read as the server will: by its settings for strings and the client's encoding, as the server
 * reported them. It converts the text before it reads it, so bytes of a character are never quotes or backslashes to it.
 */
#include "lang/sql.h"
#include "proto/pgsql/pgsql.h"

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

bool pgsql_statement(const struct pgsql_state *st, struct sp_msg *m, struct sp_span text)
{
    struct sp_sql_facts facts;
    unsigned what = sp_statement_wanted(m, SP_PGSQL_KIND, text);
    if (sp_want(m, SP_PGSQL_QUERY))
        pgsql_add(m, SP_PGSQL_QUERY, NOTHING, text);
    if (!what)
        return true;
    if (!certain(st, text))
        return false;
    sp_sql_read(masked(m, (enum pgsql_encoding)st->encoding, text), mode_of(st->flags & FLAG_BACKSLASH), what, m->arena, &facts);
    sp_statement_add(m, SP_PGSQL_KIND, &facts, (size_t)(text.p - m->unit.p));
    if (sp_want(m, SP_PGSQL_KEY)) {
        const struct sp_span user = pgsql_name_of(&st->user), database = pgsql_name_of(&st->database);
        pgsql_add_text(m, SP_PGSQL_KEY, sp_statement_key(user, database, pgsql_name_of(&st->application), facts.shape, m->arena));
    }
    return true;
}
