// What is held for an LLM call: counted where bytes are too coarse, and never passed by a stream.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { eventually, startGateway } from './gateway.mjs';
import { startProvider } from './provider.mjs';

const PRICE = { input: 10, output: 100, maxOutput: 4000 };

async function shop(t, answer, { upstream = {}, config = {} } = {}) {
  const provider = await startProvider(t, answer);
  const gateway = await startGateway(t, { config: {
    upstreams: { openai: { kind: 'openai', url: `${provider.url}/v1`, credential: 'key',
      countTokens: true, ...upstream } },
    models: { 'gpt-4o': PRICE, 'local-1': PRICE },
    ...config,
  } });
  const client = (token) => new OpenAI({ apiKey: token, baseURL: `${gateway.url}/v1`,
    maxRetries: 0 });
  return { provider, gateway, client };
}

// 1,800 bytes, 401 tokens
const prompt = 'The quick brown fox jumps over the lazy dog. '.repeat(40);
const ask = (extra = {}) => ({ model: 'gpt-4o', max_tokens: 10,
  messages: [{ role: 'user', content: prompt }], ...extra });
const usage = { prompt_tokens: 408, completion_tokens: 10, total_tokens: 418 };
const whole = ({ body }) => ({ json: { id: 'c', object: 'chat.completion', created: 1,
  model: body.model, usage,
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'Hi' } }],
} });

test('a call that does not fit by its bytes is held by its tokens', async (t) => {
  const { provider, gateway, client } = await shop(t, whole);
  // 1,870 bytes would take 0.0187 and more; 430 tokens and 10 of output take 0.0053.
  const openai = client(await gateway.token('agent', '--total-limit', '0.006'));
  await openai.chat.completions.create(ask());
  assert.equal(provider.calls[0].body.max_tokens, 10, 'nothing was cut from the answer');
  assert.equal(await gateway.spent('agent'), (408 * 10 + 10 * 100) / 1e6);
  const [event] = (await gateway.events()).filter((e) => e.event === 'call');
  assert.ok(event.quote < 0.006 && event.quote >= (408 * 10 + 10 * 100) / 1e6, `${event.quote}`);
});

test('bytes are all there is for other models, upstreams, and what may add tokens', async (t) => {
  const { gateway, client } = await shop(t, whole);
  const openai = client(await gateway.token('agent', '--total-limit', '0.006'));
  for (const body of [ask({ model: 'local-1' }),
    ask({ tools: [{ type: 'function', function: { name: 'f' } }] }),
    ask({ response_format: { type: 'json_object' } })]) {
    await assert.rejects(openai.chat.completions.create(body), { status: 402 });
  }
  const other = await shop(t, whole, { upstream: { countTokens: false } });
  const second = other.client(await other.gateway.token('agent', '--total-limit', '0.006'));
  await assert.rejects(second.chat.completions.create(ask()), { status: 402 });
});

test('where plenty is left nothing is counted: the bytes are held', async (t) => {
  const { gateway, client } = await shop(t, whole);
  await client(await gateway.token('agent', '--total-limit', '10')).chat.completions.create(ask());
  const [event] = (await gateway.events()).filter((e) => e.event === 'call');
  assert.ok(event.quote > 0.018, `${event.quote}`);
});

function runaway(words, { final = false } = {}) {
  const chunk = (extra) => [null, { id: 'c', object: 'chat.completion.chunk', created: 1,
    model: 'gpt-4o', ...extra }];
  const says = (content) => chunk({ choices: [{ index: 0, delta: { content },
    finish_reason: null }] });
  const end = final ? [chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'length' }] }),
    chunk({ choices: [], usage: { ...usage, completion_tokens: words } }), [null, '[DONE]']] : [];
  return { pauseMs: 1, events: [...Array(words).fill(says(' word')), ...end] };
}

async function read(stream) {
  let text = '';
  let reason = null;
  try {
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      reason = chunk.choices[0]?.finish_reason ?? reason;
    }
  } catch (error) {
    return { text, reason, error };
  }
  return { text, reason };
}

test('a stream that goes past its reservation is ended, and a person has to look', async (t) => {
  for (const [streamEnd, model] of [['error', 'gpt-4o'], ['length', 'gpt-4o']]) {
    const { provider, gateway, client } = await shop(t, () => runaway(3000),
      { config: { denials: { streamEnd } } });
    const openai = client(await gateway.token('agent', '--total-limit', '10'));
    const { text, reason, error } = await read(await openai.chat.completions.create(
      ask({ model, max_tokens: 100, stream: true })));
    const words = text.split(' ').length - 1;
    assert.ok(words >= 100 && words < 400, `${words}`);
    if (streamEnd === 'error') assert.equal(error.code, 'budget_exceeded');
    else assert.deepEqual([reason, error], ['length', undefined]);
    await eventually('the upstream is cut off', () => provider.calls[0].gone);
    const [event] = (await gateway.events()).filter((e) => e.event === 'call');
    assert.equal(event.usage_missing, true);
    assert.match(event.detail, /past the output that was reserved/);
    assert.equal(event.cost, event.quote, 'never more than was held');
    await assert.rejects(openai.chat.completions.create(ask()), { status: 403 });
  }
});

test('observe ends no stream', async (t) => {
  const { client } = await shop(t, () => runaway(400, { final: true }),
    { config: { mode: 'observe' } });
  const { text, error } = await read(await client('sk-own').chat.completions.create(
    ask({ max_tokens: 100, stream: true })));
  assert.deepEqual([text.split(' ').length - 1, error], [400, undefined]);
});

test('a stream that keeps its bound is not touched, up to the last token', async (t) => {
  const { gateway, client } = await shop(t, () => runaway(100, { final: true }));
  const openai = client(await gateway.token('agent', '--total-limit', '10'));
  const { text, reason, error } = await read(await openai.chat.completions.create(
    ask({ max_tokens: 100, stream: true })));
  assert.deepEqual([text.split(' ').length - 1, reason, error], [100, 'length', undefined]);
  assert.equal(await gateway.spent('agent'), (408 * 10 + 100 * 100) / 1e6);
});

test('an upstream that counts for itself is believed at once', async (t) => {
  const provider = await startProvider(t, () => ({ pauseMs: 1, events: [
    ['message_start', { type: 'message_start', message: { id: 'm', type: 'message',
      role: 'assistant', model: 'claude-x', content: [], stop_reason: null, stop_sequence: null,
      usage: { input_tokens: 10, output_tokens: 1 } } }],
    ['content_block_start', { type: 'content_block_start', index: 0,
      content_block: { type: 'text', text: '' } }],
    ...Array.from({ length: 500 }, (_, i) => (i % 10 ? ['content_block_delta', {
      type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: ' word' } }] :
      ['message_delta', { type: 'message_delta', delta: {}, usage: { output_tokens: i } }])),
  ] }));
  const gateway = await startGateway(t, { config: {
    upstreams: { anthropic: { kind: 'anthropic', url: provider.url, credential: 'key' } },
    models: { 'claude-x': PRICE }, denials: { streamEnd: 'length' },
  } });
  const client = new Anthropic({ apiKey: await gateway.token('agent', '--total-limit', '10'),
    baseURL: gateway.url, maxRetries: 0 });
  const message = await client.messages.stream({ model: 'claude-x', max_tokens: 50,
    messages: [{ role: 'user', content: 'Hi' }] }).finalMessage();
  assert.equal(message.stop_reason, 'max_tokens');
  const words = message.content[0].text.split(' ').length - 1;
  assert.ok(words > 40 && words < 70, `${words}`);
});

test('no way out is offered that the token may not pay for in one call', async (t) => {
  const { gateway, client } = await shop(t, whole,
    { config: { models: { large: { cost: 3 }, middle: { cost: 2 } } } });
  const refuse = async (name, limit) => {
    const openai = client(await gateway.token(name, '--total-limit', '10', '--call-limit', limit));
    try {
      await openai.chat.completions.create(ask({ model: 'large' }));
    } catch (error) {
      assert.equal(error.code, 'request_exceeds_budget');
      return error.error.cheapest_alternative;
    }
    return assert.fail('was not refused');
  };
  assert.deepEqual(await refuse('two', '2'), { model: 'middle', cost: 2 });
  assert.equal(await refuse('less', '1.5'), undefined);
});
