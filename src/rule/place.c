/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place: from a byte of a YAML scalar's value back to the file. YAML 1.2 folds lines, cuts indentation and has escapes in double
 * quotes (section 5.7), so value and source are walked side by side: blanks are skipped in both, everything else must correspond.
 */
#include <stdarg.h>
#include <stdio.h>

#include "rule/parse.h"

struct sp_span rule_place(struct sp_span source, size_t at, unsigned *ret_line, unsigned *ret_col)
{
    size_t start = 0, next;
    unsigned line = 1;
    while ((next = sp_span_byte(source, start, '\n')) != SP_NOT_FOUND && next < at) {
        line++;
        start = next + 1;
    }
    *ret_line = line;
    *ret_col = (unsigned)(at - start) + 1;
    return sp_span_sub(source, start, (next == SP_NOT_FOUND ? source.n : next) - start);
}

static bool is_blank(int c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* What one source character stands for: its length, and how many bytes other than blanks it puts into the value. */
struct step {
    size_t source, value;
};

static size_t utf8_length(uint64_t c)
{
    return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

static struct step step_hex(struct sp_span rest, size_t digits)
{
    uint64_t c;
    if (!sp_span_hex64(sp_span_sub(rest, 2, digits), &c))
        return (struct step){2, 1};
    return (struct step){2 + digits, is_blank(c < 0x80 ? (int)c : 0) ? 0 : utf8_length(c)};
}

static struct step step_escape(struct sp_span rest)
{
    switch (sp_span_at(rest, 1)) {
    case 'x':
        return step_hex(rest, 2);
    case 'u':
        return step_hex(rest, 4);
    case 'U':
        return step_hex(rest, 8);
    case 'n': case 'r': case 't': case ' ': case '\t': case '\n': case '\r':
        return (struct step){2, 0};
    case 'N': case '_': /* next line, no-break space */
        return (struct step){2, 2};
    case 'L': case 'P': /* line and paragraph separator */
        return (struct step){2, 3};
    default:
        return (struct step){2, 1};
    }
}

static struct step step_at(const struct rule_text *t, size_t at)
{
    struct sp_span rest = sp_span_from(t->source, at);
    int c = sp_span_at(rest, 0);
    if (t->quote == '"' && c == '\\')
        return step_escape(rest);
    if (t->quote == '\'' && c == '\'' && sp_span_at(rest, 1) == '\'')
        return (struct step){2, 1};
    return (struct step){1, !is_blank(c)};
}

/* Where value byte `off` begins in the file, and where what it was written as ends. A blank is found at what follows it. */
static size_t locate(const struct rule_text *t, size_t off, size_t *ret_end)
{
    size_t before = 0, at = t->source_at;
    for (size_t i = 0; i < off && i < t->text.n; i++)
        before += !is_blank(t->text.p[i]);
    while (at < t->source.n) {
        struct step s = step_at(t, at);
        if (s.value > before || (off >= t->text.n && before == 0)) {
            *ret_end = at + s.source;
            return at;
        }
        before -= s.value;
        at += s.source;
    }
    *ret_end = t->source.n;
    return t->source.n;
}

void rule_text_error(struct sp_diag *diag, const struct rule_text *t, size_t off, size_t width, const char *fmt, ...)
{
    char text[512];
    unsigned line, col;
    size_t end, last;
    va_list ap;
    if (diag->errors > SP_DIAG_SHOWN_MAX) { /* places are searched for; nobody would see this one */
        diag->errors++;
        return;
    }
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    size_t at = locate(t, off, &end);
    if (width > 1)
        (void)locate(t, off + width - 1, &end);
    struct sp_span source = rule_place(t->source, at, &line, &col);
    last = at - (col - 1) + source.n; /* what goes on in the next line is not underlined */
    sp_diag_error(diag, t->file, line, col, (unsigned)((end < last ? end : last) - at), source, "%s", text);
}
