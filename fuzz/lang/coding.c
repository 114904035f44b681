/* SPDX-License-Identifier: Apache-2.0 */
/* coding: whatever is expanded stays below the limit, and stored bytes come back unchanged. The first byte chooses the coding. */
#include "lang/lang.h"
#include "target.h"

enum { EXPANDED_MAX = 1 << 20 };

void target(struct sp_span in, struct sp_arena *a)
{
    enum sp_coding coding = fuzz_byte(&in) % (SP_CODING_UNKNOWN + 1);
    struct sp_span out = SP_LIT("untouched");
    size_t max = coding & 1 ? EXPANDED_MAX : in.n / 2;
    enum sp_expand result = sp_coding_expand(coding, in, max, a, &out);
    fuzz_check(result != SP_EXPAND_OK || coding == SP_CODING_IDENTITY || out.n <= max);
    fuzz_check(result != SP_EXPAND_OK || coding != SP_CODING_IDENTITY || sp_span_eq(out, in));
    sp_coding_named(in);
}
