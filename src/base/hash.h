/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash: a fast 64-bit hash of short strings, for tables that are built from trusted rules and only probed by traffic
 * (an attacker cannot lengthen a chain in them). sp_ihash folds ASCII letters: equal for strings that sp_span_ieq calls equal.
 */
#ifndef SP_BASE_HASH_H
#define SP_BASE_HASH_H

#include "base/span.h"

uint64_t sp_hash(struct sp_span s);
uint64_t sp_ihash(struct sp_span s);

#endif
