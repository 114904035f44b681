/* SPDX-License-Identifier: Apache-2.0 */
/*
 * case: golden transcripts of a protocol, in plain text. A file holds cases:
 *
 *     == title
 *     no-tls                        TLS is refused in protocol
 *     alone                         only the client's side is seen: where its session begins need not be
 *     collect                       bodies are collected with their heads
 *     want http.request.uri         these fields (all that begin so) are listed
 *     refuse 404                    every request is refused; also: drop
 *     set FIELD["key"] = "value"    every such value is corrected; also: remove FIELD["key"]
 *     > GET / HTTP/1.1              what the client sends: a line with CRLF; with a backslash at its end, without
 *     < HTTP/1.1 200 OK             what the server sends
 *     --
 *     event ...                     what has to come out: anomalies, fields, refusals,
 *     >> GET / HTTP/1.1             what leaves towards the server
 *     << HTTP/1.1 200 OK            and towards the client
 *     close                         the connection is closed
 *
 * Escapes: \r \n \t \\ \xNN, and \{N*c}: N times the character c.
 */
#ifndef TESTS_CASES_CASE_H
#define TESTS_CASES_CASE_H

#include "proto/proto.h"

enum case_limits {
    CASE_FILE_MAX = 1 << 20,
    CASE_BYTES_MAX = 1 << 20, /* what one side sends, and what leaves towards one side */
    CASE_SEGMENTS_MAX = 64,
    CASE_FIXES_MAX = 8,
    CASE_BODY_MAX = 256 << 10, /* longest body collected */
};

struct case_segment {
    enum sp_dir dir;
    struct sp_span bytes;
};

struct case_fix {
    enum sp_fix_op op;
    int field;
    struct sp_span key, to;
};

struct given {
    struct sp_span title;
    struct sp_span text;   /* the case as written, up to the line -- */
    struct sp_span expect; /* behind it */
    bool collect, alone;
    unsigned options;      /* enum sp_open */
    bool act_given;
    enum sp_act act;
    unsigned status;
    struct sp_span want;   /* prefix of field names; empty: none */
    struct case_fix fixes[CASE_FIXES_MAX];
    unsigned nfixes;
    struct case_segment segments[CASE_SEGMENTS_MAX];
    unsigned nsegments;
};

/* ---- file.c ---- */

/* The next case of a file from *at on. 1, 0 at the end, -1 when it cannot be read (*ret_line says where). Memory is the arena's. */
int case_next(const struct sp_proto *proto, struct sp_span file, size_t *at, struct sp_arena *a, struct given *ret, unsigned *ret_line);
/* `bytes` as lines that begin with `mark`. */
void case_print(struct sp_buf *out, const char *mark, struct sp_span bytes);
/* Inside a quoted string. */
void case_print_text(struct sp_buf *out, struct sp_span bytes);

/* ---- drive.c ---- */

/* Runs the case, its input cut into pieces: `piece` bytes at a time (0: whole segments), or once at `cut` of all its bytes. What comes out is text. */
void case_run(const struct sp_proto *proto, const struct given *g, size_t piece, size_t cut, struct sp_buf *out);

#endif
