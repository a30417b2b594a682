import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'node:test';
import { hasElectrum, startElectrum } from './electrum.mjs';
import { readInvoice } from './node.mjs';

const sha256 = (text) => createHash('sha256').update(Buffer.from(text, 'hex')).digest('hex');

test('electrum pays electrum', { skip: hasElectrum ? false : 'electrum is not installed' },
  async (t) => {
    const { seller, buyer, stop } = await startElectrum();
    t.after(stop);
    const bill = (node, amount, expiration = 600) => node.rpc('add_request', { amount,
      memo: 'one call', expiration, force: true });

    await t.test('an invoice, its payment and its states', async () => {
      const asked = await bill(seller, '0.00001');
      const read = readInvoice(asked.lightning_invoice);
      assert.equal(read.hash, asked.rhash);
      assert.equal(read.amountMsat, 1_000_000);
      assert.equal(read.network, 'bcrt');
      assert.equal(read.expiresAt, asked.expiration);
      const state = async () => (await seller.rpc('get_request', { request_id: asked.rhash }))
        .status;
      assert.equal(await state(), 0);
      const paid = await buyer.rpc('lnpay', { invoice: asked.lightning_invoice });
      assert.equal(paid.success, true);
      assert.equal(sha256(paid.preimage), asked.rhash);
      assert.equal(await state(), 3);
    });

    await t.test('both sides have funds', async () => {
      const asked = await bill(buyer, '0.0001');
      const paid = await seller.rpc('lnpay', { invoice: asked.lightning_invoice });
      assert.equal(sha256(paid.preimage), asked.rhash);
    });

    await t.test('what is expired is not paid', async () => {
      const asked = await bill(seller, '0.00001', 1);
      await sleep(1500);
      await assert.rejects(buyer.rpc('lnpay', { invoice: asked.lightning_invoice }), /expired/);
      assert.equal((await seller.rpc('get_request', { request_id: asked.rhash })).status, 1);
    });

    await t.test('other credentials are refused', async () => {
      const answer = await fetch(seller.url, { method: 'POST', body: '{"id":1,"method":"getinfo"}',
        headers: { authorization: `Basic ${btoa(`${seller.user}:wrong`)}` } });
      assert.equal(answer.status, 403);
    });
  });
