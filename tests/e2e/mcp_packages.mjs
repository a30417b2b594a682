// The MCP clients and servers from npm of tests/mcp-packages, and stdio clients as editors are.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { atEnd, packages, root, run, satgate } from './gateway.mjs';

const folders = [path.join(root, 'tests/mcp-packages/node_modules'), packages];

// The file that `npx PACKAGE` would run; with several commands the first.
export function program(name) {
  for (const folder of folders) {
    try {
      const { bin } = JSON.parse(readFileSync(path.join(folder, name, 'package.json'), 'utf8'));
      const file = typeof bin === 'string' ? bin : Object.values(bin)[0];
      return path.join(folder, name, file);
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
  }
  throw new Error(`${name} is not installed: scripts/install-clients tests/mcp-packages`);
}

// A client that starts `command` as an editor does: with few variables of its own environment.
export async function stdioClient(t, { command, args = [], env = {}, cwd }, options = {}) {
  const client = new Client({ name: 'editor', version: '1.0.0' }, options);
  const transport = new StdioClientTransport({ command, args, env, cwd, stderr: 'pipe' });
  let log = '';
  transport.stderr.on('data', (bytes) => (log += bytes));
  atEnd(t, () => client.close());
  try {
    await client.connect(transport);
  } catch (error) {
    throw new Error(`${command} ${args.join(' ')}: ${error.message}\n${log}`);
  }
  return client;
}

// A folder for the PATH in front, with `satgate` and node of the tests.
export const searchPath = [path.dirname(satgate), path.dirname(process.execPath),
  process.env.PATH].join(':');

// mcp-inspector --cli: {code, json(), said}. It keeps its files under `home`.
export function inspect(home, args) {
  const words = [program('@modelcontextprotocol/inspector'), '--cli', '--format', 'json', '-q',
    ...args];
  return run(process.execPath, words, {
    env: { HOME: home, PATH: searchPath, MCP_STORAGE_DIR: home }, cwd: home,
  });
}
