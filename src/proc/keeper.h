/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper: what the files of the keeper share. A keeper owns the descriptors of one worker and everything that a successor of the worker needs, and does
 * nothing with them: no byte of traffic passes through it.
 */
#ifndef SP_PROC_KEEPER_H
#define SP_PROC_KEEPER_H

#include <sys/types.h>

#include "io/relay.h"
#include "proc/process.h"

/* What a worker works with: it changes as a whole. */
struct keeper_set {
    int plan_fd, policy_fd; /* -1: none */
    const struct sp_plan *plan;
    const struct sp_policy *policy;
    size_t policy_size;
    uint64_t generation;
    unsigned nlisteners;
    int listeners[SP_PLAN_LISTENERS + 1]; /* -1 behind the last */
};

enum keeper_rest { REST_NOT, REST_TO_INSPECT, REST_TO_TAKE, REST_TO_UPGRADE };

struct keeper {
    unsigned slot;
    int control;                /* the supervisor; -1: none */
    int listener;               /* where the next supervisor comes; -1: none */
    int report_fd, report_wake;
    struct sp_report *report;
    struct sp_relay *relay;     /* NULL: not started */
    struct keeper_set now, next;/* in force; being collected, or told to the worker */
    uint32_t asked;             /* SP_SAY_: what the supervisor waits for; 0: nothing */
    bool told;                  /* the worker has an order that is not answered */
    int channel;                /* that came with it; -1: none */
    enum keeper_rest rest;      /* why the worker was told to rest */
    bool ends;                  /* the worker was told to stop or drain: its end is ours */
    bool over, left;            /* our end has come; another one goes on in our place */
    int status;                 /* of our exit */

    /* the worker */
    pid_t worker;               /* 0: none */
    bool up, plain, killed;     /* serves; without inspection; by us: it hung */
    uint64_t started_ns, died_ns;
    uint64_t start_at_ns;       /* no worker: when the next one is tried; 0: at once */
    unsigned failures;          /* deaths in a row before it was up */
    uint64_t inspect_at_ns;     /* plain: when inspection is tried again */
    uint64_t plain_ms;          /* how long the next plain time will be */
    uint64_t beat;              /* the last that was seen, and for how many looks and since when it has been that */
    unsigned still;
    uint64_t still_ns;
    uint32_t restarts;

    /* the latest death, told when its successor is up */
    struct sp_tell_death death;
    bool death_untold;
    int capture;                /* -1: none */
    uint64_t said_ns;           /* deaths are logged once a second at most */
    unsigned unsaid;

    /* going on as another program */
    int binary, trial;          /* descriptors; -1 */
    pid_t next_keeper;
    uint64_t trial_until_ns;
    bool on_trial;              /* we are the next one: nothing is ours before our worker is up */
    int old[SP_PLAN_LISTENERS + 2]; /* descriptors of the one before us, to be closed then */
    unsigned nold;
};

/* ---- keeper_set.c ---- */

void keeper_set_init(struct keeper_set *s);
/* Maps what its descriptors stand for. 0 or -errno. */
__attribute__((warn_unused_result)) int keeper_set_map(struct keeper_set *s);
/* Gives everything back, descriptors too; listeners that `other` has as well stay open. NULL: there is no other. */
void keeper_set_fini(struct keeper_set *s, const struct keeper_set *other);
/* Sockets that `other` has already go by its numbers: epoll knows them by those. */
void keeper_set_reuse(struct keeper_set *s, const struct keeper_set *other);
bool keeper_set_has(const struct keeper_set *s, int listener);

/* ---- keeper.c ---- */

/* Clones the worker. */
void keeper_start_worker(struct keeper *k);
/* Tells the worker to rest. */
void keeper_rest_worker(struct keeper *k, enum keeper_rest why);
/* Serves as a keeper until it is over. An exit status. */
int keeper_run(struct keeper *k);
void keeper_init(struct keeper *k, unsigned slot);

/* ---- keeper_talk.c ---- */

/* Reads and obeys what the supervisor says. */
void keeper_hear(struct keeper *k);
/* Takes the next supervisor. */
void keeper_accept(struct keeper *k);
/* The answer to what was asked, if something was. */
void keeper_done(struct keeper *k, int error);
void keeper_tell_self(struct keeper *k);
void keeper_tell_mode(struct keeper *k, enum sp_report_mode mode);
void keeper_tell_death(struct keeper *k);
/* The worker has answered its order. */
void keeper_answered(struct keeper *k);
/* The next set is in force, the one before is nobody's. */
void keeper_swap_sets(struct keeper *k);

/* ---- keeper_next.c ---- */

/* The worker rests: starts the next program on what we have. */
void keeper_upgrade(struct keeper *k);
/* Something came from the one on trial, or its time is over. */
void keeper_trial_look(struct keeper *k);
/* We are the one on trial and our worker is up. */
void keeper_commit(struct keeper *k);
/* Goes on with what another keeper left in `state`. An exit status. */
int keeper_resume(int state);

/* ---- orphan.c: in the worker ---- */

struct orphan {
    pid_t keeper;
    int listener, control;
    bool told;
    uint32_t asked;
    const struct keeper *of;
    unsigned nlisteners;        /* that it had when it was told to stop or drain: to be closed when it has left them */
    int listeners[SP_PLAN_LISTENERS];
};
/* For sp_relay_conf.tick: does nothing as long as the keeper lives; then hears a supervisor in its place. */
void orphan_tick(void *orphan);

/* A keeper's whole life. An exit status. */
int sp_keeper_main(int control, int listener, unsigned slot);

#endif
