// Two implementations over a real wire: LDK and Electrum pay each other.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';
import { hasElectrum, openChannel, startElectrumNode, until } from './electrum.mjs';
import { startElectrumServer } from './electrum_server.mjs';
import { startListeningNode } from './tcp.mjs';

const sha256 = (text) => createHash('sha256').update(Buffer.from(text, 'hex')).digest('hex');

test('LDK and Electrum pay each other',
  { skip: hasElectrum ? false : 'electrum is not installed' }, async (t) => {
    const chain = await startElectrumServer();
    t.after(() => chain.stop());
    const { node, address, stop } = await startListeningNode('ldk', chain);
    t.after(stop);
    const electrum = await startElectrumNode('electrum', chain);
    t.after(() => electrum.end());
    await openChannel(chain, electrum, address);
    await until('the channel of LDK', async () => node.manager.list_usable_channels().length === 1);

    const { bolt11, hash } = node.createInvoice({ amountMsat: 50_000_000, description: 'goods' });
    const paid = await electrum.rpc('lnpay', { invoice: bolt11 });
    assert.equal(paid.success, true, JSON.stringify(paid));
    assert.equal(sha256(paid.preimage), hash);
    assert.equal(node.lookup(hash).receivedMsat, 50_000_000);

    const asked = await electrum.rpc('add_request',
      { amount: '0.0002', memo: 'back', force: true });
    const back = await node.pay(asked.lightning_invoice);
    assert.equal(sha256(back.preimage), asked.rhash);
  });
