/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcap_packet: from a captured frame to a TCP segment: Ethernet with VLAN tags (IEEE 802.1Q, 802.1ad), Linux cooked v1 and v2, BSD loopback and raw IP;
 * IPv4 (RFC 791), IPv6 with extension headers (RFC 8200), TCP (RFC 9293). Checksums are not looked at: captures on the sending host have none.
 */
#include <pcap/pcap.h>
#include <string.h>

#include "base/cur.h"
#include "io/pcap_packet.h"

enum {
    VLAN_TAGS_MAX = 4,
    IP6_HEADERS_MAX = 8, /* extension headers before TCP */
};

enum ether_type { TYPE_IP4 = 0x0800, TYPE_IP6 = 0x86dd, TYPE_VLAN = 0x8100, TYPE_QINQ = 0x88a8, TYPE_QINQ_OLD = 0x9100 };
enum ip_proto { IP_TCP = 6, IP6_HOP = 0, IP6_ROUTING = 43, IP6_FRAGMENT = 44, IP6_DESTINATION = 60 };

static void to16(uint8_t to[16], struct sp_span ip)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (ip.n == 16) {
        memcpy(to, ip.p, 16);
        return;
    }
    memcpy(to, mapped, sizeof mapped);
    memcpy(to + sizeof mapped, ip.p, 4);
}

/* `len`: bytes of the TCP segment by the IP header; the frame may hold fewer, or padding after it. */
static enum sp_packet_kind read_tcp(struct sp_cur *c, size_t len, struct sp_packet *p)
{
    size_t present = sp_cur_left(c), before = sp_cur_off(c);
    p->src.port = sp_cur_u16be(c);
    p->dst.port = sp_cur_u16be(c);
    p->seq = sp_cur_u32be(c);
    p->ack = sp_cur_u32be(c);
    size_t header = (size_t)(sp_cur_u8(c) >> 4) * 4;
    p->flags = sp_cur_u8(c);
    if (!sp_cur_ok(c) || header < 20 || header > len)
        return SP_PACKET_OTHER;
    sp_cur_skip(c, header - (sp_cur_off(c) - before));
    if (!sp_cur_ok(c))
        return SP_PACKET_OTHER;
    p->cut = present < len;
    p->payload = sp_span_sub(sp_cur_rest(c), 0, len - header);
    return SP_PACKET_TCP;
}

static enum sp_packet_kind read_ip4(struct sp_cur *c, struct sp_packet *p)
{
    size_t before = sp_cur_off(c), present = sp_cur_left(c);
    uint8_t first = sp_cur_u8(c);
    size_t header = (size_t)(first & 15) * 4;
    sp_cur_skip(c, 1);
    size_t total = sp_cur_u16be(c);
    sp_cur_skip(c, 2);
    uint16_t fragment = sp_cur_u16be(c);
    sp_cur_skip(c, 1);
    uint8_t proto = sp_cur_u8(c);
    sp_cur_skip(c, 2);
    struct sp_span src = sp_cur_take(c, 4), dst = sp_cur_take(c, 4);
    if (total == 0) /* segmentation offload: the length did not fit in 16 bits */
        total = present;
    if (!sp_cur_ok(c) || first >> 4 != 4 || header < 20 || total < header || proto != IP_TCP)
        return SP_PACKET_OTHER;
    to16(p->src.ip, src);
    to16(p->dst.ip, dst);
    if (fragment & 0x3fff)
        return SP_PACKET_FRAGMENT;
    sp_cur_skip(c, header - (sp_cur_off(c) - before));
    return read_tcp(c, total - header, p);
}

/* One extension header; the number of the next one. */
static uint8_t skip_extension(struct sp_cur *c, uint8_t kind, bool *ret_fragment)
{
    uint8_t next = sp_cur_u8(c), len = sp_cur_u8(c);
    if (kind != IP6_FRAGMENT) {
        sp_cur_skip(c, (size_t)len * 8 + 6);
        return next;
    }
    *ret_fragment |= (sp_cur_u16be(c) & 0xfff9) != 0; /* an atomic fragment (RFC 6946) is whole */
    sp_cur_skip(c, 4);
    return next;
}

static bool is_extension(uint8_t kind)
{
    return kind == IP6_HOP || kind == IP6_ROUTING || kind == IP6_FRAGMENT || kind == IP6_DESTINATION;
}

static enum sp_packet_kind read_ip6(struct sp_cur *c, struct sp_packet *p)
{
    bool version6 = sp_cur_u32be(c) >> 28 == 6, fragment = false;
    size_t len = sp_cur_u16be(c);
    uint8_t next = sp_cur_u8(c);
    sp_cur_skip(c, 1);
    struct sp_span src = sp_cur_take(c, 16), dst = sp_cur_take(c, 16);
    if (!sp_cur_ok(c) || !version6)
        return SP_PACKET_OTHER;
    to16(p->src.ip, src);
    to16(p->dst.ip, dst);
    if (len == 0)
        len = sp_cur_left(c);
    size_t start = sp_cur_off(c);
    for (int i = 0; i < IP6_HEADERS_MAX && is_extension(next); i++)
        next = skip_extension(c, next, &fragment);
    size_t extensions = sp_cur_off(c) - start;
    if (!sp_cur_ok(c) || next != IP_TCP || extensions > len)
        return SP_PACKET_OTHER;
    return fragment ? SP_PACKET_FRAGMENT : read_tcp(c, len - extensions, p);
}

static enum sp_packet_kind read_type(struct sp_cur *c, uint16_t type, struct sp_packet *p)
{
    for (int i = 0; i < VLAN_TAGS_MAX && (type == TYPE_VLAN || type == TYPE_QINQ || type == TYPE_QINQ_OLD); i++) {
        sp_cur_skip(c, 2);
        type = sp_cur_u16be(c);
    }
    if (type == TYPE_IP4)
        return read_ip4(c, p);
    return type == TYPE_IP6 ? read_ip6(c, p) : SP_PACKET_OTHER;
}

static enum sp_packet_kind read_version(struct sp_cur *c, struct sp_packet *p)
{
    int first = sp_cur_peek(c);
    if (first < 0)
        return SP_PACKET_OTHER;
    return first >> 4 == 6 ? read_ip6(c, p) : read_ip4(c, p);
}

static enum sp_packet_kind read_ethernet(struct sp_cur *c, struct sp_packet *p)
{
    sp_cur_skip(c, 12);
    return read_type(c, sp_cur_u16be(c), p);
}

static enum sp_packet_kind read_loopback(struct sp_cur *c, struct sp_packet *p)
{
    sp_cur_skip(c, 4); /* the address family, in the byte order and numbering of some host */
    return read_version(c, p);
}

static enum sp_packet_kind read_cooked(struct sp_cur *c, struct sp_packet *p)
{
    sp_cur_skip(c, 14);
    return read_type(c, sp_cur_u16be(c), p);
}

static enum sp_packet_kind read_cooked2(struct sp_cur *c, struct sp_packet *p)
{
    uint16_t type = sp_cur_u16be(c);
    sp_cur_skip(c, 18);
    return read_type(c, type, p);
}

static const struct link {
    int number;
    enum sp_packet_kind (*read)(struct sp_cur *c, struct sp_packet *p);
} links[] = {
    {DLT_EN10MB, read_ethernet}, {DLT_NULL, read_loopback},       {DLT_LOOP, read_loopback}, {DLT_RAW, read_version},
    {DLT_LINUX_SLL, read_cooked}, {DLT_LINUX_SLL2, read_cooked2}, {DLT_IPV4, read_version},  {DLT_IPV6, read_version},
};

static const struct link *link_of(int number)
{
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        if (links[i].number == number)
            return &links[i];
    return NULL;
}

bool sp_packet_link_known(int link)
{
    return link_of(link) != NULL;
}

enum sp_packet_kind sp_packet_read(int link, struct sp_span frame, struct sp_packet *ret)
{
    struct sp_cur c = sp_cur_of(frame);
    const struct link *l = link_of(link);
    *ret = (struct sp_packet){0};
    return l ? l->read(&c, ret) : SP_PACKET_OTHER;
}
