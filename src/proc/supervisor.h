/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supervisor: what its files share. It opens listeners, starts the others and watches them, and takes orders; it touches no traffic and reads no
 * configuration, and everything that it has can be given to its own next version.
 *
 * A *lane* is what one worker's place is: its listening sockets. A *post* is one keeper with its worker: a lane has one; others, which lost theirs, are
 * handing their sessions over.
 */
#ifndef SP_PROC_SUPERVISOR_H
#define SP_PROC_SUPERVISOR_H

#include <sys/types.h>

#include "io/relay.h"
#include "proc/cmd.h"
#include "proc/process.h"

enum supervisor_limits {
    LANES_MAX = SP_PLAN_WORKERS,
    POSTS_MAX = SP_PLAN_WORKERS * 2, /* every worker, and one that it replaces */
    USERS_MAX = 8,                   /* who ask at the same time */
    NO_POST = UINT32_MAX,
    START_MS = 20000,                /* until a keeper's worker must serve */
    ANSWER_MS = 15000,               /* until a keeper must have answered */
};

enum post_state {
    POST_FREE,
    POST_STARTING,
    POST_SERVING,
    POST_LEAVING, /* was told to stop or drain: its end is expected */
    POST_ORPHAN,  /* the keeper died; its worker serves on, until it could be told to drain */
};

struct post {
    enum post_state state;
    unsigned slot;
    uint32_t lane;          /* that it serves or served */
    pid_t pid, worker;      /* 0: none, or not known */
    int pidfd;              /* of one that is not our child: the only way to see its end; else -1 */
    int control;            /* -1: none */
    int report_fd;          /* stays with the slot: -1 until it is first used */
    struct sp_report *report;
    struct sp_tell_self self;
    uint32_t waiting;       /* SP_SAY_ that is not answered; 0: nothing */
    int32_t error;          /* of the latest answer */
    bool plain;             /* it was told that it inspects nothing */
    bool drains;            /* LEAVING, ORPHAN: its sessions go to whoever has the lane now */
    int channel;            /* the receiver's end, until it could be told; -1 */
    bool hands;             /* it is handing over */
    uint64_t try_ms;        /* ORPHAN: when it is looked for next */
};

struct lane {
    uint32_t post;          /* NO_POST: none now */
    uint64_t start_ms;      /* when the next is started; 0: at once */
    unsigned n;
    int listeners[SP_PLAN_LISTENERS]; /* in the plan's order */
};

/* What the compiler made. */
struct load {
    int plan_fd, policy_fd; /* -1: nothing was made */
    const struct sp_plan *plan;
    int status;             /* enum sp_exit */
    struct sp_buf text;     /* what to log; or every mistake */
    bool done;
};

struct user {
    int fd;                 /* -1: none */
    uint32_t ask;           /* SP_ASK_ that waits to be done; 0: none yet */
    int binary;             /* ASK_UPGRADE; -1 */
};

struct helper {             /* admin, compiler, probe */
    pid_t pid;              /* 0: none */
    int control;            /* -1: none */
    bool gone;              /* it ended with `status` */
    int status;
};

struct supervisor {
    const char *const *words; /* the command that we serve, for the compiler: "run", "-c", ... */
    int plan_fd, policy_fd, wake, signals, runtime, lock, door; /* door: control.sock */
    const struct sp_plan *plan;
    uint64_t generation;
    unsigned nlanes;
    struct lane lanes[LANES_MAX];
    struct post posts[POSTS_MAX];
    struct helper admin, compiler, probe;
    struct sp_tell_self probed;
    bool admin_ready, admin_wanted;
    uint64_t admin_start_ms;
    uint32_t admin_waiting;   /* SP_ADMIN_ that is not answered */
    int32_t admin_error;
    struct load load;
    struct user users[USERS_MAX];
    bool reload;              /* SIGHUP */
    int stop;                 /* the first signal that ends us; 0: none */
    bool at_once;             /* a second one came */
    bool opened;              /* lanes may be given keepers */
    unsigned waited;          /* the post whose answer is waited for */
    char why[256];            /* one sentence, for the user */
};

/* ---- supervisor.c ---- */

/* Waits for what happens, at most so long, and handles it. Orders of users are only noted. */
void sup_turn(struct supervisor *s, unsigned ms);
/* Turns until it holds, the time is over or we are to stop at once. Whether it holds. */
bool sup_until(struct supervisor *s, bool (*holds)(const struct supervisor *s), unsigned ms);
uint64_t sup_now_ms(void);
/* Serves until it is told to stop. */
int sup_serve(struct supervisor *s);
void sup_init(struct supervisor *s);
/* Signals come to us from now on, and orphans too. 0 or -errno. */
__attribute__((warn_unused_result)) int sup_open_signals(struct supervisor *s);
/* Takes note of children that ended. */
void sup_reap(struct supervisor *s);

/* ---- load.c: the compiler ---- */

/* Runs the compiler (binary -1: our own); the answer is in s->load, whose status it returns. */
int load_run(struct supervisor *s, int binary);
void load_drop(struct load *l);
void load_hear(struct supervisor *s);
/* Its text, a line each, to the log. */
void load_log(const struct load *l);
/* Puts s->load in force at every keeper. 0; or -errno with a sentence in s->why, and nothing has changed. */
__attribute__((warn_unused_result)) int load_apply(struct supervisor *s);
/* Plan and policy are s->load's from now on. */
void load_keep(struct supervisor *s);

/* ---- lanes.c: listeners ---- */

/* Every lane gets its listeners for that plan: those that it has already stay, others are opened. `ret` has one struct lane for each worker.
 * 0, or -errno with a sentence in s->why and nothing opened. */
__attribute__((warn_unused_result)) int lanes_open(struct supervisor *s, const struct sp_plan *plan, struct lane *ret);
/* Closes those of `next` that the lanes do not have. */
void lanes_drop(const struct supervisor *s, const struct lane *next);
/* The lanes are these now; listeners that are in them no more are closed. */
void lanes_take(struct supervisor *s, const struct lane *next);
/* What an earlier life of the service left with the service manager, or what it opened for us. */
void lanes_activate(struct supervisor *s);
/* Gives a listener that came from elsewhere its place. */
void lanes_adopt(struct supervisor *s, unsigned lane, int fd);
void lanes_close(struct supervisor *s);

/* ---- posts.c: keepers ---- */

/* Starts a keeper for the lane. 0 or -errno. */
__attribute__((warn_unused_result)) int post_start(struct supervisor *s, uint32_t lane);
__attribute__((warn_unused_result)) int post_say(struct post *p, enum sp_message_kind kind, const void *body, size_t n, const int *fds, unsigned nfds);
/* Sends listeners, then TAKE or, with a binary, UPGRADE. */
__attribute__((warn_unused_result)) int post_say_set(const struct supervisor *s, struct post *p, const struct lane *lane, const struct load *l, int binary);
/* Waits for the answer. 0 or -errno. */
__attribute__((warn_unused_result)) int post_answer(struct supervisor *s, struct post *p, unsigned ms);
void post_hear(struct supervisor *s, struct post *p);
/* The end of one that is our child, and of one that is not. */
void post_reaped(struct supervisor *s, pid_t pid, int status);
void post_gone(struct supervisor *s, struct post *p);
/* Lets it hand its sessions over to the keeper that its lane has now. */
void post_drain(struct supervisor *s, struct post *p);
/* No new connections; those that are open may finish what they are at. */
void post_stop(struct post *p);
/* What was put off. */
void posts_tick(struct supervisor *s);
void post_free(struct supervisor *s, struct post *p);
/* Ends the worker: its keeper replaces it. */
void post_end_worker(const struct post *p);
/* Ends keeper and worker. */
void post_kill(const struct post *p);
bool posts_all(const struct supervisor *s, enum post_state state);
/* Its report is mapped and known to the admin. 0 or -errno. */
__attribute__((warn_unused_result)) int post_report(struct supervisor *s, struct post *p);
void post_watch(struct post *p, pid_t pid);

/* ---- adopt.c ---- */

/* Finds keepers that a supervisor before us left. Their number. */
unsigned posts_adopt(struct supervisor *s);

/* ---- clerk.c: the admin ---- */

/* Starts it and waits until its outputs are open. An exit status; it has said why itself. */
int clerk_start(struct supervisor *s);
void clerk_hear(struct supervisor *s);
void clerk_ended(struct supervisor *s, int status);
void clerk_tick(struct supervisor *s);
/* It writes to the outputs of another plan. 0 or -errno: the outputs stay as they are. */
__attribute__((warn_unused_result)) int clerk_take(struct supervisor *s, const struct sp_plan *before, const struct sp_plan *next, int next_fd);
void clerk_reopen(struct supervisor *s);
void clerk_report(struct supervisor *s, const struct post *p);
/* Has it write the event, and keep the capture that came with the message. */
void clerk_death(struct supervisor *s, const struct post *p, const struct sp_message *death);
void clerk_mode(struct supervisor *s, const struct post *p, bool plain);
/* Lets it write what is left, and end. */
void clerk_stop(struct supervisor *s);

/* ---- orders.c: what users ask for ---- */

void orders_accept(struct supervisor *s);
void orders_hear(struct supervisor *s, struct user *u);
/* Does what waits. */
void orders_do(struct supervisor *s);
void order_answer(struct user *u, int status, struct sp_span text);

/* ---- status.c ---- */

/* Tells a user who runs and what they have done. */
void status_tell(struct supervisor *s, struct user *u);

/* ---- succession.c: going on as another program ---- */

/* The keeper of a lane goes on with plan, policy and listeners of ours, and with our program when it has another one (`always`: in any case). When it
 * cannot, a fresh one takes the lane and its sessions. 0 or -errno: the old one goes on as it was. */
__attribute__((warn_unused_result)) int lane_renew(struct supervisor *s, uint32_t lane, bool always);
/* Checks the program that a user gave, lets it compile, becomes it. Returns only when that cannot be: an enum sp_exit, with `text` for the user. */
int succession(struct supervisor *s, struct user *u, struct sp_buf *text);
/* Goes on with what another supervisor left; `words`: the command that is served. An exit status. */
int succession_resume(int state, const char *const *words);

#endif
