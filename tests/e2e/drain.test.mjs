// A stop: every loop has the same `limits.drainTimeout`, at the same time.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearer, call, eventually } from './gateway.mjs';
import { httpShop } from './shops.mjs';

const LOOPS = 4;
const CALLS = 32; // each on a connection of its own, so that every loop has some
const DRAIN_MS = 2000;
const SLOW_MS = 7000; // longer than three loops one after the other

test('the loops drain together: calls without end hold up a stop once', async (t) => {
  const config = { limits: { drainTimeout: `${DRAIN_MS / 1000}s` } };
  const { api, gateway } = await httpShop(t, { config }, { server: { threads: LOOPS } });
  const token = await gateway.token('slow');
  const calls = Array.from({ length: CALLS }, () =>
    call(`${gateway.url}/api/search?slow=${SLOW_MS}`, { headers: bearer(token) }));
  await eventually('all calls are under way', async () => (await api.stats()).calls === CALLS);
  const begun = Date.now();
  const status = await gateway.stop();
  const took = Date.now() - begun;
  assert.equal(status.code, 0, gateway.child.log);
  assert.ok(took >= DRAIN_MS - 100, `they have had their time: ${took} ms`);
  assert.ok(took < 2 * DRAIN_MS, `one after the other: ${took} ms`);
  for (const one of await Promise.all(calls)) assert.equal(one.complete, false);
});

test('a stop waits no longer than for the slowest call', async (t) => {
  const { api, gateway } = await httpShop(t, {}, { server: { threads: LOOPS } });
  const token = await gateway.token('slow');
  const calls = Array.from({ length: CALLS }, () =>
    call(`${gateway.url}/api/search?slow=1500`, { headers: bearer(token) }));
  await eventually('all calls are under way', async () => (await api.stats()).calls === CALLS);
  const begun = Date.now();
  const status = await gateway.stop();
  assert.equal(status.code, 0, gateway.child.log);
  assert.ok(Date.now() - begun < 4000, `${Date.now() - begun} ms`);
  for (const one of await Promise.all(calls)) assert.equal(one.status, 200);
});
