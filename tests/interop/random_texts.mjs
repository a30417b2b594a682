// Texts that are hard to split into pieces: scripts, marks, contractions, numbers, white space.
const words = ['the', 'Hello', 'WORLD', 'camelCase', 'HTTPServer', 'naïve', 'don', 'O', 'ǅungla',
  'straße', 'İstanbul', 'привет', 'ΑΒΓδε', 'こんにちは', '世界', '안녕', 'ﷺ', 'नमस्ते', 'สวัสดี', 'שלום',
  'مرحبا', 'ʰaʰ', 'Ꭰꭰ', '𝔘𝔫𝔦', 'ªº', 'antidisestablishmentarianism', 'zxqvjkw', 'x'.repeat(40)]
const contractions = ["'s", "'S", "'t", "'T", "'re", "'Re", "'VE", "'m", "'ll", "'LL", "'lL", "'d",
  "'D", "'ſ", "’s", "'", "''", "'sss", "'x", "'r", "'l"]
const numbers = ['1', '12', '123', '1234', '3.14', '٣٤', '½', 'Ⅷ', '²', '1e10', '0x1F', '𝟘𝟙𝟚𝟛', '〇']
const spaces = [' ', '  ', '   ', '\n', '\r\n', '\r', '\t', '\n\n', ' \n', '\n ', '\t ', '\u00a0',
  '\u3000', '\u2028', '\u0085', '\u200b', '\u180e', '\ufeff', '\v\f', ' '.repeat(17),
  '\n'.repeat(9)]
const symbols = ['.', ',', '!', '?', '...', '--', '/', '//', '://', '\\', '{}', '=>', '();', '"',
  '_', '#', '$', '€', '😀', '👩‍👩‍👧‍👦', '🏳️‍🌈', '🇩🇪', '👍🏽', '☺', '©', '<|', '\u0000', '\u001b',
  '\u007f', '\u200d', '\ue000', '\ufffd', '\uffff', '-'.repeat(80), '=/\n/']
const marks = ['\u0301', '\u0308\u0327', '\u093f', '\u20dd', '\ufe0f', '\u0345', '\u0e31', '\u1abe',
  '\u0300'.repeat(12)]
const kinds = [words, contractions, numbers, spaces, symbols, marks]

function randomGenerator(seed) {  // mulberry32
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let value = Math.imul(state ^ (state >>> 15), state | 1)
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61)
    return ((value ^ (value >>> 14)) >>> 0) % below
  }
}

function randomCharacter(random) {
  const limits = [0x80, 0x250, 0x3000, 0xd800, 0x20000]
  for (;;) {
    const text = String.fromCodePoint(random(limits[random(limits.length)]))
    if (!/[\p{Cn}\p{Cs}]/u.test(text)) return text
  }
}

function randomText(random) {
  let text = ''
  for (let left = random(40); left >= 0; left--) {
    const kind = random(kinds.length + 1)
    const part = kind < kinds.length ? kinds[kind][random(kinds[kind].length)]
      : randomCharacter(random)
    text += random(12) === 0 ? part.repeat(1 + random(6)) : part
  }
  return text
}

export function* randomTexts(seed, count) {
  const random = randomGenerator(seed)
  for (let index = 0; index < count; index++) yield randomText(random)
}
