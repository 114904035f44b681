// SPDX-License-Identifier: Apache-2.0
// Events: what a line says, and that no output, however full or slow, holds up traffic.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import test from "node:test";
import { Capture, Connection } from "./capture.mjs";
import { conforms, descendants, exchange, freePort, origin, request, response, root, rules, run, scratch, start, until, write } from "./tool.mjs";

async function shielded(t, { events, dir = scratch(t), options = [], stdio }) {
  const [port, to] = [await freePort(), await origin(t)];
  const file = write(dir, "rules.yaml", rules);
  const args = ["protect", "--listen", `127.0.0.1:${port}`, "--to", `127.0.0.1:${to}`, "--rules", file, ...events.flatMap((e) => ["--events", e]), ...options];
  return { dir, port, shield: await start(t, args, port, { stdio }) };
}

const attack = request("/shop?evil=1&x=" + "y".repeat(1500), "User-Agent: test/1\r\n");
const lines = (text) => text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
const read = (file) => (fs.existsSync(file) ? lines(fs.readFileSync(file, "utf8")) : []);

/** Many attacks on a few connections; every one must be answered. */
async function storm(port, total) {
  const each = 50;
  for (let done = 0; done < total; done += each * 4) {
    const answers = await Promise.all(Array.from({ length: 4 }, () => exchange(port, attack.repeat(each))));
    for (const answer of answers) assert.equal(answer.match(/^HTTP\/1\.1 403/gm).length, each);
  }
}

test("a line has EVE's members and ours", async (t) => {
  const dir = scratch(t), file = path.join(dir, "events.json");
  const { port, shield } = await shielded(t, { events: [file], dir });
  await exchange(port, request("/a?evil=1", "User-Agent: test/1\r\nReferer: http://b/\r\nContent-Type: text/x\r\n"));
  await until("an event", () => read(file).length > 0);
  const [event] = read(file);
  assert.match(event.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+0000$/);
  assert.equal(event.event_type, "alert");
  assert.deepEqual([event.src_ip, event.dest_ip, event.dest_port, event.proto, event.app_proto], ["127.0.0.1", "127.0.0.1", port, "TCP", "http"]);
  assert.deepEqual(event.http, { hostname: "a", url: "/a?evil=1", http_user_agent: "test/1", http_refer: "http://b/", http_method: "GET", protocol: "HTTP/1.1", http_content_type: "text/x" });
  const { signature_id, ...alert } = event.alert;
  assert.ok(Number.isInteger(signature_id));
  assert.deepEqual(alert, { action: "blocked", gid: 1, rev: 1, signature: "A query argument that the test server cannot bear", category: "Class of weakness", severity: 2 });
  assert.equal(event.sallyport.rule, "TEST-0001");
  assert.equal(event.sallyport.verdict, "refuse");
  assert.equal(event.sallyport.field, 'http.request.uri.args["evil"]');
  assert.equal(event.sallyport.before, "1");
  assert.equal(event.sallyport.status, 403);
  assert.equal(await shield.stop(), 0);
});

test("a correction tells before and after; a malformed request is an anomaly", async (t) => {
  const dir = scratch(t), file = path.join(dir, "events.json");
  const { port } = await shielded(t, { events: [file], dir });
  await exchange(port, request("/", "X-Long: 123456789\r\nConnection: close\r\n"));
  await until("an event", () => read(file).length > 0);
  const [event] = read(file);
  assert.equal(event.alert.action, "allowed");
  assert.deepEqual([event.sallyport.verdict, event.sallyport.before, event.sallyport.after], ["correct", "123456789", "12345678"]);
  await exchange(port, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n");
  await until("another", () => read(file).length > 1);
  const anomaly = read(file)[1];
  assert.equal(anomaly.event_type, "anomaly");
  assert.equal(anomaly.alert, undefined);
  assert.equal(anomaly.anomaly.event, anomaly.sallyport.anomaly);
  assert.equal(anomaly.sallyport.verdict, "refuse");
});

test("every line follows the schema in docs/", (t) => {
  const schema = JSON.parse(fs.readFileSync(path.join(root, "docs/event.schema.json"), "utf8"));
  const { events } = judged(t);
  assert.ok(events.length >= 3);
  for (const event of events) conforms(assert, event, schema);
});

/** Events without a socket: through a capture. */
function judged(t) {
  const dir = scratch(t);
  const strange = Buffer.concat([Buffer.from("GET /?evil=1&x=\xff\xc3"), Buffer.from("y".repeat(5000) + '"\\')]).toString("latin1");
  const client = [attack, `${strange} HTTP/1.1\r\nHost: a\r\nX-Long: ${"\u00e4".repeat(3000)}\r\n\r\n`, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n"];
  return { events: client.flatMap((bytes) => replayed(dir, bytes)) };
}

function replayed(dir, bytes) {
  const file = write(dir, "one.pcap", oneConnection(bytes));
  return lines(run(["replay", "--rules", write(dir, "rules.yaml", rules), file]).out);
}

function oneConnection(bytes) {
  const capture = new Capture();
  new Connection(capture).open().send(0, bytes).send(1, response()).close();
  return capture.bytes;
}

test("long values are cut, and say by how much", (t) => {
  const before = judged(t).events.flatMap((event) => event.sallyport.before ?? []);
  for (const value of before) assert.ok(value.length < 4200, String(value.length));
  const url = judged(t).events.find((event) => event.http?.url.length > 2000).http.url;
  assert.match(url, /\.\.\. \(\d+ more bytes\)$/);
});

test("--events - writes to standard output", async (t) => {
  const { port, shield } = await shielded(t, { events: ["-"] });
  await exchange(port, attack);
  await until("a line", () => lines(shield.said.out).length === 1);
});

test("SIGHUP opens a file again after rotation", async (t) => {
  const dir = scratch(t), file = path.join(dir, "events.json");
  const { port, shield } = await shielded(t, { events: [file], dir });
  await exchange(port, attack);
  await until("the first", () => read(file).length === 1);
  fs.renameSync(file, file + ".1");
  shield.child.kill("SIGHUP");
  await until("a new file", () => fs.existsSync(file));
  await exchange(port, attack);
  await until("the second", () => read(file).length === 1);
  assert.equal(read(file + ".1").length, 1);
});

test("an output that can never work is said before anything listens, exit status 1", async (t) => {
  const port = await freePort();
  const file = write(scratch(t), "rules.yaml", rules);
  const { status, err } = run(["protect", "--listen", `127.0.0.1:${port}`, "--to", "127.0.0.1:1", "--rules", file, "--events", "/nonexistent/events.json"]);
  assert.equal(status, 1);
  assert.match(err, /cannot write events to \/nonexistent\/events\.json: No such file or directory/);
});

test("a full disk: traffic goes on", async (t) => {
  const { port, shield } = await shielded(t, { events: ["/dev/full"] });
  await storm(port, 4000);
  assert.match(shield.said.err, /events: cannot write to \/dev\/full: No space left on device/);
  assert.equal(await shield.stop(), 0);
  assert.match(shield.said.err, /events: \d+ could not be written to \/dev\/full/);
});

test("a FIFO that nobody reads: traffic goes on; when somebody does, the missing lines are counted", async (t) => {
  const dir = scratch(t), fifo = path.join(dir, "fifo");
  execFileSync("mkfifo", [fifo]);
  const { port, shield } = await shielded(t, { events: [fifo], dir });
  await storm(port, 4000);
  let text = "";
  const reader = fs.createReadStream(fifo, "utf8").on("data", (more) => (text += more));
  t.after(() => reader.destroy());
  await until("the report", () => /"events_dropped":/.test(text));
  const got = lines(text);
  const told = got.filter((event) => event.event_type === "stats").reduce((sum, event) => sum + event.stats.sallyport.events_dropped, 0);
  assert.equal(got.filter((event) => event.event_type === "alert").length + told, 4000);
  assert.match(shield.said.err, /takes events again; \d+ were dropped/);
});

test("a socket that stops reading: traffic goes on; what was not dropped comes whole", async (t) => {
  const dir = scratch(t), file = path.join(dir, "socket");
  let text = "", socket;
  const collector = net.createServer((from) => (socket = from.pause())).listen(file);
  t.after(() => (socket?.destroy(), collector.close()));
  const { port } = await shielded(t, { events: [`unix:${file}`], dir });
  await until("a connection", () => socket);
  await storm(port, 4000);
  socket.setEncoding("utf8").on("data", (more) => (text += more)).resume();
  await until("the report", () => /"events_dropped":\d+}}}\n/.test(text));
  const got = lines(text);
  const told = got.filter((event) => event.event_type === "stats").reduce((sum, event) => sum + event.stats.sallyport.events_dropped, 0);
  assert.equal(got.filter((event) => event.event_type === "alert").length + told, 4000);
});

test("two outputs: one that is stuck does not hold up the other", async (t) => {
  const dir = scratch(t), file = path.join(dir, "events.json"), fifo = path.join(dir, "fifo");
  execFileSync("mkfifo", [fifo]);
  const { port } = await shielded(t, { events: [fifo, file], dir });
  await storm(port, 2000);
  await until("all of them", () => read(file).length === 2000);
});

const member = (shield, title) => descendants(shield.child.pid).find((one) => one.title.startsWith(`sallyport: ${title}`));

test("a worker that ends is an event; no event of traffic is missing", async (t) => {
  const dir = scratch(t), file = path.join(dir, "events.json");
  const schema = JSON.parse(fs.readFileSync(path.join(root, "docs/event.schema.json"), "utf8"));
  const { port, shield } = await shielded(t, { events: [file], dir });
  const ends = () => read(file).filter((event) => event.event_type === "sallyport");
  const traffic = storm(port, 2000);
  for (const [signal, what, number] of [["SIGKILL", "killed", 9], ["SIGSEGV", "died", 11]]) {
    await until("a worker", () => member(shield, "worker"));
    process.kill(member(shield, "worker").pid, signal);
    await until("its event", () => ends().some((event) => event.worker.event === what));
    const event = ends().find(({ worker }) => worker.event === what);
    conforms(assert, event, schema);
    assert.deepEqual([event.worker.signal, Number.isInteger(event.worker.slot), event.worker.restart_us > 0], [number, true, true]);
  }
  await traffic;
  await until("all of them", () => read(file).filter((event) => event.event_type === "alert").length >= 2000);
  assert.equal(await shield.stop(), 0);
});

test("the admin is killed: what is reported without it is written by the next", async (t) => {
  const dir = scratch(t), file = path.join(dir, "events.json");
  const { port, shield } = await shielded(t, { events: [file], dir });
  await storm(port, 200);
  await until("the first", () => read(file).length === 200);
  const { pid } = member(shield, "admin");
  process.kill(pid, "SIGKILL");
  await storm(port, 200);
  await until("the rest", () => read(file).length === 400);
  assert.notEqual(member(shield, "admin").pid, pid);
});
