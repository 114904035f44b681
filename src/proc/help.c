/* SPDX-License-Identifier: Apache-2.0 */
/* help: the command and option tables as text for the terminal and as manual page (man(7) macros). */
#include <string.h>

#include "proc/cmd.h"

enum {
    TEXT_COLUMNS = 96, /* help is wrapped here */
    DOC_COLUMN = 28,   /* where the descriptions of options begin */
};

static void spaces(struct sp_buf *out, unsigned n)
{
    while (n--)
        sp_put_byte(out, ' ');
}

static void new_line(struct sp_buf *out, unsigned indent)
{
    sp_put_byte(out, '\n');
    spaces(out, indent);
}

/* `text` from column `indent` on, wrapped; \n begins a new line. */
static void wrapped(struct sp_buf *out, const char *text, unsigned indent)
{
    unsigned column = indent;
    while (*text) {
        unsigned n = (unsigned)strcspn(text, " \n");
        if (column > indent && column + 1 + n > TEXT_COLUMNS) {
            new_line(out, indent);
            column = indent;
        } else if (column > indent) {
            sp_put_byte(out, ' ');
            column++;
        }
        sp_put(out, sp_span_of(text, n));
        column += n;
        text += n;
        if (*text == '\n') {
            new_line(out, indent);
            column = indent;
        }
        text += *text != 0;
    }
    sp_put_byte(out, '\n');
}

static void put_option(struct sp_buf *out, const struct sp_option *o)
{
    size_t before = out->n;
    if (o->letter)
        sp_put_fmt(out, "    -%c, --%s", o->letter, o->name);
    else
        sp_put_fmt(out, "    --%s", o->name);
    if (o->value)
        sp_put_fmt(out, " %s", o->value);
    unsigned column = (unsigned)(out->n - before);
    if (column + 2 > DOC_COLUMN) {
        sp_put_byte(out, '\n');
        column = 0;
    }
    spaces(out, DOC_COLUMN - column);
    wrapped(out, o->doc, DOC_COLUMN);
}

static const struct sp_option help_option = {.name = "help", .letter = 'h', .doc = "Print this help and exit."};

static void usage_line(struct sp_buf *out, const struct sp_command *cmd)
{
    sp_put_fmt(out, "sallyport %s", cmd->name);
    if (cmd->options->name)
        sp_put_str(out, " [OPTION...]");
    if (cmd->operands)
        sp_put_fmt(out, cmd->min_operands ? " %s" : " [%s]", cmd->operands);
    sp_put_byte(out, '\n');
}

void sp_help_command(const struct sp_command *cmd, struct sp_buf *out)
{
    sp_put_str(out, "Usage: ");
    usage_line(out, cmd);
    sp_put_byte(out, '\n');
    wrapped(out, cmd->about, 0);
    sp_put_str(out, "\nOptions\n");
    for (const struct sp_option *o = cmd->options; o->name; o++)
        put_option(out, o);
    put_option(out, &help_option);
    sp_put_str(out, "\nExamples\n");
    for (const struct sp_example *e = cmd->examples; e->does; e++)
        sp_put_fmt(out, "    # %s\n    %s\n", e->does, e->line);
}

void sp_help_program(struct sp_buf *out)
{
    sp_put_str(out, "Usage: sallyport COMMAND [OPTION...]\n\n"
                    "A layer-7 server IPS: it stands in front of a server, decodes the protocol as that server will,\n"
                    "and corrects or refuses the messages that would trigger a vulnerability. The session goes on.\n\nCommands\n");
    for (const struct sp_command *const *c = sp_commands; *c; c++)
        sp_put_fmt(out, "    %-10s%s\n", (*c)->name, (*c)->summary);
    sp_put_str(out, "\nOptions\n    --version   Print the version and exit.\n    -h, --help  Print this help and exit.\n"
                    "\nExamples\n"
                    "    # shield a web server on this machine\n"
                    "    sallyport protect --listen :8080 --to 127.0.0.1:80\n"
                    "    # everything about one command\n"
                    "    sallyport judge --help\n"
                    "\nExit status: 0 success, 1 failure at run time, 2 bad input (options, configuration, rules, captures).\n");
}

/* ---- the manual page ---- */

/* Text for troff: hyphens that are minus signs, backslashes, and lines that begin with a control character. */
static void troff(struct sp_buf *out, const char *text)
{
    bool start = true;
    for (const char *c = text; *c; c++) {
        if (start && (*c == '.' || *c == '\''))
            sp_put_str(out, "\\&");
        if (*c == '-')
            sp_put_str(out, "\\-");
        else if (*c == '\\')
            sp_put_str(out, "\\e");
        else if (*c == '\n')
            sp_put_str(out, "\n.PP");
        if (*c != '-' && *c != '\\')
            sp_put_byte(out, (uint8_t)*c);
        start = *c == '\n';
    }
}

static void troff_line(struct sp_buf *out, const char *macro, const char *text)
{
    sp_put_str(out, macro);
    troff(out, text);
    sp_put_byte(out, '\n');
}

static void man_option(struct sp_buf *out, const struct sp_option *o)
{
    sp_put_str(out, ".TP\n");
    if (o->letter)
        sp_put_fmt(out, "\\fB\\-%c\\fR, ", o->letter);
    sp_put_str(out, "\\fB\\-\\-");
    troff(out, o->name);
    sp_put_str(out, "\\fR");
    if (o->value) {
        sp_put_str(out, " \\fI");
        troff(out, o->value);
        sp_put_str(out, "\\fR");
    }
    troff_line(out, "\n", o->doc);
}

static void man_command(struct sp_buf *out, const struct sp_command *cmd)
{
    char usage[256];
    struct sp_buf line = sp_buf_fixed(usage, sizeof usage - 1);
    usage_line(&line, cmd);
    usage[line.n ? line.n - 1 : 0] = 0;
    troff_line(out, ".SS ", usage);
    troff_line(out, "", cmd->about);
    for (const struct sp_option *o = cmd->options; o->name; o++)
        man_option(out, o);
    for (const struct sp_example *e = cmd->examples; e->does; e++) {
        troff_line(out, ".PP\nExample: ", e->does);
        troff_line(out, ".PP\n.RS 4\n.EX\n", e->line);
        sp_put_str(out, ".EE\n.RE\n");
    }
}

void sp_help_man(struct sp_buf *out)
{
    sp_put_str(out, ".\\\" Generated by 'sallyport help --man'.\n"
                    ".TH SALLYPORT 1 \"\" \"sallyport\" \"User Commands\"\n"
                    ".SH NAME\nsallyport \\- layer\\-7 server IPS\n"
                    ".SH SYNOPSIS\n.B sallyport\n.I COMMAND\n[\\fIOPTION\\fR...]\n"
                    ".SH DESCRIPTION\n"
                    "Sallyport stands in front of a server, decodes the application protocol as that server will, and judges the\n"
                    "decoded fields of one message at a time. A message that would trigger a vulnerability is corrected into what\n"
                    "the patched server would have accepted, or refused with the protocol's own error; the session goes on.\n"
                    ".SH COMMANDS\n");
    for (const struct sp_command *const *c = sp_commands; *c; c++)
        man_command(out, *c);
    sp_put_str(out, ".SH SIGNALS\n"
                    ".TP\n\\fBSIGHUP\\fR\nconfiguration and rules are loaded again and event files reopened; when something is wrong nothing changes.\n"
                    ".TP\n\\fBSIGTERM\\fR, \\fBSIGINT\\fR\nno new connections; those that are open may finish, then all processes end; a second one "
                    "ends them at once.\n"
                    ".SH EXIT STATUS\n"
                    ".TP\n0\nsuccess\n.TP\n1\nfailure at run time: port in use, disk full\n"
                    ".TP\n2\nbad input: options, configuration, rules, captures, corpora\n"
                    ".SH FILES\n.TP\n\\fI/etc/sallyport/sallyport.yaml\\fR\nthe configuration that \\fBrun\\fR reads\n"
                    ".TP\n\\fI/run/sallyport/ADDRESS\\fR\nsockets of a running instance, by the first address that it listens on\n");
}
