/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper: one worker at a time, as long as there is traffic. The worker is a clone that shares our descriptors but not our memory (clone(CLONE_FILES)): when it
 * dies nothing is closed, and the next one takes over what stands in the segment (docs/survival.md). It is not tied to our life: when we die it serves on.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "proc/keeper.h"

enum keeper_limits {
    LOOKS = 4,               /* at the worker's beat in one watchdog time: a keeper that was itself held up accuses nobody */
    LOOK_MIN_MS = 100,       /* between two looks: ten wake-ups a second at most */
    START_LOOK_US = 250,     /* between two looks at a worker that is starting */
    START_MAX_MS = 10000,    /* for taking over the greatest segment on a busy machine */
    FAILURES_MAX = 3,        /* deaths in a row before it served: then without inspection */
    PLAIN_FIRST_MS = 10000,  /* then inspection is tried again; each time that fails the wait is doubled */
    PLAIN_MAX_MS = 300000,
    SOUND_MS = 60000,        /* inspecting for so long: the next plain time is a short one again */
    PAUSE_MS = 1000,         /* between workers that fail even without inspection */
    CAPTURE_MAX = 128 << 20, /* a capture file of one connection's bytes */
    SAY_EVERY_MS = 1000,
    EXIT_READY = 10,         /* exit statuses of a worker that never served */
    EXIT_CONFINE = 11,
};

static const uint64_t ms_ns = 1000000;

static uint64_t now_ns(void)
{
    return sp_clock_mono_ns();
}

void keeper_init(struct keeper *k, unsigned slot)
{
    memset(k, 0, sizeof *k);
    k->slot = slot;
    k->control = k->listener = k->report_fd = k->report_wake = -1;
    k->binary = k->trial = k->capture = k->channel = -1;
    k->plain_ms = PLAIN_FIRST_MS;
    (void)sp_build(); /* a worker cannot find it out */
    keeper_set_init(&k->now);
    keeper_set_init(&k->next);
}

/* ---- the worker's own side ---- */

static void worker_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    (void)signal(SIGCHLD, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void worker_life(struct keeper *k, pid_t keeper)
{
    static struct orphan orphan;
    orphan = (struct orphan){.keeper = keeper, .listener = k->listener, .control = -1, .of = k};
    struct sp_relay_conf conf = {
        .plan = k->now.plan,
        .policy = k->plain ? NULL : k->now.policy,
        .report = k->report,
        .report_wake = k->report_wake,
        .listeners = k->now.listeners,
        .tick = orphan_tick,
        .tick_ctx = &orphan,
    };
    worker_signals();
    sp_title(SP_ROLE_WORKER, k->slot);
    if (sp_relay_ready(k->relay, &conf) < 0)
        _exit(EXIT_READY);
    if (sp_process_confine(SP_ROLE_WORKER, k->now.plan) < 0)
        _exit(EXIT_CONFINE);
    sp_relay_serve(k->relay);
    _exit(0);
}

/* ---- starting ---- */

static pid_t clone_sharing_files(void)
{
    return (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
}

void keeper_start_worker(struct keeper *k)
{
    sp_report_set_mode(k->report, SP_MODE_STARTING);
    k->up = k->killed = false;
    k->still = 0;
    k->started_ns = now_ns();
    k->start_at_ns = 0;
    pid_t self = getpid();
    k->worker = clone_sharing_files();
    if (k->worker == 0)
        worker_life(k, self);
    if (k->worker < 0) {
        sp_log(SP_LOG_ERROR, "keeper %u: no worker: %s", k->slot, strerror(errno));
        k->worker = 0;
        k->start_at_ns = now_ns() + PAUSE_MS * ms_ns;
    }
}

static void say_plain(const struct keeper *k)
{
    sp_log(SP_LOG_ERROR, "worker %u: %u deaths in a row before it served. NOTHING IS INSPECTED NOW: traffic of services with 'fail: open' passes as it is, "
           "with 'fail: closed' it is refused; inspection is tried again in %llu s", k->slot, k->failures,
           (unsigned long long)((k->inspect_at_ns - now_ns() + 999 * ms_ns) / (1000 * ms_ns)));
}

/* After a death: whom to start, and when. */
static void next_worker(struct keeper *k)
{
    if (k->failures < FAILURES_MAX) {
        keeper_start_worker(k);
        return;
    }
    if (k->plain) { /* it is not the inspection that fails */
        k->start_at_ns = now_ns() + PAUSE_MS * ms_ns;
        sp_report_set_mode(k->report, SP_MODE_DOWN);
        return;
    }
    k->plain = true;
    k->inspect_at_ns = now_ns() + k->plain_ms * ms_ns;
    k->plain_ms = k->plain_ms * 2 > PLAIN_MAX_MS ? PLAIN_MAX_MS : k->plain_ms * 2;
    say_plain(k);
    k->failures = 0;
    keeper_start_worker(k);
}

void keeper_rest_worker(struct keeper *k, enum keeper_rest why)
{
    struct sp_relay_told order = {.order = SP_ORDER_REST, .plan = -1, .policy = -1, .channel = -1};
    int rc = sp_relay_tell(k->relay, &order);
    if (rc == 0)
        k->rest = why;
    else if (why == REST_TO_UPGRADE)
        keeper_done(k, rc);
}

static void inspect_again(struct keeper *k)
{
    sp_log(SP_LOG_WARN, "worker %u: inspection is tried again", k->slot);
    k->plain = false;
    k->failures = 0;
    keeper_start_worker(k);
}

/* ---- deaths ---- */

static enum sp_death death_of(const struct keeper *k, int status)
{
    if (k->killed)
        return SP_DEATH_HANG;
    if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGTERM))
        return SP_DEATH_FOREIGN;
    return SP_DEATH_FAULT;
}

static void take_capture(struct keeper *k)
{
    struct sp_buf bytes = sp_buf_growing(CAPTURE_MAX);
    int fd = -1;
    if (sp_relay_crash_capture(k->relay, &bytes) && !bytes.full)
        fd = memfd_create("capture", MFD_CLOEXEC);
    for (size_t at = 0; fd >= 0 && at < bytes.n;) {
        ssize_t n = write(fd, bytes.p + at, bytes.n - at);
        if (n <= 0) {
            close(fd);
            fd = -1;
        } else
            at += (size_t)n;
    }
    sp_buf_fini(&bytes);
    if (k->capture >= 0)
        close(k->capture);
    k->capture = fd;
}

static void note_death(struct keeper *k, enum sp_death how, int status)
{
    struct sp_counters *count = sp_report_counters(k->report);
    __atomic_fetch_add(&count->deaths, 1, __ATOMIC_RELAXED);
    if (how == SP_DEATH_HANG)
        __atomic_fetch_add(&count->hangs, 1, __ATOMIC_RELAXED);
    k->death = (struct sp_tell_death){.slot = k->slot, .how = how, .signal = WIFSIGNALED(status) ? (uint32_t)WTERMSIG(status) : 0};
    k->death_untold = true;
    k->died_ns = now_ns();
    k->restarts++;
    if (how != SP_DEATH_FOREIGN)
        take_capture(k);
}

static void worker_died(struct keeper *k, int status)
{
    enum sp_death how = death_of(k, status);
    k->failures = k->up ? 0 : k->failures + 1;
    note_death(k, how, status);
    if (k->told && sp_relay_answer(k->relay) != -EAGAIN)
        sp_log(SP_LOG_DEBUG, "worker %u died after its answer", k->slot);
    sp_relay_died(k->relay, how);
    next_worker(k);
}

/* An end that was ordered. */
static void worker_ended(struct keeper *k)
{
    enum keeper_rest why = k->rest;
    k->rest = REST_NOT;
    if (why != REST_NOT && sp_relay_answer(k->relay) == -EAGAIN)
        sp_log(SP_LOG_DEBUG, "worker %u rests without an answer", k->slot);
    if (why == REST_TO_UPGRADE)
        keeper_upgrade(k);
    else if (why == REST_TO_INSPECT)
        inspect_again(k);
    else if (why == REST_TO_TAKE) {
        keeper_swap_sets(k);
        keeper_start_worker(k);
    } else
        k->over = true;
}

/* The keeper before us does better without us. */
static void fail_trial(struct keeper *k, int status)
{
    sp_log(SP_LOG_ERROR, "worker %u on trial ended: %s %d", k->slot, WIFSIGNALED(status) ? "signal" : "status",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    k->over = true;
    k->status = 1;
}

static void reap(struct keeper *k)
{
    int status;
    if (!k->worker || waitpid(k->worker, &status, WNOHANG) != k->worker)
        return;
    bool ordered = WIFEXITED(status) && WEXITSTATUS(status) == 0 && (k->rest != REST_NOT || k->ends);
    k->worker = 0;
    if (k->told)
        keeper_answered(k); /* it may have answered with its last breath */
    if (ordered)
        worker_ended(k);
    else if (k->on_trial)
        fail_trial(k, status);
    else
        worker_died(k, status);
}

/* ---- looking after it ---- */

static void say_death(struct keeper *k)
{
    static const char *const how[] = {"died", "hung and was ended", "was killed"};
    uint64_t now = now_ns();
    if (k->said_ns && now - k->said_ns < SAY_EVERY_MS * ms_ns) {
        k->unsaid++;
        return;
    }
    char before[64] = "", by[64] = "";
    if (k->unsaid)
        (void)snprintf(before, sizeof before, " (and %u times before that)", k->unsaid);
    if (k->death.how == SP_DEATH_FAULT && k->death.signal)
        (void)snprintf(by, sizeof by, " of %s", strsignal((int)k->death.signal));
    sp_log(SP_LOG_WARN, "worker %u %s%s; its successor went on after %.1f ms%s", k->slot, how[k->death.how], by, k->death.restart_us / 1000.0, before);
    k->said_ns = now;
    k->unsaid = 0;
}

static void worker_is_up(struct keeper *k)
{
    enum sp_report_mode mode = k->ends ? SP_MODE_DRAINING : k->plain ? SP_MODE_PLAIN : SP_MODE_INSPECTING;
    k->up = true;
    k->failures = 0;
    sp_report_set_mode(k->report, mode);
    if (k->on_trial)
        keeper_commit(k);
    keeper_tell_self(k);
    if (k->death_untold) {
        k->death.restart_us = (uint32_t)((now_ns() - k->died_ns) / 1000);
        say_death(k);
        keeper_tell_death(k);
        keeper_tell_mode(k, mode);
        k->death_untold = false;
    }
    if (k->asked == SP_SAY_START || (k->asked == SP_SAY_TAKE && !k->told && k->rest == REST_NOT))
        keeper_done(k, 0);
}

static void end_hanging(struct keeper *k)
{
    k->killed = true;
    (void)kill(k->worker, SIGKILL);
}

static uint64_t look_ms(const struct keeper *k)
{
    uint64_t ms = k->now.plan->watchdog_ms / LOOKS;
    return ms < LOOK_MIN_MS ? LOOK_MIN_MS : ms;
}

/* The worker must have stood still at every look of the watchdog's time. */
static void look_at_beat(struct keeper *k)
{
    uint64_t now = now_ns(), beat = sp_relay_beat(k->relay);
    if (beat != k->beat || k->still == 0) {
        k->beat = beat;
        k->still = 1;
        k->still_ns = now;
        return;
    }
    k->still++;
    uint64_t limit = k->now.plan->watchdog_ms * ms_ns;
    unsigned looks = k->now.plan->watchdog_ms / LOOK_MIN_MS < LOOKS ? 2 : LOOKS;
    if (k->still >= looks && now - k->still_ns >= limit)
        end_hanging(k);
}

static bool wants_to_inspect(const struct keeper *k)
{
    return k->worker && k->up && k->plain && k->rest == REST_NOT && !k->told && !k->ends;
}

static void look_at_worker(struct keeper *k)
{
    uint64_t now = now_ns();
    if (!k->up && sp_relay_is_up(k->relay))
        worker_is_up(k);
    if (!k->up) {
        if (!k->killed && now - k->started_ns > START_MAX_MS * ms_ns)
            end_hanging(k);
        return;
    }
    if (k->now.plan->watchdog_ms && !k->killed)
        look_at_beat(k);
    if (!k->plain && now - k->started_ns > SOUND_MS * ms_ns)
        k->plain_ms = PLAIN_FIRST_MS;
    if (wants_to_inspect(k) && now >= k->inspect_at_ns)
        keeper_rest_worker(k, REST_TO_INSPECT);
}

/* ---- the loop ---- */

/* Until when nothing but the outside has to wake us, in nanoseconds from now; UINT64_MAX: for ever. */
static uint64_t patience(const struct keeper *k)
{
    uint64_t now = now_ns(), until = UINT64_MAX;
    if (!k->relay)
        return until;
    if (k->worker && !k->up)
        until = now + START_LOOK_US * UINT64_C(1000);
    else if (k->worker && k->now.plan->watchdog_ms)
        until = now + look_ms(k) * ms_ns;
    else if (k->start_at_ns)
        until = k->start_at_ns;
    if (wants_to_inspect(k) && k->inspect_at_ns < until)
        until = k->inspect_at_ns;
    if (k->next_keeper && k->trial_until_ns < until)
        until = k->trial_until_ns;
    return until == UINT64_MAX ? until : until > now ? until - now : 0;
}

enum watched { WATCH_CONTROL, WATCH_LISTENER, WATCH_ANSWER, WATCH_TRIAL, WATCHED };

static void wait_for_something(struct keeper *k, const sigset_t *open, struct pollfd fds[WATCHED])
{
    bool busy = k->asked || k->rest != REST_NOT || k->on_trial || k->next_keeper; /* one thing after the other */
    uint64_t ns = patience(k);
    struct timespec t = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
    fds[WATCH_CONTROL] = (struct pollfd){busy ? -1 : k->control, POLLIN, 0};
    fds[WATCH_LISTENER] = (struct pollfd){k->control >= 0 || k->on_trial ? -1 : k->listener, POLLIN, 0};
    fds[WATCH_ANSWER] = (struct pollfd){k->told ? sp_relay_answer_fd(k->relay) : -1, POLLIN, 0};
    fds[WATCH_TRIAL] = (struct pollfd){k->next_keeper ? k->trial : -1, POLLIN, 0};
    if (ppoll(fds, WATCHED, ns == UINT64_MAX ? NULL : &t, open) < 0)
        for (unsigned i = 0; i < WATCHED; i++)
            fds[i].revents = 0;
}

static void turn(struct keeper *k, const sigset_t *open)
{
    struct pollfd fds[WATCHED];
    wait_for_something(k, open, fds);
    reap(k);
    if (fds[WATCH_ANSWER].revents && k->told)
        keeper_answered(k);
    if (k->next_keeper)
        keeper_trial_look(k);
    if (k->worker)
        look_at_worker(k);
    else if (k->start_at_ns && now_ns() >= k->start_at_ns)
        keeper_start_worker(k);
    if (fds[WATCH_LISTENER].revents && k->control < 0)
        keeper_accept(k);
    if (fds[WATCH_CONTROL].revents && k->control >= 0)
        keeper_hear(k);
}

static void on_child(int signal)
{
    (void)signal; /* ppoll ends: that is all */
}

/* The supervisor says when we end, whoever signals everybody. */
static void ignore_signals(void)
{
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
}

int keeper_run(struct keeper *k)
{
    sigset_t blocked, open;
    struct sigaction sa = {.sa_handler = on_child, .sa_flags = SA_NOCLDSTOP};
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &blocked, &open);
    sigdelset(&open, SIGCHLD);
    (void)sigaction(SIGCHLD, &sa, NULL);
    ignore_signals();
    while (!k->over)
        turn(k, &open);
    if (k->worker)
        (void)kill(k->worker, SIGKILL);
    if (k->report && !k->left && !k->on_trial)
        sp_report_set_mode(k->report, SP_MODE_DOWN);
    return k->status;
}

int sp_keeper_main(int control, int listener, unsigned slot)
{
    static struct keeper k;
    keeper_init(&k, slot);
    k.control = control;
    k.listener = listener;
    (void)fcntl(control, F_SETFL, O_NONBLOCK); /* a supervisor that does not read must not hold us up */
    sp_title(SP_ROLE_KEEPER, slot);
    return keeper_run(&k);
}
