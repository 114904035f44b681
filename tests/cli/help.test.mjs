// SPDX-License-Identifier: Apache-2.0
// Help texts, usage errors and what is generated from the program's tables.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import test from "node:test";
import { complains, root, run, scratch } from "./tool.mjs";

const commands = ["protect", "run", "reload", "upgrade", "status", "check", "judge", "replay", "shapes", "explain", "fields", "help"];

test("--version says the version", () => {
  const { status, out } = run(["--version"]);
  assert.equal(status, 0);
  assert.match(out, /^sallyport \d+\.\d+\.\d+\n$/);
});

test("--help names every command", () => {
  const { status, out } = run(["--help"]);
  assert.equal(status, 0);
  for (const command of commands) assert.match(out, new RegExp(`^ {4}${command} `, "m"));
});

for (const command of commands)
  test(`${command} --help has usage, options and examples, and 'help ${command}' is the same`, () => {
    const { status, out } = run([command, "--help"]);
    assert.equal(status, 0);
    assert.match(out, new RegExp(`^Usage: sallyport ${command}`));
    assert.match(out, /\nOptions\n/);
    assert.match(out, /\nExamples\n {4}# /);
    assert.equal(run(["help", command]).out, out);
  });

test("no line of help is wider than a wide terminal", () => {
  for (const command of commands)
    for (const line of run([command, "--help"]).out.split("\n")) {
      assert.ok(line.length <= 100 || line.startsWith("    sallyport"), line);
      assert.ok(!line.endsWith(" "), `blanks at the end: ${line}`);
    }
});

test("usage errors: one line, exit status 2, a suggestion where there is one", () => {
  complains(assert, run([]), 2, /no command; see 'sallyport --help'/);
  complains(assert, run(["protekt"]), 2, /unknown command 'protekt'; did you mean 'protect'\?/);
  complains(assert, run(["zzzzzzzz"]), 2, /unknown command 'zzzzzzzz'; see 'sallyport --help'/);
  complains(assert, run(["protect", "--lisen", ":1"]), 2, /unknown option --lisen; did you mean --listen\?/);
  complains(assert, run(["protect", "--listen"]), 2, /--listen wants a value/);
  complains(assert, run(["judge"]), 2, /FILE\.jsonl\.\.\. is missing/);
  complains(assert, run(["fields", "--json=yes"]), 2, /--json takes no value/);
  complains(assert, run(["fields", "something"]), 2, /unexpected operand something/);
  complains(assert, run(["fields", "-x"]), 2, /unknown option -x/);
  complains(assert, run(["fields", "--protocol", "htpp"]), 2, /unknown protocol 'htpp'/);
});

test("what cannot be written is a failure at run time", () => {
  const full = fs.openSync("/dev/full", "w");
  const { status, err } = run(["--help"], { stdio: ["ignore", full, "pipe"] });
  fs.closeSync(full);
  assert.equal(status, 1);
  assert.match(err, /cannot write to standard output: No space left on device/);
});

test("fields: table, JSON and page name the same fields", () => {
  const json = run(["fields", "--json"]).out.trim().split("\n").map((line) => JSON.parse(line));
  assert.ok(json.length > 50);
  const table = run(["fields"]).out, page = run(["fields", "--markdown"]).out;
  for (const { name, type, doc } of json) {
    assert.ok(table.includes(name) && page.includes(`\`${name}\``), name);
    assert.ok(["string", "number", "boolean", "address"].includes(type));
    assert.ok(doc.length > 3);
  }
});

test("explain: a field, a rule, and nothing of the kind", () => {
  assert.match(run(["explain", "http.request.uri.path"]).out, /^http\.request\.uri\.path: string \(.*request.*\)\n/);
  const unknown = run(["explain", "http.request.uri.pth"]);
  complains(assert, unknown, 2, /no rule or field 'http\.request\.uri\.pth'; did you mean 'http\.request\.uri\.path'\?/);
});

test("the generated pages in docs/ are what the program writes (make docs)", (t) => {
  const dir = scratch(t);
  assert.equal(run(["help", "--write", dir]).status, 0);
  const files = fs.readdirSync(dir, { recursive: true }).filter((file) => fs.statSync(path.join(dir, file)).isFile());
  assert.ok(files.includes("sallyport.1") && files.includes("sallyport.yaml") && files.includes("event.schema.json"));
  for (const file of files)
    assert.equal(fs.readFileSync(path.join(root, "docs", file), "utf8"), fs.readFileSync(path.join(dir, file), "utf8"), file);
});

test("the schemas are JSON", () => {
  for (const option of ["--config-schema", "--event-schema"])
    assert.equal(JSON.parse(run(["help", option]).out).$schema, "https://json-schema.org/draft/2020-12/schema");
});
