/* SPDX-License-Identifier: Apache-2.0 */
/* config_doc: the table of configuration keys as commented example, as JSON Schema (draft 2020-12) and as reference page. */
#include <string.h>

#include "proc/config_table.h"

static void spaces(struct sp_buf *out, unsigned n)
{
    while (n--)
        sp_put_byte(out, ' ');
}

static void put_json_text(struct sp_buf *out, const char *s)
{
    sp_put_byte(out, '"');
    sp_put_json(out, sp_span_str(s));
    sp_put_byte(out, '"');
}

static void put_words(struct sp_buf *out, const struct config_key *k, const char *quote, const char *separator)
{
    for (unsigned i = 0; k->words[i]; i++)
        sp_put_fmt(out, "%s%s%s%s", i ? separator : "", quote, k->words[i], quote);
}

/* ---- example ---- */

static void comment(struct sp_buf *out, unsigned indent, const struct config_key *k)
{
    spaces(out, indent);
    sp_put_fmt(out, "# %s", k->doc);
    if (k->words) {
        sp_put_str(out, " One of: ");
        put_words(out, k, "", ", ");
        sp_put_byte(out, '.');
    }
    sp_put_byte(out, '\n');
}

/* `dash`: the first key of a list entry stands behind it. */
static void example_section(struct sp_buf *out, enum config_section section, unsigned indent, bool dash)
{
    for (unsigned i = 0; i < config_nkeys; i++) {
        const struct config_key *k = &config_keys[i];
        if (k->section != section)
            continue;
        if (section == SECTION_TOP && i > 0)
            sp_put_byte(out, '\n');
        comment(out, indent, k);
        spaces(out, dash ? indent - 2 : indent);
        sp_put_fmt(out, "%s%s:", dash ? "- " : "", k->name);
        dash = false;
        if (k->kind == CONFIG_MAP || k->kind == CONFIG_MAPS) {
            sp_put_byte(out, '\n');
            example_section(out, k->inner, indent + (k->kind == CONFIG_MAPS ? 4 : 2), k->kind == CONFIG_MAPS);
        } else {
            sp_put_fmt(out, " %s\n", k->example ? k->example : k->value);
        }
    }
}

void sp_config_example(struct sp_buf *out)
{
    sp_put_str(out, "# Configuration of Sallyport: every key, with its default or an example.\n"
                    "# Written by 'sallyport help --config'; 'sallyport check -c FILE' says whether yours is right.\n\n");
    example_section(out, SECTION_TOP, 0, false);
}

/* ---- schema ---- */

static void schema_section(struct sp_buf *out, enum config_section section, unsigned indent);

static void schema_number(struct sp_buf *out, const struct config_key *k)
{
    sp_put_fmt(out, "\"type\": \"integer\", \"minimum\": %llu, \"maximum\": %llu", (unsigned long long)k->min,
               (unsigned long long)k->max);
}

static void schema_text(struct sp_buf *out, const struct config_key *k)
{
    sp_put_fmt(out, "\"type\": \"string\", \"minLength\": %llu, \"maxLength\": %llu", (unsigned long long)k->min,
               (unsigned long long)k->max);
}

static void schema_value(struct sp_buf *out, const struct config_key *k, unsigned indent)
{
    switch (k->kind) {
    case CONFIG_TEXT:
        schema_text(out, k);
        break;
    case CONFIG_NUMBER:
        schema_number(out, k);
        break;
    case CONFIG_SIZE:
        sp_put_str(out, "\"type\": [\"string\", \"integer\"], \"pattern\": \"^[0-9]+ *(B|KiB|MiB|GiB|TiB)?$\"");
        break;
    case CONFIG_DURATION:
        sp_put_str(out, "\"type\": \"string\", \"pattern\": \"^[0-9]+ *(ms|s|m|h)$\"");
        break;
    case CONFIG_BOOL:
        sp_put_str(out, "\"type\": \"boolean\"");
        break;
    case CONFIG_WORD:
        sp_put_str(out, "\"enum\": [");
        put_words(out, k, "\"", ", ");
        sp_put_byte(out, ']');
        break;
    case CONFIG_TEXTS:
        sp_put_fmt(out, "\"type\": [\"array\", \"string\"], \"items\": {\"type\": \"string\"}, \"maxItems\": %llu",
                   (unsigned long long)k->max);
        break;
    case CONFIG_MAP:
        schema_section(out, k->inner, indent);
        break;
    case CONFIG_MAPS:
        sp_put_fmt(out, "\"type\": \"array\", \"maxItems\": %llu, \"items\": {", (unsigned long long)k->max);
        schema_section(out, k->inner, indent);
        sp_put_byte(out, '}');
        break;
    }
}

static void schema_default(struct sp_buf *out, const struct config_key *k)
{
    if (!k->value)
        return;
    sp_put_str(out, ", \"default\": ");
    if (k->kind == CONFIG_BOOL || k->kind == CONFIG_NUMBER)
        sp_put_str(out, k->value);
    else
        put_json_text(out, k->value);
}

static void schema_required(struct sp_buf *out, enum config_section section)
{
    const char *separator = "";
    sp_put_str(out, "\"required\": [");
    for (unsigned i = 0; i < config_nkeys; i++)
        if (config_keys[i].section == section && config_keys[i].required) {
            sp_put_fmt(out, "%s\"%s\"", separator, config_keys[i].name);
            separator = ", ";
        }
    sp_put_str(out, "], ");
}

static void schema_section(struct sp_buf *out, enum config_section section, unsigned indent)
{
    const char *separator = "";
    sp_put_str(out, "\"type\": \"object\", \"additionalProperties\": false, ");
    schema_required(out, section);
    sp_put_str(out, "\"properties\": {\n");
    for (unsigned i = 0; i < config_nkeys; i++) {
        const struct config_key *k = &config_keys[i];
        if (k->section != section)
            continue;
        sp_put_str(out, separator);
        spaces(out, indent);
        sp_put_fmt(out, "\"%s\": {\"description\": ", k->name);
        put_json_text(out, k->doc);
        sp_put_str(out, ", ");
        schema_value(out, k, indent + 2);
        schema_default(out, k);
        sp_put_byte(out, '}');
        separator = ",\n";
    }
    sp_put_byte(out, '\n');
    spaces(out, indent - 2);
    sp_put_byte(out, '}');
}

void sp_config_schema(struct sp_buf *out)
{
    sp_put_str(out, "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
                    "  \"title\": \"Configuration of Sallyport (sallyport.yaml)\",\n  ");
    schema_section(out, SECTION_TOP, 4);
    sp_put_str(out, "\n}\n");
}

/* ---- reference ---- */

static void reference_default(struct sp_buf *out, const struct config_key *k)
{
    if (k->required)
        sp_put_str(out, "required");
    else if (k->value && *k->value)
        sp_put_fmt(out, "`%s`", k->value);
    else
        sp_put_str(out, "none");
}

static void reference_limits(struct sp_buf *out, const struct config_key *k)
{
    if (k->kind == CONFIG_WORD)
        put_words(out, k, "`", ", ");
    else if (k->kind == CONFIG_TEXTS || k->kind == CONFIG_MAPS)
        sp_put_fmt(out, "at most %llu", (unsigned long long)k->max);
    else if (k->max)
        sp_put_fmt(out, "%llu to %llu%s", (unsigned long long)k->min, (unsigned long long)k->max,
                   k->kind == CONFIG_DURATION ? " ms" : k->kind == CONFIG_NUMBER ? "" : " bytes");
}

static void reference_section(struct sp_buf *out, enum config_section section, const char *path)
{
    for (unsigned i = 0; i < config_nkeys; i++) {
        const struct config_key *k = &config_keys[i];
        if (k->section != section)
            continue;
        char inner[256];
        snprintf(inner, sizeof inner, "%s%s%s", path, k->name, k->kind == CONFIG_MAPS ? "[]." : ".");
        sp_put_fmt(out, "| `%s%s` | %s | ", path, k->name, config_kind_name(k->kind));
        reference_default(out, k);
        sp_put_str(out, " | ");
        reference_limits(out, k);
        sp_put_fmt(out, " | %s |\n", k->doc);
        if (k->kind == CONFIG_MAP || k->kind == CONFIG_MAPS)
            reference_section(out, k->inner, inner);
    }
}

void sp_config_reference(struct sp_buf *out)
{
    sp_put_str(out, "# Configuration\n\nYAML, read by `sallyport run`. Written by `sallyport help --config-reference`; a commented example is "
                    "[sallyport.yaml](../sallyport.yaml), a JSON Schema [sallyport.schema.json](../sallyport.schema.json).\n\n"
                    "| key | what | default | limits | meaning |\n|---|---|---|---|---|\n");
    reference_section(out, SECTION_TOP, "");
}
