/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis: what the files of this folder share. RESP2 and RESP3 as the server of Redis 6 to 8 reads them (redis.io/docs: "Redis serialization
 * protocol specification"; requests: its networking.c and sds.c are the reference where that text is silent).
 */
#ifndef SP_PROTO_REDIS_REDIS_H
#define SP_PROTO_REDIS_REDIS_H

#include "proto/proto.h"
#include "proto/redis/anomaly.h"
#include "proto/redis/commands.h"
#include "proto/redis/fields.h"

enum redis_limits {
    HEAD_MAX = 16 << 10,     /* of a longer command, the arguments that end in here are its head, the others its body */
    INLINE_MAX = 64 << 10,   /* as the server */
    BULK_MAX = 512 << 20,    /* its proto-max-bulk-len, where the configuration says nothing */
    COUNT_MAX = INT32_MAX,   /* as the server */
    REPLY_LINE_MAX = 64 << 10,
    FLOW_COUNT_MAX = 65535,  /* messages in one flow: what its mark has room for */
    USER_MAX = 63,
};

/* ---- state ---- */

enum redis_flags {
    ST_REPLICA = 1 << 0,  /* what the server says is a replication stream */
    ST_DEAD = 1 << 1,     /* the server was given what it closes for */
    ST_MULTI = 1 << 2,
    ST_DROPPING = 1 << 3, /* what is left of the command at hand does not go to the server */
    ST_SPOKEN = 1 << 4,   /* a command has gone to the server */
    ST_TRACK = 1 << 5,    /* rules read the user: answers are counted */
    ST_LOST = 1 << 6,     /* which answer belongs to which command is not known any more */
    ST_AUTH = 1 << 7,     /* the answer to `pending` is still to come */
    ST_UNSURE = 1 << 8,   /* who the user is was not seen */
    ST_IN_PUSH = 1 << 9,  /* the answer at hand is none: RESP3 pushed it */
};

struct redis_state {
    uint32_t flags;
    uint32_t left;       /* arguments of the command at hand that are still to come */
    uint32_t database;
    uint32_t sent, seen; /* commands passed, answers seen, modulo 2^32 */
    uint32_t auth_at;    /* which answer tells about `pending` */
    uint64_t need;       /* elements of the answer at hand that are still to come */
    uint8_t user_len, pending_len;
    char user[USER_MAX]; /* of length 0: default */
    char pending[USER_MAX];
};

/* msg->bits of a request; msg->extra: arguments behind the unit */
enum redis_bits {
    BIT_EFFECT = 0xff,
    BIT_FATAL = 1 << 8,  /* malformed, and so is what is passed instead: the server will close */
    BIT_USER = 1 << 9,   /* rules read the user */
};

static inline struct sp_span redis_user(const struct redis_state *st)
{
    return st->user_len ? sp_span_of(st->user, st->user_len) : SP_LIT("default");
}

/* ---- resp.c: numbers and bulk strings ---- */

enum redis_read { READ_OK, READ_MORE, READ_BAD };

struct redis_number {
    enum redis_read is;
    enum redis_anomaly anomaly;
    int64_t value;
    size_t end; /* behind its CRLF; BAD: behind the first byte that makes it so */
};
struct redis_number redis_any_number(struct sp_span in, size_t at, int64_t max, enum redis_anomaly wrong);
/* Nearly all have one or two digits: how many bytes with CRLF, 0 when it is another one. */
static inline size_t redis_small(struct sp_span in, size_t at, size_t *ret)
{
    if (in.n < 4 || at > in.n - 4)
        return 0;
    const uint8_t *p = in.p + at;
    size_t tens = (size_t)(p[0] - '0'), ones = (size_t)(p[1] - '0');
    *ret = tens;
    if (tens < 10 && p[1] == '\r')
        return p[2] == '\n' ? 3 : 0;
    *ret = tens * 10 + ones;
    return tens - 1 < 9 && ones < 10 && p[2] == '\r' && p[3] == '\n' ? 4 : 0;
}
/* The number at `at`, behind the type byte. `wrong` is the anomaly of one that is none, or beyond `max`. */
static inline struct redis_number redis_number(struct sp_span in, size_t at, int64_t max, enum redis_anomaly wrong)
{
    size_t small, n = redis_small(in, at, &small);
    return n ? (struct redis_number){.value = (int64_t)small, .end = at + n} : redis_any_number(in, at, max, wrong);
}

struct redis_bulk {
    enum redis_read is;
    enum redis_anomaly anomaly;
    size_t data, len; /* its bytes; known when the header is there */
    size_t end;       /* behind its CRLF, which may not have come; BAD: as above */
};
struct redis_bulk redis_any_bulk(struct sp_span in, size_t at);
/* The argument at `at`. OK: its header is there. */
static inline struct redis_bulk redis_bulk(struct sp_span in, size_t at)
{
    size_t len, n = at < in.n && in.p[at] == '$' ? redis_small(in, at + 1, &len) : 0;
    if (!n)
        return redis_any_bulk(in, at);
    size_t data = at + 1 + n;
    return (struct redis_bulk){.data = data, .len = len, .end = data + len + 2};
}

/* ---- inline.c ---- */

/* Length of the line at `at` with its line feed. */
struct redis_number redis_line(struct sp_span in, size_t at, size_t scanned);
/* Words of a line, quotes resolved, into words[0..max): how many there are, or -1 when quotes are unbalanced. `raw` as they stand there; may be NULL. */
int redis_split(struct sp_span line, struct sp_arena *a, struct sp_span *words, struct sp_span *raw, size_t max);

/* ---- decode.c ---- */

/* A command as far as it lies in its unit. argv[0] is the name. */
struct redis_request {
    bool is_inline;
    uint32_t count, inside; /* arguments there are, and how many of them are here; the name included */
    struct sp_span *argv;
    struct sp_span *raw;    /* inline: the words as they stand there */
    const struct redis_command *command; /* NULL: none of the server's own */
};
/* False: it is malformed, or the arena is exhausted. */
bool redis_request_read(struct sp_span unit, struct sp_arena *a, struct redis_request *r, enum redis_anomaly *ret);
bool redis_decode(const void *st, struct sp_msg *m);
/* Up to the first NUL: as C compares. */
struct sp_span redis_c_text(struct sp_span s);

/* ---- keys.c ---- */

void redis_keys(struct sp_msg *m, const struct redis_request *r);
/* Is one of its arguments perhaps a password? Is this one? */
bool redis_has_passwords(const struct redis_request *r);
bool redis_is_password(const struct redis_request *r, uint32_t i);
/* The script among the arguments, or 0. */
uint32_t redis_script_at(const struct redis_request *r);
/* Adds an argument as a value of a field. */
void redis_add(struct sp_msg *m, unsigned field, struct sp_span key, struct sp_span str, const struct redis_request *r, uint32_t i);

/* ---- the others ---- */

struct sp_frame redis_frame(const void *st, enum sp_dir dir, struct sp_span in, uint64_t mark, const struct sp_ask *ask);
void redis_grant_request(struct redis_state *st, const struct sp_frame *f);
struct sp_frame redis_frame_reply(const struct redis_state *st, struct sp_span in, uint64_t mark, const struct sp_ask *ask);
void redis_grant_reply(struct redis_state *st, const struct sp_frame *f);
bool redis_decode_reply(struct sp_msg *m);
void redis_step_reply(struct redis_state *st);
bool redis_mend(const void *st, const struct sp_msg *m, const struct sp_fix *fixes, uint32_t nfixes, struct sp_edit *edits, uint32_t *nedits);
enum sp_reply redis_refuse(const void *st, enum sp_dir dir, const struct sp_msg *m, unsigned status, struct sp_buf *reply);
void redis_auth_settled(struct redis_state *st, bool ok);

const char *redis_anomaly_name(enum redis_anomaly a);
enum redis_anomaly redis_anomaly_named(const char *name);
/* What draws the server's own words; NULL: nothing does. */
const char *redis_anomaly_words(enum redis_anomaly a, bool in_command);

#endif
