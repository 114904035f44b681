/* SPDX-License-Identifier: Apache-2.0 */
/* statement: what a statement's text says, as values; keys of statements. */
#include "proto/statement.h"

#include "lang/lang.h"

/* ---- values ---- */

static const uint16_t reads[SP_STATEMENT_NFIELDS] = {
    [SP_STATEMENT_KIND] = SP_SQL_KINDS,         [SP_STATEMENT_COUNT] = SP_SQL_KINDS,         [SP_STATEMENT_TABLES] = SP_SQL_TABLES,
    [SP_STATEMENT_COLUMNS] = SP_SQL_COLUMNS,    [SP_STATEMENT_FUNCTIONS] = SP_SQL_FUNCTIONS, [SP_STATEMENT_LITERALS] = SP_SQL_LITERALS,
    [SP_STATEMENT_COMMENTS] = SP_SQL_COMMENTS,  [SP_STATEMENT_SHAPE] = SP_SQL_SHAPE,         [SP_STATEMENT_SHAPE_TEXT] = SP_SQL_SHAPE_TEXT,
    [SP_STATEMENT_KEY] = SP_SQL_SHAPE,          [SP_STATEMENT_UNIONS] = SP_SQL_UNIONS,       [SP_STATEMENT_TAUTOLOGY] = SP_SQL_TAUTOLOGY,
    [SP_STATEMENT_LIMIT] = SP_SQL_LIMIT,
};

#define BIT(id) (UINT64_C(1) << SP_STATEMENT_##id)
static const uint64_t ALL = (UINT64_C(1) << SP_STATEMENT_NFIELDS) - 1;
static const uint64_t DEAR = BIT(KIND) | BIT(TABLES) | BIT(COLUMNS) | BIT(FUNCTIONS) | BIT(LITERALS) | BIT(COMMENTS) | BIT(SHAPE_TEXT);

/* The bits of the statement's fields, the first of them lowest. */
static uint64_t ours(const uint64_t *fields, unsigned first)
{
    unsigned word = first / 64, shift = first % 64;
    uint64_t low = fields[word] >> shift, high = shift && word + 1 < SP_FIELD_WORDS ? fields[word + 1] << (64 - shift) : 0;
    return (low | high) & ALL;
}

/* A quoted name may be written otherwise than it is: U&"\0061", "a""b". */
static bool names_are_as_written(struct sp_span text, uint8_t quote)
{
    for (size_t at = sp_span_byte(text, 0, quote); at != SP_NOT_FOUND; at = sp_span_byte(text, at + 1, quote)) {
        if (sp_span_at(text, at + 1) == quote || (at > 0 && text.p[at - 1] == '&'))
            return false;
    }
    return true;
}

unsigned sp_statement_wanted(struct sp_msg *m, unsigned first, struct sp_span text)
{
    uint64_t wanted = ours(m->want, first), later = m->whole ? 0 : wanted & DEAR & ~(m->eager ? ours(m->eager, first) : 0);
    unsigned what = 0;
    if (later && (!names_are_as_written(text, '"') || !names_are_as_written(text, '`')))
        later = 0;
    for (uint64_t bits = later; bits; bits &= bits - 1)
        sp_bit_set(m->body_fields, first + (unsigned)__builtin_ctzll(bits));
    for (uint64_t bits = wanted & ~later; bits; bits &= bits - 1)
        what |= reads[__builtin_ctzll(bits)];
    return what;
}

static void add_text(struct sp_msg *m, unsigned field, struct sp_span str)
{
    const struct sp_value v = {.field = (uint16_t)field, .str = str, .flags = SP_V_DERIVED};
    if (sp_want(m, field))
        (void)sp_msg_add(m, &v);
}

static void add_num(struct sp_msg *m, unsigned field, int64_t num)
{
    const struct sp_value v = {.field = (uint16_t)field, .num = num, .flags = SP_V_DERIVED};
    if (sp_want(m, field))
        (void)sp_msg_add(m, &v);
}

static void add_list(struct sp_msg *m, unsigned field, const struct sp_sql_list *list)
{
    if (!sp_want(m, field) || sp_bit(m->body_fields, field))
        return;
    for (uint32_t i = 0; i < list->n; i++)
        add_text(m, field, list->items[i].text);
}

static void add_shape(struct sp_msg *m, unsigned field, uint64_t shape)
{
    if (!sp_want(m, field))
        return;
    struct sp_buf text = sp_buf_arena(m->arena, 16);
    sp_put_hex64(&text, shape);
    add_text(m, field, sp_buf_done(&text, m->arena));
}

/* Where a query says how many rows it wants, or may say it: there the number is put. */
static void add_limit(struct sp_msg *m, unsigned field, const struct sp_sql_row_limit *l, size_t off)
{
    struct sp_value v = {.field = (uint16_t)field, .flags = SP_V_DERIVED, .num = INT64_MAX};
    if (!sp_want(m, field) || !l->possible)
        return;
    if (l->known && l->rows < INT64_MAX)
        v.num = (int64_t)l->rows;
    v.off = (uint32_t)(off + (l->given ? l->off : l->place));
    v.len = l->given ? (uint32_t)l->len : 0;
    struct sp_buf digits = sp_buf_arena(m->arena, 20); /* what a correction is compared with */
    sp_put_i64(&digits, v.num);
    v.str = sp_buf_done(&digits, m->arena);
    (void)sp_msg_add(m, &v);
}

struct sp_edit sp_statement_mend_limit(const struct sp_msg *m, const struct sp_value *v, struct sp_span to)
{
    struct sp_buf text = sp_buf_arena(m->arena, to.n + sizeof " LIMIT ");
    if (v->len == 0) /* nothing is said of it, or FETCH FIRST ROW */
        sp_put_str(&text, v->num == INT64_MAX ? " LIMIT " : " ");
    sp_put(&text, to);
    return (struct sp_edit){.off = v->off, .len = v->len, .with = sp_buf_done(&text, m->arena)};
}

void sp_statement_add(struct sp_msg *m, unsigned first, const struct sp_sql_facts *facts, size_t off)
{
    add_list(m, first + SP_STATEMENT_KIND, &facts->kinds);
    add_num(m, first + SP_STATEMENT_COUNT, facts->statements);
    add_list(m, first + SP_STATEMENT_TABLES, &facts->tables);
    add_list(m, first + SP_STATEMENT_COLUMNS, &facts->columns);
    add_list(m, first + SP_STATEMENT_FUNCTIONS, &facts->functions);
    add_list(m, first + SP_STATEMENT_LITERALS, &facts->literals);
    add_list(m, first + SP_STATEMENT_COMMENTS, &facts->comments);
    add_shape(m, first + SP_STATEMENT_SHAPE, facts->shape);
    if (!sp_bit(m->body_fields, first + SP_STATEMENT_SHAPE_TEXT))
        add_text(m, first + SP_STATEMENT_SHAPE_TEXT, facts->shape_text);
    add_num(m, first + SP_STATEMENT_UNIONS, facts->unions);
    add_num(m, first + SP_STATEMENT_TAUTOLOGY, facts->tautology);
    add_limit(m, first + SP_STATEMENT_LIMIT, &facts->limit, off);
}

/* ---- keys ---- */

bool sp_statement_fields(const struct sp_proto *p, uint16_t *ret_key, uint16_t *ret_text)
{
    static const char *const names[] = {"statement.key", "statement.shape.text"};
    uint8_t text[64];
    int found[2];
    for (unsigned i = 0; i < 2; i++) {
        struct sp_buf name = sp_buf_fixed(text, sizeof text);
        sp_put_fmt(&name, "%s.%s", p->name, names[i]);
        found[i] = name.full ? -1 : sp_proto_field(p, sp_buf_span(&name));
    }
    if (found[0] < 0 || found[1] < 0)
        return false;
    *ret_key = (uint16_t)found[0];
    *ret_text = (uint16_t)found[1];
    return true;
}

struct sp_span sp_statement_key(struct sp_span user, struct sp_span database, struct sp_span application, uint64_t shape, struct sp_arena *a)
{
    const struct sp_span names[] = {user, database, application};
    struct sp_buf out = sp_buf_arena(a, SP_STATEMENT_KEY_MAX);
    for (unsigned i = 0; i < 3; i++) {
        sp_url_encode(&out, names[i], 0, SP_LIT(" @:+"));
        sp_put_byte(&out, '/');
    }
    sp_put_hex64(&out, shape);
    a->exhausted |= out.full;
    return out.full ? (struct sp_span){NULL, 0} : sp_buf_done(&out, a);
}
