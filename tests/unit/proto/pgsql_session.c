/* SPDX-License-Identifier: Apache-2.0 */
/* What the golden transcripts do not show: what is remembered between messages, runs of messages as one flow, hostile rule names. */
#include "proto/pgsql/pgsql.h"

#include <string.h>

#include "unit.h"

static const struct sp_proto *pgsql;
static const uint64_t nothing[SP_FIELD_WORDS];
static const struct sp_ask unread = {.max = 1 << 20, .want = nothing};

#define LOGIN SP_LIT("\0\0\0\x14\0\3\0\0user\0alice\0\0")
#define READY SP_LIT("Z\0\0\0\5I")
#define QUERY SP_LIT("Q\0\0\0\x0dselect 1\0")
#define SYNC SP_LIT("S\0\0\0\4")

static struct sp_frame frame(const struct pgsql_state *st, enum sp_dir dir, struct sp_span in)
{
    return pgsql->frame(st, dir, in, 0, &unread);
}

static void pass(struct pgsql_state *st, enum sp_dir dir, struct sp_span in, enum sp_act done)
{
    struct sp_frame f = frame(st, dir, in);
    struct sp_msg m = {.dir = (uint8_t)dir, .unit = in};
    if (f.fate == SP_FLOW)
        pgsql->grant(st, dir, &f, done);
    else
        pgsql->step(st, dir, &m, done);
}

static struct pgsql_state ready(void)
{
    struct pgsql_state st = {0};
    pass(&st, SP_C2S, LOGIN, SP_PASS);
    pass(&st, SP_S2C, READY, SP_PASS);
    assert_int_equal(st.phase, PHASE_READY);
    return st;
}

static void it_is_recognised(void **state)
{
    (void)state;
    assert_int_equal(pgsql->probe(SP_C2S, LOGIN), SP_UNIT);
    assert_int_equal(pgsql->probe(SP_C2S, SP_LIT("\0\0\0\x08\x04\xd2\x16\x2f")), SP_UNIT);
    assert_int_equal(pgsql->probe(SP_C2S, SP_LIT("\0\0\0\x10\x04\xd2\x16\x2e")), SP_UNIT);
    assert_int_equal(pgsql->probe(SP_C2S, SP_LIT("\0\0\0\x14\0\3\0")), SP_MORE);
    assert_int_equal(pgsql->probe(SP_C2S, SP_LIT("")), SP_MORE);
    assert_int_equal(pgsql->probe(SP_C2S, SP_LIT("\0\0\0\x14\0\2\0\0")), SP_BAD);
    assert_int_equal(pgsql->probe(SP_C2S, SP_LIT("\0\1\0\x14\0\3\0\0")), SP_BAD);
    assert_int_equal(pgsql->probe(SP_C2S, SP_LIT("\0\0\0\x09\x04\xd2\x16\x2f")), SP_BAD);
    assert_int_equal(pgsql->probe(SP_C2S, SP_LIT("GET /")), SP_BAD);
    assert_int_equal(pgsql->probe(SP_S2C, SP_LIT("R\0\0\0\x08")), SP_BAD);
}

static void a_session_rests_once_it_is_logged_in(void **state)
{
    (void)state;
    struct pgsql_state st = {0};
    assert_true(pgsql->rest(&st));
    pass(&st, SP_C2S, LOGIN, SP_PASS);
    assert_false(pgsql->rest(&st));
    pass(&st, SP_S2C, READY, SP_PASS);
    assert_true(pgsql->rest(&st));
}

static void a_login_that_did_not_pass_leaves_nothing(void **state)
{
    (void)state;
    struct pgsql_state st = {0}, fresh = {0};
    pass(&st, SP_C2S, LOGIN, SP_REFUSE);
    assert_memory_equal(&st, &fresh, sizeof st);
}

static void a_run_of_messages_is_one_flow(void **state)
{
    (void)state;
    struct pgsql_state st = ready();
    static uint8_t rows[64 * 1024];
    struct sp_buf in = sp_buf_fixed(rows, sizeof rows);
    for (unsigned i = 0; i < 1000; i++)
        sp_put(&in, SP_LIT("D\0\0\0\x0b\0\1\0\0\0\1x"));
    sp_put(&in, SP_LIT("D\0\1\0\0\0\1")); /* 64 KiB, of which the first bytes have come */
    struct sp_frame f = frame(&st, SP_S2C, sp_buf_span(&in));
    assert_int_equal(f.fate, SP_FLOW);
    assert_int_equal(f.len, 1000 * 12 + 1 + 0x10000);
}

static void a_run_ends_before_a_header_that_is_not_all_there(void **state)
{
    (void)state;
    struct pgsql_state st = ready();
    assert_int_equal(frame(&st, SP_C2S, SP_LIT("S\0\0\0\4S\0\0\0")).len, 5);
    assert_int_equal(frame(&st, SP_C2S, SP_LIT("S\0\0\0")).fate, SP_MORE);
    assert_int_equal(frame(&st, SP_S2C, SP_LIT("1\0\0\0\4Z\0\0\0\5")).len, 5); /* its status is needed */
    assert_int_equal(frame(&st, SP_S2C, SP_LIT("Z\0\0\0\5")).fate, SP_MORE);
}

static void what_is_owed_is_counted_in_runs(void **state)
{
    (void)state;
    struct pgsql_state st = ready();
    pass(&st, SP_C2S, SP_LIT("S\0\0\0\4P\0\0\0\x08\0\0\0\0"), SP_PASS);
    assert_int_equal(st.owed, 1);
    assert_true(st.flags & FLAG_BATCH);
    pass(&st, SP_C2S, QUERY, SP_PASS);
    assert_int_equal(st.owed, 2);
    assert_false(st.flags & FLAG_BATCH);
    pass(&st, SP_S2C, SP_LIT("Z\0\0\0\5TZ\0\0\0\5EZ\0\0\0\5I"), SP_PASS);
    assert_int_equal(st.owed, 0);
    assert_int_equal(st.transaction, 'I');
}

static void what_is_refused_goes_on_as_what_owes_the_same(void **state)
{
    (void)state;
    struct pgsql_state st = ready();
    struct sp_msg m = {.unit = QUERY}, sync = {.unit = SYNC};
    pgsql->step(&st, SP_C2S, &m, SP_REFUSE);
    pgsql->step(&st, SP_C2S, &sync, SP_REFUSE);
    pgsql->step(&st, SP_C2S, &m, SP_DROP);
    assert_int_equal(st.owed, 2);
}

static void in_copy_only_a_query_is_still_owed(void **state)
{
    (void)state;
    struct pgsql_state st = ready();
    pass(&st, SP_C2S, QUERY, SP_PASS);
    pass(&st, SP_S2C, SP_LIT("G\0\0\0\7\0\0\0"), SP_PASS);
    assert_int_equal(st.owed, 1);
    pass(&st, SP_S2C, READY, SP_PASS);
    pass(&st, SP_C2S, SYNC, SP_PASS);
    pass(&st, SP_S2C, SP_LIT("G\0\0\0\7\0\0\0"), SP_PASS);
    assert_int_equal(st.owed, 0);
}

static void a_hostile_name_of_a_rule_is_harmless(void **state)
{
    (void)state;
    uint8_t text[256];
    struct pgsql_state st = ready();
    struct sp_buf reply = sp_buf_fixed(text, sizeof text);
    const struct sp_msg m = {.unit = QUERY, .refused_by = SP_LIT("x\"; drop table t; --\n\\\xff and so on and on and on")};
    assert_int_equal(pgsql->refuse(&st, SP_C2S, &m, 99999, &reply), SP_REPLY_INSTEAD);
    const struct sp_span want = SP_LIT("Q\0\0\0\x46\"refused by Sallyport: x---drop-table-t--------and-so-on (99999)\"\0");
    assert_int_equal(reply.n, want.n);
    assert_memory_equal(text, want.p, want.n);
}

static void the_engines_own_trouble_has_a_code(void **state)
{
    (void)state;
    static const struct { unsigned status; struct sp_span code; } troubles[] = {
        {503, SP_LIT("C57P03")}, {502, SP_LIT("C08006")}, {408, SP_LIT("C57P05")},
    };
    for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++) {
        uint8_t text[256];
        struct pgsql_state st = ready();
        struct sp_buf reply = sp_buf_fixed(text, sizeof text);
        const struct sp_msg m = {.anomaly = "server_down", .unframed = true};
        assert_int_equal(pgsql->refuse(&st, SP_C2S, &m, troubles[i].status, &reply), SP_REPLY_CLOSE);
        assert_int_not_equal(sp_span_find(sp_buf_span(&reply), 0, troubles[i].code), SP_NOT_FOUND);
        assert_int_not_equal(sp_span_find(sp_buf_span(&reply), 0, SP_LIT("MSallyport: server_down")), SP_NOT_FOUND);
    }
}

static int setup(void **state)
{
    (void)state;
    pgsql = sp_proto_by_name(SP_LIT("pgsql"));
    return pgsql == NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_recognised),
        cmocka_unit_test(a_session_rests_once_it_is_logged_in),
        cmocka_unit_test(a_login_that_did_not_pass_leaves_nothing),
        cmocka_unit_test(a_run_of_messages_is_one_flow),
        cmocka_unit_test(a_run_ends_before_a_header_that_is_not_all_there),
        cmocka_unit_test(what_is_owed_is_counted_in_runs),
        cmocka_unit_test(what_is_refused_goes_on_as_what_owes_the_same),
        cmocka_unit_test(in_copy_only_a_query_is_still_owed),
        cmocka_unit_test(a_hostile_name_of_a_rule_is_harmless),
        cmocka_unit_test(the_engines_own_trouble_has_a_code),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
