// SPDX-License-Identifier: Apache-2.0
// cost: CPU per request of Sallyport with survival and without, in pairs that follow each other, so that a machine that slows down slows both. Everything is
// on one core, as in bench/: a wake-up across cores would cost more than what is measured.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { family, median } from "./machine.mjs";
import { Stage } from "./stage.mjs";

/** Nanoseconds on a CPU of a process and its descendants, to the nanosecond. */
function busy(pid) {
  return family(pid).reduce((sum, p) => sum + Number(fs.readFileSync(`/proc/${p.pid}/schedstat`, "utf8").split(" ")[0]), 0);
}

function measure(stage, seconds) {
  const before = busy(stage.pid);
  const out = spawnSync("taskset", ["-c", "0", "wrk", "-t1", "-c64", `-d${seconds}s`, `http://127.0.0.1:${stage.port}/small?n=100&seed=1`], { encoding: "utf8" });
  const requests = Number(/(\d+) requests in/.exec(out.stdout)?.[1] ?? 0);
  if (!requests || /Non-2xx/.test(out.stdout)) throw new Error(`wrk: ${out.stdout}${out.stderr}`);
  return (busy(stage.pid) - before) / requests / 1000;
}

export async function cost(programs, binary, pairs, seconds) {
  const stages = [];
  try {
    for (const survival of [true, false]) {
      const stage = new Stage(programs, binary);
      stages.push(stage);
      await stage.serveOnly({ top: `workers: 1\nsurvival: ${survival}` });
      for (const p of [...family(stage.pid), ...family(stage.origin.child.pid)]) spawnSync("taskset", ["-a", "-p", "-c", "0", String(p.pid)]);
      measure(stage, 1);
    }
    const with_ = [], without = [], ratios = [];
    for (let i = 0; i < pairs; i++) {
      const order = i % 2 ? [1, 0] : [0, 1], us = [];
      for (const k of order) us[k] = measure(stages[k], seconds);
      with_.push(us[0]);
      without.push(us[1]);
      ratios.push(us[0] / us[1]);
    }
    const sorted = ratios.slice().sort((a, b) => a - b), percent = (median(ratios) - 1) * 100;
    const quartile = (q) => ((sorted[Math.floor(q * (sorted.length - 1))] - 1) * 100).toFixed(1);
    return { percent, text: `${pairs} pairs of ${seconds} s: ${median(with_).toFixed(2)} us a request with survival, ${median(without).toFixed(2)} us without, ratio ${percent.toFixed(1)} % (quartiles ${quartile(0.25)} to ${quartile(0.75)} %)` };
  } finally {
    for (const stage of stages) await stage.close();
  }
}
