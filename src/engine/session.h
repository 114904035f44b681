/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session: one connection as a value, and the engine that pumps bytes through it. No I/O here: whoever drives it (live relay,
 * pcap replay, judge, tests, fuzzers) puts received bytes into `room`, says how many, and sends what `out` offers.
 *
 * Three offsets per direction into one contiguous block: sent <= clear <= have. Bytes below `sent` are gone, up to
 * `clear` may be sent, up to `have` are being judged. A direction without bytes owns no block.
 *
 * struct sp_session holds no pointers: blocks are named by number. It can be copied to another process that maps the same pool.
 */
#ifndef SP_ENGINE_SESSION_H
#define SP_ENGINE_SESSION_H

#include "base/clock.h"
#include "engine/pool.h"
#include "proto/proto.h"
#include "rule/policy.h"

struct sp_session_addr {
    uint8_t ip[16]; /* IPv4 as ::ffff:a.b.c.d */
    uint16_t port;
};

enum sp_side_flags {
    SP_SIDE_EOF = 1 << 0,      /* the sender of this direction has finished */
    SP_SIDE_SHUT = 1 << 1,     /* end of stream has been passed on */
    SP_SIDE_COLLECT = 1 << 2,  /* a body is being collected with its head */
    SP_SIDE_DISCARD = 1 << 3,  /* what belongs to a refused or dropped message is thrown away */
    SP_SIDE_SAID = 1 << 4,     /* frame's `say` has been said for this unit */
    SP_SIDE_STALL = 1 << 5,    /* waits for the other direction */
    SP_SIDE_HALT = 1 << 6,     /* nothing more is read or judged (after a closing reply) */
    SP_SIDE_LATER = 1 << 7,    /* what stands here is refused, as soon as earlier answers have been given */
};

struct sp_side {
    uint32_t block;            /* pool block, 0 = none */
    uint32_t sent, clear, have;
    uint32_t flags;
    uint64_t flow;             /* bytes that may still pass unread; UINT64_MAX: until end of stream */
    uint64_t mark;             /* frame's resume mark for the unit at `clear` */
    uint64_t messages, bytes;  /* counters: units judged, bytes received */
};

struct sp_session {
    uint64_t flow_id;
    struct sp_session_addr client, server; /* server: the address the client connected to */
    uint64_t unit_since_ms;    /* when the first byte of the oldest incomplete client unit came; 0 = none */
    uint64_t busy_ms;          /* last time any byte moved */
    uint32_t service;          /* index of the service, for ip.* fields and events */
    uint16_t proto;            /* index in sp_protos */
    /* 0 or not; no bool: a successor reads them where memory may be damaged */
    uint8_t opaque;            /* both directions pass unread */
    uint8_t closing;           /* after everything in `out` was sent, close both sides */
    uint8_t abort_server;      /* the server side is to be closed at once (a message was refused half way) */
    uint8_t one_sided;         /* only one direction is known (judge, half a capture): never wait for the other */
    uint8_t worst;             /* enum sp_act: gravest verdict so far */
    struct sp_side side[2];    /* by enum sp_dir */
    uint64_t state[SP_STATE_MAX / 8];
};

/* One thing worth telling: a verdict on a message. Valid during the callback only. */
struct sp_event {
    const struct sp_session *session;
    const struct sp_policy *policy;
    const struct sp_msg *msg;      /* decoded with every head field, NULL when it could not be decoded */
    enum sp_dir dir;
    enum sp_act act;               /* what was done */
    const char *anomaly;           /* the protocol's name for a malformation, else NULL */
    bool has_rule;
    uint32_t rule;                 /* index in policy */
    struct sp_span field;          /* "http.request.headers["x"]" as text; empty if unknown */
    struct sp_span before, after;  /* decoded value; after only for corrections. Secrets are already masked. */
    unsigned status;               /* of the refusal, 0 = none */
};

struct sp_engine {
    const struct sp_policy *policy;
    struct sp_matcher *matcher;
    struct sp_pool *pool;
    struct sp_arena arena, spare;   /* message, and the decode-again check */
    uint64_t body_max;              /* longest body ever collected; longer ones that a rule must read are refused */
    bool patient, starved;          /* see sp_session_room */
    bool over_pass;                 /* a message that costs more than the matcher's limit passes; else it is refused */
    bool monitor;                   /* judge and tell, change nothing */
    const struct sp_proto *learning;/* of whose client messages the statement's key and shape are decoded, whatever rules read; NULL: of none */
    uint64_t learned[SP_FIELD_WORDS];
    bool forwarded;                 /* tell the server the client's address (X-Forwarded-For) */
    const char *const *services;    /* names by sp_session.service; may be NULL */
    uint64_t now_ms;                /* told by the driver before each call; monotonic */
    struct sp_moment moment;        /* told by the driver, every second or so; rules see no clock where the day is not known */
    void (*emit)(void *ctx, const struct sp_event *ev); /* may be NULL */
    /* every judged unit, before its bytes move on; may be NULL */
    void (*judged)(void *ctx, const struct sp_session *s, const struct sp_msg *m, const struct sp_verdict *v);
    void *ctx;
    struct sp_value *values, *values2; /* engine's own: SP_VALUES_MAX each */
    struct sp_edit *edits, *edits2;    /* engine's own: SP_EDITS_MAX each */
    struct sp_verdict verdict, again;  /* of the message; of its corrected form */
    struct sp_msg msg;                 /* the message under judgement */
    uint64_t units, hits, refused, corrected, malformed, over_budget; /* counters */
};

/* 0 or -errno. The policy and the pool outlive the engine. Without a policy (NULL) nothing can be judged: every session has to be opaque. */
__attribute__((warn_unused_result)) int sp_engine_init(struct sp_engine *e, const struct sp_policy *p, struct sp_pool *pool,
                                                       uint64_t body_max);
void sp_engine_fini(struct sp_engine *e);
/* Another policy, from the next message on. 0 or -errno (the old one stays). */
__attribute__((warn_unused_result)) int sp_engine_swap(struct sp_engine *e, const struct sp_policy *p);
/*
 * From now on clients' messages of this protocol are decoded as far as a statement's key and the text of its shape, whatever rules read: for `judged`. NULL,
 * or a protocol without statements: not any more. To be said again after sp_engine_swap.
 */
void sp_engine_learn(struct sp_engine *e, const struct sp_proto *proto);

/* `options`: enum sp_open. */
void sp_session_open(struct sp_engine *e, struct sp_session *s, const struct sp_proto *proto, unsigned options);
/* Gives the blocks back. */
void sp_session_close(struct sp_engine *e, struct sp_session *s);

/*
 * Where bytes received in `dir` go: at most *ret_n bytes at the result. NULL: do not read now (backpressure, halt, or no memory). Without memory the
 * session fails, or, when the driver may find some, e->starved is set.
 */
uint8_t *sp_session_room(struct sp_engine *e, struct sp_session *s, enum sp_dir dir, size_t *ret_n);
/* n bytes were put there (0 is allowed). Judges what is complete. */
void sp_session_got(struct sp_engine *e, struct sp_session *s, enum sp_dir dir, size_t n);
/* The same without judging: for a successor that finds bytes its predecessor had received. sp_session_got with n = 0 judges them. */
void sp_session_found(struct sp_session *s, enum sp_dir dir, size_t n);
/*
 * Nothing of this session is judged any more: what is held and what comes passes unread, and it is told so. False: it cannot go on that way (a message is half
 * refused, or the session is ending); it should be closed.
 */
bool sp_session_quarantine(struct sp_engine *e, struct sp_session *s, const char *why);
/* Could these offsets, blocks and state be a session's? For memory that somebody may have damaged. */
bool sp_session_plausible(const struct sp_engine *e, const struct sp_session *s);
/* Between two messages in both directions, with nothing held and nothing due: it can go on elsewhere from its addresses and `state` alone. */
bool sp_session_at_rest(const struct sp_session *s);
/* The sender of `dir` has finished. */
void sp_session_eof(struct sp_engine *e, struct sp_session *s, enum sp_dir dir);
/* Bytes to send towards the receiver of `dir`. */
struct sp_span sp_session_out(const struct sp_engine *e, const struct sp_session *s, enum sp_dir dir);
/* Puts bytes in front of everything that is still to be sent towards the server. False: no memory. */
bool sp_session_precede(struct sp_engine *e, struct sp_session *s, struct sp_span bytes);
void sp_session_sent(struct sp_engine *e, struct sp_session *s, enum sp_dir dir, size_t n);
/* How many bytes may go from socket to socket without us now (nothing is buffered): 0, a number, or UINT64_MAX. */
uint64_t sp_session_spliceable(const struct sp_session *s, enum sp_dir dir);
void sp_session_spliced(struct sp_engine *e, struct sp_session *s, enum sp_dir dir, uint64_t n);
/* Everything of `dir` was sent and its sender has finished: shut the receiver's write side down (once). */
bool sp_session_shut(struct sp_session *s, enum sp_dir dir);
/* True when something is ready for the server: connect to it now (client_first protocols connect on the first unit). */
bool sp_session_needs_server(const struct sp_engine *e, const struct sp_session *s);
/* The client is refused from outside (timeouts 408, dead upstream 502/504, overload 503): in-protocol reply if one can be placed,
 * then close. `why` names the event. */
void sp_session_fail(struct sp_engine *e, struct sp_session *s, unsigned status, const char *why);
/* Frees blocks that hold nothing; called by the driver when a turn is over. */
void sp_session_rest(struct sp_engine *e, struct sp_session *s);

#endif
