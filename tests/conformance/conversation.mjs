// What a client of the official SDK does with the fixture server, in either era and over any
// transport: for the transports that the suite does not speak.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Client } from '@modelcontextprotocol/client';

const modes = { legacy: 'legacy', modern: { pin: '2026-07-28' } };
const capabilities = { sampling: {}, elicitation: {}, roots: { listChanged: true } };

const TOLD_MS_MAX = 5000;

// A connected client that answers whatever it is asked. Its `asked` are the methods of that.
export async function converse(era, transport) {
  const identity = { name: 'satgate-conformance', version: '1.0.0' };
  const client = new Client(identity, { capabilities, versionNegotiation: { mode: modes[era] } });
  client.asked = [];
  const answer = (method, result) => client.setRequestHandler(method, (request) => {
    client.asked.push(method);
    return result(request);
  });
  answer('elicitation/create', ({ params }) => ({ action: 'accept', content: fill(params) }));
  answer('sampling/createMessage', () => ({
    role: 'assistant', model: 'test-model', content: { type: 'text', text: 'Paris' },
  }));
  answer('roots/list', () => ({ roots: [{ uri: 'file:///project', name: 'project' }] }));
  await client.connect(transport);
  return client;
}

// A form filled in with its defaults, or with any value of the right type.
function fill({ requestedSchema }) {
  const value = ({ type, default: preset }) => preset ?? (type === 'boolean' ? true : 'something');
  return Object.fromEntries(Object.entries(requestedSchema.properties)
    .filter(([, field]) => field.default !== undefined || field.type !== 'array')
    .map(([name, field]) => [name, value(field)]));
}

async function say(client, name, args = {}, options) {
  const result = await client.callTool({ name, arguments: args }, options);
  assert.ok(!result.isError, JSON.stringify(result));
  return result.content.map((part) => part.text).join('\n');
}

// A result that needs the client's answers, and what it was asked for that.
async function ask(client, name, args, pattern, ...methods) {
  client.asked.length = 0;
  assert.match(await say(client, name, args), pattern);
  assert.deepEqual(client.asked.toSorted(), methods.toSorted());
}

async function tools(client) {
  const { tools } = await client.listTools();
  for (const name of ['test_simple_text', 'test_sampling', 'test_input_required_result_sampling']) {
    assert.ok(tools.some((tool) => tool.name === name), name);
  }
  assert.equal(await say(client, 'test_simple_text'),
    'This is a simple text response for testing.');
  const failed = await client.callTool({ name: 'test_error_handling', arguments: {} });
  assert.equal(failed.isError, true);
}

async function progress(client) {
  const seen = [];
  const onprogress = (one) => seen.push(one.progress);
  await say(client, 'test_tool_with_progress', {}, { onprogress });
  assert.deepEqual(seen, [0, 50, 100]);
}

async function questions(client) {
  const round = 'test_input_required_result_';
  await ask(client, 'test_sampling', { prompt: 'Hello' }, /^LLM response: Paris$/,
    'sampling/createMessage');
  await ask(client, 'test_elicitation', { message: 'Who?' }, /action=accept.*"username"/,
    'elicitation/create');
  await ask(client, 'test_elicitation_sep1034_defaults', {}, /"age":30/, 'elicitation/create');
  await ask(client, `${round}list_roots`, {}, /^Roots: file:\/\/\/project$/, 'roots/list');
  await ask(client, `${round}request_state`, {}, /^state-ok: true$/, 'elicitation/create');
  await ask(client, `${round}multi_round`, {}, /^something likes something/,
    'elicitation/create', 'elicitation/create');
  await ask(client, `${round}multiple_inputs`, {}, /^something: Paris Roots: file/,
    'elicitation/create', 'sampling/createMessage', 'roots/list');
}

async function resources(client) {
  const read = async (uri) => (await client.readResource({ uri })).contents[0];
  assert.match((await read('test://static-text')).text, /content of the static text/);
  assert.ok((await read('test://static-binary')).blob);
  assert.match((await read('test://template/123/data')).text, /Data for ID: 123/);
  await assert.rejects(read('test://nothing'), { code: -32602 });
  const { resourceTemplates } = await client.listResourceTemplates();
  assert.equal(resourceTemplates.length, 1);
}

async function prompts(client) {
  const get = async (name, args) =>
    (await client.getPrompt({ name, arguments: args })).messages[0].content;
  const both = await get('test_prompt_with_arguments', { arg1: 'hello', arg2: 'world' });
  assert.equal(both.text, "Prompt with arguments: arg1='hello', arg2='world'");
  const asked = await get('test_input_required_result_prompt');
  assert.equal(asked.text, 'The context is: something');
  const ref = { type: 'ref/prompt', name: 'test_prompt_with_arguments' };
  const { completion } = await client.complete({ ref, argument: { name: 'arg1', value: 'par' } });
  assert.deepEqual(completion.values, ['paris', 'park', 'party']);
}

// A change of a list is told while the client does something else, and shows in the next list.
async function changes(client, era) {
  const told = new EventTarget();
  client.setNotificationHandler('notifications/tools/list_changed',
    () => told.dispatchEvent(new Event('tools')));
  const listening = era === 'modern' && await client.listen({ toolsListChanged: true });
  const heard = once(told, 'tools', { signal: AbortSignal.timeout(TOLD_MS_MAX) });
  const before = (await client.listTools()).tools.length;
  assert.match(await say(client, 'test_trigger_tool_change'), /shown/);
  await heard;
  assert.equal((await client.listTools()).tools.length, before + 1);
  if (listening) await listening.close();
}

// In this order: the last changes what the first looks at.
export const topics = { tools, progress, questions, resources, prompts, changes };
