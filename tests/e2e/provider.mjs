// An LLM provider that plays back what a test writes down: recorded answers and streams, with the
// failures that providers have.
import http from 'node:http';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

// `answer(request)` is asked for each call; request: {method, path, headers, body}. It gives
//   { status, headers, json }                    a whole answer; `json` may be text or bytes
//   { events: [[name | null, data], ...] }       a stream; data is an object or a text
// with `pauseMs` between events, `cutAfter` events before the connection is torn down, a text that
// is sent for ever after them, `endless`, or every `dripBytes` bytes in a packet of their own.
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
  server.on('connection', (socket) => socket.setNoDelay(true));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${server.address().port}`, calls };
}

async function play(response, answer) {
  const { status = 200, headers = {}, json, events, pauseMs = 0, cutAfter, endless, dripBytes } =
    answer;
  if (!events) {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    const ready = typeof json === 'string' || Buffer.isBuffer(json);
    response.end(ready ? json : JSON.stringify(json));
    return;
  }
  response.writeHead(status, { 'content-type': 'text/event-stream', ...headers });
  for (const [i, [name, data]] of events.entries()) {
    if (i === cutAfter) return response.destroy();
    const text = typeof data === 'string' ? data : JSON.stringify(data);
    const event = `${name ? `event: ${name}\n` : ''}data: ${text}\n\n`;
    if (dripBytes) await drip(response, Buffer.from(event), dripBytes);
    else response.write(event);
    if (pauseMs) await sleep(pauseMs);
  }
  while (endless && !response.destroyed) {
    response.write(endless);
    await sleep(1);
  }
  response.end();
}

async function drip(response, bytes, size) {
  for (let at = 0; at < bytes.length; at += size) {
    response.write(bytes.subarray(at, at + size));
    await sleep(1);
  }
}
