/* SPDX-License-Identifier: Apache-2.0 */
#include "io/proxyproto.h"

#include <errno.h>
#include <string.h>

#include "unit.h"

#define SIG "\r\n\r\n\0\r\nQUIT\n"
#define V2_FOUR SIG "\x21\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\x9c\x40\0\x50"
#define V2_SIX SIG "\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2\x9c\x40\0\x50"
#define V1_FOUR "PROXY TCP4 192.0.2.1 192.0.2.2 40000 80\r\n"
#define V1_LONGEST                                                                                                     \
    "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"

/* The bytes stand alone at the end of a heap block: reading one too many is seen by the sanitizer. */
static int parse(struct sp_span in, enum sp_proxy_mode mode, struct sp_proxy_header *ret)
{
    uint8_t *p = test_malloc(in.n ? in.n : 1);
    memcpy(p, in.p, in.n);
    int n = sp_proxy_parse(sp_span_of(p, in.n), mode, ret);
    test_free(p);
    return n;
}

/* Complete: its length. Every prefix: more is needed. With bytes behind it: the same length. */
static void assert_header(struct sp_span in, enum sp_proxy_mode mode, struct sp_proxy_header *ret)
{
    uint8_t longer[512];
    for (size_t n = 0; n < in.n; n++)
        assert_int_equal(parse(sp_span_sub(in, 0, n), mode, ret), 0);
    assert_int_equal(parse(in, mode, ret), in.n);
    memcpy(longer, in.p, in.n);
    memset(longer + in.n, 'G', sizeof longer - in.n);
    assert_int_equal(parse(sp_span_of(longer, sizeof longer), mode, ret), in.n);
}

static void assert_known(struct sp_span in, enum sp_proxy_mode mode)
{
    struct sp_proxy_header h;
    assert_header(in, mode, &h);
    assert_true(h.known);
    assert_int_equal(h.client.port, 40000);
    assert_int_equal(h.server.port, 80);
    assert_int_equal(h.client.ip[15], 1);
    assert_int_equal(h.server.ip[15], 2);
}

static void assert_unknown(struct sp_span in, enum sp_proxy_mode mode)
{
    struct sp_proxy_header h;
    assert_header(in, mode, &h);
    assert_false(h.known);
}

static void assert_wrong(struct sp_span in, enum sp_proxy_mode mode)
{
    struct sp_proxy_header h;
    assert_int_equal(parse(in, mode, &h), -EPROTO);
}

static void version_1_is_read(void **state)
{
    (void)state;
    assert_known(SP_LIT(V1_FOUR), SP_PROXY_V1);
    assert_known(SP_LIT(V1_FOUR), SP_PROXY_ANY);
    assert_known(SP_LIT("PROXY TCP6 2001:db8::1 2001:db8::2 40000 80\r\n"), SP_PROXY_V1);
    assert_unknown(SP_LIT("PROXY UNKNOWN\r\n"), SP_PROXY_V1);
    assert_unknown(SP_LIT(V1_LONGEST), SP_PROXY_V1);
}

static void version_2_is_read(void **state)
{
    (void)state;
    assert_known(SP_LIT(V2_FOUR), SP_PROXY_V2);
    assert_known(SP_LIT(V2_SIX), SP_PROXY_ANY);
    assert_unknown(SP_LIT(SIG "\x20\0\0\0"), SP_PROXY_V2);
    assert_unknown(SP_LIT(SIG "\x20\x11\0\3abc"), SP_PROXY_V2);
    assert_unknown(SP_LIT(SIG "\x21\0\0\2ab"), SP_PROXY_V2);
    assert_known(SP_LIT(SIG "\x21\x11\0\x11\xc0\0\2\1\xc0\0\2\2\x9c\x40\0\x50\4\0\2ok"), SP_PROXY_V2);
}

static void ipv4_is_mapped(void **state)
{
    struct sp_proxy_header h;
    (void)state;
    assert_int_equal(parse(SP_LIT(V1_FOUR), SP_PROXY_ANY, &h), sizeof V1_FOUR - 1);
    assert_memory_equal(h.client.ip, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1", 16);
    assert_int_equal(parse(SP_LIT(V2_FOUR), SP_PROXY_ANY, &h), sizeof V2_FOUR - 1);
    assert_memory_equal(h.server.ip, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\2", 16);
}

static void the_other_version_is_not_taken(void **state)
{
    (void)state;
    assert_wrong(SP_LIT(V1_FOUR), SP_PROXY_V2);
    assert_wrong(SP_LIT(V2_FOUR), SP_PROXY_V1);
    assert_wrong(SP_LIT("\r"), SP_PROXY_V1);
    assert_wrong(SP_LIT("P"), SP_PROXY_V2);
}

static void anything_else_is_wrong(void **state)
{
    static const char *const wrong[] = {
        "GET / HTTP/1.1\r\n", "proxy TCP4", "PROXY  TCP4 1.2.3.4 1.2.3.4 1 1\r\n", "PROXY TCP5 1.2.3.4 1.2.3.4 1 1\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 1 \r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 +1 1\r\n", "PROXY TCP4 1.2.3.04 1.2.3.4 1 1\r\n",
        "PROXY TCP4 1.2.3 1.2.3.4 1 1\r\n", "PROXY TCP4 ::1 ::1 1 1\r\n", "PROXY TCP6 1.2.3.4 1.2.3.4 1 1\r\n",
        "PROXY TCP6 ::1%lo ::1 1 1\r\n", "PROXY TCP4\r\n", "PROXY \r\n", "PROXY UNKNOWNX\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 1\nGET\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_wrong(sp_span_str(wrong[i]), SP_PROXY_ANY);
    assert_wrong(SP_LIT(SIG "\x11\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\x9c\x40\0\x50"), SP_PROXY_ANY); /* version 1 in binary */
    assert_wrong(SP_LIT(SIG "\x22\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\x9c\x40\0\x50"), SP_PROXY_ANY); /* no such command */
    assert_wrong(SP_LIT(SIG "\x21\x12\0\x0c\xc0\0\2\1\xc0\0\2\2\x9c\x40\0\x50"), SP_PROXY_ANY); /* datagrams */
    assert_wrong(SP_LIT(SIG "\x21\x11\0\x0b\xc0\0\2\1\xc0\0\2\2\x9c\x40\0"), SP_PROXY_ANY);      /* too short for its family */
    assert_wrong(SP_LIT(SIG "\x21\x11\0\x0f\xc0\0\2\1\xc0\0\2\2\x9c\x40\0\x50\4\0\1"), SP_PROXY_ANY); /* an extension cut off */
    assert_wrong(SP_LIT(SIG "\x21\x11\xff\xff"), SP_PROXY_ANY);                                  /* longer than anybody needs */
}

static void a_line_without_end_is_wrong(void **state)
{
    char text[108] = "PROXY UNKNOWN ";
    struct sp_proxy_header h;
    (void)state;
    memset(text + 14, 'x', sizeof text - 14);
    assert_int_equal(parse(sp_span_of(text, 106), SP_PROXY_V1, &h), 0);
    assert_int_equal(parse(sp_span_of(text, 107), SP_PROXY_V1, &h), -EPROTO);
}

static void assert_written(enum sp_proxy_mode mode, struct sp_span read)
{
    uint8_t text[SP_PROXY_WRITE_MAX];
    struct sp_proxy_header h;
    assert_int_equal(parse(read, SP_PROXY_ANY, &h), read.n);
    struct sp_buf b = sp_buf_fixed(text, sizeof text);
    sp_proxy_write(mode, &h.client, &h.server, &b);
    assert_false(b.full);
    assert_true(sp_span_eq(sp_buf_span(&b), read));
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    assert_written(SP_PROXY_V1, SP_LIT(V1_FOUR));
    assert_written(SP_PROXY_V1, SP_LIT("PROXY TCP6 2001:db8::1 ::ffff:192.0.2.2 40000 80\r\n"));
    assert_written(SP_PROXY_V1, SP_LIT("PROXY UNKNOWN\r\n"));
    assert_written(SP_PROXY_V2, SP_LIT(V2_FOUR));
    assert_written(SP_PROXY_V2, SP_LIT(V2_SIX));
    assert_written(SP_PROXY_V2, SP_LIT(SIG "\x20\0\0\0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_1_is_read),          cmocka_unit_test(version_2_is_read),
        cmocka_unit_test(ipv4_is_mapped),             cmocka_unit_test(the_other_version_is_not_taken),
        cmocka_unit_test(anything_else_is_wrong),     cmocka_unit_test(a_line_without_end_is_wrong),
        cmocka_unit_test(what_is_written_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
