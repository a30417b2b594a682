// The fixture server as tests start it.
import path from 'node:path';
import { startProgram } from '../e2e/gateway.mjs';
import { folder } from './suite.mjs';

export const fixture = path.join(folder, 'fixture/main.mjs');

// Serves over HTTP; gives the URL of its endpoint.
export async function startFixture(t, era) {
  const { url } = await startProgram(t, process.execPath,
    [fixture, '--http', '0', '--era', era]);
  return `${url}/mcp`;
}

// The command that serves over stdio, as a client or a gateway starts it.
export function stdioFixture(era) {
  return { command: process.execPath, args: [fixture, '--stdio', '--era', era] };
}
