/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lang: readers of values that are languages. Pure, bounded, linear in the input; results point into the input where
 * nothing had to be changed, else into the arena. When the arena is exhausted the result is an empty span and
 * arena->exhausted is set: the caller treats the message as too complex.
 */
#ifndef SP_LANG_LANG_H
#define SP_LANG_LANG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/span.h"

/* ---- url.c: percent-encoding, RFC 3986 and what servers make of the rest ---- */

enum sp_url_flags {
    SP_URL_PLUS = 1 << 0, /* + is a space (query, form) */
};
/* Decoded once: %XX, %uXXXX (UTF-8; fullwidth forms U+FF01..FF5E fold to ASCII), then overlong UTF-8 sequences folded to the character they
 * stand for. Broken escapes stay as they are. */
struct sp_span sp_url_decode(struct sp_span in, unsigned flags, struct sp_arena *a);
/* Appends `in` with every byte outside unreserved and `keep` percent-encoded; SP_URL_PLUS writes a space as +. */
void sp_url_encode(struct sp_buf *out, struct sp_span in, unsigned flags, struct sp_span keep);

/* ---- path.c: file-system meaning of a URL path ---- */

/* True when some prefix of the decoded path leads above its start: "..", also written "..;x" (servlet path parameters),
 * with / or \ as separator, "." and empty segments ignored. */
bool sp_path_climbs(struct sp_span path);
/* True when it has a ".." segment at all, in the sense of sp_path_climbs. */
bool sp_path_dotdot(struct sp_span path);
/* Dot segments removed (RFC 3986 5.2.4), \ as /, path parameters (";x") and doubled slashes removed. */
struct sp_span sp_path_normalize(struct sp_span path, struct sp_arena *a);
/* What follows the last dot of the last segment, "" if none; ignores path parameters, trailing dots and blanks, "::$DATA". */
struct sp_span sp_path_extension(struct sp_span path);
struct sp_span sp_path_basename(struct sp_span path);

/* ---- form.c: name=value lists ---- */

struct sp_pair {
    struct sp_span name, value; /* as sent */
    struct sp_span raw;         /* the value's bytes in the input; other than `value` where that was unescaped */
    struct sp_span all;         /* name=value, without separators */
    bool has_value;             /* an equals sign was there */
    bool extended;              /* parameters: it was name*= */
};
/* Next pair of a urlencoded form or query, from *at on (start at 0). Empty pairs are skipped. False at the end. */
bool sp_form_next(struct sp_span in, size_t *at, struct sp_pair *ret);
/* The same for a Cookie header (RFC 6265 section 4.2.1, read leniently: "; " or ";" between, quotes around values removed from `value`). */
bool sp_cookie_next(struct sp_span in, size_t *at, struct sp_pair *ret);
/* The quoted string that `in` begins with, its opening quote being there, as readers of RFC 2109's cookies take it: semicolons inside belong to it, a
 * backslash is dropped, or begins three octal digits (`octal`, as Python writes them). Its length with both quotes, 0 when it has no end. */
size_t sp_cookie_quoted(struct sp_span in, bool octal, struct sp_arena *a, struct sp_span *ret);
/* The name under which PHP keeps a parameter of this decoded name: without leading blanks and what follows a NUL, '.', ' ' and a '[' without
 * its ']' as '_', nothing behind the last index. `name` itself where that is the same; empty when PHP drops the parameter. */
struct sp_span sp_form_php_name(struct sp_span name, struct sp_arena *a);
/* Parameters after a media type or disposition (RFC 9110 5.6.6): call with *at behind the first token. Quoted strings
 * are unescaped (arena); name* with charset (RFC 8187) is decoded and reported under its plain name. */
bool sp_param_next(struct sp_span in, size_t *at, struct sp_arena *a, struct sp_pair *ret);
/* The first token of a media type, disposition or the like: everything before ';', trimmed. */
struct sp_span sp_param_head(struct sp_span in);

/* ---- multipart.c: RFC 7578 / RFC 2046 ---- */

struct sp_part {
    struct sp_span name, filename; /* decoded; has_filename tells "" from absent */
    bool has_filename;
    struct sp_span filename_raw;   /* the bytes of the file name in the body, without quotes */
    /* filename= and filename*= may both be there and differ: servers take the one or the other. `filename` is the last, these the first. */
    struct sp_span filename_other, filename_other_raw;
    bool maybe_value;              /* only filename*=, which PHP does not know, or an empty name: servers differ on whether this is a file */
    struct sp_span type, charset;  /* media type without parameters, and its charset */
    struct sp_span headers;        /* raw header lines */
    struct sp_span content;        /* bytes between the blank line and the delimiter */
    bool unclear;                  /* servers read it differently, or it is beyond the limits */
};
enum sp_part_result { SP_PART_ONE, SP_PART_END, SP_PART_BROKEN };
/*
 * Next part from *at on, behind the closing delimiter too, as PHP reads. BROKEN: no closing delimiter, or a part without a blank line; what was
 * readable stays valid, *ret included. What servers read differently (a line that only begins like a delimiter, names that contradict each
 * other) or is beyond the limits is BROKEN with arena->exhausted and ret->unclear set: not to be forwarded as inspected.
 */
enum sp_part_result sp_multipart_next(struct sp_span body, struct sp_span boundary, size_t *at, struct sp_arena *a, struct sp_part *ret);

/* ---- json.c: RFC 8259, duplicate keys kept; json_lenient.c: what others read beyond it ---- */

enum sp_json_limits { SP_JSON_DEPTH_MAX = 128, SP_JSON_PATH_MAX = 1024 };
enum sp_json_kind { SP_JSON_STR, SP_JSON_NUM, SP_JSON_TRUE, SP_JSON_FALSE, SP_JSON_NULL, SP_JSON_KEY, SP_JSON_END, SP_JSON_BROKEN };
struct sp_json_item {
    enum sp_json_kind kind;
    struct sp_span value;  /* decoded text of the scalar, or the key */
    struct sp_span raw;    /* its bytes in the input, quotes included */
    struct sp_span path;   /* a.b.0.c of the scalar or key; members past SP_JSON_PATH_MAX are cut. In the arena. */
    unsigned depth;
};
/* Flat pull parser: zero it, set `in` and `arena`, call sp_json_next until END or BROKEN. A few leniencies that servers have (BOM, trailing
 * blanks, several top-level values after each other as in NDJSON) are accepted. BROKEN: not JSON; items before it stand.
 * With `lenient`, they are followed by what lenient parsers make of the rest: strings, names, and BROKEN where none of them would go on.
 * What is nested deeper than SP_JSON_DEPTH_MAX is BROKEN with arena->exhausted set, since servers may read it. */
struct sp_json {
    struct sp_span in;
    struct sp_arena *arena;
    bool lenient;   /* in */
    bool malformed; /* it is not JSON, as far as it was read */
    size_t at;
    unsigned depth, deepest;
    uint16_t path_len;
    uint8_t state, faults; /* faults: what not even a lenient parser reads */
    uint16_t path_mark[SP_JSON_DEPTH_MAX];
    uint32_t index[SP_JSON_DEPTH_MAX]; /* element number in arrays; UINT32_MAX in objects */
    char path[SP_JSON_PATH_MAX];
};
void sp_json_next(struct sp_json *j, struct sp_json_item *ret);
/* Appends `in` as a JSON string with quotes. */
void sp_json_quote(struct sp_buf *out, struct sp_span in);

/* ---- xml.c: names, text, attributes, document type ---- */

enum sp_xml_limits { SP_XML_DEPTH_MAX = 256, SP_XML_PATH_MAX = 1024, SP_XML_ENTITIES_MAX = 32 };
enum sp_xml_kind {
    SP_XML_ELEMENT, /* name: as written (ns:local); path */
    SP_XML_ATTR,    /* name, value */
    SP_XML_TEXT,    /* value: text or CDATA, references resolved; path of the element */
    SP_XML_DOCTYPE, /* value: everything after <!DOCTYPE */
    SP_XML_ENTITY,  /* name; value: literal, or the system identifier; external tells which; also of a document type without end */
    SP_XML_END,
    SP_XML_BROKEN,  /* not well-formed enough to go on; items before it stand */
};
struct sp_xml_item {
    enum sp_xml_kind kind;
    struct sp_span name, value, path;
    bool external;  /* ENTITY with SYSTEM/PUBLIC */
    bool parameter; /* ENTITY % */
};
struct sp_xml_entity {
    struct sp_span name, text; /* text: what stands for it, before other entities in it are resolved */
};
struct sp_xml {
    struct sp_span in;
    struct sp_arena *arena;
    size_t at, subset_end;
    unsigned depth, beyond; /* open elements with a path, and deeper ones */
    unsigned nentities;
    uint32_t expanded;      /* bytes of replacement texts read */
    bool undeclared;        /* there may be entities that are not in the list */
    uint16_t path_len;
    uint8_t state;
    uint16_t path_mark[SP_XML_DEPTH_MAX];
    char path[SP_XML_PATH_MAX];
    struct sp_xml_entity entities[SP_XML_ENTITIES_MAX];
};
/*
 * Flat pull parser: sp_xml_start, then sp_xml_next until END or BROKEN. Entities are reported, and those with literal values are expanded where
 * they are used. Character data is one TEXT up to the next tag, whatever comments and CDATA it is cut by. Elements deeper than SP_XML_DEPTH_MAX have the
 * path of their ancestor there. UTF-16 is converted first. BROKEN with arena->exhausted set, not to be forwarded as inspected, is a document in an
 * encoding that cannot be read here, and one with a reference to an entity that is beyond the limits, has markup in it, or may have been declared by
 * a parameter entity.
 */
void sp_xml_start(struct sp_xml *x, struct sp_span in, struct sp_arena *a);
void sp_xml_next(struct sp_xml *x, struct sp_xml_item *ret);

/* ---- base64.c ---- */

/* Standard and URL alphabets, padding optional, blanks skipped. False (and *ret untouched) when another byte occurs. */
bool sp_base64_decode(struct sp_span in, struct sp_arena *a, struct sp_span *ret);
/* What comes before the first byte that is no base64, decoded: what lenient decoders make of it. */
struct sp_span sp_base64_lenient(struct sp_span in, struct sp_arena *a);

/* ---- text.c ---- */

struct sp_span sp_text_lower(struct sp_span in, struct sp_arena *a);
struct sp_span sp_text_upper(struct sp_span in, struct sp_arena *a);
/* HTML character references resolved (numeric ones, and the named ones that matter in attacks). */
struct sp_span sp_text_html_decode(struct sp_span in, struct sp_arena *a);

/* ---- lookup.c: Log4j 2 lookups ---- */

/*
 * What Log4j 2's StrSubstitutor makes of the text: nested ${...} from the inside out, ${lower:x}, ${upper:x}, ${...:-default}. Lookups
 * whose value only the server knows (env, sys, java...) give their default, or stay as they are. A ${jndi:...} that would be reached is left in
 * place with its prefix in small letters: "contains ${jndi:" is the vulnerable condition.
 */
struct sp_span sp_lookup_resolve(struct sp_span in, struct sp_arena *a);

/* ---- coding.c: content codings, RFC 9110 section 8.4.1 ---- */

enum sp_coding { SP_CODING_IDENTITY, SP_CODING_GZIP, SP_CODING_DEFLATE, SP_CODING_BR, SP_CODING_ZSTD, SP_CODING_UNKNOWN };
enum sp_coding sp_coding_named(struct sp_span token); /* x-gzip is gzip; case-insensitive; "" and identity are IDENTITY */
enum sp_expand { SP_EXPAND_OK, SP_EXPAND_BROKEN, SP_EXPAND_TOOBIG };
/* Expands into the arena, never beyond `max` bytes. BROKEN: corrupt or truncated. "deflate" is accepted with and without its zlib wrapper. */
enum sp_expand sp_coding_expand(enum sp_coding c, struct sp_span in, size_t max, struct sp_arena *a, struct sp_span *ret);

#endif
