/* SPDX-License-Identifier: Apache-2.0 */
/* file: reads cases and writes bytes as text. */
#include "case.h"

/* ---- writing ---- */

static size_t run_length(struct sp_span s, size_t at)
{
    size_t n = 1;
    while (at + n < s.n && s.p[at + n] == s.p[at])
        n++;
    return n;
}

static void print_byte(struct sp_buf *out, uint8_t c)
{
    static const char plain[] = "\r\n\t\\", letter[] = "rnt\\";
    size_t i = sp_span_byte(sp_span_of(plain, 4), 0, c);
    if (i != SP_NOT_FOUND)
        sp_put_fmt(out, "\\%c", letter[i]);
    else if (c < 0x20 || c >= 0x7f)
        sp_put_fmt(out, "\\x%02x", c);
    else
        sp_put_byte(out, c);
}

void case_print_text(struct sp_buf *out, struct sp_span s)
{
    enum { LONG_RUN = 64 };
    for (size_t at = 0; at < s.n;) {
        size_t n = run_length(s, at);
        if (n >= LONG_RUN && s.p[at] > 0x20 && s.p[at] < 0x7f) {
            sp_put_fmt(out, "\\{%zu*%c}", n, s.p[at]);
            at += n;
        } else {
            print_byte(out, s.p[at++]);
        }
    }
}

void case_print(struct sp_buf *out, const char *mark, struct sp_span bytes)
{
    for (size_t at = 0; at < bytes.n;) {
        size_t end = sp_span_find(bytes, at, SP_LIT("\r\n"));
        bool whole = end != SP_NOT_FOUND;
        struct sp_span line = sp_span_sub(bytes, at, (whole ? end : bytes.n) - at);
        sp_put_str(out, mark);
        sp_put_str(out, line.n || !whole ? " " : "");
        case_print_text(out, line);
        sp_put_str(out, whole ? "\n" : "\\\n");
        at = whole ? end + 2 : bytes.n;
    }
}

/* ---- reading ---- */

static bool next_line(struct sp_span in, size_t *at, struct sp_span *ret)
{
    if (*at >= in.n)
        return false;
    size_t end = sp_span_byte(in, *at, '\n');
    if (end == SP_NOT_FOUND)
        end = in.n;
    *ret = sp_span_sub(in, *at, end - *at);
    *at = end + 1;
    return true;
}

/* \{N*c} behind its backslash: *at moves to its end. */
static bool unescape_run(struct sp_span in, size_t *at, struct sp_buf *out)
{
    size_t star = sp_span_byte(in, *at, '*');
    uint64_t n;
    if (star == SP_NOT_FOUND || !sp_span_u64(sp_span_sub(in, *at + 1, star - *at - 1), &n) || n > CASE_BYTES_MAX || sp_span_at(in, star + 2) != '}')
        return false;
    while (n--)
        sp_put_byte(out, in.p[star + 1]);
    *at = star + 3;
    return true;
}

static bool unescape(struct sp_span in, size_t *at, struct sp_buf *out)
{
    uint64_t v;
    int c = sp_span_at(in, *at);
    size_t i = c < 0 ? SP_NOT_FOUND : sp_span_byte(SP_LIT("rnt\\\""), 0, (uint8_t)c);
    if (c == '{')
        return unescape_run(in, at, out);
    if (c == 'x' && sp_span_hex64(sp_span_sub(in, *at + 1, 2), &v)) {
        sp_put_byte(out, (uint8_t)v);
        *at += 3;
        return true;
    }
    if (i == SP_NOT_FOUND)
        return false;
    sp_put_byte(out, (uint8_t)"\r\n\t\\\""[i]);
    ++*at;
    return true;
}

/* A line of bytes: CRLF at its end, unless that is a backslash. */
static bool read_bytes(struct sp_span line, struct sp_buf *out)
{
    for (size_t at = 0; at < line.n;) {
        if (line.p[at] != '\\')
            sp_put_byte(out, line.p[at++]);
        else if (++at == line.n)
            return true;
        else if (!unescape(line, &at, out))
            return false;
    }
    sp_put_str(out, "\r\n");
    return true;
}

static bool read_quoted(struct sp_span in, size_t *at, struct sp_arena *a, struct sp_span *ret)
{
    struct sp_buf out = sp_buf_arena(a, CASE_BYTES_MAX);
    if (sp_span_at(in, (*at)++) != '"')
        return false;
    while (*at < in.n && in.p[*at] != '"') {
        uint8_t c = in.p[(*at)++];
        if (c != '\\')
            sp_put_byte(&out, c);
        else if (!unescape(in, at, &out))
            return false;
    }
    *ret = sp_buf_done(&out, a);
    return (*at)++ < in.n;
}

/* FIELD["key"] = "value" */
static bool read_fix(const struct sp_proto *proto, struct sp_span in, struct sp_arena *a, struct given *g, enum sp_fix_op op)
{
    if (g->nfixes == CASE_FIXES_MAX)
        return false;
    struct case_fix *fix = &g->fixes[g->nfixes++];
    size_t at = 0;
    while (at < in.n && in.p[at] != '[' && in.p[at] != ' ')
        at++;
    *fix = (struct case_fix){.op = op, .field = sp_proto_field(proto, sp_span_sub(in, 0, at))};
    if (sp_span_at(in, at) == '[') {
        at++;
        if (!read_quoted(in, &at, a, &fix->key) || sp_span_at(in, at++) != ']')
            return false;
    }
    bool value = op == SP_FIX_SET;
    at += value && sp_span_starts(sp_span_from(in, at), SP_LIT(" = ")) ? 3 : 0;
    return fix->field >= 0 && (!value || read_quoted(in, &at, a, &fix->to)) && at == in.n;
}

static bool read_segment(struct sp_span line, struct sp_arena *a, struct given *g)
{
    enum sp_dir dir = line.p[0] == '>' ? SP_C2S : SP_S2C;
    struct sp_buf out = sp_buf_arena(a, CASE_BYTES_MAX);
    if (g->nsegments == 0 || g->segments[g->nsegments - 1].dir != dir) {
        if (g->nsegments == CASE_SEGMENTS_MAX)
            return false;
        g->segments[g->nsegments++] = (struct case_segment){.dir = dir};
    }
    struct sp_span *bytes = &g->segments[g->nsegments - 1].bytes;
    sp_put(&out, *bytes);
    bool ok = read_bytes(sp_span_from(line, 2), &out) && !out.full;
    *bytes = sp_buf_done(&out, a);
    return ok;
}

static bool read_given(const struct sp_proto *proto, struct sp_span line, struct sp_arena *a, struct given *g)
{
    uint64_t status;
    if (line.n == 0 || line.p[0] == '#')
        return true;
    if (line.p[0] == '>' || line.p[0] == '<')
        return read_segment(line, a, g);
    if (sp_span_eq(line, SP_LIT("collect")))
        return g->collect = true;
    if (sp_span_eq(line, SP_LIT("alone")))
        return g->alone = true;
    if (sp_span_eq(line, SP_LIT("no-tls"))) {
        g->options = SP_OPEN_NO_TLS;
        return true;
    }
    if (sp_span_starts(line, SP_LIT("want "))) {
        g->want = sp_span_from(line, 5);
        return true;
    }
    if (sp_span_starts(line, SP_LIT("set ")))
        return read_fix(proto, sp_span_from(line, 4), a, g, SP_FIX_SET);
    if (sp_span_starts(line, SP_LIT("remove ")))
        return read_fix(proto, sp_span_from(line, 7), a, g, SP_FIX_REMOVE);
    bool drop = sp_span_eq(line, SP_LIT("drop"));
    if (!drop && !(sp_span_starts(line, SP_LIT("refuse ")) && sp_span_u64(sp_span_from(line, 7), &status)))
        return false;
    g->act_given = true;
    g->act = drop ? SP_DROP : SP_REFUSE;
    g->status = drop ? 0 : (unsigned)status;
    return true;
}

/* Moves past everything up to the next title. */
static bool find_title(struct sp_span file, size_t *at, unsigned *line_no, struct sp_span *ret)
{
    struct sp_span line;
    while (next_line(file, at, &line)) {
        ++*line_no;
        if (sp_span_starts(line, SP_LIT("== "))) {
            *ret = sp_span_from(line, 3);
            return true;
        }
    }
    return false;
}

static size_t find_end(struct sp_span file, size_t at)
{
    if (sp_span_starts(sp_span_from(file, at), SP_LIT("== ")))
        return at;
    size_t end = sp_span_find(file, at ? at - 1 : 0, SP_LIT("\n== "));
    return end == SP_NOT_FOUND ? file.n : end + 1;
}

int case_next(const struct sp_proto *proto, struct sp_span file, size_t *at, struct sp_arena *a, struct given *ret, unsigned *ret_line)
{
    size_t from = *at;
    struct sp_span line;
    *ret = (struct given){0};
    *ret_line = 0;
    for (size_t i = 0; i < from && i < file.n; i++)
        *ret_line += file.p[i] == '\n';
    if (!find_title(file, at, ret_line, &ret->title))
        return 0;
    for (;;) {
        if (!next_line(file, at, &line))
            return -1;
        ++*ret_line;
        if (sp_span_eq(line, SP_LIT("--")))
            break;
        if (!read_given(proto, line, a, ret))
            return -1;
    }
    size_t end = find_end(file, *at);
    ret->text = sp_span_sub(file, from, *at - from);
    ret->expect = sp_span_sub(file, *at, end - *at);
    *at = end;
    return 1;
}
