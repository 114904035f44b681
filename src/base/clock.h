/* SPDX-License-Identifier: Apache-2.0 */
/* clock: the two times we use. The engine never reads a clock; it is told the time. */
#ifndef SP_BASE_CLOCK_H
#define SP_BASE_CLOCK_H

#include <stdint.h>

uint64_t sp_clock_mono_ns(void);
/* Microseconds since 1970, UTC. */
uint64_t sp_clock_real_us(void);
/* A moment of the week, in the machine's time zone. */
struct sp_moment {
    uint16_t time;   /* hours * 100 + minutes: 0 to 2359 */
    uint8_t weekday; /* 1 Monday to 7 Sunday, 0: not known */
};
struct sp_moment sp_clock_moment(uint64_t real_us);
/* "2026-01-31T12:00:00.123456+0000" (Suricata's EVE form), 32 bytes with its NUL. */
void sp_clock_eve(uint64_t real_us, char ret[32]);

#endif
