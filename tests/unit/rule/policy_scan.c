/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vectorscan's AVX2 and AVX-512 code misses matches in values with padding (rule/scan.h). The expressions that showed it, over values of
 * every length around its vectors, held against loops: with SCAN_FUNCTION defined as hs_scan this fails where those instructions are.
 */
#include <stdio.h>
#include <string.h>

#include "rule/policy.h"
#include "unit.h"
#include "world.h"

enum {
    PAD_MIN = 18,
    PAD_MAX = 300,
};

static struct world world;
static struct sp_policy *policy;
static struct sp_matcher *matcher;
static struct sp_verdict verdict;

static size_t first_slash(struct sp_span s)
{
    size_t i = 0;
    while (i < s.n && s.p[i] != '/')
        i++;
    return i;
}

static bool slash_b(struct sp_span s)
{
    size_t i = first_slash(s);
    return i + 1 < s.n && s.p[i + 1] == 'b';
}

static bool digits_then_x(struct sp_span s)
{
    size_t i = 0;
    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
        i++;
    return i > 0 && i < s.n && s.p[i] == 'x';
}

static bool only_letters(struct sp_span s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < 'a' || s.p[i] > 'z')
            return false;
    }
    return s.n > 0;
}

static const struct {
    const char *pattern, *padding;
    bool (*plainly)(struct sp_span s);
} trials[] = {
    {"^[^/]*/b", "abcdefghij", slash_b},
    {"^[^/]*/b", "bbbbbbbbbb", slash_b},
    {"^[0-9]+x", "0123456789", digits_then_x},
    {"^[a-z]+$", "abcdefghij", only_letters},
};

static void begin(const char *pattern)
{
    struct sp_diag diag;
    world_init(&world, 1);
    world_rule(&world, world_compare(&world, SP_CMP_MATCHES, world_field(&world, SP_HTTP_PATH, NULL), world_text(&world, sp_span_str(pattern))),
               SP_DO_ALERT);
    sp_diag_init(&diag);
    assert_int_equal(sp_policy_compile(&world.set, &diag, &policy), 0);
    sp_diag_fini(&diag);
    assert_int_equal(sp_matcher_new(policy, &matcher), 0);
}

static void end(void)
{
    sp_matcher_free(matcher);
    sp_policy_free(policy);
    world_fini(&world);
}

static void judged_as_by_the_loop(uint32_t trial, struct sp_span value)
{
    struct sp_msg m = {.dir = SP_C2S, .want = world.want, .arena = &world.arena, .values = world.values, .whole = true};
    world_value(&world, &m, SP_HTTP_PATH, (struct sp_span){NULL, 0}, value, 0);
    sp_policy_judge(matcher, world.proto, &m, &verdict);
    if ((verdict.nhits == 1) != trials[trial].plainly(value))
        fail_msg("%s over %.*s: %u", trials[trial].pattern, SP_FMT(value), verdict.nhits);
}

static void padding_hides_nothing(void **state)
{
    (void)state;
    static const char *const tails[] = {"/b", "/a", "/b/", "x", "/", "", "/bb", "x/b"};
    char text[PAD_MAX + 8];
    for (uint32_t trial = 0; trial < sizeof trials / sizeof *trials; trial++) {
        begin(trials[trial].pattern);
        for (size_t pad = PAD_MIN; pad <= PAD_MAX; pad++) {
            for (size_t tail = 0; tail < sizeof tails / sizeof *tails; tail++) {
                struct sp_buf value = sp_buf_fixed(text, sizeof text);
                for (size_t i = 0; i < pad; i++)
                    sp_put_byte(&value, (uint8_t)trials[trial].padding[i % 10]);
                sp_put_str(&value, tails[tail]);
                judged_as_by_the_loop(trial, sp_buf_span(&value));
                if (pad > 40) /* and with one byte of the padding that does not fit */
                    text[world_dice(&world, (uint32_t)pad)] = '/';
                judged_as_by_the_loop(trial, sp_buf_span(&value));
            }
        }
        end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(padding_hides_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
