/* SPDX-License-Identifier: Apache-2.0 */
/*
 * span: a borrowed run of bytes. Invariant: p[0..n) is readable; n == 0 leaves p unspecified.
 * Spans are never NUL-terminated. Everything here is total: an offset beyond the end gives an empty span.
 */
#ifndef SP_BASE_SPAN_H
#define SP_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sp_span {
    const uint8_t *p;
    size_t n;
};

#define SP_NOT_FOUND SIZE_MAX

/* A span over a string literal. */
#define SP_LIT(s) ((struct sp_span){(const uint8_t *)("" s), sizeof(s) - 1})
/* The two printf arguments of "%.*s". */
#define SP_FMT(s) (int)(s).n, (const char *)(s).p

static inline struct sp_span sp_span_of(const void *p, size_t n) { return (struct sp_span){p, n}; }
struct sp_span sp_span_str(const char *nul_terminated);
/* Bytes [off, off+len) of s, clipped to s. */
static inline struct sp_span sp_span_sub(struct sp_span s, size_t off, size_t len)
{
    if (off >= s.n)
        return (struct sp_span){s.n ? s.p + s.n : s.p, 0};
    size_t left = s.n - off;
    return (struct sp_span){s.p + off, len < left ? len : left};
}
/* Bytes from off to the end. */
static inline struct sp_span sp_span_from(struct sp_span s, size_t off) { return sp_span_sub(s, off, SIZE_MAX); }
static inline bool sp_span_eq(struct sp_span a, struct sp_span b)
{
    return a.n == b.n && (a.n == 0 || __builtin_memcmp(a.p, b.p, a.n) == 0);
}
/* Equal when ASCII letters are folded. */
bool sp_span_ieq(struct sp_span a, struct sp_span b);
static inline bool sp_span_starts(struct sp_span s, struct sp_span prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || __builtin_memcmp(s.p, prefix.p, prefix.n) == 0);
}
bool sp_span_istarts(struct sp_span s, struct sp_span prefix);
bool sp_span_ends(struct sp_span s, struct sp_span suffix);
bool sp_span_iends(struct sp_span s, struct sp_span suffix);
int sp_span_cmp(struct sp_span a, struct sp_span b);
/* First position at or after `from` of a byte / of a needle, else SP_NOT_FOUND. Linear. */
static inline size_t sp_span_byte(struct sp_span s, size_t from, uint8_t byte)
{
    if (from >= s.n)
        return SP_NOT_FOUND;
    const uint8_t *at = __builtin_memchr(s.p + from, byte, s.n - from);
    return at ? (size_t)(at - s.p) : SP_NOT_FOUND;
}
size_t sp_span_find(struct sp_span s, size_t from, struct sp_span needle);
size_t sp_span_ifind(struct sp_span s, size_t from, struct sp_span needle);
/* s without leading and trailing SP / HTAB (OWS of RFC 9110 section 5.6.3). */
static inline struct sp_span sp_span_trim(struct sp_span s)
{
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = (struct sp_span){s.p + 1, s.n - 1};
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}
/* The byte at off, or -1 beyond the end. */
static inline int sp_span_at(struct sp_span s, size_t off) { return off < s.n ? s.p[off] : -1; }
/* Decimal digits only, at least one; false on anything else and on overflow; *ret untouched then. */
bool sp_span_u64(struct sp_span s, uint64_t *ret);
bool sp_span_hex64(struct sp_span s, uint64_t *ret);

static inline uint8_t sp_lower(uint8_t c) { return (uint8_t)(c - 'A') < 26 ? (uint8_t)(c | 0x20) : c; }
static inline bool sp_is_digit(uint8_t c) { return (uint8_t)(c - '0') < 10; }
/* Does any of these up to four bytes occur? `bytes` repeats one of them where there are fewer. One fast pass. */
bool sp_span_has4(struct sp_span s, const uint8_t bytes[4]);
/* How many bytes are control characters (below 0x20 except HTAB, CR, LF; and 0x7f), and how many are CR. One fast pass. */
size_t sp_span_controls(struct sp_span s, size_t *ret_cr);
/* Value of a hexadecimal digit, or -1. */
int sp_hex(uint8_t c);

#endif
