/* SPDX-License-Identifier: Apache-2.0 */
/* main: finds the command, lets it read its options, runs it. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proc/cmd.h"
#include "proc/process.h"
#include "proc/serve.h"
#include "rule/source.h"

const struct sp_command *const sp_commands[] = {&sp_cmd_protect, &sp_cmd_run,    &sp_cmd_reload,  &sp_cmd_upgrade, &sp_cmd_status, &sp_cmd_check,
                                                &sp_cmd_judge,   &sp_cmd_replay, &sp_cmd_shapes,  &sp_cmd_explain, &sp_cmd_fields, &sp_cmd_help,  NULL};

enum { COMMANDS_MAX = 16, HELP_MAX = 1 << 20 };

int sp_complain(int status, const char *fmt, ...)
{
    char line[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    fprintf(stderr, "sallyport: %s\n", line);
    return status;
}

int sp_print(struct sp_buf *b)
{
    const uint8_t *p = b->p;
    size_t left = b->n;
    int err = 0;
    while (left && !err) {
        ssize_t n = write(STDOUT_FILENO, p, left);
        if (n < 0)
            err = errno == EINTR ? 0 : errno;
        else
            p += n, left -= (size_t)n;
    }
    sp_buf_fini(b);
    return err ? sp_complain(SP_EXIT_RUNTIME, "cannot write to standard output: %s", strerror(err)) : SP_EXIT_OK;
}

const struct sp_command *sp_command_named(const char *name)
{
    for (const struct sp_command *const *c = sp_commands; *c; c++)
        if (strcmp((*c)->name, name) == 0)
            return *c;
    return NULL;
}

int sp_unknown_command(const char *word)
{
    const char *names[COMMANDS_MAX + 1];
    unsigned n = 0;
    for (const struct sp_command *const *c = sp_commands; *c && n < COMMANDS_MAX; c++)
        names[n++] = (*c)->name;
    names[n] = NULL;
    const char *what = word[0] == '-' ? "option" : "command";
    const char *near = sp_did_you_mean(sp_span_str(word), names);
    if (near)
        return sp_complain(SP_EXIT_INPUT, "unknown %s '%s'; did you mean '%s'?", what, word, near);
    return sp_complain(SP_EXIT_INPUT, "unknown %s '%s'; see 'sallyport --help'", what, word);
}

static int print_help(const struct sp_command *cmd)
{
    struct sp_buf out = sp_buf_growing(HELP_MAX);
    if (cmd)
        sp_help_command(cmd, &out);
    else
        sp_help_program(&out);
    return sp_print(&out);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    sp_title_init(argc, argv);
    if (argc < 2)
        return sp_complain(SP_EXIT_INPUT, "no command; see 'sallyport --help'");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return print_help(NULL);
    if (strcmp(argv[1], "--version") == 0) {
        printf("sallyport %s\n", SP_VERSION);
        return fflush(stdout) ? SP_EXIT_RUNTIME : SP_EXIT_OK;
    }
    if (strcmp(argv[1], "--role") == 0) /* not for people: how processes of ours start each other */
        return sp_role_main(argc - 2, argv + 2);
    const struct sp_command *cmd = sp_command_named(argv[1]);
    if (!cmd)
        return sp_unknown_command(argv[1]);
    bool help = false;
    int status = sp_options_read(cmd, argc - 2, argv + 2, &help);
    if (status)
        return status;
    return help ? print_help(cmd) : cmd->run();
}
