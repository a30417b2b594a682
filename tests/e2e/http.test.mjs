// Any HTTP API behind the gateway: prices, headers, refusals (articles [6] and [11]; CONTRACT.md).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearer, call } from './gateway.mjs';
import { httpShop } from './shops.mjs';

test('a call is priced by its endpoint and says so in headers', async (t) => {
  const { api, gateway } = await httpShop(t);
  const token = await gateway.token('agent', '--total-limit', '100');

  const first = await call(`${gateway.url}/api/search?q=x`, { headers: bearer(token) });
  assert.equal(first.status, 200);
  assert.equal(first.headers['x-cost-per-call'], '2.00 USD');
  assert.equal(first.headers['x-budget-remaining'], '98.00 USD');
  assert.equal(first.headers['x-satgate-decision'], 'allow');
  assert.match(first.headers['x-request-id'], /^[0-9a-f]{32}$/);
  assert.equal(first.json.path, '/api/search');
  assert.equal(first.json.query, 'q=x');

  const second = await call(`${gateway.url}/api/generate`, {
    method: 'POST', headers: bearer(token), body: { prompt: 'hello' },
  });
  assert.equal(second.status, 200);
  assert.equal(second.headers['x-budget-remaining'], '83.00 USD');
  assert.equal(second.json.body_bytes, JSON.stringify({ prompt: 'hello' }).length);

  const stats = await api.stats();
  assert.deepEqual(stats.paths, { '/api/generate': 1, '/api/search': 1 });
  assert.equal(await gateway.spent('agent'), 17);
});

test('the refusal tells a machine what it had, needed, and could do instead', async (t) => {
  const { api, gateway } = await httpShop(t);
  const token = await gateway.token('agent', '--total-limit', '18');
  const headers = bearer(token);
  assert.equal((await call(`${gateway.url}/api/generate`, { headers })).status, 200);

  const refused = await call(`${gateway.url}/api/generate`, { headers });
  assert.equal(refused.status, 402);
  assert.equal(refused.headers['x-should-retry'], 'false');
  assert.equal(refused.headers['retry-after'], undefined);
  assert.equal(refused.headers['x-satgate-decision'], 'deny');
  assert.match(refused.headers['content-type'], /^application\/json/);
  assert.equal(refused.json.error, 'budget_exhausted');
  assert.equal(refused.json.remaining_credits, 3);
  assert.equal(refused.json.required_credits, 15);
  assert.equal(refused.json.limit, 18);
  assert.equal(refused.json.spent, 15);
  assert.deepEqual(refused.json.cheapest_alternative, { endpoint: '/api/embed', cost: 1 });
  assert.equal(refused.json.request_id, refused.headers['x-request-id']);
  assert.equal(typeof refused.json.message, 'string');
  assert.equal((await api.stats()).calls, 1);

  // What is suggested works, and is really allowed by what is left.
  assert.equal((await call(`${gateway.url}/api/embed`, { headers })).status, 200);
});

test('a call that can never fit is told so before anything is spent', async (t) => {
  const { api, gateway } = await httpShop(t);
  const token = await gateway.token('small', '--total-limit', '10');
  const refused = await call(`${gateway.url}/api/generate/image`, { headers: bearer(token) });
  assert.equal(refused.status, 402);
  assert.equal(refused.json.error, 'request_exceeds_budget');
  assert.equal(refused.json.required_credits, 50);
  assert.equal(refused.json.cheapest_alternative.cost, 1);
  assert.equal((await api.stats()).calls, 0);
});

test('a used-up window says when it resets', async (t) => {
  const { gateway } = await httpShop(t);
  const token = await gateway.token('daily', '--daily-limit', '3');
  const headers = bearer(token);
  assert.equal((await call(`${gateway.url}/api/search`, { headers })).status, 200);
  const refused = await call(`${gateway.url}/api/search`, { headers });
  assert.equal(refused.status, 402);
  assert.equal(refused.json.error, 'budget_exceeded');
  assert.equal(refused.json.limit, 3);
  assert.equal(refused.json.spent, 2);
  assert.match(refused.json.resets_at, /^\d{4}-\d\d-\d\dT00:00:00Z$/);
  assert.ok(new Date(refused.json.resets_at) > new Date());
});

test('every way of not having a token is 401 with its own code', async (t) => {
  const { api, gateway } = await httpShop(t);
  const token = await gateway.token('good', '--total-limit', '10');
  const broken = token.slice(0, -6) + (token.endsWith('AAAAAA') ? 'BBBBBB' : 'AAAAAA');
  const expired = await gateway.json('token', 'attenuate', token, '--expires', '2020-01-01');
  const cases = [
    ['token_missing', {}],
    ['token_malformed', bearer('sg_not-a-macaroon')],
    ['token_malformed', bearer('macaroon_v1_agent42_budget500')],
    ['token_invalid', bearer(broken)],
    ['token_expired', bearer(expired.token)],
  ];
  for (const [code, headers] of cases) {
    const refused = await call(`${gateway.url}/api/search`, { headers });
    assert.equal(refused.status, 401, code);
    assert.equal(refused.json.error, code);
    assert.equal(refused.headers['x-should-retry'], 'false', code);
    assert.ok(!refused.text.includes(token.slice(3, 40)), 'no token is echoed');
  }
  assert.equal((await api.stats()).calls, 0);
});

test('credentials are accepted in every form of the contract', async (t) => {
  const { gateway } = await httpShop(t);
  const token = await gateway.token('forms', '--total-limit', '100');
  const bare = token.replace(/^sg_/, '');
  const hex = Buffer.from(bare, 'base64url').toString('hex');
  const forms = [
    { authorization: `Bearer ${token}` },
    { authorization: `bearer ${token}` },
    { authorization: `Bearer ${bare}` },
    { macaroon: hex },
    { 'grpc-metadata-macaroon': hex },
  ];
  for (const headers of forms) {
    const response = await call(`${gateway.url}/api/embed`, { headers });
    assert.equal(response.status, 200, JSON.stringify(Object.keys(headers)));
  }
});

test('two credentials are an ambiguity, not a choice', async (t) => {
  const { api, gateway } = await httpShop(t);
  const token = await gateway.token('twice', '--total-limit', '100');
  const response = await call(`${gateway.url}/api/embed`, {
    headers: { authorization: [`Bearer ${token}`, `Bearer ${token}`] },
  });
  assert.ok([400, 401].includes(response.status), `${response.status}`);
  assert.equal((await api.stats()).calls, 0);
});

test('the agent credential never travels upstream, the upstream credential does', async (t) => {
  const { gateway } = await httpShop(t, { upstream: { credential: 'sk-upstream-secret' } });
  const token = await gateway.token('secret', '--total-limit', '100');
  const bare = token.replace(/^sg_/, '');
  const hex = Buffer.from(bare, 'base64url').toString('hex');
  for (const headers of [bearer(token), { macaroon: hex }, { 'grpc-metadata-macaroon': hex }]) {
    const response = await call(`${gateway.url}/api/embed`, { headers });
    assert.equal(response.status, 200);
    const seen = Object.fromEntries(
      Object.entries(response.json.headers).map(([name, value]) => [name.toLowerCase(), value]));
    assert.equal(seen.authorization, 'Bearer sk-upstream-secret');
    const everything = JSON.stringify(response.json);
    assert.ok(!everything.includes(bare) && !everything.includes(hex), 'the token went upstream');
  }
});

test('no price means refusal in control', async (t) => {
  const { api, gateway } = await httpShop(t);
  const token = await gateway.token('agent', '--total-limit', '100');
  const refused = await call(`${gateway.url}/api/unpriced`, { headers: bearer(token) });
  assert.equal(refused.status, 503);
  assert.equal(refused.json.error, 'price_unknown');
  assert.equal(refused.headers['x-should-retry'], 'false');
  assert.equal((await api.stats()).calls, 0);
  assert.equal(await gateway.spent('agent'), 0);
});

test('a path that could be read in two ways does not reach the cheaper price', async (t) => {
  const { api, gateway } = await httpShop(t);
  const token = await gateway.token('agent', '--total-limit', '100');
  for (const path of ['/api/search/../generate/image', '/api/search/%2e%2e/generate/image',
    '/api//generate/image', '/api/search%2f..%2fgenerate/image']) {
    const response = await call(new URL(gateway.url).origin + path, { headers: bearer(token) });
    // Either refused, or charged as what the upstream was really asked for.
    if (response.status === 200) assert.equal(response.headers['x-cost-per-call'], '50.00 USD');
    else assert.ok(response.status >= 400, path);
  }
  const { calls, paths } = await api.stats();
  assert.equal(paths['/api/generate/image'] ?? 0, calls, JSON.stringify(paths));
});

test('what an endpoint pattern says is what it prices, the exact name first', async (t) => {
  const { gateway } = await httpShop(t, {
    endpoints: { '/api/*': { cost: 4 }, '/api/generate/*': { cost: 6 } },
  });
  const token = await gateway.token('agent', '--total-limit', '1000');
  const prices = { '/api/embed': '1.00', '/api/other': '4.00', '/api/generate/video': '6.00',
    '/api/generate/image': '50.00' };
  for (const [path, price] of Object.entries(prices)) {
    const response = await call(gateway.url + path, { headers: bearer(token) });
    assert.equal(response.headers['x-cost-per-call'], `${price} USD`, path);
  }
});

test('observe needs no token, passes the credential through and records the hole', async (t) => {
  const { api, gateway } = await httpShop(t, {
    upstream: { credential: 'passthrough', mode: 'observe' }, route: { mode: 'observe' },
  });
  const own = 'Bearer sk-the-agents-own-key';
  const response = await call(`${gateway.url}/api/search`, { headers: { authorization: own } });
  assert.equal(response.status, 200);
  assert.equal(response.json.headers.authorization ?? response.json.headers.Authorization, own);
  assert.equal(response.headers['x-cost-per-call'], '2.00 USD');

  const unpriced = await call(`${gateway.url}/api/unpriced`);
  assert.equal(unpriced.status, 200);
  assert.equal(unpriced.headers['x-satgate-would-deny'], 'price_unknown');
  assert.equal((await api.stats()).calls, 2);

  const events = (await gateway.events()).filter((event) => event.mode === 'observe');
  assert.deepEqual(events.map((event) => event.decision), ['allow', 'would_deny']);
  assert.match(events[0].subject, /^key-[0-9a-f]{8}$/, 'the key that it came with, by name');
  assert.equal(events[1].subject, 'anonymous');
  assert.ok(!JSON.stringify(events).includes('sk-the-agents-own-key'));
});

test('passthrough hands on a provider key, and never a credential of the gateway', async (t) => {
  const { gateway } = await httpShop(t, {
    upstream: { credential: 'passthrough', mode: 'observe' }, route: { mode: 'observe' },
  });
  const token = await gateway.token('agent', '--total-limit', '100');
  const basic = Buffer.from(`${token}:`).toString('base64');
  for (const [name, value] of [['authorization', `Bearer ${token}`], ['authorization', token],
    ['authorization', `Basic ${basic}`], ['x-api-key', token], ['macaroon', '0201']]) {
    const response = await call(`${gateway.url}/api/search`, { headers: { [name]: value } });
    assert.equal(response.status, 200, response.text);
    assert.equal(response.json.headers[name], undefined, `${name}: ${value}`);
  }
  // Both at once: only the provider's own goes on.
  const both = await call(`${gateway.url}/api/search`,
    { headers: { authorization: 'Bearer sk-own', 'x-api-key': token } });
  assert.equal(both.json.headers.authorization, 'Bearer sk-own');
  assert.ok(!both.text.includes(token));
});

test('observe with a token that is out of money still serves', async (t) => {
  const { gateway } = await httpShop(t, { route: { mode: 'observe' } });
  const token = await gateway.token('agent', '--total-limit', '2');
  const headers = bearer(token);
  assert.equal((await call(`${gateway.url}/api/search`, { headers })).status, 200);
  const over = await call(`${gateway.url}/api/search`, { headers });
  assert.equal(over.status, 200);
  assert.equal(over.headers['x-satgate-would-deny'], 'budget_exhausted');
});

test('an upstream that cannot be reached costs nothing', async (t) => {
  const { api, gateway } = await httpShop(t);
  const token = await gateway.token('agent', '--total-limit', '100');
  await api.child.stop();
  const response = await call(`${gateway.url}/api/search`, { headers: bearer(token) });
  assert.equal(response.status, 502);
  assert.equal(await gateway.spent('agent'), 0);
});

test('an answer that is cut half way is charged, and never looks complete', async (t) => {
  const { gateway } = await httpShop(t);
  const token = await gateway.token('agent', '--total-limit', '100');
  const response = await call(`${gateway.url}/api/search?cut=1`, { headers: bearer(token) });
  assert.ok(!response.complete || response.status === 502, response.text);
  assert.equal(await gateway.spent('agent'), 2);
});

test('large bodies pass in both directions', async (t) => {
  const { gateway } = await httpShop(t);
  const token = await gateway.token('agent', '--total-limit', '100');
  const body = Buffer.alloc(3_000_000, 'x');
  const response = await call(`${gateway.url}/api/embed?size=900000`, {
    method: 'POST', headers: bearer(token), body,
  });
  assert.equal(response.status, 200);
  assert.equal(response.json.body_bytes, body.length);
  assert.equal(response.json.filler.length, 900_000);
});

test('an upstream error is passed on and priced like any call', async (t) => {
  const { gateway } = await httpShop(t);
  const token = await gateway.token('agent', '--total-limit', '100');
  const response = await call(`${gateway.url}/api/search?status=503`, { headers: bearer(token) });
  assert.equal(response.status, 503);
  assert.equal(response.json.path, '/api/search');
});
