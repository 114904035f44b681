/* SPDX-License-Identifier: Apache-2.0 */
#include "mortal.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SYSCALL_STOP = SIGTRAP | 0x80,
    CAPTURE_MAX = 16 << 20,
    WORKERS_MAX = 8, /* more than any test kills: something is wrong with the code */
};

struct mortal_shared {
    volatile unsigned deaths;
    volatile bool finished, broken;
    volatile long call;
};

static volatile pid_t present; /* the keeper's worker */

/* ---- a worker ---- */

static void work(struct wire *w, bool traced)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGTERM, SIG_DFL);
    if (sp_relay_ready(w->relay, &w->conf) < 0)
        _exit(9);
    if (traced) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
    }
    sp_relay_serve(w->relay);
    _exit(0);
}

static pid_t start_worker(struct wire *w, bool traced)
{
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        work(w, traced);
    present = pid;
    sigprocmask(SIG_UNBLOCK, &term, NULL);
    return pid;
}

/* ---- its keeper ---- */

/* False: it ended before; *ret_status says how. */
static bool go(pid_t pid, enum __ptrace_request how, int *ret_status)
{
    int deliver = 0;
    do {
        if (ptrace(how, pid, NULL, (void *)(intptr_t)deliver) < 0)
            return waitpid(pid, ret_status, 0) < 0;
        if (waitpid(pid, ret_status, 0) < 0 || !WIFSTOPPED(*ret_status))
            return false;
        deliver = WSTOPSIG(*ret_status) == SYSCALL_STOP || WSTOPSIG(*ret_status) == SIGTRAP ? 0 : WSTOPSIG(*ret_status);
    } while (deliver);
    return true;
}

/* Lets it go to where it has to die. True: it is there and stands still. */
static bool go_to(pid_t pid, unsigned stop, unsigned steps, int *ret_status)
{
    if (waitpid(pid, ret_status, 0) < 0 || !WIFSTOPPED(*ret_status))
        return false;
    ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(intptr_t)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL));
    for (unsigned i = 0; i < stop; i++)
        if (!go(pid, PTRACE_SYSCALL, ret_status))
            return false;
    for (unsigned i = 0; i < steps; i++)
        if (!go(pid, PTRACE_SINGLESTEP, ret_status))
            return false;
    return true;
}

/* For the message of a test that failed; elsewhere nobody says it. */
static long call_of(pid_t pid)
{
#ifdef __x86_64__
    struct user_regs_struct regs;
    return ptrace(PTRACE_GETREGS, pid, NULL, &regs) < 0 ? -1 : (long)regs.orig_rax;
#else
    (void)pid;
    return -1;
#endif
}

/* One worker's life. False: it ended by itself. */
static bool live(struct mortal_shared *shared, struct wire *w, unsigned stop, unsigned steps)
{
    int status;
    pid_t pid = start_worker(w, stop > 0);
    if (stop == 0)
        waitpid(pid, &status, 0);
    else if (go_to(pid, stop, steps, &status)) {
        shared->call = call_of(pid);
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        shared->deaths++;
        return true;
    }
    shared->broken |= !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    return false;
}

static void on_term(int signal)
{
    (void)signal;
    if (present > 0) {
        kill(present, SIGKILL);
        waitpid(present, NULL, 0);
    }
    _exit(0);
}

static void write_capture(struct wire *w, const char *path)
{
    struct sp_buf out = sp_buf_growing(CAPTURE_MAX);
    FILE *f = sp_relay_crash_capture(w->relay, &out) ? fopen(path, "w") : NULL;
    if (f) {
        fwrite(sp_buf_span(&out).p, 1, out.n, f);
        fclose(f);
    }
    sp_buf_fini(&out);
}

static void keep(struct mortal_shared *shared, struct wire *w, const struct mortal_end *end)
{
    unsigned stop = end->stop, steps = end->steps;
    signal(SIGTERM, on_term);
    for (unsigned i = 0; i < WORKERS_MAX && live(shared, w, stop, steps); i++) {
        if (end->capture)
            write_capture(w, end->capture);
        sp_relay_died(w->relay, end->how);
        if (end->dead)
            end->dead(w);
        usleep(end->dead_us);
        stop = i == 0 ? end->again : 0;
        steps = i == 0 ? end->again_steps : 0;
    }
    if (shared->broken)
        sp_relay_died(w->relay, SP_DEATH_FAULT);
    shared->finished = true;
    present = 0;
    for (;;)
        pause();
}

/* cmocka's handlers would go on in the child as if it were the test. */
static void crash_for_real(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], SIG_DFL);
}

/* ---- the test's side ---- */

void mortal_start(struct mortal *m, struct wire *w, const struct mortal_end *end, int close_fd)
{
    m->shared = mmap(NULL, sizeof *m->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!w->relay)
        wire_open(w);
    m->keeper = fork();
    if (m->keeper == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        crash_for_real();
        close(close_fd);
        keep(m->shared, w, end);
    }
    for (int i = 0; i < WIRE_PATIENCE_S * 10000 && !sp_relay_is_up(w->relay) && !m->shared->finished; i++)
        usleep(100);
}

unsigned mortal_deaths(const struct mortal *m)
{
    return m->shared->deaths;
}

bool mortal_finished(const struct mortal *m)
{
    return m->shared->finished;
}

long mortal_call(const struct mortal *m)
{
    return m->shared->call;
}

void mortal_stop(struct mortal *m)
{
    kill(m->keeper, SIGTERM);
    waitpid(m->keeper, NULL, 0);
    bool broken = m->shared->broken;
    munmap(m->shared, sizeof *m->shared);
    m->shared = NULL;
    assert_false(broken);
}
