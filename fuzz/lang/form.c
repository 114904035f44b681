/* SPDX-License-Identifier: Apache-2.0 */
/* form: pairs come in order, from within the input, and reading ends. The same for cookies. A name that PHP gives is one that it keeps. */
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

static void check_php_name(struct sp_span in, struct sp_arena *a)
{
    struct sp_span name = sp_form_php_name(in, a), again = sp_form_php_name(name, a);
    fuzz_check(name.n <= in.n && (a->exhausted || again.p == name.p));
    fuzz_check(sp_span_byte(name, 0, 0) == SP_NOT_FOUND && sp_span_at(name, 0) != ' ');
}

static void check_quoted_cookie(struct sp_span in, struct sp_arena *a)
{
    struct sp_span value = {NULL, 0};
    bool quoted = sp_span_at(in, 0) == '"';
    size_t n = quoted ? sp_cookie_quoted(in, true, a, &value) : 0;
    fuzz_check(n <= in.n && (n ? value.n + 2 <= n : value.n == 0));
}

void target(struct sp_span in, struct sp_arena *a)
{
    check_php_name(in, a);
    check_quoted_cookie(in, a);
    read_all(in, '&', sp_form_next);
    read_all(in, ';', sp_cookie_next);
}
