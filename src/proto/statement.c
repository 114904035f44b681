/* SPDX-License-Identifier: Apache-2.0 */
/* statement: keys of statements. */
#include "proto/statement.h"

#include "lang/lang.h"

bool sp_statement_fields(const struct sp_proto *p, uint16_t *ret_key, uint16_t *ret_text)
{
    static const char *const names[] = {"statement.key", "statement.shape.text"};
    uint8_t text[64];
    int found[2];
    for (unsigned i = 0; i < 2; i++) {
        struct sp_buf name = sp_buf_fixed(text, sizeof text);
        sp_put_fmt(&name, "%s.%s", p->name, names[i]);
        found[i] = name.full ? -1 : sp_proto_field(p, sp_buf_span(&name));
    }
    if (found[0] < 0 || found[1] < 0)
        return false;
    *ret_key = (uint16_t)found[0];
    *ret_text = (uint16_t)found[1];
    return true;
}

struct sp_span sp_statement_key(struct sp_span user, struct sp_span database, struct sp_span application, uint64_t shape, struct sp_arena *a)
{
    const struct sp_span names[] = {user, database, application};
    struct sp_buf out = sp_buf_arena(a, SP_STATEMENT_KEY_MAX);
    for (unsigned i = 0; i < 3; i++) {
        sp_url_encode(&out, names[i], 0, SP_LIT(" @:+"));
        sp_put_byte(&out, '/');
    }
    sp_put_fmt(&out, "%016llx", (unsigned long long)shape);
    a->exhausted |= out.full;
    return out.full ? (struct sp_span){NULL, 0} : sp_buf_done(&out, a);
}
