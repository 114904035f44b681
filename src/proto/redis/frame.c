/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame: where commands end. A command that fits in HEAD_MAX is a unit. Of a longer one the arguments that end within are its head, and the others
 * flow by unread unless a rule has to read them. Commands of which no rule reads a field flow, many at once.
 *
 * MORE's mark: the offset of the argument at hand in its lower half, arguments still to come in its upper. FLOW's: arguments still to come below,
 * commands begun above.
 */
#include "proto/redis/redis.h"

static struct sp_frame more(uint64_t at, uint64_t left)
{
    return (struct sp_frame){.fate = SP_MORE, .mark = left << 32 | at};
}

/* What cannot become a command is a unit up to the byte that shows it: decode says what is wrong with it. */
static struct sp_frame unit(size_t len)
{
    return (struct sp_frame){.fate = SP_UNIT, .len = len};
}

static bool is_crlf(struct sp_span in, size_t at)
{
    return in.p[at] == '\r' && in.p[at + 1] == '\n';
}

static struct sp_frame measure(struct sp_span in, uint64_t mark, size_t first, uint32_t count, bool whole, uint64_t whole_max)
{
    size_t at = mark ? (uint32_t)mark : first;
    uint64_t max = whole ? whole_max : HEAD_MAX;
    for (uint32_t left = mark ? (uint32_t)(mark >> 32) : count; left; left--) {
        struct redis_bulk b = redis_bulk(in, at);
        if (b.is == READ_BAD)
            return unit(b.end);
        if (b.is == READ_OK && b.end > max) /* without its name: malformed */
            return whole ? measure(in, 0, first, count, false, 0) : unit(at > first ? at : b.data);
        if (b.is == READ_MORE || b.end > in.n)
            return more(at, left);
        if (!is_crlf(in, b.end - 2))
            return unit(b.end);
        at = b.end;
    }
    return unit(at);
}

/* ---- commands that nobody reads ---- */

struct hop {
    size_t at;
    uint32_t commands, left;
};

/* Arguments whose headers are there, whether or not all of their bytes are. */
static void hop_arguments(struct sp_span in, struct hop *h)
{
    while (h->left && h->at < in.n) {
        struct redis_bulk b = redis_bulk(in, h->at);
        if (b.is != READ_OK)
            return;
        h->at = b.end;
        h->left--;
    }
}

static struct sp_frame flow(const struct hop *h, bool part)
{
    return (struct sp_frame){.fate = SP_FLOW, .len = h->at, .part = part, .mark = (uint64_t)h->commands << 32 | h->left};
}

/* The fields that only some commands have. */
static const uint64_t SCRIPTS = UINT64_C(1) << SP_REDIS_SCRIPT;
static const uint64_t CONFIGS = UINT64_C(1) << SP_REDIS_CONFIG | UINT64_C(1) << SP_REDIS_CONFIG_NAMES;

_Static_assert(SP_REDIS_NFIELDS <= 64, "fields that are asked for are looked at as one word");

static bool is_every_read(const struct sp_ask *ask)
{
    return !ask->verb.heard && (ask->want[0] & ~(SCRIPTS | CONFIGS));
}

/* Some rule asks for a command of this name; for one that has subcommands, or is none of the server's own, it is not found out here. */
static bool is_heard(const struct redis_command *c, const struct sp_ask *ask)
{
    return !c || c->subs || ask->verb.heard(ask->verb.ctx, sp_span_of(c->name, c->len));
}

static bool is_read(struct sp_span name, const struct sp_ask *ask)
{
    const struct redis_command *c = redis_command_named(redis_c_text(name));
    if (ask->verb.heard && is_heard(c, ask))
        return true;
    if (!c)
        return sp_span_byte(name, 0, 0) != SP_NOT_FOUND;
    if (c->effect == EFFECT_SCRIPT)
        return ask->want[0] & SCRIPTS;
    if (c->effect == EFFECT_CONFIG)
        return ask->want[0] & CONFIGS;
    return c->effect != EFFECT_PLAIN;
}

/* ---- the command at h->at ---- */

enum found {
    FOUND_NOTHING, /* no command, or one that nobody reads: h has gone on */
    FOUND_UNIT,    /* one that has to be looked at stands there */
    FOUND_SHORT,   /* it is not all there */
};

static struct sp_span first_word(struct sp_span line)
{
    size_t from = 0, n = 0;
    while (from < line.n && (line.p[from] == ' ' || (line.p[from] >= '\t' && line.p[from] <= '\r')))
        from++;
    while (from + n < line.n && line.p[from + n] != ' ' && line.p[from + n] != '\t' && line.p[from + n] != '\r' && line.p[from + n] != '\n')
        n++;
    return sp_span_sub(line, from, n);
}

static enum found find_inline(struct sp_span in, struct hop *h, bool every, const struct sp_ask *ask, size_t scanned)
{
    struct redis_number line = redis_line(in, h->at, scanned);
    if (line.is == READ_MORE)
        return FOUND_SHORT;
    if (line.is == READ_BAD)
        return FOUND_UNIT;
    struct sp_span word = first_word(sp_span_sub(in, h->at, line.end - h->at));
    bool quoted = word.n && (sp_span_byte(word, 0, '"') != SP_NOT_FOUND || sp_span_byte(word, 0, '\'') != SP_NOT_FOUND);
    if (word.n && (every || quoted || is_read(word, ask)))
        return FOUND_UNIT;
    h->at = line.end;
    h->commands += word.n > 0;
    return FOUND_NOTHING;
}

static enum found find_counted(struct sp_span in, struct hop *h, bool every, const struct sp_ask *ask)
{
    struct redis_number n = redis_number(in, h->at + 1, COUNT_MAX, ANOMALY_COUNT);
    if (n.is == READ_MORE)
        return FOUND_SHORT;
    if (n.is == READ_BAD || (every && n.value > 0))
        return FOUND_UNIT;
    if (n.value <= 0) {
        h->at = n.end;
        return FOUND_NOTHING;
    }
    struct redis_bulk name = redis_bulk(in, n.end);
    if (name.is == READ_MORE || (name.is == READ_OK && name.len <= HEAD_MAX && name.end > in.n))
        return FOUND_SHORT;
    if (name.is == READ_BAD || name.len > HEAD_MAX || !is_crlf(in, name.end - 2) || is_read(sp_span_sub(in, name.data, name.len), ask))
        return FOUND_UNIT;
    h->at = name.end;
    h->left = (uint32_t)n.value - 1;
    h->commands++;
    hop_arguments(in, h);
    return FOUND_NOTHING;
}

/*
 * The length of a counted command that is all there and has no number of more than two digits, as nearly all: 0 when it is another one.
 * 99 arguments of 99 bytes are less than HEAD_MAX.
 */
static size_t plain_length(struct sp_span in)
{
    size_t left, len = 0, n = redis_small(in, 1, &left), at = 1 + n;
    if (!n || !left)
        return 0;
    for (; left; left--) {
        n = at < in.n && in.p[at] == '$' ? redis_small(in, at + 1, &len) : 0;
        at += 1 + n + len + 2;
        if (!n || at > in.n || !is_crlf(in, at - 2))
            return 0;
    }
    return at;
}

static struct sp_frame frame_unit(struct sp_span in, uint64_t mark, const struct sp_ask *ask)
{
    if (in.p[0] != '*')
        return unit(redis_line(in, 0, (uint32_t)mark).end);
    struct redis_number n = redis_number(in, 1, COUNT_MAX, ANOMALY_COUNT);
    return n.is == READ_OK ? measure(in, mark, n.end, (uint32_t)n.value, ask->whole, ask->max) : unit(n.end);
}

static struct sp_frame frame_commands(struct sp_span in, uint64_t mark, const struct sp_ask *ask)
{
    struct hop h = {0};
    bool every = is_every_read(ask);
    size_t plain = every && !mark && in.n && in.p[0] == '*' ? plain_length(in) : 0;
    if (plain)
        return unit(plain);
    enum found found = mark >> 32 ? FOUND_UNIT : FOUND_NOTHING;
    while (found == FOUND_NOTHING && !h.left && h.at < in.n && h.commands < FLOW_COUNT_MAX) {
        if (in.p[h.at] == '*')
            found = find_counted(in, &h, every, ask);
        else
            found = find_inline(in, &h, every, ask, h.at ? 0 : (uint32_t)mark);
    }
    if (h.at)
        return flow(&h, false);
    if (found == FOUND_UNIT)
        return frame_unit(in, mark, ask);
    return more(in.n && in.p[0] != '*' ? in.n : 0, 0);
}

/* The rest of a command whose head has been dealt with. */
static struct sp_frame frame_rest(const struct redis_state *st, struct sp_span in)
{
    struct hop h = {.left = st->left};
    hop_arguments(in, &h);
    if (h.at)
        return flow(&h, true);
    struct redis_bulk b = redis_bulk(in, 0);
    return b.is == READ_BAD ? (struct sp_frame){.fate = SP_UNIT, .len = b.end, .part = true} : more(0, 0);
}

struct sp_frame redis_frame(const void *state, enum sp_dir dir, struct sp_span in, uint64_t mark, const struct sp_ask *ask)
{
    const struct redis_state *st = state;
    if (dir == SP_S2C)
        return redis_frame_reply(st, in, mark, ask);
    bool waits = (st->flags & ST_AUTH) && sp_bit(ask->want, SP_REDIS_USER);
    if (waits || (st->flags & ST_DEAD))
        return (struct sp_frame){.fate = SP_STALL};
    return st->left ? frame_rest(st, in) : frame_commands(in, mark, ask);
}

void redis_grant_request(struct redis_state *st, const struct sp_frame *f)
{
    st->left = (uint32_t)f->mark;
    if (f->part)
        return;
    st->sent += (uint32_t)(f->mark >> 32);
    st->flags = (st->flags & ~(uint32_t)ST_DROPPING) | (f->mark >> 32 ? ST_SPOKEN : 0);
}
