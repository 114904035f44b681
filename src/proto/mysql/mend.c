/* SPDX-License-Identifier: Apache-2.0 */
/* mend: corrections of messages of one packet. A value is the rest of the message, or has its length in front of it, or is a bit. */
#include "proto/mysql/mysql.h"

static struct sp_span le(struct sp_arena *a, uint64_t v, unsigned bytes)
{
    struct sp_buf out = sp_buf_arena(a, bytes);
    for (unsigned i = 0; i < bytes; i++)
        sp_put_byte(&out, (uint8_t)(v >> 8 * i));
    return sp_buf_done(&out, a);
}

/* A length as it is written in front of a text. */
static struct sp_span length_of(struct sp_arena *a, size_t n)
{
    if (n < 0xfb)
        return le(a, n, 1);
    if (n <= 0xffff)
        return le(a, n << 8 | 0xfc, 3);
    return n <= 0xffffff ? le(a, (uint64_t)n << 8 | 0xfd, 4) : (struct sp_span){NULL, 0};
}

/* Parameters and values of rows, where their length is written as it has to be; those of a fixed size have none. */
static bool mend_counted(const struct sp_msg *m, const struct sp_value *v, const struct sp_fix *fix, struct sp_edit *ret)
{
    struct sp_span before = length_of(m->arena, v->len), after = length_of(m->arena, fix->to.n);
    bool counted = before.n && v->off >= before.n && sp_span_eq(sp_span_sub(m->unit, v->off - before.n, before.n), before);
    if (!counted)
        return false;
    *ret = (struct sp_edit){.off = v->off - (uint32_t)before.n, .len = v->len + (uint32_t)before.n};
    if (fix->op == SP_FIX_REMOVE) {
        ret->with = SP_LIT("\xfb");
        return v->field == SP_MYSQL_ROW;
    }
    struct sp_buf text = sp_buf_arena(m->arena, after.n + fix->to.n);
    sp_put(&text, after);
    sp_put(&text, fix->to);
    ret->with = sp_buf_done(&text, m->arena);
    return after.n && !m->arena->exhausted;
}

static bool mend_value(const struct sp_msg *m, const struct sp_value *v, const struct sp_fix *fix, struct sp_edit *ret)
{
    if (v->field == SP_MYSQL_LIMIT) {
        *ret = sp_statement_mend_limit(m, v, fix->to);
        return fix->op == SP_FIX_SET;
    }
    if (v->flags & SP_V_DERIVED)
        return false;
    if (v->field == SP_MYSQL_PARAMETERS || v->field == SP_MYSQL_ROW)
        return mend_counted(m, v, fix, ret);
    if (fix->op == SP_FIX_REMOVE || (v->field == SP_MYSQL_INFILE_DATA && fix->to.n == 0)) /* nothing would be the end of the file */
        return false;
    *ret = (struct sp_edit){.off = v->off, .len = v->len, .with = fix->to};
    return true;
}

static bool is_capability(const struct sp_value *v)
{
    return v->field == SP_MYSQL_CAPABILITIES || v->field == SP_MYSQL_SERVER_CAPABILITIES;
}

/* Bits that are withheld, in the bytes where this one is. */
static bool mend_capability(const struct sp_msg *m, const struct sp_value *v, const struct sp_fix *fix, struct sp_edit *edits, uint32_t *nedits)
{
    unsigned bit = 0;
    while (mysql_capability_name(bit) && !sp_span_eq(sp_span_str(mysql_capability_name(bit)), v->key))
        bit++;
    if (fix->op != SP_FIX_REMOVE || !mysql_capability_name(bit))
        return false;
    uint32_t at = 0, word = 0;
    while (at < *nedits && edits[at].off != v->off)
        at++;
    const uint8_t *bytes = at < *nedits ? edits[at].with.p : m->unit.p + v->off;
    for (uint32_t i = v->len; i > 0; i--)
        word = word << 8 | bytes[i - 1];
    word &= ~(1u << (v->field == SP_MYSQL_SERVER_CAPABILITIES ? bit & 15 : bit));
    edits[at] = (struct sp_edit){.off = v->off, .len = v->len, .with = le(m->arena, word, v->len)};
    *nedits += at == *nedits;
    return true;
}

bool mysql_mend(const void *state, const struct sp_msg *m, const struct sp_fix *fixes, uint32_t nfixes, struct sp_edit *edits, uint32_t *nedits)
{
    (void)state;
    uint64_t len = m->unit.n - HEADER;
    if (mysql_packets(m->unit) > 1)
        return false;
    edits[0] = (struct sp_edit){.off = 0, .len = 3};
    *nedits = 1;
    for (uint32_t i = 0; i < nfixes; i++) {
        const struct sp_value *v = &m->values[fixes[i].value];
        if (*nedits == SP_EDITS_MAX)
            return false;
        if (is_capability(v)) {
            if (!mend_capability(m, v, &fixes[i], edits, nedits))
                return false;
            continue;
        }
        struct sp_edit e, *last = &edits[*nedits - 1];
        if (!mend_value(m, v, &fixes[i], &e) || e.off < last->off + last->len)
            return false;
        edits[(*nedits)++] = e;
        len = len - e.len + e.with.n;
    }
    edits[0].with = le(m->arena, len, 3);
    return len > 0 && len < PACKET_MAX && !m->arena->exhausted;
}
