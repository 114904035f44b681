/* SPDX-License-Identifier: Apache-2.0 */
/* accept: new connections, a bounded number a turn, and none while there is no room for them: they wait in the kernel's queue. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "io/worker.h"

enum accept_limits {
    ACCEPT_TURN = 64,  /* then those that are open have their turn */
    PAUSE_MS = 100,    /* when descriptors, memory or room have run out */
};

static void watch_listeners(struct worker *w, uint32_t events)
{
    for (uint32_t i = 0; i < w->nlisteners; i++)
        if (worker_watch_fd(w, w->listeners[i].fd, events, i, EVENT_LISTENER) < 0) /* changing a watched descriptor needs nothing that can run out */
            sp_log(SP_LOG_ERROR, "cannot watch a listener: %s", strerror(errno));
}

void accept_pause(struct worker *w, uint64_t ms)
{
    w->resume_ms = worker_now(w) + ms;
    wheel_arm(w, w->resume_ms);
    if (!w->paused)
        watch_listeners(w, 0);
    w->paused = true;
}

void accept_resume(struct worker *w)
{
    w->paused = false;
    w->resume_ms = 0;
    if (!w->segment->stopping)
        watch_listeners(w, EPOLLIN);
}

/* False: no more now. */
static bool accept_failed(struct worker *w, int error)
{
    switch (error) {
    case EAGAIN:
        return false;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        w->count->accept_failures++;
        if (worker_may_say(w, SAY_ACCEPT))
            sp_log(SP_LOG_ERROR, "cannot accept connections: %s; those that are open go on", strerror(error));
        if (!shed_idle(w))
            accept_pause(w, PAUSE_MS);
        return false;
    default: /* that connection has gone, the next one may be there */
        return true;
    }
}

static struct sp_session_addr local_address(const struct listener *l, int fd)
{
    struct sp_address a;
    a.len = sizeof a.sa;
    if (!l->wild || getsockname(fd, &a.sa.any, &a.len) < 0)
        return l->local;
    return sp_address_session(&a);
}

static bool refused_here(const struct worker *w, const struct listener *l)
{
    return worker_plain(w) && w->services[l->service].plan->fail == SP_FAIL_CLOSED;
}

void accept_welcome(struct worker *w, uint32_t listener, int fd, const struct sp_address *peer)
{
    const struct listener *l = &w->listeners[listener];
    if (refused_here(w, l)) {
        sp_close_socket(fd, true);
        return;
    }
    struct conn *c = conn_open(w, fd, l->service);
    if (!c) {
        close(fd);
        return;
    }
    c->session.client = sp_address_session(peer);
    c->session.server = local_address(l, fd);
    if (worker_watch(w, c, SP_C2S) < 0) {
        w->count->accept_failures++;
        conn_close(w, c);
        hand_done(w, c);
        return;
    }
    w->count->connections++;
    if (c->phase == CONN_OPEN && !w->services[l->service].proto->client_first)
        conn_run(w, c);
    else
        conn_schedule(w, c);
    hand_done(w, c);
}

/* Only when somebody waits for it. False: they have to wait. */
static bool make_room(struct worker *w, bool awaited)
{
    if (awaited && shed_idle(w))
        return true;
    if (awaited)
        accept_pause(w, PAUSE_MS);
    return false;
}

void accept_turn(struct worker *w, uint32_t listener)
{
    for (unsigned i = 0; i < ACCEPT_TURN && !w->paused; i++) {
        if (w->active >= w->segment->max && !make_room(w, i == 0))
            return;
        struct sp_address peer;
        peer.len = sizeof peer.sa;
        hand_accept(w, listener);
        int fd = accept4(w->listeners[listener].fd, &peer.sa.any, &peer.len, SOCK_NONBLOCK);
        if (fd >= 0)
            accept_welcome(w, listener, fd, &peer);
        else if (!accept_failed(w, errno))
            return;
    }
}
