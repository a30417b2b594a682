// Frameworks that people build agents with, unmodified: a base URL and a key are all they are told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai';
import { startGateway } from './gateway.mjs';
import { startProvider } from './provider.mjs';

const MODEL = 'demo-model';
const PRICE = { input: 2, cachedInput: 0.5, output: 8 }; // credits for a million tokens
const USAGE = { prompt_tokens: 40, completion_tokens: 12, total_tokens: 52,
  prompt_tokens_details: { cached_tokens: 30 },
  completion_tokens_details: { reasoning_tokens: 5 } };
const COST = (10 * 2 + 30 * 0.5 + 12 * 8) / 1e6; // of one answer with that usage

const head = (object) => ({ id: 'chatcmpl-1', object, created: 1_760_000_000, model: MODEL });
const CALL = { id: 'call_1', type: 'function',
  function: { name: 'weather', arguments: '{"city":"Paris"}' } };

function whole(message, reason = 'stop') {
  return { json: { ...head('chat.completion'), usage: USAGE, choices: [{ index: 0,
    message: { role: 'assistant', content: null, refusal: null, ...message },
    logprobs: null, finish_reason: reason }] } };
}

function streamed(words, asked) {
  const chunk = (delta, reason = null) => [null, { ...head('chat.completion.chunk'),
    choices: [{ index: 0, delta, logprobs: null, finish_reason: reason }],
    ...(asked && { usage: null }) }];
  return { pauseMs: 2, events: [chunk({ role: 'assistant', content: '' }),
    ...words.map((content) => chunk({ content })), chunk({}, 'stop'),
    ...(asked ? [[null, { ...head('chat.completion.chunk'), choices: [], usage: USAGE }]] : []),
    [null, '[DONE]']] };
}

// As a provider answers: with a tool's call, its result, a format, a stream, or numbers.
function openaiAnswer({ path, body }) {
  if (path === '/v1/embeddings') {
    return { json: { object: 'list', model: MODEL, usage: { prompt_tokens: 4, total_tokens: 4 },
      data: [].concat(body.input).map((text, index) => ({ object: 'embedding', index,
        embedding: body.encoding_format === 'base64' ? 'AACAPwAAAEA=' : [1, 2] })) } };
  }
  if (body.stream) return streamed(['Mild', ' and', ' dry.'], body.stream_options?.include_usage);
  if (body.response_format) return whole({ content: '{"city":"Paris"}' });
  if (body.tools && body.messages.at(-1).role !== 'tool') {
    return whole({ tool_calls: [CALL] }, 'tool_calls');
  }
  return whole({ content: 'Mild and dry.' });
}

async function openaiShop(t, limit = '10') {
  const provider = await startProvider(t, openaiAnswer);
  const gateway = await startGateway(t, { config: {
    upstreams: { openai: { kind: 'openai', url: `${provider.url}/v1`, credential: 'sk-demo' } },
    models: { [MODEL]: PRICE } } });
  const token = await gateway.token('agent', '--total-limit', limit);
  return { provider, gateway, token };
}

const near = (actual, wanted) => assert.ok(Math.abs(actual - wanted) < 2e-9,
  `${actual} is not ${wanted}`);

test('AI SDK: an agent with a tool, a stream, and a refusal that is not retried', async (t) => {
  const { provider, gateway, token } = await openaiShop(t);
  const model = createOpenAI({ baseURL: `${gateway.url}/v1`, apiKey: token }).chat(MODEL);
  const weather = tool({ description: 'the weather of a city',
    inputSchema: jsonSchema({ type: 'object', properties: { city: { type: 'string' } } }),
    execute: async ({ city }) => `mild in ${city}` });
  const { text, steps } = await generateText({ model, tools: { weather }, prompt: 'Paris?',
    stopWhen: stepCountIs(3) });
  assert.equal(text, 'Mild and dry.');
  assert.equal(steps.length, 2);
  near(await gateway.spent('agent'), 2 * COST);
  const stream = streamText({ model, prompt: 'Paris?' });
  assert.equal(await stream.text, 'Mild and dry.');
  assert.equal((await stream.usage).outputTokens, 12);
  near(await gateway.spent('agent'), 3 * COST);

  const poor = await gateway.token('poor', '--total-limit', '0.000001');
  const before = provider.calls.length;
  const denied = createOpenAI({ baseURL: `${gateway.url}/v1`, apiKey: poor }).chat(MODEL);
  await assert.rejects(generateText({ model: denied, prompt: 'Paris?' }), (error) => {
    assert.deepEqual([error.statusCode, error.isRetryable], [402, false]);
    assert.equal(JSON.parse(error.responseBody).error.code, 'request_exceeds_budget');
    return true;
  });
  assert.equal(provider.calls.length, before);
  assert.equal((await gateway.events('&decision=deny')).length, 1);
});

test('AI SDK with Anthropic: whole and streamed', async (t) => {
  const usage = { input_tokens: 10, cache_creation_input_tokens: 0, cache_read_input_tokens: 30,
    output_tokens: 12 };
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model: MODEL,
    content: [{ type: 'text', text: 'Mild.' }], stop_reason: 'end_turn', stop_sequence: null,
    usage };
  const event = (type, more) => [type, { type, ...more }];
  const provider = await startProvider(t, ({ body }) => (!body.stream ? { json: message } : {
    events: [event('message_start', { message: { ...message, content: [], stop_reason: null } }),
      event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
      event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'Mild.' } }),
      event('content_block_stop', { index: 0 }),
      event('message_delta', { delta: { stop_reason: 'end_turn', stop_sequence: null },
        usage: { output_tokens: 12 } }),
      event('message_stop', {})] }));
  const gateway = await startGateway(t, { config: {
    upstreams: { anthropic: { kind: 'anthropic', url: provider.url, credential: 'sk-ant-demo' } },
    models: { [MODEL]: PRICE } } });
  const token = await gateway.token('agent', '--total-limit', '10');
  const model = createAnthropic({ baseURL: `${gateway.url}/v1`, apiKey: token })(MODEL);
  assert.equal((await generateText({ model, prompt: 'Paris?' })).text, 'Mild.');
  near(await gateway.spent('agent'), COST);
  assert.equal(await streamText({ model, prompt: 'Paris?' }).text, 'Mild.');
  near(await gateway.spent('agent'), 2 * COST);
});

test('LangChain: a chat, a stream, a format, embeddings', async (t) => {
  const { gateway, token } = await openaiShop(t);
  const configuration = { baseURL: `${gateway.url}/v1` };
  const chat = new ChatOpenAI({ model: MODEL, apiKey: token, configuration });
  const answer = await chat.invoke('Paris?');
  assert.equal(answer.content, 'Mild and dry.');
  assert.equal(answer.usage_metadata.output_tokens, 12);
  near(await gateway.spent('agent'), COST);
  let text = '';
  for await (const chunk of await chat.stream('Paris?')) text += chunk.content;
  assert.equal(text, 'Mild and dry.');
  near(await gateway.spent('agent'), 2 * COST);
  const formatted = chat.withStructuredOutput({ title: 'place', type: 'object',
    properties: { city: { type: 'string' } } }, { method: 'jsonMode' });
  assert.deepEqual(await formatted.invoke('Where? Say it in JSON.'), { city: 'Paris' });
  near(await gateway.spent('agent'), 3 * COST);
  const embeddings = new OpenAIEmbeddings({ model: MODEL, apiKey: token, configuration });
  assert.deepEqual(await embeddings.embedDocuments(['one', 'two']), [[1, 2], [1, 2]]);
  near(await gateway.spent('agent'), 3 * COST + 4 * 2 / 1e6);
});
