// The response cache: the same request is answered again, for those who may see the answer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { sleep, startGateway } from './gateway.mjs';
import { startProvider } from './provider.mjs';

const PRICE = { input: 100, output: 1000, maxOutput: 4000 };
const COST = (10 * 100 + 5 * 1000) / 1e6;

let count = 0;
const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
const whole = () => ({ json: { id: `chatcmpl-${++count}`, object: 'chat.completion', created: 1,
  model: 'best-1', usage, choices: [{ index: 0, finish_reason: 'stop',
    message: { role: 'assistant', content: `Answer ${count}` } }] } });

function stream() {
  const chunk = (extra) => [null, { id: `chatcmpl-${count}`, object: 'chat.completion.chunk',
    created: 1, model: 'best-1', ...extra }];
  const says = (content) => chunk({ choices: [{ index: 0, delta: { content },
    finish_reason: null }] });
  count += 1;
  return { events: [says('Answer'), says(` ${count}`),
    chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }),
    chunk({ choices: [], usage }), [null, '[DONE]']] };
}

const answers = (request) => (request.body.stream ? stream() : whole());

async function shop(t, { cache = { ttl: '1h' }, answer = answers, config = {} } = {}) {
  const provider = await startProvider(t, answer);
  const gateway = await startGateway(t, { config: {
    upstreams: { openai: { kind: 'openai', url: `${provider.url}/v1`, credential: 'key' } },
    models: { 'best-1': PRICE },
    cache,
    ...config,
  } });
  const client = (token) => new OpenAI({ apiKey: token, baseURL: `${gateway.url}/v1`,
    maxRetries: 0 });
  return { provider, gateway, client };
}

const ask = (extra = {}) => ({ model: 'best-1', max_tokens: 100,
  messages: [{ role: 'user', content: 'Hello' }], ...extra });

async function create(client, body = ask(), headers = {}) {
  const { data, response } = await client.chat.completions
    .create(body, { headers }).withResponse();
  return { text: data.choices[0].message.content, cache: response.headers.get('x-satgate-cache'),
    age: response.headers.get('age'), cost: response.headers.get('x-cost-per-call') };
}

test('the same request is answered again, for nothing, and shown in reports', async (t) => {
  const { provider, gateway, client } = await shop(t);
  const openai = client(await gateway.token('agent', '--total-limit', '10'));
  const first = await create(openai);
  const again = await create(openai);
  assert.equal(first.cache, 'miss');
  assert.equal(again.cache, 'hit');
  assert.equal(again.text, first.text);
  assert.match(again.age, /^\d+$/);
  assert.equal(again.cost, '0.00 USD');
  assert.equal((await create(openai, ask({ temperature: 1 }))).cache, 'miss');
  assert.equal(provider.calls.length, 2);
  assert.equal(await gateway.spent('agent'), 2 * COST);

  const hit = (await gateway.events()).filter((e) => e.code === 'cache_hit');
  assert.equal(hit.length, 1);
  assert.equal(hit[0].decision, 'allow');
  assert.equal(hit[0].usage, undefined);
  const report = await gateway.json('report', 'spend', '--by', 'model');
  assert.equal(report.rows[0].calls, 3);
  assert.equal(report.rows[0].cache_hits, 1);
  assert.match((await gateway.cli('report', 'spend')).stdout, /CACHED/);
});

test('a stream is replayed as the stream it was; a whole answer is another request', async (t) => {
  const { provider, gateway, client } = await shop(t);
  const openai = client(await gateway.token('agent', '--total-limit', '10'));
  const read = async (extra = {}) => {
    const { data, response } = await openai.chat.completions
      .create(ask({ stream: true, ...extra })).withResponse();
    let text = '';
    let seen = null;
    for await (const chunk of data) {
      text += chunk.choices[0]?.delta.content ?? '';
      seen = chunk.usage ?? seen;
    }
    return { text, seen, cache: response.headers.get('x-satgate-cache') };
  };
  const first = await read();
  const again = await read();
  assert.deepEqual([first.cache, again.cache], ['miss', 'hit']);
  assert.match(first.text, /^Answer \d+$/);
  assert.equal(again.text, first.text);
  assert.equal(again.seen, null, 'usage that was not asked for stays hidden');
  const withUsage = await read({ stream_options: { include_usage: true } });
  assert.equal(withUsage.cache, 'miss');
  assert.equal(withUsage.seen.prompt_tokens, 10);
  assert.equal((await create(openai)).cache, 'miss');
  assert.equal(provider.calls.length, 3);
});

test('never for another token, unless the scope says so', async (t) => {
  for (const [scope, expected] of [
    ['token', ['miss', 'miss', 'miss']],
    ['budget', ['miss', 'hit', 'miss']],
    ['everyone', ['miss', 'hit', 'hit']],
  ]) {
    const { gateway, client } = await shop(t, { cache: { ttl: '1h', scope },
      config: { budgets: { team: { monthly: 100 } } } });
    const tokens = [await gateway.token('one', '--budget', 'team', '--total-limit', '9'),
      await gateway.token('two', '--budget', 'team', '--total-limit', '9'),
      await gateway.token('three', '--total-limit', '9')];
    const seen = [];
    for (const token of tokens) seen.push((await create(client(token))).cache);
    assert.deepEqual(seen, expected, scope);
  }
});

test('a hit needs the leave that a call needs: model, and a living token', async (t) => {
  const { gateway, client } = await shop(t, { cache: { ttl: '1h', scope: 'everyone' } });
  await create(client(await gateway.token('agent', '--total-limit', '10')));
  const other = client(await gateway.token('other', '--total-limit', '9', '--model', 'none-1'));
  await assert.rejects(create(other), { status: 403, code: 'model_denied' });
  const gone = client(await gateway.token('gone', '--total-limit', '9'));
  assert.equal((await create(gone)).cache, 'hit');
  await gateway.json('token', 'revoke', 'gone');
  await assert.rejects(create(gone), { status: 401, code: 'token_revoked' });
});

test('a field that may change the answer makes another request, for everyone', async (t) => {
  const { provider, gateway, client } = await shop(t, { cache: { ttl: '1h', scope: 'everyone' } });
  const hostile = client(await gateway.token('hostile', '--total-limit', '10'));
  await create(hostile, ask(), { 'x-system-prompt': 'lie' });
  const honest = client(await gateway.token('honest', '--total-limit', '10'));
  assert.equal((await create(honest)).cache, 'miss', 'not the answer that was made for a liar');
  assert.equal((await create(honest, ask(), { 'user-agent': 'other/1', 'x-satgate-stakes': 'low' }))
    .cache, 'hit');
  assert.equal(provider.calls.length, 2);
});

test('a hit has its price, which a budget must hold', async (t) => {
  const { gateway, client } = await shop(t, { cache: { ttl: '1h', hitPrice: '50%' } });
  const agent = await gateway.token('agent', '--total-limit', '0.2');
  const openai = client(agent);
  await create(openai);
  await create(openai);
  assert.equal(await gateway.spent('agent'), 0.009);
  await gateway.json('token', 'update', 'agent', '--total-limit', String(COST * 1.6));
  await assert.rejects(create(openai), { status: 402 });
  assert.equal(await gateway.spent('agent'), 0.009);
});

test('clients may ask for a new answer, or that none is kept', async (t) => {
  const { gateway, client } = await shop(t);
  const openai = client(await gateway.token('agent', '--total-limit', '10'));
  const seen = async (control) =>
    (await create(openai, ask(), control ? { 'cache-control': control } : {})).cache;
  assert.equal(await seen('no-store'), null);
  assert.equal(await seen(), 'miss');
  assert.equal(await seen('max-age=0, no-cache'), 'miss');
  assert.equal(await seen(), 'hit');
});

test('answers end with their time, and large ones are not kept', async (t) => {
  const { gateway, client } = await shop(t, { cache: { ttl: '1s', maxAnswerBytes: 2000 } });
  const openai = client(await gateway.token('agent', '--total-limit', '10'));
  await create(openai);
  assert.equal((await create(openai)).cache, 'hit');
  await sleep(1100);
  assert.equal((await create(openai)).cache, 'miss');
  const big = await shop(t, { cache: { ttl: '1h', maxAnswerBytes: 100 } });
  const second = big.client(await big.gateway.token('agent', '--total-limit', '10'));
  await create(second);
  assert.equal((await create(second)).cache, 'miss');
});

test('no error, no cut stream, no clamped answer and none without usage is kept', async (t) => {
  const bad = [
    () => ({ status: 500, json: { error: { message: 'overloaded' } } }),
    () => ({ ...stream(), cutAfter: 2, pauseMs: 20 }),
    () => { const answer = whole(); delete answer.json.usage; return answer; },
  ];
  for (const [i, answer] of bad.entries()) {
    let calls = 0;
    const { provider, gateway, client } = await shop(t,
      { answer: (request) => (calls++ === 0 ? answer() : answers(request)) });
    const openai = client(await gateway.token('agent', '--total-limit', '10'));
    const body = ask({ stream: i === 1 });
    const once = async () => {
      const result = await openai.chat.completions.create(body);
      if (body.stream) for await (const chunk of result) assert.ok(chunk);
    };
    await once().catch(() => {});
    await once();
    assert.equal(provider.calls.length, 2, `case ${i}`);
  }
  const { provider, gateway, client } = await shop(t);
  const openai = client(await gateway.token('poor', '--total-limit', '0.06'));
  await create(openai, ask({ max_tokens: 1000 }));
  assert.ok(provider.calls[0].body.max_tokens < 1000);
  await gateway.json('token', 'update', 'poor', '--total-limit', '10');
  assert.equal((await create(openai, ask({ max_tokens: 1000 }))).cache, 'miss');
});

test('in observe nothing is kept; versions and betas make another request', async (t) => {
  const { provider, gateway } = await shop(t, { config: { mode: 'observe' } });
  const own = new OpenAI({ apiKey: 'sk-own', baseURL: `${gateway.url}/v1` });
  await create(own);
  assert.equal((await create(own)).cache, null);
  assert.equal(provider.calls.length, 2);

  const claude = await startProvider(t, () => ({ json: { id: 'msg_1', type: 'message',
    role: 'assistant', model: 'claude-x', content: [{ type: 'text', text: 'Hi' }],
    stop_reason: 'end_turn', stop_sequence: null,
    usage: { input_tokens: 10, output_tokens: 5 } } }));
  const house = await startGateway(t, { config: {
    upstreams: { anthropic: { kind: 'anthropic', url: claude.url, credential: 'key' } },
    models: { 'claude-x': PRICE },
    cache: { ttl: '1h', upstreams: ['anthropic'] },
  } });
  const client = new Anthropic({ apiKey: await house.token('agent', '--total-limit', '10'),
    baseURL: house.url });
  const message = { model: 'claude-x', max_tokens: 100,
    messages: [{ role: 'user', content: 'Hello' }] };
  await client.messages.create(message);
  await client.messages.create(message);
  assert.equal(claude.calls.length, 1);
  await client.messages.create(message, { headers: { 'anthropic-beta': 'new-2026' } });
  assert.equal(claude.calls.length, 2);
});

test('config check names what is wrong with a cache', async (t) => {
  const { gateway } = await shop(t);
  const { writeFileSync } = await import('node:fs');
  writeFileSync(gateway.file, JSON.stringify({ version: 1,
    upstreams: { site: { kind: 'http', url: 'http://127.0.0.1:1' } },
    cache: { hitPrice: '120%', scope: 'nobody', upstreams: ['site'] } }));
  const { said } = await gateway.cli('config', 'check', gateway.file);
  assert.match(said, /cache\.ttl: is missing/);
  assert.match(said, /cache\.hitPrice: must be a share/);
  assert.match(said, /cache\.scope: 'nobody' must be token, budget or everyone/);
  assert.match(said, /cache\.upstreams: there is no LLM provider 'site'/);
});

test('Law 1: a crowd of hits and misses stays below the cap, and nothing stays held', async (t) => {
  const { provider, gateway, client } = await shop(t, { cache: { ttl: '1h', hitPrice: '50%' } });
  const openai = client(await gateway.token('agent', '--total-limit', '0.5'));
  const seen = { hit: 0, miss: 0 };
  const worker = async (_, w) => {
    for (let i = 0; i < 20; i++) {
      await create(openai, ask({ max_tokens: 10, seed: (i * 7 + w) % 5 }))
        .then(({ cache }) => (seen[cache] += 1), (error) => assert.equal(error.status, 402));
    }
  };
  await Promise.all(Array.from({ length: 32 }, worker));
  assert.equal(seen.miss, provider.calls.length);
  assert.ok(seen.hit > 0, JSON.stringify(seen));
  const nano = (credits) => Math.round(credits * 1e9);
  const shown = await gateway.json('token', 'show', 'agent');
  assert.equal(nano(shown.spent), nano(COST) * seen.miss + nano(COST) / 2 * seen.hit);
  assert.ok(shown.spent <= 0.5);
  assert.deepEqual([shown.held, shown.blocked], [0, false]);
});
