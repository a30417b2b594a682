// Calls that wait for a person. First what an agent would try to pass without one; then that a
// decision opens the very call it was about, once, whatever is killed in between.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import { atEnd, bearer, call, countFile, eventually, packages, sleep, startGateway, tally,
  together } from './gateway.mjs';
import { DENIAL, connect, generations, modernCall, rpcResult } from './mcp_clients.mjs';
import { mcpShop } from './shops.mjs';

const TOOLS = {
  review_code: { cost: '5 credits', requireApproval: true },
  search_code: { cost: '1 credit' },
};

function shop(t, approvals = {}, extra = {}, options = {}) {
  return mcpShop(t, { tools: TOOLS, ...extra, config: { approvals, ...extra.config } }, options);
}

// One tools/call with its own connection: {error, approval_id, ok}.
async function ask(gateway, token, args = { path: 'a.cc' }, tool = 'review_code') {
  const raw = typeof args === 'string';
  const request = modernCall(tool, raw ? {} : args);
  const body = JSON.stringify(request.body);
  const response = await call(`${gateway.url}/mcp`, {
    ...request,
    body: raw ? body.replace('"arguments":{}', `"arguments":${args}`) : body,
    headers: { ...request.headers, ...bearer(token) },
  });
  if (response.error) return { error: response.error };
  const { result, error } = rpcResult(response);
  const denial = result?._meta?.[DENIAL];
  return { ok: !!result && !result.isError, error: denial?.error ?? error?.message, ...denial };
}

async function pending(gateway, token, args, tool) {
  const refused = await ask(gateway, token, args, tool);
  assert.equal(refused.error, 'approval_required', JSON.stringify(refused));
  assert.match(refused.approval_id, /^[0-9a-f]{32}$/);
  return refused.approval_id;
}

function approve(gateway, id) {
  return gateway.json('approvals', 'approve', id, '--by', 'alice');
}

for (const generation of generations) {
  test(`${generation}: a call waits for a person, passes once, and waits again`, async (t) => {
    const { gateway, counts } = await shop(t);
    const client = await connect(t, generation, gateway.url, await gateway.token('agent'));
    assert.ok((await client.listTools()).some((tool) => tool.name === 'review_code'));
    const again = () => client.callTool('review_code', { path: 'secret-plan.cc' });

    const first = (await again())._meta[DENIAL];
    assert.equal(first.error, 'approval_required');
    assert.match(first.message, /Repeat the same call once approval [0-9a-f]{32} is given/);
    assert.equal((await again())._meta[DENIAL].approval_id, first.approval_id);

    const [waits] = await gateway.json('approvals', 'list');
    assert.equal(waits.id, first.approval_id);
    assert.equal(waits.state, 'pending');
    assert.equal(waits.subject, 'agent');
    assert.equal(waits.tool, 'review_code');
    assert.equal(waits.quote, 5);
    assert.equal(waits.arguments, '{"path":"secret-plan.cc"}');

    const approved = await approve(gateway, first.approval_id);
    assert.equal(approved.state, 'approved');
    assert.equal(approved.arguments, undefined);
    assert.ok(!(await again()).isError);
    assert.equal(countFile(counts), 1);
    assert.equal(await gateway.spent('agent'), 5);

    const next = (await again())._meta[DENIAL];
    assert.equal(next.error, 'approval_required');
    assert.notEqual(next.approval_id, first.approval_id);
    assert.equal(countFile(counts), 1);

    const events = await gateway.events();
    const decided = events.find((event) => event.event === 'approve');
    assert.match(decided.detail, new RegExp(`approved ${first.approval_id} by alice`));
    const passed = events.find((event) => event.event === 'call' && event.decision === 'allow');
    assert.equal(passed.detail, `approval ${first.approval_id}`);
    assert.ok(!JSON.stringify(events).includes('secret-plan'), 'arguments are in no event');
  });
}

test('an approval opens no other call', async (t) => {
  const { gateway, counts } = await shop(t);
  const token = await gateway.token('agent', '--total-limit', '100');
  const other = await gateway.token('other');
  const child = async (holder) => (await gateway.json('token', 'attenuate', token,
    '--holder', holder)).token;
  const [left, right] = [await child('left'), await child('right')];
  const id = await pending(gateway, left, '{"path":"a.cc","n":1}');
  await approve(gateway, id);
  for (const [who, args] of [
    [other, '{"path":"a.cc","n":1}'],
    [right, '{"path":"a.cc","n":1}'], // a sister
    [token, '{"path":"a.cc","n":1}'], // the parent
    [(await gateway.json('token', 'attenuate', left, '--holder', 'below')).token,
      '{"path":"a.cc","n":1}'],
    [left, '{"path":"b.cc","n":1}'],
    [left, '{"path":"a.cc","n":1.0}'],
    [left, '{"n":1,"path":"a.cc"}'], // the same meaning in another text is another call
    [left, '{"path":"a.cc","n":1,"n":2}'],
    [left, '{"path":"a.cc"}'],
  ]) {
    const refused = await ask(gateway, who, args);
    assert.equal(refused.error, 'approval_required', args);
    assert.notEqual(refused.approval_id, id);
  }
  assert.equal(countFile(counts), 0);
  assert.ok((await ask(gateway, left, '{ "path" : "a.cc", "n" : 1 }')).ok, 'blanks do not count');
  assert.equal((await ask(gateway, left, '{"path":"a.cc","n":1}')).error, 'approval_required');
  assert.equal(countFile(counts), 1);
});

test('of a hundred repeats at once one passes', async (t) => {
  const { gateway, counts } = await shop(t);
  const token = await gateway.token('agent');
  await approve(gateway, await pending(gateway, token));
  const answers = await together(100, () => ask(gateway, token));
  const kinds = tally(answers, (answer) => (answer.ok ? 'passed' : answer.error));
  assert.deepEqual(kinds, { passed: 1, approval_required: 99 });
  assert.equal(countFile(counts), 1);
  assert.equal(await gateway.spent('agent'), 5);
});

test('kill -9 loses no pending call, no approval and no use', async (t) => {
  const { gateway, counts } = await shop(t);
  const token = await gateway.token('agent');
  const id = await pending(gateway, token);
  await gateway.kill9();
  await gateway.start();
  assert.equal(await pending(gateway, token), id);
  await approve(gateway, id);
  await gateway.kill9();
  await gateway.start();
  assert.ok((await ask(gateway, token)).ok);
  await gateway.kill9();
  await gateway.start();
  assert.notEqual(await pending(gateway, token), id, 'it was used');
  assert.equal(countFile(counts), 1);
});

test('an approval that is cut by kill -9 is used at most once', async (t) => {
  const { gateway, counts } = await shop(t, {}, {
    tools: { slow_search: { cost: 1, requireApproval: true } },
  });
  const token = await gateway.token('agent');
  const args = { ms: 60_000 };
  await approve(gateway, await pending(gateway, token, args, 'slow_search'));
  const cut = ask(gateway, token, args, 'slow_search');
  await eventually('the server has it', () => countFile(counts) === 1);
  await gateway.kill9();
  await cut;
  await gateway.start();
  await pending(gateway, token, args, 'slow_search');
  assert.equal(countFile(counts), 1);
});

test('a denial holds until it expires, and names the approval', async (t) => {
  const { gateway, counts } = await shop(t, { expires: '2s' });
  const token = await gateway.token('agent');
  const id = await pending(gateway, token);
  const denied = await gateway.json('approvals', 'deny', id);
  assert.equal(denied.state, 'denied');
  const refused = await ask(gateway, token);
  assert.equal(refused.error, 'approval_denied');
  assert.equal(refused.approval_id, id);
  assert.ok(Date.parse(refused.resets_at) > Date.now());
  assert.equal((await gateway.cli('approvals', 'approve', id)).code, 1);
  await eventually('it has expired', async () =>
    (await ask(gateway, token)).error === 'approval_required');
  assert.ok((await gateway.events()).some((event) => event.event === 'deny'));
  assert.equal(countFile(counts), 0);
});

test('an approval can be taken back, and one that was used can not', async (t) => {
  const { gateway, counts } = await shop(t);
  const token = await gateway.token('agent');
  const id = await pending(gateway, token);
  await approve(gateway, id);
  await gateway.json('approvals', 'deny', id);
  assert.equal((await ask(gateway, token)).error, 'approval_denied');
  const other = await pending(gateway, token, { path: 'b.cc' });
  await approve(gateway, other);
  assert.ok((await ask(gateway, token, { path: 'b.cc' })).ok);
  assert.equal((await gateway.cli('approvals', 'deny', other)).code, 1);
  assert.equal((await gateway.cli('approvals', 'approve', 'nonsense')).code, 1);
  assert.equal(countFile(counts), 1);
});

test('an approval is not used by a call that has no money', async (t) => {
  const { gateway, counts } = await shop(t);
  const token = await gateway.token('agent', '--total-limit', '4');
  const id = await pending(gateway, token);
  await approve(gateway, id);
  assert.equal((await ask(gateway, token)).error, 'request_exceeds_budget');
  await gateway.json('token', 'update', 'agent', '--total-limit', '10');
  assert.ok((await ask(gateway, token)).ok);
  assert.equal(countFile(counts), 1);
});

test('approvalAbove asks for dear calls alone', async (t) => {
  const { gateway } = await shop(t, {}, {
    tools: { search_code: { cost: 1 }, review_code: { cost: 50 }, '*': { approvalAbove: 10 } },
  });
  const token = await gateway.token('agent');
  assert.ok((await ask(gateway, token, {}, 'search_code')).ok);
  await approve(gateway, await pending(gateway, token));
  assert.ok((await ask(gateway, token)).ok);
});

test('a call that is held is woken by the decision', async (t) => {
  const { gateway, counts } = await shop(t, { wait: '30s' });
  const token = await gateway.token('agent', '--total-limit', '5');
  const waiting = ask(gateway, token);
  const [one] = await eventually('it waits', async () => {
    const list = await gateway.json('approvals', 'list');
    return list.length === 1 && list;
  });
  // It holds no money meanwhile.
  assert.equal((await gateway.json('token', 'show', 'agent')).held, 0);
  assert.ok((await ask(gateway, token, {}, 'search_code')).ok);
  const began = Date.now();
  await gateway.json('approvals', 'deny', one.id);
  assert.equal((await waiting).error, 'approval_denied');
  assert.ok(Date.now() - began < 3000);

  const second = ask(gateway, token, { path: 'b.cc' });
  const two = await eventually('the next waits', async () =>
    (await gateway.json('approvals', 'list')).find((each) => each.state === 'pending'));
  await gateway.json('token', 'update', 'agent', '--total-limit', '10');
  await approve(gateway, two.id);
  const passed = await second;
  assert.ok(passed.ok, JSON.stringify(passed));
  assert.equal(countFile(counts), 2);
});

test('of a hundred calls that are held for one decision one passes', async (t) => {
  const { gateway, counts } = await shop(t, { wait: '30s' });
  const token = await gateway.token('agent');
  const waiting = together(100, () => ask(gateway, token));
  const [one] = await eventually('they wait', async () => {
    const list = await gateway.json('approvals', 'list');
    return list.length > 0 && list;
  });
  await sleep(500);
  await approve(gateway, one.id);
  const kinds = tally(await waiting, (answer) => (answer.ok ? 'passed' : answer.error));
  assert.deepEqual(kinds, { passed: 1, approval_required: 99 });
  assert.equal(countFile(counts), 1);
});

test('a token that is revoked while its call is held opens nothing', async (t) => {
  const { gateway, counts } = await shop(t, { wait: '30s' });
  for (const [name, end] of [
    ['revoked', () => gateway.json('token', 'revoke', 'revoked')],
    ['over', () => sleep(2500)],
  ]) {
    const flags = name === 'over' ? ['--expires', '2s'] : [];
    const waiting = ask(gateway, await gateway.token(name, ...flags), { path: name });
    const one = await eventually('it waits', async () =>
      (await gateway.json('approvals', 'list')).find((each) => each.subject === name));
    await end();
    await approve(gateway, one.id);
    assert.equal((await waiting).error, name === 'over' ? 'token_expired' : 'token_revoked');
  }
  assert.equal(countFile(counts), 0);
});

test('a call that is refused for a loop uses no approval', async (t) => {
  const { gateway, counts } = await shop(t, {}, {
    config: { loopGuard: { repeats: 1, window: '3s' } },
  });
  const token = await gateway.token('agent');
  const id = await pending(gateway, token);
  assert.equal((await ask(gateway, token)).error, 'approval_required');
  await approve(gateway, id);
  await gateway.json('approvals', 'show', id);
  assert.ok((await ask(gateway, token)).ok, 'what waits for a person is no loop');
  const next = await pending(gateway, token);
  await approve(gateway, next);
  assert.equal((await ask(gateway, token)).error, 'loop_detected');
  await sleep(3000);
  assert.ok((await ask(gateway, token)).ok);
  assert.equal(countFile(counts), 2);
});

test('a call that is held is refused in time, and when the gateway ends', async (t) => {
  const { gateway } = await shop(t, { wait: '1s' });
  const token = await gateway.token('agent');
  const began = Date.now();
  await pending(gateway, token);
  assert.ok(Date.now() - began >= 1000 && Date.now() - began < 5000);

  const long = await shop(t, { wait: '500s' });
  const waiting = ask(long.gateway, await long.gateway.token('agent'));
  await eventually('it waits', async () =>
    (await long.gateway.json('approvals', 'list')).length === 1);
  await long.gateway.stop();
  assert.equal((await waiting).error, 'approval_required');
});

test('who floods the list has its share of it', async (t) => {
  const { gateway } = await shop(t);
  const [flood, calm] = [await gateway.token('flood'), await gateway.token('calm')];
  const answers = await together(150, (i) => ask(gateway, flood, { path: `${i}` }));
  assert.ok(answers.every((answer) => answer.error === 'approval_required'));
  assert.equal(answers.filter((answer) => answer.approval_id).length, 100);
  assert.match(answers.find((answer) => !answer.approval_id).message, /Too many calls wait/);
  await pending(gateway, calm);
  assert.equal((await gateway.json('approvals', 'list')).length, 101);
});

test('observe asks nobody', async (t) => {
  const { gateway, counts } = await shop(t, {}, { config: { mode: 'observe' } });
  assert.ok((await ask(gateway, await gateway.token('agent'))).ok);
  assert.equal(countFile(counts), 1);
  assert.deepEqual(await gateway.json('approvals', 'list'), []);
  const [event] = await gateway.events('&decision=would_deny');
  assert.equal(event.code, 'approval_required');
});

test('all shapes of a refusal carry the approval', async (t) => {
  for (const denial of ['jsonrpc', 'http']) {
    const { gateway } = await shop(t, {}, { config: { mcp: { denial } } });
    const request = modernCall('review_code', {});
    const headers = { ...request.headers, ...bearer(await gateway.token('agent')) };
    const response = await call(`${gateway.url}/mcp`, { ...request, headers });
    const { error } = rpcResult(response);
    assert.match(error.data.approval_id, /^[0-9a-f]{32}$/);
    assert.equal(response.status, denial === 'http' ? 403 : 200);
  }
});

test('what an agent writes does not mislead who decides', async (t) => {
  const { gateway } = await shop(t);
  const token = await gateway.token('agent');
  await pending(gateway, token, { path: '\u202Ecc.a\u0007\u200b', more: 'x'.repeat(5000) });
  const [one] = await gateway.json('approvals', 'list');
  assert.ok(!/[\u202e\u200b\u0007]/.test(one.arguments));
  assert.ok(one.arguments.includes('\\u{202e}cc.a'));
  assert.match(one.arguments, /\.\.\. \d+ bytes more$/);
  assert.ok(one.arguments.length < 2200);
  assert.match((await gateway.cli('approvals', 'list')).stdout, /review_code at code/);
});

test('what was approved of a server opens no other of its resources and prompts', async (t) => {
  const everything = path.join(packages,
    '@modelcontextprotocol/server-everything/dist/index.js');
  const gateway = await startGateway(t, {
    config: {
      mcpServers: {
        all: {
          command: process.execPath,
          args: [everything, 'stdio'],
          policy: { price: 1, requireApproval: true },
        },
      },
    },
  });
  const { client } = await connect(t, 'v1', gateway.url, await gateway.token('agent'));
  const read = async (n) => {
    try {
      return await client.readResource({ uri: `demo://resource/dynamic/text/${n}` });
    } catch (error) {
      return { refused: error.data?.approval_id ?? error.message };
    }
  };
  await eventually('its resources are there', async () =>
    (await client.listResourceTemplates()).resourceTemplates.length > 0);
  const { refused } = await read(1);
  assert.match(refused, /^[0-9a-f]{32}$/);
  await approve(gateway, refused);
  const other = await read(2);
  assert.match(other.refused, /^[0-9a-f]{32}$/);
  assert.notEqual(other.refused, refused);
  assert.match((await read(1)).contents[0].text, /1/);
  assert.notEqual((await read(1)).refused, refused);
});

// A receiver that fails the first time, and is slow.
async function receiver(t) {
  const got = [];
  const server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (bytes) => (body += bytes));
    request.on('end', async () => {
      got.push({ body, signature: request.headers['x-satgate-signature'] });
      await sleep(300);
      response.writeHead(got.length === 1 ? 500 : 200).end();
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(t, () => server.close());
  return { got, url: `http://127.0.0.1:${server.address().port}/hook?x=1` };
}

test('a webhook is told of each call that waits, signed, and delays none', async (t) => {
  const { got, url } = await receiver(t);
  const { gateway } = await shop(t, { webhook: url, secret: '${HOOK_SECRET}' }, {},
    { env: { HOOK_SECRET: 'a-secret-of-the-receiver' } });
  const token = await gateway.token('agent');
  const began = Date.now();
  const ids = [];
  for (const path of ['a', 'b', 'c']) ids.push(await pending(gateway, token, { path }));
  await pending(gateway, token, { path: 'a' });
  assert.ok(Date.now() - began < 3000, 'nobody waits for the receiver');
  await eventually('all of them came', () => got.length === 4, 20_000);
  await sleep(500);
  assert.deepEqual([...new Set(got.map(({ body }) => JSON.parse(body).id))], ids);
  for (const { body, signature } of got) {
    const mac = createHmac('sha256', 'a-secret-of-the-receiver').update(body).digest('hex');
    assert.equal(signature, `sha256=${mac}`);
    assert.equal(JSON.parse(body).event, 'approval.requested');
  }
});

test('the admin API decides, and agents do not', async (t) => {
  const { gateway } = await shop(t);
  const token = await gateway.token('agent');
  const id = await pending(gateway, token);
  const route = `/api/v1/approvals/${id}/approve`;
  const stranger = await call(`${gateway.admin}${route}`,
    { method: 'POST', headers: bearer(token) });
  assert.equal(stranger.status, 401);
  for (const [path, body, status] of [
    [route, { by: '' }, 400],
    [route, { nonsense: 1 }, 400],
    ['/api/v1/approvals/00000000000000000000000000000000/approve', {}, 404],
    [route, { by: 'bob' }, 200],
    [route, {}, 409],
  ]) {
    const answered = await gateway.adminApi(path, { method: 'POST', body: JSON.stringify(body) });
    assert.equal(answered.status, status, path + JSON.stringify(body));
  }
  const shown = await gateway.adminApi(`/api/v1/approvals/${id}`);
  assert.equal((await shown.json()).state, 'approved');
});
