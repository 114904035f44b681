/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block: three offsets in one contiguous block, sent <= clear <= have. Forwarding moves a number, not bytes. Bytes in a marked block are never
 * changed: who has to change them does so in a copy.
 */
#include <string.h>

#include "engine/inside.h"

struct sp_span side_pending(const struct sp_engine *e, const struct sp_side *d)
{
    if (!d->block)
        return (struct sp_span){NULL, 0};
    return sp_span_of(sp_pool_at(e->pool, d->block) + d->clear, d->have - d->clear);
}

void side_free(struct sp_engine *e, struct sp_side *d)
{
    sp_pool_put(e->pool, d->block);
    d->block = d->sent = d->clear = d->have = 0;
}

static void side_compact(struct sp_engine *e, struct sp_side *d)
{
    uint8_t *p = sp_pool_at(e->pool, d->block);
    memmove(p, p + d->sent, d->have - d->sent);
    d->clear -= d->sent;
    d->have -= d->sent;
    d->sent = 0;
}

static bool side_grow(struct sp_engine *e, struct sp_side *d, size_t need)
{
    uint32_t block = sp_pool_get(e->pool, need);
    if (!block)
        return false;
    if (d->block) {
        memcpy(sp_pool_at(e->pool, block), sp_pool_at(e->pool, d->block) + d->sent, d->have - d->sent);
        sp_pool_put(e->pool, d->block);
    }
    d->block = block;
    d->clear -= d->sent;
    d->have -= d->sent;
    d->sent = 0;
    return true;
}

bool side_reserve(struct sp_engine *e, struct sp_side *d, size_t n)
{
    size_t held = d->have - d->sent;
    if (!d->block)
        return side_grow(e, d, n);
    size_t len = sp_pool_len(e->pool, d->block);
    if (d->have + n <= len)
        return true;
    /* Moving at most as many bytes as were sent since the last move keeps the total linear. */
    if (held + n > len || d->sent < held)
        return side_grow(e, d, held + n);
    if (sp_pool_marked(e->pool, d->block))
        return side_grow(e, d, len);
    side_compact(e, d);
    return true;
}

/* What is in the block may be changed from now on. */
static bool side_own(struct sp_engine *e, struct sp_side *d)
{
    return !sp_pool_marked(e->pool, d->block) || side_grow(e, d, sp_pool_len(e->pool, d->block));
}

bool side_replace(struct sp_engine *e, struct sp_side *d, size_t len, struct sp_span with)
{
    if (with.n > len && !side_reserve(e, d, with.n - len))
        return false;
    if (with.n <= len && d->sent == d->clear) { /* nothing waits in front: the bytes behind stay where they are, however many there are */
        d->sent = d->clear += (uint32_t)(len - with.n);
        len = with.n;
    }
    if (len + with.n && !side_own(e, d))
        return false;
    uint8_t *p = sp_pool_at(e->pool, d->block) + d->clear;
    if (with.n != len)
        memmove(p + with.n, p + len, d->have - d->clear - len);
    if (with.n)
        memcpy(p, with.p, with.n);
    d->have = (uint32_t)(d->have - len + with.n);
    return true;
}

/* Puts bytes behind the first `before` unsent ones, cleared. False: no memory. */
static bool side_gap(struct sp_engine *e, struct sp_side *d, uint32_t before, struct sp_span bytes)
{
    if (!side_reserve(e, d, bytes.n) || (d->sent + before != d->have && !side_own(e, d)))
        return false;
    uint32_t at = d->sent + before; /* reserving may have moved everything */
    uint8_t *p = sp_pool_at(e->pool, d->block) + at;
    memmove(p + bytes.n, p, d->have - at);
    memcpy(p, bytes.p, bytes.n);
    d->clear += (uint32_t)bytes.n;
    d->have += (uint32_t)bytes.n;
    return true;
}

bool side_inject(struct sp_engine *e, struct sp_side *d, struct sp_span bytes)
{
    return side_gap(e, d, d->clear - d->sent, bytes);
}

bool side_precede(struct sp_engine *e, struct sp_side *d, struct sp_span bytes)
{
    return side_gap(e, d, 0, bytes);
}
