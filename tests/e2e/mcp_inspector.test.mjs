// The official inspector's command line, as people try a server with it: over HTTP in both eras,
// over HTTP+SSE, and over stdio through `satgate mcp`.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { demo, scratch, startGateway } from './gateway.mjs';
import { inspect, program } from './mcp_packages.mjs';

const CHARGE = 'io.satgate/charge';
const DENIAL = 'io.satgate/denial';
const PRICE = 'io.satgate/price';
const DOCUMENT = 'demo://resource/static/document/features.md';

async function everythingShop(t) {
  const gateway = await startGateway(t, { config: { mcpServers: {
    everything: { command: process.execPath,
      args: [program('@modelcontextprotocol/server-everything')], policy: { price: 2 } },
    code: { command: demo, args: ['mcp'], policy: { price: 1 } },
  } } });
  const token = await gateway.token('inspector', '--total-limit', '6');
  return { gateway, token, home: scratch(t) };
}

// Lists, and spends the budget of six: a tool, a resource and a prompt, then nothing more.
async function tour(gateway, ask) {
  const ok = async (...args) => {
    const answer = await ask(...args);
    assert.equal(answer.code, 0, answer.said);
    return answer.json().result;
  };
  const [{ tools }, { prompts }, { resources }] = await Promise.all([
    ok('--method', 'tools/list', '--strict'), // fails if a schema is one that clients stumble on
    ok('--method', 'prompts/list'), ok('--method', 'resources/list')]);
  assert.equal(tools.find((tool) => tool.name === 'echo')._meta[PRICE].cost, 2);
  assert.equal(tools.find((tool) => tool.name === 'search_code')._meta[PRICE].cost, 1);
  assert.ok(prompts.some((prompt) => prompt.name === 'simple-prompt'));
  assert.ok(resources.some((resource) => resource.uri === DOCUMENT));
  assert.equal(await gateway.spent('inspector'), 0, 'lists are free');

  const echo = ['--method', 'tools/call', '--tool-name', 'echo', '--tool-arg', 'message=hello'];
  const called = await ok(...echo);
  assert.equal(called.content[0].text, 'Echo: hello');
  assert.equal(called._meta[CHARGE].cost, 2);
  const read = await ok('--method', 'resources/read', '--uri', DOCUMENT);
  assert.match(read.contents[0].text, /Features/);
  assert.equal(read._meta[CHARGE].remaining, 2);
  const prompt = await ok('--method', 'prompts/get', '--prompt-name', 'simple-prompt');
  assert.equal(prompt.messages[0].role, 'user');
  assert.equal(await gateway.spent('inspector'), 6);

  const refused = await ask(...echo);
  assert.equal(refused.code, 5, 'its exit code for a tool that says isError');
  assert.equal(refused.json().result.isError, true);
  assert.equal(refused.json().result._meta[DENIAL].error, 'budget_exhausted');
  assert.equal(await gateway.spent('inspector'), 6);
}

for (const era of ['legacy', 'modern']) {
  test(`inspector --cli over HTTP, ${era}: lists, calls, reads, and is refused`, async (t) => {
    const { gateway, token, home } = await everythingShop(t);
    await tour(gateway, (...args) => inspect(home, ['--server-url', `${gateway.url}/mcp`,
      '--transport', 'http', '--protocol-era', era, '--header', `Authorization: Bearer ${token}`,
      ...args]));
  });
}

test('inspector --cli over HTTP+SSE of 2024-11-05: the same', async (t) => {
  const { gateway, token, home } = await everythingShop(t);
  await tour(gateway, (...args) => inspect(home, ['--server-url', `${gateway.url}/sse`,
    '--transport', 'sse', '--header', `Authorization: Bearer ${token}`, ...args]));
});

test('inspector --cli over stdio: the same through satgate mcp', async (t) => {
  const { gateway, token, home } = await everythingShop(t);
  await tour(gateway, (...args) => inspect(home, [...args, '-e', `SATGATE_TOKEN=${token}`, '-e',
    `SATGATE_DATA_DIR=${gateway.data}`, '--', 'satgate', 'mcp', '--config', gateway.file]));
});

test('inspector --cli without a token is told what to send, and no tools', async (t) => {
  const { gateway, home } = await everythingShop(t);
  const answer = await inspect(home, ['--server-url', `${gateway.url}/mcp`, '--transport', 'http',
    '--stored-auth-only', '--method', 'tools/list']);
  assert.equal(answer.code, 3, 'its exit code for a server that wants authorization');
  assert.match(answer.said, /token_missing/);
  assert.doesNotMatch(answer.said, /search_code/);
});
