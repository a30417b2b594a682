// Unmodified MCP clients of both generations through the gateway to real servers (articles [0] and
// [7]; CONTRACT.md "/mcp").
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { atEnd, call, countFile, bearer, demo, eventually, freePort, packages, processes,
  satgate, scratch, sleep, startGateway, startUpstream } from './gateway.mjs';
import { DENIAL, PRICE, connect, generations, modernCall, rpcResult } from './mcp_clients.mjs';
import { mcpShop } from './shops.mjs';

const SERVERS = path.join(packages, '@modelcontextprotocol');

// server-filesystem is a child of the gateway; server-everything runs by itself over HTTP.
async function realShop(t, extra = {}) {
  const folder = scratch(t);
  const files = path.join(folder, 'files');
  mkdirSync(files);
  writeFileSync(path.join(files, 'note.txt'), 'written before the test');
  const port = await freePort();
  const everything = spawn(process.execPath,
    [path.join(SERVERS, 'server-everything/dist/index.js'), 'streamableHttp'],
    { env: { ...process.env, PORT: `${port}` }, stdio: 'ignore' });
  atEnd(t, () => everything.kill('SIGKILL'));
  await eventually('server-everything listens', async () =>
    (await fetch(`http://127.0.0.1:${port}/mcp`)).status > 0);
  const gateway = await startGateway(t, {
    folder,
    config: {
      mcpServers: {
        files: {
          command: process.execPath,
          args: [path.join(SERVERS, 'server-filesystem/dist/index.js'), files],
          policy: { price: 1 },
        },
        everything: { url: `http://127.0.0.1:${port}/mcp`, policy: { price: 2 } },
        ...extra.servers,
      },
      tools: { 'get-sum': { cost: 3 }, ...extra.tools },
      ...extra.config,
    },
  });
  return { gateway, files, everything };
}

function named(tools, name) {
  const found = tools.find((tool) => tool.name === name);
  assert.ok(found, `${name} in ${tools.map((tool) => tool.name)}`);
  return found;
}

for (const generation of generations) {
  test(`${generation}: one catalogue of two real servers, with prices, and calls`, async (t) => {
    const { gateway, files } = await realShop(t);
    const token = await gateway.token('cursor-dev', '--total-limit', '25');
    const client = await connect(t, generation, gateway.url, token);

    const tools = await eventually('both servers are listed', async () => {
      const list = await client.listTools();
      return list.some((tool) => tool.name === 'read_text_file') &&
        list.some((tool) => tool.name === 'echo') && list;
    });
    assert.equal(named(tools, 'read_text_file')._meta[PRICE].cost, 1);
    assert.equal(named(tools, 'echo')._meta[PRICE].cost, 2);
    assert.equal(named(tools, 'get-sum')._meta[PRICE].cost, 3);
    assert.ok(named(tools, 'read_text_file').inputSchema.properties.path);

    const note = await client.callTool('read_text_file', { path: path.join(files, 'note.txt') });
    assert.match(note.content[0].text, /written before the test/);
    assert.ok(!note.isError);
    const echo = await client.callTool('echo', { message: 'through the gate' });
    assert.match(echo.content[0].text, /through the gate/);
    assert.equal(await gateway.spent('cursor-dev'), 3);
  });

  test(`${generation}: a refusal reaches the model and the program`, async (t) => {
    const { gateway, counts } = await mcpShop(t);
    const token = await gateway.token('agent', '--total-limit', '30');
    const client = await connect(t, generation, gateway.url, token);
    await client.listTools(); // so that clients that check output schemas do
    const denied = await client.callTool('review_code', { path: 'a.cc' });
    assert.equal(denied.isError, true);
    assert.equal(denied.content[0].type, 'text');
    assert.match(denied.content[0].text, /search_code|slow_search|always_fails/);
    const denial = denied._meta[DENIAL];
    assert.equal(denial.error ?? denial.code, 'request_exceeds_budget');
    assert.equal(denial.required_credits, 50);
    assert.equal(denial.cheapest_alternative.cost, 1);
    assert.equal(typeof denial.cheapest_alternative.tool, 'string');

    // The tool with an output schema is refused in a shape that strict clients accept, too.
    for (let i = 0; i < 30; i++) {
      assert.ok(!(await client.callTool('search_code', { query: 'x' })).isError, `call ${i}`);
    }
    const gone = await client.callTool('search_code', { query: 'x' });
    assert.equal(gone.isError, true);
    assert.equal(gone._meta[DENIAL].error ?? gone._meta[DENIAL].code, 'budget_exhausted');
    assert.equal(gone._meta[DENIAL].remaining_credits, 0);
    assert.equal(countFile(counts), 30);
  });

  test(`${generation}: tools the token may not call are not listed and cannot be called`,
    async (t) => {
      const { gateway, counts } = await mcpShop(t);
      const token = await gateway.token('agent', '--total-limit', '1000',
        '--allow-tool', 'search_*', '--allow-tool', 'generate_report',
        '--deny-tool', 'generate_report');
      const client = await connect(t, generation, gateway.url, token);
      const names = (await client.listTools()).map((tool) => tool.name);
      assert.deepEqual(names, ['search_code']);
      let refused;
      try {
        refused = (await client.callTool('generate_report', { topic: 'x' })).isError;
      } catch (error) {
        refused = error.message.length > 0;
      }
      assert.ok(refused);
      assert.equal(countFile(counts), 0);
    });
}

test('a whole server can be allowed or denied by its name', async (t) => {
  const { gateway } = await realShop(t);
  const token = await gateway.token('cursor-dev', '--audience', 'cursor', '--daily-limit', '25',
    '--allow-tool', 'files', '--deny-tool', 'everything');
  const client = await connect(t, 'v1', gateway.url, token);
  const names = (await client.listTools()).map((tool) => tool.name);
  assert.ok(names.includes('read_text_file'));
  assert.ok(!names.includes('echo'));
});

test('one upstream that is down does not hurt the others', async (t) => {
  const dead = await freePort();
  const { gateway, everything } = await realShop(t, {
    servers: {
      dead: { url: `http://127.0.0.1:${dead}/mcp`, policy: { price: 1 } },
      broken: { command: '/nonexistent/program', policy: { price: 1 } },
      silent: { command: 'sleep', args: ['1000'], policy: { price: 1 } },
    },
  });
  const token = await gateway.token('agent', '--total-limit', '100');
  const client = await connect(t, 'v1', gateway.url, token);
  const echo = () => client.callTool('echo', { message: 'x' });
  await eventually('echo works', async () => !(await echo()).isError);

  const spentBefore = await gateway.spent('agent');
  everything.kill('SIGKILL');
  await sleep(100);
  const started = Date.now();
  const failed = await echo().catch((error) => ({ isError: true, error }));
  assert.equal(failed.isError, true);
  assert.ok(Date.now() - started < 10_000);
  const files = await client.callTool('list_allowed_directories');
  assert.ok(!files.isError);
  assert.equal(await gateway.spent('agent'), spentBefore + 1, 'a call that was not sent is free');
});

test('a server that prints without end holds up neither agents nor other servers', async (t) => {
  const noise = '{"jsonrpc":"2.0","method":"notifications/message","params":{}}';
  const loud = { command: '/usr/bin/yes', args: [noise] };
  const { gateway } = await mcpShop(t, { servers: { loud } }, { server: { threads: 1 } });
  const token = await gateway.token('agent', '--total-limit', '100');
  for (let id = 1; id <= 20; id++) {
    const answer = await call(`${gateway.url}/mcp`, {
      method: 'POST',
      headers: bearer(token, { accept: 'application/json, text/event-stream' }),
      body: { jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'echo', arguments: {} } },
    });
    assert.equal(answer.status, 200, answer.text);
    assert.equal((await call(`${gateway.url}/healthz`)).status, 200);
  }
  const { mcp_servers: servers } = await (await gateway.adminApi('/api/v1/status')).json();
  assert.notEqual(servers.find((one) => one.name === 'loud').state, 'ready');
});

test('names are prefixed only when they collide', async (t) => {
  const { gateway } = await mcpShop(t, {
    servers: { second: { command: demo, args: ['mcp'] },
      third: { url: (await startUpstream(t, 'mcp-http')).url + '/mcp' } },
  });
  const token = await gateway.token('agent', '--total-limit', '1000');
  const client = await connect(t, 'v1', gateway.url, token);
  const names = await eventually('all three are listed', async () => {
    const list = (await client.listTools()).map((tool) => tool.name);
    return list.length === 15 && list;
  });
  assert.equal(new Set(names).size, 15, 'no two tools have one name');
  for (const name of names) {
    assert.match(name, /^(code|second|third)_/);
    assert.match(name, /^[A-Za-z0-9_.-]{1,64}$/);
    if (!name.endsWith('search_code')) continue;
    assert.match((await client.callTool(name, { query: 'q' })).content[0].text, /2 matches/);
  }
});

test('a tool error is an answer: it is passed on and charged', async (t) => {
  const { gateway } = await mcpShop(t);
  const token = await gateway.token('agent', '--total-limit', '10');
  const client = await connect(t, 'v1', gateway.url, token);
  const result = await client.callTool('always_fails');
  assert.equal(result.isError, true);
  assert.equal(result._meta?.[DENIAL], undefined);
  assert.equal(await gateway.spent('agent'), 1);
});

test('an unknown tool costs nothing', async (t) => {
  const { gateway } = await mcpShop(t);
  const token = await gateway.token('agent', '--total-limit', '10');
  const client = await connect(t, 'v1', gateway.url, token);
  await assert.rejects(client.callTool('no_such_tool'), /-32602|[Uu]nknown tool/);
  assert.equal(await gateway.spent('agent'), 0);
});

test('maxCallsPerHour and requireApproval of a policy hold', async (t) => {
  const { gateway, counts } = await mcpShop(t, {
    config: {
      policies: {
        'cursor-dev': {
          totalDailyCredits: 25,
          tools: {
            search_code: { cost: 1, maxCallsPerHour: 2 },
            generate_report: { enabled: false },
          },
        },
      },
    },
    tools: { always_fails: { cost: 1, requireApproval: true } },
  });
  const token = await gateway.token('cursor-dev');
  const client = await connect(t, 'v1', gateway.url, token);
  const names = (await client.listTools()).map((tool) => tool.name);
  assert.ok(!names.includes('generate_report'));

  for (let i = 0; i < 2; i++) assert.ok(!(await client.callTool('search_code')).isError);
  const limited = await client.callTool('search_code');
  assert.equal(limited.isError, true);
  assert.equal(limited._meta[DENIAL].error ?? limited._meta[DENIAL].code, 'rate_limited');

  const approval = await client.callTool('always_fails');
  assert.equal(approval._meta[DENIAL].error ?? approval._meta[DENIAL].code, 'approval_required');
  assert.equal(countFile(counts), 2);
});

test('a denial can be a JSON-RPC error or an HTTP status, by config', async (t) => {
  for (const [denial, check] of [
    ['jsonrpc', (response) => {
      assert.equal(response.status, 200);
      const { error } = rpcResult(response);
      assert.equal(error.code, -32000);
      assert.equal(error.data.required_credits, 50);
    }],
    ['http', (response) => assert.equal(response.status, 402)],
  ]) {
    const { gateway } = await mcpShop(t, { config: { mcp: { denial } } });
    const token = await gateway.token('agent', '--total-limit', '10');
    const request = modernCall('review_code', { path: 'x' });
    const response = await call(`${gateway.url}/mcp`, {
      ...request, headers: { ...request.headers, ...bearer(token) },
    });
    check(response);
  }
});

test('a request that lies in its headers about the tool is refused', async (t) => {
  const { gateway, counts } = await mcpShop(t);
  const token = await gateway.token('agent', '--total-limit', '1000');
  const request = modernCall('generate_report', { topic: 'x' });
  const headers = { ...request.headers, ...bearer(token), 'mcp-name': 'search_code' };
  const response = await call(`${gateway.url}/mcp`, { ...request, headers });
  assert.equal(response.status, 400);
  assert.equal(rpcResult(response).error.code, -32020);
  assert.equal(countFile(counts), 0);
});

test('no token, no tools; and a web page cannot reach /mcp', async (t) => {
  const { gateway } = await mcpShop(t);
  const request = modernCall('search_code');
  assert.equal((await call(`${gateway.url}/mcp`, request)).status, 401);
  const token = await gateway.token('agent', '--total-limit', '10');
  const headers = { ...request.headers, ...bearer(token), origin: 'http://evil.example' };
  assert.equal((await call(`${gateway.url}/mcp`, { ...request, headers })).status, 403);
});

test('a name that an attacker points to the loopback does not make an origin ours', async (t) => {
  const { gateway } = await mcpShop(t, {}, { server: { anonymous: 'local' } });
  await gateway.token('local', '--total-limit', '2');
  const request = modernCall('search_code');
  const evil = `evil.example:${gateway.port}`;
  for (const [host, origin] of [['evil.example', 'http://evil.example'],
    [evil, `http://${evil}`], ['localhost', 'null']]) {
    const headers = { ...request.headers, host, origin };
    assert.equal((await call(`${gateway.url}/mcp`, { ...request, headers })).status, 403, origin);
  }
  assert.equal(await gateway.spent('local'), 0);
  const headers = { ...request.headers, origin: 'http://localhost:5173' };
  assert.equal((await call(`${gateway.url}/mcp`, { ...request, headers })).status, 200);
});

test('anonymous requests act under the named token when the config says so', async (t) => {
  const { gateway } = await mcpShop(t, {}, { server: { anonymous: 'local' } });
  await gateway.token('local', '--total-limit', '2');
  const client = await connect(t, 'v1', gateway.url);
  assert.ok(!(await client.callTool('search_code')).isError);
  assert.equal(await gateway.spent('local'), 1);
});

test('satgate mcp serves the same gateway over stdio', async (t) => {
  const { StdioClientTransport } = await import('@modelcontextprotocol/sdk/client/stdio.js');
  const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
  const { gateway } = await mcpShop(t);
  const token = await gateway.token('desktop', '--total-limit', '10');
  await gateway.stop();
  const client = new Client({ name: 'e2e', version: '1.0.0' });
  await client.connect(new StdioClientTransport({
    command: satgate, args: ['mcp', '--config', gateway.file, '--token', token],
    env: gateway.env(), stderr: 'ignore', cwd: gateway.folder,
  }));
  atEnd(t, () => client.close());
  const { tools } = await client.listTools();
  assert.equal(named(tools, 'search_code')._meta[PRICE].cost, 1);
  const result = await client.callTool({ name: 'search_code', arguments: { query: 'x' } });
  assert.match(result.content[0].text, /2 matches/);
});

test('no child outlives the gateway, whichever way it ends', async (t) => {
  const { gateway } = await mcpShop(t, {
    servers: { sleeper: { command: 'sleep', args: ['7531'], policy: { price: 1 } } },
  });
  const children = () => processes().filter((line) =>
    line.includes('satgate-demo mcp') && line.includes(gateway.folder));
  await eventually('the child runs', () => children().length === 1);
  await gateway.kill9();
  await eventually('the child ended', () => children().length === 0);
});
