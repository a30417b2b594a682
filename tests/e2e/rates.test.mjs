// Rates: `rate_limit` of a token and `maxCallsPerHour` of the config. Exact however many call at
// once, and the refusal says to the second when to come back (CONTRACT.md, "Denials").
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearer, call, sleep, tally, together } from './gateway.mjs';
import { httpShop, mcpShop } from './shops.mjs';

// Away from the end of a window of so many seconds, so that a test stays in one.
async function earlyIn(seconds, needed) {
  const left = seconds * 1000 - (Date.now() % (seconds * 1000));
  if (left < needed) await sleep(left + 5);
}

test('a rate by the second is exact while many call at once, second after second', async (t) => {
  const { api, gateway } = await httpShop(t);
  const headers = bearer(await gateway.token('burst', '--rate-limit', '3/s'));
  const until = Date.now() + 2500;
  const answers = [];
  while (Date.now() < until) {
    answers.push(...await together(12, () => call(`${gateway.url}/api/embed`, { headers })));
    await sleep(30);
  }
  const events = (await gateway.events()).filter((event) => event.event === 'call');
  const allowed = events.filter((event) => event.decision === 'allow');
  const seconds = tally(allowed, (event) => event.time.slice(0, 19));
  assert.ok(Object.keys(seconds).length >= 3, JSON.stringify(seconds));
  assert.equal(Math.max(...Object.values(seconds)), 3);
  assert.equal((await api.stats()).calls, allowed.length);
  for (const refused of answers.filter((answer) => answer.status !== 200)) {
    assert.equal(refused.status, 429);
    assert.equal(refused.json.error, 'rate_limited');
    assert.equal(refused.headers['retry-after'], '1');
  }
});

test('who waits as long as it was told passes', async (t) => {
  const { gateway } = await httpShop(t);
  const headers = bearer(await gateway.token('patient', '--rate-limit', '1/s'));
  for (let turn = 0; turn < 3; turn++) {
    await call(`${gateway.url}/api/embed`, { headers });
    const refused = await call(`${gateway.url}/api/embed`, { headers });
    if (refused.status === 200) continue; // the second had ended in between
    await sleep(new Date(refused.json.resets_at) - Date.now() + 1);
    assert.equal((await call(`${gateway.url}/api/embed`, { headers })).status, 200);
  }
});

test('retry_after is the rest of the window, rounded up, and left out when long', async (t) => {
  const { gateway } = await httpShop(t);
  for (const [rate, seconds] of [['2/m', 60], ['2/h', 3600], ['2/d', 86400]]) {
    await earlyIn(seconds, 2000);
    const headers = bearer(await gateway.token(`each-${seconds}`, '--rate-limit', rate));
    const all = await together(6, () => call(`${gateway.url}/api/embed`, { headers }));
    assert.deepEqual(tally(all, (one) => one.status), { 200: 2, 429: 4 }, rate);
    const events = await gateway.events(`&subject=each-${seconds}&decision=deny`);
    for (const { json, headers: said } of all.filter((one) => one.status === 429)) {
      const { time } = events.find((event) => event.request_id === json.request_id);
      const left = (new Date(json.resets_at) - new Date(time)) / 1000;
      assert.equal(new Date(json.resets_at) % (seconds * 1000), 0, rate);
      assert.ok(left > 0 && left <= seconds, `${rate} ${left}`);
      const expected = Math.ceil(left) <= 60 ? Math.ceil(left) : undefined;
      assert.equal(json.retry_after_seconds, expected, rate);
      assert.equal(said['retry-after'], expected?.toString(), rate);
      assert.equal(json.limit, 2);
      assert.ok(json.spent <= 2);
    }
  }
});

test('a rate counts for everything delegated from it, and is not refreshed offline', async (t) => {
  const { gateway } = await httpShop(t);
  await earlyIn(60, 4000);
  const parent = await gateway.token('parent', '--rate-limit', '4/min');
  const tokens = [parent];
  for (const holder of ['a', 'b', 'c']) {
    tokens.push((await gateway.json('token', 'attenuate', parent, '--holder', holder,
      '--rate-limit', '100/s')).token);
  }
  const all = await together(16, (i) => call(`${gateway.url}/api/embed`,
    { headers: bearer(tokens[i % tokens.length]) }));
  assert.deepEqual(tally(all, (one) => one.status), { 200: 4, 429: 12 });
});

test('maxCallsPerHour of a tool is exact, for all tokens together', async (t) => {
  await earlyIn(3600, 5000);
  const { gateway } = await mcpShop(t, {
    tools: { search_code: { cost: 0, maxCallsPerHour: 5 } },
    config: { mcp: { denial: 'jsonrpc' } },
  });
  const tokens = [await gateway.token('one'), await gateway.token('two')];
  const body = { jsonrpc: '2.0', id: 1, method: 'tools/call',
    params: { name: 'search_code', arguments: { query: 'x' } } };
  const all = await together(20, (i) => call(`${gateway.url}/mcp`,
    { method: 'POST', headers: bearer(tokens[i % 2]), body }));
  const errors = all.filter((one) => one.json.error).map((one) => one.json.error);
  assert.equal(all.length - errors.length, 5);
  for (const error of errors) {
    assert.equal(error.code, -32004);
    assert.equal(error.data.error, 'rate_limited');
    assert.equal(new Date(error.data.resets_at) % 3_600_000, 0);
  }
});

test('what is no rate is refused before a token is made', async (t) => {
  const { gateway } = await httpShop(t);
  for (const rate of ['3', '3/ms', '0/s', '-1/s', '1.5/s', '3/S', '3/fortnight', '4294967296/s']) {
    const made = await gateway.cli('token', 'create', '--name', 'x', '--rate-limit', rate);
    assert.equal(made.code, 2, rate);
    assert.match(made.stderr, /rate_limit/, rate);
  }
});
