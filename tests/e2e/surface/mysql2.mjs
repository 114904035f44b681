// SPDX-License-Identifier: Apache-2.0
// mysql2, text and prepared: all that it asks of a server.
import { once } from "node:events";
import { Readable } from "node:stream";
import mysql from "mysql2/promise";
import { noise, texts, transcript } from "./transcript.mjs";

const MANY = 300; // of what is repeated
const settings = (at, more = {}) => ({ host: "127.0.0.1", port: at.port, user: at.user, password: at.password, database: at.database, multipleStatements: true, timezone: "Z", ...more });
const open = async (at, more) => {
  const connection = await mysql.createConnection(settings(at, more));
  connection.on("error", () => {});
  return connection;
};
/* What is in a result, and of which types: where connections have threads and tables have numbers, nothing. */
const told = ([rows, fields]) => ({ rows, fields: fields?.map?.((f) => (f ? [f.name ?? f.map?.((g) => g.name), f.columnType, f.characterSet, f.flags] : f)) });

/* Type, and its values as the server reads them. */
const types = {
  "TINYINT UNSIGNED": [0, 255], BOOL: [true, false], SMALLINT: [-32768], MEDIUMINT: [8388607], INT: [-2147483648, 2147483647], BIGINT: ["-9223372036854775808", "9223372036854775807"], "BIGINT UNSIGNED": ["18446744073709551615"],
  "DECIMAL(65,30)": [`${"9".repeat(35)}.${"1".repeat(30)}`], FLOAT: [1.5], DOUBLE: [0.1, 1.7976931348623157e308, -0], "BIT(12)": [Buffer.from([0x0a, 0xbc])], "VARCHAR(6000)": texts, "CHAR(20)": ["ab"], TEXT: texts, LONGTEXT: ["ü".repeat(70000)],
  "BINARY(4)": [Buffer.from("a\0b")], "VARBINARY(300)": [Buffer.from([...Array(256).keys()])], LONGBLOB: [Buffer.alloc(0), noise(100000)], DATE: ["2024-02-29", "1000-01-01"], TIME: ["-838:59:59", "23:59:59"], "TIME(6)": ["12:34:56.789012"],
  DATETIME: ["9999-12-31 23:59:59", new Date(0)], "DATETIME(6)": ["2024-06-01 12:00:00.123456"], TIMESTAMP: ["2024-06-01 12:00:00"], YEAR: [2024], "ENUM('a', 'ü')": ["ü"], "SET('a', 'b', 'c')": ["a,c"], JSON: ['{"a": [1, null, "ü"]}'],
  POINT: [null], UUID: ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"], INET6: ["::1"],
};

async function values(connection, { asks }) {
  for (const [type, list] of Object.entries(types)) {
    await connection.query(`CREATE OR REPLACE TABLE v (id INT AUTO_INCREMENT PRIMARY KEY, v ${type})`);
    for (const value of [...list, null]) {
      await asks(`${type}, text`, async () => told(await connection.query("INSERT INTO v (v) VALUES (?)", [value])));
      await asks(`${type}, prepared`, async () => told(await connection.execute("INSERT INTO v (v) VALUES (?)", [value])));
    }
    await asks(`${type}, read as text`, async () => told(await connection.query("SELECT v FROM v ORDER BY id")));
    await asks(`${type}, read prepared`, async () => told(await connection.execute("SELECT v FROM v ORDER BY id")));
  }
  await asks("numbers as text", async () => told(await connection.query({ sql: "SELECT 9223372036854775807 AS a, 1.10 AS b, NOW() > '2000-01-01' AS c", supportBigNumbers: true, bigNumberStrings: true, dateStrings: true })));
  await asks("rows as arrays", async () => told(await connection.query({ sql: "SELECT 1 AS a, 2 AS a", rowsAsArray: true })));
  await asks("nested tables", async () => told(await connection.query({ sql: "SELECT a.v, b.v FROM v a JOIN v b USING (id)", nestTables: true })));
  await asks("placeholders by name", async () => told(await connection.query({ sql: "SELECT :a AS a, :b AS b", namedPlaceholders: true }, { a: 1, b: "x" })));
}

async function errors(connection, { asks }) {
  await connection.query("CREATE TABLE parent (id INT PRIMARY KEY, name VARCHAR(20) NOT NULL UNIQUE, age INT CHECK (age > 0)); CREATE TABLE child (parent INT REFERENCES parent (id)); INSERT INTO parent VALUES (1, 'one', 1)");
  for (const text of ["SELEC 1", "SELECT * FROM nothing", "SELECT nothing FROM parent", "SELECT nothing(1)", "SELECT 'open", "SELECT 1/0", "INSERT INTO parent VALUES (1, 'two', 1)", "INSERT INTO parent VALUES (2, 'one', 1)", "INSERT INTO parent VALUES (2, NULL, 1)",
    "INSERT INTO parent VALUES (2, 'two', -1)", "INSERT INTO child VALUES (99)", "INSERT INTO parent VALUES ('x', 'y', 1)", "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'own wörds', MYSQL_ERRNO = 30001", "USE nothing", "KILL 999999999", "SET NAMES nothing",
    "CREATE TABLE parent (a INT)", "DROP TABLE IF EXISTS nothing", "SHOW WARNINGS", "DO 1", "", "SELECT 1; SELECT nothing; SELECT 2", "SELECT 1; SELECT 2", "UPDATE parent SET age = 2 WHERE id = 1", "UPDATE parent SET age = 2 WHERE id = 1", "EXPLAIN SELECT 1"]) {
    await asks(`text ${text}`, async () => told(await connection.query(text)));
    await asks(`prepared ${text}`, async () => told(await connection.execute(text)));
  }
  await asks("too few values", () => connection.execute("SELECT ? + ?", [1]));
  await asks("an undefined value", () => connection.execute("SELECT ?", [undefined]));
  await asks("several results", async () => told(await connection.query("SELECT 1 AS a; DO 1; SELECT 2 AS b, 3 AS c; UPDATE parent SET age = 3")));
  await connection.query("CREATE PROCEDURE many (IN n INT, OUT o INT) BEGIN SELECT n AS a; SELECT n + 1 AS b, 'ü' AS c; SET o = n * 2; END");
  await asks("CALL", async () => told(await connection.query("CALL many(3, @o); SELECT @o")));
  await asks("CALL, prepared", async () => told(await connection.execute("CALL many(?, @o)", [4])));
}

async function transactions(connection, at, { asks }) {
  await connection.query("CREATE TABLE t (n INT) ENGINE=InnoDB");
  const count = (what) => asks(what, async () => told(await connection.query("SELECT n, @@in_transaction AS inside FROM t ORDER BY n")));
  await connection.beginTransaction();
  await connection.execute("INSERT INTO t VALUES (?)", [1]);
  await count("begun");
  await connection.rollback();
  await count("rolled back");
  for (const text of ["START TRANSACTION READ ONLY", "INSERT INTO t VALUES (2)", "SELECT 1", "COMMIT", "BEGIN", "INSERT INTO t VALUES (3)", "SAVEPOINT s", "INSERT INTO nothing VALUES (1)", "INSERT INTO t VALUES (4)", "ROLLBACK TO s", "COMMIT", "SET autocommit = 0", "INSERT INTO t VALUES (5)", "ROLLBACK",
    "SET autocommit = 1", "XA START 'x'", "INSERT INTO t VALUES (6)", "XA END 'x'", "XA ROLLBACK 'x'"]) {
    await asks(text, async () => told(await connection.query(text)));
    await asks("inside", async () => told(await connection.query("SELECT @@in_transaction AS inside")));
  }
  await count("in the end");
  const other = await open(at);
  await connection.query("BEGIN; UPDATE t SET n = 30 WHERE n = 3");
  await asks("lock timeout", () => other.query("SET innodb_lock_wait_timeout = 1; UPDATE t SET n = 31 WHERE n = 3"));
  await connection.query("ROLLBACK");
  await other.end();
}

async function prepared(connection, { asks, note }) {
  let sum = 0;
  for (let i = 0; i < MANY; i++) sum += Number((await connection.execute(`SELECT ? + ${i % 50} AS n`, [i]))[0][0].n);
  note("sum of prepared ones", sum);
  const statement = await connection.prepare("SELECT ? AS a, ? AS b");
  for (const pair of [[1, "x"], [null, 1.5], ["ü", Buffer.from("b")], [new Date(0), true]]) await asks("execute", async () => told(await statement.execute(pair)));
  await statement.close();
  await asks("prepare that fails", () => connection.prepare("SELEC ?"));
  await asks("200 parameters", async () => told(await connection.execute(`SELECT ${Array(200).fill("?").join("+")} AS n`, Array(200).fill(2))));
  await connection.query("CREATE TABLE shape (a INT)");
  await connection.execute("SELECT * FROM shape");
  await connection.query("ALTER TABLE shape ADD b TEXT");
  await asks("a table that changed", async () => told(await connection.execute("SELECT * FROM shape")));
  await connection.query("PREPARE p FROM 'SELECT ? * 2 AS n'; SET @x = 21");
  await asks("EXECUTE", async () => told(await connection.query("EXECUTE p USING @x")));
  for (const mode of ["NO_BACKSLASH_ESCAPES", "ANSI_QUOTES", ""]) {
    await connection.query(`SET sql_mode = '${mode}'`);
    await asks(`${mode}: backslash`, async () => told(await connection.query("SELECT 'a\\\\' AS v")));
    await asks(`${mode}: quotes`, async () => told(await connection.query("SELECT \"a\" AS v")));
  }
  await asks("ping", () => connection.ping());
  await asks("another user and back", async () => {
    await connection.changeUser({ user: "root", password: connection.config.password, database: connection.config.database });
    return told(await connection.query("SELECT CURRENT_USER() AS u"));
  });
}

async function long(connection, { asks, note }) {
  const big = noise(6 << 20).toString("base64"), more = noise(18 << 20);
  await asks("8 MiB there and back", async () => told(await connection.query("SELECT ? AS v", [big])));
  await asks("8 MiB, prepared", async () => told(await connection.execute("SELECT ? AS v, LENGTH(?) AS n", [big, big])));
  await asks("18 MiB of bytes, prepared: more than a packet", async () => told(await connection.execute("SELECT ? AS v", [more])));
  await asks("36 MiB of text: more than two", async () => told(await connection.query("SELECT MD5(?) AS m", [more])));
  await asks("32 MiB in one value", async () => told(await connection.query("SELECT REPEAT('0123456789abcdef', 2097152) AS v")));
  const edge = (1 << 24) - 1 - 1 - "SELECT LENGTH('') AS n".length;
  for (const n of [edge - 10, edge + 10]) await asks(`a command at the edge of a packet`, async () => told(await connection.query(`SELECT LENGTH('${"x".repeat(n)}') AS n`)));
  await asks("200,000 rows", async () => (await connection.query({ sql: "SELECT seq, MD5(seq) AS m FROM seq_1_to_200000", rowsAsArray: true }))[0].join());
  await asks("50,000 rows, prepared", async () => (await connection.execute({ sql: "SELECT seq, MD5(seq) AS m FROM seq_1_to_50000", rowsAsArray: true }))[0].join());
  await asks("1,000 columns", async () => (await connection.query(`SELECT ${Array.from({ length: 1000 }, (_, i) => `${i} AS c${i}`).join()}`))[0]);
  await asks("streamed", async () => {
    let sum = 0;
    for await (const row of connection.connection.query("SELECT seq FROM seq_1_to_50000").stream()) sum += row.seq;
    return sum;
  });
  note("many at once", (await Promise.all(Array.from({ length: MANY }, (_, i) => connection.query(`SELECT ${i} AS n`)))).map(([[row]]) => row.n));
}

async function files(connection, { asks }) {
  await connection.query("CREATE TABLE f (n INT, t TEXT)");
  const load = (pieces, sql = "LOAD DATA LOCAL INFILE 'x' INTO TABLE f") => asks("LOAD DATA", async () => told(await connection.query({ sql, infileStreamFactory: () => Readable.from(pieces) })));
  await load(Array.from({ length: 100 }, (_, i) => Buffer.from(Array.from({ length: 1000 }, (_, j) => `${i * 1000 + j}\t${"y".repeat(j % 100)}\n`).join(""))));
  await load([Buffer.from("x\ty\n")]);
  await load([Buffer.from("1\ta\n")], "LOAD DATA LOCAL INFILE 'x' INTO TABLE nothing");
  await asks("LOAD DATA that nobody allowed", () => connection.query("LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE f"));
  await asks("what came", async () => told(await connection.query("SELECT COUNT(*) AS c, SUM(n) AS s, SUM(LENGTH(t)) AS l FROM f")));
}

async function logins(at, { asks }) {
  const login = async (more) => {
    const connection = await open(at, more);
    const result = told(await connection.query("SELECT CURRENT_USER() AS u, DATABASE() AS d, @@character_set_client AS c, @@sql_mode LIKE '%ANSI%' AS a"));
    await connection.end();
    return result;
  };
  await asks("root", () => login({ user: "root" }));
  await asks("wrong password", () => login({ password: "wrong" }));
  await asks("no such user", () => login({ user: "nobody-here" }));
  await asks("no such database", () => login({ database: "nothing" }));
  await asks("no database", () => login({ database: undefined }));
  await asks("another character set", () => login({ charset: "latin1_swedish_ci" }));
  await asks("TLS that is not there", () => login({ ssl: { rejectUnauthorized: false } }));
  await asks("fewer capabilities", () => login({ flags: "-FOUND_ROWS,-MULTI_STATEMENTS,-PLUGIN_AUTH_LENENC_CLIENT_DATA,-CONNECT_ATTRS" }));
  await asks("compression", () => login({ compress: true }));
}

async function dropped(at, { asks }) {
  const admin = await open(at), sleeper = await open(at), sleeping = asks("KILL QUERY", async () => told(await sleeper.query("SELECT SLEEP(30) AS s")));
  await new Promise((done) => setTimeout(done, 300));
  await admin.query("KILL QUERY ?", [sleeper.threadId]);
  await sleeping;
  await asks("then", async () => told(await sleeper.query("SELECT 1 AS one")));
  await asks("max_statement_time", () => sleeper.query("SET max_statement_time = 0.05; SELECT SLEEP(30)"));
  const working = asks("killed at work", () => sleeper.query("SET max_statement_time = 0; SELECT SLEEP(30)"));
  await new Promise((done) => setTimeout(done, 300));
  await admin.query("KILL ?", [sleeper.threadId]);
  await working;
  await asks("and then", () => sleeper.query("SELECT 1"));
  const idle = await open(at), gone = new Promise((done) => idle.connection.stream.once("close", done));
  await admin.query("KILL ?", [idle.threadId]);
  await gone;
  await asks("killed while idle", () => idle.query("SELECT 1"));
  const pool = mysql.createPool(settings(at, { connectionLimit: 4 }));
  const lost = await pool.getConnection(), closed = once(lost.connection.stream, "close");
  await admin.query("KILL ?", [lost.threadId]);
  await closed;
  lost.destroy();
  await asks("the pool has another one", async () => told(await pool.query("SELECT 1 AS one")));
  await asks("40 at once", async () => (await Promise.all(Array.from({ length: 40 }, (_, i) => pool.execute("SELECT ? AS n", [i])))).map(([[row]]) => row.n));
  await pool.end();
  await admin.end();
}

export default async function surface(at, log = transcript()) {
  const connection = await open(at);
  await values(connection, log);
  await errors(connection, log);
  await transactions(connection, at, log);
  await prepared(connection, log);
  await long(connection, log);
  await files(connection, log);
  await logins(at, log);
  await dropped(at, log);
  await connection.end();
  return log.lines;
}
