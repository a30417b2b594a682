// What a client does through the gateway in each client scenario of the suite: (url, era) => ...
import assert from 'node:assert/strict';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { call, eventually } from '../e2e/gateway.mjs';
import { converse } from './conversation.mjs';

const LISTED_MS_MAX = 10_000;
const MODERN = '2026-07-28';

async function connected(url, era, talk) {
  const client = await converse(era, new StreamableHTTPClientTransport(new URL(url)));
  try {
    await talk(client);
  } finally {
    await client.close();
  }
}

// The gateway lists a server once it has reached it.
function listed(client, name) {
  return eventually(`${name} is listed`, async () =>
    (await client.listTools()).tools.some((tool) => tool.name === name), LISTED_MS_MAX);
}

async function callTool(client, name, args = {}) {
  const result = await client.callTool({ name, arguments: args });
  assert.ok(!result.isError, JSON.stringify(result));
  return result;
}

function calling(name, args) {
  return (url, era) => connected(url, era, async (client) => {
    await listed(client, name);
    await callTool(client, name, args);
  });
}

const listing = (url, era) => connected(url, era, (client) => client.listTools());

const seeing = (name) => (url, era) => connected(url, era, (client) => listed(client, name));

// Each method that has a header of its own.
function everyMethod(url, era) {
  return connected(url, era, async (client) => {
    await listed(client, 'test_headers');
    await callTool(client, 'test_headers');
    const { resources } = await client.listResources();
    await client.readResource({ uri: resources[0].uri });
    const { prompts } = await client.listPrompts();
    await client.getPrompt({ name: prompts[0].name });
  });
}

// The calls that the suite gives by this way, because their arguments are what it is about.
function givenCalls(url, era) {
  const { toolCalls } = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT);
  return connected(url, era, async (client) => {
    for (const { name, arguments: args } of toolCalls) {
      await listed(client, name);
      await callTool(client, name, args);
    }
  });
}

// Three calls at once, of which the first has to be asked about: what it needs is for it alone.
function rounds(url, era) {
  return connected(url, era, async (client) => {
    await listed(client, 'test_mrtr_echo_state');
    await Promise.all(['test_mrtr_echo_state', 'test_mrtr_unrelated', 'test_mrtr_no_result_type']
      .map((name) => callTool(client, name)));
    await callTool(client, 'test_mrtr_no_state');
  });
}

// The SDK's client would itself leave out tools with a bad header, so this one is simpler than that
// and calls whatever the gateway lists.
async function listedTools(url) {
  const list = () => rpc(url, 'tools/list', {});
  const tools = await eventually('valid_tool is listed', async () => {
    const { result } = await list();
    return result.tools.some((tool) => tool.name === 'valid_tool') && result.tools;
  }, LISTED_MS_MAX);
  for (const { name } of tools) {
    const args = name === 'valid_tool' ? { region: 'eu' } : {};
    await rpc(url, 'tools/call', { name, arguments: args },
      { 'mcp-name': name, ...(args.region && { 'mcp-param-region': args.region }) });
  }
}

async function rpc(url, method, params, headers = {}) {
  const response = await call(url, {
    method: 'POST',
    headers: {
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': MODERN,
      'mcp-method': method,
      ...headers,
    },
    body: { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: envelope } },
  });
  assert.ok(response.json, `${method}: ${response.status} ${response.text}`);
  return response.json;
}

const envelope = {
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientInfo': { name: 'satgate-conformance', version: '1.0.0' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

export const drives = {
  initialize: listing,
  tools_call: calling('add_numbers', { a: 2, b: 3 }),
  'request-metadata': listing,
  'http-standard-headers': everyMethod,
  'http-custom-headers': givenCalls,
  'http-invalid-tool-headers': listedTools,
  'sse-retry': calling('test_reconnection'),
  'sep-2322-client-request-state': rounds,
  'json-schema-ref-no-deref': seeing('lookup_user'),
};
