/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands: what Redis says of its own commands (COMMAND of 7.0, and those that 7.2 to 8.0 added), as one table.
 * R(identifier, name, what it does to the session, has subcommands, where its keys are, first, last, step, categories);
 * COUNTED: an argument says how many keys follow it, `last` is its position, `first` that of one more key, or 0. Positions count from the name, 0.
 * Within a letter those that are used most come first.
 */
#ifndef SP_PROTO_REDIS_COMMANDS_H
#define SP_PROTO_REDIS_COMMANDS_H

#include "base/span.h"

/* What a command means beyond its own answer. */
enum redis_effect {
    EFFECT_PLAIN, EFFECT_AUTH, EFFECT_HELLO, EFFECT_SELECT, EFFECT_MULTI, EFFECT_EXEC, EFFECT_RESET,
    EFFECT_SYNC,   /* what the server says from here on is no answers */
    EFFECT_PUSHES, /* answers are not one for each command any more */
    EFFECT_CLIENT, EFFECT_SCRIPT, EFFECT_CONFIG,
    EFFECT_HTTP,   /* the server closes: a browser was made to send this */
};

enum redis_keys { KEYS_NONE, KEYS_RANGE, KEYS_COUNTED, KEYS_SORT, KEYS_STORE, KEYS_STREAMS, KEYS_MIGRATE };

enum redis_category {
    READ = 1 << 0, WRITE = 1 << 1, KEYSPACE = 1 << 2, ADMIN = 1 << 3, DANGEROUS = 1 << 4, CONNECTION = 1 << 5, TRANSACTION = 1 << 6,
    SCRIPTING = 1 << 7, PUBSUB = 1 << 8, BLOCKING = 1 << 9,
};
enum { REDIS_CATEGORIES = 10 };

/* clang-format off */
#define REDIS_COMMANDS(R) \
    R(AUTH, "auth", AUTH, 0, NONE, 0, 0, 0, CONNECTION) \
    R(ACL, "acl", PLAIN, 1, NONE, 0, 0, 0, 0) \
    R(APPEND, "append", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(ASKING, "asking", PLAIN, 0, NONE, 0, 0, 0, CONNECTION) \
    R(BGREWRITEAOF, "bgrewriteaof", PLAIN, 0, NONE, 0, 0, 0, ADMIN | DANGEROUS) \
    R(BGSAVE, "bgsave", PLAIN, 0, NONE, 0, 0, 0, ADMIN | DANGEROUS) \
    R(BITCOUNT, "bitcount", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(BITFIELD, "bitfield", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(BITFIELD_RO, "bitfield_ro", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(BITOP, "bitop", PLAIN, 0, RANGE, 2, -1, 1, WRITE) \
    R(BITPOS, "bitpos", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(BLMOVE, "blmove", PLAIN, 0, RANGE, 1, 2, 1, WRITE | BLOCKING) \
    R(BLMPOP, "blmpop", PLAIN, 0, COUNTED, 0, 2, 1, WRITE | BLOCKING) \
    R(BLPOP, "blpop", PLAIN, 0, RANGE, 1, -2, 1, WRITE | BLOCKING) \
    R(BRPOP, "brpop", PLAIN, 0, RANGE, 1, -2, 1, WRITE | BLOCKING) \
    R(BRPOPLPUSH, "brpoplpush", PLAIN, 0, RANGE, 1, 2, 1, WRITE | BLOCKING) \
    R(BZMPOP, "bzmpop", PLAIN, 0, COUNTED, 0, 2, 1, WRITE | BLOCKING) \
    R(BZPOPMAX, "bzpopmax", PLAIN, 0, RANGE, 1, -2, 1, WRITE | BLOCKING) \
    R(BZPOPMIN, "bzpopmin", PLAIN, 0, RANGE, 1, -2, 1, WRITE | BLOCKING) \
    R(CLIENT, "client", CLIENT, 1, NONE, 0, 0, 0, 0) \
    R(CLUSTER, "cluster", PLAIN, 1, NONE, 0, 0, 0, 0) \
    R(COMMAND, "command", PLAIN, 1, NONE, 0, 0, 0, CONNECTION) \
    R(CONFIG, "config", CONFIG, 1, NONE, 0, 0, 0, 0) \
    R(COPY, "copy", PLAIN, 0, RANGE, 1, 2, 1, KEYSPACE | WRITE) \
    R(DEL, "del", PLAIN, 0, RANGE, 1, -1, 1, KEYSPACE | WRITE) \
    R(DBSIZE, "dbsize", PLAIN, 0, NONE, 0, 0, 0, KEYSPACE | READ) \
    R(DEBUG, "debug", PLAIN, 0, NONE, 0, 0, 0, ADMIN | DANGEROUS) \
    R(DECR, "decr", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(DECRBY, "decrby", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(DISCARD, "discard", EXEC, 0, NONE, 0, 0, 0, TRANSACTION) \
    R(DUMP, "dump", PLAIN, 0, RANGE, 1, 1, 1, KEYSPACE | READ) \
    R(EXPIRE, "expire", PLAIN, 0, RANGE, 1, 1, 1, KEYSPACE | WRITE) \
    R(EXISTS, "exists", PLAIN, 0, RANGE, 1, -1, 1, KEYSPACE | READ) \
    R(EVAL, "eval", SCRIPT, 0, COUNTED, 0, 2, 1, SCRIPTING) \
    R(EVALSHA, "evalsha", PLAIN, 0, COUNTED, 0, 2, 1, SCRIPTING) \
    R(EXEC, "exec", EXEC, 0, NONE, 0, 0, 0, TRANSACTION) \
    R(ECHO, "echo", PLAIN, 0, NONE, 0, 0, 0, CONNECTION) \
    R(EVAL_RO, "eval_ro", SCRIPT, 0, COUNTED, 0, 2, 1, SCRIPTING) \
    R(EVALSHA_RO, "evalsha_ro", PLAIN, 0, COUNTED, 0, 2, 1, SCRIPTING) \
    R(EXPIREAT, "expireat", PLAIN, 0, RANGE, 1, 1, 1, KEYSPACE | WRITE) \
    R(EXPIRETIME, "expiretime", PLAIN, 0, RANGE, 1, 1, 1, KEYSPACE | READ) \
    R(FAILOVER, "failover", PLAIN, 0, NONE, 0, 0, 0, ADMIN | DANGEROUS) \
    R(FCALL, "fcall", PLAIN, 0, COUNTED, 0, 2, 1, SCRIPTING) \
    R(FCALL_RO, "fcall_ro", PLAIN, 0, COUNTED, 0, 2, 1, SCRIPTING) \
    R(FLUSHALL, "flushall", PLAIN, 0, NONE, 0, 0, 0, KEYSPACE | WRITE | DANGEROUS) \
    R(FLUSHDB, "flushdb", PLAIN, 0, NONE, 0, 0, 0, KEYSPACE | WRITE | DANGEROUS) \
    R(FUNCTION, "function", SCRIPT, 1, NONE, 0, 0, 0, 0) \
    R(GET, "get", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(GEOADD, "geoadd", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(GEODIST, "geodist", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(GEOHASH, "geohash", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(GEOPOS, "geopos", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(GEORADIUS, "georadius", PLAIN, 0, STORE, 1, 1, 1, WRITE) \
    R(GEORADIUS_RO, "georadius_ro", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(GEORADIUSBYMEMBER, "georadiusbymember", PLAIN, 0, STORE, 1, 1, 1, WRITE) \
    R(GEORADIUSBYMEMBER_RO, "georadiusbymember_ro", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(GEOSEARCH, "geosearch", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(GEOSEARCHSTORE, "geosearchstore", PLAIN, 0, RANGE, 1, 2, 1, WRITE) \
    R(GETBIT, "getbit", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(GETDEL, "getdel", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(GETEX, "getex", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(GETRANGE, "getrange", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(GETSET, "getset", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(HGET, "hget", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(HSET, "hset", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(HGETALL, "hgetall", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(HMGET, "hmget", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(HDEL, "hdel", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(HELLO, "hello", HELLO, 0, NONE, 0, 0, 0, CONNECTION) \
    R(HEXISTS, "hexists", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(HEXPIRE, "hexpire", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(HEXPIREAT, "hexpireat", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(HEXPIRETIME, "hexpiretime", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(HGETDEL, "hgetdel", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(HGETEX, "hgetex", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(HINCRBY, "hincrby", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(HINCRBYFLOAT, "hincrbyfloat", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(HKEYS, "hkeys", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(HLEN, "hlen", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(HMSET, "hmset", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(HOST_, "host:", HTTP, 0, NONE, 0, 0, 0, 0) \
    R(HPERSIST, "hpersist", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(HPEXPIRE, "hpexpire", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(HPEXPIREAT, "hpexpireat", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(HPEXPIRETIME, "hpexpiretime", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(HPTTL, "hpttl", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(HRANDFIELD, "hrandfield", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(HSCAN, "hscan", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(HSETEX, "hsetex", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(HSETNX, "hsetnx", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(HSTRLEN, "hstrlen", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(HTTL, "httl", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(HVALS, "hvals", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(INCR, "incr", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(INCRBY, "incrby", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(INCRBYFLOAT, "incrbyfloat", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(INFO, "info", PLAIN, 0, NONE, 0, 0, 0, DANGEROUS) \
    R(KEYS, "keys", PLAIN, 0, NONE, 0, 0, 0, KEYSPACE | READ | DANGEROUS) \
    R(LPUSH, "lpush", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(LPOP, "lpop", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(LRANGE, "lrange", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(LASTSAVE, "lastsave", PLAIN, 0, NONE, 0, 0, 0, ADMIN | DANGEROUS) \
    R(LATENCY, "latency", PLAIN, 1, NONE, 0, 0, 0, 0) \
    R(LCS, "lcs", PLAIN, 0, RANGE, 1, 2, 1, READ) \
    R(LINDEX, "lindex", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(LINSERT, "linsert", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(LLEN, "llen", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(LMOVE, "lmove", PLAIN, 0, RANGE, 1, 2, 1, WRITE) \
    R(LMPOP, "lmpop", PLAIN, 0, COUNTED, 0, 1, 1, WRITE) \
    R(LOLWUT, "lolwut", PLAIN, 0, NONE, 0, 0, 0, READ) \
    R(LPOS, "lpos", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(LPUSHX, "lpushx", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(LREM, "lrem", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(LSET, "lset", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(LTRIM, "ltrim", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(MGET, "mget", PLAIN, 0, RANGE, 1, -1, 1, READ) \
    R(MSET, "mset", PLAIN, 0, RANGE, 1, -1, 2, WRITE) \
    R(MULTI, "multi", MULTI, 0, NONE, 0, 0, 0, TRANSACTION) \
    R(MEMORY, "memory", PLAIN, 1, RANGE, 2, 2, 1, 0) \
    R(MIGRATE, "migrate", PLAIN, 0, MIGRATE, 3, 3, 1, KEYSPACE | WRITE | DANGEROUS) \
    R(MODULE, "module", PLAIN, 1, NONE, 0, 0, 0, 0) \
    R(MONITOR, "monitor", PUSHES, 0, NONE, 0, 0, 0, ADMIN | DANGEROUS) \
    R(MOVE, "move", PLAIN, 0, RANGE, 1, 1, 1, KEYSPACE | WRITE) \
    R(MSETNX, "msetnx", PLAIN, 0, RANGE, 1, -1, 2, WRITE) \
    R(OBJECT, "object", PLAIN, 1, RANGE, 2, 2, 1, 0) \
    R(PING, "ping", PLAIN, 0, NONE, 0, 0, 0, CONNECTION) \
    R(PUBLISH, "publish", PLAIN, 0, NONE, 0, 0, 0, PUBSUB) \
    R(PERSIST, "persist", PLAIN, 0, RANGE, 1, 1, 1, KEYSPACE | WRITE) \
    R(PEXPIRE, "pexpire", PLAIN, 0, RANGE, 1, 1, 1, KEYSPACE | WRITE) \
    R(PEXPIREAT, "pexpireat", PLAIN, 0, RANGE, 1, 1, 1, KEYSPACE | WRITE) \
    R(PEXPIRETIME, "pexpiretime", PLAIN, 0, RANGE, 1, 1, 1, KEYSPACE | READ) \
    R(PFADD, "pfadd", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(PFCOUNT, "pfcount", PLAIN, 0, RANGE, 1, -1, 1, READ) \
    R(PFDEBUG, "pfdebug", PLAIN, 0, RANGE, 2, 2, 1, WRITE | ADMIN | DANGEROUS) \
    R(PFMERGE, "pfmerge", PLAIN, 0, RANGE, 1, -1, 1, WRITE) \
    R(PFSELFTEST, "pfselftest", PLAIN, 0, NONE, 0, 0, 0, ADMIN | DANGEROUS) \
    R(POST, "post", HTTP, 0, NONE, 0, 0, 0, 0) \
    R(PSETEX, "psetex", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(PSUBSCRIBE, "psubscribe", PUSHES, 0, NONE, 0, 0, 0, PUBSUB) \
    R(PSYNC, "psync", SYNC, 0, NONE, 0, 0, 0, ADMIN | DANGEROUS) \
    R(PTTL, "pttl", PLAIN, 0, RANGE, 1, 1, 1, KEYSPACE | READ) \
    R(PUBSUB, "pubsub", PLAIN, 1, NONE, 0, 0, 0, 0) \
    R(PUNSUBSCRIBE, "punsubscribe", PUSHES, 0, NONE, 0, 0, 0, PUBSUB) \
    R(QUIT, "quit", PLAIN, 0, NONE, 0, 0, 0, CONNECTION) \
    R(RPUSH, "rpush", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(RPOP, "rpop", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(RANDOMKEY, "randomkey", PLAIN, 0, NONE, 0, 0, 0, KEYSPACE | READ) \
    R(READONLY, "readonly", PLAIN, 0, NONE, 0, 0, 0, CONNECTION) \
    R(READWRITE, "readwrite", PLAIN, 0, NONE, 0, 0, 0, CONNECTION) \
    R(RENAME, "rename", PLAIN, 0, RANGE, 1, 2, 1, KEYSPACE | WRITE) \
    R(RENAMENX, "renamenx", PLAIN, 0, RANGE, 1, 2, 1, KEYSPACE | WRITE) \
    R(REPLCONF, "replconf", PUSHES, 0, NONE, 0, 0, 0, ADMIN | DANGEROUS) \
    R(REPLICAOF, "replicaof", PLAIN, 0, NONE, 0, 0, 0, ADMIN | DANGEROUS) \
    R(RESET, "reset", RESET, 0, NONE, 0, 0, 0, CONNECTION) \
    R(RESTORE, "restore", PLAIN, 0, RANGE, 1, 1, 1, KEYSPACE | WRITE | DANGEROUS) \
    R(RESTORE_ASKING, "restore-asking", PLAIN, 0, RANGE, 1, 1, 1, KEYSPACE | WRITE | DANGEROUS) \
    R(ROLE, "role", PLAIN, 0, NONE, 0, 0, 0, ADMIN | DANGEROUS) \
    R(RPOPLPUSH, "rpoplpush", PLAIN, 0, RANGE, 1, 2, 1, WRITE) \
    R(RPUSHX, "rpushx", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(SET, "set", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(SADD, "sadd", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(SCAN, "scan", PLAIN, 0, NONE, 0, 0, 0, KEYSPACE | READ) \
    R(SETEX, "setex", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(SISMEMBER, "sismember", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(SMEMBERS, "smembers", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(SELECT, "select", SELECT, 0, NONE, 0, 0, 0, CONNECTION) \
    R(SAVE, "save", PLAIN, 0, NONE, 0, 0, 0, ADMIN | DANGEROUS) \
    R(SCARD, "scard", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(SCRIPT, "script", SCRIPT, 1, NONE, 0, 0, 0, 0) \
    R(SDIFF, "sdiff", PLAIN, 0, RANGE, 1, -1, 1, READ) \
    R(SDIFFSTORE, "sdiffstore", PLAIN, 0, RANGE, 1, -1, 1, WRITE) \
    R(SETBIT, "setbit", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(SETNX, "setnx", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(SETRANGE, "setrange", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(SHUTDOWN, "shutdown", PLAIN, 0, NONE, 0, 0, 0, ADMIN | DANGEROUS) \
    R(SINTER, "sinter", PLAIN, 0, RANGE, 1, -1, 1, READ) \
    R(SINTERCARD, "sintercard", PLAIN, 0, COUNTED, 0, 1, 1, READ) \
    R(SINTERSTORE, "sinterstore", PLAIN, 0, RANGE, 1, -1, 1, WRITE) \
    R(SLAVEOF, "slaveof", PLAIN, 0, NONE, 0, 0, 0, ADMIN | DANGEROUS) \
    R(SLOWLOG, "slowlog", PLAIN, 1, NONE, 0, 0, 0, 0) \
    R(SMISMEMBER, "smismember", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(SMOVE, "smove", PLAIN, 0, RANGE, 1, 2, 1, WRITE) \
    R(SORT, "sort", PLAIN, 0, SORT, 1, 1, 1, WRITE | DANGEROUS) \
    R(SORT_RO, "sort_ro", PLAIN, 0, SORT, 1, 1, 1, READ | DANGEROUS) \
    R(SPOP, "spop", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(SPUBLISH, "spublish", PLAIN, 0, RANGE, 1, 1, 1, PUBSUB) \
    R(SRANDMEMBER, "srandmember", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(SREM, "srem", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(SSCAN, "sscan", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(SSUBSCRIBE, "ssubscribe", PUSHES, 0, RANGE, 1, -1, 1, PUBSUB) \
    R(STRLEN, "strlen", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(SUBSCRIBE, "subscribe", PUSHES, 0, NONE, 0, 0, 0, PUBSUB) \
    R(SUBSTR, "substr", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(SUNION, "sunion", PLAIN, 0, RANGE, 1, -1, 1, READ) \
    R(SUNIONSTORE, "sunionstore", PLAIN, 0, RANGE, 1, -1, 1, WRITE) \
    R(SUNSUBSCRIBE, "sunsubscribe", PUSHES, 0, RANGE, 1, -1, 1, PUBSUB) \
    R(SWAPDB, "swapdb", PLAIN, 0, NONE, 0, 0, 0, KEYSPACE | WRITE | DANGEROUS) \
    R(SYNC, "sync", SYNC, 0, NONE, 0, 0, 0, ADMIN | DANGEROUS) \
    R(TTL, "ttl", PLAIN, 0, RANGE, 1, 1, 1, KEYSPACE | READ) \
    R(TIME, "time", PLAIN, 0, NONE, 0, 0, 0, 0) \
    R(TOUCH, "touch", PLAIN, 0, RANGE, 1, -1, 1, KEYSPACE | READ) \
    R(TYPE, "type", PLAIN, 0, RANGE, 1, 1, 1, KEYSPACE | READ) \
    R(UNLINK, "unlink", PLAIN, 0, RANGE, 1, -1, 1, KEYSPACE | WRITE) \
    R(UNSUBSCRIBE, "unsubscribe", PUSHES, 0, NONE, 0, 0, 0, PUBSUB) \
    R(UNWATCH, "unwatch", PLAIN, 0, NONE, 0, 0, 0, TRANSACTION) \
    R(WAIT, "wait", PLAIN, 0, NONE, 0, 0, 0, CONNECTION) \
    R(WAITAOF, "waitaof", PLAIN, 0, NONE, 0, 0, 0, BLOCKING) \
    R(WATCH, "watch", PLAIN, 0, RANGE, 1, -1, 1, TRANSACTION) \
    R(XADD, "xadd", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(XACK, "xack", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(XAUTOCLAIM, "xautoclaim", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(XCLAIM, "xclaim", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(XDEL, "xdel", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(XGROUP, "xgroup", PLAIN, 1, RANGE, 2, 2, 1, 0) \
    R(XINFO, "xinfo", PLAIN, 1, RANGE, 2, 2, 1, 0) \
    R(XLEN, "xlen", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(XPENDING, "xpending", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(XRANGE, "xrange", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(XREAD, "xread", PLAIN, 0, STREAMS, 0, 0, 0, READ | BLOCKING) \
    R(XREADGROUP, "xreadgroup", PLAIN, 0, STREAMS, 0, 0, 0, WRITE | BLOCKING) \
    R(XREVRANGE, "xrevrange", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(XSETID, "xsetid", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(XTRIM, "xtrim", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(ZADD, "zadd", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(ZRANGE, "zrange", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(ZCARD, "zcard", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(ZCOUNT, "zcount", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(ZDIFF, "zdiff", PLAIN, 0, COUNTED, 0, 1, 1, READ) \
    R(ZDIFFSTORE, "zdiffstore", PLAIN, 0, COUNTED, 1, 2, 1, WRITE) \
    R(ZINCRBY, "zincrby", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(ZINTER, "zinter", PLAIN, 0, COUNTED, 0, 1, 1, READ) \
    R(ZINTERCARD, "zintercard", PLAIN, 0, COUNTED, 0, 1, 1, READ) \
    R(ZINTERSTORE, "zinterstore", PLAIN, 0, COUNTED, 1, 2, 1, WRITE) \
    R(ZLEXCOUNT, "zlexcount", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(ZMPOP, "zmpop", PLAIN, 0, COUNTED, 0, 1, 1, WRITE) \
    R(ZMSCORE, "zmscore", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(ZPOPMAX, "zpopmax", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(ZPOPMIN, "zpopmin", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(ZRANDMEMBER, "zrandmember", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(ZRANGEBYLEX, "zrangebylex", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(ZRANGEBYSCORE, "zrangebyscore", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(ZRANGESTORE, "zrangestore", PLAIN, 0, RANGE, 1, 2, 1, WRITE) \
    R(ZRANK, "zrank", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(ZREM, "zrem", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(ZREMRANGEBYLEX, "zremrangebylex", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(ZREMRANGEBYRANK, "zremrangebyrank", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(ZREMRANGEBYSCORE, "zremrangebyscore", PLAIN, 0, RANGE, 1, 1, 1, WRITE) \
    R(ZREVRANGE, "zrevrange", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(ZREVRANGEBYLEX, "zrevrangebylex", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(ZREVRANGEBYSCORE, "zrevrangebyscore", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(ZREVRANK, "zrevrank", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(ZSCAN, "zscan", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(ZSCORE, "zscore", PLAIN, 0, RANGE, 1, 1, 1, READ) \
    R(ZUNION, "zunion", PLAIN, 0, COUNTED, 0, 1, 1, READ) \
    R(ZUNIONSTORE, "zunionstore", PLAIN, 0, COUNTED, 1, 2, 1, WRITE)

#define REDIS_SUBCOMMANDS(S) \
    S(ACL, "acl|cat", 0) \
    S(ACL, "acl|deluser", ADMIN | DANGEROUS) \
    S(ACL, "acl|dryrun", ADMIN | DANGEROUS) \
    S(ACL, "acl|genpass", 0) \
    S(ACL, "acl|getuser", ADMIN | DANGEROUS) \
    S(ACL, "acl|help", 0) \
    S(ACL, "acl|list", ADMIN | DANGEROUS) \
    S(ACL, "acl|load", ADMIN | DANGEROUS) \
    S(ACL, "acl|log", ADMIN | DANGEROUS) \
    S(ACL, "acl|save", ADMIN | DANGEROUS) \
    S(ACL, "acl|setuser", ADMIN | DANGEROUS) \
    S(ACL, "acl|users", ADMIN | DANGEROUS) \
    S(ACL, "acl|whoami", 0) \
    S(CLIENT, "client|caching", CONNECTION) \
    S(CLIENT, "client|getname", CONNECTION) \
    S(CLIENT, "client|getredir", CONNECTION) \
    S(CLIENT, "client|help", CONNECTION) \
    S(CLIENT, "client|id", CONNECTION) \
    S(CLIENT, "client|info", CONNECTION) \
    S(CLIENT, "client|kill", ADMIN | DANGEROUS | CONNECTION) \
    S(CLIENT, "client|list", ADMIN | DANGEROUS | CONNECTION) \
    S(CLIENT, "client|no-evict", ADMIN | DANGEROUS | CONNECTION) \
    S(CLIENT, "client|no-touch", CONNECTION) \
    S(CLIENT, "client|pause", ADMIN | DANGEROUS | CONNECTION) \
    S(CLIENT, "client|reply", CONNECTION) \
    S(CLIENT, "client|setinfo", CONNECTION) \
    S(CLIENT, "client|setname", CONNECTION) \
    S(CLIENT, "client|tracking", CONNECTION) \
    S(CLIENT, "client|trackinginfo", CONNECTION) \
    S(CLIENT, "client|unblock", ADMIN | DANGEROUS | CONNECTION) \
    S(CLIENT, "client|unpause", ADMIN | DANGEROUS | CONNECTION) \
    S(CLUSTER, "cluster|addslots", ADMIN | DANGEROUS) \
    S(CLUSTER, "cluster|addslotsrange", ADMIN | DANGEROUS) \
    S(CLUSTER, "cluster|bumpepoch", ADMIN | DANGEROUS) \
    S(CLUSTER, "cluster|count-failure-reports", ADMIN | DANGEROUS) \
    S(CLUSTER, "cluster|countkeysinslot", 0) \
    S(CLUSTER, "cluster|delslots", ADMIN | DANGEROUS) \
    S(CLUSTER, "cluster|delslotsrange", ADMIN | DANGEROUS) \
    S(CLUSTER, "cluster|failover", ADMIN | DANGEROUS) \
    S(CLUSTER, "cluster|flushslots", ADMIN | DANGEROUS) \
    S(CLUSTER, "cluster|forget", ADMIN | DANGEROUS) \
    S(CLUSTER, "cluster|getkeysinslot", 0) \
    S(CLUSTER, "cluster|help", 0) \
    S(CLUSTER, "cluster|info", 0) \
    S(CLUSTER, "cluster|keyslot", 0) \
    S(CLUSTER, "cluster|links", 0) \
    S(CLUSTER, "cluster|meet", ADMIN | DANGEROUS) \
    S(CLUSTER, "cluster|myid", 0) \
    S(CLUSTER, "cluster|myshardid", 0) \
    S(CLUSTER, "cluster|nodes", 0) \
    S(CLUSTER, "cluster|replicas", ADMIN | DANGEROUS) \
    S(CLUSTER, "cluster|replicate", ADMIN | DANGEROUS) \
    S(CLUSTER, "cluster|reset", ADMIN | DANGEROUS) \
    S(CLUSTER, "cluster|saveconfig", ADMIN | DANGEROUS) \
    S(CLUSTER, "cluster|set-config-epoch", ADMIN | DANGEROUS) \
    S(CLUSTER, "cluster|setslot", ADMIN | DANGEROUS) \
    S(CLUSTER, "cluster|shards", 0) \
    S(CLUSTER, "cluster|slaves", ADMIN | DANGEROUS) \
    S(CLUSTER, "cluster|slot-stats", ADMIN | DANGEROUS) \
    S(CLUSTER, "cluster|slots", 0) \
    S(COMMAND, "command|count", CONNECTION) \
    S(COMMAND, "command|docs", CONNECTION) \
    S(COMMAND, "command|getkeys", CONNECTION) \
    S(COMMAND, "command|getkeysandflags", CONNECTION) \
    S(COMMAND, "command|help", CONNECTION) \
    S(COMMAND, "command|info", CONNECTION) \
    S(COMMAND, "command|list", CONNECTION) \
    S(CONFIG, "config|get", ADMIN | DANGEROUS) \
    S(CONFIG, "config|help", 0) \
    S(CONFIG, "config|resetstat", ADMIN | DANGEROUS) \
    S(CONFIG, "config|rewrite", ADMIN | DANGEROUS) \
    S(CONFIG, "config|set", ADMIN | DANGEROUS) \
    S(FUNCTION, "function|delete", WRITE | SCRIPTING) \
    S(FUNCTION, "function|dump", SCRIPTING) \
    S(FUNCTION, "function|flush", WRITE | SCRIPTING) \
    S(FUNCTION, "function|help", SCRIPTING) \
    S(FUNCTION, "function|kill", SCRIPTING) \
    S(FUNCTION, "function|list", SCRIPTING) \
    S(FUNCTION, "function|load", WRITE | SCRIPTING) \
    S(FUNCTION, "function|restore", WRITE | SCRIPTING) \
    S(FUNCTION, "function|stats", SCRIPTING) \
    S(LATENCY, "latency|doctor", ADMIN | DANGEROUS) \
    S(LATENCY, "latency|graph", ADMIN | DANGEROUS) \
    S(LATENCY, "latency|help", 0) \
    S(LATENCY, "latency|histogram", ADMIN | DANGEROUS) \
    S(LATENCY, "latency|history", ADMIN | DANGEROUS) \
    S(LATENCY, "latency|latest", ADMIN | DANGEROUS) \
    S(LATENCY, "latency|reset", ADMIN | DANGEROUS) \
    S(MEMORY, "memory|doctor", 0) \
    S(MEMORY, "memory|help", 0) \
    S(MEMORY, "memory|malloc-stats", 0) \
    S(MEMORY, "memory|purge", 0) \
    S(MEMORY, "memory|stats", 0) \
    S(MEMORY, "memory|usage", READ) \
    S(MODULE, "module|help", 0) \
    S(MODULE, "module|list", ADMIN | DANGEROUS) \
    S(MODULE, "module|load", ADMIN | DANGEROUS) \
    S(MODULE, "module|loadex", ADMIN | DANGEROUS) \
    S(MODULE, "module|unload", ADMIN | DANGEROUS) \
    S(OBJECT, "object|encoding", KEYSPACE | READ) \
    S(OBJECT, "object|freq", KEYSPACE | READ) \
    S(OBJECT, "object|help", KEYSPACE) \
    S(OBJECT, "object|idletime", KEYSPACE | READ) \
    S(OBJECT, "object|refcount", KEYSPACE | READ) \
    S(PUBSUB, "pubsub|channels", PUBSUB) \
    S(PUBSUB, "pubsub|help", 0) \
    S(PUBSUB, "pubsub|numpat", PUBSUB) \
    S(PUBSUB, "pubsub|numsub", PUBSUB) \
    S(PUBSUB, "pubsub|shardchannels", PUBSUB) \
    S(PUBSUB, "pubsub|shardnumsub", PUBSUB) \
    S(SCRIPT, "script|debug", SCRIPTING) \
    S(SCRIPT, "script|exists", SCRIPTING) \
    S(SCRIPT, "script|flush", SCRIPTING) \
    S(SCRIPT, "script|help", SCRIPTING) \
    S(SCRIPT, "script|kill", SCRIPTING) \
    S(SCRIPT, "script|load", SCRIPTING) \
    S(SLOWLOG, "slowlog|get", ADMIN | DANGEROUS) \
    S(SLOWLOG, "slowlog|help", 0) \
    S(SLOWLOG, "slowlog|len", ADMIN | DANGEROUS) \
    S(SLOWLOG, "slowlog|reset", ADMIN | DANGEROUS) \
    S(XGROUP, "xgroup|create", WRITE) \
    S(XGROUP, "xgroup|createconsumer", WRITE) \
    S(XGROUP, "xgroup|delconsumer", WRITE) \
    S(XGROUP, "xgroup|destroy", WRITE) \
    S(XGROUP, "xgroup|help", 0) \
    S(XGROUP, "xgroup|setid", WRITE) \
    S(XINFO, "xinfo|consumers", READ) \
    S(XINFO, "xinfo|groups", READ) \
    S(XINFO, "xinfo|help", 0) \
    S(XINFO, "xinfo|stream", READ)
/* clang-format on */

enum redis_command_id {
#define REDIS_ENUM(id, name, effect, subs, keys, first, last, step, categories) COMMAND_##id,
    REDIS_COMMANDS(REDIS_ENUM)
#undef REDIS_ENUM
        COMMAND_COUNT
};

enum { REDIS_NAME_MAX = 20 }; /* the longest name in the table */

struct redis_command {
    char name[REDIS_NAME_MAX + 1];
    uint8_t len, effect, subs, keys;
    int8_t first, last, step;
    uint16_t categories;
};

struct redis_subcommand {
    struct sp_span name; /* config|set */
    uint8_t command, container; /* enum redis_command_id; how much of the name is the container's, with the bar */
    uint16_t categories;
};

/* By the name in any case; NULL when it is none of the server's own. */
const struct redis_command *redis_command_named(struct sp_span name);
const struct redis_subcommand *redis_subcommand_named(const struct redis_command *c, struct sp_span name);
extern const struct redis_command redis_commands[COMMAND_COUNT];
/* The table's row, NULL behind its end. */
static inline const struct redis_command *redis_command_at(size_t i)
{
    return i < COMMAND_COUNT ? &redis_commands[i] : NULL;
}

#endif
