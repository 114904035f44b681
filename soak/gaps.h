/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gaps: how long connections wanted to get on and did not. A histogram of all gaps, and for each mark (the moment of a disturbance) the longest gap of each
 * connection that lies over it or over the little while after it.
 */
#ifndef SP_SOAK_GAPS_H
#define SP_SOAK_GAPS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
    SOAK_BUCKETS = 64 * 16,        /* 16 for each power of two: a figure is right to 6 % */
    SOAK_MARKS = 8,                /* at a time: a gap that is longer than so many marks is a failure anyway */
    SOAK_MARK_LABEL = 40,
};
#define SOAK_MARK_WINDOW UINT64_C(50000000) /* nanoseconds after a mark: no gap may be as long */

struct soak_histogram {
    uint64_t n, max, bucket[SOAK_BUCKETS];
};
void soak_histogram_add(struct soak_histogram *h, uint64_t ns);
uint64_t soak_histogram_quantile(const struct soak_histogram *h, double q);
/* "NAME":{"n":...,"p50":...,"p99":...,"p999":...,"max":...} in milliseconds. */
void soak_histogram_print(const struct soak_histogram *h, const char *name, FILE *to);

/* One of each connection, at the same place of an array. */
struct soak_waiting {
    bool wanting;
    uint64_t since, from, until; /* of the wait that is going on; of the last that ended */
    uint64_t worst[SOAK_MARKS];
};

struct soak_marks {
    struct soak_waiting *all;
    unsigned count;              /* of connections */
    unsigned open, next;         /* marks whose windows are still looked at; where the next one goes */
    struct { uint64_t at; char label[SOAK_MARK_LABEL]; } mark[SOAK_MARKS];
    struct soak_histogram each;  /* the longest gap of each connection at each mark */
    struct soak_histogram longest; /* of each mark */
    unsigned done;
    uint64_t worst;
    char worst_label[SOAK_MARK_LABEL];
};

void soak_want(struct soak_waiting *w, uint64_t now);
/* A wait has ended at `now`. True when there was one; *ret is how long it took. */
bool soak_got_on(struct soak_marks *m, struct soak_waiting *w, uint64_t now, uint64_t *ret);
void soak_mark(struct soak_marks *m, uint64_t at, const char *label);
/* Ends all marks, counts them, prints them as "marks":{...}, and forgets them. */
void soak_marks_print(struct soak_marks *m, FILE *to);

#endif
