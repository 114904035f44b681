/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lookup: Log4j 2 message lookups as its StrSubstitutor resolves them. One pass with a stack of open "${": when a "}" closes
 * the innermost one, its text has no lookups left in it and is replaced by its value, which then belongs to the one around it.
 */
#include "lang/lang.h"

enum lookup_limits {
    LOOKUP_DEPTH_MAX = 64, /* nested "${"; deeper ones stay text, as no attack needs them to be evaluated */
};

struct lookup {
    struct sp_buf out;
    size_t open[LOOKUP_DEPTH_MAX]; /* where each open "${" stands in out */
    unsigned depth;
};

static void fold(uint8_t *p, size_t n, bool up)
{
    for (size_t i = 0; i < n; i++)
        p[i] = up && (uint8_t)(p[i] - 'a') < 26 ? (uint8_t)(p[i] & ~0x20) : up ? p[i] : sp_lower(p[i]);
}

/* The text of out from `from` is replaced by its bytes [at, at+n). */
static void keep_only(struct sp_buf *out, size_t from, size_t at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out->p[from + i] = out->p[at + i];
    out->n = from + n;
}

/* Where the default begins behind ":-", or SP_NOT_FOUND. The first one counts. */
static size_t default_at(struct sp_span body)
{
    size_t at = sp_span_find(body, 0, SP_LIT(":-"));
    return at == SP_NOT_FOUND ? at : at + 2;
}

/* out[from..] is "${body" and its "}" has come. */
static void resolve_one(struct sp_buf *out, size_t from)
{
    struct sp_span body = sp_span_of(out->p + from + 2, out->n - from - 2);
    size_t colon = sp_span_byte(body, 0, ':'), fallback = default_at(body);
    struct sp_span prefix = colon == SP_NOT_FOUND ? body : sp_span_trim(sp_span_sub(body, 0, colon));
    bool lower = sp_span_ieq(prefix, SP_LIT("lower")), upper = sp_span_ieq(prefix, SP_LIT("upper"));
    if (sp_span_ieq(prefix, SP_LIT("jndi"))) {
        fold(out->p + from + 2, colon == SP_NOT_FOUND ? body.n : colon, false);
        sp_put_byte(out, '}');
    } else if ((lower || upper) && colon != SP_NOT_FOUND) {
        fold(out->p + from + 2 + colon + 1, body.n - colon - 1, upper);
        keep_only(out, from, from + 2 + colon + 1, body.n - colon - 1);
    } else if (fallback != SP_NOT_FOUND) {
        keep_only(out, from, from + 2 + fallback, body.n - fallback);
    } else {
        sp_put_byte(out, '}');
    }
}

/* What is still open at the end was never closed: its prefix is shown as it would be read, for "${jndi:" cut short. */
static void fold_open(struct lookup *l)
{
    for (unsigned i = 0; i < l->depth; i++) {
        struct sp_span rest = sp_span_from(sp_buf_span(&l->out), l->open[i] + 2);
        if (sp_span_istarts(rest, SP_LIT("jndi:")))
            fold(l->out.p + l->open[i] + 2, 4, false);
    }
}

struct sp_span sp_lookup_resolve(struct sp_span in, struct sp_arena *a)
{
    if (sp_span_find(in, 0, SP_LIT("${")) == SP_NOT_FOUND)
        return in;
    struct lookup l = {.out = sp_buf_arena(a, in.n)};
    for (size_t at = 0; at < in.n && !l.out.full; at++) {
        uint8_t c = in.p[at];
        if (c == '}' && l.depth) {
            resolve_one(&l.out, l.open[--l.depth]);
            continue;
        }
        if (c == '$' && sp_span_at(in, at + 1) == '{' && l.depth < LOOKUP_DEPTH_MAX) {
            l.open[l.depth++] = l.out.n;
            sp_put_byte(&l.out, '$');
            c = in.p[++at];
        }
        sp_put_byte(&l.out, c);
    }
    fold_open(&l);
    return l.out.full ? (struct sp_span){NULL, 0} : sp_buf_done(&l.out, a);
}
