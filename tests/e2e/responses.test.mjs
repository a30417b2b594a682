// OpenAI's Responses API through the gateway, with the official client and the AI SDK.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createOpenAI } from '@ai-sdk/openai';
import { generateText, streamText } from 'ai';
import OpenAI from 'openai';
import { startGateway } from './gateway.mjs';
import { startProvider } from './provider.mjs';

const MODEL = 'demo-model';
const PRICE = { input: 2, cachedInput: 0.5, output: 8, context: 10_000 };
const USAGE = { input_tokens: 40, input_tokens_details: { cached_tokens: 30 }, output_tokens: 12,
  output_tokens_details: { reasoning_tokens: 5 }, total_tokens: 52 };
const COST = (10 * 2 + 30 * 0.5 + 12 * 8) / 1e6;

const TEXT = { type: 'output_text', text: 'Mild.', annotations: [], logprobs: [] };
const MESSAGE = { id: 'msg_1', type: 'message', role: 'assistant', status: 'completed',
  content: [TEXT] };

function response(extra = {}) {
  return { id: 'resp_1', object: 'response', created_at: 1_760_000_000, status: 'completed',
    error: null, incomplete_details: null, model: MODEL, output: [MESSAGE], usage: USAGE,
    parallel_tool_calls: true, tools: [], service_tier: 'default', ...extra };
}

// A stream as api.openai.com sends it; `end` is the kind of its last event.
function stream(end = 'response.completed', last = {}) {
  const begun = response({ status: 'in_progress', output: [], usage: null });
  return [
    ['response.created', { response: begun }],
    ['response.output_item.added', { output_index: 0,
      item: { ...MESSAGE, status: 'in_progress', content: [] } }],
    ['response.content_part.added', { item_id: 'msg_1', output_index: 0, content_index: 0,
      part: { ...TEXT, text: '' } }],
    ['response.output_text.delta', { item_id: 'msg_1', output_index: 0, content_index: 0,
      delta: 'Mild.', logprobs: [] }],
    ['response.output_text.done', { item_id: 'msg_1', output_index: 0, content_index: 0,
      text: 'Mild.', logprobs: [] }],
    ['response.output_item.done', { output_index: 0, item: MESSAGE }],
    [end, { response: response(last) }],
  ].map(([type, data], number) => [type, { type, ...data, sequence_number: number }]);
}

async function shop(t, answer, model = PRICE) {
  const provider = await startProvider(t, answer);
  const gateway = await startGateway(t, { config: {
    upstreams: { openai: { kind: 'openai', url: `${provider.url}/v1`, credential: 'sk-demo' } },
    models: { [MODEL]: model } } });
  const client = (apiKey) => new OpenAI({ apiKey, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
  return { provider, gateway, client };
}

const near = (actual, wanted) => assert.ok(Math.abs(actual - wanted) < 2e-9,
  `${actual} is not ${wanted}`);

test('a response is charged for what it used, whole and streamed', async (t) => {
  const { provider, gateway, client } = await shop(t,
    ({ body }) => (body.stream ? { events: stream(), pauseMs: 2 } : { json: response() }));
  const token = await gateway.token('agent', '--total-limit', '10');
  const openai = client(token);
  const answer = await openai.responses.create({ model: MODEL, input: 'Paris?' });
  assert.equal(answer.output_text, 'Mild.');
  const bound = provider.calls[0].body.max_output_tokens;
  assert.ok(bound > 9_900 && bound < 10_000, `${bound}: the model's, written into the request`);
  near(await gateway.spent('agent'), COST);
  const kinds = [];
  for await (const event of await openai.responses.create({ model: MODEL, input: 'Paris?',
    max_output_tokens: 100, stream: true })) kinds.push(event.type);
  assert.deepEqual([kinds.length, kinds.at(-1)], [7, 'response.completed']);
  assert.equal(provider.calls[1].body.max_output_tokens, 100);
  near(await gateway.spent('agent'), 2 * COST);
});

test('a stored conversation is held at the context of the model, and settled on its use',
  async (t) => {
    const { provider, gateway, client } = await shop(t, () => ({ json: response() }));
    const request = { model: MODEL, input: 'And now?', max_output_tokens: 100,
      previous_response_id: 'resp_0' };
    const held = (10_000 * 2 + 100 * 8) / 1e6;
    const poor = client(await gateway.token('poor', '--total-limit', String(held - 1e-6)));
    const { output_text } = await poor.responses.create({ ...request,
      previous_response_id: undefined });
    assert.equal(output_text, 'Mild.');
    const exact = client(await gateway.token('fits', '--total-limit', String(held)));
    await exact.responses.create(request);
    near(await gateway.spent('fits'), COST);
    const small = client(await gateway.token('small', '--total-limit', '0.015'));
    await assert.rejects(small.responses.create(request),
      { status: 402, code: 'request_exceeds_budget' });
    assert.equal(provider.calls.length, 2);
  });

test('where nobody knows the context, a stored conversation is refused', async (t) => {
  const { provider, gateway, client } = await shop(t, () => ({ json: response() }),
    { input: 2, output: 8 });
  const openai = client(await gateway.token('agent', '--total-limit', '10'));
  for (const stored of [{ previous_response_id: 'resp_0' }, { conversation: 'conv_1' },
    { input: [{ type: 'item_reference', id: 'msg_0' }] }, { prompt: { id: 'pmpt_1' } }]) {
    await assert.rejects(openai.responses.create({ model: MODEL, input: 'x', ...stored }),
      { status: 503, code: 'price_unknown' });
  }
  assert.equal(provider.calls.length, 0);
});

test('what runs in the background is charged its bound: nobody waits for its usage', async (t) => {
  const { gateway, client } = await shop(t,
    () => ({ json: response({ status: 'queued', output: [], usage: null }) }));
  const openai = client(await gateway.token('agent', '--total-limit', '10'));
  const request = { model: MODEL, input: 'Paris?', max_output_tokens: 100, background: true };
  assert.equal((await openai.responses.create(request)).status, 'queued');
  const spent = await gateway.spent('agent');
  assert.ok(spent >= 100 * 8 / 1e6 && spent < 300 * 8 / 1e6, `${spent}`);
  const [event] = await gateway.events('&decision=allow');
  assert.equal(event.usage_missing, true);
});

test('the ends of a stream: incomplete is charged its use, a cut and a failure their bound',
  async (t) => {
    const ends = [];
    const { gateway, client } = await shop(t, () => ends.shift());
    const run = async (name) => {
      const openai = client(await gateway.token(name, '--total-limit', '10'));
      const kinds = [];
      const events = await openai.responses.create({ model: MODEL, input: 'Paris?',
        max_output_tokens: 100, stream: true });
      let error;
      try {
        for await (const event of events) kinds.push(event.type);
      } catch (caught) {
        error = caught;
      }
      return { last: kinds.at(-1), error, spent: await gateway.spent(name) };
    };
    ends.push({ events: stream('response.incomplete', { status: 'incomplete' }) });
    const incomplete = await run('incomplete');
    assert.equal(incomplete.last, 'response.incomplete');
    near(incomplete.spent, COST);
    ends.push({ events: stream('response.failed', { status: 'failed', usage: null }) });
    const failed = await run('failed');
    assert.equal(failed.last, 'response.failed');
    ends.push({ events: stream(), cutAfter: 4, pauseMs: 3 });
    const cut = await run('cut');
    assert.ok(cut.error, 'a plain end would look like success');
    for (const { spent } of [failed, cut]) assert.ok(spent > 100 * 8 / 1e6, `${spent}`);
  });

test('AI SDK, as it is by default: whole and streamed', async (t) => {
  const { gateway } = await shop(t,
    ({ body }) => (body.stream ? { events: stream(), pauseMs: 2 } : { json: response() }));
  const token = await gateway.token('agent', '--total-limit', '10');
  const model = createOpenAI({ baseURL: `${gateway.url}/v1`, apiKey: token })(MODEL);
  assert.equal((await generateText({ model, prompt: 'Paris?' })).text, 'Mild.');
  assert.equal(await streamText({ model, prompt: 'Paris?' }).text, 'Mild.');
  near(await gateway.spent('agent'), 2 * COST);
});
