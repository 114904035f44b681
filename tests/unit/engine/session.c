/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions played against a network and a clock that are not there: bytes go in by chunks, what leaves and what is told is compared.
 * Every play ends with an empty pool.
 */
#include "engine/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

enum {
    BUDGET = 64 << 20,
    BODY_MAX = 64 << 10, /* of collected bodies, here */
    LEFT_MAX = 8 << 20,
    MEBIBYTE = 1 << 20,
};

struct play {
    struct sp_engine engine;
    struct sp_pool *pool;
    struct sp_policy *policy;
    struct sp_session session;
    struct sp_buf left[2]; /* what left, by direction */
    struct sp_buf told;    /* "anomaly;" or "rule number;" */
};
static struct play play;

static const char RULES[] =
    "guard: no-bad\ntitle: t\nwhen: http.request.uri.path contains \"/bad\"\nthen: refuse 403\n"
    "cases: [{send: a, expect: refuse}, {send: b, expect: pass}]\n"
    "---\nguard: no-evil\ntitle: t\nwhen: http.request.uri.path contains \"/form\" and http.request.body contains \"evil\"\nthen: refuse 406\n"
    "cases: [{send: a, expect: refuse}, {send: b, expect: pass}]\n"
    "---\nguard: no-header\ntitle: t\nwhen: http.request.headers[\"x-evil\"]\nthen: remove http.request.headers[\"x-evil\"]\n"
    "cases: [{send: a, expect: correct}, {send: b, expect: pass}]\n"
    "---\nguard: no-secret\ntitle: t\nwhen: http.response.headers[\"x-secret\"]\nthen: refuse 502\n"
    "cases: [{send: a, expect: refuse}, {send: b, expect: pass}]\n";

static void on_event(void *ctx, const struct sp_event *ev)
{
    struct play *p = ctx;
    if (ev->anomaly)
        sp_put_fmt(&p->told, "%s;", ev->anomaly);
    else
        sp_put_fmt(&p->told, "rule %u;", ev->rule);
}

static void begin(struct play *p, const char *rules, uint64_t budget)
{
    struct sp_ruleset set;
    struct sp_diag diag;
    memset(p, 0, sizeof *p);
    sp_diag_init(&diag);
    assert_int_equal(sp_ruleset_init(&set), 0);
    if (sp_ruleset_load_text(&set, "rules", sp_span_str(rules), &diag) < 0 || sp_policy_compile(&set, &diag, &p->policy) < 0)
        fail_msg("%.*s", SP_FMT(sp_buf_span(&diag.text)));
    sp_diag_fini(&diag);
    sp_ruleset_fini(&set);
    assert_int_equal(sp_pool_new(budget, &p->pool), 0);
    assert_int_equal(sp_engine_init(&p->engine, p->policy, p->pool, BODY_MAX), 0);
    p->engine.emit = on_event;
    p->engine.ctx = p;
    for (int dir = 0; dir < 2; dir++)
        p->left[dir] = sp_buf_growing(LEFT_MAX);
    p->told = sp_buf_growing(LEFT_MAX);
    sp_session_open(&p->engine, &p->session, sp_proto_by_name(SP_LIT("http")), 0);
}

/* The session ends, and nothing of it stays. */
static void end(struct play *p)
{
    sp_session_close(&p->engine, &p->session);
    assert_int_equal(sp_pool_used(p->pool), 0);
    sp_engine_fini(&p->engine);
    sp_pool_free(p->pool);
    sp_policy_free(p->policy);
    sp_buf_fini(&p->left[0]);
    sp_buf_fini(&p->left[1]);
    sp_buf_fini(&p->told);
}

static void drain(struct play *p)
{
    for (int dir = 0; dir < 2; dir++) {
        struct sp_span out = sp_session_out(&p->engine, &p->session, (enum sp_dir)dir);
        sp_put(&p->left[dir], out);
        if (out.n)
            sp_session_sent(&p->engine, &p->session, (enum sp_dir)dir, out.n);
    }
}

/* At most `cut` bytes at once. False: they are not taken any more. */
static bool feed(struct play *p, enum sp_dir dir, struct sp_span bytes, size_t cut)
{
    size_t room;
    for (size_t at = 0; at < bytes.n;) {
        uint8_t *to = sp_session_room(&p->engine, &p->session, dir, &room);
        if (!to)
            return false;
        size_t n = bytes.n - at < room ? bytes.n - at : room;
        n = n < cut ? n : cut;
        memcpy(to, bytes.p + at, n);
        at += n;
        sp_session_got(&p->engine, &p->session, dir, n);
        drain(p);
    }
    return true;
}

static void client(struct play *p, const char *text) { assert_true(feed(p, SP_C2S, sp_span_str(text), SIZE_MAX)); }
static void server(struct play *p, const char *text) { assert_true(feed(p, SP_S2C, sp_span_str(text), SIZE_MAX)); }

static void assert_text(const struct sp_buf *got, const char *want)
{
    if (!sp_span_eq(sp_buf_span(got), sp_span_str(want)))
        fail_msg("expected:\n%s\ngot:\n%.*s", want, SP_FMT(sp_buf_span(got)));
}

/* The answer of ours that stands at `at` of what left towards the client: its status; *at moves behind it. */
static unsigned take_answer(struct play *p, size_t *at)
{
    struct sp_span rest = sp_span_from(sp_buf_span(&p->left[SP_S2C]), *at);
    uint64_t status = 0, body = 0;
    assert_true(sp_span_starts(rest, SP_LIT("HTTP/1.1 ")));
    assert_true(sp_span_u64(sp_span_sub(rest, 9, 3), &status));
    size_t head = sp_span_find(rest, 0, SP_LIT("\r\n\r\n")), field = sp_span_ifind(rest, 0, SP_LIT("Content-Length: "));
    assert_true(head != SP_NOT_FOUND);
    if (field < head)
        assert_true(sp_span_u64(sp_span_sub(rest, field + 16, sp_span_byte(rest, field, '\r') - field - 16), &body));
    *at += head + 4 + body;
    assert_true(*at <= p->left[SP_S2C].n);
    return (unsigned)status;
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define ANSWER(text) "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" text

/* ---- what passes ---- */

static void without_rules_bytes_pass_as_they_are(void **state)
{
    (void)state;
    static const char ask[] = GET("/bad") "POST /form HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n" GET("/c");
    static const char say[] = ANSWER("1") "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n" ANSWER("3");
    for (size_t cut = 1; cut < 40; cut += 3) {
        begin(&play, "", BUDGET);
        assert_true(feed(&play, SP_C2S, sp_span_str(ask), cut));
        assert_true(feed(&play, SP_S2C, sp_span_str(say), cut));
        assert_text(&play.left[SP_C2S], ask);
        assert_text(&play.left[SP_S2C], say);
        assert_text(&play.told, "");
        end(&play);
    }
}

static void watching_changes_nothing(void **state)
{
    (void)state;
    static const char ask[] = GET("/bad") "GET / HTTP/1.1\r\nHost: a\r\nX-Evil: 1\r\n\r\n"
                              "POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nevil";
    begin(&play, RULES, BUDGET);
    play.engine.monitor = true;
    client(&play, ask);
    assert_text(&play.left[SP_C2S], ask);
    assert_text(&play.told, "rule 0;rule 2;rule 1;");
    assert_false(play.session.closing);
    end(&play);
}

static void after_an_upgrade_nobody_reads(void **state)
{
    (void)state;
    static const char ask[] = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    static const char say[] = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    begin(&play, RULES, BUDGET);
    client(&play, ask);
    assert_false(play.session.opaque);
    server(&play, say);
    client(&play, GET("/bad"));
    server(&play, "\x81\x02hi");
    assert_true(play.session.opaque);
    assert_int_equal(sp_session_spliceable(&play.session, SP_C2S), UINT64_MAX);
    assert_true(sp_span_ends(sp_buf_span(&play.left[SP_C2S]), SP_LIT(GET("/bad"))));
    assert_true(sp_span_ends(sp_buf_span(&play.left[SP_S2C]), SP_LIT("\x81\x02hi")));
    end(&play);
}

/* ---- what is refused ---- */

static void refused_in_the_middle_of_a_pipeline(void **state)
{
    (void)state;
    static const char ask[] = GET("/1") GET("/bad") GET("/3");
    for (size_t cut = 1; cut <= sizeof ask; cut += cut < 8 ? 1 : 13) {
        size_t at = 0;
        begin(&play, RULES, BUDGET);
        assert_true(feed(&play, SP_C2S, sp_span_str(ask), cut));
        assert_text(&play.left[SP_S2C], "");
        server(&play, ANSWER("1"));
        server(&play, ANSWER("3"));
        assert_text(&play.left[SP_C2S], GET("/1") GET("/3"));
        assert_int_equal(take_answer(&play, &at), 200);
        assert_int_equal(take_answer(&play, &at), 403);
        assert_int_equal(take_answer(&play, &at), 200);
        assert_int_equal(at, play.left[SP_S2C].n);
        assert_text(&play.told, "rule 0;");
        end(&play);
    }
}

static void body_of_a_refused_request_vanishes(void **state)
{
    (void)state;
    static const char plain[] = "POST /bad HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n" "0123456789" GET("/2");
    static const char chunked[] = "POST /bad HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" "a;x=1\r\n0123456789\r\n0\r\nT: 1\r\n\r\n" GET("/2");
    static const char *const asks[] = {plain, chunked};
    for (size_t cut = 1; cut < 60; cut += 7) {
        size_t at = 0;
        begin(&play, RULES, BUDGET);
        assert_true(feed(&play, SP_C2S, sp_span_str(asks[cut % 2]), cut));
        server(&play, ANSWER("2"));
        assert_text(&play.left[SP_C2S], GET("/2"));
        assert_int_equal(take_answer(&play, &at), 403);
        assert_int_equal(take_answer(&play, &at), 200);
        assert_false(play.session.closing);
        end(&play);
    }
}

/* Thousands of small chunks that vanish must not each move all that stands behind them. */
static void discarding_moves_offsets(void **state)
{
    (void)state;
    begin(&play, RULES, BUDGET);
    client(&play, "POST /bad HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1");
    const struct sp_side *d = &play.session.side[SP_C2S];
    uint32_t before = d->have;
    client(&play, "\r\na\r\n1\r\na\r\n1\r\na\r\n1");
    assert_int_equal(d->have - before, 18);
    assert_int_equal(d->have - d->clear, 3); /* "\r\n1", and more of the size may come */
    client(&play, "\r\na\r\n0\r\n\r\n" GET("/2"));
    assert_text(&play.left[SP_C2S], GET("/2"));
    end(&play);
}

static void refused_response_takes_its_place(void **state)
{
    (void)state;
    size_t at = 0;
    begin(&play, RULES, BUDGET);
    client(&play, GET("/1") GET("/2"));
    server(&play, ANSWER("1") "HTTP/1.1 200 OK\r\nX-Secret: 1\r\nContent-Length: 3\r\n\r\nabc");
    assert_int_equal(take_answer(&play, &at), 200);
    assert_int_equal(take_answer(&play, &at), 502);
    assert_int_equal(at, play.left[SP_S2C].n);
    assert_true(play.session.closing && play.session.abort_server);
    end(&play);
}

/* While an answer of the server is under way, nothing of ours may come between its bytes. */
static void answers_are_not_interrupted(void **state)
{
    (void)state;
    static const struct { const char *begins, *ends; } answers[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", "cde"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "abcde"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", "0\r\n\r\n"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab", "\r\n0\r\n\r\n"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "\r\n"},
        {"HTTP/1.1 103 Early Hints\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
    };
    static const char waits[] = "POST /form HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        for (int expects = 0; expects < 2; expects++) {
            struct sp_buf whole = sp_buf_growing(1024);
            sp_put_fmt(&whole, "%s%s", answers[i].begins, answers[i].ends);
            begin(&play, RULES, BUDGET);
            client(&play, GET("/1"));
            server(&play, answers[i].begins);
            client(&play, expects ? waits : GET("/bad"));
            server(&play, answers[i].ends);
            if (expects)
                client(&play, "evil");
            struct sp_span left = sp_buf_span(&play.left[SP_S2C]);
            if (!sp_span_starts(left, sp_buf_span(&whole)))
                fail_msg("%s: %.*s", answers[i].begins, SP_FMT(left));
            size_t at = whole.n;
            unsigned status = take_answer(&play, &at);
            if (status == 100)
                status = take_answer(&play, &at);
            assert_int_equal(status, expects ? 406 : 403);
            assert_int_equal(at, left.n);
            end(&play);
            sp_buf_fini(&whole);
        }
    }
}

/* A refusal that waits for earlier answers is not thought over again at every byte of them. */
static void waiting_refusal_is_not_judged_again(void **state)
{
    (void)state;
    enum { MARK = 12345 };
    size_t at = 0;
    begin(&play, RULES, BUDGET);
    client(&play, GET("/1") GET("/2") "POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nevil");
    assert_int_equal(play.engine.verdict.nhits, 1);
    server(&play, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    play.engine.verdict.nhits = MARK; /* judging writes it */
    for (int i = 0; i < 100; i++)
        assert_true(feed(&play, SP_S2C, SP_LIT("2\r\nab\r\n"), 1));
    assert_true(feed(&play, SP_C2S, SP_LIT(GET("/4")), 1));
    server(&play, "0\r\n\r\n");
    assert_int_equal(play.engine.verdict.nhits, MARK);
    play.left[SP_S2C].n = 0;
    server(&play, ANSWER("2"));
    server(&play, ANSWER("4"));
    assert_int_equal(take_answer(&play, &at), 200);
    assert_int_equal(take_answer(&play, &at), 406);
    assert_int_equal(take_answer(&play, &at), 200);
    end(&play);
}

/* A client that has said everything still gets the refusal that had to wait for the answer before it. */
static void half_closed_client_is_answered(void **state)
{
    (void)state;
    size_t at = 0;
    begin(&play, RULES, BUDGET);
    client(&play, GET("/1") GET("/bad"));
    sp_session_eof(&play.engine, &play.session, SP_C2S);
    drain(&play);
    server(&play, ANSWER("1"));
    assert_int_equal(take_answer(&play, &at), 200);
    assert_int_equal(take_answer(&play, &at), 403);
    assert_true(sp_session_shut(&play.session, SP_C2S));
    assert_false(sp_session_shut(&play.session, SP_C2S));
    end(&play);
}

/* As in a rule's case: what a server says is given whole, whatever of it answers what the client still waits to send. */
static void answers_given_all_at_once(void **state)
{
    (void)state;
    size_t at = 0;
    begin(&play, RULES, BUDGET);
    client(&play, GET("/1") GET("/bad") GET("/2"));
    server(&play, ANSWER("1") ANSWER("2"));
    assert_int_equal(take_answer(&play, &at), 200);
    assert_int_equal(take_answer(&play, &at), 403);
    assert_int_equal(take_answer(&play, &at), 200);
    assert_int_equal(play.told.n, strlen("rule 0;"));
    end(&play);
}

/* What it left unfinished meanwhile keeps nobody waiting. */
static void half_a_request_behind_a_refusal_that_waits(void **state)
{
    (void)state;
    size_t at = 0;
    begin(&play, RULES, BUDGET);
    client(&play, GET("/1") GET("/bad") "GET /half HTTP");
    sp_session_eof(&play.engine, &play.session, SP_C2S);
    drain(&play);
    assert_false(sp_session_shut(&play.session, SP_C2S));
    server(&play, ANSWER("1"));
    assert_int_equal(take_answer(&play, &at), 200);
    assert_int_equal(take_answer(&play, &at), 403);
    assert_int_equal(play.session.unit_since_ms, 0);
    assert_true(sp_session_shut(&play.session, SP_C2S));
    end(&play);
}

static void head_too_long_is_431(void **state)
{
    (void)state;
    static char head[80 << 10];
    size_t at = 0;
    memset(head, 'a', sizeof head - 1);
    memcpy(head, "GET / HTTP/1.1\r\nHost: a\r\nX: ", 28);
    begin(&play, RULES, BUDGET);
    (void)feed(&play, SP_C2S, sp_span_str(head), 1000);
    assert_int_equal(take_answer(&play, &at), 431);
    assert_true(play.session.closing);
    assert_int_equal(play.left[SP_C2S].n, 0);
    end(&play);
}

/* ---- bodies that are collected ---- */

static void client_is_told_to_go_on(void **state)
{
    (void)state;
    static const char head[] = "POST /form HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    for (int evil = 0; evil < 2; evil++) {
        size_t at = 0;
        begin(&play, RULES, BUDGET);
        client(&play, head);
        assert_text(&play.left[SP_C2S], "");
        assert_text(&play.left[SP_S2C], "HTTP/1.1 100 Continue\r\n\r\n");
        client(&play, evil ? "evil" : "good");
        assert_int_equal(take_answer(&play, &at), 100);
        if (evil) {
            assert_int_equal(play.left[SP_C2S].n, 0);
            assert_int_equal(take_answer(&play, &at), 406);
        } else {
            assert_true(sp_span_ends(sp_buf_span(&play.left[SP_C2S]), SP_LIT("\r\n\r\ngood")));
        }
        assert_int_equal(at, play.left[SP_S2C].n);
        end(&play);
    }
}

static void collected_body_too_long_is_413(void **state)
{
    (void)state;
    static char body[BODY_MAX + 2];
    memset(body, 'a', sizeof body - 1);
    for (int chunked = 0; chunked < 2; chunked++) {
        size_t at = 0;
        begin(&play, RULES, BUDGET);
        client(&play, chunked ? "POST /form HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n"
                              : "POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n");
        (void)feed(&play, SP_C2S, sp_span_str(body), 5000);
        assert_int_equal(take_answer(&play, &at), 413);
        assert_int_equal(play.left[SP_C2S].n, 0);
        end(&play);
    }
}

/* Fed byte by byte, each byte is looked at and moved a bounded number of times. */
static void collecting_is_linear(void **state)
{
    (void)state;
    static const char *const heads[] = {"POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n",
                                        "POST /form HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n"};
    static char body[MEBIBYTE + 1];
    memset(body, 'a', MEBIBYTE);
    for (int chunked = 0; chunked < 2; chunked++) {
        uint64_t looked = 0, moved = 0;
        begin(&play, RULES, BUDGET);
        play.engine.body_max = 2 * MEBIBYTE;
        client(&play, heads[chunked]);
        const struct sp_side *d = &play.session.side[SP_C2S];
        for (size_t i = 0; i < MEBIBYTE; i++) {
            uint32_t block = d->block;
            assert_true(feed(&play, SP_C2S, sp_span_of(body + i, 1), 1));
            moved += d->block != block ? d->have : 0;
            looked += d->mark ? 1 : d->have - d->clear; /* without a mark the next call begins at the unit's start */
        }
        if (chunked)
            client(&play, "\r\n0\r\n\r\n");
        assert_int_equal(play.engine.units, 1);
        assert_true(play.left[SP_C2S].n > MEBIBYTE);
        assert_true(moved < 2 * MEBIBYTE);
        assert_true(looked < 2 * MEBIBYTE);
        end(&play);
    }
}

/* ---- ends ---- */

static void server_ends_in_the_middle(void **state)
{
    (void)state;
    static const struct { const char *say; unsigned status; } ends[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", 0}, {"HTTP/1.1 200 OK\r\nConte", 502},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", 0},
    };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t at = 0;
        begin(&play, RULES, BUDGET);
        client(&play, GET("/"));
        server(&play, ends[i].say);
        sp_session_eof(&play.engine, &play.session, SP_S2C);
        drain(&play);
        if (ends[i].status)
            assert_int_equal(take_answer(&play, &at), ends[i].status);
        else
            assert_text(&play.left[SP_S2C], ends[i].say);
        assert_true(play.session.closing);
        end(&play);
    }
}

/* An answer half sent cannot be followed by another one. */
static void failures_do_not_follow_half_an_answer(void **state)
{
    (void)state;
    static const char *const halves[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", "HTTP/1.1 200 OK\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
    };
    for (size_t i = 0; i < sizeof halves / sizeof *halves; i++) {
        for (unsigned status = 408; status < 600; status += 96) {
            begin(&play, RULES, BUDGET);
            client(&play, GET("/"));
            server(&play, halves[i]);
            sp_session_fail(&play.engine, &play.session, status, "why");
            drain(&play);
            struct sp_span left = sp_buf_span(&play.left[SP_S2C]);
            if (sp_span_find(left, 1, SP_LIT("HTTP/1.1")) != SP_NOT_FOUND)
                fail_msg("%u behind %s: %.*s", status, halves[i], SP_FMT(left));
            assert_true(play.session.closing);
            end(&play);
        }
    }
}

static void failures_from_outside(void **state)
{
    (void)state;
    static const struct { const char *ask, *say; unsigned status, seen; } fails[] = {
        {"GET / HT", "", 408, 408}, {GET("/"), "", 502, 502}, {GET("/"), "", 504, 504}, {GET("/"), "HTTP/1.1 2", 504, 504},
        {GET("/"), "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", 504, 200}, {GET("/") "GET /2", ANSWER("1"), 408, 200},
    };
    for (size_t i = 0; i < sizeof fails / sizeof *fails; i++) {
        size_t at = 0;
        begin(&play, RULES, BUDGET);
        client(&play, fails[i].ask);
        server(&play, fails[i].say);
        sp_session_fail(&play.engine, &play.session, fails[i].status, "why");
        drain(&play);
        assert_text(&play.told, "why;");
        assert_true(play.session.closing);
        if (i == 4)
            assert_text(&play.left[SP_S2C], fails[i].say); /* half sent: nothing can follow */
        else
            assert_int_equal(take_answer(&play, &at), fails[i].seen);
        if (i == 5)
            assert_int_equal(take_answer(&play, &at), 408);
        sp_session_fail(&play.engine, &play.session, 500, "again");
        assert_text(&play.told, "why;");
        end(&play);
    }
}

/* ---- memory ---- */

static void out_of_memory_is_503(void **state)
{
    (void)state;
    static char body[BODY_MAX + 1];
    size_t at = 0;
    memset(body, 'a', BODY_MAX);
    begin(&play, RULES, 2 * SP_POOL_SMALL); /* room for heads, not for a body of 64 KiB */
    client(&play, "POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 65536\r\n\r\n");
    assert_false(feed(&play, SP_C2S, sp_span_str(body), 1000));
    drain(&play);
    assert_int_equal(take_answer(&play, &at), 503);
    assert_true(play.session.closing);
    assert_text(&play.told, "out_of_memory;");
    assert_int_equal(play.left[SP_C2S].n, 0);
    end(&play);
}

#define LONG_HEAD "GET /a?q=" A64 A64 A64 A64 " HTTP/1.1\r\nHost: a\r\n\r\n"
#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void play_over_budget(bool pass)
{
    begin(&play, "guard: g\ntitle: t\nwhen: any(http.request.uri.args matches \"b[0-9]+\")\nthen: refuse 403\n"
                 "cases: [{send: a, expect: refuse}, {send: b, expect: pass}]\n", BUDGET);
    sp_matcher_limit(play.engine.matcher, 200);
    play.engine.over_pass = pass;
}

static void a_message_over_its_budget_is_refused(void **state)
{
    (void)state;
    play_over_budget(false);
    client(&play, "GET /a?q=b HTTP/1.1\r\nHost: a\r\n\r\n");
    server(&play, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_text(&play.told, "");
    client(&play, LONG_HEAD "GET /a?q=b1 HTTP/1.1\r\nHost: a\r\n\r\nGET /c HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_text(&play.told, "over_budget;rule 0;");
    assert_int_equal(play.engine.over_budget, 1);
    assert_non_null(memmem(play.left[SP_S2C].p, play.left[SP_S2C].n, " 503 ", 5));
    assert_text(&play.left[SP_C2S], "GET /a?q=b HTTP/1.1\r\nHost: a\r\n\r\nGET /c HTTP/1.1\r\nHost: a\r\n\r\n"); /* the session goes on */
    end(&play);
}

static void a_message_over_its_budget_may_pass(void **state)
{
    (void)state;
    play_over_budget(true);
    client(&play, LONG_HEAD);
    assert_text(&play.told, "over_budget;");
    assert_text(&play.left[SP_C2S], LONG_HEAD);
    end(&play);
}

static void without_a_policy_failures_end_the_session(void **state)
{
    (void)state;
    begin(&play, RULES, BUDGET);
    sp_engine_fini(&play.engine);
    assert_int_equal(sp_engine_init(&play.engine, NULL, play.pool, BODY_MAX), 0);
    play.engine.emit = on_event;
    play.engine.ctx = &play;
    play.session.opaque = true;
    client(&play, GET("/bad"));
    assert_text(&play.left[SP_C2S], GET("/bad"));
    sp_session_fail(&play.engine, &play.session, 502, "server_down");
    assert_text(&play.told, "server_down;");
    assert_true(play.session.closing);
    end(&play);
}

static void idle_sessions_hold_nothing(void **state)
{
    (void)state;
    begin(&play, RULES, BUDGET);
    for (int i = 0; i < 3; i++) {
        client(&play, GET("/"));
        server(&play, ANSWER("x"));
        assert_int_equal(sp_pool_used(play.pool), 0);
    }
    client(&play, "GET / HTTP/1.1\r\nHost");
    assert_true(sp_pool_used(play.pool) > 0);
    end(&play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_rules_bytes_pass_as_they_are), cmocka_unit_test(watching_changes_nothing),
        cmocka_unit_test(after_an_upgrade_nobody_reads),        cmocka_unit_test(refused_in_the_middle_of_a_pipeline),
        cmocka_unit_test(body_of_a_refused_request_vanishes),   cmocka_unit_test(refused_response_takes_its_place),
        cmocka_unit_test(discarding_moves_offsets),
        cmocka_unit_test(answers_are_not_interrupted),          cmocka_unit_test(half_closed_client_is_answered),
        cmocka_unit_test(answers_given_all_at_once),
        cmocka_unit_test(half_a_request_behind_a_refusal_that_waits),
        cmocka_unit_test(waiting_refusal_is_not_judged_again),
        cmocka_unit_test(head_too_long_is_431),                 cmocka_unit_test(client_is_told_to_go_on),
        cmocka_unit_test(collected_body_too_long_is_413),       cmocka_unit_test(collecting_is_linear),
        cmocka_unit_test(server_ends_in_the_middle),            cmocka_unit_test(failures_from_outside),
        cmocka_unit_test(failures_do_not_follow_half_an_answer),
        cmocka_unit_test(out_of_memory_is_503),                 cmocka_unit_test(idle_sessions_hold_nothing),
        cmocka_unit_test(a_message_over_its_budget_is_refused), cmocka_unit_test(a_message_over_its_budget_may_pass),
        cmocka_unit_test(without_a_policy_failures_end_the_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
