/* SPDX-License-Identifier: Apache-2.0 */
/* event_output: one place that event lines go to. Never blocks on it; what it does not take in time is dropped by whole lines and counted. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/event.h"
#include "io/event_output.h"

enum {
    RETRY_MS = 1000,           /* between attempts at a place that fails: a full disk is not worth more */
    FILE_MODE = 0640,          /* events quote traffic: not for everybody */
    SYSLOG_PRIORITY = 3 * 8 + 5, /* facility daemon, severity notice */
    STATS_ROOM = 256,          /* always free in `pending`: the line that reports drops */
};

const char *sp_output_name(const struct sp_output *what)
{
    return what->kind == SP_OUTPUT_STDOUT ? "standard output" : what->path;
}

/* ---- opening ---- */

/* A description of our own, so that O_NONBLOCK does not leak into the shell that shares standard output with us. */
static int open_stdout(void)
{
    int fd = open("/proc/self/fd/1", O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    return fd < 0 ? -errno : fd;
}

static int open_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, FILE_MODE);
    return fd < 0 ? -errno : fd;
}

static int open_socket(const char *path, int type)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof to.sun_path)
        return -ENAMETOOLONG;
    memcpy(to.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    int err = errno;
    close(fd);
    return -err;
}

static int open_place(const struct sp_output *what)
{
    switch (what->kind) {
    case SP_OUTPUT_FILE:
        return open_file(what->path);
    case SP_OUTPUT_STDOUT:
        return open_stdout();
    case SP_OUTPUT_SYSLOG:
        return open_socket(what->path, SOCK_DGRAM);
    case SP_OUTPUT_SOCKET:
        return open_socket(what->path, SOCK_STREAM);
    }
    return -EINVAL;
}

/* Nobody is listening (yet): a reader of a FIFO, a collector on a socket. */
static bool may_come(const struct sp_output *what, int err)
{
    if (what->kind == SP_OUTPUT_FILE)
        return err == -ENXIO;
    return err == -ENOENT || err == -ECONNREFUSED || err == -EAGAIN;
}

static void fails(struct sp_output_state *o, int err, uint64_t now_ms)
{
    o->retry_ms = now_ms + RETRY_MS;
    o->waiting = false;
    if (!o->failing)
        sp_log(SP_LOG_WARN, "events: cannot write to %s: %s; trying again, what does not fit in %d MiB is dropped",
               sp_output_name(o->what), strerror(err), SP_OUTPUT_PENDING >> 20);
    o->failing = true;
}

int sp_output_open(struct sp_output_state *o, const struct sp_output *what)
{
    int fd = open_place(what);
    if (fd < 0 && !may_come(what, fd))
        return fd;
    uint8_t *pending = malloc(SP_OUTPUT_PENDING);
    if (!pending) {
        if (fd >= 0)
            close(fd);
        return -ENOMEM;
    }
    *o = (struct sp_output_state){.what = what, .fd = fd < 0 ? -1 : fd, .pending = pending};
    if (fd < 0)
        fails(o, -fd, sp_clock_mono_ns() / 1000000);
    return 0;
}

void sp_output_close(struct sp_output_state *o)
{
    if (o->fd >= 0)
        close(o->fd);
    free(o->pending);
    o->fd = -1;
    o->pending = NULL;
}

/* ---- the pending lines ---- */

static struct sp_span pending(const struct sp_output_state *o)
{
    return sp_span_of(o->pending + o->at, o->n - o->at);
}

static uint64_t count_lines(struct sp_span s)
{
    uint64_t n = 0;
    for (size_t at = 0; (at = sp_span_byte(s, at, '\n')) != SP_NOT_FOUND; at++)
        n++;
    return n;
}

uint64_t sp_output_pending(const struct sp_output_state *o)
{
    return count_lines(pending(o));
}

void sp_output_lost(struct sp_output_state *o, uint64_t n)
{
    o->dropped += n;
    o->dropped_ever += n;
}

static void make_room(struct sp_output_state *o)
{
    memmove(o->pending, o->pending + o->at, o->n - o->at);
    o->n -= o->at;
    o->at = 0;
}

/* The longest run of whole lines in `lines` that is at most `room` bytes long. */
static size_t whole_lines(struct sp_span lines, size_t room)
{
    if (lines.n <= room)
        return lines.n;
    size_t n = room;
    while (n > 0 && lines.p[n - 1] != '\n')
        n--;
    return n;
}

void sp_output_add(struct sp_output_state *o, struct sp_span lines)
{
    size_t room = SP_OUTPUT_PENDING - STATS_ROOM;
    if (o->n + lines.n > room)
        make_room(o);
    size_t n = whole_lines(lines, room - o->n);
    memcpy(o->pending + o->n, lines.p, n);
    o->n += n;
    if (n < lines.n)
        sp_output_lost(o, count_lines(sp_span_from(lines, n)));
}

/* What a broken connection has left of a line is worth nothing to the next one. */
static void skip_torn(struct sp_output_state *o)
{
    size_t end = o->torn ? sp_span_byte(pending(o), 0, '\n') : SP_NOT_FOUND;
    if (end == SP_NOT_FOUND)
        return;
    o->at += end + 1;
    o->torn = false;
    sp_output_lost(o, 1);
}

/* ---- writing ---- */

static ssize_t send_syslog(const struct sp_output_state *o, struct sp_span line)
{
    char header[64], when[32];
    time_t now = time(NULL);
    struct tm tm;
    strftime(when, sizeof when, "%b %e %H:%M:%S", localtime_r(&now, &tm));
    int n = snprintf(header, sizeof header, "<%d>%s sallyport[%d]: ", SYSLOG_PRIORITY, when, (int)getpid());
    struct iovec parts[] = {{header, (size_t)n}, {(void *)line.p, line.n}};
    struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};
    return sendmsg(o->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* One datagram for the first pending line. A line too long for a datagram is dropped. */
static ssize_t write_datagram(struct sp_output_state *o)
{
    struct sp_span all = pending(o);
    size_t end = sp_span_byte(all, 0, '\n');
    ssize_t n = send_syslog(o, sp_span_sub(all, 0, end));
    if (n < 0 && errno == EMSGSIZE)
        sp_output_lost(o, 1);
    else if (n < 0)
        return n;
    return (ssize_t)end + 1;
}

static ssize_t write_some(struct sp_output_state *o)
{
    struct sp_span all = pending(o);
    if (o->what->kind == SP_OUTPUT_SYSLOG)
        return write_datagram(o);
    if (o->what->kind == SP_OUTPUT_SOCKET)
        return send(o->fd, all.p, all.n, MSG_DONTWAIT | MSG_NOSIGNAL);
    return write(o->fd, all.p, all.n);
}

static void wrote(struct sp_output_state *o, size_t n)
{
    o->at += n;
    o->torn = n > 0 && o->pending[o->at - 1] != '\n';
    if (o->at == o->n)
        o->at = o->n = 0;
}

static void broke(struct sp_output_state *o, int err, uint64_t now_ms)
{
    bool stream_ended = err != ENOSPC && err != EDQUOT && err != EIO && o->what->kind != SP_OUTPUT_STDOUT;
    if (stream_ended) {
        close(o->fd);
        o->fd = -1;
        skip_torn(o);
    }
    fails(o, err, now_ms);
}

/* Everything was written: now is the time to say what was not. */
static void report(struct sp_output_state *o)
{
    if (o->failing || o->dropped)
        sp_log(SP_LOG_WARN, "events: %s takes events again; %llu were dropped", sp_output_name(o->what),
               (unsigned long long)o->dropped);
    o->failing = false;
    if (o->dropped == 0)
        return;
    struct sp_buf line = sp_buf_fixed(o->pending + o->n, SP_OUTPUT_PENDING - o->n);
    sp_event_stats_line(o->dropped, sp_clock_real_us(), &line);
    o->n += line.n;
    o->dropped = 0;
}

static bool is_open(struct sp_output_state *o, uint64_t now_ms)
{
    if (o->retry_ms > now_ms)
        return false;
    o->retry_ms = 0;
    if (o->fd < 0) {
        int fd = open_place(o->what);
        if (fd < 0)
            fails(o, -fd, now_ms);
        else
            o->fd = fd;
    }
    return o->fd >= 0;
}

void sp_output_pump(struct sp_output_state *o, uint64_t now_ms)
{
    if ((o->at == o->n && !o->dropped && !o->failing) || !is_open(o, now_ms))
        return;
    o->waiting = false;
    while (o->at < o->n) {
        ssize_t n = write_some(o);
        if (n > 0) {
            wrote(o, (size_t)n);
            if (o->at == o->n)
                report(o);
        } else if (n < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
            o->waiting = true;
            return;
        } else if (n == 0 || errno != EINTR) {
            broke(o, n == 0 ? EIO : errno, now_ms);
            return;
        }
    }
    if (o->failing || o->dropped)
        report(o);
}

void sp_output_reopen(struct sp_output_state *o, uint64_t now_ms)
{
    if (o->what->kind != SP_OUTPUT_FILE)
        return;
    if (o->fd >= 0)
        close(o->fd);
    o->fd = -1;
    o->retry_ms = 0;
    skip_torn(o);
    is_open(o, now_ms);
}
