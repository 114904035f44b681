/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sql_read: the facts of the input, statement by statement. A semicolon ends a statement unless it stands in the body of a stored program that the
 * server takes as one: BEGIN ATOMIC of PostgreSQL, the blocks of MySQL, MariaDB, Oracle and SQLite.
 */
#include "lang/sql_read.h"
#include "lang/sql_shape.h"

enum {
    OBJECT_WITHIN = 24, /* tokens between CREATE and what it creates, DEFINER and the like included */
    JOINED_MAX = 256,   /* strings side by side that are one; nobody writes more */
    LIST_FIRST = 16,    /* items that a list has room for at first */
};

void read_give_up(struct reader *r)
{
    r->facts->too_complex = r->arena->exhausted = true;
}

static bool make_room(struct reader *r, struct sp_sql_list *list)
{
    uint32_t room = list->room ? list->room * 2 : LIST_FIRST;
    struct sp_sql_item *items = list->n < SP_SQL_ITEMS_MAX ? sp_arena_get(r->arena, room * sizeof *items) : NULL;
    if (!items)
        return false;
    for (uint32_t i = 0; i < list->n; i++)
        items[i] = list->items[i];
    list->items = items;
    list->room = room;
    return true;
}

void read_add(struct reader *r, struct sp_sql_list *list, struct sp_span text, size_t off, size_t len)
{
    if (r->facts->too_complex)
        return;
    if (list->n == list->room && !make_room(r, list))
        read_give_up(r);
    else
        list->items[list->n++] = (struct sp_sql_item){text, off, len};
}

/* ---- literals and comments ---- */

/* Strings side by side, which MySQL joins, are one literal. */
static void join_literal(struct reader *r, const struct sp_sql_token *t, struct sp_span text)
{
    struct sp_sql_item *last = &r->facts->literals.items[r->facts->literals.n - 1];
    struct sp_buf joined = sp_buf_arena(r->arena, last->text.n + text.n);
    sp_put(&joined, last->text);
    sp_put(&joined, text);
    last->text = sp_buf_done(&joined, r->arena);
    last->len = t->off + t->len - last->off;
    if (joined.full)
        read_give_up(r);
}

static void read_literal(struct reader *r, const struct sp_sql_token *t)
{
    bool side_by_side = t->kind == SP_SQL_STRING && r->strings && r->lex.mode.dialect == SP_SQL_MYSQL;
    r->strings = t->kind == SP_SQL_STRING ? r->strings + 1 : 0;
    if (!(r->what & SP_SQL_LITERALS) || r->facts->too_complex || (t->kind != SP_SQL_STRING && t->kind != SP_SQL_NUMBER))
        return;
    struct sp_span text = sp_sql_text(&r->lex, t, r->arena);
    if (r->arena->exhausted || r->strings > JOINED_MAX)
        read_give_up(r);
    else if (side_by_side)
        join_literal(r, t, text);
    else
        read_add(r, &r->facts->literals, text, t->off, t->len);
}

/* The two ends of a version comment that is run are no comment. */
static void read_comment(struct reader *r, const struct sp_sql_token *t)
{
    struct sp_span text = sp_span_sub(r->lex.in, t->off, t->len);
    bool end = read_byte(r, t) == '*', begin = sp_span_starts(text, SP_LIT("/*")) && !sp_span_ends(text, SP_LIT("*/"));
    if (!end && !begin)
        read_add(r, &r->facts->comments, text, t->off, t->len);
}

/* ---- kinds ---- */

/* Verbs whose object is part of what they are. */
static bool has_object(uint8_t verb)
{
    return verb == K_CREATE || verb == K_ALTER || verb == K_DROP;
}

static struct sp_span kind_text(struct reader *r)
{
    struct statement *s = &r->statement;
    struct sp_buf out = sp_buf_arena(r->arena, s->kind.n + s->what.n + 1);
    for (size_t i = 0; i < s->kind.n; i++)
        sp_put_byte(&out, sp_lower(s->kind.p[i]));
    if (s->what.n)
        sp_put_byte(&out, ' ');
    for (size_t i = 0; i < s->what.n; i++)
        sp_put_byte(&out, sp_lower(s->what.p[i]));
    return sp_buf_done(&out, r->arena);
}

static bool is_verb_behind_with(uint8_t keyword)
{
    return keyword == K_SELECT || keyword == K_INSERT || keyword == K_UPDATE || keyword == K_DELETE || keyword == K_MERGE ||
           keyword == K_VALUES || keyword == K_TABLE || keyword == K_REPLACE;
}

static void read_kind(struct reader *r, const struct sp_sql_token *t)
{
    struct statement *s = &r->statement;
    s->at_verb = false;
    if (t->kind != SP_SQL_WORD)
        return;
    s->for_one |= s->verb == K_SET && s->tokens == 1 && t->key == SQL_KEY('s', 't', 'a', 't', 'e', 'm', 'e', 'n', 't');
    bool with = s->with && s->depth == 0 && is_verb_behind_with(t->keyword), for_one = s->for_one && r->last_keyword == K_FOR && s->depth == 0;
    if (s->kind.n == 0 || with || for_one) {
        s->kind = sp_span_sub(r->lex.in, t->off, t->len);
        s->verb = t->keyword;
        s->with = t->keyword == K_WITH;
        s->for_one &= !for_one;
        s->at_verb = true;
    } else if (has_object(s->verb) && (!s->object || s->object == K_AGGREGATE) && s->tokens < OBJECT_WITHIN && (sql_words[t->keyword].flags & OBJECT)) {
        s->what = sp_span_sub(r->lex.in, t->off, t->len);
        s->object = t->keyword;
    }
}

/* ---- stored programs ---- */

static bool creates_program(const struct statement *s)
{
    bool program = s->object == K_PROCEDURE || s->object == K_FUNCTION || s->object == K_TRIGGER || s->object == K_EVENT || s->object == K_PACKAGE;
    return s->verb == K_CREATE && program;
}

static bool opens_block(uint8_t keyword)
{
    return keyword == K_BEGIN || keyword == K_IF || keyword == K_LOOP || keyword == K_WHILE || keyword == K_REPEAT || keyword == K_FOR;
}

/* Where a statement of a program may begin. */
static bool at_statement(const struct reader *r)
{
    uint8_t last = r->last_keyword;
    return last == K_BEGIN || last == K_THEN || last == K_ELSE || last == K_DO || last == K_LOOP || last == K_REPEAT || last == K_ATOMIC ||
           (r->last_kind == SP_SQL_PUNCTUATION && (r->last_byte == ';' || r->last_byte == ':'));
}

/* Before its first block, the body of a program follows a name, a bracket, FOR EACH ROW or a word about the program; not what it is called. */
static bool at_body(const struct reader *r, uint8_t keyword)
{
    uint8_t last = r->last_keyword, flags = sql_words[last].flags;
    bool word = r->last_kind == SP_SQL_WORD && (last == K_ROW || (last != K_RETURN && !(flags & (RESERVED | OBJECT))));
    bool behind = word || r->last_kind == SP_SQL_STRING || r->last_kind == SP_SQL_NAME || (r->last_kind == SP_SQL_PUNCTUATION && r->last_byte == ')');
    bool each_row = keyword == K_FOR && r->statement.object == K_TRIGGER;
    return r->statement.blocks == 0 && r->statement.object && behind && !each_row;
}

/* Programs without a name: BEGIN NOT ATOMIC, IF, CASE, loops and their labels of MariaDB; BEGIN and DECLARE of Oracle. */
static bool begins_program(const struct reader *r, uint8_t keyword)
{
    const struct statement *s = &r->statement;
    uint8_t dialect = r->lex.mode.dialect;
    bool labelled = s->tokens == 2 && r->last_byte == ':', first = s->tokens == 0 || labelled;
    bool maria = (s->verb == K_BEGIN && keyword == K_ATOMIC && r->last_keyword == K_NOT) ||
                 (first && (keyword == K_CASE || (opens_block(keyword) && (keyword != K_BEGIN || labelled))));
    bool oracle = first && (keyword == K_BEGIN || keyword == K_DECLARE);
    return dialect == SP_SQL_MYSQL ? maria : dialect == SP_SQL_ORACLE && oracle;
}

/* True: it was this word that began the program, with its first block. */
static bool enters_program(struct reader *r, uint8_t keyword)
{
    struct statement *s = &r->statement;
    bool pgsql = r->lex.mode.dialect == SP_SQL_PGSQL;
    bool atomic = pgsql && keyword == K_ATOMIC && r->last_keyword == K_BEGIN && s->verb == K_CREATE;
    bool block = atomic || begins_program(r, keyword);
    s->program = block || (!pgsql && creates_program(s));
    s->blocks = block && keyword != K_DECLARE;
    return block;
}

static void read_program(struct reader *r, uint8_t keyword)
{
    struct statement *s = &r->statement;
    bool pgsql = r->lex.mode.dialect == SP_SQL_PGSQL;
    if (!s->program && (enters_program(r, keyword) || !s->program))
        return;
    if (keyword == K_END)
        s->blocks -= s->blocks > 0;
    else if (keyword == K_CASE && r->last_keyword != K_END)
        s->blocks++;
    else if (!pgsql && opens_block(keyword) && r->last_keyword != K_END && (keyword == K_BEGIN || at_statement(r) || at_body(r, keyword)))
        s->blocks++;
}

/* ---- statements ---- */

static void begin_statement(struct reader *r)
{
    r->statement = (struct statement){0};
    r->operand = false;
    r->last_kind = r->last_keyword = r->last_byte = r->before_keyword = 0;
    names_begin(r);
    condition_begin(r);
}

static void end_statement(struct reader *r)
{
    if (!r->statement.tokens)
        return;
    names_end(r);
    condition_end(r);
    limit_end(r);
    r->facts->statements++;
    if (r->what & SP_SQL_KINDS)
        read_add(r, &r->facts->kinds, kind_text(r), r->statement.kind.n ? (size_t)(r->statement.kind.p - r->lex.in.p) : 0, r->statement.kind.n);
}

/* CREATE RULE has its statements in brackets. */
static bool ends_statement(const struct reader *r, const struct sp_sql_token *t)
{
    const struct statement *s = &r->statement;
    bool in_rule = s->object == K_RULE && s->depth;
    return read_is(r, t, ';') && !(s->program && s->blocks) && !in_rule;
}

static void read_union(struct reader *r, uint8_t keyword)
{
    uint8_t dialect = r->lex.mode.dialect;
    bool minus = keyword == K_MINUS && (dialect == SP_SQL_ORACLE || dialect == SP_SQL_GENERIC);
    r->facts->unions += keyword == K_UNION || keyword == K_INTERSECT || keyword == K_EXCEPT || minus;
}

static void remember(struct reader *r, const struct sp_sql_token *t)
{
    r->before_keyword = r->last_keyword;
    r->last_kind = t->kind;
    r->last_keyword = t->keyword;
    r->last_byte = read_byte(r, t);
    r->last_end = t->off + t->len;
    r->statement.tokens++;
}

static void read_token(struct reader *r, const struct sp_sql_token *t)
{
    struct statement *s = &r->statement;
    if (ends_statement(r, t)) {
        end_statement(r);
        begin_statement(r);
        r->strings = 0;
        return;
    }
    read_kind(r, t);
    read_literal(r, t);
    if (t->kind == SP_SQL_WORD) {
        read_union(r, t->keyword);
        read_program(r, t->keyword);
    }
    names_token(r, t);
    condition_token(r, t);
    limit_token(r, t);
    if (t->kind == SP_SQL_PUNCTUATION)
        s->depth += read_is(r, t, '(') ? 1 : read_is(r, t, ')') && s->depth ? (size_t)-1 : 0;
    remember(r, t);
}

/* ---- all of it ---- */

static void read_facts(struct reader *r, struct shape *shape)
{
    struct sp_sql_token t;
    while (sp_sql_next(&r->lex, &t) && !r->facts->too_complex) {
        if (t.kind == SP_SQL_COMMENT) {
            read_comment(r, &t);
            continue;
        }
        r->facts->broken |= t.kind == SP_SQL_BROKEN;
        if (shape)
            sql_shape_token(shape, &t);
        read_token(r, &t);
    }
    end_statement(r);
}

static void read_shape(struct sp_sql *s, struct shape *shape, struct sp_sql_facts *facts)
{
    struct sp_sql_token t;
    while (sp_sql_next(s, &t)) {
        facts->broken |= t.kind == SP_SQL_BROKEN;
        sql_shape_token(shape, &t);
    }
    facts->unclear = s->unclear;
}

void sp_sql_read(struct sp_span in, struct sp_sql_mode mode, unsigned what, struct sp_arena *a, struct sp_sql_facts *facts)
{
    struct shape shape;
    struct sp_buf text;
    bool shaped = what & (SP_SQL_SHAPE | SP_SQL_SHAPE_TEXT), texted = what & SP_SQL_SHAPE_TEXT;
    *facts = (struct sp_sql_facts){0};
    if (texted)
        text = sp_buf_arena(a, in.n < SP_SQL_SHAPE_TEXT_MAX / 3 ? in.n * 3 + 16 : SP_SQL_SHAPE_TEXT_MAX);
    sql_shape_start(&shape, in, mode, texted ? &text : NULL);
    if (what & ~(unsigned)(SP_SQL_SHAPE | SP_SQL_SHAPE_TEXT)) {
        struct reader *r = sp_arena_get(a, sizeof *r);
        facts->too_complex = !r;
        if (!r)
            return;
        r->facts = facts;
        r->arena = a;
        r->what = what;
        r->strings = 0;
        sp_sql_start(&r->lex, in, mode);
        r->lex.comments = what & SP_SQL_COMMENTS;
        limit_begin(r);
        begin_statement(r);
        read_facts(r, shaped ? &shape : NULL);
        facts->unclear = r->lex.unclear;
    } else {
        struct sp_sql s;
        sp_sql_start(&s, in, mode);
        read_shape(&s, &shape, facts);
    }
    facts->shape = shaped ? sql_shape_end(&shape) : 0;
    facts->shape_text = texted ? sp_buf_span(&text) : sp_span_of(NULL, 0);
}
