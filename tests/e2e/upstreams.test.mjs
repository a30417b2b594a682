// Base URLs and credentials as providers of OpenAI's API write them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import { startGateway } from './gateway.mjs';
import { startProvider } from './provider.mjs';

const answer = ({ body }) => ({ json: { id: 'c', object: 'chat.completion', created: 1,
  model: body.model, usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'Hi' } }],
} });

for (const [name, base, credential, field, value] of [
  ['OpenAI, vLLM, Ollama', '/v1', 'sk-1', 'authorization', 'Bearer sk-1'],
  ['OpenRouter', '/api/v1', 'sk-or-1', 'authorization', 'Bearer sk-or-1'],
  ['Azure', '/openai/v1', 'api-key: az-1', 'api-key', 'az-1'],
  ['a final slash', '/api/v1/', 'sk-1', 'authorization', 'Bearer sk-1'],
  ['no path at all', '', 'sk-1', 'authorization', 'Bearer sk-1'],
]) {
  test(`${name}: the agent's paths lead to the base URL`, async (t) => {
    const provider = await startProvider(t, answer);
    const gateway = await startGateway(t, { config: {
      upstreams: { llm: { kind: 'openai', url: provider.url + base, credential,
        headers: { 'HTTP-Referer': 'https://example.com' } } },
      models: { 'vendor/model-1': { input: 1, output: 2 } },
    } });
    const openai = new OpenAI({ apiKey: await gateway.token('agent', '--total-limit', '1'),
      baseURL: `${gateway.url}/v1`, maxRetries: 0, defaultQuery: { 'api-version': 'preview' } });
    await openai.chat.completions.create({ model: 'vendor/model-1', max_tokens: 10,
      messages: [{ role: 'user', content: 'Hi' }] });
    const [{ path, headers }] = provider.calls;
    assert.equal(path, `${base.replace(/\/$/, '')}/chat/completions?api-version=preview`);
    assert.equal(headers[field], value);
    assert.equal(headers['http-referer'], 'https://example.com');
    assert.doesNotMatch(JSON.stringify(headers), /sg_/, 'the token stays here');
    assert.equal(await gateway.spent('agent'), (5 * 1 + 2 * 2) / 1e6);
  });
}

test('a server that knows only max_tokens is told by that name', async (t) => {
  const provider = await startProvider(t, answer);
  const gateway = await startGateway(t, { config: {
    upstreams: { llm: { kind: 'openai', url: `${provider.url}/v1`, maxTokensField: 'max_tokens' } },
    models: { 'local-1': { input: 1, output: 2, maxOutput: 700 } },
  } });
  const openai = new OpenAI({ apiKey: await gateway.token('agent', '--total-limit', '1'),
    baseURL: `${gateway.url}/v1` });
  await openai.chat.completions.create({ model: 'local-1',
    messages: [{ role: 'user', content: 'Hi' }] });
  assert.equal(provider.calls[0].body.max_tokens, 700);
  assert.equal(provider.calls[0].body.max_completion_tokens, undefined);
});

test('stored conversations are refused where the config says so', async (t) => {
  const provider = await startProvider(t, answer);
  const gateway = await startGateway(t, { config: {
    upstreams: { llm: { kind: 'openai', url: `${provider.url}/v1`,
      storedConversations: 'refuse' } },
    models: { 'model-1': { input: 1, output: 2, context: 1000 } },
  } });
  const openai = new OpenAI({ apiKey: await gateway.token('agent', '--total-limit', '1'),
    baseURL: `${gateway.url}/v1`, maxRetries: 0 });
  await assert.rejects(openai.responses.create({ model: 'model-1', input: 'Hi',
    previous_response_id: 'resp_1' }), { status: 503, code: 'price_unknown',
    message: /stored conversation/ });
  assert.equal(provider.calls.length, 0);
});

test('an answer is not clamped below the floor of the config', async (t) => {
  const provider = await startProvider(t, answer);
  const gateway = await startGateway(t, { config: {
    upstreams: { llm: { kind: 'openai', url: `${provider.url}/v1` } },
    models: { 'model-1': { input: 0, output: 1000 } },
    limits: { outputTokensMin: 50, outputTokensDefault: 600 },
  } });
  const chat = async (name, limit, extra = {}) => new OpenAI({
    apiKey: await gateway.token(name, '--total-limit', limit), baseURL: `${gateway.url}/v1`,
    maxRetries: 0 }).chat.completions.create({ model: 'model-1',
    messages: [{ role: 'user', content: 'Hi' }], ...extra });
  await chat('fifty', '0.05', { max_tokens: 400 });
  assert.equal(provider.calls[0].body.max_tokens, 50);
  await assert.rejects(chat('less', '0.049', { max_tokens: 400 }), { status: 402 });
  await chat('few', '0.02', { max_tokens: 20 });
  await chat('rich', '1');
  assert.equal(provider.calls[2].body.max_completion_tokens, 600);
});
