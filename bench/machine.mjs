// SPDX-License-Identifier: Apache-2.0
// machine: what every measurement needs: contestants on one core, what CPU time and memory they have taken, tables.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

export const source = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
export const build = path.resolve(process.argv[2] ?? 'build');
export const option = (name, fallback) => {
  const i = process.argv.indexOf(`--${name}`);
  return i < 0 ? fallback : process.argv[i + 1];
};
export const work = fs.mkdtempSync(path.join(os.tmpdir(), 'sallyport-bench-'));
const children = [];

export const say = (text = '') => process.stdout.write(`${text}\n`);
export const write = (name, text) => {
  const file = path.join(work, name);
  fs.writeFileSync(file, text);
  return file;
};

export function start(name, command, args) {
  const log = fs.openSync(path.join(work, `${name}.log`), 'w');
  // Everything on one core: a wake-up across cores would cost more than what is measured.
  const child = spawn('taskset', ['-c', '0', command, ...args], { stdio: ['ignore', log, log] });
  children.push(child);
  return child;
}

function stopAll() {
  for (const child of children) child.kill('SIGTERM');
  fs.rmSync(work, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }); // servers may still be ending
}
process.on('exit', stopAll);
process.on('SIGINT', () => process.exit(130));

export async function listening(port, name) {
  for (let i = 0; i < 400; i++) {
    const ok = await new Promise((resolve) => {
      const socket = net.connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true); });
      socket.on('error', () => resolve(false));
    });
    if (ok) return;
    await new Promise((r) => setTimeout(r, 50));
  }
  throw new Error(`${name} does not listen on ${port}:\n${fs.readFileSync(path.join(work, `${name}.log`), 'utf8')}`);
}

export function processTree(pid) {
  const pids = [pid];
  for (const entry of fs.readdirSync('/proc').filter((d) => /^\d+$/.test(d))) {
    try {
      if (Number(fs.readFileSync(`/proc/${entry}/stat`, 'utf8').split(') ')[1].split(' ')[1]) === pid) pids.push(...processTree(Number(entry)));
    } catch { /* it has just ended */ }
  }
  return pids;
}

// To the nanosecond, thread by thread: utime and stime of /proc/PID/stat are sampled at the ticks of a clock with which short bursts of work may keep in step.
export function cpuSeconds(pid) {
  let sum = 0;
  for (const p of processTree(pid))
    for (const t of fs.readdirSync(`/proc/${p}/task`)) sum += Number(fs.readFileSync(`/proc/${p}/task/${t}/schedstat`, 'utf8').split(' ')[0]) / 1e9;
  return sum;
}

export function memoryKib(pid) {
  let sum = 0;
  for (const p of processTree(pid)) sum += Number(/^Pss:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${p}/smaps_rollup`, 'utf8'))[1]);
  return sum;
}

export const median = (list) => list.slice().sort((a, b) => a - b)[Math.floor(list.length / 2)];
export const pad = (v, n) => String(v).padStart(n);
export const figure = (v, digits = 1) => (Number.isFinite(v) ? v.toFixed(digits) : '-');

/** The machine and what else it has to do. */
export const machine = () => `${os.cpus()[0].model}, ${os.cpus().length} cores, Linux ${os.release()}, load ${os.loadavg().map((v) => v.toFixed(2)).join(' ')}`;
