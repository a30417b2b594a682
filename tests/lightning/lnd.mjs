// LND's REST interface, as lnrpc/*.swagger.json describe it: 64-bit numbers are strings, bytes are
// base64, and an error is { code, message, details } of gRPC.
import { randomBytes } from 'node:crypto';
import { refusal, startServer } from './rest.mjs';

const base64 = (hex) => Buffer.from(hex, 'hex').toString('base64');
const HTTP_STATUS = { 2: 500, 3: 400, 5: 404, 6: 409, 14: 503 };
const FAILURES = { RouteNotFound: 'FAILURE_REASON_NO_ROUTE',
  RetriesExhausted: 'FAILURE_REASON_NO_ROUTE', PaymentExpired: 'FAILURE_REASON_TIMEOUT' };
const NO_INVOICE = 'unable to locate invoice';

function error(code, message) {
  return { status: HTTP_STATUS[code], json: { code, message, details: [] } };
}

// In a stream that has not begun the same is wrapped.
function streamError(code, message) {
  return { status: HTTP_STATUS[code], json: { error: error(code, message).json } };
}

export async function startLnd(node, { tls = false } = {}) {
  const macaroon = randomBytes(48).toString('hex');
  const server = await startServer({ node, tls,
    fail: (status) => ({ ...error(2, 'injected fault'), status }),
    handle: async (request, view) => {
      const given = request.headers['grpc-metadata-macaroon'];
      if (!given) throw refusal(error(2, 'expected 1 macaroon, got 0'));
      if (given !== macaroon) {
        throw refusal(error(2,
          'verification failed: signature mismatch after caveat verification'));
      }
      return route(request, view);
    } });
  return Object.assign(server, { macaroon });
}

async function route({ method, path, query, json }, node) {
  const [, hash] = /^\/v1\/invoice\/([0-9a-f]{64})$/.exec(path) ?? [];
  const [, track] = /^\/v2\/router\/track\/([\w=-]+)$/.exec(path) ?? [];
  if (method === 'GET' && path === '/v1/getinfo') return { json: info(node) };
  if (method === 'POST' && path === '/v1/invoices') return { json: create(node, json ?? {}) };
  if (method === 'GET' && hash) return lookup(node, hash);
  if (method === 'GET' && path === '/v2/invoices/lookup') {
    const bytes = Buffer.from(query.get('payment_hash') ?? '', 'base64url');
    return lookup(node, bytes.toString('hex'));
  }
  if (method === 'GET' && path === '/v1/invoices/subscribe') return subscribe(node, query);
  if (method === 'POST' && path === '/v2/router/send') return pay(node, json ?? {});
  if (method === 'GET' && track) return follow(node, Buffer.from(track, 'base64url'), query);
  throw refusal(error(5, 'Not Found'));
}

function info(node) {
  return { version: '0.21.2-beta commit=v0.21.2-beta', commit_hash: '', identity_pubkey: node.id,
    alias: node.name, color: '#3399ff', num_pending_channels: 0, num_active_channels: 1,
    num_inactive_channels: 0, num_peers: 1, block_height: 7, block_hash: '00'.repeat(32),
    best_header_timestamp: `${Math.floor(Date.now() / 1000)}`, synced_to_chain: true,
    synced_to_graph: true, testnet: false, chains: [{ chain: 'bitcoin', network: 'regtest' }],
    uris: [], features: {}, require_htlc_interceptor: false,
    store_final_htlc_resolutions: false };
}

function create(node, asked) {
  const msat = Number(asked.value_msat ?? 0) || Number(asked.value ?? 0) * 1000;
  if (asked.value_msat > 0 && asked.value > 0) {
    throw refusal(error(2, 'amount cannot be specified in both satoshis and millisatoshis'));
  }
  if (Buffer.byteLength(asked.memo ?? '') > 639) throw refusal(error(2, 'memo too large'));
  const invoice = node.createInvoice({ amountMsat: msat, description: asked.memo ?? '',
    expirySeconds: Number(asked.expiry ?? 0) || 86_400,
    ...(asked.r_preimage ? { preimage: Buffer.from(asked.r_preimage, 'base64') } : {}) });
  return { r_hash: base64(invoice.hash), payment_request: invoice.bolt11,
    add_index: `${invoice.addIndex}`, payment_addr: base64(invoice.secret) };
}

const STATES = { open: 'OPEN', accepted: 'ACCEPTED', settled: 'SETTLED', canceled: 'CANCELED',
  expired: 'CANCELED' };  // LND cancels what has expired

function lookup(node, hash) {
  const invoice = node.lookup(hash);
  if (!invoice) throw refusal(error(5, NO_INVOICE));
  return { json: invoiceMessage(invoice) };
}

function invoiceMessage(invoice) {
  const received = invoice.state === 'settled' ? invoice.receivedMsat : 0;
  const sat = (msat) => `${Math.floor(msat / 1000)}`;
  return { memo: invoice.description, r_preimage: base64(invoice.preimage),
    r_hash: base64(invoice.hash), value: sat(invoice.amountMsat),
    value_msat: `${invoice.amountMsat}`, settled: invoice.state === 'settled',
    creation_date: `${invoice.createdAt}`, settle_date: `${invoice.settledAt ?? 0}`,
    payment_request: invoice.bolt11, description_hash: '',
    expiry: `${invoice.expiresAt - invoice.createdAt}`, fallback_addr: '', cltv_expiry: '80',
    route_hints: [], private: false, add_index: `${invoice.addIndex}`,
    settle_index: `${invoice.settleIndex ?? 0}`, amt_paid: `${received}`,
    amt_paid_sat: sat(received), amt_paid_msat: `${received}`, state: STATES[invoice.state],
    htlcs: [], features: {}, is_keysend: false, payment_addr: base64(invoice.secret),
    is_amp: false, amp_invoice_state: {}, is_blinded: false, blinded_path_config: null };
}

// What is settled from now on, and with a settle_index what was settled after it.
function subscribe(node, query) {
  const after = Number(query.get('settle_index') ?? 0);
  return { stream: async (write, ended) => {
    const missed = node.invoices().filter((one) => after > 0 && one.settleIndex > after);
    for (const invoice of missed.sort((a, b) => a.settleIndex - b.settleIndex)) {
      write({ result: invoiceMessage(invoice) });
    }
    const off = node.onSettled((invoice) => write({ result: invoiceMessage(invoice) }));
    await ended;
    off();
  } };
}

function paymentMessage(payment) {
  const sat = (msat) => `${Math.floor(msat / 1000)}`;
  const fee = payment.feeMsat ?? 0;
  const status = { pending: 'IN_FLIGHT', succeeded: 'SUCCEEDED', failed: 'FAILED' };
  return { payment_hash: payment.hash, value: sat(payment.amountMsat),
    creation_date: `${payment.createdAt}`, fee: sat(fee),
    payment_preimage: payment.preimage ?? '00'.repeat(32), value_sat: sat(payment.amountMsat),
    value_msat: `${payment.amountMsat}`, payment_request: payment.bolt11,
    status: status[payment.state], fee_sat: sat(fee), fee_msat: `${fee}`,
    creation_time_ns: `${payment.createdAt}000000000`, htlcs: [], payment_index: '1',
    failure_reason: payment.state !== 'failed' ? 'FAILURE_REASON_NONE'
      : FAILURES[payment.code] ?? 'FAILURE_REASON_ERROR', first_hop_custom_records: {} };
}

async function pay(node, asked) {
  if (!(Number(asked.timeout_seconds) > 0)) {
    throw refusal(streamError(2, 'timeout_seconds must be specified'));
  }
  let hash;
  const feeMaxMsat = Number(asked.fee_limit_msat ?? 0) || Number(asked.fee_limit_sat ?? 0) * 1000;
  const paying = node.pay(asked.payment_request, { feeMaxMsat });
  const early = await Promise.race([paying.catch((refused) => refused), tick()]);
  const refused = { invalid: [2, 'invalid invoice'], expired: [2, 'invoice expired'],
    'no amount': [2, 'amount must be specified when paying a zero amount invoice'],
    'already paid': [6, 'invoice is already paid'] }[early?.code];
  if (refused) throw refusal(streamError(...refused));
  hash = node.payments().find(({ bolt11 }) => bolt11 === asked.payment_request).hash;
  return { stream: async (write, ended) => {
    if (!asked.no_inflight_updates) write({ result: paymentMessage(node.find(hash)) });
    await Promise.race([paying.catch(() => {}), ended]);
    write({ result: paymentMessage(node.find(hash)) });
  } };
}

const tick = () => new Promise((done) => setImmediate(done));

async function follow(node, bytes, query) {
  const hash = bytes.toString('hex');
  if (!node.find(hash)) throw refusal(streamError(5, 'payment isn\'t initiated'));
  const quiet = query.get('no_inflight_updates') === 'true';
  return { stream: async (write, ended) => {
    let gone = false;
    ended.then(() => { gone = true; });
    if (!quiet && node.find(hash).state === 'pending') {
      write({ result: paymentMessage(node.find(hash)) });
    }
    while (!gone && node.find(hash).state === 'pending') {
      await new Promise((done) => setTimeout(done, 5));
    }
    if (!gone) write({ result: paymentMessage(node.find(hash)) });
  } };
}
