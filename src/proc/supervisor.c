/* SPDX-License-Identifier: Apache-2.0 */
/* supervisor: its loop, the way from a configuration to serving processes, and their orderly end. */
#include "proc/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "proc/notify.h"
#include "proc/runtime.h"
#include "proc/serve.h"

enum supervisor_waits {
    TURN_MS = 1000,         /* with nothing to do: how often it looks by itself */
    TICK_MS = 100,          /* while something is to be tried again */
    STOP_MS = 12500,        /* for keepers to end: somewhat more than the grace that connections have */
    FDS_MAX = 4 + USERS_MAX + 3 + 2 * POSTS_MAX,
};

uint64_t sup_now_ms(void)
{
    return sp_clock_mono_ns() / 1000000;
}

/* ---- what happens ---- */

/* A descriptor that is waited for, and whose it is. */
enum source { FROM_SIGNALS, FROM_DOOR, FROM_USER, FROM_ADMIN, FROM_COMPILER, FROM_PROBE, FROM_POST, FROM_PIDFD };

struct watch {
    struct pollfd fds[FDS_MAX];
    struct {
        enum source from;
        unsigned index;
    } what[FDS_MAX];
    unsigned n;
};

static void add(struct watch *w, int fd, enum source from, unsigned index)
{
    if (fd < 0 || w->n == FDS_MAX)
        return;
    w->fds[w->n] = (struct pollfd){fd, POLLIN, 0};
    w->what[w->n].from = from;
    w->what[w->n++].index = index;
}

static void collect(const struct supervisor *s, struct watch *w)
{
    w->n = 0;
    add(w, s->signals, FROM_SIGNALS, 0);
    add(w, s->door, FROM_DOOR, 0);
    add(w, s->admin.control, FROM_ADMIN, 0);
    add(w, s->compiler.control, FROM_COMPILER, 0);
    add(w, s->probe.control, FROM_PROBE, 0);
    for (unsigned i = 0; i < USERS_MAX; i++)
        if (!s->users[i].ask)
            add(w, s->users[i].fd, FROM_USER, i);
    for (unsigned i = 0; i < POSTS_MAX; i++) {
        add(w, s->posts[i].control, FROM_POST, i);
        add(w, s->posts[i].pidfd, FROM_PIDFD, i);
    }
}

static void ended(struct helper *h, int status)
{
    h->pid = 0;
    h->gone = true;
    h->status = WIFEXITED(status) ? WEXITSTATUS(status) : SP_EXIT_RUNTIME;
}

void sup_reap(struct supervisor *s)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        if (pid == s->admin.pid)
            clerk_ended(s, status);
        else if (pid == s->compiler.pid)
            ended(&s->compiler, status);
        else if (pid == s->probe.pid)
            ended(&s->probe, status);
        else
            post_reaped(s, pid, status);
    }
}

static void read_signals(struct supervisor *s)
{
    struct signalfd_siginfo info;
    while (read(s->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        int signal = (int)info.ssi_signo;
        if (signal == SIGCHLD)
            sup_reap(s);
        else if (signal == SIGHUP)
            s->reload = true;
        else if (s->stop)
            s->at_once = true;
        else
            s->stop = signal;
    }
}

static void probe_hear(struct supervisor *s)
{
    static uint8_t buffer[SP_MESSAGE_MAX];
    struct sp_message m;
    int rc = sp_process_hear(s->probe.control, SP_ROLE_PROBE, SP_ROLE_SUPERVISOR, buffer, &m);
    if (rc == -EAGAIN)
        return;
    if (rc == 1) {
        memcpy(&s->probed, m.body.p, sizeof s->probed);
        sp_message_close_fds(&m);
    }
    close(s->probe.control);
    s->probe.control = -1;
}

static void happened(struct supervisor *s, enum source from, unsigned index)
{
    switch (from) {
    case FROM_SIGNALS:
        read_signals(s);
        break;
    case FROM_DOOR:
        orders_accept(s);
        break;
    case FROM_USER:
        orders_hear(s, &s->users[index]);
        break;
    case FROM_ADMIN:
        clerk_hear(s);
        break;
    case FROM_COMPILER:
        load_hear(s);
        break;
    case FROM_PROBE:
        probe_hear(s);
        break;
    case FROM_POST:
        post_hear(s, &s->posts[index]);
        break;
    case FROM_PIDFD:
        post_gone(s, &s->posts[index]);
        break;
    }
}

void sup_turn(struct supervisor *s, unsigned ms)
{
    static struct watch w;
    collect(s, &w);
    int n = poll(w.fds, w.n, (int)ms);
    struct watch now = w; /* what happens may turn again */
    for (unsigned i = 0; n > 0 && i < now.n; i++)
        if (now.fds[i].revents)
            happened(s, now.what[i].from, now.what[i].index);
    posts_tick(s);
    clerk_tick(s);
    sp_notify_watchdog();
}

bool sup_until(struct supervisor *s, bool (*holds)(const struct supervisor *s), unsigned ms)
{
    uint64_t end = sup_now_ms() + ms;
    while (!holds(s)) {
        uint64_t now = sup_now_ms();
        if (now >= end || s->at_once)
            return false;
        sup_turn(s, end - now < TICK_MS ? (unsigned)(end - now) : TICK_MS);
    }
    return true;
}

/* ---- starting ---- */

void sup_init(struct supervisor *s)
{
    s->plan_fd = s->policy_fd = s->wake = s->signals = s->runtime = s->lock = s->door = -1;
    s->admin.control = s->compiler.control = s->probe.control = -1;
    s->load.plan_fd = s->load.policy_fd = -1;
    for (unsigned i = 0; i < POSTS_MAX; i++)
        s->posts[i] = (struct post){.slot = i, .pidfd = -1, .control = -1, .report_fd = -1, .channel = -1};
    for (unsigned i = 0; i < LANES_MAX; i++)
        s->lanes[i].post = NO_POST;
    for (unsigned i = 0; i < USERS_MAX; i++)
        s->users[i].fd = s->users[i].binary = -1;
}

int sup_open_signals(struct supervisor *s)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return -errno;
    s->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    return s->signals < 0 ? -errno : 0;
}

static int open_runtime(struct supervisor *s)
{
    char text[SP_ADDRESS_TEXT];
    const struct sp_plan *plan = s->plan;
    s->runtime = sp_runtime_open(plan->runtime);
    if (s->runtime < 0)
        return sp_complain(SP_EXIT_RUNTIME, "cannot use the directory %s: %s", plan->runtime, strerror(-s->runtime));
    s->lock = sp_runtime_lock(s->runtime);
    if (s->lock >= 0)
        return SP_EXIT_OK;
    if (s->lock != -EWOULDBLOCK)
        return sp_complain(SP_EXIT_RUNTIME, "cannot lock the directory %s: %s", plan->runtime, strerror(-s->lock));
    sp_address_text(&plan->listeners[0].at, text);
    return sp_complain(SP_EXIT_RUNTIME, "cannot listen on %s: another program listens there (see 'sallyport status --runtime %s')", text, plan->runtime);
}

static bool none_starting(const struct supervisor *s)
{
    for (unsigned i = 0; i < POSTS_MAX; i++)
        if (s->posts[i].state == POST_STARTING)
            return false;
    return true;
}

static bool every_lane_serves(const struct supervisor *s)
{
    for (unsigned i = 0; i < s->nlanes; i++)
        if (s->lanes[i].post == NO_POST || s->posts[s->lanes[i].post].state != POST_SERVING)
            return false;
    return true;
}

/* Lanes without a keeper get one; those that were adopted are to work with our plan. */
static int man_lanes(struct supervisor *s)
{
    for (unsigned i = 0; i < s->nlanes; i++) {
        int rc = s->lanes[i].post == NO_POST ? post_start(s, i) : lane_renew(s, i, false);
        if (rc < 0)
            return sp_complain(SP_EXIT_RUNTIME, "cannot start a keeper: %s", strerror(-rc));
    }
    s->opened = true;
    if (sup_until(s, none_starting, START_MS) && every_lane_serves(s))
        return SP_EXIT_OK;
    return s->stop ? SP_EXIT_OK : sp_complain(SP_EXIT_RUNTIME, "no worker can be started");
}

static int open_lanes(struct supervisor *s)
{
    static struct lane next[LANES_MAX];
    s->nlanes = s->plan->workers;
    lanes_activate(s);
    int rc = lanes_open(s, s->plan, next);
    if (rc < 0)
        return sp_complain(SP_EXIT_RUNTIME, "%s", s->why);
    lanes_take(s, next);
    s->door = sp_runtime_listen(s->runtime, SP_RUNTIME_CONTROL);
    if (s->door < 0)
        return sp_complain(SP_EXIT_RUNTIME, "cannot make the control socket in %s: %s", s->plan->runtime, strerror(-s->door));
    return SP_EXIT_OK;
}

static int open_all(struct supervisor *s)
{
    int status = open_runtime(s);
    if (status)
        return status;
    unsigned adopted = posts_adopt(s);
    if (adopted)
        sp_log(SP_LOG_WARN, "%u keeper%s of an earlier supervisor still serve: taken over", adopted, adopted == 1 ? "" : "s");
    status = clerk_start(s);
    if (!status)
        status = open_lanes(s);
    if (status)
        return status;
    load_log(&s->load);
    return man_lanes(s);
}

/* ---- the end ---- */

static bool none_left(const struct supervisor *s)
{
    return posts_all(s, POST_FREE);
}

static void tell_stop(struct supervisor *s)
{
    for (unsigned i = 0; i < POSTS_MAX; i++)
        if (s->posts[i].state != POST_FREE)
            post_stop(&s->posts[i]);
}

static void kill_all(struct supervisor *s)
{
    for (unsigned i = 0; i < POSTS_MAX; i++)
        if (s->posts[i].state != POST_FREE)
            post_kill(&s->posts[i]);
    if (s->compiler.pid)
        (void)kill(s->compiler.pid, SIGKILL);
}

static void say_counts(const struct supervisor *s)
{
    struct sp_counters sum = {0};
    for (unsigned i = 0; i < POSTS_MAX; i++)
        if (s->posts[i].report)
            sp_report_sum(s->posts[i].report, &sum);
    sp_log(SP_LOG_INFO, "%llu connections, %llu messages: %llu corrected, %llu refused, %llu malformed", (unsigned long long)sum.connections,
           (unsigned long long)sum.units, (unsigned long long)sum.corrected, (unsigned long long)sum.refused, (unsigned long long)sum.malformed);
}

static void stop(struct supervisor *s)
{
    sp_log(SP_LOG_INFO, "%s: no new connections, waiting for those that are open", s->stop == SIGINT ? "interrupted" : "terminated");
    sp_notify_stopping();
    lanes_close(s);
    tell_stop(s);
    if (!sup_until(s, none_left, STOP_MS))
        kill_all(s);
    say_counts(s);
}

/* A second signal ends everything at once, as if there had been nobody to catch it. */
static void end_at_once(struct supervisor *s)
{
    kill_all(s);
    if (s->admin.pid)
        (void)kill(s->admin.pid, SIGKILL);
    sp_runtime_clear(s->runtime);
    sigset_t all;
    sigfillset(&all);
    (void)signal(s->stop, SIG_DFL);
    (void)raise(s->stop);
    (void)sigprocmask(SIG_UNBLOCK, &all, NULL);
}

/* ---- serving ---- */

int sup_serve(struct supervisor *s)
{
    sp_notify_ready();
    while (!s->stop) {
        sup_turn(s, TURN_MS);
        if (!s->stop)
            orders_do(s);
    }
    stop(s);
    if (s->at_once)
        end_at_once(s);
    clerk_stop(s);
    sp_runtime_clear(s->runtime);
    return SP_EXIT_OK;
}

static void give_up(struct supervisor *s)
{
    kill_all(s);
    clerk_stop(s);
    if (s->lock >= 0)
        sp_runtime_clear(s->runtime);
}

/* Mistakes are for whoever started us: as they are. */
static int complain(const struct load *l)
{
    ssize_t n = l->text.n ? write(STDERR_FILENO, l->text.p, l->text.n) : 0;
    (void)n; /* nowhere else to say it */
    return l->status;
}

/* Listeners of all workers are ours too; children begin with the same limit. */
static void raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* what cannot be opened for want of it is said then */
}

int sp_supervise(const char *const *words)
{
    static struct supervisor s;
    sup_init(&s);
    s.words = words;
    raise_limit();
    s.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s.wake < 0 || sup_open_signals(&s) < 0)
        return sp_complain(SP_EXIT_RUNTIME, "cannot start: %s", strerror(errno));
    int status = load_run(&s, -1);
    if (status)
        return complain(&s.load);
    load_keep(&s);
    status = open_all(&s);
    load_drop(&s.load);
    if (!status)
        return sup_serve(&s);
    give_up(&s);
    return status;
}
