// What users of other MCP gateways reported, against this one: each test is named after whose
// report it is. What is tested elsewhere is in docs/peers.md.
import assert from 'node:assert/strict';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateMessageRequestSchema, ElicitRequestSchema, ToolListChangedNotificationSchema } from
  '@modelcontextprotocol/sdk/types.js';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { atEnd, bearer, demo, eventually, processes, root, scratch, sleep, startGateway,
  startProgram, together } from './gateway.mjs';

const PROGRAM = path.join(root, 'tests/e2e/mcp_server.mjs');

// Gateways in front of servers of mcp_server.mjs; `ran` counts the lines of what they logged.
async function troubleShop(t, names = ['trouble'], { kind = 'stdio', server, mcp } = {}) {
  const folder = scratch(t);
  const log = (name) => path.join(folder, `${name}.log`);
  const mcpServers = {};
  const programs = {};
  for (const name of names) {
    const args = [PROGRAM, kind, log(name)];
    mcpServers[name] = { policy: { price: 1 }, ...server };
    if (kind === 'http') {
      programs[name] = await startProgram(t, process.execPath, args);
      mcpServers[name].url = `${programs[name].url}/mcp`;
    } else {
      Object.assign(mcpServers[name], { command: process.execPath, args, ...server });
    }
  }
  mcpServers.code = { command: demo, args: ['mcp'], policy: { price: 1 } };
  const gateway = await startGateway(t, { folder, config: { mcp, mcpServers } });
  const ran = (word, name = names[0]) => (existsSync(log(name)) ?
    readFileSync(log(name), 'utf8').split('\n').filter((line) => line === word).length : 0);
  const token = await gateway.token('agent', '--total-limit', '1000');
  return { gateway, programs, ran, token };
}

async function open(t, gateway, token, capabilities = {}) {
  const client = new Client({ name: 'peer', version: '1.0.0' }, { capabilities });
  await client.connect(new StreamableHTTPClientTransport(new URL(`${gateway.url}/mcp`),
    { requestInit: { headers: bearer(token) } }));
  atEnd(t, () => client.close());
  const call = (name, args = {}) => client.callTool({ name, arguments: args });
  return {
    client,
    call,
    say: async (name, args) => (await call(name, args)).content[0].text,
    names: async () => (await client.listTools()).tools.map((tool) => tool.name),
  };
}

// Whatever way a call fails: as a result for the model, or as an error of the protocol.
async function failure(promise) {
  try {
    const result = await promise;
    assert.equal(result.isError, true, JSON.stringify(result));
    return result.content[0].text;
  } catch (error) {
    return error.message;
  }
}

test('agentgateway #962, Kuadrant #463: a server that dies in a call costs this call alone, ' +
  'stays listed, and is back', async (t) => {
  const { gateway, token } = await troubleShop(t);
  const { call, say, names } = await open(t, gateway, token);
  assert.equal(await say('keep', { value: 'x' }), 'x');
  const before = await names();
  assert.ok(await failure(call('die')));
  assert.deepEqual(await names(), before, 'the list does not flap');
  assert.match(await say('search_code'), /2 matches/, 'the same session, another server');
  await eventually('the server is back', async () => (await say('kept')) === 'nothing');
});

test('mcphub #196, LibreChat #11868, agentgateway #3622: a session that a server forgot is ' +
  'opened again, and the call runs once', async (t) => {
  const { gateway, programs, ran, token } = await troubleShop(t, ['trouble'], { kind: 'http' });
  const { say } = await open(t, gateway, token);
  assert.equal(await say('write', { ms: 0 }), 'written');
  for (let round = 2; round <= 4; round++) {
    await fetch(`${programs.trouble.url}/sessions`);
    assert.equal(await say('write', { ms: 0 }), 'written');
    assert.equal(ran('write'), round);
    assert.equal(await gateway.spent('agent'), round);
  }
  assert.equal(ran('initialized'), 4);
});

test('claude-code #83404: a call that timed out is not sent again, and is not free', async (t) => {
  const { gateway, ran, token } = await troubleShop(t, ['trouble'], { server: { timeout: '1s' } });
  const { call, say } = await open(t, gateway, token);
  assert.match(await failure(call('write', { ms: 2_000 })), /time|late|answer/i);
  assert.equal(await gateway.spent('agent'), 1);
  await sleep(1_200);
  assert.equal(ran('write'), 1);
  assert.equal(await say('kept'), 'nothing', 'its late answer meets nobody');
});

const ends = {
  'the gateway, SIGKILL': ({ gateway }) => gateway.kill9(),
  'the gateway, SIGTERM': ({ gateway }) => gateway.stop(),
  'a server that dies': ({ client }) => failure(client.call('die')),
  'a server that is no longer in the config': ({ gateway }) => {
    delete gateway.options.config.mcpServers.trouble;
    gateway.writeConfig();
    gateway.child.kill('SIGHUP');
  },
};

for (const [end, bring] of Object.entries(ends)) {
  test(`hermes-agent, openclaw #86412: grandchildren end with ${end}`, async (t) => {
    const mark = String(70_000 + process.pid);
    const { gateway, token } = await troubleShop(t, ['trouble'], { server: {
      command: '/bin/bash', // as npx does: a program that waits for the real one
      args: ['-c', '"$@"; exit', 'npx', process.execPath, PROGRAM, 'stdio', '/dev/null'],
    } });
    const client = await open(t, gateway, token);
    assert.equal(await client.say('spawn', { seconds: mark }), 'spawned');
    const left = () => processes().filter((line) => line.startsWith(`sleep ${mark}`));
    await eventually('the grandchild runs', () => left().length === 1);
    await bring({ gateway, client });
    await eventually('nothing is left', () => left().length === 0);
  });
}

test('ContextForge #2055, #4205: what one client keeps at a server another does not see',
  async (t) => {
    const { gateway, token } = await troubleShop(t, ['trouble'],
      { server: { sharing: 'separate' } });
    const clients = await together(4, () => open(t, gateway, token, { elicitation: {} }));
    await Promise.all(clients.map(({ say }, i) => say('keep', { value: `secret ${i}` })));
    const kept = await Promise.all(clients.map(({ say }) => say('kept')));
    assert.deepEqual(kept, ['secret 0', 'secret 1', 'secret 2', 'secret 3']);
  });

for (const kind of ['stdio', 'http']) {
  test(`ContextForge #6481, Docker #318 and #65, supergateway: sessions and calls open nothing ` +
    `at the server, ${kind}`, async (t) => {
    const { gateway, ran, token } = await troubleShop(t, ['trouble'], { kind });
    await together(8, async (i) => {
      const { client, say } = await open(t, gateway, token);
      for (let n = 0; n < 5; n++) await say('write', { ms: i });
      await client.close();
    });
    assert.equal(ran('write'), 40);
    assert.equal(ran('initialized'), 1);
  });
}

test('Docker #316 and #368, codex #33266, Bifrost #6885: a new tool is told at once, to all',
  async (t) => {
    const { gateway, token } = await troubleShop(t);
    const clients = await together(3, () => open(t, gateway, token));
    let told = 0;
    for (const { client, names } of clients) {
      await names();
      client.setNotificationHandler(ToolListChangedNotificationSchema, () => (told += 1));
    }
    await clients[0].say('add_tool', { name: 'newcomer' });
    await eventually('all are told', () => told >= clients.length, 3_000);
    for (const { names, say } of clients) {
      assert.ok((await names()).includes('newcomer'));
      assert.equal(await say('newcomer'), 'I am newcomer');
    }
  });

test('LiteLLM #23761, higress #3685: what a server asks reaches the client whose call it is',
  async (t) => {
    const { gateway, token } = await troubleShop(t);
    await together(4, async (i) => {
      const { client, say } = await open(t, gateway, token, { elicitation: {}, sampling: {} });
      client.setRequestHandler(ElicitRequestSchema, ({ params }) =>
        ({ action: 'accept', content: { name: `${params.message} of ${i}` } }));
      client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => ({ model: 'm',
        role: 'assistant',
        content: { type: 'text', text: `${params.messages[0].content.text} by ${i}` } }));
      await eventually('its own connection', async () =>
        (await say('ask', { question: 'first' })) === `first of ${i}`);
      for (let n = 0; n < 5; n++) {
        assert.equal(await say('ask', { question: `name ${n}` }), `name ${n} of ${i}`);
        assert.equal(await say('sample', { prompt: `poem ${n}` }), `poem ${n} by ${i}`);
      }
    });
  });

test('MetaMCP #249, LiteLLM #26733: names that are too long are cut, differ, and lead home',
  async (t) => {
    const servers = [`a-server-with-a-name-of-${'y'.repeat(20)}`,
      `a-server-with-a-name-of-${'y'.repeat(20)}2`];
    const { gateway, token } = await troubleShop(t, servers, { mcp: { prefix: 'always' } });
    const { names, say } = await open(t, gateway, token);
    const tools = [`${'long_'.repeat(15)}1`, `${'long_'.repeat(15)}2`];
    for (const server of servers) {
      for (const name of tools) await say(`${server}__add_tool`, { name });
    }
    const long = await eventually('all are listed', async () => {
      const found = (await names()).filter((name) => name.includes('long_'));
      return found.length === 4 && found;
    });
    assert.equal(new Set(long).size, 4);
    for (const name of await names()) assert.match(name, /^[A-Za-z0-9_.-]{1,64}$/);
    const answers = await Promise.all(long.map((name) => say(name)));
    assert.deepEqual(answers.sort(), [tools[0], tools[0], tools[1], tools[1]].map((name) =>
      `I am ${name}`));
  });

test('agentgateway, MetaMCP: servers and tools whose joined names are the same stay apart',
  async (t) => {
    const { gateway, ran, token } = await troubleShop(t, ['a', 'a__b'],
      { mcp: { prefix: 'always' } });
    const { names, say } = await open(t, gateway, token);
    await say('a__add_tool', { name: 'b__write' }); // a__b__write, as is write of a__b
    const both = await eventually('both are listed', async () => {
      const found = (await names()).filter((name) => name.includes('write'));
      return found.length === 3 && found;
    });
    assert.equal(new Set(both).size, 3);
    const answers = await Promise.all(both.map((name) => say(name, { ms: 0 })));
    assert.deepEqual(answers.sort(), ['I am b__write', 'written', 'written']);
    assert.equal(ran('write', 'a') + ran('write', 'a__b'), 2);
  });

test('Traefik Hub: arguments and results of megabytes pass as they are', async (t) => {
  const { gateway, token } = await troubleShop(t);
  const { say } = await open(t, gateway, token);
  const value = 'ä\n"\\\u0000漢'.repeat(300_000);
  assert.equal(await say('measure', { value }), `${value.length} ${value.slice(-1000)}`);
  assert.equal(await say('keep', { value }), value);
});

test('mcp-proxy: all of a call\'s progress arrives, in its order, before the answer', async (t) => {
  const { gateway, token } = await troubleShop(t);
  const { client } = await open(t, gateway, token);
  await together(5, async (i) => {
    const heard = [];
    await client.callTool({ name: 'steps', arguments: { count: 3 + i * 25 } }, undefined,
      { onprogress: ({ progress }) => heard.push(progress) });
    assert.deepEqual(heard, Array.from({ length: 3 + i * 25 }, (_, n) => n + 1));
  });
});

test('gbrain, LiteLLM: calls at once from several sessions do not pass the budget', async (t) => {
  const { gateway, ran } = await troubleShop(t);
  const token = await gateway.token('poor', '--total-limit', '13');
  const clients = await together(6, () => open(t, gateway, token));
  await Promise.all(clients.flatMap(({ call }) =>
    Array.from({ length: 10 }, () => call('write', { ms: 5 }))));
  assert.equal(ran('write'), 13);
  assert.equal(await gateway.spent('poor'), 13);
});
