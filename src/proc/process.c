/* SPDX-License-Identifier: Apache-2.0 */
/* process: the table of processes, who may say what to whom, and how one comes into being. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hash.h"
#include "proc/process.h"

enum process_limits {
    WORDS_MAX = 600,          /* words that a process is started with: a command line with every option as often as it may be given */
    LOW_FD = 10,              /* descriptors that are about to get a fixed number are moved out of its way first */
    SEND_BUFFER = 256 << 10,  /* a text of the greatest length and what comes with it */
};

const struct sp_process sp_processes[SP_ROLES] = {
    [SP_ROLE_SUPERVISOR] = {"supervisor", "opens listeners, starts and watches the others, takes orders", true, NULL},
    [SP_ROLE_COMPILER] = {"compiler", "reads configuration and rules, proves them, makes plan and policy", true, &sp_sandbox_compiler},
    [SP_ROLE_KEEPER] = {"keeper", "owns the descriptors of one worker, replaces it when it dies", true, &sp_sandbox_keeper},
    [SP_ROLE_WORKER] = {"worker", "all traffic", false, &sp_sandbox_worker},
    [SP_ROLE_ADMIN] = {"admin", "writes events and crash files", false, &sp_sandbox_admin},
    [SP_ROLE_PROBE] = {"probe", "says what a program is before it is gone on with", true, NULL},
    [SP_ROLE_USER] = {"user", "whoever runs sallyport reload, upgrade or status", true, NULL},
};

/* ---- who may say what to whom: everything else ends the sender ---- */

static const struct speech {
    enum sp_role from, to;
    enum sp_message_kind first, last;
} speeches[] = {
    {SP_ROLE_SUPERVISOR, SP_ROLE_KEEPER, SP_SAY_START, SP_SAY_HELLO},
    {SP_ROLE_KEEPER, SP_ROLE_SUPERVISOR, SP_TELL_SELF, SP_TELL_LISTENERS},
    {SP_ROLE_WORKER, SP_ROLE_SUPERVISOR, SP_TELL_SELF, SP_TELL_DONE}, /* one whose keeper died */
    {SP_ROLE_WORKER, SP_ROLE_SUPERVISOR, SP_TELL_LISTENERS, SP_TELL_LISTENERS},
    {SP_ROLE_SUPERVISOR, SP_ROLE_WORKER, SP_SAY_STOP, SP_SAY_STOP},
    {SP_ROLE_SUPERVISOR, SP_ROLE_WORKER, SP_SAY_DRAIN, SP_SAY_DRAIN},
    {SP_ROLE_SUPERVISOR, SP_ROLE_WORKER, SP_SAY_HELLO, SP_SAY_HELLO},
    {SP_ROLE_SUPERVISOR, SP_ROLE_COMPILER, SP_SAY_COMPILE, SP_SAY_COMPILE},
    {SP_ROLE_COMPILER, SP_ROLE_SUPERVISOR, SP_TELL_COMPILED, SP_TELL_WRONG},
    {SP_ROLE_SUPERVISOR, SP_ROLE_ADMIN, SP_ADMIN_START, SP_ADMIN_STOP},
    {SP_ROLE_ADMIN, SP_ROLE_SUPERVISOR, SP_ADMIN_DONE, SP_ADMIN_DAMAGED},
    {SP_ROLE_PROBE, SP_ROLE_SUPERVISOR, SP_TELL_SELF, SP_TELL_SELF},
    {SP_ROLE_USER, SP_ROLE_SUPERVISOR, SP_ASK_RELOAD, SP_ASK_STATUS},
    {SP_ROLE_USER, SP_ROLE_SUPERVISOR, SP_ASK_STATUS_JSON, SP_ASK_STATUS_JSON},
    {SP_ROLE_SUPERVISOR, SP_ROLE_USER, SP_ANSWER, SP_ANSWER},
};
enum { SPEECHES = sizeof speeches / sizeof *speeches };

bool sp_process_may(enum sp_role from, enum sp_role to, enum sp_message_kind kind)
{
    for (unsigned i = 0; i < SPEECHES; i++)
        if (speeches[i].from == from && speeches[i].to == to && kind >= speeches[i].first && kind <= speeches[i].last)
            return true;
    return false;
}

int sp_process_hear(int fd, enum sp_role from, enum sp_role to, uint8_t *buffer, struct sp_message *ret)
{
    struct sp_message m;
    int rc = sp_message_receive(fd, buffer, &m);
    if (rc != 1)
        return rc;
    if (!sp_process_may(from, to, m.kind)) {
        sp_message_close_fds(&m);
        return -EPROTO;
    }
    *ret = m;
    return 1;
}

bool sp_process_trusts(int fd)
{
    struct ucred peer;
    socklen_t n = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 && (peer.uid == 0 || peer.uid == geteuid());
}

int sp_process_confine(enum sp_role role, const struct sp_plan *plan)
{
    const struct sp_sandbox *row = sp_processes[role].sandbox;
    return row ? sp_sandbox_enter(row, plan) : 0;
}

/* ---- starting ---- */

int sp_process_pair(int *ret_ours, int *ret_theirs)
{
    int fd[2], size = SEND_BUFFER;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) < 0)
        return -errno;
    for (unsigned i = 0; i < 2; i++)
        (void)setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size); /* less means only that a long text is refused */
    (void)fcntl(fd[0], F_SETFL, O_NONBLOCK);
    *ret_ours = fd[0];
    *ret_theirs = fd[1];
    return 0;
}

/* "sallyport: keeper 0" */
static void title_text(enum sp_role role, unsigned slot, char ret[SP_TITLE_MAX])
{
    if (slot == UINT_MAX)
        (void)snprintf(ret, SP_TITLE_MAX, "sallyport: %s", sp_processes[role].name);
    else
        (void)snprintf(ret, SP_TITLE_MAX, "sallyport: %s %u", sp_processes[role].name, slot);
}

/* The two words that say who it is, then the caller's. */
static void put_words(const struct sp_spawn *how, char *title, char *slot, char **ret)
{
    unsigned n = 0;
    ret[n++] = title;
    ret[n++] = (char *)(uintptr_t)"--role";
    ret[n++] = (char *)(uintptr_t)sp_processes[how->role].name;
    ret[n++] = slot;
    for (unsigned i = 0; how->words && how->words[i] && n < WORDS_MAX; i++)
        ret[n++] = (char *)(uintptr_t)how->words[i];
    ret[n] = NULL;
}

static int place_fds(int control, int extra)
{
    int c = fcntl(control, F_DUPFD, LOW_FD), e = extra < 0 ? -1 : fcntl(extra, F_DUPFD, LOW_FD);
    if (c < 0 || (extra >= 0 && e < 0) || dup2(c, SP_CONTROL_FD) < 0 || (extra >= 0 && dup2(e, SP_EXTRA_FD) < 0))
        return -errno;
    unsigned first = extra < 0 ? SP_CONTROL_FD + 1 : SP_EXTRA_FD + 1;
    return close_range(first, ~0U, CLOSE_RANGE_CLOEXEC) < 0 ? -errno : 0;
}

static void default_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Between fork and exec. */
static void become_child(const struct sp_spawn *how, int binary, char *const *words)
{
    int program = fcntl(binary, F_DUPFD, LOW_FD);
    (void)setpgid(0, 0);
    default_signals();
    if (program >= 0 && place_fds(how->control, how->extra) == 0)
        execveat(program, "", words, environ, AT_EMPTY_PATH);
    _exit(1);
}

static int this_program(void)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int sp_spawn(const struct sp_spawn *how, pid_t *ret)
{
    char title[SP_TITLE_MAX], slot[16];
    char *words[WORDS_MAX + 1];
    int binary = how->binary < 0 ? this_program() : how->binary;
    if (binary < 0)
        return binary;
    title_text(how->role, how->role == SP_ROLE_KEEPER ? how->slot : UINT_MAX, title);
    (void)snprintf(slot, sizeof slot, "%u", how->slot);
    put_words(how, title, slot, words);
    pid_t pid = fork();
    int rc = pid < 0 ? -errno : 0;
    if (pid == 0)
        become_child(how, binary, words);
    if (how->binary < 0)
        close(binary);
    if (rc == 0)
        *ret = pid;
    return rc;
}

int sp_become(int binary, const char *const *words, const int *keep, unsigned nkeep)
{
    if (keep && close_range(SP_CONTROL_FD, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        return -errno;
    for (unsigned i = 0; i < nkeep; i++)
        if (fcntl(keep[i], F_SETFD, 0) < 0)
            return -errno;
    execveat(binary, "", (char *const *)(uintptr_t)words, environ, AT_EMPTY_PATH);
    return -errno;
}

/* ---- names ---- */

static struct {
    char **words;
    char *at;
    size_t n;
} title_room;

void sp_title_init(int argc, char **argv)
{
    title_room.words = argv + 1;
    title_room.at = argv[0];
    title_room.n = (size_t)(argv[argc - 1] + strlen(argv[argc - 1]) + 1 - argv[0]);
}

const char *const *sp_command_words(void)
{
    return (const char *const *)(uintptr_t)title_room.words;
}

static char **copy_of(char *const *words)
{
    size_t n = 0;
    while (words[n])
        n++;
    char **copy = calloc(n + 1, sizeof *copy);
    for (size_t i = 0; copy && i < n; i++)
        if (!(copy[i] = strdup(words[i])))
            return NULL;
    return copy;
}

const char *const *sp_title_command(char **words)
{
    char **copy = copy_of(words);
    struct sp_buf room = sp_buf_fixed(title_room.at, title_room.n);
    if (!copy)
        return NULL;
    memset(title_room.at, 0, title_room.n);
    sp_put_str(&room, "sallyport");
    for (char **word = copy; *word; word++) {
        sp_put_byte(&room, 0);
        sp_put_str(&room, *word);
    }
    return (const char *const *)copy;
}

void sp_title(enum sp_role role, unsigned slot)
{
    char title[SP_TITLE_MAX], comm[16];
    title_text(role, slot, title);
    if (title_room.n) {
        memset(title_room.at, 0, title_room.n);
        (void)snprintf(title_room.at, title_room.n, "%s", title);
    }
    (void)snprintf(comm, sizeof comm, "sp-%.12s", title + sizeof "sallyport: " - 1);
    (void)prctl(PR_SET_NAME, comm);
}

uint64_t sp_build(void)
{
    static uint64_t build; /* asked for once while files can still be seen */
    struct stat s;
    if (build || stat("/proc/self/exe", &s) < 0)
        return build;
    uint64_t what[] = {(uint64_t)s.st_size, (uint64_t)s.st_mtim.tv_sec, (uint64_t)s.st_mtim.tv_nsec};
    uint8_t version[] = SP_VERSION;
    build = sp_hash(sp_span_of(what, sizeof what)) ^ sp_hash(sp_span_of(version, sizeof version));
    return build;
}
