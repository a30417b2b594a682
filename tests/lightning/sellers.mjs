// Sellers of other makes, honest and not, in front of a node of network.mjs.
//
//   const seller = await startSeller(t, network.seller, { calls: 3 });
//   seller.url;  seller.requests  // [{ method, url, headers, body }]
//   seller.terms = { amountMsat: 1_000_000 };  // from now on
//
// Terms, which may be together:
//   amountMsat, expirySeconds, hold   of the invoices
//   calls         that one payment buys; status: said instead of 402 when they are used up
//   scheme        "Payment": asks by that alone
//   invoice       this text, whatever was asked for
//   greedy        takes the payment, and asks for another
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';

const sha256 = (hex) => createHash('sha256').update(Buffer.from(hex, 'hex')).digest('hex');

export async function startSeller(t, node, terms = {}) {
  const seller = { node, terms, requests: [], served: 0, sold: new Map(), invoices: [] };
  const server = http.createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method, url, headers } = request;
    seller.requests.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
    serve(seller, headers.authorization, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return Object.assign(seller, { url: `http://127.0.0.1:${server.address().port}` });
}

function serve(seller, authorization, response) {
  const { terms } = seller;
  const hash = authorization && paidHash(authorization);
  const left = seller.sold.get(hash) ?? 0;
  if (left > 0 && !terms.greedy) {
    seller.sold.set(hash, left - 1);
    seller.served += 1;
    response.writeHead(200, { 'content-type': 'text/plain' });
    return response.end('served');
  }
  const invoice = terms.invoice ?? makeInvoice(seller);
  const status = authorization ? terms.status ?? 402 : 402;
  response.writeHead(status, { 'www-authenticate': challenge(terms, invoice) });
  response.end('pay first');
}

function makeInvoice({ node, terms, invoices, sold }) {
  const { amountMsat = 10_000, expirySeconds = 600, hold = false, calls = 1 } = terms;
  const invoice = node.createInvoice({ amountMsat, expirySeconds, hold, description: 'a call' });
  invoices.push(invoice);
  sold.set(invoice.hash, calls);
  return invoice.bolt11;
}

function challenge({ scheme }, invoice) {
  if (scheme !== 'Payment') {
    return `L402 macaroon="${randomBytes(90).toString('base64')}", invoice="${invoice}"`;
  }
  const request = { amount: '10', currency: 'sat', methodDetails: { invoice, network: 'regtest' } };
  const packed = Buffer.from(JSON.stringify(request)).toString('base64url');
  return `Payment id="${randomBytes(16).toString('base64url')}", realm="say \\"shop\\"", ` +
    `method="lightning", intent="charge", request="${packed}"`;
}

function paidHash(authorization) {
  const [scheme, text] = authorization.split(' ');
  if (scheme !== 'Payment') return sha256(text.split(':')[1]);
  const credential = JSON.parse(Buffer.from(text, 'base64url'));
  return credential.challenge.realm === 'say "shop"' && sha256(credential.payload.preimage);
}
