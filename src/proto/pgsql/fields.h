/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PostgreSQL field catalogue: F(identifier, name, type, flags, example, documentation).
 * The first fields are context: what the session is about, there on every message that is judged for another reason.
 */
#ifndef SP_PROTO_PGSQL_FIELDS_H
#define SP_PROTO_PGSQL_FIELDS_H

#include "proto/statement.h"

#define RQ SP_F_C2S
#define RS SP_F_S2C
#define ED SP_F_EDIT
#define REP SP_F_REP
#define MAP (SP_F_REP | SP_F_KEYED)
#define IC SP_F_ICASE
#define IK SP_F_IKEY

/* clang-format off */
#define SP_PGSQL_FIELDS(F)                                                                                             \
    F(USER, "pgsql.user", SP_STR, RQ | RS, "alice", "User the session logged in as; 63 bytes, as the server cuts it.") \
    F(DATABASE, "pgsql.database", SP_STR, RQ | RS, "shop", "Database of the session; 63 bytes, the user's name where none was asked for.") \
    F(APPLICATION, "pgsql.application_name", SP_STR, RQ | RS, "psql", "Name the application gives itself, as the server last reported it; the first 63 bytes.") \
    F(REPLICATION, "pgsql.replication", SP_STR, RQ | RS, "database", "Kind of a replication connection: physical or database; absent for ordinary ones.") \
    F(TRANSACTION, "pgsql.transaction.status", SP_STR, RQ | RS, "idle", "What the server last said of the transaction: idle, active or failed.") \
    F(TYPE, "pgsql.message.type", SP_STR, RQ | RS, "Query", "Name of the message in the protocol's documentation. A rule that reads it makes every message a matter of judgement.") \
    F(PROTOCOL, "pgsql.protocol", SP_STR, RQ, "3.0", "Protocol version asked for in the startup message.")             \
    F(STARTUP, "pgsql.startup.parameters", SP_STR, RQ | ED | MAP, "-c geqo=off", "Parameters of the startup message by name.") \
    F(QUERY, "pgsql.query", SP_STR, RQ | ED, "SELECT 1", "Text of a Query or Parse message: one or several statements.") \
    SP_STATEMENT_FIELDS(F, "pgsql")                                                                                    \
    F(STATEMENT, "pgsql.statement.name", SP_STR, RQ, "s1", "Name of the prepared statement that is made, bound, described or closed; empty for the unnamed one.") \
    F(PORTAL, "pgsql.portal", SP_STR, RQ, "c1", "Name of the portal that is bound, described, executed or closed; empty for the unnamed one.") \
    F(PARAMETERS, "pgsql.parameters", SP_STR, RQ | ED | REP, "42", "Parameters of Bind and arguments of FunctionCall that are not NULL, as sent; removing one makes it NULL.") \
    F(PARAMETERS_COUNT, "pgsql.parameters.count", SP_NUM, RQ, "2", "Number of parameters, NULL ones included.")        \
    F(PARAMETERS_BINARY, "pgsql.parameters.binary", SP_NUM, RQ, "0", "Number of parameters sent in binary format.")    \
    F(PARAMETERS_NULLS, "pgsql.parameters.nulls", SP_NUM, RQ, "0", "Number of parameters that are NULL.")              \
    F(ROWS_MAX, "pgsql.execute.rows", SP_NUM, RQ, "0", "Rows that Execute asks for at most; 0: all.")                  \
    F(FUNCTION, "pgsql.function.oid", SP_NUM, RQ, "1215", "Object identifier of the function that FunctionCall calls.") \
    F(COPY_DATA, "pgsql.copy.data", SP_STR, RQ | ED, "1\\t2\\n", "Contents of one CopyData message of the client; rows may be cut anywhere.") \
    F(COPY_REASON, "pgsql.copy.reason", SP_STR, RQ | ED, "cancelled", "Why the client gives up a COPY.")               \
    F(COPY_OUT, "pgsql.copy.out", SP_STR, RS | ED, "1\\t2\\n", "Contents of one CopyData message of the server.")      \
    F(COPY_FORMAT, "pgsql.copy.format", SP_STR, RS, "text", "Format of a COPY that begins: text or binary.")           \
    F(ERROR_SEVERITY, "pgsql.error.severity", SP_STR, RS, "ERROR", "Severity of an ErrorResponse, not translated: ERROR, FATAL, PANIC.") \
    F(ERROR_CODE, "pgsql.error.code", SP_STR, RS, "42601", "SQLSTATE of an ErrorResponse.")                            \
    F(ERROR_MESSAGE, "pgsql.error.message", SP_STR, RS | ED, "syntax error", "Message of an ErrorResponse.")           \
    F(ERROR_DETAIL, "pgsql.error.detail", SP_STR, RS | ED, "Key (id)=(1) already exists.", "Detail of an ErrorResponse.") \
    F(ERROR_HINT, "pgsql.error.hint", SP_STR, RS | ED, "Perhaps you meant \"id\".", "Hint of an ErrorResponse.")       \
    F(NOTICE_SEVERITY, "pgsql.notice.severity", SP_STR, RS, "NOTICE", "Severity of a NoticeResponse.")                 \
    F(NOTICE_CODE, "pgsql.notice.code", SP_STR, RS, "00000", "SQLSTATE of a NoticeResponse.")                          \
    F(NOTICE_MESSAGE, "pgsql.notice.message", SP_STR, RS | ED, "table does not exist, skipping", "Message of a NoticeResponse.") \
    F(CHANNEL, "pgsql.notification.channel", SP_STR, RS, "jobs", "Channel of an asynchronous notification.")           \
    F(PAYLOAD, "pgsql.notification.payload", SP_STR, RS | ED, "17", "Payload of an asynchronous notification.")        \
    F(STATUS, "pgsql.parameter_status", SP_STR, RS | MAP | IK, "UTF8", "Settings that the server reports, by name.")   \
    F(TAG, "pgsql.tag", SP_STR, RS, "INSERT 0 1", "Tag of a completed command.")                                       \
    F(RESULT_COLUMNS, "pgsql.result.columns", SP_STR, RS | REP, "id", "Names of the columns of a result.")             \
    F(ROW, "pgsql.result.row", SP_STR, RS | ED | REP, "alice", "Values of one row of a result that are not NULL, as sent; removing one makes it NULL.")
/* clang-format on */

enum sp_pgsql_field {
    SP_PGSQL_FIELD_BASE = SP_SESSION_NFIELDS - 1,
#define SP_PGSQL_ENUM(id, name, type, flags, hint, doc) SP_PGSQL_##id,
    SP_PGSQL_FIELDS(SP_PGSQL_ENUM)
#undef SP_PGSQL_ENUM
        SP_PGSQL_NFIELDS
};

#endif
