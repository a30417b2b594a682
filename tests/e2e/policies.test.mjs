// Policy templates as the operator meets them: the commands, a config that uses them, and a running
// gateway that takes them on reload (docs/reference/config.md).
import assert from 'node:assert/strict';
import { chmodSync, cpSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync,
  writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { bearer, call, eventually, root, run, satgate, scratch, startGateway, startUpstream }
  from './gateway.mjs';

const EXAMPLE = path.join(root, 'examples/policies');

function example(t) {
  const folder = scratch(t);
  cpSync(EXAMPLE, folder, { recursive: true });
  const cli = (...args) => run(satgate, args, { cwd: folder });
  return { folder, cli, file: path.join(folder, 'satgate.yaml') };
}

async function json(cli, ...args) {
  const result = await cli(...args, '--json');
  assert.equal(result.code, 0, result.said);
  return result.json();
}

test('the example: list, show and diff say what the config comes to', async (t) => {
  const { cli } = example(t);
  assert.equal((await cli('config', 'check')).code, 0);

  const all = await json(cli, 'policy', 'list');
  assert.deepEqual(all.map((one) => [one.template, one.inherit, one.used_by]), [
    ['base-agent@1', null, []],
    ['coding-agent@1', 'base-agent@1', []],
    ['coding-agent@2', 'base-agent@1', ['cursor-agent', 'release-agent']],
    ['research-agent@1', 'base-agent@1', ['night-crawler']],
  ]);
  assert.match((await cli('policy', 'list')).stdout, /coding-agent@2 .*daily \(amount, 25\)/);

  const shown = await json(cli, 'policy', 'show', 'coding-agent', '--parameter', 'daily=7',
    '--parameter', 'calls=9');
  assert.equal(shown.template, 'coding-agent@2');
  assert.deepEqual(shown.settings, ['totalDailyCredits: 7', 'loopGuard.repeats: 20',
    'loopGuard.window: 60s', 'totalMonthlyCredits: 500', 'tools.github.cost: 1',
    'tools.github.maxCallsPerHour: 9', 'tools.ci.enabled: false']);
  const open = await cli('policy', 'show', 'research-agent@1');
  assert.match(open.stdout, /tools\.search_\*\.maxCallsPerHour: \$\{searches\}/);
  assert.match(open.stdout, /# parameter searches \(whole, required\)/);

  const diff = await cli('policy', 'diff', 'coding-agent@1', 'coding-agent@2');
  assert.equal(diff.stdout, '- tools.github.maxCallsPerHour: 500\n'
    + '+ tools.github.maxCallsPerHour: 200\n+ totalMonthlyCredits: 500\n');
  const token = await json(cli, 'policy', 'diff', 'coding-agent@2', 'release-agent');
  assert.deepEqual(token.changes, ['- totalDailyCredits: 25', '+ totalDailyCredits: 60',
    '- tools.ci.enabled: false', '+ tools.ci.enabled: true']);
  assert.equal((await cli('policy', 'diff', 'coding-agent', 'coding-agent@2')).stdout,
    'No difference.\n');
});

test('mistakes are refused with what to do', async (t) => {
  const { cli, folder } = example(t);
  const cases = [
    [['show', 'nobody'], /no template 'nobody' in .*policies; see: satgate policy list/],
    [['show', 'coding-agent@9'], /no template coding-agent@9: .*newest version is coding-agent@2/],
    [['show', '../satgate@1'], /names no template/],
    [['show', 'coding-agent', '--parameter', 'dayly=5'], /has no parameter 'dayly'/],
    [['show', 'coding-agent', '--parameter', 'daily=much'], /daily: /],
    [['show', 'coding-agent', '--parameter', 'calls=${daily}'], /must be a value, without/],
    [['diff', 'cursor-agent', 'nobody'], /no template 'nobody'/],
    [['apply', 'research-agent', 'x'], /needs the parameter 'searches' \(whole: searches an h/],
    [['list', '--config', 'none.yaml'], /cannot read the file 'none.yaml'/],
  ];
  for (const [args, said] of cases) {
    const result = await cli('policy', ...args);
    assert.equal(result.code, 1, args.join(' '));
    assert.match(result.stderr, said);
    assert.equal(result.stdout, '');
  }
  for (const args of [['show'], ['apply', 'a'], ['show', 'coding-agent', '--parameter', 'daily'],
    ['show', 'coding-agent', '--parameter', 'a=1', '--parameter', 'a=2'], ['show', '']]) {
    assert.equal((await cli('policy', ...args)).code, 2, args.join(' '));
  }
  writeFileSync(path.join(folder, 'policies/broken@1.yaml'),
    'name: broken\nversion: 1\npolicy:\n  totalDaylyCredits: 3\n');
  const listed = await cli('policy', 'list');
  assert.equal(listed.code, 1);
  assert.match(listed.stdout, /coding-agent@2/);
  assert.match(listed.stderr, /broken@1\.yaml: line 4: policy\.totalDaylyCredits: unknown key/);
  writeFileSync(path.join(folder, 'satgate.yaml'),
    `${readFileSync(path.join(folder, 'satgate.yaml'))}\n  b: {template: broken@1}\n`);
  const checked = await cli('config', 'check');
  assert.match(checked.stderr, /line 27: policies\.b\.template: .*broken@1\.yaml: line 4: policy/);
});

test('apply changes one entry, keeps the rest of the file, and says what it did', async (t) => {
  const { cli, file, folder } = example(t);
  const before = readFileSync(file, 'utf8');
  chmodSync(file, 0o640);

  const dry = await cli('policy', 'apply', 'coding-agent@1', 'release-agent', '--dry-run');
  assert.equal(dry.code, 0, dry.said);
  assert.match(dry.stdout, /^- template: coding-agent@2\n\+ template: coding-agent@1\n/);
  assert.match(dry.stdout, /Nothing was written/);
  assert.equal(readFileSync(file, 'utf8'), before);

  const done = await cli('policy', 'apply', 'coding-agent@1', 'release-agent',
    '--parameter', 'daily=80');
  assert.equal(done.code, 0, done.said);
  assert.match(done.stdout, /- totalDailyCredits: 60\n\+ totalDailyCredits: 80\n/);
  assert.match(done.stdout, /SIGHUP/);
  const after = readFileSync(file, 'utf8');
  assert.equal(after, before.replace('release-agent:\n    template: coding-agent@2\n'
    + '    parameters: {daily: 60}', 'release-agent:\n    template: coding-agent@1\n'
    + '    parameters: {daily: 80}'));
  assert.equal(statSync(file).mode & 0o777, 0o640);
  assert.deepEqual(readdirSync(folder).sort(), ['README.md', 'policies', 'satgate.yaml']);

  const again = await json(cli, 'policy', 'apply', 'coding-agent@1', 'release-agent');
  assert.deepEqual(again.changes, []);
  assert.equal(readFileSync(file, 'utf8'), after);

  const fresh = await json(cli, 'policy', 'apply', 'research-agent', 'fresh',
    '--parameter', 'searches=5');
  assert.equal(fresh.template, 'research-agent@1');
  assert.equal(fresh.written, true);
  assert.ok(readFileSync(file, 'utf8').startsWith(after));
  assert.equal((await cli('config', 'check')).code, 0);
  assert.deepEqual((await json(cli, 'policy', 'list')).at(-1).used_by, ['night-crawler', 'fresh']);
});

test('apply never leaves a config that would be refused, nor changes one that is', async (t) => {
  const { cli, file, folder } = example(t);
  const before = readFileSync(file, 'utf8');
  // The entry's own settings do not go with the new template's.
  writeFileSync(path.join(folder, 'policies/odd@1.yaml'),
    'name: odd\nversion: 1\nparameters: {n: {type: text}}\npolicy:\n  totalCredits: ${n}\n');
  const odd = await cli('policy', 'apply', 'odd@1', 'cursor-agent', '--parameter', 'n=-1');
  assert.equal(odd.code, 1);
  assert.match(odd.stderr, /odd@1\.yaml: line 5: policy\.totalCredits/);
  assert.equal(readFileSync(file, 'utf8'), before);

  writeFileSync(file, `${before}\nnonsense: 1\n`);
  const broken = await cli('policy', 'apply', 'coding-agent@1', 'cursor-agent');
  assert.equal(broken.code, 1);
  assert.match(broken.stderr, /would not be accepted, so it was not changed:\n.*nonsense/);
  assert.equal(readFileSync(file, 'utf8'), `${before}\nnonsense: 1\n`);

  const asJson = '{"version": 1, "upstreams": {"a": {"url": "http://127.0.0.1:1"}}}';
  writeFileSync(file, asJson);
  const flow = await cli('policy', 'apply', 'coding-agent@1', 'cursor-agent');
  assert.equal(flow.code, 1);
  assert.match(flow.stderr, /write `cursor-agent: \{template: coding-agent@1\}` under `policies`/);
  assert.equal(readFileSync(file, 'utf8'), asJson);
});

test('apply follows a link to the file and leaves the link', async (t) => {
  const { cli, folder, file } = example(t);
  const link = path.join(folder, 'link.yaml');
  symlinkSync('satgate.yaml', link);
  const done = await cli('policy', 'apply', 'coding-agent@1', 'cursor-agent', '--config', link);
  assert.equal(done.code, 0, done.said);
  assert.match(readFileSync(file, 'utf8'), /cursor-agent:\n    template: coding-agent@1/);
});

test('a running gateway enforces the template, its parameters and what is beside it', async (t) => {
  const api = await startUpstream(t, 'api');
  const folder = scratch(t);
  mkdirSync(path.join(folder, 'templates'));
  const template = (version, body) => writeFileSync(
    path.join(folder, `templates/agent@${version}.yaml`),
    `name: agent\nversion: ${version}\nparameters: {daily: {type: amount, default: 3}}\n${body}`);
  template(1, 'policy:\n  totalDailyCredits: ${daily}\n');
  template(2, 'policy:\n  totalDailyCredits: ${daily}\n  loopGuard: {repeats: 2}\n');
  const yaml = (policies) => (gateway) => `version: 1
server: {listen: "127.0.0.1:${gateway.port}"}
admin: {listen: "127.0.0.1:${gateway.adminPort}"}
upstreams: {api: {kind: http, url: "${api.url}"}}
endpoints: {/api/embed: {cost: 1}}
policyDir: templates
policies:
${policies}`;
  const gateway = await startGateway(t, { folder, config: {}, yaml: yaml(
    '  one: {template: agent@1}\n  two: {template: agent@1, parameters: {daily: 5}}\n') });
  const tokens = { one: await gateway.token('one'), two: await gateway.token('two') };
  let content = 0;
  const passed = async (name, same) => {
    for (let count = 0; count < 12; count++) {
      const answer = await call(`${gateway.url}/api/embed`, { method: 'POST',
        headers: bearer(tokens[name]), body: same ?? `${content++}` });
      if (answer.status !== 200) return [count, answer.json.error];
    }
    return [12];
  };
  assert.deepEqual(await passed('one'), [3, 'budget_exceeded']);
  assert.deepEqual(await passed('two'), [5, 'budget_exceeded']);

  const applied = await gateway.cli('policy', 'apply', 'agent', 'two', '--parameter', 'daily=20',
    '--config', gateway.file);
  assert.equal(applied.code, 0, applied.said);
  gateway.child.kill('SIGHUP');
  await eventually('the reload', async () => (await passed('two'))[0] > 0);
  assert.deepEqual(await passed('two', 'same'), [2, 'loop_detected']);

  // A template that is broken afterwards changes nothing, and the log says where.
  template(2, 'policy:\n  totalDaylyCredits: 1\n');
  gateway.child.kill('SIGHUP');
  await gateway.says(/agent@2\.yaml: line 5: policy\.totalDaylyCredits/);
  assert.equal((await passed('two'))[0] > 0, true);
});
