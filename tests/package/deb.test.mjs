// SPDX-License-Identifier: Apache-2.0
// deb: the package is built, installed over this machine's files in a mount namespace that keeps what is written for itself, started as its unit would start
// it, asked, upgraded and removed. systemd is not needed for it; what systemd-analyze says of the unit is.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import test, { after, before } from "node:test";
import { fileURLToPath } from "node:url";

const source = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const EXPOSURE_MAX = 2.0; // what systemd-analyze may say at most
const config = "/etc/sallyport/sallyport.yaml";
const place = {};

const text = (result) => `${result.stdout}${result.stderr}`;

/** A command in the namespaces, below the new root; `net`: only in that of the network. */
function inside(words, { net = false, input } = {}) {
  const enter = ["-t", `${place.holder.pid}`, "-n", ...(net ? [] : ["-m", "chroot", place.root])];
  return spawnSync("nsenter", [...enter, ...words], { encoding: "utf8", input, timeout: 60000, env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" } });
}

function must(words, options) {
  const result = inside(words, options);
  assert.equal(result.status, 0, `${words.join(" ")}: ${text(result)}`);
  return result.stdout;
}

const there = (file) => inside(["test", "-e", file]).status === 0;

async function until(what, holds) {
  for (let i = 0; i < 300; i++) {
    if (holds()) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`never happened: ${what}; ${place.said}`);
}

/** A root directory that shows this machine's, with nothing mounted over it but what a package needs. */
const stage = `
set -eu
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay none -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount --rbind /proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs none "$1/root/run"
mkdir -p "$1/root/tmp" && mount -t tmpfs none "$1/root/tmp"
cp "$2" "$1/root/tmp/package.deb"
ip link set lo up
echo ready
exec sleep 600
`;

before(async () => {
  place.dir = fs.mkdtempSync(path.join(os.tmpdir(), "sallyport-deb-"));
  place.root = path.join(place.dir, "stage/root");
  fs.mkdirSync(path.join(place.dir, "stage"));
  place.deb = execFileSync(path.join(source, "tools/deb.sh"), [path.join(place.dir, "deb")], { encoding: "utf8", timeout: 500000 }).trim().split("\n").at(-1);
  place.holder = spawn("unshare", ["-m", "-n", "--propagation", "private", "bash", "-c", stage, "bash", path.join(place.dir, "stage"), place.deb], { stdio: ["ignore", "pipe", "pipe"] });
  place.said = "";
  place.holder.stderr.on("data", (some) => (place.said += some));
  await new Promise((ready, failed) => {
    place.holder.stdout.once("data", ready);
    place.holder.once("exit", () => failed(new Error(`no stage: ${place.said}`)));
  });
});

after(async () => {
  for (const child of [place.service, place.origin, place.holder])
    if (child && child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await new Promise((gone) => child.once("exit", gone));
    }
  fs.rmSync(place.dir, { recursive: true, force: true });
});

test("lintian finds no errors", () => {
  const changes = fs.readdirSync(path.dirname(place.deb)).find((name) => name.endsWith(".changes"));
  const result = spawnSync("lintian", ["--allow-root", "--fail-on", "error", path.join(path.dirname(place.deb), changes)], { encoding: "utf8" });
  assert.equal(result.status, 0, text(result));
});

test("it installs", () => {
  must(["dpkg", "-i", "/tmp/package.deb"]);
  assert.match(must(["getent", "passwd", "sallyport"]), /nologin/);
  for (const file of ["/usr/bin/sallyport", "/usr/share/man/man1/sallyport.1.gz", "/lib/systemd/system/sallyport.service", "/etc/logrotate.d/sallyport", config]) assert.ok(there(file), file);
  assert.ok(Number(must(["sh", "-c", "find /usr/share/sallyport/patches -name '*.yaml' | wc -l"])) > 50);
  assert.equal(must(["dpkg-query", "-W", "-f", "${Conffiles}", "sallyport"]).trim().split("\n").length, 2);
  assert.match(must(["sallyport", "check", "-c", config]), /./);
});

test("systemd-analyze accepts the unit and rates it", () => {
  const unit = "/lib/systemd/system/sallyport.service";
  const verified = inside(["systemd-analyze", "verify", "--man=no", unit]);
  assert.equal(verified.status, 0, text(verified));
  assert.doesNotMatch(text(verified), /sallyport/);
  const rated = /Overall exposure level for sallyport.service: ([\d.]+)/.exec(must(["systemd-analyze", "security", "--offline=true", unit]));
  assert.ok(Number(rated[1]) < EXPOSURE_MAX, rated[0]);
});

/** As the unit says: user, capabilities, directories. */
function start() {
  must(["install", "-d", "-o", "sallyport", "-g", "sallyport", "/run/sallyport"]);
  const rights = ["--reuid=sallyport", "--regid=sallyport", "--clear-groups", "--no-new-privs", "--inh-caps=-all,+net_bind_service", "--ambient-caps=-all,+net_bind_service", "--bounding-set=-all,+net_bind_service"];
  place.service = spawn("nsenter", ["-t", `${place.holder.pid}`, "-m", "-n", "chroot", place.root, "setpriv", ...rights, "/usr/bin/sallyport", "run", "-c", config], { stdio: ["ignore", "ignore", "pipe"] });
  place.service.stderr.on("data", (some) => (place.said += some));
}

const ask = (target) => inside(["curl", "-s", "-i", "--path-as-is", "--max-time", "5", `http://127.0.0.1:8080${target}`], { net: true }).stdout;

test("the installed program serves with the installed configuration", async () => {
  const server = 'require("node:http").createServer((q, r) => r.end("from the server\\n")).listen(80, "127.0.0.1")';
  place.origin = spawn("nsenter", ["-t", `${place.holder.pid}`, "-n", process.execPath, "-e", server], { stdio: "ignore" });
  start();
  await until("it serves", () => ask("/").includes("from the server"));
  assert.match(ask("/"), /^HTTP\/1.1 200 /);
  assert.match(ask("/cgi-bin/.%2e/.%2e/.%2e/bin/sh"), /^HTTP\/1.1 40[03] /);
  await until("an event", () => there("/var/log/sallyport/events.json") && must(["cat", "/var/log/sallyport/events.json"]).includes("CVE-2021-41773"));
});

test("root looks after it: status, reload, logs that are turned over", async () => {
  assert.match(must(["sallyport", "status", "-c", config]), /worker/);
  must(["sallyport", "reload", "-c", config]);
  must(["logrotate", "--force", "/etc/logrotate.d/sallyport"]);
  await until("a new log", () => {
    ask("/cgi-bin/.%2e/.%2e/.%2e/bin/sh");
    return there("/var/log/sallyport/events.json.1") && there("/var/log/sallyport/events.json");
  });
});

test("another installation leaves it running, and it becomes the new program", async () => {
  must(["dpkg", "-i", "/tmp/package.deb"]);
  assert.match(ask("/"), /^HTTP\/1.1 200 /);
  must(["sallyport", "upgrade", "-c", config]);
  assert.match(ask("/"), /^HTTP\/1.1 200 /);
  assert.equal(place.service.exitCode, null);
});

test("it stops when it is told to, and can be removed", async () => {
  const ended = new Promise((done) => place.service.once("exit", (code, signal) => done(code ?? signal)));
  place.service.kill("SIGTERM");
  assert.equal(await ended, 0, place.said);
  must(["dpkg", "-r", "sallyport"]);
  assert.ok(!there("/usr/bin/sallyport"));
  assert.ok(there(config));
  must(["dpkg", "-P", "sallyport"]);
  for (const file of ["/etc/sallyport", "/var/log/sallyport", "/var/lib/sallyport", "/usr/share/sallyport"]) assert.ok(!there(file), file);
});
