// Sessions and rounds of MCP through the gateway, and what somebody might try with them. The
// servers are the fixture of the conformance suite: it asks, reports and changes.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { SSEClientTransport, StdioClientTransport, StreamableHTTPClientTransport }
  from './clients.mjs';
import { bearer, eventually, satgate, sleep, startGateway, together }
  from '../e2e/gateway.mjs';
import { converse, topics } from './conversation.mjs';
import { startFixture, stdioFixture } from './targets.mjs';

const MODERN = '2026-07-28';
const META = 'io.modelcontextprotocol';
const PRICE = 2;

async function shop(t, era, extra = {}) {
  const upstream = extra.stdio ? stdioFixture(era) : { url: await startFixture(t, era) };
  return startGateway(t, {
    server: extra.server,
    config: {
      mcp: { prefix: 'never', ...extra.mcp },
      mcpServers: { fixture: { ...upstream, sharing: 'separate', policy: { price: PRICE } } },
      ...extra.config,
    },
  });
}

// One POST; what came back, whether JSON or a stream of it.
async function post(url, token, body, headers = {}) {
  const response = await fetch(`${url}/mcp`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json', accept: 'application/json, text/event-stream',
      ...bearer(token), ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', ...body }),
  });
  const text = await response.text();
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream');
  const messages = !text ? [] : !isStream ? [JSON.parse(text)]
    : text.split('\n').filter((line) => line.startsWith('data: ') && line.length > 6)
      .map((line) => JSON.parse(line.slice(6)));
  return { status: response.status, headers: response.headers, messages,
    last: messages.at(-1), session: response.headers.get('mcp-session-id') };
}

async function open(url, token, capabilities = {}) {
  const answer = await post(url, token, {
    id: 0, method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities,
      clientInfo: { name: 't', version: '1' } },
  });
  assert.equal(answer.status, 200);
  const headers = { 'mcp-session-id': answer.session, 'mcp-protocol-version': '2025-11-25' };
  await post(url, token, { method: 'notifications/initialized' }, headers);
  return headers;
}

const abilities = { sampling: {}, elicitation: {}, roots: {} };

function modern(method, params = {}, capabilities = abilities, id = 1) {
  const name = params.name ?? params.uri;
  return [{
    id, method,
    params: { ...params, _meta: {
      [`${META}/protocolVersion`]: MODERN, [`${META}/clientCapabilities`]: capabilities,
      [`${META}/clientInfo`]: { name: 't', version: '1' },
    } },
  }, { 'mcp-protocol-version': MODERN, 'mcp-method': method,
    ...name && { 'mcp-name': name } }];
}

const STATEFUL = 'test_input_required_result_request_state';
const confirmed = { confirm: { action: 'accept', content: { ok: true } } };

for (const era of ['legacy', 'modern']) {
  test(`${era} server: a requestState is good once, for one caller and one request`, async (t) => {
    const gateway = await shop(t, era);
    const token = await gateway.token('mine', '--total-limit', '100');
    const other = await gateway.token('other', '--total-limit', '100');
    const ask = (params = {}) => post(gateway.url, token,
      ...modern('tools/call', { name: STATEFUL, arguments: {}, ...params }));
    const first = await ask();
    const { inputRequests, requestState, resultType } = first.last.result;
    assert.equal(resultType, 'input_required');
    const [key] = Object.keys(inputRequests);
    const inputResponses = { [key]: confirmed.confirm };
    assert.equal(await gateway.spent('mine'), 0, 'it is held, not charged yet');

    const refused = async (answer, what) => {
      assert.equal(answer.last.error?.code, -32602, `${what}: ${JSON.stringify(answer.last)}`);
    };
    const retry = { inputResponses, requestState };
    await refused(await post(gateway.url, other,
      ...modern('tools/call', { name: STATEFUL, arguments: {}, ...retry })), 'another caller');
    await refused(await ask({ ...retry, arguments: { x: 1 } }), 'other arguments');
    await refused(await post(gateway.url, token, ...modern('tools/call',
      { name: 'test_simple_text', arguments: {}, ...retry })), 'another tool');
    await refused(await ask({ ...retry, requestState: `${requestState}0` }), 'changed');

    // Many at once: one goes on.
    const answers = await together(10, () => ask(retry));
    const done = answers.filter((answer) => answer.last.result?.resultType === 'complete');
    assert.equal(done.length, 1, JSON.stringify(answers.map((answer) => answer.last)));
    assert.equal(done[0].last.id, 1);
    await refused(await ask(retry), 'used before');
    assert.equal(await gateway.spent('mine'), PRICE);
    assert.equal(await gateway.spent('other'), 0);
  });

  test(`${era} server: who leaves between two rounds is charged when the gateway ends`,
    async (t) => {
      const gateway = await shop(t, era);
      const token = await gateway.token('mine', '--total-limit', '3');
      const first = await post(gateway.url, token,
        ...modern('tools/call', { name: STATEFUL, arguments: {} }));
      assert.equal(first.last.result.resultType, 'input_required');
      const second = await post(gateway.url, token,
        ...modern('tools/call', { name: STATEFUL, arguments: {} }));
      assert.equal(second.last.result.isError, true, 'the first one is held');
      await gateway.stop();
      await gateway.start();
      assert.equal(await gateway.spent('mine'), PRICE);
    });

  for (const client of ['legacy', 'modern']) {
    test(`${era} server, ${client} client: the whole conversation over satgate mcp`, async (t) => {
      const gateway = await shop(t, era);
      const token = await gateway.token('desktop', '--total-limit', '1000');
      const transport = new StdioClientTransport({
        command: satgate, args: ['mcp'], env: { ...gateway.env(), SATGATE_TOKEN: token },
        stderr: 'inherit',
      });
      const peer = await converse(client, transport);
      t.after(() => peer.close());
      for (const [topic, check] of Object.entries(topics)) {
        await check(peer, client).catch((error) => {
          throw new Error(`${topic}: ${error.message}`, { cause: error });
        });
      }
    });
  }
}

test('a session belongs to the credential that opened it, and ends with DELETE', async (t) => {
  const gateway = await shop(t, 'legacy');
  const token = await gateway.token('mine', '--total-limit', '100');
  const other = await gateway.token('other', '--total-limit', '100');
  const headers = await open(gateway.url, token);
  const list = { id: 5, method: 'tools/list' };
  assert.equal((await post(gateway.url, token, list, headers)).status, 200);
  const stolen = await post(gateway.url, other, list, headers);
  assert.equal(stolen.status, 404);
  assert.match(stolen.last.error.message, /initialize/);
  const end = (who) => fetch(`${gateway.url}/mcp`,
    { method: 'DELETE', headers: { ...headers, ...bearer(who) } });
  assert.equal((await end(other)).status, 404);
  assert.ok((await end(token)).ok);
  assert.equal((await post(gateway.url, token, list, headers)).status, 404);
  assert.equal((await end(token)).status, 404);
  const stream = await fetch(`${gateway.url}/mcp`,
    { headers: { accept: 'text/event-stream', ...bearer(token), ...headers } });
  assert.equal(stream.status, 404);
});

test('a client without a session is served, and hears nothing but answers', async (t) => {
  const gateway = await shop(t, 'legacy');
  const token = await gateway.token('plain', '--total-limit', '100');
  const call = (name, args = {}) => post(gateway.url, token,
    { id: 1, method: 'tools/call', params: { name, arguments: args } });
  const text = await call('test_simple_text');
  assert.equal(text.messages.length, 1);
  assert.match(text.last.result.content[0].text, /simple text/);
  const sampling = await call('test_sampling', { prompt: 'x' });
  assert.ok(sampling.last.result?.isError || sampling.last.error, 'it can not be asked');
  assert.equal((await fetch(`${gateway.url}/mcp`, { headers: bearer(token) })).status, 405);
});

test('what a client declares is bounded', async (t) => {
  const gateway = await shop(t, 'legacy');
  const token = await gateway.token('mine', '--total-limit', '100');
  const flood = await post(gateway.url, token, { id: 0, method: 'initialize', params: {
    protocolVersion: '2025-11-25', capabilities: { experimental: { x: 'x'.repeat(20_000) } },
    clientInfo: { name: 't', version: '1' } } });
  assert.equal(flood.last.error.code, -32602);
  assert.equal(flood.session, null);
});

test('who does not read its /sse stream is told to, and fills no memory', async (t) => {
  const gateway = await shop(t, 'legacy');
  const token = await gateway.token('mine', '--total-limit', '100');
  const headers = { accept: 'text/event-stream', ...bearer(token) };
  const stream = await fetch(`${gateway.url}/sse`, { headers });
  const reader = stream.body.getReader();
  const first = Buffer.from((await reader.read()).value).toString();
  const where = first.match(/data: (\S+)/)[1];
  let status = 202;
  let sent = 0;
  for (; status === 202 && sent < 5000; ++sent) {
    const answer = await fetch(`${gateway.url}${where}`, { method: 'POST',
      headers: { 'content-type': 'application/json', ...bearer(token) },
      body: JSON.stringify({ jsonrpc: '2.0', id: sent, method: 'tools/list' }) });
    status = answer.status;
    const text = await answer.text();
    if (status !== 202) assert.match(text, /stream_full/);
  }
  assert.equal(status, 503, `${sent} were taken`);
  await reader.cancel();
});

test('a round needs no stream', async (t) => {
  const gateway = await shop(t, 'modern');
  const token = await gateway.token('mine', '--total-limit', '100');
  const [body, headers] = modern('tools/call', { name: STATEFUL, arguments: {} });
  const first = await post(gateway.url, token, body, { ...headers, accept: 'application/json' });
  assert.equal(first.last.result.resultType, 'input_required');
});

test('nobody is asked for what it has not declared', async (t) => {
  const gateway = await shop(t, 'modern');
  const token = await gateway.token('mine', '--total-limit', '100');
  const headers = await open(gateway.url, token, { sampling: {} });
  const legacy = await post(gateway.url, token, { id: 3, method: 'tools/call',
    params: { name: 'test_elicitation', arguments: { message: 'who?' } } }, headers);
  assert.ok(!legacy.messages.some((one) => one.method === 'elicitation/create'));
  assert.ok(legacy.last.error ?? legacy.last.result?.isError, JSON.stringify(legacy.last));
  const stateless = await post(gateway.url, token, ...modern('tools/call',
    { name: 'test_elicitation', arguments: { message: 'who?' } }, { sampling: {} }));
  assert.equal(stateless.status, 400);
  assert.equal(stateless.last.error.code, -32021);
  assert.deepEqual(Object.keys(stateless.last.error.data.requiredCapabilities), ['elicitation']);
});

test('a broken stream is resumed where it was, and the call is made once', async (t) => {
  const gateway = await shop(t, 'legacy');
  const token = await gateway.token('mine', '--total-limit', '100');
  const headers = await open(gateway.url, token, abilities);
  const aborter = new AbortController();
  const response = await fetch(`${gateway.url}/mcp`, {
    method: 'POST', signal: aborter.signal,
    headers: { 'content-type': 'application/json',
      accept: 'application/json, text/event-stream', ...bearer(token), ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', id: 9, method: 'tools/call', params: {
      name: 'test_tool_with_progress', arguments: {}, _meta: { progressToken: 'p' } } }),
  });
  const reader = response.body.getReader();
  let seen = '';
  while (!seen.includes('notifications/progress')) {
    seen += Buffer.from((await reader.read()).value).toString();
  }
  aborter.abort();
  const last = seen.match(/^id: (.*)$/gm).at(-1).slice(4);
  await sleep(300);
  const resumed = await fetch(`${gateway.url}/mcp`, { headers: {
    accept: 'text/event-stream', 'last-event-id': last, ...bearer(token), ...headers } });
  const rest = await resumed.text();
  assert.match(rest, /"progress":100/);
  assert.match(rest, /"id":9/);
  assert.ok(!rest.includes('"progress":0,'), 'what was received is not sent again');
  assert.equal(await gateway.spent('mine'), PRICE);
});

test('who cancels is told no more, the server stops, and what was held is charged', async (t) => {
  const gateway = await shop(t, 'legacy');
  const token = await gateway.token('mine', '--total-limit', '100');
  const headers = await open(gateway.url, token, abilities);
  const waiting = post(gateway.url, token, { id: 3, method: 'tools/call',
    params: { name: 'test_elicitation', arguments: { message: 'who?' } } }, headers);
  await sleep(300);
  assert.equal(await gateway.spent('mine'), 0);
  await post(gateway.url, token, { method: 'notifications/cancelled',
    params: { requestId: 3 } }, headers);
  const { last } = await waiting;
  assert.ok(last.error, JSON.stringify(last));
  await eventually('it is charged', async () => (await gateway.spent('mine')) === PRICE);
});

test('a gateway that was restarted asks for a new session; the bridge opens one', async (t) => {
  const gateway = await shop(t, 'legacy');
  const token = await gateway.token('mine', '--total-limit', '100');
  const headers = await open(gateway.url, token);
  const peer = await converse('legacy', new StdioClientTransport({
    command: satgate, args: ['mcp'], env: { ...gateway.env(), SATGATE_TOKEN: token },
    stderr: 'ignore' }));
  t.after(() => peer.close());
  await gateway.stop();
  await gateway.start();
  const list = { id: 5, method: 'tools/list' };
  assert.equal((await post(gateway.url, token, list, headers)).status, 404);
  assert.ok((await peer.listTools()).tools.length > 3);
});

test('the transport of 2024-11-05: the official client over /sse', async (t) => {
  const gateway = await shop(t, 'legacy');
  const token = await gateway.token('old', '--total-limit', '1000');
  const headers = bearer(token);
  const transport = new SSEClientTransport(new URL(`${gateway.url}/sse`), {
    requestInit: { headers },
    eventSourceInit: { fetch: (url, init) => fetch(url, { ...init, headers:
      { ...Object.fromEntries(new Headers(init.headers)), ...headers } }) },
  });
  const peer = await converse('legacy', transport);
  t.after(() => peer.close());
  for (const [topic, check] of Object.entries(topics)) {
    await check(peer, 'legacy').catch((error) => {
      throw new Error(`${topic}: ${error.message}`, { cause: error });
    });
  }
  const foreign = await gateway.token('foreign', '--total-limit', '10');
  const id = transport._endpoint.searchParams.get('sessionId');
  const stolen = await fetch(`${gateway.url}/message?sessionId=${id}`, {
    method: 'POST', headers: { 'content-type': 'application/json', ...bearer(foreign) },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }) });
  assert.equal(stolen.status, 404);
});

test('a revoked token loses its open stream', async (t) => {
  const gateway = await shop(t, 'legacy');
  const token = await gateway.token('mine', '--total-limit', '100');
  const peer = await converse('modern', new StreamableHTTPClientTransport(
    new URL(`${gateway.url}/mcp`), { requestInit: { headers: bearer(token) } }));
  t.after(() => peer.close().catch(() => {}));
  const listen = modern('subscriptions/listen', { notifications: { toolsListChanged: true } });
  const response = await fetch(`${gateway.url}/mcp`, {
    method: 'POST', headers: { 'content-type': 'application/json',
      accept: 'application/json, text/event-stream', ...bearer(token), ...listen[1] },
    body: JSON.stringify({ jsonrpc: '2.0', ...listen[0] }) });
  const reader = response.body.getReader();
  assert.match(Buffer.from((await reader.read()).value).toString(), /acknowledged/);
  const trigger = await peer.callTool({ name: 'test_trigger_tool_change', arguments: {} });
  assert.ok(!trigger.isError);
  assert.match(Buffer.from((await reader.read()).value).toString(), /tools\/list_changed/);
  await gateway.json('token', 'revoke', 'mine');
  const rest = await Promise.race([
    (async () => { while (!(await reader.read()).done); return 'ended'; })(),
    sleep(20_000).then(() => 'still open')]);
  assert.equal(rest, 'ended');
});

// What is made of the operator's token would outlive the key.
test('a plain API key hands nothing down', async (t) => {
  const key = 'a-plain-key-of-some-application-0123456789';
  const hash = `sha256:${createHash('sha256').update(key).digest('hex')}`;
  const gateway = await shop(t, 'modern', { mcp: { agentTools: ['delegate'] },
    server: { apiKeys: [{ key: hash, token: 'service' }] } });
  await gateway.token('service', '--total-limit', '100');
  const call = (name, args) => post(gateway.url, key,
    { id: 1, method: 'tools/call', params: { name, arguments: args } });
  assert.ok(!(await call('test_simple_text', {})).last.result.isError, 'the key works');
  const refused = await call('satgate.delegate', { holder: 'x', budget: 1 });
  assert.equal(refused.last.result.isError, true);
  assert.match(refused.last.result.content[0].text, /holds a token/);
});

test('agents ask what they may spend, and hand a part of it down', async (t) => {
  const gateway = await shop(t, 'modern', { mcp: { agentTools: ['budget', 'delegate'] } });
  const token = await gateway.token('lead', '--total-limit', '10', '--daily-limit', '6');
  const lead = await converse('modern', new StreamableHTTPClientTransport(
    new URL(`${gateway.url}/mcp`), { requestInit: { headers: bearer(token) } }));
  t.after(() => lead.close());
  const names = (await lead.listTools()).tools.map(({ name }) => name);
  assert.ok(names.includes('satgate.budget') && names.includes('satgate.delegate'));
  await lead.callTool({ name: 'test_simple_text', arguments: {} });
  const budget = await lead.callTool({ name: 'satgate.budget',
    arguments: { tool: 'test_simple_text' } });
  assert.equal(budget.structuredContent.remaining_credits, 4);
  assert.equal(budget.structuredContent.cost, PRICE);
  assert.equal(budget.structuredContent.fits, true);
  assert.ok(budget.structuredContent.limits.some((one) => one.window === 'day' &&
    one.remaining === 4 && one.resets_at));
  assert.match(budget.content[0].text, /4 credits/);

  const bad = async (args) => {
    const result = await lead.callTool({ name: 'satgate.delegate', arguments: args });
    assert.equal(result.isError, true, JSON.stringify(args));
  };
  await bad({});
  await bad({ holder: 'x' });
  await bad({ holder: 'x', budget: -1 });
  await bad({ holder: 'x', budget: 1, everything: true });
  await bad({ holder: 'x\nbudget_max = 9', budget: 1 });
  await bad({ holder: 'x', budget: 1, tools: ['a, b'] });
  await bad({ holder: 'x', budget: 1, expires: 'soon' });

  const made = await lead.callTool({ name: 'satgate.delegate',
    arguments: { holder: 'helper', budget: 3, tools: ['test_simple_text'], expires: '1h' } });
  const child = made.structuredContent.token;
  const helper = await converse('legacy', new StreamableHTTPClientTransport(
    new URL(`${gateway.url}/mcp`), { requestInit: { headers: bearer(child) } }));
  t.after(() => helper.close());
  const allowed = (await helper.listTools()).tools.map(({ name }) => name);
  assert.ok(!allowed.includes('test_image_content'), `${allowed}`);
  assert.ok(!(await helper.callTool({ name: 'test_simple_text', arguments: {} })).isError);
  const second = await helper.callTool({ name: 'test_simple_text', arguments: {} });
  assert.equal(second.isError, true, 'its 3 credits hold one call of 2');
  assert.equal(await gateway.spent('lead'), 4);
  const left = await helper.callTool({ name: 'satgate.budget', arguments: {} });
  assert.equal(left.structuredContent.remaining_credits, 1);
});
