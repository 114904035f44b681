// SPDX-License-Identifier: Apache-2.0
// postgres (Postgres.js), which prepares every statement and pipelines: all that it asks of a server.
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import postgres from "postgres";
import { noise, texts, transcript } from "./transcript.mjs";

const MANY = 300; // of what is repeated
const open = (at, more = {}) => postgres({ host: "127.0.0.1", port: at.port, user: at.user, password: at.password, database: at.database, max: 1, onnotice: () => {}, ...more });
const rows = (result) => ({ command: result.command, count: result.count, rows: [...result], types: result.columns?.map((c) => c.type) });

const types = {
  bool: [true, false], int2: [-32768], int4: [-2147483648, 2147483647], int8: ["-9223372036854775808", "9223372036854775807"], numeric: [`${"9".repeat(500)}.5`, "NaN"], float4: [1.5], float8: [0.1, 1.7976931348623157e308],
  text: texts, bytea: [Buffer.alloc(0), Buffer.from([...Array(256).keys()]), noise(100000)], date: [new Date(0), "2024-02-29"], time: ["23:59:59.999999"], timestamp: [new Date(86400000)],
  timestamptz: [new Date("9999-12-31T23:59:59.999Z")], interval: ["1 year 2 mons 3 days 04:05:06.789"], uuid: ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"], inet: ["::1"], xml: ["<a/>"], point: ["(1.5,-2)"], varbit: ["1011"],
  tsvector: ["'cat':1 'fat':2"], int4range: ["[1,10)"], money: ["$1.50"], mood: ["happy"], pair: ['(1,"a b")'],
};

async function values(sql, { asks }) {
  await sql`CREATE TYPE mood AS ENUM ('sad', 'happy')`;
  await sql`CREATE TYPE pair AS (n int, t text)`;
  for (const [type, list] of Object.entries(types))
    for (const value of [...list, null]) await asks(type, async () => [...(await sql`SELECT ${value}::${sql.unsafe(type)} AS v, (${value}::${sql.unsafe(type)})::text AS t`)]);
  await asks("json", async () => [...(await sql`SELECT ${sql.json({ a: [1, "ü", null], b: { c: "\\" } })}::jsonb AS v, ${sql.json([1.5])}::json AS w`)]);
  await asks("arrays", async () => [...(await sql`SELECT ${sql.array([1, 2, 3])}::int[] AS a, ${sql.array(texts.slice(0, 12))}::text[] AS b, ${sql.array([[1, 2], [3, 4]])}::int[] AS c, ARRAY[NULL, 'x', 'a,b"'] AS d`)]);
  await asks("dates", async () => [...(await sql`SELECT ${sql.array([new Date(0)])}::timestamptz[] AS a, 'infinity'::date AS b`)]);
  await asks("raw", async () => [...(await sql`SELECT 1 AS a, 'ü' AS b, NULL AS c`.raw())]);
  await asks("values", async () => [...(await sql`SELECT 1 AS a, 2 AS a`.values())]);
  await sql`CREATE TABLE people (id int PRIMARY KEY, name text, tags text[])`;
  const people = Array.from({ length: 500 }, (_, id) => ({ id, name: texts[id % 12], tags: ["a", `${id}`] }));
  await asks("many rows", async () => rows(await sql`INSERT INTO people ${sql(people, "id", "name", "tags")} RETURNING id`));
  await asks("IN", async () => rows(await sql`SELECT id, name FROM people WHERE id IN ${sql([1, 2, 3])} ORDER BY id`));
  await asks("update", async () => rows(await sql`UPDATE people SET ${sql({ name: "n'ew", id: 1000 }, "name", "id")} WHERE id = 1`));
}

async function errors(sql, at, { asks, note }) {
  await sql.unsafe("CREATE TABLE parent (id int PRIMARY KEY, name text NOT NULL UNIQUE CHECK (name <> '')); INSERT INTO parent VALUES (1, 'one')");
  for (const text of ["SELEC 1", "SELECT * FROM nothing", "SELECT nothing FROM parent", "SELECT 1/0", "SELECT 'open", "INSERT INTO parent VALUES (1, 'two')", "INSERT INTO parent VALUES (2, 'one')", "INSERT INTO parent VALUES (2, NULL)",
    "INSERT INTO parent VALUES (2, '')", "DO $$ BEGIN RAISE EXCEPTION 'own %', 'words' USING ERRCODE = 'U0001', DETAIL = 'the detail', HINT = 'the hint'; END $$", "SELECT 1; SELECT 1/0; SELECT 2", "SELECT 1; SELECT 2", ""]) {
    await asks(`simple ${text}`, async () => ((r) => (Array.isArray(r[0]) ? r.map(rows) : rows(r)))(await sql.unsafe(text)));
    await asks(`extended ${text}`, async () => rows(await sql.unsafe(text, [], { prepare: true })));
  }
  await asks("a value that does not fit", () => sql`SELECT ${"abc"}::int`);
  await asks("an undefined value", () => sql`SELECT ${undefined}::int`);
  const told = [];
  const other = open(at, { onnotice: (n) => told.push(n) });
  await other`DROP TABLE IF EXISTS nothing`;
  await other.unsafe("DO $$ BEGIN RAISE WARNING 'grüße' USING HINT = 'h'; END $$");
  await other.end();
  note("notices", told);
}

async function transactions(sql, { asks }) {
  await sql`CREATE TABLE t (n int)`;
  await asks("commit", () => sql.begin((tx) => [tx`INSERT INTO t VALUES (1)`, tx`INSERT INTO t VALUES (2)`].map((q) => q.then(rows))));
  await asks("rollback by a fault", () => sql.begin(async (tx) => {
    await tx`INSERT INTO t VALUES (3)`;
    throw new Error("own");
  }));
  await asks("rollback by the server", () => sql.begin(async (tx) => {
    await tx`INSERT INTO t VALUES (4)`;
    await tx`SELECT 1/0`;
  }));
  await asks("a failed transaction goes on failing", () => sql.begin(async (tx) => {
    await tx`SELECT 1/0`.catch(() => {});
    await tx`INSERT INTO t VALUES (5)`;
  }));
  await asks("savepoint", () => sql.begin("read write", async (tx) => {
    await tx`INSERT INTO t VALUES (6)`;
    await tx.savepoint(async (inner) => {
      await inner`INSERT INTO t VALUES (7)`;
      await inner`SELECT * FROM nothing`;
    }).catch(() => {});
    return rows(await tx`SELECT n FROM t ORDER BY n`);
  }));
  await asks("read only", () => sql.begin("read only", (tx) => tx`INSERT INTO t VALUES (8)`));
  await asks("what stayed", async () => rows(await sql`SELECT n FROM t ORDER BY n`));
}

async function statements(sql, { asks, note }) {
  note("repeated", (await Promise.all(Array.from({ length: MANY }, (_, i) => sql`SELECT ${i}::int * 2 AS n`))).map((r) => r[0].n));
  const mixed = await Promise.allSettled(Array.from({ length: MANY }, (_, i) => (i % 10 === 7 ? sql`SELECT 1 / ${0}::int AS n` : sql`SELECT ${i}::int + ${sql.unsafe(`${i % 20}`)} AS n`)));
  note("pipelined with failures", mixed.map((r) => r.value?.[0].n ?? r.reason.code));
  await asks("describe", async () => (({ types, columns }) => ({ types, columns: columns.map(({ name, type }) => ({ name, type })) }))(await sql`SELECT ${1}::int AS a, 'x'::text AS b`.describe()));
  await sql`CREATE TABLE shape (a int)`;
  await sql`SELECT * FROM shape`;
  await sql`ALTER TABLE shape ADD b text`;
  await asks("a plan that changed its result", async () => rows(await sql`SELECT * FROM shape`));
  await asks("simple", async () => rows(await sql`SELECT 'a' AS b`.simple()));
  await asks("several", async () => (await sql`SELECT 1 AS a; SELECT 2 AS b, 3 AS c`.simple()).map(rows));
  await asks("fetch_types", async () => [...(await sql`SELECT ARRAY['sad', 'happy']::mood[] AS v`)]);
  const big = noise(6 << 20).toString("base64");
  await asks("8 MiB there and back", async () => [...(await sql`SELECT ${big}::text AS v`)]);
  await asks("8 MiB of bytes", async () => [...(await sql`SELECT ${noise(8 << 20)}::bytea AS v`)]);
  await asks("8 MiB in a statement", async () => [...(await sql.unsafe(`SELECT '${big}' AS v`))]);
  await asks("32 MiB in one value", async () => [...(await sql`SELECT repeat('0123456789abcdef', 2097152) AS v`)]);
  await asks("200,000 rows", async () => (await sql`SELECT i, md5(i::text) AS m FROM generate_series(1, 200000) i`.values()).flat().join());
}

async function cursors(sql, { asks, note }) {
  const seen = [];
  await sql`SELECT i FROM generate_series(1, 1000) i`.cursor(300, (part) => void seen.push([part.length, part[0].i]));
  note("cursor", seen);
  const some = [];
  for await (const part of sql`SELECT i FROM generate_series(1, 100) i`.cursor(10)) {
    some.push(part[0].i);
    if (some.length === 3) break;
  }
  note("cursor that is left", some);
  await asks("cursor that fails later", () => sql`SELECT 10 / (15 - i) AS q FROM generate_series(1, 100) i`.cursor(10, () => {}));
  let sum = 0;
  await sql`SELECT i FROM generate_series(1, 50000) i`.forEach((row) => void (sum += row.i));
  note("forEach", sum);
}

async function copies(sql, { asks, note }) {
  await sql`CREATE TABLE c (n int, t text)`;
  const into = async (query, pieces) => pipeline(Readable.from(pieces), await query.writable());
  const lines = function* () {
    for (let i = 0; i < 100; i++) yield Buffer.from(Array.from({ length: 1000 }, (_, j) => `${i * 1000 + j}\t${"y".repeat(j % 100)}\\t\u00fc\n`).join(""));
  };
  await asks("COPY in", () => into(sql`COPY c FROM STDIN`, lines()));
  note("what came", [...(await sql`SELECT count(*), sum(n), sum(length(t)) FROM c`)]);
  await asks("COPY out", async () => { // not more than a stream buffers: this driver does not go on after a longer one
    const pieces = [];
    for await (const piece of await sql`COPY (SELECT * FROM c WHERE n < 100 ORDER BY n) TO STDOUT`.readable()) pieces.push(piece);
    return Buffer.concat(pieces);
  });
  await asks("then", async () => rows(await sql`SELECT 1 AS one`));
}

async function cancelling(sql, { asks }) {
  await asks("cancel", async () => {
    const running = sql`SELECT pg_sleep(30)`;
    setTimeout(() => running.cancel(), 300);
    return running;
  });
  await asks("then", async () => rows(await sql`SELECT 1 AS one`));
  await asks("statement_timeout", () => sql.unsafe("SET statement_timeout = 50; SELECT pg_sleep(30)"));
  await sql`RESET statement_timeout`;
}

async function notifications(sql, { note }) {
  const heard = [];
  let done;
  const all = new Promise((ready) => (done = ready));
  const { unlisten } = await sql.listen("jobs", (payload) => (heard.push(payload), payload === "last" && done()));
  for (const payload of ["", "one", "ü".repeat(3000)]) await sql.notify("jobs", payload);
  await Promise.all(Array.from({ length: MANY }, (_, i) => sql.notify("jobs", `${i}`)));
  await sql.notify("jobs", "last");
  await all;
  await unlisten();
  note("heard", heard);
}

async function logins(at, { asks }) {
  const login = async (more) => {
    const sql = open(at, more);
    try {
      return [...(await sql`SELECT current_user AS u, current_setting('application_name') AS a, current_setting('geqo') AS g`)];
    } finally {
      await sql.end();
    }
  };
  await asks("settings", () => login({ connection: { application_name: "surface", geqo: "off" } }));
  await asks("wrong password", () => login({ password: "wrong" }));
  await asks("no such database", () => login({ database: "nothing" }));
  await asks("TLS where there is some", () => login({ ssl: "prefer" }));
}

async function dropped(at, { asks }) {
  let closed;
  const admin = open(at), sql = open(at, { onclose: () => closed() });
  const pid = async () => (await sql`SELECT pg_backend_pid() AS pid`)[0].pid;
  const terminate = async (id) => {
    const gone = new Promise((done) => (closed = done));
    await admin`SELECT pg_terminate_backend(${id})`;
    await gone;
  };
  await terminate(await pid());
  await asks("after a termination", async () => rows(await sql`SELECT 1 AS one`));
  const id = await pid();
  const working = asks("terminated at work", () => sql`SELECT pg_sleep(30)`);
  await new Promise((done) => setTimeout(done, 300));
  await terminate(id);
  await working;
  await asks("once more", async () => rows(await sql`SELECT 1 AS one`));
  const pool = open(at, { max: 5 });
  await asks("100 at once, of 5", async () => (await Promise.all(Array.from({ length: 100 }, (_, i) => pool`SELECT ${i}::int AS n, pg_sleep(0.001)`))).map((r) => r[0].n));
  await pool.end();
  await sql.end();
  await admin.end();
}

export default async function surface(at, log = transcript()) {
  const sql = open(at);
  await values(sql, log);
  await errors(sql, at, log);
  await transactions(sql, log);
  await statements(sql, log);
  await cursors(sql, log);
  await copies(sql, log);
  await cancelling(sql, log);
  await notifications(sql, log);
  await sql.end();
  await logins(at, log);
  await dropped(at, log);
  return log.lines;
}
