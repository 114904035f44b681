// SPDX-License-Identifier: Apache-2.0
// readme: what the pages show works: their patches load and prove themselves, their links lead somewhere, their commands exist.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import test from "node:test";
import { root, run, scratch, write } from "./tool.mjs";

const pages = ["README.md", "CONTRIBUTING.md", "SECURITY.md", ...fs.readdirSync(path.join(root, "docs")).filter((f) => f.endsWith(".md")).map((f) => `docs/${f}`)];
const text = (page) => fs.readFileSync(path.join(root, page), "utf8");

/** The blocks of one language on a page. */
const blocks = (page, language) => [...text(page).matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, "gm"))].map((m) => m[1]);

for (const page of pages)
  test(`${page}: links lead somewhere`, () => {
    for (const [, target] of text(page).matchAll(/\]\(([^)#:]+)\)/g))
      assert.ok(fs.existsSync(path.join(root, path.dirname(page), target)), target);
  });

const patches = pages.flatMap((page) => blocks(page, "yaml").filter((block) => /^patch: /m.test(block)).map((block) => [page, block]));

test("the pages show patches", () => assert.ok(patches.length >= 2));

for (const [page, block] of patches)
  test(`${page}: ${/^patch: (\S+)/m.exec(block)[1]} loads and proves itself`, (t) => {
    const result = run(["check", write(scratch(t), "shown.yaml", block)]);
    assert.equal(result.status, 0, result.err);
  });

test("the commands that README.md shows exist", () => {
  const shown = pages.flatMap((page) => blocks(page, "sh").flatMap((block) => block.match(/^sallyport \w+/gm) ?? []));
  assert.ok(shown.length >= 5);
  for (const line of shown) assert.equal(run([line.split(" ")[1], "--help"]).status, 0, line);
});
