// The promises that money hangs on, attacked: many clients at once, and a changed byte in the
// record (LAWS.md, Laws 1 and 3). What the machine does to them is in crash.test.mjs.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { bearer, call, countFile, tally, together } from './gateway.mjs';
import { DENIAL, modernCall, rpcResult } from './mcp_clients.mjs';
import { httpShop, llmShop, mcpShop } from './shops.mjs';

const CLIENTS = 256;
const FITS = 10;

function reasons(answers) {
  return JSON.stringify(tally(answers, (answer) => `${answer.status} ${answer.error ?? ''}`));
}

test(`HTTP: ${CLIENTS} clients at once, a cap that fits ${FITS}: exactly ${FITS} served`,
  async (t) => {
    const { api, gateway } = await httpShop(t);
    const token = await gateway.token('agent', '--total-limit', `${FITS * 2}`);
    const answers = await together(CLIENTS, () =>
      call(`${gateway.url}/api/search?slow=300`, { headers: bearer(token) }));
    const served = answers.filter((answer) => answer.status === 200).length;
    assert.equal(served, FITS, reasons(answers));
    assert.ok(answers.every((answer) => [200, 402].includes(answer.status)), reasons(answers));
    assert.ok(answers.every((answer) => answer.status === 200 ||
      ['budget_in_flight', 'budget_exhausted'].includes(answer.json.error)));
    assert.equal((await api.stats()).calls, FITS);
    assert.equal(await gateway.spent('agent'), FITS * 2);
    assert.equal((await call(`${gateway.url}/api/search`, { headers: bearer(token) })).status, 402);
    await everyAnswerIsWritten(gateway, answers);
  });

test(`LLM: ${CLIENTS} clients at once, a cap that fits ${FITS}: exactly ${FITS} served`,
  async (t) => {
    const { llm, gateway } = await llmShop(t);
    const token = await gateway.token('agent', '--total-limit', `${FITS}`);
    const answers = await together(CLIENTS, (i) => call(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: bearer(token),
      body: { model: 'demo-flat', stream: i % 2 === 0, max_tokens: 20,
        messages: [{ role: 'user', content: 'Hello demo:slow=300' }] },
    }));
    const served = answers.filter((answer) => answer.status === 200).length;
    assert.equal(served, FITS, reasons(answers));
    assert.equal((await llm.stats()).calls, FITS);
    assert.equal(await gateway.spent('agent'), FITS);
    await everyAnswerIsWritten(gateway, answers);
  });

test('LLM: calls priced by tokens never spend more than the cap together', async (t) => {
  const price = { input: 1000, output: 100000 }; // credits per million tokens
  const { llm, gateway } = await llmShop(t, { models: { 'demo-tokens': price } });
  const cap = 20;
  const token = await gateway.token('agent', '--total-limit', `${cap}`);
  await together(64, () => call(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: bearer(token),
    body: { model: 'demo-tokens', max_tokens: 15,
      messages: [{ role: 'user', content: 'Hello demo:tokens=15' }] },
  }));
  const { calls, prompt_tokens: input, completion_tokens: output } = await llm.stats();
  const real = (input * price.input + output * price.output) / 1e6;
  assert.ok(calls > 0);
  assert.ok(real <= cap, `${real} was really spent of ${cap}`);
  const spent = await gateway.spent('agent');
  assert.ok(spent >= real - 1e-9 && spent <= cap, `charged ${spent}, real ${real}`);
});

test(`MCP: ${CLIENTS} clients at once, a cap that fits ${FITS}: exactly ${FITS} served`,
  async (t) => {
    const { gateway, counts } = await mcpShop(t);
    const token = await gateway.token('agent', '--total-limit', `${FITS}`);
    const request = modernCall('slow_search', { ms: 300 });
    const answers = await together(CLIENTS, () => call(`${gateway.url}/mcp`, {
      ...request, headers: { ...request.headers, ...bearer(token) },
    }));
    const results = answers.map((answer) => rpcResult(answer).result);
    const served = results.filter((result) => result && !result.isError).length;
    assert.equal(served, FITS, JSON.stringify(tally(results, (result) =>
      result?._meta?.[DENIAL]?.error ?? result?._meta?.[DENIAL]?.code ?? 'served')));
    assert.ok(results.every((result) => !result.isError || result._meta[DENIAL]));
    assert.equal(countFile(counts), FITS);
    assert.equal(await gateway.spent('agent'), FITS);
  });

// Law 3.3: an answer that was completed has its event.
async function everyAnswerIsWritten(gateway, answers) {
  const written = new Set((await gateway.events()).map((event) => event.request_id));
  const complete = answers.filter((answer) => answer.complete && answer.headers['x-request-id']);
  assert.ok(complete.length > 0);
  const missing = [];
  for (const id of complete.map((answer) => answer.headers['x-request-id'])) {
    if (written.has(id)) continue;
    if ((await gateway.events(`&request_id=${id}`)).length === 0) missing.push(id);
  }
  assert.equal(missing.length, 0, `${missing.length} of ${complete.length} answers have no event`);
}

// Every regular file below a folder.
function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

const isDatabase = (file) => readFileSync(file).subarray(0, 15).toString() === 'SQLite format 3' ||
  /-(wal|shm)$/.test(file);

test('one changed byte in the record is found', async (t) => {
  const { gateway } = await httpShop(t);
  const token = await gateway.token('agent', '--total-limit', '100');
  let id;
  for (let i = 0; i < 5; i++) {
    const answer = await call(`${gateway.url}/api/search`, { headers: bearer(token) });
    if (i === 2) id = answer.headers['x-request-id'];
  }
  await gateway.stop();
  const intact = await gateway.cli('audit', 'verify');
  assert.equal(intact.code, 0, intact.said);

  const needles = [Buffer.from(id), Buffer.from(id, 'hex')];
  const places = filesBelow(gateway.data).flatMap((file) => {
    const bytes = readFileSync(file);
    const at = needles.map((needle) => bytes.indexOf(needle)).filter((index) => index >= 0);
    return at.map((index) => ({ file, index }));
  });
  const journals = places.filter(({ file }) => !isDatabase(file));
  const records = journals.length > 0 ? journals : places;
  assert.ok(records.length > 0, 'the record holds the request id');
  for (const { file, index } of records) {
    const original = readFileSync(file);
    const changed = Buffer.from(original);
    changed[index + 3] ^= 1;
    writeFileSync(file, changed);
    const verified = await gateway.cli('audit', 'verify');
    assert.equal(verified.code, 1, `${path.basename(file)} at ${index}: ${verified.said}`);
    writeFileSync(file, original);
  }
  assert.equal((await gateway.cli('audit', 'verify')).code, 0, 'and intact again');
});

test('a record that was cut short is found', async (t) => {
  const { gateway } = await httpShop(t);
  const token = await gateway.token('agent', '--total-limit', '100');
  const ids = [];
  for (let i = 0; i < 5; i++) {
    const answer = await call(`${gateway.url}/api/search`, { headers: bearer(token) });
    ids.push(answer.headers['x-request-id']);
  }
  await gateway.stop();
  const last = Buffer.from(ids.at(-1));
  const raw = Buffer.from(ids.at(-1), 'hex');
  const files = filesBelow(gateway.data).filter((file) => !isDatabase(file)).filter((file) => {
    const bytes = readFileSync(file);
    return bytes.includes(last) || bytes.includes(raw);
  });
  for (const file of files) {
    const original = readFileSync(file);
    const at = Math.max(original.lastIndexOf(last), original.lastIndexOf(raw));
    writeFileSync(file, original.subarray(0, Math.max(0, at - 8)));
    const verified = await gateway.cli('audit', 'verify');
    assert.equal(verified.code, 1, `${path.basename(file)}: ${verified.said}`);
    writeFileSync(file, original);
  }
  assert.ok(files.length > 0);
});

test('no secret is ever in the record, in a log or in a file that others may read', async (t) => {
  const { gateway } = await httpShop(t, { upstream: { credential: 'sk-very-secret-upstream' } });
  const token = await gateway.token('agent', '--total-limit', '100');
  await call(`${gateway.url}/api/search?prompt=my-private-prompt`, {
    method: 'POST', headers: bearer(token), body: { prompt: 'my-private-prompt' },
  });
  await call(`${gateway.url}/api/nowhere`, { headers: bearer(`${token}x`) });
  const events = JSON.stringify(await gateway.events());
  await gateway.stop();
  const { log } = gateway.child;
  const secrets = [token.slice(3), 'my-private-prompt', 'sk-very-secret-upstream'];
  for (const secret of secrets) {
    assert.ok(!events.includes(secret), 'in an event');
    assert.ok(!log.includes(secret), 'in the log');
    for (const file of filesBelow(gateway.data)) {
      assert.ok(!readFileSync(file).includes(secret), `in ${path.basename(file)}`);
    }
  }
  for (const file of filesBelow(gateway.data)) {
    if (file.endsWith('audit.pub')) continue; // the public key of the record is for everyone
    assert.equal(statSync(file).mode & 0o077, 0, `${path.basename(file)} is private`);
  }
});
