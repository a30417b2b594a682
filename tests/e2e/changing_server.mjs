// An MCP server over stdio whose tools are what a file says at the moment:
//   node changing_server.mjs TOOLS.json       [{"name":...,"description":...,"inputSchema":...}]
// It tells of each change of the file, and answers a call with the name of the tool.
import { readFileSync, watchFile } from 'node:fs';
import { createInterface } from 'node:readline';

const file = process.argv[2];
const say = (message) =>
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const tools = () => JSON.parse(readFileSync(file, 'utf8'));

const answers = {
  initialize: (params) => ({
    protocolVersion: params.protocolVersion,
    capabilities: { tools: { listChanged: true } },
    serverInfo: { name: 'changing', version: '1.0.0' },
  }),
  ping: () => ({}),
  'tools/list': () => ({ tools: tools() }),
  'tools/call': (params) => ({ content: [{ type: 'text', text: `ran ${params.name}` }] }),
};

watchFile(file, { interval: 50 }, () => say({ method: 'notifications/tools/list_changed' }));
const lines = createInterface({ input: process.stdin });
lines.on('close', () => process.exit(0));
lines.on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  const answer = answers[method];
  if (answer) say({ id, result: answer(params) });
  else say({ id, error: { code: -32601, message: 'Method not found' } });
});
