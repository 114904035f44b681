// SPDX-License-Identifier: Apache-2.0
// synthetic: writes N made-up virtual patches of the shapes that real ones have, for measuring what the number of rules costs.
//
//   node bench/synthetic.mjs DIRECTORY N

import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const SHAPES = [
  (i) => [`http.request.uri.path eq "/app${i}/view.php" and http.request.uri.args["id"] contains "x${i}'"`, `/app${i}/view.php?id=x${i}'`],
  (i) => [`starts_with(http.request.uri.path, "/plugin-${i}/") and path.climbs(http.request.uri.path)`, `/plugin-${i}/../../../etc`],
  (i) => [`ends_with(http.request.uri.path, "/module${i}.cgi") and http.request.uri.args["cmd"] matches "[;|&]"`, `/a/module${i}.cgi?cmd=%3b`],
  (i) => [`http.request.headers["x-debug-${i}"] contains "eval${i}("`, '/', `X-Debug-${i}: a eval${i}(1)`],
  (i) => [`http.request.uri.path matches "^/api/v[0-9]+/export${i}$" and len(http.request.uri.args["format"]) > 64`, `/api/v2/export${i}?format=${'f'.repeat(65)}`],
  (i) => [`http.request.uri.args["tpl${i}"] matches "[{][{].*[}][}]"`, `/?tpl${i}=%7b%7b7*7%7d%7d`],
  (i) => [`http.request.cookies["session${i}"] contains "O:8:"`, '/', `Cookie: session${i}=O:8:x`],
  (i) => [`http.request.method eq "POST" and lower(http.request.uri.path) eq "/admin${i}/upload"`, `/Admin${i}/upload`, null, 'POST'],
];

const text = (s) => JSON.stringify(s);

function patch(i) {
  const [when, target, header, method = 'GET'] = SHAPES[i % SHAPES.length](i);
  const head = `${method} ${target} HTTP/1.1\r\nHost: a\r\n${header ? `${header}\r\n` : ''}${method === 'POST' ? 'Content-Length: 0\r\n' : ''}\r\n`;
  return `patch: SYNTHETIC-${i}\ntitle: made-up rule ${i}\nseverity: low\nprotocol: http\nwhen: ${text(when)}\nthen: refuse\ncases:
  - {send: ${text(head)}, expect: refuse}\n  - {send: "GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n", expect: pass}\n`;
}

export function synthetic(directory, count) {
  fs.mkdirSync(directory, { recursive: true });
  for (let at = 0; at < count; at += 1000) {
    const documents = [];
    for (let i = at; i < Math.min(at + 1000, count); i++) documents.push(patch(i));
    fs.writeFileSync(path.join(directory, `synthetic-${at / 1000}.yaml`), documents.join('---\n'));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) synthetic(process.argv[2], Number(process.argv[3]));
