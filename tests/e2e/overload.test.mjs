// SPDX-License-Identifier: Apache-2.0
// overload: more connections, bytes and work than there is room for. Those who do no harm are served, the answers are the protocol's own, and all of it is counted.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import test from "node:test";
import { binary, freePort, request as get, sleep, until } from "../cli/tool.mjs";
import { configured, connect, origin, statuses } from "./servers.mjs";

const plain = (t) => origin(t, (req, res) => (req.resume(), req.on("end", () => res.end(`${req.url}\n`))));
const served = async (gate, target = "/") => {
  const client = connect(gate.port);
  client.socket.write(get(target));
  await client.until((c) => c.back.endsWith(`${target}\n`));
  return client;
};
/** A number of `sallyport status`. */
const counted = (gate, what) => {
  const status = JSON.parse(execFileSync(binary, ["status", "--json", "--config", gate.config], { encoding: "utf8" }));
  return status.workers.reduce((sum, worker) => sum + worker.counters[what], 0);
};

test("no room for another connection: the one that has been idle for longest goes, those at work stay", async (t) => {
  const { port } = await plain(t);
  const gate = await configured(t, port, "", { rest: "workers: 1\nlimits: {connections: 10}" });
  const idle = await Promise.all(Array.from({ length: 9 }, (_, i) => served(gate, `/${i}`)));
  const busy = connect(gate.port);
  busy.socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nbegun");
  await sleep(1300);
  await served(gate, "/late").then((client) => client.socket.destroy());
  await until("an idle one is closed", () => idle.some((client) => client.at.ended));
  assert.equal(idle.filter((client) => client.at.ended).length, 1);
  assert.ok(!busy.at.ended);
  assert.equal(counted(gate, "shed"), 1);
  for (const client of [...idle, busy]) client.socket.destroy();
});

test("no memory for another body: the slowest clients are refused with 503, the others are served", async (t) => {
  const { port } = await plain(t);
  const rules = `guard: g
title: t
when: http.request.body contains "evil"
then: refuse 403
cases:
  - {send: "POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Type: text/plain\\r\\nContent-Length: 4\\r\\n\\r\\nevil", expect: refuse}
  - {send: "POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Type: text/plain\\r\\nContent-Length: 4\\r\\n\\r\\ngood", expect: pass}
`;
  const gate = await configured(t, port, "", { rest: "workers: 1\nlimits: {memory: 16MiB}", rules });
  const slow = Array.from({ length: 12 }, () => connect(gate.port));
  for (const client of slow)
    client.socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 3000000\r\n\r\n${"x".repeat(1900000)}`);
  await sleep(400);
  for (let i = 0; i < 20; i++) (await served(gate, `/${i}`)).socket.destroy();
  const refused = () => slow.filter((client) => statuses(client.at.back)[0] === 503).length;
  for (const client of slow) client.socket.write("x".repeat(1000000));
  await until("some are refused", () => refused() > 0);
  assert.ok(refused() < slow.length, "not all of them");
  assert.ok(counted(gate, "shed") > 0);
  (await served(gate, "/after")).socket.destroy();
  for (const client of slow) client.socket.destroy();
});

test("500 requests to a server that accepts nothing: each is answered 504, the clients of another server notice nothing", async (t) => {
  const { port } = await plain(t), other = await freePort();
  // A queue that is full: the kernel leaves further attempts to connect unanswered.
  const full = spawn("python3", ["-c", `import socket,time
s=socket.socket(); s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1); s.bind(("127.0.0.1",${other})); s.listen(0)
c=[socket.socket() for _ in range(4)]
[x.setblocking(False) for x in c]; [x.connect_ex(("127.0.0.1",${other})) for x in c]
print("full",flush=True); time.sleep(60)`]);
  t.after(() => full.kill("SIGKILL"));
  await once(full.stdout, "data");
  const deaf = await freePort();
  const gate = await configured(t, port, `timeouts: {connect: 1s}
  - name: deaf
    listen: ["127.0.0.1:${deaf}"]
    to: "127.0.0.1:${other}"
    timeouts: {connect: 1s}`, {
    rest: "workers: 1",
  });
  const waiting = Array.from({ length: 500 }, () => connect(deaf));
  for (const client of waiting) client.socket.write(get("/"));
  for (let i = 0; i < 20; i++) (await served(gate, `/${i}`)).socket.destroy();
  for (const client of waiting) assert.deepEqual(statuses(await client.until((c) => c.ended)), [504]);
  assert.equal(counted(gate, "server_failures"), 500);
});

for (const [word, status] of [["refuse", 503], ["pass", 200]])
  test(`a message whose inspection costs more than the budget: on_budget: ${word}`, async (t) => {
    const { port } = await plain(t);
    const gate = await configured(t, port, `budget: 6000\n    on_budget: ${word}`, { rest: "workers: 1" });
    const client = await served(gate);
    client.socket.write(get(`/${"a,b;".repeat(1000)}?${"c=d&".repeat(500)}`));
    await client.until((c) => statuses(c.back).length === 2);
    assert.equal(statuses(client.at.back)[1], status);
    client.socket.write(get("/on"));
    await client.until((c) => c.back.endsWith("/on\n")); // the session goes on
    assert.equal(counted(gate, "over_budget"), 1);
    assert.equal((await gate.told((e) => e.sallyport?.anomaly === "over_budget")).sallyport.verdict, status === 200 ? "alert" : "refuse");
    client.socket.destroy();
  });
