// SPDX-License-Identifier: Apache-2.0
// edges: what goes wrong or is out of the ordinary between a client and a server: upgrades, streams, early ends, dead servers.
import assert from "node:assert/strict";
import net from "node:net";
import test from "node:test";
import { freePort, request as get, sleep } from "../cli/tool.mjs";
import { configured, connect, origin, raw, shield } from "./servers.mjs";

test("a websocket: after 101 both sides speak freely", async (t) => {
  const { server, port } = await origin(t, (_, res) => res.end());
  server.on("upgrade", (_, socket) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst");
    socket.on("data", (bytes) => socket.write(`echo ${bytes}`)).on("error", () => {});
  });
  const gate = await shield(t, port);
  const client = connect(gate.port);
  client.socket.write(get("/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"));
  await client.until((c) => c.back.endsWith("first"));
  client.socket.write("GET /cgi-bin/.%2e/bin/sh HTTP/1.1\r\n\r\n");
  await client.until((c) => c.back.endsWith("echo GET /cgi-bin/.%2e/bin/sh HTTP/1.1\r\n\r\n"));
  client.socket.destroy();
});

test("an upgrade that the server declines: HTTP goes on, and is judged", async (t) => {
  const { port } = await origin(t, (_, res) => res.end("plain"));
  const gate = await shield(t, port);
  const client = connect(gate.port);
  client.socket.write(get("/ws", "Connection: Upgrade\r\nUpgrade: other\r\n"));
  await client.until((c) => c.back.includes("plain"));
  client.socket.write(get("/cgi-bin/.%2e/.%2e/bin/sh"));
  await client.until((c) => c.back.includes("HTTP/1.1 400 "));
  client.socket.destroy();
});

test("a stream of events arrives piece by piece", async (t) => {
  const { port } = await origin(t, async (_, res) => {
    for (let i = 0; i < 3; i++) {
      res.write(`data: ${i}\n\n`);
      await sleep(300);
    }
    res.end();
  });
  const gate = await shield(t, port);
  const reader = (await fetch(gate.url)).body.getReader();
  const first = await reader.read();
  assert.equal(Buffer.from(first.value).toString(), "data: 0\n\n");
  let rest = "";
  for (let next = await reader.read(); !next.done; next = await reader.read()) rest += Buffer.from(next.value);
  assert.equal(rest, "data: 1\n\ndata: 2\n\n");
});

test("chunks and trailers in both directions", async (t) => {
  const { port } = await origin(t, (req, res) => {
    let body = "";
    req.on("data", (bytes) => (body += bytes)).on("end", () => {
      res.writeHead(200, { Trailer: "X-Length" });
      res.write(body);
      res.addTrailers({ "X-Length": String(body.length), "X-Sent": req.trailers["x-sent"] ?? "" });
      res.end();
    });
  });
  const gate = await shield(t, port);
  const client = connect(gate.port);
  client.socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n");
  const back = await client.until((c) => c.ended);
  assert.match(back, /abcdefg/);
  assert.match(back, /X-Length: 7/);
});

test("100 Continue comes before the body when the server says so", async (t) => {
  const { server, port } = await origin(t, (req, res) => req.resume().on("end", () => res.end("done")));
  server.on("checkContinue", (req, res) => {
    res.writeContinue();
    req.resume().on("end", () => res.end("done"));
  });
  const gate = await shield(t, port);
  const client = connect(gate.port);
  client.socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  await client.until((c) => c.back.includes("HTTP/1.1 100"));
  client.socket.write("a=b");
  await client.until((c) => c.back.includes("done"));
  client.socket.destroy();
});

test("a dead server: 502, and again service when it is back", async (t) => {
  const to = await freePort();
  const gate = await shield(t, to);
  assert.equal((await fetch(gate.url)).status, 502);
  const back = net.createServer((socket) => socket.on("error", () => {}).once("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))).listen(to, "127.0.0.1");
  t.after(() => back.close());
  await new Promise((ready) => back.once("listening", ready));
  assert.equal(await (await fetch(gate.url)).text(), "ok");
});

test("a server that ends in the middle of an answer: the client does not take it for whole", async (t) => {
  const { port } = await origin(t, (req, res) => {
    res.writeHead(200, { "Content-Length": 100 });
    res.write("only this");
    setTimeout(() => res.destroy(), 100);
  });
  const gate = await shield(t, port);
  await assert.rejects(fetch(gate.url).then((answer) => answer.text()));
});

test("a slow server is waited for", async (t) => {
  const { port } = await origin(t, (_, res) => setTimeout(() => res.end("late"), 1500));
  const gate = await shield(t, port);
  assert.equal(await (await fetch(gate.url)).text(), "late");
});

test("a client that never finishes its head: 408", async (t) => {
  const { port } = await origin(t, (_, res) => res.end());
  const gate = await configured(t, port, "timeouts: {header: 1s}");
  const client = connect(gate.port);
  client.socket.write("GET / HTTP/1.1\r\nHost: a\r\n");
  const drip = setInterval(() => client.socket.writable && client.socket.write("X: y\r\n"), 200);
  t.after(() => clearInterval(drip));
  assert.match(await client.until((c) => c.ended), /^HTTP\/1\.1 408 /);
});

test("an idle connection is closed without a word", async (t) => {
  const { port } = await origin(t, (_, res) => res.end());
  const gate = await configured(t, port, "timeouts: {idle: 1s}");
  const client = connect(gate.port);
  assert.equal(await client.until((c) => c.ended), "");
});

test("a client that only half closes still gets its answer", async (t) => {
  const answer = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\nConnection: close\r\n\r\nafter the end";
  const server = net.createServer({ allowHalfOpen: true }, (socket) => socket.on("error", () => {}).resume().on("end", () => setTimeout(() => socket.end(answer), 300)));
  server.listen(0, "127.0.0.1");
  t.after(() => server.close());
  await new Promise((ready) => server.once("listening", ready));
  const gate = await shield(t, server.address().port);
  const client = connect(gate.port, { allowHalfOpen: true });
  client.socket.end(get("/", "Connection: close\r\n"));
  assert.match(await client.until((c) => c.back.includes("after the end")), /^HTTP\/1\.1 200 /);
  client.socket.destroy();
});

test("two readings of one message: refused with 400, never passed on", async (t) => {
  let heard = "";
  const { port } = await raw(t, (socket) => socket.on("data", (bytes) => (heard += bytes)));
  const gate = await shield(t, port);
  const client = connect(gate.port);
  client.socket.write("POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.match(await client.until((c) => c.ended), /^HTTP\/1\.1 400 /);
  assert.equal((await gate.told((e) => e.event_type === "anomaly")).sallyport.anomaly, "length_with_chunked");
  assert.equal(heard, "");
});
