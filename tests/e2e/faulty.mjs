// SPDX-License-Identifier: Apache-2.0
// faulty: sallyport-fault in front of a server.
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { freePort, root, scratch, until } from "../cli/tool.mjs";
import { connect } from "./servers.mjs";

/** Starts it with faults chosen by `env`; its port, what it says and its events. `service`, `rest`: lines of its configuration. */
export async function faulty(t, program, to, env, { service = "", rest = "" } = {}) {
  const port = await freePort(), dir = scratch(t), file = path.join(dir, "events");
  fs.chmodSync(dir, 0o755);
  fs.writeFileSync(file, "");
  fs.writeFileSync(path.join(dir, "sallyport.yaml"), `rules: [${path.join(root, "patches")}]
events: [{to: file, path: ${file}}]
runtime: ${path.join(dir, "run")}
${rest}
services:
  - name: test
    listen: ["127.0.0.1:${port}"]
    to: "127.0.0.1:${to}"
    ${service}
`);
  const child = spawn(program, ["run", "-c", path.join(dir, "sallyport.yaml")], { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ...env } });
  const said = { err: "" };
  child.stderr.on("data", (text) => (said.err += text));
  const ended = new Promise((done) => child.once("exit", (code, signal) => done(code ?? signal)));
  t.after(async () => {
    for (const signal of ["SIGTERM", "SIGINT"]) child.kill(signal); // the second one ends it at once, with everything it started
    await ended;
  });
  await until(`it serves: ${said.err}`, async () => {
    const trial = connect(port);
    trial.socket.write("GET /0 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    await until("an answer or none", () => trial.at.ended);
    return trial.at.back.startsWith("HTTP/1.1 ");
  }, 30000);
  const events = () => fs.readFileSync(file, "utf8").split("\n").slice(0, -1).map((line) => JSON.parse(line));
  const stop = async () => {
    child.kill("SIGTERM");
    return ended;
  };
  return { child, said, ended, stop, port, events };
}
