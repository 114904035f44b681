// SPDX-License-Identifier: Apache-2.0
// databases: real PostgreSQL, MariaDB and Redis with directories of their own.
import { execFile } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { freePort, scratch, until, write } from "../cli/tool.mjs";
import { launch } from "./servers.mjs";

/** Runs a program to its end; its output. It may say what it likes, and is ended after a minute. */
export const out = async (command, args, options = {}) => (await promisify(execFile)(command, args, { timeout: 60000, maxBuffer: 1 << 28, ...options })).stdout;

/** Databases refuse to run as root. */
const as = (user, command, args) =>
  process.getuid() === 0 ? ["setpriv", [`--reuid=${user}`, `--regid=${user}`, "--init-groups", command, ...args]] : [command, args];

/** A directory of that user, which goes away after the server in it: hooks run in the order in which they are made. */
async function home(t, user) {
  const server = {};
  t.after(() => server.stop?.());
  server.dir = scratch(t);
  if (process.getuid() === 0) fs.chownSync(server.dir, ...(await Promise.all(["-u", "-g"].map(async (flag) => Number(await out("id", [flag, user]))))));
  return server;
}

/** Makes server.key and server.crt, by a user's hand, in a directory. */
const certify = (own, dir) =>
  own("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", `${dir}/server.key`, "-out", `${dir}/server.crt`]);

const postgresPrograms = "/usr/lib/postgresql/15/bin";
export const password = "correct horse"; // of the superuser postgres, of MariaDB's root and app

/** A PostgreSQL 15 whose clients log in with SCRAM, or as `login` says. `encrypted`: it takes TLS. */
export async function postgres(t, { encrypted = false, login = "scram-sha-256" } = {}) {
  const server = await home(t, "postgres"), port = await freePort(), data = path.join(server.dir, "data");
  const own = (command, args) => out(...as("postgres", command, args), { cwd: server.dir });
  const secret = write(server.dir, "password", password);
  await own(`${postgresPrograms}/initdb`, ["-D", data, "-U", "postgres", "-A", login, "--pwfile", secret, "-E", "UTF8", "--locale=C", "--no-sync"]);
  const settings = { port, listen_addresses: "127.0.0.1", unix_socket_directories: "", fsync: "off", timezone: "UTC", log_min_messages: "panic", max_prepared_transactions: 5 };
  if (encrypted) {
    await certify(own, "data");
    settings.ssl = "on";
  }
  const args = ["-D", data, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
  server.stop = await launch(t, ...as("postgres", `${postgresPrograms}/postgres`, args), port, "SIGINT");
  await until("PostgreSQL is ready", () => out(`${postgresPrograms}/pg_isready`, ["-q", "-h", "127.0.0.1", "-p", port]).then(() => true, () => false));
  return { port };
}

/** What a program of libpq finds its server by. */
export const pgEnvironment = (port, more = {}) => ({ ...process.env, PGHOST: "127.0.0.1", PGPORT: `${port}`, PGUSER: "postgres", PGPASSWORD: password, PGDATABASE: "postgres", ...more });

/** psql without a startup file: what it prints, bare. */
export const psql = (port, sql, more = {}, flags = []) =>
  out("psql", ["-X", "-q", "-A", "-t", ...flags, ...(sql === undefined ? [] : ["-c", sql])], { env: pgEnvironment(port, more) });

/** A MariaDB with the users root, app and (without a password) anybody. `encrypted`: it takes TLS. `more`: options of the server. */
export async function mariadb(t, { encrypted = false, more = [] } = {}) {
  const server = await home(t, "mysql"), port = await freePort(), data = path.join(server.dir, "data");
  const own = process.getuid() === 0 ? "mysql" : os.userInfo().username;
  await out("mariadb-install-db", ["--no-defaults", `--user=${own}`, `--datadir=${data}`, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-log-bin"],
    { env: { ...process.env, TMPDIR: server.dir } });
  const users = write(server.dir, "users.sql", Object.entries({ root: password, app: password, anybody: "" }).map(([user, secret]) => // one line a statement
    `GRANT ALL ON *.* TO '${user}'@'127.0.0.1' IDENTIFIED BY '${secret}' WITH GRANT OPTION;\n`).join(""));
  const args = ["--no-defaults", `--datadir=${data}`, `--tmpdir=${server.dir}`, `--port=${port}`, `--socket=${server.dir}/socket`, "--bind-address=127.0.0.1", "--skip-name-resolve", "--skip-log-bin",
    "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--max-allowed-packet=1G", "--local-infile=1", `--init-file=${users}`, ...more];
  if (encrypted) {
    await certify((command, more) => out(...as("mysql", command, more), { cwd: server.dir }), ".");
    args.push(`--ssl-key=${server.dir}/server.key`, `--ssl-cert=${server.dir}/server.crt`);
  }
  server.stop = await launch(t, ...as("mysql", "/usr/sbin/mariadbd", args), port);
  return { port };
}

/** The program mariadb as root: what it prints, bare. */
export const maria = (port, sql) => out("mariadb", ["--no-defaults", "-h", "127.0.0.1", "-P", port, "-u", "root", `-p${password}`, "-N", "-e", sql]);

/** A Redis that keeps nothing. */
export async function redis(t, ...more) {
  const port = await freePort(), server = {};
  t.after(() => server.stop?.());
  const dir = scratch(t);
  server.stop = await launch(t, "redis-server", ["--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir, ...more], port, "SIGKILL");
  return { port };
}
