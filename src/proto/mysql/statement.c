/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statement: what a statement's text says, read as the server will: by its version, by what it reports of sql_mode, and by the character set
 * of the session. What a client's own statements change of that is followed: USE, SET NAMES and its kin, SET sql_mode.
 */
#include "proto/mysql/mysql.h"

struct sp_sql_mode mysql_mode(const struct mysql_state *st)
{
    return (struct sp_sql_mode){.dialect = SP_SQL_MYSQL, .flags = st->sql, .version = st->version};
}

void mysql_statement(const struct mysql_state *st, struct sp_msg *m, struct sp_span text)
{
    struct sp_sql_facts facts;
    unsigned what = sp_statement_wanted(m, SP_MYSQL_KIND, text);
    mysql_add(m, SP_MYSQL_QUERY, (struct sp_span){NULL, 0}, text);
    if (!what)
        return;
    sp_sql_read(text, mysql_mode(st), what, m->arena, &facts);
    sp_statement_add(m, SP_MYSQL_KIND, &facts, (size_t)(text.p - (m->body.n ? m->body.p : m->unit.p)));
    if (sp_want(m, SP_MYSQL_KEY)) {
        const struct sp_span user = mysql_name_of(&st->user), database = mysql_name_of(&st->database);
        mysql_add_text(m, SP_MYSQL_KEY, sp_statement_key(user, database, mysql_name_of(&st->application), facts.shape, m->arena));
    }
}

/* ---- quick looks ---- */

static bool is_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Does a statement that begins so perhaps change something? A comment hides what it begins with. */
static bool begins_so(struct sp_span text)
{
    size_t at = 0;
    while (at < text.n && (is_blank(text.p[at]) || text.p[at] == ';'))
        at++;
    struct sp_span word = sp_span_sub(text, at, 3);
    uint8_t first = word.n ? word.p[0] : 0;
    return first == '/' || first == '#' || first == '-' || sp_span_ieq(word, SP_LIT("use")) || sp_span_ieq(word, SP_LIT("set"));
}

bool mysql_tells(const struct mysql_state *st, struct sp_span text)
{
    return begins_so(text) || ((st->capabilities & CAN_MULTI_STATEMENTS) && sp_span_byte(text, 0, ';') != SP_NOT_FOUND);
}

/* Every fifth byte is one of the word's if the word is there. */
bool mysql_names_local(struct sp_span text)
{
    static const uint8_t place[26] = {['L' - 'A'] = 1 | 1 << 4, ['O' - 'A'] = 1 << 1, ['C' - 'A'] = 1 << 2, ['A' - 'A'] = 1 << 3};
    for (size_t at = 4; at < text.n; at += 5) {
        unsigned letter = (unsigned)sp_lower(text.p[at]) - 'a';
        for (unsigned i = 0, places = letter < 26 ? place[letter] : 0; places >> i; i++) {
            if ((places >> i & 1) && sp_span_ieq(sp_span_sub(text, at - i, 5), SP_LIT("local")))
                return true;
        }
    }
    return false;
}

/* ---- what changes ---- */

struct reader {
    struct sp_sql sql;
    struct sp_sql_token t;
    struct sp_arena *arena;
};

static bool next(struct reader *r)
{
    return sp_sql_next(&r->sql, &r->t);
}

static struct sp_span text_of(const struct reader *r)
{
    return sp_sql_text(&r->sql, &r->t, r->arena);
}

static bool is_word(const struct reader *r, const char *word)
{
    return r->t.kind == SP_SQL_WORD && sp_span_ieq(sp_span_sub(r->sql.in, r->t.off, r->t.len), sp_span_str(word));
}

static bool ends(const struct reader *r)
{
    return r->t.kind == SP_SQL_PUNCTUATION && r->sql.in.p[r->t.off] == ';';
}

static bool names_trailing(struct sp_span charset)
{
    static const char *const names[] = {"big5", "sjis", "gbk", "cp932", "gb18030"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (sp_span_istarts(charset, sp_span_str(names[i])))
            return true;
    }
    return false;
}

static void flag(struct mysql_state *st, uint8_t bit, bool on)
{
    st->next_sql = (uint8_t)((st->next_sql & ~bit) | (on ? bit : 0));
}

/* The value behind an optional "=" or ":=" and "SET". */
static bool value_of(struct reader *r, struct sp_span *ret)
{
    do {
        if (!next(r))
            return false;
    } while (r->t.kind == SP_SQL_OPERATOR || is_word(r, "set") || (r->t.kind == SP_SQL_PUNCTUATION && !ends(r)));
    *ret = text_of(r);
    return !ends(r);
}

static bool is_setting(const struct reader *r, const char *name)
{
    bool named = r->t.kind == SP_SQL_WORD || r->t.kind == SP_SQL_NAME || r->t.kind == SP_SQL_VARIABLE;
    return named && sp_span_iends(text_of(r), sp_span_str(name));
}

/* SET, up to the end of the statement. */
static bool read_set(struct mysql_state *st, struct reader *r)
{
    bool told = false;
    struct sp_span value;
    while (next(r) && !ends(r)) {
        if (is_word(r, "names") || is_word(r, "charset") || is_word(r, "character") || is_setting(r, "character_set_client")) {
            if (!value_of(r, &value))
                break;
            flag(st, SP_SQL_TRAILING_BYTES, names_trailing(value));
            told = true;
        } else if (is_setting(r, "sql_mode")) {
            if (!value_of(r, &value))
                break;
            bool ansi = sp_span_ifind(value, 0, SP_LIT("ansi")) != SP_NOT_FOUND;
            flag(st, SP_SQL_ANSI_QUOTES, ansi);
            flag(st, SP_SQL_PIPES_AS_CONCAT, ansi || sp_span_ifind(value, 0, SP_LIT("pipes_as_concat")) != SP_NOT_FOUND);
            told = true;
        }
    }
    return told;
}

static void keep(struct mysql_name *to, struct sp_span from)
{
    from = sp_span_sub(from, 0, NAME_BYTES);
    to->n = (uint8_t)from.n;
    for (size_t i = 0; i < from.n; i++)
        to->at[i] = from.p[i];
}

bool mysql_told(struct mysql_state *st, struct sp_span text, struct sp_arena *a)
{
    if (!mysql_tells(st, text))
        return false;
    bool told = false, first = true;
    struct reader r = {.arena = a};
    sp_sql_start(&r.sql, text, mysql_mode(st));
    while (next(&r)) {
        bool begins = first;
        first = ends(&r);
        if (begins && is_word(&r, "use") && next(&r)) {
            keep(&st->next, text_of(&r));
            told = true;
        } else if (begins && is_word(&r, "set")) {
            told |= read_set(st, &r);
            first = true;
        }
    }
    return told;
}
