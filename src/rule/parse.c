/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse: the grammar, loosest first:
 *   condition  = conjunct { ("or" | "xor") conjunct }     or binds looser than xor, xor looser than and
 *   conjunct   = negation { "and" negation }
 *   negation   = "not" negation | comparison
 *   comparison = value [ operator value | "in" set | "contains" value | "matches" string ]
 *   value      = string | number | address | field | field "[" string "]" | function "(" values ")" | macro | "(" condition ")"
 */
#include "rule/parse.h"

enum parse_limits {
    MACRO_NAMES_MAX = 256, /* names that a suggestion is looked for among */
};

static struct sp_expr *parse_or(struct parser *p);

static void advance(struct parser *p)
{
    p->tok = lex(p->text->text, &p->at, &p->set->arena);
    if (p->tok.kind == TOK_BAD)
        parse_error(p, &p->tok, "%s", p->tok.wrong);
}

static bool word_is(const struct parser *p, const char *word)
{
    return p->tok.kind == TOK_WORD && sp_span_eq(p->tok.text, sp_span_str(word));
}

static bool accept(struct parser *p, enum tok_kind kind)
{
    if (p->tok.kind != kind)
        return false;
    advance(p);
    return true;
}

static bool not_expected(struct parser *p, const char *what)
{
    if (p->tok.kind == TOK_END)
        parse_error(p, &p->tok, "%s is expected %s", what, p->tok.off ? "behind this" : "here");
    else
        parse_error(p, &p->tok, "%s is expected here, not \"%.*s\"", what, SP_FMT(p->tok.text));
    return false;
}

static bool expect(struct parser *p, enum tok_kind kind, const char *what)
{
    return accept(p, kind) || not_expected(p, what);
}

static bool enter(struct parser *p)
{
    if (++p->depth <= SP_EXPR_DEPTH_MAX)
        return true;
    parse_error(p, &p->tok, "the condition is nested more than %d deep", SP_EXPR_DEPTH_MAX);
    return false;
}

/* A value or a condition: until an operator comes it may be either. */
struct operand {
    struct sp_expr *value, *condition;
    struct tok at;
};

static bool is_condition(const struct sp_expr *e)
{
    return e->kind <= SP_EX_TRUTH;
}

static struct operand operand_of(struct sp_expr *e, struct tok at)
{
    if (!e)
        return (struct operand){.at = at};
    return is_condition(e) ? (struct operand){.condition = e, .at = at} : (struct operand){.value = e, .at = at};
}

/* ---- macros and lists ---- */

static struct macro *macro_named(const struct parser *p, struct sp_span name, bool list)
{
    for (uint32_t i = 0; i < p->macros->n; i++) {
        if (p->macros->all[i].list == list && sp_span_eq(p->macros->all[i].name, name))
            return &p->macros->all[i];
    }
    return NULL;
}

static void unknown_list(struct parser *p)
{
    const char *names[MACRO_NAMES_MAX + 1];
    unsigned n = 0;
    for (uint32_t i = 0; i < p->macros->n && n < MACRO_NAMES_MAX; i++) {
        if (p->macros->all[i].list)
            names[n++] = (const char *)p->macros->all[i].name.p;
    }
    names[n] = NULL;
    const char *near = sp_did_you_mean(p->tok.str, names);
    check_error(p, p->tok.off, p->tok.text.n, "no list is named \"%.*s\"%s%s%s", SP_FMT(p->tok.str), near ? ": did you mean $" : "",
                near ? near : "", near ? "?" : "");
}

/* What stands for something whose mistakes have been reported already. */
static struct sp_expr *skip(struct parser *p, enum sp_expr_kind kind)
{
    struct sp_expr *e = node(p, kind, &p->tok);
    if (e)
        e->type = TYPE_VOID;
    p->wrong = true;
    advance(p);
    return e;
}

/* Parses the macro's text in the place of its name. Mistakes inside it point into the macro, and are reported once. */
static struct sp_expr *expand(struct parser *p, struct macro *mac, struct sp_expr *(*parse)(struct parser *))
{
    const struct rule_text *text = p->text;
    size_t at = p->at;
    struct tok tok = p->tok;
    bool wrong = p->wrong;
    if (mac->open) {
        parse_error(p, &p->tok, "\"%.*s\" is defined by itself", SP_FMT(mac->name));
        return NULL;
    }
    if (mac->broken)
        return skip(p, mac->list ? SP_EX_LIST : SP_EX_PRESENT);
    mac->open = true;
    p->text = &mac->text;
    p->at = 0;
    p->wrong = false;
    advance(p);
    struct sp_expr *e = p->failed ? NULL : parse(p);
    if (e && p->tok.kind != TOK_END)
        parse_error(p, &p->tok, "the definition should end here");
    mac->open = false;
    mac->broken = p->failed || p->wrong;
    p->wrong |= wrong;
    p->text = text;
    p->at = at;
    p->tok = tok;
    if (p->failed)
        return NULL;
    advance(p);
    return e;
}

/* ---- values ---- */

static struct sp_expr *parse_literal(struct parser *p, struct sp_expr *(*make)(struct parser *, enum sp_expr_kind, const struct tok *))
{
    static const uint8_t kinds[] = {[TOK_STRING] = SP_EX_STR, [TOK_NUMBER] = SP_EX_NUM, [TOK_NET] = SP_EX_NET};
    static const uint8_t types[] = {[TOK_STRING] = SP_STR, [TOK_NUMBER] = SP_NUM, [TOK_NET] = SP_IP};
    struct sp_expr *e = make(p, (enum sp_expr_kind)kinds[p->tok.kind], &p->tok);
    if (!e)
        return NULL;
    e->type = types[p->tok.kind];
    e->str = p->tok.str;
    e->num = p->tok.num;
    e->net = p->tok.net;
    advance(p);
    return e;
}

static bool is_literal(const struct parser *p)
{
    return p->tok.kind == TOK_STRING || p->tok.kind == TOK_NUMBER || p->tok.kind == TOK_NET;
}

/* A list that is full gets twice the room; what is outgrown stays until the end. */
static bool list_room(struct parser *p, struct sp_expr *list)
{
    uint32_t n = list->nitems;
    if (n == SP_LIST_ITEMS_MAX)
        parse_error(p, &p->tok, "the list has more than %d members", SP_LIST_ITEMS_MAX);
    if (n == SP_LIST_ITEMS_MAX || (n & (n - 1)) != 0)
        return n < SP_LIST_ITEMS_MAX;
    struct sp_expr **more = sp_arena_get(&p->set->arena, (n ? 2 * n : 1) * sizeof *more);
    if (!more) {
        parse_error(p, &p->tok, "the rules need more memory than they may have");
        return false;
    }
    for (uint32_t i = 0; i < n; i++)
        more[i] = list->items[i];
    list->items = more;
    return true;
}

static struct sp_expr *parse_set_items(struct parser *p)
{
    struct sp_expr *list = node(p, SP_EX_LIST, &p->tok);
    while (list && is_literal(p)) {
        struct sp_expr *item = list_room(p, list) ? parse_literal(p, list_member) : NULL;
        if (!item || p->failed)
            return NULL;
        list->items[list->nitems++] = item;
        (void)accept(p, TOK_COMMA);
    }
    return list;
}

static struct sp_expr *parse_set(struct parser *p)
{
    if (p->tok.kind == TOK_LIST) {
        struct macro *mac = macro_named(p, p->tok.str, true);
        if (mac)
            return expand(p, mac, parse_set_items);
        unknown_list(p);
        return skip(p, SP_EX_LIST);
    }
    if (!expect(p, TOK_SET, "a set in braces, or $list,"))
        return NULL;
    struct sp_expr *list = parse_set_items(p);
    if (!list || p->failed)
        return NULL;
    if (list->nitems == 0) {
        (void)not_expected(p, "a string in quotes, a number or an address");
        return NULL;
    }
    return expect(p, TOK_SET_END, "another string, number or address, or }") && !p->failed ? list : NULL;
}

static struct sp_expr *parse_field(struct parser *p)
{
    struct tok name = p->tok;
    advance(p);
    if (p->tok.kind != TOK_INDEX)
        return check_field(p, &name, NULL);
    advance(p);
    struct tok key = p->tok;
    if (!expect(p, TOK_STRING, "a name in quotes"))
        return NULL;
    if (!expect(p, TOK_INDEX_END, "]"))
        return NULL;
    return check_field(p, &name, &key);
}

static struct sp_expr *parse_count(struct parser *p, const struct tok *at)
{
    if (p->tok.kind != TOK_WORD) {
        parse_error(p, at, "count() takes a field");
        return NULL;
    }
    struct sp_expr *e = parse_field(p);
    return e && expect(p, TOK_CLOSE, ")") ? check_count(p, at, e) : NULL;
}

static struct sp_expr *parse_value(struct parser *p);

static struct sp_expr *parse_arguments(struct parser *p, const struct tok *name)
{
    struct sp_expr *args[SP_CALL_ARGS_MAX];
    unsigned n = 0;
    while (p->tok.kind != TOK_CLOSE) {
        if (n == SP_CALL_ARGS_MAX) {
            parse_error(p, &p->tok, "too many arguments");
            return NULL;
        }
        args[n] = parse_value(p);
        if (!args[n++])
            return NULL;
        if (!accept(p, TOK_COMMA))
            break;
    }
    return expect(p, TOK_CLOSE, ")") ? check_call(p, name, args, n) : NULL;
}

static struct sp_expr *parse_quantified(struct parser *p, const struct tok *at, enum sp_expr_kind kind)
{
    struct sp_expr *inner = parse_or(p);
    if (!inner || !expect(p, TOK_CLOSE, ")"))
        return NULL;
    return check_quantifier(p, at, kind, inner);
}

static bool calls(const struct parser *p)
{
    size_t at = p->at;
    while (at < p->text->text.n && (p->text->text.p[at] == ' ' || p->text->text.p[at] == '\n'))
        at++;
    return sp_span_at(p->text->text, at) == '(';
}

static struct sp_expr *parse_word(struct parser *p)
{
    struct tok name = p->tok;
    bool truth = word_is(p, "true");
    if (truth || word_is(p, "false")) {
        struct sp_expr *e = node(p, SP_EX_BOOL, &name);
        if (e) {
            e->type = SP_BOOL;
            e->num = truth;
        }
        advance(p);
        return e;
    }
    if (calls(p)) {
        advance(p);
        advance(p);
        if (sp_span_eq(name.text, SP_LIT("any")))
            return parse_quantified(p, &name, SP_EX_ANY);
        if (sp_span_eq(name.text, SP_LIT("all")))
            return parse_quantified(p, &name, SP_EX_ALL);
        if (sp_span_eq(name.text, SP_LIT("count")))
            return parse_count(p, &name);
        return parse_arguments(p, &name);
    }
    struct macro *mac = macro_named(p, name.text, false);
    return mac ? expand(p, mac, parse_or) : parse_field(p);
}

/* A value, or a condition in parentheses, of a macro, or of any()/all(). */
static struct sp_expr *parse_primary(struct parser *p)
{
    switch (p->tok.kind) {
    case TOK_STRING:
    case TOK_NUMBER:
    case TOK_NET:
        return parse_literal(p, node);
    case TOK_WORD:
        return parse_word(p);
    case TOK_OPEN: {
        advance(p);
        struct sp_expr *e = parse_or(p);
        return e && expect(p, TOK_CLOSE, ")") ? e : NULL;
    }
    default:
        (void)not_expected(p, "a field, function or value");
        return NULL;
    }
}

static struct sp_expr *parse_value(struct parser *p)
{
    struct tok at = p->tok;
    if (!enter(p))
        return NULL;
    struct sp_expr *e = parse_primary(p);
    p->depth--;
    if (e && is_condition(e)) {
        parse_error(p, &at, "a value is expected here, not a condition");
        return NULL;
    }
    return e;
}

/* ---- conditions ---- */

static bool compare_operator(const struct parser *p, enum sp_cmp *ret)
{
    static const uint8_t signs[] = {[TOK_EQ] = SP_CMP_EQ, [TOK_NE] = SP_CMP_NE, [TOK_LT] = SP_CMP_LT, [TOK_LE] = SP_CMP_LE,
                                    [TOK_GT] = SP_CMP_GT, [TOK_GE] = SP_CMP_GE};
    if (p->tok.kind >= TOK_EQ && p->tok.kind <= TOK_GE)
        *ret = (enum sp_cmp)signs[p->tok.kind];
    else if (word_is(p, "contains"))
        *ret = SP_CMP_CONTAINS;
    else if (word_is(p, "matches"))
        *ret = SP_CMP_MATCHES;
    else if (word_is(p, "in"))
        *ret = SP_CMP_IN;
    else
        return false;
    return true;
}

static struct sp_expr *parse_comparison(struct parser *p)
{
    struct tok at = p->tok, op;
    enum sp_cmp cmp;
    struct operand left = operand_of(parse_primary(p), at);
    if (left.condition || !left.value)
        return left.condition;
    op = p->tok;
    if (!compare_operator(p, &cmp))
        return check_condition(p, &at, left.value);
    advance(p);
    struct sp_expr *right = cmp == SP_CMP_IN ? parse_set(p) : parse_value(p);
    return right ? check_compare(p, &op, cmp, left.value, right) : NULL;
}

static struct sp_expr *parse_not(struct parser *p)
{
    struct tok at = p->tok;
    if (!enter(p))
        return NULL;
    struct sp_expr *e;
    if (accept(p, TOK_NOT)) {
        struct sp_expr *inner = parse_not(p);
        e = inner ? node(p, SP_EX_NOT, &at) : NULL;
        if (e)
            e->a = inner;
    } else {
        e = parse_comparison(p);
    }
    p->depth--;
    return p->failed ? NULL : e;
}

/* Left-associative: the tree of a long chain would be as deep as the chain is long, so its depth is counted too. */
static struct sp_expr *parse_chain(struct parser *p, struct sp_expr *(*operand)(struct parser *), enum tok_kind kind, const char *word,
                                   enum sp_expr_kind ex)
{
    struct sp_expr *left = operand(p);
    while (left && (p->tok.kind == kind || (word && word_is(p, word)))) {
        struct tok at = p->tok;
        advance(p);
        struct sp_expr *right = operand(p), *e = right ? node(p, ex, &at) : NULL;
        if (!e)
            return NULL;
        e->a = left;
        e->b = right;
        left = e;
    }
    return left;
}

static struct sp_expr *parse_and(struct parser *p)
{
    return parse_chain(p, parse_not, TOK_AND, NULL, SP_EX_AND);
}

static struct sp_expr *parse_xor(struct parser *p)
{
    return parse_chain(p, parse_and, TOK_BAD, "xor", SP_EX_XOR);
}

static struct sp_expr *parse_or(struct parser *p)
{
    if (!enter(p))
        return NULL;
    struct sp_expr *e = parse_chain(p, parse_xor, TOK_OR, NULL, SP_EX_OR);
    p->depth--;
    return e;
}

static unsigned depth_of(const struct sp_expr *e)
{
    if (!e)
        return 0;
    unsigned a = depth_of(e->a), b = depth_of(e->b), deepest = a > b ? a : b;
    for (unsigned i = 0; i < e->nargs; i++) {
        unsigned d = depth_of(e->args[i]);
        deepest = d > deepest ? d : deepest;
    }
    return deepest + 1;
}

/* and/or chains are rebuilt as balanced trees, so that a list of hundreds of alternatives stays shallow. */
static uint32_t gather(struct sp_expr *e, enum sp_expr_kind kind, struct sp_expr **into, struct sp_expr **joints, uint32_t *njoints, uint32_t n)
{
    while (e->kind == kind) { /* left-deep: the right operands come off in reverse */
        joints[(*njoints)++] = e;
        into[n++] = e->b;
        e = e->a;
    }
    into[n++] = e;
    return n;
}

static struct sp_expr *build(struct sp_expr **leaves, uint32_t n, struct sp_expr **joints, uint32_t *njoints)
{
    if (n == 1)
        return leaves[0];
    struct sp_expr *e = joints[--*njoints];
    e->b = build(leaves, n / 2, joints, njoints); /* leaves are in reverse order */
    e->a = build(leaves + n / 2, n - n / 2, joints, njoints);
    return e;
}

static struct sp_expr *balance(struct parser *p, struct sp_expr *e)
{
    if (!e || !is_condition(e))
        return e;
    if (e->kind != SP_EX_AND && e->kind != SP_EX_OR) {
        e->a = balance(p, e->a);
        e->b = balance(p, e->b);
        return e;
    }
    uint32_t count = 1, njoints = 0;
    for (const struct sp_expr *x = e; x->kind == e->kind; x = x->a)
        count++;
    struct sp_expr **space = sp_arena_get(&p->set->arena, 2 * count * sizeof *space);
    if (!space)
        return e;
    uint32_t n = gather(e, e->kind, space, space + count, &njoints, 0);
    for (uint32_t i = 0; i < n; i++)
        space[i] = balance(p, space[i]);
    return build(space, n, space + count, &njoints);
}

static void expect_operator(struct parser *p)
{
    static const char *const names[] = {"and", "or", "xor", "eq", "ne", "lt", "le", "gt", "ge", "contains", "matches", "in", NULL};
    const char *near = p->tok.kind == TOK_WORD ? sp_did_you_mean(p->tok.text, names) : NULL;
    parse_error(p, &p->tok, "an operator (and, or, eq, contains, matches, in ...) is expected here, not \"%.*s\"%s%s%s", SP_FMT(p->tok.text),
                near ? ": did you mean " : "", near ? near : "", near ? "?" : "");
}

struct sp_expr *parse_condition(struct parser *p, const struct rule_text *text)
{
    p->text = text;
    p->at = p->depth = p->nodes = 0;
    p->failed = p->wrong = false;
    advance(p);
    struct sp_expr *e = p->failed ? NULL : parse_or(p);
    if (e && !p->failed && p->tok.kind != TOK_END)
        expect_operator(p);
    if (!e || p->failed || p->wrong)
        return NULL;
    e = balance(p, e);
    if (depth_of(e) > SP_EXPR_DEPTH_MAX) {
        parse_error(p, &p->tok, "the condition is nested more than %d deep", SP_EXPR_DEPTH_MAX);
        return NULL;
    }
    return e;
}

/* ---- actions ---- */

static bool take_word(struct parser *p, const char *word)
{
    if (!word_is(p, word))
        return not_expected(p, word);
    advance(p);
    return true;
}

static bool take_number(struct parser *p, int64_t *ret)
{
    *ret = p->tok.num;
    return expect(p, TOK_NUMBER, "a number");
}

static bool take_target(struct parser *p, struct sp_action *a)
{
    if (p->tok.kind != TOK_WORD)
        return not_expected(p, "a field");
    a->target = parse_field(p);
    return a->target && !p->failed;
}

static bool take_rest(struct parser *p, struct sp_action *a)
{
    switch (a->kind) {
    case SP_DO_REFUSE:
        if (p->tok.kind != TOK_NUMBER)
            return true;
        a->status = (unsigned)p->tok.num;
        if (p->tok.num < 400 || (p->tok.num > 599 && p->tok.num < 1000) || p->tok.num > 99999)
            parse_error(p, &p->tok, "a refusal's status is between 400 and 599, or a database's error code of four or five digits");
        advance(p);
        return !p->failed;
    case SP_DO_SET:
    case SP_DO_REPLACE:
        return take_target(p, a) && take_word(p, a->kind == SP_DO_SET ? "to" : "with") && (a->value = parse_value(p)) != NULL;
    case SP_DO_REMOVE:
        return take_target(p, a);
    case SP_DO_TRUNCATE:
        return take_target(p, a) && take_word(p, "to") && take_number(p, &a->to);
    case SP_DO_CLAMP:
        return take_target(p, a) && take_word(p, "to") && take_number(p, &a->from) && expect(p, TOK_DOTDOT, "..") && take_number(p, &a->to);
    default:
        return true;
    }
}

static bool action_kind(struct parser *p, struct sp_action *a)
{
    static const char *const names[] = {[SP_DO_ALERT] = "alert", [SP_DO_REFUSE] = "refuse", [SP_DO_CLOSE] = "close", [SP_DO_DROP] = "drop",
                                        [SP_DO_SET] = "set", [SP_DO_REMOVE] = "remove", [SP_DO_TRUNCATE] = "truncate",
                                        [SP_DO_CLAMP] = "clamp", [SP_DO_REPLACE] = "replace", NULL};
    for (unsigned i = 0; names[i]; i++) {
        if (word_is(p, names[i])) {
            a->kind = (enum sp_action_kind)i;
            return true;
        }
    }
    const char *near = p->tok.kind == TOK_WORD ? sp_did_you_mean(p->tok.text, names) : NULL;
    parse_error(p, &p->tok, "an action is expected: alert, refuse, close, drop, set, remove, truncate, clamp or replace%s%s%s",
                near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    return false;
}

bool parse_action(struct parser *p, const struct rule_text *text, struct sp_action *ret)
{
    *ret = (struct sp_action){0};
    p->text = text;
    p->at = p->depth = p->nodes = 0;
    p->failed = p->wrong = false;
    advance(p);
    if (!action_kind(p, ret))
        return false;
    advance(p);
    if (!take_rest(p, ret) || p->failed)
        return false;
    if (p->tok.kind != TOK_END)
        return not_expected(p, "the end of the action");
    check_action(p, ret);
    return !p->wrong;
}
