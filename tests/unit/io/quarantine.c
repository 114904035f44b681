/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of the connection that was under the hand when its worker crashed, of damaged memory, and of connections on their way to another worker. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "io/pcap.h"
#include "io/worker.h"
#include "mortal.h"

enum {
    STOPS_MAX = 4000,
    FLIPS = 150,        /* damaged segments; SALLYPORT_KILLS says another number */
    BRIEF_S = 3,        /* for what may have been closed, or may hang as it is damaged */
    PATH_BYTES = 64,
};

static struct {
    struct mortal_end end;
    struct mortal mortal, other;
    struct wire *wire, *wire2;
} now;

static int tear_down(void **state)
{
    (void)state;
    if (now.wire)
        print_error("killed at stop %u (system call %ld), again at %u; %s\n", now.end.stop, now.mortal.shared ? mortal_call(&now.mortal) : -1, now.end.again,
                    strerror(errno));
    if (now.mortal.shared)
        mortal_stop(&now.mortal);
    if (now.other.shared)
        mortal_stop(&now.other);
    now.wire = now.wire2 = NULL;
    return 0;
}

static void start(const struct mortal_end *end)
{
    now.end = *end;
    mortal_start(&now.mortal, now.wire, end, -1);
}

static unsigned stop(void)
{
    unsigned deaths = mortal_deaths(&now.mortal);
    mortal_stop(&now.mortal);
    sp_relay_free(now.wire->relay);
    now.wire->relay = NULL;
    return deaths;
}

static void renew(const char *rules)
{
    if (now.wire)
        wire_free(now.wire);
    now.wire = wire_new(rules);
}

/* ---- connections that may break ---- */

static int say_and_hear(int from, int to, const char *text)
{
    char got[256] = "";
    if (send(from, text, strlen(text), MSG_NOSIGNAL) < 0)
        return -1;
    return recv(to, got, strlen(text), MSG_WAITALL) == (ssize_t)strlen(text) && strcmp(got, text) == 0 ? 0 : -1;
}

struct pair {
    int c, s;
};

static struct pair open_pair(void)
{
    struct pair p = {wire_client(now.wire), -1};
    struct timeval brief = {.tv_sec = BRIEF_S};
    struct pollfd either[] = {{.fd = now.wire->origin, .events = POLLIN}, {.fd = p.c, .events = POLLIN}};
    if (send(p.c, WIRE_REQUEST, strlen(WIRE_REQUEST), MSG_NOSIGNAL) > 0 && poll(either, 2, BRIEF_S * 1000) > 0 && either[0].revents)
        p.s = wire_server(now.wire);
    assert_int_equal(setsockopt(p.c, SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof brief), 0);
    if (p.s >= 0)
        assert_int_equal(setsockopt(p.s, SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof brief), 0);
    return p;
}

/* The answer to the first request, and a second one with its answer. */
static bool works(const struct pair *p)
{
    char got[256] = "";
    bool asked = p->s >= 0 && recv(p->s, got, strlen(WIRE_REQUEST), MSG_WAITALL) == (ssize_t)strlen(WIRE_REQUEST);
    return asked && say_and_hear(p->s, p->c, WIRE_ANSWER) == 0 && say_and_hear(p->c, p->s, WIRE_REQUEST) == 0 &&
           say_and_hear(p->s, p->c, WIRE_ANSWER) == 0;
}

static void close_pair(const struct pair *p)
{
    close(p->c);
    if (p->s >= 0)
        close(p->s);
}

/* ---- crashes ---- */

static void pass(void)
{
    struct pair p = open_pair();
    assert_true(works(&p));
    close(p.c);
    wire_hear_end(p.s);
    close(p.s);
}

static void a_crash_lets_the_bytes_pass_unread(void **state)
{
    (void)state;
    unsigned quarantined = 0, k = 1, deaths = 1;
    for (; deaths && k < STOPS_MAX; k++) {
        renew(NULL);
        start(&(struct mortal_end){.stop = k, .how = SP_DEATH_FAULT});
        pass();
        struct sp_counters c = wire_counters(now.wire);
        assert_int_equal(c.damaged, 0);
        if (c.quarantined)
            quarantined++;
        deaths = stop();
    }
    assert_true(quarantined > 10);
    wire_free(now.wire);
    now.wire = NULL;
}

static void a_quarantine_is_told(void **state)
{
    (void)state;
    bool told = false;
    for (unsigned k = 20; !told && k < 60; k++) {
        renew(NULL);
        start(&(struct mortal_end){.stop = k, .how = SP_DEATH_HANG});
        pass();
        uint64_t n = wire_counters(now.wire).quarantined;
        stop();
        if (n && wire_lines(now.wire))
            told = wire_told(now.wire, "\"quarantined\"");
    }
    assert_true(told);
    wire_free(now.wire);
    now.wire = NULL;
}

/* One connection may end, the one that was under the hand; with a second crash perhaps another one. */
static void crash_and_close(unsigned again)
{
    unsigned deaths = 1, closed = 0;
    for (unsigned k = 1; deaths && k < STOPS_MAX; k += 3) {
        renew(NULL);
        now.wire->service->on_crash = SP_CRASH_CLOSE;
        start(&(struct mortal_end){.stop = k, .again = again, .how = SP_DEATH_FAULT});
        struct pair p[2] = {open_pair(), open_pair()};
        unsigned broken = 0;
        for (int i = 0; i < 2; i++)
            broken += !works(&p[i]);
        struct sp_counters c = wire_counters(now.wire);
        deaths = stop();
        assert_true(broken <= c.quarantined && c.quarantined <= deaths);
        assert_int_equal(c.damaged, 0);
        closed += broken;
        close_pair(&p[0]);
        close_pair(&p[1]);
    }
    assert_true(closed > 3);
    wire_free(now.wire);
    now.wire = NULL;
}

static void a_crash_closes_the_one_connection(void **state)
{
    (void)state;
    crash_and_close(0);
}

static void a_second_crash_closes_no_third_one(void **state)
{
    (void)state;
    crash_and_close(5);
}

static void no_line(void *ctx, struct sp_span line)
{
    (void)ctx;
    (void)line;
}

static void what_was_under_the_hand_can_be_replayed(void **state)
{
    (void)state;
    char path[PATH_BYTES], error[SP_REPLAY_ERROR];
    unsigned deaths = 1;
    struct sp_replay *r;
    snprintf(path, sizeof path, "/tmp/sallyport-crash-%d.pcap", (int)getpid());
    renew(NULL);
    assert_int_equal(sp_replay_new(now.wire->policy, sp_proto_by_name(SP_LIT("http")), no_line, NULL, &r), 0);
    unsigned files = 0;
    for (unsigned k = 1; deaths && k < STOPS_MAX; k++) {
        start(&(struct mortal_end){.stop = k, .how = SP_DEATH_FAULT, .capture = path});
        pass();
        deaths = stop();
        if (access(path, R_OK) < 0)
            continue;
        if (sp_replay_file(r, path, error) < 0)
            fail_msg("%s", error);
        files++;
        unlink(path);
    }
    struct sp_replay_counts c = sp_replay_counts(r);
    assert_true(files >= 3);
    assert_true(c.messages > 0);
    assert_int_equal(c.gaps + c.unbegun + c.cut + c.fragments, 0);
    sp_replay_free(r);
    wire_free(now.wire);
    now.wire = NULL;
}

/* ---- damage ---- */

static struct {
    bool in_hand;
    size_t at;
    unsigned bit;
} flip;

static void flip_bit(struct wire *w)
{
    struct segment *s = w->relay->segment;
    struct conn *first = (struct conn *)(void *)((uint8_t *)s + s->conns_at) + 1;
    uint8_t *p = flip.in_hand ? (uint8_t *)&s->hand : (uint8_t *)first;
    p[flip.at] ^= (uint8_t)(1u << flip.bit);
}

static unsigned flips_wanted(void)
{
    const char *text = getenv("SALLYPORT_KILLS");
    return text ? (unsigned)strtoul(text, NULL, 10) / 4 : FLIPS;
}

/* Two that were there before, and one that is under the hand: at most one of them ends. */
static void damage_ends_one_connection_at_most(void **state)
{
    (void)state;
    uint64_t damaged = 0;
    srandom(3);
    renew(NULL);
    for (unsigned i = 0; i < flips_wanted(); i++) {
        size_t most = i & 1 ? sizeof(struct hand) : sizeof(struct conn);
        flip.in_hand = i & 1;
        flip.at = (size_t)random() % most;
        flip.bit = (unsigned)random() % 8;
        start(&(struct mortal_end){.stop = 60 + (unsigned)random() % 80, .how = SP_DEATH_FOREIGN, .dead = flip_bit});
        struct pair p[3];
        unsigned broken = 0;
        uint64_t before = wire_counters(now.wire).damaged;
        for (int k = 0; k < 3; k++)
            p[k] = open_pair();
        for (int k = 0; k < 3; k++)
            broken += !works(&p[k]);
        if (broken > 1)
            fail_msg("%u connections ended: %s at %zu, bit %u", broken, flip.in_hand ? "hand" : "connection", flip.at, flip.bit);
        damaged += wire_counters(now.wire).damaged - before;
        stop();
        for (int k = 0; k < 3; k++)
            close_pair(&p[k]);
    }
    print_message("# %lu of %u were noticed\n", damaged, flips_wanted());
    assert_true(damaged > 0);
    wire_free(now.wire);
    now.wire = NULL;
}

/* ---- handover ---- */

static void exchange(int c, int s)
{
    wire_say(c, WIRE_REQUEST);
    wire_hear(s, WIRE_REQUEST);
    wire_say(s, WIRE_ANSWER);
    wire_hear(c, WIRE_ANSWER);
}

/* The first of the two gives all it has to the second. */
static void hand_over(int giving, int receiving)
{
    struct wire *from = now.wire, *to = now.wire2;
    int c = wire_client(from), idle = wire_client(from);
    wire_say(c, WIRE_REQUEST);
    int s = wire_server(from);
    wire_hear(s, WIRE_REQUEST);
    wire_say(c, "GET /a HTTP/1.1\r\n"); /* the next one has begun */
    assert_int_equal(wire_tell(to, &(struct sp_relay_told){.order = SP_ORDER_RECEIVE, .channel = receiving}), 0);
    assert_int_equal(wire_tell(from, &(struct sp_relay_told){.order = SP_ORDER_DRAIN, .channel = giving, .grace_ms = WIRE_PATIENCE_S * 1000}), 0);
    wire_say(s, WIRE_ANSWER);
    wire_hear(c, WIRE_ANSWER);
    wire_say(c, "Host: a\r\n\r\n");
    wire_hear(s, WIRE_REQUEST);
    wire_say(s, WIRE_ANSWER);
    wire_hear(c, WIRE_ANSWER);
    for (int i = 0; i < WIRE_PATIENCE_S * 1000 && !mortal_finished(&now.mortal); i++)
        usleep(1000);
    assert_true(mortal_finished(&now.mortal));
    exchange(c, s);
    wire_say(idle, WIRE_REQUEST);
    int s2 = wire_server(from);
    wire_hear(s2, WIRE_REQUEST);
    wire_say(s2, WIRE_ANSWER);
    wire_hear(idle, WIRE_ANSWER);
    close(c);
    wire_hear_end(s);
    close(idle);
    wire_hear_end(s2);
    close(s);
    close(s2);
}

static unsigned run_handover(const struct mortal_end *giver, const struct mortal_end *taker)
{
    int channel[2];
    struct sp_address server = now.wire->service->to.at[0];
    now.wire2 = wire_new(NULL);
    now.wire2->service->to.at[0] = server;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, channel), 0);
    now.end = giver->stop ? *giver : *taker;
    mortal_start(&now.mortal, now.wire, giver, channel[1]);
    mortal_start(&now.other, now.wire2, taker, channel[0]);
    hand_over(channel[0], channel[1]);
    unsigned deaths = mortal_deaths(&now.mortal) + mortal_deaths(&now.other);
    mortal_stop(&now.mortal);
    mortal_stop(&now.other);
    close(channel[0]);
    close(channel[1]);
    assert_int_equal(wire_counters(now.wire).damaged + wire_counters(now.wire2).damaged, 0);
    wire_free(now.wire2);
    now.wire2 = NULL;
    sp_relay_free(now.wire->relay);
    now.wire->relay = NULL;
    return deaths;
}

static void the_giver_may_die(void **state)
{
    (void)state;
    renew(NULL);
    for (unsigned k = 1; run_handover(&(struct mortal_end){.stop = k, .how = SP_DEATH_FOREIGN}, &(struct mortal_end){0}) && k < STOPS_MAX; k++)
        ;
    wire_free(now.wire);
    now.wire = NULL;
}

static void the_receiver_may_die(void **state)
{
    (void)state;
    renew(NULL);
    for (unsigned k = 1; run_handover(&(struct mortal_end){0}, &(struct mortal_end){.stop = k, .how = SP_DEATH_FOREIGN}) && k < STOPS_MAX; k++)
        ;
    wire_free(now.wire);
    now.wire = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_crash_lets_the_bytes_pass_unread, tear_down),
        cmocka_unit_test_teardown(a_quarantine_is_told, tear_down),
        cmocka_unit_test_teardown(a_crash_closes_the_one_connection, tear_down),
        cmocka_unit_test_teardown(a_second_crash_closes_no_third_one, tear_down),
        cmocka_unit_test_teardown(what_was_under_the_hand_can_be_replayed, tear_down),
        cmocka_unit_test_teardown(damage_ends_one_connection_at_most, tear_down),
        cmocka_unit_test_teardown(the_giver_may_die, tear_down),
        cmocka_unit_test_teardown(the_receiver_may_die, tear_down),
    };
    sp_log_set_level(SP_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
