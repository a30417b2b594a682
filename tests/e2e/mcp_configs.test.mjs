// The configs of examples/mcp-clients do what their README says: each is read as its client reads
// it, and what it says is run: list, call, see the charge, be refused.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { root, run, satgate, scratch } from './gateway.mjs';
import { openEntry, parseJsonc, readClaudeCode, readClaudeCommand, readClaudeDesktop, readCursor,
  readVsCode } from './mcp_configs.mjs';
import { program } from './mcp_packages.mjs';
import { mcpShop } from './shops.mjs';

const CHARGE = 'io.satgate/charge';
const DENIAL = 'io.satgate/denial';
const PRICE = 'io.satgate/price';
const folder = path.join(root, 'examples/mcp-clients');
const README = readFileSync(path.join(folder, 'README.md'), 'utf8');

// An example with what a person changes in it changed; each must be there.
function edited(file, changes) {
  let text = readFileSync(path.join(folder, file), 'utf8');
  for (const [from, to] of Object.entries(changes)) {
    assert.ok(text.includes(from), `${file} has ${from}`);
    text = text.replace(from, to);
  }
  return text;
}

// A folder of programs: `satgate`, node, and `npx` for packages that are installed.
function programs(t) {
  const bin = scratch(t);
  const add = (name, script) => {
    writeFileSync(path.join(bin, name), script);
    chmodSync(path.join(bin, name), 0o755);
  };
  symlinkSync(satgate, path.join(bin, 'satgate'));
  symlinkSync(process.execPath, path.join(bin, 'node'));
  const { version } = JSON.parse(readFileSync(
    path.join(root, 'tests/mcp-packages/node_modules/mcp-remote/package.json'), 'utf8'));
  add('npx', `#!/bin/bash
[[ $1 == -y && $2 == mcp-remote@${version} ]] || { echo "npx: what is $*?" >&2; exit 1; }
exec node ${program('mcp-remote')} "\${@:3}"
`);
  add('claude', '#!/bin/bash\nprintf "%s\\0" "$@"\n');
  return bin;
}

// A gateway with its token, made by the command that the README names, and a desktop to go with it.
async function desktop(t) {
  const { gateway } = await mcpShop(t, { tools: { search_code: { cost: 10 } } });
  const home = scratch(t);
  mkdirSync(path.join(home, '.local/share'), { recursive: true });
  symlinkSync(gateway.data, path.join(home, '.local/share/satgate'));
  const bin = programs(t);
  const env = { HOME: home, PATH: `${bin}:/usr/bin:/bin`, MCP_REMOTE_CONFIG_DIR: home };
  const [, command] = /`(satgate token create [^`]+)`/.exec(README);
  const made = await run('/bin/bash', ['-c', `${command} --json`], { env });
  assert.equal(made.code, 0, made.said);
  const { token } = made.json();
  return { gateway, env, token, port: `127.0.0.1:${gateway.port}` };
}

// Two calls fit into 25 credits a day, a third does not.
async function works(t, { gateway, env }, servers) {
  assert.deepEqual(Object.keys(servers), ['satgate']);
  const client = await openEntry(t, servers.satgate, { env });
  const { tools } = await client.listTools();
  assert.equal(tools.find((tool) => tool.name === 'search_code')._meta[PRICE].cost, 10);
  const search = () => client.callTool({ name: 'search_code', arguments: { query: 'x' } });
  for (const remaining of [15, 5]) {
    const answer = await search();
    assert.match(answer.content[0].text, /2 matches/);
    assert.equal(answer._meta[CHARGE].cost, 10);
    assert.equal(answer._meta[CHARGE].remaining, remaining);
  }
  const refused = await search();
  assert.equal(refused.isError, true);
  assert.match(refused.content[0].text, /always_fails|slow_search/, 'a cheaper tool is named');
  assert.equal(refused._meta[DENIAL].error, 'budget_exceeded');
  assert.equal(await gateway.spent('cursor-dev'), 20);
}

test('Cursor: cursor.mcp.json', async (t) => {
  const shop = await desktop(t);
  const text = edited('cursor.mcp.json', { '127.0.0.1:8000': shop.port });
  assert.throws(() => readCursor(text, { env: {} }), /SATGATE_TOKEN/);
  await works(t, shop, readCursor(text, { env: { SATGATE_TOKEN: shop.token } }));
});

test('Cursor: the config of examples/cursor is the same', () => {
  const other = readFileSync(path.join(root, 'examples/cursor/mcp.json'), 'utf8');
  assert.deepEqual(JSON.parse(other), JSON.parse(edited('cursor.mcp.json', {})));
});

test('VS Code: vscode.mcp.json', async (t) => {
  const shop = await desktop(t);
  const text = edited('vscode.mcp.json', { '127.0.0.1:8000': shop.port });
  const { inputs } = parseJsonc(text);
  assert.equal(inputs[0].password, true, 'the token is not shown while it is typed');
  await works(t, shop, readVsCode(text, { answers: { 'satgate-token': shop.token } }));
});

test('Claude Code: claude-code.mcp.json', async (t) => {
  const shop = await desktop(t);
  const text = edited('claude-code.mcp.json', { '127.0.0.1:8000': shop.port });
  assert.throws(() => readClaudeCode(text, { env: {} }), /SATGATE_TOKEN/);
  await works(t, shop, readClaudeCode(text, { env: { SATGATE_TOKEN: shop.token } }));
});

test('Claude Code: the command of the README', async (t) => {
  const shop = await desktop(t);
  const [, command] = /`(claude mcp add [^`]+)`/.exec(README);
  const added = await run('/bin/bash', ['-c', command.replace('127.0.0.1:8000', shop.port)],
    { env: { ...shop.env, SATGATE_TOKEN: shop.token } });
  await works(t, shop, readClaudeCommand(added.stdout.split('\0').slice(0, -1)));
});

test('Claude Desktop: claude_desktop_config.json joins the gateway that runs', async (t) => {
  const shop = await desktop(t);
  await works(t, shop, readClaudeDesktop(edited('claude_desktop_config.json',
    { '/etc/satgate/satgate.yaml': shop.gateway.file, 'sg_...': shop.token })));
});

test('Claude Desktop: claude_desktop_config.remote.json, a gateway on another machine',
  async (t) => {
    const shop = await desktop(t);
    await works(t, shop, readClaudeDesktop(edited('claude_desktop_config.remote.json',
      { 'https://satgate.example.com': `http://${shop.port}`, 'sg_...': shop.token })));
  });

test('a config with a mistake is one: the readers are as strict as the clients', () => {
  const entry = { url: 'http://127.0.0.1:8000/mcp' };
  const cursor = (servers) => () => readCursor(JSON.stringify(servers));
  assert.throws(cursor({ servers: { satgate: entry } }), /servers/);
  assert.throws(cursor({ mcpServers: { satgate: { uri: entry.url } } }), /uri/);
  assert.throws(() => readCursor('{"mcpServers": {}, }'), SyntaxError);
  const vscode = '{ // one server\n "servers": {"a": {"type": "http", "url": "http://a/mcp",' +
    ' "headers": {"X": "//${input:x}"}, },}, /* end */ }';
  assert.throws(() => readVsCode(vscode), /no input x/);
  assert.throws(() => readVsCode(JSON.stringify({ mcpServers: {} })), /mcpServers/);
  assert.throws(() => readClaudeDesktop(JSON.stringify({ mcpServers: { satgate: entry } })), /url/);
  assert.equal(parseJsonc('{"a": "//,]", /* , */ "b": [1,],}').a, '//,]');
});
