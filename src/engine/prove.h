/* SPDX-License-Identifier: Apache-2.0 */
/* prove: runs the proof cases of every rule. A rule that does not prove itself is not put in force. */
#ifndef SP_ENGINE_PROVE_H
#define SP_ENGINE_PROVE_H

#include "engine/session.h"

/* Runs every case of every rule of `set` (compiled as `p`, in the same order), each rule by itself, and reports each
 * case that ends otherwise than expected. 0, or -EINVAL with the reasons in `diag`, or -errno. `ret_cases` gets how many ran. */
__attribute__((warn_unused_result)) int sp_prove(const struct sp_ruleset *set, const struct sp_policy *p, struct sp_diag *diag,
                                                 uint32_t *ret_cases);

#endif
