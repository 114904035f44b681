/* SPDX-License-Identifier: Apache-2.0 */
/* content: see content.h. SHA-1 as in FIPS 180-4, base64 as in RFC 4648, both for the websocket's handshake alone. */
#include <stdlib.h>

#include "content.h"

enum {
    FIND_AROUND = 1 << 20, /* bytes: more than any buffer on the way can hold back or give twice */
    FIND_LENGTH = 16,      /* bytes that must agree: chance is out of the question */
};

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

void soak_fill(uint64_t seed, uint64_t offset, uint8_t *to, size_t n)
{
    uint64_t index = offset / 8, w;
    size_t skip = offset % 8;
    if (skip && n) {
        w = soak_word(seed, index++);
        size_t some = least(8 - skip, n);
        memcpy(to, (uint8_t *)&w + skip, some);
        to += some, n -= some;
    }
    for (; n >= 8; to += 8, n -= 8) {
        w = soak_word(seed, index++);
        memcpy(to, &w, 8);
    }
    if (n) {
        w = soak_word(seed, index);
        memcpy(to, &w, n);
    }
}

static size_t check_bytes(uint64_t seed, uint64_t offset, const uint8_t *p, size_t n)
{
    size_t i = 0;
    for (; i < n; i++) {
        uint64_t w = soak_word(seed, (offset + i) / 8);
        if (p[i] != ((uint8_t *)&w)[(offset + i) % 8])
            break;
    }
    return i;
}

size_t soak_check(uint64_t seed, uint64_t offset, const uint8_t *p, size_t n)
{
    size_t i = check_bytes(seed, offset, p, least(n, -offset % 8));
    if (i < least(n, -offset % 8))
        return i;
    for (uint64_t index = (offset + i) / 8; n - i >= 8; i += 8, index++) {
        uint64_t w;
        memcpy(&w, p + i, 8);
        if (w != soak_word(seed, index))
            break;
    }
    return i + check_bytes(seed, offset + i, p + i, n - i);
}

bool soak_find(uint64_t seed, uint64_t offset, const uint8_t *p, size_t n, uint64_t *ret)
{
    if (n < FIND_LENGTH)
        return false;
    for (uint64_t d = 1; d < FIND_AROUND; d++) {
        uint64_t at = offset + d;
        if (soak_check(seed, at, p, FIND_LENGTH) == FIND_LENGTH || (d <= offset && soak_check(seed, at = offset - d, p, FIND_LENGTH) == FIND_LENGTH)) {
            *ret = at;
            return true;
        }
    }
    return false;
}

static void digest_word(struct soak_digest *d, const uint8_t *p)
{
    uint64_t w;
    memcpy(&w, p, 8);
    d->h = soak_mix((d->h ^ w) * SOAK_ODD);
}

void soak_digest_add(struct soak_digest *d, const uint8_t *p, size_t n)
{
    while (n && (d->n % 8 || n < 8)) {
        d->rest[d->n++ % 8] = *p++, n--;
        if (d->n % 8 == 0)
            digest_word(d, d->rest);
    }
    for (; n >= 8; p += 8, n -= 8, d->n += 8)
        digest_word(d, p);
    if (n)
        soak_digest_add(d, p, n);
}

uint64_t soak_digest_end(const struct soak_digest *d)
{
    uint64_t h = d->h;
    for (size_t i = 0; i < d->n % 8; i++)
        h = soak_mix((h ^ d->rest[i]) * SOAK_ODD);
    return soak_mix(h ^ d->n);
}

static uint32_t rotate(uint32_t x, unsigned n) { return x << n | x >> (32 - n); }

static void sha1_block(uint32_t h[5], const uint8_t *p)
{
    static const uint32_t k[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    uint32_t w[80], v[5];
    memcpy(v, h, sizeof v);
    for (unsigned i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
    for (unsigned i = 16; i < 80; i++)
        w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (unsigned i = 0; i < 80; i++) {
        uint32_t parity = v[1] ^ v[2] ^ v[3];
        uint32_t f = i < 20 ? (v[1] & v[2]) | (~v[1] & v[3]) : i >= 40 && i < 60 ? (v[1] & v[2]) | (v[1] & v[3]) | (v[2] & v[3]) : parity;
        uint32_t next = rotate(v[0], 5) + f + v[4] + k[i / 20] + w[i];
        v[4] = v[3], v[3] = v[2], v[2] = rotate(v[1], 30), v[1] = v[0], v[0] = next;
    }
    for (unsigned i = 0; i < 5; i++)
        h[i] += v[i];
}

void soak_ws_accept(const char *key, size_t n, char to[29])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t text[128] = {0}, sum[21] = {0};
    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    n = least(n, 64);
    memcpy(text, key, n);
    memcpy(text + n, guid, sizeof guid - 1);
    n += sizeof guid - 1;
    text[n] = 0x80;
    size_t whole = n + 9 > 64 ? 128 : 64;
    text[whole - 2] = (uint8_t)(n * 8 >> 8);
    text[whole - 1] = (uint8_t)(n * 8);
    for (size_t i = 0; i < whole; i += 64)
        sha1_block(h, text + i);
    for (unsigned i = 0; i < 20; i++)
        sum[i] = (uint8_t)(h[i / 4] >> (24 - i % 4 * 8));
    for (unsigned i = 0; i < 7; i++) {
        uint32_t three = (uint32_t)sum[3 * i] << 16 | (uint32_t)sum[3 * i + 1] << 8 | sum[3 * i + 2];
        for (unsigned j = 0; j < 4; j++)
            to[4 * i + j] = digits[three >> (18 - 6 * j) & 63];
    }
    to[27] = '=';
    to[28] = 0;
}

void soak_mask(const uint8_t mask[4], size_t from, uint8_t *p, size_t n)
{
    uint8_t turned[8];
    uint64_t w, m;
    for (unsigned k = 0; k < 8; k++)
        turned[k] = mask[(from + k) % 4];
    memcpy(&m, turned, 8);
    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&w, p, 8);
        w ^= m;
        memcpy(p, &w, 8);
    }
    for (size_t i = 0; i < n; i++)
        p[i] ^= turned[i];
}
