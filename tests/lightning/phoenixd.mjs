// phoenixd's HTTP API: forms in, whole satoshis, errors as text. With `webhook: { url }` each
// payment is told there, signed.
import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { readInvoice } from './node.mjs';
import { refusal, startServer } from './rest.mjs';

const text = (status, words) => ({ status, text: words });
const sat = (msat) => Math.floor(msat / 1000);

export async function startPhoenixd(node, { webhook } = {}) {
  const password = randomBytes(32).toString('hex');
  const limitedPassword = randomBytes(32).toString('hex');
  const webhookSecret = randomBytes(32).toString('hex');
  const state = { externalIds: new Map(), webhooks: new Map(), ids: new Map() };
  const server = await startServer({ node,
    fail: (status) => text(status, 'injected fault'),
    handle: async (request, view) => {
      const given = Buffer.from(/^Basic (.+)$/.exec(request.headers.authorization)?.[1] ?? '',
        'base64').toString().split(':').slice(1).join(':');
      const full = given === password;
      if (!full && (given !== limitedPassword || request.path === '/payinvoice')) {
        throw refusal({ ...text(401, 'Invalid authentication (use basic auth with the http ' +
          'password set in phoenix.conf)'), headers: { 'www-authenticate': 'Basic realm=""' } });
      }
      return route(request, view, state);
    } });
  const off = node.onSettled((invoice) => {
    const event = JSON.stringify({ type: 'payment_received', amountSat: sat(invoice.receivedMsat),
      paymentHash: invoice.hash, externalId: state.externalIds.get(invoice.hash) ?? null,
      payerNote: null, payerKey: null, timestamp: Date.now() });
    const signature = createHmac('sha256', webhookSecret).update(event).digest('hex');
    for (const url of [webhook?.url, state.webhooks.get(invoice.hash)].filter(Boolean)) {
      fetch(url, { method: 'POST', body: event, headers: { 'content-type': 'application/json',
        'x-phoenix-signature': signature } }).catch(() => {});
    }
  });
  return Object.assign(server, { password, limitedPassword, webhookSecret,
    stop: () => { off(); return server.down(); } });
}

async function route({ method, path, form }, node, state) {
  const [, incoming] = /^\/payments\/incoming\/([0-9a-f]{64})$/.exec(path) ?? [];
  const [, outgoing] = /^\/payments\/outgoingbyhash\/([0-9a-f]{64})$/.exec(path) ?? [];
  if (method === 'GET' && path === '/getinfo') return { json: info(node) };
  if (method === 'GET' && path === '/getbalance') {
    return { json: { balanceSat: sat(node.balanceMsat()), feeCreditSat: 0 } };
  }
  if (method === 'POST' && path === '/createinvoice') return create(node, form, state);
  if (method === 'POST' && path === '/payinvoice') return pay(node, form, state);
  if (method === 'GET' && incoming) return received(node, incoming, state);
  if (method === 'GET' && outgoing) return sent(node, outgoing, state);
  throw refusal(text(404, 'Unknown endpoint (check api doc)'));
}

function info(node) {
  return { nodeId: node.id, channels: [{ state: 'Normal', channelId: '11'.repeat(32),
    balanceSat: sat(node.balanceMsat()), inboundLiquiditySat: 1_000_000, capacitySat: 16_000_000,
    fundingTxId: '22'.repeat(32) }], chain: 'regtest', blockHeight: 7, version: '0.7.3' };
}

function create(node, form, { externalIds, webhooks }) {
  const amountSat = Number(form.get('amountSat'));
  if (!Number.isSafeInteger(amountSat) || amountSat <= 0) {
    throw refusal(text(400, 'Parameter amountSat must be a long'));
  }
  const description = form.get('description');
  if (description === null) {
    throw refusal(text(400, 'Must provide either a description or descriptionHash'));
  }
  if (description.length > 128) {
    throw refusal(text(400,
      'Request parameter description is too long (max 128 characters)'));
  }
  const invoice = node.createInvoice({ amountMsat: amountSat * 1000, description,
    expirySeconds: Number(form.get('expirySeconds') ?? 3600) });
  const { hash } = readInvoice(invoice.bolt11);
  if (form.has('externalId')) externalIds.set(hash, form.get('externalId'));
  if (form.has('webhookUrl')) webhooks.set(hash, form.get('webhookUrl'));
  return { json: { amountSat: sat(invoice.amountMsat), paymentHash: invoice.hash,
    serialized: invoice.bolt11 } };
}

function received(node, hash, { externalIds }) {
  const invoice = node.lookup(hash);
  if (!invoice) throw refusal(text(404, 'Not found'));
  const isPaid = invoice.state === 'settled';
  return { json: { type: 'incoming_payment', subType: 'lightning', paymentHash: invoice.hash,
    preimage: invoice.preimage, externalId: externalIds.get(hash) ?? null,
    description: invoice.description, invoice: invoice.bolt11, isPaid,
    isExpired: Date.now() > invoice.expiresAt * 1000, requestedSat: sat(invoice.amountMsat),
    receivedSat: isPaid ? sat(invoice.receivedMsat) : 0, fees: 0, payerNote: null, payerKey: null,
    expiresAt: invoice.expiresAt * 1000, completedAt: isPaid ? invoice.settledAt * 1000 : null,
    createdAt: invoice.createdAt * 1000 } };
}

async function pay(node, form, { ids }) {
  let facts;
  try {
    facts = readInvoice(form.get('invoice'));
  } catch {
    throw refusal(text(400, 'Parameter invoice is not valid'));
  }
  try {
    const before = node.find(facts.hash);
    const id = before && before.state !== 'failed' ? ids.get(facts.hash) : randomUUID();
    ids.set(facts.hash, id);
    const paid = await node.pay(form.get('invoice'));
    return { json: { recipientAmountSat: sat(paid.amountMsat), routingFeeSat: sat(paid.feeMsat),
      paymentId: id, paymentHash: paid.hash, paymentPreimage: paid.preimage } };
  } catch (problem) {
    if (problem.code === undefined) throw problem;
    const reason = { 'already paid': 'this invoice has already been paid',
      expired: 'invoice expired', RouteNotFound: 'routing failure' }[problem.code];
    return { json: { type: 'payment_failed', paymentHash: facts.hash, offerId: null,
      reason: reason ?? 'recipient rejected the payment' } };
  }
}

function sent(node, hash, { ids }) {
  const payment = node.find(hash);
  if (!payment) throw refusal(text(404, 'Not found'));
  const done = payment.state === 'pending' ? null : payment.createdAt * 1000;
  return { json: { type: 'outgoing_payment', subType: 'lightning',
    paymentId: ids.get(hash) ?? randomUUID(), paymentHash: hash,
    preimage: payment.preimage ?? null, txId: null, isPaid: payment.state === 'succeeded',
    sent: sat(payment.amountMsat + (payment.feeMsat ?? 0)), fees: payment.feeMsat ?? 0,
    invoice: payment.bolt11, completedAt: done, createdAt: payment.createdAt * 1000 } };
}
