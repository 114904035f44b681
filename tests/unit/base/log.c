/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

static char said[4096];

/* What one call writes to standard error. */
static size_t capture(enum sp_log_level level, const char *what)
{
    int ends[2], kept = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    sp_log(level, "%s", what);
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(ends[1]);
    ssize_t n = read(ends[0], said, sizeof said - 1);
    close(ends[0]);
    assert_true(n >= 0);
    said[n] = '\0';
    return (size_t)n;
}

static void one_line_with_its_level(void **state)
{
    (void)state;
    capture(SP_LOG_WARN, "port 80 is in use");
    assert_non_null(strstr(said, "warning: port 80 is in use\n"));
    assert_int_equal(capture(SP_LOG_DEBUG, "detail"), 0);
    sp_log_set_level(SP_LOG_DEBUG);
    assert_true(capture(SP_LOG_DEBUG, "detail") > 0);
}

static void systemd_gets_a_priority(void **state)
{
    (void)state;
    setenv("JOURNAL_STREAM", "1:2", 1);
    capture(SP_LOG_ERROR, "no");
    assert_string_equal(said, "<3>no\n");
    unsetenv("JOURNAL_STREAM");
}

static void long_lines_are_cut_and_end(void **state)
{
    (void)state;
    static char text[3000];
    memset(text, 'x', sizeof text - 1);
    size_t n = capture(SP_LOG_ERROR, text);
    assert_in_range(n, 1000, 1024);
    assert_int_equal(said[n - 1], '\n');
}

int main(void)
{
    unsetenv("JOURNAL_STREAM");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_line_with_its_level),
        cmocka_unit_test(systemd_gets_a_priority),
        cmocka_unit_test(long_lines_are_cut_and_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
