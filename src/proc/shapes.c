/* SPDX-License-Identifier: Apache-2.0 */
/* shapes: shapes of statements as text. */
#include "proc/shapes.h"

#include <string.h>

#include "lang/lang.h"
#include "lang/sql.h"
#include "proto/statement.h"

enum shapes_limits {
    WIRE_MAX = 64 << 10,  /* of a proof */
    PARTS = 4,            /* of a key: user, database, application, shape */
    MYSQL_FLAGS = 0x001aa209, /* LONG_PASSWORD, CONNECT_WITH_DB, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, PLUGIN_AUTH, CONNECT_ATTRS */
    NAME_MAX_BYTES = 128,     /* of an application in a proof: longer than any protocol keeps */
};

/* ---- lines of workers ---- */

static bool take_member(struct sp_shape *shape, struct sp_span name, const struct sp_json_item *value)
{
    const struct { struct sp_span name; struct sp_span *text; uint64_t *number; } members[] = {
        {SP_LIT("service"), &shape->service, NULL}, {SP_LIT("key"), &shape->key, NULL},       {SP_LIT("text"), &shape->text, NULL},
        {SP_LIT("count"), NULL, &shape->count},     {SP_LIT("seen_us"), NULL, &shape->last_us},
    };
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (!sp_span_eq(name, members[i].name))
            continue;
        if (members[i].text)
            *members[i].text = value->value;
        return members[i].text ? value->kind == SP_JSON_STR : value->kind == SP_JSON_NUM && sp_span_u64(value->value, members[i].number);
    }
    return true; /* a later version's */
}

bool sp_shape_read(struct sp_span line, struct sp_arena *a, struct sp_shape *ret)
{
    struct sp_json j = {.in = line, .arena = a};
    struct sp_json_item item;
    *ret = (struct sp_shape){.count = 0};
    for (sp_json_next(&j, &item); item.kind != SP_JSON_END && item.kind != SP_JSON_BROKEN; sp_json_next(&j, &item))
        if (item.kind != SP_JSON_KEY && !take_member(ret, item.path, &item))
            return false;
    bool all = ret->service.n && ret->key.n && ret->count && ret->last_us;
    return item.kind == SP_JSON_END && all && ret->key.n <= SP_STATEMENT_KEY_MAX && ret->count <= INT64_MAX / 2 && ret->last_us <= INT64_MAX;
}

/* ---- the file ---- */

/* Names of lists are words. */
static void put_word(struct sp_buf *out, const char *name)
{
    for (; *name; name++) {
        bool plain = (*name >= '0' && *name <= '9') || (*name >= 'A' && *name <= 'Z') || (*name >= 'a' && *name <= 'z');
        sp_put_byte(out, (uint8_t)(plain ? *name : '_'));
    }
}

void sp_shapes_begin(struct sp_buf *out, const struct sp_shapes_file *f)
{
    sp_put_fmt(out, "# Statements that may be said to the service %s: user/database/application/shape, and what a statement of that shape looks like.\n"
                    "# In force when this file is among the rules. Other statements are told (then: alert) or refused (then: refuse).\n"
                    "lists:\n  approved_", f->service);
    put_word(out, f->service);
    sp_put_str(out, ":\n");
}

void sp_shapes_line(struct sp_buf *out, const struct sp_shape *shape)
{
    sp_put_str(out, "    - ");
    sp_json_quote(out, shape->key);
    if (shape->text.n)
        sp_put_str(out, "  # ");
    for (size_t i = 0; i < shape->text.n; i++)
        sp_put_byte(out, shape->text.p[i] < ' ' || shape->text.p[i] == 0x7f ? ' ' : shape->text.p[i]);
    sp_put_byte(out, '\n');
}

/* ---- proofs ---- */

/* The names in a key, decoded. False: it is no key. */
static bool split(struct sp_span key, struct sp_arena *a, struct sp_span names[PARTS])
{
    size_t at = 0;
    for (unsigned i = 0; i < PARTS; i++) {
        size_t end = i == PARTS - 1 ? key.n : sp_span_byte(key, at, '/');
        if (end == SP_NOT_FOUND)
            return false;
        names[i] = sp_url_decode(sp_span_sub(key, at, end - at), 0, a);
        at = end + 1;
    }
    return true;
}

static void put_text(struct sp_buf *out, struct sp_span s)
{
    sp_put(out, s);
    sp_put_byte(out, 0);
}

static void put_be32(struct sp_buf *out, uint32_t n)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        sp_put_byte(out, (uint8_t)(n >> shift));
}

static void put_le(struct sp_buf *out, uint32_t n, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        sp_put_byte(out, (uint8_t)(n >> 8 * i));
}

/* A start-up message and a simple query. */
static void wire_pgsql(struct sp_buf *out, const struct sp_span names[PARTS], struct sp_span text)
{
    static const char *const parameters[] = {"user", "database", "application_name"};
    uint8_t room[SP_STATEMENT_KEY_MAX + 64];
    struct sp_buf startup = sp_buf_fixed(room, sizeof room);
    for (unsigned i = 0; i < 3; i++)
        if (names[i].n) {
            put_text(&startup, sp_span_str(parameters[i]));
            put_text(&startup, names[i]);
        }
    sp_put_byte(&startup, 0);
    put_be32(out, (uint32_t)startup.n + 8);
    put_be32(out, 3 << 16);
    sp_put(out, sp_buf_span(&startup));
    sp_put_byte(out, 'Q');
    put_be32(out, (uint32_t)text.n + 5);
    put_text(out, text);
}

/* A handshake response and a COM_QUERY. */
static void wire_mysql(struct sp_buf *out, const struct sp_span names[PARTS], struct sp_span text)
{
    uint8_t room[SP_STATEMENT_KEY_MAX + 64];
    struct sp_buf hello = sp_buf_fixed(room, sizeof room);
    put_le(&hello, MYSQL_FLAGS & ~((names[1].n ? 0u : 1u << 3) | (names[2].n ? 0u : 1u << 20)), 4);
    put_le(&hello, 1 << 24, 4);
    sp_put_byte(&hello, 45); /* utf8mb4 */
    for (unsigned i = 0; i < 23; i++)
        sp_put_byte(&hello, 0);
    put_text(&hello, names[0]);
    sp_put_byte(&hello, 0); /* no password */
    if (names[1].n)
        put_text(&hello, names[1]);
    put_text(&hello, SP_LIT("mysql_native_password"));
    if (names[2].n) { /* attributes */
        struct sp_span name = SP_LIT("\x0cprogram_name");
        sp_put_byte(&hello, (uint8_t)(name.n + 1 + names[2].n));
        sp_put(&hello, name);
        sp_put_byte(&hello, (uint8_t)names[2].n);
        sp_put(&hello, names[2]);
    }
    put_le(out, (uint32_t)hello.n, 3);
    sp_put_byte(out, 1);
    sp_put(out, sp_buf_span(&hello));
    put_le(out, (uint32_t)text.n + 1, 3);
    sp_put_byte(out, 0);
    sp_put_byte(out, 3);
    sp_put(out, text);
}

static void put_base64(struct sp_buf *out, struct sp_span in)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < in.n; i += 3) {
        size_t n = in.n - i < 3 ? in.n - i : 3;
        uint32_t v = (uint32_t)in.p[i] << 16 | (n > 1 ? (uint32_t)in.p[i + 1] << 8 : 0) | (n > 2 ? in.p[i + 2] : 0);
        for (unsigned k = 0; k < 4; k++)
            sp_put_byte(out, k <= n ? (uint8_t)digits[v >> (18 - 6 * k) & 63] : '=');
    }
}

static void put_case(struct sp_buf *out, const struct sp_shapes_file *f, const struct sp_span names[PARTS], struct sp_span text, const char *expect)
{
    struct sp_buf wire = sp_buf_growing(WIRE_MAX);
    if (strcmp(f->protocol, "mysql") == 0)
        wire_mysql(&wire, names, text);
    else
        wire_pgsql(&wire, names, text);
    sp_put_fmt(out, "  - {service: \"%s\", send_base64: ", f->service);
    put_base64(out, sp_buf_span(&wire));
    sp_put_fmt(out, ", expect: %s}\n", expect);
    sp_buf_fini(&wire);
}

bool sp_shape_proves(const char *protocol, const struct sp_shape *shape, struct sp_arena *a)
{
    struct sp_sql_mode mode = {.dialect = strcmp(protocol, "mysql") == 0 ? SP_SQL_MYSQL : SP_SQL_PGSQL};
    struct sp_sql_facts facts;
    struct sp_span names[PARTS];
    uint8_t text[16];
    struct sp_buf hex = sp_buf_fixed(text, sizeof text);
    sp_sql_read(shape->text, mode, SP_SQL_SHAPE, a, &facts);
    sp_put_hex64(&hex, facts.shape);
    bool fits = shape->text.n && shape->text.n + SP_STATEMENT_KEY_MAX < WIRE_MAX / 2;
    return fits && !facts.unclear && !facts.broken && split(shape->key, a, names) && names[2].n <= NAME_MAX_BYTES &&
           sp_span_eq(names[PARTS - 1], sp_buf_span(&hex));
}

void sp_shapes_end(struct sp_buf *out, const struct sp_shapes_file *f, const struct sp_shape *proof)
{
    struct sp_span names[PARTS] = {SP_LIT("nobody")};
    struct sp_arena a;
    sp_put_fmt(out, "---\nguard: statements-%s\ntitle: A statement that nobody approved for %s\nseverity: high\nprotocol: %s\nwhen: service.name eq \"%s\" and "
                    "%s.statement.key and not (%s.statement.key in $approved_",
               f->service, f->service, f->protocol, f->service, f->protocol, f->protocol);
    put_word(out, f->service);
    sp_put_fmt(out, ")\nthen: %s\ncases:\n", f->then);
    put_case(out, f, names, SP_LIT("SELECT * FROM nobody_approved_this"), strncmp(f->then, "alert", 5) == 0 ? "alert" : "refuse");
    if (proof && sp_arena_init(&a, WIRE_MAX) == 0) {
        if (split(proof->key, &a, names))
            put_case(out, f, names, proof->text, "pass");
        sp_arena_fini(&a);
    } else {
        put_case(out, f, names, SP_LIT(""), "pass");
    }
}

bool sp_shapes_parse(struct sp_span line, struct sp_arena *a, struct sp_shape *ret)
{
    struct sp_span names[PARTS], in = sp_span_sub(line, 0, sp_span_byte(line, 0, '\n')); /* without one: all of it */
    in = sp_span_trim(in);
    if (!sp_span_starts(in, SP_LIT("- \"")))
        return false;
    in = sp_span_from(in, 2);
    size_t end = 1;
    while (end < in.n && in.p[end] != '"')
        end += in.p[end] == '\\' ? 2 : 1;
    struct sp_json j = {.in = sp_span_sub(in, 0, end + 1), .arena = a};
    struct sp_json_item item;
    sp_json_next(&j, &item);
    *ret = (struct sp_shape){.key = item.value, .approved = true};
    struct sp_span rest = sp_span_trim(sp_span_from(in, end + 1));
    if (sp_span_starts(rest, SP_LIT("# ")))
        ret->text = sp_span_from(rest, 2);
    return item.kind == SP_JSON_STR && ret->key.n <= SP_STATEMENT_KEY_MAX && split(ret->key, a, names) && names[PARTS - 1].n == 16;
}
