// Rules on the arguments of tools: what the config does not allow reaches no server, however it is
// written.
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { bearer, call, countFile, eventually, packages, scratch, startGateway } from
  './gateway.mjs';
import { DENIAL, connect, generations, modernCall, rpcResult } from './mcp_clients.mjs';
import { mcpShop } from './shops.mjs';

const RULES = {
  tools: {
    search_code: {
      cost: '1 credit',
      arguments: {
        query: { pattern: '[a-z ]{1,40}' },
        amount: { max: 100, optional: true },
        'repo.owner': { oneOf: ['me', 'us'], optional: true },
        url: { hosts: ['example.com', '*.example.org'], optional: true },
        force: { absent: true },
      },
    },
  },
};

function shop(t, config = {}) {
  return mcpShop(t, { tools: RULES.tools, config });
}

// A tools/call whose arguments are these very characters.
function rawCall(args) {
  const request = modernCall('search_code', {});
  const body = JSON.stringify(request.body).replace('"arguments":{}', `"arguments":${args}`);
  return { ...request, body };
}

for (const generation of generations) {
  test(`${generation}: what a rule forbids is refused and says what is allowed`, async (t) => {
    const { gateway, counts } = await shop(t);
    const token = await gateway.token('agent', '--total-limit', '50');
    const client = await connect(t, generation, gateway.url, token);
    const listed = (await client.listTools()).map((tool) => tool.name);
    assert.ok(listed.includes('search_code'));

    const fine = await client.callTool('search_code',
      { query: 'a bug', amount: 100, repo: { owner: 'me' }, url: 'https://a.example.org/x' });
    assert.ok(!fine.isError);
    for (const [args, says] of [
      [{ query: 'a bug', amount: 101 }, 'argument `amount` must be at most 100'],
      [{ query: 'DROP TABLE' }, 'argument `query` must match [a-z ]{1,40} as a whole'],
      [{}, 'argument `query` is missing; it must match [a-z ]{1,40} as a whole'],
      [{ query: 'x', repo: { owner: 'you' } }, 'argument `repo.owner` must be one of me, us'],
      [{ query: 'x', url: 'https://example.com@evil.com/' },
        'argument `url` must be a plain http(s) URL of example.com, *.example.org'],
      [{ query: 'x', force: false }, 'argument `force` must not be given'],
    ]) {
      const denied = await client.callTool('search_code', args);
      assert.equal(denied.isError, true, says);
      assert.equal(denied._meta[DENIAL].error, 'tool_denied');
      assert.equal(denied._meta[DENIAL].message, says);
      assert.ok(denied.content[0].text.includes(says));
    }
    assert.equal(countFile(counts), 1);
    assert.equal(await gateway.spent('agent'), 1);
    const events = await gateway.events('&decision=deny');
    assert.equal(events.length, 6);
    assert.ok(events.every((event) => event.code === 'tool_denied'));
    assert.equal(events[0].detail, 'argument `amount` must be at most 100');
    assert.ok(!JSON.stringify(events).includes('DROP'), 'what was given is not in the record');
  });
}

test('arguments that two parsers could read differently pass no rule', async (t) => {
  const { gateway, counts } = await shop(t);
  const token = await gateway.token('agent', '--total-limit', '50');
  const send = async (args) => {
    const request = rawCall(args);
    return call(`${gateway.url}/mcp`,
      { ...request, headers: { ...request.headers, ...bearer(token) } });
  };
  for (const args of [
    '{"query":"x","amount":1000,"amount":1}',
    '{"query":"x","amount":1,"\\u0061mount":1000}',
    '{"query":"x","Amount":1000}',
    '{"query":"x","AMOUNT":1000,"amount":1}',
    '{"query":"x","amount":100.000000000000000001}',
    '{"query":"x","amount":1e400}',
    '{"query":"x","amount":"1"}',
    '{"query":"x","amount":[1,[1000]]}',
    '{"query":"x","other":{"a":1,"a":2}}',
    '{"query":"x","FORCE":true}',
    '{"query":"x","force":null}',
    '{"query":"x\\n"}',
    '{"query":null}',
    '{"query":["x","DROP"]}',
    '{"query":{"x":"x"}}',
    '{"query":"x","repo":[{"owner":"me"},{"owner":"you"}]}',
    '{"query":"x","url":"https:\\/\\/evil.com\\\\.example.org"}',
    '{"query":"x","url":"http://2130706433/"}',
    'null',
  ]) {
    const { result, error } = rpcResult(await send(args));
    if (!error) assert.equal(result._meta?.[DENIAL]?.error, 'tool_denied', args);
  }
  assert.equal(countFile(counts), 0);
  const fine = rpcResult(await send('{ "query" : "\\u0078" , "amount" : 1e2 , "url" : null }'));
  assert.ok(!fine.result.isError);
  assert.equal(countFile(counts), 1);
});

test('the rules of a policy come on top of those of the tool', async (t) => {
  const { gateway, counts } = await shop(t, {
    policies: { careful: { tools: { search_code: { arguments: { amount: { max: 10 } } } } } },
  });
  const careful = await connect(t, 'v1', gateway.url, await gateway.token('careful'));
  const other = await connect(t, 'v1', gateway.url, await gateway.token('other'));
  const says = async (client, args) =>
    (await client.callTool('search_code', args))._meta?.[DENIAL]?.message;
  assert.equal(await says(careful, { query: 'x', amount: 11 }),
    'argument `amount` must be at most 10');
  assert.equal(await says(careful, { query: 'X', amount: 1 }),
    'argument `query` must match [a-z ]{1,40} as a whole');
  assert.equal(await says(other, { query: 'x', amount: 11 }), undefined);
  assert.equal(countFile(counts), 1);
});

test('a server that is for reading lists and runs its read-only tools alone', async (t) => {
  const folder = scratch(t);
  const files = path.join(packages, '@modelcontextprotocol/server-filesystem/dist/index.js');
  writeFileSync(path.join(folder, 'note.txt'), 'a note');
  const gateway = await startGateway(t, {
    config: {
      mcpServers: {
        files: {
          command: process.execPath,
          args: [files, folder],
          policy: { price: 1, allow: 'read' },
        },
      },
    },
  });
  const client = await connect(t, 'v1', gateway.url, await gateway.token('agent'));
  const names = await eventually('its tools are listed', async () => {
    const list = (await client.listTools()).map((tool) => tool.name);
    return list.length > 0 && list;
  });
  assert.ok(names.includes('read_text_file'));
  assert.ok(!names.includes('write_file'));
  const note = await client.callTool('read_text_file', { path: path.join(folder, 'note.txt') });
  assert.match(note.content[0].text, /a note/);
  const written = path.join(folder, 'new.txt');
  const denied = await client.callTool('write_file', { path: written, content: 'x' });
  assert.equal(denied._meta[DENIAL].error, 'tool_denied');
  assert.ok(!existsSync(written));
});

test('observe lets the call pass and records what the rule would have done', async (t) => {
  const { gateway, counts } = await shop(t, { mode: 'observe' });
  const client = await connect(t, 'v1', gateway.url, await gateway.token('agent'));
  assert.ok(!(await client.callTool('search_code', { query: 'x', amount: 5000 })).isError);
  assert.equal(countFile(counts), 1);
  const [event] = await gateway.events('&decision=would_deny');
  assert.equal(event.code, 'tool_denied');
  assert.equal(event.detail, 'argument `amount` must be at most 100');
});
