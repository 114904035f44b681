/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xml: a flat pull parser for what rules ask of XML 1.0: element names, text, attributes, the document type and its entities.
 * It does not check well-formedness beyond what it needs to go on, and looks at every byte a fixed number of times. References: xml_entity.c.
 */
#include "lang/xml.h"

enum xml_state { CONTENT = 0, IN_TAG, IN_SUBSET, STOPPED };

static bool stop(struct sp_xml *x, struct sp_xml_item *ret, enum sp_xml_kind kind)
{
    x->state = STOPPED;
    *ret = (struct sp_xml_item){.kind = kind};
    return true;
}

/* What may be read now: a declaration does not reach out of its subset. */
static struct sp_span scope(const struct sp_xml *x)
{
    return x->state == IN_SUBSET ? sp_span_sub(x->in, 0, x->subset_end) : x->in;
}

static struct sp_span rest(const struct sp_xml *x)
{
    return sp_span_from(scope(x), x->at);
}

static bool is_blank(int c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks(struct sp_xml *x)
{
    struct sp_span in = scope(x);
    while (is_blank(sp_span_at(in, x->at)))
        x->at++;
}

static bool ends_name(int c)
{
    return c < 0 || is_blank(c) || sp_span_byte(SP_LIT("=></[\"'"), 0, (uint8_t)c) != SP_NOT_FOUND;
}

/* A name ends where markup goes on; what is in it is the server's business. */
static struct sp_span take_name(struct sp_xml *x)
{
    struct sp_span in = scope(x);
    size_t from = x->at;
    while (!ends_name(sp_span_at(in, x->at)))
        x->at++;
    return sp_span_sub(in, from, x->at - from);
}

/* Moves past the next `end`; false when there is none. */
static bool skip_past(struct sp_xml *x, struct sp_span end)
{
    size_t at = sp_span_find(scope(x), x->at, end);
    if (at == SP_NOT_FOUND)
        return false;
    x->at = at + end.n;
    return true;
}

static bool take_quoted(struct sp_xml *x, struct sp_span *ret)
{
    struct sp_span in = scope(x);
    int quote = sp_span_at(in, x->at);
    if (quote != '"' && quote != '\'')
        return false;
    size_t end = sp_span_byte(in, x->at + 1, (uint8_t)quote);
    if (end == SP_NOT_FOUND)
        return false;
    *ret = sp_span_sub(in, x->at + 1, end - x->at - 1);
    x->at = end + 1;
    return true;
}

/* ---- the path of open elements ---- */

static struct sp_span local_name(struct sp_span name)
{
    size_t colon = sp_span_byte(name, 0, ':');
    return colon == SP_NOT_FOUND ? name : sp_span_from(name, colon + 1);
}

static void push_element(struct sp_xml *x, struct sp_span name)
{
    if (x->depth == SP_XML_DEPTH_MAX) {
        x->beyond++;
        return;
    }
    x->path_mark[x->depth++] = x->path_len;
    struct sp_buf path = sp_buf_fixed(x->path + x->path_len, sizeof x->path - x->path_len);
    if (x->path_len)
        sp_put_byte(&path, '/');
    sp_put(&path, sp_span_sub(local_name(name), 0, path.cap - path.n));
    x->path_len = (uint16_t)(x->path_len + path.n);
}

static void pop_element(struct sp_xml *x)
{
    if (x->beyond)
        x->beyond--;
    else if (x->depth)
        x->path_len = x->path_mark[--x->depth];
}

static struct sp_span path_copy(struct sp_xml *x)
{
    return sp_arena_copy(x->arena, sp_span_of(x->path, x->path_len));
}

/* ---- character data ---- */

enum piece {
    PIECE_TEXT,
    PIECE_CDATA,
    PIECE_SILENT, /* a comment, a processing instruction: what stands around it belongs together */
    PIECE_NONE,   /* a tag, a document type, the end, or something without its end */
};

/* The piece of character data at *at; *at moves behind it. */
static enum piece take_piece(struct sp_span in, size_t *at, struct sp_span *ret)
{
    static const struct { struct sp_span open, close; enum piece piece; } marked[] = {
        {{(const uint8_t *)"<!--", 4}, {(const uint8_t *)"-->", 3}, PIECE_SILENT},
        {{(const uint8_t *)"<?", 2}, {(const uint8_t *)"?>", 2}, PIECE_SILENT},
        {{(const uint8_t *)"<![CDATA[", 9}, {(const uint8_t *)"]]>", 3}, PIECE_CDATA},
    };
    size_t from = *at, end;
    if (from >= in.n)
        return PIECE_NONE;
    if (in.p[from] != '<') {
        end = sp_span_byte(in, from, '<');
        *at = end == SP_NOT_FOUND ? in.n : end;
        *ret = sp_span_sub(in, from, *at - from);
        return PIECE_TEXT;
    }
    for (size_t i = 0; i < sizeof marked / sizeof *marked; i++) {
        if (!sp_span_starts(sp_span_from(in, from), marked[i].open))
            continue;
        from += marked[i].open.n;
        end = sp_span_find(in, from, marked[i].close);
        if (end == SP_NOT_FOUND)
            return PIECE_NONE;
        *ret = sp_span_sub(in, from, end - from);
        *at = end + marked[i].close.n;
        return marked[i].piece;
    }
    return PIECE_NONE;
}

/* All character data from `from` up to x->at in one, entities having `growth` bytes. */
static struct sp_span join_pieces(struct sp_xml *x, size_t from, size_t growth)
{
    struct sp_buf out = sp_buf_arena(x->arena, x->at - from + growth);
    struct sp_span in = sp_span_sub(x->in, 0, x->at), piece;
    for (enum piece kind; (kind = take_piece(in, &from, &piece)) != PIECE_NONE;) {
        if (kind == PIECE_TEXT)
            xml_put_resolved(x, &out, piece);
        else if (kind == PIECE_CDATA)
            sp_put(&out, piece);
    }
    return sp_buf_done(&out, x->arena);
}

/* Character data up to the next tag. What is blank altogether is layout. */
static bool step_text(struct sp_xml *x, struct sp_xml_item *ret)
{
    size_t from = x->at, count = 0, blanks = 0, growth = 0;
    struct sp_span piece, only = {NULL, 0};
    enum piece only_kind = PIECE_NONE;
    for (enum piece kind; (kind = take_piece(x->in, &x->at, &piece)) != PIECE_NONE;) {
        if (kind == PIECE_SILENT || piece.n == 0)
            continue;
        only = piece;
        only_kind = kind;
        growth += kind == PIECE_TEXT ? xml_growth(x, piece) : 0;
        count++;
    }
    ret->value = count == 0 ? only : count > 1 ? join_pieces(x, from, growth) : only_kind == PIECE_TEXT ? xml_resolve(x, only, growth) : only;
    while (is_blank(sp_span_at(ret->value, blanks)))
        blanks++;
    if (blanks == ret->value.n)
        return false;
    ret->kind = SP_XML_TEXT;
    ret->path = path_copy(x);
    return true;
}

/* ---- tags ---- */

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
    ret->value = xml_resolve(x, value, xml_growth(x, value));
    ret->path = path_copy(x);
    return true;
}

static bool step_start(struct sp_xml *x, struct sp_xml_item *ret)
{
    x->at++;
    struct sp_span name = take_name(x);
    if (name.n == 0 || name.p[0] == '!' || name.p[0] == '?') /* a comment or the like without its end */
        return stop(x, ret, SP_XML_BROKEN);
    push_element(x, name);
    ret->kind = SP_XML_ELEMENT;
    ret->name = name;
    ret->path = path_copy(x);
    x->state = IN_TAG;
    return true;
}

/* ---- the document type ---- */

/* Behind what stands at `at` and may contain what looks like markup: a literal, a comment, a processing instruction. `at` itself when there is none,
 * SP_NOT_FOUND when it has no end. */
static size_t skip_inert(struct sp_span in, size_t at)
{
    int c = sp_span_at(in, at);
    struct sp_span piece;
    if (c == '"' || c == '\'') {
        size_t end = sp_span_byte(in, at + 1, (uint8_t)c);
        return end == SP_NOT_FOUND ? end : end + 1;
    }
    struct sp_span left = sp_span_from(in, at);
    if (!sp_span_starts(left, SP_LIT("<!--")) && !sp_span_starts(left, SP_LIT("<?")))
        return at;
    return take_piece(in, &at, &piece) == PIECE_SILENT ? at : SP_NOT_FOUND;
}

/* Where the declaration behind <!DOCTYPE ends: at its '>'. The end of the input when it does not end. *ret_subset: behind its '[', or 0. */
static size_t doctype_end(const struct sp_xml *x, size_t *ret_subset)
{
    bool subset = false;
    *ret_subset = 0;
    for (size_t at = x->at; at < x->in.n; at++) {
        size_t behind = skip_inert(x->in, at);
        if (behind == SP_NOT_FOUND)
            return x->in.n;
        if (behind != at) {
            at = behind - 1;
            continue;
        }
        uint8_t c = x->in.p[at];
        if (c == '>' && !subset)
            return at;
        if (c == '[' && !subset && *ret_subset == 0)
            *ret_subset = at + 1;
        subset = c == '[' || (subset && c != ']');
    }
    return x->in.n;
}

/* One document type a document, as in XML. */
static bool step_doctype(struct sp_xml *x, struct sp_xml_item *ret)
{
    size_t subset;
    if (x->subset_end)
        return stop(x, ret, SP_XML_BROKEN);
    x->at += SP_LIT("<!DOCTYPE").n;
    x->subset_end = doctype_end(x, &subset);
    ret->kind = SP_XML_DOCTYPE;
    ret->value = sp_span_sub(x->in, x->at, x->subset_end - x->at);
    x->at = subset ? subset : x->subset_end;
    x->state = IN_SUBSET;
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
    if (ok && !ret->external && !ret->parameter)
        xml_declare(x, ret->name, ret->value);
    if (!skip_past(x, SP_LIT(">")))
        x->at = x->subset_end;
    return true;
}

/* The next declaration of the document type. At its end the content goes on; when it has none, the input is over. */
static bool step_subset(struct sp_xml *x, struct sp_xml_item *ret)
{
    size_t next = sp_span_byte(scope(x), x->at, '<'), percent = sp_span_byte(sp_span_sub(scope(x), 0, next), x->at, '%');
    x->undeclared |= percent != SP_NOT_FOUND; /* a parameter entity, which may declare others */
    if (next == SP_NOT_FOUND) {
        bool ended = x->subset_end < x->in.n;
        x->at = x->subset_end + ended;
        if (!ended)
            return stop(x, ret, SP_XML_BROKEN);
        x->state = CONTENT;
        return false;
    }
    x->at = next;
    if (sp_span_starts(rest(x), SP_LIT("<!ENTITY"))) {
        x->at += SP_LIT("<!ENTITY").n;
        return step_entity(x, ret);
    }
    size_t behind = skip_inert(scope(x), next);
    x->at = behind == SP_NOT_FOUND ? x->subset_end : behind + (behind == next);
    return false;
}

/* ---- the whole ---- */

static bool step_markup(struct sp_xml *x, struct sp_xml_item *ret)
{
    if (sp_span_istarts(rest(x), SP_LIT("<!DOCTYPE")))
        return step_doctype(x, ret);
    if (!sp_span_starts(rest(x), SP_LIT("</")))
        return step_start(x, ret);
    pop_element(x);
    return skip_past(x, SP_LIT(">")) ? false : stop(x, ret, SP_XML_BROKEN);
}

static bool step_content(struct sp_xml *x, struct sp_xml_item *ret)
{
    struct sp_span piece;
    size_t at = x->at;
    return take_piece(x->in, &at, &piece) == PIECE_NONE ? step_markup(x, ret) : step_text(x, ret);
}

static bool step(struct sp_xml *x, struct sp_xml_item *ret)
{
    if (x->state == STOPPED)
        return stop(x, ret, SP_XML_END);
    if (x->state == IN_SUBSET)
        return step_subset(x, ret);
    if (x->at >= x->in.n)
        return stop(x, ret, x->state == CONTENT && x->depth == 0 ? SP_XML_END : SP_XML_BROKEN);
    return x->state == IN_TAG ? step_tag(x, ret) : step_content(x, ret);
}

void sp_xml_next(struct sp_xml *x, struct sp_xml_item *ret)
{
    *ret = (struct sp_xml_item){0};
    while (!step(x, ret))
        *ret = (struct sp_xml_item){0};
    if (x->arena->exhausted)
        (void)stop(x, ret, SP_XML_BROKEN);
}
