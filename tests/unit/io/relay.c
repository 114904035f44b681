/* SPDX-License-Identifier: Apache-2.0 */
/* The relay between sockets of our own: the test is the client and the server, so every order of events is written down. */
#include "io/relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "io/listen.h"
#include "wire.h"

enum {
    BULK = 3 << 20,
    SETTLES_MS = 2000,
};

static int set_up(void **state)
{
    *state = wire_new(NULL);
    return 0;
}

static int tear_down(void **state)
{
    wire_free(*state);
    return 0;
}

/* Some counters are summed up when a turn is over: connections that are open once nothing is held any more. */
static uint64_t settled(const struct wire *f, uint64_t active)
{
    struct sp_counters c = wire_counters(f);
    for (int i = 0; i < SETTLES_MS && (c.active != active || c.memory || c.units < 4); i++) {
        usleep(1000);
        c = wire_counters(f);
    }
    return c.active;
}

/* ---- tests ---- */

static void a_request_and_its_answer_pass(void **state)
{
    struct wire *f = *state;
    wire_start(f);
    int c = wire_client(f);
    wire_say(c, WIRE_REQUEST);
    int s = wire_server(f);
    wire_hear(s, WIRE_REQUEST);
    wire_say(s, WIRE_ANSWER);
    wire_hear(c, WIRE_ANSWER);
    wire_say(c, WIRE_REQUEST WIRE_REQUEST);
    wire_hear(s, WIRE_REQUEST WIRE_REQUEST);
    assert_int_equal(settled(f, 1), 1);
    struct sp_counters n = wire_counters(f);
    assert_int_equal(n.connections, 1);
    assert_int_equal(n.bytes[SP_C2S], 3 * strlen(WIRE_REQUEST));
    assert_int_equal(n.bytes[SP_S2C], strlen(WIRE_ANSWER));
    assert_int_equal(n.units, 4);
    assert_int_equal(n.memory, 0);
    close(c);
    close(s);
}

static void no_server_is_wanted_before_a_request(void **state)
{
    struct wire *f = *state;
    wire_start(f);
    int c = wire_client(f);
    wire_say(c, "GET /a HTTP/1.1\r\n");
    assert_true(wire_silent(f->origin, 50));
    close(c);
}

static void a_dead_server_is_told(void **state)
{
    struct wire *f = *state;
    close(f->origin);
    f->origin = -1;
    wire_start(f);
    int c = wire_client(f);
    wire_say(c, WIRE_REQUEST);
    wire_hear_last(c, "HTTP/1.1 502 ");
    assert_true(wire_told(f, "\"server_down\""));
    close(c);
}

static void a_silent_server_is_told(void **state)
{
    struct wire *f = *state;
    f->service->idle_ms = 150;
    wire_start(f);
    int c = wire_client(f);
    wire_say(c, WIRE_REQUEST);
    int s = wire_server(f);
    wire_hear_last(c, "HTTP/1.1 504 ");
    close(c);
    close(s);
}

static void slow_heads_end_in_408(void **state)
{
    struct wire *f = *state;
    f->service->header_ms = 200;
    wire_start(f);
    int c = wire_client(f);
    for (int i = 0; i < 5 && wire_silent(c, 60); i++) /* every byte is activity, but the head does not end */
        wire_say(c, "G");
    wire_hear_last(c, "HTTP/1.1 408 ");
    assert_true(wire_told(f, "\"header_timeout\""));
    close(c);
}

static void idle_connections_end_quietly(void **state)
{
    struct wire *f = *state;
    f->service->idle_ms = 150;
    wire_start(f);
    int c = wire_client(f);
    wire_say(c, WIRE_REQUEST);
    int s = wire_server(f);
    wire_hear(s, WIRE_REQUEST);
    wire_say(s, WIRE_ANSWER);
    wire_hear(c, WIRE_ANSWER);
    wire_hear_end(c);
    wire_hear_end(s);
    assert_int_equal(wire_lines(f), 0);
    close(c);
    close(s);
}

static void half_a_close_is_passed_on(void **state)
{
    struct wire *f = *state;
    wire_start(f);
    int c = wire_client(f);
    wire_say(c, WIRE_REQUEST);
    int s = wire_server(f);
    wire_hear(s, WIRE_REQUEST);
    assert_int_equal(shutdown(c, SHUT_WR), 0);
    wire_hear_end(s);
    wire_say(s, WIRE_ANSWER);
    wire_hear(c, WIRE_ANSWER);
    close(s);
    wire_hear_end(c);
    close(c);
}

static void a_server_that_leaves_without_an_answer_is_told_once(void **state)
{
    struct wire *f = *state;
    wire_start(f);
    int c = wire_client(f);
    wire_say(c, WIRE_REQUEST);
    int s = wire_server(f);
    wire_hear(s, WIRE_REQUEST);
    close(s);
    wire_hear_last(c, "HTTP/1.1 502 ");
    close(c);
    c = wire_client(f); /* a client whose second request is not answered tries again by itself */
    wire_say(c, WIRE_REQUEST);
    s = wire_server(f);
    wire_hear(s, WIRE_REQUEST);
    wire_say(s, WIRE_ANSWER);
    wire_hear(c, WIRE_ANSWER);
    wire_say(c, WIRE_REQUEST);
    wire_hear(s, WIRE_REQUEST);
    close(s);
    wire_hear_end(c);
    close(c);
}

static void an_early_answer_reaches_a_client_that_still_sends(void **state)
{
    static const char early[] = "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno";
    struct wire *f = *state;
    char body[4096];
    memset(body, 'x', sizeof body - 1);
    body[sizeof body - 1] = 0;
    wire_start(f);
    int c = wire_client(f);
    wire_say(c, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    int s = wire_server(f);
    wire_say(c, body);
    assert_false(wire_silent(s, 1000));
    wire_say(s, early);
    close(s); /* with unread bytes: a reset */
    assert_false(wire_silent(c, 1000));
    for (int i = 0; i < 50; i++)
        if (send(c, body, sizeof body - 1, MSG_NOSIGNAL) < 0)
            break;
    wire_hear_last(c, early);
    close(c);
}

static void a_body_without_length_is_not_completed_by_a_reset(void **state)
{
    struct linger at_once = {.l_onoff = 1};
    struct wire *f = *state;
    char c4[4];
    wire_start(f);
    int c = wire_client(f);
    wire_say(c, WIRE_REQUEST);
    int s = wire_server(f);
    wire_hear(s, WIRE_REQUEST);
    wire_say(s, "HTTP/1.1 200 OK\r\n\r\npart");
    wire_hear(c, "HTTP/1.1 200 OK\r\n\r\npart");
    assert_int_equal(setsockopt(s, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(s);
    assert_int_equal(recv(c, c4, sizeof c4, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    close(c);
}

/* Long enough to go through pipes, and followed by a message that must not. */
static void long_bodies_pass_both_ways(void **state)
{
    struct wire *f = *state;
    uint8_t *bytes = malloc(BULK);
    char head[128];
    for (size_t i = 0; i < BULK; i++)
        bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    wire_start(f);
    int c = wire_client(f);
    snprintf(head, sizeof head, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", BULK);
    wire_say(c, head);
    int s = wire_server(f);
    wire_hear(s, head);
    wire_bulk(c, s, bytes, BULK);
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BULK);
    wire_say(s, head);
    wire_hear(c, head);
    wire_bulk(s, c, bytes, BULK);
    wire_say(c, WIRE_REQUEST);
    wire_hear(s, WIRE_REQUEST);
    wire_say(s, WIRE_ANSWER);
    wire_hear(c, WIRE_ANSWER);
    free(bytes);
    close(c);
    close(s);
}

static void an_upgraded_connection_passes_unread(void **state)
{
    static const char ask[] = "GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    static const char yes[] = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    struct wire *f = *state;
    wire_start(f);
    int c = wire_client(f);
    wire_say(c, ask);
    int s = wire_server(f);
    wire_hear(s, ask);
    wire_say(s, yes);
    wire_hear(c, yes);
    wire_say(c, "GET / is no request here\r\n");
    wire_hear(s, "GET / is no request here\r\n");
    wire_say(s, "\x81\x02hi");
    wire_hear(c, "\x81\x02hi");
    assert_int_equal(shutdown(s, SHUT_WR), 0);
    wire_hear_end(c);
    wire_say(c, "more");
    wire_hear(s, "more");
    close(c);
    close(s);
}

static void the_proxy_protocol_names_the_client(void **state)
{
    struct wire *f = *state;
    f->service->proxy_in = SP_PROXY_ANY;
    f->service->proxy_out = SP_PROXY_V1;
    f->service->forwarded = true;
    wire_start(f);
    int c = wire_client(f);
    wire_say(c, "PROXY TCP4 192.0.2.9 192");
    assert_true(wire_silent(c, 30));
    wire_say(c, ".0.2.80 4000 80\r\nGET /a HTTP/1.1\r\n");
    wire_say(c, "Host: a\r\n\r\n");
    int s = wire_server(f);
    wire_hear(s, "PROXY TCP4 192.0.2.9 192.0.2.80 4000 80\r\nGET /a HTTP/1.1\r\n");
    char head[256] = "";
    assert_true(recv(s, head, sizeof head - 1, 0) > 0);
    assert_non_null(strstr(head, "X-Forwarded-For: 192.0.2.9\r\n"));
    close(c);
    close(s);
}

static void a_missing_proxy_header_closes(void **state)
{
    struct wire *f = *state;
    char c1;
    f->service->proxy_in = SP_PROXY_V2;
    wire_start(f);
    int c = wire_client(f);
    wire_say(c, WIRE_REQUEST);
    assert_true(recv(c, &c1, 1, 0) <= 0);
    assert_true(wire_told(f, "\"proxy_header\""));
    assert_int_equal(wire_counters(f).preface_failures, 1);
    close(c);
}

static void beyond_the_limit_clients_wait(void **state)
{
    struct wire *f = *state;
    f->plan->connections = 2;
    wire_start(f);
    int a = wire_client(f), b = wire_client(f), c = wire_client(f);
    wire_say(c, "GET bad\r\n\r\n");
    wire_say(a, WIRE_REQUEST);
    int s = wire_server(f);
    assert_true(wire_silent(c, 50));
    close(b);
    wire_hear_last(c, "HTTP/1.1 400 ");
    close(a);
    close(c);
    close(s);
}

static void a_unix_socket_may_be_the_server(void **state)
{
    struct wire *f = *state;
    wire_use_unix(f);
    wire_start(f);
    int c = wire_client(f);
    wire_say(c, WIRE_REQUEST);
    int s = wire_server(f);
    wire_hear(s, WIRE_REQUEST);
    wire_say(s, WIRE_ANSWER);
    wire_hear(c, WIRE_ANSWER);
    close(c);
    close(s);
}

static void the_policy_is_swapped_between_messages(void **state)
{
    struct wire *f = *state;
    struct wire *other = wire_new("guard: no-a\ntitle: t\nwhen: http.request.uri.path == \"/a\"\nthen: refuse 406\n"
                                  "cases: [{send: a, expect: refuse}, {send: b, expect: pass}]\n");
    struct sp_relay_told take = {.order = SP_ORDER_TAKE, .plan = wire_plan_fd(f->plan), .policy = wire_policy_fd(other->policy), .listeners = f->listeners};
    wire_start(f);
    int c = wire_client(f);
    wire_say(c, "GET /a HTTP/1.1\r\n");
    assert_int_equal(wire_tell(f, &take), 0);
    wire_say(c, "Host: a\r\n\r\n");
    wire_hear(c, "HTTP/1.1 406 ");
    close(c);
    c = wire_client(f);
    wire_say(c, "GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    int s = wire_server(f);
    wire_hear(s, "GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    close(c);
    close(s);
    close(take.plan);
    close(take.policy);
    wire_free(other);
}

static void a_plan_or_policy_that_is_none_changes_nothing(void **state)
{
    struct wire *f = *state;
    int plan = wire_plan_fd(f->plan), policy = wire_policy_fd(f->policy);
    struct sp_relay_told take = {.order = SP_ORDER_TAKE, .plan = plan, .policy = plan, .listeners = f->listeners};
    wire_start(f);
    assert_true(wire_tell(f, &take) < 0);
    take.plan = policy;
    take.policy = policy;
    assert_true(wire_tell(f, &take) < 0);
    take.plan = -1;
    assert_true(wire_tell(f, &take) < 0);
    int c = wire_client(f);
    wire_say(c, WIRE_REQUEST);
    int s = wire_server(f);
    wire_hear(s, WIRE_REQUEST);
    close(c);
    close(s);
    close(plan);
    close(policy);
}

static void an_order_at_a_time(void **state)
{
    struct wire *f = *state;
    wire_open(f);
    assert_int_equal(sp_relay_answer(f->relay), -EAGAIN);
    assert_int_equal(sp_relay_tell(f->relay, &(struct sp_relay_told){.order = SP_ORDER_STOP}), 0);
    assert_int_equal(sp_relay_tell(f->relay, &(struct sp_relay_told){.order = SP_ORDER_REST}), -EBUSY);
    wire_serve(f); /* told before anybody was there to hear it */
    wire_join(f);
    assert_int_equal(sp_relay_answer(f->relay), 0);
}

static void stopping_lets_answers_finish(void **state)
{
    struct wire *f = *state;
    wire_start(f);
    int idle = wire_client(f), c = wire_client(f);
    wire_say(c, WIRE_REQUEST);
    int s = wire_server(f);
    wire_hear(s, WIRE_REQUEST);
    assert_int_equal(wire_tell(f, &(struct sp_relay_told){.order = SP_ORDER_STOP, .grace_ms = WIRE_PATIENCE_S * 1000}), 0);
    int late = wire_client(f); /* waits in the kernel's queue: another worker may listen on the same address */
    wire_say(late, WIRE_REQUEST);
    wire_hear_end(idle);
    assert_true(wire_silent(f->origin, 50));
    wire_say(s, WIRE_ANSWER);
    wire_hear(c, WIRE_ANSWER);
    wire_hear_end(c);
    wire_join(f);
    assert_int_equal(wire_counters(f).connections, 2);
    close(late);
    close(idle);
    close(c);
    close(s);
}

/* Connections that came before the first turn are accepted before the worker is told to stop. */
static void stopping_ends_when_its_time_is_over(void **state)
{
    struct wire *f = *state;
    wire_start(f);
    int c = wire_client(f);
    wire_say(c, WIRE_REQUEST);
    int s = wire_server(f);
    wire_hear(s, WIRE_REQUEST);
    assert_int_equal(wire_tell(f, &(struct sp_relay_told){.order = SP_ORDER_STOP, .grace_ms = 50}), 0);
    wire_join(f);
    wire_hear_end(c);
    wire_hear_end(s);
    close(c);
    close(s);
}

static void a_rested_worker_is_followed_by_another(void **state)
{
    struct wire *f = *state;
    wire_start(f);
    int c = wire_client(f);
    wire_say(c, "GET /a HTTP/1.1\r\n");
    assert_int_equal(wire_tell(f, &(struct sp_relay_told){.order = SP_ORDER_REST}), 0);
    wire_join(f);
    wire_say(c, "Host: a\r\n\r\n");
    wire_serve(f);
    int s = wire_server(f);
    wire_hear(s, WIRE_REQUEST);
    assert_int_equal(wire_tell(f, &(struct sp_relay_told){.order = SP_ORDER_REST}), 0);
    wire_join(f);
    wire_say(s, WIRE_ANSWER);
    struct sp_relay *again;
    assert_int_equal(sp_relay_attach(dup(sp_relay_segment(f->relay)), &again), 0);
    struct sp_relay *before = f->relay; /* another keeper has the segment; the first one's mapping is let go later */
    f->relay = again;
    wire_serve(f);
    wire_hear(c, WIRE_ANSWER);
    assert_int_equal(wire_tell(f, &(struct sp_relay_told){.order = SP_ORDER_REST}), 0);
    wire_join(f);
    f->relay = before;
    sp_relay_free(again);
    close(c);
    close(s);
}

static void assert_no_listener(const struct sp_address *a, int error, const char *sentence)
{
    char why[256], expected[256], text[SP_ADDRESS_TEXT];
    sp_address_text(a, text);
    snprintf(expected, sizeof expected, sentence, text);
    assert_int_equal(sp_listen_open(a, why, sizeof why), -error);
    assert_string_equal(why, expected);
}

static void what_keeps_it_from_starting_is_said(void **state)
{
    struct wire *f = *state;
    struct sp_address a = f->plan->listeners[0].at;
    uint16_t port;
    int taken = wire_bound(&port);
    assert_int_equal(listen(taken, 1), 0);
    a.sa.v4.sin_port = htons(port);
    assert_no_listener(&a, EADDRINUSE, "cannot listen on %s: another program listens there");
    close(taken);
    a.sa.v4.sin_addr.s_addr = htonl(0xc0000201);
    a.sa.v4.sin_port = htons(9);
    assert_no_listener(&a, EADDRNOTAVAIL, "cannot listen on %s: this machine does not have that address");
    wire_open(f);
    strcpy(f->service->protocol, "gopher");
    assert_int_equal(sp_relay_ready(f->relay, &f->conf), -EPROTONOSUPPORT);
}

static void a_segment_that_is_none_is_not_attached(void **state)
{
    struct wire *f = *state;
    struct sp_relay *r;
    int fd = wire_plan_fd(f->plan), empty = wire_policy_fd(f->policy);
    assert_int_equal(sp_relay_attach(fd, &r), -EPROTO);
    assert_int_equal(ftruncate(empty, 0), 0);
    assert_int_equal(sp_relay_attach(empty, &r), -EPROTO);
    assert_int_equal(sp_relay_attach(-1, &r), -EBADF);
    close(fd);
    close(empty);
}

/* A successor counts what came from a socket: an urgent byte must be one like others. */
static void urgent_bytes_are_bytes(void **state)
{
    struct wire *f = *state;
    wire_start(f);
    int c = wire_client(f);
    wire_say(c, "GET /");
    assert_int_equal(send(c, "a", 1, MSG_OOB), 1);
    wire_say(c, " HTTP/1.1\r\nHost: a\r\n\r\n");
    int s = wire_server(f);
    wire_hear(s, WIRE_REQUEST);
    wire_say(s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no");
    assert_int_equal(send(s, "k", 1, MSG_OOB), 1);
    wire_hear(c, WIRE_ANSWER);
    close(c);
    close(s);
}

/* A pipe takes none: the kernel stops in front of them. */
static void urgent_bytes_in_long_bodies(void **state)
{
    static uint8_t bytes[BULK];
    struct wire *f = *state;
    char head[128];
    snprintf(head, sizeof head, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", BULK + 2);
    wire_start(f);
    int c = wire_client(f);
    wire_say(c, head);
    int s = wire_server(f);
    wire_hear(s, head);
    assert_int_equal(send(c, "!", 1, MSG_OOB), 1);
    wire_hear(s, "!");
    wire_bulk(c, s, bytes, BULK);
    assert_int_equal(send(c, "!", 1, MSG_OOB), 1);
    wire_hear(s, "!");
    wire_say(s, WIRE_ANSWER);
    wire_hear(c, WIRE_ANSWER);
    close(c);
    close(s);
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
        relay_test(a_plan_or_policy_that_is_none_changes_nothing),
        relay_test(an_order_at_a_time),
        relay_test(stopping_lets_answers_finish),
        relay_test(stopping_ends_when_its_time_is_over),
        relay_test(a_rested_worker_is_followed_by_another),
        relay_test(what_keeps_it_from_starting_is_said),
        relay_test(a_segment_that_is_none_is_not_attached),
        relay_test(urgent_bytes_are_bytes),
        relay_test(urgent_bytes_in_long_bodies),
    };
    sp_log_set_level(SP_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
