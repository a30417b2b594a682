// `mode: observe` in front of applications that nobody has changed: they keep their own provider
// keys, nothing is refused, and what they spend is told apart by model, endpoint and label.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { call, startGateway } from './gateway.mjs';
import { startProvider } from './provider.mjs';

const KEY = 'sk-proj-own-key-of-an-application-1';
const ANTHROPIC_KEY = 'sk-ant-api03-own-key-of-an-application';
const PRICES = {
  'demo-small': { input: 1, output: 4 },
  'demo-large': { input: 10, cachedInput: 2, output: 40 },
};
// What a caller with a key of its own goes by.
const NAME = /^key-[0-9a-f]{8}$/;
const TEXT = [{ role: 'user', content: 'Hello' }];
const PICTURE = [{ role: 'user', content: [{ type: 'text', text: 'What is this?' },
  { type: 'image_url', image_url: { url: 'https://pictures.example/1.png' } }] }];

// Of 40 tokens in, 10 of them cached, and 5 out; in nano-credits.
const SMALL = 40 * 1000 + 5 * 4000;
const LARGE = 30 * 10_000 + 10 * 2000 + 5 * 40_000;

const CHAT_USAGE = { prompt_tokens: 40, completion_tokens: 5, total_tokens: 45,
  prompt_tokens_details: { cached_tokens: 10 } };

function chatStream({ model, stream_options }) {
  const chunk = (extra) => [null, { id: 'c1', object: 'chat.completion.chunk', created: 1, model,
    ...extra }];
  return [
    ...['Hel', 'lo.'].map((content) => chunk({ choices: [{ index: 0, finish_reason: null,
      delta: { content } }] })),
    chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }),
    ...(stream_options?.include_usage ? [chunk({ choices: [], usage: CHAT_USAGE })] : []),
    [null, '[DONE]'],
  ];
}

function openaiAnswer({ method, path: target, body }) {
  if (method === 'GET') return { json: { object: 'list', data: [{ id: 'demo-small' }] } };
  if (target === '/v1/responses') {
    return { json: { id: 'r1', object: 'response', status: 'completed', model: body.model,
      output: [], usage: { input_tokens: 40, output_tokens: 5, total_tokens: 45,
        input_tokens_details: { cached_tokens: 10 } } } };
  }
  if (target === '/v1/images/generations') return { json: { created: 1, data: [] } };
  if (body.stream) return { events: chatStream(body), pauseMs: 2 };
  return { json: { id: 'c1', object: 'chat.completion', created: 1, model: body.model,
    choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'Hi' } }],
    usage: CHAT_USAGE } };
}

function anthropicAnswer({ body }) {
  const head = { id: 'm1', type: 'message', role: 'assistant', model: body.model };
  const usage = { input_tokens: 30, cache_read_input_tokens: 10, cache_creation_input_tokens: 0 };
  if (!body.stream) {
    return { json: { ...head, content: [{ type: 'text', text: 'Hi' }], stop_reason: 'end_turn',
      stop_sequence: null, usage: { ...usage, output_tokens: 5 } } };
  }
  return { pauseMs: 2, events: [
    ['message_start', { message: { ...head, content: [], stop_reason: null, stop_sequence: null,
      usage: { ...usage, output_tokens: 1 } } }],
    ['content_block_start', { index: 0, content_block: { type: 'text', text: '' } }],
    ['content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'Hi' } }],
    ['content_block_stop', { index: 0 }],
    ['message_delta', { delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: 5 } }],
    ['message_stop', {}],
  ].map(([type, data]) => [type, { type, ...data }]) };
}

async function shop(t, config = {}) {
  const openai = await startProvider(t, openaiAnswer);
  const anthropic = await startProvider(t, anthropicAnswer);
  const gateway = await startGateway(t, { config: {
    mode: 'observe',
    upstreams: {
      openai: { kind: 'openai', url: `${openai.url}/v1`, credential: 'passthrough' },
      anthropic: { kind: 'anthropic', url: anthropic.url, credential: 'passthrough' },
    },
    models: PRICES,
    labels: { team: 'web', project: 'shop', region: 'eu' },
    ...config,
  } });
  const client = (apiKey = KEY) => new OpenAI({ apiKey, baseURL: `${gateway.url}/v1` });
  return { openai, anthropic, gateway, client };
}

async function calls(gateway) {
  return (await gateway.events()).filter((event) => event.event === 'call');
}

// {name: [calls, spent in nano-credits]}
async function report(gateway, by) {
  const { rows } = await gateway.json('report', 'spend', '--by', by);
  return Object.fromEntries(rows.map((row) =>
    [row.key || '-', [row.calls, Math.round(Number(row.spent) * 1e9)]]));
}

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

test('the openai client with its own key: served, priced, and reported', async (t) => {
  const { openai, gateway, client } = await shop(t);
  const own = client();
  const { data, response } = await own.chat.completions
    .create({ model: 'demo-small', messages: TEXT }).withResponse();
  assert.equal(data.choices[0].message.content, 'Hi');
  assert.equal(response.headers.get('x-satgate-would-deny'), null);
  const chunks = await collect(await own.chat.completions
    .create({ model: 'demo-large', messages: TEXT, stream: true }));
  assert.equal(chunks.map((chunk) => chunk.choices[0].delta.content ?? '').join(''), 'Hello.');
  await own.responses.create({ model: 'demo-large', input: 'Hello' });
  await own.models.list();
  assert.deepEqual(new Set(openai.calls.map((seen) => seen.headers.authorization)),
    new Set([`Bearer ${KEY}`]), 'the key arrives as it is');

  const seen = await calls(gateway);
  assert.deepEqual(seen.map((event) => [event.model, event.endpoint, event.decision]), [
    ['demo-small', '/v1/chat/completions', 'allow'],
    ['demo-large', '/v1/chat/completions', 'allow'],
    ['demo-large', '/v1/responses', 'allow'],
    [undefined, '/v1/models', 'allow'],
  ]);
  const name = seen[0].subject;
  assert.match(name, NAME);
  for (const event of seen) {
    assert.deepEqual([event.subject, event.mode, event.team, event.project, event.labels.region],
      [name, 'observe', 'web', 'shop', 'eu']);
  }
  for (const event of seen.slice(0, 3)) {
    assert.deepEqual(event.usage, { input: 40, cached_input: 10, output: 5 });
  }
  assert.deepEqual(seen.map((event) => Math.round(event.cost * 1e9)), [SMALL, LARGE, LARGE, 0]);
  assert.deepEqual(await report(gateway, 'model'),
    { 'demo-large': [2, 2 * LARGE], 'demo-small': [1, SMALL], '-': [1, 0] });
  assert.deepEqual(await report(gateway, 'endpoint'), {
    '/v1/chat/completions': [2, SMALL + LARGE], '/v1/responses': [1, LARGE], '/v1/models': [1, 0],
  });
  for (const [by, key] of [['team', 'web'], ['project', 'shop'], ['upstream', 'openai'],
    ['agent', name]]) {
    assert.deepEqual(await report(gateway, by), { [key]: [4, SMALL + 2 * LARGE] });
  }
});

test('the Anthropic client with its own key: whole and streamed', async (t) => {
  const { anthropic, gateway } = await shop(t);
  const own = new Anthropic({ apiKey: ANTHROPIC_KEY, baseURL: gateway.url });
  const ask = { model: 'demo-large', max_tokens: 50, messages: TEXT };
  assert.equal((await own.messages.create(ask)).content[0].text, 'Hi');
  assert.equal(await own.messages.stream(ask).finalText(), 'Hi');
  // The SDK sends its key as a bearer; others in the field of the API's documentation.
  const plain = await call(`${gateway.url}/v1/messages`, { method: 'POST', body: ask,
    headers: { 'x-api-key': ANTHROPIC_KEY, 'anthropic-version': '2023-06-01' } });
  assert.equal(plain.status, 200, plain.text);
  assert.deepEqual(
    anthropic.calls.map(({ headers }) => [headers['x-api-key'], headers.authorization]),
    [[undefined, `Bearer ${ANTHROPIC_KEY}`], [undefined, `Bearer ${ANTHROPIC_KEY}`],
      [ANTHROPIC_KEY, undefined]]);
  assert.deepEqual(await report(gateway, 'model'), { 'demo-large': [3, 3 * LARGE] });
  assert.deepEqual(await report(gateway, 'endpoint'), { '/v1/messages': [3, 3 * LARGE] });
});

test('what control would refuse passes, and is spent all the same', async (t) => {
  const { gateway, client } = await shop(t);
  const own = client();
  const would = async (promise) =>
    (await promise.asResponse()).headers.get('x-satgate-would-deny');
  const create = (extra) => own.chat.completions.create({ model: 'demo-large', messages: TEXT,
    ...extra });
  // Bytes do not bound a picture; its tokens are in the usage.
  assert.equal(await would(create({ messages: PICTURE })), 'price_unknown');
  await collect(await create({ messages: PICTURE, stream: true }));
  assert.equal(await would(create({ model: 'nobody-knows-me' })), 'price_unknown');
  assert.equal(await would(own.images.generate({ model: 'x', prompt: 'A cat' })), 'price_unknown');
  const expected = { 'demo-large': [2, 2 * LARGE], 'nobody-knows-me': [1, 0], x: [1, 0] };
  assert.deepEqual(await report(gateway, 'model'), expected);
  assert.ok((await calls(gateway)).every((event) => event.decision === 'would_deny'));
  await gateway.kill9();
  await gateway.start();
  assert.deepEqual(await report(gateway, 'model'), expected, 'after a crash, too');
});

test('an application whose token is used up still gets the whole answer it asked for',
  async (t) => {
    const { openai, gateway, client } = await shop(t);
    const poor = client(await gateway.token('poor', '--total-limit', '0.002'));
    const response = await poor.chat.completions
      .create({ model: 'demo-large', messages: TEXT, max_tokens: 1000 }).asResponse();
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('x-satgate-would-deny'), 'request_exceeds_budget');
    assert.equal(response.headers.get('x-satgate-clamped-max-tokens'), null);
    assert.equal(openai.calls[0].body.max_tokens, 1000);
    assert.deepEqual(await report(gateway, 'agent'), { poor: [1, LARGE] });
  });

test('applications are told apart by their keys, also after a restart', async (t) => {
  const { gateway, client } = await shop(t);
  const other = KEY.replace('1', '2');
  const ask = (key) => client(key).chat.completions
    .create({ model: 'demo-small', messages: TEXT });
  for (const key of [KEY, other, other]) await ask(key);
  // The same key in another field is the same application; none at all is anonymous.
  const plain = { method: 'POST', body: { model: 'demo-small', messages: TEXT } };
  const url = `${gateway.url}/v1/chat/completions`;
  await call(url, { ...plain, headers: { 'x-api-key': KEY } });
  await call(url, plain);
  await call(url, { ...plain, headers: { authorization: 'Basic dXNlcjpwYXNz' } });
  const names = (await calls(gateway)).map((event) => event.subject);
  assert.deepEqual([names[2], names[3], names[4], names[5]],
    [names[1], names[0], 'anonymous', 'anonymous']);
  assert.notEqual(names[0], names[1]);
  for (const name of names.slice(0, 2)) assert.match(name, NAME);
  await gateway.kill9();
  await gateway.start();
  await ask(other);
  assert.deepEqual(await report(gateway, 'agent'), {
    [names[0]]: [2, 2 * SMALL], [names[1]]: [3, 3 * SMALL], anonymous: [2, 2 * SMALL] });
  const secret = path.join(gateway.data, 'names.key');
  assert.equal(statSync(secret).mode & 0o777, 0o600);
  // Under another secret the same key has another name.
  await gateway.stop();
  rmSync(secret);
  await gateway.start();
  await ask(other);
  assert.ok(!names.includes((await calls(gateway)).at(-1).subject));
});

test('in control a key that is not ours has no name', async (t) => {
  const { gateway } = await shop(t, { upstreams: { openai: { kind: 'openai',
    url: 'http://127.0.0.1:1/v1', credential: 'sk-demo' } }, mode: 'control' });
  const refused = await call(`${gateway.url}/v1/chat/completions`, { method: 'POST',
    body: { model: 'demo-small', messages: TEXT }, headers: { authorization: `Bearer ${KEY}` } });
  assert.equal(refused.status, 401);
  const [event] = await calls(gateway);
  assert.deepEqual([event.subject, event.code], ['anonymous', 'token_malformed']);
});

test('the keys of two applications pass beside each other, and are kept nowhere', async (t) => {
  const { openai, gateway, client } = await shop(t);
  const keys = [KEY, KEY.replace('1', '2')];
  for (const key of keys) {
    await client(key).chat.completions.create({ model: 'demo-small', messages: TEXT });
  }
  assert.deepEqual(openai.calls.map((seen) => seen.headers.authorization),
    keys.map((key) => `Bearer ${key}`));
  await gateway.stop();
  const files = readdirSync(gateway.data, { recursive: true })
    .map((name) => path.join(gateway.data, name)).filter((file) => statSync(file).isFile());
  assert.ok(files.length > 3);
  for (const key of keys) {
    for (const file of files) assert.ok(!readFileSync(file).includes(key), file);
    assert.ok(!gateway.child.log.includes(key));
  }
});
