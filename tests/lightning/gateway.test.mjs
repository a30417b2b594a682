// The gateway sells, real buyers pay over real channels: in front of LND-, Core Lightning-,
// phoenixd- and LNbits-shaped REST of an LDK node, and of an Electrum daemon as it is.
import assert from 'node:assert/strict';
import test from 'node:test';
import { sleep, startGateway, startUpstream, call } from '../e2e/gateway.mjs';
import { buyers } from './buyers.mjs';
import { startCln } from './cln.mjs';
import { hasElectrum, startElectrum } from './electrum.mjs';
import { startLnbits } from './lnbits.mjs';
import { startLnd } from './lnd.mjs';
import { startNetwork } from './network.mjs';
import { startPhoenixd } from './phoenixd.mjs';

const network = await startNetwork();
test.after(() => network.stop());

async function shop(t, lightning, extra = {}) {
  const api = await startUpstream(t, 'api');
  const gateway = await startGateway(t, { config: {
    currency: { usdPerSat: 0.0006 },
    lightning: { network: 'regtest', ...lightning },
    upstreams: { api: { kind: 'http', url: api.url } },
    endpoints: { '/paid/*': { cost: '$0.006' } },
    routes: [{ name: 'paid', match: { pathPrefix: '/paid/' }, upstream: 'api', mode: 'charge' }],
    ...extra,
  } });
  return { gateway, url: `${gateway.url}/paid/one` };
}

const NODES = {
  async lnd(t) {
    const server = await startLnd(network.seller, { tls: false });
    t.after(() => server.down());
    return { server, config: { provider: 'lnd', url: server.url, credential: server.macaroon } };
  },
  async cln(t) {
    const server = await startCln(network.seller);
    t.after(() => server.down());
    return { server, config: { provider: 'cln', url: server.url, credential: server.rune } };
  },
  async phoenixd(t) {
    const server = await startPhoenixd(network.seller);
    t.after(() => server.stop());
    return { server,
      config: { provider: 'phoenixd', url: server.url, credential: server.limitedPassword } };
  },
  async lnbits(t) {
    const server = await startLnbits(network.seller);
    t.after(() => server.stop());
    return { server,
      config: { provider: 'lnbits', url: server.url, credential: server.invoiceKey } };
  },
};

for (const [name, start] of Object.entries(NODES)) {
  test(`${name}: buyers that people run pay once, and are answered`, async (t) => {
    const { config } = await start(t);
    const { gateway, url } = await shop(t, config);
    const status = await gateway.json('lightning', 'status');
    assert.equal(status.reachable, true, JSON.stringify(status));
    for (const buyer of ['albyL402', 'alby402', 'l402']) {
      const wallet = buyers(network.buyer);
      const answer = await wallet[buyer](url);
      assert.equal(answer.status, 200, `${buyer}: ${answer.text}`);
      assert.equal(wallet.paid.length, 1, `${buyer} paid once`);
    }
    const paid = await gateway.json('lightning', 'invoices', '--paid');
    assert.equal(paid.length, 3);
    assert.deepEqual([...new Set(paid.map((one) => one.received_msat))], [10_000]);
  });
}

// Alby's fetchWithMpp reads it only where nothing stands before it; its fetch402 takes L402 then.
test('by the Payment scheme: mppx pays once, and gets a receipt', async (t) => {
  const { config } = await NODES.lnd(t);
  const { gateway, url } = await shop(t, config);
  const wallet = buyers(network.buyer);
  const answer = await wallet.mppx(url);
  assert.equal(answer.status, 200, answer.text);
  assert.equal(wallet.paid.length, 1);
  const receipt = JSON.parse(Buffer.from(answer.headers.get('payment-receipt'), 'base64url'));
  assert.equal(receipt.status, 'success');
  assert.equal(receipt.method, 'lightning');
  const [paid] = await gateway.json('lightning', 'invoices', '--paid');
  assert.equal(paid.payment_hash, receipt.reference);
});

test('a node that lies, is slow or away gives nothing away, and loses no payment', async (t) => {
  const { server, config } = await NODES.lnd(t);
  const { gateway, url } = await shop(t, config, { charge: { pool: 0 } });
  for (const fault of [{ amountMsat: 1000 }, { hash: true }, { foreign: true }, { status: 500 },
    { garbage: true }, { cut: true }]) {
    server.next({ ...fault, path: /invoices$/ });
    const answer = await call(url);
    assert.equal(answer.status, 503, `${JSON.stringify(fault)}: ${answer.text}`);
    assert.equal(answer.json.error, 'payment_unavailable');
    assert.equal(answer.headers['www-authenticate'], undefined);
  }
  const challenge = (await call(url)).headers['www-authenticate'];
  const [, macaroon, invoice] = /macaroon="([^"]+)", invoice="([^"]+)"/.exec(challenge);
  const { preimage } = await network.buyer.pay(invoice);
  const headers = { authorization: `L402 ${macaroon}:${preimage}` };
  // The node has told of it, and was asked: the next question is that of the buyer.
  while ((await gateway.json('lightning', 'invoices', '--paid')).length === 0) await sleep(20);
  await sleep(100);
  for (const fault of [{ status: 500 }, { garbage: true }]) {
    server.next({ ...fault, path: /invoice\// });
    assert.equal((await call(url, { headers })).status, 503, JSON.stringify(fault));
  }
  server.next({ settled: true, receivedMsat: 9_999, path: /invoice\// });
  server.next({ settled: true, receivedMsat: 9_999, path: /invoice\// });
  server.next({ settled: true, receivedMsat: 9_999, path: /invoice\// });
  server.next({ settled: true, receivedMsat: 9_999, path: /invoice\// });
  assert.equal((await call(url, { headers })).status, 402, 'too little came');
  await server.down();
  assert.equal((await call(url, { headers })).status, 503);
  await server.up();
  const answer = await call(url, { headers });
  assert.equal(answer.status, 200, answer.text);
});

test('a hundred buyers at once each get what they pay for', async (t) => {
  const { config } = await NODES.lnd(t);
  const { gateway, url } = await shop(t, config,
    { charge: { openInvoicesPerClient: 1000, pool: 100 } });
  const bought = await Promise.all(Array.from({ length: 100 }, async () => {
    const challenge = (await call(url)).headers['www-authenticate'];
    const [, macaroon, invoice] = /macaroon="([^"]+)", invoice="([^"]+)"/.exec(challenge);
    const { preimage } = await network.buyer.pay(invoice);
    const headers = { authorization: `L402 ${macaroon}:${preimage}` };
    const answers = await Promise.all([call(url, { headers }), call(url, { headers })]);
    return answers.map((one) => one.status).sort();
  }));
  for (const statuses of bought) assert.deepEqual(statuses, [200, 402]);
  const paid = await gateway.json('lightning', 'invoices', '--paid');
  assert.equal(paid.length, 100);
});

test('electrum, as it is: a challenge, a payment, an answer',
  { skip: !hasElectrum && 'electrum is not installed' }, async (t) => {
    const { seller, buyer, stop } = await startElectrum();
    t.after(() => stop());
    const { url } = await shop(t,
      { provider: 'electrum', url: seller.url, credential: `${seller.user}:${seller.password}` });
    const challenge = (await call(url)).headers['www-authenticate'];
    const [, macaroon, invoice] = /macaroon="([^"]+)", invoice="([^"]+)"/.exec(challenge);
    const { preimage } = await buyer.rpc('lnpay', { invoice });
    const answer = await call(url, { headers: { authorization: `L402 ${macaroon}:${preimage}` } });
    assert.equal(answer.status, 200, answer.text);
  });
