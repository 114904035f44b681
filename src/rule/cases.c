/* SPDX-License-Identifier: Apache-2.0 */
/* cases: what a rule proves itself by. Bytes as YAML escapes, as base64, or as the lines of a request. */
#include "lang/lang.h"
#include "rule/yaml.h"

static size_t count_lines(struct sp_span s)
{
    size_t n = 0;
    for (size_t at = 0; (at = sp_span_byte(s, at, '\n')) != SP_NOT_FOUND; at++)
        n++;
    return n;
}

static struct sp_span without_last(struct sp_span s, bool all)
{
    while (s.n && s.p[s.n - 1] == '\n') {
        s.n--;
        if (!all)
            break;
    }
    return s;
}

/* CRLF ends the lines of a head (RFC 9112 section 2.1); "Content-Length: auto" is counted. */
static void put_head(struct sp_buf *out, struct sp_span head, size_t body)
{
    for (size_t at = 0; at < head.n;) {
        struct sp_span line = sp_span_sub(head, at, sp_span_byte(sp_span_from(head, at), 0, '\n'));
        if (sp_span_ieq(line, SP_LIT("content-length: auto")))
            sp_put_fmt(out, "Content-Length: %zu", body);
        else
            sp_put(out, line);
        sp_put_str(out, "\r\n");
        at += line.n + 1;
    }
    sp_put_str(out, "\r\n");
}

/* A message written as lines: everything before the first empty one is its head. The last line break belongs to YAML. */
static struct sp_span request_of(struct reading *r, struct sp_span text)
{
    struct sp_buf out = sp_buf_arena(&r->f->set->arena, 2 * text.n + 64);
    size_t blank = sp_span_find(text, 0, SP_LIT("\n\n"));
    struct sp_span body = without_last(sp_span_from(text, blank == SP_NOT_FOUND ? text.n : blank + 2), false);
    put_head(&out, without_last(sp_span_sub(text, 0, blank), true), body.n + count_lines(body));
    for (size_t i = 0; i < body.n; i++) {
        if (body.p[i] == '\n')
            sp_put_byte(&out, '\r');
        sp_put_byte(&out, body.p[i]);
    }
    return sp_buf_done(&out, &r->f->set->arena);
}

static struct sp_span base64_of(struct reading *r, struct fy_node *n)
{
    struct sp_span out = {NULL, 0};
    if (!sp_base64_decode(scalar(n), &r->f->set->arena, &out))
        wrong(r, n, "this is not base64");
    return out;
}

struct case_reading {
    struct reading *r;
    struct sp_case *c;
    bool sent, replied, becomes, expected;
};

/* Two keys for the same thing would contradict each other. */
static bool once(struct case_reading *cr, struct fy_node *key, bool *done, const char *what)
{
    bool first = !*done;
    if (!first)
        wrong(cr->r, key, "%s is given already", what);
    *done = true;
    return first;
}

static void case_send(struct case_reading *cr, struct fy_node *key, struct fy_node *n)
{
    if (once(cr, key, &cr->sent, "what is sent"))
        cr->c->send = keep(cr->r, n);
}

static void case_base64(struct case_reading *cr, struct fy_node *key, struct fy_node *n)
{
    if (once(cr, key, &cr->sent, "what is sent"))
        cr->c->send = base64_of(cr->r, n);
}

static void case_request(struct case_reading *cr, struct fy_node *key, struct fy_node *n)
{
    if (once(cr, key, &cr->sent, "what is sent"))
        cr->c->send = request_of(cr->r, scalar(n));
}

static void case_reply(struct case_reading *cr, struct fy_node *key, struct fy_node *n)
{
    if (once(cr, key, &cr->replied, "the reply"))
        cr->c->reply = keep(cr->r, n);
}

static void case_reply_base64(struct case_reading *cr, struct fy_node *key, struct fy_node *n)
{
    if (once(cr, key, &cr->replied, "the reply"))
        cr->c->reply = base64_of(cr->r, n);
}

static void case_becomes(struct case_reading *cr, struct fy_node *key, struct fy_node *n)
{
    if (once(cr, key, &cr->becomes, "what it becomes"))
        cr->c->becomes = keep(cr->r, n);
}

static void case_becomes_base64(struct case_reading *cr, struct fy_node *key, struct fy_node *n)
{
    if (once(cr, key, &cr->becomes, "what it becomes"))
        cr->c->becomes = base64_of(cr->r, n);
}

static void case_becomes_request(struct case_reading *cr, struct fy_node *key, struct fy_node *n)
{
    if (once(cr, key, &cr->becomes, "what it becomes"))
        cr->c->becomes = request_of(cr->r, scalar(n));
}

static void case_expect(struct case_reading *cr, struct fy_node *key, struct fy_node *n)
{
    static const char *const names[] = {[SP_PASS] = "pass", [SP_ALERT] = "alert", [SP_CORRECT] = "correct",
                                        [SP_REFUSE] = "refuse", [SP_DROP] = "drop", [SP_CLOSE] = "close"};
    (void)key;
    cr->expected = true;
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (sp_span_eq(scalar(n), sp_span_str(names[i]))) {
            cr->c->expect = (enum sp_act)i;
            return;
        }
    }
    wrong(cr->r, n, "expect is one of pass, alert, correct, refuse, drop, close");
}

static void case_service(struct case_reading *cr, struct fy_node *key, struct fy_node *n)
{
    (void)key;
    struct sp_buf name = sp_buf_arena(&cr->r->f->set->arena, scalar(n).n + 1);
    sp_put(&name, scalar(n));
    sp_put_byte(&name, 0);
    cr->c->service = (const char *)sp_buf_done(&name, &cr->r->f->set->arena).p;
}

/* "Sun 03:00" */
static void case_at(struct case_reading *cr, struct fy_node *key, struct fy_node *n)
{
    static const char days[] = "MonTueWedThuFriSatSun";
    struct sp_span text = scalar(n), day = sp_span_sub(text, 0, 3);
    size_t place = day.n == 3 ? sp_span_find(sp_span_str(days), 0, day) : SP_NOT_FOUND;
    uint64_t hours = 24, minutes = 60;
    (void)key;
    bool form = text.n == 9 && text.p[3] == ' ' && text.p[6] == ':' && place != SP_NOT_FOUND && place % 3 == 0;
    if (!form || !sp_span_u64(sp_span_sub(text, 4, 2), &hours) || !sp_span_u64(sp_span_sub(text, 7, 2), &minutes) || hours > 23 || minutes > 59)
        wrong(cr->r, n, "a time is written \"Sun 03:00\"");
    else
        cr->c->at = (struct sp_moment){.time = (uint16_t)(hours * 100 + minutes), .weekday = (uint8_t)(place / 3 + 1)};
}

static void case_title(struct case_reading *cr, struct fy_node *key, struct fy_node *n)
{
    (void)cr, (void)key, (void)n; /* for the reader of the file */
}

static const struct { const char *name; void (*read)(struct case_reading *, struct fy_node *, struct fy_node *); } keys[] = {
    {"send", case_send}, {"send_base64", case_base64}, {"request", case_request}, {"reply", case_reply},
    {"reply_base64", case_reply_base64}, {"expect", case_expect}, {"becomes", case_becomes}, {"becomes_base64", case_becomes_base64},
    {"becomes_request", case_becomes_request}, {"service", case_service}, {"at", case_at}, {"title", case_title},
};

static void read_key(struct case_reading *cr, struct fy_node *key, struct fy_node *value)
{
    const char *names[sizeof keys / sizeof *keys + 1] = {NULL};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        names[i] = keys[i].name;
        if (!sp_span_eq(scalar(key), sp_span_str(keys[i].name)))
            continue;
        if (want_scalar(cr->r, value, "text"))
            keys[i].read(cr, key, value);
        return;
    }
    wrong_key(cr->r, key, names);
}

static void read_case(struct reading *r, struct fy_node *n, struct sp_case *c)
{
    void *prev = NULL;
    struct case_reading cr = {.r = r, .c = c};
    bool before = r->failed;
    *c = (struct sp_case){.file = r->f->name, .line = node_line(n)};
    if (!fy_node_is_mapping(n)) {
        wrong(r, n, "a case is {send: ..., expect: ...}");
        return;
    }
    r->failed = false;
    for (struct fy_node_pair *pair; (pair = fy_node_mapping_iterate(n, &prev));)
        read_key(&cr, fy_node_pair_key(pair), fy_node_pair_value(pair));
    if (!r->failed && (c->send.n + c->reply.n == 0 || !cr.expected))
        wrong(r, n, "a case needs what is sent (send, send_base64 or request), or a reply of a server that speaks first, and expect");
    r->failed |= before;
}

void read_cases(struct reading *r)
{
    void *prev = NULL;
    bool stops = false, passes = false;
    struct sp_rule *rule = r->rule;
    uint32_t count = fy_node_is_sequence(r->cases) ? (uint32_t)fy_node_sequence_item_count(r->cases) : LIST_MAX + 1;
    if (count > LIST_MAX) {
        wrong(r, r->cases, "cases is a list of at most %d", LIST_MAX);
        return;
    }
    rule->cases = sp_arena_get(&r->f->set->arena, (count + 1) * sizeof *rule->cases);
    for (struct fy_node *item; rule->cases && (item = fy_node_sequence_iterate(r->cases, &prev));) {
        struct sp_case *c = &rule->cases[rule->ncases++];
        read_case(r, item, c);
        stops |= c->expect != SP_PASS;
        passes |= c->expect == SP_PASS;
    }
    if (!r->failed && (!stops || !passes))
        wrong(r, r->cases, "a rule proves itself by at least one case that it stops and one that it passes: add one with expect: %s",
              stops ? "pass" : "refuse (or alert, correct ...)");
}
