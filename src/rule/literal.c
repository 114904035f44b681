/* SPDX-License-Identifier: Apache-2.0 */
/*
 * literal: from a regular expression, literals of which at least one is in every string that it matches. Looking for a few literals
 * costs a fraction of running the expression, and the index only needs a hint. What this reader does not know gives no literal.
 */
#include "rule/block.h"

enum literal_limits {
    GROUP_DEPTH_MAX = 16,
};

struct reader {
    struct sp_span text;
    size_t at;
    unsigned depth;
    struct sp_arena *arena;
    bool caseless, unknown;
};

static const struct literals NONE = {.n = 0};

static size_t shortest(const struct literals *l)
{
    size_t least = l->n ? SIZE_MAX : 0;
    for (unsigned i = 0; i < l->n; i++)
        least = l->all[i].n < least ? l->all[i].n : least;
    return least;
}

static void prefer(struct literals *best, const struct literals *other)
{
    size_t a = shortest(best), b = shortest(other);
    if (b > a || (b == a && other->n < best->n))
        *best = *other;
}

static int peek(const struct reader *r)
{
    return sp_span_at(r->text, r->at);
}

/* ---- what comes behind an atom ---- */

enum repeat { ONCE, AT_LEAST_ONCE, MAYBE_NOT };

/* "{2}", "{2,}" or "{2,3}"; any other brace stands for itself, and what it is part of is not known. */
static enum repeat take_braces(struct reader *r)
{
    struct sp_span rest = sp_span_from(r->text, r->at);
    size_t i = 1;
    while (sp_is_digit((uint8_t)sp_span_at(rest, i)))
        i++;
    bool digits = i > 1;
    if (sp_span_at(rest, i) == ',')
        for (i++; sp_is_digit((uint8_t)sp_span_at(rest, i)); i++)
            ;
    r->unknown |= !digits || sp_span_at(rest, i) != '}';
    r->at += i + 1;
    return sp_span_at(rest, 1) == '0' ? MAYBE_NOT : AT_LEAST_ONCE;
}

static enum repeat take_repeat(struct reader *r)
{
    int c = peek(r);
    enum repeat rc = c == '?' || c == '*' ? MAYBE_NOT : c == '+' ? AT_LEAST_ONCE : ONCE;
    if (c == '{')
        rc = take_braces(r);
    else if (rc == ONCE)
        return rc;
    else
        r->at++;
    if (peek(r) == '?' || peek(r) == '+')
        r->at++;
    r->unknown |= peek(r) == '{' || peek(r) == '*'; /* a repeat of a repeat */
    return rc;
}

/* ---- atoms that are one character ---- */

/* Behind a backslash: the character it stands for, -1 for a class or an assertion. */
static int take_escape(struct reader *r)
{
    static const struct { char from, to; } controls[] = {{'n', '\n'}, {'r', '\r'}, {'t', '\t'}, {'f', '\f'}};
    int c = peek(r);
    uint64_t v;
    r->at++;
    if (c == 'x' && sp_span_hex64(sp_span_sub(r->text, r->at, 2), &v)) {
        r->at += 2;
        return (int)v;
    }
    for (size_t i = 0; i < sizeof controls / sizeof *controls; i++) {
        if (c == controls[i].from)
            return controls[i].to;
    }
    bool letter = c >= 0 && ((uint8_t)(sp_lower((uint8_t)c) - 'a') < 26 || sp_is_digit((uint8_t)c));
    r->unknown |= c < 0 || c == 'Q' || c == 'E' || (letter && !(c == 'd' || c == 'D' || c == 'w' || c == 'W' || c == 's' || c == 'S' || c == 'b' || c == 'B'));
    return letter ? -1 : c;
}

/* A class: its character when it has just one, or one letter in both cases; -1 otherwise. */
static int take_class(struct reader *r)
{
    int members[2] = {-1, -1};
    unsigned n = 0;
    bool open = peek(r) == '^';
    r->at += open;
    for (bool first = true; peek(r) >= 0 && (first || peek(r) != ']'); first = false) {
        int c = peek(r);
        r->at++;
        if (c == '[' && peek(r) == ':')
            r->unknown = true;
        c = c == '\\' ? take_escape(r) : c;
        open |= c < 0 || (peek(r) == '-' && sp_span_at(r->text, r->at + 1) != ']');
        members[n < 2 ? n : 1] = c;
        n++;
    }
    r->at++;
    if (open || n == 0 || n > 2)
        return -1;
    if (n == 1)
        return members[0];
    bool pair = members[0] != members[1] && sp_lower((uint8_t)members[0]) == sp_lower((uint8_t)members[1]);
    r->caseless |= pair;
    return pair ? sp_lower((uint8_t)members[0]) : -1;
}

/* ---- sequences and groups ---- */

static struct literals read_alternatives(struct reader *r);

/* Behind "(": true when it was only flags, "(?i)". */
static bool take_flags(struct reader *r)
{
    r->unknown |= peek(r) == '*'; /* "(*UTF8)" and the like */
    if (peek(r) != '?')
        return false;
    for (r->at++; peek(r) >= 0 && peek(r) != ')' && peek(r) != ':'; r->at++) {
        int c = peek(r);
        r->caseless |= c == 'i';
        r->unknown |= c != 'i' && c != 's' && c != 'm';
    }
    return r->at++, sp_span_at(r->text, r->at - 1) == ')';
}

static struct literals read_group(struct reader *r)
{
    if (take_flags(r))
        return NONE;
    if (++r->depth > GROUP_DEPTH_MAX) {
        r->unknown = true;
        return NONE;
    }
    struct literals inside = read_alternatives(r);
    r->depth--;
    r->at++; /* ")" */
    return take_repeat(r) == MAYBE_NOT ? NONE : inside;
}

static void end_run(struct reader *r, struct sp_buf *run, struct literals *best)
{
    if (run->n) {
        struct literals l = {.n = 1, .all = {sp_arena_copy(r->arena, sp_buf_span(run))}};
        prefer(best, &l);
    }
    run->n = 0;
}

static struct literals read_sequence(struct reader *r)
{
    uint8_t text[256];
    struct sp_buf run = sp_buf_fixed(text, sizeof text);
    struct literals best = NONE;
    for (int c = peek(r); c >= 0 && c != '|' && c != ')' && !r->unknown; c = peek(r)) {
        int member = c;
        r->at++;
        if (c == '(') {
            end_run(r, &run, &best);
            struct literals group = read_group(r);
            prefer(&best, &group);
            continue;
        }
        if (c == '[')
            member = take_class(r);
        else if (c == '\\')
            member = take_escape(r);
        else if (c == '.' || c == '^' || c == '$')
            member = -1;
        enum repeat repeat = take_repeat(r);
        if (member >= 0 && repeat != MAYBE_NOT)
            sp_put_byte(&run, (uint8_t)member);
        if (member < 0 || repeat != ONCE)
            end_run(r, &run, &best);
    }
    end_run(r, &run, &best);
    return best;
}

static struct literals read_alternatives(struct reader *r)
{
    struct literals all = read_sequence(r);
    bool every = all.n > 0;
    while (peek(r) == '|' && !r->unknown) {
        r->at++;
        struct literals next = read_sequence(r);
        every = every && next.n > 0 && all.n + next.n <= LITERALS_MAX;
        for (unsigned i = 0; every && i < next.n; i++)
            all.all[all.n++] = next.all[i];
    }
    return every ? all : NONE;
}

struct literals regex_literals(struct sp_span regex, struct sp_arena *a)
{
    struct reader r = {.text = regex, .arena = a};
    struct literals l = read_alternatives(&r);
    if (r.unknown || r.at < regex.n)
        return NONE;
    l.caseless = r.caseless;
    return l;
}
