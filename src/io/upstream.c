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
    const struct sp_plan_service *s = conn_service(w, c);
    char text[SP_ADDRESS_TEXT];
    w->count->server_failures++;
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
    uint8_t text[SP_PROXY_WRITE_MAX];
    struct sp_buf header = sp_buf_fixed(text, sizeof text);
    sp_proxy_write((enum sp_proxy_mode)conn_service(w, c)->proxy_out, &c->session.client, &c->session.server, &header);
    if (!sp_session_precede(&w->engine, &c->session, sp_buf_span(&header)))
        conn_fail(w, c, 503, "out_of_memory");
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
    hand_mark(w, c, HAND_STEP, SP_S2C, 0);
    int fd = socket(to->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    c->fd[SP_S2C] = fd;
    c->server = SERVER_CONNECTING;
    c->since_ms = worker_now(w);
    if (to->sa.any.sa_family != AF_UNIX) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* without it everything works, slower */
        (void)setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &one, sizeof one); /* urgent bytes are bytes like others, and are counted like them */
    }
    hand_mark(w, c, HAND_STEP, SP_S2C, 0); /* a successor finds the socket and asks it */
    int rc = connect(fd, &to->sa.any, to->len) == 0 ? 0 : -errno;
    bool pending = rc == -EINPROGRESS;
    /* Watched only now: an unconnected socket would report its hang-up. */
    if (rc == 0 || pending)
        rc = worker_watch(w, c, SP_S2C);
    if (rc == 0 && !pending)
        connected(w, c);
    return rc;
}

/* This address is done with: what a successor finds is that the next one is due, and a socket that nobody knows. */
static void leave(struct worker *w, struct conn *c)
{
    int fd = c->fd[SP_S2C];
    c->address++;
    c->fd[SP_S2C] = -1;
    c->server = SERVER_NONE;
    c->readable &= (uint8_t)~dir_bit(SP_S2C);
    c->ended &= (uint8_t)~dir_bit(SP_S2C);
    c->blocked &= (uint8_t)~dir_bit(SP_C2S);
    hand_mark(w, c, HAND_STEP, SP_S2C, 0);
    if (fd >= 0)
        close(fd);
}

static void try_next(struct worker *w, struct conn *c, int error)
{
    const struct sp_plan_service *s = conn_service(w, c);
    while (c->address < s->to.n) {
        int rc = attempt(w, c, &s->to.at[c->address]);
        if (rc == 0) {
            conn_schedule(w, c);
            return;
        }
        error = -rc;
        leave(w, c);
    }
    give_up(w, c, error);
}

void upstream_connect(struct worker *w, struct conn *c)
{
    try_next(w, c, EHOSTUNREACH); /* said when a predecessor has tried all addresses */
}

void upstream_settle(struct worker *w, struct conn *c, int error)
{
    hand_mark(w, c, HAND_STEP, SP_S2C, 0);
    socklen_t len = sizeof error;
    if (error == 0 && (c->ended & dir_bit(SP_S2C)) && getsockopt(c->fd[SP_S2C], SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    if (error == 0) {
        connected(w, c);
        return;
    }
    leave(w, c);
    try_next(w, c, error);
}

void upstream_again(struct worker *w, struct conn *c)
{
    const struct sp_address *to = &conn_service(w, c)->to.at[c->address];
    int rc = connect(c->fd[SP_S2C], &to->sa.any, to->len) == 0 || errno == EISCONN ? 0 : errno;
    if (rc == EALREADY || rc == EINPROGRESS)
        return;
    if (rc == 0)
        c->ended &= (uint8_t)~dir_bit(SP_S2C);
    upstream_settle(w, c, rc);
}

static bool server_open(const struct conn *c)
{
    return c->server == SERVER_CONNECTING || c->server == SERVER_UP;
}

void upstream_drop(struct worker *w, struct conn *c, bool reset)
{
    if (server_open(c))
        sp_close_socket(c->fd[SP_S2C], reset);
    splice_end(w, c, SP_C2S);
    c->fd[SP_S2C] = -1;
    c->server = SERVER_GONE;
    c->readable &= (uint8_t)~dir_bit(SP_S2C);
    c->ended &= (uint8_t)~dir_bit(SP_S2C);
    c->blocked &= (uint8_t)~dir_bit(SP_C2S);
}

static void close_server(struct worker *w, struct conn *c, bool reset)
{
    if (server_open(c))
        hand_mark(w, c, HAND_CLOSE_SERVER, SP_S2C, reset);
    upstream_drop(w, c, reset);
}

void upstream_close(struct worker *w, struct conn *c)
{
    close_server(w, c, false);
}

void upstream_abort(struct worker *w, struct conn *c)
{
    close_server(w, c, true);
}
