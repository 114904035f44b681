/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker: what the files of the relay share and nobody else calls.
 *
 * What a successor needs is in the segment: connections, the hand, the events that epoll gave last, numbers of descriptors. struct worker itself is private to
 * the process and holds only what can be made again from that. docs/survival.md is the protocol between one worker and the next.
 */
#ifndef SP_IO_WORKER_H
#define SP_IO_WORKER_H

#include <stddef.h>
#include <sys/epoll.h>
#include <sys/types.h>

#include "base/bits.h"
#include "io/address.h"
#include "io/event_source.h"
#include "io/relay.h"

#ifndef SP_STATE_VERSION_BUMP /* set by builds that play a version with other state */
#define SP_STATE_VERSION_BUMP 0
#endif

enum worker_limits {
    CONN_BYTES_MAX = 1024, /* memory of ours for an idle connection, its session included */
    PIPES_MAX = 64,        /* pipes of a worker for bodies that pass unread; further ones are copied */
    WHEEL_SLOTS = 2048,    /* with WHEEL_MS: 131 s; what is due later is looked at again then */
    WHEEL_MS = 64,         /* how late a time-out may be */
    EVENTS_TURN = 256,     /* events taken at once: what 256 busy connections make in one turn */
};

/* A service as the worker sees it. */
struct service {
    const struct sp_plan_service *plan;
    const struct sp_proto *proto;
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

/*
 * Invariant: while phase is PREFACE, OPEN or LINGER the client's descriptor is open; the server's while it is CONNECTING or UP. `sum` is right
 * whenever the connection is not under the hand. What stands behind it is made again by a successor.
 */
struct conn {
    int fd[2];             /* by enum sp_dir: where the bytes of that direction come from */
    uint8_t phase, server; /* enum conn_phase, enum conn_server */
    uint8_t readable;      /* bit by direction: its source may have bytes (edge-triggered: we have to remember) */
    uint8_t ended;         /* bit by direction: end of stream, an error or an urgent byte is on its way; read until nothing is there */
    uint8_t reset;         /* bit by direction: its source was reset; a successor cannot ask again */
    uint8_t blocked;       /* bit by direction: its receiver took no more */
    uint8_t bulk;          /* bit by direction: its latest read was long */
    uint8_t address;       /* which of the server's addresses is being tried */
    uint8_t strikes;       /* workers that died with it under the hand */
    /* 0 or not; no bool: a successor reads them where memory may be damaged */
    uint8_t perhaps_given; /* a predecessor died while it gave it to another worker: that one may be at it */
    uint8_t asked;         /* the server was sent something since it last said something */
    uint16_t service;
    uint16_t pipe[2];      /* by direction: number of the pipe + 1, 0 = none */
    uint32_t piped[2];     /* bytes in it */
    uint32_t preface;      /* bytes that the client sent before its first message: the PROXY protocol header */
    uint64_t given[2];     /* bytes sent to the receiver of that direction, our own included */
    uint64_t since_ms;     /* of the preface, the attempt to connect, the lingering */
    struct sp_session session;
    uint64_t sum;
    uint8_t queued;        /* in the run queue; no bool: a successor reads it unchecked */
    uint32_t run_next;     /* run queue, list of free or dead connections */
    uint32_t timer_next, timer_prev;
    uint64_t timer_slot;   /* 0: not in the wheel */
};
_Static_assert(sizeof(struct conn) <= CONN_BYTES_MAX, "an idle connection must stay small");

/* ---- the segment ---- */

struct pipe_pair {
    int fd[2]; /* -1: not made yet */
    uint32_t size;
};

/* What the worker was doing to the connection under its hand when it wrote the mark. */
enum hand_op {
    HAND_IDLE = 0,    /* nothing: the connection is as it stands in the array */
    HAND_STEP,        /* nothing that the kernel has to be asked about: back to the copy */
    HAND_READ,        /* recv into the block of `dir` at `have` */
    HAND_SEND,        /* send from the block of `dir` at `sent` */
    HAND_SPLICE_IN,   /* from the source of `dir` into its pipe */
    HAND_SPLICE_OUT,  /* from the pipe of `dir` to its receiver */
    HAND_LOCAL_FILL,  /* `dir` with a server behind a unix socket: into the worker's own pipe */
    HAND_LOCAL_EMPTY, /* out of it; `arg` bytes were in it */
    HAND_LOCAL_SENT,  /* `sent` bytes of it were sent; the rest is thrown away */
    HAND_PREFACE,     /* takes the PROXY protocol header, `arg` bytes, out of the client's socket; it is not counted yet */
    HAND_CLOSE,       /* closes everything; arg: with a reset */
    HAND_CLOSE_SERVER,/* closes the server's side; arg: with a reset */
    HAND_ACCEPT,      /* takes a connection from listener `arg`; `conn` is where it goes, 0: nowhere yet */
    HAND_PASS,        /* gives the connection to another worker */
};

/* Only one connection is worked on at any time. Written before, never after, what it speaks of. */
struct hand {
    uint32_t conn;    /* index; 0: none */
    uint8_t op, dir;  /* enum hand_op, enum sp_dir */
    uint16_t again;   /* successors that began with this mark */
    uint64_t arg, sent;
    struct conn copy; /* what to go back to; without its `sum` */
};

/* A connection as it goes from worker to worker. Only ever longer, and only at its end: the two may be of different versions. */
struct handover {
    uint64_t magic;
    uint64_t flow_id;
    struct sp_session_addr client, server;
    char service[SP_PLAN_NAME], protocol[SP_PLAN_NAME];
    uint8_t opaque, preface_due, has_server, address, perhaps_given;
    uint32_t preface;
    uint64_t taken[2], given[2], messages[2];
    uint32_t state_size, state_version;
    uint8_t state[SP_STATE_MAX];
};

/* One that is being received: the kernel writes right here. magic is zero when there is none. */
struct incoming {
    struct handover what;
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))];
};

/* Orders and their answers: written by the keeper, `answer` by the worker. */
struct orders {
    uint32_t order;   /* enum sp_relay_order; atomic */
    int32_t answer;   /* ORDER_OPEN until it is answered; atomic */
    uint32_t grace_ms;
    int32_t plan, policy, channel;
    int32_t listeners[SP_PLAN_LISTENERS];
};
enum { ORDER_OPEN = 1 };

/* Flat, no pointers; behind it the connections [0 .. max] and the pool. */
struct segment {
    uint64_t magic, layout, size;
    uint64_t conns_at, pool_at; /* offsets */
    uint64_t memory;            /* budget of the pool */
    uint32_t max, fresh;        /* connections; those above `fresh` were never used */
    uint32_t slot;
    uint64_t flow_id;           /* of the latest connection */
    uint64_t beat;              /* see sp_relay_beat; bit 0: at rest */
    uint32_t up, death;         /* the present worker serves; how the one before ended (enum sp_death), or DEATH_NONE */
    int32_t epoll, wake, timer, answered;
    int32_t receive;            /* channel for sessions that come from another worker; -1: none */
    int32_t drain;              /* channel for sessions that go to another worker; -1: none */
    uint8_t stopping;
    uint64_t stop_ms;           /* connections that are left then are closed */
    struct pipe_pair pipes[PIPES_MAX + 1]; /* the last is the worker's own, for servers behind unix sockets */
    struct hand hand;
    struct incoming incoming;
    struct orders orders;
    struct epoll_event events[EVENTS_TURN];
};
enum { DEATH_NONE = 99 };

struct sp_relay {
    struct segment *segment;
    int fd;
    struct worker *worker; /* in the process that serves */
};

/* ---- the worker ---- */

struct wheel {
    uint32_t head[WHEEL_SLOTS];
    uint64_t used[SP_BITS_WORDS(WHEEL_SLOTS)];
    uint64_t at;      /* slots up to this one are done */
    uint64_t count;
    uint64_t armed_ms;/* when the timer descriptor will fire; UINT64_MAX: never */
};

/* Things that are said at most once a second by a worker. */
enum worker_say { SAY_ACCEPT, SAY_SERVER, SAY_MEMORY, SAY_PREFACE, SAY_SHED, SAY_KINDS };

struct worker {
    struct segment *segment;
    struct conn *conns;      /* in the segment: [1 .. max] */
    struct hand *hand;       /* in the segment; NULL: nobody would go on with our sessions */
    struct sp_engine engine; /* its now_ms is the worker's clock: read once a turn */
    struct sp_relay_conf conf;
    struct service services[SP_PLAN_SERVICES];
    const char *names[SP_PLAN_SERVICES];
    uint32_t current;        /* the service that the engine is set up for */
    struct listener listeners[SP_PLAN_LISTENERS];
    uint32_t nlisteners;
    bool mapped;             /* plan and policy were mapped by an order: ours to unmap */
    bool resting;
    struct sp_event_source *events;

    uint32_t active, free, dead, run;
    uint16_t pipes_free[PIPES_MAX]; /* a stack: the one used last is taken first */
    uint32_t npipes_free;
    struct wheel wheel;

    bool paused;             /* listeners are not looked at */
    uint64_t resume_ms;      /* until then, or until a connection ends */
    uint64_t said_ms[SAY_KINDS];
    uint64_t tick_ms;        /* when conf.tick is called next */
    uint64_t clock_ms;       /* when the time of day is looked at next */
    struct sp_counters *count;
    struct sp_counters before; /* as a predecessor left them */
    uint32_t shed_at;          /* where the next search begins */
};

static inline uint8_t dir_bit(enum sp_dir dir) { return (uint8_t)(1u << dir); }
static inline enum sp_dir dir_back(enum sp_dir dir) { return dir == SP_C2S ? SP_S2C : SP_C2S; }
static inline uint64_t worker_now(const struct worker *w) { return w->engine.now_ms; }
static inline const struct sp_plan_service *conn_service(const struct worker *w, const struct conn *c) { return w->services[c->service].plan; }
static inline bool worker_plain(const struct worker *w) { return !w->conf.policy; }
static inline uint32_t conn_index(const struct worker *w, const struct conn *c) { return (uint32_t)(c - w->conns); }

/* Bytes of a connection that say what it is: the decoder's state is as long as its protocol wants it. */
static inline size_t conn_length(const struct conn *c)
{
    return offsetof(struct conn, session) + offsetof(struct sp_session, state) + sp_protos[c->session.proto]->state_size;
}
static inline uint32_t conn_generation(const struct conn *c) { return (uint32_t)c->session.flow_id & ((1u << 30) - 1); }

/* ---- hand.c ---- */

/* Notes what is about to be done, and the connection as it is: what to go back to. Before every system call that cannot simply be repeated. */
void hand_mark(struct worker *w, const struct conn *c, enum hand_op op, enum sp_dir dir, uint64_t arg);
/* This connection is worked on from here on. Until the first mark nothing of it may be changed but by single stores that leave it whole. */
void hand_take(struct worker *w, const struct conn *c);
/* It is being made, for what was marked by hand_accept. */
static inline void hand_new(struct worker *w, const struct conn *c)
{
    if (w->hand)
        w->hand->conn = conn_index(w, c);
}
/* A second step of the marked operation. */
void hand_next(struct worker *w, enum hand_op op, uint64_t arg);
/* The connection is left as it is. */
void hand_done(struct worker *w, struct conn *c);
/* Before a connection is accepted from listener number `listener`. */
void hand_accept(struct worker *w, uint32_t listener);
uint64_t conn_sum(const struct conn *c);

/* ---- settle.c: how far did the kernel get? ---- */

/* Bytes that were taken out of a TCP socket since it was made. `reset`: it was reset by its peer. -errno when the kernel does not say. */
int64_t settle_taken(int fd, bool *reset);
/* Bytes that were given to a TCP socket. `active`: we connected it. */
int64_t settle_given(int fd, bool active);
/* Bytes in a pipe. */
int64_t settle_piped(int fd);

/* ---- recover.c ---- */

/* Takes over what the segment holds: the connection under the hand of a worker that died, and all others. */
void recover(struct worker *w);

/* ---- handover.c ---- */

/* Gives the connection to the other worker when it is between two messages. True: it is gone. */
bool handover_give(struct worker *w, struct conn *c);
/* Connections that another worker gave. */
void handover_receive(struct worker *w);
/* The descriptors of one that a predecessor received and had no time to place: their number. */
unsigned handover_received(const struct worker *w, int ret[2]);
/* Places it. */
void handover_place(struct worker *w);

/* ---- orders.c ---- */

/* Does what the keeper said, if it said something. */
void orders_obey(struct worker *w);
/* The same when nobody rings, and goes on stopping: for a successor. */
void orders_resume(struct worker *w);
/* The plan, policy and listeners of `conf` are in force from now on. 0 or -errno (those before stay). */
__attribute__((warn_unused_result)) int plan_enter(struct worker *w, const struct sp_relay_conf *conf);
void plan_unmap(const struct sp_relay_conf *conf);
/* While stopping or draining: connections that need not wait any longer. */
void orders_look(struct worker *w);

/* ---- loop.c ---- */

/*
 * What an event names, in the low bits of its data; above them 32 bits of index, then the generation of the connection. The first two are enum
 * sp_dir: a connection's descriptors.
 */
enum event_kind { EVENT_LISTENER = 2, EVENT_WORKER = 3 };
enum event_worker { WORKER_WAKE, WORKER_TIMER, WORKER_RECEIVE };

void worker_turns(struct worker *w);
/* Looks at the connection again, whatever was known about its descriptors. */
void worker_look_again(struct worker *w, struct conn *c);
/* True when it may be said now. */
bool worker_may_say(struct worker *w, enum worker_say what);
/* The connection has more to do than was allowed in one turn. */
void worker_run_later(struct worker *w, struct conn *c);
/* Watches a descriptor, or changes how it is watched. 0 or -errno. */
__attribute__((warn_unused_result)) int worker_watch_fd(const struct worker *w, int fd, uint32_t events, uint64_t index, unsigned kind);
/* Watches a descriptor of a connection. 0 or -errno. */
__attribute__((warn_unused_result)) int worker_watch(struct worker *w, struct conn *c, enum sp_dir dir);

/* ---- accept.c ---- */

void accept_turn(struct worker *w, uint32_t listener);
/* Takes up a connection that was accepted from a listener. */
void accept_welcome(struct worker *w, uint32_t listener, int fd, const struct sp_address *peer);
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
/* Its descriptors are no longer ours; the rest goes when the turn is over. */
void conn_bury_later(struct worker *w, struct conn *c);
/* Connections closed in this turn become free. */
void conn_bury(struct worker *w);
/* Puts the next look at its deadlines into the wheel, unless an earlier or equal one is there. */
void conn_schedule(struct worker *w, struct conn *c);
/* Its time in the wheel has come. */
void conn_due(struct worker *w, struct conn *c);
/* Nobody is owed anything: it may be closed without loss. */
bool conn_quiet(const struct worker *w, const struct conn *c);

/* ---- shed.c ---- */

/* Closes the connection that has been idle for longest, of those looked at. False: none is idle for long enough to be missed by nobody. */
bool shed_idle(struct worker *w);
/* When memory ran out in this turn: the one that has made its bytes wait for longest is refused. */
void shed_memory(struct worker *w);

/* ---- flow.c ---- */

/* Moves bytes until nothing moves. */
void conn_run(struct worker *w, struct conn *c);
/* Judges what is held without being judged. */
void conn_judge(struct worker *w, struct conn *c);
/* Answers from outside the engine's view: see sp_session_fail. Ends in conn_run. */
void conn_fail(struct worker *w, struct conn *c, unsigned status, const char *why);

/* ---- local.c: a server behind a unix socket ---- */

/*
 * Like recv from the server and send to it, through the worker's own pipe: the kernel does not count what goes through a unix socket, but says what
 * is in a pipe.
 */
ssize_t local_recv(struct worker *w, struct conn *c, void *p, size_t n);
/* Shortens *out to what was tried. */
ssize_t local_send(struct worker *w, struct conn *c, struct sp_span *out);
void local_drain(struct worker *w);
bool conn_is_local(const struct worker *w, const struct conn *c);

/* ---- splice.c ---- */

/* Pipes that are nobody's are free. */
void splice_init(struct worker *w);
bool pipe_make(struct pipe_pair *p);
/* True when the bytes of `dir` should go through a pipe, and there is one. */
bool splice_wanted(struct worker *w, struct conn *c, enum sp_dir dir);
/* From the source into the pipe: bytes, 0 end of stream, or -errno (-EAGAIN: nothing there, or the pipe is full). */
ssize_t splice_in(struct worker *w, struct conn *c, enum sp_dir dir);
/* From the pipe to the receiver: bytes or -errno. */
ssize_t splice_out(struct worker *w, struct conn *c, enum sp_dir dir);
/* Takes the pipe away; with bytes in it, it is closed. */
void splice_end(struct worker *w, struct conn *c, enum sp_dir dir);

/* ---- upstream.c ---- */

void upstream_connect(struct worker *w, struct conn *c);
/* The attempt has ended, by an event or (error > 0) by the clock. */
void upstream_settle(struct worker *w, struct conn *c, int error);
void upstream_close(struct worker *w, struct conn *c);
/* With a reset: the server must not take what it has got for all there is. */
void upstream_abort(struct worker *w, struct conn *c);
/* The same as part of a step that is marked already. */
void upstream_drop(struct worker *w, struct conn *c, bool reset);
/* A successor asks again how the attempt to connect stands. */
void upstream_again(struct worker *w, struct conn *c);

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
