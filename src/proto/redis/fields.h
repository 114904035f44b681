/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Redis field catalogue: F(identifier, name, type, flags, example, documentation).
 * An argument that is a password is none of redis.args, redis.arg and redis.config: it is redis.password.
 */
#ifndef SP_PROTO_REDIS_FIELDS_H
#define SP_PROTO_REDIS_FIELDS_H

#include "proto/proto.h"

#define RQ SP_F_C2S
#define RS SP_F_S2C
#define ED SP_F_EDIT
#define REP SP_F_REP
#define MAP (SP_F_REP | SP_F_KEYED)
#define BO SP_F_BODY
#define SEC SP_F_SECRET
#define SO SP_F_SOME
#define IK SP_F_IKEY

#define SP_REDIS_FIELDS(F)                                                                                             \
    F(COMMAND, "redis.command", SP_STR, RQ, "config|set", "Command in small letters, as the server names it: with its subcommand where it has such.") \
    F(NAME, "redis.command.name", SP_STR, RQ | ED, "config", "Name of the command alone, in small letters.")           \
    F(SUBCOMMAND, "redis.command.subcommand", SP_STR, RQ, "set", "The argument that chooses among the uses of a command (CONFIG SET, DEBUG SLEEP), in small letters.") \
    F(CATEGORY, "redis.category", SP_STR, RQ | REP, "dangerous", "ACL categories of the command: read, write, keyspace, admin, dangerous, connection, transaction, scripting, pubsub, blocking.") \
    F(ARGS_COUNT, "redis.args.count", SP_NUM, RQ, "2", "How many arguments follow the command's name.")                \
    F(ARGS, "redis.args", SP_STR, RQ | ED | REP | BO, "dir", "Arguments behind the command's name, a subcommand included.") \
    F(ARG, "redis.arg", SP_STR, RQ | ED | MAP | BO, "dir", "The same by position: redis.arg[\"1\"] follows the command's name.") \
    F(KEYS, "redis.keys", SP_STR, RQ | REP | BO, "user:1", "Keys that the command names, found as the server finds them.") \
    F(SCRIPT, "redis.script", SP_STR, RQ | ED | BO | SO, "return 1", "Lua of EVAL, EVAL_RO and SCRIPT LOAD; library of FUNCTION LOAD.") \
    F(CONFIG, "redis.config", SP_STR, RQ | ED | MAP | IK | BO | SO, "/tmp", "Values that CONFIG SET gives, by parameter.")  \
    F(CONFIG_NAMES, "redis.config.names", SP_STR, RQ | REP | BO | SO, "dir", "Parameters that CONFIG SET sets, in small letters.") \
    F(PASSWORD, "redis.password", SP_STR, RQ | REP | SEC | BO, "s3cret", "Passwords among the arguments: AUTH, HELLO AUTH, MIGRATE AUTH, ACL SETUSER, CONFIG SET requirepass and the like.") \
    F(USER, "redis.user", SP_STR, RQ, "default", "User whom the server has authenticated; default before that, none when its answer could not be seen.") \
    F(DATABASE, "redis.database", SP_NUM, RQ, "0", "Database that was selected last.")                                 \
    F(IN_MULTI, "redis.in_multi", SP_BOOL, RQ, "true", "The command stands between MULTI and EXEC.")                   \
    F(REPLY_ERROR, "redis.reply.error", SP_STR, RS | ED, "ERR syntax error", "Text of an error that the server answers with.")

enum sp_redis_field {
    SP_REDIS_FIELD_BASE = SP_SESSION_NFIELDS - 1,
#define SP_REDIS_ENUM(id, name, type, flags, hint, doc) SP_REDIS_##id,
    SP_REDIS_FIELDS(SP_REDIS_ENUM)
#undef SP_REDIS_ENUM
        SP_REDIS_NFIELDS
};

#endif
