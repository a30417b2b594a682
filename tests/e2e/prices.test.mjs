// Prices that depend on more than the call: how many there were, when, how busy it is, how urgent,
// what somebody else says.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import path from 'node:path';
import test from 'node:test';
import { buy, challengeOf, listen } from './buying.mjs';
import { bearer, call, eventually, root, sleep, startGateway, together } from './gateway.mjs';
import { modernCall, rpcResult } from './mcp_clients.mjs';

// What the upstream is asked, and with which fields it answers.
async function startApi(t, fields = {}) {
  const seen = [];
  const url = await listen(t, (request, response) => {
    seen.push(request.url);
    response.writeHead(200, { 'content-type': 'application/json', ...fields });
    response.end('{}');
  });
  return { url, seen };
}

async function shop(t, endpoints, extra = {}, fields = {}) {
  const api = await startApi(t, fields);
  const gateway = await startGateway(t, { config: {
    currency: { usdPerSat: 0.0006 },
    lightning: { provider: 'dev' },
    upstreams: { api: { kind: 'http', url: api.url } },
    endpoints: structuredClone(endpoints),
    routes: [
      { name: 'paid', match: { pathPrefix: '/paid/' }, upstream: 'api', mode: 'charge' },
      { name: 'api', match: { pathPrefix: '/api/' }, upstream: 'api', mode: 'control' },
    ],
    ...extra,
  } });
  return { api, gateway, url: (path) => `${gateway.url}${path}` };
}

const tiered = (...tiers) => ({ volume: { tiers: tiers.map(([cost, upTo]) =>
  (upTo ? { upTo, cost } : { cost })) } });

test('a tool by volume: the list says the tiers, a call is charged its own', async (t) => {
  const gateway = await startGateway(t, { config: {
    mcpServers: { files: { command: 'python3',
      args: [path.join(root, 'src/flow/mcp/testdata/asking.py'), 'legacy'] } },
    tools: { '*': { cost: 0 }, told: tiered([0, 2], ['$0.01', 3], ['$0.001']) },
  } });
  const token = await gateway.token('agent', '--total-limit', '1');
  const send = async (request) => rpcResult(await call(`${gateway.url}/mcp`,
    { ...request, headers: { ...request.headers, ...bearer(token) } }));
  const listing = modernCall('');
  listing.headers['mcp-method'] = listing.body.method = 'tools/list';
  delete listing.headers['mcp-name'];
  delete listing.body.params.name;
  delete listing.body.params.arguments;
  const list = await send(listing);
  const told = list.result.tools.find((one) => one.name === 'told');
  assert.match(JSON.stringify(told._meta), /"tiers":\[\{"up_to":2,"cost":0\}/);
  const spent = [];
  for (let i = 0; i < 5; ++i) {
    await send(modernCall('told', {}, i + 2));
    spent.push(await gateway.spent('agent'));
  }
  assert.deepEqual(spent, [0, 0, 0.01, 0.011, 0.012]);
});

test('call 101 past the free tier is for sale', async (t) => {
  const { api, url, gateway } = await shop(t, { '/paid/*': tiered([0, 100], ['$0.006']) });
  for (let i = 0; i < 100; ++i) {
    const answer = await call(url('/paid/one'));
    assert.equal(answer.status, 200, `call ${i + 1}: ${answer.text}`);
  }
  const answer = await call(url('/paid/one'));
  assert.equal(answer.status, 402, answer.text);
  challengeOf(answer);
  assert.equal(answer.json.amount_sats, 10);
  assert.equal(api.seen.length, 100);
  const { headers } = await buy(gateway, url('/paid/one'));
  assert.equal((await call(url('/paid/two'), { headers })).status, 402, 'it is of this path');
  const paid = await call(url('/paid/one'), { headers });
  assert.equal(paid.status, 200, paid.text);
  assert.equal(paid.headers['x-cost-per-call'], '0.006 USD', 'what is free is for others');
  const again = await call(url('/paid/one'), { headers });
  assert.equal(again.status, 402, 'a paid token brings no free calls');
  assert.equal(api.seen.length, 101);
});

test('a thousand at one price, the next ten thousand at another', async (t) => {
  const { gateway, url } = await shop(t,
    { '/api/*': tiered(['$0.01', 10], ['$0.005', 30], ['$0.001']) });
  const token = await gateway.token('agent', '--total-limit', '10');
  const other = await gateway.token('other', '--total-limit', '10');
  const cost = async (who) =>
    (await call(url('/api/x'), { headers: bearer(who) })).headers['x-cost-per-call'];
  for (let i = 0; i < 10; ++i) assert.equal(await cost(token), '0.01 USD', `call ${i + 1}`);
  assert.equal(await cost(token), '0.005 USD');
  assert.equal(await cost(other), '0.01 USD', 'of another token');
  for (let i = 0; i < 19; ++i) await cost(token);
  assert.equal(await cost(token), '0.001 USD', 'call 31');
  assert.equal(await gateway.spent('agent'), 0.1 + 0.1 + 0.001);
  await gateway.restart();
  assert.equal(await cost(token), '0.001 USD', 'a restart forgets none');
});

test('256 at once: each tier has as many as it has', async (t) => {
  const { gateway, url, api } = await shop(t,
    { '/api/*': tiered([0, 20], ['$0.01', 120], ['$0.001']) });
  const token = await gateway.token('agent', '--total-limit', '10');
  const answers = await together(256, () => call(url('/api/x'), { headers: bearer(token) }));
  const costs = answers.map((one) => one.headers['x-cost-per-call']);
  const count = (text) => costs.filter((one) => one === text).length;
  assert.deepEqual([count('0.00 USD'), count('0.01 USD'), count('0.001 USD')], [20, 100, 136]);
  assert.equal(api.seen.length, 256);
  assert.equal(await gateway.spent('agent'), 1.136);
});

test('strangers at once: no more free calls than there are', async (t) => {
  const { url, api } = await shop(t, { '/paid/*': tiered([0, 7], ['$0.006']) });
  const answers = await together(64, () => call(url('/paid/one')));
  const statuses = answers.map((one) => one.status);
  assert.equal(statuses.filter((one) => one === 200).length, 7);
  assert.equal(statuses.filter((one) => one === 402).length, 57, statuses.join());
  assert.equal(api.seen.length, 7);
});

test('a kill gives nobody more free calls, nor one more at a price', async (t) => {
  const { gateway, url, api } = await shop(t,
    { '/api/*': tiered([0, 20], ['$0.01', 40], ['$0.001']) });
  const token = await gateway.token('agent', '--total-limit', '10');
  const work = (count) => together(count, () => call(url('/api/x'), { headers: bearer(token) }));
  const free = (answers) =>
    answers.filter((one) => one.headers['x-cost-per-call'] === '0.00 USD').length;
  let given = free(await work(12));
  assert.equal(given, 12);
  const cut = work(64);
  await sleep(15);
  await gateway.kill9();
  given += free(await cut);
  await gateway.start();
  const rest = await work(64);
  given += free(rest);
  assert.ok(given <= 20, `${given} free calls`);
  assert.ok(await gateway.spent('agent') >= (api.seen.length - 40) * 0.001, 'none is forgotten');
});

test('a call that fails gives its place back', async (t) => {
  const { gateway, url } = await shop(t, { '/api/*': tiered([0, 2], ['$0.01']) },
    { upstreams: { api: { kind: 'http', url: 'http://127.0.0.1:9' } } });
  const token = await gateway.token('agent', '--total-limit', '10');
  for (let i = 0; i < 5; ++i) {
    assert.equal((await call(url('/api/x'), { headers: bearer(token) })).status, 502);
  }
  assert.equal(await gateway.spent('agent'), 0);
});

test('how urgent it is: by a header, which is charged for', async (t) => {
  const dynamic = { priority: { header: 'x-urgency', factors: { high: 3, low: 0.5 } } };
  const { gateway, url } = await shop(t,
    { '/api/*': { cost: '$0.01', dynamic }, '/paid/*': { cost: '$0.006', dynamic } });
  const token = await gateway.token('agent', '--total-limit', '10');
  const cost = async (urgency) => (await call(url('/api/x'),
    { headers: { ...bearer(token), ...urgency } })).headers['x-cost-per-call'];
  assert.equal(await cost({}), '0.01 USD');
  assert.equal(await cost({ 'x-urgency': 'high' }), '0.03 USD');
  assert.equal(await cost({ 'x-urgency': 'low' }), '0.005 USD');
  assert.equal(await cost({ 'x-urgency': 'free' }), '0.01 USD');
  const dear = await call(url('/paid/x'), { headers: { 'x-urgency': 'high' } });
  assert.equal(dear.json.amount_sats, 30);
  const { headers } = await buy(gateway, url('/paid/x'), { 'x-urgency': 'low' });
  const agreed = await call(url('/paid/x'), { headers: { ...headers, 'x-urgency': 'high' } });
  assert.equal(agreed.status, 402, 'what was paid for calls without haste buys none in haste');
});

test('demand: the price rises with the calls in flight, and falls again', async (t) => {
  const waiting = [];
  const slow = await listen(t, (request, response) => {
    if (request.url === '/api/slow') waiting.push(response);
    else response.end('{}');
  });
  const { gateway, url } = await shop(t, { '/api/*': { cost: '$0.01', dynamic: { load: [
    { above: 2, factor: 2 }, { above: 5, factor: 4 }] } } },
  { upstreams: { api: { kind: 'http', url: slow } } });
  const token = await gateway.token('agent', '--total-limit', '10');
  const cost = async () => (await call(url('/api/x'), { headers: bearer(token) }))
    .headers['x-cost-per-call'];
  assert.equal(await cost(), '0.01 USD');
  const held = together(3, () => call(url('/api/slow'), { headers: bearer(token) }));
  while (waiting.length < 3) await sleep(10);
  assert.equal(await cost(), '0.02 USD');
  const more = together(3, () => call(url('/api/slow'), { headers: bearer(token) }));
  while (waiting.length < 6) await sleep(10);
  assert.equal(await cost(), '0.04 USD');
  for (const response of waiting) response.end('{}');
  await Promise.all([held, more]);
  assert.equal(await cost(), '0.01 USD');
});

test('the upstream says what it was: held at most, charged by what it said', async (t) => {
  const dynamic = { upstreamCost: { header: 'x-upstream-cost', factor: 1.5 }, max: '$0.50' };
  const endpoints = { '/api/*': { cost: '$0.05', dynamic } };
  const costs = { '$0.02': 0.03, '0.1': 0.15, nonsense: 0.05 };
  for (const [said, charged] of Object.entries(costs)) {
    const { gateway, url } = await shop(t, endpoints, {}, { 'x-upstream-cost': said });
    const token = await gateway.token('agent', '--total-limit', '0.6');
    const answer = await call(url('/api/x'), { headers: bearer(token) });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(await gateway.spent('agent'), charged, said);
    const second = await call(url('/api/x'), { headers: bearer(token) });
    const fits = charged + 0.5 <= 0.6;
    assert.equal(second.status, fits ? 200 : 402, 'the most that it can cost is held');
  }
});

test('an upstream that says more than it may cost: an overrun, and somebody looks', async (t) => {
  const dynamic = { upstreamCost: { header: 'x-upstream-cost' }, max: '$0.50' };
  const { gateway, url } = await shop(t, { '/api/*': { cost: '$0.05', dynamic } }, {},
    { 'x-upstream-cost': '$9' });
  const token = await gateway.token('agent', '--total-limit', '5');
  const once = () => call(url('/api/x'), { headers: bearer(token) });
  assert.equal((await once()).status, 200);
  assert.equal(await gateway.spent('agent'), 0.5);
  const blocked = await once();
  assert.equal(blocked.json.error, 'account_blocked', blocked.text);
  assert.equal((await gateway.events()).filter((one) => one.event === 'overrun').length, 1);
});

async function startPricer(t, answer) {
  const asked = [];
  const url = await listen(t, async (request, response) => {
    let body = '';
    for await (const piece of request) body += piece;
    asked.push(JSON.parse(body));
    await answer(response, JSON.parse(body));
  });
  return { url: `${url}/price`, asked };
}

test('somebody else says the price, and is asked once in a while', async (t) => {
  const pricer = await startPricer(t, (response, { endpoint }) =>
    response.end(JSON.stringify({ cost: endpoint === '/api/dear' ? '$7' : 0.02 })));
  const dynamic = { pricer: { url: pricer.url, keep: '1m' }, max: '$0.50' };
  const { gateway, url } = await shop(t,
    { '/api/*': { cost: '$0.01', dynamic }, '/paid/*': { cost: '$0.01', dynamic } });
  const token = await gateway.token('agent', '--total-limit', '10');
  const cost = async (path) => (await call(url(path), { headers: bearer(token) }))
    .headers['x-cost-per-call'];
  assert.equal(await cost('/api/x'), '0.02 USD');
  assert.equal(await cost('/api/dear'), '0.50 USD', 'never more than `max`');
  const before = pricer.asked.length;
  for (let i = 0; i < 5; ++i) await cost('/api/x');
  assert.ok(pricer.asked.length - before <= 2, 'a loop of the gateway asks once');
  const [question] = pricer.asked;
  assert.deepEqual({ ...question, in_flight: 0 }, { endpoint: '/api/x', route: 'api',
    method: 'GET', tool: '', token: 'agent', cost: 0.01, in_flight: 0 });
  const sold = await call(url('/paid/x'));
  assert.equal(sold.json.amount_sats, 34, '$0.02 at $0.0006, rounded up');
});

test('a pricer that does not answer: the config\'s price, or no call', async (t) => {
  const answers = {
    silent: () => {},
    broken: (response) => response.end('{"cost":'),
    negative: (response) => response.end('{"cost":-1}'),
    refusing: (response) => { response.statusCode = 500; response.end(); },
    huge: (response) => response.end(`{"cost":1,"x":"${'x'.repeat(100_000)}"}`),
  };
  for (const [name, answer] of Object.entries(answers)) {
    const pricer = await startPricer(t, answer);
    const of = (onFailure) => ({ cost: '$0.01',
      dynamic: { pricer: { url: pricer.url, timeoutMs: 300, onFailure }, max: '$0.50' } });
    const { gateway, url } = await shop(t,
      { '/api/soft': of('cost'), '/api/hard': of('refuse'), '/paid/hard': of('refuse') });
    const token = await gateway.token('agent', '--total-limit', '10');
    const soft = await call(url('/api/soft'), { headers: bearer(token) });
    assert.equal(soft.headers['x-cost-per-call'], '0.01 USD', name);
    const hard = await call(url('/api/hard'), { headers: bearer(token) });
    assert.equal(hard.status, 503, `${name}: ${hard.text}`);
    assert.equal(hard.json.error, 'price_unknown');
    assert.equal((await call(url('/paid/hard'))).status, 503, 'nothing to buy either');
    assert.equal(await gateway.spent('agent'), 0.01);
  }
});

test('mistakes are told at their place', async (t) => {
  const endpoints = {
    '/a': { cost: 1, volume: { tiers: [{ cost: 1 }] } },
    '/b': { volume: { tiers: [{ upTo: 5, cost: 1 }] } },
    '/c': { volume: { tiers: [{ upTo: 5, cost: 1 }, { upTo: 5, cost: 1 }, { cost: 0 }] } },
    '/d': { dynamic: {} },
    '/e': { cost: 1, dynamic: { pricer: { url: 'http://127.0.0.1:1' } } },
    '/f': { cost: 1, dynamic: { times: [{ days: ['sonntag'], from: '25:00', factor: -1 }] } },
    '/g': { cost: 1, dynamic: { load: [{ factor: 2 }], priority: {} } },
  };
  const error = await shop(t, endpoints).catch((e) => e.message);
  for (const place of ['endpoints./a.volume', 'endpoints./b.volume.tiers',
    'endpoints./c.volume.tiers', 'endpoints./d.dynamic', 'endpoints./e.dynamic.max',
    'endpoints./f.dynamic.times[0].days', 'endpoints./f.dynamic.times[0].from',
    'endpoints./f.dynamic.times[0].factor', 'endpoints./f.dynamic.times[0].to',
    'endpoints./g.dynamic.load[0].above', 'endpoints./g.dynamic.priority.factors']) {
    assert.ok(error.includes(place), `${place} in\n${error}`);
  }
});

const SECRET = 'a secret of sixteen or more';

async function tell(gateway, id, success, secret = SECRET) {
  const body = JSON.stringify({ success });
  const mac = createHmac('sha256', secret).update(`${id}.${body}`).digest('hex');
  return call(`${gateway.url}/.well-known/satgate/outcomes/${id}`, { method: 'POST', body,
    headers: { 'content-type': 'application/json', 'x-satgate-signature': `sha256=${mac}` } });
}

async function outcomeShop(t, outcome = {}) {
  const { gateway, url } = await shop(t,
    { '/api/*': { cost: 1, outcome: { secret: SECRET, ...outcome } } });
  const token = await gateway.token('agent', '--total-limit', '3');
  const work = async () => {
    const answer = await call(url('/api/x'), { headers: bearer(token) });
    return { answer, id: answer.headers['x-request-id'] };
  };
  return { gateway, url, work };
}

test('paid by what came of it: held, then charged or given back', async (t) => {
  const { gateway, work } = await outcomeShop(t);
  const calls = [await work(), await work(), await work()];
  for (const { answer } of calls) assert.equal(answer.status, 200, answer.text);
  const full = await work();
  assert.equal(full.answer.status, 402, 'what is held counts against the cap');
  assert.equal(full.answer.json.error, 'budget_in_flight');
  assert.equal(await gateway.spent('agent'), 0);

  const forged = await tell(gateway, calls[0].id, true, 'another secret of some length');
  assert.equal(forged.status, 403);
  assert.equal((await tell(gateway, 'req_unknown', true)).status, 404);
  assert.equal((await tell(gateway, calls[0].id, 'yes')).status, 400);
  const told = await tell(gateway, calls[0].id, true);
  assert.deepEqual([told.status, told.json], [200, { charged: true }]);
  assert.equal((await tell(gateway, calls[0].id, false)).status, 404, 'it is decided once');
  assert.deepEqual((await tell(gateway, calls[1].id, false)).json, { charged: false });
  assert.equal(await gateway.spent('agent'), 1);
  const metrics = await (await gateway.adminApi('/metrics')).text();
  assert.match(metrics, /^satgate_spent_credits_total 1$/m);
  assert.equal((await work()).answer.status, 200, 'what was given back can be spent');
  const events = (await gateway.events()).filter((one) => one.request_id);
  const of = (id) => events.filter((one) => one.request_id === id);
  assert.deepEqual(of(calls[0].id).map((one) => [one.cost, one.detail]),
    [[undefined, 'answered; its outcome is still to be told'], [1, 'the outcome was a success']]);
  assert.deepEqual(of(calls[1].id).map((one) => [one.cost, one.detail]),
    [[undefined, 'answered; its outcome is still to be told'],
      [0, 'the outcome was no success']]);
  assert.deepEqual(of(calls[2].id).map((one) => one.event), ['call'], 'it has no end yet');
});

test('by outcome and for sale: what was earned is known when it is told', async (t) => {
  const { gateway, url } = await shop(t, { '/paid/*': { cost: '$0.006', share: { acme: '50%' },
    outcome: { secret: SECRET } } });
  const earned = async () => (await gateway.json('report', 'revenue', '--by', 'route')).rows;
  const { headers } = await buy(gateway, url('/paid/one'));
  const answer = await call(url('/paid/one'), { headers });
  assert.equal(answer.status, 200, answer.text);
  assert.equal((await call(url('/paid/one'), { headers })).status, 402, 'it is held');
  assert.deepEqual(await earned(), [{ key: 'paid', calls: 1, earned: 0, earned_msat: 0 }]);
  assert.equal((await tell(gateway, answer.headers['x-request-id'], true)).status, 200);
  assert.deepEqual(await earned(), [{ key: 'paid', calls: 1, earned: 0.006, earned_msat: 10_000 }]);
  const [told] = (await gateway.events()).filter((one) => one.event === 'outcome');
  assert.deepEqual([told.cost, told.shares], [0.006, { acme: 0.003 }]);
});

test('an outcome that nobody tells', async (t) => {
  for (const [otherwise, spent] of [['charge', 1], ['release', 0]]) {
    const { gateway, work } = await outcomeShop(t, { timeout: '1s', otherwise });
    const { id } = await work();
    await eventually('it is over', async () =>
      (await gateway.events()).some((one) => one.event === 'outcome' && one.request_id === id));
    assert.equal(await gateway.spent('agent'), spent, otherwise);
    const later = await work();
    await gateway.restart();
    assert.equal((await tell(gateway, later.id, true)).status, 404, 'a stop has ended it');
    assert.equal(await gateway.spent('agent'), 2 * spent);
    const last = await work();
    await gateway.kill9();
    await gateway.start();
    const kept = (await gateway.events()).filter((one) => one.request_id === last.id);
    assert.ok(kept.some((one) => one.event === 'call'), 'who has the answer knows it is recorded');
    assert.equal(await gateway.spent('agent'), 2 * spent + 1, 'a crash charges what is held');
  }
});
