// SPDX-License-Identifier: Apache-2.0
// protect: what a server speaks is found out by asking it, whichever of the real ones it is.
import assert from "node:assert/strict";
import net from "node:net";
import path from "node:path";
import test from "node:test";
import { mariadb, out, password, postgres, psql, redis } from "../e2e/databases.mjs";
import { apache, nginx } from "../e2e/servers.mjs";
import { binary, freePort, root, rules, scratch, start, write } from "./tool.mjs";

/** Sallyport in front of that port, which it is told nothing about; what it said of it. */
async function protect(t, to) {
  const port = await freePort();
  const args = ["protect", "--listen", `127.0.0.1:${port}`, "--to", `127.0.0.1:${to}`, "--rules", path.join(root, "patches"), "--events", "none"];
  const gate = await start(t, args, port);
  return { port, title: /speaks (.*)$/m.exec(gate.said.err)?.[1] };
}

test("PostgreSQL", async (t) => {
  const gate = await protect(t, (await postgres(t)).port);
  assert.equal(gate.title, "PostgreSQL");
  assert.equal(await psql(gate.port, "SELECT 1 + 1"), "2\n");
});

test("MariaDB", async (t) => {
  const gate = await protect(t, (await mariadb(t)).port);
  assert.equal(gate.title, "MySQL and MariaDB");
  const args = ["--no-defaults", "-h", "127.0.0.1", "-P", gate.port, "-u", "app", `-p${password}`, "-N", "-e", "SELECT 1 + 1"];
  assert.equal(await out("mariadb", args), "2\n");
});

test("Redis", async (t) => {
  const gate = await protect(t, (await redis(t)).port);
  assert.match(gate.title, /^Redis/);
  assert.equal(await out("redis-cli", ["-p", gate.port, "PING"]), "PONG\n");
});

for (const [name, server] of Object.entries({ nginx, apache }))
  test(name, async (t) => {
    const gate = await protect(t, (await server(t)).port);
    assert.match(gate.title, /^HTTP/);
    assert.equal((await fetch(`http://127.0.0.1:${gate.port}/`)).ok, true);
  });

test("a server that is down may be one of the web; one that says nothing that is known has to be named", async (t) => {
  const down = await freePort(), file = write(scratch(t), "rules.yaml", rules), port = await freePort();
  const gate = await start(t, ["protect", "--listen", `127.0.0.1:${port}`, "--to", `127.0.0.1:${down}`, "--rules", file, "--events", "none"], port);
  assert.match(gate.said.err, /nobody answers at 127\.0\.0\.1:\d+: http is assumed/);
  const mail = net.createServer((socket) => socket.on("error", () => {}).end("220 mail.example ESMTP\r\n"));
  await new Promise((done) => mail.listen(0, "127.0.0.1", done));
  t.after(() => mail.close());
  const args = ["protect", "--listen", `127.0.0.1:${await freePort()}`, "--to", `127.0.0.1:${mail.address().port}`, "--rules", file];
  const { code, stderr } = await out(binary, args).catch((error) => error);
  assert.equal(code, 2);
  assert.match(stderr, /not clear from its answers: say it with --protocol/);
});
