// `mcp.pageSize`: lists in pages. A page begins behind a name, so whatever comes and goes between
// two pages, an entry that stays is listed once.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { bearer, call, eventually, root, scratch, startGateway } from './gateway.mjs';
import { json, serve } from './locked_server.mjs';
import { connect, generations, rpcResult } from './mcp_clients.mjs';

const script = path.join(root, 'tests/e2e/changing_server.mjs');
const SERVERS = ['a', 'b', 'c'];
const tool = (name) => ({ name, description: `Does ${name}.`, inputSchema: { type: 'object' } });

// Three servers whose tools change by `offer`.
async function shop(t, mcp, config = {}) {
  const folder = scratch(t);
  const file = (server) => path.join(folder, `${server}.json`);
  const offer = (server, names) => writeFileSync(file(server), JSON.stringify(names.map(tool)));
  for (const server of SERVERS)
    offer(server, Array.from({ length: 7 }, (_, i) => `t${i}_${server}`));
  const gateway = await startGateway(t, { folder, config: {
    mcp, mcpServers: Object.fromEntries(SERVERS.map((server) => [server,
      { command: process.execPath, args: [script, file(server)], policy: { price: 1 } }])),
    ...config } });
  const token = await gateway.token('agent', '--total-limit', '50');
  return { gateway, offer, token };
}

async function page(client, cursor, method = 'listTools') {
  return client[method](cursor === undefined ? undefined : { cursor });
}

async function pages(client, between = () => {}) {
  const names = [];
  const sizes = [];
  let cursor;
  do {
    const got = await page(client, cursor);
    names.push(...got.tools.map((each) => each.name));
    sizes.push(got.tools.length);
    cursor = got.nextCursor;
    if (cursor !== undefined) await between(sizes.length);
  } while (cursor !== undefined);
  return { names, sizes };
}

const rpc = async (gateway, token, method, params) => rpcResult(await call(`${gateway.url}/mcp`, {
  method: 'POST', headers: { accept: 'application/json, text/event-stream', ...bearer(token) },
  body: { jsonrpc: '2.0', id: 1, method, params } }));

const all = SERVERS.flatMap((server) => Array.from({ length: 7 }, (_, i) => `t${i}_${server}`))
  .sort();

// Clients of the second generation read all pages by themselves: see below.
test('pages of three servers, with changes between them', async (t) => {
  const { gateway, offer, token } = await shop(t, { pageSize: 4 });
  const { client } = await connect(t, 'v1', gateway.url, token);
  const first = await pages(client);
  assert.deepEqual(first.names, all);
  assert.deepEqual(first.sizes, [4, 4, 4, 4, 4, 1]);

  const now = async (method = 'tools/list') => {
    const names = [];
    let cursor;
    do {
      const { result } = await rpc(gateway, token, method, cursor ? { cursor } : {});
      names.push(...result.tools.map((each) => each.name));
      cursor = result.nextCursor;
    } while (cursor);
    return names;
  };
  // What was listed goes, the last of a page among it, and others come before and behind.
  const changed = await pages(client, async (count) => {
    if (count !== 2) return;
    offer('a', ['a_first', 't2_a', 't3_a', 't9_a']);
    offer('b', ['t0_b', 't3_b', 't6_b']);
    await eventually('the change', async () => {
      const names = await now();
      return names.includes('t9_a') && !names.includes('t1_b');
    });
  });
  assert.deepEqual(changed.names, [...first.names.slice(0, 8),
    ...['t3_a', 't3_b', 't2_c', 't3_c', 't4_c', 't5_c', 't6_b', 't6_c', 't9_a'].sort()]);
  assert.equal(new Set(changed.names).size, changed.names.length);
});

for (const generation of generations) {
  test(`${generation}: an unmodified client gets all of them`, async (t) => {
    const { gateway, token } = await shop(t, { pageSize: 4 });
    const { client } = await connect(t, generation, gateway.url, token);
    const { names } = await pages(client);
    assert.deepEqual(names, all);
  });
}

test('a cursor is a position in its own list, and nothing else', async (t) => {
  const { gateway, token } = await shop(t, { pageSize: 4 });
  const ask = (params, method = 'tools/list', by = token) => rpc(gateway, by, method, params);
  const { result } = await ask({});
  const good = result.nextCursor;
  assert.ok(!good.includes('t1_a'));
  for (const cursor of ['', 'x', 'MTA', `${good}=`, `${good}A`, good.slice(1), 7, null, {},
    Buffer.from('tools/list').toString('base64url'), 'ü'.repeat(1000)]) {
    const { error } = await ask({ cursor });
    assert.equal(error?.code, -32602, JSON.stringify(cursor));
    assert.match(error.message, /^Invalid params: .*cursor/);
  }
  for (const method of ['prompts/list', 'resources/list', 'resources/templates/list'])
    assert.equal((await ask({ cursor: good }, method)).error.code, -32602);
  // Made up: it shows what stands behind that name, to who may see it.
  const made = Buffer.from('tools/list t5_b').toString('base64url');
  const rest = await ask({ cursor: made });
  assert.deepEqual(rest.result.tools.map((each) => each.name), all.slice(17));
  const narrow = (await gateway.cli('mint', '--parent', token, '--budget', '5', '--holder', 'kid',
    '--tools', 't6_b')).stdout.match(/sg_[\w-]+/g).find((text) => text !== token);
  const seen = await ask({ cursor: made }, 'tools/list', narrow);
  assert.deepEqual(seen.result.tools.map((each) => each.name), ['t6_b']);
  assert.ok(!('nextCursor' in seen.result), 'what a token may not see makes no page');
});

test('the gateway\'s own tools are in their place, and a reload changes the size', async (t) => {
  const { gateway, token } = await shop(t, { pageSize: 5, agentTools: ['budget', 'delegate'] });
  const { client } = await connect(t, 'v1', gateway.url, token);
  const wanted = [...all, 'satgate.budget', 'satgate.delegate'].sort();
  assert.deepEqual((await pages(client)).names, wanted);
  const { nextCursor } = await page(client);
  const { config } = gateway.options;
  delete config.mcp.pageSize;
  gateway.writeConfig();
  gateway.child.kill('SIGHUP');
  await eventually('whole lists', async () => (await page(client)).nextCursor === undefined);
  assert.deepEqual((await pages(client)).names, wanted);
  const rest = await page(client, nextCursor);
  assert.deepEqual(rest.tools.map((each) => each.name), wanted.slice(5));
  config.mcp.pageSize = 1;
  gateway.writeConfig();
  gateway.child.kill('SIGHUP');
  await eventually('pages of one', async () => (await page(client)).tools.length === 1);
  assert.deepEqual((await pages(client)).names, wanted);
});

// A server that offers prompts, resources and templates, in no order, and says nothing by itself.
const offered = (server) => ({
  'server/discover': { supportedVersions: ['2026-07-28'],
    capabilities: { tools: {}, prompts: {}, resources: {} } },
  'tools/list': { tools: [tool(`t_${server}`)] },
  'prompts/list': { prompts: [3, 1, 2].map((i) => ({ name: `p${i}_${server}` })) },
  'resources/list': { resources: [2, 3, 1].map((i) => ({ uri: `r${i}://${server}`, name: 'r' })) },
  'resources/templates/list': { resourceTemplates: [3, 2, 1].map((i) =>
    ({ uriTemplate: `m${i}://${server}/{id}`, name: 'm' })) },
});

for (const generation of ['v1', 'v2-legacy']) {
  test(`${generation}: prompts, resources and templates come in pages, too`, async (t) => {
    const mcpServers = {};
    for (const server of SERVERS) {
      const url = await serve(t, (request, body, response) => {
        const { id, method } = JSON.parse(body || '{}');
        const result = offered(server)[method];
        json(response, 200, { jsonrpc: '2.0', id,
          ...(result ? { result: { resultType: 'complete', ...result } }
            : { error: { code: -32601, message: 'Method not found' } }) });
      });
      mcpServers[server] = { url, policy: { price: 1 } };
    }
    const gateway = await startGateway(t, { config: { mcp: { pageSize: 2 }, mcpServers } });
    const token = await gateway.token('agent', '--total-limit', '50');
    const { client } = await connect(t, generation, gateway.url, token);
    for (const [method, member, key, name] of [
      ['prompts/list', 'prompts', 'name', (i, server) => `p${i}_${server}`],
      ['resources/list', 'resources', 'uri', (i, server) => `r${i}://${server}`],
      ['resources/templates/list', 'resourceTemplates', 'uriTemplate',
        (i, server) => `m${i}://${server}/{id}`]]) {
      const wanted = SERVERS.flatMap((server) => [1, 2, 3].map((i) => name(i, server))).sort();
      const got = [];
      let cursor;
      do {
        const { result } = await rpc(gateway, token, method, cursor ? { cursor } : {});
        assert.ok(result[member].length <= 2);
        got.push(...result[member].map((each) => each[key]));
        cursor = result.nextCursor;
      } while (cursor);
      assert.deepEqual(got, wanted, method);
    }
    const names = [];
    let cursor;
    do {
      const got = await page(client, cursor, 'listPrompts');
      names.push(...got.prompts.map((each) => each.name));
      cursor = got.nextCursor;
    } while (cursor);
    assert.equal(new Set(names).size, 9);
  });
}
