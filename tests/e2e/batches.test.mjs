// Anthropic's message batches, by the official client: priced before they are sent, charged at
// their bound, and there only for those who made them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { bearer, call, satgate, run, startGateway, tally, together } from './gateway.mjs';
import { startProvider } from './provider.mjs';

const HALF = { input: 1.5, output: 7.5, cacheWrite: 3 };
const MODELS = {
  'claude-a': { input: 3, cacheWrite: 3.75, output: 15, batch: HALF },
  'claude-b': { input: 1, output: 5 },
};

const params = (extra = {}) => ({ model: 'claude-a', max_tokens: 100,
  messages: [{ role: 'user', content: 'Hello' }], ...extra });
const element = (custom_id, extra) => ({ custom_id, params: params(extra) });
const bytes = (element) => JSON.stringify(element.params).length;
// What the elements cost at most, at the prices of a batch.
const bound = (elements) => elements.reduce((sum, one) => sum + (one.params.model === 'claude-b'
  ? bytes(one) + one.params.max_tokens * 5
  : bytes(one) * 1.5 + one.params.max_tokens * 7.5) / 1e6, 0);
const near = (actual, wanted) => assert.ok(Math.abs(actual - wanted) < 1e-7,
  `${actual} is not ${wanted}`);

const described = (id, extra = {}) => ({ id, type: 'message_batch',
  processing_status: 'in_progress', results_url: null, created_at: '2026-01-01T00:00:00Z',
  request_counts: { processing: 1, succeeded: 0, errored: 0, canceled: 0, expired: 0 }, ...extra });
const RESULTS = ['a', 'b'].map((custom_id) => JSON.stringify({ custom_id,
  result: { type: 'succeeded', message: { id: 'msg_1', type: 'message' } } })).join('\n');

function provider(t, answer) {
  let made = 0;
  return startProvider(t, async (seen) => {
    const given = await answer?.(seen);
    if (given) return given;
    const [, id, part = ''] = /^\/v1\/messages\/batches\/([^/?]+)([^?]*)/.exec(seen.path) ?? [];
    if (id === undefined) return { json: described(`msgbatch_${made += 1}`) };
    if (seen.method === 'DELETE') return { json: { id, type: 'message_batch_deleted' } };
    if (part === '/cancel') return { json: described(id, { processing_status: 'canceling' }) };
    if (part === '/results') {
      return { json: RESULTS, headers: { 'content-type': 'application/x-jsonl' } };
    }
    return { json: described(id, { processing_status: 'ended',
      results_url: `https://api.anthropic.com/v1/messages/batches/${id}/results` }) };
  });
}

async function shop(t, { answer, config = {} } = {}) {
  const anthropic = await provider(t, answer);
  const gateway = await startGateway(t, { config: {
    upstreams: { anthropic: { kind: 'anthropic', url: anthropic.url, credential: 'sk-ant-demo' } },
    models: MODELS, ...config } });
  const client = (apiKey) => new Anthropic({ apiKey, baseURL: gateway.url, maxRetries: 0 });
  const post = (token, body) => call(`${gateway.url}/v1/messages/batches`,
    { method: 'POST', headers: bearer(token, { 'anthropic-version': '2023-06-01' }), body });
  return { anthropic, gateway, client, post };
}

async function attenuate(token, ...flags) {
  const { stdout, said, code } = await run(satgate, ['token', 'attenuate', token, ...flags]);
  assert.equal(code, 0, said);
  return /sg_\S+/.exec(stdout)[0];
}

test('a batch is held and charged at the sum of its bounds, and marked as an estimate',
  async (t) => {
    const { anthropic, gateway, client } = await shop(t);
    const elements = [element('a'), element('b', { model: 'claude-b', max_tokens: 50 }),
      element('c')];
    const exact = bound(elements);
    const poor = client(await gateway.token('poor', '--total-limit', (exact - 1e-6).toFixed(9)));
    await assert.rejects(poor.messages.batches.create({ requests: elements }), { status: 402 });
    assert.equal(anthropic.calls.length, 0);
    const fits = client(await gateway.token('fits', '--total-limit', (exact + 1e-8).toFixed(9)));
    const batch = await fits.messages.batches.create({ requests: elements });
    assert.equal(batch.processing_status, 'in_progress');
    assert.deepEqual(anthropic.calls[0].body, { requests: elements }, 'as it was sent');
    assert.equal(anthropic.calls[0].headers['x-api-key'], 'sk-ant-demo');
    near(await gateway.spent('fits'), exact);
    const [event] = await gateway.events('&decision=allow');
    assert.deepEqual([event.usage_missing, event.model, event.endpoint],
      [true, undefined, '/v1/messages/batches']);
    near(event.cost, exact);
  });

test('of one model its name is in the record; without a price for batches it is the usual one',
  async (t) => {
    const { gateway, client } = await shop(t);
    const elements = [element('a', { model: 'claude-b' }), element('b', { model: 'claude-b' })];
    await client(await gateway.token('agent', '--total-limit', '1')).messages.batches
      .create({ requests: elements });
    near(await gateway.spent('agent'), bound(elements));
    assert.equal((await gateway.events('&decision=allow'))[0].model, 'claude-b');
  });

test('a mark of the cache makes an element as dear as a write', async (t) => {
  const { gateway, client } = await shop(t);
  const one = element('a', { system: [{ type: 'text', text: 'x'.repeat(500),
    cache_control: { type: 'ephemeral' } }] });
  await client(await gateway.token('agent', '--total-limit', '1')).messages.batches
    .create({ requests: [one] });
  near(await gateway.spent('agent'), (bytes(one) * 3 + 100 * 7.5) / 1e6);
});

test('one element that may not be makes all of it not be, and says which', async (t) => {
  const { anthropic, gateway, post } = await shop(t);
  const token = await gateway.token('agent', '--total-limit', '1');
  const cases = [
    [element('bad-1', { model: 'nobody-knows-me' }), 503, /nobody-knows-me.*bad-1/],
    [element('bad-2', { messages: [{ role: 'user', content: [{ type: 'image', source: {} }] }] }),
      503, /'image'.*bad-2/],
    [element('bad-3', { max_tokens: undefined }), 400, /bad-3.*max_tokens/],
    [element('bad-4', { mcp_servers: [{ url: 'https://x.example' }] }), 503, /mcp_servers.*bad-4/],
    [element('good'), 400, /custom_id/],
    [{ custom_id: 'bad-5' }, 400, /params/],
    [{ ...element('bad-6'), max_price: 3 }, 503, /beside custom_id and params/],
    ['text', 400, /params/],
  ];
  for (const [bad, status, message] of cases) {
    const { status: told, json } = await post(token, { requests: [element('good'), bad] });
    assert.equal(told, status, JSON.stringify(json));
    assert.match(json.error.message, message);
    assert.equal(json.type, 'error');
  }
  const narrow = await attenuate(token, '--models', 'claude-a');
  const mixed = { requests: [element('good'), element('bad-7', { model: 'claude-b' })] };
  const denied = await post(narrow, mixed);
  assert.deepEqual([denied.status, denied.json.error.code], [403, 'model_denied']);
  assert.match(denied.json.error.message, /claude-b.*bad-7/);
  for (const body of [{}, { requests: [] }, { requests: {} }, [], '{"requests":[', 'x',
    { requests: [element('a')], Requests: [] }]) {
    assert.equal((await post(token, body)).status, 400, JSON.stringify(body));
  }
  assert.equal(anthropic.calls.length, 0);
  assert.equal(await gateway.spent('agent'), 0);
  assert.equal((await post(narrow, { requests: [element('a')] })).status, 200);
});

test('ten thousand elements pass, and one more does not', async (t) => {
  const { anthropic, gateway, post } = await shop(t);
  const token = await gateway.token('agent', '--total-limit', '1000');
  const elements = Array.from({ length: 10_000 }, (_, i) => element(`id-${i}`));
  assert.equal((await post(token, { requests: elements })).status, 200);
  const spent = await gateway.spent('agent');
  assert.ok(Math.abs(spent - bound(elements)) < 1e-4, `${spent}`);
  const more = await post(token, { requests: [...elements, element('more')] });
  assert.equal(more.status, 400);
  assert.match(more.json.error.message, /10000/);
  assert.equal(anthropic.calls.length, 1);
});

test('who made a batch follows it to its results, for nothing; others can not', async (t) => {
  const { anthropic, gateway, client } = await shop(t);
  const token = await gateway.token('agent', '--total-limit', '1');
  const [one, two] = await Promise.all(['one', 'two'].map((holder) =>
    attenuate(token, '--holder', holder)));
  const { id } = await client(one).messages.batches.create({ requests: [element('a')] });
  const spent = await gateway.spent('agent');
  for (const who of [one, token]) {
    const { batches } = client(who).messages;
    assert.equal((await batches.retrieve(id)).results_url,
      `/v1/messages/batches/${id}/results`, 'not past the gateway');
    const results = [];
    for await (const result of await batches.results(id)) results.push(result.custom_id);
    assert.deepEqual(results, ['a', 'b']);
    assert.equal((await batches.cancel(id)).processing_status, 'canceling');
    assert.equal((await batches.delete(id)).type, 'message_batch_deleted');
  }
  assert.equal(await gateway.spent('agent'), spent);
  const sent = anthropic.calls.length;
  const stranger = await gateway.token('stranger', '--total-limit', '1');
  const child = await attenuate(one, '--holder', 'child');
  for (const who of [two, stranger, child]) {
    const { batches } = client(who).messages;
    for (const attempt of [() => batches.retrieve(id), () => batches.results(id),
      () => batches.cancel(id), () => batches.delete(id)]) {
      await assert.rejects(attempt(), (error) => error.status === 404
        && error.error.error.code === 'answer_unknown'
        && error.error.error.type === 'not_found_error');
    }
  }
  const path = `${gateway.url}/v1/messages/batches`;
  for (const trick of [`${id}/..%2f..%2fx`, `${id}/results/`, `${id}%2fresults`]) {
    const { status } = await call(`${path}/${trick}`, { headers: bearer(one) });
    assert.ok(status === 400 || status === 404, `${trick}: ${status}`);
  }
  const list = await call(path, { headers: bearer(one) });
  assert.deepEqual([list.status, list.json.error.code], [503, 'price_unknown']);
  assert.equal(anthropic.calls.length, sent);
});

test('a batch that the provider does not take costs nothing', async (t) => {
  const { gateway, client } = await shop(t, { answer: () => ({ status: 400,
    json: { type: 'error', error: { type: 'invalid_request_error', message: 'no' } } }) });
  const mine = client(await gateway.token('agent', '--total-limit', '1'));
  await assert.rejects(mine.messages.batches.create({ requests: [element('a')] }),
    { status: 400 });
  assert.equal(await gateway.spent('agent'), 0);
});

test('a storm of batches never goes past the cap, and kill -9 loses none of them', async (t) => {
  const { anthropic, gateway, post } = await shop(t);
  const elements = Array.from({ length: 50 }, (_, i) => element(`id-${i}`));
  const each = bound(elements);
  const token = await gateway.token('agent', '--total-limit', (each * 7.5).toFixed(9));
  const answers = await together(60, () => post(token, { requests: elements }));
  const counts = tally(answers, ({ status }) => status);
  assert.deepEqual(counts, { 200: 7, 402: 53 });
  assert.equal(anthropic.calls.length, 7);
  near(await gateway.spent('agent'), 7 * each);
  await gateway.kill9();
  await gateway.start();
  near(await gateway.spent('agent'), 7 * each);
  assert.equal((await post(token, { requests: elements })).status, 402);
});

test('a batch whose answer nobody has seen is charged after a crash', async (t) => {
  let asked;
  const arrived = new Promise((resolve) => { asked = resolve; });
  const { gateway, post } = await shop(t, { answer: () => {
    asked();
    return new Promise(() => {});
  } });
  const token = await gateway.token('agent', '--total-limit', '1');
  const lost = post(token, { requests: [element('a')] });
  await arrived;
  await gateway.kill9();
  await lost;
  await gateway.start();
  near(await gateway.spent('agent'), bound([element('a')]));
});

test('neither routing nor the cache touches a batch', async (t) => {
  const { anthropic, gateway, post } = await shop(t, { config: { cache: { ttl: '1m' },
    routing: { lowStakes: { inputBelow: 100_000, outputBelow: 100_000, use: 'claude-b' } } } });
  const token = await gateway.token('agent', '--total-limit', '1');
  const body = { requests: [element('a')] };
  for (let i = 0; i < 2; i++) assert.equal((await post(token, body)).status, 200);
  assert.deepEqual(anthropic.calls.map((seen) => seen.body), [body, body]);
});

test('OpenAI keeps the requests of a batch in a file: no bound, no passage, and it says so',
  async (t) => {
    const openai = await startProvider(t, () => ({ json: {} }));
    const gateway = await startGateway(t, { config: { upstreams: { openai: { kind: 'openai',
      url: `${openai.url}/v1`, credential: 'sk-demo' } } } });
    const client = new OpenAI({ apiKey: await gateway.token('agent', '--total-limit', '1'),
      baseURL: `${gateway.url}/v1`, maxRetries: 0 });
    await assert.rejects(client.batches.create({ input_file_id: 'file_1',
      endpoint: '/v1/responses', completion_window: '24h' }),
    { status: 503, code: 'price_unknown', message: /file/ });
    await assert.rejects(client.files.list(), { status: 503, code: 'price_unknown' });
    assert.equal(openai.calls.length, 0);
  });
