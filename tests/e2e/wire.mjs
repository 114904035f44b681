// SPDX-License-Identifier: Apache-2.0
// wire: messages of PostgreSQL and MySQL, made by hand: for what no driver sends, and for the cases of rules.

const int = (value, bytes = 4) => {
  const to = Buffer.alloc(bytes);
  to.writeIntBE(value, 0, bytes);
  return to;
};
const zero = (text) => Buffer.concat([Buffer.from(text), Buffer.from([0])]);

/** A message: its type and what is in it: texts get a zero byte, numbers are of 32 bits. */
export function message(type, ...parts) {
  const body = Buffer.concat(parts.map((p) => (typeof p === "string" ? zero(p) : typeof p === "number" ? int(p) : p)));
  return Buffer.concat([Buffer.from(type), int(4 + body.length), body]);
}
export const bytes = (...list) => Buffer.from(list);
export const short = (value) => int(value, 2);

export const startup = (parameters) => message("", 196608, ...Object.entries(parameters).flat(), bytes(0));
export const query = (text) => message("Q", text);
export const parse = (name, text) => message("P", name, text, short(0));
export const bind = (portal, name, ...values) =>
  message("B", portal, name, short(0), short(values.length), ...values.flatMap((v) => [Buffer.byteLength(v), Buffer.from(v)]), short(0));
export const execute = (portal, rows = 0) => message("E", portal, rows);
export const sync = message("S");
export const requestTls = message("", 80877103);

/** What a server says at a login without a password. */
export const welcome = Buffer.concat([message("R", 0), message("Z", bytes(0x49))]);
/** An ErrorResponse with this message. */
export const error = (text) => message("E", bytes(0x53), "ERROR", bytes(0x56), "ERROR", bytes(0x43), "XX000", bytes(0x4d), text, bytes(0));

/** Cases of a rule on PostgreSQL: statements or messages that it refuses, and one that it passes. */
export const cases = (refused, passed) => {
  const one = (what, expect) => `  - {send_base64: ${Buffer.concat([startup({ user: "a" }), typeof what === "string" ? query(what) : what]).toString("base64")}, expect: ${expect}}\n`;
  return `cases:\n${refused.map((what) => one(what, "refuse")).join("")}${one(passed, "pass")}`;
};
/** The same for a rule on what the server says: bytes below 0x80. */
export const replies = (refused, passed) => {
  const one = (said, expect) => `  - {send_base64: ${startup({ user: "a" }).toString("base64")}, reply: ${JSON.stringify(Buffer.concat([welcome, said]).toString("latin1"))}, expect: ${expect}}\n`;
  return `cases:\n${one(refused, "refuse")}${one(passed, "pass")}`;
};

/* ---- MySQL ---- */

/** A packet: its number and what is in it. */
export const packet = (sequence, ...parts) => {
  const body = Buffer.concat(parts.map((p) => (typeof p === "string" ? Buffer.from(p) : p)));
  return Buffer.concat([bytes(body.length & 255, (body.length >> 8) & 255, body.length >> 16, sequence), body]);
};
const word = (text) => Buffer.concat([bytes(text.length), Buffer.from(text)]);
const capabilities = bytes(0x0d, 0xa2, 0x2f, 0x01); // what 4.1 and its successors do, PLUGIN_AUTH and DEPRECATE_EOF included
/** What every login begins with; TLS is asked for with no more than this. */
export const loginHead = (flags = capabilities) => Buffer.concat([flags, bytes(0, 0, 0, 1, 45), Buffer.alloc(23)]);
/** The login of a user without a password. */
export const login = (user) => packet(1, loginHead(), `${user}\0`, word(""), "shop\0mysql_native_password\0");
export const comQuery = (text) => packet(0, bytes(3), text);

/** Cases of a rule on MySQL: statements that it refuses, and one that it passes. */
export const mysqlCases = (refused, passed) => {
  const one = (text, expect) => `  - {send_base64: ${Buffer.concat([login("alice"), comQuery(text)]).toString("base64")}, expect: ${expect}}\n`;
  return `cases:\n${refused.map((text) => one(text, "refuse")).join("")}${one(passed, "pass")}`;
};
/** The same for a rule on the rows of a result. */
export const mysqlRows = (refused, passed) => {
  const greeting = packet(0, "\n8.0.36\0", bytes(7, 0, 0, 0), "abcdefgh\0", bytes(0x2d, 0x2a, 45, 2, 0, 0x3f, 1, 21), Buffer.alloc(10), "ijklmnopqrst\0mysql_native_password\0");
  const column = packet(2, ...["def", "", "t", "t", "name", "name"].map(word), bytes(12, 45, 0, 100, 0, 0, 0, 0x0f, 0, 0, 0, 0, 0));
  const one = (text, expect) => {
    const said = Buffer.concat([greeting, packet(2, bytes(0, 0, 0, 2, 0, 0, 0)), packet(1, bytes(1)), column, packet(3, word(text))]).toString("latin1");
    return `  - {send_base64: ${Buffer.concat([login("alice"), comQuery("SELECT name FROM t")]).toString("base64")}, reply: ${JSON.stringify(said)}, expect: ${expect}}\n`;
  };
  return `cases:\n${one(refused, "refuse")}${one(passed, "pass")}`;
};
