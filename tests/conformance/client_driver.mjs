#!/usr/bin/env node
// What the suite runs in its client mode:
//
//   client_driver.mjs [--era legacy|modern] URL
//
// It starts a gateway in front of the suite's own server at URL, and does through it what the
// scenario in MCP_CONFORMANCE_SCENARIO needs, as a client of the given era. The suite judges what
// arrived at its server: that is, how the gateway behaves as a client. Exit 0 if it all worked.
import { parseArgs } from 'node:util';
import { startGateway } from '../e2e/gateway.mjs';
import { drives } from './drives.mjs';

// Below the suite's own limit, so that the gateway is ended here and not left behind.
const DRIVE_MS_MAX = 20_000;

const { values, positionals } = parseArgs({
  options: { era: { type: 'string', default: 'modern' } },
  allowPositionals: true,
});
const scenario = process.env.MCP_CONFORMANCE_SCENARIO;

// Stands for the context of a test: what is opened is closed at the end.
const closers = [];
const end = { after: (close) => closers.push(close) };

async function drive(url) {
  const gateway = await startGateway(end, {
    server: { anonymous: 'suite' },
    config: {
      mcp: { prefix: 'never' },
      mcpServers: { suite: { url, policy: { price: 1 } } },
    },
  });
  await gateway.token('suite', '--total-limit', '1000');
  await drives[scenario](`${gateway.url}/mcp`, values.era);
}

function late() {
  return new Promise((resolve, reject) => {
    const expired = () => reject(new Error(`${scenario}: not within ${DRIVE_MS_MAX} ms`));
    setTimeout(expired, DRIVE_MS_MAX).unref();
  });
}

let status = 0;
try {
  if (!drives[scenario]) throw new Error(`no drive for the scenario ${scenario}`);
  await Promise.race([drive(positionals.at(-1)), late()]);
} catch (error) {
  console.error(error);
  status = 1;
}
for (const close of closers.reverse()) await close();
process.exit(status);
