/* SPDX-License-Identifier: Apache-2.0 */
/* tell: events. Rare, so the message is decoded once more with every head field for whoever reads them. */
#include <string.h>

#include "engine/inside.h"

enum tell_limits {
    NAME_MAX_TEXT = 512, /* a field's name with its key, as text */
};

/* Decodes the head of e->msg again, all fields wanted, into `m`. False: it cannot be decoded. */
static bool tell_decode(struct sp_engine *e, const struct sp_session *s, struct sp_msg *m)
{
    static const uint64_t everything[SP_FIELD_WORDS] = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
    const struct sp_msg *of = &e->msg;
    memset(m, 0, sizeof *m);
    m->dir = of->dir;
    m->want = everything;
    m->unit = of->unit;
    m->arena = &e->spare;
    m->values = e->values2;
    m->canon = e->edits2;
    const struct sp_ask ask = {.max = e->body_max, .want = everything};
    struct sp_frame f = session_proto(s)->frame(s->state, (enum sp_dir)m->dir, of->unit, 0, &ask);
    if (f.fate != SP_UNIT || f.part)
        return false;
    m->unit = sp_span_sub(of->unit, 0, f.len);
    return session_proto(s)->decode(s->state, m);
}

static bool key_secret(const struct sp_proto *proto, struct sp_span key)
{
    for (const char *const *k = proto->secret_keys; k && *k; k++) {
        if (sp_span_ieq(key, sp_span_str(*k)))
            return true;
    }
    return false;
}

static struct sp_span masked(const struct sp_proto *proto, const struct sp_value *v, struct sp_span text)
{
    bool secret = (proto->fields[v->field].flags & SP_F_SECRET) || key_secret(proto, v->key);
    return secret ? SP_LIT("***") : text;
}

static void put_value(struct sp_buf *out, const struct sp_proto *proto, const struct sp_value *v)
{
    uint8_t type = proto->fields[v->field].type;
    if (type == SP_NUM)
        sp_put_i64(out, v->num);
    else if (type == SP_BOOL)
        sp_put_str(out, v->num ? "true" : "false");
    else
        sp_put(out, v->str);
}

static void put_field(struct sp_buf *out, const struct sp_proto *proto, const struct sp_value *v)
{
    sp_put_str(out, proto->fields[v->field].name);
    if (v->key.n) {
        sp_put_str(out, "[\"");
        sp_put(out, sp_span_sub(v->key, 0, NAME_MAX_TEXT / 4));
        sp_put_str(out, "\"]");
    }
}

static void tell_value(struct sp_event *ev, const struct sp_proto *proto, const struct sp_value *v, struct sp_buf *name,
                       struct sp_buf *number)
{
    put_field(name, proto, v);
    ev->field = sp_buf_span(name);
    struct sp_span text = v->str;
    if (proto->fields[v->field].type != SP_STR) {
        put_value(number, proto, v);
        text = sp_buf_span(number);
    }
    ev->before = masked(proto, v, text);
}

static void tell_hit(struct sp_engine *e, const struct sp_verdict *v, const struct sp_hit *hit, struct sp_event *ev)
{
    const struct sp_proto *proto = session_proto(ev->session);
    struct sp_rule_info info;
    uint8_t name[NAME_MAX_TEXT], number[32];
    struct sp_buf name_buf = sp_buf_fixed(name, sizeof name), number_buf = sp_buf_fixed(number, sizeof number);
    sp_policy_rule(e->policy, hit->rule, &info);
    ev->has_rule = true;
    ev->rule = hit->rule;
    uint32_t value = hit->value;
    if (ev->act == SP_CORRECT && info.act != SP_CORRECT)
        ev->act = SP_ALERT;
    if (ev->act == SP_CORRECT && v->nfixes) {
        value = v->fixes[0].value;
        ev->after = v->fixes[0].op == SP_FIX_SET ? masked(proto, &e->msg.values[value], v->fixes[0].to) : (struct sp_span){NULL, 0};
    }
    if (value < e->msg.nvalues)
        tell_value(ev, proto, &e->msg.values[value], &name_buf, &number_buf);
    if (ev->act == SP_REFUSE)
        ev->status = info.status;
    e->emit(e->ctx, ev);
}

static struct sp_event event_of(const struct sp_engine *e, const struct sp_session *s, enum sp_dir dir, enum sp_act act)
{
    return (struct sp_event){.session = s, .policy = e->policy, .dir = dir, .act = act};
}

void tell_hits(struct sp_engine *e, const struct sp_session *s, const struct sp_verdict *v, enum sp_act done)
{
    if (!e->emit)
        return;
    struct sp_msg all;
    bool decoded = tell_decode(e, s, &all);
    for (uint32_t i = 0; i < v->nhits; i++) {
        struct sp_event ev = event_of(e, s, (enum sp_dir)e->msg.dir, done);
        ev.msg = decoded ? &all : NULL;
        tell_hit(e, v, &v->hits[i], &ev);
    }
}

void tell_anomaly(struct sp_engine *e, const struct sp_session *s, enum sp_dir dir, const struct sp_msg *m, const char *anomaly,
                  enum sp_act done, unsigned status)
{
    if (!e->emit)
        return;
    struct sp_event ev = event_of(e, s, dir, done);
    struct sp_msg all;
    ev.anomaly = anomaly ? anomaly : "malformed";
    ev.status = status;
    if (m && m->unit.n && tell_decode(e, s, &all))
        ev.msg = &all;
    e->emit(e->ctx, &ev);
}
