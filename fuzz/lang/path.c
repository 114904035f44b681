/* SPDX-License-Identifier: Apache-2.0 */
/* path: the normal form is normal, and the questions agree with each other. */
#include "lang/lang.h"
#include "target.h"

void target(struct sp_span in, struct sp_arena *a)
{
    struct sp_span normal = sp_path_normalize(in, a), base = sp_path_basename(in), extension = sp_path_extension(in);
    fuzz_check(!sp_path_climbs(in) || sp_path_dotdot(in));
    fuzz_check(fuzz_within(base, in) && fuzz_within(extension, base));
    fuzz_check(sp_span_byte(extension, 0, '.') == SP_NOT_FOUND && sp_span_byte(base, 0, '/') == SP_NOT_FOUND);
    if (a->exhausted)
        return;
    fuzz_check(normal.n >= 1 && normal.n <= in.n + 1 && normal.p[0] == '/');
    fuzz_check(!sp_path_dotdot(normal) && !sp_path_climbs(normal));
    fuzz_check(sp_span_find(normal, 0, SP_LIT("//")) == SP_NOT_FOUND);
    fuzz_check(sp_span_byte(normal, 0, '\\') == SP_NOT_FOUND && sp_span_byte(normal, 0, ';') == SP_NOT_FOUND);
    struct sp_span again = sp_path_normalize(normal, a);
    fuzz_check(a->exhausted || sp_span_eq(again, normal));
}
