/* SPDX-License-Identifier: Apache-2.0 */
/* span: searches, comparisons and cuts against loops that look at one byte after the other. */
#include "harness.h"

enum sizes {
    TEXT = H_WAY(6, 64, 4),
    NEEDLE = H_WAY(3, 8, 2),
};

static const struct sp_span alphabet = {(const uint8_t *)"aAb", 3};

static uint8_t same(uint8_t c, bool fold)
{
    return fold && c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool at(struct sp_span s, size_t i, struct sp_span needle, bool fold)
{
    for (size_t k = 0; k < needle.n; k++) {
        if (i + k >= s.n || same(s.p[i + k], fold) != same(needle.p[k], fold))
            return false;
    }
    return true;
}

static size_t find(struct sp_span s, size_t from, struct sp_span needle, bool fold)
{
    for (size_t i = from; i <= s.n; i++) {
        if (at(s, i, needle, fold) && i + needle.n <= s.n)
            return i;
    }
    return SP_NOT_FOUND;
}

static void searches(struct sp_span s)
{
    struct sp_span needle = h_bytes(NEEDLE, alphabet);
    size_t from = h_pick(TEXT + 2);
    h_check(sp_span_find(s, from, needle) == find(s, from, needle, false));
    h_check(sp_span_ifind(s, from, needle) == find(s, from, needle, true));
    if (needle.n == 1)
        h_check(sp_span_byte(s, from, needle.p[0]) == find(s, from, needle, false));
    h_check(sp_span_starts(s, needle) == at(s, 0, needle, false));
    h_check(sp_span_istarts(s, needle) == at(s, 0, needle, true));
    bool fits = needle.n <= s.n;
    h_check(sp_span_ends(s, needle) == (fits && at(s, s.n - needle.n, needle, false)));
    h_check(sp_span_iends(s, needle) == (fits && at(s, s.n - needle.n, needle, true)));
}

static int order(struct sp_span a, struct sp_span b)
{
    for (size_t i = 0; i < a.n && i < b.n; i++) {
        if (a.p[i] != b.p[i])
            return a.p[i] < b.p[i] ? -1 : 1;
    }
    return a.n < b.n ? -1 : a.n > b.n;
}

static void comparisons(struct sp_span a)
{
    struct sp_span b = h_bytes(NEEDLE, alphabet);
    int c = sp_span_cmp(a, b);
    h_check((c > 0) - (c < 0) == order(a, b));
    h_check(sp_span_eq(a, b) == (a.n == b.n && at(a, 0, b, false)));
    h_check(sp_span_ieq(a, b) == (a.n == b.n && at(a, 0, b, true)));
}

static void cuts(struct sp_span s)
{
    size_t off = h_pick(TEXT + 2), len = h_pick(TEXT + 2);
    struct sp_span cut = sp_span_sub(s, off, len);
    size_t n = 0;
    for (size_t i = off; i < s.n && i - off < len; i++)
        n++;
    h_check(cut.n == n && (n == 0 || cut.p == s.p + off));
    struct sp_span tail = sp_span_from(s, off);
    h_check(tail.n == (off < s.n ? s.n - off : 0) && (tail.n == 0 || tail.p == s.p + off));
    h_check(sp_span_at(s, off) == (off < s.n ? s.p[off] : -1));
}

static void trims(void)
{
    struct sp_span s = h_bytes(TEXT, SP_LIT(" \tx"));
    struct sp_span t = sp_span_trim(s);
    size_t from = 0, to = s.n;
    while (from < to && (s.p[from] == ' ' || s.p[from] == '\t'))
        from++;
    while (to > from && (s.p[to - 1] == ' ' || s.p[to - 1] == '\t'))
        to--;
    h_check(t.n == to - from && (t.n == 0 || t.p == s.p + from));
}

static void counts(void)
{
    struct sp_span few = h_bytes(NEEDLE, SP_LIT("\r\x7f\x1f"));
    size_t pad = h_pick(H_WAY(36, 64, 4));
    uint8_t *p = h_room(pad + few.n);
    size_t control = 0, cr = 0, ret_cr = 99;
    for (size_t i = 0; i < pad + few.n; i++) {
        p[i] = i < few.n ? few.p[i] : " \t\n~\x80"[i % 5];
        cr += p[i] == '\r';
        control += (p[i] < 32 && p[i] != '\t' && p[i] != '\r' && p[i] != '\n') || p[i] == 127;
    }
    h_check(sp_span_controls(sp_span_of(p, pad + few.n), &ret_cr) == control && ret_cr == cr);
}

/* One byte that is looked for or not, at any place of any length that is read in another way. */
static void memberships(void)
{
    static const uint8_t bytes[4] = {'a', 'b', 'c', 0xff};
    size_t n = 1 + h_pick(H_WAY(70, 200, 4)), place = h_pick(n);
    uint8_t *p = h_room(n), c = "abc\xff" "dA\x00\x80"[h_pick(8)];
    for (size_t i = 0; i < n; i++)
        p[i] = i == place ? c : ' ';
    h_check(sp_span_has4(sp_span_of(p, n), bytes) == (c == 'a' || c == 'b' || c == 'c' || c == 0xff));
    h_check(!sp_span_has4(sp_span_of(p, 0), bytes));
}

void harness(void)
{
    static const struct {
        void (*of)(struct sp_span s);
    } laws[] = {{searches}, {comparisons}, {cuts}};
    unsigned law = h_pick(6);
    if (law == 5)
        memberships();
    else if (law == 3)
        trims();
    else if (law == 4)
        counts();
    else
        laws[law].of(h_bytes(TEXT, alphabet));
}
