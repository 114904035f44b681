/* SPDX-License-Identifier: Apache-2.0 */
/* param: parameters of a media type: reading advances and ends, raw bytes lie within the input. */
#include "lang/lang.h"
#include "target.h"

void target(struct sp_span in, struct sp_arena *a)
{
    struct sp_span head = sp_param_head(in);
    fuzz_check(fuzz_within(head, in) && sp_span_byte(head, 0, ';') == SP_NOT_FOUND);
    struct sp_pair pair;
    size_t at = (size_t)(head.p - in.p) + head.n, before = at;
    if (head.n == 0)
        at = before = 0;
    while (sp_param_next(in, &at, a, &pair)) {
        fuzz_check(at > before && at <= in.n);
        before = at;
        fuzz_check(fuzz_within(pair.all, in));
        fuzz_check(pair.value.n <= in.n && pair.name.n <= in.n);
    }
}
