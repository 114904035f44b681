/* SPDX-License-Identifier: Apache-2.0 */
/* Plans from other processes: one that is right is taken; with any one thing wrong it is not. */
#include "io/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

static struct sp_address address(int family)
{
    struct sp_address a = {0};
    a.sa.any.sa_family = (sa_family_t)family;
    a.len = family == AF_INET ? sizeof a.sa.v4 : sizeof a.sa.v6;
    if (family == AF_UNIX) {
        strcpy(a.sa.path.sun_path, "/run/app");
        a.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof "/run/app");
    }
    return a;
}

/* Two services, three listeners, two outputs. */
static struct sp_plan *plan(void)
{
    struct sp_plan *p = calloc(1, sizeof *p);
    *p = (struct sp_plan){.magic = SP_PLAN_MAGIC, .size = sizeof *p, .nservices = 2, .nlisteners = 3, .noutputs = 2, .workers = 2,
                          .watchdog_ms = 1000, .survival = true, .memory = 1 << 20, .connections = 100, .uid = SP_PLAN_STARTER,
                          .gid = SP_PLAN_STARTER, .runtime = "/run/sallyport/x"};
    for (unsigned i = 0; i < 2; i++)
        p->services[i] = (struct sp_plan_service){.name = "shop", .protocol = "http", .to = {.n = 2, .at = {address(AF_INET), address(AF_UNIX)}},
                                                  .body_max = 4096, .header_ms = 1, .body_ms = 1, .idle_ms = 1, .connect_ms = 1};
    for (unsigned i = 0; i < 3; i++)
        p->listeners[i] = (struct sp_plan_listener){.at = address(i ? AF_INET : AF_INET6), .service = i % 2};
    p->outputs[0] = (struct sp_plan_output){.kind = SP_OUTPUT_SOCKET, .path = "/run/collector"};
    return p;
}

static void test_whole(void **state)
{
    (void)state;
    const struct sp_plan *ret = NULL;
    struct sp_plan *p = plan();
    assert_int_equal(sp_plan_verify(p, sizeof *p, &ret), 0);
    assert_ptr_equal(ret, p);
    assert_int_equal(sp_plan_verify(p, sizeof *p - 1, &ret), -EINVAL);
    assert_int_equal(sp_plan_verify(p, 0, &ret), -EINVAL);
    free(p);
}

static void set_byte(void *at, uint8_t value)
{
    memset(at, value, 1);
}

/* Each spoils one thing. */
#define WRONG(name, change) \
    static void wrong_##name(struct sp_plan *p) { change; }
#define WRONGS(X)                                                                   \
    X(magic, p->magic++)                                                            \
    X(size, p->size++)                                                              \
    X(services, p->nservices = SP_PLAN_SERVICES + 1)                                \
    X(listeners, p->nlisteners = SP_PLAN_LISTENERS + 1)                             \
    X(outputs, p->noutputs = SP_OUTPUTS_MAX + 1)                                    \
    X(no_workers, p->workers = 0)                                                   \
    X(workers, p->workers = SP_PLAN_WORKERS + 1)                                    \
    X(spin, p->spin_us = UINT32_MAX)                                                \
    X(watchdog, p->watchdog_ms = UINT32_MAX)                                        \
    X(survival, set_byte(&p->survival, 2))                                          \
    X(memory, p->memory = UINT64_MAX)                                               \
    X(no_memory, p->memory = 0)                                                     \
    X(connections, p->connections = UINT64_MAX)                                     \
    X(no_connections, p->connections = 0)                                           \
    X(user, memset(p->user, 'x', sizeof p->user))                                   \
    X(runtime, memset(p->runtime, 'x', sizeof p->runtime))                          \
    X(store, memset(p->store, 'x', sizeof p->store))                                \
    X(crashes, memset(p->crashes, 'x', sizeof p->crashes))                          \
    X(output_kind, p->outputs[1].kind = SP_OUTPUT_SOCKET + 1)                       \
    X(output_path, memset(p->outputs[1].path, 'x', SP_PLAN_PATH))                   \
    X(name, memset(p->services[1].name, 'x', SP_PLAN_NAME))                         \
    X(no_name, p->services[1].name[0] = 0)                                          \
    X(protocol, memset(p->services[1].protocol, 'x', SP_PLAN_NAME))                 \
    X(leaving, set_byte(&p->services[0].leaving, 255))                              \
    X(left, p->services[1].leaving = true)                                          \
    X(forwarded, set_byte(&p->services[1].forwarded, 3))                            \
    X(monitor, set_byte(&p->services[1].monitor, 3))                                \
    X(no_server, p->services[1].to.n = 0)                                           \
    X(servers, p->services[1].to.n = SP_ADDRESSES_MAX + 1)                          \
    X(server_family, p->services[1].to.at[0].sa.any.sa_family = AF_PACKET)          \
    X(server_length, p->services[1].to.at[0].len--)                                 \
    X(path_length, p->services[1].to.at[1].len = sizeof(struct sockaddr_un) + 1)    \
    X(path_open, p->services[1].to.at[1].len--)                                     \
    X(path_short, p->services[1].to.at[1].len = 2)                                  \
    X(proxy_in, p->services[1].proxy_in = SP_PROXY_ANY + 1)                         \
    X(proxy_out, p->services[1].proxy_out = SP_PROXY_ANY)                           \
    X(on_crash, p->services[1].on_crash = 2)                                        \
    X(fail, p->services[1].fail = 2)                                                \
    X(tls, p->services[1].tls = 2)                                                  \
    X(on_budget, p->services[1].on_budget = 2)                                      \
    X(body, p->services[1].body_max = UINT64_MAX)                                   \
    X(header_time, p->services[1].header_ms = UINT64_MAX)                           \
    X(body_time, p->services[1].body_ms = 0)                                        \
    X(idle_time, p->services[1].idle_ms = 0)                                        \
    X(connect_time, p->services[1].connect_ms = UINT64_MAX)                         \
    X(listener_service, p->listeners[2].service = 2)                                \
    X(listener_length, p->listeners[2].at.len = 200)                                \
    X(listener_path, p->listeners[2].at = address(AF_UNIX))
WRONGS(WRONG)

#define ROW(name, change) {#name, wrong_##name},
static const struct {
    const char *name;
    void (*spoil)(struct sp_plan *p);
} wrongs[] = {WRONGS(ROW)};

static void test_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        const struct sp_plan *ret = NULL;
        struct sp_plan *p = plan();
        wrongs[i].spoil(p);
        if (sp_plan_verify(p, sizeof *p, &ret) != -EINVAL || ret)
            fail_msg("a plan with a wrong %s was taken", wrongs[i].name);
        free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_whole), cmocka_unit_test(test_wrong)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
