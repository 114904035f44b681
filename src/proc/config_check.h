/* SPDX-License-Identifier: Apache-2.0 */
/* config_check: what one key alone cannot say: protocols exist, addresses can be read, names differ, outputs have their paths. */
#ifndef SP_PROC_CONFIG_CHECK_H
#define SP_PROC_CONFIG_CHECK_H

#include "proc/config.h"

/* Mistakes go to `diag`. Opens nothing. */
void sp_config_check(struct sp_config *c, const char *path, struct sp_diag *diag);
/* The same for the one service of `protect`, in the words of its options; an enum sp_exit. */
int sp_config_check_options(const struct sp_config *c);

#endif
