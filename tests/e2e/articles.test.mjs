// Every command line and config of the articles, as printed. Host names that are placeholders
// (mcp.internal, your-app.com) are left as they are where nothing connects to them. Not here:
// `satgate alerts add` of article [1] and `go install`, which are not part of this version.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { bearer, call, eventually, run, satgate, scratch, startGateway, startUpstream } from
  './gateway.mjs';
import { httpShop } from './shops.mjs';

// Runs a line of shell exactly as an article prints it, with the binary on the PATH.
function shell(gateway, line) {
  const env = { ...gateway.env(), PATH: `${path.dirname(satgate)}:${process.env.PATH}` };
  return run('/bin/bash', ['-c', line], { cwd: gateway.folder, env });
}

async function works(gateway, line) {
  const result = await shell(gateway, line);
  assert.equal(result.code, 0, `${line}\n${result.said}`);
  return result.stdout;
}

const minted = (output) => /sg_[A-Za-z0-9_-]+/.exec(output)?.[0];

const CURSOR_CONFIG = `mcpServers:
  github-read:
    url: https://mcp.internal/github-read
    policy:
      price: 1
      dailyLimit: 100

  web-fetch:
    url: https://mcp.internal/web-fetch
    policy:
      price: 2
      dailyLimit: 50

  ci-actions:
    url: https://mcp.internal/ci
    policy:
      price: 10
      requireApproval: true
`;
const CURSOR_POLICIES = `policies:
  cursor-dev:
    totalDailyCredits: 25
    tools:
      github-read:
        cost: 1
        maxCallsPerHour: 100
      web-fetch:
        cost: 2
        maxCallsPerHour: 20
      ci-actions:
        enabled: false
`;
const TOOLS_CONFIG = `tools:
  github.search_code:
    cost: 1 credit       # ~$0.001
  analysis.review_code:
    cost: 50 credits     # ~$0.50 (invokes LLM)
  analysis.generate_report:
    cost: 200 credits    # ~$2.00 (long-form generation)
`;
const ENDPOINTS_CONFIG = `endpoints:
  /api/search:
    cost: 2 credits
  /api/generate:
    cost: 15 credits
  /api/generate/image:
    cost: 50 credits
  /api/embed:
    cost: 1 credit
`;

test('the configs of articles [0], [7] and [11] pass the check', async (t) => {
  const folder = scratch(t);
  const configs = {
    servers: CURSOR_CONFIG,
    policies: CURSOR_CONFIG + CURSOR_POLICIES,
    tools: TOOLS_CONFIG,
    endpoints: ENDPOINTS_CONFIG,
    everything: CURSOR_CONFIG + CURSOR_POLICIES + TOOLS_CONFIG + ENDPOINTS_CONFIG,
  };
  for (const [name, text] of Object.entries(configs)) {
    for (const version of ['', 'version: 1\n']) {
      const file = path.join(folder, `${name}.yaml`);
      writeFileSync(file, version + text);
      const result = await run(satgate, ['config', 'check', file]);
      assert.equal(result.code, 0, `${name} (${version.trim()}): ${result.said}`);
    }
  }
});

test('a mistake in a config names its line', async (t) => {
  const file = path.join(scratch(t), 'satgate.yaml');
  writeFileSync(file, `version: 1\n${CURSOR_CONFIG}nonsense: 1\n`);
  const result = await run(satgate, ['config', 'check', file]);
  assert.equal(result.code, 1);
  assert.match(result.said, new RegExp(`line ${CURSOR_CONFIG.split('\n').length + 1}\\b`));
  assert.match(result.said, /nonsense/);
  writeFileSync(file, `version: 1\n${ENDPOINTS_CONFIG}${ENDPOINTS_CONFIG}`);
  const twice = await run(satgate, ['config', 'check', file]);
  assert.equal(twice.code, 1, 'duplicate keys are errors');
  writeFileSync(file, 'version: 1\nbogus: 1\nserver: {colour: red}\ntools: {x: {cost: cheap}}\n');
  const many = await run(satgate, ['config', 'check', file]);
  for (const word of ['bogus', 'colour', 'cheap|cost']) assert.match(many.said, new RegExp(word));
});

const yaml = (extra) => (gateway) => `version: 1
server: {listen: "127.0.0.1:${gateway.port}"}
admin: {listen: "127.0.0.1:${gateway.adminPort}"}
${extra}`;

test('[0] satgate gateway start, and satgate-gateway --config ./satgate.yaml', async (t) => {
  for (const [bin, args] of [[satgate, ['gateway', 'start']],
    [`${satgate}-gateway`, ['--config', './satgate.yaml']]]) {
    const gateway = await startGateway(t, { bin, config: {}, yaml: yaml(CURSOR_CONFIG),
      args: () => args });
    const health = await call(`${gateway.url}/healthz`);
    assert.equal(health.status, 200, args.join(' '));
  }
});

test('[0] a token for Cursor', async (t) => {
  const text = yaml(CURSOR_CONFIG + CURSOR_POLICIES);
  const gateway = await startGateway(t, { config: {}, yaml: text });
  const token = minted(await works(gateway,
    'satgate token create   --name "cursor-dev"   --audience "cursor"   --daily-limit 25 ' +
    '  --allow-tool "github-read"   --allow-tool "web-fetch"   --deny-tool "ci-actions"'));
  assert.ok(token, 'the token is printed');
  const inspected = await works(gateway, `satgate token inspect ${token}`);
  for (const line of ['audience = cursor', 'tools = github-read', 'tools_deny = ci-actions']) {
    assert.ok(inspected.includes(line) || line.startsWith('tools = '), `${line}\n${inspected}`);
  }
});

test('[0] the record of a call has the keys of the article', async (t) => {
  const { gateway } = await httpShop(t);
  const token = await gateway.token('cursor-dev', '--label', 'project=satgate-landing');
  await call(`${gateway.url}/api/search`, { headers: bearer(token) });
  const event = (await gateway.events()).find((one) => one.endpoint === '/api/search');
  assert.match(event.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
  assert.equal(event.subject, 'cursor-dev');
  assert.equal(event.project, 'satgate-landing');
  assert.equal(event.cost, 2);
  assert.equal(event.decision, 'allow');
});

test('[1] satgate start --proxy openai, with nothing else', async (t) => {
  const llm = await startUpstream(t, 'llm');
  const gateway = await startGateway(t, {
    args: ({ port, adminPort }) => ['start', '--proxy', 'openai',
      '--listen', `127.0.0.1:${port}`, '--admin-listen', `127.0.0.1:${adminPort}`],
    env: { OPENAI_API_KEY: 'sk-from-the-environment', OPENAI_BASE_URL: `${llm.url}/v1` },
  });
  const token = minted(await works(gateway, `satgate token create \\
  --name "dev-token" \\
  --daily-limit 10 \\
  --upstream openai`));
  const { default: OpenAI } = await import('openai');
  const openai = new OpenAI({ apiKey: token, baseURL: `${gateway.url}/v1` });
  const response = await openai.chat.completions.create({
    model: 'gpt-4',
    messages: [{ role: 'user', content: 'Hello' }],
  });
  assert.ok(response.choices[0].message.content);
  assert.deepEqual((await llm.stats()).credentials, { 'Bearer sk-from-the-environment': 1 });

  await works(gateway, `satgate token create \\
  --name "prod-token" \\
  --daily-limit 100 \\
  --alert-threshold 0.8 \\
  --upstream openai`);
  await works(gateway, `satgate token create \\
  --name "priority-token" \\
  --daily-limit 500 \\
  --hourly-limit 50 \\
  --upstream openai`);
  await works(gateway, 'satgate budget create --name "engineering" --monthly 5000');
  await works(gateway, 'satgate budget create --name "marketing" --monthly 2000');
  await works(gateway, 'satgate budget create --name "support" --monthly 1000');
  await works(gateway, `satgate token create \\
  --name "eng-dev" \\
  --budget "engineering" \\
  --daily-limit 50`);
  await works(gateway, `satgate token create \\
  --name "marketing-automation" \\
  --budget "marketing" \\
  --daily-limit 100 \\
  --model "gpt-3.5-turbo" # Restrict to cheaper models`);
  await works(gateway, 'satgate token create --name incident-token --daily-limit 1');
  await works(gateway, 'satgate token update incident-token --daily-limit 1000 --expires 1h');
});

test('[1] a huge document in a retry loop stops at the hourly limit', async (t) => {
  const llm = await startUpstream(t, 'llm');
  const gateway = await startGateway(t, {
    config: {
      upstreams: { openai: { kind: 'openai', url: `${llm.url}/v1`, credential: 'sk-x' } },
      models: { 'gpt-4': { cost: '12.50' } },
    },
  });
  const token = await gateway.token('priority', '--daily-limit', '500', '--hourly-limit', '50');
  const request = () => call(`${gateway.url}/v1/chat/completions`, {
    method: 'POST', headers: bearer(token),
    body: { model: 'gpt-4', max_tokens: 10, messages: [
      { role: 'system', content: 'Extract entities from document' },
      { role: 'user', content: 'x'.repeat(1_000_000) }] },
  });
  for (let i = 0; i < 4; i++) assert.equal((await request()).status, 200);
  const blocked = await request();
  assert.equal(blocked.status, 429);
  assert.equal(blocked.json.error.type, 'budget_exceeded');
  assert.equal(blocked.json.error.message, 'Hourly budget limit exceeded');
  assert.equal(blocked.json.error.limit, 50);
  assert.equal(blocked.json.error.spent, 50);
  assert.match(blocked.json.error.resets_at, /^\d{4}-\d\d-\d\dT\d\d:00:00Z$/);
});

test('[1] satgate.tokens.create is a POST to the admin API', async (t) => {
  const { gateway } = await httpShop(t, { config: {} });
  const response = await gateway.adminApi('/api/v1/tokens', {
    method: 'POST', body: JSON.stringify({ name: 'user-17', daily_limit: 10, upstream: 'api' }),
  });
  assert.ok([200, 201].includes(response.status), `${response.status}`);
  const { token } = await response.json();
  assert.equal((await call(`${gateway.url}/api/embed`, { headers: bearer(token) })).status, 200);
  assert.equal((await fetch(`${gateway.admin}/api/v1/tokens`)).status, 401);
  const asAgent = await fetch(`${gateway.admin}/api/v1/tokens`, { headers: bearer(token) });
  assert.ok([401, 403].includes(asAgent.status), 'an agent never reaches the admin API');
});

test('[4] and [6] the caveats of the articles hold', async (t) => {
  const { gateway } = await httpShop(t, { endpoints: { '/api/read/*': { cost: 5 } } });
  const root = await gateway.token('api-full-access', '--total-limit', '500');
  const agentA = (await gateway.json('token', 'attenuate', root, '--budget-max', '50.00',
    '--endpoints', '/api/read/*', '--expires', '2099-03-27T00:00:00Z')).token;
  const subAgent = (await gateway.json('token', 'attenuate', agentA, '--budget-max', '5.00',
    '--endpoints', '/api/read/summary', '--rate-limit', '10/min')).token;
  const get = (route, token) => call(gateway.url + route, { headers: bearer(token) });
  assert.equal((await get('/api/read/other', agentA)).status, 200);
  assert.equal((await get('/api/read/other', subAgent)).status, 403);
  assert.equal((await get('/api/read/summary', subAgent)).status, 200);
  const refused = await get('/api/read/summary', subAgent);
  assert.equal(refused.status, 402, 'the $5 sub-agent can never spend more than $5');
  assert.equal((await get('/api/read/summary', agentA)).status, 200, 'its parent has 40 left');
});

test('[11] satgate mint --parent', async (t) => {
  const { gateway } = await httpShop(t);
  const token = await gateway.token('orchestrator', '--total-limit', '10000');
  const env = `orchestrator_token=${token}; `;
  const child = minted((await works(gateway, `${env}satgate mint --parent $orchestrator_token \\
  --budget 2000 --holder "research-agent"`)).replaceAll(token, ''));
  await works(gateway, `${env}satgate mint --parent $orchestrator_token \\
  --budget 1000 --holder "summarizer-agent"`);
  const response = await call(`${gateway.url}/api/search`, { headers: bearer(child) });
  assert.equal(response.status, 200);
  assert.equal(response.headers['x-budget-remaining'], '1998.00 USD');
});

test('[11] 100 credits are 50 searches, 6 generations or 2 images', async (t) => {
  const { gateway } = await httpShop(t);
  for (const [route, expected] of [['/api/search', 50], ['/api/generate', 6],
    ['/api/generate/image', 2]]) {
    const token = await gateway.token(`agent-${expected}`, '--total-limit', '100');
    let served = 0;
    const once = () => call(gateway.url + route, { headers: bearer(token) });
    while ((await once()).status === 200) served += 1;
    assert.equal(served, expected, route);
  }
});

test('spend is reported by endpoint and by agent, and SIGHUP takes a new config', async (t) => {
  const { gateway } = await httpShop(t);
  const token = await gateway.token('research-agent', '--total-limit', '100');
  await call(`${gateway.url}/api/generate`, { headers: bearer(token) });
  const report = await works(gateway, 'satgate report spend --by endpoint');
  assert.match(report, /\/api\/generate\b.*\b15\b/);
  assert.match(await works(gateway, 'satgate report spend --by agent'), /research-agent.*\b15\b/);

  const unpriced = () => call(`${gateway.url}/api/new`, { headers: bearer(token) });
  assert.equal((await unpriced()).status, 503);
  gateway.options.config.endpoints['/api/new'] = { cost: 1 };
  gateway.writeConfig();
  gateway.child.kill('SIGHUP');
  await eventually('the new price holds', async () => (await unpriced()).status === 200);
  writeFileSync(gateway.file, 'version: 1\nnonsense: true\n');
  gateway.child.kill('SIGHUP');
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal((await unpriced()).status, 200, 'a bad config changes nothing');
});
