// SPDX-License-Identifier: Apache-2.0
// drivers: everything that a driver does gives the same behind Sallyport as without it, whether its messages are read or only followed.
import assert from "node:assert/strict";
import test from "node:test";
import { maria, mariadb, out, password, postgres, psql, redis } from "./databases.mjs";
import { configured } from "./servers.mjs";
import { cases, error, mysqlCases, mysqlRows, replies } from "./wire.mjs";

const never = "sallyport-never"; // what no script says
const rule = (name, protocol, fields, cases) => `
guard: ${name}
title: reads and never holds
protocol: ${protocol}
when: ${fields.map((field) => `${field} == "${never}"`).join(" or ")}
then: refuse
${cases}`;
const unread = rule("unread", "http", ["http.request.method"],
  `cases: [{send: "${never} / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n", expect: refuse}, {send: "GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n", expect: pass}]\n`);

const pgsql = {
  protocol: "pgsql",
  start: postgres,
  user: "postgres",
  fresh: async (server) => {
    await psql(server.port, "DROP DATABASE IF EXISTS surface WITH (FORCE)");
    await psql(server.port, "CREATE DATABASE surface TEMPLATE template0");
  },
  reads: [
    rule("requests", "pgsql", ["tables", "columns", "functions", "literals", "comments", "shape"].map((f) => `pgsql.statement.${f}`).concat("pgsql.parameters", "pgsql.copy.data", "pgsql.message.type"),
      cases([`SELECT '${never}'`], "SELECT 1")),
    rule("answers", "pgsql", ["result.row", "copy.out", "error.message", "notice.message", "notification.payload", "tag"].map((f) => `pgsql.${f}`),
      replies(error(never), error("other"))),
  ].join("---\n"),
};
const keys = {
  protocol: "redis",
  start: (t) => redis(t, "--requirepass", password),
  user: "default",
  fresh: (server) => out("redis-cli", ["-p", server.port, "FLUSHALL"], { env: { ...process.env, REDISCLI_AUTH: password } }),
  reads: [
    rule("requests", "redis", ["redis.args", "redis.keys", "redis.command", "redis.script"], `cases: [{send: "GET ${never}\\r\\n", expect: refuse}, {send: "GET a\\r\\n", expect: pass}]\n`),
    rule("answers", "redis", ["redis.reply.error"], `cases: [{send: "PING\\r\\n", reply: "-${never}\\r\\n", expect: refuse}, {send: "PING\\r\\n", reply: "-ERR\\r\\n", expect: pass}]\n`),
  ].join("---\n"),
};
const mysql = {
  protocol: "mysql",
  start: mariadb,
  user: "app",
  fresh: (server) => maria(server.port, "CREATE OR REPLACE DATABASE surface CHARACTER SET utf8mb4"),
  reads: [
    rule("requests", "mysql", ["tables", "columns", "functions", "literals", "comments", "shape"].map((f) => `mysql.statement.${f}`).concat("mysql.parameters", "mysql.infile.data", "mysql.command", "mysql.long_data"),
      mysqlCases([`SELECT '${never}'`], "SELECT 1")),
    rule("answers", "mysql", ["result.row", "result.columns", "error.message"].map((f) => `mysql.${f}`), mysqlRows(never, "other")),
  ].join("---\n"),
};
const table = { pg: pgsql, postgres: pgsql, ioredis: keys, redis: keys, mysql2: mysql, mariadb: mysql };

/** Where two transcripts part, with the line before. */
function same(got, expected, what) {
  const at = expected.findIndex((line, i) => line !== got[i]);
  if (at >= 0 || got.length !== expected.length) assert.fail(`${what}, line ${at}:\n  direct: ${expected.slice(Math.max(at - 1, 0), at + 2).join("\n          ")}\n  behind: ${got.slice(Math.max(at - 1, 0), at + 2).join("\n          ")}`);
}

for (const driver of process.env.DRIVER ? [process.env.DRIVER] : Object.keys(table))
  test(driver, { timeout: 58000 }, async (t) => {
    const kind = table[driver];
    const { default: surface } = await import(`./surface/${driver}.mjs`);
    const server = await kind.start(t);
    const run = async (port) => {
      await kind.fresh(server);
      return surface({ port, user: kind.user, password, database: "surface" });
    };
    const direct = await run(server.port);
    assert.ok(direct.length > 100, `${direct.length} lines`);
    for (const [name, rules] of Object.entries({ unread, read: kind.reads }))
      await t.test(`messages are ${name === "read" ? "read" : "followed"}`, async (t2) => {
        const gate = await configured(t2, server.port, `protocol: ${kind.protocol}`, { rules });
        same(await run(gate.port), direct, driver);
        assert.deepEqual(gate.lines().filter((e) => e.sallyport?.anomaly || e.sallyport?.verdict), []);
      });
  });
