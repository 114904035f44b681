// SPDX-License-Identifier: Apache-2.0
// transcript: what a driver gave and how it failed, as lines that do not hang on when and over which port.
import { inspect } from "node:util";
import { digest } from "../servers.mjs";

const LONG = 300; // longer texts are told by their digest
const SHORT = 60;
const elsewhere = new Set(["stack", "port", "address"]);

const long = (kind, bytes, head) => `<${kind} of ${bytes.length}, ${digest(bytes).slice(0, 16)}: ${head}>`;
/* What texts of errors say of this one connection. */
const ours = [[/127\.0\.0\.1:\d+/g, "127.0.0.1:<port>"], [/\bconn:-?\d+/g, "conn:<n>"], [/sallyport-test-\w+/g, "<dir>"]];
const text = (value) => (value.length > LONG ? long("text", value, value.slice(0, SHORT)) : value);
const message = (value) => text(ours.reduce((left, [what, name]) => left.replace(what, name), value));
const properties = (value) => Object.fromEntries(Object.entries(value).filter(([name]) => !elsewhere.has(name)).map(([name, inner]) => [name, plain(inner)]));

/** The same value with long texts, bytes, times and errors told in a way that is short and always the same. */
function plain(value) {
  if (typeof value === "string") return text(value);
  if (typeof value !== "object" || value === null) return typeof value === "function" ? "<function>" : value;
  if (value instanceof Uint8Array) return value.length > SHORT ? long("bytes", value, Buffer.from(value.subarray(0, 8)).toString("hex")) : `<${Buffer.from(value).toString("hex")}>`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "<no date>" : `<${value.toISOString()}>`;
  if (value instanceof Error) return { error: value.name, ...properties(value), message: message(value.message), ...(Array.isArray(value.errors) && { errors: value.errors.map(plain) }) };
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return new Map([...value].map(([name, inner]) => [plain(name), plain(inner)]));
  if (value instanceof Set) return new Set([...value].map(plain));
  return properties(value);
}

function shown(value) {
  const line = inspect(plain(value), { depth: null, breakLength: Infinity, maxArrayLength: null, maxStringLength: null, compact: true });
  return line.length > 4000 ? long("value", line, line.slice(0, LONG)) : line;
}

/** How long one step may take: what never comes is told as a failure and not waited for. */
const PATIENCE = 10000;

export function transcript() {
  const lines = [];
  const note = (what, value) => lines.push(`${what}: ${shown(value)}`);
  /** Notes what `ask` gives, or the error that it fails with. */
  const asks = async (what, ask) => {
    let timer;
    const late = new Promise((_, fail) => (timer = setTimeout(() => fail(new Error(`nothing came: ${what}`)), PATIENCE)));
    try {
      note(what, await Promise.race([ask(), late]));
    } catch (error) {
      if (String(error.message).startsWith("nothing came")) throw error;
      note(what, error);
    } finally {
      clearTimeout(timer);
    }
  };
  return { lines, note, asks };
}

/** All bytes of a length, from a small generator: the same in every run, and not to be compressed. */
export function noise(length, seed = 1) {
  const bytes = Buffer.alloc(length);
  for (let i = 0, x = seed; i < length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    bytes[i] = x >>> 24;
  }
  return bytes;
}

/** Texts that have gone wrong somewhere: quotes, backslashes, ideographs, combining characters, right-to-left, beyond the first plane. */
export const texts = ["", " ", "O'Neill", 'say "x"', "back\\slash \\' \\\\", "a;b--c/*d*/", "Grüße, naïve", "日本語テキスト", "שלום עולם", "e\u0301\u200d", "😀👩‍👩‍👧‍👦", "\u0001\u001f\t\r\n", "\uffff", "%s %n ${x} {{y}}", "x".repeat(5000)];
