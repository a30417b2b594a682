// The console in a real browser: a person decides in the page about what an agent asked. First
// what an agent would like to smuggle into that page.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { chromium } from 'playwright-core';
import { argumentsText, indented } from '../../web/text.js';
import { atEnd, bearer, call, countFile, eventually } from './gateway.mjs';
import { DENIAL, modernCall, rpcResult } from './mcp_clients.mjs';
import { mcpShop } from './shops.mjs';

const BROWSER = '/usr/bin/chromium'; // Debian's
const TOOLS = { review_code: { cost: '5 credits', requireApproval: true } };

function shop(t, approvals = {}) {
  return mcpShop(t, { tools: TOOLS, config: { approvals } });
}

async function ask(gateway, token, args) {
  const request = modernCall('review_code', {});
  const response = await call(`${gateway.url}/mcp`, {
    ...request,
    body: JSON.stringify(request.body).replace('"arguments":{}', `"arguments":${args}`),
    headers: { ...request.headers, ...bearer(token) },
  });
  const { result, error } = rpcResult(response);
  const denial = result?._meta?.[DENIAL];
  return { ok: !!result && !result.isError, error: denial?.error ?? error?.message, ...denial };
}

function adminKey(gateway) {
  return readFileSync(path.join(gateway.data, 'admin.token'), 'utf8').trim();
}

// A page of a new browser, and everything that went wrong in it.
async function openPage(t, gateway, options = {}) {
  const browser = await chromium.launch({ executablePath: BROWSER });
  atEnd(t, () => browser.close());
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const wrong = [], asked = [];
  page.on('console', (message) => message.type() === 'error' && wrong.push(message.text()));
  page.on('pageerror', (error) => wrong.push(error.message));
  page.on('dialog', (dialog) => {
    wrong.push(`a dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(`${gateway.admin}/approvals`);
  return { page, wrong, asked };
}

async function enter(page, key, name = 'Alice') {
  await page.getByLabel('Admin key').fill(key);
  await page.getByLabel('Your name').fill(name);
  await page.getByRole('button', { name: 'Continue' }).click();
}

const cardOf = (page, id) => page.locator(`article[data-id="${id}"]`);
const fate = (card, is) => card.and(card.page().locator(`[data-fate="${is}"]`)).waitFor();

test('approved in the page, the call that waits passes once', async (t) => {
  const { gateway, counts } = await shop(t);
  const token = await gateway.token('agent');
  const { page, wrong, asked } = await openPage(t, gateway);
  await enter(page, adminKey(gateway));
  await page.getByText('No call waits for a person.').waitFor();

  // It shows up by itself.
  const { approval_id: id } = await ask(gateway, token, '{"path":"a.cc"}');
  const card = cardOf(page, id);
  await card.waitFor();
  assert.equal(await page.title(), '(1) Approvals · SatGate');
  assert.equal(await card.locator('.tool').textContent(), 'review_code');
  assert.equal(await card.locator('.server').textContent(), 'code');
  assert.equal(await card.locator('.price').textContent(), 'up to 5 credits');
  assert.equal(await card.locator('.agent').textContent(), 'agent');
  assert.equal(await card.locator('.arguments').textContent(), '{"path": "a.cc"}');
  assert.match(await card.locator('.state').textContent(), /^Waiting for \d+ s, until .* left\)$/);

  await card.getByRole('button', { name: 'Approve once' }).click();
  await fate(card, 'approved');
  assert.ok((await ask(gateway, token, '{"path":"a.cc"}')).ok);
  assert.equal((await ask(gateway, token, '{"path":"a.cc"}')).error, 'approval_required');
  assert.equal(countFile(counts), 1);
  await fate(card, 'gone');
  const decided = (await gateway.events()).find((event) => event.event === 'approve');
  assert.match(decided.detail, new RegExp(`approved ${id} by Alice`));

  await page.getByRole('button', { name: 'Clear decided' }).click();
  await card.waitFor({ state: 'detached' });
  assert.deepEqual(wrong, []);
  assert.ok(asked.every((url) => url.startsWith(`${gateway.admin}/`)), 'nothing from elsewhere');
  assert.ok(asked.every((url) => !url.includes(adminKey(gateway))), 'the key is in no URL');
});

test('a reason given in the page reaches the record and the agent', async (t) => {
  const { gateway, counts } = await shop(t);
  const token = await gateway.token('agent');
  const { approval_id: id } = await ask(gateway, token, '{"path":"a.cc"}');
  const { approval_id: other } = await ask(gateway, token, '{"path":"b.cc"}');
  const { page, wrong } = await openPage(t, gateway);
  await enter(page, adminKey(gateway));
  const card = cardOf(page, id);
  await card.getByLabel('Reason').fill('Not before the release – ask "Bob" <b>.');
  await page.waitForTimeout(2500); // what is half written survives a refresh
  await card.getByRole('button', { name: 'Deny' }).click();
  await fate(card, 'denied');
  assert.match(await card.locator('.state').textContent(), /release – ask "Bob" <b>\.$/);
  const refused = await ask(gateway, token, '{"path":"a.cc"}');
  assert.equal(refused.error, 'approval_denied');
  assert.match(refused.message, /The reason given: Not before the release – ask "Bob" <b>\.$/);
  const event = (await gateway.events()).find((one) => one.event === 'deny');
  assert.match(event.detail, /by Alice: review_code at code; Not before the release/);

  // One that was approved is taken back.
  const second = cardOf(page, other);
  await second.getByRole('button', { name: 'Approve once' }).click();
  await second.getByRole('button', { name: 'Take back' }).click();
  await fate(second, 'denied');
  assert.equal((await ask(gateway, token, '{"path":"b.cc"}')).error, 'approval_denied');

  await gateway.kill9();
  await gateway.start();
  assert.match((await ask(gateway, token, '{"path":"a.cc"}')).message, /The reason given: Not/);
  assert.equal(countFile(counts), 0);
  assert.ok(wrong.every((line) => line.includes('ERR_CONNECTION')), wrong.join('\n'));
});

test('markup, scripts and turned text of an agent are shown as text', async (t) => {
  const { gateway } = await shop(t);
  const holder = '<img src=x onerror=alert(1)>';
  const token = await gateway.token('agent');
  const child = (await gateway.json('token', 'attenuate', token, '--holder', holder)).token;
  const args = String.raw`{"path":"<img src=x onerror=alert(2)>","b":"</pre><script>alert(3)` +
    String.raw`</script>","c":"{{7*7}}${'\u202e'}gpj.exe","n":12345678901234567890,"n":1.0}`;
  const { approval_id: id } = await ask(gateway, child, args);
  const { page, wrong, asked } = await openPage(t, gateway);
  await enter(page, adminKey(gateway));
  const card = cardOf(page, id);
  await card.waitFor();
  assert.equal(await card.locator('.agent').textContent(), holder);
  await eventually('the way to it is shown', async () =>
    (await card.locator('.path').textContent()) === ` · agent › ${holder}`);
  assert.equal(await card.locator('.arguments').textContent(), [
    '{',
    '  "path": "<img src=x onerror=alert(2)>",',
    '  "b": "</pre><script>alert(3)</script>",',
    String.raw`  "c": "{{7*7}}\u{202e}gpj.exe",`,
    '  "n": 12345678901234567890,',
    '  "n": 1.0',
    '}',
  ].join('\n'));
  assert.equal(await card.locator('img, script').count(), 0);
  await page.waitForTimeout(300);
  assert.deepEqual(wrong, []);
  assert.ok(asked.every((url) => !url.endsWith('/x')));
});

test('without the admin key the page shows nothing', async (t) => {
  const { gateway } = await shop(t);
  const token = await gateway.token('agent');
  await ask(gateway, token, '{"path":"a.cc"}');
  const { page } = await openPage(t, gateway);
  assert.equal(await page.locator('article').count(), 0);
  for (const key of ['wrong', token]) {
    await enter(page, key);
    await page.getByText('That is not the admin key.').waitFor();
    assert.equal(await page.locator('article').count(), 0);
  }
  await enter(page, adminKey(gateway));
  await page.locator('article').waitFor();
  await page.reload(); // this tab knows it
  await page.locator('article').waitFor();
  assert.ok(!page.url().includes('?'));
  assert.deepEqual(await page.context().cookies(), []);
  const second = await page.context().newPage(); // another one does not
  await second.goto(`${gateway.admin}/approvals`);
  await second.getByLabel('Admin key').waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Admin key').waitFor();
  assert.equal(await page.locator('article').count(), 0);
  assert.equal(await page.evaluate(() => sessionStorage.getItem('satgate.key')), null);
});

test('what somebody else decided meanwhile is said', async (t) => {
  const { gateway } = await shop(t, { expires: '60s' });
  const token = await gateway.token('agent');
  const { approval_id: id } = await ask(gateway, token, '{"path":"a.cc"}');
  const { page } = await openPage(t, gateway);
  await enter(page, adminKey(gateway));
  const card = cardOf(page, id);
  await card.waitFor();
  await page.route('**/api/v1/approvals', (route) => route.abort()); // the list is an old one
  await gateway.json('approvals', 'deny', id, '--reason', 'too dear');
  await card.getByRole('button', { name: 'Approve once' }).click();
  await card.getByText('is decided already').waitFor();
  await page.getByText('The gateway does not answer').waitFor();
  assert.match((await ask(gateway, token, '{"path":"a.cc"}')).message, /: too dear$/);
  await page.unroute('**/api/v1/approvals');
  await fate(card, 'denied');
});

test('the pages run nothing inline, and stand in no frame', async (t) => {
  const { gateway } = await shop(t);
  for (const file of ['/', '/approvals', '/approvals.js', '/admin.js', '/text.js', '/console.css',
    '/icon.svg']) {
    const { status, headers, text } = await call(`${gateway.admin}${file}`);
    assert.equal(status, 200, file);
    const policy = headers['content-security-policy'];
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.match(policy, /form-action 'none'/);
    assert.doesNotMatch(policy, /unsafe|data:|\*/);
    assert.equal(headers['x-frame-options'], 'DENY');
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['referrer-policy'], 'no-referrer');
    assert.equal(headers['set-cookie'], undefined);
    assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/);
    assert.doesNotMatch(text, /\son\w+=|style=|javascript:/);
    assert.doesNotMatch(text.replace('http://www.w3.org/2000/svg', ''), /https?:\/\//);
  }
  for (const file of ['/approvals/', '/approvals.html', '/web/text.js', '/..%2fadmin.token']) {
    assert.equal((await call(`${gateway.admin}${file}`)).status, 404, file);
  }
});

test('a reason is one line of bounded length', async (t) => {
  const { gateway } = await shop(t);
  const { approval_id: id } = await ask(gateway, await gateway.token('agent'), '{}');
  for (const reason of ['a\nb', 'x'.repeat(301), 7]) {
    const response = await gateway.adminApi(`/api/v1/approvals/${id}/deny`,
      { method: 'POST', body: JSON.stringify({ reason }) });
    assert.equal(response.status, 400, JSON.stringify(reason));
  }
  assert.equal((await gateway.json('approvals', 'show', id)).state, 'pending');
});

// Blanks between the parts of a JSON text do not count; everything else must be shown.
const dense = (text) => text.replace(/("(?:[^"\\]|\\.)*(?:"|\\?$))|\s+/gs, (_, kept) => kept ?? '');

test('what is shown has every character of the arguments', () => {
  const pieces = ['{', '}', '[', ']', ',', ':', '"a"', '"\\""', '"\\\\"', '1.0', 'true', ' ', '\n',
    '"x y  z"', '"', '\\', '"\\', 'null', '-1e9', `"${'long '.repeat(20)}"`];
  let seed = 7;
  const next = (n) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
  for (let round = 0; round < 20_000; round++) {
    let text = '';
    for (let i = next(30); i >= 0; i--) text += pieces[next(pieces.length)];
    assert.equal(dense(indented(text)), dense(text), JSON.stringify(text));
  }
  const deep = '['.repeat(1000) + ']'.repeat(1000);
  assert.equal(dense(indented(deep)), deep);
  assert.ok(indented(deep).length < 60_000);
});

test('arguments that were cut are shown up to there, and say what is missing', () => {
  const whole = argumentsText('{"a":"... 5 bytes more"}');
  assert.deepEqual(whole, { text: '{"a": "... 5 bytes more"}', missing: 0 });
  const cut = argumentsText('{"a":{"b":[1,2 ... 37 bytes more');
  assert.equal(cut.missing, 37);
  assert.equal(cut.text.replace(/\s/g, ''), '{"a":{"b":[1,2');
  assert.equal(argumentsText('{"a":\t"\u200b"}').text, '{"a": "\\u{200b}"}');
});
