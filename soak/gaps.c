/* SPDX-License-Identifier: Apache-2.0 */
/* gaps: see gaps.h. */
#include <string.h>

#include "gaps.h"
#include "net.h"

static unsigned bucket_of(uint64_t ns)
{
    if (ns < 16)
        return (unsigned)ns;
    unsigned log = 63 - (unsigned)__builtin_clzll(ns);
    return log * 16 + (unsigned)(ns >> (log - 4) & 15);
}

/* The middle of a bucket. */
static uint64_t bucket_value(unsigned b)
{
    unsigned log = b / 16;
    return b < 16 ? b : ((UINT64_C(16) + b % 16) << (log - 4)) + (UINT64_C(1) << (log - 4)) / 2;
}

void soak_histogram_add(struct soak_histogram *h, uint64_t ns)
{
    h->n++;
    h->bucket[bucket_of(ns)]++;
    if (ns > h->max)
        h->max = ns;
}

uint64_t soak_histogram_quantile(const struct soak_histogram *h, double q)
{
    uint64_t rank = (uint64_t)(q * (double)h->n), seen = 0;
    for (unsigned b = 0; b < SOAK_BUCKETS; b++) {
        seen += h->bucket[b];
        if (seen > rank)
            return bucket_value(b) < h->max ? bucket_value(b) : h->max;
    }
    return h->max;
}

static double ms(uint64_t ns) { return (double)ns / 1e6; }

void soak_histogram_print(const struct soak_histogram *h, const char *name, FILE *to)
{
    fprintf(to, "\"%s\":{\"n\":%llu,\"p50\":%.3f,\"p99\":%.3f,\"p999\":%.3f,\"max\":%.3f}", name, (unsigned long long)h->n, ms(soak_histogram_quantile(h, .5)),
        ms(soak_histogram_quantile(h, .99)), ms(soak_histogram_quantile(h, .999)), ms(h->max));
}

void soak_want(struct soak_waiting *w, uint64_t now)
{
    if (!w->wanting)
        w->since = now;
    w->wanting = true;
}

/* Takes a gap into account at the marks that it touches. */
static void touch(const struct soak_marks *m, struct soak_waiting *w, uint64_t from, uint64_t until)
{
    for (unsigned i = 0; i < m->open; i++) {
        unsigned k = (m->next + SOAK_MARKS - 1 - i) % SOAK_MARKS;
        if (from <= m->mark[k].at + SOAK_MARK_WINDOW && until >= m->mark[k].at && until - from > w->worst[k])
            w->worst[k] = until - from;
    }
}

bool soak_got_on(struct soak_marks *m, struct soak_waiting *w, uint64_t now, uint64_t *ret)
{
    if (!w->wanting)
        return false;
    touch(m, w, w->since, now);
    *ret = now - w->since;
    w->from = w->since;
    w->until = now;
    w->wanting = false;
    return true;
}

/* The oldest mark is looked at no longer. */
static void retire(struct soak_marks *m)
{
    unsigned k = (m->next + SOAK_MARKS - m->open) % SOAK_MARKS;
    uint64_t longest = 0, now = soak_now();
    for (unsigned i = 0; i < m->count; i++) {
        struct soak_waiting *w = &m->all[i];
        if (w->wanting)
            touch(m, w, w->since, now);
        if (w->worst[k])
            soak_histogram_add(&m->each, w->worst[k]);
        if (w->worst[k] > longest)
            longest = w->worst[k];
        w->worst[k] = 0;
    }
    m->open--;
    m->done++;
    soak_histogram_add(&m->longest, longest);
    if (longest > m->worst) {
        m->worst = longest;
        memcpy(m->worst_label, m->mark[k].label, sizeof m->worst_label);
    }
}

void soak_mark(struct soak_marks *m, uint64_t at, const char *label)
{
    if (m->open == SOAK_MARKS)
        retire(m);
    unsigned k = m->next;
    m->mark[k].at = at;
    snprintf(m->mark[k].label, sizeof m->mark[k].label, "%s", label);
    m->next = (k + 1) % SOAK_MARKS;
    m->open++;
    for (unsigned i = 0; i < m->count; i++) /* waits that ended while the word was on its way */
        if (m->all[i].until >= at)
            touch(m, &m->all[i], m->all[i].from, m->all[i].until);
}

void soak_marks_print(struct soak_marks *m, FILE *to)
{
    while (m->open)
        retire(m);
    fprintf(to, "\"marks\":{\"n\":%u,", m->done);
    soak_histogram_print(&m->each, "each", to);
    fputc(',', to);
    soak_histogram_print(&m->longest, "longest", to);
    fprintf(to, ",\"worst\":\"%s\"}", m->worst_label);
    struct soak_marks fresh = {.all = m->all, .count = m->count};
    *m = fresh;
}
