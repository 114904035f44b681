/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message: packets between processes. The table says what a packet of each kind may look like; nothing else is looked at before that holds.
 *
 * Received descriptors are not closed on exec: a keeper that goes on as another program keeps them, and whoever starts a process closes in it what it
 * is not to have.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proc/message.h"

struct shape {
    bool known;              /* there is such a kind */
    uint32_t min, max;       /* bytes of the body; equal when it is a struct */
    uint16_t min_fds, max_fds;
};

enum { TEXT_MAX = SP_MESSAGE_MAX - sizeof(uint32_t) };

#define STRUCT(s) true, sizeof(struct s), sizeof(struct s)
#define TEXT true, 0, TEXT_MAX
#define STATUS_AND_TEXT true, sizeof(uint32_t), TEXT_MAX
#define NOTHING true, 0, 0

static const struct shape shapes[] = {
    [SP_SAY_START] = {STRUCT(sp_say_start), 4, 4},
    [SP_SAY_LISTENERS] = {NOTHING, 1, SP_MESSAGE_FDS},
    [SP_SAY_TAKE] = {STRUCT(sp_say_start), 2, 2},
    [SP_SAY_STOP] = {STRUCT(sp_say_grace), 0, 0},
    [SP_SAY_UPGRADE] = {STRUCT(sp_say_start), 3, 3},
    [SP_SAY_DRAIN] = {STRUCT(sp_say_grace), 1, 1},
    [SP_SAY_RECEIVE] = {NOTHING, 1, 1},
    [SP_SAY_HELLO] = {NOTHING, 0, 0},
    [SP_TELL_SELF] = {STRUCT(sp_tell_self), 0, 2},
    [SP_TELL_DONE] = {STRUCT(sp_tell_done), 0, 0},
    [SP_TELL_DEATH] = {STRUCT(sp_tell_death), 0, 1},
    [SP_TELL_MODE] = {STRUCT(sp_tell_mode), 0, 0},
    [SP_TELL_LISTENERS] = {NOTHING, 1, SP_MESSAGE_FDS},
    [SP_SAY_COMPILE] = {NOTHING, 0, 2},
    [SP_TELL_COMPILED] = {TEXT, 2, 2},
    [SP_TELL_WRONG] = {STATUS_AND_TEXT, 0, 0},
    [SP_ADMIN_START] = {NOTHING, 2, 2},
    [SP_ADMIN_REPORT] = {STRUCT(sp_say_report), 1, 1},
    [SP_ADMIN_TAKE] = {NOTHING, 1, 1},
    [SP_ADMIN_CAPTURE] = {STRUCT(sp_tell_death), 1, 1},
    [SP_ADMIN_LINE] = {TEXT, 0, 0},
    [SP_ADMIN_REOPEN] = {NOTHING, 0, 0},
    [SP_ADMIN_STOP] = {NOTHING, 0, 0},
    [SP_ADMIN_DONE] = {STRUCT(sp_tell_done), 0, 0},
    [SP_ADMIN_DAMAGED] = {STRUCT(sp_say_report), 0, 0},
    [SP_ASK_RELOAD] = {NOTHING, 0, 0},
    [SP_ASK_UPGRADE] = {NOTHING, 1, 1},
    [SP_ASK_STATUS] = {NOTHING, 0, 0},
    [SP_ASK_STATUS_JSON] = {NOTHING, 0, 0},
    [SP_ANSWER] = {STATUS_AND_TEXT, 0, 0},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* What goes before the body. */
struct head {
    uint32_t kind;
};

_Static_assert(sizeof(struct head) + TEXT_MAX <= SP_MESSAGE_MAX, "the longest text is still a packet");

static bool fits(uint32_t kind, size_t body, unsigned nfds)
{
    if (kind >= SHAPES || !shapes[kind].known)
        return false;
    const struct shape *s = &shapes[kind];
    return body >= s->min && body <= s->max && nfds >= s->min_fds && nfds <= s->max_fds;
}

union control {
    struct cmsghdr align;
    char room[CMSG_SPACE(SP_MESSAGE_FDS * sizeof(int))];
};

/* ---- sending ---- */

int sp_message_send(int fd, enum sp_message_kind kind, struct sp_span body, const int *fds, unsigned nfds)
{
    union control control;
    struct head head = {kind};
    struct iovec parts[2] = {{&head, sizeof head}, {(void *)(uintptr_t)body.p, body.n}};
    struct msghdr packet = {.msg_iov = parts, .msg_iovlen = body.n ? 2 : 1};
    if (!fits(kind, body.n, nfds))
        return -EINVAL;
    if (nfds) {
        memset(&control, 0, sizeof control);
        packet.msg_control = control.room;
        packet.msg_controllen = CMSG_SPACE(nfds * sizeof *fds);
        struct cmsghdr *c = CMSG_FIRSTHDR(&packet);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(nfds * sizeof *fds);
        memcpy(CMSG_DATA(c), fds, nfds * sizeof *fds);
    }
    ssize_t n;
    do
        n = sendmsg(fd, &packet, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

/* ---- receiving ---- */

static void take_fds(struct msghdr *packet, struct sp_message *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(packet); c; c = CMSG_NXTHDR(packet, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (m->nfds < SP_MESSAGE_FDS)
                m->fds[m->nfds++] = fd;
            else
                close(fd);
        }
    }
}

static bool take_packet(const struct msghdr *packet, const struct head *head, const uint8_t *body, size_t n, struct sp_message *m)
{
    if (packet->msg_flags & (MSG_TRUNC | MSG_CTRUNC) || n < sizeof *head || !fits(head->kind, n - sizeof *head, m->nfds))
        return false;
    m->kind = head->kind;
    m->body = sp_span_of(body, n - sizeof *head);
    return true;
}

int sp_message_receive(int fd, uint8_t *buffer, struct sp_message *ret)
{
    union control control;
    struct head head = {0};
    struct iovec parts[2] = {{&head, sizeof head}, {buffer, SP_MESSAGE_MAX}}; /* so that the body, often a struct, is aligned as `buffer` is */
    struct msghdr packet = {.msg_iov = parts, .msg_iovlen = 2, .msg_control = control.room, .msg_controllen = sizeof control.room};
    struct sp_message m = {.nfds = 0};
    ssize_t n;
    do
        n = recvmsg(fd, &packet, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == ECONNRESET ? 0 : -errno;
    take_fds(&packet, &m);
    /* An empty packet looks like the end, and is no message anyway. */
    if (n == 0 && m.nfds == 0)
        return 0;
    if (!take_packet(&packet, &head, buffer, (size_t)n, &m)) {
        sp_message_close_fds(&m);
        return -EPROTO;
    }
    *ret = m;
    return 1;
}

void sp_message_close_fds(struct sp_message *m)
{
    for (unsigned i = 0; i < m->nfds; i++)
        close(m->fds[i]);
    m->nfds = 0;
}
