// SPDX-License-Identifier: Apache-2.0
// pressure: readers and servers that are slow, clients that go away, limits that are reached, the orderly end.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import crypto from "node:crypto";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import test from "node:test";
import { complains, freePort, request as get, root, run, sleep, until } from "../cli/tool.mjs";
import { BIG, configured, connect, memory, nginx, origin, raw, shield, statuses, workers } from "./servers.mjs";

const MOST_KIB = 48 << 10; // may be added to a process by what the tests here make it hold: a fraction of what is sent to it
const octets = "Content-Type: application/octet-stream\r\n";
const numbers = (gate) => fs.readdirSync(`/proc/${workers(gate)[0]}/fd`).map(Number);
const descriptors = (gate) => numbers(gate).length;

/** Waits until a number has stopped changing; returns it. */
async function settled(number) {
  let last = number(), since = Date.now();
  await until("a number comes to rest", () => {
    if (number() !== last) [last, since] = [number(), Date.now()];
    return Date.now() - since > 400;
  });
  return last;
}

/** Reads an answer with a length to its end; returns the digest of the body. */
function bodyOf(socket, length) {
  const hash = crypto.createHash("sha256");
  let head = Buffer.alloc(0), got = -1;
  return new Promise((done, failed) => {
    socket.resume().on("error", failed).on("close", () => failed(new Error(`closed after ${got} of ${length} bytes`)));
    socket.on("data", (bytes) => {
      if (got < 0) {
        head = Buffer.concat([head, bytes]);
        const end = head.indexOf("\r\n\r\n");
        if (end < 0) return;
        bytes = head.subarray(end + 4);
        got = 0;
      }
      hash.update(bytes);
      if ((got += bytes.length) === length) done(hash.digest("hex"));
    });
  });
}

test("20 readers that stop in the middle of 64 MiB: nothing piles up here, and each gets its own in the end", async (t) => {
  const site = await nginx(t);
  const gate = await shield(t, site.port);
  const before = memory(workers(gate)[0], "VmRSS");
  const sockets = Array.from({ length: 20 }, () => net.connect(gate.port, "127.0.0.1").pause());
  t.after(() => sockets.forEach((socket) => socket.destroy()));
  for (const socket of sockets) socket.write(get("/big"));
  await settled(() => descriptors(gate) + memory(workers(gate)[0], "VmRSS"));
  const wanted = crypto.createHash("sha256").update(fs.readFileSync(path.join(site.dir, "site/big"))).digest("hex");
  for (const socket of sockets.slice(0, 3)) assert.equal(await bodyOf(socket, BIG), wanted);
  assert.ok(memory(workers(gate)[0], "VmHWM") - before < MOST_KIB, `${memory(workers(gate)[0], "VmHWM") - before} KiB`);
});

test("a reader that stops in the middle of a chunked answer stops the server", async (t) => {
  let sent = 0;
  const piece = crypto.randomBytes(1 << 16);
  const { port } = await origin(t, (_, res) => {
    const more = () => {
      do sent += piece.length;
      while (res.write(piece) && sent < 4 * BIG);
    };
    res.on("drain", more).on("error", () => {});
    more();
  });
  const gate = await shield(t, port);
  const before = memory(workers(gate)[0], "VmRSS");
  const client = connect(gate.port);
  client.socket.pause().write(get("/"));
  await until("something is sent", () => sent > 0);
  assert.ok((await settled(() => sent)) < BIG);
  assert.ok(memory(workers(gate)[0], "VmHWM") - before < MOST_KIB);
  const stopped = sent;
  client.socket.resume();
  await until("it goes on", () => sent > stopped + (8 << 20));
  client.socket.destroy();
});

test("a server that stops reading stops the client", async (t) => {
  const { port, open } = await raw(t, (socket) => socket.pause());
  const gate = await shield(t, port);
  const before = memory(workers(gate)[0], "VmRSS");
  const client = net.connect(gate.port, "127.0.0.1").on("error", () => {}); // at the end of the test
  t.after(() => client.destroy());
  client.write(`PUT / HTTP/1.1\r\nHost: a\r\n${octets}Content-Length: ${4 * BIG}\r\n\r\n`);
  const piece = crypto.randomBytes(1 << 16);
  let taken = 0;
  const more = () => taken < 4 * BIG && client.write(piece, () => ((taken += piece.length), more()));
  more();
  await until("something is taken", () => taken > 0);
  const stopped = await settled(() => taken);
  assert.ok(stopped < BIG, `${stopped} bytes`);
  assert.ok(memory(workers(gate)[0], "VmHWM") - before < MOST_KIB);
  for (const socket of open) socket.resume();
  await until("it goes on", () => taken > stopped + (8 << 20));
});

test("clients that go away in the middle of an upload or a download: the server learns of it, nothing stays behind", async (t) => {
  const seen = { begun: 0, aborted: 0, closed: 0 };
  const { port } = await origin(t, (req, res) => {
    seen.begun++;
    req.on("aborted", () => seen.aborted++).on("error", () => {}).resume();
    res.on("close", () => seen.closed++);
    if (req.method === "GET") {
      const more = () => {
        while (!res.destroyed && res.write(Buffer.alloc(1 << 16)));
      };
      res.on("drain", more);
      more();
    }
  });
  const gate = await shield(t, port);
  const idle = await settled(() => descriptors(gate));
  for (const how of ["destroy", "resetAndDestroy"])
    for (const text of [get("/down"), `PUT /up HTTP/1.1\r\nHost: a\r\n${octets}Content-Length: 1000000\r\n\r\nabc`, `PUT /up HTTP/1.1\r\nHost: a\r\n${octets}Transfer-Encoding: chunked\r\n\r\nff\r\nabc`])
      for (let i = 0; i < 5; i++) {
        const before = { ...seen };
        const client = connect(gate.port);
        client.socket.write(text);
        if (text.startsWith("GET")) await client.until((c) => c.back.length > 1 << 20);
        await until("the server has begun", () => seen.begun > before.begun);
        client.socket[how]();
        await until("the server learns of the end", () => seen.closed > before.closed);
      }
  await until("all descriptors are given back", () => descriptors(gate) <= idle + 20); // pipes are kept for the next
  assert.equal(seen.aborted, 20); // no upload was taken for whole
});

/** A client that has had an answer on its connection. */
async function served(gate, target = "/") {
  const client = connect(gate.port);
  client.socket.write(get(target));
  await client.until((c) => statuses(c.back).length === 1);
  return client;
}

async function again(client) {
  const before = statuses(client.at.back).length;
  client.socket.write(get("/again"));
  await client.until((c) => statuses(c.back).length === before + 1);
}

const plain = (t) => origin(t, (req, res) => res.end(`${req.url}\n`));

test("a low limit of open files: said at the start; those who find no room wait their turn", async (t) => {
  const { port } = await plain(t);
  const gate = await configured(t, port, "", { rest: "workers: 1", options: { files: 240 } });
  const allowed = Number(/the limit of 240 open files allows (\d+) connections at the same time, not 65536/.exec(gate.said.err)[1]);
  assert.ok(allowed > 1 && allowed < 120, String(allowed));
  const clients = await Promise.all(Array.from({ length: allowed }, () => served(gate)));
  const late = connect(gate.port);
  late.socket.write(get("/late"));
  await Promise.all(clients.map(again));
  await sleep(200);
  assert.equal(late.at.back, "");
  clients[0].socket.destroy();
  await late.until((c) => c.back.endsWith("/late\n"));
  await Promise.all(clients.slice(1).map(again));
  for (const client of [...clients, late]) client.socket.destroy();
});

test("no open file is left: one plain line, those who are connected go on, others are served when there is room", async (t) => {
  const { port } = await plain(t);
  const gate = await configured(t, port, "", { rest: "workers: 1" });
  /** The lowest number that is not taken: with that as its limit it can open nothing. */
  const full = () => [...Array(4096).keys()].find((number) => !numbers(gate).includes(number));
  /** Its own user may change a process's limit, and root may not always. */
  const limit = (files) => {
    const [pid] = workers(gate);
    const id = (what) => new RegExp(`^${what}:\\s+(\\d+)`, "m").exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"))[1];
    const command = ["prlimit", "--pid", String(pid), `--nofile=${files}:`];
    execFileSync("setpriv", process.getuid() === 0 ? ["--reuid", id("Uid"), "--regid", id("Gid"), "--clear-groups", ...command] : command);
  };
  const clients = await Promise.all(Array.from({ length: 20 }, () => served(gate)));
  limit(full());
  const late = connect(gate.port);
  late.socket.write(get("/late"));
  await until("it is said", () => gate.said.err.includes("cannot accept connections: Too many open files; those that are open go on"));
  await Promise.all(clients.map(again));
  assert.equal(late.at.back, "");
  limit(4096);
  await late.until((c) => c.back.endsWith("/late\n"));
  limit(full() + 1); // for a client, not for its server
  const unlucky = connect(gate.port);
  unlucky.socket.write(get("/"));
  assert.deepEqual(statuses(await unlucky.until((c) => c.ended)), [503]);
  await Promise.all(clients.map(again));
  for (const client of [...clients, late]) client.socket.destroy();
});

test("a port in use: one line, exit status 1", async (t) => {
  const { port } = await plain(t);
  const args = ["protect", "--protocol", "http", "--listen", `127.0.0.1:${port}`, "--to", "127.0.0.1:1", "--rules", path.join(root, "patches/nginx")];
  complains(assert, run(args), 1, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}: (address already in use|another program listens there)`));
});

test("SIGTERM: what is under way is finished, idle connections end, new ones are refused, exit status 0", async (t) => {
  const held = [];
  const { port } = await origin(t, (req, res) => {
    if (req.url === "/held") held.push(() => res.end("held to the end\n"));
    else res.end(`${req.url}\n`);
  });
  const gate = await shield(t, port);
  const [idle, busy, uploading] = [await served(gate), connect(gate.port), connect(gate.port)];
  busy.socket.write(get("/held"));
  uploading.socket.write(`POST /upload HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"a":`);
  await until("the server has it", () => held.length === 1);
  gate.child.kill("SIGTERM");
  await idle.until((c) => c.ended);
  assert.deepEqual([busy.at.ended, uploading.at.ended], [false, false]);
  const late = connect(gate.port);
  await late.until((c) => c.ended);
  assert.equal(late.at.error, "ECONNREFUSED");
  uploading.socket.write("1  }");
  await uploading.until((c) => c.back.endsWith("/upload\n"));
  held[0]();
  assert.match(await busy.until((c) => c.ended), /^HTTP\/1\.1 200 [^]*held to the end\n$/);
  assert.equal(await gate.ended, 0);
  assert.match(gate.said.err, /terminated: no new connections, waiting for those that are open/);
});

test("500 attackers and 100 users at once: every user is served, every attacker refused", async (t) => {
  const { port } = await plain(t);
  const gate = await shield(t, port);
  const bad = Array.from({ length: 500 }, async (_, i) => {
    const client = connect(gate.port);
    client.socket.write(get(`/cgi-bin/.%2e/.%2e/x${i}`).repeat(3));
    await client.until((c) => statuses(c.back).length === 3);
    client.socket.destroy();
    return statuses(client.at.back);
  });
  const good = Array.from({ length: 100 }, async () => {
    const client = await served(gate);
    for (let i = 0; i < 5; i++) await again(client);
    client.socket.destroy();
    return statuses(client.at.back);
  });
  for (const got of await Promise.all(bad)) assert.deepEqual(got, [400, 400, 400]);
  for (const got of await Promise.all(good)) assert.deepEqual(got, Array(6).fill(200));
});
