/* SPDX-License-Identifier: Apache-2.0 */
/* Reports: what the writer puts in comes out whole and in order, whatever becomes of the writer, and whatever a writer of ill will leaves in the memory. */
#include "io/report.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/event_source.h"
#include "unit.h"

enum { CHUNK = 256 << 10, KILLS = 1000, WRAPS = 200, ROUNDS = 20000, HOSTILE_ROUNDS = 2000, HEAD = 1024 };

static uint8_t chunk[CHUNK];

struct fixture {
    int fd;
    struct sp_report *r;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_int_equal(sp_report_new(&f->fd), 0);
    assert_int_equal(sp_report_map(f->fd, &f->r), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    sp_report_unmap(f->r);
    close(f->fd);
    free(f);
    return 0;
}

static struct sp_span line_of(char *text, size_t room, unsigned long number, size_t fill)
{
    int n = snprintf(text, room, "%lu %zu:", number, fill);
    memset(text + n, 'x', fill);
    text[(size_t)n + fill] = '\n';
    return sp_span_of(text, (size_t)n + fill + 1);
}

static bool put(struct sp_report *r, unsigned long number, size_t fill)
{
    static char text[SP_REPORT_LINE_MAX + 64];
    bool wake;
    return sp_report_line(r, line_of(text, sizeof text, number, fill), &wake);
}

/* Every line in the chunk is whole, and their numbers go on from *next. */
static void check_lines(const uint8_t *p, size_t n, unsigned long *next)
{
    while (n) {
        const uint8_t *end = memchr(p, '\n', n);
        assert_non_null(end);
        char *after;
        assert_int_equal(strtoul((const char *)p, &after, 10), *next);
        size_t fill = strtoul(after, &after, 10), at = (size_t)(after + 1 - (char *)(uintptr_t)p);
        assert_int_equal((size_t)(end - p), at + fill);
        assert_true(fill == 0 || (p[at] == 'x' && memcmp(p + at, p + at + 1, fill - 1) == 0)); /* every byte as the one before */
        (*next)++;
        n -= (size_t)(end - p) + 1;
        p = end + 1;
    }
}

/* A chunk of what a writer that goes on has written. */
static void take_some(struct sp_report *r, unsigned long *next)
{
    uint64_t lost;
    ssize_t n = sp_report_take(r, chunk, sizeof chunk, &lost);
    assert_true(n >= 0);
    check_lines(chunk, (size_t)n, next);
}

/* Until nothing is left: for writers that wait or have ended. */
static void drain(struct sp_report *r, unsigned long *next)
{
    uint64_t lost;
    ssize_t n;
    while ((n = sp_report_take(r, chunk, sizeof chunk, &lost)) > 0)
        check_lines(chunk, (size_t)n, next);
    assert_int_equal(n, 0);
}

static void lines_come_out_in_order_all_the_way_round(void **state)
{
    struct fixture *f = *state;
    unsigned long put_number = 0, next = 0;
    srand(1);
    for (unsigned i = 0; i < 400; i++) {
        for (unsigned k = 0; k < 20; k++)
            if (put(f->r, put_number, (size_t)rand() % 9000))
                put_number++;
        drain(f->r, &next);
        assert_int_equal(next, put_number);
    }
    assert_int_equal(sp_report_counters(f->r)->lost_events, 0);
}

static void what_finds_no_room_is_counted(void **state)
{
    struct fixture *f = *state;
    unsigned long n = 0, next = 0;
    uint64_t lost;
    bool wake;
    while (put(f->r, n, 60000))
        n++;
    assert_true(n > 60);
    assert_false(put(f->r, n, 60000));
    assert_int_equal(sp_report_counters(f->r)->lost_events, 2);
    ssize_t got = sp_report_take(f->r, chunk, sizeof chunk, &lost);
    assert_true(got > 0);
    assert_int_equal(lost, 2);
    check_lines(chunk, (size_t)got, &next);
    drain(f->r, &next);
    assert_int_equal(next, n);
    static uint8_t huge[SP_REPORT_LINE_MAX + 1];
    assert_false(sp_report_line(f->r, sp_span_of(huge, sizeof huge), &wake));
    assert_false(sp_report_line(f->r, SP_LIT(""), &wake));
}

static void a_line_longer_than_the_room_waits(void **state)
{
    struct fixture *f = *state;
    uint64_t lost;
    assert_true(put(f->r, 0, 10));
    assert_true(put(f->r, 1, 1000));
    unsigned long next = 0;
    ssize_t n = sp_report_take(f->r, chunk, 200, &lost);
    check_lines(chunk, (size_t)n, &next);
    assert_int_equal(next, 1);
    drain(f->r, &next);
    assert_int_equal(next, 2);
}

static void other_memory_is_no_report(void **state)
{
    (void)state;
    struct sp_report *r;
    int fd = memfd_create("x", MFD_CLOEXEC);
    assert_int_equal(sp_report_map(fd, &r), -EINVAL);
    assert_int_equal(ftruncate(fd, 100), 0);
    assert_int_equal(sp_report_map(fd, &r), -EINVAL);
    close(fd);
}

/* The end of the ring falls into every place of a short line, its newline included. */
static void lines_wrap_at_every_place(void **state)
{
    struct fixture *f = *state;
    unsigned long number = 0, next = 0;
    static char text[SP_REPORT_LINE_MAX];
    for (size_t shift = 0; shift < WRAPS; shift++) {
        size_t at = 0;
        while (SP_REPORT_RING - at > SP_REPORT_LINE_MAX / 2) { /* to some way before the end */
            struct sp_span line = line_of(text, sizeof text, number++, SP_REPORT_LINE_MAX / 2 - 64);
            bool wake;
            assert_true(sp_report_line(f->r, line, &wake));
            at += line.n;
            drain(f->r, &next);
        }
        while (at < SP_REPORT_RING + shift) { /* over it; the next round begins one further on */
            struct sp_span line = line_of(text, sizeof text, number++, shift % 40);
            bool wake;
            assert_true(sp_report_line(f->r, line, &wake));
            at += line.n;
            drain(f->r, &next);
        }
    }
    assert_int_equal(next, number);
}

static void writes_until_killed(struct sp_report *r, unsigned long from)
{
    for (unsigned long k = from;; k++)
        while (!put(r, k, (size_t)(k * 7919 % 5000)))
            ;
}

/* The writer dies at any moment, while we read: what is there is whole lines, and the next writer goes on behind them. */
static void a_killed_writer_leaves_whole_lines(void **state)
{
    struct fixture *f = *state;
    unsigned long next = 0;
    for (unsigned i = 0; i < KILLS; i++) {
        pid_t pid = fork();
        if (pid == 0)
            writes_until_killed(f->r, next);
        for (unsigned k = 0; k < i % 4; k++) {
            usleep((useconds_t)(i * 37 % 500));
            take_some(f->r, &next);
        }
        usleep((useconds_t)(i * 37 % 700));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        drain(f->r, &next);
    }
    assert_true(next > KILLS);
}

static bool lines_are_bounded(const uint8_t *p, size_t n)
{
    size_t line = 0;
    for (size_t i = 0; i < n && line <= SP_REPORT_LINE_MAX; i++)
        line = p[i] == '\n' ? 0 : line + 1;
    return line == 0;
}

/* Whatever stands in the memory, the reader stays in bounds, moves on and tells. */
static void a_writer_of_ill_will_only_harms_itself(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    assert_int_equal(fstat(f->fd, &st), 0);
    uint8_t *raw = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
    assert_ptr_not_equal(raw, MAP_FAILED);
    unsigned broken = 0;
    srand(2);
    for (unsigned i = 0; i < HOSTILE_ROUNDS; i++) {
        for (unsigned k = 0; k < 64; k++) /* all but the magic number: counters, head, tail, lost, the sleeper's flag */
            raw[8 + (size_t)rand() % (HEAD - 8)] = (uint8_t)rand();
        for (unsigned k = 0; k < 64; k++) /* and what should be lines */
            raw[HEAD + (size_t)rand() % SP_REPORT_RING % ((size_t)st.st_size - HEAD)] = rand() % 2 ? '\n' : (uint8_t)rand();
        uint64_t lost;
        ssize_t n = sp_report_take(f->r, chunk, sizeof chunk, &lost);
        assert_true(n == -EPROTO || (n >= 0 && n <= (ssize_t)sizeof chunk));
        assert_true(n <= 0 || lines_are_bounded(chunk, (size_t)n));
        broken += n == -EPROTO;
        (void)sp_report_mode(f->r);
        (void)sp_report_sleep(f->r);
    }
    assert_true(broken > 0);
    munmap(raw, (size_t)st.st_size);
}

/* The reader sleeps only when nothing is there, and is woken for whatever comes then. */
static void no_wake_up_is_lost(void **state)
{
    struct fixture *f = *state;
    int bell = eventfd(0, 0);
    pid_t pid = fork();
    if (pid == 0) {
        char text[64];
        uint64_t one = 1;
        for (unsigned long k = 0; k < ROUNDS; k++) {
            bool wake;
            while (!sp_report_line(f->r, line_of(text, sizeof text, k, k % 20), &wake))
                ;
            if (wake && write(bell, &one, sizeof one) < 0)
                _exit(1);
        }
        _exit(0);
    }
    unsigned long next = 0;
    alarm(50); /* a lost wake-up would wait for ever */
    while (next < ROUNDS) {
        drain(f->r, &next);
        uint64_t n;
        if (next < ROUNDS && sp_report_sleep(f->r))
            assert_int_equal(read(bell, &n, sizeof n), sizeof n);
    }
    alarm(0);
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    close(bell);
}

/* The writer dies between a line and the wake-up for it: the next one wakes the reader. */
static void a_wake_up_survives_its_writer(void **state)
{
    struct fixture *f = *state;
    struct sp_event_source *successor;
    struct pollfd bell = {eventfd(0, EFD_NONBLOCK), POLLIN, 0};
    unsigned long next = 0;
    assert_true(sp_report_sleep(f->r));
    pid_t pid = fork();
    if (pid == 0) {
        (void)put(f->r, 0, 10);
        kill(getpid(), SIGKILL);
    }
    waitpid(pid, NULL, 0);
    assert_int_equal(poll(&bell, 1, 0), 0);
    assert_int_equal(sp_event_source_new(f->r, bell.fd, NULL, 0, &successor), 0);
    assert_int_equal(poll(&bell, 1, 0), 1);
    drain(f->r, &next);
    assert_int_equal(next, 1);
    sp_event_source_free(successor);
    close(bell.fd);
}

static void too_long_a_line_is_damage(void **state)
{
    struct fixture *f = *state;
    static uint8_t half[SP_REPORT_LINE_MAX];
    uint64_t lost;
    bool wake;
    memset(half, 'x', sizeof half); /* two halves without a newline: no writer of ours */
    assert_true(sp_report_line(f->r, sp_span_of(half, sizeof half), &wake));
    assert_true(sp_report_line(f->r, SP_LIT("x\n"), &wake));
    assert_int_equal(sp_report_take(f->r, chunk, sizeof chunk, &lost), -EPROTO);
    assert_int_equal(sp_report_take(f->r, chunk, sizeof chunk, &lost), 0);
    half[sizeof half - 1] = '\n';
    assert_true(sp_report_line(f->r, sp_span_of(half, sizeof half), &wake));
    assert_int_equal(sp_report_take(f->r, chunk, sizeof chunk, &lost), sizeof half);
    assert_true(sp_report_line(f->r, SP_LIT("no end"), &wake));
    assert_int_equal(sp_report_take(f->r, chunk, sizeof chunk, &lost), -EPROTO);
}

static void counters_are_summed(void **state)
{
    struct fixture *f = *state;
    struct sp_counters sum = {.connections = 1};
    sp_report_counters(f->r)->connections = 2;
    sp_report_counters(f->r)->lost_events = 3;
    sp_report_sum(f->r, &sum);
    sp_report_sum(f->r, &sum);
    assert_int_equal(sum.connections, 5);
    assert_int_equal(sum.lost_events, 6);
    assert_int_equal(sum.units, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_come_out_in_order_all_the_way_round, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_finds_no_room_is_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_line_longer_than_the_room_waits, set_up, tear_down),
        cmocka_unit_test(other_memory_is_no_report),
        cmocka_unit_test_setup_teardown(a_killed_writer_leaves_whole_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_writer_of_ill_will_only_harms_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_wake_up_is_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wake_up_survives_its_writer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lines_wrap_at_every_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_long_a_line_is_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counters_are_summed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
