/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wheel: when to look at a connection's deadlines again. Activity does not touch it: a connection stands in the slot of the earliest moment at
 * which something could be due, and when that moment comes its true deadline decides. One timer descriptor, armed for the next used slot.
 */
#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "io/worker.h"

enum wheel_limits {
    LOOKS_MAX = 512, /* connections looked at in one turn; the rest in the next */
};

static void unlink_conn(struct worker *w, struct conn *c)
{
    struct wheel *h = &w->wheel;
    uint64_t at = c->timer_slot % WHEEL_SLOTS;
    if (c->timer_prev)
        w->conns[c->timer_prev].timer_next = c->timer_next;
    else
        h->head[at] = c->timer_next;
    if (c->timer_next)
        w->conns[c->timer_next].timer_prev = c->timer_prev;
    if (!h->head[at])
        sp_bit_clear(h->used, at);
    c->timer_slot = 0;
    h->count--;
}

static void link_conn(struct worker *w, struct conn *c, uint64_t slot)
{
    struct wheel *h = &w->wheel;
    uint64_t at = slot % WHEEL_SLOTS;
    c->timer_slot = slot;
    c->timer_prev = 0;
    c->timer_next = h->head[at];
    if (c->timer_next)
        w->conns[c->timer_next].timer_prev = conn_index(w, c);
    h->head[at] = conn_index(w, c);
    sp_bit_set(h->used, at);
    h->count++;
}

void wheel_arm(struct worker *w, uint64_t when_ms)
{
    if (when_ms >= w->wheel.armed_ms)
        return;
    struct itimerspec at = {.it_value = {.tv_sec = (time_t)(when_ms / 1000), .tv_nsec = (long)(when_ms % 1000) * 1000000}};
    (void)timerfd_settime(w->segment->timer, TFD_TIMER_ABSTIME, &at, NULL); /* cannot fail with a valid time */
    w->wheel.armed_ms = when_ms;
}

void wheel_set(struct worker *w, struct conn *c, uint64_t when_ms)
{
    struct wheel *h = &w->wheel;
    if (h->count == 0)
        h->at = worker_now(w) / WHEEL_MS;
    uint64_t slot = when_ms / WHEEL_MS + 1;
    if (slot <= h->at)
        slot = h->at + 1;
    if (slot >= h->at + WHEEL_SLOTS)
        slot = h->at + WHEEL_SLOTS - 1;
    wheel_remove(w, c);
    link_conn(w, c, slot);
    wheel_arm(w, slot * WHEEL_MS);
}

void wheel_remove(struct worker *w, struct conn *c)
{
    if (c->timer_slot)
        unlink_conn(w, c);
}

/* The next used slot after `at`, or 0. */
static uint64_t next_slot(const struct wheel *h)
{
    if (h->count == 0)
        return 0;
    size_t from = (h->at + 1) % WHEEL_SLOTS;
    size_t found = sp_bits_next(h->used, WHEEL_SLOTS, from);
    if (found == WHEEL_SLOTS)
        found = sp_bits_next(h->used, WHEEL_SLOTS, 0);
    return h->at + 1 + (found + WHEEL_SLOTS - from) % WHEEL_SLOTS;
}

/* Everything in the next used slot, if it is due. False: nothing is due, or `left` is used up. */
static bool slot_turn(struct worker *w, unsigned *left)
{
    struct wheel *h = &w->wheel;
    uint64_t slot = next_slot(h);
    if (!slot || slot * WHEEL_MS > worker_now(w))
        return false;
    for (uint32_t i; (i = h->head[slot % WHEEL_SLOTS]) != 0; (*left)--) {
        if (*left == 0)
            return false;
        wheel_remove(w, &w->conns[i]);
        conn_due(w, &w->conns[i]);
    }
    h->at = slot;
    return true;
}

void wheel_turn(struct worker *w)
{
    unsigned left = LOOKS_MAX;
    w->wheel.armed_ms = UINT64_MAX;
    while (slot_turn(w, &left))
        ;
    uint64_t slot = next_slot(&w->wheel);
    if (slot)
        wheel_arm(w, slot * WHEEL_MS);
}
