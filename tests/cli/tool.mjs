// SPDX-License-Identifier: Apache-2.0
// tool: what the tests of the command line share: running the binary, files that go away, servers, records, captures.
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
export const binary = path.resolve(process.env.SALLYPORT ?? path.join(root, "build/src/proc/sallyport"));

/** Runs it to its end. */
export function run(args, { input, cwd = root, stdio, env } = {}) {
  const done = spawnSync(binary, args, { input, cwd, stdio, env, encoding: "utf8", maxBuffer: 1 << 28, timeout: 60000 });
  if (done.error && done.error.code !== "EPIPE") throw done.error; // it may end before it has read all its input
  return { status: done.status, out: done.stdout ?? "", err: done.stderr ?? "" };
}

/** One line of complaint, the given exit status, nothing on standard output. */
export function complains(assert, result, status, pattern) {
  assert.match(result.err, pattern);
  assert.equal(result.err.trimEnd().split("\n").length, 1, `one line: ${result.err}`);
  assert.equal(result.status, status);
  assert.equal(result.out, "");
}

/** A directory that is removed when the test ends. */
export function scratch(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-test-"));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export function write(dir, name, text) {
  const file = path.join(dir, name);
  fs.writeFileSync(file, text);
  return file;
}

export async function freePort() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await new Promise((ready) => server.once("listening", ready));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

/** An HTTP server that answers everything with 200; returns its port. */
export async function origin(t) {
  const server = http.createServer((_, res) => res.end("hello\n")).listen(0, "127.0.0.1");
  await new Promise((ready) => server.once("listening", ready));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return server.address().port;
}

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Waits until something holds; fails after a while. */
export async function until(what, holds, ms = 15000) {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(20)) if (await holds()) return;
  throw new Error(`never happened: ${what}`);
}

/** Whether something listens there. */
export function accepts(port) {
  return new Promise((answer) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.once("connect", () => answer(true)).once("error", () => answer(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** Starts it and waits until `port` takes connections; it is ended with the test. `files`: how many it may have open. */
export async function start(t, args, port, { stdio = ["ignore", "pipe", "pipe"], cwd = root, files } = {}) {
  const child = files ? spawn("sh", ["-c", 'ulimit -n "$0" && exec "$@"', files, binary, ...args], { stdio, cwd }) : spawn(binary, args, { stdio, cwd });
  const said = { out: "", err: "" };
  child.stdout?.on("data", (text) => (said.out += text));
  child.stderr?.on("data", (text) => (said.err += text));
  const ended = new Promise((done) => child.once("exit", (code, signal) => done(code ?? signal)));
  t.after(async () => {
    for (const signal of ["SIGTERM", "SIGINT"]) child.kill(signal); // the second one ends it at once, with everything it started
    await ended;
  });
  await until("listening", async () => {
    if (child.exitCode !== null) throw new Error(`it does not start: ${said.err}`);
    return accepts(port);
  });
  const stop = async (signal = "SIGTERM") => {
    child.kill(signal);
    return ended;
  };
  return { child, said, ended, stop };
}

/** A process and everything that it started, and so on: [{ pid, title }]. */
export function descendants(root) {
  const parents = new Map(), titles = new Map();
  for (const pid of fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number))
    try {
      const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (state === "Z") continue;
      parents.set(pid, Number(parent));
      titles.set(pid, fs.readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ").trim());
    } catch {} // it has ended in between
  const belongs = (pid) => pid === root || (parents.has(pid) && belongs(parents.get(pid)));
  return [...titles.keys()].filter(belongs).map((pid) => ({ pid, title: titles.get(pid) }));
}

/** Sends bytes on one connection, returns everything that comes back. */
export function exchange(port, text) {
  return new Promise((done, failed) => {
    let back = "";
    const socket = net.connect(port, "127.0.0.1", () => socket.end(text));
    socket.on("data", (bytes) => (back += bytes)).on("end", () => done(back)).on("error", failed);
  });
}

export const request = (target, extra = "") => `GET ${target} HTTP/1.1\r\nHost: a\r\n${extra}\r\n`;
export const response = (body = "ok") => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/** A line for `judge`. */
export function record(id, client, more = {}) {
  const { server, ...rest } = more;
  const line = { id, protocol: "http", ...rest, client: Buffer.from(client, "latin1").toString("base64") };
  if (server !== undefined) line.server = Buffer.from(server, "latin1").toString("base64");
  return JSON.stringify(line) + "\n";
}

/** Holds a value against a JSON Schema, as far as ours go. */
export function conforms(assert, value, { type, properties = {}, required = [], additionalProperties }, where = "event") {
  if (type === "integer") assert.ok(Number.isSafeInteger(value), where);
  else assert.equal(typeof value, type, where);
  for (const name of required) assert.ok(name in value, `${where}.${name}`);
  for (const name of Object.keys(type === "object" ? value : {}))
    if (properties[name]) conforms(assert, value[name], properties[name], `${where}.${name}`);
    else assert.notEqual(additionalProperties, false, `${where}.${name}`);
}

/** Two rules of the tests' own: one refuses, one corrects. */
export const rules = `
patch: TEST-0001
title: A query argument that the test server cannot bear
severity: high
protocol: http
when: http.request.uri.args["evil"] == "1"
then: refuse 403
cases:
  - {send: "GET /?evil=1 HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n", expect: refuse}
  - {send: "GET /?evil=2 HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n", expect: pass}
---
patch: TEST-0002
title: A header that is too long for the test server
severity: critical
protocol: http
when: len(http.request.headers["x-long"]) > 8
then: truncate http.request.headers["x-long"] to 8
cases:
  - {send: "GET / HTTP/1.1\\r\\nHost: a\\r\\nX-Long: 123456789\\r\\n\\r\\n", expect: correct}
  - {send: "GET / HTTP/1.1\\r\\nHost: a\\r\\nX-Long: 12345678\\r\\n\\r\\n", expect: pass}
`;
