// Tokens are macaroons V2 and nothing else: two foreign libraries read, narrow and write them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';
import { bearer, call, root, run } from './gateway.mjs';
import { httpShop } from './shops.mjs';

const macaroon = createRequire(import.meta.url)('macaroon');

const bare = (token) => token.replace(/^sg_/, '');
const text = (bytes) => Buffer.from(bytes).toString('utf8');

// Each: read(token) -> {location, identifier, caveats, signature}, add(token, caveats) -> token.
const libraries = {
  'npm macaroon': {
    async read(token) {
      const value = macaroon.importMacaroon(bare(token));
      return {
        location: value.location,
        identifier: text(value.identifier),
        caveats: value.caveats.map((caveat) => text(caveat.identifier)),
        signature: Buffer.from(value.signature).toString('hex'),
      };
    },
    async add(token, caveats) {
      const value = macaroon.importMacaroon(bare(token));
      for (const caveat of caveats) value.addFirstPartyCaveat(caveat);
      return Buffer.from(value.exportBinary()).toString('base64url');
    },
    async make({ location, identifier, key, caveats }) {
      const value = macaroon.newMacaroon({ version: 2, rootKey: Buffer.from(key, 'hex'), location,
        identifier });
      for (const caveat of caveats) value.addFirstPartyCaveat(caveat);
      return Buffer.from(value.exportBinary()).toString('base64url');
    },
  },
  pymacaroons: {
    read: (token) => python({ op: 'read', token: bare(token) }),
    add: async (token, caveats) =>
      (await python({ op: 'add', token: bare(token), caveats })).token.replace(/=+$/, ''),
    make: async (parts) =>
      (await python({ op: 'make', ...parts })).token.replace(/=+$/, ''),
  },
};

async function python(request) {
  // Debian's own interpreter: that is where its package of pymacaroons lives.
  const result = await run('/usr/bin/python3', [path.join(root, 'tests/e2e/macaroon_tool.py')],
    { input: JSON.stringify(request) });
  assert.equal(result.code, 0, result.said);
  return result.json();
}

// The secret, in hex, that the identifier of a token names.
function rootKey(gateway, identifier) {
  const lines = readFileSync(path.join(gateway.data, 'root.keys'), 'utf8').split('\n');
  return lines.map((line) => line.split(' ')).find(([, id]) => id === identifier.split('.')[1])[3];
}

for (const [name, library] of Object.entries(libraries)) {
  test(`${name} reads a live token`, async (t) => {
    const { gateway } = await httpShop(t);
    const token = await gateway.token('agent', '--total-limit', '10', '--expires', '1h',
      '--allow-tool', 'search_*', '--endpoint', '/api/*');
    assert.match(token, /^sg_[A-Za-z0-9_-]+$/);
    const seen = await library.read(token);
    assert.equal(seen.location, 'satgate');
    assert.ok(seen.identifier.length > 0);
    assert.match(seen.signature, /^[0-9a-f]{64}$/);
    assert.ok(seen.caveats.includes('endpoints = /api/*'), JSON.stringify(seen.caveats));
    assert.ok(seen.caveats.includes('tools = search_*'), JSON.stringify(seen.caveats));
    assert.ok(seen.caveats.some((caveat) => caveat.startsWith('expires = ')));
    const inspected = (await gateway.cli('token', 'inspect', token)).stdout;
    for (const caveat of seen.caveats) assert.ok(inspected.includes(caveat), caveat);
  });

  test(`${name} narrows a token exactly as satgate does, byte for byte`, async (t) => {
    const { gateway } = await httpShop(t);
    const parent = await gateway.token('agent', '--total-limit', '100');
    const theirs = await library.add(parent,
      ['budget_max = 5', 'endpoints = /api/search', 'holder = worker']);
    const caveats = (await library.read(theirs)).caveats.slice(-3);
    assert.deepEqual(caveats, ['budget_max = 5', 'endpoints = /api/search', 'holder = worker']);

    const ours = await gateway.json('token', 'attenuate', parent, '--budget-max', '5');
    const single = await library.add(parent, [(await library.read(ours.token)).caveats.at(-1)]);
    assert.equal(bare(ours.token), single);

    const ask = (route) => call(gateway.url + route, { headers: bearer(theirs) });
    assert.equal((await ask('/api/embed')).json.error, 'endpoint_denied');
    assert.equal((await ask('/api/search')).status, 200);
    assert.equal((await ask('/api/search')).status, 200);
    const refused = await ask('/api/search');
    assert.equal(refused.status, 402, 'its own five credits hold');
    assert.equal(refused.json.remaining_credits, 1);
    assert.equal(await gateway.spent('agent'), 4, 'and the parent pays');
  });

  test(`${name} mints under our root key what we mint; each narrows the other's`, async (t) => {
    const { gateway } = await httpShop(t);
    const ours = await gateway.token('agent', '--total-limit', '100', '--endpoint', '/api/*');
    const seen = await library.read(ours);
    const key = rootKey(gateway, seen.identifier);
    const theirs = await library.make({ ...seen, key });
    assert.equal(theirs, bare(ours));
    // The same token without its caveats is another token of that key, and as good as ours: whoever
    // has the key mints. An identifier that nobody minted is refused all the same.
    const wide = await library.make({ ...seen, key, caveats: [] });
    const ask = (token) => call(`${gateway.url}/api/search`, { headers: bearer(token) });
    assert.equal((await ask(wide)).status, 200);
    const stranger = seen.identifier.replace(/.{4}$/, (end) => (end === '0000' ? '1111' : '0000'));
    const unknown = await ask(await library.make({ ...seen, identifier: stranger, key }));
    assert.equal(unknown.json.error, 'token_invalid');
    // Back and forth: they narrow ours, we narrow theirs, they narrow that. Three caveats are about
    // what npm macaroon can write: its buffer doubles with every field.
    let token = await gateway.token('other', '--total-limit', '100');
    token = await library.add(token, ['holder = first']);
    token = (await gateway.json('token', 'attenuate', token, '--budget-max', '5')).token;
    token = await library.add(token, ['budget_max = 3']);
    assert.equal((await ask(token)).status, 200);
    const refused = await ask(token);
    assert.equal(refused.status, 402, refused.text);
    assert.equal(refused.json.limit, 3);
    const { lineage } = await gateway.json('token', 'show', 'other');
    assert.equal(lineage.length, 3);
    assert.ok(lineage.every((point) => point.holder === 'first'));
  });

  test(`${name} cannot widen a token, and unknown caveats refuse`, async (t) => {
    const { api, gateway } = await httpShop(t);
    const narrow = (await gateway.json('token', 'attenuate',
      await gateway.token('agent', '--total-limit', '100'), '--endpoints', '/api/search')).token;
    const wider = await library.add(narrow, ['endpoints = *', 'budget_max = 1000000']);
    assert.equal((await call(`${gateway.url}/api/embed`, { headers: bearer(wider) })).status, 403);
    for (const caveat of ['colour = blue', 'budget_max', 'budget_max = -1', 'budget_max = 1e9',
      'expires = tomorrow', 'endpoints =', '']) {
      const strange = await library.add(narrow, [caveat]);
      const response = await call(`${gateway.url}/api/search`, { headers: bearer(strange) });
      assert.ok([401, 403].includes(response.status), `${caveat}: ${response.status}`);
    }
    assert.equal((await api.stats()).calls, 0);
  });
}

test('a third-party caveat refuses', async (t) => {
  const { gateway } = await httpShop(t);
  const value = macaroon.importMacaroon(bare(await gateway.token('agent')));
  value.addThirdPartyCaveat(new Uint8Array(32).fill(7), 'who goes there', 'https://other.example');
  const token = Buffer.from(value.exportBinary()).toString('base64url');
  const response = await call(`${gateway.url}/api/embed`, { headers: bearer(token) });
  assert.equal(response.status, 401);
});

test('a token made with another key refuses, whatever it claims', async (t) => {
  const { gateway } = await httpShop(t);
  const real = await libraries['npm macaroon'].read(await gateway.token('agent'));
  for (const key of ['00'.repeat(32), 'ff'.repeat(32)]) {
    const forged = await python({ op: 'make', location: real.location, identifier: real.identifier,
      key, caveats: real.caveats });
    const response = await call(`${gateway.url}/api/embed`, { headers: bearer(forged.token) });
    assert.equal(response.status, 401);
    assert.equal(response.json.error, 'token_invalid');
  }
});
