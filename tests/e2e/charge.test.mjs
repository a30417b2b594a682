// Charge: an API is sold by the call (L402). The node that is paid is the development wallet, whose
// buyer is `satgate lightning pay`; tests/lightning pays over real channels.
import assert from 'node:assert/strict';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import test from 'node:test';
import { bearer, call, startGateway, startUpstream, together } from './gateway.mjs';
import { ask, buy, challengeOf, listen, pay } from './buying.mjs';
import { DEMO_KEY } from './shops.mjs';

const PRICES = { '/paid/gold': { cost: '$0.60' }, '/paid/*': { cost: '$0.006' } };

async function paidShop(t, extra = {}, options = {}) {
  const api = await startUpstream(t, 'api');
  const gateway = await startGateway(t, {
    ...options,
    config: {
      currency: { usdPerSat: 0.0006 },
      lightning: { provider: 'dev' },
      upstreams: { api: { kind: 'http', url: api.url } },
      endpoints: { ...structuredClone(PRICES), '/api/*': { cost: 1 } },
      routes: [
        { name: 'paid', match: { pathPrefix: '/paid/' }, upstream: 'api', mode: 'charge' },
        { name: 'api', match: { pathPrefix: '/api/' }, upstream: 'api', mode: 'control' },
      ],
      ...extra,
    },
  });
  return { api, gateway, url: (path) => `${gateway.url}${path}` };
}

test('what a stranger is told is all that is needed to pay', async (t) => {
  const { url, gateway } = await paidShop(t);
  const answer = await call(url('/paid/one'));
  assert.equal(answer.status, 402);
  const { macaroon, invoice } = challengeOf(answer);
  assert.match(invoice, /^lnbcrt100n1/);
  const bytes = Buffer.from(macaroon, 'base64');
  assert.equal(bytes.toString('base64'), macaroon, 'standard base64 with padding');
  assert.equal(answer.headers['cache-control'], 'no-store');
  assert.equal(answer.headers['x-should-retry'], 'false');
  assert.equal(answer.headers['x-cost-per-call'], '0.006 USD');
  assert.match(answer.headers['content-type'], /^application\/json/);
  assert.equal(answer.json.error, 'payment_required');
  assert.equal(answer.json.amount_sats, 10);
  assert.equal(answer.json.description, '/paid/one: 1 call');
  assert.ok(Date.parse(answer.json.expires) > Date.now());
  const [event] = (await gateway.events()).filter((one) => one.code);
  assert.equal(event.code, 'payment_required');
});

test('paid, it is answered, once', async (t) => {
  const { gateway, url } = await paidShop(t);
  const { headers, preimage } = await buy(gateway, url('/paid/one'));
  const answer = await call(url('/paid/one'), { headers });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers['x-cost-per-call'], '0.006 USD');
  assert.equal(answer.headers['x-budget-remaining'], '0.00 USD');
  const again = await call(url('/paid/one'), { headers });
  assert.equal(again.status, 402);
  assert.notEqual(challengeOf(again).invoice, '');
  const events = await gateway.events();
  assert.equal(events.filter((one) => one.event === 'pay').length, 1);
  assert.ok(!JSON.stringify(events).includes(preimage), 'a preimage is in no event');
  assert.ok(!gateway.child.log.includes(preimage));
  const paid = await gateway.json('lightning', 'invoices', '--paid');
  assert.equal(paid.length, 1);
  assert.equal(paid[0].received_msat, 10_000);
  assert.equal(await gateway.spent(paid[0].token), 0.006);
});

test('every spelling that clients have is taken', async (t) => {
  const { gateway, url } = await paidShop(t, { charge: { calls: 100 } });
  const { macaroon, preimage } = await buy(gateway, url('/paid/one'));
  const url64 = macaroon.replaceAll('+', '-').replaceAll('/', '_');
  const spellings = {
    L402: { authorization: `L402 ${macaroon}:${preimage}` },
    LSAT: { authorization: `LSAT ${macaroon}:${preimage}` },
    'lower case': { authorization: `l402 ${macaroon}:${preimage.toUpperCase()}` },
    'url-safe': { authorization: `L402 ${url64}:${preimage}` },
    'without padding': { authorization: `L402 ${url64.replaceAll('=', '')}:${preimage}` },
    'a list': { authorization: `L402 ${macaroon},${macaroon}:${preimage}` },
    'two lines': { authorization: ['LSAT', 'L402'].map((one) => `${one} ${macaroon}:${preimage}`) },
  };
  for (const [name, headers] of Object.entries(spellings)) {
    const answer = await call(url('/paid/one'), { headers });
    assert.equal(answer.status, 200, `${name}: ${answer.text}`);
  }
  const { attenuated } = attenuate(macaroon, `preimage=${preimage}`);
  for (const field of ['macaroon', 'grpc-metadata-macaroon']) {
    const answer = await call(url('/paid/one'), { headers: { [field]: attenuated } });
    assert.equal(answer.status, 200, `${field}: ${answer.text}`);
  }
  const record = JSON.stringify(await gateway.events());
  assert.ok(record.includes('"attenuate"') && !record.includes(preimage),
    'not even where a caveat brought it');
});

// As aperture's clients do it: the HMAC chain goes on from the signature.
function attenuate(macaroon, caveat) {
  const bytes = Buffer.from(macaroon, 'base64');
  const body = bytes.subarray(0, bytes.length - 35);  // 00 06 20 signature
  const signature = bytes.subarray(bytes.length - 32);
  const next = createHmac('sha256', signature).update(caveat).digest();
  const packet = Buffer.from(`\x02${String.fromCharCode(caveat.length)}${caveat}\0`, 'latin1');
  const all = Buffer.concat([body, packet, Buffer.from([0, 6, 32]), next]);
  return { attenuated: all.toString('hex'), base64: all.toString('base64') };
}

test('attacks on what was paid', async (t) => {
  const { gateway, url } = await paidShop(t);
  const cheap = await buy(gateway, url('/paid/one'));
  const other = await ask(url('/paid/one'));
  const gold = await ask(url('/paid/gold'));
  const denied = async (what, path, authorization) => {
    const answer = await call(url(path), { headers: { authorization } });
    assert.ok([401, 402].includes(answer.status), `${what}: ${answer.status} ${answer.text}`);
    assert.equal(answer.status, 402, what);
    challengeOf(answer);
  };
  await denied('somebody else\'s preimage', '/paid/one',
    `L402 ${other.macaroon}:${cheap.preimage}`);
  await denied('an invented preimage', '/paid/one',
    `L402 ${other.macaroon}:${randomBytes(32).toString('hex')}`);
  await denied('ten sats on the thousand-sat path', '/paid/gold',
    `L402 ${cheap.macaroon}:${cheap.preimage}`);
  await denied('a preimage of ten sats on the challenge of a thousand', '/paid/gold',
    `L402 ${gold.macaroon}:${cheap.preimage}`);
  await denied('no macaroon', '/paid/one', `L402 :${cheap.preimage}`);
  await denied('no preimage', '/paid/one', `L402 ${cheap.macaroon}`);
  const widenings = ['endpoints = /*', 'budget_max = 1000000', 'expires = 2099-01-01T00:00:00Z'];
  for (const wider of widenings) {
    const { base64 } = attenuate(cheap.macaroon, wider);
    await denied(wider, '/paid/gold', `L402 ${base64}:${cheap.preimage}`);
  }
  const bare = await call(url('/paid/one'), { headers: bearer(cheap.macaroon) });
  assert.ok([401, 402].includes(bare.status), 'a paid token without its preimage');
  const twice = await call(url('/paid/one'), { headers: {
    authorization: [`L402 ${cheap.macaroon}:${cheap.preimage}`, bearer('sg_x').authorization] } });
  assert.equal(twice.status, 401);
  const honest = await call(url('/paid/one'), { headers: cheap.headers });
  assert.equal(honest.status, 200, 'nothing of this has used up what was paid');
});

test('what was paid opens nothing else: another method, what is not for sale', async (t) => {
  const { gateway, url } = await paidShop(t, {
    endpoints: { '/*': { cost: '$0.006' } },
    charge: { calls: 10 },
    routes: [
      { name: 'paid', match: { pathPrefix: '/paid/', methods: ['GET', 'PUT'] }, upstream: 'api',
        mode: 'charge' },
      { name: 'rest', match: { path: '/*' }, upstream: 'api', mode: 'control' },
    ],
  });
  const { headers } = await buy(gateway, url('/paid/one'));
  for (const [method, path, status] of [['PUT', '/paid/one', 402], ['DELETE', '/paid/one', 403],
    ['GET', '/private', 403]]) {
    const answer = await call(url(path), { method, headers });
    assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
  }
  assert.equal((await call(url('/paid/two'), { headers })).status, 200, 'under the same rule');
});

test('a path with a star in it is not sold: it would stand for others', async (t) => {
  const { url } = await paidShop(t);
  const answer = await call(url('/paid/*'));
  assert.equal(answer.status, 401, answer.text);
  assert.ok(!/L402/.test(answer.headers['www-authenticate']));
});

test('an unpaid invoice opens nothing, even to who knows its preimage', async (t) => {
  const { gateway, url } = await paidShop(t);
  const { macaroon, invoice } = await ask(url('/paid/one'));
  const guess = createHash('sha256').update(invoice).digest('hex');
  const answer = await call(url('/paid/one'),
    { headers: { authorization: `L402 ${macaroon}:${guess}` } });
  assert.equal(answer.status, 402);
  assert.equal((await gateway.json('lightning', 'invoices', '--paid')).length, 0);
});

test('a hundred at once with one payment: one answer', async (t) => {
  const { gateway, url } = await paidShop(t);
  const { headers } = await buy(gateway, url('/paid/one'));
  const answers = await together(100, () => call(url('/paid/one'), { headers }));
  assert.equal(answers.filter((one) => one.status === 200).length, 1);
  assert.equal(answers.filter((one) => one.status === 402).length, 99);
  const paid = await gateway.json('lightning', 'invoices', '--paid');
  assert.equal(await gateway.spent(paid[0].token), 0.006);
  assert.equal((await gateway.events()).filter((one) => one.event === 'pay').length, 1);
});

test('a bundle is good for the calls that were bought, under the rule of its price', async (t) => {
  const { gateway, url } = await paidShop(t, { charge: { calls: 5 } });
  const first = await call(url('/paid/one'));
  assert.equal(first.json.amount_sats, 50);
  const { macaroon, invoice } = challengeOf(first);
  const preimage = await pay(gateway, invoice);
  const headers = { authorization: `L402 ${macaroon}:${preimage}` };
  for (const path of ['/paid/one', '/paid/two', '/paid/one', '/paid/three']) {
    assert.equal((await call(url(path), { headers })).status, 200, path);
  }
  const gold = await call(url('/paid/gold'), { headers });
  assert.equal(gold.status, 402, 'its own rule, its own price');
  assert.equal((await call(url('/paid/one'), { headers })).status, 200);
  assert.equal((await call(url('/paid/one'), { headers })).status, 402);
});

test('what was paid survives a kill, before and after it was used', async (t) => {
  const { gateway, url } = await paidShop(t);
  const unused = await buy(gateway, url('/paid/one'));
  const used = await buy(gateway, url('/paid/two'));
  assert.equal((await call(url('/paid/two'), { headers: used.headers })).status, 200);
  await gateway.kill9();
  await gateway.start();
  assert.equal((await call(url('/paid/two'), { headers: used.headers })).status, 402);
  assert.equal((await call(url('/paid/one'), { headers: unused.headers })).status, 200);
});

test('a price that has risen since is not the buyer\'s loss', async (t) => {
  const { gateway, url } = await paidShop(t);
  const { headers } = await buy(gateway, url('/paid/one'));
  gateway.options.config.endpoints['/paid/*'].cost = '$0.06';
  await gateway.restart();
  const dearer = await call(url('/paid/one'));
  assert.equal(dearer.json.amount_sats, 100);
  const answer = await call(url('/paid/one'), { headers });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers['x-cost-per-call'], '0.006 USD');
});

test('tokens of the seller pass on the same path, within their budget', async (t) => {
  const { gateway, url } = await paidShop(t);
  const token = await gateway.token('partner', '--total-limit', '0.012');
  for (let i = 0; i < 2; i++) {
    assert.equal((await call(url('/paid/one'), { headers: bearer(token) })).status, 200);
  }
  const spent = await call(url('/paid/one'), { headers: bearer(token) });
  assert.equal(spent.status, 402);
  assert.equal(spent.json.error, 'budget_exhausted', 'a sub-agent has no payment path of its own');
  assert.equal(spent.headers['www-authenticate'], undefined);
  const wrong = await call(url('/paid/one'), { headers: bearer('sg_nothing') });
  assert.equal(wrong.status, 401);
  const control = await call(url('/api/one'));
  assert.equal(control.status, 401, 'nothing else is for sale');
});

test('a buyer hands down less', async (t) => {
  const { gateway, url } = await paidShop(t, { charge: { calls: 10 } });
  const { macaroon, preimage } = await buy(gateway, url('/paid/one'));
  const { token } = await gateway.json('token', 'attenuate', macaroon, '--endpoints', '/paid/one',
    '--budget-max', '0.006', '--holder', 'helper');
  const headers = { authorization: `L402 ${token}:${preimage}` };
  assert.equal((await call(url('/paid/two'), { headers })).status, 402);
  assert.equal((await call(url('/paid/one'), { headers })).status, 200);
  assert.equal((await call(url('/paid/one'), { headers })).status, 402);
});

// The challenge of the Payment scheme, whichever place it has.
function schemeOf(answer) {
  const line = answer.headers['www-authenticate'].split(/, (?=Payment |L402 )/)
    .find((one) => one.startsWith('Payment '));
  return Object.fromEntries([...line.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) =>
    [name, value]));
}

const schemeCredential = (challenge, preimage) => ({ authorization: `Payment ${
  Buffer.from(JSON.stringify({ challenge, payload: { preimage } })).toString('base64url')}` });

test('the Payment scheme is a second way to pay the same, once', async (t) => {
  const { gateway, url } = await paidShop(t);
  const read = schemeOf;
  const challenge = read(await call(url('/paid/one')));
  assert.equal(challenge.method, 'lightning');
  assert.equal(challenge.intent, 'charge');
  const request = JSON.parse(Buffer.from(challenge.request, 'base64url'));
  assert.equal(request.amount, '10');
  assert.equal(request.currency, 'sat');
  assert.equal(request.methodDetails.network, 'regtest');
  const preimage = await pay(gateway, request.methodDetails.invoice);
  const credential = (changes = {}, secret = preimage) =>
    schemeCredential({ ...challenge, ...changes }, secret);
  const other = read(await call(url('/paid/gold')));
  const lies = [credential({ opaque: other.opaque }), credential({ request: other.request }),
    credential({ realm: 'elsewhere' }), credential({ id: other.id }), credential(other),
    credential({}, '00'.repeat(32)), { authorization: 'Payment e30' }];
  for (const headers of lies) {
    const answer = await call(url('/paid/one'), { headers });
    assert.equal(answer.status, 402, answer.text);
    challengeOf(answer);
  }
  const good = await call(url('/paid/one'), { headers: credential() });
  assert.equal(good.status, 200, good.text);
  const receipt = JSON.parse(Buffer.from(good.headers['payment-receipt'], 'base64url'));
  assert.equal(receipt.reference, request.methodDetails.paymentHash);
  assert.equal(receipt.challengeId, challenge.id);
  assert.equal((await call(url('/paid/one'), { headers: credential() })).status, 402);
  const bundle = await paidShop(t, { charge: { calls: 2 } });
  const many = await call(bundle.url('/paid/one'));
  assert.ok(!many.headers['www-authenticate'].includes('Payment '), 'what is good once only');
  const preferring = await call(url('/paid/one'),
    { headers: { 'accept-payment': 'lightning/charge' } });
  assert.match(preferring.headers['www-authenticate'], /^Payment .*, L402 /);
});

test('the Payment scheme pays for one call of an LLM, too, streamed or not', async (t) => {
  const llm = await startUpstream(t, 'llm');
  const gateway = await startGateway(t, { config: {
    currency: { usdPerSat: 0.0006 },
    lightning: { provider: 'dev' },
    upstreams: { openai: { kind: 'openai', url: `${llm.url}/v1`, credential: DEMO_KEY,
      mode: 'charge' } },
  } });
  for (const stream of [false, true]) {
    const chat = (headers) => call(`${gateway.url}/v1/chat/completions`, {
      method: 'POST', headers: { 'content-type': 'application/json', ...headers },
      body: { model: 'gpt-4o-mini', max_tokens: 16, stream,
        messages: [{ role: 'user', content: 'x' }] } });
    const challenge = schemeOf(await chat({}));
    const { methodDetails } = JSON.parse(Buffer.from(challenge.request, 'base64url'));
    const preimage = await pay(gateway, methodDetails.invoice);
    const answer = await chat(schemeCredential(challenge, preimage));
    assert.equal(answer.status, 200, answer.text);
    const receipt = JSON.parse(Buffer.from(answer.headers['payment-receipt'], 'base64url'));
    assert.equal(receipt.reference, methodDetails.paymentHash);
  }
});

test('only to clients that say so, where that is configured', async (t) => {
  const { url } = await paidShop(t, { charge: { challenge: 'signaled' } });
  assert.equal((await call(url('/paid/one'))).status, 401);
  for (const headers of [{ "accept-payment": "lightning/charge" }, { "x-l402": "1" },
    { accept: 'application/json, application/vnd.l402+json' }]) {
    assert.equal((await call(url('/paid/one'), { headers })).status, 402);
  }
});

test('one client gets so many invoices and no more', async (t) => {
  const { gateway, url } = await paidShop(t,
    { charge: { openInvoicesPerClient: 4, pool: 2, openInvoices: 20 } });
  const invoices = new Set();
  for (let i = 0; i < 40; i++) invoices.add((await ask(url('/paid/one'))).invoice);
  assert.ok(invoices.size <= 6, `${invoices.size} invoices`);
  const made = await gateway.json('lightning', 'invoices');
  assert.ok(made.length <= 10, `${made.length} were made`);
});

test('an LLM is sold by credit: the real usage is charged, the rest stays', async (t) => {
  const llm = await startUpstream(t, 'llm');
  const gateway = await startGateway(t, { config: {
    currency: { usdPerSat: 0.0006 },
    lightning: { provider: 'dev' },
    charge: { credit: '$0.06' },
    upstreams: { openai: { kind: 'openai', url: `${llm.url}/v1`, credential: DEMO_KEY,
      mode: 'charge' } },
  } });
  const chat = (headers, size = 1) => call(`${gateway.url}/v1/chat/completions`, {
    method: 'POST', headers: { 'content-type': 'application/json', ...headers },
    body: { model: 'gpt-4o-mini', max_tokens: 16,
      messages: [{ role: 'user', content: 'x'.repeat(size) }] } });
  const first = await chat({});
  assert.equal(first.status, 402, first.text);
  assert.equal(first.json.error.code, 'payment_required');
  assert.equal(first.json.error.amount_sats, 100);
  const { macaroon, invoice } = challengeOf(first);
  const headers = { authorization: `L402 ${macaroon}:${await pay(gateway, invoice)}` };
  let spent = 0;
  for (let i = 0; i < 3; i++) {
    const answer = await chat(headers);
    assert.equal(answer.status, 200, answer.text);
    const [event] = (await gateway.events('&decision=allow')).slice(-1);
    spent += event.cost;
  }
  const [paid] = await gateway.json('lightning', 'invoices', '--paid');
  assert.ok(spent > 0 && spent < 0.06);
  assert.ok(Math.abs(await gateway.spent(paid.token) - spent) < 1e-9);
  const large = await chat({}, 100_000);
  assert.equal(large.status, 401, 'strangers send no large bodies');
});

test('who pays is shown new invoices, however often', async (t) => {
  const { gateway, url } = await paidShop(t,
    { charge: { openInvoicesPerClient: 3, openInvoices: 20 } });
  const invoices = new Set();
  for (let i = 0; i < 30; i++) {
    const { macaroon, invoice } = await ask(url('/paid/one'));
    invoices.add(invoice);
    const headers = { authorization: `L402 ${macaroon}:${await pay(gateway, invoice)}` };
    assert.equal((await call(url('/paid/one'), { headers })).status, 200, `purchase ${i}`);
  }
  assert.equal(invoices.size, 30);
});

test('what costs nothing is given to everybody, and to nobody in control', async (t) => {
  const { gateway, url } = await paidShop(t, { endpoints: { '/paid/list': { cost: 0 },
    '/paid/*': { cost: 1 }, '/api/list': { cost: 0 } } });
  const free = await call(url('/paid/list'));
  assert.equal(free.status, 200, free.text);
  assert.equal(free.headers['x-cost-per-call'], '0.00 USD');
  assert.equal((await call(url('/paid/one'))).status, 402);
  assert.equal((await call(url('/api/list'))).status, 401);
  const [event] = (await gateway.events('&decision=allow')).filter((one) => one.event === 'call');
  assert.equal(event.subject, 'anonymous');
});

test('a mistake in the config is told at its place', async (t) => {
  const bad = [
    [{ lightning: undefined }, /route 'paid' is in mode charge, but there is no `lightning`/],
    [{ currency: {}, lightning: { provider: 'lnd', url: 'http://127.0.0.1:1', credential: '00' } },
      /needs `currency.usdPerSat`/],
    [{ lightning: { provider: 'dev', network: 'mainnet' } }, /must be regtest/],
    [{ lightning: { provider: 'lnd' } }, /lightning.url: is missing/],
    [{ lightning: { provider: 'abacus' } }, /lightning.provider: 'abacus'/],
    [{ charge: { expires: '5m', invoiceExpires: '10m' } }, /must be longer than `invoiceExpires`/],
  ];
  for (const [extra, message] of bad) {
    await assert.rejects(paidShop(t, extra), message);
  }
});

test('a call that the upstream has failed costs its buyer nothing, where the seller says so',
  async (t) => {
    const answers = { '/paid/five': (response) => { response.statusCode = 503; response.end(); },
      '/paid/cut': (response) => response.destroy(),
      '/paid/four': (response) => { response.statusCode = 404; response.end(); } };
    const api = await listen(t, (request, response) => {
      if (answers[request.url]) answers[request.url](response);
      else response.end('{}');
    });
    const spentAfter = async (charge, path) => {
      const { gateway, url } = await paidShop(t, { charge,
        upstreams: { api: { kind: 'http', url: api } } });
      const { headers } = await buy(gateway, url(path));
      await call(url(path), { headers });
      const [paid] = await gateway.json('lightning', 'invoices', '--paid');
      return gateway.spent(paid.token);
    };
    const free = { failedCalls: 'free' };
    assert.equal(await spentAfter(free, '/paid/five'), 0);
    assert.equal(await spentAfter(free, '/paid/cut'), 0);
    assert.equal(await spentAfter(free, '/paid/four'), 0.006);
    assert.equal(await spentAfter({}, '/paid/five'), 0.006);
    assert.equal(await spentAfter({}, '/paid/cut'), 0.006);
  });
