// SPDX-License-Identifier: Apache-2.0
// activation: somebody else opened the listening socket, and clients wait at it already. systemd-socket-activate(1) plays systemd.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import test from "node:test";
import { binary, exchange, freePort, origin, request, root, scratch, until } from "../cli/tool.mjs";

const inode = (pid) => fs.readdirSync(`/proc/${pid}/fd`).map((fd) => fs.readlinkSync(`/proc/${pid}/fd/${fd}`)).filter((link) => link.startsWith("socket:"));

test("a client that came before the program is answered, at the very socket that it came to", async (t) => {
  const to = await origin(t), port = await freePort(), dir = scratch(t);
  const config = path.join(dir, "sallyport.yaml");
  fs.writeFileSync(config, `workers: 1
rules: [${path.join(root, "patches")}]
runtime: ${path.join(dir, "run")}
services:
  - {name: test, listen: ["127.0.0.1:${port}"], to: "127.0.0.1:${to}"}
`);
  const child = spawn("systemd-socket-activate", ["-l", `127.0.0.1:${port}`, "--fdname=listener", binary, "run", "-c", config], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (some) => (said += some));
  const ended = new Promise((done) => child.once("exit", (code, signal) => done(code ?? signal)));
  t.after(async () => {
    for (const signal of ["SIGTERM", "SIGINT"]) child.kill(signal);
    await ended;
  });
  await until(`it listens: ${said}`, () => /Listening on/.test(said));
  const [listener] = inode(child.pid).filter((link) => execFileSync("ss", ["-Hltne", `sport = :${port}`], { encoding: "utf8" }).includes(`ino:${/\d+/.exec(link)[0]} `));
  assert.ok(listener, said);
  const waiting = net.connect(port, "127.0.0.1", () => waiting.write(request("/", "Connection: close\r\n")));
  let back = "";
  waiting.on("data", (some) => (back += some));
  await until(`an answer: ${said}`, () => back.startsWith("HTTP/1.1 200 "), 30000);
  assert.ok(inode(child.pid).includes(listener), "the supervisor has the socket that it was given");
  assert.match(await exchange(port, request("/", "Connection: close\r\n")), /^HTTP\/1.1 200 /);
  child.kill("SIGTERM");
  assert.equal(await ended, 0, said);
});
