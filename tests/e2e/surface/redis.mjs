// SPDX-License-Identifier: Apache-2.0
// redis (node-redis), with both versions of the protocol: all that it asks of a server.
import { createClient, createClientPool, RESP_TYPES } from "redis";
import { noise, texts, transcript } from "./transcript.mjs";

const MANY = 300; // of what is repeated
const options = (at, more = {}) => ({ socket: { host: "127.0.0.1", port: at.port, reconnectStrategy: 20 }, username: at.user, password: at.password, ...more });
const open = (at, more) => createClient(options(at, more)).on("error", () => {}).connect();

async function values(client, { asks }) {
  const binary = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  for (const [i, value] of [...texts, noise(100000), Buffer.from([...Array(256).keys()])].entries()) {
    await asks("set", () => client.set(`v${i}`, value));
    await asks("get", () => client.get(`v${i}`));
    await asks("get, bytes", () => binary.get(`v${i}`));
    await asks("hSet", () => client.hSet("hash", { [`f${i}`]: value }));
  }
  await asks("hGetAll", async () => Object.entries(await client.hGetAll("hash")).sort());
  await asks("mSet", () => client.mSet({ a: "1", b: "2" }));
  await asks("mGet", () => client.mGet(["a", "nothing", "b"]));
  await asks("set with options", () => client.set("a", "x", { condition: "NX", GET: true }));
  await asks("incrByFloat", () => client.incrByFloat("f", 0.1));
  await asks("incr", () => client.incr("n"));
  await asks("sAdd", () => client.sAdd("s", ["3", "1", "2"]));
  await asks("sMembers", async () => [...(await client.sMembers("s"))].sort());
  await asks("sIsMember", () => client.sIsMember("s", "1"));
  await asks("zAdd", () => client.zAdd("z", [{ score: 1, value: "one" }, { score: -Infinity, value: "low" }, { score: 1.5, value: "half" }]));
  await asks("zRangeWithScores", () => client.zRangeWithScores("z", 0, -1));
  await asks("zScore", () => client.zScore("z", "half"));
  await asks("geoAdd", () => client.geoAdd("g", [{ longitude: 13.361389, latitude: 38.115556, member: "Palermo" }]));
  await asks("geoPos", () => client.geoPos("g", ["Palermo", "nowhere"]));
  await asks("xAdd", () => client.xAdd("x", "1-1", { f: "v", g: "ü" }));
  await asks("xRead", () => client.xRead({ key: "x", id: "0" }));
  await asks("xRange", () => client.xRange("x", "-", "+"));
  await asks("rPush", () => client.rPush("list", texts));
  await asks("lRange", () => client.lRange("list", 0, -1));
  await asks("blPop that waits in vain", () => client.blPop("nothing", 0.05));
  await asks("eval", () => client.eval("return {1, 'two', {3, false}, redis.call('get', KEYS[1])}", { keys: ["a"], arguments: ["x"] }));
  await asks("types of version 3", () => client.eval("redis.setresp(3); return {map = {map = {a = 1.5, b = true}}, redis.call('hgetall', 'hash2')}", { keys: [] }));
  await asks("configGet", () => client.configGet("maxmemory*"));
  await asks("sendCommand", () => client.sendCommand(["ZRANGE", "z", "0", "-1", "WITHSCORES"]));
  await asks("a verbatim text", async () => typeof (await client.sendCommand(["LATENCY", "DOCTOR"])));
  await asks("scan", async () => {
    const keys = [];
    for await (const part of client.scanIterator({ MATCH: "v*", COUNT: 2 })) keys.push(...part);
    return [...new Set(keys)].sort();
  });
  for (const args of [["GET"], ["INCR", "list"], ["NOTHING", "a"], ["SELECT", "99"], ["EVAL", "not lua", "0"], ["EVAL", "return redis.error_reply('OWN words')", "0"], ["EVALSHA", "0".repeat(40), "0"], ["EXEC"], ["HELLO", "9"], ["AUTH", "default", "wrong"]])
    await asks(args.join(" "), () => client.sendCommand(args));
}

async function together(at, client, { asks, note }) {
  note("many at once", await Promise.all(Array.from({ length: MANY }, (_, i) => (i % 10 === 7 ? client.incr("list").catch((error) => error.message) : client.echo(`${i}`)))));
  await asks("multi", () => client.multi().set("m", "1").incr("m").hExists("hash", "f1").exec());
  await asks("multi with a failure", () => client.multi().set("m", "5").incr("list").get("m").exec());
  await asks("multi that is aborted", () => client.multi().set("m", "6").addCommand(["SET", "m"]).exec());
  await asks("pipeline without a transaction", () => client.multi().set("m", "7").get("m").execAsPipeline());
  await asks("then", () => client.get("m"));
  const other = await client.duplicate().on("error", () => {}).connect();
  await client.watch("m");
  await other.set("m", "8");
  await asks("watched", () => client.multi().set("m", "9").exec());
  await asks("select", () => other.select(1));
  await asks("another database", () => other.get("m"));
  await other.close();
  const pool = await createClientPool(options(at), { minimum: 4, maximum: 4 }).on("error", () => {}).connect();
  note("pool", await Promise.all(Array.from({ length: MANY }, (_, i) => pool.echo(`${i}`))));
  await asks("pool, isolated", () => pool.execute(async (one) => [await one.set("iso", "x"), await one.get("iso")]));
  await pool.close();
  const big = noise(24 << 20);
  await asks("24 MiB there", () => client.set("big", big));
  await asks("and back", () => client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer }).get("big"));
  await Promise.all(Array.from({ length: 20000 }, (_, i) => client.rPush("long", `${i}`)));
  await asks("20,000 elements", async () => (await client.lRange("long", 0, -1)).join());
}

async function messages(client, { asks, note }) {
  const listener = await client.duplicate().on("error", () => {}).connect(), heard = [];
  let done;
  const all = new Promise((ready) => (done = ready));
  await listener.subscribe("news", (text, channel) => (heard.push([channel, text]), text === "last" && done()));
  await listener.subscribe("bytes", (text, channel) => heard.push([channel, text]), true);
  await listener.pSubscribe("o*", (text, channel) => heard.push([channel, text]));
  await listener.sSubscribe("shard", (text, channel) => heard.push([channel, text]));
  for (const [channel, text] of [["news", ""], ["news", "ü".repeat(3000)], ["bytes", Buffer.from([0, 13, 10, 255])], ["other", "x"]]) await asks("publish", () => client.publish(channel, text));
  await asks("sPublish", () => client.sPublish("shard", "y"));
  await Promise.all(Array.from({ length: MANY }, (_, i) => client.publish("news", `${i}`)));
  await client.publish("news", "last");
  await all;
  for (const channel of ["news", "bytes"]) await asks("unsubscribe", () => listener.unsubscribe(channel));
  await asks("pUnsubscribe", () => listener.pUnsubscribe("o*"));
  await asks("sUnsubscribe", () => listener.sUnsubscribe("shard"));
  await asks("an ordinary command again", () => listener.echo("x"));
  note("heard", heard);
  const seen = new Promise((ready) => listener.monitor((line) => ready(String(line).replace(/^[\d.]+ \[0 [\d.:]+\]/, ""))).then(() => client.echo("watched")));
  note("monitor", await seen);
  listener.destroy();
  const blocked = await client.duplicate().on("error", () => {}).connect(), waiting = blocked.brPop("queue", 10);
  await client.lPush("queue", "job");
  note("brPop", await waiting);
  await blocked.close();
}

async function cached(at, client, { asks, note }) {
  const near = await open(at, { RESP: 3, clientSideCache: { ttl: 0, maxEntries: 0, evictPolicy: "LRU" } });
  await client.set("near", "1");
  await asks("cached", () => near.get("near"));
  await client.set("near", "2");
  for (let n = 0; n < 100 && (await near.get("near")) !== "2"; n++) await new Promise((ready) => setTimeout(ready, 20));
  note("told that it changed", await near.get("near"));
  await near.close();
}

async function dropped(at, client, { asks }) {
  const other = await open(at);
  const kill = async (id) => {
    const again = new Promise((done) => other.once("ready", done));
    await client.sendCommand(["CLIENT", "KILL", "ID", `${id}`]);
    await again;
  };
  await kill(await other.clientId());
  await asks("after a reconnection", () => other.echo("x"));
  const id = await other.clientId(), working = asks("killed at work", () => other.blPop("nothing", 20));
  await new Promise((done) => setTimeout(done, 300));
  await kill(id);
  await working;
  other.destroy();
  await asks("wrong password", () => open(at, { password: "wrong", socket: { host: "127.0.0.1", port: at.port, reconnectStrategy: false } }));
}

export default async function surface(at, log = transcript()) {
  for (const RESP of [2, 3]) {
    const client = await open(at, { RESP });
    log.note("protocol", RESP);
    await client.flushAll();
    await values(client, log);
    await together(at, client, log);
    await messages(client, log);
    if (RESP === 3) await cached(at, client, log);
    await dropped(at, client, log);
    await client.close();
  }
  return log.lines;
}
