/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox: the rows, and the order in which a process gives things up: what is prepared with rights first (rules over paths, an empty directory), then the
 * user, then the rest. Each layer holds by itself; a kernel or a container that lacks one leaves the others.
 */
#include "proc/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "proc/sandbox_row.h"

/* Sanitizers report with system calls and files of their own, and look for leaks from a second process at the end. */
#if defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = true };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(undefined_behavior_sanitizer)
enum { SANITIZED = true };
#else
enum { SANITIZED = false };
#endif
#else
enum { SANITIZED = false };
#endif

/* ---- the rows ---- */

#define CAPABILITY(n) (UINT64_C(1) << (n))

static const uint16_t dns_ports[] = {53, 0};

const struct sp_sandbox sp_sandbox_worker = {
    .name = "worker", .empty_root = true, .files = FILES_NONE, .no_files_grow = true, .calls = &worker_calls};

/* Makes workers, which need these to give them up; nothing else of root's. */
const struct sp_sandbox sp_sandbox_keeper = {
    .name = "keeper", .stays = true, .leaves_rights = true, .many_descriptors = true, .files = FILES_ALL, .makes = &sp_sandbox_worker,
    .capabilities = CAPABILITY(CAP_SETUID) | CAPABILITY(CAP_SETGID) | CAPABILITY(CAP_SETPCAP) | CAPABILITY(CAP_SYS_CHROOT) | CAPABILITY(CAP_KILL)};

/* May write where its user may not, where Landlock keeps it in the right directories: logs are often root's. */
const struct sp_sandbox sp_sandbox_admin = {
    .name = "admin", .files = FILES_WRITE, .local_only = true, .capabilities = CAPABILITY(CAP_DAC_OVERRIDE), .calls = &admin_calls};

/* Reads where its user may not: rules are often root's alone. It cannot open anything for writing. */
const struct sp_sandbox sp_sandbox_compiler = {
    .name = "compiler", .files = FILES_READ, .ports = dns_ports,
    .capabilities = CAPABILITY(CAP_DAC_READ_SEARCH) | CAPABILITY(CAP_DAC_OVERRIDE), .calls = &compiler_calls};

/* ---- the plan ---- */

static bool has_unix_server(const struct sp_plan *plan)
{
    for (uint32_t i = 0; i < plan->nservices; i++)
        for (unsigned k = 0; k < plan->services[i].to.n; k++)
            if (plan->services[i].to.at[k].sa.any.sa_family == AF_UNIX)
                return true;
    return false;
}

static bool has_unix_output(const struct sp_plan *plan)
{
    for (uint32_t i = 0; i < plan->noutputs; i++)
        if (plan->outputs[i].kind == SP_OUTPUT_SYSLOG || plan->outputs[i].kind == SP_OUTPUT_SOCKET)
            return true;
    return false;
}

static bool needs_unix(const struct sp_sandbox *row, const struct sp_plan *plan)
{
    return row->files == FILES_WRITE ? has_unix_output(plan) : has_unix_server(plan);
}

/* ---- capabilities ---- */

struct capabilities {
    struct __user_cap_header_struct head;
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
};

static uint64_t capabilities_held(void)
{
    struct capabilities c = {.head = {.version = _LINUX_CAPABILITY_VERSION_3}};
    if (syscall(SYS_capget, &c.head, c.data) < 0)
        return 0;
    return (uint64_t)c.data[1].permitted << 32 | c.data[0].permitted;
}

static int keep_capabilities(uint64_t keep)
{
    struct capabilities c = {.head = {.version = _LINUX_CAPABILITY_VERSION_3}};
    uint64_t left = keep & capabilities_held();
    for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        c.data[i].permitted = c.data[i].effective = (uint32_t)(left >> 32 * i);
    return syscall(SYS_capset, &c.head, c.data) < 0 ? -errno : 0;
}

/* What a program that this one becomes could have. Without the right to do that, no_new_privs has to be enough. */
static void bound_capabilities(uint64_t keep)
{
    for (unsigned n = 0; n < 64 && prctl(PR_CAPBSET_READ, n, 0, 0, 0) >= 0; n++)
        if (!(keep & CAPABILITY(n)))
            (void)prctl(PR_CAPBSET_DROP, n, 0, 0, 0);
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

/* ---- user and root directory ---- */

/* Where the right is missing (a container) there is nobody to become: then it is root in name only, once its capabilities are gone. */
static int become_user(const struct sp_plan *plan)
{
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        return -errno;
    if ((setgroups(0, NULL) == 0 && setresgid(plan->gid, plan->gid, plan->gid) == 0 && setresuid(plan->uid, plan->uid, plan->uid) == 0) ||
        errno == EPERM || errno == EINVAL)
        return 0;
    return -errno;
}

/* A directory that is there no more: nothing is in it, and nothing can be made in it. */
static int enter_empty_root(const struct sp_plan *plan)
{
    const char *const places[] = {plan->runtime, "/run", "/tmp"};
    char path[SP_PLAN_PATH + 16];
    for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
        if (snprintf(path, sizeof path, "%s/empty-XXXXXX", places[i]) >= (int)sizeof path || !mkdtemp(path))
            continue;
        int rc = chdir(path) < 0 ? -errno : 0;
        (void)rmdir(path);
        return rc ? rc : chroot(".") < 0 && errno != EPERM ? -errno : 0;
    }
    return -errno;
}

static int change_identity(const struct sp_sandbox *row, const struct sp_plan *plan)
{
    bool root = geteuid() == 0;
    int rc = 0;
    if (root && row->empty_root && !has_unix_server(plan) && !SANITIZED)
        rc = enter_empty_root(plan);
    bound_capabilities(row->capabilities);
    if (rc == 0 && root && !row->stays && plan->uid != SP_PLAN_STARTER)
        rc = become_user(plan);
    return rc;
}

/* ---- limits ---- */

static int limit(int which, rlim_t most)
{
    struct rlimit l = {most, most};
    return setrlimit(which, &l) < 0 ? -errno : 0;
}

/* The log may be a file that standard error was sent to. */
static bool logs_to_file(void)
{
    struct stat st;
    return fstat(STDERR_FILENO, &st) == 0 && S_ISREG(st.st_mode);
}

/* sp_plan_make reckons with it. */
static void raise_descriptors(void)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) < 0)
        return;
    l.rlim_cur = l.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &l); /* else accepting stops earlier, and says so */
}

static int set_limits(const struct sp_sandbox *row)
{
    int rc = limit(RLIMIT_CORE, 0); /* traffic in it */
    if (rc == 0)
        rc = limit(RLIMIT_NPROC, 0);
    if (rc == 0 && row->no_files_grow && !logs_to_file())
        rc = limit(RLIMIT_FSIZE, 0);
    return rc;
}

/* ---- entering ---- */

static bool may_write(const char *path)
{
    char directory[SP_PLAN_PATH];
    int n = snprintf(directory, sizeof directory, "%s", path);
    while (n > 0 && directory[n - 1] != '/')
        n--;
    directory[n] = 0;
    return faccessat(AT_FDCWD, n ? directory : ".", W_OK | X_OK, AT_EACCESS) == 0 &&
           (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0 || errno == ENOENT);
}

/* With no capability in effect: the new user's own rights are enough. */
static bool user_suffices(const struct sp_plan *plan)
{
    bool ok = !plan->crashes[0] || faccessat(AT_FDCWD, plan->crashes, W_OK | X_OK, AT_EACCESS) == 0;
    for (uint32_t i = 0; ok && i < plan->noutputs; i++)
        ok = plan->outputs[i].kind != SP_OUTPUT_FILE || may_write(plan->outputs[i].path);
    return ok;
}

/* Only a process that Landlock keeps where it belongs may go past the rights of its user. */
static uint64_t capabilities_needed(const struct sp_sandbox *row, const struct sp_plan *plan, const struct land *land)
{
    if (row->files != FILES_WRITE)
        return row->capabilities;
    return land->ruleset < 0 || user_suffices(plan) ? 0 : row->capabilities;
}

static int prepare_others(const struct sp_sandbox *row, const struct sp_plan *plan)
{
    struct sandbox_needs needs = {.unix_sockets = needs_unix(row->makes, plan)};
    return calls_prepare(row->makes->calls, &needs);
}

static int give_up(const struct sp_sandbox *row, const struct sp_plan *plan, struct land *land)
{
    uint64_t keep = capabilities_needed(row, plan, land);
    const struct sandbox_needs needs = {.unix_sockets = needs_unix(row, plan)};
    int rc = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
    if (rc == 0 && !SANITIZED)
        rc = land_enter(land);
    if (rc == 0)
        rc = keep_capabilities(keep);
    if (rc == 0 && row->makes)
        rc = prepare_others(row, plan);
    if (rc < 0 || SANITIZED || row->leaves_rights)
        return rc;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return -errno;
    rc = calls_prepare(row->calls, &needs); /* while it may still write */
    if (rc == 0)
        rc = set_limits(row);
    return rc == 0 ? calls_enter(row->calls, &needs) : rc;
}

int sp_sandbox_enter_reading(const struct sp_sandbox *row, const struct sp_plan *plan, const char *const *paths, unsigned npaths)
{
    struct land land;
    tzset(); /* the log tells the time, and the file that says how is out of reach later */
    int rc = land_prepare(row, plan, paths, npaths, &land);
    if (rc < 0)
        return rc;
    rc = change_identity(row, plan);
    if (row->many_descriptors)
        raise_descriptors();
    if (rc == 0)
        rc = give_up(row, plan, &land);
    if (land.ruleset >= 0)
        close(land.ruleset);
    return rc;
}

int sp_sandbox_enter(const struct sp_sandbox *row, const struct sp_plan *plan)
{
    return sp_sandbox_enter_reading(row, plan, NULL, 0);
}

/* ---- another plan ---- */

static bool connects_to(const struct sp_plan *plan, uint16_t port)
{
    for (uint32_t i = 0; i < plan->nservices; i++)
        for (unsigned k = 0; k < plan->services[i].to.n; k++)
            if (sp_address_session(&plan->services[i].to.at[k]).port == port)
                return true;
    return false;
}

static bool servers_fit(const struct sp_plan *entered, const struct sp_plan *next)
{
    bool ok = true;
    for (uint32_t i = 0; i < next->nservices; i++)
        for (unsigned k = 0; ok && k < next->services[i].to.n; k++)
            ok = connects_to(entered, sp_address_session(&next->services[i].to.at[k]).port);
    return ok;
}

static bool writes_to(const struct sp_plan *plan, const struct sp_plan_output *o)
{
    for (uint32_t i = 0; i < plan->noutputs; i++)
        if (plan->outputs[i].kind == o->kind && strcmp(plan->outputs[i].path, o->path) == 0)
            return true;
    return false;
}

static bool outputs_fit(const struct sp_plan *entered, const struct sp_plan *next)
{
    bool ok = strcmp(entered->crashes, next->crashes) == 0;
    for (uint32_t i = 0; ok && i < next->noutputs; i++)
        ok = next->outputs[i].kind != SP_OUTPUT_FILE || writes_to(entered, &next->outputs[i]);
    return ok;
}

bool sp_sandbox_fits(const struct sp_sandbox *row, const struct sp_plan *entered, const struct sp_plan *next)
{
    if (needs_unix(row, next) && !needs_unix(row, entered))
        return false;
    if (row->files == FILES_WRITE)
        return outputs_fit(entered, next);
    return row->files == FILES_ALL || row->ports || servers_fit(entered, next);
}

void sp_sandbox_lacks(struct sp_buf *out)
{
    int version = land_version();
    if (SANITIZED)
        sp_put_str(out, "warning: built with a sanitizer: processes are confined by their user alone\n");
    else if (version == 0)
        sp_put_str(out, "warning: this kernel has no Landlock: processes are confined by their user, an empty root directory and system calls alone\n");
    else if (version < 4)
        sp_put_str(out, "warning: Landlock of this kernel does not know TCP ports: workers could connect to any\n");
}
