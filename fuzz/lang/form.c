/* SPDX-License-Identifier: Apache-2.0 */
/* form: pairs come in order, from within the input, and reading ends. The same for cookies. */
#include "lang/lang.h"
#include "target.h"

static void read_all(struct sp_span in, uint8_t delimiter, bool (*next)(struct sp_span, size_t *, struct sp_pair *))
{
    struct sp_pair pair;
    size_t at = 0, before = 0;
    const uint8_t *last = in.p;
    while (next(in, &at, &pair)) {
        fuzz_check(at > before && at <= in.n);
        before = at;
        fuzz_check(pair.all.n && pair.all.p >= last && fuzz_within(pair.all, in));
        last = pair.all.p + pair.all.n;
        fuzz_check(fuzz_within(pair.name, pair.all) && fuzz_within(pair.value, pair.all));
        fuzz_check(sp_span_byte(pair.all, 0, delimiter) == SP_NOT_FOUND);
        fuzz_check(sp_span_byte(pair.name, 0, '=') == SP_NOT_FOUND);
        fuzz_check(pair.has_value == (sp_span_byte(pair.all, 0, '=') != SP_NOT_FOUND));
    }
    fuzz_check(at == in.n);
}

void target(struct sp_span in, struct sp_arena *a)
{
    (void)a;
    read_all(in, '&', sp_form_next);
    read_all(in, ';', sp_cookie_next);
}
