/* SPDX-License-Identifier: Apache-2.0 */
/* room: memory that ends at an unreadable page, so that one byte too far is a crash. The same slots serve every run. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "room.h"

enum room_limits {
    SLOTS = 32,      /* rooms alive at once in one run */
    SLOT = 64 << 10, /* longest room */
    PAGE = 4096,
};

static uint8_t *slots[SLOTS];
static unsigned used;

static uint8_t *map_slot(void)
{
    uint8_t *p = mmap(NULL, SLOT + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect(p + SLOT, PAGE, PROT_NONE)) {
        perror("harness: mmap");
        exit(1);
    }
    return p;
}

void room_reset(void)
{
    used = 0;
}

uint8_t *h_room(size_t n)
{
    if (used == SLOTS || n > SLOT) {
        fprintf(stderr, "harness: it asks for more room than there is\n");
        exit(1);
    }
    if (!slots[used])
        slots[used] = map_slot();
    return slots[used++] + SLOT - n;
}

void h_fail(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}
