// The gateway's own access token at an MCP server: OAuth 2.0 client credentials, against a token
// endpoint that is well, down, slow, or lies.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { bearer, call, eventually, freePort, scratch, sleep, startGateway, together } from
  './gateway.mjs';
import { McpServer, json, serve } from './locked_server.mjs';
import { modernCall, rpcResult } from './mcp_clients.mjs';

const SECRET = 'p@ss: wörd+%';
const BASIC = `Basic ${Buffer.from('my+gateway:p%40ss%3A+w%C3%B6rd%2B%25').toString('base64')}`;

// RFC 6749, 4.4. `next` may replace what the next requests are answered with.
class TokenEndpoint {
  requests = [];
  valid = new Map();
  seconds = 3600;
  answer = (issued) => ({ access_token: issued, token_type: 'Bearer', expires_in: this.seconds });

  async start(t, port, tls) {
    this.url = await serve(t, (request, body, response) => this.handle(request, body, response),
      port, tls);
    return this;
  }

  handle(request, body, response) {
    this.requests.push({ authorization: request.headers.authorization, url: request.url,
      type: request.headers['content-type'], form: Object.fromEntries(new URLSearchParams(body)) });
    if (this.next) return this.next(response);
    const issued = `token-${this.requests.length}`;
    this.valid.set(issued, Date.now() + this.seconds * 1000);
    return json(response, 200, this.answer(issued));
  }

  accepts(header) {
    return Date.now() < (this.valid.get(header?.replace('Bearer ', '')) ?? 0);
  }
}

async function lockedShop(t, options = {}) {
  const { oauth = {}, accepts, tokens = new TokenEndpoint(), era = 'legacy' } = options;
  if (!tokens.url) await tokens.start(t);
  const server = await new McpServer(era).start(t, accepts ?? ((header) => tokens.accepts(header)));
  const other = await new McpServer().start(t, () => true);
  const folder = scratch(t);
  writeFileSync(path.join(folder, 'secret'), `${SECRET}\n`);
  const gateway = await startGateway(t, { folder, config: { mcpServers: {
    locked: { url: `${server.url}/mcp`, policy: { price: 1 }, oauth: {
      tokenUrl: `${tokens.url}/oauth/token`, clientId: 'my gateway',
      clientSecret: `file:${path.join(folder, 'secret')}`, ...oauth } },
    other: { url: `${other.url}/mcp`, prefix: 'other_', policy: { price: 1 } },
  } } });
  const token = await gateway.token('agent', '--total-limit', '1000');
  const open = async (name = 'open') => {
    const request = modernCall(name);
    const answered = await call(`${gateway.url}/mcp`,
      { ...request, headers: { ...request.headers, ...bearer(token) } });
    const { result, error } = rpcResult(answered);
    return result?.content?.[0]?.text.split(' for ')[0] ?? error.message;
  };
  const status = async () => (await gateway.json('status')).mcp_servers
    .find(({ name }) => name === 'locked');
  return { gateway, server, tokens, open, status };
}

const isReady = (shop) =>
  eventually('locked is ready', async () => (await shop.status()).state === 'ready');

test('one token is fetched, and serves all calls', async (t) => {
  const shop = await lockedShop(t, { oauth: { scope: ['read', 'write'], audience: 'mcp' } });
  await isReady(shop);
  const said = await together(20, () => shop.open());
  assert.deepEqual([...new Set(said)], ['opened']);
  assert.equal(shop.tokens.requests.length, 1);
  const [asked] = shop.tokens.requests;
  assert.equal(asked.url, '/oauth/token');
  assert.equal(asked.authorization, BASIC);
  assert.equal(asked.type, 'application/x-www-form-urlencoded');
  assert.deepEqual(asked.form, { grant_type: 'client_credentials', scope: 'read write',
    resource: `${shop.server.url}/mcp`, audience: 'mcp' });
  assert.deepEqual([...new Set(shop.server.seen)], ['Bearer token-1']);
  assert.equal(await shop.gateway.spent('agent'), 20);
});

test('client_secret_post has the secret in the body; resource can be left out', async (t) => {
  const shop = await lockedShop(t, { oauth: { authMethod: 'client_secret_post', resource: '' } });
  await isReady(shop);
  const [asked] = shop.tokens.requests;
  assert.equal(asked.authorization, undefined);
  assert.deepEqual(asked.form, { grant_type: 'client_credentials', client_id: 'my gateway',
    client_secret: SECRET });
});

test('a token that expires is renewed before, once for all who wait', async (t) => {
  const tokens = new TokenEndpoint();
  tokens.seconds = 2;
  const shop = await lockedShop(t, { tokens });
  await isReady(shop);
  const until = Date.now() + 6_000;
  let calls = 0;
  while (Date.now() < until) {
    assert.deepEqual([...new Set(await together(10, () => shop.open()))], ['opened']);
    calls += 10;
    await sleep(100);
  }
  assert.equal(shop.server.ran.length, calls);
  assert.equal(shop.server.refused, 0, 'none was too late');
  const { length } = tokens.requests;
  assert.ok(length >= 3 && length <= 6, `${length} tokens in 6 s`);
});

for (const era of ['legacy', 'modern', 'sse']) {
  test(`a token that is refused is renewed once, and no call runs twice (${era})`, async (t) => {
    const tokens = new TokenEndpoint();
    tokens.answer = (issued) => ({ access_token: issued }); // it does not say until when
    const shop = await lockedShop(t, { tokens, era });
    await isReady(shop);
    assert.equal(await shop.open(), 'opened');
    await sleep(1_100);
    tokens.valid.clear(); // revoked at its server
    const before = shop.server.refused;
    assert.deepEqual([...new Set(await together(10, () => shop.open()))], ['opened']);
    assert.equal(tokens.requests.length, 2, 'one renewal for ten calls');
    assert.equal(shop.server.ran.length, 11);
    const refused = shop.server.refused - before;
    assert.ok(refused >= 1 && refused <= 12, `${refused} refusals`);
    assert.equal(await shop.gateway.spent('agent'), 11);
  });
}

test('the token endpoint is trusted by oauth.caFile, or that of the server', async (t) => {
  const folder = scratch(t);
  const files = { key: path.join(folder, 'as.key'), cert: path.join(folder, 'as.pem') };
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt',
    'ec_paramgen_curve:P-256', '-nodes', '-days', '1', '-subj', '/CN=satgate test', '-addext',
    'subjectAltName=IP:127.0.0.1', '-keyout', files.key, '-out', files.cert], { stdio: 'ignore' });
  const secure = async () => {
    const tokens = new TokenEndpoint();
    await tokens.start(t, 0, { key: readFileSync(files.key), cert: readFileSync(files.cert) });
    return tokens;
  };
  const trusting = await lockedShop(t, { tokens: await secure(), oauth: { caFile: files.cert } });
  await isReady(trusting);
  assert.equal(await trusting.open(), 'opened');
  const tokens = await secure();
  const strange = await lockedShop(t, { tokens });
  const { last_error: why } = await eventually('it says why', async () => {
    const status = await strange.status();
    return status.state === 'down' && status;
  });
  assert.match(why, /no access token from https:.*certificate/i);
  assert.equal(tokens.requests.length, 0, 'the secret does not go there');
});

test('a server that accepts no token is asked twice a call, and costs nothing', async (t) => {
  let locked = false;
  const shop = await lockedShop(t, { accepts: () => !locked });
  await isReady(shop);
  locked = true;
  await sleep(1_100);
  for (let i = 1; i <= 3; i++) {
    const before = shop.server.seen.length;
    const asked = shop.tokens.requests.length;
    assert.match(await shop.open(), /HTTP 401.*mcpServers\.locked\.oauth/);
    assert.ok(shop.server.seen.length - before <= 2, `${shop.server.seen.length - before} tries`);
    assert.ok(shop.tokens.requests.length - asked <= 1);
  }
  assert.equal(shop.server.ran.length, 0);
  assert.equal(await shop.gateway.spent('agent'), 0, 'what was refused has not been run');
  assert.equal(await shop.open('other_open'), 'opened');
});

test('a token endpoint that is down degrades its server alone, until it is back', async (t) => {
  const port = await freePort();
  const tokens = new TokenEndpoint();
  tokens.url = `http://127.0.0.1:${port}`;
  const shop = await lockedShop(t, { tokens });
  const down = await eventually('it says why', async () => {
    const status = await shop.status();
    return status.state === 'down' && status;
  });
  assert.match(down.last_error, /mcpServers\.locked\.oauth: no access token from .*refused/);
  assert.equal(await shop.open('other_open'), 'opened');
  await tokens.start(t, port);
  await isReady(shop);
  assert.equal(await shop.open(), 'opened');
});

const LIES = {
  'an error': [/HTTP 401 \(invalid_client\); check clientId/, (response) =>
    json(response, 401, { error: 'invalid_client', error_description: SECRET })],
  'an error in its own words': [/HTTP 500$/, (response) => json(response, 500, { error: SECRET })],
  'a redirect': [/HTTP 307/, (response) =>
    response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end()],
  'no token': [/no access_token/, (response) => json(response, 200, { token_type: 'Bearer' })],
  'another type': [/token_type is not Bearer/, (response) =>
    json(response, 200, { access_token: 'x', token_type: 'mac' })],
  'an odd lifetime': [/expires_in is no number/, (response) =>
    json(response, 200, { access_token: 'x', expires_in: 'soon' })],
  'two header lines': [/can not stand in a header/, (response) =>
    json(response, 200, { access_token: 'x\r\nx-evil: 1' })],
  'a page': [/can not be used/, (response) => response.writeHead(200).end('<html>')],
  '100 MB': [/oauth: no access token from .*: /, (response) => {
    response.writeHead(200, { 'content-length': 100_000_000 });
    response.on('error', () => {});
    response.write('x'.repeat(1_000_000));
  }],
  'endless pieces': [/oauth: no access token from .*: /, (response) => {
    response.on('error', () => {});
    const timer = setInterval(() => response.write('x'.repeat(20_000)), 5);
    response.on('close', () => clearInterval(timer));
  }],
  'nothing for long': [/did not answer within/, () => {}],
};

for (const [name, [why, next]] of Object.entries(LIES)) {
  test(`a token endpoint that answers with ${name}`, async (t) => {
    const tokens = new TokenEndpoint();
    tokens.next = next;
    const shop = await lockedShop(t, { tokens });
    const said = await eventually('it says why', async () => {
      const status = await shop.status();
      return status.state === 'down' && status.last_error;
    });
    assert.match(said, why);
    assert.equal(await shop.open('other_open'), 'opened');
    assert.equal(shop.server.seen.length, 0, 'the server is not asked without a token');
    tokens.next = undefined;
    await isReady(shop);
    assert.equal(await shop.open(), 'opened');
    const record = JSON.stringify(await shop.gateway.events());
    const log = shop.gateway.child.log + readFileSync(shop.gateway.file, 'utf8') + said + record;
    assert.ok(!log.includes(SECRET) && !log.includes('p%40ss'), 'no secret is told');
    assert.ok(!record.includes('token-'), 'nor a token');
  });
}

test('what the config says wrong about oauth is told with its place', async (t) => {
  const folder = scratch(t);
  const check = async (oauth, extra = {}) => {
    const file = path.join(folder, 'satgate.yaml');
    writeFileSync(file, JSON.stringify({ mcpServers: { a: { url: 'https://a.example/mcp', oauth,
      ...extra } } }));
    const { satgate, run } = await import('./gateway.mjs');
    return (await run(satgate, ['config', 'check', file])).said;
  };
  const good = { tokenUrl: 'https://login.example/token', clientId: 'a', clientSecret: 'b' };
  assert.doesNotMatch(await check(good), /oauth/);
  for (const [oauth, said, extra] of [
    [{ ...good, tokenUrl: undefined }, /a\.oauth\.tokenUrl: is missing/],
    [{ ...good, tokenUrl: 'http://login.example/token' }, /oauth\.tokenUrl: is not https/],
    [{ ...good, tokenUrl: 'https://login.example/token?x=1' }, /oauth\.tokenUrl: .*query/],
    [{ ...good, clientId: undefined }, /oauth\.clientId: is missing/],
    [{ ...good, clientSecret: undefined }, /oauth\.clientSecret: is missing/],
    [{ ...good, clientSecret: '${NOT_SET_AT_ALL}' }, /NOT_SET_AT_ALL is not set/],
    [{ ...good, authMethod: 'private_key_jwt' }, /oauth\.authMethod: 'private_key_jwt' must be/],
    [{ ...good, scop: 'x' }, /oauth\.scop: unknown key; did you mean 'scope'/],
    [good, /a\.oauth: stands beside a `credential`/, { credential: 'x' }],
  ]) {
    assert.match(await check(oauth, extra), said);
  }
});
