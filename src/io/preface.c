/* SPDX-License-Identifier: Apache-2.0 */
/* preface: the PROXY protocol header that a client's connection starts with. It is looked at in the socket, so nothing has to be kept for it. */
#include <errno.h>

#include "base/log.h"
#include "io/worker.h"

static void tell(struct worker *w, const struct conn *c)
{
    struct sp_event ev = {.session = &c->session, .policy = w->engine.policy, .dir = SP_C2S, .act = SP_CLOSE, .anomaly = "proxy_header"};
    if (w->engine.emit)
        w->engine.emit(w->engine.ctx, &ev);
    if (worker_may_say(w, SAY_PREFACE))
        sp_log(SP_LOG_WARN, "service %s: a connection does not start with a PROXY protocol header; closed", conn_service(w, c)->name);
}

static void accept_header(struct worker *w, struct conn *c, const struct sp_proxy_header *h, size_t len)
{
    hand_mark(w, c, HAND_STEP, SP_C2S, 0);
    if (h->known) {
        c->session.client = h->client;
        c->session.server = h->server;
    }
    c->session.busy_ms = worker_now(w);
    hand_mark(w, c, HAND_PREFACE, SP_C2S, len);
    if (recv(c->fd[SP_C2S], NULL, len, MSG_TRUNC) != (ssize_t)len) { /* they were there a moment ago */
        conn_close(w, c);
        return;
    }
    c->phase = CONN_OPEN;
    c->preface = (uint32_t)len;
    conn_run(w, c);
}

void preface_read(struct worker *w, struct conn *c)
{
    uint8_t text[SP_PROXY_HEADER_MAX];
    struct sp_proxy_header header;
    ssize_t n = recv(c->fd[SP_C2S], text, sizeof text, MSG_PEEK);
    if (n < 0 && errno == EAGAIN)
        return;
    int len = n > 0 ? sp_proxy_parse(sp_span_of(text, (size_t)n), (enum sp_proxy_mode)conn_service(w, c)->proxy_in, &header) : -EPROTO;
    if (len > 0) {
        accept_header(w, c, &header, (size_t)len);
        return;
    }
    if (len == 0 && !(c->ended & dir_bit(SP_C2S)))
        return;
    if (n > 0) { /* a connection that ends without a word is a port check */
        w->count->preface_failures++;
        tell(w, c);
    }
    conn_close(w, c);
}
