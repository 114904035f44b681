/* SPDX-License-Identifier: Apache-2.0 */
/* fuzzed: runs a harness with choices taken from libFuzzer's input; when it ends, every choice is 0. */
#include <string.h>

#include "base/cur.h"
#include "room.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sp_cur input;

unsigned h_pick(unsigned limit)
{
    return (limit > 256 ? sp_cur_u16be(&input) : sp_cur_u8(&input)) % limit;
}

struct sp_span h_bytes(size_t max, struct sp_span alphabet)
{
    (void)alphabet;
    size_t n = h_pick((unsigned)max + 1);
    struct sp_span s = sp_cur_take(&input, n < sp_cur_left(&input) ? n : sp_cur_left(&input));
    uint8_t *p = h_room(s.n);
    if (s.n)
        memcpy(p, s.p, s.n);
    return sp_span_of(p, s.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = sp_cur_of(sp_span_of(data, size));
    room_reset();
    harness();
    return 0;
}
