/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drive: one connection through a protocol object, without rules: what the engine does, as plainly as possible, so that a decoder can be
 * judged by itself.
 */
#include <stdlib.h>
#include <string.h>

#include "case.h"

struct side {
    uint8_t have[CASE_BYTES_MAX];
    size_t n;
    uint64_t mark, flow;
    bool collect, discard, said, halt;
    struct sp_buf out;
};

struct drive {
    const struct sp_proto *proto;
    const struct given *g;
    struct sp_buf *text;
    uint64_t state[SP_STATE_MAX / 8];
    struct side side[2];
    struct sp_arena arena;
    struct sp_value *values;
    struct sp_edit canon[SP_EDITS_MAX], edits[SP_EDITS_MAX];
    uint64_t want[SP_FIELD_WORDS];  /* everything is decoded */
    uint64_t asked[SP_FIELD_WORDS]; /* but only what the case wants makes a message worth looking at */
    bool opaque, closed, instead;
};

static struct sp_span pending(const struct side *d)
{
    return sp_span_of(d->have, d->n);
}

static void take(struct side *d, size_t n, bool pass)
{
    if (pass)
        sp_put(&d->out, sp_span_of(d->have, n));
    memmove(d->have, d->have + n, d->n - n);
    d->n -= n;
}

static void finish(struct drive *v)
{
    v->closed = v->side[0].halt = v->side[1].halt = true;
    v->side[0].n = v->side[1].n = 0;
}

/* ---- edits ---- */

static void replace(struct drive *v, struct side *d, size_t len, const struct sp_edit *edits, uint32_t n)
{
    static uint8_t text[CASE_BYTES_MAX];
    struct sp_buf out = sp_buf_fixed(text, sizeof text);
    size_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (edits[i].off < at || edits[i].off + edits[i].len > len)
            sp_put_str(v->text, "BUG: edits out of order\n");
        sp_put(&out, sp_span_sub(pending(d), at, edits[i].off - at));
        sp_put(&out, edits[i].with);
        at = edits[i].off + edits[i].len;
    }
    sp_put(&out, sp_span_from(pending(d), at));
    memcpy(d->have, text, out.n);
    d->n = out.n;
}

static bool decode(struct drive *v, enum sp_dir dir, size_t len, struct sp_msg *m)
{
    memset(m, 0, sizeof *m);
    m->dir = (uint8_t)dir;
    m->whole = v->side[dir].collect;
    m->unit = sp_span_of(v->side[dir].have, len);
    m->want = v->want;
    m->arena = &v->arena;
    m->values = v->values;
    m->canon = v->canon;
    return v->proto->decode(v->state, m) && !m->overflow && !v->arena.exhausted;
}

/* Decodes; what is not canonical is made so and must then be. *len follows. */
static bool decode_canonical(struct drive *v, enum sp_dir dir, size_t *len, struct sp_msg *m)
{
    struct side *d = &v->side[dir];
    sp_arena_reset(&v->arena);
    if (!decode(v, dir, *len, m))
        return false;
    if (m->ncanon == 0)
        return true;
    if (m->anomaly)
        sp_put_fmt(v->text, "event %s rewritten\n", m->anomaly);
    size_t before = d->n;
    replace(v, d, *len, m->canon, m->ncanon);
    *len += d->n - before;
    if (!decode(v, dir, *len, m))
        return false;
    if (m->ncanon)
        sp_put_str(v->text, "BUG: the canonical form is not canonical\n");
    return true;
}

/* ---- telling ---- */

static void tell_values(struct drive *v, const struct sp_msg *m)
{
    for (uint32_t i = 0; i < m->nvalues; i++) {
        const struct sp_value *x = &m->values[i];
        const struct sp_field *f = &v->proto->fields[x->field];
        struct sp_span name = sp_span_str(f->name);
        if (!v->g->want.n || !sp_span_starts(name, v->g->want))
            continue;
        sp_put(v->text, name);
        if (f->flags & SP_F_KEYED) {
            sp_put_str(v->text, "[\"");
            case_print_text(v->text, x->key);
            sp_put_str(v->text, "\"]");
        }
        sp_put_str(v->text, " = ");
        if (f->type == SP_NUM || f->type == SP_BOOL) {
            sp_put_i64(v->text, x->num);
        } else {
            sp_put_str(v->text, "\"");
            case_print_text(v->text, x->str);
            sp_put_str(v->text, "\"");
        }
        sp_put_str(v->text, "\n");
    }
}

/* False: earlier answers come first. */
static bool refuse(struct drive *v, enum sp_dir dir, const struct sp_msg *m, unsigned status, bool half_sent)
{
    uint8_t text[1024];
    struct sp_buf reply = sp_buf_fixed(text, sizeof text);
    enum sp_reply how = v->proto->refuse(v->state, dir, m, status, &reply);
    if (m->anomaly && how == SP_REPLY_INSTEAD)
        sp_put_fmt(v->text, "event %s refused\n", m->anomaly);
    if (how == SP_REPLY_INSTEAD) {
        const struct sp_edit all = {0, (uint32_t)m->unit.n, sp_buf_span(&reply)};
        v->proto->step(v->state, dir, m, SP_REFUSE);
        replace(v, &v->side[dir], m->unit.n, &all, 1);
        take(&v->side[dir], reply.n, true);
        v->side[dir].discard |= sp_bits_any(m->body_fields, SP_FIELDS_MAX);
        return v->instead = true;
    }
    if (how == SP_REPLY_LATER || (dir == SP_C2S && v->side[SP_S2C].flow))
        return false;
    if (m->anomaly)
        sp_put_fmt(v->text, "event %s refused\n", m->anomaly);
    if (how != SP_REPLY_NONE && !half_sent)
        sp_put(&v->side[SP_S2C].out, sp_buf_span(&reply));
    if (how != SP_REPLY_KEEP || half_sent || dir == SP_S2C)
        finish(v);
    return true;
}

/* ---- units ---- */

static bool apply_fixes(struct drive *v, enum sp_dir dir, size_t *len, struct sp_msg *m)
{
    struct sp_fix fixes[64];
    uint32_t n = 0, nedits = 0;
    for (uint32_t i = 0; i < m->nvalues; i++) {
        for (unsigned k = 0; k < v->g->nfixes && n < 64; k++) {
            const struct case_fix *f = &v->g->fixes[k];
            if (m->values[i].field == f->field && sp_span_ieq(m->values[i].key, f->key))
                fixes[n++] = (struct sp_fix){i, f->op, f->to};
        }
    }
    if (n == 0)
        return true;
    if (!v->proto->mend(v->state, m, fixes, n, v->edits, &nedits))
        return false;
    struct side *d = &v->side[dir];
    size_t before = d->n;
    replace(v, d, *len, v->edits, nedits);
    *len += d->n - before;
    sp_put_str(v->text, "event corrected\n");
    sp_arena_reset(&v->arena);
    if (!decode(v, dir, *len, m) || m->ncanon)
        sp_put_str(v->text, "BUG: what was corrected is not canonical\n");
    return true;
}

static bool part(struct drive *v, enum sp_dir dir, size_t len, bool canonical)
{
    struct side *d = &v->side[dir];
    struct sp_msg m = {.dir = (uint8_t)dir};
    if (!canonical && !decode_canonical(v, dir, &len, &m)) {
        (void)(refuse(v, dir, &m, 0, !d->discard) || (finish(v), true));
        return true;
    }
    v->proto->step(v->state, dir, &m, d->discard ? SP_DROP : SP_PASS);
    take(d, len, !d->discard);
    return true;
}

static bool body_possible(const struct sp_msg *m)
{
    return !m->whole && sp_bits_any(m->body_fields, SP_FIELDS_MAX);
}

static bool unit(struct drive *v, enum sp_dir dir, size_t len)
{
    struct side *d = &v->side[dir];
    struct sp_msg m;
    d->discard = v->instead = false;
    bool ok = decode_canonical(v, dir, &len, &m);
    if (ok && v->g->collect && body_possible(&m))
        return d->collect = true;
    if (ok)
        tell_values(v, &m);
    bool mended = ok && apply_fixes(v, dir, &len, &m);
    enum sp_act act = !mended ? SP_REFUSE : v->g->act_given && dir == SP_C2S ? v->g->act : SP_PASS;
    if (act == SP_REFUSE) {
        if (!refuse(v, dir, &m, ok ? v->g->status : 0, false))
            return false;
        sp_put_fmt(v->text, "event refuse%s\n", ok && !mended ? ": not correctable" : "");
    }
    d->collect = d->said = false;
    if (v->closed || v->instead)
        return true;
    v->proto->step(v->state, dir, &m, act);
    d->discard = act != SP_PASS;
    take(d, len, !d->discard);
    return true;
}

static bool framed(struct drive *v, enum sp_dir dir, const struct sp_frame *f)
{
    struct side *d = &v->side[dir];
    struct sp_msg m = {.dir = (uint8_t)dir, .anomaly = f->anomaly, .unit = pending(d), .unframed = true};
    if (f->say.n && !d->said)
        sp_put(&v->side[dir == SP_C2S ? SP_S2C : SP_C2S].out, f->say);
    d->said |= f->say.n > 0;
    switch (f->fate) {
    case SP_MORE:
        d->mark = f->mark;
        return false;
    case SP_UNIT:
        d->mark = 0;
        return f->part ? part(v, dir, f->len, f->canonical) : unit(v, dir, f->len);
    case SP_FLOW:
        d->mark = 0;
        d->flow = f->len;
        d->discard &= f->part;
        v->proto->grant(v->state, dir, f, d->discard ? SP_DROP : SP_PASS);
        return true;
    case SP_SAY:
        d->mark = 0;
        d->said = false;
        take(d, f->len, false);
        return true;
    case SP_STARTTLS:
        sp_put_str(v->text, "event tls\n");
        return v->opaque = true;
    case SP_OPAQUE:
        return v->opaque = true;
    case SP_STALL:
        return false;
    case SP_TOOLONG:
    case SP_BAD:
        return refuse(v, dir, &m, 0, false);
    }
    return false;
}

static bool turn(struct drive *v, enum sp_dir dir)
{
    struct side *d = &v->side[dir];
    if (d->halt)
        return false;
    if (v->opaque || d->flow) {
        size_t n = v->opaque || d->flow > d->n ? d->n : (size_t)d->flow;
        if (d->flow != UINT64_MAX && !v->opaque)
            d->flow -= n;
        take(d, n, !d->discard);
        return n > 0;
    }
    const struct sp_ask ask = {.whole = d->collect, .max = CASE_BODY_MAX, .want = v->asked};
    struct sp_frame f = v->proto->frame(v->state, dir, pending(d), d->mark, &ask);
    return framed(v, dir, &f);
}

static void pump(struct drive *v)
{
    bool moved;
    do {
        moved = false;
        for (int dir = 0; dir < 2; dir++) {
            while (turn(v, (enum sp_dir)dir))
                moved = true;
        }
    } while (moved);
}

/* ---- a run ---- */

static void feed(struct drive *v, enum sp_dir dir, struct sp_span bytes)
{
    struct side *d = &v->side[dir];
    if (d->halt)
        return;
    memcpy(d->have + d->n, bytes.p, bytes.n);
    d->n += bytes.n;
    pump(v);
}

static void feed_all(struct drive *v, size_t piece, size_t cut)
{
    size_t done = 0;
    for (unsigned i = 0; i < v->g->nsegments; i++) {
        const struct case_segment *s = &v->g->segments[i];
        for (size_t at = 0; at < s->bytes.n;) {
            size_t n = piece ? piece : s->bytes.n - at;
            if (!piece && cut > done + at && cut < done + s->bytes.n)
                n = cut - done - at;
            struct sp_span bytes = sp_span_sub(s->bytes, at, n);
            feed(v, s->dir, bytes);
            at += bytes.n;
        }
        done += s->bytes.n;
    }
}

static void report(struct drive *v)
{
    static const char *const names[] = {"client", "server"};
    case_print(v->text, ">>", sp_buf_span(&v->side[SP_C2S].out));
    case_print(v->text, "<<", sp_buf_span(&v->side[SP_S2C].out));
    for (int dir = 0; dir < 2; dir++) {
        if (v->side[dir].n)
            sp_put_fmt(v->text, "held %s %zu\n", names[dir], v->side[dir].n);
    }
    if (v->closed)
        sp_put_str(v->text, "close\n");
}

void case_run(const struct sp_proto *proto, const struct given *g, size_t piece, size_t cut, struct sp_buf *out)
{
    static struct drive *v;
    if (!v)
        v = calloc(1, sizeof *v);
    if (!v || (!v->values && !(v->values = malloc(SP_VALUES_MAX * sizeof *v->values))))
        abort();
    if (!v->arena.base && sp_arena_init(&v->arena, 256 << 20))
        abort();
    v->proto = proto;
    v->g = g;
    v->text = out;
    v->opaque = v->closed = false;
    memset(v->state, 0, sizeof v->state);
    memset(v->want, 0xff, sizeof v->want);
    memset(v->asked, 0, sizeof v->asked);
    for (unsigned i = 0; g->want.n && i < proto->nfields; i++)
        if (sp_span_starts(sp_span_str(proto->fields[i].name), g->want))
            sp_bit_set(v->asked, i);
    if (proto->open)
        proto->open(v->state, g->options);
    if (g->alone)
        proto->alone(v->state, SP_C2S);
    for (int dir = 0; dir < 2; dir++) {
        struct side *d = &v->side[dir];
        d->n = d->mark = d->flow = 0;
        d->collect = d->discard = d->said = d->halt = false;
        sp_buf_fini(&d->out);
        d->out = sp_buf_growing(CASE_BYTES_MAX);
    }
    feed_all(v, piece, cut);
    report(v);
}
