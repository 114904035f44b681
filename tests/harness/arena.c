/* SPDX-License-Identifier: Apache-2.0 */
/* arena: what is given out is aligned, within bounds and nobody else's; what does not fit is refused and remembered. */
#include "base/arena.h"

#include "harness.h"

enum sizes {
    STEPS = H_WAY(4, 24, 4),
    MAX = 4096,
    ALIGN = 16,
};

struct piece {
    uint8_t *p;
    size_t n;
};

struct model {
    struct sp_arena arena;
    struct piece pieces[STEPS];
    int npieces;
    bool exhausted;
};

static void check_pieces(const struct model *m)
{
    for (int i = 0; i < m->npieces; i++) {
        for (size_t k = 0; k < m->pieces[i].n; k++)
            h_check(m->pieces[i].p[k] == (uint8_t)(i + 1));
    }
}

static void add_piece(struct model *m, uint8_t *p, size_t n)
{
    const struct sp_arena *a = &m->arena;
    h_check((uintptr_t)p % ALIGN == 0 && p >= a->base && n <= a->max && (size_t)(p - a->base) <= a->max - n);
    m->pieces[m->npieces++] = (struct piece){p, n};
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)m->npieces;
}

static void get(struct model *m)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 2000, MAX, SIZE_MAX};
    size_t n = sizes[h_pick(sizeof sizes / sizeof *sizes)];
    size_t at = (m->arena.used + ALIGN - 1) / ALIGN * ALIGN;
    uint8_t *p = sp_arena_get(&m->arena, n);
    h_check((p != NULL) == (at <= MAX && n <= MAX - at));
    if (p)
        add_piece(m, p, n);
    else
        m->exhausted = true;
}

static void keep(struct model *m)
{
    if (!m->npieces)
        return;
    struct piece *last = &m->pieces[m->npieces - 1];
    last->n = h_pick(2) ? last->n / 2 : 0;
    sp_arena_keep(&m->arena, last->p, last->n);
    h_check(m->arena.used == (size_t)(last->p - m->arena.base) + last->n);
}

static void copy(struct model *m)
{
    static const uint8_t text[MAX] = "text";
    size_t n = h_pick(2) ? MAX : h_pick(5);
    struct sp_span s = sp_arena_copy(&m->arena, sp_span_of(text, n));
    h_check(s.n == n || (s.n == 0 && m->arena.exhausted));
    h_check(sp_span_eq(s, sp_span_of(text, s.n)));
    m->exhausted = m->exhausted || s.n < n;
    if (s.n)
        add_piece(m, m->arena.base + (s.p - m->arena.base), s.n);
}

static void reset(struct model *m)
{
    sp_arena_reset(&m->arena);
    m->npieces = 0;
    m->exhausted = false;
    h_check(m->arena.used == 0);
}

void harness(void)
{
    static void (*const steps[])(struct model *) = {get, keep, copy, reset};
    struct model m = {.npieces = 0};
    h_check(sp_arena_init(&m.arena, MAX) == 0);
    for (int i = 0; i < STEPS; i++) {
        steps[h_pick(sizeof steps / sizeof *steps)](&m);
        h_check(m.arena.exhausted == m.exhausted && m.arena.used <= m.arena.max);
        check_pieces(&m);
    }
    sp_arena_fini(&m.arena);
    h_check(!m.arena.base);
}
