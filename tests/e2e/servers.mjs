// SPDX-License-Identifier: Apache-2.0
// servers: real web servers with directories of their own, and Sallyport in front of them.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import crypto from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import path from "node:path";
import { accepts, freePort, root, scratch, sleep, start, until } from "../cli/tool.mjs";

export const BIG = 64 << 20;
const modules = "/usr/lib/apache2/modules";

export const digest = (bytes) => crypto.createHash("sha256").update(bytes).digest("hex");
export const digestOf = (file) => digest(fs.readFileSync(file));

function site(t) {
  const dir = scratch(t);
  fs.chmodSync(dir, 0o777);
  fs.mkdirSync(path.join(dir, "site"));
  fs.chmodSync(path.join(dir, "site"), 0o777);
  fs.writeFileSync(path.join(dir, "site/index.html"), "<p>hello</p>\n");
  fs.writeFileSync(path.join(dir, "site/big"), crypto.randomBytes(1 << 20));
  const big = fs.openSync(path.join(dir, "site/big"), "a");
  const piece = crypto.randomBytes(1 << 20);
  for (let n = 1; n < BIG >> 20; n++) fs.writeSync(big, piece);
  fs.closeSync(big);
  return dir;
}

/** Starts a server and waits until it listens; returns what ends it, which happens with the test at the latest. */
export async function launch(t, command, args, port, signal = "SIGTERM") {
  const child = spawn(command, args, { stdio: "ignore", env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } });
  const ended = new Promise((done) => child.once("exit", done).once("error", done));
  const stop = async () => {
    child.kill(signal);
    await ended;
  };
  t.after(stop);
  await until(`${command} listens`, () => accepts(port));
  return stop;
}

export async function nginx(t) {
  const dir = site(t), port = await freePort();
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${dir}/${kind};`).join(" ");
  fs.writeFileSync(path.join(dir, "nginx.conf"), `
daemon off; worker_processes 1; pid ${dir}/pid; error_log ${dir}/error.log; ${process.getuid() === 0 ? "user root;" : ""}
events {}
http { ${temporary} access_log ${dir}/access.log; client_max_body_size 0; keepalive_requests 100000;
  server { listen 127.0.0.1:${port}; root ${dir}/site; location / { dav_methods PUT; } } }
`);
  await launch(t, "nginx", ["-c", `${dir}/nginx.conf`, "-e", `${dir}/error.log`], port);
  return { name: "nginx", port, dir };
}

export async function apache(t) {
  const dir = site(t), port = await freePort();
  const load = ["mpm_event", "authz_core", "dir", "dav", "dav_fs"].map((m) => `LoadModule ${m}_module ${modules}/mod_${m}.so`).join("\n");
  const user = process.getuid() === 0 ? "User www-data\nGroup www-data" : "";
  fs.writeFileSync(path.join(dir, "apache.conf"), `
ServerRoot ${dir}
ServerName localhost
Listen 127.0.0.1:${port}
PidFile ${dir}/pid
ErrorLog ${dir}/error.log
${load}
${user}
DocumentRoot ${dir}/site
DirectoryIndex index.html
MaxKeepAliveRequests 0
DavLockDB ${dir}/lock
<Directory ${dir}/site>
  Require all granted
  DAV On
</Directory>
`);
  fs.chmodSync(path.join(dir, "site"), 0o777);
  await launch(t, "apache2", ["-d", dir, "-f", `${dir}/apache.conf`, "-X"], port);
  return { name: "Apache httpd", port, dir };
}

/** A server of our own making. */
export async function origin(t, handler) {
  const server = http.createServer(handler).listen(0, "127.0.0.1");
  await new Promise((ready) => server.once("listening", ready));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, port: server.address().port };
}

/** A server that says what it was asked: the request as it came, the length and digest of its body. */
export const echo = (t) =>
  origin(t, (req, res) => {
    const hash = crypto.createHash("sha256");
    let length = 0;
    req.on("data", (bytes) => (hash.update(bytes), (length += bytes.length)));
    req.on("end", () => {
      const { method, url, headers } = req;
      res.end(JSON.stringify({ method, url, headers, length, digest: hash.digest("hex") }));
    });
  });

/** A server that is given each connection as it is. */
export async function raw(t, serve, at = { port: 0, host: "127.0.0.1" }) {
  const open = new Set();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket.on("error", () => {}));
    serve(socket);
  });
  t.after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  await new Promise((ready) => server.listen(at, ready));
  return { server, open, port: server.address().port };
}

/** A client's connection that can be written to and waited on. */
export function connect(port, options = {}) {
  const socket = net.connect({ port, host: "127.0.0.1", ...options }).setNoDelay().setEncoding("latin1");
  const at = { back: "", ended: false, error: undefined };
  socket.on("data", (bytes) => (at.back += bytes)).on("close", () => (at.ended = true)).on("error", (error) => (at.error = error.code));
  const wait = async (holds) => {
    for (let i = 0; i < 500 && !holds(at); i++) await sleep(20);
    assert.ok(holds(at), `came: ${JSON.stringify(at.back.slice(-400))}`);
    return at.back;
  };
  return { socket, at, until: wait };
}

/** The statuses of the answers in what came back. */
export const statuses = (text) => [...text.matchAll(/^HTTP\/1\.[01] (\d+)/gm)].map((found) => Number(found[1]));

/** A number that the kernel keeps for a process, in KiB: VmRSS, VmHWM. */
export const memory = (pid, what) => Number(new RegExp(`^${what}:\\s+(\\d+)`, "m").exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"))[1]);

/** The events of a file. */
function events(file) {
  const lines = () => (fs.existsSync(file) ? fs.readFileSync(file, "utf8").split("\n").slice(0, -1).map((line) => JSON.parse(line)) : []);
  /** The first event that fits; they are written a moment after the answer. */
  const told = async (fits) => {
    await until("an event", () => lines().some(fits));
    return lines().find(fits);
  };
  return { lines, told };
}

/** Processes of Sallyport below `pid`, with what they call themselves. */
function below(pid) {
  const children = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  return children.flatMap((child) => [{ pid: child, name: fs.readFileSync(`/proc/${child}/cmdline`, "utf8").replace(/\0/g, "") }, ...below(child)]);
}

const named = (gate, what) =>
  below(gate.child.pid)
    .filter(({ name }) => name.startsWith(`sallyport: ${what} `))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ pid }) => pid);

/** Process numbers of its workers and keepers, by their number. */
export const workers = (gate) => named(gate, "worker");
export const keepers = (gate) => named(gate, "keeper");

/** Starts it and waits for its first worker: listening begins before that. */
async function serving(t, args, port, options) {
  const gate = await start(t, args, port, options);
  await until("a worker", () => workers(gate).length > 0);
  return gate;
}

/** Sallyport with all patches in front of a port or an address; its port and events. */
export async function shield(t, to, ...more) {
  const port = await freePort(), file = path.join(scratch(t), "events");
  const args = ["protect", "--listen", `127.0.0.1:${port}`, "--to", typeof to === "number" ? `127.0.0.1:${to}` : to, "--protocol", "http", "--rules", path.join(root, "patches"), "--events", file, ...more];
  return { ...(await serving(t, args, port)), port, url: `http://127.0.0.1:${port}`, ...events(file) };
}

/** The same with a configuration file: what it says of the service and of everything else, and rules of the test's own. */
export async function configured(t, to, service, { rest = "", rules, options } = {}) {
  const port = await freePort(), dir = scratch(t), file = path.join(dir, "events");
  if (rules) fs.writeFileSync(path.join(dir, "rules.yaml"), rules);
  fs.writeFileSync(path.join(dir, "sallyport.yaml"), `rules: [${rules ? path.join(dir, "rules.yaml") : path.join(root, "patches")}]
events: [{to: file, path: ${file}}]
${rest}
services:
  - name: test
    listen: ["127.0.0.1:${port}"]
    to: "127.0.0.1:${to}"
    ${service}
`);
  const config = path.join(dir, "sallyport.yaml");
  return { ...(await serving(t, ["run", "-c", config], port, options)), config, port, url: `http://127.0.0.1:${port}`, ...events(file) };
}
