/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mend: corrections become byte edits. A changed argument gets its length, a removed one is taken from the count. A corrected inline command leaves in
 * the counted form, which needs no quotes.
 */
#include "proto/redis/redis.h"

static const struct sp_span NONE = {NULL, 0};

enum mend_limits {
    HEADER_MAX = 24,   /* of an argument, or of a command */
    CHANGES_MAX = SP_EDITS_MAX - 1, /* and the count */
};

struct change {
    uint32_t argument;
    bool removed;
    struct sp_span to;
};

struct mend {
    const struct sp_msg *m;
    struct redis_request r;
    struct change changes[CHANGES_MAX]; /* by argument */
    uint32_t n;
};

/* Which argument a value is; the name is 0. */
static bool find_argument(const struct mend *d, const struct sp_value *v, uint32_t *ret)
{
    for (uint32_t i = 0; i < d->r.inside; i++) {
        struct sp_span raw = d->r.is_inline ? d->r.raw[i] : d->r.argv[i];
        if ((size_t)(raw.p - d->m->unit.p) == v->off && raw.n == v->len) {
            *ret = i;
            return true;
        }
    }
    return false;
}

/* An argument seen through two fields is changed once. */
static bool add_change(struct mend *d, const struct change *c)
{
    uint32_t i = d->n;
    while (i && d->changes[i - 1].argument > c->argument)
        i--;
    if (i && d->changes[i - 1].argument == c->argument)
        return d->changes[i - 1].removed == c->removed && sp_span_eq(d->changes[i - 1].to, c->to);
    if (d->n == CHANGES_MAX)
        return false;
    for (uint32_t j = d->n++; j > i; j--)
        d->changes[j] = d->changes[j - 1];
    d->changes[i] = *c;
    return true;
}

static bool plan(struct mend *d, const struct sp_fix *fix)
{
    const struct sp_value *v = &d->m->values[fix->value];
    struct change c = {.removed = fix->op == SP_FIX_REMOVE, .to = fix->to};
    bool sound = find_argument(d, v, &c.argument) && fix->to.n <= BULK_MAX;
    bool whole = v->field == SP_REDIS_ARGS || v->field == SP_REDIS_ARG; /* what a name or a script is part of would be another command without it */
    if (c.argument == 0)
        sound &= fix->to.n > 0 && fix->to.n <= HEAD_MAX / 2 && sp_span_byte(fix->to, 0, 0) == SP_NOT_FOUND;
    return sound && (!c.removed || whole) && add_change(d, &c);
}

/* ---- edits ---- */

static struct sp_span header(const struct mend *d, char type, uint64_t n)
{
    struct sp_buf out = sp_buf_arena(d->m->arena, HEADER_MAX);
    sp_put_byte(&out, (uint8_t)type);
    sp_put_u64(&out, n);
    sp_put_str(&out, "\r\n");
    return sp_buf_done(&out, d->m->arena);
}

static size_t header_length(uint64_t n)
{
    size_t digits = 1;
    for (; n >= 10; n /= 10)
        digits++;
    return digits + 3;
}

static struct sp_span bulk(const struct mend *d, struct sp_span s)
{
    struct sp_buf out = sp_buf_arena(d->m->arena, HEADER_MAX + s.n);
    sp_put(&out, SP_LIT("$"));
    sp_put_u64(&out, s.n);
    sp_put_str(&out, "\r\n");
    sp_put(&out, s);
    return sp_buf_done(&out, d->m->arena);
}

static uint32_t count_removed(const struct mend *d)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < d->n; i++)
        n += d->changes[i].removed;
    return n;
}

static void edit(struct sp_edit *edits, uint32_t *n, size_t off, size_t len, struct sp_span with)
{
    edits[(*n)++] = (struct sp_edit){(uint32_t)off, (uint32_t)len, with};
}

static void edit_counted(const struct mend *d, struct sp_edit *edits, uint32_t *n)
{
    uint32_t removed = count_removed(d);
    if (removed)
        edit(edits, n, 0, header_length(d->r.count), header(d, '*', d->r.count - removed));
    for (uint32_t i = 0; i < d->n; i++) {
        const struct change *c = &d->changes[i];
        struct sp_span was = d->r.argv[c->argument];
        size_t head = header_length(was.n), at = (size_t)(was.p - d->m->unit.p) - head;
        edit(edits, n, at, head + was.n + (c->removed ? 2 : 0), c->removed ? NONE : bulk(d, c->to));
    }
}

static void edit_inline(const struct mend *d, struct sp_edit *edits, uint32_t *n)
{
    size_t room = HEADER_MAX + d->m->unit.n;
    for (uint32_t i = 0; i < d->r.inside; i++)
        room += HEADER_MAX;
    for (uint32_t i = 0; i < d->n; i++)
        room += d->changes[i].to.n;
    struct sp_span count = header(d, '*', d->r.count - count_removed(d));
    struct sp_buf out = sp_buf_arena(d->m->arena, room);
    sp_put(&out, count);
    for (uint32_t i = 0, at = 0; i < d->r.inside; i++) {
        const struct change *c = at < d->n && d->changes[at].argument == i ? &d->changes[at++] : NULL;
        if (c && c->removed)
            continue;
        struct sp_span text = c ? c->to : d->r.argv[i];
        sp_put_fmt(&out, "$%zu\r\n", text.n);
        sp_put(&out, text);
        sp_put_str(&out, "\r\n");
    }
    edit(edits, n, 0, d->m->unit.n, sp_buf_done(&out, d->m->arena));
}

/* The text of an error: a line. */
static bool mend_reply(const struct sp_msg *m, const struct sp_fix *fix, uint32_t nfixes, struct sp_edit *edits, uint32_t *nedits)
{
    const struct sp_value *v = &m->values[fix->value];
    bool is_line = sp_span_byte(fix->to, 0, '\r') == SP_NOT_FOUND && sp_span_byte(fix->to, 0, '\n') == SP_NOT_FOUND;
    if (nfixes != 1 || fix->op != SP_FIX_SET || !is_line || fix->to.n > REPLY_LINE_MAX / 2)
        return false;
    edit(edits, nedits, v->off, v->len, fix->to);
    return true;
}

bool redis_mend(const void *st, const struct sp_msg *m, const struct sp_fix *fixes, uint32_t nfixes, struct sp_edit *edits, uint32_t *nedits)
{
    struct mend d = {.m = m};
    enum redis_anomaly a;
    (void)st;
    if (m->dir == SP_S2C)
        return mend_reply(m, fixes, nfixes, edits, nedits);
    if (!redis_request_read(m->unit, m->arena, &d.r, &a))
        return false;
    for (uint32_t i = 0; i < nfixes; i++) {
        if (!plan(&d, &fixes[i]))
            return false;
    }
    if (d.r.is_inline)
        edit_inline(&d, edits, nedits);
    else
        edit_counted(&d, edits, nedits);
    return !m->arena->exhausted;
}
