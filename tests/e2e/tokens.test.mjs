// "Authority only narrows" (LAWS.md, Law 2), tried with the commands and over the wire.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearer, call, satgate, scratch, run, tally, together } from './gateway.mjs';
import { httpShop } from './shops.mjs';

function spend(gateway, token, route = '/api/embed') {
  return call(gateway.url + route, { headers: bearer(token) });
}

// Calls until refused: {served, last}.
async function drain(gateway, token, route = '/api/embed', calls_max = 300) {
  for (let served = 0; served < calls_max; served++) {
    const last = await spend(gateway, token, route);
    if (last.status !== 200) return { served, last };
  }
  throw new Error('never refused');
}

test('five children attenuated offline never spend more than their parent together', async (t) => {
  const { api, gateway } = await httpShop(t);
  const parent = await gateway.token('parent', '--total-limit', '100');
  // Offline: no data directory, no server, nothing but the token.
  const children = await together(5, async (i) => {
    const result = await run(satgate, ['token', 'attenuate', parent, '--budget-max', '60',
      '--holder', `child-${i}`, '--json'], { cwd: scratch(t), env: { PATH: process.env.PATH } });
    assert.equal(result.code, 0, result.said);
    return result.json().token;
  });
  assert.equal(new Set(children).size, 5);
  // All of them at once, each as greedy as it can be.
  const answers = (await together(5, (i) =>
    together(40, () => spend(gateway, children[i], '/api/search')))).flat();
  const served = answers.filter((answer) => answer.status === 200).length;
  assert.equal(served, 50, JSON.stringify(tally(answers, (answer) => answer.json?.error)));
  assert.equal((await api.stats()).calls, 50);
  assert.equal(await gateway.spent('parent'), 100);
  assert.equal((await spend(gateway, parent)).status, 402, 'the parent is empty, too');
});

test('each child keeps to its own share', async (t) => {
  const { gateway } = await httpShop(t);
  const parent = await gateway.token('parent', '--total-limit', '100');
  const child = (await gateway.json('token', 'attenuate', parent, '--budget-max', '10')).token;
  const grandchild = (await gateway.json('token', 'attenuate', child, '--budget-max', '4')).token;
  assert.equal((await drain(gateway, grandchild)).served, 4);
  assert.equal((await drain(gateway, child)).served, 6);
  assert.equal(await gateway.spent('parent'), 10);
});

test('harmless caveats buy nothing', async (t) => {
  const { gateway } = await httpShop(t);
  const parent = await gateway.token('parent', '--total-limit', '6');
  assert.equal((await drain(gateway, parent)).served, 6);
  for (const flags of [['--holder', 'somebody-else'], ['--expires', '2099-01-01'],
    ['--endpoints', '*'], ['--budget-max', '6'], ['--rate-limit', '1000/min']]) {
    const child = (await gateway.json('token', 'attenuate', parent, ...flags)).token;
    const refused = await spend(gateway, child);
    assert.equal(refused.status, 402, flags.join(' '));
  }
  const capped = (await gateway.json('token', 'attenuate',
    await gateway.token('other', '--total-limit', '100'), '--budget-max', '3')).token;
  assert.equal((await drain(gateway, capped)).served, 3);
  const renamed = (await gateway.json('token', 'attenuate', capped, '--holder', 'new')).token;
  assert.equal((await spend(gateway, renamed)).status, 402);
});

test('mint carves: the budget leaves the parent at once and returns when revoked', async (t) => {
  const { gateway } = await httpShop(t);
  const parent = await gateway.token('orchestrator', '--total-limit', '50');
  const child = await gateway.json('mint', '--parent', parent, '--budget', '30',
    '--holder', 'research-agent');
  assert.match(child.token, /^sg_/);
  assert.equal((await drain(gateway, parent)).served, 20, 'thirty are promised away');
  assert.equal((await drain(gateway, child.token, '/api/search')).served, 15);

  const tooMuch = await gateway.cli('mint', '--parent', parent, '--budget', '31',
    '--holder', 'greedy');
  assert.equal(tooMuch.code, 1, 'nothing left to carve');

  const second = await gateway.token('second', '--total-limit', '50');
  const returned = await gateway.json('mint', '--parent', second, '--budget', '40',
    '--holder', 'short-lived');
  assert.equal((await spend(gateway, returned.token)).status, 200);
  assert.equal((await gateway.cli('token', 'revoke', returned.name)).code, 0);
  assert.equal((await spend(gateway, returned.token)).json.error, 'token_revoked');
  assert.equal((await drain(gateway, second)).served, 49, 'the unspent part is back');
});

test('a carved child may be narrower but never wider than its parent', async (t) => {
  const { gateway } = await httpShop(t);
  const parent = await gateway.token('orchestrator', '--total-limit', '50',
    '--endpoint', '/api/search');
  const child = await gateway.json('mint', '--parent', parent, '--budget', '10',
    '--holder', 'wider', '--endpoint', '*');
  assert.equal((await spend(gateway, child.token, '/api/embed')).json.error, 'endpoint_denied');
  assert.equal((await spend(gateway, child.token, '/api/search')).status, 200);
});

test('a revoked ancestor stops its descendants, and not its siblings', async (t) => {
  const { gateway } = await httpShop(t);
  const parent = await gateway.token('parent', '--total-limit', '100');
  const child = (await gateway.json('token', 'attenuate', parent, '--holder', 'child')).token;
  const grandchild = (await gateway.json('token', 'attenuate', child, '--budget-max', '5')).token;
  const sibling = (await gateway.json('token', 'attenuate', parent, '--holder', 'sibling')).token;
  for (const token of [parent, child, grandchild, sibling]) {
    assert.equal((await spend(gateway, token)).status, 200);
  }
  assert.equal((await gateway.cli('token', 'revoke', child)).code, 0);
  assert.equal((await spend(gateway, child)).json.error, 'token_revoked');
  assert.equal((await spend(gateway, grandchild)).json.error, 'token_revoked');
  assert.equal((await spend(gateway, sibling)).status, 200);
  assert.equal((await gateway.cli('token', 'revoke', 'parent')).code, 0);
  for (const token of [parent, sibling, grandchild]) {
    const refused = await spend(gateway, token);
    assert.equal(refused.status, 401);
    assert.equal(refused.json.error, 'token_revoked');
  }
  await gateway.restart();
  assert.equal((await spend(gateway, sibling)).json.error, 'token_revoked', 'after a restart, too');
});

test('a point of a lineage is revoked by its name, and this is written', async (t) => {
  const { gateway } = await httpShop(t);
  const parent = await gateway.token('parent', '--total-limit', '100');
  const child = (await gateway.json('token', 'attenuate', parent, '--holder', 'child')).token;
  assert.equal((await spend(gateway, child)).status, 200);
  const seen = (await gateway.json('token', 'show', 'parent')).lineage;
  const { point } = seen.find((entry) => entry.holder === 'child');
  assert.equal((await gateway.cli('token', 'revoke', point)).code, 0);
  assert.equal((await spend(gateway, child)).json.error, 'token_revoked');
  assert.equal((await spend(gateway, parent)).status, 200);
  const events = await gateway.events();
  assert.ok(events.some((event) => event.event === 'revoke' && event.detail.includes(point)));
});

test('mint takes the parent by its name, too', async (t) => {
  const { gateway } = await httpShop(t);
  const parent = await gateway.token('orchestrator_token', '--total-limit', '30');
  const child = await gateway.json('mint', '--parent', 'orchestrator_token', '--budget', '20',
    '--holder', 'research-agent');
  assert.equal((await spend(gateway, child.token)).status, 200);
  const shown = await gateway.json('token', 'show', 'orchestrator_token');
  assert.equal(shown.spent + shown.held + shown.carved, 20, 'moved out at once, spent or not');
  assert.equal((await spend(gateway, parent)).status, 200);
  const tooMuch = await gateway.cli('mint', '--parent', 'orchestrator_token', '--budget', '11',
    '--holder', 'summarizer-agent');
  assert.equal(tooMuch.code, 1);
});

test('every narrowing flag narrows', async (t) => {
  const { gateway } = await httpShop(t);
  const parent = await gateway.token('parent', '--total-limit', '1000');
  const narrow = async (...flags) =>
    (await gateway.json('token', 'attenuate', parent, ...flags)).token;
  const cases = [
    [await narrow('--endpoints', '/api/embed'), '/api/search', 403, 'endpoint_denied'],
    [await narrow('--endpoints', '/api/search?source=arxiv'), '/api/search?source=web', 403,
      'endpoint_denied'],
    [await narrow('--tools', 'search_code'), '/api/search', 403, 'tool_denied'],
    [await narrow('--expires', '2020-01-01T00:00:00Z'), '/api/search', 401, 'token_expired'],
    [await narrow('--expires', '1h'), '/api/search', 200],
    [await narrow('--endpoints', '/api/search?source=arxiv'), '/api/search?source=arxiv', 200],
    [await gateway.token('few', '--call-limit', '5'), '/api/generate', 402,
      'request_exceeds_budget'],
    [await gateway.token('elsewhere', '--upstream', 'nowhere'), '/api/search', 403,
      'endpoint_denied'],
  ];
  for (const [token, route, status, error] of cases) {
    const answer = await spend(gateway, token, route);
    assert.equal(answer.status, status, `${route} ${answer.text}`);
    if (error) assert.equal(answer.json.error, error);
  }
  const slow = await narrow('--rate-limit', '3/hour');
  const { served, last } = await drain(gateway, slow);
  assert.equal(served, 3);
  assert.equal(last.status, 429);
  assert.equal(last.json.error, 'rate_limited');
  assert.equal(last.headers['x-should-retry'], 'false');
});

test('max_depth bounds delegation', async (t) => {
  const { gateway } = await httpShop(t);
  const parent = await gateway.token('parent', '--total-limit', '10', '--max-depth', '1');
  const child = (await gateway.json('token', 'attenuate', parent, '--holder', 'a')).token;
  const grandchild = (await gateway.json('token', 'attenuate', child, '--holder', 'b')).token;
  assert.equal((await spend(gateway, child)).status, 200);
  const refused = await spend(gateway, grandchild);
  assert.equal(refused.status, 403);
  assert.equal(refused.json.error, 'depth_exceeded');
});

test('a temporary override ends by itself and restores what was before', async (t) => {
  const { gateway } = await httpShop(t);
  const token = await gateway.token('incident-token', '--daily-limit', '2');
  assert.equal((await drain(gateway, token)).served, 2);
  assert.equal((await gateway.cli('token', 'update', 'incident-token', '--daily-limit', '1000',
    '--expires', '3s')).code, 0);
  assert.equal((await spend(gateway, token)).status, 200);
  await new Promise((resolve) => setTimeout(resolve, 3500));
  const refused = await spend(gateway, token);
  assert.equal(refused.status, 402);
  assert.equal(refused.json.limit, 2);
});

test('named budgets hold over all their tokens, up to the root', async (t) => {
  const { gateway } = await httpShop(t);
  const budget = async (...args) => {
    const result = await gateway.cli('budget', 'create', ...args);
    assert.equal(result.code, 0, result.said);
  };
  await budget('--name', 'engineering', '--monthly', '10');
  await budget('--name', 'research', '--daily', '6', '--parent', 'engineering');
  const first = await gateway.token('first', '--budget', 'research', '--total-limit', '100');
  const second = await gateway.token('second', '--budget', 'research');
  const third = await gateway.token('third', '--budget', 'engineering');
  assert.equal((await drain(gateway, first)).served, 6);
  assert.equal((await spend(gateway, second)).json.error, 'budget_exceeded');
  assert.equal((await drain(gateway, third)).served, 4);
  await gateway.restart();
  assert.equal((await spend(gateway, third)).status, 402);
  assert.notEqual((await gateway.cli('token', 'create', '--name', 'x', '--budget', 'nobody')).code,
    0);
});

test('list, show, inspect and update agree; the token itself is shown once only', async (t) => {
  const { gateway } = await httpShop(t);
  const created = await gateway.json('token', 'create', '--name', 'agent', '--total-limit', '10',
    '--label', 'team=alpha');
  for (const key of ['token', 'id', 'name']) assert.equal(typeof created[key], 'string', key);
  const list = await gateway.json('token', 'list');
  const row = (Array.isArray(list) ? list : list.tokens).find((token) => token.name === 'agent');
  assert.equal(row.id, created.id);
  await spend(gateway, created.token);
  assert.equal(await gateway.spent('agent'), 1);
  const shown = await gateway.json('token', 'show', 'agent');
  assert.equal(shown.labels.team, 'alpha');
  const inspected = await gateway.json('token', 'inspect', created.token);
  assert.equal(inspected.id, created.id);
  for (const command of [['token', 'list'], ['token', 'show', 'agent'], ['audit', 'tail']]) {
    const { said } = await gateway.cli(...command, '--json');
    assert.ok(!said.includes(created.token.slice(3)), `${command} shows the secret`);
  }
  const again = await gateway.cli('token', 'create', '--name', 'agent');
  assert.equal(again.code, 1, 'names are unique');
});

test('keys rotate without breaking live tokens', async (t) => {
  const { gateway } = await httpShop(t);
  const before = await gateway.token('before', '--total-limit', '10');
  const help = await gateway.cli('--help');
  assert.equal(help.code, 0);
  const rotated = await gateway.cli('keys', 'rotate');
  assert.equal(rotated.code, 0, rotated.said);
  const after = await gateway.token('after', '--total-limit', '10');
  const keyOf = async (token) => (await gateway.json('token', 'inspect', token)).key_id;
  assert.notEqual(await keyOf(before), await keyOf(after));
  for (const token of [before, after]) assert.equal((await spend(gateway, token)).status, 200);
  await gateway.restart();
  for (const token of [before, after]) assert.equal((await spend(gateway, token)).status, 200);
});
