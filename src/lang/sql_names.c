/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sql_names: which names of a statement are tables, columns and functions. By where they stand: a table follows FROM, JOIN, INTO, UPDATE, TABLE and commas
 * between tables; a function has a bracket behind it; a column is what stands where an operand has to come. A name behind an operand is an alias, a
 * type or a word of the dialect, and left out. Where that is not enough to tell, a name is reported rather than left out.
 */
#include "lang/sql_read.h"

static struct bracket *inside(struct reader *r)
{
    return &r->names.brackets[r->names.depth];
}

/* ---- text ---- */

/* Quoted names keep their case where the server tells them apart by it. */
static bool keeps_case(const struct reader *r)
{
    uint8_t dialect = r->lex.mode.dialect;
    return dialect == SP_SQL_PGSQL || dialect == SP_SQL_ORACLE || dialect == SP_SQL_GENERIC;
}

static bool is_plain(struct sp_span s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '.' && sql_fold_at[s.p[i]] != s.p[i])
            return false;
    }
    return true;
}

static void put_part(struct reader *r, struct sp_buf *out, const struct sp_sql *s, const struct sp_sql_token *t)
{
    struct sp_span text = sp_sql_text(s, t, r->arena);
    bool as_is = t->kind == SP_SQL_NAME && keeps_case(r);
    for (size_t i = 0; i < text.n; i++)
        sp_put_byte(out, as_is ? text.p[i] : sp_lower(text.p[i]));
}

struct sp_span names_text(struct reader *r, size_t off, size_t end)
{
    struct sp_span all = sp_span_sub(r->lex.in, off, end - off);
    if (is_plain(all))
        return sp_span_sub(all, 0, SP_SQL_NAME_MAX);
    size_t most = all.n < SP_SQL_NAME_MAX ? all.n : SP_SQL_NAME_MAX;
    uint8_t *room = sp_arena_get(r->arena, most);
    struct sp_buf out = sp_buf_fixed(room, room ? most : 0);
    struct sp_sql s;
    struct sp_sql_token t;
    sp_sql_start(&s, r->lex.in, r->lex.mode);
    s.at = off;
    while (room && s.at < end && sp_sql_next(&s, &t)) {
        if (t.kind == SP_SQL_WORD || t.kind == SP_SQL_NAME)
            put_part(r, &out, &s, &t);
        else if (t.kind == SP_SQL_PUNCTUATION)
            sp_put_byte(&out, '.');
    }
    return sp_buf_span(&out);
}

/* ---- what a name is ---- */

static void add(struct reader *r, enum sp_sql_want want, struct sp_sql_list *list, const struct path *p)
{
    if (!(r->what & want))
        return;
    struct sp_span text = names_text(r, p->off, p->end);
    if (r->arena->exhausted)
        read_give_up(r);
    else
        read_add(r, list, text, p->off, p->end - p->off);
}

static bool is_cte(struct reader *r, const struct path *p)
{
    struct sp_span name = sp_span_sub(r->lex.in, p->off, p->end - p->off);
    bool found = false;
    for (unsigned i = 0; i < r->names.nctes; i++)
        found |= sp_span_ieq(r->names.ctes[i], name);
    return found;
}

static void table(struct reader *r, const struct path *p, bool called)
{
    if (called && inside(r)->clause == CLAUSE_FROM)
        add(r, SP_SQL_FUNCTIONS, &r->facts->functions, p);
    else if (!is_cte(r, p))
        add(r, SP_SQL_TABLES, &r->facts->tables, p);
}

/* EXTRACT(year FROM x): a unit, no column. DATE '2020-01-01', _utf8'x': a type. */
static bool is_no_column(struct reader *r, const struct path *p, const struct sp_sql_token *next)
{
    bool unit = next->keyword == K_FROM && inside(r)->called == K_EXTRACT;
    bool account = next->kind == SP_SQL_VARIABLE && next->off == p->end;
    return unit || account || next->kind == SP_SQL_STRING || !r->names.queries;
}

static void operand(struct reader *r, const struct path *p, const struct sp_sql_token *next, bool called)
{
    bool niladic = (sql_words[p->keyword].flags & NILADIC) != 0;
    condition_name(r, p->off, p->end, called || niladic);
    if (called || niladic)
        add(r, SP_SQL_FUNCTIONS, &r->facts->functions, p);
    else if (!is_no_column(r, p, next))
        add(r, SP_SQL_COLUMNS, &r->facts->columns, p);
}

/* The name has ended: what follows it decides. */
static void settle(struct reader *r, const struct sp_sql_token *next)
{
    struct names *n = &r->names;
    struct path p = n->path;
    bool called = read_is(r, next, '(');
    n->path.open = false;
    r->operand = true;
    if (p.wants_part)
        return;
    switch (p.place) {
    case PLACE_TABLE: n->expects_table = false; table(r, &p, called); break;
    case PLACE_OPERAND: operand(r, &p, next, called); break;
    case PLACE_CALL: add(r, SP_SQL_FUNCTIONS, &r->facts->functions, &p); break;
    case PLACE_WITH:
        if (n->nctes < CTES_MAX)
            n->ctes[n->nctes++] = sp_span_sub(r->lex.in, p.off, p.end - p.off);
        break;
    default: break;
    }
}

/* The next token belongs to the name, or ends it. */
static bool continues(struct reader *r, const struct sp_sql_token *t)
{
    struct path *p = &r->names.path;
    bool point = read_is(r, t, '.'), part = t->kind == SP_SQL_WORD || t->kind == SP_SQL_NAME;
    if (point) {
        p->wants_part = true;
    } else if (part && p->wants_part) {
        p->wants_part = false;
        p->keyword = K_NONE;
        p->end = t->off + t->len;
    } else {
        settle(r, t);
        return false;
    }
    return true;
}

static enum place place(struct reader *r)
{
    struct names *n = &r->names;
    if (n->expects_table)
        return PLACE_TABLE;
    if (inside(r)->clause == CLAUSE_WITH)
        return r->operand ? PLACE_NONE : PLACE_WITH;
    if (inside(r)->clause == CLAUSE_ALIAS)
        return PLACE_NONE;
    uint8_t last = r->last_keyword, calling = last == K_FUNCTION || last == K_PROCEDURE ? r->before_keyword : last;
    bool calls = calling == K_CALL || calling == K_EXEC || calling == K_EXECUTE;
    return r->operand ? PLACE_NONE : calls ? PLACE_CALL : PLACE_OPERAND;
}

static void open_path(struct reader *r, const struct sp_sql_token *t)
{
    r->names.path = (struct path){.open = true, .place = (uint8_t)place(r), .keyword = t->keyword, .off = t->off, .end = t->off + t->len};
}

/* ---- keywords ---- */

/* Where UPDATE, INSERT and DELETE are verbs and not part of something else (FOR UPDATE, ON DELETE, AFTER INSERT OR UPDATE, GRANT SELECT, INSERT). */
static bool at_verb(const struct reader *r)
{
    switch (r->last_keyword) {
    case K_AS: case K_BEGIN: case K_THEN: case K_ELSE: case K_EXPLAIN: case K_ANALYZE: case K_ATOMIC: case K_LOOP: case K_RETURN: return true;
    case K_DO: return r->statement.verb == K_CREATE || r->statement.verb == K_ALTER;
    default: break;
    }
    bool bracket = r->last_byte == '(' || (r->last_byte == ')' && r->statement.verb != K_GRANT) || r->last_byte == ';';
    return r->statement.at_verb || (r->last_kind == SP_SQL_PUNCTUATION && bracket);
}

static void expect_table(struct reader *r, enum clause clause)
{
    inside(r)->clause = (uint8_t)clause;
    r->names.expects_table = true;
}

static void expression(struct reader *r)
{
    inside(r)->clause = CLAUSE_EXPRESSION;
    r->names.expects_table = false;
}

/* FROM names tables, unless it belongs to a function or to IS DISTINCT FROM, or to statements that take other things from somewhere. */
static void from(struct reader *r)
{
    uint8_t verb = r->statement.verb;
    bool other = verb == K_COPY || verb == K_REVOKE || r->last_keyword == K_DISTINCT;
    bool argument = inside(r)->called && inside(r)->clause != CLAUSE_SELECT;
    if (!other && !argument)
        expect_table(r, CLAUSE_FROM);
}

/* ON names a table where something is made for one or granted on one; else a condition follows. */
static void on(struct reader *r)
{
    uint8_t verb = r->statement.verb;
    bool made = verb == K_CREATE || verb == K_DROP || verb == K_GRANT || verb == K_REVOKE || verb == K_ALTER;
    bool table = made && r->names.depth == 0 && !r->names.queries;
    if (inside(r)->clause == CLAUSE_FROM)
        inside(r)->clause = CLAUSE_ON;
    r->names.expects_table = table;
}

static void verb(struct reader *r, enum clause clause)
{
    if (!at_verb(r))
        return;
    r->names.queries = true;
    expect_table(r, clause);
}

static void into(struct reader *r)
{
    if (r->statement.verb == K_DECLARE || inside(r)->called)
        return;
    expect_table(r, inside(r)->clause == CLAUSE_SELECT ? CLAUSE_SELECT : CLAUSE_INSERT);
}

static void table_word(struct reader *r)
{
    uint8_t verb = r->statement.verb;
    r->names.queries |= verb == K_TABLE;
    if (verb != K_GRANT && verb != K_REVOKE)
        expect_table(r, CLAUSE_TABLES);
}

static void using(struct reader *r)
{
    uint8_t verb = r->statement.verb;
    if (verb == K_MERGE || (verb == K_DELETE && inside(r)->clause == CLAUSE_FROM && r->names.depth == 0))
        expect_table(r, CLAUSE_FROM);
}

static void select_word(struct reader *r)
{
    if (r->statement.verb == K_GRANT || r->statement.verb == K_REVOKE)
        return;
    r->names.queries = true;
    expression(r);
    inside(r)->clause = CLAUSE_SELECT;
}

/* What a keyword does to the place of what follows. */
static void keyword(struct reader *r, uint8_t keyword)
{
    switch (keyword) {
    case K_SELECT: select_word(r); break;
    case K_FROM: from(r); break;
    case K_STRAIGHT_JOIN:
        if (inside(r)->clause == CLAUSE_SELECT)
            break;
        /* fallthrough */
    case K_JOIN: case K_APPLY: expect_table(r, CLAUSE_FROM); break;
    case K_INTO: into(r); break;
    case K_UPDATE: case K_DELETE: verb(r, CLAUSE_FROM); break;
    case K_INSERT: case K_REPLACE: case K_MERGE: verb(r, CLAUSE_INSERT); break;
    case K_TABLE: case K_TABLES: case K_VIEW: table_word(r); break;
    case K_TRUNCATE: case K_COPY: case K_DESCRIBE: verb(r, CLAUSE_TABLES); break;
    case K_REFERENCES: r->names.expects_table = true; break;
    case K_USING: using(r); break;
    case K_ON: on(r); break;
    case K_WITH:
        if (at_verb(r))
            inside(r)->clause = CLAUSE_WITH;
        break;
    case K_WHERE: case K_HAVING: case K_BY: case K_SET: case K_VALUES: case K_RETURNING: case K_LIMIT: case K_OFFSET: case K_WHEN: expression(r); break;
    case K_UNION: case K_INTERSECT: case K_EXCEPT: inside(r)->clause = CLAUSE_OTHER; break;
    default: break;
    }
}

/* Words that stand between a verb and its table. */
static bool is_modifier(uint8_t keyword)
{
    switch (keyword) {
    case K_IGNORE: case K_LOW_PRIORITY: case K_HIGH_PRIORITY: case K_DELAYED: case K_QUICK: case K_TEMPORARY: case K_TEMP: case K_IF: return true;
    default: return false;
    }
}

/* Reserved words after which no operand is expected: an alias, a type, a collation, or words. */
static bool names_other(uint8_t keyword)
{
    return keyword == K_AS || keyword == K_COLLATE || keyword == K_DO || keyword == K_OVER || keyword == K_TO || keyword == K_FETCH || keyword == K_FOR;
}

/* A keyword that is a name here: LEFT(x, 1), REPLACE(x, y, z), IF(a, b, c). */
static bool is_called_here(const struct reader *r, const struct sp_sql_token *t)
{
    size_t at = sql_skip(&r->lex, t->off + t->len, C_BLANK);
    return (sql_words[t->keyword].flags & CALLED) && r->statement.tokens && !r->operand && sp_span_at(r->lex.in, at) == '(';
}

/* Words that only mean something where they stand: behind ON, INTO, at the beginning. */
static bool is_word_here(struct reader *r, uint8_t k)
{
    bool conflict = (k == K_CONFLICT || k == K_DUPLICATE || k == K_COMMIT) && r->last_keyword == K_ON;
    bool file = (k == K_OUTFILE || k == K_DUMPFILE) && r->last_keyword == K_INTO;
    bool trigger = (k == K_FUNCTION || k == K_PROCEDURE) && r->last_keyword == K_EXECUTE;
    bool key = k == K_KEY && r->last_keyword == K_DUPLICATE;
    bool verb = r->statement.tokens == 0 && !(k == K_REPLACE || k == K_TRUNCATE || k == K_DESCRIBE);
    if (conflict || file)
        r->names.expects_table = false;
    return conflict || file || key || trigger || verb || (r->names.expects_table && is_modifier(k));
}

static void word(struct reader *r, const struct sp_sql_token *t)
{
    uint8_t k = t->keyword, flags = sql_words[k].flags;
    bool verb = (k == K_REPLACE || k == K_TRUNCATE || k == K_DESCRIBE) && at_verb(r), object = k == K_VIEW || k == K_TABLES;
    bool reserved = (flags & RESERVED) && !(flags & NILADIC) && !is_called_here(r, t);
    if (reserved || verb || (object && !r->names.queries)) {
        keyword(r, k);
        r->operand = ((flags & OPERAND) && k != K_DEFAULT) || names_other(k);
    } else if (is_word_here(r, k)) {
        r->operand = false;
    } else {
        open_path(r, t);
    }
}

/* ---- brackets and the rest ---- */

/* The keyword of the function that the bracket belongs to, K_NONE when it belongs to none. */
static uint8_t called_by(const struct path *before)
{
    bool called = before->open && before->place == PLACE_OPERAND && !before->wants_part;
    return !called ? K_NONE : before->keyword ? before->keyword : K_COUNT;
}

/* TOP (5), DISTINCT ON (a): what follows is an operand. */
static bool is_prefix(struct reader *r)
{
    return r->last_keyword == K_TOP || (r->last_keyword == K_ON && inside(r)->clause == CLAUSE_SELECT);
}

static void open_bracket(struct reader *r, const struct path *before)
{
    struct names *n = &r->names;
    bool alias = before->open && (before->place == PLACE_NONE || before->place == PLACE_WITH), tables = n->expects_table && inside(r)->clause == CLAUSE_FROM;
    uint8_t called = is_prefix(r) ? K_TOP : called_by(before);
    if (n->depth == SP_SQL_DEPTH_MAX) {
        read_give_up(r);
        return;
    }
    n->depth++;
    *inside(r) = (struct bracket){.clause = tables ? CLAUSE_FROM : alias ? CLAUSE_ALIAS : CLAUSE_OTHER, .called = called};
    n->expects_table = tables;
    r->operand = false;
}

static void close_bracket(struct reader *r)
{
    r->operand = inside(r)->called != K_TOP;
    r->names.depth -= r->names.depth > 0;
    r->names.expects_table = false;
}

static void comma(struct reader *r)
{
    uint8_t *clause = &inside(r)->clause;
    if (*clause == CLAUSE_ON)
        *clause = CLAUSE_FROM;
    r->names.expects_table = *clause == CLAUSE_FROM || *clause == CLAUSE_TABLES;
    r->operand = false;
}

/* The next statement of a stored program. */
static void next_in_program(struct reader *r)
{
    expression(r);
    inside(r)->clause = CLAUSE_OTHER;
    r->names.queries = r->operand = false;
}

static void punctuation(struct reader *r, const struct sp_sql_token *t, const struct path *before)
{
    uint8_t c = read_byte(r, t);
    if (c == '(')
        open_bracket(r, before);
    else if (c == ')')
        close_bracket(r);
    else if (c == ',')
        comma(r);
    else if (c == ';')
        next_in_program(r);
    else
        r->operand = c == ']' || c == '.';
}

static void operator(struct reader *r, const struct sp_sql_token *t)
{
    bool star = t->len == 1 && read_byte(r, t) == '*' && !r->operand;
    bool cast = sp_span_eq(sp_span_sub(r->lex.in, t->off, t->len), SP_LIT("::"));
    r->operand = star || cast;
}

void names_begin(struct reader *r)
{
    struct names *n = &r->names;
    n->path.open = n->expects_table = n->queries = false;
    n->nctes = 0;
    n->depth = 0;
    n->brackets[0] = (struct bracket){CLAUSE_OTHER, K_NONE};
}

void names_token(struct reader *r, const struct sp_sql_token *t)
{
    struct path before = r->names.path;
    if (before.open && continues(r, t))
        return;
    switch (t->kind) {
    case SP_SQL_WORD: word(r, t); break;
    case SP_SQL_NAME: open_path(r, t); break;
    case SP_SQL_PUNCTUATION: punctuation(r, t, &before); break;
    case SP_SQL_OPERATOR: operator(r, t); break;
    default:
        r->names.expects_table = false;
        r->operand = r->last_keyword != K_TOP;
    }
}

void names_end(struct reader *r)
{
    static const struct sp_sql_token end = {.kind = SP_SQL_END};
    if (r->names.path.open)
        settle(r, &end);
}
