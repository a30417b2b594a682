// Gateways that several test files want: each starts its upstreams and a config of the articles.
import path from 'node:path';
import { demo, scratch, startGateway, startUpstream } from './gateway.mjs';

// Article [11]: per-endpoint prices in front of an HTTP API.
export const ENDPOINTS = {
  '/api/search': { cost: '2 credits' },
  '/api/generate': { cost: '15 credits' },
  '/api/generate/image': { cost: '50 credits' },
  '/api/embed': { cost: '1 credit' },
};

export async function httpShop(t, extra = {}, options = {}) {
  const api = await startUpstream(t, 'api');
  const gateway = await startGateway(t, {
    ...options,
    config: {
      upstreams: { api: { kind: 'http', url: api.url, ...extra.upstream } },
      endpoints: { ...structuredClone(ENDPOINTS), ...extra.endpoints },
      routes: [{ name: 'api', match: { pathPrefix: '/api/' }, upstream: 'api', mode: 'control',
        ...extra.route }],
      ...extra.config,
    },
  });
  return { api, gateway };
}

export const DEMO_KEY = 'sk-demo-upstream-key';

// An OpenAI-compatible upstream. demo-flat has a price per call; the others are priced per token
// by the built-in table.
export async function llmShop(t, extra = {}, options = {}) {
  const llm = await startUpstream(t, 'llm');
  const gateway = await startGateway(t, {
    ...options,
    config: {
      upstreams: { openai: { kind: 'openai', url: `${llm.url}/v1`, credential: DEMO_KEY } },
      models: { 'demo-flat': { cost: 1 }, ...extra.models },
      ...extra.config,
    },
  });
  return { llm, gateway };
}

export const TOOL_PRICES = {
  search_code: { cost: '1 credit' },
  slow_search: { cost: '1 credit' },
  review_code: { cost: '50 credits' },
  generate_report: { cost: '200 credits' },
  always_fails: { cost: '1 credit' },
};

// One demo MCP server over stdio; its calls are counted in `counts`.
export async function mcpShop(t, extra = {}, options = {}) {
  const folder = options.folder ?? scratch(t);
  const counts = path.join(folder, 'mcp-calls');
  const gateway = await startGateway(t, {
    ...options,
    folder,
    config: {
      mcpServers: {
        code: { command: demo, args: ['mcp', '--count-file', counts] },
        ...extra.servers,
      },
      tools: { ...TOOL_PRICES, ...extra.tools },
      ...extra.config,
    },
  });
  return { gateway, counts };
}
