// What the crash tests share: a gateway on a machine whose disk and clock fail on demand, prices of
// single nano-credits, and the upstream's own count of what it served.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { call, bearer, root, scratch, startGateway, startUpstream } from './gateway.mjs';

// Costs that no rounding can hide.
export const COSTS = { cheap: 7, odd: 123_456_789, dear: 2_000_000_001 }; // nano-credits
const credits = (nano) => (nano / 1e9).toFixed(9);
export const nano = (text) => Math.round(Number(text) * 1e9);

export const ERRNO = { EIO: 5, ENOSPC: 28, EROFS: 30 };

// A machine whose failures are chosen while it runs (faults.c).
export class Machine {
  constructor(t) {
    this.folder = scratch(t);
    this.file = path.join(this.folder, 'faults');
    this.library = path.join(this.folder, 'faults.so');
    this.state = { sync: 0, write: 0, open: 0, clock: 0 };
    this.write();
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', this.library,
      path.join(root, 'tests/e2e/faults.c'), '-ldl']);
  }

  write() {
    const bytes = Buffer.alloc(24);
    bytes.writeInt32LE(this.state.sync, 0);
    bytes.writeInt32LE(this.state.write, 4);
    bytes.writeInt32LE(this.state.open, 8);
    bytes.writeBigInt64LE(BigInt(this.state.clock) * 1_000_000_000n, 16);
    // In place: the gateway has it mapped.
    const fd = openSync(this.file, this.created ? 'r+' : 'w');
    writeSync(fd, bytes, 0, bytes.length, 0);
    closeSync(fd);
    this.created = true;
  }

  fails(state) {
    Object.assign(this.state, state);
    this.write();
  }

  mends() {
    this.fails({ sync: 0, write: 0, open: 0 });
  }

  env(data) {
    return { LD_PRELOAD: this.library, FAULTS: this.file, FAULTS_BELOW: data };
  }
}

// A gateway in front of one upstream that counts by path; /NAME/TOKEN costs COSTS[NAME].
export async function crashShop(t, options = {}) {
  const api = await startUpstream(t, 'api');
  const folder = scratch(t);
  const data = path.join(folder, 'data');
  const machine = options.machine;
  const gateway = await startGateway(t, {
    folder,
    env: machine ? machine.env(data) : {},
    config: {
      upstreams: { api: { kind: 'http', url: api.url } },
      endpoints: Object.fromEntries(Object.entries(COSTS).map(([name, cost]) =>
        [`/${name}/*`, { cost: `${credits(cost)} credits` }])),
      routes: [{ name: 'api', match: { pathPrefix: '/' }, upstream: 'api', mode: 'control' }],
      audit: { durability: options.durability ?? 'normal' },
    },
  });
  return new CrashShop(api, gateway);
}

class CrashShop {
  constructor(api, gateway) {
    this.api = api;
    this.gateway = gateway;
    this.caps = new Map(); // name -> nano-credits
    this.answers = [];     // that no check has looked at yet
  }

  async mint(name, cap, ...flags) {
    const token = await this.gateway.token(name, '--total-limit', credits(cap), ...flags);
    this.caps.set(name, cap);
    return token;
  }

  // `as` is whose money it is: the minted token at the root of this one.
  async buy(token, as, what, query = '') {
    const answer = await call(`${this.gateway.url}/${what}/${as}${query}`,
      { headers: bearer(token), timeout: 10_000 });
    this.answers.push(answer);
    return answer;
  }

  // Calls of `clients` at once until `stopped()`.
  async load(clients, stopped, one) {
    await Promise.all(Array.from({ length: clients }, async () => {
      while (!stopped()) {
        const answer = await one();
        if (answer.status === 0) return; // the gateway is gone
      }
    }));
  }

  // What the upstream really served, by its own count: name -> nano-credits.
  async served() {
    const { paths } = await this.api.stats();
    const sums = new Map();
    for (const [route, calls] of Object.entries(paths)) {
      const [, what, name] = route.split('/');
      sums.set(name, (sums.get(name) ?? 0) + COSTS[what] * calls);
    }
    return sums;
  }

  // Law 1: served <= charged <= cap, each to the nano-credit.
  async checkMoney() {
    const served = await this.served();
    const tokens = await (await this.gateway.adminApi('/api/v1/tokens')).json();
    const charged = new Map(tokens.map((token) => [token.name, nano(token.spent)]));
    for (const [name, cap] of this.caps) {
      const real = served.get(name) ?? 0;
      assert.ok(real <= cap, `${name}: ${real} served under a cap of ${cap}`);
      assert.ok(charged.get(name) >= real, `${name}: ${charged.get(name)} for ${real} served`);
      assert.ok(charged.get(name) <= cap, `${name}: ${charged.get(name)} under a cap of ${cap}`);
    }
  }

  // Law 3.3: an answer that was completed has its event.
  async checkEvents(query = '') {
    const complete = this.answers.filter((answer) => answer.complete && answer.status === 200);
    this.answers = [];
    const written = new Set((await this.gateway.events(query)).map((event) => event.request_id));
    for (const answer of complete) {
      const id = answer.headers['x-request-id'];
      if (written.has(id)) continue;
      const found = await this.gateway.events(`&request_id=${id}`);
      assert.equal(found.length, 1, `the answer ${id} has no event`);
    }
    return complete.length;
  }
}

// Reads a journal segment up to its last byte that is not zero.
export function usedBytes(file) {
  const bytes = readFileSync(file);
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return bytes.subarray(0, end);
}

export function spill(file, bytes) {
  writeFileSync(file, bytes);
}
