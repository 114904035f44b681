// SPDX-License-Identifier: Apache-2.0
// judge: verdicts per record, in order, and what happens to lines that are wrong.
import assert from "node:assert/strict";
import test from "node:test";
import { complains, record, request, response, rules, run, scratch, write } from "./tool.mjs";

function judge(t, input, ...options) {
  const file = write(scratch(t), "rules.yaml", rules);
  return run(["judge", "--rules", file, ...options, "-"], { input });
}

const lines = (result) => result.out.trimEnd().split("\n").map((line) => JSON.parse(line));

const smuggled = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde";

test("one line for each record, in their order", (t) => {
  const result = judge(t, record("a", request("/")) + record("b", request("/?evil=1")) + record("c", request("/", "X-Long: 123456789\r\n")));
  assert.equal(result.status, 0, result.err);
  assert.deepEqual(lines(result), [
    { id: "a", verdict: "pass", rules: [], messages: 1 },
    { id: "b", verdict: "refuse", rules: ["TEST-0001"], messages: 1 },
    { id: "c", verdict: "correct", rules: ["TEST-0002"], messages: 1 },
  ]);
});

test("the verdict is the gravest of a connection's messages, and all rules are named", (t) => {
  const [line] = lines(judge(t, record("x", request("/", "X-Long: 123456789\r\n") + request("/?evil=1") + request("/"))));
  assert.deepEqual(line, { id: "x", verdict: "refuse", rules: ["TEST-0002", "TEST-0001"], messages: 3 });
});

test("malformed traffic is refused and named with its protocol", (t) => {
  const [line] = lines(judge(t, record("m", smuggled)));
  assert.equal(line.verdict, "refuse");
  assert.equal(line.rules.length, 1);
  assert.match(line.rules[0], /^http:[a-z0-9_]+$/);
  assert.equal(line.messages, 1);
});

test("many requests on one connection need no server's answers", (t) => {
  const [line] = lines(judge(t, record("many", request("/").repeat(500) + request("/?evil=1"))));
  assert.equal(line.verdict, "refuse");
  assert.equal(line.messages, 501);
});

test("both directions, when the record has both", (t) => {
  const [line] = lines(judge(t, record("both", request("/") + request("/b"), { server: response() + response("two") })));
  assert.deepEqual(line, { id: "both", verdict: "pass", rules: [], messages: 4 });
});

test("an answer to a refused request is no evidence against the server", (t) => {
  const [line] = lines(judge(t, record("both", request("/?evil=1") + request("/"), { server: response() + response() })));
  assert.deepEqual(line.rules, ["TEST-0001"]);
});

test("rules see the time of day and the day of the week, in the machine's time zone", (t) => {
  const guard = (id, when) => `guard: ${id}\ntitle: t\nwhen: ${when}\nthen: alert\ncases:
  - {send: "GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n", at: Mon 00:00, expect: alert}
  - {send: "GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n", expect: pass}\n---\n`;
  const days = [1, 2, 3, 4, 5, 6, 7].map((day) => guard(`day-${day}`, `clock.weekday == ${day} or clock.weekday == 1 and clock.time == 0`)).join("");
  const hours = Array.from({ length: 24 }, (_, h) => guard(`hour-${h}`, `clock.time >= ${h * 100} and clock.time < ${h * 100 + 60} or clock.weekday == 1 and clock.time == 0`)).join("");
  const file = write(scratch(t), "clock.yaml", days + hours);
  for (const east of [-11, 0, 5, 14]) {
    const there = () => new Date(Date.now() + east * 3600000), expected = (d) => [`day-${d.getUTCDay() || 7}`, `hour-${d.getUTCHours()}`].join();
    const before = expected(there());
    const result = run(["judge", "--rules", file, "-"], { input: record("a", request("/")), env: { ...process.env, TZ: `ZZZ${east > 0 ? "-" : "+"}${Math.abs(east)}` } });
    assert.equal(result.status, 0, result.err);
    const [{ rules: told }] = lines(result);
    if (there().getUTCMinutes() !== 0) assert.equal(told.join(), before);
    assert.equal(told.length, there().getUTCDay() === 1 && there().getUTCHours() === 0 && there().getUTCMinutes() === 0 ? 31 : 2);
  }
});

test("commands that no rule asks for flow unread, and no rule says anything else for that", (t) => {
  const guard = (id, when, hit, miss) => `guard: ${id}\ntitle: t\nprotocol: redis\nwhen: '${when}'\nthen: alert\ncases:\n  - {send: "${hit}\\r\\n", expect: alert}\n  - {send: "${miss}\\r\\n", expect: pass}\n---\n`;
  const some = guard("set", 'redis.command == "set" and redis.arg["2"] == "bad"', "SET k bad", "SET k v") + guard("config", 'redis.command in {"config|set" "keys"}', "KEYS *", "GET k") +
    guard("script", 'redis.script contains "evil"', "EVAL evil 0", "EVAL ok 0") + guard("unknown", 'redis.command == "cf.reserve" or redis.config["dir"] == "/tmp"', "CF.RESERVE a 1", "PING");
  const every = guard("every", "redis.args.count < 99", "GET k", "PING" + " a".repeat(99));
  const dir = scratch(t), [few, all] = [write(dir, "some.yaml", some), write(dir, "all.yaml", some + every)];
  const words = ["GET k", "SET k v", "SET k bad", "sEt k bad", "KEYS *", "CONFIG SET dir /tmp", "config get dir", "EVAL evil 0", "EVAL ok 0", "MULTI", "EXEC", "SELECT 1", "FOO bar", "CF.RESERVE a 1",
    "HGETALL h", "SCRIPT LOAD evil", "FUNCTION LIST", "XADD s * a b", "SETRANGE k 1 bad", "AUTH a b"];
  const counted = (line) => { const parts = line.split(" "); return `*${parts.length}\r\n${parts.map((p) => `$${p.length}\r\n${p}\r\n`).join("")}`; };
  let seed = 7, input = "";
  const below = (n) => ((seed = (seed * 1103515245 + 12345) & 0x7fffffff) >> 8) % n;
  for (let i = 0; i < 500; i++) {
    const commands = Array.from({ length: 1 + below(8) }, () => words[below(words.length)]).map((line) => (below(4) ? counted(line) : `${line}\r\n`));
    input += record(String(i), commands.join(""), { protocol: "redis" });
  }
  const told = (rules) => {
    const result = run(["judge", "--rules", rules, "-"], { input });
    assert.equal(result.status, 0, result.err);
    return lines(result);
  };
  const [a, b] = [told(few), told(all)];
  assert.deepEqual(a.map(({ rules }) => rules.sort()), b.map(({ rules }) => rules.filter((id) => id !== "every").sort()));
  const sum = (list) => list.reduce((n, { messages }) => n + messages, 0);
  assert.ok(sum(a) < sum(b) * 0.8 && a.filter(({ rules }) => rules.length).length > 200, `${sum(a)} of ${sum(b)}`);
});

test("ids come back as they are", (t) => {
  const id = 'quote " backslash \\ newline \n tab \t ünïcödé \u{1f6aa}';
  assert.equal(lines(judge(t, record(id, request("/"))))[0].id, id);
});

test("an empty file, blank lines, CRLF, no newline at the end", (t) => {
  assert.equal(judge(t, "").out, "");
  const one = record("a", request("/")).trimEnd();
  assert.equal(lines(judge(t, `\n${one}\r\n\n${one}`)).length, 2);
});

test("members that mean nothing to us are skipped", (t) => {
  const result = judge(t, record("a", request("/?evil=1"), { cve: "x", note: { client: "!!", deep: [1, { id: 7 }] }, n: 1.5, z: null }));
  assert.equal(lines(result)[0].verdict, "refuse");
});

test("a protocol we do not have: an answer for each, one complaint, exit status 2, and it goes on", (t) => {
  const other = record("o", "x", { protocol: "gopher" });
  const result = judge(t, other + record("a", request("/")) + other);
  assert.equal(result.status, 2);
  assert.deepEqual(lines(result).map((line) => line.error ?? line.verdict), ["unknown protocol 'gopher'", "pass", "unknown protocol 'gopher'"]);
  assert.match(result.err, /^sallyport: <stdin>:1: unknown protocol 'gopher'; such records are not judged\n$/);
});

const good = record("a", request("/"));
for (const [what, line, pattern] of [
  ["not JSON", '{"id":"x",', /<stdin>:2:\d+: this is not JSON/],
  ["not an object", "[1]", /<stdin>:2:1: this line is not a JSON object/],
  ["no id", '{"client":""}', /<stdin>:2:1: the member "id" is missing/],
  ["no bytes", '{"id":"x"}', /<stdin>:2:1: the member "client" is missing/],
  ["a number for an id", '{"id":5,"client":""}', /<stdin>:2:7: this member must be a string/],
  ["not base64", '{"id":"x","client":"a!b"}', /<stdin>:2:20: this is not base64/],
  ["twice", '{"id":"x","id":"y","client":""}', /<stdin>:2:16: this member is here twice/],
])
  test(`a malformed line ends the run: ${what}`, (t) => {
    const result = judge(t, good + line + "\n" + good);
    assert.equal(result.status, 2);
    assert.match(result.err, pattern);
    assert.equal(result.err.trimEnd().split("\n").length, 1);
    assert.equal(lines(result).length, 1, "what came before stands");
  });

test("--summary: a row for each label and class, sums, rates", (t) => {
  const attack = record("1", request("/?evil=1"), { label: "attack", class: "evil" });
  const missed = record("2", request("/?evil=2"), { label: "attack", class: "other" });
  const benign = record("3", request("/"), { label: "benign", class: "text" });
  const { status, out } = judge(t, attack.repeat(3) + missed + benign.repeat(5), "--summary");
  assert.equal(status, 0);
  const rows = out.trimEnd().split("\n").map((line) => line.trim().split(/\s+/));
  assert.deepEqual(rows[0], ["label", "class", "count", "pass", "alert", "correct", "refuse", "drop", "close", "error", "noticed", "stopped"]);
  assert.deepEqual(rows.slice(1), [
    ["attack", "evil", "3", "0", "0", "0", "3", "0", "0", "0", "100.00%", "100.00%"],
    ["attack", "other", "1", "1", "0", "0", "0", "0", "0", "0", "0.00%", "0.00%"],
    ["attack", "(all)", "4", "1", "0", "0", "3", "0", "0", "0", "75.00%", "75.00%"],
    ["benign", "text", "5", "5", "0", "0", "0", "0", "0", "0", "0.00%", "0.00%"],
  ]);
});

test("long records are fine, memory stays small for many", (t) => {
  const long = request("/?a=" + "x".repeat(3000)).repeat(1000);
  const result = judge(t, record("long", long) + good.repeat(20000));
  assert.equal(result.status, 0, result.err);
  assert.equal(lines(result).length, 20001);
  assert.equal(lines(result)[0].messages, 1000);
});

test("a missing file, a missing rule directory, a rule that does not parse", (t) => {
  const dir = scratch(t);
  const file = write(dir, "rules.yaml", rules);
  complains(assert, run(["judge", "--rules", file, `${dir}/nothing.jsonl`]), 2, /cannot open .*nothing\.jsonl: No such file or directory/);
  complains(assert, run(["judge", "--rules", `${dir}/nothing`, "-"], { input: "" }), 2, /nothing.*No such file or directory/);
  const bad = run(["judge", "--rules", write(dir, "bad.yaml", "patch: X\nwhen: http.request.uri.pathh\n"), "-"], { input: good });
  assert.equal(bad.status, 2);
  assert.match(bad.err, /bad\.yaml:\d+/);
  assert.equal(bad.out, "");
});
