// The official conformance suite through the gateway, in front of every kind of upstream: over HTTP
// and over stdio, of the legacy and of the modern era. The suite has no credential; what it calls
// is paid by the token of anonymous requests.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { root, startGateway } from '../e2e/gateway.mjs';
import { isGood, revisions, runSuite, score } from './suite.mjs';
import { publishedTables, replaceTables } from './table.mjs';
import { startFixture, stdioFixture } from './targets.mjs';

const PRICE = 2;
const PRICE_SIMPLE_TEXT = 3;
const prices = { test_simple_text: PRICE_SIMPLE_TEXT };

const page = path.join(root, 'docs/mcp-conformance.md');

// Scored scenarios that pass: all of them.
const bars = {
  'HTTP, legacy': { '2025-11-25': 30, '2026-07-28': 37 },
  'stdio, legacy': { '2025-11-25': 30, '2026-07-28': 37 },
  'HTTP, modern': { '2025-11-25': 30, '2026-07-28': 37 },
  'stdio, modern': { '2025-11-25': 30, '2026-07-28': 37 },
};

const upstreams = {
  'HTTP, legacy': async (t) => ({ url: await startFixture(t, 'legacy') }),
  'stdio, legacy': () => stdioFixture('legacy'),
  'HTTP, modern': async (t) => ({ url: await startFixture(t, 'modern') }),
  'stdio, modern': () => stdioFixture('modern'),
};

// What each scenario calls, once, in however many requests.
const calls = {
  'tools-call-simple-text': 'test_simple_text',
  'tools-call-image': 'test_image_content',
  'tools-call-audio': 'test_audio_content',
  'tools-call-embedded-resource': 'test_embedded_resource',
  'tools-call-mixed-content': 'test_multiple_content_types',
  'tools-call-with-logging': 'test_tool_with_logging',
  'tools-call-error': 'test_error_handling',
  'tools-call-with-progress': 'test_tool_with_progress',
  'tools-call-sampling': 'test_sampling',
  'tools-call-elicitation': 'test_elicitation',
  'elicitation-sep1034-defaults': 'test_elicitation_sep1034_defaults',
  'elicitation-sep1330-enums': 'test_elicitation_sep1330_enums',
  'input-required-result-basic-sampling': 'test_input_required_result_sampling',
  'input-required-result-basic-list-roots': 'test_input_required_result_list_roots',
  'input-required-result-request-state': 'test_input_required_result_request_state',
  'input-required-result-multiple-input-requests': 'test_input_required_result_multiple_inputs',
  'input-required-result-multi-round': 'test_input_required_result_multi_round',
};

async function startGate(t, upstream) {
  const gateway = await startGateway(t, {
    server: { anonymous: 'suite' },
    config: {
      mode: 'control',
      mcp: { prefix: 'never' },
      mcpServers: { fixture: { ...upstream, sharing: 'separate', policy: { price: PRICE } } },
      tools: { test_simple_text: { cost: PRICE_SIMPLE_TEXT } },
    },
  });
  await gateway.token('suite', '--total-limit', '10000');
  return gateway;
}

// One charge for a call, however many rounds it took. A scenario that fails may have stopped before
// its call ended, so that nothing was charged; more than once is wrong for it, too.
async function assertCharges(gateway, results) {
  const { rows } = await gateway.json('report', 'spend', '--by', 'tool');
  for (const { scenario, ...result } of results) {
    const tool = calls[scenario];
    if (!tool) continue;
    const { calls: count = 0, spent = 0 } = rows.find((row) => row.key === tool) ?? {};
    const price = prices[tool] ?? PRICE;
    assert.equal(Number(spent), count * price, `${tool}: ${count} calls for ${spent}`);
    if (isGood(result)) assert.equal(count, 1, `${tool} is charged once`);
    else assert.ok(count <= 1, `${tool} is charged ${count} times`);
  }
}

const measured = Object.fromEntries(revisions.map((revision) => [revision, []]));

for (const [title, start] of Object.entries(upstreams)) {
  for (const revision of revisions) {
    test(`${title} upstream: the scenarios of ${revision}`, async (t) => {
      const gateway = await startGate(t, await start(t));
      const results = await runSuite({ url: `${gateway.url}/mcp`, revision });
      measured[revision].push({ title, results });
      const { passed, of } = score(results);
      t.diagnostic(`${title} upstream, ${revision}: ${passed} of ${of}`);
      for (const one of results) {
        if (one.scored && !isGood(one)) t.diagnostic(`${one.scenario}: ${one.messages.join('; ')}`);
      }
      assert.ok(passed >= bars[title][revision], `${passed} of ${of}`);
      await assertCharges(gateway, results);
    });
  }
}

// CONFORMANCE_WRITE=1 puts the new tables into the page.
test('the published tables are what was measured', (t) => {
  if (!existsSync(page)) return t.skip('nothing is published yet');
  const text = readFileSync(page, 'utf8');
  if (process.env.CONFORMANCE_WRITE === '1') {
    writeFileSync(page, replaceTables(text, measured));
    return undefined;
  }
  return assert.equal(publishedTables(text), publishedTables(replaceTables(text, measured)));
});
