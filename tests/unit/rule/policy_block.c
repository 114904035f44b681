/* SPDX-License-Identifier: Apache-2.0 */
/* The block: the same from the same rules, at home at any address, and refused when anything in it is wrong. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "rule/block.h"

#include "load.h"
#include "unit.h"
#include "world.h"

enum {
    POLICIES = 30,
    RULES = 24,
    FLIPS = 3000, /* damaged copies */
    PAGE = 4096,
};

static struct world world;
static struct sp_verdict verdict, other;

static struct sp_policy *compiled_after(struct world *w, const struct sp_policy *before)
{
    struct sp_diag diag;
    struct sp_policy *p = NULL;
    sp_diag_init(&diag);
    assert_int_equal(sp_policy_compile_after(&w->set, before, &diag, &p), 0);
    sp_diag_fini(&diag);
    return p;
}

static struct sp_policy *compiled(struct world *w)
{
    return compiled_after(w, NULL);
}

/* Whole pages for n bytes between two that cannot be read. */
static uint8_t *pages(size_t n)
{
    size_t whole = (n + PAGE - 1) / PAGE * PAGE;
    uint8_t *p = mmap(NULL, whole + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true((void *)p != MAP_FAILED);
    assert_int_equal(mprotect(p + PAGE, whole, PROT_READ | PROT_WRITE), 0);
    return p + PAGE;
}

static void unmap(uint8_t *p, size_t n)
{
    munmap(p - PAGE, (n + PAGE - 1) / PAGE * PAGE + 2 * PAGE);
}

static void same_verdicts(struct world *w, struct sp_matcher *a, struct sp_matcher *b)
{
    for (int i = 0; i < 50; i++) {
        struct sp_msg head = world_head(w);
        struct sp_msg m = world_whole(w, &head);
        sp_policy_judge(a, w->proto, &m, &verdict);
        sp_policy_judge(b, w->proto, &m, &other);
        assert_int_equal(verdict.nhits, other.nhits);
        assert_memory_equal(verdict.hits, other.hits, verdict.nhits * sizeof *verdict.hits);
    }
}

/* Copied elsewhere, the original gone: databases in it, too, must not remember where they were. */
static void works_at_another_address(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= POLICIES; seed++) {
        struct sp_matcher *mt, *moved_mt;
        const struct sp_policy *moved;
        world_init(&world, seed);
        world_rules(&world, RULES);
        struct sp_policy *first = compiled(&world), *p = compiled(&world);
        size_t n = sp_policy_size(p);
        assert_int_equal(n, sp_policy_size(first));
        assert_memory_equal(p, first, n); /* nothing but the rules decides what is in it */
        uint8_t *away = pages(n);
        memcpy(away, p, n);
        sp_policy_free(p);
        assert_int_equal(sp_policy_verify(away, n, &moved), 0);
        assert_int_equal(sp_matcher_new(first, &mt), 0);
        assert_int_equal(sp_matcher_new(moved, &moved_mt), 0);
        same_verdicts(&world, mt, moved_mt);
        sp_matcher_free(mt);
        sp_matcher_free(moved_mt);
        sp_policy_free(first);
        unmap(away, n);
        world_fini(&world);
    }
}

/* Other rules, some of whose expressions are in the earlier policy. */
static void an_earlier_policy_changes_nothing(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= POLICIES; seed++) {
        world_init(&world, seed);
        world_rules(&world, RULES);
        struct sp_policy *before = compiled(&world);
        world_rules(&world, RULES);
        struct sp_policy *plain = compiled(&world), *after = compiled_after(&world, before), *again = compiled_after(&world, after);
        assert_int_equal(sp_policy_size(plain), sp_policy_size(after));
        assert_memory_equal(plain, after, sp_policy_size(plain));
        assert_memory_equal(plain, again, sp_policy_size(plain));
        struct sp_policy *const all[] = {before, plain, after, again};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            sp_policy_free(all[i]);
        world_fini(&world);
    }
}

/* Seen by a mark that only the earlier policy has: the last byte of each of its databases. */
static void an_earlier_policy_is_used(void **state)
{
    (void)state;
    world_init(&world, 5);
    world_rules(&world, RULES);
    struct sp_policy *p = compiled(&world);
    size_t n = sp_policy_size(p), size, used = 0;
    uint8_t *marked = pages(n);
    memcpy(marked, p, n);
    const uint32_t *dbs = block_at(p, p->scratch_dbs);
    for (uint32_t i = 0; i < p->nscratch_dbs; i++) {
        assert_int_equal(hs_database_size(block_at(p, dbs[i]), &size), HS_SUCCESS);
        marked[dbs[i] + size - 1] ^= 0xff;
    }
    struct sp_policy *after = compiled_after(&world, (const struct sp_policy *)(const void *)marked);
    for (uint32_t i = 0; i < p->nscratch_dbs; i++) {
        assert_int_equal(hs_database_size(block_at(p, dbs[i]), &size), HS_SUCCESS);
        used += ((const uint8_t *)after)[dbs[i] + size - 1] == marked[dbs[i] + size - 1];
    }
    assert_true(used > 0);
    assert_int_equal(used, p->nscratch_dbs);
    sp_policy_free(after);
    sp_policy_free(p);
    unmap(marked, n);
    world_fini(&world);
}

/* The same text as a literal is no expression that was looked at. */
static void what_was_sound_stays_so_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *when;
        int rc;
    } rules[] = {
        {"http.request.uri.path matches \"evil+\"\n", 0},
        {"http.request.uri.path matches \"evil*|x*\"\n", -EINVAL},
        {"http.request.uri.path matches \"a(b\"\n", -EINVAL},
        {"http.request.uri.path matches \"c(d\"\n", -EINVAL},
    };
    struct load first;
    load_rule(&first, "http.request.uri.path matches \"evil+\" or http.request.uri.path contains \"c(d\"\n", "alert");
    assert_int_equal(first.rc, 0);
    struct world w = {.set = first.set};
    struct sp_policy *before = compiled(&w);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct sp_buf yaml = sp_buf_growing(4096);
        struct sp_ruleset set;
        struct sp_diag diag;
        sp_put_fmt(&yaml, "guard: g\ntitle: t\nwhen: |\n  %sthen: alert\ncases: [{send: a, expect: alert}, {send: b, expect: pass}]\n", rules[i].when);
        sp_diag_init(&diag);
        assert_int_equal(sp_ruleset_init(&set), 0);
        sp_ruleset_trust(&set, before);
        assert_non_null(set.sound);
        assert_int_equal(sp_ruleset_load_text(&set, "r.yaml", sp_buf_span(&yaml), &diag), rules[i].rc);
        sp_ruleset_fini(&set);
        sp_diag_fini(&diag);
        sp_buf_fini(&yaml);
    }
    sp_policy_free(before);
    load_fini(&first);
}

static void damage_is_found(void **state)
{
    (void)state;
    const struct sp_policy *ret;
    world_init(&world, 3);
    world_rules(&world, RULES);
    struct sp_policy *p = compiled(&world);
    size_t n = sp_policy_size(p);
    uint8_t *copy = pages(n);
    memcpy(copy, p, n);
    for (int i = 0; i < FLIPS; i++) {
        uint32_t at = i < (int)sizeof *p ? (uint32_t)i : world_dice(&world, (uint32_t)n);
        copy[at] ^= (uint8_t)(1 + world_dice(&world, 255));
        assert_int_equal(sp_policy_verify(copy, n, &ret), -EINVAL);
        copy[at] = ((const uint8_t *)p)[at];
    }
    for (size_t len = 0; len < n; len += 1 + len / 64)
        assert_int_equal(sp_policy_verify(copy, len, &ret), -EINVAL);
    assert_int_equal(sp_policy_verify(copy, n, &ret), 0);
    unmap(copy, n);
    sp_policy_free(p);
    world_fini(&world);
}

static bool in_database(const struct sp_policy *p, size_t at)
{
    const uint32_t *dbs = block_at(p, p->scratch_dbs);
    for (uint32_t i = 0; i < p->nscratch_dbs; i++) {
        size_t size;
        assert_int_equal(hs_database_size(block_at(p, dbs[i]), &size), HS_SUCCESS);
        if (at >= dbs[i] && at < dbs[i] + size)
            return true;
    }
    return false;
}

static void runs(struct world *w, const struct sp_policy *p)
{
    struct sp_matcher *mt;
    uint64_t wanted[SP_FIELD_WORDS];
    assert_int_equal(sp_matcher_new(p, &mt), 0);
    for (int i = 0; i < 3; i++) {
        struct sp_msg head = world_head(w);
        (void)sp_policy_gate(mt, w->proto, &head, wanted);
        struct sp_msg m = world_whole(w, &head);
        sp_policy_judge(mt, w->proto, &m, &verdict);
    }
    sp_matcher_free(mt);
}

/* With a checksum that fits, whatever passes the other checks can be run: nothing outside the block is touched. */
static void what_passes_can_run(void **state)
{
    (void)state;
    const struct sp_policy *ret;
    uint32_t passed = 0, refused = 0;
    world_init(&world, 7);
    world_rules(&world, RULES);
    world.set.rules[0]->actions[0] = (struct sp_action){.kind = SP_DO_REMOVE, .target = world_field(&world, SP_HTTP_HEADERS, "x")};
    struct sp_policy *p = compiled(&world);
    size_t n = sp_policy_size(p);
    uint8_t *copy = pages(n);
    for (int i = 0; i < FLIPS; i++) {
        memcpy(copy, p, n);
        for (uint32_t flips = 1 + world_dice(&world, 3); flips > 0; flips--) {
            uint32_t at = world_dice(&world, (uint32_t)n);
            while (in_database(p, at) || (at >= 16 && at < 32)) /* not the databases, the length, the checksum */
                at = world_dice(&world, (uint32_t)n);
            copy[at] = world_dice(&world, 2) ? (uint8_t)world_dice(&world, 256) : copy[at] ^ (uint8_t)(1 << world_dice(&world, 8));
        }
        struct sp_policy *block = (struct sp_policy *)copy;
        block->checksum = block_checksum(block);
        int rc = sp_policy_verify(copy, n, &ret);
        passed += rc == 0;
        refused += rc != 0;
        if (rc == 0)
            runs(&world, ret);
    }
    assert_true(passed > 100 && refused > 100);
    unmap(copy, n);
    sp_policy_free(p);
    world_fini(&world);
}

static void an_empty_policy_passes_everything(void **state)
{
    (void)state;
    struct sp_policy *p;
    const struct sp_policy *ret;
    struct sp_matcher *mt;
    uint64_t wanted[SP_FIELD_WORDS];
    world_init(&world, 1);
    assert_int_equal(sp_policy_empty(&p), 0);
    assert_int_equal(sp_policy_verify(p, sp_policy_size(p), &ret), 0);
    assert_int_equal(sp_policy_nrules(p), 0);
    assert_true(sp_policy_idle(p, world.proto, SP_C2S) && sp_policy_idle(p, world.proto, SP_S2C));
    assert_false(sp_bits_any(sp_policy_want(p, world.proto, SP_C2S), SP_FIELDS_MAX));
    assert_int_equal(sp_matcher_new(p, &mt), 0);
    struct sp_msg head = world_head(&world);
    assert_false(sp_policy_gate(mt, world.proto, &head, wanted));
    sp_policy_judge(mt, world.proto, &head, &verdict);
    assert_int_equal(verdict.act, SP_PASS);
    sp_matcher_free(mt);
    sp_policy_free(p);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(works_at_another_address),
        cmocka_unit_test(an_earlier_policy_changes_nothing), cmocka_unit_test(an_earlier_policy_is_used),
        cmocka_unit_test(what_was_sound_stays_so_and_nothing_else),
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(what_passes_can_run),
        cmocka_unit_test(an_empty_policy_passes_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
