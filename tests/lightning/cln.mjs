// Core Lightning's clnrest: POST /v1/<method> with a rune; 201 with what the method of
// doc/schemas/*.json answers, or an error { code, message }.
import { randomBytes } from 'node:crypto';
import { readInvoice } from './node.mjs';
import { refusal, startServer } from './rest.mjs';

const error = (status, code, message) => ({ status, json: { code, message } });
const failed = (code, message) => refusal(error(500, code, message));

export async function startCln(node, { tls = false } = {}) {
  const rune = randomBytes(36).toString('base64url');
  const state = { labels: new Map() };  // label -> payment hash
  const server = await startServer({ node, tls,
    fail: (status) => error(status, -1, 'injected fault'),
    handle: async (request, view) => {
      if (!request.path.startsWith('/v1/')) throw refusal(error(404, -32601, 'Not found'));
      if (!request.headers.rune) throw refusal(error(403, 1501, 'Not authorized: Missing rune'));
      if (request.headers.rune !== rune) {
        throw refusal(error(401, 1502, 'Not authorized: Not derived from master'));
      }
      const name = request.path.slice('/v1/'.length);
      const method = Object.hasOwn(METHODS, name) && METHODS[name];
      if (!method) throw refusal(error(404, -32601, `Unknown command '${name}'`));
      return { status: 201, json: await method(view, request.json ?? {}, state) };
    } });
  return Object.assign(server, { rune });
}

const METHODS = {
  getinfo: (node) => ({ id: node.id, alias: node.name, color: '3399ff', num_peers: 1,
    num_pending_channels: 0, num_active_channels: 1, num_inactive_channels: 0, address: [],
    binding: [], version: 'v26.06', blockheight: 7, network: 'regtest', fees_collected_msat: 0,
    'lightning-dir': '/lightning/regtest', our_features: { init: '', node: '', channel: '',
      invoice: '' } }),

  invoice(node, asked, { labels }) {
    for (const name of ['amount_msat', 'label', 'description']) {
      if (asked[name] === undefined) throw failed(-32602, `missing required parameter: ${name}`);
    }
    const label = String(asked.label);
    if (labels.has(label)) throw failed(900, `Duplicate label '${label}'`);
    const invoice = node.createInvoice({ amountMsat: Number(asked.amount_msat),
      description: asked.description, expirySeconds: asked.expiry ?? 604_800,
      ...(asked.preimage ? { preimage: Buffer.from(asked.preimage, 'hex') } : {}) });
    labels.set(label, readInvoice(invoice.bolt11).hash);
    return { payment_hash: invoice.hash, expires_at: invoice.expiresAt, bolt11: invoice.bolt11,
      payment_secret: invoice.secret, created_index: invoice.addIndex };
  },

  listinvoices(node, asked, { labels }) {
    const hash = asked.label === undefined ? asked.payment_hash : labels.get(String(asked.label));
    const all = asked.payment_hash === undefined && asked.label === undefined;
    const found = all ? node.invoices() : [hash && node.lookup(hash)];
    return { invoices: found.filter(Boolean).map((invoice) => listed(invoice, labels)) };
  },

  async waitanyinvoice(node, asked, { labels }) {
    const after = asked.lastpay_index ?? 0;
    const next = () => node.invoices().filter(({ settleIndex }) => settleIndex > after)
      .sort((a, b) => a.settleIndex - b.settleIndex)[0];
    const found = next() ?? await new Promise((done) => {
      const off = node.onSettled(() => { off(); clearTimeout(timer); done(next()); });
      const timer = asked.timeout === undefined ? undefined
        : setTimeout(() => { off(); done(undefined); }, asked.timeout * 1000);
    });
    if (!found) throw failed(904, 'Timed out while waiting for invoice to be paid');
    return listed(found, labels);
  },

  async xpay(node, asked) {
    if (!asked.invstring) throw failed(-32602, 'missing required parameter: invstring');
    const paidBefore = node.payments().filter(({ state }) => state === 'succeeded');
    if (paidBefore.some(({ bolt11 }) => bolt11 === asked.invstring)) {
      throw failed(219, 'Invoice has already been paid');
    }
    const paid = await pay(node, asked.invstring, asked);
    return { payment_preimage: paid.preimage, failed_parts: 0, successful_parts: 1,
      amount_msat: paid.amountMsat, amount_sent_msat: paid.amountMsat + paid.feeMsat };
  },

  async pay(node, asked) {
    if (!asked.bolt11) throw failed(-32602, 'missing required parameter: bolt11');
    const paid = await pay(node, asked.bolt11, asked);
    return { payment_preimage: paid.preimage, payment_hash: paid.hash, created_at: paid.createdAt,
      parts: 1, amount_msat: paid.amountMsat, amount_sent_msat: paid.amountMsat + paid.feeMsat,
      status: 'complete' };
  },

  listpays(node, asked) {
    const states = { pending: 'pending', succeeded: 'complete', failed: 'failed' };
    return { pays: node.payments().map((payment, i) => ({ ...payment, index: i + 1 }))
      .filter(({ hash, bolt11, state }) => (asked.payment_hash ?? hash) === hash &&
        (asked.bolt11 ?? bolt11) === bolt11 && (asked.status ?? states[state]) === states[state])
      .map((payment) => ({ payment_hash: payment.hash, status: states[payment.state],
        created_at: payment.createdAt, created_index: payment.index, bolt11: payment.bolt11,
        ...(payment.state === 'succeeded' ? { amount_msat: payment.amountMsat,
          amount_sent_msat: payment.amountMsat + payment.feeMsat, preimage: payment.preimage,
          completed_at: payment.createdAt, number_of_parts: 1 } : {}) })) };
  },
};

function listed(invoice, labels) {
  const label = [...labels].find(([, hash]) => hash === invoice.hash)?.[0] ?? invoice.hash;
  const status = { open: 'unpaid', accepted: 'unpaid', settled: 'paid' }[invoice.state];
  return { label, bolt11: invoice.bolt11, payment_hash: invoice.hash,
    amount_msat: invoice.amountMsat, status: status ?? 'expired',
    description: invoice.description, expires_at: invoice.expiresAt,
    created_index: invoice.addIndex,
    ...(status === 'paid' ? { pay_index: invoice.settleIndex,
      amount_received_msat: invoice.receivedMsat, paid_at: invoice.settledAt,
      payment_preimage: invoice.preimage } : {}) };
}

const CODES = { invalid: [-32602, 'Invalid bolt11'], 'no amount': [-32602, 'amount_msat required'],
  expired: [207, 'Invoice expired'], RouteNotFound: [205, 'Failed: could not find a route'],
  RecipientRejected: [203, 'Destination said it doesn\'t know invoice'] };

// What was paid already is answered from the books, as `pay` of Core Lightning does.
async function pay(node, bolt11, { maxfee }) {
  try {
    const paid = await node.pay(bolt11, { feeMaxMsat: maxfee });
    return { ...node.find(paid.hash), ...paid };
  } catch (problem) {
    if (problem.code === undefined) throw problem;
    if (problem.code === 'already paid') {
      const before = node.find(readInvoice(bolt11).hash);
      if (before.state === 'succeeded') return before;
    }
    throw failed(...CODES[problem.code] ?? [209, 'Payment failed']);
  }
}
