/* SPDX-License-Identifier: Apache-2.0 */
/* buf: a piece is appended whole or not at all, `full` sticks, and the maximum told at birth holds. */
#include "base/buf.h"

#include "harness.h"

enum sizes {
    STEPS = H_WAY(3, 24, 3),
    LONGEST = 600,
};

struct model {
    uint8_t bytes[LONGEST];
    size_t n, max;
    bool full;
};

static void append(struct model *m, const uint8_t *p, size_t n)
{
    if (n == 0)
        return;
    m->full = m->full || n > m->max - m->n;
    for (size_t i = 0; i < n && !m->full; i++)
        m->bytes[m->n + i] = p[i];
    m->n += m->full ? 0 : n;
}

static void put(struct sp_buf *b, struct model *m)
{
    static const size_t lengths[] = {0, 1, 2, 255, 256, 300};
    size_t n = lengths[h_pick(sizeof lengths / sizeof *lengths)];
    uint8_t *p = h_room(n);
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(m->n + i);
    append(m, p, n);
    sp_put(b, sp_span_of(p, n));
}

static void put_byte(struct sp_buf *b, struct model *m)
{
    append(m, (const uint8_t *)"x", 1);
    sp_put_byte(b, 'x');
}

static void put_number(struct sp_buf *b, struct model *m)
{
    static const struct {
        uint64_t v;
        struct sp_span decimal, hex;
    } numbers[] = {
        {0, {(const uint8_t *)"0", 1}, {(const uint8_t *)"0000000000000000", 16}},
        {10, {(const uint8_t *)"10", 2}, {(const uint8_t *)"000000000000000a", 16}},
        {UINT64_MAX, {(const uint8_t *)"18446744073709551615", 20}, {(const uint8_t *)"ffffffffffffffff", 16}},
    };
    unsigned i = h_pick(3);
    bool hex = h_pick(2);
    struct sp_span text = hex ? numbers[i].hex : numbers[i].decimal;
    append(m, text.p, text.n);
    if (hex)
        sp_put_hex64(b, numbers[i].v);
    else
        sp_put_u64(b, numbers[i].v);
}

static void use(struct sp_buf b, size_t max)
{
    static void (*const steps[])(struct sp_buf *, struct model *) = {put, put_byte, put_number};
    struct model m = {.max = max};
    for (int i = 0; i < STEPS; i++) {
        steps[h_pick(sizeof steps / sizeof *steps)](&b, &m);
        h_check(b.full == m.full && b.n <= b.cap && b.cap <= b.max && b.max == max);
        h_check(sp_span_eq(sp_buf_span(&b), sp_span_of(m.bytes, m.n)));
    }
    sp_buf_fini(&b);
    h_check(!b.p && !b.n);
}

static void use_arena(size_t max)
{
    struct sp_arena a;
    h_check(sp_arena_init(&a, 4096) == 0);
    struct sp_buf b = sp_buf_arena(&a, max);
    size_t before = a.used;
    struct model m = {.max = max};
    put(&b, &m);
    struct sp_span done = sp_buf_done(&b, &a);
    h_check(sp_span_eq(done, sp_span_of(m.bytes, m.n)) && a.used == before - max + m.n);
    sp_arena_fini(&a);
}

void harness(void)
{
    static const size_t sizes[] = {0, 1, 2, 21, 255, 256, 257, 512, LONGEST};
    size_t max = sizes[h_pick(sizeof sizes / sizeof *sizes)];
    unsigned kind = h_pick(3);
    if (kind == 0)
        use(sp_buf_fixed(h_room(max), max), max);
    else if (kind == 1)
        use(sp_buf_growing(max), max);
    else
        use_arena(max);
}
