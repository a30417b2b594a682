// The harness: starts the binary and the demo upstreams on free loopback ports with a scratch data
// directory, talks to them as users do, and ends them by process id. Nothing here looks inside.
import { randomInt } from 'node:crypto';
import { spawn, execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from
  'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';

export { sleep };
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const build = process.env.SATGATE_BUILD ?? path.join(root, 'build/release');
export const satgate = path.join(build, 'satgate');
export const demo = path.join(build, 'satgate-demo');
export const packages = path.join(root, 'tests/e2e/node_modules');

const START_MS_MAX = 15_000;
const STOP_MS_MAX = 35_000;
const COMMAND_MS_MAX = 30_000;

// What a test has opened is closed in reverse order, all of it, even if one of them fails.
const cleanups = new WeakMap();

export function atEnd(t, close) {
  if (!cleanups.has(t)) {
    const stack = [];
    cleanups.set(t, stack);
    t.after(async () => {
      const failures = [];
      while (stack.length > 0) await attempt(stack.pop(), failures);
      if (failures.length > 0) throw failures[0];
    });
  }
  cleanups.get(t).push(close);
}

async function attempt(close, failures) {
  try {
    await close();
  } catch (error) {
    failures.push(error);
  }
}

export function scratch(t) {
  const folder = mkdtempSync(path.join(tmpdir(), 'satgate-e2e-'));
  atEnd(t, () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

// Not one of those that the kernel gives to who asks for any (from 32768 on): a server of another
// test would get it in the meantime, and be asked whether it is ready. start() tries anew when
// another process was faster.
export async function freePort() {
  for (;;) {
    const port = randomInt(16_384, 32_768);
    const server = net.createServer();
    server.listen(port, '127.0.0.1');
    const free = await once(server, 'listening').then(() => true, () => false);
    if (!free) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

// A child process whose output is kept for the failure message.
class Child {
  constructor(file, args, options) {
    this.log = '';
    this.out = '';
    this.process = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    this.process.stdout.on('data', (bytes) => {
      this.out += bytes;
      this.log += bytes;
    });
    this.process.stderr.on('data', (bytes) => (this.log += bytes));
    this.exited = new Promise((resolve) => {
      this.process.on('exit', (code, signal) => resolve({ code, signal }));
      this.process.on('error', (error) => {
        this.log += error.message;
        resolve({ code: -1, signal: null });
      });
    });
    this.exited.then((status) => (this.status = status));
  }

  get running() {
    return this.status === undefined;
  }

  kill(signal = 'SIGTERM') {
    if (this.running) this.process.kill(signal);
  }

  async stop(signal = 'SIGTERM') {
    this.kill(signal);
    const late = sleep(STOP_MS_MAX, 'late', { ref: false });
    if ((await Promise.race([this.exited, late])) === 'late') {
      this.kill('SIGKILL');
      await this.exited;
      throw new Error(`did not end within ${STOP_MS_MAX} ms of ${signal}:\n${this.log}`);
    }
    return this.status;
  }
}

// Runs a command to its end: {code, stdout, stderr, json()}.
export function run(file, args, options = {}) {
  return new Promise((resolve) => {
    const settings = { timeout: COMMAND_MS_MAX, maxBuffer: 256 * 1024 * 1024, ...options };
    const child = execFile(file, args, settings, (error, stdout, stderr) => {
      const code = error ? (typeof error.code === 'number' ? error.code : -1) : 0;
      const json = () => {
        try {
          return JSON.parse(stdout);
        } catch {
          throw new Error(`not JSON: ${args.join(' ')}\nexit ${code}\n${stdout}\n${stderr}`);
        }
      };
      resolve({ code, stdout, stderr, json, said: stdout + stderr });
    });
    child.stdin.on('error', () => {}); // it need not read what it is given
    child.stdin.end(options.input ?? '');
  });
}

// A program that prints "listening http://127.0.0.1:PORT" once it accepts connections.
export async function startProgram(t, file, args, options = {}) {
  const child = new Child(file, args, options);
  atEnd(t, () => child.stop());
  const until = Date.now() + START_MS_MAX;
  for (;;) {
    const found = /^listening (http:\S+)$/m.exec(child.out);
    if (found) return { url: found[1], child };
    if (!child.running || Date.now() > until) throw new Error(`${args[0]}:\n${child.log}`);
    await sleep(10);
  }
}

export async function startUpstream(t, kind, args = []) {
  const { url, child } = await startProgram(t, demo, [kind, '--listen', '127.0.0.1:0', ...args]);
  return new Upstream(url, child);
}

class Upstream {
  constructor(url, child) {
    this.url = url;
    this.child = child;
  }

  async stats() {
    const response = await fetch(`${this.url}/stats`);
    return response.json();
  }
}

// Waits for `check` to be truthy and returns what it gave.
export async function eventually(what, check, ms = 10_000) {
  const until = Date.now() + ms;
  let last;
  for (;;) {
    try {
      const value = await check();
      if (value) return value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > until) throw new Error(`not within ${ms} ms: ${what} ${last?.message ?? ''}`);
    await sleep(20);
  }
}

// Starts a gateway. `config` is an object (JSON is YAML) without listeners, or a function of
// {listen, admin}. With `args` the command line is given in full and no file is written.
export async function startGateway(t, options = {}) {
  const gateway = new Gateway(options.folder ?? scratch(t), options);
  atEnd(t, () => gateway.stop());
  await gateway.start();
  return gateway;
}

export class Gateway {
  constructor(folder, options) {
    this.folder = folder;
    this.options = options;
    this.data = path.join(folder, 'data');
    this.file = path.join(folder, 'satgate.yaml');
  }

  async start() {
    for (let attempt = 1; ; attempt++) {
      if (!this.keepPorts) {
        this.port = this.options.port ?? (await freePort());
        this.adminPort = this.options.adminPort ?? (await freePort());
      }
      this.url = `http://127.0.0.1:${this.port}`;
      this.admin = `http://127.0.0.1:${this.adminPort}`;
      this.writeConfig();
      const [file, args] = this.wrap([this.options.bin ?? satgate, this.commandLine()]);
      this.child = new Child(file, args, { cwd: this.folder, env: this.env() });
      if (await this.ready()) break;
      const log = this.child.log;
      await this.child.stop();
      const taken = /in use|EADDRINUSE/i.test(log);
      if (!taken || attempt === 3 || this.options.port) throw new Error(`gateway:\n${log}`);
    }
    this.keepPorts = true;
    return this;
  }

  writeConfig() {
    if (this.options.args && !this.options.config) return;
    const config = {
      version: 1,
      server: { listen: `127.0.0.1:${this.port}`, ...this.options.server },
      admin: { listen: `127.0.0.1:${this.adminPort}` },
      ...this.options.config,
    };
    writeFileSync(this.file, this.options.yaml?.(this) ?? JSON.stringify(config, null, 2));
  }

  // With `shell`, a line of bash that ends in `exec "$@"`.
  wrap([file, args]) {
    const { shell } = this.options;
    return shell ? ['/bin/bash', ['-c', shell, 'bash', file, ...args]] : [file, args];
  }

  commandLine() {
    return this.options.args?.(this) ?? ['gateway', 'start', '--config', this.file];
  }

  env() {
    return { ...process.env, SATGATE_DATA_DIR: this.data, NO_COLOR: '1', ...this.options.env };
  }

  async ready() {
    const until = Date.now() + START_MS_MAX;
    while (this.child.running && Date.now() < until) {
      try {
        if ((await fetch(`${this.url}/readyz`)).status === 200) return true;
      } catch {
        await sleep(10);
      }
    }
    return false;
  }

  // A satgate command against this gateway.
  cli(...args) {
    return run(satgate, args, { cwd: this.folder, env: this.env() });
  }

  // The same, which must succeed; its --json output.
  async json(...args) {
    const result = await this.cli(...args, '--json');
    if (result.code !== 0) throw new Error(`satgate ${args.join(' ')}: ${result.said}`);
    return result.json();
  }

  // Mints a token and returns its text.
  async token(name, ...flags) {
    return (await this.json('token', 'create', '--name', name, ...flags)).token;
  }

  async spent(name) {
    return Number((await this.json('token', 'show', name)).spent);
  }

  // The newest events, oldest first; `query` narrows them as the admin API does.
  async events(query = '') {
    const response = await this.adminApi(`/api/v1/audit/events?limit=10000${query}`);
    const body = await response.text();
    if (response.status !== 200) throw new Error(`audit/events: ${response.status} ${body}`);
    return JSON.parse(body).events.sort((a, b) => a.seq - b.seq);
  }

  async adminApi(route, options = {}) {
    const secret = readFileSync(path.join(this.data, 'admin.token'), 'utf8').trim();
    return fetch(`${this.admin}${route}`, {
      ...options,
      headers: {
        authorization: `Bearer ${secret}`,
        ...(options.body ? { 'content-type': 'application/json' } : {}),
        ...options.headers,
      },
    });
  }

  // Waits until the log holds the line: it comes by another pipe than readiness and answers do.
  says(pattern) {
    return eventually(`${pattern} in the log`, () => pattern.test(this.child.log));
  }

  async stop(signal = 'SIGTERM') {
    return this.child?.stop(signal);
  }

  async kill9() {
    this.child.kill('SIGKILL');
    await this.child.exited;
  }

  async restart() {
    await this.stop();
    return this.start();
  }
}

export function bearer(token, headers = {}) {
  return { authorization: `Bearer ${token}`, ...headers };
}

// A call with its own connection, so that many are really many clients. Never throws:
// {status, headers, text, json, complete, error}.
export function call(url, { method = 'GET', headers = {}, body, timeout = 30_000 } = {}) {
  return new Promise((resolve) => {
    const result = { status: 0, headers: {}, text: '', complete: false };
    const done = (error) => {
      if (error) result.error = error.message;
      try {
        result.json = JSON.parse(result.text);
      } catch {
        result.json = undefined;
      }
      resolve(result);
    };
    const payload = body === undefined ? undefined : Buffer.from(
      typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body));
    // The target goes out as written: URL would tidy away what the gateway must judge.
    const { hostname, port, origin } = new URL(url);
    const request = http.request({
      hostname,
      port,
      path: url.slice(origin.length) || '/',
      method,
      agent: false,
      headers: {
        ...(payload && { 'content-length': payload.length, 'content-type': 'application/json' }),
        ...headers,
      },
      timeout,
    }, (response) => {
      result.status = response.statusCode;
      result.headers = response.headers;
      response.setEncoding('utf8');
      response.on('data', (text) => (result.text += text));
      response.on('end', () => {
        result.complete = response.complete;
        done();
      });
      response.on('error', done);
    });
    request.on('timeout', () => request.destroy(new Error('time-out')));
    request.on('error', done);
    request.end(payload);
  });
}

// `count` calls of `one` that all begin together.
export function together(count, one) {
  return Promise.all(Array.from({ length: count }, (_, i) => one(i)));
}

export function tally(items, key) {
  const counts = {};
  for (const item of items) counts[key(item)] = (counts[key(item)] ?? 0) + 1;
  return counts;
}

export function countFile(file) {
  return existsSync(file) ? statSync(file).size : 0;
}

// The command lines of every process on this machine.
export function processes() {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    } catch {
      return ''; // it has ended meanwhile
    }
  });
}
