/* SPDX-License-Identifier: Apache-2.0 */
/* The relay between sockets of our own: the test is the client and the server, so every order of events is written down. */
#include "io/relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "unit.h"

enum {
    PATIENCE_S = 10, /* a test that waits longer has failed */
    BULK = 3 << 20,
};

#define REQUEST "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

struct fixture {
    int origin; /* listening */
    char to[64], listen[64];
    uint16_t port;
    const char *listens[1];
    struct sp_service_conf service;
    struct sp_relay_conf conf;
    struct sp_policy *policy;
    struct sp_relay *relay;
    unsigned events;
    char anomaly[64];
};

/* ---- sockets ---- */

static void be_patient(int fd)
{
    struct timeval t = {.tv_sec = PATIENCE_S};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t), 0);
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int bound(uint16_t *ret_port)
{
    struct sockaddr_in a = loopback(0);
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && getsockname(fd, (struct sockaddr *)&a, &len) == 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

static int client(const struct fixture *f)
{
    struct sockaddr_in a = loopback(f->port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    be_patient(fd);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static int server(const struct fixture *f)
{
    struct pollfd p = {.fd = f->origin, .events = POLLIN};
    assert_int_equal(poll(&p, 1, PATIENCE_S * 1000), 1);
    int fd = accept(f->origin, NULL, NULL);
    assert_true(fd >= 0);
    be_patient(fd);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void hear(int fd, const char *text)
{
    char got[512] = "";
    assert_int_equal(recv(fd, got, strlen(text), MSG_WAITALL), strlen(text));
    assert_string_equal(got, text);
}

static void hear_end(int fd)
{
    char c;
    assert_int_equal(recv(fd, &c, 1, 0), 0);
}

/* What comes until the end begins with `text`. */
static void hear_last(int fd, const char *text)
{
    char got[2048] = "";
    assert_true(recv(fd, got, sizeof got - 1, MSG_WAITALL) > 0);
    assert_memory_equal(got, text, strlen(text));
}

static bool silent(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, ms) == 0;
}

/* ---- a relay ---- */

static void note(void *ctx, const struct sp_event *ev)
{
    struct fixture *f = ctx;
    f->events++;
    snprintf(f->anomaly, sizeof f->anomaly, "%s", ev->anomaly ? ev->anomaly : "");
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    uint16_t port;
    f->origin = bound(&port);
    assert_int_equal(listen(f->origin, 16), 0);
    snprintf(f->to, sizeof f->to, "127.0.0.1:%u", port);
    int unused = bound(&f->port);
    snprintf(f->listen, sizeof f->listen, "127.0.0.1:%u", f->port);
    close(unused);
    f->listens[0] = f->listen;
    assert_int_equal(sp_policy_empty(&f->policy), 0);
    f->service = (struct sp_service_conf){
        .name = "test", .proto = sp_proto_by_name(SP_LIT("http")), .listen = f->listens, .nlisten = 1, .to = f->to};
    f->conf = (struct sp_relay_conf){.services = &f->service, .nservices = 1, .threads = 1, .max_connections = 16,
                                      .policy = f->policy, .emit = note, .ctx = f};
    *state = f;
    return 0;
}

static void start(struct fixture *f)
{
    char why[SP_RELAY_WHY];
    int rc = sp_relay_start(&f->conf, &f->relay, why);
    if (rc < 0)
        fail_msg("%s", why);
}

static struct sp_relay_counters counters(struct fixture *f)
{
    struct sp_relay_counters c;
    sp_relay_count(f->relay, &c);
    return c;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    if (f->relay)
        sp_relay_stop(f->relay, 0);
    sp_policy_free(f->policy);
    close(f->origin);
    free(f);
    return 0;
}

/* ---- tests ---- */

static void a_request_and_its_answer_pass(void **state)
{
    struct fixture *f = *state;
    start(f);
    int c = client(f);
    say(c, REQUEST);
    int s = server(f);
    hear(s, REQUEST);
    say(s, ANSWER);
    hear(c, ANSWER);
    say(c, REQUEST REQUEST);
    hear(s, REQUEST REQUEST);
    struct sp_relay_counters n = counters(f);
    assert_int_equal(n.connections, 1);
    assert_int_equal(n.active, 1);
    assert_int_equal(n.bytes[SP_C2S], 3 * strlen(REQUEST));
    assert_int_equal(n.bytes[SP_S2C], strlen(ANSWER));
    assert_int_equal(n.memory, 0);
    close(c);
    close(s);
}

static void no_server_is_wanted_before_a_request(void **state)
{
    struct fixture *f = *state;
    start(f);
    int c = client(f);
    say(c, "GET /a HTTP/1.1\r\n");
    assert_true(silent(f->origin, 50));
    close(c);
}

static void a_dead_server_is_told(void **state)
{
    struct fixture *f = *state;
    close(f->origin);
    f->origin = -1;
    start(f);
    int c = client(f);
    say(c, REQUEST);
    hear_last(c, "HTTP/1.1 502 ");
    assert_string_equal(f->anomaly, "server_down");
    close(c);
}

static void a_silent_server_is_told(void **state)
{
    struct fixture *f = *state;
    f->service.idle_ms = 150;
    start(f);
    int c = client(f);
    say(c, REQUEST);
    int s = server(f);
    hear_last(c, "HTTP/1.1 504 ");
    close(c);
    close(s);
}

static void slow_heads_end_in_408(void **state)
{
    struct fixture *f = *state;
    f->service.header_ms = 200;
    start(f);
    int c = client(f);
    for (int i = 0; i < 5 && silent(c, 60); i++) /* every byte is activity, but the head does not end */
        say(c, "G");
    hear_last(c, "HTTP/1.1 408 ");
    assert_string_equal(f->anomaly, "header_timeout");
    close(c);
}

static void idle_connections_end_quietly(void **state)
{
    struct fixture *f = *state;
    f->service.idle_ms = 150;
    start(f);
    int c = client(f);
    say(c, REQUEST);
    int s = server(f);
    hear(s, REQUEST);
    say(s, ANSWER);
    hear(c, ANSWER);
    hear_end(c);
    hear_end(s);
    assert_int_equal(f->events, 0);
    close(c);
    close(s);
}

static void half_a_close_is_passed_on(void **state)
{
    struct fixture *f = *state;
    start(f);
    int c = client(f);
    say(c, REQUEST);
    int s = server(f);
    hear(s, REQUEST);
    assert_int_equal(shutdown(c, SHUT_WR), 0);
    hear_end(s);
    say(s, ANSWER);
    hear(c, ANSWER);
    close(s);
    hear_end(c);
    close(c);
}

static void a_server_that_leaves_without_an_answer_is_told_once(void **state)
{
    struct fixture *f = *state;
    start(f);
    int c = client(f);
    say(c, REQUEST);
    int s = server(f);
    hear(s, REQUEST);
    close(s);
    hear_last(c, "HTTP/1.1 502 ");
    close(c);
    c = client(f); /* a client whose second request is not answered tries again by itself */
    say(c, REQUEST);
    s = server(f);
    hear(s, REQUEST);
    say(s, ANSWER);
    hear(c, ANSWER);
    say(c, REQUEST);
    hear(s, REQUEST);
    close(s);
    hear_end(c);
    close(c);
}

static void an_early_answer_reaches_a_client_that_still_sends(void **state)
{
    static const char early[] = "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno";
    struct fixture *f = *state;
    char body[4096];
    memset(body, 'x', sizeof body - 1);
    body[sizeof body - 1] = 0;
    start(f);
    int c = client(f);
    say(c, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    int s = server(f);
    say(c, body);
    assert_false(silent(s, 1000));
    say(s, early);
    close(s); /* with unread bytes: a reset */
    assert_false(silent(c, 1000));
    for (int i = 0; i < 50; i++)
        if (send(c, body, sizeof body - 1, MSG_NOSIGNAL) < 0)
            break;
    hear_last(c, early);
    close(c);
}

static void a_body_without_length_is_not_completed_by_a_reset(void **state)
{
    struct linger at_once = {.l_onoff = 1};
    struct fixture *f = *state;
    char c4[4];
    start(f);
    int c = client(f);
    say(c, REQUEST);
    int s = server(f);
    hear(s, REQUEST);
    say(s, "HTTP/1.1 200 OK\r\n\r\npart");
    hear(c, "HTTP/1.1 200 OK\r\n\r\npart");
    assert_int_equal(setsockopt(s, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(s);
    assert_int_equal(recv(c, c4, sizeof c4, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    close(c);
}

struct bulk {
    int fd;
    uint8_t *bytes;
};

static void *send_bulk(void *bulk)
{
    const struct bulk *b = bulk;
    for (size_t at = 0; at < BULK;) {
        ssize_t n = send(b->fd, b->bytes + at, BULK - at, MSG_NOSIGNAL);
        if (n < 0)
            break;
        at += (size_t)n;
    }
    return NULL;
}

static void assert_bulk(int from, int to, uint8_t *bytes)
{
    struct bulk b = {from, bytes};
    pthread_t sender;
    uint8_t *got = malloc(BULK);
    assert_int_equal(pthread_create(&sender, NULL, send_bulk, &b), 0);
    assert_int_equal(recv(to, got, BULK, MSG_WAITALL), BULK);
    pthread_join(sender, NULL);
    assert_memory_equal(got, bytes, BULK);
    free(got);
}

/* Long enough to go through pipes, and followed by a message that must not. */
static void long_bodies_pass_both_ways(void **state)
{
    struct fixture *f = *state;
    uint8_t *bytes = malloc(BULK);
    char head[128];
    for (size_t i = 0; i < BULK; i++)
        bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    start(f);
    int c = client(f);
    snprintf(head, sizeof head, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", BULK);
    say(c, head);
    int s = server(f);
    hear(s, head);
    assert_bulk(c, s, bytes);
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BULK);
    say(s, head);
    hear(c, head);
    assert_bulk(s, c, bytes);
    say(c, REQUEST);
    hear(s, REQUEST);
    say(s, ANSWER);
    hear(c, ANSWER);
    free(bytes);
    close(c);
    close(s);
}

static void an_upgraded_connection_passes_unread(void **state)
{
    static const char ask[] = "GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    static const char yes[] = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    struct fixture *f = *state;
    start(f);
    int c = client(f);
    say(c, ask);
    int s = server(f);
    hear(s, ask);
    say(s, yes);
    hear(c, yes);
    say(c, "GET / is no request here\r\n");
    hear(s, "GET / is no request here\r\n");
    say(s, "\x81\x02hi");
    hear(c, "\x81\x02hi");
    assert_int_equal(shutdown(s, SHUT_WR), 0);
    hear_end(c);
    say(c, "more");
    hear(s, "more");
    close(c);
    close(s);
}

static void the_proxy_protocol_names_the_client(void **state)
{
    struct fixture *f = *state;
    f->service.proxy_in = SP_PROXY_ANY;
    f->service.proxy_out = SP_PROXY_V1;
    f->service.forwarded = true;
    start(f);
    int c = client(f);
    say(c, "PROXY TCP4 192.0.2.9 192");
    assert_true(silent(c, 30));
    say(c, ".0.2.80 4000 80\r\nGET /a HTTP/1.1\r\n");
    say(c, "Host: a\r\n\r\n");
    int s = server(f);
    hear(s, "PROXY TCP4 192.0.2.9 192.0.2.80 4000 80\r\nGET /a HTTP/1.1\r\n");
    char head[256] = "";
    assert_true(recv(s, head, sizeof head - 1, 0) > 0);
    assert_non_null(strstr(head, "X-Forwarded-For: 192.0.2.9\r\n"));
    close(c);
    close(s);
}

static void a_missing_proxy_header_closes(void **state)
{
    struct fixture *f = *state;
    char c1;
    f->service.proxy_in = SP_PROXY_V2;
    start(f);
    int c = client(f);
    say(c, REQUEST);
    assert_true(recv(c, &c1, 1, 0) <= 0);
    assert_string_equal(f->anomaly, "proxy_header");
    assert_int_equal(counters(f).preface_failures, 1);
    close(c);
}

static void beyond_the_limit_clients_wait(void **state)
{
    struct fixture *f = *state;
    f->conf.max_connections = 2;
    start(f);
    int a = client(f), b = client(f), c = client(f);
    say(c, "GET bad\r\n\r\n");
    say(a, REQUEST);
    int s = server(f);
    assert_true(silent(c, 50));
    close(b);
    hear_last(c, "HTTP/1.1 400 ");
    close(a);
    close(c);
    close(s);
}

static void a_unix_socket_may_be_the_server(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "/tmp/sallyport-relay-%d.sock", (int)getpid());
    close(f->origin);
    f->origin = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(bind(f->origin, (struct sockaddr *)&a, sizeof a) == 0 && listen(f->origin, 4) == 0);
    snprintf(f->to, sizeof f->to, "unix:%.50s", a.sun_path);
    start(f);
    int c = client(f);
    say(c, REQUEST);
    int s = server(f);
    hear(s, REQUEST);
    say(s, ANSWER);
    hear(c, ANSWER);
    unlink(a.sun_path);
    close(c);
    close(s);
}

static void the_policy_is_swapped_between_messages(void **state)
{
    struct fixture *f = *state;
    struct sp_policy *next;
    start(f);
    int c = client(f);
    say(c, "GET /a HTTP/1.1\r\n");
    assert_int_equal(sp_policy_empty(&next), 0);
    assert_int_equal(sp_relay_swap_policy(f->relay, next), 0);
    sp_policy_free(f->policy);
    f->policy = next;
    say(c, "Host: a\r\n\r\n");
    int s = server(f);
    hear(s, REQUEST);
    close(c);
    close(s);
}

static void *stop(void *fixture)
{
    struct fixture *f = fixture;
    sp_relay_stop(f->relay, PATIENCE_S * 1000);
    f->relay = NULL;
    return NULL;
}

static void stopping_lets_answers_finish(void **state)
{
    struct fixture *f = *state;
    pthread_t stopper;
    start(f);
    int idle = client(f), c = client(f);
    say(c, REQUEST);
    int s = server(f);
    hear(s, REQUEST);
    assert_int_equal(pthread_create(&stopper, NULL, stop, f), 0);
    hear_end(idle);
    struct sockaddr_in a = loopback(f->port);
    int late = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(late, (struct sockaddr *)&a, sizeof a), -1);
    say(s, ANSWER);
    hear(c, ANSWER);
    hear_end(c);
    pthread_join(stopper, NULL);
    close(late);
    close(idle);
    close(c);
    close(s);
}

static void assert_no_start(struct fixture *f, int error, const char *sentence)
{
    char why[SP_RELAY_WHY], expected[SP_RELAY_WHY];
    snprintf(expected, sizeof expected, sentence, f->listen);
    assert_int_equal(sp_relay_start(&f->conf, &f->relay, why), -error);
    assert_string_equal(why, expected);
    assert_null(f->relay);
}

static void what_keeps_it_from_starting_is_said(void **state)
{
    struct fixture *f = *state;
    uint16_t port;
    f->service.to = "nowhere";
    assert_no_start(f, EINVAL,
                    "service test: cannot use 'nowhere' as the server's address: the port is missing; expected host:port, :port or [v6]:port");
    f->service.to = f->to;
    int taken = bound(&port);
    assert_int_equal(listen(taken, 1), 0);
    snprintf(f->listen, sizeof f->listen, "127.0.0.1:%u", port);
    assert_no_start(f, EADDRINUSE, "cannot listen on %s: another program listens there");
    close(taken);
    f->listens[0] = "192.0.2.1:9";
    assert_no_start(f, EADDRNOTAVAIL, "cannot listen on 192.0.2.1:9: this machine does not have that address");
}

#define relay_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        relay_test(a_request_and_its_answer_pass),
        relay_test(no_server_is_wanted_before_a_request),
        relay_test(a_dead_server_is_told),
        relay_test(a_silent_server_is_told),
        relay_test(slow_heads_end_in_408),
        relay_test(idle_connections_end_quietly),
        relay_test(half_a_close_is_passed_on),
        relay_test(a_server_that_leaves_without_an_answer_is_told_once),
        relay_test(an_early_answer_reaches_a_client_that_still_sends),
        relay_test(a_body_without_length_is_not_completed_by_a_reset),
        relay_test(long_bodies_pass_both_ways),
        relay_test(an_upgraded_connection_passes_unread),
        relay_test(the_proxy_protocol_names_the_client),
        relay_test(a_missing_proxy_header_closes),
        relay_test(beyond_the_limit_clients_wait),
        relay_test(a_unix_socket_may_be_the_server),
        relay_test(the_policy_is_swapped_between_messages),
        relay_test(stopping_lets_answers_finish),
        relay_test(what_keeps_it_from_starting_is_said),
    };
    sp_log_set_level(SP_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
