/* SPDX-License-Identifier: Apache-2.0 */
/* Rule files: keys, cases, macros and lists, several files, and files that are something else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load.h"
#include "unit.h"

#define RULE(id, when) "guard: " id "\ntitle: t\nwhen: " when "\nthen: alert\n" CASES
#define CASES "cases: [{send: a, expect: alert}, {send: b, expect: pass}]\n"
#define ANY_METHOD "http.request.method"

static const struct { const char *yaml, *says; } mistakes[] = {
    {"- a\n", "r.yaml:1:3: error: a rule is expected here: keys and values, beginning with patch or guard\n    - a\n      ^\n"},
    {"title: t\nwhen: x\n", "r.yaml:1:1: error: a rule begins with `patch: NAME` or `guard: NAME`\n    title: t\n    ^~~~~\n"
                            "r.yaml:2:7: error: unknown field \"x\": `sallyport fields` lists those of http\n    when: x\n          ^\n"},
    {"guard: g\ntitle: t\n" CASES, "r.yaml:1:1: error: a rule needs title, when, then and cases; missing: when, then\n    guard: g\n    ^~~~~\n"},
    {"patch: a b\n", "r.yaml:1:8: error: a name of letters, digits, \"-\", \"_\", \".\" and \"/\" is expected here\n    patch: a b\n           ^~~\n"},
    {"patch: CVE-21-1\n", "r.yaml:1:8: error: a CVE is written CVE-YEAR-NUMBER, like CVE-2021-41773\n    patch: CVE-21-1\n           ^~~~~~~~\n"},
    {"patch: a\nguard: b\n", "r.yaml:2:8: error: a rule is a patch or a guard, not both\n    guard: b\n           ^\n"},
    {"guard: g\ntitel: t\nkev: maybe\nseverity: hi\nprotocol: htp\n",
     "r.yaml:2:1: error: unknown key \"titel\": did you mean title?\n    titel: t\n    ^~~~~\n"
     "r.yaml:3:6: error: kev is true or false\n    kev: maybe\n         ^~~~~\n"
     "r.yaml:4:11: error: severity is one of info, low, medium, high, critical\n    severity: hi\n              ^~\n"
     "r.yaml:5:11: error: unknown protocol: did you mean http?\n    protocol: htp\n              ^~~\n"},
    {"guard: g\naffects: [cpe:2.3:a:b]\nreferences: [example.org]\ntags: [[a]]\ntitle:\n",
     "r.yaml:2:11: error: this is not a CPE 2.3 name, \"cpe:2.3:a:VENDOR:PRODUCT:VERSION:*:*:*:*:*:*:*\"\n    affects: [cpe:2.3:a:b]\n              ^~~~~~~~~~~\n"
     "r.yaml:3:14: error: this is not an https:// or http:// address\n    references: [example.org]\n                 ^~~~~~~~~~~\n"
     "r.yaml:4:9: error: text is expected here\n    tags: [[a]]\n            ^\n"
     "r.yaml:5:1: error: title has no value\n    title:\n    ^~~~~\n"},
    {"guard: &a g\ntitle: *a\n", "r.yaml:2:9: error: a value is expected here; aliases are not supported\n    title: *a\n            ^\n"},
    {"guard: g\ntitle: \"\\e[2J\"\n", "r.yaml:2:9: error: control characters are not allowed here\n    title: \"\\e[2J\"\n            ^~~~~\n"},
    {"guard: g\ntitle: t\nwhen: " ANY_METHOD "\nthen: alert\ncases: []\n",
     "r.yaml:5:1: error: a rule proves itself by at least one case that it stops and one that it passes: add one with expect: refuse (or alert, correct ...)\n    cases: []\n    ^~~~~\n"},
    {"guard: g\ntitle: t\nwhen: " ANY_METHOD "\nthen: alert\ncases: [{send: a, expect: alert}]\n",
     "r.yaml:5:10: error: a rule proves itself by at least one case that it stops and one that it passes: add one with expect: pass\n    cases: [{send: a, expect: alert}]\n             ^~~~\n"},
    {"guard: g\ntitle: t\nwhen: " ANY_METHOD "\nthen: []\n" CASES, "r.yaml:4:1: error: an action is expected here\n    then: []\n    ^~~~\n"},
    {"guard: g\ntitle: t\nwhen: " ANY_METHOD "\nthen: [refuse, set http.request.method to \"A\"]\n" CASES,
     "r.yaml:4:16: error: several actions must all be corrections: a message has one verdict\n    then: [refuse, set http.request.method to \"A\"]\n"
     "                   ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\n"},
    {"guard: g\ntitle: t\nwhen: " ANY_METHOD "\nthen: alert\ncases:\n  - {snd: a, expect: alert}\n  - {send: a, expect: alrt}\n  - {send: a}\n  - b\n  - {send: a, request: b, expect: pass}\n"
     "  - {send_base64: a$, expect: pass}\n  - {send: a, at: Sun 24:00, expect: pass}\n  - {send: a, at: eSu 03:00, expect: pass}\n",
     "r.yaml:6:6: error: unknown key \"snd\": did you mean send?\n      - {snd: a, expect: alert}\n         ^~~\n"
     "r.yaml:7:23: error: expect is one of pass, alert, correct, refuse, drop, close\n      - {send: a, expect: alrt}\n                          ^~~~\n"
     "r.yaml:8:6: error: a case needs what is sent (send, send_base64 or request), or a reply of a server that speaks first, and expect\n      - {send: a}\n         ^~~~\n"
     "r.yaml:9:5: error: a case is {send: ..., expect: ...}\n      - b\n        ^\n"
     "r.yaml:10:15: error: what is sent is given already\n      - {send: a, request: b, expect: pass}\n                  ^~~~~~~\n"
     "r.yaml:11:19: error: this is not base64\n      - {send_base64: a$, expect: pass}\n                      ^~\n"
     "r.yaml:12:19: error: a time is written \"Sun 03:00\"\n      - {send: a, at: Sun 24:00, expect: pass}\n                      ^~~~~~~~~\n"
     "r.yaml:13:19: error: a time is written \"Sun 03:00\"\n      - {send: a, at: eSu 03:00, expect: pass}\n                      ^~~~~~~~~\n"},
    {RULE("g", ANY_METHOD) "---\n" RULE("g", ANY_METHOD), "r.yaml:7: error: g is defined already, at r.yaml:1\n"},
    {"macros: {a: b}\npatch: x\n", "r.yaml:2:1: error: macros and lists stand in a document of their own: put --- before the rule\n    patch: x\n    ^~~~~\n"},
    {"macros:\n  len: a\n  a b: c\n  x: y\nlists:\n  l: a\n  m: []\nlist: 1\n",
     "r.yaml:2:3: error: len is a field or function already\n      len: a\n      ^~~\n"
     "r.yaml:3:3: error: a name of letters, digits, \"_\" and \".\" is expected here\n      a b: c\n      ^~~\n"
     "r.yaml:6:6: error: a list of strings, numbers or addresses is expected here\n      l: a\n         ^\n"
     "r.yaml:7:3: error: a list of strings, numbers or addresses is expected here\n      m: []\n      ^\n"
     "r.yaml:8:1: error: unknown key \"list\": did you mean lists?\n    list: 1\n    ^~~~\n"},
    {"macros: {a: b, b: a}\n---\n" RULE("g", "a") "---\n" RULE("h", "b"),
     "r.yaml:1:19: error: \"a\" is defined by itself\n    macros: {a: b, b: a}\n                      ^\n"},
    {"macros: {odd: http.request.methd}\n---\n" RULE("g", "odd and od") "---\n" RULE("h", "not odd"),
     "r.yaml:1:15: error: unknown field \"http.request.methd\": did you mean http.request.method?\n    macros: {odd: http.request.methd}\n                  ^~~~~~~~~~~~~~~~~~\n"
     "r.yaml:5:15: error: unknown field \"od\": did you mean odd?\n    when: odd and od\n                  ^~\n"},
    {"lists: {l: [1]}\n---\n" RULE("g", ANY_METHOD " in $l or " ANY_METHOD " in $ll"),
     "r.yaml:5:27: error: the set has a number, but what is compared is a string\n    when: http.request.method in $l or http.request.method in $ll\n                              ^~\n"
     "r.yaml:5:59: error: no list is named \"ll\": did you mean $l?\n    when: http.request.method in $l or http.request.method in $ll\n                                                              ^~~\n"},
    {"guard: [\n", "r.yaml:2:1: error: YAML: flow sequence without a closing bracket\n"},
    {"guard: a\nguard: b\n", "r.yaml:2:1: error: YAML: duplicate key\n    guard: b\n    ^\n"},
    {"guard: \xff\n", "r.yaml:1:8: error: this is no UTF-8 text: byte 0xff\n"},
    {"guard: \xed\xa0\x80\n", "r.yaml:1:8: error: this is no UTF-8 text: byte 0xed\n"},
    {"guard: a\n\x1b: b\n", "r.yaml:2:1: error: this is no UTF-8 text: byte 0x1b\n"},
};

static void mistakes_are_told_where_they_are(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        struct load l;
        load_rules(&l, sp_span_str(mistakes[i].yaml));
        sp_put_byte(&l.diag.text, 0);
        assert_string_equal((const char *)l.diag.text.p, mistakes[i].says);
        assert_int_equal(l.set.nrules, 0);
        assert_true(l.rc < 0);
        load_fini(&l);
    }
}

/* The same mistake, in every way to write a scalar: each points at the same word. */
static void places_are_found_in_every_scalar(void **state)
{
    (void)state;
    static const struct { const char *when; unsigned line, col; } scalars[] = {
        {"when: http.request.method eq \"a\" and bad\n", 3, 38},
        {"when: |\n  http.request.method eq \"a\"\n\n    and bad\n", 6, 9},
        {"when: >-\n  http.request.method eq \"a\"\n\n  and bad\n", 6, 7},
        {"when: http.request.method\n  eq \"a\" and\n  bad\n", 5, 3},
        {"when: 'http.request.method eq \"it''s\"\n   and bad'\n", 4, 8},
        {"when: \"http.request.method eq \\\"\\\\x41\\u00fc\\x41\\\"\\n\\\n  \\tand bad\"\n", 4, 9},
        {"when:\n  \"http.request.method eq \\\"\\u263a\\U0001f600\\\" and bad\"\n", 4, 52},
        {"when: &anchor bad\n", 3, 15},
        {"{when: bad}\n", 0, 0},
    };
    for (size_t i = 0; scalars[i].line; i++) {
        struct load l;
        char place[64];
        struct sp_buf yaml = sp_buf_growing(1 << 16);
        sp_put_fmt(&yaml, "guard: g\ntitle: t\n%sthen: alert\n" CASES, scalars[i].when);
        load_rules(&l, sp_buf_span(&yaml));
        snprintf(place, sizeof place, "r.yaml:%u:%u: error: unknown field \"bad\"", scalars[i].line, scalars[i].col);
        if (!sp_span_starts(sp_buf_span(&l.diag.text), sp_span_str(place)))
            fail_msg("%s expected, but: %.*s", place, SP_FMT(sp_buf_span(&l.diag.text)));
        load_fini(&l);
        sp_buf_fini(&yaml);
    }
}

static void keys_become_a_rule(void **state)
{
    (void)state;
    struct load l;
    load_rules(&l, SP_LIT("# nothing\n---\npatch: CVE-2021-41773-b\ntitle: t\ndescription: >\n  d\n  e\naffects: ['cpe:2.3:a:b\\:c:d:1:*:*:*:*:*:*:*']\nseverity: critical\nkev: true\n"
                          "protocol: http\nreferences: [https://example.org/]\ntags: [CWE-22, CWE-23]\npatched: p\nwhen: http.response.status == 200\n"
                          "then:\n  - set http.response.status to 404\n  - remove http.response.headers[\"X\"]\n"
                          "cases: [{send: a, reply: b, expect: correct, title: x}, {send_base64: AAE=, expect: pass}]\n"
                          "---\nguard: g\ntitle: t\nreferences: [https://nvd.nist.gov/vuln/detail/CVE-2020-1234]\nwhen: http.request.method\nthen: refuse 451\n" CASES));
    assert_int_equal(l.rc, 0);
    assert_int_equal(l.set.nrules, 2);
    const struct sp_rule *r = l.set.rules[0];
    assert_span(r->id, "CVE-2021-41773-b");
    assert_span(r->cve, "CVE-2021-41773");
    assert_span(r->description, "d e\n");
    assert_span(r->affects[0], "cpe:2.3:a:b\\:c:d:1:*:*:*:*:*:*:*");
    assert_true(!r->guard && r->kev && r->severity == SP_SEV_CRITICAL && r->dir == SP_S2C && r->line == 3);
    assert_int_equal(r->ntags, 2);
    assert_int_equal(r->nactions, 2);
    assert_int_equal(r->actions[0].value->num, 404);
    assert_span(r->actions[1].target->str, "x");
    assert_span(r->cases[0].reply, "b");
    assert_memory_equal(r->cases[1].send.p, "\0\1", 2);
    r = l.set.rules[1];
    assert_true(r->guard && r->severity == SP_SEV_MEDIUM && r->dir == SP_C2S && r->actions[0].status == 451);
    assert_span(r->cve, "CVE-2020-1234");
    load_fini(&l);
}

static void cases_hold_exact_bytes(void **state)
{
    (void)state;
    struct load l;
    load_rules(&l, SP_LIT("guard: g\ntitle: t\nwhen: http.request.method\nthen: alert\ncases:\n"
                          "  - {send: \"A\\r\\n\\x00\\t\\u00fc\", expect: alert}\n"
                          "  - request: |\n      GET / HTTP/1.1\n      Host: a\n    expect: pass\n"
                          "  - request: |\n      POST / HTTP/1.1\n      content-length: AUTO\n\n      a=1\n      b=2\n    becomes_request: |\n      X\n\n    expect: pass\n"));
    assert_int_equal(l.rc, 0);
    const struct sp_case *c = l.set.rules[0]->cases;
    assert_span(c[0].send, "A\r\n\0\t\xc3\xbc");
    assert_span(c[1].send, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_span(c[2].send, "POST / HTTP/1.1\r\nContent-Length: 8\r\n\r\na=1\r\nb=2");
    assert_span(c[2].becomes, "X\r\n\r\n");
    assert_int_equal(c[1].line, 7);
    load_fini(&l);
}

static void macros_and_lists_stand_for_their_text(void **state)
{
    (void)state;
    struct load l;
    struct sp_buf out = sp_buf_growing(1 << 16);
    load_rules(&l, SP_LIT(RULE("g", "write and not quiet and http.request.content_length in $sizes and ip.src in $nets")
                          "---\nmacros:\n  write: http.request.method in $methods\n  quiet: http.request.method eq \"A\" or write\n"
                          "lists:\n  methods: [POST, \"0x1\", 'a\"\\b']\n  sizes: [1, 0x10, 2K]\n  nets: [10.0.0.0/8, ::1]\n"));
    assert_int_equal(l.rc, 0);
    sp_expr_print(l.set.rules[0]->proto, l.set.rules[0]->when, &out);
    assert_span(sp_buf_span(&out), "http.request.method in {\"POST\" \"0x1\" \"a\\\"\\\\b\"} and not (http.request.method == \"A\" or http.request.method in {\"POST\" \"0x1\" \"a\\\"\\\\b\"}) "
                                   "and http.request.content_length in {1 16 2048} and ip.src in {10.0.0.0/8 ::1/128}");
    sp_buf_fini(&out);
    load_fini(&l);
}

/* Doubling macros would make a condition of 2^60 parts. */
static void macros_cannot_explode(void **state)
{
    (void)state;
    struct load l;
    struct sp_buf yaml = sp_buf_growing(1 << 16);
    sp_put_str(&yaml, "macros:\n  m0: http.request.method\n");
    for (int i = 1; i < 60; i++)
        sp_put_fmt(&yaml, "  m%d: m%d or m%d\n", i, i - 1, i - 1);
    sp_put_str(&yaml, "---\n" RULE("g", "m59") "---\n" RULE("h", "m14"));
    load_rules(&l, sp_buf_span(&yaml));
    assert_true(l.rc < 0);
    assert_int_equal(l.diag.errors, 2);
    load_fini(&l);
    sp_buf_fini(&yaml);
}

static void repeated(const char *before, const char *what, size_t n, const char *after)
{
    struct load l;
    struct sp_buf yaml = sp_buf_growing(16 << 20);
    sp_put_str(&yaml, before);
    for (size_t i = 0; i < n; i++)
        sp_put_str(&yaml, what);
    sp_put_str(&yaml, after);
    assert_false(yaml.full);
    load_rules(&l, sp_buf_span(&yaml));
    assert_true(l.rc < 0 && l.diag.errors > 0);
    assert_true(l.diag.text.n < 1 << 17);
    load_fini(&l);
    sp_buf_fini(&yaml);
}

static void hostile_files_are_refused_in_time(void **state)
{
    (void)state;
    repeated("", "[", 100000, "");
    repeated("", "gaurd: g\n---\n", 20000, "");
    repeated("guard: g\nwhen: '", "(", 60000, "'\n");
    repeated("guard: g\nwhen: '", "(", 100000, "'\n");
    repeated("guard: g\nwhen: '", "not ", 15000, "'\n");
    repeated("guard: g\nwhen: '\"a\" in {", "\"a\" ", 10000, "}'\n");
    repeated("guard: g\nwhen: 'http.request.method matches \"", "(a", 2000, "\"'\n");
    repeated("guard: g\ntags: [", "a, ", 1000, "a]\n");
    repeated("guard: g\nthen: [", "alert, ", 1000, "alert]\n");
    repeated("macros:\n", "  a: b\n", 2, "");
    repeated("a: &a [b]\nc: [", "*a, ", 10000, "*a]\n");
}

/* ---- several files ---- */

static char directory[] = "/tmp/rules-XXXXXX";

static void write_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void load_directory(struct load *l)
{
    assert_int_equal(sp_ruleset_init(&l->set), 0);
    sp_diag_init(&l->diag);
    l->rc = sp_ruleset_load(&l->set, directory, &l->diag);
}

static void files_share_macros_and_fail_alone(void **state)
{
    (void)state;
    char below[128], path[128];
    struct load l;
    assert_non_null(mkdtemp(directory));
    snprintf(below, sizeof below, "%s/b", directory);
    assert_int_equal(mkdir(below, 0700), 0);
    write_file("a.yaml", RULE("one", "shared"));
    write_file("b/c.yml", RULE("two", "shared"));
    write_file("z.yaml", "macros: {shared: http.request.method}\n");
    write_file("notes.txt", "not: [yaml\n");
    write_file("empty.yaml", "");
    load_directory(&l);
    assert_int_equal(l.rc, 0);
    assert_int_equal(l.set.nrules, 2);
    assert_span(l.set.rules[1]->id, "two");
    load_fini(&l);

    write_file("b/bad.yaml", "macros: [\n");
    write_file("b/d.yaml", RULE("two", "shared") "---\n" RULE("three", "shared"));
    write_file("e.yaml", RULE("four", "shared"));
    load_directory(&l);
    assert_true(l.rc < 0);
    assert_int_equal(l.diag.errors, 2);
    assert_int_equal(l.set.nrules, 3); /* one, two, four: nothing of a file with mistakes */
    load_fini(&l);

    static const char *const files[] = {"a.yaml", "b/c.yml", "z.yaml", "notes.txt", "empty.yaml", "b/bad.yaml", "b/d.yaml", "e.yaml"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, files[i]);
        unlink(path);
    }
    rmdir(below);
    rmdir(directory);
    load_directory(&l);
    assert_true(l.rc < 0 && l.diag.errors == 1);
    load_fini(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_are_told_where_they_are),
        cmocka_unit_test(places_are_found_in_every_scalar),
        cmocka_unit_test(keys_become_a_rule),
        cmocka_unit_test(cases_hold_exact_bytes),
        cmocka_unit_test(macros_and_lists_stand_for_their_text),
        cmocka_unit_test(macros_cannot_explode),
        cmocka_unit_test(hostile_files_are_refused_in_time),
        cmocka_unit_test(files_share_macros_and_fail_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
