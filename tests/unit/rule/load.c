/* SPDX-License-Identifier: Apache-2.0 */
#include "load.h"

#include <assert.h>

void load_rules(struct load *l, struct sp_span yaml)
{
    l->rc = sp_ruleset_init(&l->set);
    assert(l->rc == 0);
    sp_diag_init(&l->diag);
    l->rc = sp_ruleset_load_text(&l->set, "r.yaml", yaml, &l->diag);
}

static void put_block(struct sp_buf *out, const char *key, const char *text)
{
    sp_put_fmt(out, "%s: |\n  ", key);
    for (; *text; text++) {
        sp_put_byte(out, (uint8_t)*text);
        if (*text == '\n')
            sp_put_str(out, "  ");
    }
    sp_put_byte(out, '\n');
}

void load_rule(struct load *l, const char *when, const char *then)
{
    struct sp_buf yaml = sp_buf_growing(16 << 20);
    sp_put_str(&yaml, "guard: g\ntitle: t\n");
    put_block(&yaml, "when", when);
    put_block(&yaml, "then", then);
    sp_put_str(&yaml, "cases: [{send: a, expect: alert}, {send: b, expect: pass}]\n");
    load_rules(l, sp_buf_span(&yaml));
    sp_buf_fini(&yaml);
}

void load_fini(struct load *l)
{
    sp_diag_fini(&l->diag);
    sp_ruleset_fini(&l->set);
}
