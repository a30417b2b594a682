// An agent that asks the same question until its budget ends. Only two lines know SatGate: the key
// is a budget-limited token, and the base URL is the gateway.
import OpenAI from 'openai';

const openai = new OpenAI({
  apiKey: process.env.SATGATE_TOKEN, // Your budget-limited token
  baseURL: process.env.SATGATE_URL ?? 'http://localhost:8000/v1', // SatGate proxy
});

const ATTEMPTS_MAX = 50;

for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
  try {
    const response = await openai.chat.completions.create({
      model: process.env.MODEL ?? 'gpt-4o-mini',
      messages: [{ role: 'user', content: 'Hello' }],
      max_tokens: 50,
    });
    console.log(`call ${attempt}: ${response.usage.total_tokens} tokens`);
  } catch (error) {
    if (error.type !== 'budget_exceeded' && error.type !== 'budget_exhausted') throw error;
    console.log(`call ${attempt}: stopped, ${error.error.message}`);
    console.log(`spent ${error.error.spent} of ${error.error.limit}`);
    break;
  }
}
