// Lists of models: what the token may use, with prices, by the unmodified clients.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { bearer, call, startGateway } from './gateway.mjs';
import { startProvider } from './provider.mjs';

const model = (id) => ({ id, object: 'model', created: 1, owned_by: 'openai' });

function answer({ path }) {
  if (path === '/v1/models') {
    return { json: { object: 'list', data: ['best-1', 'flat-1', 'unpriced-1'].map(model) } };
  }
  const id = path.slice('/v1/models/'.length);
  return id === 'none' ? { status: 404, json: { error: { message: 'no such model' } } }
    : { json: model(id) };
}

async function shop(t, config = {}) {
  const provider = await startProvider(t, answer);
  const gateway = await startGateway(t, { config: {
    upstreams: { openai: { kind: 'openai', url: `${provider.url}/v1`, credential: 'key' } },
    models: { 'best-1': { input: 2.5, cachedInput: 0.5, output: 10 }, 'flat-1': { cost: 3 } },
    ...config,
  } });
  const client = (token) => new OpenAI({ apiKey: token, baseURL: `${gateway.url}/v1`,
    maxRetries: 0 });
  return { provider, gateway, client };
}

async function list(client) {
  const models = [];
  for await (const one of client.models.list()) models.push(one);
  return models;
}

test('a list holds what the token may use, each with its price', async (t) => {
  const { provider, gateway, client } = await shop(t);
  const all = await list(client(await gateway.token('agent', '--total-limit', '1')));
  assert.deepEqual(all.map((m) => m.id), ['best-1', 'flat-1'], 'what has a price');
  assert.deepEqual(all[0]['io.satgate/price'], { unit: 'credits',
    per_million_tokens: { input: 2.5, cached_input: 0.5, output: 10 } });
  assert.deepEqual(all[1]['io.satgate/price'], { cost: 3, unit: 'credits' });
  assert.equal(all[0].owned_by, 'openai');
  const one = await list(client(await gateway.token('one', '--model', 'flat-*')));
  assert.deepEqual(one.map((m) => m.id), ['flat-1']);
  assert.equal(provider.calls[0].headers.authorization, 'Bearer key');
  assert.equal(await gateway.spent('agent'), 0);
});

test('a single model is there only for those who may use it', async (t) => {
  const { gateway, client } = await shop(t);
  const openai = client(await gateway.token('agent', '--model', 'best-1'));
  assert.equal((await openai.models.retrieve('best-1'))['io.satgate/price'].unit, 'credits');
  for (const id of ['flat-1', 'unpriced-1']) {
    await assert.rejects(openai.models.retrieve(id), { status: 404, code: 'model_not_found' });
  }
  await assert.rejects(openai.models.retrieve('none'), { status: 404, message: /no such model/ });
});

test('nothing is listed without a token, or with one for other endpoints', async (t) => {
  const { provider, gateway } = await shop(t);
  assert.equal((await call(`${gateway.url}/v1/models`)).status, 401);
  const token = await gateway.token('chat', '--endpoint', '/v1/chat/*');
  const refused = await call(`${gateway.url}/v1/models`, { headers: bearer(token) });
  assert.equal(refused.status, 403);
  assert.equal(refused.json.error, 'endpoint_denied');
  assert.equal(provider.calls.length, 0);
});

test('a list that can not be read is not passed on', async (t) => {
  const provider = await startProvider(t, () => ({ json: { models: ['best-1'] } }));
  const gateway = await startGateway(t, { config: {
    upstreams: { openai: { kind: 'openai', url: `${provider.url}/v1`, credential: 'key' } } } });
  const token = await gateway.token('agent');
  const { status, json } = await call(`${gateway.url}/v1/models`, { headers: bearer(token) });
  assert.equal(status, 502);
  assert.match(json.message, /list of models/);
});

test('no caveat on models is passed by a path that only looks like the list', async (t) => {
  const { provider, gateway } = await shop(t);
  const token = await gateway.token('one', '--model', 'flat-1');
  for (const path of ['/v1/models-admin', '/v1/models.json', '/v1/modelsx/best-1']) {
    const { status } = await call(gateway.url + path, { headers: bearer(token) });
    assert.ok(status === 403 || status === 503, `${path} ${status}`);
  }
  assert.equal(provider.calls.length, 0);
});

test('observe shows everything', async (t) => {
  const { client } = await shop(t, { mode: 'observe' });
  const all = await list(client('sk-own'));
  assert.deepEqual(all.map((m) => m.id), ['best-1', 'flat-1', 'unpriced-1']);
});

test('pages of Anthropic begin and end with what is left', async (t) => {
  const provider = await startProvider(t, () => ({ json: { has_more: false, first_id: 'claude-a',
    last_id: 'claude-c', data: ['claude-a', 'claude-b', 'claude-c'].map((id) => (
      { id, type: 'model', display_name: id, created_at: '2026-01-01T00:00:00Z' })) } }));
  const gateway = await startGateway(t, { config: {
    upstreams: { anthropic: { kind: 'anthropic', url: provider.url, credential: 'key' } },
    models: { 'claude-b': { input: 3, output: 15 }, 'claude-c': { input: 1, output: 5 } },
  } });
  const client = new Anthropic({ apiKey: await gateway.token('agent'), baseURL: gateway.url });
  const page = await client.models.list();
  assert.deepEqual(page.data.map((m) => m.id), ['claude-b', 'claude-c']);
  assert.deepEqual([page.first_id, page.last_id], ['claude-b', 'claude-c']);
  assert.equal(page.data[0]['io.satgate/price'].per_million_tokens.output, 15);
});
