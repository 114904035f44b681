/* SPDX-License-Identifier: Apache-2.0 */
/* What decoding does not do: work for fields that nobody wants; and the bounds it keeps. */
#include "proto/http/http.h"

#include <string.h>

#include "unit.h"

static const struct sp_proto *http;
static struct sp_arena arena;
static struct sp_value values[8192];
static struct sp_edit edits[SP_EDITS_MAX];

static bool decode(struct sp_msg *m, struct sp_span unit, bool whole, const uint64_t *want)
{
    static const struct http_state fresh;
    sp_arena_reset(&arena);
    *m = (struct sp_msg){.whole = whole, .unit = unit, .want = want, .arena = &arena, .values = values, .canon = edits};
    return http->decode(&fresh, m);
}

static const uint64_t *only(unsigned field)
{
    static uint64_t want[SP_FIELD_WORDS];
    memset(want, 0, sizeof want);
    sp_bit_set(want, field);
    return want;
}

static void only_what_is_wanted_is_added(void **state)
{
    (void)state;
    struct sp_span unit = SP_LIT("GET /%41?a=%31&b=2 HTTP/1.1\r\nHost: a\r\nCookie: c=%33\r\nRange: bytes=1-2\r\n\r\n");
    struct sp_msg m;
    const struct sp_proto *p = http;
    for (unsigned field = SP_SESSION_NFIELDS; field < p->nfields; field++) {
        assert_true(decode(&m, unit, false, only(field)));
        for (uint32_t i = 0; i < m.nvalues; i++)
            assert_int_equal(m.values[i].field, field);
    }
    assert_true(decode(&m, unit, false, only(SP_HTTP_METHOD)));
    assert_int_equal(arena.used, 0);
}

static void values_remember_their_bytes(void **state)
{
    (void)state;
    struct sp_span unit = SP_LIT("GET /p?a=%31 HTTP/1.1\r\nHost: a\r\n\r\n");
    struct sp_msg m;
    assert_true(decode(&m, unit, false, only(SP_HTTP_QARGS)));
    assert_int_equal(m.nvalues, 1);
    assert_span(m.values[0].str, "1");
    assert_span(m.values[0].key, "a");
    assert_int_equal(m.values[0].off, 9);
    assert_int_equal(m.values[0].len, 3);
    assert_true(m.values[0].flags & SP_V_DERIVED);
}

static bool body_field(const struct sp_msg *m, unsigned field)
{
    return sp_bit(m->body_fields, field);
}

static void body_fields_follow_the_type(void **state)
{
    (void)state;
    struct sp_msg m;
    const uint64_t *want = only(SP_HTTP_METHOD);
    assert_true(decode(&m, SP_LIT("POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n"), false, want));
    assert_true(body_field(&m, SP_HTTP_JSON) && body_field(&m, SP_HTTP_ARGS) && body_field(&m, SP_HTTP_BODY));
    assert_false(body_field(&m, SP_HTTP_FORM) || body_field(&m, SP_HTTP_XML_TEXT) || body_field(&m, SP_HTTP_TRAILERS));
    assert_true(decode(&m, SP_LIT("PUT / HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n"), false, want));
    assert_true(body_field(&m, SP_HTTP_BODY) && body_field(&m, SP_HTTP_TRAILERS));
    assert_false(body_field(&m, SP_HTTP_JSON) || body_field(&m, SP_HTTP_ARGS));
    assert_true(decode(&m, SP_LIT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), false, want));
    assert_false(sp_bits_any(m.body_fields, SP_FIELDS_MAX));
}

static void a_length_that_is_not_the_body_s_is_refused(void **state)
{
    (void)state;
    struct sp_msg m;
    assert_false(decode(&m, SP_LIT("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcd"), true, only(SP_HTTP_BODY)));
    assert_string_equal(m.anomaly, "length");
    assert_false(decode(&m, SP_LIT("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX"), true, only(SP_HTTP_BODY)));
    assert_string_equal(m.anomaly, "trailer");
}

static void a_head_that_does_not_end_is_refused(void **state)
{
    (void)state;
    struct sp_msg m;
    struct sp_span unit = SP_LIT("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    for (size_t n = 0; n < unit.n; n++)
        assert_false(decode(&m, sp_span_sub(unit, 0, n), false, only(SP_HTTP_PATH)));
    assert_true(decode(&m, unit, false, only(SP_HTTP_PATH)));
    assert_false(decode(&m, SP_LIT("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n"), false, only(SP_HTTP_PATH)));
}

static void the_client_s_address_is_added(void **state)
{
    (void)state;
    static const struct { const char *head; size_t off; const char *with; } rows[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 25, "X-Forwarded-For: 192.0.2.1\r\n"},
        {"GET / HTTP/1.1\r\nX-Forwarded-For: 1.1.1.1\r\nHost: a\r\n\r\n", 40, ", 192.0.2.1"},
        {"GET / HTTP/1.1\r\nHost: a\r\nX-forwarded-for:\r\n\r\n", 41, "192.0.2.1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sp_msg m;
        struct sp_edit out[1];
        uint32_t n;
        assert_true(decode(&m, sp_span_str(rows[i].head), false, only(SP_HTTP_PATH)));
        assert_true(http->forward(&m, SP_LIT("192.0.2.1"), out, &n));
        assert_int_equal(n, 1);
        assert_int_equal(out[0].off, rows[i].off);
        assert_int_equal(out[0].len, 0);
        assert_true(sp_span_eq(out[0].with, sp_span_str(rows[i].with)));
    }
}

static int setup(void **state)
{
    (void)state;
    http = sp_proto_by_name(SP_LIT("http"));
    return http == NULL || sp_arena_init(&arena, 16 << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_wanted_is_added),
        cmocka_unit_test(values_remember_their_bytes),
        cmocka_unit_test(body_fields_follow_the_type),
        cmocka_unit_test(a_length_that_is_not_the_body_s_is_refused),
        cmocka_unit_test(a_head_that_does_not_end_is_refused),
        cmocka_unit_test(the_client_s_address_is_added),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
