/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox: what a process may still do once it has what it needs. One row for each kind of process; entering is for good. What is built with a sanitizer, which
 * needs files, system calls and a second process of its own, is confined by its user alone.
 */
#ifndef SP_PROC_SANDBOX_H
#define SP_PROC_SANDBOX_H

#include "io/plan.h"

struct sp_sandbox; /* a row */
extern const struct sp_sandbox sp_sandbox_worker, sp_sandbox_keeper, sp_sandbox_admin, sp_sandbox_compiler;

/*
 * Of `plan` only the user, the runtime directory, the services and the outputs are looked at. What this kernel does not know is left out. 0 or -errno: then
 * the process must end, since it may be confined by half.
 */
__attribute__((warn_unused_result)) int sp_sandbox_enter(const struct sp_sandbox *row, const struct sp_plan *plan);
/* The same, for a process that goes on reading these files and directories with all that is below them; those that are not there are left out. */
__attribute__((warn_unused_result)) int sp_sandbox_enter_reading(const struct sp_sandbox *row, const struct sp_plan *plan, const char *const *paths,
                                                                 unsigned npaths);
/* A process that is confined for one plan can work with another; else one that was confined for the other has to take its place. */
bool sp_sandbox_fits(const struct sp_sandbox *row, const struct sp_plan *entered, const struct sp_plan *next);
/* What this kernel or build lacks: a line each, nothing when it lacks nothing. */
void sp_sandbox_lacks(struct sp_buf *out);

#endif
