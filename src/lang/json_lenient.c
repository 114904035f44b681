/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_lenient: what Gson, Fastjson, json5 and org.json read beyond RFC 8259: comments, quotes of either kind or none around names and strings, "=" for
 * ":" and ";" for ",", commas too many or missing, escapes of JavaScript, line breaks in strings, a line )]}' at the start. Every step takes bytes; what
 * none of them would read is passed over a few times, in case one does.
 */
#include "lang/json.h"

enum { FAULTS_MAX = 16 }; /* what is no JSON to anybody, like an upload that is declared so, need not be taken apart to its end */

static int peek(const struct sp_json *j)
{
    return sp_span_at(j->in, j->at);
}

static bool at_comment(const struct sp_json *j)
{
    int next = peek(j) == '/' ? sp_span_at(j->in, j->at + 1) : -1;
    return peek(j) == '#' || next == '/' || next == '*';
}

/* A blank to some reader: JSON5 section 1.8 and those of Java. */
static bool is_blank(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0;
}

/* Behind the comment at j->at. A CR alone ends it for some readers and not for others, as long as they all get there. */
static void skip_comment(struct sp_json *j)
{
    bool block = peek(j) == '/' && sp_span_at(j->in, j->at + 1) == '*';
    size_t from = j->at + 1 + block, end = block ? sp_span_find(j->in, from, SP_LIT("*/")) : sp_span_byte(j->in, from, '\n');
    size_t stop = end == SP_NOT_FOUND ? j->in.n : end, cr = block ? SP_NOT_FOUND : sp_span_byte(sp_span_sub(j->in, 0, stop), from, '\r');
    if (cr != SP_NOT_FOUND && cr + 1 < stop && j->faults == 0)
        j->arena->exhausted = true;
    j->at = end == SP_NOT_FOUND ? j->in.n : end + 1 + block;
}

static void skip_blanks(struct sp_json *j)
{
    while (is_blank(peek(j)) || at_comment(j)) {
        if (at_comment(j))
            skip_comment(j);
        else
            j->at++;
    }
}

/* ---- text ---- */

/* JSON5 section 5.1: \xHH, \v, \0, a line break that is left out, any other character as itself. Fastjson has \1 to \7 as well. */
static void take_escape(struct sp_json *j, struct sp_buf *out)
{
    size_t from = j->at;
    if (json_take_escape(j, out))
        return;
    j->at = from + 1;
    uint8_t c = j->in.p[from];
    uint64_t hex;
    if (c == 'x' && sp_span_sub(j->in, j->at, 2).n == 2 && sp_span_hex64(sp_span_sub(j->in, j->at, 2), &hex)) {
        put_utf8(out, (uint32_t)hex);
        j->at += 2;
    } else if (c == '\r' || c == '\n') {
        j->at += c == '\r' && peek(j) == '\n';
    } else {
        sp_put_byte(out, c == 'v' ? '\v' : c >= '0' && c <= '7' ? (uint8_t)(c - '0') : c);
    }
}

/* The bytes [from, end) without their escapes; without any, the result points into the input. */
static struct sp_span unescape(struct sp_json *j, size_t from, size_t end)
{
    struct sp_span raw = sp_span_sub(j->in, from, end - from);
    if (sp_span_byte(raw, 0, '\\') == SP_NOT_FOUND)
        return raw;
    struct sp_buf out = sp_buf_arena(j->arena, raw.n + 4);
    j->at = from;
    while (j->at < end) {
        uint8_t c = j->in.p[j->at++];
        if (c == '\\' && j->at < end)
            take_escape(j, &out);
        else
            sp_put_byte(&out, c);
    }
    return sp_buf_done(&out, j->arena);
}

/* From the opening quote to its like, or to the end of the text. */
static struct sp_span take_quoted(struct sp_json *j)
{
    uint8_t quote = j->in.p[j->at];
    size_t from = ++j->at;
    while (j->at < j->in.n && j->in.p[j->at] != quote)
        j->at += j->in.p[j->at] == '\\' ? 2 : 1;
    size_t end = j->at < j->in.n ? j->at : j->in.n;
    struct sp_span text = unescape(j, from, end);
    j->at = end + (end < j->in.n);
    return text;
}

static bool ends_word(int c)
{
    return c < 0 || is_blank(c) || sp_span_byte(SP_LIT("{}[]:,;=#"), 0, (uint8_t)c) != SP_NOT_FOUND;
}

static struct sp_span take_word(struct sp_json *j)
{
    size_t from = j->at;
    while (!ends_word(peek(j)) && !at_comment(j))
        j->at++;
    size_t end = j->at;
    struct sp_span text = unescape(j, from, end);
    j->at = end;
    return text;
}

/* ---- structure ---- */

/* A name when a value follows; else a value, of the container when it stands where a name should. */
static bool take_text(struct sp_json *j, struct sp_json_item *ret)
{
    size_t from = j->at, end;
    bool quoted = peek(j) == '"' || peek(j) == '\'', name = json_in_object(j) && j->state != VALUE;
    struct sp_span text = quoted ? take_quoted(j) : take_word(j);
    end = j->at;
    if (name) {
        skip_blanks(j);
        name = peek(j) == ':' || peek(j) == '=';
        j->faults += !name;
        if (name)
            json_path_segment(j, text);
        else
            j->path_len = j->path_mark[j->depth - 1];
    } else if (!j->depth) {
        j->faults += !quoted;
    } else if (!json_in_object(j)) {
        json_path_index(j);
    }
    j->at = end;
    ret->value = text;
    json_fill(j, ret, name ? SP_JSON_KEY : SP_JSON_STR, from);
    j->state = j->depth ? AFTER : TOP;
    return true;
}

static bool open_bracket(struct sp_json *j, struct sp_json_item *ret)
{
    if (j->depth && !json_in_object(j))
        json_path_index(j);
    return json_open(j, ret, peek(j) == '{');
}

/* A comma or semicolon. */
static bool next_member(struct sp_json *j)
{
    if (j->depth && !json_in_object(j) && j->index[j->depth - 1] < IN_OBJECT - 1)
        j->index[j->depth - 1]++;
    j->state = AFTER;
    j->at++;
    return false;
}

static bool close_bracket(struct sp_json *j)
{
    bool fits = j->depth && (peek(j) == '}') == json_in_object(j);
    j->faults += !fits;
    if (j->depth)
        return json_close(j);
    j->at++;
    return false;
}

/* What stands between a name and its value. */
static bool next_value(struct sp_json *j)
{
    j->faults += !json_in_object(j) || j->state == VALUE;
    j->state = VALUE;
    j->at++;
    return false;
}

bool json_lenient_step(struct sp_json *j, struct sp_json_item *ret)
{
    if (j->state == STOPPED || j->faults > FAULTS_MAX)
        return json_stop(j, ret);
    if (!j->depth) {
        j->path_len = 0;
        j->at += sp_span_starts(sp_span_from(j->in, j->at), SP_LIT(")]}'")) ? 4 : 0;
    }
    skip_blanks(j);
    switch (peek(j)) {
    case -1:
        return json_stop(j, ret);
    case '{':
    case '[':
        return open_bracket(j, ret);
    case '}':
    case ']':
        return close_bracket(j);
    case ',':
    case ';':
        return next_member(j);
    case ':':
    case '=':
        return next_value(j);
    default:
        return take_text(j, ret);
    }
}
