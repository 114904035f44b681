/* SPDX-License-Identifier: Apache-2.0 */
/*
 * origin: the server of the soak. HTTP/1.1 (RFC 9112) in one process, every answer a function of its request:
 *   GET /small?n=N&seed=S[&chunked=1]      N bytes of the content S
 *   GET /big?size=N&seed=S[&chunked=1]     the same, made as it is read
 *   POST or PUT /upload                    "LENGTH DIGEST\n" of the body
 *   GET /echo with Upgrade: websocket      every frame comes back (RFC 6455); frames of a client are masked, ours are not
 *
 *   origin [PORT]     says {"port":N} when it listens; "stats" on standard input is answered with a line; the end of it ends the program
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "content.h"
#include "net.h"

enum {
    HEAD_MAX = 4096,       /* bytes of a request's head: ours are below 1 KiB, and what is in front may add a header */
    PIECE = 64 << 10,      /* bytes made at a time for a big answer */
    OUT_MAX = 256 << 10,   /* bytes waiting for a client before nothing more is read from it */
    PIECES_A_TURN = 4,     /* then the others have theirs */
    BACKLOG = 4096,
    EVENTS = 256,
    READ_SIZE = 256 << 10,
};

enum reading { HEAD, BODY, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER, WS_HEADER, WS_PAYLOAD };

struct conn {
    int fd;
    enum reading reading;
    uint32_t interest;
    bool closing;            /* after what waits to be written */
    unsigned nhead;          /* of a head, a line or a frame's header that is not whole yet */
    uint64_t left;           /* of the body, the chunk or the payload */
    struct soak_digest digest;
    uint64_t seed, at, end;  /* the rest of the answer that is still to be made */
    bool chunked;
    uint8_t mask[4];
    unsigned masked;         /* payload bytes so far */
    struct soak_out out;
    char head[HEAD_MAX + 1];
};

static int poller;
static uint64_t accepted, requests, frames, wrong;

static void say_wrong(struct conn *c, const char *what)
{
    wrong++;
    c->closing = true;
    if (wrong <= 20)
        fprintf(stderr, "{\"origin\":\"%s\",\"head\":\"%.80s\"}\n", what, c->head);
}

/* ---- answers ---- */

/* Makes more of an answer when all that was made is written. */
static void make_more(struct conn *c)
{
    if (c->out.n || c->at == c->end)
        return;
    size_t n = c->end - c->at < PIECE ? (size_t)(c->end - c->at) : PIECE;
    char size[32];
    if (c->chunked)
        soak_out_add(&c->out, size, (size_t)snprintf(size, sizeof size, "%zx\r\n", n));
    soak_fill(c->seed, c->at, soak_out_room(&c->out, n), n);
    c->at += n;
    if (c->chunked)
        soak_out_add(&c->out, c->at == c->end ? "\r\n0\r\n\r\n" : "\r\n", c->at == c->end ? 7 : 2);
}

static void answer_head(struct conn *c, const char *length)
{
    char text[256];
    int n = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n%s%s\r\n", length, c->closing ? "Connection: close\r\n" : "");
    soak_out_add(&c->out, text, (size_t)n);
}

static uint64_t argument(const char *target, const char *name)
{
    const char *at = strstr(target, name);
    return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

/* Small ones whole at once, because the next request may be here already. */
static void answer_content(struct conn *c, const char *target, uint64_t length)
{
    char text[64];
    uint64_t seed = argument(target, "seed=");
    c->chunked = argument(target, "chunked=") != 0 && length > 0;
    snprintf(text, sizeof text, "Content-Length: %llu\r\n", (unsigned long long)length);
    answer_head(c, c->chunked ? "Transfer-Encoding: chunked\r\n" : text);
    c->seed = seed, c->at = 0, c->end = length;
    if (c->end > PIECE)
        return;
    struct soak_out before = c->out;
    c->out = (struct soak_out){0};
    make_more(c);
    soak_out_add(&before, c->out.p, c->out.n);
    soak_out_free(&c->out);
    c->out = before;
}

static void answer_upload(struct conn *c)
{
    char text[64], length[64];
    int n = snprintf(text, sizeof text, "%llu %016llx\n", (unsigned long long)c->digest.n, (unsigned long long)soak_digest_end(&c->digest));
    snprintf(length, sizeof length, "Content-Length: %d\r\n", n);
    answer_head(c, length);
    soak_out_add(&c->out, text, (size_t)n);
    c->reading = HEAD;
}

static void answer_upgrade(struct conn *c)
{
    size_t n;
    const char *key = soak_header(c->head, "Sec-WebSocket-Key", &n);
    char accept_key[29], text[256];
    if (!key) {
        say_wrong(c, "no Sec-WebSocket-Key");
        return;
    }
    soak_ws_accept(key, n, accept_key);
    int len = snprintf(text, sizeof text, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept_key);
    soak_out_add(&c->out, text, (size_t)len);
    c->reading = WS_HEADER;
}

static void begin_upload(struct conn *c)
{
    size_t n;
    const char *length = soak_header(c->head, "Content-Length", &n), *coding = soak_header(c->head, "Transfer-Encoding", &n);
    c->digest = (struct soak_digest){0};
    c->left = length ? strtoull(length, NULL, 10) : 0;
    c->reading = coding ? CHUNK_SIZE : BODY;
    if (coding && length)
        say_wrong(c, "two framings");
    else if (!coding && !c->left)
        answer_upload(c);
}

static void serve(struct conn *c)
{
    size_t n;
    const char *target = strchr(c->head, ' '), *connection = soak_header(c->head, "Connection", &n);
    requests++;
    c->closing = connection && n == 5 && strncasecmp(connection, "close", 5) == 0;
    if (!target)
        say_wrong(c, "no request");
    else if (strncmp(target, " /upload", 8) == 0)
        begin_upload(c);
    else if (strncmp(target, " /small?", 8) == 0)
        answer_content(c, target, argument(target, "n="));
    else if (strncmp(target, " /big?", 6) == 0)
        answer_content(c, target, argument(target, "size="));
    else if (strncmp(target, " /echo ", 7) == 0)
        answer_upgrade(c);
    else if (strncmp(target, " / ", 3) == 0)
        answer_head(c, "Content-Length: 0\r\n");
    else
        say_wrong(c, "unknown target");
}

/* ---- requests ---- */

/* Collects up to and with the first `end`; false when it is not all here. */
static bool collect(struct conn *c, const uint8_t **p, size_t *n, const char *end)
{
    size_t len = strlen(end);
    while (*n) {
        if (c->nhead == HEAD_MAX) {
            say_wrong(c, "long head");
            return false;
        }
        c->head[c->nhead++] = (char)*(*p)++, (*n)--;
        if (c->nhead >= len && c->head[c->nhead - 1] == '\n' && memcmp(c->head + c->nhead - len, end, len) == 0) {
            c->head[c->nhead] = 0;
            c->nhead = 0;
            return true;
        }
    }
    return false;
}

static size_t take_body(struct conn *c, const uint8_t *p, size_t n)
{
    if (n > c->left)
        n = (size_t)c->left;
    soak_digest_add(&c->digest, p, n);
    c->left -= n;
    return n;
}

static void chunk_begins(struct conn *c)
{
    char *end;
    c->left = strtoull(c->head, &end, 16);
    if (end == c->head || *end != '\r')
        say_wrong(c, "not a chunk");
    c->reading = c->left ? CHUNK_DATA : TRAILER;
}

/* The header of a frame that a client sent; true when it is whole. Its answer has the same first byte and length, and no mask. */
static bool frame_begins(struct conn *c)
{
    uint8_t *h = (uint8_t *)c->head;
    if (c->nhead < 2)
        return false;
    unsigned size = (h[1] & 127) == 127 ? 8 : (h[1] & 127) == 126 ? 2 : 0;
    if (c->nhead < 2 + size + 4)
        return false;
    c->left = size ? 0 : h[1] & 127;
    for (unsigned i = 0; i < size; i++)
        c->left = c->left << 8 | h[2 + i];
    if (!(h[1] & 128) || h[0] != 0x82)
        say_wrong(c, "not a masked binary frame");
    memcpy(c->mask, h + 2 + size, 4);
    h[1] &= 127;
    soak_out_add(&c->out, h, 2 + size);
    c->nhead = 0;
    c->masked = 0;
    c->reading = WS_PAYLOAD;
    frames++;
    return true;
}

static size_t take_frame(struct conn *c, const uint8_t *p, size_t n)
{
    if (c->reading == WS_HEADER) {
        c->head[c->nhead++] = (char)*p;
        if (frame_begins(c) && !c->left)
            c->reading = WS_HEADER;
        return 1;
    }
    if (n > c->left)
        n = (size_t)c->left;
    uint8_t *to = soak_out_room(&c->out, n);
    memcpy(to, p, n);
    soak_mask(c->mask, c->masked, to, n);
    c->masked = (unsigned)(c->masked + n) % 4;
    c->left -= n;
    if (!c->left)
        c->reading = WS_HEADER;
    return n;
}

static void take_chunked(struct conn *c, const uint8_t **p, size_t *n)
{
    if (c->reading == CHUNK_DATA) {
        size_t some = take_body(c, *p, *n);
        *p += some, *n -= some;
        if (!c->left)
            c->reading = CHUNK_END;
    } else if (collect(c, p, n, "\r\n")) {
        if (c->reading == CHUNK_SIZE)
            chunk_begins(c);
        else if (c->head[0] != '\r')
            say_wrong(c, "no end of a chunk");
        else if (c->reading == TRAILER)
            answer_upload(c);
        else
            c->reading = CHUNK_SIZE;
    }
}

static void take(struct conn *c, const uint8_t *p, size_t n)
{
    while (n && !c->closing) {
        size_t some = 0;
        if (c->reading == HEAD) {
            if (c->at != c->end)
                say_wrong(c, "request behind a big one");
            else if (collect(c, &p, &n, "\r\n\r\n"))
                serve(c);
        } else if (c->reading == BODY) {
            some = take_body(c, p, n);
            if (!c->left)
                answer_upload(c);
        } else if (c->reading >= WS_HEADER) {
            some = take_frame(c, p, n);
        } else {
            take_chunked(c, &p, &n);
        }
        p += some, n -= some;
    }
}

/* ---- the loop ---- */

static void finish(struct conn *c)
{
    close(c->fd);
    soak_out_free(&c->out);
    free(c);
}

/* False: the connection is gone. */
static bool push(struct conn *c)
{
    for (unsigned i = 0; i < PIECES_A_TURN && (c->at != c->end || !i) && (!c->out.n || !i); i++) {
        make_more(c);
        if (c->out.n && soak_out_flush(&c->out, c->fd) < 0)
            return false;
    }
    bool more = c->out.n || c->at != c->end;
    if (c->closing && !more)
        return false;
    uint32_t interest = (more ? EPOLLOUT : 0) | (c->out.n - c->out.sent < OUT_MAX && !c->closing ? EPOLLIN : 0);
    if (interest != c->interest) {
        struct epoll_event e = {.events = c->interest = interest, .data.ptr = c};
        epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e);
    }
    return true;
}

static void turn(struct conn *c, uint32_t events)
{
    static uint8_t bytes[READ_SIZE];
    if (events & ~(uint32_t)EPOLLOUT && c->interest & EPOLLIN) {
        ssize_t n = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            finish(c);
            return;
        }
        if (n > 0)
            take(c, bytes, (size_t)n);
    } else if (events & (EPOLLERR | EPOLLHUP)) {
        finish(c);
        return;
    }
    if (!push(c))
        finish(c);
}

static void welcome(int listener)
{
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        struct conn *c = calloc(1, sizeof *c);
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        int one = 1;
        if (!c || epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e))
            soak_fail("accept");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        c->fd = fd;
        c->interest = EPOLLIN;
        accepted++;
    }
}

static int listen_at(uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) || bind(fd, (struct sockaddr *)&at, n) || listen(fd, BACKLOG) ||
        getsockname(fd, (struct sockaddr *)&at, &n))
        soak_fail("listen");
    printf("{\"port\":%u}\n", ntohs(at.sin_port));
    fflush(stdout);
    return fd;
}

static void say_stats(void)
{
    printf("{\"accepted\":%llu,\"requests\":%llu,\"frames\":%llu,\"wrong\":%llu}\n", (unsigned long long)accepted, (unsigned long long)requests,
        (unsigned long long)frames, (unsigned long long)wrong);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    char line[64];
    static int input = STDIN_FILENO;
    soak_all_descriptors();
    int listener = listen_at(argc > 1 ? (uint16_t)strtoul(argv[1], NULL, 10) : 0);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = &listener}, control = {.events = EPOLLIN, .data.ptr = &input}, events[EVENTS];
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, listener, &e) || epoll_ctl(poller, EPOLL_CTL_ADD, input, &control))
        soak_fail("epoll");
    for (;;) {
        int n = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == &listener)
                welcome(listener);
            else if (events[i].data.ptr != &input)
                turn(events[i].data.ptr, events[i].events);
            else if (read(input, line, sizeof line) <= 0)
                return 0;
            else
                say_stats();
        }
    }
}
