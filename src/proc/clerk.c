/* SPDX-License-Identifier: Apache-2.0 */
/* clerk: the admin as the supervisor knows it. When it dies another one reads on where it stopped: what workers report waits in memory that it does not own. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/event.h"
#include "proc/supervisor.h"

enum clerk_limits {
    OPEN_MS = 15000, /* until its outputs are open */
    WRITE_MS = 5000, /* for what is left at the end */
    AGAIN_MS = 1000, /* between two that die */
    LINE_ROOM = 512, /* a line about a worker, with all its numbers */
};

static int say(struct supervisor *s, enum sp_message_kind kind, const void *body, size_t n, const int *fds, unsigned nfds)
{
    return s->admin.control < 0 ? -EPIPE : sp_message_send(s->admin.control, kind, sp_span_of(body, n), fds, nfds);
}

static void lose(struct supervisor *s)
{
    if (s->admin.control >= 0)
        close(s->admin.control);
    s->admin.control = -1;
    s->admin_ready = false;
    if (s->admin_waiting)
        s->admin_error = -EPIPE;
    s->admin_waiting = 0;
}

/* What cannot be said to one that is gone will be said to the next. */
static void try_say(struct supervisor *s, enum sp_message_kind kind, const void *body, size_t n, const int *fds, unsigned nfds)
{
    int rc = say(s, kind, body, n, fds, nfds);
    if (rc < 0 && rc != -EPIPE)
        sp_log(SP_LOG_WARN, "the admin was not told something (%d): %s", kind, strerror(-rc));
}

static void say_event(struct supervisor *s, const struct sp_event_worker *ev)
{
    uint8_t room[LINE_ROOM];
    struct sp_buf line = sp_buf_fixed(room, sizeof room);
    sp_event_worker_line(ev, sp_clock_real_us(), &line);
    if (!line.full)
        try_say(s, SP_ADMIN_LINE, line.p, line.n, NULL, 0);
}

/* A worker that writes what is no report is not itself any more. */
static void damaged(struct supervisor *s, const struct sp_message *m)
{
    struct sp_say_report report;
    memcpy(&report, m->body.p, sizeof report);
    if (report.slot >= POSTS_MAX)
        return;
    sp_log(SP_LOG_ERROR, "worker %u left a damaged report: it is replaced", report.slot);
    say_event(s, &(struct sp_event_worker){.slot = report.slot, .what = "damaged_report"});
    post_end_worker(&s->posts[report.slot]);
}

void clerk_hear(struct supervisor *s)
{
    static uint8_t buffer[SP_MESSAGE_MAX];
    struct sp_message m;
    struct sp_tell_done done;
    int rc = sp_process_hear(s->admin.control, SP_ROLE_ADMIN, SP_ROLE_SUPERVISOR, buffer, &m);
    if (rc == -EAGAIN)
        return;
    if (rc != 1) {
        if (rc < 0 && s->admin.pid)
            (void)kill(s->admin.pid, SIGKILL);
        lose(s);
        return;
    }
    if (m.kind == SP_ADMIN_DAMAGED) {
        damaged(s, &m);
        return;
    }
    memcpy(&done, m.body.p, sizeof done);
    if (done.kind != s->admin_waiting)
        return;
    s->admin_waiting = 0;
    s->admin_error = done.error;
    s->admin_ready |= done.kind == SP_ADMIN_START && done.error == 0;
}

void clerk_ended(struct supervisor *s, int status)
{
    lose(s);
    s->admin.pid = 0;
    s->admin.gone = true;
    s->admin.status = WIFEXITED(status) ? WEXITSTATUS(status) : SP_EXIT_RUNTIME;
    s->admin_start_ms = sup_now_ms() + AGAIN_MS;
    if (s->admin_wanted && !s->stop)
        sp_log(SP_LOG_ERROR, "the admin ended: events wait until another one is there");
}

static int say_report(struct supervisor *s, const struct post *p)
{
    struct sp_say_report report = {p->slot};
    return say(s, SP_ADMIN_REPORT, &report, sizeof report, &p->report_fd, 1);
}

static int begin(struct supervisor *s, int plan_fd)
{
    int theirs, fds[] = {plan_fd, s->wake}, rc = sp_process_pair(&s->admin.control, &theirs);
    if (rc < 0)
        return rc;
    struct sp_spawn how = {.role = SP_ROLE_ADMIN, .binary = -1, .control = theirs, .extra = -1};
    s->admin.gone = s->admin_ready = false;
    rc = say(s, SP_ADMIN_START, NULL, 0, fds, 2);
    for (unsigned i = 0; rc == 0 && i < POSTS_MAX; i++)
        if (s->posts[i].report)
            rc = say_report(s, &s->posts[i]);
    if (rc == 0)
        rc = sp_spawn(&how, &s->admin.pid);
    close(theirs);
    s->admin_waiting = rc == 0 ? SP_ADMIN_START : 0;
    if (rc < 0)
        lose(s);
    return rc;
}

static bool answered(const struct supervisor *s)
{
    return !s->admin_waiting || s->admin.gone;
}

/* When it ends without a word it has said why on standard error. */
static bool ready_or_gone(const struct supervisor *s)
{
    return s->admin_ready || s->admin.gone;
}

int clerk_start(struct supervisor *s)
{
    int rc = begin(s, s->plan_fd);
    if (rc < 0)
        return sp_complain(SP_EXIT_RUNTIME, "cannot start the admin: %s", strerror(-rc));
    if (!sup_until(s, ready_or_gone, OPEN_MS))
        return sp_complain(SP_EXIT_RUNTIME, "the admin did not open its outputs");
    if (s->admin_ready) {
        s->admin_wanted = true;
        return SP_EXIT_OK;
    }
    return s->admin.status ? s->admin.status : SP_EXIT_RUNTIME;
}

void clerk_tick(struct supervisor *s)
{
    if (!s->admin_wanted || s->admin.pid || s->stop || sup_now_ms() < s->admin_start_ms)
        return;
    s->admin_start_ms = sup_now_ms() + AGAIN_MS;
    int rc = begin(s, s->plan_fd);
    if (rc < 0)
        sp_log(SP_LOG_ERROR, "cannot start the admin: %s", strerror(-rc));
}

static bool gone(const struct supervisor *s)
{
    return s->admin.gone || !s->admin.pid;
}

static void end(struct supervisor *s)
{
    if (say(s, SP_ADMIN_STOP, NULL, 0, NULL, 0) == 0)
        (void)sup_until(s, gone, WRITE_MS);
    if (!s->admin.pid)
        return;
    (void)kill(s->admin.pid, SIGKILL);
    (void)sup_until(s, gone, WRITE_MS);
}

/* It has given up what the next plan needs: one that has not takes its place. */
static int take_anew(struct supervisor *s, int next_fd)
{
    s->admin_wanted = false;
    end(s);
    int rc = begin(s, next_fd);
    if (rc == 0 && (!sup_until(s, ready_or_gone, OPEN_MS) || !s->admin_ready)) {
        rc = -EIO; /* it has said why */
        end(s);
    }
    s->admin_wanted = true; /* when there is none now, the next begins with what is in force then */
    return rc;
}

int clerk_take(struct supervisor *s, const struct sp_plan *before, const struct sp_plan *next, int next_fd)
{
    if (s->admin.control < 0)
        return 0;
    if (!sp_sandbox_fits(sp_processes[SP_ROLE_ADMIN].sandbox, before, next))
        return take_anew(s, next_fd);
    int rc = say(s, SP_ADMIN_TAKE, NULL, 0, &next_fd, 1);
    if (rc < 0)
        return rc;
    s->admin_waiting = SP_ADMIN_TAKE;
    if (!sup_until(s, answered, OPEN_MS))
        return -ETIMEDOUT;
    return s->admin_error == -EPIPE ? 0 : s->admin_error;
}

void clerk_reopen(struct supervisor *s)
{
    try_say(s, SP_ADMIN_REOPEN, NULL, 0, NULL, 0);
}

void clerk_report(struct supervisor *s, const struct post *p)
{
    int rc = say_report(s, p);
    if (rc < 0 && rc != -EPIPE)
        sp_log(SP_LOG_ERROR, "the admin was not given the report of worker %u: %s", p->slot, strerror(-rc));
}

void clerk_death(struct supervisor *s, const struct post *p, const struct sp_message *m)
{
    static const char *const what[] = {[SP_DEATH_FAULT] = "died", [SP_DEATH_HANG] = "hung", [SP_DEATH_FOREIGN] = "killed"};
    struct sp_tell_death death;
    memcpy(&death, m->body.p, sizeof death);
    death.slot = p->slot; /* whatever the keeper calls itself */
    if (m->nfds)
        try_say(s, SP_ADMIN_CAPTURE, &death, sizeof death, m->fds, 1);
    say_event(s, &(struct sp_event_worker){.slot = p->slot, .what = what[death.how <= SP_DEATH_FOREIGN ? death.how : SP_DEATH_FAULT],
                                           .signal = death.signal, .restart_us = death.restart_us});
}

void clerk_mode(struct supervisor *s, const struct post *p, bool plain)
{
    say_event(s, &(struct sp_event_worker){.slot = p->slot, .what = plain ? "plain" : "inspecting"});
}

void clerk_stop(struct supervisor *s)
{
    s->admin_wanted = false;
    end(s);
}
