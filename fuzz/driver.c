/* SPDX-License-Identifier: Apache-2.0 */
/* driver: puts the input where it ends at an unreadable page and calls the target, with plenty of memory and with too little. */
#include "driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/hash.h"
#include "target.h"

enum { PAGE = 4096, ARENA_MAX = 64 << 20 /* more than any target takes for an input of FUZZ_INPUT_MAX */ };

static uint8_t *room;
static struct sp_arena arena;

void fuzz_fail(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}

static void prepare(void)
{
    room = mmap(NULL, FUZZ_INPUT_MAX + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED || mprotect(room + FUZZ_INPUT_MAX, PAGE, PROT_NONE) || sp_arena_init(&arena, ARENA_MAX)) {
        perror("fuzz: mmap");
        exit(1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!room)
        prepare();
    size_t n = size < FUZZ_INPUT_MAX ? size : FUZZ_INPUT_MAX;
    struct sp_span in = {room + FUZZ_INPUT_MAX - n, n};
    if (n)
        memcpy(room + FUZZ_INPUT_MAX - n, data, n);
    sp_arena_reset(&arena);
    arena.touched = 0;
    target(in, &arena);
    size_t used = arena.touched;
    sp_arena_reset(&arena);
    arena.max = sp_hash(in) % (used + 1);
    target(in, &arena);
    arena.max = ARENA_MAX;
    return 0;
}
