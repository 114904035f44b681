// SPDX-License-Identifier: Apache-2.0
// machine: what the kernel knows of processes: who they are, what they use, what the machine is busy with.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
export const median = (list) => list.slice().sort((a, b) => a - b)[Math.floor(list.length / 2)];
export const load = () => os.loadavg()[0].toFixed(1);

/** Waits until something holds, and returns it. */
export async function until(what, holds, ms = 20000) {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(10)) {
    const found = await holds();
    if (found) return found;
  }
  throw new Error(`never happened: ${what}`);
}

/** What it is now, and when it began: a number that comes again is another process. Null when it has ended. */
export function stat(pid) {
  try {
    const text = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    const rest = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { pid, name: text.slice(text.indexOf("(") + 1, text.lastIndexOf(")")), state: rest[0], parent: Number(rest[1]), begun: Number(rest[19]) };
  } catch {
    return null;
  }
}

const everyone = () => fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map((pid) => stat(Number(pid))).filter((p) => p && p.state !== "Z");

/** Processes and all that descend from them. */
export function family(...roots) {
  const all = everyone(), found = all.filter((p) => roots.includes(p.pid));
  for (const p of found) found.push(...all.filter((child) => child.parent === p.pid && !found.includes(child)));
  return found;
}

/** KiB: what processes hold for themselves, what they share in memory files, and both together without counting a page twice. */
export function memory(processes) {
  let rss = 0, pss = 0;
  const files = new Map();
  for (const p of processes) {
    try {
      const roll = fs.readFileSync(`/proc/${p.pid}/smaps_rollup`, "utf8");
      rss += Number(/^Rss:\s+(\d+)/m.exec(roll)[1]);
      pss += Number(/^Pss:\s+(\d+)/m.exec(roll)[1]);
      for (const fd of fs.readdirSync(`/proc/${p.pid}/fd`)) {
        const at = path.join(`/proc/${p.pid}/fd`, fd);
        if (!fs.readlinkSync(at).startsWith("/memfd:")) continue;
        const file = fs.statSync(at);
        files.set(file.ino, file.blocks / 2);
      }
    } catch {
      continue; // it has just ended
    }
  }
  return { rss, pss, memfds: files.size, blocks: [...files.values()].reduce((sum, kib) => sum + kib, 0) };
}
