/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load: the clients of the soak, all in one process. Every byte that comes back is checked, and every wait is measured: a gap is the time from the moment a
 * connection wants to get on (a request is sent, a download may read on, a frame is under way) to the moment when it does.
 *
 *   load port=N [connections=N] [downloads=N] [rate=BYTES_A_SECOND] [think=MS] [seed=N]
 *
 * On standard output: {"ready":...} when every connection has been used, then a line for each phase. On standard input:
 *   phase NAME        the phase so far is over and reported, the next one has this name
 *   mark NS LABEL     a disturbance at this moment of CLOCK_MONOTONIC
 *   quit              the phase is over; what is under way is finished and nothing begun, as the phase "end"; then exit.
 *                     The end of the input ends the program at once.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

enum {
    WHEEL = 2048,             /* milliseconds: longer pauses are cut */
    EVENTS = 256,
    READ_SIZE = 128 << 10,
    RECEIVE_BUFFER = 128 << 10, /* of a download's socket: a larger one would hide gaps */
    OPEN_PER_MS = 8,          /* connections opened a millisecond at the beginning */
    REOPEN_MS = 50,
    DRAIN_MS = 20000,         /* what has not come to its end by then hangs */
    NOTES_MAX = 40,
    LINE_MAX = 256,
};

struct load_totals load_totals;
uint64_t load_think_ms = 500, load_rate = 4 << 20;
bool load_draining;

static struct load_client *clients;
static uint64_t connections = 2000, downloads = 32, port, seed = 1;
static struct sockaddr_in server;
static int poller;
static struct load_client *wheel[WHEEL];
static uint64_t ticked;                  /* milliseconds up to which timers have fired */
static struct soak_marks marks;
static struct soak_histogram gaps[LOAD_KINDS];
static uint64_t begun, longest_turn, notes, drain_until, opened;
static char phase[LINE_MAX] = "start";
static bool ready;

static const char *const kind_names[LOAD_KINDS] = {"small", "upload", "bulk", "download", "echo", "churn"};

void load_note(const struct load_client *c, const char *what, uint64_t a, uint64_t b)
{
    if (notes++ >= NOTES_MAX)
        return;
    fprintf(stderr, "{\"t\":%.3f,\"phase\":\"%s\",\"connection\":%u,\"kind\":\"%s\",\"what\":\"%.*s\",\"a\":%llu,\"b\":%llu}\n", (double)(soak_now() - begun) / 1e9,
        phase, c->index, kind_names[c->kind], (int)strcspn(what, "\r\n"), what, (unsigned long long)a, (unsigned long long)b);
}

/* ---- timers ---- */

static void unlink_timer(struct load_client *c)
{
    if (!c->link)
        return;
    *c->link = c->later;
    if (c->later)
        c->later->link = c->link;
    c->link = NULL;
}

void load_pause(struct load_client *c, uint64_t ms)
{
    unlink_timer(c);
    struct load_client **slot = &wheel[(ticked + (ms < 1 ? 1 : ms < WHEEL ? ms : WHEEL - 1)) % WHEEL];
    c->later = *slot;
    if (c->later)
        c->later->link = &c->later;
    c->link = slot;
    *slot = c;
}

/* Milliseconds until the next timer. */
static int sleep_for(void)
{
    for (uint64_t i = 1; i < WHEEL; i++)
        if (wheel[(ticked + i) % WHEEL])
            return soak_now() / 1000000 >= ticked + i ? 0 : (int)(ticked + i - soak_now() / 1000000);
    return 100;
}

/* ---- gaps ---- */

static void stop_waiting(struct load_client *c)
{
    uint64_t gap;
    if (soak_got_on(&marks, c->waiting, soak_now(), &gap))
        soak_histogram_add(&gaps[c->kind], gap);
}

void load_want(struct load_client *c) { soak_want(c->waiting, soak_now()); }

/* ---- connections ---- */

static void watch(struct load_client *c, uint32_t interest)
{
    struct epoll_event e = {.events = interest, .data.ptr = c};
    if (interest != c->interest && epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e))
        soak_fail("epoll_ctl");
    c->interest = interest;
}

static void shut(struct load_client *c)
{
    stop_waiting(c);
    close(c->fd);
    c->fd = -1;
    soak_out_free(&c->out);
    c->connecting = c->ending = c->broken = c->uploading = false;
    c->reading = LOAD_ANSWER;
    c->first = c->outstanding = c->nhead = 0;
    load_pause(c, c->kind == LOAD_CHURN ? load_think_ms : REOPEN_MS);
}

static void flush(struct load_client *c)
{
    if (c->fd < 0 || c->connecting || !c->out.n)
        return;
    long n = soak_out_flush(&c->out, c->fd);
    if (n < 0) {
        load_totals.lost++;
        load_note(c, strerror(errno), c->outstanding, c->at);
        shut(c);
        return;
    }
    if (n > 0 && c->interest & EPOLLOUT)
        stop_waiting(c);
    if (c->out.n || !load_idle(c))
        if (c->out.n || !c->uploading)
            load_want(c);
    watch(c, EPOLLIN | (c->out.n ? EPOLLOUT : 0));
}

static void open_one(struct load_client *c)
{
    int one = 1, size = RECEIVE_BUFFER;
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &e))
        soak_fail("socket");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (c->kind == LOAD_DOWNLOAD)
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    c->interest = e.events;
    c->connecting = true;
    load_want(c);
    if (connect(c->fd, (struct sockaddr *)&server, sizeof server) && errno != EINPROGRESS)
        soak_fail("connect");
}

static void connected(struct load_client *c)
{
    int error = 0;
    socklen_t n = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n);
    if (error) {
        load_totals.refused++;
        load_note(c, strerror(error), 0, 0);
        shut(c);
        return;
    }
    load_totals.opened++;
    opened++;
    stop_waiting(c);
    c->connecting = false;
    load_begin(c);
    flush(c);
}

static void fire(struct load_client *c)
{
    c->link = NULL;
    if (c->fd < 0) {
        if (!load_draining)
            open_one(c);
    } else if (c->kind == LOAD_DOWNLOAD && c->outstanding) {
        load_want(c);
        watch(c, EPOLLIN);
    } else if (c->uploading && c->out.n) {
        load_pause(c, 1);
    } else if (c->uploading) {
        load_upload_more(c);
        flush(c);
    } else if (!load_draining) {
        load_begin(c);
        flush(c);
    }
}

static void tick(void)
{
    for (uint64_t now = soak_now() / 1000000; ticked < now;) {
        struct load_client **slot = &wheel[++ticked % WHEEL];
        for (struct load_client *c; (c = *slot);) {
            unlink_timer(c);
            fire(c);
        }
    }
}

/* The connection has ended, or is of no use any more. */
static void over(struct load_client *c, const char *why)
{
    if (c->broken || !c->ending) {
        load_totals.lost++;
        load_note(c, why, c->outstanding, c->at);
    }
    shut(c);
}

/* A download that has had its share rests until it may have more. */
static void hold_back(struct load_client *c, size_t n)
{
    uint64_t now = soak_now();
    if (c->next_read < now)
        c->next_read = now;
    c->next_read += n * UINT64_C(1000000000) / load_rate;
    if (c->next_read < now + 2000000 || load_draining || !c->outstanding)
        return;
    stop_waiting(c);
    watch(c, 0);
    load_pause(c, (c->next_read - now) / 1000000);
}

static void receive(struct load_client *c)
{
    static uint8_t bytes[READ_SIZE];
    ssize_t n = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        over(c, n ? strerror(errno) : "end of the connection");
        return;
    }
    stop_waiting(c);
    load_take(c, bytes, (size_t)n);
    if (c->broken || (c->ending && c->index % 2)) { /* some clients go first */
        over(c, "given up");
        return;
    }
    if (c->ending || (c->outstanding && !c->uploading))
        load_want(c);
    if (c->kind == LOAD_DOWNLOAD)
        hold_back(c, (size_t)n);
}

static void turn(struct load_client *c, uint32_t events)
{
    if (c->connecting) {
        connected(c);
        return;
    }
    if (events & EPOLLOUT)
        flush(c);
    if (c->fd >= 0 && events & ~(uint32_t)EPOLLOUT)
        receive(c);
}

/* ---- reports ---- */

static unsigned count_idle(void)
{
    unsigned idle = 0;
    for (unsigned i = 0; i < connections; i++)
        idle += load_idle(&clients[i]);
    return idle;
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t waiting_since(const struct load_client *c)
{
    return c->waiting->wanting ? c->waiting->since : soak_now();
}

static void print_totals(void)
{
    const struct load_totals *t = &load_totals;
#define FIGURE(name) printf("\"" #name "\":%llu,", (unsigned long long)t->name)
    FIGURE(requests);
    FIGURE(frames);
    FIGURE(downloads);
    FIGURE(bytes);
    FIGURE(opened);
    FIGURE(lost);
    FIGURE(refused);
    FIGURE(failed);
    FIGURE(altered);
    FIGURE(duplicated);
    FIGURE(missing);
#undef FIGURE
}

/* Waits that are still going on count as well: one that hangs is the longest of all. */
static void print_gaps(void)
{
    static struct soak_histogram all;
    memset(&all, 0, sizeof all);
    for (unsigned i = 0; i < connections; i++)
        if (clients[i].waiting->wanting)
            soak_histogram_add(&gaps[clients[i].kind], soak_now() - waiting_since(&clients[i]));
    for (unsigned k = 0; k < LOAD_KINDS; k++) {
        all.n += gaps[k].n;
        all.max = all.max > gaps[k].max ? all.max : gaps[k].max;
        for (unsigned b = 0; b < SOAK_BUCKETS; b++)
            all.bucket[b] += gaps[k].bucket[b];
    }
    soak_histogram_print(&all, "gaps", stdout);
    printf(",\"kinds\":{");
    for (unsigned k = 0; k < LOAD_KINDS; k++) {
        soak_histogram_print(&gaps[k], kind_names[k], stdout);
        printf(k + 1 < LOAD_KINDS ? "," : "},");
    }
    memset(gaps, 0, sizeof gaps);
}

static void report(const char *next)
{
    static uint64_t since;
    static double cpu;
    uint64_t now = soak_now();
    double used = cpu_seconds();
    printf("{\"phase\":\"%s\",\"seconds\":%.2f,\"connections\":%llu,", phase, (double)(now - (since ? since : begun)) / 1e9, (unsigned long long)connections);
    print_totals();
    print_gaps();
    soak_marks_print(&marks, stdout);
    if (load_draining)
        printf(",\"hung\":%llu", (unsigned long long)connections - count_idle());
    printf(",\"own\":{\"cpu\":%.2f,\"longest_turn\":%.3f}}\n", used - cpu, (double)longest_turn / 1e6);
    fflush(stdout);
    memset(&load_totals, 0, sizeof load_totals);
    longest_turn = 0;
    since = now;
    cpu = used;
    snprintf(phase, sizeof phase, "%s", next);
}

/* ---- control ---- */

static void obey(char *line)
{
    char *end;
    if (strncmp(line, "mark ", 5) == 0) {
        uint64_t at = strtoull(line + 5, &end, 10);
        soak_mark(&marks, at, end + strspn(end, " "));
    } else if (strncmp(line, "phase ", 6) == 0) {
        report(line + 6);
    } else if (strcmp(line, "quit") == 0) {
        report("end");
        load_draining = true;
        drain_until = soak_now() / 1000000 + DRAIN_MS;
    }
}

static void control(void)
{
    static char buffer[1 << 16];
    static size_t have;
    ssize_t n = read(STDIN_FILENO, buffer + have, sizeof buffer - have);
    if (n <= 0)
        exit(0);
    have += (size_t)n;
    char *line = buffer;
    for (char *end; (end = memchr(line, '\n', have - (size_t)(line - buffer))); line = end + 1) {
        *end = 0;
        obey(line);
    }
    have -= (size_t)(line - buffer);
    memmove(buffer, line, have);
}

static bool option(const char *word)
{
    static const struct { const char *name; uint64_t *value; } options[] = {
        {"port", &port}, {"connections", &connections}, {"downloads", &downloads}, {"rate", &load_rate}, {"think", &load_think_ms}, {"seed", &seed}};
    for (unsigned i = 0; i < sizeof options / sizeof *options; i++) {
        size_t n = strlen(options[i].name);
        if (strncmp(word, options[i].name, n) == 0 && word[n] == '=') {
            *options[i].value = strtoull(word + n + 1, NULL, 10);
            return *options[i].value != 0;
        }
    }
    return false;
}

/* The mix: of a hundred that are no downloads, so many of each. */
static enum load_kind kind_of(unsigned i)
{
    if (i < downloads)
        return LOAD_DOWNLOAD;
    unsigned part = i % 100;
    return part < 14 ? LOAD_UPLOAD : part < 16 ? LOAD_BULK : part < 24 ? LOAD_ECHO : part < 26 ? LOAD_CHURN : LOAD_SMALL;
}

static void prepare(void)
{
    static struct epoll_event e = {.events = EPOLLIN};
    struct soak_waiting *waiting = calloc(connections, sizeof *waiting);
    clients = calloc(connections, sizeof *clients);
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (!waiting || !clients || poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &e))
        soak_fail("prepare");
    marks = (struct soak_marks){.all = waiting, .count = (unsigned)connections};
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    begun = soak_now();
    ticked = begun / 1000000;
    for (unsigned i = 0; i < connections; i++) {
        struct load_client *c = &clients[i];
        *c = (struct load_client){.fd = -1, .index = i, .kind = kind_of(i), .waiting = &waiting[i], .random = soak_mix(seed * SOAK_ODD + i)};
        load_pause(c, 1 + i / OPEN_PER_MS);
    }
}

static void run(void)
{
    struct epoll_event events[EVENTS];
    while (!load_draining || (count_idle() < connections && soak_now() / 1000000 < drain_until)) {
        int n = epoll_wait(poller, events, EVENTS, sleep_for());
        uint64_t from = soak_now();
        for (int i = 0; i < n; i++) {
            if (!events[i].data.ptr)
                control();
            else
                turn(events[i].data.ptr, events[i].events);
        }
        tick();
        if (soak_now() - from > longest_turn)
            longest_turn = soak_now() - from;
        if (!ready && opened >= connections) {
            ready = true;
            printf("{\"ready\":%llu}\n", (unsigned long long)connections);
            fflush(stdout);
        }
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (!option(argv[i])) {
            fprintf(stderr, "usage: load port=N [connections=N] [downloads=N] [rate=BYTES_A_SECOND] [think=MS] [seed=N]\n");
            return 2;
        }
    }
    soak_all_descriptors();
    if (downloads > connections / 8)
        downloads = connections / 8;
    prepare();
    run();
    for (unsigned i = 0; i < connections; i++)
        if (!load_idle(&clients[i]))
            load_note(&clients[i], clients[i].connecting ? "hangs while connecting" : clients[i].ending ? "hangs at its end" : "hangs", clients[i].outstanding,
                (soak_now() - waiting_since(&clients[i])) / 1000000);
    report("");
    return 0;
}
