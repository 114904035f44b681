/* SPDX-License-Identifier: Apache-2.0 */
/* text: letter case byte by byte; character references never grow the text and leave a text without them alone. */
#include "lang/lang.h"
#include "target.h"

static uint8_t shift(uint8_t c, uint8_t from, int by)
{
    return c >= from && c < from + 26 ? (uint8_t)(c + by) : c;
}

void target(struct sp_span in, struct sp_arena *a)
{
    struct sp_span html = sp_text_html_decode(in, a), lower = sp_text_lower(in, a), upper = sp_text_upper(in, a);
    if (a->exhausted)
        return;
    fuzz_check(html.n <= in.n);
    fuzz_check(sp_span_byte(in, 0, '&') != SP_NOT_FOUND || sp_span_eq(html, in));
    fuzz_check(lower.n == in.n && upper.n == in.n);
    for (size_t i = 0; i < in.n; i++)
        fuzz_check(lower.p[i] == shift(in.p[i], 'A', 32) && upper.p[i] == shift(in.p[i], 'a', -32));
}
