// What is for sale is said to machines before they ask, and it is what the 402 then asks for.
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { validate } from 'mppx/discovery';
import { call, demo, scratch, startGateway, startUpstream } from './gateway.mjs';
import { DEMO_KEY } from './shops.mjs';
import { modernCall, rpcResult } from './mcp_clients.mjs';

async function market(t, extra = {}) {
  const folder = scratch(t);
  const api = await startUpstream(t, 'api');
  const llm = await startUpstream(t, 'llm');
  const counts = path.join(folder, 'calls');
  return startGateway(t, { folder, config: {
    currency: { usdPerSat: 0.0006 },
    lightning: { provider: 'dev' },
    upstreams: { api: { kind: 'http', url: api.url },
      openai: { kind: 'openai', url: `${llm.url}/v1`, credential: DEMO_KEY, mode: 'charge' } },
    endpoints: { '/paid/gold': { cost: '$0.60' }, '/paid/*': { cost: '$0.006' },
      '/paid/list': { cost: 0 }, '/api/*': { cost: 1 } },
    routes: [
      { name: 'paid', match: { pathPrefix: '/paid/', methods: ['GET'] }, upstream: 'api',
        mode: 'charge' },
      { name: 'any', match: { path: '/any' }, upstream: 'api', mode: 'charge', price: '$0.012' },
      { name: 'api', match: { pathPrefix: '/api/' }, upstream: 'api', mode: 'control' },
    ],
    mcpServers: {
      code: { command: demo, args: ['mcp', '--count-file', counts], mode: 'charge' },
      inner: { command: demo, args: ['mcp', '--count-file', counts], prefix: 'inner_' },
    },
    tools: { search_code: { cost: '$0.006' }, review_code: { cost: '$0.60' } },
    ...extra } });
}

const document = async (gateway, name, headers = {}) =>
  call(`${gateway.url}/.well-known/${name}.json`, { headers });

const resourcesOf = (manifest) => manifest.services.flatMap((service) => service.resources);

test('the manifest names what is for sale, and nothing else', async (t) => {
  const gateway = await market(t);
  const answer = await document(gateway, 'l402');
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['cache-control'], 'public, max-age=60');
  assert.equal(answer.headers['access-control-allow-origin'], '*');
  const manifest = answer.json;
  assert.equal(manifest.version, '1.0');
  assert.deepEqual(manifest.schemes, ['L402', 'LSAT', 'Payment']);
  assert.equal(manifest.network, 'regtest');
  assert.equal(manifest.available, true);
  assert.equal(manifest.credits_per_sat, 0.0006);
  const named = resourcesOf(manifest).map((one) => one.tool ?? `${one.method} ${one.path}`).sort();
  assert.deepEqual(named.filter((name) => !name.includes('/v1/')),
    ['* /any', 'GET /paid/*', 'GET /paid/gold', 'review_code', 'search_code']);
  assert.ok(named.includes('POST /v1/chat/completions'));
  assert.ok(manifest.free.some((one) => one.path === '/paid/list' && one.method === 'GET'));
  assert.ok(!answer.text.includes('/api/') && !answer.text.includes('inner'));
  assert.equal(manifest.caveats.expires.attenuation, 'earlier');
  const known = await document(gateway, 'l402', { 'if-none-match': answer.headers.etag });
  assert.equal(known.status, 304);
  assert.equal(known.text, '');
});

test('each price that is named is asked for, and buys what is named', async (t) => {
  const gateway = await market(t, { charge: { calls: 2 } });
  const manifest = (await document(gateway, 'l402')).json;
  assert.ok(!manifest.schemes.includes('Payment'), 'of bundles the Payment scheme says nothing');
  let bought = 0;
  for (const one of resourcesOf(manifest).filter(({ pricing }) => pricing.model === 'fixed')) {
    const send = (authorization) => {
      const request = one.tool ? modernCall(one.tool, {}) :
        { method: one.method === '*' ? 'GET' : one.method, headers: {} };
      if (authorization) request.headers.authorization = authorization;
      return call(`${gateway.url}${one.path.replace('*', 'something')}`, request);
    };
    const first = await send();
    const [, macaroon, invoice] =
      /^L402 macaroon="([^"]+)", invoice="([^"]+)"/.exec(first.headers['www-authenticate']);
    const said = one.tool ? rpcResult(first).error.data : first.json;
    assert.equal(said.amount_sats, one.pricing.price_sats, one.path);
    assert.equal(said.amount_sats * 1000, one.pricing.price_msat);
    assert.equal(said.required_credits, one.pricing.credits_per_call);
    assert.equal(first.headers.link, '</.well-known/l402.json>; rel="l402-manifest"');
    const { preimage } = await gateway.json('lightning', 'pay', invoice);
    for (let i = 0; i <= one.buys.calls; i++) {
      const answer = await send(`L402 ${macaroon}:${preimage}`);
      const served = one.tool ? rpcResult(answer).result !== undefined : answer.status === 200;
      assert.equal(served, i < one.buys.calls, `${one.path} ${one.tool}: call ${i}`);
      if (served) assert.ok(answer.headers.link.includes('l402-manifest'));
    }
    bought++;
  }
  assert.equal(bought, 5);
  for (const { path: free } of manifest.free) {
    if (free.startsWith('/paid')) assert.equal((await call(`${gateway.url}${free}`)).status, 200);
  }
});

test('OpenAPI says the same, by its own words', async (t) => {
  const gateway = await market(t);
  const { json, status } = await document(gateway, 'openapi');
  assert.equal(status, 200);
  assert.equal(json.openapi, '3.1.0');
  assert.deepEqual(validate(json).filter((one) => one.severity === 'error'), []);
  assert.equal(json['x-l402-version'], '1.0');
  const gold = json.paths['/paid/gold'].get;
  assert.equal(gold['x-l402-pricing'].price_msat, 1_000_000);
  assert.equal(gold['x-l402-service'], 'paid');
  assert.deepEqual(gold['x-payment-info'],
    { method: 'lightning', intent: 'charge', currency: 'sat', amount: '1000' });
  assert.ok(gold.responses[402]);
  const pattern = json.paths['/paid/{path}'].get;
  assert.equal(pattern.parameters[0].name, 'path');
  const free = json.paths['/paid/list'].get;
  assert.equal(free['x-l402-pricing'], undefined);
  assert.equal(free.responses[402], undefined);
  assert.deepEqual(Object.keys(json.paths['/any']), ['get', 'post']);
  assert.ok(json.paths['/v1/chat/completions'].post['x-l402-pricing'].model, 'dynamic');
  assert.equal(json.paths['/api/{path}'], undefined);
});

test('where nothing is sold, nothing is named', async (t) => {
  const api = await startUpstream(t, 'api');
  const gateway = await startGateway(t, { config: {
    upstreams: { api: { kind: 'http', url: api.url } }, endpoints: { '/*': { cost: 1 } } } });
  const { json } = await document(gateway, 'l402');
  assert.deepEqual(json.services, []);
  assert.equal(json.available, false);
  assert.deepEqual((await document(gateway, 'openapi')).json.paths, {});
});
