/* SPDX-License-Identifier: Apache-2.0 */
/* serve: which life a process of this program lives. */
#include "proc/serve.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "proc/admin.h"
#include "proc/cmd.h"
#include "proc/compiler.h"
#include "proc/keeper.h"
#include "proc/supervisor.h"

int sp_serve(void)
{
    return sp_supervise(sp_command_words());
}

/* What is numbered comes from our own hand: a descriptor or a slot. */
static int number(const char *word)
{
    uint64_t n;
    return sp_span_u64(sp_span_str(word), &n) && n < INT_MAX ? (int)n : -1;
}

static int supervise(int argc, char **argv)
{
    int state = number(argv[0]);
    const char *const *words = sp_title_command(argv + 1);
    (void)argc;
    return words ? succession_resume(state, words) : SP_EXIT_RUNTIME;
}

static int compile(int argc, char **argv)
{
    return sp_compiler_main(SP_CONTROL_FD, argc - 1, argv + 1);
}

/* With a second number it goes on with what another keeper left there. */
static int keep(int argc, char **argv)
{
    int slot = number(argv[0]), state = argc > 1 ? number(argv[1]) : -1;
    if (state >= 0)
        return keeper_resume(state);
    return slot < 0 ? SP_EXIT_INPUT : sp_keeper_main(SP_CONTROL_FD, SP_EXTRA_FD, (unsigned)slot);
}

static int administrate(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    sp_title(SP_ROLE_ADMIN, UINT_MAX);
    return sp_admin_main(SP_CONTROL_FD);
}

static int say_who(int argc, char **argv)
{
    struct sp_tell_self self = {.build = sp_build(), .layout = sp_relay_layout()};
    (void)argc;
    (void)argv;
    return sp_message_send(SP_CONTROL_FD, SP_TELL_SELF, sp_span_of(&self, sizeof self), NULL, 0) ? SP_EXIT_RUNTIME : SP_EXIT_OK;
}

int sp_role_main(int argc, char **argv)
{
    static const struct {
        enum sp_role role;
        int (*live)(int argc, char **argv);
    } lives[] = {
        {SP_ROLE_SUPERVISOR, supervise}, {SP_ROLE_COMPILER, compile}, {SP_ROLE_KEEPER, keep}, {SP_ROLE_ADMIN, administrate}, {SP_ROLE_PROBE, say_who},
    };
    for (unsigned i = 0; argc > 1 && i < sizeof lives / sizeof *lives; i++)
        if (strcmp(argv[0], sp_processes[lives[i].role].name) == 0)
            return lives[i].live(argc - 1, argv + 1);
    return sp_complain(SP_EXIT_INPUT, "unknown role");
}
