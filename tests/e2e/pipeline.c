/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline: libpq in pipeline mode against a server in front of which a table named "secrets" is refused. The connection is what the
 * PG... variables say. Prints what came, one line for each part; ends with 1 where libpq itself fails.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    STATEMENTS = 1000,
    REFUSED_EVERY = 7,
    TEXT_MAX = 64,
    CANCEL_US = 50000,  /* a cancel request that comes before its query is for nothing: another one after so long, */
    CANCEL_TRIES = 100, /* and so often */
};

static void die(PGconn *c, const char *what)
{
    fprintf(stderr, "%s: %s\n", what, PQerrorMessage(c));
    exit(1);
}

static void send_query(PGconn *c, const char *text)
{
    if (!PQsendQueryParams(c, text, 0, NULL, NULL, NULL, NULL, 0))
        die(c, "send");
}

static void sync_pipeline(PGconn *c)
{
    if (!PQpipelineSync(c))
        die(c, "sync");
}

/* The next result of a query, and the end of its results. Status, value or SQLSTATE. */
static ExecStatusType next(PGconn *c, char value[TEXT_MAX])
{
    PGresult *r = PQgetResult(c);
    if (!r)
        die(c, "result");
    ExecStatusType status = PQresultStatus(r);
    const char *text = status == PGRES_TUPLES_OK && PQntuples(r) ? PQgetvalue(r, 0, 0) : PQresultErrorField(r, PG_DIAG_SQLSTATE);
    snprintf(value, TEXT_MAX, "%s", text ? text : "");
    PQclear(r);
    if (status != PGRES_PIPELINE_SYNC && (r = PQgetResult(c)))
        die(c, "a result too many");
    return status;
}

static void show(PGconn *c, const char *what, int n)
{
    printf("%s:", what);
    for (int i = 0; i < n; i++) {
        char value[TEXT_MAX];
        ExecStatusType status = next(c, value);
        printf(" %s%s%s", PQresStatus(status) + strlen("PGRES_"), *value ? "=" : "", value);
    }
    printf(" %d\n", (int)PQtransactionStatus(c));
}

/* Every statement is a transaction of its own; some are refused. */
static void many(PGconn *c)
{
    char text[TEXT_MAX], value[TEXT_MAX];
    int right = 0, refused = 0;
    for (int i = 0; i < STATEMENTS; i++) {
        snprintf(text, sizeof text, i % REFUSED_EVERY ? "SELECT %d" : "SELECT * FROM secrets WHERE n = %d", i);
        send_query(c, text);
        sync_pipeline(c);
    }
    for (int i = 0; i < STATEMENTS; i++) {
        ExecStatusType status = next(c, value);
        right += status == PGRES_TUPLES_OK && i % REFUSED_EVERY && atoi(value) == i;
        refused += status == PGRES_FATAL_ERROR && i % REFUSED_EVERY == 0 && strcmp(value, "42501") == 0;
        if (next(c, value) != PGRES_PIPELINE_SYNC)
            die(c, "not in step");
    }
    printf("many: %d right, %d refused\n", right, refused);
}

/* One implicit transaction: what stands behind the refused one is not run. */
static void aborted(PGconn *c)
{
    send_query(c, "INSERT INTO kept VALUES (1)");
    send_query(c, "SELECT * FROM secrets");
    send_query(c, "INSERT INTO kept VALUES (2)");
    sync_pipeline(c);
    send_query(c, "SELECT count(*) FROM kept");
    sync_pipeline(c);
    show(c, "aborted", 6);
}

static void in_transaction(PGconn *c)
{
    send_query(c, "BEGIN");
    send_query(c, "INSERT INTO kept VALUES (3)");
    send_query(c, "SAVEPOINT s");
    sync_pipeline(c);
    show(c, "begin", 4);
    send_query(c, "DELETE FROM secrets");
    sync_pipeline(c);
    show(c, "refused", 2);
    send_query(c, "SELECT 1");
    sync_pipeline(c);
    show(c, "failed", 2);
    send_query(c, "ROLLBACK TO s");
    send_query(c, "SELECT count(*) FROM kept");
    send_query(c, "COMMIT");
    sync_pipeline(c);
    show(c, "committed", 4);
}

static void prepared(PGconn *c)
{
    const char *four[] = {"4"};
    if (!PQsendPrepare(c, "bad", "SELECT * FROM secrets", 0, NULL) || !PQsendQueryPrepared(c, "bad", 0, NULL, NULL, NULL, 0))
        die(c, "prepare");
    sync_pipeline(c);
    if (!PQsendPrepare(c, "good", "SELECT $1::int * 2", 0, NULL) || !PQsendQueryPrepared(c, "good", 1, four, NULL, NULL, 0))
        die(c, "prepare");
    sync_pipeline(c);
    show(c, "prepared", 6);
}

static void cancelled(PGconn *c)
{
    char error[256];
    PGcancel *cancel = PQgetCancel(c);
    send_query(c, "SELECT pg_sleep(30)");
    sync_pipeline(c);
    if (PQflush(c) || !cancel)
        die(c, "flush");
    for (int tries = 0; tries < CANCEL_TRIES && PQisBusy(c); tries++) {
        if (!PQcancel(cancel, error, sizeof error))
            die(c, "cancel");
        usleep(CANCEL_US);
        if (!PQconsumeInput(c))
            die(c, "input");
    }
    PQfreeCancel(cancel);
    show(c, "cancelled", 2);
}

int main(void)
{
    PGconn *c = PQconnectdb("");
    if (PQstatus(c) != CONNECTION_OK)
        die(c, "connect");
    PQclear(PQexec(c, "CREATE TEMPORARY TABLE kept (n int)"));
    if (!PQenterPipelineMode(c))
        die(c, "pipeline mode");
    many(c);
    aborted(c);
    in_transaction(c);
    prepared(c);
    cancelled(c);
    if (!PQexitPipelineMode(c))
        die(c, "leave pipeline mode");
    PQfinish(c);
    return 0;
}
