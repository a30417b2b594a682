// The gateway sells through a wallet that is reached by Nostr Wallet Connect, over relays that do
// what they should, and what they should not.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { ask } from '../e2e/buying.mjs';
import { atEnd, call, freePort, scratch, startGateway, startUpstream } from '../e2e/gateway.mjs';
import { startNetwork } from './network.mjs';
import { startRelay, startWallet } from './nwc.mjs';

const network = await startNetwork();
test.after(() => network.stop());

async function shop(t, { wallet: options, relays = (relay) => [relay.url], lightning = () => ({}),
  charge = { pool: 0 } } = {}) {
  const relay = await startRelay();
  atEnd(t, () => relay.down());
  const wallet = await startWallet(network.seller, relay,
    { ...options, relays: relays(relay) });
  atEnd(t, () => wallet.stop());
  const api = await startUpstream(t, 'api');
  const gateway = await startGateway(t, { config: {
    currency: { usdPerSat: 0.0006 },
    lightning: { provider: 'nwc', network: 'regtest', credential: wallet.uri,
      ...lightning(relay) },
    charge,
    upstreams: { api: { kind: 'http', url: api.url } },
    endpoints: { '/paid/*': { cost: '$0.006' } },
    routes: [{ name: 'paid', match: { pathPrefix: '/paid/' }, upstream: 'api', mode: 'charge' }],
  } });
  return { relay, wallet, gateway, url: `${gateway.url}/paid/one` };
}

async function pay(url) {
  const { macaroon, invoice } = await ask(url);
  const { preimage } = await network.buyer.pay(invoice);
  return { headers: { authorization: `L402 ${macaroon}:${preimage}` } };
}

for (const [encryption, marked] of [['nip04 nip44_v2', 'nip44_v2'], ['nip44_v2', 'nip44_v2'],
  ['nip04', undefined], [null, undefined]]) {
  test(`a wallet that speaks ${encryption ?? 'as before there was a choice'}`, async (t) => {
    const { relay, gateway, url } = await shop(t, { wallet: { encryption } });
    const status = await gateway.json('lightning', 'status');
    assert.equal(status.node, 'seller', JSON.stringify(status));
    const paid = await pay(url);
    const answer = await call(url, paid);
    assert.equal(answer.status, 200, answer.text);
    assert.equal((await call(url, paid)).status, 402, 'one payment buys one call');
    const [invoice] = await gateway.json('lightning', 'invoices', '--paid');
    assert.equal(invoice.received_msat, 10_000);
    for (const request of relay.requests) {
      const tags = Object.fromEntries(request.tags);
      assert.equal(tags.encryption, marked);
      assert.equal(request.content.includes('?iv='), marked === undefined);
      assert.ok(Number(tags.expiration) > request.created_at);
    }
  });
}

test('what a wallet lies about is not sold, and not given away', async (t) => {
  const { wallet, url } = await shop(t);
  for (const fault of [{ amountMsat: 1000 }, { hash: true }, { foreign: true }]) {
    wallet.next(fault);
    const answer = await call(url);
    assert.equal(answer.status, 503, `${JSON.stringify(fault)}: ${answer.text}`);
    assert.equal(answer.json.error, 'payment_unavailable');
  }
  const paid = await pay(url);
  wallet.always({ missing: true });
  assert.equal((await call(url, paid)).status, 402);
  wallet.always({ receivedMsat: 9_999 });
  assert.equal((await call(url, paid)).status, 402, 'too little came');
  wallet.always(undefined);
  assert.equal((await call(url, paid)).status, 200);
});

test('a relay that forges, cuts or refuses: no invoice of others, no payment lost', async (t) => {
  const { relay, url } = await shop(t);
  relay.fault = 'forge';
  await call(url);  // so that there is an earlier answer
  const paid = await pay(url);
  for (const fault of ['cut', 'refuse', 'garbage', 'huge']) {
    relay.fault = fault;
    assert.equal((await call(url)).status, 503, fault);
    assert.equal((await call(url, paid)).status, 503, fault);
  }
  relay.fault = 'forge';
  const answer = await call(url, paid);
  assert.equal(answer.status, 200, answer.text);
  await relay.down();
  assert.equal((await call(url)).status, 503);
});

test('a relay or a wallet that is silent: 503 in time, and the next one is answered', async (t) => {
  const { relay, url } = await shop(t);
  const paid = await pay(url);
  for (const fault of ['silent', 'deaf']) {
    relay.fault = fault;
    const start = Date.now();
    assert.equal((await call(url, paid)).status, 503, fault);
    assert.ok(Date.now() - start < 17_000, fault);
  }
  relay.fault = undefined;
  assert.equal((await call(url, paid)).status, 200);
});

test('of several relays one that answers is found', async (t) => {
  const nobody = `ws://127.0.0.1:${await freePort()}`;
  const { relay, url } = await shop(t, { relays: (one) => [nobody, one.url] });
  assert.equal((await call(url)).status, 402);
  assert.equal(relay.connections, 2, 'the wallet and the gateway');
});

test('over TLS, to a relay whose certificate is known', async (t) => {
  const ca = path.join(scratch(t), 'relay.pem');
  const relays = (relay) => [relay.wss];
  const { url } = await shop(t, { relays, lightning: (relay) => {
    fs.writeFileSync(ca, relay.ca);
    return { caFile: ca };
  } });
  assert.equal((await call(url, await pay(url))).status, 200);
  const stranger = await shop(t, { relays });
  assert.equal((await call(stranger.url)).status, 503, 'a certificate that nobody vouches for');
});

test('a hundred buyers at once each get what they pay for', async (t) => {
  const { gateway, url } = await shop(t, { charge: { openInvoicesPerClient: 1000, pool: 100 } });
  const statuses = await Promise.all(Array.from({ length: 100 }, async () =>
    (await call(url, await pay(url))).status));
  assert.deepEqual(statuses, Array(100).fill(200));
  assert.equal((await gateway.json('lightning', 'invoices', '--paid')).length, 100);
});

test('a credential that is none is named at the start, without its text', async (t) => {
  const secret = 'ab'.repeat(31);
  await assert.rejects(startGateway(t, { config: {
    currency: { usdPerSat: 0.0006 },
    lightning: { provider: 'nwc',
      credential: `nostr+walletconnect://${'cd'.repeat(32)}?relay=wss://r&secret=${secret}` },
  } }), (error) => /lightning\.credential/.test(error.message) && !error.message.includes(secret));
});
