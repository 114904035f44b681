/* SPDX-License-Identifier: Apache-2.0 */
/* control: reload, upgrade and status, asked of a running instance over its control socket. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc/cmd.h"
#include "proc/config.h"
#include "proc/message.h"
#include "proc/plan_make.h"
#include "proc/runtime.h"

enum { PATH_CAP = 4096 };

static struct {
    const char *runtime, *config, *binary;
    bool json;
} want;

#define WHICH_INSTANCE \
    {.name = "config", .letter = 'c', .kind = SP_OPTION_TEXT, .value = "FILE", .to.text = &want.config, \
     .doc = "The instance that runs with this configuration."}, \
    {.name = "runtime", .kind = SP_OPTION_TEXT, .value = "DIR", .to.text = &want.runtime, \
     .doc = "The instance with this runtime directory. Default: the only one that runs."}

static const struct sp_option options[] = {
    WHICH_INSTANCE,
    {0},
};

static const struct sp_option upgrade_options[] = {
    WHICH_INSTANCE,
    {.name = "binary", .letter = 'b', .kind = SP_OPTION_TEXT, .value = "FILE", .to.text = &want.binary,
     .doc = "The program to go on as. Default: the one that this command was started from."},
    {0},
};

static const struct sp_option status_options[] = {
    WHICH_INSTANCE,
    {.name = "json", .kind = SP_OPTION_FLAG, .to.flag = &want.json, .doc = "One JSON object with every counter, for programs."},
    {0},
};

/* ---- which one ---- */

struct found {
    char path[PATH_CAP];
    unsigned n;
};

static bool answers(const char *path)
{
    int dir = sp_runtime_find(path), fd = dir < 0 ? dir : sp_runtime_connect(dir, SP_RUNTIME_CONTROL, 0);
    if (dir >= 0)
        close(dir);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void look_in(const char *parent, struct found *f)
{
    char path[PATH_CAP];
    DIR *d = opendir(parent);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.' || snprintf(path, sizeof path, "%s/%s", parent, e->d_name) >= (int)sizeof path || !answers(path))
            continue;
        if (f->n++ == 0)
            memcpy(f->path, path, sizeof path);
    }
    if (d)
        closedir(d);
}

static int find_only(char ret[PATH_CAP])
{
    char parent[PATH_CAP];
    struct found f = {.n = 0};
    const char *user = getenv("XDG_RUNTIME_DIR");
    look_in("/run/sallyport", &f);
    if (user && snprintf(parent, sizeof parent, "%s/sallyport", user) < (int)sizeof parent)
        look_in(parent, &f);
    if (snprintf(parent, sizeof parent, "/tmp/sallyport-%u", (unsigned)geteuid()) > 0)
        look_in(parent, &f);
    if (f.n == 0)
        return sp_complain(SP_EXIT_RUNTIME, "no running instance of this user was found; name one with --runtime or --config");
    if (f.n > 1)
        return sp_complain(SP_EXIT_INPUT, "%u instances run; name one with --runtime, for example --runtime '%s', or with --config", f.n, f.path);
    memcpy(ret, f.path, PATH_CAP);
    return SP_EXIT_OK;
}

static int take_path(const char *path, char ret[PATH_CAP])
{
    if (snprintf(ret, PATH_CAP, "%s", path) >= PATH_CAP)
        return sp_complain(SP_EXIT_INPUT, "%s is too long a name", path);
    return SP_EXIT_OK;
}

static int from_config(char ret[PATH_CAP])
{
    static struct sp_plan plan;
    char why[SP_PLAN_WHY];
    struct sp_config config;
    int status = sp_config_open(want.config, &config);
    if (status)
        return status;
    if (sp_plan_begin(&config, &plan, why))
        status = sp_complain(SP_EXIT_INPUT, "%s", why);
    else
        status = take_path(plan.runtime, ret);
    sp_config_fini(&config);
    return status;
}

static int find(char ret[PATH_CAP])
{
    if (want.config)
        return from_config(ret);
    if (!want.runtime)
        return find_only(ret);
    return take_path(want.runtime, ret);
}

/* ---- asking ---- */

static int print_answer(const struct sp_message *m)
{
    uint32_t status;
    memcpy(&status, m->body.p, sizeof status);
    struct sp_span text = sp_span_from(m->body, sizeof status);
    FILE *to = status ? stderr : stdout;
    bool bad = fwrite(text.p, 1, text.n, to) != text.n || fflush(to);
    return status ? (int)status : bad ? sp_complain(SP_EXIT_RUNTIME, "cannot write to standard output: %s", strerror(errno)) : SP_EXIT_OK;
}

static int hear_answer(int fd)
{
    static uint8_t buffer[SP_MESSAGE_MAX];
    struct sp_message m;
    int rc = sp_message_receive(fd, buffer, &m);
    if (rc == 1 && m.kind == SP_ANSWER)
        return print_answer(&m);
    return sp_complain(SP_EXIT_RUNTIME, "the instance ended without an answer");
}

static int ask(enum sp_message_kind kind, int descriptor)
{
    char path[PATH_CAP];
    int status = find(path);
    if (status)
        return status;
    int dir = sp_runtime_find(path);
    if (dir < 0)
        return sp_complain(SP_EXIT_RUNTIME, "nothing runs in %s: %s", path, dir == -EPERM ? "it is not ours" : strerror(-dir));
    int fd = sp_runtime_connect(dir, SP_RUNTIME_CONTROL, 0);
    close(dir);
    if (fd < 0)
        return sp_complain(SP_EXIT_RUNTIME, "nothing runs in %s: %s", path, strerror(-fd));
    int rc = sp_message_send(fd, kind, sp_span_of(NULL, 0), &descriptor, descriptor >= 0);
    status = rc < 0 ? sp_complain(SP_EXIT_RUNTIME, "cannot ask the instance in %s: %s", path, strerror(-rc)) : hear_answer(fd);
    close(fd);
    return status;
}

static int reload(void)
{
    return ask(SP_ASK_RELOAD, -1);
}

static int status_of(void)
{
    return ask(want.json ? SP_ASK_STATUS_JSON : SP_ASK_STATUS, -1);
}

static int upgrade(void)
{
    const char *path = want.binary ? want.binary : "/proc/self/exe";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sp_complain(SP_EXIT_INPUT, "cannot read %s: %s", path, strerror(errno));
    int status = ask(SP_ASK_UPGRADE, fd);
    close(fd);
    return status;
}

/* ---- the commands ---- */

static const struct sp_example reload_examples[] = {
    {"after a change of configuration or rules", "sallyport check -c s.yaml && sallyport reload -c s.yaml"},
    {0},
};

const struct sp_command sp_cmd_reload = {
    .name = "reload",
    .summary = "put changed configuration and rules in force",
    .about = "A running instance reads its configuration and rules again, proves them, and puts them in force at each connection's next message. "
             "No connection is lost. When something is wrong it is reported and nothing changes. The number of workers, limits, the user and the "
             "runtime directory stay as they were at the start.",
    .options = options,
    .examples = reload_examples,
    .run = reload,
};

static const struct sp_example upgrade_examples[] = {
    {"a new version was installed", "sallyport upgrade"},
    {"a program of your own", "sallyport upgrade --binary build/src/proc/sallyport"},
    {0},
};

const struct sp_command sp_cmd_upgrade = {
    .name = "upgrade",
    .summary = "let a running instance go on as another version",
    .about = "A running instance becomes another program, with all its connections. When both keep a connection's state in the same way, "
             "connections go on wherever they are; otherwise each goes over at its next message, and the old workers stay until the last has. When "
             "the other program does not run, or does not accept the configuration, nothing changes.",
    .options = upgrade_options,
    .examples = upgrade_examples,
    .run = upgrade,
};

static const struct sp_example status_examples[] = {
    {"what runs here", "sallyport status"},
    {"messages that were refused", "sallyport status --json | jq '[.workers[].counters.refused] | add'"},
    {0},
};

const struct sp_command sp_cmd_status = {
    .name = "status",
    .summary = "show the processes of a running instance",
    .about = "Lists every process, what its workers do and how often they were replaced.",
    .options = status_options,
    .examples = status_examples,
    .run = status_of,
};
