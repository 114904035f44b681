/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan_make: from a valid configuration to a plan (io/plan.h), in two steps: who runs where, which needs no network and which the commands that talk to a
 * running instance take too; and everything else, for which names are looked up.
 */
#ifndef SP_PROC_PLAN_MAKE_H
#define SP_PROC_PLAN_MAKE_H

#include "io/plan.h"
#include "proc/config.h"

enum { SP_PLAN_WHY = 512 }; /* bytes of a sentence that says why there is no plan, with its NUL */

/*
 * The first step: an empty plan but for the user and the runtime directory. Call it with the rights that the program was started with. 0, or -errno with
 * one sentence without a full stop in `why`.
 */
__attribute__((warn_unused_result)) int sp_plan_begin(const struct sp_config *c, struct sp_plan *ret, char why[SP_PLAN_WHY]);
/*
 * The second: fills what sp_plan_begin made. `before`: the plan in force, NULL when there is none; services keep their places in it, and what running processes
 * were started with (workers, memory, connections, user, runtime directory) stays as it is. `notes` gets a line "warning: ..." for each thing that is other than
 * asked for. 0, or -errno with a sentence in `why`; `plan` is then useless.
 */
__attribute__((warn_unused_result)) int sp_plan_make(const struct sp_config *c, const struct sp_plan *before, struct sp_plan *plan,
                                                     struct sp_buf *notes, char why[SP_PLAN_WHY]);

#endif
