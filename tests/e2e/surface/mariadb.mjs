// SPDX-License-Identifier: Apache-2.0
// mariadb (MariaDB's own connector), which pipelines, prepares and executes in one go, and has the bulk protocol: all that it asks of a server.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import mariadb from "mariadb";
import { noise, texts, transcript } from "./transcript.mjs";

const MANY = 300; // of what is repeated
const settings = (at, more = {}) => ({ host: "127.0.0.1", port: at.port, user: at.user, password: at.password, database: at.database, multipleStatements: true, timezone: "Z", trace: false, ...more });
const open = async (at, more) => {
  const connection = await mariadb.createConnection(settings(at, more));
  connection.on("error", () => {});
  return connection;
};
/* Rows, and of which types. */
const told = (rows) => (Array.isArray(rows) ? { rows: rows.map((row) => (Array.isArray(row) && row.meta ? told(row) : row)), types: rows.meta?.map((m) => [m.name(), m.type, m.flags]) } : rows);
const inside = (connection) => ["transaction", connection.info.status & 1, "autocommit", (connection.info.status >> 1) & 1];

/* Type, and its values as the server reads them. */
const types = {
  "TINYINT UNSIGNED": [0, 255], BOOL: [true, false], SMALLINT: [-32768], MEDIUMINT: [8388607], INT: [-2147483648, 2147483647], BIGINT: [-9223372036854775808n, 9223372036854775807n], "BIGINT UNSIGNED": [18446744073709551615n],
  "DECIMAL(65,30)": [`${"9".repeat(35)}.${"1".repeat(30)}`], FLOAT: [1.5], DOUBLE: [0.1, 1.7976931348623157e308], "BIT(12)": [Buffer.from([0x0a, 0xbc])], "VARCHAR(6000)": texts, "CHAR(20)": ["ab"], LONGTEXT: ["ü".repeat(70000)],
  "BINARY(4)": [Buffer.from("a\0b")], "VARBINARY(300)": [Buffer.from([...Array(256).keys()])], LONGBLOB: [Buffer.alloc(0), noise(100000)], DATE: ["2024-02-29"], "TIME(6)": ["12:34:56.789012"], "DATETIME(6)": ["2024-06-01 12:00:00.123456", new Date(0)],
  TIMESTAMP: ["2024-06-01 12:00:00"], YEAR: [2024], "ENUM('a', 'ü')": ["ü"], "SET('a', 'b', 'c')": ["a,c"], JSON: [{ a: [1, null, "ü"] }], POINT: [{ type: "Point", coordinates: [1.5, -2] }], UUID: ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"], INET6: ["::1"],
};

async function values(connection, { asks }) {
  for (const [type, list] of Object.entries(types)) {
    await connection.query(`CREATE OR REPLACE TABLE v (id INT AUTO_INCREMENT PRIMARY KEY, v ${type})`);
    for (const value of [...list, null]) {
      await asks(`${type}, text`, () => connection.query("INSERT INTO v (v) VALUES (?)", [value]));
      await asks(`${type}, prepared`, () => connection.execute("INSERT INTO v (v) VALUES (?)", [value]));
    }
    await asks(`${type}, in bulk`, () => connection.batch("INSERT INTO v (v) VALUES (?)", [...list, null].map((value) => [value])));
    await asks(`${type}, read as text`, async () => told(await connection.query("SELECT v FROM v ORDER BY id")));
    await asks(`${type}, read prepared`, async () => told(await connection.execute("SELECT v FROM v ORDER BY id")));
  }
  await asks("rows as arrays", async () => told(await connection.query({ sql: "SELECT 1 AS a, 2 AS a", rowsAsArray: true })));
  await asks("placeholders by name", async () => told(await connection.query({ sql: "SELECT :a AS a, :b AS b", namedPlaceholders: true }, { a: 1, b: "x" })));
}

async function errors(connection, { asks }) {
  await connection.query("CREATE TABLE parent (id INT PRIMARY KEY, name VARCHAR(20) NOT NULL UNIQUE); INSERT INTO parent VALUES (1, 'one')");
  for (const text of ["SELEC 1", "SELECT * FROM nothing", "SELECT 'open", "SELECT 1/0 AS q", "INSERT INTO parent VALUES (1, 'two')", "INSERT INTO parent VALUES (2, NULL)", "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'own wörds', MYSQL_ERRNO = 30001", "USE nothing", "SHOW WARNINGS", "",
    "SELECT 1 AS a; SELECT nothing; SELECT 2", "SELECT 1 AS a; DO 1; SELECT 2 AS b", "INSERT INTO parent VALUES (7, 'seven') RETURNING id, name"]) {
    await asks(`text ${text}`, async () => told(await connection.query(text)));
    await asks(`prepared ${text}`, async () => told(await connection.execute(text)));
  }
  await asks("too few values", () => connection.execute("SELECT ? + ?", [1]));
  await asks("bulk that fails in the middle", () => connection.batch("INSERT INTO parent VALUES (?, ?)", [[10, "ten"], [11, "eleven"], [10, "again"], [12, "twelve"]]));
  await asks("what stayed of it", async () => told(await connection.query("SELECT * FROM parent ORDER BY id")));
  await connection.query("CREATE PROCEDURE many (IN n INT, OUT o INT) BEGIN SELECT n AS a; SELECT n + 1 AS b; SET o = n * 2; END");
  await asks("CALL", async () => told(await connection.query("CALL many(?, @o)", [3])));
  await asks("CALL, prepared", async () => told(await connection.execute("CALL many(?, ?)", [4, null])));
}

async function transactions(connection, { asks, note }) {
  await connection.query("CREATE TABLE t (n INT) ENGINE=InnoDB");
  await connection.beginTransaction();
  await connection.query("INSERT INTO t VALUES (1)");
  note("begun", inside(connection));
  await connection.rollback();
  note("rolled back", inside(connection));
  for (const text of ["START TRANSACTION READ ONLY", "INSERT INTO t VALUES (2)", "COMMIT", "BEGIN", "INSERT INTO t VALUES (3)", "INSERT INTO nothing VALUES (1)", "INSERT INTO t VALUES (4)", "COMMIT", "SET autocommit = 0", "INSERT INTO t VALUES (5)", "ROLLBACK", "SET autocommit = 1"]) {
    await asks(text, () => connection.query(text));
    note("then", inside(connection));
  }
  await asks("in the end", async () => told(await connection.query("SELECT n FROM t ORDER BY n")));
}

async function together(connection, at, { asks, note }) {
  const ways = [(i) => connection.query(`SELECT ${i} AS n`), (i) => connection.query("SELECT ? AS n", [i]), (i) => connection.execute("SELECT ? AS n", [i]), (i) => connection.execute(`SELECT ? + ${i % 30} AS n`, [i])];
  for (const [kind, way] of ways.entries()) note(`many at once, ${kind}`, (await Promise.all(Array.from({ length: MANY }, (_, i) => way(i)))).map(([row]) => row.n));
  const mixed = await Promise.allSettled(Array.from({ length: MANY }, (_, i) => (i % 10 === 7 ? connection[i % 20 === 7 ? "query" : "execute"](`SELECT nothing${i}`) : ways[i % 4](i))));
  note("some fail", mixed.map(({ value, reason }) => value?.[0].n ?? reason.code));
  const statement = await connection.prepare("SELECT ? AS a, ? AS b");
  for (const pair of [[1, "x"], [null, 1.5], ["ü", Buffer.from("b")], [new Date(0), true]]) await asks("execute", async () => told(await statement.execute(pair)));
  await asks("execute as a stream", async () => {
    const rows = [];
    for await (const row of statement.executeStream([1, 2])) rows.push(row);
    return rows;
  });
  statement.close();
  await asks("prepare that fails", () => connection.prepare("SELEC ?"));
  await connection.query("CREATE TABLE b (n INT, t VARCHAR(100), d DATETIME)");
  await asks("10,000 in bulk", () => connection.batch("INSERT INTO b VALUES (?, ?, ?)", Array.from({ length: 10000 }, (_, i) => [i, i % 3 ? `text ${i}` : null, new Date(i * 1000)])));
  await asks("one result for each", () => connection.batch({ sql: "UPDATE b SET t = ? WHERE n = ?", fullResult: true }, [["a", 1], ["b", 2], ["c", 99999]]));
  await asks("what came", async () => told(await connection.query("SELECT COUNT(*) AS c, SUM(n) AS s, COUNT(t) AS t, MAX(d) AS d FROM b")));
  await asks("ping", () => connection.ping());
  await asks("reset", () => connection.reset());
  await asks("another user", async () => {
    await connection.changeUser({ user: "root", password: at.password });
    return told(await connection.query("SELECT CURRENT_USER() AS u"));
  });
}

async function long(connection, { asks }) {
  const big = noise(6 << 20).toString("base64"), more = noise(18 << 20);
  await asks("8 MiB there and back", async () => told(await connection.query("SELECT ? AS v", [big])));
  await asks("8 MiB, prepared", async () => told(await connection.execute("SELECT ? AS v, LENGTH(?) AS n", [big, big])));
  await asks("18 MiB of bytes, prepared: more than a packet", async () => told(await connection.execute("SELECT MD5(?) AS m", [more])));
  await asks("18 MiB of bytes, as text", async () => told(await connection.query("SELECT ? AS v", [more])));
  for (const n of [-1, 0, 1]) await asks("a command at the edge of a packet", async () => told(await connection.query(`SELECT LENGTH('${"x".repeat((1 << 24) - 2 - "SELECT LENGTH('') AS n".length + n)}') AS n`)));
  await asks("32 MiB in one value", async () => told(await connection.query("SELECT REPEAT('0123456789abcdef', 2097152) AS v")));
  await asks("200,000 rows", async () => (await connection.query({ sql: "SELECT seq, MD5(seq) AS m FROM seq_1_to_200000", rowsAsArray: true })).join());
  await asks("streamed", async () => {
    let sum = 0;
    for await (const row of connection.queryStream("SELECT seq FROM seq_1_to_50000")) sum += Number(row.seq);
    return sum;
  });
}

async function files(at, { asks }) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-test-")), file = path.join(dir, "rows");
  fs.writeFileSync(file, Array.from({ length: 50000 }, (_, i) => `${i}\t${"y".repeat(i % 100)}\n`).join(""));
  const connection = await open(at, { permitLocalInfile: true });
  await connection.query("CREATE TABLE f (n INT, t TEXT)");
  await asks("LOAD DATA", () => connection.query(`LOAD DATA LOCAL INFILE '${file}' INTO TABLE f`));
  await asks("of a file that is not there", async () => connection.query("LOAD DATA LOCAL INFILE '/nothing/at/all' INTO TABLE f"));
  await asks("what came", async () => told(await connection.query("SELECT COUNT(*) AS c, SUM(n) AS s FROM f")));
  await connection.end();
  fs.rmSync(dir, { recursive: true });
}

async function logins(at, { asks }) {
  const login = async (more) => {
    const connection = await open(at, more);
    const result = told(await connection.query("SELECT CURRENT_USER() AS u, DATABASE() AS d, @@character_set_client AS c, @@sql_mode AS m"));
    await connection.end();
    return result;
  };
  await asks("root", () => login({ user: "root" }));
  await asks("wrong password", () => login({ password: "wrong" }));
  await asks("no such database", () => login({ database: "nothing" }));
  await asks("another character set", () => login({ charset: "latin1" }));
  await asks("settings", () => login({ sessionVariables: { sql_mode: "ANSI_QUOTES" }, connectAttributes: { who: "surface" }, initSql: "SET @x = 1" }));
  await asks("TLS that is not there", () => login({ ssl: { rejectUnauthorized: false } }));
  await asks("one after the other", () => login({ pipelining: false, bulk: false }));
  await asks("compression", () => login({ compress: true }));
}

async function dropped(at, { asks }) {
  const admin = await open(at), sleeper = await open(at), sleeping = asks("KILL QUERY", async () => told(await sleeper.query("SELECT SLEEP(30) AS s")));
  await new Promise((done) => setTimeout(done, 300));
  await admin.query("KILL QUERY ?", [sleeper.threadId]);
  await sleeping;
  await asks("then", async () => told(await sleeper.query("SELECT 1 AS one")));
  await asks("a limit of its own", () => sleeper.query({ sql: "SELECT SLEEP(30)", timeout: 50 }));
  const working = asks("killed at work", () => sleeper.query("SELECT SLEEP(30)"));
  await new Promise((done) => setTimeout(done, 300));
  await admin.query("KILL ?", [sleeper.threadId]);
  await working;
  await asks("and then", () => sleeper.query("SELECT 1"));
  const pool = mariadb.createPool(settings(at, { connectionLimit: 4, minimumIdle: 1, timezone: "local" }));
  const lost = await pool.getConnection();
  await admin.query("KILL ?", [lost.threadId]);
  await new Promise((done) => setTimeout(done, 300));
  await asks("killed in the pool", () => lost.query("SELECT 1"));
  await lost.release();
  await asks("the pool has another one", async () => told(await pool.query("SELECT 1 AS one")));
  await asks("40 at once", async () => (await Promise.all(Array.from({ length: 40 }, (_, i) => pool.execute("SELECT ? AS n", [i])))).map(([row]) => row.n));
  await pool.end();
  await admin.end();
}

export default async function surface(at, log = transcript()) {
  const connection = await open(at);
  await values(connection, log);
  await errors(connection, log);
  await transactions(connection, log);
  await together(connection, at, log);
  const other = await open(at);
  await long(other, log);
  await other.end();
  await files(at, log);
  await logins(at, log);
  await dropped(at, log);
  return log.lines;
}
