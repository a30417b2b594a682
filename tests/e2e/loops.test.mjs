// The loop guard: the same call again and again is refused or marked, whoever helps to make it look
// different, and what only looks the same passes (docs/decisions/0021-loop-guard.md).
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { bearer, call, eventually, sleep, tally, together } from './gateway.mjs';
import { httpShop, llmShop, mcpShop } from './shops.mjs';

const GUARD = { loopGuard: { repeats: 3, window: '60s' } };

function post(gateway, token, body, extra = {}) {
  return call(`${gateway.url}/api/embed`,
    { method: 'POST', headers: bearer(token), body, ...extra });
}

function toolCall(gateway, token, id, params) {
  const body = typeof params === 'string'
    ? `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${params}}`
    : { jsonrpc: '2.0', id, method: 'tools/call', params };
  return call(`${gateway.url}/mcp`, { method: 'POST', headers: bearer(token), body });
}

test('exactly so many of the same call pass, over all loops of the gateway', async (t) => {
  const { api, gateway } = await httpShop(t, { config: { ...GUARD } },
    { server: { threads: 4 } });
  const token = await gateway.token('stuck');
  const all = await together(40, () => post(gateway, token, { q: 'again' }));
  assert.deepEqual(tally(all, (one) => one.status), { 200: 3, 429: 37 });
  assert.equal((await api.stats()).calls, 3);
  assert.equal(await gateway.spent('stuck'), 3);
  for (const refused of all.filter((one) => one.status === 429)) {
    assert.equal(refused.json.error, 'loop_detected');
    assert.equal(refused.headers['x-should-retry'], 'false');
    assert.equal(refused.headers['x-satgate-decision'], 'deny');
    assert.equal(refused.headers['retry-after'], `${refused.json.retry_after_seconds}`);
    assert.ok(refused.json.retry_after_seconds >= 50 && refused.json.retry_after_seconds <= 60);
    assert.equal(refused.json.cheapest_alternative, undefined);
  }
  const events = await gateway.events('&code=loop_detected');
  assert.equal(events.length, 37);
  assert.deepEqual(events.map((event) => event.loop_repeats).sort((a, b) => a - b),
    Array.from({ length: 37 }, (_, i) => i + 4));
  const metrics = await (await fetch(`${gateway.admin}/metrics`)).text();
  assert.match(metrics, /satgate_refusals_total\{code="loop_detected"\} 37/);
});

test('who waits as long as it was told passes, and only then', async (t) => {
  const { gateway } = await httpShop(t, { config: { loopGuard: { repeats: 2, window: '2s' } } });
  const token = await gateway.token('patient');
  for (let turn = 0; turn < 2; turn++) {
    for (const status of [200, 200, 429, 429]) {
      assert.equal((await post(gateway, token, 'x')).status, status);
    }
    const refused = await post(gateway, token, 'x');
    assert.ok([1, 2].includes(refused.json.retry_after_seconds), refused.text);
    await sleep(refused.json.retry_after_seconds * 1000);
  }
});

test('another token, path, query, method or body is another call', async (t) => {
  const { gateway } = await httpShop(t, { config: { ...GUARD } });
  const [one, two] = [await gateway.token('one'), await gateway.token('two')];
  for (let i = 0; i < 3; i++) assert.equal((await post(gateway, one, 'same')).status, 200);
  assert.equal((await post(gateway, one, 'same')).status, 429);
  assert.equal((await post(gateway, two, 'same')).status, 200);
  assert.equal((await post(gateway, one, 'other')).status, 200);
  assert.equal((await post(gateway, one, '')).status, 200);
  assert.equal((await post(gateway, one, 'same', { method: 'PUT' })).status, 200);
  for (const target of ['/api/embed?a=1', '/api/embed?a=2', '/api/search']) {
    const answer = await call(`${gateway.url}${target}`,
      { method: 'POST', headers: bearer(one), body: 'same' });
    assert.equal(answer.status, 200, target);
  }
});

test('children, harmless caveats and spellings of the path do not escape', async (t) => {
  const { gateway } = await httpShop(t, { config: { ...GUARD } });
  const token = await gateway.token('parent', '--total-limit', '100');
  const child = (await gateway.json('token', 'attenuate', token, '--holder', 'a')).token;
  const other = (await gateway.json('token', 'attenuate', token, '--budget-max', '50')).token;
  const minted = (await gateway.json('mint', '--parent', 'parent', '--budget', '20',
    '--holder', 'b')).token;
  for (const one of [token, child, other]) {
    assert.equal((await post(gateway, one, 'same')).status, 200);
  }
  for (const one of [token, child, other, minted]) {
    const refused = await post(gateway, one, 'same');
    assert.equal(refused.json.error, 'loop_detected');
  }
  const spelled = await call(`${gateway.url}/api/%65mbed`,
    { method: 'POST', headers: bearer(child), body: 'same', });
  assert.equal(spelled.json.error, 'loop_detected');
  // Fields that do not reach the content do not make another call.
  const dressed = await call(`${gateway.url}/api/embed`,
    { method: 'POST', headers: bearer(child, { 'x-nonce': '17' }), body: 'same' });
  assert.equal(dressed.json.error, 'loop_detected');
});

test('large and chunked bodies are streamed, so they are not counted', async (t) => {
  const { gateway } = await httpShop(t, { config: { ...GUARD } });
  const token = await gateway.token('stream');
  const small = 'x'.repeat(64 * 1024);
  const large = `${small}x`;
  for (let i = 0; i < 6; i++) {
    assert.equal((await post(gateway, token, large)).status, 200);
    assert.equal((await post(gateway, token, small)).status, i < 3 ? 200 : 429);
  }
  for (let i = 0; i < 6; i++) {
    const answer = await fetch(`${gateway.url}/api/embed`, { method: 'POST', duplex: 'half',
      headers: bearer(token), body: new Blob(['abc']).stream() });
    assert.equal(answer.status, 200);
    assert.equal((await answer.json()).body_bytes, 3);
  }
});

test('a body that was read ahead reaches the upstream, and one that is cut costs nothing',
  async (t) => {
    const { api, gateway } = await httpShop(t, { config: { ...GUARD } });
    const token = await gateway.token('ahead');
    for (const size of [0, 1, 8191, 16_384, 65_536, 65_537]) {
      const answer = await post(gateway, token, 'y'.repeat(size));
      assert.equal(answer.json.body_bytes, size);
    }
    const spent = await gateway.spent('ahead');
    const { calls } = await api.stats();
    const cut = call(`${gateway.url}/api/embed`, { method: 'POST',
      headers: bearer(token, { 'content-length': '100' }), timeout: 500 });
    assert.notEqual((await cut).status, 200);
    await eventually('the hold is given back', async () => {
      const shown = await gateway.json('token', 'show', 'ahead');
      return Number(shown.spent) === spent && !(Number(shown.held) > 0);
    });
    assert.equal((await api.stats()).calls, calls);
  });

test('MCP: ids, _meta and white space do not make another call, arguments do', async (t) => {
  const { gateway } = await mcpShop(t, { config: { ...GUARD, mcp: { denial: 'jsonrpc' } } });
  const token = await gateway.token('agent');
  const spellings = [
    '{"name":"search_code","arguments":{"query":"a b","n":[1,2]}}',
    '{"arguments": { "query" : "a b", "n": [1, 2]\n}, "name":"search_code"}',
    '{"name":"search_code","_meta":{"nonce":5},"arguments":{"query":"a b","n":[1,2]}}',
  ];
  for (const [i, params] of spellings.entries()) {
    assert.ok((await toolCall(gateway, token, i, params)).json.result, params);
  }
  const { error } = (await toolCall(gateway, token, 99, spellings[0])).json;
  assert.equal(error.code, -32004);
  assert.equal(error.data.error, 'loop_detected');
  assert.ok(error.data.retry_after_seconds > 50 && error.data.retry_after_seconds <= 60);
  // White space inside of a string is content.
  for (const query of ['ab', 'a  b', 'a b"', 'a b\\" ']) {
    const answer = await toolCall(gateway, token, 1,
      { name: 'search_code', arguments: { query, n: [1, 2] } });
    assert.ok(answer.json.result, query);
  }
  // No arguments and empty ones are the same.
  for (const params of ['{"name":"slow_search"}', '{"name":"slow_search","arguments":{}}',
    '{"name":"slow_search","arguments":{ }}']) {
    await toolCall(gateway, token, 1, params);
  }
  const empty = await toolCall(gateway, token, 1, '{"name":"slow_search"}');
  assert.equal(empty.json.error.data.error, 'loop_detected');
});

test('MCP: the other styles of a denial, and a batch of one call', async (t) => {
  for (const [denial, status] of [['result', 200], ['http', 429]]) {
    const { gateway } = await mcpShop(t, { config: { ...GUARD, mcp: { denial } } });
    const token = await gateway.token('agent');
    const params = { name: 'search_code', arguments: { query: 'x' } };
    const one = (id) => ({ jsonrpc: '2.0', id, method: 'tools/call', params });
    const batch = await call(`${gateway.url}/mcp`, { method: 'POST', headers: bearer(token),
      body: [one(1), one(2), one(3), one(4)] });
    assert.equal(batch.json.length, 4);
    assert.match(JSON.stringify(batch.json[3]), /loop_detected/);
    assert.doesNotMatch(JSON.stringify(batch.json.slice(0, 3)), /loop_detected/);
    const refused = await toolCall(gateway, token, 5, params);
    assert.equal(refused.status, status);
    assert.match(refused.text, /loop_detected/);
    if (denial === 'result') assert.match(refused.json.result.content[0].text, /Wait \d+ seconds/);
  }
});

test('LLM: the same chat request is a loop, another message is not', async (t) => {
  const { llm, gateway } = await llmShop(t, { config: { ...GUARD } });
  const token = await gateway.token('chat');
  const chat = (content, extra = {}) => call(`${gateway.url}/v1/chat/completions`, {
    method: 'POST', headers: bearer(token),
    body: { model: 'demo-flat', messages: [{ role: 'user', content }], ...extra },
  });
  for (let i = 0; i < 3; i++) assert.equal((await chat('same')).status, 200);
  const refused = await chat('same');
  assert.equal(refused.status, 429);
  assert.equal(refused.json.error.code, 'loop_detected');
  assert.ok(refused.json.error.retry_after_seconds > 50);
  assert.equal((await chat('other')).status, 200);
  assert.equal((await chat('same', { stream: true })).status, 200);
  assert.equal((await llm.stats()).calls, 5);
});

test('alert lets the call pass, marks its event and warns once', async (t) => {
  const { api, gateway } = await httpShop(t,
    { config: { loopGuard: { repeats: 3, window: '60s', action: 'alert' } } });
  const token = await gateway.token('loud');
  const all = await together(10, () => post(gateway, token, 'same'));
  assert.deepEqual(tally(all, (one) => one.status), { 200: 10 });
  assert.equal((await api.stats()).calls, 10);
  const events = (await gateway.events()).filter((event) => event.event === 'call');
  const marked = events.filter((event) => event.loop_repeats !== undefined);
  assert.equal(marked.length, 7);
  assert.ok(marked.every((event) => event.decision === 'allow' && event.code === undefined));
  await gateway.says(/loop: token "loud".*"\/api\/embed" more than 3 times in 60 s/);
  assert.equal(gateway.child.log.split('loop: token').length, 2, gateway.child.log);
  const metrics = await (await fetch(`${gateway.admin}/metrics`)).text();
  assert.match(metrics, /satgate_loop_alerts_total 7/);
  const verified = await gateway.cli('audit', 'verify');
  assert.doesNotMatch(verified.said, /wrong|changed/);
});

test('observe lets a loop pass and says what it would have refused', async (t) => {
  const { gateway } = await httpShop(t, { route: { mode: 'observe' }, config: { ...GUARD } });
  const answers = [];
  for (let i = 0; i < 5; i++) answers.push(await call(`${gateway.url}/api/embed`));
  assert.ok(answers.every((answer) => answer.status === 200));
  assert.deepEqual(answers.map((answer) => answer.headers['x-satgate-would-deny']),
    [undefined, undefined, undefined, 'loop_detected', 'loop_detected']);
});

test('a policy has its own guard, stricter, softer or off', async (t) => {
  const { gateway } = await httpShop(t, { config: { ...GUARD, policies: {
    strict: { loopGuard: { repeats: 1 } },
    soft: { loopGuard: { action: 'alert' } },
    free: { loopGuard: { action: 'off' } },
  } } });
  const passed = async (name) => {
    const token = await gateway.token(name);
    const all = await together(6, () => post(gateway, token, 'same'));
    return all.filter((one) => one.status === 200).length;
  };
  assert.equal(await passed('strict'), 1);
  assert.equal(await passed('soft'), 6);
  assert.equal(await passed('free'), 6);
  assert.equal(await passed('plain'), 3);
});

test('off by default; a policy alone turns it on for its token; reload changes it', async (t) => {
  const { gateway } = await httpShop(t, { config: { policies: {
    watched: { loopGuard: { repeats: 2 } } } } });
  const [free, watched] = [await gateway.token('free'), await gateway.token('watched')];
  for (let i = 0; i < 30; i++) assert.equal((await post(gateway, free, 'same')).status, 200);
  const all = await together(4, () => post(gateway, watched, 'same'));
  assert.deepEqual(tally(all, (one) => one.status), { 200: 2, 429: 2 });
  gateway.options.config.policies = {};
  gateway.writeConfig();
  gateway.child.kill('SIGHUP');
  await eventually('the reload', async () => (await post(gateway, watched, 'same')).status === 200);
});

test('money is judged after the loop, authority before it', async (t) => {
  const { gateway } = await httpShop(t, { config: { ...GUARD } });
  const poor = await gateway.token('poor', '--total-limit', '2');
  const codes = [];
  for (let i = 0; i < 5; i++) codes.push((await post(gateway, poor, 'x')).json.error ?? 'ok');
  assert.deepEqual(codes, ['ok', 'ok', 'budget_exhausted', 'loop_detected', 'loop_detected']);
  const narrow = await gateway.token('narrow', '--endpoint', '/api/search');
  for (let i = 0; i < 6; i++) {
    assert.equal((await post(gateway, narrow, 'x')).json.error, 'endpoint_denied');
  }
});

test('mistakes in the config name their line', async (t) => {
  const { gateway } = await httpShop(t);
  const check = async (guard) => {
    writeFileSync(`${gateway.folder}/other.yaml`,
      `version: 1\nupstreams: {a: {url: "http://127.0.0.1:1"}}\nloopGuard: ${guard}\n`);
    return gateway.cli('config', 'check', 'other.yaml');
  };
  assert.equal((await check('{repeats: 5, window: 1h, action: alert}')).code, 0);
  assert.equal((await check('{}')).code, 0);
  for (const bad of ['{repeats: 0}', '{repeats: -1}', '{repeats: many}', '{window: 0}',
    '{window: 2d}', '{action: deny}', '{repeat: 3}', 'on']) {
    const said = await check(bad);
    assert.equal(said.code, 1, bad);
    assert.match(said.said, /line 3: loopGuard/, bad);
  }
});
