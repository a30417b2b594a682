// TLS on both sides of the gateway: what agents connect to, and what it connects to.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { test } from 'node:test';
import { atEnd, bearer, call, Gateway, scratch, startGateway, startUpstream } from './gateway.mjs';
import { ENDPOINTS } from './shops.mjs';

// A certificate of its own for 127.0.0.1.
function certificate(folder, name = 'server') {
  const files = { cert: path.join(folder, `${name}.pem`), key: path.join(folder, `${name}.key`) };
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
    '-nodes', '-days', '1', '-subj', '/CN=satgate test', '-addext', 'subjectAltName=IP:127.0.0.1',
    '-keyout', files.key, '-out', files.cert], { stdio: 'ignore' });
  return files;
}

// Ready by its admin listener, because the agents' one speaks TLS.
class TlsGateway extends Gateway {
  async ready() {
    for (let i = 0; i < 500 && this.child.running; i++) {
      const response = await fetch(`${this.admin}/readyz`).catch(() => undefined);
      if (response?.status === 200) return true;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return false;
  }
}

async function startTlsGateway(t, files, api) {
  const gateway = new TlsGateway(scratch(t), {
    server: { tls: { certificate: files.cert, key: files.key } },
    config: { upstreams: { api: { kind: 'http', url: api.url } }, endpoints: ENDPOINTS },
  });
  atEnd(t, () => gateway.stop());
  await gateway.start();
  return gateway;
}

function get(port, headers, options) {
  return new Promise((resolve) => {
    const request = https.get({ host: '127.0.0.1', port, path: '/api/search', headers,
      agent: false, ...options }, (response) => {
      response.resume();
      response.on('end', () => resolve({ status: response.statusCode,
        protocol: response.socket.getProtocol?.() }));
    });
    request.on('error', (error) => resolve({ error: error.code ?? error.message }));
  });
}

test('agents reach the gateway over TLS 1.2 and 1.3, and nothing older', async (t) => {
  const files = certificate(scratch(t));
  const gateway = await startTlsGateway(t, files, await startUpstream(t, 'api'));
  const headers = bearer(await gateway.token('agent', '--total-limit', '10'));
  const ca = readFileSync(files.cert);
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    const only = { ca, minVersion: version, maxVersion: version };
    const answer = await get(gateway.port, headers, only);
    assert.equal(answer.status, 200, JSON.stringify(answer));
  }
  const old = await get(gateway.port, headers, { ca, minVersion: 'TLSv1', maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0' });
  assert.equal(old.status, undefined);
});

test('an upstream is believed only with the right certificate', async (t) => {
  const folder = scratch(t);
  const files = certificate(folder);
  const other = certificate(folder, 'other');
  const api = await startUpstream(t, 'api');
  const inner = await startTlsGateway(t, files, api);
  const credential = await inner.token('outer-gateway', '--total-limit', '100');
  const outer = async (extra) => {
    const gateway = await startGateway(t, { config: {
      upstreams: { inner: { kind: 'http', url: `https://127.0.0.1:${inner.port}`, credential,
        ...extra } },
      endpoints: ENDPOINTS,
    } });
    const token = await gateway.token('agent', '--total-limit', '10');
    const answer = await call(`${gateway.url}/api/search`, { headers: bearer(token) });
    return { status: answer.status, spent: await gateway.spent('agent') };
  };
  assert.deepEqual(await outer({ caFile: files.cert }), { status: 200, spent: 2 });
  assert.deepEqual(await outer({ insecure: true }), { status: 200, spent: 2 });
  // Nothing was sent, so nothing is charged.
  assert.deepEqual(await outer({ caFile: other.cert }), { status: 502, spent: 0 });
  assert.deepEqual(await outer({}), { status: 502, spent: 0 });
  assert.equal((await api.stats()).calls, 2);
});
