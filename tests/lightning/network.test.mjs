import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'node:test';
import { readInvoice } from './node.mjs';
import { startNetwork } from './network.mjs';

const sha256 = (text) => createHash('sha256').update(Buffer.from(text, 'hex')).digest('hex');
const network = await startNetwork();
const { seller, buyer } = network;
test.after(() => network.stop());

test('an invoice says what was asked for, and its payment hands over the preimage', async () => {
  const invoice = seller.createInvoice({ amountMsat: 12_345, description: '1 Abruf — ⚡',
    expirySeconds: 77 });
  const read = readInvoice(invoice.bolt11);
  assert.equal(read.amountMsat, 12_345);
  assert.equal(read.description, '1 Abruf — ⚡');
  assert.equal(read.expiresAt - read.createdAt, 77);
  assert.ok(Math.abs(read.createdAt - Date.now() / 1000) < 5);
  assert.equal(read.network, 'bcrt');
  assert.equal(seller.lookup(read.hash).state, 'open');
  assert.equal(buyer.find(read.hash), undefined);

  const paid = await buyer.pay(invoice.bolt11);
  assert.equal(sha256(paid.preimage), read.hash);
  assert.equal(paid.feeMsat, 0);
  assert.equal(seller.lookup(read.hash).state, 'settled');
  assert.equal(seller.lookup(read.hash).receivedMsat, 12_345);
  assert.equal(buyer.find(read.hash).state, 'succeeded');
});

test('an invoice is paid once', async () => {
  const { bolt11 } = seller.createInvoice({ amountMsat: 1000 });
  await buyer.pay(bolt11);
  await assert.rejects(buyer.pay(bolt11), { code: 'already paid' });
});

test('the seller pays, too: both sides have funds', async () => {
  const before = seller.balanceMsat();
  const { bolt11, hash } = buyer.createInvoice({ amountMsat: 1_000_000_000 });
  const paid = await seller.pay(bolt11);
  assert.equal(sha256(paid.preimage), hash);
  assert.ok(before - seller.balanceMsat() >= 1_000_000_000);
});

test('an expired invoice is neither paid nor accepted', async () => {
  const invoice = seller.createInvoice({ amountMsat: 1000, expirySeconds: 1 });
  await sleep(2000);
  assert.equal(seller.lookup(invoice.hash).state, 'expired');
  await assert.rejects(buyer.pay(invoice.bolt11), { code: 'expired' });
  assert.equal(buyer.find(invoice.hash), undefined);
});

test('more than the channel holds is not paid', async () => {
  const { bolt11, hash } = seller.createInvoice({ amountMsat: 20_000_000_000 });
  await assert.rejects(buyer.pay(bolt11), { code: 'RouteNotFound' });
  assert.equal(buyer.find(hash).state, 'failed');
  assert.equal(seller.lookup(hash).state, 'open');
});

test('text that is no invoice is not paid', async () => {
  const { bolt11 } = seller.createInvoice({ amountMsat: 1000 });
  const other = bolt11.slice(0, -1) + (bolt11.endsWith('q') ? 'p' : 'q');
  await assert.rejects(buyer.pay(other), { code: 'invalid' });
});

test('a held payment gives no preimage before it is settled', async () => {
  const { bolt11, hash } = seller.createInvoice({ amountMsat: 5000, hold: true });
  let preimage;
  const paying = buyer.pay(bolt11).then((paid) => { preimage = paid.preimage; });
  await sleep(100);
  assert.equal(seller.lookup(hash).state, 'accepted');
  assert.equal(buyer.find(hash).state, 'pending');
  assert.equal(preimage, undefined);
  seller.settle(hash);
  await paying;
  assert.equal(sha256(preimage), hash);

  const other = seller.createInvoice({ amountMsat: 5000, hold: true });
  const refused = assert.rejects(buyer.pay(other.bolt11));
  await sleep(100);
  seller.cancel(other.hash);
  await refused;
  assert.equal(buyer.find(other.hash).state, 'failed');
});

test('a hundred payments at once', async () => {
  const settled = [];
  const off = seller.onSettled((invoice) => settled.push(invoice.hash));
  const invoices = Array.from({ length: 100 }, (_, i) =>
    seller.createInvoice({ amountMsat: 1000 + i }));
  const paid = await Promise.all(invoices.map(({ bolt11 }) => buyer.pay(bolt11)));
  off();
  assert.deepEqual(paid.map(({ preimage }) => sha256(preimage)), invoices.map(({ hash }) => hash));
  assert.deepEqual(settled.toSorted(), invoices.map(({ hash }) => hash).toSorted());
});
