/* SPDX-License-Identifier: Apache-2.0 */
#include "io/listen.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum listen_limits {
    BACKLOG = 4096,        /* connections that may wait while a worker is busy; the kernel lowers it to net.core.somaxconn */
    PRIVILEGED_PORT = 1024,
};

static uint16_t port_of(const struct sp_address *a)
{
    return sp_address_session(a).port;
}

static int say_why(const struct sp_address *a, int error, char *why, size_t why_len)
{
    char text[SP_ADDRESS_TEXT];
    sp_address_text(a, text);
    switch (error) {
    case EADDRINUSE:
        (void)snprintf(why, why_len, "cannot listen on %s: another program listens there", text);
        break;
    case EACCES:
    case EPERM:
        if (port_of(a) < PRIVILEGED_PORT)
            (void)snprintf(why, why_len, "cannot listen on %s: ports below 1024 need root or CAP_NET_BIND_SERVICE", text);
        else
            (void)snprintf(why, why_len, "cannot listen on %s: this system does not permit it", text);
        break;
    case EADDRNOTAVAIL:
        (void)snprintf(why, why_len, "cannot listen on %s: this machine does not have that address", text);
        break;
    case EMFILE:
    case ENFILE:
        (void)snprintf(why, why_len, "cannot listen on %s: the limit of open files is reached", text);
        break;
    default:
        (void)snprintf(why, why_len, "cannot listen on %s: %s", text, strerror(error));
    }
    return -error;
}

static int set_option(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value);
}

/* "[::]" is every address, IPv4 too; any other IPv6 address is just itself. */
static bool dual_stack(const struct sp_address *a)
{
    return a->sa.any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->sa.v6.sin6_addr);
}

static int socket_bound(const struct sp_address *a, bool shared)
{
    int fd = socket(a->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    bool ok = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) == 0 && (!shared || set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1) == 0);
    if (ok && a->sa.any.sa_family == AF_INET6)
        ok = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !dual_stack(a)) == 0;
    if (ok && bind(fd, &a->sa.any, a->len) == 0)
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

/* A kernel without IPv6: every address is every IPv4 address. */
static struct sp_address without_v6(const struct sp_address *a)
{
    struct sp_address four;
    memset(&four, 0, sizeof four);
    four.len = sizeof four.sa.v4;
    four.sa.v4.sin_family = AF_INET;
    four.sa.v4.sin_port = a->sa.v6.sin6_port;
    return four;
}

static int bind_any(const struct sp_address *a, bool shared)
{
    int fd = socket_bound(a, shared);
    if (fd != -EAFNOSUPPORT || !dual_stack(a))
        return fd;
    struct sp_address four = without_v6(a);
    return socket_bound(&four, shared);
}

int sp_listen_probe(const struct sp_address *a, char *why, size_t why_len)
{
    int fd = bind_any(a, false);
    if (fd < 0)
        return say_why(a, -fd, why, why_len);
    close(fd);
    return 0;
}

int sp_listen_open(const struct sp_address *a, char *why, size_t why_len)
{
    int fd = bind_any(a, true);
    if (fd < 0)
        return say_why(a, -fd, why, why_len);
    /* What is accepted inherits them: no system call for each connection. Urgent bytes are bytes like others, and are counted like them. */
    bool set = set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) == 0 && set_option(fd, SOL_SOCKET, SO_OOBINLINE, 1) == 0;
    if (set && listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    return say_why(a, error, why, why_len);
}
