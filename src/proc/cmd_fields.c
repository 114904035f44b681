/* SPDX-License-Identifier: Apache-2.0 */
/* fields: the field catalogue as table, JSON or reference page. */
#include "proc/cmd.h"
#include "proc/fieldinfo.h"
#include "proto/proto.h"

static struct {
    const char *protocol;
    bool json, markdown;
} want;

static const struct sp_option options[] = {
    {.name = "protocol", .letter = 'p', .kind = SP_OPTION_TEXT, .value = "NAME", .to.text = &want.protocol, .doc = "Only this protocol."},
    {.name = "json", .kind = SP_OPTION_FLAG, .to.flag = &want.json, .doc = "One JSON object a line."},
    {.name = "markdown", .kind = SP_OPTION_FLAG, .to.flag = &want.markdown, .doc = "The reference page."},
    {0},
};

static const struct sp_example examples[] = {
    {"what can a rule read in HTTP?", "sallyport fields --protocol http"},
    {"names only", "sallyport fields --json | jq -r .name"},
    {0},
};

enum { OUTPUT_MAX = 4 << 20, NAME_COLUMNS = 46, TYPE_COLUMNS = 8 };

static void json_line(struct sp_buf *out, const struct sp_proto *p, const struct sp_field *f)
{
    sp_put_fmt(out, "{\"name\":\"%s\",\"protocol\":\"%s\",\"type\":\"%s\",\"flags\":[", f->name, p->name, sp_field_type(f));
    const char *separator = "";
    for (unsigned i = 0; i < SP_FIELD_FLAG_NAMES; i++)
        if (f->flags & sp_field_flags[i].bit) {
            sp_put_fmt(out, "%s\"%s\"", separator, sp_field_flags[i].name);
            separator = ",";
        }
    sp_put_str(out, "],\"example\":\"");
    sp_put_json(out, sp_span_str(f->hint));
    sp_put_str(out, "\",\"doc\":\"");
    sp_put_json(out, sp_span_str(f->doc));
    sp_put_str(out, "\"}\n");
}

static void table_line(struct sp_buf *out, const struct sp_field *f)
{
    sp_put_fmt(out, "%-*s%-*s%s\n", NAME_COLUMNS, f->name, TYPE_COLUMNS, sp_field_type(f), f->doc);
}

static void put_protocol(struct sp_buf *out, const struct sp_proto *p)
{
    if (want.markdown)
        sp_fields_protocol_page(p, out);
    for (unsigned i = 0; i < p->nfields && !want.markdown; i++) {
        if (want.json)
            json_line(out, p, &p->fields[i]);
        else
            table_line(out, &p->fields[i]);
    }
}

static int run(void)
{
    struct sp_span only = want.protocol ? sp_span_str(want.protocol) : SP_LIT("");
    if (only.n && !sp_proto_by_name(only))
        return sp_unknown_protocol("fields", only);
    struct sp_buf out = sp_buf_growing(OUTPUT_MAX);
    for (const struct sp_proto *const *p = sp_protos; *p; p++)
        if (!only.n || sp_span_eq(sp_span_str((*p)->name), only))
            put_protocol(&out, *p);
    return sp_print(&out);
}

const struct sp_command sp_cmd_fields = {
    .name = "fields",
    .summary = "list the fields that rules can read",
    .about = "Lists every field of every protocol: name, type and what it means. A rule's condition is an expression over these.",
    .options = options,
    .examples = examples,
    .run = run,
};
