#!/usr/bin/env node
// Measures one MCP server and prints what failed:
//
//   node run.mjs --url URL --revision 2025-11-25|2026-07-28
//
// Exit 0 if every scored scenario passes.
import { parseArgs } from 'node:util';
import { isGood, revisions, runSuite, score } from './suite.mjs';

const { values } = parseArgs({
  options: { url: { type: 'string' }, revision: { type: 'string' } },
});
if (!values.url || !revisions.includes(values.revision)) {
  console.error(`usage: run.mjs --url URL --revision ${revisions.join('|')}`);
  process.exit(2);
}

const results = await runSuite(values);
for (const result of results) {
  const mark = isGood(result) ? 'pass' : result.scored ? 'FAIL' : 'fail';
  console.log(`${mark}  ${result.scenario}${result.scored ? '' : ' (not scored)'}`);
  if (result.scored) for (const message of result.messages) console.log(`      ${message}`);
}
const { passed, of } = score(results);
console.log(`${passed} of ${of} scored scenarios`);
process.exitCode = passed === of ? 0 : 1;
