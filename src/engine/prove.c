/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/prove.h"

#include <errno.h>
#include <string.h>

enum prove_limits {
    PROVE_POOL = 64 << 20,   /* bytes a case may hold */
    PROVE_BODY = 8 << 20,
    PROVE_SHOW = 120,        /* bytes of a difference that are shown */
    PROVE_LEFT = 1 << 20,    /* bytes kept of what leaves */
};

struct proof {
    struct sp_engine engine;
    struct sp_pool *pool;
    struct sp_session session;
    struct sp_buf left[2];    /* what left, by direction */
    enum sp_act verdict;      /* gravest, of messages of the rule's direction */
    const char *anomaly;
};

static void on_judged(void *ctx, const struct sp_session *s, const struct sp_msg *m, const struct sp_verdict *v)
{
    struct proof *pf = ctx;
    (void)s;
    (void)m;
    if (v->act > pf->verdict)
        pf->verdict = v->act;
}

static void on_event(void *ctx, const struct sp_event *ev)
{
    struct proof *pf = ctx;
    if (ev->anomaly && ev->act >= SP_REFUSE)
        pf->anomaly = ev->anomaly;
    if (ev->has_rule && ev->act > pf->verdict)
        pf->verdict = ev->act;
}

static void drain(struct proof *pf)
{
    for (int dir = 0; dir < 2; dir++) {
        struct sp_span out = sp_session_out(&pf->engine, &pf->session, (enum sp_dir)dir);
        sp_put(&pf->left[dir], out);
        if (out.n)
            sp_session_sent(&pf->engine, &pf->session, (enum sp_dir)dir, out.n);
    }
}

/* Puts the bytes in as a peer would, as fast as they are taken. */
static void feed(struct proof *pf, enum sp_dir dir, struct sp_span bytes)
{
    size_t at = 0, room;
    while (at < bytes.n) {
        uint8_t *p = sp_session_room(&pf->engine, &pf->session, dir, &room);
        if (!p)
            return;
        size_t n = bytes.n - at < room ? bytes.n - at : room;
        memcpy(p, bytes.p + at, n);
        at += n;
        sp_session_got(&pf->engine, &pf->session, dir, n);
        drain(pf);
    }
}

static void run_case(struct proof *pf, const struct sp_proto *proto, const struct sp_case *c)
{
    pf->verdict = SP_PASS;
    pf->anomaly = NULL;
    pf->left[0].n = pf->left[1].n = 0;
    pf->engine.services = c->service ? &c->service : NULL;
    pf->engine.moment = c->at;
    sp_session_open(&pf->engine, &pf->session, proto, 0);
    pf->session.one_sided = c->reply.n == 0;
    feed(pf, SP_C2S, c->send);
    feed(pf, SP_S2C, c->reply);
    if (c->reply.n)
        sp_session_eof(&pf->engine, &pf->session, SP_S2C);
    else
        sp_session_eof(&pf->engine, &pf->session, SP_C2S);
    drain(pf);
    sp_session_close(&pf->engine, &pf->session);
}

static const char *act_name(enum sp_act act)
{
    static const char *const names[] = {"pass", "alert", "correct", "refuse", "drop", "close"};
    return names[act];
}

static void complain_bytes(struct sp_diag *diag, const struct sp_rule *rule, const struct sp_case *c, struct sp_span got)
{
    size_t same = 0;
    while (same < got.n && same < c->becomes.n && got.p[same] == c->becomes.p[same])
        same++;
    struct sp_span want_tail = sp_span_sub(c->becomes, same, PROVE_SHOW), got_tail = sp_span_sub(got, same, PROVE_SHOW);
    uint8_t a[PROVE_SHOW * 6], b[PROVE_SHOW * 6];
    struct sp_buf want = sp_buf_fixed(a, sizeof a), have = sp_buf_fixed(b, sizeof b);
    sp_put_json(&want, want_tail);
    sp_put_json(&have, got_tail);
    sp_diag_error(diag, c->file, c->line, 0, 0, (struct sp_span){NULL, 0},
                  "%.*s: what leaves differs from `becomes` at byte %zu: expected \"%.*s\", got \"%.*s\"", SP_FMT(sp_rule_id(rule)), same,
                  SP_FMT(sp_buf_span(&want)), SP_FMT(sp_buf_span(&have)));
}

static void check_case(struct proof *pf, const struct sp_rule *rule, const struct sp_case *c, struct sp_diag *diag)
{
    run_case(pf, sp_rule_proto(rule), c);
    struct sp_span none = {NULL, 0}, id = sp_rule_id(rule);
    if (pf->anomaly) {
        sp_diag_error(diag, c->file, c->line, 0, 0, none, "%.*s: the case is not well-formed %s: %s", SP_FMT(id),
                      sp_rule_proto(rule)->name, pf->anomaly);
        return;
    }
    if (pf->verdict != c->expect) {
        sp_diag_error(diag, c->file, c->line, 0, 0, none, "%.*s: the case is expected to end in %s, but ends in %s", SP_FMT(id),
                      act_name(c->expect), act_name(pf->verdict));
        return;
    }
    struct sp_span got = sp_buf_span(&pf->left[c->reply.n ? SP_S2C : SP_C2S]);
    if (c->becomes.n && !sp_span_eq(got, c->becomes))
        complain_bytes(diag, rule, c, got);
}

static int proof_init(struct proof *pf, const struct sp_policy *p)
{
    memset(pf, 0, sizeof *pf);
    int rc = sp_pool_new(PROVE_POOL, &pf->pool);
    if (rc == 0)
        rc = sp_engine_init(&pf->engine, p, pf->pool, PROVE_BODY);
    pf->engine.emit = on_event;
    pf->engine.judged = on_judged;
    pf->engine.ctx = pf;
    pf->left[0] = sp_buf_growing(PROVE_LEFT);
    pf->left[1] = sp_buf_growing(PROVE_LEFT);
    return rc;
}

static void proof_fini(struct proof *pf)
{
    sp_engine_fini(&pf->engine);
    sp_pool_free(pf->pool);
    sp_buf_fini(&pf->left[0]);
    sp_buf_fini(&pf->left[1]);
}

int sp_prove(const struct sp_ruleset *set, const struct sp_policy *p, struct sp_diag *diag, uint32_t *ret_cases)
{
    struct proof pf;
    unsigned before = diag->errors;
    uint32_t ran = 0;
    int rc = proof_init(&pf, p);
    for (uint32_t r = 0; rc == 0 && r < set->nrules; r++) {
        sp_matcher_only(pf.engine.matcher, r);
        for (uint32_t i = 0; i < sp_rule_ncases(set->rules[r]); i++, ran++)
            check_case(&pf, set->rules[r], sp_rule_case(set->rules[r], i), diag);
    }
    proof_fini(&pf);
    if (rc < 0)
        return rc;
    *ret_cases = ran;
    return diag->errors > before ? -EINVAL : 0;
}
