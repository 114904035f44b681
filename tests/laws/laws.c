/* SPDX-License-Identifier: Apache-2.0 */
/*
 * laws: split (the same leaves, with the same verdict, however the bytes were cut), identity (without rules what leaves is what came, or
 * its canonical form) and mend, on every proof case of the rules in a directory. One test for each rule. Speaks TAP.
 * Usage: laws DIR
 */
#include "laws.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rule/source.h"

enum { BUDGET = 256 << 20, BODY_MAX = 16 << 20 };

/* What one play showed. */
struct seen {
    struct sp_buf left[2];
    unsigned told, refused;
    enum sp_act worst;
};

static struct {
    struct sp_ruleset set;
    struct sp_policy *policy, *none;
    struct sp_pool *pool;
    struct sp_engine engine;
    struct sp_arena arena;
    struct sp_value *values;
    struct sp_edit canon[SP_EDITS_MAX];
    struct seen *seen;
    struct sp_buf why;
    unsigned mended;
    bool mending;
} all;

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "laws: %s\n", what);
        exit(1);
    }
}

static void on_event(void *ctx, const struct sp_event *ev)
{
    (void)ctx;
    all.seen->told += ev->anomaly != NULL;
    all.seen->refused += ev->act >= SP_REFUSE;
}

/* The engine decodes what rules want; the law of corrections wants everything. */
static void on_judged(void *ctx, const struct sp_session *s, const struct sp_msg *judged, const struct sp_verdict *v)
{
    (void)ctx;
    (void)v;
    const struct sp_proto *proto = sp_protos[s->proto];
    uint64_t want[SP_FIELD_WORDS];
    if (!all.mending)
        return;
    memset(want, 0xff, sizeof want);
    sp_arena_reset(&all.arena);
    struct sp_msg m = {.dir = judged->dir, .whole = judged->whole, .unit = judged->unit, .want = want, .arena = &all.arena,
                       .values = all.values, .canon = all.canon};
    if (!proto->decode(s->state, &m) || m.ncanon)
        sp_put_str(&all.why, "a judged message does not decode again as it is\n");
    else
        all.mended += law_mend(proto, s->state, &m, &all.why);
}

static void drain(struct sp_session *s)
{
    for (int dir = 0; dir < 2; dir++) {
        struct sp_span out = sp_session_out(&all.engine, s, (enum sp_dir)dir);
        sp_put(&all.seen->left[dir], out);
        if (out.n)
            sp_session_sent(&all.engine, s, (enum sp_dir)dir, out.n);
    }
}

static void arrive(struct sp_session *s, enum sp_dir dir, struct sp_span bytes, size_t cut)
{
    for (size_t at = 0; at < bytes.n;) {
        size_t room, n = bytes.n - at < cut ? bytes.n - at : cut;
        uint8_t *p = sp_session_room(&all.engine, s, dir, &room);
        if (!p)
            return;
        n = n < room ? n : room;
        memcpy(p, bytes.p + at, n);
        sp_session_got(&all.engine, s, dir, n);
        drain(s);
        at += n;
    }
}

static void play(const struct sp_rule *r, const struct sp_case *c, size_t cut, struct seen *ret)
{
    struct sp_session s;
    *ret = (struct seen){.left = {sp_buf_growing(LAWS_BYTES_MAX), sp_buf_growing(LAWS_BYTES_MAX)}};
    all.seen = ret;
    sp_session_open(&all.engine, &s, sp_rule_proto(r), 0);
    s.one_sided = c->reply.n == 0;
    arrive(&s, SP_C2S, c->send, cut);
    arrive(&s, SP_S2C, c->reply, cut);
    sp_session_eof(&all.engine, &s, c->reply.n ? SP_S2C : SP_C2S);
    drain(&s);
    ret->worst = (enum sp_act)s.worst;
    sp_session_close(&all.engine, &s);
    must(sp_pool_used(all.pool) == 0, "a closed session still holds memory");
}

static void forget(struct seen *s)
{
    sp_buf_fini(&s->left[0]);
    sp_buf_fini(&s->left[1]);
}

static bool same(const struct seen *a, const struct seen *b)
{
    return a->worst == b->worst && a->told == b->told && sp_span_eq(sp_buf_span(&a->left[0]), sp_buf_span(&b->left[0])) &&
           sp_span_eq(sp_buf_span(&a->left[1]), sp_buf_span(&b->left[1]));
}

static void split(const struct sp_rule *r, const struct sp_case *c)
{
    static const size_t cuts[] = {1, 2, 3, 7, 64};
    struct seen once, again;
    play(r, c, SIZE_MAX, &once);
    all.mending = false;
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        play(r, c, cuts[i], &again);
        if (!same(&once, &again))
            sp_put_fmt(&all.why, "%s:%u: in pieces of %zu bytes something else leaves\n", c->file, c->line, cuts[i]);
        forget(&again);
    }
    forget(&once);
}

/* What was told about was rewritten or refused; all else leaves as it came. Then what left, sent again, leaves as it is. */
static void identity(const struct sp_rule *r, const struct sp_case *c)
{
    struct seen once, again;
    play(r, c, SIZE_MAX, &once);
    struct sp_case canonical = *c;
    canonical.send = sp_buf_span(&once.left[SP_C2S]);
    play(r, &canonical, SIZE_MAX, &again);
    if (!once.refused && !sp_span_eq(sp_buf_span(&again.left[SP_C2S]), canonical.send))
        sp_put_fmt(&all.why, "%s:%u: what left is not canonical\n", c->file, c->line);
    if (!once.refused && c->reply.n && !once.told && !sp_span_eq(sp_buf_span(&once.left[SP_S2C]), c->reply))
        sp_put_fmt(&all.why, "%s:%u: without rules the answer changes\n", c->file, c->line);
    forget(&once);
    forget(&again);
}

static void use(const struct sp_policy *p)
{
    must(sp_engine_swap(&all.engine, p) == 0, "no memory");
}

static bool check_rule(const struct sp_rule *r)
{
    all.why.n = 0;
    use(all.policy);
    for (uint32_t i = 0; i < sp_rule_ncases(r); i++) {
        all.mending = true;
        split(r, sp_rule_case(r, i));
    }
    all.mending = false;
    use(all.none);
    for (uint32_t i = 0; i < sp_rule_ncases(r); i++)
        identity(r, sp_rule_case(r, i));
    return all.why.n == 0;
}

static void prepare(const char *dir)
{
    struct sp_diag diag;
    sp_diag_init(&diag);
    must(sp_ruleset_init(&all.set) == 0, "no memory");
    int rc = sp_ruleset_load(&all.set, dir, &diag);
    if (!rc)
        rc = sp_policy_compile(&all.set, &diag, &all.policy);
    fprintf(stderr, "%.*s", SP_FMT(sp_buf_span(&diag.text)));
    must(rc == 0, "the rules do not load");
    must(sp_policy_empty(&all.none) == 0 && sp_pool_new(BUDGET, &all.pool) == 0, "no memory");
    must(sp_engine_init(&all.engine, all.policy, all.pool, BODY_MAX) == 0 && sp_arena_init(&all.arena, BUDGET) == 0, "no memory");
    all.values = calloc(SP_VALUES_MAX, sizeof *all.values);
    must(all.values, "no memory");
    all.engine.emit = on_event;
    all.engine.judged = on_judged;
    all.why = sp_buf_growing(LAWS_WHY_MAX);
    sp_diag_fini(&diag);
}

static void put_reasons(struct sp_span why)
{
    for (size_t at = 0; at < why.n;) {
        size_t end = sp_span_byte(why, at, '\n');
        struct sp_span line = sp_span_sub(why, at, end - at);
        printf("#   %.*s\n", SP_FMT(line));
        at += line.n + 1;
    }
}

int main(int argc, char **argv)
{
    must(argc == 2, "usage: laws DIR");
    prepare(argv[1]);
    unsigned failed = 0;
    printf("1..%u\n", all.set.nrules + 1);
    for (uint32_t i = 0; i < all.set.nrules; i++) {
        bool ok = check_rule(all.set.rules[i]);
        failed += !ok;
        printf("%sok %u - %.*s\n", ok ? "" : "not ", i + 1, SP_FMT(sp_rule_id(all.set.rules[i])));
        put_reasons(sp_buf_span(&all.why));
    }
    printf("%sok %u - %u corrections were tried\n", all.mended ? "" : "not ", all.set.nrules + 1, all.mended);
    return failed || !all.mended;
}
