// A new config under load: no call is dropped, none is judged by two configs, and what can not
// change is refused as a whole.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import { atEnd, bearer, call, demo, eventually, Gateway, processes, scratch, sleep, startUpstream }
  from './gateway.mjs';
import { httpShop, llmShop, mcpShop } from './shops.mjs';

const reloads = (gateway) => gateway.child.log.match(/config was read again/g)?.length ?? 0;
const refusals = (gateway) => gateway.child.log.match(/new config was not taken/g)?.length ?? 0;

// Writes what `change` makes of the config and has it read.
async function reload(gateway, change, counted = reloads) {
  const before = counted(gateway);
  change(gateway.options.config);
  gateway.writeConfig();
  gateway.child.kill('SIGHUP');
  await eventually('the config is read', () => counted(gateway) > before);
}

const toolCall = (url, token, name, args = {}) => call(`${url}/mcp`, {
  method: 'POST',
  headers: bearer(token, { accept: 'application/json, text/event-stream' }),
  body: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } },
});

// A POST whose body waits: the returned function sends it and gives the answer.
async function halfSent(url, token, body) {
  const text = JSON.stringify(body);
  const request = http.request(url, { method: 'POST', agent: false, headers: bearer(token,
    { 'content-type': 'application/json', 'content-length': text.length }) });
  request.write(text.slice(0, 10));
  await sleep(200);
  return async () => {
    request.end(text.slice(10));
    const [response] = await once(request, 'response');
    response.resume();
    await once(response, 'end');
    return response;
  };
}

test('a call is routed and priced by the config it began under', async (t) => {
  const { llm, gateway } = await llmShop(t);
  const other = await startUpstream(t, 'llm');
  const token = await gateway.token('agent', '--total-limit', '100');
  const chat = { model: 'demo-flat', messages: [{ role: 'user', content: 'hello' }] };
  const finish = await halfSent(`${gateway.url}/v1/chat/completions`, token, chat);
  await reload(gateway, (config) => {
    config.upstreams.openai.url = `${other.url}/v1`;
    config.models['demo-flat'].cost = 7;
  });
  const response = await finish();
  assert.equal(response.statusCode, 200);
  assert.equal(response.headers['x-cost-per-call'], '1.00 USD');
  assert.equal(await gateway.spent('agent'), 1);
  assert.equal((await llm.stats()).calls, 1);
  assert.equal((await other.stats()).calls, 0);
});

test('reloads under load drop no call, and each call is served at the price of its upstream',
  async (t) => {
    const { api, gateway } = await httpShop(t);
    const dear = await startUpstream(t, 'api');
    const token = await gateway.token('agent', '--total-limit', '1000000');
    let stopped = false;
    const answers = [];
    const clients = Array.from({ length: 4 }, async () => {
      while (!stopped) {
        answers.push(await call(`${gateway.url}/api/search?slow=5`, { headers: bearer(token) }));
      }
    });
    for (let i = 0; i < 6; i++) {
      await reload(gateway, (config) => {
        config.upstreams.api.url = i % 2 === 0 ? dear.url : api.url;
        config.endpoints['/api/search'].cost = i % 2 === 0 ? '3 credits' : '2 credits';
      });
      await sleep(50);
    }
    stopped = true;
    await Promise.all(clients);
    for (const answer of answers) assert.equal(answer.status, 200, answer.text);
    const served = 2 * (await api.stats()).calls + 3 * (await dear.stats()).calls;
    assert.equal(await gateway.spent('agent'), served);
  });

test('MCP servers change while their calls run: none fails, and others keep their process',
  async (t) => {
    const { gateway } = await mcpShop(t, { servers: { stays: { command: demo, args: ['mcp'] } },
      config: { mcp: { prefix: 'always' } }, tools: { '*': { cost: 1 } } });
    const token = await gateway.token('agent', '--total-limit', '1000000');
    const folder = gateway.folder;
    const counted = (name) => processes().filter((line) => line.includes(folder) &&
      line.includes(name)).length;
    const slow = toolCall(gateway.url, token, 'code__slow_search', { ms: 2500 });
    let stopped = false;
    const answers = [];
    const load = (async () => {
      while (!stopped) answers.push(await toolCall(gateway.url, token, 'stays__search_code'));
    })();
    await sleep(100);
    assert.equal(counted('mcp-calls'), 1);
    await reload(gateway, (config) => {
      config.mcpServers.code.args = ['mcp', '--count-file', `${folder}/other-calls`];
    });
    const fresh = await toolCall(gateway.url, token, 'code__search_code');
    assert.equal(fresh.json.result?.isError ?? false, false, fresh.text);
    assert.equal(counted('mcp-calls'), 1, 'the old server serves its call to the end');
    assert.equal(counted('other-calls'), 1);
    assert.match((await slow).json.result.content[0].text, /Found it at last/);
    stopped = true;
    await load;
    for (const answer of answers) {
      assert.equal(answer.status, 200, answer.text);
      assert.ok(answer.json.result && !answer.json.result.isError, answer.text);
    }
    await eventually('the old server has ended', () => counted('mcp-calls') === 0);
    const status = await (await gateway.adminApi('/api/v1/status')).json();
    const stays = status.mcp_servers.find((server) => server.name === 'stays');
    assert.equal(stays.restarts, 0);
    assert.equal(stays.calls, answers.length, 'one process served them all');
  });

test('a reload that changes the currency is refused as a whole, and says what to do', async (t) => {
  const { gateway } = await httpShop(t);
  const token = await gateway.token('agent', '--total-limit', '100');
  const search = () => call(`${gateway.url}/api/search`, { headers: bearer(token) });
  await reload(gateway, (config) => {
    config.currency = { usdPerCredit: 2 };
    config.endpoints['/api/search'].cost = '5 credits';
  }, refusals);
  await gateway.says(/currency: .*restart the gateway/);
  assert.equal((await search()).headers['x-cost-per-call'], '2.00 USD');
  // Without the change of the currency the same file is taken.
  await reload(gateway, (config) => delete config.currency);
  assert.equal((await search()).headers['x-cost-per-call'], '5.00 USD');
});

test('budgets of the config come in any order, and may change places', async (t) => {
  const { gateway } = await httpShop(t, { config: { budgets: {
    research: { daily: 10, parent: 'engineering' }, engineering: { daily: 100 } } } });
  const search = async (budget) => call(`${gateway.url}/api/search`,
    { headers: bearer(await gateway.token(`in-${budget}`, '--budget', budget)) });
  const spent = async (name) => (await gateway.json('budget', 'show', name)).spent;
  assert.equal((await search('research')).status, 200);
  await reload(gateway, (config) => {
    config.budgets = { research: { daily: 100 }, engineering: { daily: 3, parent: 'research' } };
  });
  const refused = await search('engineering');
  assert.deepEqual([refused.json.error, refused.json.limit, refused.json.spent],
    ['budget_exceeded', 3, 2], 'what it used in its old place counts');
  assert.deepEqual([await spent('engineering'), await spent('research')], [2, 2]);
});

test('durability changes with a reload, for calls that begin later', async (t) => {
  const { gateway } = await httpShop(t);
  const token = await gateway.token('agent', '--total-limit', '100');
  const status = async () => (await gateway.adminApi('/api/v1/status')).json();
  const durability = async () => (await status()).durability;
  assert.equal(await durability(), 'normal');
  for (const wanted of ['strict', 'normal']) {
    await reload(gateway, (config) => (config.audit = { durability: wanted }));
    assert.equal(await durability(), wanted);
    const calls = await Promise.all(Array.from({ length: 8 }, () =>
      call(`${gateway.url}/api/search`, { headers: bearer(token) })));
    assert.ok(calls.every((one) => one.status === 200));
  }
});

test('a bad config changes nothing, and the log says why', async (t) => {
  const { gateway } = await httpShop(t);
  const token = await gateway.token('agent', '--total-limit', '100');
  writeFileSync(gateway.file, 'version: 1\nnonsense: true\n');
  gateway.child.kill('SIGHUP');
  await eventually('it is refused', () => refusals(gateway) === 1);
  await gateway.says(/line 2: nonsense: unknown key/);
  const search = await call(`${gateway.url}/api/search`, { headers: bearer(token) });
  assert.equal(search.status, 200);
});

test('reload.watch takes every change by itself: in place, renamed, in a secret file, bad and good',
  async (t) => {
    const { gateway } = await httpShop(t, { config: { reload: { watch: true } } });
    const secret = path.join(gateway.folder, 'secret');
    const token = await gateway.token('agent', '--total-limit', '1000000');
    const search = () => call(`${gateway.url}/api/search`, { headers: bearer(token) });
    const priced = (cost) => eventually(`${cost} credits`, async () =>
      (await search()).headers['x-cost-per-call'] === `${cost}.00 USD`);
    const { config } = gateway.options;
    const price = (cost) => (config.endpoints['/api/search'].cost = cost);

    price(3);
    gateway.writeConfig();
    await priced(3);

    const { file } = gateway;
    price(4);
    writeFileSync(secret, 'Bearer one');
    config.upstreams.api.headers = { 'x-secret': `file:${secret}` };
    gateway.file = `${file}.new`;
    gateway.writeConfig();
    gateway.file = file;
    renameSync(`${file}.new`, file);
    await priced(4);

    writeFileSync(secret, 'Bearer two');
    await eventually('the new secret', async () =>
      (await search()).json?.headers['x-secret'] === 'Bearer two');

    writeFileSync(file, 'version: 1\nnonsense: true\n');
    await gateway.says(/nonsense: unknown key/);
    assert.equal((await search()).headers['x-cost-per-call'], '4.00 USD');
    price(5);
    gateway.writeConfig();
    await priced(5);

    config.reload.watch = false;
    gateway.writeConfig();
    const before = reloads(gateway);
    await eventually('the last one that is seen', () => reloads(gateway) > before);
    price(1);
    gateway.writeConfig();
    await sleep(2500);
    assert.equal((await search()).headers['x-cost-per-call'], '5.00 USD');
  });

test('reload.watch sees the swap of a mounted directory', async (t) => {
  const mount = (gateway) => path.dirname(gateway.file);
  let version = 0;
  // A mounted ConfigMap: satgate.yaml -> ..data/satgate.yaml, ..data -> ..N.
  const publish = (gateway, text) => {
    const folder = path.join(mount(gateway), `..${++version}`);
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'satgate.yaml'), text);
    symlinkSync(`..${version}`, path.join(mount(gateway), '..tmp'));
    renameSync(path.join(mount(gateway), '..tmp'), path.join(mount(gateway), '..data'));
  };
  const api = await startUpstream(t, 'api');
  const folder = scratch(t);
  const config = (gateway, cost) => JSON.stringify({
    version: 1,
    reload: { watch: true },
    server: { listen: `127.0.0.1:${gateway.port}` },
    admin: { listen: `127.0.0.1:${gateway.adminPort}` },
    upstreams: { api: { url: api.url } },
    endpoints: { '/api/search': { cost } },
  });
  symlinkSync('..data/satgate.yaml', path.join(folder, 'satgate.yaml'));
  const gateway = new Gateway(folder, { config: {} });
  gateway.writeConfig = () => publish(gateway, config(gateway, 2));
  atEnd(t, () => gateway.stop());
  await gateway.start();
  const token = await gateway.token('agent', '--total-limit', '1000000');
  for (const cost of [3, 4]) {
    publish(gateway, config(gateway, cost));
    await eventually(`${cost} credits`, async () =>
      (await call(`${gateway.url}/api/search`, { headers: bearer(token) }))
        .headers['x-cost-per-call'] === `${cost}.00 USD`);
  }
});
