/* SPDX-License-Identifier: Apache-2.0 */
/* commands: the table of commands, and how a name is found in it: by its first letter, its length, then its bytes. */
#include "proto/redis/commands.h"

const struct redis_command redis_commands[COMMAND_COUNT] = {
#define ROW(id, text, does, has_subs, where, from, to, by, cats) \
    {.name = text, .len = sizeof(text) - 1, .effect = EFFECT_##does, .subs = has_subs, .keys = KEYS_##where, .first = from, .last = to, .step = by, \
     .categories = cats},
    REDIS_COMMANDS(ROW)
#undef ROW
};

static const struct redis_subcommand subcommands[] = {
#define ROW(id, text, cats) {{(const uint8_t *)(text), sizeof(text) - 1}, COMMAND_##id, sizeof(#id), cats},
    REDIS_SUBCOMMANDS(ROW)
#undef ROW
};

/* The first command of each letter, or of the next one that has any. */
static const uint16_t letters[27] = {
    ['a' - 'a'] = COMMAND_AUTH, ['b' - 'a'] = COMMAND_BGREWRITEAOF, ['c' - 'a'] = COMMAND_CLIENT, ['d' - 'a'] = COMMAND_DEL,
    ['e' - 'a'] = COMMAND_EXPIRE, ['f' - 'a'] = COMMAND_FAILOVER, ['g' - 'a'] = COMMAND_GET, ['h' - 'a'] = COMMAND_HGET,
    ['i' - 'a'] = COMMAND_INCR, ['j' - 'a'] = COMMAND_KEYS, ['k' - 'a'] = COMMAND_KEYS, ['l' - 'a'] = COMMAND_LPUSH,
    ['m' - 'a'] = COMMAND_MGET, ['n' - 'a'] = COMMAND_OBJECT, ['o' - 'a'] = COMMAND_OBJECT, ['p' - 'a'] = COMMAND_PING,
    ['q' - 'a'] = COMMAND_QUIT, ['r' - 'a'] = COMMAND_RPUSH, ['s' - 'a'] = COMMAND_SET, ['t' - 'a'] = COMMAND_TTL,
    ['u' - 'a'] = COMMAND_UNLINK, ['v' - 'a'] = COMMAND_WAIT, ['w' - 'a'] = COMMAND_WAIT, ['x' - 'a'] = COMMAND_XADD,
    ['y' - 'a'] = COMMAND_ZADD, ['z' - 'a'] = COMMAND_ZADD,
    [26] = COMMAND_COUNT,
};

static bool is_named(const struct redis_command *c, struct sp_span name)
{
    for (size_t i = 1; i < name.n; i++) {
        if (sp_lower(name.p[i]) != (uint8_t)c->name[i])
            return false;
    }
    return true;
}

const struct redis_command *redis_command_named(struct sp_span name)
{
    uint8_t letter = name.n ? (uint8_t)(sp_lower(name.p[0]) - 'a') : UINT8_MAX;
    if (letter >= 26)
        return NULL;
    for (size_t i = letters[letter]; i < letters[letter + 1]; i++) {
        if (redis_commands[i].len == name.n && is_named(&redis_commands[i], name))
            return &redis_commands[i];
    }
    return NULL;
}

const struct redis_subcommand *redis_subcommand_named(const struct redis_command *c, struct sp_span name)
{
    for (size_t i = 0; i < sizeof subcommands / sizeof *subcommands; i++) {
        const struct redis_subcommand *s = &subcommands[i];
        if (s->command == c - redis_commands && sp_span_ieq(sp_span_from(s->name, s->container), name))
            return s;
    }
    return NULL;
}
