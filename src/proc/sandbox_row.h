/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox_row: what the files of the sandbox share. The rows themselves are in sandbox.c, their system calls in sandbox_calls.c. */
#ifndef SP_PROC_SANDBOX_ROW_H
#define SP_PROC_SANDBOX_ROW_H

#include "proc/sandbox.h"

enum sandbox_files {
    FILES_ALL,   /* no limit but the user's rights */
    FILES_NONE,
    FILES_READ,  /* what it is told to go on reading, and what looking up names needs */
    FILES_WRITE, /* the directories of the plan's outputs and crash files */
};

struct sandbox_calls;

struct sp_sandbox {
    const char *name;
    bool stays;                /* keeps the user it has */
    uint64_t capabilities;     /* that it keeps, of those that it has; bit by number */
    bool empty_root;           /* sees an empty directory as the whole file system */
    enum sandbox_files files;
    bool local_only;           /* connects to no TCP port; else to those of `ports` */
    const uint16_t *ports;     /* 0 at the end; NULL: the plan's servers */
    bool no_files_grow;        /* writes to no file at all */
    bool many_descriptors;     /* the limit of open files goes up as far as it may */
    bool leaves_rights;        /* it starts others, which have to be able to do more: limits and lists would be theirs too */
    const struct sandbox_calls *calls; /* NULL when it leaves rights */
    const struct sp_sandbox *makes; /* whom it makes: what takes long is made ready for them */
};

/* What a call's arguments are checked against. */
struct sandbox_needs {
    bool unix_sockets;         /* may make them */
};

extern const struct sandbox_calls worker_calls, admin_calls, compiler_calls;
/* Makes the list ready, for this process and those that it makes. 0 or -errno. */
__attribute__((warn_unused_result)) int calls_prepare(const struct sandbox_calls *calls, const struct sandbox_needs *needs);
/* The list of system calls, from here on. 0 or -errno. */
__attribute__((warn_unused_result)) int calls_enter(const struct sandbox_calls *calls, const struct sandbox_needs *needs);

/* Prepared while paths can still be opened, entered later. */
struct land {
    int ruleset; /* -1: this kernel has no Landlock */
};
/* 0 or -errno. */
__attribute__((warn_unused_result)) int land_prepare(const struct sp_sandbox *row, const struct sp_plan *plan, const char *const *paths,
                                                     unsigned npaths, struct land *ret);
__attribute__((warn_unused_result)) int land_enter(struct land *l);
/* Version of what the kernel knows; 0: nothing. */
int land_version(void);

#endif
