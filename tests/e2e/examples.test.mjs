// The examples work as their README files say.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { call, eventually, freePort, packages, processes, root, run, satgate, scratch, startGateway,
  startProgram, startUpstream, together } from './gateway.mjs';
import { connect, PRICE } from './mcp_clients.mjs';
import { llmShop } from './shops.mjs';

const examples = path.join(root, 'examples');

// An example's config on free ports and with other stand-ins replaced.
function moved(name, replacements = {}) {
  return (gateway) => {
    let text = readFileSync(path.join(examples, name, 'satgate.yaml'), 'utf8')
      .replace('127.0.0.1:8000', `127.0.0.1:${gateway.port}`)
      .replace('127.0.0.1:9090', `127.0.0.1:${gateway.adminPort}`);
    for (const [from, to] of Object.entries(replacements)) {
      assert.ok(text.includes(from), `${name} has ${from}`);
      text = text.replace(from, to);
    }
    return text;
  };
}

test('every example config passes the check', async () => {
  for (const name of ['demo', 'cursor', 'http-api']) {
    const file = path.join(examples, name, 'satgate.yaml');
    const result = await run(satgate, ['config', 'check', file], { cwd: root });
    assert.equal(result.code, 0, `${name}: ${result.said}`);
  }
});

test('http-api: searches until the budget ends', async (t) => {
  const api = await startUpstream(t, 'api');
  const gateway = await startGateway(t, {
    config: {}, yaml: moved('http-api', { 'http://127.0.0.1:3000': api.url }),
  });
  const token = await gateway.token('agent', '--total-limit', '10');
  const result = await run(path.join(examples, 'http-api/spend'), [], {
    env: { ...process.env, SATGATE_TOKEN: token, SATGATE_URL: gateway.url },
  });
  assert.equal(result.code, 0, result.said);
  assert.equal(result.stdout.match(/: ok$/gm).length, 5);
  assert.match(result.stdout, /search 6: 402/);
  assert.match(result.stdout, /"error": ?"budget_exhausted"/);
});

test('openai-node: the agent stops at its budget', async (t) => {
  const { gateway } = await llmShop(t);
  const folder = scratch(t);
  cpSync(path.join(examples, 'openai-node'), folder, { recursive: true });
  symlinkSync(packages, path.join(folder, 'node_modules'));
  const token = await gateway.token('dev-token', '--daily-limit', '3', '--upstream', 'openai');
  const result = await run(process.execPath, [path.join(folder, 'agent.mjs')], {
    env: { ...process.env, SATGATE_TOKEN: token, SATGATE_URL: `${gateway.url}/v1`,
      MODEL: 'demo-flat' },
  });
  assert.equal(result.code, 0, result.said);
  assert.match(result.stdout, /call 3: \d+ tokens\ncall 4: stopped, Daily budget limit exceeded/);
  assert.match(result.stdout, /spent 3 of 3/);
});

test('per-user-budgets: each user has a day\'s budget, and keeps the token', async (t) => {
  const { gateway } = await llmShop(t);
  const folder = scratch(t);
  cpSync(path.join(examples, 'per-user-budgets'), folder, { recursive: true });
  symlinkSync(packages, path.join(folder, 'node_modules'));
  const env = { ...process.env, SATGATE_ADMIN_URL: gateway.admin, SATGATE_URL: `${gateway.url}/v1`,
    SATGATE_ADMIN_TOKEN: readFileSync(path.join(gateway.data, 'admin.token'), 'utf8').trim(),
    MODEL: 'demo-flat', DAILY_LIMIT: '3', PORT: '0' };
  const startServer = () => startProgram(t, process.execPath, [path.join(folder, 'server.mjs')],
    { env });
  const chat = (server, user) => call(`${server.url}/chat`, { method: 'POST',
    headers: { 'x-user': user }, body: { messages: [{ role: 'user', content: 'Hello' }] } });

  const server = await startServer();
  const first = await together(3, () => chat(server, '7'));
  assert.deepEqual(first.map((answer) => answer.status), [200, 200, 200], first[0].text);
  assert.ok(first.every((answer) => answer.json.object === 'chat.completion'));
  const refused = await chat(server, '7');
  assert.equal(refused.status, 429, refused.text);
  assert.deepEqual(refused.json, { error: 'Daily limit reached. Upgrade for more credits.' });
  assert.equal((await chat(server, '8')).status, 200, 'each has their own');

  const other = await startServer();
  assert.equal((await chat(other, '7')).status, 429, 'a fresh process finds the same token');
  const upgrade = await gateway.cli('token', 'update', 'user-7', '--daily-limit', '50');
  assert.equal(upgrade.code, 0, upgrade.said);
  const third = await startServer();
  for (const process of [server, other, third]) {
    assert.equal((await chat(process, '7')).status, 200, 'it asks for 3 a day and has 50');
  }
  const tokens = await gateway.json('token', 'list');
  assert.deepEqual(tokens.map((token) => token.name), ['user-7', 'user-8']);
});

test('cursor: the MCP config of the example reaches the tools, priced', async (t) => {
  const folder = scratch(t);
  writeFileSync(path.join(folder, 'readme.txt'), 'hello');
  const program = path.join(packages, '@modelcontextprotocol/server-filesystem/dist/index.js');
  const gateway = await startGateway(t, {
    config: {},
    yaml: moved('cursor', {
      'command: npx': `command: "${process.execPath}"`,
      '["-y", "@modelcontextprotocol/server-filesystem", "."]': `["${program}", "${folder}"]`,
    }),
  });
  const token = await gateway.token('cursor-dev', '--audience', 'cursor', '--daily-limit', '25',
    '--allow-tool', 'github-read');
  const config = JSON.parse(readFileSync(path.join(examples, 'cursor/mcp.json'), 'utf8'));
  const { url, headers } = config.mcpServers.satgate;
  assert.equal(url, 'http://127.0.0.1:8000/mcp');
  assert.equal(headers.Authorization, 'Bearer ${env:SATGATE_TOKEN}');
  const client = await connect(t, 'v1', gateway.url, token);
  const tools = await client.listTools();
  assert.ok(tools.length > 3);
  assert.ok(tools.every((tool) => tool._meta[PRICE].cost === 1));
});

test('make demo: the runaway agent is stopped and the demo ends by itself', async () => {
  const ports = [await freePort(), await freePort(), await freePort(), await freePort()];
  const result = await run(path.join(examples, 'demo/runaway'), [], {
    cwd: root, timeout: 60_000, env: { ...process.env, SATGATE_DEMO_PORTS: ports.join(' ') },
  });
  assert.equal(result.code, 0, result.said);
  assert.equal(result.stdout.match(/review_code {2}allowed/g).length, 5);
  assert.equal(result.stdout.match(/REFUSED/g).length, 3);
  assert.match(result.stdout, /io\.satgate\/denial/);
  assert.match(result.stdout, /HTTP 402/);
  assert.match(result.stdout, /review_code.*\b25\b/);
});

test('make run: what it prints can be pasted, one of the three is refused, nothing is left behind',
  async () => {
    const ports = [await freePort(), await freePort(), await freePort(), await freePort()];
    const child = spawn(path.join(examples, 'demo/run'), [], {
      cwd: root, stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, SATGATE_DEMO_PORTS: ports.join(' ') },
    });
    let output = '';
    child.stdout.on('data', (bytes) => (output += bytes));
    child.stderr.on('data', (bytes) => (output += bytes));
    const ended = once(child, 'exit');
    try {
      const printed = () => output.includes('report spend') || child.exitCode !== null;
      await eventually('the commands are printed', printed, 20_000);
      const commands = output.match(/^ {5}curl (?:.*\\\n)*.*$/gm);
      assert.equal(commands.length, 3, output);
      const said = [];
      for (const command of commands) said.push((await run('/bin/bash', ['-c', command])).stdout);
      assert.match(said[0], /^HTTP\/1.1 200/);
      assert.match(said[1], /"chat.completion"/);
      assert.match(said[2], /^HTTP\/1.1 402/);
      const tail = output.match(/^ {5}(SATGATE_DATA_DIR=.* audit tail)$/m)[1];
      assert.match((await run('/bin/bash', ['-c', tail], { cwd: root })).stdout, /deny/);
    } finally {
      child.kill('SIGINT');
      await ended;
    }
    const left = processes().filter((line) => ports.some((port) => line.includes(`:${port}`)));
    assert.deepEqual(left, []);
  });
