/* SPDX-License-Identifier: Apache-2.0 */
/* pcap_packet: from a captured frame to a TCP segment. Pure. */
#ifndef SP_IO_PCAP_PACKET_H
#define SP_IO_PCAP_PACKET_H

#include "base/span.h"

enum sp_packet_kind {
    SP_PACKET_TCP,
    SP_PACKET_OTHER,    /* another protocol, or too short to say */
    SP_PACKET_FRAGMENT, /* of IP: not put together */
};

enum sp_tcp_flags { SP_TCP_FIN = 1, SP_TCP_SYN = 2, SP_TCP_RST = 4, SP_TCP_ACK = 16 };

struct sp_packet_end {
    uint8_t ip[16]; /* IPv4 as ::ffff:a.b.c.d */
    uint16_t port;
};

struct sp_packet {
    struct sp_packet_end src, dst;
    uint32_t seq, ack;
    uint8_t flags;
    bool cut; /* the capture holds less of the payload than was sent */
    struct sp_span payload;
};

/* `link` is a DLT_ number of libpcap. */
bool sp_packet_link_known(int link);
enum sp_packet_kind sp_packet_read(int link, struct sp_span frame, struct sp_packet *ret);

#endif
