/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xml_entity: references in character data and attribute values, XML 1.0 sections 4.1 to 4.6: predefined entities, characters, and general entities with a
 * literal value in the document's own subset, which may refer to each other. How often, how deep and how far they are followed is bounded.
 */
#include "lang/xml.h"

enum entity_limits {
    NAME_MAX_BYTES = 64,     /* a name; compared at every ampersand */
    NESTED_MAX = 16,         /* entities within entities: a dozen lines are a bomb already */
    EXPANDED_MAX = 256 << 10,/* bytes of replacement texts read for one document: documents that people write have some dozens */
};

/* The reference at in.p[at] == '&': its length and what it stands for; 0 for those that only a document type can explain. */
static size_t reference(struct sp_span in, size_t at, uint32_t *ret)
{
    static const struct { struct sp_span text; uint8_t c; } predefined[] = {
        {{(const uint8_t *)"&lt;", 4}, '<'}, {{(const uint8_t *)"&gt;", 4}, '>'}, {{(const uint8_t *)"&amp;", 5}, '&'},
        {{(const uint8_t *)"&quot;", 6}, '"'}, {{(const uint8_t *)"&apos;", 6}, '\''},
    };
    if (sp_span_at(in, at + 1) == '#') {
        size_t n = numeric_reference(in, at, ret);
        return n && in.p[at + n - 1] == ';' ? n : 0;
    }
    for (size_t i = 0; i < sizeof predefined / sizeof *predefined; i++) {
        if (sp_span_starts(sp_span_from(in, at), predefined[i].text)) {
            *ret = predefined[i].c;
            return predefined[i].text.n;
        }
    }
    return 0;
}

/* ---- entities ---- */

/* Characters are resolved where an entity is declared, other references where it is used (section 4.5). */
static struct sp_span replacement_text(struct sp_span literal, struct sp_arena *a)
{
    if (sp_span_find(literal, 0, SP_LIT("&#")) == SP_NOT_FOUND)
        return literal;
    struct sp_buf out = sp_buf_arena(a, literal.n);
    for (size_t at = 0; at < literal.n;) {
        uint32_t c;
        size_t n = sp_span_starts(sp_span_from(literal, at), SP_LIT("&#")) ? reference(literal, at, &c) : 0;
        if (n)
            put_utf8(&out, c);
        else
            sp_put_byte(&out, literal.p[at]);
        at += n ? n : 1;
    }
    return sp_buf_done(&out, a);
}

static const struct sp_xml_entity *find_entity(const struct sp_xml *x, struct sp_span name)
{
    for (unsigned i = 0; i < x->nentities; i++) {
        if (sp_span_eq(x->entities[i].name, name))
            return &x->entities[i];
    }
    return NULL;
}

/* Of several declarations the first one counts (section 4.2). */
void xml_declare(struct sp_xml *x, struct sp_span name, struct sp_span value)
{
    if (find_entity(x, name))
        return;
    if (x->nentities == SP_XML_ENTITIES_MAX || name.n > NAME_MAX_BYTES || name.n == 0) {
        x->undeclared = true;
        return;
    }
    x->entities[x->nentities++] = (struct sp_xml_entity){name, replacement_text(value, x->arena)};
}

/* The name of the entity referred to at in.p[at] == '&', empty when there is none. */
static struct sp_span name_at(struct sp_span in, size_t at)
{
    struct sp_span window = sp_span_sub(in, at + 1, NAME_MAX_BYTES + 1);
    size_t n = 0;
    while (n < window.n && window.p[n] != ';' && window.p[n] != '&' && window.p[n] != '#' && window.p[n] > ' ')
        n++;
    return sp_span_sub(window, 0, sp_span_at(window, n) == ';' ? n : 0);
}

static bool unclear(struct sp_xml *x)
{
    x->arena->exhausted = true;
    return false;
}

/* Can it be put in the place of its reference? What has markup in it would be elements there. */
static bool may_expand(struct sp_xml *x, const struct sp_xml_entity *e, unsigned depth)
{
    if (depth == NESTED_MAX || e->text.n >= EXPANDED_MAX - x->expanded || sp_span_byte(e->text, 0, '<') != SP_NOT_FOUND)
        return unclear(x);
    x->expanded += (uint32_t)e->text.n + 1;
    return true;
}

static size_t growth(struct sp_xml *x, struct sp_span in, unsigned depth)
{
    size_t n = 0;
    for (size_t at = 0; (at = sp_span_byte(in, at, '&')) != SP_NOT_FOUND && !x->arena->exhausted; at++) {
        uint32_t c;
        struct sp_span name = name_at(in, at);
        if (name.n == 0 || reference(in, at, &c))
            continue;
        const struct sp_xml_entity *e = find_entity(x, name);
        if (e && may_expand(x, e, depth))
            n += e->text.n + growth(x, e->text, depth + 1);
        else if (!e && x->undeclared)
            (void)unclear(x);
    }
    return n;
}

size_t xml_growth(struct sp_xml *x, struct sp_span in)
{
    return x->nentities || x->undeclared ? growth(x, in, 0) : 0;
}

/* ---- resolving ---- */

static void put_resolved(const struct sp_xml *x, struct sp_buf *out, struct sp_span in, unsigned depth)
{
    for (size_t at = 0; at < in.n && depth <= NESTED_MAX;) {
        size_t next = sp_span_byte(in, at, '&');
        sp_put(out, sp_span_sub(in, at, (next == SP_NOT_FOUND ? in.n : next) - at));
        if (next == SP_NOT_FOUND)
            return;
        uint32_t c;
        size_t n = reference(in, next, &c);
        struct sp_span name = n ? (struct sp_span){NULL, 0} : name_at(in, next);
        const struct sp_xml_entity *e = name.n ? find_entity(x, name) : NULL;
        if (e)
            put_resolved(x, out, e->text, depth + 1);
        else
            put_utf8(out, n ? c : '&');
        at = next + (n ? n : e ? name.n + 2 : 1);
    }
}

void xml_put_resolved(const struct sp_xml *x, struct sp_buf *out, struct sp_span in)
{
    if (!x->arena->exhausted)
        put_resolved(x, out, in, 0);
}

struct sp_span xml_resolve(struct sp_xml *x, struct sp_span in, size_t growth_max)
{
    if (sp_span_byte(in, 0, '&') == SP_NOT_FOUND)
        return in;
    struct sp_buf out = sp_buf_arena(x->arena, in.n + growth_max);
    xml_put_resolved(x, &out, in);
    return sp_buf_done(&out, x->arena);
}
