// Plain API keys that the config maps to tokens: accepted where agents send keys, held to the
// token's limits, never passed on, never kept in plain text.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { bearer, call, demo, eventually, run, satgate, scratch } from './gateway.mjs';
import { httpShop, llmShop, mcpShop } from './shops.mjs';

const newKey = () => randomBytes(18).toString('hex');
const hashOf = (key) => `sha256:${createHash('sha256').update(key).digest('hex')}`;

const FORMS = {
  'Authorization: Bearer': (key) => ({ authorization: `Bearer ${key}` }),
  'X-Api-Key': (key) => ({ 'x-api-key': key }),
  'Api-Key': (key) => ({ 'api-key': key }),
};

test('token key-hash prints the hash of the key on stdin, and refuses what is none', async (t) => {
  const env = { ...process.env, SATGATE_DATA_DIR: scratch(t) };
  const key = newKey();
  const hash = (input, ...flags) => run(satgate, ['token', 'key-hash', ...flags], { input, env });
  assert.equal((await hash(`${key}\n`)).stdout.trim(), hashOf(key));
  assert.equal((await hash(key, '--json')).json().hash, hashOf(key));
  const short = await hash('hunter2\n');
  assert.equal(short.code, 1);
  assert.match(short.stderr, /24 to 512 characters/);
  assert.equal((await hash(`sg_${key}`)).code, 1);
  assert.equal((await hash('')).code, 1);
});

test('a key acts under its token, in every form, and never travels upstream', async (t) => {
  const key = newKey();
  const fromFile = newKey();
  const folder = scratch(t);
  writeFileSync(path.join(folder, 'agent.key'), `${fromFile}\n`);
  const { gateway } = await httpShop(t, {}, { folder, server: { apiKeys: [
    { key: hashOf(key), token: 'agent' },
    { key: `file:${path.join(folder, 'agent.key')}`, token: 'agent' },
  ] } });
  await gateway.says(/server\.apiKeys: there is no token 'agent'/);
  const search = (headers) => call(`${gateway.url}/api/search`, { headers });
  assert.equal((await search(bearer(key))).status, 401, 'until its token is there');

  await gateway.token('agent', '--daily-limit', '12', '--endpoint', '/api/search');
  for (const form of Object.values(FORMS)) {
    const served = await search(form(key));
    assert.equal(served.status, 200, served.text);
    assert.ok(!served.text.includes(key), served.text);
  }
  assert.equal((await search(bearer(fromFile))).status, 200);
  assert.equal((await search(bearer(newKey()))).status, 401, 'a stranger');
  assert.equal((await search({})).status, 401);
  const both = await search({ ...FORMS['X-Api-Key'](key), ...bearer(fromFile) });
  assert.equal(both.status, 401, 'two credentials are an ambiguity');
  const elsewhere = await call(`${gateway.url}/api/embed`, { headers: bearer(key) });
  assert.equal(elsewhere.json.error, 'endpoint_denied');

  assert.equal((await search(bearer(key))).status, 200);
  assert.equal((await search(bearer(fromFile))).status, 200);
  const over = await search(bearer(key));
  assert.equal(over.json.error, 'budget_exceeded');
  assert.equal(over.json.spent, 12);
  const subjects = (await gateway.events('&decision=allow')).map((event) => event.subject);
  assert.deepEqual(new Set(subjects), new Set(['agent']));

  assert.equal((await gateway.cli('token', 'revoke', 'agent')).code, 0);
  assert.equal((await search(bearer(key))).json.error, 'token_revoked');

  // In no file of the data directory, and in no log.
  await gateway.stop();
  const files = readdirSync(gateway.data, { recursive: true })
    .map((name) => path.join(gateway.data, name)).filter((file) => statSync(file).isFile());
  for (const file of files) assert.ok(!readFileSync(file).includes(key), file);
  assert.ok(!gateway.child.log.includes(key));
});

test('observe knows the agent by its key, and passthrough does not hand it on', async (t) => {
  const key = newKey();
  const { gateway } = await httpShop(t, {
    upstream: { credential: 'passthrough', mode: 'observe' }, route: { mode: 'observe' },
  }, { server: { apiKeys: [{ key: hashOf(key), token: 'agent' }] } });
  await gateway.token('agent', '--total-limit', '100');
  for (const form of Object.values(FORMS)) {
    const served = await call(`${gateway.url}/api/search`, { headers: form(key) });
    assert.equal(served.status, 200);
    assert.ok(!served.text.includes(key), served.text);
  }
  assert.equal(await gateway.spent('agent'), 6);
  const own = await call(`${gateway.url}/api/search`, { headers: bearer('sk-a-provider-key') });
  assert.equal(own.json.headers.authorization, 'Bearer sk-a-provider-key');
});

test('LLM and MCP calls take keys, too', async (t) => {
  const key = newKey();
  const server = { apiKeys: [{ key: hashOf(key), token: 'agent' }] };
  const { gateway } = await llmShop(t, {}, { server });
  await gateway.token('agent', '--total-limit', '100');
  const chat = await call(`${gateway.url}/v1/chat/completions`, {
    method: 'POST', headers: FORMS['Api-Key'](key),
    body: { model: 'demo-flat', messages: [{ role: 'user', content: 'hello' }] },
  });
  assert.equal(chat.status, 200, chat.text);

  const mcp = (await mcpShop(t, {}, { server })).gateway;
  await mcp.token('agent', '--total-limit', '100', '--allow-tool', 'search_code');
  const rpc = (method, params) => call(`${mcp.url}/mcp`, {
    method: 'POST', headers: bearer(key), body: { jsonrpc: '2.0', id: 1, method, params },
  });
  const tools = (await rpc('tools/list', {})).json.result.tools.map((tool) => tool.name);
  assert.deepEqual(tools, ['search_code']);
  const called = await rpc('tools/call', { name: 'search_code', arguments: { query: 'x' } });
  assert.ok(!called.json.result.isError, called.text);
  assert.equal(await mcp.spent('agent'), 1);
});

test('a reload adds and removes keys at once', async (t) => {
  const [first, second] = [newKey(), newKey()];
  const { gateway } = await httpShop(t, {},
    { server: { apiKeys: [{ key: hashOf(first), token: 'agent' }] } });
  await gateway.token('agent', '--total-limit', '100');
  const status = async (key) =>
    (await call(`${gateway.url}/api/search`, { headers: bearer(key) })).status;
  assert.deepEqual([await status(first), await status(second)], [200, 401]);
  gateway.options.server.apiKeys = [{ key: hashOf(second), token: 'agent' }];
  gateway.writeConfig();
  gateway.child.kill('SIGHUP');
  await eventually('the new key', async () => (await status(second)) === 200);
  assert.equal(await status(first), 401);
});

test('MCP: a stream that stays open ends with its key, at the next thing that it would tell',
  async (t) => {
    const key = newKey();
    const server = { apiKeys: [{ key: hashOf(key), token: 'agent' }] };
    const { gateway } = await mcpShop(t, {}, { server });
    await gateway.token('agent', '--total-limit', '100');
    const opened = await call(`${gateway.url}/mcp`, { method: 'POST', headers: bearer(key),
      body: { jsonrpc: '2.0', id: 1, method: 'initialize', params: {
        protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'k', version: '1' },
      } } });
    const { body } = await fetch(`${gateway.url}/mcp`, { headers: bearer(key,
      { accept: 'text/event-stream', 'mcp-session-id': opened.headers['mcp-session-id'] }) });
    let heard = '';
    let ended = false;
    (async () => {
      for await (const bytes of body) heard += Buffer.from(bytes);
      ended = true;
    })().catch((error) => (heard += error.message));

    const reload = () => {
      gateway.writeConfig();
      gateway.child.kill('SIGHUP');
    };
    gateway.options.config.mcpServers.second = { command: demo, args: ['mcp'] };
    reload();
    await eventually('it is told', () => heard.includes('tools/list_changed'));
    heard = '';
    gateway.options.server.apiKeys = [];
    reload();
    await eventually('the key is gone', async () =>
      (await call(`${gateway.url}/mcp`, { method: 'POST', headers: bearer(key),
        body: { jsonrpc: '2.0', id: 2, method: 'tools/list' } })).status === 401);
    delete gateway.options.config.mcpServers.second;
    reload();
    await eventually('it has ended', () => ended);
    assert.doesNotMatch(heard, /list_changed/);
  });

test('config check names a token that is not there, with its line and what to do', async (t) => {
  const { gateway } = await httpShop(t);
  await gateway.token('agent', '--total-limit', '100');
  const check = async (token) => {
    gateway.options.server = { apiKeys: [{ key: hashOf(newKey()), token }] };
    gateway.writeConfig();
    return gateway.cli('config', 'check', gateway.file);
  };
  assert.equal((await check('agent')).code, 0);
  const wrong = await check('agnet');
  assert.equal(wrong.code, 1);
  assert.match(wrong.said, /line \d+: server\.apiKeys\[0\]\.token: there is no token 'agnet'/);
  assert.match(wrong.said, /satgate token create --name agnet/);
});
