// MCP configs, read as Cursor, VS Code, Claude Code and Claude Desktop document it: which keys
// there are, and what they put in for variables. A reader gives {NAME: entry}, and throws where the
// client would show an error, or overlook something.
import assert from 'node:assert/strict';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { homedir } from 'node:os';
import { atEnd } from './gateway.mjs';
import { stdioClient } from './mcp_packages.mjs';

const STRING = '("(?:\\\\.|[^"\\\\])*")';
const COMMENT = new RegExp(`${STRING}|//[^\\n]*|/\\*[^]*?\\*/`, 'g');
const TRAILING_COMMA = new RegExp(`${STRING}|,(?=\\s*[}\\]])`, 'g');

// JSON with comments and trailing commas.
export function parseJsonc(text) {
  const strings = (_, string) => string ?? '';
  return JSON.parse(text.replace(COMMENT, strings).replace(TRAILING_COMMA, strings));
}

function onlyKeys(what, object, allowed) {
  for (const key of Object.keys(object)) assert.ok(allowed.includes(key), `${what}: ${key}`);
}

// Every text in `value` with its variables put in.
function substitute(value, pattern, lookup) {
  if (typeof value === 'string') return value.replace(pattern, (...match) => lookup(match));
  if (Array.isArray(value)) return value.map((one) => substitute(one, pattern, lookup));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) =>
    [key, substitute(one, pattern, lookup)]));
}

function set(variables, name) {
  assert.ok(Object.hasOwn(variables, name), `\${${name}} is not set`);
  return variables[name];
}

function checkEntry(name, entry, { remote, local }) {
  if (entry.url !== undefined) {
    onlyKeys(name, entry, remote);
    assert.ok(URL.canParse(entry.url), entry.url);
    for (const value of Object.values(entry.headers ?? {})) assert.equal(typeof value, 'string');
    return;
  }
  onlyKeys(name, entry, local);
  assert.equal(typeof entry.command, 'string', `${name}: neither url nor command`);
  assert.ok((entry.args ?? []).every((arg) => typeof arg === 'string'), name);
  assert.ok(Object.values(entry.env ?? {}).every((one) => typeof one === 'string'), name);
}

function checkAll(servers, keys) {
  assert.ok(Object.keys(servers).length > 0);
  for (const [name, entry] of Object.entries(servers)) checkEntry(name, entry, keys);
  return servers;
}

// ~/.cursor/mcp.json. It finds out the transport by itself.
export function readCursor(text, { env = {}, home = homedir() } = {}) {
  const config = JSON.parse(text);
  onlyKeys('mcp.json', config, ['mcpServers']);
  checkAll(config.mcpServers, { remote: ['url', 'headers', 'auth'],
    local: ['type', 'command', 'args', 'env', 'envFile'] });
  return substitute(config.mcpServers, /\$\{(?:env:(\w+)|(\w+))\}/g, ([, name, known]) =>
    name ? set(env, name) : set({ userHome: home, pathSeparator: '/' }, known));
}

// .vscode/mcp.json. `answers` is what a person types where an input is asked for.
export function readVsCode(text, { env = {}, answers = {} } = {}) {
  const config = parseJsonc(text);
  onlyKeys('mcp.json', config, ['inputs', 'servers']);
  for (const input of config.inputs ?? []) {
    onlyKeys('inputs', input, ['type', 'id', 'description', 'password', 'default']);
    assert.equal(input.type, 'promptString');
    assert.ok(input.id && input.description);
  }
  const asked = new Set((config.inputs ?? []).map((input) => input.id));
  checkAll(config.servers, { remote: ['type', 'url', 'headers'],
    local: ['type', 'command', 'args', 'cwd', 'env', 'envFile'] });
  for (const entry of Object.values(config.servers)) {
    assert.ok((entry.url ? ['http', 'sse'] : ['stdio']).includes(entry.type), 'type');
  }
  return substitute(config.servers, /\$\{(env|input):([\w-]+)\}/g, ([, kind, name]) => {
    if (kind === 'env') return set(env, name);
    assert.ok(asked.has(name), `no input ${name}`);
    return set(answers, name);
  });
}

// .mcp.json of Claude Code: without a type it is a command; ${NAME} and ${NAME:-default}.
export function readClaudeCode(text, { env = {} } = {}) {
  const config = JSON.parse(text);
  onlyKeys('.mcp.json', config, ['mcpServers']);
  checkAll(config.mcpServers, { remote: ['type', 'url', 'headers', 'headersHelper'],
    local: ['type', 'command', 'args', 'env'] });
  for (const entry of Object.values(config.mcpServers)) {
    assert.ok((entry.url ? ['http', 'sse'] : ['stdio', undefined]).includes(entry.type), 'type');
  }
  return substitute(config.mcpServers, /\$\{(\w+)(?::-([^}]*))?\}/g, ([, name, other]) =>
    env[name] ?? other ?? set(env, name));
}

// claude_desktop_config.json: commands only, taken as they stand.
export function readClaudeDesktop(text) {
  const config = JSON.parse(text);
  onlyKeys('claude_desktop_config.json', config, ['mcpServers', 'globalShortcut']);
  return checkAll(config.mcpServers, { remote: [], local: ['command', 'args', 'env'] });
}

// What `claude mcp add ...` makes of its arguments (those behind `claude`).
export function readClaudeCommand([mcp, add, ...rest]) {
  assert.deepEqual([mcp, add], ['mcp', 'add']);
  const entry = { type: 'stdio', headers: {} };
  const words = [];
  while (rest.length > 0) {
    const word = rest.shift();
    if (word === '--transport') entry.type = rest.shift();
    else if (word === '--header') {
      const [, name, value] = /^([\w-]+):\s*(.*)$/.exec(rest.shift());
      entry.headers[name] = value;
    } else words.push(word);
  }
  const [name, url] = words;
  assert.ok(words.length === 2 && entry.type !== 'stdio', words.join(' '));
  return { [name]: { ...entry, url } };
}

// A real client on an entry, with the environment that a program of the desktop has.
export async function openEntry(t, entry, { env, options }) {
  if (entry.url === undefined) {
    return stdioClient(t, { ...entry, env: { ...env, ...entry.env } }, options);
  }
  const client = new Client({ name: 'editor', version: '1.0.0' }, options);
  await client.connect(new StreamableHTTPClientTransport(new URL(entry.url),
    { requestInit: { headers: entry.headers } }));
  atEnd(t, () => client.close());
  return client;
}
