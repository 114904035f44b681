/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd: a subcommand is one const object. Its table of options is the only place where they are written down: parsing,
 * --help, usage errors and the man page all read it.
 */
#ifndef SP_PROC_CMD_H
#define SP_PROC_CMD_H

#include "base/buf.h"
#include "base/span.h"

/* What the process answers to the shell. */
enum sp_exit {
    SP_EXIT_OK = 0,
    SP_EXIT_RUNTIME = 1, /* the world did not play along: port in use, disk full */
    SP_EXIT_INPUT = 2,   /* what we were given is wrong: options, configuration, rules, captures, corpora */
};

enum sp_cmd_limits {
    SP_LIST_MAX = 256, /* operands, or uses of one repeatable option: what a shell glob over a rule tree may give */
};

struct sp_list {
    const char *item[SP_LIST_MAX];
    unsigned n;
};

enum sp_option_kind { SP_OPTION_FLAG, SP_OPTION_TEXT, SP_OPTION_NUMBER, SP_OPTION_LIST };

struct sp_option {
    const char *name;  /* long name without its dashes */
    char letter;       /* short name, 0 = none */
    enum sp_option_kind kind;
    const char *value; /* what --help calls the value */
    const char *doc;   /* one or two sentences */
    union {
        bool *flag;
        const char **text;
        unsigned long *number;
        struct sp_list *list;
    } to;
    unsigned long min, max; /* NUMBER */
};

struct sp_config;

struct sp_example {
    const char *does, *line;
};

struct sp_command {
    const char *name, *summary;
    const char *operands; /* "FILE.pcap...", NULL when it takes none */
    const char *about;    /* paragraphs, ended by \n where a new one begins */
    const struct sp_option *options;   /* ended by name == NULL */
    const struct sp_example *examples; /* ended by does == NULL */
    struct sp_list *given;             /* operands go here */
    unsigned min_operands, max_operands;
    int (*run)(void); /* an enum sp_exit */
    /* Commands that serve: the configuration that their options stand for. An enum sp_exit; everything that is wrong has been said. Free with
     * sp_config_fini. */
    int (*configure)(struct sp_config *ret);
};

extern const struct sp_command sp_cmd_run, sp_cmd_protect, sp_cmd_reload, sp_cmd_upgrade, sp_cmd_status, sp_cmd_check, sp_cmd_replay,
    sp_cmd_judge, sp_cmd_shapes, sp_cmd_explain, sp_cmd_fields, sp_cmd_help;
/* Every command in the order of --help, NULL at the end. */
extern const struct sp_command *const sp_commands[];
const struct sp_command *sp_command_named(const char *name);
/* Complains, with a suggestion; SP_EXIT_INPUT. */
int sp_unknown_command(const char *word);

/* Reads the words after the command's name into its variables. SP_EXIT_OK, or SP_EXIT_INPUT after one line on standard error;
 * *ret_help tells that --help was asked for. */
int sp_options_read(const struct sp_command *cmd, int argc, char **argv, bool *ret_help);
/* help.c: the same tables as text and as manual page. */
void sp_help_program(struct sp_buf *out);
void sp_help_command(const struct sp_command *cmd, struct sp_buf *out);
void sp_help_man(struct sp_buf *out);

/* One line on standard error, "sallyport: MESSAGE"; returns `status`. */
__attribute__((format(printf, 2, 3))) int sp_complain(int status, const char *fmt, ...);
/* Everything in `b` to standard output; SP_EXIT_RUNTIME after a complaint when it cannot be written. Frees `b`. */
int sp_print(struct sp_buf *b);

#endif
