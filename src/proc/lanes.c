/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lanes: listening sockets, one of each address for each worker (SO_REUSEPORT), so that the kernel shares connections out. We hold them besides the keepers:
 * what waits in them outlives any of those. A socket without that option, as a service manager may open it, is shared by all workers.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/listen.h"
#include "proc/notify.h"
#include "proc/supervisor.h"

enum { ACTIVATED_MAX = 4096 };

/* ---- which is which ---- */

static bool every_v6(const struct sp_address *a)
{
    return a->sa.any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->sa.v6.sin6_addr);
}

static bool same_v6(const struct sockaddr_in6 *a, const struct sockaddr_in6 *b)
{
    return a->sin6_port == b->sin6_port && a->sin6_scope_id == b->sin6_scope_id && memcmp(&a->sin6_addr, &b->sin6_addr, sizeof a->sin6_addr) == 0;
}

/* [::] is what stands for every address; on a kernel without IPv6 it was opened as 0.0.0.0. */
static bool same_place(const struct sp_address *want, const struct sp_address *have)
{
    int family = have->sa.any.sa_family;
    if (family == AF_INET && every_v6(want))
        return have->sa.v4.sin_addr.s_addr == htonl(INADDR_ANY) && have->sa.v4.sin_port == want->sa.v6.sin6_port;
    if (family != want->sa.any.sa_family)
        return false;
    if (family == AF_INET)
        return have->sa.v4.sin_addr.s_addr == want->sa.v4.sin_addr.s_addr && have->sa.v4.sin_port == want->sa.v4.sin_port;
    return family == AF_INET6 && same_v6(&want->sa.v6, &have->sa.v6);
}

static bool listens_at(int fd, const struct sp_address *at)
{
    struct sp_address have;
    memset(&have, 0, sizeof have);
    have.len = sizeof have.sa;
    return getsockname(fd, &have.sa.any, &have.len) == 0 && same_place(at, &have);
}

static int find(const struct lane *l, const struct sp_address *at)
{
    for (unsigned i = 0; i < l->n; i++)
        if (listens_at(l->listeners[i], at))
            return l->listeners[i];
    return -1;
}

static bool is_shared(int fd)
{
    int on = 0;
    socklen_t n = sizeof on;
    return getsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, &n) == 0 && on;
}

/* Of any lane. */
static int find_anywhere(const struct supervisor *s, const struct sp_address *at)
{
    for (unsigned i = 0; i < s->nlanes; i++) {
        int fd = find(&s->lanes[i], at);
        if (fd >= 0)
            return fd;
    }
    return -1;
}

/* ---- opening ---- */

static int open_one(struct supervisor *s, unsigned lane, const struct sp_address *at)
{
    int fd = find(&s->lanes[lane], at);
    if (fd >= 0)
        return fd;
    fd = find_anywhere(s, at);
    if (fd >= 0 && !is_shared(fd)) {
        int copy = dup(fd);
        return copy < 0 ? -errno : copy;
    }
    if (fd < 0 && lane == 0) {
        int rc = sp_listen_probe(at, s->why, sizeof s->why);
        if (rc < 0)
            return rc;
    }
    return sp_listen_open(at, s->why, sizeof s->why);
}

static bool has(const struct lane *l, int fd)
{
    for (unsigned i = 0; i < l->n; i++)
        if (l->listeners[i] == fd)
            return true;
    return false;
}

void lanes_drop(const struct supervisor *s, const struct lane *next)
{
    for (unsigned i = 0; i < s->nlanes; i++)
        for (unsigned k = 0; k < next[i].n; k++)
            if (!has(&s->lanes[i], next[i].listeners[k]))
                close(next[i].listeners[k]);
}

/* By address first: whoever cannot have one of them opens none of the others for long. */
int lanes_open(struct supervisor *s, const struct sp_plan *plan, struct lane *ret)
{
    for (unsigned i = 0; i < s->nlanes; i++)
        ret[i].n = 0;
    for (uint32_t k = 0; k < plan->nlisteners; k++)
        for (unsigned i = 0; i < s->nlanes; i++) {
            int fd = open_one(s, i, &plan->listeners[k].at);
            if (fd < 0) {
                lanes_drop(s, ret);
                return fd;
            }
            ret[i].listeners[ret[i].n++] = fd;
        }
    return 0;
}

static void store(const struct supervisor *s)
{
    static int all[ACTIVATED_MAX];
    unsigned n = 0;
    for (unsigned i = 0; i < s->nlanes; i++)
        for (unsigned k = 0; k < s->lanes[i].n && n < ACTIVATED_MAX; k++)
            all[n++] = s->lanes[i].listeners[k];
    sp_notify_store_listeners(all, n);
}

void lanes_take(struct supervisor *s, const struct lane *next)
{
    for (unsigned i = 0; i < s->nlanes; i++) {
        struct lane *l = &s->lanes[i];
        for (unsigned k = 0; k < l->n; k++)
            if (!has(&next[i], l->listeners[k]))
                close(l->listeners[k]);
        l->n = next[i].n;
        memcpy(l->listeners, next[i].listeners, l->n * sizeof *l->listeners);
    }
    store(s);
}

void lanes_adopt(struct supervisor *s, unsigned lane, int fd)
{
    struct lane *l = &s->lanes[lane];
    if (lane < LANES_MAX && l->n < SP_PLAN_LISTENERS)
        l->listeners[l->n++] = fd;
    else
        close(fd);
}

/* As if it was ours (io/listen.c). One that blocks would hold up all workers but the one that is faster. */
static void make_ours(int fd)
{
    int on = 1, flags = fcntl(fd, F_GETFL);
    if (flags >= 0)
        (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* Sockets of one address go to one lane after the other. */
static void give(struct supervisor *s, int fd)
{
    struct sp_address at;
    memset(&at, 0, sizeof at);
    at.len = sizeof at.sa;
    bool known = getsockname(fd, &at.sa.any, &at.len) == 0;
    for (unsigned i = 0; known && i < s->nlanes; i++)
        if (find(&s->lanes[i], &at) < 0) {
            make_ours(fd);
            lanes_adopt(s, i, fd);
            return;
        }
    close(fd);
}

void lanes_activate(struct supervisor *s)
{
    static int all[ACTIVATED_MAX];
    int n = sp_notify_listeners(all, ACTIVATED_MAX);
    for (int i = 0; i < n; i++)
        give(s, all[i]);
}

void lanes_close(struct supervisor *s)
{
    for (unsigned i = 0; i < s->nlanes; i++) {
        for (unsigned k = 0; k < s->lanes[i].n; k++)
            close(s->lanes[i].listeners[k]);
        s->lanes[i].n = 0;
    }
}
