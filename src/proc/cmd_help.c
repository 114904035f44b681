/* SPDX-License-Identifier: Apache-2.0 */
/* help: help as a command, and everything that is generated from the program's own tables. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "io/event.h"
#include "proc/cmd.h"
#include "proc/config.h"
#include "proc/fieldinfo.h"

static struct {
    struct sp_list what;
    const char *write;
    bool man, config, config_schema, config_reference, event_schema;
} want;

static const struct sp_option options[] = {
    {.name = "man", .kind = SP_OPTION_FLAG, .to.flag = &want.man, .doc = "The manual page sallyport(1)."},
    {.name = "config", .kind = SP_OPTION_FLAG, .to.flag = &want.config, .doc = "A commented example configuration with every key."},
    {.name = "config-schema", .kind = SP_OPTION_FLAG, .to.flag = &want.config_schema, .doc = "JSON Schema of the configuration."},
    {.name = "config-reference", .kind = SP_OPTION_FLAG, .to.flag = &want.config_reference, .doc = "Reference page of the configuration."},
    {.name = "event-schema", .kind = SP_OPTION_FLAG, .to.flag = &want.event_schema, .doc = "JSON Schema of an event line."},
    {.name = "write", .kind = SP_OPTION_TEXT, .value = "DIR", .to.text = &want.write,
     .doc = "Write all of these, and the reference pages, into this directory."},
    {0},
};

static const struct sp_example examples[] = {
    {"begin a configuration", "sallyport help --config > sallyport.yaml"},
    {"about one command", "sallyport help judge"},
    {0},
};

enum { OUTPUT_MAX = 4 << 20, PATH_CAP = 4096 };

static const struct document {
    const char *file;
    const bool *wanted; /* NULL: has a command of its own */
    void (*put)(struct sp_buf *out);
} documents[] = {
    {"sallyport.1", &want.man, sp_help_man},
    {"sallyport.yaml", &want.config, sp_config_example},
    {"sallyport.schema.json", &want.config_schema, sp_config_schema},
    {"event.schema.json", &want.event_schema, sp_event_schema},
    {"reference/configuration.md", &want.config_reference, sp_config_reference},
    {"reference/events.md", NULL, sp_event_reference},
    {"reference/fields.md", NULL, sp_fields_page},
    {"reference/functions.md", NULL, sp_functions_page},
};
enum { DOCUMENTS = sizeof documents / sizeof *documents };

static int write_document(const struct document *d)
{
    char path[PATH_CAP];
    struct sp_buf text = sp_buf_growing(OUTPUT_MAX);
    if (snprintf(path, sizeof path, "%s/%s", want.write, d->file) >= (int)sizeof path)
        return sp_complain(SP_EXIT_INPUT, "help: %s is too long a name", want.write);
    d->put(&text);
    FILE *to = fopen(path, "w");
    bool bad = !to || fwrite(text.p, 1, text.n, to) != text.n;
    bad |= to && fclose(to);
    sp_buf_fini(&text);
    return bad ? sp_complain(SP_EXIT_RUNTIME, "cannot write %s: %s", path, strerror(errno)) : SP_EXIT_OK;
}

static int write_all(void)
{
    char pages[PATH_CAP];
    snprintf(pages, sizeof pages, "%s/reference", want.write);
    if (mkdir(pages, 0777) && errno != EEXIST)
        return sp_complain(SP_EXIT_RUNTIME, "cannot make the directory %s: %s", pages, strerror(errno));
    int status = SP_EXIT_OK;
    for (unsigned i = 0; i < DOCUMENTS && !status; i++)
        status = write_document(&documents[i]);
    return status;
}

static int run(void)
{
    if (want.write)
        return write_all();
    const struct sp_command *cmd = want.what.n ? sp_command_named(want.what.item[0]) : NULL;
    if (want.what.n && !cmd)
        return sp_unknown_command(want.what.item[0]);
    struct sp_buf out = sp_buf_growing(OUTPUT_MAX);
    for (unsigned i = 0; i < DOCUMENTS; i++)
        if (documents[i].wanted && *documents[i].wanted) {
            documents[i].put(&out);
            return sp_print(&out);
        }
    if (cmd)
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
