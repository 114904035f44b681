/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply: what a server's message says. An error that answers a message of ours, put in a refused one's place, gets the words and the
 * SQLSTATE of the refusal here: it carries them in what it quotes.
 */
#include "proto/pgsql/pgsql.h"

enum reply_limits {
    REFUSAL_MAX = 512, /* an error rewritten: severity twice, code, and a message no longer than a name */
    SEVERITY_MAX = 64, /* bytes of a severity in any of the server's languages */
};

static const struct sp_span NOTHING = {NULL, 0};

/* A value, unless it is absent. */
static void add(struct sp_msg *m, unsigned field, struct sp_span str)
{
    if (str.p && sp_want(m, field))
        pgsql_add(m, field, NOTHING, str);
}

/* ---- errors and notices ---- */

struct notice {
    struct sp_span severity, plain_severity, code, message, detail, hint;
};

static bool read_notice(struct sp_cur *c, struct notice *n)
{
    *n = (struct notice){.code = NOTHING};
    for (uint8_t kind = sp_cur_u8(c); kind && sp_cur_ok(c); kind = sp_cur_u8(c)) {
        const struct { uint8_t kind; struct sp_span *to; } known[] = {
            {'S', &n->severity}, {'V', &n->plain_severity}, {'C', &n->code}, {'M', &n->message}, {'D', &n->detail}, {'H', &n->hint},
        };
        struct sp_span text = sp_cur_until(c, 0);
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
            if (known[i].kind == kind)
                *known[i].to = text;
        }
    }
    return sp_cur_ok(c) && sp_cur_left(c) == 0;
}

/* What follows the marker: a rule's name, and the SQLSTATE where it is not the usual one. */
static void read_refusal(struct sp_span message, size_t at, struct sp_span *ret_words, struct sp_span *ret_code)
{
    size_t end = at + PGSQL_MARKER.n;
    while (end < message.n && pgsql_refusal_char(message.p[end]))
        end++;
    *ret_words = sp_span_sub(message, at, end - at);
    *ret_code = SP_LIT("42501");
    struct sp_span tail = sp_span_sub(message, end, 8);
    if (tail.n == 8 && sp_span_starts(tail, SP_LIT(" (")) && tail.p[7] == ')')
        *ret_code = sp_span_sub(tail, 2, 5);
}

static void put_text(struct sp_buf *out, uint8_t kind, struct sp_span text)
{
    if (text.n == 0)
        return;
    sp_put_byte(out, kind);
    sp_put(out, text);
    sp_put_byte(out, 0);
}

static void put_u32(struct sp_buf *out, uint32_t v)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        sp_put_byte(out, (uint8_t)(v >> shift));
}

/* The error in the words of the refusal: an edit, unless it has them already. */
static void canon_refusal(struct sp_msg *m, const struct notice *n)
{
    struct sp_span words, code;
    size_t at = sp_span_find(n->message, 0, PGSQL_MARKER);
    if (at == SP_NOT_FOUND)
        return;
    read_refusal(n->message, at, &words, &code);
    if (sp_span_eq(words, n->message))
        return;
    struct sp_buf text = sp_buf_arena(m->arena, REFUSAL_MAX);
    struct sp_span severity = sp_span_sub(n->severity, 0, SEVERITY_MAX), plain = sp_span_sub(n->plain_severity, 0, SEVERITY_MAX);
    put_u32(&text, (uint32_t)(4 + (severity.n ? severity.n + 2 : 0) + (plain.n ? plain.n + 2 : 0) + 7 + words.n + 2 + 1));
    put_text(&text, 'S', severity);
    put_text(&text, 'V', plain);
    put_text(&text, 'C', code);
    put_text(&text, 'M', words);
    sp_put_byte(&text, 0);
    (void)sp_msg_canon(m, 1, m->unit.n - 1, sp_buf_done(&text, m->arena));
}

static bool decode_error(struct sp_msg *m, struct sp_cur *c)
{
    struct notice n;
    if (!read_notice(c, &n))
        return false;
    canon_refusal(m, &n);
    add(m, SP_PGSQL_ERROR_SEVERITY, n.plain_severity.n ? n.plain_severity : n.severity);
    add(m, SP_PGSQL_ERROR_CODE, n.code);
    add(m, SP_PGSQL_ERROR_MESSAGE, n.message);
    add(m, SP_PGSQL_ERROR_DETAIL, n.detail);
    add(m, SP_PGSQL_ERROR_HINT, n.hint);
    return true;
}

static bool decode_notice(struct sp_msg *m, struct sp_cur *c)
{
    struct notice n;
    if (!read_notice(c, &n))
        return false;
    add(m, SP_PGSQL_NOTICE_SEVERITY, n.plain_severity.n ? n.plain_severity : n.severity);
    add(m, SP_PGSQL_NOTICE_CODE, n.code);
    add(m, SP_PGSQL_NOTICE_MESSAGE, n.message);
    return true;
}

/* ---- results ---- */

static bool decode_row(struct sp_msg *m, struct sp_cur *c)
{
    uint16_t n = sp_cur_u16be(c);
    for (unsigned i = 0; i < n && sp_cur_ok(c); i++) {
        uint32_t len = sp_cur_u32be(c);
        struct sp_span value = sp_cur_take(c, len == UINT32_MAX ? 0 : len);
        if (len != UINT32_MAX && sp_cur_ok(c))
            add(m, SP_PGSQL_ROW, value);
    }
    return sp_cur_ok(c) && sp_cur_left(c) == 0;
}

static bool decode_columns(struct sp_msg *m, struct sp_cur *c)
{
    enum { DESCRIPTION = 18 }; /* table, column, type, its size and modifier, format */
    uint16_t n = sp_cur_u16be(c);
    for (unsigned i = 0; i < n && sp_cur_ok(c); i++) {
        struct sp_span name = sp_cur_until(c, 0);
        sp_cur_skip(c, DESCRIPTION);
        if (sp_cur_ok(c))
            add(m, SP_PGSQL_RESULT_COLUMNS, name);
    }
    return sp_cur_ok(c) && sp_cur_left(c) == 0;
}

static bool decode_copy(struct sp_msg *m, struct sp_cur *c)
{
    uint8_t format = sp_cur_u8(c);
    sp_cur_skip(c, 2 * (size_t)sp_cur_u16be(c));
    if (sp_want(m, SP_PGSQL_COPY_FORMAT))
        pgsql_add_text(m, SP_PGSQL_COPY_FORMAT, format ? SP_LIT("binary") : SP_LIT("text"));
    return sp_cur_ok(c) && sp_cur_left(c) == 0;
}

/* ---- one text, or two ---- */

static bool decode_tag(struct sp_msg *m, struct sp_cur *c)
{
    struct sp_span tag = sp_cur_until(c, 0);
    if (!sp_cur_ok(c) || sp_cur_left(c))
        return false;
    add(m, SP_PGSQL_TAG, tag);
    return true;
}

static bool decode_status(struct sp_msg *m, struct sp_cur *c)
{
    struct sp_span name = sp_cur_until(c, 0), value = sp_cur_until(c, 0);
    if (sp_cur_ok(c) && sp_want(m, SP_PGSQL_STATUS))
        pgsql_add(m, SP_PGSQL_STATUS, name, value);
    return sp_cur_ok(c) && sp_cur_left(c) == 0;
}

static bool decode_notification(struct sp_msg *m, struct sp_cur *c)
{
    sp_cur_skip(c, 4);
    struct sp_span channel = sp_cur_until(c, 0), payload = sp_cur_until(c, 0);
    if (!sp_cur_ok(c) || sp_cur_left(c))
        return false;
    add(m, SP_PGSQL_CHANNEL, channel);
    add(m, SP_PGSQL_PAYLOAD, payload);
    return true;
}

bool pgsql_decode_reply(struct sp_msg *m, const struct pgsql_type *t)
{
    struct sp_cur c = sp_cur_of(m->unit);
    sp_cur_skip(&c, HEADER);
    switch (t->tag) {
    case 'E':
        return decode_error(m, &c);
    case 'N':
        return decode_notice(m, &c);
    case 'D':
        return decode_row(m, &c);
    case 'T':
        return decode_columns(m, &c);
    case 'G':
    case 'H':
    case 'W':
        return decode_copy(m, &c);
    case 'C':
        return decode_tag(m, &c);
    case 'S':
        return decode_status(m, &c);
    case 'A':
        return decode_notification(m, &c);
    case 'd':
        add(m, SP_PGSQL_COPY_OUT, sp_cur_rest(&c));
        return true;
    default:
        return true;
    }
}
