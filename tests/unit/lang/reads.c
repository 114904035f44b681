/* SPDX-License-Identifier: Apache-2.0 */
#include "reads.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum reads_limits {
    PAGE = 4096,
    INPUT_MAX = 4 << 20,
    ARENA_MAX = 64 << 20,
    SIZES_MAX = 300, /* amounts of memory tried; when there are more they are spread evenly */
};

static struct sp_arena arena;
static uint8_t *room;
static struct sp_buf out;

int reads_set_up(void **state)
{
    (void)state;
    out = sp_buf_growing(64 << 20);
    room = mmap(NULL, INPUT_MAX + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED || mprotect(room + INPUT_MAX, PAGE, PROT_NONE))
        return -errno;
    return sp_arena_init(&arena, ARENA_MAX);
}

int reads_tear_down(void **state)
{
    (void)state;
    sp_buf_fini(&out);
    sp_arena_fini(&arena);
    return munmap(room, INPUT_MAX + PAGE);
}

struct sp_span reads_as(reader *read, struct sp_span in)
{
    assert_true(in.n <= INPUT_MAX);
    struct sp_span guarded = {room + INPUT_MAX - in.n, in.n};
    if (in.n)
        memcpy(room + INPUT_MAX - in.n, in.p, in.n);
    sp_arena_reset(&arena);
    out.n = 0;
    read(guarded, &arena, &out);
    assert_false(out.full);
    return sp_buf_span(&out);
}

bool reads_exhausted(void)
{
    return arena.exhausted;
}

static void compare(struct sp_span in, struct sp_span text, const char *file, int line)
{
    struct sp_span got = sp_buf_span(&out);
    if (sp_span_eq(got, text))
        return;
    print_error("%.*s\nreads as %.*s\nnot      %.*s\n", SP_FMT(in), SP_FMT(got), SP_FMT(text));
    _fail(file, line);
}

void reads_check(reader *read, struct sp_span in, struct sp_span text, bool exhausted, const char *file, int line)
{
    reads_as(read, in);
    compare(in, text, file, line);
    if (arena.exhausted != exhausted) {
        print_error("%.*s\nis %sunclear\n", SP_FMT(in), exhausted ? "not " : "");
        _fail(file, line);
    }
    size_t used = arena.used;
    for (size_t n = 0; n < in.n; n++)
        reads_as(read, sp_span_sub(in, 0, n));
    for (size_t size = 0; size < used; size += used / SIZES_MAX + 1) {
        arena.max = size;
        reads_as(read, in);
        arena.max = ARENA_MAX;
        if (!arena.exhausted)
            compare(in, text, file, line);
    }
}
