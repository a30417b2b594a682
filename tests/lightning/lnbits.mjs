// LNbits' wallet API. Its webhook is neither signed nor plain JSON: the body is a JSON string that
// holds JSON.
import { randomBytes } from 'node:crypto';
import { readInvoice } from './node.mjs';
import { refusal, startServer } from './rest.mjs';

const error = (status, detail) => ({ status, json: { detail } });
// An error of a payment or an invoice says so, too.
const paymentError = (detail) => ({ status: 520, json: { detail, status: 'failed' } });

export async function startLnbits(node) {
  const adminKey = randomBytes(16).toString('hex');
  const invoiceKey = randomBytes(16).toString('hex');
  const wallet = randomBytes(16).toString('hex');
  const webhooks = new Map();
  const server = await startServer({ node,
    fail: (status) => status === 520 ? paymentError('injected fault')
      : error(status, 'injected fault'),
    handle: async (request, view) => {
      const key = request.headers['x-api-key'];
      const known = key === adminKey || key === invoiceKey;
      const [, hash] = /^\/api\/v1\/payments\/([0-9a-f]{64})$/.exec(request.path) ?? [];
      if (request.method === 'GET' && hash) return status(view, hash, known && wallet);
      if (!key) throw refusal(error(401, 'No Api Key provided.'));
      if (!known) throw refusal(error(404, 'Wallet not found.'));
      const admin = key === adminKey;
      if (request.method === 'GET' && request.path === '/api/v1/wallet') {
        return { json: { name: node.name, balance: view.balanceMsat(),
          ...(admin ? { id: wallet } : {}) } };
      }
      if (request.method === 'POST' && request.path === '/api/v1/payments') {
        return { status: 201, json: await post(view, request.json ?? {}, admin, wallet, webhooks) };
      }
      throw refusal(error(404, 'Not Found'));
    } });
  const off = node.onSettled((invoice) => {
    const url = webhooks.get(invoice.hash);
    if (!url) return;
    const payment = JSON.stringify(incoming(invoice, wallet, url));
    fetch(url, { method: 'POST', body: JSON.stringify(payment),
      headers: { 'content-type': 'application/json' } }).catch(() => {});
  });
  return Object.assign(server, { adminKey, invoiceKey,
    stop: () => { off(); return server.down(); } });
}

async function post(node, asked, admin, wallet, webhooks) {
  if (asked.out) {
    if (!admin) throw refusal(error(403, 'Invoice (or Admin) key required.'));
    if (!asked.bolt11) throw refusal(error(400, 'Missing BOLT11 invoice'));
    return outgoing(await pay(node, asked.bolt11), wallet);
  }
  if (!(asked.amount > 0)) throw refusal(paymentError('Amount must be positive.'));
  if ((asked.unit ?? 'sat') !== 'sat') throw refusal(paymentError('Unit not supported here.'));
  const invoice = node.createInvoice({ amountMsat: Math.round(asked.amount * 1000),
    description: asked.memo ?? 'LNbits', expirySeconds: asked.expiry ?? 3600 });
  if (asked.webhook) webhooks.set(readInvoice(invoice.bolt11).hash, asked.webhook);
  return incoming(invoice, wallet, asked.webhook);
}

async function pay(node, bolt11) {
  try {
    const paid = await node.pay(bolt11);
    return { ...node.find(paid.hash), ...paid };
  } catch (problem) {
    if (problem.code === undefined) throw problem;
    const detail = { invalid: 'Bolt11 decoding failed.', expired: 'Invoice has expired.',
      'no amount': 'Amountless invoices not supported.',
      'already paid': 'Payment already paid.' }[problem.code];
    throw refusal(paymentError(detail ?? `Payment failed: ${problem.code}`));
  }
}

const time = (seconds) => new Date(seconds * 1000).toISOString().replace('Z', '+00:00');

function message(hash, wallet, bolt11, { memo, expiresAt, createdAt, ...rest }) {
  return { checking_id: hash, payment_hash: hash, wallet_id: wallet, amount: 0, fee: 0, bolt11,
    payment_request: bolt11, fiat_provider: null, status: 'pending', memo,
    expiry: time(expiresAt), webhook: null, webhook_status: null, preimage: null, tag: null,
    extension: null, time: time(createdAt), created_at: time(createdAt),
    updated_at: time(createdAt), labels: [], extra: {}, ...rest };
}

function incoming(invoice, wallet, webhook) {
  const states = { open: 'pending', accepted: 'pending', settled: 'success' };
  const paid = invoice.state === 'settled';
  return message(invoice.hash, wallet, invoice.bolt11, { memo: invoice.description,
    expiresAt: invoice.expiresAt, createdAt: invoice.createdAt,
    amount: paid ? invoice.receivedMsat : invoice.amountMsat,
    status: states[invoice.state] ?? 'failed', webhook: webhook ?? null,
    preimage: paid ? invoice.preimage : null });
}

function outgoing(payment, wallet) {
  const states = { pending: 'pending', succeeded: 'success', failed: 'failed' };
  return message(payment.hash, wallet, payment.bolt11, { memo: payment.description,
    expiresAt: payment.expiresAt, createdAt: payment.createdAt, amount: -payment.amountMsat,
    fee: -(payment.feeMsat ?? 0), status: states[payment.state],
    preimage: payment.preimage ?? null });
}

function status(node, hash, wallet) {
  const invoice = node.lookup(hash);
  const payment = invoice ? undefined : node.find(hash);
  if (!invoice && !payment) throw refusal(error(404, 'Payment does not exist.'));
  const details = invoice ? incoming(invoice, wallet || '') : outgoing(payment, wallet || '');
  const more = wallet ? { details } : {};
  if (details.status === 'success') {
    return { json: { paid: true, preimage: details.preimage, ...more } };
  }
  if (details.status === 'failed') return { json: { paid: false, status: 'failed', ...more } };
  return { json: { paid: false, ...(wallet ? { status: 'pending' } : {}),
    preimage: details.preimage, ...more } };
}
