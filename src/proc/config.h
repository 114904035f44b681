/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config: the configuration file. One row of a table is one key: the parser, the commented example, the JSON Schema and the reference page all
 * read it. A configuration is either completely valid or not there at all.
 */
#ifndef SP_PROC_CONFIG_H
#define SP_PROC_CONFIG_H

#include "base/arena.h"
#include "io/event_output.h"
#include "proc/cmd.h"
#include "proto/proto.h"
#include "rule/source.h"

enum sp_config_limits {
    SP_CONFIG_FILE_MAX = 1 << 20,
    SP_SERVICES_MAX = 64,
    SP_LISTEN_MAX = 16, /* addresses of one service */
    SP_WORKERS_MAX = 256,
};

struct sp_config_list {
    const char *item[SP_LISTEN_MAX];
    uint64_t n;
};

struct sp_config_service {
    const char *name, *protocol, *to;
    struct sp_config_list listen;
    uint64_t proxy_in, proxy_out; /* enum sp_proxy_mode */
    bool forwarded_for, monitor, learn;
    uint64_t body_max;
    uint64_t header_ms, body_ms, connect_ms;
    uint64_t idle_ms;             /* 0: as the protocol has it */
    uint64_t tls;                 /* enum sp_tls */
    uint64_t on_crash, fail;      /* enum sp_on_crash, enum sp_fail */
    uint64_t budget, on_budget;   /* enum sp_on_budget */
};

struct sp_config_event {
    uint64_t kind; /* enum sp_output_kind */
    const char *path;
};

struct sp_config {
    struct sp_config_service services[SP_SERVICES_MAX];
    uint64_t nservices;
    struct sp_config_list rules;
    struct sp_config_event events[SP_OUTPUTS_MAX];
    uint64_t nevents;
    uint64_t workers; /* 0: one for each processor */
    uint64_t spin_us, memory, connections;
    const char *user, *runtime, *store, *crashes; /* empty: chosen by us, none, none */
    bool survival;
    uint64_t watchdog_ms;
    struct sp_arena arena; /* owns the strings */
};

/* 0 and a valid configuration; -EINVAL with every mistake in `diag`; or -errno when the file cannot be read. */
__attribute__((warn_unused_result)) int sp_config_load(const char *path, struct sp_diag *diag, struct sp_config *ret);
/* One service with every other key at its default, as `protect` wants it. 0 or -ENOMEM. */
__attribute__((warn_unused_result)) int sp_config_defaults(struct sp_config *ret);
void sp_config_fini(struct sp_config *c);
/* The same as sp_config_load, with everything that is wrong printed; an enum sp_exit. */
int sp_config_open(const char *path, struct sp_config *ret);
/* The rule paths as an option list. */
void sp_config_rules(const struct sp_config *c, struct sp_list *ret);

/* What is generated from the table. */
void sp_config_example(struct sp_buf *out);
void sp_config_schema(struct sp_buf *out);
void sp_config_reference(struct sp_buf *out);

#endif
