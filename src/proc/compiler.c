/* SPDX-License-Identifier: Apache-2.0 */
/* compiler: one load, from a command line to plan and policy. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proc/compiler.h"
#include "proc/plan_make.h"
#include "proc/process.h"
#include "proc/rules.h"
#include "proc/sealed.h"

enum compiler_limits {
    TEXT_MAX = SP_MESSAGE_MAX - 16,  /* of an answer: a status and what goes before it have room */
    READ_MAX = SP_LISTEN_MAX + 2,    /* places of rules: those that are configured, and the two that are looked at when none are */
};

struct compiler {
    int control;
    int said;                /* memfd: what was written to standard error */
    int error;               /* the real standard error */
    const struct sp_plan *before;         /* what is in force; NULL: nothing */
    const struct sp_policy *before_rules;
    struct sp_config config;
    struct sp_plan *plan;
    struct sp_rules rules;
    struct sp_buf notes;     /* warnings, a line each */
};

/* ---- what is said ---- */

/* Mistakes are for whoever asked, who may be at the other end of a socket: they are kept until it is known whether there were any. */
static int keep_words(struct compiler *c)
{
    c->said = memfd_create("sallyport-said", MFD_CLOEXEC);
    c->error = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    return c->said < 0 || c->error < 0 || dup2(c->said, STDERR_FILENO) < 0 ? -errno : 0;
}

/* Whole lines of it, as many as fit. */
static void take_words(const struct compiler *c, struct sp_buf *out)
{
    static uint8_t text[TEXT_MAX];
    ssize_t n = pread(c->said, text, sizeof text, 0);
    while (n == (ssize_t)sizeof text && n > 0 && text[n - 1] != '\n')
        n--;
    if (n > 0)
        sp_put(out, sp_span_of(text, (size_t)n));
}

/* Warnings of a load that went well. */
static void repeat_words(const struct compiler *c)
{
    struct sp_buf out = sp_buf_growing(TEXT_MAX);
    take_words(c, &out);
    ssize_t n = out.n ? write(c->error, out.p, out.n) : 0;
    (void)n; /* nowhere else to say it */
    sp_buf_fini(&out);
}

static int tell_wrong(const struct compiler *c, int status)
{
    uint32_t told = (uint32_t)status;
    struct sp_buf out = sp_buf_growing(SP_MESSAGE_MAX);
    sp_put(&out, sp_span_of(&told, sizeof told));
    take_words(c, &out);
    int rc = sp_message_send(c->control, SP_TELL_WRONG, sp_buf_span(&out), NULL, 0);
    sp_buf_fini(&out);
    return rc ? SP_EXIT_RUNTIME : status;
}

/* ---- what was made ---- */

/* Nobody can change it from now on, we included: whoever maps it checks it once. */
static int seal(const char *name, const void *p, size_t n, int *ret)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    const uint8_t *at = p;
    ssize_t wrote = 0;
    for (size_t left = n; left && wrote >= 0; left -= (size_t)wrote, at += wrote)
        wrote = write(fd, at, left);
    if (wrote < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    *ret = fd;
    return 0;
}

static void describe_service(const struct sp_config_service *s, struct sp_buf *out)
{
    sp_put_fmt(out, "%s: %s on ", s->name, s->protocol);
    for (uint64_t i = 0; i < s->listen.n; i++)
        sp_put_fmt(out, "%s%s", i ? ", " : "", s->listen.item[i]);
    sp_put_fmt(out, ", to %s%s\n", s->to, s->monitor ? ", only watching" : "");
}

/* What is served is said at the first load; rules at each. */
static void describe(const struct compiler *c, struct sp_buf *out)
{
    sp_put(out, sp_buf_span(&c->notes));
    sp_put_str(out, c->rules.set.nrules ? "" : "warning: ");
    sp_rules_describe(&c->rules, out);
    sp_put_fmt(out, ", %u proof cases hold%s\n", c->rules.cases, c->rules.set.nrules ? "" : ": nothing but malformed traffic will be stopped");
    for (uint64_t i = 0; !c->before && i < c->config.nservices; i++)
        describe_service(&c->config.services[i], out);
}

static int tell_compiled(const struct compiler *c)
{
    int fds[2] = {-1, -1};
    struct sp_buf out = sp_buf_growing(TEXT_MAX);
    describe(c, &out);
    int rc = seal("sallyport-plan", c->plan, sizeof *c->plan, &fds[0]);
    if (rc == 0)
        rc = seal("sallyport-policy", c->rules.policy, sp_policy_size(c->rules.policy), &fds[1]);
    if (rc == 0)
        rc = sp_message_send(c->control, SP_TELL_COMPILED, sp_buf_span(&out), fds, 2);
    for (unsigned i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    sp_buf_fini(&out);
    return rc ? sp_complain(SP_EXIT_RUNTIME, "cannot hand over what was compiled: %s", strerror(-rc)) : SP_EXIT_OK;
}

/* ---- one load ---- */

/* A plan of another build has another form: then there is none to keep places from. */
static const struct sp_plan *map_plan(int fd)
{
    const struct sp_plan *plan;
    const void *p;
    size_t n;
    return sp_sealed_map(fd, &p, &n) < 0 || sp_plan_verify(p, n, &plan) < 0 ? NULL : plan;
}

static const struct sp_policy *map_policy(int fd)
{
    const struct sp_policy *policy;
    const void *p;
    size_t n;
    return sp_sealed_map(fd, &p, &n) < 0 || sp_policy_verify(p, n, &policy) < 0 ? NULL : policy;
}

static int hear(struct compiler *c)
{
    static uint8_t buffer[SP_MESSAGE_MAX];
    struct sp_message m;
    int rc = sp_process_hear(c->control, SP_ROLE_SUPERVISOR, SP_ROLE_COMPILER, buffer, &m);
    if (rc != 1)
        return sp_complain(SP_EXIT_RUNTIME, "the compiler was told nothing that it knows");
    if (m.nfds)
        c->before = map_plan(m.fds[0]);
    if (m.nfds > 1)
        c->before_rules = map_policy(m.fds[1]);
    sp_message_close_fds(&m);
    return SP_EXIT_OK;
}

static int configure(struct compiler *c, int argc, char **argv)
{
    bool help;
    const struct sp_command *cmd = argc ? sp_command_named(argv[0]) : NULL;
    if (!cmd || !cmd->configure)
        return sp_complain(SP_EXIT_INPUT, "'%s' serves nothing", argc ? argv[0] : "");
    int status = sp_options_read(cmd, argc - 1, argv + 1, &help);
    return status ? status : cmd->configure(&c->config);
}

/* From here on nothing is read but rules and what looking up names needs. */
static int confine(struct compiler *c)
{
    const char *paths[READ_MAX];
    unsigned n = 0;
    if (!c->before)
        sp_sandbox_lacks(&c->notes);
    for (uint64_t i = 0; i < c->config.rules.n; i++)
        paths[n++] = c->config.rules.item[i];
    for (const char *const *p = sp_rules_default_paths; *p && n < READ_MAX; p++)
        paths[n++] = *p;
    int rc = sp_sandbox_enter_reading(sp_processes[SP_ROLE_COMPILER].sandbox, c->plan, paths, n);
    if (!c->before && c->plan->uid != SP_PLAN_STARTER && c->plan->uid != geteuid())
        sp_put_fmt(&c->notes, "warning: this machine does not let us become user '%s': what sees traffic runs as root without its rights\n", c->plan->user);
    return rc ? sp_complain(SP_EXIT_RUNTIME, "the compiler cannot be confined: %s", strerror(-rc)) : SP_EXIT_OK;
}

static int make_plan(struct compiler *c)
{
    char why[SP_PLAN_WHY];
    return sp_plan_make(&c->config, c->before, c->plan, &c->notes, why) ? sp_complain(SP_EXIT_RUNTIME, "%s", why) : SP_EXIT_OK;
}

static int load(struct compiler *c, int argc, char **argv)
{
    char why[SP_PLAN_WHY];
    struct sp_list paths;
    int status = configure(c, argc, argv);
    if (status)
        return status;
    if (sp_plan_begin(&c->config, c->plan, why))
        return sp_complain(SP_EXIT_INPUT, "%s", why);
    status = confine(c);
    sp_config_rules(&c->config, &paths);
    if (!status)
        status = sp_rules_load_after(&paths, true, c->before_rules, &c->rules);
    return status ? status : make_plan(c);
}

/* Traffic goes first. */
static void step_back(void)
{
    struct sched_param none = {0};
    (void)sched_setscheduler(0, SCHED_BATCH, &none);
    errno = 0;
    (void)!nice(19);
}

int sp_compiler_main(int control, int argc, char **argv)
{
    static struct compiler c; /* what it holds ends with the process */
    c.control = control;
    c.plan = calloc(1, sizeof *c.plan);
    c.notes = sp_buf_growing(TEXT_MAX);
    step_back();
    if (!c.plan || keep_words(&c) < 0)
        return sp_complain(SP_EXIT_RUNTIME, "the compiler has no memory");
    int status = hear(&c);
    if (!status)
        status = load(&c, argc, argv);
    if (!status)
        status = tell_compiled(&c);
    if (status)
        return tell_wrong(&c, status);
    repeat_words(&c);
    return SP_EXIT_OK;
}
