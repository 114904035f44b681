/* SPDX-License-Identifier: Apache-2.0 */
/* serve: from a valid configuration to running workers, and to their orderly end. What `run` and `protect` have in common. */
#ifndef SP_PROC_SERVE_H
#define SP_PROC_SERVE_H

#include "proc/config.h"

/* Loads and proves the rules, opens events and listeners, serves until a signal ends it. An enum sp_exit; everything that is wrong has been said. */
int sp_serve(struct sp_config *config);

#endif
