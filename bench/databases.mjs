// SPDX-License-Identifier: Apache-2.0
// databases: CPU microseconds per statement of Sallyport beside HAProxy in mode tcp and PgBouncer, in front of PostgreSQL, MariaDB and Redis, in one run.
//
// As in bench.mjs: one server, one load generator, and every middlebox in front of the same server, round robin, medians; all of it on one core.
// "guarded" has all patches in force and the statement guard with 10,000 approved shapes, the load's own among them.
//
//   node bench/databases.mjs BUILDDIR [--seconds N] [--rounds N] [--only pgsql,mysql,redis,big]

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { build, cpuSeconds, figure, listening, machine, median, option, pad, say, source, start, work, write } from './machine.mjs';

const SECONDS = Number(option('seconds', 3));
const ROUNDS = Number(option('rounds', 3));
const ONLY = option('only', null)?.split(',');
const BASE = Number(option('port', 21100));
const SHAPES = 10000;
const GOAL = 1.15; // of HAProxy's CPU per statement
const binary = path.join(build, 'src/proc/sallyport');
const postgresPrograms = '/usr/lib/postgresql/15/bin';

const LABEL = { direct: 'nothing', haproxy: 'HAProxy, mode tcp', pgbouncer: 'PgBouncer, session', bare: 'Sallyport, no rules', guarded: 'Sallyport, guarded' };

function must(command, args, options = {}) {
  const run = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28, ...options });
  if (run.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${run.error ?? run.stderr.slice(-2000)}`);
  return run.stdout;
}
const pinned = (command, args, options) => must('taskset', ['-c', '0', command, ...args], options);

// ---- servers ----

/** Databases refuse to run as root: a directory of that user's, and how to run something as that user. */
function home(user) {
  const dir = path.join(work, user);
  fs.mkdirSync(dir);
  fs.chmodSync(work, 0o755);
  if (process.getuid() !== 0) return { dir, as: (command, args) => [command, args] };
  const [uid, gid] = ['-u', '-g'].map((flag) => Number(must('id', [flag, user])));
  fs.chownSync(dir, uid, gid);
  return { dir, as: (command, args) => ['setpriv', [`--reuid=${uid}`, `--regid=${gid}`, '--init-groups', command, ...args]] };
}

async function startPostgres(port) {
  const { dir, as } = home('postgres'), data = path.join(dir, 'data');
  must(...as(`${postgresPrograms}/initdb`, ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']), { cwd: dir });
  start('postgres', ...as(`${postgresPrograms}/postgres`, ['-D', data, '-p', String(port), '-k', dir, '-c', 'listen_addresses=127.0.0.1', '-c', 'fsync=off', '-c', 'jit=off']));
  await listening(port, 'postgres');
  for (let i = 0; spawnSync(`${postgresPrograms}/pg_isready`, ['-q', '-h', '127.0.0.1', '-p', port]).status !== 0; i++) {
    if (i === 100) throw new Error('PostgreSQL is not ready');
    await new Promise((r) => setTimeout(r, 100));
  }
  must(`${postgresPrograms}/pgbench`, ['-q', '-i', '-s', '1', '-h', '127.0.0.1', '-p', port, '-U', 'postgres', 'postgres']);
}

async function startMariadb(port) {
  const { dir, as } = home('mysql'), data = path.join(dir, 'data');
  must('mariadb-install-db', ['--no-defaults', `--user=${process.getuid() === 0 ? 'mysql' : os.userInfo().username}`, `--datadir=${data}`, '--skip-test-db', '--skip-log-bin']);
  const init = write('mariadb.sql', "CREATE DATABASE sbtest;\nGRANT ALL ON *.* TO bench@'127.0.0.1' IDENTIFIED BY 'bench';\n");
  start('mariadb', ...as('/usr/sbin/mariadbd', ['--no-defaults', `--datadir=${data}`, `--port=${port}`, `--socket=${dir}/socket`, '--bind-address=127.0.0.1',
    '--skip-name-resolve', '--skip-log-bin', `--init-file=${init}`]));
  await listening(port, 'mariadb');
  must('sysbench', sysbench(port, ['prepare']));
}

async function startRedis(port) {
  start('redis', 'redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', work]);
  await listening(port, 'redis');
}

// ---- contestants ----

const haproxy = (to, port) => start(`haproxy-${port}`, 'haproxy', ['-f', write(`haproxy-${port}.cfg`, `global
  nbthread 1
defaults
  mode tcp
  timeout client 600s
  timeout server 600s
  timeout connect 5s
listen l
  bind 127.0.0.1:${port}
  server s 127.0.0.1:${to}
`)]);

function pgbouncer(to, port) {
  const users = write('pgbouncer.users', '"postgres" ""\n');
  const config = write('pgbouncer.ini', `[databases]
* = host=127.0.0.1 port=${to}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${users}
pool_mode = session
max_client_conn = 200
default_pool_size = 100
ignore_startup_parameters = extra_float_digits
${process.getuid() === 0 ? 'user = nobody' : ''}
`);
  return start(`pgbouncer-${port}`, 'pgbouncer', ['-q', config]);
}

function sallyport(name, protocol, to, port, rules, rest = '') {
  const service = name.startsWith('learn') ? `    learn: true\n` : '';
  return start(name, binary, ['run', '-c', write(`${name}.yaml`, `services:
  - name: ${protocol}
    listen: ["127.0.0.1:${port}"]
    to: 127.0.0.1:${to}
    protocol: ${protocol}
${service}rules: [${rules.map((r) => JSON.stringify(r)).join(', ')}]
events: []
workers: 1
runtime: ${work}/${name}-run
${rest}`)]);
}

/** What the load says, learned and approved, and as many made-up shapes of the same application as make 10,000. */
async function approved(protocol, to, port, load) {
  const dir = path.join(work, `${protocol}-store`), store = path.join(dir, 'store.db'), file = path.join(work, `${protocol}-approved.yaml`);
  fs.mkdirSync(dir);
  fs.chmodSync(dir, 0o777); // who writes it is nobody
  fs.writeFileSync(path.join(work, 'some.yaml'), fs.readFileSync(path.join(source, 'guards/redis/redis-no-keys.yaml')));
  const learner = sallyport(`learn-${protocol}`, protocol, to, port, [path.join(work, 'some.yaml')], `store: ${store}\n`);
  await listening(port, `learn-${protocol}`);
  for (const say of load) say(port, 1);
  await new Promise((r) => setTimeout(r, 3000));
  learner.kill('SIGTERM');
  await new Promise((r) => learner.once('exit', r));
  must(binary, ['shapes', 'approve', '--store', store]);
  const text = must(binary, ['shapes', 'export', '--service', protocol, '--protocol', protocol, '--store', store]);
  const own = [...text.matchAll(/^ *(- )?"?([^\s"]*\/[0-9a-f]{16})"?.*$/gm)];
  if (own.length === 0) throw new Error(`nothing was learned of ${protocol}`);
  const [line, , key] = own[0];
  const more = Array.from({ length: SHAPES - own.length }, (_, i) => line.replace(key, key.replace(/[0-9a-f]{16}$/, (0x5a11000000000000n + BigInt(i) * 7919n).toString(16))));
  fs.writeFileSync(file, text.replace(line, () => [line, ...more].join('\n')));
  return file;
}

// ---- loads: what each sends to a port for some seconds; how many statements that was ----

const pgbench = (mode) => (port, seconds) => {
  const out = pinned(`${postgresPrograms}/pgbench`, ['-n', '-S', '-M', mode, '-c', '8', '-T', String(seconds), '-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', 'postgres']);
  return Number(/actually processed: (\d+)/.exec(out)[1]);
};
const sysbench = (port, rest) => ['oltp_point_select', '--db-driver=mysql', '--mysql-host=127.0.0.1', `--mysql-port=${port}`, '--mysql-user=bench', '--mysql-password=bench', '--tables=1',
  '--table-size=10000', '--threads=8', ...rest];
const points = (mode) => (port, seconds) => Number(/queries:\s+(\d+)/.exec(pinned('sysbench', sysbench(port, [`--time=${seconds}`, `--db-ps-mode=${mode}`, 'run'])))[1]);
const redisBenchmark = (pipeline) => (port, seconds) => {
  const n = seconds * (pipeline === 1 ? 12500 : 125000); // of each command
  pinned('redis-benchmark', ['-h', '127.0.0.1', '-p', String(port), '-t', 'set,get', '-r', '10000', '-c', '32', '-n', String(n), '-P', String(pipeline), '-q']);
  return 2 * n;
};
const big = (port) => {
  const script = write('big.sql', "SELECT repeat('x', 1000) FROM generate_series(1, 100000);\n");
  pinned(`${postgresPrograms}/pgbench`, ['-n', '-f', script, '-c', '1', '-t', '10', '-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', 'postgres']);
  return 10 * 100000 * 1000 / (1 << 30);
};

// ---- measuring ----

function measure(load, ports, boxes) {
  const rows = Object.fromEntries(Object.keys(ports).map((n) => [n, []]));
  for (const name of Object.keys(ports)) load(ports[name], 1);
  for (let i = 0; i < ROUNDS; i++)
    for (const [name, port] of Object.entries(ports)) {
      const box = boxes[name], before = box ? cpuSeconds(box.pid) : 0, started = performance.now();
      const n = load(port, SECONDS);
      rows[name].push({ us: box ? (cpuSeconds(box.pid) - before) * 1e6 / n : NaN, rate: n * 1000 / (performance.now() - started) });
    }
  return Object.fromEntries(Object.entries(rows).map(([n, list]) => [n, { us: median(list.map((r) => r.us)), rate: median(list.map((r) => r.rate)) }]));
}

function table(title, result, what) {
  say(`\n${title}`);
  say(`  ${'through'.padEnd(22)}${pad(`CPU us/${what}`, 18)}${pad('ratio to HAProxy', 18)}${pad(`${what}s/s`, 14)}`);
  for (const [name, r] of Object.entries(result)) {
    const ratio = r.us / result.haproxy.us;
    const note = name === 'guarded' ? (ratio <= GOAL ? '' : `  above ${GOAL}`) + (result.pgbouncer && r.us > result.pgbouncer.us ? '  above PgBouncer' : '') : '';
    say(`  ${LABEL[name].padEnd(22)}${pad(figure(r.us, what === 'GiB' ? 0 : 2), 18)}${pad(figure(ratio, 2), 18)}${pad(figure(r.rate, what === 'GiB' ? 2 : 0), 14)}${note}`);
  }
}

const patches = path.join(source, 'patches');
const DATABASES = {
  pgsql: { start: startPostgres, loads: { 'pgbench -S, simple': pgbench('simple'), 'pgbench -S, extended': pgbench('extended'), 'pgbench -S, prepared': pgbench('prepared') }, guard: true },
  mysql: { start: startMariadb, loads: { 'point selects of sysbench, text': points('disable'), 'point selects of sysbench, prepared': points('auto') }, guard: true },
  redis: { start: startRedis, loads: { 'redis-benchmark SET and GET, one by one': redisBenchmark(1), 'redis-benchmark SET and GET, 16 in a pipeline': redisBenchmark(16) } },
};

async function database(protocol, base) {
  const { start: begin, loads, guard } = DATABASES[protocol];
  const ports = { direct: base, haproxy: base + 1, bare: base + 2, guarded: base + 3, pgbouncer: base + 4 };
  if (protocol !== 'pgsql') delete ports.pgbouncer;
  await begin(base);
  const rules = guard ? [patches, await approved(protocol, base, base + 5, [...Object.values(loads), ...(protocol === 'pgsql' ? [big] : [])])] : [patches];
  const none = write('none.yaml', fs.readFileSync(path.join(source, 'guards', protocol === 'redis' ? 'mysql/mysql-no-udf.yaml' : 'redis/redis-no-keys.yaml')));
  const boxes = {
    haproxy: haproxy(base, ports.haproxy),
    bare: sallyport(`bare-${protocol}`, protocol, base, ports.bare, [none]),
    guarded: sallyport(`guarded-${protocol}`, protocol, base, ports.guarded, rules),
    ...(ports.pgbouncer ? { pgbouncer: pgbouncer(base, ports.pgbouncer) } : {}),
  };
  for (const name of Object.keys(boxes)) await listening(ports[name], `${name}-${name === 'bare' || name === 'guarded' ? protocol : ports[name]}`);
  if (!ONLY || ONLY.includes(protocol)) for (const [title, load] of Object.entries(loads)) table(title, measure(load, ports, boxes), protocol === 'redis' ? 'command' : 'statement');
  if (protocol === 'pgsql' && (!ONLY || ONLY.includes('big'))) {
    delete ports.direct;
    table('SELECT of a million rows of 1000 bytes', measure(big, ports, boxes), 'GiB');
  }
  for (const box of Object.values(boxes)) box.kill('SIGTERM');
}

async function main() {
  say(machine());
  say(`${ROUNDS} rounds of ${SECONDS} s, medians; middlebox, server and load generator share one core`);
  for (const [i, protocol] of Object.keys(DATABASES).entries())
    if (!ONLY || ONLY.includes(protocol) || (protocol === 'pgsql' && ONLY.includes('big'))) await database(protocol, BASE + 10 * i);
  say(`\nload at the end ${os.loadavg().map((v) => v.toFixed(2)).join(' ')}`);
  process.exit(0);
}

main().catch((error) => { process.stderr.write(`databases: ${error.message}\n`); process.exit(1); });
