/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lookup: Log4j 2 message lookups as its StrSubstitutor and Interpolator resolve them (log4j-core 2.14). One pass with a stack of open
 * "${": when a "}" closes the innermost one, its text has no lookups left in it and is replaced by its value, which then belongs to
 * the one around it.
 */
#include "lang/lang.h"

/*
 * A value moves once for every "${" around it, so nesting without end would cost the square of the length. No ordinary text is
 * nested deeply; what takes more than this is given up as too complex, never half resolved.
 */
enum lookup_limits {
    WORK_PER_BYTE = 128,
    WORK_FREE = 1 << 14, /* short values may be nested as deeply as they like */
};

struct lookup {
    struct sp_buf out;
    uint32_t *open; /* where each open "${" stands in out */
    uint32_t depth;
    size_t work;
};

/* Letters outside ASCII that become ASCII ones in Java's toLowerCase and toUpperCase. */
static const struct { struct sp_span from; bool up; uint8_t to; } outside[] = {
    {{(const uint8_t *)"\xe2\x84\xaa", 3}, false, 'k'}, /* Kelvin sign */
    {{(const uint8_t *)"\xc4\xb1", 2}, true, 'I'},      /* dotless i */
    {{(const uint8_t *)"\xc5\xbf", 2}, true, 'S'},      /* long s */
};

static uint8_t upper(uint8_t c)
{
    return (uint8_t)(c - 'a') < 26 ? (uint8_t)(c & ~0x20) : c;
}

/* Folds out[from..] where it stands; it may become shorter. */
static void fold(struct sp_buf *out, size_t from, bool up)
{
    size_t to = from;
    while (from < out->n) {
        uint8_t c = out->p[from];
        size_t len = 1;
        for (size_t i = 0; c >= 0x80 && i < sizeof outside / sizeof *outside; i++) {
            if (outside[i].up == up && sp_span_starts(sp_span_from(sp_buf_span(out), from), outside[i].from)) {
                c = outside[i].to;
                len = outside[i].from.n;
            }
        }
        out->p[to++] = up ? upper(c) : sp_lower(c);
        from += len;
    }
    out->n = to;
}

/* out[from..] becomes its bytes [at, at+n). */
static void keep_only(struct sp_buf *out, size_t from, size_t at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out->p[from + i] = out->p[at + i];
    out->n = from + n;
}

/*
 * A date format of nothing but quoted text is that text; letters outside quotes are parts of the date, which the server knows alone.
 * False, and nothing changed, when there are any (java.text.SimpleDateFormat; two quotes stand for one).
 */
static bool unquote_date(struct sp_buf *out, size_t from, struct sp_span format)
{
    size_t to = from;
    for (int pass = 0; pass < 2; pass++) {
        bool quoted = false, quotes = false;
        for (size_t i = 0; i < format.n; i++) {
            uint8_t c = format.p[i];
            bool twice = c == '\'' && sp_span_at(format, i + 1) == '\'';
            i += twice;
            quotes |= c == '\'';
            quoted ^= c == '\'' && !twice;
            if (pass == 1 && (c != '\'' || twice))
                out->p[to++] = c;
            else if (!quoted && (uint8_t)(sp_lower(c) - 'a') < 26)
                return false;
        }
        if (!quotes)
            return false;
    }
    out->n = to;
    return true;
}

/* out[from..] is "${body" and its "}" has come. The name ends at the first ":-", behind which its default stands. */
static void resolve_one(struct sp_buf *out, size_t from)
{
    struct sp_span body = sp_span_of(out->p + from + 2, out->n - from - 2);
    size_t end = sp_span_find(body, 0, SP_LIT(":-"));
    struct sp_span name = sp_span_sub(body, 0, end);
    size_t colon = sp_span_byte(name, 0, ':');
    struct sp_span prefix = sp_span_sub(name, 0, colon), argument = sp_span_from(name, colon == SP_NOT_FOUND ? name.n : colon + 1);
    bool looks_up = colon != SP_NOT_FOUND;
    bool lower = looks_up && sp_span_ieq(prefix, SP_LIT("lower")), up = looks_up && sp_span_ieq(prefix, SP_LIT("upper"));
    if (sp_span_ieq(prefix, SP_LIT("jndi"))) {
        for (size_t i = 0; i < prefix.n; i++)
            out->p[from + 2 + i] = sp_lower(out->p[from + 2 + i]);
        sp_put_byte(out, '}');
    } else if (lower || up) {
        keep_only(out, from, from + 2 + colon + 1, argument.n);
        fold(out, from, up);
    } else if (looks_up && sp_span_ieq(prefix, SP_LIT("date")) && unquote_date(out, from, argument)) {
        return;
    } else if (end != SP_NOT_FOUND) {
        keep_only(out, from, from + 2 + end + 2, body.n - end - 2);
    } else {
        sp_put_byte(out, '}');
    }
}

/* What is still open at the end was never closed: its prefix is shown as it would be read, for "${jndi:" cut short. */
static void fold_open(struct lookup *l)
{
    for (uint32_t i = 0; i < l->depth; i++) {
        struct sp_span rest = sp_span_from(sp_buf_span(&l->out), l->open[i] + 2);
        for (size_t k = 0; sp_span_istarts(rest, SP_LIT("jndi:")) && k < 4; k++)
            l->out.p[l->open[i] + 2 + k] = sp_lower(rest.p[k]);
    }
}

/* False: too complex. */
static bool resolve(struct lookup *l, struct sp_span in)
{
    for (size_t at = 0; at < in.n; at++) {
        uint8_t c = in.p[at];
        if (c == '}' && l->depth) {
            uint32_t from = l->open[--l->depth];
            l->work += l->out.n - from;
            if (l->work > in.n * WORK_PER_BYTE + WORK_FREE)
                return false;
            resolve_one(&l->out, from);
            continue;
        }
        if (c == '$' && sp_span_at(in, at + 1) == '{') {
            l->open[l->depth++] = (uint32_t)l->out.n;
            sp_put_byte(&l->out, '$');
            c = in.p[++at];
        }
        sp_put_byte(&l->out, c);
    }
    fold_open(l);
    return !l->out.full;
}

static uint32_t count_open(struct sp_span in)
{
    uint32_t n = 0;
    for (size_t at = 0; (at = sp_span_find(in, at, SP_LIT("${"))) != SP_NOT_FOUND; at += 2)
        n++;
    return n;
}

struct sp_span sp_lookup_resolve(struct sp_span in, struct sp_arena *a)
{
    uint32_t n = count_open(in);
    if (n == 0 || in.n > UINT32_MAX)
        return in;
    struct lookup l = {.open = sp_arena_get(a, n * sizeof *l.open)};
    if (!l.open)
        return (struct sp_span){NULL, 0};
    l.out = sp_buf_arena(a, in.n);
    if (l.out.full || !resolve(&l, in)) {
        a->exhausted = true;
        return (struct sp_span){NULL, 0};
    }
    return sp_buf_done(&l.out, a);
}
