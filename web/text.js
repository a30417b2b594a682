// Text of agents for the eyes of a person. All of it is hostile: nothing here makes markup, and
// what is shown has every character of what came.

const INLINE = 76; // columns in which an object or list stays on its line
const DEPTH_MAX = 12; // no further to the right than this

// Characters that nobody sees, or that turn the others around, as escapes.
export function visible(text) {
  return String(text).replace(/[\p{C}\p{DI}\p{Zl}\p{Zp}\u2800]/gu,
    (character) => `\\u{${character.codePointAt(0).toString(16)}}`);
}

// Strings, brackets, and what is between them. A string that was cut goes to the end.
function tokens(text) {
  return text.match(/"(?:[^"\\]|\\.)*(?:"|\\?$)|[{}[\],:]|[^"{}[\],:\s]+/gsu) ?? [];
}

function closing(parts, from) {
  let depth = 0;
  for (let at = from; at < parts.length; at++) {
    if (parts[at] === '{' || parts[at] === '[') depth++;
    if (parts[at] === '}' || parts[at] === ']') depth--;
    if (depth === 0) return at;
  }
  return -1;
}

const spaced = (part) => (part === ',' || part === ':' ? `${part} ` : part);

function lineOf(parts, from, to) {
  let line = '';
  for (let at = from; at <= to && line.length <= INLINE; at++) line += spaced(parts[at]);
  return line;
}

// JSON with line breaks. It is not parsed and printed again: that would drop a member that is
// there twice, round long numbers, and fail on a text that was cut.
export function indented(text) {
  const parts = tokens(text);
  let out = '';
  let depth = 0;
  const breakLine = () => (out = `${out.trimEnd()}\n${'  '.repeat(Math.min(depth, DEPTH_MAX))}`);
  for (let at = 0; at < parts.length; at++) {
    const part = parts[at];
    if (part === '{' || part === '[') {
      const end = closing(parts, at);
      const line = end < 0 ? '' : lineOf(parts, at, end);
      if (line && line.length <= INLINE) {
        out += line;
        at = end;
      } else {
        out += part;
        depth++;
        breakLine();
      }
    } else if (part === '}' || part === ']') {
      depth = Math.max(0, depth - 1);
      breakLine();
      out += part;
    } else {
      out += spaced(part);
      if (part === ',') breakLine();
    }
  }
  return parts.at(-1)?.startsWith('"') ? out : out.trimEnd(); // blanks of a string stay
}

// The arguments as the API has them; what was cut off is said behind them.
export function argumentsText(text) {
  const cut = / \.\.\. (\d+) bytes more$/.exec(text);
  const whole = cut ? text.slice(0, cut.index) : text;
  return {
    text: indented(whole).split('\n').map(visible).join('\n'),
    missing: cut ? Number(cut[1]) : 0,
  };
}

const credits = new Intl.NumberFormat('en', { maximumFractionDigits: 9 });

export function price(amount) {
  return `${credits.format(amount)} ${amount === 1 ? 'credit' : 'credits'}`;
}

// "40 s", "5 min", "3 h", "2 days"
export function span(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}
