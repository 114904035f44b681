/* SPDX-License-Identifier: Apache-2.0 */
/* room: what the drivers that run a harness natively share. */
#ifndef HARNESS_ROOM_H
#define HARNESS_ROOM_H

#include "harness.h"

/* Before each run: its rooms are free again. */
void room_reset(void);

#endif
