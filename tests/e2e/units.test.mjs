// What is not billed by the usual tokens: pictures, speech, service tiers. The `openai` client.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import { bearer, call, startGateway } from './gateway.mjs';
import { startProvider } from './provider.mjs';

const TIERS = { priority: { input: 20, output: 200 }, flex: { input: 5, output: 50 } };

async function shop(t, answer) {
  const provider = await startProvider(t, answer);
  const gateway = await startGateway(t, { config: {
    upstreams: { openai: { kind: 'openai', url: `${provider.url}/v1`, credential: 'key' } },
    models: {
      'picture-1': { image: 0.04 },
      'voice-1': { characters: 15 },
      'chat-1': { input: 10, output: 100, serviceTiers: TIERS },
      'plain-1': { input: 10, output: 100 },
    },
    endpoints: { '/v1/audio/transcriptions': { cost: 0.5 } },
  } });
  const client = (token) => new OpenAI({ apiKey: token, baseURL: `${gateway.url}/v1`,
    maxRetries: 0 });
  return { provider, gateway, client };
}

test('pictures are charged by the piece, errors are free', async (t) => {
  let status = 200;
  const { provider, gateway, client } = await shop(t, () => ({ status,
    json: { created: 1, data: [{ b64_json: 'aGk=' }], error: status > 200 ? {} : undefined } }));
  const openai = client(await gateway.token('agent', '--total-limit', '0.2'));
  const draw = (n) => openai.images.generate({ model: 'picture-1', prompt: 'a cat', n });
  assert.equal((await draw(3)).data[0].b64_json, 'aGk=');
  assert.equal(await gateway.spent('agent'), 0.12);
  status = 500;
  await assert.rejects(draw(1), { status: 500 });
  assert.equal(await gateway.spent('agent'), 0.12);
  status = 200;
  await assert.rejects(draw(3), { status: 402, code: 'budget_exhausted' });
  await draw(undefined);
  await draw(1);
  assert.equal(await gateway.spent('agent'), 0.2);
  assert.equal(provider.calls.length, 4);
  await assert.rejects(openai.images.generate({ model: 'voice-1', prompt: 'x' }),
    { status: 503, code: 'price_unknown' });
});

test('speech is charged by the character, and arrives as it was sent', async (t) => {
  const sound = Buffer.from([0, 255, 1, 254, 10, 13]);
  const { gateway, client } = await shop(t, () => ({ json: sound,
    headers: { 'content-type': 'audio/mpeg' } }));
  const openai = client(await gateway.token('agent', '--total-limit', '1'));
  const answer = await openai.audio.speech.create({ model: 'voice-1', voice: 'alloy',
    input: 'Grüße 😀' });
  assert.deepEqual(Buffer.from(await answer.arrayBuffer()), sound);
  assert.equal(answer.headers.get('content-type'), 'audio/mpeg');
  assert.equal(await gateway.spent('agent'), 7 * 15 / 1e6);
});

test('transcription takes the price of its path', async (t) => {
  const { provider, gateway, client } = await shop(t, () => ({ json: { text: 'hello' } }));
  const openai = client(await gateway.token('agent', '--total-limit', '1'));
  const file = new File([Buffer.alloc(1000)], 'a.wav');
  assert.equal((await openai.audio.transcriptions.create({ file, model: 'whisper-1' })).text,
    'hello');
  assert.equal(await gateway.spent('agent'), 0.5);
  const token = await gateway.token('other');
  const refused = await call(`${gateway.url}/v1/audio/translations`,
    { method: 'POST', headers: bearer(token), body: '{}' });
  assert.equal(refused.status, 503);
  assert.equal(provider.calls.length, 1);
});

test('a service tier is held at its price and charged as it was served', async (t) => {
  const { gateway, client } = await shop(t, ({ body }) => ({ json: { id: 'c',
    object: 'chat.completion', created: 1, model: body.model, service_tier: body.metadata.served,
    usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
    choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'Hi' } }],
  } }));
  const openai = client(await gateway.token('agent', '--total-limit', '10'));
  let before = 0;
  const charged = async (service_tier, served, model = 'chat-1') => {
    await openai.chat.completions.create({ model, max_tokens: 100, service_tier,
      metadata: { served }, messages: [{ role: 'user', content: 'Hi' }] });
    const spent = await gateway.spent('agent');
    const cost = Math.round((spent - before) * 1e6);
    before = spent;
    return cost;
  };
  assert.equal(await charged('priority', 'priority'), 10 * 20 + 5 * 200);
  assert.equal(await charged('priority', 'default'), 10 * 10 + 5 * 100);
  assert.equal(await charged('flex', 'flex'), 10 * 5 + 5 * 50);
  assert.equal(await charged(undefined, 'default'), 10 * 10 + 5 * 100);
  assert.equal(await charged('flex', 'flex', 'plain-1'), 10 * 10 + 5 * 100);
  await assert.rejects(charged('priority', 'priority', 'plain-1'),
    { status: 503, code: 'price_unknown' });
});
