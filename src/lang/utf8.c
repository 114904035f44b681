/* SPDX-License-Identifier: Apache-2.0 */
/* utf8: characters as bytes, RFC 3629. */
#include "lang/inside.h"

void put_utf8(struct sp_buf *out, uint32_t c)
{
    static const uint8_t lead[4] = {0, 0xc0, 0xe0, 0xf0};
    int tail = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    sp_put_byte(out, (uint8_t)(lead[tail] | c >> (6 * tail)));
    while (tail-- > 0)
        sp_put_byte(out, (uint8_t)(0x80 | (c >> (6 * tail) & 0x3f)));
}
