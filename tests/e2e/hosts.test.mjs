// Which hosts a listener answers to (DNS rebinding), and what OAuth clients are told.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { bearer, call, eventually, startGateway } from './gateway.mjs';
import { json, serve } from './locked_server.mjs';
import { connect, generations, modernCall } from './mcp_clients.mjs';
import { httpShop, mcpShop } from './shops.mjs';

const WELL_KNOWN = '/.well-known/oauth-protected-resource';

const from = (host, headers = {}) => ({ headers: { ...headers, host } });

test('a page whose name leads to the loopback gets nothing of any route', async (t) => {
  const { api, gateway } = await httpShop(t, { route: { mode: 'observe' } },
    { server: { anonymous: 'local' } });
  const evil = `evil.example:${gateway.port}`;
  for (const path of ['/api/search', '/mcp', '/.well-known/satgate', '/nothing']) {
    const refused = await call(gateway.url + path, from(evil));
    assert.deepEqual([refused.status, refused.json.error], [403, 'host_denied'], path);
    assert.match(refused.json.message, /evil\.example.*server\.hosts/);
  }
  assert.equal((await api.stats()).requests ?? 0, 0);
  const probe = await call(`${gateway.url}/healthz`, from(evil));
  assert.equal(probe.status, 200, 'probes know no name');
  for (const host of ['localhost', `localhost:${gateway.port}`, '127.0.0.1', '[::1]:1',
    'gateway.localhost', 'host.docker.internal:8000']) {
    assert.equal((await call(`${gateway.url}/api/search`, from(host))).status, 200, host);
  }
});

test('the admin listener answers to no foreign host, metrics included', async (t) => {
  const { gateway } = await httpShop(t);
  for (const path of ['/', '/metrics', '/api/v1/status', '/api/v1/openapi.json']) {
    const refused = await call(gateway.admin + path, from('evil.example'));
    assert.deepEqual([refused.status, refused.json.error], [403, 'host_denied'], path);
    assert.match(refused.json.message, /admin\.hosts/);
  }
  assert.equal((await call(`${gateway.admin}/metrics`, from('localhost'))).status, 200);
  assert.equal((await call(`${gateway.admin}/readyz`, from('evil.example'))).status, 200);
});

const configOf = (gateway, server, admin = {}) => JSON.stringify({
  version: 1,
  server: { listen: `127.0.0.1:${gateway.port}`, ...server },
  admin: { listen: `127.0.0.1:${gateway.adminPort}`, ...admin },
  mcpServers: { none: { url: 'http://127.0.0.1:1/mcp' } },
});

test('the config adds hosts, and a reload takes them', async (t) => {
  const gateway = await startGateway(t, { yaml: (g) =>
    configOf(g, { hosts: ['gateway.example', '*.team.example'] }, { hosts: 'admin.example' }) });
  const status = async (url, host) => (await call(url, from(host))).status;
  const document = `${gateway.url}/.well-known/satgate`;
  assert.equal(await status(document, 'gateway.example'), 200);
  assert.equal(await status(document, 'A.TEAM.example:443'), 200);
  assert.equal(await status(document, 'localhost'), 200);
  assert.equal(await status(document, 'admin.example'), 403);
  assert.equal(await status(`${gateway.admin}/metrics`, 'admin.example'), 200);
  assert.equal(await status(`${gateway.admin}/metrics`, 'gateway.example'), 403);
  writeFileSync(gateway.file, configOf(gateway, { hosts: ['*'] }));
  gateway.child.kill('SIGHUP');
  await eventually('the reload', async () => (await status(document, 'any.example')) === 200);
  assert.equal(await status(`${gateway.admin}/metrics`, 'admin.example'), 403);
});

test('a listener on all interfaces answers to any host until some are listed', async (t) => {
  const config = (g, hosts) => configOf(g, { listen: `0.0.0.0:${g.port}`, ...hosts });
  const open = await startGateway(t, { yaml: (g) => config(g) });
  assert.equal((await call(`${open.url}/.well-known/satgate`, from('pod.example'))).status, 200);
  const closed = await startGateway(t, { yaml: (g) => config(g, { hosts: ['gw.example'] }) });
  const at = `${closed.url}/.well-known/satgate`;
  assert.equal((await call(at, from('pod.example'))).status, 403);
  assert.equal((await call(at, from('gw.example'))).status, 200);
});

test('a page of a host in the config may speak to /mcp', async (t) => {
  const { gateway } = await mcpShop(t, {}, { server: { hosts: ['gateway.example', '*'] } });
  const token = await gateway.token('agent', '--total-limit', '10');
  const request = modernCall('search_code');
  const status = async (host, origin) => (await call(`${gateway.url}/mcp`,
    { ...request, headers: { ...request.headers, ...bearer(token), host, origin } })).status;
  assert.equal(await status('gateway.example', 'https://gateway.example'), 200);
  assert.equal(await status('evil.example', 'http://evil.example'), 403, 'a star is no name');
  assert.equal(await status('localhost', 'http://127.evil.example'), 403);
});

const AUTHORIZATION = { servers: ['https://login.example'], scopes: ['tools', 'tools:write'],
  documentation: 'https://docs.example/tokens' };

test('without an authorization server, the metadata names none and no challenge points to it',
  async (t) => {
    const { gateway } = await mcpShop(t);
    for (const [path, resource] of [['', ''], ['/mcp', '/mcp'], ['/sse', '/sse']]) {
      const document = await call(gateway.url + WELL_KNOWN + path);
      assert.equal(document.status, 200, path);
      assert.equal(document.json.resource, gateway.url + resource);
      assert.deepEqual(document.json.bearer_methods_supported, ['header']);
      assert.ok(!('authorization_servers' in document.json));
    }
    assert.equal((await call(`${gateway.url}${WELL_KNOWN}/api`)).status, 404);
    const nobody = await call(`${gateway.url}/mcp`, modernCall('search_code'));
    assert.equal(nobody.headers['www-authenticate'], 'Bearer realm="SatGate"');
    const request = modernCall('search_code');
    const stranger = await call(`${gateway.url}/mcp`,
      { ...request, headers: { ...request.headers, ...bearer('sg_AgEB') } });
    assert.equal(stranger.headers['www-authenticate'],
      'Bearer realm="SatGate", error="invalid_token"');
  });

test('with one, both say so, by the public URL', async (t) => {
  const { gateway } = await mcpShop(t,
    { config: { mcp: { authorization: AUTHORIZATION, denial: 'http' } } },
    { server: { publicUrl: 'https://gw.example/satgate' } });
  const document = await call(`${gateway.url}${WELL_KNOWN}/mcp`, from('gw.example'));
  assert.deepEqual(document.json, {
    resource: 'https://gw.example/satgate/mcp',
    authorization_servers: ['https://login.example'],
    scopes_supported: ['tools', 'tools:write'],
    bearer_methods_supported: ['header'],
    resource_name: 'SatGate',
    resource_documentation: 'https://docs.example/tokens',
  });
  const metadata = 'scope="tools tools:write", ' +
    `resource_metadata="https://gw.example${WELL_KNOWN}/satgate/mcp"`;
  const request = modernCall('search_code');
  const challenged = async (token) => {
    const headers = { ...request.headers, ...(token ? bearer(token) : {}) };
    const { status, headers: got } = await call(`${gateway.url}/mcp`, { ...request, headers });
    return [status, got['www-authenticate']];
  };
  assert.deepEqual(await challenged(), [401, `Bearer realm="SatGate", ${metadata}`]);
  const revoked = await gateway.token('gone', '--total-limit', '10');
  await gateway.json('token', 'revoke', 'gone');
  const invalid = [401, `Bearer realm="SatGate", error="invalid_token", ${metadata}`];
  assert.deepEqual(await challenged(revoked), invalid);
  const narrow = await gateway.token('narrow', '--total-limit', '10', '--allow-tool', 'none');
  assert.deepEqual(await challenged(narrow),
    [403, `Bearer realm="SatGate", error="insufficient_scope", ${metadata}`]);
  const poor = await gateway.token('poor', '--total-limit', '0.5');
  assert.deepEqual(await challenged(poor), [402, undefined], 'money is no scope');
  const sse = await call(`${gateway.url}/sse`, { headers: { accept: 'text/event-stream' } });
  assert.match(sse.headers['www-authenticate'], /oauth-protected-resource\/satgate\/sse"$/);
});

// An application's side of a login: it keeps what it gets, and notes where people are sent.
class Provider {
  asked = [];
  redirectUrl = 'http://127.0.0.1:1/callback';
  clientMetadata = { client_name: 'test', redirect_uris: [this.redirectUrl] };
  clientInformation() {
    return this.client;
  }
  saveClientInformation(client) {
    this.client = client;
    this.asked.push('client');
  }
  tokens() {
    return this.kept;
  }
  saveTokens(tokens) {
    this.kept = tokens;
    this.asked.push('tokens');
  }
  redirectToAuthorization(url) {
    this.login = url;
    this.asked.push('login');
  }
  saveCodeVerifier(verifier) {
    this.verifier = verifier;
  }
  codeVerifier() {
    return this.verifier;
  }
}

async function sdks() {
  const { Client: ClientV1 } = await import('@modelcontextprotocol/sdk/client/index.js');
  const { StreamableHTTPClientTransport: TransportV1 } = await import(
    '@modelcontextprotocol/sdk/client/streamableHttp.js');
  const { Client: ClientV2, StreamableHTTPClientTransport: TransportV2 } = await import(
    '@modelcontextprotocol/client');
  return [[ClientV1, TransportV1], [ClientV2, TransportV2]];
}

const identity = { name: 'satgate-e2e', version: '1.0.0' };

// An authorization server as the config means it: whoever logs in gets a token of the gateway.
async function startLogin(t, tokens) {
  const login = { forms: [] };
  login.url = await serve(t, (request, body, response) => {
    if (request.url.startsWith('/.well-known/')) {
      return json(response, 200, { issuer: login.url, authorization_endpoint: `${login.url}/login`,
        token_endpoint: `${login.url}/token`, registration_endpoint: `${login.url}/register`,
        response_types_supported: ['code'], code_challenge_methods_supported: ['S256'],
        grant_types_supported: ['authorization_code'],
        token_endpoint_auth_methods_supported: ['none'] });
    }
    if (request.url === '/register') {
      return json(response, 201, { ...JSON.parse(body), client_id: 'c1' });
    }
    login.forms.push(Object.fromEntries(new URLSearchParams(body)));
    return json(response, 200, { access_token: tokens(), token_type: 'Bearer', expires_in: 600 });
  });
  return login;
}

test('unmodified clients log in where the metadata sends them, and call', async (t) => {
  let token;
  const login = await startLogin(t, () => token);
  const { gateway } = await mcpShop(t,
    { config: { mcp: { authorization: { servers: [login.url], scopes: ['tools'] } } } });
  for (const [Client, Transport] of await sdks()) {
    token = await gateway.token(`user-${login.forms.length}`, '--total-limit', '10');
    const authProvider = new Provider();
    const url = new URL(`${gateway.url}/mcp`);
    const first = new Transport(url, { authProvider });
    await assert.rejects(new Client(identity).connect(first), /[Uu]nauthorized/);
    assert.equal(authProvider.login.origin, login.url);
    assert.equal(authProvider.login.searchParams.get('scope'), 'tools');
    assert.equal(authProvider.login.searchParams.get('resource'), `${gateway.url}/mcp`);
    await first.finishAuth('code-of-the-login');
    assert.deepEqual(authProvider.asked, ['client', 'login', 'tokens']);
    assert.equal(login.forms.at(-1).resource, `${gateway.url}/mcp`);
    const client = new Client(identity);
    await client.connect(new Transport(url, { authProvider }));
    const { isError } = await client.callTool({ name: 'search_code', arguments: {} });
    assert.ok(!isError);
    await client.close();
  }
  assert.equal(await gateway.spent('user-1'), 1);
});

test('clients without a token, with and without OAuth, end with one clear error', async (t) => {
  const { gateway } = await mcpShop(t);
  for (const [Client, Transport] of await sdks()) {
    let requests = 0;
    const counted = (...args) => {
      requests += 1;
      return fetch(...args);
    };
    const url = new URL(`${gateway.url}/mcp`);
    const plain = new Client(identity);
    await assert.rejects(plain.connect(new Transport(url, { fetch: counted })),
      (error) => /401|[Uu]nauthor|token_missing/.test(`${error.code} ${error.message}`));
    assert.ok(requests <= 3, `${requests} requests`);
    requests = 0;
    const authProvider = new Provider();
    const withLogin = new Client(identity);
    await assert.rejects(withLogin.connect(new Transport(url, { fetch: counted, authProvider })));
    assert.ok(requests <= 12, `${requests} requests`);
    assert.deepEqual(authProvider.asked, [], 'nobody is sent to a login that is not there');
  }
  for (const generation of generations) {
    await assert.rejects(connect(t, generation, gateway.url, 'sg_AgEB'));
  }
});
