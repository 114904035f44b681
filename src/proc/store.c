/* SPDX-License-Identifier: Apache-2.0 */
/* store: the tables, and every statement that is ever run on them. */
#include "proc/store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum store_limits {
    BUSY_MS = 2000,     /* another process is writing */
    STORE_VERSION = 1,
};

enum query { SEEN, TOTAL, APPROVE, EACH, STATEMENTS, FORGET, APPROVE_ALL, SHAPES, QUERIES };

#define NAMED "(?1 = '' OR service = ?1) AND (?2 = '' OR substr(key, 1, length(?2)) = ?2 OR substr(key, -16) = ?2)"

static const char *const texts[QUERIES] = {
    [SEEN] = "INSERT INTO shape(service, key, text, count, first_us, last_us, at, approved) "
             "VALUES(?1, ?2, ?3, ?4, ?5, ?5, (SELECT coalesce(max(statements), 0) FROM service WHERE name = ?1), 0) "
             "ON CONFLICT(service, key) DO UPDATE SET count = count + ?4, last_us = max(last_us, ?5), text = CASE ?3 WHEN '' THEN text ELSE ?3 END",
    [TOTAL] = "INSERT INTO service(name, statements) VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET statements = statements + ?2",
    [APPROVE] = "INSERT INTO shape(service, key, text, count, first_us, last_us, at, approved) VALUES(?1, ?2, ?3, 0, 0, 0, 0, 1) "
                "ON CONFLICT(service, key) DO UPDATE SET approved = 1",
    [EACH] = "SELECT service, key, text, count, first_us, last_us, at, approved FROM shape WHERE ?1 = '' OR service = ?1 ORDER BY service, at, first_us, key",
    [STATEMENTS] = "SELECT coalesce(sum(statements), 0) FROM service WHERE ?1 = '' OR name = ?1",
    [FORGET] = "DELETE FROM shape WHERE " NAMED,
    [APPROVE_ALL] = "UPDATE shape SET approved = 1 WHERE approved = 0 AND " NAMED,
    [SHAPES] = "SELECT count(*) FROM shape",
};

static const char tables[] =
    "PRAGMA journal_mode = DELETE; PRAGMA synchronous = NORMAL;"
    "CREATE TABLE IF NOT EXISTS shape(service TEXT, key TEXT, text TEXT, count INTEGER, first_us INTEGER, last_us INTEGER, at INTEGER, approved INTEGER,"
    " PRIMARY KEY(service, key)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS service(name TEXT PRIMARY KEY, statements INTEGER) WITHOUT ROWID;";

struct sp_store {
    sqlite3 *db;
    uint64_t shapes; /* at most so many are there */
    sqlite3_stmt *run[QUERIES];
};

static sqlite3_stmt *start(struct sp_store *s, enum query q)
{
    sqlite3_reset(s->run[q]);
    sqlite3_clear_bindings(s->run[q]);
    return s->run[q];
}

static void put_text(sqlite3_stmt *run, int at, struct sp_span s)
{
    (void)sqlite3_bind_text64(run, at, s.n ? (const char *)s.p : "", s.n, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static int finish(sqlite3_stmt *run)
{
    int rc = sqlite3_step(run);
    sqlite3_reset(run);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : -1;
}

static uint64_t number(sqlite3_stmt *run)
{
    uint64_t n = sqlite3_step(run) == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(run, 0) : 0;
    sqlite3_reset(run);
    return n;
}

static int version_of(sqlite3 *db)
{
    sqlite3_stmt *run = NULL;
    int version = -1;
    if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &run, NULL) == SQLITE_OK && sqlite3_step(run) == SQLITE_ROW)
        version = sqlite3_column_int(run, 0);
    sqlite3_finalize(run);
    return version;
}

/* A file of ours, or an empty one. */
static int prepare(struct sp_store *s, char *why)
{
    char set[64];
    int version = version_of(s->db);
    if (version > STORE_VERSION) {
        (void)snprintf(why, SP_STORE_WHY, "it was written by a later version");
        return -1;
    }
    (void)snprintf(set, sizeof set, "PRAGMA user_version = %d", STORE_VERSION);
    bool ok = version >= 0 && sqlite3_exec(s->db, tables, NULL, NULL, NULL) == SQLITE_OK &&
              (version == STORE_VERSION || sqlite3_exec(s->db, set, NULL, NULL, NULL) == SQLITE_OK);
    for (unsigned i = 0; ok && i < QUERIES; i++)
        ok = sqlite3_prepare_v3(s->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &s->run[i], NULL) == SQLITE_OK;
    if (ok)
        s->shapes = number(start(s, SHAPES));
    else
        (void)snprintf(why, SP_STORE_WHY, "%s", sqlite3_errmsg(s->db));
    return ok ? 0 : -1;
}

int sp_store_open(const char *path, bool make, char why[SP_STORE_WHY], struct sp_store **ret)
{
    struct sp_store *s = calloc(1, sizeof *s);
    if (!s) {
        (void)snprintf(why, SP_STORE_WHY, "out of memory");
        return -1;
    }
    int fd = make ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1; /* statements are nobody else's business; its journal follows */
    if (fd >= 0)
        close(fd);
    int rc = sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
    if (rc != SQLITE_OK)
        (void)snprintf(why, SP_STORE_WHY, "%s", s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc));
    else
        (void)sqlite3_busy_timeout(s->db, BUSY_MS);
    if (rc != SQLITE_OK || prepare(s, why) < 0) {
        sp_store_close(s);
        return -1;
    }
    *ret = s;
    return 0;
}

void sp_store_close(struct sp_store *s)
{
    if (!s)
        return;
    for (unsigned i = 0; i < QUERIES; i++)
        sqlite3_finalize(s->run[i]);
    sqlite3_close(s->db);
    free(s);
}

const char *sp_store_why(const struct sp_store *s)
{
    return sqlite3_errmsg(s->db);
}

/* ---- what is learned ---- */

int sp_store_begin(struct sp_store *s)
{
    return sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

int sp_store_commit(struct sp_store *s)
{
    if (sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL); /* the reason has been said by what failed */
    return -1;
}

/* Is there room for what may be another one? */
static bool has_room(struct sp_store *s)
{
    if (s->shapes >= SP_STORE_SHAPES_MAX)
        s->shapes = number(start(s, SHAPES));
    return s->shapes++ < SP_STORE_SHAPES_MAX;
}

int sp_store_saw(struct sp_store *s, const struct sp_shape *shape)
{
    if (shape->text.n && !has_room(s))
        return 0;
    sqlite3_stmt *run = start(s, SEEN);
    put_text(run, 1, shape->service);
    put_text(run, 2, shape->key);
    put_text(run, 3, shape->text);
    (void)sqlite3_bind_int64(run, 4, (sqlite3_int64)shape->count);
    (void)sqlite3_bind_int64(run, 5, (sqlite3_int64)shape->last_us);
    if (finish(run) < 0)
        return -1;
    run = start(s, TOTAL);
    put_text(run, 1, shape->service);
    (void)sqlite3_bind_int64(run, 2, (sqlite3_int64)shape->count);
    return finish(run);
}

int sp_store_approve(struct sp_store *s, const struct sp_shape *shape)
{
    sqlite3_stmt *run = start(s, APPROVE);
    put_text(run, 1, shape->service);
    put_text(run, 2, shape->key);
    put_text(run, 3, shape->text);
    return finish(run);
}

static struct sp_span text_at(sqlite3_stmt *run, int at)
{
    const void *p = sqlite3_column_text(run, at);
    return p ? sp_span_of(p, (size_t)sqlite3_column_bytes(run, at)) : (struct sp_span){NULL, 0};
}

int sp_store_each(struct sp_store *s, struct sp_span service, int (*each)(void *ctx, const struct sp_shape *shape), void *ctx)
{
    sqlite3_stmt *run = start(s, EACH);
    int rc, end = 0;
    put_text(run, 1, service);
    while (end == 0 && (rc = sqlite3_step(run)) == SQLITE_ROW) {
        struct sp_shape shape = {.service = text_at(run, 0), .key = text_at(run, 1), .text = text_at(run, 2)};
        shape.count = (uint64_t)sqlite3_column_int64(run, 3);
        shape.first_us = (uint64_t)sqlite3_column_int64(run, 4);
        shape.last_us = (uint64_t)sqlite3_column_int64(run, 5);
        shape.at = (uint64_t)sqlite3_column_int64(run, 6);
        shape.approved = sqlite3_column_int(run, 7);
        end = each(ctx, &shape);
    }
    sqlite3_reset(run);
    return end ? end : rc == SQLITE_DONE ? 0 : -1;
}

uint64_t sp_store_statements(struct sp_store *s, struct sp_span service)
{
    sqlite3_stmt *run = start(s, STATEMENTS);
    put_text(run, 1, service);
    return number(run);
}

static int change(struct sp_store *s, enum query q, struct sp_span service, struct sp_span key)
{
    sqlite3_stmt *run = start(s, q);
    put_text(run, 1, service);
    put_text(run, 2, key);
    return finish(run) < 0 ? -1 : sqlite3_changes(s->db);
}

int sp_store_forget(struct sp_store *s, struct sp_span service, struct sp_span key)
{
    return change(s, FORGET, service, key);
}

int sp_store_approve_all(struct sp_store *s, struct sp_span service, struct sp_span key)
{
    return change(s, APPROVE_ALL, service, key);
}
