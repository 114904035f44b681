/* SPDX-License-Identifier: Apache-2.0 */
/* edit: corrections. New values become byte edits, and the result has to prove itself by being decoded again. */
#include <string.h>

#include "engine/inside.h"

static void session_values(struct sp_engine *e, const struct sp_session *s, struct sp_msg *m)
{
    const struct sp_span service = e->services ? sp_span_str(e->services[s->service]) : (struct sp_span){NULL, 0};
    const struct sp_value all[SP_SESSION_NFIELDS] = {
        [SP_FIELD_IP_SRC] = {.str = sp_span_of(s->client.ip, sizeof s->client.ip)},
        [SP_FIELD_IP_DST] = {.str = sp_span_of(s->server.ip, sizeof s->server.ip)},
        [SP_FIELD_SRCPORT] = {.num = s->client.port},
        [SP_FIELD_DSTPORT] = {.num = s->server.port},
        [SP_FIELD_SERVICE] = {.str = service},
        [SP_FIELD_TIME] = {.num = e->moment.time},
        [SP_FIELD_WEEKDAY] = {.num = e->moment.weekday},
    };
    const uint16_t known = e->moment.weekday ? SP_SESSION_NFIELDS : SP_FIELD_TIME;
    for (uint16_t f = 0; f < known; f++) {
        struct sp_value v = all[f];
        v.field = f;
        if (sp_want(m, f))
            (void)sp_msg_add(m, &v);
    }
}

const uint64_t *msg_want(const struct sp_engine *e, const struct sp_session *s, enum sp_dir dir)
{
    static const uint64_t nothing[SP_FIELD_WORDS];
    if (dir == SP_C2S && e->learning == session_proto(s))
        return e->learned;
    return e->policy ? sp_policy_want(e->policy, session_proto(s), dir) : nothing;
}

static void msg_init(struct sp_engine *e, const struct sp_session *s, struct sp_msg *m, enum sp_dir dir)
{
    memset(m, 0, sizeof *m);
    m->dir = (uint8_t)dir;
    m->want = msg_want(e, s, dir);
    m->eager = e->policy ? sp_policy_eager(e->policy, session_proto(s), dir) : NULL;
}

void msg_start(struct sp_engine *e, const struct sp_session *s, struct sp_msg *m, enum sp_dir dir, struct sp_span unit, bool whole)
{
    sp_arena_reset(&e->arena);
    msg_init(e, s, m, dir);
    m->unit = unit;
    m->whole = whole;
    m->arena = &e->arena;
    m->values = e->values;
    m->canon = e->edits;
    static const uint64_t session_bits = (UINT64_C(1) << SP_SESSION_NFIELDS) - 1;
    if (m->want[0] & session_bits)
        session_values(e, s, m);
}

struct sp_span edit_apply(struct sp_span unit, const struct sp_edit *edits, uint32_t n, struct sp_arena *a)
{
    const struct sp_span none = {NULL, 0};
    size_t len = unit.n, at = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (edits[i].off < at || edits[i].off > unit.n || edits[i].len > unit.n - edits[i].off)
            return none;
        at = edits[i].off + edits[i].len;
        len = len - edits[i].len + edits[i].with.n;
    }
    struct sp_buf out = sp_buf_arena(a, len);
    at = 0;
    for (uint32_t i = 0; i < n; i++) {
        sp_put(&out, sp_span_sub(unit, at, edits[i].off - at));
        sp_put(&out, edits[i].with);
        at = edits[i].off + edits[i].len;
    }
    sp_put(&out, sp_span_from(unit, at));
    return out.full ? none : sp_buf_done(&out, a);
}

/* ---- the decode-again check ---- */

/* Which values a correction may change: those whose bytes it replaces, those without bytes of their own (sizes, counts),
 * and those of the same name as a corrected one (the same argument seen through another field). */
struct touch {
    const struct sp_msg *before;
    const struct sp_fix *fixes;
    uint32_t nfixes;
    const struct sp_edit *edits;
    uint32_t nedits;
};

static bool ranges_meet(uint64_t a, uint64_t alen, uint64_t b, uint64_t blen)
{
    return a < b + blen && b < a + alen;
}

static bool touched_by_name(const struct touch *t, const struct sp_value *v)
{
    for (uint32_t i = 0; i < t->nfixes; i++) {
        const struct sp_value *f = &t->before->values[t->fixes[i].value];
        bool same_place = f->key.n && sp_span_ieq(f->key, v->key);
        if ((f->field == v->field && sp_span_eq(f->key, v->key)) || same_place ||
            (v->key.n == 0 && f->key.n && sp_span_ieq(f->key, v->str)))
            return true;
    }
    return false;
}

/* Edits counted in the edited unit when `moved`: their replacements, not what they replaced. One without bytes (an insertion
 * before, a removal after) meets what it stands in or beside. */
static bool touched_by_bytes(const struct touch *t, const struct sp_value *v, bool moved)
{
    int64_t shift = 0;
    for (uint32_t i = 0; i < t->nedits; i++) {
        const struct sp_edit *ed = &t->edits[i];
        uint64_t off = moved ? (uint64_t)((int64_t)ed->off + shift) : ed->off;
        uint64_t len = moved ? ed->with.n : ed->len;
        if (ranges_meet(v->off, v->len, off, len) || (len == 0 && v->off <= off && off <= (uint64_t)v->off + v->len))
            return true;
        shift += (int64_t)ed->with.n - (int64_t)ed->len;
    }
    return false;
}

static bool touched(const struct touch *t, const struct sp_value *v, bool moved)
{
    if (v->field < SP_SESSION_NFIELDS)
        return false;
    return v->len == 0 || touched_by_name(t, v) || (!(v->flags & SP_V_INBODY) && touched_by_bytes(t, v, moved));
}

static bool value_same(const struct sp_value *a, const struct sp_value *b)
{
    bool same_kind = !((a->flags ^ b->flags) & SP_V_ALIAS);
    return a->field == b->field && same_kind && a->num == b->num && sp_span_eq(a->key, b->key) && sp_span_eq(a->str, b->str);
}

/* Nothing is lost by not looking at it. An alias says what the value behind it says. */
static bool is_exempt(const struct touch *t, const struct sp_value *v, bool moved)
{
    return v->flags & SP_V_ALIAS || touched(t, v, moved);
}

/* Everything untouched is there as before, in the same order, and nothing else is. */
static bool rest_same(const struct touch *t, const struct sp_msg *after)
{
    uint32_t j = 0;
    for (uint32_t i = 0; i < t->before->nvalues; i++) {
        const struct sp_value *v = &t->before->values[i];
        if (is_exempt(t, v, false))
            continue;
        while (j < after->nvalues && !value_same(v, &after->values[j])) {
            if (!is_exempt(t, &after->values[j], true))
                return false;
            j++;
        }
        if (j++ >= after->nvalues)
            return false;
    }
    for (; j < after->nvalues; j++) {
        if (!is_exempt(t, &after->values[j], true))
            return false;
    }
    return true;
}

static uint32_t count_named(const struct sp_msg *m, const struct sp_value *like, const struct sp_span *with)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->nvalues; i++) {
        const struct sp_value *v = &m->values[i];
        n += v->field == like->field && sp_span_eq(v->key, like->key) && (!with || sp_span_eq(v->str, *with));
    }
    return n;
}

static bool fix_held(const struct touch *t, const struct sp_fix *fix, const struct sp_msg *after)
{
    const struct sp_value *v = &t->before->values[fix->value];
    if (fix->op == SP_FIX_REMOVE)
        return count_named(after, v, NULL) < count_named(t->before, v, NULL);
    return count_named(after, v, &fix->to) > 0;
}

static bool proven(const struct touch *t, const struct sp_msg *after)
{
    for (uint32_t i = 0; i < t->nfixes; i++) {
        if (!fix_held(t, &t->fixes[i], after))
            return false;
    }
    return rest_same(t, after);
}

bool edit_correct(struct sp_engine *e, const struct sp_session *s, const struct sp_verdict *v, struct sp_span *ret)
{
    const struct sp_proto *proto = session_proto(s);
    uint32_t nedits = 0;
    sp_arena_reset(&e->spare);
    if (!proto->mend(s->state, &e->msg, v->fixes, v->nfixes, e->edits, &nedits))
        return false;
    struct sp_span unit = edit_apply(e->msg.unit, e->edits, nedits, &e->spare);
    if (!unit.n)
        return false;

    struct sp_msg after;
    msg_init(e, s, &after, (enum sp_dir)e->msg.dir);
    after.unit = unit;
    after.whole = e->msg.whole;
    after.arena = &e->spare;
    after.values = e->values2;
    after.canon = e->edits2;
    session_values(e, s, &after);
    if (!proto->decode(s->state, &after) || after.overflow || after.ncanon || e->spare.exhausted)
        return false;
    const struct touch t = {&e->msg, v->fixes, v->nfixes, e->edits, nedits};
    if (!proven(&t, &after))
        return false;
    sp_policy_judge(e->matcher, proto, &after, &e->again);
    *ret = unit;
    return e->again.act < SP_CORRECT && !e->again.over;
}
