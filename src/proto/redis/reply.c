/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply: what the server says. Where nobody reads it, it flows for good. Where errors are read, or it has to be known how the server answers AUTH,
 * answers flow by one header after the other: how many elements are still to come is all that nesting leaves in the state.
 *
 * FLOW's mark: elements still to come, answers completed, and the flags below.
 */
#include "proto/redis/redis.h"

enum reply_mark {
    NEED_BITS = 40,
    COUNT_SHIFT = NEED_BITS,
    FLAG_SHIFT = COUNT_SHIFT + 16,
    FLAG_PUSH = 1 << 0,    /* what is at hand is no answer: pushed, or an attribute of the next one */
    FLAG_AUTH_OK = 1 << 1, /* the answer to AUTH came by */
    FLAG_AUTH_BAD = 1 << 2,
    FLAG_UNREAD = 1 << 3,  /* nothing is looked at any more */
};

#define NEED_MAX ((INT64_C(1) << NEED_BITS) - 1)

struct hop {
    size_t at;
    uint64_t need;
    uint32_t count;
    unsigned flags;
};

enum element { ELEMENT_OK, ELEMENT_SHORT, ELEMENT_BAD };

/* ---- one element ---- */

static enum element hop_line(struct sp_span in, struct hop *h, size_t scanned)
{
    size_t end = sp_span_byte(sp_span_sub(in, h->at, REPLY_LINE_MAX), scanned, '\n');
    if (end == SP_NOT_FOUND)
        return in.n - h->at < REPLY_LINE_MAX ? ELEMENT_SHORT : ELEMENT_BAD;
    h->at += end + 1;
    h->need--;
    return ELEMENT_OK;
}

static enum element hop_number(struct sp_span in, size_t at, int64_t max, struct redis_number *ret)
{
    *ret = redis_number(in, at + 1, max, ANOMALY_REPLY);
    return ret->is == READ_OK ? ELEMENT_OK : ret->is == READ_MORE ? ELEMENT_SHORT : ELEMENT_BAD;
}

static enum element hop_bulk(struct sp_span in, struct hop *h)
{
    struct redis_number n;
    enum element e = hop_number(in, h->at, INT64_C(1) << NEED_BITS, &n);
    if (e != ELEMENT_OK)
        return e;
    h->at = n.end + (n.value < 0 ? 0 : (size_t)n.value + 2);
    h->need--;
    return ELEMENT_OK;
}

/* `each` elements for every one counted. An attribute stands before what it describes, and is no element itself. */
static enum element hop_aggregate(struct sp_span in, struct hop *h, unsigned each, bool attribute)
{
    struct redis_number n;
    enum element e = hop_number(in, h->at, COUNT_MAX, &n);
    if (e != ELEMENT_OK)
        return e;
    h->at = n.end;
    h->need += (n.value < 0 ? 0 : (uint64_t)n.value * each) - !attribute;
    return h->need > (uint64_t)NEED_MAX ? ELEMENT_BAD : ELEMENT_OK;
}

static enum element hop_element(struct sp_span in, struct hop *h, size_t scanned)
{
    switch (in.p[h->at]) {
    case '+': case '-': case ':': case ',': case '#': case '(': case '_':
        return hop_line(in, h, scanned);
    case '$': case '!': case '=':
        return hop_bulk(in, h);
    case '*': case '~': case '>':
        return hop_aggregate(in, h, 1, false);
    case '%':
        return hop_aggregate(in, h, 2, false);
    case '|':
        return hop_aggregate(in, h, 2, true);
    default:
        return ELEMENT_BAD;
    }
}

/* ---- answers ---- */

static struct sp_frame flow(const struct hop *h)
{
    uint64_t mark = h->need | (uint64_t)h->count << COUNT_SHIFT | (uint64_t)h->flags << FLAG_SHIFT;
    return (struct sp_frame){.fate = SP_FLOW, .len = h->at, .mark = mark};
}

/* At the first byte of an answer. */
static void begin(const struct redis_state *st, struct sp_span in, struct hop *h)
{
    uint8_t type = in.p[h->at];
    bool beside = type == '>' || type == '|';
    h->need = type != '|';
    h->flags = (h->flags & ~(unsigned)FLAG_PUSH) | (beside ? FLAG_PUSH : 0);
    if ((st->flags & ST_AUTH) && !beside && st->seen + h->count == st->auth_at)
        h->flags |= type == '-' || type == '!' ? FLAG_AUTH_BAD : FLAG_AUTH_OK;
}

static struct sp_frame stopped(const struct hop *h, struct sp_span in, enum element e)
{
    if (h->at)
        return flow(h);
    if (e == ELEMENT_BAD)
        return (struct sp_frame){.fate = SP_BAD, .anomaly = redis_anomaly_name(ANOMALY_REPLY)};
    return (struct sp_frame){.fate = SP_MORE, .mark = in.n};
}

static struct sp_frame hop_answers(const struct redis_state *st, struct sp_span in, uint64_t mark, bool errors)
{
    struct hop h = {.need = st->need, .flags = st->flags & ST_IN_PUSH ? FLAG_PUSH : 0};
    while (h.at < in.n && h.count < FLOW_COUNT_MAX) {
        struct hop before = h;
        bool is_error = errors && h.need == 0 && in.p[h.at] == '-';
        if (is_error && h.at)
            return flow(&h);
        if (h.need == 0)
            begin(st, in, &h);
        enum element e = hop_element(in, &h, h.at ? 0 : mark);
        if (e != ELEMENT_OK)
            return stopped(&before, in, e);
        if (is_error)
            return (struct sp_frame){.fate = SP_UNIT, .len = h.at};
        h.count += h.need == 0 && !(h.flags & FLAG_PUSH);
    }
    return h.at ? flow(&h) : stopped(&h, in, ELEMENT_SHORT);
}

struct sp_frame redis_frame_reply(const struct redis_state *st, struct sp_span in, uint64_t mark, const struct sp_ask *ask)
{
    bool errors = sp_bit(ask->want, SP_REDIS_REPLY_ERROR);
    bool tracked = st->flags & ST_AUTH || (st->flags & (ST_TRACK | ST_LOST)) == ST_TRACK;
    bool unread = (st->flags & ST_REPLICA) || (!errors && !tracked && (st->flags & ST_SPOKEN));
    if (unread)
        return (struct sp_frame){.fate = SP_FLOW, .len = UINT64_MAX, .mark = (uint64_t)FLAG_UNREAD << FLAG_SHIFT};
    return hop_answers(st, in, mark, errors);
}

void redis_auth_settled(struct redis_state *st, bool ok)
{
    if (!(st->flags & ST_AUTH))
        return;
    st->flags &= ~(uint32_t)ST_AUTH;
    if (!ok)
        return;
    st->flags &= ~(uint32_t)ST_UNSURE;
    st->user_len = st->pending_len;
    __builtin_memcpy(st->user, st->pending, sizeof st->user);
}

void redis_grant_reply(struct redis_state *st, const struct sp_frame *f)
{
    unsigned flags = (unsigned)(f->mark >> FLAG_SHIFT);
    if (flags & FLAG_UNREAD) {
        st->flags |= ST_LOST;
        return;
    }
    st->need = f->mark & NEED_MAX;
    st->seen += f->mark >> COUNT_SHIFT & UINT16_MAX;
    st->flags = (st->flags & ~(uint32_t)ST_IN_PUSH) | (flags & FLAG_PUSH && st->need ? ST_IN_PUSH : 0);
    if (flags & (FLAG_AUTH_OK | FLAG_AUTH_BAD))
        redis_auth_settled(st, flags & FLAG_AUTH_OK);
}

/* ---- an error that somebody reads ---- */

bool redis_decode_reply(struct sp_msg *m)
{
    size_t end = sp_span_byte(m->unit, 0, '\r');
    if (end == SP_NOT_FOUND || end + 2 != m->unit.n || sp_span_at(m->unit, 0) != '-') {
        m->anomaly = redis_anomaly_name(ANOMALY_REPLY);
        return false;
    }
    struct sp_value v = {.field = SP_REDIS_REPLY_ERROR, .str = sp_span_sub(m->unit, 1, end - 1), .off = 1, .len = (uint32_t)end - 1};
    if (sp_want(m, SP_REDIS_REPLY_ERROR))
        (void)sp_msg_add(m, &v);
    return true;
}

void redis_step_reply(struct redis_state *st)
{
    if ((st->flags & ST_AUTH) && st->seen == st->auth_at)
        redis_auth_settled(st, false);
    st->seen++;
}
