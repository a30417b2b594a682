// A budget for each user of an application: `POST /api/v1/tokens` may be sent again and again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearer, call, sleep, tally, together } from './gateway.mjs';
import { httpShop } from './shops.mjs';

const TERMS = { daily_limit: 10, upstream: 'api' };

// {status, json, token} of a request as the middleware of the article sends it.
async function create(gateway, terms) {
  const response = await gateway.adminApi('/api/v1/tokens', {
    method: 'POST', body: JSON.stringify(terms),
  });
  const json = await response.json();
  return { status: response.status, json, token: json.token };
}

function spend(gateway, token, route = '/api/embed') {
  return call(gateway.url + route, { headers: bearer(token) });
}

async function served(gateway, token, route) {
  const answer = await spend(gateway, token, route);
  assert.equal(answer.status, 200, answer.text);
}

async function minted(gateway) {
  return (await gateway.events()).filter((event) => event.event === 'mint');
}

test('asked for in the same words, a token is the same, byte for byte', async (t) => {
  const { gateway } = await httpShop(t);
  const terms = { name: 'user-7', ...TERMS, endpoints: ['/api/embed', '/api/x'], deny_tools: 'x',
    rate_limit: '100/min', call_limit: '$2', max_depth: 3, alert_threshold: 0.8,
    labels: { team: 'core', plan: 'free' } };
  const first = await create(gateway, terms);
  assert.equal(first.status, 200, first.json.message);
  assert.equal(first.json.existing, false);
  const otherwise = { max_depth: 3, call_limit: '2 credits', rate_limit: '100/minute',
    labels: { plan: 'free', team: 'core' }, deny_tools: ['x'], endpoints: ['/api/x', '/api/embed'],
    alert_threshold: '0.80', upstream: 'api', daily_limit: '10.0', name: 'user-7' };
  for (const again of [terms, otherwise]) {
    const answer = await create(gateway, again);
    assert.equal(answer.status, 200, answer.json.message);
    assert.equal(answer.json.existing, true);
    assert.equal(answer.token, first.token);
    assert.equal(answer.json.id, first.json.id);
  }
  await served(gateway, first.token);
  assert.equal((await create(gateway, terms)).json.spent, 1, 'with what it has spent');
  await gateway.restart();
  assert.equal((await create(gateway, terms)).token, first.token, 'after a restart, too');
  assert.equal((await minted(gateway)).length, 1, 'nothing was minted but the first');
  const again = await gateway.cli('token', 'create', '--name', 'user-7', '--daily-limit', '10',
    '--upstream', 'api');
  assert.equal(again.code, 1);
  assert.match(again.said, /there is a token 'user-7' already/);
});

test('a person who creates the same token twice is told that the name is taken', async (t) => {
  const { gateway } = await httpShop(t);
  const token = await gateway.token('dev', '--daily-limit', '10');
  const again = await gateway.cli('token', 'create', '--name', 'dev', '--daily-limit', '10');
  assert.equal(again.code, 1);
  assert.match(again.said, /there is a token 'dev' already; choose another name/);
  assert.ok(!again.said.includes(token.slice(3)));
});

test('asked for in other words, it is a conflict that names each of them', async (t) => {
  const { gateway } = await httpShop(t);
  const first = await create(gateway, { name: 'user-7', ...TERMS });
  const other = await create(gateway, { name: 'user-7', daily_limit: 20, upstream: 'orders',
    monthly_limit: 50, labels: { team: 'x' }, expires: '1h' });
  assert.equal(other.status, 409);
  assert.equal(other.json.error, 'conflict');
  for (const said of ['daily_limit (it is 10, not 20)', 'monthly_limit (it is none, not 50)',
    "upstream (it is 'api', not 'orders')", "labels (it is none, not 'team=x')",
    'expires (it is none, not ', 'satgate token update']) {
    assert.ok(other.json.message.includes(said), `${said}: ${other.json.message}`);
  }
  assert.equal(other.token, undefined);
  // A person gives the user more; the application goes on as before, or says what is true now.
  assert.equal((await gateway.cli('token', 'update', 'user-7', '--daily-limit', '20')).code, 0);
  for (const daily_limit of [10, 20]) {
    const again = await create(gateway, { name: 'user-7', ...TERMS, daily_limit });
    assert.equal(again.token, first.token, again.json.message);
    assert.equal(again.json.limits.daily, 20, 'asking changes nothing');
  }
  assert.equal((await create(gateway, { name: 'user-7', ...TERMS, daily_limit: 15 })).status, 409);
});

test('what has ended is not given again, and the answer says why', async (t) => {
  const { gateway } = await httpShop(t);
  const parent = await gateway.token('parent', '--total-limit', '50');
  const child = await gateway.json('mint', '--parent', parent, '--budget', '5', '--holder', 'kid');
  assert.match(child.token, /^sg_/);
  const carved = await create(gateway, { name: 'kid', total_limit: 5 });
  assert.equal(carved.status, 409);
  assert.match(carved.json.message, /carved out of another; choose another name/);

  await create(gateway, { name: 'banned', ...TERMS });
  assert.equal((await gateway.cli('token', 'revoke', 'banned')).code, 0);
  const banned = await create(gateway, { name: 'banned', ...TERMS });
  assert.equal(banned.status, 409);
  assert.match(banned.json.message, /'banned' was revoked, for good; choose another name/);

  const before = await create(gateway, { name: 'old-key', ...TERMS });
  const { key_id } = await gateway.json('token', 'inspect', before.token);
  assert.equal((await gateway.cli('keys', 'rotate')).code, 0);
  assert.equal((await create(gateway, { name: 'old-key', ...TERMS })).token, before.token);
  const byName = await gateway.json('mint', '--parent', 'old-key', '--budget', '1',
    '--holder', 'by-name');
  assert.equal((await gateway.json('token', 'inspect', byName.token)).key_id, key_id);
  assert.equal((await gateway.cli('keys', 'retire', key_id)).code, 0);
  const retired = await create(gateway, { name: 'old-key', ...TERMS });
  assert.equal(retired.status, 409);
  assert.ok(retired.json.message.includes(`root key ${key_id}, which was retired`));
});

test('an expired token is renewed with the account that it had', async (t) => {
  const { gateway } = await httpShop(t);
  const ask = (expires, name = 'user-7') => create(gateway, { name, ...TERMS, expires });
  const day = await ask('24h', 'user-8');
  for (const expires of ['24h', day.json.expires]) {
    assert.equal((await ask(expires, 'user-8')).token, day.token, 'a day from now, again');
  }
  assert.equal((await ask('1h', 'user-8')).status, 409, 'it would live longer than was asked for');
  const first = await ask('3s');
  await served(gateway, first.token, '/api/search');
  await sleep(3100);
  assert.equal((await spend(gateway, first.token)).json.error, 'token_expired');
  assert.equal((await create(gateway, { name: 'user-7', ...TERMS })).status, 409, 'not for ever');
  await ask('2020-01-01', 'user-9');
  const over = await ask('2020-01-01', 'user-9');
  assert.equal(over.status, 409);
  assert.match(over.json.message, /expired at 2020-01-01T00:00:00Z; ask for a later 'expires'/);
  const renewed = await ask('1h');
  assert.equal(renewed.status, 200, renewed.json.message);
  assert.equal(renewed.json.existing, false);
  assert.notEqual(renewed.token, first.token);
  assert.equal(renewed.json.id, first.json.id);
  assert.equal((await spend(gateway, first.token)).json.error, 'token_expired');
  for (let i = 0; i < 4; i++) await served(gateway, renewed.token, '/api/search');
  assert.equal((await spend(gateway, renewed.token)).status, 402, 'ten a day are ten a day');
  assert.equal((await ask('1h')).token, renewed.token);
  const details = (await minted(gateway)).map((event) => `${event.subject} ${event.detail}`);
  assert.deepEqual(details, ['user-8 minted', 'user-7 minted', 'user-9 minted',
    'user-7 renewed: it had expired']);
});

test('an API key acts under the renewed token', async (t) => {
  const key = 'a-plain-key-of-an-old-agent-0001';
  const { gateway } = await httpShop(t, {}, { env: { AGENT_KEY: key },
    server: { apiKeys: [{ key: '${AGENT_KEY}', token: 'agent' }] } });
  await create(gateway, { name: 'agent', ...TERMS, expires: '2s' });
  await served(gateway, key);
  await sleep(2100);
  assert.equal((await spend(gateway, key)).json.error, 'token_expired');
  await create(gateway, { name: 'agent', ...TERMS, expires: '1h' });
  await served(gateway, key);
});

test('fifty requests at once for one new name mint one token', async (t) => {
  const { gateway } = await httpShop(t);
  const answers = await together(50, () => create(gateway, { name: 'user-7', ...TERMS }));
  assert.deepEqual(tally(answers, (answer) => answer.status), { 200: 50 });
  assert.deepEqual(tally(answers, (answer) => answer.json.existing), { false: 1, true: 49 });
  assert.equal(new Set(answers.map((answer) => answer.token)).size, 1);
  await served(gateway, answers[49].token);
  assert.equal((await minted(gateway)).length, 1);
});

test('two thousand users come at once, and each has a budget', async (t) => {
  const { gateway } = await httpShop(t);
  const users = Array.from({ length: 2000 }, (_, i) => `user-${i}`);
  const ask = async (waiting, tokens = new Map()) => {
    await together(16, async () => {
      for (let name = waiting.pop(); name; name = waiting.pop()) {
        const answer = await create(gateway, { name, ...TERMS, daily_limit: 2 });
        assert.equal(answer.status, 200, answer.json.message);
        tokens.set(name, answer.token);
      }
    });
    return tokens;
  };
  const tokens = await ask([...users]);
  assert.equal(new Set(tokens.values()).size, users.length);
  const some = users.filter((_, i) => i % 40 === 0);
  const answers = await together(some.length, async (i) => {
    const statuses = [];
    for (let n = 0; n < 3; n++) statuses.push((await spend(gateway, tokens.get(some[i]))).status);
    return statuses.join(' ');
  });
  assert.deepEqual(tally(answers, (statuses) => statuses), { '200 200 402': some.length });
  await gateway.restart();
  const again = await ask([...some]);
  for (const name of some) assert.equal(again.get(name), tokens.get(name));
});
