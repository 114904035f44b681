/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum log_limits {
    LINE_MAX_BYTES = 1024, /* one write, so lines of several threads do not mix */
};

static atomic_int most_verbose_level = SP_LOG_INFO;

void sp_log_set_level(enum sp_log_level most_verbose)
{
    atomic_store(&most_verbose_level, most_verbose);
}

/* systemd adds the time itself and reads "<3>" as a priority. */
static int put_prefix(char *line, size_t cap, enum sp_log_level level)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    static const int priority[] = {3, 4, 6, 7};
    if (getenv("JOURNAL_STREAM"))
        return snprintf(line, cap, "<%d>", priority[level]);
    time_t now = time(NULL);
    struct tm tm;
    char when[32];
    localtime_r(&now, &tm);
    strftime(when, sizeof when, "%H:%M:%S", &tm);
    return snprintf(line, cap, "%s sallyport: %s%s", when, level == SP_LOG_INFO ? "" : names[level], level == SP_LOG_INFO ? "" : ": ");
}

void sp_log(enum sp_log_level level, const char *fmt, ...)
{
    char line[LINE_MAX_BYTES];
    if ((int)level > atomic_load(&most_verbose_level))
        return;
    int n = put_prefix(line, sizeof line, level);
    va_list ap;
    va_start(ap, fmt);
    int m = vsnprintf(line + n, sizeof line - (size_t)n, fmt, ap);
    va_end(ap);
    size_t len = (size_t)n + (m > 0 ? (size_t)m : 0);
    if (len > sizeof line - 2)
        len = sizeof line - 2;
    line[len++] = '\n';
    ssize_t wrote = write(STDERR_FILENO, line, len);
    (void)wrote; /* nowhere else to say it */
}
