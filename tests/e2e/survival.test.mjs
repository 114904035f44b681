// SPDX-License-Identifier: Apache-2.0
// survival: what `make soak` does for minutes, for seconds: under a load that checks every byte workers are killed, crash, hang, are upgraded and reloaded.
// Nothing here depends on how fast the machine is.
import assert from "node:assert/strict";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import test from "node:test";
import { sleep, until } from "../../soak/machine.mjs";
import { Stage, answers, ask, get, talker } from "../../soak/stage.mjs";
import { binary, root, scratch } from "../cli/tool.mjs";

const programs = process.env.SOAK_PROGRAMS, faulty = process.env.SALLYPORT_FAULT, other = process.env.SALLYPORT_NEXT;
const LOSSES = ["lost", "refused", "failed", "altered", "duplicated", "missing", "hung"];
const CONNECTIONS = 200, RATE = 16 << 20;

/** Origin, Sallyport and a load at work, until the test ends. */
async function stage(t, { program = binary, ...options } = {}) {
  const s = new Stage(programs, program);
  t.after(() => s.close());
  await s.open({ connections: CONNECTIONS, rate: RATE, ...options });
  s.workersWanted = s.workers().length;
  return s;
}

function nothingLost(s, report) {
  for (const name of LOSSES) assert.equal(report[name] ?? 0, 0, `${report[name]} ${name}\n${s.evidence()}`);
}

/** Everything under way comes to its end, the server saw nothing odd, and no process stays behind. */
async function endsWell(s) {
  await sleep(500);
  const { last, end, origin } = await s.finish();
  assert.ok(last.requests > 100 && last.frames > 20, `${last.requests} requests, ${last.frames} frames`);
  nothingLost(s, last);
  nothingLost(s, end);
  assert.equal(origin.wrong, 0);
  assert.deepEqual(await s.close(), { orderly: true, left: 0 });
}

/** Only those serve that are meant to. */
async function calm(s) {
  await until("every worker inspects, nothing earlier is left", async () => {
    const { status, text } = await s.command(["status"]);
    return status === 0 && !/draining|earlier program|without a keeper|starting/.test(text) && [...text.matchAll(/inspecting/g)].length === s.workersWanted;
  }, 60000);
}

/** A relay that does something once to the first long answer, behind its first mebibyte. */
async function meddler(t, to, meddle) {
  let done = false;
  const server = net.createServer((client) => {
    const upstream = net.connect(to, "127.0.0.1").on("error", () => client.destroy());
    let passed = 0;
    client.on("error", () => upstream.destroy()).on("close", () => upstream.destroy()).pipe(upstream);
    upstream.on("close", () => client.end()).on("data", (bytes) => {
      passed += bytes.length;
      if (!done && passed > 1 << 20 && bytes.length > 4000) {
        done = true;
        meddle(client, bytes, upstream);
      } else if (!client.write(bytes)) {
        upstream.pause();
        client.once("drain", () => upstream.resume());
      }
    });
  }).listen(0, "127.0.0.1");
  await new Promise((ready) => server.once("listening", ready));
  t.after(() => server.close());
  return server.address().port;
}

const meddling = {
  altered: [1, (client, bytes) => ((bytes[2000] ^= 1), client.write(bytes))],
  missing: [1000, (client, bytes) => client.write(Buffer.concat([bytes.subarray(0, 2000), bytes.subarray(3000)]))],
  duplicated: [1000, (client, bytes) => client.write(Buffer.concat([bytes.subarray(0, 3000), bytes.subarray(2000)]))],
  lost: [1, (client) => client.resetAndDestroy()],
  slow: [0, (client, bytes, upstream) => (upstream.pause(), setTimeout(() => (client.write(bytes), upstream.resume()), 1500))],
};

for (const [what, [count, meddle]] of Object.entries(meddling))
  test(`the load sees what is ${what}`, async (t) => {
    const dir = scratch(t), origin = talker(path.join(programs, "origin"), [], path.join(dir, "origin.log"));
    t.after(() => origin.end());
    const port = await meddler(t, (await origin.next()).port, meddle);
    const load = talker(path.join(programs, "load"), [`port=${port}`, "connections=8", "downloads=1", `rate=${RATE * 4}`], path.join(dir, "load.log"));
    t.after(() => load.child.kill("SIGKILL"));
    await load.next();
    await sleep(1000);
    load.say(`mark ${process.hrtime.bigint()} now`);
    await sleep(2000);
    load.say("quit");
    const report = await load.next(), end = await load.next();
    for (const name of ["altered", "missing", "duplicated"]) assert.equal(report[name], name === what ? count : 0, name);
    assert.equal(report.lost, what === "slow" ? 0 : 1); // what is wrong is not read on
    assert.equal(report.kinds.download.max >= 1000, what === "slow");
    assert.equal(end.hung, 0);
  });

test("kill -9 of a worker every second", async (t) => {
  const s = await stage(t);
  for (let i = 0; i < 5; i++, await sleep(1000)) {
    const all = s.workers();
    assert.equal(all.length, s.workersWanted);
    assert.ok(s.strike(all[i % all.length].pid, "kill"));
  }
  await calm(s);
  assert.match((await s.command(["status"])).text, /replaced [1-5] times \(0 hung\)/);
  await endsWell(s);
});

test("kills that come while successors are settling", async (t) => {
  const s = await stage(t);
  let struck = 0;
  for (const end = Date.now() + 4000; Date.now() < end; await sleep(Math.random() * 10))
    for (const w of s.workers()) struck += s.strike(w.pid, "kill") ? 1 : 0;
  assert.ok(struck > 50, `${struck}`);
  await calm(s);
  await endsWell(s);
});

for (const how of ["crash", "hang", "exhaust"])
  test(`a request that makes its decoder ${how}`, async (t) => {
    const s = await stage(t, { program: faulty });
    const dies = how === "crash" ? / died of .* went on after / : / hung and was ended; .* went on after /;
    for (let i = 0; i < 2; i++) {
      const before = s.logged(dies);
      const back = await ask(s.port, get("/", `sallyport-fault-${how}: 1\r\n`), 20000);
      assert.match(back, /^HTTP\/1\.1 200 /); // its own bytes pass unread
      await until("a successor", () => s.logged(dies) > before);
      await sleep(1100); // the log speaks once a second
    }
    await calm(s);
    await endsWell(s);
  });

test("a request that crashes its decoder, where such a connection is to be closed", async (t) => {
  const s = await stage(t, { program: faulty, config: { service: "on_crash: close" } });
  assert.equal((await ask(s.port, get("/", "sallyport-fault-crash: 1\r\n"), 10000)) || "", "");
  await calm(s);
  assert.ok(await answers(s.port));
  await endsWell(s);
});

async function upgrade(s, program) {
  const copy = s.file(`program-${Date.now()}`, "");
  fs.copyFileSync(program, copy);
  fs.chmodSync(copy, 0o755);
  const pid = s.pid, { status, text } = await s.command(["upgrade", "--binary", copy]);
  assert.equal(status, 0, text);
  assert.equal(s.pid, pid);
  assert.equal(fs.readlinkSync(`/proc/${pid}/exe`), copy);
}

test("upgrades to another build", async (t) => {
  const s = await stage(t);
  for (let i = 0; i < 3; i++, await sleep(500)) await upgrade(s, binary);
  await calm(s);
  await endsWell(s);
});

test("upgrades of keepers whose first supervisor is dead", async (t) => {
  const s = await stage(t);
  s.strike(s.pid, "supervisor");
  await s.ended;
  await s.serve();
  await calm(s);
  for (let i = 0; i < 12; i++) await upgrade(s, binary);
  assert.doesNotMatch(s.log(), /keeper \d+ died|does not go on/);
  await calm(s);
  await endsWell(s);
});

test("upgrades to a build with another layout, and back", async (t) => {
  const s = await stage(t);
  for (const program of [other, binary]) {
    await upgrade(s, program);
    await calm(s);
  }
  await endsWell(s);
});

test("an upgrade to what is no program changes nothing", async (t) => {
  const s = await stage(t);
  const { status, text } = await s.command(["upgrade", "--binary", s.file("text", "no program\n")]);
  assert.notEqual(status, 0);
  assert.notEqual(text, "");
  await calm(s);
  await sleep(500);
  await endsWell(s);
});

const rule = (i) => `patch: SOAK-${i}
title: A header that the server never sees
severity: low
protocol: http
when: http.request.headers["x-soak"] == "${i}"
then: refuse 403
cases:
  - {send: "GET / HTTP/1.1\\r\\nHost: a\\r\\nX-Soak: ${i}\\r\\n\\r\\n", expect: refuse}
  - {send: "GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n", expect: pass}
`;

test("reloads: each is in force at once, one that is wrong changes nothing", async (t) => {
  const rules = path.join(scratch(t), "rule.yaml");
  fs.writeFileSync(rules, rule(0));
  const s = await stage(t, { config: { rules: [path.join(root, "patches/apache-httpd"), rules] } });
  for (let i = 1; i <= 30; i++) {
    const wrong = i % 10 === 0;
    fs.writeFileSync(rules, wrong ? "patch: [\n" : rule(i));
    const { status, text } = await s.command(["reload"]);
    if (wrong) assert.match(text, /rule\.yaml:\d+:\d+: error/);
    else assert.equal(status, 0, text);
    for (const header of [i - 1, i, i + 1]) {
      const refused = header === (wrong ? i - 1 : i);
      assert.match(await ask(s.port, get("/", `X-Soak: ${header}\r\n`)), refused ? /^HTTP\/1\.1 403 / : /^HTTP\/1\.1 200 /);
    }
  }
  await endsWell(s);
});

const noneStarts = { SALLYPORT_FAULT_START: "-1", SALLYPORT_FAULT_START_AFTER: "1" };

async function untilPlain(s) {
  for (const w of s.workers()) s.strike(w.pid, "the last that inspects");
  await until("nothing is inspected", () => s.logged(/NOTHING IS INSPECTED/) >= s.workersWanted);
}

test("no worker can be brought up: what is there goes on, new connections reach the server", async (t) => {
  const s = await stage(t, { program: faulty, env: noneStarts });
  await untilPlain(s);
  for (let i = 0; i < 20; i++, await sleep(50)) assert.ok(await answers(s.port));
  assert.match((await s.command(["status"])).text, /NOTHING IS INSPECTED/);
  await sleep(2000);
  await endsWell(s);
});

test("no worker can be brought up, and that is to close the service: nobody is served", async (t) => {
  const s = new Stage(programs, faulty);
  t.after(() => s.close());
  await s.serveOnly({ service: "fail: closed" }, noneStarts);
  s.workersWanted = s.workers().length;
  await untilPlain(s);
  await until("nobody is served", async () => !(await answers(s.port)));
  for (let i = 0; i < 10; i++, await sleep(20)) assert.equal(await answers(s.port), false);
});

test("keepers die", async (t) => {
  const s = await stage(t);
  for (const pid of s.keepers()) {
    assert.ok(s.strike(pid, "keeper"));
    await until("another keeper", () => s.keepers().length === s.workersWanted && !s.keepers().includes(pid));
  }
  await calm(s);
  await endsWell(s);
});

test("the supervisor dies and is started again", async (t) => {
  const s = await stage(t), before = s.workers().map((w) => w.pid);
  assert.ok(s.strike(s.pid, "supervisor"));
  await s.ended;
  await sleep(500);
  await s.serve();
  await calm(s);
  assert.deepEqual(s.workers().map((w) => w.pid), before);
  await sleep(1000);
  await endsWell(s);
});

test("calls that fail here and there: connections may end, but no byte is wrong", async (t) => {
  const s = await stage(t, { program: faulty, env: { SALLYPORT_FAULT_SEED: "7", SALLYPORT_FAULT_RATE: "2000" } });
  await sleep(4000);
  const { last, end } = await s.finish();
  for (const what of ["altered", "duplicated", "missing"]) assert.equal(last[what] + end[what], 0, `${what}\n${s.evidence()}`);
  assert.equal(end.hung, 0, s.evidence());
  assert.ok(last.requests > 100);
});
