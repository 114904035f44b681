/* SPDX-License-Identifier: Apache-2.0 */
/* diag: mistakes with their place, the offending text underlined. */
#include <stdarg.h>
#include <string.h>

#include "rule/source.h"

enum diag_limits {
    DIAG_TEXT_MAX = 1 << 20, /* what one run reports */
    SHOWN_LINE_MAX = 160,    /* columns of a source line that are shown */
    WORD_MAX = 64,           /* words longer than this are never suggestions */
    SLIPS_MAX = 4,           /* more letters wrong than this is another word */
};

void sp_diag_init(struct sp_diag *d)
{
    *d = (struct sp_diag){.text = sp_buf_growing(DIAG_TEXT_MAX)};
}

void sp_diag_fini(struct sp_diag *d)
{
    sp_buf_fini(&d->text);
}

/* A byte that another one of the same UTF-8 character precedes takes no column of its own. */
static bool continues(uint8_t c)
{
    return (c & 0xc0) == 0x80;
}

/* Control characters would move the terminal's cursor. */
static void put_shown(struct sp_buf *out, struct sp_span s, uint8_t instead)
{
    for (size_t i = 0; i < s.n; i++)
        sp_put_byte(out, s.p[i] < 0x20 || s.p[i] == 0x7f ? instead : s.p[i]);
}

static void put_repeated(struct sp_buf *out, struct sp_span over, uint8_t c)
{
    for (size_t i = 0; i < over.n; i++) {
        if (!continues(over.p[i]))
            sp_put_byte(out, c);
    }
}

/* The line around the column, and the marks below it. */
static void put_source(struct sp_buf *out, struct sp_span line, unsigned col, unsigned width)
{
    size_t from = col > SHOWN_LINE_MAX - 40 ? col - (SHOWN_LINE_MAX - 40) : 0;
    while (from && from < line.n && continues(line.p[from]))
        from--;
    struct sp_span shown = sp_span_sub(line, from, SHOWN_LINE_MAX);
    sp_put_str(out, "    ");
    put_shown(out, shown, ' ');
    sp_put_str(out, "\n    ");
    put_repeated(out, sp_span_sub(shown, 0, col - 1 - from), ' ');
    sp_put_byte(out, '^');
    put_repeated(out, sp_span_sub(sp_span_sub(shown, col - from, SHOWN_LINE_MAX), 0, width ? width - 1 : 0), '~');
    sp_put_byte(out, '\n');
}

void sp_diag_error(struct sp_diag *d, const char *file, unsigned line, unsigned col, unsigned width, struct sp_span source_line,
                   const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    if (d->errors++ >= SP_DIAG_SHOWN_MAX) {
        if (d->errors == SP_DIAG_SHOWN_MAX + 1)
            sp_put_str(&d->text, "further mistakes are not shown\n");
        return;
    }
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    sp_put_str(&d->text, file);
    if (line)
        sp_put_fmt(&d->text, ":%u", line);
    if (line && col)
        sp_put_fmt(&d->text, ":%u", col);
    sp_put_str(&d->text, ": error: ");
    put_shown(&d->text, sp_span_str(text), '?');
    sp_put_byte(&d->text, '\n');
    if (line && col && source_line.n)
        put_source(&d->text, source_line, col, width);
}

/* Edits between two words, transpositions included (optimal string alignment). */
static size_t distance(struct sp_span a, struct sp_span b)
{
    size_t rows[3][WORD_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b.n; j++)
        last[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            bool same = sp_lower(a.p[i - 1]) == sp_lower(b.p[j - 1]);
            size_t best = last[j - 1] + !same;
            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
        size_t *oldest = before;
        before = last;
        last = now;
        now = oldest;
    }
    return last[b.n];
}

const char *sp_did_you_mean(struct sp_span word, const char *const *words)
{
    const char *best = NULL;
    size_t least = word.n / 3 + 1 < SLIPS_MAX ? word.n / 3 + 1 : SLIPS_MAX; /* one slip in a short word, a few in a long one */
    if (word.n > WORD_MAX)
        return NULL;
    for (; *words; words++) {
        struct sp_span candidate = sp_span_str(*words);
        if (candidate.n > WORD_MAX)
            continue;
        size_t d = distance(word, candidate);
        if (d <= least && (!best || d < least)) {
            best = *words;
            least = d;
        }
    }
    return best;
}
