// The published tables: the same results give the same text, whatever the order they came in.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { publishedTables, renderTable, replaceTables } from './table.mjs';

const result = (scenario, failed, scored = true) => ({ scenario, passed: 1, failed, scored });
const columns = [
  { title: 'one', results: [result('extra', 1, false), result('ping', 0), result('tools', 0)] },
  { title: 'two', results: [result('tools', 2), result('ping', 0)] },
];
const table = [
  '| Scenario | one | two |',
  '| --- | --- | --- |',
  '| ping | pass | pass |',
  '| tools | pass | fail |',
  '| extra (not scored) | fail |  |',
  '| **scored scenarios passed** | **2 of 2** | **1 of 2** |',
  '',
].join('\n');

test('scenarios are rows, targets are columns', () => {
  assert.equal(renderTable(columns), table);
});

test('only what is between the marks is replaced, and it can be read back', () => {
  const page = '# Page\n<!-- measured: begin -->\nold\n<!-- measured: end -->\nEnd\n';
  const written = replaceTables(page, { '2025-11-25': columns });
  assert.equal(written, '# Page\n<!-- measured: begin -->\n\n### 2025-11-25\n\n' + table +
    '\n<!-- measured: end -->\nEnd\n');
  assert.equal(replaceTables(written, { '2025-11-25': columns }), written);
  assert.match(publishedTables(written), /scored scenarios passed/);
  assert.throws(() => replaceTables('# Page\n', {}), /no place for tables/);
});
