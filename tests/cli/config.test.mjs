// SPDX-License-Identifier: Apache-2.0
// run, protect and check: configurations that are right, wrong, and right on a machine that is not.
import assert from "node:assert/strict";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import test from "node:test";
import { complains, exchange, freePort, origin, request, root, rules, run, scratch, start, until, write } from "./tool.mjs";

const service = (listen, to, more = "") => `services:\n  - name: shop\n    listen: ["127.0.0.1:${listen}"]\n    to: 127.0.0.1:${to}\n${more}`;

/** A directory with the tests' rules, and a configuration that names them. */
function configured(t, text) {
  const dir = scratch(t);
  const file = write(dir, "rules.yaml", rules);
  return { dir, config: write(dir, "sallyport.yaml", `${text}rules: [${file}]\n`) };
}

function listening(t, port) {
  const server = net.createServer().listen(port, "127.0.0.1");
  t.after(() => server.close());
  return new Promise((ready) => server.once("listening", ready));
}

function refusesToListen(port) {
  return new Promise((answer) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.once("connect", () => answer(false)).once("error", () => answer(true));
  });
}

test("the example in docs/ is a valid configuration", (t) => {
  const dir = scratch(t), file = write(dir, "rules.yaml", rules);
  const example = fs.readFileSync(path.join(root, "docs/sallyport.yaml"), "utf8").replace(/^rules: .*$/m, `rules: [${file}]`);
  const { status, err, out } = run(["check", "-c", write(dir, "sallyport.yaml", example)]);
  assert.equal(status, 0, err);
  assert.match(out, /sallyport\.yaml: 1 service\n2 rules from .*: 4 proof cases hold/);
});

for (const [what, text, place] of [
  ["an unknown key", "services: []\nrulse: x\n", /:2:1: error: unknown key 'rulse'; did you mean 'rules'\?\n +rulse: x\n +\^~+/],
  ["an unknown key, deep", service(1, 2, "    timeouts: {idel: 5s}\n"), /:5:16: error: unknown key 'idel'; did you mean 'idle'\?/],
  ["a missing key", "services:\n  - name: shop\n    to: 127.0.0.1:1\n", /:2:5: error: the key 'listen' is missing/],
  ["a wrong word", service(1, 2, "    proxy_protocol_out: v3\n"), /:5:25: error: 'proxy_protocol_out' must be one of none, v1, v2/],
  ["a wrong duration", service(1, 2, "    timeouts: {header: 10}\n"), /:5:24: error: 'header' must be a duration like 10s, not '10'/],
  ["a size out of range", service(1, 2, "    body_max: 3GiB\n"), /:5:15: error: 'body_max' must be from 4096 to 67108864 bytes/],
  ["a wrong word for a crash", service(1, 2, "    on_crash: passes\n"), /:5:15: error: 'on_crash' must be one of pass, close; did you mean 'pass'\?/],
  ["a budget that is none", service(1, 2, "    budget: -1\n"), /:5:13: error: 'budget' must be a number, not '-1'/],
  ["a watchdog out of range", "watchdog: 2h\n", /:1:11: error: 'watchdog' must be from 0 to 3600000 milliseconds/],
  ["a survival that is neither", "survival: maybe\n", /:1:11: error: 'survival' must be true or false, not 'maybe'/],
  ["a user with too long a name", `user: ${"x".repeat(33)}\n`, /:1:7: error: 'user' must have 1 to 32 bytes/],
  ["a mapping for a list", "services: {a: b}\n", /:1:1: error: 'services' must be a list of mappings/],
  ["no services", "services: []\n", /error: 'services' is empty/],
  ["an unknown protocol", service(1, 2, "    protocol: gopher\n"), /error: service 'shop': unknown protocol 'gopher'/],
  ["two of a name", service(1, 2) + "  - {name: shop, listen: ['127.0.0.1:3'], to: '127.0.0.1:4'}\n", /error: two services have the name 'shop'/],
  ["an output without its path", service(1, 2) + "events: [{to: file}]\n", /error: an event output to a file or socket needs a 'path'/],
  ["an address that is none", service("notaport", 2), /error: service 'shop': .*notaport/],
  ["a server that is none", service(1, "99999"), /error: service 'shop': .*99999/],
  ["YAML that is none", "services: [\n", /:\d+:\d+: error: /],
  ["a key twice", "workers: 1\nworkers: 2\n", /:2:1: error: /],
  ["nothing at all", "", /error: /],
])
  test(`check and run refuse ${what}, with its place, exit status 2`, (t) => {
    const file = write(scratch(t), "sallyport.yaml", text);
    for (const command of ["check", "run"]) {
      const { status, err, out } = run([command, "-c", file]);
      assert.match(err, place);
      assert.equal(status, 2);
      assert.equal(out, "");
    }
  });

test("what happens when a worker fails can be chosen for each service", (t) => {
  const chosen = "    on_crash: close\n    fail: closed\n    budget: 100000\n    on_budget: refuse\n";
  const all = "survival: false\nwatchdog: 0s\nuser: nobody\nruntime: /tmp/x\ncrashes: /tmp/y\n";
  const { status, err } = run(["check", "-c", configured(t, service(1, 2, chosen) + all).config]);
  assert.equal(err, "");
  assert.equal(status, 0);
});

test("all mistakes are reported at once", (t) => {
  const { err } = run(["check", "-c", write(scratch(t), "c.yaml", "services:\n  - nmae: x\nworkers: -1\nfoo: 1\n")]);
  assert.equal(err.match(/error:/g).length, 6);
});

test("a configuration that is not there", () => {
  complains(assert, run(["run", "-c", "/nonexistent.yaml"]), 2, /cannot read \/nonexistent\.yaml: No such file or directory/);
});

test("check: rules that do not prove themselves are named, exit status 2", (t) => {
  const broken = rules.replace("evil=2", "evil=1");
  const { status, err } = run(["check", write(scratch(t), "broken.yaml", broken)]);
  assert.equal(status, 2);
  assert.match(err, /broken\.yaml:\d+/);
  assert.match(err, /TEST-0001/);
});

test("check: good rules are counted", (t) => {
  const { status, out } = run(["check", write(scratch(t), "rules.yaml", rules)]);
  assert.equal(status, 0);
  assert.match(out, /^2 rules from .*rules\.yaml: 4 proof cases hold/);
});

test("run: serves what the configuration says, ends on SIGTERM with 0", async (t) => {
  const [port, to] = [await freePort(), await origin(t)];
  const { config } = configured(t, service(port, to));
  const shield = await start(t, ["run", "-c", config], port);
  assert.match(await exchange(port, request("/", "Connection: close\r\n")), /^HTTP\/1\.1 200 .*hello/s);
  assert.match(await exchange(port, request("/?evil=1", "Connection: close\r\n")), /^HTTP\/1\.1 403 /);
  assert.match(shield.said.err, /2 rules from /);
  assert.equal(await shield.stop(), 0);
});

test("a port in use is said plainly, exit status 1, and no other port was opened for good", async (t) => {
  const [taken, free, to] = [await freePort(), await freePort(), await origin(t)];
  await listening(t, taken);
  const two = service(free, to) + `  - {name: other, listen: ["127.0.0.1:${taken}"], to: "127.0.0.1:${to}"}\n`;
  const result = run(["run", "-c", configured(t, two).config]);
  assert.equal(result.status, 1);
  assert.match(result.err, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${taken}: (address already in use|another program listens there)`));
  assert.ok(await refusesToListen(free));
});

test("protect: an address that is none, a missing option, rules that are not there", (t) => {
  const file = write(scratch(t), "rules.yaml", rules);
  complains(assert, run(["protect", "--listen", ":x", "--to", "127.0.0.1:1", "--rules", file]), 2, /--listen.*:x/);
  complains(assert, run(["protect", "--listen", ":1", "--to", "127.0.0.1:x", "--rules", file]), 2, /--to.*127\.0\.0\.1:x/);
  complains(assert, run(["protect", "--to", "127.0.0.1:1", "--rules", file]), 2, /--listen is missing/);
  complains(assert, run(["protect", "--listen", ":1", "--rules", file]), 2, /--to is missing/);
  complains(assert, run(["protect", "--protocol", "http", "--listen", ":1", "--to", "127.0.0.1:1", "--rules", "/nonexistent"]), 2, /\/nonexistent/);
});

test("SIGHUP: new rules come into force; wrong ones are reported and the old ones stay", async (t) => {
  const [port, to] = [await freePort(), await origin(t)];
  const { dir, config } = configured(t, service(port, to));
  const shield = await start(t, ["run", "-c", config], port);
  const status = async (target) => /^HTTP\/1\.1 (\d+)/.exec(await exchange(port, request(target, "Connection: close\r\n")))[1];
  assert.equal(await status("/?worse=1"), "200");
  write(dir, "rules.yaml", rules.replaceAll("evil", "worse"));
  shield.child.kill("SIGHUP");
  await until("the new rule", async () => (await status("/?worse=1")) === "403");
  assert.equal(await status("/?evil=1"), "200");
  write(dir, "rules.yaml", "patch: X\nwhen: nonsense\n");
  shield.child.kill("SIGHUP");
  await until("a complaint", () => /rules\.yaml:\d+/.test(shield.said.err));
  assert.equal(await status("/?worse=1"), "403");
  assert.equal(await shield.stop(), 0);
});
