/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work grows with the length of the input and no faster, whatever the input. It is counted, not timed: the languages and base/ are compiled here
 * so that every branch taken calls __sanitizer_cov_trace_pc, and searches of the C library count the bytes they pass.
 */
#include <string.h>

#include "reads.h"

enum linear_limits {
    SHORT = 8 << 10,
    FACTOR = 16,         /* the long input is so many times as long */
    SLACK = 2,           /* and takes at most this much more than so many times the work */
    SEARCHED_PER_STEP = 16, /* bytes that a search passes in the time of a branch */
};

static uint64_t steps;

void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
    steps++;
}

void *__real_memchr(const void *s, int c, size_t n);
void *__wrap_memchr(const void *s, int c, size_t n);
void *__wrap_memchr(const void *s, int c, size_t n)
{
    const uint8_t *found = __real_memchr(s, c, n);
    steps += (found ? (size_t)(found - (const uint8_t *)s) : n) / SEARCHED_PER_STEP;
    return (void *)found;
}

void *__real_memmem(const void *s, size_t n, const void *needle, size_t needle_n);
void *__wrap_memmem(const void *s, size_t n, const void *needle, size_t needle_n);
void *__wrap_memmem(const void *s, size_t n, const void *needle, size_t needle_n)
{
    const uint8_t *found = __real_memmem(s, n, needle, needle_n);
    steps += (found ? (size_t)(found - (const uint8_t *)s) : n) / SEARCHED_PER_STEP;
    return (void *)found;
}

/* ---- readers: all there is to get ---- */

static void url(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    (void)out;
    sp_url_decode(in, SP_URL_PLUS, a);
}

static void path(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    (void)out;
    sp_path_climbs(in);
    sp_path_dotdot(in);
    sp_path_normalize(in, a);
    sp_path_extension(in);
}

static void form(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    (void)out;
    struct sp_pair p;
    sp_form_php_name(in, a);
    for (size_t at = 0; sp_form_next(in, &at, &p);)
        sp_form_php_name(p.name, a);
    for (size_t at = 0; sp_cookie_next(in, &at, &p);)
        ;
    struct sp_span value;
    sp_cookie_quoted(in, true, a, &value);
}

static void param(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    (void)out;
    struct sp_pair p;
    for (size_t at = 0; sp_param_next(in, &at, a, &p);)
        ;
}

static void multipart(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    (void)out;
    struct sp_part p;
    for (size_t at = 0; sp_multipart_next(in, SP_LIT("b"), &at, a, &p) == SP_PART_ONE;)
        ;
}

static void json(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    (void)out;
    struct sp_json j = {.in = in, .arena = a, .lenient = true};
    struct sp_json_item item;
    do
        sp_json_next(&j, &item);
    while (item.kind != SP_JSON_END && item.kind != SP_JSON_BROKEN);
}

static void xml(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    (void)out;
    struct sp_xml x;
    struct sp_xml_item item;
    sp_xml_start(&x, in, a);
    do
        sp_xml_next(&x, &item);
    while (item.kind != SP_XML_END && item.kind != SP_XML_BROKEN);
}

static void base64(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    (void)out;
    sp_base64_lenient(in, a);
}

static void html(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    (void)out;
    sp_text_html_decode(in, a);
}

static void lookup(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    (void)out;
    sp_lookup_resolve(in, a);
}

/* ---- inputs: a start, something over and over, an end ---- */

struct shape {
    const char *start, *again, *end;
};

static const struct shape shapes[] = {
    {"", "a", ""}, {"", " ", ""}, {"", "\n", ""}, {"", "\xc3", ""},
    {"", "%", ""}, {"", "%u", ""}, {"", "%u00", ""}, {"", "%41", ""}, {"", "\xc0\xae", ""}, {"", "\xf0\x80\x80", ""}, {"", "+", ""},
    {"", "/", ""}, {"", "../", ""}, {"", "a/../", ""}, {"", ";", ""}, {"", "..;/", ""}, {"a", ". ", ""}, {"a", "::$DATA", ""}, {"", "a.", ""},
    {"", "&", ""}, {"", "=", ""}, {"", "a=b&", ""}, {"", "\"", ""}, {"", "a=\"", ""}, {"", "a=\"\\", ""}, {"", ";a*=''%", ""}, {"a=\"", "\\\"", ""},
    {"", "--b", ""}, {"", "\n--b", ""}, {"", "--b\n", ""}, {"", "--b\n\n", ""}, {"", "--b--\n", ""}, {"", "--b\nA:b\n\nx\n", ""},
    {"--b\n", "A: b\n", ""}, {"--b\nA: b\n", " c\n", ""}, {"--b\n", "a", ""}, {"--b\n\n", "\r", ""}, {"--b\n\n", "\n-", ""},
    {"--b\n\n", "\n--", ""}, {"--b--", "\n--bb", ""}, {"--b\nContent-Disposition: x;", "name=\"a\";", "\n\n"},
    {"--b\nContent-Disposition: x; name=\"", "%22", "\"\n\n"},
    {"", "[", ""}, {"", "{\"a\":", ""}, {"", "[1,", ""}, {"[", "1,", "1]"}, {"[", "[],", "1]"}, {"{", "\"a\":1,", "\"a\":1}"}, {"\"", "\\", ""},
    {"\"", "\\\\", "\""}, {"\"", "\\u0041", "\""}, {"\"", "\\ud800", "\""}, {"", "\"", ""}, {"", "\"\\n", ""}, {"", "\"\\n\" ", ""}, {"", "1 ", ""},
    {"", "1", ""}, {"{\"", "k", "\":[1,1,1,1]}"}, {"{\"a\":[", "\"\\n\",", "1]}"},
    {"", "'", ""}, {"'", "\\'", "'"}, {"", "/*", ""}, {"", "/**/", ""}, {"", "//", ""}, {"#", "\r", ""}, {"{", "a:b,", ""}, {"{", "a b ", ""}, {"{", "a/**/", ""},
    {"[", ",", ""}, {"[", ",a", ""}, {"", "\\x41", ""}, {"{", "[]", ""}, {"", "a[]", ""}, {"", "a[b", ""}, {"a=\"", "\\1", "\""},
    {"", "<", ""}, {"", "<!--", ""}, {"", "<!-->", ""}, {"", "<!---->", ""}, {"", "<![CDATA[", ""}, {"", "<![CDATA[]]>", ""}, {"", "<?", ""},
    {"", "<?" "?>", ""}, {"", "a<!---->", ""}, {"", "<a>", ""}, {"", "<a>b", ""}, {"", "</a>", ""}, {"", "</", ""}, {"", "<a ", ""}, {"<a ", "b='", ""},
    {"<a ", "b='' ", "/>"}, {"", "<a b='", ""}, {"<a b='", "&", "'/>"}, {"", "&#", ""}, {"", "&#x", ""}, {"&#", "0", "60;"}, {"", "&lt", ""},
    {"", "&lt;", ""}, {"", "&aaaaaaaaaaaaaaaaaaaa", ""}, {"", "]]>", ""}, {"<a>", "<b/>x", "</a>"},
    {"", "<!DOCTYPE ", ""}, {"", "<!DOCTYPE a>", ""}, {"", "<!DOCTYPE a [", ""}, {"<!DOCTYPE a [", "<!ENTITY x 'y'>", "]>"},
    {"<!DOCTYPE a [", "<!ENTITY ", "]>"}, {"<!DOCTYPE a [", "<!ENTITY x '", "]>"}, {"<!DOCTYPE a [", "\"<!ENTITY x '\"", "]>"},
    {"<!DOCTYPE a [", "<", "]>"}, {"<!DOCTYPE a [", "<!--", ""}, {"<!DOCTYPE a [", "<?", ""}, {"<!DOCTYPE a [", "[", ""}, {"<!DOCTYPE a ", "'", ""},
    {"<!DOCTYPE a [<!ENTITY e 'x'>]><a>", "&e;", "</a>"}, {"<!DOCTYPE a [<!ENTITY e 'x'>]><a>", "&", "</a>"},
    {"<!DOCTYPE a [<!ENTITY e '", "&#65;", "'>]><a>&e;</a>"}, {"<!DOCTYPE a [<!ENTITY e '&f;'><!ENTITY f 'y'>]><a ", "b='&e;' ", "/>"},
    {"<?xml ", "encoding", ""}, {"<?xml ", "encoding=", "?>"}, {"<?xml encoding=", "a", "?>"},
    {"", "YWJj", ""}, {"", "=", ""}, {"YW", "\n", ""},
    {"", "${", ""}, {"", "$", ""}, {"", "${lower:X}", ""}, {"", "${lower:", ""}, {"", "${::-x}", ""}, {"", "${date:'", ""}, {"${date:", "'x'", "}"},
    {"${", "${jndi:x}", "}"}, {"${lower:", "${lower:X}", "}"}, {"", "}", ""}, {"${", ":-", "}"},
};

static struct sp_span made(const struct shape *s, size_t n)
{
    static uint8_t room[SHORT * FACTOR];
    struct sp_buf out = sp_buf_fixed(room, n - strlen(s->end));
    sp_put_str(&out, s->start);
    size_t more = strlen(s->again);
    while (out.cap - out.n >= more)
        sp_put_str(&out, s->again);
    out.cap = out.max = n;
    sp_put_str(&out, s->end);
    return sp_buf_span(&out);
}

static uint64_t work(reader *read, const struct shape *s, size_t n)
{
    struct sp_span in = made(s, n);
    steps = 0;
    reads_as(read, in);
    return steps;
}

static void work_grows_with_the_length(void **state)
{
    (void)state;
    static const struct { const char *name; reader *read; } readers[] = {
        {"url", url}, {"path", path}, {"form", form}, {"param", param}, {"multipart", multipart}, {"json", json}, {"xml", xml}, {"base64", base64},
        {"html", html}, {"lookup", lookup}};
    for (size_t r = 0; r < sizeof readers / sizeof *readers; r++) {
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            uint64_t few = work(readers[r].read, &shapes[i], SHORT), many = work(readers[r].read, &shapes[i], SHORT * FACTOR);
            if (many > (few + SHORT) * FACTOR * SLACK)
                fail_msg("%s of \"%s%s...%s\": %llu steps, and %llu when it is %d times as long", readers[r].name, shapes[i].start, shapes[i].again,
                         shapes[i].end, (unsigned long long)few, (unsigned long long)many, FACTOR);
        }
    }
}

/* Something that reads from the start again for every byte: the test would see it. */
static void again_and_again(struct sp_span in, struct sp_arena *a, struct sp_buf *out)
{
    for (size_t n = 0; n < in.n; n++)
        url(sp_span_sub(in, 0, n), a, out);
}

static void work_that_grows_faster_is_seen(void **state)
{
    (void)state;
    uint64_t few = work(again_and_again, shapes, SHORT / 8), many = work(again_and_again, shapes, SHORT / 8 * FACTOR);
    assert_true(few > SHORT / 8);
    assert_true(many > (few + SHORT / 8) * FACTOR * SLACK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_that_grows_faster_is_seen),
        cmocka_unit_test(work_grows_with_the_length),
    };
    return reads_group(tests);
}
