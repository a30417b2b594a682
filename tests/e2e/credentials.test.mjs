// `credentialFrom`: callers bring their own credential for an MCP server. Nobody's is used for
// anybody else's call.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearer, call, startGateway, together } from './gateway.mjs';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from
  '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { modernCall, rpcResult } from './mcp_clients.mjs';
import { McpServer } from './locked_server.mjs';

const HEADER = 'x-locked-authorization';

async function sharedShop(t, era, extra = {}, config = {}) {
  const known = new Set(['Bearer gateway', 'Bearer a', 'Bearer b', 'Basic abc=']);
  const server = new McpServer(era);
  await server.start(t, (header) => known.has(header));
  const other = await new McpServer(era).start(t, () => true);
  const gateway = await startGateway(t, { config: { mcpServers: {
    locked: { url: `${server.url}/mcp`, credential: 'gateway', policy: { price: 1 },
      credentialFrom: { header: 'X-Locked-Authorization' }, ...extra },
    other: { url: `${other.url}/mcp`, prefix: 'other_', policy: { price: 1 } },
  }, ...config } });
  const tokens = await together(2, (i) => gateway.token(`agent-${i}`, '--total-limit', '1000'));
  const open = async (token, credential, name = 'open') => {
    const request = modernCall(name);
    const own = credential === undefined ? {} : { [HEADER]: credential };
    const answered = await call(`${gateway.url}/mcp`,
      { ...request, headers: { ...request.headers, ...bearer(token), ...own } });
    const { result, error } = rpcResult(answered);
    return result?.content?.[0]?.text ?? error.message;
  };
  return { gateway, server, other, known, tokens, open };
}

for (const era of ['legacy', 'modern']) {
  test(`each call goes with its caller's own credential (${era})`, async (t) => {
    const { gateway, server, other, tokens: [first, second], open } = await sharedShop(t, era);
    const said = await together(40, (i) =>
      open(i % 2 ? first : second, i % 2 ? 'a' : 'Bearer b'));
    assert.deepEqual(said, Array.from({ length: 40 }, (_, i) =>
      `opened for Bearer ${i % 2 ? 'a' : 'b'}`));
    assert.equal(await open(first, 'Basic abc='), 'opened for Basic abc=');
    assert.ok(!server.ran.includes('Bearer gateway'), 'the gateway\'s own is for lists');
    assert.ok(server.seen.includes('Bearer gateway'));
    assert.equal(await open(first, 'a', 'other_open'), 'opened for undefined');
    assert.ok(other.seen.every((header) => header === undefined));
    assert.ok([...server.headers, ...other.headers].every((headers) => !(HEADER in headers)));
    const told = JSON.stringify(await gateway.events()) + gateway.child.log;
    assert.ok(!/Bearer [ab]\b|abc=/.test(told));
    assert.equal(await gateway.spent('agent-0'), 22);
  });

  test(`a call without one, or with a bad one, costs nothing (${era})`, async (t) => {
    const { gateway, server, known, tokens: [token], open } = await sharedShop(t, era);
    assert.match(await open(token), /locked takes each caller's own credential: .*x-locked-auth/);
    assert.match(await open(token, ''), /takes each caller's own credential/);
    assert.match(await open(token, 'bad'), /HTTP 401.*credential in x-locked-authorization/);
    assert.equal(server.ran.length, 0);
    assert.equal(await open(token, 'a'), 'opened for Bearer a');
    known.delete('Bearer a');
    assert.match(await open(token, 'a'), /HTTP 401/);
    assert.equal(await open(token, 'b'), 'opened for Bearer b');
    assert.equal(await gateway.spent('agent-0'), 2);
  });
}

test('an answer kept for everyone is given again to the same credential alone', async (t) => {
  const tools = { open: { cost: 1, cache: { ttl: '60s', scope: 'everyone' } } };
  const { server, tokens: [first, second], open } = await sharedShop(t, 'modern', {}, { tools });
  for (const [token, credential] of [[first, 'a'], [second, 'a'], [first, 'b'], [second, 'b']])
    assert.equal(await open(token, credential), `opened for Bearer ${credential}`);
  assert.deepEqual(server.ran, ['Bearer a', 'Bearer b']);
});

test('many callers, one after the other, push out the connections of those who left', async (t) => {
  const { server, known, tokens: [first, second], open } = await sharedShop(t, 'legacy');
  for (let i = 0; i < 50; i++) known.add(`Bearer user-${i}`);
  for (let i = 0; i < 50; i++) {
    assert.equal(await open(i % 2 ? first : second, `user-${i}`), `opened for Bearer user-${i}`);
  }
  assert.equal(await open(first, 'user-1'), 'opened for Bearer user-1');
  assert.equal(server.ran.length, 51);
});

test('two tokens with one credential do not share a connection', async (t) => {
  const { server, tokens: [first, second], open } = await sharedShop(t, 'legacy');
  await open(first, 'a');
  await open(first, 'a');
  const joins = () => server.methods.filter((method) => method === 'initialize').length;
  const before = joins();
  assert.equal(await open(second, 'a'), 'opened for Bearer a');
  assert.equal(joins(), before + 1);
  await open(second, 'a');
  assert.equal(joins(), before + 1);
});

test('an unmodified client has it as one more header', async (t) => {
  const { gateway, tokens: [token] } = await sharedShop(t, 'legacy');
  const client = new Client({ name: 'satgate-e2e', version: '1.0.0' });
  await client.connect(new StreamableHTTPClientTransport(new URL(`${gateway.url}/mcp`),
    { requestInit: { headers: bearer(token, { [HEADER]: 'Bearer b' }) } }));
  const { content } = await client.callTool({ name: 'open', arguments: {} });
  assert.equal(content[0].text, 'opened for Bearer b');
  await client.close();
});

test('two credentials in one request are none', async (t) => {
  const { gateway, server, tokens: [token] } = await sharedShop(t, 'legacy');
  const request = modernCall('open');
  const answered = await call(`${gateway.url}/mcp`, { ...request,
    headers: { ...request.headers, ...bearer(token), [HEADER]: ['Bearer a', 'Bearer b'] } });
  assert.match(rpcResult(answered).error.message, /own credential: send it, once/);
  assert.equal(server.ran.length, 0);
});
