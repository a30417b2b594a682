// The fixture server by itself: what it scores is the bar for the gateway in front of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { atEnd } from '../e2e/gateway.mjs';
import { converse, topics } from './conversation.mjs';
import { isGood, runSuite, score } from './suite.mjs';
import { startFixture, stdioFixture } from './targets.mjs';

const bars = { '2025-11-25': 30, '2026-07-28': 37 };

async function assertFull(url, revision) {
  const results = await runSuite({ url, revision });
  const bad = results.filter((result) => result.scored && !isGood(result));
  assert.deepEqual(bad, []);
  assert.deepEqual(score(results), { passed: bars[revision], of: bars[revision] });
}

const eras = {
  dual: ['2025-11-25', '2026-07-28'],
  legacy: ['2025-11-25'],
  modern: ['2026-07-28'],
};

for (const [era, revisions] of Object.entries(eras)) {
  for (const revision of revisions) {
    test(`HTTP, ${era}: every scored scenario of ${revision}`, async (t) => {
      await assertFull(await startFixture(t, era), revision);
    });
  }
}

const stdio = [['dual', 'legacy'], ['dual', 'modern'], ['legacy', 'legacy'], ['modern', 'modern']];

for (const [serverEra, era] of stdio) {
  test(`stdio, ${serverEra}: a ${era} client`, async (t) => {
    const client = await converse(era, new StdioClientTransport(stdioFixture(serverEra)));
    atEnd(t, () => client.close());
    assert.equal(client.getNegotiatedProtocolVersion(),
      era === 'legacy' ? '2025-11-25' : '2026-07-28');
    for (const [name, talk] of Object.entries(topics)) await t.test(name, () => talk(client, era));
  });
}

for (const [serverEra, era] of [['legacy', 'modern'], ['modern', 'legacy']]) {
  test(`stdio, ${serverEra}: a ${era} client is turned away`, async () => {
    await assert.rejects(converse(era, new StdioClientTransport(stdioFixture(serverEra))));
  });
}
