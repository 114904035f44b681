/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message: what processes say to each other: SOCK_SEQPACKET, one typed message a packet, every kind with its exact or greatest length and its number of
 * descriptors in one table. A packet that is not exactly one of them is an error, and the receiver ends the sender.
 */
#ifndef SP_PROC_MESSAGE_H
#define SP_PROC_MESSAGE_H

#include "base/span.h"

enum sp_message_limits {
    SP_MESSAGE_MAX = 64 << 10,  /* bytes of a packet: the longest text for a user */
    SP_MESSAGE_FDS = 128,       /* descriptors in one packet: half of what the kernel takes (SCM_MAX_FD is 253) */
};

enum sp_message_kind {
    /* supervisor -> keeper */
    SP_SAY_START = 1,   /* serve: struct sp_say_start; descriptors: plan, policy, report, report_wake */
    SP_SAY_LISTENERS,   /* descriptors of listeners, in the plan's order, in as many packets as needed; before START and TAKE */
    SP_SAY_TAKE,        /* another plan and policy; descriptors: plan, policy */
    SP_SAY_STOP,        /* struct sp_say_grace */
    SP_SAY_UPGRADE,     /* go on as another program; descriptors: the binary, plan, policy. Listeners come before it, as before TAKE */
    SP_SAY_DRAIN,       /* struct sp_say_grace; descriptor: channel */
    SP_SAY_RECEIVE,     /* descriptor: channel */
    SP_SAY_HELLO,       /* who are you: answered by SP_TELL_SELF with descriptors, then SP_TELL_LISTENERS */
    /* keeper -> supervisor */
    SP_TELL_SELF = 64,  /* struct sp_tell_self, whenever something in it has changed; after HELLO with descriptors: report, report_wake */
    SP_TELL_DONE,       /* struct sp_tell_done: the answer to TAKE, STOP, DRAIN, RECEIVE, UPGRADE, START */
    SP_TELL_DEATH,      /* struct sp_tell_death; descriptor, when has_capture: memfd with a capture */
    SP_TELL_MODE,       /* struct sp_tell_mode */
    SP_TELL_LISTENERS,  /* after HELLO: descriptors of the listeners, in as many packets as needed */
    /* supervisor <-> compiler */
    SP_SAY_COMPILE = 127,   /* the first message; descriptors: plan and policy in force, none at the first load */
    SP_TELL_COMPILED = 128, /* descriptors: plan, policy; text: what to log */
    SP_TELL_WRONG,          /* uint32_t status (enum sp_exit), then text: every mistake, for the user */
    /* supervisor <-> admin */
    SP_ADMIN_START = 192,   /* descriptors: plan, wake. Answered by DONE when the outputs are open; else the admin says why on standard error
                               and exits with an enum sp_exit */
    SP_ADMIN_REPORT,        /* struct sp_say_report; descriptor: the report of that slot from now on */
    SP_ADMIN_TAKE,          /* descriptor: plan; answered by DONE: an error, and the outputs stay as they are */
    SP_ADMIN_CAPTURE,       /* struct sp_tell_death; descriptor: capture to keep */
    SP_ADMIN_LINE,          /* text: an event line to write */
    SP_ADMIN_REOPEN,        /* log rotation */
    SP_ADMIN_STOP,          /* write what is left, answer DONE and exit */
    SP_ADMIN_DONE,          /* admin -> supervisor: struct sp_tell_done, the answer to START, TAKE, STOP */
    SP_ADMIN_DAMAGED,       /* admin -> supervisor: struct sp_say_report: what that slot's worker left in its report is no report */
    /* user <-> supervisor, over the control socket; they may be of different versions, so these numbers never change */
    SP_ASK_RELOAD = 224,
    SP_ASK_UPGRADE,         /* descriptor: the binary to go on as */
    SP_ASK_STATUS,
    SP_ANSWER,              /* uint32_t status (enum sp_exit), then text */
    SP_ASK_STATUS_JSON,
};

struct sp_say_start { uint32_t slot, nlisteners; uint64_t policy_generation; }; /* also the body of TAKE and UPGRADE */
struct sp_say_grace { uint32_t grace_ms; };
struct sp_say_report { uint32_t slot; };
struct sp_tell_self { uint64_t build, layout; uint32_t slot, pid, worker, mode; uint32_t nlisteners, restarts; };
struct sp_tell_done { uint32_t kind; int32_t error; };
struct sp_tell_death { uint32_t slot, how, signal, restart_us; uint32_t has_capture; }; /* how: enum sp_death; `signal` 0: it exited */
struct sp_tell_mode { uint32_t slot, mode; };

struct sp_message {
    enum sp_message_kind kind;
    struct sp_span body; /* valid until the next receive on the same buffer */
    int fds[SP_MESSAGE_FDS];
    unsigned nfds;
};

/* 0 or -errno. -EAGAIN only on a descriptor that does not block. Descriptors stay the caller's. */
__attribute__((warn_unused_result)) int sp_message_send(int fd, enum sp_message_kind kind, struct sp_span body, const int *fds, unsigned nfds);
/*
 * 1: *ret is a valid message, its descriptors are ours to close (they are not closed on exec). 0: the peer is gone. -EAGAIN. -EPROTO: the peer sent
 * something that is no message (its descriptors are closed again); it must be ended. `buffer` has SP_MESSAGE_MAX bytes.
 */
__attribute__((warn_unused_result)) int sp_message_receive(int fd, uint8_t *buffer, struct sp_message *ret);
void sp_message_close_fds(struct sp_message *m);

#endif
