// Invoices go round: what the gateway's wallet and LDK write is read by npm bolt11 and by
// light-bolt11-decoder, and what npm bolt11 and LDK write is read by `satgate lightning decode`.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import test from 'node:test';
import bolt11 from 'bolt11';
import { decode as decodeLight } from 'light-bolt11-decoder';
import { call, startGateway, startUpstream } from '../e2e/gateway.mjs';
import { startNetwork } from './network.mjs';

const network = await startNetwork();
test.after(() => network.stop());

const REGTEST = { bech32: 'bcrt', pubKeyHash: 0x6f, scriptHash: 0xc4, validWitnessVersions: [0] };
const DESCRIPTIONS = ['one call', '', 'ü € 😀 "quotes" \\', 'x'.repeat(639)];
const seconds = (text) => Date.parse(text) / 1000;

async function shop(t) {
  const api = await startUpstream(t, 'api');
  return startGateway(t, { config: {
    lightning: { provider: 'dev' },
    upstreams: { api: { kind: 'http', url: api.url } },
    endpoints: { '/paid/*': { cost: '$0.006' }, '/dear': { cost: '$7.50' } },
    routes: [{ name: 'paid', match: { pathPrefix: '/' }, upstream: 'api', mode: 'charge' }],
  } });
}

// All that the three readers have in common.
function byBolt11(text) {
  const read = bolt11.decode(text, REGTEST);
  const tag = (name) => read.tags.find(({ tagName }) => tagName === name)?.data;
  return { amount_msat: Number(read.millisatoshis), payment_hash: tag('payment_hash'),
    payment_secret: tag('payment_secret'), description: tag('description'),
    created: read.timestamp, expires: read.timeExpireDate, payee: read.payeeNodeKey };
}

function byLight(text) {
  const { sections } = decodeLight(text);
  const value = (name) => sections.find((section) => section.name === name)?.value;
  return { amount_msat: Number(value('amount')), payment_hash: value('payment_hash'),
    payment_secret: value('payment_secret'), description: value('description'),
    created: value('timestamp'), expires: value('timestamp') + (value('expiry') ?? 3600),
    payee: byBolt11(text).payee };
}

async function bySatgate(gateway, text) {
  const read = await gateway.json('lightning', 'decode', text);
  assert.equal(read.network, 'regtest');
  return { amount_msat: read.amount_msat, payment_hash: read.payment_hash,
    description: read.description, created: seconds(read.created), expires: seconds(read.expires),
    payee: read.payee };
}

// Everybody reads the same; returned is what that is.
async function agreed(gateway, text) {
  const { payment_secret: secret, ...expected } = byBolt11(text);
  assert.match(secret, /^[0-9a-f]{64}$/);
  assert.deepEqual(byLight(text), { ...expected, payment_secret: secret });
  assert.deepEqual(await bySatgate(gateway, text), expected);
  return expected;
}

test('of the development wallet', async (t) => {
  const gateway = await shop(t);
  for (const [path, msat] of [['/paid/one', 6_000], ['/dear', 7_500_000]]) {
    const { headers, text } = await call(`${gateway.url}${path}`);
    const [, invoice] = /invoice="([^"]+)"/.exec(headers['www-authenticate']) ?? [];
    assert.ok(invoice, text);
    const read = await agreed(gateway, invoice);
    assert.equal(read.amount_msat, msat);
    assert.equal(read.expires - read.created, 600);
    assert.match(read.description, /1 call$/);
  }
});

test('of LDK', async (t) => {
  const gateway = await shop(t);
  for (const description of DESCRIPTIONS) {
    for (const amountMsat of [1, 999, 10_000, 123_456_789, 100_000_000_000]) {
      const made = network.seller.createInvoice({ amountMsat, description, expirySeconds: 77 });
      const read = await agreed(gateway, made.bolt11);
      assert.equal(read.amount_msat, amountMsat);
      assert.equal(read.description, description);
      assert.equal(read.payment_hash, made.hash);
      assert.equal(read.payee, network.seller.id);
    }
  }
});

function signed(extra, key = randomBytes(32)) {
  const { tags = [], ...rest } = extra;
  const made = bolt11.encode({ network: REGTEST, timestamp: 1_790_000_000, millisatoshis: '10000',
    ...rest,
    tags: [{ tagName: 'payment_hash', data: 'ab'.repeat(32) },
      { tagName: 'payment_secret', data: 'cd'.repeat(32) }, ...tags] });
  return bolt11.sign(made, key).paymentRequest;
}

test('of npm bolt11', async (t) => {
  const gateway = await shop(t);
  for (const data of DESCRIPTIONS) {
    for (const millisatoshis of ['1', '10', '2500', '1000000', '2500000000']) {
      const text = signed({ millisatoshis, tags: [{ tagName: 'description', data },
        { tagName: 'expire_time', data: 90 }, { tagName: 'min_final_cltv_expiry', data: 40 }] });
      const read = await agreed(gateway, text);
      assert.equal(read.amount_msat, Number(millisatoshis));
      assert.equal(read.description, data);
      assert.equal(read.expires, 1_790_000_090);
      const more = await gateway.json('lightning', 'decode', text);
      assert.equal(more.min_final_cltv, 40);
    }
  }
  const hash = createHash('sha256').update('terms').digest('hex');
  const hashed = await gateway.json('lightning', 'decode',
    signed({ tags: [{ tagName: 'purpose_commit_hash', data: hash }] }));
  assert.equal(hashed.description_hash, hash);
  const open = signed({ millisatoshis: undefined, tags: [{ tagName: 'description', data: 'x' }] });
  assert.equal((await gateway.json('lightning', 'decode', open)).amount_msat, undefined);
  const { stdout } = await gateway.cli('lightning', 'decode', open);
  assert.match(stdout, /amount_msat +any: the payer chooses/);
});

test('what is no invoice is refused, and why is said', async (t) => {
  const gateway = await shop(t);
  const good = signed({ tags: [{ tagName: 'description', data: 'x' }] });
  const swapped = `${good.slice(0, -1)}${good.endsWith('q') ? 'p' : 'q'}`;
  for (const [text, why] of [['lnbcrt1', /too short/], [swapped, /checksum/],
    [good.toUpperCase().replace('L', 'l'), /small and capital letters are mixed/]]) {
    const { code, stderr } = await gateway.cli('lightning', 'decode', text);
    assert.equal(code, 1);
    assert.match(stderr, why);
  }
  assert.equal((await gateway.cli('lightning', 'decode', good.toUpperCase())).code, 0);
});
