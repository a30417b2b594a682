// Providers at their worst: bursts of errors, lies about usage, answers byte by byte. Whatever they
// do, the cap holds, every attempt is written down, and nothing stays held.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { startGateway, tally, together } from './gateway.mjs';
import { startProvider } from './provider.mjs';

const MODEL = 'demo-model';
const INPUT = 2000; // nano-credits a token
const OUTPUT = 8000;
const PRICE = { input: INPUT / 1000, output: OUTPUT / 1000, context: 10_000 };
const USED = { input: 20, output: 10 };
const COST = USED.input * INPUT + USED.output * OUTPUT;
const ASKED = 100; // tokens of output
const LOST = 'The upstream ended the stream before the answer was complete.';

const nano = (credits) => Math.round(Number(credits) * 1e9);

// Three APIs, each with its client, its answers and its streams.
const APIS = {
  chat: {
    usage: ({ input, output }) => ({ prompt_tokens: input, completion_tokens: output,
      total_tokens: input + output }),
    answer: (usage, text) => ({ id: 'c1', object: 'chat.completion', created: 1, model: MODEL,
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant',
        content: text } }], usage }),
    stream(usage, text) {
      const chunk = (extra) => [null, { id: 'c1', object: 'chat.completion.chunk', created: 1,
        model: MODEL, ...extra }];
      return [
        ...[...text].map((content) => chunk({ choices: [{ index: 0, delta: { content },
          finish_reason: null }] })),
        chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }),
        ...(usage ? [chunk({ choices: [], usage })] : []),
        [null, '[DONE]'],
      ];
    },
    async ask(client, content, stream) {
      const answer = await client.chat.completions.create({ model: MODEL, max_tokens: ASKED,
        messages: [{ role: 'user', content }], stream });
      if (!stream) return answer.choices[0].message.content;
      let text = '';
      for await (const chunk of answer) text += chunk.choices[0]?.delta.content ?? '';
      return text;
    },
  },
  responses: {
    usage: ({ input, output }) => ({ input_tokens: input, output_tokens: output,
      total_tokens: input + output }),
    answer: (usage, text) => ({ id: 'r1', object: 'response', status: 'completed', model: MODEL,
      output: [{ id: 'm1', type: 'message', role: 'assistant', status: 'completed',
        content: [{ type: 'output_text', text, annotations: [] }] }], usage }),
    stream(usage, text) {
      const begun = { id: 'r1', object: 'response', status: 'in_progress', model: MODEL,
        output: [], usage: null };
      return [
        ['response.created', { response: begun }],
        ...[...text].map((delta) => ['response.output_text.delta', { item_id: 'm1',
          output_index: 0, content_index: 0, delta }]),
        ['response.completed', { response: APIS.responses.answer(usage, text) }],
      ].map(([type, data], number) => [type, { type, sequence_number: number, ...data }]);
    },
    async ask(client, input, stream) {
      const answer = await client.responses.create({ model: MODEL, max_output_tokens: ASKED, input,
        stream });
      if (!stream) return answer.output_text;
      let text = '';
      for await (const event of answer) text += event.delta ?? '';
      return text;
    },
  },
  messages: {
    usage: ({ input, output }) => ({ input_tokens: input, output_tokens: output }),
    answer: (usage, text) => ({ id: 'm1', type: 'message', role: 'assistant', model: MODEL,
      content: [{ type: 'text', text }], stop_reason: 'end_turn', stop_sequence: null, usage }),
    stream(usage, text) {
      const { output_tokens, ...input } = usage ?? {};
      const head = { ...APIS.messages.answer(undefined, text), content: [], stop_reason: null };
      return [
        ['message_start', { message: { ...head, usage: usage && { ...input, output_tokens: 1 } } }],
        ['content_block_start', { index: 0, content_block: { type: 'text', text: '' } }],
        ...[...text].map((part) => ['content_block_delta', { index: 0,
          delta: { type: 'text_delta', text: part } }]),
        ['content_block_stop', { index: 0 }],
        ['message_delta', { delta: { stop_reason: 'end_turn', stop_sequence: null },
          usage: usage && { output_tokens } }],
        ['message_stop', {}],
      ].map(([type, data]) => [type, { type, ...data }]);
    },
    async ask(client, content, stream) {
      const answer = await client.messages.create({ model: MODEL, max_tokens: ASKED,
        messages: [{ role: 'user', content }], stream });
      if (!stream) return answer.content[0].text;
      let text = '';
      for await (const event of answer) text += event.delta?.text ?? '';
      return text;
    },
  },
};

async function shop(t, answer) {
  const provider = await startProvider(t, answer);
  const gateway = await startGateway(t, { config: {
    upstreams: {
      openai: { kind: 'openai', url: `${provider.url}/v1`, credential: 'sk-demo' },
      anthropic: { kind: 'anthropic', url: provider.url, credential: 'sk-ant-demo' },
    },
    models: { [MODEL]: PRICE },
  } });
  const client = (api, apiKey, options = {}) => (api === 'messages'
    ? new Anthropic({ apiKey, baseURL: gateway.url, ...options })
    : new OpenAI({ apiKey, baseURL: `${gateway.url}/v1`, ...options }));
  return { provider, gateway, client };
}

function apiOf(request) {
  if (request.path === '/v1/messages') return APIS.messages;
  return request.path === '/v1/responses' ? APIS.responses : APIS.chat;
}

function served(request, usage, text, options = {}) {
  const api = apiOf(request);
  return request.body.stream ? { events: api.stream(usage, text), ...options }
    : { json: api.answer(usage, text) };
}

async function calls(gateway) {
  return (await gateway.events()).filter((event) => event.event === 'call');
}

test('a storm of 429, 500 and 503: errors are free, each attempt is an event, the cap holds',
  async (t) => {
    // Of each ten attempts six fail, in bursts, so that clients at their default retries give up
    // now and then.
    const failures = [429, 429, 503, null, 500, null, 429, null, 503, null];
    let attempts = 0;
    const { provider, gateway, client } = await shop(t, (request) => {
      const status = failures[attempts++ % failures.length];
      if (!status) return served(request, apiOf(request).usage(USED), 'Hello.');
      return { status, headers: { 'retry-after-ms': '3', 'retry-after': '1' },
        json: { type: 'error', error: { type: 'overloaded_error', message: `busy ${status}` } } };
    });
    // About sixty answers; a loop goes on until it is refused.
    const token = await gateway.token('storm', '--total-limit', String((60.5 * COST) / 1e9));
    let answers = 0;
    const loop = async (i) => {
      const api = Object.keys(APIS)[i % 3];
      const own = client(api, token);
      for (;;) {
        try {
          assert.equal(await APIS[api].ask(own, `Loop ${i}`, i % 2 === 0), 'Hello.');
          answers += 1;
        } catch (error) {
          assert.ok(error.status, String(error));
          if (error.status === 402 && error.headers.get('retry-after') === null) return;
        }
      }
    };
    await together(32, loop);

    assert.equal(await gateway.spent('storm').then(nano), answers * COST);
    assert.ok(answers > 40 && answers <= 60, `${answers}`);
    const shown = await gateway.json('token', 'show', 'storm');
    assert.equal(shown.held, 0);
    assert.equal(shown.blocked, false);
    const events = await calls(gateway);
    const passed = events.filter((event) => event.decision === 'allow');
    assert.equal(passed.length, provider.calls.length);
    assert.deepEqual(tally(passed, (event) => `${event.http_status} ${nano(event.cost)}`),
      tally(Array.from({ length: attempts }, (_, i) => failures[i % failures.length]),
        (status) => (status ? `${status} 0` : `200 ${COST}`)));
    assert.ok(events.every((event) => event.decision === 'allow' || event.cost === undefined));
  });

test('more usage than was held is charged what was held, and blocks the token', async (t) => {
  const lies = [{ input: USED.input, output: 50_000 }, { input: 1_000_000, output: 1 },
    { input: Number.MAX_SAFE_INTEGER, output: Number.MAX_SAFE_INTEGER }];
  let lie;
  const { gateway, client } = await shop(t,
    (request) => served(request, apiOf(request).usage(lie), 'Hello.'));
  for (const [name, api] of Object.entries(APIS)) {
    for (const [i, stream] of [[0, false], [0, true], [1, false], [1, true], [2, true]]) {
      lie = lies[i];
      const subject = `${name}-${i}-${stream}`;
      const own = client(name, await gateway.token(subject, '--total-limit', '1'),
        { maxRetries: 0 });
      assert.equal(await api.ask(own, 'Hello', stream), 'Hello.', subject);
      const [event] = await gateway.events(`&subject=${subject}&kind=call`);
      assert.equal(event.cost, event.quote, subject);
      assert.equal((await gateway.events(`&subject=${subject}&kind=overrun`)).length, 1, subject);
      const shown = await gateway.json('token', 'show', subject);
      assert.deepEqual([shown.blocked, shown.held, nano(shown.spent)],
        [true, 0, nano(event.quote)], subject);
      await assert.rejects(api.ask(own, 'Hello', stream), (error) =>
        JSON.stringify(error.error).includes('account_blocked'), subject);
    }
  }
});

test('usage that is no usage is none: the bound is charged', async (t) => {
  // As JSON, so that what JavaScript cannot say can be sent, too.
  const nonsense = ['-1', '10.5', '"10"', '1e30', 'null', '[]', '{}', 'true', '1' + '0'.repeat(20)];
  let value;
  const { gateway, client } = await shop(t, (request) => {
    const api = apiOf(request);
    const usage = value === undefined ? undefined : api.usage({ input: USED.input, output: 4711 });
    delete usage?.total_tokens;
    const text = (data) => JSON.stringify(data).replaceAll('4711', value);
    const answer = served(request, usage, 'Hello.');
    if (answer.events) {
      return { events: answer.events.map(([name, data]) => [name,
        typeof data === 'string' ? data : text(data)]) };
    }
    return { json: text(answer.json) };
  });
  for (const [name, api] of Object.entries(APIS)) {
    for (const stream of [false, true]) {
      const subject = `${name}-${stream}`;
      const own = client(name, await gateway.token(subject, '--total-limit', '1'),
        { maxRetries: 0 });
      for (value of [undefined, ...nonsense]) {
        const answer = await api.ask(own, 'Hello', stream).catch((error) => error.message);
        // A number beyond 64 bits makes an event unreadable, and that of responses is the end.
        const lost = name === 'responses' && stream && value?.length > 20;
        assert.equal(answer, lost ? LOST : 'Hello.', `${subject} ${value}`);
        const event = (await gateway.events(`&subject=${subject}&kind=call`)).at(-1);
        assert.equal(event.usage_missing, true, `${subject} ${value}`);
        // Of a stream of messages the input is known from its first event.
        const known = name === 'messages' && stream && value !== undefined;
        const bound = known ? USED.input * INPUT + ASKED * OUTPUT : nano(event.quote);
        assert.equal(nano(event.cost), bound, `${subject} ${value}`);
      }
      const shown = await gateway.json('token', 'show', subject);
      assert.deepEqual([shown.blocked, shown.held], [false, 0], subject);
    }
  }
});

test('an answer that comes byte by byte arrives whole and costs the same', async (t) => {
  const text = 'Grüße 🙂 from a slow line';
  const { gateway, client } = await shop(t, (request) => served(request,
    apiOf(request).usage(USED), text, { dripBytes: 3 }));
  const token = await gateway.token('slow', '--total-limit', '1');
  const answers = await Promise.all(Object.entries(APIS).map(([name, api]) =>
    api.ask(client(name, token), 'Hello', true)));
  assert.deepEqual(answers, [text, text, text]);
  assert.equal(nano(await gateway.spent('slow')), 3 * COST);
});

test('tool calls, JSON, reasoning and caches cost what the built-in prices say', async (t) => {
  const chat = (message, usage) => ({ id: 'c1', object: 'chat.completion', created: 1,
    model: 'gpt-4o-mini', choices: [{ index: 0, finish_reason: 'stop',
      message: { role: 'assistant', ...message } }], usage });
  const tokens = { prompt_tokens: 100, completion_tokens: 37, total_tokens: 137,
    prompt_tokens_details: { cached_tokens: 64, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0 } };
  const answers = [
    chat({ content: null, tool_calls: [{ id: 't1', type: 'function',
      function: { name: 'weather', arguments: '{"city":"Paris"}' } }] }, tokens),
    chat({ content: '{"mild":true}' }, tokens),
    APIS.responses.answer({ input_tokens: 100, input_tokens_details: { cached_tokens: 64 },
      output_tokens: 50, output_tokens_details: { reasoning_tokens: 43 }, total_tokens: 150 }, 'x'),
    APIS.messages.answer({ input_tokens: 11, output_tokens: 13, cache_read_input_tokens: 17,
      cache_creation_input_tokens: 19,
      cache_creation: { ephemeral_5m_input_tokens: 19, ephemeral_1h_input_tokens: 0 } }, 'x'),
  ];
  const { gateway, client } = await shop(t, () => ({ json: answers.shift() }));
  const token = await gateway.token('agent', '--total-limit', '10');
  const ask = { messages: [{ role: 'user', content: 'x'.repeat(400) }], max_tokens: 100 };
  const tools = [{ type: 'function', function: { name: 'weather',
    parameters: { type: 'object', properties: { city: { type: 'string' } } } } }];
  const openai = client('chat', token);
  const called = await openai.chat.completions.create({ model: 'gpt-4o-mini', tools, ...ask });
  assert.equal(called.choices[0].message.tool_calls[0].function.name, 'weather');
  await openai.chat.completions.create({ model: 'gpt-4o-mini',
    response_format: { type: 'json_object' }, ...ask });
  await openai.responses.create({ model: 'gpt-5-mini', input: 'x'.repeat(400),
    reasoning: { effort: 'high' }, max_output_tokens: 100 });
  await client('messages', token).messages.create({ model: 'claude-haiku-4-5', ...ask,
    system: [{ type: 'text', text: 'x'.repeat(400), cache_control: { type: 'ephemeral' } }] });

  // The rates are credits a million tokens: a thousand nano-credits a token for each credit.
  const rates = async (model) =>
    (await gateway.json('prices', 'show', model)).per_million_tokens;
  const bill = (rate, { input = 0, cached = 0, write = 0, output = 0 }) => Math.ceil(Number(
    (1000 * (input * rate.input + cached * rate.cached_input + write * rate.cache_write +
      output * rate.output)).toFixed(6)));
  const mini = await rates('gpt-4o-mini');
  const costs = (await calls(gateway)).map((event) => nano(event.cost));
  assert.deepEqual(costs, [
    bill(mini, { input: 36, cached: 64, output: 37 }),
    bill(mini, { input: 36, cached: 64, output: 37 }),
    bill(await rates('gpt-5-mini'), { input: 36, cached: 64, output: 50 }),
    bill(await rates('claude-haiku-4-5'), { input: 11, cached: 17, write: 19, output: 13 }),
  ]);
});
