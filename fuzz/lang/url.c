/* SPDX-License-Identifier: Apache-2.0 */
/* url: decoding never grows, leaves text without escapes alone, and undoes encoding. */
#include "lang/lang.h"
#include "target.h"

static bool is_plain(struct sp_span s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '%' || s.p[i] == '+' || s.p[i] >= 0x80)
            return false;
    }
    return true;
}

/* ASCII text comes back from encoding; the encoded form holds nothing that needed it. */
static void round_trip(struct sp_span in, unsigned flags, struct sp_arena *a)
{
    struct sp_buf out = sp_buf_arena(a, in.n * 3);
    sp_url_encode(&out, in, flags, SP_LIT("/"));
    struct sp_span encoded = sp_buf_done(&out, a);
    for (size_t i = 0; i < encoded.n; i++)
        fuzz_check(encoded.p[i] > 0x20 && encoded.p[i] < 0x7f);
    struct sp_span again = sp_url_decode(encoded, flags, a);
    bool ascii = true;
    for (size_t i = 0; i < in.n; i++)
        ascii = ascii && in.p[i] < 0x80;
    fuzz_check(a->exhausted || out.full || !ascii || sp_span_eq(again, in));
}

void target(struct sp_span in, struct sp_arena *a)
{
    unsigned flags = fuzz_byte(&in) & 1 ? SP_URL_PLUS : 0;
    struct sp_span decoded = sp_url_decode(in, flags, a);
    fuzz_check(decoded.n <= in.n);
    fuzz_check(a->exhausted || !is_plain(in) || sp_span_eq(decoded, in));
    round_trip(in, flags, a);
}
