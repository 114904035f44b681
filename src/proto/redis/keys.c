/* SPDX-License-Identifier: Apache-2.0 */
/* keys: which arguments are keys, passwords and scripts. */
#include "proto/redis/redis.h"

static const struct sp_span NONE = {NULL, 0};

static bool is_word(const struct redis_request *r, uint32_t i, const char *word)
{
    return i < r->inside && sp_span_ieq(redis_c_text(r->argv[i]), sp_span_str(word));
}

/* ---- keys ---- */

static void add_key(struct sp_msg *m, const struct redis_request *r, uint32_t i)
{
    if (i < r->inside)
        redis_add(m, SP_REDIS_KEYS, NONE, r->argv[i], r, i);
}

/* `last` counts from the end when it is negative. */
static void add_range(struct sp_msg *m, const struct redis_request *r, uint32_t first, int64_t last, uint32_t step)
{
    int64_t end = last < 0 ? (int64_t)r->count + last : last;
    for (int64_t i = first; i <= end && i < r->inside && !m->overflow; i += step)
        add_key(m, r, (uint32_t)i);
}

static void add_counted(struct sp_msg *m, const struct redis_request *r, uint32_t at)
{
    uint64_t n = 0;
    if (at < r->inside && sp_span_u64(r->argv[at], &n) && n <= r->count)
        add_range(m, r, at + 1, (int64_t)(at + n), 1);
}

/* Keys behind the last STORE (SORT, GEORADIUS ... STORE key). */
static void add_stored(struct sp_msg *m, const struct redis_request *r, uint32_t from)
{
    for (uint32_t i = from; i + 1 < r->inside; i++) {
        if (is_word(r, i, "store") || is_word(r, i, "storedist"))
            add_key(m, r, ++i);
    }
}

/* XREAD ... STREAMS key ... id ...: as many of these as of those. */
static void add_streams(struct sp_msg *m, const struct redis_request *r)
{
    for (uint32_t i = 1; i < r->inside; i++) {
        if (is_word(r, i, "group"))
            i += 2;
        else if (is_word(r, i, "count") || is_word(r, i, "block"))
            i++;
        else if (is_word(r, i, "streams")) {
            add_range(m, r, i + 1, i + (r->count - i - 1) / 2, 1);
            return;
        }
    }
}

static void add_migrated(struct sp_msg *m, const struct redis_request *r)
{
    bool one = r->inside > 3 && r->argv[3].n > 0;
    if (one)
        add_key(m, r, 3);
    for (uint32_t i = 6; !one && i < r->inside; i++) {
        if (is_word(r, i, "keys")) {
            add_range(m, r, i + 1, -1, 1);
            return;
        }
    }
}

void redis_keys(struct sp_msg *m, const struct redis_request *r)
{
    const struct redis_command *c = r->command;
    if (!c)
        return;
    if (c->first > 0 && c->keys != KEYS_MIGRATE)
        add_range(m, r, (uint32_t)c->first, c->keys == KEYS_COUNTED ? c->first : c->last, (uint32_t)c->step);
    switch ((enum redis_keys)c->keys) {
    case KEYS_NONE:
    case KEYS_RANGE:
        break;
    case KEYS_COUNTED:
        add_counted(m, r, (uint32_t)c->last);
        break;
    case KEYS_SORT:
        add_stored(m, r, 2);
        break;
    case KEYS_STORE:
        add_stored(m, r, 5);
        break;
    case KEYS_STREAMS:
        add_streams(m, r);
        break;
    case KEYS_MIGRATE:
        add_migrated(m, r);
        break;
    }
}

/* ---- scripts and passwords ---- */

uint32_t redis_script_at(const struct redis_request *r)
{
    if (!r->command || r->command->effect != EFFECT_SCRIPT)
        return 0;
    if (!r->command->subs)
        return 1;
    if (!is_word(r, 1, "load"))
        return 0;
    bool library = r->command == redis_command_at(COMMAND_FUNCTION);
    return library ? r->count - 1 : 2;
}

/* Parameters of CONFIG SET whose values are passwords. */
static bool is_secret_parameter(struct sp_span name)
{
    static const char *const names[] = {"requirepass", "masterauth", "tls-key-file-pass", "tls-client-key-file-pass", "sentinel-pass"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (sp_span_ieq(redis_c_text(name), sp_span_str(names[i])))
            return true;
    }
    return false;
}

/* HELLO protover AUTH user password, MIGRATE ... AUTH password, AUTH2 user password. */
static bool is_behind_auth(const struct redis_request *r, uint32_t i, const char *alone, const char *with_user)
{
    return (alone && i > 1 && is_word(r, i - 1, alone)) || (i > 2 && is_word(r, i - 2, with_user));
}

bool redis_has_passwords(const struct redis_request *r)
{
    const struct redis_command *c = r->command;
    if (!c)
        return false;
    bool by_effect = c->effect == EFFECT_AUTH || c->effect == EFFECT_HELLO || c->effect == EFFECT_CONFIG;
    return by_effect || c == redis_command_at(COMMAND_MIGRATE) || c == redis_command_at(COMMAND_ACL);
}

bool redis_is_password(const struct redis_request *r, uint32_t i)
{
    const struct redis_command *c = r->command;
    if (!c)
        return false;
    if (c->effect == EFFECT_AUTH)
        return i == r->count - 1;
    if (c->effect == EFFECT_HELLO)
        return is_behind_auth(r, i, NULL, "auth");
    if (c == redis_command_at(COMMAND_MIGRATE))
        return i > 5 && is_behind_auth(r, i, "auth", "auth2");
    if (c->effect == EFFECT_CONFIG)
        return i > 2 && i % 2 && is_word(r, 1, "set") && is_secret_parameter(r->argv[i - 1]);
    bool rule = c == redis_command_at(COMMAND_ACL) && i > 2 && is_word(r, 1, "setuser");
    return rule && r->argv[i].n && (r->argv[i].p[0] == '>' || r->argv[i].p[0] == '<');
}
