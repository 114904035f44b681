/* SPDX-License-Identifier: Apache-2.0 */
/*
 * succession: the supervisor becomes its next version: the same process, children, descriptors and orders, another program. Before that the other program
 * has shown that it runs and that it can compile what is configured. It then brings every keeper over, one after the other. When it cannot even begin, it
 * gives everything back to the program that was there before.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "proc/notify.h"
#include "proc/runtime.h"
#include "proc/sealed.h"
#include "proc/supervisor.h"

enum succession_limits {
    PROBE_MS = 5000,   /* for another program to say what it is */
    WORDS_MAX = 600,
    KEEP_MAX = 64 + LANES_MAX * 64,
};

struct left_post {
    uint32_t state, lane;
    int32_t pid, worker, pidfd, control, report, channel;
    uint32_t drains, hands;
    struct sp_tell_self self;
};

struct left_lane {
    uint32_t post, n;
    int32_t listeners[SP_PLAN_LISTENERS];
};

/* What one supervisor leaves to the next. The first four members never change; everything else may only when `version` does. */
struct left {
    uint64_t magic;
    uint32_t version, size;
    int32_t before;             /* the program that we were */
    uint32_t returning;         /* we are that again: the other one could not begin */
    int32_t plan, policy;       /* in force */
    int32_t next_plan, next_policy;
    int32_t wake, runtime, lock, door, user, admin, admin_pid;
    uint64_t generation;
    uint32_t nlanes;
    struct left_lane lanes[LANES_MAX];
    struct left_post posts[POSTS_MAX];
};

static const uint64_t left_magic = UINT64_C(0x7473757065727601);
enum { LEFT_VERSION = 1 };

/* ---- leaving ---- */

struct kept {
    int fd[KEEP_MAX];
    unsigned n;
    bool full;
};

static int32_t keep(struct kept *k, int fd)
{
    if (fd >= 0 && k->n == KEEP_MAX)
        k->full = true;
    else if (fd >= 0)
        k->fd[k->n++] = fd;
    return fd;
}

static void leave_lane(const struct lane *from, struct left_lane *to, struct kept *k)
{
    to->post = from->post;
    to->n = from->n;
    for (unsigned i = 0; i < from->n; i++)
        to->listeners[i] = keep(k, from->listeners[i]);
}

static void leave_post(const struct post *from, struct left_post *to, struct kept *k)
{
    *to = (struct left_post){.state = from->state, .lane = from->lane, .pid = from->pid, .worker = from->worker, .drains = from->drains,
                              .hands = from->hands, .self = from->self};
    to->pidfd = keep(k, from->pidfd);
    to->control = keep(k, from->control);
    to->report = keep(k, from->report_fd);
    to->channel = keep(k, from->channel);
}

static void leave(const struct supervisor *s, const struct user *u, int before, struct left *l, struct kept *k)
{
    *l = (struct left){.magic = left_magic, .version = LEFT_VERSION, .size = sizeof *l, .generation = s->generation, .nlanes = s->nlanes};
    l->before = keep(k, before);
    l->plan = keep(k, s->plan_fd);
    l->policy = keep(k, s->policy_fd);
    l->next_plan = keep(k, s->load.plan_fd);
    l->next_policy = keep(k, s->load.policy_fd);
    l->wake = keep(k, s->wake);
    l->runtime = keep(k, s->runtime);
    l->lock = keep(k, s->lock);
    l->door = keep(k, s->door);
    l->user = keep(k, u->fd);
    l->admin = keep(k, s->admin.control);
    l->admin_pid = s->admin.pid;
    for (unsigned i = 0; i < s->nlanes; i++)
        leave_lane(&s->lanes[i], &l->lanes[i], k);
    for (unsigned i = 0; i < POSTS_MAX; i++)
        leave_post(&s->posts[i], &l->posts[i], k);
}

static int write_left(const struct left *l)
{
    int fd = memfd_create("supervisor", 0);
    if (fd >= 0 && write(fd, l, sizeof *l) == (ssize_t)sizeof *l)
        return fd;
    int error = errno;
    if (fd >= 0)
        close(fd);
    return -error;
}

/* `k` NULL: every descriptor stays. Returns only when it cannot. */
static int become(int binary, int state, const char *const *words, const struct kept *k)
{
    static const char *all[WORDS_MAX + 1];
    char number[16];
    unsigned n = 0;
    (void)snprintf(number, sizeof number, "%d", state);
    all[n++] = "sallyport";
    all[n++] = "--role";
    all[n++] = "supervisor";
    all[n++] = number;
    for (unsigned i = 0; words[i] && n < WORDS_MAX; i++)
        all[n++] = words[i];
    all[n] = NULL;
    return sp_become(binary, all, k ? k->fd : NULL, k ? k->n : 0);
}

static bool probe_over(const struct supervisor *s)
{
    return s->probe.control < 0 && s->probe.gone;
}

static int probe(struct supervisor *s, int binary)
{
    int theirs, rc = sp_process_pair(&s->probe.control, &theirs);
    if (rc < 0)
        return rc;
    struct sp_spawn how = {.role = SP_ROLE_PROBE, .binary = binary, .control = theirs, .extra = -1};
    s->probe.gone = false;
    s->probed = (struct sp_tell_self){0};
    rc = sp_spawn(&how, &s->probe.pid);
    close(theirs);
    bool over = rc == 0 && sup_until(s, probe_over, PROBE_MS);
    if (s->probe.control >= 0)
        close(s->probe.control);
    s->probe.control = -1;
    if (s->probe.pid)
        (void)kill(s->probe.pid, SIGKILL);
    return over && s->probe.status == 0 && s->probed.layout ? 0 : -ENOEXEC;
}

static int exec_failed(struct sp_buf *text, int error)
{
    sp_put_fmt(text, "cannot go on as the other program: %s\n", strerror(error));
    return SP_EXIT_RUNTIME;
}

int succession(struct supervisor *s, struct user *u, struct sp_buf *text)
{
    static struct left l;
    static struct kept k;
    if (probe(s, u->binary) < 0) {
        sp_put_str(text, "the other program does not run here, or is no Sallyport that can be gone on with\n");
        return SP_EXIT_INPUT;
    }
    int status = load_run(s, u->binary);
    if (status) {
        sp_put(text, sp_buf_span(&s->load.text));
        return status;
    }
    int before = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (before < 0)
        return exec_failed(text, errno);
    k = (struct kept){.n = 0};
    leave(s, u, before, &l, &k);
    int state = k.full ? -E2BIG : write_left(&l);
    if (state < 0)
        return exec_failed(text, -state);
    (void)keep(&k, state);
    int rc = become(u->binary, state, s->words, &k);
    close(state);
    close(before);
    return exec_failed(text, -rc);
}

/* ---- taking over ---- */

static int read_left(int fd, struct left *l)
{
    ssize_t n = pread(fd, l, sizeof *l, 0);
    bool whole = n == (ssize_t)sizeof *l && l->magic == left_magic && l->version == LEFT_VERSION && l->size == sizeof *l;
    return whole && l->nlanes >= 1 && l->nlanes <= LANES_MAX ? 0 : -EPROTO;
}

static void take_posts(struct supervisor *s, const struct left *l)
{
    for (unsigned i = 0; i < POSTS_MAX; i++) {
        const struct left_post *from = &l->posts[i];
        struct post *to = &s->posts[i];
        to->state = (enum post_state)from->state;
        to->lane = from->lane;
        to->pid = from->pid;
        to->worker = from->worker;
        to->pidfd = from->pidfd;
        to->control = from->control;
        to->report_fd = from->report;
        to->channel = from->channel;
        to->drains = from->drains;
        to->hands = from->hands;
        to->self = from->self;
        if (to->report_fd >= 0 && sp_report_map(to->report_fd, &to->report) < 0)
            sp_log(SP_LOG_ERROR, "the report of worker %u cannot be read", i);
    }
}

static int take_left(struct supervisor *s, const struct left *l)
{
    s->plan_fd = l->returning ? l->plan : l->next_plan;
    s->policy_fd = l->returning ? l->policy : l->next_policy;
    s->generation = l->generation + 1;
    s->wake = l->wake;
    s->runtime = l->runtime;
    s->lock = l->lock;
    s->door = l->door;
    s->users[0].fd = l->user;
    s->admin = (struct helper){.pid = l->admin_pid, .control = l->admin};
    s->admin_ready = s->admin_wanted = true;
    s->nlanes = l->nlanes;
    for (unsigned i = 0; i < s->nlanes; i++) {
        s->lanes[i].post = l->lanes[i].post;
        s->lanes[i].n = l->lanes[i].n;
        memcpy(s->lanes[i].listeners, l->lanes[i].listeners, l->lanes[i].n * sizeof *s->lanes[i].listeners);
    }
    take_posts(s, l);
    const void *p;
    size_t n;
    int rc = sp_sealed_map(s->plan_fd, &p, &n);
    if (rc == 0)
        rc = sp_plan_verify(p, n, &s->plan);
    return rc == 0 ? sup_open_signals(s) : rc;
}

/* ---- bringing keepers over ---- */

static bool lane_decided(const struct supervisor *s)
{
    return s->posts[s->waited].state != POST_STARTING;
}

/* A fresh keeper takes the lane; the one before hands its sessions over, each at its next message. */
static int replace(struct supervisor *s, uint32_t lane)
{
    struct post *old = &s->posts[s->lanes[lane].post];
    int rc = post_start(s, lane);
    if (rc < 0)
        return rc;
    struct post *fresh = &s->posts[s->lanes[lane].post];
    s->waited = fresh->slot;
    if (!sup_until(s, lane_decided, START_MS) || fresh->state != POST_SERVING) {
        post_kill(fresh);
        post_free(s, fresh);
        s->lanes[lane].post = old->slot;
        return -ECHILD;
    }
    old->drains = true;
    old->state = POST_LEAVING;
    return 0;
}

int lane_renew(struct supervisor *s, uint32_t lane, bool always)
{
    struct post *p = &s->posts[s->lanes[lane].post];
    struct load in_force = {.plan_fd = s->plan_fd, .policy_fd = s->policy_fd};
    bool same = p->self.build == sp_build() && !always;
    if (p->state != POST_SERVING)
        return 0;
    if (p->self.layout == sp_relay_layout()) {
        int binary = same ? -1 : open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        int rc = post_say_set(s, p, &s->lanes[lane], &in_force, binary);
        if (rc == 0)
            rc = post_answer(s, p, ANSWER_MS);
        if (binary >= 0)
            close(binary);
        if (rc == 0)
            return 0;
        sp_log(SP_LOG_WARN, "keeper %u does not go on with this program: %s; a fresh one takes its lane", p->slot, strerror(-rc));
    }
    return p->state == POST_SERVING ? replace(s, lane) : 0;
}

static void renew_admin(struct supervisor *s)
{
    clerk_stop(s);
    if (clerk_start(s))
        sp_log(SP_LOG_ERROR, "the admin did not start: events wait until it does");
    s->admin_wanted = true;
}

static unsigned renew_all(struct supervisor *s)
{
    static struct lane next[LANES_MAX];
    unsigned failed = 0;
    if (lanes_open(s, s->plan, next) == 0)
        lanes_take(s, next);
    else {
        sp_log(SP_LOG_ERROR, "%s; the keepers stay as they are", s->why);
        return s->nlanes;
    }
    for (unsigned i = 0; i < s->nlanes; i++)
        failed += s->lanes[i].post != NO_POST && lane_renew(s, i, true) < 0;
    return failed;
}

static void say_how_it_went(struct supervisor *s, unsigned failed)
{
    struct sp_buf text = sp_buf_growing(SP_MESSAGE_MAX);
    sp_put_fmt(&text, "upgraded to version %s (build %016llx)", SP_VERSION, (unsigned long long)sp_build());
    if (failed)
        sp_put_fmt(&text, ", but %u of %u workers go on with the program before", failed, s->nlanes);
    sp_log(failed ? SP_LOG_ERROR : SP_LOG_INFO, "%.*s", SP_FMT(sp_buf_span(&text)));
    sp_put_byte(&text, '\n');
    order_answer(&s->users[0], failed ? SP_EXIT_RUNTIME : SP_EXIT_OK, sp_buf_span(&text));
    sp_buf_fini(&text);
}

/* Everything goes back to the program before us, which finds it as it left it. */
static int give_back(int state, struct left *l, const char *const *words, int error)
{
    sp_log(SP_LOG_ERROR, "this program cannot go on with what is there: %s", strerror(-error));
    if (l->magic != left_magic || l->returning)
        return SP_EXIT_RUNTIME;
    uint32_t returning = 1;
    if (pwrite(state, &returning, sizeof returning, offsetof(struct left, returning)) != (ssize_t)sizeof returning)
        return SP_EXIT_RUNTIME;
    return become(l->before, state, words, NULL) ? SP_EXIT_RUNTIME : SP_EXIT_OK;
}

int succession_resume(int state, const char *const *words)
{
    static struct supervisor s;
    static struct left l;
    sup_init(&s);
    s.words = words;
    int rc = read_left(state, &l);
    if (rc == 0)
        rc = take_left(&s, &l);
    if (rc < 0)
        return give_back(state, &l, words, rc);
    close(state);
    close(l.before);
    sup_reap(&s);
    s.opened = true;
    if (l.returning)
        order_answer(&s.users[0], SP_EXIT_RUNTIME, SP_LIT("the other program could not go on with what is there\n"));
    else {
        renew_admin(&s);
        say_how_it_went(&s, renew_all(&s));
    }
    return sup_serve(&s);
}
