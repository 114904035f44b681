/* SPDX-License-Identifier: Apache-2.0 */
/* option: reads the words of a command line into the variables of a command's option table, in the form of GNU getopt_long. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proc/cmd.h"
#include "rule/source.h"

enum {
    OPTIONS_MAX = 32, /* rows of one table, for suggestions */
};

/* The words that are still to be read. */
struct words {
    const struct sp_command *cmd;
    char **at, **end;
};

static int usage_error(const struct sp_command *cmd, const char *what, const char *word, const char *hint)
{
    if (hint)
        return sp_complain(SP_EXIT_INPUT, "%s: %s %s; did you mean %s?", cmd->name, what, word, hint);
    return sp_complain(SP_EXIT_INPUT, "%s: %s %s; see 'sallyport %s --help'", cmd->name, what, word, cmd->name);
}

static const struct sp_option *option_named(const struct sp_command *cmd, struct sp_span name)
{
    for (const struct sp_option *o = cmd->options; o->name; o++)
        if (sp_span_eq(sp_span_str(o->name), name))
            return o;
    return NULL;
}

static const struct sp_option *option_lettered(const struct sp_command *cmd, char letter)
{
    for (const struct sp_option *o = cmd->options; o->name; o++)
        if (o->letter == letter)
            return o;
    return NULL;
}

static int unknown_option(const struct sp_command *cmd, const char *word, struct sp_span name)
{
    const char *names[OPTIONS_MAX + 2];
    unsigned n = 0;
    for (const struct sp_option *o = cmd->options; o->name && n < OPTIONS_MAX; o++)
        names[n++] = o->name;
    names[n++] = "help";
    names[n] = NULL;
    const char *near = sp_did_you_mean(name, names);
    char hint[64];
    if (near)
        snprintf(hint, sizeof hint, "--%s", near);
    return usage_error(cmd, "unknown option", word, near ? hint : NULL);
}

static int store_number(const struct sp_command *cmd, const struct sp_option *o, const char *value)
{
    uint64_t n;
    if (!sp_span_u64(sp_span_str(value), &n) || n < o->min || n > o->max)
        return sp_complain(SP_EXIT_INPUT, "%s: --%s wants a number from %lu to %lu, not '%s'", cmd->name, o->name, o->min,
                           o->max, value);
    *o->to.number = n;
    return SP_EXIT_OK;
}

static int store_item(const struct sp_command *cmd, struct sp_list *list, const char *value)
{
    if (list->n == SP_LIST_MAX)
        return sp_complain(SP_EXIT_INPUT, "%s: more than %d of a kind; name a directory instead", cmd->name, SP_LIST_MAX);
    list->item[list->n++] = value;
    return SP_EXIT_OK;
}

static int store(const struct sp_command *cmd, const struct sp_option *o, const char *value)
{
    switch (o->kind) {
    case SP_OPTION_FLAG:
        *o->to.flag = true;
        return SP_EXIT_OK;
    case SP_OPTION_TEXT:
        *o->to.text = value;
        return SP_EXIT_OK;
    case SP_OPTION_NUMBER:
        return store_number(cmd, o, value);
    case SP_OPTION_LIST:
        return store_item(cmd, o->to.list, value);
    }
    return SP_EXIT_INPUT;
}

/* `attached` is what follows = or the letter, NULL if nothing does. */
static int take_option(struct words *w, const struct sp_option *o, const char *attached)
{
    const char *value = attached;
    if (o->kind == SP_OPTION_FLAG && attached)
        return sp_complain(SP_EXIT_INPUT, "%s: --%s takes no value", w->cmd->name, o->name);
    if (o->kind != SP_OPTION_FLAG && !value) {
        if (w->at == w->end)
            return sp_complain(SP_EXIT_INPUT, "%s: --%s wants a value: --%s %s", w->cmd->name, o->name, o->name, o->value);
        value = *w->at++;
    }
    return store(w->cmd, o, value);
}

static int long_option(struct words *w, const char *word, bool *ret_help)
{
    struct sp_span name = sp_span_str(word + 2);
    size_t equals = sp_span_byte(name, 0, '=');
    const char *attached = NULL;
    if (equals != SP_NOT_FOUND) {
        attached = word + 2 + equals + 1;
        name = sp_span_sub(name, 0, equals);
    }
    if (sp_span_eq(name, SP_LIT("help"))) {
        *ret_help = true;
        return SP_EXIT_OK;
    }
    const struct sp_option *o = option_named(w->cmd, name);
    return o ? take_option(w, o, attached) : unknown_option(w->cmd, word, name);
}

/* One word of letters; a letter with a value takes the rest of the word. */
static int short_options(struct words *w, const char *word, bool *ret_help)
{
    for (const char *c = word + 1; *c; c++) {
        if (*c == 'h') {
            *ret_help = true;
            continue;
        }
        const struct sp_option *o = option_lettered(w->cmd, *c);
        if (!o)
            return usage_error(w->cmd, "unknown option", word, NULL);
        bool flag = o->kind == SP_OPTION_FLAG;
        int err = take_option(w, o, !flag && c[1] ? c + 1 : NULL);
        if (err || !flag)
            return err;
    }
    return SP_EXIT_OK;
}

static int operand(const struct sp_command *cmd, const char *word)
{
    if (!cmd->given || cmd->given->n == cmd->max_operands)
        return usage_error(cmd, "unexpected operand", word, NULL);
    return store_item(cmd, cmd->given, word);
}

int sp_options_read(const struct sp_command *cmd, int argc, char **argv, bool *ret_help)
{
    struct words w = {.cmd = cmd, .at = argv, .end = argv + argc};
    bool literal = false;
    while (w.at < w.end) {
        const char *word = *w.at++;
        int err = SP_EXIT_OK;
        if (literal || word[0] != '-' || word[1] == 0)
            err = operand(cmd, word);
        else if (strcmp(word, "--") == 0)
            literal = true;
        else
            err = word[1] == '-' ? long_option(&w, word, ret_help) : short_options(&w, word, ret_help);
        if (err || *ret_help)
            return err;
    }
    if (cmd->given && cmd->given->n < cmd->min_operands)
        return sp_complain(SP_EXIT_INPUT, "%s: %s is missing; see 'sallyport %s --help'", cmd->name, cmd->operands, cmd->name);
    return SP_EXIT_OK;
}
