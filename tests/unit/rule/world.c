/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <assert.h>
#include <string.h>

/* What rules speak of here: every type, repeated or not, with and without keys, ignoring case or not, of head and body. */
static const uint16_t spoken[] = {
    SP_HTTP_METHOD, SP_HTTP_PATH, SP_HTTP_HOST, SP_HTTP_QARGS, SP_HTTP_HEADERS, SP_HTTP_HEADERS_NAMES, SP_HTTP_CONTENT_LENGTH,
    SP_HTTP_RANGE_FIRST, SP_HTTP_ARGS, SP_HTTP_BODY, SP_HTTP_BODY_SIZE, SP_HTTP_FORM_NAMES, SP_HTTP_JSON_ERROR, SP_FIELD_IP_SRC,
};
enum { NSPOKEN = sizeof spoken / sizeof *spoken, RULES_MAX = 512 };
static const char *const keys[] = {"k", "x", "K", "long-key", ""};
enum { NKEYS = sizeof keys / sizeof *keys };

void world_init(struct world *w, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    w->seed = seed * 2654435761u + 1;
    w->proto = sp_proto_by_name(SP_LIT("http"));
    int rc = sp_ruleset_init(&w->set);
    assert(rc == 0);
    rc = sp_arena_init(&w->arena, 64 << 20);
    assert(rc == 0);
    (void)rc;
    memset(w->want, 0xff, sizeof w->want);
}

void world_fini(struct world *w)
{
    world_clear(w);
    sp_ruleset_fini(&w->set);
    sp_arena_fini(&w->arena);
}

uint32_t world_dice(struct world *w, uint32_t n)
{
    w->seed ^= w->seed << 13;
    w->seed ^= w->seed >> 7;
    w->seed ^= w->seed << 17;
    return (uint32_t)((w->seed >> 20) % n);
}

static struct sp_span word(struct world *w, struct sp_arena *a, uint32_t max)
{
    static const char letters[] = "aaabbbcAB/.\n1";
    uint32_t n = world_dice(w, max + 1);
    uint8_t *p = sp_arena_get(a, n + 1);
    for (uint32_t i = 0; i < n; i++)
        p[i] = (uint8_t)letters[world_dice(w, sizeof letters - 1)];
    if (n && p[n - 1] == '\n') /* $ also matches before a last line break, which the plain evaluator's does not */
        p[n - 1] = 'a';
    return sp_span_of(p, n);
}

/* ---- trees ---- */

struct sp_expr *world_expr(struct world *w, enum sp_expr_kind kind, uint8_t type)
{
    struct sp_expr *e = sp_arena_get(&w->set.arena, sizeof *e);
    assert(e);
    *e = (struct sp_expr){.kind = kind, .type = type, .width = 1};
    return e;
}

struct sp_expr *world_field(struct world *w, uint16_t field, const char *key)
{
    struct sp_expr *e = world_expr(w, SP_EX_FIELD, w->proto->fields[field].type);
    e->field = field;
    e->keyed = key != NULL;
    if (!key)
        return e;
    e->str = sp_arena_copy(&w->set.arena, sp_span_str(key));
    for (size_t i = 0; w->proto->fields[field].flags & SP_F_IKEY && i < e->str.n; i++)
        ((uint8_t *)e->str.p)[i] = sp_lower(e->str.p[i]);
    return e;
}

struct sp_expr *world_text(struct world *w, struct sp_span text)
{
    struct sp_expr *e = world_expr(w, SP_EX_STR, SP_STR);
    e->str = text;
    return e;
}

struct sp_expr *world_number(struct world *w, int64_t n)
{
    struct sp_expr *e = world_expr(w, SP_EX_NUM, SP_NUM);
    e->num = n;
    return e;
}

struct sp_expr *world_call(struct world *w, const char *name, struct sp_expr *a, struct sp_expr *b)
{
    uint16_t i = 0;
    while (strcmp(sp_funcs[i].name, name) != 0)
        i++;
    struct sp_expr *e = world_expr(w, SP_EX_CALL, sp_funcs[i].ret);
    e->func = i;
    e->nargs = sp_funcs[i].nargs;
    e->args[0] = a;
    e->args[1] = b;
    return e;
}

struct sp_expr *world_compare(struct world *w, enum sp_cmp cmp, struct sp_expr *a, struct sp_expr *b)
{
    struct sp_expr *e = world_expr(w, SP_EX_CMP, SP_BOOL);
    e->cmp = cmp;
    e->a = a;
    e->b = b;
    return e;
}

struct sp_expr *world_join(struct world *w, enum sp_expr_kind kind, struct sp_expr *a, struct sp_expr *b)
{
    struct sp_expr *e = world_expr(w, kind, SP_BOOL);
    e->a = a;
    e->b = b;
    return e;
}

static struct sp_expr *random_field(struct world *w)
{
    uint16_t field = spoken[(w->first + world_dice(w, w->few)) % NSPOKEN];
    bool keyed = w->proto->fields[field].flags & SP_F_KEYED && world_dice(w, 3) > 0;
    return world_field(w, field, keyed ? keys[world_dice(w, NKEYS)] : NULL);
}

/* A field of that type. */
static struct sp_expr *field_of_type(struct world *w, uint8_t type)
{
    uint16_t field = type == SP_NUM ? SP_HTTP_CONTENT_LENGTH : SP_HTTP_PATH;
    struct sp_expr *e = random_field(w);
    return e->type == type ? e : world_field(w, field, NULL);
}

const struct world_pattern world_patterns[] = {
    {"a+b", "a+b", false}, {"^ab", "^ab", false}, {"ba$", "ba$", false}, {"[^ab]", "[^ab]", false}, {"a.b", "a.b", false},
    {"(ab|ba)c", "(ab|ba)c", false}, {"^[a-c]+$", "^[a-c]+$", false}, {"A[AB]", "A[AB]", false}, {"b{2,3}", "b{2,3}", false},
    {"(aab|bba)+", "(aab|bba)+", false}, {"a.*c", "a.*c", false}, {"/?a/", "/?a/", false}, {"(?i)ab", "ab", true},
    {"(?i)^a[.]", "^a[.]", true}, {"\\x61b[.]?", "ab[.]?", false}, {"[aA][bB]c", "[aA][bB]c", false},
    {"a(?:b|c)\\.", "a(b|c)\\.", false}, {"(?i:A)bb", "[aA]bb", false}, {"(ab)*c", "(ab)*c", false}, {"(a|)b/", "(a|)b/", false},
    {"a{0,2}b1", "a{0,2}b1", false}, {"(.|a)b$", "(.|a)b$", false}, {"[b/]a[b.]", "[b/]a[b.]", false}, {"a\\n", "a\n", false},
    {"(?s)^.a.$", "^.a.$", false}, {"ab|ba|cc", "ab|ba|cc", false}, {"((a|b)b|c)[.]", "((a|b)b|c)[.]", false}, {"b+?c", "b+c", false},
    {"^[b-d]b$", "^[b-d]b$", false}, {"(?-m)^[b-d]b$", "^[b-d]b$", false}, {"(?-m:^[b-d])b$", "^[b-d]b$", false},
    {NULL, NULL, false},
};
enum { NPATTERNS = sizeof world_patterns / sizeof *world_patterns - 1 };

static struct sp_span pattern(struct world *w)
{
    return w->pattern ? w->pattern(w) : sp_span_str(world_patterns[world_dice(w, NPATTERNS)].text);
}

static struct sp_expr *list(struct world *w, uint8_t type);

static struct sp_net net(struct world *w)
{
    struct sp_net n = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [13] = (uint8_t)world_dice(w, 3)}};
    static const uint8_t bits[] = {0, 96, 104, 111, 112, 128};
    n.bits = bits[world_dice(w, 6)];
    return n;
}

static struct sp_expr *constant(struct world *w, uint8_t type)
{
    if (type == SP_STR)
        return world_text(w, word(w, &w->set.arena, 5));
    if (type == SP_NUM)
        return world_number(w, (int64_t)world_dice(w, 8) - 2);
    struct sp_expr *e = world_expr(w, type == SP_IP ? SP_EX_NET : SP_EX_BOOL, type);
    if (type == SP_IP)
        e->net = net(w);
    else
        e->num = world_dice(w, 2);
    return e;
}

static struct sp_expr *list(struct world *w, uint8_t type)
{
    struct sp_expr *e = world_expr(w, SP_EX_LIST, type);
    e->nitems = 1 + world_dice(w, 4);
    e->items = sp_arena_get(&w->set.arena, e->nitems * sizeof(struct sp_expr *));
    for (uint32_t i = 0; i < e->nitems; i++)
        e->items[i] = constant(w, type);
    return e;
}

/* The field as it is, or a value made from it. */
static struct sp_expr *value_over(struct world *w, struct sp_expr *field)
{
    if (field->type != SP_STR)
        return field;
    switch (world_dice(w, 10)) {
    case 0:
        return world_call(w, "lower", field, NULL);
    case 1:
        return world_call(w, "upper", field, NULL);
    case 2:
        return world_call(w, "trim", field, NULL);
    case 3:
        return world_call(w, "concat", field, world_text(w, SP_LIT("ab")));
    case 4:
    case 5:
        return world_call(w, "len", field, NULL);
    case 6:
        return world_call(w, "to_number", field, NULL);
    default:
        return field;
    }
}

static struct sp_expr *compare_string(struct world *w, struct sp_expr *a)
{
    switch (world_dice(w, 7)) {
    case 0:
        return world_compare(w, SP_CMP_EQ, a, constant(w, SP_STR));
    case 1:
        return world_compare(w, SP_CMP_NE, a, constant(w, SP_STR));
    case 2:
        return world_compare(w, SP_CMP_IN, a, list(w, SP_STR));
    case 3:
        return world_join(w, SP_EX_TRUTH, world_call(w, world_dice(w, 2) ? "starts_with" : "ends_with", a, constant(w, SP_STR)), NULL);
    case 4:
        return world_compare(w, SP_CMP_CONTAINS, a, constant(w, SP_STR));
    default:
        return world_compare(w, SP_CMP_MATCHES, a, world_text(w, pattern(w)));
    }
}

static struct sp_expr *compare_other(struct world *w, struct sp_expr *a)
{
    static const enum sp_cmp ordered[] = {SP_CMP_EQ, SP_CMP_NE, SP_CMP_LT, SP_CMP_LE, SP_CMP_GT, SP_CMP_GE};
    if (a->type == SP_BOOL && world_dice(w, 2))
        return world_join(w, SP_EX_TRUTH, a, NULL);
    if (world_dice(w, 4) == 0 && a->type != SP_BOOL)
        return world_compare(w, SP_CMP_IN, a, list(w, a->type));
    return world_compare(w, ordered[world_dice(w, a->type == SP_NUM ? 6 : 2)], a, constant(w, a->type));
}

static struct sp_expr *predicate_over(struct world *w, struct sp_expr *field)
{
    if (field->type != SP_BOOL && world_dice(w, 8) == 0)
        return world_join(w, SP_EX_PRESENT, field, NULL);
    struct sp_expr *a = value_over(w, field);
    return a->type == SP_STR ? compare_string(w, a) : compare_other(w, a);
}

/* A comparison of two fields of which one may be repeated, or of a count, either way round. */
static struct sp_expr *two_sided(struct world *w)
{
    struct sp_expr *a = field_of_type(w, SP_NUM), *b = field_of_type(w, SP_STR);
    if (world_dice(w, 2)) {
        a = random_field(w);
        a->kind = SP_EX_COUNT;
        a->type = SP_NUM;
    } else if (w->proto->fields[a->field].flags & w->proto->fields[b->field].flags & SP_F_REP) {
        a = world_number(w, 2);
    }
    b = world_call(w, "len", b, NULL);
    if (world_dice(w, 3) == 0)
        b = world_number(w, world_dice(w, 4));
    bool turn = world_dice(w, 2);
    return world_compare(w, world_dice(w, 2) ? SP_CMP_GT : SP_CMP_LE, turn ? b : a, turn ? a : b);
}

static struct sp_expr *condition_over(struct world *w, const struct sp_expr *field, uint32_t depth)
{
    static const enum sp_expr_kind joins[] = {SP_EX_AND, SP_EX_OR, SP_EX_XOR, SP_EX_NOT};
    if (depth == 0 || world_dice(w, 3) == 0) {
        struct sp_expr *copy = world_expr(w, SP_EX_FIELD, field->type);
        *copy = *field;
        return predicate_over(w, copy);
    }
    enum sp_expr_kind kind = joins[world_dice(w, 4)];
    struct sp_expr *b = kind == SP_EX_NOT ? NULL : condition_over(w, field, depth - 1);
    return world_join(w, kind, condition_over(w, field, depth - 1), b);
}

static struct sp_expr *condition(struct world *w, uint32_t depth)
{
    static const enum sp_expr_kind joins[] = {SP_EX_AND, SP_EX_AND, SP_EX_AND, SP_EX_OR, SP_EX_OR, SP_EX_XOR, SP_EX_NOT};
    if (depth == 0 || world_dice(w, 5) == 0) {
        if (world_dice(w, 8) == 0)
            return two_sided(w);
        struct sp_expr *field = random_field(w);
        if (w->proto->fields[field->field].flags & SP_F_REP && world_dice(w, 3) == 0)
            return world_join(w, world_dice(w, 2) ? SP_EX_ANY : SP_EX_ALL, condition_over(w, field, 2), NULL);
        return predicate_over(w, field);
    }
    enum sp_expr_kind kind = joins[world_dice(w, 7)];
    struct sp_expr *b = kind == SP_EX_NOT ? NULL : condition(w, depth - 1);
    return world_join(w, kind, condition(w, depth - 1), b);
}

/* ---- rules ---- */

void world_clear(struct world *w)
{
    w->set.nrules = 0;
    w->set.rules = NULL;
    sp_arena_reset(&w->set.arena);
}

struct sp_rule *world_rule(struct world *w, struct sp_expr *when, enum sp_action_kind act)
{
    if (!w->set.rules)
        w->set.rules = sp_arena_get(&w->set.arena, RULES_MAX * sizeof(struct sp_rule *));
    struct sp_rule *r = sp_arena_get(&w->set.arena, sizeof *r);
    assert(w->set.nrules < RULES_MAX && w->set.rules && r);
    *r = (struct sp_rule){.id = SP_LIT("TEST"), .title = SP_LIT("test"), .proto = w->proto, .when = when, .file = "test", .line = 1};
    struct sp_buf id = sp_buf_arena(&w->set.arena, 32);
    sp_put_fmt(&id, "TEST-%u", w->set.nrules);
    r->id = sp_buf_done(&id, &w->set.arena);
    r->nactions = 1;
    r->actions[0] = (struct sp_action){.kind = act};
    w->set.rules[w->set.nrules++] = r;
    return r;
}

void world_rules(struct world *w, uint32_t n)
{
    static const enum sp_action_kind acts[] = {SP_DO_ALERT, SP_DO_REFUSE, SP_DO_DROP, SP_DO_CLOSE};
    world_clear(w);
    w->first = world_dice(w, NSPOKEN);
    w->few = 1 + world_dice(w, NSPOKEN); /* rules that speak of the same field meet in its index */
    for (uint32_t i = 0; i < n; i++)
        world_rule(w, condition(w, world_dice(w, WORLD_DEPTH + 1)), acts[world_dice(w, 4)]);
}

/* ---- messages ---- */

void world_value(struct world *w, struct sp_msg *m, uint16_t field, struct sp_span key, struct sp_span str, int64_t num)
{
    (void)w;
    assert(m->nvalues < WORLD_VALUES);
    m->values[m->nvalues++] = (struct sp_value){.field = field, .key = key, .str = str, .num = num};
}

static void random_value(struct world *w, struct sp_msg *m, uint16_t field)
{
    const struct sp_field *f = &w->proto->fields[field];
    struct sp_span key = {NULL, 0}, str = {NULL, 0};
    int64_t num = 0;
    if (f->flags & SP_F_KEYED)
        key = sp_span_str(world_dice(w, 4) ? keys[world_dice(w, NKEYS)] : "LONG-key");
    if (f->type == SP_STR) {
        str = word(w, &w->arena, 8);
    } else if (f->type == SP_IP) {
        struct sp_net n = net(w);
        str = sp_arena_copy(&w->arena, sp_span_of(n.ip, sizeof n.ip));
    } else {
        num = f->type == SP_BOOL ? world_dice(w, 2) : (int64_t)world_dice(w, 8) - 2;
    }
    if (f->flags & SP_F_KEYED && world_dice(w, 4) == 0) {
        world_value(w, m, field, sp_span_str(keys[world_dice(w, NKEYS)]), str, num);
        m->values[m->nvalues - 1].flags = SP_V_ALIAS;
    }
    world_value(w, m, field, key, str, num);
}

static void random_values(struct world *w, struct sp_msg *m, uint16_t field)
{
    bool repeated = w->proto->fields[field].flags & SP_F_REP;
    for (uint32_t n = world_dice(w, repeated ? 5 : 2); n > 0; n--)
        random_value(w, m, field);
}

struct sp_msg world_head(struct world *w)
{
    sp_arena_reset(&w->arena);
    struct sp_msg m = {.dir = SP_C2S, .want = w->want, .arena = &w->arena, .values = w->values};
    for (uint32_t i = 0; i < NSPOKEN; i++) {
        bool body = w->proto->fields[spoken[i]].flags & SP_F_BODY;
        if (!body || spoken[i] == SP_HTTP_ARGS) /* http.request.args has values of the head, too */
            random_values(w, &m, spoken[i]);
        if (body && world_dice(w, 2))
            sp_bit_set(m.body_fields, spoken[i]);
    }
    return m;
}

struct sp_msg world_whole(struct world *w, const struct sp_msg *head)
{
    struct sp_msg m = *head;
    m.whole = true;
    for (uint32_t i = 0; i < NSPOKEN; i++) {
        if (sp_bit(m.body_fields, spoken[i]))
            random_values(w, &m, spoken[i]);
    }
    sp_bits_zero(m.body_fields, SP_FIELDS_MAX);
    return m;
}
