// Limits over calendar windows, changed while they are in use: what was used stays used, nothing is
// spent beyond a limit, and what was changed for a while is back by itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COSTS, crashShop, Machine, nano } from './crash_support.mjs';
import { bearer, call, eventually, sleep } from './gateway.mjs';
import { httpShop } from './shops.mjs';

const DAY = 86_400;
// Noon, so that hours do not lead into another day whenever this test runs.
const toNoon = () => DAY / 2 - (Math.floor(Date.now() / 1000) % DAY);

async function update(gateway, ...args) {
  const updated = await gateway.cli('token', 'update', ...args);
  assert.equal(updated.code, 0, updated.said);
}

async function serve(gateway, token, most = 50) {
  let served = 0;
  const search = () => call(`${gateway.url}/api/embed`, { headers: bearer(token) });
  while (served < most && (await search()).status === 200) served++;
  return served;
}

test('--daily-limit none takes a limit away, keeps what was used, and a new one counts it',
  async (t) => {
    const { gateway } = await httpShop(t);
    const token = await gateway.token('agent', '--daily-limit', '3', '--total-limit', '100');
    assert.equal(await serve(gateway, token), 3);
    await update(gateway, 'agent', '--daily-limit', 'none');
    const shown = await gateway.json('token', 'show', 'agent');
    assert.deepEqual(shown.limits, { total: 100 });
    assert.equal(await serve(gateway, token, 4), 4);
    await gateway.restart();
    assert.equal(await serve(gateway, token, 1), 1, 'also after a restart');
    await update(gateway, 'agent', '--daily-limit', '10');
    assert.equal(await serve(gateway, token), 2, '8 of the day were used');
    await update(gateway, 'agent', '--total-limit', 'none', '--daily-limit', '5');
    const over = await call(`${gateway.url}/api/embed`, { headers: bearer(token) });
    assert.equal(over.json.error, 'budget_exceeded');
    assert.equal(over.json.spent, 10);
    assert.equal(over.json.limit, 5);
    const events = await gateway.events('&subject=agent');
    assert.ok(events.some((event) => event.detail?.includes('"daily":"none"')));
    // A limit that was never there, and what is no limit.
    await update(gateway, 'agent', '--hourly-limit', 'none');
    for (const command of [['update', 'agent', '--daily-limit', 'no'],
      ['create', '--name', 'other', '--daily-limit', 'none']]) {
      assert.equal((await gateway.cli('token', ...command)).code, 2);
    }
  });

test('a budget gives up a limit, but not the last', async (t) => {
  const { gateway } = await httpShop(t);
  const budget = (...args) => gateway.cli('budget', ...args);
  assert.equal((await budget('create', '--name', 'team', '--daily', '2', '--total', '9')).code, 0);
  const token = await gateway.token('agent', '--budget', 'team');
  assert.equal(await serve(gateway, token), 2);
  assert.equal((await budget('update', '--name', 'team', '--daily', 'none')).code, 0);
  assert.equal(await serve(gateway, token), 7);
  const last = await budget('update', '--name', 'team', '--total', 'none');
  assert.equal(last.code, 1);
  assert.match(last.stderr, /at least one/);
});

test('a limit that is lifted for an hour is back by itself, also over a restart', async (t) => {
  const machine = new Machine(t);
  machine.fails({ clock: toNoon() });
  const { gateway } = await crashShop(t, { machine });
  const token = await gateway.token('agent', '--daily-limit', '6.000000003');
  const buyAll = async (most = 9) => {
    let served = 0;
    const buy = () => call(`${gateway.url}/dear/agent`, { headers: bearer(token) });
    while (served < most && (await buy()).status === 200) served++;
    return served;
  };
  assert.equal(await buyAll(), 3);
  await update(gateway, 'agent', '--daily-limit', 'none', '--expires', '1h');
  assert.match((await gateway.cli('token', 'show', 'agent')).stdout, /no limit a day/);
  assert.equal(await buyAll(2), 2);
  await gateway.kill9();
  await gateway.start();
  assert.equal(await buyAll(2), 2, 'lifted still');
  machine.fails({ clock: toNoon() + 3_601 });
  assert.equal(await buyAll(), 0);
  await gateway.restart();
  assert.equal(await buyAll(), 0);
  assert.deepEqual((await gateway.json('token', 'show', 'agent')).limits, { daily: 6.000000003 });
  machine.fails({ clock: toNoon() + DAY });
  assert.equal(await buyAll(), 3, 'a new day');
  assert.equal(nano(await gateway.spent('agent')), 10 * COSTS.dear);
});

test('limits raised and lowered under load: never more is served than the highest one allows',
  async (t) => {
    const { api, gateway } = await httpShop(t);
    const token = await gateway.token('agent', '--daily-limit', '10');
    let stopped = false;
    const clients = Array.from({ length: 8 }, async () => {
      while (!stopped) {
        await call(`${gateway.url}/api/embed?slow=10`, { headers: bearer(token) });
      }
    });
    const served = async () => (await api.stats()).calls;
    let highest = 10;
    for (const limit of [40, 20, 60, 55, 80]) {
      highest = Math.max(highest, limit);
      await update(gateway, 'agent', '--daily-limit', `${limit}`);
      await eventually(`up to ${highest}`, async () => (await served()) === highest);
      await sleep(50);
      assert.equal(await served(), highest);
    }
    // Lowered in the middle: what is in flight ends, and nothing new begins.
    await update(gateway, 'agent', '--daily-limit', '1000');
    await sleep(100);
    await update(gateway, 'agent', '--daily-limit', '1');
    const after = await served();
    await sleep(200);
    const settled = await served();
    assert.ok(settled - after <= 8, `${settled - after} calls after the limit was lowered`);
    await sleep(200);
    assert.equal(await served(), settled);
    stopped = true;
    await Promise.all(clients);
    assert.equal(await gateway.spent('agent'), settled);
  });

const secondsAhead = (instant) => Math.round((Date.parse(instant) - Date.now()) / 1000);

// A gateway in a time zone at an instant, and a daily limit of three calls.
async function zoneShop(t, timezone, instant) {
  const machine = new Machine(t);
  machine.fails({ clock: secondsAhead(instant) });
  const shop = await crashShop(t, { machine });
  const { gateway } = shop;
  const move = (to) => machine.fails({ clock: secondsAhead(to) });
  const inZone = async (name) => {
    gateway.options.config.timezone = name;
    await gateway.start();
  };
  await gateway.stop();
  await inZone(timezone);
  const token = await gateway.token('agent', '--daily-limit', '6.000000003');
  const buy = () => call(`${gateway.url}/dear/agent`, { headers: bearer(token) });
  const buyAll = async () => {
    let served = 0;
    for (;;) {
      const answer = await buy();
      if (answer.status !== 200) return { served, refused: answer.json };
      served++;
    }
  };
  return { gateway, move, inZone, buyAll };
}

test('a day ends at midnight of the configured zone, and resets_at is exact', async (t) => {
  const { gateway, move, buyAll } = await zoneShop(t, 'Asia/Kathmandu', '2026-04-09T18:14:30Z');
  const first = await buyAll();
  assert.equal(first.served, 3);
  assert.equal(first.refused.error, 'budget_exceeded');
  assert.equal(first.refused.resets_at, '2026-04-09T18:15:00Z');
  const status = await (await gateway.adminApi('/api/v1/status')).json();
  assert.equal(status.timezone, 'Asia/Kathmandu');
  move('2026-04-09T18:15:01Z');
  const next = await buyAll();
  assert.equal(next.served, 3);
  assert.equal(next.refused.resets_at, '2026-04-10T18:15:00Z');
  // The clock is set back over midnight: no day is opened again, not after a crash either.
  move('2026-04-09T18:00:00Z');
  assert.equal((await buyAll()).served, 0);
  await gateway.kill9();
  await gateway.start();
  assert.equal((await buyAll()).served, 0);
});

test('a day with a switch of the clocks is one day of 25 hours', async (t) => {
  const { move, buyAll } = await zoneShop(t, 'Europe/Berlin', '2026-10-24T22:00:05Z');
  const first = await buyAll();
  assert.equal(first.served, 3);
  assert.equal(first.refused.resets_at, '2026-10-25T23:00:00Z');
  move('2026-10-25T22:59:30Z');
  assert.equal((await buyAll()).served, 0);
  move('2026-10-25T23:00:01Z');
  assert.equal((await buyAll()).served, 3);
});

test('another zone after a crash: nothing of a running day is forgotten', async (t) => {
  const { gateway, move, inZone, buyAll } = await zoneShop(t, 'UTC', '2026-04-09T12:00:00Z');
  assert.equal((await buyAll()).served, 3);
  await gateway.kill9();
  await inZone('Europe/Berlin');
  await gateway.kill9(); // what was moved is in the journal
  await inZone('Europe/Berlin');
  for (const still of ['2026-04-09T12:30:00Z', '2026-04-09T22:30:00Z', '2026-04-10T00:30:00Z']) {
    move(still);
    const later = await buyAll();
    assert.equal(later.served, 0, still);
    assert.equal(later.refused.resets_at, '2026-04-10T22:00:00Z');
  }
  move('2026-04-10T22:00:01Z');
  assert.equal((await buyAll()).served, 3);
  await gateway.kill9();
  await inZone('UTC');
  move('2026-04-11T23:59:30Z');
  assert.equal((await buyAll()).served, 0);
  move('2026-04-12T00:00:01Z');
  assert.equal((await buyAll()).served, 3);
  assert.equal(nano(await gateway.spent('agent')), 9 * COSTS.dear);
  const verified = await gateway.cli('audit', 'verify');
  assert.equal(verified.code, 0, verified.said);
});

test('a zone changes by a restart alone, and an unknown one is a mistake', async (t) => {
  const { gateway } = await httpShop(t);
  const { config } = gateway.options;
  config.timezone = 'Europe/Berlin';
  config.endpoints['/api/search'].cost = '7 credits';
  gateway.writeConfig();
  gateway.child.kill('SIGHUP');
  await gateway.says(/timezone: .*restart the gateway/s);
  const token = await gateway.token('agent', '--total-limit', '100');
  const search = await call(`${gateway.url}/api/search`, { headers: bearer(token) });
  assert.equal(search.headers['x-cost-per-call'], '2.00 USD');
  config.timezone = 'Europe/Atlantis';
  gateway.writeConfig();
  const check = await gateway.cli('config', 'check', gateway.file);
  assert.equal(check.code, 1);
  assert.match(check.said, /line \d+: timezone: 'Europe\/Atlantis' is no time zone/);
});
