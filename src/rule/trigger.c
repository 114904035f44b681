/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trigger: for a condition, predicates of which at least one must hold for it to hold, cheap to find and rarely true. Of an `and` the
 * better side is taken, of an `or` both. Negated predicates and those the index cannot look up give nothing by themselves.
 */
#include "rule/block.h"

enum trigger_limits {
    PREDS_MAX = SP_EXPR_NODES_MAX, /* of one condition */
};

/* What a predicate costs: how often it will hold in traffic, roughly in percent of messages. */
enum trigger_cost {
    COST_EQ_LONG = 4, COST_LITERAL_LONG = 6, COST_EQ = 10, COST_LITERAL = 14, COST_LITERAL_SHORT = 30,
    COST_EQ_SHORT = 40, COST_KEY = 50, COST_PATTERN = 60, COST_NUMBER = 70, COST_TINY = 75, COST_FIELD = 90, COST_ALWAYS = 1000,
    COST_VOCABULARY = 40, /* more, for fields with few different values (media types, hosts, names) */
};

struct finding {
    const struct sp_proto *proto;
    const uint64_t *hidden;
    struct sp_arena *arena;
};

static const struct trigger ALWAYS = {.cost = COST_ALWAYS, .always = true};

/* Has it a character that ordinary values do not have? Then even a short literal says something. */
static bool is_rare(struct sp_span s)
{
    const struct sp_span rare = SP_LIT("%{}$`|\\<>^[]\"'");
    for (size_t i = 0; i < s.n; i++) {
        if (sp_span_byte(rare, 0, s.p[i]) != SP_NOT_FOUND)
            return true;
    }
    return false;
}

static unsigned literal_cost(struct sp_span s)
{
    if (s.n >= 5)
        return s.n >= 8 ? COST_LITERAL_LONG : COST_LITERAL;
    return s.n >= 3 || is_rare(s) ? COST_LITERAL_SHORT : COST_TINY;
}

/* Adds p to a set whose memory is there. */
static void add(const struct finding *f, struct trigger *t, struct pred p)
{
    if (p.kind != PRED_PRESENT && p.kind != PRED_NUM && (f->proto->fields[p.field].flags & SP_F_ICASE))
        p.cost += COST_VOCABULARY;
    t->preds[t->n++] = p;
    t->cost = p.cost > t->cost ? p.cost : t->cost;
}

static bool is_hidden(const struct finding *f, uint16_t field)
{
    return f->hidden && sp_bit(f->hidden, field);
}

/* What is not known yet, and is left for later only if its words can be seen in a text that is known. */
static bool shows_in_text(const struct finding *f, uint16_t field)
{
    return (f->proto->fields[field].flags & SP_F_WORDS) && !is_hidden(f, f->proto->text);
}

static bool is_word_byte(uint8_t c)
{
    return sp_is_digit(c) || (uint8_t)(sp_lower(c) - 'a') < 26 || c == '_';
}

static struct sp_span longest_word(struct sp_span s)
{
    struct sp_span best = {NULL, 0};
    for (size_t i = 0, begin = 0; i <= s.n; i++) {
        if (i < s.n && is_word_byte(s.p[i]))
            continue;
        if (i - begin > best.n)
            best = sp_span_sub(s, begin, i - begin);
        begin = i + 1;
    }
    return best;
}

/* A predicate on a hidden field becomes one on the text. False: it has no word to look for. */
static bool show(const struct finding *f, struct pred *p)
{
    if (!is_hidden(f, p->field))
        return true;
    p->field = f->proto->text;
    p->kind = PRED_PATTERN;
    p->pattern = PAT_CONTAINS;
    p->caseless = true;
    p->text = longest_word(p->text);
    p->cost = literal_cost(p->text);
    return p->text.n > 0;
}

static struct trigger one(struct finding *f, struct pred p)
{
    struct trigger t = {.preds = sp_arena_get(f->arena, sizeof *t.preds)};
    if (!t.preds || !show(f, &p))
        return ALWAYS;
    add(f, &t, p);
    return t;
}

static struct trigger join(struct finding *f, struct trigger a, struct trigger b)
{
    if (a.always || b.always || a.n + b.n > PREDS_MAX)
        return ALWAYS;
    struct pred *both = sp_arena_get(f->arena, (a.n + b.n) * sizeof *both);
    if (!both)
        return ALWAYS;
    for (uint32_t i = 0; i < a.n; i++)
        both[i] = a.preds[i];
    for (uint32_t i = 0; i < b.n; i++)
        both[a.n + i] = b.preds[i];
    return (struct trigger){both, a.n + b.n, a.cost > b.cost ? a.cost : b.cost, false};
}

static struct trigger better(struct trigger a, struct trigger b)
{
    bool first = a.cost < b.cost || (a.cost == b.cost && a.n <= b.n);
    return first ? a : b;
}

/* ---- predicates ---- */

/* A plain field, or lower()/upper() of one: then comparisons ignore case. NULL otherwise. */
static const struct sp_expr *plain_field(const struct finding *f, const struct sp_expr *e, const char **ret_fold, bool *ret_length)
{
    *ret_fold = NULL;
    *ret_length = false;
    if (e->kind == SP_EX_CALL) {
        struct sp_span name = sp_span_str(sp_funcs[e->func].name);
        bool lower = sp_span_eq(name, SP_LIT("lower")), upper = sp_span_eq(name, SP_LIT("upper"));
        *ret_length = sp_span_eq(name, SP_LIT("len"));
        if (!lower && !upper && !*ret_length)
            return NULL;
        *ret_fold = lower ? "lower" : upper ? "upper" : NULL;
        e = e->args[0];
    }
    if (e->kind != SP_EX_FIELD || (is_hidden(f, e->field) && (*ret_length || !shows_in_text(f, e->field))))
        return NULL;
    return e;
}

/* Can the constant be equal to a folded value at all? */
static bool fold_fits(struct sp_span s, const char *fold)
{
    for (size_t i = 0; fold && i < s.n; i++) {
        bool capital = (uint8_t)(s.p[i] - 'A') < 26, small = (uint8_t)(s.p[i] - 'a') < 26;
        if (fold[0] == 'l' ? capital : small)
            return false;
    }
    return true;
}

/* One ordinary character says too little to look for it. */
static bool telling(const struct literals *l)
{
    for (unsigned i = 0; i < l->n; i++) {
        if (l->all[i].n < 2 && !is_rare(l->all[i]))
            return false;
    }
    return l->n > 0;
}

static unsigned eq_cost(size_t n)
{
    return n >= 10 ? COST_EQ_LONG : n >= 6 ? COST_EQ : COST_EQ_SHORT;
}

static struct pred pred_on(const struct finding *f, const struct sp_expr *field, const char *fold)
{
    struct pred p = {.field = field->field, .keyed = field->keyed, .key = field->str};
    p.caseless = fold || (f->proto->fields[field->field].flags & SP_F_ICASE);
    return p;
}

/* The values a predicate speaks of must exist: the weakest trigger, for everything that has no better one. */
static struct trigger present(struct finding *f, const struct sp_expr *e)
{
    unsigned repeated;
    const struct sp_expr *field;
    (void)expr_fields(e, f->proto, &repeated, &field);
    if (!field || field->kind != SP_EX_FIELD || is_hidden(f, field->field))
        return ALWAYS;
    struct pred p = pred_on(f, field, NULL);
    p.kind = PRED_PRESENT;
    p.cost = field->keyed ? COST_KEY : COST_FIELD;
    return one(f, p);
}

/* "(?-m)" and the like: where it is, ^ and $ do not hold between values that are scanned joined. */
static bool ends_lines(struct sp_span regex)
{
    for (size_t at = 0; (at = sp_span_find(regex, at, SP_LIT("(?"))) != SP_NOT_FOUND; at += 2) {
        bool off = false;
        for (size_t i = at + 2; i < regex.n && regex.p[i] != ')' && regex.p[i] != ':'; i++) {
            off |= regex.p[i] == '-';
            if (off && regex.p[i] == 'm')
                return true;
        }
    }
    return false;
}

/* A regular expression is looked for by the literals it cannot do without; failing that, by its key; failing that, as it is. */
static struct trigger regex_trigger(struct finding *f, const struct sp_expr *e, struct pred p)
{
    struct literals l = regex_literals(p.text, f->arena);
    p.kind = PRED_PATTERN;
    if (!telling(&l)) {
        p.pattern = PAT_REGEX;
        p.cost = COST_PATTERN;
        return p.keyed || ends_lines(p.text) || is_hidden(f, p.field) ? present(f, e) : one(f, p);
    }
    struct trigger all = {.n = 0};
    p.pattern = PAT_CONTAINS;
    p.caseless |= l.caseless;
    for (unsigned i = 0; i < l.n; i++) {
        p.text = l.all[i];
        p.cost = literal_cost(p.text);
        all = i ? join(f, all, one(f, p)) : one(f, p);
    }
    return all;
}

static struct trigger text_trigger(struct finding *f, const struct sp_expr *e, const struct sp_expr *field, const char *fold)
{
    struct pred p = pred_on(f, field, fold);
    p.text = e->b->str;
    if (e->b->kind != SP_EX_STR || !fold_fits(p.text, fold) || (p.text.n == 0 && e->cmp != SP_CMP_EQ))
        return present(f, e);
    if (e->cmp == SP_CMP_EQ) {
        p.kind = PRED_EQ;
        p.cost = eq_cost(p.text.n);
    } else if (e->cmp == SP_CMP_MATCHES) {
        return regex_trigger(f, e, p);
    } else {
        p.kind = PRED_PATTERN;
        p.pattern = PAT_CONTAINS;
        p.cost = literal_cost(p.text);
    }
    return one(f, p);
}

static struct pred number_pred(const struct finding *f, const struct sp_expr *field, bool length, enum sp_cmp cmp, int64_t num)
{
    struct pred p = pred_on(f, field, NULL);
    p.kind = PRED_NUM;
    p.length = length;
    p.cmp = cmp;
    p.num = num;
    p.cost = cmp == SP_CMP_EQ ? COST_EQ_SHORT : COST_NUMBER;
    return p;
}

static struct trigger number_trigger(struct finding *f, const struct sp_expr *e, const struct sp_expr *field, bool length)
{
    bool all = (e->cmp == SP_CMP_GE && e->b->num == INT64_MIN) || (e->cmp == SP_CMP_LE && e->b->num == INT64_MAX);
    if (e->b->kind != SP_EX_NUM || all)
        return present(f, e);
    return one(f, number_pred(f, field, length, e->cmp, e->b->num));
}

/* A set is as many comparisons for equality; members that a folded value cannot be equal to are none. */
static struct trigger list_trigger(struct finding *f, const struct sp_expr *e)
{
    const char *fold;
    bool length;
    const struct sp_expr *field = plain_field(f, e->a, &fold, &length);
    struct trigger t = {.n = 0};
    if (e->b->nitems > PREDS_MAX)
        return present(f, e->a);
    if (!field || (e->a->type != SP_STR && e->a->type != SP_NUM))
        return present(f, e->a);
    t.preds = sp_arena_get(f->arena, e->b->nitems * sizeof *t.preds);
    if (!t.preds)
        return ALWAYS;
    for (uint32_t i = 0; i < e->b->nitems; i++) {
        const struct sp_expr *item = e->b->items[i];
        struct pred p = pred_on(f, field, fold);
        if (item->kind == SP_EX_NUM) {
            p = number_pred(f, field, length, SP_CMP_EQ, item->num);
        } else {
            p.kind = PRED_EQ;
            p.text = item->str;
            p.cost = eq_cost(p.text.n);
        }
        if (p.kind == PRED_EQ && !fold_fits(p.text, fold))
            continue;
        if (!show(f, &p))
            return ALWAYS;
        add(f, &t, p);
    }
    return t;
}

static struct trigger compare_trigger(struct finding *f, const struct sp_expr *e)
{
    const char *fold;
    bool length;
    if (e->cmp == SP_CMP_NE)
        return ALWAYS;
    if (e->cmp == SP_CMP_IN)
        return list_trigger(f, e);
    const struct sp_expr *field = plain_field(f, e->a, &fold, &length);
    if (field && (length || e->a->type == SP_NUM))
        return number_trigger(f, e, field, length);
    if (field && e->a->type == SP_STR)
        return text_trigger(f, e, field, fold);
    return present(f, e);
}

/* starts_with(F, "x") and ends_with(F, "x") */
static struct trigger truth_trigger(struct finding *f, const struct sp_expr *e)
{
    const struct sp_expr *call = e->a, *field = NULL;
    const char *fold = NULL;
    bool length;
    if (call->kind != SP_EX_CALL)
        return present(f, e);
    struct sp_span name = sp_span_str(sp_funcs[call->func].name);
    bool starts = sp_span_eq(name, SP_LIT("starts_with")), ends = sp_span_eq(name, SP_LIT("ends_with"));
    if (starts || ends)
        field = plain_field(f, call->args[0], &fold, &length);
    if (!field || call->args[1]->kind != SP_EX_STR || call->args[1]->str.n == 0 || !fold_fits(call->args[1]->str, fold))
        return present(f, e);
    struct pred p = pred_on(f, field, fold);
    p.kind = PRED_PATTERN;
    p.pattern = starts ? PAT_STARTS : PAT_ENDS;
    p.text = call->args[1]->str;
    p.cost = literal_cost(p.text);
    return one(f, p);
}

/* ---- trees ---- */

static struct trigger find(struct finding *f, const struct sp_expr *e, bool negated)
{
    switch (e->kind) {
    case SP_EX_NOT:
        return find(f, e->a, !negated);
    case SP_EX_AND:
    case SP_EX_OR: {
        struct trigger a = find(f, e->a, negated), b = find(f, e->b, negated);
        bool conjunction = (e->kind == SP_EX_AND) != negated;
        return conjunction ? better(a, b) : join(f, a, b);
    }
    case SP_EX_CMP:
        if (negated && e->cmp == SP_CMP_NE && e->b->kind != SP_EX_LIST) {
            struct sp_expr equal = *e;
            equal.cmp = SP_CMP_EQ;
            return compare_trigger(f, &equal);
        }
        return negated ? ALWAYS : compare_trigger(f, e);
    case SP_EX_TRUTH:
        return negated ? ALWAYS : truth_trigger(f, e);
    case SP_EX_PRESENT:
        return negated ? ALWAYS : present(f, e);
    case SP_EX_ANY:
        return negated ? ALWAYS : find(f, e->a, false);
    case SP_EX_ALL:
        return negated ? ALWAYS : present(f, e);
    default: /* xor: either side may be the one that is false */
        return ALWAYS;
    }
}

struct trigger trigger_of(const struct sp_rule *r, const uint64_t *hidden, struct sp_arena *a)
{
    struct finding f = {r->proto, hidden, a};
    return find(&f, r->when, false);
}

/* ---- as text ---- */

static void print_pred(const struct sp_proto *proto, const struct pred *p, struct sp_buf *out)
{
    static const char *const patterns[] = {[PAT_CONTAINS] = "contains", [PAT_STARTS] = "starts with", [PAT_ENDS] = "ends with",
                                           [PAT_REGEX] = "matches"};
    static const char *const signs[] = {[SP_CMP_EQ] = "==", [SP_CMP_NE] = "!=", [SP_CMP_LT] = "<", [SP_CMP_LE] = "<=",
                                        [SP_CMP_GT] = ">", [SP_CMP_GE] = ">="};
    sp_put_fmt(out, p->length ? "length of %s" : "%s", proto->fields[p->field].name);
    if (p->keyed)
        sp_put_fmt(out, "[\"%.*s\"]", SP_FMT(p->key));
    switch (p->kind) {
    case PRED_EQ:
        sp_put_fmt(out, " is \"%.*s\"", SP_FMT(p->text));
        break;
    case PRED_PATTERN:
        sp_put_fmt(out, " %s \"%.*s\"", patterns[p->pattern], SP_FMT(p->text));
        break;
    case PRED_NUM:
        sp_put_fmt(out, " %s %lld", signs[p->cmp], (long long)p->num);
        break;
    case PRED_PRESENT:
        sp_put_str(out, " is present");
        break;
    }
    if (p->caseless && p->kind != PRED_PRESENT)
        sp_put_str(out, " (any case)");
}

void sp_trigger_print(const struct sp_rule *r, struct sp_buf *out)
{
    struct sp_arena a;
    if (sp_arena_init(&a, 64 << 20) < 0)
        return;
    struct trigger t = trigger_of(r, NULL, &a);
    if (t.always)
        sp_put_str(out, "every message\n");
    for (uint32_t i = 0; i < t.n; i++) {
        sp_put_str(out, i ? "or " : "");
        print_pred(r->proto, &t.preds[i], out);
        sp_put_byte(out, '\n');
    }
    sp_arena_fini(&a);
}
