// The page of calls that wait for a person (docs/reference/admin-api.md). A card stays where it is
// once it is there, also when it is decided: nothing moves below a hand that is about to click.
import { admin } from './admin.js';
import { argumentsText, price, span, visible } from './text.js';

const EVERY_MS = 2000;
const CARDS_MAX = 200;

const $ = (id) => document.getElementById(id);
const cards = new Map(); // by the approval's id
const lineages = new Map(); // by the token's id: a promise of its points
const cleared = new Set(); // ids that nobody wants to see any more
let timer;
let turn = 0;

function part(card, name) {
  return card.element.querySelector(`.${name}`);
}

function say(trouble) {
  $('trouble').textContent = trouble;
  $('trouble').hidden = !trouble;
}

function time(text) {
  return new Date(text).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' });
}

// From the root token's name down to who asks. Points without a holder narrow, and change nobody.
async function pathOf(one) {
  let known = lineages.get(one.token);
  if (!known) {
    known = admin.call('GET', `tokens/${encodeURIComponent(one.token)}`);
    lineages.set(one.token, known);
    setTimeout(() => lineages.delete(one.token), EVERY_MS);
  }
  const points = new Map((await known).lineage.map((point) => [point.point, point]));
  const names = [];
  for (let at = points.get(one.point); at; at = points.get(at.parent)) {
    const name = at.name || at.holder;
    if (name && name !== names[0]) names.unshift(name);
  }
  return [one.subject, ...names];
}

function fillDetails(list, one) {
  for (const [term, text] of [
    ['approval', one.id], ['token', one.token], ['point', one.point],
    ['arguments, SHA-256', one.arguments_sha256], ['asked', time(one.created)],
  ]) {
    list.append(Object.assign(document.createElement('dt'), { textContent: term }),
      Object.assign(document.createElement('dd'), { textContent: text }));
  }
}

function makeCard(one) {
  const element = $('card').content.firstElementChild.cloneNode(true);
  const card = { element, one, fate: 'pending', busy: false, trouble: '' };
  element.dataset.id = one.id;
  part(card, 'tool').textContent = visible(one.tool);
  part(card, 'server').textContent = visible(one.server);
  part(card, 'price').textContent = `up to ${price(one.quote)}`;
  part(card, 'agent').textContent = visible(one.holder || one.subject);
  if (one.arguments === undefined) {
    part(card, 'arguments').remove(); // decided before this page was opened
  } else {
    const shown = argumentsText(one.arguments);
    part(card, 'arguments').textContent = shown.text;
    if (shown.missing) {
      const note = document.createElement('p');
      note.className = 'cut';
      note.textContent = `${shown.missing} bytes more are not shown. Deny what you cannot see.`;
      part(card, 'arguments').after(note);
    }
  }
  fillDetails(element.querySelector('dl'), one);
  part(card, 'yes').addEventListener('click', () => decide(card, 'approve'));
  part(card, 'no').addEventListener('click', () => decide(card, 'deny'));
  part(card, 'decision').addEventListener('submit', (event) => event.preventDefault());
  pathOf(one).then((path) => {
    if (path.length > 1) part(card, 'path').textContent = ` · ${path.map(visible).join(' › ')}`;
  }, () => {}); // the agent's own name is there already
  return card;
}

const FATES = {
  approved: (one) => `Approved. It passes once if it is repeated before ${time(one.expires)}.`,
  denied: (one) => `Denied until ${time(one.expires)}.${one.reason ? ` ${one.reason}` : ''}`,
  gone: () => 'Used, or expired.',
};

function show(card) {
  const { one, fate } = card;
  const now = Date.now();
  card.element.dataset.fate = fate;
  part(card, 'state').textContent = FATES[fate]?.(one) ??
    `Waiting for ${span(now - Date.parse(one.created))}, until ${time(one.expires)}` +
    ` (${span(Date.parse(one.expires) - now)} left)`;
  part(card, 'trouble').textContent = card.trouble;
  part(card, 'trouble').hidden = !card.trouble;
  const open = fate === 'pending' || fate === 'approved';
  part(card, 'decision').hidden = !open;
  part(card, 'yes').hidden = fate !== 'pending';
  part(card, 'no').textContent = fate === 'approved' ? 'Take back' : 'Deny';
  for (const name of ['yes', 'no']) part(card, name).disabled = card.busy;
}

function take(approvals) {
  const seen = new Set();
  for (const one of approvals) {
    seen.add(one.id);
    if (cleared.has(one.id)) continue;
    let card = cards.get(one.id);
    if (!card) {
      if (cards.size >= CARDS_MAX) continue;
      card = makeCard(one);
      cards.set(one.id, card);
      $('list').append(card.element);
    }
    card.one = { ...card.one, ...one };
    card.fate = one.state;
  }
  for (const [id, card] of cards) if (!seen.has(id) && !card.busy) card.fate = 'gone';
  const hidden = approvals.filter((one) => !cards.has(one.id) && !cleared.has(one.id)).length;
  $('more').hidden = hidden === 0;
  $('more').textContent = `${hidden} more wait. They show up once these are decided and cleared.`;
  showAll(approvals.filter((one) => one.state === 'pending').length);
}

function showAll(waiting) {
  for (const card of cards.values()) show(card);
  document.title = `${waiting ? `(${waiting}) ` : ''}Approvals · SatGate`;
  $('empty').hidden = cards.size > 0;
  $('clear').hidden = ![...cards.values()].some(isOver);
}

function isOver(card) {
  return card.fate === 'denied' || card.fate === 'gone';
}

async function decide(card, verb) {
  if (card.busy) return;
  card.busy = true;
  show(card);
  const reason = part(card, 'reason').value.trim();
  const body = { by: admin.name, ...(reason && { reason }) };
  try {
    card.one = await admin.call('POST', `approvals/${card.one.id}/${verb}`, body);
    card.fate = card.one.state;
    turn++; // what a list says that was asked for before is old
    part(card, 'reason').value = '';
    card.trouble = '';
  } catch (refused) {
    if (refused.status === 401) return fail(refused);
    card.trouble = refused.status ? refused.message : 'The gateway did not answer. Look again.';
  }
  card.busy = false;
  show(card);
  if (admin.isKnown) refresh();
}

function fail(refused) {
  if (refused.status === 401) return leave('That is not the admin key.');
  say(refused.message);
}

async function refresh() {
  clearTimeout(timer);
  const mine = ++turn;
  try {
    const approvals = await admin.call('GET', 'approvals');
    if (mine !== turn) return; // a later one is under way
    say('');
    take(approvals);
  } catch (refused) {
    if (mine !== turn) return;
    fail(refused);
  }
  if (admin.isKnown) timer = setTimeout(refresh, EVERY_MS);
}

function open() {
  const known = admin.isKnown;
  $('enter').hidden = known;
  $('leave').hidden = $('who').hidden = !known;
  $('who').textContent = admin.name;
  if (known) return refresh();
  $('name').value = admin.name;
  $('key').focus();
}

function leave(trouble = '') {
  clearTimeout(timer);
  turn++;
  admin.leave();
  cards.clear();
  $('list').replaceChildren();
  for (const id of ['more', 'empty', 'clear']) $(id).hidden = true;
  document.title = 'Approvals · SatGate';
  say(trouble);
  open();
}

$('enter').addEventListener('submit', (event) => {
  event.preventDefault();
  admin.enter($('key').value.trim(), $('name').value.trim());
  $('key').value = '';
  say('');
  open();
});
$('leave').addEventListener('click', () => leave());
$('clear').addEventListener('click', () => {
  for (const [id, card] of cards) {
    if (!isOver(card)) continue;
    card.element.remove();
    cards.delete(id);
    cleared.add(id);
  }
  refresh();
});
open();
