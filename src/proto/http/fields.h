/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP field catalogue: F(identifier, name, type, flags, example, documentation).
 * Names follow Cloudflare's Rules language where it has one. "Decoded" means: percent-decoded once (also %uXXXX and
 * overlong UTF-8, folded to what lenient servers make of them), with + as space in queries and forms.
 */
#ifndef SP_PROTO_HTTP_FIELDS_H
#define SP_PROTO_HTTP_FIELDS_H

#include "proto/proto.h"

#define RQ SP_F_C2S
#define RS SP_F_S2C
#define ED SP_F_EDIT
#define REP SP_F_REP
#define MAP (SP_F_REP | SP_F_KEYED)
#define IC SP_F_ICASE
#define IK SP_F_IKEY
#define BO SP_F_BODY
#define SEC SP_F_SECRET

#define SP_HTTP_FIELDS(F)                                                                                              \
    F(METHOD, "http.request.method", SP_STR, RQ | ED, "GET", "Method, as sent.")                                       \
    F(VERSION, "http.request.version", SP_STR, RQ, "HTTP/1.1", "Protocol version of the request.")                     \
    F(URI, "http.request.uri", SP_STR, RQ | ED, "/a%20b?x=1", "Request target, as sent (path and query, or absolute).") \
    F(PATH, "http.request.uri.path", SP_STR, RQ | ED, "/a b", "Path, decoded; dot segments are left in place.")        \
    F(PATH_RAW, "http.request.uri.path.raw", SP_STR, RQ | ED, "/a%20b", "Path, as sent.")                              \
    F(QUERY, "http.request.uri.query", SP_STR, RQ, "x=1 2", "Query after the question mark, decoded as a whole.")      \
    F(QUERY_RAW, "http.request.uri.query.raw", SP_STR, RQ | ED, "x=1+2", "Query after the question mark, as sent.")    \
    F(QARGS, "http.request.uri.args", SP_STR, RQ | ED | MAP, "1 2", "Query arguments, decoded, by name.")              \
    F(QARGS_RAW, "http.request.uri.args.raw", SP_STR, RQ | ED | MAP, "1+2", "Query arguments, as sent, by decoded name.") \
    F(QARGS_NAMES, "http.request.uri.args.names", SP_STR, RQ | REP, "x", "Names of the query arguments, decoded.")     \
    F(HOST, "http.request.host", SP_STR, RQ | IC, "www.example.org", "Host the request is for, without its port.")     \
    F(HEADERS, "http.request.headers", SP_STR, RQ | ED | MAP | IK, "curl/8.0", "Request headers by name, outer blanks removed.") \
    F(HEADERS_NAMES, "http.request.headers.names", SP_STR, RQ | REP | IC, "User-Agent", "Names of the request headers.") \
    F(COOKIES, "http.request.cookies", SP_STR, RQ | ED | MAP, "abc", "Cookies by name, decoded.")                      \
    F(COOKIES_NAMES, "http.request.cookies.names", SP_STR, RQ | REP, "sid", "Names of the cookies.")                   \
    F(CONTENT_TYPE, "http.request.content_type", SP_STR, RQ | IC, "application/json", "Media type of the body, without parameters.") \
    F(CONTENT_TYPE_PARAMS, "http.request.content_type.params", SP_STR, RQ | MAP | IK, "utf-8", "Parameters of the media type by name.") \
    F(CONTENT_LENGTH, "http.request.content_length", SP_NUM, RQ, "17", "Value of Content-Length; absent with chunked bodies.") \
    F(RANGE_UNIT, "http.request.range.unit", SP_STR, RQ | IC, "bytes", "Unit of the Range header.")                    \
    F(RANGE_FIRST, "http.request.range.first", SP_NUM, RQ | REP, "0", "First position of each range (-1: suffix range; the largest number on overflow).") \
    F(RANGE_LAST, "http.request.range.last", SP_NUM, RQ | REP, "499", "Last position, or suffix length, of each range (-1: open; the largest number on overflow).") \
    F(AUTH_SCHEME, "http.request.authorization.scheme", SP_STR, RQ | IC, "Basic", "Scheme of the Authorization header.") \
    F(AUTH_USER, "http.request.authorization.user", SP_STR, RQ, "alice", "User name of Basic credentials, decoded.")   \
    F(AUTH_PASSWORD, "http.request.authorization.password", SP_STR, RQ | SEC, "s3cret", "Password of Basic credentials, decoded.") \
    F(AUTH_TOKEN, "http.request.authorization.token", SP_STR, RQ | SEC, "eyJhbGciOi", "Credentials after the scheme, as sent.") \
    F(ARGS, "http.request.args", SP_STR, RQ | ED | MAP | BO, "1 2", "All arguments: query, form, multipart, JSON, XML text and cookies, decoded, by name.") \
    F(ARGS_NAMES, "http.request.args.names", SP_STR, RQ | REP | BO, "x", "Names of all arguments.")                    \
    F(BODY, "http.request.body", SP_STR, RQ | BO, "x=1", "Body without chunking and content coding.")                  \
    F(BODY_RAW, "http.request.body.raw", SP_STR, RQ | ED | BO, "x=1", "Body without chunking, content coding left on.") \
    F(BODY_SIZE, "http.request.body.size", SP_NUM, RQ | BO, "3", "Length of http.request.body.")                       \
    F(FORM, "http.request.body.form", SP_STR, RQ | ED | MAP | BO, "1 2", "Arguments of a urlencoded body, decoded, by name.") \
    F(FORM_RAW, "http.request.body.form.raw", SP_STR, RQ | ED | MAP | BO, "1+2", "Arguments of a urlencoded body, as sent, by decoded name.") \
    F(FORM_NAMES, "http.request.body.form.names", SP_STR, RQ | REP | BO, "x", "Names in a urlencoded body.")           \
    F(PARTS, "http.request.body.multipart", SP_STR, RQ | ED | MAP | BO, "hello", "Multipart values that are not files, by name.") \
    F(PARTS_NAMES, "http.request.body.multipart.names", SP_STR, RQ | REP | BO, "upload", "Names of all multipart parts.") \
    F(PARTS_FILENAMES, "http.request.body.multipart.filenames", SP_STR, RQ | ED | MAP | BO, "cat.png", "File names of multipart files, by part name.") \
    F(PARTS_TYPES, "http.request.body.multipart.content_types", SP_STR, RQ | MAP | BO | IC, "image/png", "Media types of multipart parts, by part name.") \
    F(PARTS_FILES, "http.request.body.multipart.files", SP_STR, RQ | MAP | BO, "PNG", "Contents of multipart files, by part name.") \
    F(JSON, "http.request.body.json", SP_STR, RQ | ED | MAP | BO, "blue", "JSON scalars, decoded, by path (a.b.0.c); duplicate keys are all kept.") \
    F(JSON_NAMES, "http.request.body.json.names", SP_STR, RQ | REP | BO, "colour", "Member names of the JSON body.")   \
    F(JSON_DEPTH, "http.request.body.json.depth", SP_NUM, RQ | BO, "3", "Deepest nesting of the JSON body.")           \
    F(JSON_ERROR, "http.request.body.json.malformed", SP_BOOL, RQ | BO, "true", "The body is declared as JSON and is not.") \
    F(XML_NAMES, "http.request.body.xml.names", SP_STR, RQ | REP | BO, "ns:value", "Element names of the XML body.")   \
    F(XML_TEXT, "http.request.body.xml.text", SP_STR, RQ | MAP | BO, "blue", "Text of elements (references resolved), by element path (a/b/c, prefixes dropped).") \
    F(XML_ATTRS, "http.request.body.xml.attrs", SP_STR, RQ | MAP | BO, "7", "Attribute values by attribute name.")     \
    F(XML_DOCTYPE, "http.request.body.xml.doctype", SP_STR, RQ | BO, "foo SYSTEM", "Text of the document type declaration.") \
    F(XML_ENTITIES, "http.request.body.xml.entities", SP_STR, RQ | MAP | BO, "file:///etc/passwd", "Values or system identifiers of declared entities, by entity name.") \
    F(TRAILERS, "http.request.trailers", SP_STR, RQ | MAP | IK | BO, "x", "Trailer fields of a chunked body by name.") \
    F(RSP_STATUS, "http.response.status", SP_NUM, RS | ED, "200", "Status code.")                                      \
    F(RSP_VERSION, "http.response.version", SP_STR, RS, "HTTP/1.1", "Protocol version of the response.")               \
    F(RSP_REASON, "http.response.reason", SP_STR, RS, "OK", "Reason phrase.")                                          \
    F(RSP_HEADERS, "http.response.headers", SP_STR, RS | ED | MAP | IK, "nginx", "Response headers by name.")          \
    F(RSP_HEADERS_NAMES, "http.response.headers.names", SP_STR, RS | REP | IC, "Server", "Names of the response headers.") \
    F(RSP_CONTENT_TYPE, "http.response.content_type", SP_STR, RS | IC, "text/html", "Media type of the response body.") \
    F(RSP_CONTENT_LENGTH, "http.response.content_length", SP_NUM, RS, "17", "Value of Content-Length.")                \
    F(RSP_BODY, "http.response.body", SP_STR, RS | BO, "<html>", "Response body without chunking and content coding.") \
    F(RSP_BODY_SIZE, "http.response.body.size", SP_NUM, RS | BO, "6", "Length of http.response.body.")

enum sp_http_field {
    SP_HTTP_FIELD_BASE = SP_SESSION_NFIELDS - 1,
#define SP_HTTP_ENUM(id, name, type, flags, hint, doc) SP_HTTP_##id,
    SP_HTTP_FIELDS(SP_HTTP_ENUM)
#undef SP_HTTP_ENUM
        SP_HTTP_NFIELDS
};

#endif
