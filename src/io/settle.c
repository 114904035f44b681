/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settle: what a system call did that nobody was left to be told of. TCP counts every byte in both directions (tcp(7), struct tcp_info), and a pipe says
 * what is in it; so the result of the call can be worked out from what was known before it.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>

#include "io/worker.h"

enum settle_limits {
    TRIES = 1000, /* two counters have to be read at one moment: again while bytes come in between */
};

/* As the kernel numbers them (include/net/tcp_states.h). */
enum tcp_state { STATE_CLOSE = 7, STATE_CLOSE_WAIT = 8, STATE_LAST_ACK = 9, STATE_CLOSING = 11, STATE_TIME_WAIT = 6 };

static int tcp_ask(int fd, struct tcp_info *ret)
{
    socklen_t len = sizeof *ret;
    memset(ret, 0, sizeof *ret);
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, ret, &len) < 0 ? -errno : 0;
}

/* The end of stream has come; it counts as a byte received. */
static bool end_received(unsigned state, bool reset)
{
    switch (state) {
    case STATE_CLOSE_WAIT:
    case STATE_LAST_ACK:
    case STATE_CLOSING:
    case STATE_TIME_WAIT:
        return true;
    case STATE_CLOSE: /* both have ended, or a reset */
        return !reset;
    }
    return false;
}

/*
 * Asking takes the error away, so the answer has to be kept. EPIPE: the end of stream came, and a reset behind it. Of others nobody knows whether
 * the end came before.
 */
static int learn_reset(int fd, bool *reset)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return -errno;
    *reset |= error == ECONNRESET;
    return error == EPIPE || error == ECONNRESET ? 0 : -error;
}

int64_t settle_taken(int fd, bool *reset)
{
    struct tcp_info before, after;
    int waiting, rc = tcp_ask(fd, &before);
    for (int i = 0; rc == 0 && i < TRIES; i++) {
        if (ioctl(fd, SIOCINQ, &waiting) < 0)
            return -errno;
        rc = tcp_ask(fd, &after);
        if (rc == 0 && before.tcpi_bytes_received == after.tcpi_bytes_received && before.tcpi_state == after.tcpi_state) {
            rc = after.tcpi_state == STATE_CLOSE ? learn_reset(fd, reset) : 0;
            return rc ? rc : (int64_t)after.tcpi_bytes_received - waiting - end_received(after.tcpi_state, *reset);
        }
        before = after;
    }
    return rc ? rc : -EAGAIN;
}

int64_t settle_given(int fd, bool active)
{
    struct tcp_info before, after;
    int waiting, rc = tcp_ask(fd, &before);
    for (int i = 0; rc == 0 && i < TRIES; i++) {
        if (ioctl(fd, SIOCOUTQ, &waiting) < 0)
            return -errno;
        rc = tcp_ask(fd, &after);
        if (rc == 0 && before.tcpi_bytes_acked == after.tcpi_bytes_acked)
            return after.tcpi_state == STATE_CLOSE ? -ECONNRESET : (int64_t)after.tcpi_bytes_acked + waiting - active;
        before = after;
    }
    return rc ? rc : -EAGAIN;
}

int64_t settle_piped(int fd)
{
    int n;
    return ioctl(fd, FIONREAD, &n) < 0 ? -errno : n;
}
