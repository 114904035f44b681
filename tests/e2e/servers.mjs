// SPDX-License-Identifier: Apache-2.0
// servers: real web servers with directories of their own, and Sallyport in front of them.
import { spawn } from "node:child_process";
import crypto from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import path from "node:path";
import { freePort, root, scratch, start, until } from "../cli/tool.mjs";

export const BIG = 64 << 20;
const modules = "/usr/lib/apache2/modules";

const digest = (bytes) => crypto.createHash("sha256").update(bytes).digest("hex");
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

async function launch(t, command, args, port, env = {}) {
  const child = spawn(command, args, { stdio: "ignore", env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin`, ...env } });
  const ended = new Promise((done) => child.once("exit", done).once("error", done));
  t.after(async () => {
    child.kill("SIGTERM");
    await ended;
  });
  await until(`${command} listens`, () => new Promise((answer) => {
    const socket = net.connect(port, "127.0.0.1", () => { socket.destroy(); answer(true); });
    socket.once("error", () => answer(false));
  }));
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

/** Sallyport with all patches in front of a port; its port and events. */
export async function shield(t, to, ...more) {
  const port = await freePort(), events = path.join(scratch(t), "events");
  const args = ["protect", "--listen", `127.0.0.1:${port}`, "--to", `127.0.0.1:${to}`, "--rules", path.join(root, "patches"), "--events", events, ...more];
  const running = await start(t, args, port);
  const lines = () => (fs.existsSync(events) ? fs.readFileSync(events, "utf8").split("\n").slice(0, -1).map((line) => JSON.parse(line)) : []);
  /** The first event that fits; they are written a moment after the answer. */
  const told = async (fits) => {
    await until("an event", () => lines().some(fits));
    return lines().find(fits);
  };
  return { ...running, port, url: `http://127.0.0.1:${port}`, told };
}

/** The same with a configuration file around the service. */
export async function configured(t, to, service) {
  const port = await freePort(), dir = scratch(t);
  fs.writeFileSync(path.join(dir, "sallyport.yaml"), `services:
  - name: test
    listen: ["127.0.0.1:${port}"]
    to: "127.0.0.1:${to}"
    ${service}
`);
  return { ...(await start(t, ["run", "-c", path.join(dir, "sallyport.yaml")], port)), port, url: `http://127.0.0.1:${port}` };
}
