/* SPDX-License-Identifier: Apache-2.0 */
/* Every message about a condition or an action, to the letter: what is wrong, where, and what was expected. */
#include <string.h>

#include "load.h"
#include "unit.h"

static const struct { const char *when, *then, *says; } mistakes[] = {
    {"http.request.uri.pth contains \"a\"", "alert",
     "r.yaml:4:3: error: unknown field \"http.request.uri.pth\": did you mean http.request.uri.path?\n"
     "      http.request.uri.pth contains \"a\"\n"
     "      ^~~~~~~~~~~~~~~~~~~~\n"},
    {"http.path contains \"a\"", "alert",
     "r.yaml:4:3: error: unknown field \"http.path\": did you mean http.request.uri.path?\n"
     "      http.path contains \"a\"\n"
     "      ^~~~~~~~~\n"},
    {"nothing.like.it eq 1", "alert",
     "r.yaml:4:3: error: unknown field \"nothing.like.it\": `sallyport fields` lists those of http\n"
     "      nothing.like.it eq 1\n"
     "      ^~~~~~~~~~~~~~~\n"},
    {"http.request.methd eq \"A\" or lenn(http.request.method) > 1 or http.request.method > \"B\"", "alert",
     "r.yaml:4:3: error: unknown field \"http.request.methd\": did you mean http.request.method?\n"
     "      http.request.methd eq \"A\" or lenn(http.request.method) > 1 or http.request.method > \"B\"\n"
     "      ^~~~~~~~~~~~~~~~~~\n"
     "r.yaml:4:32: error: unknown function \"lenn\": did you mean len?\n"
     "      http.request.methd eq \"A\" or lenn(http.request.method) > 1 or http.request.method > \"B\"\n"
     "                                   ^~~~\n"
     "r.yaml:4:85: error: > compares numbers, but what stands before it is a string (len() gives a length, to_number() a value)\n"
     "      http.request.methd eq \"A\" or lenn(http.request.method) > 1 or http.request.method > \"B\"\n"
     "                                                                                        ^\n"},
    {"http.request.method[ \"a\"] eq \"x\"", "alert",
     "r.yaml:4:24: error: http.request.method has no names to index it by\n"
     "      http.request.method[ \"a\"] eq \"x\"\n"
     "                           ^~~\n"},
    {"http.request.headers[x] eq \"x\"", "alert",
     "r.yaml:4:24: error: a name in quotes is expected here, not \"x\"\n"
     "      http.request.headers[x] eq \"x\"\n"
     "                           ^\n"},
    {"http.request.headers[\"x\" eq \"y\"", "alert",
     "r.yaml:4:28: error: ] is expected here, not \"eq\"\n"
     "      http.request.headers[\"x\" eq \"y\"\n"
     "                               ^~\n"},
    {"http.request.method eq 3", "alert",
     "r.yaml:4:23: error: a string is compared with a number\n"
     "      http.request.method eq 3\n"
     "                          ^~\n"},
    {"http.request.method > \"B\"", "alert",
     "r.yaml:4:23: error: > compares numbers, but what stands before it is a string (len() gives a length, to_number() a value)\n"
     "      http.request.method > \"B\"\n"
     "                          ^\n"},
    {"http.request.content_length contains \"1\"", "alert",
     "r.yaml:4:31: error: contains looks into strings, but what stands before it is a number\n"
     "      http.request.content_length contains \"1\"\n"
     "                                  ^~~~~~~~\n"},
    {"http.request.content_length matches \"1\"", "alert",
     "r.yaml:4:31: error: matches looks into strings, but what stands before it is a number\n"
     "      http.request.content_length matches \"1\"\n"
     "                                  ^~~~~~~\n"},
    {"ip.src == \"10.0.0.1\"", "alert",
     "r.yaml:4:10: error: an address is compared with a string\n"
     "      ip.src == \"10.0.0.1\"\n"
     "             ^~\n"},
    {"ip.src in {10.0.0.0/8 \"x\"}", "alert",
     "r.yaml:4:10: error: the set has a string, but what is compared is an address\n"
     "      ip.src in {10.0.0.0/8 \"x\"}\n"
     "             ^~\n"},
    {"http.request.method in {GET POST}", "alert",
     "r.yaml:4:27: error: a string in quotes, a number or an address is expected here, not \"GET\"\n"
     "      http.request.method in {GET POST}\n"
     "                              ^~~\n"},
    {"http.request.method in {}", "alert",
     "r.yaml:4:27: error: a string in quotes, a number or an address is expected here, not \"}\"\n"
     "      http.request.method in {}\n"
     "                              ^\n"},
    {"http.request.method in {\"A\" \"B\"", "alert",
     "r.yaml:4:34: error: another string, number or address, or } is expected behind this\n"
     "      http.request.method in {\"A\" \"B\"\n"
     "                                     ^\n"},
    {"http.request.method in \"A\"", "alert",
     "r.yaml:4:26: error: a set in braces, or $list, is expected here, not \"\"A\"\"\n"
     "      http.request.method in \"A\"\n"
     "                             ^~~\n"},
    {"http.request.method in $metods", "alert",
     "r.yaml:4:26: error: no list is named \"metods\"\n"
     "      http.request.method in $metods\n"
     "                             ^~~~~~~\n"},
    {"len(http.request.uri.path)", "alert",
     "r.yaml:4:3: error: a condition is expected here, this is a number: compare it with something\n"
     "      len(http.request.uri.path)\n"
     "      ^~~\n"},
    {"len(http.request.uri.path) eq", "alert",
     "r.yaml:4:32: error: a field, function or value is expected behind this\n"
     "      len(http.request.uri.path) eq\n"
     "                                   ^\n"},
    {"len(http.request.uri.path, 3) > 1", "alert",
     "r.yaml:4:3: error: len takes 1 argument: len(string) -> number\n"
     "      len(http.request.uri.path, 3) > 1\n"
     "      ^~~\n"},
    {"len(http.request.content_length) > 1", "alert",
     "r.yaml:4:7: error: argument 1 of len is a number, expected a string: len(string) -> number\n"
     "      len(http.request.content_length) > 1\n"
     "          ^~~~~~~~~~~~~~~~~~~~~~~~~~~\n"},
    {"substring(http.request.method, 1, \"2\") eq \"A\"", "alert",
     "r.yaml:4:37: error: argument 3 of substring is a string, expected a number: substring(string, from, to) -> string\n"
     "      substring(http.request.method, 1, \"2\") eq \"A\"\n"
     "                                        ^~~\n"},
    {"count(3) > 1", "alert",
     "r.yaml:4:3: error: count() takes a field\n"
     "      count(3) > 1\n"
     "      ^~~~~\n"},
    {"lower(http.request.method) eq \"Get\"", "alert",
     "r.yaml:4:33: error: lower() leaves no capital letters: this can never hold\n"
     "      lower(http.request.method) eq \"Get\"\n"
     "                                    ^~~~~\n"},
    {"upper(http.request.method) in {\"A\" \"b\"}", "alert",
     "r.yaml:4:38: error: upper() leaves no small letters: this can never hold\n"
     "      upper(http.request.method) in {\"A\" \"b\"}\n"
     "                                         ^~~\n"},
    {"http.request.method contains \"\"", "alert",
     "r.yaml:4:32: error: every string contains the empty one\n"
     "      http.request.method contains \"\"\n"
     "                                   ^~\n"},
    {"\"a\" eq \"b\"", "alert",
     "r.yaml:4:7: error: this compares constants: no field is asked\n"
     "      \"a\" eq \"b\"\n"
     "          ^~\n"},
    {"true", "alert",
     "r.yaml:4:3: error: a condition is expected here, this is a constant\n"
     "      true\n"
     "      ^~~~\n"},
    {"starts_with(\"a\", \"b\")", "alert",
     "r.yaml:4:3: error: a condition is expected here, this is a constant\n"
     "      starts_with(\"a\", \"b\")\n"
     "      ^~~~~~~~~~~\n"},
    {"concat(http.request.uri.args[\"a\"], http.request.uri.args[\"b\"]) contains \"x\"", "alert",
     "r.yaml:4:66: error: only one of the fields compared may have several values\n"
     "      concat(http.request.uri.args[\"a\"], http.request.uri.args[\"b\"]) contains \"x\"\n"
     "                                                                     ^~~~~~~~\n"},
    {"any(http.request.method eq \"A\")", "alert",
     "r.yaml:4:3: error: any() asks a condition of each value of one field that may have several\n"
     "      any(http.request.method eq \"A\")\n"
     "      ^~~\n"},
    {"any(http.request.uri.args contains \"a\" and http.request.cookies contains \"b\")", "alert",
     "r.yaml:4:3: error: any() asks a condition of each value of one field that may have several\n"
     "      any(http.request.uri.args contains \"a\" and http.request.cookies contains \"b\")\n"
     "      ^~~\n"},
    {"http.request.method = \"A\"", "alert",
     "r.yaml:4:23: error: write == or eq\n"
     "      http.request.method = \"A\"\n"
     "                          ^\n"},
    {"http.request.method =~ \"A\"", "alert",
     "r.yaml:4:23: error: write matches\n"
     "      http.request.method =~ \"A\"\n"
     "                          ^\n"},
    {"http.request.method eq 'A'", "alert",
     "r.yaml:4:26: error: strings stand in double quotes\n"
     "      http.request.method eq 'A'\n"
     "                             ^\n"},
    {"http.request.method eq \"A\" & http.request.method eq \"B\"", "alert",
     "r.yaml:4:30: error: write and, or &&\n"
     "      http.request.method eq \"A\" & http.request.method eq \"B\"\n"
     "                                 ^\n"},
    {"http.request.method eq \"A\" | http.request.method eq \"B\"", "alert",
     "r.yaml:4:30: error: write or, or ||\n"
     "      http.request.method eq \"A\" | http.request.method eq \"B\"\n"
     "                                 ^\n"},
    {"http.request.method equals \"A\"", "alert",
     "r.yaml:4:23: error: an operator (and, or, eq, contains, matches, in ...) is expected here, not \"equals\"\n"
     "      http.request.method equals \"A\"\n"
     "                          ^~~~~~\n"},
    {"http.request.method eq \"A\" adn http.request.method eq \"B\"", "alert",
     "r.yaml:4:30: error: an operator (and, or, eq, contains, matches, in ...) is expected here, not \"adn\": did you mean and?\n"
     "      http.request.method eq \"A\" adn http.request.method eq \"B\"\n"
     "                                 ^~~\n"},
    {"http.request.method eq \"A", "alert",
     "r.yaml:4:26: error: the string is not closed\n"
     "      http.request.method eq \"A\n"
     "                             ^\n"},
    {"http.request.method eq \"\\d\"", "alert",
     "r.yaml:4:27: error: unknown escape in a string: use \\\" \\\\ \\n \\r \\t \\0 \\xHH, or r\"...\" for a regular expression\n"
     "      http.request.method eq \"\\d\"\n"
     "                              ^~\n"},
    {"http.request.method eq \"A\" and", "alert",
     "r.yaml:4:33: error: a field, function or value is expected behind this\n"
     "      http.request.method eq \"A\" and\n"
     "                                    ^\n"},
    {"(http.request.method eq \"A\"", "alert",
     "r.yaml:4:30: error: ) is expected behind this\n"
     "      (http.request.method eq \"A\"\n"
     "                                 ^\n"},
    {"http.request.method eq \"A\")", "alert",
     "r.yaml:4:29: error: an operator (and, or, eq, contains, matches, in ...) is expected here, not \")\"\n"
     "      http.request.method eq \"A\")\n"
     "                                ^\n"},
    {"http.request.method eq (http.request.host eq \"A\")", "alert",
     "r.yaml:4:26: error: a value is expected here, not a condition\n"
     "      http.request.method eq (http.request.host eq \"A\")\n"
     "                             ^\n"},
    {"http.request.content_length > 12x", "alert",
     "r.yaml:4:33: error: neither a number (400, 0x1f, 64K, -1) nor an address (10.0.0.0/8, ::1)\n"
     "      http.request.content_length > 12x\n"
     "                                    ^~~\n"},
    {"http.request.content_length > 9223372036854775808", "alert",
     "r.yaml:4:33: error: neither a number (400, 0x1f, 64K, -1) nor an address (10.0.0.0/8, ::1)\n"
     "      http.request.content_length > 9223372036854775808\n"
     "                                    ^~~~~~~~~~~~~~~~~~~\n"},
    {"ip.src == 10.0.0.256", "alert",
     "r.yaml:4:13: error: neither a number (400, 0x1f, 64K, -1) nor an address (10.0.0.0/8, ::1)\n"
     "      ip.src == 10.0.0.256\n"
     "                ^~~~~~~~~~\n"},
    {"ip.src in {10.0.0.0/33}", "alert",
     "r.yaml:4:14: error: neither a number (400, 0x1f, 64K, -1) nor an address (10.0.0.0/8, ::1)\n"
     "      ip.src in {10.0.0.0/33}\n"
     "                 ^~~~~~~~~~~\n"},
    {"http.request.uri.path matches \"a(b\"", "alert",
     "r.yaml:4:35: error: regular expression: Missing close parenthesis for group started here\n"
     "      http.request.uri.path matches \"a(b\"\n"
     "                                      ^\n"},
    {"http.request.uri.path matches r\"(a)\\1\"", "alert",
     "r.yaml:4:38: error: regular expression: back-references need backtracking\n"
     "      http.request.uri.path matches r\"(a)\\1\"\n"
     "                                         ^~\n"},
    {"http.request.uri.path matches \"\\\\d[a-\"", "alert",
     "r.yaml:4:37: error: regular expression: Unterminated character class starting here\n"
     "      http.request.uri.path matches \"\\\\d[a-\"\n"
     "                                        ^\n"},
    {"http.request.uri.path matches \"a(?!b)\"", "alert",
     "r.yaml:4:35: error: regular expression: look-around needs backtracking: write a second `matches`, or `not ... matches`\n"
     "      http.request.uri.path matches \"a(?!b)\"\n"
     "                                      ^~~\n"},
    {"http.request.uri.path matches \"a*+\"", "alert",
     "r.yaml:4:35: error: regular expression: possessive quantifiers have no meaning where nothing backtracks: leave the + out\n"
     "      http.request.uri.path matches \"a*+\"\n"
     "                                      ^~\n"},
    {"http.request.uri.path matches \"(?>a)\"", "alert",
     "r.yaml:4:34: error: regular expression: atomic groups have no meaning where nothing backtracks: write (?:\n"
     "      http.request.uri.path matches \"(?>a)\"\n"
     "                                     ^~~\n"},
    {"http.request.uri.path matches \"a^b\"", "alert",
     "r.yaml:4:35: error: regular expression: ^ is the start of the value: nothing can come before it\n"
     "      http.request.uri.path matches \"a^b\"\n"
     "                                      ^\n"},
    {"http.request.uri.path matches \"a$b\"", "alert",
     "r.yaml:4:35: error: regular expression: $ is the end of the value: nothing can come behind it\n"
     "      http.request.uri.path matches \"a$b\"\n"
     "                                      ^\n"},
    {"http.request.uri.path matches r\"\\Aa\"", "alert",
     "r.yaml:4:35: error: regular expression: write ^ for the start of the value\n"
     "      http.request.uri.path matches r\"\\Aa\"\n"
     "                                      ^~\n"},
    {"http.request.uri.path matches \"a\\\\z\"", "alert",
     "r.yaml:4:35: error: regular expression: write $ for the end of the value\n"
     "      http.request.uri.path matches \"a\\\\z\"\n"
     "                                      ^~~\n"},
    {"http.request.uri.path matches r\"a\\Kb\"", "alert",
     "r.yaml:4:36: error: regular expression: \\K here not supported\n"
     "      http.request.uri.path matches r\"a\\Kb\"\n"
     "                                       ^\n"},
    {"http.request.uri.path matches \"a{3,1}\"", "alert",
     "r.yaml:4:35: error: regular expression: Invalid repeat here\n"
     "      http.request.uri.path matches \"a{3,1}\"\n"
     "                                      ^\n"},
    {"http.request.uri.path matches \"a*\"", "alert",
     "r.yaml:4:33: error: regular expression: it also matches nothing at all, so it would hold for every value\n"
     "      http.request.uri.path matches \"a*\"\n"
     "                                    ^~~~\n"},
    {"http.request.uri.path matches \"\\x00\"", "alert",
     "r.yaml:4:34: error: regular expression: a NUL byte is written \\\\x00, or \\x00 in r\"...\"\n"
     "      http.request.uri.path matches \"\\x00\"\n"
     "                                     ^~~~\n"},
    {"http.request.uri.path matches http.request.host", "alert",
     "r.yaml:4:33: error: matches needs a regular expression in quotes, of at most 4096 bytes\n"
     "      http.request.uri.path matches http.request.host\n"
     "                                    ^~~~~~~~~~~~~~~~~\n"},
    {"http.request.method eq \"A\" and http.response.headers[\"a\"]", "alert",
     "r.yaml:4:3: error: the condition mixes fields of requests and of responses: a rule judges one message\n"
     "      http.request.method eq \"A\" and http.response.headers[\"a\"]\n"
     "      ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\n"},
    {"http.request.method eq \"A\"\n  and http.request.metod eq \"B\"\n\n    or http.request.content_length eq \"ü\"", "alert",
     "r.yaml:5:9: error: unknown field \"http.request.metod\": did you mean http.request.method?\n"
     "        and http.request.metod eq \"B\"\n"
     "            ^~~~~~~~~~~~~~~~~~\n"
     "r.yaml:7:38: error: a number is compared with a string\n"
     "          or http.request.content_length eq \"ü\"\n"
     "                                         ^~\n"},
    {"", "alert",
     "r.yaml:4:1: error: a field, function or value is expected here\n"
     "      \n"
     "    ^\n"},
    {"and", "alert",
     "r.yaml:4:3: error: a field, function or value is expected here, not \"and\"\n"
     "      and\n"
     "      ^~~\n"},
    {"http.request.method eq \"A\"", "refuze",
     "r.yaml:6:3: error: an action is expected: alert, refuse, close, drop, set, remove, truncate, clamp or replace; did you mean refuse?\n"
     "      refuze\n"
     "      ^~~~~~\n"},
    {"http.request.method eq \"A\"", "refuse 200",
     "r.yaml:6:10: error: a refusal's status is between 400 and 599, or a database's error code of four or five digits\n"
     "      refuse 200\n"
     "             ^~~\n"},
    {"http.request.method eq \"A\"", "refuse 403 now",
     "r.yaml:6:14: error: the end of the action is expected here, not \"now\"\n"
     "      refuse 403 now\n"
     "                 ^~~\n"},
    {"http.request.method eq \"A\"", "",
     "r.yaml:6:1: error: an action is expected: alert, refuse, close, drop, set, remove, truncate, clamp or replace\n"
     "      \n"
     "    ^\n"},
    {"http.request.method eq \"A\"", "set http.request.host to \"a\"",
     "r.yaml:6:7: error: http.request.host cannot be corrected\n"
     "      set http.request.host to \"a\"\n"
     "          ^~~~~~~~~~~~~~~~~\n"},
    {"http.request.method eq \"A\"", "set http.request.method",
     "r.yaml:6:26: error: to is expected behind this\n"
     "      set http.request.method\n"
     "                             ^\n"},
    {"http.request.method eq \"A\"", "set http.request.method to 3",
     "r.yaml:6:30: error: http.request.method is a string, its new value is a number\n"
     "      set http.request.method to 3\n"
     "                                 ^\n"},
    {"http.request.method eq \"A\"", "set http.request.method to http.request.host",
     "r.yaml:6:30: error: the new value may be made of no other field than the one it is for\n"
     "      set http.request.method to http.request.host\n"
     "                                 ^~~~~~~~~~~~~~~~~\n"},
    {"http.request.method eq \"A\"", "remove \"x\"",
     "r.yaml:6:10: error: a field is expected here, not \"\"x\"\"\n"
     "      remove \"x\"\n"
     "             ^~~\n"},
    {"http.request.method eq \"A\" and http.request.uri.path contains http.request.method", "replace http.request.uri.path with \"\"",
     "r.yaml:6:11: error: the condition finds no part of http.request.uri.path, by contains or matches, to replace: use set\n"
     "      replace http.request.uri.path with \"\"\n"
     "              ^~~~~~~~~~~~~~~~~~~~~\n"},
    {"http.request.method eq \"A\"", "truncate http.request.method 3",
     "r.yaml:6:32: error: to is expected here, not \"3\"\n"
     "      truncate http.request.method 3\n"
     "                                   ^\n"},
    {"http.request.method eq \"A\"", "truncate http.request.method to -1",
     "r.yaml:6:12: error: a string cannot be truncated to -1 bytes\n"
     "      truncate http.request.method to -1\n"
     "               ^~~~~~~~~~~~~~~~~~~\n"},
    {"http.request.method eq \"A\"", "clamp http.request.method to 1..2",
     "r.yaml:6:9: error: clamp needs a field that is a number, http.request.method is a string\n"
     "      clamp http.request.method to 1..2\n"
     "            ^~~~~~~~~~~~~~~~~~~\n"},
    {"http.request.method eq \"A\"", "set http.response.headers[\"a\"] to \"b\"",
     "r.yaml:6:3: error: the condition reads requests: http.response.headers cannot be corrected in them\n"
     "      set http.response.headers[\"a\"] to \"b\"\n"
     "      ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\n"},
    {"http.request.method eq \"A\"", "alert and refuse",
     "r.yaml:6:9: error: the end of the action is expected here, not \"and\"\n"
     "      alert and refuse\n"
     "            ^~~\n"},
    {"http.request.method eq \"A\"", "set http.request.metod to \"A\"",
     "r.yaml:6:7: error: unknown field \"http.request.metod\": did you mean http.request.method?\n"
     "      set http.request.metod to \"A\"\n"
     "          ^~~~~~~~~~~~~~~~~~\n"},
};

static void mistakes_are_told_where_they_are(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        struct load l;
        load_rule(&l, mistakes[i].when, mistakes[i].then);
        sp_put_byte(&l.diag.text, 0);
        assert_string_equal((const char *)l.diag.text.p, mistakes[i].says);
        assert_int_equal(l.set.nrules, 0);
        assert_true(l.rc < 0 && l.diag.errors > 0);
        load_fini(&l);
    }
}

/* Whatever is cut off a condition, either it loads or something is said. */
static void no_mistake_is_silent(void **state)
{
    (void)state;
    static const char text[] = "not (lower(http.request.headers[\"a\"]) matches r\"^a[b]\\d$\" or ip.src in {10.0.0.0/8 ::1}) and "
                               "all(len(http.request.uri.args[\"a\"]) >= 0x10) and http.request.content_length != -1 xor \"\\x41\" eq http.request.method";
    for (size_t n = 0; n < sizeof text; n++) {
        char cut[sizeof text];
        struct load l;
        memcpy(cut, text, n);
        cut[n] = '\0';
        load_rule(&l, cut, "alert");
        assert_int_equal(l.rc == 0, l.diag.errors == 0);
        assert_int_equal(l.set.nrules, l.rc == 0);
        load_fini(&l);
        load_rule(&l, text + n, "alert");
        assert_int_equal(l.rc == 0, l.diag.errors == 0);
        load_fini(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_are_told_where_they_are),
        cmocka_unit_test(no_mistake_is_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
