// The buyers against a seller of a few lines: they work, the network works, and which forms of a
// challenge each of them understands is as written down here.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import test from 'node:test';
import { importMacaroon, newMacaroon } from 'macaroon';
import { buyers } from './buyers.mjs';
import { startNetwork } from './network.mjs';

const network = await startNetwork();
test.after(() => network.stop());
const rootKey = randomBytes(32);

function macaroonFor(hash) {
  const identifier = Buffer.concat([Buffer.alloc(2), Buffer.from(hash, 'hex'), randomBytes(32)]);
  const made = newMacaroon({ version: 2, rootKey, identifier, location: 'shop' });
  made.addFirstPartyCaveat('services=shop:0');
  return Buffer.from(made.exportBinary()).toString('base64');
}

const L402 = (m, i) => `L402 macaroon="${m}", invoice="${i}"`;
const FORMS = {
  plain: (m, i) => [L402(m, i)],
  aperture: (m, i) => [L402(m, i).replace('L402', 'LSAT'), L402(m, i)],
  spec: (m, i) => [`L402 version="0", token="${m}", invoice="${i}"`],
  both: (m, i) => [`${L402(m, i)}, version="0", token="${m}"`],
  l402AndPayment: (m, i, p) => [L402(m, i), p],
  paymentAndL402: (m, i, p) => [p, L402(m, i)],
  payment: (m, i, p) => [p],
  bearerFirst: (m, i) => ['Bearer realm="shop"', L402(m, i)],
};

function payment(bolt11, hash) {
  const request = { amount: '10', currency: 'sat', methodDetails: { invoice: bolt11,
    network: 'regtest', paymentHash: hash } };
  return `Payment id="${hash.slice(0, 16)}", realm="shop", method="lightning", intent="charge", ` +
    `request="${Buffer.from(JSON.stringify(request)).toString('base64url')}", ` +
    `expires="${new Date(Date.now() + 600_000).toISOString()}"`;
}

// Whether one of the credentials proves a payment to this seller.
function proves(authorization) {
  const [, m, preimage] = /^(?:L402|LSAT) ([^:]+):([0-9a-f]{64})$/.exec(authorization ?? '') ?? [];
  const [, p] = /^Payment (.+)$/.exec(authorization ?? '') ?? [];
  const settled = (secret) => {
    const hash = createHash('sha256').update(Buffer.from(secret, 'hex')).digest('hex');
    return network.seller.lookup(hash)?.state === 'settled' ? hash : undefined;
  };
  if (p) {
    const { challenge, payload } = JSON.parse(Buffer.from(p, 'base64url'));
    const { methodDetails } = JSON.parse(Buffer.from(challenge.request, 'base64url'));
    return settled(payload.preimage) === methodDetails.paymentHash;
  }
  if (!m) return false;
  const token = importMacaroon(Buffer.from(m, 'base64'));
  token.verify(rootKey, () => null, []);
  return Buffer.from(token.identifier).subarray(2, 34).toString('hex') === settled(preimage);
}

const shop = http.createServer((request, response) => {
  if (proves(request.headers.authorization)) return response.end('the goods');
  const { bolt11, hash } = network.seller.createInvoice({ amountMsat: 10_000 });
  const form = FORMS[request.url.slice(1)];
  response.writeHead(402, { 'www-authenticate': form(macaroonFor(hash), bolt11,
    payment(bolt11, hash)), 'cache-control': 'no-store' });
  response.end('pay first');
});
shop.listen(0, '127.0.0.1');
await once(shop, 'listening');
test.after(() => { shop.closeAllConnections(); shop.close(); });
const url = (form) => `http://127.0.0.1:${shop.address().port}/${form}`;

// "ok": paid once and got the goods; "refused": paid nothing; "loop": pays until it is stopped.
const MATRIX = {
  //                albyL402   alby402    l402       mppx
  plain:          ['ok',      'ok',      'ok',      'refused'],
  aperture:       ['ok',      'ok',      'ok',      'refused'],
  spec:           ['ok',      'ok',      'refused', 'refused'],
  both:           ['ok',      'ok',      'ok',      'refused'],
  l402AndPayment: ['ok',      'ok',      'ok',      'ok'],
  paymentAndL402: ['ok',      'ok',      'loop',    'ok'],
  payment:        ['refused', 'ok',      'refused', 'ok'],
  bearerFirst:    ['ok',      'refused', 'loop',    'refused'],
};

async function outcome(name, form) {
  const buyer = buyers(network.buyer, { most: 3 });
  const got = await buyer[name](url(form)).catch((error) => ({ error }));
  if (buyer.paid.length === 0) return 'refused';
  if (buyer.paid.length === 3) return 'loop';
  return buyer.paid.length === 1 && got.text === 'the goods' ? 'ok' : `${got.error ?? got.status}`;
}

for (const [form, expected] of Object.entries(MATRIX)) {
  test(`the challenge "${form}"`, async () => {
    const names = ['albyL402', 'alby402', 'l402', 'mppx'];
    const seen = [];
    for (const name of names) seen.push(await outcome(name, form));
    assert.deepEqual(seen, expected);
  });
}

test('Alby pays a Payment challenge alone, and l402 uses its token again', async () => {
  const alby = buyers(network.buyer);
  assert.equal((await alby.albyMpp(url('payment'))).text, 'the goods');
  assert.equal(alby.paid.length, 1);
  const npm = buyers(network.buyer);
  for (let i = 0; i < 3; i++) assert.equal((await npm.l402(url('plain'))).text, 'the goods');
  assert.equal(npm.paid.length, 1);
});

test('a preimage of another payment buys nothing', async () => {
  const { bolt11 } = network.seller.createInvoice({ amountMsat: 1000 });
  const { preimage } = await network.buyer.pay(bolt11);
  const asked = await fetch(url('plain'));
  const [, macaroon] = /macaroon="([^"]+)"/.exec(asked.headers.get('www-authenticate'));
  const tried = await fetch(url('plain'),
    { headers: { authorization: `L402 ${macaroon}:${preimage}` } });
  assert.equal(tried.status, 402);
});
