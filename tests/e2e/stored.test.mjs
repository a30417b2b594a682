// Responses that lie at OpenAI: the gateway holds the key with which anybody could read anybody's,
// so each is there only for those who made it, and those who are above them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import { bearer, call, satgate, run, startGateway, tally, together } from './gateway.mjs';
import { startProvider } from './provider.mjs';

const MODEL = 'demo-model';
const PRICE = { input: 2, cachedInput: 0.5, output: 8, context: 10_000 };
const USAGE = { input_tokens: 40, output_tokens: 12, total_tokens: 52 };

const response = (id, extra = {}) => ({ id, object: 'response', created_at: 1, model: MODEL,
  status: 'completed', error: null, incomplete_details: null, output: [], usage: USAGE,
  parallel_tool_calls: true, tools: [], ...extra });

const stream = (id) => [
  ['response.created', { response: response(id, { status: 'in_progress', usage: null }) }],
  ['response.output_text.delta', { item_id: 'msg_1', output_index: 0, content_index: 0,
    delta: 'Mild.' }],
  ['response.completed', { response: response(id) }],
].map(([type, data], number) => [type, { type, ...data, sequence_number: number }]);

// Makes resp_1, resp_2, ... and keeps nothing: it would answer for any id.
function provider(t) {
  let made = 0;
  return startProvider(t, ({ method, path, body }) => {
    const [, id, part = ''] = /^\/v1\/responses\/([^/?]+)([^?]*)/.exec(path) ?? [];
    if (id === undefined) {
      const next = `resp_${made += 1}`;
      return body.stream ? { events: stream(next), pauseMs: body.pause ?? 2 }
        : { json: body.background ? response(next, { status: 'queued', usage: null })
          : response(next) };
    }
    if (method === 'DELETE') return { json: { id, object: 'response', deleted: true } };
    if (part === '/input_items') return { json: { object: 'list', data: [], has_more: false } };
    if (part === '/cancel') return { json: response(id, { status: 'cancelled' }) };
    if (path.includes('stream=true')) return { events: stream(id), pauseMs: 2 };
    return { json: response(id) };
  });
}

async function shop(t, { config = {}, upstream = {} } = {}) {
  const openai = await provider(t);
  const gateway = await startGateway(t, { config: {
    upstreams: { openai: { kind: 'openai', url: `${openai.url}/v1`, credential: 'sk-demo',
      ...upstream } },
    models: { [MODEL]: PRICE }, ...config } });
  const client = (apiKey) => new OpenAI({ apiKey, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
  return { openai, gateway, client };
}

const ask = { model: MODEL, input: 'Paris?', max_output_tokens: 100 };
const UNKNOWN = { status: 404, type: 'invalid_request_error', code: 'answer_unknown' };

// All that can be asked of one stored response.
const asking = (openai, id) => [
  () => openai.responses.retrieve(id),
  () => openai.responses.retrieve(id, { stream: true }),
  () => openai.responses.inputItems.list(id),
  () => openai.responses.cancel(id),
  () => openai.responses.delete(id),
];

async function attenuate(token, ...flags) {
  const { stdout, said, code } = await run(satgate, ['token', 'attenuate', token, ...flags]);
  assert.equal(code, 0, said);
  return /sg_\S+/.exec(stdout)[0];
}

test('who made a response reads it, continues, cancels and deletes it, for nothing', async (t) => {
  const { openai, gateway, client } = await shop(t);
  const mine = client(await gateway.token('agent', '--total-limit', '1'));
  const { id } = await mine.responses.create({ ...ask, background: true });
  const spent = await gateway.spent('agent');
  assert.equal((await mine.responses.retrieve(id)).status, 'completed');
  const kinds = [];
  for await (const event of await mine.responses.retrieve(id, { stream: true,
    starting_after: 0 })) kinds.push(event.type);
  assert.equal(kinds.at(-1), 'response.completed');
  assert.match(openai.calls.at(-1).path, /stream=true/);
  assert.deepEqual((await mine.responses.inputItems.list(id)).data, []);
  assert.equal((await mine.responses.cancel(id)).status, 'cancelled');
  await mine.responses.delete(id);
  assert.equal(await gateway.spent('agent'), spent);
  await mine.responses.create({ ...ask, previous_response_id: id });
  assert.ok(openai.calls.every(({ headers }) => headers.authorization === 'Bearer sk-demo'));
  const events = (await gateway.events()).filter(({ event }) => event === 'call');
  assert.deepEqual(events.map(({ method, cost, decision }) => [method, cost > 0, decision]), [
    ['POST', true, 'allow'], ['GET', false, 'allow'], ['GET', false, 'allow'],
    ['GET', false, 'allow'], ['POST', false, 'allow'], ['DELETE', false, 'allow'],
    ['POST', true, 'allow']]);
});

test('others get nothing: a sibling, another token, a child; but a parent does', async (t) => {
  const { openai, gateway, client } = await shop(t);
  const token = await gateway.token('agent', '--total-limit', '1');
  const [one, two] = await Promise.all(['one', 'two'].map((holder) =>
    attenuate(token, '--holder', holder)));
  const grandchild = await attenuate(one, '--models', MODEL);
  const stranger = await gateway.token('stranger', '--total-limit', '1');
  const carved = (await gateway.json('mint', '--parent', 'agent', '--budget', '0.1', '--holder',
    'carved')).token;
  const { id } = await client(one).responses.create(ask);
  const top = await client(token).responses.create(ask);
  const sent = openai.calls.length;
  for (const [who, what] of [[two, id], [stranger, id], [grandchild, id], [carved, id],
    [one, top.id], [grandchild, top.id], [carved, top.id], [stranger, 'resp_99']]) {
    for (const attempt of asking(client(who), what)) await assert.rejects(attempt(), UNKNOWN);
    if (what === 'resp_99') continue;
    await assert.rejects(client(who).responses.create({ ...ask, previous_response_id: what }),
      { status: 403, code: 'answer_denied' });
  }
  assert.equal(openai.calls.length, sent, 'nothing has left');
  for (const [who, what] of [[token, id], [one, id], [token, top.id]]) {
    assert.equal((await client(who).responses.retrieve(what)).id, what);
    await client(who).responses.create({ ...ask, previous_response_id: what });
  }
  const refused = (await gateway.events('&decision=deny')).map(({ code }) => code);
  assert.deepEqual(tally(refused, (code) => code), { answer_unknown: 40, answer_denied: 7 });
  const { json } = await call(`${gateway.url}/v1/responses/${id}`, { headers: bearer(stranger) });
  assert.match(json.error.message, /restart/);
  assert.equal(json.error.param, null);
});

test('the id of a stream is known before its first byte is out', async (t) => {
  const { client, gateway } = await shop(t);
  const mine = client(await gateway.token('agent', '--total-limit', '1'));
  const events = await mine.responses.create({ ...ask, stream: true, pause: 200 });
  for await (const event of events) {
    if (event.type !== 'response.created') continue;
    assert.equal((await mine.responses.cancel(event.response.id)).status, 'cancelled');
  }
});

test('a path with tricks leads nowhere', async (t) => {
  const { openai, gateway, client } = await shop(t);
  const token = await gateway.token('agent', '--total-limit', '1');
  const { id } = await client(token).responses.create(ask);
  const sent = openai.calls.length;
  const get = async (path, method = 'GET') =>
    (await call(`${gateway.url}/v1/responses/${path}`, { method, headers: bearer(token) })).status;
  for (const path of [`${id}/..%2f..%2fresp_9`, `${id}/../resp_9`, `${id}%2Finput_items`,
    `..%2f${id}`, `%2e%2e/${id}`, `${id}//input_items`, `${id};x=/../resp_9`, `${id}%00`]) {
    const status = await get(path);
    assert.ok(status === 400 || status === 404, `${path}: ${status}`);
  }
  for (const path of [`${id}/output`, `${id}/input_items/x`, `${id}/`, '', `${id}%20`, `${id}%3Fx`,
    `x@${id}`, `RESP_1`, `${id}%E2%80%8B`]) assert.equal(await get(path), 404, path);
  assert.equal(await get(`${id}/cancel/cancel`, 'POST'), 404);
  assert.equal(await get(`${id}/cancel`, 'DELETE'), 404);
  assert.equal(await get('compact', 'POST'), 503, 'it has no price');
  assert.equal(openai.calls.length, sent);
  assert.equal(await get('%72esp_1'), 200, 'the same id in another spelling');
  assert.equal(openai.calls.at(-1).path, '/v1/responses/resp_1');
});

test('caveats hold for stored responses, too', async (t) => {
  const { gateway, client } = await shop(t);
  const token = await gateway.token('agent', '--total-limit', '1');
  const narrow = client(await attenuate(token, '--endpoints', '/v1/responses'));
  const { id } = await narrow.responses.create(ask);
  await assert.rejects(narrow.responses.retrieve(id), { status: 403, code: 'endpoint_denied' });
  const model = client(await attenuate(token, '--models', MODEL));
  const other = await model.responses.create(ask);
  assert.equal((await model.responses.retrieve(other.id)).id, other.id);
  const gone = client(await gateway.token('gone', '--total-limit', '1'));
  const third = await gone.responses.create(ask);
  await gateway.json('token', 'revoke', 'gone');
  await assert.rejects(gone.responses.retrieve(third.id), { status: 401, code: 'token_revoked' });
});

test('who has spent everything still reads what was paid for, as often as it takes', async (t) => {
  const { gateway, client } = await shop(t,
    { config: { loopGuard: { repeats: 2, window: '1m' } } });
  const mine = client(await gateway.token('agent', '--total-limit', '0.00085'));
  const { id } = await mine.responses.create({ ...ask, max_output_tokens: 60, background: true });
  await assert.rejects(mine.responses.create(ask), { status: 402 });
  for (let i = 0; i < 6; i++) assert.equal((await mine.responses.retrieve(id)).id, id);
});

test('a restart forgets: nobody reads it, and who made it may still go on from it', async (t) => {
  const { gateway, client } = await shop(t);
  const mine = client(await gateway.token('agent', '--total-limit', '1'));
  const { id } = await mine.responses.create(ask);
  await gateway.kill9();
  await gateway.start();
  await assert.rejects(mine.responses.retrieve(id), UNKNOWN);
  await mine.responses.create({ ...ask, previous_response_id: id });
});

test('what a fallback made is asked for where it lies', async (t) => {
  const broken = await startProvider(t, () => ({ status: 500, json: { error: {} } }));
  const { openai, gateway, client } = await shop(t, { config: {} });
  const file = { upstreams: {
    first: { kind: 'openai', url: `${broken.url}/v1`, credential: 'sk-first' },
    second: { kind: 'openai', url: `${openai.url}/v1`, credential: 'sk-second' } },
  models: { [MODEL]: PRICE },
  routing: { fallbacks: { [MODEL]: [{ upstream: 'second' }] } } };
  await gateway.stop();
  gateway.options.config = file;
  await gateway.start();
  const mine = client(await gateway.token('agent', '--total-limit', '1'));
  const { id } = await mine.responses.create(ask);
  assert.equal((await mine.responses.retrieve(id)).id, id);
  assert.equal(openai.calls.at(-1).headers.authorization, 'Bearer sk-second');
  assert.equal((await gateway.events()).at(-1).upstream, 'second');
});

test('a cached answer may be continued by those who were given it, and read by none', async (t) => {
  const { gateway, client } = await shop(t, { config: { cache: { ttl: '1m' } } });
  const token = await gateway.token('agent', '--total-limit', '1');
  const [one, two] = await Promise.all(['one', 'two'].map((holder) =>
    attenuate(token, '--holder', holder)));
  const { id } = await client(one).responses.create(ask);
  const again = await client(two).responses.create(ask).withResponse();
  assert.equal(again.response.headers.get('x-satgate-cache'), 'hit');
  assert.equal(again.data.id, id);
  await client(two).responses.create({ ...ask, previous_response_id: id });
  await assert.rejects(client(two).responses.retrieve(id), UNKNOWN);
  await assert.rejects(client(two).responses.delete(id), UNKNOWN);
});

test('many make and read at once: each only its own', async (t) => {
  const { gateway, client } = await shop(t);
  const tokens = await Promise.all(Array.from({ length: 4 }, (_, i) =>
    gateway.token(`agent-${i}`, '--total-limit', '10')));
  const made = await together(80, async (i) => ({ owner: i % 4,
    id: (await client(tokens[i % 4]).responses.create(ask)).id }));
  const read = await together(160, async (i) => {
    const { owner, id } = made[i % 80];
    const reader = (owner + (i < 80 ? 0 : 1)) % 4;
    const { status } = await call(`${gateway.url}/v1/responses/${id}`,
      { headers: bearer(tokens[reader]) });
    return status;
  });
  assert.deepEqual(tally(read, (status) => status), { 200: 80, 404: 80 });
});

test('observe with the keys of applications passes all: the provider knows whose they are',
  async (t) => {
    const { openai, gateway, client } = await shop(t,
      { config: { mode: 'observe' }, upstream: { credential: 'passthrough' } });
    const own = client('sk-proj-own-key-of-an-application-1');
    const { data, response: head } = await own.responses.retrieve('resp_77').withResponse();
    assert.equal(data.id, 'resp_77');
    assert.equal(head.headers.get('x-satgate-would-deny'), null);
    assert.match(openai.calls[0].headers.authorization, /own-key/);
    const [event] = (await gateway.events()).filter(({ event: kind }) => kind === 'call');
    assert.deepEqual([event.decision, event.cost], ['allow', 0]);
  });
