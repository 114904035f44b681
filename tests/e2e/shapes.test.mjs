// SPDX-License-Identifier: Apache-2.0
// shapes: what an application says is learned, approved and exported; from then on nothing else is let through, and nothing of its own is refused.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import test from "node:test";
import { binary, scratch, until } from "../cli/tool.mjs";
import { mariadb, out, password, postgres, psql } from "./databases.mjs";
import { configured } from "./servers.mjs";

const servers = {
  pgsql: {
    start: postgres,
    say: (port, sql) => psql(port, sql),
    refusal: /ERROR:\s+refused by Sallyport: /,
    comment: (n) => `/* trace ${n} */`,
  },
  mysql: {
    start: mariadb,
    say: (port, sql) => out("mariadb", ["--no-defaults", "-h", "127.0.0.1", "-P", port, "-u", "app", `-p${password}`, "-N", "-e", sql]),
    refusal: /ERROR 1227 \(42000\).*refused by Sallyport: /,
    comment: (n) => `-- trace ${n}\n`,
  },
};

for (const [protocol, { start, say, refusal, comment }] of Object.entries(servers))
  test(protocol, async (t) => {
    const { port: to } = await start(t);
    await say(to, `CREATE ${protocol === "pgsql" ? "SCHEMA" : "DATABASE"} shop; CREATE TABLE shop.goods (id int, name text); INSERT INTO shop.goods VALUES (1, 'nail'), (2, 'hammer')`);
    const dir = scratch(t), store = path.join(dir, "store.db");
    const gate = await configured(t, to, `protocol: ${protocol}\n    learn: true`, { rest: `store: ${store}` });
    const shapes = (...args) => out(binary, ["shapes", ...args, "--store", store]);

    // the application at work: three statements, said in many ways
    const work = (n) => [
      `SELECT name FROM shop.goods WHERE id = ${n} ${comment(n)}`,
      `SELECT count(*) FROM shop.goods WHERE id IN (${Array.from({ length: 1 + (n % 5) }, (_, i) => n + i).join(", ")})`,
      `INSERT INTO shop.goods VALUES ${Array.from({ length: 1 + (n % 3) }, (_, i) => `(${n}, 'part ${i}')`).join(", ")}`,
    ];
    for (let n = 1; n <= 6; n++) for (const sql of work(n)) await say(gate.port, sql);

    const ours = (text) => text.split("\n").filter((line) => line.includes("shop.goods"));
    await until("the shapes are in the store", async () => ours(await shapes("list").catch(() => "")).length >= 3);
    assert.equal(ours(await shapes("list", "--new")).length, 3, "literals, lists, rows and comments make no new shapes");
    assert.match(await shapes("curve"), /\d/);

    await shapes("approve");
    assert.equal(ours(await shapes("list", "--new")).length, 0);
    const file = path.join(dir, "approved.yaml");
    fs.writeFileSync(file, await shapes("export", "--service", "test", "--protocol", protocol));
    assert.match(await out(binary, ["check", file]), /proof cases hold/);
    fs.writeFileSync(gate.config, fs.readFileSync(gate.config, "utf8").replace(/^rules: \[/, `rules: [${file}, `));
    await out(binary, ["reload", "-c", gate.config]);

    for (let n = 7; n <= 12; n++) for (const sql of work(n)) await say(gate.port, sql);
    for (const other of ["SELECT name FROM shop.goods WHERE id = 1 OR 1 = 1", "SELECT * FROM shop.goods", "DROP TABLE shop.goods"])
      await assert.rejects(say(gate.port, other), ({ stderr }) => (assert.match(stderr, refusal), true), other);
    assert.match(await say(gate.port, work(1)[1]), /^\d+\n$/, "the table is still there");
    const refused = gate.lines().filter((e) => e.sallyport?.verdict === "refuse");
    assert.equal(refused.length, 3);
    for (const { database } of refused) assert.match(database.shape, /^[0-9a-f]{16}$/);
  });

test("what was exported from one machine is imported on another", async (t) => {
  const { port: to } = await postgres(t);
  const dir = scratch(t), first = path.join(dir, "first.db"), second = path.join(dir, "second.db"), file = path.join(dir, "approved.yaml");
  const gate = await configured(t, to, "protocol: pgsql\n    learn: true", { rest: `store: ${first}` });
  await psql(gate.port, "SELECT 1 + 1");
  const shapes = (store, ...args) => out(binary, ["shapes", ...args, "--store", store]);
  await until("the shape is in the store", async () => (await shapes(first, "list").catch(() => "")).includes("select ? + ?"));
  await shapes(first, "approve");
  fs.writeFileSync(file, await shapes(first, "export", "--service", "test", "--protocol", "pgsql"));
  await shapes(second, "import", file, "--service", "test");
  const keys = (text) => [...text.matchAll(/\S*\/[0-9a-f]{16}/g)].map(String).sort();
  const there = keys(await shapes(second, "list"));
  assert.ok(there.length > 0);
  assert.deepEqual(there, keys(await shapes(first, "list")));
  await assert.rejects(shapes(second, "forget", "nobody/at/all"), ({ code }) => (assert.notEqual(code, 0), true));
});
