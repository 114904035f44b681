/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker: what the files of the relay share and nobody else calls. A worker is one struct: connections in a reserved array, named by index,
 * so nothing here points at a connection for longer than a call, and a worker can become a process.
 */
#ifndef SP_IO_WORKER_H
#define SP_IO_WORKER_H

#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>

#include "io/address.h"
#include "io/relay.h"

enum worker_limits {
    CONN_BYTES_MAX = 1024, /* memory of ours for an idle connection, its session included */
    PIPES_MAX = 64,        /* pipes of a worker for bodies that pass unread; further ones are copied */
    WHEEL_SLOTS = 2048,    /* with WHEEL_MS: 131 s; what is due later is looked at again then */
    WHEEL_MS = 64,         /* how late a time-out may be */
    LISTENERS_MAX = 1024,  /* addresses of all services together */
};

/* A service as the workers see it: read only, shared. */
struct service {
    const struct sp_proto *proto;
    const char *name;
    struct sp_address_list to;
    enum sp_proxy_mode proxy_in, proxy_out;
    bool forwarded, monitor;
    uint64_t body_max, header_ms, body_ms, idle_ms, connect_ms;
};

struct listener {
    int fd;
    uint16_t service;
    bool wild; /* listens on every address: each connection has to be asked for its own */
    struct sp_session_addr local;
};

/* ---- connections ---- */

enum conn_phase {
    CONN_FREE = 0,
    CONN_PREFACE, /* waits for the PROXY protocol header */
    CONN_OPEN,
    CONN_LINGER,  /* everything is said; what the client still sends is thrown away so that it can read the reply */
    CONN_DEAD,    /* closed in this turn: later events of the same turn may still name it */
};

enum conn_server { SERVER_NONE = 0, SERVER_CONNECTING, SERVER_UP, SERVER_GONE };

/* Invariant: while phase is PREFACE, OPEN or LINGER the client's descriptor is open; the server's while it is CONNECTING or UP. */
struct conn {
    int fd[2];             /* by enum sp_dir: where the bytes of that direction come from */
    uint8_t phase, server; /* enum conn_phase, enum conn_server */
    uint8_t readable;      /* bit by direction: its source may have bytes (edge-triggered: we have to remember) */
    uint8_t ended;         /* bit by direction: end of stream or an error is on its way; read until it is there */
    uint8_t blocked;       /* bit by direction: its receiver took no more */
    uint8_t bulk;          /* bit by direction: its latest read was long */
    uint8_t address;       /* which of the server's addresses is being tried */
    bool asked;            /* the server was sent something since it last said something */
    bool queued;           /* in the run queue */
    uint16_t service;
    uint16_t pipe[2];      /* by direction: number of the pipe + 1, 0 = none */
    uint32_t piped[2];     /* bytes in it */
    uint32_t run_next;     /* run queue, list of free or dead connections */
    uint32_t timer_next, timer_prev;
    uint64_t timer_slot;   /* 0: not in the wheel */
    uint64_t since_ms;     /* of the preface, the attempt to connect, the lingering */
    struct sp_session session;
};
_Static_assert(sizeof(struct conn) <= CONN_BYTES_MAX, "an idle connection must stay small");

/* ---- the worker ---- */

struct pipe_pair {
    int fd[2]; /* -1: not made yet */
    uint32_t size;
};

struct wheel {
    uint32_t head[WHEEL_SLOTS];
    uint64_t used[SP_BITS_WORDS(WHEEL_SLOTS)];
    uint64_t at;      /* slots up to this one are done */
    uint64_t count;
    uint64_t armed_ms;/* when the timer descriptor will fire; UINT64_MAX: never */
};

/* Things that are said at most once a second by a worker. */
enum worker_say { SAY_ACCEPT, SAY_SERVER, SAY_MEMORY, SAY_PREFACE, SAY_KINDS };

enum worker_command { COMMAND_NONE, COMMAND_SWAP, COMMAND_COUNT, COMMAND_STOP };

struct worker {
    struct sp_engine engine; /* its now_ms is the worker's clock: read once a turn */
    const struct service *services;
    uint32_t nservices, current; /* the service that the engine is set up for */
    struct listener *listeners;
    uint32_t nlisteners;
    int epoll, wake, timer;
    unsigned spin_us;

    struct conn *conns; /* [1 .. max] */
    uint32_t max, fresh, active, free, dead, run;

    struct pipe_pair pipes[PIPES_MAX];
    uint16_t pipes_free[PIPES_MAX]; /* a stack: the one used last is taken first */
    uint32_t npipes_free;
    struct wheel wheel;

    bool paused;             /* listeners are not looked at */
    uint64_t resume_ms;      /* until then, when descriptors ran out; 0: until a connection ends */
    bool stopping;
    uint64_t stop_ms;        /* connections that are left then are closed */
    uint64_t said_ms[SAY_KINDS];
    uint64_t flow_id, flow_step;
    struct sp_relay_counters count;

    /* From the controlling thread: written before `wake`, answered by `done`. */
    int command; /* enum worker_command; atomic */
    const struct sp_policy *next_policy;
    struct sp_matcher *next_matcher;
    unsigned grace_ms;
    struct sp_relay_counters answer;
    sem_t done;
    pthread_t thread;
    bool started;
};

static inline uint8_t dir_bit(enum sp_dir dir) { return (uint8_t)(1u << dir); }
static inline enum sp_dir dir_back(enum sp_dir dir) { return dir == SP_C2S ? SP_S2C : SP_C2S; }
static inline uint64_t worker_now(const struct worker *w) { return w->engine.now_ms; }
static inline const struct service *conn_service(const struct worker *w, const struct conn *c) { return &w->services[c->service]; }
static inline uint32_t conn_index(const struct worker *w, const struct conn *c) { return (uint32_t)(c - w->conns); }

/* ---- loop.c ---- */

/* A worker that has nothing yet, or NULL. */
struct worker *worker_new(void);
/* 0 or -errno. What is set before: services, listeners, max, spin_us. */
__attribute__((warn_unused_result)) int worker_init(struct worker *w, const struct sp_relay_conf *conf, uint64_t memory, uint64_t body_max);
void worker_free(struct worker *w);
/* Serves until it is told to stop and the last connection has ended. */
void *worker_main(void *worker);
/* True when it may be said now. */
bool worker_may_say(struct worker *w, enum worker_say what);
/* The connection has more to do than was allowed in one turn. */
void worker_run_later(struct worker *w, struct conn *c);
/* Watches a descriptor of a connection. 0 or -errno. */
__attribute__((warn_unused_result)) int worker_watch(struct worker *w, struct conn *c, enum sp_dir dir);

/* ---- accept.c ---- */

void accept_turn(struct worker *w, struct listener *l);
void accept_pause(struct worker *w, uint64_t ms);
void accept_resume(struct worker *w);

/* ---- conn.c ---- */

/* A connection for an accepted descriptor, or NULL when there is no room (the descriptor is left alone). */
struct conn *conn_open(struct worker *w, int fd, uint16_t service);
/* Everything at once; unread bytes make the kernel send a reset. */
void conn_close(struct worker *w, struct conn *c);
/* The same, with a reset to the client: what it has got is not all. */
void conn_abort(struct worker *w, struct conn *c);
/* Everything was sent: ends the stream and waits for the client to end its own. */
void conn_linger(struct worker *w, struct conn *c);
void conn_discard(struct worker *w, struct conn *c);
/* Connections closed in this turn become free. */
void conn_bury(struct worker *w);
/* Puts the next look at its deadlines into the wheel, unless an earlier or equal one is there. */
void conn_schedule(struct worker *w, struct conn *c);
/* Its time in the wheel has come. */
void conn_due(struct worker *w, struct conn *c);
/* Nobody is owed anything: it may be closed without loss. */
bool conn_quiet(const struct worker *w, const struct conn *c);

/* ---- flow.c ---- */

/* Moves bytes until nothing moves. */
void conn_run(struct worker *w, struct conn *c);
/* Answers from outside the engine's view: see sp_session_fail. Ends in conn_run. */
void conn_fail(struct worker *w, struct conn *c, unsigned status, const char *why);

/* ---- splice.c ---- */

void splice_init(struct worker *w);
/* True when the bytes of `dir` should go through a pipe, and there is one. */
bool splice_wanted(struct worker *w, struct conn *c, enum sp_dir dir);
/* From the source into the pipe: bytes, 0 end of stream, or -errno (-EAGAIN: nothing there, or the pipe is full). */
ssize_t splice_in(struct worker *w, struct conn *c, enum sp_dir dir);
/* From the pipe to the receiver: bytes or -errno. */
ssize_t splice_out(struct worker *w, struct conn *c, enum sp_dir dir);
/* Takes the pipe away; with bytes in it, it is closed. */
void splice_end(struct worker *w, struct conn *c, enum sp_dir dir);
void splice_fini(struct worker *w);

/* ---- upstream.c ---- */

void upstream_connect(struct worker *w, struct conn *c);
/* The attempt has ended, by an event or (error > 0) by the clock. */
void upstream_settle(struct worker *w, struct conn *c, int error);
void upstream_close(struct worker *w, struct conn *c);
/* With a reset: the server must not take what it has got for all there is. */
void upstream_abort(struct worker *w, struct conn *c);

/* ---- preface.c ---- */

void preface_read(struct worker *w, struct conn *c);

/* ---- wheel.c ---- */

void wheel_set(struct worker *w, struct conn *c, uint64_t when_ms);
void wheel_remove(struct worker *w, struct conn *c);
/* The timer descriptor fires no later than this. */
void wheel_arm(struct worker *w, uint64_t when_ms);
/* Looks at what is due, a bounded number of connections, and arms the timer for the next. */
void wheel_turn(struct worker *w);

#endif
