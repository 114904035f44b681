/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a statement says is looked for only when a rule asks for it. That must change no verdict: statements made of pieces are judged both ways, by rules
 * that ask in every way there is, and what is left for later stands in the text, as rules are told.
 */
#include "base/bits.h"
#include "proto/statement.h"
#include "rule/policy.h"
#include "rule/source.h"
#include "unit.h"

enum { STATEMENTS = 40000, PIECES_MAX = 12, TEXT_MAX = 512 };

static const char *const pieces[] = {
    " ", " ", " ", "(", ")", ",", ";", ".", "SELECT", "select ", " from ", "FROM", " where ", "call ", "EXECUTE ", "drop table ", "DROP", "copy ", "with ",
    "lo_import", "LO_Import", "\"lo_import\"", "\"Lo_Import\"", "\"lo_\"\"import\"", "U&\"lo\\005fimport\"", "u&\"\\006co_import\"", "`lo_import`", "`lo``import`",
    "pg_catalog", "\"pg_catalog\"", "secret", "SECRET", "\"secret\"", "`secret`", "t", "a", "1", "'lo_import'", "'it''s'", "\"", "`", "'", "/*x*/", "/*!50000 secret*/",
    "/*!", "*/", "-- x\n", "#x\n", "$$a$$", "\xc3\xa9", "\x83\x5c", "@v", ":=", "||", "insert into ", "union ", "limit 5", "begin ", "set ", "for ",
};

/* @ is the protocol's name. */
#define GUARD(id, when) "---\nguard: " id "\ntitle: t\nprotocol: @\nwhen: '" when "'\nthen: alert\ncases: [{send: a, expect: alert}, {send: b, expect: pass}]\n"
static const char rules[] =
    GUARD("g0", "@.statement.functions == \"lo_import\"")
    GUARD("g1", "@.statement.functions in {\"pg_catalog.lo_import\", \"t\"}")
    GUARD("g2", "@.statement.tables contains \"secret\"")
    GUARD("g3", "@.statement.kind == \"drop table\" or lower(@.statement.columns) == \"lo_import\"")
    GUARD("g4", "starts_with(@.statement.tables, \"pg_catalog.\") and @.statement.kind == \"select\"")
    GUARD("g5", "any(@.statement.columns matches \"^sec.et$\")")
    GUARD("g6", "ends_with(@.statement.columns, \"_import\") and not (@.statement.kind == \"select\")")
    GUARD("g7", "@.statement.literals == \"lo_import\" and @.statement.functions == \"t\"");
static const char eager_rule[] = GUARD("g8", "not (@.statement.kind in {\"select\", \"insert\"})");

static uint64_t dice = 1;

static unsigned below(unsigned n)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (unsigned)(dice >> 33) % n;
}

static struct sp_policy *policy_of(const char *protocol, bool eager)
{
    struct sp_policy *p = NULL;
    struct sp_ruleset set;
    struct sp_diag diag;
    struct sp_buf text = sp_buf_growing(1 << 16);
    for (int i = 0; i < 1 + eager; i++)
        for (const char *c = i ? eager_rule : rules; *c; c++)
            sp_put(&text, *c == '@' ? sp_span_str(protocol) : sp_span_of(c, 1));
    sp_diag_init(&diag);
    assert_int_equal(sp_ruleset_init(&set), 0);
    if (sp_ruleset_load_text(&set, "rules", sp_buf_span(&text), &diag) < 0 || sp_policy_compile(&set, &diag, &p) < 0)
        fail_msg("%.*s", SP_FMT(sp_buf_span(&diag.text)));
    sp_diag_fini(&diag);
    sp_ruleset_fini(&set);
    sp_buf_fini(&text);
    return p;
}

struct trial {
    const struct sp_proto *proto;
    const struct sp_policy *policy;
    struct sp_matcher *matcher;
    struct sp_sql_mode mode;
    unsigned first;
    struct sp_arena arena;
    struct sp_msg msg;
    struct sp_value values[SP_VALUES_MAX];
    unsigned left, fired;
};

static struct trial t;

static void decode(struct sp_span text, bool whole)
{
    struct sp_sql_facts facts;
    sp_arena_reset(&t.arena);
    t.msg = (struct sp_msg){.dir = SP_C2S, .whole = whole, .unit = text, .want = sp_policy_want(t.policy, t.proto, SP_C2S),
                            .eager = sp_policy_eager(t.policy, t.proto, SP_C2S), .arena = &t.arena, .values = t.values};
    unsigned what = sp_statement_wanted(&t.msg, t.first, text);
    const struct sp_value query = {.field = t.proto->text, .str = text};
    assert_true(sp_want(&t.msg, t.proto->text));
    (void)sp_msg_add(&t.msg, &query);
    if (!what)
        return;
    sp_sql_read(text, t.mode, what, &t.arena, &facts);
    sp_statement_add(&t.msg, t.first, &facts, 0);
}

static bool is_word(uint8_t c)
{
    return sp_is_digit(c) || (uint8_t)(sp_lower(c) - 'a') < 26 || c == '_';
}

/* Every word of every value of what was left for later. */
static void words_stand_in(struct sp_span text, const uint64_t *left)
{
    for (uint32_t i = 0; i < t.msg.nvalues; i++) {
        const struct sp_value *v = &t.msg.values[i];
        if (!sp_bit(left, v->field) || !(t.proto->fields[v->field].flags & SP_F_WORDS))
            continue;
        for (size_t at = 0, end; at < v->str.n; at = end + 1) {
            for (end = at; end < v->str.n && is_word(v->str.p[end]); end++)
                ;
            if (end > at && sp_span_ifind(text, 0, sp_span_sub(v->str, at, end - at)) == SP_NOT_FOUND)
                fail_msg("'%.*s' is not in: %.*s", SP_FMT(v->str), SP_FMT(text));
        }
    }
}

static void judge_both_ways(struct sp_span text)
{
    static struct sp_verdict early, late;
    uint64_t left[SP_FIELD_WORDS], wanted[SP_FIELD_WORDS];
    decode(text, false);
    for (unsigned w = 0; w < SP_FIELD_WORDS; w++)
        left[w] = t.msg.body_fields[w];
    bool some = sp_bits_any(left, SP_FIELDS_MAX), waits = some && sp_policy_gate(t.matcher, t.proto, &t.msg, wanted);
    if (some && !waits)
        sp_policy_judge_gated(t.matcher, &early);
    else if (!some)
        sp_policy_judge(t.matcher, t.proto, &t.msg, &early);
    decode(text, true);
    words_stand_in(text, left);
    sp_policy_judge(t.matcher, t.proto, &t.msg, &late);
    t.left += some && !waits;
    t.fired += late.nhits > 0;
    if (waits)
        return;
    bool same = early.act == late.act && early.nhits == late.nhits;
    for (uint32_t i = 0; same && i < late.nhits; i++)
        same = early.hits[i].rule == late.hits[i].rule;
    if (!same)
        fail_msg("another verdict on: %.*s", SP_FMT(text));
}

static void statements(const char *protocol, const char *first, struct sp_sql_mode mode, bool eager)
{
    t.proto = sp_proto_by_name(sp_span_str(protocol));
    t.first = (unsigned)sp_proto_field(t.proto, sp_span_str(first));
    t.mode = mode;
    struct sp_policy *p = policy_of(protocol, eager);
    t.policy = p;
    t.left = t.fired = 0;
    assert_int_equal(sp_matcher_new(p, &t.matcher), 0);
    for (unsigned i = 0; i < STATEMENTS; i++) {
        uint8_t room[TEXT_MAX];
        struct sp_buf text = sp_buf_fixed(room, sizeof room);
        for (unsigned n = 1 + below(PIECES_MAX); n > 0; n--)
            sp_put_str(&text, pieces[below(sizeof pieces / sizeof *pieces)]);
        judge_both_ways(sp_buf_span(&text));
    }
    print_message("# %s: %u statements, %u left unread, %u with a hit\n", protocol, STATEMENTS, t.left, t.fired);
    assert_true(t.left > STATEMENTS / 100 && t.fired > STATEMENTS / 100);
    sp_matcher_free(t.matcher);
    sp_policy_free(p);
}

static void what_is_left_for_later_changes_no_verdict(void **state)
{
    static const struct sp_sql_mode modes[] = {
        {.dialect = SP_SQL_PGSQL},
        {.dialect = SP_SQL_PGSQL, .flags = SP_SQL_BACKSLASH_ESCAPES},
        {.dialect = SP_SQL_MYSQL, .flags = SP_SQL_BACKSLASH_ESCAPES},
        {.dialect = SP_SQL_MYSQL, .flags = SP_SQL_ANSI_QUOTES | SP_SQL_TRAILING_BYTES, .version = 101106},
    };
    (void)state;
    assert_int_equal(sp_arena_init(&t.arena, 64 << 20), 0);
    for (unsigned eager = 0; eager < 2; eager++) {
        for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++) {
            bool pgsql = modes[i].dialect == SP_SQL_PGSQL;
            statements(pgsql ? "pgsql" : "mysql", pgsql ? "pgsql.statement.kind" : "mysql.statement.kind", modes[i], eager);
        }
    }
    sp_arena_fini(&t.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_left_for_later_changes_no_verdict)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
