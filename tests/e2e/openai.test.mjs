// The official `openai` client through the gateway (article [1]; llm-API rules of CONTRACT.md).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';
import { bearer, call, startGateway } from './gateway.mjs';
import { startProvider } from './provider.mjs';
import { DEMO_KEY, llmShop } from './shops.mjs';

// What the demo upstream makes of the first model of the built-in table is priced per token; the
// tests never write a price down, they compare what was charged with the same call's own charge.
const MODEL = 'gpt-4o-mini';

function client(gateway, token, options = {}) {
  return new OpenAI({ apiKey: token, baseURL: `${gateway.url}/v1`, ...options });
}

function ask(content, extra = {}) {
  return { model: MODEL, messages: [{ role: 'user', content }], ...extra };
}

async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return assert.fail('was not refused');
}

test('a completion is charged for the tokens it used', async (t) => {
  const { llm, gateway } = await llmShop(t);
  const token = await gateway.token('dev-token', '--daily-limit', '10', '--upstream', 'openai');
  const openai = client(gateway, token);
  const { data, response } = await openai.chat.completions
    .create(ask('Hello demo:tokens=30', { max_tokens: 100 })).withResponse();
  assert.equal(data.usage.completion_tokens, 30);
  assert.equal(data.choices[0].finish_reason, 'stop');
  assert.ok(response.headers.get('x-request-id'));

  const spent = await gateway.spent('dev-token');
  assert.ok(spent > 0 && spent < 0.01, `${spent}`);
  const stats = await llm.stats();
  assert.equal(stats.calls, 1);
  assert.deepEqual(stats.credentials, { [`Bearer ${DEMO_KEY}`]: 1 });
});

test('more output costs more, and a stream costs what the same call costs whole', async (t) => {
  const { gateway } = await llmShop(t);
  const charge = async (name, body) => {
    const token = await gateway.token(name, '--total-limit', '10');
    const answer = await client(gateway, token).chat.completions.create(body);
    if (body.stream) for await (const chunk of answer) assert.ok(chunk);
    return gateway.spent(name);
  };
  const small = await charge('small', ask('Hi demo:tokens=50', { max_tokens: 200 }));
  const large = await charge('large', ask('Hi demo:tokens=99', { max_tokens: 200 }));
  const stream = await charge('stream',
    ask('Hi demo:tokens=50', { max_tokens: 200, stream: true }));
  assert.ok(large > small);
  assert.equal(stream, small);
});

test('streaming: the usage chunk is hidden from those who did not ask for it', async (t) => {
  const { gateway } = await llmShop(t);
  const token = await gateway.token('agent', '--total-limit', '10');
  const stream = await client(gateway, token).chat.completions
    .create(ask('Hello demo:tokens=20', { max_tokens: 100, stream: true }));
  let text = '';
  for await (const chunk of stream) {
    assert.equal(chunk.choices.length, 1, 'every chunk can be indexed with choices[0]');
    assert.ok(!('usage' in chunk) || chunk.usage === undefined, 'no usage field');
    text += chunk.choices[0].delta.content ?? '';
  }
  assert.equal(text.split(' ').length, 20);
  assert.ok(await gateway.spent('agent') > 0);
});

test('streaming: who asks for usage gets it, once', async (t) => {
  const { gateway } = await llmShop(t);
  const token = await gateway.token('agent', '--total-limit', '10');
  const stream = await client(gateway, token).chat.completions.create(ask('Hello demo:tokens=20',
    { max_tokens: 100, stream: true, stream_options: { include_usage: true } }));
  const usages = [];
  for await (const chunk of stream) if (chunk.usage) usages.push(chunk.usage);
  assert.equal(usages.length, 1);
  assert.equal(usages[0].completion_tokens, 20);
});

test('a used-up hourly limit is the refusal of the article, and exactly one call', async (t) => {
  const { llm, gateway } = await llmShop(t);
  const token = await gateway.token('priority-token', '--daily-limit', '500', '--hourly-limit', '3',
    '--upstream', 'openai');
  const openai = client(gateway, token); // with the client's own retries on
  for (let i = 0; i < 3; i++) {
    await openai.chat.completions.create({ ...ask('Hello'), model: 'demo-flat' });
  }
  const before = (await gateway.events()).length;
  const error = await refusal(
    openai.chat.completions.create({ ...ask('Hello'), model: 'demo-flat' }));
  assert.equal(error.status, 429);
  assert.equal(error.headers.get('x-should-retry'), 'false');
  assert.equal(error.type, 'budget_exceeded');
  assert.equal(error.code, 'budget_exceeded');
  assert.equal(error.error.message, 'Hourly budget limit exceeded');
  assert.equal(error.error.limit, 3);
  assert.equal(error.error.spent, 3);
  assert.match(error.error.resets_at, /^\d{4}-\d\d-\d\dT\d\d:00:00Z$/);
  assert.equal((await llm.stats()).calls, 3);
  assert.equal((await gateway.events()).length, before + 1, 'the client did not retry');
});

test('money that is gone for good is 402, and exactly one call', async (t) => {
  const { llm, gateway } = await llmShop(t);
  const token = await gateway.token('agent', '--total-limit', '2');
  const openai = client(gateway, token);
  for (let i = 0; i < 2; i++) {
    await openai.chat.completions.create({ ...ask('Hello'), model: 'demo-flat' });
  }
  const started = Date.now();
  const error = await refusal(
    openai.chat.completions.create({ ...ask('Hello'), model: 'demo-flat' }));
  assert.equal(error.status, 402);
  assert.equal(error.code, 'budget_exhausted');
  assert.equal(error.error.required_credits, 1);
  assert.ok(Date.now() - started < 400, 'no retry with back-off');
  assert.equal((await llm.stats()).calls, 2);
});

test('a model the token may not use is refused by name', async (t) => {
  const { llm, gateway } = await llmShop(t);
  const token = await gateway.token('marketing-automation', '--daily-limit', '100',
    '--model', 'gpt-3.5-turbo');
  const openai = client(gateway, token);
  await openai.chat.completions.create(ask('Hi', { model: 'gpt-3.5-turbo', max_tokens: 10 }));
  const error = await refusal(openai.chat.completions.create(ask('Hi', { model: 'gpt-4' })));
  assert.equal(error.status, 403);
  assert.equal(error.code, 'model_denied');
  assert.deepEqual(Object.keys((await llm.stats()).models), ['gpt-3.5-turbo']);
});

test('a model without a price is refused', async (t) => {
  const { llm, gateway } = await llmShop(t);
  const token = await gateway.token('agent', '--total-limit', '100');
  const error = await refusal(
    client(gateway, token).chat.completions.create(ask('Hi', { model: 'nobody-knows-me' })));
  assert.equal(error.status, 503);
  assert.equal(error.code, 'price_unknown');
  assert.equal((await llm.stats()).calls, 0);
});

test('the model that decides is the one the upstream reads: no duplicate keys', async (t) => {
  const { llm, gateway } = await llmShop(t);
  const token = await gateway.token('agent', '--total-limit', '100', '--model', MODEL);
  const body = `{"model":"${MODEL}","messages":[{"role":"user","content":"x"}],"model":"gpt-4"}`;
  const response = await call(`${gateway.url}/v1/chat/completions`, {
    method: 'POST', headers: bearer(token), body,
  });
  assert.ok(response.status >= 400, `${response.status}`);
  assert.equal((await llm.stats()).calls, 0);
});

test('a stream that the upstream cuts is never free', async (t) => {
  const { gateway } = await llmShop(t);
  const token = await gateway.token('agent', '--total-limit', '10');
  const stream = await client(gateway, token).chat.completions
    .create(ask('Hello demo:tokens=40 demo:cut=1', { max_tokens: 100, stream: true }));
  let chunks = 0;
  const error = await refusal((async () => {
    for await (const chunk of stream) chunks += chunk.choices.length;
  })());
  assert.ok(error, 'a cut is seen as a cut');
  assert.ok(chunks > 0);
  assert.ok(await gateway.spent('agent') > 0);
});

test('a client that leaves in the middle of a stream still pays', async (t) => {
  const { llm, gateway } = await llmShop(t);
  const token = await gateway.token('agent', '--total-limit', '10');
  const stream = await client(gateway, token).chat.completions.create(
    ask('Hello demo:tokens=200 demo:pause=10', { max_tokens: 300, stream: true }));
  for await (const chunk of stream) {
    assert.ok(chunk);
    break;
  }
  stream.controller.abort();
  const until = Date.now() + 10_000;
  let spent = 0;
  while (spent === 0 && Date.now() < until) spent = await gateway.spent('agent');
  assert.ok(spent > 0);
  assert.equal((await llm.stats()).calls, 1);
});

test('an answer without usage is charged its bound, not zero', async (t) => {
  const { gateway } = await llmShop(t);
  const charge = async (name, content) => {
    const token = await gateway.token(name, '--total-limit', '10');
    await client(gateway, token).chat.completions.create(ask(content, { max_tokens: 100 }));
    return gateway.spent(name);
  };
  const honest = await charge('honest', 'Hello demo:tokens=10 demo:nothing=1');
  const silent = await charge('silent', 'Hello demo:tokens=10 demo:nousage=1');
  assert.ok(silent > honest, `${silent} > ${honest}`);
});

test('an upstream that reports more than was reserved blocks the account', async (t) => {
  const { gateway } = await llmShop(t);
  const token = await gateway.token('agent', '--total-limit', '10');
  const openai = client(gateway, token, { maxRetries: 0 });
  await openai.chat.completions.create(ask('Hello demo:tokens=10 demo:lie=1', { max_tokens: 20 }));
  const error = await refusal(openai.chat.completions.create(ask('Hello', { max_tokens: 20 })));
  assert.equal(error.code, 'account_blocked');
  assert.ok((await gateway.events()).some((event) => event.event === 'overrun'));
});

test('where the bound does not fit, max_tokens is clamped and this is disclosed', async (t) => {
  const { gateway } = await llmShop(t, {
    models: { 'demo-tokens': { input: 1000, output: 100000, maxOutput: 4096 } },
  });
  // 100000 credits per million output tokens: a tenth of a credit a token.
  const token = await gateway.token('agent', '--total-limit', '5');
  const { data, response } = await client(gateway, token).chat.completions
    .create(ask('Hi demo:tokens=1000', { model: 'demo-tokens', max_tokens: 2000 })).withResponse();
  const clamped = Number(response.headers.get('x-satgate-clamped-max-tokens'));
  assert.ok(clamped > 0 && clamped < 50, `${clamped}`);
  assert.equal(data.usage.completion_tokens, clamped);
  assert.equal(data.choices[0].finish_reason, 'length');
  assert.ok(await gateway.spent('agent') <= 5);
});

test('models can be listed without cost', async (t) => {
  const { gateway } = await llmShop(t);
  const token = await gateway.token('agent', '--total-limit', '1');
  const models = await client(gateway, token).models.list();
  assert.ok(models.data.some((model) => model.id === MODEL));
  assert.equal(await gateway.spent('agent'), 0);
});

test('what a provider sells besides is refused until it has a price', async (t) => {
  const { llm, gateway } = await llmShop(t);
  const token = await gateway.token('agent', '--total-limit', '10');
  for (const [method, path] of [['POST', '/v1/images/generations'], ['POST', '/v1/files'],
    ['POST', '/v1/batches'], ['POST', '/v1/responses/compact'],
    ['POST', '/v1/chat/completions/x']]) {
    const response = await call(gateway.url + path, { method, headers: bearer(token),
      ...(method === 'POST' && { body: { model: MODEL } }) });
    assert.deepEqual([path, response.status, response.json.error.code],
      [path, 503, 'price_unknown']);
    assert.equal(response.headers['x-should-retry'], 'false');
  }
  assert.equal((await llm.stats()).calls, 0);
  assert.equal((await gateway.events('&decision=deny')).length, 5, 'each is an event');
});

// An upstream that plays back what the test writes down.
async function recorded(t, answer, { upstreams, ...config } = {}) {
  const provider = await startProvider(t, answer);
  const gateway = await startGateway(t, { config: {
    upstreams: { ...upstreams,
      openai: { kind: 'openai', url: `${provider.url}/v1`, credential: DEMO_KEY } },
    models: { 'demo-model': { input: 2, output: 8 } },
    ...config,
  } });
  return { provider, gateway };
}

test('a price for a path opens it', async (t) => {
  const { provider, gateway } = await recorded(t, () => ({ json: { data: [{ url: 'x' }] } }),
    { endpoints: { '/v1/images/generations': { cost: 2 } } });
  const token = await gateway.token('agent', '--total-limit', '3');
  const openai = client(gateway, token);
  const picture = () => openai.images.generate({ model: 'gpt-image-1', prompt: 'a cat' });
  assert.equal((await picture()).data[0].url, 'x');
  const error = await refusal(picture());
  assert.deepEqual([error.status, error.code], [402, 'budget_exhausted']);
  assert.equal(await gateway.spent('agent'), 2);
  assert.equal(provider.calls.length, 1);
});

test('a pattern opens nothing of a provider: it was written for something else', async (t) => {
  const api = await startProvider(t, () => ({ json: {} }));
  const { provider, gateway } = await recorded(t, () => ({ json: {} }), {
    endpoints: { '/*': { cost: 0 }, '/v1/*': { cost: 0 }, '/v1/files': { cost: 1 } },
    upstreams: { api: { kind: 'http', url: api.url } },
  });
  const token = await gateway.token('agent', '--total-limit', '10');
  const post = (path) => call(gateway.url + path, { method: 'POST', headers: bearer(token),
    body: { model: 'gpt-4' } });
  for (const path of ['/v1/batches', '/v1/chat/completions/', '/v1/images/generations',
    '/v1/files/']) {
    const answer = await post(path);
    assert.deepEqual([path, answer.status, answer.json.error.code], [path, 503, 'price_unknown']);
  }
  assert.equal(provider.calls.length, 0);
  assert.equal((await post('/v1/files')).status, 200, 'its own price opens it');
  assert.equal((await post('/other')).status, 200, 'and the pattern serves what it is for');
});

test('an upstream that goes on after the end of its answer holds nobody up', async (t) => {
  const usage = { prompt_tokens: 4, completion_tokens: 2, total_tokens: 6 };
  const chunk = (more) => [null, { id: 'c', object: 'chat.completion.chunk', created: 1,
    model: 'demo-model', ...more }];
  const { gateway } = await recorded(t, () => ({ endless: `: ${'x'.repeat(64_000)}\n\n`, events: [
    chunk({ choices: [{ index: 0, delta: { content: 'Hi' }, finish_reason: 'stop' }] }),
    chunk({ choices: [], usage }), [null, '[DONE]']] }));
  const token = await gateway.token('agent', '--total-limit', '10');
  const stream = await client(gateway, token, { timeout: 20_000 }).chat.completions
    .create({ ...ask('Hi', { max_tokens: 9, stream: true }), model: 'demo-model' });
  let text = '';
  for await (const part of stream) text += part.choices[0].delta.content;
  assert.equal(text, 'Hi');
  assert.equal(await gateway.spent('agent'), (4 * 2 + 2 * 8) / 1e6);
});

test('embeddings cost what their input has of tokens', async (t) => {
  const { provider, gateway } = await recorded(t, () => ({ json: { object: 'list',
    model: 'demo-model', data: [{ object: 'embedding', index: 0, embedding: [0.5] }],
    usage: { prompt_tokens: 6, total_tokens: 6 } } }));
  const token = await gateway.token('agent', '--total-limit', '10');
  const { data } = await client(gateway, token).embeddings.create({ model: 'demo-model',
    input: ['some words', 'and more'], encoding_format: 'float' });
  assert.deepEqual(data[0].embedding, [0.5]);
  assert.equal(await gateway.spent('agent'), 6 * 2 / 1e6);
  assert.equal(provider.calls[0].path, '/v1/embeddings');
  const poor = await gateway.token('poor', '--total-limit', '0.0001');
  const error = await refusal(client(gateway, poor).embeddings.create({ model: 'demo-model',
    input: 'x'.repeat(1000) }));
  assert.deepEqual([error.status, error.code], [402, 'request_exceeds_budget']);
  assert.equal(provider.calls.length, 1);
});

test('completions of prompts: each has its answers, the default bound is written', async (t) => {
  const usage = { prompt_tokens: 4, completion_tokens: 20, total_tokens: 24 };
  const { provider, gateway } = await recorded(t, ({ body }) => {
    const text = (index, extra) => ({ id: 'cmpl-1', object: 'text_completion', created: 1,
      model: 'demo-model', choices: [{ index, text: 'word', logprobs: null, ...extra }] });
    if (!body.stream) return { json: { ...text(0, { finish_reason: 'stop' }), usage } };
    return { events: [[null, text(0, { finish_reason: null })], [null, text(0,
      { finish_reason: 'stop' })], [null, { ...text(0), choices: [], usage }], [null, '[DONE]']] };
  });
  const token = await gateway.token('agent', '--total-limit', '10');
  const openai = client(gateway, token);
  await openai.completions.create({ model: 'demo-model', prompt: ['a', 'b'], n: 2 });
  assert.equal(provider.calls[0].body.max_tokens, 16);
  const one = await gateway.spent('agent');
  assert.equal(one, (4 * 2 + 20 * 8) / 1e6);
  let text = '';
  for await (const chunk of await openai.completions.create({ model: 'demo-model', prompt: 'a',
    max_tokens: 30, stream: true })) text += chunk.choices[0].text;
  assert.equal(text, 'wordword');
  assert.equal(provider.calls[1].body.stream_options.include_usage, true);
  assert.equal(await gateway.spent('agent'), 2 * one);
});

test('the loop of the article stops at the hourly limit, with its error', async (t) => {
  const { provider, gateway } = await recorded(t, () => ({ json: { choices: [] } }),
    { models: { 'gpt-4': { cost: 12.5 } }, limits: { bodyBytes: 200_000_000 } });
  const token = await gateway.token('priority-token', '--daily-limit', '500',
    '--hourly-limit', '50', '--upstream', 'openai');
  const openai = client(gateway, token);
  const document = 'word '.repeat(20_000_000); // Bug: 100 MB
  const errors = [];
  for (let i = 0; i < 6; i++) { // the article's goes on for ever
    try {
      const answer = await openai.chat.completions.create({ model: 'gpt-4', messages: [
        { role: 'system', content: 'Extract entities from document' },
        { role: 'user', content: document }] });
      assert.ok(answer.choices[0].message); // throws: there is none
    } catch (error) {
      errors.push(error);
    }
  }
  assert.equal(provider.calls.length, 4, '50 / 12.50');
  assert.equal(errors.length, 6);
  for (const error of errors.slice(4)) {
    assert.equal(error.status, 429);
    const { type, message, limit, spent, resets_at } = error.error;
    assert.deepEqual({ type, message, limit, spent }, { type: 'budget_exceeded',
      message: 'Hourly budget limit exceeded', limit: 50, spent: 50 });
    assert.match(resets_at, /:00:00Z$/);
  }
  assert.equal(await gateway.spent('priority-token'), 50);
});

// What the provider bills is the truth here; the gateway must never let it pass the cap.
for (const clients of [64, 256]) {
  test(`${clients} clients that stream at once use up a cap, and no more`, async (t) => {
    const served = { nano: 0, calls: 0 };
    const { gateway } = await recorded(t, ({ body }) => {
      const wanted = 20 + served.calls++ * 37 % 180;
      const output = Math.min(wanted, body.max_completion_tokens ?? body.max_tokens);
      const usage = { prompt_tokens: 10, completion_tokens: output, total_tokens: 10 + output };
      served.nano += 10 * 2_000 + output * 8_000;
      const chunk = (choices, extra = {}) => [null, { id: 'c', object: 'chat.completion.chunk',
        created: 1, model: 'demo-model', choices, ...extra }];
      return { pauseMs: 2, events: [
        chunk([{ index: 0, delta: { content: 'word '.repeat(output) }, finish_reason: null }]),
        chunk([{ index: 0, delta: {}, finish_reason: 'stop' }]),
        chunk([], { usage }), [null, '[DONE]']] };
    });
    const cap = 0.5;
    const token = await gateway.token('agent', '--total-limit', String(cap));
    const openai = client(gateway, token, { maxRetries: 0 });
    const refusals = {};
    const spend = async () => {
      while (true) {
        try {
          const stream = await openai.chat.completions.create({ ...ask('Hi', { max_tokens: 200,
            stream: true }), model: 'demo-model' });
          for await (const chunk of stream) assert.ok(chunk);
        } catch (error) {
          refusals[error.code] = (refusals[error.code] ?? 0) + 1;
          if (error.code !== 'budget_in_flight') return error.code;
          await sleep(100);
        }
      }
    };
    const ends = await Promise.all(Array.from({ length: clients }, spend));
    for (const end of ends) assert.match(end, /budget_exhausted|request_exceeds_budget/);
    assert.ok(served.nano <= cap * 1e9, `${served.nano} of ${cap * 1e9}`);
    assert.ok(served.nano >= 0.9 * cap * 1e9, `${served.nano} of ${cap * 1e9} were usable`);
    assert.equal(Math.round(await gateway.spent('agent') * 1e9), served.nano);
  });
}
