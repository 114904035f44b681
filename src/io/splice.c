/* SPDX-License-Identifier: Apache-2.0 */
/* splice: bodies that nobody reads go from socket to socket through a pipe, without being copied to us. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

#include "io/worker.h"

enum splice_limits {
    SPLICE_MIN = 256 << 10, /* shorter flows are copied: taking up a pipe costs more than one copy through the cache */
    PIPE_BYTES = 1 << 20,   /* what the kernel gives to everybody (fs.pipe-max-size) */
};

bool pipe_make(struct pipe_pair *p)
{
    int fd[2];
    if (pipe2(fd, O_NONBLOCK) < 0)
        return false;
    int size = fcntl(fd[0], F_SETPIPE_SZ, PIPE_BYTES);
    if (size < 0) /* this user has many large pipes already: it stays as it is */
        size = fcntl(fd[0], F_GETPIPE_SZ);
    p->size = size > 0 ? (uint32_t)size : 4096;
    p->fd[1] = fd[1];
    atomic_signal_fence(memory_order_seq_cst); /* the pipe is there when its first descriptor is: one that is half noted is swept away */
    p->fd[0] = fd[0];
    return true;
}

static void pipe_drop(struct pipe_pair *p)
{
    if (p->fd[0] < 0)
        return;
    int fd[2] = {p->fd[0], p->fd[1]};
    p->fd[0] = -1; /* first forgotten: a successor must not close what has the number by then */
    atomic_signal_fence(memory_order_seq_cst);
    p->fd[1] = -1;
    close(fd[0]);
    close(fd[1]);
}

void splice_init(struct worker *w)
{
    uint64_t used[SP_BITS_WORDS(PIPES_MAX)] = {0};
    for (uint32_t i = 1; i <= w->segment->fresh; i++)
        for (int dir = 0; dir < 2; dir++)
            if (w->conns[i].phase != CONN_FREE && w->conns[i].pipe[dir])
                sp_bit_set(used, w->conns[i].pipe[dir] - 1u);
    w->npipes_free = 0;
    for (uint32_t i = 0; i < PIPES_MAX; i++)
        if (!sp_bit(used, i)) {
            w->pipes_free[w->npipes_free++] = (uint16_t)i;
            if (w->segment->pipes[i].fd[0] >= 0 && settle_piped(w->segment->pipes[i].fd[0]) != 0)
                pipe_drop(&w->segment->pipes[i]);
        }
}

static bool pipe_take(struct worker *w, struct conn *c, enum sp_dir dir)
{
    if (w->npipes_free == 0)
        return false;
    uint16_t at = w->pipes_free[w->npipes_free - 1];
    if (w->segment->pipes[at].fd[0] < 0 && !pipe_make(&w->segment->pipes[at]))
        return false;
    w->npipes_free--;
    c->pipe[dir] = (uint16_t)(at + 1);
    return true;
}

bool splice_wanted(struct worker *w, struct conn *c, enum sp_dir dir)
{
    uint64_t n = sp_session_spliceable(&c->session, dir);
    if (n == 0 || c->pipe[dir])
        return n > 0;
    /* Without a known length only the traffic itself tells bulk from a conversation. */
    bool worth = n == UINT64_MAX ? c->bulk & dir_bit(dir) : n >= SPLICE_MIN;
    return worth && pipe_take(w, c, dir);
}

ssize_t splice_in(struct worker *w, struct conn *c, enum sp_dir dir)
{
    const struct pipe_pair *p = &w->segment->pipes[c->pipe[dir] - 1];
    uint64_t most = sp_session_spliceable(&c->session, dir);
    if (most > p->size - c->piped[dir])
        most = p->size - c->piped[dir];
    if (most == 0)
        return -EAGAIN;
    hand_mark(w, c, HAND_SPLICE_IN, dir, 0);
    ssize_t n = splice(c->fd[dir], NULL, p->fd[1], NULL, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n < 0)
        return -errno;
    c->piped[dir] += (uint32_t)n;
    return n;
}

ssize_t splice_out(struct worker *w, struct conn *c, enum sp_dir dir)
{
    const struct pipe_pair *p = &w->segment->pipes[c->pipe[dir] - 1];
    hand_mark(w, c, HAND_SPLICE_OUT, dir, 0);
    ssize_t n = splice(p->fd[0], NULL, c->fd[dir_back(dir)], NULL, c->piped[dir], SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n < 0)
        return -errno;
    c->piped[dir] -= (uint32_t)n;
    return n;
}

void splice_end(struct worker *w, struct conn *c, enum sp_dir dir)
{
    if (!c->pipe[dir])
        return;
    uint16_t at = (uint16_t)(c->pipe[dir] - 1);
    if (c->piped[dir]) /* somebody else's bytes */
        pipe_drop(&w->segment->pipes[at]);
    w->pipes_free[w->npipes_free++] = at;
    c->pipe[dir] = 0;
    c->piped[dir] = 0;
}
