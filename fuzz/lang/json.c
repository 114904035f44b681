/* SPDX-License-Identifier: Apache-2.0 */
/* json: items lie within the input, in order, to a bounded depth; what is quoted reads back as it was. */
#include "lang/lang.h"
#include "target.h"

static bool has_text(enum sp_json_kind kind)
{
    return kind != SP_JSON_END && kind != SP_JSON_BROKEN;
}

static void read_all(struct sp_span in, struct sp_arena *a, bool lenient)
{
    struct sp_json j = {.in = in, .arena = a, .lenient = lenient};
    struct sp_json_item item;
    size_t items = 0;
    const uint8_t *last = in.p;
    do {
        sp_json_next(&j, &item);
        fuzz_check(++items <= in.n + 1);
        fuzz_check(j.depth <= SP_JSON_DEPTH_MAX && j.deepest <= SP_JSON_DEPTH_MAX);
        if (!has_text(item.kind))
            continue;
        fuzz_check(j.at <= in.n && fuzz_within(item.raw, in) && item.raw.n && item.raw.p >= last);
        last = item.raw.p + item.raw.n;
        fuzz_check(item.path.n <= SP_JSON_PATH_MAX && item.depth <= SP_JSON_DEPTH_MAX);
        fuzz_check(item.value.n <= item.raw.n);
    } while (has_text(item.kind));
    enum sp_json_kind end = item.kind;
    sp_json_next(&j, &item);
    fuzz_check(item.kind == end);
}

static void round_trip(struct sp_span in, struct sp_arena *a)
{
    struct sp_buf quoted = sp_buf_arena(a, in.n * 6 + 2);
    sp_json_quote(&quoted, in);
    if (a->exhausted)
        return;
    fuzz_check(!quoted.full);
    struct sp_json j = {.in = sp_buf_done(&quoted, a), .arena = a};
    struct sp_json_item item;
    sp_json_next(&j, &item);
    fuzz_check(item.kind == SP_JSON_STR || a->exhausted);
    bool ascii = true;
    for (size_t i = 0; i < in.n; i++)
        ascii = ascii && in.p[i] < 0x80;
    fuzz_check(a->exhausted || !ascii || sp_span_eq(item.value, in));
    sp_json_next(&j, &item);
    fuzz_check(item.kind == SP_JSON_END || a->exhausted);
}

void target(struct sp_span in, struct sp_arena *a)
{
    read_all(in, a, false);
    read_all(in, a, true);
    round_trip(in, a);
}
