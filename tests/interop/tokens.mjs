// Our token counts against npm `tiktoken`, which the build has installed for its vocabularies.
//
//   node tests/interop/tokens.mjs TOKEN_COUNT [SEED]   thousands of random texts
//   node tests/interop/tokens.mjs TOKEN_COUNT all      every character of Unicode, in context
//   node tests/interop/tokens.mjs --write              counts those of tests/vectors/tokens.json
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { randomTexts } from './random_texts.mjs'

const vectors = new URL('../vectors/tokens.json', import.meta.url)
const require = createRequire(new URL('../../scripts/vocabularies/package.json', import.meta.url))
const { Tiktoken } = require('tiktoken/lite')
const names = ['cl100k_base', 'o200k_base']
const tokenizers = names.map((name) => {
  const data = require(`tiktoken/encoders/${name}.json`)
  return new Tiktoken(data.bpe_ranks, data.special_tokens, data.pat_str)
})
const theirs = (which, text) => tokenizers[which].encode_ordinary(text).length

// What TOKEN_COUNT says of each text, by vocabulary: whether it is certain, and the count.
function ours(program, texts) {
  const parts = []
  for (const text of texts) {
    const bytes = Buffer.from(text, 'utf8')
    parts.push(Buffer.from(`${bytes.length}\n`), bytes)
  }
  const done = spawnSync(program, { input: Buffer.concat(parts), maxBuffer: 1 << 30 })
  if (done.status !== 0) throw new Error(`${program} ended with ${done.status}: ${done.stderr}`)
  const lines = done.stdout.toString().trimEnd().split('\n')
  return lines.map((line) => line.trim().split(' ').map(Number))
}

function compare(program, texts) {
  const said = ours(program, texts)
  if (said.length !== texts.length) throw new Error('an answer for each text was expected')
  let certain = 0
  texts.forEach((text, index) => {
    names.forEach((name, which) => {
      const [isCertain, count] = said[index].slice(which * 2)
      certain += isCertain
      const expected = isCertain ? theirs(which, text) : Buffer.byteLength(text)
      if (count === expected) return
      throw new Error(`${name} of ${JSON.stringify(text)}: ${count} is not ${expected}`)
    })
  })
  return certain
}

function* everyCharacter() {
  for (let point = 0; point < 0x110000; point++) {
    if (point >= 0xd800 && point < 0xe000) continue
    const one = String.fromCodePoint(point)
    // Cases, numbers, contractions and white space around it show of which kind it is.
    yield `x${one}yX${one}Yx${one}'S${one}${one} ${one}1${one}12 ${one}\n${one}\r\n  ${one}  `
  }
}

function write() {
  const lines = JSON.parse(readFileSync(vectors)).map(({ text }) =>
    JSON.stringify({ text, cl100k: theirs(0, text), o200k: theirs(1, text) }))
  writeFileSync(vectors, `[\n${lines.join(',\n')}\n]\n`)
  console.log(`${lines.length} vectors`)
}

function* batches(texts, size) {
  let batch = []
  for (const text of texts) {
    if (batch.push(text) < size) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

const [program, what = '1'] = process.argv.slice(2)
if (program === '--write') {
  write()
} else {
  const texts = what === 'all' ? everyCharacter() : randomTexts(Number(what), 6_000)
  let certain = 0
  for (const batch of batches(texts, 10_000)) certain += compare(program, batch)
  if (certain < 8_000) throw new Error('most counts should be certain')
  console.log(`npm tiktoken: ${certain} counts are the same`)
}
