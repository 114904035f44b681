// SPDX-License-Identifier: Apache-2.0
// statements: a refused statement costs its client an ordinary error and nothing else; TLS, cancel requests, and what is no protocol.
import assert from "node:assert/strict";
import test from "node:test";
import Redis from "ioredis";
import mariadbjs from "mariadb";
import mysql2 from "mysql2/promise";
import pg from "pg";
import copy from "pg-copy-streams";
import postgresjs from "postgres";
import { createClient } from "redis";
import { scratch, until, write } from "../cli/tool.mjs";
import { maria, mariadb, out, password, pgEnvironment, postgres, psql, redis } from "./databases.mjs";
import { configured, connect } from "./servers.mjs";
import { status } from "./surface/pg.mjs";
import { bind, bytes, cases, comQuery, execute, login, loginHead, message, mysqlCases, packet, parse, query, requestTls, short, startup, sync } from "./wire.mjs";

const rules = [
  ["no-secrets", String.raw`pgsql.statement.tables matches r"^(public\.)?secrets$"`, "refuse", cases(["SELECT * FROM secrets", parse("", "DELETE FROM Secrets")], "SELECT 'secrets'")],
  ["own-code", 'pgsql.statement.functions == "version"', "refuse 22023", cases(["SELECT version()"], "SELECT now()")],
  ["no-word", 'pgsql.parameters == "forbidden"', "refuse", cases([bind("", "", "forbidden")], bind("", "", "allowed"))],
  ["no-copy", 'pgsql.copy.data contains "forbidden"', "refuse", cases([message("d", bytes(...Buffer.from("forbidden\n")))], message("d", bytes(...Buffer.from("allowed\n"))))],
  ["strict", 'pgsql.message.type == "FunctionCall"', "refuse", cases([message("F", 1, short(0), short(0), short(0))], "SELECT 1")],
].map(([name, when, then, proof]) => `guard: ${name}\ntitle: ${name}\nprotocol: pgsql\nwhen: ${when}\nthen: ${then}\n${proof}`).join("---\n");
const refused = { code: "42501", message: "refused by Sallyport: no-secrets" };
const service = "protocol: pgsql";
const MORE = 1000; // statements behind a refused one

/** A PostgreSQL with something to protect, and Sallyport in front of it. */
async function guarded(t, options, what = service) {
  const server = await postgres(t, options);
  await psql(server.port, "CREATE TABLE secrets (n int); INSERT INTO secrets VALUES (7); CREATE TABLE kept (n int, t text)");
  return { server, gate: await configured(t, server.port, what, { rules }) };
}

const ways = {
  simple: (client, n) => client.query(`SELECT ${n} AS n`),
  extended: (client, n) => client.query("SELECT $1::int AS n", [n]),
  prepared: (client, n) => client.query({ name: `s${n % 10}`, text: `SELECT $1::int AS n, ${n % 10} AS m`, values: [n] }),
};
const refusals = {
  simple: (client) => client.query("SELECT * FROM secrets"),
  extended: (client) => client.query("SELECT * FROM secrets WHERE n = $1", [1]),
  prepared: (client, n = 0) => client.query({ name: `bad${n}`, text: "SELECT * FROM secrets WHERE n > $1", values: [1] }),
};
async function goesOn(client) {
  for (const way of Object.values(ways)) for (let n = 0; n < MORE; n++) assert.equal((await way(client, n)).rows[0].n, n);
}

test("pg", { timeout: 58000 }, async (t) => {
  const { server, gate } = await guarded(t);
  const at = { host: "127.0.0.1", port: gate.port, user: "postgres", password, database: "postgres" };
  const open = async (t2, more = {}) => {
    const client = new pg.Client({ ...at, ...more });
    client.on("error", () => {});
    await client.connect();
    t2.after(() => client.end());
    return client;
  };

  for (const [name, ask] of Object.entries(refusals)) {
    await t.test(`${name}: 1,000 more after a refused one`, async (t2) => {
      const client = await open(t2);
      await assert.rejects(ask(client), { name: "error", severity: "ERROR", ...refused });
      assert.equal(await status(client), "I");
      await goesOn(client);
      await assert.rejects(ask(client), refused);
      assert.equal((await gate.told((e) => e.sallyport?.rule === "no-secrets")).sallyport.verdict, "refuse");
    });

    await t.test(`${name}: in a transaction`, async (t2) => {
      const client = await open(t2);
      await client.query("BEGIN");
      await client.query("INSERT INTO kept VALUES (1)");
      await client.query("SAVEPOINT s");
      await assert.rejects(ask(client), refused);
      assert.equal(await status(client), "E");
      await assert.rejects(client.query("SELECT 1"), { code: "25P02" });
      await assert.rejects(ask(client), refused);
      await client.query("ROLLBACK TO s");
      assert.equal(await status(client), "T");
      await goesOn(client);
      await client.query("COMMIT");
      assert.equal(await status(client), "I");
      assert.equal((await client.query("DELETE FROM kept")).rowCount, 1);
      await client.query("BEGIN; INSERT INTO kept VALUES (2)");
      await assert.rejects(ask(client), refused);
      assert.equal((await client.query("COMMIT")).command, "ROLLBACK");
      assert.equal((await client.query("SELECT FROM kept")).rowCount, 0);
    });
  }

  await t.test("every second one of a pipeline", async (t2) => {
    const client = await open(t2, { pipeline: true });
    const all = Array.from({ length: MORE }, (_, i) => (i % 2 ? refusals : ways)[Object.keys(ways)[i % 3]](client, i));
    for (const [i, { status: how, value, reason }] of (await Promise.allSettled(all)).entries())
      if (i % 2) assert.equal(reason?.code, "42501", `${how} ${i}`);
      else assert.equal(value?.rows[0].n, i);
  });

  await t.test("several statements in one text are refused together", async (t2) => {
    const client = await open(t2);
    await assert.rejects(client.query("INSERT INTO kept VALUES (3); SELECT * FROM secrets; INSERT INTO kept VALUES (4)"), refused);
    assert.equal((await client.query("SELECT FROM kept")).rowCount, 0);
  });

  await t.test("a rule's own code", async (t2) => {
    const client = await open(t2);
    for (const values of [undefined, []]) await assert.rejects(client.query({ text: "SELECT version()", values }), { code: "22023", message: "refused by Sallyport: own-code" });
    await goesOn(client);
  });

  await t.test("a parameter", async (t2) => {
    const client = await open(t2);
    for (const name of [undefined, "kept"]) {
      const ask = (word) => client.query({ name, text: "SELECT $1::text AS t", values: [word] });
      assert.equal((await ask("allowed")).rows[0].t, "allowed");
      await assert.rejects(ask("forbidden"), { code: "42501", message: "refused by Sallyport: no-word" });
      assert.equal((await ask("allowed")).rows[0].t, "allowed");
    }
    await assert.rejects(client.query("SELECT $1::text", ["a\0b"]), { code: "08P01", message: "refused by Sallyport: text" });
    await goesOn(client);
  });

  await t.test("rows of a COPY", async (t2) => {
    const client = await open(t2);
    const into = (...pieces) => new Promise((done, failed) => {
      const stream = client.query(copy.from("COPY kept FROM STDIN")).on("finish", done).on("error", failed);
      for (const piece of pieces) stream.write(piece);
      stream.end();
    });
    await assert.rejects(into("1\tallowed\n", "2\tforbidden\n", "3\tallowed\n"), { code: "42501", message: "refused by Sallyport: no-copy" });
    assert.equal((await client.query("SELECT FROM kept")).rowCount, 0);
    await into("1\tallowed\n", "3\tallowed\n");
    assert.equal((await client.query("DELETE FROM kept")).rowCount, 2);
    await goesOn(client);
  });

  assert.equal(await psql(server.port, "SELECT count(*) FROM secrets"), "1\n");
});

test("postgres", { timeout: 58000 }, async (t) => {
  const { gate } = await guarded(t);
  const sql = postgresjs({ host: "127.0.0.1", port: gate.port, user: "postgres", password, database: "postgres", max: 1, onnotice: () => {} });
  t.after(() => sql.end());
  const goes = async (on) => {
    for (let n = 0; n < MORE; n++) assert.equal((await on`SELECT ${n}::int AS n`)[0].n, n);
    assert.deepEqual((await Promise.all(Array.from({ length: MORE }, (_, n) => on`SELECT ${n}::int AS n`))).map((r) => r[0].n), Array.from({ length: MORE }, (_, n) => n));
    for (let n = 0; n < MORE; n++) assert.equal((await on.unsafe(`SELECT ${n} AS n`))[0].n, n);
  };
  const asks = { extended: (on) => on`SELECT * FROM secrets WHERE n = ${1}`, simple: (on) => on.unsafe("SELECT * FROM secrets").simple() };
  for (const [name, ask] of Object.entries(asks)) {
    await t.test(`${name}: 1,000 more after a refused one`, async () => {
      await assert.rejects(ask(sql), { name: "PostgresError", severity: "ERROR", ...refused });
      await goes(sql);
    });
    await t.test(`${name}: in a transaction`, async () => {
      await assert.rejects(sql.begin(async (tx) => {
        await tx`INSERT INTO kept VALUES (1)`;
        await assert.rejects(ask(tx), refused);
        await assert.rejects(tx`SELECT 1`.then(), { code: "25P02" });
      }), refused);
      assert.equal((await sql`SELECT FROM kept`).count, 0);
      await sql.begin(async (tx) => {
        await tx`INSERT INTO kept VALUES (1)`;
        await tx.savepoint((inner) => ask(inner)).catch((error) => assert.equal(error.code, "42501"));
        await goes(tx);
      });
      assert.equal((await sql`DELETE FROM kept`).count, 1);
    });
  }
  await t.test("among 1,000 on their way", async () => {
    const all = await Promise.allSettled(Array.from({ length: MORE }, (_, n) => (n % 5 === 3 ? asks.extended(sql) : sql`SELECT ${n}::int AS n`)));
    for (const [n, { value, reason }] of all.entries()) assert.equal(value?.[0].n ?? reason.code, n % 5 === 3 ? "42501" : n);
  });
});

const keyRules = `guard: no-keys
title: KEYS reads everything
protocol: redis
when: redis.command == "keys"
then: refuse
cases: [{send: "KEYS *\\r\\n", expect: refuse}, {send: "GET a\\r\\n", expect: pass}]
`;
const unknown = /^ERR unknown command 'refused by Sallyport: no-keys'/;
const numbers = Array.from({ length: MORE }, (_, n) => `${n}`);

test("ioredis", { timeout: 58000 }, async (t) => {
  const gate = await configured(t, (await redis(t)).port, "protocol: redis", { rules: keyRules });
  const client = new Redis({ port: gate.port, host: "127.0.0.1" });
  t.after(() => client.disconnect());
  const goesOn = async () => {
    for (const n of numbers) assert.equal(await client.echo(n), n);
    assert.deepEqual(await Promise.all(numbers.map((n) => client.echo(n))), numbers);
  };

  await t.test("1,000 more after a refused one", async () => {
    await assert.rejects(client.keys("*"), { name: "ReplyError", message: unknown });
    await goesOn();
  });
  await t.test("in a pipeline", async () => {
    const pipeline = client.pipeline();
    for (const n of numbers) n % 7 ? pipeline.echo(n) : pipeline.keys(n);
    for (const [n, [error, value]] of (await pipeline.exec()).entries()) n % 7 ? assert.equal(value, `${n}`) : assert.match(error.message, unknown);
  });
  await t.test("in a transaction", async () => {
    await assert.rejects(client.multi().set("a", 1).keys("*").set("b", 2).exec(), /^ReplyError: EXECABORT/);
    assert.equal(await client.exists("a", "b"), 0);
    await client.multi({ pipeline: false });
    await client.set("a", 1);
    await assert.rejects(client.keys("*"), { message: unknown });
    assert.equal(await client.set("a", 2), "QUEUED");
    await assert.rejects(client.exec(), /^ReplyError: EXECABORT/);
    const many = client.multi();
    for (const n of numbers) many.incr("n").echo(n);
    assert.deepEqual((await many.exec()).filter((_, i) => i % 2).map(([, value]) => value), numbers);
    await goesOn();
  });
});

test("redis", { timeout: 58000 }, async (t) => {
  const gate = await configured(t, (await redis(t)).port, "protocol: redis", { rules: keyRules });
  for (const RESP of [2, 3])
    await t.test(`version ${RESP}`, async () => {
      const client = await createClient({ RESP, socket: { host: "127.0.0.1", port: gate.port } }).on("error", () => {}).connect();
      const goesOn = async () => assert.deepEqual(await Promise.all(numbers.map((n) => client.incrBy("n", 1).then(() => n))), numbers);
      await assert.rejects(client.keys("*"), { name: "Error", message: unknown });
      await goesOn();
      const mixed = await Promise.allSettled(numbers.map((n) => (n % 7 ? client.incr("m") : client.keys(n))));
      assert.equal(mixed.filter(({ reason }) => unknown.test(reason?.message)).length, 143);
      assert.equal(await client.get("m"), `${MORE - 143}`);
      await assert.rejects(client.multi().set("a", "1").keys("*").set("b", "2").exec(), { message: unknown });
      assert.equal(await client.exists(["a", "b"]), 0);
      await goesOn();
      assert.deepEqual(await client.multi().incr("m").del("m").exec(), [MORE - 142, 1]);
      await client.close();
    });
});

const mysqlRules = [
  ["no-secrets", 'mysql.statement.tables == "secrets"', "refuse", mysqlCases(["SELECT * FROM secrets"], "SELECT 'secrets'")],
  ["own-code", 'mysql.statement.functions == "version"', "refuse 1142", mysqlCases(["SELECT version()"], "SELECT now()")],
  ["no-word", 'mysql.parameters == "forbidden" or mysql.statement.literals == "forbidden"', "refuse", mysqlCases(["SELECT 'forbidden'"], "SELECT 'allowed'")],
].map(([name, when, then, proof]) => `guard: ${name}\ntitle: ${name}\nprotocol: mysql\nwhen: ${when}\nthen: ${then}\n${proof}`).join("---\n");
const denied = { errno: 1227, sqlState: "42000" };

/* The two drivers differ in how they give rows: [rows, fields], or rows alone. */
const mysqls = {
  mysql2: {
    open: (at) => mysql2.createConnection({ ...at, multipleStatements: true }),
    rows: ([rows]) => rows,
    inside: async (c) => (await c.query("SELECT @@in_transaction AS inside"))[0][0].inside,
    refused: { ...denied, code: "ER_SPECIFIC_ACCESS_DENIED_ERROR", message: "refused by Sallyport: no-secrets" },
  },
  mariadb: {
    open: (at) => mariadbjs.createConnection({ ...at, multipleStatements: true }),
    rows: (rows) => rows,
    inside: (c) => c.info.status & 1,
    refused: { ...denied, code: "ER_SPECIFIC_ACCESS_DENIED_ERROR", sqlMessage: "refused by Sallyport: no-secrets" },
  },
};
for (const [driver, { open, rows, inside, refused: expected }] of Object.entries(mysqls))
  test(driver, { timeout: 58000 }, async (t) => {
    const server = await mariadb(t);
    await maria(server.port, "CREATE DATABASE shop; CREATE TABLE shop.secrets (n INT); INSERT INTO shop.secrets VALUES (7); CREATE TABLE shop.kept (n INT) ENGINE=InnoDB");
    const gate = await configured(t, server.port, "protocol: mysql", { rules: mysqlRules });
    const connection = await open({ host: "127.0.0.1", port: gate.port, user: "app", password, database: "shop" });
    connection.on("error", () => {});
    const goesOn = async () => {
      for (const ask of [(n) => connection.query(`SELECT ${n} AS n`), (n) => connection.execute("SELECT ? AS n", [n]), (n) => connection.execute(`SELECT ?, ${n % 10} AS n`, [n])]) {
        for (let n = 0; n < MORE; n++) assert.ok(rows(await ask(n))[0].n <= n);
        assert.deepEqual((await Promise.all(numbers.map(ask))).map((r) => rows(r)[0].n).filter((n) => n > MORE), []);
      }
    };
    const asks = {
      text: () => connection.query("SELECT * FROM secrets"),
      prepared: () => connection.execute("SELECT * FROM secrets WHERE n = ?", [1]),
      "prepared alone": () => connection.prepare("SELECT n FROM secrets"),
    };
    for (const [name, ask] of Object.entries(asks)) {
      await t.test(`${name}: 1,000 more after a refused one`, async () => {
        await assert.rejects(ask(), expected);
        await goesOn();
      });
      await t.test(`${name}: a transaction stays as it is, as after any error`, async () => {
        await connection.beginTransaction();
        await connection.query("INSERT INTO kept VALUES (1)");
        await assert.rejects(ask(), expected);
        assert.equal(await inside(connection), 1);
        await goesOn();
        await connection.rollback();
        assert.equal(rows(await connection.query("SELECT * FROM kept")).length, 0);
        assert.equal(await inside(connection), 0);
      });
    }

    await t.test("every fifth one of many on their way", async () => {
      const all = await Promise.allSettled(numbers.map((n) => (n % 5 === 3 ? asks[n % 2 ? "text" : "prepared"]() : connection[n % 3 ? "query" : "execute"]("SELECT ? AS n", [n]))));
      for (const [n, { value, reason }] of all.entries()) assert.equal(value ? Number(rows(value)[0].n) : reason.errno, n % 5 === 3 ? 1227 : n);
    });

    await t.test("several statements in one text are refused together", async () => {
      await assert.rejects(connection.query("INSERT INTO kept VALUES (3); SELECT * FROM secrets"), expected);
      assert.equal(rows(await connection.query("SELECT * FROM kept")).length, 0);
    });

    await t.test("a rule's own code", async () => {
      for (const way of ["query", "execute"]) await assert.rejects(connection[way]("SELECT version()"), { errno: 1142, sqlState: "42000" });
      await goesOn();
    });

    await t.test("a parameter", async () => {
      const statement = await connection.prepare("SELECT ? AS t");
      for (const word of ["allowed", "forbidden", "allowed", "forbidden"])
        if (word === "allowed") assert.equal(rows(await statement.execute([word]))[0].t, word);
        else await assert.rejects(statement.execute([word]), denied);
      await statement.close();
      await assert.rejects(connection.query("SELECT ? AS t", ["forbidden"]), denied);
      await goesOn();
    });

    await t.test("LOAD DATA into it", async () => {
      await assert.rejects(connection.query("LOAD DATA LOCAL INFILE 'x' INTO TABLE secrets"), denied);
      await goesOn();
    });
    await connection.end();
    assert.equal(await maria(server.port, "SELECT COUNT(*) FROM shop.secrets"), "1\n");
  });

test("mariadb, the program", { timeout: 58000 }, async (t) => {
  const server = await mariadb(t);
  await maria(server.port, "CREATE DATABASE shop; CREATE TABLE shop.secrets (n INT); CREATE TABLE shop.goods (n INT); INSERT INTO shop.goods VALUES (1), (2)");
  const gate = await configured(t, server.port, "protocol: mysql", { rules: mysqlRules });
  await assert.rejects(maria(gate.port, "SELECT * FROM shop.goods; SELECT * FROM secrets"), /ERROR 1227 \(42000\).*refused by Sallyport: no-secrets/);
  const script = write(scratch(t), "many.sql", `SELECT * FROM secrets;\n${numbers.map((n) => `SELECT ${n};\n`).join("")}`);
  const said = await out("sh", ["-c", `mariadb --no-defaults --force -N -h 127.0.0.1 -P ${gate.port} -u app '-p${password}' < '${script}' 2>&1`]).catch((error) => error.stdout);
  assert.equal(said.slice(said.indexOf("ERROR")), `ERROR 1227 (42000) at line 1: refused by Sallyport: no-secrets\n${numbers.map((n) => `${n}\n`).join("")}`);
  const dump = await out("mariadb-dump", ["--no-defaults", "-h", "127.0.0.1", "-P", gate.port, "-u", "app", `-p${password}`, "--compact", "shop", "goods"]);
  assert.match(dump, /INSERT INTO `goods` VALUES\s*\(1\),\s*\(2\);/);
});

test("programs of libpq", { timeout: 58000 }, async (t) => {
  const { gate } = await guarded(t);
  const env = pgEnvironment(gate.port), dir = scratch(t);

  await t.test("psql: states, codes, \\copy, cursors of its own", async () => {
    const script = write(dir, "script.sql", `\\set VERBOSITY sqlstate
SELECT * FROM secrets;
\\echo :SQLSTATE :LAST_ERROR_MESSAGE
BEGIN;
INSERT INTO kept VALUES (1, 'a');
TABLE secrets;
SELECT 1;
ROLLBACK;
\\set ON_ERROR_ROLLBACK on
BEGIN;
INSERT INTO kept VALUES (1, 'a'), (2, 'ü');
SELECT 1 FROM secrets \\; SELECT 2;
SELECT 'still here';
COMMIT;
\\copy kept TO '${dir}/kept'
\\copy kept FROM '${dir}/kept'
\\set FETCH_COUNT 100
SELECT sum(n) OVER (ORDER BY n) AS s FROM generate_series(1, 1000) n \\g ${dir}/sums
SELECT * FROM secrets;
\\d kept
SELECT count(*) FROM kept \\gdesc
SELECT count(*) FROM kept;
DELETE FROM kept;
`);
    const said = await out("sh", ["-c", `psql -X -q -A -t -f '${script}' 2>&1; tail -n 1 '${dir}/sums'`], { env });
    assert.deepEqual(said.replaceAll(/^psql:.*?: (ERROR)/gm, "$1").split("\n"), ["ERROR:  42501", "42501 refused by Sallyport: no-secrets", "ERROR:  42501", "ERROR:  25P02", "ERROR:  42501", "still here", "ERROR:  42501",
      "n|integer|||", "t|text|||", "count|bigint", "4", "500500", ""]);
  });

  await t.test("psql: 1,000 after a refused one, in a transaction and out of it", async () => {
    const counted = Array.from({ length: MORE }, (_, n) => `SELECT ${n};\n`).join("");
    const script = write(dir, "many.sql", `SELECT * FROM secrets;\n${counted}BEGIN;\nSAVEPOINT s;\nSELECT * FROM secrets;\nROLLBACK TO s;\n${counted}COMMIT;\n`);
    const expected = Array.from({ length: MORE }, (_, n) => `${n}\n`).join("");
    assert.equal(await psql(gate.port, undefined, {}, ["-f", script]), expected + expected);
  });

  await t.test("pipeline mode", async () => {
    assert.deepEqual((await out(process.env.PIPELINE, [], { env })).split("\n"), [
      "many: 857 right, 143 refused",
      "aborted: COMMAND_OK FATAL_ERROR=42501 PIPELINE_ABORTED PIPELINE_SYNC TUPLES_OK=0 PIPELINE_SYNC 0",
      "begin: COMMAND_OK COMMAND_OK COMMAND_OK PIPELINE_SYNC 2",
      "refused: FATAL_ERROR=42501 PIPELINE_SYNC 3",
      "failed: FATAL_ERROR=25P02 PIPELINE_SYNC 3",
      "committed: COMMAND_OK TUPLES_OK=1 COMMAND_OK PIPELINE_SYNC 0",
      "prepared: FATAL_ERROR=42501 PIPELINE_ABORTED PIPELINE_SYNC COMMAND_OK TUPLES_OK=8 PIPELINE_SYNC 0",
      "cancelled: FATAL_ERROR=57014 PIPELINE_SYNC 0",
      "",
    ]);
  });

  await t.test("pgbench: every transaction is there, none failed", async () => {
    await out("pgbench", ["-i", "-q", "-s", "1"], { env });
    for (const mode of ["simple", "extended", "prepared"]) {
      const said = await out("pgbench", ["-n", "-M", mode, "-c", "4", "-j", "2", "-t", "150"], { env });
      assert.match(said, /number of transactions actually processed: 600\/600/);
      assert.match(said, /number of failed transactions: 0 /);
    }
    assert.equal(await psql(gate.port, "SELECT count(*), sum(delta) = (SELECT sum(abalance) FROM pgbench_accounts) FROM pgbench_history"), "1800|t\n");
  });

  await t.test("pg_dump", async () => {
    assert.match(await out("pg_dump", ["-t", "pgbench_branches"], { env }), /COPY public\.pgbench_branches .* FROM stdin;\n1\t/);
    await assert.rejects(out("pg_dump", ["-t", "secrets"], { env }), /refused by Sallyport: no-secrets/);
  });
});

test("TLS", { timeout: 58000 }, async (t) => {
  const { server, gate } = await guarded(t, { encrypted: true });
  const encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
  assert.equal(await psql(server.port, encrypted, { PGSSLMODE: "require" }), "t\n");

  await t.test("refused: there is none", async () => {
    await assert.rejects(psql(gate.port, "SELECT 1", { PGSSLMODE: "require" }), /server does not support SSL, but SSL was required/);
    assert.equal(await psql(gate.port, encrypted, { PGSSLMODE: "prefer" }), "f\n");
    await assert.rejects(psql(gate.port, "TABLE secrets", { PGSSLMODE: "prefer" }), /refused by Sallyport: no-secrets/);
    assert.equal(gate.lines().some((e) => e.sallyport?.anomaly), false);
  });

  await t.test("passed: what nobody reads is told", async (t2) => {
    const open = await configured(t2, server.port, `${service}\n    tls: pass-uninspected`, { rules });
    assert.equal(await psql(open.port, encrypted, { PGSSLMODE: "require" }), "t\n");
    assert.equal((await open.told((e) => e.sallyport?.anomaly === "tls_uninspected")).sallyport.verdict, "pass");
    assert.equal(await psql(open.port, "TABLE secrets", { PGSSLMODE: "require" }), "7\n");
    await assert.rejects(psql(open.port, "TABLE secrets", { PGSSLMODE: "disable" }), /refused by Sallyport: no-secrets/);
  });
});

test("TLS of MySQL", { timeout: 58000 }, async (t) => {
  const { port: to } = await mariadb(t, { encrypted: true });
  await maria(to, "CREATE DATABASE shop; CREATE TABLE shop.secrets (n INT)");
  const cipher = async (port, ssl, sql = "SHOW STATUS LIKE 'Ssl_version'") => {
    const connection = await mysql2.createConnection({ host: "127.0.0.1", port, user: "app", password, database: "shop", ssl: ssl && { rejectUnauthorized: false } });
    connection.on("error", () => {});
    try {
      return (await connection.query(sql))[0][0]?.Value;
    } finally {
      connection.destroy();
    }
  };
  assert.match(await cipher(to, true), /^TLS/);
  const gate = await configured(t, to, "protocol: mysql", { rules: mysqlRules });
  await assert.rejects(cipher(gate.port, true), { code: "HANDSHAKE_NO_SSL_SUPPORT" });
  assert.equal(await cipher(gate.port, false), "");
  await assert.rejects(cipher(gate.port, false, "SELECT * FROM secrets"), denied);

  const open = await configured(t, to, "protocol: mysql\n    tls: pass-uninspected", { rules: mysqlRules });
  assert.match(await cipher(open.port, true), /^TLS/);
  assert.equal((await open.told((e) => e.sallyport?.anomaly === "tls_uninspected")).sallyport.verdict, "pass");
  await cipher(open.port, true, "SELECT * FROM secrets");
  await assert.rejects(cipher(open.port, false, "SELECT * FROM secrets"), denied);
});

/* What is sent in a login's place or behind one, the number of the error, and the event. */
const early = [
  ["a login out of order", packet(5, loginHead(), "anybody\0\0"), 1156, "sequence"],
  ["a client of the time before 4.1", packet(1, bytes(0x05, 0x00, 0, 0, 0), "anybody\0"), 1251, "version"],
  ["a login that is cut off", packet(1, loginHead(), "anybody"), 1043, "login_layout"],
  ["TLS that was not offered", packet(1, loginHead(bytes(0x0d, 0xaa, 0x2f, 0x01))), 1043, "tls"],
  ["compression that was not offered", packet(1, loginHead(bytes(0x2d, 0xa2, 0x2f, 0x01)), "anybody\0\0shop\0mysql_native_password\0"), 1043, "compression"],
];
const late = [
  ["a command out of order", packet(1, bytes(3), "SELECT 1"), 1156, "sequence"],
  ["a command without a byte", packet(0), 1835, "length"],
  ["a command that does not exist", packet(0, bytes(0x7f)), 1047, "command", true],
  ["an execution without a statement", packet(0, bytes(0x17, 1)), 1835, "layout", true],
];

test("what is no protocol of MySQL", { timeout: 58000 }, async (t) => {
  const { port: to } = await mariadb(t);
  await maria(to, "CREATE DATABASE shop; CREATE TABLE shop.secrets (n INT)");
  const reads = `guard: no-shutdown\ntitle: no-shutdown\nprotocol: mysql\nwhen: mysql.command == "shutdown" or mysql.parameters == "never"\nthen: refuse\n`;
  const proof = ["refuse", "pass"].map((expect, i) => `  - {send_base64: ${Buffer.concat([login("a"), packet(0, bytes(8 + 6 * i))]).toString("base64")}, expect: ${expect}}\n`).join("");
  const gate = await configured(t, to, "protocol: mysql", { rules: `${mysqlRules}---\n${reads}cases:\n${proof}` });
  const open = async (t2) => {
    const c = connect(gate.port);
    t2.after(() => c.socket.destroy());
    await c.until((at) => at.back.includes("mysql_native_password"));
    c.at.back = "";
    return c;
  };
  const says = (c, sent) => {
    c.at.back = "";
    c.socket.write(sent);
  };
  const loggedIn = async (t2) => {
    const c = await open(t2);
    says(c, login("anybody"));
    await c.until((at) => at.back.startsWith("\x07\0\0\x02\0\0\0") || at.back.length > 10);
    assert.equal(c.at.back.charCodeAt(4), 0, "an OK packet");
    return c;
  };
  const goesOn = async (c) => {
    says(c, comQuery("SELECT 6*7 AS answer"));
    await c.until((at) => at.back.includes("answer") && at.back.includes("\x0242"));
  };
  const failed = (back, number, what) => {
    assert.equal(back.charCodeAt(4), 0xff);
    assert.equal(back.charCodeAt(5) | (back.charCodeAt(6) << 8), number);
    assert.ok(back.endsWith(`refused by Sallyport: ${what}`), back);
    return gate.told((e) => e.sallyport?.anomaly === what && e.sallyport.verdict === "refuse");
  };
  for (const [what, sent, number, anomaly] of early)
    await t.test(what, async (t2) => {
      const c = await open(t2);
      says(c, sent);
      await failed(await c.until((at) => at.ended), number, anomaly);
    });
  for (const [what, sent, number, anomaly, lives] of late)
    await t.test(what, async (t2) => {
      const c = await loggedIn(t2);
      says(c, sent);
      await failed(await c.until((at) => at.back.endsWith(anomaly) && (lives || at.ended)), number, anomaly);
      if (lives) await goesOn(c);
    });

  await t.test("statements before the server has said yes wait", async (t2) => {
    const c = await open(t2);
    says(c, Buffer.concat([login("anybody"), comQuery("SELECT * FROM secrets")]));
    assert.match(await c.until((at) => at.back.includes("no-secrets")), /^.{4}\0.*#42000refused by Sallyport: no-secrets$/s);
    await goesOn(c);
  });

  await t.test("clients that leave in the middle of a packet leave nothing at the server", async (t2) => {
    const all = Buffer.concat([login("anybody"), comQuery(`SELECT '${"y".repeat(100)}'`), packet(0, bytes(0x16), "SELECT ?")]);
    for (let cut = 1; cut < all.length; cut += 7) (await open(t2)).socket.end(all.subarray(0, cut));
    await until("no session is left", async () => (await maria(to, "SELECT COUNT(*) FROM information_schema.processlist WHERE user IN ('anybody', 'unauthenticated user')")) === "0\n");
    await goesOn(await loggedIn(t2));
  });
});

/* What is sent, then what comes back, and the event. Where the session goes on, a query behind it is answered. */
const welcomed = startup({ user: "postgres", database: "postgres" });
const hello = Buffer.from("16030100050100000100", "hex");
const fatal = [
  ["a first packet that is too short", bytes(0, 0, 0, 4), "08P01", "startup_length"],
  ["a first packet that is too long", message("", 196608, Buffer.alloc(20000, 97)), "08P01", "startup_length"],
  ["another version", message("", 131072, bytes(0)), "0A000", "version"],
  ["a startup message without its end", message("", 196608, "user", Buffer.from("postgres")), "08P01", "startup_layout"],
  ["two users", message("", 196608, "user", "postgres", "user", "other", bytes(0)), "08P01", "startup_repeated"],
  ["HTTP", Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "08P01", "startup_length"],
];
const broken = [
  ["a type that does not exist", message("y", "x"), "08P01", "type"],
  ["a server's message", message("Z", bytes(0x49)), "08P01", "type"],
  ["a password behind the login", message("p", "x"), "08P01", "unexpected"],
  ["a length below its own four bytes", Buffer.concat([Buffer.from("Q"), bytes(0, 0, 0, 3)]), "08P01", "length"],
  ["a length beyond all", Buffer.concat([Buffer.from("Q"), bytes(0x7f, 0xff, 0xff, 0xff)]), "08P01", "length"],
  ["a negative length", Buffer.concat([Buffer.from("P"), bytes(0xff, 0xff, 0xff, 0xff)]), "08P01", "length"],
  ["a Sync that brings something", message("S", "x"), "08P01", "length"],
  ["a statement that is longer than may be collected", Buffer.concat([Buffer.from("Q"), bytes(0x30, 0, 0, 0)]), "54000", "message_too_long"],
];
const answered = [
  ["a statement without its zero byte", message("Q", Buffer.from("SELECT 1")), "08P01", "text"],
  ["a statement with a zero byte in it", message("Q", "SELECT 1\0; DROP TABLE kept"), "08P01", "text"],
  ["more parameter types than there are", Buffer.concat([message("P", "", "SELECT 1", short(9)), sync]), "08P01", "count"],
  ["a negative number of values", Buffer.concat([message("B", "", "", short(0), short(-1), short(0)), sync]), "08P01", "count"],
  ["a value that is longer than its message", Buffer.concat([message("B", "", "", short(0), short(1), 100, Buffer.from("a"), short(0)), sync]), "08P01", "count"],
  ["a format that does not exist", Buffer.concat([message("B", "", "", short(1), short(7), short(1), 1, Buffer.from("a"), short(0)), sync]), "08P01", "format"],
  ["a Describe of what is neither", Buffer.concat([message("D", Buffer.from("X"), ""), sync]), "08P01", "target"],
  ["a name that is ours", Buffer.concat([parse("refused by Sallyport: x", "SELECT 1"), sync]), "42939", "reserved_name"],
];
const disorder = [
  ["an Execute of nothing", Buffer.concat([execute(""), sync]), "34000"],
  ["a Bind of nothing", Buffer.concat([bind("", "nothing"), sync]), "26000"],
  ["rows of no COPY", Buffer.concat([message("d", Buffer.from("1\n")), message("c"), query("SELECT 1/0")]), "22012"],
];

test("what is no protocol", { timeout: 58000 }, async (t) => {
  const { server, gate } = await guarded(t, { login: "trust" });
  const open = (t2, first) => {
    const c = connect(gate.port);
    t2.after(() => c.socket.destroy());
    c.socket.write(first);
    return c;
  };
  const loggedIn = async (t2) => {
    const c = open(t2, welcomed);
    await c.until((at) => at.back.endsWith("Z\0\0\0\x05I"));
    c.at.back = "";
    return c;
  };
  const told = (anomaly) => gate.told((e) => e.sallyport?.anomaly === anomaly && e.sallyport.verdict === "refuse");
  const closes = async (c, code, anomaly) => {
    const back = await c.until((at) => at.ended);
    assert.match(back, new RegExp(`SFATAL\0VFATAL\0C${code}\0Mrefused by Sallyport: ${anomaly}\0\0$`));
    await told(anomaly);
  };
  const goesOn = async (c) => {
    c.at.back = "";
    c.socket.write(query("SELECT 6*7 AS answer"));
    assert.match(await c.until((at) => at.back.endsWith("Z\0\0\0\x05I")), /answer.*\x0242C\0\0\0\rSELECT 1\0Z/s);
  };

  for (const [what, sent, code, anomaly] of fatal) await t.test(what, (t2) => closes(open(t2, sent), code, anomaly));
  for (const [what, sent, code, anomaly] of broken)
    await t.test(what, async (t2) => {
      const c = await loggedIn(t2);
      c.socket.write(sent);
      await closes(c, code, anomaly);
    });
  for (const [what, sent, code, anomaly] of [...answered, ...disorder])
    await t.test(what, async (t2) => {
      const c = await loggedIn(t2);
      c.socket.write(sent);
      const back = await c.until((at) => at.back.endsWith("Z\0\0\0\x05I"));
      assert.match(back, new RegExp(`^E.{4}SERROR\0VERROR\0C${code}\0M${anomaly ? `refused by Sallyport: ${anomaly}\0\0` : ""}`, "s"));
      if (anomaly) await told(anomaly);
      await goesOn(c);
    });

  await t.test("TLS without asking", async (t2) => {
    const c = open(t2, hello);
    assert.equal(await c.until((at) => at.ended), "");
    await told("direct_tls");
  });

  await t.test("a request for TLS, and the startup message right behind it", async (t2) => {
    const c = open(t2, requestTls);
    await c.until((at) => at.back === "N");
    c.socket.write(welcomed);
    await c.until((at) => at.back.endsWith("Z\0\0\0\x05I"));
    await goesOn(c);
  });

  await t.test("clients that leave in the middle of a message leave nothing at the server", async (t2) => {
    const whole = [welcomed, query("SELECT 'x' || repeat('y', 100)"), parse("a", "SELECT $1"), bind("", "a", "b"), sync];
    const all = Buffer.concat(whole);
    for (let cut = 1; cut < all.length; cut += 7) {
      const c = open(t2, all.subarray(0, cut));
      c.socket.end();
    }
    await until("no session is left", async () => (await psql(server.port, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")) === "0\n");
    await goesOn(await loggedIn(t2));
  });

  await t.test("byte by byte", async (t2) => {
    const c = await loggedIn(t2);
    for (const byte of Buffer.concat([query("SELECT * FROM secrets"), query("SELECT 1 AS one")])) c.socket.write(bytes(byte));
    assert.match(await c.until((at) => at.back.split("Z\0\0\0\x05I").length === 3), /C42501\0Mrefused by Sallyport: no-secrets\0.*one.*\x011C/s);
  });
});
