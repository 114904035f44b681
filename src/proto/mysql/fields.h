/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MySQL and MariaDB field catalogue: F(identifier, name, type, flags, example, documentation).
 * The first fields are context: what the session is about, there on every message that is judged for another reason.
 */
#ifndef SP_PROTO_MYSQL_FIELDS_H
#define SP_PROTO_MYSQL_FIELDS_H

#include "proto/statement.h"

#define RQ SP_F_C2S
#define RS SP_F_S2C
#define ED SP_F_EDIT
#define REP SP_F_REP
#define MAP (SP_F_REP | SP_F_KEYED)

/* clang-format off */
#define SP_MYSQL_FIELDS(F)                                                                                             \
    F(USER, "mysql.user", SP_STR, RQ | RS, "alice", "User the session logged in as; the first 47 bytes.")              \
    F(DATABASE, "mysql.database", SP_STR, RQ | RS, "shop", "Default database of the session, as the login, USE and INIT_DB set it; the first 47 bytes.") \
    F(APPLICATION, "mysql.application_name", SP_STR, RQ | RS, "mysqldump", "Name the application gives itself: the attribute program_name of the login; the first 47 bytes.") \
    F(TRANSACTION, "mysql.transaction.status", SP_STR, RQ | RS, "idle", "What the server last said of the transaction: idle or active.") \
    F(COMMAND, "mysql.command", SP_STR, RQ, "query", "Name of the command, in small letters as in the protocol's documentation without COM_. A rule that reads it makes every command a matter of judgement.") \
    F(CAPABILITIES, "mysql.capabilities", SP_STR, RQ | ED | MAP, "on", "What the client's login asks for: capability flags by name in small letters without CLIENT_, each \"on\"; removing one withholds it.") \
    F(PLUGIN, "mysql.auth.plugin", SP_STR, RQ, "caching_sha2_password", "Authentication plugin that the client's login names.") \
    F(ATTRIBUTES, "mysql.attributes", SP_STR, RQ | MAP, "libmariadb", "Connection attributes of the login by name.")  \
    F(QUERY, "mysql.query", SP_STR, RQ | ED, "SELECT 1", "Text of a query or of a statement that is prepared: one or several statements.") \
    SP_STATEMENT_FIELDS(F, "mysql")                                                                                    \
    F(STATEMENT, "mysql.statement.id", SP_NUM, RQ, "1", "Number of the prepared statement that is executed, fetched from, reset or closed.") \
    F(PARAMETERS, "mysql.parameters", SP_STR, RQ | ED | REP, "42", "Parameters of an execution and attributes of a query that are not NULL: whole numbers in digits, the others as sent. Where the message does not say how many or of which type they are, all its bytes as one.") \
    F(LONG_DATA, "mysql.long_data", SP_STR, RQ | ED, "chunk", "A piece of a parameter that is sent ahead of the execution.") \
    F(ARGUMENT, "mysql.argument", SP_STR, RQ | ED, "shop", "Text of a command that has no statement: the database of init_db, create_db and drop_db, the table of field_list.") \
    F(PROCESS, "mysql.process.id", SP_NUM, RQ, "17", "Connection that process_kill is to end.")                        \
    F(INFILE_DATA, "mysql.infile.data", SP_STR, RQ | ED, "1\\t2\\n", "A piece of the file that the client sends for LOAD DATA LOCAL.") \
    F(INFILE_NAME, "mysql.infile.name", SP_STR, RS, "/tmp/rows.csv", "File of the client's that the server asks for.") \
    F(SERVER_VERSION, "mysql.server.version", SP_STR, RS, "10.11.6-MariaDB", "Version the server's greeting names.")   \
    F(SERVER_CAPABILITIES, "mysql.server.capabilities", SP_STR, RS | ED | MAP, "on", "What the server's greeting offers: capability flags by name, each \"on\"; removing one withholds it.") \
    F(SERVER_PLUGIN, "mysql.server.auth.plugin", SP_STR, RS, "mysql_native_password", "Authentication plugin that the server's greeting names, or that it asks to switch to.") \
    F(ERROR_CODE, "mysql.error.code", SP_NUM, RS, "1064", "Number of an error.")                                       \
    F(ERROR_STATE, "mysql.error.state", SP_STR, RS, "42000", "SQLSTATE of an error.")                                  \
    F(ERROR_MESSAGE, "mysql.error.message", SP_STR, RS | ED, "syntax error", "Message of an error.")                   \
    F(RESULT_COLUMNS, "mysql.result.columns", SP_STR, RS, "id", "Name of a column of a result.")                       \
    F(ROW, "mysql.result.row", SP_STR, RS | ED | REP, "alice", "Values of one row of a query's result that are not NULL; rows of prepared statements have none.")
/* clang-format on */

enum sp_mysql_field {
    SP_MYSQL_FIELD_BASE = SP_SESSION_NFIELDS - 1,
#define SP_MYSQL_ENUM(id, name, type, flags, hint, doc) SP_MYSQL_##id,
    SP_MYSQL_FIELDS(SP_MYSQL_ENUM)
#undef SP_MYSQL_ENUM
        SP_MYSQL_NFIELDS
};

#endif
