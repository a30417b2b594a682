// Many sessions at many servers, while servers are killed: nobody is stuck, no child is left, and
// what was charged is what was run.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { bearer, call, countFile, demo, eventually, processes, scratch, sleep, startGateway,
  together }
  from './gateway.mjs';

const SESSIONS = 200;
const SERVERS = 20;
const CALLS = 15; // of a session
const PRICE = 1;

// The pids of the gateway's demo servers.
function children(folder) {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).filter((pid) => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return line.includes('satgate-demo mcp') && line.includes(folder);
    } catch {
      return false; // it has ended meanwhile
    }
  });
}

async function rpc(gateway, token, body, headers = {}) {
  const { status, headers: fields, json } = await call(`${gateway.url}/mcp`, {
    method: 'POST', headers: bearer(token, { accept: 'application/json', ...headers }),
    body: { jsonrpc: '2.0', ...body },
  });
  return { status, session: fields['mcp-session-id'], answer: json };
}

test('200 sessions at 20 servers that are killed: no stuck session, no orphan, exact charges',
  async (t) => {
    const names = Array.from({ length: SERVERS }, (_, i) => `s${i}`);
    const folder = scratch(t);
    const gateway = await startGateway(t, {
      folder,
      config: {
        mcp: { prefix: 'always' },
        mcpServers: Object.fromEntries(names.map((name) => [name, {
          command: demo, args: ['mcp', '--count-file', path.join(folder, `count-${name}`)],
          policy: { price: PRICE }, timeout: '20s',
        }])),
      },
    });
    const token = await gateway.token('crowd', '--total-limit', '1000000');
    await eventually('all servers are there', async () => {
      const { answer } = await rpc(gateway, token, { id: 1, method: 'tools/list' });
      return answer.result.tools.length === SERVERS * 5;
    });

    let killing = true;
    let killed = 0;
    const killer = (async () => {
      while (killing) {
        const pids = children(gateway.folder);
        if (pids.length > 0) {
          try {
            process.kill(Number(pids[Math.floor(Math.random() * pids.length)]), 'SIGKILL');
            killed += 1;
          } catch { /* it has ended by itself */ }
        }
        await sleep(100);
      }
    })();

    const tally = { done: 0, failed: 0 };
    await together(SESSIONS, async (index) => {
      const { session } = await rpc(gateway, token, { id: 0, method: 'initialize', params: {
        protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'l', version: '1' },
      } });
      const headers = { 'mcp-session-id': session };
      for (let n = 1; n <= CALLS; ++n) {
        const server = names[(index * 7 + n * 3) % SERVERS];
        const { status, answer } = await rpc(gateway, token, { id: n, method: 'tools/call',
          params: { name: `${server}__search_code`, arguments: { query: 'x' } } }, headers);
        assert.equal(status, 200);
        assert.equal(answer.id, n);
        if (answer.result) tally.done += 1;
        else tally.failed += 1;
      }
    });
    killing = false;
    await killer;

    assert.equal(tally.done + tally.failed, SESSIONS * CALLS, 'every call was answered');
    assert.ok(killed > 5, `${killed} were killed`);
    const ran = names.reduce((sum, name) =>
      sum + countFile(path.join(gateway.folder, `count-${name}`)), 0);
    const spent = await gateway.spent('crowd');
    t.diagnostic(`${tally.done} answered, ${tally.failed} failed, ${killed} killed, ` +
      `${ran} ran, ${spent} charged`);
    // No call without a charge; and no charge but for calls that ran, or may have.
    assert.ok(spent >= ran * PRICE, `${ran} ran, ${spent} charged`);
    assert.ok(ran >= tally.done, 'an answer is of a call that ran');
    assert.ok(spent <= (tally.done + tally.failed) * PRICE);
    const { rows } = await gateway.json('report', 'spend', '--by', 'agent');
    assert.equal(Number(rows.find((row) => row.key === 'crowd').spent), spent);

    await eventually('every server is back', async () => {
      const answers = await Promise.all(names.map((name) => rpc(gateway, token, {
        id: 1, method: 'tools/call',
        params: { name: `${name}__search_code`, arguments: { query: 'x' } } })));
      return answers.every(({ answer }) => answer.result);
    }, 40_000);
    await gateway.kill9();
    await eventually('no child is left', () => !processes().some((line) =>
      line.includes('satgate-demo mcp') && line.includes(gateway.folder)));
  });
