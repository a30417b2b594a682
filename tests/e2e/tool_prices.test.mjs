// Prices of tools that depend on the call, what tools answered and is given again, and what servers
// ask their clients.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateMessageRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { atEnd, bearer, call, countFile, eventually, run, satgate, scratch, sleep, startGateway,
  together } from './gateway.mjs';
import { DENIAL, PRICE, connect, generations, modernCall, rpcResult } from './mcp_clients.mjs';
import { mcpShop } from './shops.mjs';

const CHARGE = 'io.satgate/charge';

const DRAWING = {
  price: {
    base: 0.01,
    perUnit: { argument: 'count', amount: 0.002, max: 1000 },
    byArgument: { argument: 'size', values: { small: 0.01, large: 0.1 }, default: 'large' },
  },
};

const shop = (t, tool, config = {}) => mcpShop(t, { tools: { search_code: tool }, config });

// A tools/call whose arguments are these very characters.
async function send(gateway, token, args) {
  const request = modernCall('search_code', {});
  const body = JSON.stringify(request.body).replace('"arguments":{}', `"arguments":${args}`);
  return call(`${gateway.url}/mcp`,
    { ...request, body, headers: { ...request.headers, ...bearer(token) } });
}

const charged = (result) => result._meta[CHARGE].cost;

test('tiers: each unit of a call costs what its tier says', async (t) => {
  const price = { perUnit: { argument: 'count', max: 5000,
    tiers: [{ upTo: 100, amount: 0.01 }, { upTo: 1000, amount: 0.005 }, { amount: 0.001 }] } };
  const { gateway } = await shop(t, { price });
  const client = await connect(t, 'v1', gateway.url,
    await gateway.token('agent', '--total-limit', '10'));
  const [listed] = (await client.listTools()).filter((tool) => tool.name === 'search_code');
  assert.equal(listed._meta[PRICE].cost, 9.5);
  assert.deepEqual(listed._meta[PRICE].parts.per_unit.tiers,
    [{ up_to: 100, amount: 0.01 }, { up_to: 1000, amount: 0.005 }, { amount: 0.001 }]);
  for (const [count, cost] of [[1, 0.01], [100, 1], [101, 1.005]])
    assert.equal(charged(await client.callTool('search_code', { count })), cost);
  const dear = await client.callTool('search_code', { count: 5000 });
  assert.equal(dear._meta[DENIAL].required_credits, 9.5);
});

for (const generation of generations) {
  test(`${generation}: a price by arguments is told, held and charged`, async (t) => {
    const { gateway, counts } = await shop(t, DRAWING);
    const client = await connect(t, generation, gateway.url,
      await gateway.token('agent', '--total-limit', '1'));
    const listed = (await client.listTools()).find((tool) => tool.name === 'search_code');
    assert.deepEqual(listed._meta[PRICE], {
      cost: 2.11, unit: 'credits', usd: '2.11', at_most: true,
      parts: {
        base: 0.01,
        per_unit: { argument: 'count', amount: 0.002, min: 1, max: 1000 },
        by_argument: { argument: 'size', values: { large: 0.1, small: 0.01 }, default: 'large' },
      },
    });
    assert.equal(charged(await client.callTool('search_code', { count: 5, size: 'small' })), 0.03);
    assert.equal(charged(await client.callTool('search_code', { count: 5 })), 0.12);
    // The bound of this very call decides, not that of the dearest.
    const dear = await client.callTool('search_code', { count: 1000, size: 'small' });
    assert.equal(dear._meta[DENIAL].error, 'request_exceeds_budget');
    assert.equal(dear._meta[DENIAL].required_credits, 2.02);
    const none = await client.callTool('search_code', { size: 'small' });
    assert.equal(none._meta[DENIAL].error, 'tool_denied');
    assert.equal(none._meta[DENIAL].message, 'argument `count` is missing; it must be at least 1 '
      + 'and must be at most 1000 and must be a whole number');
    assert.equal(countFile(counts), 2);
    assert.equal(await gateway.spent('agent'), 0.15);
  });
}

test('no way to write an argument makes a call cheaper than it is', async (t) => {
  const { gateway, counts } = await shop(t, DRAWING);
  const token = await gateway.token('agent', '--total-limit', '50');
  for (const args of [
    '{"count":1000,"count":1}',
    '{"count":1,"\\u0063ount":1000}',
    '{"count":1,"Count":1000}',
    '{"count":"1"}',
    '{"count":0}',
    '{"count":-1000}',
    '{"count":0.5}',
    '{"count":1e4}',
    '{"count":18446744073709551617}',
    '{"count":1e999999999999}',
    '{"count":null}',
    '{"count":true}',
    '{"count":[1,1000]}',
    '{"count":{"count":1}}',
    '{"count":1,"size":"LARGE"}',
    '{"count":1,"size":["small"]}',
    '{"count":1,"size":"small","size":"large"}',
    '{"count":1,"\\u017fize":"large","size":"small"}',
    '{}',
  ]) {
    const { result, error } = rpcResult(await send(gateway, token, args));
    if (!error) assert.equal(result._meta?.[DENIAL]?.error, 'tool_denied', args);
  }
  assert.equal(countFile(counts), 0);
  assert.equal(await gateway.spent('agent'), 0);
  for (const count of ['1000', '1e3', '1000.0', '10.00E+2']) {
    const { result } = rpcResult(await send(gateway, token, `{"count":${count},"size":"small"}`));
    assert.equal(charged(result), 2.02, count);
  }
});

test('an amount that an argument chooses may be for each of what another counts', async (t) => {
  const { gateway } = await shop(t, { price: {
    perUnit: { argument: 'count', max: 10 },
    byArgument: { argument: 'size', each: true, values: { small: 0.01, large: 0.1 } } } });
  const client = await connect(t, 'v1', gateway.url, await gateway.token('agent'));
  const [tool] = (await client.listTools()).filter(({ name }) => name === 'search_code');
  assert.equal(tool._meta[PRICE].cost, 1);
  assert.equal(tool._meta[PRICE].parts.by_argument.each, true);
  assert.equal(charged(await client.callTool('search_code', { count: 7, size: 'large' })), 0.7);
  assert.equal(charged(await client.callTool('search_code', { count: 7, size: 'small' })), 0.07);
});

test('satgate.budget says what this very call can cost', async (t) => {
  const { gateway } = await shop(t, DRAWING, { mcp: { agentTools: ['budget'] } });
  const client = await connect(t, 'v1', gateway.url,
    await gateway.token('agent', '--total-limit', '1'));
  const ask = async (args) => (await client.callTool('satgate.budget',
    { tool: 'search_code', ...args })).structuredContent;
  assert.equal((await ask({})).cost, 2.11);
  assert.equal((await ask({})).fits, false);
  const one = await ask({ arguments: { count: 1, size: 'small' } });
  assert.equal(one.cost, 0.022);
  assert.equal(one.fits, true);
  assert.equal((await ask({ arguments: { count: 0 } })).cost, undefined);
});

test('prices are told by the gateway and the admin API as bounds', async (t) => {
  const { gateway } = await shop(t, DRAWING);
  const told = await (await fetch(`${gateway.url}/.well-known/satgate`)).json();
  const tool = told.prices.find((price) => price.tool === 'search_code');
  assert.equal(tool.cost, 2.11);
  assert.equal(tool.at_most, true);
  assert.equal(tool.parts.per_unit.argument, 'count');
  const { prices } = await (await gateway.adminApi('/api/v1/prices')).json();
  const entry = prices.find((price) => price.name === 'search_code');
  assert.equal(entry.cost, 2.11);
  assert.equal(entry.at_most, true);
});

const BY_RESULT = { price: { base: 0.01, perResultKiB: 1.024, maxResultKiB: 2 } };

for (const generation of generations) {
  test(`${generation}: what came is charged; what is too large is withheld`, async (t) => {
    const { gateway, counts } = await shop(t, BY_RESULT);
    const client = await connect(t, generation, gateway.url,
      await gateway.token('agent', '--total-limit', '10'));
    const short = await client.callTool('search_code', { query: 'x' });
    const longer = await client.callTool('search_code', { query: 'x'.repeat(1001) });
    assert.ok(!short.isError);
    // A thousandth of a credit a byte.
    assert.equal(Math.round((charged(longer) - charged(short)) * 1e6), 1e6);
    assert.ok(charged(short) > 0.1 && charged(short) < 0.3);

    const huge = await client.callTool('search_code', { query: 'x'.repeat(4000) });
    assert.equal(huge.isError, true);
    assert.equal(charged(huge), 2.058);
    assert.equal(huge._meta[CHARGE].withheld, true);
    assert.match(huge.content[0].text, /more than the 2048 that the price of search_code covers/);
    assert.ok(!JSON.stringify(huge).includes('xxxx'));
    assert.equal(countFile(counts), 3);

    const events = await gateway.events('&decision=allow');
    assert.equal(events.length, 3);
    for (const event of events) assert.equal(event.quote, 2.058);
    assert.ok(events[2].usage.result_bytes > 4000);
    const sum = charged(short) + charged(longer) + charged(huge);
    assert.equal((await gateway.spent('agent')).toFixed(6), sum.toFixed(6));
  });
}

test('the bound of an answer is held: calls that would not fit are not sent', async (t) => {
  const { gateway, counts } = await shop(t, BY_RESULT);
  const client = await connect(t, 'v2-modern', gateway.url,
    await gateway.token('agent', '--total-limit', '2.05'));
  const denied = await client.callTool('search_code', { query: 'x' });
  assert.equal(denied._meta[DENIAL].error, 'request_exceeds_budget');
  assert.equal(countFile(counts), 0);
  const others = await connect(t, 'v2-modern', gateway.url,
    await gateway.token('others', '--total-limit', '5'));
  const results = await together(20, () => others.callTool('search_code', { query: 'x' }));
  const passed = results.filter((result) => !result.isError);
  assert.ok(passed.length >= 2);
  assert.equal(countFile(counts), passed.length);
  assert.ok(await gateway.spent('others') <= 5);
});

test('law 1: a storm of calls of all sizes never spends past the cap, and uses most of it',
  async (t) => {
    const { gateway, counts } = await shop(t, DRAWING);
    const client = await connect(t, 'v2-modern', gateway.url,
      await gateway.token('agent', '--total-limit', '3'));
    // From 0.022 to 0.13, so that small ones still fit where large ones do not.
    const results = await together(128, (i) => client.callTool('search_code',
      { count: 1 + (i % 11), size: i % 3 ? 'small' : 'large' }));
    const passed = results.filter((result) => !result.isError);
    const sum = passed.reduce((all, result) => all + charged(result), 0);
    assert.ok(passed.length < results.length, 'the cap was met');
    assert.equal(countFile(counts), passed.length, 'what was refused did not run');
    const spent = await gateway.spent('agent');
    assert.equal(spent.toFixed(6), sum.toFixed(6));
    assert.ok(spent <= 3 && spent > 2.7, `${spent} of 3`);
  });

test('law 1: of an answer that a crash has cut the bound is charged, not nothing', async (t) => {
  const { gateway } = await mcpShop(t, { tools: { slow_search: BY_RESULT } });
  const token = await gateway.token('agent', '--total-limit', '10');
  const request = modernCall('slow_search', { ms: 20_000 });
  const cut = call(`${gateway.url}/mcp`,
    { ...request, headers: { ...request.headers, ...bearer(token) } }).catch(() => {});
  await eventually('it is held', async () => {
    const status = await gateway.json('status');
    return JSON.stringify(status).includes('"calls_held":1');
  });
  await gateway.kill9();
  await cut;
  await gateway.start();
  assert.equal(await gateway.spent('agent'), 2.058, 'the most that the answer could have cost');
});

test('in observe a large answer is handed on', async (t) => {
  const { gateway } = await shop(t, BY_RESULT, { mode: 'observe' });
  const client = await connect(t, 'v1', gateway.url, await gateway.token('agent'));
  const huge = await client.callTool('search_code', { query: 'x'.repeat(4000) });
  assert.ok(!huge.isError);
  const [event] = await gateway.events('&decision=allow');
  assert.equal(event.cost, 2.058);
});

const KEPT = { cost: 1, cache: { ttl: '1h', cost: 0.1 } };

for (const generation of generations) {
  test(`${generation}: the same call is answered again, at the price of that`, async (t) => {
    const { gateway, counts } = await shop(t, KEPT);
    const client = await connect(t, generation, gateway.url,
      await gateway.token('agent', '--total-limit', '10'));
    const first = await client.callTool('search_code', { query: 'a' });
    const again = await client.callTool('search_code', { query: 'a' });
    assert.equal(charged(first), 1);
    assert.equal(first._meta[CHARGE].cache, undefined);
    assert.equal(charged(again), 0.1);
    assert.equal(again._meta[CHARGE].cache, 'hit');
    assert.ok(again._meta[CHARGE].age >= 0);
    assert.deepEqual(again.content, first.content);
    assert.deepEqual(again.structuredContent, first.structuredContent);
    assert.equal(charged(await client.callTool('search_code', { query: 'b' })), 1);
    assert.equal(countFile(counts), 2);
    assert.equal(await gateway.spent('agent'), 2.1);
    const hits = (await gateway.events()).filter((event) => event.code === 'cache_hit');
    assert.equal(hits.length, 1);
    assert.equal(hits[0].cost, 0.1);
    assert.equal(hits[0].tool, 'search_code');
  });
}

test('an answer is for whom the config says: a token, its parts, or everyone', async (t) => {
  const tool = (scope) => ({ cost: 1, cache: { ttl: '1h', scope } });
  const { gateway, counts } = await mcpShop(t, { tools: {
    search_code: tool('token'), review_code: tool('budget'), generate_report: tool('everyone') },
  config: { budgets: { team: { total: 100 } } } });
  const a = await gateway.token('a', '--budget', 'team');
  const part = (await gateway.json('token', 'attenuate', a, '--budget-max', '5')).token;
  const b = await gateway.token('b', '--budget', 'team');
  const c = await gateway.token('c');
  const clients = {};
  for (const [name, token] of Object.entries({ a, part, b, c })) {
    clients[name] = await connect(t, 'v2-modern', gateway.url, token);
  }
  const hits = async (tool) => {
    const found = [];
    for (const [name, client] of Object.entries(clients)) {
      const result = await client.callTool(tool, { query: 'x', path: 'x', topic: 'x' });
      if (result._meta[CHARGE].cache === 'hit') found.push(name);
    }
    return found;
  };
  assert.deepEqual(await hits('search_code'), ['part']);
  assert.deepEqual(await hits('review_code'), ['part', 'b']);
  assert.deepEqual(await hits('generate_report'), ['part', 'b', 'c']);
  assert.equal(countFile(counts), 3 + 2 + 1);
});

test('errors, other spellings and calls that say more are not answered again', async (t) => {
  const { gateway, counts } = await mcpShop(t, { tools: {
    search_code: KEPT, always_fails: KEPT } });
  const token = await gateway.token('agent');
  const client = await connect(t, 'v1', gateway.url, token);
  await client.callTool('always_fails', { why: 'x' });
  const failed = await client.callTool('always_fails', { why: 'x' });
  assert.equal(failed._meta[CHARGE].cache, undefined);
  assert.equal(countFile(counts), 2);

  const hit = async (args) => rpcResult(await send(gateway, token, args)).result
    ._meta[CHARGE].cache;
  assert.equal(await hit('{"query":"x"}'), undefined);
  assert.equal(await hit(' { "query" : "x" } '), 'hit');
  assert.equal(await hit('{"query":" x"}'), undefined);
  assert.equal(await hit('{"query":"x","other":1}'), undefined);
  const request = modernCall('search_code', { query: 'x' });
  request.body.params._meta['example.com/tenant'] = 'other';
  request.headers = { ...request.headers, ...bearer(token) };
  const told = await call(`${gateway.url}/mcp`, request);
  assert.equal(rpcResult(told).result._meta[CHARGE].cache, undefined);
  assert.equal(countFile(counts), 6);
});

test('a hit is a call like any other: limits, caveats and rules on arguments hold', async (t) => {
  const { gateway, counts } = await shop(t,
    { ...KEPT, arguments: { query: { pattern: '[a-z]+' } } });
  const token = await gateway.token('agent', '--total-limit', '1.15');
  const client = await connect(t, 'v2-modern', gateway.url, token);
  const says = async (query) => (await client.callTool('search_code', { query }))._meta;
  assert.equal((await says('x'))[CHARGE].cost, 1);
  assert.equal((await says('X'))[DENIAL].error, 'tool_denied');
  assert.equal((await says('x'))[CHARGE].cost, 0.1);
  assert.equal((await says('x'))[DENIAL].error, 'budget_exhausted');
  const narrow = (await gateway.json('token', 'attenuate', token, '--tools', 'review_code')).token;
  const other = await connect(t, 'v2-modern', gateway.url, narrow);
  const denied = await other.callTool('search_code', { query: 'x' });
  assert.equal(denied._meta[DENIAL].error, 'tool_denied');
  assert.equal(countFile(counts), 1);
});

test('an answer is forgotten after its time', async (t) => {
  const { gateway, counts } = await shop(t, { cost: 1, cache: { ttl: '1s' } });
  const client = await connect(t, 'v1', gateway.url, await gateway.token('agent'));
  await client.callTool('search_code', { query: 'x' });
  assert.equal(charged(await client.callTool('search_code', { query: 'x' })), 0);
  await sleep(1100);
  assert.equal(charged(await client.callTool('search_code', { query: 'x' })), 1);
  assert.equal(countFile(counts), 2);
});

// A server over stdio that asks for as many completions as its argument says.
const ASKING = `
import { createInterface } from 'node:readline';
const tell = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message })
  + '\\n');
let id, left, answers = [];
function ask() {
  if (left-- > 0) {
    return tell({ id: 'ask-' + left, method: 'sampling/createMessage', params: { maxTokens: 5,
      messages: [{ role: 'user', content: { type: 'text', text: 'hello' } }] } });
  }
  tell({ id, result: { content: [{ type: 'text', text: answers.join(' ') }] } });
}
for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line);
  if (message.method === 'initialize') {
    tell({ id: message.id, result: { protocolVersion: '2025-06-18', capabilities: { tools: {} },
      serverInfo: { name: 'asking', version: '1' } } });
  } else if (message.method === 'tools/list') {
    const think = { name: 'think', inputSchema: { type: 'object' } };
    tell({ id: message.id, result: { tools: [think] } });
  } else if (message.method === 'tools/call') {
    id = message.id;
    left = message.params.arguments.times;
    answers = [];
    ask();
  } else if (message.method === undefined) {
    answers.push(message.error ? message.error.message : 'answered');
    ask();
  } else if (message.id !== undefined) {
    tell({ id: message.id, error: { code: -32601, message: 'unknown' } });
  }
}
`;

test('what a server asks during a call is counted and bounded', async (t) => {
  const folder = scratch(t);
  const file = path.join(folder, 'asking.mjs');
  writeFileSync(file, ASKING);
  const gateway = await startGateway(t, { config: {
    mcpServers: { asking: { command: process.execPath, args: [file],
      policy: { price: 1, maxAsksPerCall: 3 } } },
    tools: { think: { cost: 1, cache: { ttl: '1h' } } },
  } });
  const token = await gateway.token('agent');
  const client = new Client({ name: 'satgate-e2e', version: '1.0.0' },
    { capabilities: { sampling: {} } });
  let asked = 0;
  client.setRequestHandler(CreateMessageRequestSchema, async () => {
    asked += 1;
    return { role: 'assistant', model: 'm', content: { type: 'text', text: 'hi' } };
  });
  await client.connect(new StreamableHTTPClientTransport(new URL(`${gateway.url}/mcp`),
    { requestInit: { headers: bearer(token) } }));
  atEnd(t, () => client.close());
  const think = (times) => client.callTool({ name: 'think', arguments: { times } });
  assert.equal((await think(2)).content[0].text, 'answered answered');
  assert.equal(asked, 2);
  const many = await think(5);
  assert.equal(asked, 5);
  assert.match(many.content[0].text, /^answered answered answered A call may ask its client 3/);
  assert.equal(charged(many), 1);
  const again = await think(2);
  assert.equal(again._meta[CHARGE].cache, undefined, 'its client was asked');
  assert.equal(charged(await think(0)), 1);
  assert.equal(charged(await think(0)), 0);
  const events = await gateway.events('&decision=allow');
  assert.deepEqual(events.map((event) => event.usage?.asks), [2, 5, 2, undefined, undefined]);
  const metrics = await (await fetch(`${gateway.admin}/metrics`)).text();
  assert.match(metrics, /^satgate_mcp_asks_total 9$/m);
});

test('config check tells what is wrong with a price, and where', async (t) => {
  const folder = scratch(t);
  const file = path.join(folder, 'satgate.yaml');
  writeFileSync(file, [
    'version: 1',
    'tools:',
    '  a: {cost: 1, price: {perUnit: {argument: n, amount: 1, max: 5}}}',
    '  b: {price: {perUnit: {argument: n, amount: 1}}}',
    '  c: {price: {perUnit: {argument: n, amount: 1, max: 5, default: 9}}}',
    '  d: {price: {byArgument: {argument: s, values: {x: 2}, other: 1}}}',
    '  e: {price: {base: 1}}',
    '  f: {price: {perResultKiB: 1}}',
    '  g: {cost: 1, cache: {scope: all}}',
    '  h: {price: {perUnit: {argument: n, amount: 9000000000, max: 1000000000}}}',
    '  i: {price: {perUnit: {argument: n, max: 10}}}',
  ].join('\n'));
  const { code, said } = await run(satgate, ['config', 'check', file]);
  assert.equal(code, 1, said);
  for (const mistake of [
    /line 3: tools\.a\.price: stands beside `cost`; choose one/,
    /line 11: tools\.i\.price\.perUnit\.amount: is missing; what does one unit cost\?/,
    /line 4: tools\.b\.price\.perUnit\.max: is missing; without it a call has no bound/,
    /line 5: tools\.c\.price\.perUnit\.default: must be from `min` to `max`/,
    /line 6: tools\.d\.price\.byArgument\.other: must be at least as much as each of `values`/,
    /line 7: tools\.e\.price: says no more than `cost` would/,
    /line 8: tools\.f\.price\.maxResultKiB: is missing; both or neither/,
    /line 9: tools\.g\.cache\.ttl: is missing/,
    /line 9: tools\.g\.cache\.scope: 'all' must be token, budget or everyone/,
    /line 10: tools\.h\.price: can cost more than money can count/,
  ]) assert.match(said, mistake);
});
