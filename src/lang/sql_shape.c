/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sql_shape: see the header. The hash of an element of a list begins afresh; when the element ends, its hash is taken into the list's, unless one like it
 * was there before. So a list costs nothing but reading it.
 */
#include "lang/sql_shape.h"

#include "base/hash.h"

/* A token that has been read and counts only when it is known what follows. */
enum hold {
    HOLD_NOTHING,
    HOLD_SIGN,     /* + or - where an operand has to come */
    HOLD_END,      /* semicolons */
    HOLD_ROW,      /* a row has ended */
    HOLD_NEXT_ROW, /* and a comma came */
};

static const uint64_t VALUE = '?', UNREADABLE = '!';

/* Two sums side by side: who would make one statement look like another has to meet both. */
static inline void mix(struct shape_hash *h, uint64_t key)
{
    unsigned __int128 m = (unsigned __int128)(h->b + key + UINT64_C(0x632be59bd9b4e019)) * UINT64_C(0x9e3779b97f4a7c15);
    h->a = sql_word_fold(h->a ^ key);
    h->b = (uint64_t)m ^ (uint64_t)(m >> 64);
}

static inline uint64_t sum(struct shape_hash h)
{
    return sql_word_fold(h.a + (h.b << 32 | h.b >> 32));
}

/* ---- text ---- */

static void put_piece(struct shape *sh, struct sp_span piece, bool fold, bool glue_before, bool glue_after)
{
    if (!sh->glued && !glue_before)
        sp_put_byte(sh->text, ' ');
    sh->glued = glue_after;
    for (size_t i = 0; fold && i < piece.n; i++)
        sp_put_byte(sh->text, sp_lower(piece.p[i]));
    if (!fold)
        sp_put(sh->text, piece);
}

static void put_punctuation(struct shape *sh, struct sp_span piece)
{
    uint8_t c = piece.p[0];
    bool name = (sh->last_kind == SP_SQL_WORD && !(sql_words[sh->last_keyword].flags & RESERVED)) || sh->last_kind == SP_SQL_NAME;
    bool glue_before = c == ',' || c == ')' || c == ']' || c == '.' || c == ';' || c == '[' || (c == '(' && name) ||
                       (piece.n == 2 && c == ':' && piece.p[1] == ':');
    put_piece(sh, piece, false, glue_before, c == '(' || c == '[' || c == '.' || (c == ':' && piece.n == 2 && glue_before));
}

/* ---- lists ---- */

static void open_list(struct shape *sh, bool rows)
{
    if (sh->nlists == LISTS_MAX)
        return;
    struct shape_list *l = &sh->lists[sh->nlists++];
    l->before = sh->hash;
    l->text = sh->text ? sh->text->n : 0;
    l->depth = sh->depth;
    l->nforms = 0;
    l->rows = rows;
    sh->hash = (struct shape_hash){0, 0};
}

static void next_element(struct shape *sh, struct shape_list *l)
{
    l->before = sh->hash;
    sh->hash = (struct shape_hash){0, 0};
    if (!sh->text)
        return;
    l->text = sh->text->n;
    sh->glued = false;
    sp_put_byte(sh->text, ',');
}

/* The element that ends here counts unless one of its form did. */
static void end_element(struct shape *sh, struct shape_list *l)
{
    struct shape_hash single = {0, 0};
    mix(&single, VALUE);
    uint64_t form = sum(sh->hash);
    bool repeated = false;
    for (unsigned i = 0; i < l->nforms; i++)
        repeated |= l->forms[i] == form;
    if (sh->text && !repeated && !l->rows && form == sum(single))
        sp_put_byte(sh->text, '+');
    sh->hash = l->before;
    if (repeated && sh->text)
        sh->text->n = l->text;
    if (!repeated)
        mix(&sh->hash, form);
    if (!repeated && l->nforms < FORMS_MAX)
        l->forms[l->nforms++] = form;
}

static struct shape_list *list_of(struct shape *sh, bool rows)
{
    struct shape_list *l = sh->nlists ? &sh->lists[sh->nlists - 1] : NULL;
    return l && l->rows == rows && l->depth == sh->depth ? l : NULL;
}

/* A query in the brackets behind IN is no list. */
static void leave_query_alone(struct shape *sh, uint8_t keyword)
{
    bool query = keyword == K_SELECT || keyword == K_WITH || keyword == K_VALUES || keyword == K_TABLE;
    struct shape_list *l = list_of(sh, false);
    if (query && l && !l->nforms && sh->hash.a == 0 && sh->hash.b == 0) {
        sh->hash = l->before;
        sh->nlists--;
    }
}

/* ---- tokens ---- */

static void put_value(struct shape *sh)
{
    mix(&sh->hash, VALUE);
    if (sh->text)
        put_piece(sh, SP_LIT("?"), false, false, false);
    sh->operand = true;
}

static uint64_t pack(struct sp_span piece)
{
    if (piece.n > 8)
        return sp_hash(piece);
    uint64_t w = 0;
    for (size_t i = 0; i < piece.n; i++)
        w = w << 8 | piece.p[i];
    return w;
}

/* Punctuation and operators, by their bytes. */
static void put_bytes(struct shape *sh, struct sp_span piece)
{
    mix(&sh->hash, pack(piece));
    if (sh->text)
        put_punctuation(sh, piece);
    sh->operand = piece.p[0] == ')' || piece.p[0] == ']';
}

static void settle_end(struct shape *sh)
{
    for (; sh->nlists; sh->nlists--)
        end_element(sh, &sh->lists[sh->nlists - 1]);
    sh->depth = 0;
    put_bytes(sh, SP_LIT(";"));
}

/* What was held counts, or not, now that t is there. True: t itself is held, or gone. */
static bool settle(struct shape *sh, const struct sp_sql_token *t, uint8_t byte)
{
    uint8_t hold = sh->hold;
    bool comma = t->kind == SP_SQL_PUNCTUATION && byte == ',';
    if (hold == HOLD_END && t->kind == SP_SQL_PUNCTUATION && byte == ';')
        return true;
    sh->hold = HOLD_NOTHING;
    if (hold == HOLD_END) {
        settle_end(sh);
    } else if (hold == HOLD_SIGN && t->kind != SP_SQL_NUMBER) {
        put_bytes(sh, sh->sign == '-' ? SP_LIT("-") : SP_LIT("+"));
    } else if (hold == HOLD_ROW && comma) {
        sh->hold = HOLD_NEXT_ROW;
        return true;
    } else if (hold == HOLD_ROW) {
        sh->nlists--;
    } else if (hold == HOLD_NEXT_ROW && (t->keyword == K_ROW || byte == '(')) {
        next_element(sh, &sh->lists[sh->nlists - 1]);
    } else if (hold == HOLD_NEXT_ROW) {
        sh->nlists--;
        put_bytes(sh, SP_LIT(","));
    }
    return false;
}

/* user0_, id1_0_: made up, and counted anew for every statement. */
static bool is_made_up(struct sp_span word)
{
    return word.n > 2 && word.p[word.n - 1] == '_' && sp_is_digit(word.p[word.n - 2]);
}

static void put_made_up(struct shape *sh, struct sp_span word)
{
    if (sh->text)
        put_piece(sh, SP_LIT(""), false, false, true);
    for (size_t i = 0; i < word.n; i++) {
        bool digit = sp_is_digit(word.p[i]);
        if (digit && i && sp_is_digit(word.p[i - 1]))
            continue;
        mix(&sh->hash, digit ? '#' : sp_lower(word.p[i]));
        if (sh->text)
            sp_put_byte(sh->text, digit ? '#' : sp_lower(word.p[i]));
    }
    sh->glued = false;
}

/* NULL and the like among the values of a list. */
static bool is_listed_value(const struct shape *sh, uint8_t keyword)
{
    const struct shape_list *l = &sh->lists[sh->nlists - 1];
    bool first = sh->last_kind == SP_SQL_PUNCTUATION && (sh->last_byte == ',' || sh->last_byte == '(' || sh->last_byte == '[');
    bool value = keyword == K_NULL || keyword == K_TRUE || keyword == K_FALSE || (keyword == K_DEFAULT && l->rows);
    return value && first && sh->depth == l->depth + l->rows;
}

static void word(struct shape *sh, const struct sp_sql_token *t)
{
    struct sp_span text = sp_span_sub(sh->in, t->off, t->len);
    uint8_t flags = sql_words[t->keyword].flags;
    if (sh->nlists && is_listed_value(sh, t->keyword)) {
        put_value(sh);
        return;
    }
    if (sh->nlists)
        leave_query_alone(sh, t->keyword);
    if (sh->last_keyword == K_VALUES && t->keyword == K_ROW)
        open_list(sh, true);
    sh->operand = !(flags & RESERVED) || (flags & OPERAND);
    if (is_made_up(text)) {
        put_made_up(sh, text);
        return;
    }
    mix(&sh->hash, t->key);
    if (sh->text)
        put_piece(sh, text, true, false, false);
}

static void open_bracket(struct shape *sh, struct sp_span piece)
{
    bool round = piece.p[0] == '(';
    if (round && sh->last_keyword == K_VALUES)
        open_list(sh, true);
    put_bytes(sh, piece);
    sh->depth++;
    if (round ? sh->last_keyword == K_IN : sh->last_keyword == K_ARRAY)
        open_list(sh, false);
}

static void close_bracket(struct shape *sh, struct sp_span piece)
{
    struct shape_list *l = list_of(sh, false);
    if (l) {
        end_element(sh, l);
        sh->nlists--;
    }
    sh->depth -= sh->depth > 0;
    put_bytes(sh, piece);
    l = list_of(sh, true);
    if (l) {
        end_element(sh, l);
        sh->hold = HOLD_ROW;
    }
}

static void punctuation(struct shape *sh, struct sp_span piece)
{
    uint8_t c = piece.p[0];
    struct shape_list *l = c == ',' && sh->nlists ? list_of(sh, false) : NULL;
    if (c == '(' || c == '[') {
        open_bracket(sh, piece);
    } else if (c == ')' || c == ']') {
        close_bracket(sh, piece);
    } else if (c == ';') {
        sh->hold = sh->any ? HOLD_END : HOLD_NOTHING;
    } else if (l) {
        end_element(sh, l);
        next_element(sh, l);
        sh->operand = false;
    } else {
        put_bytes(sh, piece);
    }
}

/* Quoted names and variables: as they are written. */
static void name(struct shape *sh, struct sp_span piece, bool folded)
{
    mix(&sh->hash, folded ? sp_ihash(piece) : sp_hash(piece));
    if (sh->text)
        put_piece(sh, piece, folded, false, false);
    sh->operand = true;
}

static void operator(struct shape *sh, struct sp_span piece)
{
    bool sign = piece.n == 1 && (piece.p[0] == '-' || piece.p[0] == '+');
    if (!sign || sh->operand) {
        put_bytes(sh, piece);
        return;
    }
    sh->hold = HOLD_SIGN;
    sh->sign = piece.p[0];
}

void sql_shape_start(struct shape *sh, struct sp_span in, struct sp_sql_mode mode, struct sp_buf *text)
{
    sh->in = in;
    sh->text = text;
    sh->joins_strings = mode.dialect == SP_SQL_MYSQL;
    sh->hash = (struct shape_hash){0, 0};
    sh->depth = sh->sign = 0;
    sh->hold = sh->nlists = 0;
    sh->any = sh->operand = false;
    sh->last_kind = sh->last_keyword = sh->last_byte = 0;
    sh->glued = true;
}

void sql_shape_token(struct shape *sh, const struct sp_sql_token *t)
{
    struct sp_span piece = sp_span_sub(sh->in, t->off, t->len);
    uint8_t byte = piece.n ? piece.p[0] : 0;
    if (sh->hold && settle(sh, t, byte))
        return;
    switch (t->kind) {
    case SP_SQL_WORD: word(sh, t); break;
    case SP_SQL_STRING:
        if (sh->last_kind == SP_SQL_STRING && sh->joins_strings)
            return;
        put_value(sh);
        break;
    case SP_SQL_NUMBER:
    case SP_SQL_PARAMETER: put_value(sh); break;
    case SP_SQL_NAME: name(sh, piece, false); break;
    case SP_SQL_VARIABLE: name(sh, piece, true); break;
    case SP_SQL_PUNCTUATION: punctuation(sh, piece); break;
    case SP_SQL_OPERATOR: operator(sh, piece); break;
    default:
        mix(&sh->hash, UNREADABLE);
        if (sh->text)
            put_piece(sh, SP_LIT("(unreadable)"), false, false, false);
    }
    sh->any |= !(t->kind == SP_SQL_PUNCTUATION && byte == ';');
    sh->last_kind = t->kind;
    sh->last_keyword = t->keyword;
    sh->last_byte = byte;
}

uint64_t sql_shape_end(struct shape *sh)
{
    static const struct sp_sql_token end = {.kind = SP_SQL_END};
    if (sh->hold && sh->hold != HOLD_END)
        settle(sh, &end, 0);
    for (; sh->nlists; sh->nlists--)
        end_element(sh, &sh->lists[sh->nlists - 1]);
    return sh->any ? sum(sh->hash) : 0;
}
