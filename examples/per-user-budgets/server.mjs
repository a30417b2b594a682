// A chat application whose users each have a budget of their own. The middleware and the route are
// those of an Express application; node:http alone runs them here.
import http from 'node:http';
import { text } from 'node:stream/consumers';
import OpenAI from 'openai';
import { satgate } from './satgate.mjs';

const { SATGATE_URL = 'http://localhost:8000/v1', MODEL = 'gpt-4o-mini', PORT = '3000' } =
  process.env;
const DAILY_LIMIT = Number(process.env.DAILY_LIMIT ?? 10); // $10/day per user

const cache = new Map(); // what it forgets is asked for again: it is the same token

// Middleware to inject user-specific tokens
async function injectToken(req, res, next) {
  const userId = req.user.id;

  // Get or create user token
  let token = cache.get(`token:${userId}`);
  if (!token) {
    token = await satgate.tokens.create({
      name: `user-${userId}`,
      daily_limit: DAILY_LIMIT,
      upstream: 'openai',
    });
    cache.set(`token:${userId}`, token);
  }

  // Inject token for OpenAI client
  req.openaiToken = token;
  await next();
}

// Route handler uses user-specific token
async function chat(req, res) {
  const openai = new OpenAI({ apiKey: req.openaiToken, baseURL: SATGATE_URL });
  try {
    const response = await openai.chat.completions.create({
      model: MODEL,
      messages: req.body.messages,
    });
    send(res, 200, response);
  } catch (error) {
    if (error.type !== 'budget_exceeded') throw error;
    send(res, 429, { error: 'Daily limit reached. Upgrade for more credits.' });
  }
}

function send(res, status, body) {
  res.writeHead(status, { 'content-type': 'application/json' });
  res.end(JSON.stringify(body));
}

const server = http.createServer(async (req, res) => {
  try {
    req.user = { id: req.headers['x-user'] }; // an application knows this from its login
    if (req.method !== 'POST' || req.url !== '/chat' || !req.user.id) {
      return send(res, 400, { error: "POST /chat with a header 'x-user'." });
    }
    req.body = JSON.parse(await text(req));
    await injectToken(req, res, () => chat(req, res));
  } catch (error) {
    console.error(error.message);
    send(res, 502, { error: 'The assistant is not available.' });
  }
});

server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`listening http://127.0.0.1:${server.address().port}`);
});
