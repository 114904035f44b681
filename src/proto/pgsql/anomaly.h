/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every way in which a message can be malformed, once: A(identifier, name, SQLSTATE, how, what). CLOSES: the error is FATAL and the
 * session ends, since what follows cannot be read. ANSWERED: the server answers in the message's place and the session goes on.
 * The table in README.md is this one.
 */
#ifndef SP_PROTO_PGSQL_ANOMALY_H
#define SP_PROTO_PGSQL_ANOMALY_H

/* clang-format off */
#define SP_PGSQL_ANOMALIES(A) \
    A(DIRECT_TLS, "direct_tls", "08P01", CLOSES, "TLS without asking for it first: closed without a word") \
    A(STARTUP_LENGTH, "startup_length", "08P01", CLOSES, "the first packet is shorter than 8 or longer than 10,000 bytes, or has another length than its kind has") \
    A(VERSION, "version", "0A000", CLOSES, "another protocol version than 3.x, or TLS or GSS asked for twice") \
    A(STARTUP_LAYOUT, "startup_layout", "08P01", CLOSES, "the startup message is not pairs of texts with a zero byte at its very end, or has an empty name") \
    A(STARTUP_REPEATED, "startup_repeated", "08P01", CLOSES, "user, database, application_name, replication or options is given twice, or more than 64 parameters") \
    A(BEHIND_REQUEST, "behind_request", "08P01", CLOSES, "bytes behind an unanswered request for TLS or GSS encryption") \
    A(ANSWER, "answer", "08P01", CLOSES, "the server's answer to a request for encryption is neither yes, no nor an error") \
    A(UNSOLICITED, "unsolicited", "08P01", CLOSES, "the server speaks before the client has") \
    A(TYPE, "type", "08P01", CLOSES, "a message type that the protocol does not have in this direction") \
    A(UNEXPECTED, "unexpected", "08P01", CLOSES, "a password message after the login") \
    A(LENGTH, "length", "08P01", CLOSES, "a message is shorter or longer than its type can be") \
    A(MESSAGE_TOO_LONG, "message_too_long", "54000", CLOSES, "a message that a rule must read is longer than body_max") \
    A(TEXT, "text", "08P01", ANSWERED, "a text without its zero byte, with another one inside, or with bytes behind it") \
    A(COUNT, "count", "08P01", ANSWERED, "counts or lengths within a message that do not fit it") \
    A(FORMAT, "format", "08P01", ANSWERED, "a format code other than 0 and 1, or as many codes as fit neither none, one nor all") \
    A(TARGET, "target", "08P01", ANSWERED, "Describe or Close of neither a statement nor a portal") \
    A(RESERVED_NAME, "reserved_name", "42939", ANSWERED, "a statement or portal is given a name that begins with the words of a refusal") \
    A(QUOTING, "quoting", "22019", ANSWERED, "a statement sent before earlier ones are answered that reads differently if they change the settings for strings") \
    A(TOO_COMPLEX, "too_complex", "54001", ANSWERED, "more values than may be judged at once")
/* clang-format on */

enum sp_pgsql_anomaly {
    SP_PGSQL_A_NONE,
#define SP_PGSQL_ENUM(id, name, code, how, what) SP_PGSQL_A_##id,
    SP_PGSQL_ANOMALIES(SP_PGSQL_ENUM)
#undef SP_PGSQL_ENUM
};

#endif
