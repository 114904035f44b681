/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content: bytes that are a function of a seed and their offset, so that any piece of any stream can be made and checked on its own, and that a byte which
 * is missing or came twice can be told from one that was altered. All loops go by eight bytes: the programs share two cores with what they measure.
 */
#ifndef SP_SOAK_CONTENT_H
#define SP_SOAK_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SOAK_ODD UINT64_C(0x9e3779b97f4a7c15) /* 2^64 divided by the golden ratio: neighbours come out far apart */
#define SOAK_ODD2 UINT64_C(0xbf58476d1ce4e5b9)

static inline uint64_t soak_mix(uint64_t x)
{
    x ^= x >> 32;
    x *= SOAK_ODD2;
    return x ^ x >> 29;
}

static inline uint64_t soak_word(uint64_t seed, uint64_t index) { return soak_mix(seed + (index + 1) * SOAK_ODD); }

static inline uint64_t soak_random(uint64_t *state)
{
    *state += SOAK_ODD;
    return soak_mix(soak_mix(*state));
}

void soak_fill(uint64_t seed, uint64_t offset, uint8_t *to, size_t n);
/* How many bytes are right before the first that is not. */
size_t soak_check(uint64_t seed, uint64_t offset, const uint8_t *p, size_t n);
/* Where bytes that are wrong at `offset` stand in the content instead, near it; false when nowhere. */
bool soak_find(uint64_t seed, uint64_t offset, const uint8_t *p, size_t n, uint64_t *ret);

/* A digest of a stream that does not depend on how it was cut. */
struct soak_digest {
    uint64_t h, n;
    uint8_t rest[8];
};
void soak_digest_add(struct soak_digest *d, const uint8_t *p, size_t n);
uint64_t soak_digest_end(const struct soak_digest *d);

/* Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 section 4.2.2): 28 characters and a NUL. */
void soak_ws_accept(const char *key, size_t n, char to[29]);
/* Masks, or unmasks, a piece of a frame's payload that begins at `from` in it (RFC 6455 section 5.3). */
void soak_mask(const uint8_t mask[4], size_t from, uint8_t *p, size_t n);

#endif
