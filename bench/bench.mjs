// SPDX-License-Identifier: Apache-2.0
// bench: CPU microseconds per request, throughput, latency and memory of Sallyport beside its peers, in one run.
//
// One origin (nginx), one load generator (wrk), and every middlebox in front of the same origin. The cases go round robin,
// several rounds, and every figure is the median of its rounds: a machine that slows down slows all of them down. CPU is
// that of the middlebox's processes only, from /proc.
//
//   node bench/bench.mjs BUILDDIR [--seconds N] [--rounds N] [--only CASE,...]

import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { build, cpuSeconds, figure, listening, machine, median, memoryKib, option, pad, say, source, start, work, write } from './machine.mjs';
import { synthetic } from './synthetic.mjs';

const SECONDS = Number(option('seconds', 3));
const ROUNDS = Number(option('rounds', 5));
const ONLY = option('only', null)?.split(',');
const BASE = Number(option('port', 21000));
const PORT = { origin: BASE, sallyport: BASE + 1, haproxy: BASE + 2, nginx: BASE + 3, modsec: BASE + 4, bare: BASE + 5, few: BASE + 6, many: BASE + 7 };

// ---- the contestants ----

const nginxHead = (name, extra = '') => `user root; daemon off; worker_processes 1; pid ${work}/${name}.pid; error_log ${work}/${name}.err;
${extra}
events { worker_connections 19000; }
`;
const nginxPaths = (name) => ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  .map((k) => `${k}_temp_path ${work}/${name}-${k};`).join(' ');

function startOrigin() {
  const root = path.join(work, 'site');
  fs.mkdirSync(root);
  fs.writeFileSync(path.join(root, 'index.html'), '<!doctype html><title>origin</title>' + 'x'.repeat(400));
  fs.writeFileSync(path.join(root, 'big'), Buffer.alloc(64 << 20, 'sallyport '));
  start('origin', 'nginx', ['-p', work, '-c', write('origin.conf', `${nginxHead('origin')}
http { access_log off; ${nginxPaths('origin')} keepalive_requests 100000000; keepalive_timeout 600s; sendfile on; client_max_body_size 0;
  server { listen 127.0.0.1:${PORT.origin} backlog=16384; root ${root};
    location /api { return 200 '{"ok":true}'; } location / { try_files $uri /index.html; } } }`)]);
}

function nginxProxy(name, load, inside) {
  return start(name, 'nginx', ['-p', work, '-c', write(`${name}.conf`, `${nginxHead(name, load)}
http { access_log off; ${nginxPaths(name)} keepalive_requests 100000000; keepalive_timeout 600s; client_max_body_size 0; ${inside}
  upstream o { server 127.0.0.1:${PORT.origin}; keepalive 512; keepalive_requests 100000000; }
  server { listen 127.0.0.1:${PORT[name]} backlog=16384;
    location / { proxy_pass http://o; proxy_http_version 1.1; proxy_set_header Connection ""; } } }`)]);
}

function startModsec() {
  const crs = write('modsec-rules.conf', `SecRuleEngine On\nSecRequestBodyAccess On\nSecAuditEngine Off\nSecTmpDir ${work}\nSecDataDir ${work}
Include /etc/modsecurity/crs/crs-setup.conf\nInclude /usr/share/modsecurity-crs/rules/*.conf\n`);
  fs.copyFileSync('/etc/nginx/unicode.mapping', path.join(work, 'unicode.mapping'));
  return nginxProxy('modsec', 'load_module /usr/lib/nginx/modules/ngx_http_modsecurity_module.so;',
    `modsecurity on; modsecurity_rules_file ${crs};`);
}

function startHaproxy() {
  return start('haproxy', 'haproxy', ['-f', write('haproxy.cfg', `global
  maxconn 9900
  nbthread 1
defaults
  mode http
  timeout client 600s
  timeout server 600s
  timeout connect 5s
  timeout http-keep-alive 600s
frontend f
  bind 127.0.0.1:${PORT.haproxy} backlog 16384
  default_backend b
backend b
  server o 127.0.0.1:${PORT.origin}
`)]);
}

function startSallyport(name, rules) {
  const config = write(`${name}.yaml`, `services:
  - name: bench
    listen: ["127.0.0.1:${PORT[name]}"]
    to: 127.0.0.1:${PORT.origin}
    timeouts: {idle: 600s}
rules: [${rules.map((r) => JSON.stringify(r)).join(', ')}]
events: []
workers: 1
`);
  return start(name, path.join(build, 'src/proc/sallyport'), ['run', '-c', config]);
}

// ---- readings ----

const unit = { us: 1, ms: 1000, s: 1e6 };
const micros = (text) => { const m = /([\d.]+)(us|ms|s)/.exec(text); return m ? Number(m[1]) * unit[m[2]] : NaN; };

function wrk(port, target, script, connections) {
  const args = ['-c', '0', 'wrk', '-t1', `-c${connections}`, `-d${SECONDS}s`, '--latency', '--timeout', '10s'];
  if (script) args.push('-s', script);
  const out = spawnSync('taskset', [...args, `http://127.0.0.1:${port}${target}`], { encoding: 'utf8' });
  const requests = Number(/(\d+) requests in/.exec(out.stdout)?.[1] ?? 0);
  const errors = Number(/Non-2xx or 3xx responses: (\d+)/.exec(out.stdout)?.[1] ?? 0);
  return { requests, errors, rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(out.stdout)?.[1] ?? 0),
    p50: micros(/50%\s+(\S+)/.exec(out.stdout)?.[1] ?? ''), p99: micros(/99%\s+(\S+)/.exec(out.stdout)?.[1] ?? '') };
}

// ---- the cases ----

const browser = `wrk.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
wrk.headers["Accept"] = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8"
wrk.headers["Accept-Language"] = "en-GB,en;q=0.9,de;q=0.8"
wrk.headers["Accept-Encoding"] = "gzip, deflate, br"
wrk.headers["Referer"] = "https://www.shop.example/catalogue/garden?page=3"
wrk.headers["Cookie"] = "sid=8f14e45fceea167a5a36dedd4bea2543; theme=dark; consent=1"
wrk.headers["Cache-Control"] = "max-age=0"
wrk.headers["Upgrade-Insecure-Requests"] = "1"
wrk.headers["Sec-Fetch-Dest"] = "document"
wrk.headers["Sec-Fetch-Mode"] = "navigate"
wrk.headers["Sec-Fetch-Site"] = "same-origin"
`;
const json = `wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"customer":{"id":48213,"name":"Maria Lindqvist","city":"Uppsala"},"items":[' .. string.rep('{"sku":"A-1007","quantity":2,"price":19.90,"note":"gift"},', 15) .. '{"sku":"B-2","quantity":1}],"comment":"please ring twice"}'
`;
const CASES = {
  minimal: { title: 'minimal GET', target: '/', connections: 64 },
  browser: { title: 'browser-like GET', target: '/catalogue/garden/hose?page=4&sort=price&utm_source=mail', script: browser, connections: 64 },
  json: { title: '1 KiB JSON POST', target: '/api/orders', script: json, connections: 64 },
  download: { title: '64 MiB download', target: '/big', connections: 4, bulk: true },
};

function round(name, contestant, test) {
  const before = cpuSeconds(contestant.pid);
  const run = wrk(PORT[name], test.target, test.file, test.connections);
  const cpu = cpuSeconds(contestant.pid) - before;
  if (run.errors || !run.requests) throw new Error(`${name}: ${run.errors} refused of ${run.requests} requests in "${test.title}"`);
  return { ...run, us: cpu * 1e6 / run.requests, gbps: run.requests * (64 << 20) * 8 / 1e9 / cpu };
}

function measure(key, test, boxes) {
  const rows = Object.fromEntries(Object.keys(boxes).map((n) => [n, []]));
  test.file = test.script ? write(`${key}.lua`, test.script) : null;
  for (const name of Object.keys(boxes)) wrk(PORT[name], test.target, test.file, test.connections / 4);
  for (let i = 0; i < ROUNDS; i++) {
    for (const [name, box] of Object.entries(boxes)) {
      if (name === 'modsec' && i > 1) continue; // a hundred times slower than the rest: two rounds tell as much
      rows[name].push(round(name, box, test));
    }
  }
  return Object.fromEntries(Object.entries(rows).map(([n, list]) => [n, Object.fromEntries(
    ['us', 'gbps', 'rate', 'p50', 'p99'].map((k) => [k, median(list.map((r) => r[k]))]))]));
}

function table(title, result, reference, bulk) {
  say(`\n${title}`);
  say(`  ${'through'.padEnd(22)}${pad(bulk ? 'Gbit/s per CPU s' : 'CPU us/request', 18)}${pad(`ratio to ${reference}`, 18)}${pad('requests/s', 12)}${pad('p50 us', 10)}${pad('p99 us', 10)}`);
  for (const [name, r] of Object.entries(result)) {
    const value = bulk ? r.gbps : r.us;
    const ratio = value / (bulk ? result[reference].gbps : result[reference].us);
    say(`  ${LABEL[name].padEnd(22)}${pad(figure(value), 18)}${pad(figure(ratio, 2), 18)}${pad(figure(r.rate, 0), 12)}${pad(figure(r.p50, 0), 10)}${pad(figure(r.p99, 0), 10)}`);
  }
}

const LABEL = { sallyport: 'Sallyport, all patches', haproxy: 'HAProxy, mode http', nginx: 'nginx proxy_pass', modsec: 'nginx+ModSecurity+CRS',
  bare: 'Sallyport, no rules', few: 'Sallyport, 10 rules', many: 'Sallyport, 10,000' };

async function idle(boxes) {
  const COUNT = 9500; // both sides of each: what 20,000 descriptors allow
  say(`\n${COUNT} idle keep-alive connections (memory of the middlebox, PSS)`);
  for (const [name, box] of Object.entries(boxes)) {
    const before = memoryKib(box.pid);
    const child = spawn(path.join(build, 'bench/idle'), [String(PORT[name]), String(COUNT)], { stdio: ['pipe', 'pipe', 'inherit'] });
    await new Promise((r) => child.stdout.once('data', r));
    const after = memoryKib(box.pid);
    child.stdin.end();
    await new Promise((r) => child.once('exit', r));
    say(`  ${LABEL[name].padEnd(22)}${pad(`${((after - before) * 1024 / COUNT).toFixed(0)} bytes per connection`, 30)}${pad(`${(before / 1024).toFixed(1)} MiB before`, 20)}${pad(`${(after / 1024).toFixed(1)} MiB with them`, 22)}`);
  }
}

function engine() {
  const run = spawnSync('taskset', ['-c', '0', path.join(build, 'bench/engine'), path.join(source, 'patches')], { encoding: 'utf8' });
  say(`\nInspection alone, no sockets\n${run.stdout.trimEnd()}`);
  if (run.status !== 0) throw new Error(run.stderr);
}

async function main() {
  say(machine());
  say(`${ROUNDS} rounds of ${SECONDS} s, medians; middlebox, origin and load generator share one core`);
  const few = path.join(work, 'few');
  const many = path.join(work, 'many');
  synthetic(few, 10);
  synthetic(many, 10000);
  startOrigin();
  const peers = { haproxy: startHaproxy(), sallyport: startSallyport('sallyport', [path.join(source, 'patches')]), nginx: nginxProxy('nginx', '', ''), modsec: startModsec() };
  const own = { few: startSallyport('few', [few]), many: startSallyport('many', [many]), bare: startSallyport('bare', []) };
  for (const name of ['origin', ...Object.keys(peers), ...Object.keys(own)]) await listening(PORT[name], name);
  for (const [key, test] of Object.entries(CASES)) {
    if (ONLY && !ONLY.includes(key)) continue;
    table(test.title, measure(key, test, peers), 'haproxy', test.bulk);
  }
  if (!ONLY || ONLY.includes('rules')) table('Cost of many rules: browser-like GET', measure('rules', { ...CASES.browser }, own), 'few');
  if (!ONLY || ONLY.includes('idle')) await idle({ haproxy: peers.haproxy, sallyport: peers.sallyport, nginx: peers.nginx });
  if (!ONLY || ONLY.includes('engine')) engine();
  say(`\nload at the end ${os.loadavg().map((v) => v.toFixed(2)).join(' ')}`);
  process.exit(0);
}

main().catch((error) => { process.stderr.write(`bench: ${error.message}\n`); process.exit(1); });
