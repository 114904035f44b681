/* SPDX-License-Identifier: Apache-2.0 */
/* bits: bit sets in arrays of 64-bit words. The caller knows the size. */
#ifndef SP_BASE_BITS_H
#define SP_BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SP_BITS_WORDS(n) (((n) + 63) / 64)

static inline bool sp_bit(const uint64_t *w, size_t i) { return (w[i >> 6] >> (i & 63)) & 1; }
static inline void sp_bit_set(uint64_t *w, size_t i) { w[i >> 6] |= UINT64_C(1) << (i & 63); }
static inline void sp_bit_clear(uint64_t *w, size_t i) { w[i >> 6] &= ~(UINT64_C(1) << (i & 63)); }
/* Index of the first set bit at or after `from`, or `nbits`. */
size_t sp_bits_next(const uint64_t *w, size_t nbits, size_t from);
size_t sp_bits_count(const uint64_t *w, size_t nbits);
bool sp_bits_any(const uint64_t *w, size_t nbits);
bool sp_bits_meet(const uint64_t *a, const uint64_t *b, size_t nbits);
void sp_bits_or(uint64_t *into, const uint64_t *from, size_t nbits);
void sp_bits_zero(uint64_t *w, size_t nbits);

#endif
