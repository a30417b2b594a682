// A real Lightning network for tests: two LDK nodes in this process with one channel that is funded
// on both sides. Invoices, HTLCs and preimages are real; the chain and the wire are in memory.
//
//   const network = await startNetwork();
//   const { bolt11, hash } = network.seller.createInvoice({ amountMsat: 10_000 });
//   const { preimage, feeMsat } = await network.buyer.pay(bolt11);
//   network.stop();
//
// Both are a LightningNode (node.mjs): each makes invoices and pays. Whoever blocks the event loop
// stops all payments.
import { createHash, randomBytes } from 'node:crypto';
import * as ldk from 'lightningdevkit';
import { LightningNode, loadLdk } from './node.mjs';

const CHANNEL_SAT = 16_000_000;  // nearly the most without "wumbo" (BOLT 2: 2^24 - 1)
const PUSH_MSAT = 8_000_000_000;

export async function startNetwork() {
  await loadLdk();
  let stopped = false;
  let scheduled = false;
  const nodes = [];
  const run = () => {
    scheduled = false;
    if (stopped) return;
    for (let busy = true; busy;) busy = nodes.map((node) => node.turn()).includes(true);
  };
  const moved = () => {
    if (!scheduled) setImmediate(run);
    scheduled = true;
  };
  const buyer = new LightningNode('buyer', moved);
  const seller = new LightningNode('seller', moved);
  nodes.push(buyer, seller);
  const wire = connect(buyer, seller);
  run();
  openChannel(buyer, seller, run);
  return { buyer, seller,
    stop() {
      stopped = true;
      wire.cut();
    } };
}

// A wire of memory: what one node sends lies in the inbox of the other until its next turn.
function connect(a, b) {
  const descriptor = (number, to) => ldk.SocketDescriptor.new_impl({
    send_data(data) {
      if (data.length > 0) to.inbox.push([to.socket, Uint8Array.from(data)]);
      to.moved();
      return data.length;
    },
    disconnect_socket() {},
    eq: (other) => other.hash() === number,
    hash: () => number,
  });
  a.socket = descriptor(1n, b);
  b.socket = descriptor(2n, a);
  const nowhere = ldk.Option_SocketAddressZ.constructor_none();
  b.peers.new_inbound_connection(b.socket, nowhere);
  const hello = a.peers.new_outbound_connection(b.manager.get_our_node_id(), a.socket, nowhere);
  b.inbox.push([b.socket, hello.res]);
  return { cut() {
    a.peers.socket_disconnected(a.socket);
    b.peers.socket_disconnected(b.socket);
  } };
}

function openChannel(from, to, run) {
  let funding;
  from.onFunding = (event) => {
    funding = fundingTransaction(event.output_script, event.channel_value_satoshis);
    from.manager.funding_transaction_generated(event.temporary_channel_id,
      event.counterparty_node_id, funding);
  };
  const opened = from.manager.create_channel(to.manager.get_our_node_id(), BigInt(CHANNEL_SAT),
    BigInt(PUSH_MSAT), 1n, null, null);
  if (!opened.is_ok()) throw new Error('LDK opened no channel');
  run();
  let previous = Buffer.alloc(32);
  for (let height = 1; height <= 7; height++) {
    const header = blockHeader(previous);
    for (const node of [from, to]) node.confirm(header, height, height === 1 ? [funding] : []);
    previous = createHash('sha256').update(createHash('sha256').update(header).digest()).digest();
    run();
  }
  if (from.manager.list_usable_channels().length !== 1) throw new Error('the channel did not open');
}

// One input of nowhere, one output: the nodes look at nothing else.
function fundingTransaction(script, satoshis) {
  const value = Buffer.alloc(8);
  value.writeBigUInt64LE(satoshis);
  return Buffer.concat([
    Buffer.from('02000000' + '0001' + '01', 'hex'),  // version, segwit, inputs
    randomBytes(32), Buffer.from('00000000' + '00' + 'ffffffff' + '01', 'hex'),
    value, Buffer.from([script.length]), script,
    Buffer.from('01' + '01' + 'ff' + '00000000', 'hex'),  // witness, lock time
  ]);
}

function blockHeader(previous) {
  const header = Buffer.alloc(80);
  header.writeUInt32LE(0x20000000, 0);
  previous.copy(header, 4);
  header.writeUInt32LE(Math.floor(Date.now() / 1000), 68);
  header.writeUInt32LE(0x207fffff, 72);
  return header;
}
