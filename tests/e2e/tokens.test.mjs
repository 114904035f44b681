// SPDX-License-Identifier: Apache-2.0
// tokens: a statement has the tokens for us that it has for the server. MariaDB tells its own in the digest of each statement that it could parse: keywords,
// names, and what stands for literals. Its own test suite, statements of ours, and every pair of pieces of some, with nothing, a blank or a comment between.
//
// The digest says nothing about the sign of a number, whether strings that follow each other are one, and how long a list of literals is; of keywords that
// mean the same it prints one. There both sides are brought to one form.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import test from "node:test";
import mysql2 from "mysql2/promise";
import { maria, mariadb, password } from "./databases.mjs";

const suite = "/usr/share/mysql/mysql-test/main"; // of the package mariadb-test-data
const BATCH = 1000, STATEMENT_MAX = 4000; // what the server remembers at once, and of one statement
const remembers = ["--performance-schema=ON", "--performance-schema-consumer-events-statements-current=ON", "--performance-schema-consumer-events-statements-history-long=ON",
  `--performance-schema-events-statements-history-long-size=${2 * BATCH}`, "--performance-schema-max-sql-text-length=4096", "--performance-schema-max-digest-length=16384",
  "--max-digest-length=16384", "--max-statement-time=0.5"];

const statements = [
  "SELECT 1, 1.5, .5, 5., 1e5, 1e+5, 1.e-5, .5e5, 0x1f, 0x, 0b01, 0b, 0xg, 0b2, x'1f', X'1F', b'01', B'0'", "SELECT 1a, 1e, 1e+, 1ea, 0x1g, 1_0, $a, a$b, a.1b, a.1, a. 1, é, 1é",
  "SELECT 'a''b', 'a\\'b', \"a\"\"b\", \"a\\\"b\", 'a\nb', '', 'a' 'b', \"a\" 'b', n'a', N'a', _utf8'a', _latin1 'a', _utf8mb4 x'41', _nosuch'a', U&'a'",
  "SELECT `a``b`.`c d`, a.b.c, .a, a . b, `a`.b, a.`b`, a.select, a.select.b, `select`, a.*, *", "SELECT @a, @ a, @`b c`, @'d', @\"e\", @a.b, @a$b, @1, @@sql_mode, @@global.sql_mode, @@session . sql_mode",
  "SELECT 1 -- c\n+ 2, 1--2, 1 --\n+ 2, 1 --\t\n+ 2, 1 # c\n+ 2, 1/*c*/+2, 1/**/2, 1 /* /* */ 2", "SELECT 1 --c\n, 2", "SELECT 1 /* c", "SELECT 1 /*! + 1 */, 1 /*!50000 + 1 */, 1 /*!99999 + 1 */",
  "SELECT 1 /*M! + 1 */, 1 /*M!100000 + 1 */, 1 /*M!999999 + 1 */, 1 /*!50701 + 1 */, 1 /*!80000 + 1 */, 1 /*!100000 + 1 */", "SELECT 1 /*!5000 + 1 */, 1 /*!500000 + 1 */, 1 /*!999999 + 1 */",
  "SELECT 1 /*!50000 /* c */ + 1 */, 2", "SELECT /*!99999 /* c */ 1, */ 2", "SELECT 1 /*! + '*/' */, 2", "SELECT 1 /*!99999 + '*/ 2 ' */", "SELECT 1 /*!50000+1*//*!50000+1*/", "/*! SELECT 1", "SELECT /*+ hint */ 1",
  "SELECT a <=> b, a <> b, a != b, a <= b, a >= b, a << b, a >> b, a || b, a && b, a | b, a & b, a ^ b, ~a, !a, a % b, a := b", "SELECT a <= > b, a < > b, a ! = b, a : = b, a | | b, a & & b", "SELECT @a:=1, @a := @b:=2",
  "SELECT a->b, a->'$.b', a->>'$.b', a-> '$'", "SELECT -1, +1, - -1, --1, +-1, 1-1, 1 - 1, 1+-1", "SELECT NULL, \\N, TRUE, a IS NULL, NOT a, a NOT IN (1, NULL), a IS NOT NULL", "SELECT ?", "SELECT :a", "SELECT a FROM t WHERE a=?",
  "SELECT count(*), count (*), now(), now (), left(a, 1), max (a)", "SELECT 1;", "SELECT 1; ", "SELECT 1;;", "SELECT 1;\u0000", "SELECT\u00a01", "SELECT\f1,\v2,\r3,\t4", "SELECT {d '2020-01-01'}, {ts '2020-01-01 00:00:00'}, {fn now()}",
  "SELECT 1 UNION/**/SELECT/**/2", "SELECT(1)UNION(SELECT(2))", "SELECT'a'UNION SELECT'b'", "SELECT 1e1UNION SELECT 2", "SELECT 1.UNION SELECT 2", "SELECT 1.e1UNION SELECT 2", "SELECT.1UNION SELECT 2", "SELECT\\Nunion SELECT 2", "SELECT@a UNION SELECT 2",
  "SELECT 1 FROM t WHERE a='x' OR'1'='1'", "SELECT 1 FROM t WHERE a=''||'1'", "SELECT * FROM t WHERE a = 'x\\' OR 1=1 -- '", "SELECT \"a\\\" OR 1=1 -- \"", "SELECT `a\\` OR 1=1 -- `", "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (-3, NULL)",
  "CREATE TABLE t (a INT, b CHAR(3) CHARACTER SET utf8 DEFAULT 'x' COMMENT 'y')", "GRANT ALL ON a.* TO 'b'@'c', d@e, f@`g`, h@127.0.0.1, i@'%'", "LOAD DATA INFILE 'a' INTO TABLE t FIELDS TERMINATED BY ',' ENCLOSED BY '\"' ESCAPED BY '\\\\'",
  "DELETE FROM t WHERE a BETWEEN 1 AND 2 OR b LIKE '%\\%' ESCAPE '!'", "SELECT a FROM t PROCEDURE ANALYSE(EXTRACTVALUE(1,CONCAT(0x7e,version())),1)", "SELECT a.b.c.d", "SELECT 1 AS 'a', 2 AS \"b\", 3 AS `c`, 4 d, 5 'e'", "SELECT 1 'a' 'b'", "", ";", " ",
];
const pieces = ["'a'", "''", "'", '"a"', '"', "`a`", "`", "\\", "\\N", "n'a'", "_utf8'a'", "_x", "x'1f'", "x'1", "b'01'", "0x1f", "0b01", "1", "1.", ".5", "1.5", "1e5", "1e", "e1", "a", "a.b", "a.", ".", "@a", "@'a'", "@`a`", "@@a", "@", "$a", "é", "--", "-- \n", "--\n", "#",
  "#\n", "/*", "*/", "/**/", "/*!", "/*!1*/", "/*!50000", "/*!99999 1*/", "/*M!", "/", "*", "+", "-", "<", ">", "=", "!", "|", "&", "^", "%", "~", "?", ":", ":=", ";", "(1)", "(", ")", "{", ",", "<=>", "->", "->>", "||", "&&", "select", "union", "null", "\r", "\f", "\v", "\u00a0", "\u0000"];
const between = ["", " ", "/**/", "1"];

/** Those of the server's own tests: its test program's commands are left out, and what would change the session they are read in. */
function suites() {
  const all = new Set();
  for (const file of fs.readdirSync(suite).filter((name) => name.endsWith(".test"))) {
    const lines = fs.readFileSync(path.join(suite, file), "latin1").split("\n").filter((line) => !/^\s*(--|#)/.test(line));
    for (const text of lines.join("\n").split(/;[ \t]*\n/).map((one) => one.trim()))
      if (text && !text.includes("\0") && Buffer.byteLength(text) < STATEMENT_MAX && !/^(set|kill)\b/i.test(text)) all.add(text);
  }
  return [...all];
}

const pairs = () => pieces.flatMap((a) => pieces.flatMap((b) => between.map((middle) => `SELECT ${a}${middle}${b}`)));

/** What the server made of each statement that it could parse: a map from its text. */
async function digests(t, port, list, mode) {
  const sender = () => mysql2.createConnection({ host: "127.0.0.1", port, user: "nobody", database: "test", charset: "utf8mb4" }).then(async (c) => (await c.query("SET sql_mode = ?", [mode]), c));
  const reader = await mysql2.createConnection({ host: "127.0.0.1", port, user: "root", password });
  let client = await sender();
  t.after(() => Promise.all([reader.end(), client.end()]));
  const all = new Map();
  for (let i = 0; i < list.length; i += BATCH) {
    await reader.query("TRUNCATE performance_schema.events_statements_history_long");
    for (const text of list.slice(i, i + BATCH)) {
      const fatal = await client.query(text).then(() => false, (error) => error.fatal);
      if (fatal) client = await sender();
    }
    const [rows] = await reader.query("SELECT sql_text, digest_text FROM performance_schema.events_statements_history_long WHERE event_name LIKE 'statement/sql/%' AND digest_text IS NOT NULL");
    for (const row of rows) all.set(row.sql_text, row.digest_text);
  }
  return all;
}

/** Without what only one side tells. */
function reduced(tokens) {
  let text = ` ${tokens.join(" ")} `, before;
  do {
    before = text;
    text = text.replace(/ [-+] (?=\? )/g, " ").replace(/ \? (\? )+/g, " ? ").replace(/ \? (, \? )+/g, " ? ").replace(/ \( \? \) (, \( \? \) )+/g, " ( ? ) ");
  } while (text !== before);
  return text.trim().split(" ");
}

const octal = (text) => text.replace(/[\u0000-\u0020\\]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, "0")}`);
const isNull = /^(NULL|\\134N)$/i;
const quoted = (name) => (isNull.test(name) ? "?" : `\`${name.replace(/""/g, '"')}`); // in the digest of a name in "" its quotes are double
const word = (text) => (isNull.test(text) ? "?" : `w${text}`);
const ours = (line) => reduced(line.split(" ").filter((token) => token && token !== "N").flatMap((token) => {
  const text = token.slice(1);
  switch (token[0]) {
    case "L": return "?";
    case "V": return text.startsWith("@@") ? "@@" : ["@", "?"];
    case "W": return word(text);
    case "N": return quoted(text);
    default: return text === "!=" ? "<>" : text;
  }
}));
const printed = /`((?:[^`]|``)*)`|@@ ?(?:\w+ ?\. ?)?(?:`[^`]*`|\w+)(?: ?\. ?(?:`[^`]*`|\w+))*|@(?:`(?:[^`]|``)*`| ?\?)?|\?, \.\.\.|, \.\.\.|\((?:\.\.\.|\?)\)|\/\* , \.\.\. \*\/|\(unknown\)|[^ ]+/g;
const meant = { "?, ...": "?", ", ...": [",", "?"], "(...)": ["(", "?", ")"], "(?)": ["(", "?", ")"], "/* , ... */": [], "(unknown)": "?", "!=": "<>" };
const theirs = (digest) => reduced([...digest.matchAll(printed)].flatMap(([text, name]) => {
  if (name !== undefined) return quoted(octal(name.replace(/``/g, "`")));
  if (text.startsWith("@")) return text.startsWith("@@") ? "@@" : ["@", "?"];
  return meant[text] ?? (/^[A-Z_(]\w/i.test(text) ? word(text) : text);
}));
/** A keyword for a word, whatever it is called there, and a name for a word or a quoted name of the same text. */
const same = (a, b) => a === b || (a[0] === "w" && b[0] === "w") || (b[0] === "`" && /^[w`]/.test(a) && a.slice(1).toLowerCase() === b.slice(1).toLowerCase());

async function compare(t, port, list, mode = "") {
  const version = (await maria(port, "SELECT version()")).match(/(\d+)\.(\d+)\.(\d+)/).slice(1).reduce((sum, n) => sum * 100 + Number(n), 0);
  const lines = execFileSync(process.env.TOKENS, [`${version}`, ...(mode ? [mode.toLowerCase().replaceAll("_", "-")] : [])], { input: list.map((text) => `${text}\0`).join(""), maxBuffer: 1 << 28 }).toString().split("\n");
  const told = await digests(t, port, list, mode);
  let compared = 0;
  const differ = [];
  for (const [i, text] of list.entries()) {
    const digest = told.get(text);
    if (digest === undefined || /(^|[^,(]) ?\.\.\./.test(digest.replaceAll("/* , ... */", "")) || /@@(\w+\.)*`/.test(text)) continue; // refused; a name is too long to be printed, or a variable's is quoted
    const a = ours(lines[i]), b = theirs(digest);
    compared++;
    if (a.length !== b.length || !a.every((token, k) => same(token, b[k]))) differ.push(`${text}\n  here:  ${a.join(" ")}\n  there: ${b.join(" ")}`);
  }
  t.diagnostic(`${compared} of ${list.length} statements compared`);
  assert.equal(differ.length, 0, `${differ.length} differ:\n${differ.slice(0, 20).join("\n")}`);
  return compared;
}

test("MariaDB", { timeout: 280000 }, async (t) => {
  const { port } = await mariadb(t, { more: remembers });
  await maria(port, "CREATE DATABASE test; CREATE USER nobody@'127.0.0.1'; GRANT SHOW VIEW ON test.* TO nobody@'127.0.0.1'"); // it may name tables, and do nothing to them
  for (const mode of ["", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES"]) {
    await t.test(`statements ${mode}`, async (t) => assert.ok((await compare(t, port, statements.filter((text) => !text.includes("\0")), mode)) > statements.length / 3));
    await t.test(`pairs of pieces ${mode}`, async (t) => assert.ok((await compare(t, port, pairs().filter((text) => !text.includes("\0")), mode)) > 2000));
  }
  await t.test("its own tests", async (t) => assert.ok((await compare(t, port, suites())) > 40000));
});
