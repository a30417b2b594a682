// Loaded ahead of the gateway, which has no option for its address and would listen on all of them.
import { Server } from 'node:net';

const listen = Server.prototype.listen;
Server.prototype.listen = function (port, _host, ...rest) {
  return listen.call(this, port, '127.0.0.1', ...rest);
};
