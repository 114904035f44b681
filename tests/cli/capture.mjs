// SPDX-License-Identifier: Apache-2.0
// capture: writes pcap files (libpcap's classic format, little endian) for the tests of `replay`.

export const link = { null: 0, ethernet: 1, raw: 101, cooked: 113, cooked2: 276 };
export const flag = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 };

const ip4 = (text) => Buffer.from(text.split(".").map(Number));
const ip6 = (last) => Buffer.concat([Buffer.from("20010db8", "hex"), Buffer.alloc(11), Buffer.from([last])]);

function tcp({ sport, dport, seq, ack = 0, flags, payload = "" }) {
  const head = Buffer.alloc(20);
  head.writeUInt16BE(sport, 0);
  head.writeUInt16BE(dport, 2);
  head.writeUInt32BE(seq >>> 0, 4);
  head.writeUInt32BE(ack >>> 0, 8);
  head[12] = 5 << 4;
  head[13] = flags;
  head.writeUInt16BE(65535, 14);
  return Buffer.concat([head, Buffer.from(payload, "latin1")]);
}

function inIp4(segment, { src, dst, fragment = 0 }) {
  const head = Buffer.alloc(20);
  head[0] = 0x45;
  head.writeUInt16BE(20 + segment.length, 2);
  head.writeUInt16BE(fragment, 6);
  head[8] = 64;
  head[9] = 6;
  ip4(src).copy(head, 12);
  ip4(dst).copy(head, 16);
  return Buffer.concat([head, segment]);
}

/** With an extension header (destination options) in front of TCP. */
function inIp6(segment, { src6, dst6 }) {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(6 * 2 ** 28, 0);
  head.writeUInt16BE(8 + segment.length, 4);
  head[6] = 60;
  head[7] = 64;
  const options = Buffer.from([6, 0, 1, 4, 0, 0, 0, 0]);
  return Buffer.concat([head, ip6(src6), ip6(dst6), options, segment]);
}

function frame(packet, kind, type, vlans) {
  const ether = Buffer.from([type >> 8, type & 255]);
  switch (kind) {
    case link.raw:
      return packet;
    case link.null:
      return Buffer.concat([Buffer.from([2, 0, 0, 0]), packet]);
    case link.cooked:
      return Buffer.concat([Buffer.alloc(14), ether, packet]);
    case link.cooked2:
      return Buffer.concat([ether, Buffer.alloc(18), packet]);
    default:
      return Buffer.concat([Buffer.alloc(12), ...Array(vlans).fill(Buffer.from([0x81, 0, 0, 7])), ether, packet, Buffer.alloc(vlans ? 0 : 6)]);
  }
}

/** A capture in the making: packets are added, `bytes` is the file. */
export class Capture {
  constructor(kind = link.ethernet, { vlans = 0 } = {}) {
    Object.assign(this, { kind, vlans, packets: [], time: 1700000000 });
  }

  add(segment, address) {
    const six = address.src6 !== undefined;
    const bytes = frame(six ? inIp6(tcp(segment), address) : inIp4(tcp(segment), address), this.kind, six ? 0x86dd : 0x800, this.vlans);
    this.packets.push({ bytes, time: this.time++ });
  }

  get bytes() {
    const head = Buffer.alloc(24);
    head.writeUInt32LE(0xa1b2c3d4, 0);
    head.writeUInt16LE(2, 4);
    head.writeUInt16LE(4, 6);
    head.writeUInt32LE(262144, 16);
    head.writeUInt32LE(this.kind, 20);
    return Buffer.concat([head, ...this.packets.flatMap(({ bytes, time, caplen = bytes.length }) => {
      const record = Buffer.alloc(16);
      record.writeUInt32LE(time, 0);
      record.writeUInt32LE(123456, 4);
      record.writeUInt32LE(caplen, 8);
      record.writeUInt32LE(bytes.length, 12);
      return [record, bytes.subarray(0, caplen)];
    })]);
  }
}

/** One connection in a capture. Sequence numbers wrap on purpose. */
export class Connection {
  constructor(capture, { port = 40000, six = false, from = 0xffffff00 } = {}) {
    this.capture = capture;
    this.ends = six ? [{ src6: 1, dst6: 2 }, { src6: 2, dst6: 1 }] : [{ src: "192.0.2.7", dst: "192.0.2.80" }, { src: "192.0.2.80", dst: "192.0.2.7" }];
    this.ports = [port, 80];
    this.seq = [from, 5000];
  }

  /** side 0 is the client. `seq` defaults to where that side stands, and it moves on. */
  send(side, payload, { seq, flags = flag.ack | flag.psh, keep = false, fragment } = {}) {
    const at = seq ?? this.seq[side];
    this.capture.add({ sport: this.ports[side], dport: this.ports[1 - side], seq: at, ack: this.seq[1 - side], flags, payload }, { ...this.ends[side], fragment });
    if (!keep && seq === undefined) this.seq[side] = (at + payload.length) >>> 0;
    return this;
  }

  open() {
    this.send(0, "", { flags: flag.syn });
    this.seq[0] = (this.seq[0] + 1) >>> 0;
    this.send(1, "", { flags: flag.syn | flag.ack });
    this.seq[1]++;
    return this.send(0, "", { flags: flag.ack });
  }

  close() {
    return this.send(0, "", { flags: flag.fin | flag.ack }).send(1, "", { flags: flag.fin | flag.ack });
  }
}
