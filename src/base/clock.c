/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

/* The last microsecond that four digits of a year can name. Captures may hold times beyond it. */
#define LAST_US UINT64_C(253402300799999999)

static uint64_t read_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t sp_clock_mono_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

uint64_t sp_clock_real_us(void)
{
    return read_ns(CLOCK_REALTIME) / 1000;
}

struct sp_moment sp_clock_moment(uint64_t real_us)
{
    time_t seconds = (time_t)((real_us < LAST_US ? real_us : LAST_US) / 1000000);
    struct tm tm;
    if (!localtime_r(&seconds, &tm))
        return (struct sp_moment){0};
    return (struct sp_moment){.time = (uint16_t)(tm.tm_hour * 100 + tm.tm_min), .weekday = (uint8_t)(tm.tm_wday ? tm.tm_wday : 7)};
}

void sp_clock_eve(uint64_t real_us, char ret[32])
{
    uint64_t us = real_us < LAST_US ? real_us : LAST_US;
    time_t seconds = (time_t)(us / 1000000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    char date[24];
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(ret, 32, "%.19s.%06u+0000", date, (unsigned)(us % 1000000));
}
