/* SPDX-License-Identifier: Apache-2.0 */
/* func: the functions of the rule language: one row makes one usable in every rule, on the reference page and in a test. */
#include "lang/lang.h"
#include "rule/ast.h"

static const struct sp_fval ABSENT = {.absent = true};

static struct sp_fval str(struct sp_span s)
{
    return (struct sp_fval){.str = s};
}

static struct sp_fval num(int64_t n)
{
    return (struct sp_fval){.num = n};
}

static struct sp_fval f_len(const struct sp_fval *v, struct sp_arena *a) { (void)a; return num((int64_t)v[0].str.n); }
static struct sp_fval f_lower(const struct sp_fval *v, struct sp_arena *a) { return str(sp_text_lower(v[0].str, a)); }
static struct sp_fval f_upper(const struct sp_fval *v, struct sp_arena *a) { return str(sp_text_upper(v[0].str, a)); }
static struct sp_fval f_trim(const struct sp_fval *v, struct sp_arena *a) { (void)a; return str(sp_span_trim(v[0].str)); }
static struct sp_fval f_starts(const struct sp_fval *v, struct sp_arena *a) { (void)a; return num(sp_span_starts(v[0].str, v[1].str)); }
static struct sp_fval f_ends(const struct sp_fval *v, struct sp_arena *a) { (void)a; return num(sp_span_ends(v[0].str, v[1].str)); }

static struct sp_fval f_substring(const struct sp_fval *v, struct sp_arena *a)
{
    (void)a;
    int64_t from = v[1].num, to = v[2].num;
    return from < 0 || to < from ? ABSENT : str(sp_span_sub(v[0].str, (size_t)from, (size_t)(to - from)));
}

static struct sp_fval f_concat(const struct sp_fval *v, struct sp_arena *a)
{
    struct sp_buf out = sp_buf_arena(a, v[0].str.n + v[1].str.n);
    sp_put(&out, v[0].str);
    sp_put(&out, v[1].str);
    return out.full ? ABSENT : str(sp_buf_done(&out, a));
}

static struct sp_fval f_base64(const struct sp_fval *v, struct sp_arena *a)
{
    struct sp_span out;
    return sp_base64_decode(v[0].str, a, &out) ? str(out) : ABSENT;
}

static struct sp_fval f_url(const struct sp_fval *v, struct sp_arena *a) { return str(sp_url_decode(v[0].str, 0, a)); }
static struct sp_fval f_html(const struct sp_fval *v, struct sp_arena *a) { return str(sp_text_html_decode(v[0].str, a)); }

static struct sp_fval f_hex(const struct sp_fval *v, struct sp_arena *a)
{
    struct sp_span in = v[0].str;
    struct sp_buf out = sp_buf_arena(a, in.n / 2);
    for (size_t i = 0; i + 1 < in.n; i += 2) {
        int high = sp_hex(in.p[i]), low = sp_hex(in.p[i + 1]);
        if (high < 0 || low < 0)
            return ABSENT;
        sp_put_byte(&out, (uint8_t)(high << 4 | low));
    }
    return in.n % 2 || out.full ? ABSENT : str(sp_buf_done(&out, a));
}

static struct sp_fval f_number(const struct sp_fval *v, struct sp_arena *a)
{
    (void)a;
    struct sp_span s = sp_span_trim(v[0].str);
    bool minus = sp_span_at(s, 0) == '-';
    uint64_t n;
    if (!sp_span_u64(sp_span_from(s, minus), &n) || n > INT64_MAX)
        return ABSENT;
    return num(minus ? -(int64_t)n : (int64_t)n);
}

static struct sp_fval f_controls(const struct sp_fval *v, struct sp_arena *a)
{
    (void)a;
    size_t cr;
    bool any = sp_span_controls(v[0].str, &cr) || cr || sp_span_byte(v[0].str, 0, '\n') != SP_NOT_FOUND;
    return num(any);
}

static struct sp_fval f_count_of(const struct sp_fval *v, struct sp_arena *a)
{
    (void)a;
    int64_t n = 0;
    if (v[1].str.n == 0)
        return ABSENT;
    for (size_t at = 0; (at = sp_span_find(v[0].str, at, v[1].str)) != SP_NOT_FOUND; at += v[1].str.n)
        n++;
    return num(n);
}

static struct sp_fval f_lookup(const struct sp_fval *v, struct sp_arena *a) { return str(sp_lookup_resolve(v[0].str, a)); }
static struct sp_fval f_climbs(const struct sp_fval *v, struct sp_arena *a) { (void)a; return num(sp_path_climbs(v[0].str)); }
static struct sp_fval f_dotdot(const struct sp_fval *v, struct sp_arena *a) { (void)a; return num(sp_path_dotdot(v[0].str)); }
static struct sp_fval f_normalize(const struct sp_fval *v, struct sp_arena *a) { return str(sp_path_normalize(v[0].str, a)); }
static struct sp_fval f_extension(const struct sp_fval *v, struct sp_arena *a) { (void)a; return str(sp_path_extension(v[0].str)); }
static struct sp_fval f_basename(const struct sp_fval *v, struct sp_arena *a) { (void)a; return str(sp_path_basename(v[0].str)); }

#define S SP_STR
#define N SP_NUM
#define B SP_BOOL
/* clang-format off */
const struct sp_func sp_funcs[] = {
    {"len", "len(string) -> number", "Length in bytes.", "len(\"abc\") == 3", N, 1, {S}, f_len},
    {"lower", "lower(string) -> string", "ASCII letters made small.", "lower(\"AbC\") eq \"abc\"", S, 1, {S}, f_lower},
    {"upper", "upper(string) -> string", "ASCII letters made capital.", "upper(\"aBc\") eq \"ABC\"", S, 1, {S}, f_upper},
    {"trim", "trim(string) -> string", "Without outer blanks and tabs.", "trim(\" a \") eq \"a\"", S, 1, {S}, f_trim},
    {"starts_with", "starts_with(string, string) -> bool", "Does the first begin with the second?", "starts_with(\"/admin/x\", \"/admin/\")", B, 2, {S, S}, f_starts},
    {"ends_with", "ends_with(string, string) -> bool", "Does the first end with the second?", "ends_with(\"a.php\", \".php\")", B, 2, {S, S}, f_ends},
    {"substring", "substring(string, from, to) -> string", "Bytes from position `from` up to, not including, `to`; positions count from 0.", "substring(\"abcdef\", 1, 3) eq \"bc\"", S, 3, {S, N, N}, f_substring},
    {"concat", "concat(string, string) -> string", "Both, one after the other.", "concat(\"a\", \"b\") eq \"ab\"", S, 2, {S, S}, f_concat},
    {"decode_base64", "decode_base64(string) -> string", "Base64 of either alphabet, padding optional; no value when it is none.", "decode_base64(\"YWJj\") eq \"abc\"", S, 1, {S}, f_base64},
    {"decode_url", "decode_url(string) -> string", "Percent-decoded once (again, if the field was decoded already).", "decode_url(\"a%2Fb\") eq \"a/b\"", S, 1, {S}, f_url},
    {"decode_html", "decode_html(string) -> string", "HTML character references resolved.", "decode_html(\"&#60;b&gt;\") eq \"<b>\"", S, 1, {S}, f_html},
    {"decode_hex", "decode_hex(string) -> string", "Pairs of hexadecimal digits as bytes; no value when it is something else.", "decode_hex(\"616263\") eq \"abc\"", S, 1, {S}, f_hex},
    {"to_number", "to_number(string) -> number", "A decimal number; no value when it is none.", "to_number(\"-17\") == -17", N, 1, {S}, f_number},
    {"count_of", "count_of(string, string) -> number", "How often the second occurs in the first, without overlaps.", "count_of(\"a,b,c\", \",\") == 2", N, 2, {S, S}, f_count_of},
    {"has_control", "has_control(string) -> bool", "Has it a control character (below 0x20 except tab, or 0x7f)?", "has_control(\"a\\x01b\")", B, 1, {S}, f_controls},
    {"lookup.resolve", "lookup.resolve(string) -> string", "Log4j lookups evaluated as Log4j 2 does, from the inside out; a ${jndi: that would be reached stays, in small letters.", "lookup.resolve(\"${${lower:J}ndi:ldap://a}\") eq \"${jndi:ldap://a}\"", S, 1, {S}, f_lookup},
    {"path.climbs", "path.climbs(string) -> bool", "Does some prefix of this decoded path lead above where it starts? Counts \"..\", \"..;x\", with / or \\.", "path.climbs(\"/a/../../b\")", B, 1, {S}, f_climbs},
    {"path.dotdot", "path.dotdot(string) -> bool", "Has this decoded path a \"..\" segment at all?", "path.dotdot(\"/a/../b\")", B, 1, {S}, f_dotdot},
    {"path.normalize", "path.normalize(string) -> string", "Without dot segments, doubled slashes and path parameters; \\ as /.", "path.normalize(\"/a/./x;v=1/../b\") eq \"/a/b\"", S, 1, {S}, f_normalize},
    {"path.extension", "path.extension(string) -> string", "What follows the last dot of the last segment, as file systems read it.", "path.extension(\"/up/shell.php.\") eq \"php\"", S, 1, {S}, f_extension},
    {"path.basename", "path.basename(string) -> string", "The last segment, without path parameters.", "path.basename(\"/a/b;c\") eq \"b\"", S, 1, {S}, f_basename},
    {NULL, NULL, NULL, NULL, 0, 0, {0}, NULL},
};
/* clang-format on */
