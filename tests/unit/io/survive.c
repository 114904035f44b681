/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions outlive their worker wherever it dies: each play is run once for every system call of the worker, which is killed at its entry or on the way
 * back from it, and many times with a death at some instruction between two. Client and server must see what they see without a death.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "mortal.h"

enum {
    STOPS_MAX = 4000,  /* no play has as many system calls */
    STEPS_MAX = 3000,  /* instructions between two system calls, at most of interest */
    RANDOM_RUNS = 40,  /* of each play; SALLYPORT_KILLS says another number */
    LONG = 600 << 10,  /* goes through pipes */
    FILLERS = 4,
    CROWD = 120,
    PIECE = 20 << 10,  /* more than a small block */
};

struct play {
    const char *name, *rules;
    void (*prepare)(struct wire *w);
    void (*run)(struct wire *w);
};

static struct {
    const char *name;
    struct mortal_end end;
    struct mortal mortal, other;
    struct wire *wire, *wire2;
} now;

static uint8_t bytes[LONG];

/* ---- plays ---- */

static void one_exchange(int c, int s)
{
    wire_say(c, WIRE_REQUEST);
    wire_hear(s, WIRE_REQUEST);
    wire_say(s, WIRE_ANSWER);
    wire_hear(c, WIRE_ANSWER);
}

static int first_exchange(struct wire *w, int c)
{
    wire_say(c, WIRE_REQUEST);
    int s = wire_server(w);
    wire_hear(s, WIRE_REQUEST);
    wire_say(s, WIRE_ANSWER);
    wire_hear(c, WIRE_ANSWER);
    return s;
}

static void play_small(struct wire *w)
{
    int c = wire_client(w);
    int s = first_exchange(w, c);
    one_exchange(c, s);
    wire_say(c, WIRE_REQUEST WIRE_REQUEST);
    wire_hear(s, WIRE_REQUEST);
    wire_say(s, WIRE_ANSWER);
    wire_hear(s, WIRE_REQUEST);
    wire_hear(c, WIRE_ANSWER);
    wire_say(s, WIRE_ANSWER);
    wire_hear(c, WIRE_ANSWER);
    close(c);
    wire_hear_end(s);
    close(s);
}

static void say_pieces(int from, int to, const char *text)
{
    for (size_t i = 0; text[i]; i += 7) {
        char piece[8] = "";
        snprintf(piece, sizeof piece, "%.7s", text + i);
        wire_say(from, piece);
        if (to >= 0)
            wire_hear(to, piece);
        else
            usleep(200);
    }
}

static void play_pieces(struct wire *w)
{
    char head[128], body[2 * PIECE + 1];
    int c = wire_client(w);
    say_pieces(c, -1, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 21\r\n\r\n");
    int s = wire_server(w);
    wire_hear(s, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 21\r\n\r\n");
    say_pieces(c, s, "abcdefghijklmnopqrstu");
    wire_say(s, WIRE_ANSWER);
    wire_hear(c, WIRE_ANSWER);
    memset(body, 'b', 2 * PIECE);
    body[2 * PIECE] = 0;
    snprintf(head, sizeof head, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", 4 * PIECE);
    wire_say(c, head);
    wire_hear(s, head);
    wire_bulk(c, s, (uint8_t *)body, 2 * PIECE);
    wire_bulk(c, s, (uint8_t *)body, 2 * PIECE);
    wire_say(s, WIRE_ANSWER);
    wire_hear(c, WIRE_ANSWER);
    close(c);
    wire_hear_end(s);
    close(s);
}

/* A body that a rule reads is held until it is whole, and the client is told to send it. */
static void play_collected(struct wire *w)
{
    char head[128];
    snprintf(head, sizeof head, "POST /form HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", 2 * PIECE);
    int c = wire_client(w);
    wire_say(c, head);
    wire_hear(c, "HTTP/1.1 100 Continue\r\n\r\n");
    for (int i = 0; i < 4; i++) {
        assert_int_equal(send(c, bytes + i * (PIECE / 2), PIECE / 2, 0), PIECE / 2);
        usleep(300);
    }
    int s = wire_server(w);
    char got[512] = "";
    size_t n = 0;
    while (!strstr(got, "\r\n\r\n")) /* without the Expect that has been answered */
        assert_int_equal(recv(s, got + n++, 1, 0), 1);
    assert_memory_equal(got, "POST /form HTTP/1.1\r\n", 21);
    uint8_t body[2 * PIECE];
    assert_int_equal(recv(s, body, sizeof body, MSG_WAITALL), sizeof body);
    assert_true(memcmp(body, bytes, sizeof body) == 0);
    wire_say(s, WIRE_ANSWER);
    wire_hear(c, WIRE_ANSWER);
    close(c);
    wire_hear_end(s);
    close(s);
}

static void play_proxy(struct wire *w)
{
    int c = wire_client(w);
    wire_say(c, "PROXY TCP4 192.0.2.9 192");
    usleep(300);
    wire_say(c, ".0.2.80 4000 80\r\nGET /a HTTP/1.1\r\n");
    wire_say(c, "Host: a\r\n\r\n");
    int s = wire_server(w);
    wire_hear(s, "PROXY TCP4 192.0.2.9 192.0.2.80 4000 80\r\n");
    wire_hear(s, WIRE_REQUEST);
    wire_say(s, WIRE_ANSWER);
    wire_hear(c, WIRE_ANSWER);
    one_exchange(c, s);
    close(c);
    wire_hear_end(s);
    close(s);
}

static void play_long(struct wire *w)
{
    char head[128];
    int c = wire_client(w);
    snprintf(head, sizeof head, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", LONG);
    wire_say(c, head);
    int s = wire_server(w);
    wire_hear(s, head);
    wire_bulk(c, s, bytes, LONG);
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", LONG);
    wire_say(s, head);
    wire_hear(c, head);
    wire_bulk(s, c, bytes, LONG);
    one_exchange(c, s);
    close(c);
    wire_hear_end(s);
    close(s);
}

static void play_tunnel(struct wire *w)
{
    static const char ask[] = "GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    static const char yes[] = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    int c = wire_client(w);
    wire_say(c, ask);
    int s = wire_server(w);
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
    close(c); /* both ends of stream are on their way now, with bytes that nobody has read */
    wire_hear(s, "more");
    wire_hear_end(s);
    close(s);
}

static void play_half_close(struct wire *w)
{
    int c = wire_client(w);
    wire_say(c, WIRE_REQUEST);
    assert_int_equal(shutdown(c, SHUT_WR), 0);
    int s = wire_server(w);
    wire_hear(s, WIRE_REQUEST);
    wire_hear_end(s);
    wire_say(s, WIRE_ANSWER);
    close(s);
    wire_hear(c, WIRE_ANSWER);
    wire_hear_end(c);
    close(c);
}

static void play_until_end(struct wire *w)
{
    int c = wire_client(w);
    wire_say(c, WIRE_REQUEST);
    int s = wire_server(w);
    wire_hear(s, WIRE_REQUEST);
    wire_say(s, "HTTP/1.1 200 OK\r\n\r\n");
    wire_hear(c, "HTTP/1.1 200 OK\r\n\r\n");
    wire_bulk(s, c, bytes, PIECE);
    wire_say(s, "the end");
    close(s);
    wire_hear(c, "the end");
    wire_hear_end(c);
    close(c);
}

/* A part must not look like the whole. */
static void play_reset(struct wire *w)
{
    struct linger at_once = {.l_onoff = 1};
    char c1;
    int c = wire_client(w);
    wire_say(c, WIRE_REQUEST);
    int s = wire_server(w);
    wire_hear(s, WIRE_REQUEST);
    wire_say(s, "HTTP/1.1 200 OK\r\n\r\n");
    wire_hear(c, "HTTP/1.1 200 OK\r\n\r\n");
    wire_say(c, "GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    wire_hear(s, "GET");
    wire_say(s, "unread when the reset comes");
    assert_int_equal(setsockopt(s, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(s);
    ssize_t n;
    while ((n = recv(c, &c1, 1, 0)) > 0)
        ;
    assert_int_equal(n, -1);
    assert_int_equal(errno, ECONNRESET);
    close(c);
}

static void play_client_reset(struct wire *w)
{
    struct linger at_once = {.l_onoff = 1};
    char c1;
    int c = wire_client(w);
    int s = first_exchange(w, c);
    wire_say(c, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
    wire_hear(s, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
    wire_say(c, "unread when the reset comes");
    assert_int_equal(setsockopt(c, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(c);
    ssize_t n;
    while ((n = recv(s, &c1, 1, 0)) > 0)
        ;
    assert_int_equal(n, -1);
    assert_int_equal(errno, ECONNRESET);
    close(s);
}

static void play_refused(struct wire *w)
{
    int c = wire_client(w);
    int s = first_exchange(w, c);
    wire_say(c, "GET /bad HTTP/1.1\r\nHost: a\r\n\r\n");
    char got[1024] = "";
    size_t n = 0;
    while (!strstr(got, "\r\n\r\n"))
        assert_int_equal(recv(c, got + n++, 1, 0), 1);
    assert_memory_equal(got, "HTTP/1.1 403 ", 13);
    const char *length = strstr(got, "Content-Length: ");
    for (long left = length ? strtol(length + 16, NULL, 10) : 0; left > 0; left--)
        assert_int_equal(recv(c, got, 1, 0), 1);
    one_exchange(c, s);
    close(c);
    wire_hear_end(s);
    close(s);
}

static void play_malformed(struct wire *w)
{
    int c = wire_client(w);
    int s = first_exchange(w, c);
    wire_say(c, "GET bad\r\n\r\n");
    wire_hear_last(c, "HTTP/1.1 400 ");
    wire_hear_end(s);
    close(c);
    close(s);
}

static void play_corrected(struct wire *w)
{
    int c = wire_client(w);
    int s = first_exchange(w, c);
    wire_say(c, "GET /a HTTP/1.1\r\nX-Evil: 1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    wire_hear(s, WIRE_REQUEST);
    wire_hear(s, "GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    wire_say(s, WIRE_ANSWER WIRE_ANSWER);
    wire_hear(c, WIRE_ANSWER WIRE_ANSWER);
    close(c);
    wire_hear_end(s);
    close(s);
}

static void play_accept(struct wire *w)
{
    int c[3], s[3];
    for (int i = 0; i < 3; i++)
        c[i] = wire_client(w);
    for (int i = 0; i < 3; i++)
        s[i] = first_exchange(w, c[i]);
    close(s[1]);
    wire_hear_end(c[1]);
    close(c[1]);
    one_exchange(c[0], s[0]);
    one_exchange(c[2], s[2]);
    close(c[0]);
    close(c[2]);
    wire_hear_end(s[0]);
    wire_hear_end(s[2]);
    close(s[0]);
    close(s[2]);
}

static void play_dead_server(struct wire *w)
{
    int c = wire_client(w);
    wire_say(c, WIRE_REQUEST);
    wire_hear_last(c, "HTTP/1.1 502 ");
    close(c);
}

/* ---- what they need ---- */

static void prepare_nothing(struct wire *w)
{
    (void)w;
}

static void prepare_proxy(struct wire *w)
{
    w->service->proxy_in = SP_PROXY_ANY;
    w->service->proxy_out = SP_PROXY_V1;
}

/* The first of two addresses refuses. */
static void prepare_second(struct wire *w)
{
    uint16_t port;
    int unused = wire_bound(&port);
    w->service->to.at[1] = w->service->to.at[0];
    w->service->to.at[0].sa.v4.sin_port = htons(port);
    w->service->to.n = 2;
    close(unused);
}

static void prepare_dead(struct wire *w)
{
    close(w->origin);
    w->origin = -1;
}

static void prepare_plain(struct wire *w)
{
    w->conf.policy = NULL;
}

/* The keeper has many descriptors of its own; nobody notes those of listeners as known. */
static void prepare_crowd(struct wire *w)
{
    for (int i = 0; i < CROWD; i++)
        (void)!dup(w->listener);
}

static const char RULES[] =
    "guard: no-bad\ntitle: t\nwhen: http.request.uri.path contains \"/bad\"\nthen: refuse 403\n"
    "cases: [{send: a, expect: refuse}, {send: b, expect: pass}]\n"
    "---\nguard: no-evil\ntitle: t\nwhen: http.request.uri.path contains \"/form\" and http.request.body contains \"evil\"\nthen: refuse 406\n"
    "cases: [{send: a, expect: refuse}, {send: b, expect: pass}]\n"
    "---\nguard: no-header\ntitle: t\nwhen: http.request.headers[\"x-evil\"]\nthen: remove http.request.headers[\"x-evil\"]\n"
    "cases: [{send: a, expect: correct}, {send: b, expect: pass}]\n";

static const struct play plays[] = {
    {"small messages", RULES, prepare_nothing, play_small},
    {"a body in pieces", RULES, prepare_nothing, play_pieces},
    {"a collected body", RULES, prepare_nothing, play_collected},
    {"the PROXY protocol", RULES, prepare_proxy, play_proxy},
    {"long bodies", RULES, prepare_nothing, play_long},
    {"a unix socket", RULES, wire_use_unix, play_small},
    {"long bodies over a unix socket", RULES, wire_use_unix, play_long},
    {"a tunnel", RULES, prepare_nothing, play_tunnel},
    {"a tunnel over a unix socket", RULES, wire_use_unix, play_tunnel},
    {"half a close", RULES, prepare_nothing, play_half_close},
    {"a body until the end", RULES, prepare_nothing, play_until_end},
    {"a server's reset", RULES, prepare_nothing, play_reset},
    {"a client's reset", RULES, prepare_nothing, play_client_reset},
    {"a refused request", RULES, prepare_nothing, play_refused},
    {"a malformed request", RULES, prepare_nothing, play_malformed},
    {"a corrected request", RULES, prepare_nothing, play_corrected},
    {"new connections", RULES, prepare_nothing, play_accept},
    {"the second address", RULES, prepare_second, play_small},
    {"a dead server", RULES, prepare_dead, play_dead_server},
    {"messages that nobody inspects", RULES, prepare_plain, play_small},
    {"bodies that nobody inspects", RULES, prepare_plain, play_pieces},
    {"many descriptors", RULES, prepare_crowd, play_half_close}, /* the last: they stay */
};
enum { PLAYS = sizeof plays / sizeof *plays };

/* ---- runs ---- */

/* Whoever serves now serves others, too: one that spins does not. */
static void still_serves(struct wire *w)
{
    char text[512];
    int c = wire_client(w);
    if (!w->conf.policy) {
        close(first_exchange(w, c));
        close(c);
        return;
    }
    wire_say(c, "x\r\n\r\n");
    while (recv(c, text, sizeof text, 0) > 0) /* an answer, or just the end */
        ;
    assert_int_not_equal(errno, EAGAIN);
    close(c);
}

/* How many workers were killed. */
static unsigned run(const struct play *p, const struct mortal_end *end)
{
    struct wire *w = now.wire;
    now.name = p->name;
    now.end = *end;
    mortal_start(&now.mortal, w, end, -1);
    p->run(w);
    errno = 0;
    still_serves(w);
    unsigned deaths = mortal_deaths(&now.mortal);
    mortal_stop(&now.mortal);
    struct sp_counters c = wire_counters(w);
    assert_int_equal(c.damaged, 0);
    assert_int_equal(c.quarantined, 0);
    sp_relay_free(w->relay);
    w->relay = NULL;
    return deaths;
}

static void with(const struct play *p, void (*runs)(const struct play *p))
{
    now.wire = wire_new(p->rules);
    p->prepare(now.wire);
    runs(p);
    wire_free(now.wire);
    now.wire = NULL;
}

/* What a failed run was, and nothing of it stays. */
static int tear_down(void **state)
{
    (void)state;
    if (now.wire) {
        print_error("%s: killed at stop %u + %u (system call %ld), again at %u + %u\n", now.name, now.end.stop, now.end.steps,
                    now.mortal.shared ? mortal_call(&now.mortal) : -1, now.end.again, now.end.again_steps);
        if (now.mortal.shared)
            mortal_stop(&now.mortal);
    }
    now.wire = NULL;
    return 0;
}

static void every_stop(const struct play *p)
{
    unsigned stop = 1;
    while (run(p, &(struct mortal_end){.stop = stop, .how = SP_DEATH_FOREIGN, .dead_us = 500}))
        if (++stop == STOPS_MAX)
            fail_msg("%s: it has no end", p->name);
    print_message("# %s: killed at each of %u stops\n", p->name, stop - 1);
}

static void at_every_system_call(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PLAYS; i++)
        with(&plays[i], every_stop);
}

/* The server's queue is full: the connection to it is on its way for as long as its first packet is lost. */
static void a_server_that_takes_its_time(void **state)
{
    (void)state;
    int filler[FILLERS], c, s;
    now.name = "a slow server";
    for (unsigned stop = 10; stop < 40; stop += 5) {
        struct wire *w = now.wire = wire_new(RULES);
        assert_int_equal(listen(w->origin, 0), 0);
        now.end = (struct mortal_end){.stop = stop, .again = stop & 1 ? 25 : 0, .how = SP_DEATH_FOREIGN};
        mortal_start(&now.mortal, w, &now.end, -1);
        for (int i = 0; i < FILLERS; i++) { /* behind the fork: the keeper must not hold them open */
            filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
            (void)!connect(filler[i], &w->service->to.at[0].sa.any, w->service->to.at[0].len);
        }
        c = wire_client(w);
        wire_say(c, WIRE_REQUEST);
        usleep(50000);
        for (int i = 0; i < FILLERS; i++)
            close(filler[i]);
        do { /* those that were there before us have ended */
            char c1;
            s = wire_server(w);
            if (recv(s, &c1, 1, MSG_PEEK) > 0)
                break;
        } while (close(s) == 0);
        wire_hear(s, WIRE_REQUEST);
        wire_say(s, WIRE_ANSWER);
        wire_hear(c, WIRE_ANSWER);
        close(c);
        wire_hear_end(s);
        close(s);
        assert_int_equal(wire_counters(w).damaged, 0);
        mortal_stop(&now.mortal);
        wire_free(w);
        now.wire = NULL;
    }
}

/* ---- anywhere ---- */

static uint64_t dice = UINT64_C(0x9e3779b97f4a7c15);

static unsigned below(unsigned n)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (unsigned)(dice >> 33) % n;
}

static unsigned runs_wanted(void)
{
    const char *text = getenv("SALLYPORT_KILLS");
    return text ? (unsigned)strtoul(text, NULL, 10) / PLAYS : RANDOM_RUNS;
}

/* Every other time the successor dies as well, often while it takes over. */
static void anywhere(const struct play *p)
{
    unsigned died = 0, stops = 100;
    for (unsigned i = 0; i < runs_wanted(); i++) {
        struct mortal_end end = {.stop = 1 + below(stops), .steps = below(2) ? below(STEPS_MAX) : below(100), .how = SP_DEATH_FOREIGN, .dead_us = below(1000)};
        if (below(2)) {
            end.again = 1 + below(below(2) ? 20 : stops);
            end.again_steps = below(STEPS_MAX);
        }
        unsigned n = run(p, &end);
        died += n;
        if (n == 0 && end.stop > 20)
            stops = end.stop;
    }
    print_message("# %s: %u deaths in %u runs\n", p->name, died, runs_wanted());
}

static void at_any_instruction(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PLAYS; i++)
        with(&plays[i], anywhere);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(at_every_system_call, tear_down),
        cmocka_unit_test_teardown(a_server_that_takes_its_time, tear_down),
        cmocka_unit_test_teardown(at_any_instruction, tear_down),
    };
    for (size_t i = 0; i < LONG; i++)
        bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    sp_log_set_level(SP_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
