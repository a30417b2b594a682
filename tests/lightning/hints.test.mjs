// What was paid is known although no buyer comes back: nodes tell of it by themselves or by a
// webhook. What somebody else tells is worth nothing.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import test from 'node:test';
import { ask } from '../e2e/buying.mjs';
import { atEnd, call, freePort, sleep, startGateway, startUpstream } from '../e2e/gateway.mjs';
import { startCln } from './cln.mjs';
import { startLnbits } from './lnbits.mjs';
import { startLnd } from './lnd.mjs';
import { startNetwork } from './network.mjs';
import { startRelay, startWallet } from './nwc.mjs';
import { startPhoenixd } from './phoenixd.mjs';

const HOOK = '/.well-known/satgate/lightning';
const network = await startNetwork();
test.after(() => network.stop());

async function shop(t, lightning, port) {
  const api = await startUpstream(t, 'api');
  const gateway = await startGateway(t, { port, config: {
    currency: { usdPerSat: 0.0006 },
    lightning: { network: 'regtest', ...lightning },
    charge: { pool: 0 },
    upstreams: { api: { kind: 'http', url: api.url } },
    endpoints: { '/paid/*': { cost: '$0.006' } },
    routes: [{ name: 'paid', match: { pathPrefix: '/paid/' }, upstream: 'api', mode: 'charge' }],
  } });
  return { gateway, url: `${gateway.url}/paid/one` };
}

const paidOf = (gateway) => gateway.json('lightning', 'invoices', '--paid');

async function becomesPaid(gateway, count = 1) {
  for (let i = 0; i < 100; ++i) {
    const paid = await paidOf(gateway);
    if (paid.length === count) return paid;
    await sleep(50);
  }
  throw new Error('nothing was noted as paid');
}

const TELLERS = {
  async lnd(t) {
    const server = await startLnd(network.seller, { tls: false });
    t.after(() => server.down());
    return { provider: 'lnd', url: server.url, credential: server.macaroon };
  },
  async cln(t) {
    const server = await startCln(network.seller);
    t.after(() => server.down());
    return { provider: 'cln', url: server.url, credential: server.rune };
  },
  async nwc(t) {
    const relay = await startRelay();
    atEnd(t, () => relay.down());
    const wallet = await startWallet(network.seller, relay);
    atEnd(t, () => wallet.stop());
    return { provider: 'nwc', credential: wallet.uri };
  },
  async 'nwc with NIP-04'(t) {
    const relay = await startRelay();
    atEnd(t, () => relay.down());
    const wallet = await startWallet(network.seller, relay, { encryption: 'nip04' });
    atEnd(t, () => wallet.stop());
    return { provider: 'nwc', credential: wallet.uri };
  },
};

for (const [name, start] of Object.entries(TELLERS)) {
  test(`${name} tells by itself`, async (t) => {
    const { gateway, url } = await shop(t, await start(t));
    await sleep(500);  // until it listens
    const { macaroon, invoice } = await ask(url);
    const { preimage } = await network.buyer.pay(invoice);
    const [paid] = await becomesPaid(gateway);
    assert.equal(paid.received_msat, 10_000);
    // The buyer comes at last, and gets once what was bought.
    const headers = { authorization: `L402 ${macaroon}:${preimage}` };
    assert.equal((await call(url, { headers })).status, 200);
    assert.equal((await call(url, { headers })).status, 402);
    assert.equal(paid.state, 'paid');
    const [used, ...more] = await paidOf(gateway);
    assert.deepEqual([used.state, used.paid, used.received_msat, more],
      ['used', paid.paid, paid.received_msat, []]);
  });
}

test('phoenixd tells by its signed webhook, and nobody else does', async (t) => {
  const hook = {};
  const server = await startPhoenixd(network.seller, { webhook: hook });
  t.after(() => server.stop());
  const { gateway, url } = await shop(t, { provider: 'phoenixd', url: server.url,
    credential: server.limitedPassword, webhook: { secret: server.webhookSecret } });
  const told = `${gateway.url}${HOOK}`;
  const { invoice } = await ask(url);
  const [open] = await gateway.json('lightning', 'invoices');
  const body = JSON.stringify({ type: 'payment_received', amountSat: 10,
    paymentHash: open.payment_hash });
  const post = (headers, text = body) => call(told, { method: 'POST', headers, body: text });
  const signed = (text) => ({ 'x-phoenix-signature':
    createHmac('sha256', server.webhookSecret).update(text).digest('hex') });
  assert.equal((await post({})).status, 401);
  assert.equal((await post({ 'x-phoenix-signature': 'ab'.repeat(32) })).status, 401);
  assert.equal((await post(signed('{}'), '{}')).status, 400);
  assert.equal((await call(told)).status, 405);
  // Signed, but it is not true: the node is asked.
  const before = server.calls.length;
  assert.equal((await post(signed(body))).status, 200);
  while (server.calls.length === before) await sleep(10);
  await sleep(100);
  assert.deepEqual(await paidOf(gateway), []);
  hook.url = told;
  await network.buyer.pay(invoice);
  assert.equal((await becomesPaid(gateway))[0].payment_hash, open.payment_hash);
});

test('LNbits and phoenixd are told with each invoice where to tell', async (t) => {
  const lnbits = await startLnbits(network.seller);
  t.after(() => lnbits.stop());
  const phoenixd = await startPhoenixd(network.seller);
  t.after(() => phoenixd.stop());
  for (const { webhook, ...node } of [
    { provider: 'lnbits', url: lnbits.url, credential: lnbits.invoiceKey, webhook: {} },
    { provider: 'phoenixd', url: phoenixd.url, credential: phoenixd.limitedPassword,
      webhook: { secret: phoenixd.webhookSecret } },
  ]) {
    const port = await freePort();
    const { gateway, url } = await shop(t,
      { ...node, webhook: { ...webhook, url: `http://127.0.0.1:${port}${HOOK}` } }, port);
    const { invoice } = await ask(url);
    // Of a payment that there is none of.
    const body = JSON.stringify({ payment_hash: 'ab'.repeat(32) });
    const stranger = await call(`${gateway.url}${HOOK}`, { method: 'POST', body });
    assert.equal(stranger.status, node.provider === 'lnbits' ? 200 : 401);
    assert.deepEqual(await paidOf(gateway), []);
    await network.buyer.pay(invoice);
    await becomesPaid(gateway);
  }
});

test('what was paid while the gateway was away is noted after its start', async (t) => {
  const { gateway, url } = await shop(t, await TELLERS.lnd(t));
  const { invoice } = await ask(url);
  await gateway.stop();
  await network.buyer.pay(invoice);
  await gateway.start();
  await becomesPaid(gateway);
});

test('without lightning.webhook there is nothing there', async (t) => {
  const { gateway } = await shop(t, await TELLERS.lnd(t));
  const answer = await call(`${gateway.url}${HOOK}`, { method: 'POST', body: '{}' });
  assert.equal(answer.status, 404);
});
