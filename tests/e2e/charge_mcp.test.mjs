// MCP tools for sale: strangers see them with their price, pay over Lightning and are answered; by
// clients that people use, unmodified. The wallet is `satgate lightning pay`.
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import path from 'node:path';
import test from 'node:test';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from
  '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from
  '@modelcontextprotocol/client';
import { fetchWithL402 } from '@getalby/lightning-tools';
import { Credential, Method, z } from 'mppx';
import { McpClient } from 'mppx/mcp/client';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { atEnd, bearer, call, countFile, demo, root, satgate, scratch, startGateway, together }
  from './gateway.mjs';
import { pay } from './buying.mjs';
import { PRICE, connect, generations, modernCall, rpcResult } from './mcp_clients.mjs';

const CREDENTIAL = 'io.satgate/credential';
const MPP_CREDENTIAL = 'org.paymentauth/credential';
const MPP_RECEIPT = 'org.paymentauth/receipt';

// Server `code` is for sale, `inner` is not; both have the same tools.
async function toolShop(t, extra = {}, tools = {}) {
  const folder = scratch(t);
  const counts = path.join(folder, 'calls');
  const server = { command: demo, args: ['mcp', '--count-file', counts] };
  const gateway = await startGateway(t, { folder, config: {
    currency: { usdPerSat: 0.0006 },
    lightning: { provider: 'dev' },
    mcpServers: { code: { ...server, mode: 'charge' }, inner: { ...server, prefix: 'inner_' } },
    tools: {
      search_code: { cost: '$0.006' }, review_code: { cost: '$0.60' },
      always_fails: { cost: '$0.006' }, slow_search: { cost: '$0.006' },
      generate_report: { price: { base: 0, perUnit: { argument: 'pages', amount: '$0.006',
        max: 100, default: 1 } } }, ...tools },
    ...extra } });
  return { gateway, counts };
}

function ask(gateway, name, { args = {}, headers = {}, meta = {}, id = 1 } = {}) {
  const request = modernCall(name, args, id);
  Object.assign(request.headers, headers);
  Object.assign(request.body.params._meta, meta);
  return call(`${gateway.url}/mcp`, request);
}

async function challenged(gateway, name, options) {
  const answer = await ask(gateway, name, options);
  const { error } = rpcResult(answer);
  assert.equal(error?.code, -32042, answer.text);
  return { ...error.data, answer, error };
}

async function buy(gateway, name, options) {
  const { l402 } = await challenged(gateway, name, options);
  const preimage = await pay(gateway, l402.invoice);
  return { ...l402, preimage, l402: `L402 ${l402.macaroon}:${preimage}` };
}

const isServed = (answer) => rpcResult(answer).result?.isError === undefined &&
  rpcResult(answer).result !== undefined;

test('strangers are shown what is for sale, and what it costs', async (t) => {
  const { gateway } = await toolShop(t, {}, { slow_search: { cost: 1, requireApproval: true } });
  for (const generation of generations) {
    const { listTools } = await connect(t, generation, gateway.url);
    const tools = await listTools();
    const names = tools.map((tool) => tool.name).sort();
    assert.deepEqual(names, ['always_fails', 'generate_report', 'review_code', 'search_code']);
    const price = (name) => tools.find((tool) => tool.name === name)._meta[PRICE];
    assert.deepEqual(price('search_code'),
      { cost: 0.006, unit: 'credits', usd: '0.006', sats: 10, calls: 1 });
    assert.equal(price('review_code').sats, 1000);
    assert.equal(price('generate_report').sats, undefined, 'it depends on what is asked');
  }
});

test('a call that is not paid says all that is needed to pay, in every way', async (t) => {
  const { gateway, counts } = await toolShop(t);
  const { answer, error, challenges, l402, problem } = await challenged(gateway, 'search_code');
  assert.equal(answer.status, 200, 'clients of MCP take any other status for a broken transport');
  const header = answer.headers['www-authenticate'];
  assert.ok(header.startsWith(`L402 macaroon="${l402.macaroon}", invoice="${l402.invoice}"`));
  assert.match(answer.headers.link, /l402\.json>; rel="l402-manifest"/);
  assert.equal(answer.headers['cache-control'], 'no-store');
  assert.equal(error.message, 'Pay 10 sats: search_code: 1 call.');
  assert.equal(error.data.error, 'payment_required');
  assert.equal(error.data.amount_sats, 10);
  assert.equal(error.data.required_credits, 0.006);
  assert.equal(error.data.httpStatus, 402);
  assert.equal(problem.type, 'https://paymentauth.org/problems/payment-required');
  assert.equal(challenges.length, 1);
  assert.equal(challenges[0].request.amount, '10');
  assert.equal(challenges[0].request.methodDetails.invoice, l402.invoice);
  const readers = [{ accept: 'application/json' }, { 'accept-payment': 'lightning/charge' }];
  for (const headers of readers) {
    const plain = await challenged(gateway, 'search_code', { headers });
    assert.equal(plain.answer.status, 402, 'who reads the status sees it');
  }
  assert.equal(countFile(counts), 0);
});

test('the official clients pay over HTTP: a fetch that pays is all they are given', async (t) => {
  const { gateway, counts } = await toolShop(t);
  const paid = [];
  const wallet = { payInvoice: async ({ invoice }) => {
    paid.push(invoice);
    return { preimage: await pay(gateway, invoice) };
  } };
  const fetchPaid = (url, init) => fetchWithL402(url, init, { wallet });
  const identity = { name: 'buyer', version: '1' };
  const clients = [[new ClientV1(identity), TransportV1],
    [new ClientV2(identity, { versionNegotiation: { mode: 'legacy' } }), TransportV2],
    [new ClientV2(identity, { versionNegotiation: { mode: { pin: '2026-07-28' } } }), TransportV2]];
  for (const [client, Transport] of clients) {
    await client.connect(new Transport(new URL(`${gateway.url}/mcp`), { fetch: fetchPaid }));
    atEnd(t, () => client.close());
    const before = paid.length;
    const result = await client.callTool({ name: 'search_code', arguments: { query: 'x' } });
    assert.equal(result.isError ?? false, false);
    assert.equal(result._meta['io.satgate/charge'].cost, 0.006);
    assert.equal(paid.length, before + 1, 'paid once');
  }
  assert.equal(countFile(counts), 3);
});

function lightningMethod(gateway) {
  const charge = Method.from({ name: 'lightning', intent: 'charge', schema: {
    credential: { payload: z.object({ preimage: z.string() }) },
    request: z.object({ amount: z.string(), currency: z.string(),
      description: z.optional(z.string()), methodDetails: z.object({ invoice: z.string(),
        paymentHash: z.optional(z.string()), network: z.optional(z.string()) }) }) } });
  return Method.toClient(charge, { async createCredential({ challenge }) {
    const preimage = await pay(gateway, challenge.request.methodDetails.invoice);
    return Credential.serialize({ challenge, payload: { preimage } });
  } });
}

test('mppx pays in the messages alone, in every revision', async (t) => {
  const { gateway, counts } = await toolShop(t);
  for (const generation of generations) {
    const { client } = await connect(t, generation, gateway.url);
    McpClient.wrap(client, { methods: [lightningMethod(gateway)] });
    const result = await client.callTool({ name: 'search_code', arguments: { query: 'x' } });
    assert.equal(result.isError ?? false, false, generation);
    assert.equal(result.receipt.status, 'success', generation);
    assert.equal(result.receipt.method, 'lightning');
    assert.equal(result._meta[MPP_RECEIPT].reference.length, 64);
  }
  assert.equal(countFile(counts), 3);
  const events = await gateway.events();
  assert.equal(events.filter((one) => one.event === 'pay').length, 3);
});

test('a credential in `_meta`, or in Authorization, is good for one call', async (t) => {
  const { gateway, counts } = await toolShop(t);
  const first = await buy(gateway, 'search_code');
  const served = await ask(gateway, 'search_code', { meta: { [CREDENTIAL]: first.l402 } });
  assert.ok(isServed(served), served.text);
  const replays = [{ meta: { [CREDENTIAL]: first.l402 } },
    { headers: { authorization: first.l402 } }];
  for (const again of replays) await challenged(gateway, 'search_code', again);
  const second = await buy(gateway, 'search_code');
  const over = await ask(gateway, 'search_code', { headers: { authorization: second.l402 } });
  assert.ok(isServed(over), over.text);
  assert.equal(countFile(counts), 2);
  const both = await ask(gateway, 'search_code', { headers: { authorization: second.l402 },
    meta: { [CREDENTIAL]: first.l402 } });
  assert.equal(rpcResult(both).result?.isError, true, 'two credentials are an ambiguity');
  const record = JSON.stringify(await gateway.events());
  assert.ok(!record.includes(first.preimage) && !record.includes(second.preimage));
  for (const token of await gateway.json('lightning', 'invoices', '--paid')) {
    assert.equal(await gateway.spent(token.token), 0.006);
  }
});

function attenuate(macaroon, caveat) {
  const bytes = Buffer.from(macaroon, 'base64');
  const body = bytes.subarray(0, bytes.length - 35);
  const next = createHmac('sha256', bytes.subarray(bytes.length - 32)).update(caveat).digest();
  const packet = Buffer.from(`\x02${String.fromCharCode(caveat.length)}${caveat}\0`, 'latin1');
  return Buffer.concat([body, packet, Buffer.from([0, 6, 32]), next]).toString('base64');
}

test('attacks on what was paid', async (t) => {
  const { gateway, counts } = await toolShop(t);
  const cheap = await buy(gateway, 'search_code');
  const dear = await challenged(gateway, 'review_code');
  const denied = async (what, name, credential) => {
    const { code } = rpcResult(await ask(gateway, name, { meta: { [CREDENTIAL]: credential } }))
      .error ?? {};
    assert.equal(code, -32042, what);
  };
  await denied('another tool at the same price', 'always_fails', cheap.l402);
  await denied('a dearer tool', 'review_code', cheap.l402);
  await denied('a tool by usage', 'generate_report', cheap.l402);
  await denied('a preimage of another payment', 'review_code',
    `L402 ${dear.l402.macaroon}:${cheap.preimage}`);
  await denied('an invented preimage', 'review_code',
    `L402 ${dear.l402.macaroon}:${randomBytes(32).toString('hex')}`);
  for (const wider of ['tools = *', 'tools = code', 'upstream = inner', 'budget_max = 1000000']) {
    const wide = attenuate(cheap.macaroon, wider);
    await denied(wider, 'review_code', `L402 ${wide}:${cheap.preimage}`);
  }
  for (const nonsense of ['', 'L402', 'Bearer sg_x', 'Payment e30', 7, { a: 1 }]) {
    await denied(JSON.stringify(nonsense), 'search_code', nonsense);
  }
  const elsewhere = await ask(gateway, 'inner_search_code',
    { headers: { authorization: cheap.l402 } });
  assert.ok(!isServed(elsewhere) && !elsewhere.text.includes('invoice'), 'another server');
  assert.equal(countFile(counts), 0);
  const honest = await ask(gateway, 'search_code', { meta: { [CREDENTIAL]: cheap.l402 } });
  assert.ok(isServed(honest), 'nothing of this has used up what was paid');
});

test('sixty-four at once with one payment: one call', async (t) => {
  const { gateway, counts } = await toolShop(t);
  const { l402 } = await buy(gateway, 'search_code');
  const answers = await together(64, (i) => ask(gateway, 'search_code',
    i % 2 ? { meta: { [CREDENTIAL]: l402 } } : { headers: { authorization: l402 } }));
  assert.equal(answers.filter(isServed).length, 1);
  // Some ask while the one is under way.
  const refusals = answers.map((one) => rpcResult(one)).map(({ error, result }) =>
    error?.data.error ?? result._meta['io.satgate/denial']?.error);
  const known = ['payment_required', 'budget_in_flight'];
  assert.equal(refusals.filter((code) => known.includes(code)).length, 63);
  assert.equal(countFile(counts), 1);
  assert.equal((await gateway.events()).filter((one) => one.event === 'pay').length, 1);
});

test('a bundle is counted; a price by argument is sold as credit', async (t) => {
  const { gateway } = await toolShop(t, { charge: { calls: 3, credit: '$0.06' } });
  const bundle = await challenged(gateway, 'search_code');
  assert.equal(bundle.amount_sats, 30);
  assert.equal(bundle.challenges, undefined, 'the Payment scheme is for what is good once');
  const l402 = `L402 ${bundle.l402.macaroon}:${await pay(gateway, bundle.l402.invoice)}`;
  for (let i = 0; i < 3; i++) {
    assert.ok(isServed(await ask(gateway, 'search_code', { meta: { [CREDENTIAL]: l402 } })));
  }
  await challenged(gateway, 'search_code', { meta: { [CREDENTIAL]: l402 } });
  const report = await buy(gateway, 'generate_report', { args: { pages: 2 } });
  const pages = (count) => ask(gateway, 'generate_report',
    { args: { pages: count }, meta: { [CREDENTIAL]: report.l402 } });
  assert.ok(isServed(await pages(2)));
  assert.equal(rpcResult(await pages(9)).error.code, -32042, 'of ten pages two are spent');
  assert.ok(isServed(await pages(8)), 'what is left stays on the token');
});

test('tokens of the seller, and what is not for sale, are as in control', async (t) => {
  const { gateway } = await toolShop(t, {},
    { search_code: { cost: '$0.006', arguments: { query: { oneOf: ['good'] } } } });
  const token = await gateway.token('partner', '--total-limit', '0.012');
  const partner = bearer(token);
  const args = { query: 'good' };
  for (let i = 0; i < 2; i++) {
    assert.ok(isServed(await ask(gateway, 'search_code', { headers: partner, args })));
  }
  const spent = await ask(gateway, 'search_code', { headers: partner, args });
  const denial = rpcResult(spent).result._meta['io.satgate/denial'];
  assert.equal(denial.error, 'budget_exhausted', 'an agent with a budget is not asked to pay');
  assert.equal(spent.headers['www-authenticate'], undefined);
  const bad = await ask(gateway, 'search_code', { args: { query: 'evil' } });
  assert.equal(rpcResult(bad).result._meta['io.satgate/denial'].error, 'tool_denied',
    'nobody is sold what would be refused');
  const inner = await ask(gateway, 'inner_search_code');
  assert.equal(rpcResult(inner).result._meta['io.satgate/denial'].error, 'token_missing');
  const wrong = await ask(gateway, 'search_code', { headers: bearer('sg_nothing'), args });
  assert.equal(wrong.status, 401);
  const large = await ask(gateway, 'search_code', { args: { query: 'x'.repeat(100_000) } });
  assert.equal(large.status, 401, 'strangers send no large bodies');
});

test('a client of stdio pays, too, without a token', async (t) => {
  const { gateway, counts } = await toolShop(t);
  const client = new ClientV1({ name: 'buyer', version: '1' });
  await client.connect(new StdioClientTransport({ command: satgate,
    args: ['mcp', '--config', gateway.file], env: gateway.env(), stderr: 'ignore',
    cwd: gateway.folder }));
  atEnd(t, () => client.close());
  McpClient.wrap(client, { methods: [lightningMethod(gateway)] });
  const result = await client.callTool({ name: 'search_code', arguments: { query: 'x' } });
  assert.equal(result.receipt.status, 'success');
  assert.equal(countFile(counts), 1);
});

test('a client of the old transport pays, too: its stream stays open', async (t) => {
  const { gateway } = await toolShop(t);
  const client = new ClientV1({ name: 'buyer', version: '1' });
  await client.connect(new SSEClientTransport(new URL(`${gateway.url}/sse`)));
  atEnd(t, () => client.close());
  McpClient.wrap(client, { methods: [lightningMethod(gateway)] });
  for (let i = 0; i < 2; i++) {
    const result = await client.callTool({ name: 'search_code', arguments: { query: 'x' } });
    assert.equal(result.receipt.status, 'success');
  }
  const refused = (await gateway.events()).filter((one) => one.code);
  assert.deepEqual([...new Set(refused.map((one) => one.code))], ['payment_required']);
});

test('a call that asks its buyer something is paid once', async (t) => {
  const log = path.join(scratch(t), 'log');
  const gateway = await startGateway(t, { config: {
    currency: { usdPerSat: 0.0006 }, lightning: { provider: 'dev' },
    mcpServers: { talk: { command: process.execPath, mode: 'charge',
      args: [path.join(root, 'tests/e2e/mcp_server.mjs'), 'stdio', log] } },
    tools: { ask: { cost: '$0.006' }, keep: { cost: '$0.006' }, kept: { cost: '$0.006' } } } });
  for (const mode of ['legacy', { pin: '2026-07-28' }]) {
    const client = new ClientV2({ name: 'buyer', version: '1' },
      { versionNegotiation: { mode }, capabilities: { elicitation: { form: {} } } });
    client.setRequestHandler('elicitation/create', () => ({ action: 'accept',
      content: { name: 'Ada' } }));
    await client.connect(new TransportV2(new URL(`${gateway.url}/mcp`)));
    atEnd(t, () => client.close());
    McpClient.wrap(client, { methods: [lightningMethod(gateway)] });
    const result = await client.callTool({ name: 'ask', arguments: { question: 'Who?' } });
    assert.equal(result.content[0].text, 'Ada');
    assert.equal(result.receipt.status, 'success');
  }
  assert.equal((await gateway.events()).filter((one) => one.event === 'pay').length, 2);
});

test('in a batch each call says what it costs', async (t) => {
  const { gateway } = await toolShop(t);
  const one = (id, name) => ({ jsonrpc: '2.0', id, method: 'tools/call',
    params: { name, arguments: {} } });
  const answer = await call(`${gateway.url}/mcp`, { method: 'POST',
    headers: { accept: 'application/json, text/event-stream' },
    body: [one(1, 'search_code'), one(2, 'review_code')] });
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.json.map(({ error }) => [error.code, error.data.amount_sats]),
    [[-32042, 10], [-32042, 1000]]);
  assert.notEqual(answer.json[0].error.data.l402.invoice, answer.json[1].error.data.l402.invoice);
});

test('MCP servers are not sold where nobody can be paid', async (t) => {
  await assert.rejects(toolShop(t, { lightning: undefined }),
    /MCP server 'code' is in mode charge, but there is no `lightning`/);
});

test('free calls of a tool, and then a price: by address, and by what was paid', async (t) => {
  const tiers = [{ upTo: 2, cost: 0 }, { upTo: 4, cost: '$0.006' }, { cost: '$0.003' }];
  const { gateway, counts } = await toolShop(t, { charge: { calls: 3 } },
    { search_code: { volume: { tiers } } });
  for (let i = 0; i < 2; ++i) assert.ok(isServed(await ask(gateway, 'search_code')), `call ${i}`);
  const { l402, amount_sats: sats } = await challenged(gateway, 'search_code');
  assert.equal(sats, 30, 'credit for three calls at the first price');
  const preimage = await pay(gateway, l402.invoice);
  const meta = { [CREDENTIAL]: `L402 ${l402.macaroon}:${preimage}` };
  for (let i = 0; i < 4; ++i) {
    const answer = await ask(gateway, 'search_code', { meta });
    assert.ok(isServed(answer), `paid call ${i}: ${answer.text}`);
  }
  await challenged(gateway, 'search_code', { meta });
  assert.equal(countFile(counts), 6);
  const manifest = (await call(`${gateway.url}/.well-known/l402.json`)).json;
  const search = manifest.services.flatMap((one) => one.resources)
    .find((one) => one.tool === 'search_code');
  assert.deepEqual(search.pricing, { model: 'dynamic', credits_per_call_at_most: 0.006 });
});
