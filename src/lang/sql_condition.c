/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sql_condition: conditions that do not depend on the data, and what is compared with what. Expressions are read by the ranks of their operators. What is
 * known of an operand is whether it is constant, and sometimes whether it is true.
 *
 * A condition that is added to another one, "x OR constant", is what injections need and ordinary statements do not have: there the constant stands
 * first ("1=1 AND x", "'' = '' OR x"), because something was built up behind it. So it counts on the right side of OR and AND, as the whole of
 * WHERE, HAVING, ON and WHEN, and as what IF() asks; except for what generators write on purpose: 1=1 or TRUE alone, AND 1=0, AND FALSE.
 */
#include "lang/sql_read.h"

enum op { OP_OPEN, OP_CASE, OP_OR, OP_PIPES, OP_XOR, OP_AND, OP_NOT, OP_COMPARE, OP_IS, OP_BETWEEN, OP_OTHER };
enum rank { RANK_BRACKET, RANK_OR, RANK_XOR, RANK_AND, RANK_NOT, RANK_COMPARE, RANK_OTHER, RANK_ADD, RANK_MULTIPLY };
enum called { CALLED_NOTHING, CALLED_PURE, CALLED_IF, CALLED_OTHER };

/* Functions whose value is constant where their arguments are, as far as injections hide constants in them. */
static const char *const pure_functions[] = {
    "abs", "ascii", "bin", "cast", "ceil", "ceiling", "char", "char_length", "chr", "coalesce", "concat", "concat_ws", "conv", "convert", "elt", "field",
    "floor", "greatest", "hex", "ifnull", "initcap", "instr", "isnull", "lcase", "least", "left", "len", "length", "locate", "lower", "lpad", "ltrim",
    "md5", "mid", "mod", "nullif", "nvl", "oct", "ord", "position", "pow", "power", "repeat", "replace", "reverse", "right", "round", "rpad", "rtrim",
    "sha1", "sign", "space", "sqrt", "strcmp", "strpos", "substr", "substring", "to_char", "to_number", "trim", "ucase", "unhex", "upper"};

static bool is_constant(const struct value *v)
{
    return v->kind >= VALUE_NUMBER;
}

static struct value constant(enum truth truth, enum idle idle)
{
    return (struct value){.kind = VALUE_CONSTANT, .truth = (uint8_t)truth, .idle = (uint8_t)idle, .fixed = true};
}

static struct value computed(bool is_fixed)
{
    return is_fixed ? constant(TRUTH_UNKNOWN, NOT_IDLE) : (struct value){.kind = VALUE_DATA};
}

static struct pending *top(struct condition *c)
{
    return c->n ? &c->pending[c->n - 1] : NULL;
}

/* ---- what is found ---- */

static void put_operand(struct reader *r, struct sp_buf *out, const struct value *v, bool list)
{
    static const char *const words[] = {[VALUE_NONE] = "nothing", [VALUE_DATA] = "expression", [VALUE_PARAMETER] = "parameter", [VALUE_QUERY] = "query",
                                        [VALUE_LIST] = "list", [VALUE_NUMBER] = "literal", [VALUE_STRING] = "literal", [VALUE_CONSTANT] = "constant"};
    if (v->kind == VALUE_NAME)
        sp_put(out, names_text(r, v->off, v->end));
    else
        sp_put_str(out, list && v->kind != VALUE_QUERY ? "list" : words[v->kind]);
}

static void add_comparison(struct reader *r, const struct pending *p, const struct value *right)
{
    enum { WORDS = 64 };
    if (!(r->what & SP_SQL_COMPARISONS) || r->facts->too_complex || !r->names.queries)
        return;
    struct sp_span sign = sp_span_sub(r->lex.in, p->sign, p->sign_end - p->sign);
    struct value left = p->left;
    size_t names = (left.kind == VALUE_NAME ? left.end - left.off : 0) + (right->kind == VALUE_NAME ? right->end - right->off : 0);
    uint8_t *room = sp_arena_get(r->arena, names + sign.n + WORDS);
    struct sp_buf out = sp_buf_fixed(room, room ? names + sign.n + WORDS : 0);
    put_operand(r, &out, &left, false);
    sp_put_str(&out, p->negated && p->op != OP_IS ? " not " : " ");
    for (size_t i = 0; i < sign.n; i++)
        sp_put_byte(&out, sp_lower(sign.p[i]));
    sp_put_str(&out, p->negated && p->op == OP_IS ? " not " : " ");
    put_operand(r, &out, right, sp_span_ieq(sign, SP_LIT("in")));
    if (r->arena->exhausted)
        read_give_up(r);
    else
        read_add(r, &r->facts->comparisons, sp_buf_span(&out), p->sign, p->sign_end - p->sign);
}

static void found(struct reader *r)
{
    r->facts->tautology |= (r->what & SP_SQL_TAUTOLOGY) && r->names.queries;
}

/* ---- operators ---- */

static bool is_bit(struct sp_span s)
{
    return s.n == 1 && (s.p[0] == '0' || s.p[0] == '1');
}

/* "=" and its like, and their opposites: is it true of equal operands? */
static enum truth when_equal(struct sp_span sign)
{
    if (sp_span_eq(sign, SP_LIT("=")) || sp_span_eq(sign, SP_LIT("==")) || sp_span_eq(sign, SP_LIT("<=>")) || sp_span_eq(sign, SP_LIT(">=")) ||
        sp_span_eq(sign, SP_LIT("<=")) || sp_span_ieq(sign, SP_LIT("like")))
        return TRUTH_TRUE;
    return sp_span_eq(sign, SP_LIT("<>")) || sp_span_eq(sign, SP_LIT("!=")) || sp_span_eq(sign, SP_LIT("<")) || sp_span_eq(sign, SP_LIT(">"))
               ? TRUTH_FALSE : TRUTH_UNKNOWN;
}

static struct value compared(struct reader *r, const struct pending *p, const struct value *right)
{
    struct sp_span a = sp_span_sub(r->lex.in, p->left.off, p->left.end - p->left.off), b = sp_span_sub(r->lex.in, right->off, right->end - right->off);
    struct sp_span sign = sp_span_sub(r->lex.in, p->sign, p->sign_end - p->sign);
    bool same_kind = p->left.kind == right->kind && (right->kind == VALUE_NAME || right->kind == VALUE_NUMBER || right->kind == VALUE_STRING);
    bool both = is_constant(&p->left) && is_constant(right), equal = same_kind && sp_span_ieq(a, b), numbers = both && same_kind && right->kind == VALUE_NUMBER;
    enum truth truth = equal ? when_equal(sign) : TRUTH_UNKNOWN;
    struct value v = computed(both);
    v.fixed = both || (equal && truth != TRUTH_UNKNOWN);
    if (both && is_bit(a) && is_bit(b) && numbers) {
        v.idle = IDLE_COMPARISON;
        truth = equal ? truth : when_equal(sign) == TRUTH_TRUE ? TRUTH_FALSE : TRUTH_TRUE;
    }
    v.truth = (uint8_t)(p->negated && truth ? TRUTH_FALSE + TRUTH_TRUE - truth : truth);
    return v;
}

/* Decided by one side alone, or by both. */
static struct value joined(const struct value *left, const struct value *right, enum truth decides)
{
    bool decided = (left->fixed && left->truth == decides) || (right->fixed && right->truth == decides), both = left->fixed && right->fixed;
    struct value v = computed(decided || both);
    v.truth = (uint8_t)(decided ? decides : TRUTH_UNKNOWN);
    v.idle = !right->fixed || right->idle ? IDLE_COMPARISON : NOT_IDLE;
    return v;
}

static struct value negated(const struct value *v)
{
    struct value not = *v;
    not.kind = not.kind == VALUE_NONE ? VALUE_NONE : v->fixed ? VALUE_CONSTANT : VALUE_DATA;
    not.truth = (uint8_t)(v->truth ? TRUTH_FALSE + TRUTH_TRUE - v->truth : TRUTH_UNKNOWN);
    return not;
}

static void judge(struct reader *r, uint8_t op, const struct value *left, const struct value *right)
{
    bool purpose = right->idle == IDLE_LITERAL || (right->idle == IDLE_COMPARISON && right->truth == TRUTH_FALSE);
    bool counts = op == OP_AND ? !left->fixed && !purpose : op != OP_PIPES || !is_constant(left);
    if (left->kind != VALUE_NONE && right->fixed && counts)
        found(r);
}

/* The operator on top has got its right side. */
static void reduce(struct reader *r)
{
    struct condition *c = &r->condition;
    struct pending *p = &c->pending[--c->n];
    struct value right = c->now;
    switch (p->op) {
    case OP_OR: case OP_PIPES: case OP_XOR: case OP_AND:
        judge(r, p->op, &p->left, &right);
        c->now = joined(&p->left, &right, p->op == OP_OR || p->op == OP_PIPES ? TRUTH_TRUE : p->op == OP_AND ? TRUTH_FALSE : TRUTH_UNKNOWN);
        break;
    case OP_NOT: c->now = negated(&right); break;
    case OP_COMPARE: case OP_IS: case OP_BETWEEN:
        if (p->left.kind != VALUE_NONE)
            add_comparison(r, p, &right);
        c->now = compared(r, p, &right);
        break;
    default: c->now = computed(is_constant(&p->left) && is_constant(&right));
    }
}

static void reduce_to(struct reader *r, uint8_t rank)
{
    while (r->condition.n && top(&r->condition)->rank >= rank)
        reduce(r);
}

static void push(struct reader *r, enum op op, enum rank rank, const struct sp_sql_token *t)
{
    struct condition *c = &r->condition;
    if (c->n == PENDING_MAX) {
        read_give_up(r);
        return;
    }
    c->pending[c->n++] = (struct pending){.op = (uint8_t)op, .rank = (uint8_t)rank, .root = c->root, .called = c->called, .constant = true,
                                          .negated = c->negated, .left = c->now, .sign = t->off, .sign_end = t->off + t->len};
    c->now.kind = VALUE_NONE;
    c->called = CALLED_NOTHING;
    c->negated = false;
}

/* An operator between two operands. Without a left one it is none. */
static void infix(struct reader *r, enum op op, enum rank rank, const struct sp_sql_token *t)
{
    if (r->condition.now.kind == VALUE_NONE)
        return;
    reduce_to(r, (uint8_t)rank);
    push(r, op, rank, t);
}

/* ---- clauses and brackets ---- */

static void check_root(struct reader *r)
{
    struct condition *c = &r->condition;
    bool whole = c->root == K_WHERE || c->root == K_HAVING || c->root == K_ON;
    if (c->now.fixed && c->now.kind != VALUE_NONE && ((whole && !c->now.idle) || c->root == K_WHEN))
        found(r);
}

/* An expression has ended, within its brackets. */
static void boundary(struct reader *r, uint8_t root)
{
    struct condition *c = &r->condition;
    reduce_to(r, RANK_OR);
    check_root(r);
    struct pending *outer = top(c);
    if (outer && c->now.kind != VALUE_NONE)
        outer->constant &= is_constant(&c->now);
    c->now.kind = VALUE_NONE;
    c->root = root;
    c->negated = false;
}

static void open_bracket(struct reader *r, const struct sp_sql_token *t)
{
    push(r, OP_OPEN, RANK_BRACKET, t);
    r->condition.root = K_NONE;
}

static struct value bracket_value(const struct pending *p, struct value last)
{
    bool all = p->constant && (last.kind == VALUE_NONE || is_constant(&last));
    if (p->query) {
        struct value v = computed(all && !p->from);
        v.kind = v.fixed ? VALUE_CONSTANT : VALUE_QUERY;
        return v;
    }
    if (p->left.kind != VALUE_NONE)
        return p->left;
    if (p->called != CALLED_NOTHING)
        return computed(all && p->called != CALLED_OTHER && (last.kind != VALUE_NONE || p->several));
    if (!p->several)
        return last;
    struct value v = computed(all);
    v.kind = all ? VALUE_CONSTANT : VALUE_LIST;
    return v;
}

static void close_bracket(struct reader *r)
{
    struct condition *c = &r->condition;
    reduce_to(r, RANK_OR);
    check_root(r);
    while (c->n && top(c)->op == OP_CASE) {
        c->n--;
        reduce_to(r, RANK_OR);
    }
    if (!c->n)
        return;
    struct pending *p = &c->pending[--c->n];
    c->now = bracket_value(p, c->now);
    c->root = p->root;
}

static void comma(struct reader *r)
{
    struct condition *c = &r->condition;
    uint8_t root = c->root;
    reduce_to(r, RANK_OR);
    struct pending *p = top(c);
    if (p && p->called == CALLED_IF && !p->several && c->now.fixed && c->now.kind != VALUE_NONE)
        found(r);
    boundary(r, root == K_SET ? K_SET : K_NONE);
    if (p)
        p->several = true;
}

/* CASE is a bracket that END closes. */
static void case_word(struct reader *r, const struct sp_sql_token *t)
{
    struct condition *c = &r->condition;
    struct pending *p;
    if (t->keyword == K_CASE && r->last_keyword != K_END) {
        push(r, OP_CASE, RANK_BRACKET, t);
        c->root = K_NONE;
        return;
    }
    reduce_to(r, RANK_OR);
    p = top(c);
    bool open = p && p->op == OP_CASE;
    if (t->keyword == K_WHEN) {
        bool searched = open && (p->several || c->now.kind == VALUE_NONE);
        p = open ? p : NULL;
        boundary(r, searched ? K_WHEN : K_NONE);
        if (p)
            p->several = searched;
    } else if (t->keyword == K_END && open) {
        boundary(r, K_NONE);
        c->n--;
        c->now = computed(p->constant);
        c->now.fixed = false;
        c->root = p->root;
    } else {
        boundary(r, K_NONE);
    }
}

/* ---- tokens ---- */

static void operand(struct condition *c, struct value v)
{
    if (c->now.kind == VALUE_NONE)
        c->now = v;
}

static void literal(struct reader *r, const struct sp_sql_token *t)
{
    struct sp_span text = sp_span_sub(r->lex.in, t->off, t->len);
    bool number = t->kind == SP_SQL_NUMBER, zero = true;
    for (size_t i = 0; number && i < text.n; i++)
        zero &= text.p[i] == '0' || text.p[i] == '.';
    struct value v = {.kind = number ? VALUE_NUMBER : VALUE_STRING, .truth = number ? (zero ? TRUTH_FALSE : TRUTH_TRUE) : TRUTH_UNKNOWN, .fixed = true,
                      .idle = number && is_bit(text) ? IDLE_LITERAL : NOT_IDLE, .off = t->off, .end = t->off + t->len};
    operand(&r->condition, v);
}

static bool is_pure(struct sp_span name)
{
    for (size_t i = 0; i < sizeof pure_functions / sizeof *pure_functions; i++) {
        if (sp_span_ieq(name, sp_span_str(pure_functions[i])))
            return true;
    }
    return false;
}

void condition_name(struct reader *r, size_t off, size_t end, bool called)
{
    struct condition *c = &r->condition;
    if (!(r->what & (SP_SQL_TAUTOLOGY | SP_SQL_COMPARISONS)))
        return;
    struct sp_span name = sp_span_sub(r->lex.in, off, end - off);
    if (called)
        c->called = sp_span_ieq(name, SP_LIT("if")) ? CALLED_IF : is_pure(name) ? CALLED_PURE : CALLED_OTHER;
    else
        operand(c, (struct value){.kind = VALUE_NAME, .off = off, .end = end});
}

static void not_word(struct reader *r, const struct sp_sql_token *t)
{
    struct condition *c = &r->condition;
    struct pending *p = top(c);
    bool bare = c->now.kind == VALUE_NONE;
    if (!bare)
        c->negated = true;
    else if (p && p->op == OP_IS)
        p->negated = !p->negated;
    else if (p && p->op == OP_NOT)
        c->n--;
    else
        push(r, OP_NOT, RANK_NOT, t);
}

/* Between the limits of BETWEEN stands an AND that joins nothing. */
static void and_word(struct reader *r, const struct sp_sql_token *t)
{
    struct condition *c = &r->condition;
    reduce_to(r, RANK_COMPARE + 1);
    struct pending *p = top(c);
    if (p && p->op == OP_BETWEEN && !p->several) {
        p->several = true;
        if (!is_constant(&c->now))
            p->left.kind = p->left.kind == VALUE_NAME ? VALUE_NAME : VALUE_DATA;
        c->now.kind = VALUE_NONE;
    } else {
        infix(r, OP_AND, RANK_AND, t);
    }
}

static void from_word(struct reader *r, const struct sp_sql_token *t)
{
    struct pending *p = top(&r->condition);
    bool distinct = r->last_keyword == K_DISTINCT && p && p->op == OP_IS;
    if (distinct) {
        p->sign_end = t->off + t->len;
        return;
    }
    reduce_to(r, RANK_OR);
    p = top(&r->condition);
    bool argument = p && p->op == OP_OPEN && p->called != CALLED_NOTHING && !p->query;
    boundary(r, K_NONE);
    if (p && !argument)
        p->from = true;
}

static void select_word(struct reader *r)
{
    boundary(r, K_NONE);
    struct pending *p = top(&r->condition);
    if (p && p->op == OP_OPEN)
        p->query = true;
}

static void word(struct reader *r, const struct sp_sql_token *t)
{
    struct condition *c = &r->condition;
    switch (t->keyword) {
    case K_OR: infix(r, OP_OR, RANK_OR, t); break;
    case K_XOR: infix(r, OP_XOR, RANK_XOR, t); break;
    case K_AND: and_word(r, t); break;
    case K_NOT: not_word(r, t); break;
    case K_IS: infix(r, OP_IS, RANK_COMPARE, t); break;
    case K_BETWEEN:
        reduce_to(r, RANK_COMPARE);
        push(r, OP_BETWEEN, RANK_COMPARE, t);
        break;
    case K_LIKE: case K_ILIKE: case K_RLIKE: case K_REGEXP: case K_GLOB: case K_SIMILAR: case K_IN: infix(r, OP_COMPARE, RANK_COMPARE, t); break;
    case K_DIV: case K_MOD: infix(r, OP_OTHER, RANK_MULTIPLY, t); break;
    case K_ESCAPE: case K_OVERLAPS: case K_OPERATOR: infix(r, OP_OTHER, RANK_OTHER, t); break;
    case K_NULL: case K_UNKNOWN: case K_DEFAULT: operand(c, constant(TRUTH_UNKNOWN, NOT_IDLE)); break;
    case K_TRUE: operand(c, constant(TRUTH_TRUE, IDLE_LITERAL)); break;
    case K_FALSE: operand(c, constant(TRUTH_FALSE, IDLE_LITERAL)); break;
    case K_CASE: case K_WHEN: case K_THEN: case K_ELSE: case K_END: case K_ELSEIF: case K_IF: case K_WHILE: case K_DO: case_word(r, t); break;
    case K_VALUES: boundary(r, c->root == K_SET ? K_SET : K_NONE); break;
    case K_UPDATE: boundary(r, r->last_keyword == K_KEY ? K_SET : K_NONE); break;
    case K_SELECT: select_word(r); break;
    case K_FROM: from_word(r, t); break;
    case K_WHERE: case K_HAVING: case K_ON: case K_SET: boundary(r, t->keyword); break;
    case K_JOIN: case K_INNER: case K_LEFT: case K_RIGHT: case K_FULL: case K_CROSS: case K_NATURAL: case K_STRAIGHT_JOIN: case K_GROUP: case K_ORDER:
    case K_BY: case K_LIMIT: case K_OFFSET: case K_FETCH: case K_FOR: case K_UNION: case K_INTERSECT: case K_EXCEPT: case K_INTO:
    case K_RETURNING: case K_WINDOW: case K_PARTITION: case K_USING: case K_AS: case K_ASC: case K_DESC:
        boundary(r, K_NONE);
        break;
    default: break;
    }
}

static bool is_comparison(const struct reader *r, const struct sp_sql_token *t)
{
    struct sp_span signs = SP_LIT("<=>!~*!~~<> != <= >= == !< !> ^= ~= ~* !~ ~~ =  <  >  ~  ");
    return sql_longest(&r->lex, t->off, signs) == t->len;
}

static void operator(struct reader *r, const struct sp_sql_token *t)
{
    struct condition *c = &r->condition;
    struct sp_span sign = sp_span_sub(r->lex.in, t->off, t->len);
    bool mysql = r->lex.mode.dialect == SP_SQL_MYSQL, pipes = mysql && !(r->lex.mode.flags & SP_SQL_PIPES_AS_CONCAT);
    uint8_t first = sign.p[0];
    if (sp_span_eq(sign, SP_LIT("::")))
        return;
    if (pipes && sp_span_eq(sign, SP_LIT("||")))
        infix(r, OP_PIPES, RANK_OR, t);
    else if (mysql && sp_span_eq(sign, SP_LIT("&&")))
        and_word(r, t);
    else if (sp_span_eq(sign, SP_LIT("!")) && c->now.kind == VALUE_NONE)
        not_word(r, t);
    else if (sp_span_eq(sign, SP_LIT(":=")) || sp_span_eq(sign, SP_LIT("=>")) || (c->root == K_SET && first == '=' && (!c->n || !top(c)->rank)))
        boundary(r, c->root == K_SET ? K_SET : K_NONE);
    else if (is_comparison(r, t))
        infix(r, OP_COMPARE, RANK_COMPARE, t);
    else if (sign.n == 1 && (first == '+' || first == '-'))
        infix(r, OP_OTHER, RANK_ADD, t);
    else
        infix(r, OP_OTHER, sign.n == 1 && (first == '*' || first == '/' || first == '%') ? RANK_MULTIPLY : RANK_OTHER, t);
}

static void punctuation(struct reader *r, const struct sp_sql_token *t)
{
    switch (read_byte(r, t)) {
    case '(': case '[': open_bracket(r, t); break;
    case ')': case ']': close_bracket(r); break;
    case ',': comma(r); break;
    case ';': boundary(r, K_NONE); break;
    default: break;
    }
}

void condition_begin(struct reader *r)
{
    struct condition *c = &r->condition;
    c->now = (struct value){0};
    c->root = c->called = K_NONE;
    c->negated = false;
    c->n = 0;
}

void condition_token(struct reader *r, const struct sp_sql_token *t)
{
    if (!(r->what & (SP_SQL_TAUTOLOGY | SP_SQL_COMPARISONS)) || r->names.path.open)
        return;
    switch (t->kind) {
    case SP_SQL_WORD: word(r, t); break;
    case SP_SQL_NUMBER: case SP_SQL_STRING: literal(r, t); break;
    case SP_SQL_PARAMETER: operand(&r->condition, (struct value){.kind = VALUE_PARAMETER}); break;
    case SP_SQL_VARIABLE: operand(&r->condition, (struct value){.kind = VALUE_DATA}); break;
    case SP_SQL_OPERATOR: operator(r, t); break;
    case SP_SQL_PUNCTUATION: punctuation(r, t); break;
    default: break;
    }
}

void condition_end(struct reader *r)
{
    struct condition *c = &r->condition;
    if (!(r->what & (SP_SQL_TAUTOLOGY | SP_SQL_COMPARISONS)))
        return;
    while (c->n) {
        boundary(r, K_NONE);
        c->root = c->n ? c->pending[c->n - 1].root : K_NONE;
        c->n -= c->n > 0;
    }
    boundary(r, K_NONE);
}
