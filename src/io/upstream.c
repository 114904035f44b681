/* SPDX-License-Identifier: Apache-2.0 */
/* upstream: the connection to the server. A name that stands for several addresses has them tried in turn. */
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "io/worker.h"

static void say_failed(struct worker *w, const struct conn *c, int error)
{
    const struct service *s = conn_service(w, c);
    char text[SP_ADDRESS_TEXT];
    w->count.server_failures++;
    if (!worker_may_say(w, SAY_SERVER))
        return;
    unsigned last = c->address < s->to.n ? c->address : s->to.n - 1;
    sp_address_text(&s->to.at[last], text);
    sp_log(SP_LOG_WARN, "service %s: cannot connect to the server at %s: %s", s->name, text, strerror(error));
}

static void give_up(struct worker *w, struct conn *c, int error)
{
    say_failed(w, c, error);
    c->server = SERVER_GONE;
    switch (error) {
    case ETIMEDOUT:
        conn_fail(w, c, 504, "server_timeout");
        break;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EADDRNOTAVAIL: /* no local port is left */
        conn_fail(w, c, 503, "out_of_descriptors");
        break;
    default:
        conn_fail(w, c, 502, "server_down");
    }
}

static void announce(struct worker *w, struct conn *c)
{
    const struct service *s = conn_service(w, c);
    uint8_t text[SP_PROXY_WRITE_MAX];
    struct sp_buf header = sp_buf_fixed(text, sizeof text);
    sp_proxy_write(s->proxy_out, &c->session.client, &c->session.server, &header);
    /* A fresh socket has room for so little; if not, the connection is of no use. */
    int more = sp_session_out(&w->engine, &c->session, SP_C2S).n ? MSG_MORE : 0;
    if (send(c->fd[SP_S2C], text, header.n, MSG_NOSIGNAL | more) == (ssize_t)header.n)
        return;
    c->asked = true;
    c->ended |= dir_bit(SP_S2C);
    c->readable |= dir_bit(SP_S2C);
    (void)shutdown(c->fd[SP_S2C], SHUT_RDWR); /* reading finds the end */
}

static void connected(struct worker *w, struct conn *c)
{
    c->server = SERVER_UP;
    if (conn_service(w, c)->proxy_out != SP_PROXY_OFF)
        announce(w, c);
}

/* One address. 0 when it is connected or on its way, else -errno. */
static int attempt(struct worker *w, struct conn *c, const struct sp_address *to)
{
    int one = 1;
    int fd = socket(to->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    c->fd[SP_S2C] = fd;
    c->server = SERVER_CONNECTING;
    c->since_ms = worker_now(w);
    if (to->sa.any.sa_family != AF_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* without it everything works, slower */
    int rc = connect(fd, &to->sa.any, to->len) == 0 ? 0 : -errno;
    bool pending = rc == -EINPROGRESS;
    /* Watched only now: an unconnected socket would report its hang-up. */
    if (rc == 0 || pending)
        rc = worker_watch(w, c, SP_S2C);
    if (rc < 0)
        upstream_close(w, c);
    else if (!pending)
        connected(w, c);
    return rc;
}

static void try_next(struct worker *w, struct conn *c, int error)
{
    const struct service *s = conn_service(w, c);
    for (; c->address < s->to.n; c->address++) {
        int rc = attempt(w, c, &s->to.at[c->address]);
        if (rc == 0) {
            conn_schedule(w, c);
            return;
        }
        error = -rc;
    }
    give_up(w, c, error);
}

void upstream_connect(struct worker *w, struct conn *c)
{
    try_next(w, c, 0);
}

void upstream_settle(struct worker *w, struct conn *c, int error)
{
    socklen_t len = sizeof error;
    if (error == 0 && (c->ended & dir_bit(SP_S2C)) && getsockopt(c->fd[SP_S2C], SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    if (error == 0) {
        connected(w, c);
        return;
    }
    upstream_close(w, c);
    c->address++;
    try_next(w, c, error);
}

void upstream_close(struct worker *w, struct conn *c)
{
    if (c->server == SERVER_CONNECTING || c->server == SERVER_UP)
        close(c->fd[SP_S2C]);
    splice_end(w, c, SP_C2S);
    c->fd[SP_S2C] = -1;
    c->server = SERVER_GONE;
    c->readable &= (uint8_t)~dir_bit(SP_S2C);
    c->ended &= (uint8_t)~dir_bit(SP_S2C);
    c->blocked &= (uint8_t)~dir_bit(SP_C2S);
}

void upstream_abort(struct worker *w, struct conn *c)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (c->server == SERVER_CONNECTING || c->server == SERVER_UP)
        (void)setsockopt(c->fd[SP_S2C], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once); /* unix sockets have no reset */
    upstream_close(w, c);
}
