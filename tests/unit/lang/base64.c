/* SPDX-License-Identifier: Apache-2.0 */
#include "reads.h"

static void strict(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    struct sp_span got = SP_LIT("untouched");
    bool ok = sp_base64_decode(in, a, &got);
    assert_true(ok || sp_span_eq(got, SP_LIT("untouched")));
    sp_put(out, ok ? got : SP_LIT("no"));
}

static void lenient(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    sp_put(out, sp_base64_lenient(in, a));
}

static void both_alphabets(void **state)
{
    (void)state;
    assert_reads(strict, "", "");
    assert_reads(strict, "Zm9vYmFy", "foobar");
    assert_reads(strict, "+/+/-_-_", "\xfb\xff\xbf\xfb\xff\xbf");
    assert_reads(strict, "AZaz09+/", "\x01\x96\xb3\xd3\xdf\xbf");
}

static void padding_is_optional(void **state)
{
    (void)state;
    assert_reads(strict, "Zm9vYg==", "foob");
    assert_reads(strict, "Zm9vYg", "foob");
    assert_reads(strict, "Zm9vYmE=", "fooba");
    assert_reads(strict, "Zm9vYmE", "fooba");
    assert_reads(strict, "=", "");
}

static void blanks_are_skipped(void **state)
{
    (void)state;
    assert_reads(strict, " Zm9v\r\nYm\tFy \n", "foobar");
    assert_reads(strict, "Zm9vYg = =\n", "foob");
}

static void other_bytes_end_it(void **state)
{
    (void)state;
    assert_reads(strict, "Zm9v!Ymy", "no");
    assert_reads(strict, "Zm9vYg==Zm9v", "no");
    assert_reads(strict, "Zm9v\xff", "no");
    assert_reads(strict, "Zm9v\0", "no");
    assert_reads(lenient, "Zm9v!Ymy", "foo");
    assert_reads(lenient, "Zm9vYg==Zm9v", "foob");
    assert_reads(lenient, "!Zm9v", "");
    assert_reads(lenient, "Zm9vYmFy", "foobar");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_alphabets),
        cmocka_unit_test(padding_is_optional),
        cmocka_unit_test(blanks_are_skipped),
        cmocka_unit_test(other_bytes_end_it),
    };
    return reads_group(tests);
}
