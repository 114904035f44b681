/* SPDX-License-Identifier: Apache-2.0 */
/* lookup: resolving never grows the text, and leaves one without "${" alone. */
#include "lang/lang.h"
#include "target.h"

void target(struct sp_span in, struct sp_arena *a)
{
    struct sp_span once = sp_lookup_resolve(in, a);
    if (a->exhausted)
        return;
    fuzz_check(once.n <= in.n);
    fuzz_check(sp_span_find(in, 0, SP_LIT("${")) != SP_NOT_FOUND || sp_span_eq(once, in));
}
