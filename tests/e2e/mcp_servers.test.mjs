// Eleven servers that people run, as npm has them, behind one gateway: each tool is listed as its
// server lists it, with a price; a call gives what the server itself gives, and is charged once.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { eventually, scratch, startGateway } from './gateway.mjs';
import { BUDGET, PRICE, connect, generations } from './mcp_clients.mjs';
import { program, stdioClient } from './mcp_packages.mjs';

const CHARGE = 'io.satgate/charge';

// One call of each. What a server keeps is in `state`, so that two runs do not meet.
function published(files, state) {
  return {
    everything: { npm: '@modelcontextprotocol/server-everything',
      tool: 'echo', arguments: { message: 'through the gate' } },
    filesystem: { npm: '@modelcontextprotocol/server-filesystem', args: [files],
      tool: 'read_text_file', arguments: { path: path.join(files, 'note.txt') } },
    memory: { npm: '@modelcontextprotocol/server-memory',
      env: { MEMORY_FILE_PATH: path.join(state, 'memory.jsonl') },
      tool: 'create_entities', arguments: { entities: [
        { name: 'Ada', entityType: 'person', observations: ['counts'] }] } },
    thinking: { npm: '@modelcontextprotocol/server-sequential-thinking',
      tool: 'sequentialthinking', arguments: { thought: 'one', thoughtNumber: 1,
        totalThoughts: 2, nextThoughtNeeded: true } },
    budget: { npm: '@modelcontextprotocol/server-budget-allocator', args: ['--stdio'],
      tool: 'get-budget-data', arguments: {} },
    eslint: { npm: '@eslint/mcp',
      tool: 'lint-files', arguments: { filePaths: [path.join(files, 'bad.js')] } },
    tasks: { npm: '@kazuph/mcp-taskmanager',
      env: { TASK_MANAGER_FILE_PATH: path.join(state, 'tasks.json') },
      tool: 'request_planning', arguments: { originalRequest: 'test',
        tasks: [{ title: 'first', description: 'of one' }] } },
    hello: { npm: 'mcp-hello-world', tool: 'add', arguments: { a: 19, b: 23 } },
    commands: { npm: 'mcp-server-commands',
      tool: 'run_command', arguments: { command: 'echo out; echo err >&2; exit 3' } },
    time: { npm: 'time-mcp', tool: 'days_in_month', arguments: { date: '2024-02-10' } },
    // Without its browser: what fails is told as the server tells it.
    playwright: { npm: '@playwright/mcp', args: ['--executable-path', '/nonexistent/browser'],
      tool: 'browser_close', arguments: {} },
  };
}

const NAMES = Object.keys(published('', ''));
const cost = (name) => NAMES.indexOf(name) + 1;
const TOTAL = NAMES.reduce((sum, name) => sum + cost(name), 0);

function makeFiles(t) {
  const files = scratch(t);
  writeFileSync(path.join(files, 'note.txt'), 'written before the test\nümlaut, 漢字, \u2028\t"');
  writeFileSync(path.join(files, 'bad.js'), 'var unused = 1;\nif (unused = 2) debugger;\n');
  writeFileSync(path.join(files, 'eslint.config.mjs'),
    'export default [{ rules: { "no-debugger": "error", "no-cond-assign": "error" } }];\n');
  return files;
}

const launch = (server) => ({ command: process.execPath,
  args: [program(server.npm), ...(server.args ?? [])], env: server.env ?? {} });

const parts = ({ content, isError, structuredContent }) =>
  JSON.stringify({ content, isError: isError ?? false, structuredContent });

// What a server lists and answers without a gateway. One after the other: each is a Node process.
async function direct(t, servers) {
  const seen = {};
  for (const [name, server] of Object.entries(servers)) {
    // The gateway can be asked, so servers offer it the tools that ask, too.
    const client = await stdioClient(t, launch(server),
      { capabilities: { elicitation: { form: {}, url: {} }, sampling: {} } });
    const { tools } = await client.listTools();
    const answers = [];
    for (let i = 0; i < generations.length; i++) {
      answers.push(parts(await client.callTool({ name: server.tool,
        arguments: server.arguments })));
    }
    seen[name] = { tools, answers };
    if (client.getServerCapabilities().resources) {
      const [{ uri }] = (await client.listResources()).resources;
      const { contents } = await client.readResource({ uri });
      seen[name].document = { uri, contents: JSON.stringify(contents) };
    }
    await client.close();
  }
  return seen;
}

function startTogether(t, servers) {
  return startGateway(t, { config: {
    mcp: { prefix: 'always' },
    mcpServers: Object.fromEntries(Object.entries(servers).map(([name, server]) =>
      [name, { ...launch(server), policy: { price: cost(name) } }])),
  } });
}

// The process ids of all that descends from `pid`.
function descendants(pid) {
  const parents = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map((name) => {
    try {
      const fields = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').pop().split(' ');
      return [Number(name), Number(fields[1]), fields[0]];
    } catch {
      return []; // it has ended meanwhile
    }
  }).filter(([, , state]) => state !== 'Z');
  const found = [pid];
  for (const one of found) {
    found.push(...parents.filter(([, parent]) => parent === one).map(([child]) => child));
  }
  return found.slice(1);
}

function alive(pid) {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop().startsWith('Z');
  } catch {
    return false;
  }
}

test('eleven servers from npm: every tool is listed and priced, one of each is called, ' +
  'charged once, and none outlives the gateway', async (t) => {
  const files = makeFiles(t);
  const alone = await direct(t, published(files, scratch(t)));
  const servers = published(files, scratch(t));
  const gateway = await startTogether(t, servers);
  const count = Object.values(alone).reduce((sum, { tools }) => sum + tools.length, 0);
  const documents = NAMES.filter((name) => alone[name].document)
    .reduce((sum, name) => sum + cost(name), 0);

  for (const [turn, generation] of generations.entries()) {
    const token = await gateway.token(generation, '--total-limit', String(TOTAL + documents));
    const client = await connect(t, generation, gateway.url, token);
    const listed = await eventually('all servers are listed', async () => {
      const tools = await client.listTools();
      return tools.length === count && tools;
    }, 20_000);
    for (const [name, { tools }] of Object.entries(alone)) {
      for (const tool of tools) sameTool(listed, name, tool);
    }
    for (const [name, server] of Object.entries(servers)) {
      const answer = await client.callTool(`${name}__${server.tool}`, server.arguments);
      assert.equal(parts(answer), alone[name].answers[turn], name);
      assert.equal(answer._meta[CHARGE].cost, cost(name));
    }
    assert.equal(await gateway.spent(generation), TOTAL);
    await sameDocuments(client.client, alone);
    const refused = await client.callTool('hello__add', { a: 1, b: 1 });
    assert.equal(refused.isError, true);
  }
  await gateway.json('audit', 'verify');
  const allowed = await gateway.events('&decision=allow');
  const calls = allowed.filter((event) => event.tool !== 'resources/read');
  assert.equal(calls.length, NAMES.length * generations.length, 'one event a call');

  const children = descendants(gateway.child.process.pid);
  assert.ok(children.length >= NAMES.length, `${children.length} children`);
  await gateway.kill9();
  await eventually('no child is left', () => !children.some(alive));
});

// The tool as its server lists it, but for the prefix, and with a price.
function sameTool(listed, server, { name, ...tool }) {
  const found = listed.filter((one) => one.name === `${server}__${name}`);
  assert.equal(found.length, 1, `${server}__${name}`);
  const { name: given, _meta: { [PRICE]: price, [BUDGET]: budget, ...meta }, ...rest } = found[0];
  assert.match(given, /^[A-Za-z0-9_.-]{1,64}$/);
  assert.equal(price.cost, cost(server), given);
  assert.ok(budget.remaining > 0, given);
  const { _meta: ownMeta, execution, ...own } = tool;
  delete rest.execution; // of the revisions before 2026-07-28 only
  assert.deepEqual(rest, own, given);
  assert.deepEqual(meta, ownMeta ?? {}, given);
}

// Resources keep their URIs, also those of pages (ui://) that a tool's _meta names.
async function sameDocuments(client, alone) {
  const { resources } = await client.listResources();
  for (const [name, { document }] of Object.entries(alone)) {
    if (!document) continue;
    assert.ok(resources.some(({ uri }) => uri === document.uri), document.uri);
    const { contents, _meta } = await client.readResource({ uri: document.uri });
    assert.equal(JSON.stringify(contents), document.contents);
    assert.equal(_meta[CHARGE].cost, cost(name));
  }
}
