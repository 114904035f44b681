/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "unit.h"

static void eve_times(void **state)
{
    (void)state;
    char text[32];
    sp_clock_eve(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000000+0000");
    sp_clock_eve(UINT64_C(1769860800123456), text);
    assert_string_equal(text, "2026-01-31T12:00:00.123456+0000");
    sp_clock_eve(UINT64_C(253402300799999999), text);
    assert_string_equal(text, "9999-12-31T23:59:59.999999+0000");
}

static void times_no_capture_should_hold(void **state)
{
    (void)state;
    char text[32];
    sp_clock_eve(UINT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999999+0000");
    sp_clock_eve(UINT64_C(253402300800000000), text);
    assert_string_equal(text, "9999-12-31T23:59:59.999999+0000");
}

static void moments_of_the_week(void **state)
{
    (void)state;
    assert_int_equal(setenv("TZ", "UTC-2", 1), 0); /* two hours before UTC's */
    tzset();
    struct sp_moment m = sp_clock_moment(UINT64_C(1769860800123456)); /* 2026-01-31, a Saturday, 12:00 */
    assert_int_equal(m.time, 1400);
    assert_int_equal(m.weekday, 6);
    m = sp_clock_moment(UINT64_C(1769860800000000) + UINT64_C(10) * 3600 * 1000000 + UINT64_C(59) * 60000000);
    assert_int_equal(m.time, 59);
    assert_int_equal(m.weekday, 7);
    assert_int_equal(sp_clock_moment(UINT64_MAX).weekday, sp_clock_moment(UINT64_C(253402300800000000)).weekday);
}

static void monotonic_time_does_not_go_back(void **state)
{
    (void)state;
    uint64_t a = sp_clock_mono_ns(), b = sp_clock_mono_ns();
    assert_true(b >= a && a > 0);
    assert_true(sp_clock_real_us() > UINT64_C(1700000000000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eve_times),
        cmocka_unit_test(times_no_capture_should_hold),
        cmocka_unit_test(moments_of_the_week),
        cmocka_unit_test(monotonic_time_does_not_go_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
