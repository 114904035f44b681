// SPDX-License-Identifier: Apache-2.0
// soak: what must never cost a connection, done to a Sallyport with 2,000 connections of mixed work on it while every byte is checked.
//
//   node soak/soak.mjs BUILDDIR [--only NAME,...]
//
// BUILDDIR has the program as it is, the same with faults that a header triggers, and the same with another layout of a session's state. SOAK=short: a tenth
// of everything, and no verdict on what takes many measurements to tell. One line for each scenario, a table at the end; exit status 0 when every one holds.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { cost } from "./cost.mjs";
import { load, memory, median, sleep, until } from "./machine.mjs";
import { Stage, answers, ask, get } from "./stage.mjs";

const short = process.env.SOAK === "short";
const build = path.resolve(process.argv[2] ?? "build");
const only = process.argv.includes("--only") ? process.argv[process.argv.indexOf("--only") + 1].split(",") : null;
const asItIs = path.join(build, "src/proc/sallyport"), faulty = path.join(build, "src/sallyport-fault"), other = path.join(build, "src/sallyport-next");

const CONNECTIONS = short ? 400 : 2000;
const RATE = short ? 8 << 20 : 4 << 20; // bytes a second of each download
const GAP_MAX = 50, GAP_P99 = 20; // milliseconds
const SPIKE = 5; // milliseconds that a reload may add
const WATCHDOG = 1000; // milliseconds, as it is when nothing is configured
const COST = 3; // per cent
const FLAT = { share: 0.03, kib: 2048 }; // memory may wander by so much between two fifths of the reloads

const amount = (full, brief) => (short ? brief : full);
const ms = (value) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
const mib = (kib) => `${(kib / 1024).toFixed(1)} MiB`;

// ---- verdicts ----

/** What a phase must have none of. */
function losses(report) {
  const none = ["lost", "refused", "failed", "altered", "duplicated", "missing", "hung"];
  return none.filter((name) => report[name]).map((name) => `${report[name]} ${name}`);
}

function gapLosses(marks, longest = GAP_MAX, p99 = GAP_P99) {
  const found = [];
  if (marks.each.max >= longest) found.push(`longest gap ${ms(marks.each.max)} (${marks.worst})`);
  if (marks.each.p99 >= p99) found.push(`p99 of the gaps ${ms(marks.each.p99)}`);
  return found;
}

const carried = (r) => `${r.requests} requests, ${r.frames} frames, ${(r.bytes / 1e9).toFixed(1)} GB checked`;
const gapText = (m) => `gaps p99 ${ms(m.each.p99)}, longest ${ms(m.each.max)}`;

const rows = [];
function verdict(name, text, short_of) {
  rows.push({ name, text, short_of });
  console.log(`${name.padEnd(18)} ${text}; load ${load()}  ${short_of.length ? `FALLS SHORT: ${short_of.join(", ")}` : "ok"}`);
}

// ---- scenarios: each gets a stage whose load is at work ----

/** Nothing happens: what a gap is on this machine without any disturbance. */
async function quiet(stage) {
  for (let i = 0; i < amount(10, 3); i++) {
    stage.mark(`quiet ${i}`);
    await sleep(1000);
  }
  const r = await stage.phase("between");
  verdict("quiet", `${carried(r)}; ${gapText(r.marks)}`, losses(r));
}

async function kills(stage) {
  const seconds = amount(60, 6), before = stage.logged(/ went on after /);
  let struck = 0;
  for (let i = 0; i < seconds; i++) {
    const next = Date.now() + 1000, all = stage.workers();
    if (all.length && stage.strike(all[i % all.length].pid, `kill ${i}`)) struck++;
    await sleep(Math.max(next - Date.now(), 0));
  }
  const r = await stage.phase("between");
  const times = successions(stage).slice(before);
  const wrong = [...losses(r), ...gapLosses(r.marks)];
  if (struck !== seconds) wrong.push(`only ${struck} of ${seconds} kills found a worker`);
  if (Math.max(...times) >= GAP_MAX) wrong.push(`a successor took ${ms(Math.max(...times))}`);
  verdict("kill -9 a second", `${struck} kills, ${carried(r)}; ${gapText(r.marks)}; successor after ${ms(median(times))}, at most ${ms(Math.max(...times))}`, wrong);
}

/** Milliseconds after which successors went on, as the log has them. */
const successions = (stage) => [...stage.log().matchAll(/ went on after ([\d.]+) ms/g)].map((found) => Number(found[1]));

/** Kills without a pause: those that come while a successor is settling what its predecessor left are among them. */
async function storm(stage) {
  let struck = 0;
  for (const end = Date.now() + amount(10000, 3000); Date.now() < end; await sleep(Math.random() * 12)) {
    const all = stage.workers();
    if (!all.length) continue;
    try {
      process.kill(all[Math.floor(Math.random() * all.length)].pid, "SIGKILL");
      struck++;
    } catch {
      continue; // it was faster
    }
  }
  await until("workers are back", () => stage.workers().length === stage.workersWanted);
  await sleep(1000);
  const r = await stage.phase("between");
  verdict("storm of kills", `${struck} kills, ${carried(r)}; longest gap ${ms(r.gaps.max)}`, losses(r));
}

async function keeperDies(stage) {
  const before = stage.keepers();
  for (const pid of before) {
    stage.strike(pid, "keeper");
    await until("another keeper", () => stage.keepers().length >= before.length && !stage.keepers().includes(pid));
    await sleep(1000);
  }
  const settled = await calm(stage);
  const r = await stage.phase("between");
  verdict("keepers killed", `${before.length} kills, ${carried(r)}; ${gapText(r.marks)}; orphans at rest: ${settled}`, [...losses(r), ...(settled ? [] : ["orphans stay"])]);
}

/** Dies, and is started again by hand, as a service manager would. */
async function supervisorDies(stage) {
  stage.processes();
  stage.strike(stage.pid, "supervisor");
  await stage.ended;
  await sleep(500);
  await stage.serve();
  await sleep(1000);
  const workers = stage.workers().length;
  const r = await stage.phase("between");
  verdict("supervisor killed", `1 kill, ${carried(r)}; ${gapText(r.marks)}; ${workers} workers adopted`, [...losses(r), ...(workers >= stage.workersWanted ? [] : ["workers are missing"])]);
}

/** Waits until only those serve that are meant to. True when it is so. */
async function calm(stage, limit = 60000) {
  for (const end = Date.now() + limit; Date.now() < end; await sleep(200)) {
    const { status, text } = await stage.command(["status"]);
    if (status === 0 && !/draining|earlier program|without a keeper/.test(text) && [...text.matchAll(/inspecting/g)].length === stage.workersWanted) return true;
  }
  return false;
}

async function upgrade(stage, from, i, wrong) {
  const copy = path.join(stage.dir, `program-${i % 2}`);
  fs.rmSync(copy, { force: true });
  fs.copyFileSync(from, copy);
  stage.mark(`upgrade ${i}`);
  const { status, text } = await stage.command(["upgrade", "--binary", copy]);
  const now = fs.readlinkSync(`/proc/${stage.pid}/exe`);
  if (status !== 0) wrong.push(`upgrade ${i}: ${text.trim()}`);
  else if (now !== copy) wrong.push(`upgrade ${i}: the supervisor is ${now}`);
  stage.processes();
}

async function upgrades(stage) {
  const wrong = [], n = amount(20, 4);
  for (let i = 0; i < n; i++) {
    await upgrade(stage, asItIs, i, wrong);
    await sleep(amount(700, 300));
  }
  if (!(await calm(stage))) wrong.push("earlier programs stay");
  const r = await stage.phase("between");
  verdict("upgrades", `${n} times, ${carried(r)}; ${gapText(r.marks)}`, [...losses(r), ...wrong]);
}

async function upgradesToOther(stage) {
  const wrong = [], n = amount(5, 1), drains = [];
  for (let i = 0; i < n; i++) {
    const from = Date.now();
    await upgrade(stage, i % 2 ? asItIs : other, i, wrong);
    if (!(await calm(stage))) wrong.push(`upgrade ${i}: earlier programs stay`);
    drains.push(Date.now() - from);
  }
  const r = await stage.phase("between");
  verdict("another layout", `${n} upgrades, ${carried(r)}; ${gapText(r.marks)}; sessions over after ${(median(drains) / 1000).toFixed(1)} s`, [...losses(r), ...wrong]);
}

/** Whether a series wanders upwards: the last fifth against the second. */
function growth(series) {
  const fifth = Math.max(1, Math.floor(series.length / 5));
  const early = median(series.slice(fifth, 2 * fifth)), late = median(series.slice(-fifth));
  return { early, late, grew: late > early * (1 + FLAT.share) + FLAT.kib };
}

const patches = path.join(import.meta.dirname, "../patches");

const rule = (i) => `patch: SOAK-${i}
title: A header that the server of the soak never sees
severity: low
protocol: http
when: http.request.headers["x-soak"] == "${i}"
then: refuse 403
cases:
  - {send: "GET / HTTP/1.1\\r\\nHost: a\\r\\nX-Soak: ${i}\\r\\n\\r\\n", expect: refuse}
  - {send: "GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n", expect: pass}
`;

/**
 * Each reload has a rule that the one before did not have, and every fiftieth is wrong and must change nothing. The first tenth is with all patches, the rest
 * with those of one product, so that a thousand do not take all day.
 */
async function reloads(stage) {
  const n = amount(1000, 20), wrong = [], sizes = [], files = [];
  for (let i = 0; i < n; i++) {
    const mistaken = i % 50 === 49;
    if (i === Math.ceil(n / 10)) stage.configure({ rules: [path.join(patches, "apache-httpd"), stage.rules] });
    fs.writeFileSync(stage.rules, mistaken ? "patch: [\n" : rule(i));
    stage.mark(`reload ${i}`);
    const { status, text } = await stage.command(["reload"]);
    stage.load.say(`mark ${process.hrtime.bigint() - 20000000n} reloaded ${i}`);
    if (mistaken === (status === 0)) wrong.push(`reload ${i}: ${status} ${text.trim().split("\n")[0]}`);
    if (i % Math.ceil(n / 50)) continue;
    const { pss, blocks } = memory(stage.processes());
    sizes.push(pss);
    files.push(blocks);
    const told = await ask(stage.port, get("/", `X-Soak: ${mistaken ? i - 1 : i}\r\n`));
    if (!told?.startsWith("HTTP/1.1 403 ")) wrong.push(`reload ${i} is not in force`);
  }
  const r = await stage.phase("control");
  for (let i = 0; i < amount(100, 20); i++) {
    stage.mark(`control ${i}`);
    await sleep(100);
  }
  const control = await stage.phase("between");
  const spike = r.marks.longest.p50 - control.marks.longest.p50, spike99 = r.marks.longest.p99 - control.marks.longest.p99;
  if (spike >= SPIKE && !short) wrong.push(`a reload adds ${ms(spike)}`);
  const pss = growth(sizes), blocks = growth(files);
  if (pss.grew || blocks.grew) wrong.push("memory grows");
  verdict("reloads", `${n} times, ${(r.seconds / n * 1000).toFixed(0)} ms each, ${carried(r)}; longest gap at a reload ${ms(r.marks.longest.p50)} (p99 ${ms(r.marks.longest.p99)}), without one ` +
    `${ms(control.marks.longest.p50)} (p99 ${ms(control.marks.longest.p99)}), more by ${ms(spike)} (p99 ${ms(spike99)}); memory ${mib(pss.early)} then ${mib(pss.late)}, in memory files ${mib(blocks.early)} then ${mib(blocks.late)}`,
    [...losses(r), ...losses(control), ...wrong.slice(0, 5)]);
}

/** Requests that a decoder crashes on, hangs on, eats all memory on; each on a connection of its own. */
async function poison(stage) {
  const wrong = [], told = {};
  for (const how of ["crash", "hang", "exhaust"]) {
    for (let i = 0; i < amount(5, 2); i++) {
      const before = stage.logged(/ went on after /);
      stage.mark(`${how} ${i}`);
      const back = await ask(stage.port, get("/", `sallyport-fault-${how}: 1\r\n`), 5000);
      await until("a successor", () => stage.logged(/ went on after /) > before, 5000).catch(() => {});
      (told[how] ??= []).push(back === null ? "refused" : back.slice(9, 12) || "closed");
      await sleep(300);
    }
    const r = await stage.phase("between");
    const hang = how !== "crash"; // who has eaten all memory hangs
    const limits = hang ? gapLosses(r.marks, WATCHDOG * 1.5 + GAP_MAX, WATCHDOG * 1.5 + GAP_P99) : gapLosses(r.marks);
    wrong.push(...losses(r), ...limits);
    verdict(`poison: ${how}`, `${told[how].length} requests, answered ${[...new Set(told[how])].join(" or ")}; others: ${carried(r)}; ${gapText(r.marks)}`, [...losses(r), ...limits]);
  }
}

/** Each worker that is to inspect dies when it starts, for good: what is there goes on, and new connections reach the server. */
async function nothingStarts(stage) {
  const wrong = [], all = stage.workers();
  for (const w of all) stage.strike(w.pid, "last worker");
  await until("nothing is inspected", () => stage.logged(/NOTHING IS INSPECTED/) >= all.length);
  const dying = await stage.phase("plain");
  let served = 0;
  for (let i = 0; i < 20; i++, await sleep(amount(500, 100))) served += (await answers(stage.port)) ? 1 : 0;
  if (served < 20) wrong.push(`only ${served} of 20 new connections were served`);
  const { text } = await stage.command(["status"]), r = await stage.phase("between");
  if (!/NOTHING IS INSPECTED/.test(text)) wrong.push("status does not tell");
  verdict("nothing starts", `${carried(r)}; ${r.opened + served} new connections; until then ${gapText(dying.marks)}, after it longest ${ms(r.gaps.max)}`, [...losses(dying), ...losses(r), ...wrong]);
}

/** Every worker is killed as soon as it is there, until the keepers stop inspecting; they try again after ten seconds. */
async function nothingRestarts(stage) {
  const plain = () => stage.logged(/NOTHING IS INSPECTED/), before = plain(), wrong = [];
  const keepers = stage.keepers();
  let struck = 0;
  for (const end = Date.now() + 20000; plain() - before < keepers.length && Date.now() < end; ) {
    const done = new Set([...stage.log().matchAll(/worker (\d+): \d+ deaths in a row/g)].map((found) => Number(found[1])));
    for (const w of stage.workers().filter((w) => !done.has(w.slot))) struck += strikeQuick(w.pid);
  }
  await sleep(100);
  if (plain() - before < keepers.length) wrong.push(`only ${plain() - before} of ${keepers.length} keepers gave up inspecting`);
  const dying = await stage.phase("plain");
  let served = 0;
  for (let i = 0; i < 10; i++, await sleep(500)) served += (await answers(stage.port)) ? 1 : 0;
  const r = await stage.phase("back");
  const back = await calm(stage, 30000);
  const after = await stage.phase("between");
  if (served < 10) wrong.push(`only ${served} of 10 new connections were served`);
  if (!back) wrong.push("inspection does not come back");
  verdict("nothing restarts", `${struck} kills, then without inspection: ${carried(r)}; ${r.opened + served} new connections; longest gap ${ms(r.gaps.max)}; inspecting again: ${back}`, [...losses(dying), ...losses(r), ...losses(after), ...wrong]);
}

function strikeQuick(pid) {
  try {
    process.kill(pid, "SIGKILL");
    return 1;
  } catch {
    return 0;
  }
}

// ---- the whole ----

const plays = [
  { name: "quiet", play: quiet },
  { name: "kills", play: kills },
  { name: "storm", play: storm },
  { name: "restarts", play: nothingRestarts },
  { name: "keepers", play: keeperDies },
  { name: "supervisor", play: supervisorDies },
  { name: "upgrades", play: upgrades },
  { name: "layouts", play: upgradesToOther },
  { name: "reloads", play: reloads },
];

const wanted = (name) => !only || only.includes(name);

/** One stage for several scenarios: it must end in order, with everything under way brought to its end. */
async function act(name, binary, list, env) {
  const chosen = list.filter((p) => wanted(p.name));
  if (!chosen.length) return;
  const stage = new Stage(path.join(build, "soak"), binary, { keep: true });
  const before = rows.length;
  let fine = false;
  try {
    stage.rules = stage.file("rule.yaml", rule(0));
    await stage.open({ connections: CONNECTIONS, rate: RATE, env, config: { rules: [patches, stage.rules] } });
    stage.workersWanted = stage.workers().length;
    await sleep(amount(3000, 1000));
    await stage.phase("between");
    for (const { name: scenario, play } of chosen) {
      await stage.phase(scenario);
      try {
        await play(stage);
      } catch (error) {
        verdict(scenario, error.message.split("\n")[0], ["it did not come to its end"]);
        if (!(await answers(stage.port))) throw error;
      }
    }
    const { last, end, origin } = await stage.finish();
    const wrong = [...losses(last), ...losses(end), ...(origin.wrong ? [`${origin.wrong} requests reached the server wrong`] : [])];
    const closing = await stage.close();
    if (closing.left) wrong.push(`${closing.left} processes were left`);
    verdict(`${name}: the end`, `${carried(end)}; the server saw ${origin.requests} requests on ${origin.accepted} connections`, wrong);
    fine = !rows.slice(before).some((row) => row.short_of.length);
  } catch (error) {
    verdict(name, error.message.split("\n")[0], ["the stage fell"]);
    console.log(stage.log().slice(-2000));
    await stage.close();
  } finally {
    if (fine) fs.rmSync(stage.dir, { recursive: true, force: true });
    else console.log(`${"".padEnd(18)} logs are in ${stage.dir}`);
  }
}

async function main() {
  const from = Date.now();
  console.log(`${os.cpus()[0].model}, ${os.cpus().length} cores, Linux ${os.release()}, load ${load()}; ${CONNECTIONS} connections${short ? ", short" : ""}`);
  await act("as it is", asItIs, plays);
  await act("with faults", faulty, [{ name: "poison", play: poison }]);
  await act("without workers", faulty, [{ name: "nothing", play: nothingStarts }], { SALLYPORT_FAULT_START: "-1", SALLYPORT_FAULT_START_AFTER: "1" });
  if (wanted("cost")) {
    const c = await cost(path.join(build, "soak"), asItIs, amount(15, 3), amount(2, 1));
    verdict("cost", c.text, c.percent > COST && !short ? [`more than ${COST} %`] : []);
  }
  const failed = rows.filter((row) => row.short_of.length);
  console.log(`\n${rows.map((row) => `${row.name.padEnd(18)} ${row.short_of.length ? `FALLS SHORT: ${row.short_of.join(", ")}` : "ok"}`).join("\n")}`);
  console.log(`${rows.length - failed.length} hold, ${failed.length} fall short, in ${((Date.now() - from) / 60000).toFixed(1)} minutes`);
  process.exitCode = failed.length ? 1 : 0;
}

await main();
