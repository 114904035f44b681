/* SPDX-License-Identifier: Apache-2.0 */
/* record: one line of a corpus: a JSON object (RFC 8259) with a recorded connection in base64. */
#include <stddef.h>

#include "lang/lang.h"
#include "proc/record.h"

/* A member that means something to us; others are skipped. */
struct member {
    struct sp_span name;
    size_t offset;
    bool base64;
};

static const struct member members[] = {
    {SP_LIT("id"), offsetof(struct sp_record, id), false},
    {SP_LIT("protocol"), offsetof(struct sp_record, protocol), false},
    {SP_LIT("label"), offsetof(struct sp_record, label), false},
    {SP_LIT("class"), offsetof(struct sp_record, cls), false},
    {SP_LIT("client"), offsetof(struct sp_record, client), true},
    {SP_LIT("server"), offsetof(struct sp_record, server), true},
};
enum { MEMBERS = sizeof members / sizeof *members };

static bool fail(struct sp_span line, const uint8_t *at, const char *what, struct sp_record_error *ret)
{
    *ret = (struct sp_record_error){.column = (size_t)(at - line.p) + 1, .what = what};
    return false;
}

static const struct member *member_at(const struct sp_json_item *item)
{
    if (item->depth != 1)
        return NULL;
    for (unsigned i = 0; i < MEMBERS; i++)
        if (sp_span_eq(members[i].name, item->path))
            return &members[i];
    return NULL;
}

static const char *take(const struct member *m, const struct sp_json_item *item, struct sp_arena *a, struct sp_record *r)
{
    struct sp_span *to = (struct sp_span *)(void *)((char *)r + m->offset);
    if (item->kind != SP_JSON_STR)
        return "this member must be a string";
    if (to->p)
        return "this member is here twice";
    if (!m->base64)
        *to = item->value;
    else if (!sp_base64_decode(item->value, a, to))
        return a->exhausted ? "too long" : "this is not base64";
    if (!to->p)
        to->p = item->value.p;
    return NULL;
}

static struct sp_span blanks_skipped(struct sp_span s)
{
    s = sp_span_trim(s);
    return sp_span_ends(s, SP_LIT("\r")) ? sp_span_trim(sp_span_sub(s, 0, s.n - 1)) : s;
}

bool sp_record_read(struct sp_span line, struct sp_arena *a, struct sp_record *ret, struct sp_record_error *ret_error)
{
    struct sp_json j = {.in = line, .arena = a};
    struct sp_json_item item;
    *ret = (struct sp_record){0};
    struct sp_span text = blanks_skipped(line);
    if (!sp_span_starts(text, SP_LIT("{")))
        return fail(line, line.p, "this line is not a JSON object", ret_error);
    for (sp_json_next(&j, &item); item.kind != SP_JSON_END; sp_json_next(&j, &item)) {
        if (item.kind == SP_JSON_BROKEN)
            return fail(line, line.p + j.at, a->exhausted ? "too long" : "this is not JSON", ret_error);
        const struct member *m = item.kind == SP_JSON_KEY ? NULL : member_at(&item);
        const char *wrong = m ? take(m, &item, a, ret) : NULL;
        if (wrong)
            return fail(line, item.raw.p, wrong, ret_error);
    }
    if (!ret->id.p)
        return fail(line, line.p, "the member \"id\" is missing", ret_error);
    if (!ret->client.p && !ret->server.p)
        return fail(line, line.p, "the member \"client\" is missing", ret_error);
    return true;
}
