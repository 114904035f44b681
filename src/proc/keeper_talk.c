/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_talk: what a supervisor says to a keeper and what it is told. One thing is asked at a time; until that is answered the next is not read. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "proc/keeper.h"

static uint8_t buffer[SP_MESSAGE_MAX];

/* ---- telling ---- */

static void lose_supervisor(struct keeper *k)
{
    close(k->control);
    k->control = -1;
    if (k->now.plan && k->now.plan->survival)
        return;
    k->over = true; /* nobody wants us to live longer than it */
}

/* What cannot be told now is not told. */
static void tell(struct keeper *k, enum sp_message_kind kind, const void *body, size_t n, const int *fds, unsigned nfds)
{
    if (k->control < 0)
        return;
    int rc = sp_message_send(k->control, kind, sp_span_of(body, n), fds, nfds);
    if (rc < 0 && rc != -EPIPE)
        sp_log(SP_LOG_WARN, "keeper %u: the supervisor was not told something (%d): %d", k->slot, kind, -rc);
}

static struct sp_tell_self self_of(const struct keeper *k)
{
    return (struct sp_tell_self){
        .build = sp_build(),
        .layout = sp_relay_layout(),
        .slot = k->slot,
        .pid = (uint32_t)getpid(),
        .worker = (uint32_t)k->worker,
        .mode = k->report ? sp_report_mode(k->report) : SP_MODE_DOWN,
        .nlisteners = k->now.nlisteners,
        .restarts = k->restarts,
    };
}

void keeper_tell_self(struct keeper *k)
{
    struct sp_tell_self self = self_of(k);
    tell(k, SP_TELL_SELF, &self, sizeof self, NULL, 0);
}

void keeper_tell_mode(struct keeper *k, enum sp_report_mode mode)
{
    struct sp_tell_mode m = {k->slot, mode};
    tell(k, SP_TELL_MODE, &m, sizeof m, NULL, 0);
}

void keeper_tell_death(struct keeper *k)
{
    k->death.has_capture = k->capture >= 0;
    tell(k, SP_TELL_DEATH, &k->death, sizeof k->death, &k->capture, k->death.has_capture);
    if (k->capture >= 0)
        close(k->capture);
    k->capture = -1;
}

void keeper_done(struct keeper *k, int error)
{
    struct sp_tell_done done = {k->asked, error};
    if (!k->asked)
        return;
    k->asked = 0;
    tell(k, SP_TELL_DONE, &done, sizeof done, NULL, 0);
}

static void introduce(struct keeper *k)
{
    struct sp_tell_self self = self_of(k);
    int fds[] = {k->report_fd, k->report_wake};
    tell(k, SP_TELL_SELF, &self, sizeof self, fds, k->report ? 2 : 0);
    for (unsigned i = 0; i < k->now.nlisteners; i += SP_MESSAGE_FDS) {
        unsigned n = k->now.nlisteners - i;
        tell(k, SP_TELL_LISTENERS, NULL, 0, k->now.listeners + i, n < SP_MESSAGE_FDS ? n : SP_MESSAGE_FDS);
    }
}

/* ---- obeying ---- */

/* The message's descriptors are the set's from now on. */
static void take_set(struct keeper *k, struct sp_message *m, unsigned first)
{
    const struct sp_say_start *start = (const void *)m->body.p;
    k->next.plan_fd = m->fds[first];
    k->next.policy_fd = m->fds[first + 1];
    k->next.generation = start->policy_generation;
}

static void drop_next(struct keeper *k, int error)
{
    keeper_set_fini(&k->next, &k->now);
    keeper_done(k, error);
}

/* The worker did not take it. */
static void close_channel(struct keeper *k)
{
    if (k->channel >= 0)
        close(k->channel);
    k->channel = -1;
}

static void give_order(struct keeper *k, const struct sp_relay_told *order)
{
    int rc = k->relay ? sp_relay_tell(k->relay, order) : -EINVAL;
    k->told = rc == 0;
    k->channel = order->channel;
    if (rc == 0)
        return;
    close_channel(k);
    if (order->order == SP_ORDER_TAKE)
        drop_next(k, rc);
    else
        keeper_done(k, rc);
}

static void obey_listeners(struct keeper *k, struct sp_message *m)
{
    k->asked = 0; /* no answer */
    for (unsigned i = 0; i < m->nfds; i++)
        if (k->next.nlisteners < SP_PLAN_LISTENERS)
            k->next.listeners[k->next.nlisteners++] = m->fds[i];
        else
            close(m->fds[i]);
    k->next.listeners[k->next.nlisteners] = -1;
}

static int start(struct keeper *k)
{
    int rc = keeper_set_map(&k->next);
    if (rc == 0)
        rc = sp_report_map(k->report_fd, &k->report);
    if (rc == 0)
        rc = sp_relay_new(k->next.plan, k->slot, &k->relay);
    return rc == 0 ? sp_process_confine(SP_ROLE_KEEPER, k->next.plan) : rc;
}

static void obey_start(struct keeper *k, struct sp_message *m)
{
    if (k->relay) {
        sp_message_close_fds(m);
        keeper_done(k, -EALREADY);
        return;
    }
    take_set(k, m, 0);
    k->report_fd = m->fds[2];
    k->report_wake = m->fds[3];
    int rc = start(k);
    if (rc < 0) {
        keeper_done(k, rc);
        k->over = true;
        k->status = 1;
        return;
    }
    k->now = k->next;
    keeper_set_init(&k->next);
    keeper_start_worker(k);
}

/* It has given up what the next plan needs: one that has not is to take its place. */
static void rest_to_take(struct keeper *k)
{
    keeper_set_reuse(&k->next, &k->now);
    keeper_rest_worker(k, REST_TO_TAKE);
    if (k->rest != REST_TO_TAKE)
        drop_next(k, -EBUSY);
}

static void obey_take(struct keeper *k, struct sp_message *m)
{
    take_set(k, m, 0);
    int rc = keeper_set_map(&k->next);
    if (rc < 0) {
        drop_next(k, rc);
        return;
    }
    if (k->worker && k->up && !sp_sandbox_fits(sp_processes[SP_ROLE_WORKER].sandbox, k->now.plan, k->next.plan)) {
        rest_to_take(k);
        return;
    }
    struct sp_relay_told order = {
        .order = SP_ORDER_TAKE, .plan = k->next.plan_fd, .policy = k->next.policy_fd, .channel = -1, .listeners = k->next.listeners};
    give_order(k, &order);
}

static uint32_t grace_of(const struct sp_message *m)
{
    return ((const struct sp_say_grace *)(const void *)m->body.p)->grace_ms;
}

static void obey_end(struct keeper *k, struct sp_message *m)
{
    struct sp_relay_told order = {.order = m->kind == SP_SAY_STOP ? SP_ORDER_STOP : SP_ORDER_DRAIN,
                                  .grace_ms = grace_of(m),
                                  .plan = -1,
                                  .policy = -1,
                                  .channel = m->nfds ? m->fds[0] : -1};
    give_order(k, &order);
    k->ends = k->told;
    if (!k->worker) /* nor will there be one */
        k->over = true;
}

static void obey_receive(struct keeper *k, struct sp_message *m)
{
    struct sp_relay_told order = {.order = SP_ORDER_RECEIVE, .plan = -1, .policy = -1, .channel = m->fds[0]};
    give_order(k, &order);
}

static void obey_upgrade(struct keeper *k, struct sp_message *m)
{
    k->binary = m->fds[0];
    take_set(k, m, 1);
    keeper_set_reuse(&k->next, &k->now);
    if (k->worker && k->up && !k->ends)
        keeper_rest_worker(k, REST_TO_UPGRADE);
    else
        keeper_done(k, -EAGAIN);
    if (k->rest == REST_TO_UPGRADE)
        return;
    keeper_set_fini(&k->next, &k->now);
    close(k->binary);
    k->binary = -1;
}

static void obey(struct keeper *k, struct sp_message *m)
{
    k->asked = m->kind;
    switch (m->kind) {
    case SP_SAY_START:
        obey_start(k, m);
        break;
    case SP_SAY_LISTENERS:
        obey_listeners(k, m);
        break;
    case SP_SAY_TAKE:
        obey_take(k, m);
        break;
    case SP_SAY_STOP:
    case SP_SAY_DRAIN:
        obey_end(k, m);
        break;
    case SP_SAY_RECEIVE:
        obey_receive(k, m);
        break;
    case SP_SAY_UPGRADE:
        obey_upgrade(k, m);
        break;
    default: /* HELLO: sp_process_may lets nothing else in */
        k->asked = 0;
        introduce(k);
    }
}

void keeper_hear(struct keeper *k)
{
    struct sp_message m;
    int rc = sp_process_hear(k->control, SP_ROLE_SUPERVISOR, SP_ROLE_KEEPER, buffer, &m);
    if (rc == 1)
        obey(k, &m);
    else if (rc != -EAGAIN)
        lose_supervisor(k);
}

void keeper_accept(struct keeper *k)
{
    int fd = accept4(k->listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0)
        return;
    if (!sp_process_trusts(fd)) {
        close(fd);
        return;
    }
    keeper_set_fini(&k->next, &k->now); /* what another one began to say */
    k->control = fd;
}

/* ---- the worker's answer ---- */

void keeper_swap_sets(struct keeper *k)
{
    keeper_set_fini(&k->now, &k->next);
    k->now = k->next;
    keeper_set_init(&k->next);
}

/* Others hold the same sockets: they listen on, unless we were the last. */
static void close_listeners(struct keeper *k)
{
    for (unsigned i = 0; i < k->now.nlisteners; i++)
        close(k->now.listeners[i]);
    k->now.nlisteners = 0;
    k->now.listeners[0] = -1;
    sp_report_set_mode(k->report, SP_MODE_DRAINING);
}

void keeper_answered(struct keeper *k)
{
    int rc = sp_relay_answer(k->relay);
    if (rc == -EAGAIN)
        return;
    k->told = false;
    switch (k->asked) {
    case SP_SAY_TAKE:
        if (rc == 0)
            keeper_swap_sets(k);
        else
            keeper_set_fini(&k->next, &k->now);
        break;
    case SP_SAY_STOP:
    case SP_SAY_DRAIN:
        if (rc == 0)
            close_listeners(k);
        else
            k->ends = false;
        break;
    default:
        break;
    }
    if (rc < 0)
        close_channel(k);
    keeper_done(k, rc);
}
