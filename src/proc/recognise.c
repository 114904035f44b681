/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recognise: a server that speaks first shows what it is; others are asked with a hello that has no effect, binary ones first: servers of text
 * protocols wait for the end of a line, while those of binary ones write complaints about text into their logs.
 */
#include "proc/recognise.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum recognise_limits {
    GREETING_MS = 250, /* servers that speak first do so at once */
    ANSWER_MS = 1000,
    ANSWER_MAX = 512,
};

static bool await(int fd, short what, int ms)
{
    struct pollfd p = {.fd = fd, .events = what};
    return poll(&p, 1, ms) > 0;
}

static int reach(const struct sp_address *a)
{
    int fd = socket(a->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error = 0;
    socklen_t len = sizeof error;
    if (fd < 0)
        return -errno;
    bool ok = connect(fd, &a->sa.any, a->len) == 0 || (errno == EINPROGRESS && await(fd, POLLOUT, ANSWER_MS));
    if (ok && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0)
        return fd;
    close(fd);
    return -ECONNREFUSED;
}

static int connect_any(const struct sp_address_list *server)
{
    for (unsigned i = 0; i < server->n; i++) {
        int fd = reach(&server->at[i]);
        if (fd >= 0)
            return fd;
    }
    return -ECONNREFUSED;
}

static const struct sp_proto *said_by(struct sp_span answer)
{
    for (const struct sp_proto *const *p = sp_protos; answer.n && *p; p++) {
        if ((*p)->probe(SP_S2C, answer) == SP_UNIT)
            return *p;
    }
    return NULL;
}

/* One connection: a hello, if it is not empty, and what the server says to it. */
static const struct sp_proto *ask(const struct sp_address_list *server, struct sp_span hello, bool *reached)
{
    uint8_t answer[ANSWER_MAX];
    int fd = connect_any(server);
    *reached = fd >= 0;
    if (fd < 0)
        return NULL;
    ssize_t n = 0;
    if (hello.n == 0 || send(fd, hello.p, hello.n, MSG_NOSIGNAL) == (ssize_t)hello.n)
        n = await(fd, POLLIN, hello.n ? ANSWER_MS : GREETING_MS) ? recv(fd, answer, sizeof answer, 0) : 0;
    close(fd);
    return said_by(sp_span_of(answer, n > 0 ? (size_t)n : 0));
}

const struct sp_proto *sp_recognise(const struct sp_address_list *server, bool *ret_reached)
{
    const struct sp_proto *found = ask(server, SP_LIT(""), ret_reached);
    for (int text = 0; text < 2; text++) {
        for (const struct sp_proto *const *p = sp_protos; !found && *ret_reached && *p; p++) {
            bool is_text = sp_span_at((*p)->hello, 0) >= ' ';
            if ((*p)->hello.n && is_text == (bool)text)
                found = ask(server, (*p)->hello, ret_reached);
        }
    }
    return found;
}
