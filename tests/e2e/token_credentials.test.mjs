// `credentials`: what the calls of a token go to an MCP server with. No token's is used for
// another's call, and none is told to anybody.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearer, call, eventually, run, satgate, startGateway, together } from './gateway.mjs';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from
  '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { modernCall, rpcResult } from './mcp_clients.mjs';
import { McpServer } from './locked_server.mjs';

async function shop(t, era, extra = {}, config = {}) {
  const known = new Set(['Bearer gateway', 'Bearer of-one', 'Bearer of-two', 'Basic dHdv']);
  const server = await new McpServer(era).start(t, (header) => known.has(header));
  const other = await new McpServer(era).start(t, () => true);
  const gateway = await startGateway(t, {
    env: { ...process.env, SECRET_OF_TWO: 'Bearer of-two' },
    config: { mcpServers: {
      locked: { url: `${server.url}/mcp`, credential: 'gateway', policy: { price: 1 },
        credentials: { one: 'Bearer of-one', two: '${SECRET_OF_TWO}' }, ...extra },
      other: { url: `${other.url}/mcp`, prefix: 'other_', policy: { price: 1 } },
    }, ...config } });
  const tokens = {};
  for (const name of ['one', 'two', 'three'])
    tokens[name] = await gateway.token(name, '--total-limit', '1000');
  const open = async (token, name = 'open') => {
    const request = modernCall(name);
    const answered = await call(`${gateway.url}/mcp`,
      { ...request, headers: { ...request.headers, ...bearer(token) } });
    const { result, error } = rpcResult(answered);
    return result?.content?.[0]?.text ?? error.message;
  };
  return { gateway, server, other, known, tokens, open };
}

for (const era of ['legacy', 'modern']) {
  test(`a call goes with the credential of its token (${era})`, async (t) => {
    const { gateway, server, other, tokens, open } = await shop(t, era);
    const said = await together(40, (i) => open(tokens[['one', 'two', 'three'][i % 3]]));
    assert.deepEqual(said, Array.from({ length: 40 }, (_, i) =>
      `opened for Bearer ${['of-one', 'of-two', 'gateway'][i % 3]}`));
    const minted = await gateway.cli('mint', '--parent', tokens.two, '--budget', '5',
      '--holder', 'a-child');
    const [child] = minted.stdout.match(/sg_[\w-]+/g).filter((text) => text !== tokens.two);
    assert.equal(await open(child), 'opened for Bearer of-two', 'a child counts as its root');
    assert.equal(await open(tokens.one, 'other_open'), 'opened for undefined');
    assert.ok(other.seen.every((header) => header === undefined));
    const told = JSON.stringify(await gateway.events()) + gateway.child.log +
      JSON.stringify(await gateway.json('status'));
    assert.ok(!/of-one|of-two/.test(told));
    if (era === 'legacy') // one connection a credential, whoever and how many call under it
      assert.equal(server.methods.filter((method) => method === 'initialize').length, 3);
  });

  test(`without one of its own, and none of the gateway, it costs nothing (${era})`, async (t) => {
    const { gateway, server, known, tokens, open } =
      await shop(t, era, { credential: undefined });
    known.add(undefined); // the handshake and the lists
    await eventually('the lists', async () => (await open(tokens.one)).startsWith('opened'));
    assert.match(await open(tokens.three),
      /locked takes a credential of each caller's token, and has none for this one/);
    assert.ok(!server.ran.includes(undefined));
    assert.equal(await gateway.spent('three'), 0);
    known.delete('Bearer of-one');
    const refused = await open(tokens.one);
    assert.match(refused, /HTTP 401.*credential in mcpServers\.locked\.credentials/);
    assert.equal(await open(tokens.two), 'opened for Bearer of-two');
  });
}

test('an answer kept for everyone is given again under the same credential alone', async (t) => {
  const tools = { open: { cost: 1, cache: { ttl: '60s', scope: 'everyone' } } };
  const { server, tokens, open } = await shop(t, 'modern', {}, { tools });
  for (let i = 0; i < 2; i++) {
    assert.equal(await open(tokens.one), 'opened for Bearer of-one');
    assert.equal(await open(tokens.two), 'opened for Bearer of-two');
    assert.equal(await open(tokens.three), 'opened for Bearer gateway');
  }
  assert.equal(server.ran.length, 3);
});

test('a reload takes another credential; sessions go on', async (t) => {
  const { gateway, known, tokens } = await shop(t, 'legacy');
  const client = new Client({ name: 'satgate-e2e', version: '1.0.0' });
  await client.connect(new StreamableHTTPClientTransport(new URL(`${gateway.url}/mcp`),
    { requestInit: { headers: bearer(tokens.one) } }));
  const said = async () => {
    const { content } = await client.callTool({ name: 'open', arguments: {} });
    return content[0].text;
  };
  assert.equal(await said(), 'opened for Bearer of-one');
  known.delete('Bearer of-one');
  const { credentials } = gateway.options.config.mcpServers.locked;
  credentials.one = 'Basic dHdv';
  gateway.writeConfig();
  gateway.child.kill('SIGHUP');
  await eventually('the reload', async () =>
    (await said().catch(() => '')) === 'opened for Basic dHdv');
  delete credentials.one;
  gateway.writeConfig();
  gateway.child.kill('SIGHUP');
  await eventually('the reload', async () =>
    (await said().catch(() => '')) === 'opened for Bearer gateway');
  await client.close();
});

test('the config check tells no secret, and refuses both ways at once', async (t) => {
  const { gateway } = await shop(t, 'modern');
  const check = () => run(satgate, ['config', 'check', gateway.file, '--print'],
    { env: { ...process.env, SECRET_OF_TWO: 'Bearer of-two' } });
  const good = await check();
  assert.equal(good.code, 0, good.said);
  assert.ok(!/of-one|of-two/.test(good.said));
  gateway.options.config.mcpServers.locked.credentialFrom = { header: 'X-Locked' };
  gateway.writeConfig();
  const bad = await check();
  assert.equal(bad.code, 1);
  assert.match(bad.said, /locked\.credentials: stands beside `credentialFrom`/);
});
