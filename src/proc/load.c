/* SPDX-License-Identifier: Apache-2.0 */
/* load: lets the compiler read configuration and rules, and puts what it makes in force at every keeper, or nowhere. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "proc/sealed.h"
#include "proc/supervisor.h"

enum load_limits {
    COMPILE_MS = 300000, /* 31,000 rules take half a minute on one busy core */
    TEXT_MAX = SP_MESSAGE_MAX,
};

void load_drop(struct load *l)
{
    if (l->plan_fd >= 0)
        close(l->plan_fd);
    if (l->policy_fd >= 0)
        close(l->policy_fd);
    sp_sealed_unmap(l->plan, sizeof *l->plan);
    sp_buf_fini(&l->text);
    *l = (struct load){.plan_fd = -1, .policy_fd = -1, .text = sp_buf_growing(TEXT_MAX)};
}

/* ---- the compiler ---- */

static int map_plan(struct load *l)
{
    const void *p;
    size_t n;
    int rc = sp_sealed_map(l->plan_fd, &p, &n);
    if (rc < 0)
        return rc;
    rc = sp_plan_verify(p, n, &l->plan);
    if (rc < 0)
        sp_sealed_unmap(p, n);
    return rc;
}

static void compiled(struct load *l, const struct sp_message *m)
{
    l->plan_fd = m->fds[0];
    l->policy_fd = m->fds[1];
    sp_put(&l->text, m->body);
    if (map_plan(l) == 0)
        return;
    l->status = SP_EXIT_RUNTIME;
    sp_put_str(&l->text, "sallyport: the compiler made a plan that is none\n");
}

static void went_wrong(struct load *l, const struct sp_message *m)
{
    uint32_t status;
    memcpy(&status, m->body.p, sizeof status);
    l->status = status == SP_EXIT_INPUT ? SP_EXIT_INPUT : SP_EXIT_RUNTIME;
    sp_put(&l->text, sp_span_from(m->body, sizeof status));
}

void load_hear(struct supervisor *s)
{
    static uint8_t buffer[SP_MESSAGE_MAX];
    struct sp_message m;
    int rc = sp_process_hear(s->compiler.control, SP_ROLE_COMPILER, SP_ROLE_SUPERVISOR, buffer, &m);
    if (rc == -EAGAIN)
        return;
    if (rc == 1 && m.kind == SP_TELL_COMPILED)
        compiled(&s->load, &m);
    else if (rc == 1)
        went_wrong(&s->load, &m);
    else {
        s->load.status = SP_EXIT_RUNTIME;
        sp_put_str(&s->load.text, "sallyport: the compiler ended without an answer\n");
    }
    s->load.done = true;
    close(s->compiler.control);
    s->compiler.control = -1;
}

static bool compile_over(const struct supervisor *s)
{
    return s->load.done || s->stop;
}

static int start_compiler(struct supervisor *s, int binary)
{
    int theirs, rc = sp_process_pair(&s->compiler.control, &theirs);
    if (rc < 0)
        return rc;
    struct sp_spawn how = {.role = SP_ROLE_COMPILER, .binary = binary, .control = theirs, .extra = -1, .words = s->words};
    /* Before it lives: it must not take our end for its beginning. */
    int fds[] = {s->plan_fd, s->policy_fd};
    rc = sp_message_send(s->compiler.control, SP_SAY_COMPILE, sp_span_of(NULL, 0), fds, s->plan_fd >= 0 && s->policy_fd >= 0 ? 2 : 0);
    if (rc == 0)
        rc = sp_spawn(&how, &s->compiler.pid);
    close(theirs);
    if (rc < 0) {
        close(s->compiler.control);
        s->compiler.control = -1;
    }
    return rc;
}

static void end_compiler(struct supervisor *s)
{
    if (s->compiler.control >= 0)
        close(s->compiler.control);
    s->compiler.control = -1;
    if (!s->load.done && s->compiler.pid)
        (void)kill(s->compiler.pid, SIGKILL);
}

int load_run(struct supervisor *s, int binary)
{
    load_drop(&s->load);
    int rc = start_compiler(s, binary);
    if (rc < 0)
        sp_put_fmt(&s->load.text, "sallyport: cannot start the compiler: %s\n", strerror(-rc));
    else if (!sup_until(s, compile_over, COMPILE_MS))
        sp_put_fmt(&s->load.text, "sallyport: the compiler did not end in %d s\n", COMPILE_MS / 1000);
    end_compiler(s);
    if (rc == 0 && !s->load.done && s->stop)
        sp_put_str(&s->load.text, "sallyport: stopped while loading\n");
    if (!s->load.done)
        s->load.status = SP_EXIT_RUNTIME;
    return s->load.status;
}

void load_log(const struct load *l)
{
    struct sp_span rest = sp_buf_span(&l->text);
    while (rest.n) {
        size_t end = sp_span_byte(rest, 0, '\n');
        struct sp_span line = sp_span_sub(rest, 0, end), warning = SP_LIT("warning: ");
        bool warns = sp_span_starts(line, warning);
        if (line.n)
            sp_log(warns ? SP_LOG_WARN : SP_LOG_INFO, "%.*s", SP_FMT(sp_span_from(line, warns ? warning.n : 0)));
        rest = end == SP_NOT_FOUND ? sp_span_of(NULL, 0) : sp_span_from(rest, end + 1);
    }
}

/* ---- in force ---- */

void load_keep(struct supervisor *s)
{
    struct load *l = &s->load;
    if (s->plan_fd >= 0)
        close(s->plan_fd);
    if (s->policy_fd >= 0)
        close(s->policy_fd);
    sp_sealed_unmap(s->plan, sizeof *s->plan);
    s->plan = l->plan;
    s->plan_fd = l->plan_fd;
    s->policy_fd = l->policy_fd;
    s->generation++;
    l->plan = NULL;
    l->plan_fd = l->policy_fd = -1;
}

static int take_at(struct supervisor *s, uint32_t lane, const struct lane *listeners, const struct load *l)
{
    uint32_t post = s->lanes[lane].post;
    if (post == NO_POST || s->posts[post].state != POST_SERVING)
        return 0; /* whoever comes next there begins with what is in force then */
    int rc = post_say_set(s, &s->posts[post], listeners, l, -1);
    return rc < 0 ? rc : post_answer(s, &s->posts[post], ANSWER_MS);
}

/* Those that have taken it already go back: all of them work with the same. */
static void take_back(struct supervisor *s, uint32_t before)
{
    struct load old = {.plan_fd = s->plan_fd, .policy_fd = s->policy_fd};
    for (uint32_t i = 0; i < before; i++)
        if (take_at(s, i, &s->lanes[i], &old) < 0)
            sp_log(SP_LOG_ERROR, "keeper %u did not go back to what is in force", s->lanes[i].post);
}

static int take_everywhere(struct supervisor *s, const struct lane *next)
{
    for (uint32_t i = 0; i < s->nlanes; i++) {
        int rc = take_at(s, i, &next[i], &s->load);
        if (rc == 0)
            continue;
        (void)snprintf(s->why, sizeof s->why, "worker %u did not take it: %s", s->lanes[i].post, strerror(-rc));
        take_back(s, i);
        return rc;
    }
    return 0;
}

int load_apply(struct supervisor *s)
{
    static struct lane next[LANES_MAX];
    int rc = lanes_open(s, s->load.plan, next);
    if (rc < 0)
        return rc;
    rc = clerk_take(s, s->plan, s->load.plan, s->load.plan_fd);
    if (rc < 0)
        (void)snprintf(s->why, sizeof s->why, "the event outputs cannot be opened: %s", strerror(-rc));
    else
        rc = take_everywhere(s, next);
    if (rc < 0) {
        lanes_drop(s, next);
        if (clerk_take(s, s->load.plan, s->plan, s->plan_fd) < 0)
            sp_log(SP_LOG_ERROR, "the admin did not go back to the outputs that are in force");
        return rc;
    }
    lanes_take(s, next);
    load_keep(s);
    return 0;
}
