// SPDX-License-Identifier: Apache-2.0
// network: addresses of every kind, who the client is said to be, servers that cannot be reached or fall silent.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import path from "node:path";
import test from "node:test";
import { request } from "undici";
import { freePort, request as get, scratch, until } from "../cli/tool.mjs";
import { configured, connect, echo, origin, raw, shield, statuses } from "./servers.mjs";

const exploit = "/cgi-bin/.%2e/.%2e/.%2e/bin/sh";
const v2 = "\r\n\r\n\0\r\nQUIT\n"; // how a header of version 2 begins

/** Bytes on a connection, each in a packet of its own if wanted; everything that comes back. */
async function talk(port, text, apart = false) {
  const { socket, until } = connect(port);
  await new Promise((open) => socket.once("connect", open));
  for (const piece of apart ? text : [text]) {
    await new Promise((sent) => socket.write(piece, "latin1", sent));
    if (apart) await new Promise(setImmediate);
  }
  return until((c) => c.ended);
}

/** What the echoing server says was asked of it. */
const asked = (back) => JSON.parse(back.slice(back.indexOf("{"), back.lastIndexOf("}") + 1));

const announced = {
  "version 1": "PROXY TCP4 203.0.113.7 192.0.2.1 5555 80\r\n",
  "version 1, IPv6": "PROXY TCP6 2001:db8::7 2001:db8::1 5555 80\r\n",
  "version 2": `${v2}\x21\x11\0\x0c\xcb\0\x71\x07\xc0\0\x02\x01\x15\xb3\0\x50`,
  "version 2 with an extension": `${v2}\x21\x11\0\x12\xcb\0\x71\x07\xc0\0\x02\x01\x15\xb3\0\x50\x04\0\x03abc`,
};

test("PROXY protocol in: the client is who the balancer says, in X-Forwarded-For and in events", async (t) => {
  const { port } = await echo(t);
  const gate = await configured(t, port, "proxy_protocol_in: any\n    forwarded_for: true");
  for (const [what, header] of Object.entries(announced))
    for (const apart of [false, true]) {
      const back = await talk(gate.port, header + get("/", "Connection: close\r\n"), apart);
      assert.equal(asked(back).headers["x-forwarded-for"], what.includes("IPv6") ? "2001:db8::7" : "203.0.113.7", what);
    }
  assert.deepEqual(statuses(await talk(gate.port, announced["version 2"] + get(exploit, "Connection: close\r\n"))), [400]);
  const event = await gate.told((e) => e.alert);
  assert.deepEqual([event.src_ip, event.src_port, event.dest_ip, event.dest_port], ["203.0.113.7", 5555, "192.0.2.1", 80]);
});

test("PROXY protocol in: connections that are not announced, or badly, are closed and told; the balancer's own check is served", async (t) => {
  const { port } = await echo(t);
  const gate = await configured(t, port, "proxy_protocol_in: v1");
  for (const text of [get("/"), `PROXY TCP4 203.0.113.7 192.0.2.1 5555\r\n${get("/")}`, announced["version 2"] + get("/"), `PROXY ${"x".repeat(200)}\r\n`])
    assert.equal(await talk(gate.port, text), "", text);
  assert.equal((await gate.told((e) => e.event_type === "anomaly")).sallyport.anomaly, "proxy_header");
  assert.match(gate.said.err, /service test: a connection does not start with a PROXY protocol header; closed/);
  assert.deepEqual(statuses(await talk(gate.port, `PROXY UNKNOWN\r\n${get("/", "Connection: close\r\n")}`)), [200]);
});

test("PROXY protocol out: the server is told the client's address before the first byte, once", async (t) => {
  for (const version of ["v1", "v2"]) {
    let head = "";
    const { port } = await raw(t, (socket) => socket.setEncoding("latin1").on("data", (text) => {
      head += text;
      if (head.endsWith("\r\n\r\n")) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n");
    }));
    const gate = await configured(t, port, `proxy_protocol_out: ${version}`);
    const client = connect(gate.port);
    client.socket.write(get("/1"));
    await client.until((c) => statuses(c.back).length === 1);
    client.socket.write(get("/2"));
    await client.until((c) => statuses(c.back).length === 2);
    const from = client.socket.localPort, number = (n) => String.fromCharCode(n >> 8, n & 255);
    const wanted = version === "v1"
      ? `PROXY TCP4 127.0.0.1 127.0.0.1 ${from} ${gate.port}\r\n`
      : `${v2}\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01${number(from)}${number(gate.port)}`;
    assert.equal(head, wanted + get("/1") + get("/2"));
    client.socket.destroy();
  }
});

test("PROXY protocol in and out: who was announced is announced", async (t) => {
  let head = "";
  const { port } = await raw(t, (socket) => socket.setEncoding("latin1").on("data", (text) => {
    if ((head += text).endsWith("\r\n\r\n")) socket.end("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
  }));
  const gate = await configured(t, port, "proxy_protocol_in: v2\n    proxy_protocol_out: v1");
  await talk(gate.port, announced["version 2"] + get("/"));
  assert.equal(head, announced["version 1"] + get("/"));
});

test("X-Forwarded-For: the client is added behind what is there, in every request of the connection", async (t) => {
  const { port } = await echo(t);
  const gate = await shield(t, port, "--forwarded-for");
  const client = connect(gate.port);
  const ask = async (n, more) => {
    const before = client.at.back.length;
    client.socket.write(get(`/${n}`, more));
    const back = await client.until((c) => c.back.length > before && c.back.endsWith("}"));
    return asked(back.slice(before)).headers["x-forwarded-for"];
  };
  assert.equal(await ask(1, ""), "127.0.0.1");
  assert.equal(await ask(2, "X-Forwarded-For: 198.51.100.9\r\n"), "198.51.100.9, 127.0.0.1");
  assert.equal(await ask(3, ""), "127.0.0.1");
  client.socket.destroy();
});

test("a server behind a unix socket; 502 when it is gone", async (t) => {
  const file = path.join(scratch(t), "server");
  const server = http.createServer((req, res) => res.end(`unix ${req.url}`)).listen(file);
  t.after(() => server.close());
  await new Promise((ready) => server.once("listening", ready));
  fs.chmodSync(file, 0o777); // workers are somebody else
  fs.chmodSync(path.dirname(file), 0o755);
  const gate = await shield(t, `unix:${file}`);
  assert.equal(await (await request(`${gate.url}/here`)).body.text(), "unix /here");
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
  await until("the end of the connection", async () => (await request(gate.url, { reset: true })).statusCode === 502);
});

test("IPv6 on both sides", async (t) => {
  const port = await freePort();
  const server = http.createServer((req, res) => res.end(req.headers["x-forwarded-for"])).listen(0, "::1");
  t.after(() => (server.closeAllConnections(), server.close()));
  await new Promise((ready) => server.once("listening", ready));
  const gate = await shield(t, `[::1]:${server.address().port}`, "--listen", `[::1]:${port}`, "--forwarded-for");
  assert.equal(await (await request(`http://[::1]:${port}/`)).body.text(), "::1");
  assert.equal(await (await request(gate.url)).body.text(), "127.0.0.1");
  const client = connect(port, { host: "::1" });
  client.socket.write(get(exploit, "Connection: close\r\n"));
  assert.deepEqual(statuses(await client.until((c) => c.ended)), [400]);
  const event = await gate.told((e) => e.alert);
  assert.deepEqual([event.src_ip, event.dest_ip, event.dest_port], ["::1", "::1", port]);
});

/** A port whose queue of connections is full: nobody accepts there, and further ones get no answer. */
async function deaf(t) {
  const code = 'require("net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, function () { console.log(this.address().port); })';
  const child = spawn(process.execPath, ["-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  const port = Number(await new Promise((said) => child.stdout.once("data", said)));
  child.kill("SIGSTOP");
  const waiting = [];
  t.after(() => waiting.forEach((socket) => socket.destroy()));
  const connects = () => new Promise((answer) => {
    const socket = net.connect(port, "127.0.0.1", () => answer(true)).on("error", () => {});
    waiting.push(socket);
    setTimeout(() => answer(false), 300); // on this machine it takes microseconds
  });
  while (await connects());
  return port;
}

test("a server that does not accept: 504 when the time for it is over", async (t) => {
  const gate = await configured(t, await deaf(t), "timeouts: {connect: 300ms}");
  const started = Date.now();
  assert.equal((await request(gate.url)).statusCode, 504);
  assert.ok(Date.now() - started >= 300);
  assert.match(gate.said.err, /cannot connect to the server at 127\.0\.0\.1:\d+: Connection timed out/);
});

test("a server that accepts and never answers: 504 when the connection has been idle too long", async (t) => {
  const { port, open } = await raw(t, (socket) => socket.resume());
  const gate = await configured(t, port, "timeouts: {idle: 500ms}");
  assert.equal((await request(gate.url)).statusCode, 504);
  await until("the server's side is closed", () => [...open].every((socket) => socket.readableEnded || socket.destroyed));
});

test("a server that takes the request and hangs up: 502", async (t) => {
  const { port } = await raw(t, (socket) => socket.once("data", () => socket.destroy()));
  const gate = await shield(t, port);
  assert.equal((await request(gate.url)).statusCode, 502);
});

test("a server that answers with something else: 502, and told", async (t) => {
  const { port } = await raw(t, (socket) => socket.once("data", () => socket.write("220 mail.example ESMTP\r\n\r\n")));
  const gate = await shield(t, port);
  assert.equal((await request(gate.url)).statusCode, 502);
  assert.equal((await gate.told((e) => e.event_type === "anomaly")).sallyport.anomaly, "status_line");
});

const partial = {
  "with a length": "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nthis much",
  "in chunks": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nthis much\r\n",
  "in the middle of a chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nthis much",
};
for (const [kind, text] of Object.entries(partial))
  for (const reset of [false, true])
    test(`a body ${kind} of a server that dies ${reset ? "with a reset" : "in order"}: never taken for whole`, async (t) => {
      let begun = () => {};
      const { port } = await raw(t, (socket) => socket.once("data", () => socket.write(text, () => (begun = () => (reset ? socket.resetAndDestroy() : socket.end())))));
      const gate = await shield(t, port);
      const { statusCode, body } = await request(gate.url);
      assert.equal(statusCode, 200);
      let came = "";
      await assert.rejects(async () => {
        for await (const bytes of body) {
          came += bytes;
          begun();
        }
      });
      assert.equal(came, "this much");
    });

test("a body that the connection's end ends: a reset stays a reset, an end an end", async (t) => {
  let end = () => {};
  const { port } = await raw(t, (socket) => socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\n\r\nthis much", () => (end = (how) => socket[how]()))));
  const gate = await shield(t, port);
  for (const [how, error] of [["end", undefined], ["resetAndDestroy", "ECONNRESET"]]) {
    const client = connect(gate.port);
    client.socket.write(get("/"));
    await client.until((c) => c.back.endsWith("this much"));
    end(how);
    await client.until((c) => c.ended);
    assert.equal(client.at.error, error, how);
  }
});

test("a server that ends an idle connection: so does the client's, and the next is served", async (t) => {
  const { server, port } = await origin(t, (req, res) => res.end(req.url));
  server.keepAliveTimeout = 200;
  const gate = await shield(t, port);
  const client = connect(gate.port);
  client.socket.write(get("/first"));
  assert.match(await client.until((c) => c.ended), /\/first/);
  assert.equal(await (await request(`${gate.url}/second`)).body.text(), "/second");
});

test("a client that ends before its request does: the server never hears of it", async (t) => {
  let heard = "";
  const { port } = await raw(t, (socket) => socket.on("data", (bytes) => (heard += bytes)));
  const gate = await shield(t, port);
  for (const text of ["GET / HT", "GET / HTTP/1.1\r\nHost: a\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"]) {
    const client = connect(gate.port);
    client.socket.end(text);
    await client.until((c) => c.ended);
  }
  assert.equal(heard, "");
});

test("a head that comes byte by byte is a head", async (t) => {
  const { port } = await echo(t);
  const gate = await shield(t, port);
  const text = get("/slow", "Connection: close\r\nX-Long: " + "y".repeat(300) + "\r\n");
  assert.equal(asked(await talk(gate.port, text, true)).url, "/slow");
  assert.deepEqual(statuses(await talk(gate.port, get(exploit, "Connection: close\r\n"), true)), [400]);
});

test("a body that is read and does not come: 408", async (t) => {
  let heard = "";
  const { port } = await raw(t, (socket) => socket.on("data", (bytes) => (heard += bytes)));
  const gate = await configured(t, port, "timeouts: {body: 500ms}");
  const client = connect(gate.port);
  client.socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{");
  assert.deepEqual(statuses(await client.until((c) => c.ended)), [408]);
  assert.equal(heard, "");
});
