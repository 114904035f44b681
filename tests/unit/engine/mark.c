/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions that are marked, die and go on from the mark in another engine over the same memory. The bytes that the mark speaks of never change, and what
 * leaves is what leaves without a death.
 */
#include "engine/session.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "unit.h"

enum {
    BUDGET = 8 << 20,
    BODY_MAX = 256 << 10,
    LEFT_MAX = 4 << 20,
    LIVES = 150,
    MESSAGES_MAX = 6,
    KINDS = 8,
    EVERY = 12,    /* moves from death to death */
    LONG_BODY = 40 << 10, /* more than two small blocks */
};

static const char RULES[] =
    "guard: no-bad\ntitle: t\nwhen: http.request.uri.path contains \"/bad\"\nthen: refuse 403\n"
    "cases: [{send: a, expect: refuse}, {send: b, expect: pass}]\n"
    "---\nguard: no-evil\ntitle: t\nwhen: http.request.uri.path contains \"/form\" and http.request.body contains \"evil\"\nthen: refuse 406\n"
    "cases: [{send: a, expect: refuse}, {send: b, expect: pass}]\n"
    "---\nguard: no-header\ntitle: t\nwhen: http.request.headers[\"x-evil\"]\nthen: remove http.request.headers[\"x-evil\"]\n"
    "cases: [{send: a, expect: correct}, {send: b, expect: pass}]\n";

/* Before each move of bytes, as a worker does: the session, how far the test itself was, and what is about to move. */
struct point {
    bool receives;
    enum sp_dir dir;
    size_t n; /* bytes that moved, once they have */
    struct sp_session session;
    size_t fed[2], left[2];
    uint8_t *bytes[2];
};

struct life {
    void *memory;
    struct sp_pool *pool;
    struct sp_engine engine;
    struct sp_session session;
    struct sp_buf in[2], left[2];
    size_t fed[2];
    unsigned answered; /* requests that the server has seen */
    bool marked;
    struct point mark;
};

static struct sp_policy *policy;

static unsigned below(unsigned n)
{
    return (unsigned)random() % n;
}

/* ---- a life ---- */

static void wake(struct life *l)
{
    assert_int_equal(sp_pool_over(BUDGET, l->memory, &l->pool), 0);
    assert_int_equal(sp_engine_init(&l->engine, policy, l->pool, BODY_MAX), 0);
}

static void sleep_for_ever(struct life *l)
{
    sp_engine_fini(&l->engine);
    sp_pool_free(l->pool);
}

static void begin(struct life *l)
{
    memset(l, 0, sizeof *l);
    l->memory = mmap(NULL, sp_pool_room(BUDGET), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(l->memory != MAP_FAILED);
    wake(l);
    for (int dir = 0; dir < 2; dir++) {
        l->in[dir] = sp_buf_growing(LEFT_MAX);
        l->left[dir] = sp_buf_growing(LEFT_MAX);
        l->mark.bytes[dir] = malloc(BUDGET);
    }
    sp_session_open(&l->engine, &l->session, sp_proto_by_name(SP_LIT("http")), 0);
}

static void end(struct life *l)
{
    sp_pool_mark(l->pool, 0, 0);
    sp_session_close(&l->engine, &l->session);
    assert_int_equal(sp_pool_used(l->pool), 0);
    sleep_for_ever(l);
    for (int dir = 0; dir < 2; dir++) {
        sp_buf_fini(&l->in[dir]);
        sp_buf_fini(&l->left[dir]);
        free(l->mark.bytes[dir]);
    }
    munmap(l->memory, sp_pool_room(BUDGET));
}

static void mark(struct life *l, bool receives, enum sp_dir dir)
{
    struct point *m = &l->mark;
    m->receives = receives;
    m->dir = dir;
    m->n = 0;
    m->session = l->session;
    for (int i = 0; i < 2; i++) {
        const struct sp_side *d = &l->session.side[i];
        m->fed[i] = l->fed[i];
        m->left[i] = l->left[i].n;
        if (d->block)
            memcpy(m->bytes[i], sp_pool_at(l->pool, d->block), d->have);
    }
    sp_pool_mark(l->pool, l->session.side[SP_C2S].block, l->session.side[SP_S2C].block);
    l->marked = true;
}

static void check(const struct life *l)
{
    for (int dir = 0; dir < 2 && l->marked; dir++) {
        const struct sp_side *d = &l->mark.session.side[dir];
        if (d->block)
            assert_true(memcmp(sp_pool_at(l->pool, d->block) + d->sent, l->mark.bytes[dir] + d->sent, d->have - d->sent) == 0);
    }
}

/* The kernel says that the bytes have moved. */
static void settle(struct life *l)
{
    const struct point *m = &l->mark;
    if (m->receives) {
        sp_session_found(&l->session, m->dir, m->n);
        l->fed[m->dir] += m->n;
    } else if (m->n) {
        sp_session_sent(&l->engine, &l->session, m->dir, m->n);
        l->left[m->dir].n += m->n;
    }
}

/* Back to the mark, in another process. */
static void die(struct life *l)
{
    bool moved = below(2);
    sleep_for_ever(l);
    wake(l);
    l->session = l->mark.session;
    for (int dir = 0; dir < 2; dir++) {
        uint32_t block = l->session.side[dir].block;
        assert_true(!block || sp_pool_adopt(l->pool, block));
        l->fed[dir] = l->mark.fed[dir];
        l->left[dir].n = l->mark.left[dir];
    }
    sp_pool_adopted(l->pool);
    assert_true(sp_session_plausible(&l->engine, &l->session));
    sp_pool_mark(l->pool, l->session.side[SP_C2S].block, l->session.side[SP_S2C].block);
    if (moved)
        settle(l);
    sp_session_got(&l->engine, &l->session, SP_C2S, 0); /* judging again what is held changes nothing */
    check(l);
    l->marked = false;
}

/* ---- traffic ---- */

static void put_message(struct sp_buf *in, unsigned kind)
{
    static const char *const text[KINDS] = {
        "GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /bad HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /c HTTP/1.1\r\nX-Evil: 1\r\nHost: a\r\nX-Evil: 22\r\n\r\n",
        "POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nso evil!!",
        "POST /form HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\nso good!!",
        "POST /bad HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n3\r\nxyz\r\n0\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nX-Evil: 1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n3\r\nxyz\r\n0\r\n\r\n",
    };
    if (text[kind]) {
        sp_put(in, sp_span_str(text[kind]));
        return;
    }
    sp_put_fmt(in, "POST /form HTTP/1.1\r\nHost: a\r\nX-Evil: 1\r\nContent-Length: %d\r\n\r\n", LONG_BODY);
    for (int i = 0; i < LONG_BODY; i++)
        sp_put_fmt(in, "%c", 'a' + i % 23);
}

/* The server answers each request whose head it has seen. */
static void serve(struct life *l)
{
    unsigned seen = 0;
    struct sp_span got = sp_buf_span(&l->left[SP_C2S]);
    for (size_t at = 0; (at = sp_span_find(got, at, SP_LIT("Host: a\r\n"))) != SP_NOT_FOUND; at++)
        seen++;
    for (; l->answered < seen; l->answered++)
        sp_put_fmt(&l->in[SP_S2C], "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n%04u", l->answered);
}

/* True when something moved. */
static bool feed(struct life *l, enum sp_dir dir, size_t most)
{
    size_t room, n = l->in[dir].n - l->fed[dir];
    uint8_t *to = n ? sp_session_room(&l->engine, &l->session, dir, &room) : NULL;
    check(l);
    if (!to)
        return false;
    mark(l, true, dir);
    n = n < room ? n : room;
    n = n < most ? n : most;
    memcpy(to, sp_buf_span(&l->in[dir]).p + l->fed[dir], n);
    check(l);
    l->mark.n = n;
    l->fed[dir] += n;
    sp_session_got(&l->engine, &l->session, dir, n);
    check(l);
    return n > 0;
}

static bool drain(struct life *l, enum sp_dir dir, size_t most)
{
    struct sp_span out = sp_session_out(&l->engine, &l->session, dir);
    if (out.n > most)
        out.n = most;
    if (out.n == 0)
        return false;
    mark(l, false, dir);
    l->mark.n = out.n;
    sp_put(&l->left[dir], out);
    sp_session_sent(&l->engine, &l->session, dir, out.n);
    check(l);
    return true;
}

/* Dies now and then, at the first move after which it may. */
static bool perhaps_die(struct life *l, unsigned every)
{
    if (!every || !l->marked || below(every))
        return false;
    die(l);
    return true;
}

static bool move(struct life *l, size_t most, unsigned every)
{
    bool moved = false;
    for (int dir = 0; dir < 2; dir++) {
        moved |= feed(l, (enum sp_dir)dir, most);
        moved |= perhaps_die(l, every);
        moved |= drain(l, (enum sp_dir)dir, most);
        moved |= perhaps_die(l, every);
    }
    serve(l);
    return moved;
}

static void play(struct life *l, const unsigned *kinds, unsigned n, bool mortal)
{
    static const size_t mosts[] = {1, 5, 30, 1000, 17000, SIZE_MAX};
    bool moved = true;
    for (unsigned i = 0; i < n; i++)
        put_message(&l->in[SP_C2S], kinds[i]);
    while (moved) {
        size_t held = l->in[SP_C2S].n - l->fed[SP_C2S];
        moved = move(l, mortal ? mosts[held > 1000 ? 3 + below(3) : below(6)] : SIZE_MAX, mortal ? EVERY : 0);
    }
}

static void assert_same(const struct life *a, const struct life *b)
{
    for (int dir = 0; dir < 2; dir++) {
        assert_int_equal(a->left[dir].n, b->left[dir].n);
        assert_true(sp_span_eq(sp_buf_span(&a->left[dir]), sp_buf_span(&b->left[dir])));
    }
}

static void the_dead_are_not_missed(void **state)
{
    (void)state;
    static struct life a, b;
    for (unsigned i = 0; i < LIVES; i++) {
        unsigned kinds[MESSAGES_MAX], n = 1 + below(MESSAGES_MAX);
        for (unsigned k = 0; k < n; k++)
            kinds[k] = below(KINDS);
        begin(&a);
        begin(&b);
        play(&a, kinds, n, false);
        play(&b, kinds, n, true);
        assert_same(&a, &b);
        end(&a);
        end(&b);
    }
}

int main(void)
{
    struct sp_ruleset set;
    struct sp_diag diag;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_dead_are_not_missed),
    };
    sp_diag_init(&diag);
    if (sp_ruleset_init(&set) < 0 || sp_ruleset_load_text(&set, "rules", sp_span_str(RULES), &diag) < 0 || sp_policy_compile(&set, &diag, &policy) < 0)
        return 2;
    sp_diag_fini(&diag);
    sp_ruleset_fini(&set);
    srandom(1);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sp_policy_free(policy);
    return failed;
}
