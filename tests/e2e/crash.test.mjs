// The machine fails: processes are killed under load, disks fill up or lie, journals lose bytes,
// clocks jump. The cap holds to the nano-credit against what the upstream really served, and every
// completed answer has its event (LAWS.md, Laws 1, 3 and 4).
//
// SATGATE_KILLS=n kills each gateway n times (make soak); SATGATE_FLIPS=n flips n bits.
import assert from 'node:assert/strict';
import { cpSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { COSTS, crashShop, ERRNO, Machine, nano, spill, usedBytes } from './crash_support.mjs';
import { bearer, call, eventually, run, satgate, sleep, together } from './gateway.mjs';
import { httpShop } from './shops.mjs';

const KILLS = Number(process.env.SATGATE_KILLS ?? 4);
const FLIPS = Number(process.env.SATGATE_FLIPS ?? 12);
const CLIENTS = 12;

const pick = (list) => list[Math.floor(Math.random() * list.length)];
const wide = 1_000_000 * COSTS.dear; // a cap that nobody reaches

for (const durability of ['normal', 'strict']) {
  test(`kill -9 under load, ${durability}, ${KILLS} times`, async (t) => {
    const shop = await crashShop(t, { durability });
    const { gateway } = shop;
    const agent = await shop.mint('agent', wide);
    let answered = 0;
    let holders = [];
    for (let kill = 1; kill <= KILLS; kill++) {
      // A cap that is reached under the load, by an agent and by one that it delegated to.
      if (kill % 3 === 1) {
        const name = `tight-${kill}`;
        const tight = await shop.mint(name, 60 * COSTS.odd);
        const child = (await gateway.json('token', 'attenuate', tight, '--budget-max', '2')).token;
        holders = [[agent, 'agent'], [tight, name], [child, name]];
      }
      const began = new Date(Date.now() - 1000).toISOString();
      let stopped = false;
      const load = shop.load(CLIENTS, () => stopped, () => {
        const [token, as] = pick(holders);
        const slow = Math.random() < 0.3 ? `?slow=${Math.floor(Math.random() * 50)}` : '';
        return shop.buy(token, as, pick(Object.keys(COSTS)), slow);
      });
      await sleep(20 + Math.random() * 180);
      await gateway.kill9();
      stopped = true;
      await load;
      await gateway.start();
      await shop.checkMoney();
      answered += await shop.checkEvents(`&since=${began}`);
      if (kill !== 1 && kill !== KILLS) continue;
      // What is left is spent until not one more call fits.
      const [, [tight, name]] = holders;
      while ((await shop.buy(tight, name, 'odd')).status === 200);
      await shop.checkMoney();
    }
    t.diagnostic(`${KILLS} kills, ${answered} answers, each with its event`);
    assert.ok(answered > KILLS, 'there was load');
    const verified = await gateway.cli('audit', 'verify');
    assert.equal(verified.code, 0, verified.said);
  });
}

test('a restart continues exactly where it stopped', async (t) => {
  const { gateway } = await httpShop(t);
  const token = await gateway.token('agent', '--total-limit', '20', '--daily-limit', '12');
  const search = () => call(`${gateway.url}/api/search`, { headers: bearer(token) });
  for (let i = 0; i < 3; i++) assert.equal((await search()).status, 200);
  await gateway.restart();
  assert.equal(await gateway.spent('agent'), 6);
  for (let i = 0; i < 3; i++) assert.equal((await search()).status, 200);
  await gateway.kill9();
  await gateway.start();
  const refused = await search();
  assert.equal(refused.status, 402);
  assert.equal(refused.json.spent, 12);
});

test('SIGTERM lets calls in progress end', async (t) => {
  const { gateway } = await httpShop(t);
  const token = await gateway.token('agent', '--total-limit', '20');
  const slow = call(`${gateway.url}/api/search?slow=700`, { headers: bearer(token) });
  await sleep(200);
  const status = await gateway.stop();
  assert.equal(status.code, 0);
  assert.equal((await slow).status, 200);
});

// After a fault was noticed: nothing is forwarded, everybody is told, and a restart recovers.
async function closesAndRecovers(shop, machine, token) {
  const { gateway } = shop;
  await eventually('the gateway notices', async () =>
    (await shop.buy(token, 'agent', 'odd')).status === 503);
  const before = (await shop.api.stats()).calls;
  for (let i = 0; i < 5; i++) {
    const refused = await shop.buy(token, 'agent', 'odd');
    assert.equal(refused.status, 503, refused.text);
    assert.equal(refused.json.error, 'ledger_unavailable');
    assert.equal(refused.headers['x-should-retry'], 'false');
  }
  assert.equal((await shop.api.stats()).calls, before, 'nothing is forwarded any more');
  assert.equal((await call(`${gateway.url}/readyz`)).status, 503);
  // Room alone does not open it again: what the disk holds is uncertain until it is read.
  machine.mends();
  assert.equal((await shop.buy(token, 'agent', 'odd')).status, 503);
  await gateway.stop();
  await gateway.start();
  assert.equal((await shop.buy(token, 'agent', 'odd')).status, 200);
  await shop.checkMoney();
  await shop.checkEvents();
  const verified = await gateway.cli('audit', 'verify');
  assert.equal(verified.code, 0, verified.said);
}

const FAULTS = {
  'a full disk': { write: ERRNO.ENOSPC },
  'a disk that fails to write': { write: ERRNO.EIO },
  'fsync failing': { sync: ERRNO.EIO },
  'a file system that turns read-only': { write: ERRNO.EROFS, open: ERRNO.EROFS },
};

for (const [what, fault] of Object.entries(FAULTS)) {
  for (const durability of ['normal', 'strict']) {
    test(`${what} refuses everything until a restart, ${durability}`, async (t) => {
      const machine = new Machine(t);
      const shop = await crashShop(t, { machine, durability });
      const token = await shop.mint('agent', wide);
      assert.equal((await shop.buy(token, 'agent', 'dear')).status, 200);
      let stopped = false;
      const load = shop.load(4, () => stopped, async () => {
        const answer = await shop.buy(token, 'agent', pick(Object.keys(COSTS)));
        if (answer.status === 503) stopped = true;
        return answer;
      });
      await sleep(50);
      machine.fails(fault);
      await load;
      await closesAndRecovers(shop, machine, token);
    });
  }
}

test('a record that can not be written refuses everything, and a restart recovers', async (t) => {
  // Writes fail as on a full disk: no file may grow beyond one byte.
  const { api, gateway } = await httpShop(t, {}, { shell: 'trap "" XFSZ; exec "$@"' });
  const token = await gateway.token('agent', '--total-limit', '100');
  const search = () => call(`${gateway.url}/api/search`, { headers: bearer(token) });
  assert.equal((await search()).status, 200);
  const limited = await run('prlimit', ['--pid', `${gateway.child.process.pid}`, '--fsize=1:']);
  assert.equal(limited.code, 0, limited.said);
  for (let i = 0; i < 5; i++) {
    const refused = await search();
    assert.equal(refused.status, 503, refused.text);
    assert.equal(refused.json.error, 'ledger_unavailable');
    assert.equal(refused.headers['x-should-retry'], 'false');
  }
  assert.notEqual((await call(`${gateway.url}/readyz`)).status, 200, 'not ready');
  assert.ok((await api.stats()).calls <= 2);
  await gateway.kill9();
  await gateway.start();
  assert.equal((await search()).status, 200);
  const spent = await gateway.spent('agent');
  assert.ok(spent >= 2 * (await api.stats()).calls && spent <= 100, `${spent}`);
});

test('strict: no answer ends before its record is on disk', async (t) => {
  const machine = new Machine(t);
  const shop = await crashShop(t, { machine, durability: 'strict' });
  const token = await shop.mint('agent', wide);
  const slow = shop.buy(token, 'agent', 'odd', '?slow=400');
  await eventually('it is under way', async () => (await shop.api.stats()).calls === 1);
  machine.fails({ sync: ERRNO.EIO });
  const answer = await slow;
  assert.ok(answer.status !== 200 || !answer.complete, 'served, but the record is not on disk');
  machine.mends();
  await shop.gateway.stop();
  await shop.gateway.start();
  await shop.checkMoney();
  assert.ok(await shop.gateway.spent('agent') >= COSTS.odd / 1e9);
});

test('a read-only file system is an error at the start that names it', async (t) => {
  const machine = new Machine(t);
  const shop = await crashShop(t, { machine });
  await shop.gateway.stop();
  machine.fails({ write: ERRNO.EROFS, open: ERRNO.EROFS });
  const refused = await startFails(shop.gateway);
  assert.match(refused, /Read-only file system/);
  assert.ok(refused.includes(shop.gateway.data), refused);
  machine.mends();
  await shop.gateway.start();
});

// Starts it and returns what it says when it ends, as it must.
async function startFails(gateway, data = gateway.data) {
  const env = { ...gateway.env(), SATGATE_DATA_DIR: data };
  const result = await run(satgate, ['gateway', 'start', '--config', gateway.file], { env });
  assert.equal(result.code, 1, `it started:\n${result.said}`);
  return result.stderr;
}

test('two gateways on one data directory: the second is refused by name', async (t) => {
  const shop = await crashShop(t);
  const token = await shop.mint('agent', wide);
  const refused = await startFails(shop.gateway);
  assert.ok(refused.includes(`${shop.gateway.data} is in use by process ` +
    `${shop.gateway.child.process.pid}`), refused);
  assert.equal((await shop.buy(token, 'agent', 'odd')).status, 200, 'the first goes on');
  await shop.gateway.kill9();
  await shop.gateway.start(); // a lock dies with its process
  await shop.checkMoney();
});

// A gateway that was killed with calls in its journal, and copies of its data directory.
async function killed(t) {
  const shop = await crashShop(t);
  const token = await shop.mint('agent', wide);
  await together(4, async () => {
    for (let i = 0; i < 5; i++) await shop.buy(token, 'agent', pick(Object.keys(COSTS)));
  });
  await shop.gateway.kill9();
  const original = `${shop.gateway.data}.original`;
  cpSync(shop.gateway.data, original, { recursive: true });
  const restore = () => {
    rmSync(shop.gateway.data, { recursive: true });
    cpSync(original, shop.gateway.data, { recursive: true });
  };
  const segment = path.join(shop.gateway.data, 'journal/00000001.sgj');
  return { shop, restore, segment };
}

test('a torn last record is dropped, and what it held is charged', async (t) => {
  const { shop, restore, segment } = await killed(t);
  const whole = usedBytes(segment);
  for (const cut of [1, 5, 40]) {
    restore();
    spill(segment, whole.subarray(0, whole.length - cut));
    await shop.gateway.start();
    await shop.gateway.says(/a last record of \d+ bytes was torn and dropped/);
    await shop.checkMoney();
    assert.equal((await shop.gateway.cli('audit', 'verify')).code, 0);
    await shop.gateway.stop();
  }
});

test('a flipped bit anywhere in the journal stops the start, and is named', async (t) => {
  const { shop, restore, segment } = await killed(t);
  const whole = usedBytes(segment);
  for (let flip = 0; flip < FLIPS; flip++) {
    const at = Math.floor(Math.random() * whole.length);
    const bytes = Buffer.from(whole);
    bytes[at] ^= 1 << Math.floor(Math.random() * 8);
    restore();
    spill(segment, bytes);
    const refused = await startFails(shop.gateway);
    assert.match(refused, /the journal is damaged: \S+00000001\.sgj, record \d+ at byte \d+: /,
      `byte ${at}`);
    assert.match(refused, /restore the data directory from a backup/);
  }
  restore();
  await shop.gateway.start();
  await shop.checkMoney();
});

test('a journal that was cut short, emptied or lost stops the start', async (t) => {
  const { shop, restore, segment } = await killed(t);
  await shop.gateway.start();
  await shop.gateway.stop(); // now all of it is known to have been on disk
  const closed = `${shop.gateway.data}.closed`;
  cpSync(shop.gateway.data, closed, { recursive: true });
  const whole = usedBytes(segment);
  const harms = {
    'in the middle': () => truncateSync(segment, Math.floor(whole.length / 2)),
    'by one byte': () => truncateSync(segment, whole.length - 1),
    'to nothing': () => truncateSync(segment, 0),
    'to zeros': () => spill(segment, Buffer.alloc(whole.length)),
    lost: () => rmSync(segment),
  };
  for (const [how, harm] of Object.entries(harms)) {
    rmSync(shop.gateway.data, { recursive: true });
    cpSync(closed, shop.gateway.data, { recursive: true });
    harm();
    const refused = await startFails(shop.gateway);
    assert.match(refused, /journal/, how);
    assert.match(refused, /backup/, how);
    assert.ok(refused.includes(path.dirname(segment)), `${how}: ${refused}`);
  }
  restore();
  assert.equal(readdirSync(path.dirname(segment)).length, 1);
  await shop.gateway.start();
  await shop.checkMoney();
});

test('a clock that jumps opens no window twice and ends no call twice', async (t) => {
  const machine = new Machine(t);
  const shop = await crashShop(t, { machine });
  const { gateway } = shop;
  const day = 86_400;
  // Noon, so that hours do not lead into another day whenever this test runs.
  const noon = day / 2 - (Math.floor(Date.now() / 1000) % day);
  machine.fails({ clock: noon });
  const token = await shop.mint('agent', wide, '--daily-limit', '4.000000002');
  const buyAll = async () => {
    let served = 0;
    while ((await shop.buy(token, 'agent', 'dear')).status === 200) served++;
    return served;
  };
  assert.equal(await buyAll(), 2);
  // Under way while the clock jumps past the time after which a hold is given up: charged once.
  machine.fails({ clock: noon + day });
  const slow = shop.buy(token, 'agent', 'dear', '?slow=2500');
  await eventually('it is under way', async () => (await shop.api.stats()).calls === 3);
  machine.fails({ clock: noon + day + 3_600 });
  assert.equal((await slow).status, 200);
  assert.equal(await buyAll(), 1, 'a new day, and one call of it was under way');
  assert.equal(nano(await gateway.spent('agent')), 4 * COSTS.dear);
  // Back: yesterday and the days before it are spent.
  for (const clock of [3_600, 0, -3 * day]) {
    machine.fails({ clock: noon + clock });
    assert.equal(await buyAll(), 0, `clock at noon and ${clock}`);
  }
  await gateway.kill9();
  await gateway.start();
  assert.equal(await buyAll(), 0, 'not after a restart either');
  machine.fails({ clock: noon + 2 * day });
  assert.equal(await buyAll(), 2, 'a day that was never begun');
  machine.fails({ clock: noon + 2 * day - 60 });
  assert.equal(await buyAll(), 0);
  assert.equal(nano(await gateway.spent('agent')), 6 * COSTS.dear);
  await shop.checkMoney();
  await shop.checkEvents();
});

test('a token ends by the clock, and a clock that is set back revives it for no new money',
  async (t) => {
    const machine = new Machine(t);
    const shop = await crashShop(t, { machine });
    const token = await shop.mint('agent', 2 * COSTS.dear, '--expires', '1h');
    assert.equal((await shop.buy(token, 'agent', 'dear')).status, 200);
    machine.fails({ clock: 3_601 });
    const late = await call(`${shop.gateway.url}/dear/agent`, { headers: bearer(token) });
    assert.equal(late.status, 401, late.text);
    machine.fails({ clock: 0 });
    assert.equal((await shop.buy(token, 'agent', 'dear')).status, 200);
    assert.equal((await shop.buy(token, 'agent', 'cheap')).status, 402);
    await shop.checkMoney();
  });
