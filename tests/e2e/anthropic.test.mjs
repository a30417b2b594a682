// The official `@anthropic-ai/sdk` through the gateway, against recorded answers of the provider.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { bearer, call, startGateway } from './gateway.mjs';
import { startProvider } from './provider.mjs';

const KEY = 'sk-ant-demo-key';
const MODEL = 'claude-sonnet-demo';
// Credits for a million tokens. A price of its own, so that no change of a table moves the tests.
const PRICE = { input: 3, cachedInput: 0.3, cacheWrite: 3.75, output: 15 };

const USAGE = { input_tokens: 20, cache_creation_input_tokens: 0, cache_read_input_tokens: 0,
  output_tokens: 10, service_tier: 'standard' };

function message(usage = {}, extra = {}) {
  return { id: 'msg_1', type: 'message', role: 'assistant', model: MODEL,
    content: [{ type: 'text', text: 'Hello there.' }], stop_reason: 'end_turn',
    stop_sequence: null, usage: { ...USAGE, ...usage }, ...extra };
}

// A stream as api.anthropic.com sends it.
function stream(usage = {}, words = ['Hello', ' there', '.']) {
  const { output_tokens: output, ...input } = { ...USAGE, ...usage };
  const { content, ...head } = message();
  return [
    ['message_start', { type: 'message_start', message: { ...head, content: [], stop_reason: null,
      usage: { ...input, output_tokens: 1 } } }],
    ['content_block_start', { type: 'content_block_start', index: 0,
      content_block: { type: 'text', text: '' } }],
    ['ping', { type: 'ping' }],
    ...words.map((text) => ['content_block_delta', { type: 'content_block_delta', index: 0,
      delta: { type: 'text_delta', text } }]),
    ['content_block_stop', { type: 'content_block_stop', index: 0 }],
    ['message_delta', { type: 'message_delta', delta: { stop_reason: 'end_turn',
      stop_sequence: null }, usage: { output_tokens: output } }],
    ['message_stop', { type: 'message_stop' }],
  ];
}

async function shop(t, answer, extra = {}) {
  const provider = await startProvider(t, answer);
  const gateway = await startGateway(t, { config: {
    upstreams: { anthropic: { kind: 'anthropic', url: provider.url, credential: KEY,
      ...extra.upstream } },
    models: { [MODEL]: PRICE },
    ...extra.config,
  } });
  const client = (token, options = {}) =>
    new Anthropic({ apiKey: token, baseURL: gateway.url, ...options });
  return { provider, gateway, client };
}

const ask = (extra = {}) => ({ model: MODEL, max_tokens: 100,
  messages: [{ role: 'user', content: 'Hello' }], ...extra });

const cost = ({ input = 0, cached = 0, write = 0, output = 0 }) =>
  (input * PRICE.input + cached * PRICE.cachedInput + write * PRICE.cacheWrite +
    output * PRICE.output) / 1e6;

const near = (actual, wanted) => assert.ok(Math.abs(actual - wanted) < 2e-9,
  `${actual} is not ${wanted}`);

async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return assert.fail('was not refused');
}

test('a message is charged for the tokens it used', async (t) => {
  const { provider, gateway, client } = await shop(t, () => ({ json: message() }));
  const token = await gateway.token('agent', '--daily-limit', '10');
  const answer = await client(token).messages.create(ask());
  assert.equal(answer.content[0].text, 'Hello there.');
  near(await gateway.spent('agent'), cost({ input: 20, output: 10 }));
  const [seen] = provider.calls;
  assert.equal(seen.path, '/v1/messages');
  assert.equal(seen.headers['x-api-key'], KEY, 'the credential of the upstream');
  assert.ok(seen.headers['anthropic-version']);
  assert.ok(!JSON.stringify(seen).includes('sg_'), 'the token stays here');
  const [event] = await gateway.events('&decision=allow');
  assert.deepEqual([event.protocol, event.model, event.upstream, event.endpoint],
    ['anthropic', MODEL, 'anthropic', '/v1/messages']);
});

test('a token in Authorization does as well as one in x-api-key', async (t) => {
  const { provider, gateway, client } = await shop(t, () => ({ json: message() }));
  const token = await gateway.token('agent', '--daily-limit', '10');
  await client(null, { authToken: token }).messages.create(ask());
  assert.equal(provider.calls[0].headers.authorization, undefined);
  assert.equal(provider.calls[0].headers['x-api-key'], KEY);
});

test('what is written to the cache and read from it has prices of its own', async (t) => {
  const { gateway, client } = await shop(t, () => ({ json: message({
    cache_creation_input_tokens: 40, cache_read_input_tokens: 30 }) }));
  const token = await gateway.token('agent', '--daily-limit', '10');
  await client(token).messages.create(ask({ system: [{ type: 'text',
    text: 'x'.repeat(200), cache_control: { type: 'ephemeral' } }] }));
  near(await gateway.spent('agent'), cost({ input: 20, write: 40, cached: 30, output: 10 }));
});

test('a stream arrives whole and costs what the same message does', async (t) => {
  const { gateway, client } = await shop(t, () => ({ events: stream(), pauseMs: 5 }));
  const token = await gateway.token('agent', '--daily-limit', '10');
  const running = client(token).messages.stream(ask());
  const kinds = [];
  running.on('streamEvent', (event) => kinds.push(event.type));
  assert.equal(await running.finalText(), 'Hello there.');
  assert.equal(kinds.at(-1), 'message_stop');
  near(await gateway.spent('agent'), cost({ input: 20, output: 10 }));
});

test('a cut stream costs its bound, and the client is told', async (t) => {
  const { gateway, client } = await shop(t, () => ({ events: stream(), cutAfter: 5, pauseMs: 5 }));
  const token = await gateway.token('agent', '--daily-limit', '10');
  const error = await refusal(client(token, { maxRetries: 0 }).messages.stream(ask()).finalText());
  assert.ok(error instanceof Anthropic.APIError, String(error));
  // The input is known from the first event; of the output nobody can tell.
  near(await gateway.spent('agent'), cost({ input: 20, output: 100 }));
  const [event] = await gateway.events('&decision=allow');
  assert.equal(event.usage_missing, true);
});

test('an error in the middle of a stream reaches the client as it is', async (t) => {
  const overloaded = ['error', { type: 'error',
    error: { type: 'overloaded_error', message: 'Overloaded' } }];
  const { gateway, client } = await shop(t,
    () => ({ events: [...stream().slice(0, 4), overloaded] }));
  const token = await gateway.token('agent', '--daily-limit', '10');
  const error = await refusal(client(token, { maxRetries: 0 }).messages.stream(ask()).finalText());
  assert.match(error.message, /overloaded_error/);
  near(await gateway.spent('agent'), cost({ input: 20, output: 100 }));
});

test('an error of the provider costs nothing', async (t) => {
  const { gateway, client } = await shop(t, () => ({ status: 529, json: { type: 'error',
    error: { type: 'overloaded_error', message: 'Overloaded' } } }));
  const token = await gateway.token('agent', '--daily-limit', '10');
  const error = await refusal(client(token, { maxRetries: 0 }).messages.create(ask()));
  assert.equal(error.status, 529);
  assert.equal(await gateway.spent('agent'), 0);
});

test('a used-up limit is refused in the envelope of the provider, and not retried', async (t) => {
  const { provider, gateway, client } = await shop(t, () => ({ json: message() }),
    { config: { models: { [MODEL]: { cost: 1 } } } });
  const token = await gateway.token('agent', '--hourly-limit', '2');
  for (let i = 0; i < 2; i++) await client(token).messages.create(ask());
  const windows = await refusal(client(token).messages.create(ask()));
  assert.deepEqual([windows.status, windows.error.type, windows.error.error.type,
    windows.error.error.code], [429, 'error', 'rate_limit_error', 'budget_exceeded']);
  assert.equal(windows.headers.get('x-should-retry'), 'false');
  assert.match(windows.error.error.resets_at, /Z$/);
  const poor = await gateway.token('poor', '--total-limit', '0.5');
  const gone = await refusal(client(poor).messages.create(ask()));
  assert.deepEqual([gone.status, gone.error.error.type, gone.error.error.code],
    [402, 'billing_error', 'request_exceeds_budget']);
  assert.equal(provider.calls.length, 2, 'nobody called again');
});

test('max_tokens is lowered to what is affordable, and this is disclosed', async (t) => {
  const { provider, gateway, client } = await shop(t, () => ({ json: message() }));
  const token = await gateway.token('agent', '--total-limit', '0.01');
  const { response } = await client(token).messages.create(ask({ max_tokens: 20_000 }))
    .withResponse();
  const clamped = Number(response.headers.get('x-satgate-clamped-max-tokens'));
  assert.ok(clamped > 0 && clamped < 700, `${clamped}`);
  assert.equal(provider.calls[0].body.max_tokens, clamped);
});

test('tokens are counted for nothing, under the same rules of access', async (t) => {
  const { provider, gateway, client } = await shop(t, () => ({ json: { input_tokens: 12 } }));
  const token = await gateway.token('agent', '--total-limit', '0.000001', '--model', MODEL);
  const { model, messages } = ask();
  const counted = await client(token).messages.countTokens({ model, messages });
  assert.equal(counted.input_tokens, 12);
  assert.equal(provider.calls[0].path, '/v1/messages/count_tokens');
  assert.equal(await gateway.spent('agent'), 0);
  const other = await refusal(client(token).messages.countTokens({ model: 'other', messages }));
  assert.deepEqual([other.status, other.error.error.code], [403, 'model_denied']);
});

test('what bytes do not bound is refused, and so is what has no price', async (t) => {
  const { provider, gateway, client } = await shop(t, () => ({ json: message() }));
  const token = await gateway.token('agent', '--total-limit', '100');
  const image = { type: 'image',
    source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } };
  for (const request of [
    ask({ messages: [{ role: 'user', content: [image] }] }),
    ask({ tools: [{ type: 'web_search_20250305', name: 'web_search' }] }),
    ask({ mcp_servers: [{ type: 'url', url: 'https://example.com', name: 'x' }] }),
    ask({ model: 'claude-unheard-of' }),
  ]) {
    const error = await refusal(client(token).messages.create(request));
    assert.deepEqual([error.status, error.error.error.code], [503, 'price_unknown']);
    assert.equal(error.headers.get('x-should-retry'), 'false');
  }
  for (const path of ['/v1/messages/batches/', '/v1/files', '/v1/complete']) {
    const answer = await call(gateway.url + path, { method: 'POST', headers: bearer(token),
      body: { model: MODEL } });
    assert.deepEqual([path, answer.status, answer.json.error.code], [path, 503, 'price_unknown']);
  }
  assert.equal(provider.calls.length, 0);
});

test('tools: the definitions the provider adds are in the bound', async (t) => {
  // The provider's own prompt for the use of tools: not among the bytes, and billed.
  const { gateway, client } = await shop(t, () => ({ json: message({ input_tokens: 700 }) }));
  const token = await gateway.token('agent', '--total-limit', '10');
  await client(token).messages.create(ask({ tools: [{ name: 'f', input_schema: {
    type: 'object' } }] }));
  near(await gateway.spent('agent'), cost({ input: 700, output: 10 }));
  assert.equal((await gateway.json('token', 'show', 'agent')).blocked ?? false, false);
});
