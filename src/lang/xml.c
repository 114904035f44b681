/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xml: a flat pull parser for what rules ask of XML 1.0: element names, text, attributes, the document type and its entities.
 * It does not check well-formedness beyond what it needs to go on, expands nothing, and never looks at a byte twice.
 */
#include "lang/lang.h"

enum xml_state { CONTENT = 0, IN_TAG, IN_SUBSET, STOPPED };

static bool stop(struct sp_xml *x, struct sp_xml_item *ret, enum sp_xml_kind kind)
{
    x->state = STOPPED;
    ret->kind = kind;
    return true;
}

static struct sp_span rest(const struct sp_xml *x)
{
    return sp_span_from(x->in, x->at);
}

static bool is_blank(int c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks(struct sp_xml *x)
{
    while (is_blank(sp_span_at(x->in, x->at)))
        x->at++;
}

/* A name ends where markup goes on; what is in it is the server's business. */
static struct sp_span take_name(struct sp_xml *x)
{
    size_t from = x->at;
    for (int c = sp_span_at(x->in, x->at); c >= 0 && !is_blank(c) && c != '=' && c != '>' && c != '/' && c != '<' && c != '[' && c != '"' && c != '\'';
         c = sp_span_at(x->in, x->at))
        x->at++;
    return sp_span_sub(x->in, from, x->at - from);
}

/* Moves past the next `end`; false when there is none. */
static bool skip_past(struct sp_xml *x, struct sp_span end)
{
    size_t at = sp_span_find(x->in, x->at, end);
    if (at == SP_NOT_FOUND)
        return false;
    x->at = at + end.n;
    return true;
}

static bool take_quoted(struct sp_xml *x, struct sp_span *ret)
{
    int quote = sp_span_at(x->in, x->at);
    if (quote != '"' && quote != '\'')
        return false;
    size_t end = sp_span_byte(x->in, x->at + 1, (uint8_t)quote);
    if (end == SP_NOT_FOUND)
        return false;
    *ret = sp_span_sub(x->in, x->at + 1, end - x->at - 1);
    x->at = end + 1;
    return true;
}

/* ---- the path of open elements ---- */

static struct sp_span local_name(struct sp_span name)
{
    size_t colon = sp_span_byte(name, 0, ':');
    return colon == SP_NOT_FOUND ? name : sp_span_from(name, colon + 1);
}

static bool push_element(struct sp_xml *x, struct sp_span name)
{
    if (x->depth == SP_XML_DEPTH_MAX)
        return false;
    x->path_mark[x->depth++] = x->path_len;
    struct sp_buf path = sp_buf_fixed(x->path + x->path_len, sizeof x->path - x->path_len);
    if (x->path_len)
        sp_put_byte(&path, '/');
    sp_put(&path, sp_span_sub(local_name(name), 0, path.cap - path.n));
    x->path_len = (uint16_t)(x->path_len + path.n);
    return true;
}

static void pop_element(struct sp_xml *x)
{
    if (x->depth)
        x->path_len = x->path_mark[--x->depth];
}

static struct sp_span path_copy(struct sp_xml *x)
{
    return sp_arena_copy(x->arena, sp_span_of(x->path, x->path_len));
}

/* ---- markup ---- */

static bool step_tag(struct sp_xml *x, struct sp_xml_item *ret)
{
    skip_blanks(x);
    if (sp_span_starts(rest(x), SP_LIT("/>"))) {
        x->at += 2;
        pop_element(x);
        x->state = CONTENT;
        return false;
    }
    if (sp_span_at(x->in, x->at) == '>') {
        x->at++;
        x->state = CONTENT;
        return false;
    }
    struct sp_span name = take_name(x), value;
    skip_blanks(x);
    if (name.n == 0 || sp_span_at(x->in, x->at) != '=')
        return stop(x, ret, SP_XML_BROKEN);
    x->at++;
    skip_blanks(x);
    if (!take_quoted(x, &value))
        return stop(x, ret, SP_XML_BROKEN);
    ret->kind = SP_XML_ATTR;
    ret->name = name;
    ret->value = sp_text_html_decode(value, x->arena);
    ret->path = path_copy(x);
    return true;
}

static bool step_start(struct sp_xml *x, struct sp_xml_item *ret)
{
    x->at++;
    struct sp_span name = take_name(x);
    if (name.n == 0 || !push_element(x, name))
        return stop(x, ret, SP_XML_BROKEN);
    ret->kind = SP_XML_ELEMENT;
    ret->name = name;
    ret->path = path_copy(x);
    x->state = IN_TAG;
    return true;
}

static bool step_cdata(struct sp_xml *x, struct sp_xml_item *ret)
{
    x->at += SP_LIT("<![CDATA[").n;
    size_t end = sp_span_find(x->in, x->at, SP_LIT("]]>"));
    if (end == SP_NOT_FOUND)
        return stop(x, ret, SP_XML_BROKEN);
    ret->kind = SP_XML_TEXT;
    ret->value = sp_span_sub(x->in, x->at, end - x->at);
    ret->path = path_copy(x);
    x->at = end + 3;
    return true;
}

/* Where the declaration behind <!DOCTYPE ends: at its '>', outside quotes, comments and the internal subset. */
static bool doctype_end(const struct sp_xml *x, size_t *ret_subset, size_t *ret_end)
{
    bool subset = false;
    *ret_subset = 0;
    for (size_t at = x->at; at < x->in.n; at++) {
        uint8_t c = x->in.p[at];
        if (c == '"' || c == '\'') {
            at = sp_span_byte(x->in, at + 1, c);
        } else if (sp_span_starts(sp_span_from(x->in, at), SP_LIT("<!--"))) {
            at = sp_span_find(x->in, at + 4, SP_LIT("-->"));
        } else if (c == '[' && !subset) {
            subset = true;
            *ret_subset = at + 1;
        } else if (c == ']') {
            subset = false;
        } else if (c == '>' && !subset) {
            *ret_end = at;
            return true;
        }
        if (at == SP_NOT_FOUND)
            return false;
    }
    return false;
}

static bool step_doctype(struct sp_xml *x, struct sp_xml_item *ret)
{
    size_t subset, end;
    x->at += SP_LIT("<!DOCTYPE").n;
    if (!doctype_end(x, &subset, &end)) {
        ret->kind = SP_XML_DOCTYPE; /* unfinished, but it is there */
        ret->value = rest(x);
        x->at = x->in.n;
        return true;
    }
    ret->kind = SP_XML_DOCTYPE;
    ret->value = sp_span_sub(x->in, x->at, end - x->at);
    x->at = subset ? subset : end + 1;
    x->subset_end = end;
    x->state = subset ? IN_SUBSET : CONTENT;
    return true;
}

/* Behind "<!ENTITY". */
static bool step_entity(struct sp_xml *x, struct sp_xml_item *ret)
{
    skip_blanks(x);
    ret->parameter = sp_span_at(x->in, x->at) == '%';
    x->at += ret->parameter;
    skip_blanks(x);
    ret->kind = SP_XML_ENTITY;
    ret->name = take_name(x);
    skip_blanks(x);
    bool public = sp_span_istarts(rest(x), SP_LIT("PUBLIC"));
    ret->external = public || sp_span_istarts(rest(x), SP_LIT("SYSTEM"));
    if (ret->external) {
        (void)take_name(x);
        skip_blanks(x);
    }
    bool ok = take_quoted(x, &ret->value);
    skip_blanks(x);
    if (ok && public)
        (void)take_quoted(x, &ret->value);
    if (!skip_past(x, SP_LIT(">")))
        x->at = x->in.n;
    return true;
}

static bool step_subset(struct sp_xml *x, struct sp_xml_item *ret)
{
    size_t next = sp_span_byte(x->in, x->at, '<');
    if (next == SP_NOT_FOUND || next >= x->subset_end) {
        x->at = x->subset_end + 1;
        x->state = CONTENT;
        return false;
    }
    x->at = next;
    if (sp_span_starts(rest(x), SP_LIT("<!ENTITY"))) {
        x->at += SP_LIT("<!ENTITY").n;
        return step_entity(x, ret);
    }
    if (sp_span_starts(rest(x), SP_LIT("<!--"))) {
        if (!skip_past(x, SP_LIT("-->")))
            return stop(x, ret, SP_XML_BROKEN);
        return false;
    }
    x->at++;
    return false;
}

static bool step_markup(struct sp_xml *x, struct sp_xml_item *ret)
{
    static const struct { const char *open, *close; } skipped[] = {{"<!--", "-->"}, {"<?", "?>"}};
    for (size_t i = 0; i < sizeof skipped / sizeof *skipped; i++) {
        if (sp_span_starts(rest(x), sp_span_str(skipped[i].open)))
            return skip_past(x, sp_span_str(skipped[i].close)) ? false : stop(x, ret, SP_XML_BROKEN);
    }
    if (sp_span_starts(rest(x), SP_LIT("<![CDATA[")))
        return step_cdata(x, ret);
    if (sp_span_istarts(rest(x), SP_LIT("<!DOCTYPE")))
        return step_doctype(x, ret);
    if (!sp_span_starts(rest(x), SP_LIT("</")))
        return step_start(x, ret);
    pop_element(x);
    return skip_past(x, SP_LIT(">")) ? false : stop(x, ret, SP_XML_BROKEN);
}

static bool step_text(struct sp_xml *x, struct sp_xml_item *ret)
{
    size_t end = sp_span_byte(x->in, x->at, '<');
    struct sp_span text = sp_span_sub(x->in, x->at, (end == SP_NOT_FOUND ? x->in.n : end) - x->at);
    x->at += text.n;
    size_t blank = 0;
    while (is_blank(sp_span_at(text, blank)))
        blank++;
    if (blank == text.n)
        return false;
    ret->kind = SP_XML_TEXT;
    ret->value = sp_text_html_decode(text, x->arena);
    ret->path = path_copy(x);
    return true;
}

static bool step(struct sp_xml *x, struct sp_xml_item *ret)
{
    if (x->state == STOPPED)
        return stop(x, ret, SP_XML_END);
    if (x->at >= x->in.n)
        return stop(x, ret, x->state == CONTENT && x->depth == 0 ? SP_XML_END : SP_XML_BROKEN);
    if (x->state == IN_TAG)
        return step_tag(x, ret);
    if (x->state == IN_SUBSET)
        return step_subset(x, ret);
    return x->in.p[x->at] == '<' ? step_markup(x, ret) : step_text(x, ret);
}

void sp_xml_next(struct sp_xml *x, struct sp_xml_item *ret)
{
    *ret = (struct sp_xml_item){0};
    while (!step(x, ret))
        ;
}

/* ---- UTF-16 ---- */

static struct sp_span from_utf16(struct sp_span in, bool big, struct sp_arena *a)
{
    struct sp_buf out = sp_buf_arena(a, in.n / 2 * 3);
    for (size_t i = 0; i + 1 < in.n; i += 2) {
        unsigned c = big ? (unsigned)(in.p[i] << 8 | in.p[i + 1]) : (unsigned)(in.p[i + 1] << 8 | in.p[i]);
        if (c < 0x80) {
            sp_put_byte(&out, (uint8_t)c);
        } else if (c < 0x800) {
            sp_put_byte(&out, (uint8_t)(0xc0 | c >> 6));
            sp_put_byte(&out, (uint8_t)(0x80 | (c & 0x3f)));
        } else {
            sp_put_byte(&out, (uint8_t)(0xe0 | c >> 12));
            sp_put_byte(&out, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
            sp_put_byte(&out, (uint8_t)(0x80 | (c & 0x3f)));
        }
    }
    return sp_buf_done(&out, a);
}

void sp_xml_start(struct sp_xml *x, struct sp_span in, struct sp_arena *a)
{
    *x = (struct sp_xml){.in = in, .arena = a};
    bool big = sp_span_starts(in, SP_LIT("\xfe\xff")) || (in.n > 1 && in.p[0] == 0 && in.p[1] == '<');
    bool little = sp_span_starts(in, SP_LIT("\xff\xfe")) || (in.n > 1 && in.p[0] == '<' && in.p[1] == 0);
    size_t mark = in.n > 1 && in.p[0] >= 0xfe ? 2 : 0;
    if (big || little)
        x->in = from_utf16(sp_span_from(in, mark), big, a);
    else if (sp_span_starts(in, SP_LIT("\xef\xbb\xbf")))
        x->at = 3;
}
