/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every way in which a message can be malformed, once: A(identifier, name, error, SQLSTATE, how, what). CLOSES: the session ends with the
 * error, since what follows cannot be read or is not to be heard. ANSWERED: the client gets the error and the session goes on.
 * The table in README.md is this one.
 */
#ifndef SP_PROTO_MYSQL_ANOMALY_H
#define SP_PROTO_MYSQL_ANOMALY_H

/* clang-format off */
#define SP_MYSQL_ANOMALIES(A) \
    A(GREETING, "greeting", 1043, "08S01", CLOSES, "the server's greeting is not that of protocol 10 with what 4.1 added, or is longer than 1,024 bytes") \
    A(VERSION, "version", 1251, "08004", CLOSES, "a client that does not speak the protocol of 4.1") \
    A(TLS, "tls", 1043, "08S01", CLOSES, "a client begins TLS that it was not offered") \
    A(COMPRESSION, "compression", 1043, "08S01", CLOSES, "a client asks for compression, or for something unknown, that it was not offered") \
    A(LOGIN_LAYOUT, "login_layout", 1043, "08S01", CLOSES, "the client's login is not laid out as its capabilities say, or is longer than 70,000 bytes") \
    A(SEQUENCE, "sequence", 1156, "08S01", CLOSES, "a packet's sequence number is not the one that has to come") \
    A(LENGTH, "length", 1835, "HY000", CLOSES, "a command without a byte, or a packet of the login that is longer than one can be") \
    A(MESSAGE_TOO_LONG, "message_too_long", 1153, "08S01", CLOSES, "a message that a rule must read is longer than body_max") \
    A(UNSOLICITED, "unsolicited", 1835, "HY000", CLOSES, "the server answers what nobody asked; errors that announce its end pass") \
    A(REPLY, "reply", 1835, "HY000", CLOSES, "an answer of the server's whose end cannot be found") \
    A(FILE_REQUEST, "file_request", 1148, "42000", CLOSES, "the server asks for a file of the client's, which no LOAD DATA LOCAL of the client's has asked for or which its capabilities exclude") \
    A(COMMAND, "command", 1047, "08S01", ANSWERED, "a command that no server has") \
    A(LAYOUT, "layout", 1835, "HY000", ANSWERED, "a command that is not laid out as such commands are") \
    A(NO_STATEMENT, "no_statement", 1243, "HY000", ANSWERED, "the statement prepared last is to be used, but was refused") \
    A(TOO_COMPLEX, "too_complex", 1235, "42000", ANSWERED, "more values than may be judged at once")
/* clang-format on */

enum sp_mysql_anomaly {
    SP_MYSQL_A_NONE,
#define SP_MYSQL_ENUM(id, name, error, state, how, what) SP_MYSQL_A_##id,
    SP_MYSQL_ANOMALIES(SP_MYSQL_ENUM)
#undef SP_MYSQL_ENUM
};

#endif
