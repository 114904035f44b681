/* SPDX-License-Identifier: Apache-2.0 */
/* mysql: what the files of this folder share. */
#ifndef SP_PROTO_MYSQL_MYSQL_H
#define SP_PROTO_MYSQL_MYSQL_H

#include "lang/sql.h"
#include "proto/mysql/anomaly.h"
#include "proto/mysql/fields.h"

enum mysql_limits {
    HEADER = 4,                 /* length and sequence number of a packet */
    PACKET_MAX = 0xffffff,      /* a packet of this length is continued by the next one */
    GREETING_MAX = 1024,        /* version, scramble and plugin are some 100 bytes */
    LOGIN_MAX = 70000,          /* 64 KiB of attributes, which is the server's limit, and the names */
    AUTH_MAX = 65535,           /* a Kerberos ticket, the longest thing that plugins send */
    OWED_MAX = 32,              /* commands whose answers are outstanding; the next one waits */
    NAME_BYTES = 47,            /* bytes kept of a name; MySQL's are of up to 32 (users) or 64 characters */
    LOOK = 24,                  /* bytes of an answer's packet in which all that its end depends on lies */
    COLUMNS_MAX = 65535,        /* the protocol's own limit where it has one; servers end at 4096 */
};

/* ---- capabilities ---- */

enum mysql_capability {
    CAN_CONNECT_WITH_DB = 1u << 3,
    CAN_COMPRESS = 1u << 5,
    CAN_LOCAL_FILES = 1u << 7,
    CAN_PROTOCOL_41 = 1u << 9,
    CAN_TLS = 1u << 11,
    CAN_SECURE_CONNECTION = 1u << 15,
    CAN_MULTI_STATEMENTS = 1u << 16,
    CAN_PLUGIN_AUTH = 1u << 19,
    CAN_CONNECT_ATTRS = 1u << 20,
    CAN_LENENC_AUTH = 1u << 21,
    CAN_DEPRECATE_EOF = 1u << 24,
    CAN_OPTIONAL_METADATA = 1u << 25,
    CAN_ZSTD = 1u << 26,
    CAN_QUERY_ATTRIBUTES = 1u << 27,
    CAN_EXTENSION = 1u << 29,
};
/* Never agreed to: what is compressed cannot be judged, and what is not known cannot be followed. */
#define CAN_NEVER ((uint32_t)(CAN_COMPRESS | CAN_ZSTD | CAN_EXTENSION))

/* MariaDB's own, in bytes that MySQL leaves empty, where CLIENT_MYSQL (the first bit) is not set. */
enum mysql_mariadb_capability {
    MORE_PROGRESS = 1u << 0,
    MORE_CACHE_METADATA = 1u << 4,
    MORE_KNOWN = 0x3du, /* progress, bulk, extended metadata, cached metadata, unit results; not COM_MULTI */
};

/* ---- the state ---- */

enum mysql_phase {
    PHASE_START = 0, /* no greeting yet */
    PHASE_GREETED,   /* the client's login comes */
    PHASE_LOGIN,     /* until the server says yes or no */
    PHASE_READY,
    PHASE_STREAM,    /* replication: the server sends until the end */
};

enum mysql_flags {
    FLAG_NO_TLS = 1 << 0,
    FLAG_BLIND = 1 << 1,   /* only one direction is seen, perhaps not from the beginning */
    FLAG_TURN = 1 << 2,    /* login: the client says the next thing */
    FLAG_WAIT = 1 << 3,    /* what was sent last decides how the next message is read: that one waits for the answer */
    FLAG_NEXT = 1 << 4,    /* if the answer is no error, `next` and `next_sql` hold */
    FLAG_LOST = 1 << 5,    /* the preparation that "the last one" would mean was refused */
    FLAG_CONT = 1 << 6,    /* client: the next packet continues a command that passed unread */
};

/* What a command makes the server owe. */
enum mysql_owes {
    OWES_NOTHING,
    OWES_RESULT,   /* OK, an error, or rows in text; several of them */
    OWES_FILE,     /* the same, or it asks for a file */
    OWES_BINARY,   /* the same with binary rows, and no file */
    OWES_PREPARED,
    OWES_ROWS,     /* rows, or definitions, without a head */
    OWES_PACKET,   /* one packet */
};

/* Where in an answer the server is. */
enum mysql_part {
    PART_FIRST,
    PART_COLUMNS,       /* `left` definitions */
    PART_COLUMNS_END,
    PART_ROWS,
    PART_PARAMETERS,    /* of a preparation: `left` definitions, then `second` ones */
    PART_PARAMETERS_END,
    PART_PREPARED,
    PART_PREPARED_END,
    PART_FILE,          /* the client sends a file */
};

struct mysql_name {
    uint8_t n;
    uint8_t at[NAME_BYTES];
};

struct mysql_state {
    uint8_t phase, flags;
    uint8_t seq;            /* login: sequence number of the next packet */
    uint8_t transaction;    /* 'I' 'T', 0: not known */
    uint8_t sql, next_sql;  /* enum sp_sql_mode_flags */
    uint16_t charset;       /* collation of the login */
    uint32_t capabilities;  /* offered, then agreed to */
    uint32_t more;          /* the same, MariaDB's own */
    uint32_t version;       /* as version comments write it */
    uint8_t part;
    uint8_t cont;           /* server: the next packet continues the last one */
    uint16_t left, second;
    uint8_t nowed;
    uint8_t owed[OWED_MAX / 2]; /* enum mysql_owes, oldest first, four bits each */
    struct mysql_name user, database, application, next;
};

static inline struct sp_span mysql_name_of(const struct mysql_name *name) { return (struct sp_span){name->at, name->n}; }

/* ---- command.c ---- */

enum mysql_code {
    COM_QUIT = 0x01,
    COM_INIT_DB = 0x02,
    COM_QUERY = 0x03,
    COM_CHANGE_USER = 0x11,
    COM_STMT_PREPARE = 0x16,
    COM_STMT_EXECUTE = 0x17,
    COM_STMT_LONG_DATA = 0x18,
    COM_STMT_CLOSE = 0x19,
    COM_STMT_BULK = 0xfa,
};
struct mysql_command {
    const char *name;
    uint8_t owes;    /* enum mysql_owes */
    bool always;     /* judged whatever the rules read: the state depends on it */
    bool stream;     /* the server answers with a stream that ends with the session */
    uint64_t fields; /* the fields, by bit, that make it worth being judged */
};
/* NULL: there is none. */
const struct mysql_command *mysql_command_of(uint8_t code);

/* ---- packets ---- */

static inline uint32_t mysql_length(const uint8_t *packet)
{
    return (uint32_t)packet[0] | (uint32_t)packet[1] << 8 | (uint32_t)packet[2] << 16;
}
/* Length of the message at the start of `in`, continuations included; 0: the header of one is not there yet. */
uint64_t mysql_message_length(struct sp_span in);
/* Packets that a whole message is made of. */
unsigned mysql_packets(struct sp_span unit);
/* A message's bytes without the headers: inside the unit where it is one packet. */
struct sp_span mysql_payload(struct sp_msg *m);
/* An integer of one to nine bytes; the cursor fails where there is none. */
uint64_t mysql_lenenc(struct sp_cur *c);
struct sp_span mysql_text(struct sp_cur *c);

/* ---- answer.c ---- */

/* Answers followed through some packets: what mysql_state says of them, and what is new. */
struct mysql_answers {
    uint8_t part;
    bool cont, failed, reported; /* the last answer that ended was an error; `status` was seen */
    uint16_t left, second, status;
    unsigned ended;              /* answers that have ended */
};
enum mysql_status {
    STATUS_IN_TRANSACTION = 0x0001,
    STATUS_MORE_RESULTS = 0x0008,
    STATUS_CURSOR = 0x0040,
    STATUS_NO_BACKSLASH = 0x0200,
    STATUS_ANSI_QUOTES = 0x8000, /* MariaDB's */
};
struct mysql_answers mysql_answers_of(const struct mysql_state *st);
enum mysql_owes mysql_owed(const struct mysql_state *st, const struct mysql_answers *a);
/* Bytes of the packet's payload that must be there; `start` is what is. */
size_t mysql_answer_needs(const struct mysql_answers *a, uint32_t len, struct sp_span start);
/* Follows one packet of `len` bytes that begins with `start`. False: it cannot be. */
bool mysql_answer_packet(const struct mysql_state *st, struct mysql_answers *a, uint32_t len, struct sp_span start);
uint64_t mysql_answers_note(const struct mysql_answers *a);
struct mysql_answers mysql_answers_noted(uint64_t note);
/* Is this the end of the rows? */
bool mysql_rows_end(const struct mysql_state *st, uint32_t len, uint8_t first);

/* ---- login.c ---- */

struct mysql_greeting {
    struct sp_span version, plugin;
    uint32_t capabilities, more;
    size_t low, high, extra; /* where they are: 16 bits each, 32 bits of MariaDB's */
    uint16_t status;
};
bool mysql_greeting_read(struct sp_span unit, struct mysql_greeting *ret);
struct mysql_login {
    uint32_t capabilities, more;
    uint16_t charset;
    struct sp_span user, database, plugin, application;
    struct sp_span attributes; /* names and values */
};
bool mysql_login_read(struct sp_span unit, uint32_t offered, struct mysql_login *ret);
/* COM_CHANGE_USER. */
bool mysql_change_read(struct sp_span payload, uint32_t capabilities, struct mysql_login *ret);
/* NULL: bits without a name. */
const char *mysql_capability_name(unsigned bit);
/* As version comments write it: 80036 or 101106; *ret_mariadb: it is a MariaDB. */
uint32_t mysql_version_of(struct sp_span text, bool *ret_mariadb);
/* Do characters of this collation have second bytes that may be backslashes? */
bool mysql_charset_trails(unsigned collation);

/* ---- statement.c ---- */

struct sp_sql_mode mysql_mode(const struct mysql_state *st);
void mysql_statement(const struct mysql_state *st, struct sp_msg *m, struct sp_span text);
/* Does a text, as far as it is there, perhaps change how later ones are read? */
bool mysql_tells(const struct mysql_state *st, struct sp_span text);
/* Does it perhaps have the word LOCAL? */
bool mysql_names_local(struct sp_span text);
/* What the session will be like once the text has been run: `next`, `next_sql`. False: as before. */
bool mysql_told(struct mysql_state *st, struct sp_span text, struct sp_arena *a);

/* ---- the rest ---- */

struct sp_frame mysql_frame(const void *state, enum sp_dir dir, struct sp_span in, uint64_t mark, const struct sp_ask *ask);
bool mysql_decode(const void *state, struct sp_msg *m);
enum sp_mysql_anomaly mysql_decode_reply(const struct mysql_state *st, struct sp_msg *m);
/* Parameters behind the head of an execution, or attributes of a query; `count` < 0: not said how many. False: not laid out so. */
bool mysql_parameters(struct sp_msg *m, struct sp_cur *c, int64_t count, bool named, bool execution);
bool mysql_mend(const void *state, const struct sp_msg *m, const struct sp_fix *fixes, uint32_t nfixes, struct sp_edit *edits, uint32_t *nedits);
enum sp_reply mysql_refuse(const void *state, enum sp_dir dir, const struct sp_msg *m, unsigned status, struct sp_buf *reply);

/* A note of a client's flow: how many commands it has, and what each makes the server owe, four bits each. */
enum { NOTED_MAX = 14 };
#define NOTE_CONT (UINT64_C(1) << 60)
#define NOTE_FILE_ENDS (UINT64_C(1) << 61)
#define NOTE_WAIT (UINT64_C(1) << 62)

const char *mysql_anomaly_name(enum sp_mysql_anomaly a);
struct mysql_error {
    unsigned code;
    const char *state;
};
/* NULL: none of this protocol's. */
const struct mysql_error *mysql_anomaly_error(const char *name);

/* User, database, application and transaction, as far as they are known. */
void mysql_add_context(const struct mysql_state *st, struct sp_msg *m);
/* Adds a value, if it is wanted; `str` is inside the unit, or in the body of a message of several packets. */
void mysql_add(struct sp_msg *m, unsigned field, struct sp_span key, struct sp_span str);
void mysql_add_text(struct sp_msg *m, unsigned field, struct sp_span str);
void mysql_add_num(struct sp_msg *m, unsigned field, int64_t num);

#endif
