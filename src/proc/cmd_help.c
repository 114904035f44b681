/* SPDX-License-Identifier: Apache-2.0 */
/* help: help as a command, and everything that is generated from the program's own tables. */
#include "io/event.h"
#include "proc/cmd.h"
#include "proc/config.h"

static struct {
    struct sp_list what;
    bool man, config, config_schema, config_reference, event_schema;
} want;

static const struct sp_option options[] = {
    {.name = "man", .kind = SP_OPTION_FLAG, .to.flag = &want.man, .doc = "The manual page sallyport(1)."},
    {.name = "config", .kind = SP_OPTION_FLAG, .to.flag = &want.config, .doc = "A commented example configuration with every key."},
    {.name = "config-schema", .kind = SP_OPTION_FLAG, .to.flag = &want.config_schema, .doc = "JSON Schema of the configuration."},
    {.name = "config-reference", .kind = SP_OPTION_FLAG, .to.flag = &want.config_reference, .doc = "Reference page of the configuration."},
    {.name = "event-schema", .kind = SP_OPTION_FLAG, .to.flag = &want.event_schema, .doc = "JSON Schema of an event line."},
    {0},
};

static const struct sp_example examples[] = {
    {"begin a configuration", "sallyport help --config > sallyport.yaml"},
    {"about one command", "sallyport help judge"},
    {0},
};

enum { OUTPUT_MAX = 1 << 20 };

static int run(void)
{
    struct sp_buf out = sp_buf_growing(OUTPUT_MAX);
    const struct sp_command *cmd = want.what.n ? sp_command_named(want.what.item[0]) : NULL;
    if (want.what.n && !cmd)
        return sp_complain(SP_EXIT_INPUT, "help: unknown command '%s'; see 'sallyport --help'", want.what.item[0]);
    if (want.man)
        sp_help_man(&out);
    else if (want.config)
        sp_config_example(&out);
    else if (want.config_schema)
        sp_config_schema(&out);
    else if (want.config_reference)
        sp_config_reference(&out);
    else if (want.event_schema)
        sp_event_schema(&out);
    else if (cmd)
        sp_help_command(cmd, &out);
    else
        sp_help_program(&out);
    return sp_print(&out);
}

const struct sp_command sp_cmd_help = {
    .name = "help",
    .summary = "help, manual page, example configuration, schemas",
    .operands = "COMMAND",
    .about = "Prints help about a command, or one of the documents that are generated from the program's own tables.",
    .options = options,
    .examples = examples,
    .given = &want.what,
    .max_operands = 1,
    .run = run,
};
