/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every way in which a message can be malformed, once: A(identifier, name, what is passed to a server that expects a command, what to one that
 * expects an argument, what is wrong). Both are malformed in the shortest way that draws the server's own words, after which it closes.
 * ALONE: the command alone does not pass, the session goes on. CLOSE: the client is told, both sides are closed. The table in README.md is this one.
 */
#ifndef SP_PROTO_REDIS_ANOMALY_H
#define SP_PROTO_REDIS_ANOMALY_H

#define ALONE ""
#define CLOSE NULL
#define NO_COUNT "*?\r\n"
#define NO_LENGTH "$?\r\n"

/* clang-format off */
#define REDIS_ANOMALIES(A) \
    A(COUNT, "multibulk_length", NO_COUNT, NO_LENGTH, "the number of arguments is not one as Redis writes it (no sign, no leading zeros), or beyond 2147483647") \
    A(LENGTH, "bulk_length", "*1\r\n$?\r\n", NO_LENGTH, "the length of an argument is not a number, or beyond 512 MiB") \
    A(BULK, "bulk_expected", "*1\r\n?\r\n", "?\r\n", "an argument does not begin with $") \
    A(LINE_END, "line_end", NO_COUNT, NO_LENGTH, "the line of a number ends in CR without LF, which Redis skips whatever it is") \
    A(BULK_END, "bulk_end", NO_COUNT, NO_LENGTH, "an argument that is read is not followed by CRLF; Redis skips any two bytes") \
    A(NAME_TOO_LONG, "name_too_long", NO_COUNT, NO_LENGTH, "the command's name, or its subcommand, does not lie in the first 16 KiB") \
    A(INLINE_TOO_LONG, "inline_too_long", NO_COUNT, NO_LENGTH, "an inline command of more than 64 KiB") \
    A(INLINE_NUL, "inline_nul", NO_COUNT, NO_LENGTH, "an inline command with NUL, behind which Redis does not look for its end") \
    A(INLINE_QUOTES, "inline_quotes", "\"\r\n", NO_LENGTH, "quotes of an inline command without end, or with something right behind them") \
    A(HTTP, "cross_protocol", NO_COUNT, NO_LENGTH, "POST or Host: as a command: a browser was made to send it, and Redis hangs up, too") \
    A(NAME_NUL, "command_nul", ALONE, ALONE, "NUL in the name of a command or subcommand: some versions compare up to it") \
    A(TOO_LONG, "command_too_long", ALONE, ALONE, "a command that a rule must read is longer than body_max") \
    A(AUTH_MULTI, "auth_in_multi", ALONE, ALONE, "AUTH or HELLO inside MULTI, where a rule reads redis.user: whether it succeeds is told elsewhere") \
    A(AUTH_UNSEEN, "auth_unseen", ALONE, ALONE, "AUTH or HELLO after subscriptions, MONITOR or CLIENT REPLY, where a rule reads redis.user: its answer cannot be told from others") \
    A(REPLY, "reply_malformed", CLOSE, CLOSE, "the server's answer is not RESP2 or RESP3, or a line of it is longer than 64 KiB, where a rule has to read answers")
/* clang-format on */

enum redis_anomaly {
    ANOMALY_NONE,
#define REDIS_ANOMALY_ENUM(id, name, command, argument, what) ANOMALY_##id,
    REDIS_ANOMALIES(REDIS_ANOMALY_ENUM)
#undef REDIS_ANOMALY_ENUM
};

#endif
