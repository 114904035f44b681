/* SPDX-License-Identifier: Apache-2.0 */
/*
 * local: a server behind a unix socket. The kernel keeps no count of what passed through such a socket, so bytes go through the worker's own pipe,
 * which is empty between two calls: what is in it tells a successor how far the call got. One system call more each way, on these services only.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "io/worker.h"

bool conn_is_local(const struct worker *w, const struct conn *c)
{
    return conn_service(w, c)->to.at[c->address].sa.any.sa_family == AF_UNIX;
}

/* The worker's own pipe, or NULL with errno set. */
static struct pipe_pair *own_pipe(struct worker *w)
{
    struct pipe_pair *p = &w->segment->pipes[PIPES_MAX];
    return p->fd[0] >= 0 || pipe_make(p) ? p : NULL;
}

ssize_t local_recv(struct worker *w, struct conn *c, void *to, size_t n)
{
    struct pipe_pair *p = own_pipe(w);
    if (!p)
        return -1;
    hand_mark(w, c, HAND_LOCAL_FILL, SP_S2C, 0);
    ssize_t got = splice(c->fd[SP_S2C], NULL, p->fd[1], NULL, n < p->size ? n : p->size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (got <= 0)
        return got;
    hand_next(w, HAND_LOCAL_EMPTY, (uint64_t)got);
    return read(p->fd[0], to, (size_t)got);
}

/* What the socket did not take is still in the session: here it is thrown away. */
void local_drain(struct worker *w)
{
    uint8_t waste[4096];
    while (read(w->segment->pipes[PIPES_MAX].fd[0], waste, sizeof waste) > 0)
        ;
}

ssize_t local_send(struct worker *w, struct conn *c, struct sp_span *out)
{
    struct pipe_pair *p = own_pipe(w);
    if (!p)
        return -1;
    hand_mark(w, c, HAND_LOCAL_FILL, SP_C2S, 0);
    if (out->n > p->size)
        out->n = p->size;
    ssize_t filled = write(p->fd[1], out->p, out->n);
    if (filled <= 0)
        return filled;
    hand_next(w, HAND_LOCAL_EMPTY, (uint64_t)filled);
    ssize_t sent = splice(p->fd[0], NULL, c->fd[SP_S2C], NULL, (size_t)filled, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    int error = errno;
    if (sent != filled) {
        hand_next(w, HAND_LOCAL_SENT, sent > 0 ? (uint64_t)sent : 0);
        local_drain(w);
    }
    errno = error;
    return sent;
}
