// The official MCP clients of both generations behind one small face:
//   connect(generation, url, token) -> {listTools(), callTool(name, args), close()}
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from
  '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from
  '@modelcontextprotocol/client';
import { atEnd } from './gateway.mjs';

export const PRICE = 'io.satgate/price';
export const BUDGET = 'io.satgate/budget';
export const DENIAL = 'io.satgate/denial';

const identity = { name: 'satgate-e2e', version: '1.0.0' };

export const generations = ['v1', 'v2-legacy', 'v2-modern'];

function make(generation) {
  if (generation === 'v1') return new ClientV1(identity);
  const mode = generation === 'v2-modern' ? { pin: '2026-07-28' } : 'legacy';
  return new ClientV2(identity, { versionNegotiation: { mode } });
}

export async function connect(t, generation, url, token) {
  const Transport = generation === 'v1' ? TransportV1 : TransportV2;
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const client = make(generation);
  await client.connect(new Transport(new URL(`${url}/mcp`), { requestInit: { headers } }));
  atEnd(t, () => client.close());
  return {
    client,
    listTools: async () => (await client.listTools()).tools,
    callTool: (name, args = {}) => client.callTool({ name, arguments: args }),
  };
}

// A bare JSON-RPC tools/call of the stateless revision: one POST, nothing to set up.
export function modernCall(name, args = {}, id = 1) {
  const version = '2026-07-28';
  return {
    method: 'POST',
    headers: {
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': version,
      'mcp-method': 'tools/call',
      'mcp-name': name,
    },
    body: {
      jsonrpc: '2.0',
      id,
      method: 'tools/call',
      params: {
        name,
        arguments: args,
        _meta: {
          'io.modelcontextprotocol/protocolVersion': version,
          'io.modelcontextprotocol/clientInfo': identity,
          'io.modelcontextprotocol/clientCapabilities': {},
        },
      },
    },
  };
}

// The JSON-RPC response in a body that is JSON or a stream of events.
export function rpcResult(response) {
  if (response.json) return response.json;
  for (const line of response.text.split('\n')) {
    if (!line.startsWith('data:')) continue;
    const message = JSON.parse(line.slice(5));
    if ('id' in message && ('result' in message || 'error' in message)) return message;
  }
  throw new Error(`no response in: ${response.status} ${response.text.slice(0, 500)}`);
}
