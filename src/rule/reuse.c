/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reuse: databases that an earlier policy has already. Compiling expressions is most of what loading costs, and from one load to the next few of them
 * change. A database stands beside its *recipe*: everything that it was made from, so that the same recipe is the same database.
 */
#include <stdlib.h>
#include <string.h>

#include <hs/hs.h>

#include "base/hash.h"
#include "rule/block.h"
#include "rule/parse.h"

struct sp_span recipe_make(struct builder *b, const char *const *texts, const size_t *lengths, const unsigned *flags, unsigned n)
{
    const char *version = hs_version();
    size_t all = strlen(version) + 2;
    for (unsigned i = 0; i < n; i++)
        all += 2 * sizeof(uint32_t) + (lengths ? lengths[i] : strlen(texts[i]));
    struct sp_buf out = sp_buf_arena(&b->arena, all);
    sp_put(&out, sp_span_of(version, strlen(version) + 1));
    sp_put_byte(&out, lengths != NULL);
    for (unsigned i = 0; i < n; i++) {
        size_t length = lengths ? lengths[i] : strlen(texts[i]);
        uint32_t head[2] = {flags[i], (uint32_t)length};
        sp_put(&out, sp_span_of(head, sizeof head));
        sp_put(&out, sp_span_of(texts[i], length));
    }
    b->failed |= out.full;
    return sp_buf_done(&out, &b->arena);
}

static struct sp_span recipe_at(const struct sp_policy *p, uint32_t i)
{
    return block_str(p, ((const struct bref *)block_at(p, p->recipes))[i]);
}

/* Its expressions: they were compiled, without the permission to match nothing. */
static void trust_recipe(struct sp_ruleset *s, struct sp_span recipe)
{
    size_t at = sp_span_byte(recipe, 0, 0);
    bool literals = at == SP_NOT_FOUND || sp_span_at(recipe, at + 1) != 0;
    for (at += 2; !literals && at < recipe.n;) {
        uint32_t head[2] = {0, 0};
        struct sp_span bytes = sp_span_sub(recipe, at, sizeof head);
        if (bytes.n < sizeof head)
            return;
        memcpy(head, bytes.p, sizeof head);
        pattern_sound(s, sp_span_sub(recipe, at + sizeof head, head[1]));
        at += sizeof head + head[1];
    }
}

void sp_ruleset_trust(struct sp_ruleset *s, const struct sp_policy *before)
{
    const char *version = hs_version();
    struct sp_span ours = sp_span_of(version, strlen(version) + 1);
    for (uint32_t i = 0; before && i < before->nscratch_dbs; i++)
        if (sp_span_starts(recipe_at(before, i), ours))
            trust_recipe(s, recipe_at(before, i));
}

/* Slots hold numbers of databases + 1, by the hash of their recipe. */
int reuse_init(struct reuse *r, const struct sp_policy *before)
{
    *r = (struct reuse){.before = before};
    if (!before || !before->nscratch_dbs)
        return 0;
    uint32_t size = 2;
    while (size < 2 * before->nscratch_dbs)
        size *= 2;
    r->slots = calloc(size, sizeof *r->slots);
    if (!r->slots)
        return -1;
    r->mask = size - 1;
    for (uint32_t i = 0; i < before->nscratch_dbs; i++) {
        uint64_t at = sp_hash(recipe_at(before, i));
        while (r->slots[at & r->mask])
            at++;
        r->slots[at & r->mask] = i + 1;
    }
    return 0;
}

struct sp_span reuse_find(const struct reuse *r, struct sp_span recipe)
{
    size_t size;
    for (uint64_t at = sp_hash(recipe); r->slots && r->slots[at & r->mask]; at++) {
        uint32_t i = r->slots[at & r->mask] - 1;
        const void *db = block_at(r->before, ((const uint32_t *)block_at(r->before, r->before->scratch_dbs))[i]);
        if (sp_span_eq(recipe_at(r->before, i), recipe) && hs_database_size(db, &size) == HS_SUCCESS)
            return sp_span_of(db, size);
    }
    return sp_span_of(NULL, 0);
}

void reuse_fini(struct reuse *r)
{
    free(r->slots);
}
