/* SPDX-License-Identifier: Apache-2.0 */
/* pcap_flow: the connections of a capture that are open, found by their addresses, bounded, the most silent one given up first. */
#ifndef SP_IO_PCAP_FLOW_H
#define SP_IO_PCAP_FLOW_H

#include "engine/session.h"
#include "io/pcap_packet.h"
#include "io/pcap_stream.h"

enum sp_flow_fate {
    SP_FLOW_WAITING, /* nobody has said enough to tell who the client is */
    SP_FLOW_KNOWN,   /* client and server are known, nothing judged yet */
    SP_FLOW_JUDGED,  /* the session is open */
    SP_FLOW_IGNORED, /* another protocol, a gap, or over: packets are skipped */
};

struct sp_flow {
    struct sp_packet_end end[2];    /* the smaller one first: the key */
    unsigned client;                /* index in `end`; valid from KNOWN on */
    enum sp_flow_fate fate;
    struct sp_stream stream[2];     /* by enum sp_dir; valid from KNOWN on */
    bool seen[2];                   /* payload of that direction is in the capture */
    uint64_t hash;
    struct sp_session session;      /* valid while JUDGED */
    struct sp_flow *chain;          /* same bucket */
    struct sp_flow *older, *newer;  /* by the latest packet */
};

struct sp_flows;

/* NULL without memory. At most `max` flows. */
struct sp_flows *sp_flows_new(unsigned max);
/* All must have been removed. */
void sp_flows_free(struct sp_flows *f);
/* The flow of a packet, made the newest; NULL when there is none. *ret_from is the sender's index in `end`. */
struct sp_flow *sp_flows_find(struct sp_flows *f, const struct sp_packet *p, unsigned *ret_from);
/* A new one for a packet; NULL when the table is full or there is no memory. */
struct sp_flow *sp_flows_add(struct sp_flows *f, const struct sp_packet *p, unsigned *ret_from);
struct sp_flow *sp_flows_oldest(const struct sp_flows *f);
void sp_flows_remove(struct sp_flows *f, struct sp_flow *flow);
bool sp_flows_full(const struct sp_flows *f);

#endif
