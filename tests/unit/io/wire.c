/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/listen.h"

enum {
    MEMORY = 64 << 20,
    BODY_MAX = 4 << 20,
    EVENTS_MAX = 4 << 20,
    CHUNK = 256 << 10,
};

/* ---- sockets ---- */

static void be_patient(int fd)
{
    struct timeval t = {.tv_sec = WIRE_PATIENCE_S};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t), 0);
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    return ntohs(a.sin_port);
}

int wire_bound(uint16_t *ret_port)
{
    struct sockaddr_in a = loopback(0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0);
    *ret_port = port_of(fd);
    return fd;
}

int wire_client(const struct wire *w)
{
    struct sockaddr_in a = loopback(w->port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    be_patient(fd);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

int wire_server(const struct wire *w)
{
    struct pollfd p = {.fd = w->origin, .events = POLLIN};
    assert_int_equal(poll(&p, 1, WIRE_PATIENCE_S * 1000), 1);
    int fd = accept(w->origin, NULL, NULL);
    assert_true(fd >= 0);
    be_patient(fd);
    return fd;
}

void wire_say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

void wire_hear(int fd, const char *text)
{
    char got[512] = "";
    assert_int_equal(recv(fd, got, strlen(text), MSG_WAITALL), strlen(text));
    assert_string_equal(got, text);
}

void wire_hear_end(int fd)
{
    char c;
    assert_int_equal(recv(fd, &c, 1, 0), 0);
}

void wire_hear_last(int fd, const char *text)
{
    char got[2048] = "";
    assert_true(recv(fd, got, sizeof got - 1, MSG_WAITALL) > 0);
    assert_memory_equal(got, text, strlen(text));
}

bool wire_silent(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, ms) == 0;
}

struct bulk {
    int fd;
    const uint8_t *bytes;
    size_t n;
};

static void *send_bulk(void *bulk)
{
    const struct bulk *b = bulk;
    for (size_t at = 0; at < b->n;) {
        ssize_t n = send(b->fd, b->bytes + at, b->n - at, MSG_NOSIGNAL);
        if (n < 0)
            break;
        at += (size_t)n;
    }
    return NULL;
}

void wire_bulk(int from, int to, const uint8_t *bytes, size_t n)
{
    struct bulk b = {from, bytes, n};
    pthread_t sender;
    uint8_t *got = malloc(n);
    assert_int_equal(pthread_create(&sender, NULL, send_bulk, &b), 0);
    assert_int_equal(recv(to, got, n, MSG_WAITALL), n);
    pthread_join(sender, NULL);
    assert_true(memcmp(got, bytes, n) == 0);
    free(got);
}

/* ---- a relay ---- */

static struct sp_policy *policy_of(const char *rules)
{
    struct sp_policy *p = NULL;
    struct sp_ruleset set;
    struct sp_diag diag;
    if (!rules) {
        assert_int_equal(sp_policy_empty(&p), 0);
        return p;
    }
    sp_diag_init(&diag);
    assert_int_equal(sp_ruleset_init(&set), 0);
    if (sp_ruleset_load_text(&set, "rules", sp_span_str(rules), &diag) < 0 || sp_policy_compile(&set, &diag, &p) < 0)
        fail_msg("%.*s", SP_FMT(sp_buf_span(&diag.text)));
    sp_diag_fini(&diag);
    sp_ruleset_fini(&set);
    return p;
}

static void address(struct sp_address *a, uint16_t port)
{
    a->len = sizeof a->sa.v4;
    a->sa.v4 = loopback(port);
}

static void make_plan(struct wire *w, uint16_t server)
{
    struct sp_plan *p = w->plan = calloc(1, sizeof *p);
    *p = (struct sp_plan){.magic = SP_PLAN_MAGIC, .size = sizeof *p, .nservices = 1, .nlisteners = 1, .workers = 1, .survival = true,
                          .memory = MEMORY, .connections = WIRE_CONNECTIONS, .uid = SP_PLAN_STARTER, .gid = SP_PLAN_STARTER};
    struct sp_plan_service *s = w->service = &p->services[0];
    *s = (struct sp_plan_service){.name = "test", .protocol = "http", .body_max = BODY_MAX, .header_ms = 10000, .body_ms = 10000,
                                  .idle_ms = 60000, .connect_ms = 5000};
    s->to.n = 1;
    address(&s->to.at[0], server);
}

static void make_listener(struct wire *w)
{
    char why[256];
    struct sp_address *a = &w->plan->listeners[0].at;
    address(a, 0);
    w->listener = sp_listen_open(a, why, sizeof why);
    if (w->listener < 0)
        fail_msg("%s", why);
    w->port = port_of(w->listener);
    address(a, w->port);
    w->listeners[0] = w->listener;
    w->listeners[1] = -1;
}

struct wire *wire_new(const char *rules)
{
    struct wire *w = calloc(1, sizeof *w);
    uint16_t port;
    int report;
    w->origin = wire_bound(&port);
    assert_int_equal(listen(w->origin, WIRE_CONNECTIONS), 0);
    w->policy = policy_of(rules);
    make_plan(w, port);
    make_listener(w);
    w->conf = (struct sp_relay_conf){.plan = w->plan, .policy = w->policy, .report_wake = -1, .listeners = w->listeners};
    assert_int_equal(sp_report_new(&report), 0);
    assert_int_equal(sp_report_map(report, &w->conf.report), 0);
    close(report);
    w->told = malloc(EVENTS_MAX);
    return w;
}

void wire_use_unix(struct wire *w)
{
    struct sp_address *a = &w->service->to.at[0];
    snprintf(w->path, sizeof w->path, "/tmp/sallyport-wire-%d.sock", (int)getpid());
    a->sa.path = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(a->sa.path.sun_path, w->path, sizeof w->path);
    a->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(w->path) + 1);
    close(w->origin);
    w->origin = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(bind(w->origin, &a->sa.any, a->len) == 0 && listen(w->origin, WIRE_CONNECTIONS) == 0);
}

void wire_open(struct wire *w)
{
    assert_int_equal(sp_relay_new(w->plan, 0, &w->relay), 0);
}

static void *serve(void *wire)
{
    struct wire *w = wire;
    sp_relay_serve(w->relay);
    __atomic_store_n(&w->served, true, __ATOMIC_RELEASE);
    return NULL;
}

void wire_serve(struct wire *w)
{
    w->served = false;
    assert_int_equal(sp_relay_ready(w->relay, &w->conf), 0);
    assert_int_equal(pthread_create(&w->thread, NULL, serve, w), 0);
    w->serving = true;
    for (int i = 0; i < WIRE_PATIENCE_S * 1000 && !sp_relay_is_up(w->relay) && !__atomic_load_n(&w->served, __ATOMIC_ACQUIRE); i++)
        usleep(1000);
}

void wire_start(struct wire *w)
{
    wire_open(w);
    wire_serve(w);
}

void wire_join(struct wire *w)
{
    pthread_join(w->thread, NULL);
    w->serving = false;
    sp_relay_done(w->relay);
}

void wire_free(struct wire *w)
{
    if (w->serving) {
        assert_int_equal(wire_tell(w, &(struct sp_relay_told){.order = SP_ORDER_REST}), 0);
        wire_join(w);
    }
    if (w->relay)
        sp_relay_free(w->relay);
    sp_policy_free(w->policy);
    sp_report_unmap(w->conf.report);
    if (w->listener >= 0)
        close(w->listener);
    if (w->origin >= 0)
        close(w->origin);
    if (w->path[0])
        unlink(w->path);
    free(w->told);
    free(w->plan);
    free(w);
}

int wire_tell(struct wire *w, const struct sp_relay_told *what)
{
    struct pollfd p = {.fd = sp_relay_answer_fd(w->relay), .events = POLLIN};
    assert_int_equal(sp_relay_tell(w->relay, what), 0);
    assert_int_equal(poll(&p, 1, WIRE_PATIENCE_S * 1000), 1);
    return sp_relay_answer(w->relay);
}

static int memory_of(const void *p, size_t n)
{
    int fd = memfd_create("wire", MFD_CLOEXEC);
    assert_int_equal(write(fd, p, n), n);
    return fd;
}

int wire_policy_fd(const struct sp_policy *p)
{
    return memory_of(p, sp_policy_size(p));
}

int wire_plan_fd(const struct sp_plan *p)
{
    return memory_of(p, sizeof *p);
}

/* ---- what it tells ---- */

struct sp_counters wire_counters(const struct wire *w)
{
    struct sp_counters sum = {0};
    sp_report_sum(w->conf.report, &sum);
    return sum;
}

static void take(struct wire *w)
{
    uint64_t lost;
    ssize_t n;
    assert_true(w->ntold + CHUNK < EVENTS_MAX);
    while ((n = sp_report_take(w->conf.report, w->told + w->ntold, CHUNK, &lost)) > 0)
        w->ntold += (size_t)n;
    assert_int_equal(n, 0);
}

bool wire_told(struct wire *w, const char *text)
{
    for (int i = 0; i < WIRE_PATIENCE_S * 1000; i++) {
        take(w);
        if (memmem(w->told, w->ntold, text, strlen(text)))
            return true;
        usleep(1000);
    }
    return false;
}

unsigned wire_lines(struct wire *w)
{
    unsigned n = 0;
    take(w);
    for (size_t i = 0; i < w->ntold; i++)
        n += w->told[i] == '\n';
    return n;
}
