/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rule: any bytes as a rule file, or as a condition in one. What must hold: it ends; what is not taken is a mistake, and a mistake is told;
 * what is told is bounded; a condition is printed as text that reads as the same text again. The first byte chooses.
 */
#include "rule/ast.h"
#include "target.h"

enum rule_fuzz_limits {
    TOLD_MAX = 1 << 20,
    PRINTED_MAX = 1 << 22, /* macros expanded: 4096 parts, each of them as long as a string may be here */
};

enum mode { CONDITION = 1, ACTION = 2 };

struct attempt {
    struct sp_ruleset set;
    struct sp_diag diag;
    int rc;
};

static bool attempt(struct attempt *at, struct sp_span yaml)
{
    if (sp_ruleset_init(&at->set) < 0)
        return false;
    sp_diag_init(&at->diag);
    at->rc = sp_ruleset_load_text(&at->set, "r.yaml", yaml, &at->diag);
    fuzz_check((at->rc == 0) == (at->diag.errors == 0));
    fuzz_check(at->rc == 0 || at->set.nrules == 0);
    fuzz_check((at->diag.errors == 0) == (at->diag.text.n == 0));
    fuzz_check(at->diag.text.n <= TOLD_MAX && !at->diag.text.full);
    return true;
}

static void give_up(struct attempt *at)
{
    sp_diag_fini(&at->diag);
    sp_ruleset_fini(&at->set);
}

static void put_block(struct sp_buf *out, const char *key, struct sp_span text)
{
    sp_put_fmt(out, "%s: |2\n  ", key);
    for (size_t i = 0; i < text.n; i++) {
        sp_put_byte(out, text.p[i]);
        if (text.p[i] == '\n')
            sp_put_str(out, "  ");
    }
    sp_put_byte(out, '\n');
}

static struct sp_buf document(struct sp_span when, struct sp_span then)
{
    struct sp_buf out = sp_buf_growing(2 * PRINTED_MAX);
    sp_put_str(&out, "guard: g\ntitle: t\n");
    put_block(&out, "when", when);
    put_block(&out, "then", then);
    sp_put_str(&out, "cases: [{send: a, expect: alert}, {send: b, expect: pass}]\n");
    return out;
}

/* The printed condition is printed the same once more. One may have grown beyond what a file may say: macros were expanded. */
static void prints_as_it_reads(const struct sp_rule *rule)
{
    struct sp_buf once = sp_buf_growing(PRINTED_MAX), twice = sp_buf_growing(PRINTED_MAX);
    struct attempt again;
    sp_expr_print(rule->proto, rule->when, &once);
    struct sp_buf yaml = document(sp_buf_span(&once), SP_LIT("alert"));
    if (once.n < 1 << 16 && attempt(&again, sp_buf_span(&yaml))) {
        fuzz_check(again.set.nrules == 1);
        sp_expr_print(rule->proto, again.set.rules[0]->when, &twice);
        fuzz_check(sp_span_eq(sp_buf_span(&once), sp_buf_span(&twice)));
        give_up(&again);
    }
    sp_buf_fini(&yaml);
    sp_buf_fini(&twice);
    sp_buf_fini(&once);
}

void target(struct sp_span in, struct sp_arena *a)
{
    uint8_t mode = fuzz_byte(&in) & 3;
    struct attempt at;
    struct sp_buf yaml = sp_buf_growing(4 * PRINTED_MAX), text = sp_buf_growing(4 * PRINTED_MAX);
    (void)a;
    if (mode == CONDITION)
        yaml = document(in, SP_LIT("alert"));
    else if (mode == ACTION)
        yaml = document(SP_LIT("http.request.method"), in);
    else
        sp_put(&yaml, in);
    if (attempt(&at, sp_buf_span(&yaml))) {
        for (uint32_t i = 0; i < at.set.nrules; i++) {
            prints_as_it_reads(at.set.rules[i]);
            sp_rule_explain(at.set.rules[i], &text);
        }
        give_up(&at);
    }
    sp_buf_fini(&text);
    sp_buf_fini(&yaml);
}
