// What was sold: shares of partners, reports of revenue, states of payments, the comparison with
// the node, refunds. The node is the development wallet; tests/lightning pays over real channels.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { ask, buy } from './buying.mjs';
import { bearer, call, eventually, startGateway, startUpstream } from './gateway.mjs';
import { modernCall } from './mcp_clients.mjs';
import { mcpShop } from './shops.mjs';

async function market(t, extra = {}) {
  const api = await startUpstream(t, 'api');
  const gateway = await startGateway(t, { config: {
    currency: { usdPerSat: 0.0006 },
    lightning: { provider: 'dev' },
    charge: { calls: 5 },
    upstreams: { api: { kind: 'http', url: api.url } },
    endpoints: {
      '/paid/maps': { cost: '$0.006', share: { acme: '20%', 'data-co': '33.3333%' } },
      '/paid/*': { cost: '$0.006' },
      '/api/*': { cost: 1 },
    },
    routes: [
      { name: 'shop', match: { pathPrefix: '/paid/' }, upstream: 'api', mode: 'charge' },
      { name: 'inside', match: { pathPrefix: '/api/' }, upstream: 'api', mode: 'control',
        share: { host: '10%' } },
    ],
    ...extra,
  } });
  return { gateway, url: (file) => `${gateway.url}${file}` };
}

async function use(url, headers, times = 1) {
  for (let i = 0; i < times; i++) {
    const answer = await call(url, { headers });
    assert.equal(answer.status, 200, answer.text);
  }
}

const listed = async (gateway, state) => gateway.json('lightning', 'invoices', '--state', state);

// All that was received is somewhere.
function assertWhole({ total, now }) {
  assert.equal(total.received_msat,
    total.earned_msat + total.refunded_msat + now.owed_msat + now.unused_msat);
}

test('partners get their share of each call, in the record and after a kill', async (t) => {
  const { gateway, url } = await market(t);
  const { headers } = await buy(gateway, url('/paid/maps'));
  await use(url('/paid/maps'), headers, 2);
  const token = await gateway.token('staff');
  await use(url('/api/search'), bearer(token));
  await use(url('/paid/maps'), bearer(token));
  const calls = (await gateway.events()).filter((one) => one.event === 'call' && one.cost > 0);
  assert.deepEqual(calls.map((one) => one.shares), [
    { acme: 0.0012, 'data-co': 0.001999998 },
    { acme: 0.0012, 'data-co': 0.001999998 },
    { host: 0.1 },
    { acme: 0.0012, 'data-co': 0.001999998 },
  ]);
  const month = calls[0].time.slice(0, 7);
  const expected = [
    { key: 'acme', month, calls: 3, share: 0.0036 },
    { key: 'data-co', month, calls: 3, share: 0.005999994 },
    { key: 'host', month, calls: 1, share: 0.1 },
  ];
  const report = () => gateway.json('report', 'revenue', '--by', 'partner');
  assert.deepEqual((await report()).rows, expected);
  await gateway.kill9();
  await gateway.start();
  assert.deepEqual((await report()).rows, expected, 'the journal knows them');
  await gateway.stop();
  assert.deepEqual((await report()).rows, expected, 'and the disk');
  const verdict = await gateway.cli('audit', 'verify');
  assert.equal(verdict.code, 0, verdict.said);
});

test('calls of tools have shares, too: of the tool, or of its server', async (t) => {
  const { gateway } = await mcpShop(t,
    { tools: { search_code: { cost: 0.03, share: { author: '50%' } } } });
  const token = await gateway.token('agent');
  const request = modernCall('search_code', {});
  const answer = await call(`${gateway.url}/mcp`,
    { ...request, headers: { ...request.headers, ...bearer(token) } });
  assert.equal(answer.status, 200, answer.text);
  const [event] = (await gateway.events()).filter((one) => one.tool === 'search_code');
  assert.deepEqual([event.cost, event.shares], [0.03, { author: 0.015 }]);
});

test('a share that makes no sense is told at its place', async (t) => {
  const route = (share) => ({ routes: [{ name: 'shop', match: { pathPrefix: '/paid/' },
    upstream: 'api', mode: 'charge', share }] });
  await assert.rejects(market(t, route({ acme: '60%', other: '40.0001%' })),
    /routes.shop.share: is more than 100% together/);
  await assert.rejects(market(t, route({ acme: 'half' })), /share.acme: must be a share/);
});

test('what was received is earned, owed, unused or refunded', async (t) => {
  const { gateway, url } = await market(t);
  const revenue = (by) => gateway.json('report', 'revenue', '--by', by);
  const first = await buy(gateway, url('/paid/one'));
  await use(url('/paid/one'), first.headers, 3);
  const second = await buy(gateway, url('/paid/one'));
  await use(url('/paid/two'), second.headers);
  const impostor = await gateway.token('paid-0000000000000000');
  await use(url('/paid/one'), bearer(impostor));
  const byRoute = await revenue('route');
  assert.deepEqual(byRoute.rows,
    [{ key: 'shop', calls: 4, earned: 0.024, earned_msat: 40_000 }]);
  assert.equal(byRoute.total.payments, 2);
  assert.equal(byRoute.total.received_msat, 100_000);
  assert.equal(byRoute.now.owed_msat, 60_000);
  assertWhole(byRoute);
  const byBuyer = await revenue('buyer');
  assert.deepEqual(byBuyer.rows.map((one) => one.calls), [3, 1]);
  assert.ok(byBuyer.rows.every((one) => one.key !== 'paid-0000000000000000'), 'no impostor');
  const byDay = await revenue('day');
  assert.equal(byDay.rows.reduce((sum, one) => sum + one.calls, 0), 4);
  assert.match(byDay.rows[0].key, /^\d{4}-\d\d-\d\d$/);
  const none = await gateway.json('report', 'revenue', '--until', '2020-01-01');
  assert.deepEqual(none.rows, []);
  assert.equal(none.total.received_msat, 0);
  await gateway.cli('token', 'revoke', byBuyer.rows[0].key);
  const closed = await revenue('route');
  assert.equal(closed.now.unused_msat, 20_000);
  assertWhole(closed);
  const shown = await gateway.cli('report', 'revenue');
  assert.match(shown.stdout, /received +100 sats in 2 payments/);
  const wrong = await gateway.adminApi('/api/v1/reports/revenue?by=moon');
  assert.equal(wrong.status, 400);
});

test('payments are listed with what became of them', async (t) => {
  const { gateway, url } = await market(t, { charge: { calls: 5, pool: 0 } });
  await ask(url('/paid/one'));
  await buy(gateway, url('/paid/one'));
  const used = await buy(gateway, url('/paid/one'));
  await use(url('/paid/one'), used.headers, 2);
  // Paid, and nobody has come with it: the gateway may not have been told yet.
  await gateway.cli('lightning', 'reconcile');
  assert.equal((await listed(gateway, 'open')).length, 1);
  assert.equal((await listed(gateway, 'paid')).length, 1);
  const [one] = await listed(gateway, 'used');
  assert.deepEqual([one.spent, one.credit, one.closed], [0.012, 0.03, false]);
  assert.equal((await gateway.json('lightning', 'invoices', '--paid')).length, 2);
  assert.equal((await gateway.json('lightning', 'invoices')).length, 3);
  const shown = await gateway.cli('lightning', 'invoices', '--state', 'used');
  assert.match(shown.stdout, /0\.012 of 0\.03/);
  assert.equal((await gateway.cli('lightning', 'invoices', '--state', 'lost')).code, 2);
});

test('the comparison with the node finds what differs', async (t) => {
  const { gateway, url } = await market(t, { charge: { calls: 5, pool: 0 } });
  const reconcile = async (...flags) => {
    const result = await gateway.cli('lightning', 'reconcile', '--json', ...flags);
    return { code: result.code, ...result.json() };
  };
  assert.equal((await reconcile()).code, 0);
  const used = await buy(gateway, url('/paid/one'));
  await use(url('/paid/one'), used.headers);
  await buy(gateway, url('/paid/two'));
  await ask(url('/paid/three'));
  const late = await reconcile();
  assert.ok(late.differences.every((one) => one.kind === 'not_noted'));
  const now = await reconcile();
  assert.equal(now.code, 0, JSON.stringify(now));
  assert.equal(now.asked, 3);
  assert.deepEqual(now.here, { payments: 2, msat: 100_000 });
  assert.deepEqual(now.node, now.here);
  const cut = await reconcile('--limit', '1');
  assert.deepEqual([cut.asked, cut.cut], [1, true]);
  // The node's own book, changed behind its back: one payment gone, one too small.
  await gateway.stop();
  const file = path.join(gateway.data, 'dev-wallet.settled');
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  assert.equal(lines.length, 2);
  writeFileSync(file, `${lines[1].replace(/\d+$/, '49000')}\n`);
  await gateway.start();
  const wrong = await reconcile();
  assert.equal(wrong.code, 1);
  assert.deepEqual(wrong.differences.map((one) => one.kind).sort(),
    ['not_settled', 'other_amount', 'underpaid']);
  assert.equal(wrong.node.msat, 49_000);
  assert.match((await gateway.cli('lightning', 'reconcile')).said, /do not agree/);
});

test('what came too short opens nothing, and is shown', async (t) => {
  const { gateway, url } = await market(t, { charge: { calls: 5, pool: 0 } });
  const { macaroon, invoice } = await ask(url('/paid/one'));
  const { preimage } = await gateway.json('lightning', 'pay', invoice);
  await gateway.stop();
  const file = path.join(gateway.data, 'dev-wallet.settled');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/ \d+$/m, ' 49000'));
  // As if the gateway had not been told of it before.
  await gateway.start();
  const [before] = await gateway.json('lightning', 'invoices');
  const headers = { authorization: `L402 ${macaroon}:${preimage}` };
  assert.equal((await call(url('/paid/one'), { headers })).status, 402);
  if (before.paid) return;
  const [one] = await listed(gateway, 'underpaid');
  assert.equal(one.received_msat, 49_000);
  assert.equal((await gateway.json('report', 'revenue')).now.owed_msat, 49_000);
});

// The development wallet pays invoices of its own: those of other offers play the buyer's.
test('what a buyer has not used goes back, once', async (t) => {
  const { gateway, url } = await market(t, { charge: { calls: 5, pool: 0 } });
  const { headers } = await buy(gateway, url('/paid/one'));
  await use(url('/paid/one'), headers, 1);
  const [{ token, payment_hash: hash }] = await listed(gateway, 'used');
  const refund = (what, invoice) => gateway.cli('lightning', 'refund', what, '--invoice', invoice,
    '--json');
  const large = await ask(url('/paid/one'));
  const much = await refund(token, large.invoice);
  assert.equal(much.code, 1);
  assert.match(much.said, /40 sats are left of this payment, and the invoice asks for 50 sats/);
  await use(url('/paid/one'), headers, 1);
  await use(url('/paid/one'), headers, 2);
  gateway.options.config.charge.calls = 1;
  await gateway.restart();
  const small = await ask(url('/paid/one'));
  const done = await refund(token, small.invoice);
  assert.equal(done.code, 0, done.said);
  assert.equal(done.json().state, 'paid');
  assert.equal(done.json().left_msat, 10_000);
  assert.equal(done.json().payment_hash, hash);
  const gone = await call(url('/paid/one'), { headers });
  assert.equal(gone.status, 401, gone.text);
  const other = await ask(url('/paid/two'));
  const again = await refund(hash, other.invoice);
  assert.equal(again.code, 1);
  assert.match(again.said, /10 sats of this payment went back already/);
  const [one] = await listed(gateway, 'refunded');
  assert.deepEqual([one.refund_msat, one.used_msat], [10_000, 40_000]);
  const events = (await gateway.events('&kind=refund'));
  assert.equal(events.length, 2);
  assert.match(events[1].detail, new RegExp(`^10 sats of payment ${hash} went back, to invoice`));
  const spend = await gateway.json('report', 'spend', '--by', 'agent');
  const revenue = await gateway.json('report', 'revenue', '--by', 'buyer');
  assert.equal(spend.rows.find((row) => row.key === token).spent, 0.024, 'no call cost it');
  assert.equal(revenue.total.refunded_msat, 10_000);
  assertWhole(revenue);
});

test('what was paid and never used goes back whole, and opens nothing any more', async (t) => {
  const { gateway, url } = await market(t, { charge: { calls: 1, pool: 0 } });
  const { invoice, headers } = await buy(gateway, url('/paid/one'));
  const hash = (await gateway.json('lightning', 'invoices'))[0].payment_hash;
  const target = await ask(url('/paid/two'));
  const own = await gateway.cli('lightning', 'refund', hash, '--invoice', invoice);
  assert.match(own.said, /this gateway's own, and is paid/);
  const foreign = await gateway.cli('lightning', 'refund', hash, '--invoice', 'lnbc1nonsense');
  assert.equal(foreign.code, 1);
  const unknown = await gateway.cli('lightning', 'refund', 'paid-1', '--invoice', target.invoice);
  assert.match(unknown.said, /no payment hash and no token/);
  await gateway.token('staff');
  const staff = await gateway.cli('lightning', 'refund', 'staff', '--invoice', target.invoice);
  assert.match(staff.said, /was not paid for/);
  const done = await gateway.json('lightning', 'refund', hash, '--invoice', target.invoice);
  assert.equal(done.state, 'paid');
  const late = await call(url('/paid/one'), { headers });
  assert.equal(late.status, 402, late.text);
  assert.match(late.json.message, /went back/);
  await gateway.restart();
  assert.equal((await call(url('/paid/one'), { headers })).status, 402);
});

test('a token in use is not refunded', async (t) => {
  const { gateway, url } = await market(t, { charge: { calls: 5, pool: 0 } });
  const { headers } = await buy(gateway, url('/paid/maps'));
  await use(url('/paid/maps'), headers, 4);
  const [{ token }] = await listed(gateway, 'used');
  gateway.options.config.charge.calls = 1;
  await gateway.restart();
  const target = await ask(url('/paid/two'));
  const slow = call(url('/paid/maps?slow=1500'), { headers });
  await eventually('the call to be held',
    async () => Number((await gateway.json('token', 'show', token)).held) > 0);
  const busy = await gateway.cli('lightning', 'refund', token, '--invoice', target.invoice);
  assert.equal(busy.code, 1);
  assert.match(busy.said, /in use right now/);
  assert.equal((await slow).status, 200);
});
