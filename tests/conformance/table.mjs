// The results of several targets as Markdown. Nothing in it depends on time or machine, so that the
// published page can be compared with a new run.
import { isGood, score } from './suite.mjs';

// `columns` are [{title, results}] of one revision.
export function renderTable(columns) {
  const rows = scenarios(columns).map(({ scenario, scored }) =>
    [scored ? scenario : `${scenario} (not scored)`,
      ...columns.map(({ results }) => cell(results, scenario))]);
  const totals = ['**scored scenarios passed**', ...columns.map(({ results }) => total(results))];
  const head = ['Scenario', ...columns.map(({ title }) => title)];
  return [head, head.map(() => '---'), ...rows, totals].map(line).join('\n') + '\n';
}

const line = (cells) => `| ${cells.join(' | ')} |`;

// The scored ones first; each part in the suite's order, which is that of the first column.
function scenarios(columns) {
  const seen = new Map();
  for (const { results } of columns) {
    for (const { scenario, scored } of results) {
      if (!seen.has(scenario)) seen.set(scenario, { scenario, scored });
    }
  }
  const all = [...seen.values()];
  return [...all.filter((row) => row.scored), ...all.filter((row) => !row.scored)];
}

function cell(results, scenario) {
  const result = results.find((one) => one.scenario === scenario);
  if (!result) return '';
  return isGood(result) ? 'pass' : 'fail';
}

function total(results) {
  const { passed, of } = score(results);
  return `**${passed} of ${of}**`;
}

const BEGIN = '<!-- measured: begin -->\n';
const END = '<!-- measured: end -->\n';

// The part of the page that is measured, between its two marks.
export function publishedTables(text) {
  const [begin, end] = marks(text);
  return text.slice(begin, end);
}

// The page with new tables; `measured` is {revision: columns}.
export function replaceTables(text, measured) {
  const [begin, end] = marks(text);
  const tables = Object.entries(measured)
    .map(([revision, columns]) => `\n### ${revision}\n\n${renderTable(columns)}`).join('');
  return `${text.slice(0, begin)}${tables}\n${text.slice(end)}`;
}

function marks(text) {
  const begin = text.indexOf(BEGIN) + BEGIN.length;
  const end = text.indexOf(END);
  if (begin < BEGIN.length || end < begin) throw new Error('the page has no place for tables');
  return [begin, end];
}
