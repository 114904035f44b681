/* SPDX-License-Identifier: Apache-2.0 */
/*
 * posts: keepers as the supervisor knows them. One that ends without having been told to leaves a worker that serves on: its lane gets a fresh keeper, and the
 * orphan hands its sessions over to that.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "proc/runtime.h"
#include "proc/supervisor.h"

enum posts_limits {
    AGAIN_MS = 1000,      /* between keepers of a lane that do not come up */
    ORPHAN_MS = 200,      /* between looks for an orphan */
    GRACE_MS = 10000,     /* at the end: how long connections may finish what they are at */
    DRAIN_MS = 300000,    /* for sessions that are in the middle of a long message */
    COMM_MAX = 16,
};

static void socket_name(unsigned slot, char ret[32])
{
    (void)snprintf(ret, 32, "keeper-%u.sock", slot);
}

bool posts_all(const struct supervisor *s, enum post_state state)
{
    for (unsigned i = 0; i < POSTS_MAX; i++)
        if (s->posts[i].state != state)
            return false;
    return true;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ---- starting ---- */

static struct post *free_post(struct supervisor *s)
{
    for (unsigned i = 0; i < POSTS_MAX; i++)
        if (s->posts[i].state == POST_FREE)
            return &s->posts[i];
    return NULL;
}

int post_report(struct supervisor *s, struct post *p)
{
    int rc = p->report_fd < 0 ? sp_report_new(&p->report_fd) : 0;
    if (rc < 0 || p->report)
        return rc;
    rc = sp_report_map(p->report_fd, &p->report);
    if (rc == 0)
        clerk_report(s, p);
    return rc;
}

int post_say(struct post *p, enum sp_message_kind kind, const void *body, size_t n, const int *fds, unsigned nfds)
{
    int rc = p->control < 0 ? -EPIPE : sp_message_send(p->control, kind, sp_span_of(body, n), fds, nfds);
    if (rc == 0 && kind != SP_SAY_LISTENERS && kind != SP_SAY_HELLO)
        p->waiting = kind;
    return rc;
}

static int say_listeners(struct post *p, const struct lane *lane)
{
    for (unsigned i = 0; i < lane->n; i += SP_MESSAGE_FDS) {
        unsigned n = lane->n - i;
        int rc = post_say(p, SP_SAY_LISTENERS, NULL, 0, lane->listeners + i, n < SP_MESSAGE_FDS ? n : SP_MESSAGE_FDS);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int say_start(const struct supervisor *s, struct post *p, const struct lane *lane)
{
    struct sp_say_start start = {.slot = p->slot, .nlisteners = lane->n, .policy_generation = s->generation};
    int fds[] = {s->plan_fd, s->policy_fd, p->report_fd, s->wake};
    int rc = say_listeners(p, lane);
    return rc < 0 ? rc : post_say(p, SP_SAY_START, &start, sizeof start, fds, 4);
}

int post_say_set(const struct supervisor *s, struct post *p, const struct lane *lane, const struct load *l, int binary)
{
    struct sp_say_start start = {.slot = p->slot, .nlisteners = lane->n, .policy_generation = s->generation + 1};
    int fds[] = {binary, l->plan_fd, l->policy_fd};
    int rc = say_listeners(p, lane);
    if (rc < 0)
        return rc;
    return binary < 0 ? post_say(p, SP_SAY_TAKE, &start, sizeof start, fds + 1, 2) : post_say(p, SP_SAY_UPGRADE, &start, sizeof start, fds, 3);
}

static int spawn(struct supervisor *s, struct post *p)
{
    char name[32];
    int theirs, rc = sp_process_pair(&p->control, &theirs);
    if (rc < 0)
        return rc;
    socket_name(p->slot, name);
    int door = sp_runtime_listen(s->runtime, name);
    struct sp_spawn how = {.role = SP_ROLE_KEEPER, .slot = p->slot, .binary = -1, .control = theirs, .extra = door};
    rc = door < 0 ? door : sp_spawn(&how, &p->pid);
    close(theirs);
    if (door >= 0)
        close(door); /* ours would let us connect to nobody */
    return rc;
}

int post_start(struct supervisor *s, uint32_t lane)
{
    struct post *p = free_post(s);
    if (!p)
        return -ENOSPC;
    int rc = post_report(s, p);
    if (rc == 0)
        rc = spawn(s, p);
    p->state = POST_STARTING;
    p->lane = lane;
    p->self = (struct sp_tell_self){.build = sp_build(), .layout = sp_relay_layout()};
    if (rc == 0)
        rc = say_start(s, p, &s->lanes[lane]);
    if (rc == 0)
        s->lanes[lane].post = p->slot;
    else {
        post_kill(p);
        post_free(s, p);
    }
    return rc;
}

/* ---- ends ---- */

/* A number that a process tells of itself is believed when the process it stands for bears that name. */
static bool is_called(pid_t pid, const char *name)
{
    char path[64], comm[COMM_MAX + 1] = "";
    (void)snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    FILE *f = pid > 1 ? fopen(path, "re") : NULL;
    bool is = f && fgets(comm, sizeof comm, f) && strncmp(comm, name, strlen(name)) == 0;
    if (f)
        (void)fclose(f);
    return is;
}

void post_end_worker(const struct post *p)
{
    if (p->state != POST_FREE && is_called(p->worker, "sp-worker"))
        (void)kill(p->worker, SIGKILL);
}

void post_free(struct supervisor *s, struct post *p)
{
    char name[32];
    socket_name(p->slot, name);
    sp_runtime_unlink(s->runtime, name);
    close_fd(&p->control);
    close_fd(&p->pidfd);
    close_fd(&p->channel);
    if (p->state != POST_FREE && s->lanes[p->lane].post == p->slot)
        s->lanes[p->lane].post = NO_POST;
    p->state = POST_FREE;
    p->pid = p->worker = 0;
    p->waiting = 0;
    p->drains = p->hands = p->plain = false;
}

void post_kill(const struct post *p)
{
    if (p->pid <= 0)
        return;
    (void)kill(-p->pid, SIGKILL);
    (void)kill(p->pid, SIGKILL);
}

void post_watch(struct post *p, pid_t pid)
{
    close_fd(&p->pidfd);
    p->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
}

static void lane_again(struct supervisor *s, uint32_t lane)
{
    int rc = post_start(s, lane);
    if (rc == 0)
        return;
    sp_log(SP_LOG_ERROR, "cannot start a keeper: %s; tried again", strerror(-rc));
    s->lanes[lane].start_ms = sup_now_ms() + AGAIN_MS;
}

/* The keeper is gone and its worker is not, or we do not know. */
static void orphaned(struct supervisor *s, struct post *p)
{
    bool serving = p->state == POST_SERVING;
    p->state = POST_ORPHAN;
    p->drains = true;
    p->try_ms = sup_now_ms() + ORPHAN_MS;
    p->waiting = 0;
    p->error = -EPIPE;
    close_fd(&p->control);
    post_watch(p, p->worker);
    if (!serving || s->stop || s->lanes[p->lane].post != p->slot)
        return;
    sp_log(SP_LOG_ERROR, "keeper %u died: its worker serves on alone and will hand over to a fresh one", p->slot);
    s->lanes[p->lane].post = NO_POST;
    lane_again(s, p->lane);
}

static void keeper_ended(struct supervisor *s, struct post *p, bool by_itself)
{
    if (p->state == POST_STARTING) {
        uint32_t lane = p->lane;
        sp_log(SP_LOG_ERROR, "keeper %u could not begin to serve", p->slot);
        post_kill(p);
        post_free(s, p);
        s->lanes[lane].start_ms = sup_now_ms() + AGAIN_MS;
    } else if (p->state == POST_LEAVING && by_itself)
        post_free(s, p);
    else if (p->worker > 0)
        orphaned(s, p);
    else
        post_free(s, p);
}

void post_reaped(struct supervisor *s, pid_t pid, int status)
{
    for (unsigned i = 0; i < POSTS_MAX; i++) {
        struct post *p = &s->posts[i];
        if (p->state == POST_FREE)
            continue;
        if (p->pid == pid && p->state != POST_ORPHAN) {
            post_hear(s, p); /* it may have told that another one goes on in its place */
            if (p->pid == pid && p->state != POST_FREE)
                keeper_ended(s, p, WIFEXITED(status) && WEXITSTATUS(status) == 0);
        } else if (p->worker == pid && p->state == POST_ORPHAN)
            post_free(s, p);
    }
}

static bool is_over(int pidfd)
{
    struct pollfd it = {pidfd, POLLIN, 0};
    return pidfd >= 0 && poll(&it, 1, 0) == 1;
}

void post_gone(struct supervisor *s, struct post *p)
{
    if (p->state != POST_ORPHAN)
        post_hear(s, p); /* it may have told that another one goes on in its place: that one is watched now */
    if (!is_over(p->pidfd))
        return;
    close_fd(&p->pidfd);
    if (p->state == POST_ORPHAN)
        post_free(s, p);
    else if (p->state != POST_FREE)
        keeper_ended(s, p, p->state == POST_LEAVING);
}

/* ---- hearing ---- */

/* Plain mode is told once when it begins and once when it is over. */
static void note_mode(struct supervisor *s, struct post *p)
{
    bool plain = p->self.mode == SP_MODE_PLAIN;
    if (plain == p->plain || (!plain && p->self.mode != SP_MODE_INSPECTING))
        return;
    p->plain = plain;
    clerk_mode(s, p, plain);
}

static void heard_self(struct supervisor *s, struct post *p, const struct sp_message *m)
{
    memcpy(&p->self, m->body.p, sizeof p->self);
    note_mode(s, p);
    if (p->state == POST_ORPHAN)
        return;
    p->worker = (pid_t)p->self.worker;
    pid_t pid = (pid_t)p->self.pid;
    if (pid == p->pid || !is_called(pid, "sp-keeper"))
        return;
    p->pid = pid; /* the next program, in the place of the one before: it will be our child when that one has ended */
    if (p->pidfd >= 0)
        post_watch(p, pid);
    (void)s;
}

static void heard_done(struct supervisor *s, struct post *p, const struct sp_message *m)
{
    struct sp_tell_done done;
    memcpy(&done, m->body.p, sizeof done);
    if (done.kind == SP_SAY_START && done.error == 0)
        p->state = p->state == POST_STARTING ? POST_SERVING : p->state;
    else if (done.kind == SP_SAY_START)
        sp_log(SP_LOG_ERROR, "keeper %u: %s", p->slot, strerror(-done.error));
    else if (done.kind == SP_SAY_RECEIVE && done.error)
        sp_log(SP_LOG_ERROR, "keeper %u takes no sessions over: %s", p->slot, strerror(-done.error));
    if (done.kind != p->waiting)
        return;
    p->waiting = 0;
    p->error = done.error;
    (void)s;
}

static void heard(struct supervisor *s, struct post *p, const struct sp_message *m)
{
    switch (m->kind) {
    case SP_TELL_SELF:
        heard_self(s, p, m);
        break;
    case SP_TELL_DONE:
        heard_done(s, p, m);
        break;
    case SP_TELL_DEATH:
        clerk_death(s, p, m);
        break;
    case SP_TELL_MODE:
        memcpy(&p->self.mode, m->body.p + offsetof(struct sp_tell_mode, mode), sizeof p->self.mode);
        note_mode(s, p);
        break;
    default: /* listeners are ours already */
        break;
    }
}

void post_hear(struct supervisor *s, struct post *p)
{
    static uint8_t buffer[SP_MESSAGE_MAX];
    struct sp_message m;
    enum sp_role who = p->state == POST_ORPHAN ? SP_ROLE_WORKER : SP_ROLE_KEEPER;
    int rc = -EAGAIN;
    while (p->control >= 0 && (rc = sp_process_hear(p->control, who, SP_ROLE_SUPERVISOR, buffer, &m)) == 1) {
        heard(s, p, &m);
        sp_message_close_fds(&m);
    }
    if (rc == -EAGAIN || p->control < 0)
        return;
    close_fd(&p->control);
    p->waiting = 0;
    p->error = -EPIPE;
    if (rc == 0)
        return; /* its end is seen elsewhere */
    sp_log(SP_LOG_ERROR, "keeper %u said what it must not say: it is ended, with its worker", p->slot);
    post_kill(p);
}

static bool answered(const struct supervisor *s)
{
    const struct post *p = &s->posts[s->waited];
    return !p->waiting || p->state == POST_FREE || p->control < 0;
}

int post_answer(struct supervisor *s, struct post *p, unsigned ms)
{
    s->waited = p->slot;
    if (!sup_until(s, answered, ms)) {
        p->waiting = 0;
        return -ETIMEDOUT;
    }
    return p->state == POST_FREE ? -EPIPE : p->error;
}

/* ---- handing over ---- */

void post_drain(struct supervisor *s, struct post *p)
{
    struct sp_say_grace grace = {DRAIN_MS};
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return;
    int rc = post_say(p, SP_SAY_DRAIN, &grace, sizeof grace, &pair[0], 1);
    close(pair[0]);
    if (rc < 0) {
        close(pair[1]);
        return;
    }
    if (p->state != POST_ORPHAN)
        p->state = POST_LEAVING;
    p->drains = false;
    p->hands = true;
    p->channel = pair[1];
    (void)s;
}

void post_stop(struct post *p)
{
    struct sp_say_grace grace = {GRACE_MS};
    if (p->control < 0 || post_say(p, SP_SAY_STOP, &grace, sizeof grace, NULL, 0) < 0)
        return;
    p->drains = false;
    if (p->state != POST_ORPHAN)
        p->state = POST_LEAVING;
}

static struct post *receiver(struct supervisor *s, const struct post *p)
{
    uint32_t slot = s->lanes[p->lane].post;
    return slot != NO_POST && s->posts[slot].state == POST_SERVING ? &s->posts[slot] : NULL;
}

/* One after the other: a worker receives from one. */
static bool lane_receives(const struct supervisor *s, uint32_t lane)
{
    for (unsigned i = 0; i < POSTS_MAX; i++)
        if (s->posts[i].state != POST_FREE && s->posts[i].lane == lane && s->posts[i].hands)
            return true;
    return false;
}

static void connect_orphan(struct supervisor *s, struct post *p)
{
    char name[32];
    socket_name(p->slot, name);
    p->try_ms = sup_now_ms() + ORPHAN_MS;
    p->control = sp_runtime_connect(s->runtime, name, SOCK_NONBLOCK);
    if (p->control == -ECONNREFUSED || p->control == -ENOENT) {
        p->control = -1;
        post_free(s, p); /* the worker is gone too */
    } else if (p->control < 0)
        p->control = -1;
}

static void tick(struct supervisor *s, struct post *p, uint64_t now)
{
    if (p->state == POST_ORPHAN && p->control < 0 && now >= p->try_ms)
        connect_orphan(s, p);
    if (p->state != POST_ORPHAN && p->state != POST_LEAVING)
        return;
    struct post *to = receiver(s, p);
    if (p->drains && p->control >= 0 && s->stop)
        post_stop(p);
    else if (p->drains && p->control >= 0 && to && to != p && !lane_receives(s, p->lane))
        post_drain(s, p);
    if (p->channel < 0 || !to || to->waiting)
        return;
    if (post_say(to, SP_SAY_RECEIVE, NULL, 0, &p->channel, 1) == 0)
        close_fd(&p->channel);
}

void posts_tick(struct supervisor *s)
{
    uint64_t now = sup_now_ms();
    for (unsigned i = 0; i < POSTS_MAX; i++)
        tick(s, &s->posts[i], now);
    for (unsigned i = 0; s->opened && !s->stop && i < s->nlanes; i++)
        if (s->lanes[i].post == NO_POST && now >= s->lanes[i].start_ms)
            lane_again(s, i);
}
