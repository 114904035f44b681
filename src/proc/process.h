/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process: which processes there are, what each may do and whom it may tell what (the tables are in process.c), and how one is started: fork and exec of
 * this program, or of its next version, with the hidden words `--role NAME`, its control socket as descriptor 3 and everything else closed. Only a worker
 * is no exec but a clone of its keeper (keeper.c).
 */
#ifndef SP_PROC_PROCESS_H
#define SP_PROC_PROCESS_H

#include <sys/types.h>

#include "io/plan.h"
#include "proc/message.h"
#include "proc/sandbox.h"

enum sp_role { SP_ROLE_SUPERVISOR, SP_ROLE_COMPILER, SP_ROLE_KEEPER, SP_ROLE_WORKER, SP_ROLE_ADMIN, SP_ROLE_PROBE, SP_ROLE_USER, SP_ROLES };

enum sp_process_limits {
    SP_CONTROL_FD = 3, /* the control socket of a process that was started with --role */
    SP_EXTRA_FD = 4,   /* a keeper's listening socket; the state that a process goes on with */
    SP_TITLE_MAX = 64,
};

struct sp_process {
    const char *name;                 /* as --role and titles have it */
    const char *does;                 /* one sentence, for `status` and the documentation */
    bool root;                        /* keeps the rights that the program was started with; the others run as the plan's `user` */
    const struct sp_sandbox *sandbox; /* NULL: none */
};
extern const struct sp_process sp_processes[SP_ROLES];

/* `from` may say that to `to`. */
bool sp_process_may(enum sp_role from, enum sp_role to, enum sp_message_kind kind);
/* sp_message_receive, and -EPROTO also for what `from` may not say to `to`. */
__attribute__((warn_unused_result)) int sp_process_hear(int fd, enum sp_role from, enum sp_role to, uint8_t *buffer, struct sp_message *ret);
/* The other end of a connected unix socket is root or our own user. */
bool sp_process_trusts(int fd);
/* Enters the sandbox of a row. 0 or -errno. */
__attribute__((warn_unused_result)) int sp_process_confine(enum sp_role role, const struct sp_plan *plan);

struct sp_spawn {
    enum sp_role role;
    unsigned slot;             /* of a keeper; part of its name */
    int binary;                /* descriptor of the program; -1: this one */
    int control;               /* becomes SP_CONTROL_FD */
    int extra;                 /* becomes SP_EXTRA_FD; -1: none */
    const char *const *words;  /* what follows, NULL at the end; NULL: nothing */
};

/* Starts a process in a process group of its own. Descriptors stay the caller's. 0 or -errno. */
__attribute__((warn_unused_result)) int sp_spawn(const struct sp_spawn *how, pid_t *ret);
/* Becomes another program: descriptors stay as they are, those above 2 that `keep` does not name are closed. Returns only -errno. */
__attribute__((warn_unused_result)) int sp_become(int binary, const char *const *words, const int *keep, unsigned nkeep);
/* A pair of SOCK_SEQPACKET sockets, closed on exec: ours does not block, theirs does. 0 or -errno. */
__attribute__((warn_unused_result)) int sp_process_pair(int *ret_ours, int *ret_theirs);

/* Where the words of the command line are: a title is written over them. */
void sp_title_init(int argc, char **argv);
/* Those words, without the program's name. */
const char *const *sp_command_words(void);
/* The command line looks as if it had been "sallyport" and these words, which stand in it. What to use in their place, NULL at the end; NULL: no memory. */
const char *const *sp_title_command(char **words);
/* "sallyport: worker 0" in ps; `slot` UINT_MAX: no number. */
void sp_title(enum sp_role role, unsigned slot);
/* Tells this executable from others. */
uint64_t sp_build(void);

#endif
