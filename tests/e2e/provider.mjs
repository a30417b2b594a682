// An LLM provider that plays back what a test writes down: recorded answers and streams, with the
// failures that providers have.
import http from 'node:http';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

// `answer(request)` is asked for each call; request: {method, path, headers, body}. It gives
//   { status, headers, json }                    a whole answer; `raw` in place of json: its bytes
//   { events: [[name | null, data], ...] }       a stream; data is an object or a text
// with `pauseMs` between events, `cutAfter` events before the connection is torn down, or a text
// that is sent for ever after them, `endless`.
export async function startProvider(t, answer) {
  const calls = [];
  const server = http.createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const seen = { method: request.method, path: request.url, headers: request.headers, text,
      body: text.startsWith('{') ? JSON.parse(text) : undefined, gone: false };
    calls.push(seen);
    response.on('close', () => { seen.gone = !response.writableFinished; });
    await play(response, await answer(seen));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${server.address().port}`, calls };
}

async function play(response, answer) {
  const { status = 200, headers = {}, json, raw, events, pauseMs = 0, cutAfter, endless } = answer;
  if (!events) {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(raw ?? JSON.stringify(json));
    return;
  }
  response.writeHead(status, { 'content-type': 'text/event-stream', ...headers });
  for (const [i, [name, data]] of events.entries()) {
    if (i === cutAfter) return response.destroy();
    const text = typeof data === 'string' ? data : JSON.stringify(data);
    response.write(`${name ? `event: ${name}\n` : ''}data: ${text}\n\n`);
    if (pauseMs) await sleep(pauseMs);
  }
  while (endless && !response.destroyed) {
    response.write(endless);
    await sleep(1);
  }
  response.end();
}
