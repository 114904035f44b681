// SPDX-License-Identifier: Apache-2.0
// fault: sallyport-fault, in which things go wrong on demand: units that break their decoder, calls that fail by seed. What succeeds all the same is right, and
// nothing dies that was not told to.
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import test from "node:test";
import { binary, record, request, rules, scratch, sleep, write } from "../cli/tool.mjs";
import { digest, origin } from "./servers.mjs";
import { faulty } from "./faulty.mjs";

const SEEDS = [1, 2, 3, 4, 5, 6];
const SECONDS = 3; // of load for each seed
const CLIENTS = 24;
const PATIENCE = 25000; // milliseconds that an exchange may take before it counts as one that hangs
const program = process.env.SALLYPORT_FAULT;

test("the program that people install has no trace of it", () => {
  const traces = ["sallyport-fault", "SALLYPORT_FAULT", "sp_fault", "__wrap_"];
  const found = (file) => traces.filter((trace) => fs.readFileSync(file).includes(trace));
  assert.deepEqual(found(binary), []);
  assert.deepEqual(found(program), traces);
});

for (const [word, signal] of [["crash", "SIGSEGV"], ["hang", "SIGKILL"], ["exhaust", "SIGKILL"]])
  test(`sallyport-fault-${word} in a request`, (t) => {
    const env = { ...process.env, ASAN_OPTIONS: "handle_segv=0" };
    const judge = (target) =>
      spawnSync(program, ["judge", "--rules", write(scratch(t), "rules.yaml", rules), "-"], { input: record("a", request(target)), timeout: 2500, killSignal: "SIGKILL", encoding: "utf8", env });
    assert.equal(judge(`/?sallyport-fault-${word}`).signal, signal);
    assert.equal(JSON.parse(judge("/?sallyport-fault").stdout).verdict, "pass");
  });

// ---- load ----

/** The bytes that stand for a number. */
const content = (n) => Buffer.alloc(1 + ((n * 7919) % 300000), `${n}.`);

/** GET /N answers with N's bytes; POST with the digest of what came; /close/N without saying how long it is. */
const site = (t) =>
  origin(t, (req, res) => {
    const n = Number(/\d+$/.exec(req.url)?.[0] ?? 0), pieces = [];
    req.on("error", () => {}).on("data", (bytes) => pieces.push(bytes)).on("end", () => {
      if (req.method === "POST") return res.end(digest(Buffer.concat(pieces)));
      if (!req.url.startsWith("/close/")) return res.end(content(n));
      res.useChunkedEncodingByDefault = res.shouldKeepAlive = false;
      res.end(content(n));
    });
  });

/** One exchange over an agent: { status, body }, or null when its connection ended before its answer did. */
const exchange = (options, body) =>
  new Promise((done, failed) => {
    const clock = setTimeout(() => failed(new Error(`${options.method ?? "GET"} ${options.path} hangs`)), PATIENCE);
    const finish = (result) => (clearTimeout(clock), done(result));
    const req = http.request({ host: "127.0.0.1", ...options }, (res) => {
      const pieces = [];
      res.on("data", (bytes) => pieces.push(bytes)).on("end", () => finish(res.complete ? { status: res.statusCode, body: Buffer.concat(pieces) } : null)).on("error", () => finish(null));
    });
    req.on("error", () => finish(null)).end(body);
  });

/** An answer that ends with its connection, whole if that ended in an orderly way. curl tells a reset from an end; Node.js often does not. */
const untilClosed = (port, target) =>
  new Promise((done, failed) =>
    execFile("curl", ["-sf", "--http1.0", "--max-time", `${PATIENCE / 1000}`, `http://127.0.0.1:${port}${target}`], { encoding: "buffer", maxBuffer: 1 << 20 }, (error, body) => {
      if (error?.code === 28) failed(new Error(`GET ${target} hangs`));
      else done(error ? null : { status: 200, body });
    }));

/** What one client does, over and over; counts what became of it. */
async function client(port, first, until, count) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  for (let n = first; Date.now() < until; n += CLIENTS) {
    const kind = n % 7, body = kind === 1 ? content(n) : undefined;
    const got = kind === 2 ? await untilClosed(port, `/close/${n}`) : await exchange({ port, agent, path: `/${n}`, method: body ? "POST" : "GET" }, body);
    if (!got || got.status >= 500) {
      count.failed++;
      await sleep(5);
      continue;
    }
    assert.equal(got.status, 200);
    const wanted = body ? Buffer.from(digest(body)) : content(n);
    assert.ok(got.body.equals(wanted), `exchange ${n}: ${got.body.length} bytes instead of ${wanted.length}, or other ones`);
    count.right++;
  }
  agent.destroy();
}

const all = { right: 0, failed: 0 };

for (const seed of SEEDS)
  test(`calls fail as seed ${seed} wants it`, async (t) => {
    const { port: to } = await site(t);
    const rate = [30, 300, 3000][seed % 3];
    const gate = await faulty(t, program, to, { SALLYPORT_FAULT_SEED: `${seed}`, SALLYPORT_FAULT_RATE: `${rate}` });
    const count = { right: 0, failed: 0 }, end = Date.now() + SECONDS * 1000;
    await Promise.all(Array.from({ length: CLIENTS }, (_, i) => client(gate.port, i, end, count)));
    t.diagnostic(`one call in ${rate}: ${count.right} right, ${count.failed} failed`);
    assert.match(gate.said.err, /FAULTS ARE INJECTED/);
    assert.ok(count.right > 50, `${count.right} succeeded`);
    assert.equal(gate.child.exitCode, null);
    assert.doesNotMatch(gate.said.err, /worker \d+ (died of|hung)/, gate.said.err);
    all.right += count.right;
    all.failed += count.failed;
    assert.equal(await gate.stop(), 0, gate.said.err);
  });

test("calls did fail", () => assert.ok(all.failed > 20, JSON.stringify(all)));
