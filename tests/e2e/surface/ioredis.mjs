// SPDX-License-Identifier: Apache-2.0
// ioredis: all that it asks of a server.
import { once } from "node:events";
import Redis from "ioredis";
import { noise, texts, transcript } from "./transcript.mjs";

const MANY = 300; // of what is repeated
const open = (at, more = {}) => new Redis({ host: "127.0.0.1", port: at.port, username: at.user, password: at.password, retryStrategy: () => 20, ...more }).on("error", () => {});

async function values(redis, { asks }) {
  for (const [i, value] of [...texts, noise(100000), Buffer.from([...Array(256).keys()]), 9007199254740993n.toString(), -1.5, 0].entries()) {
    await asks("set", () => redis.set(`v${i}`, value));
    await asks("get", () => redis.get(`v${i}`));
    await asks("getBuffer", () => redis.getBuffer(`v${i}`));
    await asks("rpush", () => redis.rpush("list", value));
    await asks("hset", () => redis.hset("hash", `f${i}`, value, value, i));
  }
  for (const [command, ...args] of [["get", "nothing"], ["mset", "a", "1", "b", "2"], ["mget", "a", "nothing", "b"], ["incrby", "n", "9007199254740991"], ["incr", "n"], ["incrbyfloat", "f", "0.1"], ["append", "a", "xyz"], ["getrange", "a", 1, 2],
    ["setrange", "a", 3, "!"], ["strlen", "a"], ["setex", "e", 100, "x"], ["ttl", "nothing"], ["persist", "e"], ["set", "a", "x", "NX"], ["set", "a", "x", "XX", "GET"], ["getdel", "e"], ["exists", "a", "b", "a"], ["type", "list"], ["rename", "a", "c"],
    ["lrange", "list", 0, -1], ["lrangeBuffer", "list", 0, 2], ["linsert", "list", "BEFORE", " ", "new"], ["lpos", "list", "new"], ["lpop", "list", 3], ["blpop", "nothing", "list", 1], ["blpop", "nothing", 0.05], ["hmget", "hash", "f1", "no"],
    ["hincrby", "hash", "count", 5], ["hdel", "hash", "f1", "f2"], ["sadd", "s", 3, 1, 2], ["smembers", "s"], ["sismember", "s", 1], ["sinterstore", "s2", "s", "s"], ["zadd", "z", 1, "one", 1.5, "half", "-inf", "low"],
    ["zrange", "z", 0, -1, "WITHSCORES"], ["zrangebyscore", "z", "(1", "+inf", "LIMIT", 0, 5], ["zincrby", "z", 0.25, "one"], ["zpopmin", "z"], ["geoadd", "g", 13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania"],
    ["geosearch", "g", "FROMMEMBER", "Palermo", "BYRADIUS", 200, "km", "ASC", "WITHCOORD", "WITHDIST"], ["pfadd", "h", "a", "b"], ["pfcount", "h"], ["setbit", "bits", 7, 1], ["bitfield", "bits", "GET", "u8", 0], ["bitcount", "bits"],
    ["xadd", "x", "1-1", "f", "v", "g", "w"], ["xadd", "x", "1-2", "f", ""], ["xrange", "x", "-", "+"], ["xgroup", "CREATE", "x", "grp", 0], ["xreadgroup", "GROUP", "grp", "me", "COUNT", 1, "STREAMS", "x", ">"], ["xack", "x", "grp", "1-1"],
    ["xread", "COUNT", 5, "STREAMS", "x", "0"], ["eval", "return {1, 'two', {3, false, {err = 'inner'}}, redis.call('get', KEYS[1]), ARGV[1]}", 1, "c", "arg"], ["eval", "return redis.status_reply('FINE')", 0], ["dump", "nothing"], ["object", "ENCODING", "n"],
    ["echo", "Grüße"], ["ping"], ["ping", "word"], ["select", 1], ["dbsize"], ["select", 0], ["dbsize"], ["copy", "c", "d"], ["sort", "s", "DESC"], ["config", "GET", "maxmemory-policy"], ["command", "COUNT"], ["acl", "WHOAMI"], ["wait", 0, 1], ["time2"]])
    await asks(`${command} ${args}`, () => (redis[command] ? redis[command](...args) : redis.call(command, ...args)));
}

const sorted = (hash) => Object.entries(hash).sort(([a], [b]) => (a < b ? -1 : 1));

async function errors(redis, { asks }) {
  for (const [command, ...args] of [["get"], ["incr", "list"], ["lpush", "c", "x"], ["set", "a", "b", "NO"], ["nothing", "a", "b"], ["expire", "c", "x"], ["select", "99"], ["eval", "return redis.call('nothing')", "0"], ["eval", "not lua", "0"],
    ["evalsha", "0".repeat(40), "0"], ["eval", "return redis.error_reply('OWN words')", "0"], ["xreadgroup", "GROUP", "no", "me", "STREAMS", "x", ">"], ["auth", "default", "wrong"], ["config", "SET", "nothing", "1"], ["exec"], ["discard"], ["restore", "r", "0", "bad"],
    ["hello", "9"], ["client", "KILL", "ID", "999999"], ["object", "nothing"], ["subscribe"]])
    await asks(`${command} ${args}`, () => redis.call(command, ...args));
}

async function pipelines(redis, { asks, note }) {
  const pipeline = redis.pipeline();
  for (let i = 0; i < MANY; i++) i % 10 === 7 ? pipeline.incr("list") : pipeline.set(`p${i % 50}`, `${i}`).get(`p${i % 50}`);
  note("pipeline", (await pipeline.exec()).map(([error, value]) => error?.message ?? value));
  await asks("multi", () => redis.multi().set("m", 1).incr("m").get("m").exec());
  await asks("multi with a failure", () => redis.multi().set("m", 5).incr("list").get("m").exec());
  await asks("multi that is aborted", () => redis.multi().set("m", 6).call("set", "m").exec());
  await asks("then", () => redis.get("m"));
  await redis.multi({ pipeline: false });
  await asks("queued", () => redis.set("m", 7));
  await asks("exec", () => redis.exec());
  await redis.multi({ pipeline: false });
  await redis.set("m", 8);
  await asks("discard", () => redis.discard());
  const other = redis.duplicate();
  await redis.watch("m");
  await other.set("m", 9);
  await asks("watched", () => redis.multi().set("m", 10).exec());
  await other.quit();
  note("many at once", await Promise.all(Array.from({ length: MANY }, (_, i) => redis.echo(`${i}`))));
  const auto = redis.duplicate({ enableAutoPipelining: true });
  note("by itself", await Promise.all(Array.from({ length: MANY }, (_, i) => auto.incrby("auto", i))));
  await auto.quit();
  redis.defineCommand("twice", { numberOfKeys: 1, lua: "return redis.call('incrby', KEYS[1], ARGV[1] * 2)" });
  await asks("a script", () => redis.twice("tw", 4));
  await asks("and again", () => redis.twice("tw", 4));
  await redis.script("FLUSH");
  await asks("a script that has gone", () => redis.twice("tw", 4));
}

async function long(redis, { asks, note }) {
  const big = noise(32 << 20);
  await asks("32 MiB there", () => redis.set("big", big));
  await asks("and back", () => redis.getBuffer("big"));
  await asks("all of a hash", async () => sorted(await redis.hgetall("hash")));
  await asks("a part of it", () => redis.getrangeBuffer("big", 1000, 2000));
  const pipeline = redis.pipeline();
  for (let i = 0; i < 20000; i++) pipeline.hset("wide", `field ${i}`, `value ${i}`);
  note("20,000 commands", (await pipeline.exec()).every(([error, n]) => !error && n === 1));
  await asks("20,000 fields", async () => sorted(await redis.hgetall("wide")).join());
  await asks("50,000 arguments", () => redis.rpush("long", Array.from({ length: 50000 }, (_, i) => i)));
  await asks("50,000 elements", async () => (await redis.lrange("long", 0, -1)).join());
  let sum = 0;
  for await (const part of redis.hscanStream("wide", { count: 1000 })) sum += part.length;
  note("scanned", sum);
  note("scanned keys", await new Promise((done) => {
    const keys = [];
    redis.scanStream({ match: "v*", count: 3 }).on("data", (part) => keys.push(...part)).on("end", () => done([...new Set(keys)].sort()));
  }));
}

async function messages(at, redis, { asks, note }) {
  const listener = open(at), heard = [];
  let done;
  const all = new Promise((ready) => (done = ready));
  listener.on("message", (channel, text) => (heard.push([channel, text]), text === "last" && done()));
  listener.on("pmessage", (pattern, channel, text) => heard.push([pattern, channel, text]));
  await asks("subscribe", () => listener.subscribe("news", "Ünï"));
  await asks("psubscribe", () => listener.psubscribe("n*s"));
  await asks("a command in between", () => listener.get("a"));
  for (const text of ["", "one", "ü".repeat(3000)]) await asks("publish", () => redis.publish("news", text));
  await redis.publish("Ünï", "x");
  for (let i = 0; i < MANY; i++) redis.publish("news", `${i}`);
  await redis.publish("news", "last");
  await all;
  await asks("unsubscribe", () => listener.unsubscribe("news", "Ünï"));
  await asks("punsubscribe", () => listener.punsubscribe("n*s"));
  await asks("an ordinary command again", () => listener.echo("x"));
  note("heard", heard);
  await listener.quit();
  const source = redis.duplicate(), monitor = await source.monitor(), seen = once(monitor, "monitor");
  await redis.echo("watched");
  note("monitor", (await seen)[1]);
  monitor.disconnect();
  source.disconnect();
  const blocked = open(at), waiting = blocked.brpop("queue", 10);
  await redis.lpush("queue", "job");
  note("brpop", await waiting);
  await blocked.quit();
}

async function dropped(at, redis, { asks }) {
  const client = open(at);
  const kill = async (id) => {
    const again = once(client, "ready");
    await redis.call("CLIENT", "KILL", "ID", id);
    await again;
  };
  await kill(await client.client("ID"));
  await asks("after a reconnection", () => client.echo("x"));
  await client.subscribe("again");
  const [, id] = /id=(\d+) .*sub=1/.exec(await redis.client("LIST"));
  await kill(id);
  const heard = once(client, "message");
  await asks("subscribed again", async () => {
    for (let n = 0; n < 100 && (await redis.publish("again", "x")) === 0; n++) await new Promise((done) => setTimeout(done, 20));
    return heard;
  });
  client.disconnect();
  const strict = open(at, { retryStrategy: null, maxRetriesPerRequest: 0 });
  const own = await strict.client("ID"), working = asks("killed at work", () => strict.blpop("nothing", 20));
  await new Promise((ready) => setTimeout(ready, 300));
  await redis.call("CLIENT", "KILL", "ID", own);
  await working;
  const wrong = open(at, { password: "wrong", retryStrategy: null });
  await asks("wrong password", () => wrong.get("a"));
  wrong.disconnect();
  await asks("quit", () => open(at).quit());
}

export default async function surface(at, log = transcript()) {
  const redis = open(at);
  await values(redis, log);
  await errors(redis, log);
  await pipelines(redis, log);
  await long(redis, log);
  await messages(at, redis, log);
  await dropped(at, redis, log);
  await redis.quit();
  return log.lines;
}
