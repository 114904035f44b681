/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan: a configuration as the processes that serve see it: one flat struct without pointers, names looked up, every default filled in. It is made
 * where configuration files are read, and reaches the others in a sealed memfd.
 *
 * A service keeps its place for ever, even when its name is no longer configured, because sessions name their service by its place.
 */
#ifndef SP_IO_PLAN_H
#define SP_IO_PLAN_H

#include "io/address.h"
#include "io/event_output.h"
#include "io/proxyproto.h"

enum sp_plan_limits {
    SP_PLAN_SERVICES = 256,    /* four times what a configuration has: those that it no longer names keep their places */
    SP_PLAN_LISTENERS = 1024,  /* addresses of all services together */
    SP_PLAN_NAME = 65,         /* with its NUL */
    SP_PLAN_PATH = 4097,       /* with its NUL */
    SP_PLAN_WORKERS = 256,
};
#define SP_PLAN_STARTER UINT32_MAX /* as uid and gid: whoever started us */

/* A client asks for TLS in protocol. */
enum sp_tls { SP_TLS_REFUSE, SP_TLS_PASS };
/* What happens to a session that was being worked on when its worker crashed or hung. */
enum sp_on_crash { SP_CRASH_PASS, SP_CRASH_CLOSE };
/* What happens to a service's connections when no worker can be brought up. */
enum sp_fail { SP_FAIL_OPEN, SP_FAIL_CLOSED };
/* What happens to a message whose inspection would cost more than the budget. */
enum sp_on_budget { SP_BUDGET_PASS, SP_BUDGET_REFUSE };

struct sp_plan_service {
    char name[SP_PLAN_NAME];
    char protocol[SP_PLAN_NAME]; /* as sp_proto_by_name takes it */
    bool leaving;                /* no longer configured: sessions may finish, none are begun; it has no listeners */
    struct sp_address_list to;
    uint8_t proxy_in, proxy_out; /* enum sp_proxy_mode */
    uint8_t tls, on_crash, fail, on_budget;
    bool forwarded, monitor;
    bool learn;                  /* statements are learned: the plan has a store */
    uint64_t body_max;           /* bytes */
    uint64_t header_ms, body_ms, idle_ms, connect_ms;
    uint64_t budget;             /* matcher steps for one message; 0: no limit */
};

struct sp_plan_listener {
    struct sp_address at;
    uint32_t service;
};

struct sp_plan_output {
    uint32_t kind; /* enum sp_output_kind */
    char path[SP_PLAN_PATH];
};

struct sp_plan {
    uint64_t magic;
    uint32_t size;                 /* of this struct */
    uint32_t nservices;            /* places in use: services[0 .. nservices) */
    uint32_t nlisteners, noutputs;
    uint32_t workers;              /* at least 1 */
    uint32_t spin_us;
    uint32_t watchdog_ms;          /* a worker that does not move for so long is replaced; 0: never */
    bool survival;                 /* sessions outlive their worker */
    uint64_t memory;               /* bytes that one worker's connections may hold back together */
    uint64_t connections;          /* clients of one worker at the same time */
    uint32_t uid, gid;             /* whom workers and the others run as, or SP_PLAN_STARTER */
    char user[SP_PLAN_NAME];       /* its name */
    char runtime[SP_PLAN_PATH];    /* directory of sockets of this instance */
    char store[SP_PLAN_PATH];      /* file of what is learned; "": none */
    char crashes[SP_PLAN_PATH];    /* directory of crash files; "": none are kept */
    struct sp_plan_output outputs[SP_OUTPUTS_MAX];
    struct sp_plan_service services[SP_PLAN_SERVICES];
    struct sp_plan_listener listeners[SP_PLAN_LISTENERS];
};

#define SP_PLAN_MAGIC UINT64_C(0x316e616c70707301)

/* Checks every count, index, text and enum of a plan that came from another process. 0 or -EINVAL. */
__attribute__((warn_unused_result)) int sp_plan_verify(const void *p, size_t n, const struct sp_plan **ret);

#endif
