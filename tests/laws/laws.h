/* SPDX-License-Identifier: Apache-2.0 */
/* laws: what must hold for every protocol and every message, tried on the proof cases of all patches. */
#ifndef TESTS_LAWS_H
#define TESTS_LAWS_H

#include "engine/session.h"

enum laws_limits {
    LAWS_BYTES_MAX = 4 << 20, /* what leaves in one direction */
    LAWS_WHY_MAX = 64 << 10,  /* reasons of one rule */
};

/*
 * mend: a correction of one value decodes to the new value, the result is canonical, and no value outside the edited bytes changes.
 * Tries it on every editable value of a decoded message. Reasons why it does not hold are appended to `why`. Returns how many were tried.
 */
unsigned law_mend(const struct sp_proto *proto, const void *state, const struct sp_msg *m, struct sp_buf *why);

#endif
