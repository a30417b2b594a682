// What every command has in common (CONTRACT.md, "One binary").
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { bearer, call, run, satgate, scratch } from './gateway.mjs';
import { httpShop, llmShop } from './shops.mjs';

const COMMANDS = [
  [], ['start'], ['gateway'], ['gateway', 'start'], ['mcp'], ['token'], ['token', 'create'],
  ['token', 'list'], ['token', 'show'], ['token', 'update'], ['token', 'revoke'],
  ['token', 'inspect'], ['token', 'attenuate'], ['mint'], ['budget'], ['budget', 'create'],
  ['budget', 'list'], ['budget', 'show'], ['budget', 'update'], ['audit'], ['audit', 'tail'],
  ['audit', 'search'], ['audit', 'verify'], ['report'], ['report', 'spend'], ['config'],
  ['prices'], ['prices', 'list'], ['prices', 'show'], ['prices', 'check'],
  ['config', 'check'], ['status'], ['doctor'], ['version'],
];

test('--help of every command ends well and shows an example', async () => {
  for (const command of COMMANDS) {
    const result = await run(satgate, [...command, '--help']);
    assert.equal(result.code, 0, command.join(' '));
    assert.match(result.stdout, /[Ee]xample/, command.join(' '));
    assert.match(result.stdout, /satgate /, command.join(' '));
    assert.equal(result.stderr, '', command.join(' '));
    assert.ok(!result.stdout.includes('\x1b['), 'no colours away from a terminal');
  }
});

test('wrong use is 2, and says what would be right', async (t) => {
  const env = { ...process.env, SATGATE_DATA_DIR: path.join(scratch(t), 'data') };
  for (const args of [['nonsense'], ['token', 'nonsense'], ['token', 'create'],
    ['token', 'create', '--name', 'x', '--daily-limit', 'lots'], ['token', 'show'],
    ['token', 'create', '--no-such-flag'], ['report', 'spend', '--by', 'colour'],
    ['token', 'attenuate'], ['gateway', 'start', '--config']]) {
    const result = await run(satgate, args, { env });
    assert.equal(result.code, 2, `${args.join(' ')}: ${result.code} ${result.said}`);
    assert.notEqual(result.stderr, '', args.join(' '));
    assert.equal(result.stdout, '', args.join(' '));
  }
});

test('failure is 1: no gateway, no such name, no such file', async (t) => {
  const folder = scratch(t);
  const env = { ...process.env, SATGATE_DATA_DIR: path.join(folder, 'data') };
  for (const args of [['token', 'list'], ['status'], ['token', 'create', '--name', 'x'],
    ['config', 'check', path.join(folder, 'none.yaml')],
    ['gateway', 'start', '--config', path.join(folder, 'none.yaml')]]) {
    const result = await run(satgate, args, { env });
    assert.equal(result.code, 1, `${args.join(' ')}: ${result.code} ${result.said}`);
    assert.notEqual(result.stderr, '', args.join(' '));
  }
  const { gateway } = await httpShop(t);
  for (const args of [['token', 'show', 'nobody'], ['token', 'revoke', 'nobody'],
    ['budget', 'show', '--name', 'nobody']]) {
    assert.equal((await gateway.cli(...args)).code, 1, args.join(' '));
  }
});

test('--json everywhere, and it parses', async (t) => {
  const { gateway } = await httpShop(t);
  const { token } = await gateway.json('token', 'create', '--name', 'agent', '--total-limit', '5');
  await gateway.json('budget', 'create', '--name', 'team', '--monthly', '10');
  for (const args of [['token', 'list'], ['token', 'show', 'agent'], ['token', 'inspect', token],
    ['token', 'attenuate', token, '--budget-max', '1'], ['budget', 'list'],
    ['budget', 'show', '--name', 'team'], ['audit', 'verify'],
    ['report', 'spend', '--by', 'tool'], ['config', 'check', gateway.file], ['status'],
    ['doctor'], ['version'], ['token', 'update', 'agent', '--daily-limit', '3'],
    ['token', 'revoke', 'agent']]) {
    const result = await gateway.cli(...args, '--json');
    assert.equal(result.code, 0, `${args.join(' ')}: ${result.said}`);
    result.json();
  }
});

test('the record can be followed, searched and checked by command', async (t) => {
  const { gateway } = await httpShop(t);
  const token = await gateway.token('agent', '--total-limit', '3');
  for (let i = 0; i < 3; i++) {
    await call(`${gateway.url}/api/search`, { headers: bearer(token) });
  }
  const tail = await gateway.cli('audit', 'tail');
  assert.equal(tail.code, 0, tail.said);
  assert.match(tail.stdout, /allow/);
  assert.match(tail.stdout, /budget_exhausted/);
  const denied = await gateway.cli('audit', 'search', '--subject', 'agent', '--decision', 'deny');
  assert.equal(denied.code, 0, denied.said);
  assert.match(denied.stdout, /budget_exhausted/);
  assert.ok(!/\ballow\b/.test(denied.stdout));
  const verified = await gateway.cli('audit', 'verify');
  assert.equal(verified.code, 0, verified.said);
});

test('the admin token is private, and the data directory is made when needed', async (t) => {
  const { gateway } = await httpShop(t);
  const file = path.join(gateway.data, 'admin.token');
  assert.ok(existsSync(file));
  assert.equal(statSync(file).mode & 0o777, 0o600);
});

test('health, readiness, metrics and the API document answer', async (t) => {
  const { gateway } = await httpShop(t);
  for (const route of ['/healthz', '/readyz']) {
    assert.equal((await fetch(gateway.url + route)).status, 200, route);
  }
  const metrics = await gateway.adminApi('/metrics');
  assert.equal(metrics.status, 200);
  assert.match(await metrics.text(), /^# TYPE satgate_\w+ /m);
  const document = await (await gateway.adminApi('/api/v1/openapi.json')).json();
  assert.match(document.openapi, /^3\.1\./);
  assert.ok(Object.keys(document.paths).length >= 5);
});

test('threads have names for who looks at a busy gateway', async (t) => {
  const { gateway } = await httpShop(t);
  const tasks = `/proc/${gateway.child.process.pid}/task`;
  const names = readdirSync(tasks).map((id) =>
    readFileSync(path.join(tasks, id, 'comm'), 'utf8').trim());
  for (const name of ['agents-0', 'admin', 'journal', 'keeper']) {
    assert.ok(names.includes(name), `${name} of ${names}`);
  }
});

test('two gateways cannot share a data directory', async (t) => {
  const { gateway } = await httpShop(t);
  const second = await run(satgate, ['start', '--proxy', 'http://127.0.0.1:1', '--listen',
    '127.0.0.1:0', '--data-dir', gateway.data], { env: gateway.env(), timeout: 10_000 });
  assert.equal(second.code, 1, second.said);
});

test('--version and version agree', async () => {
  const flag = await run(satgate, ['--version']);
  const command = await run(satgate, ['version']);
  const number = /\d+\.\d+\.\d+/;
  assert.equal(flag.code, 0);
  assert.equal(number.exec(flag.stdout)[0], number.exec(command.stdout)[0]);
});

test('prices: what is in force, where it comes from, and what looks too cheap', async (t) => {
  const { gateway } = await llmShop(t, { models: { 'gpt-4o-mini': { input: 0.01, output: 5 },
    'gpt-4o': { input: 0.00001, output: 100 },
    'house-model': { input: 1, output: 2 } }, config: { currency: { usdPerCredit: 0.5 },
    endpoints: { '/api/x': { cost: 3 } } } });
  const list = await gateway.json('prices', 'list', '--search', 'GPT-4o-MINI');
  const mine = list.find((price) => price.name === 'gpt-4o-mini');
  assert.equal(mine.from, 'config');
  assert.equal(mine.per_million_tokens.input, 0.01);
  assert.ok(mine.replaces.input > mine.per_million_tokens.input);
  assert.ok(list.length > 1 && list.every((price) => /gpt-4o-mini/.test(price.name)));
  const table = await gateway.cli('prices', 'list', '--kind', 'endpoint');
  assert.match(table.stdout, /^NAME +KIND +A CALL/);
  assert.match(table.stdout, /\/api\/x +endpoint +3 /);
  const flat = await gateway.cli('prices', 'show', 'demo-flat');
  assert.match(flat.stdout, /a call +1\n/);
  const other = await gateway.cli('prices', 'show', 'gpt-4');
  assert.match(other.stdout, /from +built-in/);
  assert.match(other.stdout, /credits a million tokens/);
  const none = await gateway.cli('prices', 'show', 'no-such');
  assert.deepEqual([none.code, none.stdout], [1, '']);
  assert.match(none.stderr, /no price of its own; .*--search no-such/);
  const check = await gateway.cli('prices', 'check');
  assert.equal(check.code, 1);
  assert.match(check.stdout, /models\.gpt-4o-mini\.input: 0\.01 is less than the built-in 0\.3/);
  assert.match(check.stdout, /models\.gpt-4o\.input: 1e-05 is less than/);
  assert.ok(!/house-model|gpt-4o-mini\.output/.test(check.stdout), check.stdout);
});
