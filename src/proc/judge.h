/* SPDX-License-Identifier: Apache-2.0 */
/* judge: one recorded connection through an engine session, without sockets. */
#ifndef SP_PROC_JUDGE_H
#define SP_PROC_JUDGE_H

#include "engine/session.h"

enum sp_judge_limits {
    SP_FINDINGS_MAX = 128, /* different rules and anomalies named for one connection */
};

/* A rule by number, or an anomaly by name. */
struct sp_finding {
    const char *anomaly; /* NULL for a rule */
    uint32_t rule;
};

struct sp_judge {
    struct sp_engine engine;
    struct sp_pool *pool;
    /* about the connection judged last */
    enum sp_act worst;
    uint64_t messages;
    unsigned nfindings;
    struct sp_finding findings[SP_FINDINGS_MAX];
};

/* 0 or -errno. The policy outlives it; the object must not move. */
__attribute__((warn_unused_result)) int sp_judge_init(struct sp_judge *j, const struct sp_policy *p);
void sp_judge_fini(struct sp_judge *j);
/* `server` empty: only the client's side is known. */
void sp_judge_connection(struct sp_judge *j, const struct sp_proto *proto, struct sp_span client, struct sp_span server);
const char *sp_act_name(enum sp_act act);

#endif
