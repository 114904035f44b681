/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules as text, with the nastiest regular expressions that a grammar makes, in policies of one to two hundred: the matcher reports
 * exactly what a plain evaluator finds, whatever literals it looks for first and however it joins values; and the gate waits for a
 * body whenever some body would change the verdict.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rule/policy.h"
#include "rule/scan.h"
#include "unit.h"
#include "world.h"

enum {
    MESSAGES = 40,       /* a policy */
    SMALL_POLICIES = 400,
    PATTERNS_MAX = 1024, /* of one policy */
    TEXT_MAX = 1 << 16,
};

/* ---- regular expressions ---- */

static const char *one_of(struct world *w, const char *const *all, uint32_t n)
{
    return all[world_dice(w, n)];
}
#define ONE_OF(w, all) one_of(w, all, sizeof(all) / sizeof *(all))

static void put_choice(struct world *w, struct sp_buf *out, unsigned depth);

static void put_group(struct world *w, struct sp_buf *out, unsigned depth)
{
    static const char *const opens[] = {"(", "(", "(?:", "(?i:", "(?s:", "(?-i:", "(?m:", "(?-m:", "(?P<n>"};
    sp_put_str(out, ONE_OF(w, opens));
    put_choice(w, out, depth - 1);
    sp_put_byte(out, ')');
}

static void put_atom(struct world *w, struct sp_buf *out, unsigned depth)
{
    static const char *const escapes[] = {"\\.", "\\/", "\\x61", "\\x2f", "\\x{62}", "\\w", "\\d", "\\s", "\\n", "\\W", "\\D", "\\b", "\\Qab\\E", "\\B"};
    static const char *const classes[] = {"[ab]", "[^a]", "[aA]", "[Bb]", "[a-c]", "[.]", "[]a]", "[^]a]", "[\\x61b]", "[[:alpha:]]", "[\\n]", "[b-]", "[\\w.]"};
    static const char *const others[] = {".", "^", "$", "(?i)", "{", "}", "{2", "{2|", "{,2}", "{a}", "(?#ab)", "(?-m)", "(?x)"};
    static const char *const words[] = {"ab", "ba", "aab", "abc", "bb", "a/", "AB", "bab", "a1", "cc"};
    uint32_t kind = world_dice(w, depth ? 12 : 9);
    if (kind < 5)
        sp_put_str(out, ONE_OF(w, words));
    else if (kind < 6)
        sp_put_str(out, ONE_OF(w, escapes));
    else if (kind < 8)
        sp_put_str(out, ONE_OF(w, classes));
    else if (kind < 9)
        sp_put_str(out, ONE_OF(w, others));
    else
        put_group(w, out, depth);
}

static void put_sequence(struct world *w, struct sp_buf *out, unsigned depth)
{
    static const char *const repeats[] = {"*", "+", "?", "{2}", "{0}", "{0,1}", "{1,}", "{1,2}", "+?", "*?", "??", "{0,}?"};
    for (uint32_t n = 1 + world_dice(w, 3); n > 0; n--) {
        put_atom(w, out, depth);
        if (world_dice(w, 4) == 0)
            sp_put_str(out, ONE_OF(w, repeats));
    }
}

static void put_choice(struct world *w, struct sp_buf *out, unsigned depth)
{
    put_sequence(w, out, depth);
    while (world_dice(w, 3) == 0) {
        sp_put_byte(out, '|');
        put_sequence(w, out, depth);
    }
}

static struct sp_span nasty_pattern(struct world *w)
{
    static const char *const starts[] = {"(?i)", "(*UTF8)", "(*UCP)", "(?-m)", "(?-m)^", "(?m)", "^", "^"};
    struct sp_buf out = sp_buf_arena(&w->set.arena, 4096);
    if (world_dice(w, 4) == 0)
        sp_put_str(&out, ONE_OF(w, starts));
    put_choice(w, &out, 2);
    return sp_buf_done(&out, &w->set.arena);
}

/* ---- one value, one expression, one scan ---- */

static struct compiled {
    struct sp_span pattern;
    bool caseless;
    hs_database_t *db;
} known[PATTERNS_MAX];
static uint32_t nknown;
static hs_scratch_t *scratch;

static hs_database_t *database(struct sp_span pattern, bool caseless)
{
    for (uint32_t i = 0; i < nknown; i++) {
        if (known[i].caseless == caseless && sp_span_eq(known[i].pattern, pattern))
            return known[i].db;
    }
    char text[4096];
    hs_compile_error_t *error;
    assert_true(nknown < PATTERNS_MAX && pattern.n < sizeof text);
    snprintf(text, sizeof text, "%.*s", SP_FMT(pattern));
    struct compiled *c = &known[nknown++];
    *c = (struct compiled){pattern, caseless, NULL};
    unsigned flags = HS_FLAG_DOTALL | (caseless ? HS_FLAG_CASELESS : 0);
    assert_int_equal(hs_compile(text, flags, HS_MODE_BLOCK, &SCAN_PLATFORM, &c->db, &error), HS_SUCCESS);
    assert_int_equal(hs_alloc_scratch(c->db, &scratch), HS_SUCCESS);
    return c->db;
}

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *ctx)
{
    (void)id, (void)from, (void)to, (void)flags;
    *(bool *)ctx = true;
    return 1;
}

static bool scan_matches(struct sp_span s, struct sp_span pattern, bool caseless)
{
    bool hit = false;
    const hs_database_t *db = database(pattern, caseless); /* may have made the scratch space anew */
    scan_span(db, s, scratch, on_match, &hit);
    return hit;
}

static void forget_patterns(void)
{
    while (nknown > 0)
        hs_free_database(known[--nknown].db);
    hs_free_scratch(scratch);
    scratch = NULL;
}

/* ---- policies ---- */

struct trial {
    struct world world;
    struct sp_ruleset set;
    struct sp_policy *policy;
    struct sp_matcher *matcher;
};
static struct trial trial;
static struct sp_verdict verdict;
static uint32_t written, taken;

/* The rules of the world as text, read again. Those that mean nothing (an expression that matches everything) are left out. */
static void reread(struct trial *t)
{
    static const char *const acts[] = {[SP_DO_ALERT] = "alert", [SP_DO_REFUSE] = "refuse 403", [SP_DO_CLOSE] = "close", [SP_DO_DROP] = "drop"};
    struct sp_buf text = sp_buf_growing(TEXT_MAX), again = sp_buf_growing(TEXT_MAX);
    for (uint32_t i = 0; i < t->world.set.nrules; i++, written++) {
        const struct sp_rule *r = t->world.set.rules[i];
        struct sp_diag diag;
        text.n = again.n = 0;
        sp_put_fmt(&text, "guard: g-%u\ntitle: t\nthen: %s\ncases:\n  - {send: a, expect: pass}\n  - {send: b, expect: refuse}\nwhen: |\n  ", i,
                   acts[r->actions[0].kind]);
        size_t condition = text.n;
        sp_expr_print(t->world.proto, r->when, &text);
        sp_diag_init(&diag);
        int rc = sp_ruleset_load_text(&t->set, "rule", sp_buf_span(&text), &diag);
        if (rc == 0) {
            sp_expr_print(t->world.proto, t->set.rules[t->set.nrules - 1]->when, &again);
            struct sp_span one = sp_span_from(sp_buf_span(&text), condition), two = sp_buf_span(&again);
            if (!sp_span_eq(one, two))
                fprintf(stderr, "# %.*s\n# %.*s\n", SP_FMT(one), SP_FMT(two));
            assert_true(sp_span_eq(one, two));
            taken++;
        }
        sp_diag_fini(&diag);
    }
    sp_buf_fini(&text);
    sp_buf_fini(&again);
}

static bool trial_begin(struct trial *t, uint64_t seed, uint32_t nrules)
{
    struct sp_diag diag;
    world_init(&t->world, seed);
    t->world.pattern = nasty_pattern;
    world_rules(&t->world, nrules);
    assert_int_equal(sp_ruleset_init(&t->set), 0);
    reread(t);
    sp_diag_init(&diag);
    int rc = sp_policy_compile(&t->set, &diag, &t->policy);
    if (rc < 0)
        fprintf(stderr, "# %.*s", SP_FMT(sp_buf_span(&diag.text)));
    assert_int_equal(rc, 0);
    sp_diag_fini(&diag);
    assert_int_equal(sp_matcher_new(t->policy, &t->matcher), 0);
    return t->set.nrules > 0;
}

static void trial_end(struct trial *t)
{
    sp_matcher_free(t->matcher);
    sp_policy_free(t->policy);
    sp_ruleset_fini(&t->set);
    world_fini(&t->world);
    forget_patterns();
}

static void describe(const struct trial *t, uint32_t rule, const struct sp_msg *m)
{
    struct sp_buf text = sp_buf_growing(1 << 20);
    sp_put_fmt(&text, "rule %u: ", rule);
    sp_expr_print(t->world.proto, t->set.rules[rule]->when, &text);
    for (uint32_t i = 0; i < m->nvalues; i++) {
        const struct sp_value *v = &m->values[i];
        sp_put_fmt(&text, "\n# %s[%.*s] = %lld \"", t->world.proto->fields[v->field].name, SP_FMT(v->key), (long long)v->num);
        sp_put_json(&text, v->str);
        sp_put_byte(&text, '"');
    }
    fprintf(stderr, "# %.*s\n", SP_FMT(sp_buf_span(&text)));
    sp_buf_fini(&text);
}

/* ---- judging ---- */

static enum sp_act act_of(const struct trial *t, uint32_t rule)
{
    struct sp_rule_info info;
    sp_policy_rule(t->policy, rule, &info);
    return info.act;
}

/* Rules that hold, gravest first, then by number: what has to be reported, as far as there is room. */
static uint32_t expected(const struct trial *t, const struct sp_msg *m, uint32_t *ret)
{
    uint32_t n = 0;
    for (int act = SP_CLOSE; act > SP_PASS; act--) {
        for (uint32_t i = 0; i < t->set.nrules; i++) {
            if ((int)act_of(t, i) == act && plain_holds(t->world.proto, m, t->set.rules[i]->when))
                ret[n++] = i;
        }
    }
    return n;
}

static void judged_exactly(struct trial *t, const struct sp_msg *m)
{
    uint32_t want[512], n = expected(t, m, want), room = n < SP_HITS_MAX ? n : SP_HITS_MAX;
    sp_policy_judge(t->matcher, t->world.proto, m, &verdict);
    for (uint32_t i = 0; i < room; i++) {
        if (i >= verdict.nhits || verdict.hits[i].rule != want[i])
            describe(t, want[i], m);
        assert_true(i < verdict.nhits);
        assert_int_equal(verdict.hits[i].rule, want[i]);
    }
    assert_int_equal(verdict.nhits, room);
    assert_int_equal(verdict.act, n ? act_of(t, want[0]) : SP_PASS);
}

static void run_policy(uint64_t seed, uint32_t nrules)
{
    if (trial_begin(&trial, seed, nrules)) {
        for (uint32_t i = 0; i < MESSAGES; i++) {
            struct sp_msg head = world_head(&trial.world), whole = world_whole(&trial.world, &head);
            judged_exactly(&trial, &whole);
        }
    }
    trial_end(&trial);
}

static void few_rules(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= SMALL_POLICIES; seed++)
        run_policy(seed, 1 + seed % 12);
    assert_true(taken > written / 2);
}

static void many_rules(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {30, 45, 60, 80, 100, 150, 200, 200, 200};
    for (uint32_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        run_policy(1000 + i, sizes[i]);
}

/* ---- by hand: what a reader of literals may get wrong ---- */

static const struct { const char *pattern, *value; } readings[] = {
    {"abc{2|xyz", "xyz"}, {"abc{2,|b}xyzw", "abc{2,"}, {"abc{2,3|b}xyzw", "abc{2,3"}, {"abc{0x}de", "abc{0x}de"}, {"ab{,2}cd", "ab{,2}cd"},
    {"(abc){2|xyz", "xyz"}, {"(?:abc){2|x}yz", "x}yz"}, {"(*UTF8)abc", "abc"}, {"(*UCP)abc", "abc"}, {"(?-m)^abc", "abc"},
    {"ab\\Qcd|ef\\E", "abcd|ef"}, {"(?x)ab cd", "abcd"}, {"(?#xyz)abc", "abc"}, {"[]ab]cd", "]cd"}, {"[a\\]b]cd", "]cd"}, {"[^]a]bc", "xbc"},
    {"\\x{61}bc", "abc"}, {"\\x6g", "\x06g"}, {"abc\\x4", "abc\x04"}, {"ab(?i)cd|ef", "EF"}, {"(?i:ab)cd", "ABcd"}, {"[aA]bc", "Abc"},
    {"(ab|)cd", "cd"}, {"(ab)?cd", "cd"}, {"(ab){0,1}?cd", "cd"}, {"ab*c", "ac"}, {"a[[:digit:]]b", "a1b"},
    {"(?P<n>ab)cd", "abcd"}, {"\\o{101}bc", "Abc"}, {"ab$|cd", "cd"}, {"(?:ab|cd(?:ef|gh))x", "cdghx"}, {"\\101bc", "Abc"}, {"a\\cAb", "a\x01" "b"},
};

static void literals_are_read_as_the_matcher_reads_them(void **state)
{
    (void)state;
    world_init(&trial.world, 1);
    for (uint32_t i = 0; i < sizeof readings / sizeof *readings; i++) {
        struct world *w = &trial.world;
        struct sp_msg m = {.dir = SP_C2S, .want = w->want, .arena = &w->arena, .values = w->values, .whole = true};
        struct sp_diag diag;
        world_clear(w);
        world_rule(w, world_compare(w, SP_CMP_MATCHES, world_field(w, SP_HTTP_QARGS, NULL), world_text(w, sp_span_str(readings[i].pattern))),
                   SP_DO_ALERT);
        sp_diag_init(&diag);
        if (sp_policy_compile(&w->set, &diag, &trial.policy) < 0)
            fail_msg("%s: %.*s", readings[i].pattern, SP_FMT(sp_buf_span(&diag.text)));
        sp_diag_fini(&diag);
        assert_int_equal(sp_matcher_new(trial.policy, &trial.matcher), 0);
        world_value(w, &m, SP_HTTP_QARGS, SP_LIT("k"), SP_LIT("0"), 0); /* two: they are scanned joined */
        world_value(w, &m, SP_HTTP_QARGS, SP_LIT("k"), sp_span_str(readings[i].value), 0);
        sp_policy_judge(trial.matcher, w->proto, &m, &verdict);
        bool holds = plain_holds(w->proto, &m, w->set.rules[0]->when);
        if (!holds || verdict.nhits != 1)
            fprintf(stderr, "# %s in %s: plainly %d, by the matcher %u\n", readings[i].pattern, readings[i].value, holds, verdict.nhits);
        assert_true(holds);
        assert_int_equal(verdict.nhits, 1);
        sp_matcher_free(trial.matcher);
        sp_policy_free(trial.policy);
        forget_patterns();
    }
    world_fini(&trial.world);
}

/* ---- the gate ---- */

static void same_for_every_body(struct trial *t, const struct sp_msg *head)
{
    for (uint32_t body = 0; body < 10; body++) {
        struct sp_msg whole = world_whole(&t->world, head);
        for (uint32_t r = 0; r < t->set.nrules; r++) {
            bool before = plain_holds(t->world.proto, head, t->set.rules[r]->when);
            bool after = plain_holds(t->world.proto, &whole, t->set.rules[r]->when);
            if (before != after)
                describe(t, r, &whole);
            assert_int_equal(before, after);
        }
    }
}

/* What the gate has found is what judging would find. */
static void same_verdict(struct trial *t, const struct sp_msg *head)
{
    static struct sp_verdict gated, fresh;
    sp_policy_judge_gated(t->matcher, &gated);
    sp_policy_judge(t->matcher, t->world.proto, head, &fresh);
    assert_true(gated.act == fresh.act && gated.status == fresh.status && gated.over == fresh.over);
    assert_true(gated.nhits == fresh.nhits && gated.nfixes == fresh.nfixes);
    for (uint32_t i = 0; i < gated.nhits; i++)
        assert_int_equal(gated.hits[i].rule, fresh.hits[i].rule);
}

static void gate_waits_when_it_matters(void **state)
{
    (void)state;
    uint32_t closed = 0, open = 0;
    for (uint32_t seed = 1; seed <= SMALL_POLICIES; seed++) {
        bool any = trial_begin(&trial, 2000 + seed, 1 + seed % 4);
        for (uint32_t i = 0; any && i < MESSAGES; i++) {
            uint64_t wanted[SP_FIELD_WORDS];
            struct sp_msg head = world_head(&trial.world);
            sp_matcher_limit(trial.matcher, i % 4 * 20);
            bool waits = sp_policy_gate(trial.matcher, trial.world.proto, &head, wanted);
            closed += waits;
            open += !waits;
            if (!waits) {
                same_verdict(&trial, &head);
                same_for_every_body(&trial, &head);
            }
        }
        trial_end(&trial);
    }
    assert_true(open > SMALL_POLICIES && closed > SMALL_POLICIES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_rules),
        cmocka_unit_test(many_rules),
        cmocka_unit_test(literals_are_read_as_the_matcher_reads_them),
        cmocka_unit_test(gate_waits_when_it_matters),
    };
    plain_matches = scan_matches;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
