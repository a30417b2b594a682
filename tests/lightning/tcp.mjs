// Lets others reach a LightningNode over TCP (BOLT 8), and feeds it the chain of
// electrum_server.mjs.
import { once } from 'node:events';
import net from 'node:net';
import * as ldk from 'lightningdevkit';
import { LightningNode, loadLdk } from './node.mjs';

// { node, address: "<id>@127.0.0.1:<port>", stop() }
export async function startListeningNode(name, chain) {
  await loadLdk();
  let stopped = false;
  let scheduled = false;
  const moved = () => {
    if (!scheduled && !stopped) {
      setImmediate(() => {
        scheduled = false;
        while (!stopped && node.turn());
      });
    }
    scheduled = true;
  };
  const node = new LightningNode(name, moved);
  chain.onBlock((header, height, transactions) => {
    if (stopped) return;
    node.confirm(header, height, transactions);
    moved();
  });
  const sockets = new Map();  // socket -> descriptor, which LDK does not keep alive
  let count = 0n;
  const server = net.createServer((socket) => {
    const number = ++count;
    const descriptor = ldk.SocketDescriptor.new_impl({
      send_data(data) {
        if (data.length > 0) socket.write(Uint8Array.from(data));
        return data.length;
      },
      disconnect_socket() { socket.destroy(); },
      eq: (other) => other.hash() === number,
      hash: () => number,
    });
    sockets.set(socket, descriptor);
    node.peers.new_inbound_connection(descriptor, ldk.Option_SocketAddressZ.constructor_none());
    socket.on('data', (data) => {
      node.inbox.push([descriptor, data]);
      moved();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      sockets.delete(socket);
      if (!stopped) node.peers.socket_disconnected(descriptor);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { node, address: `${node.id}@127.0.0.1:${server.address().port}`,
    async stop() {
      stopped = true;
      for (const socket of sockets.keys()) socket.destroy();
      await new Promise((closed) => server.close(closed));
    } };
}
