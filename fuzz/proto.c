/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proto: any protocol on any bytes, in one direction. What is checked holds for all of them: values and edits lie within the unit,
 * decoding is a function of its input, the canonical form is canonical and frames alike, and how the bytes were cut makes no difference.
 * The first two bytes choose the direction, whether bodies are collected, and the pieces.
 */
#include "proto/proto.h"

#include "base/hash.h"
#include "target.h"

enum proto_limits {
    BODY_MAX = 1 << 20,
    REPLY_MAX = 1024, /* what the engine has room for */
    UNIT_MAX = 4 << 20, /* a unit after edits */
};

struct run {
    const struct sp_proto *proto;
    struct sp_arena *arena;
    struct sp_span in;
    size_t at, have; /* the unit begins at `at`; bytes up to `have` have come */
    enum sp_dir dir;
    bool whole, collect;
    uint64_t mark;
    uint64_t digest; /* of all that was seen */
    uint64_t state[SP_STATE_MAX / 8];
};

static const uint64_t all[SP_FIELD_WORDS] = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
static struct sp_value values[SP_VALUES_MAX];
static struct sp_edit canon[SP_EDITS_MAX], edits[SP_EDITS_MAX];
static uint8_t edited[UNIT_MAX];

static uint64_t mix(uint64_t digest, uint64_t v)
{
    return sp_hash(sp_span_of(&v, sizeof v)) + digest * UINT64_C(0x9e3779b97f4a7c15);
}

static uint64_t digest_of(const struct sp_msg *m)
{
    uint64_t h = mix(m->nvalues, m->ncanon);
    for (uint32_t i = 0; i < m->nvalues; i++) {
        const struct sp_value *v = &m->values[i];
        h = mix(mix(h, (uint64_t)v->off << 32 | v->len), (uint64_t)v->field << 16 | v->flags);
        h = mix(mix(mix(h, (uint64_t)v->num), sp_hash(v->str)), sp_hash(v->key));
    }
    return mix(mix(h, m->bits), m->extra);
}

/* ---- one message ---- */

static void check_edits(const struct sp_edit *e, uint32_t n, struct sp_span unit)
{
    size_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        fuzz_check(e[i].off >= at && e[i].off <= unit.n && e[i].len <= unit.n - e[i].off);
        at = e[i].off + e[i].len;
    }
}

static void check_values(const struct run *r, const struct sp_msg *m)
{
    for (uint32_t i = 0; i < m->nvalues; i++) {
        const struct sp_value *v = &m->values[i];
        size_t length = v->flags & SP_V_INBODY ? m->body.n : m->unit.n;
        fuzz_check(v->field < r->proto->nfields && v->off <= length && v->len <= length - v->off);
        fuzz_check(r->proto->fields[v->field].flags & (r->dir == SP_C2S ? SP_F_C2S : SP_F_S2C));
    }
}

static bool decode(struct run *r, struct sp_msg *m, struct sp_span unit)
{
    sp_arena_reset(r->arena);
    *m = (struct sp_msg){.dir = (uint8_t)r->dir, .whole = r->whole, .unit = unit, .want = all, .arena = r->arena, .values = values,
                         .canon = canon};
    bool ok = r->proto->decode(r->state, m) && !m->overflow && !m->arena->exhausted;
    fuzz_check(m->nvalues <= SP_VALUES_MAX && m->ncanon <= SP_EDITS_MAX);
    return ok;
}

/* The unit with its edits made; empty when it grows beyond UNIT_MAX. */
static struct sp_span apply(struct sp_span unit, const struct sp_edit *e, uint32_t n)
{
    struct sp_buf out = sp_buf_fixed(edited, sizeof edited);
    size_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        sp_put(&out, sp_span_sub(unit, at, e[i].off - at));
        sp_put(&out, e[i].with);
        at = e[i].off + e[i].len;
    }
    sp_put(&out, sp_span_from(unit, at));
    return out.full ? (struct sp_span){NULL, 0} : sp_buf_span(&out);
}

static void check_framed_alike(const struct run *r, struct sp_span unit, bool part)
{
    const struct sp_ask ask = {.whole = r->whole, .max = BODY_MAX, .want = all};
    struct sp_frame f = r->proto->frame(r->state, r->dir, unit, 0, &ask);
    fuzz_check(part || (f.fate == SP_UNIT && f.len == unit.n));
}

static void check_canonical(struct run *r, const struct sp_msg *first, bool part)
{
    struct sp_msg m;
    struct sp_span unit = apply(first->unit, first->canon, first->ncanon);
    if (!unit.n)
        return;
    check_framed_alike(r, unit, part);
    bool ok = decode(r, &m, unit);
    fuzz_check(r->arena->exhausted || m.overflow || (ok && m.ncanon == 0));
}

static void check_refuse(const struct run *r, const struct sp_msg *m)
{
    uint8_t text[REPLY_MAX];
    struct sp_buf reply = sp_buf_fixed(text, sizeof text);
    enum sp_reply how = r->proto->refuse(r->state, r->dir, m, 0, &reply);
    fuzz_check(!reply.full && (how == SP_REPLY_LATER || how == SP_REPLY_NONE || reply.n > 0));
}

/* A correction of one value, chosen by the bytes: its edits are in order, whether or not they make sense. */
static void check_mend(const struct run *r, const struct sp_msg *m, bool part)
{
    if (!m->nvalues || m->ncanon || part)
        return;
    uint64_t choice = sp_hash(m->unit);
    struct sp_fix fix = {.value = (uint32_t)(choice % m->nvalues), .op = choice >> 32 & 1 ? SP_FIX_SET : SP_FIX_REMOVE};
    fix.to = sp_span_sub(m->unit, (choice >> 40) % m->unit.n, choice >> 34 & 63);
    uint32_t n = 0;
    if (!(r->proto->fields[m->values[fix.value].field].flags & SP_F_EDIT) || !r->proto->mend(r->state, m, &fix, 1, edits, &n))
        return;
    fuzz_check(n <= SP_EDITS_MAX);
    check_edits(edits, n, m->unit);
}

static void check_forward(const struct run *r, const struct sp_msg *m, bool part)
{
    uint32_t n = 0;
    if (!r->proto->forward || r->dir != SP_C2S || m->ncanon || part)
        return;
    if (!r->proto->forward(m, SP_LIT("192.0.2.1"), edits, &n))
        return;
    check_edits(edits, n, m->unit);
    struct sp_span unit = apply(m->unit, edits, n);
    if (unit.n && unit.n <= r->proto->head_max)
        check_framed_alike(r, unit, false);
}

/* Everything that must hold for a unit. False: it is malformed. */
static bool check_unit(struct run *r, struct sp_msg *m, struct sp_span unit, bool part)
{
    bool ok = decode(r, m, unit);
    uint64_t digest = digest_of(m);
    r->digest = mix(mix(r->digest, ok), r->arena->exhausted ? 0 : digest);
    if (!ok) {
        fuzz_check(m->anomaly || m->overflow || r->arena->exhausted);
        check_refuse(r, m);
        return false;
    }
    check_values(r, m);
    check_edits(m->canon, m->ncanon, unit);
    check_refuse(r, m);
    check_mend(r, m, part);
    check_forward(r, m, part);
    if (m->ncanon)
        check_canonical(r, m, part);
    fuzz_check(decode(r, m, unit) == ok && digest_of(m) == digest);
    return true;
}

/* ---- one stream ---- */

/* A unit is all there. False: nothing more can be read. */
static bool on_unit(struct run *r, const struct sp_frame *f)
{
    struct sp_msg m;
    fuzz_check(f->len > 0 && f->len <= r->have - r->at);
    struct sp_span unit = sp_span_sub(r->in, r->at, f->len);
    if (!check_unit(r, &m, unit, f->part))
        return false;
    r->mark = 0;
    if (r->collect && !r->whole && !f->part && sp_bits_any(m.body_fields, SP_FIELDS_MAX)) {
        r->whole = true;
        return true;
    }
    r->proto->step(r->state, r->dir, &m, SP_PASS);
    if (!f->part)
        r->proto->alone(r->state, r->dir);
    r->at += f->len;
    r->whole = false;
    return true;
}

static void on_flow(struct run *r, const struct sp_frame *f)
{
    uint64_t len = f->len;
    r->proto->grant(r->state, r->dir, f, SP_PASS);
    r->mark = 0;
    r->at = len < r->in.n - r->at ? r->at + len : r->in.n;
    r->have = r->have < r->at ? r->at : r->have;
}

static bool advance(struct run *r, size_t piece)
{
    struct sp_span pending = sp_span_sub(r->in, r->at, r->have - r->at);
    const struct sp_ask ask = {.whole = r->whole, .max = BODY_MAX, .want = all};
    struct sp_frame f = r->proto->frame(r->state, r->dir, pending, r->mark, &ask);
    if (f.fate != SP_MORE && f.fate != SP_FLOW) /* how far one flow goes may depend on what is there; what comes behind it may not */
        r->digest = mix(mix(r->digest, r->at), f.fate == SP_UNIT ? f.len << 3 | f.fate : f.fate);
    switch (f.fate) {
    case SP_MORE:
        r->mark = f.mark;
        if (r->have == r->in.n)
            return false;
        r->have = piece < r->in.n - r->have ? r->have + piece : r->in.n;
        return true;
    case SP_UNIT:
        return on_unit(r, &f);
    case SP_FLOW:
        on_flow(r, &f);
        return r->at < r->in.n;
    case SP_SAY:
        fuzz_check(f.len > 0 && f.say.n > 0);
        r->at += f.len;
        return true;
    case SP_TOOLONG:
    case SP_BAD:
        fuzz_check(f.anomaly);
        return false;
    default:
        return false;
    }
}

static uint64_t read_stream(struct run r, size_t piece)
{
    r.have = piece < r.in.n ? piece : r.in.n;
    r.proto->alone(r.state, r.dir);
    size_t moves = 0;
    while (advance(&r, piece))
        fuzz_check(++moves <= 4 * r.in.n + 4);
    return mix(r.digest, r.at);
}

void target(struct sp_span in, struct sp_arena *a)
{
    uint8_t way = fuzz_byte(&in);
    size_t piece = 1 + fuzz_byte(&in);
    struct run r = {.proto = sp_proto_by_name(SP_LIT(FUZZ_PROTO)), .arena = a, .in = in, .dir = way & 1 ? SP_S2C : SP_C2S,
                    .collect = way & 2};
    fuzz_check(r.proto);
    (void)r.proto->probe(r.dir, in);
    uint64_t at_once = read_stream(r, in.n + 1);
    bool enough = !a->exhausted;
    uint64_t in_pieces = read_stream(r, piece);
    fuzz_check(!enough || a->exhausted || at_once == in_pieces);
}
