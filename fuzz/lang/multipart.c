/* SPDX-License-Identifier: Apache-2.0 */
/* multipart: parts come in order, from within the body, and reading ends. The first line of the input is the boundary. */
#include "lang/lang.h"
#include "target.h"

static void check_part(const struct sp_part *part, struct sp_span body)
{
    fuzz_check(fuzz_within(part->headers, body) && fuzz_within(part->content, body));
    fuzz_check(fuzz_within(part->filename_raw, body));
    fuzz_check(!part->content.n || !part->headers.n || part->content.p >= part->headers.p + part->headers.n);
    fuzz_check(part->has_filename || part->filename.n == 0);
}

void target(struct sp_span in, struct sp_arena *a)
{
    size_t line = sp_span_byte(in, 0, '\n');
    struct sp_span boundary = sp_span_sub(in, 0, line), body = sp_span_from(in, line == SP_NOT_FOUND ? in.n : line + 1);
    struct sp_part part;
    size_t at = 0, before = 0, parts = 0;
    enum sp_part_result result = SP_PART_ONE;
    while (result == SP_PART_ONE) {
        result = sp_multipart_next(body, boundary, &at, a, &part);
        fuzz_check(at >= before && at <= body.n);
        fuzz_check(result != SP_PART_ONE || at > before);
        before = at;
        check_part(&part, body);
        fuzz_check(++parts <= body.n + 1);
    }
}
