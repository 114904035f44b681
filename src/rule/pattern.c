/* SPDX-License-Identifier: Apache-2.0 */
/* pattern: regular expressions as Vectorscan reads them, PCRE's without what needs backtracking. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hs/hs.h>

#include "base/hash.h"
#include "rule/parse.h"

enum pattern_limits {
    PATTERN_MAX = 4096,    /* bytes of a regular expression */
    SOUND_SLOTS = 1 << 15, /* expressions that are remembered, a power of two; others are looked at again */
    SOUND_TRIES = 64,
};

/* ---- those that were found sound ---- */

/* Where it is, or where it would go; NULL: no place is left. */
static struct sp_span *sound_slot(struct sp_ruleset *s, struct sp_span pattern)
{
    if (!s->sound && (s->sound = sp_arena_get(&s->arena, SOUND_SLOTS * sizeof *s->sound)))
        memset(s->sound, 0, SOUND_SLOTS * sizeof *s->sound);
    uint64_t at = sp_hash(pattern);
    for (unsigned tries = 0; s->sound && tries < SOUND_TRIES; tries++) {
        struct sp_span *slot = &s->sound[(at + tries) & (SOUND_SLOTS - 1)];
        if (!slot->n || sp_span_eq(*slot, pattern))
            return slot;
    }
    return NULL;
}

void pattern_sound(struct sp_ruleset *s, struct sp_span pattern)
{
    struct sp_span *slot = sound_slot(s, pattern);
    if (slot)
        *slot = pattern;
}

static bool is_sound(struct sp_ruleset *s, struct sp_span pattern)
{
    const struct sp_span *slot = sound_slot(s, pattern);
    return slot && slot->n;
}

/* ---- those that are not ---- */

/* Where byte `index` of a string's value stands in the text it was written as, quotes and escapes counted. */
static size_t written_at(struct sp_span literal, size_t index)
{
    bool raw = sp_span_at(literal, 0) == 'r';
    size_t at = 1 + raw;
    for (; index > 0 && at < literal.n; index--)
        at += raw || literal.p[at] != '\\' ? 1 : sp_span_at(literal, at + 1) == 'x' ? 4 : 2;
    return at;
}

/* Reports at [index, index+width) of the pattern; width 0: all of it. */
static void pattern_error(struct parser *p, const struct sp_expr *pattern, size_t index, size_t width, const char *what)
{
    struct sp_span literal = sp_span_sub(p->text->text, pattern->off, pattern->width);
    size_t from = written_at(literal, index), to = written_at(literal, index + width);
    if (width == 0 || from >= literal.n)
        check_error(p, pattern->off, pattern->width, "regular expression: %s", what);
    else
        check_error(p, pattern->off + from, to > from ? to - from : 1, "regular expression: %s", what);
}

/* The next place where `needle` stands outside a character class and is not escaped, or SP_NOT_FOUND. A needle may begin with a backslash. */
static size_t find_unescaped(struct sp_span s, size_t from, struct sp_span needle)
{
    bool class = false;
    for (size_t i = 0; i < s.n; i++) {
        if (i >= from && !class && sp_span_starts(sp_span_from(s, i), needle))
            return i;
        if (s.p[i] == '\\')
            i++;
        else if (s.p[i] == '[')
            class = true;
        else if (s.p[i] == ']')
            class = false;
    }
    return SP_NOT_FOUND;
}

/* What Vectorscan refuses without saying where: how its message begins, what to look for, and what we say. */
static const struct {
    const char *message, *needles[5], *says;
    size_t from;
} refused[] = {
    {"Zero-width assertions", {"(?=", "(?!", "(?<=", "(?<!"}, "look-around needs backtracking: write a second `matches`, or `not ... matches`", 0},
    {"Back-references", {"\\1", "\\2", "\\k", "(?P="}, "back-references need backtracking", 0},
    {"Possessive", {"++", "*+", "?+", "}+"}, "possessive quantifiers have no meaning where nothing backtracks: leave the + out", 0},
    {"Atomic", {"(?>"}, "atomic groups have no meaning where nothing backtracks: write (?:", 0},
    {"Embedded start", {"^"}, "^ is the start of the value: nothing can come before it", 1},
    {"Embedded end", {"$"}, "$ is the end of the value: nothing can come behind it", 0},
    {"Bounded repeat", {"{"}, "this repeats too often", 0},
};

/* Vectorscan's own words, its "at index N" turned into a place. */
static void report(struct parser *p, const struct sp_expr *pattern, const char *message)
{
    struct sp_span said = sp_span_str(message);
    size_t at = sp_span_find(said, 0, SP_LIT(" at index ")), index = 0;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        for (size_t k = 0; sp_span_starts(said, sp_span_str(refused[i].message)) && k < 5 && refused[i].needles[k]; k++) {
            struct sp_span needle = sp_span_str(refused[i].needles[k]);
            size_t found = find_unescaped(pattern->str, refused[i].from, needle);
            if (found != SP_NOT_FOUND) {
                pattern_error(p, pattern, found, needle.n, refused[i].says);
                return;
            }
        }
    }
    size_t rest = at == SP_NOT_FOUND ? said.n : at + 10;
    for (; rest < said.n && sp_is_digit(said.p[rest]); rest++)
        index = index * 10 + (size_t)(said.p[rest] - '0');
    struct sp_span tail = sp_span_from(said, rest);
    tail.n -= sp_span_ends(tail, SP_LIT("."));
    char text[256];
    (void)snprintf(text, sizeof text, "%.*s%s%.*s", SP_FMT(sp_span_sub(said, 0, at)), at == SP_NOT_FOUND ? "" : " here", SP_FMT(tail));
    pattern_error(p, pattern, index, at != SP_NOT_FOUND, text);
}

/* The ends of a value have one spelling, which the compiler understands. */
static bool uses_other_ends(struct parser *p, const struct sp_expr *pattern)
{
    static const char *const ends[] = {"\\A", "\\z", "\\Z"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t at = find_unescaped(pattern->str, 0, sp_span_str(ends[i]));
        if (at == SP_NOT_FOUND)
            continue;
        pattern_error(p, pattern, at, 2, i == 0 ? "write ^ for the start of the value" : "write $ for the end of the value");
        return true;
    }
    return false;
}

void check_pattern(struct parser *p, const struct sp_expr *pattern)
{
    char text[PATTERN_MAX + 1];
    if (pattern->kind != SP_EX_STR || pattern->str.n > PATTERN_MAX) {
        check_error(p, pattern->off, pattern->width, "matches needs a regular expression in quotes, of at most %d bytes", PATTERN_MAX);
        return;
    }
    if (sp_span_byte(pattern->str, 0, 0) != SP_NOT_FOUND) {
        pattern_error(p, pattern, sp_span_byte(pattern->str, 0, 0), 1, "a NUL byte is written \\\\x00, or \\x00 in r\"...\"");
        return;
    }
    if (is_sound(p->set, pattern->str) || uses_other_ends(p, pattern))
        return;
    (void)snprintf(text, sizeof text, "%.*s", SP_FMT(pattern->str));
    hs_expr_info_t *info = NULL;
    hs_compile_error_t *error = NULL;
    if (hs_expression_info(text, HS_FLAG_DOTALL, &info, &error) != HS_SUCCESS)
        report(p, pattern, error ? error->message : "not supported");
    else if (info->min_width == 0)
        pattern_error(p, pattern, 0, 0, "it also matches nothing at all, so it would hold for every value");
    else
        pattern_sound(p->set, pattern->str);
    hs_free_compile_error(error);
    free(info);
}
