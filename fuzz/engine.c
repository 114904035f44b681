/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine: a whole connection of any bytes, in any pieces, through rules that pass, correct, refuse, drop and close. What must hold: it
 * ends, what leaves is bounded by what came, all memory comes back, and judging one direction does not depend on the pieces. The first three
 * bytes choose the mode and the pieces; the client's bytes follow, and behind a "\n<<\n" the server's.
 */
#include <string.h>

#include "engine/session.h"
#include "rule/source.h"
#include "target.h"

enum engine_limits {
    BUDGET = 64 << 20,
    BODY_MAX = 64 << 10,
    LEFT_MAX = 8 << 20,
    GROWTH = 4096, /* what one message may gain: a reply, an interim answer, a header, a canonical form */
};

enum mode { ONE_SIDED = 1, MONITOR = 2, FORWARDED = 4, FAILS = 8, SLOW_READER = 16, SERVER_ONLY = 32 };

/* A rule by what it does; its proof cases are written as the language wants them, and not run here. */
#define RULE(name, when, then, expect)                                                                                 \
    "---\nguard: fuzz-" name "\ntitle: " name "\nseverity: low\nprotocol: http\nwhen: '" when "'\nthen: '" then            \
    "'\ncases:\n  - {send: 'x', expect: " expect "}\n  - {send: 'y', expect: pass}\n"

static const char rules[] =
    RULE("refuse", "http.request.uri.path contains \"refuse\"", "refuse 403", "refuse")
    RULE("drop", "http.request.uri.path contains \"drop\"", "drop", "drop")
    RULE("close", "http.request.uri.path contains \"close\"", "close", "close")
    RULE("truncate", "len(http.request.headers[\"x-long\"]) > 8", "truncate http.request.headers[\"x-long\"] to 8", "correct")
    RULE("remove", "http.request.headers[\"x-gone\"] contains \"x\"", "remove http.request.headers[\"x-gone\"]", "correct")
    RULE("argument", "http.request.body.form[\"id\"] contains \"evil\"", "set http.request.body.form[\"id\"] to \"0\"", "correct")
    RULE("body", "any(http.request.args contains \"worse\")", "refuse", "refuse");

struct world {
    struct sp_ruleset set;
    struct sp_policy *policy;
    struct sp_pool *pool;
    struct sp_engine engine;
    bool ready;
};

struct connection {
    struct sp_session session;
    struct sp_span in[2];
    size_t at[2], cut[2];
    size_t left[2], messages;
    unsigned mode;
};

static struct world world;
static uint8_t left_bytes[2][LEFT_MAX];

static void prepare(struct world *w)
{
    struct sp_diag diag;
    sp_diag_init(&diag);
    int rc = sp_ruleset_init(&w->set);
    if (!rc)
        rc = sp_ruleset_load_text(&w->set, "fuzz", sp_span_of(rules, sizeof rules - 1), &diag);
    if (!rc)
        rc = sp_policy_compile(&w->set, &diag, &w->policy);
    if (!rc)
        rc = sp_pool_new(BUDGET, &w->pool);
    if (!rc)
        rc = sp_engine_init(&w->engine, w->policy, w->pool, BODY_MAX);
    if (rc)
        fprintf(stderr, "%.*s", SP_FMT(sp_buf_span(&diag.text)));
    fuzz_check(rc == 0);
    sp_diag_fini(&diag);
    w->ready = true;
}

/* Sends what may be sent, or half of it to a slow reader. */
static void drain(struct connection *c, enum sp_dir dir)
{
    struct sp_span out = sp_session_out(&world.engine, &c->session, dir);
    size_t n = c->mode & SLOW_READER ? (out.n + 1) / 2 : out.n;
    fuzz_check(c->left[dir] + n <= LEFT_MAX);
    if (!n)
        return;
    memcpy(left_bytes[dir] + c->left[dir], out.p, n);
    c->left[dir] += n;
    sp_session_sent(&world.engine, &c->session, dir, n);
}

static void drain_both(struct connection *c)
{
    drain(c, SP_C2S);
    drain(c, SP_S2C);
    sp_session_rest(&world.engine, &c->session);
    c->messages = c->session.side[SP_C2S].messages + c->session.side[SP_S2C].messages;
}

/* The next piece of one direction goes in; false when there is none, or it is not taken now. */
static bool feed(struct connection *c, enum sp_dir dir)
{
    size_t room, n = c->in[dir].n - c->at[dir];
    if (n == 0)
        return false;
    uint8_t *p = sp_session_room(&world.engine, &c->session, dir, &room);
    if (!p)
        return false;
    n = n < c->cut[dir] ? n : c->cut[dir];
    n = n < room ? n : room;
    memcpy(p, c->in[dir].p + c->at[dir], n);
    c->at[dir] += n;
    sp_session_got(&world.engine, &c->session, dir, n);
    world.engine.now_ms++;
    return n > 0;
}

static void check_bounds(const struct connection *c)
{
    size_t gained = GROWTH * (c->messages + 2);
    for (int dir = 0; dir < 2; dir++)
        fuzz_check(c->left[dir] <= 2 * c->at[dir] + gained);
}

static void finish(struct connection *c)
{
    if (c->mode & FAILS)
        sp_session_fail(&world.engine, &c->session, 408, "timeout");
    sp_session_eof(&world.engine, &c->session, SP_C2S);
    drain_both(c);
    sp_session_eof(&world.engine, &c->session, SP_S2C);
    for (int i = 0; i < 64; i++)
        drain_both(c);
    (void)sp_session_shut(&c->session, SP_C2S);
    (void)sp_session_shut(&c->session, SP_S2C);
    (void)sp_session_needs_server(&world.engine, &c->session);
    check_bounds(c);
    sp_session_close(&world.engine, &c->session);
    fuzz_check(sp_pool_used(world.pool) == 0);
}

static void run(struct connection *c)
{
    c->left[0] = c->left[1] = c->at[0] = c->at[1] = 0;
    world.engine.monitor = c->mode & MONITOR;
    world.engine.forwarded = c->mode & FORWARDED;
    sp_session_open(&world.engine, &c->session, sp_proto_by_name(SP_LIT("http")), 0);
    c->session.one_sided = c->mode & ONE_SIDED;
    bool moved;
    do {
        moved = feed(c, SP_C2S);
        drain_both(c);
        moved |= feed(c, SP_S2C);
        drain_both(c);
    } while (moved);
    finish(c);
}

/* One direction alone: whatever the pieces, the same leaves. */
static void check_pieces(struct connection *c, enum sp_dir dir)
{
    static uint8_t first[LEFT_MAX];
    size_t n = c->left[dir];
    memcpy(first, left_bytes[dir], n);
    uint8_t worst = c->session.worst;
    c->cut[dir] = SIZE_MAX;
    run(c);
    fuzz_check(c->left[dir] == n && memcmp(first, left_bytes[dir], n) == 0 && c->session.worst == worst);
}

void target(struct sp_span in, struct sp_arena *a)
{
    if (!world.ready)
        prepare(&world);
    struct connection c = {.mode = fuzz_byte(&in)};
    c.cut[0] = 1 + fuzz_byte(&in);
    c.cut[1] = 1 + fuzz_byte(&in);
    size_t server = sp_span_find(in, 0, SP_LIT("\n<<\n"));
    c.in[SP_C2S] = sp_span_sub(in, 0, server);
    c.in[SP_S2C] = sp_span_from(in, server == SP_NOT_FOUND ? in.n : server + 4);
    if (c.mode & ONE_SIDED)
        c.in[c.mode & SERVER_ONLY ? SP_C2S : SP_S2C].n = 0;
    size_t plenty = world.engine.arena.max;
    world.engine.arena.max = a->max < plenty ? a->max : plenty;
    world.engine.arena.touched = 0;
    run(&c);
    (void)sp_arena_get(a, world.engine.arena.touched); /* tells the driver how much would have been too little */
    if (c.mode & ONE_SIDED && !(c.mode & (FAILS | SLOW_READER)))
        check_pieces(&c, c.mode & SERVER_ONLY ? SP_S2C : SP_C2S);
    world.engine.arena.max = plenty;
}
