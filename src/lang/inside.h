/* SPDX-License-Identifier: Apache-2.0 */
/* inside: what the files of lang share and nobody else calls. */
#ifndef SP_LANG_INSIDE_H
#define SP_LANG_INSIDE_H

#include "lang/lang.h"

enum { UNICODE_MAX = 0x10ffff, REPLACEMENT = 0xfffd };

static inline bool is_surrogate(uint32_t c) { return c >= 0xd800 && c < 0xe000; }
static inline bool is_high_surrogate(uint32_t c) { return c >= 0xd800 && c < 0xdc00; }
static inline bool is_low_surrogate(uint32_t c) { return c >= 0xdc00 && c < 0xe000; }
static inline uint32_t join_surrogates(uint32_t high, uint32_t low) { return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00); }
/* Appends c as UTF-8; a surrogate as the three bytes that its number would have. */
void put_utf8(struct sp_buf *out, uint32_t c);

/*
 * A numeric character reference, "&#" being at `at`: its length in bytes (its semicolon included) and what it stands for; 0 when there is
 * none. What is no character becomes U+FFFD (HTML Living Standard section 13.2.5.80).
 */
size_t numeric_reference(struct sp_span in, size_t at, uint32_t *ret);

#endif
