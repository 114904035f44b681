/* SPDX-License-Identifier: Apache-2.0 */
/* mend: corrections. A value is a text with a zero byte behind it, has its length in front of it, or is the rest of the message. */
#include "proto/pgsql/pgsql.h"

static bool has_length(unsigned field)
{
    return field == SP_PGSQL_PARAMETERS || field == SP_PGSQL_ROW;
}

static bool is_rest(unsigned field)
{
    return field == SP_PGSQL_COPY_DATA || field == SP_PGSQL_COPY_OUT;
}

static struct sp_span u32_text(struct sp_arena *a, uint32_t v, struct sp_span behind)
{
    struct sp_buf out = sp_buf_arena(a, 4 + behind.n);
    for (int shift = 24; shift >= 0; shift -= 8)
        sp_put_byte(&out, (uint8_t)(v >> shift));
    sp_put(&out, behind);
    return sp_buf_done(&out, a);
}

/* Parameters and values of rows. Text ones cannot hold a zero byte, and nothing says that a binary one may get one. */
static bool mend_counted(const struct sp_msg *m, const struct sp_value *v, const struct sp_fix *fix, struct sp_edit *ret)
{
    *ret = (struct sp_edit){.off = v->off - 4, .len = v->len + 4};
    if (fix->op == SP_FIX_REMOVE) {
        ret->with = SP_LIT("\xff\xff\xff\xff");
        return true;
    }
    if (sp_span_byte(fix->to, 0, 0) != SP_NOT_FOUND || fix->to.n > LARGE_MAX)
        return false;
    ret->with = u32_text(m->arena, (uint32_t)fix->to.n, fix->to);
    return true;
}

/* What the server can do without goes with what names it: a parameter's name, the letter of an error's part. */
static bool mend_remove(const struct sp_msg *m, const struct sp_value *v, struct sp_edit *ret)
{
    uint32_t front;
    if (v->field == SP_PGSQL_STARTUP)
        front = v->off - (uint32_t)(v->key.p - m->unit.p);
    else if (v->field == SP_PGSQL_ERROR_DETAIL || v->field == SP_PGSQL_ERROR_HINT)
        front = 1;
    else
        return false;
    *ret = (struct sp_edit){.off = v->off - front, .len = front + v->len + 1};
    return true;
}

static bool mend_value(const struct sp_msg *m, const struct sp_value *v, const struct sp_fix *fix, struct sp_edit *ret)
{
    if (has_length(v->field))
        return mend_counted(m, v, fix, ret);
    if (v->field == SP_PGSQL_LIMIT) {
        *ret = sp_statement_mend_limit(m, v, fix->to);
        return fix->op == SP_FIX_SET;
    }
    if (fix->op == SP_FIX_REMOVE)
        return mend_remove(m, v, ret);
    if (!is_rest(v->field) && sp_span_byte(fix->to, 0, 0) != SP_NOT_FOUND)
        return false;
    *ret = (struct sp_edit){.off = v->off, .len = v->len, .with = fix->to};
    return true;
}

/* Sorted by where they are; false: two are in one place. Fixes come in the order of values, values nearly in that of bytes. */
static bool place(struct sp_edit *edits, uint32_t n, struct sp_edit e)
{
    uint32_t at = n;
    while (at > 0 && edits[at - 1].off > e.off)
        at--;
    if (at > 0 && edits[at - 1].off + edits[at - 1].len > e.off)
        return false;
    if (at < n && e.off + e.len > edits[at].off)
        return false;
    for (uint32_t i = n; i > at; i--)
        edits[i] = edits[i - 1];
    edits[at] = e;
    return true;
}

static bool lengths_allowed(const struct sp_msg *m, uint64_t len)
{
    const struct pgsql_type *t = pgsql_type_of((enum sp_dir)m->dir, m->unit.p[0]);
    return len <= (t ? t->max : STARTUP_MAX);
}

bool pgsql_mend(const void *state, const struct sp_msg *m, const struct sp_fix *fixes, uint32_t nfixes, struct sp_edit *edits, uint32_t *nedits)
{
    (void)state;
    uint32_t off = m->unit.p[0] ? 1 : 0;
    uint64_t len = m->unit.n - off;
    edits[0] = (struct sp_edit){.off = off, .len = 4};
    *nedits = 1;
    for (uint32_t i = 0; i < nfixes; i++) {
        struct sp_edit e;
        if (*nedits == SP_EDITS_MAX || !mend_value(m, &m->values[fixes[i].value], &fixes[i], &e) || !place(edits, *nedits, e))
            return false;
        len = len - e.len + e.with.n;
        ++*nedits;
    }
    if (!lengths_allowed(m, len))
        return false;
    edits[0].with = u32_text(m->arena, (uint32_t)len, (struct sp_span){NULL, 0});
    return true;
}
