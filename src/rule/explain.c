/* SPDX-License-Identifier: Apache-2.0 */
/* explain: a rule as its reader wants it: what, when, what then, how it is found, what proves it. */
#include "rule/ast.h"

enum explain_limits {
    SHOWN_MAX = 200, /* bytes of a case that are shown */
    MARGIN = 13,     /* columns of the names at the left, and a blank */
};

static void print_list(struct sp_buf *out, const char *title, const struct sp_span *list, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        sp_put_fmt(out, "%-12s %.*s\n", i ? "" : title, SP_FMT(list[i]));
}

/* Text wrapped behind a margin. */
static void print_text(struct sp_buf *out, const char *title, struct sp_span text)
{
    size_t column = 0, at = 0;
    if (!text.n)
        return;
    sp_put_fmt(out, "%-12s", title);
    while (at < text.n) {
        size_t end = at;
        while (end < text.n && text.p[end] != ' ' && text.p[end] != '\n')
            end++;
        if (column + end - at > 84) {
            sp_put_fmt(out, "\n%-12s", "");
            column = 0;
        }
        sp_put_byte(out, ' ');
        sp_put(out, sp_span_sub(text, at, end - at));
        column += end - at + 1;
        while (end < text.n && (text.p[end] == ' ' || text.p[end] == '\n'))
            end++;
        at = end;
    }
    sp_put_byte(out, '\n');
}

static void print_action(const struct sp_rule *r, const struct sp_action *a, struct sp_buf *out)
{
    static const char *const names[] = {[SP_DO_ALERT] = "alert", [SP_DO_REFUSE] = "refuse", [SP_DO_CLOSE] = "close", [SP_DO_DROP] = "drop",
                                        [SP_DO_SET] = "set", [SP_DO_REMOVE] = "remove", [SP_DO_TRUNCATE] = "truncate",
                                        [SP_DO_CLAMP] = "clamp", [SP_DO_REPLACE] = "replace"};
    sp_put_str(out, names[a->kind]);
    if (a->kind == SP_DO_REFUSE && a->status)
        sp_put_fmt(out, " %u", a->status);
    if (a->target) {
        sp_put_byte(out, ' ');
        sp_expr_print(r->proto, a->target, out);
    }
    if (a->kind == SP_DO_TRUNCATE)
        sp_put_fmt(out, " to %lld", (long long)a->to);
    if (a->kind == SP_DO_CLAMP)
        sp_put_fmt(out, " to %lld..%lld", (long long)a->from, (long long)a->to);
    if (a->value) {
        sp_put_str(out, a->kind == SP_DO_SET ? " to " : " with ");
        sp_expr_print(r->proto, a->value, out);
    }
}

static void print_cases(const struct sp_rule *r, struct sp_buf *out)
{
    static const char *const acts[] = {"pass", "alert", "correct", "refuse", "drop", "close"};
    for (uint32_t i = 0; i < r->ncases; i++) {
        sp_put_fmt(out, "%-12s %-8s ", i ? "" : "cases", acts[r->cases[i].expect]);
        sp_put_json(out, sp_span_sub(r->cases[i].send, 0, SHOWN_MAX));
        sp_put_str(out, r->cases[i].send.n > SHOWN_MAX ? "...\n" : "\n");
    }
}

void sp_rule_explain(const struct sp_rule *r, struct sp_buf *out)
{
    static const char *const severities[] = {"info", "low", "medium", "high", "critical"};
    sp_put_fmt(out, "%-12s %.*s (%s:%u)\n", r->guard ? "guard" : "patch", SP_FMT(r->id), r->file, r->line);
    print_text(out, "title", r->title);
    print_text(out, "description", r->description);
    sp_put_fmt(out, "%-12s %s%s\n", "severity", severities[r->severity], r->kev ? ", known to be exploited" : "");
    print_list(out, "affects", r->affects, r->naffects);
    print_list(out, "references", r->references, r->nreferences);
    print_list(out, "tags", r->tags, r->ntags);
    print_text(out, "patched", r->patched);
    sp_put_fmt(out, "%-12s %s, %s\n%-12s ", "judges", r->proto->title, r->dir == SP_C2S ? "requests" : "responses", "when");
    sp_expr_print_lines(r->proto, r->when, MARGIN, out);
    sp_put_byte(out, '\n');
    for (uint32_t i = 0; i < r->nactions; i++) {
        sp_put_fmt(out, "%-12s ", i ? "" : "then");
        print_action(r, &r->actions[i], out);
        sp_put_byte(out, '\n');
    }
    sp_put_fmt(out, "%-12s ", "evaluated if");
    sp_trigger_print(r, out);
    print_cases(r, out);
}
