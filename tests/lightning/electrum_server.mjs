// The chain that Electrum sees: an ElectrumX server (protocol 1.4) of a chain that a test makes.
// Headers are linked and merkle roots are right, for Electrum checks both; there is no proof of
// work, which it does not ask for outside mainnet.
//
//   const chain = await startElectrumServer();
//   chain.fund('bcrt1q…', 50_000_000); chain.mine(6); await chain.stop();
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';

const sha256 = (bytes) => createHash('sha256').update(bytes).digest();
const hash256 = (bytes) => sha256(sha256(bytes));
const shown = (bytes) => Buffer.from(bytes).reverse().toString('hex');  // as ids are written
const scriptHash = (script) => shown(sha256(script));

export async function startElectrumServer() {
  const chain = new Chain();
  const sockets = new Set();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    const client = new Client(chain, socket);
    socket.on('error', () => {});
    socket.on('close', () => { sockets.delete(socket); chain.clients.delete(client); });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  chain.mine(1);
  return { port: server.address().port,
    mine: (count) => chain.mine(count),
    // `satoshis` from nowhere to a P2WPKH or P2WSH address, in the next block.
    fund(address, satoshis) { chain.accept(fundingTo(scriptOf(address), satoshis)); },
    // Calls back with (header, height, [raw]) of each block that is and that will be.
    onBlock(callback) {
      chain.blocks.forEach((_, height) => { if (height > 0) chain.tellBlock(callback, height); });
      chain.watchers.push(callback);
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
    } };
}

class Chain {
  headers = [header(Buffer.alloc(32), Buffer.from(
    '3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a', 'hex'), 1296688602, 1, 2)];
  blocks = [[]];  // the transactions of each header
  transactions = new Map();  // id -> { raw, scripts, outputs, height, id }
  mempool = [];
  clients = new Set();
  watchers = [];

  accept(raw) {
    const made = parse(raw);
    const spent = made.inputs.map(({ id, index }) => this.transactions.get(id)?.outputs[index])
      .filter(Boolean);
    const transaction = { ...made, raw, height: 0,
      scripts: new Set([...made.outputs, ...spent].map(scriptHash)) };
    if (this.transactions.has(made.id)) return made.id;
    this.transactions.set(made.id, transaction);
    this.mempool.push(transaction);
    this.#tell(transaction.scripts);
    return made.id;
  }

  mine(count) {
    const touched = new Set();
    for (let i = 0; i < count; i++) {
      const coinbase = parse(fundingTo(Buffer.from([0x51]), 1));
      const block = [{ ...coinbase, scripts: new Set() }, ...this.mempool.splice(0)];
      for (const transaction of block) {
        transaction.height = this.headers.length;
        for (const script of transaction.scripts) touched.add(script);
      }
      const root = merkle(block.map(({ hash }) => hash), 0).root;
      const previous = hash256(this.headers.at(-1));
      this.headers.push(header(previous, root, Math.floor(Date.now() / 1000), 0x20000000, 0));
      this.blocks.push(block);
      for (const watcher of this.watchers) this.tellBlock(watcher, this.blocks.length - 1);
    }
    for (const client of this.clients) client.tellTip();
    this.#tell(touched);
  }

  tellBlock(callback, height) {
    const raw = this.blocks[height].map((transaction) => transaction.raw).filter(Boolean);
    callback(this.headers[height], height, raw);
  }

  #tell(scripts) {
    for (const client of this.clients) client.tellScripts(scripts);
  }

  history(script) {
    return [...this.transactions.values()].filter(({ scripts }) => scripts.has(script))
      .sort((a, b) => (a.height || Infinity) - (b.height || Infinity))
      .map(({ id, height }) => ({ tx_hash: id, height, ...(height === 0 ? { fee: 200 } : {}) }));
  }

  status(script) {
    const history = this.history(script);
    if (history.length === 0) return null;
    return sha256(history.map(({ tx_hash: id, height }) => `${id}:${height}:`).join(''))
      .toString('hex');
  }

  proof(id) {
    const { height } = this.transactions.get(id);
    const block = this.blocks[height];
    const pos = block.findIndex((transaction) => transaction.id === id);
    return { block_height: height, pos,
      merkle: merkle(block.map(({ hash }) => hash), pos).branch.map(shown) };
  }

  tip() { return { hex: this.headers.at(-1).toString('hex'), height: this.headers.length - 1 }; }
}

class Client {
  #scripts = new Set();
  #tips = false;

  constructor(chain, socket) {
    this.chain = chain;
    this.socket = socket;
    chain.clients.add(this);
    let buffered = '';
    socket.on('data', (data) => {
      const lines = (buffered + data).split('\n');
      buffered = lines.pop();
      for (const line of lines) this.#answer(JSON.parse(line));
    });
  }

  #send(value) { this.socket.write(`${JSON.stringify({ jsonrpc: '2.0', ...value })}\n`); }

  #answer({ id, method, params = [] }) {
    const answers = METHODS[method];
    if (!answers) return this.#send({ id, error: { code: -32601, message: 'unknown method' } });
    if (method === 'blockchain.headers.subscribe') this.#tips = true;
    if (method === 'blockchain.scripthash.subscribe') this.#scripts.add(params[0]);
    try {
      this.#send({ id, result: answers(this.chain, ...params) });
    } catch (error) {
      this.#send({ id, error: { code: 1, message: error.message } });
    }
  }

  tellTip() {
    if (!this.#tips) return;
    this.#send({ method: 'blockchain.headers.subscribe', params: [this.chain.tip()] });
  }

  tellScripts(scripts) {
    for (const script of scripts) {
      if (!this.#scripts.has(script)) continue;
      this.#send({ method: 'blockchain.scripthash.subscribe',
        params: [script, this.chain.status(script)] });
    }
  }
}

const METHODS = {
  'server.version': () => ['satgate-test', '1.4'],
  'server.banner': () => '',
  'server.donation_address': () => '',
  'server.peers.subscribe': () => [],
  'server.ping': () => null,
  'mempool.get_fee_histogram': () => [],
  'blockchain.relayfee': () => 0.00001,
  'blockchain.estimatefee': () => 0.0001,
  'blockchain.headers.subscribe': (chain) => chain.tip(),
  'blockchain.block.header': (chain, height) => {
    if (!chain.headers[height]) throw new Error('no such height');
    return chain.headers[height].toString('hex');
  },
  'blockchain.block.headers': (chain, start, count) => {
    const some = chain.headers.slice(start, start + count);
    return { count: some.length, hex: Buffer.concat(some).toString('hex'), max: 2016 };
  },
  'blockchain.scripthash.subscribe': (chain, script) => chain.status(script),
  'blockchain.scripthash.get_history': (chain, script) => chain.history(script),
  'blockchain.transaction.get': (chain, id) => {
    if (!chain.transactions.has(id)) throw new Error('no such transaction');
    return chain.transactions.get(id).raw.toString('hex');
  },
  'blockchain.transaction.get_merkle': (chain, id) => chain.proof(id),
  'blockchain.transaction.broadcast': (chain, raw) => chain.accept(Buffer.from(raw, 'hex')),
};

function header(previous, root, time, version, nonce) {
  const bytes = Buffer.alloc(80);
  bytes.writeUInt32LE(version, 0);
  previous.copy(bytes, 4);
  root.copy(bytes, 36);
  bytes.writeUInt32LE(time, 68);
  bytes.writeUInt32LE(0x207fffff, 72);
  bytes.writeUInt32LE(nonce, 76);
  return bytes;
}

function merkle(hashes, pos) {
  const branch = [];
  for (let row = hashes, at = pos; ; at >>= 1) {
    if (row.length === 1) return { root: row[0], branch };
    if (row.length % 2 === 1) row = [...row, row.at(-1)];
    branch.push(row[at ^ 1]);
    row = row.filter((_, i) => i % 2 === 0).map((left, i) =>
      hash256(Buffer.concat([left, row[2 * i + 1]])));
  }
}

function fundingTo(script, satoshis) {
  const value = Buffer.alloc(8);
  value.writeBigUInt64LE(BigInt(satoshis));
  return Buffer.concat([Buffer.from('0200000001', 'hex'), randomBytes(32),
    Buffer.from('00000000' + '00' + 'ffffffff' + '01', 'hex'), value,
    Buffer.from([script.length]), script, Buffer.alloc(4)]);
}

// { id, hash, inputs: [{ id, index }], outputs: [script] }
function parse(raw) {
  let at = 4;
  const take = (count) => raw.subarray(at, at += count);
  const number = () => {
    const first = take(1)[0];
    if (first < 0xfd) return first;
    return first === 0xfd ? take(2).readUInt16LE() : take(4).readUInt32LE();
  };
  const segwit = raw[4] === 0;
  if (segwit) at = 6;
  const body = at;
  const inputs = Array.from({ length: number() }, () => {
    const input = { id: shown(take(32)), index: take(4).readUInt32LE() };
    take(number());
    take(4);
    return input;
  });
  const outputs = Array.from({ length: number() }, () => {
    take(8);
    return take(number());
  });
  // The id is the hash of all but the witnesses.
  const hash = hash256(Buffer.concat([raw.subarray(0, 4), raw.subarray(body, at),
    raw.subarray(-4)]));
  return { id: shown(hash), hash, inputs, outputs };
}

function scriptOf(address) {
  const digits = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
  const words = [...address.slice(address.lastIndexOf('1') + 2, -6)].map((c) => digits.indexOf(c));
  const bits = words.map((word) => word.toString(2).padStart(5, '0')).join('');
  const program = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  return Buffer.concat([Buffer.from([0, program.length]), program]);
}
