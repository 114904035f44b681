/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool: one reserved range per size class, a stack of free indexes each. Blocks freed last are used first (still in the
 * cache); what a class keeps free beyond KEEP_BYTES goes back to the kernel.
 */
#include "engine/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

enum pool_limits {
    CLASS_SHIFT = 24,           /* block number: class in the top bits, index + 1 below */
    KEEP_BYTES = 16 << 20,      /* free memory a class holds on to: 1,024 small blocks, enough for a burst */
    CLASS_BLOCKS_MAX = 1 << 20, /* fits in CLASS_SHIFT bits; 16 GiB of small blocks */
};

struct pool_class {
    uint8_t *base;
    uint32_t *free;    /* stack of indexes given back */
    uint32_t nfree, kept, fresh, count;
    size_t size;
};

struct sp_pool {
    uint64_t budget, used;
    bool shared;                         /* the blocks are somebody else's shared memory */
    uint32_t marked[2], put[2];          /* put: marked, and free as soon as it is not */
    struct pool_class class[SP_POOL_CLASSES];
};

static void *reserve(size_t n)
{
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static uint32_t class_count(uint64_t budget, int i)
{
    uint64_t count = budget / ((uint64_t)SP_POOL_SMALL << i);
    return count > CLASS_BLOCKS_MAX ? CLASS_BLOCKS_MAX : (uint32_t)count;
}

size_t sp_pool_room(uint64_t budget)
{
    size_t n = 0;
    for (int i = 0; i < SP_POOL_CLASSES; i++)
        n += class_count(budget, i) * ((size_t)SP_POOL_SMALL << i);
    return n;
}

static int class_init(struct pool_class *c, uint32_t count, size_t size, uint8_t *memory)
{
    c->size = size;
    c->count = count;
    if (c->count == 0)
        return 0;
    c->base = memory ? memory : reserve(c->count * size);
    c->free = reserve(c->count * sizeof *c->free);
    return c->base && c->free ? 0 : -ENOMEM;
}

int sp_pool_over(uint64_t budget, void *memory, struct sp_pool **ret)
{
    struct sp_pool *p = calloc(1, sizeof *p);
    uint8_t *at = memory;
    if (!p)
        return -ENOMEM;
    p->budget = budget;
    p->shared = memory != NULL;
    for (int i = 0; i < SP_POOL_CLASSES; i++) {
        size_t size = (size_t)SP_POOL_SMALL << i;
        uint32_t count = class_count(budget, i);
        if (class_init(&p->class[i], count, size, at) < 0) {
            sp_pool_free(p);
            return -ENOMEM;
        }
        at = at ? at + count * size : NULL;
    }
    *ret = p;
    return 0;
}

int sp_pool_new(uint64_t budget, struct sp_pool **ret)
{
    return sp_pool_over(budget, NULL, ret);
}

void sp_pool_free(struct sp_pool *p)
{
    if (!p)
        return;
    for (int i = 0; i < SP_POOL_CLASSES; i++) {
        struct pool_class *c = &p->class[i];
        if (c->base && !p->shared)
            munmap(c->base, c->count * c->size);
        if (c->free)
            munmap(c->free, c->count * sizeof *c->free);
    }
    free(p);
}

uint32_t sp_pool_get(struct sp_pool *p, size_t n)
{
    int i = 0;
    while (i < SP_POOL_CLASSES && p->class[i].size < n)
        i++;
    if (i == SP_POOL_CLASSES)
        return 0;
    struct pool_class *c = &p->class[i];
    if (p->used + c->size > p->budget || (c->nfree == 0 && c->fresh == c->count))
        return 0;
    uint32_t index = c->nfree ? c->free[--c->nfree] : c->fresh++;
    if (c->kept > c->nfree)
        c->kept = c->nfree;
    p->used += c->size;
    return ((uint32_t)i << CLASS_SHIFT) | (index + 1);
}

static struct pool_class *class_of(const struct sp_pool *p, uint32_t block)
{
    return (struct pool_class *)&p->class[block >> CLASS_SHIFT];
}

static uint32_t index_of(uint32_t block)
{
    return (block & ((1u << CLASS_SHIFT) - 1)) - 1;
}

static void give_back(struct sp_pool *p, uint32_t block)
{
    struct pool_class *c = class_of(p, block);
    uint32_t index = index_of(block);
    p->used -= c->size;
    if ((c->kept + 1) * c->size > KEEP_BYTES)
        madvise(c->base + index * c->size, c->size, p->shared ? MADV_REMOVE : MADV_DONTNEED);
    else
        c->kept++;
    c->free[c->nfree++] = index;
}

void sp_pool_put(struct sp_pool *p, uint32_t block)
{
    if (!block)
        return;
    for (int i = 0; i < 2; i++)
        if (p->marked[i] == block) {
            p->put[i] = block;
            return;
        }
    give_back(p, block);
}

void sp_pool_mark(struct sp_pool *p, uint32_t a, uint32_t b)
{
    uint32_t put[2] = {p->put[0], p->put[1]};
    p->marked[0] = a;
    p->marked[1] = b;
    p->put[0] = p->put[1] = 0;
    for (int i = 0; i < 2; i++)
        if (put[i])
            sp_pool_put(p, put[i]);
}

bool sp_pool_marked(const struct sp_pool *p, uint32_t block)
{
    return block && (p->marked[0] == block || p->marked[1] == block);
}

bool sp_pool_valid(const struct sp_pool *p, uint32_t block)
{
    return (block >> CLASS_SHIFT) < SP_POOL_CLASSES && index_of(block) < class_of(p, block)->count;
}

/* While adopting, free[i] says that block i is in use: a fresh one is all zero. */
bool sp_pool_adopt(struct sp_pool *p, uint32_t block)
{
    uint32_t index = index_of(block);
    if (!sp_pool_valid(p, block) || class_of(p, block)->free[index])
        return false;
    struct pool_class *c = class_of(p, block);
    c->free[index] = 1;
    if (index >= c->fresh)
        c->fresh = index + 1;
    p->used += c->size;
    return true;
}

void sp_pool_adopted(struct sp_pool *p)
{
    for (int i = 0; i < SP_POOL_CLASSES; i++) {
        struct pool_class *c = &p->class[i];
        for (uint32_t k = 0; k < c->fresh; k++)
            if (!c->free[k])
                c->free[c->nfree++] = k; /* never beyond what has been looked at */
    }
}

uint8_t *sp_pool_at(const struct sp_pool *p, uint32_t block)
{
    const struct pool_class *c = class_of(p, block);
    return c->base + index_of(block) * c->size;
}

size_t sp_pool_len(const struct sp_pool *p, uint32_t block)
{
    return class_of(p, block)->size;
}

uint64_t sp_pool_used(const struct sp_pool *p)
{
    return p->used;
}
