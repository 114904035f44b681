// SPDX-License-Identifier: Apache-2.0
// servers: nginx and Apache httpd behind Sallyport with every patch in force, curl, Node's fetch and plain sockets before it.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import crypto from "node:crypto";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import test from "node:test";
import { promisify } from "node:util";
import { Pool } from "undici";
import { apache, BIG, configured, connect, digestOf, nginx, shield } from "./servers.mjs";

const curl = async (...args) => (await promisify(execFile)("curl", ["-sS", "--max-time", "60", ...args], { maxBuffer: 1 << 20 })).stdout;
const octets = "Content-Type: application/octet-stream"; // a body that no patch reads
const exploit = "/cgi-bin/.%2e/.%2e/.%2e/bin/sh";

/** Everything that comes back for these bytes, until the server closes. */
const talk = (port, text) =>
  new Promise((done, failed) => {
    let back = "";
    const socket = net.connect(port, "127.0.0.1", () => socket.write(text));
    socket.setEncoding("latin1").on("data", (bytes) => (back += bytes)).on("end", () => { socket.end(); done(back); }).on("error", failed);
  });

for (const server of [nginx, apache])
  test(server.name, async (t) => {
    const site = await server(t);
    const gate = await shield(t, site.port);
    const here = (name) => path.join(site.dir, "site", name);

    await t.test("keep-alive: many requests of curl on one connection", async () => {
      const urls = Array(50).fill(`${gate.url}/`);
      const out = await curl("-o", "/dev/null", "-w", "%{http_code} %{num_connects}\n", ...urls.flatMap((url, i) => (i ? ["-o", "/dev/null", url] : [url])));
      const lines = out.trim().split("\n").map((line) => line.split(" "));
      assert.deepEqual(lines.map(([status]) => status), Array(50).fill("200"));
      assert.equal(lines.reduce((sum, [, connects]) => sum + Number(connects), 0), 1);
    });

    await t.test("pipelining: answers in order", async () => {
      const names = Array.from({ length: 20 }, (_, i) => (i % 3 ? "/" : `/missing${i}`));
      const text = names.map((name, i) => `GET ${name} HTTP/1.1\r\nHost: a\r\n${i === 19 ? "Connection: close\r\n" : ""}\r\n`).join("");
      const statuses = [...(await talk(gate.port, text)).matchAll(/^HTTP\/1\.1 (\d+)/gm)].map((m) => m[1]);
      assert.deepEqual(statuses, names.map((name) => (name === "/" ? "200" : "404")));
    });

    await t.test("64 MiB down", async () => {
      const file = path.join(site.dir, "down");
      assert.equal(await curl("-o", file, "-w", "%{http_code}", `${gate.url}/big`), "200");
      assert.equal(fs.statSync(file).size, BIG);
      assert.equal(digestOf(file), digestOf(here("big")));
    });

    await t.test("64 MiB up, after 100 Continue", async () => {
      const status = await curl("-o", "/dev/null", "-w", "%{http_code}", "-H", octets, "-H", "Expect: 100-continue", "-T", here("big"), `${gate.url}/up`);
      assert.match(status, /^20[14]$/);
      assert.equal(digestOf(here("up")), digestOf(here("big")));
    });

    await t.test("64 MiB up, chunked", async () => {
      const status = await curl("-o", "/dev/null", "-w", "%{http_code}", "-H", octets, "-H", "Transfer-Encoding: chunked", "-T", here("big"), `${gate.url}/chunked`);
      assert.match(status, /^20[14]$/);
      assert.equal(digestOf(here("chunked")), digestOf(here("big")));
    });

    await t.test("64 MiB that a patch has to read pass; one byte more is refused, not passed on unread", async () => {
      const send = (file, target) => curl("-o", "/dev/null", "-w", "%{http_code}", "-H", "Content-Type: application/json", "-T", here(file), `${gate.url}${target}`);
      assert.match(await send("big", "/read"), /^20[14]$/);
      assert.equal(digestOf(here("read")), digestOf(here("big")));
      fs.copyFileSync(here("big"), here("more"));
      fs.appendFileSync(here("more"), "x");
      const status = await send("more", "/json");
      assert.equal(status, "413");
      assert.ok(!fs.existsSync(here("json")));
      assert.equal((await gate.told((e) => e.http?.url === "/json")).sallyport.anomaly, "body_too_long");
    });

    await t.test("HEAD, ranges, conditions, HTTP/1.0", async () => {
      const { headers } = await fetch(`${gate.url}/`, { method: "HEAD" });
      assert.equal(headers.get("content-length"), "13");
      assert.equal((await fetch(`${gate.url}/`, { headers: { "If-None-Match": headers.get("etag") } })).status, 304);
      const part = await fetch(`${gate.url}/`, { headers: { Range: "bytes=3-7" } });
      assert.deepEqual([part.status, await part.text()], [206, "hello"]);
      assert.equal(await curl("-0", `${gate.url}/`), "<p>hello</p>\n");
    });

    await t.test("fetch: 400 requests, 20 at a time", async () => {
      const one = async () => assert.equal(await (await fetch(`${gate.url}/`)).text(), "<p>hello</p>\n");
      for (let i = 0; i < 20; i++) await Promise.all(Array.from({ length: 20 }, one));
    });

    await t.test("an exploit between two requests is refused; the connection goes on; the server never sees it", async () => {
      const get = (target, more = "") => `GET ${target} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
      const back = await talk(gate.port, get("/") + get(exploit) + get("/", "Connection: close\r\n"));
      assert.deepEqual([...back.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map((m) => m[1]), ["200", "400", "200"]);
      assert.equal((await gate.told((e) => e.http?.url === exploit)).sallyport.rule, "CVE-2021-41773");
      for (const log of ["access.log", "error.log"].map((name) => path.join(site.dir, name)))
        if (fs.existsSync(log)) assert.ok(!fs.readFileSync(log, "utf8").includes("/bin/sh"));
    });

    await t.test("so many ranges that no client needs them: the server sends the file whole, as the patched one does", async () => {
      const range = "bytes=" + Array.from({ length: 30 }, (_, i) => `${2 * i}-${2 * i}`).join(",");
      const ask = async (port) => (await fetch(`http://127.0.0.1:${port}/up`, { method: "HEAD", headers: { Range: range } })).status;
      assert.equal(await ask(site.port), 206);
      assert.equal(await ask(gate.port), 200);
      assert.equal((await gate.told((e) => e.sallyport.rule === "CVE-2011-3192")).sallyport.verdict, "correct");
    });

    await t.test("uploads of undici, ten at a time, come back as they went", async () => {
      const pool = new Pool(gate.url, { connections: 3, pipelining: 2 });
      const turn = async (n) => {
        const body = crypto.randomBytes(1000 * n), path = `/file${n}`;
        const put = await pool.request({ method: "PUT", path, headers: { "content-type": "application/octet-stream" }, body });
        assert.equal(put.statusCode, 201);
        await put.body.dump();
        const got = await pool.request({ method: "GET", path });
        assert.deepEqual(Buffer.from(await got.body.arrayBuffer()), body);
      };
      await Promise.all(Array.from({ length: 10 }, (_, n) => turn(n)));
      await pool.close();
    });

    await t.test("a head byte by byte; one that never ends gets 408 of its own", async () => {
      const { socket, until } = connect(gate.port);
      for (const byte of "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") await new Promise((sent) => socket.write(byte, sent));
      assert.match(await until((c) => c.ended), /^HTTP\/1\.1 200 [^]*<p>hello<\/p>\n$/);
      const hasty = await configured(t, site.port, "timeouts: {header: 300ms}");
      const slow = connect(hasty.port);
      slow.socket.write("GET / HTTP/1.1\r\nHost: a\r\n");
      assert.match(await slow.until((c) => c.ended), /^HTTP\/1\.1 408 /);
    });

    await t.test("a client that goes away in the middle leaves the others alone", async () => {
      const gone = spawn("curl", ["-s", "--limit-rate", "100k", "-o", "/dev/null", `${gate.url}/big`]);
      await new Promise((done) => setTimeout(done, 200));
      gone.kill("SIGKILL");
      assert.equal((await fetch(`${gate.url}/`)).status, 200);
    });

    await t.test("a slow reader gets all of it", async () => {
      const file = path.join(site.dir, "slow");
      assert.equal(await curl("--limit-rate", "40M", "-o", file, "-w", "%{http_code}", `${gate.url}/big`), "200");
      assert.equal(digestOf(file), digestOf(here("big")));
    });
  });
