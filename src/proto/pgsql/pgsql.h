/* SPDX-License-Identifier: Apache-2.0 */
/* pgsql: what the files of this folder share. */
#ifndef SP_PROTO_PGSQL_PGSQL_H
#define SP_PROTO_PGSQL_PGSQL_H

#include "proto/pgsql/anomaly.h"
#include "proto/pgsql/fields.h"

enum pgsql_limits {
    HEADER = 5,                  /* type and length of a message */
    STARTUP_MIN = 8,
    STARTUP_MAX = 10000,         /* MAX_STARTUP_PACKET_LENGTH of the server */
    STARTUP_PARAMETERS_MAX = 64, /* an order of magnitude above what drivers send */
    CANCEL_MAX = 268,            /* protocol 3.2 has keys of up to 256 bytes */
    SMALL_MAX = 10000,           /* PQ_SMALL_MESSAGE_LIMIT of the server */
    LARGE_MAX = 0x3ffffffe,      /* PQ_LARGE_MESSAGE_LIMIT: what the server can allocate */
    AUTH_MAX = 65535,            /* PG_MAX_AUTH_TOKEN_LENGTH */
    NAME_MAX_BYTES = 63,         /* NAMEDATALEN - 1: the server cuts names there */
    RULE_MAX = 33,               /* bytes of a rule's name in a refusal: marker, name and code together are no longer than a name may be */
};

enum pgsql_phase {
    PHASE_START = 0, /* no startup message yet */
    PHASE_ASKED,     /* encryption was asked for; the server owes one byte */
    PHASE_LOGIN,     /* from the startup message to the first ReadyForQuery */
    PHASE_READY,
    PHASE_CANCEL,    /* a connection that only carries a cancel request */
};

enum pgsql_flags {
    FLAG_NO_TLS = 1 << 0,
    FLAG_BLIND = 1 << 1,        /* only one direction is seen, perhaps not from the beginning */
    FLAG_ASKED_TLS = 1 << 2,
    FLAG_ASKED_GSS = 1 << 3,
    FLAG_BACKSLASH = 1 << 4,    /* standard_conforming_strings is off */
    FLAG_BATCH = 1 << 5,        /* messages of the extended protocol since the last Sync */
    FLAG_SIMPLE = 1 << 6,       /* the last message that ReadyForQuery will answer was no Sync */
};

/* Client encodings in which the second byte of a character may be ASCII, a backslash among others. None of them is a server's encoding. */
enum pgsql_encoding { ENCODING_PLAIN, ENCODING_PAIRS, ENCODING_SJIS };

struct pgsql_name {
    uint8_t n;
    uint8_t at[NAME_MAX_BYTES];
};

struct pgsql_state {
    uint8_t phase, flags, encoding;
    uint8_t transaction;      /* 'I' 'T' 'E', 0: not known */
    uint8_t replication;      /* index in pgsql_replications */
    uint8_t asked;            /* 'S' or 'G': the answer that would begin encryption */
    uint8_t spare[2];
    uint32_t owed;            /* ReadyForQuery that the server has to send; may be too many where it ignored messages, never too few */
    struct pgsql_name user, database, application;
};

/* ---- message.c ---- */

struct pgsql_type {
    uint8_t tag, dir;
    bool always;              /* judged whatever the rules read: the state or a refusal depends on it */
    bool noted;               /* it changes what is owed */
    uint32_t min, max;        /* of its length word */
    uint64_t fields;          /* the fields, by bit, that make it worth being judged */
    const char *name;
};
enum { LETTERS = 128 };
extern const struct pgsql_type pgsql_types[];
extern const uint8_t pgsql_rows[2][LETTERS]; /* which row a type's letter has; 0: none */
/* NULL: the protocol has no such message. */
static inline const struct pgsql_type *pgsql_type_of(enum sp_dir dir, uint8_t tag)
{
    uint8_t row = tag < LETTERS ? pgsql_rows[dir][tag] : 0;
    return row ? &pgsql_types[row] : NULL;
}
/* The codes of first packets that are no startup message. */
enum pgsql_code { CODE_CANCEL = 80877102, CODE_TLS = 80877103, CODE_GSS = 80877104 };
/* The 32 bits at `at`, 0 beyond the end. */
uint32_t pgsql_u32(struct sp_span in, size_t at);

/* What a message, or a run of messages, changes about what is owed. Notes of consecutive messages add up. */
#define NOTE_COUNT UINT32_MAX                 /* C2S: to be answered by ReadyForQuery. S2C: so many ReadyForQuery */
#define NOTE_STATUS_SHIFT 32                  /* S2C: the last transaction status, 8 bits */
#define NOTE_COPY (UINT64_C(1) << 40)         /* S2C: CopyInResponse; counted is what came behind it */
#define NOTE_BATCH_ENDS (UINT64_C(1) << 41)   /* C2S: Sync, Query or FunctionCall */
#define NOTE_BATCH (UINT64_C(1) << 42)        /* C2S: extended messages behind the last one of these */
#define NOTE_SIMPLE (UINT64_C(1) << 43)       /* C2S: the last one of these was no Sync */
#define NOTE_DECLINED (UINT64_C(1) << 44)     /* S2C: no encryption */
uint64_t pgsql_note(uint64_t note, const struct pgsql_type *t, uint8_t status);

/* ---- startup.c ---- */

struct pgsql_startup {
    struct sp_span name[STARTUP_PARAMETERS_MAX], value[STARTUP_PARAMETERS_MAX];
    unsigned n;
    struct sp_span user, database, application, replication;
};
bool pgsql_startup_read(struct sp_span unit, struct pgsql_startup *ret, enum sp_pgsql_anomaly *ret_anomaly);
void pgsql_startup_values(struct sp_msg *m, const struct pgsql_startup *s);
enum { REPLICATIONS = 3 };
extern const char *const pgsql_replications[REPLICATIONS];
/* Which kind of connection a value of `replication` asks for: index in pgsql_replications. */
unsigned pgsql_replication_of(struct sp_span value);

/* ---- the rest ---- */

struct sp_frame pgsql_frame(const void *state, enum sp_dir dir, struct sp_span in, uint64_t mark, const struct sp_ask *ask);
bool pgsql_decode(const void *state, struct sp_msg *m);
bool pgsql_decode_reply(struct sp_msg *m, const struct pgsql_type *t);
/* Values of a statement's text. False: how it will be read is not certain. */
bool pgsql_statement(const struct pgsql_state *st, struct sp_msg *m, struct sp_span text);
bool pgsql_mend(const void *state, const struct sp_msg *m, const struct sp_fix *fixes, uint32_t nfixes, struct sp_edit *edits, uint32_t *nedits);
enum sp_reply pgsql_refuse(const void *state, enum sp_dir dir, const struct sp_msg *m, unsigned status, struct sp_buf *reply);

/* The words that a refusal begins with, and an error of the server's that answers one is known by. */
#define PGSQL_MARKER SP_LIT("refused by Sallyport: ")
static inline bool pgsql_refusal_char(uint8_t c)
{
    return (uint8_t)(sp_lower(c) - 'a') < 26 || sp_is_digit(c) || c == '-' || c == '_' || c == '.' || c == ':' || c == '/';
}

const char *pgsql_anomaly_name(enum sp_pgsql_anomaly a);
/* SQLSTATE of the answer to it; NULL: none of this protocol's. */
const char *pgsql_anomaly_code(const char *name);

/* What is tracked of the settings that the server reports. */
enum pgsql_setting { SETTING_OTHER, SETTING_STRINGS, SETTING_ENCODING, SETTING_APPLICATION };
enum pgsql_setting pgsql_setting_of(struct sp_span name);

/* Adds a value; `str` is inside the unit. */
void pgsql_add(struct sp_msg *m, unsigned field, struct sp_span key, struct sp_span str);
void pgsql_add_text(struct sp_msg *m, unsigned field, struct sp_span str);
void pgsql_add_num(struct sp_msg *m, unsigned field, int64_t num);

static inline struct sp_span pgsql_name_of(const struct pgsql_name *name) { return (struct sp_span){name->at, name->n}; }

#endif
