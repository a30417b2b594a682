// What clients and legacy servers say to each other beside calls and answers: elicitations that are
// done elsewhere, questions that are taken back, roots that change. The server is a fixture
// that asks; the client is the official one, or a bare request of 2026-07-28.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema, ElicitationCompleteNotificationSchema, ListRootsRequestSchema } from
  '@modelcontextprotocol/sdk/types.js';
import { atEnd, bearer, call, eventually, root, sleep, startGateway } from './gateway.mjs';
import { modernCall, rpcResult } from './mcp_clients.mjs';

const asking = () => ({
  command: 'python3',
  args: [path.join(root, 'src/flow/mcp/testdata/asking.py'), 'legacy'],
  policy: { price: 1 },
});

async function start(t, names, sharing = 'separate') {
  const servers = names.map((name) => [name, { ...asking(), sharing }]);
  const gateway = await startGateway(t, { config: { mcpServers: Object.fromEntries(servers) } });
  return { gateway, token: await gateway.token('agent', '--total-limit', '1000') };
}

async function connect(t, gateway, token) {
  const capabilities = { elicitation: { form: {}, url: {} }, roots: { listChanged: true } };
  const client = new Client({ name: 'e2e', version: '1.0.0' }, { capabilities });
  const roots = { list: [] };
  const done = [];
  client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: roots.list }));
  client.setNotificationHandler(ElicitationCompleteNotificationSchema,
    ({ params }) => { done.push(params.elicitationId); });
  await client.connect(new StreamableHTTPClientTransport(new URL(`${gateway.url}/mcp`),
    { requestInit: { headers: bearer(token) } }));
  atEnd(t, () => client.close());
  const said = async (name, args = {}) =>
    JSON.parse((await client.callTool({ name, arguments: args })).content[0].text);
  return { client, roots, done, said };
}

test('an elicitation elsewhere is done for who was asked, and ids of two servers do not mix',
  async (t) => {
    const { gateway, token } = await start(t, ['one', 'two']);
    const { client, done } = await connect(t, gateway, token);
    const other = await connect(t, gateway, token);
    const ids = await Promise.all(['one', 'two'].map(async (server) => {
      const error = await client.callTool({ name: `${server}__must_visit` }).catch((e) => e);
      assert.equal(error.code, -32042);
      const [{ elicitationId, ...rest }] = error.data.elicitations;
      assert.deepEqual(rest, { mode: 'url', message: 'Visit', url: 'https://example.test/visit' });
      return elicitationId;
    }));
    assert.deepEqual([...ids].sort(), ['e-1', 'e-1~2']);
    await eventually('both are done', () => done.length === 2);
    assert.deepEqual([...done].sort(), ['e-1', 'e-1~2']);

    const asked = [];
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
      asked.push(params);
      return { action: 'accept' };
    });
    const visited = await client.callTool({ name: 'one__visit', arguments: { id: 'e-9' } });
    assert.equal(JSON.parse(visited.content[0].text).action, 'accept');
    assert.equal(asked[0].elicitationId, 'e-9');
    await eventually('it is done', () => done.length === 3);
    assert.equal(done[2], 'e-9');
    await sleep(300);
    assert.equal(done.length, 3, 'each is told once');
    assert.deepEqual(other.done, []);
  });

test('a question that its server takes back is taken back from a legacy client', async (t) => {
  const { gateway, token } = await start(t, ['files']);
  const { client, said } = await connect(t, gateway, token);
  let reason;
  client.setRequestHandler(ElicitRequestSchema, (request, { signal }) => new Promise((resolve) => {
    signal.addEventListener('abort', () => {
      reason = signal.reason;
      resolve({ action: 'cancel' });
    });
  }));
  assert.deepEqual(await said('withdraw'), { withdrawn: 0, kept: null });
  assert.equal(`${reason}`, 'not needed');
  assert.equal(await gateway.spent('agent'), 1);
});

test('a client of 2026-07-28 comes back to what the call has become', async (t) => {
  const { gateway, token } = await start(t, ['files'], 'shared');
  const send = async (id, more = {}) => {
    const request = modernCall('withdraw', { after: 0.3, then: 0.1 }, id);
    Object.assign(request.body.params, more);
    request.body.params._meta['io.modelcontextprotocol/clientCapabilities'] = { elicitation: {} };
    return rpcResult(await call(`${gateway.url}/mcp`,
      { ...request, headers: { ...request.headers, ...bearer(token) } }));
  };
  const first = await send(1);
  assert.equal(first.result.resultType, 'input_required');
  assert.deepEqual(Object.keys(first.result.inputRequests), ['elicitation']);
  await sleep(1000); // the server has taken it back, and has ended the call
  const second = await send(2, { requestState: first.result.requestState,
    inputResponses: { elicitation: { action: 'accept', content: {} } } });
  assert.equal(second.id, 2);
  assert.deepEqual(JSON.parse(second.result.content[0].text), { withdrawn: 0, kept: null });
  assert.equal(await gateway.spent('agent'), 1);
});

test('other roots reach the server, which may ask for them between calls', async (t) => {
  const { gateway, token } = await start(t, ['files']);
  const { client, roots, said } = await connect(t, gateway, token);
  const other = await connect(t, gateway, token);
  assert.equal((await other.said('told')).changed, null);
  assert.equal((await said('told')).changed, null);
  roots.list = [{ uri: 'file:///new', name: 'new' }];
  await client.sendRootsListChanged();
  await eventually('the server knows them', async () =>
    (await said('told')).changed?.roots[0]?.uri === 'file:///new');
  assert.equal((await other.said('told')).changed, null);
});
