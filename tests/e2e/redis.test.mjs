// SPDX-License-Identifier: Apache-2.0
// redis: a real Redis behind Sallyport; redis-cli, redis-benchmark and plain sockets before it.
import assert from "node:assert/strict";
import crypto from "node:crypto";
import net from "node:net";
import test from "node:test";
import { until } from "../cli/tool.mjs";
import { out, redis } from "./databases.mjs";
import { configured, connect, digest } from "./servers.mjs";

const rules = `
guard: no-keys
title: KEYS reads everything
protocol: redis
when: redis.command == "keys"
then: refuse
cases:
  - {send: "KEYS *\\r\\n", expect: refuse}
  - {send: "GET a\\r\\n", expect: pass}
---
guard: no-secret
title: a value
protocol: redis
when: redis.command == "set" and redis.arg["1"] == "guarded" and redis.arg["2"] contains "secret"
then: refuse
cases:
  - {send: "SET guarded secret\\r\\n", expect: refuse}
  - {send: "SET other secret\\r\\n", expect: pass}
---
guard: short-lists
title: at most 10 at once
protocol: redis
when: redis.command == "lrange" and to_number(redis.arg["3"]) > 9
then: set redis.arg["3"] to "9"
cases:
  - {send: "LRANGE l 0 1000\\r\\n", expect: correct, becomes: "*4\\r\\n$6\\r\\nLRANGE\\r\\n$1\\r\\nl\\r\\n$1\\r\\n0\\r\\n$1\\r\\n9\\r\\n"}
  - {send: "LRANGE l 0 5\\r\\n", expect: pass}
---
guard: bob-writes-not
title: bob reads
protocol: redis
when: redis.user == "bob" and redis.category == "write"
then: refuse
cases:
  - {send: "AUTH bob x\\r\\nSET a b\\r\\n", expect: refuse}
  - {send: "AUTH alice x\\r\\nSET a b\\r\\n", expect: pass}
`;
const refusal = (rule) => `-ERR unknown command 'refused by Sallyport: ${rule}', with args beginning with: \r\n`;

/** A command in the counted form. */
const counted = (...args) => Buffer.concat([
  Buffer.from(`*${args.length}\r\n`),
  ...args.flatMap((a) => [Buffer.from(`$${Buffer.byteLength(a)}\r\n`), Buffer.from(a), Buffer.from("\r\n")]),
]);
const cli = (port, ...args) => out("redis-cli", ["-p", port, ...args]);

test("a real Redis", async (t) => {
  const { port: server } = await redis(t);
  const gate = await configured(t, server, "protocol: redis", { rules });
  const open = (t2) => {
    const c = connect(gate.port);
    t2.after(() => c.socket.destroy());
    return { ...c, ask: async (bytes, back) => {
      c.at.back = "";
      c.socket.write(bytes);
      for (let turn = 0; turn < 20000 && c.at.back.length < back.length && !c.at.ended; turn++) await new Promise(turn < 2000 ? setImmediate : (done) => setTimeout(done, 1));
      assert.equal(c.at.back, back);
    } };
  };

  await t.test("redis-cli: strings, RESP3, errors", async () => {
    assert.equal(await cli(gate.port, "set", "a", "b c"), "OK\n");
    assert.equal(await cli(gate.port, "get", "a"), "b c\n");
    assert.equal(await cli(gate.port, "-3", "hset", "h", "f", "1"), "1\n");
    assert.match(await cli(gate.port, "-3", "hgetall", "h"), /f/);
    assert.match(await cli(gate.port, "get"), /wrong number of arguments/);
    assert.match(await cli(gate.port, "keys", "*"), /unknown command 'refused by Sallyport: no-keys'/);
    assert.equal((await gate.told((e) => e.sallyport?.rule === "no-keys")).sallyport.verdict, "refuse");
  });

  await t.test("a refusal in the middle of a pipeline keeps the order", async (t2) => {
    const c = open(t2);
    const commands = [], answers = [];
    for (let i = 0; i < 200; i++) {
      const refused = i % 7 === 3;
      commands.push(refused ? counted("KEYS", "*") : counted("ECHO", `${i}`));
      answers.push(refused ? refusal("no-keys") : `$${`${i}`.length}\r\n${i}\r\n`);
    }
    await c.ask(Buffer.concat(commands), answers.join(""));
  });

  await t.test("MULTI with a refused command is aborted as Redis aborts it", async (t2) => {
    const c = open(t2);
    await c.ask("MULTI\r\nSET m 1\r\nKEYS *\r\nEXEC\r\nGET m\r\n",
      `+OK\r\n+QUEUED\r\n${refusal("no-keys")}-EXECABORT Transaction discarded because of previous errors.\r\n$-1\r\n`);
    await c.ask("MULTI\r\nSET m 1\r\nEXEC\r\nGET m\r\n", "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n$1\r\n1\r\n");
  });

  await t.test("1,000 commands after a refusal, in a transaction and out of it", async (t2) => {
    const c = open(t2);
    await c.ask(counted("KEYS", "*"), refusal("no-keys"));
    for (let i = 0; i < 1000; i++) await c.ask(counted("SET", "n", `${i}`), "+OK\r\n");
    await c.ask(counted("GET", "n"), "$3\r\n999\r\n");
    await c.ask("MULTI\r\n", "+OK\r\n");
    for (let i = 0; i < 1000; i++) await c.ask(counted("INCR", "n"), "+QUEUED\r\n");
    await c.ask("EXEC\r\n", `*1000\r\n${Array.from({ length: 1000 }, (_, i) => `:${1000 + i}\r\n`).join("")}`);
  });

  await t.test("CLIENT REPLY OFF, SKIP and ON", async (t2) => {
    const c = open(t2);
    await c.ask("CLIENT REPLY SKIP\r\nKEYS *\r\nPING\r\n", "+PONG\r\n");
    await c.ask("CLIENT REPLY OFF\r\nKEYS *\r\nPING\r\nCLIENT REPLY ON\r\nPING\r\n", "+OK\r\n+PONG\r\n");
  });

  await t.test("pub/sub, RESP2 and RESP3", async (t2) => {
    for (const hello of ["", "HELLO 3\r\n"]) {
      const c = open(t2), other = open(t2);
      c.socket.write(`${hello}SUBSCRIBE news\r\n`);
      await c.until((at) => at.back.endsWith("subscribe\r\n$4\r\nnews\r\n:1\r\n"));
      await other.ask("PUBLISH news hello\r\n", ":1\r\n");
      await c.until((at) => at.back.endsWith("message\r\n$4\r\nnews\r\n$5\r\nhello\r\n"));
      c.at.back = "";
      c.socket.write("KEYS *\r\n");
      assert.equal(await c.until((at) => at.back.endsWith("\r\n")), refusal("no-keys"));
      c.socket.destroy();
    }
  });

  await t.test("MONITOR", async (t2) => {
    const c = open(t2), other = open(t2);
    await c.ask("MONITOR\r\n", "+OK\r\n");
    await other.ask("ECHO watched\r\n", "$7\r\nwatched\r\n");
    await c.until((at) => at.back.includes('"ECHO" "watched"'));
  });

  await t.test("64 MiB up and down; what a rule has to read of as much is collected", async (t2) => {
    const fetched = (commands, length) => new Promise((ready, failed) => {
      const socket = net.connect(gate.port, "127.0.0.1"), pieces = [];
      let n = 0;
      t2.after(() => socket.destroy());
      socket.on("close", () => failed(new Error("closed"))).on("data", (bytes) => {
        pieces.push(bytes);
        n += bytes.length;
        if (n >= length) ready(Buffer.concat(pieces));
      });
      socket.write(commands);
    });
    for (const [store, size] of [[["PSETEX", "big", "1000000"], 64 << 20], [["SET", "guarded"], 60 << 20]]) {
      const value = Buffer.from(crypto.randomBytes(size / 2).toString("hex"));
      const back = Buffer.concat([Buffer.from(`+OK\r\n$${size}\r\n`), value, Buffer.from("\r\n")]);
      const came = await fetched(Buffer.concat([counted(...store, value), counted("GET", store[1])]), back.length);
      assert.equal(digest(came), digest(back));
    }
    const c = open(t2);
    await c.ask(counted("SET", "guarded", `${"x".repeat(1 << 20)}secret`), refusal("no-secret"));
    await c.ask(counted("SET", "guarded", "x".repeat(65 << 20)), "-ERR unknown command 'refused by Sallyport: command_too_long', with args beginning with: \r\n");
    await c.ask("STRLEN guarded\r\n", `:${60 << 20}\r\n`);
  });

  await t.test("a correction", async (t2) => {
    const c = open(t2);
    await c.ask(counted("RPUSH", "l", ...Array(50).fill("x")), ":50\r\n");
    await c.ask("LRANGE l 0 1000000\r\n", `*10\r\n${"$1\r\nx\r\n".repeat(10)}`);
    await c.ask(counted("LRANGE", "l", "0", "20"), `*10\r\n${"$1\r\nx\r\n".repeat(10)}`);
  });

  await t.test("inline commands, byte by byte", async (t2) => {
    const c = open(t2);
    for (const byte of 'SET "in line" \'it\\\'s\'\r\n') c.socket.write(byte);
    await c.until((at) => at.back === "+OK\r\n");
    await c.ask(counted("GET", "in line"), "$4\r\nit's\r\n");
    await c.ask("\r\n*0\r\n*-1\r\nPING\r\n", "+PONG\r\n");
  });

  await t.test("malformed: earlier answers, the server's words, the end", async (t2) => {
    for (const [bytes, words] of [
      ["*1x\r\n", "invalid multibulk length"],
      ["*1\r\n$-5\r\n", "invalid bulk length"],
      ["*1\r\n+4\r\n", "expected '$', got '?'"],
      ['SET a "b\r\n', "unbalanced quotes in request"],
      ["PI\0NG\r\n", "invalid multibulk length"],
    ]) {
      const c = open(t2);
      c.socket.write(`PING\r\nKEYS *\r\n${bytes}PING\r\n`);
      const back = await c.until((at) => at.ended);
      assert.equal(back, `+PONG\r\n${refusal("no-keys")}-ERR Protocol error: ${words}\r\n`);
    }
    await gate.told((e) => e.sallyport?.anomaly === "bulk_length");
  });

  await t.test("a browser is cut off", async (t2) => {
    const c = open(t2);
    c.socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nFLUSHALL\r\n");
    assert.match(await c.until((at) => at.ended), /^-ERR Protocol error/);
    await gate.told((e) => e.sallyport?.anomaly === "cross_protocol");
    assert.equal(await cli(gate.port, "get", "a"), "b c\n");
  });

  await t.test("who a user is, the server says", async (t2) => {
    await cli(server, "acl", "setuser", "bob", "on", ">right", "~*", "+@all");
    const c = open(t2);
    await c.ask("PING\r\nAUTH bob wrong\r\nSET who 1\r\n", "+PONG\r\n-WRONGPASS invalid username-password pair or user is disabled.\r\n+OK\r\n");
    await c.ask("AUTH bob right\r\nSET who 2\r\nGET who\r\n", `+OK\r\n${refusal("bob-writes-not")}$1\r\n1\r\n`);
    await c.ask("RESET\r\nSET who 3\r\n", "+RESET\r\n+OK\r\n");
    const other = open(t2);
    other.socket.write("HELLO 3 AUTH bob right SETNAME x\r\nSET who 4\r\n");
    await other.until((at) => at.back.endsWith(refusal("bob-writes-not")));
  });

  await t.test("redis-benchmark: as many answers as commands", async () => {
    for (const pipeline of [1, 16]) {
      const stdout = await out("redis-benchmark", ["-p", gate.port, "-t", "get,set,lpush,mset", "-n", "20000", "-c", "10", "-P", pipeline, "--csv"]);
      assert.equal(stdout.match(/^"(GET|SET|LPUSH|MSET)/gm).length, 4);
      assert.doesNotMatch(stdout, /ERR/);
    }
  });
});

test("a replica behind Sallyport follows its master", async (t) => {
  const { port: master } = await redis(t);
  const gate = await configured(t, master, "protocol: redis", { rules });
  await cli(master, "set", "before", "1");
  const { port: replica } = await redis(t, "--replicaof", "127.0.0.1", gate.port);
  await until("the replica is in step", async () => (await cli(replica, "get", "before")) === "1\n");
  await cli(master, "set", "after", "2");
  await until("the stream goes on", async () => (await cli(replica, "get", "after")) === "2\n");
});
