/* SPDX-License-Identifier: Apache-2.0 */
/* summary: verdicts counted per label and class, as a table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "proc/judge.h"
#include "proc/summary.h"

enum { SLOTS = SP_SUMMARY_ROWS * 2, LABEL_COLUMNS = 14 };

struct name {
    uint8_t text[SP_SUMMARY_NAME];
    uint8_t n;
};

struct row {
    struct name label, cls;
    uint64_t hash;
    uint64_t count[SP_SUMMARY_COLUMNS];
};

/* Invariant: slot[i] is 0 or 1 + the row that hashes to it; at most half of the slots are used. */
struct sp_summary {
    struct row rows[SP_SUMMARY_ROWS + 1]; /* the last one: what did not fit */
    uint16_t slot[SLOTS];
    unsigned nrows;
};

struct sp_summary *sp_summary_new(void)
{
    return calloc(1, sizeof(struct sp_summary));
}

void sp_summary_free(struct sp_summary *s)
{
    free(s);
}

static struct name name_of(struct sp_span s)
{
    struct name n = {.n = (uint8_t)(s.n < SP_SUMMARY_NAME ? s.n : SP_SUMMARY_NAME)};
    for (unsigned i = 0; i < n.n; i++)
        n.text[i] = s.p[i] < ' ' || s.p[i] == 0x7f ? '?' : s.p[i];
    return n;
}

static struct sp_span span_of(const struct name *n)
{
    return sp_span_of(n->text, n->n);
}

static bool same(const struct row *r, uint64_t hash, const struct name *label, const struct name *cls)
{
    return r->hash == hash && sp_span_eq(span_of(&r->label), span_of(label)) && sp_span_eq(span_of(&r->cls), span_of(cls));
}

static struct row *row_of(struct sp_summary *s, struct sp_span label, struct sp_span cls)
{
    struct name l = name_of(label), c = name_of(cls);
    uint64_t hash = sp_hash(span_of(&l)) * 31 + sp_hash(span_of(&c));
    size_t at = hash % SLOTS;
    for (; s->slot[at]; at = (at + 1) % SLOTS)
        if (same(&s->rows[s->slot[at] - 1], hash, &l, &c))
            return &s->rows[s->slot[at] - 1];
    struct row *r = &s->rows[s->nrows];
    if (s->nrows == SP_SUMMARY_ROWS) {
        r->label = name_of(SP_LIT("(others)"));
        return r;
    }
    s->slot[at] = (uint16_t)++s->nrows;
    *r = (struct row){.label = l, .cls = c, .hash = hash};
    return r;
}

void sp_summary_count(struct sp_summary *s, struct sp_span label, struct sp_span cls, unsigned column)
{
    row_of(s, label, cls)->count[column]++;
}

static int by_name(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int order = sp_span_cmp(span_of(&x->label), span_of(&y->label));
    return order ? order : sp_span_cmp(span_of(&x->cls), span_of(&y->cls));
}

static uint64_t total(const struct row *r)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < SP_SUMMARY_COLUMNS; i++)
        n += r->count[i];
    return n;
}

static double percent(uint64_t part, uint64_t all)
{
    return all ? 100.0 * (double)part / (double)all : 0;
}

static void put_row(struct sp_buf *out, int width, const char *cls, const struct row *r)
{
    uint64_t all = total(r), judged = all - r->count[SP_SUMMARY_ERROR];
    uint64_t touched = judged - r->count[SP_PASS];
    uint64_t stopped = touched - r->count[SP_ALERT];
    sp_put_fmt(out, "%-*.*s  %-*s %9llu", LABEL_COLUMNS, SP_FMT(span_of(&r->label)), width, cls, (unsigned long long)all);
    for (unsigned i = 0; i < SP_SUMMARY_COLUMNS; i++)
        sp_put_fmt(out, " %8llu", (unsigned long long)r->count[i]);
    sp_put_fmt(out, "  %7.2f%% %7.2f%%\n", percent(touched, judged), percent(stopped, judged));
}

static void put_heading(struct sp_buf *out, int width)
{
    sp_put_fmt(out, "%-*s  %-*s %9s", LABEL_COLUMNS, "label", width, "class", "count");
    for (unsigned i = 0; i < SP_SUMMARY_COLUMNS; i++)
        sp_put_fmt(out, " %8s", i == SP_SUMMARY_ERROR ? "error" : sp_act_name(i));
    sp_put_fmt(out, "  %8s %8s\n", "noticed", "stopped");
}

static int class_width(const struct sp_summary *s)
{
    int width = sizeof "(all)" - 1;
    for (unsigned i = 0; i < s->nrows; i++)
        if (s->rows[i].cls.n > width)
            width = s->rows[i].cls.n;
    return width;
}

static void add(struct row *sum, const struct row *r)
{
    sum->label = r->label;
    for (unsigned i = 0; i < SP_SUMMARY_COLUMNS; i++)
        sum->count[i] += r->count[i];
}

/* The rows of one label and, when there are several, their sum; returns where the next label begins. */
static unsigned put_label(struct sp_buf *out, int width, const struct row *rows, unsigned from, unsigned n)
{
    struct row sum = {0};
    unsigned i = from;
    for (; i < n && sp_span_eq(span_of(&rows[i].label), span_of(&rows[from].label)); i++) {
        char cls[SP_SUMMARY_NAME + 1];
        snprintf(cls, sizeof cls, "%.*s", SP_FMT(span_of(&rows[i].cls)));
        put_row(out, width, cls, &rows[i]);
        add(&sum, &rows[i]);
    }
    if (i - from > 1)
        put_row(out, width, "(all)", &sum);
    return i;
}

void sp_summary_print(struct sp_summary *s, struct sp_buf *out)
{
    unsigned n = s->nrows + (total(&s->rows[SP_SUMMARY_ROWS]) > 0);
    int width = class_width(s);
    qsort(s->rows, n, sizeof *s->rows, by_name);
    memset(s->slot, 0, sizeof s->slot);
    put_heading(out, width);
    for (unsigned i = 0; i < n;)
        i = put_label(out, width, s->rows, i, n);
}
