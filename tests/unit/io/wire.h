/* SPDX-License-Identifier: Apache-2.0 */
/* wire: a relay with a client and a server on sockets of the test's own, so that every order of events can be written down. */
#ifndef TESTS_UNIT_WIRE_H
#define TESTS_UNIT_WIRE_H

#include <pthread.h>

#include "io/relay.h"
#include "unit.h"

enum wire_limits {
    WIRE_PATIENCE_S = 30, /* a test that waits longer has failed: a connection whose first packet is lost is tried again after 1, 3, 7 and 15 s */
    WIRE_CONNECTIONS = 16,
};

#define WIRE_REQUEST "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
#define WIRE_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

struct wire {
    int origin;   /* the server's listening socket */
    int listener; /* the relay's */
    uint16_t port;
    int listeners[2];
    struct sp_plan *plan; /* one service, one listener; changed by the test before the relay starts */
    struct sp_plan_service *service;
    struct sp_policy *policy;
    struct sp_relay_conf conf;
    struct sp_relay *relay;
    pthread_t thread;
    bool serving, served; /* there is a thread to join; it serves no longer */
    char path[64];        /* of a unix socket */
    uint8_t *told;        /* events taken so far */
    size_t ntold;
};

/* NULL: no rules. Everything is made but the relay. */
struct wire *wire_new(const char *rules);
/* The server listens on a unix socket instead. */
void wire_use_unix(struct wire *w);
/* Makes the relay; nobody serves yet. */
void wire_open(struct wire *w);
/* Makes the relay and serves in a thread. */
void wire_start(struct wire *w);
/* A further thread on the same sessions, after the one before has ended. */
void wire_serve(struct wire *w);
/* Waits until the thread has stopped serving. */
void wire_join(struct wire *w);
/* Lets the relay rest, and frees everything. */
void wire_free(struct wire *w);
/* Tells the relay and waits for the answer. */
int wire_tell(struct wire *w, const struct sp_relay_told *what);
int wire_policy_fd(const struct sp_policy *p);
int wire_plan_fd(const struct sp_plan *p);

struct sp_counters wire_counters(const struct wire *w);
/* An event whose text contains this has been told, or is within the time that a test waits. */
bool wire_told(struct wire *w, const char *text);
/* Lines told so far. */
unsigned wire_lines(struct wire *w);

int wire_bound(uint16_t *ret_port);
int wire_client(const struct wire *w);
int wire_server(const struct wire *w);
void wire_say(int fd, const char *text);
void wire_hear(int fd, const char *text);
void wire_hear_end(int fd);
/* What comes until the end begins with `text`. */
void wire_hear_last(int fd, const char *text);
bool wire_silent(int fd, int ms);
/* n bytes sent to `from` arrive at `to`, while both are busy. */
void wire_bulk(int from, int to, const uint8_t *bytes, size_t n);

#endif
