/* SPDX-License-Identifier: Apache-2.0 */
/* mend: the law of corrections. */
#include <stdlib.h>
#include <string.h>

#include "laws.h"

enum mend_limits { UNIT_MAX = LAWS_BYTES_MAX, TRIES_MAX = 64 /* values tried in one message */ };

/* A value of the same kind: what begins with a slash still does. */
static struct sp_span new_value(const struct sp_value *v)
{
    return sp_span_starts(v->str, SP_LIT("/")) ? SP_LIT("/x1") : SP_LIT("x1");
}

static struct sp_edit edits[SP_EDITS_MAX];
static uint32_t nedits;

static struct sp_span apply(struct sp_span unit)
{
    static uint8_t bytes[UNIT_MAX];
    struct sp_buf out = sp_buf_fixed(bytes, sizeof bytes);
    size_t at = 0;
    for (uint32_t i = 0; i < nedits; i++) {
        sp_put(&out, sp_span_sub(unit, at, edits[i].off - at));
        sp_put(&out, edits[i].with);
        at = edits[i].off + edits[i].len;
    }
    sp_put(&out, sp_span_from(unit, at));
    return sp_buf_span(&out);
}

static bool decode(const struct sp_proto *proto, const void *state, const struct sp_msg *like, struct sp_span unit, struct sp_msg *ret)
{
    static struct sp_arena arena;
    static struct sp_value *values;
    static struct sp_edit canon[SP_EDITS_MAX];
    if (!values && (sp_arena_init(&arena, 64 << 20) || !(values = calloc(SP_VALUES_MAX, sizeof *values))))
        return false;
    sp_arena_reset(&arena);
    *ret = (struct sp_msg){.dir = like->dir, .whole = like->whole, .unit = unit, .want = like->want, .arena = &arena, .values = values,
                           .canon = canon};
    return proto->decode(state, ret) && !ret->overflow && ret->ncanon == 0;
}

static bool same_name(const struct sp_value *a, const struct sp_value *b)
{
    return a->field == b->field && sp_span_eq(a->key, b->key);
}

static bool has_value(const struct sp_msg *m, const struct sp_value *like, struct sp_span str)
{
    for (uint32_t i = 0; i < m->nvalues; i++) {
        if (same_name(&m->values[i], like) && sp_span_eq(m->values[i].str, str))
            return true;
    }
    return false;
}

/* The value has bytes of its own, and none of them were edited. */
static bool untouched(const struct sp_value *v)
{
    for (uint32_t i = 0; i < nedits; i++) {
        size_t from = edits[i].off, to = from + edits[i].len;
        if (v->off <= to && from <= (size_t)v->off + v->len)
            return false;
    }
    return v->len > 0 && !(v->flags & SP_V_INBODY);
}

static void complain(struct sp_buf *why, const struct sp_proto *proto, const struct sp_value *v, const char *what)
{
    sp_put_fmt(why, "correcting %s[\"", proto->fields[v->field].name);
    sp_put_json(why, v->key);
    sp_put_str(why, "\"], which is \"");
    sp_put_json(why, v->str);
    sp_put_fmt(why, "\": does not hold for %s\n", what);
}

/* It says how the rest is to be read, so the rest may change with it. */
static bool governs(const struct sp_value *v)
{
    return sp_span_ieq(v->key, SP_LIT("content-type")) || sp_span_ieq(v->key, SP_LIT("content-encoding"));
}

static bool is_said(const struct sp_msg *m, struct sp_span str)
{
    for (uint32_t i = 0; i < m->nvalues; i++) {
        if (sp_span_eq(m->values[i].str, str))
            return true;
    }
    return false;
}

/*
 * What the bytes of `v` are called may hang on the rest (the second argument of CONFIG is a subcommand, that of SET a value): one of their names holds.
 * A secret has no second name.
 */
static bool holds(const struct sp_proto *proto, const struct sp_msg *before, const struct sp_msg *after, const struct sp_value *v)
{
    if (proto->fields[v->field].flags & SP_F_SECRET)
        return is_said(after, v->str);
    for (uint32_t i = 0; i < before->nvalues; i++) {
        const struct sp_value *w = &before->values[i];
        if (w->off == v->off && w->len == v->len && has_value(after, w, w->str))
            return true;
    }
    return false;
}

static void check_one(const struct sp_proto *proto, const void *state, const struct sp_msg *m, uint32_t i, struct sp_buf *why)
{
    const struct sp_value *v = &m->values[i];
    struct sp_msg after;
    if (!decode(proto, state, m, apply(m->unit), &after)) {
        complain(why, proto, v, "the result: it does not decode, or is not canonical");
        return;
    }
    if (!has_value(&after, v, new_value(v)))
        complain(why, proto, v, "the new value");
    for (uint32_t k = 0; k < m->nvalues; k++) {
        if (!governs(v) && untouched(&m->values[k]) && !holds(proto, m, &after, &m->values[k]))
            complain(why, proto, v, proto->fields[m->values[k].field].name);
    }
}

unsigned law_mend(const struct sp_proto *proto, const void *state, const struct sp_msg *m, struct sp_buf *why)
{
    unsigned tries = 0;
    for (uint32_t i = 0; i < m->nvalues && tries < TRIES_MAX; i++) {
        const struct sp_field *f = &proto->fields[m->values[i].field];
        struct sp_fix fix = {.value = i, .op = SP_FIX_SET, .to = new_value(&m->values[i])};
        nedits = 0;
        if (!(f->flags & SP_F_EDIT) || f->type != SP_STR || !proto->mend(state, m, &fix, 1, edits, &nedits))
            continue;
        tries++;
        check_one(proto, state, m, i, why);
    }
    return tries;
}
