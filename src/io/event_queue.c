/* SPDX-License-Identifier: Apache-2.0 */
/* event_queue: from the workers to the outputs. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/event_queue.h"

enum {
    STOP_MS = 2000,  /* how long outputs may take to finish when we end */
    FOREVER = -1,
};

struct block {
    uint8_t *p;
    size_t n;
};

/* Invariant: `filling`, `lost`, `asleep` and the two requests are touched under `lock` only; everything else belongs to the writer. */
struct sp_event_queue {
    pthread_mutex_t lock;
    struct block filling;
    uint64_t lost;
    bool asleep, reopen, stop;

    struct block writing;
    struct sp_event_names names;
    struct sp_output_state outputs[SP_OUTPUTS_MAX];
    unsigned noutputs;
    int wake;
    pthread_t writer;
    _Atomic uint64_t dropped;
};

/* What the writer takes from the workers at once. */
struct taken {
    uint64_t lost;
    bool reopen, stop;
};

static uint64_t now_ms(void)
{
    return sp_clock_mono_ns() / 1000000;
}

/* ---- workers ---- */

static void ring_bell(struct sp_event_queue *q)
{
    uint64_t one = 1;
    while (write(q->wake, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

static void append(struct sp_event_queue *q, struct sp_span line)
{
    pthread_mutex_lock(&q->lock);
    if (line.n && q->filling.n + line.n <= SP_QUEUE_BYTES) {
        memcpy(q->filling.p + q->filling.n, line.p, line.n);
        q->filling.n += line.n;
    } else {
        q->lost++;
    }
    bool wake = q->asleep;
    q->asleep = false;
    pthread_mutex_unlock(&q->lock);
    if (wake)
        ring_bell(q);
}

void sp_event_queue_emit(void *queue, const struct sp_event *ev)
{
    static _Thread_local uint8_t room[SP_EVENT_LINE_MAX];
    struct sp_event_queue *q = queue;
    struct sp_buf line = sp_buf_fixed(room, sizeof room);
    sp_event_line(&q->names, ev, sp_clock_real_us(), &line);
    append(q, line.full ? SP_LIT("") : sp_buf_span(&line));
}

/* ---- the writer ---- */

static struct taken take(struct sp_event_queue *q)
{
    pthread_mutex_lock(&q->lock);
    struct taken t = {q->lost, q->reopen, q->stop};
    struct block full = q->filling;
    q->filling = q->writing;
    q->writing = full;
    q->lost = 0;
    q->reopen = false;
    pthread_mutex_unlock(&q->lock);
    return t;
}

static void write_out(struct sp_event_queue *q, const struct taken *t)
{
    uint64_t now = now_ms(), dropped = 0;
    for (unsigned i = 0; i < q->noutputs; i++) {
        struct sp_output_state *o = &q->outputs[i];
        if (t->reopen)
            sp_output_reopen(o, now);
        sp_output_add(o, sp_span_of(q->writing.p, q->writing.n));
        sp_output_lost(o, t->lost);
        sp_output_pump(o, now);
        dropped += o->dropped_ever;
    }
    q->writing.n = 0;
    atomic_store_explicit(&q->dropped, dropped, memory_order_relaxed);
}

static int earlier(int a, int b)
{
    return a < 0 ? b : b < 0 || a < b ? a : b;
}

/* Until workers, an output that was full, or the time of the next attempt. */
static void wait_for_work(struct sp_event_queue *q, int timeout)
{
    struct pollfd fds[SP_OUTPUTS_MAX + 1] = {{.fd = q->wake, .events = POLLIN}};
    uint64_t now = now_ms();
    for (unsigned i = 0; i < q->noutputs; i++) {
        const struct sp_output_state *o = &q->outputs[i];
        fds[i + 1] = (struct pollfd){.fd = o->waiting ? o->fd : -1, .events = POLLOUT};
        if (o->retry_ms)
            timeout = earlier(timeout, o->retry_ms > now ? (int)(o->retry_ms - now) : 0);
    }
    pthread_mutex_lock(&q->lock);
    bool idle = q->filling.n == 0 && q->lost == 0 && !q->reopen;
    q->asleep = idle;
    pthread_mutex_unlock(&q->lock);
    if (idle && poll(fds, q->noutputs + 1, timeout) > 0 && fds[0].revents) {
        uint64_t n;
        if (read(q->wake, &n, sizeof n) < 0)
            sp_log(SP_LOG_ERROR, "events: %s", strerror(errno));
    }
}

static bool all_written(const struct sp_event_queue *q)
{
    for (unsigned i = 0; i < q->noutputs; i++)
        if (q->outputs[i].at < q->outputs[i].n)
            return false;
    return true;
}

static void *writer(void *arg)
{
    struct sp_event_queue *q = arg;
    uint64_t deadline = 0;
    for (;;) {
        struct taken t = take(q);
        write_out(q, &t);
        uint64_t now = now_ms();
        if (t.stop && !deadline)
            deadline = now + STOP_MS;
        if (t.stop && (all_written(q) || now >= deadline))
            return NULL;
        wait_for_work(q, t.stop ? (int)(deadline - now) : FOREVER);
    }
}

/* ---- starting and stopping ---- */

static void free_queue(struct sp_event_queue *q)
{
    for (unsigned i = 0; i < q->noutputs; i++)
        sp_output_close(&q->outputs[i]);
    if (q->wake >= 0)
        close(q->wake);
    free(q->filling.p);
    free(q->writing.p);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

static int open_outputs(struct sp_event_queue *q, const struct sp_output *outputs, unsigned n)
{
    for (; q->noutputs < n; q->noutputs++) {
        int err = sp_output_open(&q->outputs[q->noutputs], &outputs[q->noutputs]);
        if (err)
            return err;
    }
    return 0;
}

/* Signals are the main thread's business. */
static int start_thread(struct sp_event_queue *q)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int err = pthread_create(&q->writer, NULL, writer, q);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -err;
}

int sp_event_queue_start(const struct sp_output *outputs, unsigned noutputs, const char *const *services, unsigned nservices,
                         unsigned *ret_which, struct sp_event_queue **ret)
{
    if (noutputs > SP_OUTPUTS_MAX)
        return -E2BIG;
    struct sp_event_queue *q = calloc(1, sizeof *q);
    if (!q)
        return -ENOMEM;
    pthread_mutex_init(&q->lock, NULL);
    sp_event_names_init(&q->names, services, nservices);
    q->filling.p = malloc(SP_QUEUE_BYTES);
    q->writing.p = malloc(SP_QUEUE_BYTES);
    q->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int err = q->wake < 0 ? -errno : q->filling.p && q->writing.p ? open_outputs(q, outputs, noutputs) : -ENOMEM;
    *ret_which = q->noutputs;
    if (!err)
        err = start_thread(q);
    if (err)
        free_queue(q);
    else
        *ret = q;
    return err;
}

static void request(struct sp_event_queue *q, bool *what)
{
    pthread_mutex_lock(&q->lock);
    *what = true;
    pthread_mutex_unlock(&q->lock);
    ring_bell(q);
}

void sp_event_queue_reopen(struct sp_event_queue *q)
{
    request(q, &q->reopen);
}

uint64_t sp_event_queue_dropped(const struct sp_event_queue *q)
{
    return atomic_load_explicit(&q->dropped, memory_order_relaxed);
}

void sp_event_queue_stop(struct sp_event_queue *q)
{
    request(q, &q->stop);
    pthread_join(q->writer, NULL);
    for (unsigned i = 0; i < q->noutputs; i++) {
        const struct sp_output_state *o = &q->outputs[i];
        uint64_t left = sp_output_pending(o) + o->dropped;
        if (left)
            sp_log(SP_LOG_WARN, "events: %llu could not be written to %s", (unsigned long long)left, sp_output_name(o->what));
    }
    free_queue(q);
}
