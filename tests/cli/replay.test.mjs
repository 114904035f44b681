// SPDX-License-Identifier: Apache-2.0
// replay: captures of every shape that TCP takes on its way, written here packet by packet.
import assert from "node:assert/strict";
import test from "node:test";
import { Capture, Connection, flag, link } from "./capture.mjs";
import { request, response, rules, run, scratch, write } from "./tool.mjs";

function replay(t, bytes) {
  const dir = scratch(t);
  const result = run(["replay", "--rules", write(dir, "rules.yaml", rules), write(dir, "test.pcap", bytes)]);
  const events = result.out.split("\n").filter(Boolean).map((line) => JSON.parse(line));
  const count = (what) => Number(new RegExp(`(\\d+) ${what}`).exec(result.err)?.[1] ?? 0);
  return { ...result, events, count };
}

const evil = request("/?evil=1");

/** One connection whose client bytes are put on the wire by `packets`. */
function connection(packets, options = {}) {
  const capture = new Capture(options.kind, options);
  const c = new Connection(capture, options).open();
  packets(c, capture);
  return capture.bytes;
}

function refusedOnce(result) {
  assert.equal(result.status, 0, result.err);
  assert.deepEqual(result.events.map((event) => event.sallyport.rule), ["TEST-0001"]);
}

test("an exploit in one packet: the event has the capture's time and addresses", (t) => {
  const result = replay(t, connection((c) => c.send(0, evil).send(1, response()).close()));
  refusedOnce(result);
  const [event] = result.events;
  assert.equal(event.timestamp, "2023-11-14T22:13:23.123456+0000");
  assert.deepEqual([event.src_ip, event.src_port, event.dest_ip, event.dest_port], ["192.0.2.7", 40000, "192.0.2.80", 80]);
  assert.equal(event.alert.action, "blocked");
  assert.equal(event.http.url, "/?evil=1");
  assert.equal(event.sallyport.verdict, "refuse");
});

test("ordinary traffic gives no events", (t) => {
  const result = replay(t, connection((c) => c.send(0, request("/")).send(1, response()).send(0, request("/2")).send(1, response()).close()));
  assert.equal(result.status, 0, result.err);
  assert.deepEqual(result.events, []);
  assert.equal(result.count("connections judged"), 1);
  assert.equal(result.count("messages"), 4);
});

test("byte by byte", (t) => {
  refusedOnce(replay(t, connection((c) => [...evil].forEach((byte) => c.send(0, byte)))));
});

test("out of order, backwards", (t) => {
  refusedOnce(replay(t, connection((c) => {
    const start = c.seq[0];
    for (let at = evil.length - 1; at >= 0; at--) c.send(0, evil[at], { seq: (start + at) >>> 0 });
  })));
});

test("retransmissions change nothing", (t) => {
  refusedOnce(replay(t, connection((c) => {
    const start = c.seq[0];
    for (let i = 0; i < 3; i++) c.send(0, evil, { seq: start });
    c.seq[0] = (start + evil.length) >>> 0;
    c.send(1, response()).close();
  })));
});

test("overlaps: what came first counts", (t) => {
  const first = (c, a, b) => {
    const start = c.seq[0], at = "GET /?".length;
    c.send(0, a.slice(at), { seq: (start + at) >>> 0 });
    c.send(0, b, { seq: start });
  };
  refusedOnce(replay(t, connection((c) => first(c, evil, request("/?good=1")))));
  assert.deepEqual(replay(t, connection((c) => first(c, request("/?good=1"), evil))).events, []);
});

test("an overlap that bridges two islands fills exactly the holes", (t) => {
  refusedOnce(replay(t, connection((c) => {
    const start = c.seq[0];
    const other = "#".repeat(evil.length);
    c.send(0, evil.slice(4, 10), { seq: (start + 4) >>> 0 });
    c.send(0, evil.slice(14, 20), { seq: (start + 14) >>> 0 });
    c.send(0, evil.slice(0, 4) + other.slice(4, 10) + evil.slice(10, 14) + other.slice(14, 20) + evil.slice(20), { seq: start });
  })));
});

test("a lost segment: judged up to it, then given up and counted", (t) => {
  const result = replay(t, connection((c) => {
    c.send(0, evil).send(1, response());
    c.seq[0] = (c.seq[0] + 5) >>> 0;
    c.send(0, evil).send(0, evil);
  }));
  refusedOnce(result);
  assert.equal(result.count("ended by a gap"), 1);
});

test("more out of order than is kept: given up, not kept", (t) => {
  const result = replay(t, connection((c) => {
    c.seq[0] = (c.seq[0] + 1) >>> 0;
    for (let i = 0; i < 1100; i++) {
      c.send(0, "x".repeat(10));
      c.seq[0] = (c.seq[0] + 1) >>> 0;
    }
  }));
  assert.equal(result.status, 0, result.err);
  assert.equal(result.count("ended by a gap"), 1);
});

for (const [name, kind] of Object.entries(link))
  test(`link type ${name}`, (t) => refusedOnce(replay(t, connection((c) => c.send(0, evil), { kind }))));

test("VLAN tags, one and two; IPv6 with an extension header", (t) => {
  refusedOnce(replay(t, connection((c) => c.send(0, evil), { vlans: 1 })));
  refusedOnce(replay(t, connection((c) => c.send(0, evil), { vlans: 2 })));
  const six = replay(t, connection((c) => c.send(0, evil), { six: true }));
  refusedOnce(six);
  assert.equal(six.events[0].src_ip, "2001:db8::1");
});

test("only the client's half is there: judged all the same", (t) => {
  const capture = new Capture();
  const c = new Connection(capture);
  c.send(0, "", { flags: flag.syn });
  c.seq[0]++;
  for (let i = 0; i < 200; i++) c.send(0, request("/"));
  c.send(0, evil);
  refusedOnce(replay(t, capture.bytes));
});

test("a capture that begins in the middle: from the first request on", (t) => {
  const capture = new Capture();
  new Connection(capture).send(1, "tail of some answer").send(0, evil).send(1, response());
  refusedOnce(replay(t, capture.bytes));
});

test("the same ports again are another connection", (t) => {
  const capture = new Capture();
  new Connection(capture).open().send(0, evil).send(1, response()).close();
  new Connection(capture, { from: 77 }).open().send(0, evil).send(1, response()).close();
  const result = replay(t, capture.bytes);
  assert.equal(result.events.length, 2);
  assert.notEqual(result.events[0].flow_id, result.events[1].flow_id);
  assert.equal(result.count("connections judged"), 2);
});

test("a reset ends a connection", (t) => {
  const result = replay(t, connection((c) => c.send(0, request("/").slice(0, 10)).send(1, "", { flags: flag.rst })));
  assert.equal(result.status, 0, result.err);
  assert.deepEqual(result.events, []);
});

test("another protocol is counted, fragments are counted, packets cut short leave a gap", (t) => {
  assert.equal(replay(t, connection((c) => c.send(0, "\x16\x03\x01\x02\x00\x01"))).count("of other protocols"), 1);
  assert.equal(replay(t, connection((c) => c.send(0, evil, { fragment: 0x2000 }))).count("IP fragments"), 1);
  const capture = new Capture();
  new Connection(capture).open().send(0, evil).send(0, evil);
  capture.packets[3].caplen = capture.packets[3].bytes.length - 30;
  const result = replay(t, capture.bytes);
  assert.equal(result.count("packets cut short"), 1);
  assert.equal(result.count("ended by a gap"), 1);
});

test("many connections at once, their packets interleaved", (t) => {
  const capture = new Capture();
  const all = Array.from({ length: 200 }, (_, i) => new Connection(capture, { port: 20000 + i }).open());
  for (let at = 0; at < evil.length; at += 5) for (const c of all) c.send(0, evil.slice(at, at + 5));
  const result = replay(t, capture.bytes);
  assert.equal(result.events.length, 200);
  assert.equal(new Set(result.events.map((event) => event.src_port)).size, 200);
});

test("captures that are none: one line with the packet's number, exit status 2", (t) => {
  const whole = connection((c) => c.send(0, evil).send(1, response()));
  const cut = replay(t, whole.subarray(0, whole.length - 7));
  assert.equal(cut.status, 2);
  assert.match(cut.err, /test\.pcap: packet 5: /);
  assert.equal(cut.events.length, 1, "what came before was judged");
  for (const [bytes, pattern] of [[Buffer.from("not a capture at all, just text"), /test\.pcap: /], [Buffer.alloc(0), /test\.pcap: /],
    [new Capture(147).bytes, /link type 147/]]) {
    const bad = replay(t, bytes);
    assert.equal(bad.status, 2);
    assert.match(bad.err, pattern);
  }
  const missing = run(["replay", "/nonexistent.pcap"]);
  assert.equal(missing.status, 2);
  assert.match(missing.err, /nonexistent\.pcap: No such file/);
});

test("bytes changed at random never crash it", (t) => {
  const whole = connection((c) => c.send(0, evil.slice(0, 9)).send(0, evil.slice(9)).send(1, response()).close());
  let seed = 1;
  const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
  for (let i = 0; i < 60; i++) {
    const bytes = Buffer.from(whole);
    for (let k = 0; k < 4; k++) bytes[24 + random(bytes.length - 24)] = random(256);
    assert.ok([0, 2].includes(replay(t, bytes).status));
  }
});
