// The gateway buys for its agents: of another gateway that sells, and of sellers that lie. Both
// have a real node with a real channel.
import assert from 'node:assert/strict';
import test from 'node:test';
import * as ldk from 'lightningdevkit';
import { bearer, call, eventually, sleep, startGateway, startUpstream, tally, together } from
  '../e2e/gateway.mjs';
import { startCln } from './cln.mjs';
import { startLnd } from './lnd.mjs';
import { startNetwork } from './network.mjs';
import { LightningNode } from './node.mjs';
import { startSeller } from './sellers.mjs';

const network = await startNetwork();
test.after(() => network.stop());

const PRICE = 0.001;  // of a call of the buying gateway
const PAID = 0.006;   // 10 sats
const MAX = 0.02;     // of a purchase
const KILLS = Number(process.env.SATGATE_KILLS ?? 4);
const CODE = 'upstream_payment_failed';

const money = (amount) => Math.round(amount * 1e9) / 1e9;
const payments = () => network.buyer.payments().length;

// A gateway that buys of `shop`, with its own node.
async function buyer(t, shop, pay = {}, options = {}) {
  const lnd = await startLnd(network.buyer, { tls: false });
  t.after(() => lnd.down());
  const gateway = await startGateway(t, { config: {
    currency: { usdPerSat: 0.0006 },
    lightning: { provider: 'lnd', url: lnd.url, credential: lnd.macaroon, network: 'regtest' },
    upstreams: { shop: { kind: 'http', url: shop.url } },
    endpoints: { '/paid/*': { cost: `$${PRICE}` } },
    routes: [{ name: 'partner', match: { pathPrefix: '/paid/' }, upstream: 'shop',
      pay: { max: `$${MAX}`, ...pay }, ...options.route }],
    ...options.top,
  } });
  return { lnd, gateway, url: `${gateway.url}/paid/one`,
    purchases: () => gateway.json('lightning', 'purchases') };
}

// A gateway that sells, ten satoshis for so many calls.
async function seller(t, calls) {
  const cln = await startCln(network.seller);
  t.after(() => cln.down());
  const api = await startUpstream(t, 'api');
  return startGateway(t, { config: {
    currency: { usdPerSat: 0.0006 },
    lightning: { provider: 'cln', url: cln.url, credential: cln.rune, network: 'regtest' },
    charge: { calls, openInvoicesPerClient: 1000 },
    upstreams: { api: { kind: 'http', url: api.url } },
    endpoints: { '/paid/*': { cost: `$${money(PAID / calls)}` } },
    routes: [{ name: 'paid', match: { pathPrefix: '/paid/' }, upstream: 'api', mode: 'charge' }],
  } });
}

test('an agent without a wallet is served: bought once, used as often as it is good', async (t) => {
  const shop = await seller(t, 3);
  const { gateway, url, purchases } = await buyer(t, shop);
  const headers = bearer(await gateway.token('agent', '--total-limit', '1'));
  const before = payments();
  for (let i = 0; i < 4; i++) {
    const answer = await call(url, { headers });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.headers['www-authenticate'], undefined);
    assert.equal(answer.headers['x-cost-per-call'], i % 3 === 0 ? '0.007 USD' : '0.001 USD');
  }
  assert.equal(payments() - before, 2);
  assert.equal(await gateway.spent('agent'), money(4 * PRICE + 2 * PAID));
  const bought = await purchases();
  assert.equal(bought.length, 2);
  assert.deepEqual(bought.map((one) => [one.state, one.usable, one.token, one.upstream]),
    [['succeeded', true, 'agent', 'shop'], ['succeeded', false, 'agent', 'shop']]);
  const secrets = network.buyer.payments().map((one) => one.preimage);
  const told = JSON.stringify([bought, await gateway.events()]);
  for (const secret of secrets) assert.ok(!told.includes(secret), 'a preimage is nobody\'s to see');
  const events = (await gateway.events()).filter((one) => /bought of shop/.test(one.detail ?? ''));
  assert.equal(events.length, 2);
  assert.match(events[0].detail, /for 10 sats and a fee of 0, payment [0-9a-f]{64}$/);
  const report = await gateway.json('report', 'spend', '--by', 'agent');
  assert.ok(JSON.stringify(report).includes(`${money(4 * PRICE + 2 * PAID)}`));
});

test('the body of a request is sent again, whole', async (t) => {
  const shop = await startSeller(t, network.seller);
  const { gateway, url } = await buyer(t, shop);
  const headers = bearer(await gateway.token('agent', '--total-limit', '1'));
  const large = 'x'.repeat(3_000_000);
  for (const body of [{ question: 'how much?' }, large]) {
    shop.requests.length = 0;
    const answer = await call(url, { method: 'POST', headers, body });
    assert.equal(answer.status, 200, answer.text);
    const sent = typeof body === 'string' ? body : JSON.stringify(body);
    assert.deepEqual(shop.requests.map((one) => one.body === sent), shop.requests.map(() => true));
    assert.ok(shop.requests.length >= 2);
  }
});

test('by the Payment scheme alone', async (t) => {
  const shop = await startSeller(t, network.seller, { scheme: 'Payment' });
  const { gateway, url } = await buyer(t, shop);
  const headers = bearer(await gateway.token('agent', '--total-limit', '1'));
  for (let i = 1; i <= 2; i++) {
    const before = payments();
    assert.equal((await call(url, { headers })).status, 200);
    assert.equal(payments() - before, 1, 'each is good for one call');
    assert.equal(shop.requests.length, 2 * i, 'and is not tried twice');
  }
});

test('what one token has bought is not for another, unless it says so', async (t) => {
  for (const shared of [false, true]) {
    const shop = await startSeller(t, network.seller, { calls: 10 });
    const { gateway, url } = await buyer(t, shop, { shared, reuse: 'route' });
    const before = payments();
    for (const name of ['a', 'b']) {
      const headers = bearer(await gateway.token(name, '--total-limit', '1'));
      assert.equal((await call(url, { headers })).status, 200);
      assert.equal((await call(`${gateway.url}/paid/two`, { headers })).status, 200);
    }
    assert.equal(payments() - before, shared ? 1 : 2);
  }
});

for (const [calls, wanted] of [[1, 64], [16, 4]]) {
  test(`64 agents at once, ${calls} calls a payment: ${wanted} payments`, async (t) => {
    const shop = await seller(t, calls);
    const { gateway, url } = await buyer(t, shop);
    const token = await gateway.token('agent', '--total-limit', '10');
    const before = payments();
    const answers = await together(64, () => call(url, { headers: bearer(token) }));
    assert.deepEqual(tally(answers, (one) => one.status), { 200: 64 });
    const made = payments() - before;
    t.diagnostic(`${made} payments`);
    assert.equal(made, wanted);
    assert.equal(await gateway.spent('agent'), money(64 * PRICE + made * PAID));
  });
}

test('no cap is passed, and what does not fit is refused before it is sent', async (t) => {
  const shop = await startSeller(t, network.seller);
  const { gateway, url } = await buyer(t, shop);
  const headers = bearer(await gateway.token('agent', '--total-limit', '0.0209'));
  const answer = await call(url, { headers });
  assert.equal(answer.status, 402, answer.text);
  assert.equal(answer.json.error, 'request_exceeds_budget');
  assert.equal(answer.json.required_credits, PRICE + MAX);
  assert.equal(shop.requests.length, 0);

  const tight = bearer(await gateway.token('tight', '--total-limit', '0.1'));
  const answers = [];
  for (let i = 0; i < 4; i++) {
    answers.push(...await together(32, () => call(url, { headers: tight })));
    assert.ok(await gateway.spent('tight') <= 0.1);
  }
  const served = answers.filter((one) => one.status === 200).length;
  assert.ok(served > 0);
  assert.ok(answers.every((one) => [200, 402].includes(one.status)));
  assert.equal(await gateway.spent('tight'), money(served * (PRICE + PAID)));
});

test('nothing is paid that is no bargain, and nothing charged', async (t) => {
  const shop = await startSeller(t, network.seller);
  const { gateway, url, purchases } = await buyer(t, shop);
  const headers = bearer(await gateway.token('agent', '--total-limit', '1'));
  const before = payments();
  const old = network.seller.createInvoice({ amountMsat: 10_000, expirySeconds: 3 }).bolt11;
  const mainnet = new LightningNode('mainnet', () => {}, ldk.Network.LDKNetwork_Bitcoin)
    .createInvoice({ amountMsat: 10_000 }).bolt11;
  for (const [terms, why] of [
    [{ amountMsat: 34_000 }, /asks for 34 sats, and this route pays up to 33.333/],
    [{ amountMsat: 5_000_000_000 }, /asks for 5000000 sats/],
    [{ invoice: old }, /has expired/],
    [{ invoice: mainnet }, /is of mainnet/],
    [{ invoice: 'lnbcrt100n1nonsense' }, /can not be read/],
  ]) {
    shop.terms = terms;
    const answer = await call(url, { headers });
    assert.equal(answer.status, 502, answer.text);
    assert.equal(answer.json.error, CODE);
    assert.equal(answer.headers['www-authenticate'], undefined);
    assert.match(answer.json.message, why);
  }
  assert.equal(payments(), before);
  assert.deepEqual(await purchases(), []);
  assert.equal(await gateway.spent('agent'), 0);
  // A challenge in the agent's own request is nobody's.
  const forged = network.seller.createInvoice({ amountMsat: 10_000 }).bolt11;
  shop.terms = { invoice: 'lnbcrt100n1nonsense' };
  await call(url, { headers: { ...headers, 'www-authenticate':
    `L402 macaroon="AAAA", invoice="${forged}"` } });
  assert.equal(payments(), before);
});

test('who takes the payment and asks again is not paid again', async (t) => {
  const shop = await startSeller(t, network.seller, { greedy: true });
  const { gateway, url } = await buyer(t, shop);
  const token = await gateway.token('agent', '--total-limit', '1');
  const before = payments();
  const answers = await together(20, () => call(url, { headers: bearer(token) }));
  for (const answer of answers) {
    assert.equal(answer.status, 502, answer.text);
    assert.equal(answer.json.error, CODE);
  }
  assert.equal((await call(url, { headers: bearer(token) })).status, 502);
  assert.equal(payments() - before, 1);
  assert.equal(await gateway.spent('agent'), PRICE + PAID);
});

test('a seller that says 401 to what is used up is paid anew', async (t) => {
  const shop = await startSeller(t, network.seller, { status: 401 });
  const { gateway, url } = await buyer(t, shop);
  const headers = bearer(await gateway.token('agent', '--total-limit', '1'));
  const before = payments();
  for (let i = 0; i < 3; i++) assert.equal((await call(url, { headers })).status, 200);
  assert.equal(payments() - before, 3);
});

test('killed while it pays: not paid twice, and what was paid is used', async (t) => {
  const shop = await startSeller(t, network.seller, { hold: true, calls: 2 });
  const { gateway, url, purchases } = await buyer(t, shop);
  const headers = bearer(await gateway.token('agent', '--total-limit', '1'));
  const before = payments();
  const cut = call(url, { headers });
  await eventually('the payment is under way', () => payments() > before);
  await gateway.kill9();
  assert.notEqual((await cut).status, 200);
  await gateway.start();
  assert.equal(await gateway.spent('agent'), money(PRICE + MAX), 'what it held is charged');
  const early = await call(url, { headers });
  assert.equal(early.status, 503, early.text);
  assert.equal(early.json.error, CODE);
  const [held] = shop.invoices.filter(({ hash }) => network.buyer.find(hash));
  network.seller.settle(held.hash);
  await eventually('it is paid', () => network.buyer.find(held.hash).state === 'succeeded');
  for (let i = 0; i < 2; i++) {
    const answer = await call(url, { headers });
    assert.equal(answer.status, 200, answer.text);
  }
  assert.equal(payments() - before, 1);
  assert.equal((await purchases())[0].state, 'succeeded');
  assert.equal(await gateway.spent('agent'), money(PRICE + MAX + 2 * PRICE));
});

test('an agent that goes away has bought, and its next call uses it', async (t) => {
  const shop = await startSeller(t, network.seller, { hold: true, calls: 2 });
  const { gateway, url, purchases } = await buyer(t, shop);
  const headers = bearer(await gateway.token('agent', '--total-limit', '1'));
  const before = payments();
  const gone = call(url, { headers, timeout: 400 });
  await eventually('the payment is under way', () => payments() > before);
  assert.equal((await gone).error, 'time-out');
  network.seller.settle(network.buyer.payments().at(-1).hash);
  await eventually('it is known', async () => (await purchases())[0].state === 'succeeded');
  await eventually('it is charged', async () => await gateway.spent('agent') === PRICE + PAID);
  assert.equal((await call(url, { headers })).status, 200);
  assert.equal(payments() - before, 1);
});

test('stopped while it pays: what was paid is used after the next start', async (t) => {
  const shop = await startSeller(t, network.seller, { hold: true, calls: 2 });
  const { gateway, url, purchases } = await buyer(t, shop, {}, { top: { limits: {
    drainTimeout: '1s' } } });
  const headers = bearer(await gateway.token('agent', '--total-limit', '1'));
  const before = payments();
  const cut = call(url, { headers });
  await eventually('the payment is under way', () => payments() > before);
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
  assert.notEqual((await cut).status, 200);
  network.seller.settle(network.buyer.payments().at(-1).hash);
  await gateway.start();
  assert.equal((await call(url, { headers })).status, 200);
  assert.equal(payments() - before, 1);
  assert.equal((await purchases())[0].state, 'succeeded');
  assert.equal(await gateway.spent('agent'), money(2 * PRICE + MAX));
});

test('killed under load: every payment is charged, none is made twice, none is lost', async (t) => {
  const shop = await startSeller(t, network.seller, { calls: 2 });
  const { gateway, purchases } = await buyer(t, shop);
  const headers = bearer(await gateway.token('agent', '--total-limit', '5'));
  const before = payments();
  let served = 0;
  for (let kill = 1; kill <= KILLS; kill++) {
    // Each on a path of its own: what a kill leaves unknown must not stop the next.
    const url = `${gateway.url}/paid/${kill}`;
    let stopped = false;
    const load = together(12, async () => {
      while (!stopped) {
        const answer = await call(url, { headers });
        if (answer.status === 200) served += 1;
      }
    });
    await sleep(150 + Math.random() * 300);
    stopped = true;
    await gateway.kill9();
    await load;
    await gateway.start();
    const spent = await gateway.spent('agent');
    assert.ok(spent <= 5);
    assert.ok(spent >= money(served * PRICE + (payments() - before) * PAID), 'nothing is free');
  }
  await eventually('all payments have ended',
    () => network.buyer.payments().every((one) => one.state !== 'pending'));
  for (let kill = 1; kill <= KILLS; kill++) await call(`${gateway.url}/paid/${kill}`, { headers });
  const made = network.buyer.payments().slice(before).filter((one) => one.state === 'succeeded');
  const known = (await purchases()).filter((one) => one.state === 'succeeded');
  assert.deepEqual(known.map((one) => one.payment_hash).sort(), made.map((one) => one.hash).sort());
  t.diagnostic(`${KILLS} kills, ${served} answers, ${shop.served} served, ${made.length} payments`);
  assert.ok(2 * made.length - shop.served <= 2 * KILLS, 'what was paid was used, but for the last');
  const verified = await gateway.cli('audit', 'verify');
  assert.equal(verified.code, 0, verified.said);
});

test('a node that does not say what became of it: charged, and used when known', async (t) => {
  const shop = await startSeller(t, network.seller, { calls: 2 });
  const { gateway, url, lnd } = await buyer(t, shop);
  const headers = bearer(await gateway.token('agent', '--total-limit', '1'));
  const before = payments();
  lnd.next({ cut: true, path: /router\/send/ });
  const answer = await call(url, { headers });
  assert.equal(answer.status, 503, answer.text);
  assert.equal(answer.json.error, CODE);
  assert.equal(await gateway.spent('agent'), money(PRICE + MAX));
  assert.equal((await call(url, { headers })).status, 200);
  assert.equal(payments() - before, 1);
});

test('while the node is away nothing is bought, and nothing charged', async (t) => {
  const shop = await startSeller(t, network.seller);
  const { gateway, url, lnd, purchases } = await buyer(t, shop);
  const headers = bearer(await gateway.token('agent', '--total-limit', '1'));
  await lnd.down();
  const answer = await call(url, { headers });
  assert.equal(answer.status, 503, answer.text);
  assert.equal(answer.json.error, CODE);
  assert.equal(await gateway.spent('agent'), 0);
  assert.deepEqual(await purchases(), []);
  await lnd.up();
  assert.equal((await call(url, { headers })).status, 200);
});

test('a day has a total, over all agents', async (t) => {
  const shop = await startSeller(t, network.seller);
  const { gateway, url } = await buyer(t, shop, { totalPerDay: '$0.02' });
  const statuses = [];
  for (const name of ['a', 'b', 'c', 'd']) {
    const headers = bearer(await gateway.token(name, '--total-limit', '1'));
    statuses.push((await call(url, { headers })).status);
  }
  assert.deepEqual(statuses, [200, 200, 200, 503]);
});

test('in observe, and without a token, nothing is bought', async (t) => {
  const shop = await startSeller(t, network.seller);
  const { gateway, url } = await buyer(t, shop, {}, { route: { mode: 'observe' } });
  const before = payments();
  const headers = bearer(await gateway.token('agent', '--total-limit', '1'));
  for (const options of [{}, { headers }]) {
    const answer = await call(url, options);
    assert.equal(answer.status, 402);
    assert.match(answer.headers['www-authenticate'], /^L402 macaroon=/);
  }
  assert.equal(payments(), before);
  const strict = await buyer(t, shop);
  assert.equal((await call(strict.url)).status, 401);
});
