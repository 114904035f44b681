/* SPDX-License-Identifier: Apache-2.0 */
/* States that somebody has damaged: what a protocol calls plausible leads nowhere outside of it. The sanitizers see what does. */
#include <stdlib.h>
#include <string.h>

#include "proto/proto.h"
#include "unit.h"

enum {
    ROUNDS = 20000,
    WRONG_MAX = 4, /* bytes of a state that are changed */
    UNITS = 4,     /* read from it */
    BODY_MAX = 1 << 16,
    REPLY_MAX = 1024,
};

struct sample {
    const char *protocol;
    struct sp_span said[2][2]; /* by enum sp_dir */
};

static const struct sample samples[] = {
    {"http", {{SP_LIT("GET /a HTTP/1.1\r\nHost: a\r\n\r\n"), SP_LIT("PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n")},
              {SP_LIT("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), SP_LIT("HTTP/1.1 101 Switching Protocols\r\n\r\n")}}},
    {"pgsql", {{SP_LIT("Q\0\0\0\x0dSELECT 1\0"), SP_LIT("P\0\0\0\x10" "a\0SELECT 1\0\0\0")},
               {SP_LIT("Z\0\0\0\x05I"), SP_LIT("C\0\0\0\x0dSELECT 1\0")}}},
    {"mysql", {{SP_LIT("\x09\0\0\0\x03SELECT 1"), SP_LIT("\x02\0\0\0\x02" "a")},
               {SP_LIT("\x07\0\0\x01\0\0\0\x02\0\0\0"), SP_LIT("\x09\0\0\x01\xff\x15\x04#28000a")}}},
    {"redis", {{SP_LIT("*2\r\n$3\r\nGET\r\n$1\r\na\r\n"), SP_LIT("*3\r\n$4\r\nAUTH\r\n$1\r\na\r\n$1\r\nb\r\n")},
               {SP_LIT("+OK\r\n"), SP_LIT("*2\r\n:1\r\n$1\r\na\r\n")}}},
};

static struct sp_value values[SP_VALUES_MAX];
static struct sp_edit edits[SP_EDITS_MAX];
static struct sp_arena arena;
static const uint64_t all[SP_FIELD_WORDS] = {UINT64_MAX, UINT64_MAX, UINT64_MAX};

/* As the engine does it: refused or passed on. */
static void judge(const struct sp_proto *p, void *st, struct sp_msg *m, bool pass)
{
    uint8_t text[REPLY_MAX];
    struct sp_buf reply = sp_buf_fixed(text, sizeof text);
    if (p->decode(st, m) && pass) {
        p->step(st, (enum sp_dir)m->dir, m, SP_PASS);
        return;
    }
    if (p->refuse(st, (enum sp_dir)m->dir, m, 0, &reply) != SP_REPLY_LATER)
        p->step(st, (enum sp_dir)m->dir, m, SP_REFUSE);
}

static void read_unit(const struct sp_proto *p, void *st, enum sp_dir dir, struct sp_span in, bool pass)
{
    const struct sp_ask ask = {.max = BODY_MAX, .want = all};
    struct sp_frame f = p->frame(st, dir, in, 0, &ask);
    if (f.fate == SP_FLOW)
        p->grant(st, dir, &f, SP_PASS);
    if (f.fate != SP_UNIT)
        return;
    sp_arena_reset(&arena);
    struct sp_msg m = {.dir = (uint8_t)dir, .unit = sp_span_sub(in, 0, f.len), .want = all, .arena = &arena, .values = values, .canon = edits};
    judge(p, st, &m, pass);
}

static const struct sample *sample_of(const struct sp_proto *p)
{
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        if (strcmp(samples[i].protocol, p->name) == 0)
            return &samples[i];
    fail_msg("no sample of %s", p->name);
    return NULL;
}

/* True: it was plausible. */
static bool try(const struct sp_proto *p)
{
    const struct sample *s = sample_of(p);
    uint8_t *st = calloc(1, p->state_size); /* as long as it is, not as a session's place for it */
    assert_non_null(st);
    for (long n = random() % WRONG_MAX + 1; n > 0; n--)
        st[random() % p->state_size] = (uint8_t)random();
    bool plausible = p->plausible(st);
    for (unsigned i = 0; plausible && i < UNITS; i++) {
        enum sp_dir dir = (enum sp_dir)(random() & 1);
        read_unit(p, st, dir, s->said[dir][random() & 1], random() & 1);
        assert_true(p->plausible(st));
        (void)p->rest(st);
    }
    free(st);
    return plausible;
}

static void a_plausible_state_leads_nowhere_outside(void **state)
{
    (void)state;
    srandom(7);
    assert_int_equal(sp_arena_init(&arena, BODY_MAX), 0);
    for (size_t i = 0; sp_protos[i]; i++) {
        unsigned plausible = 0;
        for (unsigned k = 0; k < ROUNDS; k++)
            plausible += try(sp_protos[i]);
        assert_in_range(plausible, ROUNDS / 100, ROUNDS - ROUNDS / 100);
    }
    sp_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plausible_state_leads_nowhere_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
