/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool: blocks of 16 KiB to 256 MiB, by power-of-two size class, in one reserved address range per class. A block is named by a
 * number, not a pointer, so that a session can be copied. Nothing is touched before it is used; large blocks go back to the kernel
 * when they are freed. The whole pool has a budget in bytes.
 *
 * Blocks may lie in shared memory that outlives the process. Which of them are in use is known only to those who hold their numbers: a
 * successor adopts these, and the rest is free. Two blocks can be *marked*: their bytes are to stay as they are, whatever becomes of them, until others are.
 */
#ifndef SP_ENGINE_POOL_H
#define SP_ENGINE_POOL_H

#include "base/span.h"

enum sp_pool_limits {
    SP_POOL_CLASSES = 15,
    SP_POOL_SMALL = 16 << 10, /* the smallest block: a head of any sane size with its read-ahead */
};

struct sp_pool;

/* 0 or -errno. `budget`: bytes that all blocks together may hold. */
__attribute__((warn_unused_result)) int sp_pool_new(uint64_t budget, struct sp_pool **ret);
/* The same over shared memory of sp_pool_room(budget) bytes, page-aligned, which stays the caller's. */
__attribute__((warn_unused_result)) int sp_pool_over(uint64_t budget, void *memory, struct sp_pool **ret);
size_t sp_pool_room(uint64_t budget);
void sp_pool_free(struct sp_pool *p);
/* In a fresh pool: this block is in use. False: it cannot be, or is already. */
bool sp_pool_adopt(struct sp_pool *p, uint32_t block);
/* All are adopted: the others are free. */
void sp_pool_adopted(struct sp_pool *p);
/* A block of at least n bytes, or 0 when the budget is used up or n is beyond the largest class. */
uint32_t sp_pool_get(struct sp_pool *p, size_t n);
void sp_pool_put(struct sp_pool *p, uint32_t block);
/* Marks these two (0: none) instead of those marked before. A marked block that is put is free only when it is marked no more. */
void sp_pool_mark(struct sp_pool *p, uint32_t a, uint32_t b);
bool sp_pool_marked(const struct sp_pool *p, uint32_t block);
/* Could this be the number of one of its blocks? */
bool sp_pool_valid(const struct sp_pool *p, uint32_t block);
uint8_t *sp_pool_at(const struct sp_pool *p, uint32_t block);
size_t sp_pool_len(const struct sp_pool *p, uint32_t block);
uint64_t sp_pool_used(const struct sp_pool *p);

#endif
