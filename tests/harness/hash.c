/* SPDX-License-Identifier: Apache-2.0 */
/* hash: equal strings hash equally wherever they stand, folded ones when they differ only in case, and nothing else folds. */
#include "base/hash.h"

#include "harness.h"

enum sizes { TEXT = H_WAY(3, 64, 3) };

void harness(void)
{
    struct sp_span end = h_bytes(TEXT, SP_LIT("@AZ[`az{\xc1\xda\x00"));
    size_t pad = h_pick(10), shift = h_pick(3);
    uint8_t *a = h_room(pad + end.n), *b = h_room(pad + end.n + shift), *folded = h_room(pad + end.n);
    for (size_t i = 0; i < pad + end.n; i++) {
        a[i] = b[i] = i < pad ? 'K' : end.p[i - pad];
        folded[i] = a[i] >= 'A' && a[i] <= 'Z' ? (uint8_t)(a[i] + 32) : a[i];
    }
    struct sp_span x = {a, pad + end.n}, y = {b, x.n}, z = {folded, x.n};
    h_check(sp_hash(x) == sp_hash(y));
    h_check(sp_ihash(x) == sp_ihash(z) && sp_ihash(z) == sp_hash(z));
    h_check((sp_hash(x) == sp_hash(z)) == sp_span_eq(x, z));
    if (x.n) {
        a[0] ^= 0x80;
        h_check(sp_ihash(x) != sp_ihash(z));
    }
}
