/* SPDX-License-Identifier: Apache-2.0 */
/* yaml: the keys of a rule, one row each. */
#include "rule/yaml.h"

#include <stdarg.h>
#include <stdio.h>

#include "lang/lang.h"

enum yaml_limits {
    LIST_MAX = 256,   /* entries of affects, references, tags, cases */
    MACROS_MAX = 256,
};

struct reading {
    struct yaml_file *f;
    struct sp_rule *rule;
    struct fy_node *when, *then, *cases;
    bool failed;
};

/* ---- places ---- */

struct sp_span rule_place(struct sp_span source, size_t at, unsigned *ret_line, unsigned *ret_col)
{
    size_t start = 0;
    unsigned line = 1;
    for (size_t i = 0; i < at && i < source.n; i++) {
        if (source.p[i] == '\n') {
            line++;
            start = i + 1;
        }
    }
    size_t end = sp_span_byte(source, start, '\n');
    *ret_line = line;
    *ret_col = (unsigned)(at - start) + 1;
    return sp_span_sub(source, start, (end == SP_NOT_FOUND ? source.n : end) - start);
}

static bool is_blank(int c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Where value byte `off` stands in the file: value and source are walked together, blanks skipped in both, an escape of a quoted
 * scalar counting as the byte it stands for. */
static size_t source_of(const struct rule_text *t, size_t off)
{
    size_t at = t->source_at, i = 0;
    bool quoted = sp_span_at(t->source, at) == '"';
    at += quoted || sp_span_at(t->source, at) == '\'';
    if (sp_span_at(t->source, at) == '|' || sp_span_at(t->source, at) == '>')
        at = sp_span_byte(t->source, at, '\n');
    for (;;) {
        while (at < t->source.n && is_blank(t->source.p[at]))
            at++;
        while (i < t->text.n && i < off && is_blank(t->text.p[i]))
            i++;
        if (i >= off || i >= t->text.n || at >= t->source.n)
            return at < t->source.n ? at : t->source.n;
        at += quoted && t->source.p[at] == '\\' ? 2 : 1;
        i++;
    }
}

void rule_text_error(struct sp_diag *diag, const struct rule_text *t, size_t off, size_t width, const char *fmt, ...)
{
    char text[512];
    unsigned line, col;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    struct sp_span source = rule_place(t->source, source_of(t, off), &line, &col);
    sp_diag_error(diag, t->file, line, col, (unsigned)width, source, "%s", text);
}

static size_t node_at(struct fy_node *n)
{
    struct fy_token *tok = fy_node_get_scalar_token(n);
    const struct fy_mark *mark = tok ? fy_token_start_mark(tok) : NULL;
    if (mark)
        return mark->input_pos;
    void *prev = NULL;
    if (fy_node_is_sequence(n)) {
        struct fy_node *item = fy_node_sequence_iterate(n, &prev);
        return item ? node_at(item) : 0;
    }
    struct fy_node_pair *pair = fy_node_is_mapping(n) ? fy_node_mapping_iterate(n, &prev) : NULL;
    return pair ? node_at(fy_node_pair_key(pair)) : 0;
}

static struct sp_span scalar(struct fy_node *n)
{
    size_t len = 0;
    const char *s = n && fy_node_is_scalar(n) ? fy_node_get_scalar(n, &len) : NULL;
    return sp_span_of(s, s ? len : 0);
}

/* The start of a block scalar's token is its text: the "|" before it is what source_of looks for, and is not needed. */
static struct rule_text text_of(struct yaml_file *f, struct fy_node *n)
{
    struct sp_span value = sp_arena_copy(&f->set->arena, scalar(n));
    size_t at = node_at(n);
    bool quote_before = at && (f->source.p[at - 1] == '"' || f->source.p[at - 1] == '\'');
    return (struct rule_text){f->name, f->source, quote_before ? at - 1 : at, value};
}

static void wrong(struct reading *r, struct fy_node *n, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void wrong(struct reading *r, struct fy_node *n, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    struct rule_text t = {r->f->name, r->f->source, node_at(n), {NULL, 0}};
    size_t width = scalar(n).n;
    rule_text_error(r->f->diag, &t, 0, width && width < 80 ? width : 1, "%s", text);
    r->failed = true;
}

/* ---- keys ---- */

static bool want_scalar(struct reading *r, struct fy_node *n, const char *what)
{
    if (fy_node_is_scalar(n) && !fy_node_is_alias(n))
        return true;
    wrong(r, n, "%s is expected here", what);
    return false;
}

static struct sp_span keep(struct reading *r, struct fy_node *n)
{
    return want_scalar(r, n, "text") ? sp_arena_copy(&r->f->set->arena, scalar(n)) : (struct sp_span){NULL, 0};
}

static void key_id(struct reading *r, struct fy_node *n)
{
    r->rule->id = keep(r, n);
    for (size_t i = 0; i < r->rule->id.n; i++) {
        uint8_t c = r->rule->id.p[i];
        bool ok = sp_is_digit(c) || (uint8_t)(sp_lower(c) - 'a') < 26 || c == '-' || c == '_' || c == '.' || c == '/';
        if (!ok) {
            wrong(r, n, "a name has letters, digits, \"-\", \"_\", \".\" and \"/\"");
            return;
        }
    }
    if (r->rule->id.n == 0)
        wrong(r, n, "a name is expected here");
    if (sp_span_starts(r->rule->id, SP_LIT("CVE-")))
        r->rule->cve = r->rule->id;
}

static void key_guard(struct reading *r, struct fy_node *n)
{
    key_id(r, n);
    r->rule->guard = true;
}

static void key_title(struct reading *r, struct fy_node *n) { r->rule->title = keep(r, n); }
static void key_description(struct reading *r, struct fy_node *n) { r->rule->description = keep(r, n); }
static void key_patched(struct reading *r, struct fy_node *n) { r->rule->patched = keep(r, n); }
static void key_when(struct reading *r, struct fy_node *n) { r->when = n; }
static void key_then(struct reading *r, struct fy_node *n) { r->then = n; }
static void key_cases(struct reading *r, struct fy_node *n) { r->cases = n; }

static void key_severity(struct reading *r, struct fy_node *n)
{
    static const char *const names[] = {"info", "low", "medium", "high", "critical", NULL};
    for (unsigned i = 0; names[i]; i++) {
        if (sp_span_eq(scalar(n), sp_span_str(names[i]))) {
            r->rule->severity = (enum sp_severity)i;
            return;
        }
    }
    wrong(r, n, "severity is one of info, low, medium, high, critical");
}

static void key_kev(struct reading *r, struct fy_node *n)
{
    r->rule->kev = sp_span_eq(scalar(n), SP_LIT("true"));
    if (!r->rule->kev && !sp_span_eq(scalar(n), SP_LIT("false")))
        wrong(r, n, "kev is true or false");
}

static void key_protocol(struct reading *r, struct fy_node *n)
{
    const char *names[16];
    unsigned count = 0;
    r->rule->proto = sp_proto_by_name(scalar(n));
    if (r->rule->proto)
        return;
    for (; sp_protos[count] && count < 15; count++)
        names[count] = sp_protos[count]->name;
    names[count] = NULL;
    const char *near = sp_did_you_mean(scalar(n), names);
    wrong(r, n, "unknown protocol%s%s%s", near ? ": did you mean " : "", near ? near : "", near ? "?" : "");
}

static uint32_t read_list(struct reading *r, struct fy_node *n, struct sp_span **ret)
{
    void *prev = NULL;
    uint32_t count = 0;
    uint32_t items = fy_node_is_sequence(n) ? (uint32_t)fy_node_sequence_item_count(n) : 0;
    *ret = sp_arena_get(&r->f->set->arena, (items < LIST_MAX ? items + 1 : LIST_MAX) * sizeof **ret);
    if (!fy_node_is_sequence(n) || !*ret) {
        wrong(r, n, "a list is expected here");
        return 0;
    }
    for (struct fy_node *item; (item = fy_node_sequence_iterate(n, &prev));) {
        if (count == LIST_MAX) {
            wrong(r, item, "more than %d entries", LIST_MAX);
            break;
        }
        (*ret)[count++] = keep(r, item);
    }
    return count;
}

static void key_affects(struct reading *r, struct fy_node *n) { r->rule->naffects = read_list(r, n, &r->rule->affects); }
static void key_tags(struct reading *r, struct fy_node *n) { r->rule->ntags = read_list(r, n, &r->rule->tags); }
static void key_references(struct reading *r, struct fy_node *n) { r->rule->nreferences = read_list(r, n, &r->rule->references); }

static const struct { const char *name; void (*read)(struct reading *, struct fy_node *); } keys[] = {
    {"patch", key_id}, {"guard", key_guard}, {"title", key_title}, {"description", key_description}, {"affects", key_affects},
    {"severity", key_severity}, {"kev", key_kev}, {"protocol", key_protocol}, {"references", key_references}, {"tags", key_tags},
    {"patched", key_patched}, {"when", key_when}, {"then", key_then}, {"cases", key_cases},
};

static void unknown_key(struct reading *r, struct fy_node *n)
{
    const char *names[sizeof keys / sizeof *keys + 1];
    size_t count = sizeof keys / sizeof *keys;
    for (size_t i = 0; i < count; i++)
        names[i] = keys[i].name;
    names[count] = NULL;
    const char *near = sp_did_you_mean(scalar(n), names);
    wrong(r, n, "unknown key \"%.*s\"%s%s%s", SP_FMT(scalar(n)), near ? ": did you mean " : "", near ? near : "", near ? "?" : "");
}

static void read_keys(struct reading *r, struct fy_node *root)
{
    void *prev = NULL;
    for (struct fy_node_pair *pair; (pair = fy_node_mapping_iterate(root, &prev));) {
        struct fy_node *key = fy_node_pair_key(pair), *value = fy_node_pair_value(pair);
        size_t i = 0, n = sizeof keys / sizeof *keys;
        while (i < n && !sp_span_eq(scalar(key), sp_span_str(keys[i].name)))
            i++;
        if (i == n)
            unknown_key(r, key);
        else if (!value || fy_node_is_alias(value))
            wrong(r, key, "a value is expected here (aliases are not supported)");
        else
            keys[i].read(r, value);
    }
}

/* ---- cases ---- */

/* A request written as lines: CRLF line ends, the empty line behind the head, "Content-Length: auto" counted. */
static struct sp_span request_of(struct reading *r, struct sp_span text)
{
    struct sp_buf out = sp_buf_arena(&r->f->set->arena, 2 * text.n + 32);
    size_t blank = sp_span_find(text, 0, SP_LIT("\n\n"));
    struct sp_span head = sp_span_sub(text, 0, blank == SP_NOT_FOUND ? text.n : blank);
    struct sp_span body = blank == SP_NOT_FOUND ? (struct sp_span){NULL, 0} : sp_span_from(text, blank + 2);
    while (head.n && head.p[head.n - 1] == '\n')
        head.n--;
    if (body.n && body.p[body.n - 1] == '\n')
        body.n--;
    size_t lines = 0;
    for (size_t i = 0; i < body.n; i++)
        lines += body.p[i] == '\n';
    for (size_t at = 0; at < head.n;) {
        size_t end = sp_span_byte(head, at, '\n');
        struct sp_span line = sp_span_sub(head, at, (end == SP_NOT_FOUND ? head.n : end) - at);
        if (sp_span_ieq(line, SP_LIT("content-length: auto")))
            sp_put_fmt(&out, "Content-Length: %zu", body.n + lines);
        else
            sp_put(&out, line);
        sp_put_str(&out, "\r\n");
        at += line.n + 1;
    }
    sp_put_str(&out, "\r\n");
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

static bool expect_of(struct reading *r, struct fy_node *n, enum sp_act *ret)
{
    static const char *const names[] = {"pass", "alert", "correct", "refuse", "drop", "close", NULL};
    for (unsigned i = 0; names[i]; i++) {
        if (sp_span_eq(scalar(n), sp_span_str(names[i]))) {
            *ret = (enum sp_act)i;
            return true;
        }
    }
    wrong(r, n, "expect is one of pass, alert, correct, refuse, drop, close");
    return false;
}

static void read_case_key(struct reading *r, struct sp_case *c, struct fy_node *key, struct fy_node *value, bool *expected)
{
    static const char *const names[] = {"send", "send_base64", "request", "reply", "expect", "becomes", "becomes_request", "title", NULL};
    struct sp_span name = scalar(key);
    if (!value || !want_scalar(r, value, "text"))
        return;
    if (sp_span_eq(name, SP_LIT("send")))
        c->send = keep(r, value);
    else if (sp_span_eq(name, SP_LIT("send_base64")))
        c->send = base64_of(r, value);
    else if (sp_span_eq(name, SP_LIT("request")))
        c->send = request_of(r, scalar(value));
    else if (sp_span_eq(name, SP_LIT("reply")))
        c->reply = keep(r, value);
    else if (sp_span_eq(name, SP_LIT("becomes")))
        c->becomes = keep(r, value);
    else if (sp_span_eq(name, SP_LIT("becomes_request")))
        c->becomes = request_of(r, scalar(value));
    else if (sp_span_eq(name, SP_LIT("expect")))
        *expected = expect_of(r, value, &c->expect);
    else if (!sp_span_eq(name, SP_LIT("title"))) {
        const char *near = sp_did_you_mean(name, names);
        wrong(r, key, "unknown key \"%.*s\" of a case%s%s%s", SP_FMT(name), near ? ": did you mean " : "", near ? near : "", near ? "?" : "");
    }
}

static void read_case(struct reading *r, struct fy_node *n, struct sp_case *c)
{
    void *prev = NULL;
    bool expected = false;
    unsigned line, col;
    *c = (struct sp_case){.file = r->f->name};
    if (!fy_node_is_mapping(n)) {
        wrong(r, n, "a case is {send: ..., expect: ...}");
        return;
    }
    (void)rule_place(r->f->source, node_at(n), &line, &col);
    c->line = line;
    for (struct fy_node_pair *pair; (pair = fy_node_mapping_iterate(n, &prev));)
        read_case_key(r, c, fy_node_pair_key(pair), fy_node_pair_value(pair), &expected);
    if (!r->failed && (c->send.n == 0 || !expected))
        wrong(r, n, "a case needs what is sent (send, send_base64 or request) and expect");
}

static void read_cases(struct reading *r)
{
    void *prev = NULL;
    bool stops = false, passes = false;
    struct sp_rule *rule = r->rule;
    if (!fy_node_is_sequence(r->cases)) {
        wrong(r, r->cases, "cases is a list");
        return;
    }
    uint32_t count = (uint32_t)fy_node_sequence_item_count(r->cases);
    rule->cases = count <= LIST_MAX ? sp_arena_get(&r->f->set->arena, (count + 1) * sizeof *rule->cases) : NULL;
    for (struct fy_node *item; rule->cases && (item = fy_node_sequence_iterate(r->cases, &prev));) {
        struct sp_case *c = &rule->cases[rule->ncases++];
        read_case(r, item, c);
        stops |= c->expect != SP_PASS;
        passes |= c->expect == SP_PASS;
    }
    if (!r->failed && (!stops || !passes))
        wrong(r, r->cases, "a rule proves itself by at least one case that it stops and one that it passes");
}

/* ---- condition and actions ---- */

static struct parser parser_of(struct reading *r)
{
    return (struct parser){.set = r->f->set, .diag = r->f->diag, .proto = r->rule->proto, .macros = r->f->macros};
}

static void read_when(struct reading *r)
{
    struct parser p = parser_of(r);
    if (!want_scalar(r, r->when, "a condition"))
        return;
    struct rule_text text = text_of(r->f, r->when);
    r->rule->when_text = text.text;
    r->rule->when = parse_condition(&p, &text);
    if (!r->rule->when) {
        r->failed = true;
        return;
    }
    unsigned repeated, dirs;
    const struct sp_expr *field;
    dirs = expr_fields(r->rule->when, r->rule->proto, &repeated, &field);
    if (!dirs)
        wrong(r, r->when, "the condition mixes fields of requests and of responses: a rule judges one message");
    r->rule->dir = dirs & SP_F_C2S ? SP_C2S : SP_S2C;
}

static void read_action(struct reading *r, struct fy_node *n)
{
    struct parser p = parser_of(r);
    struct sp_rule *rule = r->rule;
    if (!want_scalar(r, n, "an action"))
        return;
    if (rule->nactions == SP_RULE_ACTIONS_MAX) {
        wrong(r, n, "more than %d actions", SP_RULE_ACTIONS_MAX);
        return;
    }
    struct rule_text text = text_of(r->f, n);
    struct sp_action *a = &rule->actions[rule->nactions++];
    if (!parse_action(&p, &text, a)) {
        r->failed = true;
        return;
    }
    unsigned dir = rule->dir == SP_C2S ? SP_F_C2S : SP_F_S2C;
    if (a->target && !(rule->proto->fields[a->target->field].flags & dir))
        wrong(r, n, "the correction is made in the other direction than the condition reads");
}

static void read_then(struct reading *r)
{
    void *prev = NULL;
    if (!fy_node_is_sequence(r->then)) {
        read_action(r, r->then);
        return;
    }
    for (struct fy_node *item; (item = fy_node_sequence_iterate(r->then, &prev));)
        read_action(r, item);
    if (r->rule->nactions == 0)
        wrong(r, r->then, "an action is expected here");
}

struct sp_rule *yaml_read_rule(struct yaml_file *f, struct fy_node *root)
{
    struct reading r = {.f = f, .rule = sp_arena_get(&f->set->arena, sizeof *r.rule)};
    unsigned line, col;
    if (!r.rule)
        return NULL;
    *r.rule = (struct sp_rule){.file = f->name, .severity = SP_SEV_MEDIUM, .proto = sp_protos[0]};
    if (!fy_node_is_mapping(root)) {
        wrong(&r, root, "a rule is expected here: keys and values, beginning with patch or guard");
        return NULL;
    }
    (void)rule_place(f->source, node_at(root), &line, &col);
    r.rule->line = line;
    read_keys(&r, root);
    if (!r.rule->id.n && !r.failed)
        wrong(&r, root, "a rule begins with `patch: NAME` or `guard: NAME`");
    if (!r.failed && (!r.when || !r.then || !r.cases))
        wrong(&r, root, "a rule needs when, then and cases: %s is missing", !r.when ? "when" : !r.then ? "then" : "cases");
    if (r.when && r.rule->proto)
        read_when(&r);
    if (r.then && r.rule->proto)
        read_then(&r);
    if (r.cases)
        read_cases(&r);
    return r.failed ? NULL : r.rule;
}

/* ---- macros and lists ---- */

bool yaml_is_macros(struct fy_node *root)
{
    return fy_node_is_mapping(root) && (fy_node_mapping_lookup_by_string(root, "macros", FY_NT) || fy_node_mapping_lookup_by_string(root, "lists", FY_NT));
}

/* A list written as a YAML sequence becomes the text of a set. */
static struct rule_text list_text(struct yaml_file *f, struct fy_node *n)
{
    void *prev = NULL;
    struct rule_text t = {f->name, f->source, node_at(n), {NULL, 0}};
    struct sp_buf out = sp_buf_arena(&f->set->arena, 2 * f->source.n + 64);
    for (struct fy_node *item; fy_node_is_sequence(n) && (item = fy_node_sequence_iterate(n, &prev));) {
        struct sp_span s = scalar(item);
        uint64_t number;
        size_t at = 0;
        bool bare = sp_span_u64(s, &number) || (lex(s, &at, &f->set->arena).kind == TOK_NET && at == s.n);
        sp_put_str(&out, bare ? "" : "\"");
        for (size_t i = 0; i < s.n; i++) {
            if (s.p[i] == '"' || s.p[i] == '\\')
                sp_put_byte(&out, '\\');
            sp_put_byte(&out, s.p[i]);
        }
        sp_put_str(&out, bare ? " " : "\" ");
    }
    t.text = sp_buf_span(&out);
    return t;
}

static void add_macros(struct yaml_file *f, struct fy_node *map, bool list)
{
    void *prev = NULL;
    struct reading r = {.f = f};
    struct macros *m = f->macros;
    if (map && !fy_node_is_mapping(map)) {
        wrong(&r, map, "names with their definitions are expected here");
        return;
    }
    for (struct fy_node_pair *pair; map && (pair = fy_node_mapping_iterate(map, &prev));) {
        struct fy_node *key = fy_node_pair_key(pair), *value = fy_node_pair_value(pair);
        if (!m->all)
            m->all = sp_arena_get(&f->set->arena, MACROS_MAX * sizeof *m->all);
        if (!m->all || m->n == MACROS_MAX) {
            wrong(&r, key, "more than %d macros and lists", MACROS_MAX);
            return;
        }
        struct rule_text text = list ? list_text(f, value) : text_of(f, value);
        m->all[m->n++] = (struct macro){.name = sp_arena_copy(&f->set->arena, scalar(key)), .text = text, .list = list};
    }
}

void yaml_read_macros(struct yaml_file *f, struct fy_node *root)
{
    if (!yaml_is_macros(root))
        return;
    add_macros(f, fy_node_mapping_lookup_by_string(root, "macros", FY_NT), false);
    add_macros(f, fy_node_mapping_lookup_by_string(root, "lists", FY_NT), true);
}
