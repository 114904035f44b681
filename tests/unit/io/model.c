/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model of the protocol between a worker and its successor (docs/survival.md): bytes are received, judged and sent on, by TCP or through the worker's
 * pipe, and the worker is killed before every one of its stores and system calls in turn; its successor too, while it takes over or later. The kernel is a
 * few counters. Every byte must arrive once, in order. Each way to get the order of stores wrong has to be noticed, too.
 */
#include <setjmp.h>
#include <string.h>

#include "unit.h"

enum {
    BYTES = 3,      /* enough for a call that does part of what it was asked */
    LIVES = 2,      /* workers that may be killed in one run; with 3 it takes a minute and finds nothing more */
    STEPS_MAX = 400,
    NEVER = STEPS_MAX,
    CHOICES = 6,    /* calls whose amount is chosen: one byte, or all */
};

enum op { IDLE, STEP, READ, SEND, FILL, EMPTY, SENT };

/* How the protocol can be got wrong. */
enum mistake {
    RIGHT,
    OP_BEFORE_COPY,      /* the copy is not whole when it counts */
    NO_IDLE_BEFORE_COPY, /* the copy of the step before is overwritten while it counts */
    NO_MARK_BEFORE_READ,
    NO_MARK_BEFORE_SEND,
    NOT_TAKEN_IN_HAND,   /* changes before the first mark */
    SUM_AFTER_CONN,      /* put down before the sum is right */
    ARGUMENT_IN_PLACE,   /* the second step's argument overwrites the first's */
    EMPTIED_UNMARKED,    /* recovery empties the pipe without saying so */
    BYTES_OVERWRITTEN,   /* judging changes bytes that the copy speaks of */
    MISTAKES,
};

struct conn {
    uint64_t bytes, given;     /* counters: received, sent */
    unsigned sent, clear, have;
    uint64_t sum;
};

/* What outlives a worker. */
static struct {
    struct conn conn;
    uint8_t block[2 * BYTES];
    struct {
        unsigned conn;
        enum op op;
        bool to_server;
        uint64_t arg, sent;
        struct conn copy;
    } hand;
} mem;

/* What outlives everybody. */
static struct {
    uint64_t taken, given;
    uint8_t pipe[BYTES];
    unsigned piped;
    uint8_t out[4 * BYTES];
} kernel;

static struct {
    enum mistake mistake;
    bool local;                /* the bytes go through the pipe: client to server, then what comes from the server */
    unsigned kill[LIVES];      /* before which step each worker dies */
    unsigned choices, choice;  /* bits: how much a call does */
    unsigned life, step, total;
    jmp_buf dead;
    bool damaged;
} run;

static const uint8_t input[BYTES] = {1, 2, 3};

/* ---- steps ---- */

/* More than anybody could have asked for: only mistakes come here. */
static void give_up(void)
{
    run.damaged = true;
    longjmp(run.dead, 1);
}

static void tick(void)
{
    if (run.total++ > LIVES * STEPS_MAX || mem.conn.have > BYTES + 1 || mem.conn.sent > mem.conn.have || kernel.taken > BYTES)
        give_up();
    if (run.life < LIVES && run.step++ == run.kill[run.life])
        longjmp(run.dead, 1);
}

#define STORE(to, value)                                                                                               \
    do {                                                                                                               \
        tick();                                                                                                        \
        (to) = (value);                                                                                                \
    } while (0)

static unsigned amount(unsigned most)
{
    if (most > 1 && run.choice < CHOICES && (run.choices >> run.choice++ & 1))
        return 1;
    return most;
}

/* ---- the hand ---- */

static uint64_t sum_of(const struct conn *c)
{
    return c->bytes * 3 + c->given * 5 + c->sent * 7 + c->clear * 11 + c->have * 13 + 1;
}

static void copy_conn(struct conn *to, const struct conn *from)
{
    STORE(to->bytes, from->bytes);
    STORE(to->given, from->given);
    STORE(to->sent, from->sent);
    STORE(to->clear, from->clear);
    STORE(to->have, from->have);
}

static void mark(enum op op, bool to_server)
{
    if (run.mistake != NO_IDLE_BEFORE_COPY)
        STORE(mem.hand.op, IDLE);
    STORE(mem.hand.conn, 1);
    STORE(mem.hand.to_server, to_server);
    STORE(mem.hand.arg, 0);
    if (run.mistake == OP_BEFORE_COPY)
        STORE(mem.hand.op, op);
    copy_conn(&mem.hand.copy, &mem.conn);
    STORE(mem.hand.op, op);
}

static void next_step(enum op op, uint64_t arg)
{
    if (op == SENT && run.mistake != ARGUMENT_IN_PLACE)
        STORE(mem.hand.sent, arg);
    else
        STORE(mem.hand.arg, arg);
    STORE(mem.hand.op, op);
}

static void done(void)
{
    STORE(mem.hand.op, IDLE);
    if (run.mistake == SUM_AFTER_CONN)
        STORE(mem.hand.conn, 0);
    STORE(mem.conn.sum, sum_of(&mem.conn));
    STORE(mem.hand.conn, 0);
}

/* ---- system calls: done, or not done at all ---- */

static unsigned call_recv(uint8_t *to)
{
    tick();
    unsigned n = amount((unsigned)(BYTES - kernel.taken));
    memcpy(to, input + kernel.taken, n);
    kernel.taken += n;
    return n;
}

static void put_out(const uint8_t *from, unsigned n)
{
    for (unsigned i = 0; i < n && kernel.given < sizeof kernel.out; i++)
        kernel.out[kernel.given++] = from[i];
}

static unsigned call_send(const uint8_t *from, unsigned most)
{
    tick();
    if (most > BYTES)
        give_up();
    unsigned n = amount(most);
    put_out(from, n);
    return n;
}

/* The pipe: filled from the socket or from memory, emptied to memory or into the socket. */
static unsigned call_splice_in(void)
{
    tick();
    unsigned n = amount((unsigned)(BYTES - kernel.taken));
    memcpy(kernel.pipe, input + kernel.taken, n);
    kernel.taken += n;
    kernel.piped = n;
    return n;
}

static unsigned call_write_pipe(const uint8_t *from, unsigned most)
{
    tick();
    if (most > BYTES)
        give_up();
    memcpy(kernel.pipe, from, most);
    kernel.piped = most;
    return most;
}

static void pipe_shift(unsigned n)
{
    kernel.piped -= n;
    memmove(kernel.pipe, kernel.pipe + n, kernel.piped);
}

static void call_read_pipe(uint8_t *to)
{
    tick();
    unsigned n = kernel.piped;
    memcpy(to, kernel.pipe, n);
    pipe_shift(n);
}

static unsigned call_splice_out(void)
{
    tick();
    unsigned n = amount(kernel.piped);
    put_out(kernel.pipe, n);
    pipe_shift(n);
    return n;
}

static void call_drain(void)
{
    tick();
    kernel.piped = 0;
}

/* ---- a worker's turn ---- */

static void judge(void)
{
    if (run.mistake == BYTES_OVERWRITTEN)
        for (unsigned i = mem.conn.clear; i < mem.conn.have; i++)
            STORE(mem.block[i], mem.block[i] | 0x80); /* what is judged twice comes out otherwise */
    STORE(mem.conn.clear, mem.conn.have);
}

static void turn_read(void)
{
    unsigned n;
    if (run.local) {
        mark(FILL, false);
        n = call_splice_in();
        next_step(EMPTY, n);
        call_read_pipe(mem.block + mem.conn.have);
    } else {
        if (run.mistake != NO_MARK_BEFORE_READ)
            mark(READ, false);
        n = call_recv(mem.block + mem.conn.have);
    }
    STORE(mem.conn.have, mem.conn.have + n);
    STORE(mem.conn.bytes, mem.conn.bytes + n);
    judge();
}

static unsigned send_local(void)
{
    mark(FILL, true);
    unsigned filled = call_write_pipe(mem.block + mem.conn.sent, mem.conn.clear - mem.conn.sent);
    next_step(EMPTY, filled);
    unsigned n = call_splice_out();
    if (n < filled) {
        next_step(SENT, n);
        call_drain();
    }
    return n;
}

static void turn_send(void)
{
    unsigned n;
    if (run.local) {
        n = send_local();
    } else {
        if (run.mistake != NO_MARK_BEFORE_SEND)
            mark(SEND, true);
        n = call_send(mem.block + mem.conn.sent, mem.conn.clear - mem.conn.sent);
    }
    STORE(mem.conn.given, mem.conn.given + n);
    STORE(mem.conn.sent, mem.conn.sent + n);
}

static void take_in_hand(void)
{
    if (run.mistake == NOT_TAKEN_IN_HAND)
        STORE(mem.hand.conn, 1);
    else
        mark(STEP, false);
    /* Something is tidied up before the first call: in two stores that make no sense alone. */
    STORE(mem.conn.have, mem.conn.have + 1);
    STORE(mem.conn.have, mem.conn.have - 1);
}

static void serve(void)
{
    while (mem.conn.bytes < BYTES || mem.conn.sent < mem.conn.have) {
        take_in_hand();
        if (mem.conn.bytes < BYTES)
            turn_read();
        if (mem.conn.sent < mem.conn.clear)
            turn_send();
        done();
    }
}

/* ---- a successor ---- */

static void settle_received(uint64_t n)
{
    run.damaged |= n > BYTES;
    STORE(mem.conn.have, mem.conn.have + (unsigned)n);
    STORE(mem.conn.bytes, mem.conn.bytes + n);
}

static void settle_sent(uint64_t n)
{
    run.damaged |= n > mem.conn.clear - mem.conn.sent;
    STORE(mem.conn.given, mem.conn.given + n);
    STORE(mem.conn.sent, mem.conn.sent + (unsigned)n);
}

static void settle_local_read(uint64_t was)
{
    uint64_t left = kernel.piped, out = was ? was - left : 0;
    if (!was && run.mistake != EMPTIED_UNMARKED)
        next_step(EMPTY, left);
    if (out > BYTES || left > BYTES)
        give_up();
    if (left)
        call_read_pipe(mem.block + mem.conn.have + out);
    settle_received(out + left);
}

static void settle_local_send(enum op op)
{
    uint64_t n = op == EMPTY ? mem.hand.arg - kernel.piped : 0;
    if (op == SENT)
        n = run.mistake == ARGUMENT_IN_PLACE ? mem.hand.arg : mem.hand.sent;
    next_step(SENT, n);
    call_drain();
    settle_sent(n);
}

static void settle(void)
{
    switch (mem.hand.op) {
    case READ:
        settle_received(kernel.taken - mem.conn.bytes);
        break;
    case SEND:
        settle_sent(kernel.given - mem.conn.given);
        break;
    case FILL:
    case EMPTY:
    case SENT:
        if (mem.hand.to_server)
            settle_local_send(mem.hand.op);
        else
            settle_local_read(mem.hand.op == EMPTY ? mem.hand.arg : 0);
        break;
    case IDLE:
    case STEP:
        break;
    }
}

static void recover(void)
{
    if (mem.hand.conn == 0) {
        run.damaged |= mem.conn.sum != sum_of(&mem.conn);
        return;
    }
    if (mem.hand.op != IDLE)
        copy_conn(&mem.conn, &mem.hand.copy);
    settle();
    judge();
    done();
}

/* ---- runs ---- */

static bool all_arrived(void)
{
    return !run.damaged && kernel.given == BYTES && memcmp(kernel.out, input, BYTES) == 0;
}

/* True when every byte arrived once, and nothing was given up. */
static bool play(void)
{
    memset(&mem, 0, sizeof mem);
    memset(&kernel, 0, sizeof kernel);
    mem.conn.sum = sum_of(&mem.conn);
    run.choice = run.total = 0;
    run.damaged = false;
    for (run.life = 0; run.life <= LIVES; run.life++) {
        run.step = 0;
        if (setjmp(run.dead)) {
            if (run.damaged)
                break;
            continue;
        }
        recover();
        serve();
        break;
    }
    return all_arrived();
}

/* Steps that the worker of life `life` has in it, when it is not killed. */
static unsigned steps(unsigned life)
{
    unsigned kill = run.kill[life];
    run.kill[life] = NEVER;
    (void)play();
    run.kill[life] = kill;
    return run.life == life ? run.step : 0;
}

struct result {
    unsigned long runs, wrong;
};

static void try_all(unsigned life, struct result *r)
{
    for (unsigned i = life; i < LIVES; i++)
        run.kill[i] = NEVER;
    r->runs++;
    r->wrong += !play();
    if (life == LIVES || run.damaged || (run.mistake != RIGHT && r->wrong))
        return;
    unsigned n = steps(life);
    for (unsigned k = 0; k < n; k++) {
        run.kill[life] = k;
        try_all(life + 1, r);
        for (unsigned i = life + 1; i < LIVES; i++)
            run.kill[i] = NEVER;
    }
}

static struct result model(enum mistake mistake, bool local)
{
    struct result r = {0};
    run.mistake = mistake;
    run.local = local;
    for (run.choices = 0; run.choices < 1u << CHOICES; run.choices++)
        try_all(0, &r);
    return r;
}

static void every_byte_arrives_once(void **state)
{
    (void)state;
    for (int local = 0; local < 2; local++) {
        struct result r = model(RIGHT, local);
        print_message("# %lu runs, %lu of them wrong\n", r.runs, r.wrong);
        assert_int_equal(r.wrong, 0);
        assert_true(r.runs > 10000);
    }
}

static void every_mistake_is_noticed(void **state)
{
    (void)state;
    for (enum mistake m = RIGHT + 1; m < MISTAKES; m++)
        if (!model(m, false).wrong && !model(m, true).wrong)
            fail_msg("mistake %d makes no difference", m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_arrives_once),
        cmocka_unit_test(every_mistake_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
