// An MCP server that does what the bug reports about gateways tell of, over stdio or HTTP:
//   node mcp_server.mjs stdio LOG      or      node mcp_server.mjs http LOG
// Every handshake and every tool that really ran is a line of LOG, so that tests can count them.
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { StreamableHTTPServerTransport } from
  '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

const [kind, log] = process.argv.slice(2);
const note = (line) => appendFileSync(log, `${line}\n`);
const text = (value) => ({ content: [{ type: 'text', text: String(value) }] });

// Tools that keep something for their session, or change what there is.
function addState(server) {
  let kept = 'nothing';
  server.registerTool('keep', { inputSchema: { value: z.string() } }, ({ value }) => {
    kept = value;
    return text(kept);
  });
  server.registerTool('kept', {}, () => text(kept));
  server.registerTool('add_tool', { inputSchema: { name: z.string() } }, ({ name }) => {
    server.registerTool(name, {}, () => text(`I am ${name}`));
    return text('added');
  });
}

// Tools that ask the client, or tell it something, while they run.
function addTalk(server) {
  server.registerTool('ask', { inputSchema: { question: z.string() } }, async ({ question }) => {
    const answer = await server.server.elicitInput({ message: question,
      requestedSchema: { type: 'object', properties: { name: { type: 'string' } } } });
    return text(answer.content?.name ?? answer.action);
  });
  server.registerTool('sample', { inputSchema: { prompt: z.string() } }, async ({ prompt }) => {
    const answer = await server.server.createMessage({ maxTokens: 10,
      messages: [{ role: 'user', content: { type: 'text', text: prompt } }] });
    return text(answer.content.text);
  });
  server.registerTool('steps', { inputSchema: { count: z.number() } },
    async ({ count }, { _meta, sendNotification }) => {
      for (let progress = 1; progress <= count; progress++) {
        await sendNotification({ method: 'notifications/progress',
          params: { progressToken: _meta.progressToken, progress, total: count } });
      }
      return text('done');
    });
}

// Tools that take long, end the process, or leave another one behind.
function addTrouble(server) {
  server.registerTool('write', { inputSchema: { ms: z.number() } }, async ({ ms }) => {
    note('write');
    await sleep(ms);
    return text('written');
  });
  server.registerTool('die', {}, () => {
    note('die');
    process.exit(1);
  });
  server.registerTool('measure', { inputSchema: { value: z.string() } }, ({ value }) =>
    text(`${value.length} ${value.slice(-1000)}`));
  server.registerTool('spawn', { inputSchema: { seconds: z.string() } }, ({ seconds }) => {
    spawn('sleep', [seconds], { stdio: 'ignore' });
    return text('spawned');
  });
}

function makeServer() {
  const server = new McpServer({ name: 'trouble', version: '1.0.0' });
  server.server.oninitialized = () => note('initialized');
  addState(server);
  addTalk(server);
  addTrouble(server);
  return server;
}

// Sessions as the SDK's examples keep them; DELETE /sessions forgets all, as a restart would.
function serveHttp() {
  const sessions = new Map();
  const listener = http.createServer(async (request, response) => {
    if (request.url === '/sessions') {
      sessions.clear();
      return response.end();
    }
    const id = request.headers['mcp-session-id'];
    if (id !== undefined && !sessions.has(id)) return response.writeHead(404).end();
    if (id !== undefined) return sessions.get(id).handleRequest(request, response);
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: randomUUID,
      onsessioninitialized: (name) => sessions.set(name, transport) });
    await makeServer().connect(transport);
    return transport.handleRequest(request, response);
  });
  listener.listen(0, '127.0.0.1', () =>
    console.log(`listening http://127.0.0.1:${listener.address().port}`));
}

if (kind === 'http') serveHttp();
else await makeServer().connect(new StdioServerTransport());
