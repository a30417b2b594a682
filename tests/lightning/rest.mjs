// REST servers of Lightning nodes, in front of a node of network.mjs: what LND, Core Lightning,
// phoenixd and LNbits answer, on loopback, with what a test makes them do wrong.
//
//   const lnd = await startLnd(network.seller, { tls: true });
//   lnd.url, lnd.ca, lnd.macaroon;  lnd.calls   // [{ method, path, headers, text }]
//   lnd.next({ status: 500 });                  // the next request fails
//   lnd.next({ settled: true, path: /invoice/ });  // the next one to this path says: settled
//   lnd.always({ slowMs: 300 });                // every request; always(undefined) ends it
//   await lnd.down(); await lnd.up();           // refuses connections; the same port again
//
// Faults of a request, which may be together:
//   status        an error of this status, in the form of the project
//   slowMs, hang  late, or never
//   refuse        the connection ends before the request is done; cut: after it is done
//   garbage       a good status with a body that is no JSON
//   amountMsat    create: an invoice of another amount (a good one)
//   hash          create: the hash of no invoice beside the invoice; foreign: one of mainnet
//   settled       lookup: paid in full, which is a lie; receivedMsat: of another amount
//   missing       lookup, find: unheard of
//   preimage      pay, find: one that is not of the hash
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as ldk from 'lightningdevkit';
import { LightningNode } from './node.mjs';

// `handle(request, node)` gives { status, json | text | stream(write, ended) }; `fail(status)` is
// an error in the form of the project. request: { method, path, query, headers, text, json, form }.
export async function startServer({ node, handle, fail, tls = false, stream }) {
  const credentials = tls ? selfSigned() : {};
  const queue = [];
  let lasting;
  const calls = [];
  const serve = async (incoming, response) => {
    const request = await readRequest(incoming);
    calls.push(request);
    const at = queue.findIndex((fault) => !fault.path || fault.path.test(request.path));
    const fault = at >= 0 ? queue.splice(at, 1)[0] : lasting ?? {};
    if (fault.hang) return;
    if (fault.slowMs) await sleep(fault.slowMs);
    if (fault.refuse) return response.destroy();
    const answer = fault.status ? fail(fault.status)
      : await handle(request, lying(node, fault)).catch((error) => {
        if (!error.answer) throw error;
        return error.answer;
      });
    if (fault.cut) return cut(response, answer);
    if (fault.garbage) answer.text = '{"truncated": ';
    await send(response, answer);
  };
  const make = () => tls ? https.createServer(credentials, serve) : http.createServer(serve);
  let server = make();
  const listen = async (port) => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  await listen(0);
  const { port } = server.address();
  const down = async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  };
  return { url: `http${tls ? 's' : ''}://127.0.0.1:${port}`, ca: credentials.cert, calls, stream,
    next(fault) { queue.push(fault); },
    always(fault) { lasting = fault; },
    down,
    async up() {
      server = make();
      await listen(port);
    },
    stop: down };
}

// Thrown by a handler: this is the answer.
export function refusal(answer) {
  return Object.assign(new Error('refused'), { answer });
}

async function readRequest(incoming) {
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  const url = new URL(incoming.url, 'http://node');
  const request = { method: incoming.method, path: url.pathname, query: url.searchParams,
    headers: incoming.headers, text, form: new URLSearchParams(text) };
  try { request.json = JSON.parse(text); } catch { request.json = undefined; }
  return request;
}

const body = ({ text, json }) => text ?? JSON.stringify(json);

async function send(response, answer) {
  const type = answer.text === undefined ? 'application/json' : answer.type ?? 'text/plain';
  response.writeHead(answer.status ?? 200, { 'content-type': type, ...answer.headers });
  if (!answer.stream) return response.end(body(answer));
  response.flushHeaders();
  await answer.stream((value) => response.write(`${JSON.stringify(value)}\n`),
    new Promise((ended) => response.on('close', ended)));
  response.end();
}

// Half an answer, and no more connection.
function cut(response, answer) {
  const whole = answer.stream ? '{"result":' : body(answer);
  response.writeHead(answer.status ?? 200, { 'content-type': 'application/json',
    'content-length': whole.length });
  response.write(whole.slice(0, whole.length / 2), () => response.destroy());
}

// The node as the fault of this request has it seen.
export function lying(node, fault) {
  return Object.assign(Object.create(node), {
    createInvoice(asked) {
      const from = fault.foreign ? mainnetNode() : node;
      const invoice = from.createInvoice({ ...asked,
        amountMsat: fault.amountMsat ?? asked.amountMsat });
      return fault.hash ? { ...invoice, hash: randomBytes(32).toString('hex') } : invoice;
    },
    lookup(hash) {
      const invoice = fault.missing ? undefined : node.lookup(hash);
      return invoice && told(invoice, fault);
    },
    invoices: () => node.invoices().map((invoice) => told(invoice, fault)),
    async pay(...asked) { return paidAs(await node.pay(...asked), fault); },
    find(hash) { return fault.missing ? undefined : paidAs(node.find(hash), fault); },
    payments: () => node.payments().map((payment) => paidAs(payment, fault)),
    onSettled: (callback) => node.onSettled(callback),
    balanceMsat: () => node.balanceMsat(),
  });
}

function told(invoice, { settled, receivedMsat }) {
  if (!settled && receivedMsat === undefined) return invoice;
  return { settledAt: invoice.createdAt, settleIndex: 1, ...invoice, state: 'settled',
    receivedMsat: receivedMsat ?? invoice.amountMsat };
}

function paidAs(payment, { preimage }) {
  if (!preimage || !payment?.preimage) return payment;
  return { ...payment, preimage: randomBytes(32).toString('hex') };
}

let mainnet;
function mainnetNode() {
  mainnet ??= new LightningNode('mainnet', () => {}, ldk.Network.LDKNetwork_Bitcoin);
  return mainnet;
}

export function selfSigned() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'satgate-node-'));
  const file = (name) => path.join(folder, name);
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt',
    'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', file('key'), '-out', file('cert'),
    '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
  { stdio: 'ignore' });
  const made = { key: fs.readFileSync(file('key')), cert: fs.readFileSync(file('cert'), 'utf8') };
  fs.rmSync(folder, { recursive: true });
  return made;
}
