/* SPDX-License-Identifier: Apache-2.0 */
/* http: what the files of this folder share. */
#ifndef SP_PROTO_HTTP_HTTP_H
#define SP_PROTO_HTTP_HTTP_H

#include "lang/lang.h"
#include "proto/http/anomaly.h"
#include "proto/http/fields.h"

enum http_limits {
    HEAD_MAX = 64 << 10,      /* header section: four times what common servers take */
    HEADERS_MAX = 200,        /* header lines: twice Apache's default */
    HTTP_LINES_MAX = 256,     /* lines of a header section, continuations (obs-fold) included */
    LEADING_MAX = 8,          /* bytes of empty lines before a start line: RFC 9112 section 2.2 asks for one line at least */
    OUTSTANDING_MAX = 64,     /* pipelined requests without their answers */
    CHUNK_LINE_MAX = 4096,    /* a chunk-size line with its extensions */
    EXPAND_MAX = 32 << 20,    /* a decompressed body */
    EXPAND_RATIO_MAX = 1000,  /* zlib's own limit is 1032 */
    CODINGS_MAX = 3,          /* stacked content codings */
    RANGES_MAX = 1024,        /* ranges reported; a server accepts fewer */
};

/* ---- the state: flat, zero = fresh ---- */

enum http_phase {
    PHASE_HEAD = 0,
    PHASE_FIXED,      /* `left` bytes of body */
    PHASE_CHUNK,      /* at the first chunk-size line */
    PHASE_CHUNK_DATA, /* `left` bytes of a chunk whose line was a unit of its own */
    PHASE_CHUNK_NEXT, /* at the CRLF behind chunk data, then a chunk-size line */
    PHASE_CLOSE,      /* body until end of stream */
};

/* UNKNOWN: only the answers can be seen. */
enum http_kind { KIND_PLAIN, KIND_HEAD, KIND_CONNECT, KIND_UPGRADE, KIND_UNKNOWN };

struct http_state {
    uint64_t left[2];
    uint8_t phase[2];
    uint8_t first, count;           /* requests without their final answer: a ring of kinds */
    uint8_t held;                   /* CONNECT or Upgrade unanswered: nothing behind it may be read as HTTP */
    uint8_t tunnel;
    uint8_t kept;                   /* the request whose body is coming was kept from the server */
    uint8_t kinds[OUTSTANDING_MAX]; /* enum http_kind */
};

static inline enum http_kind http_answering(const struct http_state *st)
{
    return st->count ? (enum http_kind)st->kinds[st->first] : KIND_PLAIN;
}

/* ---- a header section as read ---- */

enum http_known {
    H_OTHER, H_AUTHORIZATION, H_CONNECTION, H_CONTENT_ENCODING, H_CONTENT_LENGTH, H_CONTENT_TYPE, H_COOKIE, H_EXPECT, H_HOST,
    H_HTTP2_SETTINGS, H_RANGE, H_TRANSFER_ENCODING, H_UPGRADE,
};

struct http_line {
    uint32_t off, end;         /* the line with its line break */
    uint32_t value, value_len; /* outer blanks removed */
    uint16_t name_len;
    uint8_t known;             /* enum http_known */
    bool folded;               /* continued by the lines behind it (obs-fold) */
};

enum http_body { BODY_NONE, BODY_FIXED, BODY_CHUNKED, BODY_CLOSE };

struct http_head {
    struct sp_span unit;
    enum sp_dir dir;
    uint32_t start, start_end; /* the start line, with its line break */
    uint32_t len;              /* the whole header section */
    struct sp_span method, target, version, reason;
    struct sp_span authority, path, query; /* parts of the target; has_query tells "" from none */
    bool has_query, absolute;
    unsigned status;
    uint8_t minor;
    uint16_t nlines;
    /* framing facts, by enum http_known the index + 1 of the first such line */
    uint16_t first[H_UPGRADE + 1], count[H_UPGRADE + 1];
    uint64_t length;
    bool has_length, list_length; /* Content-Length given; more than once */
    bool blanks_length;           /* not with one space before it and none behind it */
    bool chunked, keep_alive, close, connect, expect;
    bool upgrade_option, upgrade, h2c; /* Connection says so; Upgrade names a protocol; HTTP/2 among them */
    bool bodyless;                /* a response that by its status has no body, whatever its header says */
    bool any_folded, any_blank;   /* obs-fold; blanks before a colon */
    bool plain_breaks;            /* every line ends with CRLF */
    enum http_body body;
    enum sp_http_anomaly anomaly;  /* the first fatal one, SP_HTTP_A_NONE otherwise */
    struct http_line *lines;       /* nlines of HEADERS_MAX, the caller's */
};

/* ---- lines.c ---- */

struct http_lines {
    size_t n;              /* line breaks found: more than HTTP_LINES_MAX are counted, not noted */
    size_t controls, cr, crlf; /* control characters (not TAB, CR, LF), CRs, CRs before an LF */
    uint32_t end[HTTP_LINES_MAX]; /* behind each LF */
};
void http_lines_find(struct http_lines *l, struct sp_span in);
/* How many of the first sixteen bytes are letters, digits or hyphens before the first that is none; 0 when there are fewer bytes. */
size_t http_name_length(struct sp_span in);
/* Could percent-decoding, with or without + as space, change anything? */
bool http_has_escapes(struct sp_span in);

/* ---- head.c: start line and header lines ---- */

/* How many bytes of empty lines stand before the start line; beyond LEADING_MAX they are too many. */
size_t http_head_leading(struct sp_span in);
/* Behind the first empty line whose line break (or that of the line before it) begins at or after `from`; 0: none yet. */
size_t http_empty_line(struct sp_span in, size_t from);
/* Where the header section at the start of `in` ends (behind its empty line), 0 when it is not all there. `from`: resume.
 * *ret_may_expect: it may have an Expect line. */
size_t http_head_end(struct sp_span in, size_t from, bool *ret_may_expect);
/* Length of the header section of a whole message. */
static inline size_t http_head_len(struct sp_span unit)
{
    bool expect;
    return http_head_end(unit, 0, &expect);
}
/* Start line and lines, without looking at what they mean. */
bool http_head_lines(struct http_head *h);
/* ---- facts.c ---- */

/* Reads the header section, which is all of `unit`. False: malformed, h->anomaly says how. */
bool http_head_read(struct http_head *h, struct http_line lines[HEADERS_MAX], struct sp_span unit, enum sp_dir dir, enum http_kind answering);
static inline struct sp_span http_line_name(const struct http_head *h, const struct http_line *l)
{
    return sp_span_sub(h->unit, l->off, l->name_len);
}
static inline struct sp_span http_line_value(const struct http_head *h, const struct http_line *l)
{
    return sp_span_sub(h->unit, l->value, l->value_len);
}
/* Value of the first header line of that kind, empty when there is none. */
struct sp_span http_header(const struct http_head *h, enum http_known known);
bool http_is_token(struct sp_span s);
/* Next item of a comma-separated list from *at on, trimmed; empty ones are skipped. */
bool http_list_next(struct sp_span list, size_t *at, struct sp_span *ret);
/* Does this protocol of an Upgrade list lead to HTTP/2? */
bool http_is_h2(struct sp_span protocol);
/* Host without its port. */
struct sp_span http_host_name(struct sp_span host);

/* ---- chunk.c ---- */

struct http_chunk {
    uint64_t size;
    uint32_t line_len;     /* the chunk-size line with its CRLF */
    uint32_t digits, zeros;/* hexadecimal digits, leading zeros among them */
    bool canonical;
};
enum http_chunk_result { CHUNK_OK, CHUNK_MORE, CHUNK_BAD };
enum http_chunk_result http_chunk_read(struct sp_span in, struct http_chunk *ret, enum sp_http_anomaly *ret_anomaly);
/* The digits of the size without leading zeros, from the line that was read. */
struct sp_span http_chunk_digits(struct sp_span line, const struct http_chunk *c);
/* Unchunks `in` (from the first chunk-size line to the end of the trailers) into the arena, and lists the edits that make it canonical.
 * `off`: where `in` stands in the unit. */
bool http_chunked_read(struct sp_msg *m, struct sp_span in, size_t off, struct sp_span *ret_body, struct sp_span *ret_trailers,
                       enum sp_http_anomaly *ret_anomaly);
/* Checks a trailer section (with its empty line) at `off` of the unit; adds its edits and values. */
bool http_trailers_read(struct sp_msg *m, struct sp_span trailers, size_t off, enum sp_http_anomaly *ret_anomaly);

/* ---- charset.c ---- */

enum http_wide { WIDE_NO, WIDE_LITTLE, WIDE_BIG, WIDE_OTHER };

/* False: a charset in which a body says something else than its bytes seem to. */
bool http_charset_has_ascii(struct sp_span name);
enum http_wide http_wide_of(struct sp_span body);
struct sp_span http_from_utf16(struct sp_arena *a, struct sp_span in, bool big);

/* ---- the rest ---- */

struct sp_frame http_frame(const void *state, enum sp_dir dir, struct sp_span in, uint64_t mark, const struct sp_ask *ask);
bool http_decode(const void *state, struct sp_msg *m);
/* Emits the canonicalising edits of a head, in order. */
void http_canon_head(struct sp_msg *m, const struct http_head *h);
void http_request_values(struct sp_msg *m, const struct http_head *h);
void http_response_values(struct sp_msg *m, const struct http_head *h);
/* Which body fields a body of this media type and coding could fill: bits in `ret`. */
void http_body_fields(const struct http_head *h, uint64_t *ret);
/* What a body may be read as: bits. */
enum http_media { MEDIA_FORM = 1 << 0, MEDIA_MULTIPART = 1 << 1, MEDIA_JSON = 1 << 2, MEDIA_XML = 1 << 3, MEDIA_ALL = 15 };
unsigned http_read_as(const struct http_head *h, struct sp_span body);
/* Values of a collected body. `body`: without chunking; in_unit: its bytes stand in the unit at the same distance. */
bool http_body_values(struct sp_msg *m, const struct http_head *h, struct sp_span body, bool in_unit);
bool http_mend(const void *state, const struct sp_msg *m, const struct sp_fix *fixes, uint32_t nfixes, struct sp_edit *edits, uint32_t *nedits);
bool http_forward(const struct sp_msg *m, struct sp_span client_ip, struct sp_edit *edits, uint32_t *nedits);
enum sp_reply http_refuse(const void *state, enum sp_dir dir, const struct sp_msg *m, unsigned status, struct sp_buf *reply);

const char *http_anomaly_name(enum sp_http_anomaly a);
/* TOLD, QUIET, or the status of the refusal. */
unsigned http_anomaly_status(enum sp_http_anomaly a);
enum sp_http_anomaly http_anomaly_named(struct sp_span name);

/* m->bits of a head: notes from decode to step and refuse; m->extra is the length of a fixed body */
enum http_bits {
    BIT_BODY = 3,             /* enum http_body */
    BIT_KEEP_ALIVE = 1 << 2,
    BIT_KIND_SHIFT = 4,       /* enum http_kind of a request, 2 bits */
    BIT_PART = 1 << 6,        /* a chunk-size line or trailer */
    BIT_LAST = 1 << 7,        /* the last chunk with its trailers */
    BIT_STATUS_SHIFT = 16,
};

/* Adds a value whose raw bytes are `raw` (inside the unit, or inside m->body with SP_V_INBODY). */
void http_add(struct sp_msg *m, unsigned field, struct sp_span key, struct sp_span str, struct sp_span raw, unsigned flags);
void http_add_num(struct sp_msg *m, unsigned field, int64_t num, struct sp_span raw);
/* The name that PHP gives the parameter `decoded`; empty when that is `name`, under which it is told anyway. */
static inline struct sp_span http_php_name(struct sp_msg *m, struct sp_span name, struct sp_span decoded)
{
    struct sp_span php = sp_form_php_name(decoded, m->arena);
    return php.p == name.p || sp_span_eq(php, name) ? (struct sp_span){NULL, 0} : php;
}

#endif
