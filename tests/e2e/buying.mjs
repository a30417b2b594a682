// A buyer of what a gateway sells (L402), who pays with its development wallet.
import assert from 'node:assert/strict';
import http from 'node:http';
import { atEnd, call } from './gateway.mjs';

export function challengeOf(answer) {
  const header = answer.headers['www-authenticate'];
  const match = /^L402 macaroon="([^"]+)", invoice="([^"]+)", version="0", token="([^"]+)"/
    .exec(header ?? '');
  assert.ok(match, `no challenge in ${header}`);
  assert.equal(match[1], match[3]);
  return { macaroon: match[1], invoice: match[2] };
}

export async function ask(url, headers = {}) {
  const answer = await call(url, { headers });
  assert.equal(answer.status, 402, answer.text);
  return challengeOf(answer);
}

export async function pay(gateway, invoice) {
  return (await gateway.json('lightning', 'pay', invoice)).preimage;
}

export async function buy(gateway, url, fields = {}) {
  const { macaroon, invoice } = await ask(url, fields);
  const preimage = await pay(gateway, invoice);
  const headers = { authorization: `L402 ${macaroon}:${preimage}` };
  return { macaroon, invoice, preimage, headers };
}

// A server of the test's own on loopback; its address.
export async function listen(t, answer) {
  const server = http.createServer(answer);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(t, () => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}
