/* SPDX-License-Identifier: Apache-2.0 */
#include "base/span.h"

#include <string.h>

struct sp_span sp_span_str(const char *nul_terminated)
{
    return sp_span_of(nul_terminated, strlen(nul_terminated));
}

static bool ieq(const uint8_t *a, const uint8_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (sp_lower(a[i]) != sp_lower(b[i]))
            return false;
    }
    return true;
}

bool sp_span_ieq(struct sp_span a, struct sp_span b)
{
    return a.n == b.n && ieq(a.p, b.p, a.n);
}

bool sp_span_istarts(struct sp_span s, struct sp_span prefix)
{
    return s.n >= prefix.n && ieq(s.p, prefix.p, prefix.n);
}

bool sp_span_ends(struct sp_span s, struct sp_span suffix)
{
    return s.n >= suffix.n && sp_span_eq(sp_span_from(s, s.n - suffix.n), suffix);
}

bool sp_span_iends(struct sp_span s, struct sp_span suffix)
{
    return s.n >= suffix.n && sp_span_ieq(sp_span_from(s, s.n - suffix.n), suffix);
}

int sp_span_cmp(struct sp_span a, struct sp_span b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

size_t sp_span_find(struct sp_span s, size_t from, struct sp_span needle)
{
    if (from > s.n)
        return SP_NOT_FOUND;
    if (needle.n == 0)
        return from;
    if (from == s.n)
        return SP_NOT_FOUND;
    const uint8_t *at = memmem(s.p + from, s.n - from, needle.p, needle.n);
    return at ? (size_t)(at - s.p) : SP_NOT_FOUND;
}

/* Quadratic only in the needle, which is a rule's literal of bounded length. */
size_t sp_span_ifind(struct sp_span s, size_t from, struct sp_span needle)
{
    if (from > s.n || needle.n > s.n - from)
        return SP_NOT_FOUND;
    for (size_t i = from; i + needle.n <= s.n; i++) {
        if (ieq(s.p + i, needle.p, needle.n))
            return i;
    }
    return SP_NOT_FOUND;
}

bool sp_span_u64(struct sp_span s, uint64_t *ret)
{
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (!sp_is_digit(s.p[i]) || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, s.p[i] - '0', &v))
            return false;
    }
    if (s.n == 0)
        return false;
    *ret = v;
    return true;
}

int sp_hex(uint8_t c)
{
    if (sp_is_digit(c))
        return c - '0';
    c = sp_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool sp_span_hex64(struct sp_span s, uint64_t *ret)
{
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        int digit = sp_hex(s.p[i]);
        if (digit < 0 || v >> 60)
            return false;
        v = v << 4 | (unsigned)digit;
    }
    if (s.n == 0)
        return false;
    *ret = v;
    return true;
}

/* Sixteen bytes at a time in the compiler's own vectors. */
#define LANES 16
typedef uint8_t lanes __attribute__((vector_size(LANES)));

static size_t sum_lanes(lanes v)
{
    size_t n = 0;
    for (int i = 0; i < LANES; i++)
        n += v[i];
    return n;
}

static bool is_control(uint8_t c)
{
    return (c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7f;
}

size_t sp_span_controls(struct sp_span s, size_t *ret_cr)
{
    size_t controls = 0, cr = 0, at = 0;
    while (s.n - at >= LANES) {
        lanes n_control = {0}, n_cr = {0};
        for (int turn = 0; turn < UINT8_MAX && s.n - at >= LANES; turn++, at += LANES) { /* a lane counts to 255 */
            lanes c;
            memcpy(&c, s.p + at, LANES);
            lanes is_cr = (lanes)(c == '\r');
            lanes control = ((lanes)(c < 0x20) & ~(lanes)(c == '\t') & ~(lanes)(c == '\n') & ~is_cr) | (lanes)(c == 0x7f);
            n_control -= control;
            n_cr -= is_cr;
        }
        controls += sum_lanes(n_control);
        cr += sum_lanes(n_cr);
    }
    for (; at < s.n; at++) {
        controls += is_control(s.p[at]);
        cr += s.p[at] == '\r';
    }
    *ret_cr = cr;
    return controls;
}

/* All bytes of a short span, some of them twice; at least four. */
static lanes spread(struct sp_span s)
{
    uint64_t halves[2];
    uint32_t quarters[2];
    lanes v;
    if (s.n < sizeof halves[0]) {
        memcpy(&quarters[0], s.p, sizeof quarters[0]);
        memcpy(&quarters[1], s.p + s.n - sizeof quarters[1], sizeof quarters[1]);
        halves[0] = halves[1] = (uint64_t)quarters[1] << 32 | quarters[0];
    } else {
        memcpy(&halves[0], s.p, sizeof halves[0]);
        memcpy(&halves[1], s.p + s.n - sizeof halves[1], sizeof halves[1]);
    }
    memcpy(&v, halves, sizeof v);
    return v;
}

static bool any_of(lanes v, const uint8_t bytes[4])
{
    lanes hit = (lanes)(v == bytes[0]) | (lanes)(v == bytes[1]) | (lanes)(v == bytes[2]) | (lanes)(v == bytes[3]);
    uint64_t halves[2];
    memcpy(halves, &hit, sizeof halves);
    return halves[0] | halves[1];
}

bool sp_span_has4(struct sp_span s, const uint8_t bytes[4])
{
    lanes v;
    if (s.n >= LANES) {
        for (size_t at = 0; s.n - at > LANES; at += LANES) {
            memcpy(&v, s.p + at, LANES);
            if (any_of(v, bytes))
                return true;
        }
        memcpy(&v, s.p + s.n - LANES, LANES);
        return any_of(v, bytes);
    }
    if (s.n >= sizeof(uint32_t))
        return any_of(spread(s), bytes);
    for (size_t at = 0; at < s.n; at++)
        if (s.p[at] == bytes[0] || s.p[at] == bytes[1] || s.p[at] == bytes[2] || s.p[at] == bytes[3])
            return true;
    return false;
}
