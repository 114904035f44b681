/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sql: tokens follow each other to the end of the input, whatever it is; what statements name lies within it; the shape is the same whatever else is asked
 * for, and does not change with a comment, a blank or a semicolon behind the statement. The first two bytes are the dialect and its settings.
 */
#include "lang/sql.h"
#include "target.h"

enum { EVERYTHING = (SP_SQL_LIMIT << 1) - 1 };

static bool broken;

static void check_tokens(struct sp_span in, struct sp_sql_mode mode, bool comments, struct sp_arena *a)
{
    struct sp_sql s;
    struct sp_sql_token t;
    size_t end = 0;
    sp_sql_start(&s, in, mode);
    s.comments = comments;
    while (sp_sql_next(&s, &t)) {
        fuzz_check(t.off >= end && t.len <= in.n - t.off && s.at == t.off + t.len);
        fuzz_check(t.len > 0 || t.kind == SP_SQL_BROKEN);
        end = t.off + t.len;
        struct sp_span text = sp_sql_text(&s, &t, a);
        fuzz_check(text.n <= t.len);
        broken |= t.kind == SP_SQL_BROKEN;
        fuzz_check(t.kind != SP_SQL_BROKEN || end == in.n);
    }
    fuzz_check(t.kind == SP_SQL_END && s.at == in.n);
}

static void check_list(const struct sp_sql_list *list, struct sp_span in, struct sp_arena *a)
{
    for (uint32_t i = 0; i < list->n; i++) {
        const struct sp_sql_item *item = &list->items[i];
        fuzz_check(item->off <= in.n && item->len <= in.n - item->off);
        fuzz_check(fuzz_within(item->text, in) || fuzz_within(item->text, sp_span_of(a->base, a->used)));
    }
}

static void check_limit(const struct sp_sql_row_limit *l, struct sp_span in)
{
    fuzz_check(l->place <= in.n && l->off <= in.n && l->len <= in.n - l->off);
    fuzz_check(l->possible || !l->given);
    fuzz_check(l->known || l->rows == 0);
}

static void check_facts(struct sp_span in, struct sp_sql_mode mode, struct sp_arena *a)
{
    struct sp_sql_facts f, alone;
    sp_sql_read(in, mode, EVERYTHING, a, &f);
    sp_sql_read(in, mode, SP_SQL_SHAPE, NULL, &alone);
    fuzz_check(!f.too_complex || a->exhausted);
    fuzz_check(alone.broken == broken);
    if (f.too_complex)
        return;
    fuzz_check(f.shape == alone.shape && f.unclear == alone.unclear && f.broken == broken);
    fuzz_check((f.shape == 0) == (f.statements == 0) && f.kinds.n == f.statements);
    fuzz_check(f.shape_text.n <= SP_SQL_SHAPE_TEXT_MAX);
    const struct sp_sql_list *lists[] = {&f.kinds, &f.tables, &f.columns, &f.functions, &f.literals, &f.comments, &f.comparisons};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        check_list(lists[i], in, a);
    check_limit(&f.limit, in);
}

static void check_what_does_not_matter(struct sp_span in, struct sp_sql_mode mode, struct sp_arena *a)
{
    struct sp_sql_facts f, longer;
    struct sp_buf out = sp_buf_arena(a, in.n + 16);
    sp_put(&out, in);
    sp_put_str(&out, "\n/* a */ ; \n");
    sp_sql_read(in, mode, SP_SQL_SHAPE, NULL, &f);
    sp_sql_read(sp_buf_span(&out), mode, SP_SQL_SHAPE, NULL, &longer);
    fuzz_check(out.full || broken || longer.broken || f.shape == longer.shape);
}

void target(struct sp_span in, struct sp_arena *a)
{
    struct sp_sql_mode mode = {.dialect = fuzz_byte(&in) % SP_SQL_NDIALECTS, .flags = fuzz_byte(&in)};
    mode.version = mode.flags & 0x80 ? 0 : mode.flags & SP_SQL_MARIADB ? 101119 : 80036;
    broken = false;
    check_tokens(in, mode, false, a);
    check_tokens(in, mode, true, a);
    check_facts(in, mode, a);
    check_what_does_not_matter(in, mode, a);
}
