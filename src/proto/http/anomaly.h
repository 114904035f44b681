/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every way in which a message can be ambiguous or malformed, once: A(identifier, name, status, what happens, section of the RFC).
 * TOLD and QUIET: rewritten into the canonical form, with and without an event (what any hop may do is not worth one). Otherwise
 * refused with that status (a response: with 502). The table in README.md is this one.
 */
#ifndef SP_PROTO_HTTP_ANOMALY_H
#define SP_PROTO_HTTP_ANOMALY_H

enum http_rewriting { TOLD = 0, QUIET = 1 };

/* clang-format off */
#define SP_HTTP_ANOMALIES(A) \
    A(EMPTY_LINE, "empty_line", QUIET, "empty lines before the start line are removed", "9112 2.2") \
    A(MINOR_VERSION, "minor_version", QUIET, "HTTP/1.2 to HTTP/1.9 become HTTP/1.1", "9110 2.5") \
    A(ABSOLUTE_FORM, "absolute_form", QUIET, "an http(s) target in absolute-form becomes origin-form; its authority becomes Host where there was none", "9112 3.2.2") \
    A(ABSOLUTE_HOST, "absolute_host", TOLD, "an absolute-form target names another host than Host: the target's replaces it", "9112 3.2.2") \
    A(BARE_LF, "bare_lf", TOLD, "a line ended by LF alone gets CRLF", "9112 2.2") \
    A(OBS_FOLD, "obs_fold", TOLD, "a folded header line is joined with one space", "9112 5.2") \
    A(BLANK_BEFORE_COLON_RESPONSE, "blank_before_colon_response", TOLD, "blanks between a response's field name and the colon are removed", "9112 5.1") \
    A(LENGTH_REPEATED, "length_repeated", TOLD, "a Content-Length repeated with the same value is written once", "9110 8.6") \
    A(LENGTH_BLANKS, "length_blanks", QUIET, "Content-Length is written behind one space, without blanks at its end", "9110 5.6.3") \
    A(LENGTH_WITH_CHUNKED_RESPONSE, "length_with_chunked_response", TOLD, "Content-Length beside Transfer-Encoding is removed from a response", "9112 6.3") \
    A(LENGTH_WITHOUT_BODY, "length_without_body", TOLD, "Content-Length and Transfer-Encoding are removed from an answer that has no body: 1xx, 204, 2xx to CONNECT", "9112 6.3") \
    A(CODING_CASE, "coding_case", QUIET, "the transfer coding is written \"chunked\", behind one space, without empty elements of a list", "9112 7") \
    A(EXPECT_HELD, "expect_held", QUIET, "Expect: 100-continue is answered here and removed: servers disagree on whether the body still follows their own early answer", "9110 10.1.1") \
    A(UPGRADE_H2C, "upgrade_h2c", QUIET, "an offer to go on in HTTP/2 is removed: it would pass uninspected", "9110 7.8") \
    A(CHUNK_EXTENSION, "chunk_extension", QUIET, "chunk extensions, and blanks behind a chunk size, are removed", "9112 7.1.1") \
    A(CHUNK_ZEROS, "chunk_zeros", QUIET, "leading zeros of a chunk size are removed", "9112 7.1") \
    A(TRAILER_FORBIDDEN, "trailer_forbidden", TOLD, "trailer fields that frame, route, authenticate or describe the content are removed", "9110 6.5.1") \
    A(HEAD_TOO_LONG, "head_too_long", 431, "the header section is longer than 64 KiB", "9110 5.4") \
    A(TARGET_TOO_LONG, "target_too_long", 414, "the request line alone is longer than 64 KiB", "9112 3") \
    A(TOO_MANY_HEADERS, "too_many_headers", 431, "more than 200 header lines", "9110 5.4") \
    A(BODY_TOO_LONG, "body_too_long", 413, "a body that a rule must read is longer than body_max", "9110 15.5.14") \
    A(TOO_COMPLEX, "too_complex", 413, "more values or edits than may be judged at once", "9110 15.5.14") \
    A(REQUEST_LINE, "request_line", 400, "the request line is not method SP target SP version (HTTP/0.9 and doubled blanks included), or more than four empty lines precede it", "9112 3") \
    A(METHOD, "method", 400, "the method is not a token", "9110 9.1") \
    A(TARGET, "target", 400, "the target has control characters or a fragment", "9112 3.2") \
    A(TARGET_FORM, "target_form", 400, "CONNECT without host:port, * without OPTIONS, another scheme than http(s), or no form at all", "9112 3.2") \
    A(VERSION, "version", 505, "another protocol version than HTTP/1.x (the HTTP/2 preface included)", "9110 2.5") \
    A(VERSION_FORM, "version_form", 400, "the version is not written HTTP/digit.digit", "9112 2.3") \
    A(STATUS_LINE, "status_line", 502, "the status line is not version SP three digits SP reason", "9112 4") \
    A(HEADER_LINE, "header_line", 400, "a header line without a colon", "9112 5") \
    A(HEADER_NAME, "header_name", 400, "a field name that is not a token", "9110 5.1") \
    A(BLANK_BEFORE_COLON, "blank_before_colon", 400, "blanks between a request's field name and the colon", "9112 5.1") \
    A(LEADING_FOLD, "leading_fold", 400, "the first header line begins with a blank", "9112 2.2") \
    A(FOLDED_FRAMING, "folded_framing", 400, "a folded line of a field that frames or routes the message", "9112 5.2") \
    A(CONTROL, "control", 400, "NUL or another control character (not TAB) in the header section", "9110 5.5") \
    A(BARE_CR, "bare_cr", 400, "CR without LF", "9112 2.2") \
    A(HOST_MISSING, "host_missing", 400, "HTTP/1.1 without Host", "9112 3.2") \
    A(HOST_REPEATED, "host_repeated", 400, "more than one Host", "9112 3.2") \
    A(HOST, "host", 400, "Host is not host[:port]", "9110 7.2") \
    A(LENGTH, "length", 400, "Content-Length is not digits alone (signs, blanks, overflow), or a collected body has another length", "9110 8.6") \
    A(LENGTHS_DIFFER, "lengths_differ", 400, "several Content-Length values that differ", "9110 8.6") \
    A(LENGTH_WITH_CHUNKED, "length_with_chunked", 400, "Content-Length and Transfer-Encoding in one request", "9112 6.1") \
    A(CODING, "coding", 501, "a transfer coding other than chunked alone", "9112 6.1") \
    A(CODING_REPEATED, "coding_repeated", 400, "chunked more than once", "9112 7") \
    A(CODING_HTTP10, "coding_http10", 400, "Transfer-Encoding in HTTP/1.0", "9112 6.1") \
    A(CONNECT_BODY, "connect_body", 400, "CONNECT with a body: where the tunnel begins would be open", "9110 9.3.6") \
    A(CONNECTION_OPTION, "connection_option", 400, "Connection names a field that frames, routes or authenticates the message", "9110 7.6.1") \
    A(EXPECT, "expect", 417, "an expectation other than 100-continue", "9110 10.1.1") \
    A(TYPE_REPEATED, "type_repeated", 400, "a request with a body and several Content-Type lines", "9110 8.3") \
    A(CHUNK_SIZE, "chunk_size", 400, "a chunk size that is not 1 to 16 hexadecimal digits, or overflows", "9112 7.1") \
    A(CHUNK_LINE, "chunk_line", 400, "a chunk line not ended by CRLF, longer than 4 KiB, or with control characters", "9112 7.1") \
    A(CHUNK_END, "chunk_end", 400, "chunk data not followed by CRLF", "9112 7.1") \
    A(TRAILER, "trailer", 400, "a malformed trailer section, or more than 64 trailer lines", "9112 7.1.2") \
    A(CONTENT_CODING, "content_coding", 415, "a body that a rule must read has an unknown content coding, or more than three", "9110 8.4") \
    A(CONTENT_BROKEN, "content_broken", 400, "a body that a rule must read does not decompress", "9110 8.4") \
    A(CONTENT_TOO_BIG, "content_too_big", 413, "a body that a rule must read expands beyond 32 MiB or 1000 times", "9110 8.4") \
    A(CHARSET, "charset", 415, "a body that a rule must read, or a value in it, is in a charset that does not contain ASCII (UTF-16 is understood, not in forms), names several, or is not in the UTF-16 that it names", "9110 8.3.2") \
    A(BOUNDARY, "boundary", 400, "a multipart body that a rule must read has no boundary, several, or one that servers find differently (behind another \"boundary\", with a comma or blanks out of quotes)", "2046 5.1.1") \
    A(MULTIPART, "multipart_unclear", 400, "a multipart body that a rule must read is not read alike by servers: a line that only begins like a delimiter, names or charsets that contradict each other, an encoded value, more than 32 header lines or 16 KiB of them in a part, a boundary of more than 70 bytes", "2046 5.1") \
    A(UNSOLICITED, "unsolicited_response", 502, "the server speaks without a request", "9112 9.2") \
    A(UPGRADE_UNASKED, "upgrade_unasked", 502, "101 without a request to upgrade", "9110 15.2.2")
/* clang-format on */

enum sp_http_anomaly {
    SP_HTTP_A_NONE,
#define SP_HTTP_ANOMALY_ENUM(id, name, status, what, rfc) SP_HTTP_A_##id,
    SP_HTTP_ANOMALIES(SP_HTTP_ANOMALY_ENUM)
#undef SP_HTTP_ANOMALY_ENUM
};

#endif
