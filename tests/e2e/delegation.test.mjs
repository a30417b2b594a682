// What a parent hands down comes back, once and in full: whichever way a child ends, and whatever
// happens to the gateway meanwhile (LAWS.md, Laws 1 and 2).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import path from 'node:path';
import { Machine } from './crash_support.mjs';
import { bearer, call, eventually, scratch, tally, together } from './gateway.mjs';
import { httpShop } from './shops.mjs';

const HOUR = 3_600;

function spend(gateway, token, route = '/api/embed') {
  return call(gateway.url + route, { headers: bearer(token) });
}

async function narrow(gateway, token, ...flags) {
  return (await gateway.json('token', 'attenuate', token, ...flags)).token;
}

async function mint(gateway, parent, budget, holder, ...flags) {
  return (await gateway.json('mint', '--parent', parent, '--budget', String(budget),
    '--holder', holder, ...flags)).token;
}

async function books(gateway, name) {
  const { spent, held, carved } = await gateway.json('token', 'show', name);
  return { spent, held, carved };
}

async function revoke(gateway, which) {
  const done = await gateway.cli('token', 'revoke', which);
  assert.equal(done.code, 0, done.said);
}

// A gateway whose clock the test moves, and whose journal it fails.
async function machineShop(t) {
  const machine = new Machine(t);
  const folder = scratch(t);
  const env = machine.env(path.join(folder, 'data', 'journal'));
  const shop = await httpShop(t, {}, { folder, env });
  return { machine, ...shop };
}

test('a carve returns by itself when an ancestor expires, not only the child', async (t) => {
  const { gateway, machine } = await machineShop(t);
  const root = await gateway.token('root', '--total-limit', '50');
  const short = await narrow(gateway, root, '--holder', 'short', '--expires', '1h');
  const child = await mint(gateway, short, 30, 'child');
  const nephew = await mint(gateway, root, 5, 'nephew', '--expires', '3h');
  assert.equal((await spend(gateway, child, '/api/search')).status, 200);
  assert.deepEqual(await books(gateway, 'root'), { spent: 2, held: 0, carved: 33 });
  machine.fails({ clock: HOUR + 1 });
  await eventually('28 are back', async () => (await books(gateway, 'root')).carved === 5);
  assert.equal((await spend(gateway, child)).json.error, 'token_expired');
  assert.equal((await spend(gateway, nephew)).status, 200, 'others go on');
  // Set back, the token lives again: then it spends like any other part of its root.
  machine.fails({ clock: 0 });
  assert.equal((await spend(gateway, child)).status, 200);
  assert.deepEqual(await books(gateway, 'root'), { spent: 4, held: 0, carved: 4 });
});

test('a carve that expires while the gateway is down is back at the start', async (t) => {
  const { gateway, machine } = await machineShop(t);
  const root = await gateway.token('root', '--total-limit', '50');
  const child = await mint(gateway, root, 30, 'child', '--expires', '1h');
  await mint(gateway, root, 10, 'sister', '--expires', '3h');
  assert.equal((await spend(gateway, child)).status, 200);
  await gateway.kill9();
  machine.fails({ clock: 2 * HOUR });
  await gateway.start();
  assert.deepEqual(await books(gateway, 'root'), { spent: 1, held: 0, carved: 10 });
  machine.fails({ clock: 4 * HOUR });
  await eventually('both are back', async () => (await books(gateway, 'root')).carved === 0);
  await gateway.restart();
  assert.deepEqual(await books(gateway, 'root'), { spent: 1, held: 0, carved: 0 });
});

test('a crash between a carve and its record: the money is back at the start', async (t) => {
  const { gateway, machine } = await machineShop(t);
  const root = await gateway.token('root', '--total-limit', '50');
  const kept = await mint(gateway, root, 10, 'kept');
  machine.fails({ write: 5 }); // the journal: the carve is stored, the event of the mint is not
  const lost = await gateway.cli('mint', '--parent', root, '--budget', '30', '--holder', 'lost');
  assert.equal(lost.code, 1, lost.said);
  await gateway.kill9();
  machine.mends();
  await gateway.start();
  assert.deepEqual(await books(gateway, 'root'), { spent: 0, held: 0, carved: 10 });
  const events = await gateway.events('&kind=recovery');
  assert.ok(events.some((event) => /carve of 30 credits .* no token/.test(event.detail)),
    JSON.stringify(events));
  const again = await mint(gateway, root, 40, 'lost');
  for (const token of [kept, again]) assert.equal((await spend(gateway, token)).status, 200);
  await gateway.kill9();
  await gateway.start();
  assert.deepEqual(await books(gateway, 'root'), { spent: 2, held: 0, carved: 48 });
});

test('nested carves: revoking the middle returns the right amounts, once', async (t) => {
  const { gateway } = await httpShop(t);
  const root = await gateway.token('root', '--total-limit', '100');
  const middle = await mint(gateway, root, 40, 'middle');
  const leaf = await mint(gateway, middle, 15, 'leaf');
  const sibling = await mint(gateway, root, 20, 'sibling');
  const tooMuch = await gateway.cli('mint', '--parent', middle, '--budget', '26', '--holder', 'x');
  assert.equal(tooMuch.code, 1, 'the middle has 25 left');
  for (const token of [middle, leaf, sibling]) {
    assert.equal((await spend(gateway, token, '/api/search')).status, 200);
  }
  assert.deepEqual(await books(gateway, 'root'), { spent: 6, held: 0, carved: 54 });
  assert.deepEqual(await books(gateway, 'middle'), { spent: 4, held: 0, carved: 13 });
  for (let i = 0; i < 2; i++) {
    await revoke(gateway, 'middle');
    assert.deepEqual(await books(gateway, 'root'), { spent: 6, held: 0, carved: 18 });
    assert.deepEqual(await books(gateway, 'middle'), { spent: 4, held: 0, carved: 0 });
  }
  await revoke(gateway, 'leaf');
  assert.deepEqual(await books(gateway, 'root'), { spent: 6, held: 0, carved: 18 });
  await gateway.restart();
  for (const token of [middle, leaf]) {
    assert.equal((await spend(gateway, token)).json.error, 'token_revoked');
  }
  assert.equal((await spend(gateway, sibling)).status, 200, 'siblings go on');
  assert.deepEqual(await books(gateway, 'root'), { spent: 7, held: 0, carved: 17 });
});

test('revoking a point above a carve returns it, also what an earlier run carved', async (t) => {
  const { gateway } = await httpShop(t);
  const root = await gateway.token('root', '--total-limit', '100');
  const team = await narrow(gateway, root, '--holder', 'team');
  const before = await mint(gateway, await narrow(gateway, team, '--holder', 'deep'), 30, 'before');
  await gateway.restart();
  const after = await mint(gateway, team, 20, 'after');
  assert.equal((await spend(gateway, after)).status, 200);
  await revoke(gateway, team);
  assert.deepEqual(await books(gateway, 'root'), { spent: 1, held: 0, carved: 0 });
  for (const token of [before, after]) {
    assert.equal((await spend(gateway, token)).json.error, 'token_revoked');
  }
});

test('revoking a root gives its carves back to the budget above it', async (t) => {
  const { gateway } = await httpShop(t, { config: { budgets: { team: { total: 50 } } } });
  const first = await gateway.token('first', '--budget', 'team');
  const second = await gateway.token('second', '--budget', 'team');
  await mint(gateway, first, 40, 'child');
  const refused = await gateway.cli('mint', '--parent', second, '--budget', '11', '--holder', 'x');
  assert.equal(refused.code, 1);
  await revoke(gateway, 'first');
  assert.equal((await spend(gateway, await mint(gateway, second, 50, 'all'))).status, 200);
});

test('a call in flight while its carve ends is charged once', async (t) => {
  const { api, gateway } = await httpShop(t);
  const root = await gateway.token('root', '--total-limit', '50');
  const child = await mint(gateway, root, 30, 'child');
  const slow = spend(gateway, child, '/api/search?slow=1500');
  await eventually('it is under way', async () => (await api.stats()).calls === 1);
  await revoke(gateway, 'child');
  assert.deepEqual(await books(gateway, 'root'), { spent: 0, held: 2, carved: 0 });
  assert.equal((await slow).status, 200);
  assert.deepEqual(await books(gateway, 'root'), { spent: 2, held: 0, carved: 0 });
  assert.equal((await spend(gateway, root, '/api/search')).status, 200);
});

test('mints at once never carve more than there is, and the refusal has the numbers', async (t) => {
  const { gateway } = await httpShop(t);
  const root = await gateway.token('root', '--total-limit', '100');
  const body = (i) => JSON.stringify({ parent: root, budget: 30, holder: `child-${i}` });
  const answers = await together(12, async (i) => {
    const response = await gateway.adminApi('/api/v1/mint', { method: 'POST', body: body(i) });
    return { status: response.status, json: await response.json() };
  });
  const counts = tally(answers, (answer) => answer.status);
  assert.deepEqual(counts, { 200: 3, 402: 9 }, JSON.stringify(answers));
  const refused = answers.find((answer) => answer.status === 402).json;
  assert.match(refused.message, /'root' has 10 credits left .* 30 were asked for/);
  const tokens = answers.filter((answer) => answer.status === 200).map(({ json }) => json.token);
  const calls = (await together(3, (i) =>
    together(20, () => spend(gateway, tokens[i], '/api/search')))).flat();
  assert.equal(calls.filter((answer) => answer.status === 200).length, 45);
  assert.deepEqual(await books(gateway, 'root'), { spent: 90, held: 0, carved: 0 });
});

test('max_depth binds mint as it binds attenuation', async (t) => {
  const { gateway } = await httpShop(t);
  const root = await gateway.token('root', '--total-limit', '100', '--max-depth', '2');
  const child = await mint(gateway, root, 40, 'child');
  const grandchild = await mint(gateway, child, 20, 'grandchild');
  const before = await books(gateway, 'root');
  const refused = await gateway.cli('mint', '--parent', grandchild, '--budget', '5',
    '--holder', 'too-deep');
  assert.equal(refused.code, 1);
  assert.match(refused.said, /depth|max_depth/);
  const offline = await narrow(gateway, grandchild, '--holder', 'offline');
  assert.equal((await spend(gateway, offline)).json.error, 'depth_exceeded');
  assert.equal((await spend(gateway, grandchild)).status, 200);
  assert.deepEqual(await books(gateway, 'root'), { ...before, spent: 1, carved: 39 });
});

test('show prints the tree: who holds what, since when, and what was spent there', async (t) => {
  const { gateway } = await httpShop(t);
  const root = await gateway.token('root', '--total-limit', '100', '--endpoint', '/api/*');
  const team = await narrow(gateway, root, '--holder', 'team', '--budget-max', '50');
  const child = await mint(gateway, team, 20, 'child');
  const other = await narrow(gateway, root, '--holder', 'other');
  for (const token of [child, team, other]) {
    assert.equal((await spend(gateway, token, '/api/search')).status, 200);
  }
  const tree = (await gateway.json('token', 'show', 'root')).lineage;
  const rows = tree.map(({ depth, kind, holder, caveat, spent, carved, name, revoked }) =>
    ({ depth, kind, holder, caveat, spent, carved, name, revoked }));
  const point = (depth, holder, caveat, more = {}) => ({ depth, kind: 'attenuated', holder, caveat,
    spent: undefined, carved: undefined, name: undefined, revoked: false, ...more });
  assert.deepEqual(rows, [
    point(0, 'team', 'holder = team'),
    point(1, 'team', 'budget_max = 50', { spent: 4, carved: 18 }),
    point(2, 'child', 'holder = child'),
    point(3, 'child', 'budget_max = 20',
      { kind: 'carved', spent: 2, carved: 0, name: 'child' }),
    point(0, 'other', 'holder = other'),
  ]);
  for (const { first_seen: seen } of tree) assert.ok(Date.now() - Date.parse(seen) < 60_000, seen);
  const events = await gateway.events('&kind=attenuate');
  assert.deepEqual(events.map((event) => event.detail).sort(),
    ['budget_max = 50', 'holder = other', 'holder = team'], 'what is offline is recorded');
  // The tree of a child is what lies below it.
  const grandchild = await narrow(gateway, child, '--holder', 'grandchild');
  assert.equal((await spend(gateway, grandchild)).status, 200);
  const below = (await gateway.json('token', 'show', 'child')).lineage;
  assert.deepEqual(below.map((row) => [row.depth, row.holder]), [[0, 'grandchild']]);
  // Revoking a point marks everything below it, and nothing else; a restart knows it all.
  await revoke(gateway, tree[1].point);
  await gateway.restart();
  const after = (await gateway.json('token', 'show', 'root')).lineage;
  assert.deepEqual(after.map((row) => [row.holder, row.revoked]), [['team', false], ['team', true],
    ['child', true], ['child', true], ['grandchild', true], ['other', false]]);
  const { stdout } = await gateway.cli('token', 'show', 'root');
  assert.match(stdout, /^ {4}child +holder = child .* revoked /m);
});

// Each delegation that spends opens an account, and anybody who holds a token can make one offline.
test('a token is delegated so many times, and what was handed down goes on', async (t) => {
  const { gateway } = await httpShop(t, { config: { limits: { delegationsPerToken: 3 } } });
  const root = await gateway.token('root', '--total-limit', '100');
  const children = [];
  for (let budget = 10; budget < 14; budget++) {
    children.push(await narrow(gateway, root, '--budget-max', String(budget)));
  }
  const last = children.pop();
  for (const child of children) assert.equal((await spend(gateway, child)).status, 200);
  const refused = async (token) => {
    const { status, json } = await spend(gateway, token);
    assert.deepEqual([status, json.error], [403, 'depth_exceeded']);
    assert.match(json.message, /delegated as often as it may be, 3 times/);
  };
  await refused(last);
  await refused(await narrow(gateway, children[0], '--holder', 'deeper'));
  assert.equal((await spend(gateway, await mint(gateway, root, 20, 'child'))).status, 200,
    'the operator mints as before');
  await gateway.restart();
  await refused(last);
  for (const token of [root, ...children]) {
    assert.equal((await spend(gateway, token)).status, 200);
  }
  const other = await gateway.token('other', '--total-limit', '100');
  const others = await narrow(gateway, other, '--budget-max', '10');
  assert.equal((await spend(gateway, others)).status, 200, 'another token has its own bound');
  assert.deepEqual(await books(gateway, 'root'), { spent: 8, held: 0, carved: 19 });
});
