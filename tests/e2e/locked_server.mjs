// A small MCP server of either era that wants a credential, and says what it has run.
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { atEnd } from './gateway.mjs';

export async function serve(t, handle, port = 0, tls = undefined) {
  const listen = async (request, response) => {
    let body = '';
    for await (const piece of request) body += piece;
    handle(request, body, response);
  };
  const server = tls ? https.createServer(tls, listen) : http.createServer(listen);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  atEnd(t, () => {
    server.closeAllConnections();
    server.close();
  });
  return `http${tls ? 's' : ''}://127.0.0.1:${server.address().port}`;
}

export function json(response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

const HELLO = {
  sse: { initialize: { protocolVersion: '2024-11-05', capabilities: { tools: {} },
    serverInfo: { name: 'locked', version: '1' } } },
  legacy: { initialize: { protocolVersion: '2025-06-18', capabilities: { tools: {} },
    serverInfo: { name: 'locked', version: '1' } } },
  modern: { 'server/discover': { resultType: 'complete', supportedVersions: ['2026-07-28'],
    capabilities: { tools: {} } } },
};

export class McpServer {
  ran = []; // the credentials of calls
  seen = []; // those of all requests
  headers = [];
  methods = [];
  refused = 0;

  constructor(era = 'legacy') {
    this.era = era;
  }

  async start(t, accepts) {
    this.accepts = accepts;
    this.url = await serve(t, (request, body, response) => this.handle(request, body, response));
    return this;
  }

  // HTTP+SSE of 2024-11-05: one stream brings all answers.
  open(response) {
    this.stream = response;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('event: endpoint\ndata: /message\n\n');
  }

  reply(response, message) {
    if (this.era !== 'sse') return json(response, 200, message);
    response.writeHead(202).end();
    return this.stream.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
  }

  handle(request, body, response) {
    const { authorization } = request.headers;
    this.seen.push(authorization);
    this.headers.push(request.headers);
    if (!this.accepts(authorization)) {
      this.refused += 1;
      return json(response, 401, { error: 'invalid_token' });
    }
    if (this.era === 'sse' && request.method === 'GET') return this.open(response);
    const isOff = this.era === 'sse' && request.url !== '/message';
    if (request.method !== 'POST' || isOff) return json(response, 405, {});
    const message = JSON.parse(body);
    this.methods.push(message.method);
    if (!('id' in message)) return response.writeHead(202).end();
    const reply = (member) => this.reply(response, { jsonrpc: '2.0', id: message.id, ...member });
    const hello = HELLO[this.era][message.method];
    if (hello) return reply({ result: hello });
    const kind = this.era === 'modern' ? { resultType: 'complete' } : {};
    if (message.method === 'tools/list') {
      return reply({ result: { ...kind, tools: [{ name: 'open',
        inputSchema: { type: 'object' } }] } });
    }
    if (message.method === 'tools/call') {
      this.ran.push(authorization);
      return reply({ result: { ...kind,
        content: [{ type: 'text', text: `opened for ${authorization}` }] } });
    }
    return reply({ error: { code: -32601, message: 'Method not found' } });
  }
}
