// The gateway as a client: the suite's own servers are its upstreams, and the suite judges what it
// sends them. What drives it is a client of either era, so that the gateway can not only pass on
// what its client has said.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { folder, isGood, runClientScenario } from './suite.mjs';

const driver = path.join(folder, 'client_driver.mjs');

// Whether a scenario passes with a client of each era. These only ever rise.
const bars = {
  initialize: { legacy: true, modern: true },
  tools_call: { legacy: true, modern: true },
  'request-metadata': { legacy: true, modern: true },
  'http-standard-headers': { legacy: true, modern: true },
  'http-custom-headers': { legacy: true, modern: true },
  'http-invalid-tool-headers': { legacy: true, modern: true },
  'sse-retry': { legacy: true, modern: true },
  'sep-2322-client-request-state': { legacy: true, modern: true },
  'json-schema-ref-no-deref': { legacy: true, modern: true },
};

for (const [scenario, passes] of Object.entries(bars)) {
  for (const [era, pass] of Object.entries(passes)) {
    test(`${scenario}, driven by a ${era} client`, async (t) => {
      const command = `exec ${process.execPath} ${driver} --era ${era}`;
      const result = await runClientScenario({ command, scenario });
      const good = isGood(result);
      t.diagnostic(`${scenario}, ${era}: ${result.passed} passed, ${result.failed} failed`);
      for (const message of result.messages) t.diagnostic(message);
      assert.ok(good || !pass, result.messages.join('\n'));
    });
  }
}
