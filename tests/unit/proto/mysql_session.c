/* SPDX-License-Identifier: Apache-2.0 */
/* What the golden transcripts do not show: refusals behind answers that are outstanding, full pipelines, packets of 16 MiB, versions. */
#include "proto/mysql/mysql.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

static const struct sp_proto *mysql;
static const uint64_t nothing[SP_FIELD_WORDS], query[SP_FIELD_WORDS] = {UINT64_C(1) << SP_MYSQL_QUERY};
static const struct sp_ask unread = {.max = 1 << 20, .want = nothing}, read_queries = {.max = 64 << 20, .want = query};

#define PING SP_LIT("\1\0\0\0\x0e")
#define OK SP_LIT("\7\0\0\1\0\0\0\2\0\0\0")
#define DROP SP_LIT("\x0d\0\0\0\3drop table t")
#define LOAD SP_LIT("\x2d\0\0\0\3load data local infile '/tmp/x' into table t")

static struct mysql_state ready(void)
{
    return (struct mysql_state){.phase = PHASE_READY, .capabilities = CAN_PROTOCOL_41 | CAN_DEPRECATE_EOF | CAN_LOCAL_FILES};
}

static enum sp_fate pass(struct mysql_state *st, enum sp_dir dir, struct sp_span in, const struct sp_ask *ask)
{
    struct sp_frame f = mysql->frame(st, dir, in, 0, ask);
    struct sp_msg m = {.dir = (uint8_t)dir, .unit = in, .extra = 1};
    if (f.fate == SP_FLOW)
        mysql->grant(st, dir, &f, SP_PASS);
    else if (f.fate == SP_UNIT)
        mysql->step(st, dir, &m, SP_PASS);
    return f.fate;
}

static enum sp_reply refuse(struct mysql_state *st, struct sp_span unit, struct sp_buf *reply)
{
    const struct sp_msg m = {.dir = SP_C2S, .unit = unit, .refused_by = SP_LIT("rule")};
    reply->n = 0;
    return mysql->refuse(st, SP_C2S, &m, 0, reply);
}

static void it_is_recognised(void **state)
{
    (void)state;
    assert_int_equal(mysql->probe(SP_S2C, SP_LIT("\x4a\0\0\0\x0a""8.0.36")), SP_UNIT);
    assert_int_equal(mysql->probe(SP_S2C, SP_LIT("\x4a\0\0")), SP_MORE);
    assert_int_equal(mysql->probe(SP_S2C, SP_LIT("\x17\0\0\0\xff\x10\x04")), SP_UNIT);
    assert_int_equal(mysql->probe(SP_S2C, SP_LIT("220 smtp")), SP_BAD);
    assert_int_equal(mysql->probe(SP_S2C, SP_LIT("\x4a\0\0\0\x09""3")), SP_BAD);
    assert_int_equal(mysql->probe(SP_C2S, SP_LIT("\x4a\0\0\0\x0a""8")), SP_BAD);
}

static void a_refusal_waits_for_what_is_outstanding(void **state)
{
    (void)state;
    uint8_t text[512];
    struct sp_buf reply = sp_buf_fixed(text, sizeof text);
    struct mysql_state st = ready();
    assert_int_equal(pass(&st, SP_C2S, PING, &unread), SP_FLOW);
    assert_int_equal(refuse(&st, DROP, &reply), SP_REPLY_LATER);
    assert_int_equal(pass(&st, SP_S2C, OK, &unread), SP_FLOW);
    assert_int_equal(refuse(&st, DROP, &reply), SP_REPLY_KEEP);
    assert_true(sp_span_eq(sp_buf_span(&reply), SP_LIT("\x23\0\0\1\xff\xcb\4#42000refused by Sallyport: rule")));
}

static void a_full_pipeline_waits(void **state)
{
    (void)state;
    struct mysql_state st = ready();
    for (unsigned i = 0; i < OWED_MAX; i++)
        assert_int_equal(pass(&st, SP_C2S, PING, &unread), SP_FLOW);
    assert_int_equal(pass(&st, SP_C2S, PING, &unread), SP_STALL);
    assert_int_equal(pass(&st, SP_S2C, OK, &unread), SP_FLOW);
    assert_int_equal(pass(&st, SP_C2S, PING, &unread), SP_FLOW);
    for (unsigned i = 0; i < OWED_MAX; i++)
        assert_int_equal(pass(&st, SP_S2C, OK, &unread), SP_FLOW);
    assert_true(mysql->rest(&st));
    assert_int_equal(pass(&st, SP_S2C, OK, &unread), SP_BAD);
}

static void a_part_of_a_file_that_is_refused_ends_the_session(void **state)
{
    (void)state;
    uint8_t text[512];
    struct sp_buf reply = sp_buf_fixed(text, sizeof text);
    struct mysql_state st = ready();
    assert_int_equal(pass(&st, SP_C2S, LOAD, &unread), SP_FLOW);
    assert_false(mysql->rest(&st));
    assert_int_equal(pass(&st, SP_S2C, SP_LIT("\7\0\0\1\xfb/tmp/x"), &unread), SP_UNIT);
    assert_int_equal(st.part, PART_FILE);
    assert_int_equal(refuse(&st, SP_LIT("\4\0\0\2evil"), &reply), SP_REPLY_CLOSE);
    assert_int_equal(text[3], 3);
}

/* One packet of 16 MiB less a byte, and the rest of the command in the next one. */
static void a_command_of_several_packets_is_one(void **state)
{
    (void)state;
    enum { REST = 10 };
    size_t n = HEADER + PACKET_MAX + HEADER + REST;
    uint8_t *text = calloc(1, n);
    struct mysql_state st = ready();
    assert_non_null(text);
    memset(text, 'x', n);
    memcpy(text, "\xff\xff\xff\0\3", 5);
    memcpy(text + HEADER + PACKET_MAX, "\x0a\0\0\1", 4);
    struct sp_frame f = mysql->frame(&st, SP_C2S, sp_span_of(text, n), 0, &read_queries);
    assert_int_equal(f.fate, SP_UNIT);
    assert_int_equal(f.len, n);
    assert_int_equal(mysql->frame(&st, SP_C2S, sp_span_of(text, n - 1), 0, &read_queries).fate, SP_MORE);
    assert_int_equal(mysql_packets(sp_span_of(text, n)), 2);
    const struct sp_ask little = {.max = 1 << 20, .want = query};
    assert_int_equal(mysql->frame(&st, SP_C2S, sp_span_of(text, 100), 0, &little).fate, SP_TOOLONG);

    assert_int_equal(pass(&st, SP_C2S, sp_span_of(text, HEADER + PACKET_MAX), &unread), SP_FLOW);
    assert_true(st.flags & FLAG_CONT);
    assert_int_equal(pass(&st, SP_C2S, SP_LIT("\1\0\0\1x"), &unread), SP_FLOW);
    assert_false(st.flags & FLAG_CONT);
    assert_int_equal(st.nowed, 1);
    free(text);
}

static void versions_are_read_as_comments_write_them(void **state)
{
    (void)state;
    bool mariadb;
    assert_int_equal(mysql_version_of(SP_LIT("8.0.36-0ubuntu0.22.04.1"), &mariadb), 80036);
    assert_false(mariadb);
    assert_int_equal(mysql_version_of(SP_LIT("5.5.5-10.11.6-MariaDB-0+deb12u1"), &mariadb), 101106);
    assert_true(mariadb);
    assert_int_equal(mysql_version_of(SP_LIT("11.4.2-MariaDB"), &mariadb), 110402);
    assert_int_equal(mysql_version_of(SP_LIT("9.1"), &mariadb), 90100);
    assert_int_equal(mysql_version_of(SP_LIT(""), &mariadb), 0);
}

static void the_word_local_is_found_anywhere(void **state)
{
    (void)state;
    char text[40];
    for (size_t at = 0; at + 5 <= sizeof text; at++) {
        memset(text, 'l', sizeof text);
        memcpy(text + at, at & 1 ? "LOCAL" : "local", 5);
        assert_true(mysql_names_local(sp_span_of(text, sizeof text)));
    }
    assert_false(mysql_names_local(SP_LIT("select loca, oca, calo from l o c a l")));
}

int main(void)
{
    mysql = sp_proto_by_name(SP_LIT("mysql"));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_recognised),
        cmocka_unit_test(a_refusal_waits_for_what_is_outstanding),
        cmocka_unit_test(a_full_pipeline_waits),
        cmocka_unit_test(a_part_of_a_file_that_is_refused_ends_the_session),
        cmocka_unit_test(a_command_of_several_packets_is_one),
        cmocka_unit_test(versions_are_read_as_comments_write_them),
        cmocka_unit_test(the_word_local_is_found_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
