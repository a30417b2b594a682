// One Lightning node in this process: LDK (npm lightningdevkit), its keys, channel and payments in
// memory. The chain and the wire to other nodes are given by network.mjs.
//
// LDK calls back through objects that it does not keep alive: each stays in a field of the node.
import fs from 'node:fs';
import { createHash, randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import * as ldk from 'lightningdevkit';
import { decode } from 'light-bolt11-decoder';

let ready;
export function loadLdk() {
  const wasm = new URL('liblightningjs.wasm', import.meta.resolve('lightningdevkit'));
  ready ??= ldk.initializeWasmFromBinary(fs.readFileSync(fileURLToPath(wasm)));
  return ready;
}

const hex = (bytes) => Buffer.from(bytes).toString('hex');
const now = () => Math.floor(Date.now() / 1000);
const some = (option) => option?.some;  // undefined for LDK's Option_..._None

// A payment that was not made. `code`: "expired" | "already paid" | "no amount" | "invalid" or
// LDK's name of the reason.
export class PaymentError extends Error {
  constructor(code) {
    super(`payment failed: ${code}`);
    this.code = code;
  }
}

// What an invoice says: { hash, secret, amountMsat, description, createdAt, expiresAt, network }.
export function readInvoice(bolt11) {
  const sections = decode(bolt11).sections;
  const value = (name) => sections.find((section) => section.name === name)?.value;
  const createdAt = value('timestamp');
  return { hash: value('payment_hash'), secret: value('payment_secret'),
    amountMsat: value('amount') === undefined ? undefined : Number(value('amount')),
    description: value('description') ?? '', createdAt,
    expiresAt: createdAt + (value('expiry') ?? 3600), network: value('coin_network').bech32 };
}

export class LightningNode {
  #invoices = new Map();  // hash -> invoice
  #payments = new Map();  // hash -> payment
  #settled = new Set();  // callbacks
  #events = [];

  // `moved()` is called when there may be something to carry to a peer. A node of another network
  // can only make invoices.
  constructor(name, moved, network = ldk.Network.LDKNetwork_Regtest) {
    this.name = name;
    this.network = network;
    this.moved = moved;
    this.inbox = [];  // bytes from the peer: [descriptor, bytes]
    this.#build();
    this.id = hex(this.manager.get_our_node_id());
  }

  #build() {
    const done = ldk.ChannelMonitorUpdateStatus.LDKChannelMonitorUpdateStatus_Completed;
    this.logger = ldk.Logger.new_impl({ log() {} });
    // Electrum's fee on regtest is 45,000 sat a kw; with less, nothing is sent to it.
    this.fees = ldk.FeeEstimator.new_impl({ get_est_sat_per_1000_weight: () => 45_000 });
    this.broadcaster = ldk.BroadcasterInterface.new_impl({ broadcast_transactions() {} });
    this.persist = ldk.Persist.new_impl({ persist_new_channel: () => done,
      update_persisted_channel: () => done, archive_persisted_channel() {} });
    this.keys = ldk.KeysManager.constructor_new(randomBytes(32), BigInt(now()), 0);
    this.monitor = ldk.ChainMonitor.constructor_new(ldk.Option_FilterZ.constructor_none(),
      this.broadcaster, this.logger, this.fees, this.persist);
    this.graph = ldk.NetworkGraph.constructor_new(this.network, this.logger);
    this.scores = ldk.ProbabilisticScorer.constructor_new(
      ldk.ProbabilisticScoringDecayParameters.constructor_default(), this.graph, this.logger);
    this.score = this.scores.as_Score();
    this.scorer = ldk.MultiThreadedLockableScore.constructor_new(this.score);
    this.router = ldk.DefaultRouter.constructor_new(this.graph, this.logger,
      this.keys.as_EntropySource(), this.scorer.as_LockableScore(),
      ldk.ProbabilisticScoringFeeParameters.constructor_default());
    this.messageRouter = ldk.DefaultMessageRouter.constructor_new(this.graph,
      this.keys.as_EntropySource());
    const config = ldk.UserConfig.constructor_default();
    const handshake = ldk.ChannelHandshakeConfig.constructor_default();
    handshake.set_our_max_accepted_htlcs(483);  // as many at a time as BOLT 2 knows
    handshake.set_max_inbound_htlc_value_in_flight_percent_of_channel(100);
    config.set_channel_handshake_config(handshake);
    this.config = config;
    this.manager = ldk.ChannelManager.constructor_new(this.fees, this.monitor.as_Watch(),
      this.broadcaster, this.router.as_Router(), this.messageRouter.as_MessageRouter(),
      this.logger, this.keys.as_EntropySource(), this.keys.as_NodeSigner(),
      this.keys.as_SignerProvider(), config, ldk.ChainParameters.constructor_new(
        this.network, ldk.BestBlock.constructor_from_network(this.network)), now());
    this.gossip = ldk.P2PGossipSync.constructor_new(this.graph,
      ldk.Option_UtxoLookupZ.constructor_none(), this.logger);
    this.ignoring = ldk.IgnoringMessageHandler.constructor_new();
    this.peers = ldk.PeerManager.constructor_new(this.manager.as_ChannelMessageHandler(),
      this.gossip.as_RoutingMessageHandler(), this.ignoring.as_OnionMessageHandler(),
      this.ignoring.as_CustomMessageHandler(), now(), randomBytes(32), this.logger,
      this.keys.as_NodeSigner());
    this.handler = ldk.EventHandler.new_impl({ handle_event: (event) => {
      this.#events.push(event);
      return ldk.Result_NoneReplayEventZ.constructor_ok();
    } });
  }

  // One round of work; true if something happened.
  turn() {
    let busy = this.inbox.length > 0;
    for (const [descriptor, bytes] of this.inbox.splice(0)) {
      this.peers.read_event(descriptor, bytes);
    }
    this.manager.as_EventsProvider().process_pending_events(this.handler);
    this.monitor.as_EventsProvider().process_pending_events(this.handler);
    for (const event of this.#events.splice(0)) {
      busy = true;
      this.#on(event);
    }
    this.peers.process_events();
    return busy;
  }

  #on(event) {
    if (event instanceof ldk.Event_FundingGenerationReady) this.onFunding(event);
    else if (event instanceof ldk.Event_PendingHTLCsForwardable) {
      this.manager.process_pending_htlc_forwards();
    } else if (event instanceof ldk.Event_PaymentClaimable) this.#claimable(event);
    else if (event instanceof ldk.Event_PaymentClaimed) this.#claimed(event);
    else if (event instanceof ldk.Event_PaymentSent) {
      this.#end(hex(event.payment_hash), { state: 'succeeded',
        preimage: hex(event.payment_preimage), feeMsat: Number(some(event.fee_paid_msat) ?? 0n) });
    } else if (event instanceof ldk.Event_PaymentFailed) {
      const reason = ldk.PaymentFailureReason[some(event.reason)] ?? 'unknown';
      this.#end(hex(event.payment_id), { state: 'failed',
        code: reason.replace('LDKPaymentFailureReason_', '') });
    }
  }

  #claimable(event) {
    const invoice = this.#invoices.get(hex(event.payment_hash));
    if (!invoice || invoice.state === 'canceled' || now() >= invoice.expiresAt) {
      this.manager.fail_htlc_backwards(event.payment_hash);
    } else if (invoice.hold) {
      invoice.state = 'accepted';
    } else {
      this.manager.claim_funds(Buffer.from(invoice.preimage, 'hex'));
    }
  }

  #claimed(event) {
    const invoice = this.#invoices.get(hex(event.payment_hash));
    Object.assign(invoice, { state: 'settled', receivedMsat: Number(event.amount_msat),
      settledAt: now(), settleIndex: ++LightningNode.settles });
    for (const callback of this.#settled) callback({ ...invoice });
  }
  static settles = 0;

  #end(hash, end) {
    const payment = this.#payments.get(hash);
    Object.assign(payment, end);
    if (end.state === 'succeeded') payment.resolve({ ...payment.facts(), ...end });
    else payment.reject(new PaymentError(end.code));
  }

  // { bolt11, hash, preimage, secret, amountMsat, description, createdAt, expiresAt, state, ... }.
  // `hold`: what is paid stays "accepted" until settle() or cancel().
  createInvoice({ amountMsat, description = '', expirySeconds = 3600, hold = false,
    preimage = randomBytes(32) }) {
    const hash = createHash('sha256').update(preimage).digest();
    const made = ldk.UtilMethods.constructor_create_invoice_from_channelmanager_with_payment_hash(
      this.manager, ldk.Option_u64Z.constructor_some(BigInt(amountMsat)), description,
      expirySeconds, hash, ldk.Option_u16Z.constructor_none());
    if (!made.is_ok()) throw new Error('LDK made no invoice');
    const bolt11 = made.res.to_str();
    const invoice = { bolt11, ...readInvoice(bolt11), preimage: hex(preimage), hold,
      state: 'open', receivedMsat: 0, addIndex: this.#invoices.size + 1 };
    this.#invoices.set(invoice.hash, invoice);
    return { ...invoice };
  }

  // The invoice as it is now, state "open" | "accepted" | "settled" | "expired" | "canceled".
  lookup(hash) {
    const invoice = this.#invoices.get(hash);
    if (!invoice) return undefined;
    const expired = invoice.state === 'open' && now() >= invoice.expiresAt;
    return { ...invoice, state: expired ? 'expired' : invoice.state };
  }

  invoices() { return [...this.#invoices.keys()].map((hash) => this.lookup(hash)); }

  settle(hash) {
    this.manager.claim_funds(Buffer.from(this.#invoices.get(hash).preimage, 'hex'));
    this.moved();
  }

  cancel(hash) {
    this.#invoices.get(hash).state = 'canceled';
    this.manager.fail_htlc_backwards(Buffer.from(hash, 'hex'));
    this.moved();
  }

  // Calls back with each invoice once it is settled; returns what ends that.
  onSettled(callback) {
    this.#settled.add(callback);
    return () => this.#settled.delete(callback);
  }

  // Pays: { hash, preimage, amountMsat, feeMsat }; rejects with a PaymentError when nothing left.
  async pay(bolt11, { feeMaxMsat } = {}) {
    const parsed = ldk.Bolt11Invoice.constructor_from_str(bolt11);
    if (!parsed.is_ok()) throw new PaymentError('invalid');
    const facts = readInvoice(bolt11);
    if (facts.amountMsat === undefined) throw new PaymentError('no amount');
    if (now() >= facts.expiresAt) throw new PaymentError('expired');
    const before = this.#payments.get(facts.hash);
    if (before && before.state !== 'failed') throw new PaymentError('already paid');
    const { promise, resolve, reject } = Promise.withResolvers();
    const payment = { state: 'pending', bolt11, createdAt: now(), ...facts, resolve, reject,
      facts: () => ({ hash: facts.hash, amountMsat: facts.amountMsat }) };
    this.#payments.set(facts.hash, payment);
    const way = ldk.UtilMethods.constructor_payment_parameters_from_invoice(parsed.res);
    const route = way.res.get_c();
    if (feeMaxMsat !== undefined) {
      route.set_max_total_routing_fee_msat(ldk.Option_u64Z.constructor_some(BigInt(feeMaxMsat)));
    }
    const sent = this.manager.send_payment(way.res.get_a(), way.res.get_b(),
      Buffer.from(facts.hash, 'hex'), route, ldk.Retry.constructor_attempts(3));
    if (!sent.is_ok()) this.#end(facts.hash, { state: 'failed', code: 'RouteNotFound' });
    this.moved();
    return promise;
  }

  // The payment with this hash as it is now, state "pending" | "succeeded" | "failed".
  find(hash) {
    const payment = this.#payments.get(hash);
    if (!payment) return undefined;
    const { resolve, reject, facts, ...rest } = payment;
    return rest;
  }

  payments() { return [...this.#payments.keys()].map((hash) => this.find(hash)); }

  // What may be sent now, in msat.
  balanceMsat() {
    return this.manager.list_usable_channels()
      .reduce((sum, channel) => sum + Number(channel.get_outbound_capacity_msat()), 0);
  }

  confirm(header, height, transactions) {
    for (const side of [this.manager.as_Confirm(), this.monitor.as_Confirm()]) {
      if (transactions.length > 0) {
        side.transactions_confirmed(header, transactions.map((bytes, i) =>
          ldk.TwoTuple_usizeTransactionZ.constructor_new(i + 1, bytes)), height);
      }
      side.best_block_updated(header, height);
    }
  }
}
