// SPDX-License-Identifier: Apache-2.0
// run: every test that meson knows, one after the other. Each speaks TAP; every single test in it counts, and what fails is
// printed in full. The last line is "N passed, M failed", and the exit status says the same.
//
//   node tests/run.mjs BUILDDIR [--quick] [--only WORD]     --quick: without the suite "slow"

import { execFileSync, spawn } from "node:child_process";
import path from "node:path";

const SECONDS = 600; // longer than any test may take; one that hangs is a failure, not a hang
const OUTPUT = 8000; // characters shown of what a crashed test said last
const args = process.argv.slice(2);
const build = args[0];
const quick = args.includes("--quick");
const only = args.includes("--only") ? args[args.indexOf("--only") + 1] : "";

/** The single tests of TAP output, each with what it says behind its line. One that has subtests is only their sum. */
function readTap(text) {
  const single = [];
  const open = []; // results that no test around them has claimed yet
  let details = []; // where lines that follow a result go
  for (const line of text.split("\n")) {
    const found = /^( *)(not ok|ok)\b(?: \d+)?(?: -)? ?(.*)$/.exec(line);
    if (!found) {
      if (/^ *# Subtest:/.test(line)) details = [];
      else details.push(line);
      continue;
    }
    const failed = found[2] !== "ok" || / # (SKIP|TODO)/i.test(line);
    const result = { depth: found[1].length, failed, name: found[3], details: [] };
    details = result.details;
    const parts = open.splice(open.findLastIndex((r) => r.depth <= result.depth) + 1);
    if (parts.length === 0 || (result.failed && !parts.some((r) => r.failed))) single.push(result);
    open.push(result);
  }
  const plan = /^1\.\.(\d+)/m.exec(text);
  const complete = plan !== null && Number(plan[1]) === open.filter((r) => r.depth === 0).length;
  return { single, complete };
}

function run(test) {
  return new Promise((done) => {
    const child = spawn(test.cmd[0], test.cmd.slice(1), {
      cwd: test.workdir ?? undefined,
      env: { ...process.env, CMOCKA_MESSAGE_OUTPUT: "TAP", ...test.env },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: SECONDS * 1000,
      killSignal: "SIGKILL",
    });
    let out = "";
    let err = "";
    child.stdout.on("data", (text) => (out += text));
    child.stderr.on("data", (text) => (err += text));
    child.on("error", (error) => (err += error));
    child.on("close", (status, signal) => done({ out, err, status, signal }));
  });
}

/** Counts one test program's results; prints all it said when something failed. */
function count(test, { out, err, status, signal }) {
  const { single, complete } = readTap(out);
  let failed = single.filter((r) => r.failed).length;
  const passed = single.length - failed;
  const ended = signal ? `killed by ${signal}` : `exit status ${status}`;
  const crashed = failed === 0 && (status !== 0 || !complete);
  if (crashed) failed = 1;
  const seconds = ((Date.now() - test.started) / 1000).toFixed(1);
  console.log(`${failed ? "FAILED" : "ok    "} ${test.name}: ${passed} passed, ${failed} failed (${seconds} s)`);
  for (const r of single.filter((r) => r.failed)) console.log(`FAILED ${test.name}: ${r.name}\n${r.details.join("\n").trimEnd()}`);
  if (crashed) console.log(`FAILED ${test.name}: ${ended}${complete ? "" : ", before it had run all its tests"}\n${out.slice(-OUTPUT)}`);
  if (failed && err) console.log(`${test.name} wrote to standard error:\n${err.slice(-OUTPUT).trimEnd()}`);
  return { passed, failed };
}

const all = JSON.parse(execFileSync("meson", ["introspect", "--tests", path.resolve(build)], { encoding: "utf8" }));
const chosen = all.filter((t) => t.name.includes(only) && !(quick && t.suite.some((s) => s.endsWith("slow"))));
const total = { passed: 0, failed: 0 };
for (const test of chosen) {
  test.started = Date.now();
  const { passed, failed } = count(test, await run(test));
  total.passed += passed;
  total.failed += failed;
}
if (total.passed === 0) total.failed ||= 1; // no tests at all is no success
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed ? 1 : 0;
