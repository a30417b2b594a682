// Which model serves a call: cheap ones for low stakes and small budgets, others after a failure.
// The unmodified `openai` client, against providers that fail when told to.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import OpenAI from 'openai';
import { startGateway } from './gateway.mjs';
import { startProvider } from './provider.mjs';

// Credits for a million tokens.
const PRICES = {
  'best-1': { input: 100, output: 1000, maxOutput: 4000 },
  'small-1': { input: 1, output: 10, maxOutput: 1000 },
  'tiny-1': { input: 0.1, output: 1, maxOutput: 1000 },
};

function completion(model, usage = {}) {
  return { id: 'chatcmpl-1', object: 'chat.completion', created: 1, model,
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hi.' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15, ...usage } };
}

const echo = (request) => ({ json: completion(request.body.model) });

async function shop(t, { routing, answer = echo, second = echo, config = {} } = {}) {
  const provider = await startProvider(t, answer);
  const other = await startProvider(t, second);
  const gateway = await startGateway(t, { config: {
    upstreams: {
      main: { kind: 'openai', url: `${provider.url}/v1`, credential: 'key-main' },
      spare: { kind: 'openai', url: `${other.url}/v1`, credential: 'key-spare' },
    },
    models: PRICES,
    routing,
    ...config,
  } });
  const client = (token, options = {}) => new OpenAI({ apiKey: token,
    baseURL: `${gateway.url}/v1`, maxRetries: 0, ...options });
  return { provider, other, gateway, client };
}

const ask = (extra = {}) => ({ model: 'best-1', max_tokens: 100,
  messages: [{ role: 'user', content: 'Hello' }], ...extra });

async function create(client, body, options) {
  const { data, response } = await client.chat.completions.create(body, options).withResponse();
  return { data, served: response.headers.get('x-satgate-model'),
    cost: response.headers.get('x-cost-per-call') };
}

test('what is marked as low stakes is served and charged by the cheap model', async (t) => {
  const { provider, gateway, client } = await shop(t, { routing: { lowStakes: 'small-1' } });
  const openai = client(await gateway.token('agent', '--total-limit', '10'));
  const low = { headers: { 'x-satgate-stakes': 'low' } };
  const cheap = await create(openai, ask(), low);
  assert.equal(cheap.served, 'small-1');
  assert.equal(cheap.data.model, 'small-1');
  assert.equal(provider.calls[0].body.model, 'small-1');
  assert.equal(provider.calls[0].headers['x-satgate-stakes'], undefined);
  assert.equal(await gateway.spent('agent'), (10 * 1 + 5 * 10) / 1e6);

  const usual = await create(openai, ask());
  assert.equal(usual.served, null);
  assert.equal(usual.data.model, 'best-1');

  const [event] = (await gateway.events()).filter((e) => e.model === 'small-1');
  assert.equal(event.asked_model, 'best-1');
  const report = await gateway.json('report', 'spend', '--by', 'model');
  assert.deepEqual(report.rows.map((row) => row.key).sort(), ['best-1', 'small-1']);
});

test('a stream that is routed says so, too', async (t) => {
  const answer = (request) => ({ events: [
    [null, { id: 'c', object: 'chat.completion.chunk', created: 1, model: request.body.model,
      choices: [{ index: 0, delta: { role: 'assistant', content: 'Hi' }, finish_reason: null }] }],
    [null, { id: 'c', object: 'chat.completion.chunk', created: 1, model: request.body.model,
      choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }],
    [null, { id: 'c', object: 'chat.completion.chunk', created: 1, model: request.body.model,
      choices: [], usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 } }],
    [null, '[DONE]'],
  ] });
  const { gateway, client } = await shop(t, { routing: { lowStakes: 'small-1' }, answer });
  const openai = client(await gateway.token('agent', '--total-limit', '10', '--label',
    'stakes=low'));
  const { data, response } = await openai.chat.completions
    .create(ask({ stream: true })).withResponse();
  for await (const chunk of data) assert.equal(chunk.model, 'small-1');
  assert.equal(response.headers.get('x-satgate-model'), 'small-1');
  assert.equal(await gateway.spent('agent'), (10 * 1 + 5 * 10) / 1e6);
});

test('small calls are of low stakes by rule; an agent can not talk itself out', async (t) => {
  const lowStakes = { use: { 'best-*': 'small-1' }, inputBelow: 400, outputBelow: 200 };
  const { gateway, client } = await shop(t, { routing: { lowStakes } });
  const openai = client(await gateway.token('agent', '--total-limit', '10'));
  const served = async (body, headers = {}) => (await create(openai, body, { headers })).served;
  assert.equal(await served(ask()), 'small-1');
  assert.equal(await served(ask({ max_tokens: 200 })), null);
  assert.equal(await served(ask({ max_tokens: undefined })), null);
  const long = [{ role: 'user', content: 'x'.repeat(400) }];
  assert.equal(await served(ask({ messages: long })), null);
  // Law 2.6: what the agent says of itself is no reason to spend more.
  assert.equal(await served(ask(), { 'x-satgate-stakes': 'high' }), 'small-1');
  const token = await gateway.token('cheap', '--total-limit', '10', '--label', 'stakes=low');
  const big = ask({ max_tokens: 300 });
  const high = { headers: { 'x-satgate-stakes': 'high' } };
  assert.equal((await create(client(token), big, high)).served, 'small-1', 'its label decides');
  const claimed = await gateway.json('token', 'attenuate', token, '--label', 'stakes=high');
  assert.equal((await create(client(claimed.token), big, high)).served, 'small-1');
  const important = client(await gateway.token('important', '--total-limit', '10', '--label',
    'stakes=high'));
  assert.equal((await create(important, ask())).served, null, 'an administrator may say so');
});

test('below a share of the budget the cheaper model takes over', async (t) => {
  const { gateway, client } = await shop(t, {
    routing: { onBudgetBelow: { '50%': 'small-1', '20%': 'tiny-1' } },
    answer: (request) => ({ json: completion(request.body.model,
      { prompt_tokens: 0, completion_tokens: 100 }) }),
  });
  const openai = client(await gateway.token('agent', '--daily-limit', '1'));
  const models = [];
  // 0.1 credits a call of the best one; then 0.001 and 0.0001.
  for (let i = 0; i < 8; i++) models.push((await create(openai, ask())).data.model);
  assert.deepEqual(models.slice(0, 6), Array(6).fill('best-1'), 'until less than half is left');
  assert.deepEqual(models.slice(6), ['small-1', 'small-1']);
  await gateway.json('token', 'update', 'agent', '--daily-limit', '0.7');
  assert.equal((await create(openai, ask())).data.model, 'tiny-1');
});

test('routing never leads to what the token may not use, nor to what is dearer', async (t) => {
  const { gateway, client } = await shop(t, { routing: { lowStakes: 'small-1' } });
  const low = { headers: { 'x-satgate-stakes': 'low' } };
  const strict = client(await gateway.token('strict', '--total-limit', '10', '--model', 'best-1'));
  assert.equal((await create(strict, ask(), low)).data.model, 'best-1');
  const agent = client(await gateway.token('agent', '--total-limit', '10'));
  assert.equal((await create(agent, ask({ model: 'tiny-1' }), low)).data.model, 'tiny-1');
  // What it may not ask for it does not get by another model, either.
  const small = client(await gateway.token('small', '--total-limit', '10', '--model', 'small-1'));
  await assert.rejects(create(small, ask(), low), { status: 403, code: 'model_denied' });
});

test('an answer that the cheap model can not give is asked for at its longest', async (t) => {
  const { provider, gateway, client } = await shop(t, { routing: { lowStakes: 'small-1' } });
  const openai = client(await gateway.token('agent', '--total-limit', '10'));
  await create(openai, ask({ max_tokens: 3000 }), { headers: { 'x-satgate-stakes': 'low' } });
  assert.equal(provider.calls[0].body.max_tokens, 1000);
});

test('an upstream that fails is replaced; each attempt is priced and recorded', async (t) => {
  const fails = { status: 503, json: { error: { message: 'overloaded', type: 'server_error' } } };
  const { provider, other, gateway, client } = await shop(t, {
    routing: { fallbacks: { 'best-*': ['small-1', { model: 'tiny-1', upstream: 'spare' }] } },
    answer: () => fails,
  });
  const openai = client(await gateway.token('agent', '--total-limit', '10'));
  const { data, served } = await create(openai, ask());
  assert.equal(data.model, 'tiny-1');
  assert.equal(served, 'tiny-1');
  assert.deepEqual(provider.calls.map((c) => c.body.model), ['best-1', 'small-1']);
  assert.deepEqual(other.calls.map((c) => c.body.model), ['tiny-1']);
  assert.equal(other.calls[0].headers.authorization, 'Bearer key-spare');
  assert.equal(await gateway.spent('agent'), (10 * 0.1 + 5 * 1) / 1e6);
  const events = (await gateway.events()).filter((e) => e.event === 'call');
  assert.deepEqual(events.map((e) => [e.model, e.asked_model, e.upstream, e.http_status]), [
    ['best-1', undefined, 'main', 503],
    ['small-1', 'best-1', 'main', 503],
    ['tiny-1', 'best-1', 'spare', 200],
  ]);
  assert.equal(new Set(events.map((e) => e.request_id)).size, 1);
});

test('the same model at another upstream; one that can not be reached is a failure', async (t) => {
  const { provider, other, gateway, client } = await shop(t, {
    routing: { fallbacks: { '*': { upstream: 'spare' } } },
    answer: () => ({ status: 429, headers: { 'retry-after': '9' }, json: { error: {} } }),
  });
  const openai = client(await gateway.token('agent', '--total-limit', '10'));
  const { data, served } = await create(openai, ask());
  assert.equal(data.model, 'best-1');
  assert.equal(served, null, 'it is the model that was asked for');
  assert.deepEqual([provider.calls.length, other.calls.length], [1, 1]);
});

test('an attempt whose end nobody knows is charged, and then another is made', async (t) => {
  const { gateway, client } = await shop(t, {
    routing: { fallbacks: { '*': { upstream: 'spare' } } },
    answer: () => ({ cutAfter: 0, events: [[null, '[DONE]']] }),
  });
  const openai = client(await gateway.token('agent', '--total-limit', '10'));
  assert.equal((await create(openai, ask())).data.model, 'best-1');
  const [lost, good] = (await gateway.events()).filter((e) => e.event === 'call');
  assert.equal(lost.cost, lost.quote);
  assert.equal(Number(good.cost), (10 * 100 + 5 * 1000) / 1e6);
});

test('a request that is wrong is not tried elsewhere, and the last failure is told', async (t) => {
  let status = 400;
  const { provider, other, gateway, client } = await shop(t, {
    routing: { fallbacks: { '*': { upstream: 'spare' } } },
    answer: () => ({ status, json: { error: { message: 'from main' } } }),
    second: () => ({ status: 502, json: { error: { message: 'from spare' } } }),
  });
  const openai = client(await gateway.token('agent', '--total-limit', '10'));
  await assert.rejects(create(openai, ask()), { status: 400, message: /from main/ });
  assert.equal(other.calls.length, 0);
  status = 500;
  await assert.rejects(create(openai, ask()), { status: 502, message: /from spare/ });
  assert.deepEqual([provider.calls.length, other.calls.length], [2, 1]);
  assert.equal(await gateway.spent('agent'), 0);
});

test('a fallback is no way around a budget: what does not fit is not sent', async (t) => {
  const { other, gateway, client } = await shop(t, {
    routing: { fallbacks: { 'tiny-1': { model: 'best-1', upstream: 'spare' } } },
    answer: () => ({ status: 500, json: { error: { message: 'from main' } } }),
  });
  const openai = client(await gateway.token('agent', '--total-limit', '0.001'));
  await assert.rejects(create(openai, ask({ model: 'tiny-1' })),
    { status: 500, message: /from main/ });
  assert.equal(other.calls.length, 0);
  assert.equal(await gateway.spent('agent'), 0);
  // Law 3.1: that it was not made is a decision, too.
  const events = (await gateway.events()).filter((e) => e.event === 'call');
  assert.deepEqual(events.map((e) => [e.model, e.decision, e.code, e.http_status]), [
    ['tiny-1', 'allow', undefined, 500], ['best-1', 'deny', 'request_exceeds_budget', 500]]);
});

test('Law 1: a storm of fallbacks and cheap routes stays below the cap, to the nano-credit',
  async (t) => {
    const served = { total: 0 };
    const answer = (request) => {
      const price = PRICES[request.body.model];
      served.total += Math.round((10 * price.input + 5 * price.output) * 1000);
      return { json: completion(request.body.model) };
    };
    let calls = 0;
    const { gateway, client } = await shop(t, {
      routing: { onBudgetBelow: { '30%': 'small-1' }, fallbacks: { '*': { upstream: 'spare' } } },
      answer: (request) => (calls++ % 2 ? { status: 503, json: { error: {} } } : answer(request)),
      second: answer,
    });
    const openai = client(await gateway.token('agent', '--total-limit', '0.5'));
    const codes = new Set();
    const worker = async () => {
      for (let i = 0; i < 20; i++) {
        await create(openai, ask({ max_tokens: 20 })).catch((error) => codes.add(error.code));
      }
    };
    await Promise.all(Array.from({ length: 32 }, worker));
    const nano = (credits) => Math.round(credits * 1e9);
    const shown = await gateway.json('token', 'show', 'agent');
    assert.equal(nano(shown.spent), served.total, 'what was served is what was charged');
    assert.ok(served.total <= nano(0.5), `${served.total}`);
    assert.equal(shown.held, 0, 'nothing stays held');
    assert.equal(shown.blocked, false);
  });

test('a fallback keeps the rules of the upstream that it leads to', async (t) => {
  const provider = await startProvider(t, () => ({ status: 500, json: { error: {} } }));
  const other = await startProvider(t, echo);
  const gateway = await startGateway(t, { config: {
    upstreams: {
      main: { kind: 'openai', url: `${provider.url}/v1`, credential: 'key-main' },
      spare: { kind: 'openai', url: `${other.url}/v1`, storedConversations: 'refuse' },
    },
    models: { 'best-1': { ...PRICES['best-1'], context: 100 } },
    routing: { fallbacks: { '*': { upstream: 'spare' } } },
  } });
  const openai = new OpenAI({ apiKey: await gateway.token('agent', '--total-limit', '10'),
    baseURL: `${gateway.url}/v1`, maxRetries: 0 });
  await assert.rejects(openai.responses.create({ model: 'best-1', input: 'Hi',
    max_output_tokens: 100, previous_response_id: 'resp_1' }), { status: 500 });
  assert.equal(other.calls.length, 0);
});

test('a stream that has begun is not begun again elsewhere', async (t) => {
  const { other, gateway, client } = await shop(t, {
    routing: { fallbacks: { '*': { upstream: 'spare' } } },
    answer: () => ({ cutAfter: 1, pauseMs: 50, events: [
      [null, { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'best-1',
        choices: [{ index: 0, delta: { content: 'Hi' }, finish_reason: null }] }],
      [null, '[DONE]'],
    ] }),
  });
  const openai = client(await gateway.token('agent', '--total-limit', '10'));
  const stream = await openai.chat.completions.create(ask({ stream: true }));
  await assert.rejects((async () => {
    for await (const chunk of stream) assert.ok(chunk);
  })());
  assert.equal(other.calls.length, 0);
});

test('a token has rules of its own; in observe nothing is changed', async (t) => {
  const { provider, gateway, client } = await shop(t, {
    routing: { lowStakes: 'small-1' },
    config: { policies: { cheap: { routing: { lowStakes: 'tiny-1' } } } },
  });
  const low = { headers: { 'x-satgate-stakes': 'low' } };
  const cheap = client(await gateway.token('cheap', '--total-limit', '10'));
  assert.equal((await create(cheap, ask(), low)).data.model, 'tiny-1');

  const watching = await startGateway(t, { config: {
    mode: 'observe',
    upstreams: { main: { kind: 'openai', url: `${provider.url}/v1`, credential: 'passthrough' } },
    models: PRICES,
    routing: { lowStakes: 'small-1' },
  } });
  const openai = new OpenAI({ apiKey: 'sk-own', baseURL: `${watching.url}/v1` });
  assert.equal((await create(openai, ask(), low)).data.model, 'best-1');
});

test('config check names what routing leads to and is not there', async (t) => {
  const { gateway } = await shop(t, {});
  const check = async (routing) => {
    writeFileSync(gateway.file, JSON.stringify({
      version: 1,
      upstreams: {
        main: { kind: 'openai', url: 'http://127.0.0.1:1/v1', credential: 'k' },
        site: { kind: 'http', url: 'http://127.0.0.1:1' },
        claude: { kind: 'anthropic', url: 'http://127.0.0.1:1', credential: 'k' },
      },
      models: PRICES,
      routing,
    }));
    return gateway.cli('config', 'check', gateway.file);
  };
  const { code, said } = await check({
    lowStakes: { use: 'nobody-1', inputBelow: 5 },
    onBudgetBelow: { '20%': 'small-2', 'half': 'small-1' },
    fallbacks: { 'best-1': [{ upstream: 'gone' }, { upstream: 'site' }, {}] },
  });
  assert.equal(code, 1);
  assert.match(said, /routing\.lowStakes\.inputBelow: .*belong together/);
  assert.match(said, /routing\.onBudgetBelow\.half: must be a share of the budget/);
  assert.match(said, /routing\.fallbacks\.best-1: each fallback needs a model, an upstream/);
  const second = await check({
    lowStakes: 'nobody-1',
    onBudgetBelow: { '20%': 'small-2' },
    fallbacks: { 'best-1': [{ upstream: 'gone' }, { upstream: 'site' }, { upstream: 'claude' }] },
  });
  assert.match(second.said, /routing\.fallbacks\.best-1: no other upstream is of the kind/);
  assert.match(second.said, /routing\.lowStakes: there is no price for the model 'nobody-1'/);
  assert.match(second.said, /routing\.onBudgetBelow\.20%: there is no price for .*'small-2'/);
  assert.match(second.said, /routing\.fallbacks\.best-1: there is no upstream 'gone'/);
  assert.match(second.said, /routing\.fallbacks\.best-1: upstream 'site' is no LLM provider/);
});
