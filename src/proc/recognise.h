/* SPDX-License-Identifier: Apache-2.0 */
/* recognise: which protocol a server speaks, by asking it. */
#ifndef SP_PROC_RECOGNISE_H
#define SP_PROC_RECOGNISE_H

#include "io/address.h"
#include "proto/proto.h"

/*
 * Connects up to as many times as there are protocols, a second each at most: first only to listen, then with each protocol's hello. NULL: nobody
 * answers there, or not in a way that is known; *ret_reached tells which.
 */
const struct sp_proto *sp_recognise(const struct sp_address_list *server, bool *ret_reached);

#endif
