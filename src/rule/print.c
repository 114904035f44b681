/* SPDX-License-Identifier: Apache-2.0 */
/* print: conditions as text again, in one spelling. */
#include <arpa/inet.h>

#include "rule/ast.h"

static const char *const comparisons[] = {[SP_CMP_EQ] = "==", [SP_CMP_NE] = "!=", [SP_CMP_LT] = "<", [SP_CMP_LE] = "<=", [SP_CMP_GT] = ">",
                                          [SP_CMP_GE] = ">=", [SP_CMP_CONTAINS] = "contains", [SP_CMP_MATCHES] = "matches", [SP_CMP_IN] = "in"};

static void print_str(struct sp_buf *out, struct sp_span s)
{
    sp_put_byte(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        if (c == '"' || c == '\\')
            sp_put_byte(out, '\\');
        if (c < 0x20 || c == 0x7f)
            sp_put_fmt(out, "\\x%02x", c);
        else
            sp_put_byte(out, c);
    }
    sp_put_byte(out, '"');
}

/* A regular expression is easier to read raw, where that can be written. */
static void print_pattern(struct sp_buf *out, struct sp_span s)
{
    bool raw = sp_span_byte(s, 0, '\\') != SP_NOT_FOUND;
    for (size_t i = 0; i < s.n; i++)
        raw &= s.p[i] >= 0x20 && s.p[i] != 0x7f && s.p[i] != '"';
    if (raw)
        sp_put_fmt(out, "r\"%.*s\"", SP_FMT(s));
    else
        print_str(out, s);
}

static void print_net(struct sp_buf *out, const struct sp_net *n)
{
    char text[INET6_ADDRSTRLEN];
    bool four = n->bits >= 96 && n->ip[10] == 0xff && n->ip[11] == 0xff;
    (void)inet_ntop(four ? AF_INET : AF_INET6, four ? n->ip + 12 : n->ip, text, sizeof text);
    sp_put_fmt(out, "%s/%u", text, four ? n->bits - 96u : n->bits);
}

static void print_field(const struct sp_proto *proto, const struct sp_expr *e, struct sp_buf *out)
{
    sp_put_str(out, proto->fields[e->field].name);
    if (!e->keyed)
        return;
    sp_put_byte(out, '[');
    print_str(out, e->str);
    sp_put_byte(out, ']');
}

static void print_value(const struct sp_proto *proto, const struct sp_expr *e, struct sp_buf *out)
{
    switch (e->kind) {
    case SP_EX_FIELD:
        print_field(proto, e, out);
        break;
    case SP_EX_COUNT:
        sp_put_str(out, "count(");
        print_field(proto, e, out);
        sp_put_byte(out, ')');
        break;
    case SP_EX_CALL:
        sp_put_fmt(out, "%s(", sp_funcs[e->func].name);
        for (unsigned i = 0; i < e->nargs; i++) {
            sp_put_str(out, i ? ", " : "");
            print_value(proto, e->args[i], out);
        }
        sp_put_byte(out, ')');
        break;
    case SP_EX_STR:
        print_str(out, e->str);
        break;
    case SP_EX_NET:
        print_net(out, &e->net);
        break;
    case SP_EX_BOOL:
        sp_put_str(out, e->num ? "true" : "false");
        break;
    case SP_EX_LIST:
        sp_put_byte(out, '{');
        for (uint32_t i = 0; i < e->nitems; i++) {
            sp_put_str(out, i ? " " : "");
            print_value(proto, e->items[i], out);
        }
        sp_put_byte(out, '}');
        break;
    default:
        sp_put_i64(out, e->num);
        break;
    }
}

/* How tightly a condition's operator binds: or 1, xor 2, and 3, not 4, everything else 5. */
static int tightness(const struct sp_expr *e)
{
    static const uint8_t of[] = {[SP_EX_AND] = 3, [SP_EX_OR] = 1, [SP_EX_XOR] = 2, [SP_EX_NOT] = 4};
    return e->kind <= SP_EX_NOT ? of[e->kind] : 5;
}

static void print_condition(const struct sp_proto *proto, const struct sp_expr *e, int least, struct sp_buf *out)
{
    static const char *const words[] = {[SP_EX_AND] = " and ", [SP_EX_OR] = " or ", [SP_EX_XOR] = " xor "};
    int own = tightness(e);
    sp_put_str(out, own < least ? "(" : "");
    switch (e->kind) {
    case SP_EX_AND:
    case SP_EX_OR:
    case SP_EX_XOR:
        print_condition(proto, e->a, own, out);
        sp_put_str(out, words[e->kind]);
        print_condition(proto, e->b, own, out);
        break;
    case SP_EX_NOT:
        sp_put_str(out, "not ");
        print_condition(proto, e->a, own, out);
        break;
    case SP_EX_ANY:
    case SP_EX_ALL:
        sp_put_str(out, e->kind == SP_EX_ANY ? "any(" : "all(");
        print_condition(proto, e->a, 0, out);
        sp_put_byte(out, ')');
        break;
    case SP_EX_CMP:
        print_value(proto, e->a, out);
        sp_put_fmt(out, " %s ", comparisons[e->cmp]);
        if (e->cmp == SP_CMP_MATCHES)
            print_pattern(out, e->b->str);
        else
            print_value(proto, e->b, out);
        break;
    default:
        print_value(proto, e->a, out);
        break;
    }
    sp_put_str(out, own < least ? ")" : "");
}

void sp_expr_print(const struct sp_proto *proto, const struct sp_expr *e, struct sp_buf *out)
{
    if (e->kind <= SP_EX_TRUTH)
        print_condition(proto, e, 0, out);
    else
        print_value(proto, e, out);
}

static void print_chain(const struct sp_proto *proto, const struct sp_expr *e, enum sp_expr_kind kind, unsigned margin, struct sp_buf *out)
{
    if (e->kind != kind) {
        print_condition(proto, e, kind == SP_EX_AND ? 3 : 1, out);
        return;
    }
    print_chain(proto, e->a, kind, margin, out);
    sp_put_fmt(out, "\n%*s%s ", (int)margin, "", kind == SP_EX_AND ? "and" : "or");
    print_chain(proto, e->b, kind, margin, out);
}

void sp_expr_print_lines(const struct sp_proto *proto, const struct sp_expr *e, unsigned margin, struct sp_buf *out)
{
    print_chain(proto, e, e->kind == SP_EX_AND ? SP_EX_AND : SP_EX_OR, margin, out);
}
