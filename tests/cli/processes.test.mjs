// SPDX-License-Identifier: Apache-2.0
// Processes: whoever of them dies, is replaced or becomes another program, connections go on.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import test from "node:test";
import { binary, complains, descendants, exchange, freePort, origin, request, rules, run, scratch, sleep, start, until, write } from "./tool.mjs";

const CLIENTS = 20;

/** A running instance with a configuration and a runtime directory of its own. */
async function instance(t, { workers = 2, more = "" } = {}) {
  const dir = scratch(t), [port, to] = [await freePort(), await origin(t)], file = write(dir, "rules.yaml", rules), runtime = path.join(dir, "run");
  const text = (services) => `services:\n${services}workers: ${workers}\nruntime: ${runtime}\nrules: [${file}]\n${more}`;
  const service = (name, listen) => `  - {name: ${name}, listen: ["127.0.0.1:${listen}"], to: "127.0.0.1:${to}"}\n`;
  const config = write(dir, "sallyport.yaml", text(service("shop", port)));
  const shield = await start(t, ["run", "-c", config], port);
  const ask = (...words) => run([...words, "--runtime", runtime]);
  await until("every worker serves", () => ask("status").status === 0);
  const all = () => descendants(shield.child.pid).filter(({ title }) => !title.startsWith("sallyport: compiler")); // which may still be ending
  const family = (title) => all().filter((one) => one.title.startsWith(`sallyport: ${title}`));
  /** Those that stay; processes come and go while something is compiled or replaced. */
  const standing = async () => {
    let found;
    await until("only those that stay", () => (found = all()).length === 2 + 2 * workers);
    return found;
  };
  return { ...shield, dir, port, runtime, config, text, service, ask, all, standing, family };
}

/** Keep-alive clients that ask all the time; `end` says how many answers they got and complains about everything that was lost. */
function crowd(port) {
  const lost = [];
  let answers = 0, over = false;
  const clients = Array.from({ length: CLIENTS }, async () => {
    const socket = net.connect(port, "127.0.0.1");
    let back = "", wake = () => {}, ended = false;
    socket.on("data", (bytes) => { back += bytes; wake(); }).on("error", (error) => lost.push(error.code)).on("close", () => { ended = true; wake(); });
    while (!over && !ended) {
      back = "";
      socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234");
      await sleep(1 + Math.random() * 10);
      socket.write("56789");
      while (!back.endsWith("hello\n") && !ended) await new Promise((done) => (wake = done));
      if (ended || !back.startsWith("HTTP/1.1 200 ")) lost.push(`after ${answers}: ${back.slice(0, 60)}`);
      else answers++;
    }
    socket.destroy();
  });
  const end = async () => {
    over = true;
    await Promise.all(clients);
    assert.deepEqual(lost, []);
    assert.ok(answers > CLIENTS, String(answers));
  };
  const more = () => {
    const goal = answers + 3 * CLIENTS;
    return until("more answers", () => answers >= goal);
  };
  return { end, more };
}

const answered = async (port, target = "/") => /^HTTP\/1\.1 (\d+)/.exec(await exchange(port, request(target, "Connection: close\r\n")))?.[1];

test("status lists every process; at the end none of them is left, nor any socket", async (t) => {
  const it = await instance(t);
  const { status, out } = it.ask("status");
  assert.equal(status, 0);
  assert.match(out, /^supervisor +\d+ +version \d.*\nadmin +\d+ +writes events\n(keeper \d +\d+ +worker \d+, inspecting, .*\n){2}$/);
  assert.deepEqual([it.family("keeper").length, it.family("worker").length, it.family("admin").length], [2, 2, 1]);
  const before = await it.standing(), stays = ({ pid }) => fs.existsSync(`/proc/${pid}`);
  assert.equal(await it.stop(), 0);
  await until("all of them have ended", () => !before.some(stays)); // somebody else takes their leave
  assert.deepEqual(fs.readdirSync(it.runtime), []);
});

test("a worker is killed again and again: no connection is lost", async (t) => {
  const it = await instance(t), clients = crowd(it.port);
  for (let i = 0; i < 6; i++) {
    await clients.more();
    const [worker] = it.family(`worker ${i % 2}`);
    process.kill(worker.pid, i % 3 ? "SIGKILL" : "SIGSEGV");
    await until("another one", () => it.family(`worker ${i % 2}`).some(({ pid }) => pid !== worker.pid));
  }
  await clients.more();
  await clients.end();
  assert.match(it.said.err, /worker \d (was killed|died of Segmentation fault); its successor went on after \d+\.\d ms/);
});

test("a worker that stands still is replaced by the watchdog", async (t) => {
  const it = await instance(t, { workers: 1, more: "watchdog: 300ms\n" }), clients = crowd(it.port);
  await clients.more();
  process.kill(it.family("worker")[0].pid, "SIGSTOP");
  await until("it is said", () => /worker 0 hung and was ended/.test(it.said.err));
  await clients.more();
  await clients.end();
});

test("a keeper is killed: its worker serves on and hands over to a fresh one", async (t) => {
  const it = await instance(t), clients = crowd(it.port);
  await clients.more();
  const [orphan] = it.family("worker 0");
  process.kill(it.family("keeper 0")[0].pid, "SIGKILL");
  await until("a fresh one", () => it.family("keeper").some(({ title }) => title.endsWith(" 2")));
  await clients.more();
  await until("the orphan's end", () => !it.family("worker").some(({ pid }) => pid === orphan.pid));
  await clients.more();
  await clients.end();
  assert.match(it.said.err, /keeper 0 died: its worker serves on alone/);
});

test("the supervisor is killed: service goes on, and the next one takes over", async (t) => {
  const it = await instance(t), clients = crowd(it.port);
  await clients.more();
  const workers = it.family("worker").map(({ pid }) => pid).sort();
  it.child.kill("SIGKILL");
  await it.ended;
  await clients.more();
  assert.equal(await answered(it.port, "/?evil=1"), "403");
  const next = await start(t, ["run", "-c", it.config], it.port);
  await until("it took over", () => /2 keepers of an earlier supervisor still serve: taken over/.test(next.said.err));
  await until("it answers", () => it.ask("status").status === 0);
  const { out } = it.ask("status");
  assert.deepEqual([...out.matchAll(/worker (\d+)/g)].map((m) => Number(m[1])).sort(), workers);
  await clients.more();
  assert.equal(it.ask("upgrade").status, 0);
  await clients.more();
  await clients.end();
  assert.equal(await next.stop(), 0);
  for (const pid of workers) assert.throws(() => process.kill(pid, 0));
});

test("a supervisor and a keeper are killed: the worker that has neither hands over to the next supervisor's", async (t) => {
  const it = await instance(t), clients = crowd(it.port);
  await clients.more();
  const keeper = it.family("keeper 0")[0].pid;
  it.child.kill("SIGKILL");
  process.kill(keeper, "SIGKILL");
  await it.ended;
  await clients.more();
  const next = await start(t, ["run", "-c", it.config], it.port);
  await until("it took over", () => /2 keepers of an earlier supervisor still serve: taken over/.test(next.said.err));
  for (let i = 0; i < CLIENTS; i++) assert.equal(await answered(it.port), "200");
  await until("the orphan's end", () => !/without a keeper/.test(it.ask("status").out));
  await clients.more();
  await clients.end();
  assert.equal(await next.stop(), 0);
});

test("reload: what is valid comes into force, what is not changes nothing and is explained", async (t) => {
  const it = await instance(t), clients = crowd(it.port), other = await freePort();
  assert.equal(await answered(it.port, "/?worse=1"), "200");
  write(it.dir, "rules.yaml", rules.replaceAll("evil", "worse"));
  write(it.dir, "sallyport.yaml", it.text(it.service("shop", it.port) + it.service("more", other)));
  const good = it.ask("reload");
  assert.deepEqual([good.status, good.err], [0, ""]);
  assert.match(good.out, /^loaded again: 2 rules from /);
  assert.deepEqual([await answered(it.port, "/?worse=1"), await answered(it.port, "/?evil=1"), await answered(other)], ["403", "200", "200"]);
  write(it.dir, "sallyport.yaml", it.text(it.service("shop", it.port) + "  - {nmae: x}\n"));
  const bad = it.ask("reload");
  assert.equal(bad.status, 2);
  assert.match(bad.err, /sallyport\.yaml:3:6: error: unknown key 'nmae'; did you mean 'name'\?/);
  assert.deepEqual([await answered(it.port, "/?worse=1"), await answered(other)], ["403", "200"]);
  write(it.dir, "sallyport.yaml", it.text(it.service("shop", it.port)));
  assert.equal(it.ask("reload").status, 0);
  await assert.rejects(exchange(other, request("/")), /ECONNREFUSED/);
  await clients.more();
  await clients.end();
  assert.match(it.said.err, /not loaded again: what was in force stays in force/);
});

test("reload: an address that is taken changes nothing", async (t) => {
  const it = await instance(t), taken = net.createServer().listen(0, "127.0.0.1");
  t.after(() => taken.close());
  await new Promise((ready) => taken.once("listening", ready));
  write(it.dir, "rules.yaml", rules.replaceAll("evil", "worse"));
  write(it.dir, "sallyport.yaml", it.text(it.service("shop", it.port) + it.service("more", taken.address().port)));
  const { status, err } = it.ask("reload");
  assert.equal(status, 1);
  assert.match(err, /^cannot listen on 127\.0\.0\.1:\d+: another program listens there\n$/);
  assert.deepEqual([await answered(it.port, "/?evil=1"), await answered(it.port, "/?worse=1")], ["403", "200"]);
});

test("reload fifty times: no descriptor and no process is left over", async (t) => {
  const it = await instance(t), clients = crowd(it.port);
  const open = async () => (await it.standing()).reduce((sum, { pid }) => sum + fs.readdirSync(`/proc/${pid}/fd`).length, 0);
  for (let i = 0; i < 5; i++) assert.equal(it.ask("reload").status, 0);
  await clients.more();
  const before = await open();
  for (let i = 0; i < 45; i++) assert.equal(it.ask("reload").status, 0);
  await clients.more();
  const after = await open();
  assert.ok(Math.abs(after - before) < 10, `${before} ${after}`);
  await clients.end();
});

test("upgrade: every process but the supervisor is another one, no connection is lost", async (t) => {
  const it = await instance(t), clients = crowd(it.port);
  const before = (await it.standing()).map(({ pid }) => pid);
  for (let i = 0; i < 3; i++) {
    await clients.more();
    const { status, out } = it.ask("upgrade");
    assert.equal(status, 0);
    assert.match(out, /^upgraded to version \d+\.\d+\.\d+ \(build [0-9a-f]{16}\)\n$/);
  }
  await clients.more();
  await clients.end();
  const after = (await it.standing()).map(({ pid }) => pid);
  assert.deepEqual(after.filter((pid) => before.includes(pid)), [it.child.pid]);
  assert.equal(await it.stop(), 0);
});

test("upgrade: a program that does not run here changes nothing", async (t) => {
  const it = await instance(t);
  const script = write(it.dir, "other", "#!/bin/sh\nexit 0\n");
  fs.chmodSync(script, 0o755);
  for (const other of [script, "/bin/true", it.config]) {
    const { status, err } = it.ask("upgrade", "--binary", other);
    assert.equal(status, 2);
    assert.match(err, /the other program does not run here/);
  }
  complains(assert, it.ask("upgrade", "--binary", "/nonexistent"), 2, /cannot read \/nonexistent/);
  assert.equal(await answered(it.port), "200");
});

test("a second instance on the same address is told so; one that is not there too", async (t) => {
  const it = await instance(t);
  const { status, err } = run(["run", "-c", it.config]);
  assert.equal(status, 1);
  assert.match(err, /cannot listen on 127\.0\.0\.1:\d+: another program listens there/);
  complains(assert, run(["status", "--runtime", path.join(it.dir, "nowhere")]), 1, /nothing runs in .*nowhere: No such file or directory/);
  assert.equal(await answered(it.port), "200");
});

test("a second signal ends everything at once", async (t) => {
  const it = await instance(t), held = net.connect(it.port, "127.0.0.1");
  t.after(() => held.destroy());
  held.on("error", () => {}).write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01");
  await sleep(200);
  const before = it.all();
  it.child.kill("SIGTERM");
  await until("the first is heard", () => /terminated: no new connections/.test(it.said.err));
  it.child.kill("SIGTERM");
  assert.equal(await it.ended, "SIGTERM");
  await until("all are gone", () => before.every(({ pid }) => !fs.existsSync(`/proc/${pid}`) || /\) Z /.test(fs.readFileSync(`/proc/${pid}/stat`, "latin1"))));
});

test("without survival nobody outlives the supervisor", async (t) => {
  const it = await instance(t, { more: "survival: false\n" });
  const before = it.all();
  assert.equal(await answered(it.port), "200");
  it.child.kill("SIGKILL");
  await it.ended;
  await until("all are gone", () => before.every(({ pid }) => !fs.existsSync(`/proc/${pid}`) || /\) Z /.test(fs.readFileSync(`/proc/${pid}/stat`, "latin1"))));
});

/** What a service manager does: it listens, hands its socket over, and listens on when the service has ended. */
const manager = `
const server = require("net").createServer((socket) => socket.end("the manager's")).listen(Number(process.argv[1]), "127.0.0.1", () => {
  require("child_process").spawnSync("sh", ["-c", 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"', "sh", ...process.argv.slice(2)],
    { stdio: ["ignore", "inherit", "inherit", server._handle.fd] });
});`;

test("a service manager's socket is shared by all workers, and is still its own when we have ended", async (t) => {
  const dir = scratch(t), [port, to] = [await freePort(), await origin(t)], runtime = path.join(dir, "run");
  const config = write(dir, "s.yaml", `services: [{name: shop, listen: ["127.0.0.1:${port}"], to: "127.0.0.1:${to}"}]\nworkers: 2\nruntime: ${runtime}\n` +
    `rules: [${write(dir, "rules.yaml", rules)}]\n`);
  const parent = spawn(process.execPath, ["-e", manager, String(port), binary, "run", "-c", config], { stdio: ["ignore", "ignore", "pipe"] });
  const supervisor = () => descendants(parent.pid).find(({ title }) => title.endsWith(`run -c ${config}`) && !title.includes("LISTEN_PID"));
  t.after(async () => {
    for (const signal of ["SIGTERM", "SIGINT"]) if (supervisor()) process.kill(supervisor().pid, signal);
    await until("the end", () => !supervisor());
    parent.kill("SIGKILL");
  });
  await until("it serves", () => run(["status", "--runtime", runtime]).status === 0);
  const clients = crowd(port);
  await clients.more();
  assert.equal(run(["reload", "--runtime", runtime]).status, 0);
  await clients.more();
  assert.equal(run(["upgrade", "--runtime", runtime]).status, 0);
  await clients.more();
  await clients.end();
  process.kill(supervisor().pid, "SIGTERM");
  await until("the manager answers", async () => (await exchange(port, "")) === "the manager's");
});

test("what is no process of ours gets no answer", async (t) => {
  for (const role of ["worker", "nobody", ""]) {
    const child = spawn(binary, ["--role", role], { stdio: "ignore" });
    assert.equal(await new Promise((done) => child.once("exit", done)), 2);
  }
});
