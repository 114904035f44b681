/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxyproto: haproxy.org, "The PROXY protocol", versions 1 and 2 (2020/03/05). Read strictly: what a balancer may not send is an error, because
 * whoever can forge this header chooses the address that rules see.
 */
#include "io/proxyproto.h"

#include <arpa/inet.h>
#include <errno.h>

#include "base/cur.h"

enum proxy_limits {
    V1_LINE_MAX = 107,   /* with its CRLF */
    V2_FIXED = 16,       /* signature, command, family, length */
    V2_UNIX = 216,       /* two paths of 108 bytes */
};

#define V2_SIGNATURE SP_LIT("\r\n\r\n\0\r\nQUIT\n")

/* ---- version 1: one line of text ---- */

static void v1_port(struct sp_cur *c, struct sp_span word, uint16_t *ret)
{
    uint64_t port;
    bool padded = word.n > 1 && word.p[0] == '0';
    if (padded || !sp_span_u64(word, &port) || port > UINT16_MAX)
        sp_cur_fail(c, SP_CUR_WRONG);
    else
        *ret = (uint16_t)port;
}

/* inet_pton reads the canonical forms that the specification asks for, and no leading zeros in IPv4. */
static void v1_ip(struct sp_cur *c, struct sp_span word, bool six, uint8_t ret[16])
{
    char text[INET6_ADDRSTRLEN];
    struct sp_buf b = sp_buf_fixed(text, sizeof text);
    sp_put(&b, word);
    sp_put_byte(&b, 0);
    if (b.full || inet_pton(six ? AF_INET6 : AF_INET, text, six ? ret : ret + 12) != 1)
        sp_cur_fail(c, SP_CUR_WRONG);
    else if (!six)
        ret[10] = ret[11] = 0xff;
}

static void v1_addresses(struct sp_cur *c, bool six, struct sp_proxy_header *ret)
{
    v1_ip(c, sp_cur_until(c, ' '), six, ret->client.ip);
    v1_ip(c, sp_cur_until(c, ' '), six, ret->server.ip);
    v1_port(c, sp_cur_until(c, ' '), &ret->client.port);
    v1_port(c, sp_cur_rest(c), &ret->server.port);
    ret->known = true;
}

static int v1_parse(struct sp_span in, struct sp_proxy_header *ret)
{
    struct sp_span head = sp_span_sub(in, 0, V1_LINE_MAX);
    size_t end = sp_span_find(head, 0, SP_LIT("\r\n"));
    if (end == SP_NOT_FOUND)
        return in.n < V1_LINE_MAX ? 0 : -EPROTO;
    struct sp_cur c = sp_cur_of(sp_span_sub(head, 0, end));
    sp_cur_expect(&c, SP_LIT("PROXY "));
    if (sp_cur_accept(&c, SP_LIT("TCP4 ")))
        v1_addresses(&c, false, ret);
    else if (sp_cur_accept(&c, SP_LIT("TCP6 ")))
        v1_addresses(&c, true, ret);
    else { /* "UNKNOWN", and whatever stands behind it is to be ignored */
        sp_cur_expect(&c, SP_LIT("UNKNOWN"));
        if (sp_cur_left(&c))
            sp_cur_expect(&c, SP_LIT(" "));
    }
    return sp_cur_ok(&c) ? (int)end + 2 : -EPROTO;
}

/* ---- version 2: binary ---- */

static void v2_ip(struct sp_cur *c, bool six, uint8_t ret[16])
{
    struct sp_buf b = sp_buf_fixed(ret, 16);
    if (!six)
        sp_put(&b, SP_LIT("\0\0\0\0\0\0\0\0\0\0\xff\xff"));
    sp_put(&b, sp_cur_take(c, six ? 16 : 4));
}

static void v2_ip_addresses(struct sp_cur *c, bool six, struct sp_proxy_header *ret)
{
    v2_ip(c, six, ret->client.ip);
    v2_ip(c, six, ret->server.ip);
    ret->client.port = sp_cur_u16be(c);
    ret->server.port = sp_cur_u16be(c);
    ret->known = true;
}

static void v2_addresses(struct sp_cur *c, uint8_t family, struct sp_proxy_header *ret)
{
    switch (family) {
    case 0x00: /* unspecified: the addresses of the connection stand */
        (void)sp_cur_rest(c);
        break;
    case 0x11:
    case 0x21:
        v2_ip_addresses(c, family == 0x21, ret);
        break;
    case 0x31: /* the client came through a unix socket: it has no address that a rule could see */
        sp_cur_skip(c, V2_UNIX);
        break;
    default: /* datagrams do not arrive on a stream */
        sp_cur_fail(c, SP_CUR_WRONG);
    }
}

/* Extensions: none is needed here, but they have to fill the header exactly. */
static void v2_extensions(struct sp_cur *c)
{
    while (sp_cur_left(c)) {
        sp_cur_skip(c, 1);
        sp_cur_skip(c, sp_cur_u16be(c));
    }
}

static void v2_body(struct sp_cur *c, uint8_t command, uint8_t family, struct sp_proxy_header *ret)
{
    if (command == 0x20) /* LOCAL: the balancer's own connection; addresses are to be skipped */
        return;
    if (command != 0x21)
        sp_cur_fail(c, SP_CUR_WRONG);
    v2_addresses(c, family, ret);
    v2_extensions(c);
}

static int v2_parse(struct sp_span in, struct sp_proxy_header *ret)
{
    struct sp_cur c = sp_cur_of(in);
    sp_cur_expect(&c, V2_SIGNATURE);
    uint8_t command = sp_cur_u8(&c), family = sp_cur_u8(&c);
    uint16_t len = sp_cur_u16be(&c);
    if (!sp_cur_ok(&c))
        return c.err == SP_CUR_SHORT ? 0 : -EPROTO;
    if (V2_FIXED + len > SP_PROXY_HEADER_MAX)
        return -EPROTO;
    if (in.n < V2_FIXED + (size_t)len)
        return 0;
    struct sp_cur body = sp_cur_of(sp_span_sub(in, V2_FIXED, len));
    v2_body(&body, command, family, ret);
    return sp_cur_ok(&body) ? V2_FIXED + len : -EPROTO;
}

static bool could_be(struct sp_span in, struct sp_span start)
{
    size_t n = in.n < start.n ? in.n : start.n;
    return sp_span_eq(sp_span_sub(in, 0, n), sp_span_sub(start, 0, n));
}

int sp_proxy_parse(struct sp_span in, enum sp_proxy_mode mode, struct sp_proxy_header *ret)
{
    struct sp_proxy_header h = {0};
    int n = -EPROTO;
    if (mode != SP_PROXY_V2 && could_be(in, SP_LIT("PROXY ")))
        n = v1_parse(in, &h);
    else if (mode != SP_PROXY_V1 && could_be(in, V2_SIGNATURE))
        n = v2_parse(in, &h);
    if (in.n == 0)
        n = 0;
    if (n > 0)
        *ret = h;
    return n;
}

/* ---- writing ---- */

static bool is_four(const struct sp_session_addr *a)
{
    return sp_span_eq(sp_span_of(a->ip, 12), SP_LIT("\0\0\0\0\0\0\0\0\0\0\xff\xff"));
}

static bool is_nothing(const struct sp_session_addr *a)
{
    return sp_span_eq(sp_span_of(a->ip, 16), SP_LIT("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
}

static void put_ip(struct sp_buf *out, const struct sp_session_addr *a, bool four)
{
    char text[INET6_ADDRSTRLEN] = "";
    (void)inet_ntop(four ? AF_INET : AF_INET6, four ? a->ip + 12 : a->ip, text, sizeof text);
    sp_put_str(out, text);
}

static void v1_write(const struct sp_session_addr *client, const struct sp_session_addr *server, bool four, struct sp_buf *out)
{
    sp_put_str(out, four ? "PROXY TCP4 " : "PROXY TCP6 ");
    put_ip(out, client, four);
    sp_put_byte(out, ' ');
    put_ip(out, server, four);
    sp_put_fmt(out, " %u %u\r\n", client->port, server->port);
}

static void put_u16be(struct sp_buf *out, uint16_t v)
{
    sp_put_byte(out, (uint8_t)(v >> 8));
    sp_put_byte(out, (uint8_t)v);
}

static void v2_write(const struct sp_session_addr *client, const struct sp_session_addr *server, bool four, struct sp_buf *out)
{
    size_t skip = four ? 12 : 0;
    sp_put(out, V2_SIGNATURE);
    sp_put_byte(out, 0x21);
    sp_put_byte(out, four ? 0x11 : 0x21);
    put_u16be(out, four ? 12 : 36);
    sp_put(out, sp_span_of(client->ip + skip, 16 - skip));
    sp_put(out, sp_span_of(server->ip + skip, 16 - skip));
    put_u16be(out, client->port);
    put_u16be(out, server->port);
}

void sp_proxy_write(enum sp_proxy_mode mode, const struct sp_session_addr *client, const struct sp_session_addr *server, struct sp_buf *out)
{
    bool four = is_four(client) && is_four(server);
    bool nothing = is_nothing(client) || is_nothing(server);
    if (mode == SP_PROXY_V1 && nothing)
        sp_put_str(out, "PROXY UNKNOWN\r\n");
    else if (mode == SP_PROXY_V1)
        v1_write(client, server, four, out);
    else if (nothing)
        sp_put(out, SP_LIT("\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00"));
    else
        v2_write(client, server, four, out);
}
