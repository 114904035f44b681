// SPDX-License-Identifier: Apache-2.0
// pg (node-postgres) with its cursors and COPY streams: all that it asks of a server.
import { once } from "node:events";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import pg from "pg";
import copy from "pg-copy-streams";
import Cursor from "pg-cursor";
import { noise, texts, transcript } from "./transcript.mjs";

const rows = (result) => (Array.isArray(result) ? result.map(rows) : { command: result.command, count: result.rowCount, rows: result.rows, types: result.fields?.map((f) => f.dataTypeID) });
const MANY = 300; // of what is repeated

async function connected(at, more = {}) {
  const client = new pg.Client({ host: "127.0.0.1", ...at, ...more });
  client.on("error", () => {});
  await client.connect();
  return client;
}

/** What the server said of the transaction when it was ready again: an error comes before that. */
export async function status(client) {
  while (!client.readyForQuery) await new Promise(setImmediate);
  return client.getTransactionStatus();
}

/* Type, and its values as the server reads them. */
const types = {
  bool: [true, false], int2: [-32768, 32767], int4: [-2147483648, 2147483647], int8: ["-9223372036854775808", "9223372036854775807"], oid: [4294967295],
  numeric: ["0", "-1.50", "NaN", "Infinity", `${"9".repeat(500)}.${"1".repeat(200)}`, "1e-100"], float4: [1.5, "-Infinity", "3.4e38"], float8: [0.1, "NaN", 1.7976931348623157e308, 5e-324, -0],
  money: ["$1.50"], text: texts, varchar: texts, "char(5)": ["ab"], '"char"': ["x"], name: ["n"],
  bytea: [Buffer.alloc(0), Buffer.from([...Array(256).keys()]), noise(100000)],
  date: ["2024-02-29", "0044-03-15 BC", "infinity"], time: ["23:59:59.999999"], timetz: ["12:00:00+05:30"], timestamp: ["2024-12-31 23:59:59.999999", "-infinity"],
  timestamptz: [new Date(0), new Date("9999-12-31T23:59:59.999Z"), "2024-06-01 12:00:00+02"], interval: ["1 year 2 mons 3 days 04:05:06.789", "-00:00:01"],
  uuid: ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"], inet: ["192.168.0.1/24", "::1"], cidr: ["10.0.0.0/8"], macaddr: ["08:00:2b:01:02:03"],
  json: ['{"a": [1, 2.50, null, "\\u00e9"]}', "null"], jsonb: [{ a: { b: [1, "ü", null, true] } }, "[]"], xml: ["<a b='c'>d</a>"],
  point: ["(1.5,-2)"], box: ["(1,1),(0,0)"], polygon: ["((0,0),(1,1),(1,0))"], circle: ["<(1,2),3>"], bit: ["1"], "bit(5)": ["10101"], varbit: ["1011"],
  tsvector: ["'cat':1 'fat':2"], tsquery: ["'fat' & 'cat'"], int4range: ["[1,10)"], tstzrange: ["[2020-01-01 00:00+00,)"], int4multirange: ["{[1,3),[5,7)}"],
  "int4[]": [[1, null, 3], [], [[1, 2], [3, 4]]], "text[]": [texts.slice(0, 12), ["NULL", null, "a,b", '"']], "bytea[]": [[Buffer.from("a\0b")]], "timestamptz[]": [[new Date(0)]], "jsonb[]": ['{"{\\"a\\": 1}"}'],
  mood: ["happy"], pair: ["(1,\"a b\")"], regclass: ["pg_class"], pg_lsn: ["16/B374D848"], void: [""],
};

async function values(client, { asks }) {
  await client.query("CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TYPE pair AS (n int, t text)");
  for (const [type, list] of Object.entries(types))
    for (const value of [...list, null]) {
      const own = ["mood", "pair"].includes(type);
      const result = async (more) => {
        const { rows: [row], fields } = await client.query({ text: `SELECT $1::${type} AS v, $1::${type}::text AS t`, values: [value], ...more });
        return own ? row : [row, fields.map((f) => f.dataTypeID)];
      };
      await asks(`${type}`, () => result({}));
      if (!type.endsWith("[]")) await asks(`${type}, binary`, () => result({ binary: true })); // of arrays it makes nothing, slowly
    }
}

async function errors(client, { asks, note }) {
  await client.query(`CREATE TABLE parent (id int PRIMARY KEY, name text NOT NULL UNIQUE, age int CHECK (age > 0));
    CREATE TABLE child (id serial PRIMARY KEY, parent int REFERENCES parent DEFERRABLE INITIALLY DEFERRED); INSERT INTO parent VALUES (1, 'one', 1)`);
  const failing = ["SELEC 1", "SELECT * FROM nothing", "SELECT nothing FROM parent", "SELECT nothing(1)", "SELECT 1/0", "SELECT 'x'::int", "SELECT 'a' || ", "SELECT 'open", 'SELECT "öpen',
    "INSERT INTO parent VALUES (1, 'two', 1)", "INSERT INTO parent VALUES (2, 'one', 1)", "INSERT INTO parent VALUES (2, NULL, 1)", "INSERT INTO parent VALUES (2, 'two', -1)", "INSERT INTO child (parent) VALUES (99)",
    "DO $$ BEGIN RAISE EXCEPTION 'own %', 'words' USING ERRCODE = 'U0001', DETAIL = 'the detail', HINT = 'the hint', COLUMN = 'c', CONSTRAINT = 'k', DATATYPE = 'd', TABLE = 't', SCHEMA = 's'; END $$",
    "DO $$ BEGIN PERFORM 1/0; END $$", "SELECT set_config('nothing', 'x', false)", "SET client_encoding = 'nothing'", "SELECT pg_advisory_unlock(1, 2, 3)", "PREPARE p AS SELECT $1::int; EXECUTE p('x')", "CREATE DATABASE template1",
    "SELECT chr(0)", "SELECT repeat('x', 2000000000)", "LOCK TABLE parent", "VACUUM; SELECT 1", ""];
  for (const text of failing) {
    await asks(text, async () => rows(await client.query(text)));
    await asks(`extended ${text}`, async () => rows(await client.query({ text, values: [], queryMode: "extended" })));
  }
  await asks("a value that does not fit", () => client.query("SELECT $1::int", ["abc"]));
  await asks("too few values", () => client.query("SELECT $1::int + $2::int", [1]));
  await asks("multiple statements, the second one fails", () => client.query("INSERT INTO parent VALUES (5, 'five', 5); SELECT 1/0; SELECT 2"));
  await asks("nothing of it stayed", async () => rows(await client.query("SELECT count(*) FROM parent")));
  const told = [];
  client.on("notice", (n) => told.push(n));
  await client.query("DROP TABLE IF EXISTS nothing; DO $$ BEGIN FOR i IN 1..20 LOOP RAISE NOTICE 'n %', i USING DETAIL = 'd'; END LOOP; RAISE WARNING 'grüße'; END $$");
  client.removeAllListeners("notice");
  note("notices", told);
}

async function transactions(client, at, { asks }) {
  await client.query("CREATE TABLE t (n int)");
  const count = () => asks("count", async () => (await client.query("SELECT count(*), now() = statement_timestamp() AS outside FROM t")).rows);
  for (const text of ["BEGIN", "INSERT INTO t VALUES (1)", "ROLLBACK", "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY", "INSERT INTO t VALUES (2)", "SELECT 1", "COMMIT", "BEGIN", "INSERT INTO t VALUES (3)", "SAVEPOINT s",
    "INSERT INTO nothing VALUES (1)", "SELECT 1", "ROLLBACK TO s", "INSERT INTO t VALUES (4)", "RELEASE s", "COMMIT", "COMMIT", "BEGIN", "BEGIN", "ROLLBACK", "BEGIN; INSERT INTO t VALUES (5); COMMIT; SELECT 1/0", "BEGIN",
    "INSERT INTO t VALUES (6)", "PREPARE TRANSACTION 'two'", "ROLLBACK PREPARED 'two'"]) {
    await asks(text, async () => rows(await client.query(text)));
    await asks("status", () => status(client));
  }
  await count();
  const other = await connected(at);
  await client.query("BEGIN; LOCK TABLE t");
  await asks("lock timeout", () => other.query("SET lock_timeout = 50; SELECT * FROM t"));
  await client.query("ROLLBACK");
  await other.end();
}

async function prepared(client, { asks, note }) {
  let sum = 0;
  for (let i = 0; i < MANY; i++) sum += (await client.query({ name: `s${i % 50}`, text: `SELECT $1::int + ${i % 50} AS n`, values: [i] })).rows[0].n;
  note("sum of prepared ones", sum);
  await asks("array rows", async () => (await client.query({ name: "arrays", text: "SELECT 1 AS a, 2 AS a", rowMode: "array" })).rows);
  await client.query("CREATE TABLE shape (a int)");
  await client.query({ name: "shape", text: "SELECT * FROM shape" });
  await client.query("ALTER TABLE shape ADD b text");
  await asks("a plan that changed its result", () => client.query({ name: "shape", text: "SELECT * FROM shape" }));
  await client.query("DEALLOCATE ALL");
  await asks("a statement that has gone", () => client.query({ name: "arrays", text: "SELECT 1 AS a, 2 AS a" }));
  await client.query("PREPARE mine (int) AS SELECT $1 * 2 AS n");
  await asks("EXECUTE", async () => rows(await client.query("EXECUTE mine(21)")));
  await asks("500 parameters", async () => rows(await client.query(`SELECT ${Array.from({ length: 500 }, (_, i) => `$${i + 1}::int`).join("+")} AS n`, Array(500).fill(2))));
  await asks("rows at a time", async () => rows(await client.query({ text: "SELECT generate_series(1, 1000) AS n", rows: 7 })));
  await client.query("SET standard_conforming_strings = off; SET escape_string_warning = off");
  await asks("backslashes that escape", async () => rows(await client.query("SELECT 'a\\'b\\n' AS v")));
  await asks("and prepared", async () => rows(await client.query({ text: "SELECT 'a\\'b\\n' || $1 AS v", values: ["\\'"] })));
  await client.query("RESET ALL");
}

async function long(client, { asks }) {
  const big = noise(6 << 20).toString("base64");
  await asks("8 MiB there and back", async () => (await client.query("SELECT $1::text AS v, length($1::text) AS n", [big])).rows);
  await asks("8 MiB in a statement", async () => (await client.query(`SELECT '${big}' AS v`)).rows);
  await asks("8 MiB of bytes", async () => (await client.query("SELECT $1::bytea AS v", [noise(8 << 20)])).rows);
  await asks("32 MiB in one value", async () => (await client.query("SELECT repeat('0123456789abcdef', 2097152) AS v")).rows);
  await asks("200,000 rows", async () => (await client.query({ text: "SELECT i, i::text AS t, md5(i::text) AS m FROM generate_series(1, 200000) i", rowMode: "array" })).rows.flat().join());
  await asks("1,000 columns", async () => (await client.query(`SELECT ${Array.from({ length: 1000 }, (_, i) => `${i} AS c${i}`).join()}`)).rows);
  await asks("no column", async () => rows(await client.query("SELECT FROM generate_series(1, 3)")));
}

async function cursors(client, { asks, note }) {
  const cursor = client.query(new Cursor("SELECT i FROM generate_series(1, $1::int) i", [1000]));
  for (const n of [1, 10, 500, 1000, 5]) note(`cursor, ${n}`, await cursor.read(n));
  await cursor.close();
  const left = client.query(new Cursor("SELECT i, repeat('x', 1000) FROM generate_series(1, 100000) i"));
  note("cursor that is left", (await left.read(3)).length);
  await left.close();
  const wrong = client.query(new Cursor("SELECT 10 / (3 - i) AS q FROM generate_series(1, 5) i"));
  await asks("cursor", () => wrong.read(2));
  await asks("cursor that fails later", () => wrong.read(2));
  await client.query("BEGIN; DECLARE c SCROLL CURSOR FOR SELECT generate_series(1, 100) AS n");
  for (const text of ["FETCH 3 FROM c", "FETCH LAST FROM c", "MOVE BACKWARD 10 FROM c", "FETCH PRIOR FROM c", "CLOSE c", "COMMIT"]) await asks(text, async () => rows(await client.query(text)));
}

async function copies(client, { asks, note }) {
  await client.query("CREATE TABLE c (n int, t text)");
  const into = (text, pieces) => pipeline(Readable.from(pieces), client.query(copy.from(text)));
  const lines = function* () {
    for (let i = 0; i < 200; i++) yield Array.from({ length: 1000 }, (_, j) => `${i * 1000 + j}\t${"y".repeat(j % 100)}\\t\u00fc\n`).join("");
  };
  await asks("COPY in", () => into("COPY c FROM STDIN", lines()));
  await asks("what came", async () => rows(await client.query("SELECT count(*), sum(n), sum(length(t)) FROM c")));
  await asks("COPY of nothing", () => into("COPY c FROM STDIN", []));
  await asks("COPY that fails", () => into("COPY c FROM STDIN", ["1\ta\n", "x\tb\n", ...lines()]));
  await asks("COPY with too many columns", () => into("COPY c FROM STDIN (FORMAT csv, HEADER)", ["n,t\n", "1,a,b\n"]));
  await asks("COPY into nothing", () => into("COPY nothing FROM STDIN", ["1\n"]));
  await asks("COPY that the client gives up", async () => {
    const stream = client.query(copy.from("COPY c FROM STDIN"));
    stream.write("1\ta\n");
    const ended = once(stream, "error").catch((error) => [error]);
    stream.destroy(new Error("had enough"));
    return (await ended)[0];
  });
  const outOf = async (text) => {
    const pieces = [];
    for await (const piece of client.query(copy.to(text))) pieces.push(piece);
    return Buffer.concat(pieces);
  };
  await asks("COPY out", () => outOf("COPY (SELECT * FROM c ORDER BY n) TO STDOUT"));
  await asks("COPY out, binary", () => outOf("COPY (SELECT * FROM c ORDER BY n) TO STDOUT (FORMAT binary)"));
  await asks("COPY out that fails", () => outOf("COPY (SELECT 10 / (500 - i) FROM generate_series(1, 1000) i) TO STDOUT"));
  await asks("COPY out of nothing", () => outOf("COPY nothing TO STDOUT"));
  const binary = await outOf("COPY (SELECT n, t FROM c WHERE n < 1000 ORDER BY n) TO STDOUT (FORMAT binary)");
  await asks("COPY in, binary", () => into("COPY c FROM STDIN (FORMAT binary)", [binary.subarray(0, 7), binary.subarray(7)]));
  note("then", rows(await client.query("SELECT count(*) FROM c")));
}

async function cancelling(client, at, { asks }) {
  const cancelled = async (text) => {
    const running = client.query(text);
    running.catch(() => {}); // heard below
    await new Promise((done) => setTimeout(done, 300));
    await new Promise((done) => {
      const killer = new pg.Client({ host: "127.0.0.1", ...at }).connection;
      killer.on("connect", () => killer.cancel(client.processID, client.secretKey)).on("end", done).on("error", done);
      killer.connect(at.port, "127.0.0.1");
    });
    return running;
  };
  await asks("cancel", () => cancelled("SELECT pg_sleep(30)"));
  await asks("cancel in a transaction", () => cancelled("BEGIN; SELECT pg_sleep(30)"));
  await asks("status", () => status(client));
  await asks("rollback", async () => rows(await client.query("ROLLBACK")));
  await asks("statement_timeout", () => client.query("SET statement_timeout = 50; SELECT pg_sleep(30)"));
  await client.query("RESET statement_timeout");
  await asks("pg_cancel_backend", () => client.query("SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(30)"));
}

async function notifications(client, at, { note }) {
  const other = await connected(at), heard = [];
  let done;
  const all = new Promise((ready) => (done = ready));
  client.on("notification", ({ channel, payload }) => {
    heard.push({ channel, payload });
    if (payload === "last") done();
  });
  await client.query('LISTEN jobs; LISTEN "Ünï"');
  for (const payload of ["", "one", "ü".repeat(3000), "{}"]) await other.query("SELECT pg_notify('jobs', $1)", [payload]);
  await other.query("BEGIN; NOTIFY jobs, 'never'; ROLLBACK; NOTIFY \"Ünï\", 'x'");
  for (let i = 0; i < MANY; i++) await other.query(`NOTIFY jobs, '${i}'`);
  await other.query("NOTIFY jobs, 'last'");
  await all;
  await client.query("UNLISTEN *");
  note("heard", heard);
  await other.end();
}

async function pipelined(at, { asks, note }) {
  const client = await connected(at, { pipeline: true });
  const results = await Promise.allSettled(Array.from({ length: MANY }, (_, i) => client.query(i % 10 === 7 ? { text: "SELECT 1 / $1::int AS n", values: [0] } : { text: `SELECT $1::int + ${i % 5} AS n`, name: `p${i % 5}`, values: [i] })));
  note("pipelined", results.map((r) => r.value?.rows[0].n ?? r.reason.code));
  await asks("then", async () => rows(await client.query("SELECT 1 AS one")));
  await client.end();
  const queued = await connected(at);
  note("queued", (await Promise.all(Array.from({ length: MANY }, (_, i) => queued.query(`SELECT ${i} AS n`)))).map((r) => r.rows[0].n));
  await queued.end();
}

async function logins(at, { asks }) {
  await asks("wrong password", () => connected(at, { password: "wrong" }));
  await asks("no such user", () => connected(at, { user: "nobody-here" }));
  await asks("no such database", () => connected(at, { database: "nothing" }));
  await asks("a setting that is none", () => connected(at, { options: "-c nothing_of_this=1" }));
  await asks("TLS that is not there", () => connected(at, { ssl: { rejectUnauthorized: false } }));
  await asks("settings", async () => {
    const client = await connected(at, { application_name: "surface Ü", options: "-c search_path=pg_catalog -c geqo=off", statement_timeout: 12345 });
    const result = await client.query("SELECT current_setting('application_name') a, current_setting('search_path') s, current_setting('geqo') g, current_setting('statement_timeout') t, current_user u, inet_client_addr()::text i");
    await client.end();
    return result.rows;
  });
}

async function dropped(at, { asks, note }) {
  const admin = await connected(at), client = await connected(at);
  const failed = once(client, "error"), ended = new Promise((done) => client.once("end", done));
  await admin.query("SELECT pg_terminate_backend($1)", [client.processID]);
  note("terminated while idle", (await failed)[0]);
  await ended;
  await asks("then", () => client.query("SELECT 1"));
  const busy = await connected(at);
  const running = asks("terminated at work", () => busy.query("SELECT pg_sleep(30)"));
  await new Promise((done) => setTimeout(done, 300));
  await admin.query("SELECT pg_terminate_backend($1)", [busy.processID]);
  await running;
  const pool = new pg.Pool({ host: "127.0.0.1", ...at, max: 3 });
  pool.on("error", (error) => note("pool", error.code));
  const { rows: [{ pid }] } = await pool.query("SELECT pg_backend_pid() AS pid");
  const lost = once(pool, "error");
  await admin.query("SELECT pg_terminate_backend($1)", [pid]);
  await lost;
  await asks("the pool has another one", async () => (await pool.query("SELECT 1 AS one")).rows);
  await asks("30 at once", async () => (await Promise.all(Array.from({ length: 30 }, (_, i) => pool.query("SELECT $1::int AS n", [i])))).map((r) => r.rows[0].n));
  await pool.end();
  await admin.end();
}

export default async function surface(at, log = transcript()) {
  const client = new pg.Client({ host: "127.0.0.1", ...at }), settings = [];
  client.on("error", (error) => log.note("error", error));
  client.connection.on("parameterStatus", ({ parameterName, parameterValue }) => settings.push([parameterName, parameterValue]));
  await client.connect();
  log.note("settings", settings);
  await values(client, log);
  await errors(client, log);
  await transactions(client, at, log);
  await prepared(client, log);
  await long(client, log);
  await cursors(client, log);
  await copies(client, log);
  await cancelling(client, at, log);
  await notifications(client, at, log);
  await pipelined(at, log);
  await logins(at, log);
  await dropped(at, log);
  await client.end();
  return log.lines;
}
