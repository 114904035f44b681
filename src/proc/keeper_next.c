/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_next: a keeper that goes on as another program, without a moment in which nobody has its descriptors. Our worker rests; a child with a copy of
 * the descriptor table becomes the new program and starts a worker on the same segment. When that one is up we end; when it fails, or takes too long, it is
 * ended and we go on as if nothing had been.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "proc/keeper.h"

enum next_limits {
    TRIAL_MS = 3000,    /* until its worker must be up: meanwhile no byte moves */
    GONE_MS = 500,      /* for the end of one that failed */
    WORD_MAX = 16,
};

/* What one keeper leaves to the next. Its first three members never change; everything else may only when `version` does. */
struct state {
    uint64_t magic;
    uint32_t version, size;
    uint32_t slot;
    int32_t control, listener, report, report_wake, segment;
    int32_t plan, policy;       /* to work with from now on */
    uint64_t generation;
    uint32_t restarts;
    uint64_t plain_ms;
    int32_t trial;              /* one byte on it: our worker is up */
    uint32_t nlisteners, nold;
    int32_t listeners[SP_PLAN_LISTENERS];
    int32_t old[SP_PLAN_LISTENERS + 2]; /* to be closed then */
};

static const uint64_t state_magic = UINT64_C(0x3165747370656b01);
enum { STATE_VERSION = 1 };

/* ---- the one before ---- */

static void old_descriptors(const struct keeper *k, struct state *s)
{
    for (unsigned i = 0; i < k->now.nlisteners; i++)
        if (!keeper_set_has(&k->next, k->now.listeners[i]))
            s->old[s->nold++] = k->now.listeners[i];
    s->old[s->nold++] = k->now.plan_fd;
    s->old[s->nold++] = k->now.policy_fd;
}

static int write_state(const struct keeper *k, int trial)
{
    static struct state s;
    s = (struct state){.magic = state_magic, .version = STATE_VERSION, .size = sizeof s, .slot = k->slot, .control = k->control, .listener = k->listener};
    s.report = k->report_fd;
    s.report_wake = k->report_wake;
    s.segment = sp_relay_segment(k->relay);
    s.plan = k->next.plan_fd;
    s.policy = k->next.policy_fd;
    s.generation = k->next.generation;
    s.restarts = k->restarts;
    s.plain_ms = k->plain_ms;
    s.trial = trial;
    s.nlisteners = k->next.nlisteners;
    memcpy(s.listeners, k->next.listeners, s.nlisteners * sizeof *s.listeners);
    old_descriptors(k, &s);
    int fd = memfd_create("keeper", 0);
    if (fd >= 0 && write(fd, &s, sizeof s) == (ssize_t)sizeof s && lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    return -errno;
}

static void become_next(const struct keeper *k, int trial)
{
    char title[SP_TITLE_MAX], slot[WORD_MAX], state[WORD_MAX];
    int fd = write_state(k, trial);
    if (fd < 0)
        _exit(1);
    (void)setpgid(0, 0);
    (void)snprintf(title, sizeof title, "sallyport: keeper %u", k->slot);
    (void)snprintf(slot, sizeof slot, "%u", k->slot);
    (void)snprintf(state, sizeof state, "%d", fd);
    const char *words[] = {title, "--role", "keeper", slot, state, NULL};
    _exit(sp_become(k->binary, words, NULL, 0) < 0);
}

/* We go on: with the set that was in force. */
static void go_on(struct keeper *k, int error)
{
    sp_log(SP_LOG_ERROR, "keeper %u: the other program did not take over: %s; this one goes on", k->slot, strerror(-error));
    keeper_set_fini(&k->next, &k->now);
    if (k->trial >= 0)
        close(k->trial);
    close(k->binary);
    k->binary = k->trial = -1;
    k->next_keeper = 0;
    sp_relay_died(k->relay, SP_DEATH_FOREIGN); /* another worker may have had it */
    keeper_start_worker(k);
    keeper_done(k, error);
}

void keeper_upgrade(struct keeper *k)
{
    int pair[2];
    /* Not SOCK_STREAM: a worker that takes over closes what looks like a connection that nobody knows. */
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) < 0) {
        go_on(k, -errno);
        return;
    }
    k->next_keeper = fork();
    if (k->next_keeper == 0) {
        close(pair[0]);
        become_next(k, pair[1]);
    }
    close(pair[1]);
    k->trial = pair[0];
    k->trial_until_ns = sp_clock_mono_ns() + TRIAL_MS * UINT64_C(1000000);
    if (k->next_keeper < 0)
        go_on(k, -errno);
}

/* Its worker, which is not our child, must not have a finger on the segment when ours begins. */
static void end_next(struct keeper *k)
{
    struct timespec ms = {0, 1000000};
    (void)kill(-k->next_keeper, SIGKILL);
    (void)kill(k->next_keeper, SIGKILL);
    (void)waitpid(k->next_keeper, NULL, 0);
    for (unsigned i = 0; i < GONE_MS && kill(-k->next_keeper, 0) == 0; i++)
        (void)nanosleep(&ms, NULL);
}

void keeper_trial_look(struct keeper *k)
{
    char word;
    ssize_t n = read(k->trial, &word, 1);
    if (n == 1) {
        k->over = true; /* it has everything; what we hold is a copy */
        k->left = true;
        return;
    }
    bool gone = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
    if (!gone && sp_clock_mono_ns() < k->trial_until_ns)
        return;
    end_next(k);
    go_on(k, gone ? -EPROTO : -ETIMEDOUT);
}

/* ---- the one after ---- */

/* The supervisor learns of us before the one before us ends, so that it does not take that for a loss. */
void keeper_commit(struct keeper *k)
{
    for (unsigned i = 0; i < k->nold; i++)
        close(k->old[i]);
    k->nold = 0;
    k->on_trial = false;
    k->asked = SP_SAY_UPGRADE;
    keeper_tell_self(k);
    keeper_done(k, 0);
    if (write(k->trial, "u", 1) != 1)
        sp_log(SP_LOG_WARN, "keeper %u: the one before is gone already", k->slot);
    close(k->trial);
    k->trial = -1;
}

static int read_state(int fd, struct state *s)
{
    ssize_t n = pread(fd, s, sizeof *s, 0);
    close(fd);
    bool ours = n == (ssize_t)sizeof *s && s->magic == state_magic && s->version == STATE_VERSION && s->size == sizeof *s;
    return ours && s->nlisteners <= SP_PLAN_LISTENERS && s->nold <= SP_PLAN_LISTENERS + 2 ? 0 : -EPROTO;
}

static void take_state(struct keeper *k, const struct state *s)
{
    keeper_init(k, s->slot);
    k->control = s->control;
    k->listener = s->listener;
    k->report_fd = s->report;
    k->report_wake = s->report_wake;
    k->restarts = s->restarts;
    k->plain_ms = s->plain_ms;
    k->trial = s->trial;
    k->on_trial = true;
    k->now.plan_fd = s->plan;
    k->now.policy_fd = s->policy;
    k->now.generation = s->generation;
    k->now.nlisteners = s->nlisteners;
    memcpy(k->now.listeners, s->listeners, s->nlisteners * sizeof *s->listeners);
    k->now.listeners[s->nlisteners] = -1;
    k->nold = s->nold;
    memcpy(k->old, s->old, s->nold * sizeof *s->old);
}

int keeper_resume(int state)
{
    static struct keeper k;
    static struct state s;
    int rc = read_state(state, &s);
    if (rc < 0)
        return 1;
    take_state(&k, &s);
    sp_title(SP_ROLE_KEEPER, k.slot);
    rc = keeper_set_map(&k.now);
    if (rc == 0)
        rc = sp_report_map(k.report_fd, &k.report);
    if (rc == 0)
        rc = sp_relay_attach(s.segment, &k.relay);
    if (rc == 0)
        rc = sp_process_confine(SP_ROLE_KEEPER, k.now.plan);
    if (rc < 0) {
        sp_log(SP_LOG_ERROR, "keeper %u: cannot go on with what is there: %s", k.slot, strerror(-rc));
        return 1;
    }
    keeper_start_worker(&k);
    return keeper_run(&k);
}
