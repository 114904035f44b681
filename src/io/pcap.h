/* SPDX-License-Identifier: Apache-2.0 */
/* pcap: captures through the engine. Connections are put together, both directions are judged in the order of the capture. */
#ifndef SP_IO_PCAP_H
#define SP_IO_PCAP_H

#include "engine/session.h"

enum sp_replay_limits {
    SP_REPLAY_FLOWS = 16384,       /* open at the same time; the one that was silent longest is ended first */
    SP_REPLAY_HELD = 256 << 20,    /* bytes that wait in all connections together */
    SP_REPLAY_ERROR = 512,         /* bytes of an error message */
};

struct sp_replay_counts {
    uint64_t packets;
    uint64_t connections; /* judged, to their end or to a gap */
    uint64_t other;       /* connections whose first bytes are not of the protocol */
    uint64_t gaps;        /* connections given up because bytes are missing in the capture */
    uint64_t unbegun;     /* connections of which the capture shows no start that could be understood */
    uint64_t fragments, cut; /* packets */
    uint64_t messages, malformed;
    uint64_t verdicts[SP_CLOSE + 1]; /* of messages */
};

struct sp_replay;

/* `line` gets every event as an EVE line, with the time of the capture. 0 or -errno. */
__attribute__((warn_unused_result)) int sp_replay_new(const struct sp_policy *policy, const struct sp_proto *proto,
                                                      void (*line)(void *ctx, struct sp_span line), void *ctx, struct sp_replay **ret);
/* One capture after the other; connections do not go on from one to the next. 0, or -EINVAL with one line in `error`: what is wrong, and
 * at which packet. */
__attribute__((warn_unused_result)) int sp_replay_file(struct sp_replay *r, const char *path, char error[SP_REPLAY_ERROR]);
struct sp_replay_counts sp_replay_counts(const struct sp_replay *r);
void sp_replay_free(struct sp_replay *r);

#endif
