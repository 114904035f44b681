/* SPDX-License-Identifier: Apache-2.0 */
/* decode: one command into fields. */
#include "proto/redis/redis.h"

static const struct sp_span NONE = {NULL, 0};

enum decode_limits {
    ARGUMENT_MIN = 6, /* bytes of the shortest: $0 CRLF CRLF */
    POSITION_MAX = 12, /* digits of an argument's position */
};

struct sp_span redis_c_text(struct sp_span s)
{
    size_t nul = sp_span_byte(s, 0, 0);
    return nul == SP_NOT_FOUND ? s : sp_span_sub(s, 0, nul);
}

/* ---- arguments ---- */

static bool read_inline(struct sp_span unit, struct sp_arena *a, struct redis_request *r, enum redis_anomaly *ret)
{
    struct redis_number line = redis_line(unit, 0, 0);
    size_t max = unit.n / 2 + 1;
    *ret = line.is == READ_BAD ? line.anomaly : ANOMALY_INLINE_QUOTES;
    if (line.is != READ_OK)
        return false;
    r->is_inline = true;
    r->argv = sp_arena_get(a, max * sizeof *r->argv);
    r->raw = sp_arena_get(a, max * sizeof *r->raw);
    int n = r->argv && r->raw ? redis_split(unit, a, r->argv, r->raw, max) : -1;
    if (n <= 0)
        return false;
    r->count = r->inside = (uint32_t)n;
    return true;
}

static enum redis_anomaly read_argument(struct sp_span unit, size_t *at, struct redis_request *r)
{
    struct redis_bulk b = redis_bulk(unit, *at);
    if (b.is != READ_OK)
        return b.is == READ_BAD ? b.anomaly : ANOMALY_COUNT;
    if (b.end > unit.n)
        return r->inside ? ANOMALY_BULK_END : ANOMALY_NAME_TOO_LONG;
    if (unit.p[b.end - 2] != '\r' || unit.p[b.end - 1] != '\n')
        return ANOMALY_BULK_END;
    r->argv[r->inside++] = sp_span_sub(unit, b.data, b.len);
    *at = b.end;
    return ANOMALY_NONE;
}

/* One that has a length of one or two digits, as nearly all. False: look closer. */
static inline bool read_plainly(struct sp_span unit, size_t *at, struct redis_request *r)
{
    size_t len = 0, n = unit.p[*at] == '$' ? redis_small(unit, *at + 1, &len) : 0;
    size_t data = *at + 1 + n, end = data + len + 2;
    if (!n || end > unit.n || unit.p[end - 2] != '\r' || unit.p[end - 1] != '\n')
        return false;
    r->argv[r->inside++] = sp_span_sub(unit, data, len);
    *at = end;
    return true;
}

static bool read_counted(struct sp_span unit, struct sp_arena *a, struct redis_request *r, enum redis_anomaly *ret)
{
    struct redis_number n = redis_number(unit, 1, COUNT_MAX, ANOMALY_COUNT);
    *ret = n.is == READ_BAD ? n.anomaly : ANOMALY_COUNT;
    if (n.is != READ_OK || n.value <= 0)
        return false;
    r->count = (uint32_t)n.value;
    size_t most = unit.n / ARGUMENT_MIN + 1;
    r->argv = sp_arena_get(a, (r->count < most ? r->count : most) * sizeof *r->argv);
    *ret = ANOMALY_NONE;
    for (size_t at = n.end; r->argv && at < unit.n && r->inside < r->count;) {
        if (read_plainly(unit, &at, r))
            continue;
        *ret = read_argument(unit, &at, r);
        if (*ret != ANOMALY_NONE)
            return false;
    }
    return r->argv && r->inside;
}

bool redis_request_read(struct sp_span unit, struct sp_arena *a, struct redis_request *r, enum redis_anomaly *ret)
{
    *r = (struct redis_request){0};
    bool ok = sp_span_at(unit, 0) == '*' ? read_counted(unit, a, r, ret) : read_inline(unit, a, r, ret);
    if (a->exhausted || !ok)
        return false;
    r->command = redis_command_named(r->argv[0]);
    return true;
}

/* ---- values ---- */

void redis_add(struct sp_msg *m, unsigned field, struct sp_span key, struct sp_span str, const struct redis_request *r, uint32_t i)
{
    struct sp_span raw = r->is_inline ? r->raw[i] : r->argv[i];
    bool derived = str.p != raw.p || str.n != raw.n;
    struct sp_value v = {.field = (uint16_t)field, .key = key, .str = str, .off = (uint32_t)(raw.p - m->unit.p), .len = (uint32_t)raw.n,
                         .flags = derived ? SP_V_DERIVED : 0};
    (void)sp_msg_add(m, &v);
}

static void add_number(struct sp_msg *m, unsigned field, int64_t num)
{
    struct sp_value v = {.field = (uint16_t)field, .num = num, .flags = SP_V_DERIVED};
    if (sp_want(m, field))
        (void)sp_msg_add(m, &v);
}

static void add_text(struct sp_msg *m, unsigned field, struct sp_span str)
{
    struct sp_value v = {.field = (uint16_t)field, .str = str, .flags = SP_V_DERIVED};
    (void)sp_msg_add(m, &v);
}

static struct sp_span lower(struct sp_msg *m, struct sp_span s)
{
    uint8_t *p = sp_arena_get(m->arena, s.n);
    for (size_t i = 0; p && i < s.n; i++)
        p[i] = sp_lower(s.p[i]);
    return p ? sp_span_of(p, s.n) : NONE;
}

static struct sp_span name_of(struct sp_msg *m, const struct redis_request *r)
{
    return r->command ? sp_span_of(r->command->name, r->command->len) : lower(m, r->argv[0]);
}

static bool has_subcommand(const struct redis_request *r)
{
    return r->inside > 1 && r->command && (r->command->subs || r->command == redis_command_at(COMMAND_DEBUG));
}

/* container|subcommand */
static struct sp_span full_name(struct sp_msg *m, const struct redis_request *r, const struct redis_subcommand *sub)
{
    if (sub)
        return sub->name;
    struct sp_buf out = sp_buf_arena(m->arena, (size_t)r->command->len + 1 + r->argv[1].n);
    sp_put(&out, sp_span_of(r->command->name, r->command->len));
    sp_put_byte(&out, '|');
    for (size_t i = 0; i < r->argv[1].n; i++)
        sp_put_byte(&out, sp_lower(r->argv[1].p[i]));
    return sp_buf_done(&out, m->arena);
}

static void add_categories(struct sp_msg *m, unsigned categories)
{
    static const char *const names[REDIS_CATEGORIES] = {"read", "write", "keyspace", "admin", "dangerous", "connection", "transaction",
                                                        "scripting", "pubsub", "blocking"};
    for (unsigned i = 0; i < REDIS_CATEGORIES; i++) {
        if (categories >> i & 1)
            add_text(m, SP_REDIS_CATEGORY, sp_span_str(names[i]));
    }
}

static void add_command(struct sp_msg *m, const struct redis_request *r)
{
    bool contains = r->command && r->command->subs && r->inside > 1;
    const struct redis_subcommand *sub = contains ? redis_subcommand_named(r->command, r->argv[1]) : NULL;
    if (sp_want(m, SP_REDIS_COMMAND))
        redis_add(m, SP_REDIS_COMMAND, NONE, contains ? full_name(m, r, sub) : name_of(m, r), r, 0);
    if (sp_want(m, SP_REDIS_NAME))
        redis_add(m, SP_REDIS_NAME, NONE, name_of(m, r), r, 0);
    if (sp_want(m, SP_REDIS_SUBCOMMAND) && has_subcommand(r))
        redis_add(m, SP_REDIS_SUBCOMMAND, NONE, lower(m, r->argv[1]), r, 1);
    if (sp_want(m, SP_REDIS_CATEGORY) && r->command)
        add_categories(m, sub ? sub->categories : r->command->categories);
}

static struct sp_span position(struct sp_msg *m, uint32_t i)
{
    static const char *const small[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    if (i < sizeof small / sizeof *small)
        return sp_span_of(small[i], 1);
    struct sp_buf out = sp_buf_arena(m->arena, POSITION_MAX);
    sp_put_u64(&out, i);
    return sp_buf_done(&out, m->arena);
}

static void add_arguments(struct sp_msg *m, const struct redis_request *r)
{
    bool all = sp_want(m, SP_REDIS_ARGS), by_position = sp_want(m, SP_REDIS_ARG), passwords = sp_want(m, SP_REDIS_PASSWORD);
    if (!all && !by_position && !passwords)
        return;
    bool secrets = redis_has_passwords(r);
    for (uint32_t i = 1; i < r->inside && !m->overflow && !m->arena->exhausted; i++) {
        bool secret = secrets && redis_is_password(r, i);
        if (secret && passwords)
            redis_add(m, SP_REDIS_PASSWORD, NONE, r->argv[i], r, i);
        if (!secret && all)
            redis_add(m, SP_REDIS_ARGS, NONE, r->argv[i], r, i);
        if (!secret && by_position)
            redis_add(m, SP_REDIS_ARG, position(m, i), r->argv[i], r, i);
    }
}

static bool is_config_set(const struct redis_request *r)
{
    return r->command && r->command->effect == EFFECT_CONFIG && r->inside > 1 && sp_span_ieq(redis_c_text(r->argv[1]), SP_LIT("set"));
}

static void add_config(struct sp_msg *m, const struct redis_request *r)
{
    bool names = sp_want(m, SP_REDIS_CONFIG_NAMES), values = sp_want(m, SP_REDIS_CONFIG);
    if ((!names && !values) || !is_config_set(r))
        return;
    for (uint32_t i = 2; i < r->inside && !m->overflow && !m->arena->exhausted; i += 2) {
        struct sp_span name = lower(m, redis_c_text(r->argv[i]));
        if (names)
            redis_add(m, SP_REDIS_CONFIG_NAMES, NONE, name, r, i);
        if (values && i + 1 < r->inside && !redis_is_password(r, i + 1))
            redis_add(m, SP_REDIS_CONFIG, name, r->argv[i + 1], r, i + 1);
    }
}

static void add_session(const struct redis_state *st, struct sp_msg *m)
{
    if (sp_want(m, SP_REDIS_USER) && !(st->flags & ST_UNSURE))
        add_text(m, SP_REDIS_USER, redis_user(st));
    add_number(m, SP_REDIS_DATABASE, st->database);
    add_number(m, SP_REDIS_IN_MULTI, st->flags & ST_MULTI ? 1 : 0);
}

static void add_values(const struct redis_state *st, struct sp_msg *m, const struct redis_request *r)
{
    uint32_t script = sp_want(m, SP_REDIS_SCRIPT) ? redis_script_at(r) : 0;
    add_command(m, r);
    add_number(m, SP_REDIS_ARGS_COUNT, r->count - 1);
    add_arguments(m, r);
    if (sp_want(m, SP_REDIS_KEYS))
        redis_keys(m, r);
    if (script && script < r->inside)
        redis_add(m, SP_REDIS_SCRIPT, NONE, r->argv[script], r, script);
    add_config(m, r);
    add_session(st, m);
}

/* Which fields the arguments could have that are not here. */
static void say_body(struct sp_msg *m, const struct redis_request *r)
{
    static const uint8_t always[] = {SP_REDIS_ARGS, SP_REDIS_ARG, SP_REDIS_KEYS, SP_REDIS_PASSWORD};
    for (size_t i = 0; i < sizeof always; i++)
        sp_bit_set(m->body_fields, always[i]);
    if (r->command && r->command->effect == EFFECT_SCRIPT)
        sp_bit_set(m->body_fields, SP_REDIS_SCRIPT);
    if (is_config_set(r)) {
        sp_bit_set(m->body_fields, SP_REDIS_CONFIG);
        sp_bit_set(m->body_fields, SP_REDIS_CONFIG_NAMES);
    }
}

/* ---- what does not pass ---- */

static bool says_auth(const struct redis_request *r)
{
    bool found = r->command->effect == EFFECT_AUTH;
    for (uint32_t i = 2; r->command->effect == EFFECT_HELLO && i < r->inside && !found; i++)
        found = sp_span_ieq(redis_c_text(r->argv[i]), SP_LIT("auth"));
    return found;
}

static enum redis_anomaly anomaly_of(const struct redis_state *st, const struct sp_msg *m, const struct redis_request *r)
{
    bool sub = has_subcommand(r);
    if (r->command && r->command->subs && r->inside == 1 && r->count > 1)
        return ANOMALY_NAME_TOO_LONG;
    if ((!r->command && sp_span_byte(r->argv[0], 0, 0) != SP_NOT_FOUND) || (sub && sp_span_byte(r->argv[1], 0, 0) != SP_NOT_FOUND))
        return ANOMALY_NAME_NUL;
    if (m->whole && r->inside < r->count)
        return ANOMALY_TOO_LONG;
    if (!r->command || r->command->effect == EFFECT_PLAIN)
        return ANOMALY_NONE;
    if (r->command->effect == EFFECT_HTTP)
        return ANOMALY_HTTP;
    if (!sp_want(m, SP_REDIS_USER) || !says_auth(r))
        return ANOMALY_NONE;
    return st->flags & ST_MULTI ? ANOMALY_AUTH_MULTI : st->flags & ST_LOST ? ANOMALY_AUTH_UNSEEN : ANOMALY_NONE;
}

static bool malformed(struct sp_msg *m, enum redis_anomaly a)
{
    const char *words = redis_anomaly_words(a, false);
    m->anomaly = redis_anomaly_name(a);
    m->bits |= words && *words ? BIT_FATAL : 0;
    return false;
}

bool redis_decode(const void *state, struct sp_msg *m)
{
    const struct redis_state *st = state;
    struct redis_request r;
    enum redis_anomaly a;
    if (m->dir == SP_S2C)
        return redis_decode_reply(m);
    if (st->left) { /* only what cannot be an argument becomes a unit there */
        struct redis_bulk b = redis_bulk(m->unit, 0);
        m->extra = st->left;
        return malformed(m, b.is == READ_BAD ? b.anomaly : ANOMALY_BULK);
    }
    if (!redis_request_read(m->unit, m->arena, &r, &a))
        return m->arena->exhausted ? false : malformed(m, a);
    m->extra = r.count - r.inside;
    m->bits = (r.command ? r.command->effect : EFFECT_PLAIN) | (sp_want(m, SP_REDIS_USER) ? BIT_USER : 0);
    if (m->extra)
        say_body(m, &r);
    a = anomaly_of(st, m, &r);
    if (a != ANOMALY_NONE)
        return malformed(m, a);
    add_values(st, m, &r);
    return true;
}
