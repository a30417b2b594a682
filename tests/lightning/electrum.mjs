// Two daemons of Debian's electrum on regtest with a channel between them: a second implementation
// of Lightning, unmodified. Needs the package electrum; each has a folder of its own and is ended
// by stop().
//
//   const { seller, buyer, stop } = await startElectrum();
//   await seller.rpc('add_request', { amount: '0.00001', memo: 'one', expiration: 600 });
//   seller.url, seller.user, seller.password;   // JSON-RPC over HTTP, Basic
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startElectrumServer } from './electrum_server.mjs';

const PROGRAM = 'electrum';
export const hasElectrum = (process.env.PATH ?? '').split(':')
  .some((folder) => fs.existsSync(path.join(folder, PROGRAM)));

export async function startElectrum() {
  const chain = await startElectrumServer();
  const nodes = [];
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.end()));
    await chain.stop();
  };
  try {
    const started = await Promise.allSettled(['seller', 'buyer'].map(async (name) => {
      nodes.push(await startElectrumNode(name, chain));
      return nodes.at(-1);
    }));
    const failed = started.find(({ reason }) => reason);
    if (failed) throw failed.reason;
    const [seller, buyer] = started.map(({ value }) => value);
    const id = (await seller.rpc('nodeid')).split('@')[0];
    await openChannel(chain, buyer, `${id}@${seller.listens}`);
    await until('the channel of the seller', async () =>
      (await seller.rpc('list_channels'))[0]?.state === 'OPEN');
    return { seller, buyer, chain, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

// One daemon with a wallet; end() ends it and removes its folder.
export async function startElectrumNode(name, chain) {
  const node = await prepare(name, fs.mkdtempSync(path.join(os.tmpdir(), 'satgate-electrum-')),
    chain.port);
  try {
    await node.start();
    return node;
  } catch (error) {
    await node.end();
    throw error;
  }
}

// Funds an electrum and opens a channel to "<id>@<host>:<port>": 0.07 BTC here, 0.03 there.
export async function openChannel(chain, from, to) {
  chain.fund(await from.rpc('getunusedaddress'), 100_000_000);
  chain.mine(1);
  await until(`the funds of ${from.name}`, async () =>
    Number((await from.rpc('getbalance')).confirmed) === 1);
  await from.rpc('open_channel', { connection_string: to, amount: 0.1, push_amount: 0.03 });
  chain.mine(6);
  await until(`the channel of ${from.name}`, async () =>
    (await from.rpc('list_channels'))[0]?.state === 'OPEN');
}

async function prepare(name, folder, chainPort) {
  const [rpcPort, listenPort] = [await freePort(), await freePort()];
  const user = 'satgate';
  const password = randomBytes(16).toString('hex');
  const listens = `127.0.0.1:${listenPort}`;
  fs.mkdirSync(path.join(folder, 'regtest'), { recursive: true });
  fs.writeFileSync(path.join(folder, 'regtest', 'config'), JSON.stringify({ config_version: 3,
    server: `127.0.0.1:${chainPort}:t`, oneserver: true, auto_connect: false, use_gossip: true,
    rpchost: '127.0.0.1', rpcport: rpcPort, rpcuser: user, rpcpassword: password,
    lightning_listen: listens, check_updates: false, log_to_file: false }));
  const run = (...words) => spawn(PROGRAM, ['--regtest', '-D', folder, ...words],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, HOME: folder } });
  const url = `http://127.0.0.1:${rpcPort}`;
  const rpc = async (method, params = {}) => {
    const answer = await fetch(url, { method: 'POST', body: JSON.stringify({ id: 1, method,
      params }), headers: { authorization: `Basic ${btoa(`${user}:${password}`)}` } });
    if (answer.status !== 200) throw new Error(`electrum ${method}: HTTP ${answer.status}`);
    const { result, error } = await answer.json();
    if (error) throw new Error(`electrum ${method}: ${error.message ?? JSON.stringify(error)}`);
    return result;
  };
  let daemon;
  let said = '';
  return { name, url, user, password, listens, rpc,
    async start() {
      const [failed] = await once(run('create', '--offline'), 'exit');
      if (failed) throw new Error('electrum made no wallet');
      daemon = run('daemon');
      process.once('exit', () => daemon.kill('SIGKILL'));
      daemon.stderr.on('data', (data) => { said = (said + data).slice(-4000); });
      await until(`${name} to listen`, async () => {
        if (daemon.exitCode !== null) throw new Error(`electrum ended: ${said}`);
        return rpc('getinfo').then((info) => info.connected, () => false);
      });
      await rpc('load_wallet');
    },
    async end() {
      if (daemon && daemon.exitCode === null && daemon.signalCode === null) {
        const ended = once(daemon, 'exit');
        daemon.kill('SIGTERM');
        const late = setTimeout(() => daemon.kill('SIGKILL'), 3000);
        await ended;
        clearTimeout(late);
      }
      fs.rmSync(folder, { recursive: true, force: true });
    } };
}

export async function until(what, condition) {
  const end = Date.now() + 30_000;
  while (!await condition()) {
    if (Date.now() > end) throw new Error(`waited too long for ${what}`);
    await sleep(50);
  }
}

async function freePort() {
  const server = net.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}
