// mcp-remote from npm, the bridge that clients without HTTP are given, between a client over stdio
// and the gateway: over Streamable HTTP in both eras, and over HTTP+SSE of 2024-11-05.
import assert from 'node:assert/strict';
import { ElicitRequestSchema, ToolListChangedNotificationSchema } from
  '@modelcontextprotocol/sdk/types.js';
import path from 'node:path';
import { test } from 'node:test';
import { eventually, root, scratch, startGateway } from './gateway.mjs';
import { program, searchPath, stdioClient } from './mcp_packages.mjs';

const CHARGE = 'io.satgate/charge';
const DENIAL = 'io.satgate/denial';
const PRICE = 'io.satgate/price';

async function troubleShop(t) {
  const folder = scratch(t);
  return startGateway(t, { folder, config: { mcpServers: { trouble: {
    command: process.execPath,
    args: [path.join(root, 'tests/e2e/mcp_server.mjs'), 'stdio', path.join(folder, 'log')],
    policy: { price: 2 },
  } } } });
}

function remote(t, url, args, options) {
  return stdioClient(t, {
    command: process.execPath,
    args: [program('mcp-remote'), url, '--allow-http', ...args],
    env: { MCP_REMOTE_CONFIG_DIR: scratch(t), PATH: searchPath },
  }, options);
}

const ways = {
  'http-only': { path: '/mcp', args: ['--transport', 'http-only'] },
  'http-only, 2026-07-28': { path: '/mcp',
    args: ['--transport', 'http-only', '--protocol', 'auto'] },
  'sse-only': { path: '/sse', args: ['--transport', 'sse-only'] },
};

for (const [way, { path: route, args }] of Object.entries(ways)) {
  test(`mcp-remote, ${way}: lists, calls, hears of new tools, answers a question, and is refused`,
    async (t) => {
      const gateway = await troubleShop(t);
      const token = await gateway.token('remote', '--total-limit', '8');
      const client = await remote(t, gateway.url + route,
        [...args, '--header', `Authorization: Bearer ${token}`],
        { capabilities: { elicitation: {} } });
      let changes = 0;
      client.setNotificationHandler(ToolListChangedNotificationSchema, () => (changes += 1));
      client.setRequestHandler(ElicitRequestSchema, ({ params }) =>
        ({ action: 'accept', content: { name: `${params.message} Ada` } }));
      const names = async () => (await client.listTools()).tools.map((tool) => tool.name);

      const { tools } = await client.listTools();
      assert.ok(tools.every((tool) => tool._meta[PRICE].cost === 2));
      const kept = await client.callTool({ name: 'keep', arguments: { value: 'x' } });
      assert.deepEqual(kept.content, [{ type: 'text', text: 'x' }]);
      assert.equal(kept._meta[CHARGE].remaining, 6);

      await client.callTool({ name: 'add_tool', arguments: { name: 'newcomer' } });
      await eventually('the change is told', () => changes > 0);
      assert.ok((await names()).includes('newcomer'));
      const newcomer = await client.callTool({ name: 'newcomer', arguments: {} });
      assert.equal(newcomer.content[0].text, 'I am newcomer');
      assert.equal(newcomer._meta[CHARGE].remaining, 2);

      const asked = await client.callTool({ name: 'ask', arguments: { question: 'Who?' } });
      assert.equal(asked.content[0].text, 'Who? Ada');
      const refused = await client.callTool({ name: 'kept', arguments: {} });
      assert.equal(refused.isError, true);
      assert.match(refused.content[0].text, /budget/i);
      assert.equal(refused._meta[DENIAL].error, 'budget_exhausted');
      assert.equal(await gateway.spent('remote'), 8);
    });
}
