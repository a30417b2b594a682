// What a challenge costs the gateway that sells, beside a governed request of the same run: CPU of
// all its threads. A 402 is answered from the pool of invoices; a governed request is verified,
// priced, held, journaled, forwarded and settled (bench/README.md).
//
//   node bench/challenge.mjs [ROUNDS] [SECONDS]
import { readdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import test from 'node:test';
import { startGateway, startUpstream } from '../tests/e2e/gateway.mjs';

const [rounds, seconds] = [Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 2)];
const CONNECTIONS = 32;

// Of all threads, in microseconds, as the scheduler counts.
function cpuOf(pid) {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const used = tasks.map((task) =>
    Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]));
  return used.reduce((sum, nanoseconds) => sum + nanoseconds, 0) / 1e3;
}

function get(agent, url, headers, status) {
  return new Promise((resolve, reject) => {
    http.get(url, { agent, headers }, (response) => {
      response.resume();
      response.on('end', () => (response.statusCode === status ? resolve()
        : reject(new Error(`${url}: ${response.statusCode}`))));
    }).on('error', reject);
  });
}

async function sample(gateway, { url, headers, status }) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const pid = gateway.child.process.pid;
  const before = cpuOf(pid);
  const until = performance.now() + seconds * 1000;
  let answered = 0;
  await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    while (performance.now() < until) {
      await get(agent, url, headers, status);
      answered += 1;
    }
  }));
  agent.destroy();
  return (cpuOf(pid) - before) / answered;
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

test('challenge', async (t) => {
  const api = await startUpstream(t, 'api');
  const gateway = await startGateway(t, { config: {
    lightning: { provider: 'dev' },
    upstreams: { api: { kind: 'http', url: api.url } },
    endpoints: { '/*': { cost: '$0.006' } },
    routes: [
      { name: 'paid', match: { pathPrefix: '/paid/' }, upstream: 'api', mode: 'charge' },
      { name: 'api', match: { pathPrefix: '/api/' }, upstream: 'api', mode: 'control' },
    ],
  } });
  const token = await gateway.token('agent', '--total-limit', '1000000');
  const kinds = {
    challenge: { url: `${gateway.url}/paid/x`, headers: {}, status: 402 },
    governed: { url: `${gateway.url}/api/x`, headers: { authorization: `Bearer ${token}` },
      status: 200 },
  };
  const taken = { challenge: [], governed: [] };
  for (let round = 0; round < rounds; ++round) {
    const order = round % 2 ? ['governed', 'challenge'] : ['challenge', 'governed'];
    for (const kind of order) taken[kind].push(await sample(gateway, kinds[kind]));
  }
  const ratio = median(taken.challenge.map((us, i) => us / taken.governed[i]));
  const [challenge, governed] = [median(taken.challenge), median(taken.governed)];
  t.diagnostic(`CPU: a challenge ${challenge.toFixed(1)} us, a governed request `
    + `${governed.toFixed(1)} us, ${ratio.toFixed(2)}x`);
});
