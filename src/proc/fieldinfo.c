/* SPDX-License-Identifier: Apache-2.0 */
/* fieldinfo: what the catalogue says about a field, in words. */
#include <stdlib.h>

#include "proc/cmd.h"
#include "proc/fieldinfo.h"
#include "rule/ast.h"

enum { PROTOCOLS_MAX = 64 };

const struct sp_field_flag sp_field_flags[SP_FIELD_FLAG_NAMES] = {
    {SP_F_C2S, "request"},     {SP_F_S2C, "response"},          {SP_F_EDIT, "editable"},
    {SP_F_REP, "repeated"},    {SP_F_KEYED, "keyed"},           {SP_F_SECRET, "secret"},
    {SP_F_ICASE, "ignores case"}, {SP_F_IKEY, "key ignores case"}, {SP_F_BODY, "needs the body"},
    {SP_F_SESSION, "session"},
};

const char *sp_field_type(const struct sp_field *f)
{
    static const char *const names[] = {[SP_STR] = "string", [SP_NUM] = "number", [SP_BOOL] = "boolean", [SP_IP] = "address"};
    return names[f->type];
}

void sp_field_put_flags(struct sp_buf *out, const struct sp_field *f)
{
    const char *separator = "";
    for (unsigned i = 0; i < SP_FIELD_FLAG_NAMES; i++)
        if (f->flags & sp_field_flags[i].bit) {
            sp_put_fmt(out, "%s%s", separator, sp_field_flags[i].name);
            separator = ", ";
        }
}

static void page_row(struct sp_buf *out, const struct sp_field *f)
{
    sp_put_fmt(out, "| `%s` | %s | ", f->name, sp_field_type(f));
    sp_field_put_flags(out, f);
    sp_put_fmt(out, " | `%s` | %s |\n", f->hint, f->doc);
}

void sp_fields_protocol_page(const struct sp_proto *p, struct sp_buf *out)
{
    sp_put_fmt(out, "# Fields of %s\n\nSpecification: %s. Written by `sallyport fields --markdown`.\n\n"
                    "| field | type | properties | example | meaning |\n|---|---|---|---|---|\n", p->title, p->spec);
    for (unsigned i = 0; i < p->nfields; i++)
        page_row(out, &p->fields[i]);
}

void sp_fields_page(struct sp_buf *out)
{
    for (const struct sp_proto *const *p = sp_protos; *p; p++)
        sp_fields_protocol_page(*p, out);
}

/* Bars end a cell of the table. */
static void put_cell(struct sp_buf *out, const char *text)
{
    for (; *text; text++)
        if (*text == '|')
            sp_put_str(out, "\\|");
        else
            sp_put_byte(out, (uint8_t)*text);
}

void sp_functions_page(struct sp_buf *out)
{
    sp_put_str(out, "# Functions\n\nWhat the condition of a rule may call. Written by `make docs`.\n\n"
                    "| function | meaning | example |\n|---|---|---|\n");
    for (const struct sp_func *f = sp_funcs; f->name; f++) {
        sp_put_str(out, "| `");
        put_cell(out, f->signature);
        sp_put_str(out, "` | ");
        put_cell(out, f->doc);
        sp_put_str(out, " | `");
        put_cell(out, f->example);
        sp_put_str(out, "` |\n");
    }
}

int sp_unknown_protocol(const char *command, struct sp_span name)
{
    const char *names[PROTOCOLS_MAX + 1];
    unsigned n = 0;
    for (; sp_protos[n] && n < PROTOCOLS_MAX; n++)
        names[n] = sp_protos[n]->name;
    names[n] = NULL;
    const char *near = sp_did_you_mean(name, names);
    if (near)
        return sp_complain(SP_EXIT_INPUT, "%s: unknown protocol '%.*s'; did you mean '%s'?", command, SP_FMT(name), near);
    return sp_complain(SP_EXIT_INPUT, "%s: unknown protocol '%.*s'", command, SP_FMT(name));
}

const char **sp_field_names(void)
{
    size_t n = 0;
    for (const struct sp_proto *const *p = sp_protos; *p; p++)
        n += (*p)->nfields;
    const char **names = calloc(n + 1, sizeof *names);
    if (!names)
        return NULL;
    n = 0;
    for (const struct sp_proto *const *p = sp_protos; *p; p++)
        for (unsigned i = 0; i < (*p)->nfields; i++)
            names[n++] = (*p)->fields[i].name;
    return names;
}
