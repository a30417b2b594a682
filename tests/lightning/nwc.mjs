// A nostr relay on loopback, and a wallet that answers there by NIP-47 (@getalby/sdk's wallet
// service, as it is) with a node of network.mjs behind it.
//
//   const relay = await startRelay();
//   const wallet = await startWallet(network.seller, relay, { encryption: 'nip04 nip44_v2' });
//   wallet.uri;                      // what an app is given
//   relay.wss, relay.ca;             // the same relay with TLS
//   relay.fault = 'cut';             // every request from now on; undefined ends it
//   wallet.next({ amountMsat: 1 });  // the next request of the wallet, as rest.mjs has it
//
// Faults of the relay:
//   silent   takes requests and says nothing, not even OK;  deaf: says OK, and hands on nothing
//   cut      ends the connection when a request comes;      refuse: says OK false
//   garbage  sends what is no message;                      huge: one that is too long
//   forge    hands on answers of others, changed and old ones, before the true one
import { once } from 'node:events';
import https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { NWCWalletService, NWCWalletServiceKeyPair } from '@getalby/sdk/nwc';
import { finalizeEvent, generateSecretKey, getPublicKey, matchFilters, nip44, verifyEvent }
  from 'nostr-tools';
import { WebSocketServer } from 'ws';
import { lying, selfSigned } from './rest.mjs';

const REQUEST = 23194;
const ANSWER = 23195;
const hex = (bytes) => Buffer.from(bytes).toString('hex');
const now = () => Math.floor(Date.now() / 1000);

export async function startRelay() {
  const stored = new Map();  // kind and author -> event; only what NIP-01 calls replaceable
  const clients = new Map();  // socket -> name -> filters
  const relay = { fault: undefined, requests: [], answers: [], connections: 0 };
  let server;

  const handOn = (event) => {
    for (const [socket, subscriptions] of clients) {
      for (const [name, filters] of subscriptions) {
        if (!matchFilters(filters, event)) continue;
        const send = (one) => socket.send(JSON.stringify(['EVENT', name, one]));
        if (event.kind === ANSWER && relay.fault === 'forge') forge(event, relay).forEach(send);
        send(event);
      }
    }
    if (event.kind === ANSWER) relay.answers.push(event);
  };

  const publish = (socket, event) => {
    if (!verifyEvent(event)) return socket.send('["OK","","false","invalid"]');
    if (event.kind === REQUEST) {
      relay.requests.push(event);
      const fault = FAULTS[relay.fault];
      if (fault) return fault(socket, event);
    }
    if (event.kind >= 10_000 && event.kind < 20_000) stored.set(event.kind + event.pubkey, event);
    socket.send(JSON.stringify(['OK', event.id, true, '']));
    handOn(event);
  };

  const serve = (socket) => {
    relay.connections += 1;
    const subscriptions = new Map();
    clients.set(socket, subscriptions);
    socket.on('close', () => clients.delete(socket));
    socket.on('message', (text) => {
      const [verb, first, ...rest] = JSON.parse(text);
      if (verb === 'EVENT') publish(socket, first);
      else if (verb === 'CLOSE') subscriptions.delete(first);
      else if (verb === 'REQ') {
        subscriptions.set(first, rest);
        for (const event of stored.values()) {
          if (matchFilters(rest, event)) socket.send(JSON.stringify(['EVENT', first, event]));
        }
        if (relay.fault !== 'silent') socket.send(JSON.stringify(['EOSE', first]));
      }
    });
  };

  const up = async (port = 0) => {
    server = new WebSocketServer({ host: '127.0.0.1', port });
    server.on('connection', serve);
    await once(server, 'listening');
  };
  await up();
  const { port } = server.address();
  const { key, cert } = selfSigned();
  const secure = https.createServer({ key, cert });
  new WebSocketServer({ server: secure }).on('connection', serve);
  secure.listen(0, '127.0.0.1');
  await once(secure, 'listening');
  return Object.assign(relay, { url: `ws://127.0.0.1:${port}`, up: () => up(port), ca: cert,
    wss: `wss://127.0.0.1:${secure.address().port}`,
    async down() {
      secure.close();
      for (const socket of clients.keys()) socket.terminate();
      await new Promise((closed) => server.close(closed));
    } });
}

const FAULTS = {
  silent() {},
  deaf: (socket, event) => socket.send(JSON.stringify(['OK', event.id, true, ''])),
  cut: (socket) => socket.terminate(),
  refuse: (socket, event) => socket.send(JSON.stringify(['OK', event.id, false, 'blocked: no'])),
  garbage(socket) {
    for (const text of ['', '{"', '[]', '[1]', '["EVENT"]', '["EVENT","satgate-1",{"id":1}]',
      `${'['.repeat(5000)}`]) socket.send(text);
    socket.terminate();
  },
  huge: (socket) => socket.send(`["NOTICE","${'a'.repeat(300_000)}"]`),
};

// What a relay could try in place of an answer: of a stranger, of the wallet but changed, and of
// the wallet but to an earlier request.
function forge(event, { answers }) {
  const stranger = generateSecretKey();
  const to = event.tags.find(([name]) => name === 'p')[1];
  const content = nip44.encrypt(JSON.stringify({ result_type: 'make_invoice',
    error: { code: 'INTERNAL', message: 'forged' } }), nip44.getConversationKey(stranger, to));
  const { kind, created_at, tags } = event;
  const foreign = finalizeEvent({ kind, created_at, tags, content }, stranger);
  const changed = { ...event, content };
  return [foreign, changed, { ...foreign, pubkey: event.pubkey }, ...answers.slice(-1)];
}

export async function startWallet(node, relay, { encryption = 'nip04 nip44_v2',
  notifications = 'payment_received', relays = [relay.url] } = {}) {
  const secret = hex(generateSecretKey());
  const app = hex(generateSecretKey());
  const appKey = getPublicKey(Buffer.from(app, 'hex'));
  const pair = new NWCWalletServiceKeyPair(secret, appKey);
  const service = new NWCWalletService({ relayUrls: [relay.url] });
  const publish = async (event) => Promise.all(
    service.pool.publish([relay.url], await service.signEvent(event, secret)));
  const queue = [];
  let lasting;
  const view = () => lying(node, queue.shift() ?? lasting ?? {});
  const methods = 'get_info make_invoice lookup_invoice pay_invoice notifications';
  await publish({ kind: 13194, created_at: now(), content: methods,
    tags: [...(encryption ? [['encryption', encryption]] : []),
      ...(notifications ? [['notifications', notifications]] : [])] });
  const unsubscribe = await service.subscribe(pair, handler(node, view, methods));
  const off = node.onSettled(async (invoice) => {
    if (!notifications) return;
    const scheme = encryption?.includes('nip44_v2') ? 'nip44_v2' : 'nip04';
    const content = await service.encrypt(pair, JSON.stringify({
      notification_type: 'payment_received', notification: transaction(invoice, 'incoming') }),
    scheme);
    await publish({ kind: scheme === 'nip04' ? 23196 : 23197, created_at: now(),
      tags: [['p', appKey]], content });
  });
  const query = relays.map((url) => `relay=${encodeURIComponent(url)}`).join('&');
  return { uri: `nostr+walletconnect://${pair.walletPubkey}?${query}&secret=${app}`, secret: app,
    next(fault) { queue.push(fault); },
    always(fault) { lasting = fault; },
    async stop() {
      off();
      unsubscribe();
      await sleep(100);  // what it is about to answer must not find the relay closed
      service.close();
    } };
}

const error = (code, message) => ({ error: { code, message }, result: undefined });

function handler(node, view, methods) {
  return {
    async getInfo() {
      return { result: { alias: node.name, network: 'regtest', methods: methods.split(' ') },
        error: undefined };
    },
    async makeInvoice({ amount, description, expiry }) {
      const made = view().createInvoice({ amountMsat: amount, description,
        expirySeconds: expiry });
      return { result: transaction(made, 'incoming'), error: undefined };
    },
    async lookupInvoice({ payment_hash: hash }) {
      const seen = view();
      const invoice = seen.lookup(hash);
      if (invoice) return { result: transaction(invoice, 'incoming'), error: undefined };
      const payment = seen.find(hash);
      if (!payment) return error('NOT_FOUND', 'there is none');
      return { result: transaction(payment, 'outgoing'), error: undefined };
    },
    async payInvoice({ invoice }) {
      try {
        const { preimage, feeMsat } = await view().pay(invoice);
        return { result: { preimage, fees_paid: feeMsat }, error: undefined };
      } catch (problem) {
        return error('PAYMENT_FAILED', problem.message);
      }
    },
  };
}

function transaction(one, type) {
  const states = { open: 'pending', succeeded: 'settled', canceled: 'expired' };
  const state = states[one.state] ?? one.state;
  const settled = state === 'settled';
  return { type, state, invoice: one.bolt11, description: one.description, payment_hash: one.hash,
    preimage: settled ? one.preimage : undefined,
    amount: one.receivedMsat || one.amountMsat, fees_paid: one.feeMsat ?? 0,
    created_at: one.createdAt, expires_at: one.expiresAt,
    settled_at: settled ? one.settledAt ?? now() : undefined };
}
