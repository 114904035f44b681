// SPDX-License-Identifier: Apache-2.0
// stage: the origin, Sallyport and the load of one run, each a process of our own that ends with us.
import { spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { fileURLToPath } from "node:url";
import { family, sleep, stat, until } from "./machine.mjs";

export const source = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** A process that answers with a line of JSON. */
export function talker(command, args, log) {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", fs.openSync(log, "a")] });
  const lines = [], waiting = [];
  let over = false;
  const ended = new Promise((done) => child.once("close", (code, signal) => done(code ?? signal)));
  readline.createInterface({ input: child.stdout }).on("line", (line) => (waiting.length ? waiting.shift().done(JSON.parse(line)) : lines.push(JSON.parse(line))));
  child.stdin.on("error", () => {});
  ended.then((how) => {
    over = true;
    for (const w of waiting) w.failed(new Error(`${command} ended: ${how}`));
  });
  const next = () => (lines.length ? Promise.resolve(lines.shift()) : over ? Promise.reject(new Error(`${command} has ended`)) : new Promise((done, failed) => waiting.push({ done, failed })));
  return { child, ended, next, say: (line) => child.stdin.write(`${line}\n`), end: () => (child.stdin.end(), ended) };
}

async function freePort() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await new Promise((ready) => server.once("listening", ready));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

/** One request on a connection of its own, everything that comes back; null when there was no connection. */
export function ask(port, head, ms = 5000) {
  return new Promise((done) => {
    let back = "";
    const socket = net.connect(port, "127.0.0.1", () => socket.write(head)).setEncoding("latin1");
    const finish = () => (socket.destroy(), done(back));
    socket.setTimeout(ms, finish).on("data", (text) => (back += text)).on("end", finish).on("error", () => done(back || null));
  });
}

export const get = (target, more = "") => `GET ${target} HTTP/1.1\r\nHost: soak\r\nConnection: close\r\n${more}\r\n`;
export const answers = async (port) => (await ask(port, get("/")))?.startsWith("HTTP/1.1 200 ") ?? false;

export class Stage {
  #all = new Map(); // of processes: number to beginning

  /** `programs`: the directory of origin and load. */
  constructor(programs, binary, { keep = false } = {}) {
    Object.assign(this, { programs, binary, keep, dir: fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-soak-")) });
    fs.chmodSync(this.dir, 0o755);
    this.events = this.file("events.json", "");
    fs.chmodSync(this.events, 0o666);
    this.logFile = this.file("sallyport.log", "");
  }

  file(name, text) {
    const at = path.join(this.dir, name);
    fs.writeFileSync(at, text);
    return at;
  }

  /** The origin and Sallyport, without a load. */
  async serveOnly(config, env) {
    this.origin = talker(path.join(this.programs, "origin"), [], path.join(this.dir, "origin.log"));
    this.to = (await this.origin.next()).port;
    this.port = await freePort();
    this.configure(config);
    await this.serve(env);
    return this;
  }

  async open({ connections, seed, think, rate, config, env } = {}) {
    await this.serveOnly(config, env);
    const options = { port: this.port, connections, seed, think, rate };
    this.load = talker(path.join(this.programs, "load"), Object.entries(options).filter(([, v]) => v !== undefined).map(([k, v]) => `${k}=${v}`), path.join(this.dir, "load.log"));
    await this.load.next();
    return this;
  }

  /** Writes the configuration. */
  configure({ rules = [path.join(source, "patches")], top = "", service = "" } = {}) {
    this.config = this.file("sallyport.yaml", `services:
  - name: soak
    listen: ["127.0.0.1:${this.port}"]
    to: 127.0.0.1:${this.to}
    ${service}
rules: ${JSON.stringify(rules)}
events: [{to: file, path: ${this.events}}]
runtime: ${path.join(this.dir, "run")}
${top}
`);
  }

  /** Starts Sallyport, or starts it again. */
  async serve(env = {}) {
    const log = fs.openSync(this.logFile, "a");
    this.child = spawn(this.binary, ["run", "-c", this.config], { stdio: ["ignore", log, log], env: { ...process.env, ...env } });
    this.ended = new Promise((done) => this.child.once("exit", (code, signal) => done(code ?? signal)));
    const ended = this.ended.then((how) => {
      throw new Error(`Sallyport ended (${how}):\n${this.log().slice(-4000)}`);
    });
    await Promise.race([until("Sallyport serves", () => answers(this.port), 60000), ended]);
    ended.catch(() => {});
    this.processes();
  }

  get pid() {
    return this.child.pid;
  }

  log() {
    return fs.readFileSync(this.logFile, "utf8");
  }

  /** What the load and the log have to say when something is wrong. */
  evidence() {
    const read = (name) => (fs.existsSync(path.join(this.dir, name)) ? fs.readFileSync(path.join(this.dir, name), "utf8") : "");
    return `${read("load.log").slice(0, 4000)}${read("origin.log").slice(0, 1000)}${this.log().slice(-4000)}`;
  }

  /** How often a line of the log has matched so far. */
  logged(pattern) {
    return this.log().split("\n").filter((line) => pattern.test(line)).length;
  }

  /** A command of the user's to the running instance. */
  async command(words, binary = this.binary) {
    const child = spawn(binary, [...words, "-c", this.config], { stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    child.stdout.on("data", (some) => (text += some));
    child.stderr.on("data", (some) => (text += some));
    return { status: await new Promise((done) => child.once("close", (code, signal) => done(code ?? signal))), text };
  }

  /** Every process of this instance, those too that an earlier supervisor left. */
  processes() {
    const found = family(this.pid, ...this.#leftovers());
    for (const p of found) this.#all.set(p.pid, p.begun);
    return found;
  }

  /** In the order of their places. */
  workers() {
    return this.processes().map((p) => ({ ...p, slot: Number(/^sp-worker (\d+)$/.exec(p.name)?.[1] ?? NaN) })).filter((p) => !Number.isNaN(p.slot))
      .sort((a, b) => a.slot - b.slot || a.pid - b.pid);
  }

  keepers() {
    return this.processes().filter((p) => p.name.startsWith("sp-keeper")).map((p) => p.pid);
  }

  /** Ends a process of this stage the hard way and tells the load the moment. */
  strike(pid, label) {
    this.mark(label);
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if (error.code !== "ESRCH") throw error;
      return false;
    }
    return true;
  }

  mark(label) {
    this.load?.say(`mark ${process.hrtime.bigint()} ${label}`);
  }

  /** Ends the phase that is going on; what it was like. */
  phase(next) {
    this.load.say(`phase ${next}`);
    return this.load.next();
  }

  /** Lets everything under way come to its end; the last phase and how it ended. */
  async finish() {
    this.load.say("quit");
    const last = await this.load.next(), end = await this.load.next();
    await this.load.ended;
    this.origin.say("stats");
    return { last, end, origin: await this.origin.next() };
  }

  async close() {
    this.processes();
    this.load?.child.kill("SIGKILL");
    this.child?.kill("SIGTERM");
    const over = this.child ? await Promise.race([this.ended.then(() => true), sleep(15000).then(() => false)]) : true;
    const left = this.#leftovers();
    for (const pid of left) process.kill(pid, "SIGKILL");
    await this.origin?.end();
    if (!this.keep) fs.rmSync(this.dir, { recursive: true, force: true });
    return { orderly: over, left: left.length };
  }

  /** Processes of this instance that are still there, whoever their parent is now. */
  #leftovers() {
    for (const [pid, begun] of this.#all) {
      const p = stat(pid);
      if (!p || p.begun !== begun || p.state === "Z") this.#all.delete(pid);
    }
    return [...this.#all.keys()];
  }
}
