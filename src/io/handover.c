/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handover: a connection goes to another worker at a message boundary, where it is two descriptors and a few numbers, whatever the layout of
 * either's memory. One packet each, over a SOCK_SEQPACKET pair. The receiver trusts nothing in it but the descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "io/worker.h"

#define HANDOVER_MAGIC UINT64_C(0x7265766f646e6101)

enum handover_limits {
    HANDOVERS_TURN = 64, /* connections taken at once: then those that are open have their turn */
};

/* ---- giving ---- */

static struct handover describe(const struct worker *w, const struct conn *c)
{
    const struct sp_session *s = &c->session;
    const struct sp_proto *proto = sp_protos[s->proto];
    struct handover h = {.magic = HANDOVER_MAGIC, .flow_id = s->flow_id, .client = s->client, .server = s->server, .opaque = s->opaque,
                         .preface_due = c->phase == CONN_PREFACE, .has_server = c->server == SERVER_UP, .address = c->address,
                         .perhaps_given = c->perhaps_given, .preface = c->preface, .state_size = proto->state_size,
                         .state_version = proto->state_version + SP_STATE_VERSION_BUMP};
    for (int dir = 0; dir < 2; dir++) {
        h.taken[dir] = s->side[dir].bytes;
        h.given[dir] = c->given[dir];
        h.messages[dir] = s->side[dir].messages;
    }
    memcpy(h.state, s->state, sizeof h.state);
    memcpy(h.service, conn_service(w, c)->name, sizeof h.service);
    memcpy(h.protocol, conn_service(w, c)->protocol, sizeof h.protocol);
    return h;
}

static bool can_go(const struct conn *c)
{
    if (c->phase == CONN_PREFACE)
        return true;
    bool server = c->server == SERVER_UP || c->server == SERVER_NONE;
    bool quiet = !c->piped[SP_C2S] && !c->piped[SP_S2C] && !(c->asked && !c->session.opaque);
    return c->phase == CONN_OPEN && server && quiet && sp_session_at_rest(&c->session);
}

static int give(int channel, struct handover *h, const struct conn *c)
{
    struct incoming out = {.control = {0}};
    struct iovec io = {h, sizeof *h};
    size_t n = h->has_server ? 2 : 1;
    struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = out.control, .msg_controllen = CMSG_SPACE(n * sizeof(int))};
    struct cmsghdr *cm = CMSG_FIRSTHDR(&m);
    cm->cmsg_level = SOL_SOCKET;
    cm->cmsg_type = SCM_RIGHTS;
    cm->cmsg_len = CMSG_LEN(n * sizeof(int));
    memcpy(CMSG_DATA(cm), c->fd, n * sizeof(int));
    return sendmsg(channel, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

bool handover_give(struct worker *w, struct conn *c)
{
    if (!can_go(c))
        return false;
    struct handover h = describe(w, c);
    hand_mark(w, c, HAND_PASS, SP_C2S, 0);
    if (give(w->segment->drain, &h, c) < 0)
        return false; /* full, or nobody there: it is looked at again */
    w->count->handed_over++;
    conn_close(w, c); /* the descriptors that are left say nothing to the peers */
    return true;
}

/* ---- receiving ---- */

static int service_named(const struct worker *w, const struct handover *h)
{
    for (uint32_t i = 0; i < w->conf.plan->nservices; i++) {
        const struct sp_plan_service *s = &w->conf.plan->services[i];
        if (strcmp(s->name, h->service) == 0 && strcmp(s->protocol, h->protocol) == 0)
            return (int)i;
    }
    return -1;
}

/* A worker that died while it gave a connection gives it twice. */
static bool is_here(const struct worker *w, uint64_t flow_id)
{
    for (uint32_t i = 1; i <= w->segment->fresh; i++)
        if (w->conns[i].phase != CONN_FREE && w->conns[i].session.flow_id == flow_id)
            return true;
    return false;
}

/* Its bytes have been read by somebody since it was described: it was here, and has ended. */
static bool was_here(const struct handover *h, int fd)
{
    bool reset = false;
    int64_t n = settle_taken(fd, &reset);
    return n >= 0 && (uint64_t)n != h->taken[SP_C2S] + h->preface;
}

static bool is_handover(const struct worker *w, struct handover *h, int client)
{
    if (h->magic != HANDOVER_MAGIC)
        return false;
    h->service[SP_PLAN_NAME - 1] = h->protocol[SP_PLAN_NAME - 1] = 0;
    return service_named(w, h) >= 0 && h->address < SP_ADDRESSES_MAX && !(h->perhaps_given && (is_here(w, h->flow_id) || was_here(h, client)));
}

static void fill(struct worker *w, struct conn *c, const struct handover *h, const int *fd)
{
    struct sp_session *s = &c->session;
    const struct sp_proto *proto = sp_protos[s->proto];
    s->flow_id = h->flow_id;
    s->client = h->client;
    s->server = h->server;
    s->opaque |= h->opaque;
    c->phase = h->preface_due ? CONN_PREFACE : CONN_OPEN;
    c->preface = h->preface;
    c->address = h->address;
    for (int dir = 0; dir < 2; dir++) {
        s->side[dir].bytes = h->taken[dir];
        s->side[dir].messages = h->messages[dir];
        c->given[dir] = h->given[dir];
    }
    if (h->state_version == proto->state_version + SP_STATE_VERSION_BUMP) {
        memset(s->state, 0, sizeof s->state);
        memcpy(s->state, h->state, h->state_size < proto->state_size ? h->state_size : proto->state_size);
        if (!proto->plausible(s->state))
            memset(s->state, 0, sizeof s->state);
    } /* else a fresh one does: that is what a boundary means */
    if (h->has_server) {
        c->fd[SP_S2C] = fd[1];
        c->server = SERVER_UP;
    }
    s->busy_ms = worker_now(w);
}

static bool place(struct worker *w, const struct handover *h, const int *fd)
{
    hand_accept(w, UINT32_MAX); /* from no listener */
    struct conn *c = conn_open(w, fd[0], (uint16_t)service_named(w, h));
    if (!c)
        return false;
    fill(w, c, h, fd);
    if (worker_watch(w, c, SP_C2S) < 0 || (h->has_server && worker_watch(w, c, SP_S2C) < 0))
        conn_close(w, c);
    else
        worker_look_again(w, c);
    hand_done(w, c);
    return true;
}

unsigned handover_received(const struct worker *w, int ret[2])
{
    const struct incoming *in = &w->segment->incoming;
    const struct cmsghdr *cm = (const void *)in->control;
    bool rights = cm->cmsg_level == SOL_SOCKET && cm->cmsg_type == SCM_RIGHTS;
    size_t n = rights && cm->cmsg_len >= CMSG_LEN(0) ? (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;
    if (n > 2)
        n = 0;
    memcpy(ret, CMSG_DATA(cm), n * sizeof(int));
    return (unsigned)n;
}

void handover_place(struct worker *w)
{
    struct incoming *in = &w->segment->incoming;
    int fd[2] = {-1, -1};
    unsigned n = handover_received(w, fd);
    bool placed = n == (in->what.has_server ? 2u : 1u) && is_handover(w, &in->what, fd[0]) && place(w, &in->what, fd);
    for (unsigned i = 0; i < n && !placed; i++)
        close(fd[i]);
    *in = (struct incoming){.control = {0}};
}

/* The other one has nothing left. First forgotten, then closed: a successor must not wait for what is not there. */
static void end_receiving(struct worker *w)
{
    int channel = w->segment->receive;
    (void)epoll_ctl(w->segment->epoll, EPOLL_CTL_DEL, channel, NULL); /* closing alone would do, but for other holders of it */
    w->segment->receive = -1;
    close(channel);
}

/* False: nothing more is there. */
static bool receive_one(struct worker *w)
{
    struct incoming *in = &w->segment->incoming;
    struct iovec io = {&in->what, sizeof in->what};
    struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = in->control, .msg_controllen = sizeof in->control};
    ssize_t n = recvmsg(w->segment->receive, &m, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        end_receiving(w);
    if (n <= 0)
        return false;
    handover_place(w);
    return true;
}

void handover_receive(struct worker *w)
{
    for (unsigned i = 0; i < HANDOVERS_TURN && receive_one(w); i++)
        ;
}
