/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mortal: a relay whose worker is a process of its own, under a keeper that kills it at a chosen instruction and starts another. The keeper is a process
 * too: the peers' sockets are not in the table that it shares with its worker.
 */
#ifndef TESTS_UNIT_MORTAL_H
#define TESTS_UNIT_MORTAL_H

#include <sys/types.h>

#include "wire.h"

/* A stop is the entry to a system call or the way back from it; the first is number 1. */
struct mortal_end {
    unsigned stop;      /* where the first worker dies; 0: it does not */
    unsigned steps;     /* instructions behind it */
    unsigned again;     /* where the second one dies, counted from its first; 0: it does not */
    unsigned again_steps;
    enum sp_death how;
    unsigned dead_us;   /* how long nobody serves */
    const char *capture;/* file for what was under the hand; NULL: none */
    void (*dead)(struct wire *w); /* called in the keeper while nobody serves; may be NULL */
};

struct mortal {
    pid_t keeper;
    struct mortal_shared *shared;
};

/* w->relay is made if it is not there yet. Returns when somebody serves. `close_fd`: closed in the keeper, -1: nothing. */
void mortal_start(struct mortal *m, struct wire *w, const struct mortal_end *end, int close_fd);
/* Workers that were killed as they were told to. */
unsigned mortal_deaths(const struct mortal *m);
/* The worker has ended by itself. */
bool mortal_finished(const struct mortal *m);
/* The number of the system call in which the latest one was killed. */
long mortal_call(const struct mortal *m);
/* Ends keeper and worker. */
void mortal_stop(struct mortal *m);

#endif
