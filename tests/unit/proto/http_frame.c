/* SPDX-License-Identifier: Apache-2.0 */
/* What the golden transcripts do not show: marks, the ring of requests, where work must stay linear. */
#include "proto/http/http.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

static const struct sp_proto *http;
static const struct sp_ask head_only, whole = {.whole = true, .max = 1 << 20};

static struct sp_frame frame(const void *st, enum sp_dir dir, struct sp_span in)
{
    return http->frame(st, dir, in, 0, &head_only);
}

static struct sp_msg head_of(uint64_t bits, uint64_t extra)
{
    return (struct sp_msg){.bits = bits, .extra = extra};
}

static void a_full_pipeline_stalls(void **state)
{
    (void)state;
    struct http_state st = {0};
    struct sp_msg request = head_of((uint64_t)KIND_PLAIN << BIT_KIND_SHIFT, 0);
    struct sp_msg answer = head_of(UINT64_C(200) << BIT_STATUS_SHIFT, 0);
    answer.dir = SP_S2C;
    for (unsigned i = 0; i < OUTSTANDING_MAX; i++) {
        assert_int_equal(frame(&st, SP_C2S, SP_LIT("GET / HTTP/1.1\r\n\r\n")).fate, SP_UNIT);
        http->step(&st, SP_C2S, &request, SP_PASS);
    }
    assert_int_equal(frame(&st, SP_C2S, SP_LIT("GET")).fate, SP_STALL);
    http->step(&st, SP_S2C, &answer, SP_PASS);
    assert_int_equal(frame(&st, SP_C2S, SP_LIT("GET")).fate, SP_MORE);
}

static void the_ring_keeps_its_order(void **state)
{
    (void)state;
    struct http_state st = {0};
    struct sp_msg head = head_of((uint64_t)KIND_HEAD << BIT_KIND_SHIFT, 0), plain = head_of(0, 0);
    struct sp_msg answer = head_of(UINT64_C(200) << BIT_STATUS_SHIFT, 0), interim = head_of(UINT64_C(103) << BIT_STATUS_SHIFT, 0);
    for (unsigned turn = 0; turn < 3 * OUTSTANDING_MAX; turn++) {
        http->step(&st, SP_C2S, &head, SP_PASS);
        http->step(&st, SP_C2S, &plain, SP_REFUSE); /* leaves no trace */
        http->step(&st, SP_C2S, &plain, SP_PASS);
        assert_int_equal(http_answering(&st), KIND_HEAD);
        http->step(&st, SP_S2C, &interim, SP_PASS);
        assert_int_equal(http_answering(&st), KIND_HEAD);
        http->step(&st, SP_S2C, &answer, SP_PASS);
        assert_int_equal(http_answering(&st), KIND_PLAIN);
        http->step(&st, SP_S2C, &answer, SP_PASS);
        assert_int_equal(st.count, 0);
    }
}

static void a_refused_body_is_framed_all_the_same(void **state)
{
    (void)state;
    struct http_state st = {0};
    struct sp_msg request = head_of(BODY_FIXED | BIT_KEEP_ALIVE, 5);
    http->step(&st, SP_C2S, &request, SP_REFUSE);
    struct sp_frame f = frame(&st, SP_C2S, SP_LIT("hello"));
    assert_int_equal(f.fate, SP_FLOW);
    assert_int_equal(f.len, 5);
    http->grant(&st, SP_C2S, &f, SP_DROP);
    assert_int_equal(frame(&st, SP_C2S, SP_LIT("GET / HTTP/1.1\r\n\r\n")).fate, SP_UNIT);
    assert_int_equal(st.count, 0);
}

static void one_side_alone_never_waits(void **state)
{
    (void)state;
    struct http_state st = {0};
    struct sp_msg upgrade = head_of((uint64_t)KIND_UPGRADE << BIT_KIND_SHIFT, 0);
    http->step(&st, SP_C2S, &upgrade, SP_PASS);
    assert_int_equal(frame(&st, SP_C2S, SP_LIT("G")).fate, SP_STALL);
    http->alone(&st, SP_C2S);
    assert_int_equal(frame(&st, SP_C2S, SP_LIT("G")).fate, SP_MORE);
    st = (struct http_state){0};
    http->alone(&st, SP_S2C);
    assert_int_equal(frame(&st, SP_S2C, SP_LIT("HTTP/1.1 200 OK\r\n\r\n")).fate, SP_UNIT);
}

/* Byte by byte with the marks handed back, the unit ends where it ends at once; no mark goes backwards. */
static void whole_by_the_byte(struct sp_span in, size_t expected)
{
    struct http_state st = {0};
    uint64_t mark = 0;
    for (size_t n = 1; n < expected; n++) {
        struct sp_frame f = http->frame(&st, SP_C2S, sp_span_sub(in, 0, n), mark, &whole);
        assert_int_equal(f.fate, SP_MORE);
        assert_true((f.mark & INT64_MAX) >= (mark & INT64_MAX));
        mark = f.mark;
    }
    struct sp_frame f = http->frame(&st, SP_C2S, in, mark, &whole);
    assert_int_equal(f.fate, SP_UNIT);
    assert_int_equal(f.len, expected);
}

static void marks_lead_to_the_same_end(void **state)
{
    (void)state;
    struct sp_span fixed = SP_LIT("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET");
    struct sp_span chunked = SP_LIT("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                                    "1\r\na\r\n02;x=y\r\nbc\r\n0\r\nX: y\r\nZ: \r\n\r\nGET");
    whole_by_the_byte(fixed, fixed.n - 3);
    whole_by_the_byte(chunked, chunked.n - 3);
}

/* A body of one-byte chunks that comes chunk by chunk: were each call to start over, this would take minutes. */
static void many_chunks_are_read_once(void **state)
{
    (void)state;
    enum { CHUNKS = 150000 };
    static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    char *text = malloc(sizeof head + 6 * CHUNKS + 5);
    assert_non_null(text);
    size_t n = sizeof head - 1;
    memcpy(text, head, n);
    struct http_state st = {0};
    uint64_t mark = 0;
    for (unsigned i = 0; i < CHUNKS; i++) {
        memcpy(text + n, "1\r\na\r\n", 6);
        n += 6;
        struct sp_frame f = http->frame(&st, SP_C2S, sp_span_of(text, n), mark, &whole);
        assert_int_equal(f.fate, SP_MORE);
        assert_int_equal((uint32_t)f.mark, n); /* the next call starts at the end of this one */
        mark = f.mark;
    }
    memcpy(text + n, "0\r\n\r\n", 5);
    n += 5;
    assert_int_equal(http->frame(&st, SP_C2S, sp_span_of(text, n), mark, &whole).len, n);
    free(text);
}

static void a_protocol_is_recognised(void **state)
{
    (void)state;
    assert_int_equal(http->probe(SP_C2S, SP_LIT("GET / HTTP/1.1\r\n")), SP_UNIT);
    assert_int_equal(http->probe(SP_C2S, SP_LIT("GET / HT")), SP_MORE);
    assert_int_equal(http->probe(SP_C2S, SP_LIT("")), SP_MORE);
    assert_int_equal(http->probe(SP_C2S, SP_LIT("\x16\x03\x01")), SP_BAD);
    assert_int_equal(http->probe(SP_C2S, SP_LIT("EHLO a\r\n")), SP_BAD);
    assert_int_equal(http->probe(SP_S2C, SP_LIT("HTTP/1.0 200")), SP_UNIT);
    assert_int_equal(http->probe(SP_S2C, SP_LIT("HTT")), SP_MORE);
    assert_int_equal(http->probe(SP_S2C, SP_LIT("220 a")), SP_BAD);
}

static int setup(void **state)
{
    (void)state;
    http = sp_proto_by_name(SP_LIT("http"));
    return http == NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_pipeline_stalls),
        cmocka_unit_test(the_ring_keeps_its_order),
        cmocka_unit_test(a_refused_body_is_framed_all_the_same),
        cmocka_unit_test(one_side_alone_never_waits),
        cmocka_unit_test(marks_lead_to_the_same_end),
        cmocka_unit_test(many_chunks_are_read_once),
        cmocka_unit_test(a_protocol_is_recognised),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
