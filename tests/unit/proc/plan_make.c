/* SPDX-License-Identifier: Apache-2.0 */
/* From configuration to plan: places that stay, totals that are divided, addresses that are looked up or refused. */
#include "proc/plan_make.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

struct world {
    struct sp_config *config;
    struct sp_plan *before, *plan;
    char why[SP_PLAN_WHY];
    struct sp_buf notes;
};

static struct world world(void)
{
    struct world w = {.config = calloc(1, sizeof *w.config), .before = calloc(1, sizeof *w.before), .plan = calloc(1, sizeof *w.plan),
                      .notes = sp_buf_growing(4096)};
    struct sp_config *c = w.config;
    c->user = "nobody";
    c->memory = 1 << 30;
    c->connections = 300;
    c->workers = 3;
    c->survival = true;
    c->watchdog_ms = 1000;
    return w;
}

static void end(struct world *w)
{
    free(w->config);
    free(w->before);
    free(w->plan);
    sp_buf_fini(&w->notes);
}

static bool noted(const struct world *w, const char *text)
{
    return sp_span_find(sp_buf_span(&w->notes), 0, sp_span_str(text)) != SP_NOT_FOUND;
}

static struct sp_config_service *add(struct world *w, const char *name, const char *protocol, const char *listen, const char *to)
{
    struct sp_config_service *s = &w->config->services[w->config->nservices++];
    *s = (struct sp_config_service){.name = name, .protocol = protocol, .to = to, .listen = {.item = {listen}, .n = 1}, .body_max = 4096,
                                    .header_ms = 1, .body_ms = 2, .idle_ms = 3, .connect_ms = 4};
    return s;
}

static int make(struct world *w, bool again)
{
    struct sp_plan *kept = w->before;
    if (again) {
        w->before = w->plan;
        w->plan = kept;
    }
    int rc = sp_plan_begin(w->config, w->plan, w->why);
    return rc ? rc : sp_plan_make(w->config, again ? w->before : NULL, w->plan, &w->notes, w->why);
}

static void assert_valid(const struct world *w)
{
    const struct sp_plan *ret;
    assert_int_equal(sp_plan_verify(w->plan, sizeof *w->plan, &ret), 0);
}

static void test_whole(void **state)
{
    (void)state;
    struct world w = world();
    struct sp_config_service *s = add(&w, "shop", "http", "127.0.0.1:8080", "unix:/run/app");
    s->on_crash = SP_CRASH_CLOSE;
    s->fail = SP_FAIL_CLOSED;
    s->budget = 77;
    s->on_budget = SP_BUDGET_REFUSE;
    s->listen.item[s->listen.n++] = "[::1]:8080";
    w.config->events[w.config->nevents++] = (struct sp_config_event){SP_OUTPUT_FILE, "/var/log/x"};
    assert_int_equal(make(&w, false), 0);
    assert_valid(&w);
    const struct sp_plan_service *made = &w.plan->services[0];
    assert_int_equal(w.plan->nservices, 1);
    assert_int_equal(w.plan->nlisteners, 2);
    assert_string_equal(made->name, "shop");
    assert_string_equal(made->to.at[0].sa.path.sun_path, "/run/app");
    assert_int_equal(made->on_crash, SP_CRASH_CLOSE);
    assert_int_equal(made->fail, SP_FAIL_CLOSED);
    assert_int_equal(made->budget, 77);
    assert_int_equal(made->on_budget, SP_BUDGET_REFUSE);
    assert_int_equal(made->idle_ms, 3);
    assert_false(made->leaving);
    assert_string_equal(w.plan->outputs[0].path, "/var/log/x");
    end(&w);
}

static void test_totals_are_divided(void **state)
{
    (void)state;
    struct world w = world();
    add(&w, "shop", "http", ":8080", "127.0.0.1:1");
    assert_int_equal(make(&w, false), 0);
    assert_int_equal(w.plan->workers, 3);
    assert_int_equal(w.plan->memory, (1 << 30) / 3);
    assert_int_equal(w.plan->connections, 100);
    w.config->workers = 0;
    assert_int_equal(make(&w, false), 0);
    assert_in_range(w.plan->workers, 1, SP_PLAN_WORKERS);
    w.config->workers = 256;
    assert_int_equal(make(&w, false), 0);
    assert_int_equal(w.plan->memory, 16 << 20);
    end(&w);
}

/* In a child: a limit that was lowered stays low. */
static void test_descriptors_bound_connections(void **state)
{
    (void)state;
    struct rlimit low = {300, 300};
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        struct world w = world();
        add(&w, "shop", "http", ":8080", "127.0.0.1:1");
        _exit(setrlimit(RLIMIT_NOFILE, &low) == 0 && make(&w, false) == 0 ? (int)w.plan->connections : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_in_range(WEXITSTATUS(status), 1, 50);
}

/* shop, mail; then mail alone with a new one; then shop again, and mail with another protocol. */
static void test_places_stay(void **state)
{
    (void)state;
    struct world w = world();
    add(&w, "shop", "http", ":8080", "127.0.0.1:1");
    add(&w, "mail", "http", ":8081", "127.0.0.1:2");
    assert_int_equal(make(&w, false), 0);
    w.config->nservices = 0;
    add(&w, "new", "http", ":8080", "127.0.0.1:3");
    add(&w, "mail", "http", ":8081", "127.0.0.1:4");
    assert_int_equal(make(&w, true), 0);
    assert_valid(&w);
    assert_int_equal(w.plan->nservices, 3);
    assert_string_equal(w.plan->services[0].name, "shop");
    assert_true(w.plan->services[0].leaving);
    assert_string_equal(w.plan->services[1].name, "mail");
    assert_false(w.plan->services[1].leaving);
    assert_int_equal(ntohs(w.plan->services[1].to.at[0].sa.v4.sin_port), 4);
    assert_string_equal(w.plan->services[2].name, "new");
    assert_int_equal(w.plan->nlisteners, 2);
    assert_int_equal(w.plan->listeners[0].service, 2);
    assert_int_equal(w.plan->listeners[1].service, 1);
    w.config->nservices = 0;
    add(&w, "shop", "http", ":8080", "127.0.0.1:1");
    add(&w, "mail", "smtp", ":8081", "127.0.0.1:2");
    assert_int_equal(make(&w, true), 0);
    assert_int_equal(w.plan->nservices, 4);
    assert_false(w.plan->services[0].leaving);
    assert_true(w.plan->services[1].leaving);
    assert_string_equal(w.plan->services[3].protocol, "smtp");
    end(&w);
}

static void test_places_run_out(void **state)
{
    (void)state;
    struct world w = world();
    char name[16] = "";
    add(&w, name, "http", ":8080", "127.0.0.1:1");
    for (unsigned i = 0; i < SP_PLAN_SERVICES; i++) {
        snprintf(name, sizeof name, "s%u", i);
        assert_int_equal(make(&w, i > 0), 0);
    }
    assert_valid(&w);
    snprintf(name, sizeof name, "last");
    assert_int_equal(make(&w, true), -EINVAL);
    assert_non_null(strstr(w.why, "no place is left"));
    end(&w);
}

static void test_sizes_stay_while_processes_live(void **state)
{
    (void)state;
    struct world w = world();
    add(&w, "shop", "http", ":8080", "127.0.0.1:1");
    assert_int_equal(make(&w, false), 0);
    w.config->workers = 7;
    w.config->memory = 2 << 20;
    w.config->connections = 5;
    w.config->runtime = "/elsewhere";
    w.config->watchdog_ms = 5;
    assert_int_equal(make(&w, true), 0);
    assert_int_equal(w.plan->workers, 3);
    assert_int_equal(w.plan->memory, w.before->memory);
    assert_int_equal(w.plan->connections, 100);
    assert_string_equal(w.plan->runtime, w.before->runtime);
    assert_int_equal(w.plan->watchdog_ms, 5);
    assert_true(noted(&w, "warning: 'workers', 'limits'"));
    end(&w);
}

static void refused(const char *listen, const char *to, const char *why)
{
    struct world w = world();
    add(&w, "shop", "http", "127.0.0.1:8080", "127.0.0.1:1");
    add(&w, "other", "http", listen, to);
    assert_int_equal(make(&w, false), -EINVAL);
    if (!strstr(w.why, why))
        fail_msg("'%s' is not in '%s'", why, w.why);
    end(&w);
}

static void test_wrong(void **state)
{
    (void)state;
    refused("127.0.0.1:8080", "127.0.0.1:1", "cannot listen on 127.0.0.1:8080 twice");
    refused("nowhere.invalid:1", "127.0.0.1:1", "service other: cannot listen on 'nowhere.invalid:1': ");
    refused(":1", "nowhere.invalid:1", "service other: cannot use 'nowhere.invalid:1' as the server's address: ");
}

static void test_user(void **state)
{
    (void)state;
    struct world w = world();
    add(&w, "shop", "http", ":8080", "127.0.0.1:1");
    if (geteuid() != 0) {
        assert_int_equal(sp_plan_begin(w.config, w.plan, w.why), 0);
        assert_int_equal(w.plan->uid, SP_PLAN_STARTER);
        end(&w);
        return;
    }
    assert_int_equal(make(&w, false), 0);
    assert_int_equal(w.plan->uid, 65534);
    w.config->user = "nobody-of-that-name";
    assert_int_equal(make(&w, false), 0);
    assert_string_equal(w.plan->user, "nobody");
    assert_true(noted(&w, "warning: there is no user 'nobody-of-that-name'"));
    w.config->user = "root";
    assert_int_equal(sp_plan_begin(w.config, w.plan, w.why), -EINVAL);
    assert_non_null(strstr(w.why, "every right"));
    end(&w);
}

static void test_runtime(void **state)
{
    (void)state;
    struct world w = world();
    struct sp_config_service *s = add(&w, "shop", "http", ":8080", "127.0.0.1:1");
    assert_int_equal(sp_plan_begin(w.config, w.plan, w.why), 0);
    assert_non_null(strstr(w.plan->runtime, "sallyport"));
    assert_string_equal(strrchr(w.plan->runtime, '/'), "/[::]:8080");
    s->listen.item[0] = "localhost:8080";
    assert_int_equal(sp_plan_begin(w.config, w.plan, w.why), 0);
    assert_string_equal(strrchr(w.plan->runtime, '/'), "/localhost:8080");
    w.config->runtime = "/run/mine";
    assert_int_equal(sp_plan_begin(w.config, w.plan, w.why), 0);
    assert_string_equal(w.plan->runtime, "/run/mine");
    char longer[SP_PLAN_PATH + 1];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = 0;
    w.config->runtime = longer;
    assert_int_equal(sp_plan_begin(w.config, w.plan, w.why), -EINVAL);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),         cmocka_unit_test(test_totals_are_divided),
        cmocka_unit_test(test_places_stay),   cmocka_unit_test(test_descriptors_bound_connections),
        cmocka_unit_test(test_places_run_out), cmocka_unit_test(test_sizes_stay_while_processes_live),
        cmocka_unit_test(test_wrong),         cmocka_unit_test(test_user),
        cmocka_unit_test(test_runtime),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
