/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proto: the contract between bytes and rules. A protocol is one const object of pure functions over a flat state:
 * no globals, no allocation of its own, no I/O. docs/architecture.md explains the order in which the engine calls them.
 */
#ifndef SP_PROTO_PROTO_H
#define SP_PROTO_PROTO_H

#include "base/arena.h"
#include "base/bits.h"
#include "base/buf.h"
#include "base/cur.h"
#include "base/span.h"

enum sp_dir { SP_C2S = 0, SP_S2C = 1 };

enum sp_limits {
    SP_STATE_MAX = 256,      /* bytes of decoder state in a session: idle connections must stay below 1 KiB */
    SP_FIELDS_MAX = 192,     /* fields of one protocol, the session's included: sizes every field bit set */
    SP_VALUES_MAX = 1 << 20, /* values in one message: a JSON body of some 10 MiB; touched only as far as used */
    SP_EDITS_MAX = 512,      /* byte replacements in one message */
};

#define SP_FIELD_WORDS SP_BITS_WORDS(SP_FIELDS_MAX)

/* ---- the field catalogue ---- */

enum sp_type {
    SP_STR,  /* bytes */
    SP_NUM,  /* signed 64-bit number */
    SP_BOOL,
    SP_IP,   /* 16 bytes in `str`, IPv4 as ::ffff:a.b.c.d */
};

enum sp_field_flags {
    SP_F_C2S = 1 << 0,
    SP_F_S2C = 1 << 1,
    SP_F_EDIT = 1 << 2,   /* corrections may change it */
    SP_F_REP = 1 << 3,    /* may have several values in a message */
    SP_F_KEYED = 1 << 4,  /* every value has a key: F["key"]; implies REP */
    SP_F_SECRET = 1 << 5, /* masked in events */
    SP_F_ICASE = 1 << 6,  /* comparisons ignore ASCII case */
    SP_F_IKEY = 1 << 7,   /* keys compare without ASCII case */
    SP_F_BODY = 1 << 8,   /* known only when the whole unit has been collected */
    SP_F_SESSION = 1 << 9,/* filled in by the engine, same for every message of the session */
    SP_F_SOME = 1 << 11,  /* only messages have it that frame takes for units whatever sp_ask.verb says */
    SP_F_WORDS = 1 << 10, /* with BODY: left for later only where every run of letters, digits and _ in its values stands in the protocol's `text`
                             as well, capital or small */
};

struct sp_field {
    const char *name; /* "http.request.uri.path" */
    const char *doc;  /* one sentence */
    const char *hint; /* an example value: fuzz dictionaries, the reference pages */
    uint16_t flags;
    uint8_t type; /* enum sp_type */
};

/* The session's fields come first in every catalogue, in this order. */
#define SP_SESSION_FIELDS(F)                                                                                           \
    F(IP_SRC, "ip.src", SP_IP, SP_F_C2S | SP_F_S2C | SP_F_SESSION, "192.0.2.7",                                        \
      "Address of the client (the one the PROXY protocol names, where that is on).")                                   \
    F(IP_DST, "ip.dst", SP_IP, SP_F_C2S | SP_F_S2C | SP_F_SESSION, "192.0.2.80", "Address that the client connected to.") \
    F(SRCPORT, "tcp.srcport", SP_NUM, SP_F_C2S | SP_F_S2C | SP_F_SESSION, "40123", "TCP port of the client.")          \
    F(DSTPORT, "tcp.dstport", SP_NUM, SP_F_C2S | SP_F_S2C | SP_F_SESSION, "80", "TCP port that the client connected to.") \
    F(SERVICE, "service.name", SP_STR, SP_F_C2S | SP_F_S2C | SP_F_SESSION, "shop", "Name of the service in the configuration.") \
    F(TIME, "clock.time", SP_NUM, SP_F_C2S | SP_F_S2C | SP_F_SESSION, "1430",                                          \
      "Time of day in the machine's time zone, hours times 100 and minutes: 0 to 2359.")                              \
    F(WEEKDAY, "clock.weekday", SP_NUM, SP_F_C2S | SP_F_S2C | SP_F_SESSION, "7", "Day of the week: 1 is Monday, 7 Sunday.")

#define SP_FIELD_ENUM(id, name, type, flags, hint, doc) SP_FIELD_##id,
enum sp_session_field { SP_SESSION_FIELDS(SP_FIELD_ENUM) SP_SESSION_NFIELDS };

/* ---- a decoded message ---- */

enum sp_value_flags {
    SP_V_DERIVED = 1 << 0, /* str is not the raw bytes (decoded, joined, computed): an edit must encode */
    SP_V_INBODY = 1 << 1,  /* off/len count in msg->body, not in msg->unit (the body was chunked or coded) */
    SP_V_ALIAS = 1 << 2,   /* the next value of this field once more, under a name that some servers give it: for who asks for that name */
};

/* One value of one field. Values remember the bytes they came from. */
struct sp_value {
    uint16_t field;
    uint16_t flags;
    uint32_t off, len;   /* its raw bytes in the unit; len 0 when it has none of its own */
    struct sp_span key;  /* name of a keyed value, decoded; empty otherwise */
    struct sp_span str;  /* decoded bytes: points into the unit or the arena */
    int64_t num;         /* SP_NUM and SP_BOOL */
};

/* Replace unit bytes [off, off+len) by `with`. A list of edits is sorted by off and does not overlap. */
struct sp_edit {
    uint32_t off, len;
    struct sp_span with;
};

/* What a decoder fills in. The engine owns the memory; decoders use sp_msg_add and sp_msg_canon. */
struct sp_msg {
    uint8_t dir;
    bool whole;              /* in: the unit includes its body (frame was asked for it) */
    struct sp_span unit;     /* in */
    const uint64_t *want;    /* in: bit set by field; values of other fields need not be added */
    const uint64_t *eager;   /* in: body fields that are asked for whatever the head says: not worth leaving for later. NULL: none */
    struct sp_arena *arena;  /* in */
    struct sp_value *values; /* room for SP_VALUES_MAX */
    uint32_t nvalues;
    struct sp_edit *canon;   /* room for SP_EDITS_MAX: what makes the unit canonical; none when it already is */
    uint32_t ncanon;
    struct sp_span body;     /* body as a parser sees it: without chunking and content coding */
    struct sp_span refused_by; /* in, for refuse: the rule's name; empty when no rule asked for it */
    bool unframed;           /* in, for refuse: where the message ends is not known, or nobody will hear more of it: the session ends */
    bool overflow;           /* values or edits did not fit: the message is refused */
    const char *anomaly;     /* why the unit is malformed or was rewritten: a name from the protocol's table. NULL beside edits: they
                                are what any hop may do, and not worth an event */
    uint64_t body_fields[SP_FIELD_WORDS]; /* head only: which body fields could have values if the body were collected */
    uint64_t bits;           /* the protocol's own notes from decode to mend, refuse and step */
    uint64_t extra;          /* the same (for HTTP: the body's length) */
};

static inline bool sp_want(const struct sp_msg *m, unsigned field) { return sp_bit(m->want, field); }
/* Adds a value; false (and overflow) when there is no room. Defined in proto/msg.c. */
bool sp_msg_add(struct sp_msg *m, const struct sp_value *v);
/* Adds a canonicalising edit. Edits must come in rising order. */
bool sp_msg_canon(struct sp_msg *m, size_t off, size_t len, struct sp_span with);

/* ---- framing ---- */

enum sp_fate {
    SP_MORE,    /* not all there yet: call again when more bytes have come; `mark` comes back as it is */
    SP_UNIT,    /* the first `len` bytes are one unit: decode, judge, step */
    SP_FLOW,    /* the next `len` bytes (UINT64_MAX: all until end of stream) are a body, or messages, that nobody reads: forward unread */
    SP_STALL,   /* nothing may be looked at in this direction before the other one has moved (HTTP upgrade, full pipeline) */
    SP_SAY,  /* the first `len` bytes are not for the peer: they are answered with `say` and go no further */
    SP_OPAQUE,  /* from here on, both directions are forwarded unread for good */
    SP_STARTTLS,/* the first `len` bytes pass, and from there on both directions are TLS */
    SP_TOOLONG, /* the unit is longer than it may be: refuse and close */
    SP_BAD,     /* can never become a unit: refuse and close */
};

/*
 * Which messages rules can say anything about, by what they are called: the value of the protocol's `verb`. Only where no rule has to look at a
 * field that any message may have.
 */
struct sp_ask_verb {
    bool (*heard)(const void *ctx, struct sp_span verb); /* false: no rule can hold for a message of that name */
    const void *ctx;
};

/* What is asked of frame. */
struct sp_ask {
    bool whole;           /* the unit with its body */
    uint64_t max;         /* which may be so long */
    const uint64_t *want; /* fields that rules read in this direction: messages that have none of them may flow, many at once */
    struct sp_ask_verb verb; /* .heard NULL: nothing is known of that. Else: messages that it does not hear of may flow whatever is wanted of them */
};

struct sp_frame {
    enum sp_fate fate;
    uint64_t len;         /* UNIT, FLOW, SAY, STARTTLS: see above */
    uint64_t mark;        /* MORE: where to resume, handed back as `mark` of the next call for the same unit. FLOW: a note for grant */
    bool part;            /* UNIT, FLOW: continues the message before it (a chunk, a trailer): shares its verdict */
    bool canonical;       /* UNIT with part: nothing to read or change in it: decode may be skipped */
    struct sp_span say;   /* MORE, UNIT: to be said to the peer once, now (HTTP: 100 Continue). SAY: the answer */
    const char *anomaly;  /* TOOLONG, BAD: a name from the protocol's table */
};

/* What became of a unit. */
enum sp_act { SP_PASS, SP_ALERT, SP_CORRECT, SP_REFUSE, SP_DROP, SP_CLOSE };

enum sp_reply {
    SP_REPLY_KEEP,  /* the reply ends the matter, the session goes on */
    SP_REPLY_CLOSE, /* send the reply, then close */
    SP_REPLY_LATER, /* the peer still owes earlier answers: ask again when it has moved */
    SP_REPLY_NONE,  /* nothing can be said: close */
    SP_REPLY_INSTEAD, /* only what a client sends: what was written goes to the server in the message's place, which answers it with an error of its own,
                         when its turn comes: the order of answers and the state of transactions are the server's */
};

/* How a session is opened. */
enum sp_open {
    SP_OPEN_NO_TLS = 1 << 0, /* TLS is refused in protocol; otherwise it passes uninspected */
};

/* A correction of one value, before the protocol has found its bytes. */
enum sp_fix_op { SP_FIX_SET, SP_FIX_REMOVE };
struct sp_fix {
    uint32_t value;       /* index in msg->values */
    enum sp_fix_op op;
    struct sp_span to;    /* SET: the new decoded value (truncate, clamp and replace arrive as SET) */
};

struct sp_proto {
    const char *name, *title, *spec;
    const struct sp_field *fields; /* SP_SESSION_NFIELDS of the session's first */
    uint16_t nfields;
    uint16_t verb;                      /* the field that says what is asked of the server, for sp_ask.verb; 0: none */
    uint16_t text;                      /* the field that those with SP_F_WORDS are read from; 0: there are none */
    /* Flat; zero = fresh; copied on crash, upgrade, migration. The version stays while members are only added at the end, where zero
     * means that it is not known. */
    uint16_t state_size, state_version;
    uint32_t head_max;                  /* longest unit without its body */
    uint32_t idle_s;                    /* how long a session may be silent, in seconds, where the configuration says nothing */
    bool client_first;                  /* the server says nothing before the client has */

    struct sp_span hello;               /* to be said to a server to hear whether it speaks this; without effect. Empty: it speaks first */

    /* Could these first bytes be this protocol? SP_MORE, SP_UNIT (yes) or SP_BAD (no). Of a server: greeting, or answer to `hello`. */
    enum sp_fate (*probe)(enum sp_dir dir, struct sp_span in);
    /* A session begins: enum sp_open. NULL where nothing depends on it. */
    void (*open)(void *st, unsigned options);
    /* Where does the unit at the start of `in` end? */
    struct sp_frame (*frame)(const void *st, enum sp_dir dir, struct sp_span in, uint64_t mark, const struct sp_ask *ask);
    /* Unit -> fields. False: malformed (m->anomaly says why; refuse() then answers). */
    bool (*decode)(const void *st, struct sp_msg *m);
    /* Corrections -> byte edits, with counts and lengths repaired. False: cannot be corrected. `edits` has room for SP_EDITS_MAX. */
    bool (*mend)(const void *st, const struct sp_msg *m, const struct sp_fix *fixes, uint32_t nfixes, struct sp_edit *edits,
                 uint32_t *nedits);
    /* The answer that refuses a message, written to `reply`. `m` may be undecoded (nvalues 0) after BAD and TOOLONG.
     * `status` 0 means the protocol's default. `dir` is the refused message's; the reply always goes to the client. */
    enum sp_reply (*refuse)(const void *st, enum sp_dir dir, const struct sp_msg *m, unsigned status, struct sp_buf *reply);
    /* State changes here and in grant only: a unit was passed on, corrected, refused (with INSTEAD: something else was passed on) or dropped. */
    void (*step)(void *st, enum sp_dir dir, const struct sp_msg *m, enum sp_act done);
    /* A FLOW was granted, as frame returned it: passed on or dropped. */
    void (*grant)(void *st, enum sp_dir dir, const struct sp_frame *f, enum sp_act done);
    /* Between messages, with nothing owed in either direction: this state, or a fresh one where its version is another, is all there is to go on with. */
    bool (*rest)(const void *st);
    /* Could this be a state of ours? For memory that somebody may have damaged: with one that passes here, nothing reaches outside of a table or a buffer. */
    bool (*plausible)(const void *st);
    /* Only `dir` can be seen (judging half a connection, perhaps not from its beginning): before its first bytes, and behind every unit, what
     * the other side owes counts as given, plainly. */
    void (*alone)(void *st, enum sp_dir dir);
    /* Adds the client's address for the server to see (HTTP: X-Forwarded-For). NULL where the protocol has no place for it.
     * Same shape as mend. */
    bool (*forward)(const struct sp_msg *m, struct sp_span client_ip, struct sp_edit *edits, uint32_t *nedits);
    /* Keys (lower case) of keyed fields whose values are masked in events, NULL at the end. */
    const char *const *secret_keys;
};

/* Every protocol compiled in, NULL at the end. Generated from src/proto/meson.build. */
extern const struct sp_proto *const sp_protos[];
const struct sp_proto *sp_proto_by_name(struct sp_span name);
/* Index in p->fields, or -1. */
int sp_proto_field(const struct sp_proto *p, struct sp_span name);

#endif
