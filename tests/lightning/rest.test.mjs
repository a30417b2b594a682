import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import test from 'node:test';
import { startCln } from './cln.mjs';
import { startLnbits } from './lnbits.mjs';
import { startLnd } from './lnd.mjs';
import { startNetwork } from './network.mjs';
import { readInvoice } from './node.mjs';
import { startPhoenixd } from './phoenixd.mjs';
import { checkAnswer } from './schemas.mjs';

const network = await startNetwork();
const { seller, buyer } = network;
test.after(() => network.stop());

const sha256 = (text) => createHash('sha256').update(Buffer.from(text, 'hex')).digest('hex');
const hexOf = (base64) => Buffer.from(base64, 'base64').toString('hex');
const base64url = (hex) => Buffer.from(hex, 'hex').toString('base64url');

async function ask(server, path, { method, headers, body } = {}) {
  const answer = await fetch(server.url + path, { method: method ?? (body ? 'POST' : 'GET'),
    headers, body: body && (body instanceof URLSearchParams ? body : JSON.stringify(body)) });
  const text = await answer.text();
  let json;
  try { json = JSON.parse(text); } catch { json = undefined; }
  return { status: answer.status, text, json };
}

// Where a webhook arrives: take() gives the next one.
async function listener(t) {
  const seen = [];
  const server = http.createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    seen.push({ headers: request.headers, text: Buffer.concat(chunks).toString() });
    response.end();
    server.emit('hook');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => { server.closeAllConnections(); server.close(); });
  return { url: `http://127.0.0.1:${server.address().port}/hook`,
    async take() {
      if (seen.length === 0) await once(server, 'hook');
      return seen.shift();
    } };
}

async function lnd(t, node = seller) {
  const server = await startLnd(node);
  t.after(() => server.stop());
  const headers = { 'grpc-metadata-macaroon': server.macaroon };
  return { server, ask: (path, body) => ask(server, path, { headers, body }), headers };
}

test('LND: an invoice, its payment, its state and its stream', async (t) => {
  const node = await lnd(t);
  const info = await node.ask('/v1/getinfo');
  checkAnswer('lnd lnrpcGetInfoResponse', info.json);
  const stop = new AbortController();
  const stream = await fetch(`${node.server.url}/v1/invoices/subscribe`,
    { headers: node.headers, signal: stop.signal });
  const made = await node.ask('/v1/invoices', { value_msat: '12345', memo: 'one', expiry: '60' });
  assert.equal(made.status, 200);
  checkAnswer('lnd lnrpcAddInvoiceResponse', made.json);
  const hash = hexOf(made.json.r_hash);
  assert.equal(readInvoice(made.json.payment_request).hash, hash);
  assert.equal(readInvoice(made.json.payment_request).amountMsat, 12_345);
  const open = await node.ask(`/v1/invoice/${hash}`);
  checkAnswer('lnd lnrpcInvoice', open.json);
  assert.equal(open.json.state, 'OPEN');
  assert.equal(open.json.amt_paid_msat, '0');
  await buyer.pay(made.json.payment_request);
  const paid = await node.ask(`/v2/invoices/lookup?payment_hash=${base64url(hash)}`);
  checkAnswer('lnd lnrpcInvoice', paid.json);
  assert.equal(paid.json.state, 'SETTLED');
  assert.equal(paid.json.amt_paid_msat, '12345');
  const { value } = await stream.body.getReader().read();
  const told = JSON.parse(Buffer.from(value).toString());
  checkAnswer('lnd lnrpcInvoice', told.result);
  assert.equal(told.result.r_hash, made.json.r_hash);
  stop.abort();
});

test('LND: pays, and says what became of a payment', async (t) => {
  const node = await lnd(t);
  const { bolt11, hash } = buyer.createInvoice({ amountMsat: 7000 });
  const asked = { payment_request: bolt11, timeout_seconds: 10, fee_limit_msat: '100' };
  const sent = await node.ask('/v2/router/send', asked);
  const lines = sent.text.trim().split('\n').map((line) => JSON.parse(line).result);
  for (const line of lines) checkAnswer('lnd lnrpcPayment', line);
  assert.deepEqual(lines.map(({ status }) => status), ['IN_FLIGHT', 'SUCCEEDED']);
  assert.equal(sha256(lines[1].payment_preimage), hash);
  const tracked = await node.ask(`/v2/router/track/${base64url(hash)}`);
  assert.equal(tracked.json.result.status, 'SUCCEEDED');
  const again = await node.ask('/v2/router/send', asked);
  assert.equal(again.status, 409);
  assert.equal(again.json.error.code, 6);
  const unknown = await node.ask(`/v2/router/track/${base64url('ab'.repeat(32))}`);
  assert.equal(unknown.status, 404);
  checkAnswer('lnd rpcStatus', unknown.json.error);
  const much = buyer.createInvoice({ amountMsat: 15_000_000_000 });
  const failed = await node.ask('/v2/router/send', { ...asked, payment_request: much.bolt11,
    no_inflight_updates: true });
  assert.equal(failed.json.result.status, 'FAILED');
  assert.equal(failed.json.result.failure_reason, 'FAILURE_REASON_NO_ROUTE');
});

test('LND: errors have its form', async (t) => {
  const node = await lnd(t);
  for (const [headers, message] of [[{}, /expected 1 macaroon/],
    [{ 'grpc-metadata-macaroon': 'ab' }, /verification failed/]]) {
    const refused = await ask(node.server, '/v1/getinfo', { headers });
    assert.equal(refused.status, 500);
    checkAnswer('lnd rpcStatus', refused.json);
    assert.match(refused.json.message, message);
  }
  const missing = await node.ask(`/v1/invoice/${'ab'.repeat(32)}`);
  assert.equal(missing.status, 404);
  assert.equal(missing.json.code, 5);
});

test('LND over TLS with a certificate of its own', async (t) => {
  const server = await startLnd(seller, { tls: true });
  t.after(() => server.stop());
  await assert.rejects(fetch(`${server.url}/v1/getinfo`));
  const request = https.get(`${server.url}/v1/getinfo`, { ca: server.ca,
    headers: { 'grpc-metadata-macaroon': server.macaroon } });
  const [response] = await once(request, 'response');
  response.resume();
  assert.equal(response.statusCode, 200);
});

test('Core Lightning: invoices and payments', async (t) => {
  const server = await startCln(seller);
  t.after(() => server.stop());
  const call = (method, body = {}, rune = server.rune) => ask(server, `/v1/${method}`,
    { body, headers: { rune, 'content-type': 'application/json' } });
  checkAnswer('cln getinfo', (await call('getinfo')).json);
  const asked = { amount_msat: 4321, label: 'a', description: 'one', expiry: 60 };
  const made = await call('invoice', asked);
  assert.equal(made.status, 201);
  checkAnswer('cln invoice', made.json);
  const again = await call('invoice', asked);
  assert.deepEqual([again.status, again.json.code], [500, 900]);
  const list = async () => (await call('listinvoices', { payment_hash: made.json.payment_hash }))
    .json;
  checkAnswer('cln listinvoices', await list());
  assert.equal((await list()).invoices[0].status, 'unpaid');
  const last = Math.max(0, ...seller.invoices().map(({ settleIndex }) => settleIndex ?? 0));
  const waiting = call('waitanyinvoice', { lastpay_index: last, timeout: 10 });
  await buyer.pay(made.json.bolt11);
  checkAnswer('cln waitanyinvoice', (await waiting).json);
  assert.equal((await waiting).json.payment_hash, made.json.payment_hash);
  checkAnswer('cln listinvoices', await list());
  assert.equal((await list()).invoices[0].amount_received_msat, 4321);
  const late = await call('waitanyinvoice', { lastpay_index: 1e6, timeout: 0 });
  assert.deepEqual([late.status, late.json.code], [500, 904]);

  const bill = buyer.createInvoice({ amountMsat: 5000 });
  const paid = await call('xpay', { invstring: bill.bolt11, maxfee: 100, retry_for: 5 });
  assert.equal(paid.status, 201);
  checkAnswer('cln xpay', paid.json);
  assert.equal(sha256(paid.json.payment_preimage), bill.hash);
  const repeated = await call('xpay', { invstring: bill.bolt11 });
  assert.deepEqual([repeated.status, repeated.json.code], [500, 219]);
  const much = buyer.createInvoice({ amountMsat: 15_000_000_000 });
  assert.equal((await call('xpay', { invstring: much.bolt11 })).json.code, 205);
  const twice = await call('pay', { bolt11: bill.bolt11 });
  checkAnswer('cln pay', twice.json);
  assert.equal(twice.json.payment_preimage, paid.json.payment_preimage);
  const pays = await call('listpays', { payment_hash: bill.hash });
  checkAnswer('cln listpays', pays.json);
  assert.equal(pays.json.pays[0].status, 'complete');
  assert.deepEqual((await call('listpays', { payment_hash: 'ab'.repeat(32) })).json, { pays: [] });

  assert.equal((await ask(server, '/v1/getinfo', { method: 'POST' })).status, 403);
  assert.equal((await call('getinfo', {}, 'wrong')).status, 401);
  assert.equal((await call('nothing')).status, 404);
});

test('phoenixd: invoices, payments and its signed webhook', async (t) => {
  const hook = await listener(t);
  const server = await startPhoenixd(seller, { webhook: { url: hook.url } });
  t.after(() => server.stop());
  const call = (path, form, password = server.password) => ask(server, path, {
    headers: { authorization: `Basic ${Buffer.from(`:${password}`).toString('base64')}` },
    body: form && new URLSearchParams(form) });
  assert.equal((await call('/getinfo')).json.chain, 'regtest');
  const made = await call('/createinvoice', { amountSat: '21', description: 'one',
    expirySeconds: '60', externalId: 'mine' });
  assert.equal(made.json.amountSat, 21);
  assert.equal(readInvoice(made.json.serialized).hash, made.json.paymentHash);
  const incoming = async () => (await call(`/payments/incoming/${made.json.paymentHash}`)).json;
  assert.equal((await incoming()).isPaid, false);
  await buyer.pay(made.json.serialized);
  assert.equal((await incoming()).isPaid, true);
  assert.equal((await incoming()).receivedSat, 21);
  const told = await hook.take();
  assert.equal(told.headers['x-phoenix-signature'],
    createHmac('sha256', server.webhookSecret).update(told.text).digest('hex'));
  assert.equal(JSON.parse(told.text).paymentHash, made.json.paymentHash);
  assert.equal(JSON.parse(told.text).externalId, 'mine');

  const bill = buyer.createInvoice({ amountMsat: 5000 });
  assert.equal((await call('/payinvoice', { invoice: bill.bolt11 }, server.limitedPassword)).status,
    401);
  assert.equal((await call(`/payments/outgoingbyhash/${bill.hash}`)).status, 404);
  const paid = await call('/payinvoice', { invoice: bill.bolt11 });
  assert.equal(sha256(paid.json.paymentPreimage), bill.hash);
  const sent = await call(`/payments/outgoingbyhash/${bill.hash}`);
  assert.equal(sent.json.isPaid, true);
  assert.equal(sent.json.paymentId, paid.json.paymentId);
  const again = await call('/payinvoice', { invoice: bill.bolt11 });
  assert.equal(again.json.type, 'payment_failed');
  assert.equal((await call('/getinfo', undefined, 'wrong')).status, 401);
  const missing = await call(`/payments/incoming/${'ab'.repeat(32)}`);
  assert.deepEqual([missing.status, missing.text], [404, 'Not found']);
});

test('LNbits: invoices, payments and its webhook of JSON in JSON', async (t) => {
  const hook = await listener(t);
  const server = await startLnbits(seller);
  t.after(() => server.stop());
  const call = (path, body, key = server.invoiceKey) => ask(server, path,
    { headers: { 'x-api-key': key }, body });
  assert.equal((await call('/api/v1/wallet')).json.name, 'seller');
  const made = await call('/api/v1/payments', { out: false, amount: 33, unit: 'sat', memo: 'one',
    expiry: 60, webhook: hook.url });
  assert.equal(made.status, 201);
  assert.equal(made.json.amount, 33_000);
  const state = async () => (await call(`/api/v1/payments/${made.json.payment_hash}`)).json;
  assert.equal((await state()).paid, false);
  await buyer.pay(made.json.bolt11);
  assert.equal((await state()).paid, true);
  assert.equal(sha256((await state()).preimage), made.json.payment_hash);
  const told = await hook.take();
  assert.equal(JSON.parse(JSON.parse(told.text)).payment_hash, made.json.payment_hash);

  const bill = buyer.createInvoice({ amountMsat: 5000 });
  const asked = { out: true, bolt11: bill.bolt11 };
  assert.equal((await call('/api/v1/payments', asked)).status, 403);
  const paid = await call('/api/v1/payments', asked, server.adminKey);
  assert.equal(paid.status, 201);
  assert.equal(sha256(paid.json.preimage), bill.hash);
  const again = await call('/api/v1/payments', asked, server.adminKey);
  assert.deepEqual([again.status, again.json.status], [520, 'failed']);
  assert.equal((await call('/api/v1/wallet', undefined, 'wrong')).status, 404);
  assert.equal((await call(`/api/v1/payments/${'ab'.repeat(32)}`)).status, 404);
});

test('an answer that the project does not give is found', () => {
  const good = { r_hash: 'q83v', payment_request: 'lnbcrt1', add_index: '1', payment_addr: '' };
  checkAnswer('lnd lnrpcAddInvoiceResponse', good);
  for (const wrong of [{ add_index: 1 }, { r_hash: 'q83v-' }, { hash: 'ab' }]) {
    assert.throws(() => checkAnswer('lnd lnrpcAddInvoiceResponse', { ...good, ...wrong }));
  }
  const paid = { payment_preimage: 'ab'.repeat(32), failed_parts: 0, successful_parts: 1,
    amount_msat: 1, amount_sent_msat: 1 };
  checkAnswer('cln xpay', paid);
  for (const wrong of [{ payment_preimage: 'ab' }, { amount_msat: '1msat' },
    { failed_parts: undefined }]) {
    assert.throws(() => checkAnswer('cln xpay', JSON.parse(JSON.stringify({ ...paid, ...wrong }))));
  }
});

test('a node lies', async (t) => {
  const { server, ask: call } = await lnd(t);
  const make = async () => (await call('/v1/invoices', { value_msat: '9000' })).json;
  server.next({ amountMsat: 1 });
  assert.equal(readInvoice((await make()).payment_request).amountMsat, 1);
  server.next({ foreign: true });
  assert.equal(readInvoice((await make()).payment_request).network, 'bc');
  server.next({ hash: true });
  const other = await make();
  assert.notEqual(readInvoice(other.payment_request).hash, hexOf(other.r_hash));
  const honest = await make();
  const path = `/v1/invoice/${hexOf(honest.r_hash)}`;
  server.next({ settled: true, path: /invoice\// });
  const lie = (await call(path)).json;
  checkAnswer('lnd lnrpcInvoice', lie);
  assert.deepEqual([lie.state, lie.amt_paid_msat], ['SETTLED', '9000']);
  assert.equal((await call(path)).json.state, 'OPEN');
  server.next({ receivedMsat: 8999 });
  assert.equal((await call(path)).json.amt_paid_msat, '8999');
  server.next({ missing: true });
  assert.equal((await call(path)).status, 404);
  const bill = buyer.createInvoice({ amountMsat: 5000 });
  server.next({ preimage: true });
  const paid = (await call('/v2/router/send', { payment_request: bill.bolt11, timeout_seconds: 9,
    no_inflight_updates: true })).json.result;
  assert.equal(paid.status, 'SUCCEEDED');
  assert.notEqual(sha256(paid.payment_preimage), bill.hash);
});

test('a node fails', async (t) => {
  const { server, ask: call } = await lnd(t);
  server.next({ status: 500 });
  assert.equal((await call('/v1/getinfo')).json.message, 'injected fault');
  server.next({ garbage: true });
  assert.equal((await call('/v1/getinfo')).json, undefined);
  const count = seller.invoices().length;
  server.next({ refuse: true });
  await assert.rejects(call('/v1/invoices', { value_msat: '1000' }));
  assert.equal(seller.invoices().length, count);
  server.next({ cut: true });
  await assert.rejects(call('/v1/invoices', { value_msat: '1000' }));
  assert.equal(seller.invoices().length, count + 1);
  server.always({ slowMs: 60 });
  const start = Date.now();
  await call('/v1/getinfo');
  assert.ok(Date.now() - start >= 55);
  server.always(undefined);
  await server.down();
  await assert.rejects(call('/v1/getinfo'));
  await server.up();
  assert.equal((await call('/v1/getinfo')).status, 200);
});
