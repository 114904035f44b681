/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json: a flat pull parser for RFC 8259. No recursion: open containers are a stack of bounded depth inside the parser. What is not JSON is handed to
 * json_lenient.c, if that was asked for.
 */
#include "lang/json.h"

static int peek(const struct sp_json *j)
{
    return sp_span_at(j->in, j->at);
}

static void skip_blanks(struct sp_json *j)
{
    int c = peek(j);
    while (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        j->at++;
        c = peek(j);
    }
}

bool json_stop(struct sp_json *j, struct sp_json_item *ret)
{
    j->malformed = true;
    j->state = STOPPED;
    *ret = (struct sp_json_item){.kind = SP_JSON_BROKEN};
    return true;
}

/* What stands at `from` is not JSON. */
static bool give_up(struct sp_json *j, size_t from, struct sp_json_item *ret)
{
    if (!j->lenient)
        return json_stop(j, ret);
    j->at = from;
    j->malformed = true;
    return false;
}

/* ---- the path of what comes next ---- */

void json_path_segment(struct sp_json *j, struct sp_span segment)
{
    size_t at = j->path_mark[j->depth - 1];
    struct sp_buf path = sp_buf_fixed(j->path + at, sizeof j->path - at);
    if (at)
        sp_put_byte(&path, '.');
    sp_put(&path, sp_span_sub(segment, 0, path.cap - path.n));
    j->path_len = (uint16_t)(at + path.n);
}

void json_path_index(struct sp_json *j)
{
    char digits[24];
    struct sp_buf text = sp_buf_fixed(digits, sizeof digits);
    sp_put_u64(&text, j->index[j->depth - 1]);
    json_path_segment(j, sp_buf_span(&text));
}

void json_fill(struct sp_json *j, struct sp_json_item *ret, enum sp_json_kind kind, size_t from)
{
    ret->kind = kind;
    ret->raw = sp_span_sub(j->in, from, j->at - from);
    ret->path = sp_arena_copy(j->arena, sp_span_of(j->path, j->path_len));
    ret->depth = j->depth;
}

/* ---- scalars ---- */

static bool hex4(struct sp_json *j, uint32_t *ret)
{
    uint64_t v;
    struct sp_span digits = sp_span_sub(j->in, j->at, 4);
    if (digits.n != 4 || !sp_span_hex64(digits, &v))
        return false;
    j->at += 4;
    *ret = (uint32_t)v;
    return true;
}

/* Behind "\u". A lone surrogate becomes U+FFFD, as most decoders have it. */
static bool take_unicode(struct sp_json *j, struct sp_buf *out)
{
    uint32_t c, low;
    if (!hex4(j, &c))
        return false;
    if (is_high_surrogate(c) && sp_span_starts(sp_span_from(j->in, j->at), SP_LIT("\\u"))) {
        size_t back = j->at;
        j->at += 2;
        if (!hex4(j, &low))
            return false;
        if (is_low_surrogate(low))
            c = join_surrogates(c, low);
        else
            j->at = back;
    }
    put_utf8(out, is_surrogate(c) ? REPLACEMENT : c);
    return true;
}

bool json_take_escape(struct sp_json *j, struct sp_buf *out)
{
    int c = peek(j);
    j->at++;
    if (c == 'u')
        return take_unicode(j, out);
    static const char to[] = "\"\\/\b\f\n\r\t";
    size_t i = c < 0 ? SP_NOT_FOUND : sp_span_byte(SP_LIT("\"\\/bfnrt"), 0, (uint8_t)c);
    if (i == SP_NOT_FOUND)
        return false;
    sp_put_byte(out, (uint8_t)to[i]);
    return true;
}

/* From the opening quote; without escapes the result points into the input. */
static bool take_string(struct sp_json *j, struct sp_span *ret)
{
    size_t from = ++j->at;
    while (j->at < j->in.n && j->in.p[j->at] != '"' && j->in.p[j->at] != '\\' && j->in.p[j->at] >= 0x20)
        j->at++;
    if (peek(j) == '"') {
        *ret = sp_span_sub(j->in, from, j->at++ - from);
        return true;
    }
    size_t end = j->at;
    for (; end < j->in.n && j->in.p[end] != '"'; end++) /* its length first: an arena reservation of the whole rest would add up */
        end += j->in.p[end] == '\\';
    struct sp_buf out = sp_buf_arena(j->arena, end - from + 4);
    sp_put(&out, sp_span_sub(j->in, from, j->at - from));
    while (j->at < j->in.n && j->in.p[j->at] != '"') {
        uint8_t c = j->in.p[j->at++];
        if (c < 0x20 || (c == '\\' && !json_take_escape(j, &out)))
            return false;
        if (c != '\\')
            sp_put_byte(&out, c);
    }
    if (j->at++ >= j->in.n || out.full)
        return false;
    *ret = sp_buf_done(&out, j->arena);
    return true;
}

static bool take_digits(struct sp_json *j)
{
    size_t from = j->at;
    while (j->at < j->in.n && sp_is_digit(j->in.p[j->at]))
        j->at++;
    return j->at > from;
}

static bool take_number(struct sp_json *j)
{
    j->at += peek(j) == '-';
    if (peek(j) == '0')
        j->at++;
    else if (!take_digits(j))
        return false;
    if (peek(j) == '.') {
        j->at++;
        if (!take_digits(j))
            return false;
    }
    if (peek(j) != 'e' && peek(j) != 'E')
        return true;
    j->at++;
    j->at += peek(j) == '+' || peek(j) == '-';
    return take_digits(j);
}

static bool take_word(struct sp_json *j, enum sp_json_kind *ret)
{
    static const struct { const char *word; enum sp_json_kind kind; } words[] = {
        {"true", SP_JSON_TRUE}, {"false", SP_JSON_FALSE}, {"null", SP_JSON_NULL},
    };
    struct sp_span left = sp_span_from(j->in, j->at);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct sp_span word = sp_span_str(words[i].word);
        if (sp_span_starts(left, word)) {
            j->at += word.n;
            *ret = words[i].kind;
            return true;
        }
    }
    return false;
}

/* What has neither quotes nor brackets ends where something else begins: "01" is not two numbers. */
static bool is_apart(const struct sp_json *j)
{
    int c = peek(j);
    if (c == ',' || c == '}' || c == ']')
        return j->depth;
    return c < 0 || c == ' ' || c == '\t' || c == '\r' || c == '\n' || (!j->depth && (c == '{' || c == '[' || c == '"'));
}

/* ---- structure ---- */

bool json_open(struct sp_json *j, struct sp_json_item *ret, bool object)
{
    if (j->depth == SP_JSON_DEPTH_MAX) {
        j->arena->exhausted = true; /* servers read deeper: it must not pass as inspected */
        return json_stop(j, ret);
    }
    j->path_mark[j->depth] = j->path_len;
    j->index[j->depth] = object ? (uint32_t)IN_OBJECT : 0;
    j->depth++;
    if (j->depth > j->deepest)
        j->deepest = j->depth;
    j->at++;
    j->state = object ? FIRST_KEY : FIRST_VALUE;
    return false;
}

bool json_close(struct sp_json *j)
{
    j->depth--;
    j->path_len = j->path_mark[j->depth];
    j->at++;
    j->state = j->depth ? AFTER : TOP;
    return false;
}

/* True when an item is ready. */
static bool step_value(struct sp_json *j, struct sp_json_item *ret)
{
    size_t from = j->at;
    int c = peek(j);
    enum sp_json_kind kind = SP_JSON_STR;
    if (j->depth && j->index[j->depth - 1] != (uint32_t)IN_OBJECT)
        json_path_index(j);
    if (c == '{' || c == '[')
        return json_open(j, ret, c == '{');
    bool ok;
    if (c == '"') {
        ok = take_string(j, &ret->value);
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        kind = SP_JSON_NUM;
        ok = take_number(j) && is_apart(j);
    } else {
        ok = take_word(j, &kind) && is_apart(j);
    }
    if (!ok)
        return give_up(j, from, ret);
    json_fill(j, ret, kind, from);
    if (kind != SP_JSON_STR)
        ret->value = ret->raw;
    j->state = j->depth ? AFTER : TOP;
    return true;
}

static bool step_key(struct sp_json *j, struct sp_json_item *ret)
{
    size_t from = j->at;
    if (peek(j) == '}' && j->state == FIRST_KEY)
        return json_close(j);
    if (peek(j) != '"' || !take_string(j, &ret->value))
        return give_up(j, from, ret);
    json_path_segment(j, ret->value);
    json_fill(j, ret, SP_JSON_KEY, from);
    skip_blanks(j);
    if (peek(j) != ':')
        return give_up(j, from, ret);
    j->at++;
    j->state = VALUE;
    return true;
}

static bool step_after(struct sp_json *j, struct sp_json_item *ret)
{
    bool object = j->index[j->depth - 1] == (uint32_t)IN_OBJECT;
    int c = peek(j);
    if (c == (object ? '}' : ']'))
        return json_close(j);
    if (c != ',')
        return give_up(j, j->at, ret);
    j->at++;
    if (!object)
        j->index[j->depth - 1]++;
    j->state = object ? KEY : VALUE;
    return false;
}

static bool step_top(struct sp_json *j, struct sp_json_item *ret)
{
    if (j->at == 0 && sp_span_starts(j->in, SP_LIT("\xef\xbb\xbf")))
        j->at = 3;
    skip_blanks(j);
    if (peek(j) < 0) {
        ret->kind = SP_JSON_END;
        return true;
    }
    j->path_len = 0;
    return step_value(j, ret);
}

static bool step(struct sp_json *j, struct sp_json_item *ret)
{
    if (j->malformed)
        return json_lenient_step(j, ret);
    skip_blanks(j);
    switch ((enum json_state)j->state) {
    case TOP:
        return step_top(j, ret);
    case FIRST_VALUE:
        return peek(j) == ']' ? json_close(j) : step_value(j, ret);
    case VALUE:
        return step_value(j, ret);
    case FIRST_KEY:
    case KEY:
        return step_key(j, ret);
    case AFTER:
        return step_after(j, ret);
    case STOPPED:
        break;
    }
    return json_stop(j, ret);
}

void sp_json_next(struct sp_json *j, struct sp_json_item *ret)
{
    *ret = (struct sp_json_item){0};
    while (!step(j, ret))
        ;
    if (j->arena->exhausted)
        (void)json_stop(j, ret);
}

void sp_json_quote(struct sp_buf *out, struct sp_span in)
{
    sp_put_byte(out, '"');
    sp_put_json(out, in);
    sp_put_byte(out, '"');
}
