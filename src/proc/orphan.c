/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orphan: a worker whose keeper died serves on, for it has everything that it needs, and hears the next supervisor in its keeper's place: that will let it
 * hand its sessions over to another worker. It looks once a second, between two turns; so nothing of this costs a session anything.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proc/keeper.h"

enum { MESSAGES_TICK = 8 };

static uint8_t buffer[SP_MESSAGE_MAX];

static void take_supervisor(struct orphan *o)
{
    int fd = accept4(o->listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd >= 0 && sp_process_trusts(fd))
        o->control = fd;
    else if (fd >= 0)
        close(fd);
}

static void lose_supervisor(struct orphan *o)
{
    close(o->control);
    o->control = -1;
}

static void tell(struct orphan *o, enum sp_message_kind kind, const void *body, size_t n, const int *fds, unsigned nfds)
{
    if (o->control >= 0 && sp_message_send(o->control, kind, sp_span_of(body, n), fds, nfds) < 0)
        lose_supervisor(o);
}

static void introduce(struct orphan *o)
{
    static int listeners[SP_PLAN_LISTENERS];
    unsigned n = sp_relay_listeners(o->of->relay, listeners);
    const struct keeper *k = o->of;
    int fds[] = {k->report_fd, k->report_wake};
    struct sp_tell_self self = {
        .build = sp_build(),
        .layout = sp_relay_layout(),
        .slot = k->slot,
        .pid = (uint32_t)getpid(),
        .worker = (uint32_t)getpid(),
        .mode = sp_report_mode(k->report),
        .nlisteners = n,
        .restarts = k->restarts,
    };
    tell(o, SP_TELL_SELF, &self, sizeof self, fds, 2);
    for (unsigned i = 0; i < n; i += SP_MESSAGE_FDS)
        tell(o, SP_TELL_LISTENERS, NULL, 0, listeners + i, n - i < SP_MESSAGE_FDS ? n - i : SP_MESSAGE_FDS);
}

static void done(struct orphan *o, uint32_t asked, int error)
{
    struct sp_tell_done d = {asked, error};
    o->told = false;
    /* Others who hold the same sockets listen on; without any, who connects is told at once that nobody does. */
    for (unsigned i = 0; i < o->nlisteners && error == 0; i++)
        close(o->listeners[i]);
    o->nlisteners = 0;
    tell(o, SP_TELL_DONE, &d, sizeof d, NULL, 0);
}

static void end(struct orphan *o, const struct sp_message *m)
{
    struct sp_relay_told order = {.order = m->kind == SP_SAY_STOP ? SP_ORDER_STOP : SP_ORDER_DRAIN,
                                  .grace_ms = ((const struct sp_say_grace *)(const void *)m->body.p)->grace_ms,
                                  .plan = -1,
                                  .policy = -1,
                                  .channel = m->nfds ? m->fds[0] : -1};
    o->nlisteners = sp_relay_listeners(o->of->relay, o->listeners);
    int rc = sp_relay_tell(o->of->relay, &order);
    o->told = rc == 0;
    o->asked = m->kind;
    if (rc == 0)
        return;
    if (order.channel >= 0)
        close(order.channel);
    done(o, m->kind, rc);
}

static bool hear(struct orphan *o)
{
    struct sp_message m;
    int rc = sp_process_hear(o->control, SP_ROLE_SUPERVISOR, SP_ROLE_WORKER, buffer, &m);
    if (rc == -EAGAIN)
        return false;
    if (rc != 1)
        lose_supervisor(o);
    else if (m.kind == SP_SAY_HELLO)
        introduce(o);
    else
        end(o, &m);
    return rc == 1;
}

void orphan_tick(void *orphan)
{
    struct orphan *o = orphan;
    if (getppid() == o->keeper || o->listener < 0)
        return;
    if (o->control < 0)
        take_supervisor(o);
    if (o->told) {
        int rc = sp_relay_answer(o->of->relay);
        if (rc != -EAGAIN)
            done(o, o->asked, rc);
    }
    for (unsigned i = 0; i < MESSAGES_TICK && o->control >= 0 && !o->told && hear(o); i++)
        ;
}
