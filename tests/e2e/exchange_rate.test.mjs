// What a satoshi is worth is asked for; no price is made up, and no jump is believed at once.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import test from 'node:test';
import { atEnd, call, eventually, scratch, startGateway, startUpstream } from './gateway.mjs';

function certificate(t) {
  const folder = scratch(t);
  const [key, cert] = ['key', 'cert'].map((name) => path.join(folder, `${name}.pem`));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt',
    'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', cert, '-days', '2', '-subj',
    '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'], { stdio: 'ignore' });
  return { caFile: cert, tls: { key: readFileSync(key), cert: readFileSync(cert) } };
}

// Somebody who says what a bitcoin costs: `say(status, body)`.
async function market(t, tls) {
  let answer = [200, { data: { amount: '60000' } }];
  const asked = [];
  const answers = (request, response) => {
    asked.push(request.url);
    const [status, body] = answer;
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
  const server = tls ? https.createServer(tls, answers) : http.createServer(answers);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(t, () => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  }));
  const origin = `${tls ? 'https' : 'http'}://127.0.0.1:${server.address().port}`;
  return { asked, url: `${origin}/price?of=BTC&in=USD`,
    say: (status, body) => { answer = [status, body]; },
    costs: (amount) => { answer = [200, { data: { amount } }]; } };
}

async function shop(t, source, rate = {}) {
  const api = await startUpstream(t, 'api');
  const gateway = await startGateway(t, { config: {
    currency: { usdPerSat: { url: source.url, path: 'data.amount', per: 'btc', every: '1s',
      maxAge: '4s', ...rate } },
    lightning: { provider: 'dev' },
    charge: { openInvoicesPerClient: 10000 },
    upstreams: { api: { kind: 'http', url: api.url } },
    routes: [{ name: 'paid', match: '/*', upstream: 'api', mode: 'charge', price: '$0.006' }],
  } });
  const sats = async () => (await call(`${gateway.url}/one`)).json.amount_sats;
  const rateNow = async () => (await gateway.json('lightning', 'status')).rate;
  return { gateway, sats, rateNow };
}

test('prices follow the rate, and a reload keeps it', async (t) => {
  const source = await market(t);
  const { gateway, sats, rateNow } = await shop(t, source);
  await eventually('the first rate', async () => (await sats()) === 10);
  assert.equal(source.asked[0], '/price?of=BTC&in=USD');
  const status = await rateNow();
  assert.equal(status.credits_per_sat, '0.0006');
  assert.equal(status.source, 'fetched');
  assert.ok(status.age_seconds < 3);
  assert.match((await gateway.cli('lightning', 'status')).stdout, /0\.0006 credits, fetched/);
  source.costs(80000);
  await eventually('the next rate', async () => (await sats()) === 8);
  source.say(500, 'no');
  gateway.child.process.kill('SIGHUP');
  await gateway.says(/taken|reloaded|config/);
  assert.equal(await sats(), 8);
});

test('over TLS only who has the right certificate is believed', async (t) => {
  const { caFile, tls } = certificate(t);
  const source = await market(t, tls);
  const { sats } = await shop(t, source, { caFile });
  await eventually('the rate', async () => (await sats()) === 10);
  const wary = await shop(t, source);
  await eventually('it is told', async () => /certificate/.test((await wary.rateNow()).problem));
  assert.equal(await wary.sats(), undefined);
});

test('a rate that is too old is none: 503, until it is known again', async (t) => {
  const source = await market(t);
  const { gateway, sats, rateNow } = await shop(t, source);
  await eventually('the first rate', async () => (await sats()) === 10);
  source.say(200, { data: { amount: 'much' } });
  await eventually('nothing is sold', async () =>
    (await call(`${gateway.url}/one`)).status === 503, 15_000);
  const refused = await call(`${gateway.url}/one`);
  assert.equal(refused.json.error, 'payment_unavailable');
  assert.equal(refused.headers['www-authenticate'], undefined);
  assert.match((await rateNow()).problem, /no price in dollars/);
  const manifest = (await call(`${gateway.url}/.well-known/l402.json`)).json;
  assert.equal(manifest.available, false);
  source.costs(60000);
  await eventually('it is sold again', async () => (await sats()) === 10, 20_000);
});

test('with a fallback it is sold for that', async (t) => {
  const source = await market(t);
  source.say(404, 'gone');
  const { sats, rateNow } = await shop(t, source, { fallback: 0.0003 });
  assert.equal(await sats(), 20);
  assert.equal((await rateNow()).source, 'fallback');
});

test('a jump is believed when the next one says the same', async (t) => {
  const source = await market(t);
  const { sats, rateNow } = await shop(t, source, { every: '2s', maxAge: '60s' });
  await eventually('the first rate', async () => (await sats()) === 10);
  source.costs(6000);
  await eventually('the jump is told', async () =>
    /more than 50 % away/.test((await rateNow()).problem ?? ''));
  assert.equal(await sats(), 10);
  source.costs(60000);
  await eventually('it was one', async () => (await rateNow()).problem === undefined, 20_000);
  assert.equal(await sats(), 10);
  source.costs(6000);
  await eventually('both say the same', async () => (await sats()) === 100, 40_000);
});

test('a mistake in the config is told at its place', async (t) => {
  const source = await market(t);
  const bad = [[{ url: 'ftp://x/y' }, /usdPerSat.url/], [{ path: '' }, /usdPerSat.path/],
    [{ maxAge: '1s' }, /must be longer than `every`/], [{ maxChange: '0%' }, /1% to 100%/],
    [{ per: 'ounce' }, /usdPerSat.per/]];
  for (const [extra, message] of bad) await assert.rejects(shop(t, source, extra), message);
});
