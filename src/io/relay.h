/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay: live connections through the engine. One worker thread for each processor, each with its own listening sockets (SO_REUSEPORT),
 * epoll, connections, pool and engine; they share nothing but the policy. A client's connection has a server connection of its own.
 */
#ifndef SP_IO_RELAY_H
#define SP_IO_RELAY_H

#include "engine/session.h"
#include "io/proxyproto.h"

enum sp_relay_limits {
    SP_RELAY_WHY = 256,        /* room for the sentence that says what is wrong */
    SP_RELAY_THREADS_MAX = 256,
};

/* What is protected. Addresses as sp_address_parse reads them. Zero in a time or a size means the default. */
struct sp_service_conf {
    const char *name;
    const struct sp_proto *proto;
    const char *const *listen;
    unsigned nlisten;
    const char *to;
    enum sp_proxy_mode proxy_in;  /* clients announce themselves: OFF, V1, V2 or ANY of both; then it is required */
    enum sp_proxy_mode proxy_out; /* the server is told who the client is: OFF, V1 or V2 */
    bool forwarded;               /* the same in the protocol (X-Forwarded-For) */
    bool monitor;                 /* judge and tell, change nothing */
    uint64_t body_max;            /* bytes; default 64 MiB */
    uint64_t header_ms;           /* from the first byte of a message to the end of its head; default 10 s */
    uint64_t body_ms;             /* a body that is being collected must move; default 30 s */
    uint64_t idle_ms;             /* a connection on which nothing moves; default 75 s */
    uint64_t connect_ms;          /* the server must accept; default 3 s */
};

/* Everything in here, the policy included, stays the caller's and must outlive the relay. */
struct sp_relay_conf {
    const struct sp_service_conf *services;
    unsigned nservices;
    unsigned threads;         /* 0: one for each processor this process may use */
    unsigned spin_us;         /* look for work this long before sleeping: less delay, more CPU */
    uint64_t memory;          /* bytes that all connections together may hold back; default 1 GiB */
    uint64_t max_connections; /* clients connected at the same time; default 65536. Lowered to what the descriptor limit allows. */
    const struct sp_policy *policy;
    void (*emit)(void *ctx, const struct sp_event *ev); /* called by any worker, must be safe for that; may be NULL */
    void *ctx;
};

struct sp_relay_counters {
    uint64_t connections, active;       /* accepted ever; open now */
    uint64_t bytes[2];                  /* received, by enum sp_dir */
    uint64_t accept_failures;           /* no descriptors, no memory */
    uint64_t server_failures;           /* the server refused, did not answer in time, or went away */
    uint64_t timeouts;                  /* header, body and idle */
    uint64_t preface_failures;          /* connections closed for a wrong PROXY protocol header */
    uint64_t units, hits, refused, corrected, malformed; /* the engines' */
    uint64_t memory;                    /* bytes held back now */
    /* uint64_t only: they are summed as an array */
};

struct sp_relay;

/* Opens every listener and starts the workers. 0; or -errno with one sentence in `why`, and nothing is left open. */
__attribute__((warn_unused_result)) int sp_relay_start(const struct sp_relay_conf *conf, struct sp_relay **ret, char why[SP_RELAY_WHY]);
/* Accepts no more; connections may finish what they are at for `grace_ms`, then they are closed. Returns when all is over. */
void sp_relay_stop(struct sp_relay *r, unsigned grace_ms);
/* Another policy, from each connection's next message on. 0: no worker uses the old one any more. -errno: all go on with the old one. */
__attribute__((warn_unused_result)) int sp_relay_swap_policy(struct sp_relay *r, const struct sp_policy *next);
void sp_relay_count(struct sp_relay *r, struct sp_relay_counters *ret);
/* Memory of ours per idle connection. */
size_t sp_relay_connection_size(void);

#endif
